"""The whole way, through the app on both simulators."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import time
from contextlib import closing
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from bot import app, texts
from bot.config import Rate
from bot.core import amounts
from bot.core.answers import NodeStatus
from bot.core.invoice import Face
from bot.core.text import memo
from bot.core.wishes import Cancelling, Renewing
from bot.demo.node.bolt import decode
from bot.demo.telegram import Message
from bot.errors import (
    AmountRefused,
    ChatLimitReached,
    MemoRefused,
    NodeError,
    NodeLocked,
    NodeStarting,
    NodeUnreachable,
    Refused,
    TokenRefused,
    UserLimitReached,
)
from bot.lnrpc import lightning_pb2
from bot.node.check import check_macaroon
from tests.faces import Role, may_be_duplicate, plain
from tests.store.made import until
from tests.world import NAME, World

LONG_MEMO = "A long memo. " * 45 + "End."


def read_codes(message: Message) -> list[str]:
    """What a scanner finds in a message's picture."""
    assert message.photo is not None
    picture = Image.open(BytesIO(message.photo.data)).convert("L")
    return [code.text for code in zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.QRCode)]


async def test_an_invoice_in_private_is_shown_paid_and_told(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100 pizza")
    assert "2,100 sats" in (card.text or "")
    assert "pizza" in (card.text or "")
    assert card.reply_to is not None
    assert world.buttons(card) == ["Cancel"]
    request = world.request_in(card)
    assert read_codes(card) == ["lightning:" + request.upper()]
    assert decode(request).amount_msat == 2_100_000

    world.node.pay(request)
    told = await world.announced(chat, "Anna Berg", sats=2100)
    assert told.reply_to is card.reply_to
    assert world.shows(card, Face.PAID, sats=2100)
    assert world.request_in(card) == ""
    assert world.buttons(card) == []
    assert read_codes(card) == []
    assert len(world.ours(chat)) == 2


async def test_in_a_group_the_name_and_the_bare_command_both_work(world: World) -> None:
    await world.start_bot()
    await world.open_card(world.group, world.anna, f"/invoice@{NAME} 21k")
    card = await world.open_card(world.group, world.bert, "/invoice 0.0005 btc beer\nand wine")
    assert world.shows(card, Face.OPEN, sats=50000)
    assert "\nbeer\nand wine\n" in (card.text or "")
    assert "Bert" in (card.text or "")


async def test_in_a_topic_everything_stays_in_the_topic(world: World) -> None:
    forum = world.telegram.add_group("Forum", [world.anna], forum=True)
    topic = world.telegram.add_topic(forum, "Money")
    await world.start_bot()
    world.telegram.say(forum, world.anna, "/invoice 5", thread=topic)
    card = await world.shown(forum, Face.OPEN)
    world.node.pay(world.request_in(card))
    told = await world.announced(forum, "Anna Berg")
    assert (card.thread_id, told.thread_id) == (topic, topic)
    world.telegram.say(forum, world.anna, "/invoice 6")
    general = await world.shown(forum, Face.OPEN, sats=6)
    assert general.thread_id is None


async def test_a_long_request_stands_in_a_second_message_and_leaves_both(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, f"/invoice 2100 {LONG_MEMO}")
    apart = await world.shown(chat, Role.PAYMENT_REQUEST)
    assert world.request_in(card) == ""
    assert apart.reply_to is card
    assert read_codes(card) == ["lightning:" + world.request_in(apart).upper()]
    world.node.pay(world.request_in(apart))
    await world.announced(chat, "Anna Berg")
    await world.until(lambda: not world.request_in(apart))
    assert world.face(apart) is Role.PAYMENT_REQUEST_GONE
    assert world.shows(card, Face.PAID, sats=2100)
    assert LONG_MEMO.strip() in (card.text or "")


async def test_more_than_asked_is_told(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 100")
    world.node.pay(world.request_in(card), amount_msat=150_000)
    told = await world.announced(chat, "Anna Berg", sats=150)
    assert "100 sats" in (told.text or "")


async def test_any_amount_takes_what_is_paid(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice any tips")
    assert world.shows(card, Face.OPEN, sats=0)
    world.node.pay(world.request_in(card), amount_msat=777_000)
    told = await world.announced(chat, "Anna Berg", sats=777)
    assert (told.text or "").splitlines()[0].count("sats") == 1


async def test_an_expired_card_is_renewed_once_for_three_presses(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    request = world.request_in(card)
    world.clock.ahead_s += 3700
    await world.shown(world.group, Face.EXPIRED, sats=2100)
    assert world.buttons(card) == ["Renew"]
    assert read_codes(card) == []
    presses = [
        world.telegram.press(world.group, world.anna, card.id, text="Renew") for _ in range(3)
    ]
    answers = [(await press.answer).text or "" for press in presses]
    assert sorted(answers) == [
        texts.asked_to_renew(Renewing.RENEWING),
        texts.asked_to_renew(Renewing.ALREADY_RENEWED),
        texts.asked_to_renew(Renewing.ALREADY_RENEWED),
    ]
    fresh = await world.shown(world.group, Face.OPEN, sats=2100, says=' – "pizza"')
    assert world.request_in(fresh) != request
    await world.until(lambda: world.buttons(card) == [])
    assert len(world.showing(world.group, Face.OPEN)) == 1
    world.node.pay(world.request_in(fresh))
    await world.announced(world.group, "Anna Berg")


async def test_cancel_by_button_is_the_askers_the_owners_and_administrators(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    press = world.telegram.press(world.group, world.bert, card.id, text="Cancel")
    answer = await press.answer
    assert answer.show_alert
    assert answer.text == texts.NOT_ALLOWED
    assert world.face(card) is Face.OPEN
    world.telegram.press(world.group, world.anna, card.id, text="Cancel")
    await world.shown(world.group, Face.CANCELLED, sats=2100)
    assert world.buttons(card) == ["Renew"]
    assert next(iter(world.node.invoices.values())).state == lightning_pb2.Invoice.CANCELED

    world.telegram.promote(world.group, world.bert)
    other = await world.open_card(world.group, world.anna, "/invoice 2200")
    world.telegram.press(world.group, world.bert, other.id, text="Cancel")
    await world.shown(world.group, Face.CANCELLED, sats=2200)
    assert 'by "Bert' in (other.text or "")


async def test_cancel_as_a_reply_to_the_card(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=card)
    await world.shown(world.group, Face.CANCELLED)
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/cancel")
    await world.said(chat, texts.CANCEL_HOW)


async def test_the_question_takes_the_askers_answer_after_a_restart(world: World) -> None:
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/invoice")
    question = await world.shown(world.group, Face.QUESTION)
    assert question.reply_markup is not None
    assert question.reply_markup["selective"]
    await world.stop_bot()
    await world.start_bot()
    world.telegram.say(world.group, world.bert, "99", reply_to=question)
    world.telegram.say(world.group, world.anna, "1.000", reply_to=question)
    await world.until(lambda: [m for m in world.ours(world.group) if "1.000" in (m.text or "")])
    world.telegram.say(world.group, world.anna, "2100 pizza", reply_to=question)
    card = await world.shown(world.group, Face.OPEN, sats=2100, says=' – "pizza"')
    assert len(world.node.invoices) == 1
    assert card.reply_to is not None
    assert card.reply_to.text == "2100 pizza"


async def test_an_answer_to_a_question_that_is_over_is_told_so(world: World) -> None:
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/invoice")
    question = await world.shown(world.group, Face.QUESTION)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=question)
    await world.said(world.group, texts.asked_to_cancel(Cancelling.NOT_ASKED))
    world.telegram.say(world.group, world.bert, "99", reply_to=question)
    world.telegram.say(world.group, world.anna, "2100 pizza", reply_to=question)
    over = await world.said(world.group, texts.QUESTION_CLOSED)
    assert over.reply_to is not None
    assert over.reply_to.text == "2100 pizza"
    assert not world.node.invoices


async def test_what_is_said_to_another_card_is_no_answer(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.bert, "/invoice 500 beer")
    world.telegram.say(world.group, world.anna, "/invoice")
    question = await world.shown(world.group, Face.QUESTION)
    world.telegram.say(world.group, world.anna, "200 would be fairer, Bert", reply_to=card)
    world.telegram.say(world.group, world.anna, "2100", reply_to=question)
    await world.shown(world.group, Face.OPEN, sats=2100)
    assert len(world.node.invoices) == 2


async def test_an_answer_given_while_the_bot_was_long_away_is_not_carried_out(
    world: World,
) -> None:
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/invoice")
    question = await world.shown(world.group, Face.QUESTION)
    await world.stop_bot()
    world.telegram.say(world.group, world.anna, "2100", reply_to=question)
    world.clock.ahead_s += 1500
    world.telegram.clock.ahead_s += 1500
    await world.start_bot()
    await world.said(world.group, texts.TOO_LATE)
    assert not world.node.invoices
    world.telegram.say(world.group, world.anna, "2200", reply_to=question)
    await world.shown(world.group, Face.OPEN, sats=2200)


async def test_the_memo_may_be_the_message_replied_to(world: World) -> None:
    await world.start_bot()
    note = world.telegram.say(world.group, world.bert, "Four pizzas <b>& wine</b>")
    world.telegram.say(world.group, world.anna, "/invoice 9000", reply_to=note)
    card = await world.shown(
        world.group, Face.OPEN, sats=9000, says=' – "Four pizzas <b>& wine</b>"'
    )
    assert decode(world.request_in(card)).memo == "Four pizzas <b>& wine</b>"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("/invoice 1.000", AmountRefused),
        ("/invoice 0", AmountRefused),
        ("/invoice 5000000", AmountRefused),
        ("/invoice 21 " + "ä" * 320, MemoRefused),
    ],
)
async def test_a_refusal_says_why(world: World, text: str, kind: type[Refused]) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, text)
    refusal = await world.until(lambda: world.ours(chat))
    with pytest.raises(kind) as refused:
        memo(amounts.parse(text.removeprefix("/invoice "), min_sats=1, max_sats=1_000_000)[1])
    assert refusal[0].text == plain(texts.refusal(refused.value))
    assert not world.node.invoices


async def test_what_asks_for_nothing_gets_nothing(world: World) -> None:
    await world.start_bot()
    said = world.telegram.say(world.group, world.anna, "hello")
    world.telegram.edit_as_user(said, "/invoice 1")
    channel = world.telegram.add_channel("News", admins=[world.anna])
    post = world.telegram.post(channel, "/invoice 2")
    world.telegram.forward(post, world.group, world.anna)
    world.telegram.say(world.group, world.anna, "/invoices")
    world.telegram.say(world.group, world.anna, "/help")
    await world.open_card(world.group, world.anna, "/invoice 4")
    assert len(world.node.invoices) == 1
    assert len(world.ours(world.group)) == 1


async def test_a_stranger_is_told_once_and_gets_no_invoice(world: World) -> None:
    club = world.telegram.add_group("Club", [world.stranger])
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    await world.start_bot()
    chat = world.private(world.stranger)
    for _ in range(3):
        world.telegram.say(chat, world.stranger, "/invoice 21")
        world.telegram.say(club, world.stranger, "/invoice 21")
    await world.said(chat, texts.ASKED_OWNER)
    await world.said(club, texts.UNINVITED_ASKED)
    await world.open_card(world.group, world.anna, "/invoice 5")
    assert len(world.ours(chat)) == 1
    assert len(world.ours(club)) == 1
    assert len(world.node.invoices) == 1


async def test_an_anonymous_administrator_asks_as_the_group(world: World) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    await world.start_bot()
    world.telegram.say(world.group, world.owner, "/invoice 77", anonymous=True)
    card = await world.shown(world.group, Face.OPEN, sats=77)
    assert "Friday dinner" in (card.text or "")
    world.node.pay(world.request_in(card))
    await world.announced(world.group, "Friday dinner", sats=77)


async def test_limits_are_told(world: World) -> None:
    world.limits = {"open_per_chat": 2}
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    await world.open_card(chat, world.anna, "/invoice 2")
    world.telegram.say(chat, world.anna, "/invoice 3")
    await world.said(chat, texts.refusal(ChatLimitReached(count=2)))


async def test_invoices_lists_the_askers_latest(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 21 tea")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")
    await world.open_card(world.group, world.anna, "/invoice 42 cake")
    world.telegram.say(chat, world.anna, "/invoices")
    listed = await world.shown(chat, Role.SENTENCE, says='42 sats – "cake"')
    assert re.findall(r'(paid|open) · (\d+ sats) – "(\w+)"', listed.text or "") == [
        ("open", "42 sats", "cake"),
        ("paid", "21 sats", "tea"),
    ]
    world.telegram.say(world.group, world.anna, f"/invoices@{NAME}")
    here = await world.shown(world.group, Role.SENTENCE, says='42 sats – "cake"')
    assert "tea" not in (here.text or "")


async def test_help_and_id(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/start")
    await world.said(chat, texts.help_private(NAME))
    world.telegram.say(chat, world.anna, "/invoice2100")
    await world.said(chat, texts.help_private(NAME), 2)
    world.telegram.say(chat, world.anna, "/id")
    await world.said(chat, texts.ids(world.anna.id, chat.id))
    commands = world.telegram.commands(world.group, world.anna)
    assert "invoice" in [command["command"] for command in commands]


async def test_a_node_that_is_away_gets_a_word_that_becomes_the_card(world: World) -> None:
    await world.node.down()
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    world.telegram.say(chat, world.anna, "/invoice 2200")
    word = await world.shown(chat, Face.WAITING, says=texts.why(NodeUnreachable()))
    await world.node.up()
    await world.shown(chat, Face.OPEN, 2)
    assert world.face(word) is Face.OPEN
    assert word.photo is not None
    assert len(world.ours(chat)) == 2
    world.node.pay(world.request_in(word))
    await world.announced(chat, "Anna Berg")


@pytest.mark.parametrize(
    ("state", "reason"),
    [("locked", NodeLocked()), ("starting", NodeStarting()), ("down", NodeUnreachable())],
)
async def test_when_patience_ends_the_word_becomes_the_failure(
    world: World, state: str, reason: NodeError
) -> None:
    world.patience_s = 4
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    if state == "locked":
        world.node.lock()
    elif state == "starting":
        world.node.set_state("UNLOCKED")
    else:
        await world.node.down()
    world.telegram.say(chat, world.anna, "/invoice 2100")
    word = await world.shown(chat, Face.WAITING)
    assert texts.why(reason) in (word.text or "")
    await world.shown(chat, Face.FAILED)
    assert texts.why(reason) in (word.text or "")
    assert "2,100 sats" in (word.text or "")


async def test_a_payment_while_the_bot_was_away_is_told_at_start(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    first = await world.open_card(chat, world.anna, "/invoice 1")
    second = await world.open_card(chat, world.anna, "/invoice 2")
    await world.stop_bot()
    world.node.pay(world.request_in(first))
    world.node.pay(world.request_in(second))
    await world.start_bot()
    await world.announced(chat, "Anna Berg", 2)
    assert len(world.showing(chat, Face.PAID)) == 2


async def test_a_payment_while_the_node_was_out_of_reach_is_told_when_it_is_back(
    world: World,
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 1")
    request = world.request_in(card)
    await world.node.kill()
    await world.node.start()
    world.node.pay(request)
    await world.announced(chat, "Anna Berg", sats=1)


async def test_certificate_and_macaroon_are_exchanged_while_running(world: World) -> None:
    world.node.bake(
        ["invoices:read", "invoices:write", "info:read"], root_key_id=7, save_to="bot.macaroon"
    )
    world.macaroon = "bot.macaroon"
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    await world.node.stop()
    world.node.renew_certificate()
    world.node.revoke(7)
    await world.node.start()
    world.node.bake(
        ["invoices:read", "invoices:write", "info:read"], root_key_id=8, save_to="bot.macaroon"
    )
    card = await world.open_card(chat, world.anna, "/invoice 2")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg", sats=2)


async def test_the_invoice_macaroon_is_enough(world: World) -> None:
    world.macaroon = "invoice.macaroon"
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 1")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg", sats=1)


async def test_a_lost_answer_makes_no_second_invoice(world: World) -> None:
    await world.start_bot()
    world.node.lose_answer("AddInvoice", times=1)
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    assert len(world.node.invoices) == 1


async def test_each_copy_that_is_pressed_is_kept_true(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.drop("sendPhoto", acted=True, times=2)
    world.telegram.say(chat, world.anna, "/invoice 1")
    await world.shown(chat, Face.OPEN, 3)
    copies = world.showing(chat, Face.OPEN)
    for copy in copies[:2]:
        world.telegram.press(chat, world.anna, copy.id, text="Cancel")
    await world.until(lambda: len(world.showing(chat, Face.CANCELLED)) == 3)
    assert [world.buttons(copy) for copy in copies] == [["Renew"]] * 3
    world.telegram.press(chat, world.anna, copies[0].id, text="Renew")
    await world.shown(chat, Face.OPEN)
    await world.until(lambda: [world.buttons(copy) for copy in copies] == [[]] * 3)
    assert len(world.node.invoices) == 2


async def test_an_unanswered_photo_is_sent_again_with_a_line_that_says_so(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.drop("sendPhoto", acted=True, times=1)
    world.telegram.say(chat, world.anna, "/invoice 1")
    second = await world.shown(chat, Face.OPEN, 2)
    first = world.showing(chat, Face.OPEN)[0]
    assert may_be_duplicate(second.text or "")
    assert world.request_in(first) == world.request_in(second)
    world.node.pay(world.request_in(second))
    await world.shown(chat, Face.PAID)
    world.telegram.press(chat, world.anna, first.id, text="Cancel")
    await world.becomes(first, Face.PAID)
    assert len(world.node.invoices) == 1


async def test_a_chat_told_to_wait_holds_up_nobody_else(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.fail("sendPhoto", chat_id=chat.id, times=1, status=429, retry_after=2)
    world.telegram.say(chat, world.anna, "/invoice 1")
    await world.open_card(world.private(world.bert), world.bert, "/invoice 2")
    assert not world.ours(chat)
    card = await world.shown(chat, Face.OPEN, sats=1)
    assert not may_be_duplicate(card.text or "")
    assert len(world.ours(chat)) == 1


async def test_a_payment_in_a_group_that_removed_the_bot_is_told_in_private(world: World) -> None:
    await world.start_bot()
    own = world.private(world.anna)
    await world.open_card(own, world.anna, "/invoice 1")
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    request = world.request_in(card)
    world.telegram.remove_bot(world.group)
    world.node.pay(request)
    await world.announced(own, "Anna Berg", sats=2100)
    assert world.face(card) is Face.OPEN
    world.telegram.readd_bot(world.group)
    await world.becomes(card, Face.PAID)


async def test_a_blocked_bot_tells_the_owners(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100")
    await world.open_card(world.private(world.owner), world.owner, "/invoice 1")
    world.telegram.block(world.anna)
    world.node.pay(world.request_in(card))
    await world.announced(world.private(world.owner), "Anna Berg", sats=2100)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("who", ["the asker", "an owner"])
async def test_a_payment_that_nobody_could_be_told_of_is_told_to_the_first_who_comes_back(
    world: World, who: str, restarted: bool
) -> None:
    await world.start_bot()
    chat, olgas = world.private(world.anna), world.private(world.owner)
    card = await world.open_card(chat, world.anna, "/invoice 2100")
    world.telegram.block(world.anna)
    world.node.pay(world.request_in(card))
    # the owner never wrote to the bot
    await world.until(
        lambda: any(
            (call.method, call.chat_id) == ("sendMessage", olgas.id)
            for call in world.telegram.calls
        )
    )
    if restarted:
        await world.stop_bot()
        await world.start_bot()
    if who == "an owner":
        world.telegram.say(olgas, world.owner, "/start")
        await world.announced(olgas, "Anna Berg", sats=2100)
        world.telegram.unblock(world.anna)
    else:
        world.telegram.unblock(world.anna)
        await world.announced(chat, "Anna Berg", sats=2100)
        world.telegram.say(olgas, world.owner, "/start")
        await world.until(lambda: len(world.ours(olgas)) > 0)
    await world.becomes(card, Face.PAID)
    told = [world.announcements(each) for each in (chat, olgas)]
    assert sum(map(len, told)) == 1


async def test_each_owner_is_told_once_while_another_can_not_be_reached(world: World) -> None:
    second = world.telegram.add_user("Olga")
    world.access = {"owners": frozenset({world.owner.id, second.id})}
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100")
    for owner in (world.owner, second):
        await world.open_card(world.private(owner), owner, "/invoice 1")
    world.telegram.block(world.anna)
    first, last = sorted((world.owner, second), key=lambda owner: owner.id)
    world.telegram.fail("sendMessage", chat_id=last.id, times=2, status=502)
    world.node.pay(world.request_in(card))
    notice = await world.payment_noticed(last, sats=2100)
    assert may_be_duplicate(notice.text or "")  # a server's error says nothing of what it did
    assert len(world.announcements(world.private(first), "Anna Berg")) == 1
    assert not world.payment_notices(first, 2100)


async def test_a_renewal_counts_as_the_askers_whose_limit_is_asked(world: World) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    world.limits = {"invoices_per_user": Rate(2, 7200)}
    await world.start_bot()
    for sats in (100, 200):
        await world.open_card(world.group, world.anna, f"/invoice {sats}")
    world.clock.ahead_s += 3700
    await world.shown(world.group, Face.EXPIRED, 2)
    world.telegram.promote(world.group, world.bert)
    cards = world.showing(world.group, Face.EXPIRED)
    press = world.telegram.press(world.group, world.bert, cards[0].id, text="Renew")
    assert (await press.answer).text == texts.why(
        UserLimitReached(count=2, per_s=7200, who="Anna Berg")
    )
    press = world.telegram.press(world.group, world.owner, cards[0].id, text="Renew")
    assert (await press.answer).text == texts.asked_to_renew(Renewing.RENEWING)
    await world.shown(world.group, Face.OPEN, sats=100)


async def test_cards_follow_a_group_that_becomes_a_supergroup(world: World) -> None:
    await world.start_bot()
    await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    supergroup = world.telegram.migrate(world.group)
    card = await world.shown(supergroup, Face.OPEN, sats=2100, says=' – "pizza"')
    world.node.pay(world.request_in(card))
    await world.announced(supergroup, "Anna Berg")
    assert len(world.node.invoices) == 1


async def test_a_removed_card_is_still_told(world: World) -> None:
    await world.start_bot()
    own = world.private(world.owner)
    await world.open_card(own, world.owner, "/invoice 1")
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    request = world.request_in(card)
    world.telegram.delete_message(world.group, card.id)
    world.node.pay(request)
    await world.announced(world.group, "Anna Berg", sats=2100)
    assert len(world.ours(own)) == 1  # that is no fault that the owner should hear of


async def test_a_refused_token_ends_the_bot(world: World) -> None:
    world.telegram.fail(None, times=100, status=401, description="Unauthorized")
    with pytest.raises(TokenRefused):
        await world.start_bot()


async def test_a_token_that_is_rejected_once_at_the_start_is_tried_again(world: World) -> None:
    world.telegram.fail("getMe", status=401, description="Unauthorized")
    await world.start_bot()
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


async def test_a_clean_stop_confirms_what_was_handled(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    await world.stop_bot()
    await world.start_bot()
    await world.open_card(chat, world.anna, "/invoice 2")
    assert len(world.node.invoices) == 2


async def test_a_command_given_while_the_bot_was_long_away_is_not_carried_out(
    world: World,
) -> None:
    chat = world.private(world.anna)
    await world.start_bot()
    await world.open_card(chat, world.anna, "/invoice 1")
    await world.stop_bot()
    world.telegram.say(chat, world.anna, "/invoice 2")
    world.telegram.say(chat, world.anna, "/invoice 3")
    world.clock.ahead_s += 700
    await world.start_bot()
    await world.said(chat, texts.TOO_LATE)
    await world.open_card(chat, world.anna, "/invoice 4")
    assert len(world.node.invoices) == 2
    assert len(world.saying(chat, texts.TOO_LATE)) == 1


async def test_a_payment_is_recorded_by_its_hash(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 1")
    paid = world.node.pay(world.request_in(card))
    assert hashlib.sha256(paid.preimage).digest() == paid.payment_hash
    await world.announced(chat, "Anna Berg")
    await asyncio.wait_for(world.stop_bot(), 5)


async def test_an_owner_asks_how_the_node_is_and_nobody_else_can(world: World) -> None:
    await world.start_bot()
    await world.open_card(world.group, world.anna, "/invoice 1")  # the gate is open
    own, hers = world.private(world.owner), world.private(world.anna)
    world.telegram.say(own, world.owner, "/status")
    world.telegram.say(hers, world.anna, "/status")
    await world.said(hers, texts.OWNERS_ONLY)
    status = await world.shown(own, Role.SENTENCE, says="simulated node")
    assert "700,000" in (status.text or "")
    await world.node.down()
    world.telegram.say(own, world.owner, "/status")
    lacks = list(check_macaroon(world.settings().lnd, world.clock()))
    away = texts.node_status(NodeStatus(NodeUnreachable(), None), lacks)
    said = await world.shown(own, Role.SENTENCE, says=plain(away))
    assert "Open: 1 invoice, 1 sat" in (said.text or "")


async def test_a_clock_that_is_years_ahead_removes_nothing_that_is_new(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TIDY_S", 0.1)
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:  # nothing of it is in work
        rests = "SELECT 1 FROM invoices WHERE due_at IS NULL"
        await until(lambda: database.execute(rests).fetchone() is not None)
    await world.stop_bot()
    telegrams, years_s = world.clock.ahead_s, 3 * 365 * 86_400
    world.telegram.clock = lambda: time.time() + telegrams
    world.clock.ahead_s += years_s
    await world.start_bot()
    await asyncio.sleep(1.5)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        assert database.execute("SELECT count(*) FROM invoices").fetchone() == (1,)
    world.telegram.clock = world.clock
    world.telegram.say(chat, world.anna, "/help")
    async with asyncio.timeout(30):
        while True:
            with closing(sqlite3.connect(world.folder / "bot.db")) as database:
                if database.execute("SELECT count(*) FROM invoices").fetchone() == (0,):
                    break
            await asyncio.sleep(0.1)
