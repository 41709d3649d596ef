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
import unicodedata
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import NamedTuple, NoReturn

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
    NOT_DECIMAL = "not decimal"  # shown
    EXPONENT = "exponent"  # shown
    DOTS = "dots"  # shown
    COMMAS = "commas"  # shown
    UNREADABLE = "unreadable"  # shown
    UNIT_FIRST = "unit first"
    SUM = "sum"
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
    SEPARATE_MULTIPLIER = "separate multiplier"  # shown
    UNCLEAR_UNIT = "unclear unit"  # shown
    NOT_ALONE = "not alone"  # shown: what follows the amount
    TOO_LITTLE = "too little"  # limit_sats
    TOO_MUCH = "too much"  # limit_sats


_LONGEST_WORD = 32

# sats in one of each
_SAT_WORDS = dict.fromkeys(("sat", "sats", "satoshi", "satoshis"), 1)
_SHORT = {"k": 1_000, "m": 1_000_000}
_UNITS = {
    **_SAT_WORDS,
    **dict.fromkeys(("ksat", "ksats"), 1_000),
    **dict.fromkeys(("btc", "₿"), 100_000_000),
}


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that change the amount if they are its unit. As the start of a memo they would make
# one sat of "1 bitcoin".
_BELOW_A_SAT = _words("msat msats msatoshi msatoshis millisat millisats millisatoshi millisatoshis")
_OTHER_UNITS = _words("bitcoin bitcoins xbt mbtc ubtc μbtc kbtc bit bits")
_MULTIPLES = _words(
    """k m mm mn hundred hundreds thousand thousands million millions mil mille mln mio bn billion
    billions lakh lakhs lac crore crores tsd tausend millionen тыс млн 百 千 万 萬 億 亿"""
)
_MONEY = _words(
    """usd eur gbp chf jpy cny inr brl cad aud nzd mxn ars clp ngn kes ghs zar pln czk huf sek nok
    dkk isk krw thb idr vnd uah ils aed hkd sgd twd usdt usdc eth ltc xmr
    dollar dollars buck bucks cent cents euro euros pound pounds quid pence yen yuan franc francs
    peso pesos reais rupee rupees ruble rubles rouble roubles zloty naira krona"""
)
# other words as well, so only in capitals
_MONEY_IN_CAPITALS = _words("COP PHP RUB TRY")

_NUMBER = re.compile(
    r"(?P<symbol>₿?)"
    r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?:_[0-9]{3})+|[0-9]+)"
    r"(?P<fraction>(?:\.[0-9]+)?)"
    r"(?P<unit>[^\W\d_]*|₿)"
)
_PERHAPS_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:[,_][0-9]{3})*\.[0-9]{3}")
_PERHAPS_GOES_ON = re.compile(r"(?:.*[^0-9])?[0-9]{1,3}")
_PERHAPS_THE_REST = re.compile(r"[.,'\u2019_]?\d{3}(?!\d)|[.,'\u2019_]\d")
_MINUS = r"[-\u2012-\u2015\u2212]"
_SUM = re.compile(
    r"(?!0x)[0-9][0-9.,_]*"
    rf"(?:(?:\s*[+*/\u00d7\u00f7]|\s*x(?=[\s0-9])|{_MINUS})\s*[0-9]|\s*{_MINUS}\s*[0-9]\S*$)",
    re.IGNORECASE,
)

# tried from the top on a word that is no number
_MALFORMED = (
    (r"\D*", Problem.NOT_A_NUMBER, "2100 pizza"),
    (rf"{_MINUS}\D?\d.*", Problem.NEGATIVE, "2100"),
    (r"\+.*", Problem.PLUS, "2100"),
    (r"(?i:0[xob][0-9a-f]+)", Problem.NOT_DECIMAL, "2100"),
    (r"(?i:[\d.,_]+e[-+]?\d+)", Problem.EXPONENT, "21,000"),
    (r"[1-9]\d?\d?(\.\d{3}){2,}", Problem.DOTS, "1,000,000"),
    (r"₿?[\d.,_]*[,_][\d.,_]*[^\W\d_]*", Problem.COMMAS, "2,100"),
    (r".*", Problem.UNREADABLE, "2100"),
)

# nothing is ever rounded: it would raise
_EXACT = Context(prec=2 * _LONGEST_WORD, traps=[Inexact, InvalidOperation])


class _Number(NamedTuple):
    text: str  # as written, with its unit
    value: Decimal
    unit: str  # a key of _SHORT or _UNITS, or "" where none was written
    sats_each: int


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
        _refuse(Problem.NOT_ALONE, "2100", shown=_shown(memo))
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
    word, rest = _first_word(text)
    if not word:
        _refuse(Problem.MISSING, "2100")
    if word.casefold() == "any":
        next_word, memo = _first_word(rest)
        return 0, memo if next_word.casefold() == "amount" else rest
    _refuse_unreadable(word)
    if _SUM.match(text):
        _refuse(Problem.SUM, "2100")
    number = _number(word)
    if number.unit in _UNITS:
        return _msat(number), rest
    return _with_separate_unit(number, rest)


def _first_word(text: str) -> tuple[str, str]:
    words = [*text.split(None, 1), "", ""]
    return words[0], words[1]


def _number(word: str) -> _Number:
    match = _NUMBER.fullmatch(word)
    if match is None:
        _refuse_malformed(word)
    symbol, whole, fraction, suffix = match.group("symbol", "whole", "fraction", "unit")
    # some wallets put ₿ before a number of sats
    if symbol and (suffix or not fraction):
        _refuse(Problem.BTC_OR_SATS, "21 sats", shown=_shown(word))
    unit = symbol or suffix.casefold()
    if unit and unit not in _SHORT and unit not in _UNITS:
        _refuse_doubtful_unit(suffix, shown=word)
        _refuse(Problem.NO_SPACE, "2100 pizza", shown=_shown(word))
    value = Decimal(re.sub("[,_]", "", whole) + fraction)
    return _Number(word, value, unit, _SHORT.get(unit) or _UNITS.get(unit, 1))


