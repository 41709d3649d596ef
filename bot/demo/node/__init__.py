"""The simulated LND: real gRPC over TLS and real macaroons; knows no product."""

from bot.demo.node.faults import Hold
from bot.demo.node.ledger import Channel, PaymentFailed, SimInvoice
from bot.demo.node.sim import SimNode

__all__ = ["Channel", "Hold", "PaymentFailed", "SimInvoice", "SimNode"]
