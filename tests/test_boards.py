"""A bill that a group pays, end to end: each their part, and a board that is true."""

from __future__ import annotations

import pytest

from bot import texts
from bot.core.invoice import Face
from bot.core.wishes import Leaving, Parting, Sitting, Splitting
from bot.demo.node import CANCELED, SETTLED
from bot.demo.telegram import Chat, Message, User, start_token
from tests.bills import LIVES_S
from tests.faces import Role
from tests.world import NAME, World


def boards(world: World, chat: Chat) -> list[Message]:
    return [m for m in world.ours(chat) if "Split:" in (m.text or "").partition("\n")[0]]


async def board(world: World, chat: Chat, says: str = "") -> Message:
    """Wait for a board that says this."""
    found = await world.until(lambda: [m for m in boards(world, chat) if says in (m.text or "")])
    assert found
    return found[-1]


async def my_part(world: World, shown: Message, person: User, sats: int) -> Message:
    """Press, follow the link, and wait for the card in private."""
    press = world.telegram.press(shown.chat, person, shown.id, text="Pay my part")
    answer = await press.answer
    assert answer.url is not None, answer
    world.telegram.follow(press)
    return await world.shown(world.private(person), Face.OPEN, sats=sats)


async def test_a_bill_is_paid_by_each_their_part(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    shown = await board(world, world.group)
    for person in (world.anna, world.bert, world.stranger):
        if person is world.stranger:
            world.telegram.join(world.group, person)
        card = await my_part(world, shown, person, 28_000)
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
    done = await board(world, world.group, "all paid")
    assert done.id == shown.id
    assert not world.buttons(done)
    await world.until(
        lambda: [m for m in world.ours(world.group) if "All parts of" in (m.text or "")]
    )


@pytest.mark.parametrize("is_known", [True, False], ids=["in time", "never"])
async def test_a_card_waits_for_no_name_and_the_board_is_edited_once_with_it(
    world: World, is_known: bool
) -> None:
    shown = await split(world)
    world.telegram.private_chat(world.bert).started = True
    asked = world.telegram.stall("getChatMember")
    await my_part(world, shown, world.bert, 28_000)
    before = await board(world, world.group)
    assert "Bert" not in (before.text or "")
    assert "someone" not in (before.text or "")
    if is_known:
        asked.release()
    await board(world, world.group, "Bert" if is_known else "someone")
    edits = [call for call in world.telegram.calls if call.method == "editMessageText"]
    assert len(edits) == 1
    asked.release()


async def split(world: World, what: str = "84k/3 pizza", by: User | None = None) -> Message:
    """A board in the group, where everybody may ask."""
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, by or world.anna, f"/split {what}")
    return await board(world, world.group)


async def said(world: World, shown: Message, person: User) -> str:
    """What a press is answered with."""
    press = world.telegram.press(shown.chat, person, shown.id, text="Pay my part")
    return (await press.answer).text or ""


async def test_an_owner_who_asks_has_paid_the_bill(world: World) -> None:
    shown = await split(world, "84k/2", by=world.owner)
    assert "(paid the bill)" in (shown.text or "")
    assert " to " not in (shown.text or "").splitlines()[1]
    card = await my_part(world, shown, world.anna, 42_000)
    world.node.pay(world.request_in(card))
    await board(world, world.group, "all covered: 42,000 sats paid, 42,000 sats settled otherwise")


