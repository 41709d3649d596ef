"""Strangers who ask to be let in, and what owners answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from bot import texts
from bot.actions import Asker, Subject
from bot.config import AccessSettings
from bot.core.grants import Grant, Granted, Role
from bot.core.invoice import State
from bot.core.knocks import (
    GROUPS_IN_ALL,
    KNOCKS_EVERY_S,
    OPEN_GROUPS,
    OPEN_IN_ALL,
    REFUSED_FOR_S,
    TOLD_IN_ALL,
    Answering,
    Due,
    Knock,
    KnockState,
    Verb,
)
from bot.demo.telegram import Chat, Message, Press, User
from bot.store import Tx
from tests.chat.room import NAME, Room, plain

DAY_S = KNOCKS_EVERY_S + 1


@pytest.fixture
async def door(room: Room) -> AsyncIterator[Room]:
    """A room whose owners use the bot, and whose knocks are shown."""
    await room.say(room.private(room.owner), room.owner, "/start")
    await room.said(room.private(room.owner))
    showing = asyncio.create_task(room.knock_chats.run())
    yield room
    showing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await showing


def all_open(tx: Tx) -> list[Knock]:
    return tx.knocks.open()


def labels(message: Message) -> list[str]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


async def asked(room: Room, owner: User, count: int = 1) -> list[Message]:
    """The messages with which an owner is asked, once there are so many."""
    chat = room.private(owner)

    def found() -> list[Message]:
        return [m for m in room.telegram.messages(chat) if labels(m) and not m.deleted]

    await room.telegram.wait_for(lambda: len(found()) >= count)
    assert len(found()) == count
    return found()


async def pressed(room: Room, person: User, message: Message, label: str) -> Press:
    press = room.telegram.press(message.chat, person, message.id, text=label)
    await room.handled()
    await room.telegram.wait_for(press.answer.done)
    return press


async def answered(room: Room, message: Message) -> str:
    """What a message says once it has no button."""
    await room.telegram.wait_for(lambda: not labels(message))
    return message.text or ""


async def can_ask(room: Room, chat: Chat, person: User) -> bool:
    row = await room.row_of(await room.say(chat, person, f"/invoice@{NAME} 21"))
    return row is not None and row.state is State.PENDING


# asking


async def test_a_stranger_hears_that_the_owner_was_asked_and_the_owner_can_answer(
    door: Room,
) -> None:
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/invoice 21")
    await door.told(hers, texts.ASKED_OWNER)
    [message] = await asked(door, door.owner)
    assert "Sven" in (message.text or "")
    assert str(door.stranger.id) in (message.text or "")
    assert labels(message) == ['Allow "Sven"', texts.REFUSE_BUTTON]


async def test_who_is_let_in_by_the_button_can_ask_everywhere_and_hears_of_it(door: Room) -> None:
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    [message] = await asked(door, door.owner)
    press = await pressed(door, door.owner, message, labels(message)[0])
    assert press.answer.result().text == texts.answering(Answering.DONE)
    assert "Olga" in await answered(door, message)
    assert len(await door.said(hers, 2)) == 2
    assert await can_ask(door, hers, door.stranger)
    door.telegram.join(door.group, door.stranger)
    assert await can_ask(door, door.group, door.stranger)
    [_, let_in] = door.ours(hers)
    assert "let you in" in let_in


async def test_a_group_is_let_in_with_everyone_in_it(door: Room) -> None:
    people = [door.telegram.add_user(name) for name in ("Una", "Vera")]
    club = door.telegram.add_group("Club", people)
    await door.handled()
    door.telegram.say(club, people[0], f"/invoice@{NAME} 21")
    door.telegram.say(club, people[1], f"/invoice@{NAME} 21")
    await door.handled()
    both = await asked(door, door.owner, 2)
    for message in both:
        assert labels(message)[1:] == [texts.ALLOW_GROUP_BUTTON, texts.REFUSE_BUTTON]
        assert "Club" in (message.text or "")
    before = len(door.ours(club))
    await pressed(door, door.owner, both[1], texts.ALLOW_GROUP_BUTTON)
    for message in both:  # the other one's needs no answer either
        assert "The group was let in" in await answered(door, message)
    for person in people:
        assert await can_ask(door, club, person)
        assert not await can_ask(door, door.private(person), person)
    said = await door.said(club, before + 1)
    assert len([each for each in said if "let this group in" in each]) == 1


async def test_a_person_who_is_refused_hears_nothing_and_asks_nobody_for_a_month(
    door: Room,
) -> None:
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    [message] = await asked(door, door.owner)
    await pressed(door, door.owner, message, texts.REFUSE_BUTTON)
    await answered(door, message)
    assert len(door.ours(hers)) == 1
    door.clock.ahead_s += DAY_S
    await door.say(hers, door.stranger, "/start")
    await door.told(hers, texts.stranger(door.stranger.id, hers.id), 2)
    assert await door.do(all_open) == []
    door.clock.ahead_s += REFUSED_FOR_S
    await door.say(hers, door.stranger, "/start")
    await asked(door, door.owner)


async def test_each_person_is_told_of_once_a_day_wherever_they_ask(door: Room) -> None:
    club = door.telegram.add_group("Club", [door.stranger, door.bert])
    await door.handled()
    for _ in range(3):
        await door.say(door.private(door.stranger), door.stranger, "/invoice 21")
        await door.say(club, door.stranger, f"/invoice@{NAME} 21")
    await asked(door, door.owner)
    door.clock.ahead_s += DAY_S
    await door.say(club, door.stranger, f"/invoice@{NAME} 21")
    first, second = await asked(door, door.owner, 2)
    await pressed(door, door.owner, second, labels(second)[0])
    assert "Let in by" in await answered(door, first)


async def test_twenty_a_day_are_told_and_one_notice_stands_for_all_others(door: Room) -> None:
    people = [door.telegram.add_user(f"Person {n}") for n in range(TOLD_IN_ALL + 5)]
    for person in people:
        await door.say(door.private(person), person, "/start")
    await asked(door, door.owner, TOLD_IN_ALL)
    owners = door.private(door.owner)
    said = await door.said(owners, TOLD_IN_ALL + 2)  # one of them answers /start
    more = [each for each in said if "/who" in each and "More people" in each]
    assert len(more) == 1
    assert len(await door.do(all_open)) == len(people)
    door.clock.ahead_s += DAY_S
    late = door.telegram.add_user("Late")
    await door.say(door.private(late), late, "/start")
    await asked(door, door.owner, TOLD_IN_ALL + 1)


async def test_of_very_many_who_ask_the_newest_are_kept_and_whom_owners_are_told_of(
    room: Room,
) -> None:
    people = [room.telegram.add_user(f"Person {n}") for n in range(OPEN_IN_ALL + TOLD_IN_ALL + 3)]
    for person in people:
        room.telegram.say(room.private(person), person, "/start")
    await room.handled()
    kept = await room.do(all_open)
    those = [*people[:TOLD_IN_ALL], *people[TOLD_IN_ALL + 3 :]]
    assert [each.person_id for each in kept] == [person.id for person in reversed(those)]


async def test_an_anonymous_admin_asks_for_the_group(door: Room) -> None:
    boss = door.telegram.add_user("Boss")
    club = door.telegram.add_group("Club", [boss], admins=[boss])
    await door.handled()
    door.telegram.say(club, boss, f"/invoice@{NAME} 21", anonymous=True)
    await door.handled()
    messages = await asked(door, door.owner, 2)  # who added the bot, and the group itself
    group = messages[-1]
    assert "Boss" not in (group.text or "")
    assert labels(group) == [texts.ALLOW_GROUP_BUTTON, texts.REFUSE_BUTTON]
    await pressed(door, door.owner, group, texts.ALLOW_GROUP_BUTTON)
    await answered(door, group)
    assert await can_ask(door, club, boss)


async def test_what_was_asked_is_shown_after_a_kill_before_it_was_sent(room: Room) -> None:
    await room.say(room.private(room.owner), room.owner, "/start")
    await room.say(room.private(room.stranger), room.stranger, "/start")
    showing = asyncio.create_task(room.knock_chats.run())  # the next process
    await asked(room, room.owner)
    showing.cancel()


@pytest.mark.parametrize("method", ["sendMessage", "editMessageText"])
async def test_what_telegram_does_not_take_now_is_shown_later(door: Room, method: str) -> None:
    if method == "sendMessage":
        door.telegram.fail("sendMessage", status=502, chat_id=door.owner.id)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    if method == "editMessageText":
        door.telegram.fail("editMessageText", status=502, chat_id=door.owner.id)
    await pressed(door, door.owner, message, labels(message)[0])
    assert "Olga" in await answered(door, message)


async def test_an_owner_who_blocked_the_bot_keeps_nothing_from_another(door: Room) -> None:
    door.access.grant(Granted(owners=frozenset({door.anna.id})))
    await door.say(door.private(door.anna), door.anna, "/start")
    door.telegram.block(door.owner)
    await door.handled()
    await door.say(door.private(door.stranger), door.stranger, "/start")
    await asked(door, door.anna)


# answers


async def two_owners(door: Room) -> tuple[Message, Message]:
    """A knock, as each of two owners sees it."""
    door.access.grant(Granted(owners=frozenset({door.anna.id})))
    await door.do(_owner, door.anna.id)
    await door.say(door.private(door.anna), door.anna, "/start")
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [hers] = await asked(door, door.owner)
    [other] = await asked(door, door.anna)
    return hers, other


def _owner(tx: Tx, person_id: int) -> None:
    tx.grants.put(Grant(person_id, Role.OWNER, "Anna"))


async def test_what_one_owner_answers_every_owner_reads(door: Room) -> None:
    hers, other = await two_owners(door)
    await pressed(door, door.anna, other, texts.REFUSE_BUTTON)
    for message in (hers, other):
        assert 'Refused by "Anna".' in await answered(door, message)


async def test_of_two_owners_who_press_at_once_the_first_counts(door: Room) -> None:
    hers, other = await two_owners(door)
    first = door.telegram.press(hers.chat, door.owner, hers.id, text=texts.REFUSE_BUTTON)
    second = door.telegram.press(other.chat, door.anna, other.id, text=labels(other)[0])
    await door.handled()
    await door.telegram.wait_for(lambda: first.answer.done() and second.answer.done())
    answers = {first.answer.result().text, second.answer.result().text}
    assert answers == {texts.answering(Answering.DONE), texts.answering(Answering.ALREADY)}


async def test_a_press_of_somebody_who_is_no_longer_an_owner_changes_nothing(door: Room) -> None:
    hers, other = await two_owners(door)
    await door.grants.deny(_subject(door.anna), _asker(door.owner))
    press = await pressed(door, door.anna, other, labels(other)[0])
    assert press.answer.result().text == texts.answering(Answering.NOT_OWNER)
    assert not await can_ask(door, door.private(door.stranger), door.stranger)
    assert labels(hers)


def _subject(person: User) -> Subject:
    return Subject(person.id, person.first_name)


def _asker(person: User) -> Asker:
    return Asker(person.id, person.first_name)


@pytest.mark.parametrize(
    "data", ["let:person:", "let:person:wrong", "let:group:{}", "let:all:{}", "let:{}", "let:"]
)
async def test_a_press_with_data_of_ones_own_lets_nobody_in(door: Room, data: str) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    [open_one] = await door.do(all_open)
    forged = data.format(open_one.handle)
    for person in (door.stranger, door.anna, door.owner):
        update = press_update(door, person, message, forged)
        await door.intake.handle([update])
    assert [each.state for each in await door.do(all_open)] == [KnockState.OPEN]
    assert not await can_ask(door, door.private(door.stranger), door.stranger)


async def test_a_strangers_press_on_the_right_button_lets_nobody_in(door: Room) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    [open_one] = await door.do(all_open)
    for person in (door.stranger, door.anna):
        await door.intake.handle(
            [press_update(door, person, message, f"let:person:{open_one.handle}")]
        )
    assert [each.state for each in await door.do(all_open)] == [KnockState.OPEN]


def press_update(room: Room, person: User, message: Message, data: str) -> dict[str, object]:
    """A press as a client of one's own sends it."""
    press_update.number += 1  # type: ignore[attr-defined]
    return {
        "update_id": press_update.number,  # type: ignore[attr-defined]
        "callback_query": {
            "id": "1",
            "from": {"id": person.id, "is_bot": False, "first_name": person.first_name},
            "chat_instance": "1",
            "message": room.telegram.message_json(message),
            "data": data,
        },
    }


