"""Amounts are read exactly or refused with an example that works; nothing is guessed."""

from __future__ import annotations

import re
import time
import unicodedata
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.amounts import Problem, check_range, format_sats, parse, parse_amount
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

# why it is refused, and the example that works
MISSING = (Problem.MISSING, "2100")
FIRST = (Problem.NOT_A_NUMBER, "2100 pizza")
UNIT_FIRST = (Problem.UNIT_FIRST, "2100 sats")
ZERO = (Problem.ZERO, "any pizza")
NEGATIVE = (Problem.NEGATIVE, "2100")
PLUS = (Problem.PLUS, "2100")
BELOW_OR_BTC = (Problem.BELOW_A_SAT_OR_BTC, "0.0005 btc")
PARTS_OR_BTC = (Problem.PARTS_OF_A_SAT_OR_BTC, "0.0005 btc")
BELOW = (Problem.BELOW_A_SAT, "2100 sats")
PARTS = (Problem.PARTS_OF_A_SAT, "2100 sats")
MILLISATS = (Problem.MILLISATS, "2100 sats")
MONEY = (Problem.OTHER_CURRENCY, "2100 sats")
COMMAS = (Problem.COMMAS, "2,100")
DOTS = (Problem.DOTS, "1,000,000")
SPACES = (Problem.ONE_OR_TWO_NUMBERS, "21,000")
MULTIPLIER = (Problem.SEPARATE_MULTIPLIER, "21k")
UNIT = (Problem.UNCLEAR_UNIT, "5 sats pizza")
SYMBOL = (Problem.BTC_OR_SATS, "21 sats")
K_BTC = (Problem.BTC_WITH_MULTIPLIER, "0.0005 btc")
NO_SPACE = (Problem.NO_SPACE, "2100 pizza")
SUM = (Problem.SUM, "2100")
DIGITS = (Problem.OTHER_DIGITS, "2100")
INVISIBLE = (Problem.INVISIBLE, "2100")
LONG = (Problem.TOO_LONG, "2100 pizza")
UNREADABLE = (Problem.UNREADABLE, "2100")
NOT_DECIMAL = (Problem.NOT_DECIMAL, "2100")
EXPONENT = (Problem.EXPONENT, "21,000")


def thousands(example: str) -> tuple[Problem, str]:
    """A dot that may separate thousands; the example is the number that it makes then."""
    return (Problem.FRACTION_OR_THOUSANDS, example)


