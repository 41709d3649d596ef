"""What happened, in order, and to which command: the storm's own record. Knows no simulator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bot.core import notices
from bot.core.wishes import Change
from bot.demo.node import ACCEPTED, OPEN, SimInvoice
from bot.demo.telegram import Chat, Message, User

Kind = Literal["invoice", "question", "bad", "unwelcome", "bill", "part"]
#: How a board begins: a bill in so many parts, one whose people say first that they are in, or a
#: collection.
Form = Literal["parts", "who is in", "collection"]

#: What a former bot may not have heard of, beside presses: that somebody wanted a bill closed.
CLOSING = b"closing"
#: States in which the node has an invoice that is not over.
PAYABLE = (OPEN, ACCEPTED)
#: Seconds after a send in which a kill may come before its record, on a busy machine.
UNRECORDED_S = 2.0
#: Seconds within which what people press is heard, the longest absences included.
HEARD_WITHIN_S = 20.0
#: Seconds after which a server gives up a process that stands still.
STALLED_S = 5.0


@dataclass(slots=True, eq=False)
class Sent:
    """A call that put a message into a chat; `lost`: its answer did not get through.

    `odd`: something else did, perhaps without the message's number.
    """

    called_at: float
    acted_at: float
    lost: bool = False
    odd: bool = False


@dataclass(slots=True, eq=False)
class Shown:
    """A message of the bot's, as what it began: a card, a question, a word, a notice, ..."""

    message: Message
    sent: Sent
    role: str
    command: Command | None
    payment_hash: bytes = b""
    roles: list[str] = field(default_factory=list)
    pressed: bool = False  # somebody pressed a button on it: from then on it has to be true


@dataclass(slots=True, eq=False)
class Command:
    """What somebody asked for, and what became of it in the outside world."""

    number: int
    kind: Kind
    asker: User
    chat: Chat
    thread: int | None
    amount_msat: int
    memo: str
    message: Message | None = None
    said_at: float = 0.0
    said_to: User | None = None  # the bot of then
    asked: bool = False  # the amount was said, so that an invoice is due
    deleted_cards: int = 0
    invoices: list[SimInvoice] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    #: payment hashes → when somebody who may do so wanted them cancelled, renewed
    cancels: dict[bytes, float] = field(default_factory=dict)
    #: What an admin wanted cancelled, of whom the bot asks Telegram first: that can be lost.
    tried: set[bytes] = field(default_factory=set)
    #: Somebody ended the question before it was answered.
    question_ended: bool = False
    renewals: dict[bytes, float] = field(default_factory=dict)
    # what a former bot may never have heard: the command itself; presses, by payment hash
    is_unheard: bool = False
    unheard: set[bytes] = field(default_factory=set)

    @property
    def name(self) -> str:
        """As it is in the book."""
        return f"command {self.number}"

    @property
    def said(self) -> Message:
        """The command itself, which was said."""
        assert self.message is not None
        return self.message

    def of_role(self, *roles: str) -> list[Shown]:
        """Its messages that show one of these now."""
        return [each for each in self.shown if each.role in roles and not each.message.deleted]


