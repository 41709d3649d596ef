"""What came of a step, as the columns to write. Knows the row and what node and chat may answer.

Functions of values: they ask nobody, and read no clock. Those at the end write an outcome where
it is still so; they are jobs for the store, and touch only their `Tx`.
"""

from __future__ import annotations

from dataclasses import replace

from bot.errors import (
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatRefused,
    InvoiceUnknown,
    MaybeSent,
    MessageGone,
    NoAnswer,
    NodeError,
    NodeRefused,
)
from bot.gate import FIRST_PAUSE_S, pause_s
from bot.invoice import (
    AT_NODE,
    BY_ITSELF,
    MAX_PAUSE_S,
    SENDS,
    Columns,
    Do,
    Face,
    Invoice,
    Priority,
    State,
    Step,
    at_once,
    closed_state,
    next_step,
)
from bot.lnd import NodeInvoice
from bot.store import LANE_FOREIGN, LANE_HELD, Tx

#: The longest pauses between tries, in seconds.
LONGEST_AT_NODE_S = 5.0
LONGEST_IN_CHAT_S = 8.0
LONGEST_AFTER_BUSY_S = 1.0
#: The first pause after a message that Telegram took without a word: each more may be a copy.
FIRST_AFTER_NO_ANSWER_S = 4.0


# before a step


def marker(do: Do, armed: str) -> Columns:
    """What is written before a message goes out, unless the step before wrote it (`armed`)."""
    return {"sending": do} if do in SENDS and armed != do else {}


def left_behind(invoice: Invoice) -> Columns:
    """A marker that no hand of this process wrote: whether the message arrived is unknown."""
    if not invoice.sending:
        return {}
    return {"sending": "", "unsure": _unsure(invoice, invoice.sending)}


def addressed(do: Do, invoice: Invoice) -> Invoice:
    """The row as it goes to the chat: a payment that can't be told there is told elsewhere."""
    if do is Do.TELL and invoice.held and not invoice.tell_to:
        return replace(invoice, tell_to=_elsewhere(invoice))
    return invoice


# of the database alone


def by_itself(do: Do, failure: str) -> Columns:
    """Patience is over, for the reason `failure`; or the question is too old."""
    return (
        {"state": State.FAILED, "failure": failure} if do is Do.FAIL else {"state": State.DROPPED}
    )


# at the node


def of_add(invoice: Invoice, found: NodeInvoice, *, node_id: str, now: float) -> Columns:
    """The node has the invoice: fresh or repeated, the row is filled from the look-up."""
    return {
        **_found(invoice, found, now),
        "preimage": None,
        "node_id": node_id,
        "payment_request": found.payment_request,
        "add_index": found.add_index,
        "expires_at": found.expires_at,
    }


def of_cancel(invoice: Invoice, found: NodeInvoice | None, *, now: float) -> Columns:
    """It was cancelled, or is as `found`. The node's answer decides."""
    is_closed = found is None or found.state == "canceled"
    if invoice.state is State.FAILED and is_closed:
        return {"preimage": None}
    if found is not None and found.state in ("settled", "canceled"):
        return _found(invoice, found, now)
    if found is not None:  # not over by its clock, a payment is under way, or it may not be asked
        return _put_off(invoice, Do.CANCEL, longest_s=MAX_PAUSE_S, now=now)
    return {"state": closed_state(invoice, now)}


def of_node_error(
    do: Do, invoice: Invoice, error: NodeError, *, gate_is_open: bool, now: float
) -> Columns | None:
    """A step at the node without its answer. None: nothing is written, the gate gives the pause."""
    if do is Do.CANCEL and isinstance(error, InvoiceUnknown):  # the node deleted it
        return of_cancel(invoice, None, now=now)
    # That an invoice is not found right after its add means nothing: it may appear a moment later.
    if do is Do.ADD and isinstance(error, NodeRefused) and not isinstance(error, InvoiceUnknown):
        # The preimage stays: an earlier try may have arrived, and is then to be cancelled.
        return {"state": State.FAILED, "failure": error.sentence}
    if do is Do.ADD and not gate_is_open:
        return None
    return _put_off(invoice, do, longest_s=LONGEST_AT_NODE_S, now=now)


def settled(found: NodeInvoice) -> Columns:
    """It is paid."""
    return {
        "state": State.SETTLED,
        "preimage": None,
        "paid_msat": found.paid_msat,
        "settle_index": found.settle_index,
        "settled_at": found.settled_at,
    }


def counts_anew(newest: Invoice, found: NodeInvoice | None) -> bool:
    """Whether the node numbers its payments from 1 again, by our `newest` as it looks up now."""
    return found is None or found.settle_index != newest.settle_index


