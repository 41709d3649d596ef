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
LONGEST_START_S = 30.0
NOTE_TERMS = """
CREATE TABLE noted_terms AS SELECT holder, began_at FROM terms;
CREATE FUNCTION note_term() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO noted_terms VALUES (NEW.holder, NEW.began_at);
    RETURN NEW;
END $$;
CREATE TRIGGER note_term AFTER INSERT ON terms
    FOR EACH ROW EXECUTE FUNCTION note_term();
"""


def noted_terms(connection: psycopg.Connection[Any]) -> dict[int, list[float]]:
    """When each process began a term since `NOTE_TERMS`, in Unix seconds."""
    began: dict[int, list[float]] = {}
    for holder, at in connection.execute("SELECT holder, began_at FROM noted_terms"):
        began.setdefault(int(holder.rpartition(":")[2]), []).append(at)
    return began


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

    async def note_terms(self) -> None:
        """From now on the server notes each term of office that begins, whoever says so or not."""
        async with asyncio.timeout(LONGEST_START_S):
            while not await asyncio.to_thread(self._noted):  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(0.05)

    def _noted(self) -> bool:
        with self.connect() as connection:
            if connection.execute("SELECT to_regclass('terms')").fetchone() == (None,):
                return False
            connection.execute(NOTE_TERMS)
            return True

    def terms(self) -> dict[int, list[float]]:
        """When each process began a term of office, in Unix seconds."""
        with self.connect() as connection:
            return noted_terms(connection)

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
