"""What is read at the moment of a question, and what is missing then. Knows no HTTP.

All of it is read in another thread than the one that counts: each reading is one number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.clock import steady
from bot.fence import Fence
from bot.metrics import Meter, Role, Seen

#: Seconds between two beats of the bot's loop.
BEAT_S = 1.0
#: Seconds without a beat after which the loop stands still: no step of ours takes that long.
STILL_S = 5.0
#: Seconds for which the database counts as seen while nothing fails: the bot writes to it every ten
#: seconds, and one that is slow may miss a turn.
DATABASE_S = 25.0
#: Seconds for which calls to Telegram may fail: one that fails is followed by another one soon.
TELEGRAM_FAILS_S = 20.0
#: Seconds for which Telegram counts as seen: a long poll is answered within 50, and where nothing
#: came for 56, Telegram is asked something within the next 14.
TELEGRAM_S = 75.0


class Part(StrEnum):
    """What can be missing."""

    LOOP = "loop"  # it stands still
    TERM = "term"  # the process starts or stops: it neither is active nor waits for its term
    DATABASE = "database"
    TELEGRAM = "telegram"


@dataclass(kw_only=True)
class Readings:
    """One process, as it is now.

    `queues`: how many wait in each, and `is_gate_open`: whether the node can be asked; both are
    there once the bot's parts are. `fence` and `is_cut_off`, whether the database's server can't be
    reached, are there once the database is open.
    """

    meter: Meter
    loop: Seen = field(default_factory=Seen)
    queues: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    is_gate_open: Callable[[], bool] = lambda: False
    fence: Fence = field(default_factory=Fence)
    is_cut_off: Callable[[], bool] = lambda: False

    def beat(self) -> None:
        """The loop turns. To be called in it, every `BEAT_S`."""
        self.loop.saw(time.monotonic())

    @property
    def is_alive(self) -> bool:
        """Whether the loop turns."""
        return self.loop.age_s(time.monotonic()) <= STILL_S

    @property
    def role(self) -> Role:
        """What this process does: it is active only while a call of its may leave."""
        role = self.meter.role
        return Role.WAITING if role is Role.ACTIVE and not self.fence.is_open() else role

    @property
    def is_active(self) -> bool:
        """Whether it is the one that acts."""
        return self.role is Role.ACTIVE

    @property
    def can_ask_node(self) -> bool:
        """Whether it can ask the node, as far as it knows."""
        return self.is_active and self.is_gate_open()

    @property
    def term(self) -> int:
        """The term of office in which it is active; 0 where there is none."""
        return self.meter.term if self.is_active else 0

    def missing(self) -> list[Part]:
        """What keeps this process from doing its work, or from taking it over."""
        return list(self._missing())

    def _missing(self) -> Iterator[Part]:
        now, role = steady(), self.role
        if not self.is_alive:
            yield Part.LOOP
        if role not in (Role.ACTIVE, Role.WAITING):
            yield Part.TERM
        if self._lacks_database(now):
            yield Part.DATABASE
        # only the active one talks to Telegram
        if role is not Role.WAITING and _is_gone(self.meter.telegram, now):
            yield Part.TELEGRAM

    def _lacks_database(self, now: float) -> bool:
        """Whether it takes nothing, to go by the latest answer of all, or has not been heard of."""
        seen = self.meter.database
        if self.is_cut_off() or (self.meter.role is Role.ACTIVE and self.fence.is_stale):
            return True
        return seen.fails_for_s(now) >= 0 or seen.age_s(now) > DATABASE_S


def _is_gone(telegram: Seen, now: float) -> bool:
    return telegram.fails_for_s(now) >= TELEGRAM_FAILS_S or telegram.age_s(now) > TELEGRAM_S
