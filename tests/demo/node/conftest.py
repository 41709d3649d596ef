"""A node that runs, on a clock that stands still, and a client with every permission."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.node import SimNode
from tests.demo.node.client import Client, Clock, connected


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def node(tmp_path: Path, clock: Clock) -> AsyncIterator[SimNode]:
    async with SimNode(tmp_path / "lnd", clock=clock) as node:
        yield node


@pytest.fixture
async def client(node: SimNode) -> AsyncIterator[Client]:
    async with connected(node, (node.folder / "admin.macaroon").read_bytes()) as client:
        yield client