press_update.number = 900_000_000  # type: ignore[attr-defined]


async def test_a_forwarded_question_has_no_button_to_press(door: Room) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    copy = door.telegram.forward(message, door.group, door.owner)
    await door.handled()
    assert labels(copy) == []


async def test_a_copy_that_a_lost_answer_left_is_brought_up_to_date_by_a_press(
    door: Room,
) -> None:
    door.telegram.drop("sendMessage", acted=True, chat_id=door.owner.id)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    copy, message = await asked(door, door.owner, 2)
    await pressed(door, door.owner, message, texts.REFUSE_BUTTON)
    await answered(door, message)
    press = await pressed(door, door.owner, copy, labels(copy)[0])
    assert press.answer.result().text == texts.answering(Answering.ALREADY)
    assert "Refused by" in await answered(door, copy)


async def test_names_stay_names(door: Room) -> None:
    forger = door.telegram.add_user('Ben" (id 1)\n✅ Paid: 50,000 sats')
    await door.say(door.private(forger), forger, "/start")
    [message] = await asked(door, door.owner)
    lines = (message.text or "").splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(f"(id {forger.id}) asks to be let in.")
    assert plain(texts.ASKED_OWNER) in (await door.said(door.private(forger)))


async def test_a_person_whom_telegram_lets_nobody_mention_is_asked_about_all_the_same(
    door: Room,
) -> None:
    door.telegram.unmentionable.add(door.stranger.id)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    assert "Sven" in (message.text or "")


