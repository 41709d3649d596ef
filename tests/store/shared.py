"""A server's database that several stores have open, and what is seen of it from outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bot.store import Store
from bot.store.locks import OFFICE, held
from tests.postgres import Cluster
from tests.store.made import LIMIT_S

NEVER = asyncio.Event


@contextlib.asynccontextmanager
async def opened(url: str, *, leads: bool = True) -> AsyncIterator[Store]:
    store = await Store.open(url)
    try:
        if leads:
            async with asyncio.timeout(LIMIT_S):
                assert await store.lead(NEVER())
        yield store
    finally:
        await store.close()


def written(cluster: Cluster, name: str) -> list[object]:
    """The message numbers of the commands that are written."""
    with cluster.admin(name) as look:
        found = look.execute("SELECT origin_message_id FROM invoices ORDER BY 1").fetchall()
    return [number for (number,) in found]


def end_office(cluster: Cluster, name: str) -> None:
    """What a server does to a process that stands still, or a network to one that is cut off."""
    with cluster.admin(name) as look:
        look.execute(f"SELECT pg_terminate_backend(pid) FROM ({held(OFFICE)}) AS holders".encode())


def number_of_terms(cluster: Cluster, name: str) -> object:
    with cluster.admin(name) as look:
        found = look.execute("SELECT max(number) FROM terms").fetchone()
    assert found is not None
    return found[0]
