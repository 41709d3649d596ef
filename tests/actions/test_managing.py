"""What those who manage a board want of it, in each of its states; and its messages."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.board import ANY_FACE, MOVE_EVERY_S, REMIND_EVERY_S, Board, BoardState, SeatState
from bot.core.board_steps import next_board_step
from bot.core.invoice import State
from bot.core.split import MAX_SEATS
from bot.core.steps import AS_READ
from bot.core.wishes import Change, Changing, Closing, Leaving, Sitting
from bot.core.work import MAX_FAULTS, Do, Lane
from tests.actions.table import ANNA, AT_EVE, BERT, CORA, GHOST, GROUP, OWNER, Table

JOINING, OPEN = BoardState.JOINING, BoardState.OPEN
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED
LIVE = (State.PENDING, State.OPEN)
DEAD = (State.EXPIRED, State.CANCELLED, State.FAILED)
OF_A_SEAT = (Change.FREE, Change.SETTLE, Change.UNSETTLE)

#: What comes of each in each state: of a bill in four of which Bert has the second part, and of a
#: collection.
TABLE: dict[tuple[str, BoardState], dict[Change, Changing]] = {
    ("split", JOINING): dict.fromkeys(Change, Changing.CLOSED)
    | {Change.MOVE: Changing.DONE, Change.CLOSE: Changing.DONE},
    ("split", OPEN): dict.fromkeys(Change, Changing.DONE),
    ("split", CLOSING): dict.fromkeys(Change, Changing.CLOSED) | {Change.MOVE: Changing.DONE},
    ("split", CLOSED): dict.fromkeys(Change, Changing.CLOSED) | {Change.MOVE: Changing.DONE},
    ("collection", OPEN): dict.fromkeys(Change, Changing.NOTHING)
    | {Change.MOVE: Changing.DONE, Change.CLOSE: Changing.DONE},
    ("collection", CLOSING): dict.fromkeys(Change, Changing.CLOSED) | {Change.MOVE: Changing.DONE},
    ("collection", CLOSED): dict.fromkeys(Change, Changing.CLOSED) | {Change.MOVE: Changing.DONE},
}
CASES = [(*of, wish, came) for of, each in TABLE.items() for wish, came in each.items()]


async def there(table: Table, kind: str, state: BoardState) -> Board:
    """A board in this state, as it is at rest."""
    if kind == "collection":
        board = await table.collect()
    else:
        board = await table.split("84k" if state is JOINING else "84k/4")
    if state is OPEN:
        await table.link(board, BERT)
    elif state is JOINING:
        await table.join(board, BERT)
    return await table.rests(board, state=state)


@pytest.mark.parametrize(("kind", "state", "wish", "came_of_it"), CASES)
async def test_what_comes_of_each_wish_in_each_state(
    table: Table, kind: str, state: BoardState, wish: Change, came_of_it: Changing
) -> None:
    board = await there(table, kind, state)
    before = await table.fresh(board)
    assert await table.change(board, wish, 2 if wish in OF_A_SEAT else 0) is came_of_it
    after = await table.fresh(board)
    if came_of_it is Changing.CLOSED:
        assert (after, after.seats) == (before, before.seats)
        assert not await table.is_due(board)
    elif came_of_it is Changing.DONE:
        assert await table.is_due(board)


@pytest.mark.parametrize("wish", Change)
async def test_of_a_board_that_is_gone_nothing_is_wanted(table: Table, wish: Change) -> None:
    assert await table.boards.change(999, wish, 1, ANNA) is Changing.NOT_TRACKED


@pytest.mark.parametrize("wish", Change)
async def test_a_wish_gives_a_stuck_board_another_chance(table: Table, wish: Change) -> None:
    board = await there(table, "split", OPEN)
    await table.rests(board, faults=MAX_FAULTS)
    await table.change(board, wish, 2)
    assert (await table.fresh(board)).faults == 0


# of one seat

#: What comes of it where a seat has an invoice in this state: and whether its person has it then.
FREED: dict[State | None, tuple[Changing, bool]] = {
    None: (Changing.DONE, False),
    **dict.fromkeys(DEAD, (Changing.DONE, False)),
    **dict.fromkeys(LIVE, (Changing.LATER, True)),
    State.SETTLED: (Changing.PAID, True),
}


async def with_part(table: Table, state: State | None) -> Board:
    """A bill whose second seat is Bert's, with an invoice in this state."""
    board = await table.split("84k/3")
    if state is None:
        await table.link(board, BERT)
    else:
        await table.part(board, BERT, state=state)
    return await table.rests(board)


