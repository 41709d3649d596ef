"""An edit without an answer that comes after a later one: what is there is made true.

Whole bots on the simulators.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from bot import texts
from bot.chat import transport
from bot.core.invoice import LATE_S, Face
from bot.demo.node import CANCELED, SETTLED
from bot.demo.telegram import Message, Stall
from tests.store.made import until
from tests.test_boards import board, my_part, split
from tests.world import World

#: Telegram's calls that change a card.
EDITS = ("editMessageMedia", "editMessageCaption", "editMessageText")
BOTH = pytest.mark.parametrize("by", ["itself", "a press"])
#: Seconds after which a call has no answer here.
SOON_S = 1.0


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_TIMEOUT_S", SOON_S)


def edits(world: World, message: Message) -> int:
    """How often Telegram was asked to edit a message."""
    number = str(message.id)
    edits = (call for call in world.telegram.calls if "edit" in call.method)
    return sum(call.params.get("message_id") == number for call in edits)


async def made_true(world: World, message: Message, by: str, button: str) -> None:
    """What leads to another edit: a press on what should not be there, or some time."""
    if by == "a press":
        await world.telegram.press(message.chat, world.bert, message.id, text=button).answer
    else:
        world.clock.ahead_s += LATE_S + 1


async def on_its_way(world: World) -> tuple[Message, Stall]:
    """The notice of a command that waited for the node, and the edit that makes it the card."""
    hangs = world.node.stall("AddInvoice")
    world.telegram.say(world.group, world.anna, "/invoice 5")
    card = await world.shown(world.group, Face.WAITING)
    late = world.telegram.stall("editMessageMedia", times=1)
    hangs.release()
    await late.reached()
    return card, late


@BOTH
@pytest.mark.parametrize("end", [CANCELED, SETTLED])
async def test_a_card_that_an_earlier_edit_comes_over_is_made_true(
    world: World, by: str, end: int
) -> None:
    await world.start_bot()
    card, late = await on_its_way(world)
    (invoice,) = world.node.invoices.values()
    if end is CANCELED:
        world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)
    else:
        world.node.pay(invoice.payment_request)
        await world.announced(world.group, "Anna Berg")
    face = Face.CANCELLED if end is CANCELED else Face.PAID
    await world.becomes(card, face)
    await world.recorded(card, face)
    late.release()
    await world.becomes(card, Face.OPEN)
    assert invoice.state is end
    await made_true(world, card, by, texts.CANCEL_BUTTON)
    await world.becomes(card, face)
    assert not world.request_in(card)
    assert len(world.announcements(world.group)) == (end is SETTLED)


@BOTH
async def test_a_board_that_an_earlier_edit_comes_over_is_made_true(world: World, by: str) -> None:
    world.access["chats"] = frozenset({world.group.id})
    shown = await split(world, "84k/3 pizza")
    late = world.telegram.stall("editMessageText", chat_id=world.group.id, times=1)
    await my_part(world, shown, world.bert, 28_000)
    await late.reached()
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=shown)
    await board(world, world.group, ", closed")
    late.release()
    await world.until(lambda: world.buttons(shown))
    await made_true(world, shown, by, texts.PAY_BUTTON)
    await board(world, world.group, ", closed")
    assert not world.buttons(shown)


async def test_a_board_that_shows_too_little_is_drawn_again_after_a_while(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    shown = await split(world, "84k/3 pizza")
    late = world.telegram.stall("editMessageText", chat_id=world.group.id, times=1)
    card = await my_part(world, shown, world.bert, 28_000)
    await late.reached()
    world.node.pay(world.request_in(card))
    await board(world, world.group, "28,000 sats paid")
    late.release()
    await world.until(lambda: "28,000 sats paid" not in (shown.text or ""))
    world.clock.ahead_s += LATE_S + 1
    await board(world, world.group, "28,000 sats paid")


async def cancelled_in_doubt(world: World) -> Message:
    """A cancelled card: of the edit that showed it first there was no answer."""
    await world.start_bot()
    card = await world.ask(world.group, world.anna, "/invoice 5")
    world.telegram.drop("editMessageMedia", acted=True)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    await world.recorded(card, Face.CANCELLED)
    return card


async def test_what_was_drawn_again_once_is_not_drawn_again(world: World) -> None:
    card = await cancelled_in_doubt(world)
    assert edits(world, card) == 2  # the one without an answer, and its second try
    world.clock.ahead_s += LATE_S + 1
    await world.until(lambda: edits(world, card) == 3)
    await world.ask(world.group, world.anna, "/invoice 7")
    world.clock.ahead_s += LATE_S + 1
    await world.ask(world.group, world.anna, "/invoice 8")
    assert edits(world, card) == 3


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_card_that_an_edit_of_the_process_before_comes_over_is_made_true(
    world: World, is_killed: bool
) -> None:
    await world.start_process()
    card, late = await on_its_way(world)
    if is_killed:
        await world.kill_process()
    else:
        await world.end_process()
    (invoice,) = world.node.invoices.values()
    world.node.pay(invoice.payment_request)
    await world.start_process()
    await world.announced(world.group, "Anna Berg")
    await world.becomes(card, Face.PAID)
    await world.recorded(card, Face.PAID)
    late.release()
    await world.becomes(card, Face.OPEN)
    await world.end_process()
    await world.start_bot()
    await in_doubt(world)
    world.clock.ahead_s += LATE_S + 1
    await world.becomes(card, Face.PAID)


async def in_doubt(world: World, table: str = "invoices") -> None:
    """A row waits for the moment from which on no edit comes late."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        rests = f"SELECT 1 FROM {table} WHERE redraw_at > ?"
        now = (world.clock(),)
        await until(lambda: database.execute(rests, now).fetchone() is not None)


