"""Whatever happens to a bill, in whatever order: once nothing more is to be done, it is true."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import delivery
from bot.core.board import (
    Board,
    BoardState,
    Rearranged,
    Seat,
    Sent,
    consequences,
    next_board_step,
    prepared,
)
from bot.core.board_outcomes import judge_board
from bot.core.invoice import Audience, Invoice, State
from bot.core.steps import Around
from bot.core.work import RESTS, Do
from bot.errors import (
    AnswerUnreadable,
    ChatBusy,
    ChatForbidden,
    ChatRefused,
    MaybeSent,
    MessageGone,
    TopicGone,
)
from tests.bills import END, board, free, part
from tests.rows import NOW

SEATS = 2
LIVE = (State.PENDING, State.OPEN)
#: What Telegram may answer once, None: it does what it is asked.
ANSWERS = [
    None,
    ChatBusy(1.0),
    ChatForbidden(),
    ChatRefused(),
    MaybeSent(),
    AnswerUnreadable(),
    MessageGone(),
    TopicGone(),
    KeyError("a bug"),
]
seat_numbers = st.integers(1, SEATS)
events = st.one_of(
    st.tuples(st.sampled_from(["sit", "ask", "leave", "confirm", "pay", "expire"]), seat_numbers),
    st.tuples(st.sampled_from(["close", "end", "heard", "kill"]), st.just(0)),
    st.tuples(st.just("step"), st.sampled_from(ANSWERS)),
)


class Bill:
    """A bill as the database keeps it, the node as it is, and Telegram as it answers."""

    def __init__(self) -> None:
        seats = [free(n) for n in range(1, SEATS + 1)]
        self.board = board(*seats, is_shown=False, thread_id=7)
        self.now = NOW
        self.unreachable: frozenset[Audience] = frozenset()
        self.paid_msat = 0
        self.people = count(20)
        self.numbers = count(50)
        self.ids = count(200)

    @property
    def around(self) -> Around:
        return Around(unreachable=self.unreachable)

    def seat(self, number: int) -> Seat:
        return self.board.seats[number - 1]

    def change(self, number: int, **columns: object) -> None:
        seats = [
            replace(seat, **columns) if seat.number == number else seat  # type: ignore[arg-type]
            for seat in self.board.seats
        ]
        self.board = replace(self.board, seats=tuple(seats))

    def becomes(self, number: int, state: State, only: tuple[State, ...] = LIVE) -> Invoice | None:
        """The node's word on a seat's part, where it can be that."""
        there = self.seat(number).part
        if there is None or there.state not in only:
            return None
        self.change(number, part=replace(there, state=state))
        return there

    def happens(self, event: str, value: Any) -> None:
        """One event: a method's name, of a seat, of the whole bill, or one answer of Telegram's."""
        of_all = {"close": self.close, "end": self.end, "heard": self.heard, "kill": self.kill}
        if event in of_all:
            of_all[event]()
        else:
            getattr(self, event)(value)

    @property
    def is_open(self) -> bool:
        return self.board.state is BoardState.OPEN

    def sit(self, number: int) -> None:
        seat = self.seat(number)
        if self.is_open and not seat.person_id and not seat.is_done:
            self.change(number, person_id=next(self.people), name="X", leaving=False)

    def ask(self, number: int) -> None:
        self.sit(number)
        seat = self.seat(number)
        if self.is_open and seat.person_id and not seat.is_live and not seat.is_done:
            made = part(State.PENDING, number, seat.person_id, id=next(self.ids))
            self.change(number, part=made)

    def leave(self, number: int) -> None:
        if self.seat(number).person_id and not self.seat(number).is_done:
            self.change(number, leaving=True)

    def confirm(self, number: int) -> None:
        self.becomes(number, State.OPEN, (State.PENDING,))

    def pay(self, number: int) -> None:
        if there := self.becomes(number, State.SETTLED, (State.OPEN,)):
            paid = replace(there, state=State.SETTLED, paid_msat=there.amount_msat or 0)
            self.change(number, part=paid)
            self.paid_msat += paid.paid_msat

    def expire(self, number: int) -> None:
        self.becomes(number, State.EXPIRED)

    def close(self) -> None:
        if self.is_open:
            self.board = replace(self.board, state=BoardState.CLOSING)

    def end(self) -> None:
        self.now = max(self.now, END)

    def heard(self) -> None:
        self.unreachable = frozenset()

    def kill(self) -> None:
        self.board = replace(self.board, **delivery.left_behind(self.board))

    def step(self, answer: Exception | None) -> Do:
        """One step of the worker's."""
        step = next_board_step(self.board, self.around, self.now)
        if step.do in RESTS:
            return step.do
        result: Sent | Rearranged | Exception
        if step.do is Do.REARRANGE:
            result = self.rearrange()
        elif answer is not None:
            result = answer
        else:
            number = next(self.numbers) if step.do is Do.SEND_CARD else None
            result = Sent(self.board.face, number)
        verdict = judge_board(step.do, self.board, result, self.around, now=self.now)
        if verdict.is_lost:
            self.unreachable = frozenset({Audience.CHAT})
        columns = prepared(self.board, verdict.columns, self.around, self.now)
        self.board = replace(self.board, **columns)
        return step.do

    def rearrange(self) -> Rearranged:
        come = consequences(self.board, self.now)
        for number, columns in come.seats.items():
            self.change(number, **columns)
        for seat in self.board.seats:
            if seat.part is not None and seat.part.id in come.cancels:
                self.change(seat.number, part=replace(seat.part, cancel_wanted=True))
        self.board = replace(self.board, **come.board)
        return Rearranged(come.board, follows_again=bool(consequences(self.board, self.now)))

    def settle_down(self) -> None:
        """The node confirms, and cancels what is wanted; Telegram takes everything."""
        for _ in range(200):
            for seat in self.board.seats:
                there = seat.part
                if there is not None and there.state in LIVE and there.cancel_wanted:
                    self.becomes(seat.number, State.CANCELLED)
            step = next_board_step(self.board, self.around, self.now)
            if step.do in RESTS and not (step.do is Do.WAIT and step.at <= self.now + 60):
                return
            if step.do is Do.WAIT:
                self.now = step.at
            self.step(None)
        raise AssertionError(step)


def check(bill: Bill) -> None:
    """What holds at any moment."""
    there: Board = bill.board
    assert sum(seat.paid_msat for seat in there.seats) == bill.paid_msat
    live = [seat for seat in there.seats if seat.is_live]
    assert all(seat.person_id for seat in live)  # nobody else gets it meanwhile
    assert not live or there.state is not BoardState.CLOSED


@settings(deadline=None, max_examples=400)
@given(st.lists(events, min_size=8, max_size=60))
def test_whatever_happens_a_bill_ends_up_true(story: list[tuple[str, object]]) -> None:
    bill = Bill()
    for event, value in story:
        bill.happens(event, value)
        check(bill)
    bill.settle_down()
    check(bill)
    there = bill.board
    assert not [seat for seat in there.seats if seat.leaving]
    assert there.state is not BoardState.CLOSING
    assert there.faults == 0
    if there.is_all_done or bill.now >= END:
        assert there.state is BoardState.CLOSED
    can_be_shown = not there.undeliverable and not bill.unreachable
    is_there = there.card_id is not None or not there.shown
    if can_be_shown and is_there:
        assert there.shown == there.face
    if can_be_shown and there.state is BoardState.CLOSED and there.card_id is not None:
        assert there.announced
