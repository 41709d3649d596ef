"""What a person, a chat or a crowd gets at most, and a count of the rest. Knows no Telegram.

Nothing hangs on what is limited here: sentences, and answers to presses. Cards have no such limit.
"""

from __future__ import annotations

import asyncio
from collections import deque

from bot import logs

log = logs.get(__name__)

#: Seconds for which the log counts what is dropped before it says so again.
COUNT_S = 60.0
#: Sentences a minute in a group: Telegram takes 20 messages a minute there, and cards need most.
A_MINUTE = 5
MINUTE_S = 60.0


class Drops:
    """What is dropped: the log says so when it begins, and how much it was a minute later."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._counts: dict[str, int] = {}  # since the last line, by reason

    def add(self, reason: str) -> None:
        """One more was dropped."""
        if reason in self._counts:
            self._counts[reason] += 1
            return
        log.warning(self._event, reason=reason)
        self._count_from_now(reason)

    def _count_from_now(self, reason: str) -> None:
        self._counts[reason] = 0
        asyncio.get_running_loop().call_later(COUNT_S, self._counted, reason)

    def _counted(self, reason: str) -> None:
        count = self._counts.pop(reason)
        if count:
            log.warning(self._event, reason=reason, more=count)
            self._count_from_now(reason)


class Minutes:
    """When the next sentence may go out in each group: `A_MINUTE`, and as many that wait."""

    def __init__(self) -> None:
        self._times: dict[int, deque[float]] = {}  # on the loop's clock, some still to come

    def __len__(self) -> int:
        return len(self._times)

    def reserve(self, chat_id: int) -> float | None:
        """Seconds to wait for this one; None where too many wait already."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        times = self._times.get(chat_id)
        if times is None:
            times = self._times[chat_id] = deque()
            loop.call_later(MINUTE_S, self._forget, chat_id)
        while times and times[0] <= now - MINUTE_S:
            times.popleft()
        if len(times) >= 2 * A_MINUTE:
            return None
        at = now if len(times) < A_MINUTE else max(now, times[-A_MINUTE] + MINUTE_S)
        times.append(at)
        return at - now

    def _forget(self, chat_id: int) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._times[chat_id][-1] + MINUTE_S - loop.time()
        if left_s > 0:
            loop.call_later(left_s, self._forget, chat_id)
        else:
            del self._times[chat_id]
