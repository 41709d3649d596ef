"""A collection, end to end: gifts of any amount, names that are hidden, a goal."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest

from bot import texts
from bot.core.invoice import Face
from bot.core.wishes import Splitting
from bot.demo.node import CANCELED
from bot.demo.telegram import Chat, Message, User
from tests.test_splits import closed, panel, pressed
from tests.world import World


def pots(world: World, chat: Chat) -> list[Message]:
    return [m for m in world.ours(chat) if "Collection:" in (m.text or "").partition("\n")[0]]


async def pot(world: World, says: str = "") -> Message:
    """Wait for a collection that says this."""
    group = world.group
    return (await world.until(lambda: [m for m in pots(world, group) if says in (m.text or "")]))[
        -1
    ]


async def collect(world: World, what: str, by: User | None = None) -> Message:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, by or world.anna, f"/collect {what}")
    return await pot(world)


async def asked(world: World, shown: Message, person: User) -> Message:
    """Give: the question in private, a new one."""
    chat = world.private(person)
    before = {m.id for m in world.ours(chat)}
    press = world.telegram.press(shown.chat, person, shown.id, text=texts.GIVE_BUTTON)
    answer = await press.answer
    assert answer.url is not None, answer
    world.telegram.follow(press)
    found = await world.until(
        lambda: [
            m
            for m in world.ours(chat)
            if m.id not in before and "How much do you want to give" in (m.text or "")
        ]
    )
    return found[-1]


async def gift(world: World, shown: Message, person: User, label: str) -> Message:
    """The card of a gift that a button chose."""
    question = await asked(world, shown, person)
    assert await pressed(world, question, person, label) == ""
    await world.becomes(question, Face.OPEN)
    return question


async def test_people_give_what_they_like_and_the_goal_is_announced_once(world: World) -> None:
    world.telegram.join(world.group, world.stranger)  # who may ask for nothing
    shown = await collect(world, "50k/21k speakers")
    text = shown.text or ""
    assert "Collection: nothing yet of 50,000 sats" in text
    assert "▱▱▱▱▱▱▱▱▱▱ 0 %" in text
    assert "Suggested: 21,000 sats" in text
    card = await gift(world, shown, world.stranger, "21,000 sats")
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    shown = await pot(world, "21,000 sats of 50,000 sats")
    assert "▰▰▰▰▱▱▱▱▱▱ 42 %" in (shown.text or "")
    assert '1 gift\n✅ "Sven"' in (shown.text or "")
    # a number, as a reply or alone, is an amount as well
    question = await asked(world, shown, world.bert)
    world.telegram.say(question.chat, world.bert, "30k")
    await world.becomes(question, Face.OPEN)
    world.node.pay(world.request_in(question))
    reached = await pot(world, "✅ Collection: 51,000 sats of 50,000 sats")
    assert "102 %" in (reached.text or "")

    def news() -> list[Message]:
        return [
            m
            for m in world.ours(world.group)
            if "The goal of 50,000 sats is reached" in (m.text or "")
        ]

    await world.until(news)
    # giving goes on, and again
    again = await gift(world, reached, world.bert, "1,000 sats")
    world.node.pay(world.request_in(again))
    shown = await pot(world, "52,000 sats of 50,000 sats")
    assert "3 gifts" in (shown.text or "")
    assert (shown.text or "").count('"Bert"') == 1
    here = await panel(world, shown, world.anna)
    await closed(world, here, world.anna)
    await pot(world, ", closed")
    assert len(news()) == 1
    assert not any("is closed" in (m.text or "") for m in world.ours(world.group))


async def test_a_name_is_hidden_and_no_amount_is_shown(world: World) -> None:
    shown = await collect(world, "any speakers")
    assert "▱" not in (shown.text or "")
    question = await asked(world, shown, world.bert)
    assert await pressed(world, question, world.bert, texts.HIDE_BUTTON) == texts.hidden(True)
    await world.until(lambda: texts.SHOW_BUTTON in world.buttons(question))
    await pressed(world, question, world.bert, "5,000 sats")
    await world.becomes(question, Face.OPEN)
    world.node.pay(world.request_in(question))
    shown = await pot(world, "Collection: 5,000 sats")
    assert "1 gift" in (shown.text or "")
    assert not any("Bert" in (m.text or "") for m in world.ours(world.group))


async def test_who_hides_is_named_in_no_list_of_guests_and_no_log_has_their_gift(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.access["users"] = frozenset({world.anna.id})
    shown = await collect(world, "any speakers")
    world.telegram.join(world.group, world.stranger)
    given = await gift(world, shown, world.stranger, "5,000 sats")
    await pressed(world, given, world.stranger, texts.HIDE_BUTTON)
    await world.until(lambda: texts.SHOW_BUTTON in world.buttons(given))
    world.node.pay(world.request_in(given))
    await pot(world, "5,000 sats")
    await world.becomes(given, Face.PAID)
    number = str(world.stranger.id)
    paid = [line for line in caplog.messages if "'event': 'paid'" in line]
    assert len(paid) == 1
    invoice = paid[0].partition("'invoice': '")[2][:8]
    assert not [line for line in caplog.messages if invoice in line and number in line]
    office = world.private(world.owner)
    for command in (f"/deny {number}", f"/allow {number}", "/who"):
        before = len(world.ours(office))
        world.telegram.say(office, world.owner, command)
        said = (await world.until(lambda: world.ours(office)[before:]))[0].text or ""  # noqa: B023
        assert number in said
        assert "Friday dinner" not in said


async def test_a_name_that_is_hidden_as_a_gift_is_paid_brings_no_button_back(world: World) -> None:
    shown = await collect(world, "any speakers")
    card = await gift(world, shown, world.bert, "5,000 sats")
    answers = world.telegram.stall("sendMessage", chat_id=card.chat.id)
    world.telegram.say(card.chat, world.bert, "/id")
    await answers.reached()  # and whatever else is for this chat waits behind it
    assert await pressed(world, card, world.bert, texts.HIDE_BUTTON) == texts.hidden(True)
    world.node.pay(world.request_in(card))
    await pot(world, "Collection: 5,000 sats")
    answers.release()
    await world.becomes(card, Face.PAID)
    before = len(world.ours(card.chat))
    world.telegram.say(card.chat, world.bert, "/id")
    await world.until(lambda: len(world.ours(card.chat)) > before + 1)
    assert not world.buttons(card)
    assert not any("Bert" in (m.text or "") for m in world.ours(world.group))


async def test_a_name_can_be_hidden_and_shown_below_the_question_and_below_the_card(
    world: World,
) -> None:
    shown = await collect(world, "any speakers")
    message = await asked(world, shown, world.bert)
    for _ in ("the question", "the card"):
        for here, there in (
            (texts.HIDE_BUTTON, texts.SHOW_BUTTON),
            (texts.SHOW_BUTTON, texts.HIDE_BUTTON),
        ):
            text = message.text
            await pressed(world, message, world.bert, here)
            await world.until(lambda there=there: there in world.buttons(message))  # type: ignore[misc]
            assert message.text == text
        if world.face(message) is Face.QUESTION:
            await pressed(world, message, world.bert, "5,000 sats")
            await world.becomes(message, Face.OPEN)
    media = [call for call in world.telegram.calls if call.method.lower() == "editmessagemedia"]
    assert len(media) == 1  # its picture stays the same


async def test_a_gift_that_cannot_be_read_is_asked_for_again(world: World) -> None:
    shown = await collect(world, "any")
    question = await asked(world, shown, world.bert)
    world.telegram.say(question.chat, world.bert, "lots")
    await world.until(
        lambda: [m for m in world.ours(question.chat) if "for example 2100." in (m.text or "")]
    )
    world.telegram.say(question.chat, world.bert, "2100")
    await world.becomes(question, Face.OPEN)


async def test_a_reply_to_the_question_of_one_collection_gives_nothing_to_another(
    world: World,
) -> None:
    first = await collect(world, "any first")
    world.telegram.say(world.group, world.owner, "/collect any second")
    second = await pot(world, '"second"')
    chat = world.private(world.bert)
    # The first one's question is there, and nobody has recorded it, as the second one is asked for.
    world.telegram.drop("sendMessage", acted=True, chat_id=chat.id)
    old = await asked(world, first, world.bert)
    stall = world.telegram.stall("sendMessage", chat_id=chat.id)
    press = world.telegram.press(second.chat, world.bert, second.id, text=texts.GIVE_BUTTON)
    await press.answer
    world.telegram.follow(press)
    await stall.reached()
    world.telegram.say(chat, world.bert, "30k", reply_to=old)
    stall.release()
    await world.said(chat, texts.GIFT_CLOSED)
    [question] = [m for m in world.ours(chat) if '"second"' in (m.text or "")]
    assert world.face(question) is Face.QUESTION
    assert not world.node.invoices
    world.telegram.say(chat, world.bert, "21k", reply_to=question)
    await world.becomes(question, Face.OPEN)
    assert world.request_in(question)


async def test_what_is_pressed_below_a_question_right_after_its_amount_is_done(
    world: World,
) -> None:
    shown = await collect(world, "50k/1k speakers")
    question = await asked(world, shown, world.bert)
    asking = world.node.stall("AddInvoice", before=True)
    labels = ("1,000 sats", "1,000 sats", "5,000 sats", texts.HIDE_BUTTON)
    presses = [
        world.telegram.press(question.chat, world.bert, question.id, text=label) for label in labels
    ]
    answers = [(await press.answer).text or "" for press in presses]
    assert answers == ["", texts.GIFT_CHOSEN, texts.GIFT_CHOSEN, texts.hidden(True)]
    asking.release()
    await world.becomes(question, Face.OPEN)
    assert len(world.node.invoices) == 1
    world.node.pay(world.request_in(question))
    paid = await pot(world, "1,000 sats of 50,000 sats")
    assert "Bert" not in (paid.text or "")


async def test_a_gift_is_cancelled_below_its_question_right_after_its_amount(
    world: World,
) -> None:
    shown = await collect(world, "50k/1k speakers")
    question = await asked(world, shown, world.bert)
    asking = world.node.stall("AddInvoice", before=True)
    presses = [
        world.telegram.press(question.chat, world.bert, question.id, text=label)
        for label in ("1,000 sats", texts.CANCEL_BUTTON)
    ]
    answers = [(await press.answer).text for press in presses]
    assert texts.NOT_TRACKED not in answers
    asking.release()
    await world.becomes(question, Face.CANCELLED)
    assert [invoice.state for invoice in world.node.invoices.values()] in ([], [CANCELED])


async def test_a_name_is_hidden_by_the_button_of_an_older_question_too(world: World) -> None:
    """Of two collections, whose questions take each other's place."""
    shown = await collect(world, "any first")
    world.telegram.say(world.group, world.owner, "/collect any second")
    second = await pot(world, '"second"')
    world.telegram.start_bot(world.owner)
    old = await asked(world, shown, world.bert)
    await asked(world, second, world.bert)
    question = await asked(world, shown, world.bert)
    assert await pressed(world, old, world.bert, texts.HIDE_BUTTON) == texts.hidden(True)
    await pressed(world, question, world.bert, "5,000 sats")
    await world.becomes(question, Face.OPEN)
    assert texts.SHOW_BUTTON in world.buttons(question)
    world.node.pay(world.request_in(question))
    notice = await world.payment_noticed(world.owner, sats=5000)
    assert "Bert" not in (notice.text or "")
    assert "Bert" not in (await pot(world, "5,000 sats")).text


