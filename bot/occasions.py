"""What the owners should know, as it is seen: written down once an occasion. Knows the store.

Who tells the owners is another part: it reads the rows. What comes with a row's own outcome is
written in the transaction of that; all else by `run`, in the order in which it was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bot import logs
from bot.clock import steady
from bot.core.notices import Kind, Notice
from bot.core.occasions import RULES
from bot.errors import StoreUnavailable
from bot.store import Store, Tx

log = logs.get(__name__)

#: Seconds between two times that the same is written of an occasion that goes on.
SEEN_EVERY_S = 60.0


class _Over(NamedTuple):
    """The end of what was seen."""

    kind: Kind
    subject: str
    at: float | None  # in Unix seconds; None: as it is written


class Occasions:
    """All of them. `load` comes first; `run` until cancelled."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lasting: set[tuple[Kind, str]] = set()
        self._written: dict[tuple[Kind, str], float] = {}  # when, on the steady clock
        self._seen: list[Notice | _Over] = []
        self._news = asyncio.Event()
        #: Set whenever something is written that may have to be told.
        self.changed = asyncio.Event()

    async def load(self) -> None:
        """Read what lasts from earlier processes, as soon as that can be read."""
        self._lasting = await self._store.must(_lasting)
        self.changed.set()

    def lasts(self, kind: Kind, subject: str | None = None) -> bool:
        """Whether an occasion of this kind lasts; of any subject, or of this one."""
        if subject is not None:
            return (kind, subject) in self._lasting
        return any(each is kind for each, _ in self._lasting)

    def notify(self, notice: Notice) -> None:
        """This is so; returns at once, and can be said as often as it is seen."""
        about = (notice.kind, notice.about)
        written_at = self._written.get(about)
        if written_at is not None and steady() - written_at < SEEN_EVERY_S:
            return
        self._written[about] = steady()
        self._note(notice)
        self._see(notice)

    def over(self, kind: Kind, subject: str = "", *, at: float | None = None) -> None:
        """This is over; returns at once, and costs nothing where it was not so.

        `at`: since when, in Unix seconds; None: since now.
        What lasted of another subject, such as another node, is forgotten.
        """
        if not self.lasts(kind):
            return
        self._lasting = {each for each in self._lasting if each[0] is not kind}
        self._written = {each: at for each, at in self._written.items() if each[0] is not kind}
        log.info("owners' concern is over", kind=kind)
        self._see(_Over(kind, subject, at))

    def began(self, notices: Iterable[Notice]) -> None:
        """These were written by the transaction of what they come from."""
        for notice in notices:
            self._note(notice)
            self.changed.set()

    async def run(self) -> None:
        """Write down what was seen, until cancelled. Raises only what is a bug."""
        while True:
            await self._news.wait()
            self._news.clear()
            seen, self._seen = self._seen, []
            with contextlib.suppress(StoreUnavailable):  # the process ends: it will be seen again
                await self._store.must(_write, seen, self._clock())
            self.changed.set()

    def _note(self, notice: Notice) -> None:
        if RULES[notice.kind].lasts:
            self._lasting.add((notice.kind, notice.about))

    def _see(self, what: Notice | _Over) -> None:
        self._seen.append(what)
        self._news.set()


# jobs of the store


def _lasting(tx: Tx) -> set[tuple[Kind, str]]:
    return tx.occasions.lasting()


def _write(tx: Tx, seen: Iterable[Notice | _Over], now: float) -> None:
    for each in seen:
        if isinstance(each, Notice):
            tx.occasions.begin(each, now)
        else:
            tx.occasions.end(each.kind, each.subject, now if each.at is None else each.at)
