"""A bill with names: right behind the sum, each once, and who asks has a part anyhow."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.amounts import Problem
from bot.core.split import MAX_SEATS, WITH_NAMES, Bill, Person, parse, parts
from bot.errors import AmountRefused

BOB, EVE = Person("@bob", username="bob"), Person("@eve", username="eve")
SHOUTED = Person("@BOB", username="BOB")
MIA = Person("Mia", id=9, name="Mia")  # who has no user name: Telegram says the id
ROBERT = Person("Robert", id=8, name="Robert", also="Bob")  # who is marked by his name here
ADA = Person("@ada", username="ada", asks=True)

OF_EXAMPLE = [Person("@alice", username="alice"), Person("@bobby", username="bobby")]

# text, who is marked in it, who is named, memo
TAKEN: list[tuple[str, Sequence[Person], Sequence[Person], str]] = [
    ("84k @bob", [BOB], [BOB], ""),
    ("84k @bob pizza", [BOB], [BOB], "pizza"),
    ("84k @bob @eve pizza", [BOB, EVE], [BOB, EVE], "pizza"),
    ("84k sats @bob pizza", [BOB], [BOB], "pizza"),
    ("84k @bob, @eve and Mia: pizza", [BOB, EVE, MIA], [BOB, EVE, MIA], "pizza"),
    ("84k @bob & @eve + Mia", [BOB, EVE, MIA], [BOB, EVE, MIA], ""),
    ("84k @bob;@eve", [BOB, EVE], [BOB, EVE], ""),
    ("84k @bob und @eve", [BOB, EVE], [BOB, EVE], ""),
    ("84k\n@bob\npizza", [BOB], [BOB], "pizza"),
    ("  84k   @bob   pizza ", [BOB], [BOB], "pizza"),
    ("84k Mia pizza", [MIA], [MIA], "pizza"),
    ("84k @bob and pizza", [BOB], [BOB], "and pizza"),
    ("84k @bob 1/2 pizza", [BOB], [BOB], "1/2 pizza"),
    ("2 @bob", [BOB], [BOB], ""),
    ("84k @bob 5 pizzas", [BOB], [BOB], "5 pizzas"),
    ("84,000 @bob sats for pizza", [BOB], [BOB], "for pizza"),
    # nobody twice, and who asks is one of them anyhow
    ("84k @bob @bob", [BOB, BOB], [BOB], ""),
    ("84k @BOB @bob", [SHOUTED, BOB], [BOB], ""),
    ("84k @bob Robert", [BOB, ROBERT], [ROBERT], ""),
    ("84k Robert @BOB @eve", [ROBERT, SHOUTED, EVE], [ROBERT, EVE], ""),
    ("84k @ada @bob", [ADA, BOB], [BOB], ""),
    ("84k @bob @ada pizza", [BOB, ADA], [BOB], "pizza"),
]

# text, who is marked in it, problem, example
REFUSED: list[tuple[str, Sequence[Person], Problem, str | None]] = [
    ("@bob 84k", [BOB], Problem.SUM_MISSING, WITH_NAMES),
    ("@bob", [BOB], Problem.SUM_MISSING, WITH_NAMES),
    ("@bob 84k/4", [BOB], Problem.SUM_MISSING, WITH_NAMES),
    ("any @bob", [BOB], Problem.SUM_MISSING, None),
    ("0 @bob", [BOB], Problem.SUM_MISSING, None),
    ("pizza @bob", [BOB], Problem.NOT_A_NUMBER, None),
    ("84 k @bob", [BOB], Problem.SEPARATE_MULTIPLIER, None),
    ("84k for @bob", [BOB], Problem.NAMES_APART, WITH_NAMES),
    # the sum may be one part's
    ("21k @bob each", [BOB], Problem.ONE_PART, WITH_NAMES),
    ("21k @bob each pizza", [BOB], Problem.ONE_PART, WITH_NAMES),
    ("84k @bob + tip", [BOB], Problem.SUM, WITH_NAMES),
    # a unit behind the names that is another amount's
    ("300 @bob usd", [BOB], Problem.OTHER_CURRENCY, None),
    ("300 @bob, @eve: usd pizza", [BOB, EVE], Problem.OTHER_CURRENCY, None),
    ("84 @bob k", [BOB], Problem.SEPARATE_MULTIPLIER, None),
    ("84 @bob btc pizza", [BOB], Problem.UNIT_AFTER_SLASH, WITH_NAMES),
    ("84k pizza @bob", [BOB], Problem.NAMES_APART, WITH_NAMES),
    ("84k und @bob", [BOB], Problem.NAMES_APART, WITH_NAMES),
    ("84k @bob pizza @eve", [BOB, EVE], Problem.NAMES_APART, WITH_NAMES),
    ("84k @bob's pizza", [BOB], Problem.NAMES_APART, WITH_NAMES),
    ("84k @bob. pizza", [BOB], Problem.NAMES_APART, WITH_NAMES),
    ("84k @bob/4", [BOB], Problem.NAMES_APART, WITH_NAMES),
    ("84k @bob pizza", [], Problem.NAME_UNKNOWN, WITH_NAMES),
    ("84k @bob @eve pizza", [EVE], Problem.NAME_UNKNOWN, WITH_NAMES),
    ("84k @bob @eve pizza", [BOB], Problem.NAME_UNKNOWN, WITH_NAMES),
    ("84k/4 @bob", [BOB], Problem.COUNT_AND_NAMES, "84k/4 pizza"),
    ("84k/2 Mia", [MIA], Problem.COUNT_AND_NAMES, "84k/2 pizza"),
    *(
        (f"84k @bob {memo}", [BOB], Problem.COUNT_AND_NAMES, f"84k/{count} pizza")
        for memo, count in (
            *(("for 4 people", 4), ("4 people", 4), ("(4 people)", 4), ("or 5 people", 5)),
            *(("and 2 more", 4), ("- 3 friends", 3)),
        )
    ),
    ("84k @ada", [ADA], Problem.COUNT_OUT_OF_RANGE, WITH_NAMES),
    ("1 @bob", [BOB], Problem.PARTS_TOO_SMALL, None),
    ("100m @bob", [BOB], Problem.PARTS_TOO_LARGE, None),
]


def bill(text: str, people: Sequence[Person], *, asker_sits: bool = True) -> Bill:
    return parse(text, people, asker_sits=asker_sits, min_sats=1, max_sats=1_000_000)


def problem_of(text: str, people: Sequence[Person], *, asker_sits: bool = True) -> AmountRefused:
    with pytest.raises(AmountRefused) as refused:
        bill(text, people, asker_sits=asker_sits)
    return refused.value


@pytest.mark.parametrize(("text", "people", "named", "memo"), TAKEN)
def test_people_who_are_named_behind_the_sum_have_a_part_each(
    text: str, people: Sequence[Person], named: Sequence[Person], memo: str
) -> None:
    sats = 2 if text.startswith("2 ") else 84_000
    assert bill(text, people) == Bill(1000 * sats, len(named) + 1, memo, tuple(named))


@pytest.mark.parametrize(("text", "people", "problem", "works"), REFUSED)
def test_names_that_are_unclear_are_refused_with_an_example(
    text: str, people: Sequence[Person], problem: Problem, works: str | None
) -> None:
    error = problem_of(text, people)
    assert error.problem is problem
    if works is not None:
        assert error.values["example"] == works
    if example := error.values.get("example"):
        bill(str(example), OF_EXAMPLE if example == WITH_NAMES else [])


def test_a_name_in_the_memo_of_a_bill_with_a_number_is_text() -> None:
    assert bill("84k/4 pizza with @bob", [BOB]) == Bill(84_000_000, 4, "pizza with @bob")


def test_who_asks_as_the_group_has_no_part() -> None:
    assert bill("84k @bob @eve", [BOB, EVE], asker_sits=False).count == 2
    assert problem_of("84k @bob", [BOB], asker_sits=False).problem is Problem.COUNT_OUT_OF_RANGE


def test_as_many_are_named_as_can_pay() -> None:
    people = [Person(f"@p{number:02}", username=f"p{number:02}") for number in range(MAX_SEATS)]
    text = "84k " + " ".join(each.text for each in people)
    assert bill(text, people, asker_sits=False).count == MAX_SEATS
    assert problem_of(text, people).problem is Problem.COUNT_OUT_OF_RANGE


@given(
    sats=st.integers(1, 10**9),
    people=st.lists(st.integers(0, 60), min_size=1, max_size=60, unique=True),
    asker_sits=st.booleans(),
)
def test_whoever_is_named_each_has_a_part_within_the_limits(
    sats: int, people: list[int], asker_sits: bool
) -> None:
    named = [Person(f"@p{number:02}", username=f"p{number:02}") for number in people]
    text = f"{sats} " + ", ".join(each.text for each in named) + " pizza"
    count = len(named) + asker_sits
    every = parts(1000 * sats, count) if count <= MAX_SEATS else []
    if 2 <= count <= MAX_SEATS and every[-1] and every[0] <= 10**9:
        assert bill(text, named, asker_sits=asker_sits) == Bill(
            1000 * sats, count, "pizza", tuple(named)
        )
    else:
        problem = problem_of(text, named, asker_sits=asker_sits).problem
        out_of_range = (Problem.PARTS_TOO_SMALL, Problem.PARTS_TOO_LARGE)
        is_count = not 2 <= count <= MAX_SEATS
        assert problem in ((Problem.COUNT_OUT_OF_RANGE,) if is_count else out_of_range)


def called(text: str, *names: tuple[int, str]) -> list[Person]:
    """People who are named by what stands at these places, whatever they are called."""
    return [Person(name, id=9 + at, name=name, left=len(text) - at) for at, name in names]


@pytest.mark.parametrize(
    ("text", "at", "sats"),
    [
        ("84021 21 pizza", 6, 84_021),
        ("21000 21 pizza", 6, 21_000),
        ("1021 21 dinner", 5, 1_021),
        ("1021 21", 5, 1_021),
        ("21 1 pizza", 3, 21),
        ("21007 7 friends", 6, 21_007),
        ("84k 84/4 pizza", 4, 84_000),
    ],
)
def test_a_name_of_digits_is_no_part_of_the_sum(text: str, at: int, sats: int) -> None:
    name = text[at:].partition(" ")[0]
    bill = parse(text, called(text, (at, name)), min_sats=1, max_sats=10**9)
    assert (bill.sum_msat, bill.count) == (1000 * sats, 2)
    assert [each.text for each in bill.named] == [name]


@pytest.mark.parametrize(
    ("text", "names", "problem"),
    [
        ("84k/4 pizza", [(0, "84k/4")], Problem.SUM_MISSING),
        ("84k/4 21 pizza", [(6, "21")], Problem.COUNT_AND_NAMES),
        ("84k 21 pizza 21", [(13, "21")], Problem.NAMES_APART),
        ("84k 7 21 pizza 21", [(4, "7"), (15, "21")], Problem.NAMES_APART),
    ],
)
def test_what_is_like_a_name_and_is_none_names_nobody(
    text: str, names: list[tuple[int, str]], problem: Problem
) -> None:
    with pytest.raises(AmountRefused) as refused:
        parse(text, called(text, *names), min_sats=1, max_sats=10**9)
    assert refused.value.problem == problem
