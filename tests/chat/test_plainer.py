"""What Telegram refuses of a message is left out of it: mentions, times, what people wrote."""

from __future__ import annotations

from typing import Any

import pytest

from bot import texts
from bot.chat import plainer
from bot.chat.client import TelegramBot
from bot.core.invoice import Face, Invoice, State
from bot.core.work import Do
from bot.demo.telegram import Message, SimTelegram
from bot.errors import ChatForbidden, ChatRefused
from tests.chat.room import ALIAS, Room, plain
from tests.chat.test_cards import taken

REFUSED = "Bad Request: something quite new"


def last(room: Room) -> Message:
    return room.telegram.messages(room.group)[-1]


def marks(message: Message) -> set[str]:
    return {mark["type"] for mark in message.entities}


def statuses(room: Room, method: str) -> list[int | None]:
    return [call.status for call in room.telegram.calls if call.method == method]


async def paid(room: Room) -> Invoice:
    row, _ = await room.open_card(room.group, room.anna, "/invoice 2100 pizza <b>")
    return await room.change(row, state=State.SETTLED, paid_msat=2_100_000, settled_at=1)


# mentions


async def test_where_nobody_can_mention_the_asker_the_question_has_the_plain_name(
    room: Room,
) -> None:
    room.telegram.unmentionable.add(room.anna.id)
    row = await room.row(await room.say(room.group, room.anna, "/invoice"))
    row = await room.take(Do.SEND_CARD, row)
    assert row.card_shown is Face.QUESTION
    assert last(room).text == plain(texts.question(row))
    assert "text_mention" not in marks(last(room))


async def test_where_nobody_can_mention_the_asker_a_payment_has_the_plain_name(room: Room) -> None:
    row = await paid(room)
    room.telegram.unmentionable.add(room.anna.id)
    row = await room.take(Do.ANNOUNCE, row)
    assert row.announced
    assert last(room).text == plain(texts.announcement(row, payee=ALIAS))
    assert "text_mention" not in marks(last(room))
    room.telegram.unmentionable.clear()  # it is asked for each time
    await room.take(Do.ANNOUNCE, row)
    assert "text_mention" in marks(last(room))


@pytest.mark.parametrize("words", ["user not found", "USER_ID_INVALID", "PEER_ID_INVALID"])
async def test_a_mention_that_is_refused_in_the_words_of_a_chat_makes_none_unreachable(
    room: Room, words: str
) -> None:
    row = await paid(room)
    room.telegram.fail("sendMessage", status=400, description=f"Bad Request: {words}")
    row = await room.take(Do.ANNOUNCE, row)
    assert row.announced
    assert last(room).text == plain(texts.announcement(row, payee=ALIAS))
    assert "text_mention" not in marks(last(room))
    room.telegram.fail("sendMessage", times=None, status=400, description=f"Bad Request: {words}")
    assert type(await taken(room, Do.ANNOUNCE, row)) in (ChatForbidden, ChatRefused)


# what people wrote


async def test_a_payment_whose_text_is_refused_is_announced_without_what_people_wrote(
    room: Room,
) -> None:
    row = await paid(room)
    room.telegram.fail("sendMessage", times=2, status=400, description=REFUSED)
    row = await room.take(Do.ANNOUNCE, row)
    assert row.announced
    assert last(room).text == plain(texts.announcement(row, payee=ALIAS, is_bare=True))
    assert "pizza" not in (last(room).text or "")
    assert "Anna" not in (last(room).text or "")


async def test_a_payment_that_is_refused_in_any_words_is_not_announced(room: Room) -> None:
    row = await paid(room)
    room.telegram.fail("sendMessage", times=None, status=400, description=REFUSED)
    assert type(await taken(room, Do.ANNOUNCE, row)) is ChatRefused


# times


async def test_a_server_that_knows_no_times_gets_none_from_then_on(room: Room) -> None:
    room.telegram.unknown_tags = frozenset({"tg-time"})
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100 pizza")
    assert card.photo is not None
    assert card.text == plain(texts.card(row, Face.OPEN, ALIAS).html)
    row = await room.change(row, state=State.SETTLED, paid_msat=2_100_000, settled_at=1)
    row = await room.take(Do.EDIT_CARD, row)
    assert (row.card_shown, card.text) == (Face.PAID, plain(texts.card(row, Face.PAID, ALIAS).html))
    await room.open_card(room.group, room.anna, "/invoice 2200")
    assert statuses(room, "sendPhoto") == [400, 200, 200]
    assert statuses(room, "editMessageMedia") == [200]


async def test_the_first_edit_may_be_what_tells_that_a_server_knows_no_times(room: Room) -> None:
    row = await paid(room)
    room.telegram.unknown_tags = frozenset({"tg-time"})
    row = await room.take(Do.EDIT_CARD, row)
    assert statuses(room, "editMessageMedia") == [400, 200]
    assert statuses(room, "editMessageCaption") == []


async def test_a_server_that_knows_times_gets_them_whatever_else_it_refuses(room: Room) -> None:
    room.telegram.fail("sendPhoto", status=400, description=REFUSED)
    row = await room.row(await room.say(room.group, room.anna, "/invoice 2100"))
    opened: dict[str, Any] = {"payment_request": "lnbc1" + "q" * 99, "expires_at": 1_900_000_000}
    row = await room.change(row, state=State.OPEN, **opened)
    await taken(room, Do.SEND_CARD, row)
    await room.take(Do.SEND_CARD, row)
    assert "date_time" in marks(last(room))


# the message that is replied to


@pytest.mark.parametrize(
    "said", ["REPLY_MESSAGE_ID_INVALID", "MESSAGE_ID_INVALID", "message to be replied not found"]
)
async def test_a_card_whose_reply_is_refused_replies_to_nothing(room: Room, said: str) -> None:
    room.telegram.fail("sendPhoto", status=400, description=f"Bad Request: {said}")
    row = await room.row(await room.say(room.group, room.anna, "/invoice 2100"))
    opened: dict[str, Any] = {"payment_request": "lnbc1" + "q" * 99, "expires_at": 1_900_000_000}
    row = await room.change(row, state=State.OPEN, **opened)
    await room.take(Do.SEND_CARD, row)
    assert last(room).reply_to is None
    assert statuses(room, "sendPhoto") == [400, 200]


# what is left out


@pytest.mark.parametrize(
    ("html", "says"),
    [
        ('<a href="tg://user?id=7">"A &lt;b&gt;"</a>: x', '"A &lt;b&gt;": x'),
        ('<a href="tg://user?id=7">a</a> <a href="tg://user?id=8">b</a>', "a b"),
        ('<a href="https://x.org">a</a>', None),
        ("&lt;a href=&quot;tg://user?id=7&quot;&gt;a&lt;/a&gt;", None),
    ],
)
def test_only_mentions_are_left_out(html: str, says: str | None) -> None:
    data = {"chat_id": 5, "text": html, "parse_mode": "HTML"}
    assert plainer.without_mentions(data) == (None if says is None else {**data, "text": says})
    assert plainer.without_mentions({**data, "parse_mode": None}) is None


async def test_both_are_left_out_where_both_are_refused(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int
) -> None:
    telegram.unknown_tags = frozenset({"tg-time"})
    telegram.unmentionable.add(chat)
    text = f'<a href="tg://user?id={chat}">Anna</a> <tg-time unix="5" format="r">now</tg-time>'
    await telegram_bot.send_message(chat, text, parse_mode="HTML")
    assert telegram.messages(chat)[-1].text == "Anna now"
