"""One board, one step: plan, do, judge, commit. Knows who takes which step, and nothing of when.

The same life as a row's: `next_board_step` says what comes next, `judge_board` what came of it, and
the outcome is written where the group has not moved. What comes after it is decided in the same
transaction, by the parts as they are then: one may be paid while the board is edited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Protocol

from bot.clock import steady
from bot.core import delivery
from bot.core.board import (
    Board,
    BoardColumns,
    BoardState,
    Rearranged,
    Sent,
    board_changes,
)
from bot.core.board_outcomes import BoardVerdict, judge_board
from bot.core.board_steps import (
    EDIT_EVERY_S,
    EDITS_A_CHAT,
    EDITS_PER_S,
    next_board_step,
    prepared,
    resting,
)
from bot.core.invoice import Audience
from bot.core.notices import Notice
from bot.core.steps import Around, Step
from bot.core.work import EDITS, RESTS, Do
from bot.engine import commit, effects
from bot.engine.hand import TICK_S, Hand, IsSo
from bot.engine.patience import Patience
from bot.errors import ChatMoved, ChatRefused, StoreUnavailable, TermLost
from bot.occasions import Occasions
from bot.pauses import Holds, jitter
from bot.places import Places
from bot.store import Bell, Store, Tx

#: What is overtaken as often while it waits for its turn goes out as it is.
MAX_OVERTAKEN = 3


class Shows(Protocol):
    """One board in its chat."""

    async def do(self, do: Do, board: Board, is_so: IsSo) -> Sent:
        """Take a step. Raises `ChatError`.

        `is_so`: whether the board is still as it was. What no edit corrects is `NotSent` where it
        is not, when its turn comes.
        """

    def is_slow(self, board: Board) -> bool:
        """Whether messages to its chat take long."""

    def tell_refused(self, board: Board, refusal: ChatRefused) -> None:
        """Tell who asked that its chat does not take it, best effort; returns at once."""


class BoardWorker:
    """Takes a board's steps."""

    def __init__(
        self,
        *,
        store: Store,
        shows: Shows,
        places: Places,
        occasions: Occasions,
        patience: Patience,
        bell: Bell,
        clock: Callable[[], float],
        holds: Holds,
        surely_at: Callable[[], float | None] | None = None,
    ) -> None:
        """`holds`: by chat, what is edited there. `surely_at`: what time it is at least, None while
        nobody knows; else the clock's."""
        self._store = store
        self._shows = shows
        self._places = places
        self._occasions = occasions
        self._patience = patience
        self._bell = bell
        self._clock = clock
        self._surely_at = surely_at or clock
        self._holds = holds
        self._edits = _Edits()

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
        began_at, taken_at = steady(), now
        result: Sent | Rearranged | Exception
        try:
            result = await self._do(step.do, board, hand)
        except ChatMoved as moved:
            if await effects.follow(
                board, moved.new_chat_id, patience=self._patience, places=self._places
            ):
                return await self.read(board.id)
            result = moved
        except (TermLost, MemoryError):
            raise  # whoever acts next goes on with it
        except Exception as error:  # noqa: BLE001 -- judged like any result: it stops nothing else
            result = error
        later, now = self._around(board), self._clock()
        verdict = judge_board(step.do, board, result, later, began_at=taken_at, now=now)
        await self._spread(verdict, board, began_at)
        if verdict.is_lost:
            later = later.without_chat(is_sealed=verdict.is_sealed)
        fresh, written = await self._store.must(
            _record, board, step.do, verdict.columns, later, now, verdict.notices
        )
        self._occasions.began(verdict.notices)
        hand.armed = fresh.sending if written else None
        return fresh

    def _around(self, board: Board) -> Around:
        is_lost = self._places.is_unreachable(board.chat_id)
        return Around(
            unreachable=frozenset({Audience.CHAT}) if is_lost else frozenset(),
            takes_edits=self._places.takes_edits(board.chat_id),
            surely_at=self._surely_at() or 0.0,
            editable_at=max(
                self._edits.free_at(board.chat_id, self._clock()), self._holds.until(board.chat_id)
            ),
            jitter=jitter(),
        )

    async def _do(self, do: Do, board: Board, hand: Hand) -> Sent | Rearranged:
        if do is Do.REARRANGE:
            surely_at = self._surely_at() or 0.0
            rearranged = await self._store.must(_rearrange, board.id, self._clock(), surely_at)
            self._bell.ring_due()  # parts whose cancellation is wanted
            return rearranged
        if marker := delivery.before(board, do, hand.armed):
            await self._store.must(_mark, board.id, marker)
        hand.armed = None
        if do in EDITS:
            self._edits.note(board.chat_id, self._clock())
        with ExitStack() as room:  # what hangs there keeps nobody else's board waiting
            is_slow = self._shows.is_slow(board)
            with hand.in_chat(lambda: room.enter_context(hand.aside()), is_slow=is_slow):
                return await self._shows.do(do, board, IsSo(partial(self._is_so, board, hand)))

    async def _is_so(self, board: Board, hand: Hand) -> bool:
        """Whether what is rendered is still so; what was overtaken a few times goes out anyway."""
        is_so = hand.overtaken >= MAX_OVERTAKEN
        if not is_so:
            try:
                there = await self._store.do(_read, board.id)
            except StoreUnavailable:
                return True
            is_so = there is not None and there.face == board.face
        hand.overtaken = 0 if is_so else hand.overtaken + 1
        return is_so

    async def _spread(self, verdict: BoardVerdict, board: Board, began_at: float) -> None:
        effects.tell(verdict, board)
        if verdict.refusal is not None:
            self._shows.tell_refused(board, verdict.refusal)
        if verdict.is_lost:
            await self._places.lost(
                board.chat_id, must=True, asked_at=began_at, is_muted=not verdict.is_sealed
            )

    async def _rest(self, board: Board, around: Around, step: Step, hand: Hand) -> Board | None:
        now = self._clock()
        if step.do is Do.WAIT and step.at - now <= TICK_S:
            await hand.nudged(step.at - now)
            # Where something happened it is read again before its next step.
            return board if hand.nudge.is_set() else await self.read(board.id)
        is_armed = hand.armed is not None
        fresh, hand.due_at = await self._store.must(
            _let_go, board.id, around, now, is_armed=is_armed
        )
        if fresh is None:
            hand.armed = None
        return fresh


