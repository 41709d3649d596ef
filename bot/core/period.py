"""A span of days that people write: 2026, 2026-10, since 2026-01-01. Pure; days are UTC's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.errors import PeriodEmpty, PeriodRefused

#: Later than any time that is kept, in Unix seconds.
ENDLESS = 1e12
_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", re.ASCII)
_SINCE = re.compile(r"(?:since|from)\s+(\S+)(?:\s+(?:until|to)\s+(\S+))?", re.IGNORECASE)
_UNTIL = re.compile(r"(?:until|to)\s+(\S+)", re.IGNORECASE)
_YEARS = range(1970, 9999)


class Period(NamedTuple):
    """From `since` on, and before `until`, in Unix seconds."""

    since: float = 0.0
    until: float = ENDLESS


def parse(text: str) -> Period:
    """What follows /export: a year, a month, a day, `since` or `until` such a one, or nothing.

    Raises `PeriodRefused`.
    """
    text = text.strip()
    if found := _SINCE.fullmatch(text):
        return between(found[1], found[2] or "")
    if found := _UNTIL.fullmatch(text):
        return between("", found[1])
    return _named(text) if text else Period()


def between(since: str, until: str) -> Period:
    """From the beginning of one to the end of the other; "": without that end.

    Raises `PeriodRefused`.
    """
    begins = _named(since).since if since else 0.0
    ends = _named(until).until if until else ENDLESS
    if begins >= ends:
        raise PeriodEmpty(since=since, until=until)
    return Period(begins, ends)


def _named(text: str) -> Period:
    """A whole year, month or day."""
    found = _DATE.fullmatch(text)
    if found is None or int(found[1]) not in _YEARS:
        raise PeriodRefused(shown=text)
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    try:
        first = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        raise PeriodRefused(shown=text) from None
    if found[3]:
        following = first + timedelta(days=1)
    elif found[2] and month < 12:
        following = first.replace(month=month + 1)
    else:
        following = first.replace(year=year + 1, month=1)
    return Period(first.timestamp(), following.timestamp())
