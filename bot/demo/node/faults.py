"""The faults that a test sets for the simulated node's calls. Knows the calls by name only."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

#: LND's own message → another one, or bytes that go out as they are.
Change: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Fail:
    """The call is refused before it acts."""

    code: grpc.StatusCode
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Lose:
    """The call acts and is never answered: its connection breaks, or nothing comes at all.

    With `headers` the answer begins, and nothing comes after that.
    """

    breaks: bool
    headers: bool = False


@dataclass(frozen=True, slots=True)
class Garble:
    """The call acts; what it answers is changed on its way."""

    change: Change


class Stall:
    """A call stops here, after it has acted or `before`, until it is released or dropped."""

    def __init__(self, *, before: bool) -> None:
        self.before = before
        self._reached = asyncio.Event()
        self._decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def reached(self, timeout_s: float = 30.0) -> None:
        """Wait until a call stops here. TimeoutError when none comes."""
        async with asyncio.timeout(timeout_s):
            await self._reached.wait()

    def release(self) -> None:
        """Let the call go on, to its answer."""
        if not self._decided.done():
            self._decided.set_result(True)

    def drop(self) -> None:
        """Break the call's connection: its answer is lost."""
        if not self._decided.done():
            self._decided.set_result(False)

    async def wait(self) -> bool:
        """Stop a call here; False when its connection has to break."""
        self._reached.set()
        return await asyncio.shield(self._decided)


Fault: TypeAlias = Fail | Lose | Garble | Stall


class Faults:
    """Faults for the next calls, each used up in the order it was set. Methods: as AddInvoice."""

    def __init__(self, methods: Iterable[str]) -> None:
        self._methods = frozenset(methods)
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._events: deque[Change] = deque()
        self._slow_s: dict[str, float] = {}
        self._late_s = 0.0
        self._packed: Counter[str] = Counter()
        self._idle_s: float | None = None

    # --- what a test sets

    def fail(
        self,
        method: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        text: str = "",
        times: int = 1,
    ) -> None:
        """The next calls are refused before they act."""
        self._put(method, Fail(code, text), times)

    def lose_answer(self, method: str, *, times: int = 1) -> Lose:
        """The next calls act; instead of an answer, their connection breaks."""
        fault = Lose(breaks=True)
        self._put(method, fault, times)
        return fault

    def hang(self, method: str, *, headers: bool = False, times: int = 1) -> None:
        """The next calls act and are never answered: only a deadline ends them.

        With `headers` their answers begin, and go no further.
        """
        self._put(method, Lose(breaks=False, headers=headers), times)

    def garble(self, method: str, change: Change, *, times: int = 1) -> None:
        """The next calls act, and `change` makes their answers of LND's; bytes go out as they are.

        Of SubscribeInvoices it is the next events that are changed. LND does nothing like this: a
        broken node does, or somebody between it and its client.
        """
        if method == "SubscribeInvoices":
            self._events.extend([change] * times)
        else:
            self._put(method, Garble(change), times)

    def pack(self, method: str, *, times: int = 1) -> None:
        """The next calls' answers, or streams, are packed with gzip although nobody asked for it.

        LND does so only for a client that asks.
        """
        self._check(method)
        self._packed[method] += times

    def appear_late(self, seconds: float) -> None:
        """From now on an AddInvoice whose answer is lost acts only after so long; 0 ends this."""
        self._late_s = seconds

    def slow(self, method: str, seconds: float) -> None:
        """All calls wait for so long before they act, even if their caller leaves; 0 ends this."""
        self._check(method)
        self._slow_s[method] = seconds

    def cut_idle_streams(self, after_s: float | None) -> None:
        """From now on a stream ends that carried nothing for so long; None ends this.

        LND does nothing like this: a proxy in between does. One that waits already is not cut.
        """
        self._idle_s = after_s

    def stall(self, method: str, *, before: bool = False) -> Stall:
        """The next call stops after it has acted, or `before`, until it is released or dropped."""
        stall = Stall(before=before)
        self._put(method, stall)
        return stall

    def withdraw(self, method: str, stall: Stall) -> bool:
        """Take back a stall that no call has met; False if one has."""
        if stall not in self._waiting[method]:
            return False
        self._waiting[method].remove(stall)
        return True

    def is_set(self, method: str, fault: Fault) -> bool:
        """Whether it still waits for a call."""
        return fault in self._waiting.get(method, ())

    def end_odd(self) -> None:
        """No more changed answers and events, and no more answers that stop after their headers.

        A call that is silent already stays so. All other faults stay.
        """
        for method, waiting in self._waiting.items():
            self._waiting[method] = deque(fault for fault in waiting if not _is_odd(fault))
        self._events.clear()

    def clear_faults(self) -> None:
        """No more faults. A call that has stopped already still waits for its release."""
        self._waiting.clear()
        self._events.clear()
        self._slow_s.clear()
        self._late_s = 0.0
        self._packed.clear()
        self._idle_s = None

    # --- what a call meets

    def next_fault(self, method: str) -> Fault | None:
        """The fault that this call meets; it is used up."""
        waiting = self._waiting.get(method)
        return waiting.popleft() if waiting else None

    def packs(self, method: str) -> bool:
        """Whether this call's answer is packed."""
        if not self._packed[method]:
            return False
        self._packed[method] -= 1
        return True

    def event(self, message: Any) -> Any:
        """An event of a stream as it goes out."""
        return self._events.popleft()(message) if self._events else message

    def delay_s(self, method: str) -> float:
        """How long this call waits before it acts."""
        return self._slow_s.get(method, 0.0)

    @property
    def idle_s(self) -> float | None:
        """How long a stream may carry nothing; None: for ever."""
        return self._idle_s

    def late_s(self, method: str) -> float:
        """How long after its lost answer this call acts."""
        return self._late_s if method == "AddInvoice" else 0.0

    def _put(self, method: str, fault: Fault, times: int = 1) -> None:
        self._check(method)
        self._waiting[method].extend([fault] * times)

    def _check(self, method: str) -> None:
        if method not in self._methods:
            raise ValueError(f"no method {method!r}: there are {', '.join(sorted(self._methods))}")


def _is_odd(fault: Fault) -> bool:
    return isinstance(fault, Garble) or (isinstance(fault, Lose) and fault.headers)
