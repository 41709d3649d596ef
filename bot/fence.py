"""Whether a call to Telegram or to the node may leave: of several processes only one acts.

With SQLite one process has the file, and its fence is always open. With PostgreSQL a process holds
a term of office (`bot.store.office`): it may act for `FRESH_S` after it last saw in the database
that its term goes on, and its successor waits as long before it does anything. Both count by a
clock that runs on while a process is stopped or a machine asleep.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from bot.errors import TermLost

#: Seconds after a look at the term for which a call may leave.
FRESH_S = 2.0
#: Seconds between two looks at a fence that is closed.
LOOK_S = 0.05


class Fence:
    """Open from a moment on, and until another one; both by `now`, in seconds.

    Without `now` it is always open. The store's threads move both, and whoever makes a call looks
    at them.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        #: Whether nothing ever closes it.
        self.is_always_open = now is None
        self._now = now or float
        self._from = -math.inf
        self._until = math.inf if now is None else -math.inf
        self._is_lost = False

    def is_open(self) -> bool:
        """Whether a call may leave at this moment."""
        return self.is_always_open or self._from <= self._now() < self._until

    @property
    def is_stale(self) -> bool:
        """Whether it was not seen lately that the term goes on: another process may act by now."""
        return not self.is_always_open and self._now() >= self._until

    async def passed(self) -> None:
        """Wait until a call may leave. Raises `TermLost`."""
        if self.is_always_open:
            return
        while not self.is_open():
            if self._is_lost:
                raise TermLost
            await asyncio.sleep(LOOK_S)

    def begin(self, seen_at: float, *, after_s: float) -> None:
        """A term begins, seen at `seen_at`: the one before may act for `after_s` from now on."""
        self._is_lost = False
        self._from = self._now() + after_s
        self._until = seen_at + FRESH_S

    def seen(self, at: float) -> None:
        """At this time, or later, the term went on.

        Where that comes too late, another process may have acted meanwhile, in what the database
        has lost since: a standby that took over, or a copy. Its fence is awaited.
        """
        if self._is_lost or self.is_always_open:
            return
        now = self._now()
        if now >= self._until:
            self._from = max(self._from, now + FRESH_S)
        self._until = max(self._until, at + FRESH_S)

    def close(self) -> None:
        """The term is over: nothing leaves from now on."""
        if not self.is_always_open:
            self._is_lost = True
            self._until = -math.inf
