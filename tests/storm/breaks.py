"""The promises, and the breaks of them that a storm found. Knows no world outside."""

from __future__ import annotations

from dataclasses import dataclass

from tests.storm.book import Command

PROMISES = (
    "commands without a card or a sentence",
    "commands with two invoices that were ever shown",
    "payments not shown in time",
    "payments not told, or told too often",
    "cards that are not true",
    "wrong amount, memo, chat or topic",
    "what people pressed was not done",
    "stuck rows, tracebacks, unclosed resources",
    "secrets in the log",
    "boards whose sum is not what the node received",
    "seats with two invoices that could be paid at once",
    "boards that say closed and could be paid",
    "ends of boards not told, or told too often",
    "boards that are not true",
    "names that somebody hid",
    "strangers with a card",
    "questions to owners that are missing, doubled or untrue",
    "/who says something else than was done",
)

#: The promise that a bot breaks which ends by itself.
ENDED = 7
LEFT_BEHIND = 7
SECRETS = 8
#: Those of boards.
SUM, TWICE, PAYABLE, END, BOARD, HIDDEN = range(9, 15)
#: Those of who is let in.
STRANGER, KNOCK, WHO = range(15, 18)


@dataclass(frozen=True, slots=True)
class Break:
    """A promise that does not hold, and for which command."""

    promise: int
    what: str
    command: Command | None = None
