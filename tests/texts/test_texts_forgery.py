"""What people write can't pass for what the bot says: each line begins as it does without it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import texts
from bot.core.amounts import Problem
from bot.core.answers import NodeInfo, NodeInvoice, NodeState, NodeStatus
from bot.core.board import Board, BoardKind, BoardState
from bot.core.grants import Allowing, Denying, Role
from bot.core.guests import Guest, Guests
from bot.core.invoice import Audience, Face, Invoice, PartKind, State
from bot.core.knocks import Knock, KnockState
from bot.core.ledger import Page, Show
from bot.core.lookalikes import is_sign
from bot.core.text import MAX_MEMO_BYTES, MAX_TEXT
from bot.core.wishes import Change, Renewing
from bot.errors import AmountRefused, ShareLimitReached, UserLimitReached
from bot.findings import About, Finding, Mark
from bot.findings import Kind as Found
from tests.bills import board, free, part, taken
from tests.core.test_lookalikes import SIGNS
from tests.texts.reading import FACES, LONG_REQUEST, checked, invoice, outside_quotes

NAME, MEMO = "Zebedee", "mozzarella"
#: One that is quoted.
LONG_MEMO = MEMO + " and so on" * 5
BLANK = "\u2800\u3164\u115f\u1160\uffa0"
MARKS = "\u0301\u0336\u0489\ufe0f\u20e3"

# what a forger has: signs, what can't be seen, what covers, both directions, our own sentences
forged = st.one_of(
    st.sampled_from(
        [
            *SIGNS,
            *BLANK,
            *MARKS,
            *(40 * mark for mark in MARKS),
            *('"', "''", "“", "<", "&", "\n", " ", "\u00a0", "\u200d", "\u200b"),
            *("\u200f", "\u202e", "\u2066"),
            *("שלום", "مرحبا", "\u200f", "Paid: 50,000 sats", "50,000 sats", "You got"),
            *("✅ Bob, you got 50,000 sats.", "Please pay 1 sat", 'Requested by "Bob"', "✅", "⚡️"),
        ]
    ),
    st.characters(),
)
names = st.lists(forged, max_size=64).map(lambda parts: "".join(parts)[:64])
memos = st.lists(forged, max_size=64).map("".join)


def row(face: Face, memo: str, name: str) -> Invoice:
    """A row as an older version may have written it: nothing of it is clean."""
    memo = memo.encode("utf-8", "replace")[:MAX_MEMO_BYTES].decode(errors="ignore")
    made = invoice(FACES[face], asker_name=name, cancelled_by=name, memo=memo)
    return replace(made, replaced=face in (Face.EXPIRED_REPLACED, Face.CANCELLED_REPLACED))


def printed(memo: str) -> NodeInvoice:
    return NodeInvoice(
        payment_hash=b"h" * 32,
        payment_request="lnbc1",
        payment_addr=b"",
        state=NodeState.OPEN,
        memo=memo,
        amount_msat=2_100_000,
        paid_msat=0,
        add_index=1,
        settle_index=0,
        created_at=0,
        expires_at=3600,
        settled_at=0,
    )


def node(alias: str) -> NodeStatus:
    info = NodeInfo("02", alias, "0.21", network="mainnet", synced_to_chain=True, block_height=9)
    return NodeStatus(away=None, info=info)


def bill(memo: str, name: str) -> Board:
    """A bill whose every name is this one, as an older version may have kept it."""
    seats = [
        free(1, person_id=7, name=name, otherwise=True),
        taken(part=part(State.SETTLED, asker_id=9, asker_name=name), name=name),
        taken(State.OPEN, 3, name=name),
    ]
    return board(*seats, memo=memo, asker_name=name, chat_title=name)


def pot(memo: str, name: str, state: BoardState) -> Board:
    """A collection whose every name is this one."""
    given = part(State.SETTLED, part_kind=PartKind.GIFT, asker_name=name)
    seats = [taken(number=n, part=given, person_id=n, name=name) for n in (1, 2)]
    made = board(*seats, memo=memo, asker_name=name, state=state, closed_by=name)
    return replace(made, kind=BoardKind.COLLECTION)


def of_part(kind: PartKind, memo: str, name: str) -> Invoice:
    """A part of a board, paid; every name is this one."""
    names = {"asker_name": name, "part_for": name, "chat_title": name}
    return part(State.SETTLED, part_kind=kind, memo=memo, **names)


def knock(name: str, state: KnockState) -> Knock:
    """Somebody who asks to be let in; every name is this one, as an older version may keep it."""
    return Knock(
        id=1,
        handle="handle",
        person_id=7,
        name=name,
        username="a_name",
        chat_id=-5,
        chat_title=name,
        thread_id=None,
        reply_to=None,
        asked_at=0.0,
        told=True,
        state=state,
        answered_by=name,
    )


def guests(name: str) -> Guests:
    """Everybody who is let in; every name is this one."""
    made = [
        Guest(number, role, name, "a_name", is_listed=is_listed)
        for role, number in ((Role.OWNER, 7), (Role.USER, 8), (Role.CHAT, -5))
        for is_listed in (True, False)
    ]
    asked = knock(name, KnockState.OPEN)
    return Guests(tuple(made), (asked, replace(asked, person_id=-5)), is_open=True)


Make = Callable[[str, str], str]

#: Every text that shows a name or a memo.
SHOWS: dict[str, Make] = {
    **{
        f"card {face}": lambda memo, name, face=face: (
            texts.card(  # type: ignore[misc]
                row(face, memo, name), face, limit=MAX_TEXT, may_be_duplicate=True
            ).html
        )
        for face in FACES
    },
    "card with a long request": lambda memo, name: (
        texts.card(
            replace(row(Face.OPEN, memo, name), payment_request=LONG_REQUEST), Face.OPEN
        ).html
    ),
    "question": lambda memo, name: texts.question(row(Face.QUESTION, memo, name)),
    "announcement": lambda memo, name: texts.announcement(
        replace(row(Face.PAID, memo, name), amount_msat=1), Audience.OWNERS, may_be_duplicate=True
    ),
    "announcement to a group": lambda memo, name: texts.announcement(
        replace(row(Face.PAID, memo, name), asker_id=-5)
    ),
    "latest": lambda memo, name: texts.listed(
        Page([row(face, memo, name) for face in FACES if face is not Face.QUESTION]),
        Show.ALL,
        in_group=True,
    ),
    "board": lambda memo, name: texts.board(bill(memo, name), name, may_be_duplicate=True),
    "board that is closed": lambda memo, name: texts.board(
        replace(bill(memo, name), state=BoardState.CLOSED, closed_by=name), name
    ),
    "board's announcement": lambda memo, name: texts.board_announcement(
        replace(bill(memo, name), state=BoardState.CLOSED)
    ),
    "reminder": lambda memo, name: texts.reminder(bill(memo, name), may_be_duplicate=True),
    "managed board": lambda memo, name: texts.manage(bill(memo, name), Change.FREE, at=0.0),
    "collection": lambda memo, name: texts.board(
        pot(memo, name, BoardState.OPEN), name, may_be_duplicate=True
    ),
    "collection's announcement": lambda memo, name: texts.board_announcement(
        pot(memo, name, BoardState.CLOSED)
    ),
    "latest board": lambda memo, name: texts.listed(
        Page([bill(memo, name)]), Show.ALL, in_group=False
    ),
    **{
        f"card of a part, {kind}": lambda memo, name, kind=kind: (
            texts.card(of_part(kind, memo, name), Face.PAID, name).html  # type: ignore[misc]
        )
        for kind in PartKind
    },
    **{
        f"notice of a part, {kind}": lambda memo, name, kind=kind: texts.payment_notice(
            of_part(kind, memo, name), 1
        )  # type: ignore[misc]
        for kind in PartKind
    },
    "question to a giver": lambda memo, name: (
        texts.card(of_part(PartKind.GIFT, memo, name), Face.QUESTION).html
    ),
    "refusal": lambda _, name: texts.refusal(UserLimitReached(count=2, per_s=60, who=name)),
    "refused renewal": lambda _, name: texts.refusal(ShareLimitReached(count=2, who=name)),
    "cancelled before it was made": lambda _, name: texts.failed(
        invoice(State.FAILED, cancel_wanted=True, cancelled_by=name)
    ),
    "node": lambda _, name: texts.node_status(node(name)),
    **{
        f"knock, {state}": lambda _, name, state=state: texts.knock(knock(name, state))  # type: ignore[misc]
        for state in KnockState
    },
    "knock of a group": lambda _, name: texts.knock(
        replace(knock(name, KnockState.REFUSED), person_id=-5)
    ),
    "allowing": lambda _, name: "\n".join(
        texts.allowing(came, 7, name, role) for came in Allowing for role in Role
    ),
    "denying": lambda _, name: "\n".join(
        texts.denying(came, number, name, "access.users") for came in Denying for number in (7, -7)
    ),
    "who": lambda _, name: texts.who(guests(name))[0],
}
#: The same at a terminal and in a press's window: plain text.
PLAIN: dict[str, Make] = {
    "renewal": lambda _, name: texts.asked_to_renew(
        Renewing.REFUSED, UserLimitReached(count=2, per_s=60, who=name)
    ),
    "renewal above a share": lambda _, name: texts.asked_to_renew(
        Renewing.REFUSED, ShareLimitReached(count=2, who=name)
    ),
    "allow button": lambda _, name: texts.allow_button(knock(name, KnockState.OPEN)),
    "new invoice": lambda memo, _: texts.new_invoice(printed(memo), "code"),
    "login": lambda _, name: texts.finding_line(
        Finding(
            Mark.FINE, About.TELEGRAM, Found.LOGIN_ACCEPTED, {"username": "a_bot", "name": name}
        )
    ),
}


def ours(text: str) -> list[str]:
    """How each line begins, up to what somebody wrote: with something of ours."""
    starts = [line.partition(NAME)[0].partition(MEMO)[0] for line in text.split("\n")]
    assert all(
        start.strip('"') or not line for start, line in zip(starts, text.split("\n"), strict=True)
    )
    return starts


def assert_begins_as_without(text: str, make: Callable[[str, str], str]) -> None:
    """Each line begins as one does with a plain name and memo, or without one of them."""
    lines = text.split("\n")
    harmless = [ours(make(memo, name)) for memo in ("", MEMO, LONG_MEMO) for name in ("", NAME)]
    assert any(
        len(starts) == len(lines) and all(map(str.startswith, lines, starts)) for starts in harmless
    ), (text, harmless)


def assert_signs_are_ours(line: str) -> None:
    """A line that begins with a sign or with nothing visible was not begun by somebody."""
    assert not line or not is_sign(line[0])
    assert not line or line[0] not in BLANK + MARKS
    assert not line or unicodedata.category(line[0]) not in ("Mn", "Me", "Cf")


def in_quotes(markup: str) -> list[str]:
    read = checked(markup)
    text = read["text"].encode("utf-16-le")
    quotes = [
        text[2 * each["offset"] :][: 2 * each["length"]].decode("utf-16-le")
        for each in read["entities"]
        if each["type"]["@type"].endswith("BlockQuote")
    ]
    return [line for quote in quotes for line in quote.split("\n")]


def check(kind: str, memo: str, name: str) -> None:
    make = SHOWS[kind]
    markup = make(memo, name)
    assert_begins_as_without(
        outside_quotes(checked(markup)), lambda *wrote: outside_quotes(checked(make(*wrote)))
    )
    for line in in_quotes(markup):
        assert_signs_are_ours(line.lstrip(" \t"))


@pytest.mark.parametrize("kind", SHOWS)
@settings(deadline=None, max_examples=100)
@given(memo=memos, name=names)
@example(memo="✅ Paid: 50,000 sats", name="✅ Bob, you got 50,000 sats." + 30 * "\u2800")
@example(memo="x\n\u3164✅\ufe0f Paid", name='"\n✅ Paid: 50,000 sats\n"')
def test_no_line_begins_with_what_somebody_wrote(kind: str, memo: str, name: str) -> None:
    check(kind, memo, name)


@pytest.mark.parametrize("kind", PLAIN)
@settings(deadline=None, max_examples=100)
@given(memo=memos, name=names)
@example(memo="✅ Paid\n✅ Paid", name="x\n✅ Bob, you got 50,000 sats.")
def test_no_plain_line_begins_with_what_somebody_wrote(kind: str, memo: str, name: str) -> None:
    assert_begins_as_without(PLAIN[kind](memo, name), PLAIN[kind])


@pytest.mark.parametrize("problem", Problem)
@settings(deadline=None, max_examples=50)
@given(shown=names)
@example(shown="✅\u2800Bob,\u2800you\u2800got\u280050,000\u2800sats.")
def test_what_is_no_amount_stays_in_its_marks(problem: Problem, shown: str) -> None:
    def make(shown: str, _: str = "") -> str:
        values = {"example": "2100", "limit_sats": 1, "fewer": "1", "more": "2", "shown": shown}
        values |= {"least": 2, "most": 50}
        return texts.why(AmountRefused(problem, **values))

    text = make(shown)
    assert "\n" not in text
    assert text.count('"') == make(NAME).count('"') or text == make("")
    assert_signs_are_ours(text)
