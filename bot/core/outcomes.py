"""What came of a step: `judge`, one pure function. Knows the row, and what node and chat answer.

A result or an error goes in; what to write, to log and to tell the owners comes out. It asks
nobody, and reads no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.core import delivery, work
from bot.core.answers import (
    Added,
    Cancelled,
    Dropped,
    GivenUp,
    Lapsed,
    NodeInvoice,
    NodeState,
    Notified,
    Rendered,
    Result,
)
from bot.core.failure import Failure
from bot.core.inbound import receivable_of
from bot.core.invoice import LATE_S, Audience, Columns, Face, Invoice, State, changes
from bot.core.notices import Kind, Notice
from bot.core.steps import (
    EXPIRY_GRACE_S,
    LAPSE_AFTER_S,
    Around,
    next_step,
    owners_pause_s,
    prepared,
)
from bot.core.terms import CLOCKS_APART_S
from bot.core.work import EDITS, MAX_PAUSE_S, SENDS, Again, Do, Work
from bot.errors import (
    AnswerUnreadable,
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    InvoiceUnknown,
    MaybeSent,
    MessageGone,
    NoAnswer,
    NodeError,
    NodeOdd,
    NodeRefused,
    PermissionMissing,
    TopicClosed,
    TopicGone,
)

#: The longest pauses between tries, in seconds.
LONGEST_AT_NODE_S = 5.0
LONGEST_IN_CHAT_S = 8.0
LONGEST_AFTER_BUSY_S = 1.0
#: The first pause after a message that may have arrived, where Telegram was silent, and where the
#: connection broke or its server had an error: each more may be a copy.
FIRST_AFTER_NO_ANSWER_S = 4.0
FIRST_AFTER_BROKEN_S = 2.0
#: Seconds after a payment in which an owner's notice that Telegram refuses is tried again.
REFUSED_FOR_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Event:
    """A line for the log."""

    level: Literal["info", "warning", "error"]
    text: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be written (None: nothing, the gate gives the pause), logged and told."""

    columns: Columns | None
    again: Again | None = None
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()
    #: What the owners may have been told of is over.
    over: tuple[Kind, ...] = ()
    #: Nothing reaches these now.
    unreachable: frozenset[Audience] = frozenset()
    is_sealed: bool = False  # the row's own chat takes no edits either
    lost_owners: frozenset[int] = frozenset()  # nor these


def judge(
    do: Do,
    row: Invoice,
    result: Result,
    around: Around,
    later: Around,
    *,
    gate_is_open: bool,
    began_at: float,
    now: float,
) -> Verdict:
    """What came of a step that was taken for `row`: both and `around` as when it was taken.

    The columns hold what the next step needs written before it as well, by what is so `later`, now
    that the step is over: it may have taken long since `began_at`. Both are Unix seconds.
    """
    verdict = _came_of(do, row, result, around, gate_is_open=gate_is_open, now=now)
    if do is Do.EDIT_CARD and isinstance(result, Rendered | MessageGone):
        verdict = _redrawn(verdict, row, began_at, now)
    if is_redraw := row.is_redraw(do):
        verdict = _of_redraw(verdict, now)
    if verdict.columns is None:
        return verdict
    later = replace(
        later,
        unreachable=later.unreachable | verdict.unreachable,
        takes_edits=later.takes_edits and not verdict.is_sealed,
        owners=tuple(each for each in later.owners if each not in verdict.lost_owners),
    )
    if isinstance(result, Exception):
        if _is_due_as_it_was(do, row, verdict, later, now):
            verdict = _put_off(do, row, "step changed nothing", {"exc_info": result})
    elif _changes_nothing(do, row, verdict, later if do is Do.NOTIFY_OWNERS else around, now):
        verdict = _fault(do, row, "step changed nothing", verdict.columns or {}, {})
    columns: Columns = {**(verdict.columns or {})}
    has_own_pause = do is Do.NOTIFY_OWNERS or (is_redraw and row.tried is not None)
    if not has_own_pause:
        tried = _with_announcing(do, row)
        taken = work.after_step(tried, do, verdict.again, now=now, jitter=around.jitter)
        columns = {**columns, **changes(**taken)}
    if "chat_id" in columns:  # it is the asker's own now
        is_away = Audience.ASKER in later.unreachable
        later = replace(
            later, unreachable=frozenset({Audience.CHAT} if is_away else ()), takes_edits=False
        )
    columns = {**columns, **_over_unseen(row, columns, later)}
    return replace(verdict, columns=prepared(row, columns, later, now))


