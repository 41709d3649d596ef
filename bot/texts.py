"""Everything the bot says, as Telegram HTML. Knows invoices and amounts, and Telegram's limits.

What people wrote is escaped here and nowhere else. Lengths are Telegram's: UTF-16 units after
the tags are taken out.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.amounts import format_sats
from bot.invoice import Face, Invoice, State

MAX_CAPTION = 1024
MAX_TEXT = 4096
#: LND's and BOLT11's own limit, in bytes of UTF-8.
MAX_MEMO_BYTES = 639
MAX_NAME = 64
#: A memo longer than this is folded.
FOLD_AT = 200

QUESTION_PLACEHOLDER = "2100 pizza"

#: For setMyCommands: in private chats, and in groups.
PRIVATE_COMMANDS = (
    ("invoice", "ask for a payment: /invoice 2100 pizza"),
    ("invoices", "your latest invoices"),
    ("cancel", "cancel an invoice: reply to its card"),
    ("id", "your id"),
    ("help", "how it works"),
)
GROUP_COMMANDS = (
    ("invoice", "ask for a payment: /invoice 2100 pizza"),
    ("invoices", "your latest invoices here"),
    ("cancel", "cancel an invoice: reply to its card"),
    ("id", "this group's id"),
    ("help", "how it works"),
)

CANCEL_BUTTON = "Cancel"
RENEW_BUTTON = "Renew"


@dataclass(frozen=True, slots=True)
class Card:
    """A card's text, and whether the payment request must stand in a message of its own."""

    html: str
    request_apart: bool = False


# what people wrote


def clean(text: str) -> str:
    """Text as it may be stored and sent: no lone surrogates, no control characters.

    Newlines stay; other line ends become newlines.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub("\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text)
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def clean_name(name: str) -> str:
    """A name as one line of at most 64 characters, with nothing that turns or hides text."""
    visible = "".join(
        c
        if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or c == "\u200d"
        else " "
        for c in clean(name)
    )
    line = " ".join(visible.split())
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"


def length(markup: str) -> int:
    """UTF-16 units of Telegram HTML once parsed."""
    return len(html.unescape(re.sub("<[^>]*>", "", markup)).encode("utf-16-le")) // 2


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


# the card


def card(
    invoice: Invoice, face: Face, *, limit: int = MAX_CAPTION, earlier_copy: bool = False
) -> Card:
    """What the card's first message says; `limit` is a caption's or a text's."""
    if face is Face.QUESTION:
        return Card(question(invoice))
    if face is Face.FAILED:
        return Card(failed(invoice))
    top = [f"{_state_line(invoice, face)}"]
    if earlier_copy:
        top.append("<i>An earlier copy of this message may stand above.</i>")
    if invoice.memo:
        top.append(_memo(invoice.memo))
    if invoice.asker_name:
        top.append(f"Asked by {_escape(invoice.asker_name)}")
    if face is not Face.OPEN:
        top += _ending(invoice, face)
        return Card(_fitting(top, limit))
    left = f'<tg-time unix="{invoice.expires_at}" format="r">in {_span(invoice.expiry_s)}</tg-time>'
    top.append(f"Pay by {_moment(invoice.expires_at, 't')}, {left}")
    request = f"<code>{_escape(invoice.payment_request)}</code>"
    whole = "\n".join([*top, "", request])
    if length(whole) <= limit:
        return Card(whole)
    return Card(_fitting([*top, "The payment request follows as text."], limit), request_apart=True)


def request(invoice: Invoice, face: Face) -> str:
    """The card's second message, where the payment request does not fit the first."""
    if face is Face.OPEN:
        return f"<code>{_escape(invoice.payment_request)}</code>"
    return (
        f"{_state_line(invoice, face)}\nThe payment request that stood here can't be paid any more."
    )


def _state_line(invoice: Invoice, face: Face) -> str:
    amount = _amount(invoice)
    if face is Face.OPEN:
        return f"⚡ <b>Please pay {amount}</b>"
    if face is Face.PAID:
        return f"✅ <b>Paid: {_paid_amount(invoice)}</b>"
    if face in (Face.EXPIRED, Face.EXPIRED_RENEWED):
        return f"⌛ <b>Expired: {amount}</b>"
    return f"✖️ <b>Cancelled: {amount}</b>"


def _amount(invoice: Invoice) -> str:
    return format_sats(invoice.amount_msat or 0)


def _paid_amount(invoice: Invoice) -> str:
    return format_sats(invoice.paid_msat) if invoice.paid_msat else _amount(invoice)


def _overpaid(invoice: Invoice) -> bool:
    return bool(invoice.amount_msat) and invoice.paid_msat > (invoice.amount_msat or 0)


def _memo(memo: str) -> str:
    fold = " expandable" if len(memo) > FOLD_AT or memo.count("\n") > 3 else ""
    return f"<blockquote{fold}>{_escape(memo)}</blockquote>"


