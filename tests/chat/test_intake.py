"""Polls: how often, what is believed of a rejected token, and a server that ignores the offset."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from telegram.error import Conflict

from bot.chat import explain as explain_module
from bot.chat import limits
from bot.chat.client import make_bot
from bot.chat.intake import BATCH, NEWS_EVERY_S, POLL_EVERY_S, POLLS_IN_A_ROW, Intake
from bot.clock import steady
from bot.config import TelegramSettings
from bot.errors import TokenRefused
from tests.chat.room import TOKEN, Room

UNAUTHORIZED = {"status": 401, "description": "Unauthorized"}


def polls(room: Room) -> int:
    return sum(call.method == "getUpdates" for call in room.telegram.calls)


def intake(room: Room, doubt_s: float = 60.0) -> Intake:
    """One of its own, with the room's families."""
    return Intake(
        room.telegram_bot,
        room.handling,
        on_rival=lambda: room.rivals.append(steady()),
        ages=room.ages,
        doubt_s=doubt_s,
    )


@asynccontextmanager
async def running(room: Room, doubt_s: float = 60.0) -> AsyncIterator[asyncio.Task[None]]:
    """A bot that polls; it has had its first answer."""
    stop, before = asyncio.Event(), polls(room)
    task = asyncio.ensure_future(intake(room, doubt_s).run(stop))
    await room.telegram.wait_for(lambda: polls(room) > before + 1)
    yield task
    stop.set()
    await asyncio.wait({task}, timeout=10)


async def test_a_token_that_is_rejected_once_is_asked_about_again(room: Room) -> None:
    chat = room.private(room.anna)
    async with running(room) as task:
        room.telegram.fail("getUpdates", times=2, **UNAUTHORIZED)  # type: ignore[arg-type]
        room.telegram.say(chat, room.anna, "/help")  # ends the poll that waits
        room.telegram.say(chat, room.anna, "/help")
        await room.said(chat, 2)
        assert not task.done()
    assert task.exception() is None


async def test_a_token_that_stays_rejected_is_believed_to_be(room: Room) -> None:
    async with running(room, doubt_s=0.3) as task:
        room.telegram.fail("getUpdates", times=None, **UNAUTHORIZED)  # type: ignore[arg-type]
        room.telegram.say(room.private(room.anna), room.anna, "/help")
        async with asyncio.timeout(30):
            await asyncio.wait({task})
        assert isinstance(task.exception(), TokenRefused)


async def test_a_first_poll_that_is_rejected_after_the_login_is_repeated(room: Room) -> None:
    room.telegram.fail("getUpdates", **UNAUTHORIZED)  # type: ignore[arg-type]
    async with running(room) as task:
        assert not task.done()
    assert task.exception() is None