def _over_unseen(row: Invoice, columns: Columns, around: Around) -> Columns:
    """What is over before anybody saw it counts as shown where nothing reaches its chat, or where
    it is of a backup.

    Once something does, nobody waits for a pile of cards that say so.
    """
    after = replace(row, **columns)
    is_unseen = after.card_id is None and after.card_shown is Face.NOTHING
    may_be_there = after.may_be_duplicate(Do.SEND_CARD)
    nobody_waits = row.is_restored or (around.chat_is_unreachable and not may_be_there)
    is_over = after.state in _OVER
    return {"card_shown": after.face} if is_over and is_unseen and nobody_waits else {}


_OVER = (State.EXPIRED, State.CANCELLED, State.FAILED)


def paid(found: NodeInvoice) -> Columns:
    """The node says that it is paid. A time at which it cannot have been is none (0)."""
    earliest, latest = found.created_at - CLOCKS_APART_S, found.expires_at + CLOCKS_APART_S
    return {
        "state": State.SETTLED,
        "preimage": None,
        "paid_msat": found.paid_msat,
        "settle_index": found.settle_index,
        "settled_at": found.settled_at if earliest <= found.settled_at <= latest else 0,
        "notify_owners": True,
    }


def _came_of(
    do: Do, row: Invoice, result: Result, around: Around, *, gate_is_open: bool, now: float
) -> Verdict:
    match result:
        case Added():
            return _added(row, result, now)
        case Cancelled():
            return _cancelled(row, result, now)
        case GivenUp():
            event = Event("warning", "gave up", {"reason": result.reason.key})
            columns: Columns = {"state": State.FAILED, "failure": Failure.of(result.reason)}
            return Verdict(columns=columns, events=(event,))
        case Dropped():
            return Verdict(columns={"state": State.DROPPED})
        case Lapsed():
            return Verdict(columns={"unconfirmed": True})
        case Rendered():
            return Verdict(columns=result.columns, events=(Event("info", _DONE[do], {}),))
        case Notified():
            return _notified(row, result, row.to_notify(around.owners), now)
        case NodeError():
            verdict = _node_error(do, row, result, around, gate_is_open=gate_is_open, now=now)
            if do is Do.ADD and isinstance(result, PermissionMissing):
                return replace(verdict, notices=(Notice(Kind.ADD_NOT_PERMITTED),))
            return _permitted(row, verdict, result.lacks)
        case ChatMoved():  # a move that is believed was done, and is no result
            return _fault(do, row, "group moved to no new place", {}, {})
        case ChatError():
            return _chat_error(do, row, result, around, now)
    return _fault(do, row, "step crashed", {}, {"exc_info": result})


_DONE = {
    Do.SEND_WAITING_NOTICE: "waiting notice sent",
    Do.SEND_CARD: "card sent",
    Do.EDIT_CARD: "card edited",
    Do.SEND_PAYMENT_REQUEST: "payment request sent",
    Do.EDIT_PAYMENT_REQUEST: "payment request edited",
    Do.EDIT_DUPLICATE: "duplicate edited",
    Do.ANNOUNCE: "payment announced",
}


# at the node


def _added(row: Invoice, result: Added, now: float) -> Verdict:
    """Fresh or repeated, the row is filled from the look-up; then the preimage is emptied."""
    found = result.found
    columns: Columns = {
        **_found(row, found, now),
        "preimage": None,
        "failure": None,
        "node_id": result.node_id,
        "payment_request": found.payment_request,
        "add_index": found.add_index,
        "expires_at": found.expires_at,
    }
    receivable_msat = receivable_of(found.amount_msat, result.inbound_msat)
    over = (Kind.ADD_NOT_PERMITTED,)
    if receivable_msat is None or columns["state"] is not State.OPEN:
        return Verdict(columns=columns, over=over)
    event = Event("info", "more than the node can receive", {"receivable_msat": receivable_msat})
    notice = Notice(Kind.INBOUND_TOO_LITTLE, receivable_msat=receivable_msat, invoice=row)
    columns["receivable_msat"] = receivable_msat
    return Verdict(columns=columns, events=(event,), notices=(notice,), over=over)


