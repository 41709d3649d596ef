"""What people want: ask, cancel, renew, let in. Knows rows and limits; no Telegram and no prose."""

from bot.actions.actions import Actions
from bot.actions.boards import BoardActions
from bot.actions.grants import Allowed, Denied, Grants, Subject
from bot.actions.knocks import Hint, Knocks
from bot.actions.ledger import Ledger
from bot.actions.values import Asker, Origin, Place

__all__ = [
    "Actions",
    "Allowed",
    "Asker",
    "BoardActions",
    "Denied",
    "Grants",
    "Hint",
    "Knocks",
    "Ledger",
    "Origin",
    "Place",
    "Subject",
]
