"""A command that was refused can be corrected by an edit, for two minutes; no other edit counts."""

from __future__ import annotations

import pytest

from bot.chat.intake import Intake
from bot.core.invoice import State
from bot.core.work import Do
from bot.demo.telegram import Message
from tests.chat.room import NAME, Room


async def edited(room: Room, message: Message, text: str, after_s: float = 0.0) -> None:
    """An edit, which the bot has handled."""
    room.clock.ahead_s += after_s
    room.telegram.edit_as_user(message, text)
    await room.handled()


@pytest.mark.parametrize("command", ["/invoice", f"/invoice@{NAME}"])
async def test_a_command_that_was_refused_is_taken_once_it_is_corrected(
    room: Room, command: str
) -> None:
    message = await room.say(room.group, room.anna, f"{command} 21o0 pizza")
    assert await room.row_of(message) is None
    await edited(room, message, f"{command} 2100 pizza", after_s=110)
    row = await room.row(message)  # its origin is that message
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "pizza")
    assert row.reply_to == message.id
    await edited(room, message, f"{command} 2200 pizza")
    assert (await room.row(message)).amount_msat == 2_100_000


async def test_a_correction_may_need_another_one(room: Room) -> None:
    message = await room.say(room.group, room.anna, "/invoice 21o0")
    await edited(room, message, "/invoice 21o1")
    await room.said(room.group, 2)
    await edited(room, message, "/invoice 2100")
    assert (await room.row(message)).amount_msat == 2_100_000


async def test_after_two_minutes_nothing_is_corrected(room: Room) -> None:
    message = await room.say(room.group, room.anna, "/invoice 21o0")
    await edited(room, message, "/invoice 2100", after_s=130)
    assert await room.row_of(message) is None
    assert len(room.ours(room.group)) <= 1


async def test_what_made_an_invoice_is_never_changed(room: Room) -> None:
    message = await room.say(room.group, room.anna, "/invoice 2100")
    await edited(room, message, "/invoice 9")
    assert (await room.row(message)).amount_msat == 2_100_000
    asking = await room.say(room.group, room.anna, "/invoice")
    await edited(room, asking, "/invoice 9")
    assert (await room.row(asking)).state is State.ASKING


@pytest.mark.parametrize("text", ["hello", "invoice 2100", "/help", "/invoice@another_bot 5"])
async def test_what_was_no_refused_command_becomes_none_by_an_edit(room: Room, text: str) -> None:
    message = await room.say(room.private(room.anna), room.anna, text)
    await edited(room, message, "/invoice 2100")
    assert await room.row_of(message) is None


async def test_a_refused_command_can_become_no_other_command(room: Room) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    message = await room.say(room.group, room.anna, "/invoice 21o0", reply_to=card)
    await edited(room, message, "/cancel")
    assert not (await room.row(command)).cancel_wanted


async def test_a_strangers_command_is_not_corrected(room: Room) -> None:
    room.telegram.join(room.group, room.stranger)
    message = await room.say(room.group, room.stranger, "/invoice 21o0")
    await edited(room, message, "/invoice 2100")
    assert await room.row_of(message) is None


async def test_an_edit_that_comes_twice_makes_one_row(room: Room) -> None:
    room.telegram.say(room.group, room.anna, "/invoice 21o0")
    message = room.telegram.messages(room.group)[-1]
    room.telegram.edit_as_user(message, "/invoice 2100")
    batch = [*await room.updates(), *await room.updates()]
    assert len(batch) == 2
    await room.intake.handle(batch)
    row = await room.row(message)
    again = Intake(room.telegram_bot, room.handling, on_rival=list, ages=room.ages)
    await again.handle(batch)
    assert await room.row(message) == row


async def test_an_answer_that_was_refused_is_taken_once_it_is_corrected(room: Room) -> None:
    command = await room.say(room.group, room.anna, "/invoice")
    await room.take(Do.SEND_CARD, await room.row(command))
    question = room.telegram.messages(room.group)[-1]
    answer = await room.say(room.group, room.anna, "21o0", reply_to=question)
    await edited(room, answer, "2100 pizza")
    row = await room.row(command)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "pizza")
    assert row.reply_to == answer.id
