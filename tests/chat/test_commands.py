"""Commands in a chat, over real HTTP: what becomes a row, and what is said back."""

from __future__ import annotations

import pytest

from bot import texts
from bot.core import amounts
from bot.core.invoice import Face, State
from bot.core.steps import QUESTION_S
from bot.core.wishes import Cancelling
from bot.core.work import Do
from bot.errors import AmountRefused, MemoRefused, NodeLocked
from tests.chat.room import NAME, Room, plain
from tests.world import World


def refusal(what: str) -> str:
    """What is said to this amount."""
    with pytest.raises(AmountRefused) as caught:
        amounts.parse(what, min_sats=1, max_sats=1_000_000)
    return texts.refusal(caught.value)


# /invoice


@pytest.mark.parametrize("command", ["/invoice", f"/invoice@{NAME}"])
async def test_a_command_in_a_group_becomes_a_row_and_nothing_is_said(
    room: Room, command: str
) -> None:
    message = await room.say(room.group, room.anna, f"{command} 2100 pizza\n and beer")
    row = await room.row(message)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "pizza\n and beer")
    assert (row.chat_id, row.reply_to) == (room.group.id, message.id)
    assert (row.asker_id, row.asker_name) == (room.anna.id, "Anna")
    assert [rung.fresh for rung in room.bell.take().rows] == [row]
    assert room.ours(room.group) == []


async def test_a_refusal_says_why_and_makes_no_row(room: Room) -> None:
    chat = room.private(room.anna)
    message = await room.say(chat, room.anna, "/invoice pizza")
    await room.told(chat, refusal("pizza"))
    long = await room.say(chat, room.anna, "/invoice 21 " + "x" * 640)
    await room.told(chat, texts.refusal(MemoRefused(size_bytes=640)), 2)
    assert await room.row_of(message) is None
    assert await room.row_of(long) is None


@pytest.mark.parametrize(
    "command",
    ["/invoice:2100 2 pizzas", "/invoice=21000 5 beers", "/invoice,100 200", "/invoice.2100 any"],
)
async def test_what_is_glued_to_the_command_is_not_thrown_away(room: Room, command: str) -> None:
    chat = room.private(room.anna)
    message = await room.say(chat, room.anna, command)
    assert await room.row_of(message) is None
    assert len(await room.said(chat)) == 1


async def test_the_message_replied_to_is_the_memo_where_a_person_wrote_it(room: Room) -> None:
    written = await room.say(room.group, room.bert, "for the pizza")
    command = await room.say(room.group, room.anna, "/invoice 2100", reply_to=written)
    row = await room.row(command)
    assert row.memo == "for the pizza"
    await room.say(room.group, room.anna, f"/help@{NAME}")
    await room.said(room.group)
    ours = room.telegram.messages(room.group)[-1]
    command = await room.say(room.group, room.anna, "/invoice 21", reply_to=ours)
    assert (await room.row(command)).memo == ""


async def test_an_anonymous_admin_asks_as_the_group(room: Room) -> None:
    message = room.telegram.say(room.group, room.owner, "/invoice 2100", anonymous=True)
    await room.handled()
    assert await room.row_of(message) is None  # the group is on no list
    [said] = await room.said(room.group)
    assert said == plain(texts.ASKED_OWNER)


async def test_an_edited_command_is_none(room: Room) -> None:
    message = room.telegram.say(room.group, room.anna, "invoice 2100")
    room.telegram.edit_as_user(message, "/invoice 2100")
    await room.handled()
    assert await room.row_of(message) is None


async def test_strangers_are_answered_once_a_day_and_get_no_row(room: Room) -> None:
    chat = room.private(room.stranger)
    for _ in range(3):
        message = await room.say(chat, room.stranger, "/invoice 2100")
        assert await room.row_of(message) is None
    await room.told(chat, texts.ASKED_OWNER)
    await room.say(chat, room.stranger, "/id")
    await room.told(chat, texts.ids(room.stranger.id, chat.id), 2)


async def test_what_came_too_late_is_said_once_to_each_person(room: Room) -> None:
    chat = room.private(room.anna)
    for text in ("/invoice 2100", "/invoice 4200", "/invoices"):
        room.telegram.say(chat, room.anna, text)
    room.clock.ahead_s += 700
    await room.handled()
    now = await room.say(chat, room.anna, "/invoice 2100")
    assert await room.row_of(now) is not None
    await room.say(chat, room.anna, "/id")
    assert await room.said(chat, 2) == [texts.TOO_LATE, plain(texts.ids(room.anna.id, chat.id))]


