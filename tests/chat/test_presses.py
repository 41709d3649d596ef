"""Presses on the buttons under cards, over real HTTP."""

from __future__ import annotations

import asyncio

import pytest

from bot import texts
from bot.chat.buttons import Press, Verb, press_data, read_press
from bot.core.failure import Failure
from bot.core.invoice import Face, Invoice, State
from bot.core.wishes import Cancelling, Renewing
from bot.core.work import Do
from bot.demo.telegram import Answer, Message, User
from bot.errors import MemoTooLong, NodeLocked, UserLimitReached
from tests.chat.room import Room

HASH = bytes(range(32))


async def pressed(room: Room, card: Message, person: User) -> Answer:
    """What Telegram shows to a person who pressed the button."""
    press = room.telegram.press(card.chat, person, card.id)
    await room.handled()
    async with asyncio.timeout(30):
        return await press.answer


async def expired_card(room: Room) -> tuple[Invoice, Message]:
    """A card with Renew under it."""
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100 pizza")
    row = await room.change(row, state=State.EXPIRED, due_at=None)
    return await room.take(Do.EDIT_CARD, row), card


@pytest.mark.parametrize("verb", Verb)
def test_what_a_button_carries_is_read_back(verb: Verb) -> None:
    press = Press(verb, HASH)
    assert len(press_data(press).encode()) <= 64
    assert read_press(press_data(press)) == press


@pytest.mark.parametrize(
    "data",
    ["", "cancel", "cancel:", "cancel:é", "pay:AAAA", "cancel:AAAA", "renew:" + "A" * 44, ":" * 64],
)
def test_what_no_button_carries_is_none(data: str) -> None:
    assert read_press(data) is None


async def test_cancel_is_the_askers_the_owners_and_the_admins(room: Room) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    no = await pressed(room, card, room.bert)
    assert (no.text, no.show_alert) == (texts.NOT_ALLOWED, True)
    assert not (await room.row(command)).cancel_wanted
    room.telegram.promote(room.group, room.bert)
    yes = await pressed(room, card, room.bert)
    assert (yes.text, yes.show_alert) == (texts.asked_to_cancel(Cancelling.CANCELLING), False)
    assert (await room.row(command)).cancelled_by == "Bert"
    for person in (room.anna, room.owner):
        assert (await pressed(room, card, person)).text == yes.text


async def test_what_hinders_the_node_is_said_to_who_cancels(room: Room) -> None:
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    room.node.hindrance = NodeLocked()
    said = await pressed(room, card, room.anna)
    assert said.text == texts.asked_to_cancel(Cancelling.CANCELLING, NodeLocked())


async def test_trying_again_while_the_node_is_away_says_so(room: Room) -> None:
    _, card = await expired_card(room)
    room.node.away = NodeLocked()
    said = await pressed(room, card, room.anna)
    assert said.text == texts.asked_to_renew(Renewing.RENEWING, away=NodeLocked())


async def test_a_failure_is_asked_for_again_by_its_button(room: Room) -> None:
    command = await room.say(room.group, room.anna, "/invoice 2100 pizza")
    row = await room.row(command)
    for failure, texts_of_buttons in (
        (Failure.of(MemoTooLong()), []),
        (Failure.of(NodeLocked()), [texts.RETRY_BUTTON]),
    ):
        row = await room.change(row, state=State.FAILED, failure=failure, card_shown=Face.NOTHING)
        row = await room.take(Do.SEND_CARD, row)
        card = room.telegram.messages(room.group)[-1]
        rows = (card.reply_markup or {}).get("inline_keyboard", [])
        assert [button["text"] for each in rows for button in each] == texts_of_buttons
    said = await pressed(room, card, room.anna)
    assert said.text == texts.asked_to_renew(Renewing.RENEWING)
    row = await room.take(Do.EDIT_CARD, await room.row(command))
    assert row.card_shown is Face.FAILED_REPLACED
    assert (card.reply_markup or {}) == {}


async def test_renew_is_done_once_for_three_presses(room: Room) -> None:
    row, card = await expired_card(room)
    said = [(await pressed(room, card, room.anna)).text for _ in range(3)]
    again = texts.asked_to_renew(Renewing.ALREADY_RENEWED)
    assert said == [texts.asked_to_renew(Renewing.RENEWING), again, again]
    old = await room.row(room.telegram.message(room.group, row.origin_message_id))
    assert old.face is Face.EXPIRED_REPLACED


async def test_why_there_is_no_renewal_is_said(room: Room) -> None:
    _, card = await expired_card(room)
    for _ in range(19):
        await room.say(room.private(room.anna), room.anna, "/invoice 21")
    said = await pressed(room, card, room.anna)
    refused = UserLimitReached(count=20, per_s=600, who="")
    assert said.text == texts.asked_to_renew(Renewing.REFUSED, refused)


async def test_a_copy_of_the_card_is_kept_true_from_then_on(room: Room) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    await room.take(Do.SEND_CARD, row)  # as after a crash: the first is no longer known
    await pressed(room, card, room.bert)
    assert (await room.row(command)).duplicates == {card.id: Face.NOTHING}


async def test_nobody_makes_another_message_a_copy(room: Room) -> None:
    row, _ = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    _, other = await room.open_card(room.group, room.bert, "/invoice 4200")
    data = press_data(Press(Verb.CANCEL, row.payment_hash))
    room.telegram.push_raw_update(forged(room, other, data))
    await room.handled()
    row = await room.row(command)
    assert (row.duplicates, row.cancel_wanted) == ({}, False)


def forged(room: Room, message: Message, data: str) -> dict[str, object]:
    """A press that a client of its own making sends, with any data."""
    person = {"id": room.anna.id, "is_bot": False, "first_name": "Anna"}
    body = {"id": "1", "from": person, "chat_instance": "1", "data": data}
    return {"callback_query": {**body, "message": room.telegram.message_json(message)}}


async def test_a_button_of_nobodys_says_so(room: Room) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    await room.change(row, payment_hash=HASH)
    said = await pressed(room, card, room.anna)
    assert (said.text, said.show_alert) == (texts.NOT_TRACKED, True)
