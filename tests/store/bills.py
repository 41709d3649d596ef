"""Bills in a database, and what becomes of them. Not a test."""

from __future__ import annotations

from typing import Any

from bot.core.board import Board, Seat
from bot.core.invoice import Invoice, State
from bot.core.work import READ_LANES, Lane
from bot.store import Store
from tests.store.made import ASKER, CHAT, NOW, row

BERT = 8
END = NOW + 1000


async def bill(store: Store, number: int = 1, **changes: Any) -> Board:
    """A bill in three: Anna's, Bert's, and one that nobody has."""
    made: dict[str, Any] = {
        "handle": f"h{number}",
        "origin_chat_id": CHAT,
        "origin_message_id": number,
        "chat_id": CHAT,
        "reply_to": number,
        "card_id": 50 + number,
        "shown": "a face",
        "asker_id": ASKER,
        "asker_name": "Anna",
        "asked_at": NOW,
        "sum_msat": 6000,
        "ends_at": END,
        "due_at": END,
        "lane": Lane.BOARDS,
    }
    there = [
        Seat(number=1, amount_msat=2000, person_id=ASKER, name="Anna", token=f"a{number}"),
        Seat(number=2, amount_msat=2000, person_id=BERT, name="Bert", token=f"b{number}"),
        Seat(number=3, amount_msat=2000),
    ]
    return await store.do(lambda tx: tx.boards.add(there, **(made | changes)))


async def part(store: Store, board: Board, seat: int = 2, number: int = 900, **own: Any) -> Invoice:
    """An invoice of one of its seats."""
    own = {"state": State.OPEN, "lane": Lane.BACKGROUND, "due_at": None, **own}
    return await row(
        store, number, board_id=board.id, part=seat, asker_id=BERT, chat_id=BERT, **own
    )


async def now(store: Store, board: Board) -> Board:
    found = await store.do(lambda tx: tx.boards.get(board.id))
    assert found is not None
    return found


async def rest(store: Store, board: Board, **changes: Any) -> None:
    """Nothing is due of it."""
    own = {"due_at": None, "lane": Lane.BOARDS, **changes}
    await store.do(lambda tx: tx.boards.update(board.id, **own))


async def is_due(store: Store, board: Board) -> bool:
    due = await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=9))
    return board.id in [each.id for each in due.rows]
