"""The simulated Telegram: it behaves as the real one, and refuses what the real one refuses."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter

from bot.demo.telegram import Chat, Message, SimTelegram, User
from bot.demo.telegram.floods import Floods
from bot.demo.telegram.methods import BotApi
from bot.demo.telegram.request import Query, Refusal

TOKEN = "123456:AAE-simulated"
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)
TOO_BIG = "file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes"
CANCEL = {"inline_keyboard": [[{"text": "Cancel", "callback_data": "cancel:1"}]]}

Json = dict[str, Any]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_795_380_000.0

    def __call__(self) -> float:
        return self.now


class Refused(Exception):
    """What the Bot API answered when it was not ok."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer["description"])
        self.code = answer["error_code"]
        self.parameters = answer.get("parameters")


class Town:
    """A simulator with a bot and some people, and a client without any library between."""

    http: httpx.AsyncClient

    def __init__(self) -> None:
        self.clock = Clock()
        self.sim = SimTelegram(clock=self.clock)
        self.bot = self.sim.add_bot(TOKEN, "invoice_bot", "Invoices")
        self.ann = self.sim.add_user("Ann")
        self.bob = self.sim.add_user("Bob")

    async def call(self, method: str, token: str = TOKEN, **params: Any) -> Any:
        """The result of a method, sent as JSON; bytes go as an upload in a multipart form."""
        url = f"{self.sim.url}/bot{token}/{method}"
        files = {key: value for key, value in params.items() if isinstance(value, bytes)}
        if not files:
            answer = (await self.http.post(url, json=params)).json()
        else:
            fields = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in params.items()
                if key not in files
            }
            uploads = {key: ("a.png", value) for key, value in files.items()}
            answer = (await self.http.post(url, data=fields, files=uploads)).json()
        if not answer["ok"]:
            raise Refused(answer)
        return answer["result"]

    async def updates(self, offset: int = 0, **params: Any) -> list[Json]:
        """What waits now, without waiting; the offset is never the last one twice."""
        found: list[Json] = await self.call("getUpdates", offset=offset, **params)
        return found

    async def drain(self) -> None:
        """Confirm all that waits."""
        await self.call("getUpdates", offset=-1, limit=1)
        self.sim.bots[TOKEN].updates.clear()

    def group(self, **kind: Any) -> Chat:
        return self.sim.add_group("Dinner", [self.ann, self.bob], **kind)

    def private(self, user: User | None = None) -> Chat:
        """A chat that has begun."""
        chat = self.sim.private_chat(user or self.ann)
        self.sim.say(chat, user or self.ann, "/start")
        return chat

    async def sent(self, chat: Chat, **params: Any) -> Message:
        """A message of the bot's."""
        method = "sendPhoto" if "photo" in params else "sendMessage"
        result = await self.call(method, chat_id=chat.id, **({"text": "x"} | params))
        return self.sim.message(chat, result["message_id"])


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    await town.sim.start()
    async with httpx.AsyncClient(
        timeout=10, verify=False
    ) as town.http:  # no TLS: nothing to verify
        yield town
    await town.sim.stop()


def picture(width: int = 40, height: int = 40, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, form)
    return out.getvalue()


async def refusal(town: Town, method: str, **params: Any) -> str:
    with pytest.raises(Refused) as caught:
        await town.call(method, **params)
    return str(caught.value)


# --- python-telegram-bot, unchanged


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Bot]:
    base = town.sim.url
    async with Bot(TOKEN, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot") as bot:
        yield bot


async def test_the_library_sends_edits_and_reads_what_it_sent(town: Town, client: Bot) -> None:
    group = town.group()
    command = town.sim.say(group, town.ann, "/invoice 2100 pizza")
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("Cancel", callback_data="c")]])
    photo = picture(900, 900)
    card = await client.send_photo(
        group.id,
        photo,
        caption='<b>2,100</b> sats, <tg-time unix="1795380000" format="r">soon</tg-time>',
        parse_mode="HTML",
        reply_parameters=ReplyParameters(command.id),
        reply_markup=keys,
        filename="invoice.png",
    )
    assert card.caption == "2,100 sats, soon"
    assert [(entity.type, entity.offset) for entity in card.caption_entities] == [
        ("bold", 0),
        ("date_time", 12),
    ]
    assert card.reply_to_message is not None
    assert card.reply_to_message.text == "/invoice 2100 pizza"
    assert [size.width for size in card.photo] == [90, 320, 800, 900]
    file = await client.get_file(card.photo[-1].file_id)
    assert await file.download_as_bytearray() == photo
    await client.edit_message_caption(group.id, card.message_id, caption="PAID")
    await client.edit_message_media(InputMediaPhoto(picture()), group.id, card.message_id)
    now = town.sim.message(group, card.message_id)
    assert (now.text, now.reply_markup, len(now.versions)) == (None, None, 3)
    assert now.photo is not None
    assert now.photo.data == picture()


async def test_the_library_reads_every_kind_of_update(town: Town, client: Bot) -> None:
    group = town.group(supergroup=True)
    message = await town.sent(group, reply_markup=CANCEL)
    town.sim.say(group, town.ann, "/id@invoice_bot", reply_to=message)
    town.sim.press(group, town.ann, message.id)
    town.sim.say(group, town.ann, "/x", anonymous=True)
    channel = town.sim.add_channel("News", admins=[town.bob])
    post = town.sim.post(channel, "new")
    town.sim.forward(post, group, automatic=True)
    said = town.sim.say(group, town.bob, "/y")
    town.sim.edit_as_user(said, "/z")
    town.sim.add_topic(town.group(forum=True), "Bills")
    town.private()
    town.sim.block(town.ann)
    for raw in await town.updates():
        update = Update.de_json(raw, client)
        assert update is not None
        assert update.effective_chat is not None
        assert json.loads(update.to_json())["update_id"] == raw["update_id"]


async def test_the_library_knows_the_refusals(town: Town, client: Bot) -> None:
    group = town.group()
    with pytest.raises(BadRequest, match="Chat not found"):
        await client.send_message(5, "x")
    with pytest.raises(Forbidden, match="can't initiate"):
        await client.send_message(town.ann.id, "x")
    town.sim.fail("sendMessage", retry_after=7)
    with pytest.raises(RetryAfter, match="7"):
        await client.send_message(group.id, "x")
    new = town.sim.migrate(group)
    with pytest.raises(ChatMigrated) as moved:
        await client.send_message(group.id, "x")
    assert moved.value.new_chat_id == new.id
    await town.sim.down()
    with pytest.raises(NetworkError):
        await client.send_message(new.id, "x")


