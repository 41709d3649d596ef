"""/status: how bot and node are, for the bot's owners only."""

from __future__ import annotations

import asyncio

import pytest

from bot import __version__, texts
from bot.clock import midnight
from bot.core.answers import NodeStatus
from bot.core.grants import Granted
from bot.core.invoice import State
from bot.core.ledger import Overview
from bot.core.work import MAX_FAULTS
from bot.errors import NodeError, NodeLocked, NodeTimeout, NodeUnreachable
from bot.findings import About, Finding, Kind, bad, fine
from tests.chat.room import INFO, NAME, STARTED_AT, Room

NOTHING = Overview(0, 0, 0, 0, 0.0, 0, 0, 0, 0, 0)


def said(
    status: NodeStatus, overview: Overview | None = NOTHING, macaroon: list[Finding] | None = None
) -> str:
    """The whole answer."""
    return texts.status(
        status, overview, macaroon or [], version=__version__, started_at=STARTED_AT
    )


@pytest.mark.parametrize(
    "status",
    [
        NodeStatus(None, INFO),
        NodeStatus(None, INFO, 790_000_000),
        NodeStatus(None, None),
        NodeStatus(NodeLocked(), None),
    ],
    ids=["there", "with channels", "unnamed", "away"],
)
async def test_an_owner_hears_how_the_node_is(room: Room, status: NodeStatus) -> None:
    room.node.says = status
    chat = room.private(room.owner)
    command = await room.say(chat, room.owner, "/status")
    await room.told(chat, said(status))
    assert room.telegram.messages(chat)[-1].reply_to is command


async def test_an_owner_hears_what_the_macaroon_lacks(room: Room) -> None:
    lacks = bad(About.MACAROON, Kind.LACKS_CALLS, methods=("AddInvoice",), bake="lncli bake")
    room.macaroon = [lacks, fine(About.MACAROON, Kind.CONDITION, caveat="ipaddr 10.1.1.1")]
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/status")
    await room.told(chat, said(NodeStatus(None, INFO), macaroon=[lacks]))


async def test_an_owner_hears_what_is_open_paid_and_stuck(room: Room) -> None:
    now = int(room.clock())
    rows = [await room.row(await room.say(room.group, room.anna, "/invoice 2100")) for _ in "abcde"]
    await room.change(rows[0], state=State.OPEN)
    await room.change(rows[1], state=State.OPEN, unconfirmed=True)
    await room.change(rows[2], state=State.SETTLED, settled_at=now, paid_msat=2_100_000)
    yesterday = int(midnight(now)) - 1
    await room.change(rows[3], state=State.SETTLED, settled_at=yesterday, paid_msat=7_000)
    await room.change(rows[4], faults=MAX_FAULTS, retry_at=1.0)
    overview = Overview(
        open_count=1,
        open_msat=2_100_000,
        pending=1,
        unconfirmed=1,
        paid_since=midnight(now),
        paid_count=1,
        paid_msat=2_100_000,
        last_paid_at=now,
        last_paid_msat=2_100_000,
        stuck=1,
    )
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/status")
    await room.told(chat, said(NodeStatus(None, INFO), overview))


@pytest.mark.parametrize("why", [NodeUnreachable(), None], ids=["fails", "too slow"])
async def test_a_node_that_cannot_say_it_is_spoken_for(room: Room, why: NodeError | None) -> None:
    room.node.is_slow = why is None
    room.node.says = why or room.node.says
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/status")
    await room.told(chat, said(NodeStatus(why or NodeTimeout(), None)))


async def test_while_the_database_is_away_the_rest_is_told(room: Room) -> None:
    chat = room.private(room.owner)
    kept = room.file.with_name("elsewhere.db")
    room.file.rename(kept)
    await room.say(chat, room.owner, "/status")
    await room.told(chat, said(NodeStatus(None, INFO), None))
    kept.rename(room.file)


@pytest.mark.parametrize("command", ["/status", "/export", "/export 2026"])
async def test_in_private_somebody_else_hears_that_it_is_the_owners(
    room: Room, command: str
) -> None:
    chat = room.private(room.anna)
    await room.say(chat, room.anna, command)
    await room.told(chat, texts.OWNERS_ONLY)


@pytest.mark.parametrize("command", ["/status", "/export"])
async def test_a_stranger_hears_once_that_it_is_the_owners(room: Room, command: str) -> None:
    chat = room.private(room.stranger)
    await room.say(chat, room.stranger, command)
    await room.say(chat, room.stranger, command)
    await room.told(chat, texts.OWNERS_ONLY)


@pytest.mark.parametrize("command", ["/status", "/export 2026-10"])
async def test_in_a_group_nobody_reads_anything_but_one_sentence(room: Room, command: str) -> None:
    name, _, rest = command.partition(" ")
    written = f"{name}@{NAME} {rest}"
    await room.say(room.group, room.anna, written)
    await room.told(room.group, texts.OWNERS_ONLY)
    await room.say(room.group, room.owner, written)
    await room.told(room.group, texts.IN_PRIVATE, 2)
    room.telegram.set_anonymous(room.group, room.owner)
    await room.say(room.group, room.owner, written)
    said = await room.said(room.group, 3)
    assert texts.IN_PRIVATE not in said[2:]


@pytest.mark.parametrize("command", ["/status", "/export"])
async def test_forwarded_and_edited_ones_do_nothing(room: Room, command: str) -> None:
    chat, other = room.private(room.owner), room.private(room.anna)
    await room.say(other, room.anna, "/start")
    written = await room.say(other, room.anna, "hello")
    room.telegram.edit_as_user(written, command)
    await room.say(chat, room.owner, "/start")
    mine = await room.say(chat, room.owner, "hello again")
    room.telegram.edit_as_user(mine, command)
    room.telegram.forward(written, chat, room.owner)
    await room.handled()
    before = await room.said(chat, 2)
    await room.say(chat, room.owner, "/id")
    assert await room.said(chat, len(before) + 1) == [
        *before,
        f"Your id: {room.owner.id}",
    ]


@pytest.mark.parametrize("command", ["/status", "/export"])
async def test_a_bare_command_in_a_group_is_another_bots(room: Room, command: str) -> None:
    await room.say(room.group, room.owner, command)
    await room.say(room.group, room.owner, f"/help@{NAME}")
    await room.told(room.group, texts.help_group(NAME))


async def test_a_slow_node_holds_no_update_back(room: Room) -> None:
    room.node.is_slow = True
    chat = room.private(room.owner)
    room.telegram.say(chat, room.owner, "/status")
    command = await room.say(chat, room.owner, "/invoice 2100")
    assert await room.row_of(command) is not None


async def test_who_is_no_owner_by_the_time_of_the_answer_does_not_read_it(room: Room) -> None:
    room.access.grant(Granted(owners=frozenset({room.bert.id})))
    his = room.private(room.bert)
    room.telegram.fail("sendMessage", chat_id=his.id, retry_after=1)
    await room.say(his, room.bert, "/status")
    calls = room.telegram.calls
    await room.telegram.wait_for(lambda: any(each.chat_id == his.id for each in calls))
    room.access.grant(Granted())
    async with asyncio.timeout(30):
        while room.chats._waiting:  # noqa: ASYNC110 -- nobody is told
            await asyncio.sleep(0.01)
    assert room.ours(his) == []
