"""A bill of people by name, of those who are in, paid for others, managed: end to end."""

from __future__ import annotations

import pytest

from bot import texts
from bot.chat.commands import boards as boards_commands
from bot.core.board import MOVE_EVERY_S, REMIND_EVERY_S
from bot.core.invoice import Face
from bot.core.wishes import Cancelling, Change, Changing, Fixing, Joining, Parting, Sitting
from bot.demo.node import CANCELED
from bot.demo.telegram import Chat, Message, User, start_token
from bot.errors import NodeLocked
from tests.test_boards import board, boards, my_part, said
from tests.world import NAME, World


async def split(world: World, *what: str | User, by: User | None = None) -> Message:
    """A board in the group, where everybody may ask and whose admin is the owner."""
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, by or world.anna, ["/split ", *what])
    return await board(world, world.group)


async def pressed(world: World, shown: Message, person: User, text: str) -> str:
    """What a press is answered with."""
    press = world.telegram.press(shown.chat, person, shown.id, text=text)
    return (await press.answer).text or ""


async def panel(world: World, shown: Message, person: User) -> Message:
    """Manage, in private."""
    press = world.telegram.press(shown.chat, person, shown.id, text=texts.MANAGE_BUTTON)
    answer = await press.answer
    assert answer.url is not None, answer
    world.telegram.follow(press)
    chat = world.private(person)
    found = await world.until(
        lambda: [m for m in world.ours(chat) if texts.CHANGES[Change.CLOSE] in world.buttons(m)]
    )
    return found[-1]


async def closed(world: World, here: Message, person: User) -> str:
    """What closing is answered with, which is asked about first."""
    assert await pressed(world, here, person, texts.CHANGES[Change.CLOSE]) == ""
    await world.until(lambda: texts.CLOSE_BUTTON in world.buttons(here))
    return await pressed(world, here, person, texts.CLOSE_BUTTON)


async def others(world: World, card: Message, person: User) -> Message:
    """Pay for someone else: the list of parts."""
    assert await pressed(world, card, person, texts.OTHERS_BUTTON) == ""
    chat = world.private(person)
    found = await world.until(
        lambda: [m for m in world.ours(chat) if "Whose part" in (m.text or "")]
    )
    return found[-1]


# people by name


async def test_people_who_are_named_have_a_part_each_and_so_has_who_asks(world: World) -> None:
    world.bert.username = "Bert_B"
    world.telegram.join(world.group, world.stranger)  # who has no user name
    shown = await split(world, "84k ", world.bert, " ", world.stranger, " pizza")
    text = shown.text or ""
    assert "28,000 sats each" in text
    for who in ('"Anna Berg"', '"@bert_b"', '"Sven"'):
        assert f"◻️ 28,000 sats: {who}" in text
    assert '"pizza"' in text
    card = await my_part(world, shown, world.bert, 28_000)
    await board(world, world.group, '⚡ 28,000 sats: "Bert"')
    world.node.pay(world.request_in(card))
    await board(world, world.group, '✅ 28,000 sats: "Bert"')
    await my_part(world, shown, world.stranger, 28_000)
    await board(world, world.group, '⚡ 28,000 sats: "Sven"')


async def test_a_part_that_is_kept_for_somebody_is_no_one_elses(world: World) -> None:
    world.bert.username = "bert_b"
    shown = await split(world, "84k @BERT_B pizza")
    world.telegram.join(world.group, world.stranger)
    assert await said(world, shown, world.stranger) == texts.sitting(Sitting.FULL)
    await my_part(world, shown, world.bert, 42_000)