def _found(invoice: Invoice, found: NodeInvoice, now: float) -> Columns:
    if found.state == "settled":
        return settled(found)
    if found.state == "canceled":
        return {"state": closed_state(replace(invoice, expires_at=found.expires_at), now)}
    return {"state": State.OPEN}


# in the chat


def puts_on_hold(do: Do, invoice: Invoice, error: ChatError) -> bool:
    """Whether nothing reaches the row's own chat any more."""
    elsewhere = do is Do.TELL and bool(invoice.tell_to or invoice.held)
    return isinstance(error, ChatForbidden) and not elsewhere


def of_chat_error(do: Do, invoice: Invoice, error: ChatError, *, now: float) -> Columns:
    """A step in the chat that did not go as it should."""
    if do is Do.SAY_WAITING and not isinstance(error, ChatForbidden):
        return {"sending": ""}  # a word is said once or not at all
    if isinstance(error, ChatBusy):
        return _put_off(
            invoice,
            do,
            longest_s=LONGEST_AFTER_BUSY_S,
            at_least_s=min(error.retry_after_s, MAX_PAUSE_S),
            now=now,
        )
    if isinstance(error, MessageGone):
        return _gone(do, invoice)
    if isinstance(error, ChatForbidden):
        return {} if puts_on_hold(do, invoice, error) else _tell_further(invoice)
    if isinstance(error, ChatRefused):
        return _refused(do, invoice)
    if isinstance(error, NoAnswer) and do in SENDS:
        first_s, longest_s = FIRST_AFTER_NO_ANSWER_S, MAX_PAUSE_S
        columns = _put_off(invoice, do, first_s=first_s, longest_s=longest_s, now=now)
    else:
        columns = _put_off(invoice, do, longest_s=LONGEST_IN_CHAT_S, now=now)
    if isinstance(error, MaybeSent) and do in SENDS:
        columns["unsure"] = _unsure(invoice, do)
    return columns


def _unsure(invoice: Invoice, do: str) -> str:
    """That step too: what is unsure of another one stays so."""
    return ",".join(sorted({*invoice.unsure.split(","), do} - {""}))


def _gone(do: Do, invoice: Invoice) -> Columns:
    """A message that can't be edited any more: there is nothing left to keep true."""
    if do is Do.EDIT_CARD:
        if invoice.card_shown is Face.WAITING:  # only the word was removed: the card is still due
            return {"card_id": None, "card_shown": Face.NOTHING}
        return {"card_shown": invoice.face}
    if do is Do.EDIT_REQUEST:
        return {"request_shown": invoice.face}
    stray = invoice.untrue_stray
    return {} if stray is None else {"strays": invoice.with_stray(stray, None)}


def _refused(do: Do, invoice: Invoice) -> Columns:
    """Telegram will never take this: a card once more as plain text, then not at all."""
    if do is Do.SEND_CARD and not invoice.plain:
        return {"plain": True}
    if do is Do.TELL:
        return _tell_further(invoice)
    if do in (Do.SEND_CARD, Do.SEND_REQUEST):
        return {"unshowable": True, "cancel_wanted": True}
    return _gone(do, invoice)  # nor can it be removed: it stays as it is, and the owners are told


def _tell_further(invoice: Invoice) -> Columns:
    """Where a payment can't be told: to the asker in private, else to the owners."""
    if not invoice.tell_to and not invoice.held:
        return {"tell_to": _elsewhere(invoice)}
    if (invoice.tell_to or _elsewhere(invoice)) == "asker":
        return {"tell_to": "owners"}
    return {"told": True}


def _elsewhere(invoice: Invoice) -> str:
    own_chat = invoice.asker_id in (invoice.chat_id, invoice.origin_chat_id)
    return "owners" if own_chat else "asker"


# a fault of ours


def of_fault(do: Do, invoice: Invoice, *, now: float) -> Columns:
    """An error of ours in this row's step: it stops nothing else."""
    faults = invoice.faults + 1 if invoice.tried == do else 1
    columns = _put_off(invoice, do, longest_s=MAX_PAUSE_S, now=now)
    if do in SENDS:  # it may have come after the message
        columns["unsure"] = _unsure(invoice, do)
    return {**columns, "faults": faults}


def changes_nothing(do: Do, invoice: Invoice, columns: Columns, *, now: float) -> bool:
    """Whether a step that was taken is due again at once: that counts as a fault."""
    after = replace(invoice, **columns)
    return next_step(after, now).do is do and after.untrue_stray == invoice.untrue_stray


