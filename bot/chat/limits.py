"""What a person, a chat or a crowd gets at most, and a count of the rest. Knows no Telegram.

Nothing hangs on what is limited here: sentences, answers to presses, lines of the log. Cards have
no such limit.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from bot import logs

log = logs.get(__name__)

#: Seconds for which the log counts what is the same before it says so again.
COUNT_S = 60.0
#: Sentences a minute in a group: Telegram takes 20 messages a minute there, and cards need most.
A_MINUTE = 5
MINUTE_S = 60.0


class Drops:
    """What is dropped, or odd: the log says so at once, and a minute later how often since."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._counts: dict[str, int] = {}  # since the last line, by reason

    def add(self, reason: str, **values: object) -> None:
        """One more; `values` are told of the first."""
        if reason in self._counts:
            self._counts[reason] += 1
            return
        log.warning(self._event, reason=reason, **values)
        self._count_from_now(reason)

    def _count_from_now(self, reason: str) -> None:
        self._counts[reason] = 0
        asyncio.get_running_loop().call_later(COUNT_S, self._counted, reason)

    def _counted(self, reason: str) -> None:
        count = self._counts.pop(reason)
        if count:
            log.warning(self._event, reason=reason, more=count)
            self._count_from_now(reason)


class SideLane:
    """A few calls at once beside the chats' queues, a few that wait for each person, none for long.

    At most `at_once`, `a_chat` of one chat: one that hangs leaves places to others. At most
    `a_person` wait for a person, those under way too, of `in_chat` people in a chat and `in_all`.
    `within_s`: seconds after which a call is of no more use.
    """

    def __init__(
        self,
        event: str,
        *,
        at_once: int,
        a_chat: int,
        a_person: int,
        in_chat: int,
        in_all: int,
        within_s: float,
    ) -> None:
        self._a_chat = a_chat
        self._a_person = a_person
        self._in_chat = in_chat
        self._in_all = in_all
        self._within_s = within_s
        self._places = asyncio.Semaphore(at_once)
        self._people: Counter[int] = Counter()  # how many wait for each
        self._chats: dict[int, _Chat] = {}
        self._drops = Drops(event)

    def admit(self, person_id: int, chat_id: int) -> bool:
        """Whether one more call is made for this person; `call` or `leave` has to follow, once."""
        people, chat = self._people, self._chats.get(chat_id)
        if people[person_id] >= self._a_person:
            self._drops.add("too many wait for one person")
        elif chat is not None and _is_full(chat.people, person_id, self._in_chat):
            self._drops.add("too many wait in one chat")
        elif _is_full(people, person_id, self._in_all):
            self._drops.add("too many wait")
        else:
            if chat is None:
                chat = self._chats[chat_id] = _Chat(asyncio.Semaphore(self._a_chat))
            chat.people[person_id] += 1
            people[person_id] += 1
            return True
        return False

    async def call(
        self,
        person_id: int,
        chat_id: int,
        work: Callable[[], Coroutine[Any, Any, object]],
        *,
        within_s: float | None = None,
    ) -> bool:
        """Do `work` when there is a place for it; False where that is too late, and it is not."""
        try:
            return await self.do(chat_id, work, within_s=within_s)
        finally:
            self.leave(person_id, chat_id)

    async def do(
        self,
        chat_id: int,
        work: Callable[[], Coroutine[Any, Any, object]],
        *,
        within_s: float | None = None,
    ) -> bool:
        """The same for one that may be done once more: it is still waiting."""
        async with AsyncExitStack() as places:
            try:
                async with asyncio.timeout(within_s or self._within_s):
                    await places.enter_async_context(self._chats[chat_id].places)
                    await places.enter_async_context(self._places)
            except TimeoutError:
                self._drops.add("too late")
                return False
            await work()
        return True

    def leave(self, person_id: int, chat_id: int) -> None:
        """It waits no more."""
        chat = self._chats[chat_id]
        _leave(self._people, person_id)
        _leave(chat.people, person_id)
        if not chat.people:
            del self._chats[chat_id]


@dataclass
class _Chat:
    places: asyncio.Semaphore
    people: Counter[int] = field(default_factory=Counter)  # how many wait for each


def _is_full(people: Counter[int], person_id: int, most: int) -> bool:
    """Whether as many wait, and this one is none of them."""
    return person_id not in people and len(people) >= most


def _leave(people: Counter[int], person_id: int) -> None:
    people[person_id] -= 1
    if not people[person_id]:
        del people[person_id]


class Pace:
    """At most so many within so many seconds for each person, before anything is done for them."""

    def __init__(self, event: str, *, most: int, within_s: float) -> None:
        self._within_s = within_s
        self._most = most
        self._times: dict[object, deque[float]] = {}  # on the loop's clock
        self._drops = Drops(event)

    def __len__(self) -> int:
        return len(self._times)

    def admit(self, person_id: object) -> bool:
        """Whether one more is heard."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        times = self._times.get(person_id)
        if times is None:
            times = self._times[person_id] = deque(maxlen=self._most)
            loop.call_later(self._within_s, self._forget, person_id)
        if len(times) == self._most and now - times[0] < self._within_s:
            self._drops.add("too many of one person")
            return False
        times.append(now)
        return True

    def _forget(self, person_id: object) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._times[person_id][-1] + self._within_s - loop.time()
        if left_s > 0:
            loop.call_later(left_s, self._forget, person_id)
        else:
            del self._times[person_id]


class Repeats(Pace):
    """The same of each person's doing one thing again and again; another one ends the count."""

    def __init__(self, event: str, *, most: int, within_s: float) -> None:
        super().__init__(event, most=most, within_s=within_s)
        self._latest: dict[object, object] = {}  # of whom something is counted

    def admit_what(self, person_id: object, what: object) -> bool:
        """Whether this is heard once more."""
        if person_id in self._times and self._latest.get(person_id) != what:
            times = self._times[person_id]
            latest = times[-1]
            times.clear()
            times.append(latest)
        self._latest[person_id] = what
        return self.admit(person_id)

    def _forget(self, person_id: object) -> None:
        super()._forget(person_id)
        if person_id not in self._times:
            del self._latest[person_id]


class Minutes:
    """When the next sentence may go out in each group: `A_MINUTE`, and as many that wait."""

    def __init__(self) -> None:
        self._times: dict[int, deque[float]] = {}  # on the loop's clock, some still to come

    def __len__(self) -> int:
        return len(self._times)

    def reserve(self, chat_id: int) -> float | None:
        """Seconds to wait for this one; None where too many wait already."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        times = self._times.get(chat_id)
        if times is None:
            times = self._times[chat_id] = deque()
            loop.call_later(MINUTE_S, self._forget, chat_id)
        while times and times[0] <= now - MINUTE_S:
            times.popleft()
        if len(times) >= 2 * A_MINUTE:
            return None
        at = now if len(times) < A_MINUTE else max(now, times[-A_MINUTE] + MINUTE_S)
        times.append(at)
        return at - now

    def _forget(self, chat_id: int) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._times[chat_id][-1] + MINUTE_S - loop.time()
        if left_s > 0:
            loop.call_later(left_s, self._forget, chat_id)
        else:
            del self._times[chat_id]
