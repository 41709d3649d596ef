"""Telegram's flood limits. Knows bots and chats by their ids only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from bot.demo.telegram.request import too_many


class _Window:
    """At most so many in so many seconds; whoever exceeds it waits until there is room."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._times: deque[float] = deque()
        self._closed_until = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next one is let in, 0 for now."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        if now < self._closed_until:
            return self._closed_until - now
        if len(self._times) < self._most:
            return 0.0
        self._closed_until = now + math.ceil(self._times[0] + self._seconds - now)
        return self._closed_until - now

    def count(self, now: float) -> None:
        """One was let in."""
        self._times.append(now)


class Floods:
    """Telegram's limits: 30 a second overall, 20 a minute in a group, 1 a second in a chat.

    A chat may have 5 in 5 s. A bot that was refused and calls again too early is refused again.
    Off until `on`; `clock` returns Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.on = False
        self._clock = clock
        self._windows: dict[tuple[int, int], list[_Window]] = {}

    def check(self, bot_id: int, chat_id: int | None) -> None:
        """Count one message or edit. Refusal (429) where it is one too many."""
        if not self.on or chat_id is None:
            return
        now = self._clock()
        windows = self._of(bot_id, 0) + self._of(bot_id, chat_id)
        wait_s = max(window.wait_s(now) for window in windows)
        if wait_s > 0:
            raise too_many(max(1, math.ceil(wait_s)))
        for window in windows:
            window.count(now)

    def _of(self, bot_id: int, chat_id: int) -> list[_Window]:
        key = (bot_id, chat_id)
        if key not in self._windows:
            if chat_id == 0:
                self._windows[key] = [_Window(30, 1.0)]
            else:
                group = [_Window(20, 60.0)] if chat_id < 0 else []
                self._windows[key] = [_Window(5, 5.0), *group]
        return self._windows[key]
