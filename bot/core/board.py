"""One board: a bill in seats, what people want of it, and what comes next. Pure.

The invoices are the truth: whether a seat is paid is read off its part, an ordinary row. A board
keeps who has which seat, what people want, and what its message shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Unpack

from bot.core import delivery, work
from bot.core.invoice import Invoice, Placed, PlacedColumns, State
from bot.core.steps import Around, Step
from bot.core.work import MAX_PAUSE_S, RESTS, Do, Key, Lane, Work, WorkColumns, is_stuck

#: Seconds between two edits of a board.
EDIT_EVERY_S = 3.0
#: Seconds that a board lives.
LIVES_S = 7 * 86_400.0
#: A seat has one open invoice; each person of a board so many in an hour.
PARTS_AN_HOUR = 5
HOUR_S = 3600.0
#: What a message shows of which the bot has only just heard: no face.
ANY_FACE = "?"


class BoardState(StrEnum):
    """Where a board is."""

    OPEN = "open"
    CLOSING = "closing"  # its open parts are being cancelled
    CLOSED = "closed"


class SeatState(StrEnum):
    """What a seat is shown as."""

    FREE = "free"
    TAKEN = "taken"
    PAID = "paid"
    SETTLED = "settled otherwise"  # the asker paid the bill


#: The lanes that boards are due in: a new one is a command's answer.
BOARD_LANES = (Lane.COMMAND, Lane.BOARDS)

#: What the node may still be paid for, or has on its way.
_LIVE = (State.ASKING, State.PENDING, State.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One seat, with its newest part, or the one that is paid. Amount in millisatoshi."""

    number: int  # from 1
    amount_msat: int
    person_id: int = 0  # 0: nobody
    name: str = ""
    token: str = ""  # what its person opens the private chat with
    leaving: bool = False  # free once its part is closed
    otherwise: bool = False  # settled without a part
    part: Invoice | None = None

    @property
    def is_paid(self) -> bool:
        """Whether the node has its part's money."""
        return self.part is not None and self.part.state is State.SETTLED

    @property
    def is_live(self) -> bool:
        """Whether its part can be paid, or may be soon."""
        return self.part is not None and self.part.state in _LIVE

    @property
    def is_done(self) -> bool:
        """Whether nobody has to pay it."""
        return self.is_paid or self.otherwise

    @property
    def state(self) -> SeatState:
        """What it is shown as."""
        if self.is_paid:
            return SeatState.PAID
        if self.otherwise:
            return SeatState.SETTLED
        return SeatState.TAKEN if self.person_id else SeatState.FREE

    @property
    def paid_msat(self) -> int:
        """What the node received for it."""
        return self.part.paid_msat if self.part is not None and self.is_paid else 0

    @property
    def done_msat(self) -> int:
        """How much of the bill it covers: what was paid, which may be more, or its amount."""
        return self.paid_msat if self.is_paid else self.amount_msat if self.otherwise else 0


class SeatColumns(WorkColumns, total=False):
    """What changes of a seat."""

    person_id: int
    name: str
    token: str
    leaving: bool
    otherwise: bool


@dataclass(frozen=True, kw_only=True)
class Board(Placed, Work):
    """One board. Amounts in millisatoshi, times in Unix seconds."""

    id: int
    handle: str  # what its buttons carry
    origin_chat_id: int
    origin_message_id: int
    bot_id: int = 0
    asker_id: int
    asker_name: str
    chat_title: str = ""
    asked_at: float
    sum_msat: int
    memo: str = ""
    ends_at: float
    state: BoardState = BoardState.OPEN
    closed_by: str = ""
    shown: str = ""  # the face that its message shows
    shown_at: float = 0.0
    seats: tuple[Seat, ...] = field(default=(), compare=False)

    @property
    def key(self) -> Key:
        """Which row it is, among those that are worked on."""
        return Key("boards", self.id)

    @property
    def is_all_done(self) -> bool:
        """Whether every seat is paid or settled otherwise."""
        return bool(self.seats) and all(seat.is_done for seat in self.seats)

    @property
    def done_msat(self) -> int:
        """How much of the bill is covered."""
        return sum(seat.done_msat for seat in self.seats)

    @property
    def face(self) -> str:
        """What its message should show now, in short: equal faces read the same."""
        seats = [
            (seat.number, seat.state, seat.name, seat.amount_msat, seat.done_msat, _payer(seat))
            for seat in self.seats
        ]
        said = (self.state, self.closed_by, self.sum_msat, self.ends_at, seats)
        return hashlib.blake2s(repr(said).encode(), digest_size=8).hexdigest()

    @property
    def misses_its_message(self) -> bool:
        """Whether its chat shows it, in a message whose number the bot does not know."""
        return bool(self.shown) and self.card_id is None

    @property
    def tag(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"board": self.id, "chat": self.chat_id}

    @property
    def urgency(self) -> Lane:
        """How urgent its messages are: a new board is a command's answer."""
        return Lane.BACKGROUND if self.shown else Lane.COMMAND


