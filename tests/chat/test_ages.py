"""How old a message is: by Telegram's time, by the host's clock where that says nothing right."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from bot import texts
from bot.chat.ages import OLDEST_S, Ages, Told
from bot.clock import steady
from bot.core.invoice import TOO_LATE_S
from tests.chat.room import Room

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
NOW = 1_800_000_000.0
#: Where a host's clock may be: right, set by hours, without a battery, and far off.
HOSTS = [0.0, -5 * HOUR_S, 5 * HOUR_S, -NOW, 400 * DAY_S]


def ages(*dates_ago_s: float, host_s: float = 0.0, told_s: float | None = 0.0) -> Ages:
    """After a start, messages of these ages came; the host's clock and the answer are off."""
    made = Ages(lambda: NOW + host_s)
    told = None if told_s is None else Told(NOW + told_s, steady())
    made.came([NOW - ago_s for ago_s in dates_ago_s], told)
    return made


def about(age_s: float) -> object:
    return pytest.approx(age_s, abs=1.0)


@pytest.mark.parametrize("host_s", HOSTS)
@pytest.mark.parametrize("ago_s", [0.0, 500.0, 5 * HOUR_S, 23.9 * HOUR_S])
def test_it_is_told_by_telegrams_time_wherever_the_hosts_clock_is(
    host_s: float, ago_s: float
) -> None:
    assert ages(ago_s, host_s=host_s).of(NOW - ago_s) == about(ago_s)
    together = ages(0.0, ago_s, host_s=host_s)
    assert together.of(NOW - ago_s) == about(ago_s)
    assert together.of(NOW) == about(0.0)


@pytest.mark.parametrize("told_s", [None, -DAY_S, -2 * HOUR_S, 3 * DAY_S, 9000 * DAY_S, -NOW])
def test_without_a_time_that_can_be_right_the_hosts_clock_says(told_s: float | None) -> None:
    for ago_s in (0.0, 5 * HOUR_S):
        made = ages(ago_s, 0.0, told_s=told_s)
        assert made.of(NOW - ago_s) == about(ago_s)
        assert made.of(NOW) == about(0.0)


def test_without_a_time_no_message_is_younger_than_the_newest_says() -> None:
    made = ages(5 * HOUR_S, 0.0, host_s=-5 * HOUR_S, told_s=None)
    assert made.of(NOW - 5 * HOUR_S) == about(5 * HOUR_S)
    assert made.of(NOW) == about(0.0)


@pytest.mark.parametrize("ahead_s", [HOUR_S, 2 * DAY_S, 9000 * DAY_S])
def test_a_message_of_the_future_makes_no_other_late(ahead_s: float) -> None:
    made = ages(0.0, -ahead_s)
    assert made.of(NOW) == about(0.0)
    assert made.of(NOW + ahead_s) == 0.0
    assert ages(0.0, -2 * DAY_S, told_s=None).of(NOW) == about(0.0)


@pytest.mark.parametrize("told_s", [None, -DAY_S, 5 * HOUR_S, 3 * DAY_S])
@pytest.mark.parametrize("host_s", HOSTS)
def test_once_all_has_come_no_time_makes_a_fresh_message_late(
    told_s: float | None, host_s: float
) -> None:
    made = ages(host_s=host_s, told_s=told_s)
    made.emptied(steady() - 60.0)
    made.came([NOW, NOW + 4 * HOUR_S], Told(NOW + (told_s or 0.0), steady()))
    assert made.of(NOW) <= 61.0


def test_time_goes_on_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ages(0.0)
    at = steady()
    monkeypatch.setattr("bot.chat.ages.steady", lambda: at + 700.0)
    assert made.of(NOW) == about(700.0)


async def test_with_the_hosts_clock_behind_no_command_of_hours_ago_is_carried_out(
    room: Room,
) -> None:
    chat = room.private(room.anna)
    row, card = await room.open_card(chat, room.anna, "/invoice 21")
    command = room.telegram.say(chat, room.anna, "/invoice 2100")
    room.telegram.say(chat, room.anna, "/cancel", reply_to=card)
    hours_ago = time.time()
    room.telegram.clock = lambda: hours_ago + 5 * HOUR_S
    await room.handled()
    await room.told(chat, texts.TOO_LATE, 2)
    assert await room.row_of(command) is None
    assert not (await room.row(room.telegram.message(chat, row.origin_message_id))).cancel_wanted
    assert await room.row_of(await room.say(chat, room.anna, "/invoice 4200")) is not None


@pytest.mark.parametrize(
    "date",
    [
        None,
        "yesterday",
        "9" * 5000,
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 99 Foo 2026 99:99:99 +9999",
        formatdate(time.time() - 5 * HOUR_S, usegmt=True),
        formatdate(time.time() + OLDEST_S + HOUR_S, usegmt=True),
    ],
    ids=["none", "words", "digits", "1970", "9999", "malformed", "hours behind", "days ahead"],
)
async def test_no_date_of_an_answer_makes_a_fresh_command_late(
    room: Room, date: str | None
) -> None:
    room.telegram.date = date
    chat = room.private(room.anna)
    assert await room.row_of(await room.say(chat, room.anna, "/invoice 2100")) is not None
    late = room.telegram.say(chat, room.anna, "/invoice 4200")
    room.clock.ahead_s += TOO_LATE_S + 100
    await room.handled()
    await room.told(chat, texts.TOO_LATE, 1)
    assert await room.row_of(late) is None


def test_without_a_date_in_answers_it_is_no_later_than_the_newest_message_says() -> None:
    years_s = 3 * 365 * 86_400.0
    ages = Ages(lambda: NOW + years_s)
    ages.came([NOW - 5, NOW], None)
    ages.emptied(steady())
    there = ages.earliest_now()
    assert there is not None
    assert there == pytest.approx(NOW, abs=5)
