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
    NODE_AWAY = "node away"  # for minutes
    NODE_BACK = "node back"  # the end of that
    MACAROON_REFUSED = "macaroon refused"  # by the node
    ADD_NOT_PERMITTED = "add not permitted"
    CAN_MAKE_INVOICES = "can make invoices"  # the end of both
    CANCEL_NOT_PERMITTED = "cancel not permitted"
    CAN_CANCEL = "can cancel"  # the end of that
    DATABASE_AWAY = "database away"  # it cannot be written
    DATABASE_BACK = "database back"  # it can
    OTHER_BOT = "other bot"  # this database was another bot's before
    OTHER_COPY = "other copy"  # another process polls with the same token
    OTHER_NODE = "other node"  # open invoices of another node than the connected one
    INBOUND_TOO_LITTLE = "inbound too little"  # an invoice of more than the node can receive
    INBOUND_LOW = "inbound low"  # the node can receive less than the largest invoice
    INBOUND_ENOUGH = "inbound enough"  # the end of that
    NOT_SYNCED = "not synced"  # the node's chain, for minutes
    SYNCED_AGAIN = "synced again"  # the end of that
    WEBHOOK_REFUSED = "webhook refused"  # Telegram does not take its address
    WEBHOOK_FAILS = "webhook fails"  # what Telegram delivers is not taken, for minutes
    WEBHOOK_WORKS = "webhook works"  # the end of both
    CERTIFICATE_EXPIRES = "certificate expires"  # the node's, soon or already
    MACAROON_EXPIRES = "macaroon expires"  # likewise


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to the owners. `why`: the other side's words.

    `invoice`: the one that it speaks of; `row_id`: of a board. Most are of neither.

    Of a stuck row `step` is what fails, and `why` the error's class, "": it changes nothing.

    `count`: of how many rows it speaks, the last of which is named; 0 is one.

    `receivable_msat`: what the node can receive, where that is too little; `limit_msat`: the most
    that can be asked for.

    `expires_at` (Unix seconds) and `left_s`: of what expires; `setting`: where the certificate is
    from.

    `subject` tells occasions of one kind apart where no row does. `began_at` (Unix seconds): since
    when it is so, 0 for now. `lasted_s`: for how long; `missed`: how often it was so since the last
    notice of it, and over before anybody was told.
    """

    kind: Kind
    row_id: int = 0
    why: str = ""
    count: int = 0
    step: Do | None = None
    receivable_msat: int = 0
    limit_msat: int = 0
    expires_at: float = 0.0
    left_s: float = 0.0
    setting: str = ""
    invoice: Invoice | None = None
    subject: str = ""
    began_at: float = 0.0
    lasted_s: float = 0.0
    missed: int = 0

    @property
    def about(self) -> str:
        """What it is about, of all notices of its kind: "" where there is only one."""
        if self.subject:
            return self.subject
        number = self.invoice.id if self.invoice else self.row_id
        return str(number) if number else ""


class Owners(Protocol):
    """The owners, as they are at the moment."""

    @property
    def chat_ids(self) -> Collection[int]:
        """Their private chats, by Telegram's ids."""

    @property
    def of_payments(self) -> Sequence[int]:
        """Those of them who hear of each payment, in a fixed order."""
