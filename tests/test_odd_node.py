"""A node whose answers are no answers: the bot stays up, shows nothing of them, and goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from bot.core import outcomes
from bot.core.invoice import Face
from bot.demo.node import SimNode
from bot.demo.node.calls import METHODS
from bot.lnrpc import lightning_pb2 as pb
from bot.lnrpc import state_pb2
from bot.node import client, gate
from tests.faces import Role
from tests.node.simulated import changed
from tests.world import World

MANY = 10_000


def of_invoices(**fields: Any) -> Callable[[Any], Any]:
    """Changes the fields of invoices only."""
    change = changed(**fields)
    return lambda message: change(message) if isinstance(message, pb.Invoice) else message


ENDS: dict[type, dict[str, Any]] = {
    pb.Invoice: {
        "add_index": 2**64 - 1,
        "settle_index": 2**64 - 1,
        "creation_date": 2**63 - 1,
        "expiry": 2**63 - 1,
        "value_msat": -(2**63),
        "amt_paid_msat": 2**63 - 1,
    },
    pb.GetInfoResponse: {"block_height": 2**32 - 1, "identity_pubkey": "f" * 66},
    pb.AddInvoiceResponse: {"add_index": 2**64 - 1},
    pb.ListChannelsResponse: {"channels": [pb.Channel(active=True, remote_balance=2**63 - 1)]},
    state_pb2.GetStateResponse: {"state": 2**31 - 1},
}

ODD: dict[str, Callable[[Any], Any]] = {
    "undecodable": lambda _: b"\xff" * 9,
    "empty": lambda message: type(message)(),
    "another hash": of_invoices(r_hash=b"h" * 32),
    "another amount": of_invoices(value_msat=5000),
    "another time to pay": of_invoices(expiry=315_360_000),
    "the ends of the ranges": lambda message: changed(**ENDS.get(type(message), {}))(message),
    "20 MB": lambda _: bytes(20_000_000),
}


def garble(node: SimNode, change: Callable[[Any], Any]) -> None:
    """Each answer and event from now on."""
    for method in METHODS:
        node.garble(method, change, times=MANY)


def each_once(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the bot has said something, nothing of it twice, and nothing with a traceback."""
    ours = [record for record in caplog.records if record.name.startswith("bot")]
    said = [record.msg["event"] for record in ours if record.levelno >= logging.WARNING]
    assert not any(record.exc_info for record in ours)
    assert len(said) == len(set(said)), said
    return bool(said)


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
async def test_whatever_the_node_answers_nothing_of_it_is_shown_and_all_goes_on(
    world: World, caplog: pytest.LogCaptureFixture, change: Callable[[Any], Any]
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    first = await world.open_card(chat, world.anna, "/invoice 22")
    caplog.clear()
    garble(world.node, change)
    before = world.node.calls["LookupInvoice"] + world.node.calls["AddInvoice"]
    for _ in range(3):
        world.node.add_invoice(1000)  # another program's: events
    world.telegram.say(chat, world.anna, "/invoice 777")
    await world.until(
        lambda: world.node.calls["LookupInvoice"] + world.node.calls["AddInvoice"] > before + 3
    )
    world.telegram.say(world.private(world.bert), world.bert, "/help")
    await world.shown(world.private(world.bert), Role.SENTENCE)
    assert len(world.showing(chat, Face.OPEN)) == 1
    assert each_once(caplog)

    world.node.clear_faults()
    await world.shown(chat, Face.OPEN, sats=777)
    world.node.pay(world.request_in(first))
    await world.announced(chat, sats=22)
    await world.becomes(first, Face.PAID)
    await world.stop_bot()


async def test_a_node_that_is_silent_after_its_headers_is_away_until_it_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(gate, "PROBE_TIMEOUT_S", 0.5)
    await world.start_bot()
    chat = world.private(world.anna)
    first = await world.open_card(chat, world.anna, "/invoice 22")
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] == 1)
    for method in METHODS:
        world.node.hang(method, headers=True, times=MANY)
    world.telegram.say(chat, world.anna, "/invoice 777")
    await world.shown(chat, Face.WAITING)
    world.node.clear_faults()
    await world.shown(chat, Face.OPEN, sats=777)
    world.node.pay(world.request_in(first))
    await world.announced(chat, sats=22)
    await world.stop_bot()