class _Edits:
    """When boards were edited last, by chat: times in Unix seconds."""

    def __init__(self) -> None:
        self._times: dict[int, deque[float]] = {}

    def note(self, chat_id: int, now: float) -> None:
        """A board there is edited now."""
        times = self._times.setdefault(chat_id, deque(maxlen=EDITS_A_CHAT))
        times.append(now)
        for each in [each for each, last in self._times.items() if last[-1] < now - EDITS_PER_S]:
            del self._times[each]

    def free_at(self, chat_id: int, now: float) -> float:
        """When another edit may follow; 0: now."""
        times = self._times.get(chat_id)
        if not times:
            return 0.0
        at = times[-1] + EDIT_EVERY_S
        if len(times) == EDITS_A_CHAT:
            at = max(at, times[0] + EDITS_PER_S)
        return at if now < at else 0.0


# jobs of the store


def _read(tx: Tx, board_id: int) -> Board | None:
    return tx.boards.get(board_id)


def _mark(tx: Tx, board_id: int, marker: delivery.DeliveryColumns) -> Board:
    return tx.boards.update(board_id, **marker)


def _record(
    tx: Tx,
    board: Board,
    do: Do,
    columns: BoardColumns,
    around: Around,
    now: float,
    notices: tuple[Notice, ...] = (),
) -> tuple[Board, bool]:
    """Write the outcome where the group has not moved, and with it what the next step needs."""
    commit.begin(tx, notices, now)
    there = _there(tx, board.id)
    if do is not Do.REARRANGE and there.chat_id != board.chat_id:
        # What was shown in the old group is void; that it was told, or may have been, is not.
        void = board_changes(**delivery.overtaken())
        if do in (Do.ANNOUNCE, Do.REMIND):
            if columns.get("announced"):
                void["announced"] = True
            if "remind_wanted" in columns:
                void["remind_wanted"] = columns["remind_wanted"]
            if "unsure" in columns:
                void["unsure"] = columns["unsure"]
        return tx.boards.update(board.id, **void), False
    was_closed = board.state is there.state is BoardState.CLOSED
    if columns.get("announced") and was_closed and there.paid_msat != board.paid_msat:
        # A payment came while the end was on its way: it is told once more.
        columns = {**columns, "announced": False}
    if "duplicates" in columns and there.duplicates != board.duplicates:
        # A press made another copy known: this one is edited once more, and then that one is.
        columns = board_changes(**columns)
        del columns["duplicates"]
    columns = prepared(there, columns, _as_written(tx, there, around), now)
    return tx.boards.update(board.id, **columns), True


def _let_go(
    tx: Tx, board_id: int, around: Around, now: float, *, is_armed: bool
) -> tuple[Board | None, float | None]:
    """Write when it is due again, and that; the board instead, where something is to be done.

    `is_armed`: as for a row.
    """
    there = _there(tx, board_id)
    around = _as_written(tx, there, around)
    step = next_board_step(there, around, now)
    if step.do not in RESTS:
        return there, None
    columns = resting(there, step, around, now)
    if is_armed:
        tx.boards.update(board_id, **columns, **delivery.overtaken())
    elif there.due_at != columns["due_at"] or there.lane != columns["lane"]:
        tx.boards.update(board_id, **columns)
    return None, columns["due_at"]


def _as_written(tx: Tx, board: Board, around: Around) -> Around:
    """A chat that was heard of meanwhile is reachable: nobody would wake the board later."""
    if around.chat_is_unreachable and not tx.chats.is_unreachable(board.chat_id):
        return replace(around, unreachable=frozenset())
    return around


def _there(tx: Tx, board_id: int) -> Board:
    board = tx.boards.get(board_id)
    if board is None:
        raise LookupError(f"no board {board_id}")
    return board


def _rearrange(tx: Tx, board_id: int, now: float, surely_at: float = 0.0) -> Rearranged:
    return tx.boards.rearrange(board_id, now, min(now, surely_at))
