"""getUpdates: what waits, is confirmed, delivered again, or too old."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.demo.telegram.town import CANCEL, TOKEN, Refused, Town, refusal


async def test_what_no_later_call_confirmed_is_delivered_again(town: Town) -> None:
    chat = town.private()
    await town.drain()
    town.sim.say(chat, town.ann, "one")
    town.sim.say(chat, town.ann, "two")
    first, second = await town.updates()
    assert [each["message"]["text"] for each in (first, second)] == ["one", "two"]
    assert await town.updates(first["update_id"]) == [first, second]
    assert await town.updates(second["update_id"]) == [second]
    # an offset that was never reached confirms nothing
    assert await town.updates(second["update_id"] + 500) == [second]
    assert await town.updates(second["update_id"] + 1) == []
    assert len(town.sim.bots[TOKEN].updates) == 0


async def test_what_a_bot_has_not_confirmed_can_be_seen(town: Town) -> None:
    chat = town.private()
    await town.drain()
    for text in ("one", "two"):
        town.sim.say(chat, town.ann, text)
    first, second = town.sim.bots[TOKEN].updates.unconfirmed()[-2:]
    assert [each["message"]["text"] for each in (first, second)] == ["one", "two"]
    await town.updates(second["update_id"])
    assert town.sim.bots[TOKEN].updates.unconfirmed() == [second]


async def test_limit_and_a_negative_offset(town: Town) -> None:
    chat = town.private()
    for text in ("one", "two", "three"):
        town.sim.say(chat, town.ann, text)
    assert len(await town.updates(limit=2)) == 2
    assert [each["message"]["text"] for each in await town.updates(-2)] == ["two", "three"]
    assert len(town.sim.bots[TOKEN].updates) == 2


async def test_a_long_poll_answers_as_soon_as_something_comes(town: Town) -> None:
    chat = town.private()
    await town.drain()
    poll = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls[-1].params.get("timeout") == "50")
    assert not poll.done()
    town.sim.say(chat, town.ann, "now")
    async with asyncio.timeout(30):
        assert [each["message"]["text"] for each in await poll] == ["now"]


async def test_asking_again_at_once_with_the_same_offset_is_held_back(town: Town) -> None:
    chat = town.private()
    await town.drain()
    assert await town.updates(7) == []
    poll = asyncio.create_task(town.updates(7))
    await town.sim.wait_for(
        lambda: len([c for c in town.sim.calls if "7" in c.params.values()]) == 2
    )
    for text in ("one", "two"):
        town.sim.say(chat, town.ann, text)
    async with asyncio.timeout(30):
        assert [each["message"]["text"] for each in await poll] == ["one"]


async def test_a_second_poller_ends_the_first(town: Town) -> None:
    first = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls)
    second = asyncio.create_task(town.updates(2, timeout=50))
    async with asyncio.timeout(30):
        with pytest.raises(Refused) as caught:
            await first
    assert caught.value.code == 409
    assert str(caught.value) == (
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running"
    )
    assert not second.done()
    town.private()
    assert len(await second) == 1


async def test_a_webhook_keeps_pollers_out_until_it_is_deleted(town: Town) -> None:
    town.private()
    await town.call("setWebhook", url="https://example.com/hook")
    assert (await town.call("getWebhookInfo"))["pending_update_count"] == 1
    assert "webhook is active" in await refusal(town, "getUpdates")
    await town.call("deleteWebhook")
    assert len(await town.updates()) == 1
    town.sim.bots[TOKEN].may_set_at = 0.0  # a second later
    assert "HTTPS" in await refusal(town, "setWebhook", url="http://example.com")


async def test_allowed_updates_are_remembered_and_count_from_then_on(town: Town) -> None:
    group = town.group()
    message = await town.sent(group, reply_markup=CANCEL)
    await town.updates(1, allowed_updates=["callback_query"])
    await town.drain()
    town.sim.say(group, town.ann, "/help")
    town.sim.press(group, town.ann, message.id)
    assert [list(update)[1] for update in await town.updates()] == ["callback_query"]
    await town.updates(3, allowed_updates=[])
    town.sim.say(group, town.ann, "/help")
    assert [list(update)[1] for update in await town.updates(2)] == ["callback_query", "message"]


async def test_a_message_waits_for_a_day_and_a_press_for_150_seconds(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    town.sim.press(chat, town.ann, message.id)
    assert len(await town.updates()) == 2
    town.clock.now += 151
    assert [list(update)[1] for update in await town.updates(1)] == ["message"]
    town.clock.now += 86_400
    assert await town.updates(2) == []


async def test_broken_updates_are_delivered_as_they_are(town: Town) -> None:
    update_id = town.sim.push_raw_update({"message": {"nonsense": True}})
    assert await town.updates() == [{"update_id": update_id, "message": {"nonsense": True}}]


async def test_a_message_remembers_each_time_that_a_bot_fetched_it(town: Town) -> None:
    message = town.sim.say(town.private(), town.ann, "hello")
    assert message.fetched == []
    first = await town.updates()
    assert message.fetched == [town.clock.now]
    town.clock.now += 5
    await town.updates(offset=first[0]["update_id"])  # it was not confirmed
    assert message.fetched == [town.clock.now - 5, town.clock.now]
    await town.updates(offset=first[-1]["update_id"] + 1)
    assert len(message.fetched) == 2


async def test_what_is_handed_to_a_bot_that_is_gone_was_fetched_by_nobody(town: Town) -> None:
    await town.drain()
    bot = town.sim.first_bot()
    async with httpx.AsyncClient(timeout=10, verify=False) as gone:
        polling = asyncio.create_task(
            gone.post(f"{town.sim.url}/bot{TOKEN}/getUpdates", json={"timeout": 30})
        )
        await town.sim.wait_for(lambda: bot.updates.is_polled)
        polling.cancel()
        await asyncio.wait({polling})
    # the town's own connection stays
    while len(town.sim._server._connections()) > 1:  # noqa: ASYNC110 -- uvicorn tells nobody
        await asyncio.sleep(0)
    message = town.sim.say(town.private(), town.ann, "is anybody there?")
    await town.sim.wait_for(lambda: not bot.updates.is_polled)
    await town.call("getMe")
    assert message.fetched == []
    assert town.sim.calls[-2].ended_at is not None
