"""Boards where Telegram, the node or a clock goes wrong: what is shown and told is still true."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import grpc
import pytest

from bot import texts
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.core.wishes import Change
from bot.core.work import Do
from bot.demo.node import CANCELED, SETTLED
from bot.demo.telegram import Chat, Message, User
from tests.bills import LIVES_S
from tests.faces import may_be_duplicate
from tests.test_boards import board, boards, my_part, split
from tests.test_odd_node import MANY, changed
from tests.test_splits import panel, pressed
from tests.world import World

REFUSED = "Bad Request: internal oddity"


def refuse(world: World, method: str, chat: Chat, times: int | None = 1) -> None:
    """Telegram takes no such call there."""
    world.telegram.fail(method, chat_id=chat.id, times=times, status=400, description=REFUSED)


def ends(world: World, chat: Chat) -> list[Message]:
    """The messages that tell a board's end."""
    signs = ("All parts of", "is closed:")
    return [m for m in world.ours(chat) if any(sign in (m.text or "") for sign in signs)]


async def paid(world: World, shown: Message, person: User, sats: int) -> Message:
    """Their part, paid; its card."""
    card = await my_part(world, shown, person, sats)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    return card


# copies of a board


async def two_copies(world: World, what: str) -> list[Message]:
    """A board of which Telegram took the first message and did not say so."""
    world.telegram.drop("sendMessage", acted=True, times=1)
    await split(world, what)
    world.clock.ahead_s += 60  # no pause is longer
    await world.until(lambda: len(boards(world, world.group)) == 2)
    return boards(world, world.group)


async def test_a_copy_of_a_board_that_somebody_presses_is_kept_true(world: World) -> None:
    first, second = await two_copies(world, "84k/2")
    for person in (world.anna, world.bert):
        await paid(world, first, person, 42_000)
    for each in (first, second):
        await world.until(
            lambda each=each: "all paid" in (each.text or "") and not world.buttons(each)
        )
    await world.until(lambda: ends(world, world.group))


async def test_a_copy_of_a_board_that_somebody_replies_to_is_kept_true(world: World) -> None:
    first, second = await two_copies(world, "84k/2")
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=first)
    for each in (first, second):
        await world.until(lambda each=each: ", closed" in (each.text or ""))


async def test_three_boards_without_a_number_are_all_true_once_pressed(world: World) -> None:
    world.telegram.alter("sendMessage", {"message_id": None}, chat_id=world.group.id, times=3)
    await split(world, "84k/3")
    for number in (1, 2, 3):
        await world.until(lambda number=number: len(boards(world, world.group)) == number)
        world.clock.ahead_s += 60
    copies = boards(world, world.group)
    for copy, person in zip(copies, (world.anna, world.bert, world.owner), strict=True):
        await paid(world, copy, person, 28_000)
    for copy in copies:
        await world.until(lambda copy=copy: "all paid" in (copy.text or ""), 20.0)


async def test_a_copy_that_was_deleted_holds_up_nothing(world: World) -> None:
    first, second = await two_copies(world, "84k/2")
    await my_part(world, first, world.bert, 42_000)
    await world.until(lambda: '"Bert"' in (first.text or ""))
    world.telegram.delete_message(world.group, first.id)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=second)
    await world.until(lambda: ", closed" in (second.text or ""))
    await world.until(lambda: ends(world, world.group))


async def test_a_part_whose_card_has_no_number_is_told_cancelled_once_its_split_is_closed(
    world: World,
) -> None:
    board = await split(world, "84k/2")
    chat = world.private(world.bert)
    world.telegram.alter("sendPhoto", {"message_id": None}, chat_id=chat.id, times=1)
    card = await my_part(world, board, world.bert, 42_000)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=board)
    told = await world.shown(chat, Face.CANCELLED)
    assert told.id > card.id
    assert may_be_duplicate(told.text or "")
    await world.until(lambda: ends(world, world.group))


