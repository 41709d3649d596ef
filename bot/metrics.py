"""What this process did, and how often: plain numbers. Knows nobody who counts or reads them.

Each number is counted at the one place where the thing happens, by an addition, whether anybody
reads it or not. Nobody and nothing is named: a kind is the name of a class or a word of ours.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum

#: Upper bounds in seconds: from a card that is there at once to one that waited for its node.
BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Role(StrEnum):
    """What this process does in its term of office, or before one."""

    STARTING = "starting"
    WAITING = "waiting"  # for its term, or to see that its term goes on
    ACTIVE = "active"
    STOPPING = "stopping"


class Count:
    """How often something happened, of each kind.

    Each kind is counted in one thread; any thread can read.
    """

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def add(self, kind: str = "") -> None:
        """Once more."""
        self._of[kind] = self._of.get(kind, 0) + 1

    def of(self, kind: str = "") -> int:
        """How often it was this kind."""
        return self._of.get(kind, 0)

    def kinds(self) -> dict[str, int]:
        """All kinds so far, each with its number."""
        return dict(self._of)


class Durations:
    """How long something took: how often up to each bound, and the sum of all, in seconds."""

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self.bounds_s = tuple(bounds_s)
        self._counts = [0] * (len(self.bounds_s) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Once more, for so long."""
        self._counts[bisect_left(self.bounds_s, seconds)] += 1
        self.sum_s += seconds

    def counts(self) -> list[int]:
        """How often it took so long: between each two bounds, and beyond the last."""
        return list(self._counts)


class Seen:
    """When something last gave a sign of life, on a clock that the readers share.

    And whether it has failed to since, whoever asked.
    """

    def __init__(self) -> None:
        self._at = -math.inf
        self._fails_since = math.inf

    def saw(self, at: float) -> None:
        """Just now."""
        self._fails_since = math.inf
        self._at = at

    def missed(self, at: float) -> None:
        """It was asked for one just now, and gave none."""
        self._fails_since = min(self._fails_since, at)

    def fails_for_s(self, now: float) -> float:
        """Seconds since it first failed after the last sign; below 0 where it has not."""
        return now - self._fails_since

    def age_s(self, now: float) -> float:
        """Seconds since then; infinite where there was none."""
        return max(0.0, now - self._at)


class Meter:
    """All numbers of one process."""

    def __init__(self) -> None:
        self.updates = Count()
        self.commands = Count()
        self.cards = Count()
        self.payments = Count()
        self.command_to_card = Durations()
        self.commits = Count()
        self.failed_commits = Count()
        self.node_errors = Count()
        self.telegram_errors = Count()
        #: On `clock.steady`: the database was written or read, Telegram answered.
        self.database = Seen()
        self.telegram = Seen()
        self.role = Role.STARTING
        #: The number of the present term of office; 0 where there are none.
        self.term = 0


#: Of this process.
METER = Meter()