async def test_a_name_that_is_hidden_after_a_renewal_is_in_no_row_of_the_gift(world: World) -> None:
    shown = await collect(world, "any speakers")
    card = await gift(world, shown, world.bert, "5,000 sats")
    await pressed(world, card, world.bert, texts.CANCEL_BUTTON)
    await world.until(lambda: texts.RENEW_BUTTON in world.buttons(card))
    await pressed(world, card, world.bert, texts.RENEW_BUTTON)
    chat = world.private(world.bert)
    [renewed] = await world.until(lambda: world.showing(chat, Face.OPEN))
    await pressed(world, renewed, world.bert, texts.HIDE_BUTTON)
    world.node.pay(world.request_in(renewed))
    await world.becomes(renewed, Face.PAID)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        rows = database.execute("SELECT state, hidden FROM invoices ORDER BY id").fetchall()
    assert rows == [("cancelled", 1), ("settled", 1)]


async def test_a_wallet_decides(world: World) -> None:
    shown = await collect(world, "any")
    card = await gift(world, shown, world.bert, texts.ANY_BUTTON)
    world.node.pay(world.request_in(card), amount_msat=7_777_000)
    await pot(world, "Collection: 7,777 sats")


async def test_a_gift_that_is_closed_can_be_had_again(world: World) -> None:
    shown = await collect(world, "any")
    card = await gift(world, shown, world.bert, "1,000 sats")
    await pressed(world, card, world.bert, texts.CANCEL_BUTTON)
    await world.becomes(card, Face.CANCELLED)
    again = await gift(world, shown, world.bert, "5,000 sats")
    assert again.id != card.id
    here = await panel(world, shown, world.anna)
    await closed(world, here, world.anna)
    await world.becomes(again, Face.CANCELLED)
    await pot(world, ", closed")
    assert [i.state for i in world.node.invoices.values()] == [CANCELED, CANCELED]
    await world.until(
        lambda: [m for m in world.ours(world.group) if "nothing given" in (m.text or "")]
    )


