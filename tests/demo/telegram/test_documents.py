"""sendDocument: what Telegram takes, and what it refuses."""

from __future__ import annotations

import io

import aiohttp
import pytest

from tests.demo.telegram.town import CANCEL, TOKEN, Json, Town, refusal

MB = 1024 * 1024


async def upload(town: Town, data: bytes, **params: str) -> Json:
    """What the call is answered with."""
    form = aiohttp.FormData({"chat_id": str(town.private().id)} | params)
    form.add_field("document", io.BytesIO(data), filename="invoices.csv")
    url = f"{town.sim.url}/bot{TOKEN}/sendDocument"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        shown: Json = await answer.json()
        return shown


async def test_a_file_is_sent_with_its_caption_and_keyboard(town: Town) -> None:
    chat = town.private()
    town.sim.say(chat, town.ann, "/start")
    sent = (await upload(town, b"a,b\r\n", caption="<b>2</b> rows", parse_mode="HTML"))["result"]
    assert sent["document"]["file_name"] == "invoices.csv"
    assert (sent["document"]["mime_type"], sent["document"]["file_size"]) == ("text/csv", 5)
    assert (sent["caption"], sent["caption_entities"][0]["type"]) == ("2 rows", "bold")
    assert "text" not in sent
    message = town.sim.messages(chat)[-1]
    assert message.document is not None
    assert message.document.data == b"a,b\r\n"


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "there is no document in the request"),
        ({"document": "attach://x"}, "there is no document in the request"),
        ({"document": "BQACAgIx"}, "wrong file identifier/HTTP URL specified"),
    ],
)
async def test_a_call_without_a_file_is_refused(town: Town, params: Json, reason: str) -> None:
    chat = town.private()
    town.sim.say(chat, town.ann, "/start")
    said = await refusal(town, "sendDocument", chat_id=chat.id, **params)
    assert said == f"Bad Request: {reason}"


async def test_an_empty_file_and_a_long_caption_are_refused(town: Town) -> None:
    town.sim.say(town.private(), town.ann, "/start")
    assert (await upload(town, b""))["description"] == "Bad Request: file must be non-empty"
    long = await upload(town, b"x", caption="x" * 1025)
    assert long["description"] == "Bad Request: message caption is too long"
    assert (await upload(town, b"x", caption="x" * 1024))["ok"]


async def test_a_file_beyond_50_mb_is_refused(town: Town) -> None:
    town.sim.say(town.private(), town.ann, "/start")
    answer = await upload(town, b"x" * (50 * MB))
    assert (answer["error_code"], answer["description"]) == (413, "Request Entity Too Large")
    assert (await upload(town, b"x" * (50 * MB - 2048)))["ok"]


async def test_a_group_can_forbid_files(town: Town) -> None:
    group = town.group()
    town.sim.restrict_bot(group, send_documents=False)
    said = await upload(town, b"x", chat_id=str(group.id))
    assert said["description"] == "Bad Request: not enough rights to send documents to the chat"
    town.sim.promote(group, town.bot)
    assert (await upload(town, b"x", chat_id=str(group.id)))["ok"]


async def test_only_the_caption_of_a_file_is_edited(town: Town) -> None:
    chat = town.private()
    town.sim.say(chat, town.ann, "/start")
    sent = (await upload(town, b"x"))["result"]
    where = {"chat_id": chat.id, "message_id": sent["message_id"]}
    said = await refusal(town, "editMessageText", **where, text="x")
    assert said == "Bad Request: there is no text in the message to edit"
    edited = await town.call("editMessageCaption", **where, caption="y", reply_markup=CANCEL)
    assert (edited["caption"], edited["document"]["file_size"]) == ("y", 1)
