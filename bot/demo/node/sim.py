"""The simulated node as tests and the demo steer it. Knows all its parts, and no client.

A client reaches it over gRPC only, and gets what LND answers, with the same codes and texts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from coincurve import PrivateKey

from bot.demo.node import certificate
from bot.demo.node.calls import METHODS, Calls
from bot.demo.node.channels import Channel, open_channels
from bot.demo.node.daemon import Daemon
from bot.demo.node.faults import Faults
from bot.demo.node.files import Files
from bot.demo.node.invoice import SimInvoice
from bot.demo.node.ledger import Kept, Ledger
from bot.demo.node.log import Log, NodeCall
from bot.demo.node.macaroons import Bakery
from bot.demo.node.onlookers import Onlookers
from bot.demo.node.refusals import PaymentFailed
from bot.demo.node.server import Server
from bot.demo.node.wallet import Wallet
from bot.lnrpc import lightning_pb2 as pb


@dataclass(frozen=True)
class Identity:
    """A node that another one stands in for: its name, invoices, root keys and files."""

    alias: str
    ledger: Kept
    root_keys: Mapping[int, bytes]
    files: Mapping[str, bytes]


class SimNode(Daemon, Faults):
    """One node: its process, its faults, and what people and other programs do to its invoices.

    `folder` gets tls.cert, tls.key and the macaroon files at the first start. `clock` returns Unix
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
        Faults.__init__(self, METHODS)
        if channels is None:
            channels = open_channels(2, capacity_sat=1_000_000_000)
        ledger = Ledger(
            key=PrivateKey(), clock=clock, channels=channels, changed=self._invoice_changed
        )
        self.bakery = Bakery(clock)
        wallet, server, onlookers = Wallet(), Server(host, port), Onlookers()
        self._log = log = Log(clock)
        log.watch(onlookers.check)
        calls = Calls(
            ledger=ledger,
            bakery=self.bakery,
            wallet=wallet,
            server=server,
            faults=self,
            alias=alias,
            log=log,
            arrived=onlookers.check,
        )
        Daemon.__init__(
            self,
            ledger=ledger,
            files=Files(folder, self.bakery),
            wallet=wallet,
            server=server,
            calls=calls,
            onlookers=onlookers,
            clock=clock,
        )
        self.set_private_channels(private_channels)

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

    # --- looking on

    @property
    def identity_pubkey(self) -> str:
        """The node's public key as hex: the payee of its payment requests."""
        return self.ledger.identity_pubkey

    @property
    def alias(self) -> str:
        """What it calls itself."""
        return self._calls.alias

    @property
    def log(self) -> Sequence[NodeCall]:
        """The newest calls and events of streams, the oldest first, and how they went."""
        return self._log.calls

    @property
    def invoices(self) -> Mapping[bytes, SimInvoice]:
        """Every invoice by its payment hash."""
        return self.ledger.invoices

    def watch(self, callback: Callable[[SimInvoice], None]) -> Callable[[], None]:
        """Call back after every change of an invoice. Returns what ends this."""
        return self._onlookers.watch(callback)

    def watch_calls(self, watcher: Callable[[], object]) -> None:
        """Call this after every call that has ended, and every event of a stream."""
        self._log.watch(watcher)

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Wait until `condition` is true; checked after every call, change and state.

        TimeoutError when it does not become true.
        """
        await self._onlookers.until(condition, timeout_s=timeout_s)

    def _invoice_changed(self, invoice: SimInvoice) -> None:
        self._expiry.invoice_changed()
        self._onlookers.invoice_changed(invoice)

    # --- files

    def bake(
        self,
        permissions: Iterable[str],
        *,
        root_key_id: int = 0,
        caveats: Sequence[str] = (),
        save_to: str | None = None,
    ) -> bytes:
        """A macaroon of this node, also written to the file `save_to` of its folder if given.

        See `macaroons.Bakery.bake`; `macaroons` also has the permissions of LND's own files.
        """
        return self._files.bake(
            permissions, root_key_id=root_key_id, caveats=caveats, save_to=save_to
        )

    def revoke(self, root_key_id: int) -> None:
        """Make every macaroon of this root key worthless."""
        self.bakery.revoke(root_key_id)

    def renew_macaroons(self) -> None:
        """New root keys and new files: every macaroon baked before fails."""
        self._files.renew_macaroons()

    def renew_certificate(
        self,
        *,
        valid_s: int = certificate.VALID_S,
        hosts: Sequence[str] = certificate.HOSTS,
        by_authority: bool = False,
    ) -> None:
        """Write a new certificate; the server takes it at its next start, as LND does.

        `by_authority`: signed by an authority, whose own is authority.cert in the folder.
        """
        self._files.renew_certificate(valid_s=valid_s, hosts=hosts, by_authority=by_authority)

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
        what the node has not cancelled yet. Raises PaymentFailed.
        """
        if not self.alive or not self._wallet.is_active:
            raise PaymentFailed("FAILURE_REASON_NO_ROUTE")
        return self.ledger.pay(payment_request, amount_msat=amount_msat, late=late, hold=hold)

    def settle(self, payment_hash: bytes) -> SimInvoice:
        """Settle what was paid with `hold`."""
        return self.ledger.settle(payment_hash)

    def add_invoice(self, amount_msat: int = 0, *, memo: str = "", expiry_s: int = 0) -> SimInvoice:
        """Another program on the same node adds an invoice."""
        request = pb.Invoice(value_msat=amount_msat, memo=memo, expiry=expiry_s)
        return self.ledger.add(request)

    def cancel_invoice(self, payment_hash: bytes) -> None:
        """Somebody cancels it at the node. Raises Refusal."""
        self.ledger.cancel(payment_hash)

    def delete_invoice(self, payment_hash: bytes) -> None:
        """The node cleans up: it no longer knows the invoice."""
        self.ledger.delete(payment_hash)

    def send_again(self, payment_hash: bytes) -> None:
        """Send an invoice's event once more to every subscriber."""
        self.ledger.send_again(payment_hash)

    def expire_due(self) -> None:
        """Cancel what is overdue now. Happens by itself some 30 ms after each expiry."""
        self.ledger.expire_due()

    def set_private_channels(self, count: int) -> None:
        """So many private channels; 20 at most become hop hints."""
        public = [each for each in self.ledger.channels if not each.private]
        private = open_channels(count, capacity_sat=10_000_000, private=True)
        self.ledger.channels = public + private

    # --- another life

    def restore_from_seed(self, *, keep: Iterable[bytes] = ()) -> Kept:
        """The same identity with an empty database, but for the invoices of `keep`.

        Add and settle indexes start at 1 again. Streams end. Returns what there was.
        """
        self.ledger.end_streams()
        return self.ledger.restore(list(keep))

    def take_back(self, was: Kept) -> None:
        """The database that an empty one stood in for, as it was then. Streams end."""
        self.ledger.end_streams()
        self.ledger.take_back(was)

    def begin_settle_indexes_again(self) -> None:
        """The next settlement has index 1; those of before look up as they did. Streams end.

        As when a node moves its invoices to another database.
        """
        self.ledger.end_streams()
        self.ledger.begin_settle_indexes_again()

    def become_other_node(self, alias: str | None = None) -> Identity:
        """Another identity, database, macaroons and certificate. For a node that is stopped.

        Returns what it was, for `become_again`.
        """
        self._refuse_alive()
        was = Identity(
            self.alias, self.ledger.set_aside(), self.bakery.root_keys, self._files.contents()
        )
        self.renew_macaroons()
        self.renew_certificate()
        self._calls.alias = alias or self.alias
        return was

    def become_again(self, was: Identity) -> None:
        """The node that it was, with all that it had then. For a node that is stopped."""
        self._refuse_alive()
        self.ledger.take_back(was.ledger)
        self.bakery.root_keys = was.root_keys
        self._files.put_back(was.files)
        self._calls.alias = was.alias

    def _refuse_alive(self) -> None:
        if self.alive:
            raise RuntimeError("stop the node first: a certificate is taken at a start")
