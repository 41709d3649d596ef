"""/export: a file for the bot's owners, in private; over real HTTP."""

from __future__ import annotations

import asyncio
import csv
import io

import pytest

from bot import texts
from bot.chat import chats
from bot.chat.commands import export
from bot.core import period
from bot.core.grants import Granted
from bot.core.invoice import State
from bot.demo.telegram import Chat, Message
from bot.errors import ExportEmpty, ExportTooLarge, InvoiceBotError, PeriodEmpty, PeriodRefused
from tests.chat.room import Room


async def sent(room: Room, text: str = "/export") -> Message:
    """What an owner gets for it."""
    chat = room.private(room.owner)
    before = len(room.ours(chat))
    await room.say(chat, room.owner, text)
    await room.said(chat, before + 1)
    return room.telegram.messages(chat)[-1]


def read(message: Message) -> list[dict[str, str]]:
    assert message.document is not None
    text = message.document.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_an_owner_gets_all_invoices_as_a_file(room: Room) -> None:
    rows = [await room.row(await room.say(room.group, room.anna, "/invoice 2100 pizza"))]
    rows.append(await room.row(await room.say(room.group, room.bert, "/invoice 5 =1+1")))
    await room.change(rows[0], state=State.SETTLED, paid_msat=2_100_001, settle_index=7)
    message = await sent(room)
    assert message.document is not None
    assert (message.document.name, message.document.mime_type) == ("invoices.csv", "text/csv")
    assert message.text == texts.exported(2)
    assert message.reply_to is not None
    assert message.reply_to.text == "/export"
    paid, hostile = read(message)
    assert paid["payment_hash"] == rows[0].payment_hash.hex()
    assert (paid["state"], paid["paid_msat"], paid["paid_sats"]) == ("paid", "2100001", "2100.001")
    assert (paid["asker"], paid["chat"]) == ("Anna", "Friday dinner")
    assert hostile["memo"] == "'=1+1"


async def test_only_those_of_a_time_are_in_it(room: Room) -> None:
    old = await room.row(await room.say(room.group, room.anna, "/invoice 1"))
    await room.change(old, asked_at=1_600_000_000.0)
    await room.say(room.group, room.anna, "/invoice 2")
    assert [each["asked_sats"] for each in read(await sent(room, "/export 2020-09"))] == ["1"]
    assert [each["asked_sats"] for each in read(await sent(room, "/export since 2021"))] == ["2"]


async def test_more_rows_than_are_read_at_once_are_all_in_it(room: Room) -> None:
    row = await room.row(await room.say(room.group, room.anna, "/invoice 1"))
    await room.copies(row, 450)
    rows = read(await sent(room))
    assert len({each["payment_hash"] for each in rows}) == 451


@pytest.mark.parametrize(
    ("asks", "error"),
    [
        ("/export 2020", ExportEmpty()),
        ("/export yesterday", PeriodRefused(shown="yesterday")),
        ("/export 2026-11 until", PeriodRefused(shown="2026-11 until")),
        ("/export since 2026-11 until 2026-10", PeriodEmpty(since="2026-11", until="2026-10")),
    ],
)
async def test_where_there_is_no_file_a_sentence_says_why(
    room: Room, asks: str, error: InvoiceBotError
) -> None:
    await room.say(room.group, room.anna, "/invoice 1")
    message = await sent(room, asks)
    assert message.document is None
    assert message.text == texts.export_refusal(error)


def test_what_is_no_time_is_answered_with_forms_that_are_one() -> None:
    said = texts.export_refusal(PeriodRefused(shown="foo"))
    for example in ("/export 2026-10", "/export since 2026-01-01 until 2026-03-31"):
        assert example in said
        assert example in texts.help_owner()
        period.parse(example.removeprefix("/export"))