async def test_in_a_group_that_moved_no_copy_of_before_is_edited(world: World) -> None:
    first, _ = await two_copies(world, "84k/2")
    await my_part(world, first, world.bert, 42_000)
    await world.until(lambda: '"Bert"' in (first.text or ""))
    new = world.telegram.migrate(world.group)
    world.telegram.say(new, world.anna, "hi")
    shown = await board(world, new, '"Bert"')
    calls = len(world.telegram.calls)
    await paid(world, shown, world.anna, 42_000)
    await board(world, new, '✅ 42,000 sats: "Anna')
    edits = [c for c in list(world.telegram.calls)[calls:] if c.method == "editMessageText"]
    assert {int(c.params["message_id"]) for c in edits} == {shown.id}


# an odd node


async def test_less_than_was_asked_for_is_not_all(world: World) -> None:
    shown = await split(world, "84k/2")
    for person in (world.anna, world.bert):
        card = await my_part(world, shown, person, 42_000)
        for method in ("SubscribeInvoices", "LookupInvoice"):
            world.node.garble(method, changed(amt_paid_msat=1000), times=MANY)
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
        world.node.clear_faults()
    await board(world, world.group, "2 sats paid")
    end = (await world.until(lambda: ends(world, world.group)))[0]
    assert "2 sats" in (end.text or "")
    for each in (end, shown):
        assert "all paid" not in (each.text or "").lower()
        assert "All parts" not in (each.text or "")


async def test_an_invoice_that_its_node_denied_is_paid_and_the_one_after_it_closed(
    world: World,
) -> None:
    shown = await split(world, "84k/2 pizza", by=world.owner)  # whose half counts as paid
    first = await my_part(world, shown, world.bert, 42_000)
    request = world.request_in(first)
    await denied(world, first)
    second = await my_part(world, shown, world.bert, 42_000)
    world.node.pay(request)
    await board(world, world.group, "all covered")
    await world.becomes(second, Face.CANCELLED)
    assert sorted(i.state for i in world.node.invoices.values()) == sorted([SETTLED, CANCELED])


