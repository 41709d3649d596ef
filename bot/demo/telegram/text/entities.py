"""Entities as a bot gives them: HTML or JSON. Knows no chats and nothing of the network.

Follows TDLib's parser to its error texts. Offsets and lengths are UTF-16 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram.text.links import LinkError, ascii_lower, check_link, link_user_id

Json = dict[str, Any]

MAX_SOURCE_BYTES = 1 << 15

_TAGS = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "pre": "pre",
    "code": "code",
    "blockquote": "blockquote",
}
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
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

_SPACE = " \t\r\n\0\v"
_SPECIAL = re.compile("[<&]")
_NAME = re.compile(r"[^ \t\r\n\0\v>]*")
_ATTRIBUTE = re.compile(r"[^ \t\r\n\0\v=>/\"']*")
_GAP = re.compile(r"[ \t\r\n\v]*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_NUMERIC = re.compile(r"&#(?:x([0-9A-Fa-f]*)|([0-9]*))")
_WORD = re.compile(r"&([A-Za-z]*)")


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


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """Text and entities of `parse_mode=HTML`. EntityError with TDLib's words and byte offsets."""
    return _HtmlParser(text).parse()


@dataclass(slots=True)
class _Open:
    """A start tag that waits for its end."""

    name: str
    argument: str
    unix_time: int
    offset: int
    chunk: int


