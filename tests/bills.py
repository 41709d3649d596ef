"""Boards for tests: a bill as /split makes it, with seats in any state. Not a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.config import InvoicesSettings
from bot.core.board import Board, BoardKind, Seat
from bot.core.invoice import Invoice, PartKind, State
from tests.rows import NOW, invoice

#: Seconds that a board stays open, unless the settings say otherwise.
LIVES_S = InvoicesSettings().board_expiry_s
CHAT, ASKER, BERT = -5, 7, 8
PART_MSAT = 28_000_000
END = NOW + LIVES_S


def part(state: State, number: int = 2, asker_id: int = BERT, **changes: Any) -> Invoice:
    """The invoice of a seat, in this state."""
    paid = {"paid_msat": PART_MSAT} if state is State.SETTLED else {}
    of_seat = {"id": 100 + number, "board_id": 1, "part": number, "amount_msat": PART_MSAT}
    own = {"chat_id": asker_id, "asker_id": asker_id}
    return invoice(state, **(of_seat | own | paid | changes))


def free(number: int = 2, **changes: Any) -> Seat:
    """A seat that nobody has."""
    return Seat(**{"number": number, "amount_msat": PART_MSAT, **changes})


def taken(state: State | None = None, number: int = 2, **changes: Any) -> Seat:
    """Bert's seat, with a part in this state, None: without one."""
    there = None if state is None else part(state, number)
    own = {"person_id": BERT, "name": "Bert", "token": f"t{number}", "part": there}
    return free(number, **(own | changes))


def named(number: int = 2, **changes: Any) -> Seat:
    """A seat that is kept for Eve, who is known by her user name alone."""
    return free(number, **({"username": "eve"} | changes))


def gift(state: State = State.SETTLED, number: int = 1, sats: int = 1000, **changes: Any) -> Seat:
    """What Bert gives, or is asked how much he gives."""
    paid = {"paid_msat": 1000 * sats} if state is State.SETTLED else {}
    given = part(state, number, part_kind=PartKind.GIFT, amount_msat=1000 * sats, **paid)
    return taken(None, number, **({"amount_msat": 0, "part": given} | changes))


def collection(*gifts: Seat, **changes: Any) -> Board:
    """A collection of 10,000 sats, unless it says otherwise."""
    made = board(free(1), **({"kind": BoardKind.COLLECTION, "sum_msat": 10_000_000} | changes))
    made = replace(made, seats=gifts)
    if not made.shown or "shown" in changes:
        return made
    return replace(made, shown=made.face)


def board(*seats: Seat, is_shown: bool = True, **changes: Any) -> Board:
    """A board that shows what is, unless it says otherwise; no seats: two that are free."""
    values: dict[str, Any] = {
        "id": 1,
        "handle": "h",
        "origin_chat_id": CHAT,
        "origin_message_id": 10,
        "chat_id": CHAT,
        "reply_to": 10,
        "asker_id": ASKER,
        "asker_name": "Anna",
        "asked_at": NOW,
        "sum_msat": PART_MSAT * (len(seats) or 2),
        "memo": "pizza",
        "ends_at": END,
        "seats": seats or (free(1), free(2)),
        "card_id": 50 if is_shown else None,
    }
    made = Board(**(values | changes))
    if not is_shown or "shown" in changes:
        return made
    return Board(**(values | {"shown": made.face} | changes))
