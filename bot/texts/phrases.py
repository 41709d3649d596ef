"""Phrases that many sentences share: amounts, times, counts, people. The only escaping."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.core import bolt11
from bot.core.amounts import format_sats
from bot.core.invoice import Invoice
from bot.core.text import FOLD_AT, clean_name, clean_quote, clean_short, spelled


def escape(text: str) -> str:
    """What people wrote, as Telegram HTML."""
    return html.escape(text, quote=False)


def amount(row: Invoice) -> str:
    """What was requested."""
    return format_sats(row.amount_msat or 0)


def paid_amount(row: Invoice) -> str:
    """What was paid, where the node said so."""
    return format_sats(row.paid_msat) if row.paid_msat else amount(row)


def overpaid(row: Invoice) -> list[str]:
    """A line where more was paid than requested."""
    if row.amount_msat and row.paid_msat > row.amount_msat:
        return [f"That is more than the {amount(row)} requested."]
    return []


def underpaid(row: Invoice) -> list[str]:
    """A line where less was paid than requested; LND accepts no such payment."""
    if row.amount_msat and 0 < row.paid_msat < row.amount_msat:
        return [f"That is less than the {amount(row)} requested."]
    return []


def receivable(msat: int | None) -> list[str]:
    """A line where the node can receive less than requested: so much; None where it is enough."""
    if msat is None:
        return []
    return [f"The node {can_receive(msat)} now: this payment will probably fail."]


def can_receive(msat: int) -> str:
    """What the node can do, in whole sats."""
    sats = msat // 1000
    return f"can receive about {format_sats(1000 * sats)}" if sats else "can't receive anything"


def short_memo(text: str) -> str:
    """A memo of one short line, for the end of a first line; "" for any other."""
    shown = clean_short(text)
    return f' – "{escape(shown)}"' if shown else ""


def long_memo(text: str) -> list[str]:
    """A memo that is not short."""
    return [] if clean_short(text) else memo(text)


def memo(text: str) -> list[str]:
    """A memo as a quote, folded where it is long; nothing where nothing of it can be shown."""
    shown = clean_quote(text)
    if not shown:
        return []
    fold = " expandable" if len(shown) > FOLD_AT or shown.count("\n") > 3 else ""
    return [f"<blockquote{fold}>{escape(shown)}</blockquote>"]


def quoted(text: str) -> str:
    """What people wrote within a line of ours, as plain text: in marks that it can't contain.

    "" where nothing of it can be shown. No sentence begins with it, but for an amount's.
    """
    shown = clean_name(text)
    return f'"{shown}"' if shown else ""


def remark(text: str) -> str:
    """What another program said, of any length, within a line of ours; plain text."""
    return spelled(" ".join(text.split()))


def shown_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they can be within a line of ours: texts are spelled; all else stays as it is.

    What others say as a `reason` ends without a mark: the sentence has its own.
    """
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if "reason" in texts:
        texts["reason"] = texts["reason"].rstrip(" \t\r\n.?!:;")
    return {**values, **{name: spelled(value) for name, value in texts.items()}}


def name(text: str) -> str:
    """A person's or a group's name, as Telegram HTML: quoted, or ""."""
    return escape(quoted(text))


def mention(row: Invoice, nameless: str = "you") -> str:
    """The person who asked, so that Telegram notifies them; `nameless` where no name is visible."""
    who = name(row.asker_name) or nameless
    if row.asker_id <= 0:  # somebody who asks as the group has no profile
        return who
    return f'<a href="tg://user?id={row.asker_id}">{who}</a>'


def node_of(payee: str) -> str:
    """Whose node is paid, within a sentence; `payee` is its name, or ""."""
    return name(payee) or "the bot owner's node"


def test_network(row: Invoice) -> list[str]:
    """A line where the payment request is of a test network."""
    return on_network(bolt11.test_network(row.payment_request))


def on_network(network: str) -> list[str]:
    """The same where the network is known by its name."""
    is_test = network in bolt11.TEST_NETWORKS
    return [f"On {network}: these are not real sats."] if is_test else []


def moment(at: int, style: str) -> str:
    """A time in Unix seconds that each reader sees in their own language and zone.

    Date and time in UTC where a client does not know of such times; `style` is one of Telegram's.
    """
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f'<tg-time unix="{at}" format="{style}">{when}</tg-time>'


def span(seconds: float) -> str:
    """60 seconds are ``a minute``, 120 ``2 minutes``: the largest unit that is whole."""
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return _span(int(seconds // size), name)
    return _span(int(seconds), "second")


def count(number: int, what: str) -> str:
    """``1 invoice``, ``2 invoices``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _span(number: int, unit: str) -> str:
    if number == 1:
        return f"an {unit}" if unit == "hour" else f"a {unit}"
    return count(number, unit)
