"""JSON of Telegram's, read whatever is in the fields that nobody reads. Knows JSON and no field.

An update holds what people and other bots wrote. What Python's reader would give up at (values
within values, a thousand deep; integers of thousands of digits) must hide no other field of it, and
no other update of the same answer.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

#: Values within values that are read; all that the bot reads is within ten.
DEEPEST = 64
#: Characters that are looked through for what is deeper, which takes half a second at most.
MOST = 1024 * 1024
#: Digits of an integer that is read, beyond any of Telegram's, which have 64 bits.
DIGITS = 20

#: A text, which may break off, or where a value with others in it begins or ends.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
#: How the first update of an answer begins as Telegram writes it, or any key of that name.
_FIRST = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\s*,\s*"result"\s*:\s*\[\s*\{\s*"update_id"\s*:\s*')
_KEY = re.compile(rb'(?<!\\)"update_id"\s*:\s*')
_NUMBER = re.compile(rb"\d{1,18}(?!\d)")


def parse(text: str) -> Any:
    """What the JSON says; null for what is too deep, an infinite number for one that is too long.

    Raises `ValueError` for anything else that cannot be read.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        if len(text) > MOST:
            raise ValueError("too deep, and too long to look through") from None
    try:
        return _DECODER.decode(_cut(text))
    except RecursionError as error:  # little is left of the stack
        raise ValueError("too deep") from error


def number_of_first(answer: bytes) -> int | None:
    """The number of the first update of an answer that cannot be read; None where there is none.

    What people write is within texts, where a quotation mark has a backslash before it.
    """
    key = _FIRST.match(answer) or _KEY.search(answer)
    number = _NUMBER.match(answer, key.end()) if key else None
    return int(number[0]) if number else None


def _integer(digits: str) -> int | float:
    if len(digits) <= DIGITS:
        return int(digits)
    return -math.inf if digits.startswith("-") else math.inf


#: Made once: each answer of Telegram's is read by it.
_DECODER = json.JSONDecoder(parse_int=_integer)


def _cut(text: str) -> str:
    """The same, with null in the place of each value that is too deep."""
    parts: list[str] = []
    depth = kept_from = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                parts += text[kept_from : token.start()], "null"
        elif sign in "]}":
            if depth == DEEPEST + 1:
                kept_from = token.end()
            depth -= 1
    if depth <= DEEPEST:
        parts.append(text[kept_from:])
    return "".join(parts)
