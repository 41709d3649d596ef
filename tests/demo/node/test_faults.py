"""Faults on demand: a call fails, is lost, hangs, is slow or stalls."""

from __future__ import annotations

import asyncio
import gzip
import hashlib

import grpc
import grpc.aio
import pytest

from bot.demo.node import SimNode
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import (
    NOT_FOUND,
    UNAVAILABLE,
    UNKNOWN,
    Client,
    all_of,
    connected,
    is_broken,
    refusal,
    subscribe,
)


async def test_a_call_can_be_made_to_fail_so_many_times(node: SimNode, client: Client) -> None:
    node.fail("AddInvoice", code=UNAVAILABLE, text="down", times=2)
    for _ in range(2):
        assert await refusal(client.add(value=1)) == (UNAVAILABLE, "down")
    assert not node.invoices
    await client.add(value=1)
    with pytest.raises(ValueError, match="no method 'Pizza'"):
        node.fail("Pizza")


async def test_a_lost_answer_breaks_the_connection_after_the_call_has_acted(
    node: SimNode, client: Client
) -> None:
    node.lose_answer("AddInvoice")
    async with connected(node, client.metadata[0][1]) as bystander:
        stream = await subscribe(node, bystander)
        assert is_broken(await refusal(client.add(value=1, r_preimage=b"p" * 32)))
        assert await stream.event() == (1, "OPEN")
        node.add_invoice()
        assert await stream.event() == (2, "OPEN")
    await client.back()
    assert (await client.lookup(hashlib.sha256(b"p" * 32).digest())).value == 1


