"""Invoice, its states, and what is to be done next. Knows nothing outside.

A row keeps three things apart: what people *want* (amount, memo, a cancellation), what *is*
(the node's word) and what was *shown and told* (the chat's word). `next_step` compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

#: What changes of a row: its columns by name.
Columns = dict[str, Any]

#: Seconds past its time before an invoice is cancelled at the node: LND does so itself in between.
EXPIRY_GRACE_S = 2.0
#: Seconds of silence from the node before the chat gets a word.
WORD_AFTER_S = 3.0
#: Seconds for which the question "How many sats?" takes an answer.
QUESTION_S = 3600.0
#: The longest pause between two tries, in seconds.
MAX_PAUSE_S = 60.0
#: More seconds than any clock is wrong by.
LONG_S = 1e9
#: A command older than this, in seconds, when it arrives or is taken up first is not carried out.
TOO_LATE_S = 600.0
#: Tries to show a payment after which it is told all the same.
TRIES_BEFORE_TELLING = 5
#: Tries that end in a fault of ours, or change nothing, before a row is stuck.
MAX_FAULTS = 10


class State(StrEnum):
    """What is: LND's own states, and before and beside them ours."""

    ASKING = "asking"  # the amount is not known yet
    REQUESTED = "requested"  # the node has not confirmed it yet
    OPEN = "open"
    SETTLED = "settled"
    EXPIRED = "expired"  # canceled at the node, its time was over
    CANCELLED = "cancelled"  # canceled at the node before its time, by a person or elsewhere
    FAILED = "failed"  # the node never confirmed it, or refused it
    DROPPED = "dropped"  # a question that nobody answered


class Face(StrEnum):
    """What a message of the card shows."""

    NOTHING = ""
    QUESTION = "question"
    WAITING = "waiting"
    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    EXPIRED_RENEWED = "expired-renewed"
    CANCELLED = "cancelled"
    CANCELLED_RENEWED = "cancelled-renewed"
    FAILED = "failed"


class Priority(IntEnum):
    """Who goes first, in a chat and among due rows."""

    PAID = 0
    CANCELLED = 1
    NEW = 2
    EXPIRED = 3


class Do(StrEnum):
    """The kinds of step."""

    ADD = "add"  # at the node, and fill the row from its answer
    CANCEL = "cancel"  # at the node, whose answer decides
    FAIL = "fail"  # patience is over
    DROP = "drop"  # the question is too old
    SAY_WAITING = "say waiting"
    SEND_CARD = "send card"
    EDIT_CARD = "edit card"
    SEND_REQUEST = "send request"
    EDIT_REQUEST = "edit request"
    EDIT_STRAY = "edit stray"
    TELL = "tell"
    WAIT = "wait"
    NOTHING = "nothing"


