"""Amounts are read exactly or refused with a sentence that helps; nothing is guessed."""

from __future__ import annotations

import re
import time
import unicodedata
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.amounts import check_range, format_sats, parse, parse_amount
from bot.errors import AmountRefused

MAX_SATS = 21_000_000 * 100_000_000

# text, sats (None: the payer chooses), memo
TAKEN = [
    ("1", 1, ""),
    ("2100", 2100, ""),
    ("2,100", 2100, ""),
    ("2_100", 2100, ""),
    ("1,000,000", 1_000_000, ""),
    ("1_000_000", 1_000_000, ""),
    ("0021", 21, ""),
    ("2100.0", 2100, ""),
    ("2100.00", 2100, ""),
    ("21k", 21_000, ""),
    ("21K", 21_000, ""),
    ("2.1k", 2100, ""),
    ("0.001k", 1, ""),
    ("1.234k", 1234, ""),
    ("2,100k", 2_100_000, ""),
    ("1.5m", 1_500_000, ""),
    ("1.5M", 1_500_000, ""),
    ("1.000001m", 1_000_001, ""),
    ("2100sats", 2100, ""),
    ("2100 sats", 2100, ""),
    ("2100 sat", 2100, ""),
    ("2100 SATS", 2100, ""),
    ("2,100 Satoshis", 2100, ""),
    ("21ksats", 21_000, ""),
    ("21k sats", 21_000, ""),
    ("1m sats", 1_000_000, ""),
    ("0.0005 btc", 50_000, ""),
    ("0.0005 BTC", 50_000, ""),
    ("0.0005btc", 50_000, ""),
    ("0.00000001 btc", 1, ""),
    ("1 btc", 100_000_000, ""),
    ("1.000 btc", 100_000_000, ""),
    ("20999999.99999999 btc", 2_099_999_999_999_999, ""),
    ("₿0.0005", 50_000, ""),
    ("₿1.5", 150_000_000, ""),
    ("0.0005₿", 50_000, ""),
    ("0.0005 ₿", 50_000, ""),
    ("any", None, ""),
    ("ANY", None, ""),
    ("any amount", None, ""),
    ("any pizza", None, "pizza"),
    ("any amount for the jar", None, "for the jar"),
    ("2100 pizza", 2100, "pizza"),
    ("  2100   pizza ", 2100, "pizza"),
    ("2100\u00a0pizza", 2100, "pizza"),
    ("2100\npizza\n\nwith  cheese\n", 2100, "pizza\n\nwith  cheese"),
    ("2100 sats pizza", 2100, "pizza"),
    ("2100 sats, pizza", 2100, "pizza"),
    ("2100 (sats) pizza", 2100, "pizza"),
    ("2100 sats 2 btc stickers", 2100, "2 btc stickers"),
    ("2100sats bitcoin meetup", 2100, "bitcoin meetup"),
    ("21k sats pizza", 21_000, "pizza"),
    ("0.0005 btc pizza", 50_000, "pizza"),
    ("0.0005 btc: pizza", 50_000, "pizza"),
    ("0.0005 \u200ebtc pizza", 50_000, "pizza"),
    ("21 2 pizzas", 21, "2 pizzas"),
    ("21 1000 thanks", 21, "1000 thanks"),
    ("2100 500 g of cheese", 2100, "500 g of cheese"),
    ("21 1/2 pizza", 21, "1/2 pizza"),
    ("21 ½ pizza", 21, "½ pizza"),
    ("21 k-pop tickets", 21, "k-pop tickets"),
    ("21 M&Ms", 21, "M&Ms"),
    ("2100 satellite dish", 2100, "satellite dish"),
    ("2100 try again", 2100, "try again"),
    ("2100 $5 voucher", 2100, "$5 voucher"),
    ("2100 - 2 pizzas", 2100, "- 2 pizzas"),
    ("2100 x pizza", 2100, "x pizza"),
    ("2100 🍕", 2100, "🍕"),
]

