"""Fixtures that several tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A node, a Telegram and people; the bot is started by the test."""
    world = World(tmp_path)
    await world.open()
    try:
        yield world
    finally:
        await world.close()
