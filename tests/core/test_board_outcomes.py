"""What came of a board's step: each answer and each error of Telegram's, for each step."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise, product
from typing import Any, get_type_hints

import pytest

from bot.core import delivery, work
from bot.core.board import (
    ANY_FACE,
    REFUSED_AGAIN_S,
    REFUSED_FOR_S,
    Board,
    BoardColumns,
    BoardState,
    Rearranged,
    Sent,
)
from bot.core.board_outcomes import (
    MAX_REFUSALS,
    BoardVerdict,
    judge_board,
)
from bot.core.board_steps import EDIT_EVERY_S, next_board_step, prepared, resting
from bot.core.invoice import LATE_S, Audience, State
from bot.core.notices import Kind, Notice
from bot.core.steps import Around, Step
from bot.core.work import MAX_COPIES, MAX_FAULTS, RESTS, SENDS, SLIP_S, Do, Lane
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
from tests.bills import board, collection, free, gift, taken
from tests.core.test_board import COPIES, TABLE
from tests.rows import NOW

REACHED = Around()
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED
PAID = (taken(State.SETTLED, 1), taken(State.SETTLED, 2))
OTHER = {"shown": "another face", "shown_at": NOW - 60}
#: A message waits for so many seconds until its chat may have one more, and no longer.
WAITS_S = 10.0

#: Each step in a chat, of a board for which it is the next one.
IN_CHAT: dict[Do, list[Board]] = {
    Do.SEND_CARD: [
        board(is_shown=False),
        board(is_shown=False, thread_id=7),
        board(is_shown=False, unsure=frozenset({Do.SEND_CARD})),
        board(is_shown=False, state=CLOSED),
        board(is_shown=False, state=BoardState.JOINING),
        board(move_wanted=True, thread_id=7),
        board(move_wanted=True, card_id=None),
    ],
    Do.EDIT_CARD: [
        board(**OTHER),
        board(**OTHER, thread_id=7),
        board(*PAID, **OTHER, state=CLOSED),
        board(**OTHER, moved_at=NOW - 1),  # as a message that could not be edited
    ],
    Do.EDIT_DUPLICATE: [
        board(duplicates={60: ANY_FACE}),
        board(duplicates={60: "true"}, thread_id=7),
        board(duplicates={60: ANY_FACE, 61: ANY_FACE}),
        board(**OTHER, card_id=None, duplicates={60: ANY_FACE}),
    ],
    Do.REMOVE_BEFORE: [board(before_id=40), board(before_id=40, thread_id=7, **OTHER)],
    Do.ANNOUNCE: [
        board(*PAID, state=CLOSED),
        board(*PAID, state=CLOSED, thread_id=7),
        board(*PAID, state=CLOSED, card_id=None, **OTHER),
        collection(gift(sats=10_000)),
    ],
    Do.REMIND: [board(remind_wanted=True), board(remind_wanted=True, thread_id=7)],
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
    return judge_board(do, made, result, REACHED, began_at=NOW, now=NOW)


def after(made: Board, verdict: BoardVerdict) -> tuple[Board, Step]:
    """The board as it is written, and what comes next."""
    lost = frozenset({Audience.CHAT}) if verdict.is_lost else frozenset()
    around = replace(REACHED, unreachable=lost)
    there = replace(made, **prepared(made, verdict.columns, around, NOW))
    return there, next_board_step(there, around, NOW)


def test_each_of_these_boards_is_at_its_step() -> None:
    for do, boards in IN_CHAT.items():
        assert {next_board_step(made, REACHED, NOW).do for made in boards} == {do}
    assert set(IN_CHAT) == {step.do for *_, step in TABLE} - RESTS - {Do.REARRANGE}


def test_each_error_of_telegrams_is_tried() -> None:
    assert {*ChatError.family()} <= {type(error) for error in ERRORS}


@pytest.mark.parametrize(("do", "made", "error"), CASES)
def test_no_step_is_taken_again_at_once_as_it_was(do: Do, made: Board, error: Exception) -> None:
    there, following = after(made, judged(do, made, error))
    is_another_way = there.thread_id != made.thread_id
    is_another_message = there.duplicates != made.duplicates
    assert following.do is not do or is_another_way or is_another_message
    if following.do is Do.WAIT and there.retry_at:
        assert NOW < there.retry_at <= NOW + 60


@pytest.mark.parametrize("do", IN_CHAT)
@pytest.mark.parametrize("error", ERRORS)
def test_a_step_that_goes_on_failing_ends(do: Do, error: Exception) -> None:
    """It is taken, or given up, or the board is stuck; or Telegram only says to wait."""
    made = IN_CHAT[do][0]
    now, steps = NOW, 0
    while next_board_step(made, REACHED, now).do is do and steps < 50:
        verdict = judge_board(do, made, error, REACHED, began_at=now, now=now)
        if verdict.is_lost:
            return
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
        now, steps = max(now, made.retry_at), steps + 1
    for_ever = (ChatBusy, NotSent, NoAnswer, MaybeSent)
    is_final = isinstance(error, AnswerUnreadable) and do in SENDS
    waits = isinstance(error, for_ever) or type(error) is ChatError
    is_refused = isinstance(error, ChatRefused | MessageGone)
    waits = waits or (do is Do.ANNOUNCE and is_refused)  # for a day
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
    there, following = after(made, judged(do, made, Sent(made.face, 77 if do in SENDS else None)))
    assert following.do in (Do.WAIT, Do.NOTHING)
    assert there.sending is None
    becomes: dict[Do, BoardColumns] = {
        Do.SEND_CARD: {"shown": made.face, "card_id": 77, "shown_at": NOW},
        Do.EDIT_CARD: {"shown": made.face, "shown_at": NOW},
        Do.EDIT_DUPLICATE: {"duplicates": {60: made.face}, "shown_at": NOW},
        Do.REMOVE_BEFORE: {"before_id": None},
        Do.ANNOUNCE: {"announced": True},
        Do.REMIND: {"remind_wanted": False},
    }
    rested = {"due_at": there.due_at, "lane": there.lane}
    assert there == replace(made, **becomes[do], **rested)  # type: ignore[arg-type]


def test_a_message_at_the_bottom_leaves_the_one_before_to_be_removed() -> None:
    made = board(move_wanted=True, reply_to=10)
    there, following = after(made, judged(Do.SEND_CARD, made, Sent(made.face, 77)))
    assert (there.card_id, there.before_id, there.move_wanted) == (77, 50, False)
    assert following.do is Do.REMOVE_BEFORE
    there, following = after(there, judged(Do.REMOVE_BEFORE, there, Sent(made.face)))
    assert (there.before_id, following.do) == (None, Do.WAIT)


def test_a_message_before_that_is_gone_is_removed() -> None:
    made = board(before_id=40)
    there, following = after(made, judged(Do.REMOVE_BEFORE, made, MessageGone()))
    assert (there.before_id, there.card_id, following.do) == (None, 50, Do.WAIT)


def test_each_copy_is_edited_and_one_that_is_gone_is_forgotten() -> None:
    made = board(duplicates={60: ANY_FACE, 61: ANY_FACE})
    there, following = after(made, judged(Do.EDIT_DUPLICATE, made, Sent(made.face)))
    assert dict(there.duplicates) == {61: ANY_FACE, 60: made.face}
    assert following == Step(Do.WAIT, NOW + EDIT_EVERY_S)
    there, following = after(there, judged(Do.EDIT_DUPLICATE, there, MessageGone()))
    assert (dict(there.duplicates), following.do) == ({60: made.face}, Do.WAIT)
    assert there.card_id == 50


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


@pytest.mark.parametrize("do", sorted(SENDS & {*IN_CHAT}))
def test_no_message_is_sent_for_ever_because_its_number_is_unreadable(do: Do) -> None:
    made, now, copies = IN_CHAT[do][0], NOW, 0
    while next_board_step(made, REACHED, now).do is do:
        made = replace(
            made,
            **judge_board(do, made, AnswerUnreadable(), REACHED, began_at=now, now=now).columns,
        )
        now, copies = max(now, made.retry_at), copies + 1
    assert copies == MAX_COPIES
    assert made.may_be_duplicate(do)


def test_a_message_at_the_bottom_without_a_number_takes_the_place_of_the_one_before() -> None:
    made = board(move_wanted=True)
    for _ in range(MAX_COPIES):
        made = replace(made, **judged(Do.SEND_CARD, made, AnswerUnreadable()).columns)
    assert (made.card_id, made.before_id, made.move_wanted) == (None, 50, False)
    assert made.with_message(77) == {"card_id": 77, "shown": ANY_FACE}


def test_a_button_on_what_should_have_none_says_that_something_else_is_there() -> None:
    """An edit that came late took the place of the last one, of its message or of a copy."""
    over = board(*PAID, state=CLOSED, announced=True)
    over = replace(over, duplicates={60: over.face})
    assert over.with_message(over.card_id or 0) == {"shown": ANY_FACE}
    assert over.with_message(60) == {"duplicates": {60: ANY_FACE}}
    goes_on = board(duplicates={60: ""})
    assert goes_on.with_message(goes_on.card_id or 0) == {}
    assert goes_on.with_message(60) == {}


@pytest.mark.parametrize("do", [Do.EDIT_CARD, Do.EDIT_DUPLICATE])
def test_after_an_edit_without_an_answer_a_board_and_its_copies_are_edited_once_more(
    do: Do,
) -> None:
    made = board(*PAID, state=CLOSED, announced=True)
    made = replace(made, duplicates={60: made.face})
    untrue: dict[str, Any] = {"shown": "another"} if do is Do.EDIT_CARD else {"duplicates": COPIES}
    there, _ = after(replace(made, **untrue), judged(do, replace(made, **untrue), NoAnswer()))
    again = replace(there, **judged(do, there, Sent(made.face)).columns)
    assert (again.shown, dict(again.duplicates)) == (made.face, {60: made.face})
    then = NOW + LATE_S
    assert next_board_step(again, REACHED, NOW) == Step(Do.WAIT, then)
    for expected in (Do.EDIT_CARD, Do.EDIT_DUPLICATE):
        assert next_board_step(again, REACHED, then).do is expected
        verdict = judge_board(expected, again, Sent(again.face), REACHED, began_at=then, now=then)
        again = replace(again, **verdict.columns)
        then += EDIT_EVERY_S
    assert next_board_step(again, REACHED, then).do is Do.NOTHING


@pytest.mark.parametrize(("do", "made"), [(do, made) for do in IN_CHAT for made in IN_CHAT[do]])
def test_where_nothing_reaches_the_chat_the_board_rests(do: Do, made: Board) -> None:
    verdict = judged(do, made, ChatForbidden())
    assert verdict.is_lost
    there, following = after(made, verdict)
    lost = Around(unreachable=frozenset({Audience.CHAT}))
    assert following.do in (Do.WAIT, Do.NOTHING)
    is_going_on = made.state in (BoardState.JOINING, BoardState.OPEN)
    expected = Lane.BOARDS if is_going_on else Lane.UNREACHABLE
    assert resting(there, following, lost, NOW)["lane"] is expected
    assert (there.shown, there.announced, there.sending) == (made.shown, made.announced, None)


def test_where_the_topic_is_gone_it_goes_to_the_group() -> None:
    for do in IN_CHAT:
        made = replace(IN_CHAT[do][0], thread_id=7)
        there, following = after(made, judged(do, made, TopicGone()))
        assert (there.thread_id, following.do) == (None, do)


def refused(do: Do, made: Board, *, times: int = MAX_REFUSALS) -> tuple[Board, list[Notice], float]:
    """The board after so many refusals of a step, what owners hear of it, and when that is."""
    now, notices = NOW, []
    for _ in range(times):
        assert next_board_step(made, REACHED, now).do is do
        verdict = judge_board(do, made, ChatRefused(detail="no"), REACHED, began_at=now, now=now)
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
        notices += verdict.notices
        now = max(now, made.retry_at)
    return made, notices, now


@pytest.mark.parametrize(("do", "made"), [(do, made) for do in IN_CHAT for made in IN_CHAT[do]])
def test_one_refusal_may_be_a_slip_and_three_are_telegrams_word(do: Do, made: Board) -> None:
    there, notices, now = refused(do, made, times=MAX_REFUSALS - 1)
    assert notices == []
    assert next_board_step(there, REACHED, now).do is do
    assert now == NOW + SLIP_S + 2 * SLIP_S
    changed = {f.name for f in fields(made) if getattr(made, f.name) != getattr(there, f.name)}
    assert changed <= {*get_type_hints(work.SharedWorkColumns), "sending"}
    there, _, now = refused(do, made)
    is_another_message = there.duplicates != made.duplicates
    is_tried_on = is_another_message or do is Do.ANNOUNCE
    assert next_board_step(there, REACHED, now).do is not do or is_tried_on


@pytest.mark.parametrize("do", IN_CHAT)
def test_refusals_with_a_success_between_them_are_slips(do: Do) -> None:
    made = IN_CHAT[do][0]
    there, _, now = refused(do, made, times=MAX_REFUSALS - 1)
    taken_ = judge_board(do, there, Sent(made.face, 77), REACHED, began_at=now, now=now)
    there = replace(there, **taken_.columns)
    of_work = {name: getattr(there, name) for name in get_type_hints(work.SharedWorkColumns)}
    there = replace(made, **of_work)
    assert refused(do, there, times=MAX_REFUSALS - 1)[1] == []


@pytest.mark.parametrize(("do", "made"), [(do, made) for do in IN_CHAT for made in IN_CHAT[do]])
def test_one_refusal_after_other_faults_is_no_word_of_telegrams(do: Do, made: Board) -> None:
    busy = replace(made, **judged(do, made, ChatBusy(1.0)).columns)
    busy = replace(busy, **judged(do, busy, ChatBusy(1.0)).columns)
    there = replace(busy, **judged(do, busy, ChatRefused(detail="no")).columns)
    assert (there.attempts, there.refusals_of(do)) == (3, 1)
    again, notices, _ = refused(do, replace(there, retry_at=NOW), times=1)
    assert notices == []
    assert again.refusals_of(do) == MAX_REFUSALS - 1
    last, *_ = refused(do, replace(again, retry_at=NOW), times=1)
    # it is believed, and something else comes, or somebody is told
    assert last.refusals_of(do) == (MAX_REFUSALS if do is Do.ANNOUNCE else 0)


def test_refusals_of_steps_that_take_each_others_place_are_counted_apart() -> None:
    made, now = board(shown="another face", before_id=40), NOW
    counted: dict[Do, int] = {}
    for _ in range(2 * (MAX_REFUSALS - 1)):
        do = next_board_step(made, REACHED, now).do
        verdict = judge_board(do, made, ChatRefused(detail="no"), REACHED, began_at=now, now=now)
        assert verdict.notices == ()
        counted[do] = counted.get(do, 0) + 1
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
        assert made.refused == counted
        if next_board_step(made, REACHED, now).do in RESTS:
            now = made.retry_at
    assert counted == dict.fromkeys((Do.REMOVE_BEFORE, Do.EDIT_CARD), MAX_REFUSALS - 1)


@pytest.mark.parametrize("do", sorted((SENDS & {*IN_CHAT}) - {Do.ANNOUNCE}))
def test_a_closed_topic_is_no_slip(do: Do) -> None:
    made = IN_CHAT[do][0]
    there, following = after(made, judged(do, made, TopicClosed()))
    assert following.do is not do
    assert there.attempts == 0


def test_a_board_that_telegram_does_not_take_closes() -> None:
    """Nobody is asked for money by a message that nobody can see."""
    made = board(free(1), taken(State.OPEN), is_shown=False)
    there, notices, now = refused(Do.SEND_CARD, made)
    assert notices == [Notice(Kind.BOARD_REFUSED, 1, "no")]
    assert (there.undeliverable, there.state) == (True, CLOSING)
    assert next_board_step(there, REACHED, now).do is Do.REARRANGE
    there, _, now = refused(Do.SEND_CARD, replace(made, state=CLOSED, seats=PAID))
    assert (there.state, next_board_step(there, REACHED, now).do) == (CLOSED, Do.NOTHING)
    there, _, _ = refused(Do.SEND_CARD, replace(made, state=BoardState.JOINING))
    assert there.state is CLOSING


def test_a_board_that_is_shown_and_cannot_be_moved_goes_on_where_it_is() -> None:
    made = board(free(1), taken(State.OPEN), move_wanted=True)
    there, notices, now = refused(Do.SEND_CARD, made)
    assert notices == []
    assert (there.state, there.card_id, there.move_wanted) == (BoardState.OPEN, 50, False)
    assert not there.undeliverable
    assert next_board_step(there, REACHED, now).do is Do.WAIT


@pytest.mark.parametrize("error", [ChatRefused(detail="no"), TopicClosed()])
def test_what_happened_before_a_move_that_is_refused_is_shown_where_it_is(error: ChatError) -> None:
    """Nothing counts as shown that Telegram did not take."""
    made = board(**OTHER, move_wanted=True)
    there, now = made, NOW
    while next_board_step(there, REACHED, now).do is Do.SEND_CARD:
        there, _ = after(
            there, judge_board(Do.SEND_CARD, there, error, REACHED, began_at=now, now=now)
        )
        now = max(now, there.retry_at)
    assert there.shown == made.shown
    assert next_board_step(there, REACHED, now).do is Do.EDIT_CARD


def test_a_message_that_cannot_be_edited_is_replaced_by_a_new_one() -> None:
    """Rather one more message than an untrue one."""
    made = board(**OTHER, unsure=frozenset({Do.SEND_CARD}))
    there, notices, now = refused(Do.EDIT_CARD, made)
    assert notices == []
    assert next_board_step(there, REACHED, now).do is Do.SEND_CARD
    assert there.sending is Do.SEND_CARD
    assert not there.may_be_duplicate(Do.SEND_CARD)
    sent = judge_board(Do.SEND_CARD, there, Sent(there.face, 77), REACHED, began_at=now, now=now)
    there = replace(there, **sent.columns)
    assert (there.card_id, there.before_id, there.shown) == (77, 50, there.face)


def test_one_that_was_replaced_a_moment_ago_is_given_up_until_the_next_change() -> None:
    made = board(**OTHER, moved_at=NOW - 1)
    there, notices, now = refused(Do.EDIT_CARD, made)
    assert notices == [Notice(Kind.BOARD_UNTRUE, 1, "no")]
    assert (there.state, there.card_id) == (BoardState.OPEN, 50)
    assert next_board_step(there, REACHED, now).do is Do.WAIT
    paid = replace(there, seats=(free(1), taken(State.SETTLED)))
    assert next_board_step(paid, REACHED, now + 9).do is Do.EDIT_CARD


def test_what_was_refused_is_tried_again_later_and_told_once() -> None:
    """The last state of a board has no next change that would make its message true."""
    made = board(*PAID, state=CLOSED, announced=True, shown="older", moved_at=NOW - 1)
    there, notices, now = refused(Do.EDIT_CARD, made)
    assert notices == [Notice(Kind.BOARD_UNTRUE, 1, "no")]
    step = next_board_step(there, REACHED, now)
    assert step == Step(Do.WAIT, there.shown_at + REFUSED_AGAIN_S)
    later = step.at
    assert next_board_step(there, REACHED, later).do is Do.EDIT_CARD
    moved = replace(there, moved_at=later)  # and the message in its place was refused as well
    again = judge_board(
        Do.EDIT_CARD,
        moved,
        ChatRefused(detail="no"),
        REACHED,
        began_at=later,
        now=later,
    )
    assert again.notices == ()
    assert [event.level for event in again.events] == ["info"]  # once, and no line of an error
    there = replace(moved, **again.columns)
    assert next_board_step(there, REACHED, later).at == later + REFUSED_AGAIN_S
    set_back = later - 10 * REFUSED_AGAIN_S
    assert next_board_step(there, REACHED, set_back).do is Do.EDIT_CARD
    assert next_board_step(there, REACHED, there.ends_at + REFUSED_FOR_S).do is Do.NOTHING


def test_what_was_refused_is_tried_again_at_a_press() -> None:
    made = board(*PAID, state=CLOSED, announced=True, shown="older", moved_at=NOW - 1)
    there, _, now = refused(Do.EDIT_CARD, made)
    assert made.with_message(50) == {}
    pressed = replace(there, **there.with_message(50))
    assert next_board_step(pressed, REACHED, now + 9).do is Do.EDIT_CARD


def test_a_copy_that_cannot_be_edited_is_forgotten_and_told() -> None:
    made = board(duplicates={60: ANY_FACE, 61: ANY_FACE})
    there, notices, _ = refused(Do.EDIT_DUPLICATE, made)
    assert notices == [Notice(Kind.BOARD_UNTRUE, 1, "no")]
    assert dict(there.duplicates) == {61: ANY_FACE}


def test_a_message_before_that_cannot_be_removed_is_told() -> None:
    there, notices, _ = refused(Do.REMOVE_BEFORE, board(before_id=40))
    assert notices == [Notice(Kind.BOARD_UNTRUE, 1, "no")]
    assert there.before_id is None


def test_a_reminder_that_telegram_does_not_take_is_given_up_and_told() -> None:
    there, notices, now = refused(Do.REMIND, IN_CHAT[Do.REMIND][0])
    assert notices == [Notice(Kind.BOARD_UNTOLD, 1, "no")]
    assert next_board_step(there, REACHED, now).do in (Do.NOTHING, Do.WAIT)
    assert not there.remind_wanted


def test_an_end_whose_topic_is_closed_is_told_to_the_owners_at_once() -> None:
    verdict = judged(Do.ANNOUNCE, IN_CHAT[Do.ANNOUNCE][0], TopicClosed())
    assert [notice.kind for notice in verdict.notices] == [Kind.BOARD_UNTOLD]


def test_an_end_that_telegram_does_not_take_is_told_to_the_owners_and_tried_for_a_day() -> None:
    there, notices, now = refused(Do.ANNOUNCE, IN_CHAT[Do.ANNOUNCE][0])
    assert notices == [Notice(Kind.BOARD_UNTOLD, 1, "no")]
    began_at, tries = now, 0
    while not there.announced:
        tries += 1
        step = next_board_step(there, REACHED, now)
        if step.do is Do.WAIT:
            now = step.at
            continue
        assert step.do is Do.ANNOUNCE
        verdict = judge_board(
            step.do, there, ChatRefused(detail="no"), REACHED, began_at=now, now=now
        )
        there = replace(there, **verdict.columns)
        notices += verdict.notices if not there.announced else ()
    assert notices == [Notice(Kind.BOARD_UNTOLD, 1, "no")]
    assert now - began_at == pytest.approx(86_400, rel=0.05)
    assert next_board_step(there, REACHED, now).do in (Do.NOTHING, Do.WAIT)


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
        verdict = judge_board(Do.REARRANGE, made, result, REACHED, began_at=now, now=now)
        notices += verdict.notices
        made = replace(made, **verdict.columns)
        assert made.retry_at > now
        now = made.retry_at
    assert next_board_step(made, REACHED, now) == Step(Do.NOTHING)
    assert [(each.kind, each.step) for each in notices] == [(Kind.BOARD_STUCK, Do.REARRANGE)]
    assert [each.why for each in notices] == [why]


def test_what_is_taken_in_the_place_of_a_step_leaves_its_pause() -> None:
    put_off = {"tried": Do.REMOVE_BEFORE, "attempts": 3, "retry_at": NOW + 5}
    held = frozenset({Do.REMOVE_BEFORE})
    made = board(before_id=40, shown="another face", failing=held, put_off=held, **put_off)
    assert next_board_step(made, REACHED, NOW) == Step(Do.EDIT_CARD)
    there, step = after(made, judged(Do.EDIT_CARD, made, Sent(made.face)))
    assert (there.tried, there.attempts, there.retry_at) == tuple(put_off.values())
    assert step == Step(Do.WAIT, NOW + 5)


def test_steps_that_all_fail_are_tried_once_a_pause_each() -> None:
    """Nothing is asked of Telegram without end, and nothing that can be taken has to wait."""
    made, now = board(before_id=40, shown="another face", remind_wanted=True), NOW
    taken: list[Do] = []
    while len(taken) < 60:
        step = next_board_step(made, REACHED, now)
        if step.do is Do.WAIT:
            now = step.at
            continue
        taken.append(step.do)
        verdict = judge_board(step.do, made, ChatError(), REACHED, began_at=now, now=now)
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
    assert set(taken) == {Do.REMOVE_BEFORE, Do.EDIT_CARD, Do.REMIND}
    assert taken.count(Do.EDIT_CARD) == taken.count(Do.REMOVE_BEFORE)
    assert now > NOW + 18 * 8  # seconds, for some twenty tries of each


@pytest.mark.parametrize("rest_s", [1.0, 2.0, 4.0, 12.0, 15.0, 60.0, 300.0])
@pytest.mark.parametrize("limited", [Do.EDIT_CARD, Do.REMOVE_BEFORE, Do.SEND_CARD])
@pytest.mark.parametrize(
    "made",
    [
        board(*PAID, state=CLOSED, before_id=40, shown="another face"),
        board(*PAID, state=CLOSED, move_wanted=True, shown="another face"),
        board(remind_wanted=True, before_id=40, shown="another face"),
    ],
    ids=["removes", "moves", "reminds"],
)
def test_one_kind_of_call_that_is_limited_holds_up_no_other(
    made: Board, limited: Do, rest_s: float
) -> None:
    """As Telegram says it of one method, its chat is left alone altogether for as long."""
    before = made.before_id
    now, free_at, came = NOW, 0.0, set[Do]()
    while now < NOW + 20 * max(rest_s, EDIT_EVERY_S):
        step = next_board_step(made, REACHED, now)
        if step.do in RESTS:
            if step.do is Do.NOTHING or step.at > NOW + 9000:
                break
            now = step.at
            continue
        if 0 < free_at - now <= WAITS_S:
            now = free_at
        is_over = now >= free_at
        if is_over and step.do is limited:
            free_at = now + rest_s
        answer = Sent(made.face, 99) if now >= free_at else ChatBusy(free_at - now)
        if now >= free_at:
            came.add(step.do)
        verdict = judge_board(step.do, made, answer, REACHED, began_at=now, now=now)
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
    wanted = {Do.REMIND if made.state is BoardState.OPEN else Do.ANNOUNCE}
    wanted |= {Do.REMOVE_BEFORE} if before else set()
    assert made.shown == made.face or limited is Do.EDIT_CARD
    assert came >= wanted - {limited}


def test_edits_that_go_through_take_no_pause_from_a_reminder() -> None:
    """Somebody changes the board again and again."""
    made, now, reminded = board(remind_wanted=True), NOW, list[float]()
    while now < NOW + 600:
        step = next_board_step(made, REACHED, now)
        if step.do is Do.WAIT:
            now = min(step.at, now + 4)
            made = made if step.at <= now else replace(made, shown="another face")
            continue
        if step.do is Do.REMIND:
            reminded.append(now)
        came = MaybeSent() if step.do is Do.REMIND else Sent(made.face)
        verdict = judge_board(step.do, made, came, REACHED, began_at=now, now=now)
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
    pauses = [later - earlier for earlier, later in pairwise(reminded)]
    assert 8 < len(reminded) < 16
    assert pauses[-1] >= 59


def test_what_was_tried_in_vain_and_is_no_longer_wanted_counts_no_more() -> None:
    held = {"failing": frozenset({Do.EDIT_CARD}), "put_off": frozenset({Do.EDIT_CARD})}
    made = board(*PAID, **OTHER, **held, tried=Do.EDIT_CARD, attempts=7)
    verdict = judged(Do.EDIT_CARD, made, MessageGone())
    there, _ = after(made, verdict)
    assert (there.tried, there.attempts, there.failing, there.put_off) == (None, 0, set(), set())
    moved = board(move_wanted=True, **OTHER, **held, tried=Do.EDIT_CARD, attempts=7)
    there = replace(moved, **judged(Do.SEND_CARD, moved, Sent(moved.face, 77)).columns)
    there = replace(there, **prepared(there, {"before_id": None}, REACHED, NOW))
    assert (there.tried, there.attempts, there.failing, there.put_off) == (None, 0, set(), set())


@pytest.mark.parametrize("fault", [ChatBusy(1.0), ChatBusy(5.0), NoAnswer(), ChatRefused()])
@pytest.mark.parametrize(
    "made",
    [
        board(*PAID, **OTHER, state=CLOSED),
        board(move_wanted=True, **OTHER),
        board(remind_wanted=True, **OTHER),
        board(remind_wanted=True, before_id=40, **OTHER),
    ],
)
def test_copies_come_at_a_slower_and_slower_rate_whatever_else_fails(
    made: Board, fault: ChatError
) -> None:
    now = NOW
    copies: dict[Do, list[float]] = {}
    while now < NOW + 900:
        step = next_board_step(made, REACHED, now)
        if step.do in RESTS:
            now = step.at
            continue
        is_copy = step.do in SENDS
        if is_copy:
            copies.setdefault(step.do, []).append(now)
        error = MaybeSent() if is_copy else fault
        verdict = judge_board(step.do, made, error, REACHED, began_at=now, now=now)
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
        now += 0.1
    assert copies
    for at in copies.values():
        pauses = [later - earlier for earlier, later in pairwise(at)]
        assert 10 <= len(at) <= 25
        assert min(pauses[-5:]) > 45, "in the end one a minute or less"


def test_of_a_message_without_a_number_there_are_no_more_copies_where_others_fail_too() -> None:
    made, now, copies = board(move_wanted=True, shown="another face"), NOW, 0
    for _ in range(60):
        step = next_board_step(made, REACHED, now)
        if step.do is Do.WAIT:
            now = step.at
            continue
        copies += step.do is Do.SEND_CARD
        error = AnswerUnreadable() if step.do is Do.SEND_CARD else ChatError()
        verdict = judge_board(step.do, made, error, REACHED, began_at=now, now=now)
        made = replace(made, **prepared(made, verdict.columns, REACHED, now))
    assert copies <= MAX_COPIES


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


def test_an_edit_that_was_begun_before_none_comes_late_ends_no_doubt() -> None:
    made = board(redraw_at=NOW, duplicates={60: "another face"})
    sent = Sent(made.face)
    early = judge_board(Do.EDIT_CARD, made, sent, REACHED, began_at=NOW - 1, now=NOW + 1).columns
    assert early["shown"] == made.face
    assert not {"redraw_at", "duplicates"} & early.keys()
    columns = judge_board(Do.EDIT_CARD, made, sent, REACHED, began_at=NOW, now=NOW + 1).columns
    assert (columns["redraw_at"], columns["duplicates"]) == (0.0, {60: ANY_FACE})


def test_a_message_further_down_leaves_the_doubt_about_the_copies() -> None:
    made = board(redraw_at=NOW, move_wanted=True, duplicates={60: ANY_FACE})
    sent = judged(Do.SEND_CARD, made, Sent(made.face, 77))
    assert "redraw_at" not in sent.columns


def test_where_its_message_is_gone_a_copy_takes_its_place() -> None:
    made = board(redraw_at=NOW, duplicates={60: ANY_FACE, 61: ANY_FACE})
    there, _ = after(made, judged(Do.EDIT_CARD, made, MessageGone()))
    assert (there.card_id, there.shown, dict(there.duplicates)) == (61, ANY_FACE, {60: ANY_FACE})
    assert there.redraw_at == NOW
