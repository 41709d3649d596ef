"""What follows a number and may change it. Knows the words and the numbers."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from itertools import takewhile
from typing import NoReturn

from bot.core.amount_joined import begins_with, joined
from bot.core.amount_money import (
    MONEY,
    MONEY_IN_CAPITALS,
    MONEY_IN_CAPITALS_AT_THE_END,
    MONEY_OF,
)
from bot.core.amount_numbers import (
    ALL_SATS,
    ALONE,
    ENDS_IN_A_GROUP,
    FROM_ZERO,
    LONGEST_WORD,
    NUMBER,
    RATIO,
    THREE,
    Number,
    digits_at_start,
    in_sats,
    matched,
    short,
    with_commas,
    working,
)
from bot.core.amount_problems import Problem, quotable, refuse
from bot.core.amount_words import (
    AND,
    AROUND_QUOTES,
    ARTICLES,
    BEFORE_A_UNIT,
    BITCOIN,
    DIVIDED,
    LOOKED_AT,
    MULTIPLES,
    MULTIPLES_IN_A_WORD,
    NAMED,
    NAMES,
    OF,
    ONES,
    PARTS,
    PERCENT,
    PERCENT_FIRST,
    PERCENT_SECOND,
    POINTS,
    PREFIXES,
    SHORT,
    TIMES,
    UNITS,
    folded,
    is_money,
    is_money_at_the_end,
    is_money_sign,
    is_sign,
    is_unit,
    lead_of,
    multiple_at_the_end,
    multiple_of,
    plain,
    power_of,
    seen,
    without_brackets,
    without_dots,
    without_signs_before,
)

_BEFORE = BEFORE_A_UNIT | MONEY_OF
_FEW = 4
_BETWEEN = re.compile(r"(?P<first>[^-./]+)(?P<sign>[-./])(?P<second>.*)", re.DOTALL)


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
    look = without_brackets(seen(rest))
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
    lead = lead_of(word)  # "sats/pizza" begins with a unit
    bare = without_signs_before(said).rstrip("*_~|")
    unquoted = AROUND_QUOTES.sub("", said).strip("*_~|")
    units = [each for each in (said, unquoted, bare, lead) if each]
    first, _, second = said.partition("-")
    units += [first] if multiple_of(first) and is_unit(second) else []
    units += begins_with(word)
    signs = not any(letter.isdigit() for letter in said) and any(map(is_money_sign, said))
    is_code = lead and word.strip(".,:;!?()[]{}\"'")[: len(lead)] in MONEY_IN_CAPITALS
    if any(map(is_money, [*units, said.removeprefix("k")])) or is_code or signs:
        refuse_money(shown)
    if said[:1] in ("%", "\u2030") or not PERCENT.isdisjoint(units):
        refuse(Problem.PERCENT, in_sats(count, "2100", ""), shown=quotable(shown))
    _refuse_multiples_in_a_word(said, count, shown=shown)
    if both := joined(said):
        factor, second = both
        if _is_other_money(second):
            refuse_money(shown)
        refuse(Problem.SEPARATE_MULTIPLIER, short(count * factor, "21k"), shown=quotable(shown))
    for unit in units:
        if factor := multiple_of(unit):
            refuse(Problem.SEPARATE_MULTIPLIER, short(count * factor, "21k"), shown=quotable(shown))
        if named := NAMED.fullmatch(unit) or NAMED.fullmatch(folded(unit)):
            is_mega = "M" in seen(word).partition("s")[0]
            _refuse_named(named, count, is_mega=is_mega, shown=shown)
    if "₿" in folded(said):
        example = working(f"{count:f} btc", "5 sats")
        refuse(Problem.UNCLEAR_UNIT, f"{example} pizza", shown=quotable(shown))


def refuse_doubtful_words(number: Number, rest: str) -> None:
    """Raises `AmountRefused` for "5 US dollars", "5 in btc", "5 ten thousand" and "5 per cent"."""
    words = _apart(rest[:LOOKED_AT].split(None, 4)[:4])
    said = [*map(plain, words), "", "", ""]
    shown = f"{number.text} {' '.join(words[:2])}"
    if said[0] in PERCENT_FIRST and said[1] in PERCENT_SECOND:
        refuse(Problem.PERCENT, in_sats(number.sats, "2100", ""), shown=quotable(shown))
    factor = multiple_at_the_end(said[0])
    after = [each for each in said[1:] if each not in OF][:1]
    if factor and any(map(_is_other_money, after)):
        refuse_money(shown)
    if factor and (not said[1] or is_unit(said[1]) or multiple_at_the_end(said[1])):
        example = short(number.sats * factor, "21k")
        refuse(Problem.SEPARATE_MULTIPLIER, example, shown=quotable(f"{number.text} {words[0]}"))
    is_code = words[:1] and words[0].strip(".,:;!?") in MONEY_IN_CAPITALS_AT_THE_END
    if (is_code or is_money_at_the_end(said[0])) and not said[1]:
        refuse_money(shown)
    if power := power_of(said[0]):
        example = short(number.sats * power, "21k")
        refuse(Problem.SEPARATE_MULTIPLIER, example, shown=quotable(f"{number.text} {words[0]}"))
    if said[0] in PREFIXES and is_unit(said[1]):  # "5 milli btc"
        refuse_doubtful_unit(f"{said[0]}{said[1]}", number.sats, shown=shown)
    refuse_times(number, rest)
    if said[0] in ONES and multiple_of(said[1]):
        example = in_sats(number.sats, "21k")
        refuse(Problem.SEPARATE_MULTIPLIER, example, shown=quotable(shown))
    if said[0] in POINTS and said[1] in ONES:
        example = in_sats(number.sats, "2100 sats")
        refuse(Problem.ONE_OR_TWO_NUMBERS, example, shown=quotable(shown))
    if re.fullmatch("(?=.*o)[0o]{3}", folded(said[0])):
        zeros = in_sats(number.sats * 1000, "21,000", "")
        refuse(Problem.ONE_OR_TWO_NUMBERS, zeros, shown=quotable(f"{number.text} {words[0]}"))
    _refuse_unit_after_others(number, words)


def _is_other_money(word: str) -> bool:
    """Whether it is one, also where nothing may follow it."""
    return is_money(word) or is_money_at_the_end(word) or any(map(is_money_sign, word))


def refuse_times(number: Number, rest: str) -> None:
    """Raises `AmountRefused` for "5 x three" and "100 sats divided by 3"."""
    said = [*map(plain, rest[:LOOKED_AT].split(None, 2)[:2]), "", ""]
    if said[0] in DIVIDED:
        refuse(Problem.SUM, in_sats(number.sats, "2100", ""))
    if said[0] in TIMES and said[1] in ONES:
        refuse(Problem.SUM, in_sats(number.sats * ONES.index(said[1]), "2100", ""))


def refuse_second_unit(number: Number, rest: str) -> None:
    """Raises `AmountRefused` if a unit or a part is all that follows: "5 sats thousand"."""
    words = rest[:LOOKED_AT].split(None, 4)
    if words and plain(words[0]) in AND and plain(words[-1]) in PARTS:
        refuse_parts(number, rest)  # "1 btc and a half"
    if len(words) != 1:
        return
    said = plain(words[0])
    shown = quotable(f"{number.text} {words[0]}")
    if factor := multiple_of(said):
        refuse(Problem.SEPARATE_MULTIPLIER, short(number.sats * factor, "21k"), shown=shown)
    if said in UNITS:
        example = f"{in_sats(number.sats, '5 sats')} pizza"
        refuse(Problem.UNCLEAR_UNIT, example, shown=shown)


def _refuse_unit_after_others(number: Number, words: list[str]) -> None:
    others = [*takewhile(_goes_before_a_unit, words)]
    if not 0 < len(others) < len(words):
        return
    unit = words[len(others)]
    shown = f"{number.text} {' '.join([*others, unit])}"
    is_money_only = any(without_dots(plain(each)) in MONEY_OF for each in others)
    is_of_money = is_money(plain(unit)) or is_money(lead_of(unit)) or any(map(is_money_sign, unit))
    if not is_money_only or is_of_money:
        refuse_doubtful_unit(unit, number.sats, shown=shown)


def refuse_unit_at_the_end(number: Number, rest: str) -> None:
    """Raises `AmountRefused` for "5 ratus ribu sats" in any language, and for "2 beers 5k"."""
    words = seen(rest[: LOOKED_AT + 1]).split()
    if number.unit or not 1 < len(words) <= _FEW or len(rest) > LOOKED_AT:
        return
    shown = f"{number.text} {' '.join(words)}"
    last = NUMBER.fullmatch(words[-1])
    amount = matched(last) if last else None
    if amount and amount.sats > number.sats and (amount.unit in SHORT or amount.unit in UNITS):
        refuse(Problem.ONE_OR_TWO_NUMBERS, in_sats(amount.sats, "2100 sats"), shown=quotable(shown))
    if is_unit(plain(words[-1])):
        example = f"{in_sats(number.sats, '5 sats')} pizza"
        refuse(Problem.UNCLEAR_UNIT, example, shown=quotable(shown))


def _goes_before_a_unit(word: str) -> bool:
    return is_sign(word) or without_dots(plain(word)) in _BEFORE


def _apart(words: list[str]) -> list[str]:
    """With "us-dollars" and "t.kr" as two words."""
    match = _BETWEEN.fullmatch(words[0]) if words else None
    if match is None or not match["second"]:
        return words
    first = plain(match["first"])
    is_of = match["sign"] == "-" and without_dots(first) in MONEY_OF
    second = plain(match["second"])
    is_two = is_of or (
        multiple_at_the_end(first) > 0 and (is_unit(second) or _is_other_money(second))
    )
    return [match["first"], match["second"], *words[1:]] if is_two else words


def _refuse_multiples_in_a_word(said: str, count: Decimal, *, shown: str) -> None:
    match = MULTIPLES_IN_A_WORD.match(said)
    after = said[match.end() :][:1] if match else ""
    is_korean = "HANGUL" in unicodedata.name(after or " ", "")  # "만두" is a dish
    if not match or (is_korean and not match["unit"]):
        return
    if match["unit"] in MONEY:
        refuse_money(shown)
    example = short(count * math.prod(map(multiple_of, match["multiples"])), "21k")
    refuse(Problem.SEPARATE_MULTIPLIER, example, shown=quotable(shown))


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
