"""What comes next for a board: `next_board_step`, a table; what follows from its parts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core import delivery, work
from bot.core.board import (
    FREED,
    GOES_ON,
    Board,
    BoardColumns,
    BoardState,
    SeatColumns,
    board_changes,
)
from bot.core.steps import TRIES_BEFORE_ANNOUNCING, Around, Step
from bot.core.work import RESTS, SENDS, Do, Lane, WorkColumns, is_stuck

#: Edits of boards in one chat within so many seconds: there is room for everything else.
EDITS_A_CHAT, EDITS_PER_S = 12, 60.0
#: Seconds between two edits of a board.
EDIT_EVERY_S = 3.0
#: The golden ratio: its multiples are spread evenly, in whatever steps they are taken.
_EVENLY = 0.618034
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
    any       Telegram did not take its last edit, or  EDIT_CARD, after a pause
              one without an answer may come late
    open,     otherwise                                WAIT for its end
    joining
    closing,  otherwise                                NOTHING: its parts make it due again
    closed
    ========  =======================================  ==========================================

    While a step is put off, whatever else is wanted is taken in its place; a message to the chat
    only where what comes before it was tried in vain, five times in all, if what that would show is
    not shown. What was put off meanwhile waits with it: of each there is one try a pause, and the
    one that was tried last goes before the others, but for one time in five: a chat that has to be
    left alone for long after the one step has no room for the other. A board that is stuck, or that
    Telegram does not take, or whose chat cannot be reached shows nothing (but by edits, where it
    takes those); what follows from its parts is done all the same, unless it is stuck. Where
    somebody removed its message nothing is edited; what becomes of it is told all the same.
    """
    steps = tuple(_wanted(board, around, now))
    wanted = [step.do for step in steps]
    order = list(range(len(steps)))
    moments: list[float] = []
    if work.is_put_off(board, now):
        order = [each for each in order if wanted[each] not in board.put_off]
        moments = [board.retry_at] if len(order) < len(steps) else []
    elif board.tried in wanted and not _by_the_table(board.attempts):
        tried = wanted.index(board.tried)
        order = [each for each in order[:tried] if wanted[each] not in board.put_off]
        order += [tried, *range(len(steps))]
    for step in (steps[each] for each in order if _may_take(board, wanted[: each + 1])):
        if step.do in RESTS or step.at > now:
            moments += [step.at] if step.do is not Do.NOTHING else []
        else:
            return step
    return Step(Do.WAIT, min(moments)) if moments else Step(Do.NOTHING)


def _by_the_table(attempts: int) -> bool:
    """Whether this try goes by the table's order: one in five does, however many a pause has."""
    return math.fmod(attempts * _EVENLY, 1) < 1 / 5


def _may_take(board: Board, wanted: Sequence[Do]) -> bool:
    """Whether the last one may be taken before the others are: a message to the chat speaks of
    what these show."""
    *before, do = wanted
    unshown = set(before) - {Do.REMOVE_BEFORE}
    is_in_vain = board.attempts >= TRIES_BEFORE_ANNOUNCING and unshown <= board.put_off
    return do not in SENDS or not unshown or is_in_vain


def _wanted(board: Board, around: Around, now: float) -> Iterator[Step]:
    """All that is wanted, in the order of the table, with the moment of what has a pause of its
    own; the last one is no step."""
    if is_stuck(board):
        yield Step(Do.NOTHING)
        return
    if consequences(board, surely(around, now)):
        yield Step(Do.REARRANGE)
        yield Step(Do.NOTHING)
        return
    is_going_on = board.state in GOES_ON
    ends_at = board.ends_at if now < board.ends_at else now + CLOCKS_AGAIN_S
    rest = Step(Do.WAIT, ends_at) if is_going_on else Step(Do.NOTHING)
    if around.is_sealed or board.undeliverable:
        yield rest
    else:
        yield from _shows(board, rest, around, now)


def _shows(board: Board, rest: Step, around: Around, now: float) -> Iterator[Step]:
    """What Telegram is asked for."""
    may_send = not around.chat_is_unreachable
    is_shown_nowhere = not board.shown
    edits = []
    if board.shown != board.face and board.card_id is not None and not board.is_refused:
        edits.append(Do.EDIT_CARD)
    if board.untrue_duplicate is not None:
        edits.append(Do.EDIT_DUPLICATE)
    if board.before_id is not None:  # its removal sends nothing
        yield Step(Do.REMOVE_BEFORE)
    may_move = board.move_wanted and board.before_id is None  # one message more is enough
    if may_send and (may_move or is_shown_nowhere):
        yield Step(Do.SEND_CARD)
    for do in edits:
        yield _edit(do, board, around, now)
    if may_send and not is_shown_nowhere:  # what comes once its message shows what it can
        if board.is_news:
            yield Step(Do.ANNOUNCE)
        if board.remind_wanted:
            yield Step(Do.REMIND)
    yield from _once_more(board, rest, around, now)


def _once_more(board: Board, rest: Step, around: Around, now: float) -> Iterator[Step]:
    """An edit that Telegram did not take, or that one may have come after which had no answer."""
    if (at := board.refused_again_at(now)) is None and board.shown == board.face:
        at = board.redrawn_at(now)
    if at is None:
        yield rest
    elif at <= now:
        yield _edit(Do.EDIT_CARD, board, around, now)
        yield rest
    else:
        yield Step(Do.WAIT, min(at, rest.at) if rest.do is Do.WAIT else at)


def surely(around: Around, now: float) -> float:
    """What time it is at least, in Unix seconds."""
    return now if around.surely_at is None else min(now, around.surely_at)


def _edit(do: Do, board: Board, around: Around, now: float) -> Step:
    """Once its chat may have another edit; a clock that was set puts nothing off."""
    moments = [(board.shown_at + EDIT_EVERY_S, EDIT_EVERY_S), (around.editable_at, EDITS_PER_S)]
    early = [at for at, longest_s in moments if now < at <= now + longest_s]
    return Step(do, max(early, default=0.0))


def prepared(board: Board, columns: BoardColumns, around: Around, now: float) -> BoardColumns:
    """An outcome with what the step after it needs written before."""
    after = replace(board, **columns)
    step = next_board_step(after, around, now)
    columns = {**columns, **delivery.after(step.do)}
    if step.do in RESTS:
        columns = {**columns, **board_changes(**resting(after, step, around, now))}
        wanted = {each.do for each in _wanted(after, around, now)}
        if wanted.isdisjoint({*after.failing, *after.refused}):
            columns = {**columns, **board_changes(**work.nothing_put_off(after))}
    return columns


def resting(board: Board, step: Step, around: Around, now: float) -> WorkColumns:
    """When and where a board is due again that is let go with this step."""
    if step.do is Do.WAIT:  # its end comes, whether its chat can be reached or not
        return work.rests(step.at, Lane.BOARDS)
    reachable = Around(jitter=around.jitter)
    if around.chat_is_unreachable and next_board_step(board, reachable, now) != step:
        return work.unreachable()
    return work.rests(None, Lane.BOARDS)
