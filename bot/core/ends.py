"""What became of an invoice of the node: paid, expired or cancelled. Pure, and knows no row."""

from __future__ import annotations

from enum import StrEnum

from bot.core.answers import NodeInvoice, NodeState

#: Seconds by which the node may be early to cancel what has expired, as both count whole seconds.
_EARLY_S = 1.0


class End(StrEnum):
    """Nothing more can become of it."""

    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


def end_of(found: NodeInvoice, now: float) -> End | None:
    """What became of it by `now`, the node's time in Unix seconds; None: it is open.

    LND has one word for both ends without a payment. What is cancelled is seen at once or much
    later: who looks late reads EXPIRED of either.
    """
    if found.state is NodeState.SETTLED:
        return End.PAID
    if found.state is NodeState.CANCELED:
        return closed(found, now)
    return None


def closed(found: NodeInvoice, now: float) -> End:
    """The same of one that the node cancelled, or has forgotten since it was as `found`."""
    return End.CANCELLED if now < found.expires_at - _EARLY_S else End.EXPIRED
