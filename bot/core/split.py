"""What people write after /split, and how a sum is parted. Knows amounts and no sentence.

What is accepted::

    84k/4           84k/4 pizza        a bill in 4 equal parts
    84000 sats/4    0.00084 btc/4      the amount as everywhere, the count right behind the slash
    84k @alice      84k @alice pizza   parts for these people, right behind the sum, and who asks
    84k             84k pizza          who takes part is asked first

Nothing is guessed: what could be read in two ways is refused, with an example that works.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from bot.core import shares
from bot.core.amount_numbers import in_our_digits, short
from bot.core.amount_problems import Problem, quotable, refuse, with_example
from bot.core.amounts import format_sats, parse_amount, split_off
from bot.errors import AmountRefused

T = TypeVar("T")

#: How many parts a bill can have.
MIN_SEATS, MAX_SEATS = 2, 50
EXAMPLE = "84k/4 pizza"
WITH_NAMES = "84k @alice @bobby pizza"

#: What is before a slash, the spaces around it, and the word behind it.
AROUND_A_SLASH = re.compile(r"([^/\n]{1,40}?)(\s*)/(\s*)(\S*)")
_LIKE_A_NAME = re.compile(r"@\w{1,32}")
_ENDS_A_NAME = (" ", "\t", "\n", ",", ";", ":")
_BETWEEN_NAMES = re.compile(r"[\s,;+&]*(?:(?:and|und|y|et|e|и)\s+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is named in a message, as Telegram marks it."""

    text: str  # as it was written
    username: str = ""  # without the @; "" where `id` says who it is
    id: int = 0
    name: str = ""
    also: str = field(default="", compare=False)  # the user name of who is named by `id`
    asks: bool = False  # it is who asks, and has a part anyhow
    #: Characters from where it begins to the end of the text; 0: it is where this is found first.
    #: Somebody may be called "21".
    left: int = field(default=0, compare=False)

    def begins_in(self, text: str) -> int:
        """Where it begins in a text, or in the end of one; -1: it does not."""
        if not self.left:
            return text.find(self.text)
        start = len(text) - self.left
        return start if start >= 0 and text.startswith(self.text, start) else -1


@dataclass(frozen=True, slots=True)
class Bill:
    """A sum in millisatoshi, in how many parts, and what for.

    `count` 0: it is not known yet, people say that they are in. `named`: whose parts these are,
    beside that of who asks.
    """

    sum_msat: int
    count: int
    memo: str
    named: tuple[Person, ...] = ()


def parse(
    text: str,
    people: Sequence[Person] = (),
    *,
    asker_sits: bool = True,
    min_sats: int,
    max_sats: int,
) -> Bill:
    """What follows /split. Raises `AmountRefused`; each part is within the limits.

    `people`: who is named, in the order of the text; `asker_sits`: one part is for who asks.
    """
    text = text.strip()
    match = AROUND_A_SLASH.match(text)
    if match and any(0 <= person.begins_in(text) < match.end() for person in people):
        match = None  # what is in a name, or follows one, is no count
    sum_msat = _amount(match[1], may_be_name=bool(people)) if match else None
    if match is None or sum_msat is None:
        bill = _without_count(text, people, asker_sits=asker_sits)
    else:
        _, before, behind, count_text = match.groups()
        amount = match[1].strip()
        count = _count(amount, count_text, is_apart=bool(before or behind))
        memo = after_slash(amount, sum_msat, text[match.end() :].strip(), f"/{count}")
        if any(person.begins_in(memo) == 0 for person in people):
            refuse(Problem.COUNT_AND_NAMES, _example(amount, count, " pizza"))
        if more := shares.or_more(memo, count):
            refuse(
                Problem.COUNT_UNREADABLE, _example(amount, count), shown=quotable(f"{count} {more}")
            )
        _refuse_more(memo, _example(amount, count), _example(amount, count))
        if (said := shares.in_words(memo)) and count not in said:
            refuse(
                Problem.COUNT_UNREADABLE, _example(amount, count), shown=quotable(f"{count} {memo}")
            )
        bill = Bill(sum_msat, count, memo)
    if bill.count:
        check_parts(bill.sum_msat, bill.count, min_sats=min_sats, max_sats=max_sats)
    elif bill.sum_msat < MIN_SEATS * max(1, min_sats) * 1000:
        raise AmountRefused(Problem.TOO_LITTLE, limit_sats=MIN_SEATS * max(1, min_sats))
    elif bill.sum_msat > MAX_SEATS * max_sats * 1000:
        raise AmountRefused(Problem.TOO_MUCH, limit_sats=MAX_SEATS * max_sats)
    return bill


