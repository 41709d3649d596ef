"""AddInvoice takes and refuses what LND takes and refuses."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from bot.demo.node import PaymentFailed, SimNode, bolt
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import NOW, UNKNOWN, Client, Clock, connected, refusal

MEMO_640 = "ж" * 320

REFUSED = [
    (
        {"value": 1, "value_msat": 1000},
        "sat and msat arguments are mutually exclusive",
    ),
    ({"value": -1}, "amount cannot be negative"),
    ({"value_msat": -1}, "amount cannot be negative"),
    (
        {"value": 10_000_000_000_001},
        "invoice amount 100000.00000001 BTC is too large, max is 100000 BTC",
    ),
    ({"memo": "ж" * 513}, "memo too large: 1026 bytes (maxsize=1024)"),
    ({"memo": "x" * 1025}, "memo too large: 1025 bytes (maxsize=1024)"),
    ({"memo": "x" * 640}, "data length too big to fit within 10 bits: 1024"),
    ({"memo": "x" * 641}, "data length too big to fit within 10 bits: 1026"),
    ({"memo": "x" * 1024}, "data length too big to fit within 10 bits: 1639"),
    ({"memo": MEMO_640}, "data length too big to fit within 10 bits: 1024"),
    (
        {"expiry": 31_536_001},
        "expiry of 3.1536001e+07 seconds greater than max expiry of 3.1536e+07 seconds",
    ),
    ({"r_preimage": b"x" * 31}, "invalid preimage length of 31, want 32"),
    ({"r_preimage": b"x" * 33}, "invalid preimage length of 33, want 32"),
    ({"description_hash": b"x" * 31}, "description hash is 31 bytes, must be 32"),
    ({"cltv_expiry": 18}, "CLTV delta of 18 must be greater than minimum of 24"),
    ({"cltv_expiry": 65536}, "CLTV delta of 65536 is too large, max accepted is: 65535"),
]


@pytest.mark.parametrize(("fields", "text"), REFUSED, ids=[text[:40] for _, text in REFUSED])
async def test_what_addinvoice_refuses(
    node: SimNode, client: Client, fields: dict[str, Any], text: str
) -> None:
    assert await refusal(client.add(**fields)) == (UNKNOWN, text)
    assert not node.invoices


@pytest.mark.parametrize(
    ("fields", "value", "value_msat"),
    [
        ({}, 0, 0),
        ({"value": 2100}, 2100, 2_100_000),
        ({"value_msat": 999}, 0, 999),
        ({"value_msat": 1500}, 1, 1500),
        ({"value": 10_000_000_000_000}, 10_000_000_000_000, 10**16),
    ],
)
async def test_an_added_invoice_looks_up_with_its_amount_rounded_down_to_sats(
    client: Client, fields: dict[str, Any], value: int, value_msat: int
) -> None:
    added = await client.add(**fields)
    invoice = await client.lookup(added.r_hash)
    assert (invoice.value, invoice.value_msat) == (value, value_msat)
    assert bolt.decode(added.payment_request).amount_msat == (value_msat or None)


@pytest.mark.parametrize(("asked", "got"), [(0, 86400), (-5, 86400), (1, 1), (31_536_000,) * 2])
async def test_expiry_is_a_day_unless_asked_otherwise(client: Client, asked: int, got: int) -> None:
    added = await client.add(expiry=asked)
    assert (await client.lookup(added.r_hash)).expiry == got
    assert bolt.decode(added.payment_request).expires_at == NOW + got


async def test_all_fields_of_an_added_invoice(node: SimNode, client: Client) -> None:
    preimage = bytes(range(32))
    added = await client.add(value=21, memo="pizza ✓", r_preimage=preimage, expiry=60)
    payment_hash = hashlib.sha256(preimage).digest()
    assert (added.r_hash, added.add_index, len(added.payment_addr)) == (payment_hash, 1, 32)
    assert await client.lookup(payment_hash) == pb.Invoice(
        memo="pizza ✓",
        r_preimage=preimage,
        r_hash=payment_hash,
        value=21,
        value_msat=21_000,
        creation_date=NOW,
        payment_request=added.payment_request,
        expiry=60,
        cltv_expiry=80,
        add_index=1,
        payment_addr=added.payment_addr,
    )
    second = await client.add()
    assert second.add_index == 2
    drawn = await client.lookup(second.r_hash)
    assert hashlib.sha256(drawn.r_preimage).digest() == second.r_hash != payment_hash


@pytest.mark.parametrize("state", ["open", "settled", "canceled"])
async def test_a_payment_hash_is_taken_once_whatever_its_state_or_the_amount(
    node: SimNode, client: Client, state: str
) -> None:
    preimage = b"p" * 32
    first = await client.add(value=5, r_preimage=preimage)
    if state == "settled":
        node.pay(first.payment_request)
    if state == "canceled":
        await client.cancel(first.r_hash)
    assert node.invoices[first.r_hash].state_name == state
    answer = (UNKNOWN, "invoice with payment hash already exists")
    assert await refusal(client.add(value=5, r_preimage=preimage)) == answer
    assert await refusal(client.add(value=7, memo="other", r_preimage=preimage)) == answer


async def test_a_description_hash_takes_the_place_of_the_memo_in_the_request(
    client: Client,
) -> None:
    added = await client.add(memo="x" * 1024, description_hash=b"h" * 32)
    request = bolt.decode(added.payment_request)
    assert (request.memo, request.description_hash) == ("", b"h" * 32)
    assert (await client.lookup(added.r_hash)).memo == "x" * 1024


@pytest.mark.parametrize(("channels", "hints"), [(0, 0), (3, 3), (25, 20)])
async def test_private_channels_become_at_most_twenty_hop_hints_when_asked(
    node: SimNode, client: Client, channels: int, hints: int
) -> None:
    node.set_private_channels(channels)
    plain = bolt.decode((await client.add()).payment_request)
    private = await client.add(private=True)
    assert plain.hints == ()
    found = bolt.decode(private.payment_request).hints
    assert len(found) == hints
    listed = {each.chan_id for each in await client.list_channels() if each.private}
    assert len(listed) == channels
    assert {hop.channel_id for (hop,) in found} <= listed
    assert (await client.lookup(private.r_hash)).private == (hints > 0)


@pytest.mark.parametrize(("sats", "hints"), [(1, 1), (30, 1), (31, 2), (50, 2), (51, 3), (999, 3)])
async def test_for_an_amount_the_largest_private_channels_are_hinted_until_they_hold_it_twice(
    node: SimNode, client: Client, sats: int, hints: int
) -> None:
    node.ledger.channels = []
    node.set_private_channels(4)
    for channel, remote_sats in zip(node.ledger.channels, (20, 60, 40, 99), strict=True):
        channel.remote_msat = remote_sats * 1000
    node.ledger.channels[3].active = False
    ids = [node.ledger.channels[at].channel_id for at in (1, 2, 0)]
    request = (await client.add(value=sats, private=True)).payment_request
    assert [hop.channel_id for (hop,) in bolt.decode(request).hints] == ids[:hints]


async def test_over_private_channels_a_stranger_pays_only_what_has_their_hints(
    node: SimNode, client: Client
) -> None:
    node.ledger.channels = []
    node.set_private_channels(2)
    plain = await client.add(value=1)
    private = await client.add(value=1, private=True)
    with pytest.raises(PaymentFailed, match=r"^FAILURE_REASON_NO_ROUTE$"):
        node.pay(plain.payment_request)
    assert node.pay(private.payment_request).paid_msat == 1000


async def test_a_node_without_channels_makes_invoices_that_nobody_can_pay(
    tmp_path: Path, clock: Clock
) -> None:
    async with SimNode(tmp_path, clock=clock, channels=[]) as node:
        async with connected(node, (tmp_path / "admin.macaroon").read_bytes()) as client:
            added = await client.add(value=1)
            assert await client.list_channels() == []
        with pytest.raises(PaymentFailed, match=r"^FAILURE_REASON_NO_ROUTE$"):
            node.pay(added.payment_request)