def _ending(invoice: Invoice, face: Face) -> list[str]:
    if face is Face.PAID:
        lines = [f"Paid {_moment(invoice.settled_at, 'Dt')}"] if invoice.settled_at else []
        if _overpaid(invoice):
            lines.append(f"That is more than the {_amount(invoice)} asked for.")
        return lines
    if face in (Face.CANCELLED, Face.CANCELLED_RENEWED):
        by = f" by {_escape(invoice.cancelled_by)}" if invoice.cancelled_by else ""
        lines = [f"Cancelled{by}: it can't be paid any more."]
    else:
        lines = ["Its time is over: it can't be paid any more."]
    if face in (Face.CANCELLED_RENEWED, Face.EXPIRED_RENEWED):
        lines.append("A new one was made.")
    return lines


def _moment(at: int, style: str) -> str:
    """A time that each reader sees in their own language and zone; UTC where it is not known."""
    when = datetime.fromtimestamp(at, UTC)
    inner = when.strftime("%Y-%m-%d %H:%M UTC") if style != "t" else when.strftime("%H:%M UTC")
    return f'<tg-time unix="{at}" format="{style}">{inner}</tg-time>'


def _fitting(lines: list[str], limit: int) -> str:
    """The lines, without the memo where they would pass the limit: a caption is never cut."""
    whole = "\n".join(lines)
    if length(whole) <= limit:
        return whole
    return "\n".join(line for line in lines if not line.startswith("<blockquote"))


# before and after


def question(invoice: Invoice) -> str:
    """Asks for the amount."""
    example = "<code>2100 pizza</code>"
    return f"{_mention(invoice)}, how many sats? Reply with an amount, such as {example}."


def waiting(sentence: str, patience_s: float) -> str:
    """Said while the node is away; it becomes the card, or the failure."""
    return f"⏳ {_escape(sentence)} I keep trying for {_span(patience_s)}."


def failed(invoice: Invoice) -> str:
    """Said when there will be no invoice."""
    amount = f" for {_amount(invoice)}" if invoice.amount_msat else ""
    outcome = f"There is no invoice{amount}: ask again later."
    return f"⚠️ {_escape(invoice.failure)}\n{outcome}"


def told(invoice: Invoice, *, earlier_copy: bool = False, elsewhere: str = "") -> str:
    """Tells a payment. `elsewhere` is why it is not told in the invoice's own chat."""
    lines = [f"✅ {_mention(invoice)}, you got {_paid_amount(invoice)}."]
    if _overpaid(invoice):
        lines.append(f"That is more than the {_amount(invoice)} asked for.")
    if invoice.memo:
        lines.append(_memo(invoice.memo))
    if elsewhere:
        lines.append(_escape(elsewhere))
    if earlier_copy:
        lines.append("<i>This may have been told above already.</i>")
    return _fitting(lines, MAX_TEXT)


def _mention(invoice: Invoice) -> str:
    name = _escape(invoice.asker_name) or "You"
    if invoice.asker_id <= 0:  # who asks as the group has no profile
        return name
    return f'<a href="tg://user?id={invoice.asker_id}">{name}</a>'


CANT_REACH_CHAT = "I can't write to the chat where you asked for it."