async def test_the_library_reads_chats_members_and_menus(town: Town, client: Bot) -> None:
    group = town.group(admins=[town.bob])
    town.sim.promote(group, town.ann)
    assert (await client.get_chat(group.id)).title == "Dinner"
    admins = await client.get_chat_administrators(group.id)
    assert {admin.user.first_name: admin.status for admin in admins} == {
        "Bob": "creator",
        "Ann": "administrator",
    }
    assert (await client.get_chat_member(group.id, client.id)).status == "member"
    await client.set_my_commands([BotCommand("help", "h")], BotCommandScopeAllGroupChats())
    assert await client.get_my_commands() == ()
    assert [each["command"] for each in town.sim.commands(group, town.ann)] == ["help"]
    assert town.sim.commands(town.private(), town.ann) == []
    assert (await client.get_webhook_info()).url == ""


# --- the way in


@pytest.mark.parametrize("way", ["query", "form", "json", "multipart"])
async def test_parameters_come_in_every_form(town: Town, way: str) -> None:
    chat = town.private()
    url = f"{town.sim.url}/bot{TOKEN}/SendMessage"
    params = {"chat_id": str(chat.id), "text": "é&=😀", "disable_notification": "true"}
    match way:
        case "query":
            answer = await town.http.get(url, params=params)
        case "form":
            answer = await town.http.post(url, data=params)
        case "json":
            answer = await town.http.post(url, json=params)
        case _:
            empty = {key: (None, value) for key, value in params.items()}
            answer = await town.http.post(url, files=empty)
    assert answer.status_code == 200
    assert answer.json()["result"]["text"] == "é&=😀"


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("bot123456:AAE-wrong/getMe", 401, "Unauthorized"),
        ("botwrong/getMe", 404, "Not Found"),
        (f"bot{TOKEN}/getSomething", 404, "Not Found: method not found"),
        ("getMe", 404, "Not Found"),
        (f"file/bot{TOKEN}/photos/none.jpg", 404, "Not Found"),
    ],
)
async def test_a_wrong_address_is_refused(
    town: Town, path: str, status: int, description: str
) -> None:
    answer = await town.http.get(f"{town.sim.url}/{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (status, status)
    assert answer.json()["description"] == description


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": "\\ud800", "chat_id": 1}'])
async def test_a_broken_body_is_refused(town: Town, body: bytes) -> None:
    url = f"{town.sim.url}/bot{TOKEN}/sendMessage"
    answer = await town.http.post(url, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["description"].startswith("Bad Request: ")


# --- getUpdates


async def test_what_no_later_call_confirmed_is_delivered_again(town: Town) -> None:
    chat = town.private()
    await town.drain()
    town.sim.say(chat, town.ann, "one")
    town.sim.say(chat, town.ann, "two")
    first, second = await town.updates()
    assert [each["message"]["text"] for each in (first, second)] == ["one", "two"]
    assert await town.updates(first["update_id"]) == [first, second]
    assert await town.updates(second["update_id"]) == [second]
    # an offset that was never reached confirms nothing
    assert await town.updates(second["update_id"] + 500) == [second]
    assert await town.updates(second["update_id"] + 1) == []
    assert len(town.sim.bots[TOKEN].updates) == 0


async def test_limit_and_a_negative_offset(town: Town) -> None:
    chat = town.private()
    for text in ("one", "two", "three"):
        town.sim.say(chat, town.ann, text)
    assert len(await town.updates(limit=2)) == 2
    assert [each["message"]["text"] for each in await town.updates(-2)] == ["two", "three"]
    assert len(town.sim.bots[TOKEN].updates) == 2


async def test_a_long_poll_answers_as_soon_as_something_comes(town: Town) -> None:
    chat = town.private()
    await town.drain()
    poll = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls[-1].params.get("timeout") == "50")
    assert not poll.done()
    town.sim.say(chat, town.ann, "now")
    async with asyncio.timeout(5):
        assert [each["message"]["text"] for each in await poll] == ["now"]


async def test_asking_again_at_once_with_the_same_offset_is_held_back(town: Town) -> None:
    chat = town.private()
    await town.drain()
    assert await town.updates(7) == []
    poll = asyncio.create_task(town.updates(7))
    await town.sim.wait_for(
        lambda: len([c for c in town.sim.calls if "7" in c.params.values()]) == 2
    )
    for text in ("one", "two"):
        town.sim.say(chat, town.ann, text)
    async with asyncio.timeout(5):
        assert [each["message"]["text"] for each in await poll] == ["one"]


async def test_a_second_poller_ends_the_first(town: Town) -> None:
    first = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls)
    second = asyncio.create_task(town.updates(2, timeout=50))
    async with asyncio.timeout(5):
        with pytest.raises(Refused) as caught:
            await first
    assert caught.value.code == 409
    assert str(caught.value) == (
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running"
    )
    assert not second.done()
    town.private()
    assert len(await second) == 1


async def test_a_webhook_keeps_pollers_out_until_it_is_deleted(town: Town) -> None:
    town.private()
    await town.call("setWebhook", url="https://example.com/hook")
    assert (await town.call("getWebhookInfo"))["pending_update_count"] == 1
    assert "webhook is active" in await refusal(town, "getUpdates")
    await town.call("deleteWebhook")
    assert len(await town.updates()) == 1
    assert "HTTPS" in await refusal(town, "setWebhook", url="http://example.com")


async def test_allowed_updates_are_remembered_and_count_from_then_on(town: Town) -> None:
    group = town.group()
    message = await town.sent(group, reply_markup=CANCEL)
    await town.updates(1, allowed_updates=["callback_query"])
    await town.drain()
    town.sim.say(group, town.ann, "/help")
    town.sim.press(group, town.ann, message.id)
    assert [list(update)[1] for update in await town.updates()] == ["callback_query"]
    await town.updates(3, allowed_updates=[])
    town.sim.say(group, town.ann, "/help")
    assert [list(update)[1] for update in await town.updates(2)] == ["callback_query", "message"]


