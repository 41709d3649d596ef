"""The node stops, dies, is out of reach, and comes back with its invoices."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.node import PaymentFailed, SimNode
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import UNAVAILABLE, Client, Clock, is_broken, refusal, subscribe


async def test_invoices_and_indexes_outlive_stop_and_kill_at_the_same_port(
    node: SimNode, client: Client
) -> None:
    address = node.address
    first = await client.add(value=1)
    node.pay(first.payment_request)
    for end in (node.stop, node.kill):
        await end()
        await node.start()
        await client.back()
    assert node.address == address
    assert (await client.lookup(first.r_hash)).settle_index == 1
    second = await client.add(value=1)
    assert (second.add_index, node.pay(second.payment_request).settle_index) == (2, 2)


async def test_a_port_in_use_is_an_error(node: SimNode, tmp_path: Path) -> None:
    port = int(node.address.rpartition(":")[2])
    with pytest.raises(OSError, match=f"{node.address} is in use"):
        await SimNode(tmp_path / "other", port=port).start()


async def test_out_of_reach_the_node_goes_on(node: SimNode, client: Client, clock: Clock) -> None:
    paid, expired = await client.add(value=1), await client.add(value=1, expiry=5)
    stream = await subscribe(node, client)
    await node.down()
    assert is_broken(await stream.end())
    assert (await refusal(client.info()))[0] == UNAVAILABLE
    node.pay(paid.payment_request)
    clock.now += 6
    await node.until(lambda: node.invoices[expired.r_hash].state_name == "canceled")
    await node.up()
    await client.back()
    assert (await client.lookup(paid.r_hash)).state == pb.Invoice.SETTLED


async def test_a_stopped_or_locked_node_is_not_paid(node: SimNode) -> None:
    invoice = node.add_invoice(1000)
    node.lock()
    with pytest.raises(PaymentFailed, match="NO_ROUTE"):
        node.pay(invoice.payment_request)
    await node.unlock()
    await node.stop()
    with pytest.raises(PaymentFailed, match="NO_ROUTE"):
        node.pay(invoice.payment_request)
    await node.start()
    assert node.pay(invoice.payment_request).state_name == "settled"
