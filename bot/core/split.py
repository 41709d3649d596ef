"""What people write after /split, and how a sum is parted. Knows amounts and no sentence.

What is accepted::

    84k/4           84k/4 pizza        a bill in 4 equal parts
    84000 sats/4    0.00084 btc/4      the amount as everywhere, the count right behind the slash

Nothing is guessed: what could be read in two ways is refused, with an example that works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.core.amount_numbers import in_our_digits
from bot.core.amount_problems import Problem, quotable, refuse
from bot.core.amounts import check_range, format_sats, parse_amount
from bot.errors import AmountRefused

#: How many parts a bill can have.
MIN_SEATS, MAX_SEATS = 2, 50
EXAMPLE = "84k/4 pizza"

_DIVISION = re.compile(r"([^/\n]{1,40}?)(\s*)/(\s*)(\S*)")


@dataclass(frozen=True, slots=True)
class Bill:
    """A sum in millisatoshi, in how many parts, and what for."""

    sum_msat: int
    count: int
    memo: str


def parse(text: str, *, min_sats: int, max_sats: int) -> Bill:
    """What follows /split. Raises `AmountRefused`; each part is within the limits."""
    text = text.strip()
    match = _DIVISION.match(text)
    sum_msat = _amount(match[1]) if match else None
    if match is None or sum_msat is None:
        sums = text.partition("/")[0].split()
        if text and not sums:
            refuse(Problem.SUM_MISSING, EXAMPLE)
        if sums:  # what is wrong with that is said first
            _parse(sums[0])
        refuse(Problem.COUNT_MISSING, EXAMPLE)
    _, before, behind, count_text = match.groups()
    count = _count(match[1].strip(), count_text, is_apart=bool(before or behind))
    every = parts(sum_msat, count)
    if not every[-1]:  # which would be any amount
        raise AmountRefused(Problem.TOO_LITTLE, limit_sats=min_sats)
    for part in (every[0], every[-1]):
        check_range(part, min_sats=min_sats, max_sats=max_sats)
    return Bill(sum_msat, count, text[match.end() :].strip())


def parts(sum_msat: int, count: int) -> list[int]:
    """The sum in whole satoshi, as msat, in `count` parts that differ by at most one sat: the rest
    is one more for each of the first."""
    each, rest = divmod(sum_msat // 1000, count)
    return [1000 * (each + (number < rest)) for number in range(count)]


def _amount(text: str) -> int | None:
    """The amount, where this is one and nothing else. Raises `AmountRefused` for any other."""
    try:
        amount_msat = _parse(text)
    except AmountRefused as error:
        if error.problem in (Problem.NOT_ALONE, Problem.NOT_A_NUMBER):
            return None  # "84k pizza/beer"
        raise
    if amount_msat == 0:
        refuse(Problem.SUM_MISSING, EXAMPLE)
    return amount_msat


def _parse(text: str) -> int:
    """As `parse_amount`, with an example that is a bill."""
    try:
        return parse_amount(text)
    except AmountRefused as error:
        if error.problem == Problem.ZERO:  # whose sentence speaks of any amount
            refuse(Problem.SUM_MISSING, EXAMPLE)
        others = {n: each for n, each in error.values.items() if n not in ("problem", "example")}
        works = _as_bill(str(error.values["example"]))
        raise AmountRefused(error.problem, example=works, **others) from None


def _as_bill(example: str) -> str:
    """An example of an amount as one of a bill."""
    try:
        return f"{example}/4" if parse_amount(example) else EXAMPLE
    except AmountRefused:  # it has a memo
        return EXAMPLE


def _count(amount: str, written: str, *, is_apart: bool) -> int:
    digits = in_our_digits(written)
    if not digits.isascii() or not digits.isdecimal():
        refuse(Problem.COUNT_UNREADABLE, f"{amount}/4", shown=quotable(written))
    if is_apart:
        refuse(Problem.COUNT_APART, f"{amount}/{digits}")
    count = int(digits[:9])
    if not MIN_SEATS <= count <= MAX_SEATS:
        refuse(Problem.COUNT_OUT_OF_RANGE, f"{amount}/4", least=MIN_SEATS, most=MAX_SEATS)
    return count


def described(sum_msat: int, count: int) -> str:
    """`21,000 sats each`, or `2 at 28,001 sats, 1 at 28,000 sats` where the parts differ."""
    every = parts(sum_msat, count)
    first, last = every[0], every[-1]
    if first == last:
        return f"{format_sats(first)} each"
    more = every.count(first)
    return f"{more} at {format_sats(first)}, {count - more} at {format_sats(last)}"