@dataclass(slots=True, eq=False)
class Bill(Command):
    """A bill that somebody splits, or a collection. `amount_msat` is the sum, or the goal, 0 for
    none."""

    form: Form = "parts"
    seats: int = 0
    suggested_msat: int = 0
    is_owners: bool = False
    parts: list[Part] = field(default_factory=list)
    #: In private: how it is managed, and how much somebody gives.
    panels: list[Shown] = field(default_factory=list)
    questions: list[Shown] = field(default_factory=list)
    #: What people wrote in answer to a question.
    amounts: set[Message] = field(default_factory=set)
    #: Who pressed last when; who was given the link; who wanted to leave.
    pressed: dict[User, float] = field(default_factory=dict)
    linked: dict[User, float] = field(default_factory=dict)
    left: dict[User, float] = field(default_factory=dict)
    #: Who said that they are in, and was told so; whose part somebody else wanted, or took away.
    joined: dict[User, float] = field(default_factory=dict)
    disturbed: set[User] = field(default_factory=set)
    freed: set[User] = field(default_factory=set)
    #: Parts that somebody wanted to add, and those that were.
    adds: int = 0
    added: int = 0
    #: When it was wanted at the end of the chat; how often a reminder was.
    moves: list[float] = field(default_factory=list)
    reminders: int = 0
    #: By the number of a seat: what somebody wanted last who manages it, and whether they heard
    #: that it is so.
    managed: dict[int, tuple[Change, bool]] = field(default_factory=dict)
    #: Who paid for others, with which invoice.
    for_others: dict[bytes, User] = field(default_factory=dict)
    #: Who hid their name with each gift, by its invoice.
    hidden: dict[bytes, User] = field(default_factory=dict)
    #: When each followed a link, which brings a card of some time ago once more.
    followed: dict[User, list[float]] = field(default_factory=dict)
    #: When somebody who may do so wanted it closed; when they may only have been heard.
    close_wanted_at: float | None = None
    close_tried_at: float | None = None
    #: The node's word on its invoices, in order: when, which, and whether it could be paid then.
    payable: list[tuple[float, bytes, bool]] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As it is in the book."""
        return f"{'collection' if self.is_collection else 'bill'} {self.number}"

    @property
    def is_collection(self) -> bool:
        """Whether people give what they like."""
        return self.form == "collection"


@dataclass(slots=True, eq=False)
class Part(Command):
    """An invoice for somebody's seat. Whose it is, a message with its hash tells, or its row."""

    bill: Bill | None = None
    is_known: bool = False
    part_kind: str = ""  # as its row says

    @property
    def of(self) -> Bill:
        """The bill that it is a part of."""
        assert self.bill is not None
        return self.bill

    @property
    def invoice(self) -> SimInvoice:
        """The one that it is."""
        return self.invoices[0]

    @property
    def paid_sats(self) -> int:
        """What the node received for it."""
        return self.invoice.paid_msat // 1000

    @property
    def is_payable(self) -> bool:
        """Whether the node takes a payment, or has the first part of one."""
        return self.invoice.state in PAYABLE

    @property
    def name(self) -> str:
        """As it is in the book."""
        return f"part {self.number} of {self.of.name} ({self.asker.first_name})"


@dataclass(slots=True, eq=False)
class Act:
    """What an owner did about somebody who is not let in by the settings; times in Unix seconds.

    `what`: let them in, remove them, or refuse them. `heard_at`: when they heard that it is so,
    None before, or where nobody answers. `unsure`: another owner's answer may have counted instead.
    `is_told`: who asked hears of it.
    """

    what: Literal["allow", "deny", "refuse"]
    said_at: float
    heard_at: float | None = None
    unsure: bool = False
    is_told: bool = True


@dataclass(slots=True, eq=False)
class Subject:
    """A person or a group that may be let in: what owners did, in order, and who asked."""

    name: str
    person: User | None = None
    chat: Chat | None = None  # the group, as it was first
    acts: list[Act] = field(default_factory=list)

    def is_in(self, at: float) -> bool | None:
        """Whether it was let in at this moment; None where nobody can say."""
        state: bool | None = False
        for act in self.acts:
            if act.said_at > at:
                break
            if act.what == "refuse":
                continue
            wanted = act.what == "allow"
            is_sure = act.heard_at is not None and act.heard_at <= at and not act.unsure
            if is_sure:
                state = wanted
            elif state is not wanted:
                state = None
        return state

    def may_be_in(self, since: float, until: float) -> bool:
        """Whether it may have been let in at any moment between these."""
        moments = [since, until, *(act.said_at for act in self.acts if since < act.said_at < until)]
        return any(self.is_in(at) is not False for at in moments)


@dataclass(slots=True, frozen=True)
class Event:
    """Something that happened, at `at` (Unix seconds); to no command: to all."""

    at: float
    what: str
    command: Command | None = None


