"""A text with `parse_mode=HTML`, read as Telegram reads it. Knows no chats and no network.

Follows TDLib's parser to its error texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from bot.demo.telegram.text.entities import (
    Entity,
    EntityError,
    date_format,
    emoji_id,
    set_link,
    utf16_length,
)
from bot.demo.telegram.text.links import ascii_lower

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
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

_SPACE = " \t\r\n\0\v"
_SPECIAL = re.compile("[<&]")
_NAME = re.compile(r"[^ \t\r\n\0\v>]*")
_ATTRIBUTE = re.compile(r"[^ \t\r\n\0\v=>/\"']*")
_GAP = re.compile(r"[ \t\r\n\v]*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_NUMERIC = re.compile(r"&#(?:x([0-9A-Fa-f]*)|([0-9]*))")
_WORD = re.compile(r"&([A-Za-z]*)")


def parse_html(text: str, *, unknown: Collection[str] = frozenset()) -> tuple[str, list[Entity]]:
    """Text and entities of `parse_mode=HTML`. EntityError with TDLib's words and byte offsets.

    `unknown`: tags that an older server does not know.
    """
    return _HtmlParser(text, unknown).parse()


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

    def __init__(self, source: str, unknown: Collection[str]) -> None:
        self._source = source
        self._unknown = unknown
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
        if name not in _TAGS or name in self._unknown:
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
            if not set_link(entity, url):
                return
        elif tag.name == "tg-emoji":
            entity.extra = {"custom_emoji_id": emoji_id(tag.argument)}
        elif tag.name == "tg-time":
            shown_as = date_format(tag.argument)
            if tag.unix_time <= 0:
                return
            entity.extra = {"unix_time": tag.unix_time, **shown_as}
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
        assert word is not None  # noqa: S101  only called at an ampersand
        end = word.end()
        char = _NAMED.get(word[1], "")
    if not char:
        return "&", begin + 1
    return char, end + 1 if text[end] == ";" else end


def _int32(text: str) -> int:
    """The digits at the start, wrapped to 32 bits as C does it."""
    found = re.match(r"(-?)([0-9]*)", text)
    assert found is not None  # noqa: S101  the pattern matches the empty string
    value = int(found[2] or "0") & 0xFFFFFFFF
    value = value - (1 << 32) if value >= 1 << 31 else value
    return -value if found[1] and value != -(1 << 31) else value
