"""The Lightning node: add, look up, cancel, follow, state. The only module that knows gRPC.

Whatever the node or the connection says becomes one of `bot.errors`' `NodeError`s. A plain
error of LND's arrives as UNKNOWN with a text, so texts are matched too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import grpc

from bot import logs
from bot.config import LndSettings
from bot.errors import (
    AlreadySettled,
    CertificateRefused,
    ConfigError,
    InvoiceUnknown,
    MacaroonRefused,
    NodeError,
    NodeLocked,
    NodeOdd,
    NodeRefused,
    NodeSetting,
    NodeStarting,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
)
from bot.lnrpc import invoices_pb2, lightning_pb2, state_pb2
from bot.lnrpc.invoices_pb2_grpc import InvoicesStub
from bot.lnrpc.lightning_pb2_grpc import LightningStub
from bot.lnrpc.state_pb2_grpc import StateStub

log = logs.get(__name__)

#: Seconds after which a call is given up; what it did is then unknown.
CALL_TIMEOUT_S = 10.0

#: LND takes no ping more often than every 10 s, and none without a call.
CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_time_ms", 25_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC pings for measures of its own too, has one ping on its way at a time, and would wait a
    # minute for the answer to such a one.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # The default waits up to two minutes before it looks at a node that is back.
    ("grpc.initial_reconnect_backoff_ms", 500),
    # This is also the least time that a connection gets to come up, over Tor or a slow line.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # An invoice with very many payments is large; the default is 4 MB, and the stream would end.
    ("grpc.max_receive_message_length", 200 * 1024 * 1024),
    # A repetition is the reconciler's to decide.
    ("grpc.enable_retries", 0),
    # A channel with a renewed certificate must not share the old one's connections.
    ("grpc.use_local_subchannel_pool", 1),
)

InvoiceState = Literal["open", "settled", "canceled", "accepted", "unknown"]
Answer = TypeVar("Answer")

_STATES: dict[int, InvoiceState] = {0: "open", 1: "settled", 2: "canceled", 3: "accepted"}


@dataclass(frozen=True, slots=True)
class NodeInvoice:
    """An invoice as the node tells it. Amounts in millisatoshi, times in Unix seconds."""

    payment_hash: bytes
    payment_request: str
    payment_addr: bytes
    memo: str
    amount_msat: int
    paid_msat: int
    created_at: int
    expires_at: int
    settled_at: int
    state: InvoiceState
    add_index: int
    settle_index: int


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """Who the node is, and whether it follows its chain."""

    identity_pubkey: str
    alias: str
    version: str
    network: str
    synced_to_chain: bool
    block_height: int


class Node:
    """A connection to one LND node. Cheap to make: the first call connects.

    The certificate and the macaroon are read again, and the call made once more, when the node
    stops accepting them.
    """

    def __init__(self, settings: LndSettings) -> None:
        self._settings = settings
        self._macaroon_hex = ""
        self._certificate: bytes | None = None
        self._channel: grpc.aio.Channel | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connection; calls under way end with `NodeUnreachable`."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
        await asyncio.gather(*self._closing)

    async def state(self, *, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """The wallet's state by LND's name, such as ``SERVER_ACTIVE`` or ``LOCKED``.

        It is answered in every state and needs no macaroon. Raises `NodeError`.
        """
        answer = await self._call(
            lambda channel: StateStub(channel).GetState(
                state_pb2.GetStateRequest(), timeout=timeout_s, metadata=self._rights()
            )
        )
        names = {number: name for name, number in state_pb2.WalletState.items()}
        return names.get(answer.state, str(answer.state))

    async def info(self) -> NodeInfo:
        """Who the node is (needs info:read). Raises `NodeError`."""
        answer = await self._call(
            lambda channel: LightningStub(channel).GetInfo(
                lightning_pb2.GetInfoRequest(), timeout=CALL_TIMEOUT_S, metadata=self._rights()
            )
        )
        return NodeInfo(
            identity_pubkey=answer.identity_pubkey,
            alias=answer.alias,
            version=answer.version,
            network=answer.chains[0].network if answer.chains else "",
            synced_to_chain=answer.synced_to_chain,
            block_height=answer.block_height,
        )

    async def add(
        self,
        *,
        preimage: bytes,
        amount_msat: int,
        memo: str,
        expiry_s: int,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> bool:
        """Add an invoice; 0 msat means any amount. False if there was one of this preimage.

        Raises `NodePassing` when it is unknown whether the node has it, `NodeRefused` when it
        will never take it.
        """
        request = lightning_pb2.Invoice(
            r_preimage=preimage,
            value_msat=amount_msat,
            memo=memo,
            expiry=expiry_s,
            private=self._settings.private_route_hints,
        )
        try:
            await self._call(
                lambda channel: LightningStub(channel).AddInvoice(
                    request, timeout=timeout_s, metadata=self._rights()
                )
            )
        except NodeRefused as error:
            if "payment hash already exists" not in error.detail:
                raise
            return False
        return True

    async def lookup(
        self, payment_hash: bytes, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> NodeInvoice:
        """The invoice with this payment hash.

        Raises `InvoiceUnknown`, which right after an add means nothing: it may appear a moment
        later. Raises other `NodeError`s too.
        """
        request = lightning_pb2.PaymentHash(r_hash=payment_hash)
        return _invoice(
            await self._call(
                lambda channel: LightningStub(channel).LookupInvoice(
                    request, timeout=timeout_s, metadata=self._rights()
                )
            )
        )

    async def cancel(self, payment_hash: bytes) -> None:
        """Cancel an invoice; one that is canceled already is success.

        Raises `AlreadySettled`, `InvoiceUnknown` or another `NodeError`.
        """
        request = invoices_pb2.CancelInvoiceMsg(payment_hash=payment_hash)
        await self._call(
            lambda channel: InvoicesStub(channel).CancelInvoice(
                request, timeout=CALL_TIMEOUT_S, metadata=self._rights()
            )
        )

    async def receivable_msat(self) -> int:
        """What can be received over active channels, reserves kept (needs offchain:read)."""
        answer = await self._call(
            lambda channel: LightningStub(channel).ListChannels(
                lightning_pb2.ListChannelsRequest(active_only=True),
                timeout=CALL_TIMEOUT_S,
                metadata=self._rights(),
            )
        )
        return sum(
            max(0, c.remote_balance - c.remote_constraints.chan_reserve_sat) * 1000
            for c in answer.channels
        )

    async def follow(self, settle_index: int) -> AsyncIterator[NodeInvoice]:
        """Every invoice that is added or settled from now on, of this bot or not.

        `settle_index` > 0 first replays settlements after it. Ends when the node shuts down,
        raises `NodeError` when the connection breaks. Expiry and cancellation make no event.
        """
        subscription = lightning_pb2.InvoiceSubscription(settle_index=settle_index)
        channel = self._connected()
        stream = LightningStub(channel).SubscribeInvoices(subscription, metadata=self._rights())  # type: ignore[no-untyped-call, unused-ignore]
        try:
            with _explained():
                async for message in stream:
                    yield _invoice(message)
        except NodeError as error:
            raise self._renewed_after(error, channel)[0] from None
        finally:
            stream.cancel()

    async def _call(self, call: Callable[[grpc.aio.Channel], Awaitable[Answer]]) -> Answer:
        channel = self._connected()
        try:
            with _explained():
                return await call(channel)
        except NodeError as failure:
            error, renewed = self._renewed_after(failure, channel)
        if not renewed:
            raise error
        with _explained():
            return await call(self._connected())

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            try:
                self._certificate = self._settings.certificate()
                self._macaroon_hex = self._settings.macaroon_hex()
            except ConfigError as error:
                raise NodeSetting(_NOT_READABLE, detail=str(error)) from error
            logs.hide(self._macaroon_hex)
            self._channel = grpc.aio.secure_channel(
                self._settings.host,
                grpc.ssl_channel_credentials(self._certificate),
                options=CHANNEL_OPTIONS,
            )
        return self._channel

    def _rights(self) -> tuple[tuple[str, str], ...]:
        """The macaroon of the day, for one call.

        The channel has TLS only, so it never goes out in the open; gRPC's own way, a plugin that
        is asked for each call in another thread, costs as much as the rest of the call.
        """
        return (("macaroon", self._macaroon_hex),)

    def _renewed_after(self, error: NodeError, used: grpc.aio.Channel) -> tuple[NodeError, bool]:
        """The error, and whether something was read anew so that the call deserves another try."""
        if not isinstance(error, NodeSetting):
            return error, False
        if self._channel is not used:  # another call was first to notice
            return error, True
        try:
            certificate = self._settings.certificate()
            macaroon_hex = self._settings.macaroon_hex()
        except ConfigError as missing:
            return type(error)(detail=f"{error.detail}; {missing}"), False
        if certificate == self._certificate and macaroon_hex == self._macaroon_hex:
            return error, False
        log.info("node credentials read again", because=error.sentence)
        self._channel = None
        closing = asyncio.ensure_future(used.close(grace=CALL_TIMEOUT_S))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return error, True


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What gRPC raises becomes a `NodeError`."""
    try:
        yield
    except grpc.aio.AioRpcError as failure:
        raise explain(failure) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled the caller: the channel was closed under the call, and grpc.aio
        # tells it like this. It must not end the task that follows payments.
        raise NodeUnreachable(detail="connection closed") from None


