"""Boards: each column is kept; a part that changes makes its board due in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.board import Board, BoardColumns, BoardState, Seat
from bot.core.delivery import DeliveryColumns
from bot.core.invoice import Invoice, State
from bot.core.work import MAX_FAULTS, READ_LANES, Do, Lane, due_now
from bot.store import Store, Tx
from bot.store.tables import boards, seats
from tests.store.made import ASKER, CHAT, NOW, read, row
from tests.store.test_rows import kinds

BERT = 8
END = NOW + 1000
HINTS = get_type_hints(Board)
NOT_KEPT_HERE = ("id", "seats")
of_boards: Mapping[Any, st.SearchStrategy[Any]] = {
    **kinds,
    BoardState: st.sampled_from(BoardState),
}
any_columns = st.fixed_dictionaries(
    {
        each.name: of_boards[HINTS[each.name]]
        for each in fields(Board)
        if each.name not in NOT_KEPT_HERE
    }
)
text_, big = kinds[str], kinds[int]
any_seat = st.builds(
    Seat,
    number=st.integers(1, 50),
    amount_msat=big,
    person_id=big,
    name=text_,
    token=text_,
    leaving=st.booleans(),
    otherwise=st.booleans(),
)


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=any_columns, made=st.lists(any_seat, max_size=4, unique_by=lambda seat: seat.number))
async def test_a_board_is_read_as_it_was_written(
    store: Store, values: BoardColumns, made: list[Seat]
) -> None:
    def job(tx: Tx) -> tuple[Board | None, ...]:
        connection = tx.boards._connection
        connection.execute(sa.delete(boards))
        connection.execute(sa.delete(seats))
        added = tx.boards.add(made, **values)
        for seat in made:
            own = {name: getattr(seat, name) for name in ("person_id", "name", "token", "leaving")}
            tx.boards.update_seat(added.id, seat.number, **own)  # type: ignore[arg-type]
        return added, tx.boards.update(added.id, **values), tx.boards.get(added.id)

    for each in await store.do(job):
        assert each is not None
        assert {name: getattr(each, name) for name in values} == values
        assert each.seats == tuple(sorted(made, key=lambda seat: seat.number))


def test_each_column_of_a_board_is_tried() -> None:
    written = {each.name for each in fields(Board)} - {*NOT_KEPT_HERE}
    assert set(get_type_hints(BoardColumns)) == written
    kept = {column.name for column in seats.columns} - {"board_id"}
    assert kept == {each.name for each in fields(Seat)} - {"part"}


async def bill(store: Store, number: int = 1, **changes: Any) -> Board:
    """A bill in three: Anna's, Bert's, and one that nobody has."""
    made: dict[str, Any] = {
        "handle": f"h{number}",
        "origin_chat_id": CHAT,
        "origin_message_id": number,
        "chat_id": CHAT,
        "reply_to": number,
        "card_id": 50 + number,
        "shown": "a face",
        "asker_id": ASKER,
        "asker_name": "Anna",
        "asked_at": NOW,
        "sum_msat": 6000,
        "ends_at": END,
        "due_at": END,
        "lane": Lane.BOARDS,
    }
    there = [
        Seat(number=1, amount_msat=2000, person_id=ASKER, name="Anna", token=f"a{number}"),
        Seat(number=2, amount_msat=2000, person_id=BERT, name="Bert", token=f"b{number}"),
        Seat(number=3, amount_msat=2000),
    ]
    return await store.do(lambda tx: tx.boards.add(there, **(made | changes)))


async def part(store: Store, board: Board, seat: int = 2, number: int = 900, **own: Any) -> Invoice:
    """An invoice of one of its seats."""
    own = {"state": State.OPEN, "lane": Lane.BACKGROUND, "due_at": None, **own}
    return await row(
        store, number, board_id=board.id, part=seat, asker_id=BERT, chat_id=BERT, **own
    )


async def now(store: Store, board: Board) -> Board:
    found = await store.do(lambda tx: tx.boards.get(board.id))
    assert found is not None
    return found


async def rest(store: Store, board: Board, **changes: Any) -> None:
    """Nothing is due of it."""
    own = {"due_at": None, "lane": Lane.BOARDS, **changes}
    await store.do(lambda tx: tx.boards.update(board.id, **own))


async def is_due(store: Store, board: Board) -> bool:
    due = await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=9))
    return board.id in [each.id for each in due.rows]


# found


async def test_a_board_is_found_by_all_that_names_it(store: Store) -> None:
    first, second = await bill(store, 1), await bill(store, 2)

    def job(tx: Tx) -> list[Any]:
        there = tx.boards
        return [
            there.get(second.id),
            there.by_handle("h2"),
            there.by_message(CHAT, 52),
            there.by_origin(CHAT, 2, 0),
        ]

    assert await store.do(job) == [second] * 4
    found = await store.do(lambda tx: tx.boards.by_token("b2"))
    assert found == (second, second.seats[1])
    assert first != second


async def test_nothing_is_found_by_what_names_none(store: Store) -> None:
    await bill(store)

    def job(tx: Tx) -> list[Any]:
        there = tx.boards
        return [
            there.get(9),
            there.by_handle(""),
            there.by_token(""),  # as a seat has that nobody sat on
            there.by_token("b"),
            there.by_token("B1"),
            there.by_message(CHAT, 1),
            there.by_message(-9, 51),
            there.by_origin(CHAT, 1, 7),
        ]

    assert await store.do(job) == [None] * 8


async def test_a_command_makes_one_board(store: Store) -> None:
    await bill(store)
    with pytest.raises(sa.exc.IntegrityError):
        await bill(store, 1, handle="another")
    assert await bill(store, 1, handle="another", bot_id=7)


async def test_a_seat_has_its_newest_part_or_the_one_that_is_paid(store: Store) -> None:
    board = await bill(store)
    await part(store, board, 2, 900, state=State.EXPIRED)
    newest = await part(store, board, 2, 901, renewal=1)
    paid = await part(store, board, 3, 902, state=State.SETTLED)
    await part(store, board, 3, 903, state=State.FAILED, renewal=1)
    found = (await now(store, board)).seats
    assert [seat.part for seat in found] == [None, newest, paid]


# due


async def test_a_part_that_changes_makes_its_board_due_in_the_same_transaction(
    store: Store,
) -> None:
    board, other = await bill(store, 1), await bill(store, 2)
    mine = await part(store, board)
    changes = {
        "settled": lambda tx: tx.nodes.settle(mine.payment_hash, now=NOW, state=State.SETTLED),
        "another state": lambda tx: tx.invoices.update(mine.id, state=State.EXPIRED),
        "closed by the node": lambda tx: (
            tx.invoices.update(mine.id, state=State.OPEN),
            tx.nodes.close(mine.id, NOW),
        ),
    }
    for change in changes.values():
        await rest(store, board)

        def job(tx: Tx, change: Any = change) -> bool:
            change(tx)
            there = tx.boards.get(board.id)
            return there is not None and there.due_at == 0.0

        assert await store.do(job)
        assert await is_due(store, board)
    assert not await is_due(store, other)


async def test_a_new_part_makes_its_board_due(store: Store) -> None:
    board = await bill(store)
    await part(store, board)
    assert await is_due(store, board)


async def test_a_change_that_is_undone_makes_nothing_due(store: Store) -> None:
    board = await bill(store)
    mine = await part(store, board)
    await rest(store, board)

    def job(tx: Tx) -> None:
        tx.nodes.settle(mine.payment_hash, now=NOW, state=State.SETTLED)
        raise LookupError("undone")

    with pytest.raises(LookupError):
        await store.do(job)
    assert not await is_due(store, board)


async def test_what_changes_nothing_of_a_part_leaves_its_board_alone(store: Store) -> None:
    board = await bill(store)
    mine = await part(store, board)
    await rest(store, board)
    await store.do(lambda tx: tx.invoices.update(mine.id, card_id=7))
    await store.do(lambda tx: tx.invoices.want_cancelled(mine, NOW))
    assert not await is_due(store, board)


async def test_a_part_makes_its_board_due_in_a_chat_that_cannot_be_reached(store: Store) -> None:
    """Its invoice is to be cancelled, whoever reads of it."""
    board = await bill(store)
    mine = await part(store, board)
    await rest(store, board, lane=Lane.UNREACHABLE, faults=MAX_FAULTS)
    await store.do(lambda tx: tx.invoices.update(mine.id, state=State.CANCELLED))
    assert await is_due(store, board)
    assert (await now(store, board)).faults == 0


async def test_due_boards_come_by_lane_then_by_time(store: Store) -> None:
    late = await bill(store, 1, due_at=NOW - 1)
    early = await bill(store, 2, due_at=NOW - 9)
    new = await bill(store, 3, due_at=NOW, lane=Lane.COMMAND)
    await bill(store, 4, due_at=NOW + 30)
    await bill(store, 5, due_at=NOW - 30, lane=Lane.UNREACHABLE)
    due = await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=9))
    assert due == ([new, early, late], False, NOW + 30)
    due = await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=1))
    assert due == ([new, early], True, NOW + 30)
    due = await store.do(lambda tx: tx.boards.due([Lane.PAYMENT, Lane.COMMAND], NOW, limit=9))
    assert due == ([new], False, None)


async def test_only_what_waits_for_its_next_try_is_made_due(store: Store) -> None:
    waits = await bill(store, 1, retry_at=NOW + 5)
    at_rest = await bill(store, 2)
    stuck = await bill(store, 3, retry_at=NOW - 5, faults=MAX_FAULTS, due_at=None)
    await store.do(lambda tx: tx.boards.make_retries_due(NOW))
    there = await now(store, waits)
    assert (there.due_at, there.retry_at) == (due_now(NOW), 0.0)
    assert [await now(store, each) for each in (at_rest, stuck)] == [at_rest, stuck]


async def test_a_board_that_is_stuck_gets_another_chance(store: Store) -> None:
    stuck = await bill(store, 1, retry_at=NOW - 5, faults=MAX_FAULTS, attempts=10, due_at=None)
    trying = await bill(store, 2, retry_at=NOW - 5, faults=MAX_FAULTS - 1)
    await store.do(lambda tx: tx.boards.unstick(NOW))
    there = await now(store, stuck)
    assert (there.faults, there.attempts, there.due_at) == (0, 0, due_now(NOW))
    assert await now(store, trying) == trying


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
    if how == "another bot":
        await store.do(lambda tx: tx.chats.begin_again(NOW))
    else:
        await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    assert (await now(store, ends)).sending is Do.ANNOUNCE
    assert (await now(store, shown)).sending is None


async def test_boards_of_a_chat_that_is_heard_of_are_due(store: Store) -> None:
    waits = await bill(store, 1, lane=Lane.UNREACHABLE, due_at=None, state=BoardState.CLOSED)
    for_its_end = await bill(store, 2)
    finished = await bill(store, 3, **FINISHED)
    elsewhere = await bill(store, 4, chat_id=-9, lane=Lane.UNREACHABLE, due_at=None)
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, True, NOW))
    assert not await is_due(store, waits)
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, False, NOW))
    assert [await is_due(store, each) for each in (waits, for_its_end)] == [True, True]
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
    counted = await store.do(
        lambda tx: (
            tx.boards.open_in_chat(CHAT),
            tx.boards.asked_since(ASKER, NOW - 600, NOW + 600),
            tx.boards.parts_since(board.id, BERT, NOW - 3600, NOW + 3600),
        )
    )
    assert counted == (2, 1, 2)


async def test_only_the_newest_part_of_ones_own_seat_may_be_renewed(store: Store) -> None:
    board = await bill(store)
    old = await part(store, board, 2, 900, state=State.CANCELLED)

    async def may(row: Invoice, at: float = NOW) -> bool:
        return await store.do(lambda tx: tx.boards.may_renew(row, at))

    assert await may(old)
    assert not await may(old, END)
    others = await part(store, board, 3, 901, state=State.CANCELLED)
    assert not await may(others)  # nobody has that seat
    newest = await part(store, board, 2, 902, state=State.CANCELLED, renewal=1)
    assert [await may(old), await may(newest)] == [False, True]
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, person_id=ASKER))
    assert not await may(newest)
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, person_id=BERT, otherwise=True))
    assert not await may(newest)
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, otherwise=False))
    await store.do(lambda tx: tx.boards.update(board.id, state=BoardState.CLOSING))
    assert not await may(newest)


# what is old


async def test_what_was_paid_is_kept_until_its_board_is_over(store: Store) -> None:
    old: dict[str, Any] = {"asked_at": NOW - 100, "due_at": None, "announced": True}
    going_on = await bill(store, 1, ends_at=NOW + 5)
    closed = await bill(store, 2, ends_at=NOW + 5, **FINISHED)
    over = await bill(store, 3, ends_at=NOW - 5, **FINISHED)
    parts = [
        await part(store, board, 2, 900 + board.id, state=State.SETTLED, **old)
        for board in (going_on, closed, over)
    ]
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 100)) == 1
    assert [await store.do(lambda tx, i=each.id: tx.invoices.get(i)) for each in parts] == [
        *parts[:2],
        None,
    ]
    assert (await now(store, going_on)).done_msat == parts[0].paid_msat


async def test_a_board_is_removed_once_it_is_over_and_its_parts_are_gone(store: Store) -> None:
    over = await bill(store, 1, ends_at=NOW - 5, **FINISHED)
    kept = [
        await bill(store, 2, ends_at=NOW - 5),
        await bill(store, 3, ends_at=NOW + 5, **FINISHED),
        await bill(store, 4, ends_at=NOW - 5, **FINISHED),
    ]
    mine = await part(store, kept[-1])
    await store.do(lambda tx: tx.boards.prune(NOW))

    def left(tx: Tx) -> tuple[list[int], list[int]]:
        connection = tx.boards._connection
        found = connection.execute(sa.select(boards.c.id).order_by(boards.c.id)).scalars()
        of = connection.execute(sa.select(seats.c.board_id).distinct().order_by("board_id"))
        return [*found], [*of.scalars()]

    ids = [each.id for each in kept]
    assert await store.do(left) == (ids, ids)
    assert over.id not in ids
    assert (await read(store, mine.id)).board_id == kept[-1].id
