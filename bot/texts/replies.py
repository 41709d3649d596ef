"""What the bot answers to commands and presses. Knows no update: what came of it comes in.

Telegram HTML, and short where it answers a press: its window takes 200 characters of plain text.
"""

from __future__ import annotations

from bot.core.text import spelled
from bot.core.wishes import Cancelling, Renewing
from bot.errors import NodeError, PermissionMissing, Refused
from bot.texts.errors import reason, why
from bot.texts.phrases import escape

#: For setMyCommands: in private chats, and in groups.
PRIVATE_COMMANDS = (
    ("invoice", "request a payment: /invoice 2100 pizza"),
    ("invoices", "your latest invoices"),
    ("cancel", "cancel an invoice: reply to its card"),
    ("id", "your id"),
    ("help", "how it works"),
)
GROUP_COMMANDS = (
    ("invoice", "request a payment: /invoice 2100 pizza"),
    ("split", "split a bill: /split 84k/4 pizza"),
    ("collect", "collect for something: /collect 500k gift"),
    ("invoices", "your latest invoices here"),
    ("cancel", "cancel an invoice: reply to its card"),
    ("id", "this group's id"),
    ("help", "how it works"),
)

TOO_LATE = "I was away when you asked. Please ask again."
CANCEL_HOW = "To cancel an invoice, reply to its card with /cancel."
NOT_ALLOWED = "Only the person who asked, a group admin or the bot's owner can do that."
AS_CHANNEL = "You wrote as a channel, so I don't know who is asking. Please write as yourself."
TRY_AGAIN = "I couldn't check whether you can do that. Please try again."
NOT_TRACKED = "I no longer track this invoice."
QUESTION_CLOSED = "That question is closed. Please ask again, for example /invoice 2100 pizza."
QUESTION_EXPIRED = "That question has expired. Please ask again, for example /invoice 2100 pizza."
BUG = "Something went wrong on my side. The log has the details. Please try again."
_CANCEL_LATER = "I'll cancel what is open once that changes. Until then it might still be paid."
_CANNOT_CANCEL = (
    "I have no permission to cancel at the node. The invoice can be paid until it expires."
)
_ALREADY_PAID = "It has already been paid."


def asked_to_cancel(result: Cancelling, hindrance: NodeError | None = None) -> str:
    """What came of /cancel or its button: text without markup, so plain text as well.

    `hindrance`: why the node cannot be asked to cancel anything now.
    """
    if result is not Cancelling.CANCELLING or hindrance is None:
        return _CANCELLING[result]
    if isinstance(hindrance, PermissionMissing):
        return _CANNOT_CANCEL
    return f"{reason(hindrance).what} {_CANCEL_LATER}"


def asked_to_renew(
    result: Renewing, refused: Refused | None = None, *, away: NodeError | None = None
) -> str:
    """What came of the button Renew, and why where it was `refused`: plain text, for a press.

    `away`: why the node cannot be asked now.
    """
    if result is Renewing.REFUSED:
        return why(refused or Refused())
    if result is Renewing.RENEWING and away is not None:
        return f"{reason(away).what} I'll keep trying for a while."
    return _RENEWING[result]


_CANCELLING = {
    Cancelling.CANCELLING: "I'm asking the node to cancel it. The card will say when it is done.",
    Cancelling.NOT_TRACKED: NOT_TRACKED,
    Cancelling.ALREADY_PAID: _ALREADY_PAID,
    Cancelling.NOT_ASKED: "All right, no invoice.",
    Cancelling.ALREADY_CLOSED: "It can no longer be paid. There is nothing to cancel.",
    Cancelling.UNCONFIRMED: (
        "It has expired. Its card will say whether it was paid once I can reach its Lightning node."
    ),
    Cancelling.NODE_AWAY: (
        "Its node is not connected right now. I'll cancel it once that node is back. "
        "Until then it can still be paid."
    ),
    Cancelling.NOT_CONFIRMED: "The node has not confirmed it yet. I'll cancel it once it does.",
}

