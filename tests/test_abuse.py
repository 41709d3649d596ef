"""What people try who have no right to it, or too much time."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from contextlib import closing

import pytest

from bot import texts
from bot.chat.limits import A_MINUTE
from bot.config import Rate
from bot.core.invoice import Face
from bot.demo.telegram import Message, User
from bot.errors import AskedTooLongAgo, UserLimitReached
from tests.world import World


def data_of(card: Message) -> str:
    """The data of a card's button."""
    data: str = (card.reply_markup or {})["inline_keyboard"][0][0]["callback_data"]
    return data


#: Telegram gives each press another number.
_PRESSES = itertools.count(1)


def press(world: World, person: User, message: Message, data: str, *, is_old: bool = False) -> None:
    """A client may send any data with any message, whatever stands there."""
    sent_by = {"id": person.id, "is_bot": False, "first_name": person.first_name}
    whole = world.telegram.message_json(message)
    if is_old:  # Telegram gives no more of such
        whole = {"chat": whole["chat"], "message_id": whole["message_id"], "date": 0}
    query = {"id": f"77{next(_PRESSES)}", "from": sent_by, "chat_instance": "1", "data": data}
    world.telegram.push_raw_update({"callback_query": {**query, "message": whole}})


async def answered(world: World) -> list[str]:
    """Wait until a press is answered; with what."""

    def said() -> list[str]:
        calls = [c for c in world.telegram.calls if c.method == "answerCallbackQuery"]
        return [c.params.get("text", "") for c in calls]

    before = len(said())
    return await world.until(lambda: said()[before:])


@pytest.mark.parametrize("paid", [False, True], ids=["open", "paid"])
async def test_nobody_puts_another_invoice_over_a_message(world: World, paid: bool) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    await world.start_bot()
    victim = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    forged = data_of(own := await world.open_card(world.group, world.bert, "/invoice 1"))
    messages = [victim]
    if paid:
        world.node.pay(world.request_in(own))
        messages.append(await world.announced(world.group, "Bert"))
    for message in messages:
        press(world, world.bert, message, forged)
        assert await answered(world) == [texts.NOT_TRACKED]
        press(world, world.stranger, message, forged, is_old=True)
        await answered(world)
    # whatever is due comes before this
    await world.open_card(world.group, world.anna, "/invoice 4")
    assert world.shows(victim, Face.OPEN, sats=2100)
    assert len(victim.versions) == 1
    assert world.face(own) is (Face.PAID if paid else Face.OPEN)


async def test_nobody_puts_a_board_over_another_message(world: World) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    await world.start_bot()
    victim = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    # a board of which the bot knows no message: Telegram told no number of its three copies
    world.telegram.garble("sendMessage", '{"ok":true,"result":true}', acted=True, times=3)
    world.telegram.say(world.group, world.bert, "/split 84k/3")

    def boards() -> list[Message]:
        return [each for each in world.ours(world.group) if "Split:" in (each.text or "")]

    for number in (1, 2, 3):
        await world.until(lambda number=number: len(boards()) == number)
        world.clock.ahead_s += 60
    await world.stop_bot()  # which has written that it is there
    await world.start_bot()
    copy = boards()[0]
    for is_old in (False, True):
        press(world, world.bert, victim, data_of(copy), is_old=is_old)
        await answered(world)
    press(world, world.anna, copy, data_of(copy))
    await world.until(lambda: '"Anna"' in (copy.text or ""))
    assert len(victim.versions) == 1


async def test_a_stranger_who_cancels_is_told_once(world: World) -> None:
    world.access = {"users": frozenset({world.anna.id})}
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    chat = world.private(world.stranger)
    for _ in range(4):
        world.telegram.say(chat, world.stranger, "/cancel")
        world.telegram.say(world.group, world.bert, "/cancel", reply_to=card.id)
    await world.said(chat, texts.ASKED_OWNER)
    await world.said(world.group, texts.ASKED_OWNER)
    await world.open_card(world.group, world.anna, "/invoice 4")
    assert len(world.ours(chat)) == 1
    assert len(world.ours(world.group)) == 3
    assert world.shows(card, Face.OPEN, sats=2100)


