"""Behind the chats, with the real bot: time lines, faults by name, the storm, and a true score."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import texts
from bot.core.invoice import Face
from bot.demo import web
from bot.demo.errors import Refused
from bot.demo.stage import BOT_TOKEN
from bot.demo.storm import Storm
from bot.demo.telegram import Chat, Message, User
from tests.demo.live import WAIT_S, Live, live
from tests.faces import may_be_duplicate, role_of

Entry = dict[str, Any]


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path) as demo:
        yield demo


def ways(story: list[Entry]) -> list[str]:
    return [each["way"] for each in story if each["kind"] != "gap"]


async def test_a_time_line_tells_the_whole_way_in_order(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.pay(demo.ben, card)
    await demo.until(lambda: demo.shown["score"]["told"] == 1)
    await demo.until(
        lambda: role_of(demo.stage.telegram.messages(card.chat)[-1].text or "") != Face.PAID
    )

    story = await demo.story(card)

    assert ways(story) == [
        "Ada → Telegram",
        "Telegram → bot",
        "Bot → database",
        "Bot → node",
        "Bot → Telegram",  # the card
        "Ben’s wallet → node",
        "Node → bot",
        "Bot → database",
        "Bot → Telegram",  # the edit to PAID
        "Bot → Telegram",  # the announcement
    ]
    times = [each["at"] for each in story]
    assert times == sorted(times)
    assert {each["kind"] for each in story} == {"step"}
    # the command and the announcement have the same one
    assert card.reply_to is not None
    assert await demo.story(card.reply_to) == story


async def test_a_time_line_has_a_gap_while_the_bot_is_dead(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.stage.process.kill()
    await demo.pay(demo.ben, card)
    (gap,) = [each for each in await demo.story(card) if each["kind"] == "gap"]
    assert gap["until"] is None

    asked = demo.say(demo.ben, "/invoice 300 bread")
    story = await demo.story(asked)
    assert [each["kind"] for each in story if each["way"] == "Telegram"] == ["waiting"]

    await demo.stage.process.start()
    await demo.until(lambda: demo.shown["score"]["told"] == 1 and demo.card(asked))
    story = await demo.story(card)
    (gap,) = [each for each in story if each["kind"] == "gap"]
    (paid,) = [each for each in story if each["way"] == "Ben’s wallet → node"]
    (told,) = [each for each in story if each["way"] == "Node → bot"]
    assert gap["at"] < paid["at"] < gap["until"] < told["at"]


async def test_a_time_line_begins_with_its_command_also_where_the_bot_was_dead_before(
    demo: Live,
) -> None:
    process = demo.stage.process
    for _ in range(2):  # the second one is killed while it starts
        await process.kill()
        await process.start()
    await process.kill()
    asked = demo.say(demo.ada, "/invoice 2100 pizza")
    assert (await demo.story(asked))[0]["way"] == "Ada → Telegram"
    await process.start()
    await demo.until(lambda: demo.card(asked))
    story = await demo.story(asked)
    assert story[0]["way"] == "Ada → Telegram"
    (gap,) = [each for each in story if each["kind"] == "gap"]
    assert story[0]["at"] == gap["at"] < gap["until"]
    assert [each["text"][:7] for each in story if each["way"] == "Bot" and each is not gap] == [
        "Starts,"
    ]
    # and nothing of that is in the next one's
    card = await demo.ask(demo.ada, "/invoice 300 bread")
    assert "Bot" not in {each["way"] for each in await demo.story(card)}


async def test_a_copy_that_nobody_recorded_has_its_time_line_as_well(demo: Live) -> None:
    await demo.page.fault(web.Fault(name="lost-card", on=True))
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    first = next(each for each in demo.stage.telegram.messages(card.chat) if each.photo is not None)
    assert first is not card
    assert may_be_duplicate(card.text or "")
    story = await demo.story(first)
    assert story == await demo.story(card)
    assert "trouble" in {each["kind"] for each in story}
    await demo.until(lambda: demo.shown["score"]["repeated"] == 1)
    assert demo.shown["score"]["twice"] == 0


async def test_there_is_no_time_line_of_what_is_not_there(demo: Live) -> None:
    with pytest.raises(Refused):
        await demo.page.story(web.Choice(chat=1, message=1))
    with pytest.raises(Refused):
        await demo.page.story(web.Choice(chat=demo.stage.dinner.id, message=999))


async def test_the_owners_node_shows_what_it_received_and_what_is_open(demo: Live) -> None:
    first = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.ask(demo.ben, "/invoice 700 wine")
    await demo.until(lambda: demo.shown["money"]["open"] == 2)
    before = demo.stage.wallets.balance_msat(demo.ben.id)
    await demo.pay(demo.ben, first)
    await demo.until(lambda: demo.shown["money"]["open"] == 1)
    assert demo.shown["money"] == {
        "name": "Ada's node",
        "received_msat": 2_100_000,
        "payments": 1,
        "open": 1,
        "open_msat": 700_000,
        "open_any": 0,
        "elsewhere": 0,
        "elsewhere_msat": 0,
    }
    assert demo.stage.wallets.balance_msat(demo.ben.id) == before - 2_100_000


def fault(demo: Live, name: str) -> dict[str, Any]:
    return next(each for each in demo.shown["faults"] if each["name"] == name)


async def test_every_fault_says_what_will_happen_and_nothing_of_what_did_not(demo: Live) -> None:
    names = [each["name"] for each in demo.shown["faults"]]
    assert len(names) == len(set(names)) == 9
    for each in demo.shown["faults"]:
        assert each["before"]
        assert (each["after"], each["on"]) == ("", False)
    with pytest.raises(Refused):
        await demo.page.fault(web.Fault(name="none", on=True))


@pytest.mark.parametrize("name", ["too-many", "lost-card", "lost-invoice", "certificate"])
async def test_a_fault_that_passes_by_itself_is_over_once_it_met_a_command(
    demo: Live, name: str
) -> None:
    await demo.page.fault(web.Fault(name=name, on=True))
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.until(lambda: not fault(demo, name)["on"])
    assert re.search(r"\d", fault(demo, name)["after"])
    await demo.pay(demo.ben, card)
    await demo.until(lambda: demo.shown["score"]["told"] == 1)
    assert (demo.shown["score"]["lost"], demo.shown["score"]["twice"]) == (0, 0)


@pytest.mark.parametrize("name", ["too-many", "lost-card"])
async def test_a_fault_that_waits_for_its_call_can_be_taken_back(demo: Live, name: str) -> None:
    await demo.page.fault(web.Fault(name=name, on=True))
    assert fault(demo, name)["on"]
    await demo.page.fault(web.Fault(name=name, on=False))
    assert (fault(demo, name)["on"], fault(demo, name)["after"]) == (False, "")
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    assert not may_be_duplicate(card.text or "")
    assert not any(call.status == 429 or call.is_lost for call in demo.stage.telegram.calls)


async def test_slow_telegram_is_slow_until_it_is_fast_again(demo: Live) -> None:
    await demo.page.fault(web.Fault(name="slow", on=True))
    await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.until(lambda: re.search(r"\d", fault(demo, "slow")["after"]))
    calls, _, answered = fault(demo, "slow")["after"].partition(" took 2 seconds. ")
    assert answered == ("It was answered." if calls == "1 call" else "Each was answered.")
    await demo.page.fault(web.Fault(name="slow", on=False))
    slow = fault(demo, "slow")["after"]
    await demo.ask(demo.ada, "/invoice 900 wine")
    assert fault(demo, "slow")["after"] == slow


@pytest.mark.parametrize("name", ["macaroon", "other-node"])
async def test_the_node_goes_on_as_before_once_the_way_back_was_taken(
    demo: Live, name: str
) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.page.fault(web.Fault(name=name, on=True))
    asked = demo.say(demo.ben, "/invoice 300 bread")
    if name == "other-node":
        assert demo.shown["money"]["name"] != "Ada's node"
        await demo.until(lambda: demo.card(asked))
        with pytest.raises(Refused, match="another node"):
            await demo.pay(demo.ben, card)
    else:
        await demo.until(lambda: demo.stage.telegram.messages(asked.chat)[-1].reply_to is asked)
        assert demo.card(asked) is None
    await demo.page.fault(web.Fault(name=name, on=False))

    await demo.until(lambda: demo.card(asked))
    assert demo.shown["money"]["name"] == "Ada's node"
    await demo.pay(demo.ben, card)
    await demo.until(lambda: role_of(card.text or "") == Face.PAID)


async def test_what_was_paid_to_the_node_before_is_counted_beside_the_one_that_answers(
    demo: Live,
) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.pay(demo.ben, card)
    await demo.page.fault(web.Fault(name="other-node", on=True))
    await demo.until(lambda: demo.shown["money"]["elsewhere"] == 1)
    money = demo.shown["money"]
    assert (money["payments"], money["elsewhere_msat"]) == (0, 2_100_000)
    await demo.page.fault(web.Fault(name="other-node", on=False))
    await demo.until(lambda: demo.shown["money"]["payments"] == 1)
    assert demo.shown["money"]["elsewhere"] == 0


async def test_an_invoice_of_any_amount_is_open_without_a_sum(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice any wine")
    await demo.until(lambda: demo.shown["money"]["open"] == 1)
    assert demo.shown["money"]["open_any"] == 1
    assert "Written down as a row: any amount." in [e["text"] for e in await demo.story(card)]


async def test_a_time_line_that_has_ended_does_not_grow_with_the_bots_next_lives(
    demo: Live,
) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    data = card.reply_markup["inline_keyboard"][0][0]["callback_data"] if card.reply_markup else ""
    await demo.page.press(
        web.Press(chat=card.chat.id, user=demo.ada.id, message=card.id, data=data)
    )
    await demo.until(lambda: role_of(card.text or "") == Face.CANCELLED)
    await demo.until(lambda: demo.page.backstage.rows.all[0].card_shown is Face.CANCELLED)
    before = await demo.story(card)
    for _ in range(2):
        await demo.stage.process.kill()
        assert await demo.story(card) == before
        await demo.stage.process.start()
        await demo.until(lambda: demo.stage.process.state == "running")
        assert await demo.story(card) == before


async def test_faults_of_the_node_go_together_and_one_after_the_other(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    for name, on in (
        ("macaroon", True),
        ("other-node", True),
        ("other-node", False),
        ("macaroon", False),
        ("other-node", True),
        ("macaroon", True),
        ("other-node", False),
        ("macaroon", False),
        ("macaroon", True),
        ("certificate", True),
        ("macaroon", False),
    ):
        await demo.page.fault(web.Fault(name=name, on=on))
    await demo.pay(demo.ben, card)
    await demo.until(lambda: role_of(card.text or "") == Face.PAID)
    await demo.ask(demo.ben, "/invoice 300 bread")


OF_THE_NODE = ("macaroon", "other-node", "certificate")


@pytest.mark.parametrize("first", OF_THE_NODE)
@pytest.mark.parametrize("second", OF_THE_NODE)
async def test_whatever_two_faults_of_the_node_leave_behind_their_cards_say_and_end(
    demo: Live, first: str, second: str
) -> None:
    # begun in this order, and each way back that a card offers is taken, the first one first
    for name in (first, second):
        await demo.page.fault(web.Fault(name=name, on=True))
    names = dict.fromkeys((first, second, *OF_THE_NODE))
    for _ in OF_THE_NODE:
        for name in names:
            shown = fault(demo, name)
            if shown["on"] and shown["back"]:
                await demo.page.fault(web.Fault(name=name, on=False))
    assert not fault(demo, "macaroon")["on"]
    assert not fault(demo, "other-node")["on"]
    await demo.ask(demo.ben, "/invoice 300 bread")
    await demo.page.fault(web.Fault(name="macaroon", on=True))
    assert fault(demo, "macaroon")["on"]


async def test_a_macaroon_that_was_revoked_is_so_again_once_its_node_is_back(demo: Live) -> None:
    await demo.page.fault(web.Fault(name="macaroon", on=True))
    await demo.page.fault(web.Fault(name="other-node", on=True))
    assert not fault(demo, "macaroon")["on"]  # this node accepts the one that it has baked
    await demo.ask(demo.ben, "/invoice 300 bread")
    await demo.page.fault(web.Fault(name="macaroon", on=False))
    await demo.page.fault(web.Fault(name="other-node", on=False))
    assert fault(demo, "macaroon")["on"]
    await demo.page.fault(web.Fault(name="macaroon", on=True))  # it is
    await demo.page.fault(web.Fault(name="macaroon", on=False))
    await demo.ask(demo.ben, "/invoice 200 butter")


async def test_a_call_that_the_node_rejects_uses_up_no_lost_answer(demo: Live) -> None:
    await demo.page.fault(web.Fault(name="lost-invoice", on=True))
    await demo.page.fault(web.Fault(name="macaroon", on=True))
    asked = demo.say(demo.ben, "/invoice 300 bread")
    await demo.until(lambda: re.search(r"\d", fault(demo, "macaroon")["after"]))
    await demo.page.fault(web.Fault(name="macaroon", on=False))
    await demo.until(lambda: demo.card(asked))
    assert not fault(demo, "lost-invoice")["on"]
    assert "1 invoice" in fault(demo, "lost-invoice")["after"]
    # what the node refuses for another reason was not rejected for the macaroon
    refused = [call.why for call in demo.stage.node.log if call.outcome == "refused"]
    rejected = sum("macaroon" in why for why in refused)
    assert 0 < rejected < len(refused)
    assert f" {rejected} call" in fault(demo, "macaroon")["after"]


async def test_a_person_who_blocked_the_bot_reads_later_what_it_has_to_say(demo: Live) -> None:
    telegram = demo.stage.telegram
    private = telegram.private_chat(demo.ben)
    telegram.start_bot(demo.ben)
    asked = telegram.say(private, demo.ben, "/invoice 50 tea")
    await demo.until(lambda: demo.is_recorded(asked))
    card = demo.card(asked)
    assert card is not None
    await demo.page.fault(web.Fault(name="blocked", on=True))
    await demo.pay(demo.ada, card)
    await demo.until(lambda: demo.shown["money"]["payments"] == 1)
    with pytest.raises(Refused):
        await demo.page.say(web.Say(chat=demo.ben.id, user=demo.ben.id, text="hello"))
    assert "nothing" in fault(demo, "blocked")["after"]
    await demo.page.fault(web.Fault(name="blocked", on=False))
    await demo.until(lambda: role_of(card.text or "") == Face.PAID)
    await demo.until(lambda: re.search(r"\d", fault(demo, "blocked")["after"]))


async def test_who_unblocks_the_bot_by_start_is_not_said_to_have_been_told_nothing(
    demo: Live,
) -> None:
    def has_blocked() -> bool:
        (chat,) = (each for each in demo.page.snapshot()["chats"] if each["id"] == demo.ben.id)
        return bool(chat["blocked"])

    await demo.page.fault(web.Fault(name="blocked", on=True))
    assert has_blocked()
    await led(demo, demo.ben, "/split 2k/2 bread")
    await demo.until(lambda: re.search(r"\d", fault(demo, "blocked")["after"]))
    assert "nothing" not in fault(demo, "blocked")["after"]
    assert not fault(demo, "blocked")["on"]
    assert not has_blocked()


async def test_a_group_that_became_a_supergroup_stays_one_and_goes_on(demo: Live) -> None:
    open_card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.page.fault(web.Fault(name="supergroup", on=True))
    with pytest.raises(Refused):
        await demo.page.say(web.Say(chat=open_card.chat.id, user=demo.ada.id, text="/invoice 5"))
    asked = demo.say(demo.ben, "/invoice 300 bread")
    assert asked.chat.type == "supergroup"
    await demo.until(lambda: demo.card(asked))
    assert fault(demo, "supergroup")["once"]
    with pytest.raises(Refused):
        await demo.page.fault(web.Fault(name="supergroup", on=True))
    await demo.until(lambda: demo.shown["score"]["cards"] == 2)
    assert demo.shown["score"]["twice"] == 0


async def test_the_score_shows_what_is_lost_and_what_is_there_twice(demo: Live) -> None:
    demo.page.backstage.late.grace_s = 0.3
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.until(lambda: demo.shown["score"]["cards"] == 1)
    assert (demo.shown["score"]["lost"], demo.shown["score"]["twice"]) == (0, 0)

    # somebody else with the bot's token posts a card of their own for the same command
    assert card.reply_to is not None
    assert card.photo is not None
    call = {
        "chat_id": card.chat.id,
        "photo": card.photo.file_id,
        "reply_parameters": f'{{"message_id": {card.reply_to.id}}}',
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{demo.stage.telegram.url}/bot{BOT_TOKEN}/sendPhoto", data=call)
    assert answer.json()["ok"]
    await demo.until(lambda: demo.shown["score"]["twice"] == 1)

    # and somebody deletes the bot's
    demo.stage.telegram.delete_message(card.chat, card.id)
    await demo.pay_directly(demo.ben, card)
    await demo.until(lambda: demo.shown["score"]["lost"] >= 1)


async def test_after_a_storm_with_kills_nothing_is_lost_and_nothing_twice(demo: Live) -> None:
    storm: Storm = demo.page.backstage.storm
    storm.start(lasts_s=9.0)
    await demo.until(lambda: storm.kills > 0)
    await demo.until(lambda: storm.phase == "over", 60.0)
    score = demo.shown["score"]
    assert storm.asked > 5
    assert score["asked"] == score["cards"] == storm.asked
    assert score["paid"] == score["told"] == storm.paid > 0
    assert (score["lost"], score["twice"]) == (0, 0)
    assert demo.stage.process.state == "running"
    # the dinner was left alone
    assert not any(each.photo for each in demo.stage.telegram.messages(demo.stage.dinner))


async def test_a_storm_can_be_stopped_and_leaves_all_whole(demo: Live) -> None:
    storm: Storm = demo.page.backstage.storm
    await demo.page.weather(web.Weather(on=True))
    await demo.page.weather(web.Weather(on=True))  # one storm, not two
    await demo.until(lambda: storm.kills == 1)
    await demo.page.weather(web.Weather(on=False))
    await demo.until(lambda: storm.phase == "over", 40.0)
    assert demo.stage.process.state == "running"
    asked = demo.say(demo.ada, "/invoice 2100 pizza")
    await demo.until(lambda: demo.card(asked))
    assert not storm.is_slow


async def led(demo: Live, person: User, command: str) -> tuple[Chat, Message]:
    """Somebody presses the board that this brings; their private chat, and the link's command."""
    telegram = demo.stage.telegram
    demo.say(demo.ada, command)
    await demo.until(lambda: boards(demo))
    (board,) = boards(demo)
    telegram.start_bot(person)
    keys = [key["callback_data"] for row in board.reply_markup["inline_keyboard"] for key in row]
    press = telegram.press(
        board.chat, person, board.id, data=next(k for k in keys if k.startswith("pay:"))
    )
    await demo.until(press.answer.done)
    start = telegram.follow(press)
    assert start is not None
    return telegram.private_chat(person), start


