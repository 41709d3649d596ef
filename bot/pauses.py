"""How long to wait: before the next try, until a stop, for what is on its way.

Knows nothing of the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

FIRST_PAUSE_S = 0.2
#: Of the loop: from a commit to the call that it asks for there are some.
TURNS = 8


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

    As long as there is one reason after another, it waits no longer than for the first. In memory
    alone: a process that ends holds nothing.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: in Unix seconds."""
        self._clock = clock
        self._runs: dict[int, _Run] = {}

    def hold(self, where: int, why: Hashable, *, within_s: float) -> None:
        """Until it is let go, and no longer than so many seconds."""
        now = self._clock()
        for each, run in [*self._runs.items()]:
            run.reasons = {key: at for key, at in run.reasons.items() if now < at <= now + within_s}
            if not run.reasons:
                del self._runs[each]
        run = self._runs.setdefault(where, _Run(now + within_s))
        run.reasons.setdefault(why, now + within_s)

    def let_go(self, where: int, why: Hashable) -> None:
        """It is there, or will not come."""
        if (run := self._runs.get(where)) is not None:
            run.reasons.pop(why, None)
            if not run.reasons:
                del self._runs[where]

    def until(self, where: int) -> float:
        """From when on nothing has to wait there, in Unix seconds; 0: now."""
        run = self._runs.get(where)
        at = 0.0 if run is None else min(run.ends_at, max(run.reasons.values()))
        return at if self._clock() < at else 0.0


@dataclass(slots=True)
class _Run:
    """Reasons that follow each other: when each ends, and when all do, in Unix seconds."""

    ends_at: float
    reasons: dict[Hashable, float] = field(default_factory=dict)


async def others_first() -> None:
    """Let whatever is ready run, and what comes of it at once, such as a call that leaves."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def seconds_left(
    stop: asyncio.Event, whole_s: float, *, least_s: float
) -> AsyncIterator[Callable[[], float]]:
    """What is left of `whole_s` since `stop` was set, in seconds, and `least_s` in any case."""
    loop = asyncio.get_running_loop()
    moments: list[float] = []
    stopping = asyncio.ensure_future(stop.wait())
    stopping.add_done_callback(lambda _: moments.append(loop.time()))

    def left_s() -> float:
        since = moments[0] if moments else loop.time()
        return max(least_s, whole_s - (loop.time() - since))

    try:
        yield left_s
    finally:
        stopping.cancel()
