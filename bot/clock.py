"""What time it is, for all that is due. Knows the host's clock, and what the node tells of its own.

Either may be set while the bot runs, rightly or wrongly. To be ahead of the node does no harm: what
is due too early is asked of the node, whose answer decides. To be behind does: a card would look
payable after its time. So the host's clock is followed forwards; where it is set back time goes on,
and the node's own word brings it right.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime

from bot import logs

log = logs.get(__name__)

#: Seconds by which the node's clock may differ before it is taken over.
TOLERANCE_S = 2.0
#: Seconds by which no clock differs that somebody runs a node by: that one is not taken over.
ABSURD_S = 86_400.0

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Seconds on a clock that nobody can set, a suspended computer's sleep included."""
    return time.clock_gettime(_STEADY)


class Lately:
    """When each of some was noted last, on the steady clock; forgotten after `for_s` seconds."""

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._times: dict[Hashable, float] = {}

    def note(self, which: Hashable) -> None:
        """This one, now."""
        now = steady()
        self._times.pop(which, None)  # the newest are the last
        self._times[which] = now
        while now - self._times[oldest := next(iter(self._times))] > self._for_s:
            del self._times[oldest]

    def at(self, which: Hashable) -> float:
        """When that was; long ago where nobody remembers."""
        return self._times.get(which, -math.inf)

    def __contains__(self, which: Hashable) -> bool:
        """Whether it was noted in that time."""
        return steady() - self.at(which) < self._for_s

    def take(self, which: Hashable) -> bool:
        """Whether it was noted in that time; then it is forgotten."""
        was_noted = which in self
        self._times.pop(which, None)
        return was_noted


def midnight(now: float) -> float:
    """When the host's day began that `now` is in; both in Unix seconds."""
    here = datetime.fromtimestamp(now, UTC).astimezone().replace(tzinfo=None)
    return here.replace(hour=0, minute=0, second=0, microsecond=0).astimezone().timestamp()


class Clock:
    """Unix seconds. `host` is the host's clock, `beside` one that nobody can set."""

    def __init__(
        self, host: Callable[[], float] = time.time, *, beside: Callable[[], float] = steady
    ) -> None:
        self._host = host
        self._beside = beside
        self._tells_absurd = True
        #: How often it was set, by the host or by the node's word, as far as anybody asked it.
        self.times_set = 0
        self._forwards_s = 0.0
        # Of the steady clock: how far the time is ahead of it, and the host's clock was then.
        self._ahead_s = self._host_ahead_s = host() - beside()

    def __call__(self) -> float:
        now = self._beside()
        forwards_s = max(0.0, self._host() - now - self._host_ahead_s)
        if abs(forwards_s - self._forwards_s) > TOLERANCE_S:
            self.times_set += 1
            self._forwards_s = forwards_s
        return now + self._ahead_s + forwards_s

    def learn(self, node_at: float, *, within_s: float) -> None:
        """The node's clock showed `node_at` (Unix seconds) at some time of the last `within_s`.

        Where that is more than a day off nothing changes: one odd answer must not make everything
        due, or nothing. But where the host's own clock says the same, it was set right.
        """
        now, of_host = self(), self._host()
        # Its times are whole seconds, cut off.
        right = min(max(now, node_at), node_at + 1 + within_s)
        if abs(right - now) > ABSURD_S and abs(right - of_host) > ABSURD_S:
            tell, self._tells_absurd = log.error if self._tells_absurd else log.debug, False
            tell("node's clock is off by more than a day", ahead_s=round(right - now))
        elif abs(right - now) > TOLERANCE_S:
            at = self._beside()
            self.times_set += 1
            self._forwards_s = 0.0
            self._ahead_s = right - at
            self._host_ahead_s = self._host() - at
