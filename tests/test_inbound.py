"""An invoice of more than the node can receive: its card says so, and the owners hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from bot import texts
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.node import open_channels
from bot.demo.telegram import Message
from bot.lnrpc import lightning_pb2 as pb
from bot.node import liquidity
from tests.faces import may_be_duplicate
from tests.world import World

SATS = 1000


@pytest.fixture(autouse=True)
async def little(world: World) -> None:
    """The node can receive 790,000 sats; the owner can be written to."""
    world.node.ledger.channels = open_channels(1, capacity_sat=1_000_000)
    world.telegram.say(world.private(world.owner), world.owner, "/start")


def warns_of(card: Message, receivable_sats: int | None) -> bool:
    """Whether just this line warns on a card; None: none does."""
    warned = [line for line in (card.text or "").splitlines() if line.startswith("The node can")]
    return warned == texts.receivable(None if receivable_sats is None else receivable_sats * SATS)


async def started(world: World) -> None:
    """The bot runs and has listed the channels: as the gate opened, and twice to check them."""
    await world.start_bot()
    calls = world.node.calls
    await world.node.until(lambda: calls["SubscribeInvoices"] > 0 and calls["ListChannels"] == 3)


async def card_of(world: World, command: str) -> Message:
    return await world.open_card(world.private(world.anna), world.anna, command)


@pytest.mark.parametrize(
    ("amount", "receivable_sats"),
    [
        ("900k", 790_000),
        ("790k", 789_000),
        ("789001", 789_000),
        ("789k", None),
        ("2100", None),
        ("any", None),
    ],
)
async def test_a_card_says_where_its_payment_will_probably_fail(
    world: World, amount: str, receivable_sats: int | None
) -> None:
    await world.start_bot()
    card = await card_of(world, f"/invoice {amount} pizza")
    assert warns_of(card, receivable_sats)
    assert world.request_in(card)
    owner = world.private(world.owner)
    if receivable_sats is None:
        assert not world.notices(owner, Kind.INBOUND_TOO_LITTLE)
    else:
        notice = await world.notified(owner, Kind.INBOUND_TOO_LITTLE)
        assert f"{receivable_sats:,} sats" in (notice.text or "")


@pytest.mark.parametrize("channels", ["none", "inactive", "all reserved"])
@pytest.mark.parametrize("amount", ["900k", "1", "any"])
async def test_where_nothing_can_be_received_each_card_says_so(
    world: World, amount: str, channels: str
) -> None:
    if channels == "none":
        world.node.ledger.channels = []
    elif channels == "inactive":
        world.node.ledger.channels[0].active = False
    else:
        world.node.ledger.channels[0].remote_msat = 10_000 * SATS
    await world.start_bot()
    assert warns_of(await card_of(world, f"/invoice {amount}"), 0)


async def test_owners_hear_of_many_such_invoices_once(world: World) -> None:
    await world.start_bot()
    for number in range(5):
        assert warns_of(await card_of(world, f"/invoice {900_000 + number}"), 790_000)
    owner = world.private(world.owner)
    await world.notified(owner, Kind.INBOUND_TOO_LITTLE)
    assert len(world.notices(owner, Kind.INBOUND_TOO_LITTLE)) == 1


async def test_a_paid_card_and_an_announcement_say_nothing_of_it(world: World) -> None:
    await world.start_bot()
    card = await card_of(world, "/invoice 900k")
    assert warns_of(card, 790_000)
    world.node.ledger.channels += open_channels(1, capacity_sat=1_000_000)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    assert warns_of(card, None)
    assert warns_of(await world.announced(world.private(world.anna)), None)


async def test_a_renewal_is_judged_afresh(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liquidity, "LISTED_AFTER_PAYMENT_S", 0.0)
    await started(world)
    chat = world.private(world.anna)
    card = await card_of(world, "/invoice 900k")
    world.telegram.press(chat, world.anna, card.id, text="Cancel")
    await world.becomes(card, Face.CANCELLED)
    assert warns_of(card, None)
    world.node.ledger.channels += open_channels(1, capacity_sat=1_000_000)
    listed = world.node.calls["ListChannels"]
    world.node.pay(world.node.add_invoice(1000).payment_request)  # the channels are listed again
    await world.node.until(lambda: world.node.calls["ListChannels"] > listed)
    world.telegram.press(chat, world.anna, card.id, text="Renew")
    assert warns_of(await world.shown(chat, Face.OPEN), None)


async def test_a_payment_leaves_less_for_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liquidity, "LISTED_AFTER_PAYMENT_S", 0.0)
    await started(world)
    first = await card_of(world, "/invoice 500k")
    assert warns_of(first, None)
    listed = world.node.calls["ListChannels"]
    world.node.pay(world.request_in(first))
    await world.node.until(lambda: world.node.calls["ListChannels"] > listed)
    await world.becomes(first, Face.PAID)
    assert warns_of(await card_of(world, "/invoice 600k"), 290_000)


async def test_a_macaroon_that_cannot_list_channels_makes_ordinary_cards(world: World) -> None:
    world.macaroon = "invoice.macaroon"
    await world.start_bot()
    assert warns_of(await card_of(world, "/invoice 900k"), None)
    assert not world.notices(world.private(world.owner), Kind.INBOUND_TOO_LITTLE)


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff" * 9,
        pb.ListChannelsResponse(channels=[pb.Channel(active=True, remote_balance=2**62)]),
    ],
    ids=["undecodable", "out of range"],
)
async def test_an_odd_list_of_channels_makes_ordinary_cards(world: World, answer: Any) -> None:
    world.node.garble("ListChannels", lambda _: answer, times=99)
    await world.start_bot()
    assert warns_of(await card_of(world, "/invoice 900k"), None)


async def test_the_line_survives_a_kill_before_the_card(world: World) -> None:
    await world.start_process()
    hold = world.telegram.stall("sendPhoto")
    world.telegram.say(world.private(world.anna), world.anna, "/invoice 900k")
    await hold.reached()
    await world.kill_process()
    hold.release()
    world.node.ledger.channels += open_channels(1, capacity_sat=1_000_000)
    await world.start_process()
    again = await world.shown(world.private(world.anna), Face.OPEN, 2)
    assert may_be_duplicate(again.text or "")
    assert warns_of(again, 790_000)
    world.no_trouble()
