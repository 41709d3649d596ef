"""An outcome is written only where it is still so; what overtook it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.actions import seats
from bot.core import work
from bot.core.board import BoardState
from bot.core.invoice import Columns, Face, PartKind, State
from bot.core.notices import Kind, Notice
from bot.core.work import Do, Lane, due_now, touched
from bot.engine import commit
from bot.store import Store
from tests.store.bills import BERT, bill, is_due, now, part
from tests.store.made import CHAT, NOW, row

OUTCOMES: list[Columns] = [{"announced": True}, {"unsure": frozenset({Do.ANNOUNCE})}]


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_notice_that_was_told_as_its_group_moved_was_told(
    store: Store, outcome: Columns
) -> None:
    shown: Columns = {"card_id": 100, "card_shown": Face.PAID}
    mine = await row(store, 1, state=State.SETTLED, sending=Do.ANNOUNCE, **shown)
    await store.do(lambda tx: tx.chats.move(CHAT, -1000, NOW))
    columns: Columns = {**outcome, "sending": None, "due_at": None}
    there, written = await store.do(commit.record, mine, Do.ANNOUNCE, columns, NOW)
    assert not written
    assert {name: getattr(there, name) for name in outcome} == outcome
    assert (there.sending, there.card_id, there.due_at) == (None, None, due_now(NOW))


async def test_what_was_shown_as_its_group_moved_is_void(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, sending=Do.SEND_CARD)
    await store.do(lambda tx: tx.chats.move(CHAT, -1000, NOW))
    columns: Columns = {
        "card_id": 100,
        "card_shown": Face.OPEN,
        "unsure": frozenset({Do.SEND_CARD}),
        "sending": None,
    }
    there, written = await store.do(commit.record, mine, Do.SEND_CARD, columns, NOW)
    assert not written
    assert (there.card_id, there.card_shown, there.unsure) == (None, Face.NOTHING, frozenset())


async def test_a_card_that_was_sent_while_it_was_paid_has_still_to_be_edited(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, sending=Do.SEND_CARD)
    paid: Columns = {"state": State.SETTLED, "paid_msat": 2_100_000}
    await store.do(lambda tx: tx.nodes.settle(mine.payment_hash, now=NOW, **paid))
    sent: Columns = {
        "card_id": 100,
        "card_shown": Face.OPEN,
        "sending": None,
        "due_at": None,
        "lane": Lane.BACKGROUND,
    }
    there, written = await store.do(commit.record, mine, Do.SEND_CARD, sent, NOW)
    assert written
    assert (there.card_id, there.card_shown) == (100, Face.OPEN)
    assert (there.state, there.due_at, there.lane) == (State.SETTLED, due_now(NOW), Lane.PAYMENT)


@pytest.mark.parametrize(
    ("state", "drawn", "kept", "due_at"),
    [
        (State.ASKING, Face.QUESTION, Face.NOTHING, due_now(NOW)),
        (State.OPEN, Face.OPEN, Face.OUTDATED, due_now(NOW)),
        (State.SETTLED, Face.PAID, Face.PAID, None),
    ],
)
async def test_what_was_drawn_before_a_name_was_hidden_is_drawn_again(
    store: Store, state: State, drawn: Face, kept: Face, due_at: float | None
) -> None:
    made = await bill(store)
    gift: Columns = {"part_kind": PartKind.GIFT, "card_id": 100, "card_shown": Face.NOTHING}
    mine = await part(store, made, 2, state=state, **gift)
    await store.do(seats.hide, mine.payment_hash, True, "", NOW)
    columns: Columns = {"card_shown": drawn, "sending": None, "due_at": None}
    there, written = await store.do(commit.record, mine, Do.EDIT_CARD, columns, NOW)
    assert written
    assert (there.hidden, there.card_shown, there.due_at) == (True, kept, due_at)


async def test_a_copy_that_was_pressed_while_another_was_edited_is_edited_too(
    store: Store,
) -> None:
    done: Columns = {"state": State.CANCELLED, "card_id": 100, "card_shown": Face.CANCELLED}
    mine = await row(store, 1, duplicates={102: Face.NOTHING}, **done)
    both = mine.with_duplicate(103, Face.NOTHING)
    await store.do(lambda tx: tx.invoices.update(mine.id, duplicates=both, **touched(NOW)))
    edited: Columns = {
        "duplicates": mine.with_duplicate(102, Face.CANCELLED),
        "sending": None,
        "due_at": None,
    }
    there, written = await store.do(commit.record, mine, Do.EDIT_DUPLICATE, edited, NOW)
    assert not written
    assert (there.duplicates, there.due_at) == (both, due_now(NOW))


async def test_a_payment_of_the_moment_in_which_a_row_is_let_go_stays_due(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, due_at=None, card_id=100, card_shown=Face.OPEN)
    paid: Columns = {"state": State.SETTLED, "paid_msat": 2_100_000}
    await store.do(lambda tx: tx.nodes.settle(mine.payment_hash, now=NOW, **paid))
    rests = work.rests(NOW + 3600, Lane.BACKGROUND)
    there, written = await store.do(commit.let_go, mine, rests, NOW, is_armed=False)
    assert there is not None
    assert (written, there.due_at, there.lane) == (False, due_now(NOW), Lane.PAYMENT)
    there, written = await store.do(commit.let_go, there, rests, NOW, is_armed=False)
    assert there is not None
    assert (written, there.due_at, there.lane) == (True, NOW + 3600, Lane.BACKGROUND)


async def test_what_was_not_sent_is_not_on_its_way_once_its_row_is_let_go(store: Store) -> None:
    """A kill right afterwards would leave the marker to nobody: the row is never due again."""
    armed: Columns = {"card_id": 1, "card_shown": Face.CANCELLED, "sending": Do.SEND_CARD}
    mine = await row(store, 1, state=State.CANCELLED, due_at=NOW, **armed)
    rests = work.rests(None, Lane.COMMAND)
    for is_armed, sending in ((False, Do.SEND_CARD), (True, None)):
        there, written = await store.do(commit.let_go, mine, rests, NOW, is_armed=is_armed)
        assert there is not None
        assert (written, there.sending) == (True, sending)
        mine = there


# parts of boards


@pytest.mark.parametrize("is_due_again", [False, True])
async def test_what_follows_for_its_board_is_written_with_the_end_of_a_part(
    store: Store, is_due_again: bool
) -> None:
    """The seat is free in the same transaction: it waits for no edit of any board."""
    board = await bill(store)
    mine = await part(store, board, cancel_wanted=True)
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, leaving=True))
    if is_due_again:  # something else is wanted of the row meanwhile
        await store.do(lambda tx: tx.invoices.update(mine.id, **touched(NOW)))
    over: Columns = {"state": State.CANCELLED}
    there, written = await store.do(commit.record, mine, Do.CANCEL, over, NOW)
    assert (written, there.state) == (True, State.CANCELLED)
    seat = (await now(store, board)).seats[1]
    assert (seat.person_id, seat.leaving) == (0, False)
    assert await is_due(store, board)  # to be shown


async def test_the_last_payment_closes_its_board_as_it_is_written(store: Store) -> None:
    board = await bill(store)
    for number in (1, 3):
        await store.do(lambda tx, n=number: tx.boards.update_seat(board.id, n, otherwise=True))
    mine = await part(store, board, cancel_wanted=True)
    paid: Columns = {"state": State.SETTLED, "paid_msat": 2000}
    await store.do(commit.record, mine, Do.CANCEL, paid, NOW)
    assert (await now(store, board)).state is BoardState.CLOSED


async def test_an_outcome_that_was_overtaken_changes_no_board(store: Store) -> None:
    board = await bill(store)
    mine = await part(store, board)
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, leaving=True))
    paid: Columns = {"state": State.SETTLED, "paid_msat": 2000}
    await store.do(lambda tx: tx.nodes.settle(mine.payment_hash, now=NOW, **paid))
    over: Columns = {"state": State.CANCELLED}
    there, written = await store.do(commit.record, mine, Do.CANCEL, over, NOW)
    assert (written, there.state) == (False, State.SETTLED)
    seat = (await now(store, board)).seats[1]
    assert (seat.is_paid, seat.person_id) == (True, BERT)


async def test_what_is_shown_of_a_part_rearranges_no_board(store: Store) -> None:
    board = await bill(store, ends_at=NOW - 1)
    mine = await part(store, board)
    columns: Columns = {"card_id": 100, "card_shown": Face.OPEN}
    await store.do(commit.record, mine, Do.SEND_CARD, columns, NOW)
    assert (await now(store, board)).state is BoardState.OPEN


async def test_a_part_whose_board_is_gone_is_written(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, board_id=99)
    over: Columns = {"state": State.EXPIRED}
    there, written = await store.do(commit.record, mine, Do.CANCEL, over, NOW)
    assert (written, there.state) == (True, State.EXPIRED)


async def test_what_a_step_has_the_owners_know_is_written_with_its_outcome(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN)
    notice = Notice(Kind.STUCK, why="KeyError", step=Do.SEND_CARD, invoice=mine)
    for _ in range(2):  # a step that is repeated after a kill says the same
        await store.do(commit.record, mine, Do.SEND_CARD, {"faults": 10}, NOW, [notice])
    (concern,) = (await store.do(lambda tx: tx.occasions.to_tell())).occasions
    assert (concern.kind, concern.why, concern.step) == (Kind.STUCK, "KeyError", Do.SEND_CARD)
    assert concern.invoice_id == mine.id
    with pytest.raises(LookupError):
        await store.do(
            commit.record, replace(mine, id=99), Do.SEND_CARD, {"faults": 10}, NOW, [_of(99)]
        )
    assert len((await store.do(lambda tx: tx.occasions.to_tell())).occasions) == 1


def _of(number: int) -> Notice:
    return Notice(Kind.BOARD_STUCK, number)
