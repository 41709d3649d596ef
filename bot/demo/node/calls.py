"""How the simulated node answers gRPC calls. Knows nothing of its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import urllib.parse
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
import grpc.aio

from bot.demo.node import macaroons
from bot.demo.node.faults import Fail, Faults, Garble, Lose, Stall
from bot.demo.node.ledger import Ledger
from bot.demo.node.log import Log
from bot.demo.node.refusals import Refusal
from bot.demo.node.server import Server
from bot.demo.node.subscription import Subscription
from bot.demo.node.wallet import Wallet
from bot.lnrpc import invoices_pb2, state_pb2
from bot.lnrpc import lightning_pb2 as pb
from bot.lnrpc.invoices_pb2_grpc import InvoicesServicer, add_InvoicesServicer_to_server
from bot.lnrpc.lightning_pb2_grpc import LightningServicer, add_LightningServicer_to_server
from bot.lnrpc.state_pb2_grpc import StateServicer, add_StateServicer_to_server

Answer = TypeVar("Answer")
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

# method → its full name, and the permission it needs
METHODS = {
    "AddInvoice": ("/lnrpc.Lightning/AddInvoice", "invoices:write"),
    "LookupInvoice": ("/lnrpc.Lightning/LookupInvoice", "invoices:read"),
    "SubscribeInvoices": ("/lnrpc.Lightning/SubscribeInvoices", "invoices:read"),
    "GetInfo": ("/lnrpc.Lightning/GetInfo", "info:read"),
    "ListChannels": ("/lnrpc.Lightning/ListChannels", "offchain:read"),
    "BakeMacaroon": ("/lnrpc.Lightning/BakeMacaroon", "macaroon:generate"),
    "CancelInvoice": ("/invoicesrpc.Invoices/CancelInvoice", "invoices:write"),
    "GetState": ("/lnrpc.State/GetState", ""),
}
# what a macaroon can be baked for by name; who has no permission to need is not among them
_URIS = frozenset(full for full, permission in METHODS.values() if permission)
# what gRPC makes of a proxy's answer that nothing came for too long
_CUT = "Received http2 header with status: 504"
#: Of the newest calls it is known who made them.
_KEPT_CALLS = 10_000
_SERVICES = frozenset(full[1:].partition("/")[0] for full, _ in METHODS.values())


class Calls(LightningServicer, InvoicesServicer, StateServicer):
    """Every call of the node, from its arrival to its answer.

    `arrived` is called after each call, and each invoice looked up, has been counted.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        bakery: macaroons.Bakery,
        wallet: Wallet,
        server: Server,
        faults: Faults,
        alias: str,
        log: Log,
        arrived: Callable[[], None],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.peer_ports: deque[int] = deque(maxlen=_KEPT_CALLS)
        self.lookups: Counter[bytes] = Counter()
        # shutting down: a new subscription ends cleanly at once
        self.stopping = False
        self._ledger = ledger
        self._bakery = bakery
        self._wallet = wallet
        self._server = server
        self._faults = faults
        self.alias = alias
        self._log = log
        self._arrived = arrived
        self._late: set[asyncio.TimerHandle] = set()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let `server` pass its calls to this."""
        add_LightningServicer_to_server(self, server)
        add_InvoicesServicer_to_server(self, server)
        add_StateServicer_to_server(self, server)
        server.add_generic_rpc_handlers((_Unknown(),))

    def forget_late(self) -> None:
        """The node has died: calls that would act later never will."""
        for handle in self._late:
            handle.cancel()
        self._late.clear()

    # --- the calls, by gRPC's names

    async def AddInvoice(  # noqa: N802
        self, request: pb.Invoice, context: Context
    ) -> pb.AddInvoiceResponse:
        """lnrpc.Lightning/AddInvoice."""

        def act() -> pb.AddInvoiceResponse:
            invoice = self._ledger.add(request)
            return pb.AddInvoiceResponse(
                r_hash=invoice.payment_hash,
                payment_request=invoice.payment_request,
                add_index=invoice.add_index,
                payment_addr=invoice.payment_addr,
            )

        payment_hash = hashlib.sha256(request.r_preimage).digest() if request.r_preimage else b""
        answer = await self._answer("AddInvoice", context, act, payment_hash)
        if self._wallet.traps_adds:
            await _for_ever()
        return answer

    async def LookupInvoice(  # noqa: N802
        self, request: pb.PaymentHash, context: Context
    ) -> pb.Invoice:
        """lnrpc.Lightning/LookupInvoice."""

        def act() -> pb.Invoice:
            try:
                payment_hash = request.r_hash or macaroons.unhex(request.r_hash_str)
            except macaroons.MacaroonRefusal as refusal:
                raise Refusal(str(refusal)) from None
            self.lookups[payment_hash] += 1
            self._arrived()
            return self._ledger.lookup(payment_hash).message()

        return await self._answer("LookupInvoice", context, act, request.r_hash)

    async def SubscribeInvoices(  # noqa: N802
        self, request: pb.InvoiceSubscription, context: Context
    ) -> AsyncIterator[pb.Invoice]:
        """lnrpc.Lightning/SubscribeInvoices."""
        await self._answer("SubscribeInvoices", context, lambda: None)
        if self.stopping:
            return
        subscription = self._ledger.subscribe(request.add_index, request.settle_index)
        try:
            while (invoice := await self._event(subscription, context)) is not None:
                told = self._log.arrived("SubscribeInvoices", invoice.r_hash)
                yield self._faults.event(invoice)
                self._log.ended(told, "answered")
        finally:
            self._ledger.unsubscribe(subscription)

    async def _event(self, subscription: Subscription, context: Context) -> pb.Invoice | None:
        """The next one, unless a proxy cuts the stream before."""
        try:
            async with asyncio.timeout(self._faults.idle_s):
                return await subscription.next()
        except TimeoutError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _CUT)

    async def GetInfo(  # noqa: N802
        self, _request: pb.GetInfoRequest, context: Context
    ) -> pb.GetInfoResponse:
        """lnrpc.Lightning/GetInfo."""
        return await self._answer("GetInfo", context, self._info)

    async def ListChannels(  # noqa: N802
        self, request: pb.ListChannelsRequest, context: Context
    ) -> pb.ListChannelsResponse:
        """lnrpc.Lightning/ListChannels."""

        def act() -> pb.ListChannelsResponse:
            shown = [
                each for each in self._ledger.channels if each.active or not request.active_only
            ]
            return pb.ListChannelsResponse(channels=[each.message() for each in shown])

        return await self._answer("ListChannels", context, act)

    async def BakeMacaroon(  # noqa: N802
        self, request: pb.BakeMacaroonRequest, context: Context
    ) -> pb.BakeMacaroonResponse:
        """lnrpc.Lightning/BakeMacaroon."""

        def act() -> pb.BakeMacaroonResponse:
            wanted = [(each.entity, each.action) for each in request.permissions]
            try:
                macaroons.check_wanted(
                    wanted, uris=_URIS, any_entity=request.allow_external_permissions
                )
            except macaroons.MacaroonRefusal as refusal:
                raise Refusal(str(refusal)) from None
            baked = self._bakery.bake(
                [f"{entity}:{action}" for entity, action in wanted],
                root_key_id=request.root_key_id,
            )
            return pb.BakeMacaroonResponse(macaroon=baked.hex())

        return await self._answer("BakeMacaroon", context, act)

    async def CancelInvoice(  # noqa: N802
        self, request: invoices_pb2.CancelInvoiceMsg, context: Context
    ) -> invoices_pb2.CancelInvoiceResp:
        """invoicesrpc.Invoices/CancelInvoice."""

        def act() -> invoices_pb2.CancelInvoiceResp:
            self._ledger.cancel(request.payment_hash)
            return invoices_pb2.CancelInvoiceResp()

        return await self._answer("CancelInvoice", context, act, request.payment_hash)

    async def GetState(  # noqa: N802
        self, _request: state_pb2.GetStateRequest, context: Context
    ) -> state_pb2.GetStateResponse:
        """lnrpc.State/GetState."""

        def act() -> state_pb2.GetStateResponse:
            return state_pb2.GetStateResponse(state=state_pb2.WalletState.Value(self._wallet.state))

        return await self._answer("GetState", context, act)

    # --- how each of them is answered

    async def _answer(
        self,
        method: str,
        context: Context,
        act: Callable[[], Answer],
        payment_hash: bytes = b"",
    ) -> Answer:
        """Count the call and note how it goes."""
        call = self._log.arrived(method, payment_hash)
        try:
            answer = await self._met(method, context, act)
        except grpc.aio.AbortError:
            self._log.ended(call, "refused", _text(context))
            raise
        except BaseException:  # whoever asked has gone, or is made to think so
            self._log.ended(call, "lost")
            raise
        self._log.ended(call, "answered")
        return answer

    async def _met(self, method: str, context: Context, act: Callable[[], Answer]) -> Answer:
        """Let the call meet its fault, check state and macaroon, act."""
        self.counts[method] += 1
        self.peer_ports.append(int(context.peer().rpartition(":")[2]))
        self._arrived()
        if self._faults.packs(method):
            context.set_compression(grpc.Compression.Gzip)
            await context.send_initial_metadata(())  # else grpc.aio forgets it
        await self._admit(method, context)
        fault = self._faults.next_fault(method)
        if isinstance(fault, Fail):
            await context.abort(fault.code, fault.text)
        delay_s = self._faults.delay_s(method)
        try:
            if isinstance(fault, Lose):
                self._act_unheard(method, act)
                await self._lost(context, breaks=fault.breaks, headers=fault.headers)
            if isinstance(fault, Stall):
                return await self._stalled(context, act, fault)
            answer = await self._later(act, delay_s) if delay_s else act()
        except Refusal as refusal:
            code = grpc.StatusCode.NOT_FOUND if refusal.not_found else grpc.StatusCode.UNKNOWN
            await context.abort(code, refusal.text)
        return fault.change(answer) if isinstance(fault, Garble) else answer

    async def _admit(self, method: str, context: Context) -> None:
        """The wallet's state first, then the macaroon."""
        uri, permission = METHODS[method]
        if not permission:
            return
        if text := self._wallet.refusal:
            await context.abort(grpc.StatusCode.UNKNOWN, text)
        presented = [
            value for key, value in context.invocation_metadata() or () if key == "macaroon"
        ]
        try:
            self._bakery.check(
                presented, permission=permission, uri=uri, address=_ip_address(context.peer())
            )
        except macaroons.MacaroonRefusal as refusal:
            await context.abort(grpc.StatusCode.UNKNOWN, str(refusal))

    def _act_unheard(self, method: str, act: Callable[[], Answer]) -> None:
        if late_s := self._faults.late_s(method):
            self._act_at(late_s, act)
        else:
            with contextlib.suppress(Refusal):
                act()

    async def _lost(self, context: Context, *, breaks: bool, headers: bool = False) -> NoReturn:
        if headers:
            await context.send_initial_metadata(())
        if breaks:
            peer_port = int(context.peer().rpartition(":")[2])
            self._server.break_connections(peer_port=peer_port)
        await _for_ever()

    async def _stalled(self, context: Context, act: Callable[[], Answer], stall: Stall) -> Answer:
        if stall.before:
            if not await stall.wait():
                await self._lost(context, breaks=True)
            return act()
        try:
            return act()
        finally:
            if not await stall.wait():
                await self._lost(context, breaks=True)

    async def _later(self, act: Callable[[], Answer], seconds: float) -> Answer:
        """Act after a while, even if the caller has left by then."""
        return await asyncio.shield(self._act_at(seconds, act))

    def _act_at(self, seconds: float, act: Callable[[], Answer]) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Answer] = loop.create_future()

        def go() -> None:
            self._late.discard(handle)
            try:
                outcome.set_result(act())
            except Refusal as refusal:
                outcome.set_exception(refusal)
                outcome.exception()  # retrieved: the caller might have left

        handle = loop.call_later(seconds, go)
        self._late.add(handle)
        return outcome

    def _info(self) -> pb.GetInfoResponse:
        channels = self._ledger.channels
        return pb.GetInfoResponse(
            identity_pubkey=self._ledger.identity_pubkey,
            alias=self.alias,
            num_active_channels=sum(channel.active for channel in channels),
            num_peers=len(channels),
            block_height=700_000,
            synced_to_chain=self._wallet.synced_to_chain,
            synced_to_graph=self._wallet.synced_to_chain,
            version="0.21.99-beta commit=simulated",
            chains=[pb.Chain(chain="bitcoin", network="simnet")],
        )


class _Unknown(grpc.GenericRpcHandler):
    """Calls that this node does not have."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A handler that refuses the call."""
        service, _, method = handler_call_details.method[1:].rpartition("/")
        text = (
            f"unknown method {method} for service {service}"
            if service in _SERVICES
            else f"unknown service {service}"
        )

        async def refuse(_requests: AsyncIterator[bytes], context: Context) -> None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.stream_stream_rpc_method_handler(refuse)


def _text(context: Context) -> str:
    """The text that a call was refused with."""
    details = context.details()
    return details if isinstance(details, str) else details.decode()


async def _for_ever() -> NoReturn:
    """Until the call is cancelled: by its caller, a broken connection, or the server's end."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


def _ip_address(peer: str) -> str:
    """The address in gRPC's `ipv4:127.0.0.1:4242` or `ipv6:%5B::1%5D:4242`."""
    return urllib.parse.unquote(peer.partition(":")[2].rpartition(":")[0]).strip("[]")
