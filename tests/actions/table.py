"""What people want of boards, in a real store, and what the node says of parts. Not a test."""

from __future__ import annotations

import secrets
from typing import Any

from bot.access import Access
from bot.actions import Actions, Asker, BoardActions, Origin, Place, seats
from bot.actions.boards import TOKEN_BYTES
from bot.config import AccessSettings, InvoicesSettings, LimitsSettings, Rate
from bot.core.board import Board, Seat
from bot.core.invoice import Invoice, State
from bot.core.ledger import Scope, Show
from bot.core.split import Person
from bot.core.wishes import Change, Changing, Joining, Parting, Sitting, Splitting
from bot.pauses import Holds
from bot.places import Places
from bot.store import Bell, Store, Tx

NOW = 1_800_000_000.0
GROUP = -100
OWNER, ANNA, BERT = Asker(1, "Olga"), Asker(2, "Anna"), Asker(3, "Bert")
CORA, EVE = Asker(4, "Cora"), Asker(5, "Eve", username="Eve")
GHOST = Asker(6, "", hidden=True)  # an anonymous admin
GROUP_ITSELF = Asker(GROUP, "Friday", is_chat=True)
PEOPLE = (ANNA, BERT, CORA, EVE)
AT_EVE = Person("@eve", username="eve")


