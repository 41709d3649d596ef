"""The stream of the node's invoices: what is an event, what is replayed, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.answers import NodeState
from bot.demo.node import SimNode
from bot.errors import MacaroonRefused, NodeLocked, NodeUnreachable
from bot.node import client
from bot.node.client import Node
from tests.node.simulated import (
    HASH,
    LIMIT_S,
    PERMISSIONS,
    add,
    connected,
    event,
    failure,
    paid,
    rest_of,
    subscribed,
)


async def test_each_add_and_each_payment_is_an_event_and_no_cancellation_is(
    sim: SimNode, node: Node
) -> None:
    async with subscribed(sim, node) as events:
        await add(node)
        other = sim.add_invoice(5000, memo="somebody else's")
        await node.cancel(other.payment_hash)
        sim.pay(sim.invoices[HASH].payment_request)
        there = [await event(events) for _ in range(3)]
    assert [(each.payment_hash, each.state) for each in there] == [
        (HASH, NodeState.OPEN),
        (other.payment_hash, NodeState.OPEN),
        (HASH, NodeState.SETTLED),
    ]
    assert (there[2].settle_index, there[2].paid_msat) == (1, 2_100_000)


async def test_payments_after_the_index_are_replayed_before_what_is_new(
    sim: SimNode, node: Node
) -> None:
    first, second, third = paid(sim), paid(sim), paid(sim)
    async with subscribed(sim, node, settle_index=first.settle_index) as events:
        assert [(await event(events)).payment_hash for _ in range(2)] == [
            second.payment_hash,
            third.payment_hash,
        ]
        fourth = paid(sim)
        assert (await event(events)).state is NodeState.OPEN
        assert (await event(events)).payment_hash == fourth.payment_hash


async def test_from_nothing_nothing_is_replayed(sim: SimNode, node: Node) -> None:
    paid(sim)
    async with subscribed(sim, node) as events:
        new = paid(sim)
        assert (await event(events)).payment_hash == new.payment_hash


async def test_it_ends_when_the_node_shuts_down(sim: SimNode, node: Node) -> None:
    async with subscribed(sim, node) as events:
        invoice = paid(sim)
        await sim.stop()
        rest = await rest_of(events)
    assert [(each.payment_hash, each.state) for each in rest] == [
        (invoice.payment_hash, NodeState.OPEN),
        (invoice.payment_hash, NodeState.SETTLED),
    ]


async def test_it_fails_when_the_node_is_killed(sim: SimNode, node: Node) -> None:
    async with subscribed(sim, node) as events:
        await sim.kill()
        assert type(await failure(rest_of(events))) is NodeUnreachable


async def test_it_ends_at_once_at_a_node_that_is_shutting_down(sim: SimNode, node: Node) -> None:
    await node.state()
    stopping = asyncio.create_task(sim.stop(draining_s=0.3))
    async with asyncio.timeout(LIMIT_S):
        try:
            assert [each async for each in node.subscribe(0)] == []
        finally:
            await stopping


async def test_a_locked_node_says_so(sim: SimNode, node: Node) -> None:
    sim.lock()
    assert type(await failure(rest_of(node.subscribe(0)))) is NodeLocked


async def test_a_new_macaroon_is_taken_at_the_next_try(sim: SimNode) -> None:
    sim.bake(PERMISSIONS, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await node.info()
        sim.revoke(1)
        sim.bake(PERMISSIONS, root_key_id=2, save_to="bot.macaroon")
        assert type(await failure(rest_of(node.subscribe(0)))) is MacaroonRefused
        async with subscribed(sim, node) as events:
            paid(sim)
            assert (await event(events)).state is NodeState.OPEN


async def test_a_stream_whose_channel_is_replaced_fails_and_is_not_cancelled(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_TIMEOUT_S", 0.1)
    sim.bake(PERMISSIONS, root_key_id=1, save_to="bot.macaroon")
    async with (
        connected(sim, macaroon=sim.folder / "bot.macaroon") as node,
        subscribed(sim, node) as events,
    ):
        sim.revoke(1)
        sim.bake(PERMISSIONS, root_key_id=2, save_to="bot.macaroon")
        await node.info()
        assert type(await failure(rest_of(events))) is NodeUnreachable


async def test_closing_the_client_ends_it_as_unreachable(sim: SimNode, node: Node) -> None:
    async with subscribed(sim, node) as events:
        await node.close()
        assert type(await failure(rest_of(events))) is NodeUnreachable


async def test_a_subscriber_that_stops_leaves_no_stream_behind(sim: SimNode, node: Node) -> None:
    heard = asyncio.Event()

    async def subscribe() -> None:
        async for _ in node.subscribe(0):
            heard.set()

    task = asyncio.create_task(subscribe())
    await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
    sim.add_invoice(1000)
    async with asyncio.timeout(LIMIT_S):
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while sim.ledger._subscriptions:
            await node.state()
