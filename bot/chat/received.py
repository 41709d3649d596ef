"""What is read of Telegram's answers, and nothing else of them. Knows the fields of results.

Whatever else a result holds, or lacks, is nobody's business: PTB would fail at fields that the bot
never reads, and a message that was taken would count as one that was not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeGuard

Raw: TypeAlias = dict[str, Any]

#: A place for a message of which only the number counts; and a day that is no sign of anything.
_SOMEWHERE = {"id": 1, "type": "private"}
_SOME_DAY = 1
_USERNAME = re.compile(r"\w{1,64}", re.ASCII)


def is_number(value: object) -> TypeGuard[int]:
    """Whether it is an integer of Telegram's: 64 bits, with a sign."""
    return type(value) is int and abs(value) < 2**63


def is_group_id(value: object) -> TypeGuard[int]:
    """Whether it can be the id of a group or a channel: people's are above 0."""
    return is_number(value) and value < 0


def is_person_id(value: object) -> TypeGuard[int]:
    """Whether it can be the id of a person or a bot, or of their private chat."""
    return is_number(value) and value > 0


def sent(result: object) -> Raw:
    """A message that was taken, as PTB reads it: its number and its photo.

    Raises `ValueError` where the number cannot be read.
    """
    number = result.get("message_id") if isinstance(result, dict) else None
    if not is_number(number) or number < 1:
        raise ValueError("no number of the message")
    return _message(number, _photo(result))


def edited(result: object) -> Raw | bool:
    """A message that was changed: nothing of it is needed, but a photo is of use."""
    photo = _photo(result)
    return _message(1, photo) if photo else True


def user(result: object) -> Raw:
    """A bot, for getMe. Raises `ValueError`, also for a username that Telegram never gives.

    Every bot has one. Without it no command would be heard: each names the bot it is for.
    """
    if not isinstance(result, dict) or not is_person_id(result.get("id")):
        raise ValueError("no user")
    texts = {name: result.get(name) for name in ("first_name", "last_name", "username")}
    username = texts["username"]
    if not isinstance(username, str) or not _USERNAME.fullmatch(username):
        raise ValueError("no username, or an odd one")
    flags = ("can_join_groups", "can_read_all_group_messages")
    return {
        "id": result["id"],
        "is_bot": True,
        **{name: each for name, each in texts.items() if isinstance(each, str)},
        "first_name": texts["first_name"] if isinstance(texts["first_name"], str) else "",
        **{name: result.get(name) is True for name in flags},
    }


def webhook(result: object) -> Raw:
    """Where updates go, and how that goes, for getWebhookInfo. Raises `ValueError`."""
    url = result.get("url") if isinstance(result, dict) else None
    if not isinstance(url, str):
        raise ValueError("no address")  # noqa: TRY004 -- the answer is wrong, no argument is
    found: Raw = result if isinstance(result, dict) else {}
    read: Raw = {"url": url, "has_custom_certificate": False, "pending_update_count": 0}
    for name in ("pending_update_count", "max_connections", "last_error_date"):
        if is_number(found.get(name)):
            read[name] = found[name]
    if isinstance(found.get("last_error_message"), str):
        read["last_error_message"] = found["last_error_message"]
    return read


class Member(NamedTuple):
    """What somebody is in a group, by Telegram's name, and whether they write as the group."""

    status: str
    is_anonymous: bool


def member(result: object) -> Member:
    """A member, for getChatMember. Raises `ValueError`."""
    found = result if isinstance(result, dict) else {}
    value = found.get("status")
    if not isinstance(value, str) or not value:
        raise ValueError("no status")
    return Member(value, bool(found.get("is_anonymous")))


def _message(number: int, photo: Raw | None) -> Raw:
    message: Raw = {"message_id": number, "date": _SOME_DAY, "chat": _SOMEWHERE}
    return message | ({"photo": [photo]} if photo else {})


def _photo(result: object) -> Raw | None:
    """The largest size of a message's photo."""
    sizes = result.get("photo") if isinstance(result, dict) else None
    largest = sizes[-1] if isinstance(sizes, list) and sizes else None
    file_id = largest.get("file_id") if isinstance(largest, dict) else None
    if not isinstance(file_id, str) or not file_id:
        return None
    return {"file_id": file_id, "file_unique_id": file_id, "width": 1, "height": 1}


#: What is read of a method's result, before PTB gets it. Those not named are handed on as they are.
READ: dict[str, Callable[[object], Any]] = {
    "sendMessage": sent,
    "sendPhoto": sent,
    "sendDocument": sent,
    "editMessageText": edited,
    "editMessageCaption": edited,
    "editMessageMedia": edited,
    "editMessageReplyMarkup": edited,
    "getMe": user,
    "getWebhookInfo": webhook,
}
