"""One board, one step: plan, do, judge, commit. Knows who takes which step, and nothing of when.

The same life as a row's: `next_board_step` says what comes next, `judge_board` what came of it, and
the outcome is written where the group has not moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from bot import logs
from bot.clock import steady
from bot.core import delivery
from bot.core.board import (
    Board,
    BoardColumns,
    Rearranged,
    Sent,
    consequences,
    next_board_step,
    resting,
)
from bot.core.board_outcomes import BoardVerdict, judge_board
from bot.core.invoice import Audience
from bot.core.notices import Owners
from bot.core.steps import Around, Step
from bot.core.work import RESTS, Do, Lane, WorkColumns
from bot.engine.hand import TICK_S, Hand
from bot.errors import ChatMoved
from bot.pauses import jitter
from bot.places import Places
from bot.store import Bell, Store, Tx

log = logs.get(__name__)


class Shows(Protocol):
    """One board in its chat."""

    async def do(self, do: Do, board: Board) -> Sent:
        """Take a step. Raises `ChatError`."""


class BoardWorker:
    """Takes a board's steps."""

    def __init__(
        self,
        *,
        store: Store,
        shows: Shows,
        places: Places,
        owners: Owners,
        bell: Bell,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._shows = shows
        self._places = places
        self._owners = owners
        self._bell = bell
        self._clock = clock

    async def read(self, board_id: int) -> Board | None:
        """The board as it is."""
        return await self._store.must(_read, board_id)

    async def take_up(self, board: Board) -> Board:
        """As a row: whether a message of another process arrived is unknown."""
        if marker := delivery.left_behind(board):
            return await self._store.must(_mark, board.id, marker)
        return board

    async def put_down(self, hand: Hand) -> None:
        """The hand is done with it: what it has marked and not sent is not on its way."""
        if hand.armed is not None:
            await self._store.must(_mark, hand.key.id, delivery.overtaken())

    async def step(self, board: Board, hand: Hand) -> Board | None:
        """Take the board's next step; the board afterwards, None to let it go."""
        around, now = self._around(board), self._clock()
        step = next_board_step(board, around, now)
        if step.do in RESTS:
            return await self._rest(board, around, step, hand)
        began_at = steady()
        result: Sent | Rearranged | Exception
        try:
            result = await self._do(step.do, board, hand)
        except ChatMoved as moved:
            if await self._places.moved(board.chat_id, moved.new_chat_id, must=True):
                return await self.read(board.id)
            result = moved
        except Exception as error:  # noqa: BLE001 -- judged like any result: it stops nothing else
            result = error
        later, now = self._around(board), self._clock()
        verdict = judge_board(step.do, board, result, later, now=now)
        await self._spread(verdict, board, began_at)
        fresh, written = await self._store.must(_record, board, step.do, verdict.columns)
        hand.armed = verdict.columns.get("sending") if written else None
        return fresh

    def _around(self, board: Board) -> Around:
        is_lost = self._places.is_unreachable(board.chat_id)
        return Around(
            unreachable=frozenset({Audience.CHAT}) if is_lost else frozenset(), jitter=jitter()
        )

    async def _do(self, do: Do, board: Board, hand: Hand) -> Sent | Rearranged:
        if do is Do.REARRANGE:
            rearranged = await self._store.must(_rearrange, board.id, self._clock())
            self._bell.ring_due()  # parts whose cancellation is wanted
            return rearranged
        if marker := delivery.before(board, do, hand.armed):
            await self._store.must(_mark, board.id, marker)
        hand.armed = None
        return await self._shows.do(do, board)

    async def _spread(self, verdict: BoardVerdict, board: Board, began_at: float) -> None:
        for event in verdict.events:
            getattr(log, event.level)(event.text, **board.tag, **event.values)
        for notice in verdict.notices:
            self._owners.notify(notice)
        if verdict.is_lost:
            await self._places.lost(board.chat_id, must=True, asked_at=began_at)

    async def _rest(self, board: Board, around: Around, step: Step, hand: Hand) -> Board | None:
        now = self._clock()
        if step.do is Do.WAIT and step.at - now <= TICK_S:
            try:
                async with asyncio.timeout(max(0.0, step.at - now)):
                    await hand.nudge.wait()
            except TimeoutError:
                pass
            return await self.read(board.id)
        columns = resting(board, step, around, now)
        if board.due_at != columns["due_at"] or board.lane != columns["lane"]:
            fresh = await self._store.must(_let_go, board, columns)
            if fresh is not None:
                return fresh
        if step.do is Do.WAIT:
            hand.due_at = step.at
        return None


# jobs of the store


def _read(tx: Tx, board_id: int) -> Board | None:
    return tx.boards.get(board_id)


def _mark(tx: Tx, board_id: int, marker: delivery.DeliveryColumns) -> Board:
    return tx.boards.update(board_id, **marker)


def _record(tx: Tx, board: Board, do: Do, columns: BoardColumns) -> tuple[Board, bool]:
    """Write the outcome where the group has not moved; what was due meanwhile stays due."""
    there = tx.boards.get(board.id)
    if there is None:
        raise LookupError(f"no board {board.id}")
    if do is not Do.REARRANGE and there.chat_id != board.chat_id:
        return tx.boards.update(board.id, **delivery.overtaken()), False
    if there.due_at != board.due_at:
        columns = {**columns}
        columns.pop("due_at", None)
        columns.pop("lane", None)
    return tx.boards.update(board.id, **columns), True


def _let_go(tx: Tx, board: Board, columns: WorkColumns) -> Board | None:
    """Write when it is due again; the board, where something happened to it meanwhile."""
    there = tx.boards.get(board.id)
    if there is not None and (there.due_at != board.due_at or there.face != board.face):
        return there
    is_lost = columns["lane"] is Lane.UNREACHABLE
    if is_lost and not tx.chats.is_unreachable(board.chat_id):
        return there
    tx.boards.update(board.id, due_at=columns["due_at"], lane=columns["lane"])
    return None


def _rearrange(tx: Tx, board_id: int, now: float) -> Rearranged:
    """Write what follows from the parts as they are now."""
    board = tx.boards.get(board_id)
    if board is None:
        raise LookupError(f"no board {board_id}")
    come = consequences(board, now)
    for number, columns in come.seats.items():
        tx.boards.update_seat(board_id, number, **columns)
    for row_id in come.cancels:
        tx.invoices.want_cancelled(row_id, now)
    tx.boards.update(board_id, **come.board)
    return Rearranged(come.board)
