"""From where a node's payments are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.answers import NodeInvoice, NodeState
from bot.core.cursor import Cursor

NOW = 1_790_000_000


def payment(index: int, settled_at: int = NOW - 100) -> NodeInvoice:
    """Somebody was paid; its hash is its index."""
    return NodeInvoice(
        payment_hash=bytes([index % 256]) * 32,
        payment_request="lnsb1",
        payment_addr=b"",
        memo="",
        amount_msat=1000,
        paid_msat=1000,
        created_at=NOW - 200,
        expires_at=NOW + 200,
        settled_at=settled_at,
        state=NodeState.SETTLED,
        add_index=1,
        settle_index=index,
    )


def at(index: int, settled_at: int = NOW - 100) -> Cursor:
    return Cursor.at(payment(index, settled_at), NOW)


@pytest.mark.parametrize(
    ("cursor", "told", "index"),
    [
        (Cursor(), payment(1), 1),
        (at(3), payment(4), 4),
        (at(4), payment(3), 4),  # replayed in the order of adding
        (at(9, NOW - 50), payment(1, NOW - 40), 1),  # it counts from 1 again
        (at(1, NOW - 40), payment(9, NOW - 50), 1),  # what was before that is replayed
        (at(2**39), payment(3, NOW - 99), 3),
    ],
)
def test_it_moves_to_what_was_settled_last(cursor: Cursor, told: NodeInvoice, index: int) -> None:
    assert cursor.moved(told, NOW).settle_index == index


def test_a_payment_that_is_dated_ahead_keeps_no_later_one_out() -> None:
    ahead = Cursor().moved(payment(5, NOW + 10**6), NOW)
    assert ahead.settled_at == NOW
    assert ahead.moved(payment(6, NOW + 1), NOW + 1).settle_index == 6


def test_it_is_where_the_node_counts_its_payment_now() -> None:
    assert at(5).checked(payment(5)) == at(5)
    assert at(5).checked(payment(2)) == replace(at(5), settle_index=2)
    assert at(5).checked(None) == Cursor()
    assert at(5).checked(replace(payment(5), state=NodeState.OPEN)) == Cursor()


def test_without_a_payment_to_check_by_nothing_is_replayed() -> None:
    assert Cursor(9).asks_from == 0
    assert at(9).asks_from == 9


@pytest.mark.parametrize(
    ("cursor", "untold", "index"),
    [
        (at(5), [], 5),
        (at(5), [6, 7], 5),  # the stream was silent: these will be replayed
        (at(5), [7, 2, 6], 2),
        (at(5), [5], 5),
        (Cursor(), [4, 3], 3),
        (Cursor(9), [12], 12),
    ],
)
def test_it_goes_back_to_what_was_not_told(cursor: Cursor, untold: list[int], index: int) -> None:
    lowered = cursor.lowered([payment(each) for each in untold], NOW)
    assert lowered.settle_index == index
