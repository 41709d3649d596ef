"""The calls that look up, cancel and describe, and those that the node does not have."""

from __future__ import annotations

import re

import grpc
import grpc.aio
import pytest

from bot.demo.node import PaymentFailed, SimNode
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import LIMIT_S, NOT_FOUND, UNKNOWN, Client, refusal


async def test_what_lookupinvoice_does_not_find(node: SimNode, client: Client) -> None:
    nothing = (NOT_FOUND, "there are no existing invoices")
    assert await refusal(client.lookup(b"x" * 32)) == nothing
    node.add_invoice(1000)
    unknown = (NOT_FOUND, "unable to locate invoice")
    assert await refusal(client.lookup(b"x" * 32)) == unknown
    assert await refusal(client.lookup(b"")) == unknown
    wrong = "payment hash must be exactly 32 bytes, is instead 31"
    assert await refusal(client.lookup(b"x" * 31)) == (UNKNOWN, wrong)


async def test_an_invoice_is_found_by_the_old_hex_field_too(node: SimNode, client: Client) -> None:
    invoice = node.add_invoice(1000, memo="old")
    request = pb.PaymentHash(r_hash_str=invoice.payment_hash.hex())
    assert (await client.call(client.lightning.LookupInvoice, request)).memo == "old"
    bad = pb.PaymentHash(r_hash_str="zz")
    text = "encoding/hex: invalid byte: U+007A 'z'"
    assert await refusal(client.call(client.lightning.LookupInvoice, bad)) == (UNKNOWN, text)


async def test_cancelinvoice(node: SimNode, client: Client) -> None:
    unknown = (UNKNOWN, "unable to locate invoice")
    assert await refusal(client.cancel(b"x" * 32)) == unknown
    invoice, paid = node.add_invoice(1000), node.add_invoice(1000)
    node.pay(paid.payment_request)
    for _ in range(2):
        await client.cancel(invoice.payment_hash)
        assert (await client.lookup(invoice.payment_hash)).state == pb.Invoice.CANCELED
    assert await refusal(client.cancel(paid.payment_hash)) == (UNKNOWN, "invoice already settled")
    assert await refusal(client.cancel(b"x" * 32)) == unknown
    for length in (0, 31):
        text = f"invalid hash length of {length}, want 32"
        assert await refusal(client.cancel(b"x" * length)) == (UNKNOWN, text)


async def test_getinfo(node: SimNode, client: Client) -> None:
    info = await client.info()
    assert re.fullmatch("0[23][0-9a-f]{64}", info.identity_pubkey)
    assert info.synced_to_chain
    assert info.num_active_channels == info.num_peers == 2
    assert [(each.chain, each.network) for each in info.chains] == [("bitcoin", "simnet")]
    node.synced_to_chain = False
    assert not (await client.info()).synced_to_chain


async def test_listchannels_tells_what_can_be_received_and_payments_move_it(
    node: SimNode, client: Client
) -> None:
    def receivable_sat(channels: list[pb.Channel]) -> int:
        return sum(
            each.remote_balance - each.remote_constraints.chan_reserve_sat for each in channels
        )

    before = await client.list_channels()
    assert receivable_sat(before) > 10**9
    node.pay(node.add_invoice(50_000_000).payment_request)
    assert receivable_sat(await client.list_channels()) == receivable_sat(before) - 50_000
    node.ledger.channels[0].active = False
    request = pb.ListChannelsRequest(active_only=True)
    active = await client.call(client.lightning.ListChannels, request)
    assert len(active.channels) == len(before) - 1
    huge = node.add_invoice(receivable_sat(before) * 1000)
    with pytest.raises(PaymentFailed, match="NO_ROUTE"):
        node.pay(huge.payment_request)


async def test_calls_that_the_node_does_not_have(client: Client) -> None:
    for name, text in (
        ("/lnrpc.Lightning/Pizza", "unknown method Pizza for service lnrpc.Lightning"),
        ("/pizza.Pizza/Bake", "unknown service pizza.Pizza"),
    ):
        call = client.channel.unary_unary(name)(b"", timeout=LIMIT_S)
        assert await refusal(call) == (grpc.StatusCode.UNIMPLEMENTED, text)
