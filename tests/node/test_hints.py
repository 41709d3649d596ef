"""Hints for private channels: there where nobody could pay without, as far as it is known."""

from __future__ import annotations

import hashlib

import pytest

from bot.demo.node import SimNode
from bot.node import client as client_module
from bot.node.client import Node
from bot.node.gate import probe
from tests.node.simulated import HASH, PREIMAGE, add, connected

OTHERS = [hashlib.sha256(bytes([number])).digest() for number in range(3)]


def only_private(sim: SimNode) -> None:
    sim.ledger.channels = []
    sim.set_private_channels(2)


async def has_hints(sim: SimNode, node: Node, preimage: bytes = PREIMAGE) -> bool:
    """Whether an invoice that is added now names private channels."""
    await add(node, preimage=preimage)
    return sim.invoices[hashlib.sha256(preimage).digest()].private


@pytest.mark.parametrize("setting", [False, True])
@pytest.mark.parametrize("is_private", [False, True])
async def test_what_is_set_counts(sim: SimNode, setting: bool, is_private: bool) -> None:
    only_private(sim) if is_private else sim.set_private_channels(2)
    async with connected(sim, private_route_hints=setting) as node:
        await probe(node)
        assert await has_hints(sim, node) is setting


@pytest.mark.parametrize("is_private", [False, True])
async def test_by_default_there_are_hints_where_no_active_channel_is_public(
    sim: SimNode, node: Node, is_private: bool
) -> None:
    sim.set_private_channels(2)
    for channel in sim.ledger.channels:
        if not channel.private:
            channel.active = not is_private
    await probe(node)
    assert await has_hints(sim, node) is is_private
    assert sim.pay(sim.invoices[HASH].payment_request)


async def test_a_node_whose_peers_are_not_back_yet_counts_by_all_its_channels(
    sim: SimNode, node: Node
) -> None:
    only_private(sim)
    for channel in sim.ledger.channels:
        channel.active = False
    await probe(node)
    for channel in sim.ledger.channels:
        channel.active = True
    assert await has_hints(sim, node)


async def test_without_permission_to_see_channels_there_are_none(sim: SimNode) -> None:
    only_private(sim)
    async with connected(sim, macaroon=sim.folder / "invoice.macaroon") as node:
        await probe(node)
        assert not await has_hints(sim, node)


async def test_they_are_asked_for_as_the_gate_opens_and_not_for_each_invoice(
    sim: SimNode, node: Node
) -> None:
    only_private(sim)
    await probe(node)
    for preimage in OTHERS:
        assert await has_hints(sim, node, preimage)
    assert sim.calls["ListChannels"] == 1
    sim.ledger.channels[0].private = False
    await probe(node)
    assert not await has_hints(sim, node)
    assert sim.calls["ListChannels"] == 2


async def test_a_node_that_does_not_list_its_channels_is_asked_for_invoices_all_the_same(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CHANNELS_TIMEOUT_S", 0.05)
    only_private(sim)
    sim.hang("ListChannels")
    await probe(node)
    assert not await has_hints(sim, node, OTHERS[0])
    monkeypatch.setattr(client_module, "CHANNELS_TIMEOUT_S", 5.0)
    assert await node.refresh_channels()
    assert await has_hints(sim, node, OTHERS[1])
    sim.fail("ListChannels")
    assert not await node.refresh_channels()
    assert await has_hints(sim, node, OTHERS[2]), "what was known stays"
