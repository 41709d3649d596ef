"""What a process knows of its rows, and when it forgets it."""

from __future__ import annotations

from typing import Any

from bot.errors import AskedTooLongAgo, NodeLocked, NodeTimeout
from bot.invoice import TOO_LATE_S, Invoice, State
from bot.patience import Patience
from tests.test_invoice import NOW, invoice


def seen(patience: Patience, row: Invoice, **changes: Any) -> Invoice:
    here: dict[str, Any] = {
        "now": NOW,
        "steady_s": 50.0,
        "held": False,
        "is_free": True,
        "gate_is_open": True,
        "node_id": "",
    }
    return patience.seen(row, **(here | changes))


def test_a_row_that_waited_for_a_process_too_long_has_no_patience_left() -> None:
    patience = Patience(60.0)
    recent = invoice(State.REQUESTED, id=1, asked_at=NOW - TOO_LATE_S + 1)
    old = invoice(State.REQUESTED, id=2, asked_at=NOW - TOO_LATE_S - 1)
    assert seen(patience, recent).patience_s == 60.0
    assert seen(patience, old).patience_s == 0.0
    assert type(patience.reason(old, NodeLocked())) is AskedTooLongAgo
    # what this process waits for itself is no such thing, nor is a clock that is set
    assert seen(patience, recent, now=NOW + 3600).patience_s == 60.0
    assert type(patience.reason(recent, NodeLocked())) is NodeLocked
    assert type(patience.reason(recent, None)) is NodeTimeout


def test_what_is_known_of_a_row_is_forgotten_with_it() -> None:
    patience = Patience(60.0)
    for number in range(1, 40):
        asking = invoice(State.ASKING, id=number, asked_at=NOW)
        requested = invoice(State.REQUESTED, id=100 + number, asked_at=0.0)
        done = invoice(State.OPEN, id=200 + number)
        for row in (asking, requested, done):
            seen(patience, row)
            patience.explain(row, NodeTimeout())
        for row in (asking, requested):
            seen(patience, invoice(State.DROPPED, id=row.id))
    assert not [name for name, known in vars(patience).items() if known and name != "_patience_s"]
