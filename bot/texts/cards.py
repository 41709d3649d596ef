"""One invoice as its chat reads it: the card, what comes before and after it. Telegram HTML."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.failure import Failure
from bot.core.invoice import Audience, Face, Invoice, PartKind
from bot.core.text import MAX_CAPTION, MAX_TEXT, is_shortened, length
from bot.errors import NodeError
from bot.texts.errors import why, why_failed
from bot.texts.phrases import (
    amount,
    escape,
    long_memo,
    memo,
    mention,
    moment,
    name,
    node_of,
    overpaid,
    paid_amount,
    receivable,
    short_memo,
    span,
    test_network,
    underpaid,
)

#: The sign that a card with this face begins with; a question has none.
FACE_SIGNS: dict[Face, str] = {
    Face.WAITING: "⏳",
    Face.OPEN: "⚡",
    Face.UNCONFIRMED: "⏳",
    Face.PAID: "✅",
    Face.EXPIRED: "🕓",
    Face.EXPIRED_REPLACED: "🕓",
    Face.CANCELLED: "🚫",
    Face.CANCELLED_REPLACED: "🚫",
    Face.FAILED: "⚠️",
    Face.FAILED_REPLACED: "⚠️",
}

CANCEL_BUTTON = "Cancel"
RENEW_BUTTON = "Renew"
RETRY_BUTTON = "Try again"
QUESTION_PLACEHOLDER = "2100 pizza"

#: A time to pay that is so many seconds away at most needs no date.
SAME_DAY_S = 12 * 3600

_CLOSED = "It can no longer be paid."
_SCAN = "Scan, or tap the text to copy it."
_TAP = "There is no QR code here: tap the text to copy it."
_UNCONFIRMED = (
    "It has expired, and I can't reach its Lightning node. "
    "I'll show whether it was paid once I can."
)
_REJECTED = f"Telegram rejected its message. {_CLOSED}"
_REPLACED = "A new invoice was requested."
#: The same of a board's part, which may be another person's by now, or paid, or too late.
_LOOK_AT_SPLIT = "Look at the split in the group."
_LOOK_AT_COLLECTION = "Look at the collection in the group."
_GOES = {Face.OPEN: "payable to", Face.PAID: "paid to"}
MAY_BE_DUPLICATE = "<i>This may be a duplicate of a message above.</i>"
WHY_IN_PRIVATE = {
    Audience.ASKER: "I can't write to the chat where you asked for it.",
    Audience.OWNERS: "You get this as the bot's owner: "
    "I can't write to the person who asked for the invoice.",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card's text, and whether the payment request needs a message of its own."""

    html: str
    payment_request_separate: bool = False


def card(
    row: Invoice,
    face: Face,
    payee: str | None = None,
    *,
    limit: int = MAX_CAPTION,
    may_be_duplicate: bool = False,
    has_code: bool = True,
) -> Card:
    """What the card's first message says; `limit` is a caption's or a text's.

    `has_code`: an open one has its QR code as a picture.
    `payee`: whose node is paid, "" where that has no name; None where an owner asks, who knows.
    """
    if face is Face.QUESTION and row.part_kind is PartKind.GIFT:
        return Card(gift_question(row))
    if face is Face.QUESTION:
        return Card("\n".join([*_why_elsewhere(row), question(row)]))
    if face in (Face.FAILED, Face.FAILED_REPLACED):
        return Card("\n".join([failed(row), *_why_elsewhere(row)]))
    if row.undeliverable and face is not Face.OPEN:  # the memo may be what was rejected
        duplicate = [MAY_BE_DUPLICATE] if may_be_duplicate else []
        return Card("\n".join([_state_line(row, face), *duplicate, _REJECTED]))
    top = [_state_line(row, face) + short_memo(row.memo)]
    if may_be_duplicate:
        top.append(MAY_BE_DUPLICATE)
    top += long_memo(row.memo)
    top += _people(row, face, payee) + test_network(row)
    top += _why_elsewhere(row)
    if face is not Face.OPEN:
        return Card(_fitting([*top, *_ending(row, face)], limit))
    top += _shortened(row) + receivable(row.receivable_msat)
    # Where a client does not know of such times the words stay as they are while time passes.
    left = f'<tg-time unix="{row.expires_at}" format="r">valid for {span(row.expiry_s)}</tg-time>'
    style = "t" if row.expiry_s <= SAME_DAY_S else "Dt"
    top.append(f"Pay by {moment(row.expires_at, style)}, {left}")
    how = _SCAN if has_code else _TAP
    whole = "\n".join([*top, "", f"<code>{escape(row.payment_request)}</code>", how])
    if length(whole) <= limit:
        return Card(whole)
    without = "" if has_code else ", without a QR code"
    follows = f"The payment request follows in a separate message{without}."
    return Card(_fitting([*top, follows], limit), payment_request_separate=True)