MISSING = "The amount is missing: write how many sats, for example 2100."
FIRST = " is not an amount, and the amount comes first, for example 2100 pizza."
BEHIND = "The unit comes behind the number, for example 2100 sats."
ZERO = "The amount can't be zero: to leave it to the payer, write any, for example any pizza."
NEGATIVE = "An amount can't be negative: write it without the minus, for example 2100."
PLUS = "An amount needs no plus: write it without, for example 2100."
IS_IT_BTC = "if it is BTC, write so, for example 0.0005 btc."
SPLIT = "and a sat can't be split, for example 2100 sats."
MILLISATS = "Millisats are not taken: write whole sats, for example 2100 sats."
MONEY = " can't be asked for: only sats and BTC are taken, for example 2100 sats."
COMMA = (
    " is unclear: commas stand between groups of three digits, a dot before a fraction,"
    " for example 2,100 or 2.1k."
)
DOTS = " has dots between its digits: write commas, for example 1,000,000."
SPACES = " could be one number or two: write no spaces in it, for example 21,000."
BEHIND_K = " is unclear: write k or m right behind the number, for example 21k."
UNIT = " is unclear: write sats or btc, and then the memo, for example 5 sats pizza."
SYMBOL = " could be BTC or sats: write the unit in letters, for example 21 sats."
SPACE = " needs a space between the amount and the memo, for example 2100 pizza."
SUMS = "This bot does no sums: write the amount as one number, for example 2100."
DIGITS = "Amounts take the digits 0 to 9 only: write it with them, for example 2100."
UNSEEN = "The amount holds a character that can't be seen: type it again, for example 2100."
LONG = (
    "That is too long for an amount: write the amount first, then a space, for example 2100 pizza."
)
PLAIN = " can't be read as an amount: write a plain number, for example 2100."
ORDINARY = " is not taken: write the amount in ordinary digits, for example 2100."
WRITTEN_OUT = " is not taken: write all digits of the amount, for example 21,000."

