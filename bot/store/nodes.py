"""What the nodes said: how far it is recorded, what is settled and closed, whose rows are whose."""

from __future__ import annotations

from typing import NamedTuple, Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import work
from bot.core.cursor import Cursor
from bot.core.invoice import Columns, Invoice, State
from bot.core.work import Lane
from bot.store.invoices import Invoices
from bot.store.noun import Noun, touch
from bot.store.rows import packed
from bot.store.tables import cursors, invoices

_c = invoices.c
_OPEN = (
    sa.select(
        _c.id,
        _c.payment_hash,
        _c.node_id,
        _c.lane == Lane.OTHER_NODE,
        _c.unconfirmed,
        _c.expires_at - _c.expiry_s,
    )
    .where(_c.state == State.OPEN)
    .order_by(_c.id.desc())
    .limit(sa.bindparam("most"))
)
_OPEN_BELOW = _OPEN.where(_c.id < sa.bindparam("below"))
_ENDED = (State.SETTLED, State.EXPIRED, State.CANCELLED, State.FAILED)
#: Payments of ours that are anchors one after the other; of older ones only some.
NEAR = 5


class Open(NamedTuple):
    """An open row, as far as it takes to look it up. `created_at`: by the node, in Unix seconds."""

    row_id: int
    payment_hash: bytes
    node_id: str
    is_aside: bool
    is_unconfirmed: bool
    created_at: int


class Ended(NamedTuple):
    """A row that nobody can pay, by the word of the node that was there then."""

    row_id: int
    payment_hash: bytes
    node_id: str
    is_paid: bool


class Nodes(Noun):
    """Each node by its identity, "" where that is unknown. Times in Unix seconds."""

    def __init__(self, connection: Connection, rows: Invoices) -> None:
        super().__init__(connection)
        self._rows = rows

    def cursor(self, node_id: str) -> Cursor:
        """How far this node's settlements are recorded."""
        c = cursors.c
        statement = sa.select(c.settle_index, c.payment_hash, c.settled_at)
        kept = self._connection.execute(statement.where(c.node_id == node_id)).one_or_none()
        if kept is None:
            return Cursor()
        return Cursor(kept.settle_index, kept.payment_hash or b"", kept.settled_at)

    def last(self) -> str:
        """The node whose settlements were recorded last, "" for none."""
        statement = sa.select(cursors.c.node_id).order_by(cursors.c.seen_at.desc()).limit(1)
        return self._connection.execute(statement).scalar_one_or_none() or ""

    def anchors(self, node_id: str) -> list[bytes]:
        """Payments of ours that this node has told: where its cursor's payment is unknown, one of
        these may be known. The newest invoices first, a few, and then ever further back, so that a
        node that has been another one for however long is found by few of them."""
        of_node = sa.select(_c.id, _c.payment_hash).where(
            _c.state == State.SETTLED, _c.node_id == node_id
        )
        newest = of_node.order_by(_c.id.desc())
        found = [*self._connection.execute(newest.limit(NEAR))]
        back = NEAR
        while found and (below := found[0].id - back) > 0:
            older = newest.where(_c.id < min(below, found[-1].id)).limit(1)
            if (further := self._connection.execute(older).one_or_none()) is None:
                break
            found.append(further)
            back *= 2
        found += self._connection.execute(of_node.order_by(_c.id).limit(1))
        return list(dict.fromkeys(each.payment_hash for each in found))

    def set_cursor(self, node_id: str, cursor: Cursor, now: float) -> None:
        """Remember how far this node's settlements are recorded."""
        columns = {
            "settle_index": cursor.settle_index,
            "payment_hash": cursor.payment_hash,
            "settled_at": cursor.settled_at,
            "seen_at": now,
        }
        self._put(cursors, {"node_id": node_id}, columns)

    def settle(
        self, payment_hash: bytes, /, *, now: float, **columns: Unpack[Columns]
    ) -> int | None:
        """Record a payment once; the row's number if it was news."""
        statement = (
            sa.update(invoices)
            .where(_c.payment_hash == payment_hash, _c.state != State.SETTLED)
            .values(**packed(**columns), **packed(**work.settled(now)))
            .returning(_c.id, _c.board_id)
        )
        settled = self._connection.execute(statement).one_or_none()
        if settled is None:
            return None
        if settled.board_id:
            touch(self._connection, settled.board_id, is_paid=True)
        row_id: int = settled.id
        return row_id

    def close(self, row_id: int, now: float) -> None:
        """Record that the node has an open invoice canceled, or no longer knows it."""
        row = self._rows.get(row_id)
        if row is not None and row.state is State.OPEN:
            self._rows.update(row_id, state=row.closed_state(now), **work.closed(now))

    def claim(self, row_id: int, node_id: str) -> None:
        """Record whose a row is, where nobody knew: this node knows its invoice."""
        self._write(packed(node_id=node_id), _c.id == row_id, _c.node_id == "")

    def confirm(self, row_id: int, now: float) -> Invoice | None:
        """Record that the node has an invoice open; the row, if that was not confirmed before."""
        unconfirmed: Columns = {"state": State.OPEN, "unconfirmed": True}
        return self._rows.update_if(row_id, unconfirmed, unconfirmed=False, **work.touched(now))

    def open_page(self, below: int | None, most: int) -> list[Open]:
        """Open rows with smaller numbers, of all nodes, the newest first; None: from the newest.

        Whose they are is for the reader to see: what a statement passes over costs as much.
        """
        found = (
            self._connection.execute(_OPEN, {"most": most})
            if below is None
            else self._connection.execute(_OPEN_BELOW, {"most": most, "below": below})
        )
        return [Open(*each) for each in found]

    def ended_page(self, below: int | None, most: int) -> list[Ended]:
        """Rows that ended, paid or not, with smaller numbers, of all nodes, the newest first; None:
        from the newest. As with `open_page`, whose they are is for the reader to see."""
        # of several states at once the database would sort all that it has
        found = [
            Ended(each.id, each.payment_hash, each.node_id, is_paid=state is State.SETTLED)
            for state in _ENDED
            for each in self._connection.execute(_ended(state, below, most))
        ]
        return sorted(found, key=lambda each: each.row_id, reverse=True)[:most]

    def has_aside(self) -> bool:
        """Whether any open row is set aside."""
        is_aside = (_c.lane == Lane.OTHER_NODE) & (_c.state == State.OPEN)
        return self._connection.execute(sa.select(sa.exists().where(is_aside))).scalar_one()

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


def _ended(state: State, below: int | None, most: int) -> sa.Select[tuple[int, bytes, str]]:
    """The newest rows of one state."""
    columns = sa.select(_c.id, _c.payment_hash, _c.node_id)
    statement = columns.where(_c.state == state).order_by(_c.id.desc()).limit(most)
    return statement if below is None else statement.where(_c.id < below)
