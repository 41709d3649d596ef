"""A plain gRPC client of the simulated node: what it calls, and what it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any

import grpc
import grpc.aio
import pytest
from coincurve import PrivateKey

from bot.demo.node import SimInvoice, SimNode, bolt
from bot.lnrpc import invoices_pb2, state_pb2
from bot.lnrpc import lightning_pb2 as pb
from bot.lnrpc.invoices_pb2_grpc import InvoicesStub
from bot.lnrpc.lightning_pb2_grpc import LightningStub
from bot.lnrpc.state_pb2_grpc import StateStub

UNKNOWN = grpc.StatusCode.UNKNOWN
NOT_FOUND = grpc.StatusCode.NOT_FOUND
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOW = 1_790_000_000
LIMIT_S = 30
SPEAK_QUICKLY_AGAIN = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)


class Clock:
    """Stands still until it is moved."""

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

    async def bake(self, *wanted: str, root_key_id: int = 0, external: bool = False) -> str:
        """A macaroon as hex; what is wanted as `entity:action`."""
        pairs = [each.split(":", 1) for each in wanted]
        request = pb.BakeMacaroonRequest(
            permissions=[pb.MacaroonPermission(entity=e, action=a) for e, a in pairs],
            root_key_id=root_key_id,
            allow_external_permissions=external,
        )
        answer = await self.call(self.lightning.BakeMacaroon, request)
        assert isinstance(answer, pb.BakeMacaroonResponse)
        return answer.macaroon

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
    """A subscription that has reached the node."""

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
    """Whether the connection broke; a write under way makes the text longer."""
    code, text = end
    broken = re.fullmatch(r"Stream removed \((.*\()?Socket closed\)+", text)
    return code == UNAVAILABLE and broken is not None


async def outcome(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


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


def made(key: PrivateKey, **terms: Any) -> str:
    """A payment request that is signed with this key."""
    terms = {"amount_msat": 0, "created_at": NOW, "expiry_s": 3600} | terms
    return bolt.encode(key, payment_hash=b"h" * 32, payment_addr=b"a" * 32, **terms)
