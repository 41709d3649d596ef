"""What people try with boards who mean harm, or press twice: limits, links, late commands."""

from __future__ import annotations

import time

import pytest

from bot import app, texts
from bot.actions.seats import NEW_WITHIN_S, OPEN_A_PERSON, SHOWN_EVERY_S
from bot.chat.admission import LINK_EVERY_S
from bot.chat.board_buttons import MANAGE_LINK
from bot.chat.chats import SAID_IN_ALL
from bot.chat.intake import BATCH
from bot.chat.invitations import LEAVES_AFTER_S
from bot.core.board import HOUR_S, PARTS_AN_HOUR
from bot.core.invoice import TOO_LATE_S, Face
from bot.core.wishes import Change, Changing, Closing, Parting, Renewing, Splitting
from bot.demo.telegram import Message, User, start_token
from tests.test_abuse import data_of, press
from tests.test_boards import board, boards, my_part, split
from tests.test_splits import panel, pressed
from tests.world import NAME, World


async def link(world: World, shown: Message, person: User) -> str:
    """The token that a press on a board leads to."""
    pressed = world.telegram.press(shown.chat, person, shown.id, text="Pay my part")
    return start_token((await pressed.answer).url or "", NAME) or ""


async def handled(world: World) -> None:
    """Everything that was said before has been handled: somebody's new card is there."""
    await world.open_card(world.private(world.owner), world.owner, "/invoice 77")


# strangers


@pytest.mark.parametrize("what", ["junk", "manage-junk"])
async def test_of_strangers_links_to_nothing_one_is_answered(world: World, what: str) -> None:
    await world.start_bot()
    for number in range(10):
        world.telegram.start_bot(world.stranger, f"{what}{number}")
    chat = world.private(world.stranger)
    await world.until(lambda: world.ours(chat))
    await handled(world)
    assert len(world.ours(chat)) == 1
    world.clock.ahead_s += LINK_EVERY_S + 1
    world.telegram.start_bot(world.stranger, f"{what}-again")
    await world.until(lambda: len(world.ours(chat)) == 2)