async def test_what_telegram_would_not_take_is_not_sent_and_the_command_line_is_named(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.say(room.group, room.anna, "/invoice 1")
    monkeypatch.setattr(room.export, "_max_bytes", export.AROUND_BYTES + 100)
    message = await sent(room)
    assert message.document is None
    assert message.text == texts.refusal(ExportTooLarge())
    assert "invoice-bot export" in message.text


def test_no_file_is_written_that_telegram_does_not_take() -> None:
    assert chats.MAX_FILE_BYTES == 50 * 2**20
    assert export.AROUND_BYTES >= 4 * 1024  # a caption, and what is around the file


async def test_a_file_that_telegram_refuses_is_told(room: Room) -> None:
    await room.say(room.group, room.anna, "/invoice 1")
    room.telegram.fail("sendDocument", status=400, description="Bad Request: no")
    message = await sent(room)
    assert (message.document, message.text) == (None, texts.FILE_NOT_SENT)


async def test_a_file_that_surely_was_not_sent_is_sent_again_whole(room: Room) -> None:
    await room.say(room.group, room.anna, "/invoice 1")
    room.telegram.fail("sendDocument", retry_after=1)
    assert len(read(await sent(room))) == 1


async def test_an_export_that_hangs_holds_up_no_other_chat(room: Room) -> None:
    await room.say(room.group, room.anna, "/invoice 1")
    stall = room.telegram.stall("sendDocument")
    owners = room.private(room.owner)
    await room.say(owners, room.owner, "/export")
    await stall.reached()
    chat = room.private(room.anna)
    await room.say(chat, room.anna, "/id")
    await room.told(chat, texts.ids(room.anna.id, chat.id))
    stall.release()
    async with asyncio.timeout(30):
        await room.said(owners, 1)


async def two_owners(room: Room) -> tuple[Chat, Chat]:
    """Their chats; both can be written to."""
    room.access.grant(Granted(owners=frozenset({room.bert.id})))
    await room.say(room.group, room.anna, "/invoice 1")
    return room.private(room.owner), room.private(room.bert)


def without_bert(room: Room) -> None:
    room.access.grant(Granted())


def files(room: Room, chat: Chat) -> int:
    return sum(each.document is not None for each in room.telegram.messages(chat))


async def test_an_owner_whose_chat_hangs_keeps_no_file_from_another(room: Room) -> None:
    hers, his = await two_owners(room)
    stall = room.telegram.stall("sendDocument", chat_id=room.owner.id)
    await room.say(hers, room.owner, "/export")
    await stall.reached()
    await room.say(his, room.bert, "/export")
    await room.telegram.wait_for(lambda: files(room, his) == 1)
    stall.release()
    await room.telegram.wait_for(lambda: files(room, hers) == 1)


async def test_a_removed_owner_gets_no_file_that_waited_to_be_written(room: Room) -> None:
    _, his = await two_owners(room)
    async with room.replies._one_written:
        await room.say(his, room.bert, "/export")
        without_bert(room)
    await room.told(his, texts.OWNERS_ONLY)
    assert files(room, his) == 0


async def test_a_removed_owner_gets_no_file_that_waited_to_be_sent(room: Room) -> None:
    _, his = await two_owners(room)
    room.telegram.fail("sendDocument", chat_id=room.bert.id, retry_after=1)
    await room.say(his, room.bert, "/export")
    calls = room.telegram.calls
    await room.telegram.wait_for(lambda: any(each.method == "sendDocument" for each in calls))
    without_bert(room)
    await room.told(his, texts.OWNERS_ONLY)
    assert files(room, his) == 0


async def test_a_file_whose_answer_is_lost_may_have_arrived(room: Room) -> None:
    hers, _ = await two_owners(room)
    room.telegram.drop("sendDocument", acted=True)
    await room.say(hers, room.owner, "/export")
    await room.told(hers, texts.FILE_MAYBE_SENT, 2)
    assert files(room, hers) == 1
    assert texts.FILE_NOT_SENT not in room.ours(hers)


async def test_a_file_that_is_there_needs_no_sentence_though_nobody_can_read_the_answer(
    room: Room,
) -> None:
    hers, _ = await two_owners(room)
    room.telegram.alter("sendDocument", {"message_id": None})
    await room.say(hers, room.owner, "/export")
    await room.telegram.wait_for(lambda: files(room, hers) == 1)
    await room.say(hers, room.owner, "/id")
    await room.told(hers, texts.ids(room.owner.id, hers.id), 2)


async def test_nothing_of_an_export_is_left_on_the_disk(room: Room) -> None:
    await room.say(room.group, room.anna, "/invoice 1")
    before = {each.name for each in room.file.parent.iterdir()}
    await sent(room)
    assert {each.name for each in room.file.parent.iterdir()} <= before