async def test_a_message_waits_for_a_day_and_a_press_for_150_seconds(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    town.sim.press(chat, town.ann, message.id)
    assert len(await town.updates()) == 2
    town.clock.now += 151
    assert [list(update)[1] for update in await town.updates(1)] == ["message"]
    town.clock.now += 86_400
    assert await town.updates(2) == []


async def test_broken_updates_are_delivered_as_they_are(town: Town) -> None:
    update_id = town.sim.push_raw_update({"message": {"nonsense": True}})
    assert await town.updates() == [{"update_id": update_id, "message": {"nonsense": True}}]


# --- what is refused


TEXTS: list[tuple[Json, str]] = [
    ({"text": ""}, "message text is empty"),
    ({}, "message text is empty"),
    ({"text": " \n "}, "text must be non-empty"),
    ({"text": "x" * 4097}, "message is too long"),
    ({"text": "😀" * 2049}, "message is too long"),
    ({"text": "x" * 32769}, "text is too long"),
    ({"text": "<b>x", "parse_mode": "HTML"}, "can't parse entities: Can't find end tag"),
    (
        {"text": "é<b x/>", "parse_mode": "html"},
        'can\'t parse entities: Empty attribute name in the tag "b" at byte offset 2',
    ),
    (
        {"text": "<br>", "parse_mode": "HTML"},
        'can\'t parse entities: Unsupported start tag "br" at byte offset 0',
    ),
    (
        {"text": '<tg-time unix="1" format="q">x</tg-time>', "parse_mode": "HTML"},
        "can't parse entities: Invalid date format used",
    ),
    ({"text": "x", "parse_mode": "BBCode"}, "unsupported parse_mode"),
    ({"text": "x", "entities": [{"type": "bold"}]}, "can't parse MessageEntity: Can't find field"),
    (
        {"text": "x", "entities": [{"type": "bold", "offset": 3, "length": 1}]},
        "entity begins after the end",
    ),
    ({"text": "x", "reply_markup": "{"}, "can't parse reply keyboard markup JSON object"),
    ({"text": "x", "reply_markup": "[]"}, "object expected as reply markup"),
    ({"text": "x", "reply_parameters": "["}, "can't parse reply parameters JSON object"),
    ({"text": "x", "reply_parameters": {"message_id": 999}}, "message to be replied not found"),
    ({"text": "x", "reply_to_message_id": 999}, "message to be replied not found"),
    ({"text": "x", "message_thread_id": 5}, "message thread not found"),
]


@pytest.mark.parametrize(("params", "reason"), TEXTS)
async def test_a_message_is_refused_in_telegrams_words(
    town: Town, params: Json, reason: str
) -> None:
    chat = town.private()
    said = await refusal(town, "sendMessage", chat_id=chat.id, **params)
    assert said.startswith(f"Bad Request: {reason}")
    assert len(town.sim.messages(chat)) == 1


@pytest.mark.parametrize(
    "text", ["x" * 4096, "😀" * 2048, f"<b>{'x' * 4096}</b>", f"  {'x' * 4096}\n"]
)
async def test_4096_units_fit_after_parsing(town: Town, text: str) -> None:
    await town.sent(town.private(), text=text, parse_mode="HTML")


async def test_a_caption_has_1024_units(town: Town) -> None:
    chat = town.private()
    message = await town.sent(
        chat, photo=picture(), caption=f"<i>{'x' * 1024}</i>", parse_mode="HTML"
    )
    said = await refusal(town, "sendPhoto", chat_id=chat.id, photo=picture(), caption="x" * 1025)
    assert said == "Bad Request: message caption is too long"
    said = await refusal(
        town, "editMessageCaption", chat_id=chat.id, message_id=message.id, caption="x" * 1025
    )
    assert said == "Bad Request: message caption is too long"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (picture()[:-20], "IMAGE_PROCESS_FAILED"),
        (picture(form="JPEG")[:-20], "IMAGE_PROCESS_FAILED"),
        (picture(9990, 11), "PHOTO_INVALID_DIMENSIONS"),
        (picture(210, 10), "PHOTO_INVALID_DIMENSIONS"),
        (b"", "file must be non-empty"),
        (
            b"x" * (10 * 1024 * 1024 + 1),
            TOO_BIG,
        ),
    ],
)
async def test_a_photo_is_a_picture_of_bearable_size(town: Town, data: bytes, reason: str) -> None:
    chat = town.private()
    said = await refusal(town, "sendPhoto", chat_id=chat.id, photo=data)
    assert said == f"Bad Request: {reason}"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_sizes_are_read_from_the_header(town: Town, form: str) -> None:
    message = await town.sent(town.private(), photo=picture(200, 11, form))
    assert message.photo is not None
    assert (message.photo.width, message.photo.height) == (200, 11)


async def test_a_large_photo_is_shown_shrunk_to_1280(town: Town) -> None:
    result = await town.call("sendPhoto", chat_id=town.private().id, photo=picture(2560, 1000))
    assert [(size["width"], size["height"]) for size in result["photo"]] == [
        (90, 35),
        (320, 125),
        (800, 312),
        (1280, 500),
    ]


async def test_a_photo_goes_again_by_its_file_id(town: Town) -> None:
    chat = town.private()
    first = await town.sent(chat, photo=picture())
    assert first.photo is not None
    again = await town.sent(chat, photo=first.photo.file_id, caption="again")
    assert again.photo is first.photo
    for wrong in ("nonsense", first.photo.file_id + "xx"):
        said = await refusal(town, "sendPhoto", chat_id=chat.id, photo=wrong)
        assert said == "Bad Request: wrong file identifier/HTTP URL specified"
    said = await refusal(town, "sendPhoto", chat_id=chat.id)
    assert said == "Bad Request: there is no photo in the request"


def keyboard(**button: Any) -> Json:
    return {"inline_keyboard": [[{"text": "x", **button}]]}


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        (keyboard(callback_data="x" * 65), "BUTTON_DATA_INVALID"),
        (keyboard(callback_data="é" * 33), "BUTTON_DATA_INVALID"),
        (keyboard(), "can't parse InlineKeyboardButton: Text buttons are not allowed"),
        (
            keyboard(url="lightning:lnbc1"),
            "inline keyboard button URL 'lightning:lnbc1' is invalid",
        ),
        (keyboard(copy_text={"text": "x" * 257}), "BUTTON_COPY_TEXT_INVALID"),
        (keyboard(copy_text={"text": ""}), "BUTTON_COPY_TEXT_INVALID"),
        ({"inline_keyboard": [["x"]]}, "can't parse InlineKeyboardButton: InlineKeyboardButton"),
        ({"inline_keyboard": [[{}]]}, "can't parse InlineKeyboardButton: Can't find field"),
        ({"inline_keyboard": ["x"]}, "expected an Array of InlineKeyboardButton"),
        ({"force_reply": True, "input_field_placeholder": "x" * 65}, "input_field_placeholder"),
    ],
)
async def test_a_keyboard_is_refused(town: Town, markup: Json, reason: str) -> None:
    chat = town.private()
    said = await refusal(town, "sendMessage", chat_id=chat.id, text="x", reply_markup=markup)
    assert said.startswith(f"Bad Request: {reason}")