def _invoice(message: Any) -> NodeInvoice:
    return NodeInvoice(
        payment_hash=message.r_hash,
        payment_request=message.payment_request,
        payment_addr=message.payment_addr,
        memo=message.memo,
        amount_msat=message.value_msat,
        paid_msat=message.amt_paid_msat,
        created_at=message.creation_date,
        expires_at=message.creation_date + message.expiry,
        settled_at=message.settle_date,
        state=_STATES.get(message.state, "unknown"),
        add_index=message.add_index,
        settle_index=message.settle_index,
    )


_NOT_READABLE = (
    "This bot can't read the Lightning node's certificate or its macaroon: its owner has to look "
    "at it."
)
_TLS_FAILURES: tuple[tuple[str, str], ...] = (
    (
        "certificate has expired",
        "The Lightning node's certificate has expired: its owner has to renew it.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The Lightning node's certificate has changed: its owner has to give this bot the new one.",
    ),
    (
        "Hostname Verification",
        "The Lightning node's certificate does not name its address (see LND's tlsextradomain).",
    ),
    (
        "WRONG_VERSION_NUMBER",
        "The Lightning node's address answers without TLS: its owner has to correct lnd.host.",
    ),
    (
        "security handshaker",
        "The certificate given for the Lightning node is damaged: its owner has to give it anew.",
    ),
    ("Ssl handshake failed", "The Lightning node's TLS handshake failed."),
    ("SSL_ERROR", "The Lightning node's TLS handshake failed."),
)