class Table:
    """The actions over a store of their own, and what becomes of boards between them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bell = Bell()
        self.now = NOW
        self._messages = 0
        self.set()

    def set(self, **invoices: Any) -> None:
        """Settings of invoices, as after a restart."""
        settings = InvoicesSettings(**invoices)
        places = Places(self.store, lambda: self.now, self.bell)
        access = Access(
            AccessSettings(owners=frozenset({OWNER.id}), chats=frozenset({GROUP})),
            LimitsSettings(invoices_per_user=Rate(100, 600), open_per_chat=50),
        )
        self.boards = BoardActions(
            store=self.store,
            access=access,
            places=places,
            settings=settings,
            clock=lambda: self.now,
            bell=self.bell,
            holds=Holds(lambda: self.now),
        )
        self.actions = Actions(
            store=self.store,
            access=access,
            places=places,
            settings=settings,
            clock=lambda: self.now,
            bell=self.bell,
        )

    # new boards

    def message(self) -> Origin:
        """A new one in the group."""
        self._messages += 1
        return Origin(GROUP, self._messages)

    async def ask(
        self, what: str, asker: Asker = ANNA, *people: Person, origin: Origin | None = None
    ) -> tuple[Splitting, Board | None]:
        """/split in the group."""
        origin = origin or self.message()
        return await self.boards.split(asker, origin, Place(GROUP), what, people)

    async def split(self, what: str = "84k/4", asker: Asker = ANNA, *people: Person) -> Board:
        """A bill that is made, and asked of nobody yet but by its message."""
        came_of_it, board = await self.ask(what, asker, *people)
        assert came_of_it is Splitting.MADE
        assert board is not None
        return board

    async def collect(self, what: str = "500k/21k speakers", asker: Asker = ANNA) -> Board:
        """A collection."""
        came_of_it, board = await self.boards.collect(asker, self.message(), Place(GROUP), what)
        assert came_of_it is Splitting.MADE
        assert board is not None
        return board

    # what is

    async def fresh(self, board: Board) -> Board:
        """As it is now."""
        found = await self.store.do(_board, board.id)
        assert found is not None
        return found

    async def seat(self, board: Board, number: int) -> Seat:
        """One of its seats as it is now."""
        found = (await self.fresh(board)).seat(number)
        assert found is not None
        return found

    async def row(self, row: Invoice) -> Invoice:
        """As it is now."""
        found = await self.store.do(_row, row.id)
        assert found is not None
        return found

    async def listed(self, asker: Asker = ANNA) -> list[Board]:
        """The boards that somebody has asked for, the newest first."""
        return await self.store.do(_listed, asker.id)

    async def is_due(self, board: Board) -> bool:
        """Whether somebody works on it next, or is told to."""
        there = await self.fresh(board)
        return there.due_at is not None and there.due_at <= self.now

    # what becomes of it

    async def rests(self, board: Board, **columns: Any) -> Board:
        """It is shown, and nothing is due; and these columns are so."""
        shown = {"card_id": 70, "due_at": board.ends_at}
        there = await self.store.do(_update, board.id, shown | columns)
        self.bell.take()
        return there

    async def becomes(self, row: Invoice, state: State, **columns: Any) -> Invoice:
        """The node's word on a part, and what follows of it."""
        if state is State.SETTLED:
            columns = {"paid_msat": row.amount_msat or 1000, **columns}
        return await self.store.do(_becomes, row, {"state": state, **columns}, self.now)

    # what people want

    async def sit(self, board: Board, who: Asker, *, press: str = "") -> tuple[Sitting, str]:
        """A press on the board."""
        came_of_it, token, _ = await self.boards.sit(board.handle, GROUP, who, press=press)
        return came_of_it, token

    async def token(self, board: Board, who: Asker) -> str:
        """That of their seat."""
        came_of_it, token = await self.sit(board, who)
        assert came_of_it is Sitting.SEATED
        return token

    async def link(self, board: Board, who: Asker) -> str:
        """The token of their seat, of which no invoice could be asked for yet."""
        came_of_it, token = await self.store.do(_seated, board.id, who)
        assert came_of_it is Sitting.SEATED
        return token

    async def join(self, board: Board, who: Asker, *, is_in: bool = True) -> Joining:
        """A press on "I'm in" or "Not me"."""
        return await self.boards.join(board.handle, GROUP, who, is_in=is_in)

    async def follow(
        self,
        token: str,
        who: Asker,
        number: int | None = None,
        *,
        reply_to: int | None = None,
        press: str = "",
    ) -> tuple[Parting, Invoice | None]:
        """The link to the private chat, or there a press on somebody else's part."""
        place = Place(who.id, reply_to=reply_to)
        return await self.boards.part(token, who, place, number, press=press)

    async def part(
        self,
        board: Board,
        who: Asker,
        number: int | None = None,
        *,
        state: State | None = None,
        **columns: Any,
    ) -> Invoice:
        """An invoice that is there now, and what became of it."""
        came_of_it, row = await self.follow(await self.token(board, who), who, number)
        assert came_of_it in (Parting.ASKED, Parting.THERE)
        assert row is not None
        return row if state is None else await self.becomes(row, state, **columns)

    async def change(
        self, board: Board, change: Change, number: int = 0, by: Asker = ANNA
    ) -> Changing:
        """Somebody who manages it wants this."""
        return await self.boards.change(board.id, change, number, by)


def _board(tx: Tx, board_id: int) -> Board | None:
    return tx.boards.get(board_id)


def _seated(tx: Tx, board_id: int, who: Asker) -> tuple[Sitting, str]:
    board = tx.boards.get(board_id)
    assert board is not None
    came_of_it, seat, _ = seats._sit(tx, board, who, secrets.token_urlsafe(TOKEN_BYTES))
    return came_of_it, "" if seat is None else seat.token


def _row(tx: Tx, row_id: int) -> Invoice | None:
    return tx.invoices.get(row_id)


def _update(tx: Tx, board_id: int, columns: dict[str, Any]) -> Board:
    return tx.boards.update(board_id, **columns)


def _becomes(tx: Tx, row: Invoice, columns: dict[str, Any], now: float) -> Invoice:
    there = tx.invoices.update(row.id, **columns)
    tx.boards.rearrange(row.board_id, now)
    return there


def _listed(tx: Tx, asker_id: int) -> list[Board]:
    return tx.ledger.boards(Scope(asker_id), Show.ALL, None)