async def test_who_asks_is_not_asked_twice_and_nobody_is(world: World) -> None:
    world.anna.username = "anna_a"
    shown = await split(world, "84k @anna_a @bert_b @Bert_B")
    assert "42,000 sats each" in (shown.text or "")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("84k/4 @bert_b", "a number of people or their names"),
        ("84k pizza @bert_b", "directly after the sum"),
        ("84k @bert_b's pizza", "directly after the sum"),
        ("@bert_b 84k", "needs a sum"),
        ("84k @bob pizza", "nobody's user name"),
        ("84k @bert_b @bob pizza", "nobody's user name"),
        ("84k @bob @bert_b pizza", "nobody's user name"),
        ("any @bert_b", "needs a sum"),
        ("1 @bert_b", "too small"),
        ("1", "too small"),
    ],
)
async def test_names_that_are_unclear_are_refused(world: World, what: str, says: str) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, world.anna, f"/split {what}")
    await world.until(lambda: [m for m in world.ours(world.group) if says in (m.text or "")])
    assert not boards(world, world.group)


# who is in?


async def test_people_say_that_they_are_in_before_anybody_is_asked(world: World) -> None:
    shown = await split(world, "84k pizza")
    assert "Who is in?" in (shown.text or "")
    assert await pressed(world, shown, world.anna, texts.ASK_BUTTON) == texts.fixing(Fixing.TOO_FEW)
    assert await pressed(world, shown, world.bert, texts.JOIN_BUTTON) == texts.joining(Joining.IN)
    assert await pressed(world, shown, world.bert, texts.JOIN_BUTTON) == texts.joining(Joining.IN)
    assert await pressed(world, shown, world.owner, texts.JOIN_BUTTON) == texts.joining(Joining.IN)
    await board(world, world.group, "3 people so far: 28,000 sats each")
    assert await pressed(world, shown, world.owner, texts.LEAVE_BUTTON) == texts.joining(
        Joining.OUT
    )
    await board(world, world.group, "2 people so far: 42,000 sats each")
    assert await pressed(world, shown, world.bert, texts.ASK_BUTTON) == texts.NOT_ALLOWED
    assert await pressed(world, shown, world.anna, texts.ASK_BUTTON) == texts.fixing(Fixing.FIXED)
    shown = await board(world, world.group, "42,000 sats each")
    await world.until(lambda: texts.PAY_BUTTON in world.buttons(shown))
    # an edit notifies nobody
    told = await world.until(
        lambda: [m for m in world.ours(world.group) if "Not yet paid: " in (m.text or "")]
    )
    assert {e["user"]["id"] for e in told[0].entities if "user" in e} == {
        world.anna.id,
        world.bert.id,
    }
    assert await said(world, shown, world.owner) == texts.sitting(Sitting.FULL)
    for person in (world.anna, world.bert):
        card = await my_part(world, shown, person, 42_000)
        world.node.pay(world.request_in(card))
    await board(world, world.group, "all paid")


async def test_the_last_press_counts_however_late_telegram_says_who_pressed_first(
    world: World,
) -> None:
    shown = await split(world, "84k pizza")
    late = world.telegram.slow("getChatMember", 1.0)
    world.telegram.calls.clear()
    joins = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.JOIN_BUTTON)
    await world.until(lambda: any(c.method == "getChatMember" for c in world.telegram.calls))
    world.telegram.withdraw(late)
    leaves = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.LEAVE_BUTTON)
    assert (await joins.answer).text == texts.joining(Joining.IN)
    assert (await leaves.answer).text == texts.joining(Joining.OUT)
    await pressed(world, shown, world.owner, texts.JOIN_BUTTON)
    seen = await board(world, world.group, '"Olga"')
    assert '"Bert"' not in (seen.text or "")


@pytest.mark.parametrize("is_hidden", [False, True])
async def test_presses_count_as_they_came_and_the_name_is_there_whenever_telegram_says_it(
    world: World, is_hidden: bool
) -> None:
    if is_hidden:
        world.telegram.promote(world.group, world.bert)
        world.telegram.set_anonymous(world.group, world.bert)
    shown = await split(world, "84k pizza")
    late = world.telegram.stall("getChatMember")
    joins = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.JOIN_BUTTON)
    await late.reached()
    leaves = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.LEAVE_BUTTON)
    again = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.JOIN_BUTTON)
    assert await pressed(world, shown, world.anna, texts.JOIN_BUTTON)  # all before it is handled
    late.release()
    assert (await joins.answer).text == texts.joining(Joining.IN)
    assert (await leaves.answer).text == texts.joining(Joining.OUT)
    assert (await again.answer).text == texts.joining(Joining.IN)
    seen = await board(world, world.group, "an admin" if is_hidden else '"Bert"')
    assert ("Bert" in (seen.text or "")) is not is_hidden