def _cancelled(row: Invoice, result: Cancelled, now: float) -> Verdict:
    """The node's answer decides."""
    verdict = _permitted(row, _closed(row, result.found, now), result.lacks)
    return verdict if result.lacks else replace(verdict, over=(Kind.CANCEL_NOT_PERMITTED,))


def _permitted(row: Invoice, verdict: Verdict, lacks: PermissionMissing | None) -> Verdict:
    """The verdict, and that a permission to cancel is missing."""
    if lacks is None:
        return verdict
    events = verdict.events
    if row.tried is not Do.CANCEL:
        events = (*events, Event("warning", "no permission to cancel", {"detail": lacks.detail}))
    if row.state is State.FAILED and row.failure == Failure.of(lacks):
        return replace(verdict, events=events)  # there was none to make it either, as they know
    return replace(verdict, events=events, notices=(Notice(Kind.CANCEL_NOT_PERMITTED),))


def _closed(row: Invoice, found: NodeInvoice | None, now: float) -> Verdict:
    if row.state is State.FAILED and (found is None or found.state is NodeState.CANCELED):
        return Verdict(columns={"preimage": None})
    if found is None:
        return Verdict(columns={"state": row.closed_state(now)})
    if found.state in (NodeState.SETTLED, NodeState.CANCELED):
        return Verdict(columns=_found(row, found, now))
    if found.state is NodeState.UNKNOWN and (row.unconfirmed or _lapses(row, now)):
        return Verdict(columns={"unconfirmed": True}, again=Again(longest_s=LONGEST_AT_NODE_S))
    # Not expired by its clock, a payment is under way, or the bot has no permission to cancel.
    return Verdict(columns={"unconfirmed": False} if row.unconfirmed else {}, again=Again())


def _lapses(row: Invoice, now: float) -> bool:
    """Whether it is so long over that its card must not look payable without the node's word."""
    return row.state is State.OPEN and now >= row.expires_at + EXPIRY_GRACE_S + LAPSE_AFTER_S


def _found(row: Invoice, found: NodeInvoice, now: float) -> Columns:
    if found.state is NodeState.SETTLED:
        return paid(found)
    if found.state is NodeState.CANCELED:
        expires_at = row.expires_at or found.expires_at
        return {"state": replace(row, expires_at=expires_at).closed_state(now)}
    return {"state": State.OPEN}


def _node_error(
    do: Do, row: Invoice, error: NodeError, around: Around, *, gate_is_open: bool, now: float
) -> Verdict:
    """A step at the node without its answer."""
    # Where it may be another node's, this one's not knowing it says nothing.
    is_its_word = row.state is not State.OPEN or not around.perhaps_other_node
    if do is Do.CANCEL and isinstance(error, InvoiceUnknown) and is_its_word:
        gone = Event("info", "invoice gone at the node", {})
        return replace(_closed(row, None, now), events=(gone,))
    if row.is_restored and isinstance(error, InvoiceUnknown):
        # By this node's word: another one may know more, and is asked once it is there.
        event = Event("info", "the node has no invoice of a backup's command", {})
        return Verdict(columns={"state": State.FAILED}, events=(event,))
    # That an invoice is not found right after its add means nothing: it may appear a moment later.
    is_unknown = isinstance(error, InvoiceUnknown) or row.is_restored
    if do is Do.ADD and isinstance(error, NodeRefused) and not is_unknown:
        # The preimage stays: an earlier try may have arrived, and is cancelled then.
        columns: Columns = {"state": State.FAILED, "failure": Failure.of(error)}
        event = Event("warning", "refused by the node", {"detail": error.detail})
        return Verdict(columns=columns, events=(event,))
    if do is Do.ADD and not gate_is_open:
        return Verdict(columns=None)
    # What nobody expects is worth a line of its own, once: the node may be broken.
    is_news = isinstance(error, NodeOdd) and row.tried is not do
    values = {"step": do, "reason": error.key, "detail": error.detail}
    event = Event("warning" if is_news else "info", "will retry at the node", values)
    # The node is there and does not answer for this one: its card must not look payable either.
    lapses = do is Do.CANCEL and gate_is_open and _lapses(row, now)
    columns = {"unconfirmed": True} if lapses else {}
    return Verdict(columns=columns, again=Again(longest_s=LONGEST_AT_NODE_S), events=(event,))


# in the chat


