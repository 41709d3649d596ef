"""The inbox is emptied: in order, fairly, a batch at a time, and nothing before it is handled."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from structlog.testing import capture_logs
from telegram import Update
from telegram.ext import TypeHandler

from bot.chat import inbox
from bot.chat.handling import Handling
from bot.chat.inbox import Inbox, put
from bot.clock import steady
from bot.core.invoice import TOO_LATE_S
from bot.errors import StoreUnavailable
from bot.store import Tx
from bot.store.inbox import BATCH, CHATS
from tests.chat.room import Room


async def count(room: Room) -> int:
    def job(tx: Tx) -> int:
        return tx.inbox.count()

    return await room.store.do(job)


def message(number: int, chat_id: int) -> dict[str, Any]:
    person = {"id": chat_id, "is_bot": False, "first_name": "Anna"}
    body = {"message_id": number, "date": 1_790_000_000, "from": person, "text": f"no. {number}"}
    chat = {"id": chat_id, "type": "private", "first_name": "Anna"}
    return {"update_id": number, "message": {**body, "chat": chat}}


def press(number: int, person_id: int) -> dict[str, Any]:
    person = {"id": person_id, "is_bot": False, "first_name": "Anna"}
    query = {"id": str(number), "from": person, "chat_instance": "1", "data": "pay:x"}
    return {"update_id": number, "callback_query": query}


async def deliver(room: Room, *updates: dict[str, Any]) -> None:
    """As the webhook does."""
    bodies = [json.dumps(each).encode() for each in updates]
    bot_id = room.bot_user.id
    kept = await asyncio.gather(*(put(room.store, bot_id, body, room.clock()) for body in bodies))
    assert all(kept)


class Seen:
    """An application that notes what it handles, and fails while `error` is set."""

    def __init__(self, room: Room) -> None:
        self.numbers: list[int] = []
        self.chats: list[int] = []
        self.error: Exception | None = None
        self.fails = frozenset[int]()
        self.application = room.new_application()
        self.application.add_handler(TypeHandler(Update, self._see))
        self.handling = Handling(room.telegram_bot, self.application, on_bug=lambda _: None)
        self.room = room

    async def _see(self, update: Update, _context: Any) -> None:
        if self.error is not None and (not self.fails or update.update_id in self.fails):
            raise self.error
        self.numbers.append(update.update_id)
        assert update.effective_chat
        self.chats.append(update.effective_chat.id)

    def inbox(self) -> Inbox:
        """A new process's."""
        return Inbox(
            self.room.store,
            self.handling,
            bot_id=self.room.bot_user.id,
            ages=self.room.ages,
            told=lambda: None,
        )

    async def drain(self) -> None:
        async with asyncio.timeout(30):
            await self.inbox().drain(asyncio.Event())


@pytest.fixture
async def seen(room: Room) -> Seen:
    seen = Seen(room)
    await seen.application.initialize()
    return seen


async def test_each_chats_updates_are_handled_in_their_order_however_they_came(
    room: Room, seen: Seen
) -> None:
    numbers = [8, 3, 5, 1, 9, 2, 7, 4, 6, 10]
    await deliver(room, *(message(number, 1 + number % 2) for number in numbers))
    await seen.drain()
    assert [number for number in seen.numbers if number % 2] == [1, 3, 5, 7, 9]
    assert [number for number in seen.numbers if not number % 2] == [2, 4, 6, 8, 10]
    assert await count(room) == 0


async def test_what_could_not_be_written_stays_and_what_follows_it_in_its_chat(
    room: Room, seen: Seen
) -> None:
    seen.error, seen.fails = StoreUnavailable(detail="locked"), frozenset({2})
    await deliver(room, message(1, 5), message(2, 5), message(3, 5), message(4, 6))
    stop = asyncio.Event()
    draining = asyncio.ensure_future(seen.inbox().drain(stop))
    async with asyncio.timeout(30):
        while sorted(seen.numbers) != [1, 4] or await count(room) != 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        seen.error = None
        await draining
    assert [number for number in seen.numbers if number != 4] == [1, 2, 3]
    assert await count(room) == 0


