"""One kind of call that Telegram does not take, or a chat that it slows down: nothing else waits.

Whole bots on the simulators. What is there says what is so, and is told, by the calls that go.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest

from bot import texts
from bot.chat import transport
from bot.core import steps
from bot.core.invoice import Face
from bot.core.wishes import Change
from bot.core.work import Do
from bot.demo.node import CANCELED
from bot.engine import hands
from tests.test_board_faults import ends, paid
from tests.test_boards import board, boards, my_part, split
from tests.test_splits import panel, pressed
from tests.world import World

#: Telegram's calls that change a card.
EDITS = ("editMessageMedia", "editMessageCaption", "editMessageText")
#: Seconds for which Telegram wants a chat left alone, where it does so for long, and a moment.
LONG_S, MOMENT_S = 300, 3


def slowed(world: World, *methods: str, after_s: int, times: int | None = None) -> None:
    """In the group such calls are too many now."""
    for method in methods:
        world.telegram.fail(method, chat_id=world.group.id, retry_after=after_s, times=times)


def broken(world: World, method: str) -> None:
    """In the group each such call fails at Telegram."""
    world.telegram.fail(method, chat_id=world.group.id, status=500, times=None)


def open_rows(world: World) -> int:
    """How many invoices are open as far as the bot has written."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        found = database.execute("SELECT count(*) FROM invoices WHERE state = 'open'")
        return int(found.fetchone()[0])


