"""Topics and replies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.telegram.town import Town, picture, refusal


async def test_topics_have_their_thread_and_general_has_none(town: Town) -> None:
    forum = town.group(forum=True)
    topic = town.sim.add_topic(forum, "Bills")
    asked = town.sim.say(forum, town.ann, "/invoice 5", thread=topic)
    shown = town.sim.message_json(asked)
    assert (shown["message_thread_id"], shown["is_topic_message"]) == (topic, True)
    # what replies to nothing is shown as a reply to the topic's first message
    assert shown["reply_to_message"]["forum_topic_created"]["name"] == "Bills"
    answer = await town.call(
        "sendMessage", chat_id=forum.id, text="x", reply_parameters={"message_id": asked.id}
    )
    assert answer["message_thread_id"] == topic
    assert answer["reply_to_message"]["message_id"] == asked.id
    general = await town.call("sendMessage", chat_id=forum.id, text="x")
    assert "message_thread_id" not in general
    for thread in (1, 9999):
        said = await refusal(
            town, "sendMessage", chat_id=forum.id, text="x", message_thread_id=thread
        )
        assert said == "Bad Request: message thread not found"
    town.sim.delete_topic(forum, topic)
    said = await refusal(town, "sendMessage", chat_id=forum.id, text="x", message_thread_id=topic)
    assert said == "Bad Request: message thread not found"


async def test_a_closed_topic_takes_messages_of_admins_only(town: Town) -> None:
    forum = town.group(forum=True)
    topic = town.sim.add_topic(forum, "Bills")
    asked = town.sim.say(forum, town.bob, "/invoice 5", thread=topic)
    town.sim.close_topic(forum, topic)
    with pytest.raises(ValueError, match="closed"):
        town.sim.say(forum, town.bob, "/invoice 5", thread=topic)
    there: dict[str, Any] = {"chat_id": forum.id, "message_thread_id": topic}
    reply = {"message_id": asked.id}  # in the topic as well, without its number
    for where in (there, {"chat_id": forum.id, "reply_parameters": reply}):
        said = await refusal(town, "sendMessage", text="x", **where)
        assert said == "Bad Request: TOPIC_CLOSED"
        assert await refusal(town, "sendPhoto", photo=picture(), **where) == said
    await town.call("sendMessage", chat_id=forum.id, text="in General")
    town.sim.promote(forum, town.bot)
    await town.call("sendMessage", text="x", **there)
    town.sim.demote(forum, town.bot)
    town.sim.reopen_topic(forum, topic)
    await town.call("sendMessage", text="x", **there)


async def test_where_topics_were_switched_off_there_is_none(town: Town) -> None:
    forum = town.group(forum=True)
    topic = town.sim.add_topic(forum, "Bills")
    town.sim.switch_topics(forum, on=False)
    there: dict[str, Any] = {"chat_id": forum.id, "message_thread_id": topic}
    said = await refusal(town, "sendMessage", text="x", **there)
    assert said == "Bad Request: message thread not found"
    first = town.sim.say(forum, town.ann, "a thread of replies has no topic")
    await town.call("sendMessage", chat_id=forum.id, text="x", message_thread_id=first.id)
    town.sim.switch_topics(forum, on=True)
    await town.call("sendMessage", text="x", **there)


async def test_a_thread_means_nothing_where_there_are_no_topics(town: Town) -> None:
    sent = await town.call("sendMessage", chat_id=town.group().id, text="x", message_thread_id=77)
    assert "message_thread_id" not in sent


async def test_a_reply_to_a_deleted_message_goes_without_it_only_if_allowed(town: Town) -> None:
    group = town.group()
    asked = town.sim.say(group, town.ann, "/invoice 5")
    town.sim.delete_message(group, asked.id)
    reply = {"message_id": asked.id, "allow_sending_without_reply": True}
    assert (await town.sent(group, reply_parameters=reply)).reply_to is None
    reply["allow_sending_without_reply"] = False
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x", reply_parameters=reply)
    assert said == "Bad Request: message to be replied not found"


async def test_a_reply_shows_one_level(town: Town) -> None:
    group = town.group()
    first = town.sim.say(group, town.ann, "one")
    second = town.sim.say(group, town.bob, "two", reply_to=first)
    third = town.sim.message_json(town.sim.say(group, town.ann, "three", reply_to=second))
    assert third["reply_to_message"]["text"] == "two"
    assert "reply_to_message" not in third["reply_to_message"]