async def test_nobody_pays_before_the_number_is_fixed(world: World) -> None:
    shown = await split(world, "84k")
    for person in (world.bert, world.owner):
        await pressed(world, shown, person, texts.JOIN_BUTTON)
    board_before = shown.reply_markup
    await pressed(world, shown, world.anna, texts.ASK_BUTTON)
    await world.until(lambda: shown.reply_markup != board_before)
    shown.reply_markup = board_before  # a client that has not seen the edit
    assert await pressed(world, shown, world.bert, texts.JOIN_BUTTON) == texts.joining(Joining.OVER)
    assert await pressed(world, shown, world.anna, texts.ASK_BUTTON) == texts.fixing(
        Fixing.ALREADY_FIXED
    )


# for others


async def test_somebody_pays_for_somebody_else(world: World) -> None:
    world.telegram.join(world.group, world.stranger)
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    await my_part(world, shown, world.stranger, 28_000)
    choice = await others(world, card, world.bert)
    assert world.buttons(choice) == ["Anna Berg: 28,000 sats", "Sven: 28,000 sats"]
    # Sven's invoice is cancelled first: a part has one that can be paid.
    assert await pressed(world, choice, world.bert, "Sven: 28,000 sats") == texts.FOLLOWS
    await world.until(lambda: [i for i in world.node.invoices.values() if i.state == CANCELED])
    await world.until(lambda: world.showing(world.private(world.stranger), Face.CANCELLED))
    theirs = await world.until(
        lambda: [
            m
            for m in world.showing(world.private(world.bert), Face.OPEN, sats=28_000)
            if m.id != card.id
        ]
    )
    assert 'The part of "Sven" of a split' in (theirs[0].text or "")
    world.node.pay(world.request_in(theirs[0]))
    await board(world, world.group, '✅ 28,000 sats: "Sven" (by "Bert")')
    assert await pressed(world, choice, world.bert, "Sven: 28,000 sats") == texts.parting(
        Parting.PAID
    )
    await world.until(lambda: world.buttons(choice) == ["Anna Berg: 28,000 sats"])
    here = await panel(world, shown, world.anna)
    await closed(world, here, world.anna)
    await board(world, world.group, ", closed")
    over = texts.parting(Parting.CLOSED)
    assert await pressed(world, choice, world.bert, "Anna Berg: 28,000 sats") == over
    await world.until(lambda: (choice.text, world.buttons(choice)) == (over, []))


@pytest.mark.parametrize("how", ["paid", "silent", "locked"])
async def test_a_part_that_can_not_be_cancelled_in_time_brings_no_other(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards_commands, "FOLLOWS_WITHIN_S", 1.0)
    world.telegram.join(world.group, world.stranger)
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    svens = await my_part(world, shown, world.stranger, 28_000)
    choice = await others(world, card, world.bert)
    if how == "locked":
        world.node.lock()
        world.telegram.say(world.group, world.anna, "/invoice 5")  # so the bot knows
        await world.shown(world.group, Face.WAITING)
    else:
        world.node.fail("CancelInvoice", times=1000)
    expected = texts.FOLLOWS
    if how == "locked":
        expected = texts.asked_to_cancel(Cancelling.CANCELLING, NodeLocked())
    assert await pressed(world, choice, world.bert, "Sven: 28,000 sats") == expected
    told = {"paid": Parting.PAID, "silent": Parting.CANCELLING}
    if how == "paid":
        world.node.pay(world.request_in(svens))
    if how in told:
        chat = world.private(world.bert)
        await world.until(
            lambda: [m for m in world.ours(chat) if m.text == texts.parting(told[how])]
        )
    assert len(world.node.invoices) == 2  # and no third