def waiting(world: World, do: Do) -> int:
    """How many invoices have this on its way, or in their chat's line."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        waits = "SELECT count(*) FROM invoices WHERE sending = ? AND retry_at < ?"
        return int(database.execute(waits, (str(do), time.time() - 0.1)).fetchone()[0])


async def greeted(world: World) -> None:
    """The owner can be written to, and the bot runs."""
    world.telegram.say(world.private(world.owner), world.owner, "/help")
    await world.start_bot()


# boards


async def test_a_board_whose_former_message_stays_goes_on(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    broken(world, "deleteMessage")
    world.telegram.say(world.group, world.anna, "/split", reply_to=shown)
    await world.until(lambda: len(boards(world, world.group)) == 2)
    moved = boards(world, world.group)[-1]
    await paid(world, moved, world.bert, 42_000)
    await world.until(lambda: "42,000 sats paid" in (moved.text or ""))
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=moved)
    await world.until(lambda: ends(world, world.group))
    assert not world.buttons(moved)
    world.telegram.clear_faults()
    world.clock.ahead_s += 60  # no pause is longer
    await world.until(lambda: boards(world, world.group) == [moved])


@pytest.mark.parametrize("after_s", [None, 2])
async def test_an_end_is_told_though_the_board_takes_no_edit(
    world: World, after_s: int | None
) -> None:
    shown = await split(world, "84k/2 pizza")
    cards = [await my_part(world, shown, each, 42_000) for each in (world.anna, world.bert)]
    await board(world, world.group, '"Bert"')
    if after_s is None:
        broken(world, "editMessageText")
    else:
        slowed(world, "editMessageText", after_s=after_s)
    for card in cards:
        world.node.pay(world.request_in(card))
    await world.until(lambda: ends(world, world.group), 60.0)
    world.telegram.clear_faults()
    world.clock.ahead_s += 60
    await board(world, world.group, "all paid")
    assert len(ends(world, world.group)) == 1


async def test_a_board_shows_payments_though_a_reminder_is_put_off(world: World) -> None:
    shown = await split(world, "84k/3", by=world.owner)
    card = await my_part(world, shown, world.bert, 28_000)
    await board(world, world.group, '"Bert"')
    here = await panel(world, shown, world.owner)
    slowed(world, "sendMessage", after_s=1)
    await pressed(world, here, world.owner, texts.CHANGES[Change.REMIND])
    await world.until(lambda: any(call.status == 429 for call in world.telegram.calls))
    world.clock.ahead_s += 61
    for times in range(2, 7):
        await world.until(
            lambda times=times: sum(call.status == 429 for call in world.telegram.calls) >= times
        )
        world.clock.ahead_s += 61
    world.node.pay(world.request_in(card))
    await board(world, world.group, "28,000 sats paid")
    world.telegram.clear_faults()


async def test_a_board_that_can_not_be_moved_is_kept_true_where_it_is(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    card = await my_part(world, shown, world.bert, 42_000)
    await board(world, world.group, '"Bert"')
    broken(world, "sendMessage")
    world.telegram.say(world.group, world.anna, "/split", reply_to=shown)
    world.node.pay(world.request_in(card))
    await world.until(lambda: "42,000 sats paid" in (shown.text or ""))
    world.telegram.clear_faults()
    world.clock.ahead_s += 60
    await world.until(lambda: boards(world, world.group)[-1] is not shown)


# payments


@pytest.mark.parametrize("after_s", [LONG_S, MOMENT_S])
async def test_owners_hear_of_payments_in_a_chat_that_is_slowed_down(
    world: World, after_s: int
) -> None:
    await greeted(world)
    cards = [await world.ask(world.group, world.anna, f"/invoice {sats}") for sats in (1, 2, 3)]
    slowed(world, *EDITS, "sendMessage", "sendPhoto", after_s=after_s)
    for card in cards:
        world.node.pay(world.request_in(card))
    await world.payment_noticed(world.owner, 3)
    world.telegram.clear_faults()
    world.clock.ahead_s += 60


async def test_where_only_cards_are_slowed_down_payments_are_told(world: World) -> None:
    await greeted(world)
    cards = [await world.ask(world.group, world.anna, f"/invoice {sats}") for sats in (1, 2, 3)]
    before = len(world.telegram.calls)
    slowed(world, "editMessageMedia", after_s=11)  # seconds: long
    for card in cards:
        world.node.pay(world.request_in(card))
    await world.announced(world.group, "Anna Berg", 3)
    edits = [call for call in list(world.telegram.calls)[before:] if "edit" in call.method]
    assert len(edits) <= 3, "of none before all were told"


async def test_where_edits_hang_payments_are_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_TIMEOUT_S", 2.0)
    monkeypatch.setattr(steps, "LONG_S", 1.0)
    await greeted(world)
    card = await world.ask(world.group, world.anna, "/invoice 5")
    stall = world.telegram.stall("editMessageMedia", chat_id=world.group.id)
    world.node.pay(world.request_in(card))
    await world.announced(world.group, "Anna Berg")
    await world.payment_noticed(world.owner)
    stall.release()
    await world.becomes(card, Face.PAID)


async def test_who_reads_the_announcement_is_not_notified_before(world: World) -> None:
    """An owner's own card, in private, that takes no edit for a while."""
    await greeted(world)
    private = world.private(world.owner)
    card = await world.ask(private, world.owner, "/invoice 5")
    world.telegram.fail("editMessageMedia", chat_id=private.id, status=500, times=3)
    world.node.pay(world.request_in(card))
    await world.announced(private)
    await world.becomes(card, Face.PAID)
    assert not world.payment_notices(world.owner)


async def test_whoever_becomes_an_owner_later_hears_of_what_is_paid_from_then_on(
    world: World,
) -> None:
    world.telegram.start_bot(world.bert)
    await greeted(world)
    card = await world.ask(world.group, world.anna, "/invoice 5")
    world.node.pay(world.request_in(card))
    await world.payment_noticed(world.owner)
    private = world.private(world.owner)
    said = len(world.ours(private))
    world.telegram.say(private, world.owner, f"/allow owner {world.bert.id}")
    await world.until(lambda: len(world.ours(private)) > said)
    await world.becomes(card, Face.PAID)
    said = len(world.ours(world.group))
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)  # it is looked at again
    await world.until(lambda: len(world.ours(world.group)) > said)
    newer = await world.ask(world.group, world.anna, "/invoice 6")
    world.node.pay(world.request_in(newer))
    await world.payment_noticed(world.bert)
    assert [m.id for m in world.payment_notices(world.bert)] == [
        m.id for m in world.payment_notices(world.bert, 6)
    ]


