"""Amounts: what people write, and millisatoshi. Knows only our errors.

What is taken, whatever the case of its letters::

    2100   2,100   2_100             sats; a comma or an underscore between groups of three digits
    21k   2.1k   1.5m                thousands and millions of sats
    2100 sats   2100sat   21k sats   the unit may stand apart
    0.0005 btc   ₿0.0005             BTC, down to the sat
    any                              the payer chooses; 0 in millisatoshi

Nothing is guessed: what could be read in two ways is refused, with an example that works.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple, NoReturn

from bot.errors import AmountRefused

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

# tried from the top on a word that is no number; {} is the word
_MALFORMED = (
    (r"\D*", "{} is not an amount, and the amount comes first", "2100 pizza"),
    (rf"{_MINUS}\D?\d.*", "An amount can't be negative: write it without the minus", "2100"),
    (r"\+.*", "An amount needs no plus: write it without", "2100"),
    (r"(?i:0[xob][0-9a-f]+)", "{} is not taken: write the amount in ordinary digits", "2100"),
    (r"(?i:[\d.,_]+e[-+]?\d+)", "{} is not taken: write all digits of the amount", "21,000"),
    (r"[1-9]\d?\d?(\.\d{3}){2,}", "{} has dots between its digits: write commas", "1,000,000"),
    (
        r"₿?[\d.,_]*[,_][\d.,_]*[^\W\d_]*",
        "{} is unclear: commas stand between groups of three digits, a dot before a fraction",
        "2,100 or 2.1k",
    ),
    (r".*", "{} can't be read as an amount: write a plain number", "2100"),
)

# nothing is ever rounded: it would raise
_EXACT = Context(prec=2 * _LONGEST_WORD, traps=[Inexact, InvalidOperation])


class _Number(NamedTuple):
    text: str  # as written, with its unit
    value: Decimal
    unit: str  # a key of _SHORT or _UNITS, or "" where none was written
    sats_each: int


def parse(text: str, *, min_sats: int, max_sats: int) -> tuple[int, str]:
    """What stands behind the command: the amount in msat (0 for any), and the memo.

    The memo is the rest of the message, stripped at both ends, its newlines kept.
    Raises AmountRefused.
    """
    amount_msat, memo = _split(text)
    check_range(amount_msat, min_sats=min_sats, max_sats=max_sats)
    return amount_msat, memo


def parse_amount(text: str) -> int:
    """An amount with nothing behind it, in msat (0 for any); its range is not checked.

    Raises AmountRefused.
    """
    amount_msat, memo = _split(text)
    if memo:
        _refuse(f"{_quoted(memo)} is not part of an amount: write the amount alone", "2100")
    return amount_msat


def check_range(amount_msat: int, *, min_sats: int, max_sats: int) -> None:
    """Raises AmountRefused unless the amount is within the limits, or any (0)."""
    if amount_msat == 0:
        return
    if amount_msat < min_sats * 1000:
        least = format_sats(min_sats * 1000)
        raise AmountRefused(f"That is too little to ask for here: write at least {least}.")
    if amount_msat > max_sats * 1000:
        most = format_sats(max_sats * 1000)
        raise AmountRefused(f"That is too much to ask for here: write at most {most}.")


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
        _refuse("The amount is missing: write how many sats", "2100")
    if word.casefold() == "any":
        next_word, memo = _first_word(rest)
        return 0, memo if next_word.casefold() == "amount" else rest
    _refuse_unreadable(word)
    if _SUM.match(text):
        _refuse("This bot does no sums: write the amount as one number", "2100")
    number = _number(word)
    if number.unit in _UNITS:
        return _msat(number), rest
    return _with_unit_apart(number, rest)


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
        _refuse(f"{_quoted(word)} could be BTC or sats: write the unit in letters", "21 sats")
    unit = symbol or suffix.casefold()
    if unit and unit not in _SHORT and unit not in _UNITS:
        _refuse_doubtful_unit(suffix, shown=word)
        _refuse(f"{_quoted(word)} needs a space between the amount and the memo", "2100 pizza")
    value = Decimal(re.sub("[,_]", "", whole) + fraction)
    return _Number(word, value, unit, _SHORT.get(unit) or _UNITS.get(unit, 1))


def _with_unit_apart(number: _Number, rest: str) -> tuple[int, str]:
    """The amount in msat and the memo; the first word of `rest` may be the unit."""
    next_word, after = _first_word(rest)
    both = f"{number.text} {next_word}"
    unit = _plain(next_word)
    if unit in _SAT_WORDS or (unit in _UNITS and not number.unit):
        return _msat(_Number(both, number.value, unit, number.sats_each * _UNITS[unit])), after
    if unit in _UNITS:
        _refuse(
            f"{_quoted(both)} is unclear, since k and m count sats: write BTC out", "0.0005 btc"
        )
    _refuse_doubtful_unit(next_word, shown=both)
    goes_on = number.unit or _PERHAPS_GOES_ON.fullmatch(number.text)
    if goes_on and _PERHAPS_THE_REST.match(_visible(next_word)):
        _refuse(f"{_quoted(both)} could be one number or two: write no spaces in it", "21,000")
    return _msat(number), rest


def _msat(number: _Number) -> int:
    quoted = _quoted(number.text)
    # k, m and BTC often have fractions; sats have none, so 1.000 may well be a thousand
    grouped = _PERHAPS_GROUPED.match(number.text) and number.value.as_tuple().exponent == -3
    if grouped and number.sats_each == 1:
        thousands = number.value.scaleb(3, _EXACT)
        question = f"{quoted} could be {number.value.normalize(_EXACT):,f} or {thousands:,f}"
        _refuse(f"{question}: write it without the dot", f"{thousands:f}")
    sats = _EXACT.multiply(number.value, Decimal(number.sats_each))
    if sats == 0:
        _refuse("The amount can't be zero: to leave it to the payer, write any", "any pizza")
    if sats != sats.to_integral_value():
        what = "less than a sat" if sats < 1 else "not a whole number of sats"
        if not number.unit:
            _refuse(f"{quoted} is {what}: if it is BTC, write so", "0.0005 btc")
        _refuse(f"{quoted} is {what}, and a sat can't be split", "2100 sats")
    return int(sats) * 1000


def _refuse_unreadable(word: str) -> None:
    if len(word) > _LONGEST_WORD:
        _refuse(
            "That is too long for an amount: write the amount first, then a space", "2100 pizza"
        )
    if _visible(word) != word:
        _refuse("The amount holds a character that can't be seen: type it again", "2100")
    if any(letter.isnumeric() and not letter.isascii() for letter in word):
        _refuse("Amounts take the digits 0 to 9 only: write it with them", "2100")


def _refuse_malformed(word: str) -> NoReturn:
    letters = re.sub(r"[\d.,_]", "", word).casefold()
    if letters in _MONEY or any(map(_is_money_sign, word)):
        _refuse_money(word)
    lead = re.split(r"\d", word, maxsplit=1)[0].casefold()
    if lead in _UNITS and (lead != "₿" or word == lead):
        _refuse("The unit comes behind the number", "2100 sats")
    for pattern, sentence, example in _MALFORMED:
        if re.fullmatch(pattern, word):
            _refuse(sentence.format(_quoted(word)), example)
    raise AssertionError("the last pattern takes every word")


def _refuse_doubtful_unit(word: str, *, shown: str) -> None:
    """Raises AmountRefused if this word, behind a number, might change what it counts."""
    plain = _plain(word)
    # "sats/pizza" begins with a unit; "k-pop" is a memo
    lead = re.split(r"[\W\d_]", plain, maxsplit=1)[0]
    units = {plain, lead} if len(lead) > 2 else {plain}
    signs = not any(letter.isdigit() for letter in plain) and any(map(_is_money_sign, plain))
    if units & _MONEY or word in _MONEY_IN_CAPITALS or signs:
        _refuse_money(shown)
    if units & _BELOW_A_SAT:
        _refuse("Millisats are not taken: write whole sats", "2100 sats")
    if units & _MULTIPLES:
        _refuse(f"{_quoted(shown)} is unclear: write k or m right behind the number", "21k")
    if units & (_OTHER_UNITS | _UNITS.keys()) or "₿" in plain:
        _refuse(
            f"{_quoted(shown)} is unclear: write sats or btc, and then the memo", "5 sats pizza"
        )


def _refuse_money(shown: str) -> NoReturn:
    _refuse(f"{_quoted(shown)} can't be asked for: only sats and BTC are taken", "2100 sats")


def _refuse(sentence: str, example: str) -> NoReturn:
    raise AmountRefused(f"{sentence}, for example {example}.")


def _is_money_sign(letter: str) -> bool:
    return unicodedata.category(letter) == "Sc" and letter != "₿"


def _plain(word: str) -> str:
    """As a unit is compared: no punctuation around it, no capitals, nothing invisible."""
    return unicodedata.normalize("NFKC", _visible(word)).casefold().strip(".,:;!?()[]{}\"'")


def _visible(text: str) -> str:
    # C: control, format (among them every direction mark), surrogate, private, unassigned
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")


def _quoted(text: str) -> str:
    shown = _visible(" ".join(text.split()))
    return f'"{shown}"' if 0 < len(shown) <= _LONGEST_WORD else "This"
