"""What happens around boards: groups that move, other bots, chats, limits, and what is old."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from bot.core.board import ANY_FACE, Board, BoardState
from bot.core.delivery import DeliveryColumns
from bot.core.invoice import State
from bot.core.work import Do, Lane, due_now
from bot.store import Store, Tx
from bot.store.tables import boards, seats
from tests.store.bills import BERT, bill, is_due, now, part
from tests.store.made import ASKER, CHAT, NOW, read

# groups, bots, chats


VOID: DeliveryColumns = {"sending": None}
FINISHED = {"state": BoardState.CLOSED, "announced": True, "due_at": None}


async def test_in_a_group_that_moves_unfinished_boards_are_shown_afresh(store: Store) -> None:
    going_on = await bill(store, 1, sending=Do.SEND_CARD, due_at=None)
    closing = await bill(store, 2, state=BoardState.CLOSING, due_at=None)
    untold = await bill(store, 3, state=BoardState.CLOSED, due_at=None)
    finished = await bill(store, 4, **FINISHED)
    elsewhere = await bill(store, 5, chat_id=-9)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    moved: dict[str, Any] = {"chat_id": -1009, "reply_to": None, "card_id": None}
    afresh = {**moved, **VOID, "shown": "", "due_at": due_now(NOW), "lane": Lane.COMMAND}
    for each in (going_on, closing, untold):
        assert await now(store, each) == replace(each, **afresh)
    assert await now(store, finished) == replace(finished, **moved)
    assert await now(store, elsewhere) == elsewhere
    assert (await now(store, going_on)).seats == going_on.seats
    assert await store.do(lambda tx: tx.boards.by_token("b1")) is not None


#: What a board knows of its messages.
MESSAGES: dict[str, Any] = {
    "duplicates": {60: ANY_FACE},
    "before_id": 40,
    "move_wanted": True,
    "remind_wanted": True,
}


@pytest.mark.parametrize("columns", [{}, FINISHED], ids=["going on", "finished"])
async def test_no_number_of_the_old_group_is_one_of_the_new(
    store: Store, columns: dict[str, Any]
) -> None:
    """It would be another message there, perhaps a card of the bot's own."""
    board = await bill(store, 1, **MESSAGES, **columns)
    elsewhere = await bill(store, 2, chat_id=-9, **MESSAGES)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    there = await now(store, board)
    assert (there.card_id, there.before_id, there.reply_to) == (None, None, None)
    assert there.duplicates == {}
    assert await now(store, elsewhere) == elsewhere


async def test_a_reminder_and_the_rest_of_a_board_outlast_a_move(store: Store) -> None:
    board = await bill(store, 1, **MESSAGES)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    there = await now(store, board)
    assert there.remind_wanted
    assert not there.move_wanted  # it is shown at the bottom of the new group anyhow
    assert there.shown == ""


async def test_another_bot_knows_no_copies_of_the_one_before(store: Store) -> None:
    for number, columns in ((1, {}), (2, FINISHED)):
        board = await bill(store, number, **MESSAGES, **columns)
        await store.do(lambda tx: tx.chats.begin_again(NOW))
        there = await now(store, board)
        assert (there.card_id, there.before_id, there.duplicates) == (None, None, {})


async def test_another_bot_shows_what_is_unfinished_and_replies_to_no_number_of_the_others(
    store: Store,
) -> None:
    supergroup = -1_001_234_567_890
    own = await bill(store, 1)
    common = await bill(store, 2, chat_id=supergroup)
    finished = await bill(store, 3, **FINISHED)
    await store.do(lambda tx: tx.chats.begin_again(NOW))
    for each in (own, common):
        there = await now(store, each)
        assert (there.card_id, there.shown, there.due_at) == (None, "", due_now(NOW))
    assert (await now(store, own)).reply_to is None
    assert (await now(store, common)).reply_to == common.reply_to
    there = await now(store, finished)
    assert (there.card_id, there.due_at) == (None, None)