@pytest.mark.parametrize("what", ["junk", "manage-junk"])
async def test_strangers_with_links_to_nothing_leave_room_for_others(
    world: World, what: str
) -> None:
    await world.start_bot()
    telegram, chat = world.telegram, world.private(world.anna)
    crowd = [telegram.add_user(f"Stranger {number}") for number in range(SAID_IN_ALL + 20)]
    telegram.stall("sendMessage")
    for each in crowd:
        telegram.start_bot(each, what)
    telegram.say(chat, world.anna, "/invoice abc")
    before = world.polls()
    await world.until(lambda: world.polls() > before + len(crowd) // BATCH + 1)
    telegram.clear_faults()
    await world.until(lambda: world.ours(chat))


async def test_a_stranger_with_a_part_is_answered(world: World) -> None:
    shown = await split(world)
    world.telegram.join(world.group, world.stranger)
    card = await my_part(world, shown, world.stranger, 28_000)
    world.node.pay(world.request_in(card))
    await board(world, world.group, '✅ 28,000 sats: "Sven"')
    world.telegram.start_bot(world.stranger, await link(world, shown, world.stranger))
    said = texts.parting(Parting.PAID_OWN)
    await world.until(lambda: [m for m in world.ours(card.chat) if (m.text or "").startswith(said)])


# what comes late, or twice


async def test_a_link_that_was_followed_hours_ago_is_not_carried_out(world: World) -> None:
    shown = await split(world)
    pressed = world.telegram.press(shown.chat, world.bert, shown.id, text="Pay my part")
    await pressed.answer
    await world.stop_bot()
    world.telegram.follow(pressed)
    world.clock.ahead_s += TOO_LATE_S + 3600
    await world.start_bot()
    await world.said(world.private(world.bert), texts.TOO_LATE)
    assert len(world.node.invoices) == 1  # which the press had asked for
    await world.shown(world.private(world.bert), Face.EXPIRED, sats=28_000)
    await my_part(world, shown, world.bert, 28_000)


async def test_a_link_that_is_delivered_again_makes_no_second_invoice(world: World) -> None:
    shown = await split(world)
    token = await link(world, shown, world.bert)
    followed = world.telegram.start_bot(world.bert, token)
    card = await world.shown(world.private(world.bert), Face.OPEN, sats=28_000)
    world.telegram.say(card.chat, world.bert, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    # What a killed process did not confirm comes once more.
    world.telegram.push_raw_update({"message": world.telegram.message_json(followed)})
    await handled(world)
    assert len(world.node.invoices) == 2  # with that of `handled`
    await my_part(world, shown, world.bert, 28_000)


# how much one person gets


async def test_renewing_counts_among_the_invoices_of_an_hour(world: World) -> None:
    shown = await split(world)
    world.telegram.join(world.group, world.stranger)
    card = await my_part(world, shown, world.stranger, 28_000)
    answer = ""
    for _ in range(PARTS_AN_HOUR):
        world.telegram.say(card.chat, world.stranger, "/cancel", reply_to=card)
        await world.becomes(card, Face.CANCELLED)
        renewal = world.telegram.press(card.chat, world.stranger, card.id, text="Renew")
        answer = (await renewal.answer).text or ""
        if answer == texts.asked_to_renew(Renewing.TOO_MANY):
            break
        card = await world.shown(card.chat, Face.OPEN, sats=28_000)
    assert answer == texts.asked_to_renew(Renewing.TOO_MANY)
    assert len(world.node.invoices) == PARTS_AN_HOUR
    token = await link(world, shown, world.stranger)
    world.telegram.start_bot(world.stranger, token)
    await world.said(card.chat, texts.parting(Parting.TOO_MANY))
    world.clock.ahead_s += HOUR_S + 60
    await my_part(world, shown, world.stranger, 28_000)


async def test_one_member_leaves_room_for_others_boards(world: World) -> None:
    await split(world)
    for _ in range(OPEN_A_PERSON - 1):
        world.telegram.say(world.group, world.anna, "/split 84k/4")
    await world.until(lambda: len(boards(world, world.group)) == OPEN_A_PERSON)
    world.clock.ahead_s += NEW_WITHIN_S + 1
    world.telegram.say(world.group, world.anna, "/split 84k/4")
    await world.said(world.group, texts.splitting(Splitting.TOO_MANY_OWN))
    world.telegram.say(world.group, world.bert, "/split 84k/4")
    await world.until(lambda: len(boards(world, world.group)) == OPEN_A_PERSON + 1)


async def test_who_presses_without_end_delays_nobody(world: World) -> None:
    shown = await split(world, "84k/50")
    await my_part(world, shown, world.bert, 1_680)
    await board(world, world.group, '"Bert"')
    chat = world.private(world.anna)
    data = data_of(shown)
    presses = 500
    for _ in range(presses):
        press(world, world.bert, shown, data)
    for sats in range(2000, 2005):
        world.telegram.say(chat, world.anna, f"/invoice {sats}")
        await world.shown(chat, Face.OPEN, sats=sats)
    answers = sum(call.method == "answerCallbackQuery" for call in world.telegram.calls)
    assert answers < presses / 5
    world.telegram.press(world.group, world.owner, shown.id, text="Pay my part")
    await board(world, world.group, '"Olga"')


# commands that mean another message


async def test_cancel_as_a_reply_to_the_command_closes_its_board(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    said = (m for m in world.telegram.messages(world.group) if m.sender is world.anna)
    (command,) = (m for m in said if (m.text or "").startswith("/split"))
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=command)
    await board(world, world.group, ", closed")
    await world.becomes(card, Face.CANCELLED)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=command)
    await world.said(world.group, texts.closing(Closing.ALREADY_CLOSED))


async def test_a_message_of_the_group_before_it_moved_closes_no_other_board(world: World) -> None:
    telegram = world.telegram
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    for number in range(5):
        telegram.say(world.group, world.bert, f"hello {number}")
    telegram.say(world.group, world.anna, "/split 10k/2 first")
    first = await board(world, world.group, "first")
    new = telegram.migrate(world.group)
    telegram.say(new, world.anna, "hi")
    moved = await board(world, new, "first")
    while max(m.id for m in telegram.messages(new)) < first.id - 2:
        telegram.say(new, world.bert, "x")
    telegram.say(new, world.anna, "/split 90k/2 second")
    second = await board(world, new, "second")
    assert second.id == first.id
    whole = telegram.message_json(first)
    sender = {"id": world.anna.id, "is_bot": False, "first_name": "Anna"}
    message = {
        "message_id": first.id + 1,
        "date": int(time.time()),
        "chat": whole["chat"],
        "from": sender,
        "text": "/cancel",
        "entities": [{"type": "bot_command", "offset": 0, "length": 7}],
        "reply_to_message": {k: v for k, v in whole.items() if k != "reply_to_message"},
    }
    telegram.push_raw_update({"message": message})
    await world.until(lambda: ", clos" in (moved.text or ""))  # the one that it is a reply to
    await handled(world)
    assert ", clos" not in (second.text or "")


# a group that nobody let in


async def test_the_bot_stays_where_it_has_a_board(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TIDY_S", 0.2)  # an hour
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    await world.start_bot()
    telegram = world.telegram
    used = telegram.add_group("Foreign", [world.stranger, world.anna])
    other = telegram.add_group("Foreign as well", [world.stranger, world.anna])
    await world.said(used, texts.UNINVITED_ASKED)
    await world.said(other, texts.uninvited(other.id))  # one question a day
    telegram.say(used, world.anna, "/split 84k/3 pizza")
    await board(world, used)
    world.clock.ahead_s += LEAVES_AFTER_S + 60

    def left() -> list[int]:
        calls = [c for c in telegram.calls if c.method.lower() == "leavechat"]
        return [int(c.params["chat_id"]) for c in calls]

    await world.until(lambda: other.id in left())
    assert left() == [other.id]


# a card that its reader deleted


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_second_press_later_brings_the_card_again(world: World, is_deleted: bool) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    request = world.request_in(card)
    if is_deleted:
        world.telegram.delete_as_user(card, world.bert)
    world.clock.ahead_s += SHOWN_EVERY_S + 1
    for _ in range(3):  # once in all: the card that they bring is new
        world.telegram.start_bot(world.bert, await link(world, shown, world.bert))
    again = await world.until(
        lambda: [m for m in world.ours(card.chat) if m.photo and m is not card]
    )
    await handled(world)
    there = [m for m in world.ours(card.chat) if m.photo and not m.deleted and m is not card]
    assert there == again
    assert world.request_in(again[0]) == request
    assert len(world.node.invoices) == 2  # with that of `handled`
    world.node.pay(request)
    await world.becomes(again[0], Face.PAID)
    if not is_deleted:
        await world.becomes(card, Face.PAID)


# panels


async def test_a_panel_is_shown_in_no_place_but_its_own(world: World) -> None:
    """A client can name any message: nobody puts a panel over a board."""
    shown = await split(world, "84k/2 pizza")
    before = shown.text
    press = world.telegram.press(shown.chat, world.anna, shown.id, text=texts.MANAGE_BUTTON)
    handle = (start_token((await press.answer).url or "", NAME) or "").removeprefix(MANAGE_LINK)
    for data in (f"m:back:{handle}:0", f"m:free:{handle}:0", f"m:remind:{handle}:0"):
        shown.reply_markup = {"inline_keyboard": [[{"text": "x", "callback_data": data}]]}
        forged = world.telegram.press(shown.chat, world.anna, shown.id, data=data)
        await forged.answer
    await handled(world)
    assert shown.text == before


async def test_a_list_that_is_old_changes_nobody_elses_part(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    world.telegram.join(world.group, world.stranger)
    card = await my_part(world, shown, world.bert, 42_000)
    here = await panel(world, shown, world.anna)
    await pressed(world, here, world.anna, texts.CHANGES[Change.FREE])
    await world.until(lambda: "Bert: 42,000 sats" in world.buttons(here))
    await pressed(world, card, world.bert, texts.LEAVE_BUTTON)
    await world.becomes(card, Face.CANCELLED)
    theirs = await my_part(world, shown, world.stranger, 42_000)
    said = await pressed(world, here, world.anna, "Bert: 42,000 sats")
    assert said == texts.changing(Change.FREE, Changing.ANOTHERS)
    assert world.face(theirs) is Face.OPEN