def _redrawn(verdict: Verdict, row: Invoice, began_at: float, now: float) -> Verdict:
    """Where no edit from before this one comes any later, its other messages are edited with the
    card."""
    if (at := row.after_edit(began_at, now)) is None:
        return verdict
    columns: Columns = {**(verdict.columns or {}), "redraw_at": at}
    if row.state is not State.OPEN:  # what can be paid is worth more than that its copies are right
        if row.payment_request_id is not None:
            columns["payment_request_shown"] = Face.NOTHING
        if row.duplicates:
            columns["duplicates"] = dict.fromkeys(row.duplicates, Face.NOTHING)
    return replace(verdict, columns=columns)


def _of_redraw(verdict: Verdict, now: float) -> Verdict:
    """What is edited once more, though it shows what it should, has a moment of its own: it takes
    no pause of what was put off, and makes none. A fault of ours ends it."""
    if verdict.columns is None or verdict.again is None:
        return verdict
    later = 0.0 if verdict.again.is_fault else now + max(LATE_S, verdict.again.at_least_s)
    return replace(verdict, columns={**verdict.columns, "redraw_at": later}, again=None)


def may_come_late(do: Do, error: ChatError) -> bool:
    """Whether an edit without an answer may come after a later one."""
    is_unanswered = isinstance(error, MaybeSent) and not isinstance(error, AnswerUnreadable)
    return do in EDITS and is_unanswered


def _chat_error(do: Do, row: Invoice, error: ChatError, around: Around, now: float) -> Verdict:
    """A step in the chat that did not go as it should."""
    if isinstance(error, MessageGone) and do in SENDS:  # there is none to be gone
        error = ChatRefused(detail=error.detail)
    if (there := elsewhere(do, row, error)) is not None:
        event = Event("info", "sent elsewhere", {"step": do, "reason": error.detail or error.key})
        return Verdict(columns=there, events=(event,))
    columns, again = _after_chat_error(do, row, error, around)
    if may_come_late(do, error):
        columns = {**columns, "redraw_at": now + LATE_S}
    events: list[Event] = []
    notices: tuple[Notice, ...] = ()
    if isinstance(error, ChatRefused):
        if do is Do.ANNOUNCE and not columns:
            # Whatever its words, the payment was not told: that goes on. After a day it is a fault.
            what = "payment is not announced: refused by Telegram"
            is_fault = _was_paid_long_ago(row, now)
            return _put_off(do, row, what, {"detail": error.detail}, is_fault=is_fault)
        events.append(Event("error", "refused by Telegram", {"step": do, "detail": error.detail}))
        if "undeliverable" in columns:
            notices = (Notice(Kind.CARD_REFUSED, why=error.detail, invoice=row),)
        elif do in EDITS and not _is_no_card(do, row) and not row.is_redraw(do):
            notices = (Notice(Kind.CARD_UNTRUE, why=error.detail, invoice=row),)
    else:
        values = {"step": do, "reason": error.detail or error.key}
        events.append(Event("info", "chat step failed", values))
    if isinstance(error, AnswerUnreadable) and do in SENDS and again is None:
        events.append(Event("warning", "message counts as sent: its number could not be read", {}))
    return Verdict(
        columns=columns,
        again=again,
        events=tuple(events),
        notices=notices,
        unreachable=(lost := _lost(do, row, error, around)),
        is_sealed=Audience.CHAT in lost and not only_muted(do, error),
    )


def _with_announcing(do: Do, row: Invoice) -> Work:
    """Announcing a payment and showing it take each other's place: what was tried of either counts,
    and no pause becomes short again."""
    takes_turns = Do.ANNOUNCE in (do, row.tried) and row.tried in SENDS | EDITS
    return work.shared(row, do) if row.is_news and takes_turns else row


def elsewhere(do: Do, row: Invoice, error: ChatError) -> Columns | None:
    """Where the row's messages go from now on where its topic takes none; None: where they did."""
    if isinstance(error, TopicGone) and do in SENDS and row.thread_id is not None:
        return {"thread_id": None}
    is_person = row.asker_id > 0  # a group that asks has no private chat
    is_first = do in (Do.SEND_CARD, Do.SEND_WAITING_NOTICE)
    if isinstance(error, TopicClosed) and is_first and is_person and row.chat_id < 0:
        private: Columns = {"chat_id": row.asker_id, "thread_id": None, "reply_to": None}
        return {**private, **changes(**delivery.void())}
    return None


def only_muted(do: Do, error: object) -> bool:
    """Whether a chat that took no new message may still let what is there be changed."""
    return isinstance(error, ChatForbidden) and error.is_muted and do in SENDS


