"""What follows a number and may change it. Knows the words and the numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import takewhile
from typing import NoReturn

from bot.core.amount_numbers import (
    ALL_SATS,
    ALONE,
    ENDS_IN_A_GROUP,
    FROM_ZERO,
    LONGEST_WORD,
    RATIO,
    THREE,
    Number,
    digits_at_start,
    in_sats,
    short,
    with_commas,
    working,
)
from bot.core.amount_problems import Problem, quotable, refuse
from bot.core.amount_words import (
    AND,
    AROUND_QUOTES,
    ARTICLES,
    BITCOIN,
    MONEY,
    MONEY_IN_CAPITALS,
    MULTIPLES,
    NAMED,
    NAMES,
    PARTS,
    PERCENT,
    PREFIXES,
    SHORT,
    UNITS,
    is_money_sign,
    is_unit,
    plain,
    seen,
)


def refuse_parts(number: Number, rest: str) -> None:
    """Raises `AmountRefused` for "1 1/2", "1 half btc" and "2 and a half"."""
    words = [plain(word) for word in rest.split(None, 4)[:4]]
    part, unit = [*(word for word in words if word not in AND | ARTICLES), "", ""][:2]
    ratio = RATIO.fullmatch(part)
    if not ratio and part not in PARTS:
        return
    unit = (ratio and ratio["unit"]) or unit
    perhaps_memo = unit and words[0] not in AND and not is_unit(unit) and unit not in MULTIPLES
    if perhaps_memo and not (ratio and ENDS_IN_A_GROUP.fullmatch(number.text)):
        return
    shown = quotable(f"{number.text} {' '.join(rest.split(None, 4)[: words.index(part) + 1])}")
    each = number.sats_each * (MULTIPLES.get(unit) or UNITS.get(unit, 1))
    under = int(ratio["under"]) if ratio else 0
    value = number.value + (Decimal(int(ratio["over"])) / under if ratio and under else 0)
    refuse(Problem.FRACTION, in_sats(value * each, "21 sats"), shown=shown)


def refuse_more_digits(number: Number, rest: str) -> None:
    """Raises `AmountRefused` if the digits that follow may belong to the number."""
    look = seen(rest)
    alone = ALONE.match(look)
    first = alone.end() if alone else 0
    words = [word[:LONGEST_WORD] for word in look[first:].split(None, 4)[:4]]
    run, unit = digits_at_start(words)
    groups = [word for word in run if re.search(r"\d", word)]
    if not groups:
        return
    goes_on = bool(number.unit or ENDS_IN_A_GROUP.fullmatch(number.text))
    threes = [*takewhile(THREE.match, groups)] if goes_on else []
    from_zero = any(map(FROM_ZERO.match, words[: len(run)]))
    is_last = goes_on or plain(look).endswith(unit)  # "2100 5k run" is a memo
    with_unit = is_unit(unit) or (unit in MULTIPLES and is_last)
    if not (threes or from_zero or with_unit or first or len(groups) > 1 or not unit):
        return
    shown = quotable(f"{number.text} {look[:first]}{' '.join(threes or run)}")
    start = re.sub("[,_]", "", number.text)
    tail = (f" {unit}" if unit in UNITS else unit) if threes in ([], groups) else ""
    joined = f"{start}{'.' if first else ''}{''.join(threes or groups)}"
    example = with_commas(f"{joined}{tail if unit in UNITS or unit in SHORT else ''}", "")
    is_one = (threes or from_zero or first) and not number.unit and "." not in start
    example = (is_one and example) or in_sats(number.sats, "21,000")
    refuse(Problem.ONE_OR_TWO_NUMBERS, example, shown=shown)


def refuse_doubtful_unit(word: str, count: Decimal, *, shown: str) -> None:
    """Raises `AmountRefused` if this word, after a number, might change what it counts."""
    said = plain(word)
    # "sats/pizza" begins with a unit; "k-pop" is a memo
    lead = re.split(r"[\W\d_]", said, maxsplit=1)[0]
    is_word = len(lead) > 2 or said[len(lead) :][:1] in tuple(",;:/!?)")
    units = [said, AROUND_QUOTES.sub("", said).strip("*_~|"), *([lead] if is_word else [])]
    first, _, second = said.partition("-")
    units += [first] if first in MULTIPLES and is_unit(second) else []
    signs = not any(letter.isdigit() for letter in said) and any(map(is_money_sign, said))
    if not MONEY.isdisjoint([*units, said.removeprefix("k")]) or word in MONEY_IN_CAPITALS or signs:
        refuse_money(shown)
    if said[:1] in ("%", "\u2030") or not PERCENT.isdisjoint(units):
        refuse(Problem.PERCENT, in_sats(count, "2100", ""), shown=quotable(shown))
    for unit in units:
        if unit in MULTIPLES:
            example = short(count * MULTIPLES[unit], "21k")
            refuse(Problem.SEPARATE_MULTIPLIER, example, shown=quotable(shown))
        if named := NAMED.fullmatch(unit):
            is_mega = "M" in seen(word).partition("s")[0]
            _refuse_named(named, count, is_mega=is_mega, shown=shown)
    if "₿" in said:
        example = working(f"{count:f} btc", "5 sats")
        refuse(Problem.UNCLEAR_UNIT, f"{example} pizza", shown=quotable(shown))


def _refuse_named(named: re.Match[str], count: Decimal, *, is_mega: bool, shown: str) -> NoReturn:
    prefix, name = named["prefix"], named["name"]
    sats = count * NAMES[name] * Decimal(10) ** PREFIXES.get(prefix, 0)
    if prefix == "m" and is_mega and NAMES[name] == 1:
        refuse(Problem.MEGA_OR_MILLI, short(count * 10**6, "1m"), shown=quotable(shown))
    if NAMES[name] == 1 and PREFIXES.get(prefix, 0) < 0:
        refuse(Problem.MILLISATS, in_sats(min(sats, Decimal(ALL_SATS)), "1 sat"))
    example = working(f"{count:f} btc", "5 sats") if name in BITCOIN and not prefix else ""
    example = example or in_sats(sats, "5 sats")
    refuse(Problem.UNCLEAR_UNIT, f"{example} pizza", shown=quotable(shown))


def refuse_money(word: str) -> NoReturn:
    refuse(Problem.OTHER_CURRENCY, "2100 sats", shown=quotable(word))
