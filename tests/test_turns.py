"""Several bots on one PostgreSQL database: one acts, the others are ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import app
from bot.config import DatabaseSettings, Settings
from bot.core.invoice import Face
from tests.postgres import Cluster
from tests.world import WAIT_S, World


class Shared(World):
    """A world whose bots share a database of a server."""

    url = ""

    def settings(self) -> Settings:
        return super().settings().model_copy(update={"database": DatabaseSettings(url=self.url)})

    @contextlib.asynccontextmanager
    async def another(self) -> AsyncIterator[asyncio.Event]:
        """One more bot, until the end or until its event is set."""
        stop = asyncio.Event()
        running = asyncio.ensure_future(app.run(self.settings(), clock=self.clock, stop=stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(WAIT_S):
                await running


@pytest.fixture
async def world(
    tmp_path: Path, cluster: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shared]:
    monkeypatch.chdir(tmp_path)
    world = Shared(tmp_path)
    world.url = cluster.url(database)
    await world.open()
    try:
        yield world
    finally:
        await world.close()


async def test_a_bot_on_a_server_answers_as_one_on_a_file(world: Shared) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    world.node.pay(card.payment_request) if hasattr(card, "payment_request") else None
    await world.stop_bot()


async def test_the_next_one_goes_on_within_a_second_of_an_orderly_end(world: Shared) -> None:
    await world.start_bot()
    async with world.another():
        await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
        loop = asyncio.get_running_loop()
        before = world.polls()
        await world.stop_bot()
        ended_at = loop.time()
        await world.telegram.wait_for(lambda: world.polls() > before + 1, WAIT_S)
        assert loop.time() - ended_at < 1.0
        await world.open_card(world.group, world.anna, "/invoice 2200 pasta")
        assert len(world.showing(world.group, Face.OPEN)) == 2
