"""An update is refused only for what the bot reads of it: every published field, in every shape."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot.chat import messages, updates
from bot.chat.buttons import Press, Verb, named, press_data
from bot.chat.client import TelegramBot
from bot.core.invoice import State
from bot.core.split import Person
from tests.chat.bot_api import ODD, changed
from tests.chat.room import NAME, Room

Json = dict[str, Any]

HASH = bytes(range(32))
DATA = press_data(Press(Verb.CANCEL, HASH))
#: Without these nobody knows what is asked, by whom, where and when.
NEEDED = {
    "Message": {"message_id", "from", "sender_chat", "date", "chat", "text", "entities"},
    "Chat": {"id", "type"},
    "User": {"id", "is_bot"},
    "MessageEntity": {"type", "offset", "length"},
    "CallbackQuery": {"id", "from", "data"},
}
#: A message with one of these was not written here by a person, whatever is in them.
NOT_ASKED = {"forward_origin", "forward_date", "is_automatic_forward", "via_bot"}


def person() -> Json:
    return {"id": 11, "is_bot": False, "first_name": "Anna"}


def place() -> Json:
    return {"id": -100, "type": "group", "title": "Friday"}


def command() -> Json:
    text = f"/invoice@{NAME} 2100 pizza"
    entity = {"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}
    return {
        "message_id": 9,
        "date": int(time.time()),
        "chat": place(),
        "from": person(),
        "text": text,
        "entities": [entity],
    }


def replied_to() -> Json:
    return {"message_id": 8, "date": 7, "chat": place(), "from": person(), "text": "the bill"}


def card() -> Json:
    button = {"text": "Cancel", "callback_data": DATA}
    return {
        "message_id": 8,
        "date": 7,
        "chat": place(),
        "from": {"id": 1, "is_bot": True, "first_name": "Invoices"},
        "reply_markup": {"inline_keyboard": [[button]]},
    }


def press() -> Json:
    query = {"id": "5", "from": person(), "chat_instance": "x", "data": DATA}
    return {**query, "message": card()}


def commands() -> Iterator[tuple[str, Json]]:
    """The command, with each field in each shape, in itself and in what it replies to."""
    for name, each in changed("Message", command()):
        if name not in NEEDED["Message"] | NOT_ASKED:
            yield name, each
    for kind, where in (("Chat", "chat"), ("User", "from")):
        for name, each in changed(kind, command()[where]):
            if name not in NEEDED[kind]:
                yield f"{where}.{name}", {**command(), where: each}
    for name, each in changed("MessageEntity", command()["entities"][0]):
        if name not in NEEDED["MessageEntity"]:
            yield f"entities.{name}", {**command(), "entities": [each]}
        yield f"further entity's {name}", {**command(), "entities": [*command()["entities"], each]}
    for name, each in changed("Message", replied_to()):
        yield f"reply's {name}", {**command(), "reply_to_message": each}
    for kind, where in (("Chat", "chat"), ("User", "from")):
        for name, each in changed(kind, replied_to()[where]):
            yield (
                f"reply's {where}.{name}",
                {
                    **command(),
                    "reply_to_message": {**replied_to(), where: each},
                },
            )


async def test_no_command_is_lost_for_a_field_that_the_bot_does_not_read(
    telegram_bot: TelegramBot,
) -> None:
    cases = list(commands())
    assert len(cases) > 4000
    for name, message in cases:
        update = updates.read({"update_id": 5, "message": message}, telegram_bot)
        assert update.message is not None, name
        assert messages.ASKS.check_update(update), name
        assert messages.after_command(update.message) == "2100 pizza", name
        assert messages.asker(update.message).id == 11, name
        assert messages.origin(update.message).chat_id == -100, name
        assert update.message.entities[0].type == "bot_command", name


async def test_no_press_is_lost_for_a_field_that_the_bot_does_not_read(
    telegram_bot: TelegramBot,
) -> None:
    cases = [(n, e) for n, e in changed("CallbackQuery", press()) if n not in NEEDED[QUERY]]
    cases += [
        (name, {**press(), "message": each})
        for name, each in changed("Message", card())
        if name not in ("message_id", "chat")
    ]
    for name, query in cases:
        update = updates.read({"update_id": 5, "callback_query": query}, telegram_bot)
        pressed = update.callback_query
        assert pressed is not None, name
        assert (pressed.id, pressed.data, pressed.from_user.id) == ("5", DATA, 11), name
        if name != "message":
            assert pressed.message is not None, name
            assert (pressed.message.message_id, pressed.message.chat.id) == (8, -100), name
    assert len(cases) > 2000


QUERY = "CallbackQuery"


async def test_no_press_is_lost_for_a_field_of_who_pressed_or_where(
    telegram_bot: TelegramBot,
) -> None:
    cases = [
        ("from", name, {**press(), "from": each})
        for name, each in changed("User", person())
        if name not in NEEDED["User"]
    ]
    cases += [
        ("chat", name, {**press(), "message": {**card(), "chat": each}})
        for name, each in changed("Chat", place())
        if name not in NEEDED["Chat"]
    ]
    assert len(cases) > 300
    for where, name, query in cases:
        pressed = updates.read({"update_id": 5, "callback_query": query}, telegram_bot)
        assert pressed.callback_query is not None, (where, name)
        by = messages.presser(pressed.callback_query.from_user)
        assert (by.id, by.is_chat, by.hidden) == (11, False, False), (where, name)
        message = pressed.callback_query.message
        assert message is not None, (where, name)
        assert message.chat.id == -100, (where, name)
        assert isinstance(message.chat.username, str | None), (where, name)


NAMED = f"/split@{NAME} 84k @bob Cora pizza"


def split_command(of_cora: Json) -> Json:
    """A bill for somebody by a user name, and for somebody who has none."""
    entities = [
        {"type": "bot_command", "offset": 0, "length": NAMED.index(" ")},
        {"type": "mention", "offset": NAMED.index("@bob"), "length": 4},
        {"type": "text_mention", "offset": NAMED.index("Cora"), "length": 4, **of_cora},
    ]
    return {**command(), "text": NAMED, "entities": entities}


def cora() -> Json:
    return {"id": 12, "is_bot": False, "first_name": "Cora"}


def named_in(message: Json, telegram_bot: TelegramBot) -> list[Person]:
    read = updates.read({"update_id": 5, "message": message}, telegram_bot).message
    assert read is not None
    return messages.named(read)


async def test_who_is_named_is_read_whatever_else_telegram_says_of_them(
    telegram_bot: TelegramBot,
) -> None:
    bob = Person("@bob", username="bob")
    for name, each in changed("User", cora()):
        if name in NEEDED["User"]:
            continue
        found = named_in(split_command({"user": each}), telegram_bot)
        assert [found[0], found[1].text, found[1].id] == [bob, "Cora", 12], name
        if name not in ("first_name", "last_name"):
            assert found[1].name == "Cora", name
    for name, each in changed("MessageEntity", {"user": cora()}):
        if name not in {*NEEDED["MessageEntity"], "user"}:
            found = named_in(split_command(each), telegram_bot)
            assert found == [bob, Person("Cora", id=12, name="Cora")], name


@pytest.mark.parametrize("user", [*ODD, {}, {"id": "12"}, {"is_bot": False}])
async def test_who_is_named_without_an_id_is_nobody(
    telegram_bot: TelegramBot, user: object
) -> None:
    """Their name stays text, and whose part it is stays unclear: it is not guessed."""
    assert named_in(split_command({"user": user}), telegram_bot) == [Person("@bob", username="bob")]
    assert len(named_in(split_command({}), telegram_bot)) == 1


@pytest.mark.parametrize("username", [None, *ODD, "Anna_B", "a" * 64, "\u202eanna", "x y"])
async def test_a_user_name_is_a_text_or_there_is_none(
    telegram_bot: TelegramBot, username: object
) -> None:
    raw = {**command(), "from": {**person(), "username": username}}
    message = updates.read({"update_id": 5, "message": raw}, telegram_bot).message
    assert message is not None
    by = messages.asker(message)
    assert by.username == (username if isinstance(username, str) else "")
    assert (by.id, by.name) == (11, "Anna")


@pytest.mark.parametrize("name", ["message_id", "date", "chat", "from", "sender_chat"])
@pytest.mark.parametrize("value", [[], {}, "x", 2**70])
async def test_what_decides_who_asks_where_is_not_guessed(
    telegram_bot: TelegramBot, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match="not a"):
        updates.read({"update_id": 5, "message": {**command(), name: value}}, telegram_bot)


@pytest.mark.parametrize("name", sorted(NOT_ASKED))
@pytest.mark.parametrize("value", [7, "x", {"type": "new"}, {"type": "user", "date": 1}])
async def test_a_forwarded_command_is_none_however_it_is_put(
    telegram_bot: TelegramBot, name: str, value: object
) -> None:
    update = updates.read({"update_id": 5, "message": {**command(), name: value}}, telegram_bot)
    assert not messages.ASKS.check_update(update)


async def test_the_button_of_a_message_is_found_among_those_that_nobody_knows(
    telegram_bot: TelegramBot,
) -> None:
    ours = {"text": "Cancel", "callback_data": DATA}
    rows = [[], [{"text": "x", "hologram": {}}], 5, [7, {"callback_data": 5}, ours]]
    message = {
        **command(),
        "reply_to_message": {**card(), "reply_markup": {"inline_keyboard": rows}},
    }
    update = updates.read({"update_id": 5, "message": message}, telegram_bot)
    assert update.message is not None
    replied = messages.replied(update.message)
    assert replied is not None
    assert named(replied) == HASH


@pytest.mark.parametrize(
    ("member", "is_out"),
    [
        ({"status": "kicked"}, True),
        ({"status": "left", "until_date": "x"}, True),
        ({"status": "restricted", "is_member": False}, True),
        ({"status": "restricted", "is_member": True, "can_send_polls": []}, False),
        ({"status": "administrator"}, False),
        ({"status": "something new"}, False),
    ],
)
async def test_what_became_of_the_bot_is_read_from_the_status_alone(
    room: Room, member: Json, is_out: bool
) -> None:
    bot = {"id": room.bot_user.id, "is_bot": True, "first_name": "Invoices"}
    moved = {"chat": {"id": -5, "type": "group"}, "new_chat_member": {"user": bot, **member}}
    room.telegram.push_raw_update({"my_chat_member": moved})
    await room.handled()
    assert room.places.is_unreachable(-5) is is_out


async def test_a_command_that_replies_to_a_rich_message_becomes_a_row(room: Room) -> None:
    bold = {"type": "bold", "text": {"type": "italic", "text": "x"}}
    blocks = [{"type": "paragraph", "text": bold}, {"type": "table", "caption": [bold, "x"]}]
    rich = {**replied_to(), "text": None, "rich_message": {"blocks": blocks}}
    message = {**command(), "reply_to_message": rich}
    message |= {"from": {**person(), "id": room.anna.id}, "chat": {**place(), "id": room.group.id}}
    room.telegram.push_raw_update({"message": message})
    await room.handled()
    (row,) = [rung.fresh for rung in room.bell.take().rows]
    assert row is not None
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "pizza")


@pytest.mark.parametrize("number", [0, -11])
async def test_nobody_writes_with_the_id_of_a_group(telegram_bot: TelegramBot, number: int) -> None:
    raw = {**command(), "from": {**person(), "id": number}}
    with pytest.raises(ValueError, match="not a person's id"):
        updates.read({"update_id": 5, "message": raw}, telegram_bot)


@pytest.mark.parametrize(("number", "kind"), [(100, "group"), (-100, "private"), (0, "supergroup")])
async def test_a_group_is_no_private_chat_and_the_other_way_round(
    telegram_bot: TelegramBot, number: int, kind: str
) -> None:
    raw = {**command(), "chat": {**place(), "id": number, "type": kind}}
    with pytest.raises(ValueError, match="not a"):
        updates.read({"update_id": 5, "message": raw}, telegram_bot)


@pytest.mark.parametrize("number", [True, 2**63, "5", 5.0, None])
def test_an_update_whose_number_is_no_integer_has_none(number: object) -> None:
    assert updates.number_of({"update_id": number}) is None