_RENEWING = {
    Renewing.RENEWING: "A new invoice is on its way.",
    Renewing.NOT_TRACKED: NOT_TRACKED,
    Renewing.ALREADY_PAID: _ALREADY_PAID,
    Renewing.STILL_OPEN: "It is still open.",
    Renewing.IN_VAIN: "This would be rejected again. Please ask for something else.",
    Renewing.ALREADY_RENEWED: "It has already been renewed.",
    Renewing.NOT_ALLOWED: NOT_ALLOWED,
    Renewing.TOO_MANY: "You have asked for too many invoices. Please try again in an hour.",
    Renewing.PART_GONE: "This part can no longer be paid here. Look at the split in the group.",
}


def help_private(bot_name: str) -> str:
    """What the bot does, in a private chat."""
    return (
        "⚡ <b>I make Lightning invoices.</b>\n"
        "Write <code>/invoice 2100 pizza</code> and I reply with a QR code. "
        "I'll let you know when it is paid.\n\n"
        "The amount is in sats: <code>2100</code>, <code>21k</code>, <code>0.0005 btc</code>, or "
        "<code>any</code> to let the payer choose. Reply to a message with "
        "<code>/invoice 2100</code> to use its text as the memo.\n\n"
        "/invoices – your latest invoices\n"
        "/cancel – cancel an invoice: reply to its card\n"
        "/id – your id, for the allow-list\n\n"
        f"In a group, write <code>/invoice@{escape(spelled(bot_name))} 2100 pizza</code>. "
        "There you can also split a bill, <code>/split 84k/4 pizza</code>, or collect for "
        "something, <code>/collect 500k gift</code>. "
        "The money goes straight to the bot owner's node, never through me."
    )


def help_group(bot_name: str) -> str:
    """What the bot does, in a group."""
    name = escape(spelled(bot_name))
    return (
        "⚡ <b>I make Lightning invoices.</b>\n"
        f"Write <code>/invoice@{name} 2100 pizza</code> and I reply with a QR code that anyone "
        "here can pay. I'll let you know when it is paid.\n"
        f"To split a bill, write <code>/split@{name} 84k/4 pizza</code>: each of you pays a part. "
        f"With names instead of a number it is <code>/split@{name} 84k @alice @bobby pizza</code>, "
        "and without either I ask who is in.\n"
        f"To collect for something, write <code>/collect@{name} 500k/21k gift</code>: a goal, and "
        "what you suggest to give.\n"
        f"To cancel an invoice, reply to its card with /cancel@{name}. "
        f"To see yours, write /invoices@{name}."
    )


def ids(user_id: int, chat_id: int) -> str:
    """The numbers for the allow-list."""
    own = f"Your id: <code>{user_id}</code>"
    return own if user_id == chat_id else f"{own}\nThis chat's id: <code>{chat_id}</code>"


def stranger(user_id: int, chat_id: int) -> str:
    """For people who are not on the allow-list."""
    return (
        "I only make invoices for people my owner has let in. To ask, send my owner this:\n"
        f"{ids(user_id, chat_id)}"
    )


def unclaimed(user_id: int, chat_id: int) -> str:
    """For anyone, while there are no owners: most likely it is the one who has set it up."""
    return (
        "Nobody owns this bot yet. If it is yours, open the link that it printed when it started: "
        "it is in the terminal or in the log. Or add your id to <code>owners</code> in "
        "<code>[access]</code> of config.toml, and restart it:\n"
        f"{ids(user_id, chat_id)}"
    )


def uninvited(chat_id: int) -> str:
    """Said in a group that a stranger has added the bot to."""
    return (
        "I'll leave this group in a day, unless my owner lets it in. "
        f"To ask, send my owner this: <code>{chat_id}</code>"
    )