@pytest.mark.parametrize(
    "markup",
    [
        keyboard(callback_data="x" * 64),
        keyboard(url="https://example.com/"),
        keyboard(url="tg://resolve?domain=x"),
        keyboard(copy_text={"text": "x" * 256}),
        {"force_reply": True, "input_field_placeholder": "How many?", "selective": True},
    ],
)
async def test_a_keyboard_is_kept_as_it_was_sent(town: Town, markup: Json) -> None:
    assert (await town.sent(town.private(), reply_markup=markup)).reply_markup == markup


# --- chats that can't be written to


async def test_a_stranger_can_not_be_written_to(town: Town) -> None:
    assert await refusal(town, "sendMessage", chat_id=town.ann.id, text="x") == (
        "Bad Request: chat not found"
    )
    town.group()
    assert await refusal(town, "sendMessage", chat_id=town.ann.id, text="x") == (
        "Forbidden: bot can't initiate conversation with a user"
    )
    assert await refusal(town, "sendMessage", text="x") == "Bad Request: chat_id is empty"


async def test_a_person_who_blocked_the_bot_gets_nothing_until_they_return(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat)
    town.sim.block(town.ann)
    for method in ("sendMessage", "editMessageText", "sendChatAction"):
        params = {"text": "y", "message_id": message.id, "action": "typing"}
        said = await refusal(town, method, chat_id=chat.id, **params)
        assert said == "Forbidden: bot was blocked by the user"
    with pytest.raises(ValueError, match="can't write"):
        town.sim.say(chat, town.ann, "x")
    town.sim.unblock(town.ann)
    await town.sent(chat)
    statuses = [
        update["my_chat_member"]["new_chat_member"]["status"]
        for update in await town.updates()
        if "my_chat_member" in update
    ]
    assert statuses == ["kicked", "member"]


@pytest.mark.parametrize(("supergroup", "kind"), [(False, "group"), (True, "supergroup")])
async def test_a_group_that_removed_the_bot_gets_nothing(
    town: Town, supergroup: bool, kind: str
) -> None:
    group = town.group(supergroup=supergroup)
    await town.drain()
    town.sim.remove_bot(group)
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x")
    assert said == f"Forbidden: bot was kicked from the {kind} chat"
    town.sim.say(group, town.ann, "/help@invoice_bot")
    assert [list(update)[1] for update in await town.updates()] == ["my_chat_member", "message"]
    town.sim.readd_bot(group)
    await town.sent(group)
    await town.call("leaveChat", chat_id=group.id)
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x")
    assert said == f"Forbidden: bot is not a member of the {kind} chat"


async def test_a_group_that_never_had_the_bot_is_unknown(town: Town) -> None:
    group = town.group(bot_member=False)
    said = await refusal(town, "getChat", chat_id=group.id)
    assert said == "Bad Request: chat not found"


async def test_a_group_may_forbid_photos_or_texts(town: Town) -> None:
    group = town.group()
    town.sim.restrict_bot(group, send_photos=False)
    said = await refusal(town, "sendPhoto", chat_id=group.id, photo=picture())
    assert said == "Bad Request: not enough rights to send photos to the chat"
    message = await town.sent(group)
    where = {"chat_id": group.id, "message_id": message.id}
    media = {"type": "photo", "media": "attach://new"}
    said = await refusal(town, "editMessageMedia", **where, media=media, new=picture())
    assert said == "Bad Request: not enough rights to send photos to the chat"
    town.sim.restrict_bot(group, send_text=False)
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x")
    assert said == "Bad Request: not enough rights to send text messages to the chat"
    town.sim.promote(group, town.bot)
    await town.sent(group)


async def test_a_group_that_became_a_supergroup_has_a_new_id(town: Town) -> None:
    group = town.group()
    message = await town.sent(group)
    await town.drain()
    new = town.sim.migrate(group)
    with pytest.raises(Refused) as caught:
        await town.call("sendMessage", chat_id=group.id, text="x")
    assert caught.value.code == 400
    assert caught.value.parameters == {"migrate_to_chat_id": new.id}
    assert str(caught.value) == "Bad Request: group chat was upgraded to a supergroup chat"
    for chat in (group, new):
        said = await refusal(
            town, "editMessageText", chat_id=chat.id, message_id=message.id + 50, text="y"
        )
        assert said == "Bad Request: message to edit not found"
    said = await refusal(town, "editMessageText", chat_id=group.id, message_id=message.id, text="y")
    assert said == "Bad Request: message to edit not found"
    told = [update["message"] for update in await town.updates()]
    assert [note.get("migrate_to_chat_id") for note in told] == [new.id, None]
    assert [note.get("migrate_from_chat_id") for note in told] == [None, group.id]
    await town.sent(new)
    assert (await town.call("getChatMember", chat_id=new.id, user_id=town.ann.id))["status"] == (
        "creator"
    )


# --- topics and replies


async def test_topics_have_their_thread_and_general_has_none(town: Town) -> None:
    forum = town.group(forum=True)
    topic = town.sim.add_topic(forum, "Bills")
    asked = town.sim.say(forum, town.ann, "/invoice 5", thread=topic)
    shown = town.sim.message_json(asked)
    assert (shown["message_thread_id"], shown["is_topic_message"]) == (topic, True)
    # what replies to nothing is shown as a reply to the topic's first message
    assert shown["reply_to_message"]["forum_topic_created"]["name"] == "Bills"
    answer = await town.call(
        "sendMessage", chat_id=forum.id, text="x", reply_parameters={"message_id": asked.id}
    )
    assert answer["message_thread_id"] == topic
    assert answer["reply_to_message"]["message_id"] == asked.id
    general = await town.call("sendMessage", chat_id=forum.id, text="x")
    assert "message_thread_id" not in general
    for thread in (1, 9999):
        said = await refusal(
            town, "sendMessage", chat_id=forum.id, text="x", message_thread_id=thread
        )
        assert said == "Bad Request: message thread not found"
    town.sim.delete_topic(forum, topic)
    said = await refusal(town, "sendMessage", chat_id=forum.id, text="x", message_thread_id=topic)
    assert said == "Bad Request: message thread not found"


