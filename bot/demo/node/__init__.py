"""The simulated LND. It alone knows how LND answers; it knows nothing of the product."""

from bot.demo.node.channels import Channel, open_channels
from bot.demo.node.faults import Lose, Stall
from bot.demo.node.invoice import ACCEPTED, CANCELED, OPEN, SETTLED, SimInvoice
from bot.demo.node.ledger import Ledger
from bot.demo.node.log import NodeCall
from bot.demo.node.refusals import PaymentFailed, Refusal
from bot.demo.node.sim import Identity, SimNode

__all__ = [
    "ACCEPTED",
    "CANCELED",
    "OPEN",
    "SETTLED",
    "Channel",
    "Identity",
    "Ledger",
    "Lose",
    "NodeCall",
    "PaymentFailed",
    "Refusal",
    "SimInvoice",
    "SimNode",
    "Stall",
    "open_channels",
]