# what is written, why it is refused, and the word to blame where the refusal names one
REFUSED: list[tuple[str, tuple[Problem, str], str | None]] = [
    ("", MISSING, None),
    (" \n ", MISSING, None),
    ("pizza", FIRST, "pizza"),
    ("pizza 2100", FIRST, "pizza"),
    ("two thousand", FIRST, "two"),
    ("nan", FIRST, "nan"),
    ("Infinity", FIRST, "Infinity"),
    ("any!", FIRST, "any!"),
    ("-", FIRST, "-"),
    ("<b>", FIRST, "<b>"),
    ("sats 2100", UNIT_FIRST, None),
    ("sats2100", UNIT_FIRST, None),
    ("BTC 0.0005", UNIT_FIRST, None),
    ("₿ 0.0005", UNIT_FIRST, None),
    ("0", ZERO, None),
    ("000", ZERO, None),
    ("0.0", ZERO, None),
    ("0k", ZERO, None),
    ("0 btc", ZERO, None),
    ("-5", NEGATIVE, "-5"),
    ("-0.5 btc", NEGATIVE, "-0.5"),
    ("\u22125", NEGATIVE, "\u22125"),
    ("\u20135 pizza", NEGATIVE, "\u20135"),
    ("--5", NEGATIVE, "--5"),
    ("+5", PLUS, "+5"),
    ("0.5", BELOW_OR_BTC, "0.5"),
    ("0.500", BELOW_OR_BTC, "0.500"),
    ("0.0005", BELOW_OR_BTC, "0.0005"),
    ("1.5", PARTS_OR_BTC, "1.5"),
    ("2,100.5", PARTS_OR_BTC, "2,100.5"),
    ("1.5 sats", PARTS, "1.5 sats"),
    ("2.1001k", PARTS, "2.1001k"),
    ("0.0001k", BELOW, "0.0001k"),
    ("0.000000001 btc", BELOW, "0.000000001 btc"),
    ("₿0.000000001", BELOW, "₿0.000000001"),
    ("0.000000011btc", PARTS, "0.000000011btc"),
    ("2100msat", MILLISATS, None),
    ("2100 msats", MILLISATS, None),
    ("1 millisat", MILLISATS, None),
    ("5 usd", MONEY, "5 usd"),
    ("5 USD for pizza", MONEY, "5 USD"),
    ("5usd", MONEY, "5usd"),
    ("usd 5", MONEY, "usd"),
    ("EUR5", MONEY, "EUR5"),
    ("$5", MONEY, "$5"),
    ("US$5", MONEY, "US$5"),
    ("-$5", MONEY, "-$5"),
    ("5€", MONEY, "5€"),
    ("5,50€", MONEY, "5,50€"),
    ("5 €", MONEY, "5 €"),
    ("5 $ tip", MONEY, "5 $"),
    ("5k euros", MONEY, "5k euros"),
    ("5 dollars, please", MONEY, "5 dollars,"),
    ("5 RUB", MONEY, "5 RUB"),
    ("1.000", thousands("1000"), "1.000"),
    ("1.000 sats", thousands("1000"), "1.000 sats"),
    ("21.500 x", thousands("21500"), "21.500"),
    ("1,234.000", thousands("1234000"), "1,234.000"),
    ("1.000.000", DOTS, "1.000.000"),
    ("1.234.5", UNREADABLE, "1.234.5"),
    ("1,5k", COMMAS, "1,5k"),
    ("1,5", COMMAS, "1,5"),
    ("1,00", COMMAS, "1,00"),
    ("1,0000", COMMAS, "1,0000"),
    ("2100,000", COMMAS, "2100,000"),
    ("0,001 btc", COMMAS, "0,001"),
    ("1,5btc", COMMAS, "1,5btc"),
    ("₿0,0005", COMMAS, "₿0,0005"),
    ("1,000_000", COMMAS, "1,000_000"),
    ("2__100", COMMAS, "2__100"),
    ("2100, pizza", COMMAS, "2100,"),
    ("1.000,00", COMMAS, "1.000,00"),
    (",5", COMMAS, ",5"),
    ("1 000", SPACES, "1 000"),
    ("1 000 000 pizza", SPACES, "1 000"),
    ("1\u00a0000", SPACES, "1 000"),
    ("1\u202f000 sats", SPACES, "1 000"),
    ("1 000sats", SPACES, "1 000sats"),
    ("1 \u0660\u0660\u0660", SPACES, "1 \u0660\u0660\u0660"),
    ("21k 500", SPACES, "21k 500"),
    ("1 ,000", SPACES, "1 ,000"),
    ("1 .5 btc", SPACES, "1 .5"),
    ("1.0 000", SPACES, "1.0 000"),
    ("21 k", MULTIPLIER, "21 k"),
    ("5 m rope", MULTIPLIER, "5 m"),
    ("2 million", MULTIPLIER, "2 million"),
    ("2 万", MULTIPLIER, "2 万"),
    ("1 bitcoin", UNIT, "1 bitcoin"),
    ("1 mBTC", UNIT, "1 mBTC"),
    ("1 µBTC", UNIT, "1 µBTC"),
    ("500 bits", UNIT, "500 bits"),
    ("1 btc/pizza", UNIT, "1 btc/pizza"),
    ("1 ₿itcoin", UNIT, "1 ₿itcoin"),
    ("₿5", SYMBOL, "₿5"),
    ("₿2,100", SYMBOL, "₿2,100"),
    ("₿0.5k", SYMBOL, "₿0.5k"),
    ("21k btc", K_BTC, "21k btc"),
    ("2100pizza", NO_SPACE, "2100pizza"),
    ("21kg", NO_SPACE, "21kg"),
    ("2x500", SUM, None),
    ("2 x 500", SUM, None),
    ("2100 x2", SUM, None),
    ("100+50", SUM, None),
    ("100 + 50", SUM, None),
    ("100 - 50", SUM, None),
    ("100-200 pizza", SUM, None),
    ("1/2", SUM, None),
    ("2\u00d7500", SUM, None),
    ("1e3", EXPONENT, "1e3"),
    ("1.5E-3 btc", EXPONENT, "1.5E-3"),
    ("0x10", NOT_DECIMAL, "0x10"),
    ("0b1", NOT_DECIMAL, "0b1"),
    ("\u0662\u0661\u0660\u0660", DIGITS, None),
    ("\uff12\uff11\uff10\uff10", DIGITS, None),
    ("2100²", DIGITS, None),
    ("½", DIGITS, None),
    ("2万", DIGITS, None),
    ("\u200e2100", INVISIBLE, None),
    ("\u202e0012", INVISIBLE, None),
    ("21\u200b00", INVISIBLE, None),
    ("21\x0000", INVISIBLE, None),
    ("9" * 33, LONG, None),
    ("0." + "0" * 4000 + "1", LONG, None),
    ("p" * 33, LONG, None),
    (".5", UNREADABLE, ".5"),
    ("5.", UNREADABLE, "5."),
    ("1'000", UNREADABLE, "1'000"),
    ("~2100", UNREADABLE, "~2100"),
    ("#2100", UNREADABLE, "#2100"),
    ("<2100>", UNREADABLE, "<2100>"),
    ("12:30", UNREADABLE, "12:30"),
    ("2k1", UNREADABLE, "2k1"),
    ("9" * 31 + "?", UNREADABLE, "9" * 31 + "?"),
    ("9" * 25 + " dollars", MONEY, ""),
]


