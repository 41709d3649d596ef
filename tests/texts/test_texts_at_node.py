"""What people at a terminal read of one invoice of the node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot import texts
from bot.core.answers import NodeState
from bot.core.ends import End
from bot.errors import NodeLocked
from tests.core.test_ends import found

OPEN = replace(found(NodeState.OPEN), amount_msat=2_100_000, memo="pizza")
ANY = replace(OPEN, amount_msat=0)
PAID = replace(OPEN, state=NodeState.SETTLED, paid_msat=2_100_000, settled_at=1500)
CLOSED = replace(OPEN, state=NodeState.CANCELED)


@pytest.mark.parametrize(
    ("invoice", "now", "line"),
    [
        (OPEN, 1500, "Open: 2,100 sats"),
        (ANY, 1500, "Open: any amount"),
        (PAID, 1500, "Paid: 2,100 sats"),
        (replace(PAID, amount_msat=0), 1500, "Paid: 2,100 sats"),
        (replace(PAID, paid_msat=3_000_000), 1500, "Paid: 3,000 sats, 2,100 sats requested"),
        (replace(OPEN, state=NodeState.ACCEPTED), 1, "A payment is on its way: 2,100 sats"),
        (CLOSED, 1500, "Cancelled: 2,100 sats"),
        (CLOSED, 2500, "Expired or cancelled: 2,100 sats"),
    ],
)
def test_the_first_line_says_how_an_invoice_is(invoice, now: float, line: str) -> None:  # type: ignore[no-untyped-def]
    first, *rest = texts.looked_up(invoice, now).split("\n")
    assert first == line
    assert rest[0] == "For: pizza"
    assert rest[-1] == f"Payment hash: {64 * '0'}"


@pytest.mark.parametrize(
    ("invoice", "now", "names"),
    [
        (OPEN, 1500, ["Payable until"]),
        (OPEN, 2500, ["Was payable until"]),
        (PAID, 1500, ["Paid at"]),
        (CLOSED, 1500, []),
        (CLOSED, 2500, ["Was payable until"]),
    ],
)
def test_nothing_is_payable_that_is_closed(  # type: ignore[no-untyped-def]
    invoice, now: float, names: list[str]
) -> None:
    _, _, created, *rest, _ = texts.looked_up(invoice, now).split("\n")
    assert created.startswith("Created: ")
    assert [line.partition(":")[0] for line in rest] == names


def test_what_became_of_an_invoice_that_was_waited_for() -> None:
    assert texts.became(End.PAID, PAID) == "Paid: 2,100 sats."
    assert texts.became(End.EXPIRED, CLOSED) == "Expired: 2,100 sats. It can no longer be paid."
    assert texts.became(End.CANCELLED, CLOSED) == "Cancelled: 2,100 sats. It can no longer be paid."
    assert texts.waited_through(NodeLocked()).endswith(". Still waiting.")
    still = texts.still_open(OPEN, OPEN.expires_at - 1)
    assert still.startswith("The invoice is still open, and can be paid until 19")
    over = texts.still_open(OPEN, OPEN.expires_at)
    assert over.startswith("The invoice expired at 19")
    assert over.endswith(" UTC. Whether it was paid is not known.")


def test_what_came_of_a_cancellation() -> None:
    assert texts.cancelled(OPEN) == "Cancelled: 2,100 sats. It can no longer be paid."
    paid = "Already paid: 2,100 sats. A payment can't be cancelled."
    assert texts.not_cancelled(PAID, 1500) == paid
    expired = "Expired or cancelled already: 2,100 sats. There was nothing to cancel."
    assert texts.not_cancelled(CLOSED, 2500) == expired
