"""Another bot's token on the same database: nothing of the one before is taken for its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.telegram import Chat, Message, User
from bot.errors import TokenRefused
from tests.test_guests import question
from tests.world import World

SECOND = "222222222:AAE-a-token-of-another-bot"


def second_bot(world: World) -> None:
    """From now on the settings name another bot's token. People begin a chat with it."""
    world.token = SECOND
    world.bot_user = world.telegram.add_bot(SECOND, "second_invoice_bot", "Second")
    for person in (world.owner, world.anna):
        begin(world, person)


def begin(world: World, person: User) -> Message:
    return world.telegram.say(world.private(person), person, "/start")


async def open_card(world: World, chat: Chat, text: str) -> Message:
    card = await world.open_card(chat, world.anna, text)
    await world.recorded(card)
    return card


async def test_a_payment_of_an_invoice_from_before_is_drawn_over_no_card_of_now(
    world: World,
) -> None:
    await world.start_bot()
    first = world.private(world.anna)
    old = [await open_card(world, first, f"/invoice {n}") for n in range(1, 5)]
    await world.stop_bot()
    second_bot(world)
    chat = world.private(world.anna)
    await world.start_bot()
    await world.shown(chat, Face.OPEN, 4)
    await world.notified(world.private(world.owner), Kind.OTHER_BOT)
    cards = [await world.open_card(chat, world.anna, f"/invoice {5000 + n}") for n in range(3)]
    assert {card.id for card in old} & {message.id for message in world.ours(chat)}
    for n, card in enumerate(old, 1):
        world.node.pay(world.request_in(card))
        await world.announced(chat, "Anna Berg", sats=n)
        await world.shown(chat, Face.PAID, sats=n)
    assert [world.face(card) for card in cards] == [Face.OPEN] * 3
    await world.stop_bot()


async def test_a_command_whose_number_another_bot_had_gets_its_invoice(world: World) -> None:
    await world.start_bot()
    first = world.private(world.anna)
    asked = [world.telegram.say(first, world.anna, f"/invoice {n}") for n in range(1, 5)]
    await world.shown(first, Face.OPEN, 4)
    await world.stop_bot()
    second_bot(world)
    chat = world.private(world.anna)
    await world.start_bot()
    await world.shown(chat, Face.OPEN, 4)
    numbers = []
    for n in range(1, 5):
        numbers.append(world.telegram.say(chat, world.anna, f"/invoice {n}000").id)
        await world.shown(chat, Face.OPEN, sats=n * 1000)
    assert {each.id for each in asked} & {each.id for each in chat.messages.values()}
    assert len(world.node.invoices) == 8
    await world.stop_bot()


async def test_a_cancellation_under_the_new_bots_text_cancels_nothing_of_the_old_ones(
    world: World,
) -> None:
    await world.start_bot()
    first = world.private(world.anna)
    for n in range(1, 7):  # commands and cards: all numbers that the second bot begins with
        await open_card(world, first, f"/invoice {n}")
    await world.stop_bot()
    second_bot(world)
    chat = world.private(world.anna)
    await world.start_bot()
    await world.shown(chat, Face.OPEN, 6)
    sent = {message.id for message in world.showing(chat, Face.OPEN)}
    others = [m for m in world.telegram.messages(chat) if m.id not in sent and m.id <= 12]
    assert others
    for count, message in enumerate(others, 1):
        world.telegram.say(chat, world.anna, "/cancel", reply_to=message)
        await world.until(
            lambda n=count: len(world.ours(chat)) >= 6 + n  # type: ignore[misc]
        )
    assert {i.state_name for i in world.node.invoices.values()} == {"open"}
    await world.stop_bot()