async def test_who_comes_for_a_part_that_somebody_pays_has_it_once_that_invoice_is_cancelled(
    world: World,
) -> None:
    world.telegram.join(world.group, world.stranger)
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    svens = await my_part(world, shown, world.stranger, 28_000)
    choice = await others(world, card, world.bert)
    await pressed(world, choice, world.bert, "Sven: 28,000 sats")
    await world.becomes(svens, Face.CANCELLED)
    chat = world.private(world.bert)
    await world.until(lambda: len(world.showing(chat, Face.OPEN, sats=28_000)) == 2)
    press = world.telegram.press(shown.chat, world.stranger, shown.id, text=texts.PAY_BUTTON)
    assert (await press.answer).url
    world.telegram.follow(press)
    own = await world.shown(world.private(world.stranger), Face.OPEN, sats=28_000)
    assert len(world.showing(chat, Face.OPEN, sats=28_000)) == 1
    world.node.pay(world.request_in(own))
    await board(world, world.group, '✅ 28,000 sats: "Sven"')


@pytest.mark.parametrize("is_free", [True, False])
async def test_a_button_to_pay_for_somebody_touches_nobody_else(
    world: World, is_free: bool
) -> None:
    dave = world.telegram.add_user("Dave")
    for person in (world.stranger, dave):
        world.telegram.join(world.group, person)
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    if not is_free:
        svens = await my_part(world, shown, world.stranger, 28_000)
    choice = await others(world, card, world.bert)
    label = world.buttons(choice)[-1]
    assert ("Sven" in label) is not is_free
    if not is_free:
        await pressed(world, svens, world.stranger, "Not me")
        await world.becomes(svens, Face.CANCELLED)
        await board(world, world.group, "free")
    daves = await my_part(world, shown, dave, 28_000)
    assert await pressed(world, choice, world.bert, label) == texts.parting(Parting.ANOTHERS)
    await world.until(lambda: "Dave: 28,000 sats" in world.buttons(choice))
    world.node.pay(world.request_in(daves))  # it was never cancelled
    await world.becomes(daves, Face.PAID)


async def test_who_has_paid_may_pay_for_others(world: World) -> None:
    shown = await split(world, "84k/2 pizza")
    card = await my_part(world, shown, world.bert, 42_000)
    world.node.pay(world.request_in(card))
    await board(world, world.group, '✅ 42,000 sats: "Bert"')
    press = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    assert (await press.answer).url
    world.telegram.follow(press)
    chat = world.private(world.bert)
    choice = (
        await world.until(
            lambda: [
                m for m in world.ours(chat) if texts.parting(Parting.PAID_OWN) in (m.text or "")
            ]
        )
    )[-1]
    assert await pressed(world, choice, world.bert, "Anna Berg: 42,000 sats") == ""
    theirs = await world.shown(chat, Face.OPEN, sats=42_000)
    world.node.pay(world.request_in(theirs))
    await board(world, world.group, '✅ 42,000 sats: "Anna Berg" (by "Bert")')
    await board(world, world.group, "all paid")


