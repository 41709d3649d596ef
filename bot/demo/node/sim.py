"""A simulated LND node: real gRPC over TLS with real macaroons. Knows nothing of the product.

Tests and the demo steer it in-process through `SimNode`; a client reaches it over gRPC only. It
answers what lnd answers, with the same codes and texts. `python -m bot.demo.node` starts it alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import grpc.aio
from coincurve import PrivateKey

from bot.demo.node import certificate, ledger, macaroons
from bot.demo.node.calls import Calls
from bot.demo.node.faults import Fail, Hold, Lose
from bot.demo.node.ledger import Channel, Ledger, PaymentFailed, SimInvoice
from bot.demo.node.sockets import break_connections
from bot.lnrpc import lightning_pb2 as pb
from bot.lnrpc import state_pb2

_OPTIONS = (
    # a port in use has to be refused, not shared
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
)
_EXPIRY_DELAY_S = 0.03
_CLOCK_LOOK_S = 0.05
_RPC_ACTIVE_S = 0.1
_PORT_FREE_S = 3.0
_GRACE_S = 0.25
_CALLS_END_S = 5.0


class SimNode:
    """One node. Its invoices outlive `stop` and `kill`, and it comes back at the same port.

    `folder` gets tls.cert, tls.key and the macaroon files at the first start. `clock` gives Unix
    seconds, for invoices and macaroons; TLS goes by the machine's. `channels` are public ones with
    8 BTC to receive in each unless given, and `private_channels` more that become hop hints.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        channels: Sequence[Channel] | None = None,
        private_channels: int = 0,
        alias: str = "simulated node",
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.bakery = macaroons.Bakery(clock)
        if channels is None:
            channels = ledger.channels(2, capacity_sat=1_000_000_000)
        self.ledger = Ledger(
            key=PrivateKey(), clock=clock, channels=channels, changed=self._invoice_changed
        )
        self._calls = Calls(self.ledger, self.bakery, alias=alias, arrived=self._look_around)
        self.set_private_channels(private_channels)
        self._host, self._port = host, port
        self._prepared = False
        self._server: grpc.aio.Server | None = None
        self._expiry: asyncio.Task[None] | None = None
        self._clock_changed = asyncio.Event()
        # no invoice can expire, so nobody looks at the clock
        self._idle = False
        self._watchers: list[Callable[[SimInvoice], None]] = []
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # --- to look at

    @property
    def address(self) -> str:
        """host:port, known after the first start."""
        return f"{self._host}:{self._port}"

    @property
    def identity_pubkey(self) -> str:
        """The node's public key as hex: the payee of its payment requests."""
        return self.ledger.identity_pubkey

    @property
    def state(self) -> str:
        """The wallet's state, by lnd's name."""
        return self._calls.state

    @property
    def calls(self) -> Counter[str]:
        """How many calls have arrived, by method: AddInvoice, GetState, ..."""
        return self._calls.counts

    @property
    def synced_to_chain(self) -> bool:
        """What GetInfo says; without it AddInvoice hangs in RPC_ACTIVE, as lnd's does."""
        return self._calls.synced_to_chain

    @synced_to_chain.setter
    def synced_to_chain(self, synced: bool) -> None:
        self._calls.synced_to_chain = synced

    @property
    def alive(self) -> bool:
        """Whether the node runs, be it reachable or not."""
        return self._expiry is not None

    @property
    def invoices(self) -> Mapping[bytes, SimInvoice]:
        """Every invoice by its payment hash."""
        return self.ledger.invoices

    def watch(self, callback: Callable[[SimInvoice], None]) -> Callable[[], None]:
        """Call back after every change of an invoice. Returns what ends it."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Wait until `condition` holds; looked at after every call, change and state.

        TimeoutError when it does not come true.
        """
        if condition():
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = condition
        try:
            async with asyncio.timeout(timeout_s):
                await waiting
        finally:
            del self._waiting[waiting]

    # --- on and off

    async def start(self, *, starting_s: float = 0.0, locked: bool = False) -> None:
        """Listen, at the same port as before; what is overdue expires. Returns when active.

        With `starting_s` it is UNLOCKED for so long, then RPC_ACTIVE, then SERVER_ACTIVE; with
        `locked` it stays LOCKED. OSError when the port is in use.
        """
        if self.alive:
            raise RuntimeError("the node is running")
        self._prepare_folder()
        self._calls.stopping = False
        self._calls.state = "LOCKED" if locked else "UNLOCKED"
        await self._listen()
        self._expiry = asyncio.create_task(self._expire_forever())
        if not locked:
            await self.unlock(starting_s=starting_s)

    async def stop(self, *, draining_s: float = 0.0) -> None:
        """Shut down gracefully: streams end with OK. Invoices stay.

        For `draining_s` it still answers, and a new subscription ends cleanly at once.
        """
        self._calls.stopping = True
        self.ledger.end_streams()
        if draining_s:
            await asyncio.sleep(draining_s)
        await self._end_life()
        await self._close(grace_s=_GRACE_S)

    async def kill(self) -> None:
        """Die as by SIGKILL: connections break. Invoices stay."""
        await self._end_life()
        await self.down()

    async def down(self) -> None:
        """Out of reach: connections break and are refused, while the node itself goes on."""
        self.break_connections()
        await self._close(grace_s=0)
        self.ledger.end_streams()

    async def up(self) -> None:
        """In reach again after `down`."""
        if self.alive and self._server is None:
            await self._listen()

    def break_connections(self) -> None:
        """Break all connections; new ones are welcome."""
        break_connections(self._port)

    def end_streams(self) -> None:
        """End every subscription cleanly, with OK."""
        self.ledger.end_streams()

    def lock(self) -> None:
        """LOCKED, as after a restart: streams end, calls are refused, nothing expires."""
        self.ledger.end_streams()
        self.set_state("LOCKED")

    async def unlock(self, *, starting_s: float = 0.0) -> None:
        """To SERVER_ACTIVE, at once or as `start` does. Returns when it is there."""
        if starting_s:
            for state, lasts_s in (("UNLOCKED", starting_s), ("RPC_ACTIVE", _RPC_ACTIVE_S)):
                self.set_state(state)
                await asyncio.sleep(lasts_s)
                if not self.alive or self._calls.state != state:
                    return  # stopped or locked meanwhile
        self.set_state("SERVER_ACTIVE")

    def set_state(self, state: str) -> None:
        """Put the wallet into a state of lnd's, such as WAITING_TO_START or RPC_ACTIVE."""
        state_pb2.WalletState.Value(state)
        self._calls.state = state
        if state == "SERVER_ACTIVE":
            self.ledger.expire_due()
        self.clock_changed()

    # --- files

    def bake(
        self,
        permissions: Iterable[str],
        *,
        root_key_id: int = 0,
        caveats: Sequence[str] = (),
        save_to: str | None = None,
    ) -> bytes:
        """A macaroon of this node, written to the file `save_to` of its folder when given.

        See `macaroons.Bakery.bake`; `macaroons` also has the permissions of lnd's own files.
        """
        baked = self.bakery.bake(permissions, root_key_id=root_key_id, caveats=caveats)
        if save_to is not None:
            path = self.folder / save_to
            path.touch(mode=0o600)
            path.write_bytes(baked)
        return baked

    def revoke(self, root_key_id: int) -> None:
        """Make every macaroon of this root key worthless."""
        self.bakery.revoke(root_key_id)

    def renew_macaroons(self) -> None:
        """New root keys and new files: all macaroons baked before fail."""
        self.bakery.renew()
        self._write_macaroons()

    def renew_certificate(
        self, *, valid_s: int = certificate.VALID_S, hosts: Sequence[str] = certificate.HOSTS
    ) -> None:
        """Write a new certificate; the server takes it at its next start, as lnd does."""
        certificate.make(self.folder, valid_s=valid_s, hosts=hosts)

    # --- invoices

    def pay(
        self,
        payment_request: str,
        *,
        amount_msat: int | None = None,
        late: bool = False,
        hold: bool = False,
    ) -> SimInvoice:
        """Somebody pays; the invoice is settled, or with `hold` accepted until `settle`.

        `amount_msat` is for requests of any amount, or to pay more. `late` pays after the expiry
        time what the node has not cancelled yet. Raises PaymentFailed.
        """
        if not self.alive or self._calls.state != "SERVER_ACTIVE":
            raise PaymentFailed("FAILURE_REASON_NO_ROUTE")
        return self.ledger.pay(payment_request, amount_msat=amount_msat, late=late, hold=hold)

    def settle(self, payment_hash: bytes) -> SimInvoice:
        """Settle what was paid with `hold`."""
        return self.ledger.settle(payment_hash)

    def add_invoice(self, amount_msat: int = 0, *, memo: str = "", expiry_s: int = 0) -> SimInvoice:
        """An invoice of another program on the same node."""
        request = pb.Invoice(value_msat=amount_msat, memo=memo, expiry=expiry_s)
        return self.ledger.add(request)

    def cancel_invoice(self, payment_hash: bytes) -> None:
        """Somebody cancels it at the node. Raises ledger.Refusal."""
        self.ledger.cancel(payment_hash)

    def delete_invoice(self, payment_hash: bytes) -> None:
        """The node cleans up: the invoice is unknown from now on."""
        self.ledger.delete(payment_hash)

    def tell_again(self, payment_hash: bytes) -> None:
        """Send an invoice's event once more to all subscribers."""
        self.ledger.tell_again(payment_hash)

    def expire_due(self) -> None:
        """Cancel what is overdue now. Runs by itself some 30 ms after each expiry."""
        self.ledger.expire_due()

    def clock_changed(self) -> None:
        """Look at the clock again at once; unasked it is looked at every 50 ms."""
        self._clock_changed.set()
        self._look_around()

    def set_private_channels(self, count: int) -> None:
        """So many private channels; 20 at most become hop hints."""
        public = [each for each in self.ledger.channels if not each.private]
        private = ledger.channels(count, capacity_sat=10_000_000, private=True)
        self.ledger.channels = public + private

    def restore_from_seed(self, *, keep: Iterable[bytes] = ()) -> None:
        """The same identity with an empty database, but for the invoices of `keep`.

        Add and settle indexes start at 1 again. Streams end.
        """
        self.ledger.end_streams()
        self.ledger.restore(list(keep))

    def become_other_node(self) -> None:
        """Another identity, database, macaroons and certificate. For a node that is stopped."""
        if self.alive:
            raise RuntimeError("stop the node first: a certificate is taken at a start")
        self.ledger.key = PrivateKey()
        self.ledger.restore(())
        self.renew_macaroons()
        self.renew_certificate()

    # --- faults, for the calls to come; a method is named as AddInvoice

    def fail(
        self,
        method: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        text: str = "",
        times: int = 1,
    ) -> None:
        """The next calls are refused before they act."""
        self._calls.faults.put(method, Fail(code, text), times)

    def lose_answer(self, method: str, *, times: int = 1) -> None:
        """The next calls act, and instead of the answer their connection breaks."""
        self._calls.faults.put(method, Lose(breaks=True), times)

    def hang(self, method: str, *, times: int = 1) -> None:
        """The next calls act, and are never answered: only a deadline ends them."""
        self._calls.faults.put(method, Lose(breaks=False), times)

    def appear_late(self, seconds: float) -> None:
        """An AddInvoice whose answer is lost acts only so long after."""
        self._calls.late_s = seconds

    def slow(self, method: str, seconds: float) -> None:
        """All calls wait so long before they act, caller or no caller; 0 ends it."""
        self._calls.faults.slow(method, seconds)

    def hold(self, method: str, *, before: bool = False) -> Hold:
        """The next call is held after it has acted, or `before`, until it is let go."""
        held = Hold(before=before)
        self._calls.faults.put(method, held)
        return held

    def clear_faults(self) -> None:
        """No more faults."""
        self._calls.faults.clear()
        self._calls.late_s = 0.0

    # --- inside

    async def _listen(self) -> None:
        server = grpc.aio.server(options=_OPTIONS)
        self._calls.add_to(server)
        credentials = grpc.ssl_server_credentials(
            [((self.folder / "tls.key").read_bytes(), (self.folder / "tls.cert").read_bytes())]
        )
        await self._bind(server, credentials)
        await server.start()
        self._server = server

    async def _bind(self, server: grpc.aio.Server, credentials: grpc.ServerCredentials) -> None:
        # after a stop the kernel and gRPC take a moment to let go of the port
        patience_until = time.monotonic() + (_PORT_FREE_S if self._prepared else 0)
        while not self._port_is_free():
            if time.monotonic() > patience_until:
                raise OSError(errno.EADDRINUSE, f"{self.address} is in use")
            await asyncio.sleep(0.02)
        try:
            self._port = self._calls.port = server.add_secure_port(self.address, credentials)
        except RuntimeError:
            raise OSError(errno.EADDRNOTAVAIL, f"{self.address} can't be listened at") from None
        self._prepared = True

    def _port_is_free(self) -> bool:
        """Asked of the kernel first, since gRPC writes its own lines about a port in use."""
        host = self._host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, self._port), family=family).close()
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True

    async def _close(self, *, grace_s: float) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        closing = asyncio.create_task(server.stop(_CALLS_END_S))
        await asyncio.wait({closing}, timeout=grace_s)
        # those of calls that still wait, or that came in meanwhile
        self.break_connections()
        await closing

    async def _end_life(self) -> None:
        self._calls.forget_late()
        expiry, self._expiry = self._expiry, None
        if expiry is not None:
            expiry.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await expiry

    async def _expire_forever(self) -> None:
        while True:
            self._clock_changed.clear()
            due = self.ledger.next_expiry if self._calls.state == "SERVER_ACTIVE" else None
            left_s = None if due is None else due - self.clock()
            if left_s is not None and left_s <= 0:
                await asyncio.sleep(_EXPIRY_DELAY_S)
                self.ledger.expire_due()
            else:
                look_s = None if left_s is None else min(left_s, _CLOCK_LOOK_S)
                self._idle = look_s is None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(look_s):
                        await self._clock_changed.wait()

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._prepared:
            if not certificate.usable(self.folder):
                certificate.make(self.folder)
            self._write_macaroons()

    def _write_macaroons(self) -> None:
        self.bake(macaroons.ADMIN, save_to="admin.macaroon")
        self.bake(macaroons.INVOICE, save_to="invoice.macaroon")
        self.bake(macaroons.READONLY, save_to="readonly.macaroon")

    def _invoice_changed(self, invoice: SimInvoice) -> None:
        if self._idle:
            self._clock_changed.set()
        for callback in list(self._watchers):
            callback(invoice)
        self._look_around()

    def _look_around(self) -> None:
        for waiting, condition in self._waiting.items():
            if not waiting.done() and condition():
                waiting.set_result(None)
