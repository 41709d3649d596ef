"""The send marker, from "about to send" to "may be there already". The only maker of both columns.

Telegram has no idempotency key. So before a new message goes out the row says `sending`. A marker
that a new process finds, or a send without an answer, makes that step `unsure`: its message goes
out once more, and says that it may be a duplicate.

The life of a marker: `before` → the send → `after`. A crash in between: `left_behind` → the step
again, with `may_be_duplicate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from bot.core.work import SENDS, Do


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message that may be on its way, and those that may have arrived."""

    sending: Do | None = None
    unsure: frozenset[Do] = frozenset()

    def may_be_duplicate(self, do: Do) -> bool:
        """Whether an earlier copy of this step's message may be in the chat."""
        return do in self.unsure


class DeliveryColumns(TypedDict, total=False):
    """Columns of `Delivery` by name."""

    sending: Do | None
    unsure: frozenset[Do]


#: Markers that stay when a group gets a new id, or another bot takes over: what people are told is
#: told wherever it came from, while a card's copy is void there.
KEPT_IN_A_MOVE = frozenset({Do.ANNOUNCE, Do.REMIND})


def before(row: Delivery, do: Do, armed: Do | None) -> DeliveryColumns:
    """What is written before a message goes out, unless the step before wrote it (`armed`).

    A group that moves voids what was written.
    """
    is_written = do is armed and do is row.sending
    return {"sending": do} if do in SENDS and not is_written else {}


def after(following: Do) -> DeliveryColumns:
    """The step is recorded, and with it the marker that the following step needs."""
    return {"sending": following if following in SENDS else None}


def left_behind(row: Delivery) -> DeliveryColumns:
    """A marker that no hand of this process wrote: whether the message arrived is unknown."""
    if row.sending is None:
        return {}
    return {"sending": None, "unsure": row.unsure | {row.sending}}


def unanswered(row: Delivery, do: Do) -> DeliveryColumns:
    """It may have arrived; what is unsure of other steps stays so."""
    return {"unsure": row.unsure | {do}} if do in SENDS else {}


def perhaps_sent(row: Delivery, steps: frozenset[Do]) -> DeliveryColumns:
    """Whoever reads this does not know what was sent since."""
    return {"unsure": row.unsure | steps}


def overtaken() -> DeliveryColumns:
    """Somebody was faster than the record: the marker goes, what is shown is theirs to say."""
    return {"sending": None}


def once_more(row: Delivery, do: Do) -> DeliveryColumns:
    """Somebody wants another message of this kind: it is no duplicate of those before."""
    return {"unsure": row.unsure - {do}}


def void() -> DeliveryColumns:
    """What was sent is no longer a message of this row."""
    return {"sending": None, "unsure": frozenset()}
