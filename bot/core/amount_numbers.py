"""One number as it was written, with its unit, and as an example shows it. Knows only the units."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

from bot.core.amount_words import ARTICLES, MULTIPLES, ONES, SEPARATORS, SHORT, UNITS, plain

LONGEST_WORD = 32
ALL_SATS = 21_000_000 * 100_000_000
#: The most that an example with k or m says: a hundred bitcoin. What was multiplied was no sum.
MOST_IN_EXAMPLE = 100 * 100_000_000

NUMBER = re.compile(
    r"(?P<symbol>₿?)"
    r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?:_[0-9]{3})+|[0-9]+)"
    r"(?P<fraction>(?:\.[0-9]+)?)"
    r"(?P<unit>[^\W\d_]*|₿)"
)
PERHAPS_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:[,_][0-9]{3})*\.[0-9]{3}")

# How numbers go on: groups of three after up to three digits. Four digits do not go on with "500".
ENDS_IN_A_GROUP = re.compile(r"(?:.*[^0-9])?[0-9]{1,3}")
# a word that may be more of the number, in groups of any size: a slip of a space cuts anywhere
_DIGITS = re.compile(
    rf"(?P<digits>[{SEPARATORS}]*\d+(?:[{SEPARATORS}]+\d+)*)(?P<unit>[^\W\d_]*|₿)"
    rf"[{SEPARATORS};:!?]*|[{SEPARATORS}]+"
)
# but a memo may begin with a date
_DATE = re.compile(r"(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:\d\d|\d{4})?")
THREE = re.compile(r"\D?\d{3}(?!\d)")
# separators by themselves: "21 , 000"
ALONE = re.compile(
    rf"\s*(?:(?:[{SEPARATORS}]+|point|dot|comma|komma|virgule|coma)\s+)*", re.IGNORECASE
)
# nobody counts so: "000"; but "0.5", "05.12." and "08:30" begin a memo
FROM_ZERO = re.compile(rf"[{SEPARATORS}]|0(?!\d?[.,:/-]\d\d?(?!\d))")
# "1/2", and what "½" is made of
RATIO = re.compile(r"(?P<over>\d{1,9})[/\u2044\u2215](?P<under>\d{1,9})(?P<unit>[^\W\d_]*)")

# nothing is ever rounded: it would raise
EXACT = Context(prec=3 * LONGEST_WORD, traps=[Inexact, InvalidOperation])


class Number(NamedTuple):
    """What an amount begins with; `sats` may have a fraction."""

    text: str  # as written, with its unit
    value: Decimal
    unit: str  # a key of SHORT or UNITS, or "" where none was written
    sats_each: int

    @property
    def sats(self) -> Decimal:
        return EXACT.multiply(self.value, Decimal(self.sats_each))

    @property
    def is_perhaps_grouped(self) -> bool:
        """Whether the dot may be between thousands, of sats, k or m. Nobody has so many BTC."""
        has_three = self.value.as_tuple().exponent == -3
        is_btc = self.sats_each > max(SHORT.values())
        return has_three and not is_btc and bool(PERHAPS_GROUPED.match(self.text))


def first_word(text: str) -> tuple[str, str]:
    """The first word, and what follows it; "" for what there is not."""
    words = [*text.split(None, 1), "", ""]
    return words[0], words[1]


def matched(match: re.Match[str]) -> Number:
    """The number that `NUMBER` found; its unit may be none of ours."""
    symbol, whole, fraction, suffix = match.group("symbol", "whole", "fraction", "unit")
    unit = symbol or suffix.casefold()
    value = Decimal(re.sub("[,_]", "", whole) + fraction)
    return Number(match.group(), value, unit, SHORT.get(unit) or UNITS.get(unit, 1))


def in_our_digits(word: str) -> str:
    """With 0 to 9 in place of another script's digits."""
    return "".join(str(int(each)) if each.isdecimal() else each for each in word)


def value_of(number: str, unit: str | None) -> Decimal:
    """How many sats that is."""
    unit = (unit or "").casefold()
    each = SHORT.get(unit) or UNITS.get(unit, 1)
    return Decimal(re.sub("[,_]", "", number)) * each


def digits_at_start(words: list[str]) -> tuple[list[str], str]:
    """The digits and separators that begin these, and what follows: perhaps a unit, or ""."""
    digits: list[str] = []
    for word in words:
        match = _DIGITS.fullmatch(word)
        if not match or (not digits and _DATE.fullmatch(word)):
            more = re.match(rf"[{SEPARATORS}]?\d+", word)  # "000-pizza"
            return digits + ([more.group()] if more and not match else []), plain(word)
        digits.append(match["digits"] or word)
        if match["unit"]:
            return digits, match["unit"].casefold()
    return digits, ""


def with_commas(text: str, neutral: str) -> str:
    """`2100,000` as `2,100,000`, and `1,5k` as `1.5k`, where that is an amount."""
    match = re.fullmatch(rf"(₿?)([\d{SEPARATORS}]*)(\s?(?:[^\W\d_]*|₿))", text)
    symbol, digits, unit = match.groups() if match else ("", "", "")
    *head, tail = re.findall(r"\d+", digits) or [""]
    whole = "".join(head) or ("0" if digits[:1] in (".", ",") else "")
    is_fraction = whole and (len(tail) != 3 or whole == "0")
    number = f"{int(whole):,}.{tail}" if is_fraction else f"{int(whole + tail or 0):,}"
    # only BTC begins with 0
    btc = working(f"{number} btc", neutral) if whole == "0" and not unit else neutral
    return working(f"{symbol}{number}{unit}", btc)


def in_digits(word: str, rest: str) -> str:
    """`2k` for "two thousand", `21` for "pizza 21", or ""."""
    first, *words = [plain(each) for each in [word, *rest.split(None, 8)[:8]]]
    factor = MULTIPLES.get(words[0], 1) if words else 1
    if first in ONES or (first in ARTICLES and factor > 1):
        return short(Decimal(factor * (ONES.index(first) if first in ONES else 1)), "")
    return next(filter(None, (with_commas(each, "") for each in words)), "")


def in_sats(sats: Decimal, neutral: str, after: str | None = None) -> str:
    """An example of so many whole sats; `after` it comes instead of the unit."""
    if not 1 <= sats <= ALL_SATS:
        return neutral
    unit = " sat" if int(sats) == 1 else " sats"
    return f"{int(sats):,}{unit if after is None else after}"


def short(sats: Decimal, neutral: str) -> str:
    """An example of so many sats, with k or m where no digit is left over."""
    for unit, each in (("m", 10**6), ("k", 1000), ("", 1)):
        if each <= sats <= MOST_IN_EXAMPLE and sats % each == 0:
            return f"{int(sats) // each:,}{unit}"
    return neutral


def working(example: str, neutral: str) -> str:
    """The example if it is an amount that can be read in one way; whole sats, where it has more."""
    word, unit = first_word(example)
    match = NUMBER.fullmatch(word + unit)
    if not match or len(word) > LONGEST_WORD or (match["symbol"] and not match["fraction"]):
        return neutral
    number = matched(match)
    if number.unit and number.unit not in SHORT and number.unit not in UNITS:
        return neutral
    sats = number.sats
    if number.is_perhaps_grouped or not 1 <= sats <= ALL_SATS:
        return neutral
    return example if sats % 1 == 0 else in_sats(sats, neutral)
