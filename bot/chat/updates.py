"""What an update is: its number, its chat, and whether it can be read. Knows raw updates."""

from __future__ import annotations

from typing import Any, TypeAlias

from telegram import Bot, Update
from telegram.ext import Application

from bot.chat.fields import is_date, kept
from bot.chat.received import is_number

#: Telegram remembers the last list, so this goes with every call.
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")

#: An update as it came.
Raw: TypeAlias = dict[str, Any]
#: Where a family of updates registers who handles what.
PtbApplication: TypeAlias = Application[Any, Any, Any, Any, Any, Any]


def read(raw: Raw, telegram_bot: Bot) -> Update:
    """The update as PTB has it, with nothing in it but what is read.

    Raises `ValueError` where that cannot be read. PTB has more fields than the bot reads, and
    fails at each of them that is not as it knows it.
    """
    return Update.de_json(kept(raw), telegram_bot)


def number_of(raw: object) -> int | None:
    """An update's number, None where it has none."""
    number = raw.get("update_id") if isinstance(raw, dict) else None
    return number if is_number(number) else None


def date_of(raw: Raw) -> float:
    """When it was written, in Unix seconds; 0 where it does not say."""
    for kind, name in (("message", "date"), ("edited_message", "edit_date")):
        body = raw.get(kind)
        date = body.get(name) if isinstance(body, dict) else None
        if is_date(date):
            return float(date)
    return 0.0


def is_press(raw: Raw) -> bool:
    """Whether somebody pressed a button."""
    return "callback_query" in raw


def chat_of(raw: Raw) -> int | None:
    """The chat that an update is of, else its sender, None for neither."""
    for kind in ALLOWED_UPDATES:
        body = raw.get(kind)
        if isinstance(body, dict):
            within = body.get("message") if kind == "callback_query" else body
            place = within.get("chat") if isinstance(within, dict) else body.get("from")
            number = _id(place)
            if number is not None:
                return number
    return None


def orders_of(raw: Raw) -> set[int]:
    """What keeps an update in order: its chat, and its sender, whose private chat has the same
    number. Of two wishes of one person the later counts, wherever each was said."""
    bodies = (raw.get(kind) for kind in ALLOWED_UPDATES)
    senders = {_id(body.get("from")) for body in bodies if isinstance(body, dict)}
    return {each for each in (chat_of(raw), *senders) if each is not None}


def _id(of: object) -> int | None:
    number = of.get("id") if isinstance(of, dict) else None
    return number if is_number(number) else None
