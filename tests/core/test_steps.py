"""What comes next for an invoice, case by case; test_orders.py tries any order of events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.failure import Failure
from bot.core.invoice import LATE_S, Audience, Face, Invoice, State
from bot.core.steps import (
    AS_READ,
    EXPIRY_GRACE_S,
    LONG_S,
    NOTICE_AFTER_S,
    QUESTION_S,
    Around,
    Step,
    next_step,
)
from bot.core.work import (
    AT_NODE,
    BY_ITSELF,
    EDITS,
    MAX_FAULTS,
    MAX_PAUSE_S,
    READ_LANES,
    RESTS,
    SENDS,
    TO_PEOPLE,
    Do,
    Lane,
)
from bot.errors import NodeError, NodeLocked, NodeTimeout
from tests.rows import NOW, PREIMAGE, invoice, seen, seen_separate, seen_shown, shown

EXPIRY = NOW + 3600 + EXPIRY_GRACE_S
QUESTION_END = NOW + QUESTION_S
PATIENCE_END = NOW + 60
UNREACHABLE: dict[str, Any] = {"unreachable": frozenset({Audience.CHAT})}
MUTED: dict[str, Any] = {**UNREACHABLE, "takes_edits": True}
NOBODY: dict[str, Any] = {"unreachable": frozenset(Audience)}
DONE: dict[str, Any] = {"announced": True}
TELLS: dict[str, Any] = {"notify_owners": True, "owners": (1, 2)}
BUSY: dict[str, Any] = {"notify_owners": True, "busy_owners": (1, 2)}
SETTLED, OPEN, FAILED = State.SETTLED, State.OPEN, State.FAILED
ASKING, PENDING = State.ASKING, State.PENDING


def failing(attempts: int, do: Do = Do.EDIT_CARD) -> dict[str, Any]:
    """A step that was put off so often."""
    return {"tried": do, "attempts": attempts, "retry_at": NOW + 5}


def late(state: State, face: Face, **fields: Any) -> tuple[Invoice, Around]:
    """A card whose last edit but one had no answer."""
    return seen_shown(state, face, **{"redraw_at": NOW + LATE_S, "announced": True, **fields})


def strayed(state: State, **fields: Any) -> tuple[Invoice, Around]:
    """A card whose number nobody knows, and in whose place another one came."""
    return seen(state, replaced=True, unsure=frozenset({Do.SEND_CARD}), **fields)


def saying(said: NodeError | None, waits_for: NodeError | None, **fields: Any) -> Any:
    """A waiting notice that gives this reason, and the present one."""
    failure = None if said is None else Failure.of(said)
    return seen_shown(PENDING, Face.WAITING, failure=failure, waits_for=waits_for, **fields)


Row = tuple[str, tuple[Invoice, Around], float, Step]
TABLE: list[Row] = [
    # asking
    ("the question", seen(ASKING), NOW, Step(Do.SEND_CARD)),
    ("asked", seen_shown(ASKING, Face.QUESTION), NOW + 9, Step(Do.WAIT, QUESTION_END)),
    ("asked, reads otherwise", seen_shown(ASKING, Face.NOTHING), NOW + 9, Step(Do.EDIT_CARD)),
    (
        "reads otherwise, unreachable",
        seen_shown(ASKING, Face.NOTHING, **UNREACHABLE),
        NOW + 9,
        Step(Do.WAIT, QUESTION_END),
    ),
    (
        "reads otherwise, muted",
        seen_shown(ASKING, Face.NOTHING, **MUTED),
        NOW + 9,
        Step(Do.EDIT_CARD),
    ),
    ("muted", seen(ASKING, **MUTED), NOW, Step(Do.WAIT, QUESTION_END)),
    ("unreachable", seen(ASKING, **UNREACHABLE), NOW, Step(Do.WAIT, QUESTION_END)),
    ("undeliverable", seen(ASKING, undeliverable=True), NOW, Step(Do.WAIT, QUESTION_END)),
    ("an hour", seen_shown(ASKING, Face.QUESTION), QUESTION_END, Step(Do.DROP)),
    ("never asked", seen(ASKING), QUESTION_END, Step(Do.DROP)),
    # pending
    ("new", seen(PENDING), NOW, Step(Do.ADD)),
    ("new, unreachable", seen(PENDING, **UNREACHABLE), NOW, Step(Do.ADD)),
    ("to be cancelled", seen(PENDING, cancel_wanted=True), NOW, Step(Do.ADD)),
    ("silent", seen(PENDING, gives_notice=True), NOW + 3, Step(Do.SEND_WAITING_NOTICE)),
    ("not yet", seen(PENDING, gives_notice=True), NOW + 2.9, Step(Do.ADD)),
    ("not its turn", seen(PENDING), NOW + 30, Step(Do.ADD)),
    ("said", seen_shown(PENDING, Face.WAITING, gives_notice=True), NOW + 9, Step(Do.ADD)),
    ("no reason", saying(None, NodeLocked()), NOW + 9, Step(Do.EDIT_CARD)),
    ("another reason", saying(NodeTimeout(), NodeLocked()), NOW + 9, Step(Do.EDIT_CARD)),
    ("the same reason", saying(NodeLocked(), NodeLocked()), NOW + 9, Step(Do.ADD)),
    ("nothing in the way", saying(NodeLocked(), None), NOW + 9, Step(Do.ADD)),
    (
        "another reason, unreachable",
        saying(NodeTimeout(), NodeLocked(), **UNREACHABLE),
        NOW + 9,
        Step(Do.ADD),
    ),
    (
        "another reason, muted",
        saying(NodeTimeout(), NodeLocked(), **MUTED),
        NOW + 9,
        Step(Do.EDIT_CARD),
    ),
    (
        "another reason, impatient",
        saying(NodeTimeout(), NodeLocked()),
        PATIENCE_END,
        Step(Do.FAIL),
    ),
    (
        "a notice, unreachable",
        seen(PENDING, gives_notice=True, **UNREACHABLE),
        NOW + 9,
        Step(Do.ADD),
    ),
    ("impatient", seen(PENDING), PATIENCE_END, Step(Do.FAIL)),
    ("of a backup", seen(PENDING, preimage=None, gives_notice=True), NOW + 9, Step(Do.ADD)),
    ("of a backup, late", seen(PENDING, preimage=None), PATIENCE_END, Step(Do.ADD)),
    ("impatient at once", seen(PENDING, patience_s=0), NOW, Step(Do.FAIL)),
    # open
    ("to show", seen(OPEN), NOW, Step(Do.SEND_CARD)),
    ("notice to card", seen_shown(OPEN, Face.WAITING), NOW, Step(Do.EDIT_CARD)),
    ("shown", seen_shown(OPEN, Face.OPEN), NOW, Step(Do.WAIT, EXPIRY)),
    ("reads otherwise", seen_shown(OPEN, Face.OUTDATED), NOW, Step(Do.EDIT_CARD)),
    ("other node", seen_shown(OPEN, Face.OPEN, other_node=True), NOW, Step(Do.WAIT, EXPIRY)),
    ("other node, over", seen_shown(OPEN, Face.OPEN, other_node=True), EXPIRY, Step(Do.LAPSE)),
    (
        "other node, lapsed",
        seen_shown(OPEN, Face.OPEN, other_node=True, unconfirmed=True),
        EXPIRY,
        Step(Do.EDIT_CARD),
    ),
    (
        "other node, lapsed and shown",
        seen_shown(OPEN, Face.UNCONFIRMED, other_node=True, unconfirmed=True, cancel_wanted=True),
        EXPIRY,
        Step(Do.NOTHING),
    ),
    ("node away", seen_shown(OPEN, Face.OPEN, node_away=True), NOW, Step(Do.WAIT, EXPIRY)),
    ("node away, over", seen_shown(OPEN, Face.OPEN, node_away=True), EXPIRY, Step(Do.LAPSE)),
    (
        "node away, over, to be cancelled",
        seen_shown(OPEN, Face.OPEN, node_away=True, cancel_wanted=True),
        EXPIRY,
        Step(Do.LAPSE),
    ),
    (
        "node away, lapsed",
        seen_shown(OPEN, Face.OPEN, node_away=True, unconfirmed=True),
        EXPIRY,
        Step(Do.EDIT_CARD),
    ),
    (
        "node away, lapsed and shown",
        seen_shown(OPEN, Face.UNCONFIRMED, node_away=True, unconfirmed=True),
        EXPIRY,
        Step(Do.CANCEL),
    ),
    (
        "lapsed, never shown",
        seen(OPEN, node_away=True, unconfirmed=True),
        EXPIRY,
        Step(Do.CANCEL),
    ),
    (
        "lapsed by a clock that was put back",
        seen_shown(OPEN, Face.UNCONFIRMED, unconfirmed=True),
        NOW,
        Step(Do.CANCEL),
    ),
    (
        "the node says that it can be paid",
        seen_shown(OPEN, Face.UNCONFIRMED),
        EXPIRY,
        Step(Do.EDIT_CARD),
    ),
    (
        "other node, to show",
        seen(OPEN, other_node=True, cancel_wanted=True),
        NOW,
        Step(Do.SEND_CARD),
    ),
    (
        "other node, to be cancelled",
        seen_shown(OPEN, Face.OPEN, other_node=True, cancel_wanted=True),
        NOW,
        Step(Do.WAIT, EXPIRY),
    ),
    (
        "two",
        seen_shown(OPEN, Face.OPEN, payment_request_separate=True),
        NOW,
        Step(Do.SEND_PAYMENT_REQUEST),
    ),
    ("both", seen_separate(OPEN, Face.OPEN, Face.OPEN), NOW, Step(Do.WAIT, EXPIRY)),
    (
        "duplicate",
        seen_shown(OPEN, Face.OPEN, duplicates={99: Face.NOTHING}),
        NOW,
        Step(Do.EDIT_DUPLICATE),
    ),
    (
        "duplicates",
        seen_shown(OPEN, Face.OPEN, duplicates={98: Face.OPEN, 99: Face.PAID}),
        NOW,
        Step(Do.EDIT_DUPLICATE),
    ),
    (
        "true duplicates",
        seen_shown(OPEN, Face.OPEN, duplicates={98: Face.OPEN, 99: Face.OPEN}),
        NOW,
        Step(Do.WAIT, EXPIRY),
    ),
    (
        "no duplicate",
        seen_shown(OPEN, Face.OPEN, duplicates={100: Face.NOTHING}),
        NOW,
        Step(Do.WAIT, EXPIRY),
    ),
    (
        "two, undeliverable",
        seen_shown(OPEN, Face.OPEN, payment_request_separate=True, undeliverable=True),
        NOW,
        Step(Do.WAIT, EXPIRY),
    ),
    ("open, unreachable", seen(OPEN, **UNREACHABLE), NOW, Step(Do.WAIT, EXPIRY)),
    ("cancel", seen_shown(OPEN, Face.OPEN, cancel_wanted=True), NOW, Step(Do.CANCEL)),
    ("cancel unshown", seen(OPEN, cancel_wanted=True), NOW, Step(Do.CANCEL)),
    ("cancel unreachable", seen(OPEN, cancel_wanted=True, **UNREACHABLE), NOW, Step(Do.CANCEL)),
    ("expiry", seen_shown(OPEN, Face.OPEN), EXPIRY, Step(Do.CANCEL)),
    ("almost expired", seen_shown(OPEN, Face.OPEN), EXPIRY - 0.1, Step(Do.WAIT, EXPIRY)),
    ("expiry unshown", seen(OPEN), EXPIRY, Step(Do.CANCEL)),
    # settled
    ("paid", seen_shown(SETTLED, Face.OPEN), NOW, Step(Do.EDIT_CARD)),
    ("paid, notice", seen_shown(SETTLED, Face.WAITING), NOW, Step(Do.EDIT_CARD)),
    ("paid, unshown", seen(SETTLED), NOW, Step(Do.SEND_CARD)),
    ("paid, two", seen_separate(SETTLED, Face.PAID, Face.OPEN), NOW, Step(Do.EDIT_PAYMENT_REQUEST)),
    ("paid, announce", seen_separate(SETTLED, Face.PAID, Face.PAID), NOW, Step(Do.ANNOUNCE)),
    (
        "paid, announce first",
        seen_shown(SETTLED, Face.PAID, duplicates={99: Face.NOTHING}),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "paid, duplicate",
        seen_shown(SETTLED, Face.PAID, duplicates={99: Face.NOTHING}, **DONE),
        NOW,
        Step(Do.EDIT_DUPLICATE),
    ),
    (
        "paid, edit fails",
        seen_shown(SETTLED, Face.OPEN, **failing(4), settled_at=int(NOW)),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "paid a while ago, edit fails",
        seen_shown(SETTLED, Face.OPEN, **failing(1), settled_at=int(NOW - LONG_S) - 1),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "paid, its chat is left alone for long",
        seen_shown(
            SETTLED,
            Face.OPEN,
            **failing(1) | {"retry_at": NOW + LONG_S + 1},
            settled_at=int(NOW),
        ),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "paid, edit fails, owners hear",
        seen_shown(SETTLED, Face.OPEN, **failing(4), **TELLS, settled_at=int(NOW)),
        NOW,
        Step(Do.NOTIFY_OWNERS),
    ),
    (
        "paid, edit fails, who asked is the only owner",
        seen_shown(
            SETTLED,
            Face.OPEN,
            **failing(4),
            **TELLS | {"owners": (7,)},
            settled_at=int(NOW),
        ),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "paid, nobody but the owners reads it, and they are busy",
        seen_shown(
            SETTLED,
            Face.PAID,
            **failing(4, Do.ANNOUNCE),
            **TELLS,
            unreachable=frozenset({Audience.CHAT, Audience.ASKER}),
        ),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "paid, edit never works",
        seen_shown(SETTLED, Face.OPEN, **failing(5)),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "announced, owners",
        seen_shown(SETTLED, Face.PAID, **DONE, **TELLS),
        NOW,
        Step(Do.NOTIFY_OWNERS),
    ),
    (
        "announced, the other owner",
        seen_shown(SETTLED, Face.PAID, **DONE, **TELLS, notified={1: True}),
        NOW,
        Step(Do.NOTIFY_OWNERS),
    ),
    (
        "announced, an owner may have read it",
        seen_shown(SETTLED, Face.PAID, **DONE, **TELLS, notified={1: True, 2: False}),
        NOW,
        Step(Do.NOTIFY_OWNERS),
    ),
    (
        "announced, all owners",
        seen_shown(SETTLED, Face.PAID, **DONE, **TELLS, notified={1: True, 2: True}),
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "announced, owners later",
        seen_shown(SETTLED, Face.PAID, **DONE, **TELLS, notify_at=NOW + 5),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "announced, owners' chats are busy",
        seen_shown(SETTLED, Face.PAID, **DONE, **BUSY, settled_at=int(NOW)),
        NOW,
        Step(Do.WAIT, NOW + 2),
    ),
    (
        "announced, busy for long",
        seen_shown(SETTLED, Face.PAID, **DONE, **BUSY, settled_at=int(NOW) - 80),
        NOW,
        Step(Do.WAIT, NOW + 20),
    ),
    (
        "announced, the chat is lost",
        seen_shown(SETTLED, Face.OPEN, **DONE, **TELLS, **UNREACHABLE),
        NOW,
        Step(Do.NOTIFY_OWNERS),
    ),
    (
        "announced, the edit fails",
        seen_shown(SETTLED, Face.OPEN, **DONE, **TELLS, **failing(4)),
        NOW,
        Step(Do.NOTIFY_OWNERS),
    ),
    (
        "announced, the edit fails, all owners",
        seen_shown(SETTLED, Face.OPEN, **DONE, **TELLS, **failing(4), notified={1: True, 2: True}),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "announced, not shown yet",
        seen_shown(SETTLED, Face.OPEN, **DONE, **TELLS),
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "announced, an old payment",
        seen_shown(SETTLED, Face.PAID, **DONE, **{**TELLS, "notify_owners": False}),
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "paid, not announced yet",
        seen_shown(SETTLED, Face.PAID, **TELLS),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "announced, edit never works",
        seen_shown(SETTLED, Face.OPEN, **failing(5), **DONE),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "paid, nothing works",
        seen_shown(SETTLED, Face.OPEN, **failing(4, Do.ANNOUNCE)),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    (
        "paid, nothing works yet",
        seen_shown(SETTLED, Face.OPEN, **failing(4, Do.ANNOUNCE)),
        NOW + 5,
        Step(Do.ANNOUNCE),
    ),
    (
        "paid, editing may work",
        seen_shown(SETTLED, Face.OPEN, **failing(5, Do.ANNOUNCE)),
        NOW + 5,
        Step(Do.EDIT_CARD),
    ),
    (
        "paid, announcing fails",
        seen_shown(SETTLED, Face.PAID, **failing(9, Do.ANNOUNCE)),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    ("paid, done", seen_shown(SETTLED, Face.PAID, **DONE), NOW, Step(Do.NOTHING)),
    ("open, muted", seen(OPEN, **MUTED), NOW, Step(Do.WAIT, EXPIRY)),
    ("paid, muted", seen_shown(SETTLED, Face.OPEN, **MUTED), NOW, Step(Do.EDIT_CARD)),
    ("paid and shown, muted", seen_shown(SETTLED, Face.PAID, **MUTED), NOW, Step(Do.ANNOUNCE)),
    ("paid, unreachable", seen_shown(SETTLED, Face.OPEN, **UNREACHABLE), NOW, Step(Do.ANNOUNCE)),
    ("paid, nobody", seen_shown(SETTLED, Face.OPEN, **NOBODY), NOW, Step(Do.NOTHING)),
    (
        "rejected in the chat, nobody else",
        seen_shown(
            SETTLED,
            Face.OPEN,
            announce_to=Audience.OWNERS,
            unreachable=frozenset({Audience.OWNERS}),
            **failing(7),
        ),
        NOW,
        Step(Do.WAIT, NOW + 5),
    ),
    ("paid, undeliverable", seen(SETTLED, undeliverable=True), NOW, Step(Do.ANNOUNCE)),
    (
        "paid, half shown",
        seen_shown(SETTLED, Face.OPEN, undeliverable=True),
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "paid, unreachable, announced",
        seen_shown(SETTLED, Face.OPEN, **UNREACHABLE, **DONE),
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "paid, no request",
        seen_shown(SETTLED, Face.PAID, payment_request_separate=True),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    # expired and cancelled
    ("expired", seen_shown(State.EXPIRED, Face.OPEN), NOW, Step(Do.EDIT_CARD)),
    ("expired, unshown", seen(State.EXPIRED), NOW, Step(Do.SEND_CARD)),
    (
        "expired, two",
        seen_separate(State.EXPIRED, Face.EXPIRED, Face.OPEN),
        NOW,
        Step(Do.EDIT_PAYMENT_REQUEST),
    ),
    ("expired, done", seen_shown(State.EXPIRED, Face.EXPIRED), NOW, Step(Do.NOTHING)),
    ("replaced", seen_shown(State.EXPIRED, Face.EXPIRED, replaced=True), NOW, Step(Do.EDIT_CARD)),
    ("replaced, gone", seen(State.EXPIRED, replaced=True), NOW, Step(Do.NOTHING)),
    ("replaced, maybe there", strayed(State.EXPIRED), NOW, Step(Do.SEND_CARD)),
    ("replaced, there", strayed(State.CANCELLED, card_shown=Face.OPEN), NOW, Step(Do.SEND_CARD)),
    ("replaced, told", strayed(State.EXPIRED, card_shown=Face.EXPIRED), NOW, Step(Do.NOTHING)),
    ("replaced, open", strayed(OPEN), NOW, Step(Do.WAIT, EXPIRY)),
    (
        "replaced, pressed",
        strayed(State.CANCELLED, duplicates={99: Face.CANCELLED_REPLACED}),
        NOW,
        Step(Do.NOTHING),
    ),
    ("cancelled", seen_shown(State.CANCELLED, Face.OPEN), NOW, Step(Do.EDIT_CARD)),
    ("cancelled, done", seen_shown(State.CANCELLED, Face.CANCELLED), NOW, Step(Do.NOTHING)),
    (
        "cancelled, half shown",
        seen_shown(State.CANCELLED, Face.OPEN, undeliverable=True),
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "cancelled, undeliverable",
        seen(State.CANCELLED, undeliverable=True),
        NOW,
        Step(Do.SEND_CARD),
    ),
    (
        "cancelled, undeliverable, nor that",
        seen(State.CANCELLED, undeliverable=True, card_shown=Face.CANCELLED),
        NOW,
        Step(Do.NOTHING),
    ),
    ("failed, undeliverable", seen(FAILED, undeliverable=True), NOW, Step(Do.NOTHING)),
    (
        "cancelled, unreachable",
        seen_shown(State.CANCELLED, Face.OPEN, **UNREACHABLE),
        NOW,
        Step(Do.NOTHING),
    ),
    (
        "cancelled, duplicate",
        seen_shown(State.CANCELLED, Face.CANCELLED, duplicates={99: Face.NOTHING}),
        NOW,
        Step(Do.EDIT_DUPLICATE),
    ),
    # failed
    ("failed", seen(FAILED), NOW, Step(Do.SEND_CARD)),
    (
        "failed, notice",
        seen_shown(FAILED, Face.WAITING, preimage=PREIMAGE),
        NOW,
        Step(Do.EDIT_CARD),
    ),
    (
        "failed, maybe there",
        seen_shown(FAILED, Face.FAILED, preimage=PREIMAGE),
        NOW,
        Step(Do.CANCEL),
    ),
    (
        "failed, unreachable, maybe",
        seen(FAILED, preimage=PREIMAGE, **UNREACHABLE),
        NOW,
        Step(Do.CANCEL),
    ),
    ("failed, done", seen_shown(FAILED, Face.FAILED), NOW, Step(Do.NOTHING)),
    # dropped
    # an edit had no answer
    ("paid, to be drawn again", late(SETTLED, Face.PAID), NOW, Step(Do.WAIT, NOW + LATE_S)),
    ("paid, drawn again", late(SETTLED, Face.PAID), NOW + LATE_S, Step(Do.EDIT_CARD)),
    ("paid, by a clock of then", late(SETTLED, Face.PAID), NOW - 9, Step(Do.EDIT_CARD)),
    ("paid, untold", late(SETTLED, Face.PAID, announced=False), NOW + 99, Step(Do.ANNOUNCE)),
    (
        "paid, drawn again while its telling is refused",
        late(
            SETTLED, Face.PAID, announced=False, tried=Do.ANNOUNCE, attempts=7, retry_at=NOW + 150
        ),
        NOW + 99,
        Step(Do.EDIT_CARD),
    ),
    (
        "paid, nobody",
        late(SETTLED, Face.PAID, announced=False, **NOBODY, takes_edits=True),
        NOW + 99,
        Step(Do.EDIT_CARD),
    ),
    ("paid, sealed", late(SETTLED, Face.PAID, **UNREACHABLE), NOW + 99, Step(Do.NOTHING)),
    ("paid, muted", late(SETTLED, Face.PAID, **MUTED), NOW + 99, Step(Do.EDIT_CARD)),
    ("expired, drawn again", late(State.EXPIRED, Face.EXPIRED), NOW + 99, Step(Do.EDIT_CARD)),
    ("open, drawn again", late(OPEN, Face.OPEN), NOW + 99, Step(Do.EDIT_CARD)),
    ("open, soon over", late(OPEN, Face.OPEN, expires_at=NOW), NOW, Step(Do.WAIT, NOW + 2)),
    ("no card any longer", late(SETTLED, Face.PAID, card_id=None), NOW + 99, Step(Do.NOTHING)),
    ("dropped", seen_shown(State.DROPPED, Face.QUESTION), NOW, Step(Do.NOTHING)),
    ("dropped, unasked", seen(State.DROPPED), NOW, Step(Do.NOTHING)),
]


@pytest.mark.parametrize(
    ("found", "now", "step"),
    [each[1:] for each in TABLE],
    ids=[f"{each[1][0].state}: {each[0]}" for each in TABLE],
)
def test_the_table_of_next_step(found: tuple[Invoice, Around], now: float, step: Step) -> None:
    assert next_step(*found, now) == step


def test_the_table_has_every_state_and_every_step() -> None:
    assert {row.state for _, (row, _), _, _ in TABLE} == set(State)
    of_boards = {Do.REARRANGE, Do.REMOVE_BEFORE, Do.REMIND}
    assert {step.do for *_, step in TABLE} == set(Do) - of_boards


PUT_OFF: list[Row] = [
    (
        "add, then it fails",
        seen(PENDING, tried=Do.ADD, retry_at=NOW + 80),
        NOW + 30,
        Step(Do.WAIT, PATIENCE_END),
    ),
    (
        "add, then a notice",
        seen(PENDING, tried=Do.ADD, retry_at=NOW + 5),
        NOW,
        Step(Do.WAIT, NOW + NOTICE_AFTER_S),
    ),
    (
        "add",
        seen(PENDING, tried=Do.ADD, retry_at=NOW + 0.4),
        NOW,
        Step(Do.WAIT, NOW + 0.4),
    ),
    (
        "show, until it expires",
        seen(OPEN, tried=Do.SEND_CARD, retry_at=EXPIRY + 20),
        EXPIRY - 5,
        Step(Do.WAIT, EXPIRY),
    ),
    ("show", seen(OPEN, tried=Do.SEND_CARD, retry_at=NOW + 20), NOW, Step(Do.WAIT, NOW + 20)),
    ("again", seen(OPEN, tried=Do.SEND_CARD, retry_at=NOW), NOW, Step(Do.SEND_CARD)),
    (
        "cancel",
        seen_shown(OPEN, Face.OPEN, cancel_wanted=True, tried=Do.CANCEL, retry_at=NOW + 4),
        NOW,
        Step(Do.WAIT, NOW + 4),
    ),
    (
        "another step is not put off",
        seen_shown(
            OPEN, Face.OPEN, cancel_wanted=True, tried=Do.SEND_PAYMENT_REQUEST, retry_at=NOW + 30
        ),
        NOW,
        Step(Do.CANCEL),
    ),
    (
        "announce",
        seen_shown(SETTLED, Face.PAID, tried=Do.ANNOUNCE, retry_at=NOW + 7),
        NOW,
        Step(Do.WAIT, NOW + 7),
    ),
    (
        "the clock was set back",
        seen_shown(SETTLED, Face.PAID, tried=Do.ANNOUNCE, retry_at=NOW + MAX_PAUSE_S + 1),
        NOW,
        Step(Do.ANNOUNCE),
    ),
    (
        "stuck",
        seen_shown(SETTLED, Face.PAID, faults=MAX_FAULTS),
        NOW,
        Step(Do.NOTHING),
    ),
    ("not yet stuck", seen(OPEN, faults=MAX_FAULTS - 1), NOW, Step(Do.SEND_CARD)),
]


@pytest.mark.parametrize(
    ("found", "now", "step"), [each[1:] for each in PUT_OFF], ids=[each[0] for each in PUT_OFF]
)
def test_a_step_that_was_put_off_waits(
    found: tuple[Invoice, Around], now: float, step: Step
) -> None:
    assert next_step(*found, now) == step


FACES = {
    State.ASKING: (Face.QUESTION, Face.QUESTION),
    State.PENDING: (Face.NOTHING, Face.NOTHING),
    State.OPEN: (Face.OPEN, Face.OPEN),
    State.SETTLED: (Face.PAID, Face.PAID),
    State.EXPIRED: (Face.EXPIRED, Face.EXPIRED_REPLACED),
    State.CANCELLED: (Face.CANCELLED, Face.CANCELLED_REPLACED),
    State.FAILED: (Face.FAILED, Face.FAILED_REPLACED),
    State.DROPPED: (Face.NOTHING, Face.NOTHING),
}


@pytest.mark.parametrize("state", State)
def test_each_state_has_its_face(state: State) -> None:
    row = invoice(state)
    assert (row.face, replace(row, replaced=True).face) == FACES[state]


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
    assert row.closed_state(NOW) is state


def test_paid_comes_first_then_cancelled_then_new_then_what_waits_for_its_end() -> None:
    assert list(READ_LANES) == sorted(READ_LANES)
    assert [
        invoice(SETTLED).urgency,
        shown(OPEN, Face.OPEN, cancel_wanted=True).urgency,
        shown(State.CANCELLED, Face.OPEN).urgency,
        invoice(PENDING).urgency,
        invoice(OPEN).urgency,
        shown(OPEN, Face.OPEN).urgency,
        shown(State.EXPIRED, Face.OPEN).urgency,
        shown(State.CANCELLED, Face.CANCELLED, redraw_at=NOW).urgency,
        shown(OPEN, Face.OPEN, cancel_wanted=True, redraw_at=NOW).urgency,
    ] == [
        Lane.PAYMENT,
        Lane.CANCELLATION,
        Lane.CANCELLATION,
        Lane.COMMAND,
        Lane.COMMAND,
        Lane.BACKGROUND,
        Lane.BACKGROUND,
        Lane.BACKGROUND,
        Lane.CANCELLATION,
    ]


def test_every_step_is_at_the_node_in_a_chat_or_of_the_database() -> None:
    removes = {Do.REMOVE_BEFORE}
    groups = [AT_NODE, BY_ITSELF, SENDS, EDITS, removes, TO_PEOPLE, RESTS]
    assert set().union(*groups) == set(Do)
    assert sum(map(len, groups)) == len(Do)


def test_a_row_does_not_show_its_preimage() -> None:
    assert repr(PREIMAGE) not in repr(invoice(PENDING))
    assert "preimage" not in repr(invoice(PENDING))


def test_the_next_step_can_be_asked_for_a_row_as_it_was_read() -> None:
    assert next_step(shown(OPEN, Face.OPEN), AS_READ, NOW) == Step(Do.WAIT, EXPIRY)
    assert next_step(shown(SETTLED, Face.OPEN), AS_READ, NOW) == Step(Do.EDIT_CARD)
