"""The bot's rows as they are, read beside it. Knows the store's reader, and what the rows were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bot.core.board import Board
from bot.core.invoice import Invoice, State
from bot.core.ledger import Position
from bot.core.period import Period
from bot.demo.telegram import Message
from bot.errors import StartError

if TYPE_CHECKING:
    from bot.store import Tx

T = TypeVar("T")

#: More than anybody makes in a demo.
MOST = 5000


class Rows:
    """Every invoice that was asked for, the oldest first; `clock` is the demo's, `bot_id` the bot.

    The database is read and never locked. What it says is never older than the last `refresh`.
    """

    def __init__(self, file: Path, clock: Callable[[], float], bot_id: int) -> None:
        self.all: list[Invoice] = []
        #: When a row was first seen in that state, in Unix seconds.
        self.seen: dict[tuple[int, State], float] = {}
        self._url = f"sqlite:///{file}"
        self._clock = clock
        self._bot_id = bot_id

    async def refresh(self) -> None:
        """Read them again; where the database cannot be read just now, they are as before."""
        try:
            self.all = await asyncio.to_thread(_read, self._url, _entries)
        except (StartError, OSError):
            return
        now = self._clock()
        for row in self.all:
            self.seen.setdefault((row.id, row.state), now)

    async def board(self, board_id: int) -> Board | None:
        """The board with this number as it is now; None where it cannot be read."""
        return await self._read_board(lambda tx: tx.boards.get(board_id))

    async def board_of(self, *messages: Message) -> Board | None:
        """The board that one of these shows or, as a command, has made."""
        keys, bot_id = [(each.chat.id, each.id) for each in messages], self._bot_id
        return await self._read_board(lambda tx: _board_of(tx, keys, bot_id))

    async def _read_board(self, job: Callable[[Tx], Board | None]) -> Board | None:
        try:
            return await asyncio.to_thread(_read, self._url, job)
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


def _read(url: str, job: Callable[[Tx], T]) -> T:
    # it takes a while to load, and the bot has it in a process of its own
    from bot.store.reading import Reader  # noqa: PLC0415

    return Reader(url).do(job)


def _board_of(tx: Tx, keys: Sequence[tuple[int, int]], bot_id: int) -> Board | None:
    """A supergroup counts its own messages: there a command is no bot's."""
    for chat_id, number in keys:
        found = tx.boards.by_message(chat_id, number)
        for counted_by in (bot_id, 0):
            found = found or tx.boards.by_origin(chat_id, number, counted_by)
        if found is not None:
            return found
    return None


def _entries(tx: Tx) -> list[Invoice]:
    return list(tx.ledger.entries(Period(), Position(), MOST))
