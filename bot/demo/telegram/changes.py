"""The changes of a simulated Telegram: listeners, and tests that wait. Knows no chats."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from bot.demo.telegram.world import Change

T = TypeVar("T")


class Listener:
    """Every change since it was made. Ends when the simulator stops, or by `close`."""

    def __init__(self, readers: set[Listener]) -> None:
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._readers = readers
        readers.add(self)

    def feed(self, change: Change | None) -> None:
        """One more change; None ends it."""
        self._queue.put_nowait(change)

    def close(self) -> None:
        """No more changes."""
        self._readers.discard(self)
        self.feed(None)

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        change = await self._queue.get()
        if change is None:
            self._readers.discard(self)
            raise StopAsyncIteration
        return change


class Changes:
    """Passes each change to its listeners and wakes everybody who waits."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._changed: asyncio.Future[None] | None = None
        self._watchers: list[Callable[[], object]] = []

    def changed(self, change: Change | None = None) -> None:
        """Something is different; without a `change`, only wake everybody who waits."""
        if change is not None:
            for listener in self._listeners:
                listener.feed(change)
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call this after every change, and every call of the Bot API."""
        self._watchers.append(watcher)

    def listen(self) -> Listener:
        """Every change from this call on."""
        return Listener(self._listeners)

    def end_listeners(self) -> None:
        """End every listener."""
        for listener in list(self._listeners):
            listener.close()

    async def wait_for(self, condition: Callable[[], T], timeout_s: float = 30.0) -> T:
        """Call `condition` now and after every change until it returns something true; return that.

        Every call of the Bot API counts as a change too. LookupError and StopIteration mean not
        yet. TimeoutError after `timeout_s` real seconds.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                if self._changed is None or self._changed.done():
                    self._changed = asyncio.get_running_loop().create_future()
                changed = self._changed
                value: T | None = None
                with contextlib.suppress(LookupError, StopIteration):
                    value = condition()
                if value:
                    return value
                await asyncio.shield(changed)
