"""What comes next for a row, and what is written before it: `next_step`, a table. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core import delivery, work
from bot.core.invoice import Audience, Columns, Face, Invoice, State, changes
from bot.core.work import AT_NODE, EDITS, MAX_PAUSE_S, RESTS, SENDS, Do, Lane, is_stuck
from bot.errors import NodeError

#: Seconds past its expiry before an invoice is looked up: LND cancels it by itself in between.
EXPIRY_GRACE_S = 2.0
#: Seconds after that in which it has to answer before the card says that it is not confirmed.
LAPSE_AFTER_S = 8.0
#: Seconds of silence from the node before the chat gets a waiting notice.
NOTICE_AFTER_S = 3.0
#: Seconds for which the question "How many sats?" takes an answer.
QUESTION_S = 3600.0
#: The shortest wait for an owner's chat that has something else to send, in seconds.
SHORTEST_WAIT_S = 2.0
#: Tries to show a payment after which it is announced all the same; or so many seconds: since it
#: came, or as long as Telegram wants its chat left alone.
TRIES_BEFORE_ANNOUNCING = 5
LONG_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is so of a row now and is in none of its columns: the process, the chat, the node.

    Times in seconds. The defaults are those of a row that was read and of nothing else.
    """

    waiting_since: float = 0.0  # when this process took the row up first, in Unix seconds
    patience_s: float = 60.0
    gives_notice: bool = False  # this row is the one that gives its chat a waiting notice
    waits_for: NodeError | None = None  # what keeps it waiting now; None: nobody knows, or nothing
    unreachable: frozenset[Audience] = frozenset()  # nothing reaches these until they are heard of
    takes_edits: bool = False  # the row's own chat, as far as it is known, though unreachable
    owners: tuple[int, ...] = ()  # who hear of payments in private, and whose chats are free
    busy_owners: tuple[int, ...] = ()  # the same whose chats have something else to send first
    node_away: bool = False  # for seconds: nobody can ask it
    other_node: bool = False  # it is at another node than the one that is connected
    perhaps_other_node: bool = False  # nobody knows that it is at the one that is connected
    surely_at: float | None = None  # what time it is at least, None: no clock was set
    editable_at: float = 0.0  # when a board's chat may have another edit, in Unix seconds
    clock_set_by_s: float = 0.0  # the wall clock was set since this process asked the question
    jitter: float = 1.0  # a factor for the next pause

    @property
    def chat_is_unreachable(self) -> bool:
        """Whether no message reaches the row's own chat."""
        return Audience.CHAT in self.unreachable

    @property
    def is_sealed(self) -> bool:
        """Whether no edit does either."""
        return self.chat_is_unreachable and not self.takes_edits

    def without_chat(self, *, is_sealed: bool) -> Around:
        """The same where the row's own chat is unreachable as well, or takes no edits either."""
        unreachable = self.unreachable | {Audience.CHAT}
        takes_edits = self.takes_edits and not is_sealed
        return replace(self, unreachable=unreachable, takes_edits=takes_edits)

    @property
    def all_owners(self) -> tuple[int, ...]:
        """The owners who hear of payments, whether their chats are free or not."""
        return (*self.owners, *self.busy_owners)


