"""A command becomes a board with its seats, once; and no more of them than there may be."""

from __future__ import annotations

import pytest

from bot.actions import Asker, Place
from bot.actions.seats import NEW_WITHIN_S, OPEN_A_CHAT, OPEN_A_PERSON
from bot.core.board import BoardKind, BoardState, SeatState
from bot.core.invoice import TOO_LATE_S
from bot.core.split import Person
from bot.core.wishes import Splitting
from bot.core.work import Lane
from bot.errors import AmountRefused
from tests.actions.table import ANNA, AT_EVE, EVE, GROUP, GROUP_ITSELF, NOW, OWNER, PEOPLE, Table
from tests.bills import LIVES_S

JOINING, OPEN, CLOSED = BoardState.JOINING, BoardState.OPEN, BoardState.CLOSED


async def test_a_bill_has_a_seat_for_who_asks_and_free_ones(table: Table) -> None:
    board = await table.split("84,001/3 pizza")
    assert (board.kind, board.state, board.sum_msat) == (BoardKind.SPLIT, OPEN, 84_001_000)
    assert (board.memo, board.asker_id, board.asker_name) == ("pizza", ANNA.id, "Anna")
    assert (board.asked_at, board.ends_at, board.lane) == (NOW, NOW + LIVES_S, Lane.COMMAND)
    assert [(seat.person_id, seat.amount_msat, seat.state) for seat in board.seats] == [
        (ANNA.id, 28_001_000, SeatState.NAMED),
        (0, 28_000_000, SeatState.FREE),
        (0, 28_000_000, SeatState.FREE),
    ]
    assert await table.is_due(board)


async def test_an_owner_who_asks_has_paid_the_bill(table: Table) -> None:
    board = await table.split("84k/2", OWNER)
    assert [seat.state for seat in board.seats] == [SeatState.SETTLED, SeatState.FREE]


async def test_who_asks_as_the_group_has_no_seat(table: Table) -> None:
    board = await table.split("84k/2", GROUP_ITSELF)
    assert [seat.state for seat in board.seats] == [SeatState.FREE] * 2
    assert (await table.split("84k", GROUP_ITSELF)).seats == ()


async def test_people_who_are_named_have_a_seat_each(table: Table) -> None:
    mia = Person("Mia", id=9, name="Mia")
    me = [Person("@anna", username="Anna"), Person("Anna", id=ANNA.id)]
    anna = Asker(ANNA.id, "Anna", username="anna")
    board = await table.split("84k @anna, Anna, @eve and Mia pizza", anna, *me, AT_EVE, mia)
    assert board.memo == "pizza"
    assert [(s.person_id, s.username, s.name) for s in board.seats] == [
        (ANNA.id, "", "Anna"),
        (0, "eve", ""),
        (9, "", "Mia"),
    ]
    assert [seat.state for seat in board.seats] == [SeatState.NAMED] * 3


async def test_a_bill_without_a_number_asks_who_is_in(table: Table) -> None:
    board = await table.split("84k pizza")
    assert (board.state, board.sum_msat) == (JOINING, 84_000_000)
    assert [(seat.person_id, seat.amount_msat) for seat in board.seats] == [(ANNA.id, 0)]


async def test_a_collection_has_a_goal_a_suggestion_and_no_seats(table: Table) -> None:
    board = await table.collect("500k/21k speakers")
    assert (board.kind, board.state, board.seats) == (BoardKind.COLLECTION, OPEN, ())
    assert (board.sum_msat, board.suggested_msat) == (500_000_000, 21_000_000)
    assert (await table.collect("any")).sum_msat == 0


@pytest.mark.parametrize("what", ["split", "collect"])
async def test_a_command_that_is_delivered_again_makes_no_second_board(
    table: Table, what: str
) -> None:
    origin, place = table.message(), Place(GROUP)
    wants = table.boards.split if what == "split" else table.boards.collect
    came_of_it, board = await wants(ANNA, origin, place, "84k")
    assert board is not None
    assert came_of_it is Splitting.MADE
    assert await wants(ANNA, origin, place, "84k") == (Splitting.AGAIN, None)
    assert await table.listed() == [board]
    late = TOO_LATE_S + 1
    assert await wants(ANNA, origin, place, "84k", age_s=late) == (Splitting.AGAIN, None)
    other = table.message()
    assert await wants(ANNA, other, place, "84k", age_s=late) == (Splitting.TOO_LATE, None)


async def test_what_is_refused_makes_no_board(table: Table) -> None:
    for what in ("84k/1", "84k/", "1", "3m/2", "pizza"):
        with pytest.raises(AmountRefused):
            await table.ask(what)
    with pytest.raises(AmountRefused):
        await table.boards.collect(ANNA, table.message(), Place(GROUP), "500k/2m")
    assert await table.listed() == []


async def test_one_person_makes_three_boards_in_ten_minutes_and_has_three(table: Table) -> None:
    made = [await table.split(), await table.split("84k"), await table.collect()]
    assert await table.ask("84k/4") == (Splitting.TOO_OFTEN, None)
    table.now += NEW_WITHIN_S + 1
    assert await table.ask("84k/4") == (Splitting.TOO_MANY_OWN, None)
    await table.rests(made[1], state=CLOSED)
    await table.split()


async def test_a_chat_has_five_boards_and_an_owner_has_no_limit(table: Table) -> None:
    made = [await table.split("84k/4", PEOPLE[n % 3]) for n in range(OPEN_A_CHAT)]
    assert await table.ask("84k/4", EVE) == (Splitting.TOO_MANY_OPEN, None)
    await table.split("84k/4", OWNER)
    for board in made[:2]:
        await table.rests(board, state=CLOSED)
    await table.split("84k/4", EVE)


async def test_a_board_that_only_waits_for_a_node_is_in_nobodys_way(table: Table) -> None:
    """That node may never come back."""
    made = [await table.split("84k/4", PEOPLE[n % 3]) for n in range(OPEN_A_CHAT)]
    for board in made:
        await table.rests(board, state=BoardState.CLOSING)
    table.now += NEW_WITHIN_S + 1
    for _ in range(OPEN_A_PERSON):
        await table.split()


async def test_boards_of_a_clock_that_was_ahead_take_no_place_for_long(table: Table) -> None:
    table.now += 86_400
    for board in [await table.split() for _ in range(3)]:
        await table.rests(board, state=CLOSED)
    table.now -= 86_400
    await table.split()
