"""What the owners read of the node as a whole, of what is well again, and in one message. HTML."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.amounts import format_sats
from bot.core.failure import Failure
from bot.core.notices import Kind, Notice
from bot.texts.cards import MAY_BE_DUPLICATE
from bot.texts.errors import what_failed
from bot.texts.phrases import can_receive, count, escape, remark

#: What is good again, without values.
_GOOD = {
    Kind.CAN_MAKE_INVOICES: "I can make invoices again.",
    Kind.CAN_CANCEL: "I can cancel invoices at the Lightning node again.",
    Kind.DATABASE_BACK: "I can write my database again. What waited goes on.",
    Kind.SYNCED_AGAIN: "The Lightning node is synced to the chain again.",
    Kind.WEBHOOK_WORKS: "I get messages from Telegram again. What waited comes now.",
    Kind.INBOUND_ENOUGH: "The Lightning node can receive the largest invoice again.",
}
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0


def owner_notices(said: Sequence[str], *, may_be_duplicate: bool) -> str:
    """Notices in one message."""
    return "\n\n".join([*said, *([MAY_BE_DUPLICATE] if may_be_duplicate else [])])


def good_news(notice: Notice) -> str:
    """That something is over; "" for what is no such notice."""
    if notice.kind is Kind.NODE_BACK:
        return f"⚡ The Lightning node is back. It was away for {lasted(notice.lasted_s)}."
    return f"⚡ {_GOOD[notice.kind]}" if notice.kind in _GOOD else ""


def of_the_node(notice: Notice) -> str:
    """What is wrong with the node as a whole; "" for what is no such notice."""
    what = escape(what_failed(Failure(notice.why)))
    match notice.kind:
        case Kind.NODE_AWAY:
            return (
                f"The Lightning node has been away for {lasted(notice.lasted_s)}. {what} "
                "Until it is back, I can't make invoices and don't see payments. "
                f"Write /status to check it.{_missed(notice.missed)}"
            )
        case Kind.MACAROON_REFUSED:
            return (
                f"I can't make invoices, and don't see payments. {what} "
                "Please bake another macaroon for this node. No restart is needed."
                f"{_missed(notice.missed)}"
            )
        case Kind.INBOUND_LOW:
            return f"{_inbound_low(notice)}{_missed(notice.missed)}"
    return ""


def of_the_webhook(notice: Notice) -> str:
    """Why messages don't come; "" for what is no such notice."""
    why = escape(remark(notice.why))
    match notice.kind:
        case Kind.WEBHOOK_REFUSED:
            return (
                f"I get no messages: Telegram refuses my webhook ({why}). "
                "Please fix telegram.webhook in the settings, and restart me. "
                "invoice-bot check says what is wrong with it."
            )
        case Kind.WEBHOOK_FAILS:
            return (
                f"Telegram can't deliver messages to my webhook ({why}). "
                "They wait at Telegram for a day at most. "
                "Please check the proxy in front of me, and its certificate."
            )
    return ""


def _inbound_low(notice: Notice) -> str:
    can = f"The Lightning node {can_receive(notice.receivable_msat)} now"
    if notice.receivable_msat < 1000:  # whole sats
        return f"{can}: payments will fail. Please get more inbound liquidity."
    most = format_sats(notice.limit_msat)
    return (
        f"{can}, in all its channels together. "
        f"Invoices can be for up to {most}: a payment of that much will fail. "
        f"Please get more inbound liquidity{smaller(notice)}."
    )


def smaller(notice: Notice) -> str:
    """What else can be done where little can be received."""
    return ", or set a smaller invoices.max_sats" if notice.receivable_msat else ""


def lasted(seconds: float) -> str:
    """About how long: ``5 minutes``, ``3 hours``, ``2 days``; two units are the least."""
    for size, unit in ((DAY_S, "day"), (HOUR_S, "hour")):
        if seconds >= 2 * size:
            return count(round(seconds / size), unit)
    if seconds < MINUTE_S:
        return "less than a minute"
    return count(int(seconds / MINUTE_S), "minute")


def _missed(times: int) -> str:
    if not times:
        return ""
    since = "Since my last notice of this"
    return f" {since}, it happened {count(times, 'more time')} and was over soon."
