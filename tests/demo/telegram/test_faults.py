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
    async with asyncio.timeout(5):
        await call
    assert town.sim.messages(chat)[-1].text == "late"


async def test_a_slow_call_lets_others_pass(town: Town) -> None:
    chat = town.private()
    town.sim.slow("sendMessage", 0.1)
    slow = asyncio.create_task(town.sent(chat))
    await town.sim.wait_for(lambda: town.sim.calls[-1].method == "sendMessage")
    await town.call("getMe")
    assert not slow.done()
    async with asyncio.timeout(5):
        await slow


async def test_down_refuses_connections_and_breaks_open_ones(town: Town) -> None:
    await town.call("getMe")
    poll = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls[-1].method == "getUpdates")
    await town.sim.down()
    async with asyncio.timeout(5):
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