async def test_a_call_can_hang_after_it_has_acted(node: SimNode, client: Client) -> None:
    node.hang("AddInvoice")
    code, _ = await refusal(client.add(value=1, timeout_s=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert [each.value_msat for each in all_of(node)] == [1000]


async def test_a_stop_does_not_wait_for_calls_that_hang(node: SimNode, client: Client) -> None:
    node.hang("AddInvoice")
    call = asyncio.ensure_future(refusal(client.add(value=1)))
    await node.until(lambda: node.calls["AddInvoice"] == 1)
    async with asyncio.timeout(3):
        await node.stop()
    assert (await call)[0] == UNAVAILABLE


async def test_a_lost_add_can_appear_late(node: SimNode, client: Client) -> None:
    node.add_invoice()
    node.appear_late(0.4)
    node.lose_answer("AddInvoice")
    payment_hash = hashlib.sha256(b"p" * 32).digest()
    code, _ = await refusal(client.add(value=1, r_preimage=b"p" * 32))
    assert code == UNAVAILABLE
    await client.back()
    assert await refusal(client.lookup(payment_hash)) == (NOT_FOUND, "unable to locate invoice")
    await node.until(lambda: payment_hash in node.invoices)
    assert (await client.lookup(payment_hash)).value == 1


async def test_what_would_appear_late_is_lost_in_a_kill(node: SimNode, client: Client) -> None:
    node.appear_late(0.05)
    node.lose_answer("AddInvoice", times=2)
    await refusal(client.add(value=1))
    await node.kill()
    await node.start()
    await client.back()
    await refusal(client.add(value=2))
    await node.until(lambda: len(node.invoices) > 0)
    assert [each.value_msat for each in all_of(node)] == [2000]


async def test_a_slow_call_acts_though_its_caller_has_gone(node: SimNode, client: Client) -> None:
    node.slow("AddInvoice", 0.2)
    call = asyncio.ensure_future(client.add(value=1))
    await node.until(lambda: node.calls["AddInvoice"] == 1)
    call.cancel()
    assert not node.invoices
    await node.until(lambda: len(node.invoices) == 1)
    node.slow("AddInvoice", 0.01)
    assert (await client.add(value=1)).add_index == 2
    assert (await refusal(client.add(value=-1)))[1] == "amount cannot be negative"
    node.clear_faults()
    assert (await client.add(value=1, timeout_s=5)).add_index == 3


@pytest.mark.parametrize("before", [True, False])
async def test_a_call_can_be_stalled_and_released(
    node: SimNode, client: Client, before: bool
) -> None:
    stall = node.stall("AddInvoice", before=before)
    call = asyncio.ensure_future(client.add(value=1))
    await stall.reached()
    assert len(node.invoices) == (0 if before else 1)
    assert (await client.add(value=2)).add_index == (1 if before else 2)
    stall.release()
    assert (await call).add_index == (2 if before else 1)


@pytest.mark.parametrize("before", [True, False])
async def test_a_stalled_call_can_be_dropped(node: SimNode, client: Client, before: bool) -> None:
    stall = node.stall("AddInvoice", before=before)
    call = asyncio.ensure_future(refusal(client.add(value=1)))
    await stall.reached()
    stall.drop()
    assert is_broken(await call)
    assert len(node.invoices) == (0 if before else 1)


async def test_a_stalled_refusal_is_a_refusal_when_it_is_released(
    node: SimNode, client: Client
) -> None:
    stall = node.stall("CancelInvoice")
    call = asyncio.ensure_future(refusal(client.cancel(b"x" * 32)))
    await stall.reached()
    stall.release()
    assert await call == (UNKNOWN, "unable to locate invoice")


async def test_a_stall_can_be_withdrawn_until_a_call_has_met_it(
    node: SimNode, client: Client
) -> None:
    assert node.withdraw("GetInfo", node.stall("GetInfo"))
    await client.info()
    stall = node.stall("GetInfo")
    call = asyncio.ensure_future(client.info())
    await stall.reached()
    assert not node.withdraw("GetInfo", stall)
    stall.release()
    await call


async def test_waiting_for_what_does_not_come_ends(node: SimNode) -> None:
    with pytest.raises(TimeoutError):
        await node.stall("GetInfo").reached(0.01)
    with pytest.raises(TimeoutError):
        await node.until(lambda: node.calls["GetInfo"] > 0, timeout_s=0.01)


async def test_an_answer_can_be_changed_on_its_way(node: SimNode, client: Client) -> None:
    node.garble("LookupInvoice", lambda found: pb.Invoice(value_msat=found.value_msat + 1))
    added = await client.add(value_msat=1000)
    assert await client.lookup(added.r_hash) == pb.Invoice(value_msat=1001)
    assert (await client.lookup(added.r_hash)).memo == ""
    assert (await client.lookup(added.r_hash)).value_msat == 1000


async def test_an_answer_can_be_any_bytes(node: SimNode, client: Client) -> None:
    lookup = client.channel.unary_unary(
        "/lnrpc.Lightning/LookupInvoice",
        request_serializer=pb.PaymentHash.SerializeToString,
    )
    added = await client.add(value=1)
    node.garble("LookupInvoice", lambda _: b"\xff" * 9)
    assert await client.call(lookup, pb.PaymentHash(r_hash=added.r_hash)) == b"\xff" * 9


async def test_events_can_be_changed_on_their_way(node: SimNode, client: Client) -> None:
    stream = await subscribe(node, client)
    node.garble("SubscribeInvoices", lambda _: pb.Invoice(add_index=77), times=2)
    for _ in range(3):
        node.add_invoice()
    events = [await stream.event() for _ in range(3)]
    assert events == [(77, "OPEN"), (77, "OPEN"), (3, "OPEN")]


async def test_a_call_can_hang_after_the_headers_of_its_answer(
    node: SimNode, client: Client
) -> None:
    node.hang("AddInvoice", headers=True)
    call = client.lightning.AddInvoice(pb.Invoice(value=1), metadata=client.metadata, timeout=0.5)
    assert await call.initial_metadata() is not None
    assert (await refusal(call))[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    assert [each.value_msat for each in all_of(node)] == [1000]


async def test_odd_answers_end_and_other_faults_stay(node: SimNode, client: Client) -> None:
    stream = await subscribe(node, client)
    for method in ("AddInvoice", "SubscribeInvoices"):
        node.garble(method, lambda _: b"", times=9)
    node.hang("AddInvoice", headers=True, times=9)
    node.fail("AddInvoice", text="database is locked")
    node.end_odd()
    assert (await refusal(client.add(value=1)))[1] == "database is locked"
    assert (await client.add(value=1)).add_index == 1
    assert await stream.event() == (1, "OPEN")


async def test_an_answer_can_be_packed(node: SimNode, client: Client) -> None:
    added = await client.add(value=1, memo="x" * 600)
    request = pb.PaymentHash(r_hash=added.r_hash)
    node.pack("LookupInvoice", times=2)
    assert (await client.call(client.lightning.LookupInvoice, request)).memo == "x" * 600
    certificate = grpc.ssl_channel_credentials((node.folder / "tls.cert").read_bytes())
    as_it_is = [("grpc.per_message_decompression", 0)]
    async with grpc.aio.secure_channel(node.address, certificate, as_it_is) as channel:
        lookup = channel.unary_unary(
            "/lnrpc.Lightning/LookupInvoice",
            request_serializer=pb.PaymentHash.SerializeToString,
        )
        packed = await client.call(lookup, request)
        assert pb.Invoice.FromString(gzip.decompress(packed)).memo == "x" * 600
        node.clear_faults()
        assert pb.Invoice.FromString(await client.call(lookup, request)).memo == "x" * 600
