"""One invoice: what people want, what is, and what is shown of it. Knows nothing outside.

A row keeps three things apart: what people *want* (amount, memo, a cancellation), what *is* (the
node's word) and what was *shown and announced* (the chat's). `bot.core.steps` compares them.
`Placed` and `Work` are parts that a board above many rows has as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Unpack

from bot.core.delivery import Delivery, DeliveryColumns
from bot.core.failure import Failure
from bot.core.work import Do, Key, Lane, Work, WorkColumns

#: A command older than this, in seconds, when it arrives or is taken up first is not carried out.
TOO_LATE_S = 600.0


class State(StrEnum):
    """What is: LND's own states, and before and beside them ours."""

    ASKING = "asking"  # the amount is not known yet
    PENDING = "pending"  # the node has not confirmed it yet
    OPEN = "open"
    SETTLED = "settled"
    EXPIRED = "expired"  # canceled at the node after its expiry
    CANCELLED = "cancelled"  # canceled at the node before its expiry, by a person or elsewhere
    FAILED = "failed"  # the node never confirmed it, or refused it
    DROPPED = "dropped"  # a question that nobody answered


#: The node may still be paid for these, or has them on their way.
AT_THE_NODE = (State.PENDING, State.OPEN)


class Face(StrEnum):
    """What a message of the card shows."""

    NOTHING = ""
    QUESTION = "question"
    WAITING = "waiting"
    OPEN = "open"
    OUTDATED = "outdated"  # open, with a button that reads otherwise by now
    UNCONFIRMED = "unconfirmed"
    PAID = "paid"
    EXPIRED = "expired"
    EXPIRED_REPLACED = "expired-replaced"
    CANCELLED = "cancelled"
    CANCELLED_REPLACED = "cancelled-replaced"
    FAILED = "failed"
    FAILED_REPLACED = "failed-replaced"


class Audience(StrEnum):
    """Who hears of a payment, the first who can be reached."""

    CHAT = ""
    ASKER = "asker"  # in private, since the chat cannot be reached
    OWNERS = "owners"


class PartKind(StrEnum):
    """What the invoice of a board's seat is for."""

    OWN = ""  # the payer's own part of a bill, or no part at all
    OTHERS = "others"  # somebody else's part
    GIFT = "gift"  # to a collection


#: Seconds in which an edit without an answer comes, or never does: Telegram, or a proxy before it,
#: may have it for a while after the bot has given up.
LATE_S = 60.0
#: A `redraw_at` that is over, whatever clock there is: a message shows what it should not.
AT_ONCE = 1.0


@dataclass(frozen=True, kw_only=True)
class Placed(Delivery):
    """Where a thing with a face is in its chat."""

    chat_id: int
    thread_id: int | None = None
    reply_to: int | None = None
    card_id: int | None = None
    #: From when on no edit comes that had no answer, in Unix seconds: its message is edited once
    #: more then, whatever it should show. 0: there is no such edit.
    redraw_at: float = 0.0
    undeliverable: bool = False  # Telegram does not take the text either: nothing more is sent
    announced: bool = False

    def redrawn_at(self, now: float) -> float | None:
        """When that is, as a clock that was set puts nothing off; None: nothing is to be drawn."""
        if not self.redraw_at or self.card_id is None:
            return None
        return self.redraw_at if self.redraw_at <= now + LATE_S else now

    def after_edit(self, began_at: float, now: float) -> float | None:
        """`redraw_at` at `now`, after an edit that was begun then (Unix seconds); None: as it is.

        Where one came late, another one may as well; and where the clock was set back meanwhile,
        one that is on its way may come yet.
        """
        at = self.redrawn_at(began_at)
        if at is None or at > began_at:
            return None
        is_early = self.redraw_at == AT_ONCE or self.redraw_at > began_at + LATE_S
        return now + LATE_S if is_early else 0.0


@dataclass(frozen=True, kw_only=True)
class Shown(Placed):
    """The same of an invoice, and what its messages show."""

    card_shown: Face = Face.NOTHING
    card_is_text: bool = False
    payment_request_separate: bool = False  # it has a message of its own
    payment_request_id: int | None = None  # that message
    payment_request_shown: Face = Face.NOTHING
    #: Copies of the card that a press made known, and what each shows.
    duplicates: Mapping[int, Face] = field(default_factory=dict)
    text_only: bool = False  # Telegram does not take the photo
    announce_to: Audience = Audience.CHAT
    notify_owners: bool = False  # of its payment, in private
    #: People who read of the payment in private, or, where it is False, may have read.
    notified: Mapping[int, bool] = field(default_factory=dict)
    notify_at: float = 0.0  # not before then, in Unix seconds


class PlacedColumns(DeliveryColumns, total=False):
    """Columns of `Placed` by name."""

    chat_id: int
    thread_id: int | None
    reply_to: int | None
    card_id: int | None
    redraw_at: float
    undeliverable: bool
    announced: bool


