"""How much of an amount can be received: what is told is a little high, and may be unknown."""

from __future__ import annotations

import pytest

from bot.core.inbound import receivable_of

SATS = 1000


@pytest.mark.parametrize(
    ("amount", "inbound", "receivable"),
    [
        (900_000, 790_000, 790_000),
        (790_001, 790_000, 790_000),
        # the sum is a little high
        (790_000, 790_000, 789_000),
        (789_001, 790_000, 789_000),
        (789_000, 790_000, None),
        (1, 790_000, None),
        # nothing at all
        (900_000, 0, 0),
        (1, 0, 0),
        (1, 1000, 0),
        (900_000, 700, 0),
        (1, 1001, None),
        (2, 1001, 1),
        # any amount
        (0, 0, 0),
        (0, 1000, 0),
        (0, 1001, None),
        (0, 790_000, None),
        # unknown
        (900_000, None, None),
        (0, None, None),
    ],
)
def test_what_can_be_received_is_told_where_it_is_less_than_was_asked_for(
    amount: int, inbound: int | None, receivable: int | None
) -> None:
    inbound_msat = None if inbound is None else inbound * SATS
    expected = None if receivable is None else receivable * SATS
    assert receivable_of(amount * SATS, inbound_msat) == expected


def test_it_goes_by_millisats() -> None:
    assert receivable_of(789_000_001, 790_000_000) == 789_000_000