# who reads it, and how much of it


def asking(door: Room, reader: User, what: str = "let in") -> list[str]:
    """All that an owner was sent of people who ask."""
    said = [message.text or "" for message in door.telegram.messages(door.private(reader))]
    return [each for each in said if what in each]


async def shown(door: Room) -> None:
    """Nothing is left to be shown, or never will be."""
    async with asyncio.timeout(30):
        while await door.do(all_due):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_somebody_who_is_no_longer_an_owner_is_shown_no_knock_that_waited(
    door: Room,
) -> None:
    door.access.grant(Granted(owners=frozenset({door.anna.id})))
    await door.do(_owner, door.anna.id)
    await door.say(door.private(door.anna), door.anna, "/start")
    door.telegram.fail("sendMessage", status=502, chat_id=door.anna.id)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    await door.grants.deny(_subject(door.anna), _asker(door.owner))
    await pressed(door, door.owner, message, texts.REFUSE_BUTTON)
    await answered(door, message)
    await shown(door)
    assert asking(door, door.anna, "Sven") == []


async def test_somebody_who_is_no_longer_an_owner_is_shown_no_later_answer(door: Room) -> None:
    hers, other = await two_owners(door)
    await door.grants.deny(_subject(door.anna), _asker(door.owner))
    await pressed(door, door.owner, hers, texts.REFUSE_BUTTON)
    await answered(door, hers)
    await shown(door)
    assert "Refused" not in (other.text or "")


