"""One transaction, as the jobs see it: a noun each for what can be read and written."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.store.agenda import Agenda
from bot.store.backend import CHANNEL
from bot.store.boards import Boards
from bot.store.bots import Bots
from bot.store.chats import Chats
from bot.store.grants import Grants
from bot.store.invoices import Invoices
from bot.store.knocks import Knocks
from bot.store.ledger import Ledger
from bot.store.memory import Memory
from bot.store.nodes import Nodes
from bot.store.occasions import Occasions


class Tx:
    """The statements of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.invoices = Invoices(connection)
        self.nodes = Nodes(connection, self.invoices)
        self.agenda = Agenda(connection)
        self.chats = Chats(connection)
        self.knocks = Knocks(connection)
        self.bots = Bots(connection, self.chats, self.knocks)
        self.memory = Memory(connection)
        self.boards = Boards(connection, self.invoices)
        self.grants = Grants(connection)
        self.ledger = Ledger(connection, self.boards)
        self.occasions = Occasions(connection, self.invoices)

    def nudge(self) -> None:
        """Once this is committed, the active process hears that there is something for it.

        See `Store.notified`. Of a file there is no other process.
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))
