"""A PostgreSQL server under the bot's database, and the way there; both fail now and then."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import psycopg

from bot.store.writer import LONGEST_PAUSE_S
from tests import postgres
from tests.storm.book import Book
from tests.storm.plan import PlannedTrouble
from tests.ways import COMMIT, Way

#: Seconds after an outage's end by which the bot has found out, and has written what waited.
FOUND_S = 10.0


class Server:
    """A cluster of the storm's own. The bot reaches it through a proxy, the storm directly."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._opened = AsyncExitStack()
        self._is_away = False
        self._away_until = 0.0

    async def open(self) -> None:
        """Start it."""
        cluster = await asyncio.to_thread(postgres.made)
        self._opened.callback(postgres.remove, cluster)
        self._cluster = cluster
        with cluster.admin() as connection:
            connection.execute("CREATE DATABASE storm")
        self._proxy = await self._opened.enter_async_context(Way(cluster.port))

    async def close(self) -> None:
        """Nothing is left of it."""
        await self._opened.aclose()

    @property
    def url(self) -> str:
        """The database's address, for the bot."""
        return self._cluster.url("storm", port=self._proxy.port)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the storm's own."""
        return psycopg.connect(self._cluster.url("storm"))

    def was_away_since(self, at: float) -> bool:
        """Whether anything was wrong with it at any time since then."""
        return self._is_away or self._away_until > at

    async def trouble(self, trouble: PlannedTrouble) -> None:
        """One of them, until it is over."""
        began = time.time()
        self._is_away = True
        try:
            await self._trouble(trouble)
        finally:
            self._is_away, self._away_until = False, time.time()
        self._book.unwritable.append((began, time.time() + FOUND_S + LONGEST_PAUSE_S))

    async def _trouble(self, trouble: PlannedTrouble) -> None:
        proxy = self._proxy
        match trouble.what:
            case "crash":
                await asyncio.to_thread(self._cluster.stop, "immediate")
                await asyncio.sleep(trouble.for_s / 4)
                await asyncio.to_thread(self._cluster.start_again)
            case "kill":
                await asyncio.to_thread(self._cluster.kill)
                await asyncio.sleep(trouble.for_s / 4)
                await asyncio.to_thread(self._cluster.start_again)
            case "cut":
                for _ in range(trouble.dice.choice([1, 3])):
                    proxy.cut()
                    await asyncio.sleep(trouble.for_s / 3)
            case "silence":
                proxy.stall()
                await asyncio.sleep(trouble.for_s)
                proxy.cut()
                proxy.flow()
            case "refuse":
                proxy.refuses = True
                proxy.cut()
                await asyncio.sleep(trouble.for_s)
                proxy.refuses = False
            case "commit without an answer":
                proxy.cut_after = COMMIT
                await asyncio.sleep(trouble.for_s)
                proxy.cut_after = None
            case "commit that is lost":
                proxy.cut_before = COMMIT
                await asyncio.sleep(trouble.for_s)
                proxy.cut_before = None
            case unknown:
                raise ValueError(unknown)
