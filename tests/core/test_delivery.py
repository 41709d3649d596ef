"""The send marker: written before, taken away after, and never forgotten in between."""

from __future__ import annotations

import pytest

from bot.core import delivery
from bot.core.delivery import Delivery
from bot.core.work import SENDS, Do


@pytest.mark.parametrize("do", Do)
def test_a_message_is_marked_before_it_goes_out_unless_the_step_before_did_so(do: Do) -> None:
    marker = {"sending": do} if do in SENDS else {}
    assert delivery.before(Delivery(), do, None) == marker
    assert delivery.before(Delivery(sending=do), do, do) == {}
    # another one's marker, and one that is void since the group moved, are none
    assert delivery.before(Delivery(sending=do), do, None) == marker
    assert delivery.before(Delivery(), do, do) == marker


@pytest.mark.parametrize("do", Do)
def test_the_record_of_a_step_marks_the_next_one(do: Do) -> None:
    assert delivery.after(do) == {"sending": do if do in SENDS else None}


def test_a_marker_that_a_crash_left_makes_its_step_unsure() -> None:
    assert delivery.left_behind(Delivery()) == {}
    row = Delivery(sending=Do.SEND_CARD, unsure=frozenset({Do.ANNOUNCE}))
    left = Delivery(**delivery.left_behind(row))
    assert left.sending is None
    assert left.may_be_duplicate(Do.SEND_CARD)
    assert left.may_be_duplicate(Do.ANNOUNCE)


@pytest.mark.parametrize("do", Do)
def test_only_a_send_without_an_answer_is_unsure(do: Do) -> None:
    assert bool(delivery.unanswered(Delivery(), do)) == (do in SENDS)


@pytest.mark.parametrize("do", sorted(SENDS))
def test_a_message_that_is_wanted_once_more_is_no_duplicate_of_those_before(do: Do) -> None:
    row = Delivery(unsure=SENDS, sending=Do.ANNOUNCE)
    again = Delivery(**{"sending": row.sending, **delivery.once_more(row, do)})
    assert not again.may_be_duplicate(do)
    assert again.unsure == SENDS - {do}  # what is unsure of other messages stays so
    assert again.sending is Do.ANNOUNCE
    assert delivery.once_more(Delivery(), do) == {"unsure": frozenset()}


def test_a_notice_on_its_way_outlasts_a_groups_move_and_a_card_does_not() -> None:
    cards = {Do.SEND_WAITING_NOTICE, Do.SEND_CARD, Do.SEND_PAYMENT_REQUEST}
    assert SENDS - cards == delivery.KEPT_IN_A_MOVE
