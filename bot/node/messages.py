"""LND's messages as plain values. Knows their fields, and what each can sensibly hold.

Whatever is unreadable or out of range is `NodeOdd`: nothing of it gets any further. LND itself
sends nothing like that; a broken node does, or somebody between it and the bot.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from bot.core.answers import NodeInfo, NodeInvoice, NodeState, WalletState
from bot.core.text import clean_name
from bot.errors import NodeOdd
from bot.lnrpc import state_pb2

Answer = TypeVar("Answer")

#: All the millisatoshis that there will ever be.
MAX_MSAT = 21_000_000 * 100_000_000 * 1000
#: The last second that a calendar of ours can show, in Unix seconds.
LAST_SECOND = 253_402_300_799
#: More than any node has counted. Beyond it is no cursor: a node tells no payment up to the index
#: that it is asked from.
MAX_INDEX = 2**40
#: Letters. LND's alias has 32 bytes at most; a version names its commit.
MAX_NAME = 256

_HASH_BYTES = 32
_PUBLIC_KEY = re.compile(r"0[23][0-9a-f]{64}")

_INVOICE_STATES = {
    0: NodeState.OPEN,
    1: NodeState.SETTLED,
    2: NodeState.CANCELED,
    3: NodeState.ACCEPTED,
}


def decoded(message: Answer | None) -> Answer:
    """The message. grpc.aio gives None for one that it cannot decode: that raises `NodeOdd`."""
    if message is None:
        raise NodeOdd(detail="an answer that cannot be decoded")
    return message


def wallet_state(message: Any) -> WalletState:
    """GetState's answer; a state of a newer node is `UNKNOWN`."""
    names = {number: name for name, number in state_pb2.WalletState.items()}
    name = names.get(message.state, "")
    return WalletState(name) if name in set(WalletState) else WalletState.UNKNOWN


def info(message: Any) -> NodeInfo:
    """GetInfo's answer. Raises `NodeOdd`, also where it does not name the node.

    What it calls itself, its version and its network are texts of its own choice: cleaned as names.
    """
    if not _PUBLIC_KEY.fullmatch(message.identity_pubkey):
        raise NodeOdd(detail="identity_pubkey is no public key")
    network = message.chains[0].network if message.chains else ""
    for name, text in (
        ("alias", message.alias),
        ("version", message.version),
        ("network", network),
    ):
        _in_range(name + "'s length", len(text), MAX_NAME)
    return NodeInfo(
        identity_pubkey=message.identity_pubkey,
        alias=clean_name(message.alias),
        version=clean_name(message.version),
        network=clean_name(network),
        synced_to_chain=message.synced_to_chain,
        block_height=message.block_height,
    )


def invoice(message: Any) -> NodeInvoice:
    """LookupInvoice's answer, or an event. Raises `NodeOdd`."""
    if len(message.r_hash) != _HASH_BYTES:
        raise NodeOdd(detail=f"r_hash has {len(message.r_hash)} bytes")
    state = _INVOICE_STATES.get(message.state, NodeState.UNKNOWN)
    if state is NodeState.SETTLED and not message.amt_paid_msat:
        raise NodeOdd(detail="settled, and nothing was paid")
    return NodeInvoice(
        payment_hash=message.r_hash,
        payment_request=message.payment_request,
        payment_addr=message.payment_addr,
        memo=message.memo,
        amount_msat=_in_range("value_msat", message.value_msat, MAX_MSAT),
        paid_msat=_in_range("amt_paid_msat", message.amt_paid_msat, MAX_MSAT),
        created_at=_in_range("creation_date", message.creation_date, LAST_SECOND),
        expires_at=_in_range("expiry", message.creation_date + message.expiry, LAST_SECOND),
        settled_at=_in_range("settle_date", message.settle_date, LAST_SECOND),
        state=state,
        add_index=_in_range("add_index", message.add_index, MAX_INDEX),
        settle_index=_in_range("settle_index", message.settle_index, MAX_INDEX),
    )


def are_private(message: Any) -> tuple[bool, ...]:
    """ListChannels' answer: of each active channel, whether it is private.

    Where none is active, of each: right after a start the peers are not back yet.
    """
    active = [each for each in message.channels if each.active]
    return tuple(each.private for each in active or message.channels)


def receivable_msat(message: Any) -> int:
    """ListChannels' answer: what active channels can receive, reserves kept. Raises `NodeOdd`."""
    return _in_range(
        "remote_balance",
        sum(
            max(0, each.remote_balance - each.remote_constraints.chan_reserve_sat) * 1000
            for each in message.channels
            if each.active
        ),
        MAX_MSAT,
    )


def _in_range(name: str, number: int, most: int) -> int:
    if not 0 <= number <= most:
        raise NodeOdd(detail=f"{name} is {number}")
    return number