REFUSED = [
    ("", MISSING),
    (" \n ", MISSING),
    ("pizza", f'"pizza"{FIRST}'),
    ("pizza 2100", f'"pizza"{FIRST}'),
    ("two thousand", f'"two"{FIRST}'),
    ("nan", f'"nan"{FIRST}'),
    ("Infinity", f'"Infinity"{FIRST}'),
    ("any!", f'"any!"{FIRST}'),
    ("-", f'"-"{FIRST}'),
    ("<b>", f'"<b>"{FIRST}'),
    ("sats 2100", BEHIND),
    ("sats2100", BEHIND),
    ("BTC 0.0005", BEHIND),
    ("₿ 0.0005", BEHIND),
    ("0", ZERO),
    ("000", ZERO),
    ("0.0", ZERO),
    ("0k", ZERO),
    ("0 btc", ZERO),
    ("-5", NEGATIVE),
    ("-0.5 btc", NEGATIVE),
    ("\u22125", NEGATIVE),
    ("\u20135 pizza", NEGATIVE),
    ("--5", NEGATIVE),
    ("+5", PLUS),
    ("0.5", f'"0.5" is less than a sat: {IS_IT_BTC}'),
    ("0.500", f'"0.500" is less than a sat: {IS_IT_BTC}'),
    ("0.0005", f'"0.0005" is less than a sat: {IS_IT_BTC}'),
    ("1.5", f'"1.5" is not a whole number of sats: {IS_IT_BTC}'),
    ("2,100.5", f'"2,100.5" is not a whole number of sats: {IS_IT_BTC}'),
    ("1.5 sats", f'"1.5 sats" is not a whole number of sats, {SPLIT}'),
    ("2.1001k", f'"2.1001k" is not a whole number of sats, {SPLIT}'),
    ("0.0001k", f'"0.0001k" is less than a sat, {SPLIT}'),
    ("0.000000001 btc", f'"0.000000001 btc" is less than a sat, {SPLIT}'),
    ("₿0.000000001", f'"₿0.000000001" is less than a sat, {SPLIT}'),
    ("0.000000011btc", f'"0.000000011btc" is not a whole number of sats, {SPLIT}'),
    ("2100msat", MILLISATS),
    ("2100 msats", MILLISATS),
    ("1 millisat", MILLISATS),
    ("5 usd", f'"5 usd"{MONEY}'),
    ("5 USD for pizza", f'"5 USD"{MONEY}'),
    ("5usd", f'"5usd"{MONEY}'),
    ("usd 5", f'"usd"{MONEY}'),
    ("EUR5", f'"EUR5"{MONEY}'),
    ("$5", f'"$5"{MONEY}'),
    ("US$5", f'"US$5"{MONEY}'),
    ("-$5", f'"-$5"{MONEY}'),
    ("5€", f'"5€"{MONEY}'),
    ("5,50€", f'"5,50€"{MONEY}'),
    ("5 €", f'"5 €"{MONEY}'),
    ("5 $ tip", f'"5 $"{MONEY}'),
    ("5k euros", f'"5k euros"{MONEY}'),
    ("5 dollars, please", f'"5 dollars,"{MONEY}'),
    ("5 RUB", f'"5 RUB"{MONEY}'),
    ("1.000", '"1.000" could be 1 or 1,000: write it without the dot, for example 1000.'),
    ("1.000 sats", '"1.000 sats" could be 1 or 1,000: write it without the dot, for example 1000.'),
    ("21.500 x", '"21.500" could be 21.5 or 21,500: write it without the dot, for example 21500.'),
    (
        "1,234.000",
        '"1,234.000" could be 1,234 or 1,234,000: write it without the dot, for example 1234000.',
    ),
    ("1.000.000", f'"1.000.000"{DOTS}'),
    ("1.234.5", f'"1.234.5"{PLAIN}'),
    ("1,5k", f'"1,5k"{COMMA}'),
    ("1,5", f'"1,5"{COMMA}'),
    ("1,00", f'"1,00"{COMMA}'),
    ("1,0000", f'"1,0000"{COMMA}'),
    ("2100,000", f'"2100,000"{COMMA}'),
    ("0,001 btc", f'"0,001"{COMMA}'),
    ("1,5btc", f'"1,5btc"{COMMA}'),
    ("₿0,0005", f'"₿0,0005"{COMMA}'),
    ("1,000_000", f'"1,000_000"{COMMA}'),
    ("2__100", f'"2__100"{COMMA}'),
    ("2100, pizza", f'"2100,"{COMMA}'),
    ("1.000,00", f'"1.000,00"{COMMA}'),
    (",5", f'",5"{COMMA}'),
    ("1 000", f'"1 000"{SPACES}'),
    ("1 000 000 pizza", f'"1 000"{SPACES}'),
    ("1\u00a0000", f'"1 000"{SPACES}'),
    ("1\u202f000 sats", f'"1 000"{SPACES}'),
    ("1 000sats", f'"1 000sats"{SPACES}'),
    ("1 \u0660\u0660\u0660", f'"1 \u0660\u0660\u0660"{SPACES}'),
    ("21k 500", f'"21k 500"{SPACES}'),
    ("1 ,000", f'"1 ,000"{SPACES}'),
    ("1 .5 btc", f'"1 .5"{SPACES}'),
    ("1.0 000", f'"1.0 000"{SPACES}'),
    ("21 k", f'"21 k"{BEHIND_K}'),
    ("5 m rope", f'"5 m"{BEHIND_K}'),
    ("2 million", f'"2 million"{BEHIND_K}'),
    ("2 万", f'"2 万"{BEHIND_K}'),
    ("1 bitcoin", f'"1 bitcoin"{UNIT}'),
    ("1 mBTC", f'"1 mBTC"{UNIT}'),
    ("1 µBTC", f'"1 µBTC"{UNIT}'),
    ("500 bits", f'"500 bits"{UNIT}'),
    ("1 btc/pizza", f'"1 btc/pizza"{UNIT}'),
    ("1 ₿itcoin", f'"1 ₿itcoin"{UNIT}'),
    ("₿5", f'"₿5"{SYMBOL}'),
    ("₿2,100", f'"₿2,100"{SYMBOL}'),
    ("₿0.5k", f'"₿0.5k"{SYMBOL}'),
    (
        "21k btc",
        '"21k btc" is unclear, since k and m count sats: write BTC out, for example 0.0005 btc.',
    ),
    ("2100pizza", f'"2100pizza"{SPACE}'),
    ("21kg", f'"21kg"{SPACE}'),
    ("2x500", SUMS),
    ("2 x 500", SUMS),
    ("2100 x2", SUMS),
    ("100+50", SUMS),
    ("100 + 50", SUMS),
    ("100 - 50", SUMS),
    ("100-200 pizza", SUMS),
    ("1/2", SUMS),
    ("2\u00d7500", SUMS),
    ("1e3", f'"1e3"{WRITTEN_OUT}'),
    ("1.5E-3 btc", f'"1.5E-3"{WRITTEN_OUT}'),
    ("0x10", f'"0x10"{ORDINARY}'),
    ("0b1", f'"0b1"{ORDINARY}'),
    ("\u0662\u0661\u0660\u0660", DIGITS),
    ("\uff12\uff11\uff10\uff10", DIGITS),
    ("2100²", DIGITS),
    ("½", DIGITS),
    ("2万", DIGITS),
    ("\u200e2100", UNSEEN),
    ("\u202e0012", UNSEEN),
    ("21\u200b00", UNSEEN),
    ("21\x0000", UNSEEN),
    ("9" * 33, LONG),
    ("0." + "0" * 4000 + "1", LONG),
    ("p" * 33, LONG),
    (".5", f'".5"{PLAIN}'),
    ("5.", f'"5."{PLAIN}'),
    ("1'000", f'"1\'000"{PLAIN}'),
    ("~2100", f'"~2100"{PLAIN}'),
    ("#2100", f'"#2100"{PLAIN}'),
    ("<2100>", f'"<2100>"{PLAIN}'),
    ("12:30", f'"12:30"{PLAIN}'),
    ("2k1", f'"2k1"{PLAIN}'),
    ("9" * 31 + "?", f'"{"9" * 31}?"{PLAIN}'),
    ("9" * 25 + " dollars", f"This{MONEY}"),
]


