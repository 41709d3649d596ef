"""Invoices are deleted, the node is restored from its seed, another node takes its place."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

from bot.demo.node import SimNode
from tests.demo.node.client import NOT_FOUND, Client, connected, refusal, subscribe


async def test_a_deleted_invoice_is_unknown(node: SimNode, client: Client) -> None:
    invoices = [node.add_invoice(1000) for _ in range(3)]
    for each in invoices:
        node.pay(each.payment_request)
    node.delete_invoice(invoices[1].payment_hash)
    answer = (NOT_FOUND, "unable to locate invoice")
    assert await refusal(client.lookup(invoices[1].payment_hash)) == answer
    stream = await subscribe(node, client, add_index=1, settle_index=1)
    assert [await stream.event() for _ in range(2)] == [(3, "SETTLED"), (3, "SETTLED")]


async def test_a_restored_node_is_the_same_and_counts_from_one_again(
    node: SimNode, client: Client
) -> None:
    identity = node.identity_pubkey
    lost, kept = (node.add_invoice(1000) for _ in range(2))
    for each in (lost, kept):
        node.pay(each.payment_request)
    stream = await subscribe(node, client)
    node.restore_from_seed(keep=[kept.payment_hash])
    assert await stream.end() == (grpc.StatusCode.OK, "")
    assert node.identity_pubkey == identity
    assert list(node.invoices) == [kept.payment_hash]
    assert (await client.lookup(kept.payment_hash)).settle_index == 1
    assert node.pay(node.add_invoice(1000).payment_request).settle_index == 2
    node.restore_from_seed()
    answer = (NOT_FOUND, "there are no existing invoices")
    assert await refusal(client.lookup(kept.payment_hash)) == answer
    assert node.pay(node.add_invoice(1000).payment_request).settle_index == 1


async def test_another_node_at_the_same_address(node: SimNode, client: Client) -> None:
    identity, address = node.identity_pubkey, node.address
    node.add_invoice(1000)
    with pytest.raises(RuntimeError, match="stop the node first"):
        node.become_other_node()
    await node.stop()
    node.become_other_node()
    await node.start()
    assert node.address == address
    assert not node.invoices
    assert node.identity_pubkey != identity
    async with connected(node, (node.folder / "admin.macaroon").read_bytes()) as anew:
        assert (await anew.info()).identity_pubkey == node.identity_pubkey
    async with connected(node, client.metadata[0][1]) as old:
        assert (await refusal(old.info()))[1].startswith("verification failed")


async def test_settle_indexes_that_begin_again_leave_those_of_before_as_they_were(
    node: SimNode, client: Client
) -> None:
    before = [node.pay(node.add_invoice(1000).payment_request) for _ in range(3)]
    stream = await subscribe(node, client)
    node.begin_settle_indexes_again()
    assert await stream.end() == (grpc.StatusCode.OK, "")
    silent = await subscribe(node, client, settle_index=3)
    replayed = await subscribe(node, client, settle_index=1)
    assert node.pay(node.add_invoice(1000).payment_request).settle_index == 1
    after = node.pay(node.add_invoice(1000).payment_request)
    assert after.settle_index == 2
    assert [(await client.lookup(each.payment_hash)).settle_index for each in before] == [1, 2, 3]
    assert [await silent.event() for _ in range(2)] == [(4, "OPEN"), (5, "OPEN")]
    told = [await replayed.event() for _ in range(5)]
    assert told == [
        (2, "SETTLED"),
        (3, "SETTLED"),
        (4, "OPEN"),
        (5, "OPEN"),
        (5, "SETTLED"),
    ]


async def test_a_node_that_another_one_stood_in_for_is_the_same_as_before(
    node: SimNode, client: Client
) -> None:
    identity, alias = node.identity_pubkey, node.alias
    paid = node.add_invoice(1000)
    node.pay(paid.payment_request)
    certificate = (node.folder / "tls.cert").read_bytes()
    await node.stop()
    was = node.become_other_node("somebody else's")
    await node.start()
    assert (node.alias, len(node.invoices)) == ("somebody else's", 0)
    with pytest.raises(RuntimeError, match="stop the node first"):
        node.become_again(was)
    await node.stop()
    node.become_again(was)
    await node.start()

    assert (node.identity_pubkey, node.alias) == (identity, alias)
    assert (node.folder / "tls.cert").read_bytes() == certificate
    await client.back()
    # with the macaroon of then
    assert (await client.lookup(paid.payment_hash)).settle_index == 1
    assert node.pay(node.add_invoice(1000).payment_request).settle_index == 2
