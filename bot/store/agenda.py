"""Many rows: which are due, which wait for another try, which need nothing more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import work
from bot.core.board import Board
from bot.core.invoice import LATE_S, Face, Invoice, State
from bot.core.work import AT_NODE, MAX_FAULTS, READ_LANES, Lane
from bot.store.noun import AT_THE_NODE, ROWS, Noun
from bot.store.rows import packed, unpacked
from bot.store.tables import boards, hints, invoices

T = TypeVar("T")

_c = invoices.c
# Neither names the lane: SQLite would read all that are open by its index. A row gets stuck as it
# is put off, and its retry_at stays, so that an index finds it by that.
_PUT_OFF = (_c.due_at.is_not(None), _c.faults < MAX_FAULTS)
_STUCK = (_c.retry_at > 0, _c.faults >= MAX_FAULTS)
_HAS_BOARD = sa.select(sa.literal(1)).where(boards.c.id == _c.board_id).exists()
#: The kind of hint that says since when a chat is unreachable.
LOST = "unreachable"


def is_at_rest(columns: sa.ColumnCollection[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
    """Whether nothing more is to be done: `unheard` with what waits for a chat that is unreachable
    for as long as all is kept."""
    unheard = sa.bindparam("unheard", type_=sa.Boolean)
    is_lost = columns.lane == Lane.UNREACHABLE
    lately = sa.select(sa.literal(1)).where(
        hints.c.kind == LOST,
        hints.c.subject_id == columns.chat_id,
        hints.c.said_at >= sa.bindparam("before"),
    )
    return sa.or_(
        sa.and_(is_lost, unheard, ~lately.exists()),
        sa.and_(sa.not_(is_lost), columns.due_at.is_(None)),
    )


#: What ended before then and needs nothing more. A payment that nobody could be told of is kept
#: until somebody can.
IS_OVER = sa.and_(
    _c.asked_at < sa.bindparam("before"),
    _c.expires_at < sa.bindparam("before"),
    _c.settled_at < sa.bindparam("before"),
    sa.or_(_c.state != State.SETTLED, _c.announced),
    sa.not_(AT_THE_NODE),  # a payment may have come that nobody has heard of yet
    is_at_rest(_c),
)


class Due(NamedTuple):
    """What is due: rows, whether there are more, and when others will be (Unix seconds)."""

    rows: list[Invoice | Board]
    more: bool
    next_at: float | None


class DueRows(Generic[T]):
    """What is due of one table: its statements, and how a row of it is read."""

    def __init__(self, table: sa.Table, rows: sa.Select[Any], unpack: Callable[[Any], T]) -> None:
        c = table.c
        lane: sa.BindParameter[Lane] = sa.bindparam("lane")
        now: sa.BindParameter[float] = sa.bindparam("now")
        is_due = rows.where(c.lane == lane, c.due_at <= now).order_by(c.due_at, c.id)
        self._due = is_due.limit(sa.bindparam("most"))
        self._elsewhere = self._due.where(c.chat_id.not_in(sa.bindparam("busy", expanding=True)))
        self._next_at = sa.select(sa.func.min(c.due_at)).where(c.lane == lane, c.due_at > now)
        self._unpack = unpack

    def read(
        self,
        connection: Connection,
        lanes: Iterable[Lane],
        now: float,
        limit: int,
        but: Collection[tuple[Lane, int]],
    ) -> Due:
        """What is due at `now`, lane by lane, of each at most `limit`.

        `but`: lanes and chats that have enough in hand.
        """
        rows: list[Any] = []
        more = False
        moments: list[float] = []
        for lane in lanes:
            here: dict[str, Any] = {"lane": lane, "now": now, "most": limit}
            if busy := [chat_id for lane_of, chat_id in but if lane_of == lane]:
                kept = connection.execute(self._elsewhere, {**here, "busy": busy})
            else:
                kept = connection.execute(self._due, here)
            found = [self._unpack(each) for each in kept.all()]
            rows += found
            more = more or len(found) == limit
            next_at = connection.execute(self._next_at, {"lane": lane, "now": now}).scalar()
            if next_at is not None:
                moments.append(next_at)
        return Due(rows, more, min(moments, default=None))


_DUE = DueRows(invoices, ROWS, unpacked)


class Agenda(Noun):
    """What there is to do, and when. Times in Unix seconds."""

    def due(
        self,
        lanes: Iterable[Lane],
        now: float,
        *,
        limit: int,
        but: Collection[tuple[Lane, int]] = (),
    ) -> Due:
        """Rows that are due now, the most urgent lane first, of each at most `limit`.

        `but`: lanes and chats that have enough in hand.
        """
        return _DUE.read(self._connection, lanes, now, limit, but)

    def make_overdue(self, now: float) -> None:
        """What waits for longer than any pause lasts is due: it was put off by a clock that was
        ahead. All other pauses stay as they are."""
        late = _c.retry_at > work.latest_retry(now)
        self._write(packed(**work.retry_now(now)), late, *_PUT_OFF)

    def doubt_edits(self, now: float) -> None:
        """An edit that the process before had under way may come yet: what may have been in work
        is drawn once more, some time after.

        What came due by its expiry alone was to show that, and shows it again whatever comes; what
        waits for the node alone has nothing under way.
        """
        is_due = _c.lane.in_(READ_LANES), _c.due_at <= work.latest_retry(now)
        in_doubt = sa.or_(
            _c.due_at < work.latest_at_once(now),
            _c.redraw_at > 0,
            _c.tried.not_in(("", *AT_NODE)),  # "": nothing was
            _c.state == State.PENDING,  # its notice gives another reason
            (_c.card_shown == Face.UNCONFIRMED) != _c.unconfirmed,
        )
        self._write({"redraw_at": now + LATE_S}, *is_due, in_doubt, _c.card_id.is_not(None))

    def node_is_back(self, now: float) -> None:
        """What waits for another try at the node is due, and what has no invoice yet, whatever was
        tried of it meanwhile. All other pauses in a chat stay as they are."""
        waits = sa.or_(_c.tried.in_(AT_NODE), _c.state == State.PENDING)
        self._write(packed(**work.retry_now(now)), _c.retry_at > 0, waits, *_PUT_OFF)

    def unstick(self, now: float) -> int:
        """Give stuck rows another chance; how many there were."""
        return self._write(packed(**work.unstuck(now)), *_STUCK)

    def prune(self, before: float, limit: int, *, unheard: bool = True) -> int:
        """Remove rows that ended before then and need nothing more; how many.

        `unheard`: also of unreachable chats, of which nothing was heard for as long. Parts go with
        their board, which is read off them: see `Boards.prune`.
        """
        done = sa.select(_c.id).where(IS_OVER, sa.or_(_c.board_id == 0, ~_HAS_BOARD)).limit(limit)
        statement = sa.delete(invoices).where(_c.id.in_(done))
        values = {"before": before, "unheard": unheard}
        return self._connection.execute(statement, values).rowcount
