"""What came of a board's step: each answer and each error of Telegram's, for each step."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from bot.core import delivery
from bot.core.board import (
    Board,
    BoardState,
    Rearranged,
    Sent,
    next_board_step,
    prepared,
    resting,
)
from bot.core.board_outcomes import BoardVerdict, judge_board
from bot.core.invoice import Audience, State
from bot.core.notices import Kind, Notice
from bot.core.steps import Around, Step
from bot.core.work import MAX_COPIES, MAX_FAULTS, SENDS, Do, Lane
from bot.errors import (
    AnswerUnreadable,
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MaybeSent,
    MessageGone,
    NoAnswer,
    NotSent,
    TopicClosed,
    TopicGone,
)
from tests.bills import board, free, taken
from tests.rows import NOW

REACHED = Around()
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED
PAID = (taken(State.SETTLED, 1), taken(State.SETTLED, 2))
OTHER = {"shown": "another face", "shown_at": NOW - 60}

#: Each step in a chat, of a board for which it is the next one.
IN_CHAT: dict[Do, list[Board]] = {
    Do.SEND_CARD: [
        board(is_shown=False),
        board(is_shown=False, thread_id=7),
        board(is_shown=False, unsure=frozenset({Do.SEND_CARD})),
        board(is_shown=False, state=CLOSED),
    ],
    Do.EDIT_CARD: [
        board(**OTHER),
        board(**OTHER, thread_id=7),
        board(*PAID, **OTHER, state=CLOSED),
    ],
    Do.ANNOUNCE: [board(*PAID, state=CLOSED), board(*PAID, state=CLOSED, thread_id=7)],
}
ERRORS: list[Exception] = [
    ChatBusy(7.0),
    ChatForbidden(),
    ChatMoved(-1009),
    ChatRefused(detail="no"),
    TopicGone(),
    TopicClosed(),
    MessageGone(),
    NoAnswer(),
    AnswerUnreadable(),
    MaybeSent(),
    NotSent(),
    ChatError(),
    KeyError("a bug"),
]
CASES = [(do, made, error) for do, error in product(IN_CHAT, ERRORS) for made in IN_CHAT[do]]


def judged(do: Do, made: Board, result: Any) -> BoardVerdict:
    return judge_board(do, made, result, REACHED, now=NOW)


def after(made: Board, verdict: BoardVerdict) -> tuple[Board, Step]:
    """The board as it is written, and what comes next."""
    lost = frozenset({Audience.CHAT}) if verdict.is_lost else frozenset()
    around = replace(REACHED, unreachable=lost)
    there = replace(made, **prepared(made, verdict.columns, around, NOW))
    return there, next_board_step(there, around, NOW)


def test_each_of_these_boards_is_at_its_step() -> None:
    for do, boards in IN_CHAT.items():
        assert {next_board_step(made, REACHED, NOW).do for made in boards} == {do}
    assert set(IN_CHAT) == {Do.SEND_CARD, Do.EDIT_CARD, Do.ANNOUNCE}


def test_each_error_of_telegrams_is_tried() -> None:
    assert {*ChatError.family()} <= {type(error) for error in ERRORS}


@pytest.mark.parametrize(("do", "made", "error"), CASES)
def test_no_step_is_taken_again_at_once_as_it_was(do: Do, made: Board, error: Exception) -> None:
    there, following = after(made, judged(do, made, error))
    is_another_way = there.thread_id != made.thread_id
    assert following.do is not do or is_another_way
    if following.do is Do.WAIT and there.retry_at:
        assert NOW < there.retry_at <= NOW + 60


@pytest.mark.parametrize("do", IN_CHAT)
@pytest.mark.parametrize("error", ERRORS)
def test_a_step_that_goes_on_failing_ends(do: Do, error: Exception) -> None:
    """It is taken, or given up, or the board is stuck; or Telegram only says to wait."""
    made = IN_CHAT[do][0]
    now, steps = NOW, 0
    while next_board_step(made, REACHED, now).do is do and steps < 50:
        verdict = judge_board(do, made, error, REACHED, now=now)
        if verdict.is_lost:
            return
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
        now, steps = max(now, made.retry_at), steps + 1
    for_ever = (ChatBusy, NotSent, NoAnswer, MaybeSent)
    is_final = isinstance(error, AnswerUnreadable) and do in SENDS
    waits = isinstance(error, for_ever) or type(error) is ChatError
    assert (steps == 50) is (waits and not is_final)


@pytest.mark.parametrize(("do", "made", "error"), CASES)
def test_what_may_have_arrived_is_unsure_and_nothing_else(
    do: Do, made: Board, error: Exception
) -> None:
    there, _ = after(made, judged(do, made, error))
    is_unknown = isinstance(error, MaybeSent | ChatMoved | KeyError)
    expected = made.unsure | ({do} if do in SENDS and is_unknown else set())
    assert there.unsure == expected


@pytest.mark.parametrize("do", IN_CHAT)
def test_what_was_sent_is_shown_and_its_marker_is_over(do: Do) -> None:
    made = IN_CHAT[do][0]
    there, following = after(made, judged(do, made, Sent(made.face, 77)))
    assert following.do in (Do.WAIT, Do.NOTHING)
    assert there.sending is None
    if do is Do.ANNOUNCE:
        assert (there.announced, there.card_id) == (True, 50)
    else:
        assert (there.shown, there.card_id, there.shown_at) == (made.face, 77, NOW)


def test_what_was_rendered_is_shown_whatever_the_board_is_by_then() -> None:
    made = board(is_shown=False)
    there = replace(made, **judged(Do.SEND_CARD, made, Sent("as drawn", 77)).columns)
    assert there.shown == "as drawn" != there.face


def test_busy_is_as_long_as_telegram_says() -> None:
    made = board(is_shown=False)
    assert judged(Do.SEND_CARD, made, ChatBusy(7.0)).columns["retry_at"] == NOW + 7.0
    assert judged(Do.SEND_CARD, made, ChatBusy(9000.0)).columns["retry_at"] == NOW + 60.0


def test_silence_is_waited_for_longer_than_a_broken_connection() -> None:
    made = board(is_shown=False)
    assert judged(Do.SEND_CARD, made, NoAnswer()).columns["retry_at"] == NOW + 4.0
    assert judged(Do.SEND_CARD, made, MaybeSent()).columns["retry_at"] == NOW + 2.0
    shown = board(**OTHER)
    assert judged(Do.EDIT_CARD, shown, NoAnswer()).columns["retry_at"] < NOW + 1.0


def test_a_board_whose_number_nobody_can_read_is_sent_so_often() -> None:
    made, copies = board(is_shown=False), 0
    while not made.shown:
        made = replace(made, **judged(Do.SEND_CARD, made, AnswerUnreadable()).columns)
        copies += 1
    assert copies == MAX_COPIES
    assert made.card_id is None
    assert made.may_be_duplicate(Do.SEND_CARD)


@pytest.mark.parametrize(("do", "made"), [(do, made) for do in IN_CHAT for made in IN_CHAT[do]])
def test_where_nothing_reaches_the_chat_the_board_rests(do: Do, made: Board) -> None:
    verdict = judged(do, made, ChatForbidden())
    assert verdict.is_lost
    there, following = after(made, verdict)
    lost = Around(unreachable=frozenset({Audience.CHAT}))
    assert following.do in (Do.WAIT, Do.NOTHING)
    expected = Lane.BOARDS if made.state is BoardState.OPEN else Lane.UNREACHABLE
    assert resting(there, following, lost, NOW)["lane"] is expected
    assert (there.shown, there.announced, there.sending) == (made.shown, made.announced, None)


def test_where_the_topic_is_gone_it_goes_to_the_group() -> None:
    for do in IN_CHAT:
        made = replace(IN_CHAT[do][0], thread_id=7)
        there, following = after(made, judged(do, made, TopicGone()))
        assert (there.thread_id, following.do) == (None, do)


def test_a_board_that_telegram_does_not_take_closes() -> None:
    """Nobody is asked for money by a message that nobody can see."""
    made = board(free(1), taken(State.OPEN), is_shown=False)
    verdict = judged(Do.SEND_CARD, made, ChatRefused(detail="no"))
    assert verdict.notices == (Notice(Kind.BOARD_REFUSED, 1, "no"),)
    there, following = after(made, verdict)
    assert (there.undeliverable, there.state, following.do) == (True, CLOSING, Do.REARRANGE)
    closed = replace(made, state=CLOSED)
    assert judged(Do.SEND_CARD, closed, ChatRefused()).columns["state"] is CLOSED


def test_an_edit_that_telegram_does_not_take_is_given_up_until_the_next() -> None:
    made = board(**OTHER)
    verdict = judged(Do.EDIT_CARD, made, ChatRefused(detail="no"))
    assert verdict.notices == (Notice(Kind.BOARD_UNTRUE, 1, "no"),)
    there, following = after(made, verdict)
    assert (there.state, there.card_id, following.do) == (BoardState.OPEN, 50, Do.WAIT)
    paid = replace(there, seats=(free(1), taken(State.SETTLED)))
    assert next_board_step(paid, REACHED, NOW + 9).do is Do.EDIT_CARD


def test_an_announcement_that_telegram_does_not_take_is_given_up() -> None:
    made = board(*PAID, state=CLOSED)
    verdict = judged(Do.ANNOUNCE, made, ChatRefused(detail="no"))
    assert verdict.notices == ()
    assert after(made, verdict)[1].do is Do.NOTHING


def test_a_message_that_somebody_removed_is_kept_true_no_longer() -> None:
    made = board(**OTHER)
    there, following = after(made, judged(Do.EDIT_CARD, made, MessageGone()))
    assert (there.card_id, following.do) == (None, Do.WAIT)
    paid = replace(there, seats=(free(1), taken(State.SETTLED)))
    assert next_board_step(paid, REACHED, NOW + 9).do is Do.WAIT


# what follows from the parts


def test_what_followed_is_done() -> None:
    made = board(*PAID)
    verdict = judged(Do.REARRANGE, made, Rearranged({"state": CLOSED}))
    assert not {"state", "due_at", "lane", "sending"} & verdict.columns.keys()
    assert [event.values for event in verdict.events] == [{"state": CLOSED}]
    assert "retry_at" not in verdict.columns


@pytest.mark.parametrize(
    ("result", "why"),
    [(Rearranged({}, follows_again=True), ""), (KeyError("a bug"), "KeyError")],
)
def test_what_follows_again_is_a_fault_after_which_the_board_is_stuck(
    result: Any, why: str
) -> None:
    made, now = board(*PAID), NOW
    notices: list[Notice] = []
    for _ in range(MAX_FAULTS):
        assert next_board_step(made, REACHED, now) == Step(Do.REARRANGE)
        verdict = judge_board(Do.REARRANGE, made, result, REACHED, now=now)
        notices += verdict.notices
        made = replace(made, **verdict.columns)
        assert made.retry_at > now
        now = made.retry_at
    assert next_board_step(made, REACHED, now) == Step(Do.NOTHING)
    assert [(each.kind, each.step) for each in notices] == [(Kind.BOARD_STUCK, Do.REARRANGE)]
    assert [each.why for each in notices] == [why]


def test_what_worked_forgets_what_failed() -> None:
    made = board(**OTHER, tried=Do.EDIT_CARD, attempts=4, faults=4, retry_at=NOW - 1)
    there, _ = after(made, judged(Do.EDIT_CARD, made, Sent(made.face)))
    assert (there.tried, there.attempts, there.faults, there.retry_at) == (None, 0, 0, 0.0)


def test_a_board_that_was_drawn_before_something_changed_is_edited_again_later() -> None:
    made = board(**OTHER)
    there, following = after(made, judged(Do.EDIT_CARD, made, Sent("another face")))
    assert following.do is Do.WAIT
    assert there.shown_at == NOW  # the next edit is in three seconds, as ever


def test_a_marker_of_another_process_makes_the_step_unsure() -> None:
    left = board(is_shown=False, sending=Do.SEND_CARD)
    assert delivery.left_behind(left) == {"sending": None, "unsure": {Do.SEND_CARD}}