async def test_a_thread_means_nothing_where_there_are_no_topics(town: Town) -> None:
    sent = await town.call("sendMessage", chat_id=town.group().id, text="x", message_thread_id=77)
    assert "message_thread_id" not in sent


async def test_a_reply_to_a_deleted_message_goes_without_it_only_if_allowed(town: Town) -> None:
    group = town.group()
    asked = town.sim.say(group, town.ann, "/invoice 5")
    town.sim.delete_message(group, asked.id)
    reply = {"message_id": asked.id, "allow_sending_without_reply": True}
    assert (await town.sent(group, reply_parameters=reply)).reply_to is None
    reply["allow_sending_without_reply"] = False
    said = await refusal(town, "sendMessage", chat_id=group.id, text="x", reply_parameters=reply)
    assert said == "Bad Request: message to be replied not found"


async def test_a_reply_shows_one_level(town: Town) -> None:
    group = town.group()
    first = town.sim.say(group, town.ann, "one")
    second = town.sim.say(group, town.bob, "two", reply_to=first)
    third = town.sim.message_json(town.sim.say(group, town.ann, "three", reply_to=second))
    assert third["reply_to_message"]["text"] == "two"
    assert "reply_to_message" not in third["reply_to_message"]


# --- edits and deletions


async def test_an_edit_that_changes_nothing_is_refused(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, text="<b>x</b>", parse_mode="HTML", reply_markup=CANCEL)
    same = {
        "chat_id": chat.id,
        "message_id": message.id,
        "text": " <b>x</b> ",
        "parse_mode": "HTML",
    }
    assert await refusal(town, "editMessageText", **same, reply_markup=CANCEL) == NOT_MODIFIED
    assert message.edit_date is None
    await town.call("editMessageText", **same)
    assert message.reply_markup is None
    assert message.edit_date == int(town.clock.now)
    where = {"chat_id": chat.id, "message_id": message.id}
    assert await refusal(town, "editMessageReplyMarkup", **where) == NOT_MODIFIED
    await town.call("editMessageReplyMarkup", **where, reply_markup=CANCEL)
    assert message.reply_markup == CANCEL
    assert [version.reply_markup for version in message.versions] == [CANCEL, None, CANCEL]


async def test_edits_fit_what_they_edit(town: Town) -> None:
    group = town.group()
    text = await town.sent(group)
    photo = await town.sent(group, photo=picture(), caption="c")
    theirs = town.sim.say(group, town.ann, "/help")
    asks = await town.sent(group, reply_markup={"force_reply": True})
    gone = await town.sent(group)
    town.sim.delete_message(group, gone.id)
    for message, method, reason in (
        (photo, "editMessageText", "there is no text in the message to edit"),
        (text, "editMessageCaption", "there is no caption in the message to edit"),
        (theirs, "editMessageText", "message can't be edited"),
        (asks, "editMessageText", "message can't be edited"),
        (gone, "editMessageText", "message to edit not found"),
        (gone, "editMessageReplyMarkup", "message to edit not found"),
    ):
        params = {"chat_id": group.id, "message_id": message.id, "text": "y", "caption": "y"}
        assert await refusal(town, method, **params) == f"Bad Request: {reason}"
    force = {"force_reply": True}
    where = {"chat_id": group.id, "message_id": text.id}
    said = await refusal(town, "editMessageText", **where, text="y", reply_markup=force)
    assert said == "Bad Request: inline keyboard expected"


async def test_media_is_exchanged_by_upload_or_file_id_and_a_text_becomes_a_photo(
    town: Town,
) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    where = {"chat_id": chat.id, "message_id": message.id}
    media = {"type": "photo", "media": "attach://new", "caption": "<b>c</b>", "parse_mode": "HTML"}
    result = await town.call("editMessageMedia", **where, media=media, new=picture(50, 50))
    assert (result["caption"], result["photo"][-1]["width"]) == ("c", 50)
    assert "text" not in result
    same = media | {"media": result["photo"][-1]["file_id"]}
    assert await refusal(town, "editMessageMedia", **where, media=same) == NOT_MODIFIED
    await town.call("editMessageMedia", **where, media=same | {"caption": "d"})
    for wrong, reason in (
        ({"type": "photo", "media": "attach://none"}, "can't parse InputMedia: media not found"),
        ({"type": "photo"}, "can't parse InputMedia: media not found"),
        ({"media": "x"}, "can't parse InputMedia: Can't find field \"type\""),
        ({"type": "photo", "media": "x"}, "wrong file identifier/HTTP URL specified"),
        (5, "can't parse InputMedia: expected an Object"),
    ):
        said = await refusal(town, "editMessageMedia", **where, media=wrong)
        assert said == f"Bad Request: {reason}"


async def test_deleting_follows_the_48_hours(town: Town) -> None:
    group = town.group(supergroup=True)
    theirs = town.sim.say(group, town.ann, "/help")
    new, old = await town.sent(group), await town.sent(group)
    where = {"chat_id": group.id}
    said = await refusal(town, "deleteMessage", **where, message_id=theirs.id)
    assert said == "Bad Request: message can't be deleted"
    await town.call("deleteMessage", **where, message_id=new.id)
    said = await refusal(town, "deleteMessage", **where, message_id=new.id)
    assert said == "Bad Request: message to delete not found"
    town.clock.now += 48 * 3600 + 1
    said = await refusal(town, "deleteMessage", **where, message_id=old.id)
    assert said == "Bad Request: message can't be deleted for everyone"
    town.sim.promote(group, town.bot)
    await town.call("deleteMessage", **where, message_id=theirs.id)


# --- who hears what


async def test_privacy_mode_hands_on_what_is_meant_for_the_bot(town: Town) -> None:
    group = town.group(bare_commands=False)
    message = await town.sent(group)
    await town.drain()
    heard, silent = (
        ["/help@Invoice_Bot x", "/id@invoice_bot"],
        [
            "/help",
            "/help@other_bot",
            "hello @invoice_bot",
            "please /help@invoice_bot",
        ],
    )
    for text in heard + silent:
        town.sim.say(group, town.ann, text)
    town.sim.say(group, town.ann, "a reply", reply_to=message)
    town.sim.say(group, town.ann, "no reply to it", reply_to=town.sim.messages(group)[-1])
    texts = [update["message"]["text"] for update in await town.updates()]
    assert texts == [*heard, "a reply"]


