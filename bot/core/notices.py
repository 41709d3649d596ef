"""What the bot's owners are told, as kinds with values. Knows no chat and no prose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.core.invoice import Invoice
from bot.core.work import Do


class Kind(StrEnum):
    """The occasions."""

    STUCK = "stuck"  # a row cannot be finished
    CARD_REFUSED = "card refused"  # Telegram never took it: the invoice is cancelled
    CARD_UNTRUE = "card untrue"  # Telegram neither edits nor removes it
    BOARD_REFUSED = "board refused"  # Telegram did not take it: it is closed
    BOARD_UNTRUE = "board untrue"  # Telegram does not take a change of it
    BOARD_UNTOLD = "board untold"  # Telegram did not take what became of it
    BOARD_STUCK = "board stuck"  # it cannot be finished
    ADD_NOT_PERMITTED = "add not permitted"  # told once a process
    CANCEL_NOT_PERMITTED = "cancel not permitted"  # told once a process
    DATABASE_AWAY = "database away"  # it cannot be written: told once until it can
    OTHER_BOT = "other bot"  # this database was another bot's before
    OTHER_COPY = "other copy"  # another process polls with the same token: told once a process
    OTHER_NODE = "other node"  # open invoices of another node than the connected one
    INBOUND_TOO_LITTLE = "inbound too little"  # an invoice of more than the node can receive
    NOT_SYNCED = "not synced"  # the node's chain, for minutes
    SYNCED_AGAIN = "synced again"  # it is, after the owners were told that it is not
    CERTIFICATE_EXPIRES = "certificate expires"  # the node's, soon or already
    MACAROON_EXPIRES = "macaroon expires"  # likewise


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to the owners. `why`: the other side's words.

    `invoice`: the one that it speaks of; `row_id`: of a board. Most are of neither.

    Of a stuck row `step` is what fails, and `why` the error's class, "": it changes nothing.

    `count`: of how many rows it speaks, the last of which is named; 0 is one.

    `receivable_msat`: what the node can receive, where that is too little.

    `expires_at` (Unix seconds) and `left_s`: of what expires; `setting`: where the certificate is
    from.
    """

    kind: Kind
    row_id: int = 0
    why: str = ""
    count: int = 0
    step: Do | None = None
    receivable_msat: int = 0
    expires_at: float = 0.0
    left_s: float = 0.0
    setting: str = ""
    invoice: Invoice | None = None


class Owners(Protocol):
    """Whoever gets notices to the owners."""

    @property
    def chat_ids(self) -> Collection[int]:
        """Their private chats, by Telegram's ids."""

    @property
    def of_payments(self) -> Sequence[int]:
        """Those of them who hear of each payment, in a fixed order."""

    def notify(self, notice: Notice) -> None:
        """Tell each owner, best effort; returns at once."""
