"""One invoice as the simulated node stores it. Knows LND's message for it, and no other invoice."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(slots=True, kw_only=True)
class SimInvoice:
    """An invoice as the node has it: the truth for a test to compare with. Times: Unix seconds."""

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
        """As LookupInvoice and SubscribeInvoices send it."""
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