#: Steps that put a new message into a chat: Telegram has no idempotency key for these.
SENDS = frozenset({Do.SAY_WAITING, Do.SEND_CARD, Do.SEND_REQUEST, Do.TELL})
#: Steps that make a message show what is.
EDITS = frozenset({Do.EDIT_CARD, Do.EDIT_REQUEST, Do.EDIT_STRAY})
#: Steps that ask the node.
AT_NODE = frozenset({Do.ADD, Do.CANCEL})
#: Steps of the database alone.
BY_ITSELF = frozenset({Do.FAIL, Do.DROP})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `at` (Unix seconds) is for `WAIT` only."""

    do: Do
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One row. Amounts in millisatoshi, times in Unix seconds."""

    id: int
    # where it comes from: the same command is never two rows
    origin_chat_id: int
    origin_message_id: int
    origin_count: int
    # where its card stands
    chat_id: int
    thread_id: int | None = None
    reply_to: int | None = None
    asker_id: int
    asker_name: str
    asked_at: float

    # wanted; amount None: not said yet, 0: any amount
    amount_msat: int | None
    memo: str = ""
    expiry_s: int
    cancel_wanted: bool = False
    cancelled_by: str = ""
    renewed: bool = False

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
    failure: str = ""

    # shown and told
    card_id: int | None = None
    card_shown: Face = Face.NOTHING
    card_is_text: bool = False
    request_apart: bool = False  # the payment request stands in a message of its own
    request_id: int | None = None
    request_shown: Face = Face.NOTHING
    strays: str = ""  # copies that a press told of, and their faces: "102:open 103:"
    plain: bool = False  # Telegram does not take the photo: text only
    unshowable: bool = False  # Telegram does not take the text either: nothing more is sent
    told: bool = False
    tell_to: str = ""  # "": the chat, else "asker" or "owners", when the chat can't be reached
    sending: str = ""  # the step whose message may be on its way
    unsure: str = ""  # the steps whose message may stand in the chat already, with commas between

    # work
    due_at: float | None = None
    lane: int = Priority.NEW
    tried: str = ""  # the step that `attempts` and `retry_at` speak of
    attempts: int = 0
    faults: int = 0
    retry_at: float = 0.0

    # of this process, not of the row
    taken_at: float = 0.0  # when it took the row up first
    patience_s: float = 60.0
    say_waiting: bool = False  # this row is the one that gives the chat a word
    held: bool = False  # nothing reaches the chat until it is heard of again
    foreign: bool = False  # it is at another node than the one that is connected

    @property
    def face(self) -> Face:
        """What the card should show now."""
        if self.state is State.OPEN:
            return Face.OPEN
        if self.state is State.SETTLED:
            return Face.PAID
        if self.state is State.EXPIRED:
            return Face.EXPIRED_RENEWED if self.renewed else Face.EXPIRED
        if self.state is State.CANCELLED:
            return Face.CANCELLED_RENEWED if self.renewed else Face.CANCELLED
        if self.state is State.FAILED:
            return Face.FAILED
        if self.state is State.ASKING:
            return Face.QUESTION
        return Face.NOTHING

    @property
    def untrue_stray(self) -> int | None:
        """The first copy beside the card that does not show the state."""
        for number, shown in _copies(self.strays).items():
            if shown != self.face and number != self.card_id:
                return number
        return None

    def has_stray(self, number: int) -> bool:
        """Whether this message is a copy that is known."""
        return number in _copies(self.strays)

    def with_stray(self, number: int, shown: Face | None) -> str:
        """`strays`, where a copy shows this now; None: it is gone."""
        copies = _copies(self.strays) | {number: shown}
        return " ".join(f"{n}:{face}" for n, face in copies.items() if face is not None)

    def may_stand(self, do: Do) -> bool:
        """Whether an earlier copy of this step's message may stand in the chat."""
        return do in self.unsure.split(",")

    @property
    def priority(self) -> Priority:
        """Where the row stands among those that wait."""
        if self.state is State.SETTLED:
            return Priority.PAID
        if self.state is State.CANCELLED or (self.cancel_wanted and self.state is State.OPEN):
            return Priority.CANCELLED
        if self.state is State.EXPIRED or self.card_shown in (Face.OPEN, Face.FAILED):
            return Priority.EXPIRED
        return Priority.NEW

    @property
    def is_closed(self) -> bool:
        """Whether the node will not take a payment for it any more."""
        return self.state in (State.SETTLED, State.EXPIRED, State.CANCELLED)


def _copies(strays: str) -> dict[int, str | None]:
    """Message numbers → what they show."""
    pairs = (each.split(":") for each in strays.split())
    return {int(number): shown for number, shown in pairs}


def at_once(now: float) -> float:
    """The `due_at` of what is due now: in the order of coming, and long ago, so that no clock
    that is set in the meantime, or is another one after a restart, puts it off."""
    return now - LONG_S


def closed_state(invoice: Invoice, now: float) -> State:
    """`EXPIRED` or `CANCELLED`, for an invoice that the node says is canceled or knows no more."""
    if invoice.cancel_wanted or (invoice.expires_at and now < invoice.expires_at):
        return State.CANCELLED
    return State.EXPIRED


def next_step(invoice: Invoice, now: float) -> Step:
    """What is to be done for `invoice` at `now` (Unix seconds). Pure.

    ===========  ========================================  ==============================
    state        when                                      step
    ===========  ========================================  ==============================
    asking       not asked yet                             SEND_CARD (the question)
    asking       asked over an hour ago                    DROP
    requested    patience is over                          FAIL
    requested    silent for 3 s, its turn to give a word   SAY_WAITING
    requested    otherwise                                 ADD
    open         at another node                           show
    open         a person wants it cancelled               CANCEL
    open         2 s past its time                         CANCEL
    open         otherwise                                 show, then WAIT for its time
    settled      always                                    show, TELL, show on strays;
                                                           TELL where showing fails 5 times
    expired,     always                                    show
    cancelled
    failed       the node may have it                      show, CANCEL
    failed       otherwise                                 show
    dropped      always                                    NOTHING
    ===========  ========================================  ==============================

    *Show* is the first of: SEND_CARD (no card yet), EDIT_CARD, SEND_REQUEST, EDIT_REQUEST,
    EDIT_STRAY whose message does not show the state; nothing where the chat is on hold, no SEND
    where Telegram takes none, and no SEND_CARD for a card that was renewed.
    A step that was put off is WAIT until it may be tried again. NOTHING: until an event comes.
    """
    step = _wanted(invoice, now)
    is_telling = invoice.tried == Do.TELL and invoice.state is State.SETTLED and not invoice.told
    if is_telling and invoice.attempts % TRIES_BEFORE_TELLING and step.do in SENDS | EDITS:
        # Showing was given up for now: the pauses of telling go on growing.
        step = Step(Do.TELL)
    if step.do == invoice.tried and now < invoice.retry_at <= now + MAX_PAUSE_S:
        is_told = invoice.told or invoice.state is not State.SETTLED or step.do is Do.TELL
        if not is_told and invoice.attempts >= TRIES_BEFORE_TELLING:
            return Step(Do.TELL)
        # A retry_at further off than any pause means that the clock was set back.
        return Step(Do.WAIT, _earliest(invoice, now))
    return step