def payment_request(row: Invoice, face: Face) -> str:
    """The card's second message, where the payment request does not fit the first."""
    if face is Face.OPEN:
        return f"<code>{escape(row.payment_request)}</code>"
    gone = "The payment request that was here can no longer be paid."
    return f"{_state_line(row, face)}\n{_UNCONFIRMED if face is Face.UNCONFIRMED else gone}"


def _shortened(row: Invoice) -> list[str]:
    """A line where the memo is less than the asker replied to."""
    return ["The memo was shortened."] if is_shortened(row.memo) else []


def _why_elsewhere(row: Invoice) -> list[str]:
    """A line where the card is in private though it was asked for in a group."""
    if row.board_id:
        whose = part_of(row, row.asker_id)
        return [f"{whose[0].upper()}{whose[1:]}."]
    is_elsewhere = row.origin_chat_id < 0 < row.chat_id
    return [WHY_IN_PRIVATE[Audience.ASKER]] if is_elsewhere else []


def _state_line(row: Invoice, face: Face) -> str:
    return f"{FACE_SIGNS[face]} <b>{_state(row, face)}</b>"


def _state(row: Invoice, face: Face) -> str:
    if face is Face.OPEN:
        return amount(row)
    if face is Face.UNCONFIRMED:
        return f"Not confirmed: {amount(row)}"
    if face is Face.PAID:
        return f"Paid: {paid_amount(row)}"
    if face in (Face.EXPIRED, Face.EXPIRED_REPLACED):
        return f"Expired: {amount(row)}"
    return f"Cancelled: {amount(row)}"


def _people(row: Invoice, face: Face, payee: str | None) -> list[str]:
    """Who asked, unless it is their own chat, and whose node is paid, unless an owner asked.

    The node is named where the card can be paid or is.
    """
    is_own_chat = row.chat_id == row.asker_id > 0
    asker = "" if is_own_chat else name(row.asker_name)
    goes = _GOES.get(face)
    said = [f"requested by {asker}"] if asker else []
    said += [f"{goes} {node_of(payee)}"] if goes and payee is not None else []
    line = ", ".join(said)
    return [line[0].upper() + line[1:]] if line else []


def _ending(row: Invoice, face: Face) -> list[str]:
    if face is Face.PAID:
        paid = [moment(row.settled_at, "Dt")] if row.settled_at else []
        return [*paid, *overpaid(row), *underpaid(row)]
    if face is Face.UNCONFIRMED:
        return [_UNCONFIRMED]
    if face in (Face.CANCELLED, Face.CANCELLED_REPLACED):
        lines = [f"{_cancelled(row)} {_CLOSED}"]
    else:
        lines = [f"Expired. {_CLOSED}"]
    if face in (Face.CANCELLED_REPLACED, Face.EXPIRED_REPLACED):
        lines.append(_replaced(row))
    return lines


def _cancelled(row: Invoice) -> str:
    who = name(row.cancelled_by)
    return f"Cancelled by {who}." if who else "Cancelled."


def _fitting(lines: list[str], limit: int) -> str:
    """The lines, without the memo where they would pass the limit: a caption is never cut."""
    whole = "\n".join(lines)
    if length(whole) <= limit:
        return whole
    return "\n".join(line for line in lines if not line.startswith("<blockquote"))


# before and after


def gift_question(row: Invoice) -> str:
    """Asks how much is given to a collection."""
    group = name(row.chat_title)
    where = f" in {group}" if group else ""
    first = f"How much do you want to give to the collection{where}?{short_memo(row.memo)}"
    return "\n".join([first, *long_memo(row.memo), "Press an amount, or write one."])


def question(row: Invoice) -> str:
    """Asks for the amount."""
    example = f"<code>{QUESTION_PLACEHOLDER}</code>"
    return f"For {mention(row)}: how many sats? Reply with an amount, such as {example}."


def waiting_notice(error: NodeError, patience_s: float) -> str:
    """Sent while the node is away; it becomes the card, or the failure."""
    patience = span(patience_s)
    return f"{FACE_SIGNS[Face.WAITING]} {escape(why(error))} I'll keep trying for {patience}."


def still_waiting(error: NodeError) -> str:
    """The same later on, where the reason has become another one."""
    return f"{FACE_SIGNS[Face.WAITING]} {escape(why(error))} I'm still trying."