def _put_off(
    invoice: Invoice,
    do: Do,
    *,
    longest_s: float,
    now: float,
    first_s: float = FIRST_PAUSE_S,
    at_least_s: float = 0.0,
) -> Columns:
    attempts = invoice.attempts + 1 if invoice.tried == do else 1
    pause = max(at_least_s, pause_s(attempts, first_s=first_s, longest_s=longest_s))
    return {"tried": do, "attempts": attempts, "retry_at": now + min(pause, MAX_PAUSE_S)}


# what is written with it


def completed(invoice: Invoice, columns: Columns) -> Columns:
    """The outcome, and what it ends: a step that was taken is put off no more."""
    columns = dict(columns)
    if (invoice.tried or invoice.faults) and "tried" not in columns:
        columns |= {"tried": "", "attempts": 0, "faults": 0, "retry_at": 0.0}
    return columns


def beforehand(after: Invoice, *, now: float) -> Columns:
    """What the step after needs written before; `after` is the row with the outcome."""
    step = next_step(after, now)
    columns: Columns = {"sending": step.do if step.do in SENDS else ""}
    if step.do in (Do.WAIT, Do.NOTHING):
        columns |= resting(after, step, now=now)
    return columns


def resting(invoice: Invoice, step: Step, *, now: float) -> Columns:
    """When and where a row is due again that is let go with this step."""
    if invoice.held and next_step(replace(invoice, held=False), now) != step:
        return {"due_at": None, "lane": LANE_HELD}
    if invoice.foreign and invoice.state is State.OPEN and step.do is Do.NOTHING:
        return {"due_at": None, "lane": LANE_FOREIGN}
    due_at = step.at if step.do is Do.WAIT else None
    lane = invoice.priority
    if lane is Priority.EXPIRED and invoice.tried and invoice.tried not in AT_NODE:
        lane = Priority.NEW  # only the chat is waited for: a node that is away delays nothing
    return {"due_at": due_at, "lane": int(lane)}


# jobs of the store

#: What is so of a notice, in whatever chat it stands.
_OF_TELLING = ("told", "tell_to", "unsure")


def record(
    tx: Tx, invoice: Invoice, do: Do, columns: Columns, *, now: float
) -> tuple[Invoice, bool]:
    """Write the outcome where it is still so; the row as it stands then, and whether it was."""
    of_node = do in AT_NODE or do in BY_ITSELF
    expected: Columns = {"state": invoice.state} if of_node else {"chat_id": invoice.chat_id}
    if invoice.state is State.ASKING:
        # An answer may be faster than the record: the question is no card of what was asked.
        expected["state"] = invoice.state
    if do is Do.EDIT_STRAY:  # a press tells of another copy
        expected["strays"] = invoice.strays
    unmoved = {**expected, "due_at": invoice.due_at}
    changed = _unless_heard(tx, invoice, columns, now)
    if (row := tx.update_if(invoice.id, unmoved, **changed)) is not None:
        return row, True
    if tx.invoice_if(invoice.id, **expected) is None:
        # Somebody was faster: a payment, a press, or the group moved. Their word stands; but a
        # payment that was told in the old group was told.
        told = {name: columns[name] for name in _OF_TELLING if name in columns and do is Do.TELL}
        return tx.update(invoice.id, sending="", **told), False
    # Somebody wants to be heard: when the row is due is theirs to say.
    ours = {name: columns[name] for name in columns if name not in ("due_at", "lane")}
    return tx.update(invoice.id, **ours), True


def let_go(tx: Tx, invoice: Invoice, columns: Columns, *, now: float) -> Invoice:
    """Write when the row is due again."""
    return tx.update(invoice.id, **_unless_heard(tx, invoice, columns, now))


def paid(
    tx: Tx, event: NodeInvoice, *, cursor_of: tuple[str, int] | None, now: float
) -> Invoice | None:
    """The node tells a payment; its row, if that is news. `cursor_of`: which node, and how far."""
    row_id = tx.settle(event.payment_hash, now=now, **settled(event))
    if cursor_of is not None:
        tx.set_cursor(*cursor_of, now)
    return None if row_id is None else tx.invoice(row_id)


def looked_up(tx: Tx, row_id: int, found: NodeInvoice | None, *, now: float) -> Invoice | None:
    """An open row as the node has it; the row, if it is open no more."""
    if found is not None and found.state == "settled":
        tx.settle(found.payment_hash, now=now, **settled(found))
    elif found is None or found.state == "canceled":
        tx.close(row_id, now)
    else:
        return None
    return tx.invoice(row_id)


def _unless_heard(tx: Tx, invoice: Invoice, columns: Columns, now: float) -> Columns:
    """A chat that was heard of in the meantime holds nothing back: nobody would wake it."""
    if columns.get("lane") != LANE_HELD or tx.is_forbidden(invoice.chat_id):
        return columns
    return columns | {"due_at": at_once(now), "lane": int(invoice.priority)}
