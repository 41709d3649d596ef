"""What is said of who owns the bot and who is let in. Telegram HTML but for the log's sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.core.grants import Allowing, Claiming, Denying, Role
from bot.core.guests import Guest, Guests
from bot.core.knocks import Knock
from bot.core.text import MAX_TEXT, length, spelled
from bot.texts.knocks import OWNERS_ONLY, person
from bot.texts.phrases import escape, name

#: The menu of an owner's private chat, beside what everybody has.
OWNER_COMMANDS = (
    ("who", "who can ask for invoices"),
    ("allow", "let someone in: /allow 123456789"),
    ("deny", "remove someone: /deny 123456789"),
    ("status", "how node and bot are, what is open and paid"),
    ("export", "all invoices as a file: /export 2026-10"),
)
OWNERS_AS_THEMSELVES = "Only the bot's owner can do that, and not as a group or a channel."
OWNERS_NEW = "Only the bot's owner can do that, in a new message of their own."
WHO_IN_PRIVATE = "I show that in private only. Write /who to me there."
BEFORE_BUTTON, AFTER_BUTTON = "‹", "›"
ALLOW_HOW = (
    "To let someone in, reply to their message with /allow, or write their id: "
    "<code>/allow 123456789</code>. In a group, <code>/allow</code> alone lets the group in. "
    "<code>/allow owner 123456789</code> makes someone a bot owner like you."
)
DENY_HOW = (
    "To remove someone, reply to their message with /deny, or write their id: "
    "<code>/deny 123456789</code>. In a group, <code>/deny</code> alone removes the group."
)
NOT_KNOWN = (
    "I don't know for sure who has that user name now. Reply to one of their messages with the "
    "command, or use their id: /who shows ids, and they see their own when they write /id to me."
)
KNOWN_TWICE = "More than one person has used that user name. Please use their id: see /who."
NO_PERSON = "That is no person. Reply to a message that someone wrote as themselves."
NEW_OWNER = (
    "You own this bot now, together with others. To see who can ask for invoices, write /who."
)

_CLAIMING: Mapping[Claiming, str] = {
    Claiming.OWNED: "This link no longer works: someone owns the bot already.",
    Claiming.WRONG: (
        "This link does not work. Open the one that the bot printed when it started: "
        "it is in the terminal or in the log."
    ),
}


def claiming(came_of_it: Claiming) -> str:
    """What came of opening a claim link."""
    if came_of_it in _CLAIMING:
        return _CLAIMING[came_of_it]
    return (
        "⚡ <b>You own this bot now.</b>\n"
        "Try your first invoice: <code>/invoice 2100 pizza</code>. "
        "The money goes to your own Lightning node.\n\n"
        "Add me to a group, or give my name to a friend: when someone asks to be let in, "
        "you decide here.\n\n"
        "/status – how the node is\n"
        "/who – who can ask for invoices\n"
        "/help – how it works"
    )


def claim_link(url: str) -> str:
    """For the terminal and the log, where nobody owns the bot; plain text."""
    return f"Nobody owns this bot yet. To own it, open this link and press Start: {url}"


def help_owner() -> str:
    """What an owner can do beside what everybody can."""
    return (
        "<b>You own this bot.</b>\n"
        "/who – who can ask for invoices\n"
        "/allow – let someone in: reply to their message, or <code>/allow 123456789</code>; "
        "alone in a group, it lets the group in\n"
        "/deny – remove someone, in the same way\n"
        "/status – how node and bot are, what is open and paid\n"
        "/invoices – everyone's invoices\n"
        "/export – all invoices as a file, for example <code>/export 2026-10</code> or "
        "<code>/export since 2026-01-01 until 2026-03-31</code>"
    )


def allow_group_how(bot_name: str) -> str:
    """Said in a group that an owner has added the bot to, where it is not let in."""
    command = f"<code>/allow@{escape(spelled(bot_name))}</code>"
    return f"To my owner: write {command} here to let everyone in this group ask for invoices."


def allowing(came_of_it: Allowing, subject_id: int, subject_name: str, role: Role) -> str:
    """What came of /allow."""
    if came_of_it is Allowing.NOT_OWNER:
        return OWNERS_ONLY
    who = _subject(subject_id, subject_name)
    if came_of_it is Allowing.ALREADY:
        return f"Nothing changed: {_CAN_ALREADY[role].format(who=who)}"
    return f"Done: {_CAN_NOW[role].format(who=who)}"


_CAN_NOW: Mapping[Role, str] = {
    Role.OWNER: "{who} now owns this bot, and can do all that you can.",
    Role.USER: "{who} can ask for invoices now.",
    Role.CHAT: "anyone in {who} can ask for invoices there now.",
}
_CAN_ALREADY: Mapping[Role, str] = {
    Role.OWNER: "{who} already owns this bot.",
    Role.USER: "{who} can already ask for invoices.",
    Role.CHAT: "anyone in {who} can already ask for invoices there.",
}


def denying(
    came_of_it: Denying,
    subject_id: int,
    subject_name: str,
    key: str,
    *,
    removed: Role | None = None,
    is_open: bool = False,
) -> str:
    """What came of /deny. `key`: the setting that lists them; `is_open`: anyone can ask.

    `removed`: what they were by the chat until now, where something was taken back.
    """
    who = _subject(subject_id, subject_name)
    if came_of_it is Denying.IN_FILE and removed is not None:
        return (
            f"Done in part: {who} {_WAS_BY_CHAT[removed]}, but is still listed in "
            f"<code>{key}</code> of the settings, and {_IS_BY_FILE[key]}. "
            "Remove the id there as well, then reload or restart the bot."
        )
    match came_of_it:
        case Denying.NOT_OWNER:
            return OWNERS_ONLY
        case Denying.YOURSELF:
            return "You can't remove yourself. Another of the bot's owners can."
        case Denying.IN_FILE:
            return (
                f"Not removed: {who} is listed in <code>{key}</code> of the settings. "
                "Remove the id there, then reload or restart the bot."
            )
        case Denying.NOT_THERE:
            return f"Nothing changed: {who} is not on the list. To see who is, write /who."
    if is_open:
        return (
            f"Done: {who} is no longer on the list. But anyone can still ask for invoices: "
            "<code>access.open</code> is true in the settings. Open invoices stay open."
        )
    if subject_id < 0:
        return (
            f"Done: in {who} people can no longer ask for invoices. I stay there, so that the "
            "cards of open invoices stay right. Remove me if you don't need them."
        )
    return (
        f"Done: {who} can no longer ask for invoices, except in groups that are let in. "
        "Open invoices stay open."
    )


_WAS_BY_CHAT: Mapping[Role, str] = {
    Role.OWNER: "no longer owns this bot by what was granted in the chat",
    Role.USER: "is no longer let in from the chat",
    Role.CHAT: "is no longer let in from the chat",
}
_IS_BY_FILE: Mapping[str, str] = {
    "access.owners": "still owns this bot",
    "access.users": "can still ask for invoices",
    "access.chats": "people can still ask for invoices there",
}


def who(guests: Guests) -> list[str]:
    """/who, in pages that each fit a message; one at least."""
    pages: list[list[str]] = [[]]
    for title, line in _lines(guests):
        heading = f"<b>{title}</b>"
        page = pages[-1]
        # a page begins with the heading that its first line belongs to
        more = [line] if heading in page else [heading, line]
        if page and length("\n".join([*page, *more])) > MAX_TEXT - 100:
            pages.append([heading, line])
        else:
            page += more
    pages[-1].append("\nTo let someone in, write /allow; to remove someone, /deny.")
    return ["\n".join(page) for page in pages]


def _lines(guests: Guests) -> Iterator[tuple[str, str]]:
    """Each line with its heading."""
    if guests.is_open:
        yield "Everyone", "Anyone can ask for invoices: access.open is true in the settings."
    for role, title in (
        (Role.OWNER, "Owners"),
        (Role.USER, "People"),
        (Role.CHAT, "Groups, with everyone in them"),
    ):
        those = guests.of(role)
        for each in those:
            yield title, _guest(each)
        if not those:
            yield title, "nobody yet" if role is not Role.CHAT else "none yet"
    for asked in guests.knocks:
        yield "Asked to be let in", _asked(asked)


def _guest(guest: Guest) -> str:
    source = "in the settings" if guest.is_listed else "from the chat"
    user = f"@{escape(spelled(guest.username))}, " if guest.username else ""
    return f"• {_named(guest)} ({user}id <code>{guest.subject_id}</code>), {source}"


def _named(guest: Guest) -> str:
    shown = name(guest.name)
    if guest.role is Role.CHAT:
        return shown or "A group"
    return f'<a href="tg://user?id={guest.subject_id}">{shown or "Someone"}</a>'


def _asked(asked: Knock) -> str:
    if asked.is_group:
        return f"• {name(asked.chat_title) or 'A group'} (id <code>{asked.chat_id}</code>)"
    where = f" in {name(asked.chat_title) or 'a group'}" if asked.in_group else ""
    group = f" (id <code>{asked.chat_id}</code>)" if asked.in_group else ""
    return f"• {person(asked)}{where}{group}"


def _subject(subject_id: int, subject_name: str) -> str:
    what = "group" if subject_id < 0 else "person"
    return f"{name(subject_name) or f'The {what}'} (id <code>{subject_id}</code>)"
