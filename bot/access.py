"""Who may ask, how much, how often. Knows the settings and what was granted; no rows, no messages.

`Access` is one object, which every part reads at each use: owners come and go while the bot runs.
`Rights` is what is true at one moment, so that a job can have it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from dataclasses import dataclass

from bot.config import AccessSettings, LimitsSettings
from bot.core.grants import Granted
from bot.errors import ChatLimitReached, ShareLimitReached, UserLimitReached

#: So many people it takes at least to fill a group with open invoices.
MEMBERS_AT_LEAST = 3
_NOTHING = Granted()


@dataclass(frozen=True, slots=True)
class Rights:
    """The lists and the limits: a value. Ids are Telegram's.

    `listed` by the settings, `granted` from the chat: whoever is in either is let in.
    """

    listed: AccessSettings
    limits: LimitsSettings
    granted: Granted = _NOTHING

    @property
    def owners(self) -> frozenset[int]:
        """The bot's owners."""
        return self.listed.owners | self.granted.owners

    def is_owner(self, user_id: int) -> bool:
        """Whether this is one of the bot's owners: they may do everything, without limits."""
        return user_id in self.listed.owners or user_id in self.granted.owners

    @property
    def is_unclaimed(self) -> bool:
        """Whether nobody owns the bot yet: the first who writes has most likely set it up."""
        return not self.owners and not self.listed.open

    def may_ask(self, user_id: int, chat_ids: Collection[int]) -> bool:
        """Whether this person may ask for invoices in this chat, by all ids that it ever had."""
        return (
            self.listed.open
            or self.is_owner(user_id)
            or user_id in self.listed.users
            or user_id in self.granted.users
            or not self.listed.chats.isdisjoint(chat_ids)
            or not self.granted.chats.isdisjoint(chat_ids)
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


class Access:
    """Who may ask now. What is read of it is true at that moment: keep the object, not its sets."""

    def __init__(
        self, listed: AccessSettings, limits: LimitsSettings, granted: Granted | None = None
    ) -> None:
        self._now = Rights(listed, limits, granted or _NOTHING)
        #: Set at each change; whoever waits for it clears it first.
        self.changed = asyncio.Event()

    @property
    def now(self) -> Rights:
        """What is true now, for a job."""
        return self._now

    def grant(self, granted: Granted) -> None:
        """What was granted from the chat is this from now on: it is in the database."""
        self._now = Rights(self._now.listed, self._now.limits, granted)
        self.changed.set()

    def reload(self, listed: AccessSettings, limits: LimitsSettings) -> None:
        """The settings say this from now on."""
        self._now = Rights(listed, limits, self._now.granted)
        self.changed.set()

    @property
    def owners(self) -> frozenset[int]:
        """The bot's owners."""
        return self._now.owners

    def is_owner(self, user_id: int) -> bool:
        """Whether this is one of the bot's owners: they may do everything, without limits."""
        return self._now.is_owner(user_id)

    @property
    def is_unclaimed(self) -> bool:
        """Whether nobody owns the bot yet: the first who writes has most likely set it up."""
        return self._now.is_unclaimed

    def may_ask(self, user_id: int, chat_ids: Collection[int]) -> bool:
        """Whether this person may ask for invoices in this chat, by all ids that it ever had."""
        return self._now.may_ask(user_id, chat_ids)
