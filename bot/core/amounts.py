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
from enum import StrEnum
from itertools import takewhile
from typing import NoReturn

from bot.core.amount_numbers import (
    ALL_SATS,
    ALONE,
    ENDS_IN_A_GROUP,
    EXACT,
    FROM_ZERO,
    LONGEST_WORD,
    NUMBER,
    RATIO,
    THREE,
    Number,
    amount_at_start,
    digits_at_start,
    first_word,
    in_digits,
    in_our_digits,
    in_sats,
    matched,
    short,
    value_of,
    with_commas,
    working,
)
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
    QUOTES,
    SAT_WORDS,
    SEPARATORS,
    SHORT,
    UNITS,
    is_money_sign,
    is_unit,
    is_visible,
    plain,
    seen,
    visible,
)
from bot.errors import AmountRefused, Value


class Problem(StrEnum):
    """Why an amount is refused.

    The values of the refusal are those named here: `shown` is what was written, "" where that is
    too long to be shown. All but the last two have an `example` as well, which `parse` takes.
    """

    MISSING = "missing"
    NOT_A_NUMBER = "not a number"  # shown
    NEGATIVE = "negative"  # shown
    PLUS = "plus"  # shown
    QUOTES = "quotes"  # shown
    NOT_DECIMAL = "not decimal"  # shown
    EXPONENT = "exponent"  # shown
    DOTS = "dots"  # shown
    COMMAS = "commas"  # shown
    UNREADABLE = "unreadable"  # shown
    UNIT_FIRST = "unit first"
    SUM = "sum"
    RANGE = "range"  # shown
    PERCENT = "percent"  # shown
    FRACTION = "fraction"  # shown
    BTC_OR_SATS = "btc or sats"  # shown
    NO_SPACE = "no space"  # shown
    BTC_WITH_MULTIPLIER = "btc with multiplier"  # shown
    ONE_OR_TWO_NUMBERS = "one or two numbers"  # shown
    FRACTION_OR_THOUSANDS = "fraction or thousands"  # shown, fewer and more: the two readings
    ZERO = "zero"
    BELOW_A_SAT = "below a sat"  # shown
    BELOW_A_SAT_OR_BTC = "below a sat or btc"  # shown; no unit was written
    PARTS_OF_A_SAT = "parts of a sat"  # shown
    PARTS_OF_A_SAT_OR_BTC = "parts of a sat or btc"  # shown; no unit was written
    TOO_LONG = "too long"
    INVISIBLE = "invisible"
    OTHER_DIGITS = "other digits"
    OTHER_CURRENCY = "other currency"  # shown
    MILLISATS = "millisats"
    MEGA_OR_MILLI = "mega or milli"  # shown
    SEPARATE_MULTIPLIER = "separate multiplier"  # shown
    UNCLEAR_UNIT = "unclear unit"  # shown
    NOT_ALONE = "not alone"  # shown: what follows the amount
    TOO_LITTLE = "too little"  # limit_sats
    TOO_MUCH = "too much"  # limit_sats


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
    amount_msat, memo = _split(text)
    check_range(amount_msat, min_sats=min_sats, max_sats=max_sats)
    return amount_msat, memo


def parse_amount(text: str) -> int:
    """An amount that nothing follows, in msat (0 for any); its range is not checked.

    Raises `AmountRefused`.
    """
    amount_msat, memo = _split(text)
    if memo:
        example = f"{amount_msat // 1000:,}" if amount_msat else "any"
        _refuse(Problem.NOT_ALONE, example, shown=_shown(memo))
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
    """`2,100 sats`, `1 sat`, `2,100.5 sats`; `any amount` for 0. Exact to the millisatoshi."""
    if amount_msat == 0:
        return "any amount"
    sats, msat = divmod(amount_msat, 1000)
    fraction = f".{msat:03}".rstrip("0") if msat else ""
    return f"{sats:,}{fraction} sat{'' if amount_msat == 1000 else 's'}"


def _split(text: str) -> tuple[int, str]:
    text = text.strip()
    word, rest = first_word(text)
    if not word:
        _refuse(Problem.MISSING, "2100")
    if word.casefold() == "any":
        next_word, memo = first_word(rest)
        return 0, memo if next_word.casefold() == "amount" else rest
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
        _refuse(Problem.BTC_OR_SATS, in_sats(number.value, "21 sats"), shown=_shown(word))
    if number.unit and number.unit not in SHORT and number.unit not in UNITS:
        _refuse_doubtful_unit(suffix, number.value, shown=word)
        _refuse(Problem.NO_SPACE, in_sats(number.value, "2100", " pizza"), shown=_shown(word))
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
        _refuse(Problem.BTC_WITH_MULTIPLIER, example, shown=_shown(both))
    # what can't be seen may hide a unit or digits
    if after and not seen(next_word).strip():
        _refuse(Problem.INVISIBLE, working(number.text, "2100"))
    _refuse_doubtful_unit(next_word, number.sats, shown=both)
    _refuse_parts(number, rest)
    _refuse_more_digits(number, rest)
    return _msat(number), rest


