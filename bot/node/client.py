"""The Lightning node's calls: add, look up, cancel, subscribe, state, bake. Knows gRPC's calls.

Whatever the node or the connection says becomes one of `bot.errors`' `NodeError`s.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from bot import logs
from bot.aside import aside
from bot.clock import steady
from bot.config import LndSettings
from bot.core.answers import NodeInfo, NodeInvoice, WalletState
from bot.errors import (
    AlreadySettled,
    ConfigError,
    CredentialsUnreadable,
    HashExists,
    InvoiceUnknown,
    NodeError,
    NodeNameUnknown,
    NodeOdd,
    NodeSetting,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
    TermLost,
)
from bot.fence import Fence
from bot.lnrpc import invoices_pb2, lightning_pb2, state_pb2
from bot.lnrpc.invoices_pb2_grpc import InvoicesStub
from bot.lnrpc.lightning_pb2_grpc import LightningStub
from bot.lnrpc.state_pb2_grpc import StateStub
from bot.metrics import METER
from bot.node import messages
from bot.node.channel import has_connected, open_channel
from bot.node.explain import explain

log = logs.get(__name__)

#: Seconds that the node gets to list its channels, before an invoice is made without knowing them.
CHANNELS_TIMEOUT_S = 2.0

#: Seconds for which a stream waits for its connection, where the fence is looked at after it.
CONNECT_TIMEOUT_S = 20.0

#: Seconds after which a call is given up; what it did is then unknown.
CALL_TIMEOUT_S = 10.0

#: Seconds for which a call that was refused waits for the certificate and the macaroon.
READ_TIMEOUT_S = 2.0

#: What is an answer like any other, by an error's class.
_ANSWERS = (HashExists, InvoiceUnknown, AlreadySettled)

Answer = TypeVar("Answer")


class Node:
    """A connection to one LND node. Cheap to make: the first call connects.

    The certificate and the macaroon are read again, and the call made once more, when the node
    stops accepting them. Nothing is asked but where `fence` is open.
    """

    def __init__(self, settings: LndSettings, fence: Fence | None = None) -> None:
        self._settings = settings
        self._fence = fence or Fence()
        self._macaroon_hex = ""
        self._certificate: bytes | None = None
        self._accepted: bytes | None = None  # the pinned one with which the node answered last
        self._channel: grpc.aio.Channel | None = None
        self._reading: asyncio.Task[tuple[bytes | None, str]] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._tells_odd = True
        self._all_private = False
        #: What the active channels could receive when they were listed last, in msat; None where
        #: nobody knows. It is a little high: see `bot.core.inbound`.
        self.inbound_msat: int | None = None

    async def close(self) -> None:
        """Close the connection; calls under way end with `NodeUnreachable`."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.gather(*self._closing)

    @property
    def certificate_key(self) -> str:
        """The setting that the pinned certificate comes from, or belongs in."""
        return self._settings.certificate_key

    def certificate(self) -> bytes | None:
        """The pinned certificate in use, as PEM; that of the settings where there is no connection.

        None: the system's certificate authorities are asked. Raises ConfigError.
        """
        return self._settings.certificate() if self._channel is None else self._certificate

    def macaroon_hex(self) -> str:
        """The macaroon in use; that of the settings where there is no connection.

        Raises ConfigError.
        """
        return self._settings.macaroon_hex() if self._channel is None else self._macaroon_hex

    async def state(self, *, timeout_s: float = CALL_TIMEOUT_S) -> WalletState:
        """The wallet's state.

        It is answered in every state and needs no macaroon. Raises `NodeError`.
        """
        answer = await self._call(
            lambda channel: StateStub(channel).GetState,
            state_pb2.GetStateRequest(),
            timeout_s=timeout_s,
        )
        return messages.wallet_state(answer)

    async def info(self) -> NodeInfo:
        """Who the node is (needs info:read). Raises `NodeError`."""
        answer = await self._call(
            lambda channel: LightningStub(channel).GetInfo,
            lightning_pb2.GetInfoRequest(),
            timeout_s=CALL_TIMEOUT_S,
        )
        return messages.info(answer)

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
            private=self._has_hints,
        )
        try:
            await self._call(
                lambda channel: LightningStub(channel).AddInvoice, request, timeout_s=timeout_s
            )
        except HashExists:
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
        answer = await self._call(
            lambda channel: LightningStub(channel).LookupInvoice, request, timeout_s=timeout_s
        )
        found = messages.invoice(answer)
        if found.payment_hash != payment_hash:
            raise NodeOdd(detail="another invoice than the one that was looked up")
        return found

    async def cancel(self, payment_hash: bytes) -> None:
        """Cancel an invoice; one that is canceled already is success.

        Raises `AlreadySettled`, `InvoiceUnknown` or another `NodeError`.
        """
        request = invoices_pb2.CancelInvoiceMsg(payment_hash=payment_hash)
        await self._call(
            lambda channel: InvoicesStub(channel).CancelInvoice, request, timeout_s=CALL_TIMEOUT_S
        )

    async def receivable_msat(self) -> int:
        """What active channels can receive, reserves kept (needs offchain:read).

        Raises `NodeError`.
        """
        return messages.receivable_msat(await self._channels(timeout_s=CALL_TIMEOUT_S))

    async def are_private(self) -> tuple[bool, ...]:
        """Of each active channel, or of all where none is, whether it is private.

        Needs offchain:read. Raises `NodeError`.
        """
        return messages.are_private(await self._channels(timeout_s=CALL_TIMEOUT_S))

    async def refresh_channels(self) -> bool:
        """Ask whether payment requests need hints for private channels, and what can be received.

        Raises no `NodeError`; False where the node does not list its channels now. Whether hints
        are needed stays as it was known then; what can be received is unknown.
        """
        try:
            answer = await self._channels(timeout_s=CHANNELS_TIMEOUT_S)
            channels = messages.are_private(answer)
            self._all_private = bool(channels) and all(channels)
            self.inbound_msat = messages.receivable_msat(answer)
        except NodeError as error:
            self.inbound_msat = None
            if isinstance(error, PermissionMissing):
                self._all_private = False
                return True
            log.debug("channels not listed", detail=error.detail)
            return False
        return True

    async def _channels(self, *, timeout_s: float) -> lightning_pb2.ListChannelsResponse:
        return await self._call(
            lambda channel: LightningStub(channel).ListChannels,
            lightning_pb2.ListChannelsRequest(),
            timeout_s=timeout_s,
        )

    @property
    def _has_hints(self) -> bool:
        """Whether the next invoice has hints, as far as it is known: nobody waits for that."""
        setting = self._settings.private_route_hints
        return self._all_private if setting == "auto" else setting

    async def bake(self, methods: Iterable[str], *, root_key_id: int) -> str:
        """A new macaroon for these calls (needs macaroon:generate), as hex: it is in no log.

        Raises `NodeError`; `CallMissing` where the node lacks one of the calls.
        """
        permissions = [
            lightning_pb2.MacaroonPermission(entity="uri", action=method) for method in methods
        ]
        request = lightning_pb2.BakeMacaroonRequest(
            permissions=permissions, root_key_id=root_key_id
        )
        answer = await self._call(
            lambda channel: LightningStub(channel).BakeMacaroon, request, timeout_s=CALL_TIMEOUT_S
        )
        baked: str = answer.macaroon
        logs.redact(baked)
        return baked

    async def subscribe(self, settle_index: int) -> AsyncIterator[NodeInvoice]:
        """Every invoice that is added or settled from now on, of this bot or not.

        `settle_index` > 0 first replays settlements after it. Ends when the node shuts down,
        raises `NodeError` when the connection breaks. Expiry and cancellation make no event.
        One that cannot be read is passed over.
        """
        subscription = lightning_pb2.InvoiceSubscription(settle_index=settle_index)
        channel, _ = await self._way(CONNECT_TIMEOUT_S)
        stream = LightningStub(channel).SubscribeInvoices(subscription, metadata=self._rights())  # type: ignore[no-untyped-call, unused-ignore]
        try:
            with self._explained():
                async for message in stream:
                    event = self._event(message)
                    if event is not None:
                        yield event
        except NodeError as error:
            raise (await self._renewed_after(error, channel))[0] from None
        finally:
            stream.cancel()

    def _event(self, message: Any) -> NodeInvoice | None:
        """An event of the stream. An odd one must not end it: it would come again each time."""
        try:
            return messages.invoice(messages.decoded(message))
        except NodeOdd as odd:
            tell, self._tells_odd = log.warning if self._tells_odd else log.debug, False
            tell("unreadable event of the node passed over", detail=odd.detail)
            return None

    async def _call(
        self,
        method: Callable[[grpc.aio.Channel], Callable[..., Awaitable[Answer]]],
        request: Message,
        *,
        timeout_s: float,
    ) -> Answer:
        channel, left_s = await self._way(timeout_s)
        try:
            with self._explained():
                return await self._asked(method(channel), request, left_s)
        except NodeError as failure:
            error, renewed = await self._renewed_after(failure, channel)
        if not renewed:
            raise error
        # Its traceback has this frame, and the call in it keeps the channel that was retired: until
        # the two are collected, that would try its old certificate once a second.
        del error
        channel, left_s = await self._way(timeout_s)
        with self._explained():
            return await self._asked(method(channel), request, left_s)

    async def _asked(
        self, method: Callable[..., Awaitable[Answer]], request: Message, timeout_s: float
    ) -> Answer:
        answer = await method(request, timeout=timeout_s, metadata=self._rights())
        return messages.decoded(answer)

    async def _way(self, timeout_s: float) -> tuple[grpc.aio.Channel, float]:
        """The channel, and how many seconds are left for a call.

        A call waits for its connection within gRPC, and would leave whatever became of the fence
        meanwhile. So where the fence can shut, the connection comes first, and the fence is looked
        at last. Raises `NodeError`.
        """
        await self._may_ask()
        began_at = steady()
        channel = self._channel or await self._connected(timeout_s)
        left_s = timeout_s - (steady() - began_at)
        if self._fence.is_always_open:
            return channel, left_s
        while True:
            left_s -= await self._connection(channel, within_s=left_s)
            if self._fence.is_open():
                return channel, max(0.0, left_s)
            await self._may_ask()

    async def _connection(self, channel: grpc.aio.Channel, *, within_s: float) -> float:
        """Wait for it; how many seconds that took. Raises `NodeError`."""
        began_at = steady()
        try:
            async with asyncio.timeout(within_s):
                await has_connected(channel)
        except TimeoutError:
            raise _counted(NodeTimeout(detail="no connection in time")) from None
        except grpc.aio.UsageError:
            raise _counted(NodeUnreachable(detail="connection closed")) from None
        return steady() - began_at

    async def _may_ask(self) -> None:
        """Wait until a call may leave. Raises `NodeUnreachable` where another process acts."""
        if self._fence.is_always_open:
            return
        try:
            await self._fence.passed()
        except TermLost as error:
            raise NodeUnreachable(detail="another process acts") from error

    async def _connected(self, within_s: float) -> grpc.aio.Channel:
        try:
            certificate, macaroon_hex = await self._credentials(within_s)
        except ConfigError as error:
            raise _counted(CredentialsUnreadable(detail=str(error))) from error
        except TimeoutError:
            detail = "their files give no answer"
            raise _counted(CredentialsUnreadable(detail=detail)) from None
        if self._channel is None:  # another call may have been first
            self._certificate, self._macaroon_hex = certificate, macaroon_hex
            logs.redact(self._macaroon_hex)
            self._channel = open_channel(
                self._settings.host, self._certificate, proxy=self._settings.proxy
            )
        return self._channel

    async def _credentials(self, within_s: float) -> tuple[bytes | None, str]:
        """The certificate and the macaroon as their files are: read once at a time, for all calls
        that wait for them. Raises ConfigError, and TimeoutError."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(aside(self._read))
            self._reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        async with asyncio.timeout(within_s):
            return await asyncio.shield(self._reading)

    def _read(self) -> tuple[bytes | None, str]:
        return self._settings.certificate(), self._settings.macaroon_hex()

    def _rights(self) -> tuple[tuple[str, str], ...]:
        """The macaroon of the day, for one call.

        The channel has TLS only, so it never goes out in the open; gRPC's own way, a plugin that
        is asked for each call in another thread, costs as much as the rest of the call.
        """
        return (("macaroon", self._macaroon_hex),)

    async def _renewed_after(
        self, error: NodeError, used: grpc.aio.Channel
    ) -> tuple[NodeError, bool]:
        """The error, and whether something new was read, so that another try makes sense."""
        if isinstance(error, NodeNameUnknown) and self._channel is used:
            # gRPC's own pauses before it asks for a name again grow to two minutes.
            self._retire(used)
        if not isinstance(error, NodeSetting):
            return error, False
        if self._channel is not used:  # another call was first to notice
            return error, True
        try:
            certificate, macaroon_hex = await self._credentials(READ_TIMEOUT_S)
        except ConfigError as missing:
            return type(error)(detail=f"{error.detail}; {missing}"), False
        except TimeoutError:  # what was refused is what there is to say
            return error, False
        if self._channel is not used:  # meanwhile
            return error, True
        if certificate == self._certificate and macaroon_hex == self._macaroon_hex:
            return error, False
        log.info("node credentials read again", because=error.key)
        self._retire(used)
        return error, True

    def _retire(self, used: grpc.aio.Channel) -> None:
        """The next call opens another channel; those under way may end on this one."""
        self._channel = None
        closing = asyncio.ensure_future(used.close(grace=CALL_TIMEOUT_S))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """What gRPC raises becomes a `NodeError`."""
        pinned = self._certificate
        try:
            yield
        except grpc.aio.AioRpcError as failure:
            raise _counted(
                explain(
                    failure, is_pinned=pinned is not None, was_accepted=pinned == self._accepted
                )
            ) from None
        except NodeOdd as odd:
            raise _counted(odd) from None
        except KeyError as failure:
            # grpc.aio looks up the status by its number, and there are only 17.
            raise _counted(NodeOdd(detail=f"status {failure}")) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled the caller: the channel was closed under the call, and grpc.aio
            # reports it like this. It must not end the task that is subscribed to payments.
            raise _counted(NodeUnreachable(detail="connection closed")) from None
        else:
            self._accepted = pinned


def _counted(error: NodeError) -> NodeError:
    if not isinstance(error, _ANSWERS):
        METER.node_errors.add(type(error).__name__)
    return error
