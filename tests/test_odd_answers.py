"""Answers that are not Telegram's: a proxy's page, half of something, JSON of another kind."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from bot import app, texts
from bot.core.invoice import Face
from tests.faces import may_be_duplicate
from tests.world import World

Json = dict[str, Any]

#: Status and body.
ODD = {
    "no result": (200, '{"ok":true}'),
    "another object": (200, '{"status":"maintenance"}'),
    "null": (200, "null"),
    "a list": (200, "[]"),
    "a text": (200, '"x"'),
    "a page": (200, "<html>"),
    "nothing": (200, ""),
    "deep": (200, "[" * 100_000),
    "a redirection": (302, ""),
    "502 and null": (502, "null"),
    "502 and a list": (502, "[1]"),
    "502 and a page": (502, "<html>"),
    "503 and a text": (503, '"busy"'),
    "404 and a page": (404, "<html>"),
    "429 and a list": (429, '{"ok":false,"parameters":[1]}'),
    "200 and a description": (200, '{"description":"down for maintenance"}'),
    "200 and null": (200, '{"ok":null,"message":"x"}'),
    "200 and a number": (200, '{"ok":1,"result":{"message_id":7}}'),
    "200 and a word": (200, '{"ok":"no"}'),
    "200 and a refusal": (200, '{"ok":false,"error_code":503,"description":"x"}'),
    "400 and a description": (400, '{"description":"no such field"}'),
    "400 and null": (400, '{"ok":null,"description":"message to edit not found"}'),
    "400 and no result": (400, '{"ok":true}'),
    "400 and half of a success": (400, '{"ok":true,"result"'),
    "400 and an error": (400, '{"ok":false,"error":"no such route"}'),
    "401 and a description": (401, '{"description":"log in first"}'),
    "403 and a description": (403, '{"description":"not from this address"}'),
    "404 and a description": (404, '{"description":"no such route"}'),
    "409 and a description": (409, '{"description":"try again"}'),
    "429 and a description": (429, '{"description":"too many requests"}'),
    "429 and a number": (429, '{"ok":false,"error_code":429,"description":5}'),
}
REFUSED_WITHOUT_REASON = {
    "soon": (429, '{"ok":false,"error_code":429,"parameters":{"retry_after":"soon"}}'),
    "403 and a page": (403, "<html>"),
}


def of(odd: dict[str, tuple[int, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("status", "body"), odd.values(), ids=odd)


@of(ODD | REFUSED_WITHOUT_REASON)
async def test_the_bot_goes_on_after_it_asked_for_updates(
    world: World, status: int, body: str
) -> None:
    await world.start_bot()
    world.telegram.garble("getUpdates", body, status=status, acted=False, times=2)
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


@of({**ODD, "true": (200, '{"ok":true,"result":true}')})
async def test_the_bot_starts_all_the_same(world: World, status: int, body: str) -> None:
    world.telegram.garble("getMe", body, status=status, acted=False)
    await world.start_bot()
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


@pytest.mark.parametrize("username", [None, 5, "", ["a"], "a b"], ids=repr)
async def test_a_start_whose_answer_names_no_bot_is_no_start_that_hears_nothing(
    world: World, username: Json
) -> None:
    world.telegram.alter("getMe", {"username": username})
    await world.start_bot()
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


@of(ODD | {"true": (200, '{"ok":true,"result":true}')})
async def test_a_photo_that_was_taken_may_stand_above(
    world: World, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.garble("sendPhoto", body, status=status, acted=True)
    world.telegram.say(chat, world.anna, "/invoice 1")
    second = await world.shown(chat, Face.OPEN, 2)
    assert may_be_duplicate(second.text or "")
    assert "step crashed" not in "\n".join(caplog.messages)


#: With the status of a success, and nothing in it that says that it was one.
SAYS_NOTHING = {name: odd for name, odd in ODD.items() if odd[0] == 200 and odd[1] != '{"ok":true}'}


@of(SAYS_NOTHING)
async def test_a_notice_is_not_lost_where_a_page_came_in_the_place_of_an_answer(
    world: World, status: int, body: str
) -> None:
    await world.start_bot()
    world.telegram.say(world.private(world.owner), world.owner, "/id")
    await world.until(lambda: world.ours(world.private(world.owner)))
    card = await world.open_card(world.group, world.anna, "/invoice 21")
    await world.recorded(card)
    world.telegram.garble("sendMessage", body, status=status, acted=False, times=2)
    world.node.pay(world.request_in(card))
    await world.announced(world.group, "Anna", sats=21)
    await world.payment_noticed(world.owner, sats=21)


#: What PTB fails at, beside the number, or in its place. ANSWER stands for Telegram's own.
TAKEN: dict[str, Json] = {
    "a markup that is no inline keyboard": {"reply_markup": {"force_reply": True}},
    "an unknown object": {"reply_markup": {"hologram": [1]}, "chat_background": {"type": 5}},
    "objects where texts were": {"caption": {"blocks": []}, "text": [1], "entities": 5},
    "no chat": {"chat": None},
    "a chat of no type": {"chat": {"id": 1}},
    "a date of the far future": {"date": 2**60},
    "a photo that nobody can read": {"photo": [[]]},
    "a number that is none, elsewhere": {"message_thread_id": "x", "from": {"id": "x"}},
}


@pytest.mark.parametrize("changed", TAKEN.values(), ids=TAKEN)
async def test_a_message_whose_answer_has_its_number_was_taken(
    world: World, changed: Json, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("sendMessage", "sendPhoto", "editMessageMedia", "editMessageText"):
        world.telegram.alter(method, changed, times=None)
    await world.start_bot()
    chat = world.private(world.anna)
    asking = world.telegram.say(chat, world.anna, "/invoice")
    question = await world.shown(chat, Face.QUESTION)
    assert question.reply_to is asking
    world.telegram.say(chat, world.anna, "21", reply_to=question)
    card = await world.shown(chat, Face.OPEN)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.announced(chat, "Anna", sats=21)
    assert len(world.ours(chat)) == 3
    assert "step crashed" not in "\n".join(caplog.messages)


#: The number is lost: no number, none that can be read, or half of the answer.
UNREADABLE = {
    "half": '{"ok":true,"result":{"message_id":',
    "none": '{"ok":true,"result":{"date":1}}',
    "a text": '{"ok":true,"result":{"message_id":"7"}}',
    "out of range": '{"ok":true,"result":{"message_id":9223372036854775808}}',
    "true": '{"ok":true,"result":true}',
    "no result": '{"ok":true}',
}


@pytest.mark.timeout(60)
async def test_a_message_without_a_number_is_there_three_times_at_most(world: World) -> None:
    world.telegram.garble("sendPhoto", UNREADABLE["half"], acted=True, times=None)
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 21")
    await world.until(lambda: counts_as_sent(world), 40)
    assert len(world.showing(chat, Face.OPEN)) == 3
    world.telegram.clear_faults()
    world.node.pay(world.request_in(world.showing(chat, Face.OPEN)[0]))
    await world.shown(chat, Face.PAID)
    await world.announced(chat, "Anna", sats=21)
    assert len(world.ours(chat)) == 5


def counts_as_sent(world: World) -> bool:
    """Whether the one card of the database is shown, as far as anybody knows."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        shown = database.execute("SELECT card_shown, card_id FROM invoices").fetchall()
    return shown == [(Face.OPEN, None)]


