"""Which messages a bot gets."""

from __future__ import annotations

import json

import pytest

from tests.demo.telegram.town import TOKEN, Town, refusal


async def test_privacy_mode_hands_on_what_is_meant_for_the_bot(town: Town) -> None:
    group = town.group(bare_commands=False)
    message = await town.sent(group)
    await town.drain()
    heard, silent = (
        ["/help@Invoice_Bot x", "/id@invoice_bot"],
        [
            "/help",
            "/help@other_bot",
            "hello @invoice_bot",
            "please /help@invoice_bot",
        ],
    )
    for text in heard + silent:
        town.sim.say(group, town.ann, text)
    town.sim.say(group, town.ann, "a reply", reply_to=message)
    town.sim.say(group, town.ann, "no reply to it", reply_to=town.sim.messages(group)[-1])
    texts = [update["message"]["text"] for update in await town.updates()]
    assert texts == [*heard, "a reply"]


async def test_bare_commands_reach_the_bot_unless_another_spoke_last(town: Town) -> None:
    other = town.sim.add_bot("77:x", "other_bot", "Other")
    group = town.group()
    await town.drain()
    town.sim.say(group, town.ann, "/help")
    await town.call("sendMessage", token="77:x", chat_id=group.id, text="I am here")
    town.sim.say(group, town.ann, "/id")
    texts = [update["message"]["text"] for update in await town.updates()]
    assert texts == ["/help"]
    assert group.has(other.id)


@pytest.mark.parametrize("way", ["admin", "reads all"])
async def test_an_administrator_or_a_bot_without_privacy_hears_everything(
    town: Town, way: str
) -> None:
    group = town.group()
    if way == "admin":
        town.sim.promote(group, town.bot)
    else:
        town.sim.bots[TOKEN].reads_all = True
    await town.drain()
    said = town.sim.say(group, town.ann, "hello")
    town.sim.edit_as_user(said, "hello!")
    assert [list(update)[1] for update in await town.updates()] == ["message", "edited_message"]
    # and nothing of its own
    await town.sent(group)
    assert len(await town.updates(1)) == 2


async def test_anonymous_administrators_and_channels_speak_as_chats(town: Town) -> None:
    group = town.group(supergroup=True)
    channel = town.sim.add_channel("News", admins=[town.bob])
    await town.drain()
    town.sim.say(group, town.ann, "/a", anonymous=True)
    town.sim.say(group, town.ann, "/b", sender_chat=channel)
    post = town.sim.post(channel, "/c")
    town.sim.promote(group, town.bot)
    town.sim.forward(post, group, automatic=True)
    town.sim.forward(town.sim.say(group, town.bob, "/d"), group, town.ann)
    shown = [update.get("message") or update.get("channel_post") for update in await town.updates()]
    a, b, c, forwarded, _, again = [each for each in shown if each is not None]
    assert (a["from"]["id"], a["sender_chat"]["id"]) == (1087968824, group.id)
    assert (b["from"]["id"], b["sender_chat"]["id"]) == (136817688, channel.id)
    assert "from" not in c
    assert c["sender_chat"]["id"] == channel.id
    assert forwarded["is_automatic_forward"] is True
    assert forwarded["forward_origin"]["chat"]["id"] == channel.id
    assert again["forward_origin"]["sender_user"]["id"] == town.bob.id
    assert all(town.ann.first_name not in json.dumps(each) for each in (a, b))


async def test_the_bot_posts_in_a_channel_as_the_channel(town: Town) -> None:
    channel = town.sim.add_channel("News", admins=[town.bob])
    await town.drain()
    post = await town.call("sendMessage", chat_id=channel.id, text="x")
    assert "from" not in post
    assert await town.updates() == []
    where = {"chat_id": channel.id, "message_id": post["message_id"]}
    await town.call("editMessageText", **where, text="y")
    town.sim.demote(channel, town.bot)
    said = await refusal(town, "sendMessage", chat_id=channel.id, text="x")
    assert said == "Bad Request: need administrator rights in the channel chat"


async def test_joining_and_leaving_are_told(town: Town) -> None:
    group = town.group()
    carl = town.sim.add_user("Carl")
    await town.drain()
    town.sim.join(group, carl)
    town.sim.leave(group, carl)
    joined, left = (update["message"] for update in await town.updates())
    assert joined["new_chat_members"][0]["id"] == carl.id
    assert left["left_chat_member"]["id"] == carl.id
    with pytest.raises(ValueError, match="Carl can't write there"):
        town.sim.say(group, carl, "x")


def test_a_client_sends_no_empty_and_no_endless_text() -> None:
    town = Town()
    chat = town.sim.private_chat(town.ann)
    for text in ("", "  ", "x" * 4097):
        with pytest.raises(ValueError, match=r"non-empty|at most"):
            town.sim.say(chat, town.ann, text)
    assert town.sim.messages(chat) == []