def _lost(do: Do, row: Invoice, error: ChatError, around: Around) -> frozenset[Audience]:
    """Who cannot be reached: the row's own chat, or whom a payment was announced to in private."""
    if not isinstance(error, ChatForbidden):
        return frozenset()
    to = row.audience(around.unreachable) if do is Do.ANNOUNCE else None
    return frozenset({to or Audience.CHAT})


def _after_chat_error(
    do: Do, row: Invoice, error: ChatError, around: Around
) -> tuple[Columns, Again | None]:
    if do is Do.SEND_WAITING_NOTICE and not isinstance(error, ChatForbidden):
        return {}, None  # a waiting notice goes out once or not at all
    again = again_after(do, error)
    match error:
        case MessageGone():
            return _gone(do, row), None
        case ChatForbidden():  # by what is unreachable then, the row goes on or rests
            return {}, None
        case ChatRefused():
            return _refused(do, row, around), None
        case AnswerUnreadable() if do in SENDS:
            return _unnumbered(row, do, around, again)
        case MaybeSent() if do in SENDS:
            unsure = changes(**delivery.unanswered(row, do))
            if do is Do.ANNOUNCE and (readers := _readers(row, around)):
                unsure = {**unsure, "notified": row.with_notified(readers, surely=False)}
            return unsure, again
    return {}, again


def again_after(do: Do, error: ChatError) -> Again:
    """The pauses after a step in the chat that Telegram may take another time."""
    if isinstance(error, ChatBusy):
        at_least_s = min(error.retry_after_s, MAX_PAUSE_S)
        return Again(longest_s=LONGEST_AFTER_BUSY_S, at_least_s=at_least_s)
    if isinstance(error, MaybeSent) and do in SENDS:
        is_silent = isinstance(error, NoAnswer)
        return Again(first_s=FIRST_AFTER_NO_ANSWER_S if is_silent else FIRST_AFTER_BROKEN_S)
    return Again(longest_s=LONGEST_IN_CHAT_S)


def _unnumbered(row: Invoice, do: Do, around: Around, again: Again) -> tuple[Columns, Again | None]:
    """It is there, but nobody can edit it: sent again, and with the last copy it counts as shown.

    What becomes of the invoice gets a message of its own then. A message without any answer never
    counts as shown: it may be nowhere.
    """
    unsure = changes(**delivery.unanswered(row, do))
    is_first = not row.may_be_duplicate(do)
    if is_first or row.attempts_at(do) + 1 < work.MAX_COPIES:
        return unsure, replace(again, is_first=is_first)
    if do is Do.ANNOUNCE:
        read = row.with_notified(_readers(row, around), surely=True)
        return {**unsure, "announced": True, "notified": read}, None
    if do is Do.SEND_PAYMENT_REQUEST:
        return {**unsure, "payment_request_shown": Face.OPEN}, None
    return {**unsure, "card_shown": row.face}, None


def _is_no_card(do: Do, row: Invoice) -> bool:
    """Whether the message is still to become the card: a notice or a question, also one that is to
    be drawn again. Nobody can pay by it."""
    return do is Do.EDIT_CARD and row.card_shown in (Face.WAITING, Face.QUESTION, Face.NOTHING)


def _gone(do: Do, row: Invoice) -> Columns:
    """A message that can no longer be edited: there is nothing left to keep true."""
    if do is Do.EDIT_CARD:
        if _is_no_card(do, row) and row.face is not Face.QUESTION:
            return {"card_id": None, "card_shown": Face.NOTHING}  # the card is still due
        return {"card_shown": row.face}
    if do is Do.EDIT_PAYMENT_REQUEST:
        return {"payment_request_shown": row.face}
    number = row.untrue_duplicate
    return {} if number is None else {"duplicates": row.without_duplicate(number)}


def _refused(do: Do, row: Invoice, around: Around) -> Columns:
    """Telegram will never take this: a card once more as text only, then not at all."""
    if do is Do.SEND_CARD and not row.text_only:
        return {"text_only": True}
    if do is Do.ANNOUNCE:
        return _announce_further(row, around)
    if do is Do.SEND_CARD and row.undeliverable:
        return {"card_shown": row.face}  # not even that it is closed
    if do in (Do.SEND_CARD, Do.SEND_PAYMENT_REQUEST):
        return {"undeliverable": True, "cancel_wanted": True}
    # nor can it be removed: it stays as it is, and the owners are told
    return {**_gone(do, row), **({"redraw_at": 0.0} if do is Do.EDIT_CARD else {})}


