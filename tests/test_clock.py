"""The time by which things are due: never behind the node's."""

from __future__ import annotations

import time

import pytest

from bot.clock import Clock

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Host:
    """A host's clock that somebody sets."""

    def __init__(self) -> None:
        self.set_by_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.set_by_s


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def clock(host: Host) -> Clock:
    return Clock(host)


def about(ahead_s: float) -> object:
    return pytest.approx(time.time() + ahead_s, abs=1.5)


def test_it_is_the_hosts_time(clock: Clock) -> None:
    assert clock() == about(0)


def test_set_forwards_it_is_followed(clock: Clock, host: Host) -> None:
    host.set_by_s = HOUR_S
    assert clock() == about(HOUR_S)
    host.set_by_s = 0
    assert clock() == about(0)


def test_it_is_known_how_often_it_was_set_also_for_a_moment(clock: Clock, host: Host) -> None:
    assert (clock(), clock.times_set) == (about(0), 0)
    host.set_by_s = HOUR_S
    clock()
    host.set_by_s = 0
    clock()
    clock()
    assert clock.times_set == 2
    host.set_by_s = -HOUR_S  # it goes on as if nothing was
    clock()
    assert clock.times_set == 2


def test_set_back_time_goes_on(clock: Clock, host: Host) -> None:
    host.set_by_s = -HOUR_S
    assert clock() == about(0)
    host.set_by_s = 0
    assert clock() == about(0)


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_the_nodes_word_sets_it_right(clock: Clock, host: Host, ahead_s: float) -> None:
    clock.learn(time.time() + ahead_s, within_s=0.1)
    assert clock() == about(ahead_s)
    host.set_by_s = -HOUR_S
    assert clock() == about(ahead_s)


@pytest.mark.parametrize("ahead_s", [2 * DAY_S, -2 * DAY_S, 1e9, -1.7e9, 2.5e11])
def test_a_nodes_clock_that_is_days_off_is_not_taken_over_and_logged_once(
    clock: Clock, caplog: pytest.LogCaptureFixture, ahead_s: float
) -> None:
    for _ in range(3):
        clock.learn(time.time() + ahead_s, within_s=0.1)
    assert clock() == about(0)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    clock.learn(time.time() + HOUR_S, within_s=0.1)
    assert clock() == about(HOUR_S)


@pytest.mark.parametrize("ahead_s", [30 * HOUR_S, 400 * DAY_S])
def test_a_host_that_was_days_ahead_and_is_set_right_is_followed_once_the_node_agrees(
    host: Host, ahead_s: float
) -> None:
    host.set_by_s = ahead_s
    clock = Clock(host)
    clock.learn(time.time(), within_s=0.1)
    assert clock() == about(ahead_s)
    host.set_by_s = 0
    assert clock() == about(ahead_s)
    clock.learn(time.time(), within_s=0.1)
    assert clock() == about(0)
    host.set_by_s = HOUR_S
    assert clock() == about(HOUR_S)


def test_what_the_nodes_word_leaves_open_changes_nothing(clock: Clock) -> None:
    before = clock() - time.monotonic()
    now = time.time()
    for node_at, within_s in ((now, 0.1), (now - 1.5, 0.1), (now - 9, 10), (now + 1.5, 0.1)):
        clock.learn(node_at, within_s=within_s)
    assert clock() - time.monotonic() == pytest.approx(before, abs=0.5)
