"""What came of a board's step: `judge_board`, one pure function. Asks nobody, reads no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core import delivery, work
from bot.core.board import (
    ANY_FACE,
    HOUR_S,
    MOVE_EVERY_S,
    REFUSED,
    Board,
    BoardColumns,
    BoardState,
    Rearranged,
    Sent,
    board_changes,
)
from bot.core.board_steps import next_board_step
from bot.core.invoice import LATE_S
from bot.core.notices import Kind, Notice
from bot.core.outcomes import Event, again_after, may_come_late, only_muted
from bot.core.steps import Around
from bot.core.work import MAX_PAUSE_S, MAX_REFUSALS, SENDS, SLIP_S, Again, Do
from bot.errors import (
    AnswerUnreadable,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MaybeSent,
    MessageGone,
    TopicClosed,
    TopicGone,
)

#: Refusals of a board's end, a minute apart in the end, after which it counts as told: a day's.
ENOUGH_REFUSALS = 1440

_DONE = {
    Do.REARRANGE: "board rearranged",
    Do.SEND_CARD: "board sent",
    Do.EDIT_CARD: "board edited",
    Do.REMOVE_BEFORE: "board removed where it was before",
    Do.EDIT_DUPLICATE: "copy of a board edited",
    Do.ANNOUNCE: "board announced",
    Do.REMIND: "reminder sent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardVerdict:
    """What is to be written, logged and told; `is_lost`: nothing reaches its chat now, `is_sealed`:
    no edit does either.

    `refusal`: why its chat will never show it, which is told to who asked.
    """

    columns: BoardColumns
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()
    is_lost: bool = False
    is_sealed: bool = False
    refusal: ChatRefused | None = None


@dataclass(frozen=True, slots=True)
class _Came:
    columns: BoardColumns
    again: Again | None = None
    event: Event | None = None
    notices: tuple[Notice, ...] = ()


def judge_board(
    do: Do,
    board: Board,
    result: Sent | Rearranged | Exception,
    later: Around,
    *,
    began_at: float,
    now: float,
) -> BoardVerdict:
    """What came of a step that was taken for `board` as it was then, at `began_at`. It and `now`
    are Unix seconds.

    What the next step needs written before it is not among the columns: `board_steps.prepared` adds
    that by the parts as they are when the outcome is written.
    """
    came = _came_of(do, board, result, now)
    if do is Do.EDIT_CARD and isinstance(result, Sent):
        came = replace(came, columns={**came.columns, **_redrawn(board, began_at, now)})
    is_lost = isinstance(result, ChatForbidden)
    is_sealed = is_lost and not only_muted(do, result)
    if is_lost:
        later = later.without_chat(is_sealed=is_sealed)
    if _changes_nothing(do, board, result, came, later, now):
        came = _fault(do, board, "step changed nothing", {"result": repr(result)})
    taken = work.after_any_step(board, do, came.again, now=now, jitter=later.jitter)
    return BoardVerdict(
        columns={**came.columns, **board_changes(**taken)},
        events=() if came.event is None else (came.event,),
        notices=came.notices,
        is_lost=is_lost,
        is_sealed=is_sealed,
        refusal=_refusal(came, result),
    )


def _refusal(came: _Came, result: Sent | Rearranged | Exception) -> ChatRefused | None:
    if not came.columns.get("undeliverable"):
        return None
    return result if isinstance(result, ChatRefused) else ChatRefused()


def _changes_nothing(
    do: Do,
    board: Board,
    result: Sent | Rearranged | Exception,
    came: _Came,
    later: Around,
    now: float,
) -> bool:
    """Whether a step is due again at once, as it was: that counts as a fault."""
    if isinstance(result, Rearranged):
        return result.follows_again
    if came.again is not None:
        return False
    after = replace(board, **came.columns)
    is_as_it_was = isinstance(result, Sent) or after == board
    return is_as_it_was and next_board_step(after, later, now).do is do


def _came_of(do: Do, board: Board, result: Sent | Rearranged | Exception, now: float) -> _Came:
    match result:
        case Rearranged():
            return _Came({}, event=Event("info", _DONE[do], dict(result.columns)))
        case Sent():
            return _Came(_shown(do, board, result, now), event=Event("info", _DONE[do], {}))
        case ChatMoved():  # a move that is believed was done, and is no result
            return _fault(do, board, "group moved to no new place", {})
        case ChatError():
            return _chat_error(do, board, result, now)
    return _fault(do, board, "step crashed", {"exc_info": result})


def _shown(do: Do, board: Board, sent: Sent, now: float) -> BoardColumns:
    match do:
        case Do.ANNOUNCE:
            return {"announced": True}
        case Do.REMIND:
            return {"remind_wanted": False}
        case Do.REMOVE_BEFORE:
            return {"before_id": None}
        case Do.EDIT_DUPLICATE:
            return {"duplicates": _duplicates(board, sent.face), "shown_at": now}
    columns: BoardColumns = {"shown": sent.face, "shown_at": now}
    if do is Do.SEND_CARD:
        columns |= {"card_id": sent.message_id, "move_wanted": False}
        columns["before_id"] = board.card_id
    return columns


def _redrawn(board: Board, began_at: float, now: float) -> BoardColumns:
    """Where no edit from before this one comes any later: its copies are edited with it."""
    if (at := board.after_edit(began_at, now)) is None:
        return {}
    return {"redraw_at": at, "duplicates": dict.fromkeys(board.duplicates, ANY_FACE)}


def _chat_error(do: Do, board: Board, error: ChatError, now: float) -> _Came:
    event = Event("info", "chat step failed", {"step": do, "reason": error.detail or error.key})
    unsure = board_changes(**delivery.unanswered(board, do))
    again = again_after(do, error)
    match error:
        case TopicGone() if board.thread_id is not None:
            return _Came({"thread_id": None}, event=event)
        case ChatForbidden():
            return _Came({}, event=event)
        case MessageGone() if do is Do.REMOVE_BEFORE:
            return _Came({"before_id": None}, event=event)
        case MessageGone() if do is Do.EDIT_DUPLICATE:
            return _Came({"duplicates": _duplicates(board, None)}, event=event)
        case MessageGone() if do not in SENDS:
            return _Came(_gone(board), event=event)
        case AnswerUnreadable() if do in SENDS:
            if board.attempts + 1 < work.MAX_COPIES:
                return _Came(unsure, again, event)
            shown = _shown(do, board, Sent(board.face), now)
            return _Came({**shown, **unsure}, event=event)
        case ChatRefused() | MessageGone():
            return _refused(do, board, error, again, now)
        case MaybeSent() if do in SENDS:
            return _Came(unsure, again, event)
        case _ if may_come_late(do, error):
            return _Came({"redraw_at": now + LATE_S}, again, event)
    return _Came({}, again, event)


def _gone(board: Board) -> BoardColumns:
    """Somebody removed its message: a copy takes its place, or there is nothing to keep true.

    After a restore the bot itself may have done so since, as it moved to the end: it is sent again.
    """
    if not board.duplicates:
        if board.shown == ANY_FACE and board.may_be_duplicate(Do.SEND_CARD):
            return {"card_id": None, "shown": "", "redraw_at": 0.0}
        return {"card_id": None, "shown": board.face, "redraw_at": 0.0}
    others = {**board.duplicates}
    number = max(others)
    del others[number]
    return {"card_id": number, "shown": ANY_FACE, "duplicates": others}


def _duplicates(board: Board, face: str | None) -> dict[int, str]:
    """The copies, where the untrue one shows this now; None: it is gone."""
    number = board.untrue_duplicate
    others = {each: shown for each, shown in board.duplicates.items() if each != number}
    return others if number is None or face is None else {**others, number: face}


def _refused(do: Do, board: Board, error: ChatError, again: Again, now: float) -> _Came:
    """Telegram does not take this: one refusal may be a slip, several are its word.

    A board that nobody can see asks nobody for money.
    """
    event = Event("error", "refused by Telegram", {"step": do, "detail": error.detail})
    is_known = do is Do.EDIT_CARD and board.is_refused
    if is_known and abs(now - board.moved_at) <= HOUR_S:
        return _Came({"shown_at": now}, event=replace(event, level="info"))
    may_be_slip = not is_known and not isinstance(error, TopicClosed)
    refusals = board.refusals_of(do) + 1
    if may_be_slip and refusals < MAX_REFUSALS:
        return _Came({}, replace(again, first_s=SLIP_S, is_refusal=True), event)
    untold = (Notice(Kind.BOARD_UNTOLD, board.id, error.detail),)
    if do is Do.ANNOUNCE and refusals < ENOUGH_REFUSALS:  # nobody knows of its end: that goes on
        later = replace(again, first_s=SLIP_S, longest_s=MAX_PAUSE_S, is_refusal=True)
        is_news = refusals == (MAX_REFUSALS if may_be_slip else 1)
        event = event if is_news else replace(event, level="info")  # it may go on for a day
        return _Came({}, later, event, untold if is_news else ())
    match do:
        case Do.ANNOUNCE | Do.REMIND:
            columns = _shown(do, board, Sent(board.face), now)
            if do is Do.REMIND:  # it may be wanted again at once: nobody read this one
                columns["reminded_at"] = 0.0
            return _Came(columns, event=event, notices=untold)
        case Do.SEND_CARD if board.card_id is None:
            notice = Notice(Kind.BOARD_REFUSED, board.id, error.detail)
            state = BoardState.CLOSED if board.state is BoardState.CLOSED else BoardState.CLOSING
            columns = {"undeliverable": True, "state": state, "move_wanted": False}
            return _Came(columns, event=event, notices=(notice,))
        case Do.EDIT_CARD if abs(now - board.moved_at) > MOVE_EVERY_S:
            # A new message takes the place of one that can't be made true.
            afresh = board_changes(
                move_wanted=True, moved_at=now, **delivery.once_more(board, Do.SEND_CARD)
            )
            return _Came(afresh, event=event)
        case Do.SEND_CARD:  # its message stays where it is, and is edited
            return _Came({"move_wanted": False}, event=event)
    # Another change may be taken, or this one later; until then its message is not true.
    untrue: dict[Do, BoardColumns] = {
        Do.EDIT_CARD: {"shown": REFUSED + board.face, "shown_at": now, "redraw_at": 0.0},
        Do.REMOVE_BEFORE: {"before_id": None},
        Do.EDIT_DUPLICATE: {"duplicates": _duplicates(board, None)},
    }
    is_told = do is Do.EDIT_CARD and board.shown.startswith(REFUSED)
    notices = () if is_told else (Notice(Kind.BOARD_UNTRUE, board.id, error.detail),)
    return _Came(untrue[do], event=event, notices=notices)


def _fault(do: Do, board: Board, what: str, values: dict[str, object]) -> _Came:
    unsure = board_changes(**delivery.unanswered(board, do))
    event = Event("error", what, {"step": do, **values})
    notices: tuple[Notice, ...] = ()
    if board.faults + 1 >= work.MAX_FAULTS:
        error = values.get("exc_info")
        why = type(error).__name__ if error else ""
        notices = (Notice(Kind.BOARD_STUCK, board.id, why, step=do),)
    return _Came(unsure, Again(is_fault=True), event, notices)
