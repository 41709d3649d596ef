"""What owners and askers read of the invoices: figures, pages, an export. Changes nothing.

The jobs take any `Tx`: the store's, or that of a reader beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from bot.access import Access
from bot.clock import midnight
from bot.core import ledger
from bot.core.board import Board
from bot.core.invoice import Invoice
from bot.core.ledger import Entry, Overview, Page, Position, Scope, Show, Turn
from bot.core.period import Period
from bot.store import Store, Tx

#: Entries that are read at once: no command waits for more.
ENTRIES = 100


class Ledger:
    """Reads. Raises `StoreUnavailable`."""

    def __init__(self, *, store: Store, access: Access, clock: Callable[[], float]) -> None:
        self._store = store
        self._access = access
        self._clock = clock

    async def overview(self) -> Overview:
        """Figures of all invoices, of payments those of today by the host's own day."""
        return await self._store.do(figures, midnight(self._clock()))

    def scope(self, reader_id: int, group_id: int | None) -> Scope:
        """What somebody may read there, in private where that is None: an owner everything."""
        if group_id is None and self._access.is_owner(reader_id):
            return Scope()
        return Scope(reader_id, group_id)

    async def page(self, scope: Scope, show: Show, turn: Turn | None) -> Page:
        """One page of these; None, or where nothing is there: the newest."""
        return await self._store.do(page_of, scope, show, turn)

    async def entries(self, period: Period) -> AsyncIterator[list[Entry]]:
        """All invoices of a time, the oldest first, some at a time."""
        after: Position | None = Position()
        while after is not None:
            found, after = await self._store.do(entries_of, period, after, ENTRIES)
            yield found


# jobs


def figures(tx: Tx, since: float) -> Overview:
    """Figures; of payments those from `since` on (Unix seconds)."""
    return tx.ledger.overview(since)


def page_of(tx: Tx, scope: Scope, show: Show, turn: Turn | None) -> Page:
    """A page. The first one is always full, whichever way somebody comes to it."""
    if turn is not None:
        items, has_more = ledger.cut(_found(tx, scope, show, turn))
        if turn.is_newer and has_more:
            return Page(items[::-1], has_newer=True, has_older=True)
        if not turn.is_newer and items:
            return Page(items, has_newer=True, has_older=has_more)
    items, has_more = ledger.cut(_found(tx, scope, show, None))
    return Page(items, has_older=has_more)


def _found(tx: Tx, scope: Scope, show: Show, turn: Turn | None) -> list[Invoice | Board]:
    """More than a page, in the order in which they are away from where it begins."""
    both: list[Invoice | Board] = [
        *tx.ledger.invoices(scope, show, turn),
        *tx.ledger.boards(scope, show, turn),
    ]
    is_newer = turn is not None and turn.is_newer
    return sorted(both, key=lambda each: each.asked_at, reverse=not is_newer)


def newest(tx: Tx, show: Show, limit: int) -> list[Invoice]:
    """The newest invoices, everyone's."""
    return tx.ledger.newest(show, limit)


def entries_of(
    tx: Tx, period: Period, after: Position, limit: int
) -> tuple[list[Entry], Position | None]:
    """The next entries of a time, and where they end; None: these are the last."""
    found = tx.ledger.entries(period, after, limit)
    more = len(found) == limit
    last = Position(found[-1].asked_at, found[-1].id) if more else None
    moves = tx.chats.moves()
    return [ledger.entry_of(row, moves) for row in found], last
