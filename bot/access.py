"""Who may ask, how much, how often. Knows the settings; nothing of rows or messages."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from bot.config import AccessSettings, LimitsSettings
from bot.errors import ChatLimitReached, ShareLimitReached, UserLimitReached

#: So many people it takes at least to fill a group with open invoices.
MEMBERS_AT_LEAST = 3


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

    @property
    def is_unclaimed(self) -> bool:
        """Whether nobody owns the bot yet: the first who writes has most likely set it up."""
        return not self.owners and not self.allowed.open

    def may_ask(self, user_id: int, chat_ids: Collection[int]) -> bool:
        """Whether this person may ask for invoices in this chat, by all ids that it ever had."""
        return (
            self.allowed.open
            or self.is_owner(user_id)
            or user_id in self.allowed.users
            or not self.allowed.chats.isdisjoint(chat_ids)
        )

    @property
    def open_per_member(self) -> int:
        """How many open invoices one person can have in a group: a third of what it can have."""
        return math.ceil(self.limits.open_per_chat / MEMBERS_AT_LEAST)

    def check_limits(
        self,
        user_id: int,
        *,
        asked: int,
        open_in_chat: int,
        open_of_member: int = 0,
        who: str = "",
    ) -> None:
        """Raises the limit that is reached, where one more would be too many.

        `asked` counts what this person asked for in the last `invoices_per_user.per_s` seconds,
        `open_of_member` what they have open in this chat if it is a group; `who` is their name,
        where somebody else reads the refusal.
        """
        if self.is_owner(user_id):
            return
        rate = self.limits.invoices_per_user
        if asked >= rate.count:
            raise UserLimitReached(count=rate.count, per_s=rate.per_s, who=who)
        if open_in_chat >= self.limits.open_per_chat:
            raise ChatLimitReached(count=open_in_chat)
        if open_of_member >= self.open_per_member:
            raise ShareLimitReached(count=self.open_per_member, who=who)
