"""What is to be done next for an invoice: row by row, and in any order of what can happen."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
from bot.outcomes import _gone
from bot.store import LANE_HELD

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
    ("two", shown(OPEN, Face.OPEN, request_apart=True), NOW, Step(Do.SEND_REQUEST)),
    ("both", apart(OPEN, Face.OPEN, Face.OPEN), NOW, Step(Do.WAIT, EXPIRY)),
    ("stray", shown(OPEN, Face.OPEN, stray_id=99), NOW, Step(Do.EDIT_STRAY)),
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
    ("paid, tell first", shown(SETTLED, Face.PAID, stray_id=99), NOW, Step(Do.TELL)),
    ("paid, stray", shown(SETTLED, Face.PAID, stray_id=99, **DONE), NOW, Step(Do.EDIT_STRAY)),
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
    ("cancelled, stray", shown(State.CANCELLED, Face.CANCELLED, stray_id=99), NOW,
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


# any event after any step

PATIENCE_S = 60.0
STEPS_AT_ONCE = 12
NODE_OUTCOMES = ("done", "done", "done", "lost before", "lost after", "odd", "late")
CHAT_OUTCOMES = (
    "done",
    "done",
    "done",
    "done",
    "busy",
    "not sent",
    "maybe: sent",
    "maybe: not sent",
    "forbidden",
    "refused",
    "bug",
)


PART = {Do.EDIT_CARD: "card", Do.EDIT_REQUEST: "request", Do.EDIT_STRAY: "stray"}


@dataclass
class Sent:
    """A message in the chat."""

    kind: Do
    face: Face
    chat_id: int
    asks: bool = False  # Telegram edits no message that forces a reply
    removed: bool = False


@dataclass
class Flight:
    """A step that was taken, and not yet recorded."""

    row: Invoice
    do: Do
    columns: dict[str, Any]


class World(RuleBasedStateMachine):
    """One row between a node and a chat that do whatever they may do.

    What is written after a step is what the reconciler writes after it.
    """

    # --- time: ours, the node's, and the one that nobody sets

    @property
    def now(self) -> float:
        return self.time + self.ahead_s

    @property
    def node_now(self) -> float:
        return self.time + self.node_ahead_s

    @initialize(
        asks=st.booleans(),
        long=st.booleans(),
        node_ahead_s=st.integers(-30, 30),
        up=st.booleans(),
        begun=st.integers(0, 4),
    )
    def a_command(self, asks: bool, long: bool, node_ahead_s: int, up: bool, begun: int) -> None:
        self.time, self.ahead_s, self.node_ahead_s = NOW, 0.0, float(node_ahead_s)
        self.long = long
        state = State.ASKING if asks else State.REQUESTED
        self.row = invoice(state, amount_msat=None if asks else 1000, due_at=NOW, taken_at=0.0)
        # the process
        self.hand = True
        self.armed = ""
        self.taken: float | None = None
        self.gives_word = False
        self.flight: Flight | None = None
        self.gate = self.node_up = up
        self.held = False
        # the node
        self.at_node = ""
        self.node_expires = 0.0
        self.late_at: float | None = None
        self.refuses = False
        # the chat
        self.sent: dict[int, Sent] = {}
        self.number = 100
        self.request_was_seen = False
        # what happened
        self.was_open = False
        self.excuses: Counter[Do] = Counter()
        self.at_once = 0
        self.goes_on(["done"] * begun)

    def put(self, **columns: Any) -> None:
        """A handler, or the node's word, writes the row and takes it up."""
        self.row = replace(self.row, **columns)
        self.hand = True
        self.at_once = 0

    # --- the reconciler

    def seen(self, row: Invoice) -> Invoice:
        taken_at, say_waiting = 0.0, False
        if row.state is State.REQUESTED:
            if self.taken is None:
                self.taken = self.time
            waited_s = self.time - self.taken
            taken_at = self.now - waited_s
            if waited_s >= WORD_AFTER_S:
                self.gives_word = say_waiting = True
        else:
            self.taken = None
        return replace(
            row,
            taken_at=taken_at,
            say_waiting=say_waiting,
            patience_s=PATIENCE_S,
            held=self.held,
        )

    def resting(self, row: Invoice, step: Step) -> dict[str, Any]:
        if row.held and next_step(replace(row, held=False), self.now) != step:
            return {"due_at": None, "lane": LANE_HELD}
        due_at = step.at if step.do is Do.WAIT else None
        return {"due_at": due_at, "lane": int(row.priority)}

    def put_off(self, row: Invoice, do: Do, longest_s: float = 30.0) -> dict[str, Any]:
        attempts = row.attempts + 1 if row.tried == do else 1
        pause_s = min(longest_s, 0.2 * 2 ** min(attempts - 1, 16))
        return {
            "tried": str(do),
            "attempts": attempts,
            "retry_at": self.now + min(pause_s, MAX_PAUSE_S),
        }

    def fault(self, row: Invoice, do: Do) -> dict[str, Any]:
        faults = row.faults + 1 if row.tried == do else 1
        return {**self.put_off(row, do, MAX_PAUSE_S), "faults": faults}

    @property
    def waits_for_node(self) -> bool:
        row = self.seen(self.row)
        return not self.gate and next_step(row, self.now).do is Do.ADD

    @precondition(lambda self: self.hand and not self.flight and not self.waits_for_node)
    @rule(node=st.sampled_from(NODE_OUTCOMES), chat=st.sampled_from(CHAT_OUTCOMES))
    def step(self, node: str, chat: str) -> None:
        row = self.seen(self.row)
        do = (step := next_step(row, self.now)).do
        if do in (Do.WAIT, Do.NOTHING):
            self.row = replace(self.row, **self.resting(row, step))
            self.hand = False
            return
        self.at_once += 1
        if do is Do.FAIL:
            columns: dict[str, Any] = {"state": State.FAILED, "failure": "away"}
        elif do is Do.DROP:
            columns = {"state": State.DROPPED}
        elif do in AT_NODE:
            columns = self.ask(row, do, node)
        else:
            columns = self.write(row, do, chat)
        if "tried" not in columns and next_step(replace(row, **columns), self.now).do is do:
            columns |= self.fault(row, do)
        again = next_step(replace(row, **columns), self.now).do
        assert again is not do or not columns, "a step is repeated without a pause"
        self.flight = Flight(row, do, columns)

    @precondition(lambda self: self.flight)
    @rule()
    def record(self) -> None:
        assert self.flight is not None
        row, do, columns = self.flight.row, self.flight.do, dict(self.flight.columns)
        self.flight = None
        if (row.tried or row.faults) and "tried" not in columns:
            columns |= {"tried": "", "attempts": 0, "faults": 0, "retry_at": 0.0}
        if columns.get("card_id") is not None and columns["card_id"] == row.stray_id:
            columns["stray_id"] = None
        after = self.seen(replace(row, **columns))
        step = next_step(after, self.now)
        columns["sending"] = str(step.do) if step.do in SENDS else ""
        if step.do in (Do.WAIT, Do.NOTHING):
            columns |= self.resting(after, step)
        at_node = do in AT_NODE | BY_ITSELF
        names = ["state"] if at_node else ["chat_id"]
        if row.state is State.ASKING and not at_node:  # an answered question's message is no card
            names.append("state")
        if any(getattr(self.row, name) != getattr(row, name) for name in names):
            self.row = replace(self.row, sending="")
            self.armed = ""
            return
        if self.row.due_at != row.due_at and "due_at" in columns:
            del columns["due_at"], columns["lane"]
        self.row = replace(self.row, **columns)
        self.armed = columns["sending"]
        self.was_open |= self.row.state is State.OPEN

    def ask(self, row: Invoice, do: Do, outcome: str) -> dict[str, Any]:
        """The node is asked; it may act and not be heard."""
        if not self.gate or not self.node_up:
            self.gate = False
            return self.put_off(row, do, 5.0)
        if do is Do.ADD:
            assert not self.was_open, "an invoice that was open is added again"
            assert row.preimage is not None
            if self.refuses:
                return {"state": State.FAILED, "failure": "refused", "preimage": None}
        if outcome in ("lost after", "done"):
            self.act(do)
        if outcome == "late" and do is Do.ADD and not self.at_node:
            self.late_at = self.time + 0.05
        if outcome == "odd":
            return self.put_off(row, do, 5.0)
        if outcome != "done":
            self.gate = False
            return {} if do is Do.ADD else self.put_off(row, do, 5.0)
        if do is Do.ADD:
            return {**self.found(row), "preimage": None, "expires_at": int(self.node_expires)}
        if self.at_node == "settled":
            return self.found(row)
        if row.state is State.FAILED:
            return {"preimage": None}
        return {"state": closed_state(row, self.now)}

    def act(self, do: Do) -> None:
        if do is Do.ADD and not self.at_node:
            self.at_node, self.node_expires = "open", self.node_now + 3600
        elif do is Do.CANCEL and self.at_node == "open":
            self.at_node = "canceled"

    def found(self, row: Invoice) -> dict[str, Any]:
        if self.at_node == "settled":
            return {"state": State.SETTLED, "preimage": None, "paid_msat": 1000}
        if self.at_node == "canceled":
            at = replace(row, expires_at=int(self.node_expires))
            return {"state": closed_state(at, self.now)}
        return {"state": State.OPEN}

    def write(self, row: Invoice, do: Do, outcome: str) -> dict[str, Any]:
        """Telegram is asked; a message may arrive and not be known of."""
        assert not row.held or do is Do.TELL, "written to a chat that is on hold"
        if do in SENDS and self.armed != do:
            self.row = replace(self.row, sending=str(do))
        self.armed = ""
        told_elsewhere = do is Do.TELL and (row.held or row.tell_to)
        if outcome == "bug":
            return self.fault(row, do)
        if outcome == "busy":
            return self.put_off(row, do, 1.0) | {"retry_at": self.now + MAX_PAUSE_S}
        if outcome == "not sent":
            return self.put_off(row, do)
        if outcome == "forbidden":
            if told_elsewhere:
                at_asker = (row.tell_to or "asker") == "asker"
                return {"tell_to": "owners"} if at_asker else {"told": True}
            self.held = True
            return {}
        if outcome == "refused":
            return self.refused(row, do)
        if do in SENDS:
            return self.send(row, do, outcome)
        return self.edit(row, do, outcome)

    def refused(self, row: Invoice, do: Do) -> dict[str, Any]:
        if do is Do.SEND_CARD and not row.plain:
            return {"plain": True}
        if do is Do.SAY_WAITING:
            return self.put_off(row, do, 1.0)
        if do is Do.TELL:
            return {"told": True} if row.tell_to != "asker" else {"tell_to": "owners"}
        if do in (Do.SEND_CARD, Do.SEND_REQUEST):
            return {"unshowable": True, "cancel_wanted": True}
        # it stays as it is, whatever the bot does: the owners are told
        return self.given_up(row, do)

    def send(self, row: Invoice, do: Do, outcome: str) -> dict[str, Any]:
        face = Face.WAITING if do is Do.SAY_WAITING else row.face
        if outcome != "maybe: not sent":
            self.number += 1
            asks = face is Face.QUESTION
            self.sent[self.number] = Sent(do, face, row.chat_id, asks)
            if face is Face.OPEN:
                assert self.at_node or self.late_at, "a request is shown that the node never had"
                self.request_was_seen = True
        if outcome.startswith("maybe"):
            self.excuses[do] += 1
            return self.put_off(row, do) | {"unsure": str(do)}
        if do is Do.TELL:
            return {"told": True}
        if do is Do.SEND_REQUEST:
            return {"request_id": self.number, "request_shown": face}
        apart = self.long and face is Face.OPEN
        waiting = {"card_id": self.number, "card_shown": face}
        return waiting if do is Do.SAY_WAITING else waiting | {"request_apart": apart}

    def edit(self, row: Invoice, do: Do, outcome: str) -> dict[str, Any]:
        part = PART[do]
        message = self.sent[getattr(row, f"{part}_id")]
        if message.removed or message.asks or message.chat_id != row.chat_id:
            return self.given_up(row, do)
        if outcome != "maybe: not sent":
            message.face = row.face
            self.request_was_seen |= row.face is Face.OPEN
        if outcome.startswith("maybe"):
            return self.put_off(row, do)
        columns: dict[str, Any] = {f"{part}_shown": row.face}
        if do is Do.EDIT_CARD:
            columns["request_apart"] = row.request_apart or (self.long and row.face is Face.OPEN)
        return columns

    def given_up(self, row: Invoice, do: Do) -> dict[str, Any]:
        """A message that will not show the state."""
        self.sent[getattr(row, f"{PART[do]}_id")].removed = True
        if row.card_shown is Face.WAITING and do is Do.EDIT_CARD:
            self.excuses[Do.SAY_WAITING] += 1
            self.excuses[Do.SEND_CARD] += 1
        return _gone(do, row)

    @precondition(lambda self: not self.hand and self.row.due_at is not None)
    @rule()
    def take_due(self) -> None:
        lanes = [lane for lane in Priority if self.gate or lane is not Priority.EXPIRED]
        assert self.row.due_at is not None
        if self.row.due_at <= self.now and self.row.lane in lanes:
            self.hand = True

    @precondition(lambda self: not self.flight)
    @rule(chat=st.lists(st.sampled_from(CHAT_OUTCOMES), min_size=1, max_size=5))
    def goes_on(self, chat: list[str]) -> None:
        """Several steps, with nothing in between."""
        for outcome in chat:
            if self.hand and not self.waits_for_node:
                self.step("done", outcome)
            if self.flight is not None:
                self.record()

    # --- what happens meanwhile

    @rule(data=st.data())
    def something_else_happens(self, data: st.DataObject) -> None:
        """What is rare, so that the rest is not."""
        data.draw(
            st.sampled_from(
                [
                    self.the_node_goes,
                    self.the_node_comes_back,
                    self.the_node_cleans_up,
                    self.the_node_will_refuse,
                    self.somebody_cancels_at_the_node,
                    self.the_chat_is_lost,
                    self.the_chat_is_heard_of,
                    self.the_group_moves,
                    self.the_bot_is_killed,
                ]
            )
        )()

    @rule(seconds=st.sampled_from([0.3, 2.0, 5.0, 30.0, 61.0, 3700.0]))
    def time_passes(self, seconds: float) -> None:
        self.time += seconds
        self.at_once = 0
        if self.late_at is not None and self.late_at <= self.time:
            self.late_at = None
            self.act(Do.ADD)
        if self.at_node == "open" and self.node_up and self.node_now >= self.node_expires:
            self.at_node = "canceled"

    @rule(seconds=st.integers(-60, 60))
    def the_clock_is_set(self, seconds: int) -> None:
        if abs(self.ahead_s + seconds - self.node_ahead_s) > 60:
            return
        self.ahead_s += seconds
        self.at_once = 0
        if abs(seconds) > 2:
            self.wake()

    def wake(self) -> None:
        if self.row.due_at is not None and self.row.retry_at > 0 and self.row.lane < LANE_HELD - 1:
            self.row = replace(self.row, due_at=self.now, retry_at=0.0)

    def the_node_goes(self) -> None:
        self.node_up = False

    def the_node_comes_back(self) -> None:
        if self.at_node == "open" and self.node_now >= self.node_expires:
            self.at_node = "canceled"  # overdue ones at its start
        if not self.gate:
            self.at_once = 0
        self.node_up = self.gate = True
        self.wake()
        self.look_up()

    def look_up(self) -> None:
        if self.row.state is not State.OPEN:
            return
        if self.at_node == "settled":
            self.stream_tells()
        elif self.at_node != "open":
            state = closed_state(self.row, self.now)
            self.put(state=state, due_at=self.now, lane=int(Priority.EXPIRED), tried="")

    @precondition(lambda self: self.at_node == "settled" and self.node_up)
    @rule()
    def stream_tells(self) -> None:
        if self.row.state is State.SETTLED:
            return
        self.put(
            state=State.SETTLED,
            preimage=None,
            paid_msat=1000,
            due_at=self.now,
            lane=int(Priority.PAID),
            faults=0,
            retry_at=0.0,
        )

    @precondition(lambda self: self.at_node == "open" and self.request_was_seen and self.node_up)
    @rule()
    def somebody_pays(self) -> None:
        self.at_node = "settled"

    def the_node_cleans_up(self) -> None:
        if self.at_node == "canceled":
            self.at_node = "deleted"

    def somebody_cancels_at_the_node(self) -> None:
        if self.at_node == "open":
            self.at_node = "canceled"

    def the_node_will_refuse(self) -> None:
        self.refuses = not self.at_node

    @precondition(lambda self: self.row.state in (State.REQUESTED, State.OPEN))
    @rule()
    def a_person_cancels(self) -> None:
        self.put(cancel_wanted=True, due_at=self.now, lane=int(Priority.CANCELLED))

    @precondition(lambda self: self.row.state is State.ASKING)
    @rule()
    def a_person_answers(self) -> None:
        self.excuses[Do.SEND_CARD] += 1
        self.put(
            state=State.REQUESTED,
            amount_msat=1000,
            card_id=None,
            card_shown=Face.NOTHING,
            sending="",
            due_at=self.now,
            lane=int(Priority.NEW),
        )

    @precondition(lambda self: self.row.card_shown in (Face.EXPIRED, Face.CANCELLED))
    @rule()
    def a_person_renews(self) -> None:
        self.put(renewed=True, due_at=self.now, lane=int(Priority.NEW))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def a_message_is_removed(self, data: st.DataObject) -> None:
        self.sent[data.draw(st.sampled_from(sorted(self.sent)))].removed = True

    @precondition(lambda self: self.strays)
    @rule(data=st.data())
    def a_button_of_a_stray_is_pressed(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.strays))
        self.held = False
        self.put(stray_id=number, stray_shown=Face.NOTHING, due_at=self.now)

    @property
    def strays(self) -> list[int]:
        """Copies of the card that stand in the chat and that the row does not know."""
        return [
            number
            for number, each in self.sent.items()
            if each.kind is Do.SEND_CARD
            and each.face not in (Face.QUESTION, Face.FAILED, Face.PAID)
            and number != self.row.card_id
            and each.chat_id == self.row.chat_id
            and not each.removed
        ]

    def the_chat_is_lost(self) -> None:
        self.held = True

    def the_chat_is_heard_of(self) -> None:
        self.held = False
        if self.row.lane == LANE_HELD:
            self.put(lane=int(Priority.NEW), due_at=self.now, retry_at=0.0)

    def the_group_moves(self) -> None:
        columns: dict[str, Any] = {
            "chat_id": self.row.chat_id - 1,
            "reply_to": None,
            "card_id": None,
            "request_id": None,
            "stray_id": None,
        }
        unfinished = self.row.state in (State.ASKING, State.REQUESTED, State.OPEN)
        if unfinished or self.row.due_at is not None or self.row.lane == LANE_HELD:
            self.excuses.update(SENDS)
            columns |= {
                "card_shown": Face.NOTHING,
                "request_shown": Face.NOTHING,
                "sending": "",
                "due_at": self.now,
                "lane": int(Priority.NEW),
            }
        self.row = replace(self.row, **columns)
        self.at_once = 0

    def the_bot_is_killed(self) -> None:
        """What a step did and did not record is unknown; a new process takes up what is due."""
        if self.flight is not None and self.flight.do in SENDS:
            self.excuses[self.flight.do] += 1
        self.flight, self.armed, self.taken, self.gives_word = None, "", None, False
        self.gate = self.node_up
        self.at_once = 0
        stuck = self.row.faults >= MAX_FAULTS
        if stuck:
            self.row = replace(self.row, faults=0, attempts=0, due_at=self.now)
        if self.row.sending:
            # found when the row is taken up
            self.excuses[Do(self.row.sending)] += 1
            self.row = replace(self.row, sending="", unsure=self.row.sending)
        self.hand = False
        if self.gate:
            self.look_up()

    # --- what always holds

    @invariant()
    def nothing_is_repeated_without_a_pause(self) -> None:
        assert self.at_once <= STEPS_AT_ONCE, "a step is repeated without a pause"

    @invariant()
    def settled_stays(self) -> None:
        if self.row.state is State.SETTLED:
            assert self.at_node == "settled"

    @invariant()
    def what_rests_is_due_again_or_has_nothing_to_do(self) -> None:
        if self.hand or self.row.due_at is not None:
            return
        if self.row.lane == LANE_HELD:
            assert self.held or self.row.faults >= MAX_FAULTS, "on hold in a chat that is not"
            return
        step = next_step(self.seen(self.row), self.now)
        assert step.do is Do.NOTHING, f"{step.do} is never taken up"

    # --- the world behaves again

    def teardown(self) -> None:
        if not hasattr(self, "row"):
            return
        self.refuses = False
        self.the_bot_is_killed()
        self.the_chat_is_heard_of()
        self.the_node_comes_back()
        if self.at_node == "settled":
            self.stream_tells()
        began, cancel_wanted = self.time, self.row.cancel_wanted
        for _ in range(200):
            if self.flight is not None:
                self.record()
            elif self.hand:
                self.step("done", "done")
            elif self.row.due_at is None:
                break
            else:
                self.time_passes(max(0.0, self.row.due_at - self.now) + 0.001)
                self.take_due()
            self.nothing_is_repeated_without_a_pause()
            self.settled_stays()
        else:
            raise AssertionError(f"no end: {self.row}")
        assert not cancel_wanted or self.time - began < 2 * MAX_PAUSE_S, "cancelled only by time"
        self.the_end()

    def the_end(self) -> None:
        row = self.row
        assert row.state not in (State.ASKING, State.REQUESTED, State.OPEN)
        assert next_step(self.seen(row), self.now).do is Do.NOTHING
        if self.at_node == "settled":
            assert row.state is State.SETTLED, "a payment went unnoticed"
            assert row.told
        elif row.state is not State.FAILED:  # one that appears later was never shown
            assert self.at_node != "open", "payable, and said to be over"
        assert row.preimage is None or row.state is State.DROPPED, "it may be at the node still"
        for number in (row.card_id, row.request_id, row.stray_id):
            if number is not None and not self.sent[number].removed:
                assert self.sent[number].face is row.face or row.state is State.DROPPED
        cards = [each for each in self.sent.values() if not each.asks and each.kind is not Do.TELL]
        assert cards or row.state is State.DROPPED or row.unshowable, "nothing was ever shown"
        seen = Counter(each.kind for each in self.sent.values())
        for do, count in seen.items():
            assert count <= 1 + self.excuses[do], f"{do}: {count} times"


TestAnyEventAfterAnyStep = World.TestCase
TestAnyEventAfterAnyStep.settings = settings(
    max_examples=250,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_the_world_above_sets_only_columns_that_there_are() -> None:
    assert {each.name for each in fields(Invoice)} >= {
        "due_at",
        "lane",
        "sending",
        "unsure",
        "tried",
        "attempts",
        "faults",
        "retry_at",
    }
