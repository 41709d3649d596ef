"""What comes next for a board: `next_board_step`, a table; what follows from its parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core import delivery, work
from bot.core.board import FREED, GOES_ON, Board, BoardColumns, BoardState, SeatColumns
from bot.core.steps import Around, Step
from bot.core.work import MAX_PAUSE_S, RESTS, Do, Lane, WorkColumns, is_stuck

#: Edits of boards in one chat within so many seconds: there is room for everything else.
EDITS_A_CHAT, EDITS_PER_S = 12, 60.0
#: Seconds between two edits of a board.
EDIT_EVERY_S = 3.0
#: Seconds between two looks whether a board's end has come, where clocks do not agree.
CLOCKS_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What follows from the parts, and from what people want: all of it is for the database."""

    board: BoardColumns
    seats: Mapping[int, SeatColumns]  # by number
    cancels: Sequence[int]  # rows whose cancellation is wanted

    def __bool__(self) -> bool:
        return bool(self.board or self.seats or self.cancels)


def consequences(board: Board, surely_at: float) -> Consequences:
    """What follows. A board ends where it is `surely_at` (Unix seconds) at least: a clock that is
    ahead for a moment must not close it.

    Nothing is free or closed before the node has said that its invoice is: a payment that is faster
    wins.
    """
    state = board.state
    if state in GOES_ON and surely_at >= board.ends_at:
        state = BoardState.CLOSING
    is_closing = state is BoardState.CLOSING
    seats: dict[int, SeatColumns] = {}
    cancels: list[int] = []
    for seat in board.seats:
        if (is_closing or seat.leaving or seat.is_done) and seat.is_live:
            cancels += [part.id for part in seat.live if not part.cancel_wanted]
        elif seat.leaving:
            seats[seat.number] = {"leaving": False} if seat.is_done else FREED
    if (board.is_over or is_closing) and not board.is_live:
        state = BoardState.CLOSED
    columns: BoardColumns = {} if state is board.state else {"state": state}
    if board.remind_wanted and (state is not BoardState.OPEN or not board.unpaid):
        columns["remind_wanted"] = False
    return Consequences(board=columns, seats=seats, cancels=cancels)


def next_board_step(board: Board, around: Around, now: float) -> Step:
    """What comes next for a board at `now` (Unix seconds). Pure.

    ========  =======================================  ==========================================
    state     when                                     step
    ========  =======================================  ==========================================
    any       something follows from its parts         REARRANGE
    any       its chat takes edits, and it was         REMOVE_BEFORE
              moved down: its message before is there
    any       it was shown nowhere, or its message     SEND_CARD
              is wanted at the bottom
    any       its message is there, and shows          EDIT_CARD, once its chat may have another
              something else                           edit
    any       a copy of its message does               EDIT_DUPLICATE, likewise
    closed,   nobody was told                          ANNOUNCE
    reached
    open      a reminder is wanted                     REMIND
    any       Telegram did not take its last edit      EDIT_CARD, after a pause
    open,     otherwise                                WAIT for its end
    joining
    closing,  otherwise                                NOTHING: its parts make it due again
    closed
    ========  =======================================  ==========================================

    A step that was put off is WAIT until it may be tried again. A board that is stuck, or that
    Telegram does not take, or whose chat cannot be reached shows nothing (but by edits, where it
    takes those); what follows from its parts is done all the same, unless it is stuck. Where
    somebody removed its message nothing is edited; what becomes of it is told all the same.
    """
    step = _wanted(board, around, now)
    if step.do is board.tried and now < board.retry_at <= now + MAX_PAUSE_S:
        return Step(Do.WAIT, board.retry_at)
    return step


def _wanted(board: Board, around: Around, now: float) -> Step:
    if is_stuck(board):
        return Step(Do.NOTHING)
    if consequences(board, surely(around, now)):
        return Step(Do.REARRANGE)
    is_going_on = board.state in GOES_ON
    ends_at = board.ends_at if now < board.ends_at else now + CLOCKS_AGAIN_S
    rest = Step(Do.WAIT, ends_at) if is_going_on else Step(Do.NOTHING)
    may_send = not around.chat_is_unreachable
    if around.is_sealed or board.undeliverable:
        return rest
    if board.before_id is not None:  # its removal sends nothing
        return Step(Do.REMOVE_BEFORE)
    if may_send and (board.move_wanted or not board.shown):
        return Step(Do.SEND_CARD)
    if board.shown != board.face and board.card_id is not None and not board.is_refused:
        return _edit(Do.EDIT_CARD, board, around, now)
    if board.untrue_duplicate is not None:
        return _edit(Do.EDIT_DUPLICATE, board, around, now)
    return _later(board, rest, around, now) if may_send else rest


def _later(board: Board, rest: Step, around: Around, now: float) -> Step:
    """What comes once its message shows what it can."""
    if board.is_news:
        return Step(Do.ANNOUNCE)
    if board.remind_wanted:
        return Step(Do.REMIND)
    if (at := board.refused_again_at(now)) is None:
        return rest
    if at <= now:
        return _edit(Do.EDIT_CARD, board, around, now)
    return Step(Do.WAIT, min(at, rest.at) if rest.do is Do.WAIT else at)


def surely(around: Around, now: float) -> float:
    """What time it is at least, in Unix seconds."""
    return now if around.surely_at is None else min(now, around.surely_at)


def _edit(do: Do, board: Board, around: Around, now: float) -> Step:
    """Once its chat may have another edit; a clock that was set puts nothing off."""
    moments = [(board.shown_at + EDIT_EVERY_S, EDIT_EVERY_S), (around.editable_at, EDITS_PER_S)]
    early = [at for at, longest_s in moments if now < at <= now + longest_s]
    return Step(Do.WAIT, max(early)) if early else Step(do)


def prepared(board: Board, columns: BoardColumns, around: Around, now: float) -> BoardColumns:
    """An outcome with what the step after it needs written before."""
    after = replace(board, **columns)
    step = next_board_step(after, around, now)
    columns = {**columns, **delivery.after(step.do)}
    if step.do in RESTS:
        columns = {**columns, **resting(after, step, around, now)}
    return columns


def resting(board: Board, step: Step, around: Around, now: float) -> WorkColumns:
    """When and where a board is due again that is let go with this step."""
    if step.do is Do.WAIT:  # its end comes, whether its chat can be reached or not
        return work.rests(step.at, Lane.BOARDS)
    reachable = Around(jitter=around.jitter)
    if around.chat_is_unreachable and next_board_step(board, reachable, now) != step:
        return work.unreachable()
    return work.rests(None, Lane.BOARDS)
