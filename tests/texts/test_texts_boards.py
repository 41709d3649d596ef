"""What a group reads of a bill: whatever names people have, it is parsed, and fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import texts
from bot.core.board import MAX_GIFTS, Board, BoardKind, BoardState, Seat
from bot.core.invoice import Face, PartKind, State
from bot.core.text import MAX_CAPTION, MAX_MEMO_BYTES, MAX_TEXT, clean_name
from bot.core.wishes import (
    Change,
    Changing,
    Closing,
    Fixing,
    Joining,
    Leaving,
    Parting,
    Sitting,
    Splitting,
)
from bot.texts.boards import NAMES_SHOWN, seat_lines
from tests.bills import BERT, PART_MSAT, board, free, part, taken
from tests.texts.reading import HOSTILE, NAMES, checked, memo_of, parsed, people_write, units

MAX_PRESS = 200


def said(shown: Board, payee: str | None = "carol", **how: Any) -> str:
    return str(parsed(texts.board(shown, payee, **how))["text"])


SEATS = (
    free(1, person_id=7, name="Anna", otherwise=True, paid_bill=True),
    taken(State.SETTLED, 2),
    taken(State.OPEN, 3, name="Cora"),
    free(4),
)


def test_an_open_bill_says_who_pays_what() -> None:
    assert said(board(*SEATS), None).splitlines() == [
        '⚡ Split: 112,000 sats, 28,000 sats paid, 28,000 sats settled otherwise – "pizza"',
        'Requested by "Anna"',
        "28,000 sats each",
        '✅ 28,000 sats: "Anna" (paid the bill)',
        '✅ 28,000 sats: "Bert"',
        '⚡ 28,000 sats: "Cora"',
        "◻️ 28,000 sats: free",
        "Open until 2026-09-28 14:13 UTC. The bot can't return payments.",
    ]


def test_each_part_says_whose_it_is_and_how_it_was_paid() -> None:
    short = part(State.SETTLED, paid_msat=PART_MSAT - 1_000)
    seats = {
        '◻️ 28,000 sats: "@dora"': free(1, username="dora"),
        '◻️ 28,000 sats: "Emil"': free(1, person_id=10, name="Emil"),
        "◻️ 28,000 sats: someone": free(1, person_id=10),
        "◻️ 28,000 sats: an admin": free(1, person_id=10, name="Emil", hidden=True),
        "⚡ 28,000 sats: an admin": taken(None, 1, hidden=True),
        "✅ 28,000 sats: an admin": taken(State.SETTLED, 1, hidden=True),
        '✅ 28,000 sats: "Bert" (settled otherwise)': taken(None, 1, otherwise=True),
        "✅ 28,000 sats: settled otherwise": free(1, otherwise=True),
        '✅ 27,999 sats: "Bert" (less than 28,000 sats)': taken(None, 1, part=short),
        '✅ 28,000 sats: someone (by "Anna")': free(1, part=part(State.SETTLED, 1)),
    }
    for line, seat in seats.items():
        assert said(board(seat, free(2))).splitlines()[3] == line


def test_where_parts_differ_it_is_said_how_many_there_are_of_each() -> None:
    seats = [free(1, amount_msat=28_001_000), free(2, amount_msat=28_001_000), free(3)]
    assert said(board(*seats)).splitlines()[2] == "2 at 28,001 sats, 1 at 28,000 sats"


def test_a_bill_that_nobody_is_asked_for_yet_says_who_is_in_and_what_comes_next() -> None:
    joined = [free(1, person_id=7, name="Anna"), free(2, person_id=8, name="Emil", hidden=True)]
    joining = {"state": BoardState.JOINING, "sum_msat": 84_000_000}
    assert said(board(*joined, **joining), None).splitlines() == [
        '⚡ Split: 84,000 sats – "pizza"',
        'Requested by "Anna"',
        "2 people so far: 42,000 sats each",
        '◻️ "Anna"',
        "◻️ an admin",
        (
            "Who is in? Press I'm in to take part. Ask now then fixes the parts. "
            "Open until 2026-09-28 14:13 UTC."
        ),
    ]
    alone = said(board(joined[0], **joining), None)
    assert "so far" not in alone
    too_many = [free(n, person_id=n) for n in range(1, 4)]
    assert "so far" not in said(board(*too_many, state=BoardState.JOINING, sum_msat=2_000))


def test_whose_node_is_paid_is_said() -> None:
    assert said(board()).splitlines()[1] == 'Requested by "Anna", payable to "carol"'
    assert (
        said(board(), "").splitlines()[1] == 'Requested by "Anna", payable to the bot owner\'s node'
    )
    assert said(board(asker_name="")).splitlines()[1] == 'Payable to "carol"'
    assert said(board(asker_name=""), None).splitlines()[1] == "28,000 sats each"


def test_a_bill_that_closes_says_so_and_what_was_paid() -> None:
    closing = said(board(*SEATS, state=BoardState.CLOSING)).splitlines()
    how_much = "28,000 sats paid, 28,000 sats settled otherwise"
    assert closing[0] == f'🚫 Split: 112,000 sats, {how_much}, closing – "pizza"'
    assert closing[-1] == "I'm cancelling the invoices that are still open."
    closed = board(*SEATS, state=BoardState.CLOSED)
    assert said(closed).splitlines()[0] == closing[0].replace("closing", "closed")
    assert said(closed).splitlines()[-1] == "Nothing more can be paid."
    by = said(replace(closed, closed_by="Dora")).splitlines()[-1]
    assert by == 'Closed by "Dora". Nothing more can be paid.'
    over = board(*SEATS[:2], state=BoardState.CLOSED)
    assert said(over).splitlines()[0] == (
        "✅ Split: 56,000 sats, all covered: "
        '28,000 sats paid, 28,000 sats settled otherwise – "pizza"'
    )
    assert said(over).splitlines()[-1] == '✅ 28,000 sats: "Bert"'


def test_who_paid_for_somebody_is_said_and_how_much_it_was() -> None:
    more = {"asker_id": 9, "paid_msat": PART_MSAT + 2_000_000, "part_kind": PartKind.OTHERS}
    for by, changes in (
        ('"Cora"', {"asker_name": "Cora"}),
        ("someone", {"asker_name": ""}),
        ("an admin", {"asker_name": "Cora", "hidden": True}),
    ):
        other = part(State.SETTLED, **more, **changes)
        shown = said(board(free(1), taken(part=other))).splitlines()
        assert f'✅ 30,000 sats: "Bert" (by {by})' in shown


def test_whoever_paid_a_part_as_well_is_said_and_how_much_of_it_that_was() -> None:
    """One invoice counted as gone, and could be paid once its node knew it again."""
    own = part(State.SETTLED, asker_id=9, asker_name="Sven")
    others = [
        part(State.SETTLED, asker_id=8, asker_name="Bert"),
        part(State.SETTLED, asker_id=7, asker_name="Anna"),
        part(State.SETTLED, asker_id=8, asker_name="Bert"),
    ]
    svens = {"person_id": 9, "name": "Sven"}
    for paid, says in (
        ((own, others[0]), '✅ 56,000 sats: "Sven" (28,000 sats by "Bert")'),
        ((others[0], own), '✅ 56,000 sats: "Sven" (28,000 sats by "Bert")'),
        ((own, *others), '✅ 112,000 sats: "Sven" (84,000 sats by "Bert", "Anna")'),
        (tuple(others[:2]), '✅ 56,000 sats: "Sven" (by "Bert", "Anna")'),
        ((own, own), '✅ 56,000 sats: "Sven"'),
    ):
        seat = replace(taken(part=paid[0]), others=paid[1:], **svens)
        assert says in said(board(free(1), seat)).splitlines()


# collections


def pot(*seats: Seat, **changes: Any) -> Board:
    """A collection with a goal."""
    goal = {"kind": BoardKind.COLLECTION, "sum_msat": 50_000_000, "suggested_msat": 21_000_000}
    return board(*seats, **(goal | changes))


def gift(number: int, sats: int, **changes: Any) -> Seat:
    """One that is paid."""
    given = part(State.SETTLED, number, part_kind=PartKind.GIFT, paid_msat=1000 * sats)
    own = {"person_id": BERT, "name": "Bert", "part": given, "amount_msat": 0}
    return free(number, **(own | changes))


GIFTS = (
    gift(1, 21_000),
    gift(2, 5_000, person_id=9, name="Cora", hidden=True),
    gift(3, 1_000),
    free(4, person_id=10, name="Emil", token="t", amount_msat=0),
)


def test_a_collection_says_how_far_it_is_and_who_gave_and_no_single_amount() -> None:
    assert said(pot(*GIFTS), None).splitlines() == [
        '⚡ Collection: 27,000 sats of 50,000 sats – "pizza"',
        'Requested by "Anna"',
        "▰▰▰▰▰▱▱▱▱▱ 54 %",
        "Suggested: 21,000 sats",
        "3 gifts",
        '✅ "Bert"',
        "Open until 2026-09-28 14:13 UTC. The bot can't return payments.",
    ]
    assert "Cora" not in said(pot(*GIFTS))
    assert "Emil" not in said(pot(*GIFTS))


def test_a_collection_without_a_goal_has_no_bar() -> None:
    lines = said(pot(*GIFTS, sum_msat=0, suggested_msat=0), None).splitlines()
    assert lines[0] == '⚡ Collection: 27,000 sats – "pizza"'
    assert lines[2] == "3 gifts"
    assert not any("▰" in line or "▱" in line for line in lines)


@pytest.mark.parametrize(
    ("gifts", "state", "first"),
    [
        ((), BoardState.OPEN, "⚡ Collection: nothing yet of 50,000 sats"),
        ((), BoardState.CLOSED, "🚫 Collection: nothing of 50,000 sats, closed"),
        (GIFTS, BoardState.CLOSING, "🚫 Collection: 27,000 sats of 50,000 sats, closing"),
        ((gift(1, 50_000),), BoardState.OPEN, "✅ Collection: 50,000 sats of 50,000 sats"),
        (
            (gift(1, 51_000),),
            BoardState.CLOSED,
            "✅ Collection: 51,000 sats of 50,000 sats, closed",
        ),
    ],
)
def test_the_first_line_of_a_collection_is_its_state(
    gifts: tuple[Seat, ...], state: BoardState, first: str
) -> None:
    shown = replace(pot(state=state, memo=""), seats=gifts)
    assert said(shown).splitlines()[0] == first


@pytest.mark.parametrize(
    ("sats", "bar"),
    [
        (0, "▱▱▱▱▱▱▱▱▱▱ 0 %"),
        (1, "▱▱▱▱▱▱▱▱▱▱ 0 %"),
        (4_999, "▱▱▱▱▱▱▱▱▱▱ 9 %"),
        (5_000, "▰▱▱▱▱▱▱▱▱▱ 10 %"),
        (49_999, "▰▰▰▰▰▰▰▰▰▱ 99 %"),
        (50_000, "▰▰▰▰▰▰▰▰▰▰ 100 %"),
        (500_000, "▰▰▰▰▰▰▰▰▰▰ 1000 %"),
    ],
)
def test_the_bar_is_full_only_when_the_goal_is_reached(sats: int, bar: str) -> None:
    gifts = (gift(1, sats),) if sats else ()
    assert bar in said(replace(pot(), seats=gifts)).splitlines()


# what is announced and reminded of


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (board(taken(State.SETTLED)), '✅ All parts of 28,000 sats are paid – "pizza".'),
        # what the node received, and not what was settled without it
        (
            board(*SEATS),
            (
                "🚫 The split of 112,000 sats is closed: 28,000 sats paid, "
                '28,000 sats settled otherwise – "pizza".'
            ),
        ),
        (
            board(*SEATS[1:]),
            '🚫 The split of 84,000 sats is closed: 28,000 sats paid – "pizza".',
        ),
        (board(memo=""), "🚫 The split of 56,000 sats is closed: nothing paid."),
        (
            pot(gift(1, 51_000)),
            '✅ The goal of 50,000 sats is reached: 51,000 sats given – "pizza".',
        ),
        (pot(*GIFTS, memo=""), "🚫 The collection is closed: 27,000 sats given."),
    ],
)
def test_the_one_message_at_the_end_says_what_came_of_it(shown: Board, says: str) -> None:
    shown = replace(shown, state=BoardState.CLOSED)
    assert parsed(texts.board_announcement(shown))["text"] == says
    twice = parsed(texts.board_announcement(shown, may_be_duplicate=True))["text"]
    assert twice == f"{says}\nThis may be a duplicate of a message above."


def test_an_end_that_its_chat_does_not_take_is_told_without_what_people_wrote() -> None:
    closed = board(*SEATS[1:], state=BoardState.CLOSED)
    assert parsed(texts.board_announcement(closed, is_bare=True, in_private=True))["text"] == (
        "🚫 The split of 84,000 sats is closed: 28,000 sats paid.\n"
        "I can't write to the chat where you asked for it."
    )


def test_who_asked_hears_of_a_board_that_telegram_does_not_take() -> None:
    assert parsed(texts.board_refused(board(chat_title="Friends"), is_closed=False))["text"] == (
        '🚫 Your split of 56,000 sats in "Friends" is closed: Telegram rejected its message. '
        "Nobody can pay it. Please ask for it again."
    )
    assert parsed(texts.board_refused(pot(), is_closed=True))["text"] == (
        "🚫 Your collection is closed: I can't write in that topic. "
        "Nobody can pay it. Please ask for it again."
    )


def test_a_reminder_mentions_who_has_not_paid_and_says_what_to_do() -> None:
    seats = [
        *SEATS,
        free(5, username="dora"),
        free(6, person_id=10, name="Emil", hidden=True),
        free(7, person_id=11),
    ]
    markup = texts.reminder(board(*seats))
    assert parsed(markup)["text"].splitlines() == [
        '⚡ Parts of the split of 196,000 sats can be paid – "pizza".',
        'Not yet paid: "Cora", "@dora", 3 other parts.',
        "To pay, press Pay my part below the split.",
    ]
    assert markup.count("tg://user?id=") == 1  # an @ name is a mention by itself
    nobody = parsed(texts.reminder(board(memo="")))["text"]
    assert "Not yet paid: 2 parts." in nobody
    assert texts.reminder(board(), may_be_duplicate=True).endswith("above.</i>")


# whatever people are called


def full(name: str, count: int = 50, memo: str = "", state: State = State.OPEN) -> Board:
    """A bill in as many parts as there can be, each with this name, each paid by another."""
    cleaned = clean_name(name)
    part_ = part(state, asker_id=9, asker_name=cleaned, part_kind=PartKind.OTHERS)
    seats = [
        free(n, person_id=BERT, token="t", name=cleaned, part=part_) for n in range(1, count + 1)
    ]
    return board(*seats, memo=memo_of(memo), asker_name=cleaned, closed_by=cleaned)


def many_gifts(name: str, count: int = MAX_GIFTS, memo: str = "") -> Board:
    """A collection with as many gifts as there can be, each of somebody else of this name."""
    cleaned = clean_name(name)
    gifts = [gift(n, 1_000, person_id=n, name=cleaned) for n in range(1, count + 1)]
    return pot(*gifts, memo=memo_of(memo), asker_name=cleaned, closed_by=cleaned)


LONG = [
    *NAMES,
    "<" * 64,
    "&" * 64,
    "\U0001f469\u200d\U0001f467 " * 22,
    "न" * 64,
    "ש" * 64,
    "👩🏽‍🚀" * 16,
    "𝔄" * 64,
    "\U00020000" * 64,
    "ย" + "ู" * 63,
]
MEMOS = ("\U0001f9c0" * 159, "<" * MAX_MEMO_BYTES)


@pytest.mark.parametrize("state", BoardState)
@pytest.mark.parametrize("name", LONG)
def test_fifty_parts_with_the_longest_names_fit(name: str, state: BoardState) -> None:
    for memo in MEMOS:
        for of_part in (State.OPEN, State.SETTLED):
            shown = replace(full(name, memo=memo, state=of_part), state=state)
            checked(texts.board(shown, clean_name(name), may_be_duplicate=True))
            checked(texts.board_announcement(shown, may_be_duplicate=True))
            if of_part is State.OPEN:
                checked(texts.reminder(shown, may_be_duplicate=True))
            checked(texts.manage(shown, Change.UNSETTLE, at=0.0))


@pytest.mark.parametrize("name", LONG)
def test_five_hundred_gifts_with_the_longest_names_fit(name: str) -> None:
    for memo in ("", "<" * MAX_MEMO_BYTES):
        shown = replace(many_gifts(name, memo=memo), state=BoardState.CLOSING)
        checked(texts.board(shown, clean_name(name), may_be_duplicate=True))
        checked(texts.board_announcement(shown, may_be_duplicate=True))
        checked(texts.manage(shown, Change.UNSETTLE, at=0.0))


@settings(deadline=None)
@given(name=people_write, memo=people_write, count=st.integers(2, 50))
def test_whatever_people_are_called_a_bill_is_parsed_and_fits(
    name: str, memo: str, count: int
) -> None:
    for state in (State.OPEN, State.SETTLED):
        shown = full(name, count, memo, state)
        checked(texts.board(shown, clean_name(name)))
        checked(texts.manage(shown, at=0.0))
    checked(texts.reminder(full(name, count, memo)))
    checked(texts.board(many_gifts(name, count, memo), clean_name(name)))


def test_as_many_givers_are_listed_as_fit_and_the_others_are_counted() -> None:
    text = said(many_gifts("\U0001f9c0" * 64))
    assert units(text) > MAX_TEXT - 350
    listed = text.count('✅ "')
    assert NAMES_SHOWN < listed < MAX_GIFTS
    assert f"and {MAX_GIFTS - listed} others" in text
    assert "500 gifts" in text


def test_a_reminder_mentions_as_many_as_fit_and_counts_the_others() -> None:
    text = parsed(texts.reminder(full("\U0001f9c0" * 64)))["text"]
    assert units(text) > MAX_TEXT - 350
    listed = text.count('", ')
    assert 10 < listed < 50
    assert f'", {50 - listed} other parts.' in text


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
    *("◻️ free", "⚡ 1", "▰▰▰▰▰▰▰▰▰▰ 100 %", "▱", "\u3164✅", "\u2063✅\ufe0f", "✅\u0301" * 30),
    *("an admin", "someone", "free", "2 gifts", "\nand 9 others", "1 other part."),
    *("\u200f✅ שלום", "\u2067✅ مرحبا", "✅" * 64),
]
OURS = ("✅", "◻️", "🚫", "⚡", "▰", "▱", "and ")


@pytest.mark.parametrize("name", [*FORGED, *HOSTILE])
def test_nobody_makes_a_line_of_a_bill_by_their_name(name: str) -> None:
    """As a name that an older version has kept: each line begins with what is ours."""
    for count in (3, 20):
        seats = [free(n, person_id=BERT, token="t", name=name) for n in range(1, count + 1)]
        shown = board(*seats, memo="", asker_name=name)
        for text in (said(shown, None), parsed(texts.manage(shown, at=0.0))["text"]):
            lines = text.splitlines()
            own = [line for line in lines if line.startswith("⚡ 28,000 sats: ")]
            assert len(own) == count
            assert not [line for line in lines[1:] if line.startswith(OURS) and line not in own]
            assert {line.count('"') for line in own} <= {0, 2}


@pytest.mark.parametrize("name", [*FORGED, *HOSTILE])
def test_nobody_makes_a_line_of_a_collection_by_their_name(name: str) -> None:
    gifts = [gift(n, 1_000, person_id=n, name=name) for n in range(1, 21)]
    lines = said(pot(*gifts, memo="", asker_name=name, sum_msat=0), None).splitlines()
    own = [line for line in lines if line.startswith('✅ "')]
    assert len(own) in (0, 20)
    assert {line.count('"') for line in own} <= {2}
    assert not [line for line in lines[1:] if line.startswith(OURS) and line not in own]


@pytest.mark.parametrize("name", [*FORGED, *HOSTILE])
def test_nobody_makes_another_label_by_their_name(name: str) -> None:
    """A button is plain text: one line, with the amount at its end."""
    label = texts.part_label(taken(None, name=name))
    assert label.endswith(": 28,000 sats")
    assert label.splitlines() == [label]
    assert not label.startswith(OURS[:-1])


def test_what_is_on_a_button_says_whose_part_it_is() -> None:
    labels = {
        "Bert": taken(),
        "@dora": free(username="dora"),
        "an admin": taken(hidden=True),
        "someone": taken(name=""),
        "free": free(),
    }
    for whose, seat in labels.items():
        assert texts.part_label(seat) == f"{whose}: 28,000 sats"
    assert texts.gift_label(5_000_000) == "5,000 sats"
    assert texts.gift_label(0) == "Let my wallet decide"


def test_who_manages_a_board_reads_it_and_what_is_asked() -> None:
    lines = parsed(texts.manage(board(*SEATS), at=0.0))["text"].splitlines()
    assert lines == [
        '⚡ Split: 112,000 sats, 28,000 sats paid, 28,000 sats settled otherwise – "pizza"',
        *said(board(*SEATS)).splitlines()[3:7],
        "As of 1970-01-01 00:00 UTC. The message in the group stays up to date.",
    ]
    for change, question in (
        (Change.FREE, "Whose part should become free?"),
        (Change.SETTLE, "Whose part was paid another way?"),
        (Change.UNSETTLE, "Which part still has to be paid with sats?"),
        (Change.CLOSE, "Close it? Open invoices are cancelled, and nothing more can be paid."),
    ):
        assert texts.manage(board(*SEATS), change, at=0.0).splitlines()[-1] == question


def test_what_presses_and_links_are_answered_with_fits() -> None:
    for answers, answer in (
        (Sitting, texts.sitting),
        (Leaving, texts.leaving),
        (Joining, texts.joining),
        (Fixing, texts.fixing),
    ):
        for each in answers:
            assert 0 < len(answer(each)) <= MAX_PRESS
    for change in Change:
        for came_of_it in Changing:
            assert 0 < len(texts.changing(change, came_of_it)) <= MAX_PRESS
    for is_hidden in (True, False):
        assert 0 < len(texts.hidden(is_hidden)) <= MAX_PRESS
    for parting in Parting:
        is_silent = parting in (Parting.ASKED, Parting.AGAIN)
        assert bool(texts.parting(parting)) is not is_silent
        assert len(texts.parting(parting)) <= MAX_PRESS
    for splitting in Splitting:
        is_silent = splitting in (Splitting.MADE, Splitting.AGAIN, Splitting.TOO_LATE)
        assert bool(texts.splitting(splitting)) is not is_silent
    for closing in Closing:
        assert bool(texts.closing(closing)) is (closing is Closing.ALREADY_CLOSED)
    for said_once in (texts.NOBODY_ELSE, texts.GIFT_CHOSEN, texts.GIFT_CLOSED, texts.FOLLOWS):
        assert 0 < len(said_once) <= MAX_PRESS


def test_a_press_that_comes_too_soon_says_when_it_is_possible() -> None:
    for change, once in ((Change.REMIND, "an hour"), (Change.MOVE, "a minute")):
        said = texts.changing(change, Changing.TOO_SOON)
        assert said == f"That is possible once {once}. Please try again later."


def test_a_sum_that_is_more_than_the_node_can_receive_is_said() -> None:
    assert texts.too_little_inbound(790_000_999) == (
        "⚠️ The node can receive about 790,000 sats now. That is less than the sum: "
        "some payments will probably fail."
    )
    assert texts.too_little_inbound(0).startswith("⚠️ The node can't receive anything now.")


def test_who_wants_to_pay_for_others_is_asked_for_whom_of_which_bill() -> None:
    shown = board(*SEATS, chat_title="Friends")
    assert parsed(texts.pay_for(shown))["text"] == (
        'Split of 112,000 sats in "Friends" – "pizza"\nWhose part do you want to pay?'
    )
    long = "pizza, and what we drank with it until late in the night"
    assert parsed(texts.pay_for(board(memo=long)))["text"] == (
        f"Split of 56,000 sats\n{long}\nWhose part do you want to pay?"
    )
    over = board(*SEATS[:2], memo="")
    assert texts.pay_for(over) == "Split of 56,000 sats\nThere is no part left to pay."


ALL_BUT = {
    "all paid": (
        [taken(State.SETTLED, 1), taken(State.SETTLED, 2)],
        "✅ Split: 56,000 sats, all paid",
        "✅ All parts of 56,000 sats are paid.",
    ),
    "all paid, and more": (
        [
            taken(State.SETTLED, 1),
            taken(None, 2, part=part(State.SETTLED, paid_msat=PART_MSAT + 5000)),
        ],
        "✅ Split: 56,000 sats, all paid: 56,005 sats received",
        "✅ All parts of 56,000 sats are paid: 56,005 sats received.",
    ),
    "some otherwise": (
        [taken(State.SETTLED, 1), free(2, otherwise=True)],
        "✅ Split: 56,000 sats, all covered: 28,000 sats paid, 28,000 sats settled otherwise",
        "✅ All parts of 56,000 sats are covered: 28,000 sats paid, 28,000 sats settled otherwise.",
    ),
    "all otherwise": (
        [free(1, otherwise=True), free(2, otherwise=True)],
        "✅ Split: 56,000 sats, all covered: nothing paid, 56,000 sats settled otherwise",
        "✅ All parts of 56,000 sats are covered: nothing paid, 56,000 sats settled otherwise.",
    ),
    "nothing paid": (
        [free(1, otherwise=True), free(2)],
        "🚫 Split: 56,000 sats, nothing paid, 28,000 sats settled otherwise, closed",
        "🚫 The split of 56,000 sats is closed: nothing paid, 28,000 sats settled otherwise.",
    ),
    "paid and settled otherwise": (
        [taken(State.SETTLED, 1, otherwise=True), free(2)],
        "🚫 Split: 56,000 sats, 28,000 sats paid, closed",
        "🚫 The split of 56,000 sats is closed: 28,000 sats paid.",
    ),
}


@pytest.mark.parametrize("kind", ALL_BUT)
def test_only_what_the_node_received_is_called_paid_wherever_it_is_said(kind: str) -> None:
    seats, first, announced = ALL_BUT[kind]
    shown = board(*seats, memo="", state=BoardState.CLOSED)
    assert said(shown).splitlines()[0] == first
    assert texts.manage(shown, at=0.0).splitlines()[0] == texts.board(shown, None).splitlines()[0]
    assert texts.board_announcement(shown) == announced


def test_of_parts_that_are_left_out_those_paid_are_counted_apart() -> None:
    seats = [
        taken(State.SETTLED, 1, name="x" * 60),
        *(free(number, otherwise=True) for number in range(2, 5)),
        taken(State.SETTLED, 5),
    ]
    assert seat_lines(board(*seats), 90)[-1] == (
        "and 5 more parts, 2 of them paid, 3 settled otherwise"
    )


# the cards of parts


WHERE = {"chat_title": "Friends", "chat_id": BERT, "payment_request": "lnbc1"}


@pytest.mark.parametrize(
    ("kind", "changes", "to_payer", "to_others"),
    [
        (PartKind.OWN, {}, "your part of", 'the part of "Bert" of'),
        (PartKind.OWN, {"hidden": True}, "your part of", "a part of"),
        (
            PartKind.OTHERS,
            {"part_for": "Cora"},
            'the part of "Cora" of',
            'the part of "Cora", paid by "Bert", of',
        ),
        (
            PartKind.OTHERS,
            {"part_for": "", "hidden": True},
            "somebody else's part of",
            "somebody else's part, paid by someone else, of",
        ),
        (PartKind.GIFT, {}, "your gift to", 'a gift from "Bert" to'),
        (PartKind.GIFT, {"hidden": True}, "your gift to", "a gift to"),
    ],
)
def test_a_part_says_what_it_is_for_and_names_nobody_who_is_hidden(
    kind: PartKind, changes: dict[str, Any], to_payer: str, to_others: str
) -> None:
    what = "collection" if kind is PartKind.GIFT else "split"
    row = part(State.SETTLED, part_kind=kind, asker_name="Bert", **WHERE, **changes)
    tail = f' a {what} in "Friends"'
    card = parsed(texts.card(row, Face.PAID).html)["text"]
    assert f"{to_payer[0].upper()}{to_payer[1:]}{tail}." in card.splitlines()
    payer = parsed(texts.announcement(row))["text"].splitlines()[0]
    assert payer == f"✅ Received 28,000 sats for {to_payer}{tail}."
    for is_owner, begins in ((True, "Your node received"), (False, "A payment of")):
        noticed = parsed(texts.payment_notice(row, 1, is_owner=is_owner))["text"].splitlines()[0]
        arrived = "" if is_owner else " arrived"
        assert noticed == f"✅ {begins} 28,000 sats{arrived} for {to_others}{tail}."


def test_who_gives_is_asked_how_much_and_for_what() -> None:
    row = part(State.ASKING, part_kind=PartKind.GIFT, memo="pizza", **WHERE)
    assert parsed(texts.card(row, Face.QUESTION).html)["text"] == (
        'How much do you want to give to the collection in "Friends"? – "pizza"\n'
        "Press an amount, or write one."
    )


@pytest.mark.parametrize("name", [*LONG, *FORGED])
def test_a_card_of_a_part_fits_a_caption_whatever_people_are_called(name: str) -> None:
    for kind in PartKind:
        for memo in MEMOS:
            row = part(
                State.OPEN,
                part_kind=kind,
                memo=memo,
                asker_name=clean_name(name),
                part_for=clean_name(name),
                **(WHERE | {"chat_title": clean_name(name), "payment_request": "l" * 300}),
            )
            checked(texts.card(row, Face.OPEN, clean_name(name)).html, MAX_CAPTION)
            checked(texts.card(row, Face.PAID, clean_name(name)).html, MAX_CAPTION)
            checked(texts.card(row, Face.QUESTION, clean_name(name)).html)
            for is_bare in (True, False):
                checked(texts.payment_notice(row, 1, is_bare=is_bare, may_be_duplicate=True))
                checked(texts.announcement(row, is_bare=is_bare, may_be_duplicate=True))
