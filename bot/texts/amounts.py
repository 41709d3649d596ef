"""Why an amount is refused, and an example that works. A sentence or two for each `Problem`."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.amounts import Problem, format_sats
from bot.errors import Value
from bot.texts.phrases import quoted


def about_amount(values: Mapping[str, Value]) -> tuple[str, str]:
    """What is wrong and what to write, from the values of an `AmountRefused`."""
    what, action = _SENTENCES[Problem(str(values["problem"]))]
    limit = format_sats(1000 * int(values.get("limit_sats", 0)))
    shown = quoted(str(values.get("shown", "")))
    fields = {**values, "shown": shown or "This", "limit": limit}
    return what.format_map(fields), action.format_map(fields)


_SENTENCES: dict[Problem, tuple[str, str]] = {
    Problem.MISSING: (
        "The amount is missing.",
        "Write how many sats, for example {example}.",
    ),
    Problem.NOT_A_NUMBER: (
        "{shown} is not an amount.",
        "Write the amount first, for example {example}.",
    ),
    Problem.NEGATIVE: (
        "An amount can't be negative.",
        "Leave out the minus sign, for example {example}.",
    ),
    Problem.PLUS: (
        "An amount needs no plus sign.",
        "Leave it out, for example {example}.",
    ),
    Problem.QUOTES: (
        "An amount needs no quotation marks.",
        "Leave them out, for example {example}.",
    ),
    Problem.NOT_DECIMAL: (
        "{shown} is not a decimal number.",
        "Write the amount in ordinary digits, for example {example}.",
    ),
    Problem.EXPONENT: (
        "{shown} has an exponent.",
        "Write out all the digits, for example {example}.",
    ),
    Problem.DOTS: (
        "{shown} has dots between its digits.",
        "Use commas, for example {example}.",
    ),
    Problem.COMMAS: (
        "{shown} is unclear.",
        "Use commas for thousands and a dot for fractions, for example {example}.",
    ),
    Problem.UNREADABLE: (
        "{shown} can't be read as an amount.",
        "Write a plain number, for example {example}.",
    ),
    Problem.UNIT_FIRST: (
        "The unit goes after the number.",
        "Write it there, for example {example}.",
    ),
    Problem.SUM: (
        "Calculations are not supported.",
        "Write the amount as one number, for example {example}.",
    ),
    Problem.RANGE: (
        "{shown} is a range.",
        "Write one amount, for example {example}.",
    ),
    Problem.PERCENT: (
        "{shown} is a percentage.",
        "Write the amount in sats, for example {example}.",
    ),
    Problem.FRACTION: (
        "{shown} is unclear.",
        "Write whole sats in digits, for example {example}.",
    ),
    Problem.BTC_OR_SATS: (
        "{shown} could be BTC or sats.",
        "Write the unit in letters, for example {example}.",
    ),
    Problem.NO_SPACE: (
        "{shown} has no space between the amount and the memo.",
        "Add one, for example {example}.",
    ),
    Problem.BTC_WITH_MULTIPLIER: (
        "{shown} is unclear, because k and m count sats.",
        "Write BTC with all its digits, for example {example}.",
    ),
    Problem.ONE_OR_TWO_NUMBERS: (
        "{shown} could be one number or two.",
        "Write it without spaces, or with sats before the memo, for example {example}.",
    ),
    Problem.FRACTION_OR_THOUSANDS: (
        "{shown} could be {fewer} or {more}.",
        "Write it without the dot, for example {example}.",
    ),
    Problem.ZERO: (
        "The amount can't be zero.",
        "To let the payer choose, write any, for example {example}.",
    ),
    Problem.BELOW_A_SAT: (
        "{shown} is less than a sat.",
        "Write whole sats, for example {example}.",
    ),
    Problem.BELOW_A_SAT_OR_BTC: (
        "{shown} is less than a sat.",
        "If you mean BTC, add the unit, for example {example}.",
    ),
    Problem.PARTS_OF_A_SAT: (
        "{shown} is not a whole number of sats.",
        "Write whole sats, for example {example}.",
    ),
    Problem.PARTS_OF_A_SAT_OR_BTC: (
        "{shown} is not a whole number of sats.",
        "Write whole sats, or add btc if you mean that, for example {example}.",
    ),
    Problem.TOO_LONG: (
        "That is too long for an amount.",
        "Write the amount first, then a space, for example {example}.",
    ),
    Problem.INVISIBLE: (
        "The amount contains an invisible character.",
        "Type it again, for example {example}.",
    ),
    Problem.OTHER_DIGITS: (
        "Only the digits 0 to 9 are supported.",
        "Write the amount with these, for example {example}.",
    ),
    Problem.OTHER_CURRENCY: (
        "{shown} is another currency.",
        "Only sats and BTC are supported, for example {example}.",
    ),
    Problem.MILLISATS: (
        "Fractions of a sat are not supported.",
        "Write whole sats, for example {example}.",
    ),
    Problem.MEGA_OR_MILLI: (
        "{shown} could be millions or thousandths of a sat.",
        "Write m directly after the number for millions, for example {example}.",
    ),
    Problem.SEPARATE_MULTIPLIER: (
        "{shown} is unclear.",
        "Write a plain number, or k or m directly after it, for example {example}.",
    ),
    Problem.UNCLEAR_UNIT: (
        "{shown} is unclear.",
        "Write sats or btc, then the memo, for example {example}.",
    ),
    Problem.NOT_ALONE: (
        "{shown} is not part of an amount.",
        "Write only the amount, for example {example}.",
    ),
    Problem.SUM_MISSING: (
        "A bill needs a sum.",
        "Write it first, for example {example}.",
    ),
    Problem.COUNT_MISSING: (
        "How many people share the bill, and how much is it?",
        "Write the sum, a slash and their number, for example {example}.",
    ),
    Problem.COUNT_UNREADABLE: (
        "{shown} is not a number of people.",
        "Write a whole number, for example {example}.",
    ),
    Problem.COUNT_APART: (
        "I'm not sure what the slash divides.",
        "Write the sum and the number of people without a space, for example {example}.",
    ),
    Problem.COUNT_OUT_OF_RANGE: (
        "A bill is split among {least} to {most} people.",
        "Write it for another number, for example {example}.",
    ),
    Problem.COUNT_IN_WORDS: (
        "{shown} could be the number of people.",
        "Write it after a slash, for example {example}.",
    ),
    Problem.ONE_PART: (
        "{shown} could mean that each person pays that much.",
        "Write the sum of all parts and how many people share it, for example {example}.",
    ),
    Problem.COUNT_AND_NAMES: (
        "A bill has a number of people or their names.",
        "Write one of the two, for example {example}.",
    ),
    Problem.UNIT_AFTER_SLASH: (
        "{shown} is not next to its amount.",
        "Write the unit directly after the amount, for example {example}.",
    ),
    Problem.NAME_UNKNOWN: (
        "{shown} is nobody's user name.",
        "Write @ and choose the person from the list, for example {example}.",
    ),
    Problem.NAMES_APART: (
        "I'm not sure who has a part.",
        "Write all names directly after the sum, for example {example}.",
    ),
    Problem.GOAL_MISSING: (
        "How much do you want to collect?",
        "Write the goal, or any for none, for example {example}.",
    ),
    Problem.SUGGESTION_APART: (
        "I'm not sure what the slash separates.",
        "Write the goal and the suggested gift without a space, for example {example}.",
    ),
    Problem.SUGGESTION_UNREADABLE: (
        "{shown} can't be read as a suggested gift.",
        "Write an amount after the slash, for example {example}.",
    ),
    Problem.SUGGESTION_ABOVE_GOAL: (
        "The suggested gift is more than the goal.",
        "Write the goal first, for example {example}.",
    ),
    Problem.SUGGESTION_IN_WORDS: (
        "{shown} could mean that each person gives that much.",
        "Write what each gives after a slash, for example {example}.",
    ),
    Problem.PARTS_TOO_SMALL: (
        "Each part would be too small.",
        "Write a larger sum or fewer parts: a part is at least {limit}.",
    ),
    Problem.PARTS_TOO_LARGE: (
        "Each part would be too large.",
        "Write a smaller sum or more parts: a part is at most {limit}.",
    ),
    Problem.PART_TOO_SMALL: (
        "A part of this split is too small: an invoice is at least {limit} now.",
        "The person who asked can close it and make a new one with fewer parts.",
    ),
    Problem.PART_TOO_LARGE: (
        "A part of this split is too large: an invoice is at most {limit} now.",
        "The person who asked can close it and make a new one with more parts.",
    ),
    Problem.TOO_LITTLE: (
        "That amount is too small.",
        "Write at least {limit}.",
    ),
    Problem.TOO_MUCH: (
        "That amount is too large.",
        "Write at most {limit}.",
    ),
}