async def test_bare_commands_reach_the_bot_unless_another_spoke_last(town: Town) -> None:
    other = town.sim.add_bot("77:x", "other_bot", "Other")
    group = town.group()
    await town.drain()
    town.sim.say(group, town.ann, "/help")
    await town.call("sendMessage", token="77:x", chat_id=group.id, text="I am here")
    town.sim.say(group, town.ann, "/id")
    texts = [update["message"]["text"] for update in await town.updates()]
    assert texts == ["/help"]
    assert group.has(other.id)


@pytest.mark.parametrize("way", ["admin", "reads all"])
async def test_an_administrator_or_a_bot_without_privacy_hears_everything(
    town: Town, way: str
) -> None:
    group = town.group()
    if way == "admin":
        town.sim.promote(group, town.bot)
    else:
        town.sim.bots[TOKEN].reads_all = True
    await town.drain()
    said = town.sim.say(group, town.ann, "hello")
    town.sim.edit_as_user(said, "hello!")
    assert [list(update)[1] for update in await town.updates()] == ["message", "edited_message"]
    # and nothing of its own
    await town.sent(group)
    assert len(await town.updates(1)) == 2


async def test_anonymous_administrators_and_channels_speak_as_chats(town: Town) -> None:
    group = town.group(supergroup=True)
    channel = town.sim.add_channel("News", admins=[town.bob])
    await town.drain()
    town.sim.say(group, town.ann, "/a", anonymous=True)
    town.sim.say(group, town.ann, "/b", sender_chat=channel)
    post = town.sim.post(channel, "/c")
    town.sim.promote(group, town.bot)
    town.sim.forward(post, group, automatic=True)
    town.sim.forward(town.sim.say(group, town.bob, "/d"), group, town.ann)
    shown = [update.get("message") or update.get("channel_post") for update in await town.updates()]
    a, b, c, forwarded, _, again = [each for each in shown if each is not None]
    assert (a["from"]["id"], a["sender_chat"]["id"]) == (1087968824, group.id)
    assert (b["from"]["id"], b["sender_chat"]["id"]) == (136817688, channel.id)
    assert "from" not in c
    assert c["sender_chat"]["id"] == channel.id
    assert forwarded["is_automatic_forward"] is True
    assert forwarded["forward_origin"]["chat"]["id"] == channel.id
    assert again["forward_origin"]["sender_user"]["id"] == town.bob.id
    assert all(town.ann.first_name not in json.dumps(each) for each in (a, b))


async def test_the_bot_posts_in_a_channel_as_the_channel(town: Town) -> None:
    channel = town.sim.add_channel("News", admins=[town.bob])
    await town.drain()
    post = await town.call("sendMessage", chat_id=channel.id, text="x")
    assert "from" not in post
    assert await town.updates() == []
    where = {"chat_id": channel.id, "message_id": post["message_id"]}
    await town.call("editMessageText", **where, text="y")
    town.sim.demote(channel, town.bot)
    said = await refusal(town, "sendMessage", chat_id=channel.id, text="x")
    assert said == "Bad Request: need administrator rights in the channel chat"


async def test_joining_and_leaving_are_told(town: Town) -> None:
    group = town.group()
    carl = town.sim.add_user("Carl")
    await town.drain()
    town.sim.join(group, carl)
    town.sim.leave(group, carl)
    joined, left = (update["message"] for update in await town.updates())
    assert joined["new_chat_members"][0]["id"] == carl.id
    assert left["left_chat_member"]["id"] == carl.id
    with pytest.raises(ValueError, match="Carl can't write there"):
        town.sim.say(group, carl, "x")


def test_a_client_sends_no_empty_and_no_endless_text() -> None:
    town = Town()
    chat = town.sim.private_chat(town.ann)
    for text in ("", "  ", "x" * 4097):
        with pytest.raises(ValueError, match=r"non-empty|at most"):
            town.sim.say(chat, town.ann, text)
    assert town.sim.messages(chat) == []


# --- buttons, reactions, menus


async def test_a_press_reaches_the_bot_and_its_answer_the_person(town: Town) -> None:
    group = town.group()
    message = await town.sent(group, reply_markup=CANCEL)
    await town.drain()
    press = town.sim.press(group, town.ann, message.id, text="Cancel")
    (update,) = await town.updates()
    query = update["callback_query"]
    assert (query["from"]["id"], query["data"]) == (town.ann.id, "cancel:1")
    assert query["message"]["message_id"] == message.id
    assert not press.answer.done()
    await town.call("answerCallbackQuery", callback_query_id=query["id"], text="Done", show_alert=1)
    async with asyncio.timeout(5):
        answer = await press.answer
    assert (answer.text, answer.show_alert) == ("Done", True)