@pytest.mark.parametrize(("state", "came"), FREED.items())
async def test_a_seat_is_freed_once_the_node_has_said_so(
    table: Table, state: State | None, came: tuple[Changing, bool]
) -> None:
    board = await with_part(table, state)
    came_of_it, is_theirs = came
    assert await table.change(board, Change.FREE, 2) is came_of_it
    seat = await table.seat(board, 2)
    assert (seat.person_id == BERT.id, seat.is_free) == (is_theirs, not is_theirs)
    if state in LIVE and seat.part is not None:
        assert (seat.leaving, seat.part.cancel_wanted) == (True, True)
        assert seat.part.lane is Lane.CANCELLATION
        await table.becomes(seat.part, State.CANCELLED)
        assert (await table.seat(board, 2)).is_free


@pytest.mark.parametrize(("state", "came"), FREED.items())
async def test_what_was_paid_otherwise_has_its_invoice_cancelled_and_keeps_its_person(
    table: Table, state: State | None, came: tuple[Changing, bool]
) -> None:
    board = await with_part(table, state)
    came_of_it, _ = came
    assert await table.change(board, Change.SETTLE, 2) is came_of_it
    seat = await table.seat(board, 2)
    assert (seat.person_id, seat.name) == (BERT.id, "Bert")
    expected = SeatState.PAID if state is State.SETTLED else SeatState.SETTLED
    assert seat.state is expected
    assert seat.part is None or seat.part.cancel_wanted is (state in LIVE)
    if came_of_it is Changing.PAID:
        return
    assert await table.change(board, Change.UNSETTLE, 2) is Changing.DONE
    assert (await table.seat(board, 2)).state is SeatState.TAKEN


async def test_a_payment_that_is_faster_counts_beside_what_was_paid_otherwise(table: Table) -> None:
    board = await with_part(table, State.OPEN)
    await table.change(board, Change.SETTLE, 2)
    part = (await table.seat(board, 2)).part
    assert part is not None
    await table.becomes(part, State.SETTLED)
    assert (await table.seat(board, 2)).state is SeatState.PAID
    assert (await table.fresh(board)).done_msat == 28_000_000
    for wish in OF_A_SEAT:
        assert await table.change(board, wish, 2) is Changing.PAID


async def test_a_seat_that_nobody_has_is_not_freed(table: Table) -> None:
    board = await table.split("84k/3")
    assert await table.change(board, Change.FREE, 2) is Changing.NOTHING
    for number in (0, 4, -1):
        for wish in OF_A_SEAT:
            assert await table.change(board, wish, number) is Changing.NOTHING


async def test_a_named_seat_and_that_of_who_paid_the_bill_are_freed(table: Table) -> None:
    board = await table.split("84k @eve", OWNER, AT_EVE)
    for number in (1, 2):
        assert await table.change(board, Change.FREE, number) is Changing.DONE
        assert (await table.seat(board, number)).is_free
    await table.token(board, CORA)


async def test_the_last_part_that_was_paid_otherwise_ends_the_bill(table: Table) -> None:
    board = await table.split("84k/2", OWNER)
    await table.link(board, BERT)
    assert await table.change(board, Change.SETTLE, 2) is Changing.DONE
    assert (await table.fresh(board)).state is CLOSED
    assert await table.change(board, Change.UNSETTLE, 2) is Changing.CLOSED


