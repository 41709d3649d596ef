"""What a node says, and what came of a step. Knows no gRPC and no Telegram: plain values.

A part that takes a step answers with one of the results, or raises one of `bot.errors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bot.core.invoice import Columns
from bot.errors import NodeError, PermissionMissing


class NodeState(StrEnum):
    """An invoice's state by LND's name."""

    OPEN = "open"
    SETTLED = "settled"
    CANCELED = "canceled"
    ACCEPTED = "accepted"  # a payment is under way
    UNKNOWN = "unknown"  # newer than this code: it counts as open


class WalletState(StrEnum):
    """The wallet's state by LND's name."""

    WAITING_TO_START = "WAITING_TO_START"
    NON_EXISTING = "NON_EXISTING"
    LOCKED = "LOCKED"
    UNLOCKED = "UNLOCKED"
    RPC_ACTIVE = "RPC_ACTIVE"
    SERVER_ACTIVE = "SERVER_ACTIVE"
    UNKNOWN = "UNKNOWN"  # newer than this code


@dataclass(frozen=True, slots=True)
class NodeInvoice:
    """An invoice as the node knows it. Amounts in millisatoshi, times in Unix seconds."""

    payment_hash: bytes
    payment_request: str
    payment_addr: bytes
    memo: str
    amount_msat: int
    paid_msat: int
    created_at: int
    expires_at: int
    settled_at: int
    state: NodeState
    add_index: int
    settle_index: int


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """Who the node is, and whether its chain is synced."""

    identity_pubkey: str
    alias: str
    version: str
    network: str
    synced_to_chain: bool
    block_height: int


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What is known of the node now: why it is away (None: it answers), and who it is.

    `inbound_msat`: what its channels can receive, in millisatoshi; None where nobody knows.
    """

    away: NodeError | None
    info: NodeInfo | None
    inbound_msat: int | None = None


# results of steps


@dataclass(frozen=True, slots=True)
class Added:
    """The node has the invoice, fresh or from an earlier try; `node_id`: whose it is.

    `inbound_msat`: what the node's channels could receive then, None where nobody knows.
    """

    found: NodeInvoice
    node_id: str
    inbound_msat: int | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The node cancelled it (`found` None), or it is as `found`.

    `lacks`: it was only looked up, since the macaroon has no permission to cancel.
    """

    found: NodeInvoice | None
    lacks: PermissionMissing | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The row waited long enough, for this reason."""

    reason: NodeError


@dataclass(frozen=True, slots=True)
class Dropped:
    """The question is too old."""


@dataclass(frozen=True, slots=True)
class Lapsed:
    """It has expired by our clock; whether it was paid before is the node's to say."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The chat shows it: the columns that say what was rendered and where."""

    columns: Columns


@dataclass(frozen=True, slots=True)
class Notified:
    """Who of some people was notified of a payment; the others are where no set says."""

    read: frozenset[int]
    maybe: frozenset[int]  # whether it arrived is unknown
    lost: frozenset[int]  # nothing reaches them
    refused: frozenset[int]  # Telegram takes no such message


#: Writes what is known of a step while the rest of it takes long: a kill may come before its end.
SoFar: TypeAlias = Callable[[Columns], Awaitable[object]]


async def unwritten(_: Columns) -> None:
    """For a step that nobody has to know of before its end."""


#: What came of a step; an error is a result like any other.
Result = Added | Cancelled | GivenUp | Dropped | Lapsed | Rendered | Notified | Exception
