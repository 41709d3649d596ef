"""Whether a new invoice is what was asked for. Knows the node's answer and what a wallet reads."""

from __future__ import annotations

from bot.core import bolt11
from bot.core.answers import NodeInvoice
from bot.errors import ClockBehind, NodeOdd

#: Seconds by which the node's clock may be behind ours, and by which a payment's time may be off.
CLOCKS_APART_S = 86_400.0
#: Seconds by which what a payment request says of a time may differ from what the node says.
TIMES_APART_S = 2


def confirm(found: NodeInvoice, *, payment_hash: bytes, amount_msat: int, expiry_s: int) -> None:
    """Whether a new invoice is what was asked for. Raises `NodeOdd` where it is not."""
    odd = contradiction(
        found, payment_hash=payment_hash, amount_msat=amount_msat, expiry_s=expiry_s
    )
    if odd:
        raise NodeOdd(detail=odd)


def in_time(found: NodeInvoice, asked_at: float) -> None:
    """Whether a new invoice was not made long before it was asked for, in Unix seconds.

    Raises `ClockBehind` where it was: wallets go by the right time, and nobody could pay it.
    """
    behind_s = asked_at - found.created_at
    if behind_s > CLOCKS_APART_S:
        raise ClockBehind(detail=f"{round(behind_s)} s")


def contradiction(
    found: NodeInvoice, *, payment_hash: bytes, amount_msat: int, expiry_s: int
) -> str:
    """What of a new invoice is not what was asked for, for the log; "" where nothing is.

    An `amount_msat` of 0 is any amount. The payment request has to say the same: a wallet pays by
    nothing else.
    """
    if found.payment_hash != payment_hash:
        return "another payment hash"
    if found.expires_at <= found.created_at:
        return "no time to pay it"
    if found.amount_msat != amount_msat:
        return f"{found.amount_msat} msat, where {amount_msat} were asked for"
    try:
        terms = bolt11.read(found.payment_request)
    except ValueError as error:
        return f"its payment request: {error}"
    if terms.payment_hash != payment_hash:
        return "its payment request: another payment hash"
    if terms.amount_msat != amount_msat:
        return f"its payment request: {terms.amount_msat} msat, not {amount_msat}"
    if terms.expiry_s != expiry_s:
        return f"its payment request: {terms.expiry_s} s to pay it, not {expiry_s}"
    # when that was asked for is no measure: it may have been added by an earlier try
    times = ((found.created_at, terms.created_at), (found.expires_at, terms.expires_at))
    if any(abs(said - written) > TIMES_APART_S for said, written in times):
        return "its payment request: another time"
    return ""
