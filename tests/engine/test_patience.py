"""What a process knows of its rows, and when it forgets it."""

from __future__ import annotations

from typing import Any

from bot.core.invoice import TOO_LATE_S, Invoice, State
from bot.core.steps import Around
from bot.core.work import Do
from bot.engine.patience import MOVES_ONCE_S, Patience
from bot.errors import (
    AskedTooLongAgo,
    InvoiceUnknown,
    MessageGone,
    NodeError,
    NodeLocked,
    NodeNotAsked,
    NodeOdd,
    NodeTimeout,
    NotSent,
)
from tests.rows import NOW, invoice


def around(patience: Patience, row: Invoice, **changes: Any) -> Around:
    here: dict[str, Any] = {
        "now": NOW,
        "steady_s": 50.0,
        "unreachable": frozenset(),
        "owners": (),
        "busy_owners": (),
        "is_free": True,
        "node_away": False,
        "outage": 0,
        "other_node": False,
        "perhaps_other_node": False,
    }
    return patience.around(row, **(here | changes))


def test_a_row_that_waited_for_a_process_too_long_has_no_patience_left() -> None:
    patience = Patience(60.0)
    recent = invoice(State.PENDING, id=1, asked_at=NOW - TOO_LATE_S + 1)
    old = invoice(State.PENDING, id=2, asked_at=NOW - TOO_LATE_S - 1)
    assert around(patience, recent).patience_s == 60.0
    assert around(patience, old).patience_s == 0.0
    assert type(patience.reason(old, NodeLocked())) is AskedTooLongAgo
    # what this process waits for itself is no such thing, nor is a clock that is set
    assert around(patience, recent, now=NOW + 3600).patience_s == 60.0
    assert type(patience.reason(recent, NodeLocked())) is NodeLocked
    assert type(patience.reason(recent, None)) is NodeTimeout


def test_what_is_known_of_a_row_is_forgotten_with_it() -> None:
    patience = Patience(60.0)
    for number in range(1, 40):
        asking = invoice(State.ASKING, id=number, asked_at=NOW)
        requested = invoice(State.PENDING, id=100 + number, asked_at=0.0)
        done = invoice(State.OPEN, id=200 + number)
        for row in (asking, requested, done):
            around(patience, row)
            patience.learn(Do.ADD, row, NodeTimeout())
        for row in (asking, requested):
            around(patience, invoice(State.DROPPED, id=row.id))
    assert not [
        name
        for name, known in vars(patience).items()
        if known and name not in ("_patience_s", "_outage")
    ]


def test_a_group_moves_once_in_a_while_for_each_row() -> None:
    patience = Patience(60.0)
    first, second, third = (invoice(State.OPEN, id=each) for each in (1, 2, 3))
    assert patience.believes_move(first.key, 50.0)
    assert not patience.believes_move(first.key, 51.0)
    assert patience.believes_move(second.key, 60.0)
    assert not patience.believes_move(first.key, 49.0 + MOVES_ONCE_S)
    assert patience.believes_move(first.key, 50.0 + MOVES_ONCE_S)
    assert not patience.believes_move(second.key, 50.0 + MOVES_ONCE_S)
    assert patience.believes_move(third.key, 51.0 + 2 * MOVES_ONCE_S)
    assert list(patience._moved) == [third.key]  # nothing is kept for ever


def test_one_row_of_a_chat_gives_it_notice_and_another_one_after_an_outage() -> None:
    patience = Patience(60.0)
    first = invoice(State.PENDING, id=1, asked_at=NOW)
    second = invoice(State.PENDING, id=2, asked_at=NOW)
    for row in (first, second):
        assert not around(patience, row).gives_notice
    assert around(patience, first, steady_s=54.0).gives_notice
    assert not around(patience, second, steady_s=54.0).gives_notice
    assert not around(patience, first, steady_s=54.0, is_free=False).gives_notice
    patience.learn(Do.SEND_WAITING_NOTICE, first, NotSent())
    assert not around(patience, first, steady_s=55.0).gives_notice
    assert around(patience, second, steady_s=55.0, outage=1).gives_notice


def test_once_a_row_has_ended_another_one_gives_its_chat_notice_where_that_is_worth_it() -> None:
    patience = Patience(60.0)
    first = invoice(State.PENDING, id=1, asked_at=NOW)
    around(patience, first)
    assert around(patience, first, steady_s=54.0).gives_notice
    late, fresh = (invoice(State.PENDING, id=number, asked_at=NOW) for number in (2, 3))
    around(patience, late, steady_s=60.0)
    around(patience, fresh, steady_s=105.0)
    around(patience, invoice(State.FAILED, id=1), steady_s=110.0)
    assert not around(patience, late, steady_s=110.0).gives_notice  # ten seconds are left
    assert around(patience, fresh, steady_s=110.0).gives_notice
    assert not around(patience, late, steady_s=111.0).gives_notice


def test_a_wall_clock_that_is_set_makes_no_question_old() -> None:
    patience = Patience(60.0)
    row = invoice(State.ASKING, asked_at=NOW)
    assert around(patience, row).clock_set_by_s == 0.0
    assert around(patience, row, now=NOW + 10, steady_s=60.0).clock_set_by_s == 0.0
    assert around(patience, row, now=NOW + 7200, steady_s=60.0).clock_set_by_s == 7190.0


def test_only_what_keeps_everybody_waiting_is_the_reason() -> None:
    patience = Patience(60.0)
    row = invoice(State.PENDING, asked_at=NOW)
    around(patience, row)
    patience.learn(Do.ADD, row, NodeOdd())
    patience.learn(Do.ADD, row, InvoiceUnknown())
    assert type(patience.reason(row, None)) is NodeOdd
    assert type(patience.reason(row, NodeLocked())) is NodeLocked


def test_what_a_row_waits_for_is_of_this_outage_and_of_nothing_before() -> None:
    patience, row = Patience(60.0), invoice(State.PENDING, id=1, asked_at=NOW)

    def waits_for(away: NodeError | None, **changes: Any) -> NodeError | None:
        return around(patience, row, away=away, **changes).waits_for

    locked, odd = NodeLocked(), NodeOdd()
    assert waits_for(NodeNotAsked()) is None  # a new process: what was said may still be so
    assert waits_for(locked) is locked
    assert waits_for(locked, is_free=False) is None  # an edit would keep it from the node
    patience.learn(Do.ADD, row, odd)
    assert waits_for(None) is odd
    assert waits_for(locked) is locked
    assert waits_for(None, outage=1) is None  # the node was back: nothing is known of it now


def test_who_removes_a_waiting_notice_gets_no_other_one() -> None:
    patience, row = Patience(60.0), invoice(State.PENDING, id=1, asked_at=NOW)
    around(patience, row, steady_s=50.0)
    assert around(patience, row, steady_s=54.0).gives_notice
    patience.learn(Do.EDIT_CARD, row, MessageGone())
    assert not around(patience, row, steady_s=54.0).gives_notice
