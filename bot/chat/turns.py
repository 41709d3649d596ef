"""Who goes next: a queue for each chat, pauses, and one rate over all. Knows no Telegram.

In a chat one message is sent at a time. While the rate is enough a chat's most urgent message is
its next, and no chat waits for another. Where messages wait for the rate, new cards get two of
three places, whatever else waits in their chats. Sentences leave the upper half of the rate to
cards. What hangs takes no place of the others' as soon as it is seen to hang, and chats that hung
before get a few places only.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Any, TypeAlias

from aiolimiter import AsyncLimiter

from bot import lack
from bot.core.work import URGENCIES, Lane
from bot.errors import ChatBusy, NotSent

#: Telegram's own ceiling over time. A burst goes out at once, as large as one batch of updates:
#: where that is too much for Telegram it says so, chat by chat, and is obeyed.
MESSAGES_PER_S = 30
BURST = 100
#: Seconds without bursts after Telegram said so.
SLOW_S = 60.0
#: No row's message waits in a chat's line while Telegram wants that left alone for longer than so
#: many seconds: its row has other things to do, and may be another one by then.
LEAVES_S = 10.0
#: Messages on their way at once. Each takes a connection, and the pool has some more; together with
#: all other files they stay below 1,024, the most that many systems let a process open.
AT_ONCE = 800
#: A message that takes so many seconds is slow from then on, and its chat is for so long. A slow
#: chat's message goes out while no more than so many slow ones are on their way.
SLOW_AFTER_S = 5.0
SLOW_FOR_S = 600.0
SLOW_AT_ONCE = 64
#: Of those on their way, those that are not slow. The rate lets out no more before the first of
#: them is: hang as many as may for the first time, these places never run out.
QUICK_AT_ONCE = int(BURST + MESSAGES_PER_S * SLOW_AFTER_S) + 1


#: Ends once a message that waits need not go out.
Overtaken: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Sentence(IntEnum):
    """How urgent a message is that belongs to no row: less than anything in a `Lane`."""

    KNOWN = 10
    STRANGER = 11


Rank = Lane | Sentence

_OTHERS = tuple(lane for lane in URGENCIES if lane is not Lane.COMMAND)
_ALL: Sequence[Rank] = (*URGENCIES, *Sentence)
_NEW_FIRST: Sequence[Rank] = (Lane.COMMAND, *_OTHERS, *Sentence)
_NEW_LATER: Sequence[Rank] = (*_OTHERS, Lane.COMMAND, *Sentence)


@dataclass(slots=True, eq=False)
class _Place:
    """A message that waits in its chat's line."""

    line: Line
    rank: Rank
    number: int  # in the order of coming
    turn: asyncio.Future[None]
    is_listed: bool = False  # among those of all chats


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

    @property
    def is_half_free(self) -> bool:
        """Whether as much is left for cards after one more that is none."""
        limiter = self._limiter
        return limiter.has_capacity((limiter.max_rate + 1) / 2)

    async def acquire(self) -> None:
        await self._limiter.acquire()

    def slow_down(self) -> None:
        self._slow_until = asyncio.get_running_loop().time() + SLOW_S


@dataclass(slots=True, eq=False)
class Line:
    """One chat: its message on the way, and those that wait."""

    chat_id: int
    busy: bool = False
    heard: bool = False  # of, since the message on its way began
    is_ready: bool = False  # its next message may go
    is_slow: bool = False  # its message on the way takes long, or the last one did
    began_at: float = 0.0  # its message on the way, on the loop's clock
    free_at: float = 0.0  # on the loop's clock
    alarm: asyncio.TimerHandle | None = None  # for the end of a pause
    waiting: list[_Place] = field(default_factory=list)