#: Text of an UNKNOWN error → what it means. The first that fits is taken.
_TEXTS: tuple[tuple[str, type[NodeError], str | None], ...] = (
    ("waiting to start", NodeStarting, None),
    ("in the process of starting up", NodeStarting, None),
    ("shutting down", NodeStarting, "The Lightning node is shutting down."),
    (
        "wallet not created",
        NodeLocked,
        "The Lightning node has no wallet yet: its owner has to create one.",
    ),
    ("wallet locked", NodeLocked, None),
    ("permission denied", PermissionMissing, None),
    ("macaroon has expired", MacaroonRefused, "This bot's macaroon has expired: a new one is due."),
    (
        "macaroon locked to different IP",
        MacaroonRefused,
        "This bot's macaroon is bound to another address: its owner has to bake one for here.",
    ),
    ("macaroon", MacaroonRefused, None),
    ("encoding/hex", MacaroonRefused, None),
    ("unmarshal v", MacaroonRefused, None),
    ("verification failed", MacaroonRefused, None),
    ("caveat ", MacaroonRefused, None),
    ("already settled", AlreadySettled, None),
    ("unable to locate invoice", InvoiceUnknown, None),
    ("there are no existing invoices", InvoiceUnknown, None),
    ("memo too large", NodeRefused, "The Lightning node says that the memo is too long."),
    ("data length too big", NodeRefused, "The Lightning node says that the memo is too long."),
    ("invoice amount", NodeRefused, "The Lightning node says that the amount is too large."),
    ("amount cannot be negative", NodeRefused, None),
    ("mutually exclusive", NodeRefused, None),
    ("expiry of", NodeRefused, "The Lightning node says that the expiry is too long."),
    ("invalid preimage length", NodeRefused, None),
    ("payment hash", NodeRefused, None),
    ("invalid hash length", NodeRefused, None),
    ("description hash", NodeRefused, None),
    ("CLTV delta", NodeRefused, None),
    ("context deadline exceeded", NodeTimeout, None),
    ("context canceled", NodeTimeout, None),
)


def explain(error: grpc.aio.AioRpcError) -> NodeError:
    """The `NodeError` for what gRPC reports. Its `detail` is the node's own text, for the log."""
    code, text = error.code(), error.details() or ""
    detail = f"{code.name}: {text}"
    if code is grpc.StatusCode.UNAVAILABLE:
        for part, sentence in _TLS_FAILURES:
            if part in text:
                return CertificateRefused(sentence, detail=detail)
        return NodeUnreachable(detail=detail)
    by_code: dict[grpc.StatusCode, type[NodeError]] = {
        grpc.StatusCode.DEADLINE_EXCEEDED: NodeTimeout,
        grpc.StatusCode.CANCELLED: NodeUnreachable,
        grpc.StatusCode.NOT_FOUND: InvoiceUnknown,
        grpc.StatusCode.UNAUTHENTICATED: MacaroonRefused,
        grpc.StatusCode.PERMISSION_DENIED: PermissionMissing,
    }
    if code in by_code:
        return by_code[code](detail=detail)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NodeSetting(
            "The Lightning node lacks a call that this bot needs: it is too old, or not LND.",
            detail=detail,
        )
    for part, kind, text_sentence in _TEXTS:
        if part in text:
            return kind(text_sentence, detail=detail)
    return NodeOdd(detail=detail)
