"""The webhook at Telegram: set at the start, seen to, and why it is not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from telegram import WebhookInfo

from bot import texts
from bot.chat import registration
from bot.chat.registration import CONNECTIONS, Registration
from bot.clock import steady
from bot.core.notices import Kind as Occasion
from bot.core.notices import Notice
from bot.demo.telegram import Front, Hook
from bot.errors import TokenRefused
from bot.findings import About, Kind, bad
from tests.chat.room import TOKEN, Room

URL = "https://bot.example.org/telegram"


class Seen:
    """What a registration says of itself."""

    def __init__(self) -> None:
        self.complete: list[float] = []
        self.notices: list[Notice] = []
        self.ended: list[Occasion] = []

    def kinds(self) -> set[Occasion]:
        """What the owners should know."""
        return {each.kind for each in self.notices}


def made(room: Room, seen: Seen, address: str = URL, doubt_s: float = 60.0) -> Registration:
    return Registration(
        room.telegram_bot,
        address=address,
        secret="secret",
        on_complete=seen.complete.append,
        notify=seen.notices.append,
        over=seen.ended.append,
        doubt_s=doubt_s,
    )


@asynccontextmanager
async def running(
    room: Room, address: str = URL, doubt_s: float = 60.0
) -> AsyncIterator[tuple[Seen, asyncio.Task[None]]]:
    seen, stop = Seen(), asyncio.Event()
    own = made(room, seen, address, doubt_s)
    task = asyncio.ensure_future(own.run(stop))
    yield seen, task
    stop.set()
    await asyncio.wait({task}, timeout=10)


def calls(room: Room, method: str) -> int:
    return sum(call.method == method for call in room.telegram.calls)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "LOOK_EVERY_S", 0.05)


async def test_it_is_set_at_each_start_and_not_again_while_it_is(room: Room) -> None:
    room.telegram.bots[TOKEN].updates.clear()
    for start in (1, 2):
        room.telegram.bots[TOKEN].may_set_at = 0.0
        async with running(room):
            looks = calls(room, "getWebhookInfo")
            await room.telegram.wait_for(lambda n=looks: calls(room, "getWebhookInfo") > n + 3)
            assert calls(room, "setWebhook") == start
    assert room.telegram.bots[TOKEN].webhook.hook


async def test_a_start_makes_telegram_deliver_at_once_what_it_would_try_again_later(
    room: Room,
) -> None:
    """The number of connections is another one: only a change makes it forget its pauses."""
    bot = room.telegram.bots[TOKEN]
    numbers = []
    for _ in range(3):
        bot.may_set_at = 0.0
        async with running(room):
            await room.telegram.wait_for(lambda: calls(room, "setWebhook") > len(numbers))
            assert bot.webhook.hook
            numbers.append(bot.webhook.hook.max_connections)
    assert numbers == [CONNECTIONS, CONNECTIONS - 1, CONNECTIONS]


async def test_another_address_is_replaced(room: Room) -> None:
    bot = room.telegram.bots[TOKEN]
    bot.webhook.set(Hook("https://other.example.org"))
    async with running(room) as (seen, _):
        await room.telegram.wait_for(lambda: bot.webhook.hook and bot.webhook.hook.url == URL)
        assert not seen.notices


async def test_a_call_too_soon_is_repeated_when_telegram_says(room: Room) -> None:
    bot = room.telegram.bots[TOKEN]
    bot.may_set_at = steady() + 1.0
    room.telegram.fail("setWebhook", status=429, retry_after=1)
    async with running(room):
        await room.telegram.wait_for(lambda: bot.webhook.hook)
    assert calls(room, "setWebhook") == 2


async def test_since_when_all_was_delivered_is_known_once_nothing_waits(room: Room) -> None:
    bot = room.telegram.bots[TOKEN]
    room.telegram.say(room.private(room.anna), room.anna, "/help")
    async with running(room) as (seen, _):
        await room.telegram.wait_for(lambda: calls(room, "getWebhookInfo") > 2)
        assert not seen.complete
        before = steady()
        bot.updates.clear()
        async with asyncio.timeout(30):
            while not seen.complete:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert before <= seen.complete[0] <= steady()


REFUSED = {
    "http://bot.example.org": bad(About.TELEGRAM, Kind.WEBHOOK_NO_HTTPS),
    "https://bot.example.org:8080": bad(About.TELEGRAM, Kind.WEBHOOK_PORT, port=8080),
    "https://192.168.1.5": bad(About.TELEGRAM, Kind.WEBHOOK_RESERVED, host="192.168.1.5"),
    "https://nowhere.invalid": bad(
        About.TELEGRAM, Kind.WEBHOOK_NAME_UNKNOWN, host="nowhere.invalid"
    ),
    "https://a:b": bad(
        About.TELEGRAM, Kind.WEBHOOK_REFUSED, host="a", reason="Invalid webhook url specified"
    ),
}


@pytest.mark.parametrize("address", REFUSED)
async def test_a_refusal_is_explained_once_and_tried_again(
    room: Room, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    async with running(room, address) as (seen, task):
        for count in (1, 2):
            await room.telegram.wait_for(lambda n=count: calls(room, "setWebhook") >= n)
            room.telegram.bots[TOKEN].may_set_at = 0.0
        assert not task.done()
        assert seen.kinds() == {Occasion.WEBHOOK_REFUSED}
        assert Occasion.WEBHOOK_REFUSED not in seen.ended
    (line,) = [line for line in caplog.messages if "webhook not set" in line]
    assert texts.found(REFUSED[address]) in line


async def test_a_failure_of_the_delivery_is_logged_once(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    room.telegram.fronts["bot.example.org"] = Front(0, says=404)
    async with running(room):
        await room.telegram.wait_for(lambda: room.telegram.bots[TOKEN].webhook.hook)
        room.telegram.say(room.private(room.anna), room.anna, "/help")
        await room.telegram.wait_for(lambda: room.telegram.bots[TOKEN].webhook.failure.message)
        looks = calls(room, "getWebhookInfo")
        await room.telegram.wait_for(lambda: calls(room, "getWebhookInfo") > looks + 2, 15.0)
    lines = [line for line in caplog.messages if "could not deliver" in line]
    assert len(lines) == 1
    assert "404" in lines[0]


async def test_owners_hear_of_deliveries_that_fail_for_minutes_and_of_their_end(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "FAILS_FOR_S", 0.2)
    front = room.telegram.fronts["bot.example.org"] = Front(0, says=502)
    bot = room.telegram.bots[TOKEN]
    async with running(room) as (seen, _):
        await room.telegram.wait_for(lambda: bot.webhook.hook)
        room.telegram.say(room.private(room.anna), room.anna, "/help")
        async with asyncio.timeout(30):
            while Occasion.WEBHOOK_FAILS not in seen.kinds():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert any("502" in each.why for each in seen.notices)
        seen.ended.clear()
        front.says = 200
        bot.updates.clear()
        async with asyncio.timeout(30):
            while Occasion.WEBHOOK_FAILS not in seen.ended:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def delivered(room: Room, *, failed_at: float | None, waiting: int) -> WebhookInfo:
    """What Telegram says of a webhook; it keeps the last failure after a success."""
    date = None if failed_at is None else datetime.fromtimestamp(failed_at, UTC)
    failed = "Wrong response from the webhook: 502 Bad Gateway" if date else None
    return WebhookInfo(
        URL,
        has_custom_certificate=False,
        pending_update_count=waiting,
        last_error_date=date,
        last_error_message=failed,
    )


async def test_a_failure_that_telegram_still_tells_of_is_over_once_no_other_follows(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(registration, "steady", lambda: now)
    seen = Seen()
    look = made(room, seen)._note_failure
    look(delivered(room, failed_at=None, waiting=3))
    for _ in range(30):  # a bot that is used always has something on its way
        look(delivered(room, failed_at=5000.0, waiting=3))
        now += 60
    assert not seen.notices
    assert Occasion.WEBHOOK_FAILS in seen.ended


async def test_a_refused_webhook_is_over_once_something_was_delivered(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(registration, "steady", lambda: now)
    seen = Seen()
    registered = made(room, seen)
    await registered._set(delivered(room, failed_at=None, waiting=2))
    for turn in range(6):  # it is accepted, and nobody answers there
        registered._note_failure(delivered(room, failed_at=5000.0 + turn, waiting=2))
        now += 60
    assert not seen.ended
    assert [each.kind for each in seen.notices][:1] == [Occasion.WEBHOOK_FAILS]
    registered._note_failure(delivered(room, failed_at=5005.0, waiting=0))
    assert set(seen.ended) == {Occasion.WEBHOOK_FAILS, Occasion.WEBHOOK_REFUSED}


async def test_a_delivery_that_failed_once_is_no_occasion(room: Room) -> None:
    front = room.telegram.fronts["bot.example.org"] = Front(0, says=502)
    async with running(room) as (seen, _):
        await room.telegram.wait_for(lambda: room.telegram.bots[TOKEN].webhook.hook)
        room.telegram.say(room.private(room.anna), room.anna, "/help")
        await room.telegram.wait_for(lambda: room.telegram.bots[TOKEN].webhook.failure.message)
        front.says = 200
        looks = calls(room, "getWebhookInfo")
        await room.telegram.wait_for(lambda: calls(room, "getWebhookInfo") > looks + 2, 15.0)
        assert not seen.notices


async def test_a_token_that_stays_rejected_is_believed_to_be(room: Room) -> None:
    room.telegram.fail("getWebhookInfo", times=None, status=401, description="Unauthorized")
    async with running(room, doubt_s=0.3) as (_, task):
        async with asyncio.timeout(30):
            await asyncio.wait({task})
        assert isinstance(task.exception(), TokenRefused)


async def test_a_telegram_that_is_away_is_waited_for(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    await room.telegram.down()
    async with running(room):
        async with asyncio.timeout(30):
            while "webhook not checked" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await room.telegram.up()
        await room.telegram.wait_for(lambda: room.telegram.bots[TOKEN].webhook.hook, 15.0)


async def test_a_stop_waits_for_no_answer_of_telegrams(room: Room) -> None:
    stall = room.telegram.stall("getWebhookInfo")
    began_at = steady()
    async with running(room) as (_, task):
        await stall.reached()
    assert task.done()
    assert steady() - began_at < 5
    stall.release()
