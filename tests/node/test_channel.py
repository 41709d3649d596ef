"""How the node is reached: past proxies, by any name, with the pinned certificate."""

from __future__ import annotations

import pytest

from bot.core.answers import WalletState
from bot.demo.node import SimNode
from bot.node.client import Node
from tests.node.simulated import settings

# what the environment says of proxies


@pytest.mark.parametrize("name", ["https_proxy", "http_proxy", "grpc_proxy"])
async def test_a_proxy_of_the_environment_is_not_used_for_the_node(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    node = Node(settings(sim))
    try:
        assert await node.state() is WalletState.SERVER_ACTIVE
    finally:
        await node.close()
