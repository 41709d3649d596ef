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
        chat = world.private(each)
        await world.until(lambda chat=chat: world.ours(chat))  # type: ignore[misc]


async def test_an_owner_reads_how_much_who_asked_where_and_for_what(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    await paid(world, world.group, world.anna)
    said = (await world.payment_noticed(owner)).text or ""
    assert said.splitlines() == [
        '✅ Your node received 2,100 sats, requested by "Anna Berg" in "Friday dinner".',
        "On simnet: these are not real sats.",
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


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "lost"])
@pytest.mark.parametrize("is_blocked", [False, True], ids=["notified", "announced to"])
async def test_what_an_owner_has_read_is_known_after_a_kill_however_long_another_one_hangs(
    world: World, owner: User, is_blocked: bool, arrives: bool
) -> None:
    hanging = world.telegram.add_user("Otto")
    world.telegram.say(world.private(hanging), hanging, "/start")
    world.access["owners"] = frozenset({owner.id, hanging.id})
    await world.start_process()
    await greeted(world, owner, hanging)
    card = await world.ask(world.private(world.anna), world.anna, f"/invoice {SATS}")
    if is_blocked:
        world.telegram.block(world.anna, bot=world.bot_user)
    hold = world.telegram.stall("sendMessage", chat_id=world.private(hanging).id)
    world.node.pay(world.request_in(card))
    await hold.reached()
    look = "SELECT 1 FROM invoices WHERE ' ' || notified || ' ' LIKE ?"
    await world.finds(look, f"% {owner.id} %")
    if not arrives:
        world.telegram.fail("sendMessage", chat_id=world.private(hanging).id)
    await world.kill_process()
    hold.release()
    await world.start_process()

    def told(person: User) -> list[Message]:
        return [*world.payment_notices(person), *world.announcements(world.private(person))]

    await world.until(lambda: any(may_be_duplicate(m.text or "") for m in told(hanging)))
    assert len(told(hanging)) == 1 + arrives
    assert len(told(owner)) == 1


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


async def two_owners(world: World, owner: User) -> User:
    """Both have opened the bot; the second one."""
    second = world.telegram.add_user("Otto")
    world.telegram.say(world.private(second), second, "/start")
    world.access["owners"] = frozenset({owner.id, second.id})
    await world.start_bot()
    await greeted(world, owner, second)
    return second


@pytest.mark.parametrize("how", ["fails", "hangs", "is told to wait"])
async def test_an_owner_whose_chat_fails_keeps_nothing_from_the_other_one(
    world: World, owner: User, how: str
) -> None:
    second = await two_owners(world, owner)
    private = world.private(owner).id
    hold = None
    if how == "fails":
        world.telegram.fail("sendMessage", chat_id=private, times=None)
    elif how == "hangs":
        hold = world.telegram.stall("sendMessage", chat_id=private)
    else:
        world.telegram.fail("sendMessage", chat_id=private, times=None, retry_after=30)
    for number in range(1, 6):
        await paid(world, world.group, world.anna, number)
        await world.announced(world.group, sats=number)
    await world.payment_noticed(second, 5)
    assert not world.payment_notices(owner)
    if hold is not None:
        hold.release()


async def test_owners_hear_of_a_payment_in_a_group_that_removed_the_bot(
    world: World, owner: User
) -> None:
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    await world.start_bot()
    await greeted(world, owner)
    card = await world.open_card(world.group, world.anna, f"/invoice {SATS}")
    world.telegram.remove_bot(world.group)
    world.node.pay(world.request_in(card))
    await world.announced(world.private(world.anna), sats=SATS)
    await world.payment_noticed(owner, sats=SATS)


async def test_owners_hear_of_a_payment_whose_card_cannot_be_edited(
    world: World, owner: User
) -> None:
    await world.start_bot()
    await greeted(world, owner)
    card = await world.open_card(world.group, world.anna, f"/invoice {SATS}")
    world.telegram.fail("editMessageMedia", times=None)
    world.node.pay(world.request_in(card))
    await world.announced(world.group, sats=SATS)
    await world.payment_noticed(owner, sats=SATS)
    world.telegram.clear_faults()
    await world.becomes(card, Face.PAID, 20)


async def test_the_sign_of_a_duplicate_goes_to_the_owner_who_may_have_read_it(
    world: World, owner: User
) -> None:
    second = await two_owners(world, owner)
    world.telegram.drop("sendMessage", acted=True, chat_id=world.private(second).id)
    await paid(world, world.group, world.anna)
    await world.payment_noticed(second, 2)
    first, again = world.payment_notices(second)
    assert (may_be_duplicate(first.text or ""), may_be_duplicate(again.text or "")) == (False, True)
    (only,) = world.payment_notices(owner)
    assert not may_be_duplicate(only.text or "")
