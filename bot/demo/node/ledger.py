"""The invoices of one simulated node, and who follows them. Knows no gRPC, only its messages.

Refuses what lnd refuses, with lnd's texts. Every step costs the same with ten invoices or with a
hundred thousand.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from coincurve import PrivateKey

from bot.demo.node import bolt
from bot.lnrpc import lightning_pb2 as pb

OPEN, SETTLED, CANCELED, ACCEPTED = (
    pb.Invoice.OPEN,
    pb.Invoice.SETTLED,
    pb.Invoice.CANCELED,
    pb.Invoice.ACCEPTED,
)
_STATE_NAMES: dict[int, str] = {
    OPEN: "open",
    SETTLED: "settled",
    CANCELED: "canceled",
    ACCEPTED: "accepted",
}

_BTC_SAT = 100_000_000
_MOST_SAT = 100_000 * _BTC_SAT
_MOST_MEMO_BYTES = 1024
_MOST_EXPIRY_S = 365 * 24 * 3600
_DEFAULT_EXPIRY_S = 24 * 3600
_LEAST_CLTV, _DEFAULT_CLTV, _MOST_CLTV = 24, 80, 65535
_MOST_HINTS = 20

_UNKNOWN_DETAILS = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"


class Refusal(Exception):
    """What the node says no with: its text, and whether the code is NOT_FOUND, not UNKNOWN."""

    def __init__(self, text: str, *, not_found: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.not_found = not_found


class PaymentFailed(Exception):
    """What a payer reads when a payment does not get through."""


@dataclass(slots=True)
class Channel:
    """A channel of the node. `private` ones are not announced, and become hop hints."""

    peer: PrivateKey
    channel_id: int
    capacity_sat: int
    local_msat: int
    remote_msat: int
    private: bool = False
    active: bool = True

    @property
    def reserve_sat(self) -> int:
        """What either side has to keep: a hundredth."""
        return self.capacity_sat // 100

    @property
    def receivable_msat(self) -> int:
        """How much the peer can still send."""
        return max(0, self.remote_msat - self.reserve_sat * 1000) if self.active else 0

    def hint(self) -> bytes:
        """Its hop hint, as `bolt.encode` takes it."""
        return bolt.hint(bolt.Hop(self.peer.public_key.format(), self.channel_id))

    def message(self) -> pb.Channel:
        """As ListChannels tells it."""
        constraints = pb.ChannelConstraints(chan_reserve_sat=self.reserve_sat)
        return pb.Channel(
            active=self.active,
            chan_id=self.channel_id,
            capacity=self.capacity_sat,
            local_balance=self.local_msat // 1000,
            remote_balance=self.remote_msat // 1000,
            private=self.private,
            local_constraints=constraints,
            remote_constraints=constraints,
        )


def channels(count: int, *, capacity_sat: int, private: bool = False) -> list[Channel]:
    """`count` channels, four fifths of each on the peer's side."""
    remote_msat = capacity_sat * 800
    return [
        Channel(
            peer=PrivateKey(),
            channel_id=(600_000 + number) << 40 | (1 + private) << 16,
            capacity_sat=capacity_sat,
            local_msat=capacity_sat * 1000 - remote_msat,
            remote_msat=remote_msat,
            private=private,
        )
        for number in range(count)
    ]


@dataclass(slots=True, kw_only=True)
class SimInvoice:
    """An invoice as the node has it: the truth that a test compares with. Times: Unix seconds."""

    memo: str
    description_hash: bytes
    preimage: bytes
    payment_hash: bytes
    payment_addr: bytes
    payment_request: str
    value_msat: int
    created_at: int
    expiry_s: int
    cltv_expiry: int
    private: bool
    add_index: int = 0
    settle_index: int = 0
    settled_at: int = 0
    paid_msat: int = 0
    state: int = OPEN

    @property
    def expires_at(self) -> int:
        """When the node cancels it, in Unix seconds."""
        return self.created_at + self.expiry_s

    @property
    def state_name(self) -> str:
        """open, settled, canceled or accepted; anything else as its number."""
        return _STATE_NAMES.get(self.state, str(self.state))

    def message(self) -> pb.Invoice:
        """As LookupInvoice and SubscribeInvoices tell it."""
        return pb.Invoice(
            memo=self.memo,
            r_preimage=self.preimage,
            r_hash=self.payment_hash,
            value=self.value_msat // 1000,
            value_msat=self.value_msat,
            settled=self.state == SETTLED,
            creation_date=self.created_at,
            settle_date=self.settled_at,
            payment_request=self.payment_request,
            description_hash=self.description_hash,
            expiry=self.expiry_s,
            cltv_expiry=self.cltv_expiry,
            private=self.private,
            add_index=self.add_index,
            settle_index=self.settle_index,
            amt_paid=self.paid_msat,
            amt_paid_sat=self.paid_msat // 1000,
            amt_paid_msat=self.paid_msat,
            state=self.state,  # type: ignore[arg-type]
            payment_addr=self.payment_addr,
        )


