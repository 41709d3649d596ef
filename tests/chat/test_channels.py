"""Somebody who writes as their channel is asked to write as themselves, once."""

from __future__ import annotations

import pytest

from bot import texts
from bot.core.work import Do
from bot.demo.telegram import Chat
from tests.chat.room import NAME, Room


@pytest.fixture
def group(room: Room) -> Chat:
    return room.telegram.add_group("Big", [room.anna, room.bert], supergroup=True)


@pytest.fixture
def channel(room: Room) -> Chat:
    return room.telegram.add_channel("News", admins=[room.anna], bot_member=False)


async def test_a_command_as_a_channel_gets_one_sentence_and_no_row(
    room: Room, group: Chat, channel: Chat
) -> None:
    for text in ("/invoice 5", f"/invoice@{NAME} 6", f"/cancel@{NAME}", f"/help@{NAME}"):
        command = room.telegram.say(group, room.anna, text, sender_chat=channel)
        await room.handled()
        assert await room.row_of(command) is None
    await room.told(group, texts.AS_CHANNEL)
    room.clock.ahead_s += 86_400
    room.telegram.say(group, room.anna, "/invoice 5", sender_chat=channel)
    await room.handled()
    assert await room.said(group, 2) == [texts.AS_CHANNEL] * 2


@pytest.mark.parametrize("command", ["/invoice 5", "/split 5k/2", "/collect 5k"])
async def test_whatever_is_asked_for_as_a_channel_gets_the_sentence(
    room: Room, group: Chat, channel: Chat, command: str
) -> None:
    room.telegram.say(group, room.anna, command, sender_chat=channel)
    await room.handled()
    await room.told(group, texts.AS_CHANNEL)


async def test_an_answer_as_a_channel_is_answered_like_a_command(
    room: Room, group: Chat, channel: Chat
) -> None:
    row = await room.row(await room.say(group, room.anna, "/invoice"))
    row = await room.take(Do.SEND_CARD, row)
    question = room.telegram.messages(group)[-1]
    room.telegram.say(group, room.anna, "5", sender_chat=channel, reply_to=question)
    await room.handled()
    await room.told(group, texts.AS_CHANNEL, 2)


async def test_what_a_channel_writes_to_others_is_none_of_ours(
    room: Room, group: Chat, channel: Chat
) -> None:
    room.telegram.promote(group, room.bot_user)  # it hears everything
    post = room.telegram.post(channel, "/invoice 5")
    room.telegram.forward(post, group, automatic=True)
    room.telegram.forward(post, group, room.anna)
    for text in ("hello", "5", "/cancel", "/help", "/invoice@another_bot 5"):
        room.telegram.say(group, room.anna, text, sender_chat=channel)
    theirs = room.telegram.say(group, room.bert, "hello")
    room.telegram.say(group, room.anna, "/x@another_bot", sender_chat=channel, reply_to=theirs)
    room.telegram.say(group, room.anna, "5", sender_chat=channel, reply_to=theirs)
    await room.handled()
    await room.say(group, room.bert, f"/help@{NAME}")
    assert await room.said(group) != [texts.AS_CHANNEL]
    assert len(room.ours(group)) == 1