async def test_a_button_that_is_gone_can_not_be_pressed(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    with pytest.raises(LookupError):
        town.sim.press(chat, town.ann, message.id, text="Renew")
    await town.call("editMessageReplyMarkup", chat_id=chat.id, message_id=message.id)
    with pytest.raises(LookupError):
        town.sim.press(chat, town.ann, message.id)


async def test_an_old_or_unknown_press_can_not_be_answered(town: Town) -> None:
    chat = town.private()
    press = town.sim.press(chat, town.ann, (await town.sent(chat, reply_markup=CANCEL)).id)
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    long = {"callback_query_id": press.id, "text": "x" * 201}
    assert await refusal(town, "answerCallbackQuery", **long) == "Bad Request: MESSAGE_TOO_LONG"
    assert await refusal(town, "answerCallbackQuery", callback_query_id="5") == too_old
    town.clock.now += 151
    assert await refusal(town, "answerCallbackQuery", callback_query_id=press.id) == too_old


async def test_a_bot_reacts_once_and_with_the_usual_emoji(town: Town) -> None:
    group = town.group()
    said = town.sim.say(group, town.ann, "/help")
    where = {"chat_id": group.id, "message_id": said.id}

    def emoji(*each: str) -> list[Json]:
        return [{"type": "emoji", "emoji": one} for one in each]

    await town.call("setMessageReaction", **where, reaction=emoji("⚡"))
    assert said.reactions == {town.bot.id: emoji("⚡")}
    for reaction, reason in (
        (emoji("👍", "👎"), "REACTIONS_TOO_MANY"),
        (emoji("🍕"), "REACTION_INVALID"),
    ):
        said_no = await refusal(town, "setMessageReaction", **where, reaction=reaction)
        assert said_no == f"Bad Request: {reason}"


async def test_the_narrowest_menu_wins(town: Town) -> None:
    group = town.group(admins=[town.bob])

    async def menu(name: str, **where: Any) -> None:
        commands = [{"command": name, "description": "d"}]
        await town.call("setMyCommands", commands=commands, **where)

    await menu("all")
    await menu("groups", scope={"type": "all_group_chats"})
    await menu("gruppen", scope={"type": "all_group_chats"}, language_code="de")
    await menu("admins", scope={"type": "all_chat_administrators"})
    await menu("here", scope={"type": "chat", "chat_id": group.id})
    dora = town.sim.add_user("Dora", language_code="de")
    town.sim.join(group, dora)
    elsewhere = town.sim.add_group("Lunch", [town.bob, dora, town.ann])

    def shown(chat: Chat, user: User) -> list[str]:
        return [each["command"] for each in town.sim.commands(chat, user)]

    assert shown(group, town.ann) == ["here"]
    assert shown(elsewhere, town.ann) == ["groups"]
    assert shown(elsewhere, dora) == ["gruppen"]
    assert shown(elsewhere, town.bob) == ["admins"]
    assert shown(town.private(), town.ann) == ["all"]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"commands": [{"command": "Help", "description": "d"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "h" * 33, "description": "d"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "h", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "h"}]}, "can't parse BotCommand: Can't find field"),
        ({"commands": 5}, "expected an Array of BotCommand"),
        ({"commands": [{"command": "h", "description": "d"}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": [], "language_code": "en-US"}, "invalid language code specified"),
        ({"commands": [], "scope": {"type": "x"}}, "can't parse BotCommandScope: Unsupported"),
        ({"commands": [], "scope": {"type": "chat", "chat_id": 5}}, "chat not found"),
        ({"commands": [], "scope": {"type": "chat"}}, "can't parse BotCommandScope: Can't find"),
    ],
)
async def test_a_wrong_menu_is_refused(town: Town, params: Json, reason: str) -> None:
    assert (await refusal(town, "setMyCommands", **params)).startswith(f"Bad Request: {reason}")


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        ("sendChatAction", {"action": "dance"}, "wrong parameter action in request"),
        ("getChatMember", {}, "invalid user_id specified"),
        ("getChatMember", {"user_id": 5}, "user not found"),
        ("getChatAdministrators", {}, "there are no administrators in the private chat"),
        ("getFile", {"file_id": "x"}, "invalid file_id"),
        ("getFile", {}, "file_id not specified"),
        ("deleteMessage", {"message_id": 999}, "message to delete not found"),
        ("setMessageReaction", {"message_id": 999}, "message to react not found"),
        ("leaveChat", {}, "chat member status can't be changed in private chats"),
    ],
)
async def test_other_methods_refuse_too(town: Town, method: str, params: Json, reason: str) -> None:
    chat = town.private()
    assert await refusal(town, method, chat_id=chat.id, **params) == f"Bad Request: {reason}"


# --- mentions of people


async def test_a_mentioned_person_must_be_known(town: Town) -> None:
    group = town.group()
    stranger = town.sim.add_user("Eve")
    text = "".join(f'<a href="tg://user?id={id_}">x</a> ' for id_ in (town.ann.id, stranger.id, 5))
    message = await town.sent(group, text=text, parse_mode="HTML")
    assert [entity["user"]["first_name"] for entity in message.entities] == ["Ann"]
    assert message.text == "x x x"


async def test_a_lightning_link_is_dropped_and_its_text_stays(town: Town) -> None:
    text = '<a href="lightning:lnbc1pvjluez">pay</a>'
    message = await town.sent(town.private(), text=text, parse_mode="HTML")
    assert (message.text, message.entities) == ("pay", [])


# --- what goes wrong on demand


async def test_calls_fail_as_often_as_asked_and_only_where_asked(town: Town) -> None:
    group, chat = town.group(), town.private()
    town.sim.fail("sendMessage", chat_id=group.id, times=2, status=502)
    await town.sent(chat)
    for _ in range(2):
        assert await refusal(town, "sendMessage", chat_id=group.id, text="x") == "Bad Gateway"
    await town.sent(group)
    town.sim.fail(None, times=None)
    assert await refusal(town, "getMe") == "Internal Server Error"
    assert len(await town.updates()) > 0
    town.sim.clear_faults()
    await town.call("getMe")
    assert [call.status for call in town.sim.calls if call.method == "sendMessage"] == [
        200,
        502,
        502,
        200,
    ]


@pytest.mark.parametrize("acted", [True, False])
async def test_an_answer_is_lost_before_or_after_the_act(town: Town, acted: bool) -> None:
    chat = town.private()
    town.sim.drop("sendMessage", acted=acted)
    with pytest.raises(httpx.RemoteProtocolError):
        await town.call("sendMessage", chat_id=chat.id, text="lost?")
    assert (town.sim.messages(chat)[-1].text == "lost?") is acted
    await town.sent(chat)


async def test_a_held_call_acts_when_it_is_released(town: Town) -> None:
    chat = town.private()
    hold = town.sim.stall("sendMessage")
    call = asyncio.create_task(town.sent(chat, text="late"))
    await hold.reached()
    await town.call("getMe")
    assert len(town.sim.messages(chat)) == 1
    hold.release()
    async with asyncio.timeout(5):
        await call
    assert town.sim.messages(chat)[-1].text == "late"


async def test_a_slow_call_lets_others_pass(town: Town) -> None:
    chat = town.private()
    town.sim.slow("sendMessage", 0.1)
    slow = asyncio.create_task(town.sent(chat))
    await town.sim.wait_for(lambda: town.sim.calls[-1].method == "sendMessage")
    await town.call("getMe")
    assert not slow.done()
    async with asyncio.timeout(5):
        await slow


async def test_down_refuses_connections_and_breaks_open_ones(town: Town) -> None:
    await town.call("getMe")
    poll = asyncio.create_task(town.updates(1, timeout=50))
    await town.sim.wait_for(lambda: town.sim.calls[-1].method == "getUpdates")
    await town.sim.down()
    async with asyncio.timeout(5):
        with pytest.raises(httpx.HTTPError):
            await poll
    with pytest.raises(httpx.ConnectError):
        await town.call("getMe")
    url = town.sim.url
    await town.sim.up()
    assert town.sim.url == url
    await town.call("getMe")