async def test_a_seat_that_is_paid_twice_counts_twice(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    first = await my_part(world, shown, world.bert, 42_000)
    request = world.request_in(first)
    await denied(world, first)
    second = await my_part(world, shown, world.bert, 42_000)
    hold = world.node.stall("CancelInvoice", before=True)
    world.node.pay(request)
    await hold.reached()
    world.node.pay(world.request_in(second))
    hold.release()
    await board(world, world.group, "84,000 sats paid")
    await world.becomes(second, Face.PAID)


async def denied(world: World, card: Message) -> None:
    """The node says for a while that it does not know the card's invoice."""
    no = "there are no existing invoices"
    await board(world, world.group, '"Bert"')
    world.node.fail("LookupInvoice", code=grpc.StatusCode.NOT_FOUND, text=no, times=MANY)
    world.node.fail("CancelInvoice", code=grpc.StatusCode.NOT_FOUND, text=no, times=MANY)
    world.telegram.say(card.chat, world.bert, "/cancel", reply_to=card)
    await world.until(lambda: world.face(card) is not Face.OPEN, 40.0)
    world.node.clear_faults()


async def test_a_part_that_two_people_paid_names_both_and_the_end_says_what_came(
    world: World,
) -> None:
    world.telegram.join(world.group, world.stranger)
    shown = await split(world, "84k/2 pizza")
    await paid(world, shown, world.anna, 42_000)
    gone = await my_part(world, shown, world.bert, 42_000)
    request = world.request_in(gone)
    await denied(world, gone)
    here = await panel(world, shown, world.anna)
    await pressed(world, here, world.anna, texts.CHANGES[Change.FREE])
    (bert,) = await world.until(lambda: [x for x in world.buttons(here) if "Bert" in x])
    hold = world.node.stall("CancelInvoice", before=True)
    await pressed(world, here, world.anna, bert)
    await paid(world, shown, world.stranger, 42_000)
    await world.until(lambda: ends(world, world.group))
    world.node.pay(request)
    hold.release()
    await board(world, world.group, '✅ 84,000 sats: "Sven" (42,000 sats by "Bert")')
    await board(world, world.group, "✅ Split: 84,000 sats, all paid: 126,000 sats received")
    told = await world.until(lambda: (found := ends(world, world.group)) and found[1:] and found)
    assert [(each.text or "").partition(" – ")[0] for each in told] == [
        "✅ All parts of 84,000 sats are paid",
        "✅ All parts of 84,000 sats are paid: 126,000 sats received",
    ]


async def test_an_end_names_what_the_node_received_and_no_more(world: World) -> None:
    shown = await split(world, "84k/2", by=world.owner)
    world.telegram.say(world.group, world.owner, "/cancel", reply_to=shown)
    end = (await world.until(lambda: ends(world, world.group)))[0]
    assert "nothing paid" in (end.text or "")


async def test_a_payment_while_the_end_is_told_is_told_as_well(world: World) -> None:
    shown = await split(world, "84k/2", by=world.owner)
    card = await my_part(world, shown, world.bert, 42_000)
    request = world.request_in(card)
    await denied(world, card)
    telling = world.telegram.stall("sendMessage", chat_id=world.group.id)
    world.telegram.say(world.group, world.owner, "/cancel", reply_to=shown)
    await telling.reached()
    world.node.pay(request)
    await world.becomes(card, Face.PAID)
    telling.release()
    told = await world.until(lambda: ends(world, world.group)[1:])
    assert "42,000 sats paid" in (told[0].text or "")
    await board(world, world.group, "42,000 sats paid")


@pytest.mark.parametrize("failed", [0, 4])
async def test_a_reminder_that_waited_names_nobody_who_has_paid(world: World, failed: int) -> None:
    """Nor where it was tried in vain some times before."""
    shown = await split(world, "84k/3", by=world.owner)
    card = await my_part(world, shown, world.bert, 28_000)
    here = await panel(world, shown, world.owner)
    await board(world, world.group, '"Bert"')
    if failed:
        world.telegram.fail("sendMessage", chat_id=world.group.id, times=failed, retry_after=1)
        await pressed(world, here, world.owner, texts.CHANGES[Change.REMIND])
        calls = world.telegram.calls
        await world.until(lambda: sum(each.status == 429 for each in calls) == failed, 30.0)
    asking = world.telegram.stall("sendPhoto", chat_id=world.group.id)
    world.telegram.say(world.group, world.anna, "/invoice 5")  # what follows there waits for it
    await asking.reached()
    if not failed:
        await pressed(world, here, world.owner, texts.CHANGES[Change.REMIND])
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        waits = "SELECT 1 FROM boards WHERE sending = ? AND retry_at < ?"
        await world.until(
            lambda: database.execute(waits, (str(Do.REMIND), time.time() - 0.5)).fetchone(), 30.0
        )
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    asking.release()
    told = await world.until(
        lambda: [m for m in world.ours(world.group) if "Not yet paid: " in (m.text or "")]
    )
    assert "Bert" not in (told[0].text or "")
    assert len(told) == 1


async def test_a_payment_of_what_its_node_denied_is_told_where_the_split_is_closed(
    world: World,
) -> None:
    shown = await split(world, "84k/2", by=world.owner)
    card = await my_part(world, shown, world.bert, 42_000)
    request = world.request_in(card)
    await denied(world, card)
    world.telegram.say(world.group, world.owner, "/cancel", reply_to=shown)
    end = (await world.until(lambda: ends(world, world.group)))[0]
    assert "nothing paid" in (end.text or "")
    world.node.pay(request)
    told = (await world.until(lambda: ends(world, world.group)[1:]))[0]
    assert "All parts of 84,000 sats are covered: 42,000 sats paid" in (told.text or "")
    await board(world, world.group, "all covered")


# what Telegram refuses


async def test_one_refused_edit_is_tried_again(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    refuse(world, "editMessageText", world.group)
    card = await my_part(world, shown, world.bert, 42_000)
    await board(world, world.group, '"Bert"')
    world.node.pay(world.request_in(card))
    await board(world, world.group, '✅ 42,000 sats: "Bert"')
    assert len(boards(world, world.group)) == 1
    assert not world.notices(world.private(world.owner), Kind.BOARD_UNTRUE)


async def test_what_is_paid_before_a_move_that_is_refused_is_shown(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    world.telegram.start_bot(world.anna)
    card = await my_part(world, shown, world.bert, 28_000)
    here = await panel(world, shown, world.anna)
    await board(world, world.group, '"Bert"')
    refuse(world, "sendMessage", world.group, 3)
    await pressed(world, here, world.anna, texts.CHANGES[Change.MOVE])
    world.node.pay(world.request_in(card))
    await board(world, world.group, "28,000 sats paid")
    assert len(boards(world, world.group)) == 1


async def test_the_last_state_that_was_refused_is_shown_at_a_press(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    world.telegram.start_bot(world.owner)
    cards = [await my_part(world, shown, each, 42_000) for each in (world.anna, world.bert)]
    here = await panel(world, shown, world.anna)
    await pressed(world, here, world.anna, texts.CHANGES[Change.MOVE])
    moved = await world.until(lambda: [m for m in boards(world, world.group) if m.id != shown.id])
    refuse(world, "editMessageText", world.group, None)
    for card in cards:
        world.node.pay(world.request_in(card))
    owner = world.private(world.owner)
    await world.notified(owner, Kind.BOARD_UNTRUE)
    await world.until(lambda: ends(world, world.group))
    world.telegram.clear_faults()
    assert "all paid" not in (moved[0].text or "")
    await pressed(world, moved[0], world.bert, texts.PAY_BUTTON)
    await board(world, world.group, "all paid")
    assert len(world.notices(owner, Kind.BOARD_UNTRUE)) == 1


async def test_a_board_that_takes_no_edit_gets_a_new_message(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    refuse(world, "editMessageText", world.group, None)
    await my_part(world, shown, world.bert, 42_000)
    new = await world.until(
        lambda: [m for m in boards(world, world.group) if '"Bert"' in (m.text or "")], 20.0
    )
    assert new[-1].id != shown.id
    await world.until(lambda: shown.deleted)
    world.telegram.clear_faults()
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=new[-1])
    await world.until(lambda: ", closed" in (new[-1].text or ""))


async def test_one_refused_announcement_is_tried_again(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    await paid(world, shown, world.anna, 42_000)
    card = await my_part(world, shown, world.bert, 42_000)
    refuse(world, "sendMessage", world.group)
    world.node.pay(world.request_in(card))
    await world.until(lambda: ends(world, world.group), 20.0)
    assert len(ends(world, world.group)) == 1


@pytest.fixture
async def forum(world: World) -> Chat:
    """A group with topics, whose owner and Anna have opened the bot."""
    made = world.telegram.add_group(
        "Forum", [world.anna, world.bert], admins=[world.anna], forum=True
    )
    world.access["chats"] = frozenset({made.id, world.group.id})
    for person in (world.owner, world.anna, world.bert):
        world.telegram.start_bot(person)
    await world.start_bot()
    await world.until(lambda: len(world.ours(world.private(world.bert))) == 1)
    return made


async def test_who_asks_hears_that_their_board_is_not_taken(world: World, forum: Chat) -> None:
    refuse(world, "sendMessage", world.group, None)
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    chat = world.private(world.anna)
    await world.until(lambda: len(world.ours(chat)) == 2, 20.0)
    await world.notified(world.private(world.owner), Kind.BOARD_REFUSED)


async def test_in_a_closed_topic_who_asks_hears_of_it(world: World, forum: Chat) -> None:
    topic = world.telegram.add_topic(forum, "Bills")
    world.telegram.close_topic(forum, topic)
    world.telegram.say(forum, world.anna, "/split 84k/3 pizza", thread=topic)
    chat = world.private(world.anna)
    await world.until(lambda: len(world.ours(chat)) == 2, 20.0)
    await world.notified(world.private(world.owner), Kind.BOARD_REFUSED)


async def test_an_end_that_is_refused_goes_out_without_names_and_memo(
    world: World, forum: Chat
) -> None:
    card = await _half_paid(world)
    refuse(world, "sendMessage", world.group, 2)
    world.node.pay(world.request_in(card))
    end = (await world.until(lambda: ends(world, world.group), 20.0))[0]
    assert "pizza" not in (end.text or "")


async def test_a_reminder_that_its_group_does_not_take_may_be_wanted_again(world: World) -> None:
    shown = await split(world, "84k/3", by=world.owner)
    await my_part(world, shown, world.bert, 28_000)
    here = await panel(world, shown, world.owner)
    refuse(world, "sendMessage", world.group, None)
    remind = texts.CHANGES[Change.REMIND]
    await pressed(world, here, world.owner, remind)
    await world.notified(world.private(world.owner), Kind.BOARD_UNTOLD)
    world.telegram.clear_faults()
    await pressed(world, here, world.owner, remind)
    await world.until(
        lambda: [m for m in world.ours(world.group) if "Not yet paid" in (m.text or "")]
    )


async def test_an_end_that_its_group_does_not_take_is_told_to_who_asked(
    world: World, forum: Chat
) -> None:
    card = await _half_paid(world)
    refuse(world, "sendMessage", world.group, None)
    world.node.pay(world.request_in(card))
    chat = world.private(world.anna)
    await world.until(lambda: ends(world, chat), 20.0)
    assert not world.notices(world.private(world.owner), Kind.BOARD_UNTOLD)


async def test_an_end_that_its_group_does_not_take_is_told_though_its_board_takes_no_edit(
    world: World, forum: Chat
) -> None:
    """Two steps that take each other's place: of both it counts how often they were tried."""
    card = await _half_paid(world)
    await board(world, world.group, '"Bert"')
    world.telegram.fail("editMessageText", chat_id=world.group.id, times=None, status=500)
    refuse(world, "sendMessage", world.group, None)
    world.node.pay(world.request_in(card))
    await world.until(lambda: ends(world, world.private(world.anna)), 60.0)


async def test_an_end_whose_topic_was_closed_is_told_to_who_asked(
    world: World, forum: Chat
) -> None:
    topic = world.telegram.add_topic(forum, "Bills")
    world.telegram.say(forum, world.anna, "/split 84k/2 pizza", thread=topic)
    shown = await board(world, forum)
    world.telegram.close_topic(forum, topic)
    for person in (world.anna, world.bert):
        await paid(world, shown, person, 42_000)
    await world.until(lambda: ends(world, world.private(world.anna)), 20.0)
    assert not ends(world, forum)


async def test_an_end_that_nobody_can_be_told_is_told_to_the_owners(
    world: World, forum: Chat
) -> None:
    card = await _half_paid(world)
    refuse(world, "sendMessage", world.group, None)
    world.telegram.block(world.anna)
    world.node.pay(world.request_in(card))
    await world.notified(world.private(world.owner), Kind.BOARD_UNTOLD)


async def _half_paid(world: World) -> Message:
    """A bill of Anna's in two, of which hers is paid; Bert's card."""
    shown = await _said_in(world, world.group)
    await paid(world, shown, world.anna, 42_000)
    return await my_part(world, shown, world.bert, 42_000)


async def _said_in(world: World, chat: Chat) -> Message:
    world.telegram.say(chat, world.anna, "/split 84k/2 pizza")
    return await board(world, chat)


# a clock that is wrong


class HostClock:
    """The clock of the bot's host alone: Telegram and the node have the right one."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def __call__(self) -> float:
        return time.time() + self.ahead_s


async def split_by(world: World, host: HostClock) -> Message:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot(host)
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    return await board(world, world.group)


async def test_a_clock_that_is_ahead_for_a_moment_closes_no_board(world: World) -> None:
    host = HostClock()
    shown = await split_by(world, host)
    card = await my_part(world, shown, world.bert, 28_000)
    host.ahead_s = LIVES_S + 86_400
    for person in (world.anna, world.owner):  # both have steps of their own meanwhile
        world.telegram.press(shown.chat, person, shown.id, text="Pay my part")
    await board(world, world.group, '"Anna')
    host.ahead_s = 0
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID, 30.0)
    await board(world, world.group, '✅ 28,000 sats: "Bert"')
    assert ", clos" not in (shown.text or "")
    assert world.buttons(shown)


async def test_a_clock_that_was_behind_closes_no_board_early(world: World) -> None:
    host = HostClock(-30 * 86_400)
    shown = await split_by(world, host)
    host.ahead_s = 0
    await my_part(world, shown, world.bert, 28_000)
    await board(world, world.group, '"Bert"')
    assert ", clos" not in (shown.text or "")


async def test_a_board_ends_after_a_clock_was_ahead(world: World) -> None:
    host = HostClock()
    shown = await split_by(world, host)
    host.ahead_s = LIVES_S + 60
    press = world.telegram.press(shown.chat, world.bert, shown.id, text="Pay my part")
    await press.answer
    await board(world, world.group, '"Bert"')
    host.ahead_s = 0
    await my_part(world, shown, world.bert, 28_000)
    world.clock.ahead_s = host.ahead_s = LIVES_S + 60
    world.telegram.say(world.group, world.anna, "/id")  # and Telegram says what time it is
    await board(world, world.group, ", closed")


async def set_right(world: World, host: HostClock, how: str) -> None:
    """The host's clock is right from now on, and the bot learns of it."""
    host.ahead_s = 0
    if how == "a restart":
        await world.stop_bot()
        await world.start_bot(host)
    else:
        await world.ask(world.private(world.anna), world.anna, "/invoice 500")


@pytest.mark.parametrize("how", ["the node's word", "a restart"])
async def test_a_payment_while_a_clock_was_ahead_is_shown_once_it_is_right(
    world: World, how: str
) -> None:
    """It came within seconds of another one, and waited for its turn by the wrong clock."""
    host = HostClock()
    shown = await split_by(world, host)
    cards = [await my_part(world, shown, each, 28_000) for each in (world.bert, world.owner)]
    await board(world, world.group, '"Olga"')
    host.ahead_s = 3 * 3600
    for card in cards:
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
        if card is cards[0]:
            await board(world, world.group, "28,000 sats paid")
    await set_right(world, host, how)
    await board(world, world.group, "56,000 sats paid")


@pytest.mark.parametrize("how", ["the node's word", "a restart"])
async def test_an_owner_hears_of_a_payment_while_a_clock_was_ahead_once_it_is_right(
    world: World, how: str
) -> None:
    owner = world.private(world.owner)
    world.telegram.say(owner, world.owner, "/help")
    host = HostClock()
    await world.start_bot(host)
    card = await world.ask(world.private(world.anna), world.anna, "/invoice 700")
    host.ahead_s = 3 * 3600
    world.telegram.fail("sendMessage", chat_id=owner.id, status=500, times=1)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.until(lambda: any(call.status == 500 for call in world.telegram.calls))
    await set_right(world, host, how)
    await world.payment_noticed(world.owner)


# no fault, but nothing that anybody should pay for


async def test_a_board_of_a_test_network_says_so(world: World) -> None:
    shown = await split(world)
    assert "On simnet: these are not real sats." in (shown.text or "")
