"""How far the simulated node's start has come: the wallet's state. Knows LND's states and texts."""

from __future__ import annotations

from bot.lnrpc import state_pb2

_REFUSALS = {
    "WAITING_TO_START": "waiting to start, RPC services not available",
    "NON_EXISTING": "wallet not created, create one to enable full RPC access",
    "LOCKED": "wallet locked, unlock it to enable full RPC access",
    "UNLOCKED": (
        "the RPC server is in the process of starting up, but not yet ready to accept calls"
    ),
}


class Wallet:
    """The wallet's state, by LND's name, and whether the chain is synced."""

    def __init__(self) -> None:
        self.state = "WAITING_TO_START"
        self.synced_to_chain = True

    def become(self, state: str) -> None:
        """Take another of LND's states. ValueError when there is none of that name."""
        state_pb2.WalletState.Value(state)
        self.state = state

    @property
    def is_active(self) -> bool:
        """Whether the node works: it can be paid, and invoices expire."""
        return self.state == "SERVER_ACTIVE"

    @property
    def refusal(self) -> str | None:
        """The text that refuses every call but GetState in this state; None: calls are let in."""
        return _REFUSALS.get(self.state)

    @property
    def traps_adds(self) -> bool:
        """LND's trap: AddInvoice stores the invoice and then waits for the chain."""
        return self.state == "RPC_ACTIVE" and not self.synced_to_chain