class _Turn:
    """One message's turn. Not a generator: this runs for each message."""

    __slots__ = ("_leave", "_overtaken", "_place")

    def __init__(
        self, place: _Place, leave: Callable[[_Place], None], overtaken: Overtaken | None
    ) -> None:
        self._place = place
        self._leave = leave
        self._overtaken = overtaken

    async def __aenter__(self) -> Line:
        try:
            if self._overtaken is not None:
                await self._unless(self._overtaken)
            await self._place.turn
        except BaseException:
            self._leave(self._place)
            raise
        self._place.line.heard = False
        return self._place.line

    async def _unless(self, overtaken: Overtaken) -> None:
        """Wait for the turn; `NotSent` where it is overtaken first."""
        turn = self._place.turn
        waits = asyncio.ensure_future(overtaken())
        try:
            await asyncio.wait((turn, waits), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waits.cancel()
        if not turn.done():
            raise NotSent(detail="overtaken while it waited")

    async def __aexit__(self, *_error: object) -> None:
        self._leave(self._place)


class _Ready:
    """The first message of each rank in each chat whose turn it may be.

    A heap for each rank: what chats wait makes no difference to how long a choice takes.
    """

    def __init__(self) -> None:
        self._heaps: dict[Rank, list[tuple[int, _Place]]] = {rank: [] for rank in _ALL}
        self._count = 0

    def add(self, line: Line) -> None:
        """The chat may have its turn."""
        ranks = []
        for place in line.waiting:
            if place.rank in ranks:
                continue
            ranks.append(place.rank)
            if not place.is_listed:
                place.is_listed = True
                heappush(self._heaps[place.rank], (place.number, place))
                self._count += 1

    def first(self, ranks: Sequence[Rank]) -> _Place | None:
        """The most urgent, and of those the one that came first."""
        for rank in ranks if self._count else ():
            heap = self._heaps[rank]
            while heap:
                place = heap[0][1]
                if place.line.is_ready:
                    return place
                self.remove(place)  # it is added again when its chat is ready
        return None

    def remove(self, place: _Place) -> None:
        """It has its turn, or has given up."""
        if not place.is_listed:
            return
        place.is_listed = False
        self._count -= 1
        heap = self._heaps[place.rank]
        if heap[0][1] is place:
            heappop(heap)
        else:
            heap.remove((place.number, place))
            heapify(heap)


class _UnderWay:
    """Messages on their way: which are quick so far, and how many are slow."""

    def __init__(self) -> None:
        self._quick: dict[int, Line] = {}  # by chat, in the order of beginning
        self._slow_count = 0
        self._slow: dict[int, float] = {}  # chats, and until when they are slow
        self._aside: dict[int, Line] = {}  # slow ones whose turn it would be

    @property
    def is_full(self) -> bool:
        count = len(self._quick)
        return count >= QUICK_AT_ONCE or count + self._slow_count >= AT_ONCE

    @property
    def next_slow_at(self) -> float | None:
        """When the next one is slow if it goes on, on the loop's clock."""
        for line in self._quick.values():
            return line.began_at + SLOW_AFTER_S
        return None

    def is_slow(self, chat_id: int) -> bool:
        """Whether its last message took long, not long ago."""
        until = self._slow.get(chat_id)
        return until is not None and until > asyncio.get_running_loop().time()

    def has_room(self, line: Line) -> bool:
        return not line.is_slow or self._slow_count < SLOW_AT_ONCE

    def set_aside(self, line: Line) -> None:
        """It waits for another slow chat's answer."""
        line.is_ready = False
        self._aside[line.chat_id] = line

    def forget(self, line: Line) -> None:
        """It has its turn, or nothing of this chat's waits."""
        self._aside.pop(line.chat_id, None)

    def begin(self, line: Line) -> None:
        line.busy = True
        line.began_at = asyncio.get_running_loop().time()
        if line.is_slow:
            self.forget(line)
            self._slow_count += 1
        else:
            self._quick[line.chat_id] = line

    def find_slow(self) -> None:
        """What is on its way for long leaves its place to the others."""
        now = asyncio.get_running_loop().time()
        while (at := self.next_slow_at) is not None and at <= now:
            line = self._quick.pop(next(iter(self._quick)))
            line.is_slow = True
            self._slow_count += 1

    def end(self, line: Line) -> Line | None:
        """The line that was set aside and can have its turn now."""
        now = asyncio.get_running_loop().time()
        was_slow = line.is_slow
        line.busy = False
        if was_slow:
            self._slow_count -= 1
        else:
            del self._quick[line.chat_id]
        line.is_slow = now - line.began_at > SLOW_AFTER_S
        if line.is_slow or was_slow:
            self._note(line, now)
        if not was_slow or not self._aside or self._slow_count >= SLOW_AT_ONCE:
            return None
        return self._aside.pop(next(iter(self._aside)))

    def _note(self, line: Line, now: float) -> None:
        self._slow.pop(line.chat_id, None)
        if line.is_slow:
            self._slow[line.chat_id] = now + SLOW_FOR_S
        for chat_id in [*itertools.takewhile(lambda each: self._slow[each] <= now, self._slow)]:
            del self._slow[chat_id]


class Turns:
    """The queues of all chats. After `close` every turn is `NotSent`."""

    def __init__(self) -> None:
        self._lines: dict[int, Line] = {}
        self._ready = _Ready()
        self._numbers = itertools.count()
        self._short_turns = itertools.count(1)
        self._rate = _Rate()
        self._under_way = _UnderWay()
        self._watching: asyncio.TimerHandle | None = None  # for the next that is slow
        self._serving: asyncio.Task[None] | None = None
        self._news = asyncio.Event()  # another chat is ready
        self._closed = False

    def turn(self, chat_id: int, rank: Rank, overtaken: Overtaken | None = None) -> _Turn:
        """Wait for this chat's turn, and have it, `async with`.

        `overtaken` ends once the message need not go out. Raises `NotSent` then, and when all is
        closed; `ChatBusy` where a row's has to wait for long.
        """
        if self._closed:
            raise NotSent(detail="the bot is stopping")
        line = self._lines.get(chat_id)
        if line is not None and isinstance(rank, Lane):
            left_s = line.free_at - asyncio.get_running_loop().time()
            if left_s > LEAVES_S:
                raise ChatBusy(left_s)
        if line is None:
            line = self._lines[chat_id] = Line(chat_id, is_slow=self._under_way.is_slow(chat_id))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = _Place(line, rank, next(self._numbers), turn)
        line.waiting.append(place)
        self._sort(line)
        return _Turn(place, self._leave, overtaken)

    def _leave(self, place: _Place) -> None:
        line = place.line
        if place in line.waiting:
            line.waiting.remove(place)
            self._ready.remove(place)
        elif line.busy:  # the turn was had, or came as its waiting was given up
            self._end(line)
        self._sort(line)

    def pause(self, line: Line, for_s: float) -> None:
        """Telegram wants this chat left alone for so long, and no bursts in any."""
        line.free_at = asyncio.get_running_loop().time() + for_s
        self._rate.slow_down()
        for place in line.waiting if for_s > LEAVES_S else ():
            if isinstance(place.rank, Lane) and not place.turn.done():
                place.turn.set_exception(ChatBusy(for_s))

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

    @property
    def waiting(self) -> int:
        """How many messages wait, in all chats; any thread can ask."""
        return sum(len(line.waiting) for line in list(self._lines.values()))

    def is_slow(self, chat_id: int) -> bool:
        """Whether its message on the way takes long, or the last one did."""
        line = self._lines.get(chat_id)
        return self._under_way.is_slow(chat_id) if line is None else line.is_slow

    def close(self) -> None:
        """End all waiting; what is on its way goes on."""
        self._closed = True
        if self._serving is not None:
            self._serving.cancel()
        if self._watching is not None:
            self._watching.cancel()
        for line in self._lines.values():
            if line.alarm is not None:
                line.alarm.cancel()
            for place in line.waiting:
                if not place.turn.done():
                    place.turn.set_exception(NotSent(detail="the bot is stopping"))

    def _sort(self, line: Line) -> None:
        """Where the chat is now: its next message may go, or not yet, or it has none."""
        if self._lines.get(line.chat_id) is not line or self._closed:
            return
        line.is_ready = False
        if line.busy:
            return
        loop = asyncio.get_running_loop()
        if line.free_at > loop.time():
            if line.alarm is None:
                line.alarm = loop.call_at(line.free_at, self._pause_is_over, line)
        elif line.waiting:
            line.is_ready = True
            self._ready.add(line)
            self._serve()
        else:
            del self._lines[line.chat_id]
            if line.is_slow:
                self._under_way.forget(line)

    def _end(self, line: Line) -> None:
        """The message is no longer on its way; whoever waited for that may go on."""
        was_full = self._under_way.is_full
        next_slow = self._under_way.end(line)
        if next_slow is not None:
            self._sort(next_slow)
        if was_full:
            self._serve()

    def _watch(self) -> None:
        """Look again when the next message on its way is slow."""
        at = self._under_way.next_slow_at
        if self._watching is None and at is not None and not self._closed:
            self._watching = asyncio.get_running_loop().call_at(at, self._look_for_slow)

    def _look_for_slow(self) -> None:
        self._watching = None
        was_full = self._under_way.is_full
        self._under_way.find_slow()
        self._watch()
        if was_full:
            self._serve()

    def _pause_is_over(self, line: Line) -> None:
        line.alarm = None
        self._sort(line)

    def _serve(self) -> None:
        """Give turns, at once as far as the rate goes."""
        self._news.set()
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._give_turns())
            self._serving.add_done_callback(self._served)
            self._serving.add_done_callback(lack.tell)

    def _served(self, _task: asyncio.Task[None]) -> None:
        self._serving = None
        if not self._closed and self._first(_ALL) is not None:
            self._serve()

    def _first(self, ranks: Sequence[Rank]) -> _Place | None:
        """The next one for which there is a connection."""
        if self._under_way.is_full:
            return None
        while (place := self._ready.first(ranks)) is not None:
            if self._under_way.has_room(place.line):
                return place
            self._under_way.set_aside(place.line)
        return None

    async def _give_turns(self) -> None:
        while (place := self._first(_ALL)) is not None:
            if isinstance(place.rank, Sentence) and not self._rate.is_half_free:
                await self._more_urgent_or_later()
                continue
            is_short = self._rate.is_short
            await self._rate.acquire()
            self._give(is_short=is_short)

    async def _more_urgent_or_later(self) -> None:
        """Wait for what may be more urgent, and no longer than the rate needs for one more."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(1 / MESSAGES_PER_S):
                await self._news.wait()

    def _give(self, *, is_short: bool) -> None:
        ranks = _ALL
        if is_short:
            ranks = _NEW_FIRST if next(self._short_turns) % 3 else _NEW_LATER
        place = self._first(ranks)
        if place is None:  # it gave up
            return
        line = place.line
        self._ready.remove(place)
        line.waiting.remove(place)
        line.is_ready = False
        if not place.turn.done():
            self._under_way.begin(line)  # from now on, so that nobody steps in between
            self._watch()
            place.turn.set_result(None)
