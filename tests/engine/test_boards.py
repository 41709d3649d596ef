"""What comes after a step of a board is decided as its outcome is written, by its parts by then."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.board import ANY_FACE, Board, BoardColumns, BoardState, Rearranged
from bot.core.board_steps import EDIT_EVERY_S, EDITS_A_CHAT, EDITS_PER_S
from bot.core.invoice import Audience, State
from bot.core.steps import Around
from bot.core.work import Do, Lane, due_now
from bot.engine import boards
from bot.store import Store
from tests.store.bills import BERT, END, bill, now, part
from tests.store.made import CHAT, NOW

REACHED, LOST = Around(), Around(unreachable=frozenset({Audience.CHAT}))


def shown(board: Board) -> BoardColumns:
    """What an edit writes that showed the board as it was then."""
    return {"shown": board.face, "shown_at": NOW}


async def pay(store: Store, payment_hash: bytes) -> None:
    paid: Any = {"state": State.SETTLED, "paid_msat": 2000}
    await store.do(lambda tx: tx.nodes.settle(payment_hash, now=NOW, **paid))


async def leave(store: Store, board: Board) -> None:
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, leaving=True))
    await store.do(lambda tx: tx.boards.touch(board.id))


@pytest.mark.parametrize("due_at", [0.0, END])
async def test_what_is_paid_while_the_board_is_edited_is_due_whenever_it_was_due_before(
    store: Store, due_at: float
) -> None:
    """A kill right after that loses nothing."""
    board = await bill(store, due_at=due_at)
    mine = await part(store, board)
    board = await store.do(lambda tx: tx.boards.update(board.id, due_at=due_at))
    await pay(store, mine.payment_hash)
    there, written = await store.do(
        boards._record, board, Do.EDIT_CARD, shown(board), REACHED, NOW + 9
    )
    assert written
    assert there.shown == board.face != there.face
    due = await store.do(lambda tx: tx.boards.due([Lane.BOARDS], NOW + 9, limit=1))
    assert due.rows == ([there] if there.due_at != END else [])
    assert there.due_at != END


async def test_what_the_next_message_needs_is_written_with_the_outcome(store: Store) -> None:
    board = await bill(store, shown="", card_id=None, state=BoardState.CLOSED)
    sent: BoardColumns = {**shown(board), "card_id": 77}
    there, _ = await store.do(boards._record, board, Do.SEND_CARD, sent, REACHED, NOW)
    assert (there.card_id, there.sending) == (77, Do.ANNOUNCE)


async def test_a_board_is_not_let_go_over_what_happened_to_its_parts(store: Store) -> None:
    board = await bill(store)
    await store.do(lambda tx: tx.boards.update(board.id, shown=board.face))
    assert await store.do(boards._let_go, board.id, REACHED, NOW, is_armed=False) == (None, END)
    await part(store, board)
    await leave(store, board)
    there, due_at = await store.do(boards._let_go, board.id, REACHED, NOW, is_armed=False)
    assert there is not None
    assert there.seats[1].leaving
    assert due_at is None


async def test_what_was_not_sent_is_not_on_its_way_once_its_board_is_let_go(store: Store) -> None:
    board = await bill(store)
    armed: BoardColumns = {"shown": board.face, "sending": Do.REMIND}
    await store.do(lambda tx: tx.boards.update(board.id, **armed))
    for is_armed, sending in ((False, Do.REMIND), (True, None)):
        await store.do(boards._let_go, board.id, REACHED, NOW, is_armed=is_armed)
        there = await store.do(boards._read, board.id)
        assert there is not None
        assert there.sending is sending


async def test_a_chat_that_was_heard_of_meanwhile_is_not_waited_for(store: Store) -> None:
    board = await bill(store, state=BoardState.CLOSED, due_at=NOW)
    there, _ = await store.do(boards._let_go, board.id, LOST, NOW, is_armed=False)
    assert there == board  # its chat can be reached: it has an edit to do
    there, _ = await store.do(boards._record, board, Do.EDIT_CARD, {}, LOST, NOW)
    assert there.lane is not Lane.UNREACHABLE
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, True, NOW))
    assert await store.do(boards._let_go, board.id, LOST, NOW, is_armed=False) == (None, None)
    assert (await now(store, board)).lane is Lane.UNREACHABLE


async def test_what_was_shown_as_its_group_moved_is_void_and_what_was_told_is_not(
    store: Store,
) -> None:
    board = await bill(store, state=BoardState.CLOSED, sending=Do.ANNOUNCE)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    there, written = await store.do(boards._record, board, Do.EDIT_CARD, shown(board), REACHED, NOW)
    assert (written, there.shown, there.card_id) == (False, "", None)
    assert there.due_at == due_now(NOW)
    told: BoardColumns = {"announced": True}
    there, written = await store.do(boards._record, board, Do.ANNOUNCE, told, REACHED, NOW)
    assert (written, there.announced, there.sending) == (False, True, None)


async def test_a_reminder_that_was_sent_as_its_group_moved_was_sent(store: Store) -> None:
    board = await bill(store, remind_wanted=True, sending=Do.REMIND)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    sent: BoardColumns = {"remind_wanted": False}
    there, written = await store.do(boards._record, board, Do.REMIND, sent, REACHED, NOW)
    assert (written, there.remind_wanted, there.sending) == (False, False, None)


async def test_a_message_at_the_bottom_of_a_group_that_moved_is_void(store: Store) -> None:
    board = await bill(store, move_wanted=True, sending=Do.SEND_CARD)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    sent: BoardColumns = {**shown(board), "card_id": 77, "before_id": 51, "move_wanted": False}
    there, written = await store.do(boards._record, board, Do.SEND_CARD, sent, REACHED, NOW)
    assert (written, there.card_id, there.before_id, there.shown) == (False, None, None, "")


async def test_a_copy_that_was_pressed_while_another_was_edited_is_edited_too(
    store: Store,
) -> None:
    board = await bill(store, duplicates={60: ANY_FACE})
    both = {60: ANY_FACE, 61: ANY_FACE}
    await store.do(lambda tx: tx.boards.update(board.id, duplicates=both))
    edited: BoardColumns = {"duplicates": {60: board.face}, "shown_at": NOW}
    there, written = await store.do(
        boards._record, board, Do.EDIT_DUPLICATE, edited, REACHED, NOW + 9
    )
    assert (written, there.duplicates, there.shown_at) == (True, both, NOW)
    there, _ = await store.do(boards._record, there, Do.EDIT_DUPLICATE, edited, REACHED, NOW + 9)
    assert there.duplicates == {60: board.face}


async def test_a_copy_that_is_known_is_due_with_the_outcome_of_what_was_done_meanwhile(
    store: Store,
) -> None:
    board = await bill(store, due_at=END)
    board = await store.do(lambda tx: tx.boards.update(board.id, shown=board.face))
    await store.do(lambda tx: tx.boards.update(board.id, duplicates={60: ANY_FACE}))
    there, due_at = await store.do(boards._let_go, board.id, REACHED, NOW, is_armed=False)
    assert there is not None
    assert (there.duplicates, due_at) == ({60: ANY_FACE}, None)


# edits of one chat


def test_a_chat_has_an_edit_every_three_seconds_and_twelve_a_minute() -> None:
    edits, at, times = boards._Edits(), NOW, []
    for _ in range(EDITS_A_CHAT + 2):
        at = max(at, edits.free_at(CHAT, at))
        assert edits.free_at(CHAT, at) == 0.0
        edits.note(CHAT, at)
        times.append(at - NOW)
    assert times[: EDITS_A_CHAT + 1] == [
        *(EDIT_EVERY_S * number for number in range(EDITS_A_CHAT)),
        EDITS_PER_S,
    ]
    assert times[-1] == EDITS_PER_S + EDIT_EVERY_S
    assert edits.free_at(-9, at) == 0.0  # another chat has its own


def test_edits_of_long_ago_are_forgotten() -> None:
    edits = boards._Edits()
    edits.note(CHAT, NOW)
    edits.note(-9, NOW + EDITS_PER_S + 1)
    assert [*edits._times] == [-9]


async def test_what_follows_is_written_once(store: Store) -> None:
    board = await bill(store)
    mine = await part(store, board)
    await leave(store, board)
    done = await store.do(boards._rearrange, board.id, NOW, NOW)
    assert done == Rearranged({}, follows_again=False)
    wanted = (await now(store, board)).seats[1].part
    assert wanted is not None
    assert (wanted.cancel_wanted, wanted.lane) == (True, Lane.CANCELLATION)
    await store.do(lambda tx: tx.invoices.update(mine.id, state=State.CANCELLED))
    await store.do(boards._rearrange, board.id, NOW, NOW)
    seat = (await now(store, board)).seats[1]
    assert (seat.person_id, seat.name, seat.token, seat.leaving) == (0, "", "", False)
    assert BERT not in [each.person_id for each in (await now(store, board)).seats]


async def test_an_end_that_may_be_in_a_group_that_moved_meanwhile_may_have_been_read(
    store: Store,
) -> None:
    board = await bill(store, state=BoardState.CLOSED, sending=Do.ANNOUNCE)
    await store.do(lambda tx: tx.chats.move(CHAT, -1009, NOW))
    unknown: BoardColumns = {"unsure": frozenset({Do.ANNOUNCE})}
    there, written = await store.do(boards._record, board, Do.ANNOUNCE, unknown, REACHED, NOW)
    assert not written
    assert there.may_be_duplicate(Do.ANNOUNCE)
    assert there.shown == ""
