"""What people want, as plain values: a job can have each. Knows what may be asked for."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from bot.access import Rights
from bot.config import InvoicesSettings
from bot.core import amounts, collection, split, work
from bot.core.work import WorkColumns


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a person, or an anonymous admin as the group itself.

    `hidden`: nobody may read the name; `username`: without the @, "" where there is none.
    """

    id: int
    name: str
    is_chat: bool = False
    hidden: bool = False
    username: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The message that asks, by the ids that it came with; `part`: which of its invoices."""

    chat_id: int
    message_id: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the card goes, by the chat's present id."""

    chat_id: int
    thread_id: int | None = None
    reply_to: int | None = None
    title: str = ""  # a group's


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be asked for, as a value that a job can have. Amounts in satoshi."""

    access: Rights
    min_sats: int
    max_sats: int
    expiry_s: int

    @classmethod
    def of(cls, settings: InvoicesSettings, access: Rights) -> Rules:
        """What the settings say, and who may ask now."""
        return cls(access, settings.min_sats, settings.max_sats, settings.expiry_s)

    def parse(self, what: str) -> tuple[int, str]:
        """The amount in msat, and the memo. Raises `AmountRefused`."""
        return amounts.parse(what, min_sats=self.min_sats, max_sats=self.max_sats)

    def parse_gift(self, what: str) -> int:
        """What a giver writes, in msat. Raises `AmountRefused`."""
        amount_msat = collection.parse_gift(what)
        self.check_range(amount_msat)
        return amount_msat

    def check_parts(self, sum_msat: int, count: int) -> None:
        """Raises `AmountRefused` unless a sum can be asked for in so many parts."""
        split.check_parts(sum_msat, count, min_sats=self.min_sats, max_sats=self.max_sats)

    def check_part(self, amount_msat: int) -> None:
        """Raises `AmountRefused` unless a part of a bill can be asked for."""
        split.check_part(amount_msat, min_sats=self.min_sats, max_sats=self.max_sats)

    def check_range(self, amount_msat: int) -> None:
        """Raises `AmountRefused`."""
        amounts.check_range(amount_msat, min_sats=self.min_sats, max_sats=self.max_sats)


class Drawn(WorkColumns):
    """The columns that are new for each row that asks the node for an invoice."""

    preimage: bytes
    payment_hash: bytes
    expiry_s: int


def draw(rules: Rules, now: float) -> Drawn:
    """A new preimage: it is ours, so that an add can be repeated. `now`: Unix seconds."""
    preimage = secrets.token_bytes(32)
    return {
        "preimage": preimage,
        "payment_hash": hashlib.sha256(preimage).digest(),
        "expiry_s": rules.expiry_s,
        **work.new(now),
    }