def _readers(row: Invoice, around: Around) -> tuple[int, ...]:
    """Who reads the announcement in private, as it goes out now."""
    match row.audience(around.unreachable):
        case Audience.CHAT if row.chat_id > 0:
            return (row.chat_id,)
        case Audience.ASKER:
            return (row.asker_id,)
        case Audience.OWNERS:
            return around.all_owners
    return ()


def _notified(row: Invoice, came: Notified, people: tuple[int, ...], now: float) -> Verdict:
    """What came of notifying these owners: whoever is left is tried again, and nobody waits."""
    given_up = came.refused if _was_paid_long_ago(row, now) else frozenset()
    there = dict(row.notified)  # as before the step, where it was surely not sent
    for person in people:
        if person in came.read | came.maybe | given_up:
            there[person] = person not in came.maybe
    left = [each for each in people if not there.get(each) and each not in came.lost]
    columns: Columns = {"notified": there}
    if left:
        columns["notify_at"] = now + owners_pause_s(row, now)
    events = [Event("info", "owners notified of the payment", {"count": len(came.read)})]
    if given_up:
        events.append(Event("error", "owners not notified: refused by Telegram", {}))
    return Verdict(columns=columns, events=tuple(events), lost_owners=came.lost)


def _was_paid_long_ago(row: Invoice, now: float) -> bool:
    """What Telegram refuses for a day it will never take."""
    return now - (row.settled_at or row.asked_at) > REFUSED_FOR_S


def _announce_further(row: Invoice, around: Around) -> Columns:
    """Whom a payment is announced to where Telegram rejects the announcement to those before.

    Nothing where there is nobody else.
    """
    refused = row.audience(around.unreachable)
    after = row.audiences[row.audiences.index(refused) + 1 :] if refused is not None else ()
    return {"announce_to": after[0]} if after else {}


# a fault of ours


def _fault(do: Do, row: Invoice, what: str, columns: Columns, values: dict[str, Any]) -> Verdict:
    """An error of ours in this row's step: it stops nothing else."""
    # it may have come after the message
    columns = {**columns, **changes(**delivery.unanswered(row, do))}
    return replace(_put_off(do, row, what, values), columns=columns)


def _put_off(
    do: Do, row: Invoice, what: str, values: dict[str, Any], *, is_fault: bool = True
) -> Verdict:
    """The step goes on failing: the owners hear of it after so many tries. Where that is a fault of
    ours, the row is stuck then."""
    tries = row.faults_at(do) if is_fault else row.attempts_at(do)
    # what may go on for a day is told once
    events = [Event("error" if is_fault or not tries else "info", what, {"step": do, **values})]
    notices: tuple[Notice, ...] = ()
    if tries + 1 == work.MAX_FAULTS:
        error = values.get("exc_info")
        why = type(error).__name__ if error else values.get("detail", "")
        notices = (Notice(Kind.STUCK, why=why, step=do, invoice=row),)
        events += [Event("error", "row is stuck", {"step": do})] if is_fault else []
    again = Again(is_fault=is_fault)
    return Verdict(columns={}, again=again, events=tuple(events), notices=notices)


def _changes_nothing(do: Do, row: Invoice, verdict: Verdict, around: Around, now: float) -> bool:
    """Whether a step that was taken is due again at once: that counts as a fault."""
    if verdict.again is not None:
        return False
    after = replace(row, **(verdict.columns or {}))
    if after.is_redraw(do) and not row.is_redraw(do):
        return False  # it took so long that none comes late any longer that came before it
    is_same = next_step(after, around, now).do is do
    is_as_it_was = after.untrue_duplicate == row.untrue_duplicate and after.notified == row.notified
    return is_same and is_as_it_was


def _is_due_as_it_was(do: Do, row: Invoice, verdict: Verdict, later: Around, now: float) -> bool:
    """Whether a step that failed is due again at once, and nothing is another way then.

    A waiting notice may be: of the next outage.
    """
    if do is Do.SEND_WAITING_NOTICE:
        return False
    after = replace(row, **(verdict.columns or {}))
    is_elsewhere = bool(verdict.unreachable or verdict.lost_owners)
    is_as_it_was = verdict.again is None and not is_elsewhere and after == row
    return is_as_it_was and next_step(after, later, now).do is do
