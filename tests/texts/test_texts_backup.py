"""What people at a terminal read of a backup."""

from __future__ import annotations

import pytest

from bot import texts


@pytest.mark.parametrize(
    ("invoices", "size_bytes", "unhandled", "said"),
    [
        (1, 4097, 0, "has 1 invoice, 5 kB."),
        (20, 81_240_000, 0, "has 20 invoices, 81.2 MB."),
        (0, 2 * 10**9, 0, "has 0 invoices, 2.0 GB."),
        (
            2,
            999_000,
            1,
            "has 2 invoices, 999 kB. It leaves out 1 message that the bot has not handled yet.",
        ),
        (
            *(2, 1000, 3),
            "has 2 invoices, 1 kB. It leaves out 3 messages that the bot has not handled yet.",
        ),
    ],
)
def test_what_a_backup_has_and_what_it_leaves_out(
    invoices: int, size_bytes: int, unhandled: int, said: str
) -> None:
    told = texts.backed_up("a.db", invoices=invoices, size_bytes=size_bytes, unhandled=unhandled)
    assert told == f"The backup a.db {said}"
