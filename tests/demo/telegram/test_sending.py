"""What is sent, and refused in Telegram's words: texts, captions, photos, keyboards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.telegram.town import TOO_BIG, Json, Town, picture, refusal

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


# another bot

SECOND = "654321:AAE-simulated"


async def test_a_picture_of_one_bot_is_unknown_to_another(town: Town) -> None:
    photo = (await town.sent(town.private(), photo=picture())).photo
    assert photo is not None
    second = town.sim.add_bot(SECOND, "second_bot", "Second")
    town.sim.say(town.sim.private_chat(town.ann, bot=second), town.ann, "/start")
    where = {"token": SECOND, "chat_id": town.ann.id}
    said = await refusal(town, "sendPhoto", photo=photo.file_id, **where)
    assert said == "Bad Request: wrong file identifier/HTTP URL specified"
    assert await refusal(town, "getFile", token=SECOND, file_id=photo.file_id)


async def test_a_private_chats_messages_begin_again_for_another_bot(town: Town) -> None:
    group = town.group(supergroup=True)
    first = [await town.sent(town.private()), await town.sent(town.private(town.bob))]
    second = town.sim.add_bot(SECOND, "second_bot", "Second")
    begun = town.sim.say(town.sim.private_chat(town.ann, bot=second), town.ann, "/start")
    assert ([each.id for each in first], begun.id) == ([2, 4], 1)
    ids = [town.sim.say(group, town.ann, "Hello").id for _ in range(2)]
    town.sim.readd_bot(group, bot=second)
    assert town.sim.say(group, town.ann, "Hello").id > ids[-1] == ids[0] + 1


async def test_a_groups_messages_begin_again_for_a_bot_that_takes_anothers_place(
    town: Town,
) -> None:
    group = town.group()
    old = await town.sent(group)
    second = town.sim.add_bot(SECOND, "second_bot", "Second")
    town.sim.remove_bot(group)
    town.sim.readd_bot(group, bot=second)
    begun = town.sim.say(group, town.ann, "/start@second_bot")
    assert begun.id < old.id + 2
    assert old not in town.sim.messages(group)
    town.sim.remove_bot(group, bot=second)
    town.sim.readd_bot(group)
    assert town.sim.message(group, old.id) is old
    assert town.sim.say(group, town.ann, "Hello").id > old.id
