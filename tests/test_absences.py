"""A bot was away for longer than what ended is kept: nothing goes before it is shown and told."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from bot import texts
from bot.core.invoice import Face
from bot.core.work import Lane
from bot.demo.telegram import Message
from tests.store.made import until
from tests.test_boards import boards, my_part
from tests.test_guests import question
from tests.world import World

DAY_S = 86_400.0


async def counted(world: World, condition: str, count: int) -> None:
    """Wait until so many invoices are like this in the database."""
    look = f"SELECT count(*) FROM invoices WHERE {condition}"
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        await until(lambda: database.execute(look).fetchone() == (count,))


async def test_boards_that_ended_meanwhile_are_shown_and_told_one_after_the_other(
    world: World,
) -> None:
    world.keep, world.invoices = "1d", {"board_expiry": "1d"}
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    shown: list[Message] = []
    for asker in (world.anna, world.bert, world.owner):
        world.telegram.say(world.group, asker, "/split 84k/3 pizza")
        await world.until(lambda: len(boards(world, world.group)) > len(shown))
        shown.append(boards(world, world.group)[-1])
    card = await my_part(world, shown[0], world.bert, 28_000)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.until(lambda: "28,000 sats paid" in (shown[0].text or ""))
    await world.stop_bot()
    world.clock.ahead_s += 3 * DAY_S
    await world.start_bot()
    await world.until(lambda: all(", closed" in (each.text or "") for each in shown))
    assert not any(map(world.buttons, shown))
    await world.until(
        lambda: sum(" is closed" in (m.text or "") for m in world.ours(world.group)) == len(shown)
    )


async def test_a_payment_of_an_invoice_that_nobody_could_be_shown_is_told_whenever_the_node_is_back(
    world: World,
) -> None:
    """Its card is in the group, though no answer said so, and the bot was removed from there."""
    world.keep = "1d"
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    await world.start_bot()
    other = await world.ask(world.private(world.bert), world.bert, "/invoice 7")
    world.telegram.say(world.private(world.bert), world.bert, "/cancel", reply_to=other)
    await world.becomes(other, Face.CANCELLED)
    await world.recorded(other, Face.CANCELLED)
    world.telegram.drop("sendPhoto", acted=True, times=1, chat_id=world.group.id)
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    card = await world.shown(world.group, Face.OPEN)
    world.telegram.remove_bot(world.group, bot=world.bot_user)
    await counted(world, f"state = 'open' AND lane = {Lane.UNREACHABLE:d}", 1)
    await world.stop_bot()
    world.node.pay(world.request_in(card))
    world.clock.ahead_s += 3 * DAY_S
    await world.node.stop()
    await world.start_bot()
    await counted(world, "state = 'cancelled'", 0)  # what is over is gone
    await world.node.start()
    await world.announced(world.private(world.anna), sats=2100)


async def test_a_group_that_let_the_bot_in_again_meanwhile_has_a_true_card(world: World) -> None:
    """Telegram has forgotten by then that it did."""
    world.keep = "1d"
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    await world.start_bot()
    card = await world.ask(world.group, world.anna, "/invoice 2100 pizza")
    world.telegram.remove_bot(world.group, bot=world.bot_user)
    world.node.pay(world.request_in(card))
    await world.announced(world.private(world.anna), sats=2100)
    await counted(world, f"announced AND lane = {Lane.UNREACHABLE:d}", 1)
    await world.stop_bot()
    world.telegram.readd_bot(world.group, bot=world.bot_user)
    world.clock.ahead_s += 3 * DAY_S
    await world.start_bot()
    await world.becomes(card, Face.PAID)
    assert len(world.announcements(world.group)) == 0


async def test_a_group_that_became_a_supergroup_meanwhile_shows_what_is_paid_there(
    world: World,
) -> None:
    """Telegram has forgotten by then that it did, and an edit says no more than "not found"."""
    world.access["chats"] = frozenset({world.group.id})
    world.invoices = {"board_expiry": "9d", "expiry": "9d"}
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    await world.until(lambda: boards(world, world.group))
    shown = boards(world, world.group)[0]
    card = await my_part(world, shown, world.bert, 28_000)
    await world.until(lambda: "Bert" in (shown.text or ""))
    await world.stop_bot()
    moved = world.telegram.migrate(world.group)
    world.clock.ahead_s += 3 * DAY_S
    await world.start_bot()
    world.node.pay(world.request_in(card))
    await world.until(
        lambda: any("28,000 sats paid" in (each.text or "") for each in boards(world, moved))
    )


async def test_a_group_that_became_a_supergroup_meanwhile_can_be_let_in_there(
    world: World,
) -> None:
    """What has no row finds where it is, and that is remembered."""
    world.telegram.say(world.private(world.owner), world.owner, "/help")
    await world.start_bot()
    group = world.telegram.add_group("Club", [world.stranger, world.owner])
    world.telegram.say(group, world.stranger, f"/invoice@{world.bot_user.username} 5")
    knock = await world.until(lambda: question(world, world.owner))
    await world.stop_bot()
    moved = world.telegram.migrate(group)
    world.clock.ahead_s += 1.2 * DAY_S
    await world.start_bot()
    press = world.telegram.press(knock.chat, world.owner, knock.id, text=texts.ALLOW_GROUP_BUTTON)
    await press.answer
    await world.until(lambda: world.ours(moved))
    await world.open_card(moved, world.stranger, f"/invoice@{world.bot_user.username} 7")


async def test_a_message_that_is_gone_from_a_group_is_no_sign_that_it_moved(world: World) -> None:
    await world.start_bot()
    card, other = [await world.ask(world.group, world.anna, f"/invoice {sats}") for sats in (5, 6)]
    world.telegram.delete_message(card.chat, card.id)
    world.node.pay(world.request_in(card))
    await world.announced(world.group, sats=5)
    world.node.pay(world.request_in(other))
    await world.becomes(other, Face.PAID)