async def card_in(demo: Live, private: Chat) -> Message:
    """The card in this chat, once its row knows it."""

    def cards() -> list[Message]:
        return [each for each in demo.stage.telegram.messages(private) if each.photo]

    await demo.until(cards)
    (card,) = cards()
    await demo.until(lambda: demo.page.backstage.rows.of_message(private.id, card.id))
    return card


async def test_a_part_of_a_bill_has_its_time_line_and_shows_no_token(demo: Live) -> None:
    private, start = await led(demo, demo.ben, "/split 8000/4 dinner")
    card = await card_in(demo, private)
    story = await demo.story(card)
    assert {"Bot → database", "Bot → node", "Bot → Telegram"} <= set(ways(story))
    assert ways(story).index("Bot → database") < ways(story).index("Bot → node")
    assert story[0]["text"] == "Presses “Pay my part”."  # before anything is written for it
    token = (start.text or "").partition(" ")[2]
    assert len(token) > 10
    told = await demo.page.story(web.Choice(chat=private.id, message=start.id))
    assert token not in str([story, told])
    assert told["title"] == "A link, followed"
    told = await demo.page.story(web.Choice(chat=private.id, message=card.id))
    assert told["title"] == "Ben’s part of “dinner”, 2,000 sats"
    await demo.pay(demo.ben, card)
    await demo.until(lambda: demo.shown["score"]["told"] == 1)
    await demo.until(lambda: "2,000 sats paid" in (boards(demo)[0].text or ""))
    # what an edit of the board changed, however long its first line is
    (edit,) = [e for e in await demo.said(card, "Edits the board") if "the board" in e]
    # which network it is may not have been known yet
    edit = edit.replace("On simnet: these are not real sats; ", "")
    assert edit == "Edits the board: “2,000 sats paid; ✅ 2,000 sats: Ben Okafor”."
    received = "Says “✅ Received 2,000 sats"
    said = await demo.said(card, received)
    assert sum(each.startswith(received) for each in said) == 1


