"""What is shown of a board: its seats, its face, its messages; and what its parts add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.board import ANY_FACE, MAX_DUPLICATES, Board, BoardState, Seat, SeatState, in_parts
from bot.core.invoice import PartKind, State
from bot.core.work import Lane
from tests.bills import BERT, END, PART_MSAT, board, collection, free, gift, named, part, taken
from tests.rows import NOW

JOINING, OPEN = BoardState.JOINING, BoardState.OPEN
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED
LIVE = (State.ASKING, State.PENDING, State.OPEN)
SETTLED = State.SETTLED
DEAD = (State.EXPIRED, State.CANCELLED, State.FAILED, State.DROPPED)


def test_a_seat_shows_who_has_it_and_whether_it_is_paid() -> None:
    shown = {
        SeatState.FREE: [free()],
        SeatState.NAMED: [named(), taken(token=""), taken(State.CANCELLED, token="")],
        SeatState.TAKEN: [taken(), *(taken(state) for state in (*DEAD, *LIVE))],
        SeatState.PAID: [taken(State.SETTLED), taken(State.SETTLED, otherwise=True)],
        SeatState.SETTLED: [taken(otherwise=True), taken(State.OPEN, otherwise=True)],
    }
    assert set(shown) == set(SeatState)
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
    assert same(free(1), taken(State.OPEN), duplicates={1: ANY_FACE}, before_id=4, move_wanted=True)
    assert same(free(1), taken(State.OPEN), remind_wanted=True, reminded_at=NOW)
    # who pays for Bert is said once it is paid
    assert same(free(1), taken(part=part(State.OPEN, asker_id=9, part_kind=PartKind.OTHERS)))


def test_the_face_tells_who_paid_the_bill_from_whose_part_was_settled() -> None:
    settled, payers = (taken(otherwise=True, paid_bill=each) for each in (False, True))
    assert board(settled).face != board(payers).face


def test_the_face_is_another_one_where_something_else_is_read() -> None:
    different = [
        board(free(1), taken(State.SETTLED)),
        board(free(1), taken(part=part(State.SETTLED, paid_msat=PART_MSAT + 1000))),
        board(free(1), taken(State.OPEN, name="Berta")),
        board(free(1), taken(State.OPEN, otherwise=True)),
        board(free(1), free(2)),
        board(taken(State.OPEN, 1), taken(State.OPEN)),
        board(free(1), taken(State.OPEN), state=CLOSING),
        board(free(1), taken(State.OPEN), state=CLOSED),
        board(free(1), taken(State.OPEN), state=CLOSED, closed_by="Cora"),
        board(free(1), taken(State.OPEN), free(3)),
        board(free(1), taken(State.OPEN, hidden=True)),
        board(free(1), taken(State.OPEN, token="")),
        board(free(1), named()),
        board(free(1), named(username="adam")),
        board(free(1), taken(State.OPEN), state=JOINING),
        board(free(1), taken(State.OPEN), ends_at=END + 1),
        board(free(1), taken(State.OPEN), sum_msat=1000),
        board(free(1), taken(part=part(State.SETTLED, asker_id=9, part_kind=PartKind.OTHERS))),
    ]
    faces = [each.face for each in (*different, board(free(1), taken(State.OPEN)))]
    assert len({*faces}) == len(faces)


def test_a_board_is_the_same_row_whatever_its_seats() -> None:
    assert board(free(1), taken()) == replace(board(free(1), taken()), seats=())


def test_of_a_collection_only_gifts_that_are_paid_are_read() -> None:
    face = collection(gift()).face
    asked = [gift(state, 2) for state in (*LIVE, *DEAD)]
    assert {collection(gift(), each).face for each in asked} == {face}
    assert collection(gift(), gift(number=2)).face != face
    assert collection(gift(hidden=True)).face != face
    assert collection(gift(sats=1001)).face != face


# seats


@pytest.mark.parametrize("state", [None, *State])
def test_a_seat_is_free_while_nobody_has_it_and_nothing_of_it_can_be_paid(
    state: State | None,
) -> None:
    """Somebody may be about to pay for whoever comes."""
    there = None if state is None else part(state, part_kind=PartKind.OTHERS)
    is_dead = state is None or state in DEAD
    assert free(part=there).is_free is is_dead
    live = () if there is None else (there,)
    assert free(part=part(State.CANCELLED), others=live).is_free is (is_dead or state is SETTLED)
    for seat in (named(part=there), taken(state), free(part=there, otherwise=True)):
        assert not seat.is_free


def test_less_than_the_part_is_short_and_is_over_all_the_same() -> None:
    less = taken(part=part(SETTLED, paid_msat=PART_MSAT - 1))
    assert (less.is_paid, less.is_done, less.is_short) == (True, True, True)
    for paid_msat in (PART_MSAT, PART_MSAT + 1):
        assert not taken(part=part(SETTLED, paid_msat=paid_msat)).is_short
    assert not taken(part=part(State.OPEN, paid_msat=1)).is_short
    assert not gift().is_short
    bill = board(taken(SETTLED, 1), less)
    assert (bill.is_over, bill.is_all_done) == (True, False)
    assert board(taken(SETTLED, 1), taken(SETTLED)).is_all_done


@pytest.mark.parametrize("state", [State.ASKING, State.PENDING, State.OPEN])
def test_what_can_be_paid_is_not_all_done_however_it_was_settled(state: State) -> None:
    for seat in (
        taken(state, otherwise=True),
        taken(SETTLED, others=(part(state),)),
    ):
        bill = board(taken(SETTLED, 1), seat)
        assert (bill.is_over, bill.is_all_done) == (True, False)


def test_what_was_paid_with_two_invoices_counts_and_is_not_short() -> None:
    second = part(SETTLED, id=300, paid_msat=5000)
    twice = taken(part=part(SETTLED, paid_msat=PART_MSAT - 5000), others=(second,))
    assert (twice.paid_msat, twice.is_short) == (PART_MSAT, False)
    assert board(free(1), twice).paid_msat == PART_MSAT
    live = replace(twice, others=(part(State.OPEN, id=300),))
    assert live.paid_msat == PART_MSAT - 5000
    assert [each.id for each in live.live] == [300]


@pytest.mark.parametrize(
    ("seat", "name"),
    [
        (free(), ""),
        (taken(), "Bert"),
        (taken(hidden=True), ""),
        (named(), "@eve"),
        (named(name="Eve"), "Eve"),
        (named(hidden=True), ""),
    ],
)
def test_what_everybody_may_read_of_whose_it_is(seat: Seat, name: str) -> None:
    assert seat.public_name == name


def test_it_is_known_what_everybody_may_read_of_somebody() -> None:
    assert board(free(1), taken()).knows(BERT)
    assert board(free(1), taken(name="", hidden=True)).knows(BERT)
    assert not board(free(1), taken(name="")).knows(BERT)
    assert not board(free(1), named()).knows(BERT)


def test_a_sum_is_parted_among_the_seats_that_there_are() -> None:
    joined = [taken(number=4), named(7), free(9)]
    made = in_parts(joined, 3_001_000)
    assert [(seat.number, seat.amount_msat) for seat in made] == [
        (1, 1_001_000),
        (2, 1_000_000),
        (3, 1_000_000),
    ]
    assert [seat.public_name for seat in made] == ["Bert", "@eve", ""]


# collections


def test_a_goal_is_news_once_and_the_end_is_unless_it_was_told() -> None:
    assert not collection(gift(sats=9_999)).is_news
    reached = collection(gift(sats=9_000), gift(number=2))
    assert reached.is_reached
    assert reached.is_news
    assert not replace(reached, announced=True).is_news
    assert not collection(gift(), sum_msat=0).is_reached
    assert collection(state=CLOSED).is_news
    assert not board(taken(SETTLED, 1), taken(SETTLED)).is_reached
    assert not collection(gift()).is_over


# its messages


def test_a_message_of_which_the_bot_knows_is_no_copy() -> None:
    made = board(card_id=50, before_id=40, duplicates={60: "a face"})
    for number in (40, 50, 60):
        assert made.with_message(number) == {}


def test_the_first_copy_of_a_board_without_a_number_is_its_message() -> None:
    made = board(card_id=None, shown="a face")
    assert made.with_message(70) == {"card_id": 70, "shown": ANY_FACE}
    assert replace(made, card_id=70, shown=ANY_FACE).face != ANY_FACE


@pytest.mark.parametrize("made", [board(), board(is_shown=False)])
def test_every_other_copy_is_kept_true(made: Board) -> None:
    """So is one that came before the bot heard that its board was sent."""
    there = replace(made, **made.with_message(70))
    assert there.duplicates == {70: ANY_FACE}
    assert there.untrue_duplicate == 70
    assert replace(there, duplicates={70: there.face}).untrue_duplicate is None
    assert replace(there, card_id=70).untrue_duplicate is None


def test_the_newest_copies_are_kept() -> None:
    made = board()
    for number in range(100, 100 + 2 * MAX_DUPLICATES):
        made = replace(made, **made.with_message(number))
    assert [*made.duplicates] == [*range(100 + MAX_DUPLICATES, 100 + 2 * MAX_DUPLICATES)]


# another invoice for a part


def renewable(seat: Seat, *, mine: Any = None, **changes: Any) -> bool:
    there = mine or seat.part
    assert there is not None
    return board(free(1), seat, **changes).may_renew(there)


@pytest.mark.parametrize("state", DEAD)
def test_only_the_newest_part_of_ones_own_seat_may_be_renewed(state: State) -> None:
    assert renewable(taken(state))
    for closed in (JOINING, CLOSING, CLOSED):
        assert not renewable(taken(state), state=closed)


def test_nobody_renews_what_is_another_ones_older_or_done() -> None:
    seat = taken(State.CANCELLED)
    assert not renewable(seat, mine=part(State.CANCELLED, id=300))
    assert not renewable(replace(seat, person_id=9))
    assert not renewable(replace(seat, person_id=0))
    assert not renewable(replace(seat, otherwise=True))
    assert not renewable(taken(SETTLED))
    assert not renewable(seat, mine=part(State.CANCELLED, 7))  # of no seat
    assert not board(free(1), free(2)).may_renew(part(State.CANCELLED))


def test_who_pays_for_somebody_else_may_renew_that_while_it_is_theirs() -> None:
    """It says whose part it is."""
    others = {"asker_id": 9, "part_kind": PartKind.OTHERS, "part_for": "Bert"}
    seat = taken(part=part(State.EXPIRED, **others))
    assert renewable(seat)
    assert not renewable(replace(seat, person_id=0, name="", token=""))
    assert not renewable(replace(seat, person_id=10, name="Cora"))
    assert not renewable(replace(seat, otherwise=True))
    assert not renewable(seat, mine=part(State.EXPIRED, id=300, **others))
