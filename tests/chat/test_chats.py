"""Who goes next in a chat, and what Telegram's errors mean, over real HTTP."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr
from telegram import Message

from bot.chat import client, turns
from bot.chat.chats import Chats, Say
from bot.chat.client import TelegramBot, make_bot
from bot.config import TelegramSettings
from bot.core.work import URGENCIES, Lane
from bot.demo.telegram import SimTelegram
from bot.errors import (
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MaybeSent,
    MessageGone,
    NoAnswer,
    NotSent,
    StoreUnavailable,
    TopicClosed,
    TopicGone,
)
from tests.chat.room import TOKEN, started

LIMIT_S = 30.0


def text(chat_id: int, what: str) -> Callable[[TelegramBot], Awaitable[Message]]:
    return lambda bot: bot.send_message(chat_id, what)


async def send(
    chats: Chats, chat_id: int, what: str = "hello", lane: Lane = Lane.COMMAND
) -> Message | None:
    async with asyncio.timeout(LIMIT_S):
        return await chats.send(chat_id, lane, text(chat_id, what))


def sending(
    chats: Chats, chat_id: int, what: str, lane: Lane = Lane.COMMAND
) -> asyncio.Task[Message | None]:
    return asyncio.create_task(send(chats, chat_id, what, lane))


async def failure(call: Awaitable[object]) -> ChatError:
    with pytest.raises(ChatError) as caught:
        async with asyncio.timeout(LIMIT_S):
            await call
    return caught.value


def texts(telegram: SimTelegram, chat_id: int) -> list[str]:
    """What the bot has said there."""
    return [
        message.text or ""
        for message in telegram.messages(chat_id)
        if message.sender is not None and message.sender.is_bot and not message.service
    ]


def sends(telegram: SimTelegram) -> int:
    return sum(call.method.lower() == "sendmessage" for call in telegram.calls)


# what Telegram's answers mean

ANSWERS: list[tuple[int, str, type[ChatError]]] = [
    (400, "Bad Request: chat not found", ChatForbidden),
    (400, "Bad Request: not enough rights to send text messages to the chat", ChatForbidden),
    (400, "Bad Request: have no rights to send a message", ChatForbidden),
    (400, "Bad Request: need administrator rights in the channel chat", ChatForbidden),
    (400, "Bad Request: CHAT_WRITE_FORBIDDEN", ChatForbidden),
    (400, "Bad Request: PEER_ID_INVALID", ChatForbidden),
    (400, "Bad Request: user not found", ChatForbidden),
    (400, "Bad Request: group chat was deactivated", ChatForbidden),
    (403, "Forbidden: bot was blocked by the user", ChatForbidden),
    (403, "Forbidden: bot was kicked from the supergroup chat", ChatForbidden),
    (403, "Forbidden: bot is not a member of the supergroup chat", ChatForbidden),
    (403, "Forbidden: bot can't initiate conversation with a user", ChatForbidden),
    (403, "Forbidden: user is deactivated", ChatForbidden),
    (400, "Bad Request: message to edit not found", MessageGone),
    (400, "Bad Request: message to delete not found", MessageGone),
    (400, "Bad Request: MESSAGE_ID_INVALID", ChatRefused),  # it may be there all the same
    (400, "Bad Request: message can't be edited", ChatRefused),  # it may look payable
    (400, "Bad Request: REPLY_MESSAGE_ID_INVALID", ChatRefused),
    (400, "Bad Request: message to be replied not found", ChatRefused),
    (400, "Bad Request: can't parse entities: Unmatched end tag", ChatRefused),
    (400, "Bad Request: message caption is too long", ChatRefused),
    (400, "Bad Request: wrong file identifier/HTTP URL specified", ChatRefused),
    (400, "Bad Request: not enough rights to send photos to the chat", ChatRefused),
    (400, "Bad Request: message can't be deleted for everyone", ChatRefused),
    (400, "Bad Request: message thread not found", TopicGone),
    (400, "Bad Request: TOPIC_DELETED", TopicGone),
    (400, "Bad Request: TOPIC_CLOSED", TopicClosed),
    (400, "Bad Request: something quite new", ChatRefused),
    (401, "Unauthorized", NotSent),
    (404, "Not Found", NotSent),
    (409, "Conflict: terminated by other getUpdates request", NotSent),
    (500, "Internal Server Error", MaybeSent),
    (502, "Bad Gateway", MaybeSent),
    (504, "Gateway Timeout", MaybeSent),
]


@pytest.mark.parametrize(("status", "said", "kind"), ANSWERS, ids=[row[1][:40] for row in ANSWERS])
async def test_an_answer_of_telegrams_becomes_the_error_that_says_what_to_do(
    telegram: SimTelegram, chats: Chats, chat: int, status: int, said: str, kind: type[ChatError]
) -> None:
    telegram.fail("sendMessage", status=status, description=said)
    error = await failure(send(chats, chat))
    assert type(error) is kind
    assert TOKEN.partition(":")[2] not in f"{error!r} {error.detail}"
    assert texts(telegram, chat) == []
    await send(chats, chat)
    assert texts(telegram, chat) == ["hello"]


async def test_a_changeless_edit_is_success(telegram: SimTelegram, chats: Chats, chat: int) -> None:
    sent = await send(chats, chat)
    assert sent is not None
    for expected in (bool, type(None)):
        changed = await chats.send(
            chat, Lane.COMMAND, lambda bot: bot.edit_message_text("new", chat, sent.message_id)
        )
        assert type(changed) is expected
    assert texts(telegram, chat) == ["new"]


async def test_an_edit_of_what_was_removed_finds_it_gone(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    sent = await send(chats, chat)
    assert sent is not None
    telegram.delete_message(chat, sent.message_id)
    edit = chats.send(
        chat, Lane.COMMAND, lambda bot: bot.edit_message_text("new", chat, sent.message_id)
    )
    assert type(await failure(edit)) is MessageGone


async def test_a_person_who_blocks_the_bot_forbids_it(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    telegram.block(chat)
    assert type(await failure(send(chats, chat))) is ChatForbidden


async def test_a_refusal_older_than_the_chats_last_word_is_none(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    blocked = "Forbidden: bot was blocked by the user"
    telegram.fail("sendMessage", times=2, status=403, description=blocked)
    held = telegram.stall("sendMessage", chat_id=chat)
    on_its_way = sending(chats, chat, "hello")
    await held.reached()
    chats.heard(chat)
    held.release()
    assert type(await failure(on_its_way)) is NotSent
    assert type(await failure(send(chats, chat))) is ChatForbidden


async def test_a_group_that_moved_says_where_to(telegram: SimTelegram, chats: Chats) -> None:
    group = telegram.add_group("Friday dinner", [telegram.add_user("Anna")])
    new = telegram.migrate(group)
    error = await failure(send(chats, group.id))
    assert isinstance(error, ChatMoved)
    assert error.new_chat_id == new.id


@pytest.mark.parametrize("acted", [False, True])
async def test_an_answer_that_is_lost_may_have_been_sent(
    telegram: SimTelegram, chats: Chats, chat: int, acted: bool
) -> None:
    telegram.drop("sendMessage", acted=acted)
    assert type(await failure(send(chats, chat))) is MaybeSent
    assert texts(telegram, chat) == ["hello"] * acted


async def test_an_answer_that_never_comes_may_have_been_sent(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    held = telegram.stall("sendMessage")
    request = chats.send(
        chat, Lane.COMMAND, lambda bot: bot.send_message(chat, "slow", read_timeout=0.1)
    )
    assert type(await failure(request)) is NoAnswer
    held.release()


async def test_what_never_left_was_not_sent(telegram: SimTelegram, chats: Chats, chat: int) -> None:
    await telegram.down()
    for _ in range(5):
        await asyncio.sleep(0)  # the broken connection is told within a few turns of the loop
    assert type(await failure(send(chats, chat))) is NotSent
    await telegram.up()
    await send(chats, chat)


async def test_no_connection_to_be_had_is_not_sent(
    telegram: SimTelegram, monkeypatch: pytest.MonkeyPatch, chat: int
) -> None:
    monkeypatch.setattr(client, "CONNECTIONS", 1)
    settings = TelegramSettings(token=SecretStr(TOKEN), api_url=telegram.url)
    async with make_bot(settings) as telegram_bot:
        chats = Chats(telegram_bot)
        held = telegram.stall("sendMessage")
        first = sending(chats, chat, "first")
        await held.reached()
        request = chats.send(
            -1, Lane.COMMAND, lambda bot: bot.send_message(-1, "second", connect_timeout=0.05)
        )
        assert type(await failure(request)) is NotSent
        held.release()
        await first
    assert texts(telegram, chat) == ["first"]


async def test_an_error_of_ours_comes_out_as_it_is_and_blocks_nothing(
    chats: Chats, chat: int
) -> None:
    async def broken(_bot: TelegramBot) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await chats.send(chat, Lane.COMMAND, broken)
    await send(chats, chat)


# queues


async def test_the_most_urgent_goes_first_and_among_equals_who_came_first(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    held = telegram.stall("sendMessage", chat_id=chat)
    tasks = [sending(chats, chat, "first")]
    await held.reached()
    for number in (1, 2):
        for lane in reversed(URGENCIES):
            tasks.append(sending(chats, chat, f"{lane.name} {number}", lane))
            await asyncio.sleep(0)
    held.release()
    await asyncio.gather(*tasks)
    assert texts(telegram, chat) == [
        "first",
        *(f"{lane.name} {number}" for lane in URGENCIES for number in (1, 2)),
    ]


async def test_in_a_chat_one_is_sent_at_a_time_and_no_chat_waits_for_another(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    held = telegram.stall("sendMessage", chat_id=chat)
    tasks = [sending(chats, chat, f"{number}") for number in range(5)]
    await held.reached()
    for number in range(3):
        await send(chats, other, f"{number}")
    assert texts(telegram, other) == ["0", "1", "2"]
    assert sends(telegram) == 4
    held.release()
    await asyncio.gather(*tasks)
    assert texts(telegram, chat) == ["0", "1", "2", "3", "4"]


async def test_a_busy_chat_is_left_alone_for_just_so_long_while_others_go_on(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    loop = asyncio.get_running_loop()
    telegram.fail("sendMessage", chat_id=chat, retry_after=1)
    error = await failure(send(chats, chat))
    busy_at = loop.time()
    assert isinstance(error, ChatBusy)
    assert error.retry_after_s == 1.0

    urgent = asyncio.create_task(send(chats, chat, "paid", Lane.PAYMENT))
    await asyncio.sleep(0)
    waiting = [sending(chats, chat, f"{number}") for number in range(2)]
    await send(chats, other)
    assert loop.time() - busy_at < 0.9
    assert sends(telegram) == 2
    await asyncio.gather(urgent, *waiting)
    assert loop.time() - busy_at >= 1.0
    assert texts(telegram, chat) == ["paid", "0", "1"]


async def test_those_in_line_when_it_gets_busy_wait_as_well(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    loop = asyncio.get_running_loop()
    telegram.fail("sendMessage", chat_id=chat, retry_after=1)
    first, second = sending(chats, chat, "first"), sending(chats, chat, "second")
    assert isinstance(await failure(first), ChatBusy)
    busy_at = loop.time()
    await second
    assert loop.time() - busy_at > 0.9
    assert texts(telegram, chat) == ["second"]


@pytest.mark.parametrize("which", range(4))
async def test_one_that_gives_up_blocks_nobody(
    telegram: SimTelegram, chats: Chats, chat: int, which: int
) -> None:
    held = telegram.stall("sendMessage", chat_id=chat)
    tasks = [sending(chats, chat, f"{number}") for number in range(4)]
    await held.reached()
    tasks[which].cancel()
    await asyncio.wait({tasks[which]})
    held.release()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(task for task in tasks if task is not tasks[which]))
    sent = texts(telegram, chat)
    assert [each for each in sent if each != f"{which}"] == [
        f"{number}" for number in range(4) if number != which
    ]


async def test_a_turn_that_comes_as_its_holder_gives_up_is_handed_on(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    held = telegram.stall("sendMessage", chat_id=chat)
    first, second, third = (sending(chats, chat, f"{number}") for number in range(3))
    await held.reached()

    async def last() -> None:
        await send(chats, chat, "3")

    async def gives_up_the_next() -> None:
        async with asyncio.timeout(LIMIT_S):
            await chats.send(chat, Lane.PAYMENT, text(chat, "urgent"))
        second.cancel()  # it has the turn already, and does not know yet

    tasks = [asyncio.create_task(gives_up_the_next()), asyncio.create_task(last())]
    await asyncio.sleep(0)
    first.cancel()
    held.release()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(third, *tasks)
    assert second.cancelled()
    assert texts(telegram, chat)[-3:] == ["urgent", "2", "3"]


async def test_a_chat_where_nobody_waits_is_forgotten(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    await asyncio.gather(*(send(chats, each, "x") for each in (chat, other) * 5))
    telegram.fail("sendMessage", status=500)
    await failure(send(chats, chat))
    assert chats._turns._lines == {}


# the overall rate


async def test_all_chats_together_keep_to_the_rate(
    telegram: SimTelegram, chats: Chats, monkeypatch: pytest.MonkeyPatch, telegram_bot: TelegramBot
) -> None:
    monkeypatch.setattr(turns, "BURST", 5)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 50)
    limited = Chats(telegram_bot)
    people = [started(telegram, f"{number}") for number in range(20)]
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await asyncio.gather(*(send(limited, each) for each in people))
    assert loop.time() - began_at >= 15 / 50 * 0.9


async def test_after_telegram_has_had_enough_there_are_no_bursts_for_a_while(
    telegram: SimTelegram, monkeypatch: pytest.MonkeyPatch, telegram_bot: TelegramBot, chat: int
) -> None:
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 5)
    limited = Chats(telegram_bot)
    telegram.fail("sendMessage", chat_id=chat, retry_after=1)
    assert type(await failure(send(limited, chat))) is ChatBusy
    people = [started(telegram, f"{number}") for number in range(9)]
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await asyncio.gather(*(send(limited, each) for each in people))
    assert loop.time() - began_at >= 4 / 5 * 0.9


async def test_of_those_who_wait_for_the_rate_new_cards_get_two_of_three_places(
    telegram: SimTelegram, monkeypatch: pytest.MonkeyPatch, telegram_bot: TelegramBot
) -> None:
    monkeypatch.setattr(turns, "BURST", 1)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 100)
    limited = Chats(telegram_bot)
    order: list[Lane] = []

    async def note(lane: Lane) -> Callable[[TelegramBot], Awaitable[None]]:
        async def request(_bot: TelegramBot) -> None:
            order.append(lane)

        return request

    numbers = itertools.count()
    await limited.send(next(numbers), Lane.COMMAND, await note(Lane.COMMAND))
    tasks = [
        asyncio.create_task(limited.send(next(numbers), lane, await note(lane)))
        for lane in [Lane.BACKGROUND] * 12 + [Lane.COMMAND] * 12
    ]
    await asyncio.gather(*tasks)
    assert order[1:].count(Lane.COMMAND) == 12
    first = order[1:13]
    assert 7 <= first.count(Lane.COMMAND) <= 9
    assert order.index(Lane.BACKGROUND) <= 4


async def test_a_new_card_goes_past_what_waits_for_the_rate_in_its_own_chat(
    monkeypatch: pytest.MonkeyPatch, telegram_bot: TelegramBot, chat: int
) -> None:
    monkeypatch.setattr(turns, "BURST", 1)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 100)
    limited = Chats(telegram_bot)
    order: list[str] = []

    async def call(chat_id: int, lane: Lane, name: str) -> None:
        async def request(_bot: TelegramBot) -> None:
            order.append(name)

        await limited.send(chat_id, lane, request)

    await call(-1, Lane.PAYMENT, "first")
    here = [call(chat, Lane.PAYMENT, f"paid {number}") for number in range(3)]
    elsewhere = [call(-2 - number, Lane.PAYMENT, "elsewhere") for number in range(20)]
    new = [call(chat, Lane.COMMAND, f"new {number}") for number in range(2)]
    await asyncio.gather(*map(asyncio.create_task, [*here[:2], *elsewhere, *new, here[2]]))
    assert [name for name in order if name.startswith("new")] == ["new 0", "new 1"]
    assert order.index("new 1") <= 4
    assert [name for name in order if name.startswith("paid")] == ["paid 0", "paid 1", "paid 2"]
    assert order.index("paid 0") < 8  # who stepped aside is not the last of all
    assert order.count("elsewhere") == 20


# best effort


async def said(telegram: SimTelegram, chat_id: int, count: int) -> list[str]:
    await telegram.wait_for(lambda: len(texts(telegram, chat_id)) >= count, LIMIT_S)
    return texts(telegram, chat_id)


async def test_what_is_said_goes_out_beside_everything_else(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    chats.say(Say(chat, "<b>hello</b>", quiet=True, asks=True))
    assert await said(telegram, chat, 1) == ["hello"]


async def test_what_surely_was_not_sent_is_said_again(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    telegram.fail("sendMessage", chat_id=chat, retry_after=1)
    chats.say(Say(chat, "hello"))
    assert await said(telegram, chat, 1) == ["hello"]


async def test_what_may_have_been_sent_is_not_said_again(
    telegram: SimTelegram, chats: Chats, chat: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    telegram.drop("sendMessage", acted=True)
    chats.say(Say(chat, "once"))
    await asyncio.wait(set(chats._posting), timeout=LIMIT_S)
    assert texts(telegram, chat) == ["once"]
    assert "message not sent" in "\n".join(caplog.messages)


async def test_what_is_said_follows_a_group_that_moved(telegram: SimTelegram, chats: Chats) -> None:
    group = telegram.add_group("Friday dinner", [telegram.add_user("Anna")])
    new = telegram.migrate(group)
    chats.say(Say(group.id, "hello", reply_to=1))
    await telegram.wait_for(lambda: "hello" in texts(telegram, new.id), LIMIT_S)


async def test_a_fault_in_what_is_posted_stops_nothing(
    telegram: SimTelegram, chats: Chats, chat: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise KeyError("a bug")

    chats.post(broken())
    chats.say(Say(chat, "hello"))
    assert await said(telegram, chat, 1) == ["hello"]
    assert "message not sent" in "\n".join(caplog.messages)


async def test_what_is_posted_as_the_database_is_away_logs_no_traceback(
    chats: Chats, caplog: pytest.LogCaptureFixture
) -> None:
    async def unwritten() -> None:
        raise StoreUnavailable

    caplog.set_level(logging.INFO)
    await chats.post(unwritten())
    lines = [each for each in caplog.records if "message not sent" in each.getMessage()]
    assert [(each.levelname, each.exc_info) for each in lines] == [("INFO", None)]


# the end


async def test_closing_ends_what_waits_and_lets_what_is_under_way_arrive(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int
) -> None:
    chats = Chats(telegram_bot)
    held = telegram.stall("sendMessage", chat_id=chat)
    chats.say(Say(chat, "under way"))
    await held.reached()
    waiting = [sending(chats, chat, f"{number}") for number in range(3)]
    await asyncio.sleep(0)

    closing = asyncio.create_task(chats.close(timeout_s=LIMIT_S))
    errors = await asyncio.gather(*map(failure, waiting))
    assert [type(each) for each in errors] == [NotSent] * 3
    held.release()
    await closing
    assert texts(telegram, chat) == ["under way"]
    assert type(await failure(send(chats, chat))) is NotSent


async def test_closing_ends_in_time_whatever_telegram_does(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int, other: int
) -> None:
    chats = Chats(telegram_bot)
    held = telegram.stall("sendMessage")
    chats.say(Say(chat, "never answered"))
    await held.reached()
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await chats.close(timeout_s=0.1)
    assert loop.time() - began_at < 1.0
    held.release()


async def test_closing_ends_what_waits_for_the_rate(
    telegram_bot: TelegramBot, monkeypatch: pytest.MonkeyPatch, chat: int, other: int
) -> None:
    monkeypatch.setattr(turns, "BURST", 1)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 0.01)
    limited = Chats(telegram_bot)
    await send(limited, chat)
    waiting = sending(limited, other, "too late")
    await asyncio.sleep(0)
    await limited.close(timeout_s=0.1)
    assert type(await failure(waiting)) is NotSent