class _HtmlParser:
    """One run over one text. A NUL after the end stands for C's end of string."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._text = source + "\0"
        self._pos = 0
        self._offset = 0
        self._chunks: list[str] = []
        self._open: list[_Open] = []
        self._entities: list[Entity] = []

    def parse(self) -> tuple[str, list[Entity]]:
        while (found := _SPECIAL.search(self._source, self._pos)) is not None:
            begin = found.start()
            self._emit(self._source[self._pos : begin])
            if self._source[begin] == "&":
                char, self._pos = _decode(self._text, begin)
                self._emit(char)
            elif self._text[begin + 1] == "/":
                self._end_tag(begin)
            else:
                self._start_tag(begin)
        self._emit(self._source[self._pos :])
        if self._open:
            name = self._open[-1].name
            raise EntityError(f'Can\'t find end tag corresponding to start tag "{name}"')
        return self._finish()

    def _finish(self) -> tuple[str, list[Entity]]:
        for entity in self._entities:
            if entity.type == "code":
                entity.extra = {}
        text = "".join(self._chunks)
        if re.search("[\ud800-\udfff]", text):
            raise EntityError(
                "Text contains invalid Unicode characters after decoding HTML entities, "
                "check for unmatched surrogate code units"
            )
        return text, sorted(self._entities, key=lambda entity: entity.rank)

    def _emit(self, text: str) -> None:
        if text:
            self._chunks.append(text)
            self._offset += utf16_length(text)

    def _at(self, index: int) -> str:
        """`at byte offset N`, as the errors have it."""
        size = len(self._source[:index].encode("utf-8", "surrogatepass"))
        return f"at byte offset {size}"

    def _gap(self, index: int) -> int:
        return self._match(_GAP, index)[1]

    def _match(self, pattern: re.Pattern[str], index: int) -> tuple[str, int]:
        found = pattern.match(self._text, index)
        assert found is not None  # noqa: S101  every pattern here matches the empty string
        return found[0], found.end()

    def _start_tag(self, begin: int) -> None:
        raw, i = self._match(_NAME, begin + 1)
        if self._text[i] == "\0":
            raise EntityError(f"Unclosed start tag {self._at(begin)}")
        name = ascii_lower(raw)
        if name not in _TAGS:
            raise EntityError(f'Unsupported start tag "{name}" {self._at(begin)}')
        tag = _Open(name, "", 0, self._offset, len(self._chunks))
        while self._text[i] != ">":
            i = self._gap(i)
            if self._text[i] == ">":
                break
            attribute, value, i = self._attribute(name, begin, i)
            _set_attribute(tag, attribute, value)
        if name == "span" and tag.argument != "spoiler":
            raise EntityError(f'Tag "span" must have class "tg-spoiler" {self._at(begin)}')
        self._open.append(tag)
        self._pos = i + 1

    def _attribute(self, tag: str, begin: int, i: int) -> tuple[str, str | None, int]:
        """(name, value or None, where it goes on)."""
        name, i = self._match(_ATTRIBUTE, i)
        if not name:
            raise EntityError(f'Empty attribute name in the tag "{tag}" {self._at(begin)}')
        i = self._gap(i)
        if self._text[i] not in "=\0":
            return name, None, i
        if self._text[i] == "=":
            i = self._gap(i + 1)
        if self._text[i] == "\0":
            raise EntityError(f'Unclosed start tag "{tag}" {self._at(begin)}')
        if self._text[i] in "'\"":
            value, i = self._quoted(i)
        else:
            value, after = self._match(_TOKEN, i)
            value = value.lower()
            if self._text[after] not in _SPACE + ">":
                raise EntityError(f"Unexpected end of name token {self._at(i)}")
            i = after
        if self._text[i] == "\0":
            raise EntityError(f"Unclosed start tag {self._at(begin)}")
        return name, value, i

    def _quoted(self, i: int) -> tuple[str, int]:
        quote = self._text[i]
        i += 1
        value = []
        while (char := self._text[i]) not in (quote, "\0"):
            if char == "&":
                char, i = _decode(self._text, i)
            else:
                i += 1
            value.append(char)
        return "".join(value), i + 1 if char == quote else i

    def _end_tag(self, begin: int) -> None:
        if not self._open:
            raise EntityError(f"Unexpected end tag {self._at(begin)}")
        raw, i = self._match(_NAME, begin + 1)
        i = self._gap(i)
        if self._text[i] != ">":
            raise EntityError(f"Unclosed end tag {self._at(begin)}")
        tag = self._open[-1]
        name = ascii_lower(raw[1:])
        if name and name != tag.name:
            raise EntityError(
                f'Unmatched end tag {self._at(begin)}, expected "</{tag.name}>", found "</{name}>"'
            )
        if self._offset > tag.offset:
            self._close(tag)
        self._open.pop()
        self._pos = i + 1

    def _close(self, tag: _Open) -> None:
        entity = Entity(_TAGS[tag.name], tag.offset, self._offset - tag.offset)
        if tag.name == "a":
            url = tag.argument or "".join(self._chunks[tag.chunk :])
            if not _set_link(entity, url):
                return
        elif tag.name == "tg-emoji":
            entity.extra = {"custom_emoji_id": _emoji_id(tag.argument)}
        elif tag.name == "tg-time":
            date_format = _date_format(tag.argument)
            if tag.unix_time <= 0:
                return
            entity.extra = {"unix_time": tag.unix_time, **date_format}
        elif tag.name == "blockquote" and tag.argument:
            entity.type = "expandable_blockquote"
        elif tag.name in ("pre", "code") and self._join_code(tag, entity):
            return
        self._entities.append(entity)

    def _join_code(self, tag: _Open, entity: Entity) -> bool:
        """`<pre><code class="language-x">` is one entity, whichever of the two is outside."""
        last = self._entities[-1] if self._entities else None
        same = last is not None and (last.offset, last.length) == (entity.offset, entity.length)
        if tag.name == "code" and tag.argument:
            entity.extra = {"language": tag.argument}
        if last is None or not same:
            return False
        if tag.name == "pre" and last.type == "code" and last.extra:
            last.type = "pre"
            return True
        if tag.name == "code" and last.type == "pre" and not last.extra and tag.argument:
            last.extra = entity.extra
            return True
        return False


def _set_attribute(tag: _Open, attribute: str, value: str | None) -> None:
    if (tag.name, attribute) == ("blockquote", "expandable"):
        tag.argument = "1"
    elif value is None:
        return
    elif (tag.name, attribute) in (
        ("a", "href"),
        ("tg-emoji", "emoji-id"),
        ("tg-time", "format"),
    ):
        tag.argument = value
    elif (tag.name, attribute) == ("code", "class") and value.startswith("language-"):
        tag.argument = value.removeprefix("language-")
    elif (tag.name, attribute) == ("span", "class") and value.startswith("tg-"):
        tag.argument = value.removeprefix("tg-")
    elif (tag.name, attribute) == ("tg-time", "unix"):
        tag.unix_time = _int32(value)


def _decode(text: str, begin: int) -> tuple[str, int]:
    """The character of the reference at `begin` and where it ends; "&" where it is none."""
    numeric = _NUMERIC.match(text, begin)
    if numeric:
        digits, base = (numeric[1], 16) if numeric[1] is not None else (numeric[2], 10)
        end = numeric.end()
        code = int(digits, base) if digits and end - begin < 10 else 0
        char = chr(code) if 0 < code < 0x10FFFF else ""
    else:
        word = _WORD.match(text, begin)
        assert word is not None  # noqa: S101  it is called at an ampersand
        end = word.end()
        char = _NAMED.get(word[1], "")
    if not char:
        return "&", begin + 1
    return char, end + 1 if text[end] == ";" else end


def _set_link(entity: Entity, url: str) -> bool:
    """False where Telegram drops the entity and keeps the text: `lightning:` for one."""
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


def _emoji_id(argument: str) -> str:
    found = re.fullmatch(r"-?[1-9][0-9]*", argument)
    if not found or not -(1 << 63) <= int(argument) < 1 << 63:
        raise EntityError("Invalid custom emoji identifier specified")
    return argument


def _date_format(argument: str) -> Json:
    """The canonical `date_time_format`, or nothing where none was given."""
    if argument in ("r", "R"):
        return {"date_time_format": "r"}
    if not set(argument) <= set("tTdDwW"):
        raise EntityError("Invalid date format used")
    day = "w" if set(argument) & set("wW") else ""
    date = "d" if "d" in argument else "D" if "D" in argument else ""
    time = "t" if "t" in argument else "T" if "T" in argument else ""
    return {"date_time_format": day + date + time} if argument else {}


def _int32(text: str) -> int:
    """The digits at the start, wrapped to 32 bits as C does it."""
    found = re.match(r"(-?)([0-9]*)", text)
    assert found is not None  # noqa: S101  the pattern matches the empty string
    value = int(found[2] or "0") & 0xFFFFFFFF
    value = value - (1 << 32) if value >= 1 << 31 else value
    return -value if found[1] and value != -(1 << 31) else value


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

    Those that Telegram finds by itself are passed over.
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
            return entity if _set_link(entity, str(item.get("url", ""))) else None
        case "text_mention":
            entity.extra = {"user": {"id": int(item.get("user", {}).get("id", 0))}}
        case "custom_emoji":
            entity.extra = {"custom_emoji_id": _emoji_id(str(item.get("custom_emoji_id", "")))}
        case "date_time":
            date_format = _date_format(str(item.get("date_time_format", "")))
            entity.extra = {"unix_time": int(item.get("unix_time", 0)), **date_format}
        case _:
            raise EntityError("Unsupported type specified")
    return entity
