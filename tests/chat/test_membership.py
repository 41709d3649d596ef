"""Where the bot is, was removed, is heard of again; and groups that move."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.chat.membership import Membership
from bot.chat.updates import read
from bot.core.invoice import Face
from bot.store import Tx
from tests.chat.room import NAME, Room


async def test_a_chat_that_blocks_the_bot_is_unreachable_until_it_is_heard_of(room: Room) -> None:
    chat = room.private(room.anna)
    await room.say(chat, room.anna, "/start")
    room.telegram.block(room.anna)
    await room.handled()
    assert room.places.is_unreachable(chat.id)
    room.bell.take()
    room.telegram.unblock(room.anna)
    await room.handled()
    assert not room.places.is_unreachable(chat.id)
    assert room.bell.take().is_all


async def test_a_block_that_a_send_has_met_already_makes_nothing_reachable(room: Room) -> None:
    chat = room.private(room.anna)
    await room.say(chat, room.anna, "/start")
    room.telegram.block(room.anna)
    await room.places.lost(chat.id, must=True)
    await room.handled()
    assert room.places.is_unreachable(chat.id)
    assert not room.bell.take().is_all


async def test_a_group_that_removes_the_bot_is_reachable_once_it_is_back(room: Room) -> None:
    room.telegram.remove_bot(room.group)
    removed, *_ = await room.updates()
    await room.intake.handle([removed])
    assert room.places.is_unreachable(room.group.id)
    room.telegram.readd_bot(room.group)
    await room.handled()
    assert not room.places.is_unreachable(room.group.id)


async def test_a_group_that_moves_is_followed_and_its_cards_are_void(room: Room) -> None:
    row, _ = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    room.bell.take()
    new = room.telegram.migrate(room.group)
    await room.handled()
    assert room.places.now(room.group.id) == new.id
    row = await room.row(command)
    assert (row.chat_id, row.card_id, row.card_shown) == (new.id, None, Face.NOTHING)
    assert row.reply_to is None
    assert room.bell.take().is_all


async def test_a_move_is_said_twice_and_done_once(room: Room) -> None:
    room.telegram.migrate(room.group)
    rung = []
    while batch := await room.updates():  # from the old group, and from the new one
        for raw in batch:
            await room.intake.handle([raw])
            rung.append(room.bell.take().is_all)
    assert rung == [True, False]


HELP = f"/help@{NAME}"


async def test_a_muted_group_that_talks_is_reachable_once_a_minute(room: Room) -> None:
    await room.places.lost(room.group.id, must=True)
    await room.say(room.group, room.anna, HELP)
    assert not room.places.is_unreachable(room.group.id)
    for _ in range(5):
        await room.places.lost(room.group.id, must=True)
        await room.say(room.group, room.anna, HELP)
        assert room.places.is_unreachable(room.group.id)
    other = room.private(room.anna)  # another chat has a minute of its own
    await room.places.lost(other.id, must=True)
    await room.say(other, room.anna, HELP)
    assert not room.places.is_unreachable(other.id)


async def test_what_was_said_within_the_minute_counts_when_it_is_over(room: Room) -> None:
    membership = Membership(places=room.places, chats=room.chats, lift_every_s=0.2)
    room.telegram.say(room.group, room.anna, HELP)
    first, *_ = await room.updates()
    update = read(first, room.telegram_bot)
    for _ in range(2):
        await room.places.lost(room.group.id, must=True)
        await membership.heard(update)
    assert room.places.is_unreachable(room.group.id)
    room.bell.take()
    async with asyncio.timeout(30):
        await room.bell.wait()
    assert not room.places.is_unreachable(room.group.id)


async def test_a_bot_that_is_let_in_again_is_reachable_at_once(room: Room) -> None:
    await room.places.lost(room.group.id, must=True)
    await room.say(room.group, room.anna, HELP)
    room.telegram.remove_bot(room.group)
    removed, *_ = await room.updates()
    await room.intake.handle([removed])
    assert room.places.is_unreachable(room.group.id)
    room.telegram.readd_bot(room.group)
    await room.handled()
    assert not room.places.is_unreachable(room.group.id)


MUTED = {"status": "restricted", "is_member": True, "can_send_messages": False}
SPEAKS = {"status": "restricted", "is_member": True, "can_send_messages": True}
MEMBER, ADMIN, OUT = {"status": "member"}, {"status": "administrator"}, {"status": "kicked"}


async def moved(room: Room, before: object, after: object, kind: str = "supergroup") -> None:
    """Telegram says what became of the bot in the group."""
    bot = {"id": room.bot_user.id, "is_bot": True, "first_name": "Invoices"}
    change: dict[str, Any] = {"chat": {"id": room.group.id, "type": kind, "title": "x"}, "date": 1}
    change["from"] = {"id": room.owner.id, "is_bot": False, "first_name": "Olga"}
    for name, member in (("old_chat_member", before), ("new_chat_member", after)):
        change[name] = {"user": bot, **member} if isinstance(member, dict) else member
    room.telegram.push_raw_update({"my_chat_member": change})
    await room.handled()


async def lifted(room: Room) -> None:
    """The group has been heard of, and its minute has begun; it is unreachable again."""
    await room.places.lost(room.group.id, must=True)
    await room.say(room.group, room.anna, HELP)
    await room.places.lost(room.group.id, must=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MUTED, MUTED),
        (MEMBER, MEMBER),
        (MEMBER, SPEAKS),
        (SPEAKS, MEMBER),
        (MEMBER, MUTED),
        (ADMIN, ADMIN),
        (ADMIN, MEMBER),
        (MEMBER, {"status": "something new"}),
        ("unreadable", MEMBER),
        ("unreadable", ADMIN),
    ],
)
async def test_what_gives_the_bot_nothing_new_makes_a_group_reachable_once_a_minute(
    room: Room, before: object, after: object
) -> None:
    await lifted(room)
    for _ in range(5):
        await moved(room, before, after)
        assert room.places.is_unreachable(room.group.id)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OUT, MEMBER),
        (OUT, ADMIN),
        ({"status": "left"}, SPEAKS),
        ({"status": "restricted", "is_member": False}, MEMBER),
        (MUTED, MEMBER),
        (MUTED, SPEAKS),
        (MUTED, ADMIN),
        (MEMBER, ADMIN),  # who may write where members are muted
        (MEMBER, {"status": "creator"}),
    ],
)
async def test_a_bot_that_may_do_more_is_reachable_at_once(
    room: Room, before: object, after: object
) -> None:
    await lifted(room)
    await moved(room, before, after)
    assert not room.places.is_unreachable(room.group.id)


async def test_the_first_that_is_heard_of_a_group_counts_at_once(room: Room) -> None:
    await room.places.lost(room.group.id, must=True)
    await moved(room, MEMBER, MEMBER)
    assert not room.places.is_unreachable(room.group.id)


@pytest.mark.parametrize("field", ["migrate_to_chat_id", "migrate_from_chat_id"])
@pytest.mark.parametrize("number", [5, 0, True, 1.5, "-100123", "abc", 2**63, None])
async def test_a_group_moves_nowhere_but_to_the_id_of_a_group(
    room: Room, field: str, number: object
) -> None:
    await room.intake.handle([service(room, room.group.id, "group", {field: number})])
    assert room.places.ids(room.group.id) == {room.group.id}
    assert await room.do(moves) == {}


@pytest.mark.parametrize("field", ["migrate_to_chat_id", "migrate_from_chat_id"])
async def test_a_private_chat_moves_nowhere(room: Room, field: str) -> None:
    await room.intake.handle([service(room, room.anna.id, "private", {field: room.group.id})])
    assert await room.do(moves) == {}


def service(room: Room, chat_id: int, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """An update that says something of a chat."""
    by = {"id": room.anna.id, "is_bot": False, "first_name": "Anna"}
    message = {"message_id": 1, "date": int(room.clock()), "chat": {"id": chat_id, "type": kind}}
    return {"update_id": 10**6, "message": {**message, "from": by, **fields}}


def moves(tx: Tx) -> dict[int, int]:
    return tx.chats.moves()
