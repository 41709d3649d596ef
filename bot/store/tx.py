"""One transaction, as the jobs see it: a noun each for what can be read and written."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from bot.store.agenda import Agenda
from bot.store.boards import Boards
from bot.store.bots import Bots
from bot.store.chats import Chats
from bot.store.doubts import Doubts
from bot.store.grants import Grants
from bot.store.inbox import Inbox
from bot.store.invoices import Invoices
from bot.store.knocks import Knocks
from bot.store.ledger import Ledger
from bot.store.memory import Memory
from bot.store.nodes import Nodes
from bot.store.occasions import Occasions
from bot.store.terms import Terms


class Tx:
    """The statements of one transaction."""

    def __init__(self, connection: Connection) -> None:
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
        self.inbox = Inbox(connection)
        self.terms = Terms(connection)
        self.doubts = Doubts(connection)
