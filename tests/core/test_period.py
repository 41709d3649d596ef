"""Spans of days as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.period import ENDLESS, Period, between, parse
from bot.errors import PeriodEmpty, PeriodRefused


def at(*date: int) -> float:
    year, month, day = (*date, 1, 1)[:3]
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("", Period()),
        ("  ", Period()),
        ("2026", Period(at(2026), at(2027))),
        ("2026-10", Period(at(2026, 10), at(2026, 11))),
        ("2026-12", Period(at(2026, 12), at(2027))),
        ("2026-12-31", Period(at(2026, 12, 31), at(2027))),
        ("2028-02-29", Period(at(2028, 2, 29), at(2028, 3))),
        ("since 2026-01-01", Period(at(2026), ENDLESS)),
        ("Since  2026-10", Period(at(2026, 10), ENDLESS)),
        ("from 2026", Period(at(2026), ENDLESS)),
        ("until 2026-10", Period(0.0, at(2026, 11))),
        ("since 2026-01 until 2026-03", Period(at(2026, 1), at(2026, 4))),
        ("since 2026-10-05 until 2026-10-05", Period(at(2026, 10, 5), at(2026, 10, 6))),
    ],
)
def test_a_span_is_what_was_written(text: str, period: Period) -> None:
    assert parse(text) == period


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2026-13", "2026-00", "2026-02-30", "2027-02-29", "26", "2026-1", "0000"),
        *("9999", "1969", "2026/10", "2026-10-5", "since", "since x", "2026 2027", "\u0662026"),
        *("since 2026 until", "2026-10 until 2026-11", "10-2026", "-2026", "=1+1"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(PeriodRefused):
        parse(text)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(PeriodEmpty):
        parse("since 2026-10 until 2026-09-30")


def test_either_end_can_be_left_out() -> None:
    assert between("", "") == Period()
    assert between("2026", "") == Period(at(2026), ENDLESS)
    assert between("", "2026") == Period(0.0, at(2027))


@given(st.text())
def test_whatever_is_written_is_a_span_or_refused(text: str) -> None:
    try:
        period = parse(text)
    except PeriodRefused:
        return
    assert period.since < period.until
