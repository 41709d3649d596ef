"""The owners' private chats. Knows who they are at the moment, and what they want to hear of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from bot import logs, texts
from bot.access import Access
from bot.chat.chats import Chats, Say
from bot.clock import steady
from bot.core.notices import Kind, Notice
from bot.core.occasions import RULES, Topic

log = logs.get(__name__)


@dataclass
class Outage:
    """What owners were told of a database that is away; it outlasts a term of office."""

    told_at: float | None = None  # the latest time, on the steady clock
    is_told: bool = False  # of the outage that lasts


class OwnerChats:
    """The owners, as `access` has them now: `bot.core.notices.Owners`."""

    def __init__(
        self,
        chats: Chats,
        access: Access,
        *,
        topics: Collection[Topic],
        outage: Outage | None = None,
    ) -> None:
        """`topics`: what they hear of."""
        self._chats = chats
        self._access = access
        self.topics = frozenset(topics)
        self._outage = outage or Outage()

    @property
    def chat_ids(self) -> Collection[int]:
        """Their private chats, by Telegram's ids."""
        return self._access.owners

    @property
    def of_payments(self) -> Sequence[int]:
        """Those of them who hear of each payment, in a fixed order."""
        return sorted(self._access.owners) if Topic.PAYMENTS in self.topics else ()

    # the one thing that cannot be written down first

    def database_is_away(self, why: str) -> None:
        """Tell them so, best effort and once an hour at most; returns at once."""
        every_s = RULES[Kind.DATABASE_AWAY].every_s
        outage = self._outage
        if outage.told_at is not None and steady() - outage.told_at < every_s:
            log.info("owners not notified: they were within the hour", kind=Kind.DATABASE_AWAY)
            return
        outage.told_at, outage.is_told = steady(), True
        self._say(Notice(Kind.DATABASE_AWAY, why=why))

    def database_is_back(self) -> None:
        """Tell them so, if they were told that it is away."""
        if self._outage.is_told:
            self._outage.is_told = False
            self._say(Notice(Kind.DATABASE_BACK))

    def _say(self, notice: Notice) -> None:
        if Topic.DATABASE not in self.topics:
            log.info("owners not notified: switched off", kind=notice.kind)
            return
        for owner in self.chat_ids:
            may_read = partial(self._is_one, owner)
            self._chats.say(Say(owner, texts.owner_notice(notice), may_read=may_read))

    def _is_one(self, person: int) -> bool:
        """Whether they are one when it goes out."""
        return person in self.chat_ids
