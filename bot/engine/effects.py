"""What a step does beside its own row: lines of the log, a move followed.

The same for invoices and boards.
"""

from __future__ import annotations

import asyncio

from bot import logs
from bot.core.board import Board
from bot.core.board_outcomes import BoardVerdict
from bot.core.invoice import Invoice
from bot.core.outcomes import Verdict
from bot.engine.patience import Patience
from bot.places import Places

log = logs.get(__name__)


def tell(verdict: Verdict | BoardVerdict, row: Invoice | Board) -> None:
    """Log what came of the row's step."""
    for event in verdict.events:
        getattr(log, event.level)(event.text, **row.tag, **event.values)


async def follow(
    row: Invoice | Board, new_chat_id: int, *, patience: Patience, places: Places
) -> bool:
    """Follow the row's group to its new id. False, and nothing is done, where that is none."""
    if not patience.believes_move(row.key, asyncio.get_running_loop().time()):
        log.warning("group moved again: not believed yet", chat=row.chat_id, to=new_chat_id)
        return False
    return await places.moved(row.chat_id, new_chat_id, must=True)