@pytest.mark.parametrize(("text", "sats", "memo"), TAKEN)
def test_what_is_taken(text: str, sats: int | None, memo: str) -> None:
    assert parse(text, min_sats=1, max_sats=MAX_SATS) == ((sats or 0) * 1000, memo)


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_what_is_refused_and_why(text: str, sentence: str) -> None:
    with pytest.raises(AmountRefused) as refusal:
        parse(text, min_sats=1, max_sats=MAX_SATS)
    assert refusal.value.sentence == sentence


def test_the_tables_have_no_line_twice() -> None:
    texts = [text for text, *_ in TAKEN + REFUSED]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("sentence", sorted({sentence for _, sentence in REFUSED}))
def test_the_examples_of_a_refusal_are_taken(sentence: str) -> None:
    match = re.fullmatch(r".*, for example (.+)\.", sentence)
    assert match
    for words in match[1].split(" or "):
        parse(words, min_sats=1, max_sats=2_000_000)


def test_limits_are_told_with_a_figure_that_is_taken() -> None:
    limits = {"min_sats": 10, "max_sats": 1_000_000}
    assert parse("10", **limits) == (10_000, "")
    assert parse("1m", **limits) == (1_000_000_000, "")
    with pytest.raises(AmountRefused) as too_little:
        parse("9", **limits)
    with pytest.raises(AmountRefused) as too_much:
        parse("1,000,001 pizza", **limits)
    assert str(too_little.value) == "That is too little to ask for here: write at least 10 sats."
    assert str(too_much.value) == "That is too much to ask for here: write at most 1,000,000 sats."


def test_any_is_within_all_limits() -> None:
    check_range(0, min_sats=10, max_sats=20)
    assert parse("any", min_sats=10, max_sats=20) == (0, "")


def test_limits_count_millisatoshi() -> None:
    check_range(20_000, min_sats=10, max_sats=20)
    for amount_msat in (9_999, 20_001):
        with pytest.raises(AmountRefused):
            check_range(amount_msat, min_sats=10, max_sats=20)


def test_an_amount_alone_has_nothing_behind_it() -> None:
    assert parse_amount(" 2,100 sats ") == 2_100_000
    with pytest.raises(AmountRefused) as refusal:
        parse_amount("2100 pizza\nwith cheese")
    assert str(refusal.value) == (
        '"pizza with cheese" is not part of an amount: write the amount alone, for example 2100.'
    )


@pytest.mark.parametrize(
    ("amount_msat", "text"),
    [
        (0, "any amount"),
        (1, "0.001 sats"),
        (500, "0.5 sats"),
        (1000, "1 sat"),
        (1001, "1.001 sats"),
        (2_100_000, "2,100 sats"),
        (2_100_500, "2,100.5 sats"),
        (2_100_000_000_000_000_000, "2,100,000,000,000,000 sats"),
    ],
)
def test_how_amounts_are_printed(amount_msat: int, text: str) -> None:
    assert format_sats(amount_msat) == text


WHOLE_SATS = st.integers(min_value=0, max_value=MAX_SATS)


@given(WHOLE_SATS)
def test_what_is_printed_is_read_back(sats: int) -> None:
    assert parse_amount(format_sats(sats * 1000)) == sats * 1000


