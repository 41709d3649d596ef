"""Several processes of the bot on one PostgreSQL database, and what is around them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bot.demo.telegram import Message, SimTelegram
from tests.bench.side import END_S, START_S, Side
from tests.faces import may_be_duplicate
from tests.postgres import Cluster, that_wait
from tests.storm.callers import Callers, Ports, port_in
from tests.storm.server import NOTE_TERMS, noted_terms

#: Seconds between two looks at what nothing tells of.
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that came to Telegram or to the node; `pid` is 0 where nobody has its port now."""

    at: float
    ports: Ports
    pid: int


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it came into its chat, and the process that sent it."""

    at: float
    pid: int
    message: Message


_caller: ContextVar[int] = ContextVar("_caller", default=0)


class HeardTelegram(SimTelegram):
    """Tells of each call, and notes who sent each card."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Callable[[int], int] = lambda _: 0
        self.cards: list[Card] = []

    async def before(self, method: str, chat_id: int | None) -> bool:
        """A call has arrived."""
        _caller.set(self.heard(self.calls[-1].peer_port))
        return await super().before(method, chat_id)

    def publish(self, message: Message) -> Message:
        """A message is in a chat."""
        super().publish(message)
        if message.photo is not None and message.reply_to is not None:
            self.cards.append(Card(message.versions[0].at, _caller.get(), message))
        return message


class Several(Side):
    """A number of processes, each kept at that; `active` is the one that called last."""

    _telegram = HeardTelegram
    telegram: HeardTelegram

    def __init__(self, folder: Path, people: int) -> None:
        super().__init__(folder, people)
        self.callers = Callers()
        self.calls: list[Heard] = []
        self._bots: list[asyncio.subprocess.Process] = []
        self._begun = 0
        self.telegram.heard = self._hear_telegram
        self._hear_node()

    def use(self, cluster: Cluster, name: str) -> None:
        """The database that they share: a new one on this server."""
        with cluster.admin() as admin:
            admin.execute(f"CREATE DATABASE {name}")
        self._cluster, self._name = cluster, name
        self.database = {"url": cluster.url(name)}

    # processes

    async def start_several(self, count: int) -> None:
        """So many; one acts, and all others are ready."""
        for _ in range(count):
            await self.start_one()
        await self._asked_for_updates()
        await self.are_ready()
        await asyncio.to_thread(self._ask, NOTE_TERMS)
        await self.warm_up()

    async def start_one(self) -> None:
        """One more."""
        self._begun += 1
        process = await self._spawned(*self._command(), log=f"log-{self._begun}")
        self._bots.append(process)
        self.callers.began(process.pid)

    async def are_ready(self) -> None:
        """Until all but one wait for their turn, as the server sees it."""
        async with asyncio.timeout(START_S):
            while await asyncio.to_thread(self._are_missing):  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(LOOK_S)

    @property
    def active(self) -> asyncio.subprocess.Process:
        """The one that called last."""
        return next(each for each in self._bots if each.pid == self.callers.last)

    def memories_mb(self) -> tuple[float, float]:
        """What is resident of the one that acts, and the most of those that wait."""
        acts = self.active.pid
        sizes = {each.pid: psutil.Process(each.pid).memory_info().rss / 1e6 for each in self._bots}
        return sizes[acts], max(size for pid, size in sizes.items() if pid != acts)

    async def end_active(self, how: signal.Signals) -> tuple[int, float]:
        """End the one that acts, and start another; whom, and when, in Unix seconds.

        It is over once `reaped` has seen it.
        """
        process = self.active
        at = time.time()
        process.send_signal(how)
        await self.start_one()
        return process.pid, at

    async def reaped(self, pid: int) -> None:
        """Until a process that was asked to end is no more."""
        process = next(each for each in self._bots if each.pid == pid)
        async with asyncio.timeout(END_S):
            await process.wait()
        self._bots.remove(process)

    async def next_card(self, pid: int, since: float, *, timeout_s: float) -> Card:
        """The first card since then that a process other than this one sent."""
        seen = len(self.telegram.cards)

        def found() -> Card | None:
            nonlocal seen
            new, seen = self.telegram.cards[seen:], len(self.telegram.cards)
            others = (each for each in new if each.pid not in (0, pid) and each.at > since)
            return next(others, None)

        card = await self.telegram.wait_for(found, timeout_s)
        assert card is not None
        return card

    async def end(self, *, in_order: bool = True) -> None:
        """All of them; those that wait go first, so that nobody takes over."""
        bots, self._bots = self._bots, []
        for process in sorted(bots, key=lambda each: each.pid == self.callers.last):
            self._bot = process
            await super().end(in_order=in_order)

    def cpu_s(self) -> float:
        """Nobody's: they come and go."""
        return 0.0

    # what they did

    def _hear_telegram(self, port: int) -> int:
        return self._hear((port, port_in(self.telegram.url)))

    def _hear(self, ports: Ports) -> int:
        at = time.time()
        pid = self.callers.called(ports, at)
        self.calls.append(Heard(at, ports, pid))
        return pid

    def _hear_node(self) -> None:
        """Hear of each call to the node, but for streams."""
        calls = self.node._calls
        arrived = calls._arrived

        def called() -> None:
            self._hear((calls.peer_ports[-1], port_in(self.node.address)))
            arrived()

        calls._arrived = called

    def calls_of(self, pid: int, *, since: float, until: float) -> int:
        """How many calls it made then; what nobody's port made counts as its own."""
        return sum(each.pid in (0, pid) for each in self.calls if since <= each.at < until)

    def terms(self) -> dict[int, list[float]]:
        """When each process began a term of office, in Unix seconds."""
        with self._cluster.admin(self._name) as admin:
            return noted_terms(admin)

    def doubled_cards(self) -> tuple[int, int]:
        """How many cards came a second time, saying that they may be duplicates; and without."""
        first: set[Message] = set()
        marked = unmarked = 0
        for card in self.telegram.cards:
            asked = card.message.reply_to
            assert asked is not None
            if asked not in first:
                first.add(asked)
            elif may_be_duplicate(card.message.versions[0].text or ""):
                marked += 1
            else:
                unmarked += 1
        return marked, unmarked

    def doubled_invoices(self) -> int:
        """How many invoices the node has beyond one a command."""
        memos = Counter(each.memo for each in self.node.invoices.values())
        return sum(count - 1 for count in memos.values())

    def _are_missing(self) -> bool:
        """Whether fewer wait for their turn than should."""
        return that_wait(self._cluster, self._name) < len(self._bots) - 1

    def _ask(self, statement: Any) -> None:
        with self._cluster.admin(self._name) as admin:
            admin.execute(statement)