async def test_a_second_press_brings_the_same_invoice(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    for _ in range(2):
        press = world.telegram.press(shown.chat, world.bert, shown.id, text="Pay my part")
        await press.answer
        world.telegram.follow(press)
    world.telegram.say(card.chat, world.bert, "/id")
    await world.until(lambda: str(world.bert.id) in (world.ours(card.chat)[-1].text or ""))
    assert [m.id for m in world.showing(card.chat, Face.OPEN)] == [card.id]
    assert len(world.node.invoices) == 1


async def test_a_link_is_worth_nothing_to_somebody_else(world: World) -> None:
    shown = await split(world)
    press = world.telegram.press(shown.chat, world.bert, shown.id, text="Pay my part")
    token = start_token((await press.answer).url or "", NAME)
    for person in (world.stranger, world.anna):
        world.telegram.start_bot(person, token)
        await world.said(world.private(person), texts.parting(Parting.NOT_YOURS))
    world.telegram.start_bot(world.anna, "x" * 22)
    await world.said(world.private(world.anna), texts.parting(Parting.NOT_YOURS), 2)
    await world.node.until(lambda: len(world.node.invoices) == 1)  # Bert's own
    for person in (world.stranger, world.anna):
        assert all(world.face(m) is Role.SENTENCE for m in world.ours(world.private(person)))


async def test_a_press_brings_the_card_to_people_who_use_the_bot_and_its_link_one_card_only(
    world: World,
) -> None:
    shown = await split(world)
    chat = world.private(world.bert)
    world.telegram.start_bot(world.bert)
    await world.until(lambda: world.ours(chat))
    before = len(world.ours(chat))
    press = world.telegram.press(shown.chat, world.bert, shown.id, text="Pay my part")
    card = await world.shown(chat, Face.OPEN, sats=28_000)
    await press.answer
    world.telegram.follow(press)
    world.telegram.say(chat, world.bert, "/id")
    await world.until(lambda: str(world.bert.id) in (world.ours(chat)[-1].text or ""))
    assert len(world.ours(chat)) == before + 2  # the card, and the answer to that
    assert world.face(card) is Face.OPEN
    assert len(world.node.invoices) == 1


async def test_the_card_of_somebody_who_never_opened_the_bot_waits_for_their_start(
    world: World,
) -> None:
    shown = await split(world)
    world.telegram.join(world.group, world.stranger)
    press = world.telegram.press(shown.chat, world.stranger, shown.id, text="Pay my part")
    await world.node.until(lambda: len(world.node.invoices) == 1)
    await press.answer
    assert not world.ours(world.private(world.stranger))
    world.telegram.follow(press)
    card = await world.shown(world.private(world.stranger), Face.OPEN, sats=28_000)
    world.node.pay(world.request_in(card))
    await board(world, world.group, '✅ 28,000 sats: "Sven"')
    assert len(world.node.invoices) == 1


async def test_who_leaves_frees_the_seat_once_the_node_has_cancelled(world: World) -> None:
    shown = await split(world, "84k/2")
    card = await my_part(world, shown, world.bert, 42_000)
    stranger = world.stranger
    world.telegram.join(world.group, stranger)
    assert await said(world, shown, stranger) == texts.sitting(Sitting.FULL)
    await board(world, world.group, '"Bert"')
    hold = world.node.stall("CancelInvoice", before=True)
    world.telegram.press(card.chat, world.bert, card.id, text="Not me")
    await hold.reached()
    assert await said(world, shown, stranger) == texts.sitting(Sitting.FULL)
    hold.release()
    await board(world, world.group, "free")
    await world.becomes(card, Face.CANCELLED)
    other = await my_part(world, shown, stranger, 42_000)
    world.node.pay(world.request_in(other))
    await board(world, world.group, '✅ 42,000 sats: "Sven"')


async def test_leaving_that_comes_again_leaves_the_invoice_after_it_alone(world: World) -> None:
    """After a kill Telegram delivers a press again, when its person may have come back."""
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    data = (card.reply_markup or {})["inline_keyboard"][0][0]["callback_data"]
    press = world.telegram.press(card.chat, world.bert, card.id, text="Not me")
    await world.becomes(card, Face.CANCELLED)
    await world.until(lambda: '"Bert"' not in (shown.text or ""))
    again = await my_part(world, shown, world.bert, 28_000)
    user = {"id": world.bert.id, "is_bot": False, "first_name": "Bert"}
    query = {"id": press.id, "from": user, "chat_instance": "1", "data": data}
    message = world.telegram.message_json(card)
    world.telegram.push_raw_update({"callback_query": {**query, "message": message}})
    says = texts.leaving(Leaving.NOT_TRACKED)
    await world.until(lambda: any(call.params.get("text") == says for call in world.telegram.calls))
    world.node.pay(world.request_in(again))
    await board(world, world.group, '✅ 28,000 sats: "Bert"')


async def test_a_payment_that_is_faster_than_leaving_wins(world: World) -> None:
    shown = await split(world, "84k/2")
    card = await my_part(world, shown, world.bert, 42_000)
    await board(world, world.group, '"Bert"')
    hold = world.node.stall("CancelInvoice", before=True)
    world.telegram.press(card.chat, world.bert, card.id, text="Not me")
    await hold.reached()
    world.node.pay(world.request_in(card))
    hold.release()
    await board(world, world.group, '✅ 42,000 sats: "Bert"')
    await world.becomes(card, Face.PAID)


async def test_a_board_that_is_closed_has_cancelled_what_was_open(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    paid = await my_part(world, shown, world.anna, 28_000)
    world.node.pay(world.request_in(paid))
    await board(world, world.group, "28,000 sats paid")
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=shown)
    closed = await board(world, world.group, ", closed")
    assert not world.buttons(closed)
    assert "Nothing more can be paid." in (closed.text or "")
    await world.becomes(card, Face.CANCELLED)
    assert sorted(i.state for i in world.node.invoices.values()) == [SETTLED, CANCELED]
    says = "is closed: 28,000 sats paid"
    ends = await world.until(lambda: [m for m in world.ours(world.group) if says in (m.text or "")])
    assert len(ends) == 1


async def test_nobody_but_who_asked_and_admins_close_a_board(world: World) -> None:
    shown = await split(world)
    world.telegram.say(world.group, world.bert, "/cancel", reply_to=shown)
    await world.said(world.group, texts.NOT_ALLOWED)
    assert world.buttons(boards(world, world.group)[0]) == [texts.PAY_BUTTON, texts.MANAGE_BUTTON]


async def test_a_board_closes_itself_once_its_time_is_over(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    await board(world, world.group, '"Bert"')
    world.clock.ahead_s += LIVES_S + 1
    world.telegram.say(world.group, world.bert, "/id")  # and Telegram says what time it is
    await board(world, world.group, ", closed")
    await world.until(lambda: world.face(card) is not Face.OPEN)


async def test_a_payment_while_the_bot_was_away_is_on_the_board(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    await world.stop_bot()
    world.node.pay(world.request_in(card))
    await world.start_bot()
    await board(world, world.group, '✅ 28,000 sats: "Bert"')


async def test_a_group_that_becomes_a_supergroup_has_its_board_again(world: World) -> None:
    shown = await split(world)
    await my_part(world, shown, world.bert, 28_000)
    supergroup = world.telegram.migrate(world.group)
    world.telegram.say(supergroup, world.anna, "hello")
    there = await board(world, supergroup, '"Bert"')
    assert await said(world, there, world.bert) == ""
    assert len(boards(world, supergroup)) == 1


async def test_a_bill_is_closed_by_whoever_wrote_so_before_its_group_moved(world: World) -> None:
    shown = await split(world)
    await world.stop_bot()
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=shown)
    supergroup = world.telegram.migrate(world.group)
    world.telegram.say(supergroup, world.bert, "hello")
    await world.start_bot()
    await board(world, supergroup, ", closed")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("84k /4", "without a space"),
        ("84k/ 4", "without a space"),
        ("84k/1", "2 to 50 people"),
        ("84k/51", "2 to 50 people"),
        ("84k/3.5", "not a number of people"),
        ("84k/x", "not a number of people"),
        ("pizza", "Write the amount first"),
        ("any/4", "needs a sum"),
        ("3/4", "1 sat"),
        ("", "How many people"),
    ],
)
async def test_what_is_unclear_is_refused_with_an_example(
    world: World, what: str, says: str
) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, world.anna, f"/split {what}")
    await world.until(lambda: [m for m in world.ours(world.group) if says in (m.text or "")])
    assert not boards(world, world.group)