class BoardColumns(PlacedColumns, WorkColumns, total=False):
    """What changes of a board: its columns by name."""

    origin_chat_id: int
    origin_message_id: int
    bot_id: int
    handle: str
    asker_id: int
    asker_name: str
    chat_title: str
    asked_at: float
    sum_msat: int
    memo: str
    ends_at: float
    state: BoardState
    closed_by: str
    shown: str
    shown_at: float


def board_changes(**columns: Unpack[BoardColumns]) -> BoardColumns:
    """Columns put together from those of the parts."""
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What follows from the parts, and from what people want: all of it is for the database."""

    board: BoardColumns
    seats: Mapping[int, SeatColumns]  # by number
    cancels: Sequence[int]  # rows whose cancellation is wanted

    def __bool__(self) -> bool:
        return bool(self.board or self.seats or self.cancels)


@dataclass(frozen=True, slots=True)
class Sent:
    """The chat shows `face`; `message_id` of a new message."""

    face: str
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Rearranged:
    """What followed was written: these columns of the board, among others.

    `follows_again`: the same follows once more, so that nothing has changed.
    """

    columns: BoardColumns
    follows_again: bool = False


#: What a seat is once its person has left it.
FREED: SeatColumns = {"person_id": 0, "name": "", "token": "", "leaving": False}


def consequences(board: Board, now: float) -> Consequences:
    """What follows at `now` (Unix seconds).

    Nothing is free or closed before the node has said that its invoice is: a payment that is faster
    wins.
    """
    state = board.state
    if state is BoardState.OPEN and now >= board.ends_at:
        state = BoardState.CLOSING
    is_closing = state is BoardState.CLOSING
    seats: dict[int, SeatColumns] = {}
    cancels: list[int] = []
    for seat in board.seats:
        if seat.is_live and (is_closing or seat.leaving or seat.otherwise):
            if seat.part is not None and not seat.part.cancel_wanted:
                cancels.append(seat.part.id)
        elif seat.leaving:
            seats[seat.number] = {"leaving": False} if seat.is_done else FREED
    if (board.is_all_done or is_closing) and not any(seat.is_live for seat in board.seats):
        state = BoardState.CLOSED
    columns: BoardColumns = {} if state is board.state else {"state": state}
    return Consequences(board=columns, seats=seats, cancels=cancels)


def next_board_step(board: Board, around: Around, now: float) -> Step:
    """What comes next for a board at `now` (Unix seconds). Pure.

    ========  =======================================  ==========================================
    state     when                                     step
    ========  =======================================  ==========================================
    any       something follows from its parts         REARRANGE
    any       its message shows something else, and    SEND_CARD, EDIT_CARD once the last edit is
              its chat can be reached                  three seconds ago
    closed    nobody was told, its chat can be         ANNOUNCE
              reached, and it is shown
    open      otherwise                                WAIT for its end
    closing,  otherwise                                NOTHING: its parts make it due again
    closed
    ========  =======================================  ==========================================

    A step that was put off is WAIT until it may be tried again. A board that is stuck, or that
    Telegram does not take, or whose chat cannot be reached shows nothing; what follows from its
    parts is done all the same, unless it is stuck.
    """
    step = _wanted(board, around, now)
    if step.do is board.tried and now < board.retry_at <= now + MAX_PAUSE_S:
        return Step(Do.WAIT, board.retry_at)
    return step


def _wanted(board: Board, around: Around, now: float) -> Step:
    if is_stuck(board):
        return Step(Do.NOTHING)
    if consequences(board, now):
        return Step(Do.REARRANGE)
    rest = Step(Do.WAIT, board.ends_at) if board.state is BoardState.OPEN else Step(Do.NOTHING)
    if around.chat_is_unreachable or board.undeliverable:
        return rest
    if board.shown != board.face:
        if board.card_id is None:
            return rest if board.shown else Step(Do.SEND_CARD)
        editable_at = board.shown_at + EDIT_EVERY_S
        is_early = now < editable_at <= now + EDIT_EVERY_S
        return Step(Do.WAIT, editable_at) if is_early else Step(Do.EDIT_CARD)
    is_over = board.state is BoardState.CLOSED
    return Step(Do.ANNOUNCE) if is_over and not board.announced and board.shown else rest


def prepared(board: Board, columns: BoardColumns, around: Around, now: float) -> BoardColumns:
    """An outcome with what the step after it needs written before."""
    after = replace(board, **columns)
    step = next_board_step(after, around, now)
    columns = {**columns, **delivery.after(step.do)}
    if step.do in RESTS:
        columns = {**columns, **resting(after, step, around, now)}
    return columns


def resting(board: Board, step: Step, around: Around, now: float) -> WorkColumns:
    """When and where a board is due again that is let go with this step."""
    if step.do is Do.WAIT:  # its end comes, whether its chat can be reached or not
        return work.rests(step.at, Lane.BOARDS)
    reachable = Around(jitter=around.jitter)
    if around.chat_is_unreachable and next_board_step(board, reachable, now) != step:
        return work.unreachable()
    return work.rests(None, Lane.BOARDS)


def _payer(seat: Seat) -> str:
    """Who paid it, where that is not its own person."""
    if seat.part is None or not seat.is_paid or seat.part.asker_id == seat.person_id:
        return ""
    return seat.part.asker_name
