"""What became of an invoice, by the node's word and its time."""

from __future__ import annotations

import pytest

from bot.core.answers import NodeInvoice, NodeState
from bot.core.ends import End, end_of


def found(state: NodeState) -> NodeInvoice:
    """One that can be paid from 1000 to 2000."""
    return NodeInvoice(
        payment_hash=bytes(32),
        payment_request="",
        payment_addr=b"",
        memo="",
        amount_msat=1000,
        paid_msat=0,
        created_at=1000,
        expires_at=2000,
        settled_at=0,
        state=state,
        add_index=1,
        settle_index=0,
    )


@pytest.mark.parametrize(
    ("state", "now", "end"),
    [
        (NodeState.OPEN, 1500, None),
        (NodeState.OPEN, 3000, None),  # the node decides, and no clock of ours
        (NodeState.ACCEPTED, 3000, None),
        (NodeState.UNKNOWN, 1500, None),
        (NodeState.SETTLED, 1500, End.PAID),
        (NodeState.SETTLED, 3000, End.PAID),
        (NodeState.CANCELED, 1500, End.CANCELLED),
        (NodeState.CANCELED, 1999.5, End.EXPIRED),
        (NodeState.CANCELED, 2000, End.EXPIRED),
    ],
)
def test_what_became_of_an_invoice(state: NodeState, now: float, end: End | None) -> None:
    assert end_of(found(state), now) is end
