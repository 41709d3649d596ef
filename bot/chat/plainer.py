"""A message without what Telegram refuses of it. Knows the parameters of calls.

What is left is the text inside. What people wrote is escaped, so none of it is taken for a tag.
"""

from __future__ import annotations

import copy
import re
from typing import Any, TypeAlias

from telegram import InputMediaPhoto

#: A call's parameters, before they are packed.
Data: TypeAlias = dict[str, Any]

_MENTION = re.compile(r'<a href="tg://user\?id=[0-9]+">(.*?)</a>', re.DOTALL)
_TIME = re.compile(r"<tg-time [^>]*>(.*?)</tg-time>", re.DOTALL)


def without_mentions(data: Data) -> Data | None:
    """The same with plain names; None where nobody is mentioned."""
    return _without(_MENTION, data)


def without_times(data: Data) -> Data | None:
    """The same with times as words; None where there are none."""
    return _without(_TIME, data)


def without_reply(data: Data) -> Data | None:
    """The same as a message that replies to nothing; None where it is one."""
    if data.get("reply_parameters") is None:
        return None
    return {name: value for name, value in data.items() if name != "reply_parameters"}


def _without(tag: re.Pattern[str], data: Data) -> Data | None:
    changed: Data = {}
    for name in ("text", "caption"):
        if _is_in(tag, data.get(name), data.get("parse_mode")):
            changed[name] = tag.sub(r"\1", data[name])
    media = data.get("media")
    if isinstance(media, InputMediaPhoto) and _is_in(tag, media.caption, media.parse_mode):
        changed["media"] = _with_caption(media, tag.sub(r"\1", media.caption or ""))
    return {**data, **changed} if changed else None


def _is_in(tag: re.Pattern[str], text: object, parse_mode: object) -> bool:
    return parse_mode == "HTML" and isinstance(text, str) and tag.search(text) is not None


def _with_caption(media: InputMediaPhoto, caption: str) -> InputMediaPhoto:
    other = copy.copy(media)
    with other._unfrozen():  # noqa: SLF001 -- as PTB does where it fills in what is left open
        other.caption = caption
    return other
