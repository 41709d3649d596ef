"""How much of an amount the node can receive. Pure."""

from __future__ import annotations

#: What the node tells is up to so much too high: the peers pay for their commitments out of it.
UNSURE_MSAT = 1_000_000


def receivable_of(amount_msat: int, inbound_msat: int | None) -> int | None:
    """What can be received, in msat, where that is less than the amount; None where it is enough.

    `inbound_msat` is what the active channels can receive by the node's word, None where nobody
    knows. An amount of 0 is any: that is too much only where nothing can be received.
    """
    if inbound_msat is None:
        return None
    sure_msat = max(0, inbound_msat - UNSURE_MSAT)
    if sure_msat and amount_msat <= sure_msat:
        return None
    return inbound_msat if sure_msat and amount_msat > inbound_msat else sure_msat
