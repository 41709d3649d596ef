"""A database that is moved: from a file to a server and back nothing is lost, and nothing mixed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.core.wishes import MoveProblem
from bot.errors import DatabaseInUse, MoveRefused
from bot.store import Reader, Store, Tx
from bot.store.copying import TABLES
from bot.store.move import move
from tests import postgres
from tests.postgres import Cluster
from tests.store.made import NOW, row
from tests.store.made import url as url_of_file

ROWS = 1201  # more than two steps


@pytest.fixture
def server(cluster: Cluster) -> Iterator[str]:
    with postgres.database(cluster) as name:
        yield cluster.url(name)


def said(_table: str, _copied: int, _whole: int) -> None:
    """Nobody listens."""


def nothing() -> None:
    """Nothing else happens."""


def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    def job(tx: Tx) -> dict[str, list[tuple[object, ...]]]:
        read = tx.invoices._connection.execute
        return {
            table.name: [
                tuple(each) for each in read(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in TABLES
        }

    return Reader(url).do(job)


async def filled(url: str) -> None:
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        for number in range(ROWS):
            await row(store, number, memo=f"päckchen {number} ⚡")
        await store.beat(NOW)
        await store.do(lambda tx: tx.chats.move(-1, -2, NOW))
    finally:
        await store.close()


async def next_number(url: str) -> int:
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        return (await row(store, 10**6)).id
    finally:
        await store.close()


async def test_there_and_back_every_row_is_what_it_was(file: Path, server: str) -> None:
    await filled(url_of_file(file))
    there = everything(url_of_file(file))
    states: list[tuple[str, int, int]] = []
    moved = await asyncio.to_thread(
        move, url_of_file(file), server, tell=lambda *state: states.append(state), seal=nothing
    )
    assert moved == sum(map(len, there.values()))
    assert everything(server) == there
    assert all(copied <= whole for _, copied, whole in states)
    back = file.with_name("back.db")
    await asyncio.to_thread(move, server, url_of_file(back), tell=said, seal=nothing)
    assert everything(url_of_file(back)) == there
    highest = ROWS  # numbers are drawn from 1 on
    assert await next_number(server) > highest
    assert await next_number(url_of_file(back)) > highest


async def made(url: str) -> None:
    async with opened_at(url) as store:
        await row(store, 1)


@contextlib.asynccontextmanager
async def opened_at(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        yield store
    finally:
        await store.close()


async def test_what_holds_something_is_no_target_and_stays_as_it_is(
    file: Path, server: str
) -> None:
    await filled(server)
    before = everything(server)
    await made(url_of_file(file))
    for source, target in ((url_of_file(file), server), (server, url_of_file(file))):
        with pytest.raises(MoveRefused) as caught:
            await asyncio.to_thread(move, source, target, tell=said, seal=nothing)
        assert caught.value.values["problem"] == MoveProblem.HOLDS_SOMETHING
    assert everything(server) == before
    assert file.exists()


@pytest.mark.parametrize(
    # a file that a bot has open is there, and so no target
    ("busy", "to_server"),
    [("source", True), ("target", True), ("source", False)],
)
async def test_nothing_is_moved_while_a_bot_runs_on_either(
    file: Path, server: str, busy: str, to_server: bool
) -> None:
    await made(url_of_file(file))
    source, target = url_of_file(file), server
    if not to_server:
        source, target = server, url_of_file(file.with_name("new.db"))
    bot = await Store.open(source if busy == "source" else target)
    try:
        assert await bot.lead(asyncio.Event())
        with pytest.raises(DatabaseInUse):
            await asyncio.to_thread(move, source, target, tell=said, seal=nothing)
    finally:
        await bot.close()
    assert not file.with_name("new.db").exists()


async def test_where_there_is_nothing_nothing_is_moved(file: Path, server: str) -> None:
    with pytest.raises(MoveRefused) as caught:
        await asyncio.to_thread(move, url_of_file(file), server, tell=said, seal=nothing)
    assert caught.value.values["problem"] == MoveProblem.MISSING
    assert list(file.parent.iterdir()) == []


async def test_a_move_that_fails_leaves_no_file(file: Path, server: str) -> None:
    await filled(server)

    def broken(_table: str, copied: int, _whole: int) -> None:
        if copied:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(move, server, url_of_file(file), tell=broken, seal=nothing)
    assert list(file.parent.glob("bot.db*")) == []