async def test_of_four_peoples_late_commands_each_gets_a_word(room: Room) -> None:
    people = [room.owner, room.anna, room.bert]
    for person in people * 2:
        room.telegram.say(room.group, person, f"/invoices@{NAME}")
    room.clock.ahead_s += 3 * 3600
    await room.handled()
    assert await room.said(room.group, 3) == [texts.TOO_LATE] * 3
    await room.say(room.group, room.anna, f"/id@{NAME}")
    assert len(await room.said(room.group, 4)) == 4


@pytest.mark.parametrize(
    "command", ["/invoice 2100", "/cancel", "/invoices", "/id", "/help", "/start", "/status", "/x"]
)
async def test_no_command_of_hours_ago_is_carried_out(room: Room, command: str) -> None:
    chat = room.private(room.owner)
    row, card = await room.open_card(chat, room.owner, "/invoice 21")
    room.telegram.say(chat, room.owner, command, reply_to=card)
    room.clock.ahead_s += 3 * 3600
    await room.handled()
    await room.told(chat, texts.TOO_LATE, 2)
    command_row = await room.row(room.telegram.message(chat, row.origin_message_id))
    assert not command_row.cancel_wanted


async def test_a_late_command_of_a_stranger_gets_what_strangers_get(room: Room) -> None:
    chat = room.private(room.stranger)
    room.telegram.say(chat, room.stranger, "/cancel")
    room.clock.ahead_s += 3 * 3600
    await room.handled()
    await room.told(chat, texts.ASKED_OWNER)


# the question


async def test_an_amount_that_cannot_be_read_is_asked_for_again(room: Room) -> None:
    chat = room.private(room.anna)
    command = await room.say(chat, room.anna, "/invoice")
    assert (await room.row(command)).state is State.ASKING
    await room.say(chat, room.anna, "a lot")
    await room.told(chat, refusal("a lot"))
    asks_again = room.telegram.messages(chat)[-1]
    assert (asks_again.reply_markup or {}).get("force_reply")
    await room.noted(command, asks_again)
    answer = await room.say(chat, room.anna, "2100 pizza", reply_to=asks_again)
    row = await room.row(command)
    assert (row.state, row.amount_msat, row.reply_to) == (State.PENDING, 2_100_000, answer.id)
    assert len(room.ours(chat)) == 1


async def test_in_a_group_only_a_reply_to_the_bot_is_an_answer(room: Room) -> None:
    command = await room.say(room.group, room.anna, "/invoice")
    row = await room.row(command)
    await room.take(Do.SEND_CARD, row)
    question = room.telegram.messages(room.group)[-1]
    await room.say(room.group, room.anna, "2100")
    await room.say(room.group, room.bert, "2100", reply_to=question)
    row = await room.row(command)
    assert row.state is State.ASKING
    await room.say(room.group, room.anna, "2100", reply_to=question)
    row = await room.row(command)
    assert row.state is State.PENDING


async def test_with_a_question_open_a_reply_to_something_else_is_no_answer(room: Room) -> None:
    for chat in (room.group, room.private(room.anna)):
        await room.say(chat, room.anna, f"/help@{NAME}")
        await room.said(chat)
        helped = room.telegram.messages(chat)[-1]
        command = await room.say(chat, room.anna, "/invoice")
        await room.take(Do.SEND_CARD, await room.row(command))
        question = room.telegram.messages(chat)[-1]
        for other in (helped, command):
            await room.say(chat, room.anna, "1000 thanks!", reply_to=other)
        row = await room.row(command)
        assert row.state is State.ASKING
        await room.say(chat, room.anna, "1000", reply_to=question)
        row = await room.row(command)
        assert (row.state, row.amount_msat) == (State.PENDING, 1_000_000)


