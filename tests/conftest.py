"""Fixtures that several tests share."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import logs
from bot.store import Store
from tests.store.made import opened
from tests.world import World

# What is imported and collected stays to the end: it is never looked through for garbage.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own secrets: searching for all that ever were costs seconds."""
    monkeypatch.setattr(logs, "_secrets", set())
    monkeypatch.setattr(logs, "_user_infos", {})
    monkeypatch.setattr(logs, "_pattern", logs._RECOGNIZED)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A node, a Telegram and people; the bot is started by the test."""
    world = World(tmp_path)
    await world.open()
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database without a row: to make one takes longer than most tests."""
    file = tmp_path_factory.mktemp("empty") / "bot.db"

    async def make() -> None:
        async with opened(file):
            pass

    asyncio.run(make())
    return file.read_bytes()


@pytest.fixture
async def store(file: Path, empty: bytes) -> AsyncIterator[Store]:
    file.write_bytes(empty)
    async with opened(file) as store:
        yield store