def _whole(number: Number, rest: str) -> tuple[int, str]:
    """The amount in msat and the memo, which is not more of it: "1 btc 5000 sats"."""
    more = amount_at_start(rest)
    if more is not None and more.sats_each < number.sats_each:
        _refuse(Problem.SUM, in_sats(number.sats + more.sats, "2100 sats"))
    return _msat(number), rest


def _refuse_parts(number: Number, rest: str) -> None:
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
    shown = _shown(f"{number.text} {' '.join(rest.split(None, 4)[: words.index(part) + 1])}")
    each = number.sats_each * (MULTIPLES.get(unit) or UNITS.get(unit, 1))
    under = int(ratio["under"]) if ratio else 0
    value = number.value + (Decimal(int(ratio["over"])) / under if ratio and under else 0)
    _refuse(Problem.FRACTION, in_sats(value * each, "21 sats"), shown=shown)


def _refuse_more_digits(number: Number, rest: str) -> None:
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
    shown = _shown(f"{number.text} {look[:first]}{' '.join(threes or run)}")
    start = re.sub("[,_]", "", number.text)
    tail = (f" {unit}" if unit in UNITS else unit) if threes in ([], groups) else ""
    joined = f"{start}{'.' if first else ''}{''.join(threes or groups)}"
    example = with_commas(f"{joined}{tail if unit in UNITS or unit in SHORT else ''}", "")
    is_one = (threes or from_zero or first) and not number.unit and "." not in start
    example = (is_one and example) or in_sats(number.sats, "21,000")
    _refuse(Problem.ONE_OR_TWO_NUMBERS, example, shown=shown)


def _msat(number: Number) -> int:
    shown = _shown(number.text)
    if number.is_perhaps_grouped:
        thousands = number.value.scaleb(3, EXACT)
        fewer, more = f"{number.value.normalize(EXACT):,f}", f"{thousands:,f}"
        example = f"{thousands:f}"
        _refuse(Problem.FRACTION_OR_THOUSANDS, example, shown=shown, fewer=fewer, more=more)
    sats = number.sats
    if sats == 0:
        _refuse(Problem.ZERO, "any pizza")
    if sats != sats.to_integral_value():
        _refuse_parts_of_a_sat(number, sats)
    return int(sats) * 1000


def _refuse_parts_of_a_sat(number: Number, sats: Decimal) -> NoReturn:
    shown = _shown(number.text)
    whole = format_sats(1000 * max(1, int(sats)))
    if number.unit:
        problem = Problem.BELOW_A_SAT if sats < 1 else Problem.PARTS_OF_A_SAT
        _refuse(problem, whole, shown=shown)
    if sats < 1:
        example = working(f"{number.text} btc", "0.0005 btc")
        _refuse(Problem.BELOW_A_SAT_OR_BTC, example, shown=shown)
    _refuse(Problem.PARTS_OF_A_SAT_OR_BTC, whole, shown=shown)


def _refuse_unreadable(word: str) -> None:
    if len(word) > LONGEST_WORD:
        _refuse(Problem.TOO_LONG, "2100 pizza")
    if not is_visible(word):
        _refuse(Problem.INVISIBLE, working("".join(seen(word).split()), "2100"))
    if any(letter.isnumeric() and not letter.isascii() for letter in word):
        ours = in_our_digits(word)
        match = NUMBER.fullmatch(ours)
        if match and matched(match).unit not in {*UNITS, *SHORT}:
            _refuse_doubtful_unit(match["unit"], matched(match).value, shown=word)
        neutral = "1 sat" if "\u2044" in seen(word) else "2100"  # "½"
        _refuse(Problem.OTHER_DIGITS, working(ours, neutral))


def _refuse_range(text: str) -> None:
    match = _RANGE.match(text)
    if not match:
        return
    low, low_unit, high, high_unit = match.groups()
    goes_up = value_of(high, high_unit or low_unit) > value_of(low, low_unit or high_unit)
    # "2100 sats - 2200 Main Street" has said its amount
    if goes_up and (high_unit or not low_unit or low_unit.casefold() in SHORT):
        least, unit = (low, low_unit or "") if value_of(low, None) else (high, high_unit or "")
        example = with_commas(f"{least}{' ' * (unit in UNITS)}{unit}", "2100")
        _refuse(Problem.RANGE, example, shown=_shown(match.group()))


