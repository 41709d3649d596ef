"""Lists, figures and tables: what they say, and that they fit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import texts
from bot.core.answers import NodeInfo, NodeStatus
from bot.core.board import Board
from bot.core.invoice import Face, Invoice, PartKind, State
from bot.core.ledger import PAGE, TOGETHER, Overview, Page, Show
from bot.core.text import MAX_TEXT, clean_name
from bot.errors import NodeLocked
from tests.bills import board, part
from tests.texts.reading import HOSTILE, NOW, OVERVIEW, checked, hostile, invoice, parsed, units

NOTHING = Overview(0, 0, 0, 0, 0.0, 0, 0, 0, 0, 0)
INFO = NodeInfo("02", "carol", "0.21", "mainnet", True, 900_123)


def everyones(*items: Invoice | Board) -> list[str]:
    page = texts.listed(Page(items), Show.ALL, in_group=False, is_everyones=True)
    return str(checked(page)["text"]).split("\n")[1:]


@pytest.mark.parametrize(
    ("show", "in_group", "is_everyones", "has_newer", "heading"),
    [
        (Show.ALL, False, False, False, "Your latest invoices"),
        (Show.ALL, True, False, False, "Your latest invoices here"),
        (Show.ALL, True, False, True, "Your invoices here"),
        (Show.OPEN, True, False, False, "Your open invoices here"),
        (Show.PAID, False, False, False, "Your paid invoices"),
        (Show.ALL, False, True, False, "All invoices"),
        (Show.PAID, False, True, True, "All paid invoices"),
    ],
)
def test_the_heading_says_what_is_listed(
    show: Show, in_group: bool, is_everyones: bool, has_newer: bool, heading: str
) -> None:
    page = Page([invoice()], has_newer=has_newer)
    said = texts.listed(page, show, in_group=in_group, is_everyones=is_everyones)
    assert checked(said)["text"].split("\n")[0] == heading


def test_where_nothing_is_listed_it_says_so() -> None:
    nothing = Page([])
    said = parsed(texts.listed(nothing, Show.ALL, in_group=True))["text"]
    assert said == "You have no invoices here yet. Try /invoice 2100 pizza."
    said = parsed(texts.listed(nothing, Show.ALL, in_group=False, is_everyones=True))["text"]
    assert said == "There are no invoices yet. Try /invoice 2100 pizza."
    said = parsed(texts.listed(nothing, Show.PAID, in_group=False))["text"]
    assert said == "Your paid invoices\nNone."


def test_an_owner_reads_who_asked_and_where() -> None:
    at = "2026-09-21 14:13 UTC"
    row = invoice(chat_title="Beans")
    [line] = everyones(row)
    assert line == f'⚡ open · 2,100 sats – "pizza" · by "Anna" in "Beans" · {at}'
    [line] = everyones(replace(row, origin_chat_id=7, chat_id=7))
    assert line == f'⚡ open · 2,100 sats – "pizza" · by "Anna" in private · {at}'
    [line] = everyones(replace(row, asker_id=-5))
    assert line == f'⚡ open · 2,100 sats – "pizza" · as "Beans" · {at}'
    [line] = everyones(part(State.SETTLED, asker_name="Bert", chat_title="Beans", memo="x"))
    assert line.startswith('✅ paid · 28,000 sats – "x" · the part of "Bert" of a split in "Beans"')
    [line] = everyones(board(asker_name="Anna", chat_title="Beans"))
    assert line.startswith('⚡ Split: 56,000 sats – "pizza" · by "Anna" in "Beans"')


def test_whoever_hides_is_named_to_no_owner_either() -> None:
    gift = part(State.SETTLED, asker_name="Bert", part_kind=PartKind.GIFT, chat_title="Beans")
    [line] = everyones(replace(gift, hidden=True))
    assert "· a gift to a collection in" in line
    assert "Bert" not in line


@pytest.mark.parametrize("name", ["\U0001f9c0" * 64, "n" * 64, "<&" * 32])
def test_a_whole_page_fits_one_message_however_long_names_and_memos_are(name: str) -> None:
    rows = [
        replace(
            hostile(Face.OPEN, name * 2, name),
            chat_title=clean_name(name),
            part_for=clean_name(name),
            board_id=number % 2,
            part_kind=PartKind.OTHERS if number % 2 else PartKind.OWN,
        )
        for number in range(PAGE + TOGETHER)
    ]
    said = texts.listed(Page(rows, True, True), Show.ALL, in_group=False, is_everyones=True)
    read = checked(said)["text"]
    assert len(read.split("\n")) == len(rows) + 1
    assert units(read) < MAX_TEXT


# figures


def test_figures_are_a_line_each() -> None:
    node = NodeStatus(None, INFO, 790_000_000)
    said = parsed(texts.status(node, OVERVIEW, version="1.2", started_at=float(NOW)))["text"]
    assert said.split("\n") == [
        "⚡ Connected to carol on mainnet, synced, at block 900,123.",
        "It can receive about 790,000 sats now.",
        "",
        "Open: 3 invoices, 63,000 sats",
        "Not confirmed by the node yet: 1 invoice",
        "Expired, and the node has not said whether paid: 2 invoices",
        "Paid today: 5 payments, 210,000 sats",
        "Last payment: 21,000 sats, 2026-09-21 14:14 UTC",
        "1 invoice can't be finished: see the log",
        "",
        "Version 1.2, running since 2026-09-21 14:13 UTC",
    ]


def test_of_nothing_there_are_no_figures() -> None:
    said = parsed(texts.status(NodeStatus(NodeLocked(), None), NOTHING, version="1", started_at=1))
    middle = said["text"].split("\n\n")[1]
    assert middle == "Open: none\nPaid today: none"


@pytest.mark.parametrize(
    ("invoices", "boards", "said"),
    [
        (0, 0, []),
        (2, 0, ["2 invoices can't be finished: see the log"]),
        (0, 1, ["1 split or collection can't be finished: see the log"]),
        (1, 3, ["1 invoice and 3 splits or collections can't be finished: see the log"]),
    ],
)
def test_what_is_stuck_is_said_where_something_is(
    invoices: int, boards: int, said: list[str]
) -> None:
    overview = replace(NOTHING, stuck=invoices, stuck_boards=boards)
    for shown in (
        texts.status(NodeStatus(None, None), overview, version="1", started_at=1),
        texts.status_lines(NodeStatus(None, None), overview, is_running=True),
    ):
        assert [line for line in shown.split("\n") if "finished" in line] == said


def test_of_several_processes_the_active_one_is_named() -> None:
    said = texts.status_lines(
        NodeStatus(None, None),
        OVERVIEW,
        is_running=True,
        version="1.2",
        started_at=1_790_000_000.0,
        name="host:4711",
    )
    assert re.match(
        r"Bot: host:4711 is active since 2026-09-2\d \d\d:\d\d \w+, version 1\.2\n", said
    )


def test_a_bot_that_runs_and_shows_no_sign_of_life_is_said_to() -> None:
    said = texts.status_lines(
        NodeStatus(None, None), OVERVIEW, is_running=True, version="1.2", silent_s=190.0
    )
    assert said.startswith("Bot: running, version 1.2, but without a sign of life for 3 minutes\n")


def test_other_settings_of_the_active_process_are_named() -> None:
    said = texts.status_lines(
        NodeStatus(None, None), OVERVIEW, is_running=True, name="a:1", others=["access", "limits"]
    )
    assert said.split("\n")[:2] == [
        "Bot: a:1 is active",
        "Settings: the active process has others than these (access, limits)",
    ]


def test_a_move_is_no_bot() -> None:
    said = texts.status_lines(NodeStatus(None, None), OVERVIEW, is_running=False, is_moved=True)
    assert said.startswith("Bot: not running, as move-database is at work\n")


def test_a_database_that_is_away_is_said() -> None:
    said = parsed(texts.status(NodeStatus(None, None), None, version="1", started_at=1))["text"]
    assert "⚠️ I can't read my database right now." in said


# the table


@settings(deadline=None)
@given(text=st.text() | st.sampled_from(HOSTILE), width=st.integers(20, 200))
def test_a_table_fits_whatever_people_wrote(text: str, width: int) -> None:
    rows = [
        invoice(state, asker_name=text, chat_title=text, memo=text)
        for state in (State.OPEN, State.SETTLED, State.EXPIRED)
    ]
    table = texts.invoice_table(rows, width)
    lines = table.split("\n")
    assert len(lines) == 4
    assert table.splitlines() == lines
    for line in lines:
        assert sum(map(columns, line)) <= width
        assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
        assert not set(line) & set("\u202e\u2066\u200f\ufeff")


def columns(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def test_a_table_names_nobody_who_hides() -> None:
    row = part(State.SETTLED, asker_name="Bert", hidden=True)
    assert "Bert" not in texts.invoice_table([row], 200)