async def test_what_fails_for_itself_blocks_nobody(room: Room, seen: Seen) -> None:
    seen.error, seen.fails = KeyError("a bug"), frozenset({2})
    await deliver(room, message(1, 5), {"update_id": 4, "message": 5}, message(2, 5), message(3, 5))
    await seen.drain()
    assert seen.numbers == [1, 3]
    assert await count(room) == 0


async def test_a_process_that_ended_before_it_removed_them_leaves_them_to_the_next(
    room: Room, seen: Seen
) -> None:
    await deliver(room, message(1, 5))
    first = seen.inbox()
    batch = await first._next()
    assert await first._handle(batch)
    assert await count(room) == 1  # handled, and not removed: killed
    await seen.drain()
    assert seen.numbers == [1, 1]
    assert await count(room) == 0


async def test_what_comes_again_once_it_was_handled_is_passed_over(room: Room, seen: Seen) -> None:
    own, stop = seen.inbox(), asyncio.Event()
    for _ in range(2):  # the answer to the first call was lost
        await deliver(room, message(1, 5))
        await own.drain(stop)
    assert seen.numbers == [1]
    assert await count(room) == 0


async def test_what_another_process_handled_is_passed_over_when_it_comes_late(
    room: Room, seen: Seen
) -> None:
    await deliver(room, message(1, 5))
    await seen.drain()
    await deliver(room, message(1, 5))  # of a process that stood still meanwhile
    await deliver(room, message(2, 5))
    await seen.drain()  # which goes on where the other one was killed
    assert seen.numbers == [1, 2]
    assert await count(room) == 0


