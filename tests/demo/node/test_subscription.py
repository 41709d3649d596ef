"""SubscribeInvoices: the backlog, the events, and how a stream ends."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio

from bot.demo.node import SimNode
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import (
    LIMIT_S,
    UNAVAILABLE,
    Client,
    Clock,
    all_of,
    is_broken,
    refusal,
    subscribe,
)


async def test_only_adding_and_settling_make_events(node: SimNode, client: Client) -> None:
    stream = await subscribe(node, client)
    first, second, third = (node.add_invoice(1000) for _ in range(3))
    await client.cancel(second.payment_hash)
    node.pay(third.payment_request, hold=True)
    node.pay(first.payment_request)
    node.settle(third.payment_hash)
    assert [await stream.event() for _ in range(5)] == [
        (1, "OPEN"),
        (2, "OPEN"),
        (3, "OPEN"),
        (1, "SETTLED"),
        (3, "SETTLED"),
    ]


async def test_an_expiry_makes_no_event(node: SimNode, client: Client, clock: Clock) -> None:
    stream = await subscribe(node, client)
    node.add_invoice(1000, expiry_s=60)
    clock.now += 61
    node.clock_changed()
    await node.until(lambda: [each.state_name for each in all_of(node)] == ["canceled"])
    node.add_invoice(1000)
    assert [await stream.event() for _ in range(2)] == [(1, "OPEN"), (2, "OPEN")]


async def test_a_backlog_starts_after_its_index_and_0_asks_for_none(
    node: SimNode, client: Client
) -> None:
    invoices = [node.add_invoice(1000) for _ in range(4)]
    for place in (2, 0, 1):
        node.pay(invoices[place].payment_request)
    assert [each.settle_index for each in invoices] == [2, 3, 1, 0]

    none = await subscribe(node, client)
    settled = await subscribe(node, client, settle_index=1)
    last = await subscribe(node, client, settle_index=3)
    added = await subscribe(node, client, add_index=2)
    node.add_invoice(1000)

    assert await none.event() == (5, "OPEN")
    assert [await settled.event() for _ in range(3)] == [
        (1, "SETTLED"),
        (2, "SETTLED"),
        (5, "OPEN"),
    ]
    assert await last.event() == (5, "OPEN")
    assert [await added.event() for _ in range(3)] == [(3, "SETTLED"), (4, "OPEN"), (5, "OPEN")]


async def test_the_add_backlog_leaves_canceled_and_held_invoices_out(
    node: SimNode, client: Client
) -> None:
    invoices = [node.add_invoice(1000) for _ in range(4)]
    node.cancel_invoice(invoices[1].payment_hash)
    node.pay(invoices[2].payment_request, hold=True)
    stream = await subscribe(node, client, add_index=1)
    assert await stream.event() == (4, "OPEN")


async def test_a_settle_index_beyond_the_nodes_own_silences_settlements_up_to_it(
    node: SimNode, client: Client
) -> None:
    stream = await subscribe(node, client, settle_index=2)
    for _ in range(3):
        node.pay(node.add_invoice(1000).payment_request)
    assert [await stream.event() for _ in range(4)] == [
        (1, "OPEN"),
        (2, "OPEN"),
        (3, "OPEN"),
        (3, "SETTLED"),
    ]


async def test_a_sql_node_may_replay_settlements_by_add_index(
    node: SimNode, client: Client
) -> None:
    invoices = [node.add_invoice(1000) for _ in range(3)]
    for place in (1, 2, 0):
        node.pay(invoices[place].payment_request)
    node.ledger.settle_backlog_by_add_index = True
    stream = await subscribe(node, client, settle_index=1)
    assert [await stream.event() for _ in range(2)] == [(1, "SETTLED"), (3, "SETTLED")]


async def test_an_event_can_come_twice_and_in_a_state_of_a_newer_node(
    node: SimNode, client: Client
) -> None:
    invoice = node.add_invoice(1000)
    stream = await subscribe(node, client)
    node.send_again(invoice.payment_hash)
    assert await stream.event() == (1, "OPEN")
    invoice.state = 9
    node.send_again(invoice.payment_hash)
    async with asyncio.timeout(LIMIT_S):
        event = await stream.call.read()
    assert isinstance(event, pb.Invoice)
    assert event.state == 9
    assert (await client.lookup(invoice.payment_hash)).state == 9


async def test_nothing_is_sent_before_the_first_event(node: SimNode, client: Client) -> None:
    stream = await subscribe(node, client)
    metadata = asyncio.ensure_future(stream.call.initial_metadata())
    await client.info()
    await client.info()
    assert not metadata.done()
    node.add_invoice(1000)
    await stream.event()
    async with asyncio.timeout(LIMIT_S):
        await metadata


async def test_a_graceful_stop_ends_streams_with_ok_and_a_new_one_in_that_time_at_once(
    node: SimNode, client: Client
) -> None:
    stream = await subscribe(node, client)
    node.add_invoice(1000)
    assert await stream.event() == (1, "OPEN")
    stopping = asyncio.create_task(node.stop(draining_s=0.6))
    assert await stream.end() == (grpc.StatusCode.OK, "")
    again = await subscribe(node, client)
    assert await again.end() == (grpc.StatusCode.OK, "")
    assert not stopping.done()
    await stopping
    code, text = await refusal(client.info())
    assert code == UNAVAILABLE
    assert text.startswith("failed to connect to all addresses; ")
    assert text.endswith("Connection refused")


async def test_a_kill_breaks_streams_and_calls(node: SimNode, client: Client) -> None:
    stream = await subscribe(node, client)
    stall = node.stall("GetInfo")
    call = asyncio.ensure_future(refusal(client.info()))
    await stall.reached()
    await node.kill()
    assert is_broken(await stream.end())
    assert is_broken(await call)


async def test_streams_can_be_ended_and_connections_broken_while_the_node_stays(
    node: SimNode, client: Client
) -> None:
    stream = await subscribe(node, client)
    node.end_streams()
    assert await stream.end() == (grpc.StatusCode.OK, "")
    stream = await subscribe(node, client)
    node.break_connections()
    assert is_broken(await stream.end())
    await client.back()
    assert (await client.info()).alias


async def test_a_muted_stream_stays_open_and_silent_and_a_new_one_is_not(
    node: SimNode, client: Client
) -> None:
    muted = await subscribe(node, client)
    node.mute_streams()
    node.add_invoice(1000)
    heard = await subscribe(node, client)
    node.add_invoice(1000)
    assert await heard.event() == (2, "OPEN")
    node.end_streams()
    assert await muted.end() == (grpc.StatusCode.OK, "")


async def test_a_stream_that_is_idle_is_cut(node: SimNode, client: Client) -> None:
    node.cut_idle_streams(0.3)
    stream = await subscribe(node, client)
    node.add_invoice(1000)
    assert await stream.event() == (1, "OPEN")
    assert await stream.end() == (UNAVAILABLE, "Received http2 header with status: 504")
    node.cut_idle_streams(None)
