"""What Telegram makes of a text and its entities before a chat shows them. Knows no chats.

Follows TDLib: cleaned, trimmed, no two entities crossing. Of what Telegram finds by itself this
finds mentions, commands, hashtags and links that name their protocol.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from bot.demo.telegram.text.entities import CODES, QUOTES, STYLES, Entity, EntityError, utf16_length

_END = 1 << 31
_MAX_PLACE = 1_000_000


_CONTROL = re.compile("[\0-\x09\x0b\x0c\x0e-\x1f]")
_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_MARKS = re.compile("[\u200e\u200f]{2,}")
_BLANK = re.compile(
    "[ \n\u1680\u180e\u2000-\u200a\u202f\u205f\u2800\u3000\ufffc\U000e0000-\U000e007f"
    "\u200b-\u200f\u202e\ufeff\u00a0\t\r\v\0]*\\Z"
)


def fix_text(
    text: str, entities: list[Entity], *, find: bool = True, trim: bool = True
) -> tuple[str, list[Entity]]:
    """Text and entities as the chat shows them: cleaned, trimmed, untangled.

    `find` adds what Telegram finds by itself. EntityError where nothing is left to show.
    """
    _check_numbers(entities)
    entities = untangle([entity for entity in entities if entity.length > 0])
    text, entities = _clean(text, entities)
    stripped = text.rstrip(" \n")
    if not stripped:
        raise EntityError("Text must be non-empty")
    entities = untangle([entity for entity in entities if entity.length > 0])
    if trim:
        text, entities = _trim(stripped, entities)
    if _BLANK.match(text):
        raise EntityError("Text must be non-empty")
    return text, _merge_found(entities, find_entities(text)) if find else entities


def _clean(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    if entities:
        _check_bounds(text, entities)
    cleaned = clean_string(text)
    gone = [utf16_length(text[: found.start()]) for found in _REMOVED.finditer(text)]
    moved = []
    for entity in entities:
        before, inside = bisect_left(gone, entity.offset), bisect_left(gone, entity.end)
        extra = entity.extra
        if "url" in extra:
            extra = {"url": clean_string(extra["url"])}
        moved.append(
            Entity(entity.type, entity.offset - before, entity.length - inside + before, extra)
        )
    return cleaned, moved


def clean_string(text: str) -> str:
    """Without the characters that Telegram removes or replaces in any string."""
    cleaned = _CONTROL.sub(" ", _REMOVED.sub("", text))
    return _MARKS.sub(lambda run: "\u200c" * (len(run[0]) - 1) + run[0][-1], cleaned)


def _check_numbers(entities: list[Entity]) -> None:
    for entity in entities:
        for name, value in (("offset", entity.offset), ("length", entity.length)):
            if not 0 <= value <= _MAX_PLACE:
                raise EntityError(f"Receive an entity with incorrect {name} {value}")


def _check_bounds(text: str, entities: list[Entity]) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    size = len(units) // 2
    for entity in entities:
        for verb, place in (("begins", entity.offset), ("ends", entity.end)):
            if place < size and 0xDC <= units[place * 2 + 1] < 0xE0:
                after = units[: place * 2 + 2].decode("utf-16-le")
                subject = "Entity" if verb == "begins" else _beginning(entity)
                raise EntityError(
                    f"{subject} {verb} in a middle of a UTF-16 symbol "
                    f"at byte offset {len(after.encode())}"
                )
        if entity.offset > size:
            raise EntityError(
                f"Entity begins after the end of the text at UTF-16 offset {entity.offset}"
            )
        if entity.end > size:
            raise EntityError(
                f"{_beginning(entity)} ends after the end of the text at UTF-16 offset {entity.end}"
            )


def _beginning(entity: Entity) -> str:
    return f"Entity beginning at UTF-16 offset {entity.offset}"


def _trim(stripped: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    size = utf16_length(stripped)
    kept = [
        replace(entity, length=min(entity.end, size) - entity.offset)
        for entity in entities
        if entity.offset < size
    ]
    kept.sort(key=lambda entity: entity.rank)
    # space inside an entity stays
    left = len(stripped) - len(stripped.lstrip(" \n"))
    if kept:
        left = min(left, kept[0].offset)
    return stripped[left:], [replace(entity, offset=entity.offset - left) for entity in kept]


# --- entities that overlap


def untangle(entities: list[Entity]) -> list[Entity]:
    """Sorted, and none overlapping another in a way that Telegram does not allow."""
    entities = sorted(entities, key=lambda entity: entity.rank)
    if _are_valid(entities):
        return entities
    quotes = _without_overlaps([entity for entity in entities if entity.type in QUOTES])
    styles = [entity for entity in entities if entity.type in STYLES]
    others = _without_overlaps(
        [entity for entity in entities if entity.type not in (*QUOTES, *STYLES)]
    )
    solid = sorted([*_without_crossing(others, quotes), *quotes], key=lambda entity: entity.rank)
    return _resplit(styles, solid)


def _resplit(styles: list[Entity], solid: list[Entity]) -> list[Entity]:
    if not styles:
        return solid
    return sorted([*_split_styles(styles, solid), *solid], key=lambda entity: entity.rank)


def _are_valid(entities: list[Entity]) -> bool:
    style_ends: dict[str, int] = {}
    stack: list[Entity] = []
    for entity in entities:
        while stack and entity.offset >= stack[-1].end:
            stack.pop()
        if stack and not _may_nest(entity, stack):
            return False
        if entity.type in STYLES:
            if style_ends.get(entity.type, -1) >= entity.offset:
                return False
            style_ends[entity.type] = entity.end
        stack.append(entity)
    return True


def _may_nest(entity: Entity, stack: list[Entity]) -> bool:
    kinds = {outer.type for outer in stack}
    if entity.end > stack[-1].end or entity.type in kinds or stack[-1].type in CODES:
        return False
    if entity.type in CODES and not kinds <= set(QUOTES):
        return False
    in_solid = bool(kinds - {*STYLES, *QUOTES, *CODES})
    if in_solid and entity.type not in (*STYLES, *CODES):
        return False
    if entity.type in QUOTES and kinds & set(QUOTES):
        return False
    # a style within a style is cut again, so that the order of tags makes no difference
    return not kinds & set(STYLES)


def _without_overlaps(entities: list[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    end = 0
    for entity in entities:
        if entity.offset >= end:
            end = entity.end
            kept.append(entity)
    return kept


def _without_crossing(entities: list[Entity], quotes: list[Entity]) -> list[Entity]:
    """Those that lie within one quote or outside of all."""
    kept = []
    for entity in entities:
        quote = next((quote for quote in quotes if quote.end > entity.offset), None)
        crosses = quote is not None and (
            quote.end < entity.end or entity.offset < quote.offset < entity.end
        )
        if not crosses:
            kept.append(entity)
    return kept


class _StyleSplitter:
    """Cuts styles where a solid entity begins or ends, and joins those of one kind."""

    def __init__(self, styles: list[Entity]) -> None:
        self._styles = styles
        self._next = 0
        self._begin = dict.fromkeys(STYLES, 0)
        self._end = dict.fromkeys(STYLES, 0)
        self.result: list[Entity] = []

    def advance(self, offset: int) -> None:
        while self._next < len(self._styles) and self._styles[self._next].offset < offset:
            style = self._styles[self._next]
            kind = style.type
            if self._end[kind] != 0 and style.offset <= self._end[kind]:
                self._end[kind] = max(self._end[kind], style.end)
            else:
                self._flush(style.offset)
                self._begin[kind], self._end[kind] = style.offset, style.end
            self._next += 1
        self._flush(offset)

    def _flush(self, offset: int) -> None:
        for kind in STYLES:
            begin, end = self._begin[kind], self._end[kind]
            if end == 0 or begin >= offset:
                continue
            cut = min(end, offset)
            self.result.append(Entity(kind, begin, cut - begin))
            if end <= offset:
                self._begin[kind] = self._end[kind] = 0
            else:
                self._begin[kind] = offset


def _split_styles(styles: list[Entity], solid: list[Entity]) -> list[Entity]:
    splitter = _StyleSplitter(styles)
    stack: list[Entity] = []

    def advance(offset: int) -> None:
        while stack and offset >= stack[-1].end:
            size = len(splitter.result)
            splitter.advance(stack[-1].end)
            if stack[-1].type in CODES:
                del splitter.result[size:]
            stack.pop()
        splitter.advance(offset)

    for entity in solid:
        advance(entity.offset)
        stack.append(entity)
    advance(_END)
    return sorted(splitter.result, key=lambda entity: entity.rank)


# --- what Telegram finds by itself


_MENTION = re.compile(r"(?<!\w)@([A-Za-z0-9_]{2,32})(?!\w)")
_SHORT_MENTIONS = frozenset(("gif", "nft", "pic", "ufc", "vid"))
_COMMAND = re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32}|(?!@))(?![\w/<>])")
_HASHTAG = re.compile(r"(?<![\w\u200c\u00b7])#([\w\u200c\u00b7]{1,256})(?!#)")
_URL = re.compile(
    r"(?:https?|ftp)://[^\s/?#<>\"«»]*[^\s/?#<>\"«».]{2}(?::\d+)?(?:[/?#][^\s<>\"«»]*)?"
    r"|(?:tg|ton)://[A-Za-z0-9_-]+(?:[/?#][^\s<>\"«»]*)?",
    re.IGNORECASE,
)


def find_entities(text: str) -> list[Entity]:
    """Mentions, commands, hashtags and links with a protocol, none overlapping."""
    found = _without_overlaps(sorted(_find(text), key=lambda entity: entity.rank))
    return found if text.isascii() else [_in_utf16(text, entity) for entity in found]


def _find(text: str) -> Iterator[Entity]:
    """Entities with offsets in characters."""
    if "@" in text:
        for mention in _MENTION.finditer(text):
            if len(mention[1]) >= 4 or mention[1].lower() in _SHORT_MENTIONS:
                yield Entity("mention", mention.start(), len(mention[0]))
    if "/" in text:
        for command in _COMMAND.finditer(text):
            yield Entity("bot_command", command.start(), len(command[0]))
        for url in _URL.finditer(text):
            yield Entity("url", url.start(), len(url[0].rstrip(".:;,('?!`")))
    if "#" in text:
        for tag in _HASHTAG.finditer(text):
            if any(unicodedata.category(char).startswith("L") for char in tag[1]):
                yield Entity("hashtag", tag.start(), len(tag[0]))


def _in_utf16(text: str, entity: Entity) -> Entity:
    offset = utf16_length(text[: entity.offset])
    length = utf16_length(text[entity.offset : entity.end])
    return replace(entity, offset=offset, length=length)


def _merge_found(entities: list[Entity], found: list[Entity]) -> list[Entity]:
    """What was given wins over what was found."""
    if not found:
        return entities
    quotes = [entity for entity in entities if entity.type in QUOTES]
    styles = [entity for entity in entities if entity.type in STYLES]
    others = [entity for entity in entities if entity.type not in (*QUOTES, *STYLES)]
    free = [
        new
        for new in _without_crossing(found, quotes)
        if all(new.end <= old.offset or old.end <= new.offset for old in others)
    ]
    solid = sorted([*others, *free, *quotes], key=lambda entity: entity.rank)
    return _resplit(styles, solid)
