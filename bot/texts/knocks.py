"""What is said where somebody asks to be let in: to them, and to the bot's owners.

Telegram HTML; labels and answers to presses are plain text.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.knocks import Answering, Knock, KnockState
from bot.core.text import spelled
from bot.texts.phrases import escape, name, quoted

OWNERS_ONLY = "Only the bot's owner can do that."
ALLOW_GROUP_BUTTON = "Allow this group"
REFUSE_BUTTON = "No"
#: To somebody who is not let in, once the bot's owners can answer.
ASKED_OWNER = "I only make invoices for people my owner has let in. I've asked my owner."
#: The same in a group that they added the bot to.
UNINVITED_ASKED = "I'll leave this group in a day, unless my owner lets it in. I've asked my owner."
_MORE = "More people ask to be let in today than I show one by one. To see them, write /who."

_ANSWERED: Mapping[KnockState, str] = {
    KnockState.OPEN: "",
    KnockState.ALLOWED: "Let in by {who}.",
    KnockState.GROUP_ALLOWED: "The group was let in by {who}.",
    KnockState.REFUSED: "Refused by {who}.",
}
_ANSWERING: Mapping[Answering, str] = {
    Answering.DONE: "Done.",
    Answering.ALREADY: "This has been answered already.",
    Answering.GONE: "I no longer keep this request. To let someone in, write /allow and their id.",
    Answering.NOT_OWNER: OWNERS_ONLY,
}


def knock(asked: Knock) -> str:
    """To an owner: who asks, where, and what became of it."""
    if asked.is_more:
        return _MORE
    group = ""
    if asked.in_group:
        group = f" in <b>{name(asked.chat_title) or 'a group'}</b> (id {_code(asked.chat_id)})"
    if asked.is_group:
        title = name(asked.chat_title) or "a group"
        first = f"👋 An admin asks to let the group <b>{title}</b> in (id {_code(asked.chat_id)})."
    else:
        first = f"👋 {person(asked)}{group} asks to be let in."
    answered = _ANSWERED[asked.state].format(who=name(asked.answered_by) or "someone")
    return f"{first}\n{answered}" if answered else first


def person(asked: Knock) -> str:
    """Who asks, by a name that leads to their profile, their user name and id."""
    who = name(asked.name) or "Someone"
    user = f"@{escape(spelled(asked.username))}, " if asked.username else ""
    link = f'<a href="tg://user?id={asked.person_id}">{who}</a>'
    return f"{link} ({user}id {_code(asked.person_id)})"


def let_in(asked: Knock, bot_name: str) -> str:
    """To the person who asked, where they asked: an owner has let them in."""
    if asked.state is KnockState.GROUP_ALLOWED:
        return (
            "My owner has let this group in. Anyone here can write "
            f"<code>/invoice@{escape(spelled(bot_name))} 2100 pizza</code>."
        )
    command = f"/invoice@{escape(spelled(bot_name))}" if asked.in_group else "/invoice"
    return f"My owner has let you in. Try <code>{command} 2100 pizza</code>."


def allow_button(asked: Knock) -> str:
    """The label of what lets the person in; plain text."""
    return f"Allow {quoted(asked.name) or 'this person'}"


def answering(came_of_it: Answering) -> str:
    """What an owner's press is answered with; plain text."""
    return _ANSWERING[came_of_it]


def _code(number: int) -> str:
    return f"<code>{number}</code>"
