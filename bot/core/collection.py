"""What people write after /collect, and how much of a goal is reached. Knows no sentence.

What is accepted::

    500k            500k speakers      a goal
    500k/21k        500k/21k speakers  a goal and a suggested gift, right behind the slash
    any             any/21k speakers   no goal

Nothing is guessed: what could be read in two ways is refused, with an example that works.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from bot.core import shares
from bot.core.amount_numbers import ALL_SATS, short
from bot.core.amount_problems import Problem, quotable, refuse, with_example
from bot.core.amounts import check_range, parse_amount, split_off
from bot.core.split import AROUND_A_SLASH, after_slash
from bot.errors import AmountRefused

EXAMPLE = "500k speakers"
WITHOUT_GOAL = "any speakers"
GIFT_EXAMPLE = "2100"
WITH_SUGGESTION = "500k/21k speakers"
#: What is offered as a gift where nothing is suggested, in satoshi.
QUICK_SATS = (1_000, 5_000, 21_000)

_OF_COLLECTIONS = (
    Problem.GOAL_MISSING,
    Problem.SUGGESTION_APART,
    Problem.SUGGESTION_UNREADABLE,
    Problem.SUGGESTION_ABOVE_GOAL,
    Problem.SUGGESTION_IN_WORDS,
)


@dataclass(frozen=True, slots=True)
class Pot:
    """A goal and a suggested gift in millisatoshi, 0 for none, and what for."""

    goal_msat: int
    suggested_msat: int
    memo: str


def parse(text: str, *, min_sats: int, max_sats: int) -> Pot:
    """What follows /collect. Raises `AmountRefused`; a suggestion is within the limits."""
    try:
        return _parse(text.strip(), min_sats=min_sats, max_sats=max_sats)
    except AmountRefused as error:
        example = error.values.get("example")
        if example is None or error.problem in _OF_COLLECTIONS:
            raise
        works = WITHOUT_GOAL if error.problem == Problem.ZERO else EXAMPLE
        raise with_example(error, works) from None


def _parse(text: str, *, min_sats: int, max_sats: int) -> Pot:
    if not text or text.startswith("/"):
        refuse(Problem.GOAL_MISSING, EXAMPLE)
    match = AROUND_A_SLASH.match(text)
    goal_msat = _alone(match[1]) if match else None
    if match is None or goal_msat is None:
        goal_msat, memo = split_off(text)
        if each := shares.of_one_part(memo):
            works = f"any/{short(Decimal(goal_msat // 1000), '21k')}"
            refuse(Problem.SUGGESTION_IN_WORDS, works, shown=quotable(each))
        if shares.and_more(memo):
            refuse(Problem.SUM, EXAMPLE)
        return Pot(_within_reason(goal_msat), 0, memo)
    goal, before, behind, gift = match.groups()
    if before or behind:
        refuse(Problem.SUGGESTION_APART, WITH_SUGGESTION)
    suggested_msat = _gift(goal.strip(), gift)
    check_range(suggested_msat, min_sats=min_sats, max_sats=max_sats)
    if 0 < goal_msat < suggested_msat:
        refuse(Problem.SUGGESTION_ABOVE_GOAL, WITH_SUGGESTION)
    memo = after_slash(gift, suggested_msat, text[match.end() :].strip(), "")
    if shares.in_words(f"{gift} {memo}"):  # "500k/5 people"
        _refuse_gift(goal, f"{gift} {memo}")
    return Pot(_within_reason(goal_msat), suggested_msat, memo)


def parse_gift(text: str) -> int:
    """What a giver writes, in msat, 0 for any. Raises `AmountRefused`; the range is not checked."""
    try:
        return parse_amount(text)
    except AmountRefused as error:
        raise with_example(error, _gift_like(str(error.values.get("example", "")))) from None


def _gift_like(example: str) -> str:
    """An example of an amount that is a gift alone."""
    try:
        return example if parse_amount(example) else GIFT_EXAMPLE
    except AmountRefused:  # it has a memo
        return GIFT_EXAMPLE


def quick_gifts(suggested_msat: int, within: range) -> list[int]:
    """What a giver can choose by a button, in msat: what is suggested, and a few amounts.

    `within`: the satoshi that an invoice may have; there may be another range since it was
    suggested.
    """
    offered = dict.fromkeys([suggested_msat // 1000, *QUICK_SATS])
    return [1000 * sats for sats in offered if sats and sats in within]


def _alone(text: str) -> int | None:
    """The amount in msat, None where more than that is written: "500k for a/b"."""
    try:
        return parse_amount(text)
    except AmountRefused as error:
        if error.problem is Problem.NOT_ALONE:
            return None
        raise


def _gift(goal: str, text: str) -> int:
    try:
        gift_msat = parse_amount(text)
    except AmountRefused:
        gift_msat = 0
    if not gift_msat:
        _refuse_gift(goal, text)
    return gift_msat


def _refuse_gift(goal: str, text: str) -> NoReturn:
    goal_msat = parse_amount(goal)
    works = f"{goal.strip()}/21k" if not 0 < goal_msat < 21_000_000 else WITH_SUGGESTION
    refuse(Problem.SUGGESTION_UNREADABLE, works, shown=quotable(text))


def _within_reason(goal_msat: int) -> int:
    check_range(goal_msat, min_sats=1, max_sats=ALL_SATS)
    return goal_msat
