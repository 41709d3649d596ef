"""The invoices of the simulated node, and who subscribes to them. Knows no gRPC, only its messages.

Refuses what LND refuses, with LND's texts. Every step costs the same with ten invoices as with a
hundred thousand.
"""

from __future__ import annotations

import hashlib
import heapq
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType

from coincurve import PrivateKey

from bot.demo.node import bolt, channels
from bot.demo.node.channels import Channel
from bot.demo.node.invoice import ACCEPTED, CANCELED, OPEN, SETTLED, SimInvoice
from bot.demo.node.refusals import PaymentFailed, Refusal
from bot.demo.node.subscription import Subscription
from bot.demo.node.terms import Terms, read_terms
from bot.lnrpc import lightning_pb2 as pb

_UNKNOWN_DETAILS = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"


@dataclass(frozen=True)
class Kept:
    """One node's key and invoices, while another one stands in for it."""

    key: PrivateKey
    invoices: dict[bytes, SimInvoice]
    added: list[bytes]
    settled: list[bytes]
    settled_before: list[bytes]
    by_expiry: list[tuple[int, bytes]]


class Ledger:
    """The node's invoices, its channels, and the key that signs its payment requests.

    `clock` returns Unix seconds. `changed` is called with the invoice after every change.
    """

    def __init__(
        self,
        *,
        key: PrivateKey,
        clock: Callable[[], float],
        channels: Sequence[Channel],
        changed: Callable[[SimInvoice], None],
    ) -> None:
        self.key = key
        self.channels = list(channels)
        # A node with a native SQL database might replay settlements in the order of their adding.
        self.settle_backlog_by_add_index = False
        self._clock = clock
        self._changed = changed
        self._subscriptions: set[Subscription] = set()
        self._forget()

    def _forget(self) -> None:
        self._invoices: dict[bytes, SimInvoice] = {}
        # The position in these lists is the index minus one; a deleted invoice keeps its position.
        self._added: list[bytes] = []
        self._settled: list[bytes] = []
        self._settled_before: list[bytes] = []  # indexes began again since: in their old order
        self._by_expiry: list[tuple[int, bytes]] = []

    def set_aside(self) -> Kept:
        """Another node's: another key and no invoice. Returns what there was."""
        kept = self._all()
        self.key = PrivateKey()
        self._forget()
        return kept

    def _all(self) -> Kept:
        return Kept(
            self.key,
            self._invoices,
            self._added,
            self._settled,
            self._settled_before,
            self._by_expiry,
        )

    def take_back(self, kept: Kept) -> None:
        """What there was once."""
        self.key = kept.key
        self._invoices, self._added = kept.invoices, kept.added
        self._settled, self._settled_before = kept.settled, kept.settled_before
        self._by_expiry = kept.by_expiry

    @property
    def identity_pubkey(self) -> str:
        """The node's public key, as hex."""
        return self.key.public_key.format().hex()

    @property
    def invoices(self) -> Mapping[bytes, SimInvoice]:
        """A read-only view of all invoices, by payment hash."""
        return MappingProxyType(self._invoices)

    @property
    def next_expiry(self) -> int | None:
        """When the next invoice might have to be cancelled, in Unix seconds."""
        return self._by_expiry[0][0] if self._by_expiry else None

    # --- what a client can call

    def add(self, request: pb.Invoice) -> SimInvoice:
        """AddInvoice."""
        invoice = self._new(request, read_terms(request))
        if invoice.payment_hash in self._invoices:
            raise Refusal("invoice with payment hash already exists")
        self._store(invoice)
        self._publish(invoice)
        return invoice

    def lookup(self, payment_hash: bytes) -> SimInvoice:
        """LookupInvoice."""
        if payment_hash and len(payment_hash) != 32:
            raise Refusal(f"payment hash must be exactly 32 bytes, is instead {len(payment_hash)}")
        if not self._added:
            raise Refusal("there are no existing invoices", not_found=True)
        invoice = self._invoices.get(payment_hash)
        if invoice is None:
            raise Refusal("unable to locate invoice", not_found=True)
        return invoice

    def cancel(self, payment_hash: bytes) -> None:
        """CancelInvoice."""
        if len(payment_hash) != 32:
            raise Refusal(f"invalid hash length of {len(payment_hash)}, want 32")
        invoice = self._invoices.get(payment_hash)
        if invoice is None:
            raise Refusal("unable to locate invoice")
        if invoice.state == SETTLED:
            raise Refusal("invoice already settled")
        if invoice.state == CANCELED:
            return
        if invoice.state == ACCEPTED:
            channels.give_back(self.channels, invoice.paid_msat)
            invoice.paid_msat = 0
        invoice.state = CANCELED
        self._publish(invoice)

    def subscribe(self, add_index: int, settle_index: int) -> Subscription:
        """SubscribeInvoices. An index of 0 asks for no backlog; N for what came after N."""
        subscription = Subscription(add_index, settle_index)
        if add_index:
            for payment_hash in self._added[add_index:]:
                invoice = self._invoices.get(payment_hash)
                if invoice is not None and invoice.state in (OPEN, SETTLED):
                    subscription.send(invoice)
        if settle_index:
            missed = [*self._settled_before, *self._settled[settle_index:]]
            known = [self._invoices[each] for each in missed if each in self._invoices]
            settled = [each for each in known if each.settle_index > settle_index]
            if self.settle_backlog_by_add_index:
                settled.sort(key=lambda invoice: invoice.add_index)
            for invoice in settled:
                subscription.send(invoice)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """The client has gone."""
        self._subscriptions.discard(subscription)

    def mute_streams(self) -> None:
        """Every stream that is there now stays, and carries nothing more."""
        for subscription in self._subscriptions:
            subscription.mute()

    def end_streams(self) -> None:
        """End every stream cleanly, as when the node shuts down."""
        for subscription in self._subscriptions:
            subscription.end()
        self._subscriptions.clear()

    # --- what happens to invoices without a client

    def expire_due(self) -> None:
        """Cancel what is past its expiry; what an HTLC holds stays."""
        now = self._clock()
        while self._by_expiry and self._by_expiry[0][0] <= now:
            _, payment_hash = heapq.heappop(self._by_expiry)
            invoice = self._invoices.get(payment_hash)
            if invoice is not None and invoice.state == OPEN and invoice.expires_at <= now:
                invoice.state = CANCELED
                self._publish(invoice)

    def pay(
        self, payment_request: str, *, amount_msat: int | None, late: bool, hold: bool
    ) -> SimInvoice:
        """Somebody pays. Raises PaymentFailed with the text that a payer reads."""
        request = _read_by_payer(payment_request)
        if request.expires_at < self._clock() and not late:
            until = datetime.fromtimestamp(request.expires_at, UTC)
            raise PaymentFailed(f"invoice expired. Valid until {until:%Y-%m-%d %H:%M:%S} +0000 UTC")
        if request.amount_msat is None and amount_msat is None:
            raise PaymentFailed("amount must be specified when paying a zero amount invoice")
        paid_msat = amount_msat if amount_msat is not None else request.amount_msat or 0
        invoice = self._payable(request, paid_msat)
        hinted = (hop.channel_id for route in request.hints for hop in route)
        channels.receive(channels.reachable(self.channels, hinted), paid_msat)
        invoice.paid_msat = paid_msat
        if hold:
            invoice.state = ACCEPTED
            self._publish(invoice)
        else:
            self._settle(invoice)
        return invoice

    def settle(self, payment_hash: bytes) -> SimInvoice:
        """Settle an invoice that was paid with `hold`."""
        invoice = self._invoices[payment_hash]
        if invoice.state != ACCEPTED:
            raise ValueError(f"the invoice is {invoice.state_name}, not accepted")
        self._settle(invoice)
        return invoice

    def delete(self, payment_hash: bytes) -> None:
        """The node cleans up: it no longer knows the invoice."""
        del self._invoices[payment_hash]

    def restore(self, keep: Iterable[bytes]) -> Kept:
        """An empty database but for the invoices of `keep`; settle indexes start at 1 again.

        Returns what there was, to be taken back as it was. What is kept are copies.
        """
        was = self._all()
        kept = [replace(self._invoices[each]) for each in keep if each in self._invoices]
        self._forget()
        for invoice in sorted(kept, key=lambda each: each.add_index):
            self._store(invoice)
        for invoice in sorted(kept, key=lambda each: each.settle_index):
            if invoice.settle_index:
                self._settled.append(invoice.payment_hash)
                invoice.settle_index = len(self._settled)
        return was

    def begin_settle_indexes_again(self) -> None:
        """The next settlement has index 1; those of before keep theirs."""
        self._settled_before += self._settled
        self._settled = []

    def send_again(self, payment_hash: bytes) -> None:
        """Send an invoice's event once more to every subscriber."""
        for subscription in self._subscriptions:
            subscription.send(self._invoices[payment_hash])

    # --- inside

    def _new(self, request: pb.Invoice, terms: Terms) -> SimInvoice:
        payment_hash = hashlib.sha256(terms.preimage).digest()
        payment_addr = secrets.token_bytes(32)
        created_at = int(self._clock())
        hints = channels.hints(self.channels, terms.amount_msat) if request.private else []
        try:
            payment_request = bolt.encode(
                self.key,
                payment_hash=payment_hash,
                payment_addr=payment_addr,
                amount_msat=terms.amount_msat,
                created_at=created_at,
                expiry_s=terms.expiry_s,
                memo=request.memo,
                description_hash=request.description_hash,
                min_final_cltv=terms.cltv_expiry,
                hints=hints,
            )
        except bolt.FieldTooLong as error:
            raise Refusal(str(error)) from None
        return SimInvoice(
            memo=request.memo,
            description_hash=request.description_hash,
            preimage=terms.preimage,
            payment_hash=payment_hash,
            payment_addr=payment_addr,
            payment_request=payment_request,
            value_msat=terms.amount_msat,
            created_at=created_at,
            expiry_s=terms.expiry_s,
            cltv_expiry=terms.cltv_expiry,
            private=bool(hints),
        )

    def _store(self, invoice: SimInvoice) -> None:
        self._added.append(invoice.payment_hash)
        invoice.add_index = len(self._added)
        self._invoices[invoice.payment_hash] = invoice
        heapq.heappush(self._by_expiry, (invoice.expires_at, invoice.payment_hash))

    def _publish(self, invoice: SimInvoice) -> None:
        for subscription in self._subscriptions:
            subscription.put(invoice)
        self._changed(invoice)

    def _payable(self, request: bolt.PaymentRequest, paid_msat: int) -> SimInvoice:
        invoice = self._invoices.get(request.payment_hash)
        if invoice is not None and invoice.state == SETTLED:
            raise PaymentFailed("invoice is already paid")
        if invoice is not None and invoice.state == ACCEPTED:
            raise PaymentFailed("payment is in transition")
        if (
            invoice is None
            or invoice.state != OPEN
            or invoice.payment_addr != request.payment_addr
            or paid_msat < max(1, invoice.value_msat)
        ):
            raise PaymentFailed(_UNKNOWN_DETAILS)
        return invoice

    def _settle(self, invoice: SimInvoice) -> None:
        self._settled.append(invoice.payment_hash)
        invoice.settle_index = len(self._settled)
        invoice.settled_at = int(self._clock())
        invoice.state = SETTLED
        self._publish(invoice)


def _read_by_payer(payment_request: str) -> bolt.PaymentRequest:
    try:
        request = bolt.decode(payment_request)
    except bolt.RequestInvalid as error:
        raise PaymentFailed(f"invalid payment request: {error}") from None
    if request.currency != bolt.SIMNET:
        raise PaymentFailed("invoice not for current active network 'simnet'")
    return request
