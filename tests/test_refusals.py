"""What Telegram refuses while the bot runs, and what people see instead, end to end."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from bot.chat import explain
from bot.core.invoice import LATE_S, Face
from bot.core.notices import Kind
from bot.core.work import Lane
from bot.demo.node import CANCELED
from bot.demo.telegram import Chat
from tests.faces import may_be_duplicate
from tests.store.made import until
from tests.test_boards import board, my_part, split
from tests.test_late_edits import in_doubt
from tests.world import World


async def forum(world: World) -> tuple[Chat, int]:
    """A group with a topic."""
    chat = world.telegram.add_group("Forum", [world.anna, world.owner], forum=True)
    return chat, world.telegram.add_topic(chat, "Money")


@pytest.mark.parametrize("how", ["deleted", "switched off"])
async def test_a_card_whose_topic_is_gone_goes_out_without_it_and_so_does_its_payment(
    world: World, how: str
) -> None:
    chat, topic = await forum(world)
    await world.start_bot()
    stall = world.telegram.stall("sendPhoto", chat_id=chat.id)
    world.telegram.say(chat, world.anna, "/invoice 5", thread=topic)
    await stall.reached()
    if how == "deleted":
        world.telegram.delete_topic(chat, topic)
    else:
        world.telegram.switch_topics(chat, on=False)
    stall.release()
    card = await world.shown(chat, Face.OPEN)
    world.node.pay(world.request_in(card))
    told = await world.announced(chat, "Anna Berg")
    assert len(world.ours(chat)) == 2
    with_topic = [
        call.status for call in world.telegram.calls if "message_thread_id" in call.params
    ]
    assert with_topic == [400]  # the row has no topic any more
    assert told.chat is chat


async def test_a_card_whose_topic_is_closed_is_shown_to_the_asker_and_paid_there(
    world: World,
) -> None:
    private = world.private(world.anna)
    world.telegram.say(private, world.anna, "/help")
    chat, topic = await forum(world)
    await world.start_bot()
    stall = world.telegram.stall("sendPhoto", chat_id=chat.id)
    world.telegram.say(chat, world.anna, "/invoice 5", thread=topic)
    await stall.reached()
    world.telegram.close_topic(chat, topic)
    stall.release()
    card = await world.shown(private, Face.OPEN)
    world.node.pay(world.request_in(card))
    await world.announced(private, "Anna Berg")
    await world.becomes(card, Face.PAID)
    assert world.ours(chat) == []


@pytest.mark.parametrize("how", ["deleted", "closed"])
async def test_a_notice_that_its_topic_does_not_take_is_where_the_card_will_be(
    world: World, how: str
) -> None:
    private = world.private(world.anna)
    world.telegram.say(private, world.anna, "/help")
    chat, topic = await forum(world)
    await world.start_bot()
    await world.node.down()
    world.telegram.say(chat, world.anna, "/invoice 5", thread=topic)
    stall = world.telegram.stall("sendMessage", chat_id=chat.id)
    await stall.reached()
    if how == "deleted":
        world.telegram.delete_topic(chat, topic)
    else:
        world.telegram.close_topic(chat, topic)
    stall.release()
    notice = await world.shown(chat if how == "deleted" else private, Face.WAITING)
    await world.node.up()
    await world.becomes(notice, Face.OPEN)


async def test_a_payment_in_a_topic_that_was_closed_since_is_announced_in_private(
    world: World,
) -> None:
    private = world.private(world.anna)
    world.telegram.say(private, world.anna, "/help")
    chat, topic = await forum(world)
    await world.start_bot()
    world.telegram.say(chat, world.anna, "/invoice 5", thread=topic)
    card = await world.shown(chat, Face.OPEN)
    world.telegram.close_topic(chat, topic)
    world.node.pay(world.request_in(card))
    await world.announced(private, "Anna Berg")
    await world.becomes(card, Face.PAID)


# mentions and texts


async def test_a_payment_is_told_with_the_plain_name_where_a_mention_is_refused(
    world: World,
) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    world.telegram.unmentionable.add(world.anna.id)
    world.node.pay(world.request_in(card))
    told = await world.announced(world.group, "Anna Berg")
    assert "text_mention" not in {mark["type"] for mark in told.entities}


async def test_a_payment_that_telegram_refused_in_any_words_is_told_once_it_takes_them(
    world: World,
) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    world.telegram.fail("sendMessage", times=None, status=400, description="Bad Request: new")
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    everybody = {world.group.id, world.anna.id, world.owner.id}
    await world.until(
        lambda: everybody <= {c.chat_id for c in world.telegram.calls if c.status == 400}
    )
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    world.telegram.clear_faults()
    await world.announced(world.private(world.owner), sats=2100)


# a group that mutes everybody for a while


async def at_rest(world: World, count: int) -> None:
    """Wait until so many open rows that nobody has seen wait for their chat."""
    look = "SELECT count(*) FROM invoices WHERE state = 'open' AND card_id IS NULL AND lane = ?"
    async with asyncio.timeout(30):
        with closing(sqlite3.connect(world.folder / "bot.db")) as database:
            while database.execute(look, (Lane.UNREACHABLE,)).fetchone() != (count,):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a file tells nobody of a change


async def test_after_a_group_was_muted_nobody_sees_cards_of_what_expired_meanwhile(
    world: World,
) -> None:
    await world.start_bot()
    seen = await world.open_card(world.group, world.anna, "/invoice 1")
    world.telegram.restrict_bot(world.group, send_text=False, send_photos=False)
    for sats in range(2, 7):
        world.telegram.say(world.group, world.anna, f"/invoice {sats}")
    await at_rest(world, 5)
    world.clock.ahead_s += 3700
    world.telegram.restrict_bot(world.group)
    world.telegram.promote(world.group, world.bot_user)
    world.telegram.say(world.group, world.owner, "/invoice 7")
    after = await world.shown(world.group, Face.OPEN, sats=7)
    world.node.pay(world.request_in(after))
    await world.announced(world.group, sats=7)
    await world.becomes(seen, Face.EXPIRED)
    assert next(m for m in world.ours(world.group) if m.id > seen.id) is after
    assert world.showing(world.group, Face.EXPIRED) == [seen]


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("what", ["paid", "expired", "board"])
async def test_in_a_group_that_muted_the_bot_what_is_there_stays_true(
    world: World, what: str, again: bool
) -> None:
    """Telegram takes edits of what was written before."""
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    shown = await split(world, "84k/3 pizza")
    part = await my_part(world, shown, world.bert, 28_000)
    first, second = [
        await world.open_card(world.group, world.anna, f"/invoice {sats}") for sats in (2100, 3100)
    ]
    world.telegram.restrict_bot(world.group, send_text=False, send_photos=False)
    world.node.pay(world.request_in(first))
    await world.becomes(first, Face.PAID)
    await world.announced(world.private(world.anna), sats=2100)  # the group takes no message
    if again:
        await world.stop_bot()
        await world.start_bot()
    if what == "board":
        world.node.pay(world.request_in(part))
        await board(world, world.group, "28,000 sats paid")
    elif what == "paid":
        world.node.pay(world.request_in(second))
        await world.becomes(second, Face.PAID)
    else:
        world.clock.ahead_s += 3700
        await world.becomes(second, Face.EXPIRED)


@pytest.mark.parametrize("then", ["expires", "allowed"])
async def test_a_card_whose_payment_request_a_group_does_not_take_stays_true(
    world: World, then: str
) -> None:
    """It takes photos and no text: the request that has a message of its own waits."""
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    await world.start_bot()
    world.telegram.restrict_bot(world.group, send_text=False)
    world.telegram.say(world.group, world.anna, f"/invoice 2100 {'x' * 400}")
    card = await world.until(lambda: world.ours(world.group))
    assert card
    rests = "SELECT 1 FROM chats, invoices WHERE unreachable AND (due_at IS NULL OR due_at > ?)"
    later = (world.clock() + 60,)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        await until(lambda: database.execute(rests, later).fetchone() is not None)
    if then == "expires":
        await world.node.stop()
        world.clock.ahead_s += 3700
        await world.becomes(card[0], Face.UNCONFIRMED)
    else:
        world.telegram.restrict_bot(world.group)
        world.telegram.promote(world.group, world.bot_user)
        await world.until(lambda: any(world.request_in(m) for m in world.ours(world.group)))


def due_rows(world: World) -> int:
    """Payments of which something is due, or will be."""
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        found = database.execute(
            "SELECT count(*) FROM invoices WHERE state = 'settled' AND due_at IS NOT NULL"
        )
        return int(found.fetchone()[0])


async def test_a_group_that_takes_no_edits_either_is_asked_for_one_only(world: World) -> None:
    """A former process knew why no message reached it, this one does not."""
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    await world.start_bot()
    cards = [
        await world.open_card(world.group, world.anna, f"/invoice {sats}") for sats in range(1, 4)
    ]
    said = "Forbidden: bot was kicked from the supergroup chat"
    for method in ("editMessageMedia", "editMessageCaption", "editMessageText", "sendMessage"):
        world.telegram.fail(
            method, chat_id=world.group.id, status=403, description=said, times=None
        )
    world.node.pay(world.request_in(cards[0]))
    await world.announced(world.private(world.anna), sats=1)
    await world.until(lambda: not due_rows(world))  # what came of it is written
    await world.stop_bot()
    before = len(world.telegram.calls)
    await world.start_bot()
    for sats, card in enumerate(cards[1:], 2):
        world.node.pay(world.request_in(card))
        await world.announced(world.private(world.anna), sats=sats)
    calls = list(world.telegram.calls)[before:]
    assert len([each for each in calls if each.method.startswith("edit")]) == 1


async def test_a_card_that_is_refused_as_if_it_were_an_edit_is_not_sent_without_end(
    world: World,
) -> None:
    """Whatever the words: as text, then not at all, and the invoice is cancelled."""
    private = world.private(world.owner)
    world.telegram.say(private, world.owner, "/help")
    await world.start_bot()
    for method in ("sendPhoto", "sendMessage"):
        said = "Bad Request: MESSAGE_ID_INVALID"
        world.telegram.fail(
            method, chat_id=world.group.id, status=400, description=said, times=None
        )
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    await world.notified(private, Kind.CARD_REFUSED)
    await world.node.until(lambda: [i.state for i in world.node.invoices.values()] == [CANCELED])
    calls = [each for each in world.telegram.calls if each.method in ("sendPhoto", "sendMessage")]
    assert len(calls) < 12


async def test_a_paid_card_that_is_called_gone_once_is_shown_as_paid(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    await world.recorded(card)
    world.telegram.fail(
        "editMessageMedia", status=400, description="Bad Request: MESSAGE_ID_INVALID"
    )
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.announced(world.group, "Anna", sats=2100)


@pytest.mark.parametrize("retry_after", [10**18, 10**400], ids=["10^18", "10^400"])
async def test_a_pause_that_nobody_can_count_is_a_pause_and_no_lost_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, retry_after: int
) -> None:
    """What Telegram refused was not sent: what comes after the pause is no duplicate."""
    monkeypatch.setattr(explain, "LONGEST_RETRY_AFTER_S", 0.3)
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    await world.recorded(card)
    world.telegram.fail("sendMessage", chat_id=world.group.id, retry_after=retry_after)
    world.node.pay(world.request_in(card))
    told = await world.announced(world.group, "Anna", sats=2100)
    assert any(call.status == 429 for call in world.telegram.calls)
    assert not may_be_duplicate(told.text or "")


# for minutes


async def minutes_go_by(world: World, count: int) -> None:
    """So many, each of which whatever is put off is tried in."""
    for _ in range(count):
        before = world.clock.ahead_s
        world.clock.ahead_s += 61
        tries = len(world.telegram.calls)
        await world.ask(world.private(world.bert), world.bert, f"/invoice {1000 + before:.0f}")
        assert len(world.telegram.calls) > tries


async def test_a_payment_that_is_refused_for_minutes_is_told_once_it_is_taken(
    world: World,
) -> None:
    await world.start_bot()
    card = await world.ask(world.group, world.anna, "/invoice 2100 pizza")
    for person in (world.anna, world.owner):
        world.telegram.say(world.private(person), person, "/start")
    refused = world.telegram.fail(
        "sendMessage", times=None, status=400, description="Bad Request: new"
    )
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await minutes_go_by(world, 15)
    world.telegram.withdraw(refused)
    own = world.private(world.owner)
    assert not [m for m in world.ours(own) if "2,100 sats" in (m.text or "")]
    world.clock.ahead_s += 61
    await world.until(lambda: [m for m in world.ours(own) if "2,100 sats" in (m.text or "")])


async def test_the_end_of_a_bill_that_is_refused_for_seconds_is_told_once_it_is_taken(
    world: World,
) -> None:
    shown = await split(world, "84k/2 pizza")
    for person in (world.owner, world.anna, world.bert):
        world.telegram.say(world.private(person), person, "/start")
    cards = [await my_part(world, shown, each, 42_000) for each in (world.bert, world.anna)]
    refused = world.telegram.fail(
        "sendMessage", times=None, status=400, description="Bad Request: new"
    )
    for card in cards:
        world.node.pay(world.request_in(card))
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        # as often as Telegram is believed for other messages
        query = "SELECT 1 FROM boards WHERE refused LIKE '%announce%3%' AND announced = 0"
        await until(lambda: database.execute(query).fetchone() is not None)
    world.telegram.withdraw(refused)
    world.clock.ahead_s += 61
    everywhere = [world.group, *(world.private(each) for each in (world.anna, world.bert))]
    await world.until(
        lambda: [m for c in everywhere for m in world.ours(c) if "All parts of" in (m.text or "")]
    )


async def test_a_picture_that_telegram_refuses_once_is_taken_a_moment_later(world: World) -> None:
    await world.start_bot()
    card = await world.ask(world.group, world.anna, "/invoice 5")
    code = card.photo
    world.telegram.fail("editMessageMedia", status=400, description="Bad Request: slip")
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    await world.until(lambda: card.photo is not code)


async def test_a_group_that_takes_no_picture_is_not_asked_for_ever(world: World) -> None:
    await world.start_bot()
    card = await world.ask(world.group, world.anna, "/invoice 5")
    world.telegram.fail(
        "editMessageMedia", status=400, times=None, description="Bad Request: no photos"
    )
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)

    def edits() -> int:
        return sum(call.method == "editMessageMedia" for call in world.telegram.calls)

    await world.until(lambda: edits() == 2)
    await in_doubt(world)  # what came of the second is written
    world.clock.ahead_s += LATE_S + 1
    await world.until(lambda: edits() == 3)
    await minutes_go_by(world, 3)
    assert edits() == 3
