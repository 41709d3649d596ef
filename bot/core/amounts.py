"""Amounts: what people write, and millisatoshi. Knows only our errors, and no sentence.

What is accepted, in upper or lower case::

    2100   2,100   2_100             sats; a comma or an underscore between groups of three digits
    21k   2.1k   1.5m                thousands and millions of sats
    2100 sats   2100sat   21k sats   a space before the unit, or none
    0.0005 btc   ₿0.0005             BTC, down to the sat
    any                              the payer chooses; 0 in millisatoshi

Nothing is guessed: what could be read in two ways is refused, with an example that works.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from bot.core.amount_after import (
    refuse_doubtful_unit,
    refuse_doubtful_words,
    refuse_money,
    refuse_more_digits,
    refuse_parts,
    refuse_second_unit,
    refuse_times,
    refuse_unit_at_the_end,
)
from bot.core.amount_money import MONEY
from bot.core.amount_more import refuse_amount_alone, refuse_second_amount
from bot.core.amount_numbers import (
    EXACT,
    LONGEST_WORD,
    NUMBER,
    Number,
    first_word,
    in_digits,
    in_our_digits,
    in_sats,
    matched,
    value_of,
    with_commas,
    working,
)
from bot.core.amount_problems import Problem, quotable, refuse
from bot.core.amount_words import (
    LOOKED_AT,
    MULTIPLES,
    QUOTES,
    SAT_WORDS,
    SEPARATORS,
    SHORT,
    UNITS,
    is_money_sign,
    is_visible,
    plain,
    seen,
)
from bot.errors import AmountRefused

__all__ = ["Problem", "check_range", "format_sats", "parse", "parse_amount", "split_off"]

# every dash that a keyboard makes
_MINUS = r"[-\u2010-\u2015\u2212]"
_ONE = rf"([0-9]+(?:[,_][0-9]+)*(?:\.[0-9]+)?)(?:\s?({'|'.join([*SHORT, *UNITS])})(?!\w))?"
_SUM = re.compile(
    rf"(?!0x){_ONE}(?:(?:\s*([+*/^\u00d7\u00f7\u2715\u2716])[*/]?|\s*([x\u0445])(?=[\s0-9])"
    rf"|({_MINUS})|\s+(@|times|plus|minus|mal)\s)\s*([0-9]+)"
    rf"|(?:\s*({_MINUS})|\s+(and|&|und)\s|\s+(e)\+?)\s*([0-9]+)\S*$)",
    re.IGNORECASE,
)
# A range goes up: "2100 - 2 pizzas" and "2100 to 5 friends" are memos.
_RANGE = re.compile(
    rf"{_ONE}(?:\s*(?:{_MINUS}|\.\.+|\u2026|[~\u2192]|->)\s*"
    rf"|\s+(?:to|till|until|or|bis|oder|a|à|ou|o|до|или)\s+){_ONE}",
    re.IGNORECASE,
)

# tried from the top on a word that is no number
_MALFORMED = (
    (rf"[{QUOTES}]+\S*\d\S*|\S*\d\S*[{QUOTES}]+", Problem.QUOTES, "2100"),
    (r"\D*", Problem.NOT_A_NUMBER, "2100 pizza"),
    (r".*[%\u2030\uff05].*", Problem.PERCENT, "2100"),
    (rf"{_MINUS}\D?\d.*", Problem.NEGATIVE, "2100"),
    (r"\+.*", Problem.PLUS, "2100"),
    (r"(?i:0[xob][0-9a-f]+)", Problem.NOT_DECIMAL, "2100"),
    (r"(?i:[\d.,_]+e[-+]?\d+)", Problem.EXPONENT, "21,000"),
    (r"[1-9]\d?\d?(\.\d{3}){2,}", Problem.DOTS, "1,000,000"),
    (rf"₿?\d[\d{SEPARATORS}]*(?<![\d.])[\d{SEPARATORS}]*[^\W\d_]*", Problem.COMMAS, "2,100"),
    (r"₿?[\d.,_]*[,_][\d.,_]*[^\W\d_]*", Problem.COMMAS, "2,100"),
    (r".*", Problem.UNREADABLE, "2100"),
)

_PLUS = ("+", "plus", "and", "&", "und")
_TIMES = ("*", "x", "х", "×", "✕", "✖", "@", "times", "mal")


def parse(text: str, *, min_sats: int, max_sats: int) -> tuple[int, str]:
    """What follows a command: the amount in msat (0 for any), and the memo.

    The memo is the rest of the message, stripped at both ends, its newlines kept.
    Raises `AmountRefused`.
    """
    amount_msat, memo = split_off(text)
    check_range(amount_msat, min_sats=min_sats, max_sats=max_sats)
    return amount_msat, memo


def parse_amount(text: str) -> int:
    """An amount that nothing follows, in msat (0 for any); its range is not checked.

    Raises `AmountRefused`.
    """
    amount_msat, memo = split_off(text)
    if memo:
        example = f"{amount_msat // 1000:,}" if amount_msat else "any"
        refuse(Problem.NOT_ALONE, example, shown=quotable(memo))
    return amount_msat


def check_range(amount_msat: int, *, min_sats: int, max_sats: int) -> None:
    """Raises `AmountRefused` unless the amount is within the limits, or any (0)."""
    if amount_msat == 0:
        return
    if amount_msat < min_sats * 1000:
        raise AmountRefused(Problem.TOO_LITTLE, limit_sats=min_sats)
    if amount_msat > max_sats * 1000:
        raise AmountRefused(Problem.TOO_MUCH, limit_sats=max_sats)


def format_sats(amount_msat: int) -> str:
    """`2,100 sats`, `1 sat`, `2,100 sats and 1 msat`; `any amount` for 0. Exact.

    There are no fractions: `5.001 sats` could be five thousand.
    """
    if amount_msat == 0:
        return "any amount"
    sats, msat = divmod(amount_msat, 1000)
    whole = f"{sats:,} sat{'' if sats == 1 else 's'}" if sats else ""
    return " and ".join(filter(None, (whole, f"{msat} msat" if msat else "")))


def split_off(text: str) -> tuple[int, str]:
    """An amount in msat (0 for any), whose range is not checked, and the memo.

    Raises `AmountRefused`.
    """
    text = text.strip()
    word, rest = first_word(text)
    if not word:
        refuse(Problem.MISSING, "2100")
    if word.casefold() == "any":
        next_word, memo = first_word(rest)
        memo = memo if next_word.casefold() == "amount" else rest
        refuse_amount_alone(memo)
        return 0, memo
    _refuse_unreadable(word)
    _refuse_range(text)
    _refuse_sum(text)
    number = _number(word, rest)
    if number.unit in UNITS:
        return _whole(number, rest)
    return _with_separate_unit(number, rest)


def _number(word: str, rest: str) -> Number:
    match = NUMBER.fullmatch(word)
    if match is None:
        _refuse_malformed(word, rest)
    symbol, fraction, suffix = match.group("symbol", "fraction", "unit")
    number = matched(match)
    # some wallets put ₿ before a number of sats
    if symbol and (suffix or not fraction):
        refuse(Problem.BTC_OR_SATS, in_sats(number.value, "21 sats"), shown=quotable(word))
    if number.unit and number.unit not in SHORT and number.unit not in UNITS:
        refuse_doubtful_unit(suffix, number.value, shown=word)
        refuse(Problem.NO_SPACE, in_sats(number.value, "2100", " pizza"), shown=quotable(word))
    return number


def _with_separate_unit(number: Number, rest: str) -> tuple[int, str]:
    """The amount in msat and the memo; the first word of `rest` may be the unit."""
    next_word, after = first_word(rest)
    both = f"{number.text} {next_word}"
    unit = plain(next_word)
    if unit in SAT_WORDS or (unit in UNITS and not number.unit):
        return _whole(Number(both, number.value, unit, number.sats_each * UNITS[unit]), after)
    if unit in UNITS and UNITS[unit] > 1_000:
        example = working(f"{number.sats:,f} btc", "0.0005 btc")
        refuse(Problem.BTC_WITH_MULTIPLIER, example, shown=quotable(both))
    # what can't be seen may hide a unit or digits
    if after and not seen(next_word).strip():
        refuse(Problem.INVISIBLE, working(number.text, "2100"))
    refuse_doubtful_unit(next_word, number.sats, shown=both)
    refuse_doubtful_words(number, rest)
    refuse_parts(number, rest)
    refuse_more_digits(number, rest)
    refuse_second_amount(number, rest, has_unit=False)
    refuse_unit_at_the_end(number, rest)
    return _msat(number), rest


def _whole(number: Number, rest: str) -> tuple[int, str]:
    """The amount in msat and the memo, which is not more of it: "1 btc 5000 sats"."""
    refuse_second_amount(number, rest, has_unit=True)
    refuse_times(number, rest)
    refuse_second_unit(number, rest)
    return _msat(number), rest


def _msat(number: Number) -> int:
    shown = quotable(number.text)
    if number.is_perhaps_grouped:
        fewer, more = number.sats.normalize(EXACT), number.sats.scaleb(3, EXACT)
        likely = more if number.sats_each == 1 else fewer  # "1.500" and "1.500k"
        both = {"fewer": f"{fewer:,f}", "more": f"{more:,f}"}
        refuse(Problem.FRACTION_OR_THOUSANDS, f"{likely:f}", shown=shown, **both)
    sats = number.sats
    if sats == 0:
        refuse(Problem.ZERO, "any pizza")
    if sats != sats.to_integral_value():
        _refuse_parts_of_a_sat(number, sats)
    return int(sats) * 1000


def _refuse_parts_of_a_sat(number: Number, sats: Decimal) -> NoReturn:
    shown = quotable(number.text)
    whole = format_sats(1000 * max(1, int(sats)))
    if number.unit:
        problem = Problem.BELOW_A_SAT if sats < 1 else Problem.PARTS_OF_A_SAT
        refuse(problem, whole, shown=shown)
    if sats < 1:
        example = working(f"{number.text} btc", "0.0005 btc")
        refuse(Problem.BELOW_A_SAT_OR_BTC, example, shown=shown)
    refuse(Problem.PARTS_OF_A_SAT_OR_BTC, whole, shown=shown)


def _refuse_unreadable(word: str) -> None:
    if len(word) > LONGEST_WORD:
        refuse(Problem.TOO_LONG, "2100 pizza")
    if not is_visible(word):
        refuse(Problem.INVISIBLE, working("".join(seen(word).split()), "2100"))
    if any(letter.isnumeric() and not letter.isascii() for letter in word):
        ours = in_our_digits(word)
        match = NUMBER.fullmatch(ours)
        if match and matched(match).unit not in {*UNITS, *SHORT}:
            refuse_doubtful_unit(match["unit"], matched(match).value, shown=word)
        neutral = "1 sat" if "\u2044" in seen(word) else "2100"  # "½"
        refuse(Problem.OTHER_DIGITS, working(ours, neutral))


def _refuse_range(text: str) -> None:
    match = _RANGE.match(text[:LOOKED_AT])
    if not match:
        return
    low, low_unit, high, high_unit = match.groups()
    goes_up = value_of(high, high_unit or low_unit) > value_of(low, low_unit or high_unit)
    # "2100 sats - 2200 Main Street" has said its amount
    if goes_up and (high_unit or not low_unit or low_unit.casefold() in SHORT):
        least, unit = (low, low_unit or "") if value_of(low, None) else (high, high_unit or "")
        example = with_commas(f"{least}{' ' * (unit in UNITS)}{unit}", "2100")
        refuse(Problem.RANGE, example, shown=quotable(match.group()))


def _refuse_sum(text: str) -> None:
    match = _SUM.match(text[:LOOKED_AT])
    if not match:
        return
    first, unit, *others = match.groups()
    sign, second = filter(None, others)
    a, b = value_of(first, unit), Decimal(second)
    answer = a * b if sign.casefold() in _TIMES else a + b if sign.casefold() in _PLUS else a
    is_whole = re.match(r"\s|$", text[match.end() :])
    refuse(Problem.SUM, in_sats(answer if is_whole else a, "2100", ""))


def _refuse_malformed(word: str, rest: str) -> NoReturn:
    letters = re.sub(r"[\d.,_]", "", word).casefold()
    if letters in MONEY or any(map(is_money_sign, word)):
        refuse_money(word)
    lead, figures = re.fullmatch(r"(\D*)(.*)", word).groups()  # type: ignore[union-attr]
    lead = lead.casefold()
    if lead in UNITS and (lead != "₿" or word == lead):
        unit = "btc" if lead == "₿" else lead  # the sign itself goes before, without a space
        example = f"{figures or first_word(rest)[0]} {unit}"
        refuse(Problem.UNIT_FIRST, working(example, "2100 sats"))
    unit = plain(first_word(rest)[0])
    shorts = {each: short for short, each in SHORT.items()}
    unit = f" {unit}" if unit in UNITS else shorts.get(MULTIPLES.get(unit, 0), "")
    for pattern, problem, neutral in _MALFORMED:
        if re.fullmatch(pattern, word):
            meant = in_digits(word, rest) if problem is Problem.NOT_A_NUMBER else None
            example = f"{meant} pizza" if meant else _mended(problem, word, neutral, unit)
            if problem is Problem.COMMAS and example.endswith((" sat", " sats")) and not unit:
                problem = Problem.PARTS_OF_A_SAT_OR_BTC  # "1,5"
            refuse(problem, example, shown=quotable(word))
    raise AssertionError("the last pattern matches every word")


def _mended(problem: Problem, word: str, neutral: str, unit: str) -> str:
    """The word as it may be meant, where that can be told and is an amount."""
    if problem is Problem.NOT_DECIMAL:
        with suppress(ValueError):
            return in_sats(Decimal(int(word, 0)), neutral, "")
    if problem is Problem.EXPONENT and re.search(r"\d[eE]\+?\d{1,2}$", word):
        with suppress(InvalidOperation):
            return in_sats(Decimal(word), neutral, "")
    if problem in (Problem.COMMAS, Problem.DOTS):
        return with_commas(f"{word}{unit}", "") or with_commas(word, neutral)
    found = re.findall(r"[.,]?\d[\d.,_]*(?:[^\W\d_]+)?", word)
    if len(found) != 1:
        return neutral
    return with_commas(f"{found[0]}{unit}", "") or with_commas(found[0], neutral)
