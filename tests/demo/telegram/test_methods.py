"""Buttons, reactions, menus, and what the other methods refuse."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.demo.telegram import Chat, User
from tests.demo.telegram.town import CANCEL, Json, Town, refusal


async def test_a_press_reaches_the_bot_and_its_answer_the_person(town: Town) -> None:
    group = town.group()
    message = await town.sent(group, reply_markup=CANCEL)
    await town.drain()
    press = town.sim.press(group, town.ann, message.id, text="Cancel")
    (update,) = await town.updates()
    query = update["callback_query"]
    assert (query["from"]["id"], query["data"]) == (town.ann.id, "cancel:1")
    assert query["message"]["message_id"] == message.id
    assert not press.answer.done()
    await town.call("answerCallbackQuery", callback_query_id=query["id"], text="Done", show_alert=1)
    async with asyncio.timeout(30):
        answer = await press.answer
    assert (answer.text, answer.show_alert) == ("Done", True)


async def test_a_button_in_a_channel_can_be_pressed(town: Town) -> None:
    channel = town.sim.add_channel("News", admins=[town.bob])
    message = await town.sent(channel, reply_markup=CANCEL)
    await town.drain()
    town.sim.press(channel, town.ann, message.id)
    (update,) = await town.updates()
    assert update["callback_query"]["message"]["sender_chat"]["id"] == channel.id


async def test_a_button_that_is_gone_can_not_be_pressed(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    with pytest.raises(LookupError):
        town.sim.press(chat, town.ann, message.id, text="Renew")
    await town.call("editMessageReplyMarkup", chat_id=chat.id, message_id=message.id)
    with pytest.raises(LookupError):
        town.sim.press(chat, town.ann, message.id)


async def test_an_old_or_unknown_press_can_not_be_answered(town: Town) -> None:
    chat = town.private()
    press = town.sim.press(chat, town.ann, (await town.sent(chat, reply_markup=CANCEL)).id)
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    long = {"callback_query_id": press.id, "text": "x" * 201}
    assert await refusal(town, "answerCallbackQuery", **long) == "Bad Request: MESSAGE_TOO_LONG"
    assert await refusal(town, "answerCallbackQuery", callback_query_id="5") == too_old
    town.clock.now += 151
    assert await refusal(town, "answerCallbackQuery", callback_query_id=press.id) == too_old


async def test_a_press_that_waited_too_long_can_not_be_answered(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    await town.drain()
    soon, late = (town.sim.press(chat, town.ann, message.id) for _ in range(2))
    answer = {"url": "t.me/invoice_bot?start=a"}
    await town.call("answerCallbackQuery", callback_query_id=soon.id, **answer)
    # a bot that was away still gets it
    town.clock.now += 149
    assert len(await town.updates()) == 2
    said = await refusal(town, "answerCallbackQuery", callback_query_id=late.id, **answer)
    assert said == (
        "Bad Request: query is too old and response timeout expired or query ID is invalid"
    )
    assert not late.answer.done()
    town.clock.now += 1
    assert await town.updates(1) == []


async def test_a_bot_reacts_once_and_with_the_usual_emoji(town: Town) -> None:
    group = town.group()
    said = town.sim.say(group, town.ann, "/help")
    where = {"chat_id": group.id, "message_id": said.id}

    def emoji(*each: str) -> list[Json]:
        return [{"type": "emoji", "emoji": one} for one in each]

    await town.call("setMessageReaction", **where, reaction=emoji("⚡"))
    assert said.reactions == {town.bot.id: emoji("⚡")}
    for reaction, reason in (
        (emoji("👍", "👎"), "REACTIONS_TOO_MANY"),
        (emoji("🍕"), "REACTION_INVALID"),
    ):
        said_no = await refusal(town, "setMessageReaction", **where, reaction=reaction)
        assert said_no == f"Bad Request: {reason}"


async def test_the_narrowest_menu_wins(town: Town) -> None:
    group = town.group(admins=[town.bob])

    async def menu(name: str, **where: Any) -> None:
        commands = [{"command": name, "description": "d"}]
        await town.call("setMyCommands", commands=commands, **where)

    await menu("all")
    await menu("groups", scope={"type": "all_group_chats"})
    await menu("gruppen", scope={"type": "all_group_chats"}, language_code="de")
    await menu("admins", scope={"type": "all_chat_administrators"})
    await menu("here", scope={"type": "chat", "chat_id": group.id})
    dora = town.sim.add_user("Dora", language_code="de")
    town.sim.join(group, dora)
    elsewhere = town.sim.add_group("Lunch", [town.bob, dora, town.ann])

    def shown(chat: Chat, user: User) -> list[str]:
        return [each["command"] for each in town.sim.commands(chat, user)]

    assert shown(group, town.ann) == ["here"]
    assert shown(elsewhere, town.ann) == ["groups"]
    assert shown(elsewhere, dora) == ["gruppen"]
    assert shown(elsewhere, town.bob) == ["admins"]
    assert shown(town.private(), town.ann) == ["all"]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"commands": [{"command": "Help", "description": "d"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "h" * 33, "description": "d"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "h", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "h"}]}, "can't parse BotCommand: Can't find field"),
        ({"commands": 5}, "expected an Array of BotCommand"),
        ({"commands": [{"command": "h", "description": "d"}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": [], "language_code": "en-US"}, "invalid language code specified"),
        ({"commands": [], "scope": {"type": "x"}}, "can't parse BotCommandScope: Unsupported"),
        ({"commands": [], "scope": {"type": "chat", "chat_id": 5}}, "chat not found"),
        ({"commands": [], "scope": {"type": "chat"}}, "can't parse BotCommandScope: Can't find"),
    ],
)
async def test_a_wrong_menu_is_refused(town: Town, params: Json, reason: str) -> None:
    assert (await refusal(town, "setMyCommands", **params)).startswith(f"Bad Request: {reason}")


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        ("sendChatAction", {"action": "dance"}, "wrong parameter action in request"),
        ("getChatMember", {}, "invalid user_id specified"),
        ("getChatMember", {"user_id": 5}, "user not found"),
        ("getChatAdministrators", {}, "there are no administrators in the private chat"),
        ("getFile", {"file_id": "x"}, "invalid file_id"),
        ("getFile", {}, "file_id not specified"),
        ("deleteMessage", {"message_id": 999}, "message to delete not found"),
        ("setMessageReaction", {"message_id": 999}, "message to react not found"),
        ("leaveChat", {}, "chat member status can't be changed in private chats"),
    ],
)
async def test_other_methods_refuse_too(town: Town, method: str, params: Json, reason: str) -> None:
    chat = town.private()
    assert await refusal(town, method, chat_id=chat.id, **params) == f"Bad Request: {reason}"
