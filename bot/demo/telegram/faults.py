"""What goes wrong with calls of the Bot API on demand. Knows methods and chat ids, no chats."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.demo.telegram.request import Json, Refusal, too_many

_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    500: "Internal Server Error",
    502: "Bad Gateway",
}

Kind = Literal["fail", "drop", "drop_acted", "garble", "garble_acted", "alter", "slow", "stall"]


class Garbled(Exception):
    """The call is answered with something that is not Telegram's."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class Stall:
    """Calls stop here before they act, until `release`."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._released = asyncio.Event()

    async def reached(self, timeout_s: float = 30.0) -> None:
        """Wait until a call has arrived here. TimeoutError when none does."""
        async with asyncio.timeout(timeout_s):
            await self._reached.wait()

    def release(self) -> None:
        """Let the stopped call and all later ones through."""
        self._released.set()

    async def pass_by(self) -> None:
        """A call arrives and waits for the release."""
        self._reached.set()
        await self._released.wait()


@dataclass(slots=True, eq=False)
class Fault:
    """One that was set."""

    kind: Kind
    method: str | None
    chat_id: int | None
    left: int | None = None
    refusal: Refusal | None = None
    garbled: Garbled | None = None
    changed: Json = field(default_factory=dict)
    seconds: float = 0.0
    stall: Stall | None = None

    def meets(self, method: str, chat_id: int | None) -> bool:
        wanted = method != "getupdates" if self.method is None else method == self.method
        return wanted and self.chat_id in (None, chat_id)


class Faults:
    """The faults that are set. `method` None is every method except getUpdates."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def fail(
        self,
        method: str | None,
        *,
        chat_id: int | None = None,
        times: int | None = 1,
        status: int = 500,
        description: str | None = None,
        retry_after: int | None = None,
        migrate_to: int | None = None,
    ) -> Fault:
        """Answer the next `times` calls (None: all until `clear_faults`) with an error, not acting.

        `retry_after` in seconds makes it a 429; `migrate_to` says that the group has this id now.
        """
        if retry_after is not None or status == 429:
            refusal = too_many(retry_after or 1)
        elif migrate_to is not None:
            what = "Bad Request: group chat was upgraded to a supergroup chat"
            refusal = Refusal(400, what, migrate_to_chat_id=migrate_to)
        else:
            refusal = Refusal(status, description or _PHRASES.get(status, "Error"))
        return self._add(Fault("fail", method, chat_id, times, refusal))

    def drop(
        self, method: str | None, *, acted: bool, chat_id: int | None = None, times: int | None = 1
    ) -> Fault:
        """Close the connection without an answer, before acting or after having acted."""
        return self._add(Fault("drop_acted" if acted else "drop", method, chat_id, times))

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
        fault = Fault("garble_acted" if acted else "garble", method, chat_id, times)
        fault.garbled = Garbled(status, body)
        self._add(fault)

    def alter(
        self,
        method: str | None,
        changed: Json,
        *,
        chat_id: int | None = None,
        times: int | None = 1,
    ) -> None:
        """Act, and answer with the result in which these fields are others; None: it lacks them."""
        fault = Fault("alter", method, chat_id, times, changed=changed)
        self._add(fault)

    def slow(self, method: str | None, seconds: float, *, chat_id: int | None = None) -> Fault:
        """Take this many real seconds before acting, until `clear_faults` or `withdraw`."""
        return self._add(Fault("slow", method, chat_id, seconds=seconds))

    def stall(
        self, method: str | None, *, chat_id: int | None = None, times: int | None = None
    ) -> Stall:
        """Stop calls, or so many of them, before they act, until the stall is released."""
        stall = Stall()
        self._add(Fault("stall", method, chat_id, times, stall=stall))
        return stall

    def clear_faults(self) -> None:
        """No more faults; stalled calls go through."""
        for fault in self._faults:
            if fault.stall is not None:
                fault.stall.release()
        self._faults.clear()

    def is_set(self, fault: Fault) -> bool:
        """Whether it still meets calls."""
        return fault in self._faults

    def withdraw(self, fault: Fault) -> bool:
        """Take this one back; False where it was used up."""
        if fault not in self._faults:
            return False
        self._faults.remove(fault)
        return True

    def _add(self, fault: Fault) -> Fault:
        fault.method = fault.method and fault.method.lower()
        self._faults.append(fault)
        return fault

    def _take(self, kind: Kind, method: str, chat_id: int | None) -> Fault | None:
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
        stalled = self._take("stall", method, chat_id)
        if stalled is not None and stalled.stall is not None:
            await stalled.stall.pass_by()
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

    def altered(self, method: str, chat_id: int | None, result: Any) -> Any:
        """The result as it is answered."""
        fault = self._take("alter", method, chat_id) if self._faults else None
        if fault is None or not isinstance(result, dict):
            return result
        merged = {**result, **fault.changed}
        return {name: value for name, value in merged.items() if value is not None}

    def _garble(self, kind: Kind, method: str, chat_id: int | None) -> None:
        fault = self._take(kind, method, chat_id)
        if fault is not None and fault.garbled is not None:
            raise fault.garbled
