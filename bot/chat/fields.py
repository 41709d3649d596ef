"""What is kept of a raw update: the fields that the bot reads. Knows Telegram's names and types.

A table for each of Telegram's types. An update is refused only where one of these fields that the
bot cannot do without is not what it should be; whatever else is in it is left out, unread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeGuard

from bot.chat.received import is_group_id, is_number, is_person_id

Raw: TypeAlias = dict[str, Any]
#: Reads a value. Raises `ValueError`.
Reader: TypeAlias = Callable[[object], Any]

#: Far beyond any date of Telegram's, and no more than a `datetime` holds, in Unix seconds.
_LAST_DATE = 2**37
#: What stands for an object of which only its being there counts.
_SOMEBODY: Raw = {"type": "hidden_user", "sender_user_name": "", "date": 1}
#: The same of a bot.
_SOME_BOT: Raw = {"id": 1, "is_bot": True, "first_name": ""}
#: Statuses of a member who is out of the chat, and of those who write whatever the others may.
_OUT = ("left", "kicked")
_ADMINS = ("administrator", "creator")
#: What the bot may do in a chat, more with each: nothing at all or only read; write where members
#: may; always write. It is the field `MAY` of a member, beside those that Telegram has.
MAY = "may"
NOT_WRITE, WRITE, ALWAYS_WRITE = range(3)


def kept(raw: object) -> Raw:
    """What is read of an update. Raises `ValueError` where that cannot be read."""
    update: Raw = _UPDATE(raw)
    return update


def is_date(value: object) -> TypeGuard[int]:
    """Whether it can be a date, in Unix seconds."""
    return is_number(value) and 0 <= value < _LAST_DATE


# single values


def _number(value: object) -> int:
    if not is_number(value):
        raise ValueError("not a number")
    return value


def _person_id(value: object) -> int:
    if not is_person_id(value):
        raise ValueError("not a person's id")
    return value


def _group_id(value: object) -> int:
    if not is_group_id(value):
        raise ValueError("not a group's id")
    return value


def _date(value: object) -> int:
    if not is_date(value):
        raise ValueError("not a date")
    return value


def _length(value: object) -> int:
    length = _number(value)
    if not 0 <= length < 2**31:
        raise ValueError("not a length")
    return length


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 -- the update is wrong, no argument is
    return value


def _name(value: object) -> str:
    """A name that is missing or odd is nobody's reason to be refused."""
    return value if isinstance(value, str) else ""


def _flag(value: object) -> bool:
    return value is True


def _always(value: Any) -> Reader:
    """The value that PTB needs in the place of one that nobody reads."""
    return lambda _: value


# objects and lists


def _object(
    needed: Mapping[str, Reader],
    strict: Mapping[str, Reader] | None = None,
    loose: Mapping[str, Reader] | None = None,
) -> Reader:
    """An object with these fields.

    `needed` are read, there or not; `strict`: where there is one, it can be read; `loose`: one that
    cannot be read is as good as none.
    """

    def read(value: object) -> Raw:
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 -- the update is wrong
        found = {name: reader(value.get(name)) for name, reader in needed.items()}
        for name, reader in (strict or {}).items():
            if value.get(name) is not None:
                found[name] = reader(value[name])
        for name, reader in (loose or {}).items():
            if value.get(name) is not None:
                with contextlib.suppress(ValueError):
                    found[name] = reader(value[name])
        return found

    return read


