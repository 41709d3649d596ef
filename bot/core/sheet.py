"""Entries as CSV or JSON lines. Knows what a spreadsheet makes of a cell. Pure.

CSV as RFC 4180 has it, with a byte order mark in front: without one, Excel reads names and memos
in the wrong encoding. What people wrote runs as no formula, whichever sign a spreadsheet splits
cells at: an apostrophe goes in front of what could begin one.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, astuple, fields
from enum import StrEnum

from bot.core.ledger import Entry
from bot.core.text import clean

#: What a formula begins with, also in its full-width form, and where a cell can begin.
_FORMULA = re.compile(r"(^[\s'\"]*|[;,|\t\n][\s'\"]*)(?=[=+\-@\t\uff1d\uff0b\uff0d\uff20\u2212])")
_BOM = "\ufeff"


class Form(StrEnum):
    """What the lines are."""

    CSV = "csv"
    JSON = "json"


def head(form: Form) -> str:
    """What comes before the first entry."""
    if form is Form.JSON:
        return ""
    return _BOM + _csv([[each.name for each in fields(Entry)]])


def lines(entries: Iterable[Entry], form: Form) -> str:
    """The entries, a line each: a memo of several lines is quoted, or escaped."""
    if form is Form.JSON:
        return "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries)
    return _csv([cell(value) for value in astuple(entry)] for entry in entries)


def cell(value: object) -> object:
    """A value as a spreadsheet can be given it. Numbers stay as they are."""
    return _FORMULA.sub(r"\1'", clean(value)) if isinstance(value, str) else value


def _csv(rows: Iterable[list[object]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
