"""The simulated node answers what lnd answers: each code and text, over TLS, to a real client."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Iterable
from pathlib import Path
from typing import Any

import bolt11
import grpc
import grpc.aio
import pytest
from coincurve import PrivateKey
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.demo.node import (
    PaymentFailed,
    SimInvoice,
    SimNode,
    bolt,
    certificate,
    macaroons,
    open_channels,
)
from bot.demo.node import __main__ as alone
from bot.lnrpc import invoices_pb2, macaroon_pb2, state_pb2
from bot.lnrpc import lightning_pb2 as pb
from bot.lnrpc.invoices_pb2_grpc import InvoicesStub
from bot.lnrpc.lightning_pb2_grpc import LightningStub
from bot.lnrpc.state_pb2_grpc import StateStub

UNKNOWN = grpc.StatusCode.UNKNOWN
NOT_FOUND = grpc.StatusCode.NOT_FOUND
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOW = 1_790_000_000
LIMIT_S = 10
SPEAK_QUICKLY_AGAIN = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


class Client:
    """What a program with the node's certificate and one of its macaroons can do."""

    def __init__(self, node: SimNode, presented: Iterable[str], *, target: str = "") -> None:
        self.metadata = tuple(("macaroon", each) for each in presented)
        self.channel = grpc.aio.secure_channel(
            target or node.address,
            grpc.ssl_channel_credentials((node.folder / "tls.cert").read_bytes()),
            SPEAK_QUICKLY_AGAIN,
        )
        self.lightning = LightningStub(self.channel)
        self.invoices = InvoicesStub(self.channel)
        self.state_service = StateStub(self.channel)

    async def call(self, method: Any, request: Any, timeout_s: float = LIMIT_S) -> Any:
        return await method(request, metadata=self.metadata, timeout=timeout_s)

    async def add(self, *, timeout_s: float = LIMIT_S, **fields: Any) -> pb.AddInvoiceResponse:
        return await self.call(self.lightning.AddInvoice, pb.Invoice(**fields), timeout_s)

    async def lookup(self, payment_hash: bytes) -> pb.Invoice:
        return await self.call(self.lightning.LookupInvoice, pb.PaymentHash(r_hash=payment_hash))

    async def cancel(self, payment_hash: bytes) -> None:
        request = invoices_pb2.CancelInvoiceMsg(payment_hash=payment_hash)
        await self.call(self.invoices.CancelInvoice, request)

    async def info(self) -> pb.GetInfoResponse:
        return await self.call(self.lightning.GetInfo, pb.GetInfoRequest())

    async def list_channels(self) -> list[pb.Channel]:
        answer = await self.call(self.lightning.ListChannels, pb.ListChannelsRequest())
        return list(answer.channels)

    async def state(self) -> str:
        answer = await self.state_service.GetState(state_pb2.GetStateRequest(), timeout=LIMIT_S)
        return state_pb2.WalletState.Name(answer.state)

    async def back(self) -> None:
        """Wait until the node answers again."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                # one that was sent on the connection that is breaking is lost with it
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await self.state_service.GetState(
                        state_pb2.GetStateRequest(), timeout=LIMIT_S, wait_for_ready=True
                    )
                    return


class Stream:
    """A subscription that the node has taken up."""

    def __init__(self, client: Client, add_index: int, settle_index: int) -> None:
        self.call = client.lightning.SubscribeInvoices(
            pb.InvoiceSubscription(add_index=add_index, settle_index=settle_index),
            metadata=client.metadata,
        )

    async def event(self) -> tuple[int, str]:
        """add_index and state of the next event."""
        async with asyncio.timeout(LIMIT_S):
            invoice = await self.call.read()
        assert isinstance(invoice, pb.Invoice)
        return invoice.add_index, pb.Invoice.InvoiceState.Name(invoice.state)

    async def end(self, *, after_events: bool = False) -> tuple[grpc.StatusCode, str]:
        async with asyncio.timeout(LIMIT_S):
            with contextlib.suppress(grpc.aio.AioRpcError):
                while (event := await self.call.read()) is not grpc.aio.EOF:
                    assert after_events, event
            return await self.call.code(), await self.call.details()


def all_of(node: SimNode) -> list[SimInvoice]:
    return list(node.invoices.values())


async def subscribe(
    node: SimNode, client: Client, *, add_index: int = 0, settle_index: int = 0
) -> Stream:
    before = node.calls["SubscribeInvoices"]
    stream = Stream(client, add_index, settle_index)
    await node.until(lambda: node.calls["SubscribeInvoices"] > before)
    return stream


async def refusal(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


def is_broken(end: tuple[grpc.StatusCode, str]) -> bool:
    """How a client is told that its connection broke; a write under way makes the text longer."""
    code, text = end
    told = re.fullmatch(r"Stream removed \((.*\()?Socket closed\)+", text)
    return code == UNAVAILABLE and told is not None


async def outcome(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def node(tmp_path: Path, clock: Clock) -> AsyncIterator[SimNode]:
    async with SimNode(tmp_path / "lnd", clock=clock) as node:
        yield node


@contextlib.asynccontextmanager
async def connected(
    node: SimNode, *presented: bytes | str, target: str = ""
) -> AsyncIterator[Client]:
    texts = [each if isinstance(each, str) else each.hex() for each in presented]
    client = Client(node, texts, target=target)
    try:
        yield client
    finally:
        await client.channel.close()


@pytest.fixture
async def client(node: SimNode) -> AsyncIterator[Client]:
    async with connected(node, (node.folder / "admin.macaroon").read_bytes()) as client:
        yield client


# --- AddInvoice

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
    plain = bolt.decode((await client.add(value=1)).payment_request)
    private = await client.add(value=1, private=True)
    assert plain.hints == ()
    found = bolt.decode(private.payment_request).hints
    assert len(found) == hints
    listed = {each.chan_id for each in await client.list_channels() if each.private}
    assert len(listed) == channels
    assert {hop.channel_id for (hop,) in found} <= listed
    assert (await client.lookup(private.r_hash)).private == (hints > 0)


async def test_a_node_without_channels_makes_invoices_that_nobody_can_pay(
    tmp_path: Path, clock: Clock
) -> None:
    async with SimNode(tmp_path, clock=clock, channels=[]) as node:
        async with connected(node, (tmp_path / "admin.macaroon").read_bytes()) as client:
            added = await client.add(value=1)
            assert await client.list_channels() == []
        with pytest.raises(PaymentFailed, match=r"^FAILURE_REASON_NO_ROUTE$"):
            node.pay(added.payment_request)


# --- BOLT11


async def test_requests_are_signed_by_the_node_that_getinfo_names(
    node: SimNode, client: Client
) -> None:
    info = await client.info()
    added = await client.add(value=2100, memo="pizza", expiry=3600)
    assert added.payment_request.startswith("lnsb21u1")
    for text in (added.payment_request, added.payment_request.upper()):
        request = bolt.decode(text)
        assert request.payee == info.identity_pubkey == node.identity_pubkey
        assert request.amount_msat == 2_100_000
        assert request.memo == "pizza"
        assert request.payment_hash == added.r_hash
        assert request.payment_addr == added.payment_addr
        assert (request.created_at, request.expires_at) == (NOW, NOW + 3600)
        assert request.min_final_cltv == 80
    assert bolt.decode(f"LIGHTNING:{added.payment_request.upper()}") == request


HOP = bolt.Hop(PrivateKey(b"h" * 32).public_key.format(), 700_000 << 40 | 3 << 16 | 1)


def made(key: PrivateKey, **terms: Any) -> str:
    terms = {"amount_msat": 0, "created_at": NOW, "expiry_s": 3600} | terms
    return bolt.encode(key, payment_hash=b"h" * 32, payment_addr=b"a" * 32, **terms)


@settings(deadline=None, max_examples=50)  # a busy machine is no failure
@given(
    amount_msat=st.integers(0, 10**16),
    memo=st.text(st.characters(codec="utf-8"), max_size=150),
    expiry_s=st.integers(1, 31_536_000),
    hints=st.integers(0, 3),
)
def test_another_reader_of_requests_reads_what_was_written(
    amount_msat: int, memo: str, expiry_s: int, hints: int
) -> None:
    key = PrivateKey(b"k" * 32)
    terms = {
        "amount_msat": amount_msat,
        "memo": memo,
        "expiry_s": expiry_s,
        "hints": [bolt.hint(HOP)] * hints,
    }
    other = bolt11.decode(made(key, currency="bcrt", **terms))
    ours = bolt.decode(made(key, **terms))
    assert other.payee == ours.payee == key.public_key.format().hex()
    assert (other.amount_msat or 0) == (ours.amount_msat or 0) == amount_msat
    assert other.description == ours.memo == memo
    assert other.payment_hash == ours.payment_hash.hex() == (b"h" * 32).hex()
    assert other.payment_secret == ours.payment_addr.hex() == (b"a" * 32).hex()
    assert other.date + other.expiry == ours.expires_at == NOW + expiry_s
    assert other.min_final_cltv_expiry == ours.min_final_cltv == 80
    assert ours.hints == ((HOP,),) * hints
    assert [hint.routes[0].short_channel_id for hint in other.route_hints] == ["700000x3x1"] * hints
    assert set(other.features.readable.items()) == {
        ("var_onion_optin", "required"),
        ("payment_secret", "required"),
        ("basic_mpp", "supported"),
        ("option_route_blinding", "supported"),
    }


@pytest.mark.parametrize(
    ("memo_bytes", "hints", "length"),
    [(0, 0, 260), (32, 0, 312), (100, 0, 420), (639, 0, 1283), (32, 20, 2012)],
)
def test_requests_are_as_long_as_those_of_lnd(memo_bytes: int, hints: int, length: int) -> None:
    terms = {"amount_msat": 123_000, "expiry_s": 86400, "memo": "m" * memo_bytes}
    request = made(PrivateKey(), hints=[bolt.hint(HOP)] * hints, currency="bc", **terms)
    assert request.startswith("lnbc1230n1")
    assert len(request) == length + len("1230n") - len("123n")


def test_what_is_not_a_payment_request_is_refused() -> None:
    good = made(PrivateKey(), amount_msat=1000)
    assert bolt.decode(good).amount_msat == 1000
    swapped = good[:-1] + ("q" if good[-1] != "q" else "p")
    for bad in (
        "",
        "lnsb1",
        "pizza",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        good[:50] + good[50:].upper(),
        swapped,
        good.replace("lnsb", "lnbc"),
        good[:-10],
        good[:40] + "b" + good[41:],
    ):
        with pytest.raises(bolt.RequestInvalid):
            bolt.decode(bad)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_text_makes_the_reader_of_requests_stumble(data: st.DataObject) -> None:
    good = made(PrivateKey(b"k" * 32), amount_msat=1000, hints=[bolt.hint(HOP)])
    groups = bytearray(bolt._checked("lnsb10n", good.rpartition("1")[2]))
    for _ in range(data.draw(st.integers(1, 3))):
        groups[data.draw(st.integers(0, len(groups) - 1))] = data.draw(st.integers(0, 31))
    cut = bytes(groups[: data.draw(st.integers(0, len(groups)))]) + bytes(104)
    text = (cut + bolt._checksum("lnsb10n", cut)).translate(bolt._GROUPS_TO_CHARSET).decode()
    with contextlib.suppress(bolt.RequestInvalid):
        bolt.decode(f"lnsb10n1{text}")


# --- LookupInvoice, CancelInvoice, GetInfo, ListChannels


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


# --- SubscribeInvoices


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
    held = node.stall("GetInfo")
    call = asyncio.ensure_future(refusal(client.info()))
    await held.reached()
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


# --- off and on again


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


# --- wallet states

STARTING = "the RPC server is in the process of starting up, but not yet ready to accept calls"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("WAITING_TO_START", "waiting to start, RPC services not available"),
        ("NON_EXISTING", "wallet not created, create one to enable full RPC access"),
        ("LOCKED", "wallet locked, unlock it to enable full RPC access"),
        ("UNLOCKED", STARTING),
    ],
)
async def test_a_state_that_refuses_does_so_before_the_macaroon_is_looked_at(
    node: SimNode, state: str, text: str
) -> None:
    node.set_state(state)
    async with connected(node) as stranger:
        assert await stranger.state() == state
        calls = (stranger.info(), stranger.add(), stranger.lookup(b""), stranger.cancel(b""))
        for call in calls:
            assert await refusal(call) == (UNKNOWN, text)
        assert await (await subscribe(node, stranger)).end() == (UNKNOWN, text)


@pytest.mark.parametrize("state", ["RPC_ACTIVE", "SERVER_ACTIVE"])
async def test_an_active_node_works(node: SimNode, client: Client, state: str) -> None:
    node.set_state(state)
    assert await client.state() == state
    assert (await client.add(value=1)).add_index == 1


async def test_a_start_and_an_unlock_go_through_all_states(tmp_path: Path, clock: Clock) -> None:
    node = SimNode(tmp_path, clock=clock)
    seen: list[str] = []

    def note_state() -> bool:
        if seen[-1:] != [node.state]:
            seen.append(node.state)
        return node.state == "SERVER_ACTIVE" and seen.count("SERVER_ACTIVE") == 2

    noting = asyncio.create_task(node.until(note_state))
    starting = asyncio.create_task(node.start(starting_s=0.05))
    await node.until(lambda: node.state == "UNLOCKED")
    await node.until(lambda: node.alive)
    async with connected(node) as client:
        await client.back()
        await starting
        node.lock()
        assert await client.state() == "LOCKED"
        await node.unlock(starting_s=0.01)
        assert await client.state() == "SERVER_ACTIVE"
    await noting
    once = ["UNLOCKED", "RPC_ACTIVE", "SERVER_ACTIVE"]
    assert seen == ["WAITING_TO_START", *once, "LOCKED", *once]
    await node.stop()


async def test_a_lock_ends_streams_and_a_locked_node_lets_nothing_expire(
    node: SimNode, client: Client, clock: Clock
) -> None:
    added = await client.add(expiry=60)
    stream = await subscribe(node, client)
    node.lock()
    assert await stream.end() == (grpc.StatusCode.OK, "")
    clock.now += 61
    node.clock_changed()
    assert await client.state() == "LOCKED"
    assert node.invoices[added.r_hash].state_name == "open"
    await node.unlock()
    assert node.invoices[added.r_hash].state_name == "canceled"


async def test_a_node_can_start_locked(tmp_path: Path) -> None:
    node = SimNode(tmp_path)
    await node.start(locked=True)
    assert node.state == "LOCKED"
    await node.unlock()
    assert node.state == "SERVER_ACTIVE"
    await node.stop()


async def test_rpc_active_without_a_synced_chain_stores_an_invoice_and_hangs(
    node: SimNode, client: Client
) -> None:
    node.set_state("RPC_ACTIVE")
    node.synced_to_chain = False
    preimage = b"p" * 32
    code, _ = await refusal(client.add(value=1, r_preimage=preimage, timeout_s=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await client.lookup(hashlib.sha256(preimage).digest())).value == 1


# --- macaroons


async def test_macaroons_that_can_not_be_read(node: SimNode) -> None:
    good = (node.folder / "admin.macaroon").read_bytes()
    cases: list[tuple[list[bytes | str], str]] = [
        ([], "expected 1 macaroon, got 0"),
        ([good, good], "expected 1 macaroon, got 2"),
        ([""], "empty macaroon data"),
        (["zz"], "encoding/hex: invalid byte: U+007A 'z'"),
        ([good.hex()[:-1]], "encoding/hex: odd length hex string"),
        (["abz"], "encoding/hex: invalid byte: U+007A 'z'"),
        ([b"\xff\x00"], "cannot determine data format of binary-encoded macaroon"),
        ([good[:-1]], "unmarshal v2: field data extends past end of buffer"),
        ([good[:20]], "unmarshal v2: field data extends past end of buffer"),
    ]
    for presented, text in cases:
        async with connected(node, *presented) as client:
            assert await refusal(client.info()) == (UNKNOWN, text)
            assert await (await subscribe(node, client)).end() == (UNKNOWN, text)
            assert await client.state() == "SERVER_ACTIVE"


async def test_a_macaroon_of_another_node_is_refused(node: SimNode, tmp_path: Path) -> None:
    async with SimNode(tmp_path / "other") as other:
        foreign = (other.folder / "admin.macaroon").read_bytes()
    async with connected(node, foreign) as client:
        text = "verification failed: signature mismatch after caveat verification"
        assert await refusal(client.info()) == (UNKNOWN, text)


async def test_a_revoked_macaroon_is_refused_though_it_was_taken_before(node: SimNode) -> None:
    baked = node.bake(["info:read"], root_key_id=7)
    async with connected(node, baked) as client:
        await client.info()
        node.revoke(7)
        text = "cannot retrieve macaroon: cannot get macaroon: root key with id 7 doesn't exist"
        assert await refusal(client.info()) == (UNKNOWN, text)
    with pytest.raises(ValueError, match="cannot be deleted"):
        node.revoke(0)


async def test_a_macaroon_runs_out_by_the_nodes_clock(node: SimNode, clock: Clock) -> None:
    until = "time-before 2026-11-22T19:49:57.372105444Z"
    clock.now = 1_795_376_997.3
    baked = node.bake(["info:read"], caveats=[until])
    async with connected(node, baked) as client:
        await client.info()
        clock.now = 1_795_376_997.5
        text = f'caveat "{until}" not satisfied: macaroon has expired'
        assert await refusal(client.info()) == (UNKNOWN, text)
    passing = node.bake(["info:read"], caveats=[macaroons.time_before(clock.now + 1)])
    async with connected(node, passing) as client:
        await client.info()


async def test_a_caveat_that_the_node_does_not_know_is_refused(node: SimNode) -> None:
    async with connected(node, node.bake(["info:read"], caveats=["pizza hot"])) as client:
        text = 'caveat "pizza hot" not satisfied: caveat not recognized'
        assert await refusal(client.info()) == (UNKNOWN, text)


async def test_a_macaroon_bound_to_an_address(node: SimNode) -> None:
    async with connected(node, node.bake(["info:read"], caveats=["ipaddr 127.0.0.1"])) as client:
        await client.info()
    async with connected(node, node.bake(["info:read"], caveats=["ipaddr 10.1.1.1"])) as client:
        text = 'caveat "ipaddr 10.1.1.1" not satisfied: macaroon locked to different IP address'
        assert await refusal(client.info()) == (UNKNOWN, text)


CALLS = {
    "AddInvoice": ("lnrpc.Lightning", "invoices:write"),
    "LookupInvoice": ("lnrpc.Lightning", "invoices:read"),
    "SubscribeInvoices": ("lnrpc.Lightning", "invoices:read"),
    "CancelInvoice": ("invoicesrpc.Invoices", "invoices:write"),
    "GetInfo": ("lnrpc.Lightning", "info:read"),
    "ListChannels": ("lnrpc.Lightning", "offchain:read"),
}


async def allowed(node: SimNode, macaroon: bytes) -> set[str]:
    """Which calls a macaroon opens."""
    invoice = node.add_invoice(1000)
    async with connected(node, macaroon) as client:
        stream = await subscribe(node, client)
        calls: dict[str, Awaitable[object]] = {
            "AddInvoice": client.add(),
            "LookupInvoice": client.lookup(invoice.payment_hash),
            "CancelInvoice": client.cancel(invoice.payment_hash),
            "GetInfo": client.info(),
            "ListChannels": client.list_channels(),
        }
        ends = {name: await outcome(call) for name, call in calls.items()}
        node.end_streams()
        ends["SubscribeInvoices"] = await stream.end(after_events=True)
    opened = {name for name, end in ends.items() if end[0] == grpc.StatusCode.OK}
    refused = {end for name, end in ends.items() if name not in opened}
    assert refused <= {(UNKNOWN, "permission denied")}
    return opened


@pytest.mark.parametrize("method", CALLS)
async def test_each_call_needs_its_permission_or_its_own_uri(node: SimNode, method: str) -> None:
    service, permission = CALLS[method]
    assert await allowed(node, node.bake([f"uri:/{service}/{method}"])) == {method}
    same = {name for name, (_, needed) in CALLS.items() if needed == permission}
    assert await allowed(node, node.bake([permission])) == same
    others = {needed for _, needed in CALLS.values()} - {permission}
    assert await allowed(node, node.bake(others)) == CALLS.keys() - same


async def test_the_macaroon_files_hold_the_permissions_of_lnds(node: SimNode) -> None:
    read = {"LookupInvoice", "SubscribeInvoices", "GetInfo", "ListChannels"}
    invoices = {"AddInvoice", "LookupInvoice", "SubscribeInvoices", "CancelInvoice"}
    for name, opened in (
        ("admin.macaroon", CALLS.keys()),
        ("readonly.macaroon", read),
        ("invoice.macaroon", invoices),
    ):
        assert await allowed(node, (node.folder / name).read_bytes()) == opened


async def test_permissions_can_be_read_from_a_macaroon(node: SimNode) -> None:
    node.bake(["uri:/lnrpc.Lightning/GetInfo", "info:read"], root_key_id=3, save_to="my.macaroon")
    baked = (node.folder / "my.macaroon").read_bytes()
    # version 2, location "lnd", then the identifier: 3 and a protobuf message
    assert baked[:6] == b"\x02\x01\x03lnd"
    assert baked[6] == 2
    length = baked[7]
    assert baked[8] == 3
    identifier = macaroon_pb2.MacaroonId.FromString(baked[9 : 8 + length])
    assert len(identifier.nonce) == 16
    assert identifier.storageId == b"3"
    assert [(op.entity, list(op.actions)) for op in identifier.ops] == [
        ("info", ["read"]),
        ("uri", ["/lnrpc.Lightning/GetInfo"]),
    ]


async def test_renewed_macaroons_replace_the_files_and_end_the_old_ones(node: SimNode) -> None:
    old = (node.folder / "invoice.macaroon").read_bytes()
    node.renew_macaroons()
    async with connected(node, old) as client:
        text = "verification failed: signature mismatch after caveat verification"
        assert await refusal(client.add()) == (UNKNOWN, text)
    async with connected(node, (node.folder / "invoice.macaroon").read_bytes()) as client:
        await client.add()


# --- TLS


async def test_the_certificate_is_like_lnds(node: SimNode) -> None:
    certificate = x509.load_pem_x509_certificate((node.folder / "tls.cert").read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    organisation = x509.oid.NameOID.ORGANIZATION_NAME
    assert certificate.issuer == certificate.subject
    assert certificate.subject.get_attributes_for_oid(organisation)[0].value == (
        "lnd autogenerated cert"
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    addresses = names.get_values_for_type(x509.IPAddress)
    assert [str(each) for each in addresses] == ["127.0.0.1", "::1"]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.days == 421
    assert (node.folder / "tls.key").stat().st_mode & 0o777 == 0o600


async def test_files_are_written_at_the_first_start_and_not_before(tmp_path: Path) -> None:
    node = SimNode(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    await node.start()
    names = {each.name for each in (tmp_path / "new").iterdir()}
    assert names == {
        "tls.cert",
        "tls.key",
        "admin.macaroon",
        "invoice.macaroon",
        "readonly.macaroon",
    }
    await node.stop()


async def test_a_certificate_is_kept_from_start_to_start_until_it_ends(tmp_path: Path) -> None:
    kept: list[bytes] = []
    for _ in range(2):
        async with SimNode(tmp_path):
            kept.append((tmp_path / "tls.cert").read_bytes())
    assert kept[0] == kept[1]
    certificate.make(tmp_path, valid_s=-1)
    async with SimNode(tmp_path) as node, connected(node) as client:
        assert await client.state() == "SERVER_ACTIVE"


async def test_a_renewed_certificate_is_taken_at_the_next_start(
    node: SimNode, client: Client
) -> None:
    node.renew_certificate()
    await client.info()
    await node.stop()
    await node.start()
    code, text = await refusal(client.info())
    assert code == UNAVAILABLE
    assert "CERTIFICATE_VERIFY_FAILED: self signed certificate" in text
    async with connected(node) as anew:
        assert await anew.state() == "SERVER_ACTIVE"


@pytest.mark.parametrize(
    ("made_with", "text"),
    [
        ({"valid_s": -60}, "certificate has expired"),
        ({"hosts": ["node.example", "10.1.1.1"]}, "Hostname Verification Check failed."),
    ],
)
async def test_a_certificate_that_has_ended_or_names_another_host(
    node: SimNode, made_with: dict[str, Any], text: str
) -> None:
    await node.stop()
    node.renew_certificate(**made_with)
    await node.start()
    async with connected(node) as client:
        code, said = await refusal(client.state())
    assert code == UNAVAILABLE
    assert text in said


async def test_localhost_is_in_the_certificate(node: SimNode) -> None:
    port = node.address.rpartition(":")[2]
    async with connected(node, target=f"localhost:{port}") as client:
        assert await client.state() == "SERVER_ACTIVE"


# --- payments


async def test_a_payment_settles(node: SimNode, client: Client, clock: Clock) -> None:
    added = await client.add(value=21, memo="pizza")
    clock.now += 5
    paid = node.pay(added.payment_request.upper())
    assert (paid.state_name, paid.paid_msat, paid.settle_index) == ("settled", 21_000, 1)
    invoice = await client.lookup(added.r_hash)
    assert invoice.state == pb.Invoice.SETTLED
    assert invoice.settled
    assert (invoice.settle_date, invoice.settle_index) == (NOW + 5, 1)
    amounts = (invoice.amt_paid, invoice.amt_paid_sat, invoice.amt_paid_msat)
    assert amounts == (21_000, 21, 21_000)


async def test_more_than_asked_is_taken_and_any_amount_needs_one(
    node: SimNode, client: Client
) -> None:
    asked, free = node.add_invoice(21_000), node.add_invoice()
    assert node.pay(asked.payment_request, amount_msat=30_000).paid_msat == 30_000
    text = "amount must be specified when paying a zero amount invoice"
    with pytest.raises(PaymentFailed, match=text):
        node.pay(free.payment_request)
    node.pay(free.payment_request, amount_msat=777_000)
    invoice = await client.lookup(free.payment_hash)
    assert (invoice.value, invoice.amt_paid_msat) == (0, 777_000)


async def test_what_a_payer_is_refused(node: SimNode, clock: Clock) -> None:
    def failure(request: str, **how: Any) -> str:
        with pytest.raises(PaymentFailed) as caught:
            node.pay(request, **how)
        return str(caught.value)

    unknown = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"
    asked, gone, paid = (node.add_invoice(21_000) for _ in range(3))
    assert failure(asked.payment_request, amount_msat=20_999) == unknown
    assert failure(node.add_invoice().payment_request, amount_msat=0) == unknown
    node.cancel_invoice(gone.payment_hash)
    assert failure(gone.payment_request) == unknown
    node.pay(paid.payment_request)
    assert failure(paid.payment_request) == "invoice is already paid"
    node.delete_invoice(asked.payment_hash)
    assert failure(asked.payment_request) == unknown
    assert failure(made(PrivateKey(), amount_msat=5)) == unknown
    assert failure("pizza").startswith("invalid payment request")
    mainnet = made(PrivateKey(), amount_msat=5, currency="bc")
    assert failure(mainnet) == "invoice not for current active network 'simnet'"
    short = node.add_invoice(1000, expiry_s=60)
    clock.now = short.expires_at + 1
    said = "invoice expired. Valid until 2026-09-21 14:14:20 +0000 UTC"
    assert failure(short.payment_request) == said


async def test_a_request_of_an_invoice_that_was_deleted_and_added_anew_is_not_payable(
    node: SimNode, client: Client
) -> None:
    old = await client.add(value=1, r_preimage=b"p" * 32)
    node.delete_invoice(old.r_hash)
    new = await client.add(value=1, r_preimage=b"p" * 32)
    assert new.r_hash == old.r_hash
    with pytest.raises(PaymentFailed, match="INCORRECT_OR_UNKNOWN"):
        node.pay(old.payment_request)
    assert node.pay(new.payment_request).settle_index == 1


async def test_a_late_payment_lands_while_the_node_has_not_cancelled(
    node: SimNode, clock: Clock
) -> None:
    early, late = (node.add_invoice(1000, expiry_s=60) for _ in range(2))
    clock.now += 60.5
    assert node.pay(early.payment_request, late=True).state_name == "settled"
    node.expire_due()
    assert late.state_name == "canceled"
    with pytest.raises(PaymentFailed, match="INCORRECT_OR_UNKNOWN"):
        node.pay(late.payment_request, late=True)


async def test_a_held_payment_is_settled_or_cancelled(
    node: SimNode, client: Client, clock: Clock
) -> None:
    first, second = (node.add_invoice(1000, expiry_s=60) for _ in range(2))
    for each in (first, second):
        node.pay(each.payment_request, hold=True)
        assert (await client.lookup(each.payment_hash)).state == pb.Invoice.ACCEPTED
    with pytest.raises(PaymentFailed, match="payment is in transition"):
        node.pay(first.payment_request)
    clock.now += 61
    node.expire_due()
    assert first.state_name == "accepted"
    assert node.settle(first.payment_hash).settle_index == 1
    await client.cancel(second.payment_hash)
    assert (await client.lookup(second.payment_hash)).amt_paid_msat == 0
    with pytest.raises(ValueError, match="canceled, not accepted"):
        node.settle(second.payment_hash)


async def test_changes_are_told_to_who_watches(node: SimNode) -> None:
    seen: list[tuple[int, str]] = []
    unwatch = node.watch(lambda invoice: seen.append((invoice.add_index, invoice.state_name)))
    first, second = node.add_invoice(1000), node.add_invoice(1000)
    node.pay(first.payment_request)
    node.cancel_invoice(second.payment_hash)
    unwatch()
    node.add_invoice(1000)
    assert seen == [(1, "open"), (2, "open"), (1, "settled"), (2, "canceled")]


# --- expiry


async def test_invoices_expire_by_themselves_even_when_the_clock_jumps(
    node: SimNode, clock: Clock
) -> None:
    short, long = node.add_invoice(1000, expiry_s=60), node.add_invoice(1000, expiry_s=7200)
    clock.now += 59.9
    node.clock_changed()
    assert short.state_name == "open"
    clock.now += 0.1
    await node.until(lambda: short.state_name == "canceled")
    assert long.state_name == "open"
    clock.now += 7200
    node.clock_changed()
    await node.until(lambda: long.state_name == "canceled")


async def test_by_the_real_clock_an_invoice_is_cancelled_just_after_its_second(
    tmp_path: Path,
) -> None:
    async with SimNode(tmp_path) as node:
        invoice = node.add_invoice(1000, expiry_s=1)
        await node.until(lambda: invoice.state_name == "canceled")
        assert 0.02 < node.clock() - invoice.expires_at < 5


async def test_what_is_overdue_expires_at_the_next_start(node: SimNode, clock: Clock) -> None:
    invoice = node.add_invoice(1000, expiry_s=60)
    await node.stop()
    clock.now += 61
    node.clock_changed()
    assert invoice.state_name == "open"
    await node.start()
    assert invoice.state_name == "canceled"


# --- another life


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


# --- faults


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
async def test_a_call_can_be_held_and_released(node: SimNode, client: Client, before: bool) -> None:
    held = node.stall("AddInvoice", before=before)
    call = asyncio.ensure_future(client.add(value=1))
    await held.reached()
    assert len(node.invoices) == (0 if before else 1)
    assert (await client.add(value=2)).add_index == (1 if before else 2)
    held.release()
    assert (await call).add_index == (2 if before else 1)


@pytest.mark.parametrize("before", [True, False])
async def test_a_held_call_can_be_dropped(node: SimNode, client: Client, before: bool) -> None:
    held = node.stall("AddInvoice", before=before)
    call = asyncio.ensure_future(refusal(client.add(value=1)))
    await held.reached()
    held.drop()
    assert is_broken(await call)
    assert len(node.invoices) == (0 if before else 1)


async def test_a_held_refusal_is_a_refusal_when_it_is_let_go(node: SimNode, client: Client) -> None:
    held = node.stall("CancelInvoice")
    call = asyncio.ensure_future(refusal(client.cancel(b"x" * 32)))
    await held.reached()
    held.release()
    assert await call == (UNKNOWN, "unable to locate invoice")


async def test_waiting_for_what_does_not_come_ends(node: SimNode) -> None:
    with pytest.raises(TimeoutError):
        await node.stall("GetInfo").reached(0.01)
    with pytest.raises(TimeoutError):
        await node.until(lambda: node.calls["GetInfo"] > 0, timeout_s=0.01)


# --- alone


async def test_alone_it_is_steered_over_http_and_ends_cleanly(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.demo.node", "--listen", "127.0.0.1:0"),
        *("--dir", str(tmp_path), "--control", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        lines = [(await process.stdout.readline()).decode().rstrip() for _ in range(6)]
    where = re.fullmatch(r"simulated node 0[23][0-9a-f]{14} at (127\.0\.0\.1:\d+)", lines[0])
    assert where is not None
    assert [Path(line.strip()).name for line in lines[1:5]] == [
        "tls.cert",
        "admin.macaroon",
        "invoice.macaroon",
        "readonly.macaroon",
    ]
    control = lines[5].removeprefix("control: ")

    async def post(path: str, **body: Any) -> tuple[int, Any]:
        return await asyncio.to_thread(_post, f"{control}/{path}", body)

    node = SimNode(tmp_path)  # only for its folder
    macaroon = (tmp_path / "admin.macaroon").read_bytes()
    async with connected(node, macaroon, target=where[1]) as client:
        added = await client.add(value=5, memo="alone")
        assert await post("pay", payment_request="pizza") == (
            409,
            {"error": "invalid payment request: not a Lightning payment request"},
        )
        assert (await post("pay", pizza=1))[0] == 400
        assert (await post("pay", payment_request=added.payment_request, amount_msat="1"))[0] == 400
        status, paid = await post("pay", payment_request=added.payment_request)
        assert (status, paid["state"], paid["paid_msat"]) == (200, "settled", 5000)
        assert (await client.lookup(added.r_hash)).state == pb.Invoice.SETTLED
        assert await post("lock") == (200, {"alive": True, "state": "LOCKED"})
        assert await client.state() == "LOCKED"
        assert await post("unlock") == (200, {"alive": True, "state": "SERVER_ACTIVE"})
        assert (await post("stop"))[1]["alive"] is False
        assert (await refusal(client.state()))[0] == UNAVAILABLE
        assert (await post("start"))[1] == {"alive": True, "state": "SERVER_ACTIVE"}
        await client.back()
        assert (await post("kill"))[1]["alive"] is False
    process.terminate()
    async with asyncio.timeout(LIMIT_S):
        assert await process.wait() == 0


def _post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "10009"], "expected HOST:PORT, found '10009'"),
        (["--listen", "127.0.0.1:99999"], "expected HOST:PORT"),
        (["--control", "0.0.0.0:10010"], "only 127.0.0.1 or localhost"),
    ],
)
def test_wrong_options_are_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as caught:
        alone.main(["--dir", str(tmp_path), *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--listen", "--control"])
def test_alone_a_port_in_use_is_one_sentence(option: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = {"--dir": str(tmp_path), "--listen": "127.0.0.1:0", option: address}
        with pytest.raises(SystemExit) as caught:
            alone.main([text for pair in arguments.items() for text in pair])
    assert str(caught.value.code).startswith("Can't start: ")
    assert address in str(caught.value.code)
    assert "in use" in str(caught.value.code)


# --- many


async def test_with_many_invoices_no_call_looks_at_all_of_them(
    node: SimNode, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2000):
        invoice = node.add_invoice(1000 + number)
    node.pay(invoice.payment_request)

    class Watched(dict[bytes, SimInvoice]):
        def __iter__(self) -> Any:
            raise AssertionError("all invoices were looked at")

        values = items = keys = __iter__  # type: ignore[assignment]

    monkeypatch.setattr(node.ledger, "_invoices", Watched(node.ledger._invoices))
    added = await client.add(value=1)
    stream = await subscribe(node, client, add_index=1999, settle_index=1)
    assert [await stream.event() for _ in range(2)] == [(2000, "SETTLED"), (2001, "OPEN")]
    await client.lookup(added.r_hash)
    await client.cancel(added.r_hash)
    node.expire_due()


def test_the_default_channels_can_receive(clock: Clock) -> None:
    public, private = (
        open_channels(1, capacity_sat=1000),
        open_channels(1, capacity_sat=1000, private=True),
    )
    assert [each.receivable_msat for each in public + private] == [790_000] * 2
    assert public[0].channel_id != private[0].channel_id
