"""When a chat is tried again: after longer pauses each time. Knows the loop's clock, no message."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container

from bot.pauses import pause_s

#: Seconds between two tries at most.
LONGEST_PAUSE_S = 60.0


class Tries:
    """Of each chat by itself."""

    def __init__(self) -> None:
        self._attempts: Counter[int] = Counter()  # since something got there
        self._retry_at: dict[int, float] = {}  # on the loop's clock

    def may_begin(self, chat_id: int) -> bool:
        """Whether no pause is left."""
        return self._retry_at.get(chat_id, 0.0) <= _now_s()

    def failed(self, chat_id: int) -> int:
        """It is put off; how many tries have failed, one after the other."""
        self._attempts[chat_id] += 1
        rest_s = pause_s(self._attempts[chat_id], longest_s=LONGEST_PAUSE_S)
        self._retry_at[chat_id] = _now_s() + rest_s
        return self._attempts[chat_id]

    def got_there(self, chat_id: int) -> None:
        """Nothing is left to be tried again."""
        self._attempts.pop(chat_id, None)
        self._retry_at.pop(chat_id, None)

    def only(self, chat_ids: Container[int]) -> None:
        """In no other chat is anything left to be tried again."""
        for chat_id in [each for each in self._retry_at if each not in chat_ids]:
            self.got_there(chat_id)

    def rest_s(self, *, but: Container[int]) -> float | None:
        """Seconds until one of them, `but` for these, is tried again; None: none is waited for."""
        waited_for = [at for chat_id, at in self._retry_at.items() if chat_id not in but]
        return max(0.0, min(waited_for) - _now_s()) if waited_for else None


def _now_s() -> float:
    return asyncio.get_running_loop().time()
