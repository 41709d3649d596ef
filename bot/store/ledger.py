"""All invoices, as those read them who keep account of them: figures, pages, entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core.board import Board, BoardState
from bot.core.invoice import Invoice, State
from bot.core.ledger import PAGE, TOGETHER, Overview, Position, Scope, Show, Turn
from bot.core.period import ENDLESS, Period
from bot.core.work import MAX_FAULTS
from bot.store.boards import Boards
from bot.store.noun import IS_PART, ROWS, Noun
from bot.store.tables import boards, invoices

_c, _b = invoices.c, boards.c
#: A question is no invoice yet.
_IS_ASKED = _c.amount_msat.is_not(None)
_NOT_CLOSED = [each for each in BoardState if each is not BoardState.CLOSED]
#: Whatever is more than a page.
_MOST = PAGE + TOGETHER + 1
_NODE_AFTER = sa.select(sa.func.min(_c.node_id)).where(_c.node_id > sa.bindparam("node"))
_FIRST_NODE = sa.select(sa.func.min(_c.node_id))
_OF_NODE = (_c.node_id == sa.bindparam("node"), _c.state == State.SETTLED)


def _sum(amounts: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """PostgreSQL's own is of another type than the amounts are."""
    return sa.cast(sa.func.coalesce(sa.func.sum(amounts), 0), sa.BigInteger)


_PAID = sa.select(sa.func.count(), _sum(_c.paid_msat)).where(
    *_OF_NODE, _c.settled_at >= sa.bindparam("since")
)
_LAST_PAID = (
    sa.select(_c.settled_at, _c.paid_msat)
    .where(*_OF_NODE, _c.settled_at > 0)
    .order_by(_c.settled_at.desc(), _c.id.desc())
    .limit(1)
)
_OPEN = (
    sa.select(_c.unconfirmed, sa.func.count(), _sum(_c.amount_msat))
    .where(_c.state == State.OPEN)
    .group_by(_c.unconfirmed)
)
_PENDING = sa.select(sa.func.count()).where(_c.state == State.PENDING)
_ENTRIES = ROWS.where(
    _IS_ASKED,
    _c.asked_at >= sa.bindparam("since"),
    _c.asked_at < sa.bindparam("until"),
    (_c.asked_at > sa.bindparam("since")) | (_c.id > sa.bindparam("row_id")),
).order_by(_c.asked_at, _c.id)


class Ledger(Noun):
    """Figures, pages and entries. Times in Unix seconds, amounts in millisatoshi."""

    def __init__(self, connection: Connection, its_boards: Boards) -> None:
        super().__init__(connection)
        self._boards = its_boards

    def overview(self, since: float) -> Overview:
        """Figures of all invoices; of payments those from `since` on, and the last one."""
        read = self._connection.execute
        is_open = {bool(unconfirmed): kept for unconfirmed, *kept in read(_OPEN)}
        open_count, open_msat = is_open.get(False, (0, 0))
        paid = [read(_PAID, {"node": node, "since": since}).one() for node in self._nodes()]
        found = (read(_LAST_PAID, {"node": node}).one_or_none() for node in self._nodes())
        last = max((tuple(each) for each in found if each is not None), default=(0, 0))
        return Overview(
            open_count=open_count,
            open_msat=open_msat or 0,
            pending=read(_PENDING).scalar_one(),
            unconfirmed=is_open.get(True, (0, 0))[0],
            paid_since=since,
            paid_count=sum(count for count, _ in paid),
            paid_msat=sum(msat for _, msat in paid),
            last_paid_at=last[0],
            last_paid_msat=last[1],
            stuck=self._stuck(_c),
            stuck_boards=self._stuck(_b),
        )

    def _nodes(self) -> list[str]:
        """All nodes that rows are of, "" too; each is found by the index, without its rows."""
        nodes: list[str] = []
        node = self._connection.execute(_FIRST_NODE).scalar()
        while node is not None:
            nodes.append(node)
            node = self._connection.execute(_NODE_AFTER, {"node": node}).scalar()
        return nodes

    def _stuck(self, those: sa.ColumnCollection[str, sa.Column[Any]]) -> int:
        is_stuck = (those.retry_at > 0, those.faults >= MAX_FAULTS)
        return self._connection.execute(sa.select(sa.func.count()).where(*is_stuck)).scalar_one()

    def invoices(
        self, scope: Scope, show: Show, turn: Turn | None, *, most: int = _MOST
    ) -> list[Invoice]:
        """More than a page of them, away from where it begins; None: from the newest."""
        # What is open is found by its state, all else by who asked and when.
        is_open = show is Show.OPEN
        at = _apart(_c.asked_at) if is_open else _c.asked_at
        here: list[sa.ColumnElement[bool]] = [_IS_ASKED]
        if is_open:
            here.append(_c.state.in_([State.OPEN, State.PENDING]))
        elif show is Show.PAID:
            here.append(_apart(_c.state, "") == State.SETTLED)
        if scope.asker_id is not None:
            here.append((_apart(_c.asker_id) if is_open else _c.asker_id) == scope.asker_id)
        if scope.chat_id is not None:
            here.append(_c.chat_id == scope.chat_id)
        return self._all(_turned(ROWS.where(*here), at, _c.id, turn).limit(most))

    def newest(self, show: Show, limit: int) -> list[Invoice]:
        """The newest of everyone."""
        return self.invoices(Scope(), show, None, most=limit)

    def boards(self, scope: Scope, show: Show, turn: Turn | None) -> list[Board]:
        """The same of splits and collections."""
        here: list[sa.ColumnElement[bool]] = []
        is_open = show is Show.OPEN
        at = _apart(_b.asked_at) if is_open else _b.asked_at
        if scope.asker_id is not None:
            here.append((_apart(_b.asker_id) if is_open else _b.asker_id) == scope.asker_id)
        if scope.chat_id is not None:
            here.append(_b.chat_id == scope.chat_id)
        if is_open:
            here.append(_b.state.in_(_NOT_CLOSED))
        elif show is Show.PAID:
            paid = sa.select(sa.literal(1)).where(
                _c.board_id == _b.id, IS_PART, _c.state == State.SETTLED
            )
            here.append(paid.exists())
        statement = _turned(sa.select(_b.id).where(*here), at, _b.id, turn)
        ids = self._connection.execute(statement.limit(_MOST)).scalars().all()
        return [board for each in ids if (board := self._boards.get(each)) is not None]

    def entries(self, period: Period, after: Position, limit: int) -> Sequence[Invoice]:
        """Invoices that were asked for in this time, behind that one, the oldest first."""
        since = max(period.since, after.asked_at)
        row_id = after.row_id if since == after.asked_at else 0
        values = {"since": since, "until": period.until, "row_id": row_id}
        return self._all(_ENTRIES.limit(limit), **values)


def _apart(column: sa.ColumnElement[Any], nothing: float | str = 0) -> sa.ColumnElement[Any]:
    """A column by which SQLite does not search: another index finds fewer rows."""
    return sa.func.coalesce(column, nothing)


def _turned(
    statement: sa.Select[Any],
    at: sa.ColumnElement[float],
    number: sa.ColumnElement[int],
    turn: Turn | None,
) -> sa.Select[Any]:
    if turn is not None and turn.is_newer:
        return statement.where(at > turn.at).order_by(at, number)
    statement = statement.where(at < (ENDLESS if turn is None else turn.at))
    return statement.order_by(at.desc(), number.desc())
