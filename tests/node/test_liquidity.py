"""What can be received: as the channels told last, listed now and then, and never waited for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.clock import Clock as OurClock
from bot.core.invoice import State
from bot.core.steps import AS_READ
from bot.demo.node import SimNode, open_channels
from bot.errors import NodeUnreachable
from bot.lnrpc import lightning_pb2 as pb
from bot.node import client as client_module
from bot.node import gate as gate_module
from bot.node import liquidity as module
from bot.node.client import Node
from bot.node.gate import Gate, probe
from bot.node.identity import Identity
from bot.node.invoices import NodeInvoices
from bot.node.liquidity import Liquidity
from bot.store import Store
from tests.node.simulated import LIMIT_S, Clock, changed, connected, paid
from tests.node.watched import Watched, open_row
from tests.rows import invoice

CHANNEL_MSAT = 790_000_000


def one_channel(sim: SimNode) -> None:
    """790,000 sats can be received."""
    sim.ledger.channels = open_channels(1, capacity_sat=1_000_000)


@contextlib.asynccontextmanager
async def kept_fresh(node: Node) -> AsyncIterator[tuple[Gate, Liquidity]]:
    """The gate, and what lists the channels behind it."""
    gate = Gate(node)
    liquidity = Liquidity(node, gate)

    async def watch() -> None:
        while True:
            await gate.watch()

    watching = asyncio.create_task(watch())
    running = asyncio.create_task(liquidity.run())
    await gate.opened()
    try:
        yield gate, liquidity
    finally:
        for task in (watching, running):
            task.cancel()
        await asyncio.wait({watching, running})
        assert running.cancelled()


async def told(node: Node, inbound_msat: int | None) -> None:
    """Wait until so much is known."""
    async with asyncio.timeout(LIMIT_S):
        while node.inbound_msat != inbound_msat:  # noqa: ASYNC110 -- nobody is told of it
            await asyncio.sleep(0.01)


# how much it is


async def test_before_the_node_was_asked_nobody_knows(node: Node) -> None:
    assert node.inbound_msat is None


async def test_it_is_known_as_the_gate_opens(sim: SimNode, node: Node) -> None:
    one_channel(sim)
    await probe(node)
    assert node.inbound_msat == CHANNEL_MSAT


@pytest.mark.parametrize("setting", [False, True])
async def test_it_is_known_where_hints_are_set(sim: SimNode, setting: bool) -> None:
    one_channel(sim)
    async with connected(sim, private_route_hints=setting) as node:
        await probe(node)
        assert node.inbound_msat == CHANNEL_MSAT


CHANNELS: dict[str, tuple[int, Callable[[SimNode], Any]]] = {
    "none": (0, lambda sim: sim.ledger.channels.clear()),
    "inactive": (0, lambda sim: setattr(sim.ledger.channels[0], "active", False)),
    "all reserved": (0, lambda sim: setattr(sim.ledger.channels[0], "remote_msat", 10_000_000)),
    "below the reserve": (0, lambda sim: setattr(sim.ledger.channels[0], "remote_msat", 1000)),
    "private": (8_690_000_000, lambda sim: sim.set_private_channels(1)),
}


@pytest.mark.parametrize("case", CHANNELS)
async def test_it_is_what_active_channels_have_above_their_reserves(
    sim: SimNode, node: Node, case: str
) -> None:
    one_channel(sim)
    sim.ledger.channels = list(sim.ledger.channels)
    inbound_msat, change = CHANNELS[case]
    change(sim)
    await probe(node)
    assert node.inbound_msat == inbound_msat


async def test_without_permission_to_list_channels_nobody_knows(sim: SimNode) -> None:
    one_channel(sim)
    async with connected(sim, macaroon=sim.folder / "invoice.macaroon") as node:
        await probe(node)
        assert node.inbound_msat is None
        assert await node.refresh_channels(), "it is not asked again sooner"


ODD: dict[str, Callable[[Any], Any]] = {
    "undecodable": lambda _: b"\xff" * 9,
    "beyond all sats": lambda _: changed(channels=[pb.Channel(active=True, remote_balance=2**62)])(
        pb.ListChannelsResponse()
    ),
    "20 MB": lambda _: bytes(20_000_000),
}


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_answer_is_no_answer_and_leaves_the_gate_open(
    sim: SimNode, node: Node, case: str
) -> None:
    one_channel(sim)
    await probe(node)
    sim.garble("ListChannels", ODD[case])
    assert not await node.refresh_channels()
    assert node.inbound_msat is None
    await probe(node)
    assert node.inbound_msat == CHANNEL_MSAT


async def test_of_thousands_of_channels_it_is_the_sum(sim: SimNode, node: Node) -> None:
    each = open_channels(1, capacity_sat=1_000_000)
    sim.ledger.channels = each * 5000
    await probe(node)
    assert node.inbound_msat == 5000 * CHANNEL_MSAT


async def test_an_invoice_goes_by_what_is_known_and_asks_nobody(
    sim: SimNode, node: Node, clock: Clock
) -> None:
    one_channel(sim)
    gate = Gate(node)
    await gate.watch()
    sim.hang("ListChannels", times=9)
    invoices = NodeInvoices(node, gate, Identity(), OurClock(clock))
    added = await invoices.add(invoice(State.PENDING), AS_READ)
    assert added.inbound_msat == CHANNEL_MSAT
    assert sim.calls["ListChannels"] == 1


# when they are listed


async def test_they_are_listed_again_now_and_then(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED_EVERY_S", 0.05)
    async with kept_fresh(node):
        one_channel(sim)
        await told(node, CHANNEL_MSAT)
        sim.ledger.channels = []
        await told(node, 0)


async def test_they_are_listed_again_sooner_where_the_node_did_not_list_them(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CHANNELS_TIMEOUT_S", 0.05)
    monkeypatch.setattr(module, "LISTED_AGAIN_S", 0.05)
    monkeypatch.setattr(module, "LISTED_AFTER_PAYMENT_S", 0.0)
    one_channel(sim)
    async with kept_fresh(node) as (_, liquidity):
        sim.hang("ListChannels", times=2)
        liquidity.change()
        await told(node, None)
        await told(node, CHANNEL_MSAT)
    assert sim.calls["ListChannels"] == 4


async def test_they_are_listed_once_for_many_payments(
    sim: SimNode, watched: Watched, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED_AFTER_PAYMENT_S", 0.5)
    async with watched.running():
        await watched.identified()
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        one_channel(sim)
        for _ in range(40):
            paid(sim)
        await sim.until(lambda: sim.calls["ListChannels"] == 2)
        await told(node, CHANNEL_MSAT - 40_000)
    assert sim.calls["ListChannels"] == 2


async def test_they_are_listed_for_a_payment_that_only_a_look_up_finds(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED_AFTER_PAYMENT_S", 0.0)
    found = sim.add_invoice(5000)
    row = await open_row(store, found, sim.identity_pubkey)
    sim.pay(found.payment_request)  # a stream without a cursor never tells it
    async with watched.running():
        await watched.rung_for(row)
        await sim.until(lambda: sim.calls["ListChannels"] == 2)


async def test_while_the_gate_is_shut_they_are_not_listed(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED_EVERY_S", 0.01)
    monkeypatch.setattr(gate_module, "LONGEST_PAUSE_S", 0.05)
    async with kept_fresh(node) as (gate, _):
        await sim.until(lambda: sim.calls["ListChannels"] > 2)
        sim.fail("GetState", times=99)
        gate.shut(NodeUnreachable())
        probes, listed = sim.calls["GetState"], sim.calls["ListChannels"]
        await sim.until(lambda: sim.calls["GetState"] > probes + 5)
        assert sim.calls["ListChannels"] <= listed + 1
        sim.clear_faults()
        await sim.until(lambda: sim.calls["ListChannels"] > listed + 2)