def failed(row: Invoice) -> str:
    """Sent when there will be no invoice."""
    failure = row.failure or Failure(NodeError.key)
    if row.cancel_wanted:
        lines = [_state_line(row, Face.CANCELLED), f"{_cancelled(row)} No invoice was made."]
    else:
        figure = f" for {amount(row)}" if row.amount_msat else ""
        later = " Please try again later." if failure.is_passing and not row.replaced else ""
        reason = f"{FACE_SIGNS[Face.FAILED]} {escape(why_failed(failure))}"
        lines = [reason, f"No invoice was made{figure}.{later}"]
    if row.replaced:
        lines.append(_replaced(row))
    return "\n".join(lines)


def _replaced(row: Invoice) -> str:
    """What came in its place, or where that stands."""
    if not row.board_id:
        return _REPLACED
    return _LOOK_AT_COLLECTION if row.part_kind is PartKind.GIFT else _LOOK_AT_SPLIT


def payment_notice(
    row: Invoice,
    owner: int,
    *,
    is_owner: bool = True,
    may_be_duplicate: bool = False,
    is_bare: bool = False,
) -> str:
    """Tells an owner in private of a payment: how much, who asked for it, and where.

    `is_bare`: without what people wrote. `owner` may also be who asked for a bill or a collection,
    and hears of each part.
    """
    if row.board_id:
        lines = [_part_notice(row, owner, is_owner=is_owner, is_bare=is_bare)]
    else:
        who = "you" if row.asker_id == owner else mention(row, "someone")
        whom = "" if is_bare else f", requested {by_whom(row, who)}"
        lines = [f"{FACE_SIGNS[Face.PAID]} Your node received {paid_amount(row)}{whom}."]
    lines += [*overpaid(row), *underpaid(row)]
    lines += test_network(row)
    lines += [] if is_bare else memo(row.memo)
    if may_be_duplicate:
        lines.append(MAY_BE_DUPLICATE)
    return _fitting(lines, MAX_TEXT)


def _part_notice(row: Invoice, reader: int, *, is_owner: bool, is_bare: bool) -> str:
    what = "" if is_bare else f" for {part_of(row, reader)}"
    if is_owner:
        return f"{FACE_SIGNS[Face.PAID]} Your node received {paid_amount(row)}{what}."
    return f"{FACE_SIGNS[Face.PAID]} A payment of {paid_amount(row)} arrived{what}."


def part_of(row: Invoice, reader: int = 0) -> str:
    """What the invoice of a board's seat is for, within a sentence."""
    group = name(row.chat_title)
    where = f" in {group}" if group else ""
    is_payers = row.asker_id == reader
    payer = "" if row.hidden else name(row.asker_name)
    if row.part_kind is PartKind.GIFT:
        by = "" if is_payers or not payer else f" from {payer}"
        return f"{'your' if is_payers else 'a'} gift{by} to a collection{where}"
    if row.part_kind is PartKind.OTHERS:
        whose = name(row.part_for)
        part = f"the part of {whose}" if whose else "somebody else's part"
        by = "" if is_payers else f", paid by {payer or 'someone else'},"
        return f"{part}{by} of a split{where}"
    if is_payers:
        return f"your part of a split{where}"
    return f"the part of {payer} of a split{where}" if payer else f"a part of a split{where}"


def by_whom(row: Invoice, who: str) -> str:
    """Who asked for it, and where; `who` is their name, unless they asked as the group."""
    group = name(row.chat_title)
    if row.asker_id == row.origin_chat_id < 0:  # an admin as the group itself
        return f"as {group}" if group else "in a group"
    if row.origin_chat_id > 0:
        return f"by {who} in private"
    return f"by {who} in {group or 'a group'}"


def announcement(
    row: Invoice,
    to: Audience = Audience.CHAT,
    payee: str | None = None,
    *,
    may_be_duplicate: bool = False,
    is_bare: bool = False,
) -> str:
    """Announces a payment: in the invoice's own chat, or in private, and why it is not there.

    `payee` as on the card: nobody reads that they received what is an owner's.
    `is_bare`: without what people wrote.
    """
    at = "" if payee is None else f" at {node_of(payee)}"
    if row.board_id:
        what = (
            "" if is_bare else f" for {part_of(row, 0 if to is Audience.OWNERS else row.asker_id)}"
        )
    else:
        what = "" if is_bare else f", requested by {mention(row)}"
    lines = [f"{FACE_SIGNS[Face.PAID]} Received {paid_amount(row)}{at}{what}."]
    lines += [*overpaid(row), *underpaid(row)]
    lines += test_network(row)
    lines += [] if is_bare else memo(row.memo)
    if to is not Audience.CHAT:
        lines.append(WHY_IN_PRIVATE[to])
    if may_be_duplicate:
        lines.append(MAY_BE_DUPLICATE)
    return _fitting(lines, MAX_TEXT)
