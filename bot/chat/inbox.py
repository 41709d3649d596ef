"""Updates that the webhook got, each to its handlers. Knows how the inbox is emptied.

A row goes only once the handlers have committed: what a crash interrupts is handled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bot import logs
from bot.chat import updates
from bot.chat.ages import Ages, Told
from bot.chat.handling import Handling
from bot.chat.parsing import parse
from bot.chat.received import is_number
from bot.chat.updates import Raw
from bot.core.invoice import TOO_LATE_S
from bot.errors import StoreUnavailable, TermLost
from bot.pauses import pause_s
from bot.store import INBOX, Batch, Delivered, Store, Tx

log = logs.get(__name__)

#: Seconds between looks where nobody rings: another process writes, and its word may get lost.
LOOK_EVERY_S = 1.0
#: The same where no other process writes.
LOOK_ALONE_S = 60.0
LONGEST_PAUSE_S = 10.0


async def put(store: Store, bot_id: int, body: bytes, now: float) -> bool:
    """Keep an update that was delivered (JSON), and say so; False where it is none.

    Any process can, whichever acts. Once more changes nothing. `now` in Unix seconds. Raises
    `StoreUnavailable`: it is not kept.
    """
    read = _delivered(body, now)
    if read is None:
        return False
    await store.do_anywhere(_put, bot_id, read)
    store.notify(INBOX)
    return True


def _delivered(body: bytes, now: float) -> Delivered | None:
    text = body.decode(errors="replace")
    raw = _read(text)
    number = updates.number_of(raw)
    if raw is None or not is_number(number):
        return None
    return Delivered(number, updates.chat_of(raw) or 0, text, now)


def _read(text: str) -> Raw | None:
    """An object of JSON's, None where it is something else."""
    try:
        raw = parse(text)
    except ValueError:
        return None
    return raw if isinstance(raw, dict) else None


class Inbox:
    """The one that empties the inbox of the bot `bot_id`.

    `told`: what Telegram said last that the time is; `ages` of what came when.
    """

    def __init__(
        self,
        store: Store,
        handling: Handling,
        *,
        bot_id: int,
        ages: Ages,
        told: Callable[[], Told | None],
    ) -> None:
        self._store = store
        self._handling = handling
        self._bot_id = bot_id
        self._ages = ages
        self._told = told
        self._rung = store.listen(INBOX)
        self._done: list[int] = []  # handled, and still in the inbox
        self._after = 0  # the chat that had its turn last
        self._complete_at: float | None = None
        #: How many are in the inbox and not handled, as of the last reading. Any thread can ask.
        self.waiting = 0
        self._attempts = 0

    def complete(self, asked_at: float) -> None:
        """What was written before then, on the steady clock, has been delivered: it is here."""
        self._complete_at = asked_at
        self._rung.set()  # whether the inbox is empty counts only from now on

    async def count(self) -> None:
        """See how many wait, also where nobody handles them. Raises `StoreUnavailable`."""
        self.waiting = await self._store.do(_count, self._bot_id) - len(self._done)

    async def run(self, stop: asyncio.Event) -> None:
        """Handle what comes until `stop` is set."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                self._rung.clear()
                if not await self._empty(stop):
                    await asyncio.wait({stopping}, timeout=self._pause_s())
                    continue
                await self._wait(stopping)
        finally:
            stopping.cancel()

    async def drain(self, stop: asyncio.Event) -> None:
        """Handle what is there, until nothing is or `stop` is set."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set() and not await self._empty(stop):
                await asyncio.wait({stopping}, timeout=self._pause_s())
        finally:
            stopping.cancel()

    async def _wait(self, stopping: asyncio.Future[Any]) -> None:
        """Until something may be there."""
        every_s = LOOK_EVERY_S if self._store.is_shared else LOOK_ALONE_S
        ringing = asyncio.ensure_future(self._rung.wait())
        try:
            both: set[asyncio.Future[Any]] = {ringing, stopping}
            await asyncio.wait(both, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ringing.cancel()

    def _pause_s(self) -> float:
        self._attempts += 1
        return pause_s(self._attempts, longest_s=LONGEST_PAUSE_S)

    async def _empty(self, stop: asyncio.Event) -> bool:
        """A batch after the other, until none is left; False where the database takes nothing."""
        try:
            while batch := await self._next():
                if not await self._handle(batch):
                    return False
                if stop.is_set():
                    await self._store.do(_remove, self._bot_id, self._done)
                    break
        except StoreUnavailable as error:
            if not self._attempts and not isinstance(error, TermLost):
                log.warning("updates stay in the inbox: it cannot be read", detail=error.detail)
            return False
        self._attempts = 0
        return True

    async def _next(self) -> list[Delivered]:
        """The next batch; what was handled is gone by then."""
        complete_at = self._complete_at
        batch, self._after, is_all = await self._store.do(
            _next_batch, self._bot_id, done=self._done, after=self._after
        )
        self._done = []
        # how many others there are is counted now and then
        self.waiting = len(batch) if is_all else max(self.waiting, len(batch))
        if not batch and complete_at is not None:
            self._ages.came([], self._told())
            self._ages.emptied(complete_at)
        return batch

    async def _handle(self, batch: list[Delivered]) -> bool:
        """Whether all of it could be."""
        due: list[tuple[int, Raw]] = []
        for each in batch:
            raw = _read(each.raw)
            if raw is None or self._is_late(raw, each.received_at):
                reason = "unreadable" if raw is None else "a press, too late"
                self._handling.skip(reason, update=each.update_id)
                self._done.append(each.update_id)
            else:
                due.append((each.update_id, raw))
        dates = (updates.date_of(raw) for _, raw in due)
        self._ages.came([date for date in dates if date], self._told())
        handled = await self._handling.handle(due)
        self._done += handled.done
        self.waiting -= len(self._done)
        if handled.unwritten and not self._attempts:
            log.error("updates stay in the inbox: the database cannot be written")
        return not handled.unwritten

    def _is_late(self, raw: Raw, received_at: float) -> bool:
        """Whether it is a press that nobody waits for: it has no date, and Telegram itself keeps
        none for long."""
        return updates.is_press(raw) and self._ages.waited_s(received_at) > TOO_LATE_S


def _put(tx: Tx, bot_id: int, update: Delivered) -> None:
    tx.inbox.put(bot_id, update)


def _next_batch(tx: Tx, bot_id: int, done: list[int], after: int) -> Batch:
    return tx.inbox.next(bot_id, done=done, after=after)


def _count(tx: Tx, bot_id: int) -> int:
    return tx.inbox.waiting(bot_id)


def _remove(tx: Tx, bot_id: int, done: list[int]) -> None:
    tx.inbox.remove(bot_id, done)