def all_due(tx: Tx) -> list[Due]:
    return tx.knocks.due()


async def test_allow_takes_the_bot_from_nobody_who_owns_it_by_now(door: Room) -> None:
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    [message] = await asked(door, door.owner)
    [knock] = await door.do(all_open)
    await door.do(_owner, door.stranger.id)
    await door.grants.load()
    assert (await door.grants.answer(knock.handle, Verb.PERSON, _asker(door.owner)))[0] is (
        Answering.DONE
    )
    assert door.access.is_owner(door.stranger.id)
    await answered(door, message)


async def test_who_claims_the_bot_has_no_open_knock(door: Room) -> None:
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    [message] = await asked(door, door.owner)
    listed, limits = door.access.now.listed, door.access.now.limits
    door.access.reload(AccessSettings(), limits)
    await door.say(hers, door.stranger, "/start " + await door.grants.claim_code())
    assert door.access.is_owner(door.stranger.id)
    assert await door.do(all_open) == []
    door.access.reload(listed, limits)
    press = await pressed(door, door.owner, message, labels(message)[0])
    assert press.answer.result().text == texts.answering(Answering.ALREADY)
    assert door.access.is_owner(door.stranger.id)


async def test_where_no_owner_can_be_reached_nobody_hears_that_one_was_asked(door: Room) -> None:
    door.telegram.block(door.owner)
    await door.handled()
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    await door.told(hers, texts.stranger(door.stranger.id, hers.id))
    door.telegram.unblock(door.owner)
    await door.say(door.private(door.owner), door.owner, "hello")
    [message] = await asked(door, door.owner)
    assert "Sven" in (message.text or "")


