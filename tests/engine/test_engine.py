"""What the engine promises where node or chat misbehave, with the whole bot between simulators."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from bot import texts
from bot.core import outcomes
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.core.wishes import Cancelling, Renewing
from bot.demo.node import SimNode
from bot.demo.telegram import Chat, Hook, Message
from bot.engine import hands
from bot.errors import (
    AmountTooLarge,
    ClockBehind,
    NodeLocked,
    NodeUnreachable,
    PermissionMissing,
)
from bot.node import gate, sweep
from bot.store import sqlite
from tests.faces import Role, may_be_duplicate, role_of
from tests.world import WAIT_S, World


async def begun(world: World) -> tuple[Chat, Message]:
    """The bot runs: the owner's chat, where it can write, and Anna's open card in the group."""
    await world.start_bot()
    own = world.private(world.owner)
    await world.open_card(own, world.owner, "/invoice 1")
    return own, await world.open_card(world.group, world.anna, "/invoice 2100")


async def test_a_photo_that_is_refused_becomes_a_text(world: World) -> None:
    world.telegram.restrict_bot(world.group, send_photos=False)
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    card = await world.shown(world.group, Face.OPEN, sats=2100)
    assert card.photo is None
    assert world.buttons(card) == ["Cancel"]
    world.node.pay(world.request_in(card))
    await world.announced(world.group, "Anna Berg")
    assert world.face(card) is Face.PAID


async def test_a_fault_while_open_invoices_are_looked_up_ends_the_process(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    await world.recorded(card)
    await world.stop_bot()
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        database.execute("UPDATE invoices SET payment_hash = 'no bytes', due_at = NULL")
        database.commit()

    async def lives() -> None:
        await world.start_bot()
        await world.until(lambda: False)

    with pytest.raises(ExceptionGroup):
        await lives()


REFUSED = "Bad Request: something new"


async def test_a_paid_card_says_so_where_its_picture_can_not_be_exchanged(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    request, picture = world.request_in(card), card.photo
    world.telegram.restrict_bot(world.group, send_photos=False)
    world.node.pay(request)
    await world.announced(world.group, "Anna Berg")
    assert world.face(card) is Face.PAID
    assert request not in (card.text or "")
    assert world.buttons(card) == []
    assert card.photo is picture


async def test_a_word_becomes_the_card_as_text_where_photos_are_refused(world: World) -> None:
    await world.start_bot()
    await world.node.down()
    world.telegram.restrict_bot(world.group, send_photos=False)
    world.telegram.say(world.group, world.anna, "/invoice 2100")
    card = await world.shown(world.group, Face.WAITING)
    await world.node.up()
    await world.until(lambda: world.shows(card, Face.OPEN, sats=2100))
    assert world.buttons(card) == ["Cancel"]
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)


async def test_a_card_that_can_not_be_edited_at_all_is_deleted(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    for method in ("editMessageMedia", "editMessageCaption", "editMessageText"):
        world.telegram.fail(method, status=400, description=REFUSED)
    world.node.pay(world.request_in(card))
    await world.announced(world.group, "Anna Berg")
    assert card.deleted


async def test_a_request_that_can_not_be_edited_is_deleted(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, f"/invoice 2100 {'é' * 300}")
    request = await world.shown(world.group, Role.PAYMENT_REQUEST)
    world.telegram.fail("editMessageText", status=400, description=REFUSED)
    world.node.pay(world.request_in(request))
    await world.announced(world.group, "Anna Berg")
    assert world.face(card) is Face.PAID
    assert request.deleted


async def test_the_owner_hears_of_a_card_that_can_be_neither_edited_nor_deleted(
    world: World,
) -> None:
    own, card = await begun(world)
    for method in ("editMessageMedia", "editMessageCaption", "editMessageText", "deleteMessage"):
        world.telegram.fail(method, times=1, status=400, description=REFUSED)
    world.node.pay(world.request_in(card))
    told = await world.notified(own, Kind.CARD_UNTRUE)
    assert "Something new" in (told.text or "")
    for known in ("2,100 sats", "Anna Berg", world.group.title):  # which of all cards it is
        assert known in (told.text or "")
    await world.announced(world.group, "Anna Berg")
    assert not card.deleted
    assert world.face(card) is Face.OPEN


async def test_a_card_that_telegram_never_takes_is_cancelled_and_the_owner_told(
    world: World,
) -> None:
    await world.start_bot()
    own = world.private(world.owner)
    await world.open_card(own, world.owner, "/invoice 1")
    for method in ("sendPhoto", "sendMessage"):
        world.telegram.fail(
            method,
            chat_id=world.group.id,
            times=1,
            status=400,
            description="Bad Request: something new",
        )
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    told = await world.notified(own, Kind.CARD_REFUSED)
    assert "Something new" in (told.text or "")
    invoice = list(world.node.invoices.values())[-1]
    await world.node.until(lambda: invoice.state == 2)
    said = await world.shown(world.group, Face.CANCELLED, sats=2100)
    assert "pizza" not in (said.text or "")
    assert world.buttons(said) == []  # it would be rejected again


async def test_an_invoice_that_telegram_takes_in_no_form_holds_up_nobody(world: World) -> None:
    own, _ = await begun(world)
    for method in ("sendPhoto", "sendMessage"):
        world.telegram.fail(method, chat_id=world.group.id, status=400, description=REFUSED)
    world.telegram.say(world.group, world.anna, "/invoice 4200")
    await world.notified(own, Kind.CARD_REFUSED)
    invoice = list(world.node.invoices.values())[-1]
    await world.node.until(lambda: invoice.state == 2)
    sent = sum(call.method == "sendMessage" for call in world.telegram.calls)
    await world.open_card(own, world.owner, "/invoice 2")
    again = [call.method for call in world.telegram.calls].count("sendMessage")
    assert again <= sent + 1  # that it is cancelled, once


async def test_a_failure_is_asked_for_again_by_its_button(world: World) -> None:
    world.patience_s = 1
    await world.start_bot()
    await world.node.down()
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    failed = await world.shown(world.group, Face.FAILED)
    streams = world.node.calls["SubscribeInvoices"]
    await world.node.up()
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > streams)  # it knows
    presses = [
        world.telegram.press(world.group, world.anna, failed.id, text="Try again") for _ in range(3)
    ]
    said = sorted([(await press.answer).text for press in presses])
    again = texts.asked_to_renew(Renewing.ALREADY_RENEWED)
    assert said.count(again) == 2
    await world.shown(world.group, Face.OPEN, sats=2100, says=' – "pizza"')
    await world.until(lambda: not world.buttons(failed))
    assert world.face(failed) is Face.FAILED
    assert len(world.showing(world.group, Face.OPEN)) == 1


async def test_a_node_whose_clock_is_days_behind_makes_no_invoice_and_says_so(world: World) -> None:
    world.patience_s = 1
    world.node.ledger._clock = lambda: world.clock() - 2 * 86_400
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 5")
    failed = await world.shown(chat, Face.FAILED)
    assert texts.why(ClockBehind()) in (failed.text or "")
    await world.node.until(
        lambda: [each.state_name for each in world.node.invoices.values()] == ["canceled"]
    )


async def test_a_host_that_was_days_ahead_at_the_start_makes_invoices_once_it_is_set_right(
    world: World,
) -> None:
    world.patience_s = 1
    ahead_s = 30 * 3600.0
    await world.start_bot(lambda: time.time() + ahead_s)
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 5")
    failed = await world.shown(chat, Face.FAILED)
    assert texts.why(ClockBehind()) in (failed.text or "")
    ahead_s = 0.0
    await world.open_card(chat, world.anna, "/invoice 6")


def edits(world: World) -> int:
    """How many edits Telegram was asked for."""
    return sum(call.method.startswith("editMessage") for call in world.telegram.calls)


async def test_a_waiting_notice_gives_the_present_reason_and_is_edited_for_another_one_only(
    world: World,
) -> None:
    await world.start_bot()
    await world.open_card(world.group, world.anna, "/invoice 1")
    await world.node.down()
    world.telegram.say(world.group, world.anna, "/invoice 2100")
    notice = await world.shown(world.group, Face.WAITING, says=texts.why(NodeUnreachable()))
    world.node.lock()
    await world.node.up()
    says = texts.still_waiting(NodeLocked())
    await world.until(lambda: notice.text == says)
    assert edits(world) == 1
    await world.node.unlock()
    await world.becomes(notice, Face.OPEN)
    assert edits(world) == 2
    assert len(world.ours(world.group)) == 2


async def test_each_who_asks_during_an_outage_gets_a_notice_once_the_one_before_has_ended(
    world: World,
) -> None:
    world.patience_s = 8
    await world.start_bot()
    chat = world.private(world.anna)
    await world.node.down()
    for number in (1, 2):
        world.telegram.say(chat, world.anna, f"/invoice {number}00")
        await world.shown(chat, Face.WAITING)
        await world.shown(chat, Face.FAILED, number)
    assert len(world.ours(chat)) == 2  # each notice became its failure


async def test_a_cancellation_while_the_node_is_away_says_so_and_is_done_once_it_is_back(
    world: World,
) -> None:
    _, card = await begun(world)
    other = await world.open_card(world.group, world.anna, "/invoice 4200")
    await world.node.down()
    world.telegram.say(world.group, world.bert, "/invoice 1")
    await world.shown(world.group, Face.WAITING)  # it has found out
    says = texts.asked_to_cancel(Cancelling.CANCELLING, NodeUnreachable())
    press = world.telegram.press(world.group, world.anna, card.id, text="Cancel")
    assert (await press.answer).text == says
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=other)
    await world.said(world.group, says)
    await world.node.up()
    for each in (card, other):
        await world.becomes(each, Face.CANCELLED)


async def test_each_passing_fault_of_telegram_is_outlived(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    for status in (500, 502):
        world.telegram.fail("sendPhoto", times=1, status=status)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    card = await world.shown(chat, Face.OPEN)
    world.telegram.fail("editMessageMedia", times=2, status=502)
    world.telegram.drop("editMessageMedia", acted=True, times=1)
    world.telegram.fail("sendMessage", times=1, status=429, retry_after=1)
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")
    assert len(world.showing(chat, Face.PAID)) == 1
    assert len(world.ours(chat)) == 2


async def test_a_slow_chat_holds_up_nobody(world: World) -> None:
    await world.start_bot()
    slow = world.private(world.anna)
    hold = world.telegram.stall("sendPhoto", chat_id=slow.id)
    for number in range(20):
        world.telegram.say(slow, world.anna, f"/invoice {number + 1}")
    await hold.reached()
    await world.open_card(world.private(world.bert), world.bert, "/invoice 2100")
    assert not world.ours(slow)
    hold.release()
    await world.shown(slow, Face.OPEN, 20)


async def test_an_invoice_cancelled_elsewhere_is_shown_once_the_stream_is_back(
    world: World,
) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    invoice = next(iter(world.node.invoices.values()))
    world.node.cancel_invoice(invoice.payment_hash)
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > 0)
    world.node.end_streams()
    await world.becomes(card, Face.CANCELLED)


async def test_an_invoice_that_the_node_deleted_is_closed_and_not_added_again(
    world: World,
) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    invoice = next(iter(world.node.invoices.values()))
    world.node.cancel_invoice(invoice.payment_hash)
    world.node.delete_invoice(invoice.payment_hash)
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > 0)
    world.node.end_streams()
    await world.becomes(card, Face.CANCELLED)
    assert not world.node.invoices


async def test_paid_at_the_last_moment_it_is_paid_and_not_expired(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    request = world.request_in(card)
    hold = world.node.stall("LookupInvoice", before=True)
    asked_at = world.clock()
    world.node.ledger._clock = lambda: asked_at  # the node's clock is late: it expires nothing
    world.clock.ahead_s += 3700
    await hold.reached()
    world.node.pay(request, late=True)
    hold.release()
    await world.announced(world.group, "Anna Berg")
    assert world.face(card) is Face.PAID
    assert not any(role_of(version.text or "") is Face.EXPIRED for version in card.versions)


async def test_a_node_restored_from_its_seed_still_tells_payments(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    for number in (1, 2, 3):
        card = await world.open_card(chat, world.anna, f"/invoice {number}")
        world.node.pay(world.request_in(card))
        await world.announced(chat, "Anna Berg", number)
    await world.node.stop()
    world.node.restore_from_seed()
    await world.node.start()
    card = await world.open_card(chat, world.anna, "/invoice 4")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg", sats=4)


async def test_another_nodes_invoices_are_asked_of_nobody_and_the_owner_is_told(
    world: World,
) -> None:
    own, card = await begun(world)
    await world.node.stop()
    world.node.become_other_node()
    await world.node.start()
    told = await world.notified(own, Kind.OTHER_NODE)
    assert "2" in (told.text or "")
    fresh = await world.open_card(world.group, world.anna, "/invoice 4")
    world.node.pay(world.request_in(fresh))
    await world.announced(world.group, "Anna Berg", sats=4)
    assert world.shows(card, Face.OPEN, sats=2100)


@contextlib.asynccontextmanager
async def another_node(world: World) -> AsyncIterator[SimNode]:
    """Another node than before, to which the bot is connected when it starts next."""
    old = world.node
    async with SimNode(world.folder / "another", clock=world.clock) as world.node:
        try:
            yield old
        finally:
            await world.stop_bot()
            world.node = old


async def test_a_cancel_for_another_nodes_invoice_says_so_and_is_done_when_that_is_back(
    world: World,
) -> None:
    own, card = await begun(world)
    await world.stop_bot()
    async with another_node(world) as old:
        await world.start_bot()
        await world.notified(own, Kind.OTHER_NODE)
        press = world.telegram.press(world.group, world.anna, card.id, text="Cancel")
        assert (await press.answer).text == texts.asked_to_cancel(Cancelling.NODE_AWAY)
        fresh = await world.open_card(world.group, world.anna, "/invoice 4")
        world.telegram.press(world.group, world.anna, fresh.id, text="Cancel")
        await world.becomes(fresh, Face.CANCELLED)
        assert len(card.versions) == 1
    await world.start_bot()
    await world.becomes(card, Face.CANCELLED)
    assert [invoice.state_name for invoice in old.invoices.values()] == ["open", "canceled"]


@pytest.mark.parametrize("unknown", ["the first", "the second"])
async def test_what_may_be_another_nodes_is_not_closed_by_one_that_does_not_know_it(
    world: World, unknown: str
) -> None:
    narrow = "invoice.macaroon"  # it cannot ask who the node is
    known = world.macaroon
    world.macaroon = narrow if unknown == "the first" else known
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    request = world.request_in(card)
    await world.recorded(card)
    await world.stop_bot()
    world.macaroon = known if unknown == "the first" else narrow
    async with another_node(world) as old:
        await world.start_bot()
        await world.node.until(lambda: world.node.calls["LookupInvoice"] >= 2)
        fresh = await world.open_card(world.group, world.anna, "/invoice 4")
        world.node.pay(world.request_in(fresh))
        await world.announced(world.group, "Anna Berg", sats=4)
        assert world.face(card) is Face.OPEN
        old.pay(request)
    world.macaroon = known
    await world.start_bot()
    await world.announced(world.group, "Anna Berg", sats=2100)
    await world.becomes(card, Face.PAID)


async def test_a_card_that_expires_while_the_node_cannot_answer_for_it_looks_payable_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "LAPSE_AFTER_S", 0.0)
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    world.node.fail("LookupInvoice", text="database is locked", times=10**5)
    world.clock.ahead_s += 3700
    await world.becomes(card, Face.UNCONFIRMED)
    world.node.clear_faults()
    await world.becomes(card, Face.EXPIRED)


async def test_a_press_on_another_nodes_card_makes_it_expire_no_sooner(world: World) -> None:
    own, card = await begun(world)
    request = world.request_in(card)
    await world.stop_bot()
    async with another_node(world) as old:
        await world.start_bot()
        await world.notified(own, Kind.OTHER_NODE)
        await world.open_card(world.group, world.anna, "/invoice 3")
        press = world.telegram.press(world.group, world.bert, card.id, text="Cancel")
        assert (await press.answer).text == texts.NOT_ALLOWED
        old.pay(request)
        for sats in (3, 4):  # whatever is due with the first is done before the second
            world.clock.ahead_s += 3700
            await world.shown(world.group, Face.EXPIRED, sats=sats)
            await world.open_card(world.group, world.anna, "/invoice 4")
        # only that it can no longer be paid, and that nobody knows whether it was
        await world.becomes(card, Face.UNCONFIRMED)
        assert len(card.versions) == 2
    await world.start_bot()
    await world.announced(world.group, "Anna Berg", sats=2100)
    assert world.face(card) is Face.PAID


async def test_nothing_expires_before_the_node_has_said_who_it_is(world: World) -> None:
    await world.start_bot()
    cards = [
        await world.open_card(world.group, world.anna, f"/invoice {n + 100}") for n in range(6)
    ]
    requests = [world.request_in(card) for card in cards]
    await world.stop_bot()
    for request in requests:
        world.node.pay(request)
    world.clock.ahead_s += 3700
    async with another_node(world):
        # Who it is is asked by the look at start as well.
        holds = [world.node.stall("GetInfo", before=True) for _ in range(2)]
        await world.start_bot()
        for hold in holds:
            await hold.reached()
        fresh = await world.open_card(world.group, world.anna, "/invoice 4")
        for hold in holds:
            hold.release()
        await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > 0)
        world.clock.ahead_s += 3700
        await world.becomes(fresh, Face.EXPIRED)
        for card in cards:
            await world.becomes(card, Face.UNCONFIRMED)
            assert len(card.versions) == 2
    await world.start_bot()
    await world.announced(world.group, "Anna Berg", 6)
    assert all(world.face(card) is Face.PAID for card in cards)


@pytest.mark.parametrize("end", ["paid", "expired", "open"])
async def test_a_card_that_expires_while_the_node_is_away_looks_payable_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(gate, "GONE_AFTER_S", 0.2)
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    request = world.request_in(card)
    asked_at = world.clock()
    if end == "open":  # by the node's clock it is payable for an hour
        world.node.ledger._clock = lambda: asked_at
    await world.node.down()
    if end == "paid":
        world.node.pay(request)
    world.clock.ahead_s += 3700
    await world.becomes(card, Face.UNCONFIRMED)
    assert request not in (card.text or "")
    assert world.buttons(card) == []
    await world.node.up()
    face = {"paid": Face.PAID, "expired": Face.EXPIRED, "open": Face.OPEN}[end]
    await world.becomes(card, face)
    assert (request in (card.text or "")) is (end == "open")
    if end == "paid":
        await world.announced(world.group, "Anna Berg")
    assert len(world.showing(world.group, face)) == 1


async def test_a_node_that_is_away_for_a_moment_changes_no_card(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    await world.node.down()
    world.clock.ahead_s += 3700
    await world.node.up()
    await world.becomes(card, Face.EXPIRED)
    assert len(card.versions) == 2


async def test_a_macaroon_that_cant_cancel_holds_up_nobody_and_the_owner_is_told(
    world: World,
) -> None:
    methods = ("AddInvoice", "LookupInvoice", "SubscribeInvoices", "GetInfo")
    world.node.bake([f"uri:/lnrpc.Lightning/{name}" for name in methods], save_to="bot.macaroon")
    world.macaroon = "bot.macaroon"
    own, card = await begun(world)
    looks = world.node.calls["GetState"]
    world.telegram.press(world.group, world.anna, card.id, text="Cancel")
    await world.notified(own, Kind.CANCEL_NOT_PERMITTED)
    await world.node.until(lambda: world.node.calls["CancelInvoice"] >= 3)
    press = world.telegram.press(world.group, world.anna, card.id, text="Cancel")
    says = texts.asked_to_cancel(Cancelling.CANCELLING, PermissionMissing())
    assert (await press.answer).text == says
    await world.open_card(world.private(world.bert), world.bert, "/invoice 2")
    assert world.node.calls["GetState"] <= looks + 1  # the one of the check at start
    assert len(card.versions) == 1
    assert len(world.notices(own, Kind.CANCEL_NOT_PERMITTED)) == 1
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)


@pytest.mark.parametrize("may_cancel", [True, False])
async def test_a_macaroon_that_cant_make_invoices_is_told_as_that(
    world: World, may_cancel: bool
) -> None:
    methods = ["LookupInvoice", "SubscribeInvoices", "GetInfo"]
    rights = [f"uri:/lnrpc.Lightning/{name}" for name in methods]
    rights += ["uri:/invoicesrpc.Invoices/CancelInvoice"] if may_cancel else []
    world.node.bake(rights, save_to="bot.macaroon")
    world.macaroon = "bot.macaroon"
    world.patience_s = 1
    own = world.private(world.owner)
    world.telegram.say(own, world.owner, "/id")
    await world.start_bot()
    for sats in (1, 2):
        world.telegram.say(world.group, world.anna, f"/invoice {sats}")
        await world.shown(world.group, Face.FAILED, sats)
    if not may_cancel:
        await world.node.until(lambda: world.node.calls["CancelInvoice"] >= 2)
    await world.notified(own, Kind.ADD_NOT_PERMITTED)
    world.telegram.say(own, world.owner, "/id")
    await world.said(own, texts.ids(world.owner.id, own.id), 2)
    assert len(world.notices(own, Kind.ADD_NOT_PERMITTED)) == 1
    assert not world.notices(own, Kind.CANCEL_NOT_PERMITTED)


async def test_a_macaroon_that_cant_ask_who_the_node_is_cancels_and_expires(world: World) -> None:
    world.macaroon = "invoice.macaroon"
    await world.start_bot()
    first = await world.open_card(world.group, world.anna, "/invoice 1")
    second = await world.open_card(world.group, world.anna, "/invoice 2")
    world.telegram.press(world.group, world.anna, first.id, text="Cancel")
    await world.becomes(first, Face.CANCELLED)
    world.clock.ahead_s += 3700
    await world.becomes(second, Face.EXPIRED)


async def test_an_unsynced_node_that_stores_and_hangs_makes_one_invoice(world: World) -> None:
    await world.start_bot()
    world.node.hang("AddInvoice", times=1)
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    card = await world.shown(chat, Face.OPEN)
    assert len(world.node.invoices) == 1
    assert len(world.ours(chat)) == 1
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")


async def test_an_invoice_that_appears_late_is_no_failure(world: World) -> None:
    await world.start_bot()
    world.node.appear_late(0.3)
    world.node.lose_answer("AddInvoice", times=1)
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 2100")
    assert len(world.node.invoices) == 1


@pytest.mark.parametrize("text", ["invoice amount 3 BTC is too large, max is 2 BTC"])
async def test_what_the_node_refuses_fails_at_once_with_its_reason(world: World, text: str) -> None:
    await world.start_bot()
    world.node.fail("AddInvoice", text=text)
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    failure = await world.shown(chat, Face.FAILED)
    assert texts.why(AmountTooLarge()) in (failure.text or "")
    assert "2,100 sats" in (failure.text or "")


async def test_after_a_failure_nothing_payable_is_left_at_the_node(world: World) -> None:
    world.patience_s = 1
    await world.start_bot()
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > 0)
    hold = world.node.stall("AddInvoice")
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await hold.reached()
    await world.node.down()
    hold.drop()
    await world.shown(chat, Face.FAILED)
    await world.node.up()
    invoice = next(iter(world.node.invoices.values()))
    await world.node.until(lambda: invoice.state == 2)


async def test_while_the_database_is_locked_nothing_is_confirmed_and_nothing_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    updates = world.telegram.bots[world.token].updates
    with closing(sqlite3.connect(world.folder / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
        polls = sum(call.method == "getUpdates" for call in world.telegram.calls)
        await world.until(
            lambda: sum(call.method == "getUpdates" for call in world.telegram.calls) > polls + 1,
            20,
        )
        assert len(updates) == 1
        assert len(world.node.invoices) == 1
        other.execute("ROLLBACK")
    await world.shown(chat, Face.OPEN, sats=2100)
    assert len(world.node.invoices) == 2
    await world.until(lambda: len(updates) == 0)


async def test_broken_updates_are_passed_over_and_the_rest_goes_on(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    person = {"id": 1, "is_bot": False, "first_name": "X"}
    place = {"id": 1, "type": "private"}
    for body in (
        {"message": {}},
        {"message": None},
        {"message": {"message_id": "x", "date": "y", "chat": {"id": "z", "type": 5}}},
        {"callback_query": {"id": 1}},
        {"callback_query": {"id": "1", "from": person, "chat_instance": "", "data": "cancel:%%"}},
        {"my_chat_member": {"chat": place}},
        {"something_new": {"a": 1}},
        {"message": {"message_id": 1, "date": 1, "chat": {**place, "id": 2**70}, "text": "/id"}},
        {
            "message": {
                "message_id": 2**62,
                "date": 4e9,
                "chat": place,
                "from": person,
                "text": "/invoice \ud800\x00 1",
                "entities": [{"type": "bot_command", "offset": 0, "length": 99}],
            }
        },
    ):
        world.telegram.push_raw_update(body)
    await world.open_card(chat, world.anna, "/invoice 2100")
    await world.until(lambda: len(world.telegram.bots[world.token].updates) == 0)


async def test_a_second_copy_waits_and_says_so(
    world: World,
) -> None:
    owners = world.private(world.owner)
    world.telegram.say(owners, world.owner, "/start")
    await world.start_bot()
    chat = world.private(world.anna)
    for number in (1, 2):  # told once
        world.telegram.fail("getUpdates", times=3, status=409, description="Conflict: other one")
        await world.open_card(chat, world.anna, f"/invoice {number}")
        await world.notified(owners, Kind.OTHER_COPY)
    assert len(world.notices(owners, Kind.OTHER_COPY)) == 1


async def test_a_webhook_is_removed_and_its_updates_stay(world: World) -> None:
    chat = world.private(world.anna)
    webhook = world.telegram.bots[world.token].webhook
    webhook.set(Hook("https://example.org/hook"))
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await world.start_bot()
    await world.shown(chat, Face.OPEN, sats=2100)
    assert webhook.hook is None


async def test_updates_that_telegram_numbers_anew_are_carried_out(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    updates = world.telegram.bots[world.token].updates
    for number, next_id in enumerate((1000, 900_000_000, 7), 2):
        updates.renumber(next_id)
        await world.open_card(chat, world.anna, f"/invoice {number}")
        await world.until(lambda: len(updates) == 0)
    assert len(world.node.invoices) == 4


async def test_what_a_person_wants_gives_a_stuck_row_another_chance(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100")
    await world.recorded(card)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        database.execute("UPDATE invoices SET faults = 10, due_at = NULL, tried = 'cancel'")
        database.commit()
    world.telegram.press(chat, world.anna, card.id, text="Cancel")
    await world.shown(chat, Face.CANCELLED)


async def test_a_burst_in_one_chat_keeps_its_order(world: World) -> None:
    world.access = {"open": True}
    await world.start_bot()
    chat = world.private(world.anna)
    for number in range(30):
        world.telegram.say(chat, world.anna, f"/invoice {number + 1}")
    await world.shown(chat, Face.OPEN, 30)
    assert len(world.node.invoices) == 30
    assert len(world.ours(chat)) == 30


async def test_old_rows_go_and_young_ones_stay(world: World) -> None:
    world.notices_on["payments"] = False  # nothing is left to do
    await world.start_bot()
    chat = world.private(world.anna)
    for sats in (1, 2):
        card = await world.open_card(chat, world.anna, f"/invoice {sats}")
        world.node.pay(world.request_in(card))
        await world.announced(chat, "Anna Berg", sats)
    await world.stop_bot()
    world.clock.ahead_s += 91 * 86_400
    await world.start_bot()
    await world.open_card(chat, world.anna, "/invoice 3")
    # What is old goes once Telegram has said what time it is.
    async with asyncio.timeout(WAIT_S):
        while True:
            if kept(world) == [(3000,)]:
                break
            await asyncio.sleep(0.05)


def kept(world: World) -> list[tuple[int]]:
    """The amounts of all rows, in millisatoshi."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as look:
        return look.execute("SELECT amount_msat FROM invoices ORDER BY id").fetchall()


