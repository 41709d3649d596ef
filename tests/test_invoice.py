"""What is to be done next for an invoice: row by row, and in any order of what can happen."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from bot.invoice import (
    AT_NODE,
    BY_ITSELF,
    EXPIRY_GRACE_S,
    MAX_FAULTS,
    MAX_PAUSE_S,
    QUESTION_S,
    SENDS,
    WORD_AFTER_S,
    Do,
    Face,
    Invoice,
    Priority,
    State,
    Step,
    closed_state,
    next_step,
)

NOW = 1_790_000_000.0
PREIMAGE = b"p" * 32
HASH = hashlib.sha256(PREIMAGE).digest()


def invoice(state: State, **changes: Any) -> Invoice:
    """A row as a handler writes it, in this state."""
    values: dict[str, Any] = {
        "id": 1,
        "origin_chat_id": -5,
        "origin_message_id": 10,
        "origin_count": 0,
        "chat_id": -5,
        "reply_to": 10,
        "asker_id": 7,
        "asker_name": "Anna",
        "asked_at": NOW,
        "amount_msat": 2_100_000,
        "expiry_s": 3600,
        "state": state,
        "payment_hash": HASH,
        "preimage": PREIMAGE if state in (State.ASKING, State.REQUESTED) else None,
        "expires_at": int(NOW) + 3600 if state not in (State.ASKING, State.REQUESTED) else 0,
        "taken_at": NOW,
    }
    return Invoice(**(values | changes))


def shown(state: State, face: Face, **changes: Any) -> Invoice:
    """A row whose card stands in the chat with this face."""
    return invoice(state, **({"card_id": 100, "card_shown": face} | changes))


def apart(state: State, face: Face, request: Face, **changes: Any) -> Invoice:
    """A row whose card is two messages."""
    two = {"request_apart": True, "request_id": 101, "request_shown": request}
    return shown(state, face, **(two | changes))


EXPIRY = NOW + 3600 + EXPIRY_GRACE_S
QUESTION_END = NOW + QUESTION_S
PATIENCE_END = NOW + 60
HELD: dict[str, Any] = {"held": True}
DONE: dict[str, Any] = {"told": True}
SETTLED, OPEN, FAILED = State.SETTLED, State.OPEN, State.FAILED
ASKING, REQUESTED = State.ASKING, State.REQUESTED


def failing(attempts: int, do: Do = Do.EDIT_CARD) -> dict[str, Any]:
    """A step that was put off so often."""
    return {"tried": do, "attempts": attempts, "retry_at": NOW + 5}


Row = tuple[str, Invoice, float, Step]
TABLE: list[Row] = [
    # asking
    ("the question", invoice(ASKING), NOW, Step(Do.SEND_CARD)),
    ("asked", shown(ASKING, Face.QUESTION), NOW + 9, Step(Do.WAIT, QUESTION_END)),
    ("held", invoice(ASKING, held=True), NOW, Step(Do.WAIT, QUESTION_END)),
    ("unshowable", invoice(ASKING, unshowable=True), NOW, Step(Do.WAIT, QUESTION_END)),
    ("an hour", shown(ASKING, Face.QUESTION), QUESTION_END, Step(Do.DROP)),
    ("never asked", invoice(ASKING), QUESTION_END, Step(Do.DROP)),
    # requested
    ("new", invoice(REQUESTED), NOW, Step(Do.ADD)),
    ("new, held", invoice(REQUESTED, **HELD), NOW, Step(Do.ADD)),
    ("to be cancelled", invoice(REQUESTED, cancel_wanted=True), NOW, Step(Do.ADD)),
    ("silent", invoice(REQUESTED, say_waiting=True), NOW + 3, Step(Do.SAY_WAITING)),
    ("not yet", invoice(REQUESTED, say_waiting=True), NOW + 2.9, Step(Do.ADD)),
    ("not its turn", invoice(REQUESTED), NOW + 30, Step(Do.ADD)),
    ("said", shown(REQUESTED, Face.WAITING, say_waiting=True), NOW + 9, Step(Do.ADD)),
    ("a word, held", invoice(REQUESTED, say_waiting=True, **HELD), NOW + 9, Step(Do.ADD)),
    ("impatient", invoice(REQUESTED), PATIENCE_END, Step(Do.FAIL)),
    ("impatient at once", invoice(REQUESTED, patience_s=0), NOW, Step(Do.FAIL)),
    # open
    ("to show", invoice(OPEN), NOW, Step(Do.SEND_CARD)),
    ("word to card", shown(OPEN, Face.WAITING), NOW, Step(Do.EDIT_CARD)),
    ("shown", shown(OPEN, Face.OPEN), NOW, Step(Do.WAIT, EXPIRY)),
    ("foreign", shown(OPEN, Face.OPEN, foreign=True), EXPIRY, Step(Do.NOTHING)),
    ("foreign, to show", invoice(OPEN, foreign=True, cancel_wanted=True), NOW, Step(Do.SEND_CARD)),
    (
        "foreign, to be cancelled",
        shown(OPEN, Face.OPEN, foreign=True, cancel_wanted=True),
        NOW,
        Step(Do.NOTHING),
    ),
    ("two", shown(OPEN, Face.OPEN, request_apart=True), NOW, Step(Do.SEND_REQUEST)),
    ("both", apart(OPEN, Face.OPEN, Face.OPEN), NOW, Step(Do.WAIT, EXPIRY)),
    ("stray", shown(OPEN, Face.OPEN, strays="99:"), NOW, Step(Do.EDIT_STRAY)),
    ("strays", shown(OPEN, Face.OPEN, strays="98:open 99:paid"), NOW, Step(Do.EDIT_STRAY)),
    ("true strays", shown(OPEN, Face.OPEN, strays="98:open 99:open"), NOW, Step(Do.WAIT, EXPIRY)),
    ("no stray", shown(OPEN, Face.OPEN, strays="100:"), NOW, Step(Do.WAIT, EXPIRY)),
    ("two, unshowable", shown(OPEN, Face.OPEN, request_apart=True, unshowable=True), NOW,
     Step(Do.WAIT, EXPIRY)),
    ("hold", invoice(OPEN, **HELD), NOW, Step(Do.WAIT, EXPIRY)),
    ("cancel", shown(OPEN, Face.OPEN, cancel_wanted=True), NOW, Step(Do.CANCEL)),
    ("cancel unshown", invoice(OPEN, cancel_wanted=True), NOW, Step(Do.CANCEL)),
    ("cancel held", invoice(OPEN, cancel_wanted=True, **HELD), NOW, Step(Do.CANCEL)),
    ("over", shown(OPEN, Face.OPEN), EXPIRY, Step(Do.CANCEL)),
    ("almost over", shown(OPEN, Face.OPEN), EXPIRY - 0.1, Step(Do.WAIT, EXPIRY)),
    ("over unshown", invoice(OPEN), EXPIRY, Step(Do.CANCEL)),
    # settled
    ("paid", shown(SETTLED, Face.OPEN), NOW, Step(Do.EDIT_CARD)),
    ("paid, word", shown(SETTLED, Face.WAITING), NOW, Step(Do.EDIT_CARD)),
    ("paid, unshown", invoice(SETTLED), NOW, Step(Do.SEND_CARD)),
    ("paid, two", apart(SETTLED, Face.PAID, Face.OPEN), NOW, Step(Do.EDIT_REQUEST)),
    ("paid, tell", apart(SETTLED, Face.PAID, Face.PAID), NOW, Step(Do.TELL)),
    ("paid, tell first", shown(SETTLED, Face.PAID, strays="99:"), NOW, Step(Do.TELL)),
    ("paid, stray", shown(SETTLED, Face.PAID, strays="99:", **DONE), NOW, Step(Do.EDIT_STRAY)),
    ("paid, edit fails", shown(SETTLED, Face.OPEN, **failing(4)), NOW, Step(Do.WAIT, NOW + 5)),
    ("paid, edit never works", shown(SETTLED, Face.OPEN, **failing(5)), NOW, Step(Do.TELL)),
    ("told, edit never works", shown(SETTLED, Face.OPEN, **failing(5), **DONE), NOW,
     Step(Do.WAIT, NOW + 5)),
    ("paid, nothing works", shown(SETTLED, Face.OPEN, **failing(4, Do.TELL)), NOW,
     Step(Do.WAIT, NOW + 5)),
    ("paid, nothing works yet", shown(SETTLED, Face.OPEN, **failing(4, Do.TELL)), NOW + 5,
     Step(Do.TELL)),
    ("paid, editing may work", shown(SETTLED, Face.OPEN, **failing(5, Do.TELL)), NOW,
     Step(Do.EDIT_CARD)),
    ("paid, telling fails", shown(SETTLED, Face.PAID, **failing(9, Do.TELL)), NOW,
     Step(Do.WAIT, NOW + 5)),
    ("paid, done", shown(SETTLED, Face.PAID, **DONE), NOW, Step(Do.NOTHING)),
    ("paid, held", shown(SETTLED, Face.OPEN, **HELD), NOW, Step(Do.TELL)),
    ("paid, unshowable", invoice(SETTLED, unshowable=True), NOW, Step(Do.TELL)),
    ("paid, half shown", shown(SETTLED, Face.OPEN, unshowable=True), NOW, Step(Do.EDIT_CARD)),
    ("paid, held, told", shown(SETTLED, Face.OPEN, **HELD, **DONE), NOW, Step(Do.NOTHING)),
    ("paid, no request", shown(SETTLED, Face.PAID, request_apart=True), NOW, Step(Do.TELL)),
    # expired and cancelled
    ("expired", shown(State.EXPIRED, Face.OPEN), NOW, Step(Do.EDIT_CARD)),
    ("expired, unshown", invoice(State.EXPIRED), NOW, Step(Do.SEND_CARD)),
    ("expired, two", apart(State.EXPIRED, Face.EXPIRED, Face.OPEN), NOW, Step(Do.EDIT_REQUEST)),
    ("expired, done", shown(State.EXPIRED, Face.EXPIRED), NOW, Step(Do.NOTHING)),
    ("renewed", shown(State.EXPIRED, Face.EXPIRED, renewed=True), NOW, Step(Do.EDIT_CARD)),
    ("renewed, gone", invoice(State.EXPIRED, renewed=True), NOW, Step(Do.NOTHING)),
    ("cancelled", shown(State.CANCELLED, Face.OPEN), NOW, Step(Do.EDIT_CARD)),
    ("cancelled, done", shown(State.CANCELLED, Face.CANCELLED), NOW, Step(Do.NOTHING)),
    ("cancelled, half shown", shown(State.CANCELLED, Face.OPEN, unshowable=True), NOW,
     Step(Do.EDIT_CARD)),
    ("cancelled, unshowable", invoice(State.CANCELLED, unshowable=True), NOW, Step(Do.NOTHING)),
    ("cancelled, held", shown(State.CANCELLED, Face.OPEN, **HELD), NOW, Step(Do.NOTHING)),
    ("cancelled, stray", shown(State.CANCELLED, Face.CANCELLED, strays="99:"), NOW,
     Step(Do.EDIT_STRAY)),
    # failed
    ("failed", invoice(FAILED), NOW, Step(Do.SEND_CARD)),
    ("failed, word", shown(FAILED, Face.WAITING, preimage=PREIMAGE), NOW, Step(Do.EDIT_CARD)),
    ("failed, maybe there", shown(FAILED, Face.FAILED, preimage=PREIMAGE), NOW, Step(Do.CANCEL)),
    ("failed, held, maybe", invoice(FAILED, preimage=PREIMAGE, **HELD), NOW, Step(Do.CANCEL)),
    ("failed, done", shown(FAILED, Face.FAILED), NOW, Step(Do.NOTHING)),
    # dropped
    ("dropped", shown(State.DROPPED, Face.QUESTION), NOW, Step(Do.NOTHING)),
    ("dropped, unasked", invoice(State.DROPPED), NOW, Step(Do.NOTHING)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "now", "step"),
    [each[1:] for each in TABLE],
    ids=[f"{each[1].state}: {each[0]}" for each in TABLE],
)
def test_the_table_of_next_step(row: Invoice, now: float, step: Step) -> None:
    assert next_step(row, now) == step


def test_the_table_has_every_state_and_every_step() -> None:
    assert {row.state for _, row, _, _ in TABLE} == set(State)
    assert {step.do for *_, step in TABLE} == set(Do)


PUT_OFF: list[Row] = [
    (
        "add, then it fails",
        invoice(REQUESTED, tried="add", retry_at=NOW + 80),
        NOW + 30,
        Step(Do.WAIT, PATIENCE_END),
    ),
    (
        "add, then a word",
        invoice(REQUESTED, tried="add", retry_at=NOW + 5),
        NOW,
        Step(Do.WAIT, NOW + WORD_AFTER_S),
    ),
    (
        "add",
        invoice(REQUESTED, tried="add", retry_at=NOW + 0.4),
        NOW,
        Step(Do.WAIT, NOW + 0.4),
    ),
    (
        "show, until it expires",
        invoice(OPEN, tried="send card", retry_at=EXPIRY + 20),
        EXPIRY - 5,
        Step(Do.WAIT, EXPIRY),
    ),
    ("show", invoice(OPEN, tried="send card", retry_at=NOW + 20), NOW, Step(Do.WAIT, NOW + 20)),
    ("again", invoice(OPEN, tried="send card", retry_at=NOW), NOW, Step(Do.SEND_CARD)),
    (
        "cancel",
        shown(OPEN, Face.OPEN, cancel_wanted=True, tried="cancel", retry_at=NOW + 4),
        NOW,
        Step(Do.WAIT, NOW + 4),
    ),
    (
        "another step is not put off",
        shown(OPEN, Face.OPEN, cancel_wanted=True, tried="send request", retry_at=NOW + 30),
        NOW,
        Step(Do.CANCEL),
    ),
    (
        "tell",
        shown(SETTLED, Face.PAID, tried="tell", retry_at=NOW + 7),
        NOW,
        Step(Do.WAIT, NOW + 7),
    ),
    (
        "the clock was set back",
        shown(SETTLED, Face.PAID, tried="tell", retry_at=NOW + MAX_PAUSE_S + 1),
        NOW,
        Step(Do.TELL),
    ),
    (
        "stuck",
        shown(SETTLED, Face.PAID, faults=MAX_FAULTS),
        NOW,
        Step(Do.NOTHING),
    ),
    ("not yet stuck", invoice(OPEN, faults=MAX_FAULTS - 1), NOW, Step(Do.SEND_CARD)),
]


@pytest.mark.parametrize(
    ("row", "now", "step"), [each[1:] for each in PUT_OFF], ids=[each[0] for each in PUT_OFF]
)
def test_a_step_that_was_put_off_waits(row: Invoice, now: float, step: Step) -> None:
    assert next_step(row, now) == step


FACES = {
    State.ASKING: (Face.QUESTION, Face.QUESTION),
    State.REQUESTED: (Face.NOTHING, Face.NOTHING),
    State.OPEN: (Face.OPEN, Face.OPEN),
    State.SETTLED: (Face.PAID, Face.PAID),
    State.EXPIRED: (Face.EXPIRED, Face.EXPIRED_RENEWED),
    State.CANCELLED: (Face.CANCELLED, Face.CANCELLED_RENEWED),
    State.FAILED: (Face.FAILED, Face.FAILED),
    State.DROPPED: (Face.NOTHING, Face.NOTHING),
}


@pytest.mark.parametrize("state", State)
def test_each_state_has_its_face(state: State) -> None:
    row = invoice(state)
    assert (row.face, replace(row, renewed=True).face) == FACES[state]
    assert row.is_closed == (state in (State.SETTLED, State.EXPIRED, State.CANCELLED))


@pytest.mark.parametrize(
    ("cancel_wanted", "left_s", "state"),
    [
        (False, -1, State.EXPIRED),
        (False, 0, State.EXPIRED),
        (False, 1, State.CANCELLED),
        (True, -1, State.CANCELLED),
        (True, 1, State.CANCELLED),
    ],
)
def test_what_the_node_canceled_has_expired_or_was_cancelled(
    cancel_wanted: bool, left_s: int, state: State
) -> None:
    row = invoice(OPEN, cancel_wanted=cancel_wanted, expires_at=int(NOW) + left_s)
    assert closed_state(row, NOW) is state


def test_paid_comes_first_then_cancelled_then_new_then_what_waits_for_its_end() -> None:
    assert list(Priority) == sorted(Priority)
    assert [
        invoice(SETTLED).priority,
        shown(OPEN, Face.OPEN, cancel_wanted=True).priority,
        shown(State.CANCELLED, Face.OPEN).priority,
        invoice(REQUESTED).priority,
        invoice(OPEN).priority,
        shown(OPEN, Face.OPEN).priority,
        shown(State.EXPIRED, Face.OPEN).priority,
    ] == [
        Priority.PAID,
        Priority.CANCELLED,
        Priority.CANCELLED,
        Priority.NEW,
        Priority.NEW,
        Priority.EXPIRED,
        Priority.EXPIRED,
    ]


def test_every_step_is_at_the_node_in_a_chat_or_of_the_database() -> None:
    in_a_chat = SENDS | {Do.EDIT_CARD, Do.EDIT_REQUEST, Do.EDIT_STRAY}
    groups = [AT_NODE, BY_ITSELF, in_a_chat, {Do.WAIT, Do.NOTHING}]
    assert set().union(*groups) == set(Do)
    assert sum(map(len, groups)) == len(Do)


def test_a_row_does_not_show_its_preimage() -> None:
    assert repr(PREIMAGE) not in repr(invoice(REQUESTED))
    assert "preimage" not in repr(invoice(REQUESTED))