def after_slash(amount: str, amount_msat: int, rest: str, slash: str) -> str:
    """The memo behind a slash. Raises `AmountRefused` where it is more of the amount before.

    "300/3 usd" is no bill of 300 sats, and "84/4 k" none of 84.
    """
    return unit_behind(amount, amount_msat, rest, lambda unit: f"{amount} {unit}{slash}")


def unit_behind(amount: str, amount_msat: int, rest: str, example: Callable[[str], str]) -> str:
    """The memo behind what stands behind an amount. Raises `AmountRefused` where it begins with a
    unit, or anything else, that makes it another amount."""
    read_msat, memo = _parse(f"{amount} {rest}", split_off)
    if read_msat != amount_msat:
        unit = rest.removesuffix(memo).strip()
        refuse(Problem.UNIT_AFTER_SLASH, example(unit), shown=quotable(unit))
    return memo


def check_parts(sum_msat: int, count: int, *, min_sats: int, max_sats: int) -> None:
    """Raises `AmountRefused` unless each of so many parts can be asked for."""
    largest, *_, smallest = parts(sum_msat, count)
    if smallest < 1000 * max(1, min_sats):
        raise AmountRefused(Problem.PARTS_TOO_SMALL, limit_sats=max(1, min_sats))
    if largest > 1000 * max_sats:
        raise AmountRefused(Problem.PARTS_TOO_LARGE, limit_sats=max_sats)


def check_part(amount_msat: int, *, min_sats: int, max_sats: int) -> None:
    """Raises `AmountRefused` unless a part of a bill can be asked for: the limits may have been
    others as it was made."""
    if amount_msat < 1000 * min_sats:
        raise AmountRefused(Problem.PART_TOO_SMALL, limit_sats=min_sats)
    if amount_msat > 1000 * max_sats:
        raise AmountRefused(Problem.PART_TOO_LARGE, limit_sats=max_sats)


