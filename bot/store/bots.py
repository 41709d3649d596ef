"""Which bot the chats know: messages and pictures are each bot's own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.store.chats import Chats
from bot.store.knocks import Knocks
from bot.store.noun import Noun
from bot.store.rows import packed
from bot.store.tables import bot, invoices, pictures

_c = invoices.c


class Bots(Noun):
    """Bots by Telegram's id, 0 where none is known. Times in Unix seconds."""

    def __init__(self, connection: Connection, chats: Chats, knocks: Knocks) -> None:
        super().__init__(connection)
        self._chats = chats
        self._knocks = knocks

    def last(self) -> int:
        """The bot that the newest messages are of, 0 before the first one."""
        return self._connection.execute(sa.select(bot.c.bot_id)).scalar_one_or_none() or 0

    def begin(self, bot_id: int, now: float) -> int:
        """This bot serves the chats from now on; how many open invoices are shown afresh for it.

        Rows from before bots were told apart become the first one's: nobody knows better. Where it
        is another than before, no message of that one can be edited, nor any picture be sent.
        """
        last = self.last()
        if last == bot_id:
            return 0
        self._connection.execute(sa.delete(bot))
        self._connection.execute(sa.insert(bot).values(bot_id=bot_id))
        if not last:
            self._write(packed(bot_id=bot_id), _c.bot_id == 0)
            return 0
        self._connection.execute(sa.delete(pictures))
        self._knocks.void()
        return self._chats.begin_again(now)
