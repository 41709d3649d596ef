"""The invoices as their owner keeps account of them: figures, entries, pages. Pure.

An entry names nobody who hides: neither by name nor by id, and no chat that only they are in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from bot.core.board import Board
from bot.core.invoice import Invoice, PartKind, State

#: Rows on a page of a list; and more of them where several were asked for in one moment.
PAGE, TOGETHER = 10, 4
_NO_MOVES: Mapping[int, int] = MappingProxyType({})


class Show(StrEnum):
    """Which are listed."""

    ALL = "all"
    OPEN = "open"  # or on their way to it
    PAID = "paid"  # of boards: those that received something


class Scope(NamedTuple):
    """Whose are listed, and where they were asked for; None: everyone's, everywhere."""

    asker_id: int | None = None
    chat_id: int | None = None


class Turn(NamedTuple):
    """The page before or behind a moment (Unix seconds): what is newer, or what is older."""

    at: float
    is_newer: bool


class Page(NamedTuple):
    """What is on a page, the newest first, and whether there are others on either side."""

    items: Sequence[Invoice | Board]
    has_newer: bool = False
    has_older: bool = False

    @property
    def newer(self) -> Turn | None:
        """The page before it."""
        return Turn(self.items[0].asked_at, is_newer=True) if self.has_newer else None

    @property
    def older(self) -> Turn | None:
        """The page behind it."""
        return Turn(self.items[-1].asked_at, is_newer=False) if self.has_older else None


def cut(found: Sequence[Invoice | Board]) -> tuple[list[Invoice | Board], bool]:
    """One page of these, which go away from where it begins; and whether there are more.

    What was asked for in one moment stays on one page: the next one begins with another moment.
    """
    count = PAGE
    while count < len(found) and found[count].asked_at == found[count - 1].asked_at:
        count += 1
    return list(found[:count]), count < len(found)


@dataclass(frozen=True, slots=True)
class Overview:
    """Figures of all invoices. Amounts in millisatoshi, times in Unix seconds."""

    open_count: int
    open_msat: int
    pending: int  # the node has not confirmed them yet
    unconfirmed: int  # past their expiry, and the node has not said whether they were paid
    paid_since: float  # from then on
    paid_count: int
    paid_msat: int
    last_paid_at: int  # 0: nothing was ever paid, as far as is kept
    last_paid_msat: int
    stuck: int  # rows that are left alone after too many faults
    stuck_boards: int = 0  # the same of boards


class Position(NamedTuple):
    """The last entry that was read: when it was asked for, and its row."""

    asked_at: float = 0.0
    row_id: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One invoice as it is exported, a column each. Times in UTC, "" and None: there is none.

    `asked_msat` 0: the payer chose the amount.
    """

    asked_at: str
    paid_at: str
    state: str
    kind: str
    asked_msat: int
    asked_sats: int | float
    paid_msat: int
    paid_sats: int | float
    memo: str
    chat: str  # "" in private
    chat_id: int
    asker: str
    asker_id: int | None
    part_for: str
    board: int | None  # the same for all parts of a split or a collection
    payment_hash: str
    settle_index: int | None
    expires_at: str


def entry_of(row: Invoice, moves: Mapping[int, int] = _NO_MOVES) -> Entry:
    """The row as it is exported. `moves`: groups' former ids → those after them."""
    asker, asker_id = asker_of(row)
    return Entry(
        asked_at=_utc(row.asked_at),
        paid_at=_utc(row.settled_at),
        state=state_of(row),
        kind=_kind(row),
        asked_msat=row.amount_msat or 0,
        asked_sats=_sats(row.amount_msat or 0),
        paid_msat=row.paid_msat,
        paid_sats=_sats(row.paid_msat),
        memo=row.memo,
        chat=row.chat_title,
        # a part is paid in its payer's private chat
        chat_id=_latest(row.origin_chat_id, moves) if row.board_id else row.chat_id,
        asker=asker,
        asker_id=asker_id,
        part_for=row.part_for,
        board=row.board_id or None,
        payment_hash=row.payment_hash.hex(),
        settle_index=row.settle_index or None,
        expires_at=_utc(row.expires_at),
    )


def _latest(chat_id: int, moves: Mapping[int, int]) -> int:
    """Where a chat is now, if it is a group that moved."""
    for _ in moves:  # no chain is longer
        chat_id = moves.get(chat_id, chat_id)
    return chat_id


def state_of(row: Invoice) -> str:
    """The state by the word that people read in a chat: what LND calls settled is paid."""
    return "paid" if row.state is State.SETTLED else row.state.value


def asker_of(row: Invoice) -> tuple[str, int | None]:
    """The name and the id of who asked for it, or pays a part; "" and None where they are hidden.

    Somebody whose name was not confirmed may be an anonymous admin: the id would tell who.
    """
    if row.hidden or (row.board_id and not row.asker_name):
        return "", None
    return row.asker_name, row.asker_id


def _kind(row: Invoice) -> str:
    if not row.board_id:
        return "invoice"
    return _PARTS[row.part_kind]


_PARTS = {
    PartKind.OWN: "part",
    PartKind.OTHERS: "part for someone else",
    PartKind.GIFT: "gift",
}


def _sats(msat: int) -> int | float:
    return msat / 1000 if msat % 1000 else msat // 1000


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
