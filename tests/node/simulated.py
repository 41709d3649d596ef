"""A simulated node and clients of it, for the tests of `bot.node`. Not a test."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from bot.config import LndSettings
from bot.core.answers import NodeInvoice
from bot.demo.node import SimInvoice, SimNode
from bot.errors import NodeError, NodeUnreachable
from bot.node.client import Node

LIMIT_S = 30.0
PREIMAGE = hashlib.sha256(b"a preimage").digest()
HASH = hashlib.sha256(PREIMAGE).digest()
#: What a macaroon has to allow for every call.
PERMISSIONS = ("invoices:read", "invoices:write", "info:read", "offchain:read")


class Clock:
    """Real time, moved by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


# clients


def settings(sim: SimNode, **changes: Any) -> LndSettings:
    """The way to a simulated node, with its strongest macaroon."""
    return LndSettings(
        **{
            "host": sim.address,
            "tls_cert": sim.folder / "tls.cert",
            "macaroon": sim.folder / "admin.macaroon",
            **changes,
        }
    )


@contextlib.asynccontextmanager
async def connected(sim: SimNode, **changes: Any) -> AsyncIterator[Node]:
    """A client with these settings."""
    node = Node(settings(sim, **changes))
    try:
        yield node
    finally:
        await node.close()


# calls


async def add(node: Node, **fields: Any) -> bool:
    """Add the invoice of `PREIMAGE`, unless the fields say otherwise."""
    return await node.add(
        **{
            "preimage": PREIMAGE,
            "amount_msat": 2_100_000,
            "memo": "pizza",
            "expiry_s": 3600,
            **fields,
        }
    )


async def failure(call: Awaitable[object]) -> NodeError:
    """What a call fails with."""
    with pytest.raises(NodeError) as caught:
        async with asyncio.timeout(LIMIT_S):
            await call
    return caught.value


async def answered(call: Callable[[], Awaitable[object]]) -> None:
    """Repeat a call until the node can be reached again."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await call()
            except NodeUnreachable:
                await asyncio.sleep(0.02)
            else:
                return


# answers that are not LND's


def changed(**fields: Any) -> Callable[[Any], Any]:
    """LND's message with other fields."""

    def change(message: Any) -> Any:
        return type(message).FromString(
            message.SerializeToString() + type(message)(**fields).SerializeToString()
        )

    return change


# certificates


def signed_again(folder: Path, *, valid_in_s: float) -> bytes:
    """The node's own certificate, signed again with its key: valid in so many seconds."""
    key = serialization.load_pem_private_key((folder / "tls.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificate((folder / "tls.cert").read_bytes())
    builder = x509.CertificateBuilder(
        old.issuer,
        old.subject,
        old.public_key(),
        old.serial_number,
        dt.datetime.now(dt.UTC) + dt.timedelta(seconds=valid_in_s),
        old.not_valid_after_utc,
        list(old.extensions),
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


# payments and the stream


def paid(sim: SimNode) -> SimInvoice:
    """Another program's invoice that somebody has paid."""
    return sim.pay(sim.add_invoice(1000).payment_request)


@contextlib.asynccontextmanager
async def subscribed(
    sim: SimNode, node: Node, settle_index: int = 0
) -> AsyncIterator[AsyncIterator[NodeInvoice]]:
    """A stream that has arrived at the node."""
    before = sim.calls["SubscribeInvoices"]
    events = node.subscribe(settle_index)
    first = asyncio.ensure_future(anext(events))
    await sim.until(lambda: sim.calls["SubscribeInvoices"] > before)

    async def all_events() -> AsyncGenerator[NodeInvoice, None]:
        with contextlib.suppress(StopAsyncIteration):
            yield await first
            async for each in events:
                yield each

    rest = all_events()
    try:
        yield rest
    finally:
        first.cancel()
        await asyncio.wait({first})
        await rest.aclose()
        await events.aclose()  # type: ignore[attr-defined]


async def event(events: AsyncIterator[NodeInvoice]) -> NodeInvoice:
    """The next one."""
    async with asyncio.timeout(LIMIT_S):
        return await anext(events)


async def rest_of(events: AsyncIterator[NodeInvoice]) -> list[NodeInvoice]:
    """All until the stream ends."""
    async with asyncio.timeout(LIMIT_S):
        return [each async for each in events]
