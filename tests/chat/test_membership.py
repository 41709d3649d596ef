"""Where the bot is, was removed, is heard of again; and groups that move."""

from __future__ import annotations

from bot.core.invoice import Face
from tests.chat.room import Room


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
