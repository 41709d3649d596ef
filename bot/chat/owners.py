"""Notices to the bot's owners, in private. Knows who they are, and how often they hear of what."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from bot import texts
from bot.access import Access
from bot.chat.chats import Chats, Say
from bot.core.notices import Kind, Notice

#: Of these one notice a process is enough.
ONCE = frozenset({Kind.ADD_NOT_PERMITTED, Kind.CANCEL_NOT_PERMITTED, Kind.OTHER_COPY})
#: Of these, which anyone can cause, one notice in so many seconds: what comes meanwhile is counted.
COLLECTED = frozenset(
    {
        Kind.CARD_REFUSED,
        Kind.CARD_UNTRUE,
        Kind.BOARD_REFUSED,
        Kind.BOARD_UNTRUE,
        Kind.BOARD_UNTOLD,
        Kind.INBOUND_TOO_LITTLE,
    }
)
COLLECTED_S = 3600.0


class OwnerChats:
    """The owners' private chats: `bot.core.notices.Owners`."""

    def __init__(self, chats: Chats, access: Access, *, of_payments: bool) -> None:
        """`of_payments`: whether they hear of each payment."""
        self._chats = chats
        self._access = access
        self._of_payments = of_payments
        self._notified: set[Kind] = set()
        self._collected: dict[Kind, Notice | None] = {}  # since the last one, in one

    @property
    def chat_ids(self) -> Collection[int]:
        """Their private chats, by Telegram's ids."""
        return self._access.owners

    @property
    def of_payments(self) -> Sequence[int]:
        """Those of them who hear of each payment, in a fixed order."""
        return sorted(self._access.owners) if self._of_payments else ()

    def notify(self, notice: Notice) -> None:
        """Tell each owner, best effort; returns at once."""
        if notice.kind in ONCE and notice.kind in self._notified:
            return
        self._notified.add(notice.kind)
        if notice.kind not in self._collected:
            self._say(notice)
            return
        before = self._collected[notice.kind]
        count = 1 if before is None else before.count + 1
        self._collected[notice.kind] = replace(notice, count=count)

    def _say(self, notice: Notice) -> None:
        if notice.kind in COLLECTED:
            self._collected[notice.kind] = None
            loop = asyncio.get_running_loop()
            loop.call_later(COLLECTED_S, self._say_collected, notice.kind)
        text = texts.owner_notice(notice)
        for owner in self.chat_ids:
            self._chats.say(Say(owner, text))

    def _say_collected(self, kind: Kind) -> None:
        collected = self._collected.pop(kind)
        if collected is not None:
            self._say(collected)
