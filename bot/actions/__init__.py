"""What people want: ask, answer, cancel, renew. Knows rows and limits; no Telegram and no prose."""

from bot.actions.actions import Actions
from bot.actions.boards import BoardActions
from bot.actions.ledger import Ledger
from bot.actions.values import Asker, Origin, Place

__all__ = ["Actions", "Asker", "BoardActions", "Ledger", "Origin", "Place"]