async def test_questions_count_as_what_is_asked_for_and_their_answers_do_not(world: World) -> None:
    world.limits = {"invoices_per_user": Rate(3, 600)}
    await world.start_bot()
    chat = world.private(world.anna)
    for count in range(1, 4):
        world.telegram.say(chat, world.anna, "/invoice")
        await world.until(lambda count=count: len(world.ours(chat)) == count)
    world.telegram.say(chat, world.anna, "21 pizza")
    await world.shown(chat, Face.OPEN, sats=21)
    for _ in range(2):
        world.telegram.say(chat, world.anna, "/invoice")
    asked_too_often = UserLimitReached(count=3, per_s=600, who="")
    await world.said(chat, texts.refusal(asked_too_often), 2)


async def test_junk_keeps_no_card_waiting(world: World) -> None:
    await world.start_bot()
    answer = world.telegram.stall("sendMessage", chat_id=world.group.id)
    for number in range(60):
        world.telegram.say(world.group, world.anna, f"/invoice junk{number}")
    await answer.reached()
    invoice = world.node.stall("LookupInvoice")
    world.telegram.say(world.group, world.bert, "/invoice 5")
    await invoice.reached()
    invoice.release()
    world.telegram.slow("sendMessage", 0.1)
    answer.release()
    await world.shown(world.group, Face.OPEN, sats=5)
    assert len(world.ours(world.group)) < A_MINUTE
    world.telegram.clear_faults()
    await world.until(lambda: len(world.ours(world.group)) == A_MINUTE + 1)
    await world.open_card(world.group, world.bert, "/invoice 6")
    assert len(world.ours(world.group)) == A_MINUTE + 2


async def test_a_member_who_writes_junk_keeps_no_friends_card_for_a_minute(world: World) -> None:
    world.telegram.limit_floods()
    world.limits = {"open_per_chat": 100}
    await world.start_bot()
    for number in range(30):
        world.telegram.say(world.group, world.anna, f"/invoice junk{number}")
    for sats in range(1, 8):
        await world.open_card(world.group, world.bert, f"/invoice {sats}")
    assert len(world.ours(world.group)) <= A_MINUTE + 7


async def test_where_nobody_tells_who_is_an_administrator_a_press_is_answered(
    world: World,
) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 5")
    refusal = "Bad Request: member list is inaccessible"
    world.telegram.fail("getChatMember", status=400, description=refusal)
    pressed = world.telegram.press(world.group, world.bert, card.id, text="Cancel")
    assert (await asyncio.wait_for(pressed.answer, 10)).text == texts.TRY_AGAIN


async def test_chats_that_wait_hold_up_no_other(world: World) -> None:
    world.limits = {"open_per_chat": 100}
    await world.start_bot()
    groups = [world.telegram.add_group(f"Club {n}", [world.anna]) for n in range(4)]
    for group in groups:
        for sats in range(1, 10):
            world.telegram.say(group, world.anna, f"/invoice {sats}")
    card = await world.open_card(world.private(world.bert), world.bert, "/invoice 5")
    for group in groups:
        await world.shown(group, Face.OPEN, 9)
        world.telegram.fail(None, chat_id=group.id, times=None, retry_after=40)
        for each in world.showing(group, Face.OPEN):
            world.node.pay(world.request_in(each))
    refused = {g.id for g in groups}
    await world.until(
        lambda: refused <= {c.chat_id for c in world.telegram.calls if c.status == 429}
    )
    world.node.pay(world.request_in(card))
    await world.announced(world.private(world.bert), "Bert")
    assert world.face(card) is Face.PAID


async def test_a_command_from_before_a_long_absence_is_not_carried_out(world: World) -> None:
    await world.node.down()
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 21 pizza")
    await world.shown(chat, Face.WAITING)
    await world.stop_bot()
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        database.execute("UPDATE invoices SET asked_at = asked_at - 601")
        database.commit()
    await world.node.up()
    await world.start_bot()
    said = await world.shown(chat, Face.FAILED, says=texts.why(AskedTooLongAgo()))
    assert "21 sats" in (said.text or "")
    await world.open_card(chat, world.anna, "/invoice 22")
    assert len(world.ours(chat)) == 2


async def test_a_payment_that_nobody_can_be_told_is_an_error_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.access = {"owners": frozenset()}
    await world.start_bot()
    card = await world.open_card(world.private(world.anna), world.anna, "/invoice 5")
    await world.recorded(card)
    world.telegram.block(world.anna)
    world.node.pay(world.request_in(card))
    await world.until(lambda: "not be announced to anybody" in caplog.text)
