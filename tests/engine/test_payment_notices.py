"""Each owner hears in private of each payment, once, whatever happens in between."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.invoice import Face
from bot.demo.telegram import Chat, Message, User
from tests.faces import may_be_duplicate
from tests.world import World

SATS = 2100


async def paid(
    world: World, chat: Chat, asker: User, sats: int = SATS, memo: str = "pizza"
) -> Message:
    """An invoice that is asked for and paid; its card."""
    card = await world.open_card(chat, asker, f"/invoice {sats} {memo}")
    world.node.pay(world.request_in(card))
    return card


@pytest.fixture
def owner(world: World) -> User:
    """Opens the bot before it is there."""
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    return world.owner


async def greeted(world: World, *owners: User) -> None:
    """They opened the bot, and read its help."""
    for each in owners:
        await world.until(lambda each=each: world.ours(world.private(each)))  # type: ignore[misc]


async def test_an_owner_reads_how_much_who_asked_where_and_for_what(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    await paid(world, world.group, world.anna)
    said = (await world.payment_noticed(owner)).text or ""
    assert said.splitlines() == [
        '✅ Your node received 2,100 sats, requested by "Anna Berg" in "Friday dinner".',
        "On simnet: these are no real sats.",
        "pizza",
    ]
    await world.announced(world.group, "Anna Berg", sats=SATS)
    await paid(world, world.private(world.bert), world.bert, 5)
    said = (await world.payment_noticed(owner, sats=5)).text or ""
    assert said.startswith('✅ Your node received 5 sats, requested by "Bert" in private.')


async def test_who_read_the_announcement_in_private_reads_no_notice_as_well(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    await paid(world, world.private(owner), owner, 7)
    await world.announced(world.private(owner), sats=7)
    await paid(world, world.group, owner, 8)  # in a group it may be muted
    said = (await world.payment_noticed(owner, sats=8)).text or ""
    assert "requested by you in" in said
    assert len(world.payment_notices(owner)) == 1


async def test_each_of_several_owners_is_notified_and_one_who_is_away_keeps_nothing_from_the_others(
    world: World, owner: User
) -> None:
    away = world.telegram.add_user("Otto")
    world.telegram.say(world.private(away), away, "/start")
    never = world.telegram.add_user("Nina")
    world.access["owners"] = frozenset({owner.id, away.id, never.id, world.bert.id})
    world.telegram.say(world.private(world.bert), world.bert, "/start")
    await world.start_bot()
    await greeted(world, owner, away, world.bert)
    world.telegram.block(away, bot=world.bot_user)
    await paid(world, world.group, world.anna)
    for each in (owner, world.bert):
        assert not may_be_duplicate((await world.payment_noticed(each)).text or "")
    await paid(world, world.group, world.anna, 9)
    for each in (owner, world.bert):
        await world.payment_noticed(each, sats=9)
        assert len(world.payment_notices(each)) == 2
    assert not world.payment_notices(away)


async def test_owners_can_do_without(world: World, owner: User) -> None:
    world.notices_on["payments"] = False
    await world.start_bot()
    await greeted(world, owner)
    await paid(world, world.group, world.anna)
    await world.announced(world.group, "Anna Berg")
    await world.stop_bot()
    world.notices_on["payments"] = True
    await world.start_bot()
    await greeted(world, owner)
    await paid(world, world.group, world.anna, 5)
    await world.payment_noticed(owner, sats=5)
    assert len(world.payment_notices(owner)) == 1


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "lost"])
async def test_a_kill_while_an_owner_is_notified_loses_no_notice_and_a_second_one_says_so(
    world: World, owner: User, arrives: bool
) -> None:
    private = world.private(owner)
    await world.start_process()
    await greeted(world, owner)
    hold = world.telegram.stall("sendMessage", chat_id=private.id)
    await paid(world, world.group, world.anna)
    await hold.reached()
    if not arrives:
        world.telegram.fail("sendMessage", chat_id=private.id)
    await world.kill_process()
    hold.release()
    await world.start_process()
    await world.until(
        lambda: any(may_be_duplicate(m.text or "") for m in world.payment_notices(owner))
    )
    assert len(world.announcements(world.group)) == 1
    assert len(world.payment_notices(owner)) == 1 + arrives


async def test_a_notice_that_telegram_rejects_goes_out_without_what_people_wrote(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    # with the mention, and as a plain name
    world.telegram.fail("sendMessage", chat_id=world.private(owner).id, status=400, times=2)
    await paid(world, world.group, world.anna)
    said = (await world.payment_noticed(owner)).text or ""
    assert said.splitlines()[0] == "✅ Your node received 2,100 sats."
    assert "Anna" not in said
    assert "pizza" not in said


async def test_an_owners_chat_that_hangs_delays_nobody_elses_payment(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    hold = world.telegram.stall("sendMessage", chat_id=world.private(owner).id)
    await paid(world, world.group, world.anna, 1)
    await hold.reached()
    for number in range(2, 8):
        chat, asker = (
            (world.group, world.anna) if number % 2 else (world.private(world.bert), world.bert)
        )
        card = await paid(world, chat, asker, number)
        await world.becomes(card, Face.PAID)
        await world.announced(chat, sats=number)
    assert not world.payment_notices(owner)
    hold.release()
    await world.payment_noticed(owner, 7)


async def test_a_payment_that_only_owners_could_hear_of_is_told_to_them_once(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    card = await world.open_card(world.private(world.anna), world.anna, f"/invoice {SATS}")
    world.telegram.block(world.anna, bot=world.bot_user)
    world.node.pay(world.request_in(card))
    await world.announced(world.private(owner), sats=SATS)
    await paid(world, world.group, world.bert, 5)
    await world.payment_noticed(owner, sats=5)
    assert len(world.payment_notices(owner)) == 1
    assert len(world.announcements(world.private(owner))) == 1


async def test_a_press_on_an_old_card_notifies_nobody_again(world: World, owner: User) -> None:
    await world.start_bot()
    await greeted(world, owner)
    card = await paid(world, world.group, world.anna)
    await world.payment_noticed(owner)
    await world.stop_bot()
    await world.start_bot()
    await greeted(world, owner)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card.id)
    await paid(world, world.group, world.anna, 5)
    await world.payment_noticed(owner, sats=5)
    await asyncio.sleep(0)
    assert len(world.payment_notices(owner)) == 2
