"""Who may ask, how much, how often. Knows the settings and nothing of chats."""

from __future__ import annotations

from bot import texts
from bot.config import AccessSettings, LimitsSettings
from bot.errors import LimitReached


class Access:
    """The allow-list and the limits. Ids are Telegram's."""

    def __init__(self, allowed: AccessSettings, limits: LimitsSettings) -> None:
        self.owners = allowed.owners
        self.limits = limits
        self._users = allowed.users
        self._open = allowed.open
        self._chats = set(allowed.chats)

    def is_owner(self, user_id: int) -> bool:
        """Whether this is one of the bot's owners: they may do everything, without limits."""
        return user_id in self.owners

    def may_ask(self, user_id: int, chat_id: int) -> bool:
        """Whether this person may ask for invoices in this chat."""
        return (
            self._open or user_id in self.owners or user_id in self._users or chat_id in self._chats
        )

    def follow(self, old_chat_id: int, new_chat_id: int) -> None:
        """A group has a new id: what was allowed there stays allowed."""
        if old_chat_id in self._chats:
            self._chats.add(new_chat_id)

    def check_limits(self, user_id: int, *, asked: int, open_in_chat: int, who: str = "") -> None:
        """Raises `LimitReached` where one more would be too many.

        `asked` counts what this person asked for in the last `invoices_per_user.per_s` seconds.
        """
        if self.is_owner(user_id):
            return
        rate = self.limits.invoices_per_user
        if asked >= rate.count:
            raise LimitReached(texts.limit_user(rate.count, rate.per_s, who))
        if open_in_chat >= self.limits.open_per_chat:
            raise LimitReached(texts.limit_chat(open_in_chat))