class ShownColumns(PlacedColumns, total=False):
    """Columns of `Shown` by name."""

    card_shown: Face
    card_is_text: bool
    payment_request_separate: bool
    payment_request_id: int | None
    payment_request_shown: Face
    duplicates: Mapping[int, Face]
    text_only: bool
    announce_to: Audience
    notify_owners: bool
    notified: Mapping[int, bool]
    notify_at: float


@dataclass(frozen=True, kw_only=True)
class Invoice(Shown, Work):
    """One row. Amounts in millisatoshi, times in Unix seconds."""

    id: int
    # where it comes from: the same part of a command is never two rows, nor is its renewal
    origin_chat_id: int
    origin_message_id: int
    part: int = 0
    renewal: int = 0
    bot_id: int = 0  # whose count of messages the origin's number is of
    board_id: int = 0  # the board whose seat number `part` it pays
    part_kind: PartKind = PartKind.OWN
    part_for: str = ""  # whose part it is, where that is somebody else's
    requester_id: int = 0  # who asked for the board, and hears in private that a part is paid
    hidden: bool = False  # nobody reads who paid it
    suggested_msat: int = 0  # where a giver is asked how much
    asker_id: int
    asker_name: str
    chat_title: str = ""  # the group's where it was asked; "" in private
    asked_at: float

    # wanted; amount None: not said yet, 0: any amount
    amount_msat: int | None
    memo: str = ""
    expiry_s: int
    cancel_wanted: bool = False
    cancelled_by: str = ""
    replaced: bool = False  # by its renewal

    # what is
    state: State
    node_id: str = ""
    payment_hash: bytes
    preimage: bytes | None = field(default=None, repr=False)
    payment_request: str = ""
    add_index: int = 0
    settle_index: int = 0
    expires_at: int = 0
    settled_at: int = 0
    paid_msat: int = 0
    failure: Failure | None = None  # or, while pending, what its waiting notice gives as the reason
    unconfirmed: bool = False  # open when the node said so last, and past its expiry since
    #: What its node could receive when it was added, where that was too little; None: enough, or
    #: nobody knows.
    receivable_msat: int | None = None

    @property
    def key(self) -> Key:
        """Which row it is, among those that are worked on."""
        return Key("invoices", self.id)

    @property
    def face(self) -> Face:
        """What the card should show now."""
        if self.state is State.OPEN:
            return Face.UNCONFIRMED if self.unconfirmed else Face.OPEN
        if self.state is State.EXPIRED:
            return Face.EXPIRED_REPLACED if self.replaced else Face.EXPIRED
        if self.state is State.CANCELLED:
            return Face.CANCELLED_REPLACED if self.replaced else Face.CANCELLED
        if self.state is State.FAILED:
            return Face.FAILED_REPLACED if self.replaced else Face.FAILED
        return _FACES.get(self.state, Face.NOTHING)

    @property
    def may_be_renewed(self) -> bool:
        """Whether a new invoice may be asked for in its stead, by a button."""
        if self.state is State.FAILED:
            return self.failure is None or not self.failure.is_of_the_request
        return self.state in (State.EXPIRED, State.CANCELLED) and not self.undeliverable

    @property
    def awaits_node(self) -> bool:
        """Whether only the node is waited for: nothing that is shown looks payable."""
        is_failed = self.state is State.FAILED and self.preimage is not None
        return is_failed or (self.state is State.OPEN and self.unconfirmed)

    @property
    def untrue_duplicate(self) -> int | None:
        """The first copy beside the card that does not show the state."""
        for number, shown in self.duplicates.items():
            if shown != self.face and number != self.card_id:
                return number
        return None

    @property
    def may_look_payable(self) -> bool:
        """Whether a card may be there that nobody can edit, and none says that it is over."""
        is_told = bool(self.duplicates) or self.card_shown not in _LOOKS_PAYABLE
        return self.may_be_duplicate(Do.SEND_CARD) and self.card_id is None and not is_told

    @property
    def is_restored(self) -> bool:
        """Whether it waited for the node at a backup, which has no preimage of it: it is looked up,
        and never asked for."""
        return self.state is State.PENDING and self.preimage is None

    def is_redraw(self, do: Do) -> bool:
        """Whether this step edits a card once more that shows what it should."""
        return do is Do.EDIT_CARD and self.redraw_at > 0 and self.card_shown is self.face

    @property
    def is_drawn(self) -> bool:
        """Whether each of its messages shows the state, as far as anybody knows."""
        is_apart = self.payment_request_id is not None
        is_closed = not is_apart or self.payment_request_shown is self.face
        return self.card_shown is self.face and is_closed and self.untrue_duplicate is None

    def with_duplicate(self, number: int, shown: Face) -> dict[int, Face]:
        """`duplicates`, where a copy shows this now."""
        return {**self.duplicates, number: shown}

    def without_duplicate(self, number: int) -> dict[int, Face]:
        """`duplicates`, where a copy is gone."""
        return {each: shown for each, shown in self.duplicates.items() if each != number}

    def audience(self, unreachable: Collection[Audience]) -> Audience | None:
        """Who hears of a payment where these are unreachable; None: nobody can be reached now."""
        return next((each for each in self.audiences if each not in unreachable), None)

    @property
    def is_news(self) -> bool:
        """Whether it is paid, and nobody was told."""
        return self.state is State.SETTLED and not self.announced

    def hearers(self, owners: Collection[int]) -> list[int]:
        """Who hears in private that it is paid: owners, and who asked for the board that it is of.

        Somebody who pays knows.
        """
        is_another = self.requester_id not in (0, self.asker_id, *owners)
        return [*owners, self.requester_id] if is_another else [*owners]

    def to_notify(self, owners: Iterable[int]) -> tuple[int, ...]:
        """Those of these owners who have yet to hear in private that it is paid.

        Until it is announced, none who may read that themselves.
        """
        if not self.notify_owners or self.state is not State.SETTLED:
            return ()
        readers = () if self.announced else (self.chat_id, self.asker_id)
        left = (each for each in owners if not self.notified.get(each, False))
        return tuple(each for each in left if each not in readers)

    def with_notified(self, people: Iterable[int], *, surely: bool) -> dict[int, bool]:
        """`notified`, where these have read of the payment, or may have."""
        read = {each: surely or self.notified.get(each, False) for each in people}
        return {**self.notified, **read}

    @property
    def audiences(self) -> tuple[Audience, ...]:
        """Who may hear of a payment, each only where nobody before can."""
        own_chat = self.asker_id in (self.chat_id, self.origin_chat_id)
        following = tuple(Audience)[tuple(Audience).index(self.announce_to) :]
        return tuple(each for each in following if not (own_chat and each is Audience.ASKER))

    @property
    def urgency(self) -> Lane:
        """Where the row stands among those that wait, and its messages in their chat."""
        if self.is_news:
            return Lane.PAYMENT
        if self.cancel_wanted and self.state is State.OPEN:
            return Lane.CANCELLATION
        if self.redraw_at and self.is_drawn:
            return Lane.BACKGROUND  # nobody waits for what is drawn once more
        if self.state in (State.SETTLED, State.CANCELLED):  # once told, it lets others be told
            return Lane.CANCELLATION
        if self.state is State.EXPIRED or self.card_shown in _SETTLED_FOR_NOW:
            return Lane.BACKGROUND
        return Lane.COMMAND

    @property
    def tag(self) -> dict[str, Any]:
        """What a log line says of the row.

        A part is shown in the private chat of who pays it, who may hide: no line has both.
        """
        place = {"board": self.board_id} if self.board_id else {"chat": self.chat_id}
        return {"invoice": self.log_name, **place}

    @property
    def log_name(self) -> str:
        """What the log calls the invoice: the beginning of its payment hash."""
        return self.payment_hash[:4].hex()

    def closed_state(self, now: float) -> State:
        """`EXPIRED` or `CANCELLED`, where the node says that it is canceled or forgot it."""
        if self.cancel_wanted or (self.expires_at and now < self.expires_at):
            return State.CANCELLED
        return State.EXPIRED


