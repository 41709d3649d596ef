"""A bot for which something waits, and that can do nothing about it, is at rest."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest

from bot.chat import tries
from bot.core.invoice import Face
from bot.demo.telegram import Chat
from bot.metrics import METER
from tests.world import WAIT_S, World

#: Updates that mean nothing, one after the other, in which a bot at rest writes nothing.
QUIET = 10

Waits = Callable[[World], Awaitable[object]]


async def out_of_reach(world: World, chat: Chat) -> None:
    """Nothing reaches that chat, and this is written."""
    look = "SELECT 1 FROM chats WHERE chat_id = ? AND unreachable"
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        await world.until(lambda: database.execute(look, (chat.id,)).fetchone())


async def a_stranger_asks(world: World) -> None:
    """The owner can't be asked whether to let them in."""
    chat = world.private(world.stranger)
    world.telegram.say(chat, world.stranger, "/invoice 5")
    await world.until(lambda: world.ours(chat))
    await out_of_reach(world, world.private(world.owner))


async def an_owner_who_has_not_opened_the_bot(world: World) -> None:
    await world.start_bot()
    await a_stranger_asks(world)


async def an_owner_who_blocked_the_bot(world: World) -> None:
    owner = world.private(world.owner)
    world.telegram.say(owner, world.owner, "/start")
    await world.start_bot()
    await world.until(lambda: world.ours(owner))
    world.telegram.block(world.owner)
    await a_stranger_asks(world)


async def a_payer_s_chat_that_is_gone(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 5")
    world.telegram.block(world.anna)
    world.node.pay(world.request_in(card))
    await out_of_reach(world, world.private(world.owner))


async def a_node_that_is_away(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    await world.node.down()
    world.telegram.say(chat, world.anna, "/invoice 5")
    await world.shown(chat, Face.WAITING)


@pytest.mark.parametrize(
    "waits",
    [
        an_owner_who_has_not_opened_the_bot,
        an_owner_who_blocked_the_bot,
        a_payer_s_chat_that_is_gone,
        a_node_that_is_away,
    ],
)
async def test_what_can_only_wait_is_not_looked_at_again_and_again(
    world: World, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "pause_s", lambda *_, **__: 0.0)
    await waits(world)
    updates = world.telegram.bots[world.token].updates
    quiet = 0
    async with asyncio.timeout(2 * WAIT_S):
        while quiet < QUIET:
            commits = METER.commits.of()
            world.telegram.push_raw_update({"something_new": {}})
            await world.until(lambda: not updates)
            quiet = quiet + 1 if METER.commits.of() == commits else 0
