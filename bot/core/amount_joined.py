"""What changes an amount and is written in one word with what follows: "tkr", "5 BTC午餐".

Knows the words.
"""

from __future__ import annotations

import unicodedata
from itertools import takewhile

from bot.core.amount_money import MONEY, spelled
from bot.core.amount_words import (
    BITCOIN,
    LOOKED_AT,
    MULTIPLES,
    folded,
    is_money,
    is_money_at_the_end,
    is_unit,
    multiple_at_the_end,
    multiple_of,
    plain,
    without_dots,
    without_marks,
    without_signs_before,
)

# A multiple before the unit or the currency, in one word. Short ones begin too many other words.
_LONG = 3
_BRIEF = {"k": 1_000, "t": 1_000, "e": 1_000, "m": 1_000_000, "mn": 1_000_000}
_AFTER_BRIEF = spelled(
    """eur usd chf sek nok dkk isk czk pln huf gbp rub uah vnd vnđ thb inr clp mxn brl try
    kr ft kč zł đ руб грн"""
)
# These begin other words: "grandeur", "laces", "trikes".
_IN_OTHER_WORDS = spelled("lac tri mie gross score grand")
_LONGEST = 24
# Scripts that have no spaces between words, or endings for what others say with words: what begins
# with one of these means it, whatever follows.
_NAMED_AT_THE_START = frozenset(
    without_marks(each)
    for each in (*MONEY, *BITCOIN, *MULTIPLES)
    if len(each) > 1 and unicodedata.category(each[0]) == "Lo"
)
_LONGEST_NAME = max(map(len, _NAMED_AT_THE_START))
# One letter begins many words: it is the currency before these.
_SHORT_MONEY = "元円圆圓块塊镑鎊원엔"
_AFTER_SHORT = (*"のでにはを分的吧等", "짜리", "어치", "입니다", "이에요")
_COUNTERS = "枚个個"


def joined(said: str) -> tuple[int, str] | None:
    """A multiple and the unit or the currency behind it, of one plain word; None for others."""
    word = without_dots(said)
    if not 2 <= len(word) <= _LONGEST or is_unit(word):
        return None
    for end in range(1, len(word)):
        before, after = word[:end], word[end:]
        brief = _BRIEF.get(folded(before), 0)
        if brief and (after in _AFTER_BRIEF or folded(after) in _FOLDED_AFTER_BRIEF):
            return brief, after
        is_long = end >= _LONG or (end > 1 and unicodedata.category(before[0]) == "Lo")
        if not is_long or before in _IN_OTHER_WORDS or len(after) < 2:
            continue
        factor = multiple_at_the_end(before)
        is_last = end > _LONG and is_money_at_the_end(after)  # "binden" is no currency
        is_multiple = len(after) >= _LONG and multiple_of(after) > 0
        if factor and (is_unit(after) or is_money(after) or is_multiple or is_last):
            return factor, after
    return None


def begins_with(word: str) -> list[str]:
    """What a word begins with that is a unit, a multiple or a currency by itself, where another
    script follows or what shows nothing, or where its script has no spaces; [] for most words."""
    said = without_signs_before(plain(word))
    found = [said[1:]] if said[:1] in tuple(_COUNTERS) else []
    if hidden := _before_invisible(word):
        found.append(plain(hidden))
    latin = "".join(takewhile(_has_case, said))
    if latin and unicodedata.category(said[len(latin) :][:1] or " ") == "Lo":
        found.append(latin)
    ends = range(2, min(len(said), _LONGEST_NAME) + 1)
    found += [said[:end] for end in ends if said[:end] in _NAMED_AT_THE_START]
    if said[:1] in tuple(_SHORT_MONEY) and said[1:].startswith(_AFTER_SHORT):
        found.append(said[0])
    return found


def _before_invisible(word: str) -> str:
    start = word[:LOOKED_AT]
    end = next((at for at, each in enumerate(start) if unicodedata.category(each) == "Cf"), 0)
    return start[:end]


def _has_case(letter: str) -> bool:
    return unicodedata.category(letter) in ("Lu", "Ll")


_FOLDED_AFTER_BRIEF = frozenset(map(folded, _AFTER_BRIEF))