@pytest.mark.parametrize("how", ["the group moves", "another bot"])
async def test_an_end_that_was_on_its_way_may_have_been_read_whatever_becomes_of_the_board(
    store: Store, how: str
) -> None:
    """The next one says so."""
    ends = await bill(store, 1, state=BoardState.CLOSED, sending=Do.ANNOUNCE)
    shown = await bill(store, 2, sending=Do.SEND_CARD)
    reminds = await bill(store, 3, sending=Do.REMIND)
    if how == "another bot":
        await store.do(lambda tx: tx.chats.begin_again(NOW))
    else:
        await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    assert (await now(store, ends)).sending is Do.ANNOUNCE
    assert (await now(store, reminds)).sending is Do.REMIND
    assert (await now(store, shown)).sending is None


async def test_boards_of_a_chat_that_is_heard_of_are_due(store: Store) -> None:
    waits = await bill(store, 1, lane=Lane.UNREACHABLE, due_at=None, state=BoardState.CLOSED)
    for_its_end = await bill(store, 2)
    finished = await bill(store, 3, **FINISHED)
    joining = await bill(store, 5, state=BoardState.JOINING)
    elsewhere = await bill(store, 4, chat_id=-9, lane=Lane.UNREACHABLE, due_at=None)
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, True, NOW))
    assert not await is_due(store, waits)
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, False, NOW))
    for each in (waits, for_its_end, joining):
        assert await is_due(store, each)
    assert [await now(store, each) for each in (finished, elsewhere)] == [finished, elsewhere]


# limits


async def test_what_counts_for_a_limit(store: Store) -> None:
    board = await bill(store, 1)
    await bill(store, 2, asked_at=NOW - 700, state=BoardState.CLOSING)
    await bill(store, 3, asked_at=NOW + 9000, state=BoardState.CLOSED)  # by a clock that was ahead
    await bill(store, 4, chat_id=-9, asker_id=BERT)
    for number, asked_at in enumerate((NOW - 4000, NOW - 9, NOW + 9000)):
        await part(store, board, 2, 900 + number, asked_at=asked_at, renewal=number)
    await part(store, board, 3, 910, asked_at=NOW - 9)
    await bill(store, 6, state=BoardState.JOINING, asker_id=BERT, asked_at=NOW - 900)
    counted = await store.do(
        lambda tx: (
            tx.boards.open_in_chat(CHAT),
            tx.boards.open_in_chat(CHAT, of=ASKER),
            tx.boards.open_in_chat(CHAT, of=BERT),
            tx.boards.open_in_chat(-7),
            tx.boards.asked_since(ASKER, NOW - 600, NOW + 600),
            tx.boards.parts_since(board.id, BERT, NOW - 3600, NOW + 3600),
        )
    )
    assert counted == (2, 1, 1, 0, 1, 2)


async def test_what_is_paid_takes_no_place_among_somebodys_invoices(store: Store) -> None:
    board = await bill(store, 1)
    for number, state in enumerate(State):
        await part(store, board, 2, 900 + number, asked_at=NOW, state=state, renewal=number)
    counted = await store.do(lambda tx: tx.boards.parts_since(board.id, BERT, NOW - 9, NOW + 9))
    assert counted == len(State) - 1


async def test_whether_a_chat_has_ever_had_a_board(store: Store) -> None:
    await bill(store, 1, **FINISHED)
    known = await store.do(lambda tx: [tx.boards.is_known(each) for each in (CHAT, -9)])
    assert known == [True, False]


# what is old


async def rest(store: Store, board: Board) -> None:
    """What its parts have come to is shown and told."""
    await store.do(lambda tx: tx.boards.update(board.id, due_at=None))


@pytest.mark.parametrize(
    ("columns", "is_kept"),
    [
        ({"due_at": NOW - 9}, True),
        ({"due_at": NOW + 9, "lane": Lane.BACKGROUND}, True),
        ({"due_at": None}, False),
        ({"due_at": None, "lane": Lane.UNREACHABLE}, False),
        ({"due_at": NOW - 9, "lane": Lane.UNREACHABLE}, False),
    ],
)
async def test_a_board_stays_until_its_end_is_shown_and_told(
    store: Store, columns: dict[str, Any], is_kept: bool
) -> None:
    """The bot may have been away for longer than all is kept."""
    over = await bill(store, 1, ends_at=NOW - 5, **FINISHED)
    await store.do(lambda tx: tx.boards.update(over.id, **columns))
    waits = is_kept or columns.get("lane") is Lane.UNREACHABLE  # for its chat
    assert await store.do(lambda tx: tx.boards.prune(NOW, 10, unheard=False)) == (not waits)
    gone = await store.do(lambda tx: tx.boards.prune(NOW, 10))
    assert gone == (waits and not is_kept)


