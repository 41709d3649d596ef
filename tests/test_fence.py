"""The fence: a call leaves only where this process surely acts."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import TermLost
from bot.fence import FRESH_S, Fence


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


async def test_with_a_file_it_is_always_open_and_nothing_closes_it() -> None:
    fence = Fence()
    fence.close()
    assert fence.is_open()
    await fence.passed()


def test_it_is_closed_before_the_first_term(time: Time) -> None:
    assert not Fence(time).is_open()


def test_it_stays_open_for_as_long_as_the_term_is_seen(time: Time) -> None:
    fence = Fence(time)
    fence.begin(time.now, after_s=0.0)
    for _ in range(10):
        time.now += FRESH_S - 0.1
        assert fence.is_open()
        fence.seen(time.now)
    time.now += FRESH_S
    assert not fence.is_open()


def test_after_a_process_that_did_not_say_its_last_it_opens_once_that_ones_is_closed(
    time: Time,
) -> None:
    before, after = Fence(time), Fence(time)
    before.begin(time.now, after_s=0.0)
    time.now += 1.0
    before.seen(time.now)  # the last look before the next one takes its term
    after.begin(time.now, after_s=FRESH_S)
    open_at_once = 0
    for _ in range(100):
        after.seen(time.now)
        open_at_once += before.is_open() and after.is_open()
        time.now += FRESH_S / 20
    assert open_at_once == 0
    assert after.is_open()


def test_once_it_was_closed_it_opens_after_any_other_one_that_may_have_been_open_meanwhile(
    time: Time,
) -> None:
    one, other = Fence(time), Fence(time)
    one.begin(time.now, after_s=0.0)
    time.now += 2 * FRESH_S
    other.begin(time.now, after_s=0.0)  # in what the database has lost a moment later
    time.now += FRESH_S / 10
    open_at_once = 0
    for _ in range(30):
        one.seen(time.now)
        open_at_once += one.is_open() and other.is_open()
        time.now += FRESH_S / 20
    assert open_at_once == 0
    assert one.is_open()


async def test_who_waits_goes_on_once_the_term_is_seen_and_hears_where_it_is_lost(
    time: Time,
) -> None:
    fence = Fence(time)
    waits = asyncio.ensure_future(fence.passed())
    await asyncio.sleep(0)
    assert not waits.done()
    fence.begin(time.now, after_s=0.0)
    await waits
    time.now += FRESH_S
    waits = asyncio.ensure_future(fence.passed())
    await asyncio.sleep(0)
    fence.close()
    with pytest.raises(TermLost):
        await waits
    fence.seen(time.now)  # a look that was under way
    assert not fence.is_open()
