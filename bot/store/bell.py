"""What changed, rung after a commit by anybody, heard by whoever works on the rows.

It keeps nothing that the rows do not say: a bell that nobody hears costs time, and loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from bot.core.invoice import Invoice
from bot.core.work import Key, Lane


class Rung(NamedTuple):
    """A row that changed."""

    key: Key
    chat_id: int
    lane: Lane
    #: Somebody waits for it: it is worked on whatever else is.
    is_wanted: bool
    #: The row as it was just written, so that it need not be read; None: read it.
    fresh: Invoice | None


class Heard(NamedTuple):
    """All that was rung since the last time."""

    rows: list[Rung]
    #: Many rows may have changed, those in hand too.
    is_all: bool
    #: Something is due that is not named.
    is_due: bool


class Bell:
    """Rung by many, heard by one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._rows: dict[Key, Rung] = {}
        self._is_all = False
        self._is_due = False

    def ring(
        self,
        key: Key,
        chat_id: int,
        lane: Lane | None = None,
        fresh: Invoice | None = None,
    ) -> None:
        """This row changed: somebody wants something of it, or, with `lane`, it is due there.

        A row that is rung again before it is heard keeps its most urgent lane, and of `fresh` the
        latest: one that was written before that is no longer fresh.
        """
        before = self._rows.get(key)
        is_wanted = lane is None or (before is not None and before.is_wanted)
        urgent = Lane.COMMAND if lane is None else lane
        urgent = urgent if before is None else min(urgent, before.lane)
        self._rows[key] = Rung(key, chat_id, urgent, is_wanted, fresh)
        self._rung.set()

    def ring_all(self) -> None:
        """Many rows may have changed, those in hand too."""
        self._is_all = True
        self._rung.set()

    def ring_due(self) -> None:
        """Something is due, such as the board of a part: it is read."""
        self._is_due = True
        self._rung.set()

    async def wait(self) -> None:
        """Until something is rung; returns at once where that is not taken yet."""
        await self._rung.wait()

    def take(self) -> Heard:
        """What was rung, in the order of coming; it is silent then."""
        heard = Heard([*self._rows.values()], self._is_all, self._is_due)
        self._rung.clear()
        self._rows = {}
        self._is_all = self._is_due = False
        return heard