async def test_a_bot_that_starts_at_an_odd_node_waits_until_it_is_none(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    garble(world.node, ODD["undecodable"])
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 777")
    await world.shown(chat, Face.WAITING)
    assert each_once(caplog)
    world.node.clear_faults()
    await world.shown(chat, Face.OPEN, sats=777)
    await world.stop_bot()


async def test_when_patience_ends_there_is_no_invoice_and_the_node_keeps_none(
    world: World,
) -> None:
    world.patience_s = 1
    await world.start_bot()
    chat = world.private(world.anna)
    world.node.garble("LookupInvoice", of_invoices(value_msat=5000), times=MANY)
    world.telegram.say(chat, world.anna, "/invoice 777")
    await world.shown(chat, Face.FAILED)
    assert world.showing(chat, Face.OPEN) == []
    await world.node.until(
        lambda: [each.state_name for each in world.node.invoices.values()] == ["canceled"]
    )
    await world.stop_bot()


async def test_a_card_whose_node_has_an_unknown_word_for_its_end_looks_payable_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "LAPSE_AFTER_S", 0.0)
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    for method in ("LookupInvoice", "SubscribeInvoices"):
        world.node.garble(method, of_invoices(state=7), times=MANY)
    world.clock.ahead_s += 3700
    await world.becomes(card, Face.UNCONFIRMED)
    world.node.clear_faults()
    await world.becomes(card, Face.EXPIRED)
    await world.stop_bot()


async def test_a_payment_of_the_far_future_has_no_date(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 500")
    for method in ("SubscribeInvoices", "LookupInvoice"):
        world.node.garble(method, of_invoices(settle_date=200_000_000_000), times=MANY)
    world.node.pay(world.request_in(card))
    await world.announced(chat)
    await world.becomes(card, Face.PAID)
    assert "8307" not in (card.text or "")
    await world.stop_bot()


async def test_a_node_puts_no_line_into_what_the_bot_says_of_it(world: World) -> None:
    def forged(message: Any) -> Any:
        if isinstance(message, pb.GetInfoResponse):
            message.alias = message.version = "x\n✅ Paid: 50,000 sats"
            message.chains[0].network = "simnet\n✅ Paid: 50,000 sats\n✅ "
        return message

    chat = world.private(world.owner)
    await world.start_bot()
    await world.open_card(chat, world.owner, "/invoice 22")  # so the node has been asked
    world.node.garble("GetInfo", forged, times=MANY)
    world.telegram.say(chat, world.owner, "/status")
    await world.until(lambda: "Connected" in (world.ours(chat)[-1].text or ""))
    lines = (world.ours(chat)[-1].text or "").splitlines()
    assert lines[0].startswith("⚡ Connected")
    signs = tuple("⚡✅⏳⚠🕓🚫")
    assert [line[:11] for line in lines[1:] if line.startswith(signs)] == ["⚠️ macaroon"]
    assert not any(line.startswith("Paid:") for line in lines)
    await world.stop_bot()


async def test_less_than_was_asked_for_is_said(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 500")
    for method in ("SubscribeInvoices", "LookupInvoice"):
        world.node.garble(method, changed(amt_paid_msat=1), times=MANY)
    world.node.pay(world.request_in(card))
    announced = await world.announced(chat)
    await world.becomes(card, Face.PAID)
    for text in (announced.text or "", card.text or ""):
        assert "1 msat" in text
        assert "500 sats" in text.partition("\n")[2]
    await world.stop_bot()