class Columns(ShownColumns, WorkColumns, total=False):
    """What changes of a row: its columns by name."""

    origin_chat_id: int
    origin_message_id: int
    part: int
    renewal: int
    bot_id: int
    board_id: int
    part_kind: PartKind
    part_for: str
    requester_id: int
    hidden: bool
    suggested_msat: int
    asker_id: int
    asker_name: str
    chat_title: str
    asked_at: float
    amount_msat: int | None
    memo: str
    expiry_s: int
    cancel_wanted: bool
    cancelled_by: str
    replaced: bool
    state: State
    node_id: str
    payment_hash: bytes
    preimage: bytes | None
    payment_request: str
    add_index: int
    settle_index: int
    expires_at: int
    settled_at: int
    paid_msat: int
    failure: Failure | None
    unconfirmed: bool
    receivable_msat: int | None


def changes(**columns: Unpack[Columns]) -> Columns:
    """Columns put together from those of the parts."""
    return columns


#: Nobody waits for what becomes of a card that shows this.
_SETTLED_FOR_NOW = (Face.OPEN, Face.UNCONFIRMED, Face.FAILED, Face.FAILED_REPLACED)
#: What a message counts as that shows this, once its buttons read otherwise: it is drawn again.
REDRAWN: Mapping[Face, Face] = {Face.QUESTION: Face.NOTHING, Face.OPEN: Face.OUTDATED}
#: What a card shows that may be in the chat as an open one, without a number.
_LOOKS_PAYABLE = (Face.NOTHING, Face.OPEN, Face.OUTDATED, Face.UNCONFIRMED)
_FACES = {
    State.ASKING: Face.QUESTION,
    State.SETTLED: Face.PAID,
}
