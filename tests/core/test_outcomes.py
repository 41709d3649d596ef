"""What an answer, an error or none means for a row; test_orders.py tries them in any order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from bot.core.answers import (
    Added,
    Cancelled,
    Dropped,
    GivenUp,
    NodeInvoice,
    NodeState,
    Notified,
    Rendered,
    Result,
)
from bot.core.failure import Failure
from bot.core.invoice import AT_ONCE, LATE_S, Audience, Columns, Face, Invoice, State
from bot.core.notices import Kind, Notice
from bot.core.outcomes import Verdict, judge, paid
from bot.core.steps import AS_READ, Around, Step, next_step, resting
from bot.core.work import EDITS, MAX_COPIES, MAX_FAULTS, SENDS, Do, Lane
from bot.errors import (
    AlreadySettled,
    AnswerUnreadable,
    AskedTooLongAgo,
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    InvoiceUnknown,
    MaybeSent,
    MemoTooLong,
    MessageGone,
    NoAnswer,
    NodeError,
    NodeOdd,
    NodeRefused,
    NodeTimeout,
    NotSent,
    PermissionMissing,
    TopicClosed,
    TopicGone,
)
from tests.rows import HASH, NOW, PREIMAGE, invoice, shown

OPEN, PENDING, SETTLED = State.OPEN, State.PENDING, State.SETTLED


def verdict(
    do: Do,
    row: Invoice,
    result: Result,
    *,
    gate_is_open: bool = True,
    began_at: float = NOW,
    **around: Any,
) -> Verdict:
    values: dict[str, Any] = {"waiting_since": NOW, **around}
    later = values.pop("later", None) or Around(**values)
    taken = Around(**values)
    return judge(
        do, row, result, taken, later, gate_is_open=gate_is_open, began_at=began_at, now=NOW
    )


def written(do: Do, row: Invoice, result: Result, **around: Any) -> Columns:
    columns = verdict(do, row, result, **around).columns
    assert columns is not None
    return columns


def found(state: NodeState, **changes: Any) -> NodeInvoice:
    values: dict[str, Any] = {
        "payment_hash": HASH,
        "payment_request": "lnbc1",
        "payment_addr": b"",
        "memo": "",
        "amount_msat": 2_100_000,
        "paid_msat": 0,
        "created_at": int(NOW),
        "expires_at": int(NOW) + 3600,
        "settled_at": 0,
        "state": state,
        "add_index": 1,
        "settle_index": 0,
    }
    return NodeInvoice(**(values | changes))


# at the node


@pytest.mark.parametrize(
    ("at", "is_kept"),
    [
        (int(NOW) + 60, True),
        (int(NOW) - 3600, True),  # a clock that was set
        (int(NOW) + 3600 + 3600, True),
        (0, False),
        (5, False),
        (int(NOW) + 30 * 86_400, False),
        (200_000_000_000, False),  # the year 8307
    ],
)
def test_a_payment_has_no_time_at_which_it_cannot_have_been(at: int, is_kept: bool) -> None:
    payment = found(NodeState.SETTLED, settled_at=at, paid_msat=2_100_000)
    assert paid(payment)["settled_at"] == (at if is_kept else 0)


def test_a_confirmed_invoice_has_no_preimage_and_its_card_is_marked_as_about_to_be_sent() -> None:
    columns = written(Do.ADD, invoice(PENDING), Added(found(NodeState.OPEN), "node"))
    assert columns["state"] is OPEN
    assert columns["preimage"] is None
    assert columns["payment_request"] == "lnbc1"
    assert columns["node_id"] == "node"
    assert columns["sending"] is Do.SEND_CARD


def test_what_can_be_received_is_written_with_an_invoice_of_more_and_owners_hear_of_it() -> None:
    row = invoice(PENDING)
    made = verdict(Do.ADD, row, Added(found(NodeState.OPEN), "node", 2_000_000))
    assert made.columns is not None
    assert made.columns["receivable_msat"] == 2_000_000
    assert made.notices == (
        Notice(Kind.INBOUND_TOO_LITTLE, receivable_msat=2_000_000, invoice=row),
    )


@pytest.mark.parametrize("inbound_msat", [None, 3_100_000])
def test_where_it_can_receive_enough_or_nobody_knows_nothing_is_said(
    inbound_msat: int | None,
) -> None:
    made = verdict(Do.ADD, invoice(PENDING), Added(found(NodeState.OPEN), "node", inbound_msat))
    assert made.columns is not None
    assert made.columns.get("receivable_msat") is None
    assert made.notices == ()


@pytest.mark.parametrize("state", [NodeState.SETTLED, NodeState.CANCELED])
def test_an_invoice_that_is_over_when_it_is_looked_up_needs_no_such_word(state: NodeState) -> None:
    made = verdict(Do.ADD, invoice(PENDING), Added(found(state), "node", 0))
    assert made.columns is not None
    assert "receivable_msat" not in made.columns
    assert made.notices == ()


@pytest.mark.parametrize("error", [InvoiceUnknown(), NodeTimeout(), NodeOdd()])
def test_an_add_without_its_answer_has_not_failed(error: NodeError) -> None:
    columns = written(Do.ADD, invoice(PENDING), error)
    assert "state" not in columns
    assert columns["tried"] is Do.ADD
    assert columns["retry_at"] > NOW


def test_what_the_node_does_not_know_of_a_backup_was_never_asked_for() -> None:
    restored = invoice(PENDING, preimage=None)
    unknown = written(Do.ADD, restored, InvoiceUnknown())
    assert (unknown["state"], unknown["card_shown"]) == (State.FAILED, Face.FAILED)
    waiting = replace(restored, card_id=100, card_shown=Face.WAITING)
    assert "card_shown" not in written(Do.ADD, waiting, InvoiceUnknown())
    for error in (NodeTimeout(), NodeOdd(), NodeRefused(), PermissionMissing()):
        columns = written(Do.ADD, restored, error)
        assert "state" not in columns
        assert columns["retry_at"] > NOW


@pytest.mark.parametrize("state", [NodeState.CANCELED, NodeState.OPEN, NodeState.SETTLED])
def test_what_is_over_by_a_restore_is_not_shown_to_anybody_afresh(state: NodeState) -> None:
    columns = written(Do.ADD, invoice(PENDING, preimage=None), Added(found(state), "node", 0))
    assert ("card_shown" in columns) is (state is NodeState.CANCELED)
    assert "card_shown" not in written(Do.ADD, invoice(PENDING), Added(found(state), "node", 0))


@pytest.mark.parametrize(
    "error", [NotSent(), ChatBusy(2.0), NoAnswer(), ChatError(), ChatBusy(100.0)]
)
def test_what_is_drawn_once_more_in_vain_takes_nobodys_pause_and_makes_none(
    error: ChatError,
) -> None:
    """A cancellation that waits for its node is put off for as long as it was."""
    put_off = {"tried": Do.CANCEL, "attempts": 7, "retry_at": NOW + 5}
    drawn = {"card_id": 100, "card_shown": Face.OPEN, "redraw_at": NOW, "cancel_wanted": True}
    row = invoice(OPEN, **put_off, **drawn, expires_at=int(NOW) + 3600)
    assert next_step(row, AS_READ, NOW).do is Do.EDIT_CARD
    made = verdict(Do.EDIT_CARD, row, error)
    assert made.columns is not None
    there = replace(row, **made.columns)
    assert {name: getattr(there, name) for name in put_off} == put_off
    assert there.redraw_at >= NOW + LATE_S
    assert next_step(there, AS_READ, NOW) == Step(Do.WAIT, NOW + 5)


@pytest.mark.parametrize("error", [ChatRefused(detail="no"), MessageGone()])
def test_what_is_drawn_once_more_and_refused_stays_as_it_is(error: ChatError) -> None:
    """It most likely shows what it should: nobody is told that it does not."""
    row = shown(State.EXPIRED, Face.EXPIRED, redraw_at=NOW)
    made = verdict(Do.EDIT_CARD, row, error)
    assert made.columns is not None
    assert (made.columns["redraw_at"], made.notices) == (0.0, ())
    assert next_step(replace(row, **made.columns), AS_READ, NOW).do is Do.NOTHING


def test_an_edit_that_was_begun_before_none_comes_late_ends_no_doubt() -> None:
    row = shown(SETTLED, Face.OPEN, redraw_at=NOW)
    rendered = Rendered({"card_shown": Face.PAID})
    early = written(Do.EDIT_CARD, row, rendered, began_at=NOW - 1)
    assert early["card_shown"] is Face.PAID
    assert "redraw_at" not in early
    assert written(Do.EDIT_CARD, row, rendered, began_at=NOW)["redraw_at"] == 0


def test_an_edit_that_takes_until_none_comes_late_is_done_once_more() -> None:
    row = shown(SETTLED, Face.OPEN, redraw_at=NOW - 1, announced=True)
    came = verdict(Do.EDIT_CARD, row, Rendered({"card_shown": Face.PAID}), began_at=NOW - 2)
    assert came.columns is not None
    assert "redraw_at" not in came.columns
    assert [event.level for event in came.events] == ["info"]


def test_where_one_edit_came_late_another_may_come() -> None:
    row = shown(SETTLED, Face.PAID, redraw_at=AT_ONCE)
    columns = written(Do.EDIT_CARD, row, Rendered({"card_shown": Face.PAID}), began_at=NOW - 1)
    assert columns["redraw_at"] == NOW + LATE_S


def test_a_clock_that_is_set_back_while_an_edit_may_come_ends_no_doubt() -> None:
    row = shown(SETTLED, Face.PAID, redraw_at=NOW + LATE_S + 24, announced=True)
    assert next_step(row, AS_READ, NOW).do is Do.EDIT_CARD
    drawn = Rendered({"card_shown": Face.PAID})
    assert written(Do.EDIT_CARD, row, drawn, began_at=NOW)["redraw_at"] == NOW + LATE_S
    # nor where it is set right while the card is drawn
    columns = written(Do.EDIT_CARD, row, drawn, began_at=NOW - 1200)
    assert (columns["redraw_at"], columns.get("faults", 0)) == (NOW + LATE_S, 0)


def test_a_card_that_is_gone_leaves_the_doubt_about_its_other_messages() -> None:
    row = shown(SETTLED, Face.PAID, redraw_at=NOW, payment_request_id=101)
    row = replace(row, payment_request_shown=Face.PAID)
    assert "redraw_at" not in written(Do.EDIT_CARD, row, MessageGone(), began_at=NOW - 1)
    columns = written(Do.EDIT_CARD, row, MessageGone())
    assert (columns["redraw_at"], columns["payment_request_shown"]) == (0, Face.NOTHING)


def test_where_a_redraw_waits_a_clock_that_was_ahead_is_seen_by_an_index() -> None:
    row = shown(SETTLED, Face.PAID, redraw_at=NOW + LATE_S, announced=True)
    step = next_step(row, AS_READ, NOW)
    rests = resting(row, step, AS_READ, NOW)
    assert (step.do, rests["due_at"], rests["retry_at"]) == (Do.WAIT, step.at, step.at)


def test_an_odd_answer_is_a_warning_with_what_was_odd_and_only_the_first_time() -> None:
    levels = []
    row = invoice(PENDING)
    for _ in range(3):
        came = verdict(Do.ADD, row, NodeOdd(detail="another amount"))
        assert came.columns is not None
        (event,) = came.events
        assert event.values["detail"] == "another amount"
        levels.append(event.level)
        row = replace(row, **came.columns)
    assert levels == ["warning", "info", "info"]


def test_while_the_gate_is_shut_nothing_is_written_for_an_add() -> None:
    assert verdict(Do.ADD, invoice(PENDING), NodeTimeout(), gate_is_open=False).columns is None


@pytest.mark.parametrize("gate_is_open", [True, False])
@pytest.mark.parametrize("error", [NodeRefused(), MemoTooLong()])
def test_only_a_refusal_fails_an_add(error: NodeRefused, gate_is_open: bool) -> None:
    columns = verdict(Do.ADD, invoice(PENDING), error, gate_is_open=gate_is_open).columns
    assert columns is not None
    assert columns["state"] is State.FAILED
    assert columns["failure"] == Failure(error.key)


def test_a_row_that_waited_too_long_keeps_why() -> None:
    columns = written(Do.FAIL, invoice(PENDING), GivenUp(AskedTooLongAgo()))
    assert columns["state"] is State.FAILED
    assert columns["failure"] == Failure("asked-too-long-ago")


def test_a_question_that_nobody_answered_is_dropped_and_not_due_again() -> None:
    columns = written(Do.DROP, shown(State.ASKING, Face.QUESTION), Dropped())
    assert columns["state"] is State.DROPPED
    assert columns["due_at"] is None


def test_what_an_earlier_try_may_have_left_at_the_node_is_cancelled_after_a_refusal() -> None:
    row = shown(PENDING, Face.WAITING)
    columns = written(Do.ADD, row, NodeRefused())
    after = replace(row, **{**columns, "card_shown": Face.FAILED})
    assert next_step(after, AS_READ, NOW).do is Do.CANCEL


def test_a_failure_stays_one_when_the_node_closed_what_it_had_by_itself() -> None:
    row = shown(State.FAILED, Face.FAILED, preimage=PREIMAGE)
    columns = written(Do.CANCEL, row, Cancelled(found(NodeState.CANCELED)))
    assert columns["preimage"] is None
    assert "state" not in columns


@pytest.mark.parametrize(
    ("error", "closes"), [(InvoiceUnknown(), True), (AlreadySettled(), False), (NodeOdd(), False)]
)
def test_what_the_node_forgot_is_closed_by_a_cancel(error: NodeError, closes: bool) -> None:
    assert ("state" in written(Do.CANCEL, invoice(OPEN), error)) == closes


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        (NodeState.SETTLED, SETTLED),
        (NodeState.CANCELED, State.CANCELLED),
        (NodeState.ACCEPTED, None),
        (NodeState.OPEN, None),
        (NodeState.UNKNOWN, None),
    ],
)
def test_the_nodes_answer_to_a_cancel_decides(state: NodeState, becomes: State | None) -> None:
    row = shown(OPEN, Face.OPEN, cancel_wanted=True)
    columns = written(Do.CANCEL, row, Cancelled(found(state)))
    assert columns.get("state") is becomes
    assert ("tried" in columns and columns["tried"] is Do.CANCEL) == (becomes is None)


@pytest.mark.parametrize(
    ("state", "was_unconfirmed", "late_s", "is_unconfirmed"),
    [
        (NodeState.UNKNOWN, False, 60, True),
        (NodeState.UNKNOWN, True, 60, True),
        (NodeState.UNKNOWN, False, -60, False),
        (NodeState.ACCEPTED, True, 60, False),
        (NodeState.OPEN, False, 60, False),
    ],
)
def test_a_state_that_nobody_knows_makes_nothing_payable_once_it_is_over(
    state: NodeState, was_unconfirmed: bool, late_s: int, is_unconfirmed: bool
) -> None:
    row = shown(OPEN, Face.OPEN, unconfirmed=was_unconfirmed, expires_at=int(NOW) - late_s)
    columns = written(Do.CANCEL, row, Cancelled(found(state)))
    assert columns.get("unconfirmed", was_unconfirmed) is is_unconfirmed


def test_a_missing_permission_to_cancel_is_told_to_the_owners_and_the_row_goes_on() -> None:
    row = shown(OPEN, Face.OPEN, cancel_wanted=True)
    result = Cancelled(found(NodeState.OPEN), lacks=PermissionMissing())
    assert [notice.kind for notice in verdict(Do.CANCEL, row, result).notices] == [
        Kind.CANCEL_NOT_PERMITTED
    ]


@pytest.mark.parametrize("gate_is_open", [True, False])
def test_a_missing_permission_to_make_invoices_is_told_to_the_owners(gate_is_open: bool) -> None:
    came = verdict(Do.ADD, invoice(PENDING), PermissionMissing(), gate_is_open=gate_is_open)
    assert [notice.kind for notice in came.notices] == [Kind.ADD_NOT_PERMITTED]


def test_where_none_could_be_made_nobody_is_told_that_it_cannot_be_cancelled() -> None:
    lacks = PermissionMissing(detail="of this call")
    result = Cancelled(None, lacks=lacks)
    made = invoice(State.FAILED, failure=Failure.of(NodeTimeout()))
    assert verdict(Do.CANCEL, made, result).notices
    never = invoice(State.FAILED, failure=Failure.of(PermissionMissing(detail="of another")))
    assert not verdict(Do.CANCEL, never, result).notices


# in the chat


@pytest.mark.parametrize(
    ("error", "unsure"),
    [(MaybeSent(), {Do.SEND_CARD}), (NotSent(), None), (NoAnswer(), {Do.SEND_CARD})],
)
def test_only_a_send_that_may_have_arrived_is_unsure(
    error: ChatError, unsure: set[Do] | None
) -> None:
    assert written(Do.SEND_CARD, invoice(OPEN), error).get("unsure") == unsure


@pytest.mark.parametrize("do", [Do.SEND_CARD, Do.SEND_PAYMENT_REQUEST, Do.ANNOUNCE])
def test_what_telegram_takes_without_a_number_is_there_three_times_at_most(do: Do) -> None:
    row = {
        Do.SEND_CARD: invoice(OPEN),
        Do.SEND_PAYMENT_REQUEST: shown(OPEN, Face.OPEN, payment_request_separate=True),
        Do.ANNOUNCE: shown(SETTLED, Face.PAID),
    }[do]
    pauses = []
    while next_step(row, AS_READ, NOW + 1000).do is do:
        row = replace(row, **written(do, row, AnswerUnreadable()))
        assert row.may_be_duplicate(do)
        pauses.append(row.retry_at - NOW)
    assert len(pauses) == MAX_COPIES
    assert pauses[1] > pauses[0] >= 3


def test_a_question_without_a_number_is_asked_three_times_at_most() -> None:
    row = invoice(State.ASKING)
    for _ in range(MAX_COPIES):
        assert next_step(row, AS_READ, NOW).do is Do.SEND_CARD
        row = replace(row, **{**written(Do.SEND_CARD, row, AnswerUnreadable()), "retry_at": 0.0})
    assert next_step(row, AS_READ, NOW).do is Do.WAIT


def test_what_becomes_of_a_card_without_a_number_gets_a_card_of_its_own() -> None:
    row = invoice(OPEN)
    for _ in range(MAX_COPIES):
        row = replace(row, **written(Do.SEND_CARD, row, AnswerUnreadable()))
    assert next_step(row, AS_READ, NOW).do is Do.WAIT
    assert next_step(replace(row, state=SETTLED), AS_READ, NOW).do is Do.SEND_CARD
    assert next_step(replace(row, state=State.EXPIRED), AS_READ, NOW).do is Do.SEND_CARD


def test_tries_that_surely_did_not_arrive_are_no_copies() -> None:
    row = invoice(OPEN)
    for _ in range(5):
        row = replace(row, **written(Do.SEND_CARD, row, NotSent()))
    for _ in range(MAX_COPIES - 1):
        row = replace(row, **written(Do.SEND_CARD, row, AnswerUnreadable()))
    assert row.card_shown is Face.NOTHING


@pytest.mark.parametrize("error", [MaybeSent(), ChatRefused(), ChatBusy(3.0)])
@pytest.mark.parametrize("of_edits", [ChatError(), ChatBusy(3.0), MaybeSent()])
def test_an_announcement_is_repeated_ever_more_slowly_where_its_card_takes_no_edit(
    error: ChatError, of_edits: ChatError
) -> None:
    row, now, told = shown(SETTLED, Face.OPEN, settled_at=int(NOW)), NOW, list[float]()
    row = replace(row, announce_to=OWNERS)  # nobody else takes it
    while now < NOW + 900:
        step = next_step(row, AS_READ, now)
        if step.do is Do.WAIT:
            now = step.at
            continue
        assert step.do in (Do.EDIT_CARD, Do.ANNOUNCE)
        told += [now] if step.do is Do.ANNOUNCE else []
        came = error if step.do is Do.ANNOUNCE else of_edits
        verdict = judge(
            step.do, row, came, AS_READ, AS_READ, gate_is_open=True, began_at=now, now=now
        )
        row = replace(row, **verdict.columns)
    pauses = [later - earlier for earlier, later in pairwise(told)]
    longest_s = 3 if isinstance(error, ChatBusy) else 45  # that one was asked for
    assert len(told) < 900 / longest_s + 2
    assert min(pauses[-5:]) >= longest_s


@pytest.mark.parametrize("error", [NoAnswer(), MaybeSent()])
def test_what_may_be_nowhere_is_repeated_ever_more_slowly(error: ChatError) -> None:
    row, pauses = invoice(OPEN), []
    for _ in range(6):
        columns = written(Do.SEND_CARD, row, error)
        assert columns["unsure"] == {Do.SEND_CARD}
        pauses.append(columns["retry_at"] - NOW)
        row = replace(row, **columns)
    assert row.card_shown is Face.NOTHING
    assert all(later > earlier for earlier, later in pairwise(pauses[:4]))
    assert 45 <= pauses[5] <= 60
    assert pauses[0] >= 1.5


def test_an_edit_without_an_answer_is_repeated_soon_and_makes_no_copy() -> None:
    edit = written(Do.EDIT_CARD, shown(SETTLED, Face.OPEN), NoAnswer())
    assert edit["retry_at"] - NOW < 1


def test_telegrams_patience_is_kept_to() -> None:
    columns = written(Do.SEND_CARD, invoice(OPEN), ChatBusy(17.0))
    assert 17.0 <= columns["retry_at"] - NOW <= 21.0
    assert written(Do.SEND_CARD, invoice(OPEN), ChatBusy(9999.0))["retry_at"] - NOW <= 60.0


def test_a_fault_of_ours_may_have_come_after_the_message() -> None:
    fault = ZeroDivisionError()
    assert written(Do.ANNOUNCE, shown(SETTLED, Face.PAID), fault)["unsure"] == {Do.ANNOUNCE}
    assert "unsure" not in written(Do.EDIT_CARD, shown(SETTLED, Face.OPEN), fault)


def test_after_ten_faults_in_a_row_the_row_is_stuck_and_the_owners_are_told_once() -> None:
    row, told = shown(SETTLED, Face.PAID), []
    for _ in range(MAX_FAULTS):
        came = verdict(Do.ANNOUNCE, row, ZeroDivisionError())
        assert came.columns is not None
        told += came.notices
        row = replace(row, **came.columns)
    assert next_step(row, AS_READ, NOW + 1000).do is Do.NOTHING
    assert [(each.kind, each.invoice and each.invoice.key) for each in told] == [
        (Kind.STUCK, row.key)
    ]


def test_a_group_that_moves_in_a_circle_is_a_fault() -> None:
    columns = written(Do.SEND_CARD, invoice(OPEN), ChatMoved(-5))
    assert columns["faults"] == 1
    assert columns["retry_at"] > NOW


def test_a_step_that_changes_nothing_counts_as_a_fault() -> None:
    columns = written(Do.EDIT_CARD, shown(SETTLED, Face.OPEN), Rendered({}))
    assert columns["faults"] == 1
    assert columns["tried"] is Do.EDIT_CARD


def test_a_step_that_was_taken_is_put_off_no_more() -> None:
    row = shown(SETTLED, Face.OPEN, tried=Do.EDIT_CARD, attempts=3, faults=2, retry_at=NOW)
    columns = written(Do.EDIT_CARD, row, Rendered({"card_shown": Face.PAID}))
    assert (columns["tried"], columns["attempts"], columns["faults"]) == (None, 0, 0)
    assert columns["sending"] is Do.ANNOUNCE


def test_what_is_unsure_of_one_message_stays_so_when_another_is() -> None:
    row = shown(SETTLED, Face.PAID, unsure=frozenset({Do.ANNOUNCE}))
    after = replace(row, **written(Do.SEND_CARD, row, MaybeSent()))
    assert after.may_be_duplicate(Do.ANNOUNCE)
    assert after.may_be_duplicate(Do.SEND_CARD)
    assert not after.may_be_duplicate(Do.SEND_PAYMENT_REQUEST)


CHAT, ASKER, OWNERS = Audience.CHAT, Audience.ASKER, Audience.OWNERS
#: A row, who is unreachable, and who hears of its payment, and after them.
AUDIENCES: list[tuple[dict[str, Any], set[Audience], Audience, Audience | None]] = [
    ({}, set(), CHAT, ASKER),
    ({}, {ASKER}, CHAT, OWNERS),
    ({}, {CHAT}, ASKER, OWNERS),
    ({}, {CHAT, ASKER}, OWNERS, None),
    ({"asker_id": -5}, set(), CHAT, OWNERS),  # somebody who asks as the group
    ({"asker_id": -5}, {CHAT}, OWNERS, None),
    ({"announce_to": ASKER}, set(), ASKER, OWNERS),
    ({"announce_to": OWNERS}, {CHAT}, OWNERS, None),
]


@pytest.mark.parametrize(("changes", "unreachable", "to", "further"), AUDIENCES)
def test_a_payment_that_is_rejected_in_one_place_is_announced_in_the_next(
    changes: dict[str, Any],
    unreachable: set[Audience],
    to: Audience,
    further: Audience | None,
) -> None:
    row = shown(SETTLED, Face.PAID, **changes)
    away = frozenset(unreachable)
    assert row.audience(away) is to
    came = verdict(Do.ANNOUNCE, row, ChatRefused(), unreachable=away)
    assert came.unreachable == frozenset()
    row = replace(row, **(came.columns or {}))
    if further is None:  # it does not count as announced because its text was rejected
        assert (row.announced, row.audience(away)) == (False, to)
        assert (row.tried, row.attempts, row.faults) == (Do.ANNOUNCE, 1, 0)
        assert row.retry_at > NOW
    else:
        assert (row.announced, row.audience(away)) == (False, further)
        assert next_step(row, Around(unreachable=away), NOW).do is Do.ANNOUNCE


def test_the_owners_hear_of_a_payment_that_nobody_can_be_told() -> None:
    row = shown(SETTLED, Face.PAID, announce_to=OWNERS)
    notices = []
    for _ in range(MAX_FAULTS):
        came = verdict(Do.ANNOUNCE, row, ChatRefused(detail="no"))
        assert came.columns is not None
        notices += [
            (each.kind, each.invoice and each.invoice.key, each.step) for each in came.notices
        ]
        row = replace(row, **came.columns)
    assert notices == [(Kind.STUCK, row.key, Do.ANNOUNCE)]
    assert not row.announced  # it is tried again at the next start


@pytest.mark.parametrize(("changes", "unreachable", "to", "further"), AUDIENCES)
def test_who_cannot_be_reached_hears_of_no_payment_and_where_nobody_can_it_waits(
    changes: dict[str, Any],
    unreachable: set[Audience],
    to: Audience,
    further: Audience | None,
) -> None:
    row = shown(SETTLED, Face.PAID, **changes)
    came = verdict(Do.ANNOUNCE, row, ChatForbidden(), unreachable=frozenset(unreachable))
    assert came.unreachable == {to}
    row = replace(row, **(came.columns or {}))
    away = frozenset({*unreachable, to})
    assert (row.announced, row.audience(away)) == (False, further)
    assert row.announce_to is changes.get("announce_to", CHAT)
    if further is not None:
        assert row.sending is Do.ANNOUNCE
    else:
        assert (row.due_at, row.lane, row.sending) == (None, Lane.UNREACHABLE, None)


def test_a_chat_that_cannot_be_reached_keeps_its_card_until_it_is_heard_of() -> None:
    came = verdict(Do.EDIT_CARD, shown(State.CANCELLED, Face.OPEN), ChatForbidden())
    assert came.unreachable == {CHAT}
    assert came.columns is not None
    assert (came.columns["due_at"], came.columns["lane"]) == (None, Lane.UNREACHABLE)


def _closing() -> list[tuple[Do, Invoice, Result]]:
    canceled = Cancelled(found(NodeState.CANCELED))
    long_ago = {"expires_at": int(NOW) - 5}
    return [
        (Do.CANCEL, invoice(OPEN, **long_ago), Cancelled(found(NodeState.CANCELED, **long_ago))),
        (Do.CANCEL, invoice(OPEN, cancel_wanted=True), canceled),
        (Do.CANCEL, invoice(OPEN, **long_ago), InvoiceUnknown()),
        (Do.FAIL, invoice(PENDING), GivenUp(NodeTimeout())),
        (Do.ADD, invoice(PENDING), MemoTooLong()),
        # it was about to be shown when the chat was lost
        (Do.SEND_CARD, invoice(State.EXPIRED), ChatForbidden()),
        (Do.SEND_CARD, invoice(State.FAILED), ChatForbidden()),
    ]


@pytest.mark.parametrize(("do", "row", "result"), _closing())
def test_what_is_over_before_anybody_saw_it_is_not_shown_once_its_chat_is_back(
    do: Do, row: Invoice, result: Result
) -> None:
    away = frozenset({CHAT})
    row = replace(row, **written(do, row, result, unreachable=away))
    back = next_step(row, AS_READ, NOW)
    assert back.do in (Do.NOTHING, Do.CANCEL)  # an add may have arrived
    assert row.state in (State.EXPIRED, State.CANCELLED, State.FAILED)


@pytest.mark.parametrize(
    "row",
    [
        shown(OPEN, Face.OPEN, expires_at=int(NOW) - 5),
        shown(OPEN, Face.WAITING, expires_at=int(NOW) - 5),
        invoice(OPEN, expires_at=int(NOW) - 5, unsure=frozenset({Do.SEND_CARD})),
    ],
    ids=["card", "notice", "perhaps"],
)
def test_what_somebody_may_have_seen_is_shown_as_over_once_its_chat_is_back(row: Invoice) -> None:
    over = Cancelled(found(NodeState.CANCELED, expires_at=row.expires_at))
    row = replace(row, **written(Do.CANCEL, row, over, unreachable=frozenset({CHAT})))
    assert next_step(row, AS_READ, NOW).do in (Do.SEND_CARD, Do.EDIT_CARD)
    row = invoice(OPEN, expires_at=int(NOW) - 5)  # nor is anything left out of a chat that is there
    row = replace(row, **written(Do.CANCEL, row, over))
    assert next_step(row, AS_READ, NOW).do is Do.SEND_CARD


def test_a_payment_is_shown_and_announced_once_its_chat_is_back() -> None:
    row = invoice(OPEN, expires_at=int(NOW) - 5)
    paid = Cancelled(found(NodeState.SETTLED, paid_msat=2_100_000, settle_index=1))
    row = replace(row, **written(Do.CANCEL, row, paid, unreachable=frozenset({CHAT})))
    assert next_step(row, AS_READ, NOW).do is Do.SEND_CARD


def test_a_card_that_is_refused_is_tried_as_text_and_then_its_invoice_is_cancelled() -> None:
    row = invoice(OPEN)
    row = replace(row, **written(Do.SEND_CARD, row, ChatRefused()))
    assert row.text_only
    assert next_step(row, AS_READ, NOW).do is Do.SEND_CARD
    came = verdict(Do.SEND_CARD, row, ChatRefused(detail="no"))
    assert came.columns is not None
    row = replace(row, **came.columns)
    assert next_step(row, AS_READ, NOW).do is Do.CANCEL
    assert [(notice.kind, notice.why) for notice in came.notices] == [(Kind.CARD_REFUSED, "no")]
    # the chat hears of it, unless that is rejected as well
    row = replace(row, **written(Do.CANCEL, row, Cancelled(None)))
    assert (row.state, row.sending) == (State.CANCELLED, Do.SEND_CARD)
    came = verdict(Do.SEND_CARD, row, ChatRefused(detail="no"))
    assert came.columns is not None
    assert next_step(replace(row, **came.columns), AS_READ, NOW).do is Do.NOTHING
    assert came.notices == ()


@pytest.mark.parametrize("do", sorted(SENDS - {Do.REMIND}))
def test_where_a_topic_is_gone_the_row_has_none_and_its_message_goes_out_without(do: Do) -> None:
    row = {
        Do.SEND_WAITING_NOTICE: invoice(PENDING, thread_id=33),
        Do.SEND_CARD: invoice(OPEN, thread_id=33),
        Do.SEND_PAYMENT_REQUEST: shown(
            OPEN, Face.OPEN, payment_request_separate=True, thread_id=33
        ),
        Do.ANNOUNCE: shown(SETTLED, Face.PAID, thread_id=33),
    }[do]
    came = verdict(do, row, TopicGone(detail="message thread not found"))
    assert came.columns is not None
    assert came.columns["thread_id"] is None
    assert not {"retry_at", "text_only", "undeliverable", "announced", "announce_to"} & set(
        came.columns
    )
    assert (came.notices, came.unreachable) == ((), frozenset())
    if do is not Do.SEND_WAITING_NOTICE:  # that goes out once or not at all
        assert next_step(replace(row, **came.columns), AS_READ, NOW).do is do


def test_a_topic_that_is_none_of_the_row_is_a_refusal_like_any_other() -> None:
    assert written(Do.SEND_CARD, invoice(OPEN), TopicGone())["text_only"]
    assert "thread_id" not in written(Do.EDIT_CARD, shown(SETTLED, Face.OPEN), TopicGone())


@pytest.mark.parametrize("state", [State.ASKING, OPEN, State.FAILED, State.EXPIRED, SETTLED])
def test_where_a_topic_is_closed_the_card_goes_to_the_asker_in_private(state: State) -> None:
    row = invoice(state, thread_id=33, unsure=frozenset({Do.SEND_CARD}), preimage=None)
    came = verdict(Do.SEND_CARD, row, TopicClosed())
    assert came.columns is not None
    assert (came.notices, came.unreachable) == ((), frozenset())
    row = replace(row, **came.columns)
    assert (row.chat_id, row.thread_id, row.reply_to) == (row.asker_id, None, None)
    assert not row.may_be_duplicate(Do.SEND_CARD)  # of a message in another chat
    assert row.sending is Do.SEND_CARD
    assert next_step(row, AS_READ, NOW).do is Do.SEND_CARD


def test_a_card_that_goes_to_somebody_who_cannot_be_reached_waits_for_them() -> None:
    row = invoice(OPEN, thread_id=33)
    away = frozenset({ASKER})
    row = replace(row, **written(Do.SEND_CARD, row, TopicClosed(), unreachable=away))
    assert (row.chat_id, row.sending, row.lane) == (row.asker_id, None, Lane.UNREACHABLE)


def test_where_nobody_has_a_private_chat_a_closed_topic_is_a_refusal_like_any_other() -> None:
    row = invoice(OPEN, thread_id=33, asker_id=-5)
    columns = written(Do.SEND_CARD, row, TopicClosed())
    assert columns["text_only"]
    assert "chat_id" not in columns


def test_a_payment_in_a_closed_topic_is_announced_to_the_asker() -> None:
    row = shown(SETTLED, Face.PAID, thread_id=33)
    columns = written(Do.ANNOUNCE, row, TopicClosed())
    assert columns["announce_to"] is ASKER
    assert "chat_id" not in columns


def test_a_message_that_is_gone_has_nothing_left_to_keep_true() -> None:
    gone = MessageGone()
    assert written(Do.EDIT_CARD, shown(SETTLED, Face.OPEN), gone)["card_shown"] is Face.PAID
    for no_card in (Face.WAITING, Face.QUESTION, Face.NOTHING):
        notice = written(Do.EDIT_CARD, shown(OPEN, no_card), gone)
        assert (notice["card_id"], notice["card_shown"]) == (None, Face.NOTHING)
    question = written(Do.EDIT_CARD, shown(State.ASKING, Face.NOTHING), gone)
    assert question["card_shown"] is Face.QUESTION
    assert "card_id" not in question
    row = shown(OPEN, Face.OPEN, duplicates={98: Face.OPEN, 99: Face.NOTHING})
    assert written(Do.EDIT_DUPLICATE, row, gone)["duplicates"] == {98: Face.OPEN}


def test_no_owner_hears_of_a_waiting_notice_that_can_not_be_edited() -> None:
    row = shown(PENDING, Face.WAITING)
    came = verdict(Do.EDIT_CARD, row, ChatRefused(detail="no"), waits_for=NodeTimeout())
    assert came.notices == ()
    assert came.columns is not None
    assert came.columns["card_id"] is None


@pytest.mark.parametrize("do", sorted(SENDS - {Do.SEND_WAITING_NOTICE}))
def test_nothing_is_gone_of_a_message_that_is_sent_it_is_refused(do: Do) -> None:
    for row in (shown(SETTLED, Face.PAID), invoice(OPEN)):
        gone = verdict(do, row, MessageGone(detail="x"))
        assert gone == verdict(do, row, ChatRefused(detail="x"))


def came(**of: set[int]) -> Notified:
    kinds = ("read", "maybe", "lost", "refused")
    return Notified(*(frozenset(of.get(kind, ())) for kind in kinds))


@pytest.mark.parametrize(
    ("result", "before", "after", "is_left"),
    [
        (came(read={1, 2}), {}, {1: True, 2: True}, False),
        (came(read={1}), {}, {1: True}, True),  # the other was surely not sent
        (came(read={1}), {2: False}, {1: True, 2: False}, True),  # but an earlier one may be there
        (came(read={1}, maybe={2}), {}, {1: True, 2: False}, True),
        (came(read={1}, lost={2}), {}, {1: True}, False),
        (came(read={1}, refused={2}), {}, {1: True}, True),
        (came(read={2}), {1: True}, {1: True, 2: True}, False),
    ],
)
def test_of_owners_each_has_what_came_of_their_own_notice(
    result: Notified, before: dict[int, bool], after: dict[int, bool], is_left: bool
) -> None:
    row = shown(
        SETTLED, Face.PAID, announced=True, notify_owners=True, notified=before, settled_at=int(NOW)
    )
    what = verdict(Do.NOTIFY_OWNERS, row, result, owners=(1, 2))
    assert what.columns is not None
    assert what.columns["notified"] == after
    assert ("notify_at" in what.columns) == is_left
    assert "tried" not in what.columns  # what else is put off stays so
    assert what.lost_owners == result.lost


def test_a_notice_that_telegram_refuses_for_a_day_is_given_up() -> None:
    row = shown(
        SETTLED, Face.PAID, announced=True, notify_owners=True, settled_at=int(NOW) - 90_000
    )
    what = verdict(Do.NOTIFY_OWNERS, row, came(refused={1}), owners=(1,))
    assert what.columns is not None
    assert what.columns["notified"] == {1: True}


CHAT_STEPS = sorted((SENDS | EDITS) - {Do.SEND_WAITING_NOTICE, Do.REMIND})
CHAT_ERRORS: list[ChatError] = [
    *(NotSent(), MaybeSent(), NoAnswer(), AnswerUnreadable(), ChatBusy(0.0), ChatForbidden()),
    *(ChatRefused(), MessageGone(), TopicGone(), TopicClosed(), ChatMoved(-1000)),
]


@pytest.mark.parametrize("error", CHAT_ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("do", CHAT_STEPS)
def test_no_error_lets_a_step_be_taken_again_at_once_as_it_was(do: Do, error: ChatError) -> None:
    """Whatever Telegram says: it would be asked as fast as it answers."""
    row = {
        Do.SEND_CARD: invoice(OPEN),
        Do.SEND_PAYMENT_REQUEST: shown(OPEN, Face.OPEN, payment_request_separate=True),
        Do.ANNOUNCE: shown(SETTLED, Face.PAID),
        Do.EDIT_CARD: shown(SETTLED, Face.OPEN),
        Do.EDIT_PAYMENT_REQUEST: shown(
            SETTLED, Face.PAID, payment_request_id=101, payment_request_shown=Face.OPEN
        ),
        Do.EDIT_DUPLICATE: shown(State.EXPIRED, Face.EXPIRED, duplicates={99: Face.OPEN}),
    }[do]
    assert next_step(row, AS_READ, NOW).do is do
    what = verdict(do, row, error)
    assert what.columns is not None
    after = replace(row, **what.columns)
    following = next_step(after, Around(unreachable=what.unreachable), NOW)
    assert following.do is not do or after != row or what.unreachable


@pytest.mark.parametrize(
    "error", [NotSent(), MaybeSent(), NoAnswer(), ChatRefused(), MessageGone()]
)
def test_a_waiting_notice_goes_out_once_or_not_at_all(error: ChatError) -> None:
    columns = written(Do.SEND_WAITING_NOTICE, invoice(PENDING), error, gives_notice=False)
    assert columns["sending"] is None
    assert not {"tried", "unsure"} & set(columns)


@pytest.mark.parametrize("do", sorted(SENDS - {Do.SEND_WAITING_NOTICE}))
def test_no_verdict_of_a_send_leaves_its_own_marker(do: Do) -> None:
    row = invoice(SETTLED) if do is Do.ANNOUNCE else invoice(OPEN)
    for error in (NotSent(), MaybeSent(), ChatBusy(5.0), ZeroDivisionError()):
        assert written(do, row, error)["sending"] in (None, Do.SEND_CARD)


def test_the_next_step_is_prepared_by_what_is_so_once_the_step_is_over() -> None:
    """The chat was blocked while the node was asked: no card goes out, so none is marked."""
    blocked = Around(waiting_since=NOW, unreachable=frozenset({CHAT}))
    result = Added(found(NodeState.OPEN), "node")
    columns = written(Do.ADD, invoice(PENDING), result, later=blocked)
    assert columns["state"] is OPEN
    assert columns["sending"] is None


def test_a_chat_that_took_no_notice_is_not_marked_for_another() -> None:
    silenced = Around(waiting_since=NOW - 5, gives_notice=False)
    columns = written(
        Do.SEND_WAITING_NOTICE,
        invoice(PENDING),
        NotSent(),
        waiting_since=NOW - 5,
        gives_notice=True,
        later=silenced,
    )
    assert columns["sending"] is None


def test_a_missing_permission_to_cancel_is_told_though_the_look_up_fails_too() -> None:
    error = NodeTimeout()
    error.lacks = PermissionMissing()
    row = shown(OPEN, Face.OPEN, cancel_wanted=True)
    assert [notice.kind for notice in verdict(Do.CANCEL, row, error).notices] == [
        Kind.CANCEL_NOT_PERMITTED
    ]
