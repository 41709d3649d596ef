"""The entities of a text (bold, links, mentions, ...) and their JSON. Knows no chats, no network.

Follows TDLib's parser to its error texts. Offsets and lengths are UTF-16 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram.text.links import LinkError, check_link, link_user_id

Json = dict[str, Any]

MAX_SOURCE_BYTES = 1 << 15

# of two entities with the same place the lower one is the outer
_PRIORITY = {
    "blockquote": 0,
    "expandable_blockquote": 0,
    "pre_code": 10,
    "pre": 11,
    "code": 20,
    "date_time": 30,
    "text_link": 49,
    "text_mention": 49,
    "bold": 90,
    "italic": 91,
    "underline": 92,
    "strikethrough": 93,
    "spoiler": 94,
    "custom_emoji": 99,
}
_FOUND_PRIORITY = 50
STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler")
QUOTES = ("blockquote", "expandable_blockquote")
CODES = ("pre", "code", "date_time")


class EntityError(ValueError):
    """Telegram can't read the text; the message is its reason."""


@dataclass(slots=True)
class Entity:
    """One entity; `extra` holds url, language, custom_emoji_id and the like."""

    type: str
    offset: int
    length: int
    extra: Json = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The first unit after it."""
        return self.offset + self.length

    @property
    def rank(self) -> tuple[int, int, int]:
        """Sorts by place, the outer one first."""
        kind = "pre_code" if "language" in self.extra else self.type
        return self.offset, -self.length, _PRIORITY.get(kind, _FOUND_PRIORITY)

    def to_json(self) -> Json:
        """The Bot API's MessageEntity."""
        return {"offset": self.offset, "length": self.length, "type": self.type, **self.extra}


def utf16_length(text: str) -> int:
    """Length in UTF-16 units, as Telegram counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_in(text: str, entity: Json) -> str:
    """What of a text an entity, as of the Bot API, is of."""
    units = text.encode("utf-16-le")
    begin, size = 2 * entity["offset"], 2 * entity["length"]
    return units[begin : begin + size].decode("utf-16-le")


def set_link(entity: Entity, url: str) -> bool:
    """Make it a link, or a mention; False where Telegram drops it and keeps the text.

    `lightning:` is one that it drops.
    """
    user_id = link_user_id(url)
    if user_id is not None:
        entity.type = "text_mention"
        entity.extra = {"user": {"id": user_id}}
        return True
    try:
        entity.extra = {"url": check_link(url)}
    except LinkError:
        return False
    return True


def emoji_id(argument: str) -> str:
    """The id of a custom emoji. EntityError where that is none."""
    found = re.fullmatch(r"-?[1-9][0-9]*", argument)
    if not found or not -(1 << 63) <= int(argument) < 1 << 63:
        raise EntityError("Invalid custom emoji identifier specified")
    return argument


def date_format(argument: str) -> Json:
    """The canonical `date_time_format`, or nothing where none is given. EntityError."""
    if argument in ("r", "R"):
        return {"date_time_format": "r"}
    if not set(argument) <= set("tTdDwW"):
        raise EntityError("Invalid date format used")
    day = "w" if set(argument) & set("wW") else ""
    date = "d" if "d" in argument else "D" if "D" in argument else ""
    time = "t" if "t" in argument else "T" if "T" in argument else ""
    return {"date_time_format": day + date + time} if argument else {}


# --- explicit entities


_PLAIN = frozenset((*STYLES, *QUOTES, "code"))
_FOUND = frozenset(
    (
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bank_card_number",
    )
)


def entities_from_json(items: object) -> list[Entity]:
    """Entities as the caller gives them. EntityError where Telegram refuses one.

    Those that Telegram finds by itself are skipped.
    """
    entities = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            raise EntityError("Can't parse MessageEntity: expected an Object")
        try:
            entity = _entity_from_json(item)
        except EntityError as error:
            raise EntityError(f"Can't parse MessageEntity: {error}") from None
        except (AttributeError, TypeError, ValueError):
            raise EntityError("Can't parse MessageEntity: a field has the wrong type") from None
        if entity is not None:
            entities.append(entity)
    return entities


def _entity_from_json(item: Json) -> Entity | None:
    kind, offset, length = item.get("type"), item.get("offset"), item.get("length")
    for name, value in (("offset", offset), ("length", length)):
        if value is None:
            raise EntityError(f'Can\'t find field "{name}"')
        if not isinstance(value, int):
            raise EntityError(f'Field "{name}" must be of type Number')
    if not kind:
        raise EntityError("Type is not specified")
    assert isinstance(offset, int)  # noqa: S101  checked in the loop
    assert isinstance(length, int)  # noqa: S101  checked in the loop
    entity = Entity(str(kind), offset, length)
    if kind in _PLAIN:
        return entity
    if kind in _FOUND:
        return None
    return _with_argument(entity, item)


def _with_argument(entity: Entity, item: Json) -> Entity | None:
    match entity.type:
        case "pre":
            entity.extra = {"language": str(item["language"])} if item.get("language") else {}
        case "text_link":
            return entity if set_link(entity, str(item.get("url", ""))) else None
        case "text_mention":
            entity.extra = {"user": {"id": int(item.get("user", {}).get("id", 0))}}
        case "custom_emoji":
            entity.extra = {"custom_emoji_id": emoji_id(str(item.get("custom_emoji_id", "")))}
        case "date_time":
            shown_as = date_format(str(item.get("date_time_format", "")))
            entity.extra = {"unix_time": int(item.get("unix_time", 0)), **shown_as}
        case _:
            raise EntityError("Unsupported type specified")
    return entity