class Book:
    """Everything that happened."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.kills: list[float] = []
        #: What went wrong and is no command's, in a sentence each.
        self.wrongs: list[str] = []
        #: What the owners hear for a reason.
        self.owners_hear: set[notices.Kind] = set()
        #: When nothing could be recorded, and until when the last of it may have waited to be.
        self.unwritable: list[tuple[float, float]] = []
        #: When a server gave up a process that stood still, on a machine that has too much to do.
        self.stalls: list[float] = []
        self.breaks: list[float] = []  # moments at which open connections to Telegram broke
        self.figures: dict[str, int] = {}
        self._troubles: dict[int, str] = {}
        self._trouble_count = 0
        self._calm_since: float | None = time.time()
        self.calms: list[tuple[float, float]] = []

    def note(self, what: str, command: Command | None = None) -> None:
        """Something happened now."""
        self.events.append(Event(time.time(), what, command))

    def count(self, figure: str, by: int = 1) -> None:
        """One more of these."""
        self.figures[figure] = self.figures.get(figure, 0) + by

    # when all is well

    def begin(self, what: str) -> int:
        """A trouble begins; give its number to `end`."""
        if self._calm_since is not None:
            self.calms.append((self._calm_since, time.time()))
            self._calm_since = None
        self._trouble_count += 1
        self._troubles[self._trouble_count] = what
        self.note(f"{what} begins")
        return self._trouble_count

    def end(self, number: int) -> None:
        """It is over."""
        what = self._troubles.pop(number)
        self.note(f"{what} is over")
        if not self._troubles:
            self._calm_since = time.time()

    @contextmanager
    def trouble(self, what: str) -> Iterator[None]:
        """A trouble for as long as this lasts."""
        number = self.begin(what)
        try:
            yield
        finally:
            self.end(number)

    @property
    def troubles(self) -> list[str]:
        """What goes on now."""
        return list(self._troubles.values())

    def calm_after(self, at: float, for_s: float) -> float | None:
        """The first moment from `at` on after which all was well for so long; None for never."""
        now = time.time()
        calms = [*self.calms, *([(self._calm_since, now)] if self._calm_since else [])]
        for begin, end in calms:
            if end - max(begin, at) >= for_s:
                return max(begin, at)
        return None

    def unsure(self, sent: Sent) -> bool:
        """Whether the bot might not have recorded a message: a lost answer, or a kill near it."""
        # what was on its way as the bot died still arrives
        since, until = sent.called_at - UNRECORDED_S, sent.acted_at + UNRECORDED_S
        for begin, end in self.unwritable:
            if begin <= until and since <= end:
                until = max(until, end + UNRECORDED_S)
        broken = any(sent.called_at <= at <= sent.acted_at + 0.5 for at in self.breaks)
        stood_still = any(since <= at <= until + STALLED_S for at in self.stalls)
        killed = any(since <= at <= until for at in self.kills)
        return sent.lost or broken or stood_still or killed

    def lines(self) -> list[str]:
        """Everything that happened, line by line."""
        began = self.events[0].at if self.events else 0.0
        return [
            f"{each.at - began:9.3f}  {each.command.name if each.command else '--'}: {each.what}"
            for each in self.events
        ]

    def life(self, command: Command, log: list[tuple[float, str]]) -> list[str]:
        """What happened to a command and around it, line by line, with the bot's own `log`."""
        own = [event for event in self.events if event.command is command]
        if not own:
            return []
        first, last = own[0].at, own[-1].at + 3
        marks = [f"invoice={each.payment_hash[:4].hex()}" for each in command.invoices]
        lines = [(event.at, event.what) for event in own]
        lines += [
            (event.at, f"-- {event.what}")
            for event in self.events
            if event.command is None and first <= event.at <= last
        ]
        lines += [(at, f"   bot: {line}") for at, line in log if any(m in line for m in marks)]
        return [f"{at - first:9.3f}  {what}" for at, what in sorted(lines)]
