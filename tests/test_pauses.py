"""What is cut short when it is time to stop, and what is not; what waits a moment."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from bot.pauses import Holds, seconds_left, unless

#: Turns of the loop between the stop and the end of what is done within, either way.
ORDERS = [(stop, end) for stop in range(4) for end in range(5)]


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_stop_ends_what_is_done_within() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(30):
        async with unless(stop):
            await asyncio.Event().wait()
        await turns(5)


async def test_what_comes_first_after_a_stop_leaves_less_for_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    async with seconds_left(stop, 2.0, least_s=0.5) as left_s:
        now += 9.0
        assert left_s() == 2.0
        stop.set()
        await turns(3)
        now += 1.25
        assert left_s() == 0.75
        now += 9.0
        assert left_s() == 0.5


@pytest.mark.parametrize(("stop_after", "end_after"), ORDERS)
async def test_a_stop_in_the_very_moment_of_the_end_cancels_nothing_that_comes_after(
    stop_after: int, end_after: int
) -> None:
    """Such as the orderly end itself: a bot whose end is cancelled hangs until it is cut short."""
    stop, over = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def stopped() -> None:
        await turns(stop_after)
        stop.set()

    async def ended() -> None:
        await turns(end_after)
        if not over.done():  # else the stop came first
            over.set_result(None)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ended())
        tasks.create_task(stopped())
        async with unless(stop):
            await over
        await turns(8)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()


@pytest.mark.parametrize(("stop_after", "cancel_after"), ORDERS)
async def test_whoever_else_cancels_it_is_heard(stop_after: int, cancel_after: int) -> None:
    stop = asyncio.Event()
    reached: list[str] = []

    async def work() -> None:
        async with unless(stop):
            await asyncio.Event().wait()
        await turns(20)
        reached.append("the end")

    task = asyncio.ensure_future(work())

    async def stopped() -> None:
        await turns(stop_after)
        stop.set()

    stopping = asyncio.ensure_future(stopped())
    await turns(cancel_after + 1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await stopping
    assert task.cancelled()
    assert reached == []


async def test_an_error_within_comes_out_though_a_stop_has_come() -> None:
    stop = asyncio.Event()

    async def failing() -> None:
        async with unless(stop):
            stop.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise KeyError from None

    with pytest.raises(KeyError):
        await failing()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await turns(5)


class TestHolds:
    """Two reasons to wait at one place, and one at another."""

    def setup_method(self) -> None:
        self.now = 1000.0
        self.holds = Holds(lambda: self.now)
        self.holds.hold(1, "a", within_s=3.0)
        self.now += 1
        self.holds.hold(1, "b", within_s=3.0)
        self.holds.hold(2, "a", within_s=3.0)

    def test_what_waits_goes_on_once_every_reason_is_gone(self) -> None:
        assert self.holds.until(1) == 1003.0
        self.holds.let_go(1, "b")
        assert self.holds.until(1) == 1003.0
        self.holds.let_go(1, "a")
        self.holds.let_go(1, "x")
        assert (self.holds.until(1), self.holds.until(2), self.holds.until(3)) == (0, 1004.0, 0)

    def test_what_never_comes_is_waited_for_no_longer_and_kept_nowhere(self) -> None:
        self.now += 3
        assert (self.holds.until(1), self.holds.until(2)) == (0, 0)
        self.holds.hold(3, "c", within_s=3.0)
        assert set(self.holds._runs) == {3}

    def test_a_clock_that_is_set_back_keeps_nothing(self) -> None:
        self.now -= 3600
        self.holds.hold(3, "c", within_s=3.0)
        assert set(self.holds._runs) == {3}

    def test_reasons_that_follow_each_other_hold_no_longer_than_the_first(self) -> None:
        self.now += 1.5
        for why in "bcd":
            self.holds.hold(1, why, within_s=3.0)
        assert self.holds.until(1) == 1003.0
        self.now += 0.5
        assert self.holds.until(1) == 0
        for why in "bcd":
            self.holds.let_go(1, why)
        self.holds.hold(1, "e", within_s=3.0)
        assert self.holds.until(1) == self.now + 3
