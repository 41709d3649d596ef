"""What the nodes said: how far it is recorded, what is settled and closed, whose rows are whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import work
from bot.core.invoice import Columns, Invoice, State
from bot.core.work import Lane
from bot.store.invoices import Invoices
from bot.store.noun import ROWS, Noun
from bot.store.rows import packed
from bot.store.tables import cursors, invoices

_c = invoices.c
_NEWEST_SETTLED = (
    ROWS.where(_c.node_id == sa.bindparam("node"), _c.settle_index > 0)
    .order_by(_c.settled_at.desc(), _c.settle_index.desc())
    .limit(1)
)
_OPEN = (
    sa.select(_c.id, _c.payment_hash, _c.node_id)
    .where(_c.state == State.OPEN, _c.id > sa.bindparam("after_id"), _c.lane != Lane.OTHER_NODE)
    .order_by(_c.id)
    .limit(sa.bindparam("most"))
)
#: A row of no node was made just before it was known whose it is.
_OPEN_HERE = _OPEN.where(_c.node_id.in_(["", sa.bindparam("node")]))


class Nodes(Noun):
    """Each node by its identity, "" where that is unknown. Times in Unix seconds."""

    def __init__(self, connection: Connection, rows: Invoices) -> None:
        super().__init__(connection)
        self._rows = rows

    def known(self) -> Sequence[str]:
        """The nodes that settlements were recorded from."""
        return self._connection.execute(sa.select(cursors.c.node_id)).scalars().all()

    def cursor(self, node_id: str) -> int:
        """The last settle index that was recorded from this node, 0 for none."""
        statement = sa.select(cursors.c.settle_index).where(cursors.c.node_id == node_id)
        return self._connection.execute(statement).scalar_one_or_none() or 0

    def last(self) -> str:
        """The node whose settlements were recorded last, "" for none."""
        statement = sa.select(cursors.c.node_id).order_by(cursors.c.seen_at.desc()).limit(1)
        return self._connection.execute(statement).scalar_one_or_none() or ""

    def set_cursor(self, node_id: str, settle_index: int, now: float) -> None:
        """Remember how far this node's settlements are recorded."""
        columns = {"settle_index": settle_index, "seen_at": now}
        self._put(cursors, {"node_id": node_id}, columns)

    def newest_settled(self, node_id: str) -> Invoice | None:
        """The row that this node settled last."""
        return self._one(_NEWEST_SETTLED, node=node_id)

    def settle(
        self, payment_hash: bytes, /, *, now: float, **columns: Unpack[Columns]
    ) -> int | None:
        """Record a payment once; the row's number if it was news."""
        statement = (
            sa.update(invoices)
            .where(_c.payment_hash == payment_hash, _c.state != State.SETTLED)
            .values(**packed(**columns), **packed(**work.settled(now)))
            .returning(_c.id)
        )
        return self._connection.execute(statement).scalar_one_or_none()

    def close(self, row_id: int, now: float) -> None:
        """Record that the node has an open invoice canceled, or no longer knows it."""
        row = self._rows.get(row_id)
        if row is not None and row.state is State.OPEN:
            self._rows.update(row_id, state=row.closed_state(now), **work.closed(now))

    def claim(self, row_id: int, node_id: str) -> None:
        """Record whose a row is, where nobody knew: this node knows its invoice."""
        self._write(packed(node_id=node_id), _c.id == row_id, _c.node_id == "")

    def confirm_open(self, row_id: int, now: float) -> bool:
        """The node says that it can still be paid; whether that is news."""
        columns = packed(unconfirmed=False, **work.wanted(now, Lane.BACKGROUND))
        return self._write(columns, _c.id == row_id, _c.state == State.OPEN, _c.unconfirmed) > 0

    def open_hashes(
        self, after_id: int, limit: int, node_id: str = ""
    ) -> list[tuple[int, bytes, str]]:
        """Numbers, payment hashes and nodes of rows that are open, but for other nodes', in order.

        With `node_id` "" those are the rows that were set aside before.
        """
        values = {"after_id": after_id, "most": limit}
        found = (
            self._connection.execute(_OPEN_HERE, {**values, "node": node_id})
            if node_id
            else self._connection.execute(_OPEN, values)
        )
        return [(row_id, payment_hash, whose) for row_id, payment_hash, whose in found]

    def set_aside_others(self, node_id: str, now: float) -> int:
        """Set rows of other nodes aside, schedule this node's again; how many were set aside.

        Open ones of no node are asked for, and are this node's once it knows them.
        """
        is_open, is_mine = _c.state == State.OPEN, _c.node_id.in_(["", node_id])
        is_aside = _c.lane == Lane.OTHER_NODE
        self._write(packed(**work.node_is_back(now)), is_aside, is_mine)
        # What waits for its chat is not due, and is set aside once that is heard of.
        may_be_due = _c.lane != Lane.UNREACHABLE
        return self._write(
            packed(**work.set_aside_as_due()), is_open, ~is_aside, ~is_mine, may_be_due
        )