async def test_who_leaves_a_group_that_the_bot_was_removed_from_has_nothing_to_pay(
    world: World,
) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    await board(world, world.group, '"Bert"')
    world.telegram.remove_bot(world.group)
    world.telegram.press(card.chat, world.bert, card.id, text="Not me")
    await world.becomes(card, Face.CANCELLED)
    assert [i.state for i in world.node.invoices.values()] == [CANCELED]


async def test_a_part_that_was_cancelled_is_had_again_by_a_press(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    world.telegram.say(card.chat, world.bert, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    again = await my_part(world, shown, world.bert, 28_000)
    assert again.id != card.id
    await world.until(lambda: not world.buttons(card))  # the card before offers nothing now
    world.node.pay(world.request_in(again))
    await board(world, world.group, '✅ 28,000 sats: "Bert"')


async def test_a_press_renews_ones_own_part(world: World) -> None:
    shown = await split(world)
    card = await my_part(world, shown, world.bert, 28_000)
    world.telegram.say(card.chat, world.bert, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    world.telegram.press(card.chat, world.bert, card.id, text="Renew")
    again = await world.shown(card.chat, Face.OPEN, sats=28_000)
    world.node.pay(world.request_in(again))
    await board(world, world.group, '✅ 28,000 sats: "Bert"')


async def test_in_private_nothing_is_split(world: World) -> None:
    await world.start_bot()
    world.telegram.say(world.private(world.anna), world.anna, "/split 84k/4 pizza")
    await world.said(world.private(world.anna), texts.SPLIT_IN_GROUPS)


async def test_one_person_makes_three_bills_in_ten_minutes_and_a_chat_has_five(
    world: World,
) -> None:
    await split(world)
    world.telegram.join(world.group, world.stranger)
    for _ in range(2):
        world.telegram.say(world.group, world.anna, "/split 84k/4")
    world.telegram.say(world.group, world.anna, "/split 84k/4")
    await world.said(world.group, texts.splitting(Splitting.TOO_OFTEN))
    for person in (world.bert, world.bert, world.bert):
        world.telegram.say(world.group, person, "/split 84k/4")
    await world.said(world.group, texts.splitting(Splitting.TOO_MANY_OPEN))
    await world.until(lambda: len(boards(world, world.group)) == 5)
    world.telegram.say(world.group, world.owner, "/split 84k/4")  # an owner has no limit
    await world.until(lambda: len(boards(world, world.group)) == 6)


async def test_a_copy_of_a_board_that_nobody_knows_of_takes_presses_as_well(world: World) -> None:
    world.telegram.drop("sendMessage", acted=True, times=1)
    await split(world)
    await world.until(lambda: len(boards(world, world.group)) == 2, 30.0)
    first, second = boards(world, world.group)
    assert "This may be a duplicate of a message above." in (second.text or "")
    card = await my_part(world, first, world.bert, 28_000)
    assert await said(world, second, world.bert) == ""
    world.node.pay(world.request_in(card))
    await world.until(lambda: '✅ 28,000 sats: "Bert"' in (second.text or ""))
    assert len(world.node.invoices) == 1


async def test_a_copy_of_a_board_that_nobody_knows_of_is_closed_by_a_reply_as_well(
    world: World,
) -> None:
    world.telegram.drop("sendMessage", acted=True, times=1)
    await split(world)
    world.clock.ahead_s += 60
    await world.until(lambda: len(boards(world, world.group)) == 2)
    first, second = boards(world, world.group)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=first)
    await world.until(lambda: ", closed" in (second.text or ""))


async def test_a_copy_of_a_board_is_kept_true_once_somebody_presses_it(world: World) -> None:
    world.telegram.drop("sendMessage", acted=True, times=1)
    await split(world)
    world.clock.ahead_s += 60
    await world.until(lambda: len(boards(world, world.group)) == 2)
    copies = boards(world, world.group)
    await my_part(world, copies[0], world.bert, 28_000)
    await world.until(lambda: all('⚡ 28,000 sats: "Bert"' in (m.text or "") for m in copies))
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=copies[1])
    await world.until(lambda: all(", closed" in (m.text or "") for m in copies))
    assert not any(world.buttons(m) for m in copies)


async def without_a_number(world: World) -> list[Message]:
    """A board's copies, of none of which Telegram told the number."""
    world.telegram.garble("sendMessage", '{"ok":true,"result":true}', acted=True, times=3)
    await split(world)
    for number in (1, 2, 3):
        await world.until(lambda number=number: len(boards(world, world.group)) == number)
        world.clock.ahead_s += 60  # the pause before the next one
    await world.stop_bot()  # which has written that it is there
    await world.start_bot()
    return boards(world, world.group)


async def test_a_board_whose_number_telegram_did_not_tell_is_true_once_somebody_presses_it(
    world: World,
) -> None:
    copy, *_ = await without_a_number(world)
    card = await my_part(world, copy, world.bert, 28_000)
    await world.until(lambda: '⚡ 28,000 sats: "Bert"' in (copy.text or ""))
    world.node.pay(world.request_in(card))
    await world.until(lambda: '✅ 28,000 sats: "Bert"' in (copy.text or ""))
    assert len(boards(world, world.group)) == 3


async def test_a_board_whose_number_telegram_did_not_tell_is_true_once_a_reply_closes_it(
    world: World,
) -> None:
    copy, *_ = await without_a_number(world)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=copy)
    await world.until(lambda: ", closed" in (copy.text or ""))
    assert not world.buttons(copy)


