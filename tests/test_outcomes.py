"""What an answer, an error or none means for a row; test_orders.py tries them in any order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from bot import outcomes
from bot.errors import (
    AlreadySettled,
    ChatError,
    ChatRefused,
    InvoiceUnknown,
    MaybeSent,
    NoAnswer,
    NodeError,
    NodeOdd,
    NodeRefused,
    NodeTimeout,
    NotSent,
)
from bot.invoice import Do, Face, State, next_step
from bot.lnd import NodeInvoice
from tests.test_invoice import NOW, OPEN, REQUESTED, SETTLED, invoice, shown


@pytest.mark.parametrize("error", [InvoiceUnknown(), NodeTimeout(), NodeOdd()])
def test_an_add_without_its_answer_has_not_failed(error: NodeError) -> None:
    row = invoice(REQUESTED)
    columns = outcomes.of_node_error(Do.ADD, row, error, gate_is_open=True, now=NOW)
    assert columns is not None
    assert set(columns) == {"tried", "attempts", "retry_at"}
    assert columns["retry_at"] > NOW


def test_while_the_gate_is_shut_nothing_is_written_for_an_add() -> None:
    row = invoice(REQUESTED)
    error = NodeTimeout()
    assert outcomes.of_node_error(Do.ADD, row, error, gate_is_open=False, now=NOW) is None


@pytest.mark.parametrize("gate_is_open", [True, False])
def test_only_a_refusal_fails_an_add(gate_is_open: bool) -> None:
    columns = outcomes.of_node_error(
        Do.ADD, invoice(REQUESTED), NodeRefused(), gate_is_open=gate_is_open, now=NOW
    )
    assert columns == {"state": State.FAILED, "failure": NodeRefused().sentence}


def test_what_an_earlier_try_may_have_left_at_the_node_is_cancelled_after_a_refusal() -> None:
    row = shown(REQUESTED, Face.WAITING)
    columns = outcomes.of_node_error(Do.ADD, row, NodeRefused(), gate_is_open=True, now=NOW)
    assert columns is not None
    after = replace(row, **columns, card_shown=Face.FAILED)
    assert next_step(after, NOW).do is Do.CANCEL


def test_a_failure_stays_one_when_the_node_closed_what_it_had_by_itself() -> None:
    row = shown(State.FAILED, Face.FAILED)
    found = NodeInvoice(row.payment_hash, "", b"", "", 1, 0, 0, 0, 0, "canceled", 1, 0)
    assert outcomes.of_cancel(row, found, now=NOW) == {"preimage": None}


@pytest.mark.parametrize(
    ("error", "closes"), [(InvoiceUnknown(), True), (AlreadySettled(), False), (NodeOdd(), False)]
)
def test_what_the_node_knows_no_more_is_closed_by_a_cancel(error: NodeError, closes: bool) -> None:
    columns = outcomes.of_node_error(Do.CANCEL, invoice(OPEN), error, gate_is_open=True, now=NOW)
    assert columns is not None
    assert ("state" in columns) == closes


@pytest.mark.parametrize(("error", "unsure"), [(MaybeSent(), "send card"), (NotSent(), "")])
def test_only_a_send_that_may_have_arrived_is_unsure(error: ChatError, unsure: str) -> None:
    columns = outcomes.of_chat_error(Do.SEND_CARD, invoice(OPEN), error, now=NOW)
    assert columns.get("unsure", "") == unsure


def test_what_telegram_takes_without_a_word_is_repeated_ever_more_slowly() -> None:
    row, pauses = invoice(OPEN), []
    for _ in range(6):
        columns = outcomes.of_chat_error(Do.SEND_CARD, row, NoAnswer(), now=NOW)
        assert columns["unsure"] == "send card"
        pauses.append(columns["retry_at"] - NOW)
        row = replace(row, **columns)
    assert pauses[0] >= 3
    assert all(later > earlier for earlier, later in pairwise(pauses[:4]))
    assert 45 <= pauses[5] <= 60
    edit = outcomes.of_chat_error(Do.EDIT_CARD, row, NoAnswer(), now=NOW)  # no copy comes of it
    assert edit["retry_at"] - NOW < 1


def test_a_fault_of_ours_may_have_come_after_the_message() -> None:
    assert outcomes.of_fault(Do.TELL, invoice(SETTLED), now=NOW)["unsure"] == "tell"
    assert "unsure" not in outcomes.of_fault(Do.EDIT_CARD, invoice(SETTLED), now=NOW)


def test_what_is_unsure_of_one_message_stays_so_when_another_is() -> None:
    row = shown(SETTLED, Face.PAID, unsure="tell")
    lost = outcomes.of_chat_error(Do.SEND_CARD, row, MaybeSent(), now=NOW)
    left = outcomes.left_behind(shown(SETTLED, Face.PAID, unsure="tell", sending="send card"))
    for columns in (lost, left):
        after = invoice(SETTLED, unsure=columns["unsure"])
        assert after.may_stand(Do.TELL)
        assert after.may_stand(Do.SEND_CARD)
        assert not after.may_stand(Do.SEND_REQUEST)


@pytest.mark.parametrize(
    ("row", "further"),
    [
        ({}, {"tell_to": "asker"}),
        ({"asker_id": -5}, {"tell_to": "owners"}),
        ({"tell_to": "asker"}, {"tell_to": "owners"}),
        ({"tell_to": "owners"}, {"told": True}),
        ({"held": True}, {"tell_to": "owners"}),
    ],
)
def test_a_payment_that_is_refused_in_one_place_is_told_in_the_next(
    row: dict[str, Any], further: dict[str, Any]
) -> None:
    assert outcomes.of_chat_error(Do.TELL, invoice(SETTLED, **row), ChatRefused(), now=NOW) == (
        further
    )


def test_a_marker_is_written_once() -> None:
    assert outcomes.marker(Do.TELL, armed="") == {"sending": Do.TELL}
    assert outcomes.marker(Do.TELL, armed="tell") == {}
    assert outcomes.marker(Do.EDIT_CARD, armed="") == {}