async def test_a_part_that_is_paid_for_somebody_else_has_its_time_line_to_its_end(
    demo: Live,
) -> None:
    private, _ = await led(demo, demo.ben, "/split 8000/4 dinner")
    own = await card_in(demo, private)
    telegram = demo.stage.telegram
    telegram.press(private, demo.ben, own.id, text=texts.OTHERS_BUTTON)

    def listed() -> list[Message]:
        return [
            each
            for each in telegram.messages(private)
            if each.reply_markup and "for:" in str(each.reply_markup)
        ]

    await demo.until(listed)
    (choice,) = listed()
    keys = [key for row in choice.reply_markup["inline_keyboard"] for key in row]  # type: ignore[index]
    telegram.press(private, demo.ben, choice.id, data=keys[0]["callback_data"])

    def others() -> list[Message]:
        return [e for e in telegram.messages(private) if e.photo and e is not own]

    await demo.until(others)
    (card,) = others()
    await demo.pay(demo.ben, card)
    await demo.until(lambda: demo.shown["score"]["told"] == 1)
    received = "Says “✅ Received 2,000 sats"
    said = await demo.said(card, received)
    assert sum(each.startswith(received) for each in said) == 1
    assert not any("Received" in each["text"] for each in await demo.story(own))


async def test_the_time_line_of_a_board_keeps_what_was_done_before_its_group_moved(
    demo: Live,
) -> None:
    private, _ = await led(demo, demo.ben, "/split 8000/4 dinner")
    card = await card_in(demo, private)
    await demo.pay(demo.ben, card)
    await demo.until(lambda: "2,000 sats paid" in (boards(demo)[0].text or ""))
    before = await demo.said(boards(demo)[0], "Edits the board")
    edits = {each for each in before if each.startswith("Edits the board")}
    await demo.page.fault(web.Fault(name="supergroup", on=True))
    demo.say(demo.ben, "/invoice 300 bread")  # the bot hears of the move

    def moved() -> Any:
        return next((each for each in boards(demo) if "Split" in (each.text or "")), None)

    await demo.until(moved)
    async with asyncio.timeout(WAIT_S):  # the database knows a little later which message that is
        while not edits <= {e["text"] for e in await demo.story(moved())}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_time_line_says_nothing_of_another_command(demo: Live) -> None:
    """A call that made no message is nobody's, as is a row that has none yet."""
    await demo.page.fault(web.Fault(name="too-many", on=True))
    demo.say(demo.ada, "/invoice 100 first")
    await demo.until(lambda: demo.shown["score"]["cards"] == 1)
    await demo.page.fault(web.Fault(name="macaroon", on=True))
    asked = demo.say(demo.ada, "/invoice 105 second")
    await demo.until(lambda: len(demo.page.backstage.rows.all) == 2)
    story = await demo.story(asked)
    assert story[0]["text"] == "Writes “/invoice 105 second”."
    assert not any("Refused" in each["text"] for each in story)


