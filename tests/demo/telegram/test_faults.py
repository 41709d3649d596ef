"""Faults on demand: calls fail, are lost, stall or are slow; Telegram is out of reach."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.demo.telegram import SimTelegram
from tests.demo.telegram.town import Town, refusal


async def test_calls_fail_as_often_as_asked_and_only_where_asked(town: Town) -> None:
    group, chat = town.group(), town.private()
    town.sim.fail("sendMessage", chat_id=group.id, times=2, status=502)
    await town.sent(chat)
    for _ in range(2):
        assert await refusal(town, "sendMessage", chat_id=group.id, text="x") == "Bad Gateway"
    await town.sent(group)
    town.sim.fail(None, times=None)
    assert await refusal(town, "getMe") == "Internal Server Error"
    assert len(await town.updates()) > 0
    town.sim.clear_faults()
    await town.call("getMe")
    assert [call.status for call in town.sim.calls if call.method == "sendMessage"] == [
        200,
        502,
        502,
        200,
    ]


@pytest.mark.parametrize("acted", [True, False])
async def test_an_answer_is_lost_before_or_after_the_act(town: Town, acted: bool) -> None:
    chat = town.private()
    town.sim.drop("sendMessage", acted=acted)
    with pytest.raises(httpx.RemoteProtocolError):
        await town.call("sendMessage", chat_id=chat.id, text="lost?")
    assert (town.sim.messages(chat)[-1].text == "lost?") is acted
    await town.sent(chat)


async def test_a_stalled_call_acts_when_it_is_released(town: Town) -> None:
    chat = town.private()
    stall = town.sim.stall("sendMessage")
    call = asyncio.create_task(town.sent(chat, text="late"))
    await stall.reached()
    await town.call("getMe")
    assert len(town.sim.messages(chat)) == 1
    stall.release()
    async with asyncio.timeout(30):
        await call
    assert town.sim.messages(chat)[-1].text == "late"


async def test_a_slow_call_lets_others_pass(town: Town) -> None:
    chat = town.private()
    town.sim.slow("sendMessage", 0.1)
    slow = asyncio.create_task(town.sent(chat))
    await town.sim.wait_for(lambda: town.sim.calls[-1].method == "sendMessage")
    await town.call("getMe")
    assert not slow.done()
    async with asyncio.timeout(30):
        await slow


async def test_down_refuses_connections_and_breaks_open_ones(town: Town) -> None:
    await town.call("getMe")
    poll = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls[-1].method == "getUpdates")
    await town.sim.down()
    async with asyncio.timeout(30):
        with pytest.raises(httpx.HTTPError):
            await poll
    with pytest.raises(httpx.ConnectError):
        await town.call("getMe")
    url = town.sim.url
    await town.sim.up()
    assert town.sim.url == url
    await town.call("getMe")


async def test_a_port_in_use_is_an_error(town: Town) -> None:
    port = int(town.sim.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await SimTelegram().start(port=port)


async def test_a_fault_that_no_call_has_met_can_be_taken_back(town: Town) -> None:
    chat = town.private()
    lost = town.sim.drop("sendMessage", acted=True)
    slow = town.sim.slow("sendMessage", 60.0)
    assert town.sim.is_set(lost)
    assert town.sim.is_set(slow)
    assert town.sim.withdraw(lost)
    assert town.sim.withdraw(slow)
    await town.sent(chat)
    assert not town.sim.withdraw(lost)

    used = town.sim.fail("sendMessage")
    assert await refusal(town, "sendMessage", chat_id=chat.id, text="x") == "Internal Server Error"
    assert not town.sim.is_set(used)
    assert not town.sim.withdraw(used)


async def test_a_call_says_how_it_went(town: Town) -> None:
    chat = town.private()
    sent = await town.sent(chat)
    call = town.sim.calls[-1]
    assert (call.status, call.has_acted, call.is_lost) == (200, True, False)
    assert (call.ended_at, call.message_id) == (town.clock.now, sent.id)

    town.sim.fail("sendMessage", retry_after=5)
    await refusal(town, "sendMessage", chat_id=chat.id, text="x")
    call = town.sim.calls[-1]
    assert (call.status, call.has_acted, call.is_lost) == (429, False, False)

    for acted in (True, False):
        town.sim.drop("sendMessage", acted=acted)
        with pytest.raises(httpx.RemoteProtocolError):
            await town.call("sendMessage", chat_id=chat.id, text="lost?")
        call = town.sim.calls[-1]
        assert (call.status, call.has_acted, call.is_lost) == (None, acted, True)


async def test_a_call_that_is_under_way_is_neither_lost_nor_over(town: Town) -> None:
    chat = town.private()
    stall = town.sim.stall("sendMessage")
    call = asyncio.create_task(town.sent(chat))
    await stall.reached()
    assert (town.sim.calls[-1].ended_at, town.sim.calls[-1].is_lost) == (None, False)
    stall.release()
    await call
