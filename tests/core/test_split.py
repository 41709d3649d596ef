"""A bill in parts: what is written after /split is read exactly or refused; the parts add up."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core import collection
from bot.core.amounts import Problem, format_sats
from bot.core.split import (
    EXAMPLE,
    MAX_SEATS,
    MIN_SEATS,
    Bill,
    after_slash,
    check_parts,
    described,
    parse,
    parts,
)
from bot.errors import AmountRefused

MAX_SATS = 1_000_000

# text, sats, how many, memo
TAKEN = [
    ("84k/4", 84_000, 4, ""),
    ("84k/4 pizza", 84_000, 4, "pizza"),
    ("84k/00000000000000000040", 84_000, 40, ""),
    ("  84k/4   pizza and beer ", 84_000, 4, "pizza and beer"),
    ("84,000/4", 84_000, 4, ""),
    ("84000 sats/4", 84_000, 4, ""),
    ("84k sats/4 pizza", 84_000, 4, "pizza"),
    ("0.00084 btc/4", 84_000, 4, ""),
    ("₿0.00084/4", 84_000, 4, ""),
    ("84k/2", 84_000, 2, ""),
    ("84k/50", 84_000, 50, ""),
    ("84k/04", 84_000, 4, ""),
    ("84k/٤", 84_000, 4, ""),  # as people write figures in Arabic
    ("84k/4\npizza", 84_000, 4, "pizza"),
    ("84k/4 1/2 pizza", 84_000, 4, "1/2 pizza"),
    ("84k/4 https://example.org/menu", 84_000, 4, "https://example.org/menu"),
    ("2/2", 2, 2, ""),
    ("3/2", 3, 2, ""),
    ("84k/4 sats", 84_000, 4, ""),  # a unit behind the slash, of the same amount
    ("84k/4 sats pizza", 84_000, 4, "pizza"),
    ("84k/4 pizza with @bob", 84_000, 4, "pizza with @bob"),  # nobody is marked as named
    # who is in is asked first
    ("84k", 84_000, 0, ""),
    ("84k sats", 84_000, 0, ""),
    ("84k pizza", 84_000, 0, "pizza"),
    ("84k pizza/beer", 84_000, 0, "pizza/beer"),
    ("84k pizza 1/2", 84_000, 0, "pizza 1/2"),
    ("2 x", 2, 0, "x"),
    # memos that only look like more of the bill
    ("84k for 4 pizzas", 84_000, 0, "for 4 pizzas"),
    ("84k for pizza", 84_000, 0, "for pizza"),
    ("84k pizza for 4", 84_000, 0, "pizza for 4"),
    ("84k 4 pizzas", 84_000, 0, "4 pizzas"),
    ("84k in May", 84_000, 0, "in May"),
    ("84k a head of lettuce", 84_000, 0, "a head of lettuce"),
    ("84k Jenny's party", 84_000, 0, "Jenny's party"),
    ("84k je t'aime", 84_000, 0, "je t'aime"),
    ("84k peach pie", 84_000, 0, "peach pie"),
    ("84k at the beach", 84_000, 0, "at the beach"),
    ("84k per aspera", 84_000, 0, "per aspera"),
    ("84k pro bono", 84_000, 0, "pro bono"),
    ("84k/4 - pizza", 84_000, 4, "- pizza"),
    ("84k/4 - 2 pizzas", 84_000, 4, "- 2 pizzas"),
    ("84k/4 to go", 84_000, 4, "to go"),
    ("84k/4 surplus", 84_000, 4, "surplus"),
    ("84k/4 for 4 people", 84_000, 4, "for 4 people"),
    ("84k/4 gift for a person", 84_000, 4, "gift for a person"),
    ("84k a piece of cake", 84_000, 0, "a piece of cake"),
    ("84k/4 or more pizza", 84_000, 4, "or more pizza"),
    ("84k/4 with 3 friends", 84_000, 4, "with 3 friends"),
    ("84k/4 for 2 pizzas", 84_000, 4, "for 2 pizzas"),
    ("84k/4 pizza and 2 more beers", 84_000, 4, "pizza and 2 more beers"),
    ("84k/4 pizza for Anna and me", 84_000, 4, "pizza for Anna and me"),
    ("84k and 2 beers", 84_000, 0, "and 2 beers"),
    ("50m x", 50_000_000, 0, "x"),
]

# text, problem, example
REFUSED = [
    ("", Problem.COUNT_MISSING, EXAMPLE),
    ("84k\n/4", Problem.COUNT_APART, "84k/4"),
    ("/4", Problem.SUM_MISSING, EXAMPLE),
    ("/", Problem.SUM_MISSING, EXAMPLE),
    ("any/4", Problem.SUM_MISSING, EXAMPLE),
    ("any", Problem.SUM_MISSING, EXAMPLE),
    ("any pizza", Problem.SUM_MISSING, EXAMPLE),
    ("0", Problem.SUM_MISSING, EXAMPLE),
    ("0 pizza", Problem.SUM_MISSING, EXAMPLE),
    ("84k/x", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/3.5", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/-4", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4/2", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4,", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k /4", Problem.COUNT_APART, "84k/4"),
    ("84k/ 4", Problem.COUNT_APART, "84k/4"),
    ("84k / 4 pizza", Problem.COUNT_APART, "84k/4"),
    ("84k/1", Problem.COUNT_OUT_OF_RANGE, "84k/4"),
    ("84k/0", Problem.COUNT_OUT_OF_RANGE, "84k/4"),
    ("84k/51", Problem.COUNT_OUT_OF_RANGE, "84k/4"),
    ("84k/99999999999999999999999", Problem.COUNT_OUT_OF_RANGE, "84k/4"),
    # what is wrong with the sum is said as everywhere
    ("x/4", Problem.NOT_A_NUMBER, EXAMPLE),
    ("pizza 84k/4", Problem.NOT_A_NUMBER, EXAMPLE),
    ("pizza", Problem.NOT_A_NUMBER, EXAMPLE),
    ("-84k/4", Problem.NEGATIVE, "84k/4"),
    ("84 k/4", Problem.SEPARATE_MULTIPLIER, "84k/4"),
    ("0/4", Problem.SUM_MISSING, EXAMPLE),
    ("20 €/4", Problem.OTHER_CURRENCY, "2100 sats/4"),
    ("84k@bob", Problem.UNREADABLE, "84k/4"),
    # a unit behind the slash that is another amount's
    ("300/3 usd", Problem.OTHER_CURRENCY, "2100 sats/4"),
    ("84/4 €", Problem.OTHER_CURRENCY, "2100 sats/4"),
    ("84/4 k", Problem.SEPARATE_MULTIPLIER, "84k/4"),
    ("84/4 k pizza", Problem.SEPARATE_MULTIPLIER, "84k/4"),
    ("84/4k", Problem.COUNT_UNREADABLE, "84/4"),
    ("84/4 btc", Problem.UNIT_AFTER_SLASH, "84 btc/4"),
    ("0.001/4 btc", Problem.BELOW_A_SAT_OR_BTC, "0.001 btc/4"),
    ("84k/4 4", Problem.ONE_OR_TWO_NUMBERS, "84,000 sats/4"),
    ("84k/4 %", Problem.PERCENT, "84,000/4"),
    # what makes the sum one part's
    *(
        (text, Problem.ONE_PART, "84k/4")
        for text in (
            *("21k each", "21k each pizza", "21k Each, pizza", "21k pp", "21k p.p. pizza"),
            *("21k per person", "21k per head", "21k a head", "21k a person", "21k apiece"),
            *("21k pro Person", "21k pro Kopf", "21k je", "21k je Person", "21k cada uno"),
            *("21k por persona", "21k chacun", "21k par personne", "21k с человека"),
            *("21k pizza each", "21k pizza (per person)", "21k pizza pp."),
            *("21k jeder", "21k für jeden", "21k jeweils", "21k cada quien", "21k per pax"),
            *("21k 每人", "21k 1인당", "21k pizza/person", "21k pizza each please"),
            *("21k pizza per person, thanks", "21k pro Person bitte"),
        )
    ),
    ("84k/2 each pizza", Problem.ONE_PART, "84k/2"),
    ("84k/2 per person", Problem.ONE_PART, "84k/2"),
    # a number of people that is not behind a slash, or another one as well
    ("84k for 4", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k for 4 people", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k in 3", Problem.COUNT_IN_WORDS, "84k/3"),
    ("84k among 4 friends", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k 4 people", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k entre 4", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k (4 people)", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k - 4 people", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k/4 for 5 people", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 (5 people)", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 people and 2 kids", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 adults and 2 kids", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 and 2 more", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 and me", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 friends and me", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/4 Freunde und ich", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/2 and 2 kids", Problem.COUNT_UNREADABLE, "84k/2"),
    ("84k/2 & 2 kids", Problem.COUNT_UNREADABLE, "84k/2"),
    ("84k/2 or more people", Problem.COUNT_UNREADABLE, "84k/2"),
    ("84k/2 or more", Problem.COUNT_UNREADABLE, "84k/2"),
    ("84k/2 a piece", Problem.ONE_PART, "84k/2"),
    ("84k/2 pizza a pop", Problem.ONE_PART, "84k/2"),
    ("84k/4 with 5 friends", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k and 3 more", Problem.COUNT_IN_WORDS, "84k/4"),
    ("84k mit 3 Freunde", Problem.COUNT_IN_WORDS, "84k/3"),
    ("84k/2 - 3 people", Problem.COUNT_UNREADABLE, "84k/2"),
    ("84k/2 or 3 people", Problem.COUNT_UNREADABLE, "84k/2"),
    ("84k/3 or 4 x", Problem.COUNT_UNREADABLE, "84k/3"),
    ("84k/4 or 3 people please", Problem.COUNT_UNREADABLE, "84k/4"),
    ("84k/3 - 4 people and a dog", Problem.COUNT_UNREADABLE, "84k/3"),
    ("84k/3 bis 4 Leute", Problem.COUNT_UNREADABLE, "84k/3"),
    # what is not in the sum
    ("84k/4 + tip", Problem.SUM, "84k/4"),
    ("84k/4 plus tip", Problem.SUM, "84k/4"),
    ("84k/4 and tip", Problem.SUM, "84k/4"),
    ("84k/4 & the tip", Problem.SUM, "84k/4"),
    ("84k/4 10% tip", Problem.SUM, "84k/4"),
    ("84k/4 tip 10%", Problem.SUM, "84k/4"),
    ("84k + tip", Problem.SUM, "84k/4"),
    # each part, and the whole where nobody knows how many there are
    ("3/4", Problem.PARTS_TOO_SMALL, None),
    ("100m/50", Problem.PARTS_TOO_LARGE, None),
    ("1", Problem.TOO_LITTLE, None),
    ("50,000,001", Problem.TOO_MUCH, None),
]
#: Those that are of bills alone.
OF_BILLS = {
    Problem.SUM_MISSING,
    Problem.COUNT_MISSING,
    Problem.COUNT_UNREADABLE,
    Problem.COUNT_APART,
    Problem.COUNT_OUT_OF_RANGE,
    Problem.COUNT_IN_WORDS,
    Problem.UNIT_AFTER_SLASH,
    Problem.PARTS_TOO_SMALL,
    Problem.PARTS_TOO_LARGE,
}
#: Those too, where somebody is named: see test_split_names.py.
OF_NAMES = {Problem.COUNT_AND_NAMES, Problem.NAMES_APART, Problem.NAME_UNKNOWN}


def bill(text: str, min_sats: int = 1, max_sats: int = MAX_SATS) -> Bill:
    return parse(text, min_sats=min_sats, max_sats=max_sats)


@pytest.mark.parametrize(("text", "sats", "count", "memo"), TAKEN)
def test_what_is_clear_is_taken(text: str, sats: int, count: int, memo: str) -> None:
    assert bill(text) == Bill(1000 * sats, count, memo)


@pytest.mark.parametrize(("text", "problem", "works"), REFUSED)
def test_what_is_unclear_is_refused_with_an_example(
    text: str, problem: Problem, works: str | None
) -> None:
    with pytest.raises(AmountRefused) as refused:
        bill(text)
    assert refused.value.problem is problem
    if works is not None:
        assert refused.value.values["example"] == works


@pytest.mark.parametrize(
    "text",
    [
        "300/3 usd dinner",
        "300/3 MUSD",
        "300/3 bin TL",
        "300/3 т. руб.",
        "300/3 万ランチ",
        "300/3 hunderttausend",
        "100/4 € dinner",
        "100/4 $",
        "100/4 dollars each",
        "84/4 k",
        "84/4 k pizza",
        "84/4 K sats",
        "100 sats/4 k",
        "30/3 million",
        "100/4 btc",
        "100/4\nbtc",
        "100/4 mBTC",
        "100/4 %",
        "100/4 * 2",
        "100/4 + 10k",
        "10/2 - 3",
        "21/3 000 pizza",
        "84k /4",
        "84k/ 4",
        "84/4k",
        "0.001/4 btc",
        "0.001/4btc",
    ],
)
def test_nothing_of_an_amount_is_behind_the_slash(text: str) -> None:
    with pytest.raises(AmountRefused) as refused:
        bill(text)
    assert bill(str(refused.value.values["example"]), max_sats=10**12).count


@pytest.mark.parametrize(
    "text",
    ["500/21 k", "any/21 k", "500k/21 usd", "500k/21 btc", "500k/21 000", "any /21k", "500k/ 21"],
)
def test_nothing_of_a_suggested_gift_is_apart_from_it(text: str) -> None:
    with pytest.raises(AmountRefused) as refused:
        collection.parse(text, min_sats=1, max_sats=MAX_SATS)
    collection.parse(str(refused.value.values["example"]), min_sats=1, max_sats=MAX_SATS)


@pytest.mark.parametrize("works", sorted({works for *_, works in REFUSED if works}))
def test_the_examples_of_a_refusal_are_taken(works: str) -> None:
    bill(works, max_sats=100 * MAX_SATS * MAX_SATS)


def test_every_problem_of_a_bill_is_met() -> None:
    assert {problem for _, problem, _ in REFUSED} >= OF_BILLS
    all_of_bills = {
        each for each in Problem if each.name.startswith(("COUNT_", "SUM_", "NAME", "PARTS_TOO_"))
    }
    assert all_of_bills | {Problem.UNIT_AFTER_SLASH} == OF_BILLS | OF_NAMES


def test_what_is_written_behind_the_slash_is_the_memo_unless_it_is_of_the_amount() -> None:
    assert after_slash("84k", 84_000_000, "pizza", "/4") == "pizza"
    assert after_slash("84k", 84_000_000, "", "/4") == ""
    with pytest.raises(AmountRefused) as refused:
        after_slash("84", 84_000, "btc pizza", "/4")
    assert refused.value.problem is Problem.UNIT_AFTER_SLASH
    assert refused.value.values["shown"] == "btc"


def test_of_a_bill_whose_number_is_not_known_two_can_pay_and_fifty() -> None:
    for text, min_sats, max_sats, problem, limit_sats in (
        ("42k", 21_000, MAX_SATS, None, 0),
        ("41,999", 21_000, MAX_SATS, Problem.TOO_LITTLE, 42_000),
        ("50k", 1, 1000, None, 0),
        ("50,001", 1, 1000, Problem.TOO_MUCH, 50_000),
        ("1", 0, MAX_SATS, Problem.TOO_LITTLE, 2),
    ):
        if problem is None:
            assert bill(text, min_sats, max_sats).count == 0
            continue
        with pytest.raises(AmountRefused) as refused:
            bill(text, min_sats, max_sats)
        assert (refused.value.problem, refused.value.values["limit_sats"]) == (problem, limit_sats)


def test_the_smallest_and_the_largest_part_are_within_the_limits() -> None:
    for text in ("84k/4", "84,003/4"):
        assert bill(text, min_sats=21_000, max_sats=21_001)
    for text, limits, problem in (
        ("84,000/4", (21_001, MAX_SATS), Problem.PARTS_TOO_SMALL),
        ("84,003/4", (21_001, MAX_SATS), Problem.PARTS_TOO_SMALL),
        ("84,001/4", (1, 21_000), Problem.PARTS_TOO_LARGE),
        ("3/4", (1, MAX_SATS), Problem.PARTS_TOO_SMALL),  # some part would be any amount
        ("3/4", (0, MAX_SATS), Problem.PARTS_TOO_SMALL),
    ):
        with pytest.raises(AmountRefused) as refused:
            bill(text, *limits)
        assert refused.value.problem is problem


@given(sats=st.integers(1, 21 * 10**14), count=st.integers(MIN_SEATS, MAX_SEATS))
@example(sats=1, count=50)
@example(sats=84_001, count=3)
def test_the_parts_add_up_exactly_and_differ_by_a_sat_at_most(sats: int, count: int) -> None:
    every = parts(1000 * sats, count)
    assert len(every) == count
    assert sum(every) == 1000 * sats
    assert every == sorted(every, reverse=True)
    assert every[0] - every[-1] in (0, 1000)
    assert all(each % 1000 == 0 for each in every)


@given(
    sats=st.integers(1, 10**9),
    count=st.integers(MIN_SEATS, MAX_SEATS),
    min_sats=st.integers(1, 10**6),
    max_sats=st.integers(1, 10**9),
)
def test_whatever_is_split_has_every_part_within_the_limits(
    sats: int, count: int, min_sats: int, max_sats: int
) -> None:
    each = parts(1000 * sats, count)
    if each[-1] >= 1000 * min_sats and each[0] <= 1000 * max_sats:
        assert bill(f"{sats}/{count}", min_sats, max_sats) == Bill(1000 * sats, count, "")
        return
    with pytest.raises(AmountRefused) as refused:
        bill(f"{sats}/{count}", min_sats, max_sats)
    assert refused.value.problem in (Problem.PARTS_TOO_SMALL, Problem.PARTS_TOO_LARGE)


@given(st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        made = bill(text)
    except AmountRefused:
        return
    if made.count:
        assert MIN_SEATS <= made.count <= MAX_SEATS
        check_parts(made.sum_msat, made.count, min_sats=1, max_sats=MAX_SATS)
        assert sum(parts(made.sum_msat, made.count)) == made.sum_msat
    else:
        check_parts(made.sum_msat, MIN_SEATS, min_sats=1, max_sats=MAX_SATS * MAX_SEATS)


@given(sats=st.integers(1, 10**9), count=st.integers(MIN_SEATS, MAX_SEATS))
@example(sats=84_000, count=4)
@example(sats=84_001, count=3)
def test_whatever_can_be_asked_for_is_said_as_it_is_asked(sats: int, count: int) -> None:
    every = parts(1000 * sats, count)
    try:
        check_parts(1000 * sats, count, min_sats=1, max_sats=10**9)
    except AmountRefused:
        assert sats < count
        return
    said = described(every)
    amounts = [each for number, each in _said(said, count) for _ in range(number)]
    assert amounts == [format_sats(each) for each in every]


def _said(text: str, count: int) -> list[tuple[int, str]]:
    """How many parts of which amount."""
    if text.endswith(" each"):
        return [(count, text.removesuffix(" each"))]
    pairs = (each.split(" at ") for each in text.split(", "))
    return [(int(number), amount) for number, amount in pairs]


def test_how_much_each_pays_is_said() -> None:
    assert described(parts(84_000_000, 4)) == "21,000 sats each"
    assert described(parts(84_001_000, 3)) == "1 at 28,001 sats, 2 at 28,000 sats"
    assert described(parts(84_002_000, 3)) == "2 at 28,001 sats, 1 at 28,000 sats"
    assert described([1000, 2000, 1000]) == "1 at 2 sats, 2 at 1 sat"  # as seats were added
