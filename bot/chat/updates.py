"""What an update is, and whether it can be read. Knows what Telegram sends, as raw dicts."""

from __future__ import annotations

from typing import Any, TypeAlias

from telegram import Bot, Update
from telegram.ext import Application

#: Telegram remembers the last list, so this goes with every call.
ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")

#: An update as it came.
Raw: TypeAlias = dict[str, Any]
#: Where a family of updates registers who handles what.
PtbApplication: TypeAlias = Application[Any, Any, Any, Any, Any, Any]

#: PTB takes any value for any field: what is read here or there has to be what it should be.
_INTEGERS = {
    *("message_id", "message_thread_id", "date", "offset", "length"),
    *("migrate_to_chat_id", "migrate_from_chat_id"),
}
_TEXTS = {
    *("text", "caption", "data", "type", "status", "chat_instance"),
    *("title", "first_name", "last_name", "username"),
}
_LISTS = {"entities", "caption_entities", "inline_keyboard"}
#: Objects, and what none of them may lack.
_OBJECTS = {
    "message": {"message_id", "date", "chat"},
    "reply_to_message": {"message_id", "date", "chat"},
    "callback_query": {"id", "from"},
    "my_chat_member": {"chat", "from", "new_chat_member"},
    **{key: {"id", "type"} for key in ("chat", "sender_chat")},
    **{key: {"id", "first_name"} for key in ("from", "user")},
    **{key: {"user", "status"} for key in ("old_chat_member", "new_chat_member")},
    **{key: set() for key in ("forward_origin", "reply_markup")},
}


def read(raw: Raw, telegram_bot: Bot) -> Update:
    """The update as PTB has it. Raises anything where it cannot be read."""
    _check(raw)
    return Update.de_json(raw, telegram_bot)


def number_of(raw: object) -> int | None:
    """An update's number, None where it has none."""
    number = raw.get("update_id") if isinstance(raw, dict) else None
    return number if isinstance(number, int) else None


def chat_of(raw: Raw) -> object:
    """What keeps an update in order: its chat, else its sender, else nothing but itself."""
    for kind in ("message", "my_chat_member", "callback_query"):
        body = raw.get(kind)
        if isinstance(body, dict):
            within = body.get("message") if kind == "callback_query" else body
            place = within.get("chat") if isinstance(within, dict) else body.get("from")
            number = place.get("id") if isinstance(place, dict) else None
            if isinstance(number, int):
                return number
    return ("update", raw.get("update_id"))


def _check(value: object, within: str = "") -> None:
    """Raise `TypeError` where a field that counts is missing, or of a type of its own."""
    if isinstance(value, list):
        for each in value:
            if within in _LISTS and not isinstance(each, dict | list):
                raise TypeError(within)
            _check(each, within)
    if isinstance(value, dict):
        for name, inner in value.items():
            if not _fits(name, inner, within):
                raise TypeError(name)
            _check(inner, name)


def _fits(name: str, value: object, within: str) -> bool:
    if name in _OBJECTS:
        return isinstance(value, dict) and bool(value) and _OBJECTS[name] <= value.keys()
    if name in _LISTS:
        return isinstance(value, list)
    if name in _TEXTS or (name == "id" and within == "callback_query"):
        return isinstance(value, str)
    if name in _INTEGERS or (name == "id" and within in _OBJECTS):
        return type(value) is int and abs(value) < 2**63
    return True
