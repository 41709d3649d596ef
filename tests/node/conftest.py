"""Fixtures of the node's tests: a simulated node on a clock that can be moved, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.node import SimNode
from bot.node.client import Node
from bot.store import Store
from tests.node.simulated import Clock, connected
from tests.node.watched import Watched


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sim(tmp_path: Path, clock: Clock) -> AsyncIterator[SimNode]:
    async with SimNode(tmp_path / "lnd", clock=clock) as sim:
        yield sim


@pytest.fixture
async def node(sim: SimNode) -> AsyncIterator[Node]:
    async with connected(sim) as node:
        yield node


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    yield store
    await store.close()


@pytest.fixture
def watched(node: Node, store: Store, clock: Clock) -> Watched:
    return Watched(node, store, clock)
