"""Every refusal of an amount has its sentence, and ends with an example that works."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import texts
from bot.core import collection, split
from bot.core.amounts import Problem, check_range, parse, parse_amount
from bot.errors import AmountRefused

MAX_SATS = 21_000_000 * 100_000_000

# what is written, and what is said
SENTENCES = {
    Problem.MISSING: ("", "The amount is missing. Write how many sats, for example 2100."),
    Problem.NOT_A_NUMBER: (
        "pizza 2100",
        '"pizza" is not an amount. Write the amount first, for example 2,100 pizza.',
    ),
    Problem.NEGATIVE: (
        "-5",
        "An amount can't be negative. Leave out the minus sign, for example 5.",
    ),
    Problem.PLUS: ("+5", "An amount needs no plus sign. Leave it out, for example 5."),
    Problem.QUOTES: ('"5"', "An amount needs no quotation marks. Leave them out, for example 5."),
    Problem.NOT_DECIMAL: (
        "0x10",
        '"0x10" is not a decimal number. Write the amount in ordinary digits, for example 16.',
    ),
    Problem.EXPONENT: (
        "1e3",
        '"1e3" has an exponent. Write out all the digits, for example 1,000.',
    ),
    Problem.DOTS: (
        "1.000.000",
        '"1.000.000" has dots between its digits. Use commas, for example 1,000,000.',
    ),
    Problem.COMMAS: (
        "1,5k",
        '"1,5k" is unclear. Use commas for thousands and a dot for fractions, for example 1.5k.',
    ),
    Problem.UNREADABLE: (
        "<2100>",
        '"<2100>" can\'t be read as an amount. Write a plain number, for example 2,100.',
    ),
    Problem.UNIT_FIRST: (
        "sats 2100",
        "The unit goes after the number. Write it there, for example 2100 sats.",
    ),
    Problem.SUM: (
        "2 x 500",
        "Calculations are not supported. Write the amount as one number, for example 1,000.",
    ),
    Problem.RANGE: ("5 - 10", '"5 - 10" is a range. Write one amount, for example 5.'),
    Problem.PERCENT: ("5%", '"5%" is a percentage. Write the amount in sats, for example 5.'),
    Problem.FRACTION: (
        "1 1/2 btc",
        '"1 1/2" is unclear. Write whole sats in digits, for example 150,000,000 sats.',
    ),
    Problem.BTC_OR_SATS: (
        "₿5",
        '"₿5" could be BTC or sats. Write the unit in letters, for example 5 sats.',
    ),
    Problem.NO_SPACE: (
        "2100pizza",
        (
            '"2100pizza" has no space between the amount and the memo. '
            "Add one, for example 2,100 pizza."
        ),
    ),
    Problem.BTC_WITH_MULTIPLIER: (
        "21k btc",
        (
            '"21k btc" is unclear, because k and m count sats. '
            "Write BTC with all its digits, for example 21,000 btc."
        ),
    ),
    Problem.ONE_OR_TWO_NUMBERS: (
        "1 000",
        (
            '"1 000" could be one number or two. '
            "Write it without spaces, or with sats before the memo, for example 1,000."
        ),
    ),
    Problem.FRACTION_OR_THOUSANDS: (
        "21.500",
        '"21.500" could be 21.5 or 21,500. Write it without the dot, for example 21500.',
    ),
    Problem.ZERO: (
        "0",
        "The amount can't be zero. To let the payer choose, write any, for example any pizza.",
    ),
    Problem.BELOW_A_SAT: (
        "0.0001k",
        '"0.0001k" is less than a sat. Write whole sats, for example 1 sat.',
    ),
    Problem.BELOW_A_SAT_OR_BTC: (
        "0.5",
        '"0.5" is less than a sat. If you mean BTC, add the unit, for example 0.5 btc.',
    ),
    Problem.PARTS_OF_A_SAT: (
        "1.5 sats",
        '"1.5 sats" is not a whole number of sats. Write whole sats, for example 1 sat.',
    ),
    Problem.PARTS_OF_A_SAT_OR_BTC: (
        "1.5",
        (
            '"1.5" is not a whole number of sats. '
            "Write whole sats, or add btc if you mean that, for example 1 sat."
        ),
    ),
    Problem.TOO_LONG: (
        "9" * 33,
        (
            "That is too long for an amount. "
            "Write the amount first, then a space, for example 2100 pizza."
        ),
    ),
    Problem.INVISIBLE: (
        "21\u200b00",
        "The amount contains an invisible character. Type it again, for example 2100.",
    ),
    Problem.OTHER_DIGITS: (
        "½",
        "Only the digits 0 to 9 are supported. Write the amount with these, for example 1 sat.",
    ),
    Problem.OTHER_CURRENCY: (
        "5 usd",
        '"5 usd" is another currency. Only sats and BTC are supported, for example 2100 sats.',
    ),
    Problem.MILLISATS: (
        "2100 msats",
        "Fractions of a sat are not supported. Write whole sats, for example 2 sats.",
    ),
    Problem.MEGA_OR_MILLI: (
        "1 Msat",
        (
            '"1 Msat" could be millions or thousandths of a sat. '
            "Write m directly after the number for millions, for example 1m."
        ),
    ),
    Problem.SEPARATE_MULTIPLIER: (
        "21 k",
        '"21 k" is unclear. Write a plain number, or k or m directly after it, for example 21k.',
    ),
    Problem.UNCLEAR_UNIT: (
        "1 bitcoin",
        '"1 bitcoin" is unclear. Write sats or btc, then the memo, for example 1 btc pizza.',
    ),
}


#: The same of a bill that is split.
BILLS = {
    Problem.SUM_MISSING: (
        "any/4",
        "A bill needs a sum. Write it first, for example 84k/4 pizza.",
    ),
    Problem.COUNT_MISSING: (
        "",
        (
            "How many people share the bill, and how much is it? "
            "Write the sum, a slash and their number, for example 84k/4 pizza."
        ),
    ),
    Problem.COUNT_UNREADABLE: (
        "84k/x",
        '"x" is not a number of people. Write a whole number, for example 84k/4.',
    ),
    Problem.COUNT_APART: (
        "84k /3",
        (
            "I'm not sure what the slash divides. "
            "Write the sum and the number of people without a space, for example 84k/3."
        ),
    ),
    Problem.COUNT_OUT_OF_RANGE: (
        "84k/51",
        "A bill is split among 2 to 50 people. Write it for another number, for example 84k/4.",
    ),
    Problem.COUNT_IN_WORDS: (
        "84k for 4",
        '"for 4" could be the number of people. Write it after a slash, for example 84k/4.',
    ),
    Problem.ONE_PART: (
        "21k each pizza",
        (
            '"each" could mean that each person pays that much. Write the sum of all parts '
            "and how many people share it, for example 84k/4."
        ),
    ),
    Problem.COUNT_AND_NAMES: (
        "84k/4 @bobby",
        (
            "A bill has a number of people or their names. "
            "Write one of the two, for example 84k/4 pizza."
        ),
    ),
    Problem.UNIT_AFTER_SLASH: (
        "1/4 btc",
        (
            '"btc" is not next to its amount. '
            "Write the unit directly after the amount, for example 1 btc/4."
        ),
    ),
    Problem.NAME_UNKNOWN: (
        "84k @bob pizza",
        (
            '"@bob" is nobody\'s user name. '
            "Write @ and choose the person from the list, for example 84k @alice @bobby pizza."
        ),
    ),
    Problem.NAMES_APART: (
        "84k pizza @bobby",
        (
            "I'm not sure who has a part. "
            "Write all names directly after the sum, for example 84k @alice @bobby pizza."
        ),
    ),
}
#: The same of a collection.
POTS = {
    Problem.GOAL_MISSING: (
        "",
        (
            "How much do you want to collect? "
            "Write the goal, or any for none, for example 500k speakers."
        ),
    ),
    Problem.SUGGESTION_APART: (
        "500k / 21k",
        (
            "I'm not sure what the slash separates. "
            "Write the goal and the suggested gift without a space, "
            "for example 500k/21k speakers."
        ),
    ),
    Problem.SUGGESTION_UNREADABLE: (
        "500k/x",
        (
            '"x" can\'t be read as a suggested gift. '
            "Write an amount after the slash, for example 500k/21k."
        ),
    ),
    Problem.SUGGESTION_ABOVE_GOAL: (
        "21k/500k",
        (
            "The suggested gift is more than the goal. "
            "Write the goal first, for example 500k/21k speakers."
        ),
    ),
    Problem.SUGGESTION_IN_WORDS: (
        "20k each",
        (
            '"each" could mean that each person gives that much. '
            "Write what each gives after a slash, for example any/20k."
        ),
    ),
    Problem.ZERO: (
        "0 speakers",
        ("The amount can't be zero. To let the payer choose, write any, for example any speakers."),
    ),
}


def refused(text: str) -> AmountRefused:
    with pytest.raises(AmountRefused) as refusal:
        parse(text, min_sats=1, max_sats=MAX_SATS)
    return refusal.value


@pytest.mark.parametrize("problem", SENTENCES)
def test_what_is_said_of_an_amount(problem: Problem) -> None:
    text, sentence = SENTENCES[problem]
    error = refused(text)
    assert error.problem == problem
    assert texts.why(error) == sentence


@pytest.mark.parametrize("problem", BILLS)
def test_what_is_said_of_a_bill(problem: Problem) -> None:
    text, sentence = BILLS[problem]
    with pytest.raises(AmountRefused) as refusal:
        split_up(text)
    assert refusal.value.problem == problem
    assert texts.why(refusal.value) == sentence
    match = re.fullmatch(r".*, for example (.+)\.", sentence)
    assert match
    split_up(match[1])


def split_up(text: str) -> split.Bill:
    """A bill, with who is named in it."""
    people = [split.Person(each, username=each[1:]) for each in re.findall(r"@\w{4,}", text)]
    return split.parse(text, people, min_sats=1, max_sats=MAX_SATS)


@pytest.mark.parametrize(
    "text", ["@bobby 84k", "84k pizza @bobby", "84k/4 @bobby", "any @bobby @alice"]
)
def test_an_example_with_names_is_one_that_is_taken(text: str) -> None:
    with pytest.raises(AmountRefused) as refusal:
        split_up(text)
    split_up(str(refusal.value.values["example"]))


def pot(text: str) -> collection.Pot:
    """A collection."""
    return collection.parse(text, min_sats=1, max_sats=MAX_SATS)


@pytest.mark.parametrize("problem", POTS)
def test_what_is_said_of_a_collection(problem: Problem) -> None:
    text, sentence = POTS[problem]
    with pytest.raises(AmountRefused) as refusal:
        pot(text)
    assert refusal.value.problem == problem
    assert texts.why(refusal.value) == sentence
    match = re.fullmatch(r".*, for example (.+)\.", sentence)
    assert match
    pot(match[1])


def test_every_problem_has_its_sentence_here() -> None:
    in_functions_below = {
        Problem.NOT_ALONE,
        Problem.TOO_LITTLE,
        Problem.TOO_MUCH,
        Problem.PARTS_TOO_SMALL,
        Problem.PARTS_TOO_LARGE,
        Problem.PART_TOO_SMALL,
        Problem.PART_TOO_LARGE,
    }
    assert set(SENTENCES) | set(BILLS) | set(POTS) == set(Problem) - in_functions_below


@pytest.mark.parametrize("sentence", [sentence for _, sentence in SENTENCES.values()])
def test_a_sentence_ends_with_an_example_that_is_taken(sentence: str) -> None:
    match = re.fullmatch(r".*, for example (.+)\.", sentence)
    assert match
    for words in match[1].split(" or "):
        parse(words, min_sats=1, max_sats=MAX_SATS)


def test_a_limit_is_named_with_a_figure_that_is_taken() -> None:
    limits = {"min_sats": 10, "max_sats": 1_000_000}
    for amount_msat, sentence in (
        (9_000, "That amount is too small. Write at least 10 sats."),
        (1_000_001_000, "That amount is too large. Write at most 1,000,000 sats."),
    ):
        with pytest.raises(AmountRefused) as refusal:
            check_range(amount_msat, **limits)
        assert texts.why(refusal.value) == sentence
        figure = re.sub(r".* at (?:least|most) (.*)\.", r"\1", sentence)
        parse(figure, **limits)


def test_the_limit_of_a_part_is_said_as_one_of_a_part() -> None:
    for text, sentence in (
        (
            "39/4",
            (
                "Each part would be too small. Write a larger sum or fewer parts: "
                "a part is at least 10 sats."
            ),
        ),
        (
            "4001k/4",
            (
                "Each part would be too large. Write a smaller sum or more parts: "
                "a part is at most 1,000,000 sats."
            ),
        ),
    ):
        with pytest.raises(AmountRefused) as refusal:
            split.parse(text, min_sats=10, max_sats=1_000_000)
        assert texts.why(refusal.value) == sentence


@pytest.mark.parametrize(
    ("amount_msat", "sentence"),
    [
        (
            9_999,
            (
                "A part of this split is too small: an invoice is at least 10 sats now. "
                "The person who asked can close it and make a new one with fewer parts."
            ),
        ),
        (
            1_000_000_001,
            (
                "A part of this split is too large: an invoice is at most 1,000,000 sats now. "
                "The person who asked can close it and make a new one with more parts."
            ),
        ),
    ],
)
def test_a_limit_that_a_part_passes_by_now_is_said_to_whoever_wants_to_pay_it(
    amount_msat: int, sentence: str
) -> None:
    with pytest.raises(AmountRefused) as refusal:
        split.check_part(amount_msat, min_sats=10, max_sats=1_000_000)
    assert texts.why(refusal.value) == sentence
    assert len(sentence) <= 200  # an answer to a press
    for within in (10_000, 1_000_000_000):
        split.check_part(within, min_sats=10, max_sats=1_000_000)


def test_what_follows_an_amount_that_has_to_be_alone_is_quoted() -> None:
    with pytest.raises(AmountRefused) as refusal:
        parse_amount("2100 pizza\nwith cheese")
    assert texts.why(refusal.value) == (
        '"pizza with cheese" is not part of an amount. Write only the amount, for example 2,100.'
    )


def test_words_that_are_too_long_are_not_quoted() -> None:
    error = refused("9" * 25 + " dollars")
    assert texts.why(error).startswith("This is another currency. ")


def test_what_was_written_is_escaped_for_telegram() -> None:
    assert texts.refusal(refused("<2100>")).startswith('"&lt;2100&gt;" ')


PIECES = st.one_of(
    st.sampled_from(["0", "1", "21", "000", "1.5", "1,000", "any", "sat", "btc", "₿", "usd", "k"]),
    st.sampled_from([*"$mx.,_-+'/:(){} \n", "e3", "{shown}", "{0}", "\u200e", "\u0661", "pizza"]),
)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=60))
def test_whatever_is_written_the_sentence_is_one_line_that_can_be_read(text: str) -> None:
    try:
        parse(text, min_sats=1, max_sats=MAX_SATS)
    except AmountRefused as error:
        sentence = texts.why(error)
    else:
        return
    assert re.fullmatch(r"[^\n\u200e]{20,160}\.", sentence)


OF_BOARDS = st.sampled_from(["84k", "/", "/4", "/21k", " ", "@bob", "@eve", "pizza", "sats", "any"])


@pytest.mark.parametrize("read", [split_up, pot])
@given(text=st.lists(OF_BOARDS | PIECES, max_size=8).map("".join) | st.text(max_size=60))
def test_whatever_is_split_or_collected_the_sentence_is_one_line_and_its_example_is_taken(
    read: Callable[[str], object], text: str
) -> None:
    try:
        read(text)
    except AmountRefused as error:
        sentence = texts.why(error)
    else:
        return
    assert re.fullmatch(r"[^\n\u200e]{20,200}\.", sentence)
    if match := re.fullmatch(r".*, for example (.+)\.", sentence):
        read(match[1])