async def test_a_question_that_is_cancelled_has_no_buttons_and_ends_with_its_collection(
    world: World,
) -> None:
    shown = await collect(world, "any")
    question = await asked(world, shown, world.bert)
    await pressed(world, question, world.bert, texts.CANCEL_BUTTON)
    await world.until(lambda: question.text == texts.GIFT_CLOSED and not world.buttons(question))
    again = await asked(world, shown, world.bert)
    here = await panel(world, shown, world.anna)
    await closed(world, here, world.anna)
    await pot(world, ", closed")
    assert await pressed(world, again, world.bert, "1,000 sats") == texts.GIFT_CLOSED
    assert not world.node.invoices


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("", "How much do you want to collect?"),
        ("500k /21k", "without a space"),
        ("500k/x", "suggested gift"),
        ("21k/500k", "more than the goal"),
        ("0 x", "can't be zero"),
        ("speakers", "Write the amount first"),
    ],
)
async def test_what_is_unclear_is_refused_with_an_example(
    world: World, what: str, says: str
) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, world.anna, f"/collect {what}")
    await world.until(lambda: [m for m in world.ours(world.group) if says in (m.text or "")])
    assert not pots(world, world.group)


async def test_in_private_nothing_is_collected_and_too_often_is_too_often(world: World) -> None:
    shown = await collect(world, "any")
    world.telegram.say(world.private(world.bert), world.bert, "/collect 5k")
    for _ in range(3):
        world.telegram.say(shown.chat, world.anna, "/collect 5k")
    await world.said(shown.chat, texts.splitting(Splitting.TOO_OFTEN))


@pytest.mark.parametrize("refused", ["/invoice 21,00 pizza", "abc"])
async def test_an_edit_of_what_was_written_before_a_question_does_not_answer_it(
    world: World, refused: str
) -> None:
    shown = await collect(world, "60k a present")
    chat = world.private(world.anna)
    if refused == "abc":  # an answer that was refused, and then given
        world.telegram.say(chat, world.anna, "/invoice")
        await world.until(lambda: len(world.ours(chat)) == 1)
    count = len(world.ours(chat))
    written = world.telegram.say(chat, world.anna, refused)
    await world.until(lambda: len(world.ours(chat)) == count + 1)
    if refused == "abc":
        world.telegram.say(chat, world.anna, "100")
        await world.shown(chat, Face.OPEN, sats=100)
    await asked(world, shown, world.anna)
    made = len(world.node.invoices)
    world.telegram.edit_as_user(written, "2100")
    world.telegram.say(chat, world.anna, "3000")
    await world.until(lambda: len(world.node.invoices) > made)
    amounts = [each.value_msat // 1000 for each in world.node.invoices.values()]
    assert amounts[made:] == [3000]
