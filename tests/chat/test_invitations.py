"""A group that the bot is added to: one sentence, and it leaves a stranger's a day later."""

from __future__ import annotations

import asyncio
import math

import pytest

from bot import texts
from bot.chat.chats import Say
from bot.chat.invitations import LEAVES_AFTER_S
from bot.chat.updates import read
from bot.core.grants import Granted
from bot.demo.telegram import Chat
from bot.store import Tx
from tests.chat.room import NAME, Room, plain

DAY_S = LEAVES_AFTER_S + 1


@pytest.fixture
def group(room: Room) -> Chat:
    """A stranger's group, where the bot is."""
    return room.telegram.add_group("Strangers", [room.stranger, room.bert])


def left(room: Room) -> list[int | None]:
    return [call.chat_id for call in room.telegram.calls if call.method == "leaveChat"]


async def noted(room: Room) -> list[int]:
    """The groups that it may leave."""
    return await room.do(_noted)


def _noted(tx: Tx) -> list[int]:
    return tx.memory.hints("uninvited", before=math.inf)


async def leaves(room: Room) -> list[int | None]:
    """What it has left a day later; it has decided on each."""
    room.clock.ahead_s += DAY_S
    await room.invitations.leave()
    async with asyncio.timeout(30):
        while await noted(room):  # noqa: ASYNC110 -- a row tells nobody that it is gone
            await asyncio.sleep(0.01)
    return left(room)


async def test_where_a_stranger_adds_the_bot_it_says_so_once_and_leaves_a_day_later(
    room: Room, group: Chat
) -> None:
    await room.handled()
    await room.told(group, texts.UNINVITED_ASKED)
    room.telegram.remove_bot(group)
    room.telegram.readd_bot(group)
    await room.handled()
    await room.say(group, room.bert, f"/help@{NAME}")
    assert len(await room.said(group, 2)) == 2  # not said again
    await room.invitations.leave()
    assert left(room) == []
    assert await leaves(room) == [group.id]
    assert not group.has(room.bot_user.id)


async def test_it_leaves_no_group_that_somebody_has_let_in(room: Room, group: Chat) -> None:
    await room.handled()
    room.clock.ahead_s += DAY_S
    room.access.grant(Granted(chats=frozenset({group.id})))
    await room.invitations.leave()
    assert (left(room), await noted(room)) == ([], [])


async def test_it_leaves_no_group_where_somebody_of_the_list_asked(room: Room, group: Chat) -> None:
    await room.say(group, room.bert, f"/invoice@{NAME} 5")
    assert await leaves(room) == []


async def test_where_somebody_of_the_list_adds_it_it_says_nothing_and_stays(room: Room) -> None:
    group = room.telegram.add_group("Ours", [room.anna, room.stranger])
    await room.handled()
    assert await leaves(room) == []
    assert room.ours(group) == []


async def test_an_owner_who_adds_it_hears_once_there_how_to_let_the_group_in(room: Room) -> None:
    group = room.telegram.add_group("Ours", [room.owner, room.stranger])
    await room.handled()
    how = texts.allow_group_how(NAME)
    await room.told(group, how)
    room.telegram.remove_bot(group)
    room.telegram.readd_bot(group)
    await room.handled()
    await room.say(group, room.owner, f"/allow@{NAME}")
    first, second = await room.said(group, 2)  # not said again
    assert (first, second.startswith("Done")) == (plain(how), True)
    assert await leaves(room) == []


async def test_where_the_group_is_let_in_an_owner_who_adds_it_hears_nothing(room: Room) -> None:
    group = room.telegram.add_group("Ours", [room.owner])
    await room.handled()
    await room.told(group, texts.allow_group_how(NAME))
    room.access.grant(Granted(chats=frozenset({group.id})))
    room.telegram.remove_bot(group)
    room.clock.ahead_s += DAY_S
    room.telegram.readd_bot(group)
    await room.handled()
    await room.say(group, room.owner, f"/id@{NAME}")
    assert len(await room.said(group, 2)) == 2


async def test_other_rights_are_no_invitation(room: Room, group: Chat) -> None:
    await room.handled()
    room.telegram.promote(group, room.bot_user)
    room.telegram.demote(group, room.bot_user)
    await room.handled()
    assert await room.said(group) == [plain(texts.UNINVITED_ASKED)]


async def test_a_group_that_it_left_by_then_is_forgotten(room: Room, group: Chat) -> None:
    await room.handled()
    room.telegram.remove_bot(group)
    await room.handled()
    assert await leaves(room) == [group.id]
    assert await leaves(room) == [group.id]  # and is not left again


@pytest.mark.parametrize("by", [None, 5, {"id": "x"}, {"id": 7}])
async def test_whoever_cannot_be_read_is_a_stranger(room: Room, by: object) -> None:
    bot = {"id": room.bot_user.id, "is_bot": True, "first_name": "x"}
    members = {
        "old_chat_member": {"user": bot, "status": "left"},
        "new_chat_member": {"user": bot, "status": "member"},
    }
    raw = {"chat": {"id": -7, "type": "group"}, "from": by, "date": 1, **members}
    update = read({"update_id": 5, "my_chat_member": raw}, room.telegram_bot)
    await room.invitations.added(update)
    assert await noted(room) == [-7]
    assert await leaves(room) == [-7]


async def test_what_waits_to_be_said_is_not_said_where_the_group_is_let_in_by_then(
    room: Room, group: Chat
) -> None:
    stall = room.telegram.stall("sendMessage", chat_id=group.id)
    room.chats.say(Say(group.id, "first"))
    await stall.reached()
    await room.handled()
    room.access.grant(Granted(chats=frozenset({group.id})))
    room.chats.say(Say(group.id, "last", to_stranger=True))
    stall.release()
    await room.telegram.wait_for(lambda: room.ours(group)[-1:] == ["last"])
    assert room.ours(group) == ["first", "last"]


async def test_it_does_not_leave_a_group_that_is_let_in_while_leaving_waits_its_turn(
    room: Room, group: Chat
) -> None:
    await room.handled()
    await room.said(group)
    stall = room.telegram.stall("sendMessage", chat_id=group.id)
    room.chats.say(Say(group.id, "first"))
    await stall.reached()
    room.clock.ahead_s += DAY_S
    await room.invitations.leave()
    room.access.grant(Granted(chats=frozenset({group.id})))
    stall.release()
    async with asyncio.timeout(30):
        while await noted(room):  # noqa: ASYNC110 -- a row tells nobody that it is gone
            await asyncio.sleep(0.01)
    assert left(room) == []
