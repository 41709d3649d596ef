"""Who goes next: a queue for each chat, pauses, and one rate over all. Knows no Telegram.

In a chat one message is sent at a time. While the rate is enough a chat's most urgent message is
its next, and no chat waits for another. Where messages wait for the rate, new cards get two of
three places, whatever else waits in their chats.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiolimiter import AsyncLimiter

from bot.core.work import Lane
from bot.errors import NotSent

#: Telegram's own ceiling over time. A burst goes out at once, as large as one batch of updates:
#: where that is too much for Telegram it says so, chat by chat, and is obeyed.
MESSAGES_PER_S = 30
BURST = 100
#: Seconds without bursts after Telegram said so.
SLOW_S = 60.0

# how urgent it is, a number in the order of coming, and the turn that is waited for
_Place = tuple[Lane, int, asyncio.Future[None]]


class _Rate:
    """How many messages a second, all chats together."""

    def __init__(self) -> None:
        self._usual = AsyncLimiter(BURST, BURST / MESSAGES_PER_S)
        self._slow = AsyncLimiter(MESSAGES_PER_S, 1.0)
        self._slow_until = 0.0  # on the loop's clock

    @property
    def _limiter(self) -> AsyncLimiter:
        is_slow = asyncio.get_running_loop().time() < self._slow_until
        return self._slow if is_slow else self._usual

    @property
    def is_short(self) -> bool:
        return not self._limiter.has_capacity()

    async def acquire(self) -> None:
        await self._limiter.acquire()

    def slow_down(self) -> None:
        self._slow_until = asyncio.get_running_loop().time() + SLOW_S


@dataclass(slots=True)
class Line:
    """One chat: its message on the way, and those that wait."""

    busy: bool = False
    heard: bool = False  # of, since the message on its way began
    free_at: float = 0.0  # on the loop's clock
    alarm: asyncio.TimerHandle | None = None  # for the end of a pause
    waiting: list[_Place] = field(default_factory=list)


class Turns:
    """The queues of all chats. After `close` every turn is `NotSent`."""

    def __init__(self) -> None:
        self._lines: dict[int, Line] = {}
        self._ready: dict[int, Line] = {}  # those whose next message may go
        self._numbers = itertools.count()
        self._short_turns = itertools.count(1)
        self._rate = _Rate()
        self._serving: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def turn(self, chat_id: int, lane: Lane) -> AsyncIterator[Line]:
        """Wait for this chat's turn, and have it. Raises `NotSent` when all is closed."""
        if self._closed:
            raise NotSent(detail="the bot is stopping")
        line = self._lines.setdefault(chat_id, Line())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (lane, next(self._numbers), turn)
        line.waiting.append(place)
        self._sort(chat_id, line)
        try:
            await turn
            line.heard = False
            yield line
        finally:
            if place in line.waiting:
                line.waiting.remove(place)
            else:  # the turn was had, or came as its waiting was given up
                line.busy = False
            self._sort(chat_id, line)

    def pause(self, line: Line, for_s: float) -> None:
        """Telegram wants this chat left alone for so long, and no bursts in any."""
        line.free_at = asyncio.get_running_loop().time() + for_s
        self._rate.slow_down()

    def heard(self, chat_id: int) -> None:
        """An update came from this chat."""
        if chat_id in self._lines:
            self._lines[chat_id].heard = True

    def is_free(self, chat_id: int) -> bool:
        """Whether nothing of this chat's waits or is on its way, nor has to wait."""
        line = self._lines.get(chat_id)
        return line is None or not (
            line.busy or line.waiting or line.free_at > asyncio.get_running_loop().time()
        )

    def close(self) -> None:
        """End all waiting; what is on its way goes on."""
        self._closed = True
        if self._serving is not None:
            self._serving.cancel()
        for line in self._lines.values():
            if line.alarm is not None:
                line.alarm.cancel()
            for _, _, turn in line.waiting:
                if not turn.done():
                    turn.set_exception(NotSent(detail="the bot is stopping"))

    def _sort(self, chat_id: int, line: Line) -> None:
        """Where the chat is now: its next message may go, or not yet, or it has none."""
        loop = asyncio.get_running_loop()
        if self._lines.get(chat_id) is not line or self._closed:
            return
        self._ready.pop(chat_id, None)
        if line.busy:
            return
        if line.free_at > loop.time():
            if line.alarm is None:
                line.alarm = loop.call_at(line.free_at, self._pause_is_over, chat_id, line)
        elif line.waiting:
            self._ready[chat_id] = line
            self._serve()
        else:
            del self._lines[chat_id]

    def _pause_is_over(self, chat_id: int, line: Line) -> None:
        line.alarm = None
        self._sort(chat_id, line)

    def _serve(self) -> None:
        """Give turns, at once as far as the rate goes."""
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._give_turns())
            self._serving.add_done_callback(self._served)

    def _served(self, _task: asyncio.Task[None]) -> None:
        self._serving = None
        if self._ready and not self._closed:
            self._serve()

    async def _give_turns(self) -> None:
        while self._ready:
            is_short = self._rate.is_short
            await self._rate.acquire()
            if self._ready:
                self._give(is_short=is_short)

    def _give(self, *, is_short: bool) -> None:
        new_first = is_short and next(self._short_turns) % 3 != 0

        def rank(found: tuple[int, _Place]) -> tuple[bool, int, int]:
            lane, number, _ = found[1]
            if not is_short:
                return False, lane, number
            is_new = lane is Lane.COMMAND
            return is_new is not new_first, 0 if is_new else lane, number

        places = ((chat, place) for chat, line in self._ready.items() for place in line.waiting)
        chat_id, place = min(places, key=rank)
        line = self._ready.pop(chat_id)
        line.waiting.remove(place)
        if not place[2].done():
            line.busy = True  # from now on, so that nobody steps in between
            place[2].set_result(None)