async def test_a_ring_is_heard_at_once(room: Room, seen: Seen) -> None:
    """No look is due within a minute."""
    stop, waits = asyncio.Event(), []
    running = asyncio.ensure_future(seen.inbox().run(stop))
    for number in range(1, 12):
        began_at = steady()
        await deliver(room, message(number, 5))
        async with asyncio.timeout(30):
            while len(seen.numbers) < number:  # noqa: ASYNC110
                await asyncio.sleep(0)
        waits.append(steady() - began_at)
    stop.set()
    await running
    assert sorted(waits)[len(waits) // 2] < 0.05
    assert await count(room) == 0


async def test_what_another_process_wrote_is_found_without_a_ring(
    room: Room, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LOOK_ALONE_S", 0.05)
    stop = asyncio.Event()
    running = asyncio.ensure_future(seen.inbox().run(stop))
    monkeypatch.setattr(room.store, "notify", lambda _name: None)
    await deliver(room, message(1, 5))
    async with asyncio.timeout(30):
        while not seen.numbers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stop.set()
    await running


async def test_another_bots_updates_are_left_alone_and_forgotten_in_the_end(
    room: Room, seen: Seen
) -> None:
    body = json.dumps(message(1, 5)).encode()
    await put(room.store, room.bot_user.id + 1, body, 1000.0)
    await deliver(room, message(1, 5))
    await seen.drain()
    assert seen.numbers == [1]
    assert await count(room) == 1

    def prune(tx: Tx, bot_id: int, before: float) -> None:
        tx.inbox.prune(bot_id, before)

    await room.store.do(prune, room.bot_user.id + 1, 2000.0)
    await room.store.do(prune, room.bot_user.id, 1000.0)
    assert await count(room) == 1
    await room.store.do(prune, room.bot_user.id, 1000.1)
    assert await count(room) == 0


async def test_a_chat_with_very_many_keeps_no_other_waiting(room: Room, seen: Seen) -> None:
    """Each of a few thousand of one chat came first."""
    many = 3000

    def fill(tx: Tx, bot_id: int) -> None:
        for number in range(1, many + 1):
            tx.inbox.put(bot_id, inbox.Delivered(number, 5, json.dumps(message(number, 5)), 0.0))

    await room.store.do(fill, room.bot_user.id)
    others = [message(many + each, 100 + each) for each in range(1, 2 * CHATS)]
    await deliver(room, *others)
    await seen.drain()
    last = max(index for index, chat_id in enumerate(seen.chats) if chat_id != 5)
    assert last < 4 * BATCH
    assert [n for n in seen.numbers if n <= many] == list(range(1, many + 1))
    assert len(seen.numbers) == many + len(others)
    assert await count(room) == 0


async def test_however_many_wait_few_are_in_memory(room: Room, seen: Seen) -> None:
    def fill(tx: Tx, bot_id: int) -> None:
        for number in range(1, 5001):
            chat_id = number % 700 - 350
            raw = json.dumps(message(number, 5))
            tx.inbox.put(bot_id, inbox.Delivered(number, chat_id, raw, 0.0))

    await room.store.do(fill, room.bot_user.id)
    own, sizes = seen.inbox(), []
    for _ in itertools.count():
        batch = await own._next()
        if not batch:
            break
        sizes.append(len(batch))
        assert await own._handle(batch)
    assert max(sizes) <= BATCH
    assert sum(sizes) == 5000
    assert len(sizes) <= 3 * 5000 / BATCH


async def test_how_many_wait_is_all_of_them_and_not_a_batch(room: Room, seen: Seen) -> None:
    await deliver(room, *(message(number, 5) for number in range(1, 3 * BATCH + 8)))
    own = seen.inbox()
    await own.count()
    assert own.waiting == 3 * BATCH + 7
    for left in (2 * BATCH + 7, BATCH + 7, 7, 0):
        assert await own._handle(await own._next())
        assert own.waiting == left
        await own.count()
        assert own.waiting == left
    await own._next()
    assert own.waiting == 0


async def test_a_stop_leaves_nothing_behind_that_was_handled(room: Room, seen: Seen) -> None:
    for first in range(1, 4 * BATCH, BATCH):
        await deliver(room, *(message(first + each, 5) for each in range(BATCH)))
    stop = asyncio.Event()
    running = asyncio.ensure_future(seen.inbox().run(stop))
    async with asyncio.timeout(30):
        while not seen.numbers:  # noqa: ASYNC110
            await asyncio.sleep(0)
    stop.set()
    await running
    assert await count(room) == 4 * BATCH - len(seen.numbers)


async def test_a_press_that_nobody_handled_for_long_is_passed_over_as_telegram_does(
    room: Room, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    await deliver(room, press(1, 5), message(2, 5))
    room.clock.ahead_s += TOO_LATE_S - 5
    await seen.drain()
    assert seen.numbers == [1, 2]
    await deliver(room, press(3, 5), message(4, 5))
    room.clock.ahead_s += TOO_LATE_S + 5
    await deliver(room, press(5, 5))
    await seen.drain()
    assert seen.numbers == [1, 2, 4, 5]
    assert await count(room) == 0
    assert caplog.text.count("a press, too late") == 1


async def test_a_clock_that_is_set_makes_no_press_late_once_it_is_known_what_waited(
    room: Room, seen: Seen
) -> None:
    await deliver(room, press(1, 5))
    room.clock.ahead_s += 86_400
    room.ages.emptied(steady())
    await seen.drain()
    assert seen.numbers == [1]


async def test_once_all_was_delivered_and_handled_it_is_known_how_old_an_update_can_be(
    room: Room, seen: Seen
) -> None:
    own, asked_at = seen.inbox(), steady()
    await own.drain(asyncio.Event())
    assert not room.ages.is_bounded  # Telegram has not said that nothing waits there
    await deliver(room, message(1, 5))
    own.complete(asked_at)
    batch = await own._next()
    assert not room.ages.is_bounded
    await own._handle(batch)
    await own.drain(asyncio.Event())
    assert room.ages.longest_wait_s() == pytest.approx(steady() - asked_at, abs=0.01)


async def test_an_inbox_that_cannot_be_read_is_said_once(room: Room) -> None:
    emptied = Seen(room).inbox()
    stop = asyncio.Event()
    with capture_logs() as log:
        await room.store.close()
        running = asyncio.ensure_future(emptied.run(stop))
        async with asyncio.timeout(30):
            while emptied._attempts < 3:  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(0.01)
            stop.set()
            await running
    said = [(each["log_level"], each["event"], each["detail"]) for each in log]
    assert said == [("warning", "updates stay in the inbox: it cannot be read", "it is closed")]