async def test_in_private_a_reply_to_another_chat_is_no_answer(room: Room) -> None:
    chat = room.private(room.anna)
    command = await room.say(chat, room.anna, "/invoice")
    message = room.telegram.message_json(room.telegram.say(chat, room.anna, "hm"))
    elsewhere = {"origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}}
    odd: list[dict[str, object]] = [
        {"external_reply": elsewhere},
        {"reply_to_story": {"id": 5}},
        {"reply_to_message": {"unreadable": 1}},
    ]
    for number, each in enumerate(odd, 900):
        changed = {**message, "message_id": number, "text": "1000", **each}
        room.telegram.push_raw_update({"message": changed})
    await room.handled()
    row = await room.row(command)
    assert row.state is State.ASKING


async def test_a_question_whose_number_nobody_knows_is_answered_by_a_reply(room: Room) -> None:
    await room.say(room.group, room.anna, f"/help@{NAME}")
    await room.said(room.group)
    helped = room.telegram.messages(room.group)[-1]
    command = await room.say(room.group, room.anna, "/invoice")
    row = await room.take(Do.SEND_CARD, await room.row(command))
    question = room.telegram.messages(room.group)[-1]
    await room.change(row, card_id=None, card_shown=Face.QUESTION)
    await room.say(room.group, room.anna, "1000 thanks!", reply_to=helped)
    row = await room.row(command)
    assert row.state is State.ASKING
    await room.say(room.group, room.anna, "1000", reply_to=question)
    row = await room.row(command)
    assert row.state is State.PENDING


async def test_an_expired_question_says_so(room: Room) -> None:
    command = await room.say(room.group, room.anna, "/invoice")
    row = await room.row(command)
    row = await room.take(Do.SEND_CARD, row)
    question = room.telegram.messages(room.group)[-1]
    await room.change(row, state=State.DROPPED)
    await room.say(room.group, room.bert, "2100", reply_to=question)
    annas = await room.say(room.group, room.anna, "2100", reply_to=question)
    await room.told(room.group, texts.QUESTION_CLOSED, 2)
    assert room.telegram.messages(room.group)[-1].reply_to is annas
    room.clock.ahead_s += QUESTION_S
    await room.say(room.group, room.anna, "2100", reply_to=question)
    await room.told(room.group, texts.QUESTION_EXPIRED, 3)


async def test_what_answers_nothing_gets_the_help_in_private_only(room: Room) -> None:
    await room.say(room.group, room.anna, "hello")
    chat = room.private(room.anna)
    await room.say(chat, room.anna, "hello")
    await room.told(chat, texts.help_private(NAME))
    assert room.ours(room.group) == []
    strange = room.private(room.stranger)
    await room.say(strange, room.stranger, "hello")
    await room.say(strange, room.stranger, "/id")
    await room.told(strange, texts.ids(room.stranger.id, strange.id))


# /cancel


@pytest.mark.parametrize("to_command", [False, True])
async def test_a_reply_to_the_card_or_its_command_cancels(room: Room, to_command: bool) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    await room.say(room.group, room.anna, "/cancel", reply_to=command if to_command else card)
    row = await room.row(command)
    assert row.cancel_wanted
    assert room.ours(room.group) == [card.text]  # the card says so soon


async def test_what_cannot_be_cancelled_says_why(room: Room) -> None:
    row, card = await room.open_card(room.private(room.anna), room.anna, "/invoice 2100")
    await room.change(row, state=State.SETTLED)
    await room.say(card.chat, room.anna, "/cancel", reply_to=card)
    await room.told(card.chat, texts.asked_to_cancel(Cancelling.ALREADY_PAID), 2)


async def test_only_the_asker_and_admins_cancel(room: Room) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    command = room.telegram.message(room.group, row.origin_message_id)
    await room.say(room.group, room.bert, "/cancel", reply_to=card)
    await room.told(room.group, texts.NOT_ALLOWED, 2)
    row = await room.row(command)
    assert not row.cancel_wanted
    room.telegram.promote(room.group, room.bert)
    await room.say(room.group, room.bert, "/cancel", reply_to=card)
    await room.chats.close(timeout_s=5.0)  # what Telegram was asked has been answered
    row = await room.row(command)
    assert (row.cancel_wanted, row.cancelled_by) == (True, "Bert")


async def test_what_hinders_the_node_is_said(room: Room) -> None:
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    room.node.hindrance = NodeLocked()
    await room.say(room.group, room.anna, "/cancel", reply_to=card)
    await room.told(room.group, texts.asked_to_cancel(Cancelling.CANCELLING, NodeLocked()), 2)
    command = room.telegram.message(room.group, row.origin_message_id)
    assert (await room.row(command)).cancel_wanted


@pytest.mark.parametrize("in_private", [True, False])
async def test_a_cancellation_alone_ends_the_open_question(room: Room, in_private: bool) -> None:
    chat = room.private(room.anna) if in_private else room.group
    command = await room.say(chat, room.anna, "/invoice")
    if not in_private:
        await room.say(chat, room.bert, "/cancel")  # perhaps another bot's
    assert (await room.row(command)).state is State.ASKING
    await room.say(chat, room.anna, "/cancel")
    await room.told(chat, texts.asked_to_cancel(Cancelling.NOT_ASKED))
    assert (await room.row(command)).state is State.DROPPED


async def test_a_cancellation_without_a_card_says_how(room: Room) -> None:
    await room.say(room.group, room.anna, "/cancel")  # perhaps another bot's
    await room.say(room.group, room.anna, f"/cancel@{NAME}")
    await room.told(room.group, texts.CANCEL_HOW)
    strange = room.private(room.stranger)
    await room.say(strange, room.stranger, "/cancel")
    await room.told(strange, texts.ASKED_OWNER)


# /help, /id


@pytest.mark.parametrize("command", ["/help", "/start", "/invoice2100", "/nosuchcommand"])
async def test_in_private_every_command_is_answered(room: Room, command: str) -> None:
    chat = room.private(room.anna)
    await room.say(chat, room.anna, command)
    await room.told(chat, texts.help_private(NAME))


async def test_ids_are_for_everybody_strangers_now_and_then(room: Room) -> None:
    for _ in range(2):
        await room.say(room.group, room.anna, f"/id@{NAME}")
    await room.told(room.group, texts.ids(room.anna.id, room.group.id), 2)
    strange = room.private(room.stranger)
    for _ in range(3):
        await room.say(strange, room.stranger, "/id")
    room.clock.ahead_s += 61
    await room.say(strange, room.stranger, "/id")
    assert await room.said(strange, 2) == [plain(texts.ids(room.stranger.id, strange.id))] * 2


# a bot that nobody owns


@pytest.mark.parametrize("command", ["/start", "/help", "/id", "/invoice 2100"])
async def test_while_there_are_no_owners_it_is_said_how_to_become_one(
    world: World, command: str
) -> None:
    world.access = {"owners": frozenset(), "users": frozenset()}
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, command)
    await world.said(chat, texts.unclaimed(world.anna.id, chat.id))
    assert len(world.ours(chat)) == 1