async def test_so_it_does_once_the_node_has_cancelled_its_invoice(table: Table) -> None:
    board = await table.split("84k/2", OWNER)
    row = await table.part(board, BERT, state=State.OPEN)
    assert await table.change(board, Change.SETTLE, 2) is Changing.LATER
    assert (await table.fresh(board)).state is OPEN
    await table.becomes(row, State.CANCELLED)
    assert (await table.fresh(board)).state is CLOSED


# of the whole board


async def test_a_seat_more_is_of_the_smallest_amount_and_the_sum_grows(table: Table) -> None:
    board = await table.split("84,001/3")
    assert await table.change(board, Change.ADD) is Changing.DONE
    after = await table.fresh(board)
    assert after.sum_msat == 112_001_000 == sum(seat.amount_msat for seat in after.seats)
    assert after.seats[-1].amount_msat == 28_000_000
    assert after.seats[-1].is_free
    assert [seat.amount_msat for seat in after.seats[:3]] == [
        seat.amount_msat for seat in board.seats
    ]
    for who in (BERT, CORA, GHOST):
        await table.token(board, who)


async def test_there_are_no_more_seats_than_that(table: Table) -> None:
    board = await table.split(f"84k/{MAX_SEATS - 1}")
    assert await table.change(board, Change.ADD) is Changing.DONE
    assert await table.change(board, Change.ADD) is Changing.FULL
    assert len((await table.fresh(board)).seats) == MAX_SEATS


async def test_a_reminder_is_sent_once_an_hour(table: Table) -> None:
    board = await table.rests(await table.split("84k/3"), unsure=frozenset({Do.REMIND}))
    assert await table.change(board, Change.REMIND) is Changing.DONE
    there_ = await table.fresh(board)
    assert (there_.remind_wanted, there_.reminded_at) == (True, table.now)
    assert not there_.may_be_duplicate(Do.REMIND)  # of the one before
    table.now += REMIND_EVERY_S - 1
    assert await table.change(board, Change.REMIND) is Changing.TOO_SOON
    table.now += 1
    assert await table.change(board, Change.REMIND) is Changing.DONE
    table.now -= 2 * REMIND_EVERY_S  # a clock that is set back puts nothing off for long
    assert await table.change(board, Change.REMIND) is Changing.DONE


async def test_nobody_is_reminded_of_what_is_paid(table: Table) -> None:
    board = await table.split("84k/2", OWNER)
    row = await table.part(board, BERT, state=State.OPEN)
    await table.change(board, Change.SETTLE, 2)  # its invoice is on its way out
    assert await table.change(board, Change.REMIND) is Changing.NOTHING
    assert not (await table.fresh(board)).remind_wanted
    await table.becomes(row, State.CANCELLED)
    assert await table.change(board, Change.REMIND) is Changing.CLOSED


@pytest.mark.parametrize("state", BoardState)
async def test_a_board_is_moved_to_the_bottom_once_a_minute(
    table: Table, state: BoardState
) -> None:
    board = await there(table, "split", state)
    board = await table.rests(board, undeliverable=True, unsure=frozenset({Do.SEND_CARD}))
    assert await table.change(board, Change.MOVE) is Changing.DONE
    after = await table.fresh(board)
    assert (after.move_wanted, after.undeliverable) == (True, False)
    assert not after.may_be_duplicate(Do.SEND_CARD)
    if state is not CLOSING:  # which ends first
        assert next_board_step(after, AS_READ, table.now).do is Do.SEND_CARD
    table.now += MOVE_EVERY_S - 1
    assert await table.change(board, Change.MOVE) is Changing.TOO_SOON
    table.now += 1
    assert await table.change(board, Change.MOVE) is Changing.DONE


CLOSERS = [(ANNA, ""), (BERT, "Bert"), (OWNER, "Olga"), (GHOST, "")]