async def test_chats_that_hang_keep_no_payment_of_another_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are worked on at once, and one more."""
    monkeypatch.setattr(hands, "CHATS_A_LANE", 3)
    await greeted(world)
    groups = [world.telegram.add_group(f"Group {n}", [world.anna]) for n in range(4)]
    cards = [await world.ask(each, world.anna, "/invoice 5") for each in groups]
    private = world.private(world.bert)
    card = await world.ask(private, world.bert, "/invoice 6")
    for each in groups:
        world.telegram.stall("editMessageMedia", chat_id=each.id)
    for each in cards:
        world.node.pay(world.request_in(each))
    await world.until(
        lambda: sum(call.method == "editMessageMedia" for call in world.telegram.calls) >= 3
    )
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID, 20.0)  # seconds: before those give up
    world.telegram.clear_faults()


# what waited for its turn


async def test_a_card_that_waited_for_its_turn_until_it_was_over_is_not_shown_as_payable(
    world: World,
) -> None:
    await world.start_bot()
    slowed(world, "sendPhoto", after_s=MOMENT_S, times=1)
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    await world.until(lambda: any(call.status == 429 for call in world.telegram.calls))
    world.telegram.say(world.group, world.bert, "/invoice 500 beer")
    await world.until(lambda: open_rows(world) == 2)
    world.clock.ahead_s += 3700  # both expire
    await world.until(lambda: len(world.showing(world.group, Face.EXPIRED)) == 2)
    faces = [call for call in world.telegram.calls if call.method == "sendPhoto"]
    assert [call.status for call in faces if "lnsb" in str(call.params.get("caption"))] == [429]


async def test_a_copy_that_was_paid_is_followed_by_no_card_that_can_be_paid(world: World) -> None:
    await world.start_bot()
    world.telegram.drop("sendPhoto", acted=True, times=1)
    slowed(world, "sendPhoto", after_s=MOMENT_S, times=1)
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    copy = await world.shown(world.group, Face.OPEN)
    world.node.pay(world.request_in(copy))
    await world.announced(world.group, "Anna Berg")
    assert world.showing(world.group, Face.OPEN) == [copy]  # whose number nobody knows


async def test_a_cancellation_waits_for_no_chat_that_is_slowed_down(world: World) -> None:
    await world.start_bot()
    slowed(world, "sendMessage", after_s=LONG_S)
    world.telegram.say(world.group, world.anna, f"/invoice 2100 {'x' * 400}")
    card = await world.shown(world.group, Face.OPEN)
    await world.until(lambda: any(call.status == 429 for call in world.telegram.calls))
    world.clock.ahead_s += 61  # its own pause is over, and its chat's is not
    world.telegram.press(world.group, world.anna, card.id, text="Cancel")
    (invoice,) = world.node.invoices.values()
    await world.node.until(lambda: invoice.state is CANCELED)


async def test_a_cancellation_waits_for_no_chat_that_hangs(world: World) -> None:
    await world.start_bot()
    slowed(world, "sendMessage", after_s=1)
    for sats in (1, 2, 3, 4):
        world.telegram.say(world.group, world.anna, f"/invoice {sats} {'x' * 400}")
    await world.until(lambda: len(world.showing(world.group, Face.OPEN)) == 4)
    world.telegram.clear_faults()
    hangs = world.telegram.stall("sendMessage", chat_id=world.group.id)
    await hangs.reached()
    await world.until(lambda: waiting(world, Do.SEND_PAYMENT_REQUEST) == 4, 30.0)
    for card in world.showing(world.group, Face.OPEN):
        world.telegram.press(world.group, world.anna, card.id, text="Cancel")
    of = world.node.invoices.values()
    await world.node.until(lambda: sum(each.state is CANCELED for each in of) == 3)  # but its own
    world.telegram.clear_faults()
