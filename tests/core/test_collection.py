"""A collection: what is written after /collect is read exactly or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import collection
from bot.core.amount_numbers import ALL_SATS
from bot.core.amounts import Problem
from bot.core.collection import EXAMPLE, QUICK_SATS, WITH_SUGGESTION, Pot, quick_gifts
from bot.errors import AmountRefused

MAX_SATS = 1_000_000

# text, goal and suggestion in sats, memo
TAKEN = [
    ("500k", 500_000, 0, ""),
    ("500k speakers", 500_000, 0, "speakers"),
    ("500k sats speakers", 500_000, 0, "speakers"),
    ("  500k   speakers ", 500_000, 0, "speakers"),
    ("500k/21k", 500_000, 21_000, ""),
    ("500k/21k speakers", 500_000, 21_000, "speakers"),
    ("500k/21k sats", 500_000, 21_000, ""),
    ("500k/21k sats speakers", 500_000, 21_000, "speakers"),
    ("0.005 btc/21k", 500_000, 21_000, ""),
    ("500k/500k", 500_000, 500_000, ""),
    ("1/1", 1, 1, ""),
    ("any", 0, 0, ""),
    ("ANY", 0, 0, ""),
    ("any speakers", 0, 0, "speakers"),
    ("any/21k", 0, 21_000, ""),
    ("any/21k speakers", 0, 21_000, "speakers"),
    ("any/1m", 0, MAX_SATS, ""),  # without a goal it is above none
    ("500k for a/b", 500_000, 0, "for a/b"),  # a slash in the memo
    ("any thing/5", 0, 0, "thing/5"),
    ("500k\nspeakers", 500_000, 0, "speakers"),
    ("500m", 500_000_000, 0, ""),  # a goal may be more than one gift can be
]

# text, problem, example
REFUSED = [
    ("", Problem.GOAL_MISSING, EXAMPLE),
    ("/", Problem.GOAL_MISSING, EXAMPLE),
    ("/21k", Problem.GOAL_MISSING, EXAMPLE),
    ("500k /21k", Problem.SUGGESTION_APART, WITH_SUGGESTION),
    ("500k/ 21k", Problem.SUGGESTION_APART, WITH_SUGGESTION),
    ("500k / 21k", Problem.SUGGESTION_APART, WITH_SUGGESTION),
    ("any/ 21k", Problem.SUGGESTION_APART, WITH_SUGGESTION),
    ("500k/", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/x", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/5 people", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/5 Leute", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/0", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/-5", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/1e3", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/any", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("500k/21k/3", Problem.SUGGESTION_UNREADABLE, "500k/21k"),
    ("any/any", Problem.SUGGESTION_UNREADABLE, "any/21k"),
    ("20k each", Problem.SUGGESTION_IN_WORDS, "any/20k"),
    ("20k per person speakers", Problem.SUGGESTION_IN_WORDS, "any/20k"),
    ("any each", Problem.SUGGESTION_IN_WORDS, "any/21k"),
    ("500k + tip", Problem.SUM, EXAMPLE),
    ("500k/500,001", Problem.SUGGESTION_ABOVE_GOAL, WITH_SUGGESTION),
    # what is wrong with an amount is said as everywhere
    ("0", Problem.ZERO, "any speakers"),
    ("0/5", Problem.ZERO, "any speakers"),
    ("speakers", Problem.NOT_A_NUMBER, EXAMPLE),
    ("-5", Problem.NEGATIVE, EXAMPLE),
    ("500 k", Problem.SEPARATE_MULTIPLIER, EXAMPLE),
    ("500 €", Problem.OTHER_CURRENCY, EXAMPLE),
    ("500 €/21", Problem.OTHER_CURRENCY, EXAMPLE),
    # a unit behind the slash that makes it another gift
    ("500/21 usd", Problem.OTHER_CURRENCY, EXAMPLE),
    ("500k/21 k speakers", Problem.SEPARATE_MULTIPLIER, EXAMPLE),
    ("500k/21 btc", Problem.UNIT_AFTER_SLASH, None),
    ("21m btc", Problem.BTC_WITH_MULTIPLIER, EXAMPLE),
    # limits: of one gift, and of all there is
    ("500k/2m", Problem.TOO_MUCH, None),
    ("any/1,000,001", Problem.TOO_MUCH, None),
    ("21000001 btc", Problem.TOO_MUCH, None),
]
OF_COLLECTIONS = {
    Problem.GOAL_MISSING,
    Problem.SUGGESTION_APART,
    Problem.SUGGESTION_UNREADABLE,
    Problem.SUGGESTION_ABOVE_GOAL,
    Problem.SUGGESTION_IN_WORDS,
}


def pot(text: str, min_sats: int = 1, max_sats: int = MAX_SATS) -> Pot:
    return collection.parse(text, min_sats=min_sats, max_sats=max_sats)


def refused(text: str, min_sats: int = 1) -> AmountRefused:
    with pytest.raises(AmountRefused) as caught:
        pot(text, min_sats)
    return caught.value


@pytest.mark.parametrize(("text", "goal", "suggested", "memo"), TAKEN)
def test_what_is_clear_is_taken(text: str, goal: int, suggested: int, memo: str) -> None:
    assert pot(text) == Pot(1000 * goal, 1000 * suggested, memo)


@pytest.mark.parametrize(("text", "problem", "works"), REFUSED)
def test_what_is_unclear_is_refused_with_an_example_that_is_taken(
    text: str, problem: Problem, works: str | None
) -> None:
    error = refused(text)
    assert error.problem is problem
    if works is not None:
        assert error.values["example"] == works
    if example := error.values.get("example"):
        pot(str(example))


def test_every_problem_of_a_collection_is_met() -> None:
    met = {problem for _, problem, _ in REFUSED}
    named = {each for each in Problem if each.name.startswith(("GOAL_", "SUGGESTION_"))}
    assert met >= OF_COLLECTIONS == named


def test_a_suggestion_is_what_can_be_asked_for() -> None:
    assert refused("500k/20", min_sats=21).problem is Problem.TOO_LITTLE
    assert pot("500k/21", min_sats=21).suggested_msat == 21_000
    assert pot("20", min_sats=21).goal_msat == 20_000  # nobody is asked for a goal


@given(st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        made = pot(text)
    except AmountRefused as error:
        if example := error.values.get("example"):
            pot(str(example))
        return
    assert 0 <= made.goal_msat <= 1000 * ALL_SATS
    assert made.suggested_msat <= 1000 * MAX_SATS
    assert not made.goal_msat or made.suggested_msat <= made.goal_msat


@given(goal=st.integers(1, ALL_SATS), gift=st.integers(1, 2 * MAX_SATS))
def test_whatever_is_collected_a_gift_is_no_more_than_that(goal: int, gift: int) -> None:
    if gift <= min(goal, MAX_SATS):
        assert pot(f"{goal}/{gift} x") == Pot(1000 * goal, 1000 * gift, "x")
    else:
        problems = (Problem.TOO_MUCH, Problem.SUGGESTION_ABOVE_GOAL)
        assert refused(f"{goal}/{gift} x").problem in problems


def test_a_few_amounts_are_offered_the_suggested_one_first_and_once() -> None:
    quick = [1000 * sats for sats in QUICK_SATS]
    all_sats = range(1, MAX_SATS + 1)
    assert quick_gifts(0, all_sats) == quick
    assert quick_gifts(7_000_000, all_sats) == [7_000_000, *quick]
    assert quick_gifts(quick[1], all_sats) == [quick[1], quick[0], *quick[2:]]


def test_no_amount_is_offered_that_would_be_refused() -> None:
    assert quick_gifts(7_000_000, range(1_001, 21_000)) == [7_000_000, 5_000_000]
    assert quick_gifts(7_000_000, range(1_000, 5_001)) == [1_000_000, 5_000_000]
    assert quick_gifts(0, range(1_001, 5_000)) == []
