"""What is said to commands and presses is read by Telegram, fits, and says the state first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import texts
from bot.core.invoice import Face, State
from bot.core.ledger import Page, Show
from bot.core.text import MAX_TEXT, clean_name
from bot.core.wishes import Cancelling, Renewing
from bot.errors import (
    ChatLimitReached,
    NodeError,
    NodeLocked,
    PermissionMissing,
    UserLimitReached,
)
from tests.texts.reading import (
    FACES,
    HOSTILE,
    NAMES,
    checked,
    hostile,
    invoice,
    parsed,
    people_write,
    units,
)

#: Telegram's limit for the window that answers a press.
MAX_PRESS = 200

REPLIES: dict[str, Callable[[str, str], str]] = {
    "latest": lambda memo, name: texts.listed(
        Page([hostile(face, memo, name) for face in FACES if face is not Face.QUESTION]),
        Show.ALL,
        in_group=True,
    ),
    "help": lambda _, name: texts.help_private(clean_name(name)),
    "help in a group": lambda _, name: texts.help_group(clean_name(name)),
    "refusal": lambda _, name: texts.refusal(
        UserLimitReached(count=2, per_s=60, who=clean_name(name))
    ),
}


@pytest.mark.parametrize("make", REPLIES.values(), ids=REPLIES)
def test_every_reply_is_parsed_and_fits(make: Callable[[str, str], str]) -> None:
    for memo in HOSTILE:
        for name in NAMES:
            checked(make(memo, name))


@settings(deadline=None)
@given(reply=st.sampled_from(sorted(REPLIES)), memo=people_write, name=people_write)
def test_any_reply_is_parsed_and_fits(reply: str, memo: str, name: str) -> None:
    checked(REPLIES[reply](memo, name))


def test_replies_without_words_of_people_are_parsed() -> None:
    for markup in (
        texts.ids(7, 7),
        texts.ids(7, -100),
        texts.stranger(7, -100),
        texts.unclaimed(7, -100),
        texts.listed(Page([]), Show.ALL, in_group=False),
        texts.listed(Page([]), Show.ALL, in_group=True),
        texts.TOO_LATE,
        texts.CANCEL_HOW,
        texts.NOT_ALLOWED,
        texts.NOT_TRACKED,
        texts.QUESTION_CLOSED,
        texts.QUESTION_EXPIRED,
        texts.BUG,
    ):
        checked(markup)


# what came of a wish


NODE_ERRORS = list(NodeError.family())

CANCELLING = {
    Cancelling.CANCELLING: "I'm asking the node to cancel it. The card will say when it is done.",
    Cancelling.NOT_TRACKED: "I no longer track this invoice.",
    Cancelling.ALREADY_PAID: "It has already been paid.",
    Cancelling.NOT_ASKED: "All right, no invoice.",
    Cancelling.ALREADY_CLOSED: "It can no longer be paid. There is nothing to cancel.",
    Cancelling.UNCONFIRMED: (
        "It has expired. Its card will say whether it was paid once I can reach its Lightning node."
    ),
    Cancelling.NODE_AWAY: (
        "Its node is not connected right now. I'll cancel it once that node is back. "
        "Until then it can still be paid."
    ),
    Cancelling.NOT_CONFIRMED: "The node has not confirmed it yet. I'll cancel it once it does.",
}
RENEWING = {
    Renewing.RENEWING: "A new invoice is on its way.",
    Renewing.NOT_TRACKED: "I no longer track this invoice.",
    Renewing.ALREADY_PAID: "It has already been paid.",
    Renewing.STILL_OPEN: "It is still open.",
    Renewing.IN_VAIN: "This would be rejected again. Please ask for something else.",
    Renewing.ALREADY_RENEWED: "It has already been renewed.",
    Renewing.NOT_ALLOWED: (
        "Only the person who asked, a group admin or the bot's owner can do that."
    ),
    Renewing.TOO_MANY: "You have asked for too many invoices. Please try again in an hour.",
    Renewing.PART_GONE: "This part can no longer be paid here. Look at the split in the group.",
}


@pytest.mark.parametrize("result", Cancelling)
def test_what_is_said_to_a_cancellation_fits_a_press_and_a_message(result: Cancelling) -> None:
    said = texts.asked_to_cancel(result)
    assert said == CANCELLING[result]
    assert len(said) <= MAX_PRESS
    assert parsed(said)["text"] == said  # the same with and without markup


@pytest.mark.parametrize("error", NODE_ERRORS)
def test_what_hinders_a_cancellation_is_said_and_fits_a_press(error: type[NodeError]) -> None:
    said = texts.asked_to_cancel(Cancelling.CANCELLING, error())
    assert len(said) <= MAX_PRESS
    assert parsed(said)["text"] == said
    if error is PermissionMissing:
        assert said == (
            "I have no permission to cancel at the node. The invoice can be paid until it expires."
        )
    else:
        assert said == (
            f"{texts.reason(error()).what} I'll cancel what is open once that changes. "
            "Until then it might still be paid."
        )


def test_what_was_decided_before_needs_no_node() -> None:
    for result in set(Cancelling) - {Cancelling.CANCELLING}:
        assert texts.asked_to_cancel(result, NodeLocked()) == CANCELLING[result]


@pytest.mark.parametrize("result", [each for each in Renewing if each is not Renewing.REFUSED])
def test_what_is_said_to_a_renewal_fits_a_press(result: Renewing) -> None:
    said = texts.asked_to_renew(result)
    assert said == RENEWING[result]
    assert len(said) <= MAX_PRESS


@pytest.mark.parametrize("error", NODE_ERRORS)
def test_a_renewal_while_the_node_is_away_says_so(error: type[NodeError]) -> None:
    said = texts.asked_to_renew(Renewing.RENEWING, away=error())
    assert said == f"{texts.reason(error()).what} I'll keep trying for a while."
    assert len(said) <= MAX_PRESS
    for result in set(Renewing) - {Renewing.RENEWING, Renewing.REFUSED}:
        assert texts.asked_to_renew(result, away=error()) == RENEWING[result]


def test_a_renewal_that_is_refused_says_why_as_plain_text() -> None:
    limit = UserLimitReached(count=2, per_s=7200, who="<Anna>")
    said = texts.asked_to_renew(Renewing.REFUSED, limit)
    assert said == 'The limit for "<Anna>" is 2 invoices in 2 hours. Wait a little and ask again.'
    assert texts.asked_to_renew(Renewing.REFUSED, ChatLimitReached(count=5)).startswith("This chat")


def test_the_longest_refusal_of_a_renewal_fits_a_press() -> None:
    limit = UserLimitReached(count=100_000, per_s=86_399, who="n" * 64)
    assert len(texts.asked_to_renew(Renewing.REFUSED, limit)) <= MAX_PRESS


# commands


def test_the_ids_are_each_named_once() -> None:
    assert parsed(texts.ids(7, 7))["text"] == "Your id: 7"
    assert parsed(texts.ids(7, -100))["text"] == "Your id: 7\nThis chat's id: -100"


def test_a_stranger_reads_whom_to_send_the_ids() -> None:
    assert parsed(texts.stranger(7, -100))["text"] == (
        "I only make invoices for people my owner has let in. To ask, send my owner this:\n"
        "Your id: 7\nThis chat's id: -100"
    )


def test_while_there_are_no_owners_anyone_reads_how_to_become_one() -> None:
    assert parsed(texts.unclaimed(7, 7))["text"] == (
        "Nobody owns this bot yet. If it is yours, open the link that it printed when it started: "
        "it is in the terminal or in the log. Or add your id to owners in [access] of "
        "config.toml, and restart it:\nYour id: 7"
    )


def test_the_help_names_the_bot_where_its_name_is_needed() -> None:
    assert "/invoice@some_bot 2100 pizza" in parsed(texts.help_private("some_bot"))["text"]
    group = parsed(texts.help_group("some_bot"))["text"]
    for command in ("invoice", "invoices", "cancel"):
        assert f"/{command}@some_bot" in group


def test_as_many_of_the_latest_are_listed_as_fit() -> None:
    rows = [hostile(Face.OPEN, "\U0001f9c0" * 100, "Anna") for _ in range(200)]
    text = checked(texts.listed(Page(rows), Show.ALL, in_group=False))["text"]
    assert units(text) > MAX_TEXT - 200
    lines = text.splitlines()
    assert lines[0] == "Your latest invoices"
    assert len(set(lines[1:])) == 1
    assert lines[1].startswith("⚡ open · 2,100 sats – ")


@pytest.mark.parametrize(
    ("state", "start"),
    [
        (State.PENDING, '⏳ pending · 2,100 sats – "pizza" · '),
        (State.OPEN, '⚡ open · 2,100 sats – "pizza" · '),
        (State.SETTLED, '✅ paid · 2,100 sats – "pizza" · '),
        (State.EXPIRED, '🕓 expired · 2,100 sats – "pizza" · '),
        (State.CANCELLED, '🚫 cancelled · 2,100 sats – "pizza" · '),
        (State.FAILED, '⚠️ failed · 2,100 sats – "pizza" · '),
    ],
)
def test_each_of_the_latest_begins_with_its_state(state: State, start: str) -> None:
    text = checked(texts.listed(Page([invoice(state)]), Show.ALL, in_group=True))["text"]
    heading, line = text.split("\n")
    assert heading == "Your latest invoices here"
    assert line.startswith(start)


@settings(deadline=None)
@given(memo=people_write)
def test_a_memo_takes_one_line_among_the_latest(memo: str) -> None:
    row = hostile(Face.OPEN, memo, "Anna")
    text = checked(texts.listed(Page([row, invoice()]), Show.ALL, in_group=True))["text"]
    assert len(text.split("\n")) == 3


def test_the_commands_are_as_telegram_takes_them() -> None:
    for commands in (texts.PRIVATE_COMMANDS, texts.GROUP_COMMANDS):
        for name, text in commands:
            assert name.isalpha()
            assert name.islower()
            assert 3 <= len(text) <= 256
