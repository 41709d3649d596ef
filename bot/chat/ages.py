"""How old a message is, by Telegram's own time. Knows how Telegram tells the time.

A host's clock can be wrong by hours: a small computer without a battery goes on where it stopped.
Telegram dates each message, and each of its answers says when it was made. Between answers a clock
that nobody can set goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bot.clock import steady

#: Seconds by which right clocks differ at most, the time that an answer takes included.
SLACK_S = 60.0
#: No message is older that comes, in seconds: Telegram keeps them for a day.
OLDEST_S = 25 * 3600.0


class Told(NamedTuple):
    """What time it was, as an answer said, and the steady clock then. In seconds."""

    unix: float
    at: float


class Ages:
    """How old messages are. `clock` is the host's, in Unix seconds.

    By the time of the answer that brought it. Where that has none, or one that can't be right, by
    the host's clock, but no earlier than the newest message that came. A wrong time does little
    harm: a message is no older than something that comes now can be.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Of the steady clock: how far Telegram's time is ahead of it.
        self._told_ahead_s: float | None = None
        self._newest_ahead_s = -math.inf
        # when nothing older than the next batch can have been waiting, on the steady clock
        self._emptied_at = -math.inf

    def came(self, dates: Iterable[float], told: Told | None) -> None:
        """Messages of these dates came, in an answer made at that time."""
        now = steady()
        self._told_ahead_s = None if told is None else told.unix - told.at
        for date in dates:
            self._newest_ahead_s = max(self._newest_ahead_s, date - now)

    def emptied(self, asked_at: float) -> None:
        """What was asked for then, on the steady clock, brought all that there was."""
        self._emptied_at = asked_at

    @property
    def is_bounded(self) -> bool:
        """Whether it is known how old a message can be that comes."""
        return math.isfinite(self._emptied_at)

    def earliest_now(self) -> float | None:
        """What time it is at least, in Unix seconds, by the host's clock and by Telegram's.

        None until everything has come that waited.
        """
        if not self.is_bounded:
            return None
        ahead_s = self._newest_ahead_s if self._told_ahead_s is None else self._told_ahead_s
        return min(self._clock(), steady() + ahead_s) if math.isfinite(ahead_s) else self._clock()

    def latest_now(self) -> float:
        """What time it is at most, in Unix seconds, by the host's clock and by Telegram's."""
        ahead_s = self._newest_ahead_s if self._told_ahead_s is None else self._told_ahead_s
        return max(self._clock(), steady() + ahead_s)

    def longest_wait_s(self) -> float:
        """How old an update can be that is handled now, in seconds: infinite after a start.

        An answer with less than a whole batch is all that there is: what comes after it was written
        after that was asked for.
        """
        return steady() - self._emptied_at

    def of(self, date: float) -> float:
        """How long ago a message of that date was written, in seconds.

        No longer than an update can have waited that comes now. Else a time that is an hour fast
        would call each command too late.
        """
        return max(0.0, min(self._now(date) - date, self.longest_wait_s()))

    def waited_s(self, since: float) -> float:
        """How long something has been here that came at that time, by the host's clock. Seconds."""
        return max(0.0, min(self._clock() - since, self.longest_wait_s()))

    def _now(self, date: float) -> float:
        """Telegram's time, by which no message is too old that has this date."""
        now, ours = steady(), self._clock()
        newest = now + self._newest_ahead_s
        if self._told_ahead_s is not None:
            told = now + self._told_ahead_s
            # Two clocks that agree are right, whatever date a message has.
            is_behind = newest - told > SLACK_S and abs(told - ours) > SLACK_S
            if not is_behind and told - date <= OLDEST_S:
                return told
        return ours if newest - date > OLDEST_S else max(ours, newest)
