"""What a test lets go wrong in the simulated node's calls. Knows only the calls' names."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class Fail:
    """The call is refused before it does anything."""

    code: grpc.StatusCode
    text: str


@dataclass(frozen=True, slots=True)
class Lose:
    """The call acts and is never answered: its connection breaks, or nothing comes at all."""

    breaks: bool


class Hold:
    """A call that is held back: after it has acted, or before."""

    def __init__(self, *, before: bool) -> None:
        self.before = before
        self._reached = asyncio.Event()
        self._decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def reached(self, timeout_s: float = 10.0) -> None:
        """Wait until a call is held here. TimeoutError when none comes."""
        async with asyncio.timeout(timeout_s):
            await self._reached.wait()

    def release(self) -> None:
        """Let it go on, and be answered."""
        if not self._decided.done():
            self._decided.set_result(True)

    def drop(self) -> None:
        """Break its connection: the answer is lost."""
        if not self._decided.done():
            self._decided.set_result(False)

    async def wait(self) -> bool:
        """The call itself waits here; False when its connection is to break."""
        self._reached.set()
        return await asyncio.shield(self._decided)


class Faults:
    """The faults that wait for calls, in the order they were asked for."""

    def __init__(self, methods: Iterable[str]) -> None:
        self._methods = frozenset(methods)
        self._waiting: defaultdict[str, deque[Fail | Lose | Hold]] = defaultdict(deque)
        self._slow_s: dict[str, float] = {}

    def put(self, method: str, fault: Fail | Lose | Hold, times: int = 1) -> None:
        """The next `times` calls of `method` meet this fault."""
        self._known(method)
        self._waiting[method].extend([fault] * times)

    def slow(self, method: str, seconds: float) -> None:
        """Every call of `method` takes so long before it acts; 0 ends it."""
        self._known(method)
        self._slow_s[method] = seconds

    def take(self, method: str) -> Fail | Lose | Hold | None:
        """The fault that this call meets."""
        waiting = self._waiting.get(method)
        return waiting.popleft() if waiting else None

    def delay_s(self, method: str) -> float:
        """How long this call takes before it acts."""
        return self._slow_s.get(method, 0.0)

    def clear(self) -> None:
        """No more faults. A held call stays held."""
        self._waiting.clear()
        self._slow_s.clear()

    def _known(self, method: str) -> None:
        if method not in self._methods:
            raise ValueError(f"no method {method!r}: there are {', '.join(sorted(self._methods))}")
