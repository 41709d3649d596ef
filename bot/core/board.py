"""One board: a bill or a collection in seats, what people want of it, and what it shows. Pure.

The invoices are the truth: whether a seat is paid is read off its part, an ordinary row. A board
keeps who has which seat, what people want, and what its message shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TypedDict, Unpack

from bot.core import split
from bot.core.invoice import Invoice, PartKind, Placed, PlacedColumns, State
from bot.core.work import Key, Lane, SharedWork, SharedWorkColumns

#: A seat has one open invoice; each person of a board so many that are not paid in an hour.
PARTS_AN_HOUR = 5
HOUR_S = 3600.0
#: Seconds between two reminders, and between two messages at the bottom of the chat.
REMIND_EVERY_S = HOUR_S
MOVE_EVERY_S = 60.0
#: What a message shows of which the bot has only just heard: no face.
ANY_FACE = "?"
#: Before the face that Telegram did not take: the message shows an older one. It is tried again
#: after so many seconds, as long as the board is of interest.
REFUSED = "!"
REFUSED_AGAIN_S, REFUSED_FOR_S = 300.0, 24 * HOUR_S
#: Copies of a board's message that are kept true.
MAX_DUPLICATES = 10
#: As many gifts can a collection have.
MAX_GIFTS = 500


class BoardState(StrEnum):
    """Where a board is."""

    JOINING = "joining"  # who is in? nobody is asked for money yet
    OPEN = "open"
    CLOSING = "closing"  # its open parts are being cancelled
    CLOSED = "closed"


#: Neither closed nor about to be: it can be joined, or paid.
GOES_ON = (BoardState.JOINING, BoardState.OPEN)


class BoardKind(StrEnum):
    """What is asked for."""

    SPLIT = "split"  # a bill in equal parts
    COLLECTION = "collection"  # gifts of any amount


class SeatState(StrEnum):
    """What a seat is shown as."""

    FREE = "free"
    NAMED = "named"  # kept for somebody who has not asked for its invoice
    TAKEN = "taken"
    PAID = "paid"
    SETTLED = "settled otherwise"  # the asker paid the bill


#: The lanes that boards are due in: a new one is a command's answer.
BOARD_LANES = (Lane.COMMAND, Lane.BOARDS)

#: What the node may still be paid for, or has on its way.
_LIVE = (State.ASKING, State.PENDING, State.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One seat, with its newest part, or the one that is paid. Amount in millisatoshi.

    Of a collection each gift has one, whose amount is what its part says.
    """

    number: int  # from 1
    amount_msat: int
    person_id: int = 0  # 0: nobody, or somebody whose user name alone is known
    name: str = ""
    username: str = ""  # in lower case, of whom it is kept for, until that person presses
    token: str = ""  # what its person opens the private chat with
    leaving: bool = False  # free once its part is closed
    otherwise: bool = False  # settled without a part
    paid_bill: bool = False  # because its person, an owner who asked, paid the bill
    hidden: bool = False  # its person's name is not shown
    part: Invoice | None = None
    #: Further invoices of it that are paid or can be: a node may take back that it forgot one.
    others: tuple[Invoice, ...] = ()

    @property
    def is_paid(self) -> bool:
        """Whether the node has its part's money."""
        return self.part is not None and self.part.state is State.SETTLED

    @property
    def paid(self) -> tuple[Invoice, ...]:
        """Its invoices that were paid: several where a node knew one again."""
        return tuple(part for part in self.parts if part.state is State.SETTLED)

    @property
    def paid_by_others(self) -> tuple[Invoice, ...]:
        """Those of them that were somebody else's than its person's."""
        return tuple(
            part
            for part in self.paid
            if part.part_kind is PartKind.OTHERS or part.asker_id != self.person_id
        )

    @property
    def is_named(self) -> bool:
        """Whether it is known what everybody may read of its person."""
        return bool(self.name) or self.hidden

    @property
    def is_short(self) -> bool:
        """Whether the node took less for it than was asked for; LND does not."""
        return self.is_paid and 0 < self.paid_msat < self.amount_msat

    @property
    def live(self) -> tuple[Invoice, ...]:
        """Its invoices that can be paid, or may be soon."""
        return tuple(part for part in self.parts if part.state in _LIVE)

    @property
    def parts(self) -> tuple[Invoice, ...]:
        """Its newest invoice, or the one that is paid, and the further ones."""
        return (() if self.part is None else (self.part,)) + self.others

    @property
    def is_live(self) -> bool:
        """Whether there is one."""
        return any(part.state in _LIVE for part in self.parts)

    @property
    def is_done(self) -> bool:
        """Whether nobody has to pay it."""
        return self.is_paid or self.otherwise

    @property
    def is_free(self) -> bool:
        """Whether anybody may take it."""
        return self.is_nobodys and not self.is_live

    @property
    def is_nobodys(self) -> bool:
        """Whether it is to be paid, and kept for no one: somebody may be paying it for others."""
        return not (self.person_id or self.username or self.is_done)

    @property
    def state(self) -> SeatState:
        """What it is shown as."""
        if self.is_paid:
            return SeatState.PAID
        if self.otherwise:
            return SeatState.SETTLED
        if self.person_id and self.token:
            return SeatState.TAKEN
        return SeatState.NAMED if self.person_id or self.username else SeatState.FREE

    @property
    def whose(self) -> str:
        """A mark of the person whose seat it is, which a button can carry."""
        who = f"{self.person_id} {self.username}"
        return hashlib.blake2s(who.encode(), digest_size=4).hexdigest()

    @property
    def public_name(self) -> str:
        """Whose it is, as everybody may read it; "" for nobody's, or where that is hidden."""
        return "" if self.hidden else self.name or (f"@{self.username}" if self.username else "")

    @property
    def paid_msat(self) -> int:
        """What the node received for it, with whatever invoice."""
        return sum(part.paid_msat for part in self.paid)

    @property
    def otherwise_msat(self) -> int:
        """How much of the bill was settled otherwise with it: nothing of what the node received."""
        return self.amount_msat if self.otherwise and not self.paid_msat else 0

    @property
    def done_msat(self) -> int:
        """How much of the bill it covers: what was paid, which may be more, or its amount."""
        return self.paid_msat + self.otherwise_msat


