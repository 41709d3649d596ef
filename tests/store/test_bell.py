"""The bell: what is rung is heard once, and not before or after it was rung."""

from __future__ import annotations

import asyncio

from bot.core.invoice import Invoice
from bot.core.work import Key, Lane
from bot.store import Bell
from tests.store.made import CHAT, LIMIT_S, columns


def key(row_id: int) -> Key:
    return Key("invoices", row_id)


def fresh(row_id: int, memo: str = "") -> Invoice:
    return Invoice(id=row_id, **columns(row_id, memo=memo))


async def test_what_was_rung_is_taken_once_in_the_order_of_coming() -> None:
    bell = Bell()
    bell.ring(key(2), CHAT)
    bell.ring(key(1), -9, Lane.PAYMENT, new := fresh(1))
    assert bell.take() == (
        [(key(2), CHAT, Lane.COMMAND, True, None), (key(1), -9, Lane.PAYMENT, False, new)],
        False,
        False,
    )
    assert bell.take() == ([], False, False)


async def test_all_may_be_rung_beside_one_row() -> None:
    bell = Bell()
    bell.ring_all()
    assert bell.take() == ([], True, False)
    bell.ring_all()
    bell.ring(key(1), CHAT)
    assert bell.take() == ([(key(1), CHAT, Lane.COMMAND, True, None)], True, False)
    assert bell.take() == ([], False, False)


async def test_that_something_is_due_may_be_rung_beside_one_row() -> None:
    bell = Bell()
    bell.ring_due()
    bell.ring(key(1), CHAT)
    assert bell.take() == ([(key(1), CHAT, Lane.COMMAND, True, None)], False, True)
    assert bell.take() == ([], False, False)


async def test_a_row_and_a_board_of_the_same_number_are_two() -> None:
    bell = Bell()
    bell.ring(key(1), CHAT)
    bell.ring(Key("boards", 1), CHAT, Lane.BOARDS)
    assert bell.take().rows == [
        (key(1), CHAT, Lane.COMMAND, True, None),
        (Key("boards", 1), CHAT, Lane.BOARDS, False, None),
    ]


async def test_a_row_that_is_rung_twice_is_one_with_its_most_urgent_lane() -> None:
    bell = Bell()
    bell.ring(key(1), CHAT, Lane.BACKGROUND)
    bell.ring(key(2), CHAT)
    bell.ring(key(1), -1000, Lane.PAYMENT)  # the group moved in between
    bell.ring(key(1), -1000, Lane.COMMAND)
    assert bell.take().rows == [
        (key(1), -1000, Lane.PAYMENT, False, None),
        (key(2), CHAT, Lane.COMMAND, True, None),
    ]


async def test_a_row_that_somebody_waits_for_stays_so_when_it_is_paid() -> None:
    for rings in ((None, Lane.PAYMENT), (Lane.PAYMENT, None)):
        bell = Bell()
        for lane in rings:
            bell.ring(key(1), CHAT, lane)
        assert bell.take().rows == [(key(1), CHAT, Lane.PAYMENT, True, None)]


async def test_of_a_row_as_it_was_written_the_latest_is_kept() -> None:
    bell = Bell()
    bell.ring(key(1), CHAT)
    bell.ring(key(1), CHAT, fresh=fresh(1, "first"))
    bell.ring(key(1), CHAT, fresh=(second := fresh(1, "second")))
    assert [each.fresh for each in bell.take().rows] == [second]


async def test_a_row_that_changed_since_it_was_written_is_to_be_read() -> None:
    """A cancellation comes before the new row was taken up: that row is not acted on."""
    bell = Bell()
    bell.ring(key(1), CHAT, fresh=fresh(1))
    bell.ring(key(1), CHAT)
    assert [each.fresh for each in bell.take().rows] == [None]


async def test_a_ring_before_the_wait_is_not_lost() -> None:
    for ring in (lambda bell: bell.ring(key(1), CHAT), Bell.ring_all, Bell.ring_due):
        bell = Bell()
        ring(bell)
        for _ in range(2):  # until it is taken
            async with asyncio.timeout(LIMIT_S):
                await bell.wait()


async def test_a_wait_ends_with_the_next_ring_and_not_with_one_that_was_taken() -> None:
    bell = Bell()
    bell.ring(key(1), CHAT)
    bell.take()
    waiting = asyncio.ensure_future(bell.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    bell.ring_all()
    async with asyncio.timeout(LIMIT_S):
        await waiting