@pytest.mark.parametrize(("by", "closed_by"), CLOSERS)
async def test_closing_cancels_what_is_open_and_names_who_did_it(
    table: Table, by: Any, closed_by: str
) -> None:
    board = await table.split("84k/4")
    live = [
        await table.part(board, who, state=state)
        for who, state in ((BERT, State.OPEN), (CORA, State.PENDING))
    ]
    paid = await table.part(board, ANNA, state=State.SETTLED)
    assert await table.boards.close(board.id, by) is Closing.CLOSING
    after = await table.fresh(board)
    assert (after.state, after.closed_by) == (CLOSING, closed_by)
    assert [(await table.row(each)).cancel_wanted for each in (*live, paid)] == [True, True, False]
    assert await table.boards.close(board.id, OWNER) is Closing.ALREADY_CLOSED
    assert (await table.fresh(board)).closed_by == closed_by
    await table.becomes(live[0], State.CANCELLED)
    assert (await table.fresh(board)).state is CLOSING
    await table.becomes(live[1], State.SETTLED)
    after = await table.fresh(board)
    assert (after.state, after.done_msat) == (CLOSED, 42_000_000)
    assert await table.boards.close(board.id, by) is Closing.ALREADY_CLOSED
    assert await table.boards.close(999, by) is Closing.ALREADY_CLOSED


@pytest.mark.parametrize("kind", ["split", "collection"])
async def test_what_has_no_open_invoice_is_closed_at_once(table: Table, kind: str) -> None:
    board = await there(table, kind, OPEN)
    assert await table.boards.close(board.id, ANNA) is Closing.CLOSING
    assert (await table.fresh(board)).state is CLOSED
    assert await table.sit(board, CORA) == (Sitting.CLOSED, "")


async def test_a_collection_that_closes_waits_for_its_questions(table: Table) -> None:
    board = await table.collect()
    question = await table.part(board, BERT)
    await table.boards.close(board.id, ANNA)
    assert (await table.fresh(board)).state is CLOSING
    assert (await table.row(question)).cancel_wanted
    await table.becomes(question, State.DROPPED)
    assert (await table.fresh(board)).state is CLOSED


async def test_who_left_and_a_board_that_is_closed_meanwhile_end_alike(table: Table) -> None:
    board = await table.split("84k/2")
    row = await table.part(board, BERT, state=State.OPEN)
    assert await table.boards.leave(row.payment_hash) is Leaving.LEAVING
    await table.boards.close(board.id, ANNA)
    await table.becomes(row, State.CANCELLED)
    after = await table.fresh(board)
    assert (after.state, after.seats[1].is_free) == (CLOSED, True)


# its messages


async def test_a_press_makes_a_copy_known_and_due(table: Table) -> None:
    board = await table.rests(await table.split("84k/2"), shown="a face")
    assert await table.boards.of_button(board.handle, GROUP, 70) == board
    assert not await table.is_due(board)
    found = await table.boards.of_button(board.handle, GROUP, 71)
    assert found is not None
    assert found.duplicates == {71: ANY_FACE}
    assert await table.is_due(board)
    await table.rests(board)
    assert (await table.boards.of_button(board.handle, GROUP, None)) is not None
    assert not await table.is_due(board)


async def test_a_board_is_found_by_its_message_a_copy_and_its_command(table: Table) -> None:
    board = await table.rests(await table.split("84k/2"), shown="a face")
    boards = table.boards
    assert await boards.board_of(GROUP, 70, "") == board
    assert await boards.board_of(GROUP, board.origin_message_id, "") == board
    assert await boards.board_of(GROUP, 71, "") is None
    found = await boards.board_of(GROUP, 71, board.handle)
    assert found is not None
    assert found.duplicates == {71: ANY_FACE}
    assert await boards.board_of(-7, 70, board.handle) is None
    by_handle = await boards.by_handle(board.handle)
    assert by_handle is not None
    assert by_handle.id == board.id
    assert await boards.by_handle("") is None


async def test_a_board_whose_number_nobody_knows_takes_the_first_that_is_pressed(
    table: Table,
) -> None:
    board = await table.rests(await table.split("84k/2"), card_id=None, shown="a face")
    found = await table.boards.of_button(board.handle, GROUP, 71)
    assert found is not None
    assert (found.card_id, found.shown, found.duplicates) == (71, ANY_FACE, {})
    assert await table.is_due(board)