class Follower:
    """One subscription: the backlog it asked for, then what happens, until it is ended."""

    def __init__(self, add_index: int, settle_index: int) -> None:
        self._last_add = add_index
        self._last_settle = settle_index
        self._queue: asyncio.Queue[pb.Invoice | None] = asyncio.Queue()

    def put(self, invoice: SimInvoice) -> None:
        """Pass on an event, unless its index says that the follower has had it."""
        if invoice.state == SETTLED:
            if invoice.settle_index <= self._last_settle:
                return
            self._last_settle = invoice.settle_index
        elif invoice.state == OPEN:
            if invoice.add_index <= self._last_add:
                return
            self._last_add = invoice.add_index
        else:
            return
        self.send(invoice)

    def send(self, invoice: SimInvoice) -> None:
        """Pass on, whatever was sent before."""
        self._queue.put_nowait(invoice.message())

    def end(self) -> None:
        """Let the stream end cleanly once all that is queued has gone out."""
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[pb.Invoice]:
        while (message := await self._queue.get()) is not None:
            yield message


class Ledger:
    """The node's invoices, its channels, and the key that signs its payment requests.

    `clock` gives Unix seconds. `changed` is called after every change, with the invoice.
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
        # A node with a native SQL database may replay settlements in the order of their adding.
        self.settle_backlog_by_add_index = False
        self._clock = clock
        self._changed = changed
        self._followers: set[Follower] = set()
        self._forget()

    def _forget(self) -> None:
        self._invoices: dict[bytes, SimInvoice] = {}
        # The place in these lists is the index, less one; a deleted invoice leaves its place empty.
        self._added: list[bytes] = []
        self._settled: list[bytes] = []
        self._by_expiry: list[tuple[int, bytes]] = []

    @property
    def identity_pubkey(self) -> str:
        """The node's public key, as hex."""
        return self.key.public_key.format().hex()

    @property
    def invoices(self) -> Mapping[bytes, SimInvoice]:
        """All invoices by payment hash, to look at."""
        return MappingProxyType(self._invoices)

    @property
    def next_expiry(self) -> int | None:
        """When the next invoice may have to be cancelled, in Unix seconds."""
        return self._by_expiry[0][0] if self._by_expiry else None

    # --- what a client may ask

    def add(self, request: pb.Invoice) -> SimInvoice:
        """AddInvoice."""
        amount_msat = _amount_msat(request)
        if request.r_preimage and len(request.r_preimage) != 32:
            raise Refusal(f"invalid preimage length of {len(request.r_preimage)}, want 32")
        preimage = request.r_preimage or secrets.token_bytes(32)
        expiry_s, cltv_expiry = _checked_terms(request, amount_msat)
        invoice = self._new(request, preimage, amount_msat, expiry_s, cltv_expiry)
        if invoice.payment_hash in self._invoices:
            raise Refusal("invoice with payment hash already exists")
        self._added.append(invoice.payment_hash)
        invoice.add_index = len(self._added)
        self._invoices[invoice.payment_hash] = invoice
        heapq.heappush(self._by_expiry, (invoice.expires_at, invoice.payment_hash))
        self._tell(invoice)
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
            self._give_back(invoice.paid_msat)
            invoice.paid_msat = 0
        invoice.state = CANCELED
        self._tell(invoice)

    def follow(self, add_index: int, settle_index: int) -> Follower:
        """SubscribeInvoices. An index of 0 asks for no backlog; N for what came after N."""
        follower = Follower(add_index, settle_index)
        if add_index:
            for payment_hash in self._added[add_index:]:
                invoice = self._invoices.get(payment_hash)
                if invoice is not None and invoice.state in (OPEN, SETTLED):
                    follower.send(invoice)
        if settle_index:
            missed = self._settled[settle_index:]
            settled = [self._invoices[each] for each in missed if each in self._invoices]
            if self.settle_backlog_by_add_index:
                settled.sort(key=lambda invoice: invoice.add_index)
            for invoice in settled:
                follower.send(invoice)
        self._followers.add(follower)
        return follower

    def unfollow(self, follower: Follower) -> None:
        """The client has gone."""
        self._followers.discard(follower)

    def end_streams(self) -> None:
        """Every stream ends cleanly, as when the node shuts down."""
        for follower in self._followers:
            follower.end()
        self._followers.clear()

    # --- what happens to invoices by itself

    def expire_due(self) -> None:
        """Cancel what is past its time; what an HTLC holds stays."""
        now = self._clock()
        while self._by_expiry and self._by_expiry[0][0] <= now:
            _, payment_hash = heapq.heappop(self._by_expiry)
            invoice = self._invoices.get(payment_hash)
            if invoice is not None and invoice.state == OPEN and invoice.expires_at <= now:
                invoice.state = CANCELED
                self._tell(invoice)

    def pay(
        self, payment_request: str, *, amount_msat: int | None, late: bool, hold: bool
    ) -> SimInvoice:
        """Somebody pays. Raises PaymentFailed with the words that a payer reads."""
        request = _read_by_payer(payment_request)
        if request.expires_at < self._clock() and not late:
            until = datetime.fromtimestamp(request.expires_at, UTC)
            raise PaymentFailed(f"invoice expired. Valid until {until:%Y-%m-%d %H:%M:%S} +0000 UTC")
        if request.amount_msat is None and amount_msat is None:
            raise PaymentFailed("amount must be specified when paying a zero amount invoice")
        paid_msat = amount_msat if amount_msat is not None else request.amount_msat or 0
        invoice = self._payable(request, paid_msat)
        self._receive(paid_msat)
        invoice.paid_msat = paid_msat
        if hold:
            invoice.state = ACCEPTED
            self._tell(invoice)
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
        """The node cleans up: nothing is known of the invoice any more."""
        del self._invoices[payment_hash]

    def restore(self, keep: Iterable[bytes]) -> None:
        """An empty database but for the invoices of `keep`; settle indexes start at 1 again."""
        kept = [self._invoices[each] for each in keep if each in self._invoices]
        self._forget()
        for invoice in sorted(kept, key=lambda each: each.add_index):
            self._added.append(invoice.payment_hash)
            invoice.add_index = len(self._added)
            self._invoices[invoice.payment_hash] = invoice
            heapq.heappush(self._by_expiry, (invoice.expires_at, invoice.payment_hash))
        for invoice in sorted(kept, key=lambda each: each.settle_index):
            if invoice.settle_index:
                self._settled.append(invoice.payment_hash)
                invoice.settle_index = len(self._settled)

    def tell_again(self, payment_hash: bytes) -> None:
        """Send an invoice's event once more to everybody who follows."""
        for follower in self._followers:
            follower.send(self._invoices[payment_hash])

    # --- inside

    def _new(
        self,
        request: pb.Invoice,
        preimage: bytes,
        amount_msat: int,
        expiry_s: int,
        cltv_expiry: int,
    ) -> SimInvoice:
        payment_hash = hashlib.sha256(preimage).digest()
        payment_addr = secrets.token_bytes(32)
        created_at = int(self._clock())
        hints = [each.hint() for each in self.channels if each.private and each.active]
        used = hints[:_MOST_HINTS] if request.private else []
        try:
            payment_request = bolt.encode(
                self.key,
                payment_hash=payment_hash,
                payment_addr=payment_addr,
                amount_msat=amount_msat,
                created_at=created_at,
                expiry_s=expiry_s,
                memo=request.memo,
                description_hash=request.description_hash,
                min_final_cltv=cltv_expiry,
                hints=used,
            )
        except bolt.FieldTooLong as error:
            raise Refusal(str(error)) from None
        return SimInvoice(
            memo=request.memo,
            description_hash=request.description_hash,
            preimage=preimage,
            payment_hash=payment_hash,
            payment_addr=payment_addr,
            payment_request=payment_request,
            value_msat=amount_msat,
            created_at=created_at,
            expiry_s=expiry_s,
            cltv_expiry=cltv_expiry,
            private=bool(used),
        )

    def _tell(self, invoice: SimInvoice) -> None:
        for follower in self._followers:
            follower.put(invoice)
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

    def _receive(self, msat: int) -> None:
        """Move the amount over from the peers, over as many channels as it takes."""
        if sum(channel.receivable_msat for channel in self.channels) < msat:
            raise PaymentFailed("FAILURE_REASON_NO_ROUTE")
        for channel in self.channels:
            part = min(msat, channel.receivable_msat)
            channel.remote_msat -= part
            channel.local_msat += part
            msat -= part

    def _give_back(self, msat: int) -> None:
        for channel in self.channels:
            part = min(msat, channel.local_msat)
            channel.local_msat -= part
            channel.remote_msat += part
            msat -= part

    def _settle(self, invoice: SimInvoice) -> None:
        self._settled.append(invoice.payment_hash)
        invoice.settle_index = len(self._settled)
        invoice.settled_at = int(self._clock())
        invoice.state = SETTLED
        self._tell(invoice)