@pytest.mark.parametrize("name", sorted(UNREADABLE.keys() - {"half"}))
async def test_an_edit_that_was_taken_is_not_repeated(world: World, name: str) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 21")
    await world.recorded(card)
    world.telegram.garble("editMessageMedia", UNREADABLE[name], acted=True, times=None)
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna", sats=21)
    assert world.face(card) is Face.PAID
    assert sum(call.method == "editMessageMedia" for call in world.telegram.calls) == 1


@of(ODD)
async def test_a_press_is_answered_where_nobody_knows_who_is_an_admin(
    world: World, status: int, body: str
) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 21")
    await world.recorded(card)
    world.telegram.garble("getChatMember", body, status=status, acted=True)
    press = world.telegram.press(world.group, world.bert, card.id)
    async with asyncio.timeout(30):
        assert (await press.answer).text == texts.TRY_AGAIN
    press = world.telegram.press(world.group, world.bert, card.id)
    async with asyncio.timeout(30):
        assert (await press.answer).text == texts.NOT_ALLOWED


async def test_patience_of_no_length_is_a_moment(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    status, body = REFUSED_WITHOUT_REASON["soon"]
    world.telegram.garble("sendPhoto", body, status=status, acted=False)
    card = await world.open_card(chat, world.anna, "/invoice 1")
    assert not may_be_duplicate(card.text or "")


async def test_a_group_that_moves_at_each_call_is_left_alone_soon(world: World) -> None:
    await world.start_bot()
    cards = [await world.open_card(world.group, world.anna, f"/invoice {n}") for n in (1, 2)]
    for card in cards:
        await world.recorded(card)
    ids = [world.group.id - number for number in range(1000)]
    for old, new in itertools.pairwise(ids):
        world.telegram.fail(None, chat_id=old, times=None, migrate_to=new)
    world.telegram.calls.clear()
    for card in cards:
        world.telegram.press(world.group, world.anna, card.id)

    def refused() -> int:
        return sum(call.chat_id in ids for call in world.telegram.calls)

    await world.until(lambda: refused() >= 6)
    began_at = asyncio.get_running_loop().time()
    await world.until(lambda: refused() >= 14)
    assert asyncio.get_running_loop().time() - began_at >= 1.5  # 50 a second, as it was


async def test_a_group_that_moves_in_a_circle_is_left_alone_soon(world: World) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    await world.start_bot()
    new = world.telegram.migrate(world.group)
    await world.open_card(new, world.anna, "/invoice 1")
    world.telegram.fail(None, chat_id=new.id, times=None, migrate_to=world.group.id)
    world.telegram.calls.clear()
    world.telegram.say(new, world.anna, "/invoice 2")

    def refused() -> int:
        return sum(call.chat_id == new.id for call in world.telegram.calls)

    await world.until(lambda: refused() >= 1)
    began_at = asyncio.get_running_loop().time()
    await world.until(lambda: refused() >= 5)
    assert asyncio.get_running_loop().time() - began_at >= 1.5  # 43 a second, as it was
    world.telegram.clear_faults()
    await world.shown(new, Face.OPEN, sats=2)


#: JSON with the status of a success that does not say that it was one.
SAYS_NO_OK = {name: odd for name, odd in SAYS_NOTHING.items() if odd[1].startswith("{")}


@of(SAYS_NO_OK)
async def test_an_edit_counts_as_done_only_where_telegram_says_so(
    world: World, status: int, body: str
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 21")
    await world.recorded(card)
    world.telegram.garble("editMessageMedia", body, status=status, acted=False)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)


#: JSON with the status of a refusal that does not say that it is one.
NO_REFUSAL = {
    name: odd for name, odd in ODD.items() if 400 <= odd[0] < 429 and odd[1].startswith("{")
}


@of(NO_REFUSAL)
async def test_a_refusal_counts_only_where_telegram_says_so(
    world: World, status: int, body: str
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    for method in ("sendPhoto", "sendMessage"):
        world.telegram.garble(method, body, status=status, acted=False, times=2)
    world.telegram.say(chat, world.anna, "/invoice 21")
    await world.shown(chat, Face.OPEN)


@pytest.mark.parametrize("status", [401, 404])
async def test_no_start_ends_for_an_answer_that_is_not_telegrams(world: World, status: int) -> None:
    body = '{"description":"no such route"}'
    world.telegram.garble("getMe", body, status=status, acted=False, times=app.REJECTIONS)
    await world.start_bot()
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


#: What is no group's new id.
NO_GROUP: tuple[Json, ...] = ("abc", "-100123", True, 1.5, 0, None, [1], {"a": 1}, 2**63, -(2**63))


@pytest.mark.parametrize("moved_to", NO_GROUP, ids=repr)
async def test_a_group_moves_nowhere_but_to_the_id_of_a_group(world: World, moved_to: Json) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    await world.start_bot()
    world.telegram.garble("sendPhoto", moved(moved_to), status=400, acted=False)
    world.telegram.say(world.group, world.anna, "/invoice 21")
    await world.shown(world.group, Face.OPEN, sats=21)
    assert moves(world) == []


async def test_a_group_moves_into_nobodys_private_chat(world: World) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    await world.start_bot()
    world.telegram.garble("sendPhoto", moved(world.bert.id), status=400, acted=False)
    world.telegram.say(world.group, world.anna, "/invoice 21")
    await world.shown(world.group, Face.OPEN, sats=21)
    assert (moves(world), world.ours(world.private(world.bert))) == ([], [])


async def test_a_private_chat_moves_nowhere(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.garble("sendPhoto", moved(world.group.id), status=400, acted=False)
    world.telegram.say(chat, world.anna, "/invoice 21")
    await world.shown(chat, Face.OPEN, sats=21)
    assert (moves(world), world.ours(world.group)) == ([], [])


def moved(new_id: Json) -> str:
    """A refusal that says that the chat has this id now."""
    what = "Bad Request: group chat was upgraded to a supergroup chat"
    parameters = {"migrate_to_chat_id": new_id}
    said = {"ok": False, "error_code": 400, "description": what, "parameters": parameters}
    return json.dumps(said)


def moves(world: World) -> list[tuple[int, int]]:
    """Old and new ids, as the database has them."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        known = "SELECT chat_id, moved_to FROM chats WHERE moved_to IS NOT NULL"
        return database.execute(known).fetchall()
