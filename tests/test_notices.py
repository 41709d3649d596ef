"""What the owners hear in private of the node, the macaroon and the rest: once an occasion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from bot import texts
from bot.chat import notices
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.node import open_channels
from bot.demo.telegram import Chat
from bot.node import health, liquidity
from tests.faces import kinds_of, may_be_duplicate
from tests.world import World

MINUTE_S, HOUR_S = 60.0, 3600.0
MAY_MAKE = ("AddInvoice", "LookupInvoice", "SubscribeInvoices", "GetInfo", "ListChannels")


@pytest.fixture(autouse=True)
def quick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is an instant; the owner can be written to."""
    monkeypatch.setattr(health, "GATE_EVERY_S", 0.01)
    monkeypatch.setattr(health, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(health, "UNSYNCED_FOR_S", 0.05)
    monkeypatch.setattr(notices, "GATHER_S", 0.05)
    monkeypatch.setattr(notices, "TICK_S", 0.05)
    world.telegram.say(world.private(world.owner), world.owner, "/start")


@pytest.fixture
def owner(world: World) -> Chat:
    return world.private(world.owner)


def heard(world: World, chat: Chat) -> list[Kind]:
    """Which notices are in a chat, in the order of coming."""
    kinds = [kind for message in world.ours(chat) for kind in kinds_of(message.text or "")]
    return [kind for kind in kinds if kind is not None]


async def hears(world: World, chat: Chat, kinds: Iterable[Kind]) -> None:
    """Wait for just these notices."""
    await world.until(lambda: heard(world, chat) == list(kinds))


async def greeted(world: World, owner: Chat) -> None:
    """The owner has read the help."""
    await world.until(lambda: world.ours(owner))


async def looked(world: World) -> None:
    """Everything was looked at a few times, and whatever came of it was told."""
    looks = world.node.calls["GetInfo"]
    await world.node.until(lambda: world.node.calls["GetInfo"] > looks + 5)
    await asyncio.sleep(4 * notices.GATHER_S)  # that nothing comes can only be waited for


async def out_of_reach(world: World) -> None:
    """The bot has noticed that the node is away."""
    await world.node.down()
    chat = world.private(world.bert)
    count = len(world.showing(chat, Face.WAITING))
    world.telegram.say(chat, world.bert, "/invoice 1")
    await world.shown(chat, Face.WAITING, count + 1)


# the node


async def test_owners_hear_that_the_node_is_away_for_minutes_and_that_it_is_back(
    world: World, owner: Chat
) -> None:
    await world.start_bot()
    await out_of_reach(world)
    world.clock.ahead_s += 4 * MINUTE_S
    await asyncio.sleep(4 * notices.GATHER_S)
    assert heard(world, owner) == []
    world.clock.ahead_s += 2 * MINUTE_S
    away = await world.notified(owner, Kind.NODE_AWAY)
    assert "6 minutes" in (away.text or "")
    world.clock.ahead_s += 54 * MINUTE_S
    await world.node.up()
    await looked(world)
    assert heard(world, owner) == [Kind.NODE_AWAY], "it may go again in a moment"
    world.clock.ahead_s += MINUTE_S
    back = await world.notified(owner, Kind.NODE_BACK)
    assert "60 minutes" in (back.text or "")
    await looked(world)
    assert heard(world, owner) == [Kind.NODE_AWAY, Kind.NODE_BACK]
    assert heard(world, world.private(world.anna)) == []


async def test_a_node_that_comes_and_goes_is_told_a_few_times(world: World, owner: Chat) -> None:
    await world.start_bot()
    for _ in range(3):
        await out_of_reach(world)
        world.clock.ahead_s += 6 * MINUTE_S
        await world.until(lambda: Kind.NODE_AWAY in heard(world, owner))
        await world.node.up()
        await looked(world)
        world.clock.ahead_s += 2 * MINUTE_S
        await world.until(lambda: Kind.NODE_BACK in heard(world, owner))
        await looked(world)
    assert heard(world, owner) == [Kind.NODE_AWAY, Kind.NODE_BACK]
    world.clock.ahead_s += HOUR_S
    await out_of_reach(world)
    world.clock.ahead_s += 6 * MINUTE_S
    again = await world.notified(owner, Kind.NODE_AWAY, 2)
    assert "2 more times" in (again.text or "")


async def test_a_node_that_is_back_for_less_than_a_minute_is_still_away(
    world: World, owner: Chat
) -> None:
    await world.start_bot()
    await out_of_reach(world)
    world.clock.ahead_s += 6 * MINUTE_S
    await world.notified(owner, Kind.NODE_AWAY)
    await world.node.up()
    await looked(world)
    world.clock.ahead_s += MINUTE_S / 2
    await out_of_reach(world)
    world.clock.ahead_s += 6 * MINUTE_S
    await asyncio.sleep(4 * notices.GATHER_S)
    await world.node.up()
    await looked(world)
    world.clock.ahead_s += 2 * MINUTE_S
    back = await world.notified(owner, Kind.NODE_BACK)
    assert "12 minutes" in (back.text or "")
    assert heard(world, owner) == [Kind.NODE_AWAY, Kind.NODE_BACK]


async def test_a_restart_in_the_middle_of_an_outage_tells_nothing_twice(
    world: World, owner: Chat
) -> None:
    await world.start_bot()
    await out_of_reach(world)
    world.clock.ahead_s += 6 * MINUTE_S
    await world.notified(owner, Kind.NODE_AWAY)
    await world.stop_bot()
    await world.start_bot()
    world.clock.ahead_s += 6 * MINUTE_S
    await asyncio.sleep(4 * notices.GATHER_S)
    assert heard(world, owner) == [Kind.NODE_AWAY]
    await world.stop_bot()
    await world.node.up()
    await world.start_bot()
    await looked(world)
    world.clock.ahead_s += 2 * MINUTE_S
    await hears(world, owner, [Kind.NODE_AWAY, Kind.NODE_BACK])


async def test_owners_hear_that_the_chain_is_synced_again_after_a_restart(
    world: World, owner: Chat
) -> None:
    await world.start_bot()
    world.node.synced_to_chain = False
    await world.notified(owner, Kind.NOT_SYNCED)
    await world.stop_bot()
    await world.start_bot()
    await looked(world)
    await world.stop_bot()
    world.node.synced_to_chain = True
    await world.start_bot()
    await hears(world, owner, [Kind.NOT_SYNCED, Kind.SYNCED_AGAIN])


async def test_an_owner_who_comes_later_hears_of_what_still_lasts_and_of_its_end(
    world: World, owner: Chat
) -> None:
    late, later = world.telegram.add_user("Lena"), world.telegram.add_user("Lars")
    world.access = {"owners": frozenset({late.id, world.owner.id})}
    await world.start_bot()
    world.node.synced_to_chain = False
    await hears(world, owner, [Kind.NOT_SYNCED])
    hers = world.private(late)
    world.telegram.say(hers, late, "/start")
    await hears(world, hers, [Kind.NOT_SYNCED])
    his = world.private(later)
    world.telegram.say(his, later, "/start")
    world.telegram.say(owner, world.owner, f"/allow owner {later.id}")
    await hears(world, his, [Kind.NOT_SYNCED])
    await world.stop_bot()
    await world.start_bot()
    await looked(world)
    world.node.synced_to_chain = True
    for chat in (owner, hers, his):
        await hears(world, chat, [Kind.NOT_SYNCED, Kind.SYNCED_AGAIN])


# what it can receive


async def test_owners_hear_that_the_node_can_receive_less_than_the_largest_invoice_and_enough_again(
    world: World, owner: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liquidity, "LISTED_EVERY_S", 0.01)
    monkeypatch.setattr(health, "INBOUND_LOW_FOR_S", 0.0)
    world.node.ledger.channels = open_channels(1, capacity_sat=1_000_000)
    await world.start_bot()
    low = await world.notified(owner, Kind.INBOUND_LOW)
    assert "790,000 sats" in (low.text or "")
    await world.stop_bot()
    await world.start_bot()
    await looked(world)
    world.node.ledger.channels += open_channels(1, capacity_sat=1_000_000)
    await looked(world)
    world.clock.ahead_s += HOUR_S
    await hears(world, owner, [Kind.INBOUND_LOW, Kind.INBOUND_ENOUGH])


# the macaroon


async def test_owners_hear_that_no_invoice_can_be_made_and_that_they_can_again(
    world: World, owner: Chat
) -> None:
    rights = [f"uri:/lnrpc.Lightning/{name}" for name in MAY_MAKE]
    world.node.bake(rights[1:], save_to="bot.macaroon")
    world.macaroon = "bot.macaroon"
    world.patience_s = 1
    await world.start_bot()
    chat = world.private(world.anna)
    for number in (1, 2):
        world.telegram.say(chat, world.anna, f"/invoice {number}")
        await world.shown(chat, Face.FAILED, number)
    await hears(world, owner, [Kind.ADD_NOT_PERMITTED])
    await world.stop_bot()
    await world.start_bot()
    world.telegram.say(chat, world.anna, "/invoice 3")
    await world.shown(chat, Face.FAILED, 3)
    await looked(world)
    assert heard(world, owner) == [Kind.ADD_NOT_PERMITTED]
    rights += ["uri:/invoicesrpc.Invoices/CancelInvoice"]
    world.node.bake(rights, save_to="bot.macaroon")
    await world.open_card(chat, world.anna, "/invoice 4")
    await hears(world, owner, [Kind.ADD_NOT_PERMITTED, Kind.CAN_MAKE_INVOICES])


# switches


async def test_what_is_switched_off_is_in_the_log_and_in_no_chat(
    world: World, owner: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.notices_on = {"chain": False}
    await world.start_bot()
    world.node.synced_to_chain = False
    await world.until(lambda: "switched off" in caplog.text)
    assert "not synced" in caplog.text
    world.node.synced_to_chain = True
    await looked(world)
    assert heard(world, owner) == []


# kills, and answers that are lost


async def started(world: World, owner: Chat) -> None:
    """A process whose macaroon can't make invoices, which is told at once."""
    world.node.bake([f"uri:/lnrpc.Lightning/{name}" for name in MAY_MAKE[1:]], save_to="b.macaroon")
    world.macaroon = "b.macaroon"
    await world.start_process()
    await greeted(world, owner)


def asks(world: World) -> None:
    world.telegram.say(world.private(world.anna), world.anna, "/invoice 1")


async def recorded(world: World) -> None:
    """The bot has written down that its notice was read."""
    await world.until(lambda: "owner notified" in world.log())


async def test_a_kill_before_a_notice_is_sent_loses_nothing(world: World, owner: Chat) -> None:
    await started(world, owner)
    world.telegram.fail("sendMessage", chat_id=owner.id, times=None, retry_after=60)
    asks(world)
    calls = world.telegram.calls
    await world.until(lambda: any((c.chat_id, c.status) == (owner.id, 429) for c in calls))
    await world.kill_process()
    world.telegram.clear_faults()
    await world.start_process()
    notice = await world.notified(owner, Kind.ADD_NOT_PERMITTED)
    await recorded(world)
    assert world.notices(owner, Kind.ADD_NOT_PERMITTED) == [notice]
    world.no_trouble()


async def test_a_kill_while_a_notice_is_sent_loses_nothing_and_a_second_one_says_so(
    world: World, owner: Chat
) -> None:
    await started(world, owner)
    hold = world.telegram.stall("sendMessage", chat_id=owner.id)
    asks(world)
    await hold.reached()
    await world.kill_process()
    hold.release()
    await world.notified(owner, Kind.ADD_NOT_PERMITTED)
    await world.start_process()
    second = await world.notified(owner, Kind.ADD_NOT_PERMITTED, 2)
    assert may_be_duplicate(second.text or "")
    await recorded(world)
    await world.kill_process()
    await world.start_process()
    world.telegram.say(owner, world.owner, "/id")
    await world.said(owner, texts.ids(world.owner.id, owner.id))
    assert len(world.notices(owner, Kind.ADD_NOT_PERMITTED)) == 2
    world.no_trouble()


async def test_a_notice_whose_answer_is_lost_is_sent_three_times_at_most(
    world: World, owner: Chat
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    world.telegram.drop("sendMessage", chat_id=owner.id, times=None, acted=True)
    world.node.synced_to_chain = False
    await world.notified(owner, Kind.NOT_SYNCED, 3)
    await looked(world)
    first, *others = world.notices(owner, Kind.NOT_SYNCED)
    assert len(others) == 2
    assert not may_be_duplicate(first.text or "")
    assert all(may_be_duplicate(each.text or "") for each in others)


async def test_a_notice_that_telegram_refuses_at_first_comes_with_all_that_follows(
    world: World, owner: Chat
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    world.telegram.fail("sendMessage", chat_id=owner.id, status=400)
    world.node.synced_to_chain = False
    await hears(world, owner, [Kind.NOT_SYNCED])
    world.node.synced_to_chain = True
    await hears(world, owner, [Kind.NOT_SYNCED, Kind.SYNCED_AGAIN])


# owners who can't be reached


async def test_an_owner_who_never_opened_the_bot_hears_of_what_lasts_once_they_do(
    world: World,
) -> None:
    late = world.telegram.add_user("Lena")
    world.access = {"owners": frozenset({late.id})}
    await world.start_bot()
    world.node.synced_to_chain = False
    await looked(world)
    chat = world.private(late)
    world.telegram.say(chat, late, "/start")
    await hears(world, chat, [Kind.NOT_SYNCED])


async def test_an_owner_who_blocked_the_bot_keeps_nothing_from_the_other_one(
    world: World, owner: Chat
) -> None:
    gone = world.telegram.add_user("Gina")
    world.telegram.say(world.private(gone), gone, "/start")
    world.telegram.block(gone)
    world.access = {"owners": frozenset({gone.id, world.owner.id})}
    await world.start_bot()
    world.node.synced_to_chain = False
    await hears(world, owner, [Kind.NOT_SYNCED])
    world.node.synced_to_chain = True
    await hears(world, owner, [Kind.NOT_SYNCED, Kind.SYNCED_AGAIN])
    assert heard(world, world.private(gone)) == []
