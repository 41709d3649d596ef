"""python-telegram-bot, unchanged, works with the simulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter

from tests.demo.telegram.town import CANCEL, TOKEN, Town, picture


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Bot]:
    base = town.sim.url
    async with Bot(TOKEN, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot") as bot:
        yield bot


async def test_the_library_sends_edits_and_reads_what_it_sent(town: Town, client: Bot) -> None:
    group = town.group()
    command = town.sim.say(group, town.ann, "/invoice 2100 pizza")
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("Cancel", callback_data="c")]])
    photo = picture(900, 900)
    card = await client.send_photo(
        group.id,
        photo,
        caption='<b>2,100</b> sats, <tg-time unix="1795380000" format="r">soon</tg-time>',
        parse_mode="HTML",
        reply_parameters=ReplyParameters(command.id),
        reply_markup=keys,
        filename="invoice.png",
    )
    assert card.caption == "2,100 sats, soon"
    assert [(entity.type, entity.offset) for entity in card.caption_entities] == [
        ("bold", 0),
        ("date_time", 12),
    ]
    assert card.reply_to_message is not None
    assert card.reply_to_message.text == "/invoice 2100 pizza"
    assert [size.width for size in card.photo] == [90, 320, 800, 900]
    file = await client.get_file(card.photo[-1].file_id)
    assert await file.download_as_bytearray() == photo
    await client.edit_message_caption(group.id, card.message_id, caption="PAID")
    await client.edit_message_media(InputMediaPhoto(picture()), group.id, card.message_id)
    now = town.sim.message(group, card.message_id)
    assert (now.text, now.reply_markup, len(now.versions)) == (None, None, 3)
    assert now.photo is not None
    assert now.photo.data == picture()


async def test_the_library_reads_every_kind_of_update(town: Town, client: Bot) -> None:
    group = town.group(supergroup=True)
    message = await town.sent(group, reply_markup=CANCEL)
    town.sim.say(group, town.ann, "/id@invoice_bot", reply_to=message)
    town.sim.press(group, town.ann, message.id)
    town.sim.say(group, town.ann, "/x", anonymous=True)
    channel = town.sim.add_channel("News", admins=[town.bob])
    post = town.sim.post(channel, "new")
    town.sim.forward(post, group, automatic=True)
    said = town.sim.say(group, town.bob, "/y")
    town.sim.edit_as_user(said, "/z")
    town.sim.add_topic(town.group(forum=True), "Bills")
    town.private()
    town.sim.block(town.ann)
    for raw in await town.updates():
        update = Update.de_json(raw, client)
        assert update is not None
        assert update.effective_chat is not None
        assert json.loads(update.to_json())["update_id"] == raw["update_id"]


async def test_the_library_knows_the_refusals(town: Town, client: Bot) -> None:
    group = town.group()
    with pytest.raises(BadRequest, match="Chat not found"):
        await client.send_message(5, "x")
    with pytest.raises(Forbidden, match="can't initiate"):
        await client.send_message(town.ann.id, "x")
    town.sim.fail("sendMessage", retry_after=7)
    with pytest.raises(RetryAfter, match="7"):
        await client.send_message(group.id, "x")
    new = town.sim.migrate(group)
    with pytest.raises(ChatMigrated) as moved:
        await client.send_message(group.id, "x")
    assert moved.value.new_chat_id == new.id
    await town.sim.down()
    with pytest.raises(NetworkError):
        await client.send_message(new.id, "x")


async def test_the_library_reads_chats_members_and_menus(town: Town, client: Bot) -> None:
    group = town.group(admins=[town.bob])
    town.sim.promote(group, town.ann)
    assert (await client.get_chat(group.id)).title == "Dinner"
    admins = await client.get_chat_administrators(group.id)
    assert {admin.user.first_name: admin.status for admin in admins} == {
        "Bob": "creator",
        "Ann": "administrator",
    }
    assert (await client.get_chat_member(group.id, client.id)).status == "member"
    await client.set_my_commands([BotCommand("help", "h")], BotCommandScopeAllGroupChats())
    assert await client.get_my_commands() == ()
    assert [each["command"] for each in town.sim.commands(group, town.ann)] == ["help"]
    assert town.sim.commands(town.private(), town.ann) == []
    assert (await client.get_webhook_info()).url == ""