async def test_a_server_that_ignores_the_offset_is_asked_five_times_a_second_and_no_more(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    chat = room.private(room.anna)
    waiting = room.telegram.bots[TOKEN].updates
    for _ in range(BATCH):
        room.telegram.push_raw_update({"something": "new"})
    async with running(room):
        waiting.is_deaf = True
        room.telegram.say(chat, room.anna, "/help")
        await room.said(chat)
        room.telegram.calls.clear()
        began_at = asyncio.get_running_loop().time()
        await room.telegram.wait_for(lambda: polls(room) >= 6)
        assert asyncio.get_running_loop().time() - began_at >= 4.5 * POLL_EVERY_S
    assert len(room.ours(chat)) == 1
    assert len([line for line in caplog.messages if "delivers again" in line]) == 1


async def test_a_server_that_answers_nothing_at_once_is_asked_five_times_a_second_and_no_more(
    room: Room,
) -> None:
    async with running(room):
        room.telegram.garble("getUpdates", '{"ok":true,"result":[]}', acted=False, times=None)
        room.telegram.say(room.private(room.anna), room.anna, "/help")
        await room.said(room.private(room.anna))
        room.telegram.calls.clear()
        began_at = asyncio.get_running_loop().time()
        await room.telegram.wait_for(lambda: polls(room) >= 6)
        assert asyncio.get_running_loop().time() - began_at >= 4.5 * POLL_EVERY_S


def answer(*numbers: int) -> str:
    """Updates of these numbers in which nothing can be read."""
    return json.dumps(
        {"ok": True, "result": [{"update_id": each, "message": 5} for each in numbers]}
    )


#: The numbers of an odd server's updates, by how many answers came before.
ODD_NUMBERS: dict[str, Callable[[int], int]] = {
    "growing": lambda count: 10**9 + count,
    "random": lambda _: random.randrange(10**9),
    "falling": lambda count: 10**9 - count,
    "one and another": lambda count: 5 + count % 2 * 100,
}


@pytest.mark.parametrize("kind", ODD_NUMBERS)
async def test_a_server_that_answers_at_once_is_asked_five_times_a_second_and_no_more(
    room: Room, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(limits, "COUNT_S", 2.0)
    async with running(room):
        for count in range(200):
            body = answer(ODD_NUMBERS[kind](count))
            room.telegram.garble("getUpdates", body, acted=False)
        room.telegram.say(room.private(room.anna), room.anna, "/help")
        await room.said(room.private(room.anna))
        room.telegram.calls.clear()
        began_at = asyncio.get_running_loop().time()
        count = POLLS_IN_A_ROW + 12
        await room.telegram.wait_for(lambda: polls(room) >= count)
        assert asyncio.get_running_loop().time() - began_at >= 11.5 * POLL_EVERY_S
        room.telegram.clear_faults()
    for what in ("unreadable", "lower numbers", "delivers again"):
        lines = [line for line in caplog.messages if what in line]
        assert len(lines) <= 3
        assert all("more" in line for line in lines[1:])
    assert any("unreadable" in line for line in caplog.messages)


async def test_of_a_batch_that_could_not_be_written_nothing_is_confirmed_with_the_first_again(
    room: Room,
) -> None:
    """Telegram gives one update alone where a call repeats the same offset soon."""
    own = intake(room)
    for person in (room.anna, room.bert):
        room.telegram.say(room.private(person), person, "/invoice 2100 pizza")
    room.telegram.push_raw_update({"something": "new"})
    first, second, third = room.telegram.bots[TOKEN].updates.unconfirmed()
    file = room.file
    away = file.rename(file.with_suffix(".away"))
    assert not await own.handle([first, second, third])  # only the third needs no database
    away.rename(file)
    assert await own.handle([first])
    assert own._offset == second["update_id"]
    assert await own.handle([second, third])
    assert own._offset == third["update_id"] + 1


async def test_what_telegram_no_longer_has_is_not_waited_for(room: Room) -> None:
    own = intake(room)
    for person in (room.anna, room.bert):
        room.telegram.say(room.private(person), person, "/invoice 2100 pizza")
    first, second = room.telegram.bots[TOKEN].updates.unconfirmed()
    room.telegram.push_raw_update({"something": "new"})
    file = room.file
    away = file.rename(file.with_suffix(".away"))
    assert not await own.handle([first, second])
    away.rename(file)
    later = room.telegram.bots[TOKEN].updates.unconfirmed()[-1]
    assert await own.handle([later])
    assert own._offset == later["update_id"] + 1


async def test_what_people_do_one_after_the_other_is_read_a_hundred_times_a_second(
    room: Room,
) -> None:
    chat, count = room.private(room.anna), 160
    async with running(room):
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        for number in range(count):
            before = polls(room)
            room.telegram.say(chat, room.anna, f"no. {number}")
            await room.telegram.wait_for(lambda before=before: polls(room) > before)
        lasted_s = loop.time() - began_at
    assert lasted_s < 0.6 * (count - POLLS_IN_A_ROW) * POLL_EVERY_S
    assert lasted_s >= (count - POLLS_IN_A_ROW * POLL_EVERY_S / NEWS_EVERY_S) * NEWS_EVERY_S


async def test_of_an_answer_with_more_than_was_asked_for_the_rest_is_not_looked_at(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    chat = room.private(room.anna)
    async with running(room):
        body = answer(*range(10**6, 10**6 + 20 * BATCH))
        room.telegram.garble("getUpdates", body, acted=False, times=2)
        room.telegram.say(chat, room.anna, "/help")
        await room.said(chat)
        room.telegram.calls.clear()
        await room.telegram.wait_for(lambda: polls(room) >= 3)
    assert len([line for line in caplog.messages if "more than asked for" in line]) == 1
    unreadable = [line for line in caplog.messages if "unreadable" in line]
    assert len(unreadable) == 1


async def test_as_many_updates_as_were_asked_for_are_handled_of_more(room: Room) -> None:
    made = [{"update_id": number} for number in range(1, 20 * BATCH)]
    each = intake(room)
    assert await each.handle(made)
    assert len(each._known) == BATCH


async def test_whole_batches_are_taken_one_after_the_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nobody waits for what can't be read; and no busy machine takes as long for a batch
    monkeypatch.setattr("bot.chat.intake.POLL_EVERY_S", 3.0)
    for _ in range(12 * BATCH):
        room.telegram.push_raw_update({"message": "x"})
    began_at = asyncio.get_running_loop().time()
    async with running(room):
        chat = room.private(room.anna)
        room.telegram.say(chat, room.anna, "/help")
        await room.said(chat)
    assert asyncio.get_running_loop().time() - began_at < 8 * 3.0


async def test_numbers_that_begin_somewhere_else_are_taken(room: Room) -> None:
    chat = room.private(room.anna)
    async with running(room):
        room.telegram.say(chat, room.anna, "/help")
        await room.said(chat)
        room.telegram.bots[TOKEN].updates.renumber(1000)
        room.telegram.say(chat, room.anna, "/id")
        await room.said(chat, 2)


# another copy


async def conflicts(room: Room, count: int, text: str) -> None:
    """So many polls are answered with 409, and one more is not."""
    chat = room.private(room.anna)
    room.telegram.fail("getUpdates", times=count, status=409, description=f"Conflict: {text}")
    before = len(room.ours(chat))
    room.telegram.say(chat, room.anna, "/help")  # ends the poll that waits
    room.telegram.say(chat, room.anna, "/help")
    await room.said(chat, before + 2)


@pytest.mark.parametrize("retry_after", [86_400, 2_000_000, 10**12, 10**18, 10**30])
async def test_a_pause_of_days_is_not_believed(
    room: Room, monkeypatch: pytest.MonkeyPatch, retry_after: int
) -> None:
    monkeypatch.setattr(explain_module, "LONGEST_RETRY_AFTER_S", 0.3)
    chat = room.private(room.anna)
    async with running(room):
        room.telegram.fail("getUpdates", retry_after=retry_after)
        room.telegram.fail("sendMessage", retry_after=retry_after)
        room.telegram.say(chat, room.anna, "/help")
        room.telegram.say(chat, room.anna, "/help")
        await room.said(chat, 2)


async def test_another_copy_that_goes_on_polling_is_noticed(room: Room) -> None:
    other = make_bot(TelegramSettings(token=SecretStr(TOKEN), api_url=room.telegram.url))
    async with running(room), other:
        async with asyncio.timeout(30):
            while not room.rivals:
                with contextlib.suppress(Conflict):
                    await other.raw_updates(offset=0, poll_s=5, limit=1, allowed=())


async def test_a_copy_that_ends_while_this_one_starts_is_not_worth_a_word(room: Room) -> None:
    async with running(room):
        await conflicts(room, 2, "terminated by other getUpdates request")
    assert room.rivals == []


async def test_a_webhook_is_no_other_copy(room: Room) -> None:
    async with running(room):
        await conflicts(room, 3, "can't use getUpdates method while webhook is active")
    assert room.rivals == []


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize("body", ['{"description":"no such route"}', '{"ok":null}', '{"ok":true}'])
async def test_a_token_is_doubted_only_where_telegram_rejects_it(
    room: Room, status: int, body: str
) -> None:
    chat = room.private(room.anna)
    async with running(room, doubt_s=0.0) as task:
        room.telegram.garble("getUpdates", body, status=status, acted=False, times=2)
        room.telegram.say(chat, room.anna, "/help")  # ends the poll that waits
        before = polls(room)
        await room.telegram.wait_for(lambda: task.done() or polls(room) > before + 2)
        await room.said(chat)
    assert task.exception() is None


async def test_a_stop_waits_for_no_answer_of_telegrams(room: Room) -> None:
    chat = room.private(room.anna)
    async with running(room):
        stall = room.telegram.stall("deleteWebhook")
        text = "Conflict: can't use getUpdates method while webhook is active"
        room.telegram.fail("getUpdates", status=409, description=text)
        room.telegram.say(chat, room.anna, "/help")  # ends the poll that waits
        await stall.reached()
        began_at = steady()
    assert steady() - began_at < 5
    stall.release()


def deep(depth: int) -> str:
    return '{"x":' * depth + "1" + "}" * depth


#: Fields of an update that no neighbour may suffer from; `None` where it is read all the same.
ODD_FIELDS = {
    "deep": f'"message":{{"rich_message":{deep(1500)}}}',
    "very deep": f'"message":{{"rich_message":{deep(200_000)}}}',
    "deep and long": f'"message":{{"rich_message":{deep(300_000)}}}',
    "a number of 5,000 digits": f'"message":{{"rich_message":{{"n":{"9" * 5000}}}}}',
    "no JSON": '"message":{"text":nobody',
    "a text that does not end": '"message":{"text":"',
    "two values": '"message":{} {}',
}


@pytest.mark.parametrize("kind", ODD_FIELDS)
async def test_an_update_that_nobody_can_read_keeps_none_from_being_heard_once(
    room: Room, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    telegram = room.telegram
    for person in (room.anna, room.bert):
        telegram.say(room.private(person), person, "/id")
        telegram.push_written_update(ODD_FIELDS[kind])
    telegram.push_written_update(ODD_FIELDS[kind])
    telegram.say(room.private(room.owner), room.owner, "/id")
    people = (room.anna, room.bert, room.owner)
    async with running(room):
        for person in people:
            await room.said(room.private(person))
        telegram.say(room.private(room.anna), room.anna, "/id")
        await room.said(room.private(room.anna), 2)
    assert [len(room.ours(room.private(person))) for person in people] == [2, 1, 1]
    assert not telegram.bots[TOKEN].updates.unconfirmed()
    assert len([line for line in caplog.messages if "update skipped" in line]) == 1


async def test_an_update_is_not_skipped_for_an_answer_that_breaks_off_or_comes_whole_next_time(
    room: Room,
) -> None:
    chat = room.private(room.anna)
    async with running(room):
        begun = '{"ok":true,"result":[{"update_id":%d,"message":{'
        number = room.telegram.push_raw_update({"something": "new"})
        await room.telegram.wait_for(lambda: not room.telegram.bots[TOKEN].updates.unconfirmed())
        for more in ("", '"text":"x', '"text":"y', '"text":"x'):
            body = begun % (number + 1) + more
            room.telegram.garble("getUpdates", body, acted=False, times=2)
        room.telegram.say(chat, room.anna, "/id")
        await room.said(chat)


async def test_whatever_was_written_after_an_update_that_nobody_can_read_whole_batches_come_again(
    room: Room,
) -> None:
    room.telegram.push_written_update(ODD_FIELDS["no JSON"])
    for _ in range(2 * BATCH):
        room.telegram.push_raw_update({"something": "new"})
    async with running(room):
        waiting = room.telegram.bots[TOKEN].updates
        await room.telegram.wait_for(lambda: not waiting.unconfirmed())
    assert polls(room) < 20