async def test_a_gift_whose_amount_was_written_is_there_once_and_told_to_its_end(
    demo: Live,
) -> None:
    private, start = await led(demo, demo.ben, "/collect 60k/21k a present")
    telegram = demo.stage.telegram
    await demo.until(lambda: any(e.reply_to is start for e in telegram.messages(private)))
    answer = telegram.say(private, demo.ben, "12345")
    card = await card_in(demo, private)
    await demo.pay(demo.ben, card)
    await demo.until(lambda: any(e.reply_to is answer for e in telegram.messages(private)))
    await demo.until(lambda: demo.shown["score"]["told"] == 1)
    await demo.page.backstage.look()
    await demo.page.backstage.look()  # twice is what is so in two looks
    assert (demo.shown["score"]["twice"], demo.shown["score"]["repeated"]) == (0, 0)
    told = await demo.page.story(web.Choice(chat=private.id, message=card.id))
    assert told["title"] == "A gift of 12,345 sats to “a present”"
    said = await demo.said(card, "Says “✅ Received 12,345 sats")
    assert "Writes “12345”." in said
    assert "The bot fetches the answer." in said


def boards(demo: Live) -> list[Any]:
    return [each for each in demo.stage.telegram.messages(demo.stage.dinner) if each.reply_markup]


async def test_a_press_to_a_dead_bot_says_so(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.stage.process.kill()
    keys = card.reply_markup["inline_keyboard"] if card.reply_markup else []
    data = keys[0][0]["callback_data"]
    press = web.Press(chat=card.chat.id, user=demo.ada.id, message=card.id, data=data)
    assert (await demo.page.press(press))["text"] == web.NO_BOT
    await demo.stage.process.start()  # and it is heard all the same
    await demo.until(lambda: role_of(card.text or "") == Face.CANCELLED)
