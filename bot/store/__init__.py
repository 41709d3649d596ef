"""The rows, kept. It alone knows SQL, and the file that they are in."""

from bot.store import beside
from bot.store.agenda import Due
from bot.store.bell import Bell
from bot.store.nodes import Open
from bot.store.occasions import ToTell
from bot.store.sqlite import inspect
from bot.store.tx import Tx
from bot.store.writer import Store

__all__ = ["Bell", "Due", "Open", "Store", "ToTell", "Tx", "beside", "inspect"]
