"""Rows for tests: as a command writes them, in any state. Not a test."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

from bot.core.invoice import Face, Invoice, State
from bot.core.steps import Around

NOW = 1_790_000_000.0
PREIMAGE = b"p" * 32
HASH = hashlib.sha256(PREIMAGE).digest()


def invoice(state: State, **changes: Any) -> Invoice:
    """A row as a command writes it, in this state."""
    values: dict[str, Any] = {
        "id": 1,
        "origin_chat_id": -5,
        "origin_message_id": 10,
        "chat_id": -5,
        "reply_to": 10,
        "asker_id": 7,
        "asker_name": "Anna",
        "asked_at": NOW,
        "amount_msat": 2_100_000,
        "expiry_s": 3600,
        "state": state,
        "payment_hash": HASH,
        "preimage": PREIMAGE if state in (State.ASKING, State.PENDING) else None,
        "expires_at": int(NOW) + 3600 if state not in (State.ASKING, State.PENDING) else 0,
    }
    return Invoice(**(values | changes))


def shown(state: State, face: Face, **changes: Any) -> Invoice:
    """A row whose card has this face."""
    return invoice(state, **({"card_id": 100, "card_shown": face} | changes))


def seen(state: State, **changes: Any) -> tuple[Invoice, Around]:
    """A row, and what is so around it: names of either."""
    around = {each.name for each in fields(Around)}
    of_row = {name: value for name, value in changes.items() if name not in around}
    of_around = {name: value for name, value in changes.items() if name in around}
    return invoice(state, **of_row), Around(**{"waiting_since": NOW, **of_around})


def seen_shown(state: State, face: Face, **changes: Any) -> tuple[Invoice, Around]:
    """As `seen`, and its card has this face."""
    return seen(state, **({"card_id": 100, "card_shown": face} | changes))


def seen_separate(
    state: State, face: Face, request: Face, **changes: Any
) -> tuple[Invoice, Around]:
    """As `seen`, and its card is two messages."""
    two = {
        "payment_request_separate": True,
        "payment_request_id": 101,
        "payment_request_shown": request,
    }
    return seen_shown(state, face, **(two | changes))