async def test_a_card_that_is_drawn_again_as_a_process_ends_is_drawn_again_after_that(
    world: World,
) -> None:
    await world.start_bot()
    hangs = world.node.stall("AddInvoice")
    world.telegram.say(world.group, world.anna, "/invoice 5")
    card = await world.shown(world.group, Face.WAITING)
    world.telegram.drop("editMessageMedia", acted=True)
    hangs.release()
    await world.becomes(card, Face.OPEN)
    await world.recorded(card, Face.OPEN)
    late = world.telegram.stall("editMessageMedia", times=1)
    world.clock.ahead_s += LATE_S + 1
    await late.reached()
    await world.stop_bot()
    await world.start_bot()
    (invoice,) = world.node.invoices.values()
    world.node.pay(invoice.payment_request)
    await world.becomes(card, Face.PAID)
    await world.recorded(card, Face.PAID)
    late.release()
    await world.becomes(card, Face.OPEN)
    world.clock.ahead_s += LATE_S + 1
    await world.becomes(card, Face.PAID)


async def test_a_board_that_waited_for_its_next_edit_before_a_process_ended_is_made_true(
    world: World,
) -> None:
    world.access["chats"] = frozenset({world.group.id})
    shown = await split(world, "84k/3 pizza")
    late = world.telegram.stall("editMessageText", chat_id=world.group.id, times=1)
    card = await my_part(world, shown, world.bert, 28_000)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database, database:
        # as of one that was let go until its chat may have another edit
        await late.reached()
        database.execute("UPDATE boards SET due_at = ?", [world.clock()])
    await world.stop_bot()
    await world.start_bot()
    world.node.pay(world.request_in(card))
    await board(world, world.group, "28,000 sats paid")
    late.release()
    await world.until(lambda: "28,000 sats paid" not in (shown.text or ""))
    await in_doubt(world, "boards")
    world.clock.ahead_s += LATE_S + 1
    await board(world, world.group, "28,000 sats paid")


async def test_a_press_after_one_late_edit_leaves_the_doubt_about_another(world: World) -> None:
    await world.start_bot()
    hangs = world.node.stall("AddInvoice")
    world.telegram.say(world.group, world.anna, "/invoice 5")
    card = await world.shown(world.group, Face.WAITING)
    one, two = (world.telegram.stall("editMessageMedia", times=1) for _ in range(2))
    hangs.release()
    await one.reached()
    await two.reached()
    await world.becomes(card, Face.OPEN)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    await world.recorded(card, Face.CANCELLED)
    one.release()
    await world.becomes(card, Face.OPEN)
    await made_true(world, card, "a press", texts.CANCEL_BUTTON)
    await world.becomes(card, Face.CANCELLED)
    two.release()
    await world.becomes(card, Face.OPEN)
    await in_doubt(world)
    world.clock.ahead_s += LATE_S + 1
    await world.becomes(card, Face.CANCELLED)


async def test_a_card_that_telegram_does_not_let_be_drawn_again_stays_where_it_is(
    world: World,
) -> None:
    """It most likely shows what it should."""
    card = await cancelled_in_doubt(world)
    refused = [world.telegram.fail(method, status=400, times=None) for method in EDITS]
    before = edits(world, card)
    world.clock.ahead_s += LATE_S + 1
    await world.until(lambda: edits(world, card) >= before + len(EDITS))
    for each in refused:
        world.telegram.withdraw(each)
    await world.ask(world.group, world.anna, "/invoice 7")
    assert not card.deleted
    assert edits(world, card) == before + len(EDITS)