async def test_an_owner_who_never_opened_the_bot_is_shown_what_is_open_once_they_do(
    room: Room,
) -> None:
    showing = asyncio.create_task(room.knock_chats.run())
    await room.say(room.private(room.stranger), room.stranger, "/start")
    async with asyncio.timeout(30):
        while not room.places.is_unreachable(room.owner.id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    late = room.telegram.add_user("Late")
    await room.say(room.private(late), late, "/start")
    await room.told(room.private(late), texts.stranger(late.id, late.id))
    await room.say(room.private(room.owner), room.owner, "/start")
    await asked(room, room.owner, 2)
    showing.cancel()


async def test_one_owner_who_can_be_reached_is_enough_to_be_asked(door: Room) -> None:
    door.access.grant(Granted(owners=frozenset({door.anna.id})))
    await door.say(door.private(door.anna), door.anna, "/start")
    door.telegram.block(door.owner)
    await door.handled()
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    await door.told(hers, texts.ASKED_OWNER)


async def test_an_owner_who_is_back_after_days_is_shown_the_newest_of_a_day(door: Room) -> None:
    door.telegram.block(door.owner)
    await door.handled()
    for day in range(2):
        for number in range(TOLD_IN_ALL):
            person = door.telegram.add_user(f"Person {day} {number}")
            await door.say(door.private(person), person, "/start")
        door.clock.ahead_s += DAY_S
    door.telegram.unblock(door.owner)
    await door.say(door.private(door.owner), door.owner, "hello")
    messages = await asked(door, door.owner, TOLD_IN_ALL)
    assert all("Person 1" in (message.text or "") for message in messages)
    await door.telegram.wait_for(lambda: len(asking(door, door.owner, "More people")) == 1)


async def test_a_new_owner_is_shown_what_is_open(door: Room) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    await asked(door, door.owner)
    await door.say(door.private(door.anna), door.anna, "/start")
    await door.say(door.private(door.owner), door.owner, f"/allow owner {door.anna.id}")
    await asked(door, door.anna)


async def test_twenty_a_day_holds_however_many_ask_and_are_forgotten(door: Room) -> None:
    people = [door.telegram.add_user(f"Person {n}") for n in range(OPEN_IN_ALL + TOLD_IN_ALL + 5)]
    await door.say(door.private(door.stranger), door.stranger, "/start")
    for person in people:
        door.telegram.say(door.private(person), person, "/start")
    await door.handled()
    await door.say(door.private(door.stranger), door.stranger, "/invoice 21")
    await asked(door, door.owner, TOLD_IN_ALL)
    await shown(door)
    assert len(asking(door, door.owner, "asks to be let in")) == TOLD_IN_ALL
    assert len(asking(door, door.owner, "Sven")) == 1


async def test_of_groups_that_ask_by_an_anonymous_admin_a_few_a_day_are_told_and_kept(
    door: Room,
) -> None:
    boss = door.stranger
    clubs = [door.telegram.add_group(f"Club {n}", [boss], admins=[boss]) for n in range(8)]
    await door.handled()
    for club in clubs:
        door.telegram.say(club, boss, f"/invoice@{NAME} 21", anonymous=True)
    await door.handled()
    await asked(door, door.owner, 1 + GROUPS_IN_ALL)  # and who added the bot, once
    await shown(door)
    kept = await door.do(all_open)
    assert len([each for each in kept if each.is_group]) == GROUPS_IN_ALL
    for _ in range(5):
        door.clock.ahead_s += DAY_S
        for club in clubs:
            door.telegram.say(club, boss, f"/invoice@{NAME} 21", anonymous=True)
        await door.handled()
    kept = await door.do(all_open)
    assert len([each for each in kept if each.is_group]) == OPEN_GROUPS


async def test_who_knocked_by_a_clock_that_was_ahead_keeps_nobody_from_asking(door: Room) -> None:
    door.clock.ahead_s = 7 * DAY_S
    for number in range(TOLD_IN_ALL):
        person = door.telegram.add_user(f"Person {number}")
        await door.say(door.private(person), person, "/start")
    await asked(door, door.owner, TOLD_IN_ALL)
    for days, name in ((0, "Late"), (3, "Later")):
        door.clock.ahead_s = days * DAY_S
        person = door.telegram.add_user(name)
        await door.say(door.private(person), person, "/start")
        await door.telegram.wait_for(lambda name=name: asking(door, door.owner, name))  # type: ignore[misc]


async def test_a_knock_shows_the_id_of_the_group_beside_its_title(door: Room) -> None:
    club = door.telegram.add_group("Club (id -1)", [door.stranger])
    await door.handled()
    [message] = await asked(door, door.owner)
    assert (message.text or "").endswith(f"(id {club.id}) asks to be let in.")


# slow chats


def _told_to_wait(door: Room, chat_id: int) -> None:
    door.telegram.fail("sendMessage", chat_id=chat_id, retry_after=3600, times=None)


def _hangs(door: Room, chat_id: int) -> None:
    door.telegram.stall("sendMessage", chat_id=chat_id)


@pytest.mark.parametrize("slow", [_told_to_wait, _hangs])
async def test_an_owner_whose_chat_is_slow_keeps_no_knock_from_another(
    door: Room, slow: Callable[[Room, int], None]
) -> None:
    door.access.grant(Granted(owners=frozenset({door.anna.id})))
    await door.say(door.private(door.anna), door.anna, "/start")
    await door.said(door.private(door.anna))
    slow(door, door.anna.id)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    await asked(door, door.owner)
    late = door.telegram.add_user("Late")
    await door.say(door.private(late), late, "/start")
    await asked(door, door.owner, 2)


async def test_a_slow_chat_of_somebody_who_was_let_in_keeps_no_knock_from_the_owners(
    door: Room,
) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    _told_to_wait(door, door.stranger.id)
    await pressed(door, door.owner, message, labels(message)[0])
    await answered(door, message)
    late = door.telegram.add_user("Late")
    await door.say(door.private(late), late, "/start")
    [second] = await asked(door, door.owner)
    assert "Late" in (second.text or "")


async def test_a_knock_that_surely_was_not_sent_is_sent_again_and_only_once(door: Room) -> None:
    door.telegram.fail("sendMessage", chat_id=door.owner.id, retry_after=1)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    await asked(door, door.owner)
    late = door.telegram.add_user("Late")
    await door.say(door.private(late), late, "/start")
    await asked(door, door.owner, 2)


async def test_who_is_removed_before_they_hear_of_it_does_not_read_that_they_were_let_in(
    door: Room,
) -> None:
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    [message] = await asked(door, door.owner)
    await door.said(hers)
    door.telegram.fail("sendMessage", chat_id=door.stranger.id, retry_after=1)
    await pressed(door, door.owner, message, labels(message)[0])
    await answered(door, message)
    await door.grants.deny(_subject(door.stranger), _asker(door.owner))
    await shown(door)
    assert len(door.ours(hers)) == 1


async def test_a_group_that_is_removed_before_it_hears_of_it_does_not_read_that_it_was_let_in(
    door: Room,
) -> None:
    club = door.telegram.add_group("Club", [door.stranger])
    await door.handled()
    [message] = await asked(door, door.owner)
    await door.said(club)
    door.telegram.fail("sendMessage", chat_id=club.id, retry_after=1)
    await pressed(door, door.owner, message, texts.ALLOW_GROUP_BUTTON)
    await answered(door, message)
    await door.grants.deny(Subject(club.id), _asker(door.owner))
    await shown(door)
    assert len(door.ours(club)) == 1


# groups that are named


async def test_a_group_that_who_asked_in_private_adds_the_bot_to_is_named_to_the_owners(
    door: Room,
) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    [message] = await asked(door, door.owner)
    club = door.telegram.add_group("Club", [door.stranger])
    await door.handled()
    await door.told(club, texts.UNINVITED_ASKED)
    await door.telegram.wait_for(lambda: "Club" in (message.text or ""))
    assert await asked(door, door.owner) == [message]  # and they are asked once
    await pressed(door, door.owner, message, texts.ALLOW_GROUP_BUTTON)
    await answered(door, message)
    assert await can_ask(door, club, door.stranger)


async def test_a_group_that_is_named_while_the_question_is_sent_is_named_all_the_same(
    door: Room,
) -> None:
    stall = door.telegram.stall("sendMessage", chat_id=door.owner.id)
    await door.say(door.private(door.stranger), door.stranger, "/start")
    await stall.reached()
    door.telegram.add_group("Club", [door.stranger])
    await door.handled()
    stall.release()
    [message] = await asked(door, door.owner)
    await door.telegram.wait_for(lambda: "Club" in (message.text or ""))


@pytest.mark.parametrize("in_private", [True, False])
async def test_a_group_reads_that_the_owner_was_asked_only_where_it_was_named(
    door: Room, in_private: bool
) -> None:
    if in_private:
        await door.say(door.private(door.stranger), door.stranger, "/start")
    groups = [door.telegram.add_group(f"G{n}", [door.stranger]) for n in range(9)]
    await door.handled()
    said = [(await door.said(each))[0] for each in groups]
    [message] = await asked(door, door.owner)
    await door.telegram.wait_for(lambda: "G0" in (message.text or ""))
    assert said[0] == plain(texts.UNINVITED_ASKED)
    assert said[1:] == [plain(texts.uninvited(each.id)) for each in groups[1:]]


async def test_in_another_group_than_they_asked_in_nobody_hears_that_the_owner_was_asked(
    door: Room,
) -> None:
    await door.say(door.private(door.stranger), door.stranger, "/start")
    await asked(door, door.owner)
    club = door.telegram.add_group("Club", [door.anna, door.stranger])
    door.telegram.say(club, door.stranger, f"/invoice@{NAME} 5")
    await door.handled()
    await door.told(club, texts.stranger(door.stranger.id, club.id))


async def test_a_new_owner_who_never_opened_the_bot_is_none_that_was_asked(door: Room) -> None:
    never = door.telegram.add_user("Never")
    own = door.private(door.owner)
    await door.say(own, door.owner, f"/allow owner {never.id}")
    async with asyncio.timeout(30):
        while not door.places.is_unreachable(never.id):  # noqa: ASYNC110 -- nobody is told
            await asyncio.sleep(0.01)
    await door.places.lost(door.owner.id, must=True)
    hers = door.private(door.stranger)
    await door.say(hers, door.stranger, "/start")
    await door.told(hers, texts.stranger(door.stranger.id, hers.id))