async def test_nobody_pays_with_anothers_token_or_a_forged_press(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    choice = await others(world, card, world.bert)
    data = [
        button["callback_data"] for row in choice.reply_markup["inline_keyboard"] for button in row
    ]
    forged = [*data, "for::1", "for:x", "for:x:999", "m:close:x:0", "m:x:y:z", "in:x", "manage:x"]
    for each in forged:
        choice.reply_markup = {"inline_keyboard": [[{"text": "x", "callback_data": each}]]}
        stolen = world.telegram.press(choice.chat, world.anna, choice.id, data=each)
        await stolen.answer
    assert len(world.node.invoices) == 1
    assert "closed" not in (boards(world, world.group)[-1].text or "")


# manage


async def test_who_asked_frees_settles_adds_and_closes(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    here = await panel(world, shown, world.anna)
    assert await pressed(world, here, world.anna, texts.CHANGES[Change.FREE]) == ""
    await world.until(lambda: "Bert: 28,000 sats" in world.buttons(here))
    assert await pressed(world, here, world.anna, "Bert: 28,000 sats") == texts.changing(
        Change.FREE, Changing.LATER
    )
    await world.becomes(card, Face.CANCELLED)
    await board(world, world.group, "◻️ 28,000 sats: free\n◻️ 28,000 sats: free")
    await pressed(world, here, world.anna, texts.CHANGES[Change.SETTLE])
    await world.until(lambda: "Anna Berg: 28,000 sats" in world.buttons(here))
    await pressed(world, here, world.anna, "Anna Berg: 28,000 sats")
    await board(world, world.group, '✅ 28,000 sats: "Anna Berg" (settled otherwise)')
    await pressed(world, here, world.anna, texts.CHANGES[Change.UNSETTLE])
    await world.until(lambda: "Anna Berg: 28,000 sats" in world.buttons(here))
    await pressed(world, here, world.anna, "Anna Berg: 28,000 sats")
    await board(world, world.group, '◻️ 28,000 sats: "Anna Berg"')
    await pressed(world, here, world.anna, texts.CHANGES[Change.ADD])
    await board(world, world.group, "Split: 112,000 sats")
    assert await closed(world, here, world.anna) == texts.changing(Change.CLOSE, Changing.DONE)
    await board(world, world.group, ", closed")


async def test_a_part_that_is_settled_can_be_paid_until_the_node_has_cancelled_it(
    world: World,
) -> None:
    shown = await split(world, "84k/2 pizza")
    card = await my_part(world, shown, world.anna, 42_000)
    await my_part(world, shown, world.bert, 42_000)
    request = world.request_in(card)
    here = await panel(world, shown, world.anna)
    cancels = world.node.stall("CancelInvoice", before=True)
    for whose in ("Anna Berg: 42,000 sats", "Bert: 42,000 sats"):
        await world.until(lambda: texts.CHANGES[Change.SETTLE] in world.buttons(here))
        await pressed(world, here, world.anna, texts.CHANGES[Change.SETTLE])
        await world.until(lambda whose=whose: whose in world.buttons(here))
        await pressed(world, here, world.anna, whose)
    await board(world, world.group, "⚡ Split: 84,000 sats, nothing paid, 84,000 sats settled")
    world.node.pay(request)
    cancels.release()
    await world.becomes(card, Face.PAID)
    await board(
        world,
        world.group,
        "all covered: 42,000 sats paid, 42,000 sats settled otherwise",
    )
    for each in boards(world, world.group)[-1].versions:
        assert "all covered: nothing paid" not in (each.text or "")


async def test_who_closes_reads_where_they_pressed_that_it_is_closed(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    here = await panel(world, shown, world.anna)
    cancels = world.node.stall("CancelInvoice")
    assert await closed(world, here, world.anna) == texts.changing(Change.CLOSE, Changing.DONE)
    await world.until(lambda: ", closing" in (here.text or ""))
    cancels.release()
    await world.until(lambda: ", closed" in (here.text or ""))
    assert '⚡ 28,000 sats: "Bert"' not in (here.text or "")
    assert world.buttons(here) == [texts.CHANGES[Change.MOVE]]
    await world.becomes(card, Face.CANCELLED)


async def test_what_was_not_paid_of_a_split_that_is_closed_offers_no_renewal(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    early = await my_part(world, shown, world.bert, 28_000)
    request = world.request_in(early)
    world.clock.ahead_s += world.settings().invoices.expiry_s
    await world.becomes(early, Face.EXPIRED)
    assert world.buttons(early) == [texts.RENEW_BUTTON]
    late = await my_part(world, shown, world.owner, 28_000)
    here = await panel(world, shown, world.anna)
    await closed(world, here, world.anna)
    await world.becomes(late, Face.CANCELLED)
    for card in (early, late):
        await world.until(lambda card=card: not world.buttons(card))  # type: ignore[misc]
        assert "Look at the split in the group." in (card.text or "")
    assert sum("Cancelled" in (each.text or "") for each in late.versions) == 1
    assert request not in (early.text or "")


async def test_a_reminder_mentions_who_has_not_paid_once_an_hour(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    paid = await my_part(world, shown, world.bert, 28_000)
    world.node.pay(world.request_in(paid))
    await board(world, world.group, '✅ 28,000 sats: "Bert"')
    here = await panel(world, shown, world.anna)
    says = texts.CHANGES[Change.REMIND]
    assert await pressed(world, here, world.anna, says) == texts.changing(
        Change.REMIND, Changing.DONE
    )

    def reminders() -> list[Message]:
        return [m for m in world.ours(world.group) if "Not yet paid" in (m.text or "")]

    found = await world.until(reminders)
    assert '"Anna Berg", 1 other part' in (found[0].text or "")
    assert "Bert" not in (found[0].text or "")
    assert await pressed(world, here, world.anna, says) == texts.changing(
        Change.REMIND, Changing.TOO_SOON
    )
    world.clock.ahead_s += REMIND_EVERY_S
    await pressed(world, here, world.anna, says)
    await world.until(lambda: len(reminders()) == 2)
    assert not any("duplicate" in (m.text or "") for m in reminders())


async def test_a_board_is_moved_to_the_end_and_is_there_once(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    here = await panel(world, shown, world.anna)
    await pressed(world, here, world.anna, texts.CHANGES[Change.MOVE])
    await world.until(lambda: [m for m in boards(world, world.group) if m.id != shown.id])
    await world.until(lambda: shown.deleted)
    again = boards(world, world.group)[-1]
    assert "duplicate" not in (again.text or "")
    await my_part(world, again, world.bert, 28_000)
    await board(world, world.group, '"Bert"')


async def test_a_board_that_somebody_deleted_is_had_again_by_a_reply(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    command = world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    shown = await board(world, world.group)
    world.telegram.delete_message(shown.chat, shown.id)
    await world.until(lambda: not boards(world, world.group))
    world.telegram.say(world.group, world.bert, "/split", reply_to=command)
    again = await board(world, world.group)
    await my_part(world, again, world.bert, 28_000)
    world.clock.ahead_s += MOVE_EVERY_S
    world.telegram.say(world.group, world.bert, "/split", reply_to=again)
    await world.until(lambda: again.deleted)
    assert len(boards(world, world.group)) == 1


async def test_nobody_manages_a_board_but_who_may(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    assert await pressed(world, shown, world.bert, texts.MANAGE_BUTTON) == texts.NOT_ALLOWED
    press = world.telegram.press(shown.chat, world.anna, shown.id, text=texts.MANAGE_BUTTON)
    token = start_token((await press.answer).url or "", NAME)
    world.telegram.start_bot(world.bert, token)
    await world.said(world.private(world.bert), texts.NOT_ALLOWED)
    here = await panel(world, shown, world.owner)
    await closed(world, here, world.owner)
    await board(world, world.group, 'Closed by "Olga"')


async def test_an_anonymous_admin_is_never_named(world: World) -> None:
    world.telegram.promote(world.group, world.bert)
    world.telegram.set_anonymous(world.group, world.bert)
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    await board(world, world.group, "⚡ 28,000 sats: an admin")
    world.node.pay(world.request_in(card))
    await board(world, world.group, "✅ 28,000 sats: an admin")
    assert not any("Bert" in (m.text or "") for m in world.ours(world.group))


# in private


async def test_who_asked_hears_in_private_of_each_part_and_who_pays_of_their_own(
    world: World,
) -> None:
    world.telegram.start_bot(world.owner)
    shown = await split(world, "84k/3 pizza")
    await my_part(world, shown, world.anna, 28_000)  # who has opened the bot by it
    card = await my_part(world, shown, world.bert, 28_000)
    world.node.pay(world.request_in(card))

    def says(chat: Chat, words: str) -> list[Message]:
        return [m for m in world.ours(chat) if words in (m.text or "")]

    paid = 'A payment of 28,000 sats arrived for the part of "Bert" of a split in "Friday dinner".'
    await world.until(lambda: says(world.private(world.anna), paid))
    await world.until(lambda: says(world.private(world.bert), "for your part of a split"))
    of_owner = 'Your node received 28,000 sats for the part of "Bert" of a split'
    await world.until(lambda: says(world.private(world.owner), of_owner))


async def test_invoices_lists_splits_as_well(world: World) -> None:
    await split(world, "84k/3 pizza")
    world.telegram.say(world.group, world.anna, f"/invoices@{NAME}")
    await world.until(
        lambda: [
            m
            for m in world.ours(world.group)
            if "Your latest invoices here" in (m.text or "")
            and "Split: 84,000 sats" in (m.text or "")
        ]
    )


# a name that is a number


@pytest.mark.parametrize("written", ["84021 ", "😀 ", "84,021   sats "])
async def test_a_person_who_is_called_a_number_is_no_part_of_the_sum(
    world: World, written: str
) -> None:
    somebody = world.telegram.add_user("21")
    world.telegram.join(world.group, somebody)
    if written == "😀 ":  # two code units, and a memo of digits: the place is Telegram's
        shown = await split(world, "84021 ", somebody, " 21 😀 21")
    else:
        shown = await split(world, written, somebody, " pizza")
    assert (shown.text or "").startswith("⚡ Split: 84,021 sats")
    assert '42,010 sats: "21"' in (shown.text or "")


async def test_the_bot_itself_has_no_part(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    asks = world.telegram.say(world.group, world.anna, f"/split 84k @{NAME} @anna pizza")
    (said,) = await world.until(lambda: [m for m in world.ours(world.group) if m.reply_to is asks])
    assert "84k @alice @bobby pizza" in (said.text or "")


async def test_a_part_that_passes_a_limit_by_now_is_asked_of_nobody(world: World) -> None:
    """An owner has set a smaller limit since, and started again."""
    shown = await split(world, "84k/3 pizza")
    card = await my_part(world, shown, world.bert, 28_000)
    await pressed(world, card, world.bert, texts.OTHERS_BUTTON)
    chat = world.private(world.bert)
    asks = "Whose part do you want to pay?"
    (others,) = await world.until(
        lambda: [m for m in world.ours(chat) if (m.text or "").endswith(asks)]
    )
    here = await panel(world, shown, world.anna)
    world.telegram.say(chat, world.bert, "/cancel", reply_to=card)
    await world.becomes(card, Face.CANCELLED)
    await world.stop_bot()
    world.invoices["max_sats"] = 27_999
    await world.start_bot()
    refused = (
        "A part of this split is too large: an invoice is at most 27,999 sats now. "
        "The person who asked can close it and make a new one with more parts."
    )
    before = (shown.text or "").splitlines()
    for person in (world.bert, world.owner):
        assert await pressed(world, shown, person, texts.PAY_BUTTON) == refused
    assert await pressed(world, others, world.bert, world.buttons(others)[0]) == refused
    assert await pressed(world, here, world.anna, texts.CHANGES[Change.ADD]) == refused
    start = next(m for m in world.telegram.messages(chat) if (m.text or "").startswith("/start "))
    world.telegram.say(chat, world.bert, start.text or "")
    await world.until(lambda: [m for m in world.ours(chat) if m.text == refused])
    assert (shown.text or "").splitlines() == before
    assert len(world.node.invoices) == 1


async def test_a_copy_of_a_board_is_known_from_a_press_that_is_refused_too(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.drop("sendMessage", acted=True, chat_id=world.group.id)
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    copy, shown = await world.until(lambda: len(b := boards(world, world.group)) > 1 and b)
    await world.stop_bot()
    world.invoices["max_sats"] = 27_999
    await world.start_bot()
    for each in (copy, shown):
        assert "27,999 sats" in await pressed(world, each, world.bert, texts.PAY_BUTTON)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=shown)
    await world.until(lambda: all(", closed" in (each.text or "") for each in (copy, shown)))