@pytest.mark.parametrize(("text", "sats", "memo"), TAKEN)
def test_what_is_taken(text: str, sats: int | None, memo: str) -> None:
    assert parse(text, min_sats=1, max_sats=MAX_SATS) == ((sats or 0) * 1000, memo)


@pytest.mark.parametrize(("text", "why", "shown"), REFUSED)
def test_what_is_refused_and_why(text: str, why: tuple[Problem, str], shown: str | None) -> None:
    refusal = refused(text)
    assert (refusal.problem, refusal.values["example"]) == why
    assert refusal.values.get("shown") == shown


def refused(text: str) -> AmountRefused:
    with pytest.raises(AmountRefused) as refusal:
        parse(text, min_sats=1, max_sats=MAX_SATS)
    return refusal.value


def test_the_tables_have_no_line_twice() -> None:
    texts = [text for text, *_ in TAKEN + REFUSED]
    assert len(texts) == len(set(texts))


def test_every_problem_is_met() -> None:
    elsewhere = {Problem.NOT_ALONE, Problem.TOO_LITTLE, Problem.TOO_MUCH}
    assert {problem for _, (problem, _), _ in REFUSED} == set(Problem) - elsewhere


@pytest.mark.parametrize("example", sorted({example for _, (_, example), _ in REFUSED}))
def test_the_examples_of_a_refusal_are_taken(example: str) -> None:
    parse(example, min_sats=1, max_sats=2_000_000)


@pytest.mark.parametrize(
    ("text", "fewer", "more"),
    [
        ("1.000", "1", "1,000"),
        ("1.000 sats", "1", "1,000"),
        ("21.500 x", "21.5", "21,500"),
        ("1,234.000", "1,234", "1,234,000"),
    ],
)
def test_a_dot_before_three_digits_has_two_readings(text: str, fewer: str, more: str) -> None:
    refusal = refused(text)
    assert (refusal.values["fewer"], refusal.values["more"]) == (fewer, more)


def test_a_limit_is_given_with_a_figure_that_is_taken() -> None:
    limits = {"min_sats": 10, "max_sats": 1_000_000}
    assert parse("10", **limits) == (10_000, "")
    assert parse("1m", **limits) == (1_000_000_000, "")
    with pytest.raises(AmountRefused) as too_little:
        parse("9", **limits)
    with pytest.raises(AmountRefused) as too_much:
        parse("1,000,001 pizza", **limits)
    assert too_little.value.problem == Problem.TOO_LITTLE
    assert too_little.value.values["limit_sats"] == 10
    assert too_much.value.problem == Problem.TOO_MUCH
    assert too_much.value.values["limit_sats"] == 1_000_000


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
    assert refusal.value.problem == Problem.NOT_ALONE
    assert refusal.value.values["shown"] == "pizza with cheese"
    assert parse_amount(str(refusal.value.values["example"]))


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
    if isinstance(answer, AmountRefused):
        assert re.fullmatch(r"[^\n\u200e]{0,32}", str(answer.values.get("shown", "")))
        if answer.problem != Problem.TOO_MUCH:
            parse(str(answer.values["example"]), min_sats=1, max_sats=MAX_SATS)
        return
    amount_msat, memo = answer
    assert amount_msat == _slowly_read(text, memo)
    assert text.strip().endswith(memo)
    assert memo == memo.strip()


def _answer(text: str) -> tuple[int, str] | AmountRefused:
    try:
        return parse(text, min_sats=1, max_sats=MAX_SATS)
    except AmountRefused as refusal:
        return refusal


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