async def test_whoever_may_ask_reads_it_under_the_help(world: World) -> None:
    world.access = {"owners": frozenset()}
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/start")
    await world.said(chat, texts.unclaimed(world.anna.id, chat.id))
    assert world.saying(chat, texts.help_private(world.bot_user.username or ""))


async def test_a_bot_that_is_open_to_anyone_tells_nobody_that_it_is_unclaimed(
    world: World,
) -> None:
    world.access = {"owners": frozenset(), "open": True}
    await world.start_bot()
    chat = world.private(world.stranger)
    world.telegram.say(chat, world.stranger, "/start")
    world.telegram.say(chat, world.stranger, "/id")
    await world.said(chat, texts.ids(world.stranger.id, chat.id))
    assert not world.saying(chat, texts.unclaimed(world.stranger.id, chat.id))


# privacy mode


async def test_as_an_admin_the_bot_takes_a_bare_command_also_in_privacy_mode(room: Room) -> None:
    people = [room.anna, room.bert]
    group = room.telegram.add_group("Quiet", people, bare_commands=False)
    assert await room.row_of(await room.say(group, room.anna, "/invoice 5")) is None
    room.telegram.promote(group, room.bot_user)
    row = await room.row_of(await room.say(group, room.anna, "/invoice 5"))
    assert row is not None
    talk = [await room.say(group, room.bert, text) for text in ("hello", "5", "/cancel", "/help")]
    assert [await room.row_of(each) for each in talk] == [None] * 4
    assert room.ours(group) == []


async def test_a_stranger_of_a_bot_without_owners_is_answered_again_once_it_has_one(
    world: World,
) -> None:
    owners, world.access = dict(world.access), {"owners": frozenset(), "users": frozenset()}
    await world.start_bot()
    chat = world.private(world.stranger)
    world.telegram.say(chat, world.stranger, "/invoice 2100")
    await world.said(chat, texts.unclaimed(world.stranger.id, chat.id))
    await world.stop_bot()
    world.access = owners
    await world.start_bot()
    world.telegram.say(world.private(world.owner), world.owner, "/start")  # who can be asked then
    await world.until(lambda: world.ours(world.private(world.owner)))
    world.telegram.say(chat, world.stranger, "/invoice 2100")
    await world.said(chat, texts.ASKED_OWNER)
