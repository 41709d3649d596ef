"""What goes wrong on demand, and Telegram's flood limits. Knows no chats."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.demo.telegram.request import Refusal

_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    500: "Internal Server Error",
    502: "Bad Gateway",
}

Kind = Literal["fail", "drop", "drop_acted", "garble", "garble_acted", "slow", "hold"]


class Garbled(Exception):
    """The call is answered with something that is not Telegram's."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class Hold:
    """A method that is held: calls stop before they act until `release`."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._released = asyncio.Event()

    async def reached(self, timeout_s: float = 10.0) -> None:
        """Wait until a call has arrived here. TimeoutError when none does."""
        async with asyncio.timeout(timeout_s):
            await self._reached.wait()

    def release(self) -> None:
        """Let the held call and all later ones through."""
        self._released.set()

    async def pass_by(self) -> None:
        """A call arrives, and waits."""
        self._reached.set()
        await self._released.wait()


@dataclass(slots=True, eq=False)
class _Fault:
    kind: Kind
    method: str | None
    chat_id: int | None
    left: int | None = None
    refusal: Refusal | None = None
    garbled: Garbled | None = None
    seconds: float = 0.0
    gate: Hold | None = None

    def meets(self, method: str, chat_id: int | None) -> bool:
        wanted = method != "getupdates" if self.method is None else method == self.method
        return wanted and self.chat_id in (None, chat_id)


class Faults:
    """The faults that are set. `method` None is every method except getUpdates."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []

    def fail(
        self,
        method: str | None,
        *,
        chat_id: int | None = None,
        times: int | None = 1,
        status: int = 500,
        description: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Answer the next `times` calls (None: all until `clear_faults`) with an error, not acting.

        `retry_after` in seconds makes it a 429.
        """
        if retry_after is not None or status == 429:
            refusal = too_many(retry_after or 1)
        else:
            refusal = Refusal(status, description or _PHRASES.get(status, "Error"))
        self._add(_Fault("fail", method, chat_id, times, refusal))

    def drop(
        self, method: str | None, *, acted: bool, chat_id: int | None = None, times: int | None = 1
    ) -> None:
        """Close the connection without an answer, before acting or after having acted."""
        self._add(_Fault("drop_acted" if acted else "drop", method, chat_id, times))

    def garble(
        self,
        method: str | None,
        body: str,
        *,
        status: int = 200,
        acted: bool,
        chat_id: int | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer with this text, whatever it is, before acting or after having acted."""
        fault = _Fault("garble_acted" if acted else "garble", method, chat_id, times)
        fault.garbled = Garbled(status, body)
        self._add(fault)

    def slow(self, method: str | None, seconds: float, *, chat_id: int | None = None) -> None:
        """Take this many real seconds before acting, until `clear_faults`."""
        self._add(_Fault("slow", method, chat_id, seconds=seconds))

    def hold(self, method: str | None, *, chat_id: int | None = None) -> Hold:
        """Keep calls waiting before they act."""
        gate = Hold()
        self._add(_Fault("hold", method, chat_id, gate=gate))
        return gate

    def clear_faults(self) -> None:
        """No faults any more; held calls go through."""
        for fault in self._faults:
            if fault.gate is not None:
                fault.gate.release()
        self._faults.clear()

    def _add(self, fault: _Fault) -> None:
        fault.method = fault.method and fault.method.lower()
        self._faults.append(fault)

    def _take(self, kind: Kind, method: str, chat_id: int | None) -> _Fault | None:
        for fault in self._faults:
            if fault.kind == kind and fault.meets(method, chat_id):
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    async def before(self, method: str, chat_id: int | None) -> bool:
        """What happens to a call before it acts. False: the connection is dropped.

        Raises `Refusal` or `Garbled`.
        """
        if not self._faults:
            return True
        held = self._take("hold", method, chat_id)
        if held is not None and held.gate is not None:
            await held.gate.pass_by()
        slowed = self._take("slow", method, chat_id)
        if slowed is not None:
            await asyncio.sleep(slowed.seconds)
        if self._take("drop", method, chat_id) is not None:
            return False
        self._garble("garble", method, chat_id)
        failed = self._take("fail", method, chat_id)
        if failed is not None and failed.refusal is not None:
            raise failed.refusal
        return True

    def after(self, method: str, chat_id: int | None) -> bool:
        """Whether the answer gets through now that the call has acted. Raises `Garbled`."""
        if not self._faults:
            return True
        self._garble("garble_acted", method, chat_id)
        return self._take("drop_acted", method, chat_id) is None

    def _garble(self, kind: Kind, method: str, chat_id: int | None) -> None:
        fault = self._take(kind, method, chat_id)
        if fault is not None and fault.garbled is not None:
            raise fault.garbled


def too_many(retry_after_s: int) -> Refusal:
    """429 with the seconds to wait."""
    text = f"Too Many Requests: retry after {retry_after_s}"
    return Refusal(429, text, retry_after=retry_after_s)


class _Window:
    """At most so many in so many seconds; who goes over it waits until there is room."""

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

    A chat may have 5 in 5 s. Who is told to wait and asks earlier is told again. Off until `on`.
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