async def test_what_the_new_bot_shows_it_can_press_edit_and_draw(world: World) -> None:
    """In a group and a supergroup; the picture of a closed card is uploaded anew."""
    super_ = world.telegram.add_group("Works", [world.anna, world.owner], supergroup=True)
    await world.start_bot()
    for chat in (world.group, super_):
        paid = await open_card(world, chat, "/invoice 1")
        world.node.pay(world.request_in(paid))
        await world.becomes(paid, Face.PAID)
        await open_card(world, chat, "/invoice 21")
    await world.stop_bot()
    gone = world.bot_user
    second_bot(world)
    for chat in (world.group, super_):
        world.telegram.remove_bot(chat, bot=gone)
        world.telegram.readd_bot(chat, bot=world.bot_user)
    await world.start_bot()
    for chat in (world.group, super_):
        card = await world.shown(chat, Face.OPEN, sats=21)
        world.telegram.press(chat, world.anna, card.id, text="Cancel")
        await world.becomes(card, Face.CANCELLED)
        assert not world.showing(chat, Face.PAID)
    await world.stop_bot()


async def test_where_the_bot_before_was_blocked_the_next_one_is_heard(world: World) -> None:
    await world.start_bot()
    card = await open_card(world, world.private(world.anna), "/invoice 21")
    world.telegram.block(world.anna)
    await world.until(lambda: not world.telegram.bots[world.token].updates)
    await world.stop_bot()
    second_bot(world)
    world.node.pay(world.request_in(card))
    await world.start_bot()
    await world.announced(world.private(world.anna), "Anna Berg", sats=21)
    await world.stop_bot()


async def test_the_same_bot_after_a_restart_sends_nothing_again(world: World) -> None:
    chat = world.private(world.anna)
    await world.start_bot()
    card = await open_card(world, chat, "/invoice 21")
    await world.stop_bot()
    await world.start_bot()
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    assert len(world.showing(chat, Face.PAID)) == 1
    assert not world.notices(world.private(world.owner), Kind.OTHER_BOT)
    await world.stop_bot()


async def test_a_token_that_telegram_refuses_changes_nothing(world: World) -> None:
    await world.start_bot()
    card = await open_card(world, world.private(world.anna), "/invoice 21")
    await world.stop_bot()
    known, world.token = world.token, SECOND
    first = world.telegram.bots[known]
    calls = len(world.telegram.calls)
    with pytest.raises(TokenRefused):
        await world.start_bot()
    world._running = None
    assert not [c for c in list(world.telegram.calls)[calls:] if c.method.startswith("send")]
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        found = database.execute("SELECT card_id FROM invoices").fetchall()
        assert found == [(card.id,)]
        assert database.execute("SELECT bot_id FROM bot").fetchall() == [(first.user.id,)]


async def test_an_answer_that_names_another_bot_than_the_token_is_none(world: World) -> None:
    chat = world.private(world.anna)
    await world.start_bot()
    card = await open_card(world, chat, "/invoice 21")
    await world.stop_bot()
    world.telegram.alter("getMe", {"id": 42})
    await world.start_bot()
    world.telegram.say(chat, world.anna, "/id")
    await world.until(lambda: len(world.ours(chat)) == 2)
    assert world.showing(chat, Face.OPEN) == [card]
    assert not world.notices(world.private(world.owner), Kind.OTHER_BOT)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        ids = database.execute("SELECT bot_id FROM bot").fetchall()
    assert ids == [(world.bot_user.id,)]


async def test_who_knocked_at_the_bot_before_is_let_in_by_no_reply_to_another_message(
    world: World,
) -> None:
    begin(world, world.owner)
    await world.start_bot()
    hers = world.private(world.stranger)
    for number in range(3):
        world.telegram.say(hers, world.stranger, f"hello {number}")
    world.telegram.say(hers, world.stranger, "/invoice 5")
    await world.until(lambda: question(world, world.owner))
    await world.stop_bot()
    second_bot(world)
    hers = world.private(world.stranger)
    for number in range(9):
        world.telegram.say(hers, world.stranger, f"my own words {number}")
    await world.start_bot()
    asked = await world.until(lambda: question(world, world.owner))
    world.telegram.press(asked.chat, world.owner, asked.id, text=world.buttons(asked)[0])
    said = await world.until(lambda: [m for m in world.ours(hers) if "let you in" in str(m.text)])
    assert said[-1].reply_to is None
