"""What comes next for a board, case by case: what follows from its parts, what is shown of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.board import (
    EDIT_EVERY_S,
    FREED,
    Board,
    BoardState,
    Seat,
    SeatState,
    consequences,
    next_board_step,
    prepared,
    resting,
)
from bot.core.invoice import Audience, State
from bot.core.steps import Around, Step
from bot.core.work import MAX_FAULTS, MAX_PAUSE_S, SENDS, Do, Lane
from tests.bills import END, PART_MSAT, board, free, part, taken
from tests.rows import NOW

REACHED, LOST = Around(), Around(unreachable=frozenset({Audience.CHAT}))
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED
PAID = (taken(State.SETTLED, 1), taken(State.SETTLED, 2))
OTHER = {"shown": "another face", "shown_at": NOW - EDIT_EVERY_S}
REST = Step(Do.WAIT, END)


def failing(do: Do) -> dict[str, Any]:
    return {"tried": do, "attempts": 2, "retry_at": NOW + 5}


TABLE: list[tuple[str, Board, Around, float, Step]] = [
    # open
    ("new", board(is_shown=False), REACHED, NOW, Step(Do.SEND_CARD)),
    ("new, unreachable", board(is_shown=False), LOST, NOW, REST),
    (
        "put off",
        board(is_shown=False, **failing(Do.SEND_CARD)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "due again",
        board(is_shown=False, **failing(Do.SEND_CARD)),
        REACHED,
        NOW + 5,
        Step(Do.SEND_CARD),
    ),
    (
        "put off by a clock that was set back",
        board(is_shown=False, tried=Do.SEND_CARD, retry_at=NOW + MAX_PAUSE_S + 1),
        REACHED,
        NOW,
        Step(Do.SEND_CARD),
    ),
    (
        "another step was put off",
        board(**OTHER, **failing(Do.SEND_CARD)),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    ("refused", board(is_shown=False, undeliverable=True), REACHED, NOW, REST),
    ("shown", board(), REACHED, NOW, REST),
    ("something else", board(**OTHER), REACHED, NOW, Step(Do.EDIT_CARD)),
    ("something else, unreachable", board(**OTHER), LOST, NOW, REST),
    (
        "edited just now",
        board(**OTHER | {"shown_at": NOW - 1}),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 2),
    ),
    (
        "edited in the future, as a clock was set back",
        board(**OTHER | {"shown_at": NOW + 900}),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    ("removed from the chat", board(**OTHER, card_id=None), REACHED, NOW, REST),
    ("taken", board(free(1), taken(State.OPEN)), REACHED, NOW, REST),
    ("paid in part", board(free(1), taken(State.SETTLED)), REACHED, NOW, REST),
    ("at its end", board(), REACHED, END, Step(Do.REARRANGE)),
    ("at its end, unreachable", board(), LOST, END, Step(Do.REARRANGE)),
    ("at its end, refused", board(undeliverable=True), REACHED, END, Step(Do.REARRANGE)),
    ("leaving", board(free(1), taken(leaving=True)), REACHED, NOW, Step(Do.REARRANGE)),
    ("leaving, unreachable", board(free(1), taken(leaving=True)), LOST, NOW, Step(Do.REARRANGE)),
    ("all paid", board(*PAID), REACHED, NOW, Step(Do.REARRANGE)),
    ("stuck", board(*PAID, faults=MAX_FAULTS), REACHED, NOW, Step(Do.NOTHING)),
    # closing
    ("nothing is open", board(state=CLOSING), REACHED, NOW, Step(Do.REARRANGE)),
    (
        "a part is open",
        board(free(1), taken(State.OPEN), state=CLOSING),
        REACHED,
        NOW,
        Step(Do.REARRANGE),
    ),
    (
        "its cancellation is wanted",
        board(free(1), taken(part=part(State.OPEN, cancel_wanted=True)), state=CLOSING),
        REACHED,
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "so it is, to be shown",
        board(free(1), taken(part=part(State.OPEN, cancel_wanted=True)), state=CLOSING, **OTHER),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    # closed
    ("to be shown", board(*PAID, state=CLOSED, **OTHER), REACHED, NOW, Step(Do.EDIT_CARD)),
    ("to be told", board(*PAID, state=CLOSED), REACHED, NOW, Step(Do.ANNOUNCE)),
    ("to be told, unreachable", board(*PAID, state=CLOSED), LOST, NOW, Step(Do.NOTHING)),
    (
        "to be told, put off",
        board(*PAID, state=CLOSED, **failing(Do.ANNOUNCE)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    ("told", board(*PAID, state=CLOSED, announced=True), REACHED, NOW, Step(Do.NOTHING)),
    ("removed, to be told", board(state=CLOSED, card_id=None), REACHED, NOW, Step(Do.ANNOUNCE)),
    (
        "refused, closed",
        board(is_shown=False, undeliverable=True, state=CLOSED),
        REACHED,
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "never shown, closed",
        board(is_shown=False, state=CLOSED),
        REACHED,
        NOW,
        Step(Do.SEND_CARD),
    ),
]


@pytest.mark.parametrize(
    ("made", "around", "now", "step"), [each[1:] for each in TABLE], ids=[each[0] for each in TABLE]
)
def test_what_comes_next(made: Board, around: Around, now: float, step: Step) -> None:
    assert next_board_step(made, around, now) == step


def test_each_step_of_a_board_is_in_the_table() -> None:
    assert {step.do for *_, step in TABLE} == {
        *(Do.REARRANGE, Do.SEND_CARD, Do.EDIT_CARD, Do.ANNOUNCE, Do.WAIT, Do.NOTHING)
    }


# what follows


def follows(made: Board, now: float = NOW) -> tuple[Any, Any, Any]:
    come = consequences(made, now)
    return come.board, dict(come.seats), list(come.cancels)


LIVE = (State.PENDING, State.OPEN)
DEAD = (State.EXPIRED, State.CANCELLED, State.FAILED)


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


# what is shown


def test_a_seat_shows_who_has_it_and_whether_it_is_paid() -> None:
    shown = {
        SeatState.FREE: [free()],
        SeatState.TAKEN: [taken(), *(taken(state) for state in (*DEAD, *LIVE))],
        SeatState.PAID: [taken(State.SETTLED), taken(State.SETTLED, otherwise=True)],
        SeatState.SETTLED: [taken(otherwise=True), taken(State.OPEN, otherwise=True)],
    }
    for state, seats in shown.items():
        assert {seat.state for seat in seats} == {state}


def test_a_bill_is_covered_by_what_was_paid_which_may_be_more() -> None:
    more = taken(part=part(State.SETTLED, paid_msat=PART_MSAT + 5000))
    assert board(more, free(3)).done_msat == PART_MSAT + 5000
    assert board(more, free(3, otherwise=True)).done_msat == 2 * PART_MSAT + 5000
    assert board(more, taken(State.OPEN, 3), taken(State.EXPIRED, 4)).done_msat == PART_MSAT + 5000


def same(*seats: Seat, **changes: Any) -> bool:
    return board(*seats, **changes).face == board(free(1), taken(State.OPEN)).face


def test_the_face_is_the_same_where_the_same_is_read() -> None:
    assert same(free(1), taken())
    assert same(free(1), taken(State.EXPIRED))
    assert same(free(1), taken(State.OPEN, leaving=True))
    assert same(free(1), taken(State.OPEN, token="another"))
    assert same(free(1), taken(State.OPEN), shown_at=NOW, due_at=NOW, lane=Lane.BOARDS)
    assert same(free(1), taken(State.OPEN), announced=True, card_id=None, chat_id=-9)


def test_the_face_is_another_one_where_something_else_is_read() -> None:
    different = [
        board(free(1), taken(State.SETTLED)),
        board(free(1), taken(part=part(State.SETTLED, paid_msat=PART_MSAT + 1000))),
        board(free(1), taken(part=part(State.SETTLED, asker_id=9, asker_name="Cora"))),
        board(free(1), taken(State.OPEN, name="Berta")),
        board(free(1), taken(State.OPEN, otherwise=True)),
        board(free(1), free(2)),
        board(taken(State.OPEN, 1), taken(State.OPEN)),
        board(free(1), taken(State.OPEN), state=CLOSING),
        board(free(1), taken(State.OPEN), state=CLOSED),
        board(free(1), taken(State.OPEN), state=CLOSED, closed_by="Cora"),
        board(free(1), taken(State.OPEN), free(3)),
    ]
    faces = [each.face for each in (*different, board(free(1), taken(State.OPEN)))]
    assert len({*faces}) == len(faces)


def test_a_board_is_the_same_row_whatever_its_seats() -> None:
    assert board(free(1), taken()) == replace(board(free(1), taken()), seats=())


# what is written for the next step, and when it is due


def test_what_is_sent_next_is_marked_before() -> None:
    fresh = board(is_shown=False)
    assert prepared(fresh, {}, REACHED, NOW)["sending"] is Do.SEND_CARD
    over = board(*PAID, **OTHER, state=CLOSED)
    assert prepared(over, {"shown": over.face}, REACHED, NOW)["sending"] is Do.ANNOUNCE
    assert prepared(over, {}, REACHED, NOW)["sending"] is None
    assert Do.EDIT_CARD not in SENDS


def rests(made: Board, around: Around = REACHED) -> tuple[float | None, Lane]:
    columns = resting(made, next_board_step(made, around, NOW), around, NOW)
    return columns["due_at"], columns["lane"]


def test_an_open_board_is_due_at_its_end_in_any_chat() -> None:
    assert rests(board()) == (END, Lane.BOARDS)
    assert rests(board(), LOST) == (END, Lane.BOARDS)
    assert rests(board(**OTHER), LOST) == (END, Lane.BOARDS)
    assert rests(board(is_shown=False), LOST) == (END, Lane.BOARDS)


def test_a_board_that_cannot_be_shown_waits_for_its_chat() -> None:
    assert rests(board(*PAID, state=CLOSED), LOST) == (None, Lane.UNREACHABLE)
    assert rests(board(*PAID, state=CLOSED, **OTHER), LOST) == (None, Lane.UNREACHABLE)
    assert rests(board(*PAID, state=CLOSED, announced=True), LOST) == (None, Lane.BOARDS)


def test_a_board_that_is_stuck_waits_for_nothing() -> None:
    assert rests(board(*PAID, faults=MAX_FAULTS)) == (None, Lane.BOARDS)


def test_an_edit_that_was_too_early_is_due() -> None:
    assert rests(board(**OTHER | {"shown_at": NOW - 1})) == (NOW + 2, Lane.BOARDS)