def _refuse_sum(text: str) -> None:
    match = _SUM.match(text)
    if not match:
        return
    first, unit, *others = match.groups()
    sign, second = filter(None, others)
    a, b = value_of(first, unit), Decimal(second)
    answer = a * b if sign.casefold() in _TIMES else a + b if sign.casefold() in _PLUS else a
    is_whole = re.match(r"\s|$", text[match.end() :])
    _refuse(Problem.SUM, in_sats(answer if is_whole else a, "2100", ""))


def _refuse_malformed(word: str, rest: str) -> NoReturn:
    letters = re.sub(r"[\d.,_]", "", word).casefold()
    if letters in MONEY or any(map(is_money_sign, word)):
        _refuse_money(word)
    lead, figures = re.fullmatch(r"(\D*)(.*)", word).groups()  # type: ignore[union-attr]
    lead = lead.casefold()
    if lead in UNITS and (lead != "₿" or word == lead):
        unit = "btc" if lead == "₿" else lead  # the sign itself goes before, without a space
        example = f"{figures or first_word(rest)[0]} {unit}"
        _refuse(Problem.UNIT_FIRST, working(example, "2100 sats"))
    unit = plain(first_word(rest)[0])
    shorts = {each: short for short, each in SHORT.items()}
    unit = f" {unit}" if unit in UNITS else shorts.get(MULTIPLES.get(unit, 0), "")
    for pattern, problem, neutral in _MALFORMED:
        if re.fullmatch(pattern, word):
            meant = in_digits(word, rest) if problem is Problem.NOT_A_NUMBER else None
            example = f"{meant} pizza" if meant else _mended(problem, word, neutral, unit)
            if problem is Problem.COMMAS and example.endswith((" sat", " sats")) and not unit:
                problem = Problem.PARTS_OF_A_SAT_OR_BTC  # "1,5"
            _refuse(problem, example, shown=_shown(word))
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


def _refuse_doubtful_unit(word: str, count: Decimal, *, shown: str) -> None:
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
        _refuse_money(shown)
    if said[:1] in ("%", "\u2030") or not PERCENT.isdisjoint(units):
        _refuse(Problem.PERCENT, in_sats(count, "2100", ""), shown=_shown(shown))
    for unit in units:
        if unit in MULTIPLES:
            example = short(count * MULTIPLES[unit], "21k")
            _refuse(Problem.SEPARATE_MULTIPLIER, example, shown=_shown(shown))
        if named := NAMED.fullmatch(unit):
            is_mega = "M" in seen(word).partition("s")[0]
            _refuse_named(named, count, is_mega=is_mega, shown=shown)
    if "₿" in said:
        example = working(f"{count:f} btc", "5 sats")
        _refuse(Problem.UNCLEAR_UNIT, f"{example} pizza", shown=_shown(shown))


def _refuse_named(named: re.Match[str], count: Decimal, *, is_mega: bool, shown: str) -> NoReturn:
    prefix, name = named["prefix"], named["name"]
    sats = count * NAMES[name] * Decimal(10) ** PREFIXES.get(prefix, 0)
    if prefix == "m" and is_mega and NAMES[name] == 1:
        _refuse(Problem.MEGA_OR_MILLI, short(count * 10**6, "1m"), shown=_shown(shown))
    if NAMES[name] == 1 and PREFIXES.get(prefix, 0) < 0:
        _refuse(Problem.MILLISATS, format_sats(1000 * max(1, int(min(sats, Decimal(ALL_SATS))))))
    example = working(f"{count:f} btc", "5 sats") if name in BITCOIN and not prefix else ""
    example = example or in_sats(sats, "5 sats")
    _refuse(Problem.UNCLEAR_UNIT, f"{example} pizza", shown=_shown(shown))


def _refuse_money(word: str) -> NoReturn:
    _refuse(Problem.OTHER_CURRENCY, "2100 sats", shown=_shown(word))


def _refuse(problem: Problem, example: str, **values: Value) -> NoReturn:
    raise AmountRefused(problem, example=example, **values)


def _shown(text: str) -> str:
    """Written words as a sentence can quote them, "" where they are too long for that.

    The sentence has quotation marks of its own.
    """
    words = (AROUND_QUOTES.sub("", visible(word)) for word in text.split())
    shown = " ".join(filter(None, words))
    return shown if len(shown) <= LONGEST_WORD else ""
