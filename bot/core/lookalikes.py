"""What looks like a quotation mark or like a sign of ours. Knows Unicode's names of characters.

Fonts draw many characters alike, so what counts is what Unicode calls them, and no list of ours.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: A key around the digit before it: no sign of ours, unlike all else that goes around a character.
KEYCAP = "\u20e3"
# Of the characters that somebody writes, so many are remembered.
_REMEMBERED = 4096

_SIGN_NAMES = re.compile(
    r"\b(?:"
    # paid, and what is well at a terminal
    r"CHECK|BALLOT|SQUARE ROOT|RADICAL SYMBOL BOTTOM"
    # what is wrong at a terminal
    r"|CROSS MARK|(?:MULTIPLICATION|CANCELLATION|CIRCLED|CIRCLED BOLD) X|X IN A|SALTIRE"
    r"|DIAGONAL CROSS|(?:SQUARED|CIRCLED) (?:LATIN CAPITAL LETTER X|TIMES)"
    r"|VECTOR OR CROSS PRODUCT|N-ARY (?:CIRCLED )?TIMES"
    # failed
    r"|WARNING|CAUTION|(?<!HEART )EXCLAMATION MARK (?:SYMBOL|ORNAMENT)"
    r"|TRIANGLE WITH ROUNDED CORNERS"
    # open
    r"|LIGHTNING|THUNDER|HIGH VOLTAGE|ZIGZAG ARROW|ELECTRIC ARROW"
    # waiting, expired
    r"|HOURGLASS|CLOCK|STOPWATCH|WATCH|CIRCLE WITH (?:UPPER|LOWER) (?:LEFT|RIGHT) QUADRANT"
    # cancelled
    r"|NO ENTRY|PROHIBITED|NON-POTABLE|DO NOT|OCTAGONAL SIGN|EMPTY SET|DIAMETER SIGN"
    r"|CIRCLED (?:DIVISION SLASH|REVERSE SOLIDUS)"
    # a part that nobody has, and a bar
    r"|(?:SQUARE|PARALLELOGRAM|RECTANGLE|VERTICAL RECTANGLE)(?! ROOT)"
    r")\b|^NO [A-Z]+"
)
# Symbols and other punctuation: no letter is a sign, but for one that is drawn as a flash.
_SIGN_CATEGORIES = ("So", "Sm", "Sk", "Po")
_LETTERS_LIKE_SIGNS = "\u03df"  # koppa

_DOUBLE_NAMES = re.compile(
    r"^(?!.*\b(?:SINGLE|ANGLE)\b).*\bQUOTATION MARK\b|\bDOUBLE ANGLE QUOTATION MARK\b"
    r"|\b(?:(?:DOUBLE|TRIPLE|QUADRUPLE) PRIME|DITTO MARK|DOUBLE (?:ACUTE|GRAVE) ACCENT"
    r"|DIAERESIS|DIALYTIKA|GERSHAYIM|DOUBLE APOSTROPHE|DOUBLE COMMA|NIHSHVASA)\b"
)
_SINGLE_NAMES = re.compile(
    r"\b(?:APOSTROPHE|PRIME|(?:ACUTE|GRAVE) ACCENT|(?:TURNED|REVERSED) COMMA|GERESH|SALTILLO"
    r"|HALF RING|KORONIS|PSILI|DASIA|OXIA|VARIA|TONOS|GREEK NUMERAL SIGN"
    r"|MODIFIER LETTER VERTICAL LINE|ARMENIAN (?:COMMA|EMPHASIS MARK))\b"
    r"|^(?!.*ANGLE).*\bSINGLE\b.*\bQUOTATION MARK\b"
)
# Letters that Unicode's list of confusables has for apostrophes: Hebrew, syllabics, runes. What is
# between two of them, or above one, does not take them apart.
_BETWEEN = r"[\s\u200d\u0300-\u036f\u0591-\u05c7\u20d0-\u20ff]*"
_YODS = r"[\u05d9\u05f2]"
_LETTERS_AS_QUOTES = re.compile(
    rf"(?<![\u0591-\u05f2])(?:\u05d9{_BETWEEN}{_YODS}|\u05f2)(?:{_BETWEEN}{_YODS})*"
    r"[\u0591-\u05c7]*(?![\u0591-\u05f2])"
    rf"|(?<![\u1401-\u167f])\u144a(?:{_BETWEEN}\u144a)+(?![\u1401-\u167f])"
    rf"|(?<![\u16a0-\u16f8])\u16cc(?:{_BETWEEN}\u16cc)+(?![\u16a0-\u16f8])"
)


@lru_cache(_REMEMBERED)
def is_sign(c: str) -> bool:
    """Whether it looks like a sign that a line of ours begins with."""
    if c.isascii() or c == KEYCAP:
        return False
    if unicodedata.category(c) == "Me":  # around what is before it: a triangle, a circle with a bar
        return True
    is_symbol = unicodedata.category(c) in _SIGN_CATEGORIES
    is_named = is_symbol and bool(_SIGN_NAMES.search(unicodedata.name(c, "")))
    return is_named or c in _LETTERS_LIKE_SIGNS


@lru_cache(_REMEMBERED)
def is_double_quote(c: str) -> bool:
    """Whether it looks like a double quotation mark, high or low."""
    return _is_mark(c) and bool(_DOUBLE_NAMES.search(unicodedata.name(c, "")))


@lru_cache(_REMEMBERED)
def is_apostrophe(c: str) -> bool:
    """Whether two of it in a row look like a double quotation mark."""
    return _is_mark(c) and bool(_SINGLE_NAMES.search(unicodedata.name(c, "")))


def without_letters_as_quotes(text: str) -> str:
    """The text with a space for letters that pass for a double quotation mark.

    Within a word of their own script they are letters: so they are in many names.
    """
    return _LETTERS_AS_QUOTES.sub(" ", text)


def _is_mark(c: str) -> bool:
    """Whether it is no letter, but for those that are drawn as marks; and nothing above one."""
    category = unicodedata.category(c)
    if category in ("Lu", "Ll", "Lt", "Lo"):
        return "SALTILLO" in unicodedata.name(c, "")
    return category[0] in "PSL"
