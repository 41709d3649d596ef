"""What a group reads of a bill: whatever names people have, it is parsed, and fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import texts
from bot.core.board import Board, BoardState, Seat
from bot.core.invoice import State
from bot.core.text import MAX_MEMO_BYTES, MAX_TEXT, clean_name
from bot.core.wishes import Closing, Leaving, Parting, Sitting, Splitting
from bot.texts.boards import NAMES_SHOWN
from tests.bills import BERT, PART_MSAT, board, free, part, taken
from tests.texts.reading import HOSTILE, NAMES, checked, memo_of, parsed, people_write, units

MAX_PRESS = 200


def said(shown: Board, payee: str | None = "carol", **how: Any) -> str:
    return str(parsed(texts.board(shown, payee, **how))["text"])


SEATS = (
    free(1, person_id=7, name="Anna", otherwise=True),
    taken(State.SETTLED, 2),
    taken(State.OPEN, 3, name="Cora"),
    free(4),
)


def test_an_open_bill_says_who_pays_what() -> None:
    assert said(board(*SEATS), None).splitlines() == [
        '⚡ Split: 112,000 sats, 56,000 sats paid – "pizza"',
        'Requested by "Anna"',
        "28,000 sats each",
        '✅ 28,000 sats: "Anna" (paid the bill)',
        '✅ 28,000 sats: "Bert"',
        '⚡ 28,000 sats: "Cora"',
        "◻️ 28,000 sats: free",
        "Open until 2026-09-28 14:13 UTC. The bot can't return payments.",
    ]


def test_whose_node_is_paid_is_said() -> None:
    assert said(board()).splitlines()[1] == 'Requested by "Anna", to "carol"'
    assert said(board(), "").splitlines()[1] == 'Requested by "Anna", to the bot owner\'s node'
    assert said(board(asker_name="")).splitlines()[1] == 'To "carol"'
    assert said(board(asker_name=""), None).splitlines()[1] == "28,000 sats each"


def test_a_bill_that_closes_says_so_and_what_was_paid() -> None:
    closing = said(board(*SEATS, state=BoardState.CLOSING)).splitlines()
    assert closing[0] == '🚫 Split: 112,000 sats, 56,000 sats paid, closing – "pizza"'
    assert closing[-1] == "I'm cancelling the parts that are still open."
    closed = board(*SEATS, state=BoardState.CLOSED)
    assert (
        said(closed).splitlines()[0].startswith("🚫 Split: 112,000 sats, 56,000 sats paid, closed")
    )
    assert said(closed).splitlines()[-1] == "Nothing more can be paid."
    by = said(replace(closed, closed_by="Dora")).splitlines()[-1]
    assert by == 'Closed by "Dora". Nothing more can be paid.'
    over = board(*SEATS[:2], state=BoardState.CLOSED)
    assert said(over).splitlines()[0] == '✅ Split: 56,000 sats, all paid – "pizza"'
    assert said(over).splitlines()[-1] == '✅ 28,000 sats: "Bert"'


def test_who_paid_for_somebody_is_said_and_how_much_it_was() -> None:
    other = part(State.SETTLED, asker_id=9, asker_name="Cora", paid_msat=PART_MSAT + 2_000_000)
    shown = said(board(free(1), taken(part=other)))
    assert '✅ 30,000 sats: "Bert" (by "Cora")' in shown.splitlines()


def test_the_one_message_at_the_end_says_what_came_of_it() -> None:
    over = board(*SEATS[:2], state=BoardState.CLOSED)
    assert parsed(texts.board_announcement(over))["text"] == (
        '✅ All parts of 56,000 sats are paid. – "pizza"'
    )
    closed = board(*SEATS, state=BoardState.CLOSED)
    assert parsed(texts.board_announcement(closed))["text"] == (
        "🚫 The split of 112,000 sats is closed: 56,000 sats paid."
    )
    nothing = board(state=BoardState.CLOSED)
    assert parsed(texts.board_announcement(nothing, may_be_duplicate=True))["text"] == (
        "🚫 The split of 56,000 sats is closed: nothing paid.\n"
        "This may be a duplicate of a message above."
    )


def full(name: str, count: int = 50, memo: str = "", state: State = State.OPEN) -> Board:
    """A bill in as many parts as there can be, each with this name."""
    part_ = part(state, asker_id=9, asker_name=clean_name(name))
    seats = [
        Seat(number=n, amount_msat=PART_MSAT, person_id=BERT, name=clean_name(name), part=part_)
        for n in range(1, count + 1)
    ]
    return board(
        *seats, memo=memo_of(memo), asker_name=clean_name(name), closed_by=clean_name(name)
    )


LONG = [
    *NAMES,
    "<" * 64,
    "&" * 64,
    "\U0001f469\u200d\U0001f467 " * 22,
    "न" * 64,
    "ש" * 64,
    "👩🏽‍🚀" * 16,
]


@pytest.mark.parametrize("state", BoardState)
@pytest.mark.parametrize("name", LONG)
def test_fifty_parts_with_the_longest_names_fit(name: str, state: BoardState) -> None:
    for memo in ("", "pizza", "x" * MAX_MEMO_BYTES, "\U0001f9c0" * 159, "<" * 639):
        for of_part in (State.OPEN, State.SETTLED):
            shown = replace(full(name, memo=memo, state=of_part), state=state)
            checked(texts.board(shown, clean_name(name), may_be_duplicate=True))
            checked(texts.board_announcement(shown, may_be_duplicate=True))


@settings(deadline=None)
@given(name=people_write, memo=people_write, count=st.integers(2, 50))
def test_whatever_people_are_called_a_bill_is_parsed_and_fits(
    name: str, memo: str, count: int
) -> None:
    for state in (State.OPEN, State.SETTLED):
        checked(texts.board(full(name, count, memo, state), clean_name(name)))


def test_as_many_parts_are_listed_as_fit_and_the_others_are_counted() -> None:
    shown = full("\U0001f9c0" * 64, state=State.SETTLED)
    text = said(shown)
    assert units(text) > MAX_TEXT - 350
    listed = [line for line in text.splitlines() if line.startswith("✅ 28,000 sats: ")]
    assert 10 < len(listed) < 50
    assert f"and {50 - len(listed)} more parts, {50 - len(listed)} of them paid" in text


def test_all_parts_are_listed_where_they_fit_the_later_ones_folded() -> None:
    markup = texts.board(full("Bert"), None)
    assert said(full("Bert"), None).count('⚡ 28,000 sats: "Bert"') == 50
    assert markup.partition("<blockquote expandable>")[0].count("28,000 sats: ") == NAMES_SHOWN
    assert "<blockquote" not in texts.board(full("Bert", NAMES_SHOWN), None)


FORGED = [
    'Bob"\n✅ 28,000 sats: "Anna',
    "✅ 28,000 sats",
    "\n\n✅ Split: 84,000 sats, all paid\n",
    "</blockquote>✅",
    "\u202e\u2066✅ paid",
    'x" (paid the bill)',
]


@pytest.mark.parametrize("name", [*FORGED, *HOSTILE])
def test_nobody_makes_a_line_of_a_bill_by_their_name(name: str) -> None:
    """As a name that an older version has kept: each line begins with what is ours."""
    for count in (3, 20):
        seats = [
            Seat(number=n, amount_msat=PART_MSAT, person_id=BERT, name=name)
            for n in range(1, count + 1)
        ]
        lines = said(board(*seats, memo="", asker_name=name), None).splitlines()
        own = [line for line in lines if line.startswith("⚡ 28,000 sats: ")]
        assert len(own) == count
        assert not [line for line in lines if line.startswith(("✅", "◻️", "🚫"))]
        assert {line.count('"') for line in own} <= {0, 2}


def test_what_a_press_and_a_link_are_answered_with_fits() -> None:
    for sitting in Sitting:
        assert 0 < len(texts.sitting(sitting)) <= MAX_PRESS
    for leaving in Leaving:
        assert 0 < len(texts.leaving(leaving)) <= MAX_PRESS
    for parting in Parting:
        assert bool(texts.parting(parting)) is (parting is not Parting.ASKED)
    for splitting in Splitting:
        speaks = splitting in (Splitting.TOO_MANY_OPEN, Splitting.TOO_OFTEN)
        assert bool(texts.splitting(splitting)) is speaks
    for closing in Closing:
        assert bool(texts.closing(closing)) is (closing is Closing.ALREADY_CLOSED)
