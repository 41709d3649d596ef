"""The updates that wait for one bot until it fetches and confirms them. Knows no chats.

As in the real one, an update is kept until a later offset confirms it or it is too old.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bot.demo.telegram.request import Refusal

Json = dict[str, Any]

MESSAGE_TTL_S = 86_400
CALLBACK_TTL_S = 150
MAX_TIMEOUT_S = 50
# a call that repeats the same offset so soon is delayed, as by the real server
_SAME_OFFSET_WAIT_S = 3
_SAME_OFFSET_SINGLE_S = 0.5
# what an update without a list of its own gets: everything but these
_ON_REQUEST = frozenset(("chat_member", "message_reaction", "message_reaction_count"))


def _conflict(what: str) -> Refusal:
    return Refusal(409, f"Conflict: terminated by {what}")


class Written(Json):
    """An update that goes out as it was written, which need not be JSON."""

    def __init__(self, number: int, fields: str) -> None:
        super().__init__(update_id=number)
        self.text = f'{{"update_id":{number},{fields}}}'


def as_json(update: Json) -> str:
    """An update as a bot gets it."""
    if isinstance(update, Written):
        return update.text
    return json.dumps(update, separators=(",", ":"))


class UpdateQueue:
    """The updates of one bot. `clock` returns Unix seconds and decides what is too old."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: deque[tuple[int, float, Json]] = deque()
        self._last_id = 500_000_000
        self._allowed: frozenset[str] | None = None
        self._poll: asyncio.Future[None] | None = None
        self._last_offset: int | None = None
        self._last_start = 0.0
        #: Nothing is confirmed by any offset, and each call is answered at once: a broken server.
        self.is_deaf = False
        #: Who else hears of each new one.
        self.on_push: Callable[[], object] | None = None

    def __len__(self) -> int:
        self._forget_old()
        return len(self._waiting)

    def unconfirmed(self) -> list[Json]:
        """The updates that no offset has confirmed, oldest first."""
        self._forget_old()
        return [update for _, _, update in self._waiting]

    def push(self, kind: str, body: Json, ttl_s: float) -> int | None:
        """Add an update unless the bot does not want its kind. Returns its update_id."""
        if kind in _ON_REQUEST if self._allowed is None else kind not in self._allowed:
            return None
        return self.push_raw({kind: body}, ttl_s)

    def push_raw(self, update: Json, ttl_s: float = MESSAGE_TTL_S) -> int:
        """Add this very update, whatever it is."""
        return self._add({"update_id": self._last_id + 1, **update}, ttl_s)

    def push_written(self, fields: str, ttl_s: float = MESSAGE_TTL_S) -> int:
        """Add an update with this text after its number, JSON or not."""
        return self._add(Written(self._last_id + 1, fields), ttl_s)

    def _add(self, update: Json, ttl_s: float) -> int:
        self._last_id += 1
        self._waiting.append((self._last_id, self._clock() + ttl_s, update))
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        if self.on_push is not None:
            self.on_push()
        return self._last_id

    def renumber(self, next_id: int) -> None:
        """The next update gets this number: after a week without any it is a random one."""
        self._last_id = next_id - 1

    def allow(self, kinds: object) -> None:
        """Remember which kinds are wanted from now on; an empty list means the usual ones."""
        if isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds):
            self._allowed = frozenset(kind.lower() for kind in kinds) or None

    @property
    def allowed(self) -> list[str] | None:
        """The kinds that were asked for; None for the usual ones."""
        return None if self._allowed is None else sorted(self._allowed)

    async def get(self, offset: int, limit: int, timeout_s: int) -> list[Json]:
        """Confirm what is below the offset and return what comes after, waiting for it if need be.

        Refusal (409) when another request takes the place of this one.
        """
        if self.is_deaf:
            return [update for _, (_, _, update) in zip(range(limit), self._waiting, strict=False)]
        started = time.monotonic()
        since = started - self._last_start
        if offset == self._last_offset:
            if timeout_s < _SAME_OFFSET_WAIT_S and since < _SAME_OFFSET_WAIT_S:
                timeout_s = _SAME_OFFSET_WAIT_S
            if since < _SAME_OFFSET_SINGLE_S:
                limit = 1
        self._last_offset, self._last_start = offset, started
        self._confirm(offset)
        if not self._waiting and timeout_s > 0:
            await self._wait(timeout_s)
        self._forget_old()
        return [update for _, (_, _, update) in zip(range(limit), self._waiting, strict=False)]

    async def _wait(self, timeout_s: int) -> None:
        self.end_poll("other getUpdates request; make sure that only one bot instance is running")
        poll = self._poll = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await poll
        except TimeoutError:
            pass
        finally:
            if self._poll is poll:
                self._poll = None

    @property
    def is_polled(self) -> bool:
        """Whether a long poll waits for the next update."""
        return self._poll is not None

    def end_poll(self, what: str) -> None:
        """Answer the open long poll with 409."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(_conflict(what))

    def finish_poll(self) -> None:
        """Answer the open long poll with what is waiting."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def clear(self) -> None:
        """Drop everything."""
        self._waiting.clear()

    def forget(self, number: int) -> None:
        """This one was delivered."""
        self._waiting = deque(entry for entry in self._waiting if entry[0] != number)

    def _confirm(self, offset: int) -> None:
        self._forget_old()
        if offset < 0:
            while len(self._waiting) > -offset:
                self._waiting.popleft()
        # an offset that no update has reached counts as none
        elif offset <= self._last_id + 1:
            while self._waiting and self._waiting[0][0] < offset:
                self._waiting.popleft()

    def _forget_old(self) -> None:
        now = self._clock()
        if any(expires_at <= now for _, expires_at, _ in self._waiting):
            kept = [entry for entry in self._waiting if entry[1] > now]
            self._waiting = deque(kept)
