"""The rows, kept. It alone knows SQL, and the file or server that they are in."""

from bot.store import beside
from bot.store.agenda import Due
from bot.store.bell import Bell
from bot.store.boards import TAKEN
from bot.store.inbox import INBOX, Batch, Delivered
from bot.store.memory import UNINVITED
from bot.store.nodes import Ended, Open
from bot.store.occasions import ToTell
from bot.store.reading import Reader
from bot.store.running import Running, alive_file, is_moved, running, running_on, say_alive
from bot.store.sqlite import inspect
from bot.store.terms import Said
from bot.store.tx import Tx
from bot.store.writer import Store

__all__ = [
    "INBOX",
    "TAKEN",
    "UNINVITED",
    "Batch",
    "Bell",
    "Delivered",
    "Due",
    "Ended",
    "Open",
    "Reader",
    "Running",
    "Said",
    "Store",
    "ToTell",
    "Tx",
    "alive_file",
    "beside",
    "inspect",
    "is_moved",
    "running",
    "running_on",
    "say_alive",
]
