"""What is said back, sent for real: after what only Telegram or only the node knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

import pytest

from bot import texts
from bot.chat.chats import Say
from bot.chat.replies import Answer, AskNode, IfAdmin, Reply
from bot.errors import NodeLocked, NodeTimeout
from tests.chat.room import Room, plain


async def at_once() -> str:
    return "<b>all is well</b>"


async def never() -> str:
    await asyncio.Event().wait()
    raise AssertionError("it is given up")


async def locked() -> str:
    raise NodeLocked


async def test_what_the_node_says_is_said(room: Room) -> None:
    chat = room.private(room.anna)
    question = await room.say(chat, room.anna, "/help")
    await room.said(chat)
    room.replies.send([AskNode(at_once, partial(Say, chat.id, reply_to=question.id))])
    await room.told(chat, "all is well", 2)
    assert room.telegram.messages(chat)[-1].reply_to is question


async def test_a_node_that_takes_too_long_gets_a_sentence_in_its_place(room: Room) -> None:
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/help")
    await room.said(chat)
    room.replies.send([AskNode(never, partial(Say, chat.id), within_s=0.0)])
    await room.told(chat, texts.refusal(NodeTimeout()), 2)


async def test_why_the_node_does_not_answer_is_said(room: Room) -> None:
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/help")
    await room.said(chat)
    room.replies.send([AskNode(locked, partial(Say, chat.id))])
    await room.told(chat, texts.refusal(NodeLocked()), 2)


async def test_a_fault_of_ours_is_said_and_logged(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> str:
        raise KeyError("a bug")

    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/help")
    await room.said(chat)
    room.replies.send([AskNode(broken, partial(Say, chat.id))])
    await room.told(chat, texts.BUG, 2)
    assert "node not asked" in "\n".join(caplog.messages)


async def test_a_node_that_is_asked_holds_up_nobody(room: Room) -> None:
    chat = room.private(room.owner)
    await room.say(chat, room.owner, "/help")
    await room.said(chat)
    room.replies.send([AskNode(never, partial(Say, chat.id)), Say(chat.id, "first")])
    await room.told(chat, "first", 2)
    command = await room.say(chat, room.owner, "/invoice 2100")
    assert await room.row_of(command) is not None


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("owner", 200, "yes"),
        ("anna", 200, "no"),
        ("owner", 400, "no"),
        ("owner", 429, "unknown"),
        ("owner", 500, "unknown"),
        ("owner", 0, "unknown"),
    ],
)
async def test_an_admin_is_one_only_where_telegram_says_so(
    room: Room, name: str, status: int, says: str
) -> None:
    if status == 0:
        room.telegram.drop("getChatMember", acted=True)
    elif status != 200:
        room.telegram.fail("getChatMember", status=status, description="user not found")

    async def then() -> Sequence[Reply]:
        return [Say(room.group.id, "yes")]

    person = getattr(room, name).id
    no, unknown = (Say(room.group.id, text) for text in ("no", "unknown"))
    room.replies.send([IfAdmin(room.group.id, person, then, [no], [unknown])])
    await room.told(room.group, says)


async def test_a_press_is_answered_as_far_as_telegram_shows_it(room: Room) -> None:
    _, card = await room.open_card(room.private(room.anna), room.anna, "/invoice 2100")
    press = room.telegram.press(card.chat, room.anna, card.id)
    room.replies.send([Answer(press.id, "x" * 300, alert=True)])
    async with asyncio.timeout(10):
        answer = await press.answer
    assert (answer.text, answer.show_alert) == ("x" * 200, True)


async def test_a_press_that_is_too_old_to_be_answered_stops_nothing(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    room.replies.send([Answer("1", "too late"), Say(room.group.id, "hello")])
    await room.told(room.group, "hello")
    await room.chats.close(timeout_s=1.0)
    assert "press not answered" in "\n".join(caplog.messages)


def test_a_sentence_for_a_slow_node_has_no_markup() -> None:
    sentence = texts.refusal(NodeTimeout())
    assert plain(sentence) == sentence