#: Nothing but the row is known.
AS_READ = Around()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `at` (Unix seconds) is for `WAIT` only."""

    do: Do
    at: float = 0.0


def next_step(row: Invoice, around: Around, now: float) -> Step:
    """What comes next for `row` at `now` (Unix seconds). Pure.

    ===========  ========================================  ================================
    state        when                                      step
    ===========  ========================================  ================================
    asking       not asked yet                             SEND_CARD (the question)
    asking       asked over an hour ago, or of a           DROP
                 collection that closes
    asking       its buttons read otherwise by now         EDIT_CARD
    pending      of a restored backup, without a preimage  ADD, which looks it up
    pending      patience is over                          FAIL
    pending      silent for 3 s, its turn to give notice   SEND_WAITING_NOTICE
    pending      its waiting notice gives another reason   EDIT_CARD
    pending      otherwise                                 ADD
    open         2 s past its expiry, and its node is      LAPSE
                 away or another one is connected
    open         at another node                           show, then WAIT for its expiry
    open         was unconfirmed, and is not               show
    open         a person wants it cancelled               CANCEL
    open         2 s past its expiry                       CANCEL
    open         otherwise                                 show, then WAIT for its expiry
    settled      somebody can be reached                   show, ANNOUNCE, show on duplicates;
                                                           ANNOUNCE where showing fails 5 times
                                                           or is put off for long
    settled      an owner is to be notified, whose chat    NOTIFY_OWNERS, whenever nothing of the
                 is free                                   above can be done at once
    settled      otherwise                                 show
    expired,     always                                    show
    cancelled
    failed       the node may have it                      show, CANCEL
    failed       otherwise                                 show
    dropped      always                                    NOTHING
    ===========  ========================================  ================================

    *Show* is the first of: SEND_CARD (no card yet), EDIT_CARD, SEND_PAYMENT_REQUEST,
    EDIT_PAYMENT_REQUEST, EDIT_DUPLICATE whose message does not show the state; nothing where the
    chat is unreachable, but EDITs where it takes them, no SEND but of a closed card where Telegram
    took none of the open one, and no SEND_CARD for one that was replaced, unless a card that may
    look payable is where nobody can edit it. Some time after an edit without an answer EDIT_CARD
    comes once more: it may have come after a later one. A step that was put off is WAIT until it
    may be tried again. NOTHING: until an event comes.
    """
    step = _next_step(row, around, now)
    if step.do in RESTS:
        step = _with_redrawing(row, step, around, now)
    return _with_owners(row, step, around, now) if step.do in RESTS else step


def _with_redrawing(row: Invoice, rest: Step, around: Around, now: float) -> Step:
    """While nothing else can be done: its card is edited once more after an edit without answer."""
    at = row.redrawn_at(now)
    if at is None or row.state not in _HAS_CARD:
        return rest
    if is_stuck(row) or around.is_sealed or row.card_shown is not row.face:
        return rest
    if at <= now:
        return Step(Do.EDIT_CARD)
    return Step(Do.WAIT, min(at, rest.at) if rest.do is Do.WAIT else at)


_HAS_CARD = frozenset(State) - {State.ASKING, State.PENDING, State.DROPPED}


def _with_owners(row: Invoice, rest: Step, around: Around, now: float) -> Step:
    """While nothing else can be done: owners are notified, each once their chat is free."""
    is_theirs = row.is_news and row.audience(around.unreachable) is Audience.OWNERS
    if is_stuck(row) or is_theirs or not row.to_notify(around.all_owners):
        return rest
    is_put_off = now < row.notify_at <= work.latest_retry(now)
    if row.to_notify(around.owners) and not is_put_off:
        return Step(Do.NOTIFY_OWNERS)
    at = row.notify_at if is_put_off else now + owners_pause_s(row, now)
    return Step(Do.WAIT, min(at, rest.at) if rest.do is Do.WAIT else at)


def owners_pause_s(row: Invoice, now: float) -> float:
    """Seconds until an owner is tried again: longer, the older the payment is."""
    return min(MAX_PAUSE_S, max(SHORTEST_WAIT_S, (now - row.settled_at) / 4))


def _next_step(row: Invoice, around: Around, now: float) -> Step:
    step = _wanted(row, around, now)
    must_announce = _must_announce(row, around)
    if must_announce and _announcing_waits(row, now) and step.do in SENDS | EDITS:
        # Showing was given up for now: the pauses of announcing go on growing.
        step = Step(Do.ANNOUNCE)
    if step.do is row.tried and work.is_put_off(row, now):
        if must_announce and step.do is not Do.ANNOUNCE and _shown_in_vain(row, now):
            return Step(Do.ANNOUNCE)
        return Step(Do.WAIT, _earliest(row, around, now))
    return step


def prepared(row: Invoice, columns: Columns, around: Around, now: float) -> Columns:
    """An outcome with what the step after it needs written before: a send marker, or when the
    row is due again."""
    after = replace(row, **columns)
    step = next_step(after, around, now)
    columns = {**columns, **changes(**delivery.after(step.do))}
    if step.do in RESTS:
        columns = {**columns, **changes(**resting(after, step, around, now))}
        if after.notify_owners and after.announced and not after.to_notify(around.all_owners):
            columns["notify_owners"] = False  # whoever becomes an owner later hears of later ones
    return columns


def resting(row: Invoice, step: Step, around: Around, now: float) -> work.WorkColumns:
    """When and where a row is due again that is let go with this step."""
    is_for_owners = row.announced and bool(row.to_notify(around.all_owners))
    is_redraw = row.redrawn_at(now) == step.at and not around.other_node
    if step.do is Do.WAIT and (is_for_owners or is_redraw):
        return work.rests_behind(row, step.at)
    may_be_due = around.chat_is_unreachable or (around.unreachable and step.do is Do.NOTHING)
    reachable = replace(around, unreachable=frozenset())
    shows = not around.is_sealed and (row.card_id is not None or row.duplicates)
    stays_true = step.do is Do.WAIT and shows  # whether more can be sent or not
    if may_be_due and not stays_true and next_step(row, reachable, now) != step:
        return work.unreachable()
    until = step.at if step.do is Do.WAIT else None
    if around.other_node and row.state is State.OPEN:
        return work.set_aside(until)
    lane = row.urgency
    if lane is Lane.BACKGROUND and row.tried is not None and row.tried not in AT_NODE:
        lane = Lane.COMMAND  # only the chat is waited for: a node that is away delays nothing
    elif lane is Lane.BACKGROUND and row.awaits_node:
        lane = Lane.AWAITS_NODE
    return work.rests(until, lane)


def _must_announce(row: Invoice, around: Around) -> bool:
    """Whether a payment is not announced yet, and somebody can be reached."""
    return row.is_news and row.audience(around.unreachable) is not None


def _announcing_waits(row: Invoice, now: float) -> bool:
    """Whether announcing was tried and put off, and showing is not due another try meanwhile."""
    shows = row.attempts % TRIES_BEFORE_ANNOUNCING == 0 and not work.is_put_off(row, now)
    return row.tried is Do.ANNOUNCE and not shows


def _shown_in_vain(row: Invoice, now: float) -> bool:
    is_late = row.retry_at - now > LONG_S or now - row.settled_at > LONG_S
    return is_late or row.attempts >= TRIES_BEFORE_ANNOUNCING


def _wanted(row: Invoice, around: Around, now: float) -> Step:
    if is_stuck(row) or row.state is State.DROPPED:
        return Step(Do.NOTHING)
    if row.state is State.ASKING:
        return _asking(row, around, now)
    if row.state is State.PENDING:
        return _pending(row, around, now)
    if row.state is State.OPEN:
        return _open(row, around, now)
    if row.state is State.SETTLED:
        return _settled(row, around)
    shown = _show(row, around)
    if shown.do is Do.NOTHING and row.state is State.FAILED and row.preimage is not None:
        return Step(Do.CANCEL)
    return shown


def _asking(row: Invoice, around: Around, now: float) -> Step:
    ends_at = row.asked_at + around.clock_set_by_s + QUESTION_S
    if now >= ends_at or row.cancel_wanted:
        return Step(Do.DROP)
    is_due = row.card_shown is not row.face and not row.undeliverable
    is_away = around.chat_is_unreachable if row.card_id is None else around.is_sealed
    if is_due and not is_away:
        return Step(Do.SEND_CARD if row.card_id is None else Do.EDIT_CARD)
    return Step(Do.WAIT, ends_at)


def _pending(row: Invoice, around: Around, now: float) -> Step:
    if row.is_restored:
        return Step(Do.ADD)
    if now >= around.waiting_since + around.patience_s:
        return Step(Do.FAIL)
    if (
        around.gives_notice
        and row.card_id is None
        and not around.chat_is_unreachable
        and now >= around.waiting_since + NOTICE_AFTER_S
    ):
        return Step(Do.SEND_WAITING_NOTICE)
    return Step(Do.EDIT_CARD if _notice_is_untrue(row, around) else Do.ADD)


def _notice_is_untrue(row: Invoice, around: Around) -> bool:
    """Whether there is a waiting notice, with another reason than the present one."""
    is_there = row.card_id is not None and row.card_shown is Face.WAITING
    if not is_there or around.waits_for is None or around.is_sealed:
        return False
    return row.failure is None or row.failure.key != around.waits_for.key


def _open(row: Invoice, around: Around, now: float) -> Step:
    ends_at = row.expires_at + EXPIRY_GRACE_S
    is_over = now >= ends_at
    if is_over and not row.unconfirmed and (around.node_away or around.other_node):
        return Step(Do.LAPSE)
    shown = _show(row, around)
    was_unconfirmed = not row.unconfirmed and _shows(row, Face.UNCONFIRMED)
    if shown.do in EDITS and (row.unconfirmed or was_unconfirmed):
        return shown
    if not around.other_node and (row.cancel_wanted or is_over or row.unconfirmed):
        return Step(Do.CANCEL)
    if shown.do is Do.NOTHING and not row.unconfirmed:
        return Step(Do.WAIT, ends_at)
    return shown


def _shows(row: Invoice, face: Face) -> bool:
    """Whether any message of the card shows this."""
    return face in (row.card_shown, row.payment_request_shown, *row.duplicates.values())


def _settled(row: Invoice, around: Around) -> Step:
    shown = _show(row, around)
    if _must_announce(row, around) and shown.do in (Do.NOTHING, Do.EDIT_DUPLICATE):
        return Step(Do.ANNOUNCE)
    return shown


def _show(row: Invoice, around: Around) -> Step:
    """The first message of the card that does not show the state."""
    face = row.face
    if around.is_sealed:
        return Step(Do.NOTHING)
    may_send = not around.chat_is_unreachable
    # Where the message of a replaced card is gone, the renewal is there in its stead, unless one
    # whose number nobody knows may still look payable. An invoice whose card Telegram rejected is
    # heard of once it is closed.
    is_closed = row.state in (State.CANCELLED, State.EXPIRED)
    is_wanted = not row.replaced or (is_closed and row.may_look_payable)
    may_send_card = may_send and is_wanted and (is_closed or not row.undeliverable)
    if row.card_id is None and row.card_shown is not face and may_send_card:
        return Step(Do.SEND_CARD)
    if row.card_id is not None and row.card_shown is not face:
        return Step(Do.EDIT_CARD)
    is_due = row.payment_request_separate and row.payment_request_id is None and face is Face.OPEN
    if may_send and is_due and row.payment_request_shown is not face and not row.undeliverable:
        return Step(Do.SEND_PAYMENT_REQUEST)
    if row.payment_request_id is not None and row.payment_request_shown is not face:
        return Step(Do.EDIT_PAYMENT_REQUEST)
    if row.duplicates and row.untrue_duplicate is not None:
        return Step(Do.EDIT_DUPLICATE)
    return Step(Do.NOTHING)


def _earliest(row: Invoice, around: Around, now: float) -> float:
    """When a put-off step is due again: its retry, or what comes before it."""
    moments = [row.retry_at]
    if row.state is State.PENDING and not row.is_restored:
        moments.append(around.waiting_since + around.patience_s)
        notice_at = around.waiting_since + NOTICE_AFTER_S
        if row.card_id is None and not around.chat_is_unreachable and notice_at > now:
            moments.append(notice_at)
    if row.state is State.OPEN and not row.cancel_wanted and not row.unconfirmed:
        expiry = row.expires_at + EXPIRY_GRACE_S
        if expiry > now:
            moments.append(expiry)
    return min(moments)
