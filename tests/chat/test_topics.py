"""Topics that are gone or closed: what the bot says is said without them, or in private."""

from __future__ import annotations

from typing import Any

import pytest

from bot import texts
from bot.core.invoice import Face, Invoice, State
from bot.core.work import Do
from bot.demo.telegram import Chat
from bot.errors import TopicClosed, TopicGone
from tests.chat.room import ALIAS, PAYMENT_REQUEST, Room, plain
from tests.chat.test_cards import taken


async def asked(room: Room, text: str = "/invoice 2100") -> tuple[Chat, int, Invoice]:
    """A forum's topic, and the row of a command in it."""
    forum = room.telegram.add_group("Forum", [room.anna, room.owner], forum=True)
    topic = room.telegram.add_topic(forum, "Money")
    room.telegram.say(forum, room.anna, text, thread=topic)
    command = room.telegram.messages(forum)[-1]
    await room.handled()
    opened: dict[str, Any] = {
        "state": State.OPEN,
        "payment_request": PAYMENT_REQUEST,
        "expires_at": int(room.clock()) + 3600,
    }
    return forum, topic, await room.change(await room.row(command), **opened)


@pytest.mark.parametrize("how", ["deleted", "switched off", "deleted by its other name"])
async def test_a_topic_that_is_gone_is_told_apart_from_other_refusals(room: Room, how: str) -> None:
    forum, topic, row = await asked(room)
    if how == "deleted":
        room.telegram.delete_topic(forum, topic)
    elif how == "switched off":
        room.telegram.switch_topics(forum, on=False)
    else:
        room.telegram.fail("sendPhoto", status=400, description="Bad Request: TOPIC_DELETED")
    assert type(await taken(room, Do.SEND_CARD, row)) is TopicGone
    row = await room.take(Do.SEND_CARD, await room.change(row, thread_id=None))
    assert room.telegram.message(forum, row.card_id or 0).sender is room.bot_user
    assert "message_thread_id" not in room.telegram.calls[-1].params


async def test_a_closed_topics_card_is_in_private_and_says_why(room: Room) -> None:
    await room.say(room.private(room.anna), room.anna, "/start")
    forum, topic, row = await asked(room)
    room.telegram.close_topic(forum, topic)
    assert type(await taken(room, Do.SEND_CARD, row)) is TopicClosed
    moved: dict[str, Any] = {"chat_id": room.anna.id, "thread_id": None, "reply_to": None}
    there = texts.card(row, Face.OPEN, ALIAS).html
    row = await room.take(Do.SEND_CARD, await room.change(row, **moved))
    in_private = texts.card(row, Face.OPEN, ALIAS).html
    assert room.ours(room.private(room.anna))[-1] == plain(in_private)
    shared = {line for line in there.splitlines() if not line.startswith("Requested by")}
    assert shared < set(in_private.splitlines())  # and a line that says why


async def test_a_sentence_goes_out_without_a_topic_that_is_gone(room: Room) -> None:
    forum = room.telegram.add_group("Forum", [room.anna, room.owner], forum=True)
    topic = room.telegram.add_topic(forum, "Money")
    stall = room.telegram.stall("sendMessage", chat_id=forum.id)
    room.telegram.say(forum, room.anna, "/invoice 21o0", thread=topic)
    await room.handled()
    await stall.reached()
    room.telegram.delete_topic(forum, topic)
    stall.release()
    await room.said(forum)
    assert room.telegram.messages(forum)[-1].thread_id is None


async def test_a_sentence_for_a_closed_topic_is_said_to_the_asker_in_private(room: Room) -> None:
    private = room.private(room.anna)
    await room.say(private, room.anna, "/help")
    await room.said(private)
    forum = room.telegram.add_group("Forum", [room.anna, room.owner], forum=True)
    topic = room.telegram.add_topic(forum, "Money")
    room.telegram.promote(forum, room.anna)
    room.telegram.close_topic(forum, topic)
    room.telegram.say(forum, room.anna, "/invoice 21o0", thread=topic)
    await room.handled()
    await room.said(private, 2)
    assert room.ours(forum) == []