def _wanted(invoice: Invoice, now: float) -> Step:
    if invoice.faults >= MAX_FAULTS:
        return Step(Do.NOTHING)
    if invoice.state is State.ASKING:
        return _asking(invoice, now)
    if invoice.state is State.REQUESTED:
        return _requested(invoice, now)
    if invoice.state is State.OPEN:
        return _open(invoice, now)
    if invoice.state is State.SETTLED:
        return _settled(invoice)
    if invoice.state is State.DROPPED:
        return Step(Do.NOTHING)
    shown = _show(invoice)
    if shown.do is Do.NOTHING and invoice.state is State.FAILED and invoice.preimage is not None:
        return Step(Do.CANCEL)
    return shown


def _asking(invoice: Invoice, now: float) -> Step:
    if now >= invoice.asked_at + QUESTION_S:
        return Step(Do.DROP)
    if invoice.card_id is None and not invoice.held and not invoice.unshowable:
        return Step(Do.SEND_CARD)
    return Step(Do.WAIT, invoice.asked_at + QUESTION_S)


def _requested(invoice: Invoice, now: float) -> Step:
    if now >= invoice.taken_at + invoice.patience_s:
        return Step(Do.FAIL)
    if (
        invoice.say_waiting
        and invoice.card_id is None
        and not invoice.held
        and now >= invoice.taken_at + WORD_AFTER_S
    ):
        return Step(Do.SAY_WAITING)
    return Step(Do.ADD)


def _open(invoice: Invoice, now: float) -> Step:
    if invoice.foreign:
        return _show(invoice)
    if invoice.cancel_wanted or now >= invoice.expires_at + EXPIRY_GRACE_S:
        return Step(Do.CANCEL)
    shown = _show(invoice)
    if shown.do is Do.NOTHING:
        return Step(Do.WAIT, invoice.expires_at + EXPIRY_GRACE_S)
    return shown


def _settled(invoice: Invoice) -> Step:
    shown = _show(invoice)
    if not invoice.told and shown.do in (Do.NOTHING, Do.EDIT_STRAY):
        return Step(Do.TELL)
    return shown


def _show(invoice: Invoice) -> Step:
    """The first message of the card that does not show the state."""
    face = invoice.face
    if invoice.held:
        return Step(Do.NOTHING)
    # Where the message of a renewed card is gone, the renewal stands in its place.
    may_send_card = not invoice.unshowable and not invoice.renewed
    if invoice.card_id is None and invoice.card_shown is not face and may_send_card:
        return Step(Do.SEND_CARD)
    if invoice.card_id is not None and invoice.card_shown is not face:
        return Step(Do.EDIT_CARD)
    request_due = invoice.request_apart and invoice.request_id is None and face is Face.OPEN
    if request_due and not invoice.unshowable:
        return Step(Do.SEND_REQUEST)
    if invoice.request_id is not None and invoice.request_shown is not face:
        return Step(Do.EDIT_REQUEST)
    if invoice.strays and invoice.untrue_stray is not None:
        return Step(Do.EDIT_STRAY)
    return Step(Do.NOTHING)


def _earliest(invoice: Invoice, now: float) -> float:
    """When a put-off step is looked at again: its retry, or what comes before it."""
    moments = [invoice.retry_at]
    if invoice.state is State.REQUESTED:
        moments.append(invoice.taken_at + invoice.patience_s)
        word_at = invoice.taken_at + WORD_AFTER_S
        if invoice.card_id is None and not invoice.held and word_at > now:
            moments.append(word_at)
    if invoice.state is State.OPEN and not invoice.cancel_wanted and not invoice.foreign:
        expiry = invoice.expires_at + EXPIRY_GRACE_S
        if expiry > now:
            moments.append(expiry)
    return min(moments)
