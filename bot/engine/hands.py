"""Which rows are worked on, how many, and when. Knows what is due, and nothing of a step.

Each due row is taken into one hand, which lets the worker take its steps until it rests. What
made it due does not matter: a new command, a payment, a crash yesterday, a node that was away.
Events make it faster; the rows decide.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bot import lack, logs
from bot.clock import Clock, steady
from bot.core.invoice import Invoice
from bot.core.outcomes import LONGEST_AT_NODE_S
from bot.core.work import READ_LANES, Key, Lane
from bot.engine.boards import BoardWorker
from bot.engine.hand import TICK_S, Hand
from bot.engine.worker import Worker
from bot.errors import StoreUnavailable, TermLost
from bot.node.gate import Gate
from bot.store import Bell, Due, Store, Tx

log = logs.get(__name__)

#: In hand at once of one lane, but for commands: of how many chats, and how many rows of each. In a
#: chat one message is sent at a time: more hands would only wait, and keep other chats waiting.
CHATS_A_LANE = 64
HANDS_A_CHAT = 2
#: Seconds for which a board waits after something happened to it: the card of a part goes first,
#: and what happens together is looked at once.
SOON_S = 0.05
#: A wall clock that moves by more against the loop's was set, in seconds.
SET_S = 2.0
#: Looks at what is due by a wrong clock: what was judged by it is written a moment later.
LOOKS = 2


class Seats:
    """Who is at work where: lanes and chats have so many places."""

    def __init__(self) -> None:
        self._in_place: Counter[tuple[Lane, int]] = Counter()  # lane and chat → hands
        self._in_lane: Counter[Lane] = Counter()  # lane → chats, but for those that are slow
        self._slow: set[tuple[Lane, int]] = set()

    @property
    def crowded(self) -> list[tuple[Lane, int]]:
        """The lanes and chats that have enough in hand."""
        return [place for place, count in self._in_place.items() if count >= HANDS_A_CHAT]

    def is_free(self, lane: Lane, chat_id: int) -> bool:
        """Whether one more row of this chat may be taken up."""
        there = self._in_place[lane, chat_id]
        return there < HANDS_A_CHAT if there else self._in_lane[lane] < CHATS_A_LANE

    def occupy(self, lane: Lane, chat_id: int) -> None:
        """One more."""
        if not self._in_place[lane, chat_id]:
            self._in_lane[lane] += 1
        self._in_place[lane, chat_id] += 1

    def vacate(self, lane: Lane, chat_id: int) -> None:
        """One less."""
        place = lane, chat_id
        self._in_place[place] -= 1
        if self._in_place[place]:
            return
        del self._in_place[place]
        if place in self._slow:
            self._slow.discard(place)
        else:
            self._in_lane[lane] -= 1

    def slow_down(self, lane: Lane, chat_id: int) -> None:
        """What is in hand of this chat takes long: it keeps no other chat waiting, and there is no
        more of it in hand than of any other."""
        place = lane, chat_id
        if self._in_place[place] and place not in self._slow:
            self._slow.add(place)
            self._in_lane[lane] -= 1


class Hands:
    """Takes up what is due, and what the bell is rung for; `run` until cancelled."""

    def __init__(
        self,
        *,
        store: Store,
        bell: Bell,
        gate: Gate,
        worker: Worker,
        boards: BoardWorker,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bell = bell
        self._gate = gate
        self._workers: dict[str, Worker | BoardWorker] = {"invoices": worker, "boards": boards}
        self._clock = clock
        self._hands: dict[Key, Hand] = {}
        self._seats = Seats()
        self._wake = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None  # boards are looked at then
        self._more = False  # more rows are due than hands are free
        self._next_due_at = 0.0  # when the next row is due, in Unix seconds
        self._stopping = False

    @property
    def busy(self) -> int:
        """How many rows are in hand; any thread can ask."""
        return len(self._hands)

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._feed())

    async def stop(self, *, timeout_s: float) -> None:
        """Let each hand finish the step that it is at, for `timeout_s` at most."""
        self._stopping = True
        self._store.stop_trying()
        working = []
        for hand in self._hands.values():
            hand.nudge.set()
            if hand.task is not None:
                working.append(hand.task)
        if working:
            _, late = await asyncio.wait(working, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # what the bell is rung for

    async def _listen(self) -> None:
        """Take up what changed; the bell is silent before anything is read."""
        while True:
            await self._bell.wait()
            rung, everything, is_due = self._bell.take()
            for entry in rung:
                if entry.is_wanted:  # whatever else is in hand
                    self._take(entry.key, entry.chat_id, entry.lane, entry.fresh)
                else:
                    self._offer(entry.key, entry.chat_id, entry.lane)
            if is_due and self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(SOON_S, self._look_at_boards)
            if everything:
                for hand in self._hands.values():
                    hand.nudge.set()
                self._read_soon()

    def _look_at_boards(self) -> None:
        """Something is due that was not named."""
        self._soon = None
        for hand in self._hands.values():
            if hand.key.table == "boards":  # it may be the one that is meant
                hand.nudge.set()
        self._read_soon()

    def _read_soon(self) -> None:
        self._next_due_at = 0.0
        self._wake.set()

    # what is due

    async def _feed(self) -> None:
        await self._store.must(_begin, self._clock())
        loop = asyncio.get_running_loop()
        offset_s = self._clock() - loop.time()
        times_set, looks = self._clock.times_set, 0
        while True:
            self._wake.clear()
            drift_s = self._clock() - loop.time() - offset_s
            if abs(drift_s) > SET_S:
                offset_s += drift_s
                log.warning("clock was set", by_s=round(drift_s))
                looks = LOOKS
            if times_set != self._clock.times_set:  # also where it was ahead for a moment
                times_set, looks = self._clock.times_set, LOOKS
            if looks:
                looks -= 1
                await self._store.must(_make_overdue, self._clock())
                self._next_due_at = 0.0
            if self._clock() >= self._next_due_at:
                await self._take_due()
            until_due_s = max(0.0, self._next_due_at - self._clock())
            with suppress(TimeoutError):
                async with asyncio.timeout(min(TICK_S, until_due_s)):
                    await self._wake.wait()

    async def _take_due(self) -> None:
        now = self._clock()
        lanes = self._read_lanes()
        limit = CHATS_A_LANE + len(self._hands)
        crowded = self._seats.crowded
        # Before reading: what others say in the meantime must not be forgotten.
        self._next_due_at, self._more = math.inf, bool(crowded)
        try:
            due = await self._store.do(_due, lanes, now, limit, crowded)
        except StoreUnavailable:
            self._next_due_at = min(self._next_due_at, now + TICK_S)
            return
        if not self._gate.is_open and not self._gate.is_gone:  # then expiries are read as well
            self._next_due_at = min(self._next_due_at, now + TICK_S)
        if due.next_at is not None:
            self._next_due_at = min(self._next_due_at, due.next_at)
        self._more |= due.more
        count = len(self._hands)
        for row in due.rows:
            if row.key not in self._hands:
                self._offer(row.key, row.chat_id, row.lane)
        if due.more and len(self._hands) > count:
            self._next_due_at = (
                0.0  # what one chat crowded out is seen now that its places are full
            )

    def _read_lanes(self) -> list[Lane]:
        """Expiries are the node's word: they wait for it, until it is gone for long."""
        left_out = set()
        if not self._gate.is_open:
            left_out.add(Lane.AWAITS_NODE)
            if not self._gate.is_gone:
                left_out.add(Lane.BACKGROUND)
        return [lane for lane in READ_LANES if lane not in left_out]

    def _offer(self, key: Key, chat_id: int, lane: Lane) -> None:
        """Take a row that is due if a hand is free; else it is found once one is."""
        if key not in self._hands and not self._seats.is_free(lane, chat_id):
            self._more = True
        else:
            self._take(key, chat_id, lane)

    # one row

    def _take(self, key: Key, chat_id: int, lane: Lane, fresh: Invoice | None = None) -> None:
        """Work on this row now. `fresh` is a new row as it was written: it need not be read."""
        if (busy := self._hands.get(key)) is not None:
            busy.nudge.set()
            return
        if self._stopping:
            return
        hand = Hand(
            key, chat_id, lane, lambda: self._aside(hand), lambda: self._slow_down(lane, chat_id)
        )
        if fresh is not None:
            hand.written_at = steady()
        self._hands[key] = hand
        self._seats.occupy(lane, chat_id)
        hand.task = asyncio.ensure_future(self._work(hand, fresh))
        hand.task.add_done_callback(lambda _: self._let_go(hand))
        hand.task.add_done_callback(lack.tell)

    async def _work(self, hand: Hand, fresh: Invoice | None) -> None:
        worker: Any = self._workers[hand.key.table]
        try:
            row = fresh or await worker.read(hand.key.id)
            if row is not None:
                row = await worker.take_up(row)
            while row is not None and not self._stopping:
                if hand.nudge.is_set():  # what was read may be older than what happened
                    hand.nudge.clear()
                    row = await worker.read(hand.key.id)
                else:
                    row = await worker.step(row, hand)
            await worker.put_down(hand)
        except TermLost:
            pass  # whoever acts now goes on with it
        except StoreUnavailable:
            log.warning("row left as it is: the bot is stopping", row=hand.key)
        except MemoryError:
            raise
        except Exception:
            log.exception("row left as it is", row=hand.key)
            asyncio.get_running_loop().call_later(LONGEST_AT_NODE_S, self._read_soon)

    @contextmanager
    def _aside(self, hand: Hand) -> Iterator[None]:
        """Out of its place for a while."""
        self._vacate(hand)
        try:
            yield
        finally:
            self._seats.occupy(hand.lane, hand.chat_id)

    def _slow_down(self, lane: Lane, chat_id: int) -> None:
        self._seats.slow_down(lane, chat_id)
        if self._more:
            self._read_soon()

    def _vacate(self, hand: Hand) -> None:
        """Whoever found no place may have it."""
        self._seats.vacate(hand.lane, hand.chat_id)
        if self._more:
            self._read_soon()

    def _let_go(self, hand: Hand) -> None:
        del self._hands[hand.key]
        self._vacate(hand)
        if hand.due_at is not None:
            self._next_due_at = min(self._next_due_at, hand.due_at)
        if hand.nudge.is_set():  # it came as the hand was closing
            self._take(hand.key, hand.chat_id, hand.lane)


# jobs of the store


def _begin(tx: Tx, now: float) -> None:
    tx.agenda.doubt_edits(now)
    tx.boards.doubt_edits(now)
    tx.agenda.unstick(now)
    tx.boards.unstick(now)
    _make_overdue(tx, now)
    tx.chats.wake_unannounced(now)


def _make_overdue(tx: Tx, now: float) -> None:
    tx.agenda.make_overdue(now)
    tx.boards.make_overdue(now)


def _due(tx: Tx, lanes: list[Lane], now: float, limit: int, crowded: list[tuple[Lane, int]]) -> Due:
    due = tx.agenda.due(lanes, now, limit=limit, but=crowded)
    boards = tx.boards.due(lanes, now, limit=limit, but=crowded)
    moments = [each for each in (due.next_at, boards.next_at) if each is not None]
    return Due([*due.rows, *boards.rows], due.more or boards.more, min(moments, default=None))