class SeatColumns(TypedDict, total=False):
    """What changes of a seat."""

    amount_msat: int
    person_id: int
    name: str
    username: str
    token: str
    leaving: bool
    otherwise: bool
    paid_bill: bool
    hidden: bool


@dataclass(frozen=True, kw_only=True)
class Board(Placed, SharedWork):
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
    kind: BoardKind = BoardKind.SPLIT
    sum_msat: int  # of a collection its goal, 0: none
    suggested_msat: int = 0  # a gift, 0: none is
    memo: str = ""
    ends_at: float
    state: BoardState = BoardState.OPEN
    closed_by: str = ""
    shown: str = ""  # the face that its message shows
    shown_at: float = 0.0
    #: Copies of its message that a press or a reply made known, and the face that each shows.
    duplicates: Mapping[int, str] = field(default_factory=dict)
    before_id: int | None = None  # its message before it was moved down, to be removed
    move_wanted: bool = False  # a new message at the bottom of the chat
    moved_at: float = 0.0  # when that was wanted last
    remind_wanted: bool = False  # one message to those who have not paid
    reminded_at: float = 0.0  # when that was wanted last
    seats: tuple[Seat, ...] = field(default=(), compare=False)

    @property
    def key(self) -> Key:
        """Which row it is, among those that are worked on."""
        return Key("boards", self.id)

    @property
    def is_split(self) -> bool:
        """Whether it is a bill in parts."""
        return self.kind is BoardKind.SPLIT

    @property
    def is_all_done(self) -> bool:
        """Whether every part of a bill is paid or settled otherwise, and nothing more can be paid.

        A collection goes on.
        """
        return self.is_over and not (self.is_live or any(seat.is_short for seat in self.seats))

    @property
    def is_live(self) -> bool:
        """Whether an invoice of it can be paid, or may be soon."""
        return any(seat.is_live for seat in self.seats)

    @property
    def is_over(self) -> bool:
        """Whether nobody has to pay any part of a bill, though a node may have taken too little."""
        return self.is_asked and all(seat.is_done for seat in self.seats)

    @property
    def is_asked(self) -> bool:
        """Whether people are asked for their parts of a bill: their number is fixed."""
        is_fixed = self.state is not BoardState.JOINING
        return self.is_split and is_fixed and any(seat.amount_msat for seat in self.seats)

    @property
    def is_reached(self) -> bool:
        """Whether a collection has its goal."""
        return not self.is_split and 0 < self.sum_msat <= self.done_msat

    @property
    def is_news(self) -> bool:
        """Whether there is something to announce: all is paid, a goal is reached, or it closed."""
        return not self.announced and (self.state is BoardState.CLOSED or self.is_reached)

    @property
    def unpaid(self) -> tuple[Seat, ...]:
        """The parts of a bill that somebody has to pay."""
        return tuple(seat for seat in self.seats if not seat.is_done)

    @property
    def live(self) -> tuple[Invoice, ...]:
        """The parts that are open at the node, or may be."""
        return tuple(part for seat in self.seats for part in seat.live)

    @property
    def takes_payments(self) -> bool:
        """Whether an invoice for a part may be made: as long as it says that it is open, whatever
        clock there is."""
        return self.state is BoardState.OPEN

    def knows(self, person_id: int) -> bool:
        """Whether this person has a seat, and it is known what everybody may read of them."""
        mine = (seat for seat in self.seats if seat.person_id == person_id)
        return any(seat.is_named for seat in mine)

    def seat(self, number: int) -> Seat | None:
        """The seat with this number."""
        return next((seat for seat in self.seats if seat.number == number), None)

    def renewed_for(self, part: Invoice) -> bool:
        """Whether the newest invoice of a part's seat is of the same person."""
        seat = self.seat(part.part)
        newest = None if seat is None else seat.part
        return newest is not None and newest.asker_id == part.asker_id

    def may_renew(self, part: Invoice) -> bool:
        """Whether a part is the newest of a seat that is still to be paid by whom it was for."""
        seat = self.seat(part.part)
        if seat is None or seat.part is None or not self.takes_payments:
            return False
        if part.part_kind is PartKind.OTHERS:  # it says whose part it is
            is_theirs = seat.public_name == part.part_for
        else:
            is_theirs = seat.person_id == part.asker_id
        return seat.part.id == part.id and is_theirs and not seat.is_done

    @property
    def paid_msat(self) -> int:
        """What the node received for it."""
        return sum(seat.paid_msat for seat in self.seats)

    @property
    def otherwise_msat(self) -> int:
        """What was settled otherwise."""
        return sum(seat.otherwise_msat for seat in self.seats)

    @property
    def is_refused(self) -> bool:
        """Whether Telegram did not take what its message should show now."""
        return self.card_id is not None and self.shown == REFUSED + self.face

    def refused_again_at(self, now: float) -> float | None:
        """When that is tried again, in Unix seconds; None: no more."""
        if not self.is_refused or now >= self.ends_at + REFUSED_FOR_S:
            return None
        at = self.shown_at + REFUSED_AGAIN_S
        return at if at <= now + REFUSED_AGAIN_S else now  # the clock was set

    @property
    def untrue_duplicate(self) -> int | None:
        """The first copy beside its message that does not show what is."""
        for number, shown in self.duplicates.items():
            if shown != self.face and number != self.card_id:
                return number
        return None

    def with_message(self, number: int) -> BoardColumns:
        """What becomes of a message that has its button, and that a press or a reply made known."""
        is_late = self.state not in GOES_ON  # it should have no button
        is_to_be_drawn = is_late and self.shown == self.face
        if number == self.card_id and (is_to_be_drawn or self.shown.startswith(REFUSED)):
            return {"shown": ANY_FACE}  # it may be taken now
        if is_late and self.duplicates.get(number) == self.face:
            return {"duplicates": {**self.duplicates, number: ANY_FACE}}
        if number in (self.card_id, self.before_id, *self.duplicates):
            return {}
        if self.card_id is None and self.shown:
            return {"card_id": number, "shown": ANY_FACE}
        kept = list(self.duplicates.items())[1 - MAX_DUPLICATES :]
        return {"duplicates": {**dict(kept), number: ANY_FACE}}

    @property
    def done_msat(self) -> int:
        """How much of the bill is covered."""
        return sum(seat.done_msat for seat in self.seats)

    @cached_property
    def face(self) -> str:
        """What its message should show now, in short: equal faces read the same."""
        seats = [
            (
                seat.number,
                seat.state,
                seat.paid_bill,
                seat.name,
                seat.username,
                seat.hidden,
                seat.amount_msat,
                seat.done_msat,
                " ".join(f"{part.asker_id} {part.asker_name}" for part in seat.paid_by_others),
            )
            for seat in self.seats
            if self.is_split or seat.is_paid
        ]
        said = (self.state, self.closed_by, self.sum_msat, self.ends_at, seats)
        return hashlib.blake2s(repr(said).encode(), digest_size=8).hexdigest()

    @property
    def tag(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"board": self.id, "chat": self.chat_id}

    @property
    def urgency(self) -> Lane:
        """How urgent its messages are: a new board is a command's answer."""
        return Lane.BACKGROUND if self.shown else Lane.COMMAND


