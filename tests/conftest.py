"""Fixtures that several tests share."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import logs
from tests.world import World

# What is imported and collected stays to the end: it is never looked through for garbage.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own secrets: looking for all that ever were costs seconds."""
    monkeypatch.setattr(logs, "_hidden", set())
    monkeypatch.setattr(logs, "_pattern", logs._LOOKS)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A node, a Telegram and people; the bot is started by the test."""
    world = World(tmp_path)
    await world.open()
    try:
        yield world
    finally:
        await world.close()
