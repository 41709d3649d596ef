"""The bot's rows as they are, read beside it. Knows the store's reader, and what the rows were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.board import Board
from bot.core.invoice import Invoice, State
from bot.core.ledger import Position
from bot.core.period import Period
from bot.errors import StartError

if TYPE_CHECKING:
    from bot.store import Tx

#: More than anybody makes in a demo.
MOST = 5000


class Rows:
    """Every invoice that was asked for, the oldest first; `clock` is the demo's.

    The database is read and never locked. What it says is never older than the last `refresh`.
    """

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self.all: list[Invoice] = []
        #: When a row was first seen in that state, in Unix seconds.
        self.seen: dict[tuple[int, State], float] = {}
        self._url = f"sqlite:///{file}"
        self._clock = clock

    async def refresh(self) -> None:
        """Read them again; where the database cannot be read just now, they are as before."""
        try:
            self.all = await asyncio.to_thread(_read, self._url)
        except (StartError, OSError):
            return
        now = self._clock()
        for row in self.all:
            self.seen.setdefault((row.id, row.state), now)

    async def board_of(self, row: Invoice) -> Board | None:
        """The board that a row is a part of, as it is now."""
        return await self._board(row.board_id) if row.board_id else None

    async def _board(self, board_id: int) -> Board | None:
        try:
            return await asyncio.to_thread(_read_board, self._url, board_id)
        except (StartError, OSError):
            return None

    def of_message(self, chat_id: int, message_id: int) -> Invoice | None:
        """The newest row that the message belongs to: as a card or a copy, else as the command."""
        here = [row for row in reversed(self.all) if row.chat_id == chat_id]
        for row in here:
            if message_id in (row.card_id, row.payment_request_id, *row.duplicates):
                return row
        for row in reversed(self.all):
            if (row.origin_chat_id, row.origin_message_id) == (chat_id, message_id):
                return row
        return None


def _read(url: str) -> list[Invoice]:
    # it takes a while to load, and the bot has it in a process of its own
    from bot.store.reading import Reader  # noqa: PLC0415

    return Reader(url).do(_entries)


def _read_board(url: str, board_id: int) -> Board | None:
    from bot.store.reading import Reader  # noqa: PLC0415

    return Reader(url).do(lambda tx: tx.boards.get(board_id))


def _entries(tx: Tx) -> list[Invoice]:
    return list(tx.ledger.entries(Period(), Position(), MOST))
