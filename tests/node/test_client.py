"""The node's client against a simulated node: real gRPC, real TLS, real macaroons."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from bot.core.answers import NodeInvoice, NodeState, WalletState
from bot.demo.node import SimNode
from bot.errors import (
    AlreadySettled,
    AmountTooLarge,
    ExpiryTooLong,
    InvoiceUnknown,
    MemoTooLong,
    NodePassing,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
)
from bot.fence import FRESH_S, Fence
from bot.node import channel, client
from bot.node.client import Node
from tests.node.simulated import (
    HASH,
    LIMIT_S,
    PERMISSIONS,
    Clock,
    add,
    answered,
    connected,
    event,
    failure,
    settings,
    subscribed,
)
from tests.ways import Way

# the connection


async def test_a_node_that_is_down_cannot_be_reached_and_is_reached_soon_after(
    sim: SimNode, node: Node
) -> None:
    await node.state()
    await sim.down()
    for _ in range(3):
        assert type(await failure(node.state())) is NodeUnreachable
    await sim.up()
    await answered(node.state)


async def test_a_restarted_node_is_found_again(sim: SimNode, node: Node) -> None:
    await add(node)
    await sim.kill()
    assert isinstance(await failure(node.lookup(HASH)), NodePassing)
    await sim.start()
    await answered(lambda: node.lookup(HASH))


def silent_port() -> socket.socket:
    """A port that takes connections and never answers."""
    port = socket.create_server(("127.0.0.1", 0))
    port.setblocking(False)
    return port


async def test_a_silent_port_ends_with_the_deadline(sim: SimNode) -> None:
    with silent_port() as port:
        host = f"127.0.0.1:{port.getsockname()[1]}"
        async with connected(sim, host=host) as node:
            for call in (node.state(timeout_s=0.2), node.lookup(HASH, timeout_s=0.2)):
                assert type(await failure(call)) is NodeTimeout


def test_the_channel_pings_as_lnd_permits_and_comes_back_soon() -> None:
    options = dict(channel.CHANNEL_OPTIONS)
    assert options["grpc.keepalive_time_ms"] == 25_000
    assert options["grpc.keepalive_timeout_ms"] == 10_000
    assert options["grpc.keepalive_permit_without_calls"] == 0
    assert options["grpc.initial_reconnect_backoff_ms"] == 500
    assert options["grpc.min_reconnect_backoff_ms"] == 5_000  # time for a slow line's handshake
    assert options["grpc.max_reconnect_backoff_ms"] == 1_000
    assert options["grpc.enable_retries"] == 0


# deadlines and the end


DEADLINES: list[tuple[str, Callable[[Node], Awaitable[object]]]] = [
    ("GetState", lambda node: node.state(timeout_s=0.1)),
    ("AddInvoice", lambda node: add(node, timeout_s=0.1)),
    ("LookupInvoice", lambda node: node.lookup(HASH, timeout_s=0.1)),
    ("GetInfo", lambda node: node.info()),
    ("CancelInvoice", lambda node: node.cancel(HASH)),
    ("ListChannels", lambda node: node.receivable_msat()),
]


@pytest.mark.parametrize(("method", "call"), DEADLINES, ids=[row[0] for row in DEADLINES])
async def test_a_call_that_is_never_answered_ends_with_its_deadline(
    sim: SimNode,
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    call: Callable[[Node], Awaitable[object]],
) -> None:
    monkeypatch.setattr(client, "CALL_TIMEOUT_S", 0.1)
    await node.state()
    sim.hang(method)
    assert type(await failure(call(node))) is NodeTimeout


async def test_an_add_whose_answer_is_lost_may_have_arrived_and_is_repeated(
    sim: SimNode, node: Node
) -> None:
    await node.state()
    sim.lose_answer("AddInvoice")
    assert isinstance(await failure(add(node)), NodePassing)
    assert HASH in sim.invoices
    await answered(lambda: add(node))
    assert len(sim.invoices) == 1


async def test_an_add_that_hangs_while_the_chain_is_not_synced_is_unknown(
    sim: SimNode, node: Node
) -> None:
    sim.synced_to_chain = False
    sim.set_state("RPC_ACTIVE")
    assert type(await failure(add(node, timeout_s=0.2))) is NodeTimeout
    assert (await node.lookup(HASH)).state is NodeState.OPEN
    assert not await add(node, timeout_s=5)  # the node says at once that it has it


async def test_a_call_under_way_when_the_connection_is_closed_is_unreachable(
    sim: SimNode, node: Node
) -> None:
    held = sim.stall("LookupInvoice")
    call = asyncio.create_task(node.lookup(HASH))
    await held.reached()
    await node.close()
    assert type(await failure(call)) is NodeUnreachable
    held.release()


async def test_a_cancelled_caller_stays_cancelled(sim: SimNode, node: Node) -> None:
    held = sim.stall("LookupInvoice")
    call = asyncio.create_task(node.lookup(HASH))
    await held.reached()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    held.release()


async def test_a_caller_is_cancelled_even_as_the_channel_is_exchanged(sim: SimNode) -> None:
    sim.bake(PERMISSIONS, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        held = sim.stall("LookupInvoice")
        call = asyncio.create_task(node.lookup(HASH))
        await held.reached()
        sim.revoke(1)
        sim.bake(PERMISSIONS, root_key_id=2, save_to="bot.macaroon")
        await node.info()  # on a channel of its own from now on
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        held.release()


# what the calls do


async def test_an_invoice_is_added_with_all_that_was_asked(sim: SimNode, node: Node) -> None:
    await add(node, amount_msat=2_100_500, memo="Pizza für \U0001f9c0\nund mehr", expiry_s=61)
    found = await node.lookup(HASH)
    there = sim.invoices[HASH]
    assert found == NodeInvoice(
        payment_hash=HASH,
        payment_request=there.payment_request,
        payment_addr=there.payment_addr,
        memo="Pizza für \U0001f9c0\nund mehr",
        amount_msat=2_100_500,
        paid_msat=0,
        created_at=there.created_at,
        expires_at=there.created_at + 61,
        settled_at=0,
        state=NodeState.OPEN,
        add_index=1,
        settle_index=0,
    )


async def test_nothing_msat_is_an_invoice_of_any_amount(sim: SimNode, node: Node) -> None:
    await add(node, amount_msat=0)
    sim.pay(sim.invoices[HASH].payment_request, amount_msat=777_000)
    found = await node.lookup(HASH)
    assert (found.amount_msat, found.paid_msat, found.state) == (0, 777_000, NodeState.SETTLED)


async def test_adding_the_same_preimage_again_makes_nothing_whatever_became_of_it(
    sim: SimNode, node: Node
) -> None:
    assert await add(node)
    assert not await add(node)
    sim.pay(sim.invoices[HASH].payment_request)
    assert not await add(node)
    other = hashlib.sha256(b"another").digest()
    assert await add(node, preimage=other)
    await node.cancel(hashlib.sha256(other).digest())
    assert not await add(node, preimage=other)
    assert len(sim.invoices) == 2


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"memo": "x" * 640}, MemoTooLong),
        ({"memo": "x" * 1025}, MemoTooLong),
        ({"amount_msat": 10_000_000_000_001_000}, AmountTooLarge),
        ({"expiry_s": 31_536_001}, ExpiryTooLong),
        ({"amount_msat": -1}, NodeRefused),
        ({"preimage": b"x" * 31}, NodeRefused),
    ],
)
async def test_what_the_node_never_takes_is_refused_for_good(
    sim: SimNode, node: Node, fields: dict[str, Any], kind: type[NodeRefused]
) -> None:
    assert type(await failure(add(node, **fields))) is kind
    assert not sim.invoices


async def test_a_settled_invoice_looks_up_with_its_payment(
    sim: SimNode, node: Node, clock: Clock
) -> None:
    sim.pay(sim.add_invoice(1000).payment_request)
    await add(node)
    sim.pay(sim.invoices[HASH].payment_request, amount_msat=2_200_000)
    found = await node.lookup(HASH)
    assert (found.state, found.settle_index, found.paid_msat) == (NodeState.SETTLED, 2, 2_200_000)
    assert found.settled_at == sim.invoices[HASH].settled_at > 0


async def test_an_accepted_and_a_canceled_invoice_look_up_as_that(sim: SimNode, node: Node) -> None:
    await add(node)
    sim.pay(sim.invoices[HASH].payment_request, hold=True)
    assert (await node.lookup(HASH)).state is NodeState.ACCEPTED
    await node.cancel(HASH)
    assert (await node.lookup(HASH)).state is NodeState.CANCELED


async def test_a_state_of_a_newer_node_is_unknown_and_no_error(sim: SimNode, node: Node) -> None:
    await add(node)
    sim.invoices[HASH].state = 7
    assert (await node.lookup(HASH)).state is NodeState.UNKNOWN
    async with subscribed(sim, node) as events:
        sim.send_again(HASH)
        assert (await event(events)).state is NodeState.UNKNOWN


async def test_a_canceled_invoice_cancels_again_but_not_one_that_is_paid_or_unknown(
    sim: SimNode, node: Node
) -> None:
    assert type(await failure(node.cancel(HASH))) is InvoiceUnknown
    await add(node)
    await node.cancel(HASH)
    await node.cancel(HASH)
    assert sim.invoices[HASH].state_name == "canceled"
    paid = sim.pay(sim.add_invoice(1000).payment_request)
    assert type(await failure(node.cancel(paid.payment_hash))) is AlreadySettled
    sim.delete_invoice(HASH)
    assert type(await failure(node.cancel(HASH))) is InvoiceUnknown


async def test_an_invoice_that_nobody_added_is_unknown(sim: SimNode, node: Node) -> None:
    assert type(await failure(node.lookup(HASH))) is InvoiceUnknown
    sim.add_invoice(1000)
    assert type(await failure(node.lookup(HASH))) is InvoiceUnknown


async def test_each_state_of_the_wallet_has_its_name(sim: SimNode, node: Node) -> None:
    for state in (WalletState.RPC_ACTIVE, WalletState.SERVER_ACTIVE):
        sim.set_state(state.value)
        assert await node.state() is state


async def test_the_node_says_who_it_is(sim: SimNode, node: Node) -> None:
    info = await node.info()
    assert info.identity_pubkey == sim.identity_pubkey
    assert (info.network, info.synced_to_chain) == ("simnet", True)
    assert info.version.startswith("0.")
    sim.synced_to_chain = False
    assert not (await node.info()).synced_to_chain


async def test_receivable_counts_active_channels_without_their_reserves(
    sim: SimNode, node: Node
) -> None:
    expected = sum(channel.receivable_msat for channel in sim.ledger.channels)
    assert await node.receivable_msat() == expected > 0
    sim.ledger.channels[0].active = False
    assert await node.receivable_msat() == expected // 2
    sim.ledger.channels.clear()
    assert await node.receivable_msat() == 0


@pytest.fixture
async def way(sim: SimNode) -> AsyncIterator[Way]:
    """To the node; what comes there waits until it flows."""
    async with Way(int(sim.address.rpartition(":")[2])) as way:
        yield way


def through(sim: SimNode, way: Way, fence: Fence) -> Node:
    changed = {"host": f"127.0.0.1:{way.port}"}
    return Node(settings(sim).model_copy(update=changed), fence)


CALLS: list[Callable[[Node], Awaitable[object]]] = [
    add,
    lambda node: node.cancel(HASH),
    lambda node: anext(node.subscribe(0)),
]


@pytest.mark.parametrize("call", CALLS, ids=["add", "cancel", "subscribe"])
async def test_nothing_is_asked_where_another_process_acts_once_there_is_a_connection(
    sim: SimNode, way: Way, call: Callable[[Node], Awaitable[object]]
) -> None:
    fence = Fence(lambda: 0.0)
    fence.begin(0.0, after_s=0.0)
    way.stall()
    node = through(sim, way, fence)
    try:
        asking = asyncio.ensure_future(call(node))  # type: ignore[arg-type]
        async with asyncio.timeout(LIMIT_S):
            while not way.ports:  # noqa: ASYNC110 -- its connection comes up, and nothing answers
                await asyncio.sleep(0.01)
        fence.close()
        way.flow()
        with pytest.raises(NodeUnreachable, match="another process"):
            async with asyncio.timeout(LIMIT_S):
                await asking
        assert not sim.calls
    finally:
        await node.close()


async def test_a_call_whose_fence_opens_again_is_made_once_there_is_a_connection(
    sim: SimNode, way: Way
) -> None:
    now = 0.0
    fence = Fence(lambda: now)
    fence.begin(now, after_s=0.0)
    way.stall()
    node = through(sim, way, fence)
    try:
        asking = asyncio.ensure_future(add(node))
        async with asyncio.timeout(LIMIT_S):
            while not way.ports:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        now += FRESH_S
        way.flow()
        async with asyncio.timeout(LIMIT_S):
            while not has_answered(node):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not sim.calls
        fence.seen(now)
        now += FRESH_S / 2
        fence.seen(now)
        now += FRESH_S / 2
        assert await asking
        assert dict(sim.calls) == {"AddInvoice": 1}
    finally:
        await node.close()


def has_answered(node: Node) -> bool:
    """Whether it has a connection."""
    assert node._channel is not None
    return node._channel.get_state() is grpc.ChannelConnectivity.READY


async def test_a_wait_for_a_connection_ends_with_its_deadline_and_with_the_client(
    sim: SimNode, way: Way
) -> None:
    fence = Fence(lambda: 0.0)
    fence.begin(0.0, after_s=0.0)
    way.stall()
    node = through(sim, way, fence)
    assert type(await failure(node.state(timeout_s=0.2))) is NodeTimeout
    asking = asyncio.ensure_future(node.state())
    await asyncio.sleep(0)
    await node.close()
    with pytest.raises(NodeUnreachable):
        async with asyncio.timeout(LIMIT_S):
            await asking


async def test_a_node_is_asked_nothing_where_another_process_acts(sim: SimNode) -> None:
    fence = Fence(lambda: 0.0)
    node = Node(settings(sim), fence)
    try:
        waits = asyncio.ensure_future(node.state())
        await asyncio.sleep(0)
        assert not waits.done()
        fence.close()
        with pytest.raises(NodeUnreachable):
            await waits
        with pytest.raises(NodeUnreachable):
            await anext(node.subscribe(0))
        assert not sim.calls
        fence.begin(0.0, after_s=0.0)
        await node.state()
    finally:
        await node.close()