@given(WHOLE_SATS.filter(bool), st.sampled_from(["{} btc", "{}BTC", "{}₿", "₿{}", "{} ₿"]))
def test_btc_is_read_to_the_sat(sats: int, form: str) -> None:
    btc = f"{sats // 10**8}.{sats % 10**8:08}"
    assert parse_amount(form.format(btc)) == sats * 1000


@given(WHOLE_SATS.filter(bool), st.sampled_from([("k", 3), ("K sats", 3), ("m", 6), ("ksats", 3)]))
def test_thousands_and_millions_are_read_to_the_sat(sats: int, unit: tuple[str, int]) -> None:
    name, places = unit
    whole, fraction = divmod(sats, 10**places)
    assert parse_amount(f"{whole:,}.{fraction:0{places}}{name}") == sats * 1000


@given(st.integers(min_value=1, max_value=10**9), st.integers(min_value=1, max_value=999))
def test_a_fraction_of_a_sat_is_never_dropped(sats: int, msat: int) -> None:
    with pytest.raises(AmountRefused):
        parse_amount(format_sats(sats * 1000 + msat))


PIECES = st.one_of(
    st.sampled_from(["0", "1", "2", "21", "000", "100", "2100", "1.5", "0.0005", "1,000", "any"]),
    st.sampled_from(["sat", "sats", "msat", "bits", "btc", "BTC", "₿", "usd", "$", "amount", "e3"]),
    st.sampled_from([*".,_kmKM€-+x'/:()", "\u200e", "\u0661", "\u00b2", "pizza"]),
    st.sampled_from([" ", "  ", "\n", "\u00a0"]),
    st.text(max_size=3),
)
WRITTEN = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=8).map("".join))


@given(WRITTEN)
@example("1 btc")
@example("21k sats")
@example("₿0.0005 sats")
@example("1.500 btc")
def test_whatever_is_written_is_read_right_or_refused(text: str) -> None:
    answer = _answer(text)
    if isinstance(answer, str):
        assert re.fullmatch(r"[^\n\u200e]{20,160}\.", answer)
        return
    amount_msat, memo = answer
    assert amount_msat == _slowly_read(text, memo)
    assert text.strip().endswith(memo)
    assert memo == memo.strip()


def _answer(text: str) -> tuple[int, str] | str:
    try:
        return parse(text, min_sats=1, max_sats=MAX_SATS)
    except AmountRefused as refusal:
        return refusal.sentence


def _slowly_read(text: str, memo: str) -> int:
    """The amount in msat by another way: everything before the memo, letter by letter."""
    written = unicodedata.normalize("NFKC", text.strip().removesuffix(memo)).lower()
    written = "".join(c for c in written if c.isprintable() and c not in " :()[]{};!?\"'")
    if written in {"any", "anyamount"}:
        return 0
    digits, exponent, unit, seen_dot = 0, 0, "", False
    for letter in written.strip("₿").rstrip(",."):
        if letter in "0123456789" and not unit:
            digits = digits * 10 + "0123456789".index(letter)
            exponent -= seen_dot
        elif letter == "." and not unit and not seen_dot:
            seen_dot = True
        elif letter not in ",_":
            unit += letter
    unit = "btc" if "₿" in written else unit
    if unit.startswith("k"):
        exponent, unit = exponent + 3, unit[1:]
    elif unit.startswith("m"):
        exponent, unit = exponent + 6, unit[1:]
    exponent += {"": 0, "sat": 0, "sats": 0, "satoshi": 0, "satoshis": 0, "btc": 8}[unit]
    msat = Fraction(digits) * Fraction(10) ** exponent * 1000
    assert msat.denominator == 1
    assert msat % 1000 == 0
    return int(msat)


@pytest.mark.parametrize("start", ["", "1"])
@pytest.mark.parametrize("nonsense", ["9", " ", "1,", "\n-", " x"])
def test_ten_times_the_nonsense_costs_ten_times_the_time(start: str, nonsense: str) -> None:
    def cost_s(times: int) -> float:
        text = start + nonsense * times

        def once() -> float:
            began = time.process_time()
            _answer(text)
            return time.process_time() - began

        return min(once() for _ in range(5))

    # a square would make it a hundred
    assert cost_s(100_000) < 40 * (cost_s(10_000) + 1e-4)