def _with_separate_unit(number: _Number, rest: str) -> tuple[int, str]:
    """The amount in msat and the memo; the first word of `rest` may be the unit."""
    next_word, after = _first_word(rest)
    both = f"{number.text} {next_word}"
    unit = _plain(next_word)
    if unit in _SAT_WORDS or (unit in _UNITS and not number.unit):
        return _msat(_Number(both, number.value, unit, number.sats_each * _UNITS[unit])), after
    if unit in _UNITS:
        _refuse(Problem.BTC_WITH_MULTIPLIER, "0.0005 btc", shown=_shown(both))
    _refuse_doubtful_unit(next_word, shown=both)
    goes_on = number.unit or _PERHAPS_GOES_ON.fullmatch(number.text)
    if goes_on and _PERHAPS_THE_REST.match(_visible(next_word)):
        _refuse(Problem.ONE_OR_TWO_NUMBERS, "21,000", shown=_shown(both))
    return _msat(number), rest


def _msat(number: _Number) -> int:
    shown = _shown(number.text)
    # k, m and BTC often have fractions; sats have none, so 1.000 may well be a thousand
    grouped = _PERHAPS_GROUPED.match(number.text) and number.value.as_tuple().exponent == -3
    if grouped and number.sats_each == 1:
        thousands = number.value.scaleb(3, _EXACT)
        fewer, more = f"{number.value.normalize(_EXACT):,f}", f"{thousands:,f}"
        example = f"{thousands:f}"
        _refuse(Problem.FRACTION_OR_THOUSANDS, example, shown=shown, fewer=fewer, more=more)
    sats = _EXACT.multiply(number.value, Decimal(number.sats_each))
    if sats == 0:
        _refuse(Problem.ZERO, "any pizza")
    if sats != sats.to_integral_value():
        if not number.unit:
            below, parts = Problem.BELOW_A_SAT_OR_BTC, Problem.PARTS_OF_A_SAT_OR_BTC
            _refuse(below if sats < 1 else parts, "0.0005 btc", shown=shown)
        below, parts = Problem.BELOW_A_SAT, Problem.PARTS_OF_A_SAT
        _refuse(below if sats < 1 else parts, "2100 sats", shown=shown)
    return int(sats) * 1000


def _refuse_unreadable(word: str) -> None:
    if len(word) > _LONGEST_WORD:
        _refuse(Problem.TOO_LONG, "2100 pizza")
    if _visible(word) != word:
        _refuse(Problem.INVISIBLE, "2100")
    if any(letter.isnumeric() and not letter.isascii() for letter in word):
        _refuse(Problem.OTHER_DIGITS, "2100")


def _refuse_malformed(word: str) -> NoReturn:
    letters = re.sub(r"[\d.,_]", "", word).casefold()
    if letters in _MONEY or any(map(_is_money_sign, word)):
        _refuse_money(word)
    lead = re.split(r"\d", word, maxsplit=1)[0].casefold()
    if lead in _UNITS and (lead != "₿" or word == lead):
        _refuse(Problem.UNIT_FIRST, "2100 sats")
    for pattern, problem, example in _MALFORMED:
        if re.fullmatch(pattern, word):
            _refuse(problem, example, shown=_shown(word))
    raise AssertionError("the last pattern matches every word")


def _refuse_doubtful_unit(word: str, *, shown: str) -> None:
    """Raises `AmountRefused` if this word, after a number, might change what it counts."""
    plain = _plain(word)
    # "sats/pizza" begins with a unit; "k-pop" is a memo
    lead = re.split(r"[\W\d_]", plain, maxsplit=1)[0]
    units = {plain, lead} if len(lead) > 2 else {plain}
    signs = not any(letter.isdigit() for letter in plain) and any(map(_is_money_sign, plain))
    if units & _MONEY or word in _MONEY_IN_CAPITALS or signs:
        _refuse_money(shown)
    if units & _BELOW_A_SAT:
        _refuse(Problem.MILLISATS, "2100 sats")
    if units & _MULTIPLES:
        _refuse(Problem.SEPARATE_MULTIPLIER, "21k", shown=_shown(shown))
    if units & (_OTHER_UNITS | _UNITS.keys()) or "₿" in plain:
        _refuse(Problem.UNCLEAR_UNIT, "5 sats pizza", shown=_shown(shown))


def _refuse_money(word: str) -> NoReturn:
    _refuse(Problem.OTHER_CURRENCY, "2100 sats", shown=_shown(word))


def _refuse(problem: Problem, example: str, **values: Value) -> NoReturn:
    raise AmountRefused(problem, example=example, **values)


def _is_money_sign(letter: str) -> bool:
    return unicodedata.category(letter) == "Sc" and letter != "₿"


def _plain(word: str) -> str:
    """As a unit is compared: no punctuation around it, no capitals, nothing invisible."""
    return unicodedata.normalize("NFKC", _visible(word)).casefold().strip(".,:;!?()[]{}\"'")


def _visible(text: str) -> str:
    # C: control, format (among them every direction mark), surrogate, private, unassigned
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")


def _shown(text: str) -> str:
    """Written words as a sentence can quote them, "" where they are too long for that."""
    shown = _visible(" ".join(text.split()))
    return shown if len(shown) <= _LONGEST_WORD else ""
