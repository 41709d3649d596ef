"""Who may ask, how much, how often. Knows the settings; nothing of rows or messages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bot.config import AccessSettings, LimitsSettings
from bot.errors import ChatLimitReached, UserLimitReached


@dataclass(frozen=True, slots=True)
class Access:
    """The allow-list and the limits: a value, so that a job can have it. Ids are Telegram's."""

    allowed: AccessSettings
    limits: LimitsSettings

    @property
    def owners(self) -> frozenset[int]:
        """The bot's owners."""
        return self.allowed.owners

    def is_owner(self, user_id: int) -> bool:
        """Whether this is one of the bot's owners: they may do everything, without limits."""
        return user_id in self.allowed.owners

    def may_ask(self, user_id: int, chat_ids: Collection[int]) -> bool:
        """Whether this person may ask for invoices in this chat, by all ids that it ever had."""
        return (
            self.allowed.open
            or self.is_owner(user_id)
            or user_id in self.allowed.users
            or not self.allowed.chats.isdisjoint(chat_ids)
        )

    def check_limits(self, user_id: int, *, asked: int, open_in_chat: int, who: str = "") -> None:
        """Raises `UserLimitReached` or `ChatLimitReached` where one more would be too many.

        `asked` counts what this person asked for in the last `invoices_per_user.per_s` seconds;
        `who` is their name, where somebody else reads the refusal.
        """
        if self.is_owner(user_id):
            return
        rate = self.limits.invoices_per_user
        if asked >= rate.count:
            raise UserLimitReached(count=rate.count, per_s=rate.per_s, who=who)
        if open_in_chat >= self.limits.open_per_chat:
            raise ChatLimitReached(count=open_in_chat)
