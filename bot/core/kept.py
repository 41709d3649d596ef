"""What a backup says of a row, where that is not what the row says: it is read much later. Pure.

The same of a row that is of an earlier moment than the chats, as its database lacks commits.
"""

from __future__ import annotations

from collections.abc import Collection

from bot.core import delivery
from bot.core.board import ANY_FACE, Board, BoardColumns, BoardState, board_changes
from bot.core.invoice import Columns, Invoice, State, changes
from bot.core.work import Do, done, part_changed

#: Messages of a row or a board. Its card is sent again where it has none, or its group moved.
_TO_COME = frozenset({Do.ANNOUNCE, Do.SEND_CARD})


def in_backup(row: Invoice, owners: Collection[int]) -> Columns:
    """The columns in which a backup's row differs.

    No preimage is kept: a backup is there for longer than an invoice is open. So what the node has
    not confirmed is not asked for once more; whether the node has it by then is looked up. A
    message that may go out later may have gone out by the time that the backup is restored: it says
    so then.
    """
    if row.state is State.ASKING:
        dropped = changes(state=State.DROPPED, preimage=None, **done())
        return {**dropped, **changes(**delivery.void()), **after_loss(row, owners)}
    columns: Columns = {} if row.preimage is None else {"preimage": None}
    goes_on = row.state in (State.PENDING, State.OPEN)
    if goes_on or row.is_news or row.notify_owners:
        return {**columns, **after_loss(row, owners)}
    return columns


def after_loss(row: Invoice, owners: Collection[int]) -> Columns:
    """The columns of a row that goes on: whatever may go out may have gone out already.

    What is at the node, or on its way there, is found by its payment hash.
    """
    # Who will be an owner by then, or was one meanwhile, nobody knows.
    unsure = changes(**delivery.perhaps_sent(row, _TO_COME | {Do.NOTIFY_OWNERS}))
    return {**unsure, "notified": row.with_notified(row.hearers(owners), surely=False)}


def board_in_backup(board: Board) -> BoardColumns:
    """The same of a board. What its message says by then nobody knows: it is made true."""
    if board.state is BoardState.CLOSED and board.announced:
        return {}
    unsure = board_changes(**delivery.perhaps_sent(board, _TO_COME | {Do.REMIND}))
    afresh: BoardColumns = {
        "shown": board.shown if board.card_id is None else ANY_FACE,
        "duplicates": dict.fromkeys(board.duplicates, ANY_FACE),
    }
    return {**unsure, **afresh, **board_changes(**part_changed())}
