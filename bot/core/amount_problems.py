"""Why an amount is refused, and what of it is shown. Knows only our errors and the quotes."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

from bot.core.amount_numbers import LONGEST_WORD
from bot.core.amount_words import AROUND_QUOTES, visible
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
    SUM_MISSING = "sum missing"  # of a bill that is split
    COUNT_MISSING = "count missing"
    COUNT_UNREADABLE = "count unreadable"  # shown
    COUNT_APART = "count apart"
    COUNT_OUT_OF_RANGE = "count out of range"  # least, most
    COUNT_IN_WORDS = "count in words"  # shown
    COUNT_AND_NAMES = "count and names"
    ONE_PART = "one part"  # shown: what says that the sum is that of one part
    UNIT_AFTER_SLASH = "unit after slash"  # shown
    NAMES_APART = "names apart"
    NAME_UNKNOWN = "name unknown"  # shown
    GOAL_MISSING = "goal missing"  # of a collection
    SUGGESTION_APART = "suggestion apart"
    SUGGESTION_UNREADABLE = "suggestion unreadable"  # shown
    SUGGESTION_ABOVE_GOAL = "suggestion above goal"
    SUGGESTION_IN_WORDS = "suggestion in words"  # shown
    PARTS_TOO_SMALL = "parts too small"  # limit_sats
    PARTS_TOO_LARGE = "parts too large"  # limit_sats
    PART_TOO_SMALL = "part too small"  # limit_sats; of a bill from before that limit
    PART_TOO_LARGE = "part too large"  # limit_sats; likewise
    TOO_LITTLE = "too little"  # limit_sats
    TOO_MUCH = "too much"  # limit_sats


_GIVEN = ("problem", "example")


def refuse(problem: Problem, example: str, **values: Value) -> NoReturn:
    """Raises `AmountRefused` with an example that works."""
    raise AmountRefused(problem, example=example, **values)


def with_example(error: AmountRefused, example: str) -> AmountRefused:
    """The same refusal with another example."""
    others = {name: value for name, value in error.values.items() if name not in _GIVEN}
    return AmountRefused(error.problem, example=example, **others)


def quotable(text: str) -> str:
    """Written words as a sentence can quote them, "" where they are too long for that.

    The sentence has quotation marks of its own.
    """
    words = (AROUND_QUOTES.sub("", visible(word)) for word in text.split())
    shown = " ".join(filter(None, words))
    return shown if len(shown) <= LONGEST_WORD else ""
