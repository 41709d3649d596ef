"""What follows from the parts of a board: nothing is free or closed too early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.board import FREED, Board, BoardState
from bot.core.board_steps import consequences
from bot.core.invoice import State
from tests.bills import END, board, collection, free, gift, named, part, taken
from tests.rows import NOW

JOINING, OPEN = BoardState.JOINING, BoardState.OPEN
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED
PAID = (taken(State.SETTLED, 1), taken(State.SETTLED, 2))


def follows(made: Board, now: float = NOW) -> tuple[Any, Any, Any]:
    come = consequences(made, now)
    return come.board, dict(come.seats), list(come.cancels)


LIVE = (State.ASKING, State.PENDING, State.OPEN)
DEAD = (State.EXPIRED, State.CANCELLED, State.FAILED, State.DROPPED)


@pytest.mark.parametrize("state", [None, *DEAD])
def test_a_seat_that_is_left_is_free_once_nothing_of_it_can_be_paid(state: State | None) -> None:
    assert follows(board(free(1), taken(state, leaving=True))) == ({}, {2: FREED}, [])


@pytest.mark.parametrize("state", LIVE)
def test_a_seat_that_is_left_has_its_invoice_cancelled_first_and_once(state: State) -> None:
    assert follows(board(free(1), taken(state, leaving=True))) == ({}, {}, [102])
    wanted = taken(leaving=True, part=part(state, cancel_wanted=True))
    assert follows(board(free(1), wanted)) == ({}, {}, [])


def test_what_is_paid_while_its_person_leaves_is_paid() -> None:
    assert follows(board(free(1), taken(State.SETTLED, leaving=True))) == (
        {},
        {2: {"leaving": False}},
        [],
    )


@pytest.mark.parametrize("state", [None, *DEAD, *LIVE, State.SETTLED])
def test_nothing_follows_while_people_pay(state: State | None) -> None:
    assert not consequences(board(free(1), taken(state)), END - 1)


def test_all_paid_is_closed() -> None:
    assert follows(board(*PAID)) == ({"state": CLOSED}, {}, [])
    assert follows(board(free(1, otherwise=True), PAID[1])) == ({"state": CLOSED}, {}, [])
    assert follows(board(*PAID, state=CLOSING)) == ({"state": CLOSED}, {}, [])


def test_what_closes_has_every_open_part_cancelled_before_it_is_closed() -> None:
    two = (taken(State.OPEN, 1), taken(State.PENDING, 2), taken(State.SETTLED, 3), free(4))
    assert follows(board(*two), END) == ({"state": CLOSING}, {}, [101, 102])
    assert follows(board(*two, state=CLOSING)) == ({}, {}, [101, 102])
    wanted = [replace(each, part=part(State.OPEN, cancel_wanted=True)) for each in two[:2]]
    assert follows(board(*wanted, *two[2:], state=CLOSING)) == ({}, {}, [])
    over = [taken(State.CANCELLED, 1), taken(State.FAILED, 2)]
    assert follows(board(*over, *two[2:], state=CLOSING)) == ({"state": CLOSED}, {}, [])


def test_a_bill_without_open_parts_is_closed_at_its_end_at_once() -> None:
    assert follows(board(), END) == ({"state": CLOSED}, {}, [])
    assert follows(board(state=CLOSED), END) == ({}, {}, [])


def test_what_is_settled_otherwise_is_not_closed_while_its_invoice_can_be_paid() -> None:
    """Even where nothing else is missing: nobody pays twice."""
    twice = board(taken(State.OPEN, 1, otherwise=True), PAID[1])
    assert follows(twice) == ({}, {}, [101])
    wanted = taken(number=1, otherwise=True, part=part(State.OPEN, 1, cancel_wanted=True))
    assert follows(board(wanted, PAID[1])) == ({}, {}, [])
    assert follows(board(taken(State.CANCELLED, 1, otherwise=True), PAID[1])) == (
        {"state": CLOSED},
        {},
        [],
    )


# further invoices of a seat


@pytest.mark.parametrize("state", LIVE)
def test_an_invoice_beside_one_that_is_paid_is_cancelled_once(state: State) -> None:
    """A node may take back that it forgot one, and somebody may have paid it for another."""
    other = part(state, 2, id=300)
    paid = taken(State.SETTLED, others=(other,))
    assert follows(board(free(1), paid)) == ({}, {}, [300])
    wanted = replace(paid, others=(replace(other, cancel_wanted=True),))
    assert follows(board(free(1), wanted)) == ({}, {}, [])


def test_every_live_invoice_of_a_seat_that_is_left_is_cancelled_before_it_is_free() -> None:
    two = taken(State.OPEN, leaving=True, others=(part(State.OPEN, 2, id=300),))
    assert follows(board(free(1), two)) == ({}, {}, [102, 300])
    gone = part(State.CANCELLED, 2)
    one = replace(two, part=gone)
    assert follows(board(free(1), one)) == ({}, {}, [300])
    none = replace(one, others=())
    assert follows(board(free(1), none)) == ({}, {2: FREED}, [])


def test_a_bill_is_not_closed_while_a_further_invoice_of_it_can_be_paid() -> None:
    twice = replace(PAID[1], others=(part(State.OPEN, 2, id=300),))
    for state in (OPEN, CLOSING):
        assert follows(board(PAID[0], twice, state=state)) == ({}, {}, [300])
    over = replace(twice, others=(part(State.SETTLED, 2, id=300),))
    assert follows(board(PAID[0], over)) == ({"state": CLOSED}, {}, [])


def test_what_is_paid_by_somebody_else_is_paid() -> None:
    others = taken(part=part(State.SETTLED, 2, asker_id=9))
    assert follows(board(PAID[0], others)) == ({"state": CLOSED}, {}, [])


# joining, named people, collections


def test_who_is_in_is_asked_until_its_end_and_then_nobody_is() -> None:
    joined = board(taken(number=1, token=""), taken(number=2, token=""), state=JOINING)
    assert follows(joined) == ({}, {}, [])
    assert follows(joined, END) == ({"state": CLOSED}, {}, [])
    assert follows(board(state=JOINING), END - 1) == ({}, {}, [])


def test_an_owner_who_asks_alone_makes_no_bill_that_is_over() -> None:
    """Nobody is in but who paid the bill."""
    alone = board(taken(number=1, otherwise=True), state=JOINING)
    assert follows(alone) == ({}, {}, [])


def test_a_seat_that_is_kept_for_somebody_follows_nothing() -> None:
    assert follows(board(free(1), named())) == ({}, {}, [])
    assert follows(board(free(1), named(leaving=True))) == ({}, {2: FREED}, [])


def test_a_collection_goes_on_whatever_is_given() -> None:
    assert follows(collection()) == ({}, {}, [])
    assert follows(collection(gift(sats=20_000))) == ({}, {}, [])
    asked = gift(State.ASKING, 2)
    assert follows(collection(gift(sats=20_000), asked)) == ({}, {}, [])


def test_a_collection_that_closes_asks_nobody_how_much() -> None:
    """The question is a row of its own, which is cancelled as any other."""
    going_on = collection(gift(), gift(State.ASKING, 2), gift(State.OPEN, 3))
    assert follows(going_on, END) == ({"state": CLOSING}, {}, [102, 103])
    over = collection(gift(), gift(State.DROPPED, 2), gift(State.CANCELLED, 3), state=CLOSING)
    assert follows(over) == ({"state": CLOSED}, {}, [])
    assert follows(collection(state=CLOSING)) == ({"state": CLOSED}, {}, [])


# reminders


def test_a_reminder_falls_away_where_nobody_has_to_pay() -> None:
    gone = {"remind_wanted": False}
    assert follows(board(remind_wanted=True)) == ({}, {}, [])
    assert follows(board(*PAID, remind_wanted=True)) == ({"state": CLOSED} | gone, {}, [])
    live = taken(State.OPEN, 2, otherwise=True)
    assert follows(board(PAID[0], live, remind_wanted=True)) == (gone, {}, [102])
    for state in (CLOSING, CLOSED):
        assert follows(board(remind_wanted=True, state=state))[0].items() >= gone.items()
    assert follows(board(remind_wanted=True), END) == ({"state": CLOSED} | gone, {}, [])
    assert follows(collection(gift(), remind_wanted=True)) == (gone, {}, [])


# whatever it is


EVERY: list[Board] = [
    board(free(1), seat, state=state, remind_wanted=remind)
    for state in BoardState
    for remind in (False, True)
    for leaving in (False, True)
    for otherwise in (False, True)
    for wanted in (False, True)
    for of in (None, *State)
    for seat in [
        taken(
            leaving=leaving,
            otherwise=otherwise,
            part=None if of is None else part(of, cancel_wanted=wanted),
        )
    ]
]


def after(made: Board, now: float) -> Board:
    """The board with what follows written down."""
    come = consequences(made, now)
    seats = []
    for seat in made.seats:
        there = seat.part
        if there is not None and there.id in come.cancels:
            there = replace(there, cancel_wanted=True)
        seats.append(replace(seat, **come.seats.get(seat.number, {}), part=there))
    return replace(made, **come.board, seats=tuple(seats))


@pytest.mark.parametrize("now", [NOW, END])
def test_what_follows_is_written_twice_at_most_and_never_again(now: float) -> None:
    """A step that follows for ever would be a fault of the board."""
    for made in EVERY:
        once = after(made, now)
        assert not consequences(after(once, now), now), made
        assert not consequences(once, now), made


@pytest.mark.parametrize("now", [NOW, END])
def test_nothing_is_free_or_closed_that_can_be_paid(now: float) -> None:
    for made in EVERY:
        there = after(made, now)
        seat, before = there.seats[1], made.seats[1]
        if before.is_live:
            assert seat.person_id == before.person_id
            assert there.state is not CLOSED or made.state is CLOSED
        assert seat.is_paid == before.is_paid
