"""How long to wait: before the next try, until a stop, for what is on its way.

Knows nothing of the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any

FIRST_PAUSE_S = 0.2


def pause_s(attempt: int, *, first_s: float = FIRST_PAUSE_S, longest_s: float) -> float:
    """The growing, jittered pause before try number `attempt` (from 1), in seconds."""
    grown_s: float = first_s * 2 ** min(attempt - 1, 16)
    return min(longest_s, grown_s) * jitter()


def jitter() -> float:
    """A factor around 1: those who failed together do not come back together."""
    return random.uniform(0.75, 1.25)  # noqa: S311 -- no secret


@contextlib.asynccontextmanager
async def unless(stop: asyncio.Event) -> AsyncIterator[None]:
    """Cancel what is done within when `stop` is set, and nothing that comes after it."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    is_within, is_cancelled = True, False

    def end(stopping: asyncio.Future[Any]) -> None:
        # it may be called in the very moment in which what was done within is over
        nonlocal is_cancelled
        if is_within and task is not None and not stopping.cancelled():
            is_cancelled = task.cancel()

    stopping = asyncio.ensure_future(stop.wait())
    stopping.add_done_callback(end)
    try:
        yield
    except asyncio.CancelledError:
        if not is_cancelled or task is None or task.cancelling() > before + 1:  # others' too
            raise
    finally:
        is_within = False
        stopping.cancel()
        if is_cancelled and task is not None:
            task.uncancel()


class Holds:
    """What can wait a moment for something that is on its way, by a number that says where.

    In memory alone: a process that ends holds nothing.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: in Unix seconds."""
        self._clock = clock
        self._until: dict[int, dict[Hashable, float]] = {}

    def hold(self, where: int, why: Hashable, *, within_s: float) -> None:
        """Until it is let go, and no longer than so many seconds."""
        now = self._clock()
        self._until.setdefault(where, {})[why] = now + within_s
        for each, reasons in [*self._until.items()]:
            left = {key: at for key, at in reasons.items() if now < at <= now + within_s}
            self._until[each] = left
            if not left:
                del self._until[each]

    def let_go(self, where: int, why: Hashable) -> None:
        """It is there, or will not come."""
        reasons = self._until.get(where, {})
        reasons.pop(why, None)
        if not reasons:
            self._until.pop(where, None)

    def until(self, where: int) -> float:
        """From when on nothing has to wait there, in Unix seconds; 0: now."""
        at = max(self._until.get(where, {}).values(), default=0.0)
        return at if self._clock() < at else 0.0
