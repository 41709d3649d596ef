"""Whatever happens to a bill, in whatever order: once nothing more is to be done, it is true.

And so is each of its messages that the bot knows of.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any, Unpack

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import delivery
from bot.core.board import FREED, Board, BoardColumns, BoardState, Rearranged, Seat, Sent
from bot.core.board_outcomes import MAX_REFUSALS, judge_board
from bot.core.board_steps import consequences, next_board_step, prepared
from bot.core.invoice import LATE_S, Audience, Invoice, PartKind, State
from bot.core.steps import Around
from bot.core.work import EDITS, RESTS, Do
from bot.errors import (
    AnswerUnreadable,
    ChatBusy,
    ChatForbidden,
    ChatRefused,
    MaybeSent,
    MessageGone,
    NoAnswer,
    TopicGone,
)
from tests.bills import END, PART_MSAT, board, free, part
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
    NoAnswer(),
    MessageGone(),
    TopicGone(),
    KeyError("a bug"),
]
seat_numbers = st.integers(1, SEATS)
OF_A_SEAT = [
    *("sit", "ask", "ask_for", "leave", "confirm", "pay", "expire"),
    *("free", "settle", "unsettle"),
]
OF_ALL = [
    "fix",
    "add",
    "remind",
    "move",
    "press",
    "close",
    "end",
    "heard",
    "kill",
    "refuse",
    "later",
    "late",
]
events = st.one_of(
    st.tuples(st.sampled_from(OF_A_SEAT), seat_numbers),
    st.tuples(st.sampled_from(OF_ALL), st.just(0)),
    st.tuples(st.just("step"), st.sampled_from(ANSWERS)),
    st.tuples(st.just("slow_step"), st.sampled_from([None, NoAnswer()])),
)
stories = st.lists(events, min_size=8, max_size=60)


class Bill:
    """A bill as the database keeps it, the node as it is, and Telegram as it answers."""

    def __init__(self, state: BoardState) -> None:
        seats = [free(n) for n in range(1, SEATS + 1)]
        self.board = board(*seats, is_shown=False, thread_id=7, state=state)
        self.now = NOW
        self.unreachable: frozenset[Audience] = frozenset()
        self.paid_msat = 0
        self.people = count(20)
        self.numbers = count(50)
        self.ids = count(200)
        self.messages: dict[int, str] = {}  # in the chat, and what each shows
        self.refused: set[int | None] = set()  # of these, whose last edit was not taken
        #: Edits without an answer that are still to come: of which message, its face, until when.
        self.on_their_way: list[tuple[int, str, float]] = []

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

    def wants(self, **columns: Unpack[BoardColumns]) -> None:
        self.board = replace(self.board, **columns)

    def becomes(self, number: int, state: State, only: tuple[State, ...] = LIVE) -> Invoice | None:
        """The node's word on a seat's part, where it can be that."""
        there = self.seat(number).part
        if there is None or there.state not in only:
            return None
        self.change(number, part=replace(there, state=state))
        return there

    def happens(self, event: str, value: Any) -> None:
        """One event: a method's name, of a seat, of the whole bill, or one answer of Telegram's."""
        if event in OF_ALL:
            getattr(self, event)()
        else:
            getattr(self, event)(value)

    @property
    def is_open(self) -> bool:
        return self.board.takes_payments

    # people

    def fix(self) -> None:
        if self.board.state is BoardState.JOINING:
            self.wants(state=BoardState.OPEN)

    def sit(self, number: int) -> None:
        if self.is_open and self.seat(number).is_free:
            who = next(self.people)
            self.change(number, person_id=who, name="X", token=f"t{who}", leaving=False)

    def ask(self, number: int) -> None:
        self.sit(number)
        if self.seat(number).person_id:
            self.part(number, self.seat(number).person_id, PartKind.OWN)

    def ask_for(self, number: int) -> None:
        """Somebody pays for whoever has the seat."""
        self.part(number, 9, PartKind.OTHERS)

    def part(self, number: int, who: int, kind: PartKind) -> None:
        seat = self.seat(number)
        if self.is_open and not seat.is_live and not seat.is_done:
            made = part(State.PENDING, number, who, id=next(self.ids), part_kind=kind)
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

    # those who manage it

    def free(self, number: int) -> None:
        seat = self.seat(number)
        if self.is_open and not seat.is_paid:
            self.change(number, **({"leaving": True} if seat.is_live else FREED), otherwise=False)

    def settle(self, number: int) -> None:
        if self.is_open and not self.seat(number).is_paid:
            self.change(number, otherwise=True)

    def unsettle(self, number: int) -> None:
        if self.is_open and not self.seat(number).is_paid:
            self.change(number, otherwise=False)

    def add(self) -> None:
        if self.is_open and len(self.board.seats) < 4:
            seats = (*self.board.seats, free(len(self.board.seats) + 1))
            self.board = replace(self.board, seats=seats, sum_msat=self.board.sum_msat + PART_MSAT)

    def remind(self) -> None:
        if self.is_open and self.board.unpaid:
            self.wants(remind_wanted=True, **delivery.once_more(self.board, Do.REMIND))

    def move(self) -> None:
        again = delivery.once_more(self.board, Do.SEND_CARD)
        self.wants(move_wanted=True, moved_at=self.now, undeliverable=False, **again)

    def press(self) -> None:
        """On any message that is there: the newest."""
        if self.messages:
            self.wants(**self.board.with_message(max(self.messages)))

    def close(self) -> None:
        if self.board.state in (BoardState.JOINING, BoardState.OPEN):
            self.wants(state=BoardState.CLOSING)

    # what happens

    def end(self) -> None:
        self.pass_to(max(self.now, END))

    def late(self) -> None:
        """An edit comes after all."""
        if self.on_their_way:
            self.comes(self.on_their_way[0])

    def comes(self, edit: tuple[int, str, float]) -> None:
        self.on_their_way.remove(edit)
        message, face, _ = edit
        if message in self.messages:
            self.messages[message] = face

    def pass_to(self, at: float) -> None:
        for edit in [each for each in self.on_their_way if each[2] <= at]:
            self.comes(edit)
        self.now = at

    def heard(self) -> None:
        self.unreachable = frozenset()

    def kill(self) -> None:
        self.wants(**delivery.left_behind(self.board))

    def refuse(self) -> None:
        """Telegram means it."""
        for _ in range(MAX_REFUSALS):
            self.later()
            self.step(ChatRefused())

    def later(self) -> None:
        """What was put off is due; edits are."""
        self.pass_to(self.now + (5 if self.now < END else 0))

    def slow_step(self, answer: Exception | None) -> Do:
        """Telegram does it at once, and says so much later."""
        return self.step(answer, takes_s=LATE_S + 1)

    def step(self, answer: Exception | None, *, takes_s: float = 0.0) -> Do:
        """One step of the worker's."""
        began_at = self.now
        step = next_board_step(self.board, self.around, self.now)
        if step.do in RESTS:
            return step.do
        result: Sent | Rearranged | Exception
        is_here = step.do is Do.REARRANGE
        result = self.rearrange() if is_here else self.in_the_chat(step.do, answer)
        if not is_here:
            self.pass_to(self.now + takes_s)
        verdict = judge_board(
            step.do, self.board, result, self.around, began_at=began_at, now=self.now
        )
        if verdict.is_lost:
            self.unreachable = frozenset({Audience.CHAT})
        self.wants(**prepared(self.board, verdict.columns, self.around, self.now))
        return step.do

    def in_the_chat(self, do: Do, answer: Exception | None) -> Sent | Exception:
        """What Telegram does, and what it says."""
        there = self.board
        message = {
            Do.SEND_CARD: next(self.numbers),
            Do.EDIT_CARD: there.card_id,
            Do.EDIT_DUPLICATE: there.untrue_duplicate,
            Do.REMOVE_BEFORE: there.before_id,
        }.get(do)
        if do in EDITS and type(answer) is NoAnswer and message is not None:
            self.on_their_way.append((message, there.face, self.now + LATE_S))
        elif message is not None and (answer is None or isinstance(answer, MaybeSent)):
            if do is Do.REMOVE_BEFORE:
                self.messages.pop(message, None)
            else:
                assert do is Do.SEND_CARD or message in self.messages
                self.messages[message] = there.face
                self.refused.discard(message)
        if isinstance(answer, MessageGone) and do is not Do.SEND_CARD and message is not None:
            self.messages.pop(message, None)
        if isinstance(answer, ChatRefused):  # where no new one is taken, the old one is left alone
            self.refused |= {message, there.card_id} - {None}
        return answer or Sent(there.face, message if do is Do.SEND_CARD else None)

    def rearrange(self) -> Rearranged:
        come = consequences(self.board, self.now)
        for number, columns in come.seats.items():
            self.change(number, **columns)
        for seat in self.board.seats:
            if seat.part is not None and seat.part.id in come.cancels:
                self.change(seat.number, part=replace(seat.part, cancel_wanted=True))
        self.wants(**come.board)
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
                self.pass_to(step.at)
            self.step(None)
        raise AssertionError(step)


