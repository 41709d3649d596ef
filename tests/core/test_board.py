"""What comes next for a board, case by case, and when it is due again."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.core.board import ANY_FACE, Board, BoardState
from bot.core.board_steps import EDIT_EVERY_S, EDITS_PER_S, next_board_step, prepared, resting
from bot.core.invoice import Audience, State
from bot.core.steps import Around, Step
from bot.core.work import MAX_FAULTS, MAX_PAUSE_S, SENDS, Do, Lane
from tests.bills import END, board, collection, free, gift, part, taken
from tests.rows import NOW

REACHED, LOST = Around(), Around(unreachable=frozenset({Audience.CHAT}))
MUTED = replace(LOST, takes_edits=True)
JOINING, CLOSING, CLOSED = BoardState.JOINING, BoardState.CLOSING, BoardState.CLOSED
PAID = (taken(State.SETTLED, 1), taken(State.SETTLED, 2))
OTHER = {"shown": "another face", "shown_at": NOW - EDIT_EVERY_S}
REST = Step(Do.WAIT, END)


#: A copy that does not show what is.
COPIES = {60: ANY_FACE}


def failing(do: Do, *others: Do) -> dict[str, Any]:
    """This was tried last, and those before it in the same pause."""
    put_off = frozenset({do, *others})
    return {"tried": do, "failing": put_off, "put_off": put_off, "attempts": 2, "retry_at": NOW + 5}


TABLE: list[tuple[str, Board, Around, float, Step]] = [
    # open
    ("new", board(is_shown=False), REACHED, NOW, Step(Do.SEND_CARD)),
    ("new, unreachable", board(is_shown=False), LOST, NOW, REST),
    ("new, muted", board(is_shown=False), MUTED, NOW, REST),
    (
        "put off",
        board(is_shown=False, **failing(Do.SEND_CARD)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "due again",
        board(is_shown=False, **failing(Do.SEND_CARD)),
        REACHED,
        NOW + 5,
        Step(Do.SEND_CARD),
    ),
    (
        "put off by a clock that was set back",
        board(is_shown=False, tried=Do.SEND_CARD, retry_at=NOW + MAX_PAUSE_S + 1),
        REACHED,
        NOW,
        Step(Do.SEND_CARD),
    ),
    (
        "another step was put off",
        board(**OTHER, **failing(Do.SEND_CARD)),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    ("refused", board(is_shown=False, undeliverable=True), REACHED, NOW, REST),
    ("shown", board(), REACHED, NOW, REST),
    ("something else", board(**OTHER), REACHED, NOW, Step(Do.EDIT_CARD)),
    ("something else, unreachable", board(**OTHER), LOST, NOW, REST),
    ("something else, muted", board(**OTHER), MUTED, NOW, Step(Do.EDIT_CARD)),
    (
        "edited just now",
        board(**OTHER | {"shown_at": NOW - 1}),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 2),
    ),
    (
        "edited in the future, as a clock was set back",
        board(**OTHER | {"shown_at": NOW + 900}),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    ("removed from the chat", board(**OTHER, card_id=None), REACHED, NOW, REST),
    (
        "its chat has had edits enough",
        board(**OTHER),
        Around(editable_at=NOW + 20),
        NOW,
        Step(Do.WAIT, NOW + 20),
    ),
    (
        "both, of which the later one counts",
        board(**OTHER | {"shown_at": NOW - 1}),
        Around(editable_at=NOW + 20),
        NOW,
        Step(Do.WAIT, NOW + 20),
    ),
    ("so it had until now", board(**OTHER), Around(editable_at=NOW), NOW, Step(Do.EDIT_CARD)),
    (
        "so it will have by a clock that was set back",
        board(**OTHER),
        Around(editable_at=NOW + EDITS_PER_S + 1),
        NOW,
        Step(Do.EDIT_CARD),
    ),
    # copies
    ("a copy that is true", board(duplicates={60: board().face}), REACHED, NOW, REST),
    ("a copy that is not", board(duplicates=COPIES), REACHED, NOW, Step(Do.EDIT_DUPLICATE)),
    ("which is not reachable", board(duplicates=COPIES), LOST, NOW, REST),
    (
        "its message first",
        board(**OTHER, duplicates=COPIES),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "and then the copy, in a while",
        board(duplicates=COPIES, shown_at=NOW),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + EDIT_EVERY_S),
    ),
    (
        "the chat has had edits enough for a copy",
        board(duplicates=COPIES),
        Around(editable_at=NOW + 9),
        NOW,
        Step(Do.WAIT, NOW + 9),
    ),
    (
        "a copy, where its message was removed",
        board(**OTHER, card_id=None, duplicates=COPIES),
        REACHED,
        NOW,
        Step(Do.EDIT_DUPLICATE),
    ),
    ("its message, known as a copy", board(duplicates={50: ANY_FACE}), REACHED, NOW, REST),
    # moved down
    ("wanted at the bottom", board(move_wanted=True), REACHED, NOW, Step(Do.SEND_CARD)),
    ("so it is in a chat that is lost", board(move_wanted=True), LOST, NOW, REST),
    ("or takes edits alone", board(move_wanted=True), MUTED, NOW, REST),
    (
        "wanted at the bottom where somebody removed it",
        board(move_wanted=True, card_id=None),
        REACHED,
        NOW,
        Step(Do.SEND_CARD),
    ),
    (
        "wanted at the bottom, refused",
        board(move_wanted=True, undeliverable=True),
        REACHED,
        NOW,
        REST,
    ),
    ("moved", board(before_id=40), REACHED, NOW, Step(Do.REMOVE_BEFORE)),
    ("moved, in a chat that is lost", board(before_id=40), LOST, NOW, REST),
    ("moved, muted", board(before_id=40), MUTED, NOW, Step(Do.REMOVE_BEFORE)),
    (
        "moved, and wanted there again: one message at a time",
        board(before_id=40, move_wanted=True, **OTHER),
        REACHED,
        NOW,
        Step(Do.REMOVE_BEFORE),
    ),
    (
        "closed, and wanted at the bottom",
        board(*PAID, state=CLOSED, announced=True, move_wanted=True),
        REACHED,
        NOW,
        Step(Do.SEND_CARD),
    ),
    # reminders
    ("a reminder", board(remind_wanted=True), REACHED, NOW, Step(Do.REMIND)),
    ("a reminder, unreachable", board(remind_wanted=True), LOST, NOW, REST),
    ("a reminder, muted", board(remind_wanted=True), MUTED, NOW, REST),
    (
        "first it is shown what is",
        board(remind_wanted=True, **OTHER),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "a reminder where somebody removed its message",
        board(remind_wanted=True, **OTHER, card_id=None),
        REACHED,
        NOW,
        Step(Do.REMIND),
    ),
    (
        "a reminder of which nothing is left",
        board(*PAID, remind_wanted=True, state=CLOSED, announced=True),
        REACHED,
        NOW,
        Step(Do.REARRANGE),
    ),
    # joining
    ("who is in?", board(state=JOINING, is_shown=False), REACHED, NOW, Step(Do.SEND_CARD)),
    ("nobody yet", board(state=JOINING), REACHED, NOW, REST),
    ("somebody is", board(state=JOINING, **OTHER), REACHED, NOW, Step(Do.EDIT_CARD)),
    ("until its end", board(state=JOINING), REACHED, END, Step(Do.REARRANGE)),
    ("until its end, unreachable", board(state=JOINING), LOST, END, Step(Do.REARRANGE)),
    # collections
    ("a collection", collection(), REACHED, NOW, REST),
    ("a gift", collection(gift(), **OTHER), REACHED, NOW, Step(Do.EDIT_CARD)),
    ("a goal", collection(gift(sats=10_000)), REACHED, NOW, Step(Do.ANNOUNCE)),
    ("a goal, told", collection(gift(sats=10_000), announced=True), REACHED, NOW, REST),
    ("no goal", collection(gift(sats=10_000), sum_msat=0), REACHED, NOW, REST),
    (
        "a goal in a chat that is lost",
        collection(gift(sats=10_000)),
        LOST,
        NOW,
        REST,
    ),
    (
        "closed without its goal",
        collection(gift(), state=CLOSED),
        REACHED,
        NOW,
        Step(Do.ANNOUNCE),
    ),
    ("taken", board(free(1), taken(State.OPEN)), REACHED, NOW, REST),
    ("paid in part", board(free(1), taken(State.SETTLED)), REACHED, NOW, REST),
    ("at its end", board(), REACHED, END, Step(Do.REARRANGE)),
    ("at its end, unreachable", board(), LOST, END, Step(Do.REARRANGE)),
    ("at its end, refused", board(undeliverable=True), REACHED, END, Step(Do.REARRANGE)),
    ("leaving", board(free(1), taken(leaving=True)), REACHED, NOW, Step(Do.REARRANGE)),
    ("leaving, unreachable", board(free(1), taken(leaving=True)), LOST, NOW, Step(Do.REARRANGE)),
    ("all paid", board(*PAID), REACHED, NOW, Step(Do.REARRANGE)),
    ("stuck", board(*PAID, faults=MAX_FAULTS), REACHED, NOW, Step(Do.NOTHING)),
    # closing
    ("nothing is open", board(state=CLOSING), REACHED, NOW, Step(Do.REARRANGE)),
    (
        "a part is open",
        board(free(1), taken(State.OPEN), state=CLOSING),
        REACHED,
        NOW,
        Step(Do.REARRANGE),
    ),
    (
        "its cancellation is wanted",
        board(free(1), taken(part=part(State.OPEN, cancel_wanted=True)), state=CLOSING),
        REACHED,
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "so it is, to be shown",
        board(free(1), taken(part=part(State.OPEN, cancel_wanted=True)), state=CLOSING, **OTHER),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    # closed
    ("to be shown", board(*PAID, state=CLOSED, **OTHER), REACHED, NOW, Step(Do.EDIT_CARD)),
    ("to be told", board(*PAID, state=CLOSED), REACHED, NOW, Step(Do.ANNOUNCE)),
    ("to be told, unreachable", board(*PAID, state=CLOSED), LOST, NOW, Step(Do.NOTHING)),
    ("to be told, muted", board(*PAID, state=CLOSED), MUTED, NOW, Step(Do.NOTHING)),
    (
        "to be told, put off",
        board(*PAID, state=CLOSED, **failing(Do.ANNOUNCE)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    # one step is put off, and what comes after it is not
    (
        "removed where it was, put off",
        board(before_id=40, **OTHER, **failing(Do.REMOVE_BEFORE)),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "removed where it was, put off, and nothing else",
        board(before_id=40, **failing(Do.REMOVE_BEFORE)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "removed where it was, put off, and edited a moment ago",
        board(before_id=40, **OTHER | {"shown_at": NOW - 1}, **failing(Do.REMOVE_BEFORE)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 2),
    ),
    (
        "removed where it was, put off, and to be told",
        board(*PAID, state=CLOSED, before_id=40, **failing(Do.REMOVE_BEFORE)),
        REACHED,
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "removed where it was, put off, and wanted at the bottom",
        board(before_id=40, move_wanted=True, **failing(Do.REMOVE_BEFORE)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "removed where it was, put off for longer than to its end",
        board(before_id=40, **failing(Do.REMOVE_BEFORE)),
        REACHED,
        END - 1,
        Step(Do.REMOVE_BEFORE),
    ),
    (
        "both put off",
        board(before_id=40, **OTHER, **failing(Do.EDIT_CARD, Do.REMOVE_BEFORE)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "another face, while a reminder is put off",
        board(remind_wanted=True, **OTHER, **{**failing(Do.REMIND), "attempts": 9}),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "another face, once the reminder is due again",
        board(remind_wanted=True, **OTHER, **{**failing(Do.REMIND), "attempts": 9}),
        REACHED,
        NOW + 5,
        Step(Do.EDIT_CARD),
    ),
    (
        "another face, a moment ago, while a reminder is put off",
        board(
            remind_wanted=True,
            shown="another face",
            shown_at=NOW - 1,
            **{**failing(Do.REMIND), "attempts": 9},
        ),
        REACHED,
        NOW + 1,
        Step(Do.WAIT, NOW - 1 + EDIT_EVERY_S),
    ),
    (
        "both due again",
        board(before_id=40, **OTHER, **failing(Do.EDIT_CARD, Do.REMOVE_BEFORE)),
        REACHED,
        NOW + 5,
        Step(Do.EDIT_CARD),
    ),
    (
        "both due again, for the fifth time",
        board(
            before_id=40,
            **OTHER,
            **{**failing(Do.EDIT_CARD, Do.REMOVE_BEFORE), "attempts": 5},
        ),
        REACHED,
        NOW + 5,
        Step(Do.REMOVE_BEFORE),
    ),
    (
        "wanted at the bottom, put off",
        board(move_wanted=True, **OTHER, **failing(Do.SEND_CARD)),
        REACHED,
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "shown nowhere, put off",
        board(*PAID, state=CLOSED, is_shown=False, **failing(Do.SEND_CARD)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "edited, put off a few times",
        board(*PAID, state=CLOSED, **OTHER, **failing(Do.EDIT_CARD)),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "edited, put off five times",
        board(*PAID, state=CLOSED, **OTHER, **failing(Do.EDIT_CARD) | {"attempts": 5}),
        REACHED,
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "edited, put off five times, and told",
        board(
            *PAID, state=CLOSED, announced=True, **OTHER, **failing(Do.EDIT_CARD) | {"attempts": 5}
        ),
        REACHED,
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    ("told", board(*PAID, state=CLOSED, announced=True), REACHED, NOW, Step(Do.NOTHING)),
    ("removed, to be told", board(state=CLOSED, card_id=None), REACHED, NOW, Step(Do.ANNOUNCE)),
    (
        "removed before it closed, to be told",
        board(*PAID, state=CLOSED, card_id=None, **OTHER),
        REACHED,
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "refused, closed",
        board(is_shown=False, undeliverable=True, state=CLOSED),
        REACHED,
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "never shown, closed",
        board(is_shown=False, state=CLOSED),
        REACHED,
        NOW,
        Step(Do.SEND_CARD),
    ),
]


@pytest.mark.parametrize(
    ("made", "around", "now", "step"), [each[1:] for each in TABLE], ids=[each[0] for each in TABLE]
)
def test_what_comes_next(made: Board, around: Around, now: float, step: Step) -> None:
    assert next_board_step(made, around, now) == step


def test_each_step_of_a_board_is_in_the_table() -> None:
    assert {step.do for *_, step in TABLE} == {
        *(Do.REARRANGE, Do.REMOVE_BEFORE, Do.SEND_CARD, Do.EDIT_CARD, Do.EDIT_DUPLICATE),
        *(Do.ANNOUNCE, Do.REMIND, Do.WAIT, Do.NOTHING),
    }


def test_the_docstring_names_each_of_them() -> None:
    words = re.findall(r"[A-Z_]+", next_board_step.__doc__ or "")
    assert {step.do for *_, step in TABLE} == {do for do in Do if do.name in words}


# what is written for the next step, and when it is due


def test_what_is_sent_next_is_marked_before() -> None:
    fresh = board(is_shown=False)
    assert prepared(fresh, {}, REACHED, NOW)["sending"] is Do.SEND_CARD
    over = board(*PAID, **OTHER, state=CLOSED)
    assert prepared(over, {"shown": over.face}, REACHED, NOW)["sending"] is Do.ANNOUNCE
    assert prepared(over, {}, REACHED, NOW)["sending"] is None
    assert Do.EDIT_CARD not in SENDS


def test_a_reminder_is_marked_before_and_so_is_a_message_at_the_bottom() -> None:
    assert prepared(board(), {"remind_wanted": True}, REACHED, NOW)["sending"] is Do.REMIND
    assert prepared(board(), {"move_wanted": True}, REACHED, NOW)["sending"] is Do.SEND_CARD
    assert prepared(board(), {"before_id": 40}, REACHED, NOW)["sending"] is None


def rests(made: Board, around: Around = REACHED) -> tuple[float | None, Lane]:
    columns = resting(made, next_board_step(made, around, NOW), around, NOW)
    return columns["due_at"], columns["lane"]


def test_an_open_board_is_due_at_its_end_in_any_chat() -> None:
    assert rests(board()) == (END, Lane.BOARDS)
    assert rests(board(), LOST) == (END, Lane.BOARDS)
    assert rests(board(**OTHER), LOST) == (END, Lane.BOARDS)
    assert rests(board(is_shown=False), LOST) == (END, Lane.BOARDS)
    assert rests(board(remind_wanted=True), LOST) == (END, Lane.BOARDS)
    assert rests(board(state=JOINING), LOST) == (END, Lane.BOARDS)
    assert rests(collection(gift(sats=10_000)), LOST) == (END, Lane.BOARDS)


def test_a_board_that_cannot_be_shown_waits_for_its_chat() -> None:
    assert rests(board(*PAID, state=CLOSED), LOST) == (None, Lane.UNREACHABLE)
    assert rests(board(*PAID, state=CLOSED, **OTHER), LOST) == (None, Lane.UNREACHABLE)
    assert rests(board(*PAID, state=CLOSED, announced=True), LOST) == (None, Lane.BOARDS)
    moved = {"state": CLOSED, "announced": True, "before_id": 40}
    assert rests(board(*PAID, **moved), LOST) == (None, Lane.UNREACHABLE)


def test_a_board_that_is_stuck_waits_for_nothing() -> None:
    assert rests(board(*PAID, faults=MAX_FAULTS)) == (None, Lane.BOARDS)


def test_an_edit_that_was_too_early_is_due() -> None:
    assert rests(board(**OTHER | {"shown_at": NOW - 1})) == (NOW + 2, Lane.BOARDS)
    assert rests(board(duplicates=COPIES), Around(editable_at=NOW + 9)) == (NOW + 9, Lane.BOARDS)
