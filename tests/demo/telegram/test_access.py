"""Chats that a bot can't write to."""

from __future__ import annotations

import pytest

from tests.demo.telegram.town import CANCEL, Json, Refused, Town, picture, refusal


async def test_a_stranger_can_not_be_written_to(town: Town) -> None:
    assert await refusal(town, "sendMessage", chat_id=town.ann.id, text="x") == (
        "Bad Request: chat not found"
    )
    town.group()
    assert await refusal(town, "sendMessage", chat_id=town.ann.id, text="x") == (
        "Forbidden: bot can't initiate conversation with a user"
    )
    assert await refusal(town, "sendMessage", text="x") == "Bad Request: chat_id is empty"


WRITES: list[tuple[str, Json]] = [
    ("sendMessage", {"text": "x"}),
    ("sendPhoto", {"photo": picture()}),
    ("sendChatAction", {"action": "typing"}),
]


@pytest.mark.parametrize(("method", "params"), WRITES)
async def test_a_person_is_written_to_after_their_start_and_until_they_block(
    town: Town, method: str, params: Json
) -> None:
    there = {"chat_id": town.ann.id, **params}
    assert await refusal(town, method, **there) == "Bad Request: chat not found"
    # opening the chat is not enough, nor is being a member of a group
    town.sim.private_chat(town.ann)
    assert await refusal(town, method, **there) == "Bad Request: chat not found"
    group = town.group()
    cannot_begin = "Forbidden: bot can't initiate conversation with a user"
    assert await refusal(town, method, **there) == cannot_begin
    town.sim.leave(group, town.ann)
    assert await refusal(town, method, **there) == cannot_begin
    town.sim.start_bot(town.ann)
    await town.call(method, **there)
    town.sim.block(town.ann)
    assert await refusal(town, method, **there) == "Forbidden: bot was blocked by the user"
    town.sim.start_bot(town.ann)
    await town.call(method, **there)


async def test_somebody_who_is_known_from_a_group_only_can_be_looked_up(town: Town) -> None:
    assert await refusal(town, "getChat", chat_id=town.ann.id) == "Bad Request: chat not found"
    town.group()
    shown = await town.call("getChat", chat_id=town.ann.id)
    assert (shown["first_name"], shown["type"]) == ("Ann", "private")


async def test_a_press_makes_a_stranger_known_but_no_one_to_write_to(town: Town) -> None:
    channel = town.sim.add_channel("News", admins=[town.bob])
    post = await town.sent(channel, reply_markup=CANCEL)
    town.sim.press(channel, town.ann, post.id)
    said = await refusal(town, "sendMessage", chat_id=town.ann.id, text="x")
    assert said == "Forbidden: bot can't initiate conversation with a user"


async def test_a_person_who_blocked_the_bot_gets_nothing_until_they_return(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat)
    town.sim.block(town.ann)
    for method in ("sendMessage", "editMessageText", "sendChatAction"):
        params = {"text": "y", "message_id": message.id, "action": "typing"}
        said = await refusal(town, method, chat_id=chat.id, **params)
        assert said == "Forbidden: bot was blocked by the user"
    with pytest.raises(ValueError, match="can't write"):
        town.sim.say(chat, town.ann, "x")
    town.sim.unblock(town.ann)
    await town.sent(chat)
    statuses = [
        update["my_chat_member"]["new_chat_member"]["status"]
        for update in await town.updates()
        if "my_chat_member" in update
    ]
    assert statuses == ["kicked", "member"]


@pytest.mark.parametrize(("supergroup", "kind"), [(False, "group"), (True, "supergroup")])
async def test_a_group_that_removed_the_bot_gets_nothing(
    town: Town, supergroup: bool, kind: str
) -> None:
    group = town.group(supergroup=supergroup)
    await town.drain()
    town.sim.remove_bot(group)
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x")
    assert said == f"Forbidden: bot was kicked from the {kind} chat"
    town.sim.say(group, town.ann, "/help@invoice_bot")
    assert [list(update)[1] for update in await town.updates()] == ["my_chat_member", "message"]
    town.sim.readd_bot(group)
    await town.sent(group)
    await town.call("leaveChat", chat_id=group.id)
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x")
    assert said == f"Forbidden: bot is not a member of the {kind} chat"


async def test_a_group_that_never_had_the_bot_is_unknown(town: Town) -> None:
    group = town.group(bot_member=False)
    said = await refusal(town, "getChat", chat_id=group.id)
    assert said == "Bad Request: chat not found"


async def test_a_group_may_forbid_photos_or_texts(town: Town) -> None:
    group = town.group()
    town.sim.restrict_bot(group, send_photos=False)
    said = await refusal(town, "sendPhoto", chat_id=group.id, photo=picture())
    assert said == "Bad Request: not enough rights to send photos to the chat"
    message = await town.sent(group)
    where = {"chat_id": group.id, "message_id": message.id}
    media = {"type": "photo", "media": "attach://new"}
    said = await refusal(town, "editMessageMedia", **where, media=media, new=picture())
    assert said == "Bad Request: not enough rights to send photos to the chat"
    town.sim.restrict_bot(group, send_text=False)
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x")
    assert said == "Bad Request: not enough rights to send text messages to the chat"
    town.sim.promote(group, town.bot)
    await town.sent(group)


async def test_a_group_that_became_a_supergroup_has_a_new_id(town: Town) -> None:
    group = town.group()
    message = await town.sent(group)
    await town.drain()
    new = town.sim.migrate(group)
    with pytest.raises(Refused) as caught:
        await town.call("sendMessage", chat_id=group.id, text="x")
    assert caught.value.code == 400
    assert caught.value.parameters == {"migrate_to_chat_id": new.id}
    assert str(caught.value) == "Bad Request: group chat was upgraded to a supergroup chat"
    for chat in (group, new):
        said = await refusal(
            town, "editMessageText", chat_id=chat.id, message_id=message.id + 50, text="y"
        )
        assert said == "Bad Request: message to edit not found"
    said = await refusal(town, "editMessageText", chat_id=group.id, message_id=message.id, text="y")
    assert said == "Bad Request: message to edit not found"
    told = [update["message"] for update in await town.updates()]
    assert [note.get("migrate_to_chat_id") for note in told] == [new.id, None]
    assert [note.get("migrate_from_chat_id") for note in told] == [None, group.id]
    await town.sent(new)
    assert (await town.call("getChatMember", chat_id=new.id, user_id=town.ann.id))["status"] == (
        "creator"
    )