class BoardColumns(PlacedColumns, SharedWorkColumns, total=False):
    """What changes of a board: its columns by name."""

    origin_chat_id: int
    origin_message_id: int
    bot_id: int
    handle: str
    asker_id: int
    asker_name: str
    chat_title: str
    asked_at: float
    kind: BoardKind
    sum_msat: int
    suggested_msat: int
    memo: str
    ends_at: float
    state: BoardState
    closed_by: str
    shown: str
    shown_at: float
    duplicates: Mapping[int, str]
    before_id: int | None
    move_wanted: bool
    moved_at: float
    remind_wanted: bool
    reminded_at: float


def board_changes(**columns: Unpack[BoardColumns]) -> BoardColumns:
    """Columns put together from those of the parts."""
    return columns


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
FREED: SeatColumns = {
    "person_id": 0,
    "paid_bill": False,
    "name": "",
    "username": "",
    "token": "",
    "leaving": False,
    "hidden": False,
}


def in_parts(seats: Sequence[Seat], sum_msat: int) -> list[Seat]:
    """These seats with numbers from 1, each with its part of a sum in millisatoshi."""
    amounts = split.parts(sum_msat, len(seats))
    return [
        replace(seat, number=number, amount_msat=amount_msat)
        for number, (seat, amount_msat) in enumerate(zip(seats, amounts, strict=True), 1)
    ]
