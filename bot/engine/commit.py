"""Outcomes are written where they are still so. Knows the rows' own rules against being overtaken.

These are jobs of the store: they touch only their `Tx`, since one may run twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from bot.core import delivery, work
from bot.core.board import BoardState
from bot.core.invoice import REDRAWN, Columns, Invoice, State, changes
from bot.core.notices import Notice
from bot.core.work import AT_NODE, BY_ITSELF, Do, Lane, WorkColumns
from bot.store import Tx

#: What is so of an announcement, in whatever chat it is.
_OF_ANNOUNCING = ("announced", "announce_to", "unsure", "notified")
#: When the row is due: whoever wants to be heard meanwhile has the say.
_WHEN = ("due_at", "lane")


def record(
    tx: Tx, row: Invoice, do: Do, columns: Columns, now: float, notices: Iterable[Notice] = ()
) -> tuple[Invoice, bool]:
    """Write the outcome where it is still so; the row as it is then, and whether it was.

    What the owners should know of it is written with it: a kill in between tells nothing twice.
    """
    begin(tx, notices, now)
    expected = _expected(row, do)
    columns = _as_drawn(tx, row, _as_pressed(tx, row, columns), now)
    changed = _unless_heard(tx, row, columns, now)
    unmoved: Columns = {**expected, **_still_due(row)}
    if (written := tx.invoices.update_if(row.id, unmoved, **changed)) is not None:
        return _with_its_board(tx, row, written, now), True
    if tx.invoices.get_if(row.id, expected) is None:
        # Somebody was faster: a payment, a press, or the group moved. Their word stands; but a
        # payment that was announced in the old group was announced.
        kept: Columns = _only(columns, _OF_ANNOUNCING) if do is Do.ANNOUNCE else {}
        if columns.get("redraw_at") and tx.invoices.get_if(row.id, {"chat_id": row.chat_id}):
            kept = {**kept, **_only(columns, ("redraw_at",))}  # it may still come
        kept = {**kept, **changes(**delivery.overtaken())}
        return tx.invoices.update(row.id, **kept), False
    written = tx.invoices.update(row.id, **_without(columns, _WHEN))
    return _with_its_board(tx, row, written, now), True


def _as_pressed(tx: Tx, row: Invoice, columns: Columns) -> Columns:
    """Where a press showed meanwhile that its card is not as it should be, that has the say."""
    if "redraw_at" not in columns or tx.invoices.get_if(row.id, {"redraw_at": row.redraw_at}):
        return columns
    return _without(columns, ("redraw_at",))


def _as_drawn(tx: Tx, row: Invoice, columns: Columns, now: float) -> Columns:
    """What was drawn with a name as it was shown before, or hidden, is drawn again."""
    shown = columns.get("card_shown")
    if shown is None or shown not in REDRAWN or not row.board_id:
        return columns
    fresh = tx.invoices.get(row.id)
    if fresh is None or fresh.hidden == row.hidden:
        return columns
    return {**columns, "card_shown": REDRAWN[shown], **changes(**work.touched(now))}


def _with_its_board(tx: Tx, row: Invoice, written: Invoice, now: float) -> Invoice:
    """What follows for a part's board is written with it: it waits for no edit of any board. The
    row as it is then: of a board that is closed by it, its card offers no renewal."""
    if not row.board_id or row.state is written.state:
        return written
    if (board := tx.boards.get(row.board_id)) is None:
        return written
    is_closed = tx.boards.follow(board, now).columns.get("state") is BoardState.CLOSED
    return (tx.invoices.get(row.id) if is_closed else None) or written


def begin(tx: Tx, notices: Iterable[Notice], now: float) -> None:
    """Write what the owners should know."""
    for notice in notices:
        tx.occasions.begin(notice, now)


def let_go(
    tx: Tx, row: Invoice, columns: WorkColumns, now: float, *, is_armed: bool
) -> tuple[Invoice | None, bool]:
    """Write when the row is due again; the row as it is then, and whether it was written.

    `is_armed`: what it was marked for was not sent. Nobody would read the marker after a kill.
    It is not where something made the row due meanwhile: a payment of that very moment would wait
    for the expiry, if the process were killed before it heard of it.
    """
    changed = _unless_heard(tx, row, changes(**columns), now)
    if is_armed:
        changed = {**changed, **changes(**delivery.overtaken())}
    unmoved: Columns = {"state": row.state, **_still_due(row)}
    if (written := tx.invoices.update_if(row.id, unmoved, **changed)) is not None:
        return written, True
    return tx.invoices.get(row.id), False


def mark(tx: Tx, row_id: int, marker: Columns | delivery.DeliveryColumns) -> Invoice:
    """Write the send marker, before the message goes out or after a crash."""
    return tx.invoices.update(row_id, **marker)


def read(tx: Tx, row_id: int) -> Invoice | None:
    """The row as it is."""
    return tx.invoices.get(row_id)


def _expected(row: Invoice, do: Do) -> Columns:
    """What must not have changed: at the node the row's state, in the chat its place."""
    if do is Do.NOTIFY_OWNERS:  # wherever the row's own chat is
        return {}
    of_node = do in AT_NODE or do in BY_ITSELF
    expected: Columns = {"state": row.state} if of_node else {"chat_id": row.chat_id}
    if row.state is State.ASKING:
        # An answer may be faster than the record: the question is no card of what was asked.
        expected["state"] = row.state
    if do is Do.EDIT_DUPLICATE:  # a press makes another copy known
        expected["duplicates"] = row.duplicates
    return expected


def _still_due(row: Invoice) -> Columns:
    """Whether nothing made it due meanwhile."""
    return {"due_at": row.due_at}


def _unless_heard(tx: Tx, row: Invoice, columns: Columns, now: float) -> Columns:
    """A chat that was heard of meanwhile is reachable: nobody would wake the row later.

    A payment waits for people as well. If one of them is heard of, every hand is nudged.
    """
    rests_there = columns.get("lane") is Lane.UNREACHABLE
    if not rests_there or row.is_news or tx.chats.is_unreachable(row.chat_id):
        return columns
    return {**columns, **changes(**work.rests(work.due_now(now), row.urgency))}


def _only(columns: Columns, names: tuple[str, ...]) -> Columns:
    return cast(Columns, {name: columns[name] for name in names if name in columns})  # type: ignore[literal-required]


def _without(columns: Columns, names: tuple[str, ...]) -> Columns:
    return cast(Columns, {name: value for name, value in columns.items() if name not in names})