def _without_count(text: str, people: Sequence[Person], *, asker_sits: bool) -> Bill:
    """Names, or neither names nor a count."""
    if not text:
        refuse(Problem.COUNT_MISSING, EXAMPLE)
    if text.startswith("/"):
        refuse(Problem.SUM_MISSING, EXAMPLE)
    start = people[0].begins_in(text) if people else -1
    if start < 0:
        sum_msat, memo = _sum(text)
        _refuse_unknown(memo)
        amount = short(Decimal(sum_msat // 1000), "84k")
        if said := shares.in_words(memo):
            refuse(Problem.COUNT_IN_WORDS, _example(amount, said[0] or 4), shown=quotable(memo))
        in_all = short(Decimal(4 * sum_msat // 1000), "84k")
        _refuse_more(memo, _example(in_all), _example(amount))
        return Bill(sum_msat, 0, memo)
    if not text[:start].strip():
        refuse(Problem.SUM_MISSING, WITH_NAMES)
    sum_msat, between = _sum(text[:start])
    named, memo = _named(text[start:], people)
    _refuse_unknown(between.lstrip())
    if between or any(person.begins_in(memo) >= 0 for person in people[len(named) :]):
        refuse(Problem.NAMES_APART, WITH_NAMES)
    memo = unit_behind(text[:start].strip(), sum_msat, memo, lambda _: WITH_NAMES)
    _refuse_unknown(memo)
    if said := shares.in_words(memo):
        amount = text[:start].strip()
        refuse(Problem.COUNT_AND_NAMES, _example(amount, said[0] or 4, " pizza"))
    _refuse_more(memo, WITH_NAMES, WITH_NAMES)
    different = _different([each for each in named if not each.asks])
    count = len(different) + asker_sits
    if not MIN_SEATS <= count <= MAX_SEATS:
        refuse(Problem.COUNT_OUT_OF_RANGE, WITH_NAMES, least=MIN_SEATS, most=MAX_SEATS)
    return Bill(sum_msat, count, memo, tuple(different))


def _different(people: Sequence[Person]) -> list[Person]:
    """Each once, also who is named in two ways."""
    by_name = {each.also.casefold(): each for each in people if each.also}
    known = [by_name.get(each.username.casefold(), each) for each in people]
    return list({(each.id, each.username.casefold()): each for each in known}.values())


def _refuse_more(memo: str, in_all: str, alone: str) -> None:
    """What says that the sum is one part's, or not all; examples: `in_all`, and it `alone`."""
    if words := shares.of_one_part(memo):
        refuse(Problem.ONE_PART, in_all, shown=quotable(words))
    if shares.and_more(memo):
        refuse(Problem.SUM, alone)


def _refuse_unknown(rest: str) -> None:
    """What looks like a person right behind the sum or another one, and is nobody's user name."""
    if (unknown := _LIKE_A_NAME.match(rest)) is not None:
        refuse(Problem.NAME_UNKNOWN, WITH_NAMES, shown=quotable(unknown[0]))


def _named(text: str, people: Sequence[Person]) -> tuple[list[Person], str]:
    """Those that the text begins with, one after the other, and what follows them."""
    named: list[Person] = []
    for person in people:
        between = _BETWEEN_NAMES.match(text) if named else None
        rest = text[between.end() :] if between else text
        if person.begins_in(rest) != 0:
            break
        named.append(person)
        text = rest[len(person.text) :]
    if text and not text.startswith(_ENDS_A_NAME):  # "@bob's pizza"
        refuse(Problem.NAMES_APART, WITH_NAMES)
    return named, text.lstrip(" \t\n,;:")


def _sum(text: str) -> tuple[int, str]:
    """The sum of a bill in msat, and what follows it."""
    sum_msat, rest = _parse(text, split_off)
    if not sum_msat:
        refuse(Problem.SUM_MISSING, EXAMPLE)
    return sum_msat, rest


def parts(sum_msat: int, count: int) -> list[int]:
    """The sum in whole satoshi, as msat, in `count` parts that differ by at most one sat: the rest
    is one more for each of the first."""
    each, rest = divmod(sum_msat // 1000, count)
    return [1000 * (each + (number < rest)) for number in range(count)]


def _amount(text: str, *, may_be_name: bool) -> int | None:
    """The amount, where this is one and nothing else. Raises `AmountRefused` for any other."""
    try:
        amount_msat = _parse(text, parse_amount)
    except AmountRefused as error:
        if error.problem is Problem.NOT_ALONE:
            return None  # "84k pizza/beer"
        if error.problem is Problem.NOT_A_NUMBER and may_be_name:
            return None  # "@bob 84k/4"
        raise
    if amount_msat == 0:
        refuse(Problem.SUM_MISSING, EXAMPLE)
    return amount_msat


def _parse(text: str, read: Callable[[str], T]) -> T:
    """What `read` makes of an amount, and for one that it refuses an example that is a bill."""
    try:
        return read(text)
    except AmountRefused as error:
        if error.problem == Problem.ZERO:  # whose sentence speaks of any amount
            refuse(Problem.SUM_MISSING, EXAMPLE)
        raise with_example(error, _as_bill(str(error.values["example"]))) from None


def _as_bill(example: str) -> str:
    """An example of an amount as one of a bill."""
    try:
        return _example(example)
    except AmountRefused:  # it has a memo
        return EXAMPLE


def _example(amount: str, count: int = 4, memo: str = "") -> str:
    """A bill of this amount, or another one where that cannot be parted so."""
    is_possible = MIN_SEATS <= count <= MAX_SEATS and parse_amount(amount) >= 1000 * count
    return f"{amount}/{count}{memo}" if is_possible else EXAMPLE


def _count(amount: str, written: str, *, is_apart: bool) -> int:
    digits = in_our_digits(written)
    if not digits.isascii() or not digits.isdecimal():
        refuse(Problem.COUNT_UNREADABLE, _example(amount), shown=quotable(written))
    count = int(digits.lstrip("0")[:9] or "0")
    if is_apart:
        refuse(Problem.COUNT_APART, _example(amount, count))
    if not MIN_SEATS <= count <= MAX_SEATS:
        refuse(Problem.COUNT_OUT_OF_RANGE, _example(amount), least=MIN_SEATS, most=MAX_SEATS)
    return count


def described(every: Sequence[int]) -> str:
    """`21,000 sats each`, or `2 at 28,001 sats, 1 at 28,000 sats` where the parts, in millisatoshi,
    differ."""
    counted = [
        (len(list(same)), format_sats(each))
        for each, same in itertools.groupby(sorted(every, reverse=True))
    ]
    if len(counted) == 1:
        return f"{counted[0][1]} each"
    return ", ".join(f"{number} at {amount}" for number, amount in counted)