def _span(seconds: float) -> str:
    """`60 s` → ``1 minute``."""
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return _count(int(seconds // size), name)
    return _count(int(seconds), "second")


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


# answers to commands


def help_private(bot_name: str) -> str:
    """What the bot does, in a private chat."""
    return (
        "⚡ <b>I make Lightning invoices.</b>\n"
        "Write <code>/invoice 2100 pizza</code> and I answer with a QR code. "
        "When it is paid, I say so.\n\n"
        "The amount is in sats: <code>2100</code>, <code>21k</code>, <code>0.0005 btc</code>, or "
        "<code>any</code> to leave it to the payer. Reply to a message with "
        "<code>/invoice 2100</code> to take its text as the memo.\n\n"
        "/invoices – your latest invoices\n"
        "/cancel – as a reply to a card: cancel it\n"
        "/id – your id, for the allow-list\n\n"
        f"In a group, write <code>/invoice@{_escape(bot_name)} 2100 pizza</code>. "
        "The money goes straight to the owner's node: I hold nothing."
    )


def help_group(bot_name: str) -> str:
    """What the bot does, in a group."""
    name = _escape(bot_name)
    return (
        "⚡ <b>I make Lightning invoices.</b>\n"
        f"Write <code>/invoice@{name} 2100 pizza</code>: I answer with a QR code that anybody "
        "here can pay, and say so when it is paid.\n"
        f"/cancel@{name} as a reply to a card cancels it; /invoices@{name} lists yours."
    )


def ids(user_id: int, chat_id: int) -> str:
    """The numbers for the allow-list."""
    lines = [f"Your id: <code>{user_id}</code>"] if user_id != chat_id else []
    lines.append(f"This chat's id: <code>{chat_id}</code>")
    if user_id == chat_id:
        lines = [f"Your id: <code>{user_id}</code>"]
    return "\n".join(lines)


def stranger(user_id: int, chat_id: int) -> str:
    """Said once to whoever is not on the allow-list."""
    return (
        "I make invoices only for people that my owner knows. To be let in, give my owner "
        f"this:\n{ids(user_id, chat_id)}"
    )


_STATES = {
    State.REQUESTED: "⏳ on its way",
    State.OPEN: "⚡ open",
    State.SETTLED: "✅ paid",
    State.EXPIRED: "⌛ expired",
    State.CANCELLED: "✖️ cancelled",
    State.FAILED: "⚠️ failed",
}


def latest(invoices: Iterable[Invoice], *, in_group: bool) -> str:
    """The asker's invoices, newest first; as many as fit a message."""
    where = " here" if in_group else ""
    lines = [f"<b>Your latest invoices{where}</b>"]
    for invoice in invoices:
        amount = _paid_amount(invoice) if invoice.state is State.SETTLED else _amount(invoice)
        first, *more = invoice.memo.splitlines() or [""]
        short = first if len(first) <= 40 and not more else first[:39] + "…"
        memo = f" – {_escape(clean_name(short))}" if short else ""
        date = _moment(int(invoice.asked_at), "Dt")
        line = f"{_STATES.get(invoice.state, '')} · {amount}{memo} · {date}"
        if length("\n".join([*lines, line])) > MAX_TEXT:
            break
        lines.append(line)
    if len(lines) == 1:
        return f"You have no invoices{where} yet. Try <code>/invoice 2100 pizza</code>."
    return "\n".join(lines)


def refusal(sentence: str) -> str:
    """Why a command was not taken."""
    return _escape(sentence)


def memo_too_long(size_bytes: int) -> str:
    """The sentence for a memo beyond the limit."""
    return (
        f"That memo is {size_bytes} bytes long; an invoice holds {MAX_MEMO_BYTES}. "
        "Shorten it and ask again."
    )


TOO_LATE = "I was away when you asked. Please ask again."
CANCEL_HOW = "Reply to an invoice's card with /cancel."
NOT_YOURS = "Only who asked for it, the bot's owners and the group's administrators may do that."
NOT_FOLLOWED = "I don't follow this invoice any more."
CANCELLING = "Cancelling…"
RENEWING = "A new invoice is on its way."
ALREADY_RENEWED = "It was renewed already."
ALREADY_PAID = "It is paid already."
ALREADY_CLOSED = "It can't be paid any more: nothing to cancel."
STILL_OPEN = "It is still open."
NODE_AWAY = (
    "Its node is not connected now: it is cancelled once that node is back. "
    "Until then it can still be paid."
)
NOT_CONFIRMED = "It is on its way, and will be cancelled."
NOT_ASKED = "All right, no invoice."
QUESTION_OVER = "That question is over. Please ask again: /invoice 2100 pizza"
BUG = "Something went wrong here, and I noted it. Please try again."


def limit_user(count: int, per_s: float, who: str = "") -> str:
    """The sentence for somebody who asks too often; or of them, by name."""
    asked = _count(count, "invoice")
    sentence = f"You asked for {asked} in {_span(per_s)}: wait a little and ask again."
    return who + sentence.removeprefix("You") if who else sentence


def limit_chat(count: int) -> str:
    """The sentence for a chat with too many open invoices."""
    there = _count(count, "open invoice")
    return f"This chat has {there}: cancel some, or wait until they are paid or expire."


# to the owners


def owner_stuck(row_id: int, what: str) -> str:
    """A row that can't be finished."""
    return f"⚠️ I can't finish invoice {row_id} ({_escape(what)}). The log has the detail."


def owner_refused(row_id: int, why: str) -> str:
    """A card that Telegram never took."""
    return (
        f"⚠️ Telegram refuses the card of invoice {row_id}: {_escape(why)}. "
        "I cancelled the invoice at the node."
    )


def owner_untrue(row_id: int, why: str) -> str:
    """A message that Telegram lets be neither edited nor removed."""
    return (
        f"⚠️ Telegram refuses an edit of the card of invoice {row_id}: {_escape(why)}. "
        "I can't delete it either, so it may look payable and is not: please delete it."
    )


OWNER_MAY_NOT_CANCEL = (
    "⚠️ My macaroon lacks the permission to cancel: what is cancelled here stays open at the node "
    "until its time is over. Bake a macaroon that has it."
)


def owner_foreign(count: int) -> str:
    """Open invoices of another node."""
    return (
        f"⚠️ {_count(count, 'open invoice')} of another node than the one that I am connected to: "
        f"I can't follow {'it' if count == 1 else 'them'} until that node is back."
    )
