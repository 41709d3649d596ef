"""What is in hand: one row, and what its hand has done of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from bot.core.work import Do, Key, Lane

#: Seconds after which a step in a chat keeps no other chats waiting.
SLOW_AFTER_S = 2.0
#: A wait that is shorter is waited for in the hand; also how often the clock is compared, seconds.
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class IsSo:
    """Whether what a message says is so when its turn comes; `overtaken` ends once it need not go
    out, and is waited for meanwhile."""

    is_so: Callable[[], Awaitable[bool]]
    overtaken: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def __call__(self) -> bool:
        return await self.is_so()


@dataclass(slots=True)
class Hand:
    """A row being worked on."""

    key: Key
    chat_id: int
    lane: Lane
    #: Steps out of its place, so that what waits for the node keeps nothing from the chat.
    aside: Callable[[], AbstractContextManager[None]]
    #: Keeps its place, which no other chat waits for.
    slow_down: Callable[[], None]
    #: Something happened to the row: it is read again.
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    #: The step whose send marker this hand wrote itself, so that it is not a crash's.
    armed: Do | None = None
    #: When the row is due that it lets go, in Unix seconds.
    due_at: float | None = None
    #: When its row was written, on the steady clock, where that was just now.
    written_at: float | None = None
    #: How often what it rendered was no longer so when its turn came.
    overtaken: int = 0
    task: asyncio.Task[None] | None = None

    @contextmanager
    def in_chat(self, leave: Callable[[], object], *, is_slow: bool) -> Iterator[None]:
        """A step in a chat, which may take long: others wait for it no longer than for a moment,
        and it does `leave` then."""
        after_s = 0.0 if is_slow else SLOW_AFTER_S
        timer = asyncio.get_running_loop().call_later(after_s, leave)
        try:
            yield
        finally:
            timer.cancel()

    async def nudged(self, timeout_s: float) -> None:
        """Until something happens to the row, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self.nudge.wait()
