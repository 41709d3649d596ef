"""What is said back, sent for real: after what only Telegram or only the node knows."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from functools import partial

import pytest

from bot import texts
from bot.chat import replies
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
    await asked_whether_admin(room, getattr(room, name).id, says)


async def asked_whether_admin(room: Room, person_id: int, says: str) -> None:
    async def then() -> Sequence[Reply]:
        return [Say(room.group.id, "yes")]

    no, unknown = (Say(room.group.id, text) for text in ("no", "unknown"))
    room.replies.send([IfAdmin(room.group.id, person_id, then, [no], [unknown])])
    await room.told(room.group, says)


@pytest.mark.parametrize(
    ("status", "description", "says"),
    [
        (400, "Bad Request: user not found", "no"),
        (400, "Bad Request: PARTICIPANT_ID_INVALID", "no"),
        (400, "Bad Request: USER_NOT_PARTICIPANT", "no"),
        (400, "Bad Request: CHAT_ADMIN_REQUIRED", "unknown"),
        (400, "Bad Request: member list is inaccessible", "unknown"),
        (400, "Bad Request: chat not found", "unknown"),
        (400, "Bad Request: group chat was deactivated", "unknown"),
        (400, "Bad Request: something new", "unknown"),
        (403, "Forbidden: bot is not a member of the supergroup chat", "unknown"),
        (403, "Forbidden: user not found", "unknown"),
        (401, "Unauthorized", "unknown"),
        (404, "Not Found", "unknown"),
    ],
)
async def test_a_refusal_to_say_who_is_an_admin_makes_nobody_none(
    room: Room, status: int, description: str, says: str
) -> None:
    room.telegram.fail("getChatMember", status=status, description=description)
    await asked_whether_admin(room, room.owner.id, says)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        *[(each, "yes") for each in ("creator", "administrator")],
        *[(each, "no") for each in ("member", "restricted", "left", "kicked")],
        ("something new", "unknown"),
    ],
)
async def test_who_is_an_admin_is_read_from_the_status(room: Room, status: str, says: str) -> None:
    room.telegram.garble(
        "getChatMember", json.dumps({"ok": True, "result": {"status": status}}), acted=False
    )
    await asked_whether_admin(room, room.anna.id, says)


async def test_a_press_is_answered_as_far_as_telegram_shows_it(room: Room) -> None:
    _, card = await room.open_card(room.private(room.anna), room.anna, "/invoice 2100")
    press = room.telegram.press(card.chat, room.anna, card.id)
    room.replies.send([Answer(press.id, room.anna.id, "x" * 300, alert=True)])
    async with asyncio.timeout(30):
        answer = await press.answer
    assert (answer.text, answer.show_alert) == ("x" * 200, True)


async def test_a_press_that_is_too_old_to_be_answered_stops_nothing(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    room.replies.send([Answer("1", room.anna.id, "too late"), Say(room.group.id, "hello")])
    await room.told(room.group, "hello")
    await room.chats.close(timeout_s=1.0)
    assert "press not answered" in "\n".join(caplog.messages)


# a crowd that presses


def answers(room: Room) -> int:
    return sum(call.method == "answerCallbackQuery" for call in room.telegram.calls)


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    """The lines of the log about it."""
    return [record.getMessage() for record in caplog.records if event in record.getMessage()]


async def test_while_telegram_is_slow_presses_take_a_few_connections_and_one_person_fewer(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    stalled = room.telegram.stall("answerCallbackQuery")
    press = room.telegram.press(card.chat, room.stranger, card.id)
    room.replies.send([Answer(press.id, room.stranger.id, "no")] * 2000)
    await stalled.reached()
    room.replies.send([Say(room.group.id, "hello")])  # which goes past all of them
    await room.told(room.group, "hello", 2)
    assert answers(room) == replies.PRESSES_A_PERSON
    for person in range(1000):
        room.replies.send([Answer(press.id, person, "no")])
    friend = room.telegram.press(card.chat, room.anna, card.id)
    await room.telegram.wait_for(lambda: answers(room) == replies.PRESSES_AT_ONCE)
    stalled.release()
    await room.telegram.wait_for(lambda: answers(room) == replies.PRESSES_IN_ALL)
    room.replies.send([Answer(friend.id, room.anna.id, "yes")])
    async with asyncio.timeout(30):
        assert (await friend.answer).text == "yes"
    assert len(logged(caplog, "presses not answered")) == 2  # for one person, and for all


async def test_a_press_whose_answer_would_come_too_late_gets_none(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(replies, "ANSWER_WITHIN_S", 0.3)
    monkeypatch.setattr(replies, "PRESSES_AT_ONCE", 1)
    crowded = replies.Replies(room.chats, folder=room.file.parent)
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    room.telegram.stall("answerCallbackQuery")
    press = room.telegram.press(card.chat, room.anna, card.id)
    crowded.send([Answer(press.id, person, "no") for person in range(5)])
    async with asyncio.timeout(30):
        await asyncio.wait(set(room.chats._posting))
    assert answers(room) < 5
    assert len(logged(caplog, "presses not answered")) == 1
    room.telegram.clear_faults()
    crowded.send([Answer(press.id, room.anna.id, "yes")])
    async with asyncio.timeout(30):
        assert (await press.answer).text in ("yes", "no")


async def test_questions_who_is_an_admin_take_a_few_places_and_of_one_chat_fewer(
    room: Room,
) -> None:
    async def then() -> Sequence[Reply]:
        return [Say(elsewhere.id, "yes")]

    elsewhere = room.telegram.add_group("Elsewhere", [room.owner])
    stalled = room.telegram.stall("getChatMember", chat_id=room.group.id)
    for person in range(50):
        room.replies.send([IfAdmin(room.group.id, person, then, [], [])])
    await stalled.reached()
    room.replies.send([IfAdmin(elsewhere.id, room.owner.id, then, [], [])])
    await room.told(elsewhere, "yes")
    asked = [call for call in room.telegram.calls if call.method == "getChatMember"]
    assert len(asked) == replies.ADMINS_A_CHAT + 1
    stalled.release()


async def test_an_admin_who_presses_as_often_as_one_may_is_answered_each_time(room: Room) -> None:
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    times = range(replies.PRESSES_A_PERSON)
    presses = [room.telegram.press(card.chat, room.owner, card.id) for _ in times]
    admin = room.owner.id
    for press in presses:

        async def then(press_id: str = press.id) -> Sequence[Reply]:
            return [Answer(press_id, admin, "yes")]

        room.replies.send([IfAdmin(room.group.id, admin, then, [], [])])
    async with asyncio.timeout(30):
        said = [(await press.answer).text for press in presses]
    assert said == ["yes"] * len(said)


def test_a_sentence_for_a_slow_node_has_no_markup() -> None:
    sentence = texts.refusal(NodeTimeout())
    assert plain(sentence) == sentence
