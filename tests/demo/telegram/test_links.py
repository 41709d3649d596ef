"""Links that a press is answered with, and the private chat that they open."""

from __future__ import annotations

import pytest

from bot.demo.telegram import Press
from tests.demo.telegram.town import CANCEL, Json, Town, refusal

LINK = "https://t.me/invoice_bot?start=bill_7-a"


async def pressed(town: Town) -> Press:
    """Ann presses a button in the group."""
    group = town.group()
    message = await town.sent(group, reply_markup=CANCEL)
    press = town.sim.press(group, town.ann, message.id)
    await town.drain()
    return press


async def answered(town: Town, **answer: object) -> Press:
    """Ann presses a button in the group, and the bot answers."""
    press = await pressed(town)
    await town.call("answerCallbackQuery", callback_query_id=press.id, **answer)
    return press


async def messages(town: Town) -> list[Json]:
    return [update["message"] for update in await town.updates() if "message" in update]


@pytest.mark.parametrize("url", [LINK, "t.me/invoice_bot?start=" + "x" * 64])
async def test_a_press_is_answered_with_a_link_to_the_bot(town: Town, url: str) -> None:
    press = await answered(town, url=url)
    answer = press.answer.result()
    assert (answer.url, answer.text, answer.show_alert) == (url, None, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://t.me/invoice_bot",
        "https://t.me/invoice_bot?start=",
        "https://t.me/invoice_bot?start=" + "x" * 65,
        "https://t.me/invoice_bot?start=a.b",
        "https://t.me/invoice_bot?start=a%20b",
        "https://t.me/invoice_bot?start=a&b=c",
        "https://t.me/invoice_bot?start=ü",
        "https://t.me/invoice_bot?start=a\n",
        "https://t.me/invoice_bot?startgroup=a",
        "https://t.me/other_bot?start=a",
        "https://t.me.example.com/invoice_bot?start=a",
        "http://example.com/",
        "tg://resolve?domain=invoice_bot&start=a",
        "x",
    ],
)
async def test_any_other_link_is_refused_and_the_press_can_still_be_answered(
    town: Town, url: str
) -> None:
    press = await pressed(town)
    said = await refusal(town, "answerCallbackQuery", callback_query_id=press.id, url=url)
    assert said == "Bad Request: URL_INVALID"
    assert not press.answer.done()
    await town.call("answerCallbackQuery", callback_query_id=press.id, url=LINK)
    assert press.answer.result().url == LINK


async def test_another_bots_link_is_refused_and_its_own_is_not(town: Town) -> None:
    second = town.sim.add_bot("654321:x", "second_bot", "Second")
    chat = town.sim.private_chat(town.ann, bot=second)
    town.sim.say(chat, town.ann, "/start")
    call = {"token": "654321:x", "chat_id": town.ann.id, "text": "x", "reply_markup": CANCEL}
    sent = await town.call("sendMessage", **call)
    press = town.sim.press(chat, town.ann, sent["message_id"])
    answer = {"token": "654321:x", "callback_query_id": press.id}
    assert await refusal(town, "answerCallbackQuery", **answer, url=LINK) == (
        "Bad Request: URL_INVALID"
    )
    await town.call("answerCallbackQuery", **answer, url="t.me/second_bot?start=a")
    followed = town.sim.follow(press)
    assert followed is not None
    assert followed.chat is chat


async def test_a_person_who_uses_the_bot_sends_the_start_at_once(town: Town) -> None:
    chat = town.private()
    press = await answered(town, url=LINK)
    followed = town.sim.follow(press, presses_start=False)
    assert followed is town.sim.messages(chat)[-1]
    (told,) = await messages(town)
    assert told["text"] == "/start bill_7-a"
    assert (told["from"]["id"], told["chat"]["id"]) == (town.ann.id, town.ann.id)
    assert told["chat"]["type"] == "private"
    assert told["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]


async def test_a_person_who_never_used_the_bot_is_offered_start(town: Town) -> None:
    press = await answered(town, url=LINK)
    assert town.sim.follow(press, presses_start=False) is None
    assert await messages(town) == []
    said = await refusal(town, "sendMessage", chat_id=town.ann.id, text="x")
    assert said == "Forbidden: bot can't initiate conversation with a user"
    town.sim.start_bot(town.ann, "bill_7-a")
    assert [told["text"] for told in await messages(town)] == ["/start bill_7-a"]
    await town.sent(town.sim.private_chat(town.ann))


async def test_start_unblocks_a_bot_that_was_blocked(town: Town) -> None:
    chat = town.private()
    town.sim.block(town.ann)
    press = await answered(town, url=LINK)
    assert town.sim.follow(press, presses_start=False) is None
    said = await refusal(town, "sendMessage", chat_id=chat.id, text="x")
    assert said == "Forbidden: bot was blocked by the user"
    town.sim.start_bot(town.ann, "bill_7-a")
    back, start = await town.updates()
    assert back["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert start["message"]["text"] == "/start bill_7-a"
    await town.sent(chat)


async def test_a_link_is_followed_once_and_not_beside_a_text(town: Town) -> None:
    press = await pressed(town)
    with pytest.raises(LookupError):
        town.sim.follow(press)
    await town.call("answerCallbackQuery", callback_query_id=press.id, url=LINK)
    assert town.sim.follow(press) is not None
    with pytest.raises(LookupError):
        town.sim.follow(press)
    for answer in ({"url": LINK, "text": "Look"}, {"text": "Look"}, {}):
        with pytest.raises(LookupError):
            town.sim.follow(await answered(town, **answer))