async def test_what_was_paid_is_kept_until_its_board_is_over(store: Store) -> None:
    old: dict[str, Any] = {"asked_at": NOW - 100, "due_at": None, "announced": True}
    going_on = await bill(store, 1, ends_at=NOW + 5)
    closed = await bill(store, 2, ends_at=NOW + 5, **FINISHED)
    over = await bill(store, 3, ends_at=NOW - 5, **FINISHED)
    parts = [
        await part(store, board, 2, 900 + board.id, state=State.SETTLED, **old)
        for board in (going_on, closed, over)
    ]
    await rest(store, over)
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 100)) == 0
    assert (await now(store, over)).done_msat == parts[2].paid_msat
    assert await store.do(lambda tx: tx.boards.prune(NOW, 10)) == 1
    assert [await store.do(lambda tx, i=each.id: tx.invoices.get(i)) for each in parts] == [
        *parts[:2],
        None,
    ]
    assert await store.do(lambda tx, i=over.id: tx.boards.get(i)) is None
    assert (await now(store, going_on)).done_msat == parts[0].paid_msat


@pytest.mark.parametrize(
    "kept",
    [
        {"asked_at": NOW + 1},
        {"expires_at": NOW + 1},
        {"settled_at": NOW + 1},
        {"announced": False},
        {"due_at": NOW + 1},
        {"state": State.OPEN},
    ],
)
async def test_a_board_goes_with_all_its_parts_or_stays_with_them(
    store: Store, kept: dict[str, Any]
) -> None:
    old: dict[str, Any] = {
        "asked_at": NOW - 100,
        "due_at": None,
        "announced": True,
        "state": State.SETTLED,
        "expires_at": NOW - 50,
        "settled_at": int(NOW) - 60,
    }
    over = await bill(store, 1, ends_at=NOW - 5, **FINISHED)
    for number in range(2, 12):
        await part(store, over, number, 900 + number, **old)
    last = await part(store, over, 12, 912, **{**old, **kept})

    def prune(tx: Tx) -> tuple[int, int, int]:
        boards_gone = tx.boards.prune(NOW, 10)
        return boards_gone, tx.agenda.prune(NOW, 100), tx.boards.prune(NOW, 10)

    await rest(store, over)
    assert await store.do(prune) == (0, 0, 0)
    await store.do(lambda tx: tx.invoices.update(last.id, **old))
    await rest(store, over)
    assert await store.do(prune) == (1, 0, 0)
    assert await store.do(lambda tx: tx.invoices.get(last.id)) is None


async def test_a_board_is_removed_once_it_is_over_and_its_parts_are_gone(store: Store) -> None:
    over = await bill(store, 1, ends_at=NOW - 5, **FINISHED)
    kept = [
        await bill(store, 2, ends_at=NOW - 5),
        await bill(store, 3, ends_at=NOW + 5, **FINISHED),
        await bill(store, 4, ends_at=NOW - 5, **FINISHED),
    ]
    mine = await part(store, kept[-1])
    assert await store.do(lambda tx: tx.boards.prune(NOW, 1)) == 1
    assert await store.do(lambda tx: tx.boards.prune(NOW, 1)) == 0

    def left(tx: Tx) -> tuple[list[int], list[int]]:
        connection = tx.boards._connection
        found = connection.execute(sa.select(boards.c.id).order_by(boards.c.id)).scalars()
        of = connection.execute(sa.select(seats.c.board_id).distinct().order_by("board_id"))
        return [*found], [*of.scalars()]

    ids = [each.id for each in kept]
    assert await store.do(left) == (ids, ids)
    assert over.id not in ids
    assert (await read(store, mine.id)).board_id == kept[-1].id
