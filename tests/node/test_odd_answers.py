"""Answers that LND never gives: unreadable, out of range, or another invoice's."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bot.core.answers import NodeState
from bot.demo.node import SimNode
from bot.errors import NodeOdd, NodeTimeout
from bot.lnrpc import lightning_pb2 as pb
from bot.node import channel, client
from bot.node.client import Node
from tests.node.simulated import (
    HASH,
    LIMIT_S,
    add,
    changed,
    connected,
    event,
    failure,
    subscribed,
)

UNREADABLE = b"\xff" * 9
NOT_UTF8 = b"\x0a\x02\xc3\x28"  # field 1: a memo, or an alias
CALLS: dict[str, Callable[[Node], Awaitable[object]]] = {
    "GetState": lambda node: node.state(),
    "GetInfo": lambda node: node.info(),
    "AddInvoice": add,
    "LookupInvoice": lambda node: node.lookup(HASH),
    "CancelInvoice": lambda node: node.cancel(HASH),
    "ListChannels": lambda node: node.receivable_msat(),
}
each_call = pytest.mark.parametrize("method", CALLS)


@each_call
async def test_an_answer_that_cannot_be_decoded_is_odd(
    sim: SimNode, node: Node, method: str
) -> None:
    if method != "AddInvoice":
        await add(node)
    sim.garble(method, lambda _: UNREADABLE)
    assert type(await failure(CALLS[method](node))) is NodeOdd
    assert await node.info()


OUT_OF_RANGE: dict[str, dict[str, Any]] = {
    "a short hash": {"r_hash": b"h" * 31},
    "another hash": {"r_hash": b"h" * 32},
    "less than nothing": {"value_msat": -1},
    "more than there is": {"value_msat": 2**63 - 1},
    "less than nothing paid": {"amt_paid_msat": -1},
    "more paid than there is": {"amt_paid_msat": 2**63 - 1},
    "paid with nothing": {"state": pb.Invoice.SETTLED},
    "made before 1970": {"creation_date": -1},
    "made in the year 36 billion": {"creation_date": 2**60},
    "both ends": {"creation_date": 2**63 - 1, "expiry": 2**63 - 1},
    "an expiry before 1970": {"expiry": -(2**62)},
    "paid before 1970": {"settle_date": -1},
    "paid in the year 36 billion": {"settle_date": 2**60},
    "an index that no column holds": {"add_index": 2**63},
    "a settle index that no node has": {"settle_index": 2**40 + 1},
}
out_of_range = pytest.mark.parametrize("fields", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)


@out_of_range
async def test_an_invoice_that_is_out_of_range_is_odd(
    sim: SimNode, node: Node, fields: dict[str, Any]
) -> None:
    await add(node)
    sim.garble("LookupInvoice", changed(**fields))
    assert type(await failure(node.lookup(HASH))) is NodeOdd
    assert (await node.lookup(HASH)).state is NodeState.OPEN


@pytest.mark.parametrize("answer", [lambda _: pb.Invoice(), lambda _: NOT_UTF8])
async def test_an_empty_invoice_and_a_memo_that_is_not_utf_8_are_odd(
    sim: SimNode, node: Node, answer: Callable[[Any], Any]
) -> None:
    await add(node)
    sim.garble("LookupInvoice", answer)
    assert type(await failure(node.lookup(HASH))) is NodeOdd


async def test_the_ends_of_the_ranges_are_read(sim: SimNode, node: Node) -> None:
    await add(node)
    ends = {"settle_index": 2**40, "value_msat": 21 * 10**17, "creation_date": 253402300799}
    sim.garble("LookupInvoice", changed(**ends))
    assert type(await failure(node.lookup(HASH))) is NodeOdd  # it expires an hour later
    sim.garble("LookupInvoice", changed(**ends | {"creation_date": 253402300799 - 3600}))
    found = await node.lookup(HASH)
    assert (found.settle_index, found.amount_msat) == (2**40, 21 * 10**17)
    assert found.expires_at == 253402300799


@pytest.mark.parametrize(
    "fields",
    [
        {"identity_pubkey": "pizza"},
        {"identity_pubkey": "02" + "g" * 64},
        {"alias": "x" * 257},
        {"version": "x" * 257},
    ],
)
async def test_a_node_that_has_no_name_or_too_long_a_one_is_odd(
    sim: SimNode, node: Node, fields: dict[str, Any]
) -> None:
    sim.garble("GetInfo", changed(**fields))
    assert type(await failure(node.info())) is NodeOdd
    sim.garble("GetInfo", lambda _: pb.GetInfoResponse())
    assert type(await failure(node.info())) is NodeOdd


async def test_what_a_node_says_of_itself_is_one_line_without_signs(
    sim: SimNode, node: Node
) -> None:
    def forged(message: pb.GetInfoResponse) -> pb.GetInfoResponse:
        message.alias = "carrot\n✅ Paid: 50,000 sats\u202e"
        message.version = "0.21\x1b[2J\n✗ node: revoke your macaroon"
        message.chains[0].network = "simnet\n✅ Paid: 50,000 sats"
        return message

    sim.garble("GetInfo", forged)
    info = await node.info()
    assert info.alias == "carrot Paid: 50,000 sats"
    assert info.version == "0.21[2J node: revoke your macaroon"
    assert info.network == "simnet Paid: 50,000 sats"


async def test_more_to_receive_than_there_is_is_odd(sim: SimNode, node: Node) -> None:
    channels = [pb.Channel(active=True, remote_balance=2**62)] * 3
    sim.garble("ListChannels", lambda _: pb.ListChannelsResponse(channels=channels))
    assert type(await failure(node.receivable_msat())) is NodeOdd


@each_call
async def test_silence_after_the_headers_ends_with_the_deadline(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await add(node)
    monkeypatch.setattr(client, "CALL_TIMEOUT_S", 0.1)
    timed: dict[str, Callable[[Node], Awaitable[object]]] = {
        "GetState": lambda node: node.state(timeout_s=0.1),
        "AddInvoice": lambda node: add(node, timeout_s=0.1),
        "LookupInvoice": lambda node: node.lookup(HASH, timeout_s=0.1),
    }
    sim.hang(method, headers=True)
    assert type(await failure((CALLS | timed)[method](node))) is NodeTimeout


# too large


@each_call
async def test_an_answer_of_20_mb_is_odd(sim: SimNode, node: Node, method: str) -> None:
    if method != "AddInvoice":
        await add(node)
    sim.garble(method, lambda _: bytes(20_000_000))
    assert type(await failure(CALLS[method](node))) is NodeOdd


async def test_an_answer_of_16_mb_is_read(sim: SimNode, node: Node) -> None:
    await add(node)
    sim.garble("LookupInvoice", changed(memo="x" * (channel.MAX_ANSWER_BYTES - 1000)))
    assert len((await node.lookup(HASH)).memo) > 16_000_000


async def test_a_packed_answer_is_odd_and_is_not_unpacked(sim: SimNode, node: Node) -> None:
    await add(node, memo="x" * 600)
    sim.pack("LookupInvoice")
    assert type(await failure(node.lookup(HASH))) is NodeOdd
    sim.pack("LookupInvoice")
    sim.garble("LookupInvoice", lambda _: bytes(200_000_000))
    assert type(await failure(node.lookup(HASH))) is NodeOdd
    sim.clear_faults()
    assert (await node.lookup(HASH)).memo == "x" * 600


# the stream


@pytest.mark.parametrize(
    "odd",
    [
        lambda _: UNREADABLE,
        lambda _: NOT_UTF8,
        lambda _: b"",
        *(changed(**fields) for name, fields in OUT_OF_RANGE.items() if name != "another hash"),
    ],
)
async def test_an_odd_event_is_passed_over_and_the_stream_goes_on(
    sim: SimNode, node: Node, odd: Callable[[Any], Any]
) -> None:
    async with subscribed(sim, node) as events:
        sim.garble("SubscribeInvoices", odd, times=2)
        for _ in range(2):
            sim.add_invoice(1000)
        after = sim.add_invoice(1000)
        assert (await event(events)).payment_hash == after.payment_hash


async def test_odd_events_are_logged_once(
    sim: SimNode, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot")
    async with subscribed(sim, node) as events:
        sim.garble("SubscribeInvoices", lambda _: UNREADABLE, times=20)
        for _ in range(21):
            sim.add_invoice(1000)
        await event(events)
    assert [record.levelname for record in caplog.records if record.name.startswith("bot")] == [
        "WARNING"
    ]


# a status that gRPC has no name for


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body


def literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


@contextlib.asynccontextmanager
async def answers_with_status(sim: SimNode, status: bytes) -> AsyncIterator[str]:
    """An address in the node's place that answers each call with this gRPC status: HTTP/2 by hand.

    SETTINGS is 4, HEADERS 1 and DATA 0; the call is complete with the flag 1 of its data.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sim.folder / "tls.cert", sim.folder / "tls.key")
    context.set_alpn_protocols(["h2"])
    answer = literal(b"content-type", b"application/grpc") + literal(b"grpc-status", status)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(frame(4, 0, 0))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
            while True:
                head = await reader.readexactly(9)
                await reader.readexactly(int.from_bytes(head[:3]))
                if head[3] == 4 and not head[4]:
                    writer.write(frame(4, 1, 0))
                elif head[3] == 0 and head[4] & 1:
                    writer.write(frame(1, 5, int.from_bytes(head[5:]), b"\x88" + answer))
        ended.set()

    writers: list[asyncio.StreamWriter] = []
    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.transport.abort()
        async with asyncio.timeout(LIMIT_S):
            await ended.wait()


@pytest.mark.parametrize("status", [b"17", b"99", b"pizza", b"2147483647"])
async def test_a_status_that_does_not_exist_is_odd(sim: SimNode, status: bytes) -> None:
    async with answers_with_status(sim, status) as host, connected(sim, host=host) as node:
        assert type(await failure(node.info())) is NodeOdd
