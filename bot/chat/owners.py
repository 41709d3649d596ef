"""Notices to the bot's owners, in private. Knows who they are."""

from __future__ import annotations

from collections.abc import Collection

from bot import texts
from bot.chat.chats import Chats, Say
from bot.core.notices import Kind, Notice

#: Of these one notice a process is enough.
ONCE = frozenset({Kind.CANCEL_NOT_PERMITTED})


class OwnerChats:
    """The owners' private chats: `bot.core.notices.Owners`."""

    def __init__(self, chats: Chats, owners: Collection[int]) -> None:
        self._chats = chats
        self._owners = owners
        self._notified: set[Kind] = set()

    def notify(self, notice: Notice) -> None:
        """Tell each owner, best effort; returns at once."""
        if notice.kind in ONCE and notice.kind in self._notified:
            return
        self._notified.add(notice.kind)
        text = texts.owner_notice(notice)
        for owner in self._owners:
            self._chats.say(Say(owner, text))
