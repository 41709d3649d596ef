"""Entries name nobody who hides, and files are what they say they are."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import astuple, fields, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core import sheet
from bot.core.invoice import PartKind, State
from bot.core.ledger import PAGE, Entry, Page, Turn, cut, entry_of
from bot.core.sheet import Form
from tests.bills import part
from tests.rows import HASH, NOW, invoice

PAID = invoice(
    State.SETTLED,
    chat_title="Friday dinner",
    memo="pizza",
    paid_msat=2_100_500,
    settled_at=int(NOW) + 60,
    settle_index=7,
)


def test_an_entry_is_its_row_in_exact_figures_and_utc() -> None:
    assert entry_of(PAID) == Entry(
        asked_at="2026-09-21T14:13:20Z",
        paid_at="2026-09-21T14:14:20Z",
        state="paid",
        kind="invoice",
        asked_msat=2_100_000,
        asked_sats=2100,
        paid_msat=2_100_500,
        paid_sats=2100.5,
        memo="pizza",
        chat="Friday dinner",
        chat_id=-5,
        asker="Anna",
        asker_id=7,
        part_for="",
        board=None,
        payment_hash=HASH.hex(),
        settle_index=7,
        expires_at="2026-09-21T15:13:20Z",
    )


def test_what_is_not_so_yet_is_empty() -> None:
    entry = entry_of(invoice(State.PENDING))
    assert (entry.paid_at, entry.expires_at, entry.settle_index) == ("", "", None)


@pytest.mark.parametrize("kind", PartKind)
def test_a_part_says_what_it_is_and_where_its_board_is(kind: PartKind) -> None:
    entry = entry_of(part(State.SETTLED, part_kind=kind, asker_name="Bert", part_for="Eve"))
    assert (entry.chat_id, entry.board, entry.asker) == (-5, 1, "Bert")
    assert entry.kind in ("part", "part for someone else", "gift")
    assert entry.part_for == "Eve"


def test_a_part_says_where_its_board_is_now() -> None:
    paid = part(State.SETTLED, asker_name="Bert")
    assert entry_of(paid, {-7: -8}).chat_id == -5
    assert entry_of(paid, {-6: -1006, -5: -6}).chat_id == -1006
    assert entry_of(paid, {-6: -5, -5: -6}).chat_id in (-5, -6)


@pytest.mark.parametrize("hides", [{"hidden": True}, {"asker_name": ""}])
@pytest.mark.parametrize("form", Form)
def test_nobody_is_named_who_hides(hides: dict[str, object], form: Form) -> None:
    """Neither a giver who hides their name nor somebody who may be an anonymous admin."""
    person = 5_000_000_123
    row = part(State.SETTLED, asker_id=person, asker_name="Zebedee", part_kind=PartKind.GIFT)
    written = sheet.lines([entry_of(replace(row, **hides))], form)  # type: ignore[arg-type]
    assert "Zebedee" not in written
    assert str(person) not in written


def test_who_asked_in_front_of_all_is_named_by_id_where_no_name_is_visible() -> None:
    assert entry_of(replace(PAID, asker_name="")).asker_id == 7


# files

texts = st.text(st.sampled_from("=+-@\t\r\n;,|'\"\uff1d x1") | st.characters())


def read(data: str, **how: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data, newline=""), **how))  # type: ignore[arg-type]


def test_the_head_names_the_columns_and_begins_with_a_byte_order_mark() -> None:
    assert sheet.head(Form.CSV).startswith("\ufeffasked_at,paid_at,state,")
    assert sheet.head(Form.CSV).endswith("\r\n")
    assert sheet.head(Form.JSON) == ""


@pytest.mark.parametrize(
    ("memo", "shown"),
    [
        ("pizza", "pizza"),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "\nx"),
        ("\r=x", "\n'=x"),
        ("  =1", "  '=1"),
        ("'=1", "''=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ("a\n=1", "a\n'=1"),
        ("a, -5%", "a, '-5%"),
        ("pizza - beer", "pizza - beer"),
        ("1=1", "1=1"),
        ("\x1b[31mred", "[31mred"),
    ],
)
def test_no_spreadsheet_takes_what_somebody_wrote_for_a_formula(memo: str, shown: str) -> None:
    assert sheet.cell(memo) == shown


def test_figures_stay_figures() -> None:
    assert [sheet.cell(value) for value in (-100, 2100.5, None)] == [-100, 2100.5, None]


@given(texts)
@example('";=cmd|x')
@example('x";"=cmd|x')
@example("x,=1")
def test_however_a_spreadsheet_splits_cells_none_begins_as_a_formula_does(memo: str) -> None:
    written = sheet.lines([entry_of(replace(PAID, memo=memo, asker_name=memo))], Form.CSV)
    for delimiter in ",;\t|":
        for cells in read(written, delimiter=delimiter):
            for cell in cells:
                begins = cell.strip().lstrip("\"' ")
                assert not re.match("[=+@\uff1d\uff0b\uff0d\uff20]", begins) or "'" in cell
                is_number = re.fullmatch(r"-\d+", begins)
                assert not begins.startswith("-") or is_number or "'" in cell


@given(texts)
def test_a_row_is_read_back_as_one_row_with_every_column(memo: str) -> None:
    written = sheet.lines([entry_of(replace(PAID, memo=memo)), entry_of(PAID)], Form.CSV)
    rows = read(written)
    assert [len(row) for row in rows] == [len(fields(Entry))] * 2
    assert written.endswith("\r\n")


@given(texts)
def test_json_is_an_object_a_line_and_exact(memo: str) -> None:
    entry = entry_of(replace(PAID, memo=memo))
    written = sheet.lines([entry, entry], Form.JSON)
    one, two, end = written.split("\n")
    assert (one, end) == (two, "")
    assert tuple(json.loads(one).values()) == astuple(entry)


# pages


def test_a_page_ends_where_its_last_moment_ends() -> None:
    rows = [invoice(State.OPEN, id=n, asked_at=NOW - n) for n in range(PAGE + 3)]
    assert cut(rows[:PAGE]) == (rows[:PAGE], False)
    assert cut(rows) == (rows[:PAGE], True)
    rows[PAGE] = replace(rows[PAGE], asked_at=rows[PAGE - 1].asked_at)
    assert cut(rows) == (rows[: PAGE + 1], True)
    assert cut([]) == ([], False)


def test_a_page_knows_its_neighbours_by_its_own_ends() -> None:
    first, last = (invoice(State.OPEN, asked_at=at) for at in (NOW, NOW - 9))
    assert Page([first, last])[1:] == (False, False)
    both = Page([first, last], has_newer=True, has_older=True)
    assert both.newer == Turn(NOW, is_newer=True)
    assert both.older == Turn(NOW - 9, is_newer=False)
    assert (Page([first]).newer, Page([first]).older) == (None, None)