def _read_by_payer(payment_request: str) -> bolt.PaymentRequest:
    try:
        request = bolt.decode(payment_request)
    except bolt.RequestInvalid as error:
        raise PaymentFailed(f"invalid payment request: {error}") from None
    if request.currency != bolt.SIMNET:
        raise PaymentFailed("invoice not for current active network 'simnet'")
    return request


def _amount_msat(request: pb.Invoice) -> int:
    if request.value and request.value_msat:
        raise Refusal("sat and msat arguments are mutually exclusive")
    if request.value < 0 or request.value_msat < 0:
        raise Refusal("amount cannot be negative")
    return request.value_msat or request.value * 1000


def _checked_terms(request: pb.Invoice, amount_msat: int) -> tuple[int, int]:
    """Expiry in seconds and final CLTV delta, after all checks in lnd's order."""
    memo_bytes = len(request.memo.encode())
    if memo_bytes > _MOST_MEMO_BYTES:
        raise Refusal(f"memo too large: {memo_bytes} bytes (maxsize={_MOST_MEMO_BYTES})")
    if request.description_hash and len(request.description_hash) != 32:
        raise Refusal(f"description hash is {len(request.description_hash)} bytes, must be 32")
    if amount_msat // 1000 > _MOST_SAT:
        asked, most = _btc_text(amount_msat // 1000), _btc_text(_MOST_SAT)
        raise Refusal(f"invoice amount {asked} is too large, max is {most}")
    if request.fallback_addr:
        raise Refusal("invalid fallback address: decoded address is of unknown format")
    if request.expiry > _MOST_EXPIRY_S:
        asked, most = _go_float(request.expiry), _go_float(_MOST_EXPIRY_S)
        raise Refusal(f"expiry of {asked} seconds greater than max expiry of {most} seconds")
    cltv = request.cltv_expiry
    if cltv > _MOST_CLTV:
        raise Refusal(f"CLTV delta of {cltv} is too large, max accepted is: {_MOST_CLTV}")
    if 0 < cltv < _LEAST_CLTV:
        raise Refusal(f"CLTV delta of {cltv} must be greater than minimum of {_LEAST_CLTV}")
    if request.is_amp or request.is_blinded:
        raise Refusal("this simulated node makes no AMP or blinded invoices")
    return (request.expiry if request.expiry > 0 else _DEFAULT_EXPIRY_S), cltv or _DEFAULT_CLTV


def _btc_text(sat: int) -> str:
    return f"{(Decimal(sat) / _BTC_SAT).normalize():f} BTC"


def _go_float(value: int) -> str:
    """As Go prints a float64 of seven digits and more."""
    digits = f"{Decimal(repr(float(value))).normalize():e}"
    mantissa, _, exponent = digits.partition("e")
    return f"{mantissa}e+{int(exponent):02d}"
