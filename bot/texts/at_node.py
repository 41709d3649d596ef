"""What people at a terminal read of one invoice of the node: how it is, what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.core.amounts import format_sats
from bot.core.answers import NodeInvoice, NodeState
from bot.core.ends import End, end_of
from bot.core.text import clean_line
from bot.errors import NodeError
from bot.texts.terminal import why_here

WAITING = "Waiting for the payment. Ctrl-C ends that, and the invoice stays open."
NODE_IS_BACK = "The Lightning node is back. Still waiting."

_STATES = {
    NodeState.OPEN: "Open",
    NodeState.SETTLED: "Paid",
    NodeState.ACCEPTED: "A payment is on its way",
    NodeState.UNKNOWN: "Open",
}
_ENDS = {End.PAID: "Paid", End.EXPIRED: "Expired", End.CANCELLED: "Cancelled"}


def looked_up(found: NodeInvoice, now: float) -> str:
    """An invoice as the node has it at `now` (Unix seconds), a line for each thing."""
    state = _STATES.get(found.state) or _closed(found, now)
    return "\n".join([f"{state}: {_amount(found)}", *_about(found, now)])


def became(end: End, found: NodeInvoice) -> str:
    """What became of an invoice that was waited for."""
    after = "" if end is End.PAID else " It can no longer be paid."
    return f"{_ENDS[end]}: {_amount(found)}.{after}"


def still_open(found: NodeInvoice, now: float) -> str:
    """Nobody waits for it now. `now`: the node's time in Unix seconds."""
    if now >= found.expires_at:
        return f"The invoice expired at {_at(found.expires_at)}. Whether it was paid is not known."
    return f"The invoice is still open, and can be paid until {_at(found.expires_at)}."


def waited_through(error: NodeError) -> str:
    """The node is away while an invoice is waited for."""
    return f"{why_here(error)} Still waiting."


def perhaps_made(payment_hash: bytes) -> str:
    """The node did not confirm an invoice that it was asked for."""
    return (
        "The node may have made the invoice. To make sure that it can't be paid: "
        f"invoice-bot cancel {payment_hash.hex()}"
    )


def cancelled(found: NodeInvoice) -> str:
    """An invoice was cancelled just now."""
    return f"Cancelled: {_amount(found)}. It can no longer be paid."


def not_cancelled(found: NodeInvoice, now: float) -> str:
    """It was too late to cancel an invoice that the node has as `found`."""
    if found.state is NodeState.SETTLED:
        return f"Already paid: {_amount(found)}. A payment can't be cancelled."
    return f"{_closed(found, now)} already: {_amount(found)}. There was nothing to cancel."


def _closed(found: NodeInvoice, now: float) -> str:
    """LND has one word for both, and after the expiry nobody can tell them apart."""
    return "Cancelled" if end_of(found, now) is End.CANCELLED else "Expired or cancelled"


def _amount(found: NodeInvoice) -> str:
    """What was paid, else what was asked for."""
    if found.paid_msat and found.amount_msat not in (0, found.paid_msat):
        return f"{format_sats(found.paid_msat)}, {format_sats(found.amount_msat)} requested"
    return format_sats(found.paid_msat or found.amount_msat)


def _about(found: NodeInvoice, now: float) -> Iterator[str]:
    if memo := clean_line(found.memo):
        yield f"For: {memo}"
    yield f"Created: {_at(found.created_at)}"
    if found.settled_at:
        yield f"Paid at: {_at(found.settled_at)}"
    elif now >= found.expires_at:
        yield f"Was payable until: {_at(found.expires_at)}"
    elif found.state is not NodeState.CANCELED:
        yield f"Payable until: {_at(found.expires_at)}"
    yield f"Payment hash: {found.payment_hash.hex()}"


def _at(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M %Z}"