async def test_payments_that_come_together_edit_their_board_three_times_at_most(
    world: World,
) -> None:
    people = [world.telegram.add_user(f"Guest {number}") for number in range(8)]
    for person in people:
        world.telegram.join(world.group, person)
    shown = await split(world, f"84k/{len(people)}", by=world.owner)  # who has paid the bill
    cards = [await my_part(world, shown, person, 10_500) for person in people[1:]]
    await world.until(lambda: all(p.first_name in (shown.text or "") for p in people[1:]))
    known = len(shown.versions)
    for card in cards:
        world.node.pay(world.request_in(card))
    await board(world, world.group, "all covered: 73,500 sats paid")
    assert len(shown.versions) - known <= 3


async def test_what_an_anonymous_admin_asked_for_is_theirs_once_the_group_has_moved(
    world: World,
) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    telegram = world.telegram
    telegram.promote(world.group, world.anna)
    telegram.set_anonymous(world.group, world.anna, on=True)
    await world.open_card(world.group, world.anna, "/invoice 100 pizza")
    telegram.say(world.group, world.anna, "/split 30/3 bread")
    await board(world, world.group)
    new = telegram.migrate(world.group)
    await world.shown(new, Face.OPEN)
    await board(world, new)
    asks = telegram.say(new, world.anna, f"/invoices@{NAME}")
    (listed,) = await world.until(lambda: [m for m in world.ours(new) if m.reply_to is asks])
    assert "pizza" in (listed.text or "")
    assert "bread" in (listed.text or "")