def _list(reader: Reader) -> Reader:
    """A list, without those that cannot be read."""

    def read(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("not a list")  # noqa: TRY004 -- the update is wrong
        return _those_read(value, reader)

    return read


def _those_read(values: list[Any], reader: Reader) -> list[Any]:
    found = []
    for each in values:
        with contextlib.suppress(ValueError):
            found.append(reader(each))
    return found


# Telegram's types

_USER = _object(
    {"id": _person_id, "is_bot": _flag, "first_name": _name},
    loose={"last_name": _text, "username": _text},
)


def _chat(value: object) -> Raw:
    """A chat. What is said to a group must not go to a person, nor the other way round."""
    chat: Raw = _CHAT(value)
    (_person_id if chat["type"] == "private" else _group_id)(chat["id"])
    return chat


_CHAT = _object({"id": _number, "type": _text}, loose={"title": _text, "username": _text})
_ENTITY = _object({"type": _text, "offset": _length, "length": _length}, loose={"user": _USER})
_BUTTON = _object({"text": _name, "callback_data": _text})
_KEYBOARD = _object({"inline_keyboard": _list(_list(_BUTTON))})
_TOPIC = _always({"name": "", "icon_color": 0})


def _origin(value: object) -> Raw:
    """Who wrote what was forwarded, where they let others see that."""
    origin: Raw = _object({"type": _text}, loose={"sender_user": _USER})(value)
    if origin["type"] != "user" or "sender_user" not in origin:
        return _SOMEBODY
    return {"type": "user", "sender_user": origin["sender_user"], "date": 1}


#: A message that is replied to: who wrote what, and which card it is.
_REPLIED_TO = _object(
    {"message_id": _number, "date": _always(1), "chat": _chat},
    strict={"from": _USER, "sender_chat": _chat},
    loose={
        "text": _text,
        "caption": _text,
        "forum_topic_created": _TOPIC,
        "reply_markup": _KEYBOARD,
        "forward_origin": _origin,
    },
)


def _quote(value: object) -> Raw:
    """What somebody marked. What Telegram quotes by itself is as good as none."""
    quote: Raw = _object({"text": _text, "is_manual": _flag, "position": _always(0)})(value)
    if not quote["is_manual"]:
        raise ValueError("nobody marked it")
    return quote


def _message(value: object) -> Raw:
    message: Raw = _MESSAGE(value)
    if isinstance(value, dict):
        if "text" not in message:  # what is written below a photo says the same as a text
            caption = _CAPTION(value)
            message |= {name: caption[of] for name, of in _AS_TEXT if of in caption}
        if not is_group_id(message["chat"]["id"]):  # nobody's private chat has another id
            for name in _MOVES:
                message.pop(name, None)
        # Bot API servers older than forward_origin have these.
        if any(value.get(name) is not None for name in _FORWARDED):
            message["forward_origin"] = _SOMEBODY
        if value.get("via_bot") is not None:
            message["via_bot"] = _SOME_BOT
        if "reply_to_message" not in message and any(
            value.get(name) is not None for name in _REPLIES
        ):
            # To what nobody can see here; but it is a reply.
            message["external_reply"] = {"origin": _SOMEBODY}
    return message


_CAPTION = _object({}, loose={"caption": _text, "caption_entities": _list(_ENTITY)})
_AS_TEXT = (("text", "caption"), ("entities", "caption_entities"))
_MOVES = ("migrate_to_chat_id", "migrate_from_chat_id")
_FORWARDED = ("forward_origin", "forward_date")
_REPLIES = ("reply_to_message", "external_reply", "reply_to_story")
_MESSAGE = _object(
    {"message_id": _number, "date": _date, "chat": _chat},
    # Whom it is from decides what may be done.
    strict={"from": _USER, "sender_chat": _chat},
    loose={
        "text": _text,
        "entities": _list(_ENTITY),
        "message_thread_id": _number,
        "is_topic_message": _flag,
        "is_automatic_forward": bool,
        "reply_to_message": _REPLIED_TO,
        "quote": _quote,
        "edit_date": _date,
        "migrate_to_chat_id": _group_id,
        "migrate_from_chat_id": _group_id,
    },
)

#: The message of a press. Of one whose date cannot be read only the number counts, as of old ones.
_PRESSED = _object(
    {
        "message_id": _number,
        "date": lambda value: next(iter(_those_read([value], _date)), 0),
        "chat": _chat,
    },
    loose={"reply_markup": _KEYBOARD},
)
_PRESS = _object(
    {"id": _text, "from": _USER, "chat_instance": _always("")},
    loose={"data": _text, "message": _PRESSED},
)


def _member(value: object) -> Raw:
    """Of what became of the bot, whether it is out of the chat, and what it may do there."""
    member = _object({"user": _USER, "status": _text})(value)
    status = member["status"]
    is_out, may = status in _OUT, ALWAYS_WRITE if status in _ADMINS else WRITE
    if status == "restricted" and isinstance(value, dict):
        is_out = value.get("is_member") is False
        may = NOT_WRITE if value.get("can_send_messages") is False else WRITE
    if is_out:
        return {"user": member["user"], "status": "left", MAY: NOT_WRITE}
    return {"user": member["user"], "status": "member", MAY: may}


def _member_before(value: object) -> Raw:
    """The same of what it was; what cannot be read says that nothing has changed."""
    try:
        return _member(value)
    except ValueError:
        return {"status": "member", "user": _SOME_BOT, MAY: ALWAYS_WRITE}


def _somebody(value: object) -> Raw:
    """Whoever did it; somebody whom nobody knows where that cannot be read."""
    try:
        found: Raw = _USER(value)
    except ValueError:
        return {"id": 1, "is_bot": False, "first_name": ""}
    return found


_MOVED_BOT = _object(
    {
        "chat": _chat,
        "from": _somebody,
        "date": _always(1),
        "old_chat_member": _member_before,
        "new_chat_member": _member,
    }
)

_UPDATE = _object(
    {"update_id": _number},
    strict={
        "message": _message,
        "edited_message": _message,
        "callback_query": _PRESS,
        "my_chat_member": _MOVED_BOT,
    },
)