def check(bill: Bill) -> None:
    """What holds at any moment."""
    there: Board = bill.board
    assert sum(seat.paid_msat for seat in there.seats) == bill.paid_msat
    live = [seat for seat in there.seats if seat.is_live]
    assert not [seat for seat in live if seat.is_free]  # nobody else gets it meanwhile
    assert not live or there.state is not BoardState.CLOSED
    assert len([seat for seat in there.seats if seat.person_id]) == len(
        {seat.person_id for seat in there.seats} - {0}
    )


@settings(deadline=None, max_examples=600)
@given(st.sampled_from([BoardState.OPEN, BoardState.OPEN, BoardState.JOINING]), stories)
def test_whatever_happens_a_bill_ends_up_true(
    state: BoardState, story: list[tuple[str, object]]
) -> None:
    bill = Bill(state)
    for event, value in story:
        bill.happens(event, value)
        check(bill)
    bill.settle_down()
    check(bill)
    there = bill.board
    assert not [seat for seat in there.seats if seat.leaving]
    assert there.state is not BoardState.CLOSING
    assert there.faults == 0
    assert there.sending is None
    if there.is_all_done or bill.now >= END:
        assert there.state is BoardState.CLOSED
    if there.undeliverable or bill.unreachable:
        return
    assert there.shown
    assert there.untrue_duplicate is None
    assert (there.before_id, there.move_wanted, there.remind_wanted) == (None, False, False)
    assert there.announced is (there.state is BoardState.CLOSED)
    known = ({there.card_id} | {*there.duplicates}) - bill.refused
    assert {bill.messages.get(each or 0, there.face) for each in known} <= {there.face}
