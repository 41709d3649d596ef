"""A second amount after the first: sums, ranges and rates. Knows the words and the numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import takewhile
from typing import NamedTuple

from bot.core.amount_money import spelled
from bot.core.amount_numbers import LONGEST_WORD, NUMBER, Number, in_sats, matched
from bot.core.amount_problems import Problem, quotable, refuse
from bot.core.amount_words import (
    AND,
    ARTICLES,
    LOOKED_AT,
    NAMED,
    NAMES,
    ONES,
    PREFIXES,
    SHORT,
    UNITS,
    folded,
    is_sign,
    is_unit,
    multiple_of,
    plain,
    seen,
)

_PLUS = AND | spelled("+ et i og en och ve oraz plus más mas mais più piu zzgl also additionally")
# They join two amounts even where the first has its unit: "2100 sats or 5000".
_JOINS = _PLUS | spelled(
    """minus less menos moins times mal fois veces x × or o oder ou или to till until til tot t/m
    bis zu hasta do al a à до up"""
)
# after a unit they begin a memo: "2100 sats at 8"
_RATES = spelled("at je per by of de each for ー")
_TIMES = spelled("x × times mal fois veces vezes volte раз раза")
_SHARES = spelled("tip tips each pro per propina trinkgeld pourboire")
# a sign before the number, without a space: "+500"; a bracket or "#" is no sign
_GLUED = re.compile(r"(?<!\S)([-+=~>*×|&\u2010-\u2015\u2212\u2192]+)(?=[\d₿])")
_LONGEST_JOIN = 3


class _Second(NamedTuple):
    number: Number
    is_certain: bool  # it has a unit, or the text ends with it


def refuse_second_amount(number: Number, rest: str, *, has_unit: bool) -> None:
    """Raises `AmountRefused` if another amount follows: "100 y 20", "1k sats + 500 sats".

    `has_unit`: sats or BTC were written, so that a plain number is more likely a memo.
    """
    words = _GLUED.sub(r"\1 ", seen(rest[:LOOKED_AT])).split()[:8]
    said = [word if is_sign(word) else plain(word) for word in words]
    _refuse_repeats(number, said)
    joins = [*takewhile(_joins, said)]
    joins = joins[:_LONGEST_JOIN]
    after = [word for word in said[len(joins) :] if word not in ARTICLES]
    if joins and len(after) == 1 and multiple_of(after[0]):
        refuse(Problem.SUM, in_sats(number.sats, "2100 sats"))  # "5 x thousand"
    second = _second(said[len(joins) :])
    if second is None:
        return
    end = len(joins) + 1
    is_rate = not _RATES.isdisjoint(joins)
    is_price = "for" not in joins or second.number.sats >= number.sats
    if joins and second.is_certain and is_price and not (has_unit and is_rate):
        _refuse(number, second.number, joins, f"{number.text} {' '.join(words[:end])}")
    is_smaller = has_unit and second.number.sats_each < number.sats_each
    if is_smaller and (second.number.unit or second.is_certain):
        _refuse(number, second.number, ["+"], number.text)


def _joins(word: str) -> bool:
    return (is_sign(word) and "#" not in word) or not {word, folded(word)}.isdisjoint(
        _JOINS | _RATES
    )


def refuse_amount_alone(memo: str) -> None:
    """Raises `AmountRefused` if the memo of any amount is an amount: "any 2100"."""
    said = [*map(plain, memo[:LOOKED_AT].split(None, 3)[:3])]
    second = _second(said)
    if second and second.is_certain and len(said) <= 1 + is_unit(said[-1]):
        example = f"{in_sats(second.number.sats, '2100 sats')} pizza"
        refuse(Problem.UNCLEAR_UNIT, example, shown=quotable(f"any {memo}"))


def _second(words: list[str]) -> _Second | None:
    word, unit, *_ = [*words, "", ""]
    match = NUMBER.fullmatch(word.rstrip("%"))
    if not match or len(word) > LONGEST_WORD:
        return None
    number = matched(match)
    after = words[1:]
    if number.unit and not (is_unit(number.unit) or multiple_of(number.unit)):
        return None
    if is_unit(number.unit):
        return _Second(_counted(number, number.unit), is_certain=True)
    if is_unit(unit):
        return _Second(_counted(number, unit), is_certain=True)
    is_last = word.endswith("%") or all(each[:1].isdecimal() for each in after)  # "and 5 000"
    is_share = bool(after) and after[0] in _SHARES
    is_multiple = not number.unit and len(after) == 1 and multiple_of(after[0]) > 0
    return _Second(number, is_certain=is_last or is_share or is_multiple)


def _counted(number: Number, unit: str) -> Number:
    """The same number of another unit; below a sat it counts none."""
    named = NAMED.fullmatch(unit)
    power = Decimal(10) ** PREFIXES.get(named["prefix"], 0) if named else 1
    each = UNITS.get(unit) or int(NAMES[named["name"]] * power if named else 1)
    times = SHORT.get(number.unit, 1)
    return number._replace(unit=unit, sats_each=each * times)


def _refuse(first: Number, second: Number, joins: list[str], shown: str) -> None:
    is_sum = all(join in _PLUS for join in joins)
    sats = first.sats + second.sats if is_sum else first.sats
    if is_sum or any(map(is_sign, joins)) or first.unit in UNITS:
        refuse(Problem.SUM, in_sats(sats, "2100 sats"))
    refuse(Problem.ONE_OR_TWO_NUMBERS, in_sats(sats, "2100 sats"), shown=quotable(shown))


def _refuse_repeats(number: Number, said: list[str]) -> None:
    """Raises `AmountRefused` for "100 3 times", "100 three times", "100 3x" and "100 twice"."""
    first, second, *_ = [*said, "", ""]
    is_count = first.isdecimal() or first in ONES
    repeats = (
        (first in ("twice", "thrice") and len(said) == 1)
        or (is_count and second in _TIMES and len(said) == 2)
        or (len(said) == 1 and re.fullmatch(r"\d+[x×]", folded(first)))
    )
    if repeats:
        refuse(Problem.SUM, in_sats(number.sats, "2100 sats"))
