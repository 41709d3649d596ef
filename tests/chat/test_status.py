"""/status: how the node is, for the bot's owners only."""

from __future__ import annotations

import pytest

from bot import texts
from bot.core.answers import NodeStatus
from bot.demo.telegram import User
from bot.errors import NodeError, NodeLocked, NodeTimeout, NodeUnreachable
from bot.findings import About, Kind, bad, fine
from tests.chat.room import INFO, NAME, Room


@pytest.mark.parametrize(
    "status",
    [NodeStatus(None, INFO), NodeStatus(None, None), NodeStatus(NodeLocked(), None)],
    ids=["there", "unnamed", "away"],
)
async def test_an_owner_hears_how_the_node_is(room: Room, status: NodeStatus) -> None:
    room.node.says = status
    chat = room.private(room.owner)
    command = await room.say(chat, room.owner, "/status")
    await room.told(chat, texts.node_status(status))
    assert room.telegram.messages(chat)[-1].reply_to is command


async def test_an_owner_hears_what_the_macaroon_lacks(room: Room) -> None:
    lacks = bad(About.MACAROON, Kind.LACKS_CALLS, methods=("AddInvoice",), bake="lncli bake")
    room.macaroon = [lacks, fine(About.MACAROON, Kind.CONDITION, caveat="ipaddr 10.1.1.1")]
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/status")
    await room.told(chat, texts.node_status(NodeStatus(None, INFO), [lacks]))


async def test_a_group_reads_nothing_of_the_node_even_if_its_owner_asks(room: Room) -> None:
    await room.say(room.group, room.owner, f"/status@{NAME}")
    await room.say(room.group, room.owner, f"/help@{NAME}")
    await room.told(room.group, texts.help_group(NAME))


@pytest.mark.parametrize("why", [NodeUnreachable(), None], ids=["fails", "too slow"])
async def test_a_node_that_cannot_say_it_is_spoken_for(room: Room, why: NodeError | None) -> None:
    room.node.is_slow = why is None
    room.node.says = why or room.node.says
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/status")
    await room.told(chat, texts.refusal(why or NodeTimeout()))


@pytest.mark.parametrize("name", ["anna", "stranger"])
async def test_anybody_else_gets_in_private_what_any_unknown_command_gets(
    room: Room, name: str
) -> None:
    person: User = getattr(room, name)
    chat = room.private(person)
    room.node.says = NodeUnreachable()
    await room.say(chat, person, "/status")
    [status] = await room.said(chat)
    room.clock.ahead_s += 86_401  # strangers are answered once a day
    await room.say(chat, person, "/nosuchcommand")
    assert await room.said(chat, 2) == [status, status]


async def test_anybody_else_gets_silence_in_a_group(room: Room) -> None:
    await room.say(room.group, room.anna, f"/status@{NAME}")
    await room.say(room.group, room.anna, f"/help@{NAME}")
    await room.told(room.group, texts.help_group(NAME))


async def test_a_bare_command_in_a_group_is_another_bots(room: Room) -> None:
    await room.say(room.group, room.owner, "/status")
    await room.say(room.group, room.owner, f"/help@{NAME}")
    await room.told(room.group, texts.help_group(NAME))


async def test_a_slow_node_holds_no_update_back(room: Room) -> None:
    room.node.is_slow = True
    chat = room.private(room.owner)
    room.telegram.say(chat, room.owner, "/status")
    command = await room.say(chat, room.owner, "/invoice 2100")
    assert await room.row_of(command) is not None