async def test_a_port_in_use_is_an_error(town: Town) -> None:
    port = int(town.sim.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await SimTelegram().start(port=port)


async def wait_named(town: Town, chat: Chat) -> int:
    """The seconds that a refused message has to wait."""
    with pytest.raises(Refused) as caught:
        await town.call("sendMessage", chat_id=chat.id, text="x")
    assert caught.value.code == 429
    seconds = caught.value.parameters["retry_after"]
    assert str(caught.value) == f"Too Many Requests: retry after {seconds}"
    return int(seconds)


async def test_one_chat_has_a_burst_and_then_waits(town: Town) -> None:
    chat = town.private()
    town.sim.limit_floods()
    for _ in range(5):
        await town.sent(chat)
    seconds = await wait_named(town, chat)
    town.clock.now += seconds - 0.5
    assert await wait_named(town, chat) == 1
    town.clock.now += 0.5
    await town.sent(chat)
    town.sim.limit_floods(False)
    for _ in range(9):
        await town.sent(chat)


async def test_a_group_takes_20_a_minute_edits_included(town: Town) -> None:
    group = town.group()
    town.sim.limit_floods()
    message = await town.sent(group)
    for count in range(19):
        town.clock.now += 1
        where = {"chat_id": group.id, "message_id": message.id}
        await town.call("editMessageText", **where, text=str(count))
    town.clock.now += 1
    assert await wait_named(town, group) == 40


async def test_all_chats_together_take_30_a_second(town: Town) -> None:
    groups = [town.group() for _ in range(31)]
    town.sim.limit_floods()
    for group in groups[:30]:
        await town.sent(group)
    assert await wait_named(town, groups[30]) == 1
    town.clock.now += 1
    await town.sent(groups[30])


# --- looking on


async def test_listeners_hear_every_change_in_order(town: Town) -> None:
    chat = town.sim.private_chat(town.ann)
    changes = town.sim.listen()
    town.sim.say(chat, town.ann, "/start")
    message = await town.sent(chat, reply_markup=CANCEL)
    press = town.sim.press(chat, town.ann, message.id)
    await town.call("answerCallbackQuery", callback_query_id=press.id)
    await town.call("editMessageText", chat_id=chat.id, message_id=message.id, text="y")
    await town.call("deleteMessage", chat_id=chat.id, message_id=message.id)
    await town.sim.stop()
    heard = [change async for change in changes]
    assert [change.kind for change in heard] == [
        "message",
        "message",
        "press",
        "answer",
        "edit",
        "delete",
    ]
    assert heard[-1].message is message


async def test_waiting_ends_with_the_change_or_with_the_time(town: Town) -> None:
    chat = town.private()
    waiting = asyncio.create_task(
        town.sim.wait_for(lambda: next(m for m in town.sim.messages(chat) if m.text == "there"))
    )
    await town.sent(chat, text="there")
    async with asyncio.timeout(5):
        assert (await waiting).text == "there"
    with pytest.raises(TimeoutError):
        await town.sim.wait_for(lambda: False, timeout_s=0.01)


async def test_calls_are_kept_as_they_came(town: Town) -> None:
    chat = town.private()
    await town.call("sendPhoto", chat_id=chat.id, photo=picture(), caption="c")
    call = town.sim.calls[-1]
    assert (call.method, call.chat_id, call.status) == ("sendPhoto", chat.id, 200)
    assert (call.params["caption"], call.params["photo"]) == ("c", picture())


# --- whatever comes


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["type", "text", "url", "offset", "length", "user", "media", "chat_id"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
FIELDS = (
    "text parse_mode entities caption caption_entities reply_markup reply_parameters photo media "
    "message_id message_thread_id user_id commands scope language_code reaction file_id offset "
    "callback_query_id action limit"
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    params=st.dictionaries(st.sampled_from(FIELDS.split(" ")), values, max_size=4),
    markup=values,
    method=st.integers(0, 30),
)
def test_nonsense_is_refused_and_never_a_crash(params: Json, markup: Any, method: int) -> None:
    async def run() -> None:
        town = Town()
        chat = town.private()
        bot = town.sim.bots[TOKEN]
        api = BotApi(town.sim, Floods(town.clock))
        names = sorted(api._methods)
        wild = params | {"reply_markup": {"inline_keyboard": [[markup]]}}
        query = Query({key: json.dumps(value) for key, value in wild.items()})
        query.params["chat_id"] = str(chat.id)
        await api.call(bot, "sendmessage", Query({"chat_id": str(chat.id), "text": "x"}))
        query.params.setdefault("message_id", "2")
        code = 200
        try:
            await api.call(bot, names[method % len(names)], query)
        except Refusal as refused:
            code = refused.code
        assert code in (200, 400, 403, 409)

    asyncio.run(run())


# --- as a program of its own


async def test_it_runs_alone_and_is_steered_from_outside() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.demo.telegram", "--listen", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20), httpx.AsyncClient(verify=False) as http:
            token = (await process.stdout.readline()).decode().split()[1]
            base = (await process.stdout.readline()).decode().split()[1]
            url = (await process.stdout.readline()).decode().strip()
            assert base == f"{url}/bot"

            async def post(name: str, **asked: Any) -> Json:
                answer: Json = (await http.post(f"{url}/sim/{name}", json=asked)).json()
                return answer

            ann = (await post("users", first_name="Ann"))["id"]
            group = (await post("groups", title="Dinner", members=[ann]))["id"]
            said = await post("say", chat=group, user=ann, text="/help")
            sent = {
                "chat_id": group,
                "text": "hello",
                "reply_parameters": {"message_id": said["message_id"]},
                "reply_markup": CANCEL,
            }
            answer = (await http.post(f"{base}{token}/sendMessage", json=sent)).json()
            pressing = asyncio.create_task(
                post("press", chat=group, user=ann, message=answer["result"]["message_id"])
            )
            last: Json = {"update_id": 0}
            while "callback_query" not in last:
                offset = last["update_id"] + 1
                polled = await http.get(f"{base}{token}/getUpdates?timeout=5&offset={offset}")
                last = polled.json()["result"][-1]
            query_id = last["callback_query"]["id"]
            await http.get(
                f"{base}{token}/answerCallbackQuery?text=ok&callback_query_id={query_id}"
            )
            assert (await pressing)["text"] == "ok"
            chat = (await http.get(f"{url}/sim/chats/{group}")).json()
            assert [message.get("text") for message in chat["messages"]][-1] == "hello"
            assert (await post("say", chat=1, user=2, text="x"))["error"]
            assert (await http.get(f"{url}/sim/chats/5")).status_code == 404
            assert {chat["id"] for chat in (await http.get(f"{url}/sim/chats")).json()} == {group}
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