async def test_a_press_in_the_old_group_touches_no_other_card_in_the_new_one(world: World) -> None:
    await world.start_bot()
    first = await world.open_card(world.group, world.anna, "/invoice 1")
    await world.open_card(world.group, world.anna, "/invoice 2")
    supergroup = world.telegram.migrate(world.group)
    await world.shown(supergroup, Face.OPEN, 2)
    other = next(m for m in world.ours(supergroup) if "2 sats" in (m.text or ""))
    # The old card's number is the other card's in the new group.
    old = world.telegram.message_json(first) | {"message_id": other.id}
    assert first.reply_markup is not None
    button = first.reply_markup["inline_keyboard"][0][0]
    world.telegram.push_raw_update(
        {
            "callback_query": {
                "id": "1",
                "from": {"id": world.anna.id, "is_bot": False, "first_name": "Anna"},
                "chat_instance": "1",
                "message": old,
                "data": button["callback_data"],
            }
        }
    )
    await world.shown(supergroup, Face.CANCELLED, sats=1)
    await world.open_card(supergroup, world.anna, "/invoice 3")
    assert world.shows(other, Face.OPEN, sats=2)
    assert len(other.versions) == 1


async def test_an_answer_that_overtakes_its_question_gets_its_card(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    hold = world.telegram.stall("sendMessage")
    world.telegram.say(chat, world.anna, "/invoice")
    await hold.reached()
    world.telegram.say(chat, world.anna, "2100 pizza")
    await world.until(lambda: len(world.telegram.bots[world.token].updates) == 0)
    hold.release()
    await world.shown(chat, Face.OPEN, sats=2100, says=' – "pizza"')
    assert len(world.node.invoices) == 1


async def test_a_word_that_has_to_wait_keeps_nobody_from_the_node(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    await world.node.down()
    world.telegram.fail("sendMessage", times=1, status=429, retry_after=1)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await world.until(lambda: [call for call in world.telegram.calls if call.status == 429])
    await world.node.up()
    await world.shown(chat, Face.OPEN, sats=2100)
    assert len(world.ours(chat)) == 2


async def test_a_card_expires_in_the_chat_while_the_node_is_away(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    hold = world.node.stall("LookupInvoice")
    world.telegram.fail("editMessageMedia", times=1, status=502)
    world.clock.ahead_s += 3700
    await hold.reached()
    hold.release()
    await world.until(lambda: [call for call in world.telegram.calls if call.status == 502])
    await world.node.down()
    await world.becomes(card, Face.EXPIRED)


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_payments_are_told_by_a_node_that_does_not_tell_who_it_is(
    world: World, how: str
) -> None:
    _, card = await begun(world)
    await world.stop_bot()
    away = world.node.pay  # one while the bot is away, one while it is there
    away(world.request_in(card))
    if how == "fails":
        world.node.fail("GetInfo", text="unable to get best block info", times=1000)
    else:
        world.node.hang("GetInfo", times=1000)
    await world.start_bot()
    second = await world.open_card(world.group, world.bert, "/invoice 5")
    await world.announced(world.group, "Anna Berg", sats=2100)
    world.node.pay(world.request_in(second))
    await world.announced(world.group, "Bert", sats=5)
    third = await world.open_card(world.group, world.bert, "/invoice 6")
    world.telegram.press(world.group, world.bert, third.id, text="Cancel")
    assert world.face(third) is Face.OPEN  # at whose node is not known
    world.node.clear_faults()
    await world.becomes(third, Face.CANCELLED, 20)
    assert len(world.announcements(world.group, "Anna")) == 1
    assert len(world.announcements(world.group, "Bert")) == 1


async def test_commands_that_wait_for_the_node_keep_no_card_of_their_chat_waiting(
    world: World,
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.fail("sendPhoto", times=None, status=502)
    world.telegram.say(chat, world.anna, "/invoice 5")
    await world.until(lambda: [c for c in world.telegram.calls if c.method == "sendPhoto"][1:])
    await world.node.down()
    for sats in (6, 7, 8):
        world.telegram.say(chat, world.anna, f"/invoice {sats}")
    await world.shown(chat, Face.WAITING)
    world.telegram.clear_faults()
    await world.shown(chat, Face.OPEN, sats=5)


async def test_a_lookup_that_failed_is_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROUND_S", 0.3)
    _, card = await begun(world)
    await world.stop_bot()
    world.node.pay(world.request_in(card))
    asked = [world.node.stall("GetInfo", before=True) for _ in range(2)]  # by the look at start too
    await world.start_bot()
    for each in asked:
        await each.reached()
    world.node.fail("LookupInvoice", text="database is locked", times=4)  # two rows, two passes
    for each in asked:
        each.release()
    await world.announced(world.group, "Anna Berg")


async def test_a_chat_with_very_many_due_rows_hides_no_other(world: World) -> None:
    world.limits = {"open_per_chat": 1000}
    await world.start_bot()
    many = hands.CHATS_A_LANE + 10
    for sats in range(1, many + 1):
        world.telegram.say(world.group, world.anna, f"/invoice {sats}")
    await world.shown(world.group, Face.OPEN, many)
    other = await world.open_card(world.private(world.bert), world.bert, "/invoice 5")
    cards = [*world.showing(world.group, Face.OPEN), other]
    await world.stop_bot()
    for card in cards:
        world.node.pay(world.request_in(card))
    for method in ("editMessageMedia", "editMessageCaption", "sendMessage"):
        world.telegram.fail(method, times=None, status=502)
    await world.start_bot()
    await world.until(lambda: sum(c.status == 502 for c in world.telegram.calls) > 4)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        unpaid = "SELECT count(*) FROM invoices WHERE state <> 'settled'"
        async with asyncio.timeout(30):
            while database.execute(unpaid).fetchone() != (0,):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a file tells nobody of a change
    await world.node.down()
    await world.stop_bot()
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        database.execute("UPDATE invoices SET due_at = due_at - 1e9, retry_at = 0, tried = ''")
        database.commit()
    world.telegram.clear_faults()
    slow = world.telegram.stall("editMessageMedia", chat_id=world.group.id)
    await world.start_bot()
    await slow.reached()
    await world.announced(world.private(world.bert), "Bert")
    slow.release()


async def test_a_chat_that_was_lost_while_the_node_was_asked_gets_a_card_and_no_duplicate(
    world: World,
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    stall = world.node.stall("AddInvoice")
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await stall.reached()
    world.telegram.block(world.anna)
    await world.until(lambda: len(world.telegram.bots[world.token].updates) == 0)
    stall.release()
    at_rest = "SELECT count(*) FROM invoices WHERE state = 'open' AND due_at IS NULL"
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        async with asyncio.timeout(30):
            while database.execute(at_rest).fetchone() != (1,):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a file tells nobody of a change
    world.telegram.unblock(world.anna)
    card = await world.shown(chat, Face.OPEN, sats=2100)
    assert not may_be_duplicate(card.text or "")
