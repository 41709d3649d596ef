"""What the node notes of each call: when, about which invoice, and how it went."""

from __future__ import annotations

import asyncio
import hashlib

import grpc.aio
import pytest

from bot.demo.node import NodeCall, SimNode
from tests.demo.node.client import NOW, Client, refusal, subscribe

PREIMAGE = hashlib.sha256(b"noted").digest()
HASH = hashlib.sha256(PREIMAGE).digest()


def last(node: SimNode, method: str) -> NodeCall:
    return next(call for call in reversed(node.log) if call.method == method)


async def test_a_call_that_is_answered_is_noted_with_its_invoice_and_times(
    node: SimNode, client: Client
) -> None:
    await client.add(r_preimage=PREIMAGE, value_msat=1000)
    call = last(node, "AddInvoice")
    assert (call.payment_hash, call.outcome, call.why) == (HASH, "answered", "")
    assert (call.at, call.ended_at) == (NOW, NOW)
    await client.lookup(HASH)
    assert last(node, "LookupInvoice").payment_hash == HASH
    await client.cancel(HASH)
    assert last(node, "CancelInvoice").payment_hash == HASH
    await client.info()
    assert last(node, "GetInfo").payment_hash == b""


async def test_a_call_that_is_refused_is_noted_with_the_text(node: SimNode, client: Client) -> None:
    await client.add(r_preimage=PREIMAGE, value_msat=1000)
    await refusal(client.add(r_preimage=PREIMAGE, value_msat=1000))
    call = last(node, "AddInvoice")
    assert (call.outcome, call.why) == ("refused", "invoice with payment hash already exists")
    node.lock()
    await refusal(client.info())
    assert "wallet locked" in last(node, "GetInfo").why


async def test_a_call_whose_answer_is_lost_is_noted_as_that(node: SimNode, client: Client) -> None:
    node.lose_answer("AddInvoice")
    with pytest.raises(grpc.aio.AioRpcError):
        await client.add(r_preimage=PREIMAGE, value_msat=1000)
    await node.until(lambda: last(node, "AddInvoice").outcome != "open")
    assert last(node, "AddInvoice").outcome == "lost"
    assert HASH in node.invoices


async def test_a_call_is_open_until_it_ends_and_whoever_watches_hears_of_its_end(
    node: SimNode, client: Client
) -> None:
    ends = []
    node.watch_calls(lambda: ends.append(last(node, "GetInfo").outcome))
    stall = node.stall("GetInfo", before=True)
    asking = asyncio.create_task(client.info())
    await stall.reached()
    assert last(node, "GetInfo").outcome == "open"
    assert last(node, "GetInfo").ended_at is None
    stall.release()
    await asking
    assert ends == ["answered"]


async def test_an_event_of_a_stream_is_noted_as_it_is_told(node: SimNode, client: Client) -> None:
    stream = await subscribe(node, client)
    invoice = node.add_invoice(1000)
    node.pay(invoice.payment_request)
    assert [(await stream.event())[1] for _ in range(2)] == ["OPEN", "SETTLED"]
    told = [call for call in node.log if call.method == "SubscribeInvoices" and call.payment_hash]
    assert {call.payment_hash for call in told} == {invoice.payment_hash}
    assert len(told) >= 1
