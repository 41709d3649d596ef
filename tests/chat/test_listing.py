"""/invoices: its pages, whose they are, and who turns them; over real HTTP."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import texts
from bot.chat.chats import Edit
from bot.chat.limits import A_MINUTE
from bot.chat.list_buttons import ListPress, list_data, read_list
from bot.core.grants import Granted
from bot.core.invoice import Invoice, State
from bot.core.ledger import PAGE, Page, Scope, Show, Turn
from bot.demo.telegram import Answer, Chat, Message, User
from bot.store import Tx
from tests.chat.room import NAME, Room, plain


async def asked(room: Room, chat: Chat, person: User, count: int, first: int = 1) -> None:
    """So many commands, as far apart as their limit wants: /invoice 1, 2, 3."""
    for number in range(first, first + count):
        room.telegram.say(chat, person, f"/invoice {number}")
        await room.handled()
        room.clock.ahead_s += 40


async def listed(room: Room, chat: Chat, person: User) -> Message:
    """/invoices, and what comes."""
    before = len(room.ours(chat))
    name = "/invoices" if chat.type == "private" else f"/invoices@{NAME}"
    await room.say(chat, person, name)
    await room.said(chat, before + 1)
    return room.telegram.messages(chat)[-1]


def sats(message: Message) -> list[int]:
    """The amounts in a list, as they come."""
    return [int(found) for found in re.findall(r"· (\d+) sats?\b", message.text or "")]


def labels(message: Message) -> list[str]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


async def pressed(room: Room, message: Message, person: User, text: str) -> Answer:
    press = room.telegram.press(message.chat, person, message.id, text=text)
    await room.handled()
    async with asyncio.timeout(30):
        return await press.answer


async def turned(room: Room, message: Message, person: User, text: str) -> list[int]:
    """The amounts on another page, once it is there."""
    before = message.text
    await pressed(room, message, person, text)
    await room.telegram.wait_for(lambda: message.text != before)
    return sats(message)


# what a button carries


@given(st.sampled_from(Show), st.integers(-(10**13), 10**13), st.floats(1, 1e11), st.booleans())
def test_what_a_button_carries_is_read_back(
    show: Show, asker_id: int, at: float, is_newer: bool
) -> None:
    at = float(f"{at:.7f}")
    for turn in (None, Turn(at, is_newer)):
        data = list_data(ListPress(show, asker_id, turn))
        assert len(data.encode()) <= 64
        if turn is None or "e" not in data.rpartition(":")[2]:
            assert read_list(data) == ListPress(show, asker_id, turn)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "list",
        "list:all",
        "list:none:7:",
        "list:all:x:",
        "list:all:7:1790000000.5",
        "list:all:7:+nan",
        "list:all:7:-1e9",
        "list:all:7:+\u0661.0",
        "list:all:7:+1.0:8",
        "renew:AAAA",
    ],
)
def test_what_no_button_carries_is_none(data: str) -> None:
    assert read_list(data) is None


# pages


async def test_the_latest_are_listed_in_a_group_only_those_from_there(room: Room) -> None:
    chat = room.private(room.anna)
    await asked(room, room.group, room.anna, 1, 2100)
    await asked(room, chat, room.anna, 1, 4200)
    both = await listed(room, chat, room.anna)
    assert re.findall(r"· (\S+) sats", both.text or "") == ["4,200", "2,100"]
    message = await listed(room, room.group, room.anna)
    rows = await room.do(_rows, Scope(room.anna.id, room.group.id))
    assert message.text == plain(texts.listed(Page(rows), Show.ALL, in_group=True))
    other = await listed(room, room.group, room.bert)
    assert other.text == plain(texts.listed(Page([]), Show.ALL, in_group=True))
    assert other.reply_markup is None


@pytest.mark.parametrize("in_group", [False, True])
async def test_pages_turn_both_ways_and_come_back_to_where_they_were(
    room: Room, in_group: bool
) -> None:
    chat = room.group if in_group else room.private(room.anna)
    await asked(room, chat, room.anna, 2 * PAGE + 5 if not in_group else 15)
    total = 2 * PAGE + 5 if not in_group else 15
    message = await listed(room, chat, room.anna)
    pages = [sats(message)]
    while texts.OLDER_BUTTON in labels(message):
        pages.append(await turned(room, message, room.anna, texts.OLDER_BUTTON))
    assert [each for page in pages for each in page] == list(range(total, 0, -1))
    back = [pages[-1]]
    while texts.NEWER_BUTTON in labels(message):
        back.append(await turned(room, message, room.anna, texts.NEWER_BUTTON))
    # the first is full, whichever way one comes to it
    assert back[-1] == pages[0]
    assert len(room.ours(chat)) == 1


async def test_only_what_is_open_or_paid_is_shown_if_that_is_wanted(room: Room) -> None:
    chat = room.private(room.anna)
    await asked(room, chat, room.anna, 4)
    for number, row in enumerate(await room.do(_rows, Scope(room.anna.id))):
        state = (State.OPEN, State.SETTLED, State.EXPIRED, State.PENDING)[number]
        await room.change(row, state=state, paid_msat=row.amount_msat or 0)
    message = await listed(room, chat, room.anna)
    assert sats(message) == [4, 3, 2, 1]
    assert await turned(room, message, room.anna, "Open") == [4, 1]
    assert await turned(room, message, room.anna, "Paid") == [3]
    assert labels(message) == ["All", "Open", "· Paid ·"]
    assert await turned(room, message, room.anna, "All") == [4, 3, 2, 1]


async def test_where_nothing_is_of_a_kind_the_way_back_is_there(room: Room) -> None:
    chat = room.private(room.anna)
    await asked(room, chat, room.anna, 1)
    message = await listed(room, chat, room.anna)
    assert await turned(room, message, room.anna, "Paid") == []
    assert await turned(room, message, room.anna, "All") == [1]


async def test_what_was_asked_for_in_one_moment_stays_on_one_page(room: Room) -> None:
    chat = room.private(room.anna)
    await asked(room, chat, room.anna, PAGE + 4)
    rows = await room.do(_rows, Scope(room.anna.id))
    for row in rows[PAGE - 1 : PAGE + 1]:  # the last of a page, and the first of the next
        await room.change(row, asked_at=rows[PAGE - 1].asked_at)
    message = await listed(room, chat, room.anna)
    assert len(sats(message)) == PAGE + 1
    assert await turned(room, message, room.anna, texts.OLDER_BUTTON) == [3, 2, 1]


async def test_a_page_of_what_was_removed_since_is_the_newest(room: Room) -> None:
    chat = room.private(room.anna)
    await asked(room, chat, room.anna, PAGE + 2)
    message = await listed(room, chat, room.anna)
    for row in await room.do(_rows, Scope(room.anna.id)):
        if (row.amount_msat or 0) <= 2000:
            await room.change(row, amount_msat=None)  # as good as gone
    await pressed(room, message, room.anna, texts.OLDER_BUTTON)
    await room.telegram.wait_for(lambda: texts.OLDER_BUTTON not in labels(message))
    assert sats(message) == list(range(PAGE + 2, 2, -1))


async def test_splits_and_collections_are_in_the_list(room: Room) -> None:
    await asked(room, room.group, room.anna, 1)
    room.telegram.say(room.group, room.anna, "/split 84k/4 pizza")
    await room.handled()
    message = await listed(room, room.group, room.anna)
    assert "Split: 84,000 sats" in (message.text or "").splitlines()[1]
    assert await turned(room, message, room.anna, "Paid") == []
    assert "Split" not in (message.text or "")
    await turned(room, message, room.anna, "Open")
    assert "Split" in (message.text or "")


# whose they are


async def test_an_owner_sees_everyones_in_private_and_who_asked_and_where(room: Room) -> None:
    await asked(room, room.group, room.anna, 1)
    await asked(room, room.private(room.bert), room.bert, 1, 2)
    chat = room.private(room.owner)
    message = await listed(room, chat, room.owner)
    newest, oldest = (message.text or "").splitlines()[1:]
    assert 'by "Bert" in private' in newest
    assert 'by "Anna" in "Friday dinner"' in oldest
    assert sats(await listed(room, room.private(room.bert), room.bert)) == [2]
    assert sats(await listed(room, room.group, room.owner)) == []


@pytest.mark.parametrize("name", ["bert", "owner", "stranger"])
async def test_only_the_person_who_asked_turns_a_page(room: Room, name: str) -> None:
    person: User = getattr(room, name)
    await asked(room, room.group, room.anna, PAGE + 1)
    message = await listed(room, room.group, room.anna)
    before = message.text
    answer = await pressed(room, message, person, texts.OLDER_BUTTON)
    assert (answer.text, answer.show_alert) == (texts.LIST_OF_ANOTHER, True)
    assert message.text == before


async def test_whose_a_list_is_its_own_buttons_say_and_not_what_a_client_sends(room: Room) -> None:
    await asked(room, room.group, room.anna, PAGE + 1)
    message = await listed(room, room.group, room.anna)
    forged = list_data(ListPress(Show.ALL, room.bert.id, None))
    bot = room.telegram.first_bot()
    press = room.telegram.press(room.group, room.bert, message.id, text="Open")
    press.data = forged
    bot.updates.clear()
    room.telegram.push_press(bot, press)
    await room.handled()
    async with asyncio.timeout(30):
        assert (await press.answer).text == texts.LIST_OF_ANOTHER


async def test_a_message_that_is_no_list_does_not_become_one(room: Room) -> None:
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    bot = room.telegram.first_bot()
    press = room.telegram.press(room.group, room.anna, card.id)
    press.data = list_data(ListPress(Show.ALL, room.anna.id, None))
    bot.updates.clear()
    room.telegram.push_press(bot, press)
    await room.handled()
    async with asyncio.timeout(30):
        assert (await press.answer).text == texts.LIST_OUTDATED
    assert card.photo is not None


async def test_a_giver_who_hides_is_named_to_nobody(room: Room) -> None:
    await asked(room, room.group, room.anna, 1)
    [row] = await room.do(_rows, Scope(room.anna.id))
    for hidden in ({"hidden": True}, {"asker_name": ""}):
        page = Page([replace(row, board_id=1, **hidden)])
        said = texts.listed(page, Show.ALL, in_group=False, is_everyones=True)
        assert "Anna" not in said
        assert str(room.anna.id) not in said


async def test_in_a_group_pages_are_among_the_sentences_of_a_minute(room: Room) -> None:
    await asked(room, room.group, room.anna, PAGE + 1)
    message = await listed(room, room.group, room.anna)
    for number in range(3 * A_MINUTE):
        room.chats.edit(Edit(room.group.id, message.id, f"page {number}"))
    await room.telegram.wait_for(lambda: message.text == f"page {3 * A_MINUTE - 1}")
    edits = [call for call in room.telegram.calls if call.method == "editMessageText"]
    assert len(edits) <= A_MINUTE


def _rows(tx: Tx, scope: Scope) -> list[Invoice]:
    return tx.ledger.invoices(scope, Show.ALL, None, most=100)


async def test_who_is_no_owner_by_the_time_a_page_goes_out_does_not_read_everyones(
    room: Room,
) -> None:
    room.access.grant(Granted(owners=frozenset({room.bert.id})))
    await room.say(room.group, room.anna, "/invoice 21 secret")
    his = room.private(room.bert)
    await room.say(his, room.bert, "/invoices")
    await room.said(his)
    page = room.telegram.messages(his)[-1]
    assert "secret" in (page.text or "")
    await room.say(room.group, room.anna, "/invoice 22 surprise")
    room.telegram.fail("sendMessage", chat_id=his.id, retry_after=1)
    await room.say(his, room.bert, "/invoices")
    calls = room.telegram.calls
    await room.telegram.wait_for(lambda: any(each.status == 429 for each in calls))
    press = room.telegram.press(his, room.bert, page.id, text="Open")
    await room.handled()
    await press.answer
    room.access.grant(Granted())
    await room.say(his, room.bert, "/id")
    await room.told(his, texts.ids(room.bert.id, his.id), 2)
    assert "surprise" not in (page.text or "")
