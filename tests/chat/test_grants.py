"""/allow, /deny and /who: what owners do with them, and that nobody else does anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot import texts
from bot.actions import Asker, Subject
from bot.actions.grants import NAME_KEPT_S
from bot.chat.chats import Say
from bot.core.grants import Allowing, Denying, Grant, Granted, Role
from bot.demo.telegram import Chat, Message, User
from bot.store import Tx
from tests.chat.room import NAME, Room, plain


def grants(tx: Tx) -> list[Grant]:
    return tx.grants.all()


async def roles(room: Room) -> dict[int, Role]:
    return {each.subject_id: each.role for each in await room.do(grants)}


def allowed(room: Room, person: User, came: Allowing = Allowing.ALLOWED) -> str:
    return texts.allowing(came, person.id, person.first_name, Role.USER)


async def can_ask(room: Room, chat: Chat, person: User) -> bool:
    return await room.row_of(await room.say(chat, person, f"/invoice@{NAME} 21")) is not None


@pytest.fixture
def own(room: Room) -> Chat:
    """The owner's private chat."""
    return room.private(room.owner)


# whom a command means


async def test_an_owner_lets_somebody_in_by_their_id_and_takes_it_back_at_once(
    room: Room, own: Chat
) -> None:
    hers = room.private(room.stranger)
    await room.say(own, room.owner, f"/allow {room.stranger.id}")
    assert await can_ask(room, hers, room.stranger)
    await room.say(own, room.owner, f"/deny {room.stranger.id}")
    assert not await can_ask(room, hers, room.stranger)
    assert await roles(room) == {}


async def test_what_was_granted_is_kept_through_a_restart(room: Room, own: Chat) -> None:
    await room.say(own, room.owner, f"/allow {room.stranger.id}")
    room.access.grant(Granted())  # as a new process begins
    await room.grants.load()
    assert await can_ask(room, room.private(room.stranger), room.stranger)


async def test_a_reply_means_who_wrote_the_message(room: Room) -> None:
    room.telegram.join(room.group, room.stranger)
    written = await room.say(room.group, room.stranger, "let me in")
    await room.say(room.group, room.owner, "/allow", reply_to=written)
    await room.told(room.group, allowed(room, room.stranger))
    assert await roles(room) == {room.stranger.id: Role.USER}


async def test_a_reply_in_private_to_what_was_forwarded_means_who_wrote_it_first(
    room: Room, own: Chat
) -> None:
    room.telegram.join(room.group, room.stranger)
    written = await room.say(room.group, room.stranger, "let me in")
    copy = room.telegram.forward(written, own, room.owner)
    await room.handled()
    await room.say(own, room.owner, "/allow", reply_to=copy)
    assert await roles(room) == {room.stranger.id: Role.USER}


async def test_a_mention_without_a_user_name_means_that_person(room: Room) -> None:
    room.telegram.join(room.group, room.stranger)
    room.telegram.say(room.group, room.owner, ["/allow ", room.stranger])
    await room.handled()
    assert await roles(room) == {room.stranger.id: Role.USER}


async def test_a_user_name_means_who_asked_with_it(room: Room, own: Chat) -> None:
    ulla = room.telegram.add_user("Ulla", username="ulla_u")
    await room.say(own, room.owner, "/allow @ulla_u")
    await room.told(own, texts.NOT_KNOWN)
    await room.say(room.private(ulla), ulla, "/start")
    await room.say(own, room.owner, "/allow @Ulla_U")
    assert await roles(room) == {ulla.id: Role.USER}


@pytest.mark.parametrize("command", ["/allow @ulla_u", "/allow owner @ulla_u"])
async def test_a_user_name_that_was_seen_long_ago_lets_nobody_in_but_by_a_reply(
    room: Room, own: Chat, command: str
) -> None:
    before = room.telegram.add_user("Ulla", username="ulla_u")
    await room.say(room.private(before), before, "/start")
    room.clock.ahead_s += NAME_KEPT_S + 1  # meanwhile the name is somebody else's
    await room.say(own, room.owner, command)
    await room.told(own, texts.NOT_KNOWN)
    assert await roles(room) == {}
    now = room.telegram.add_user("Another", username="ulla_u")
    room.telegram.join(room.group, now)
    written = await room.say(room.group, now, "it is me")
    await room.say(room.group, room.owner, command, reply_to=written)
    assert set(await roles(room)) == {now.id}


async def test_a_user_name_removes_who_was_let_in_under_it_however_long_ago(
    room: Room, own: Chat
) -> None:
    ulla = room.telegram.add_user("Ulla", username="ulla_u")
    await room.say(room.private(ulla), ulla, "/start")
    await room.say(own, room.owner, "/allow @ulla_u")
    assert set(await roles(room)) == {ulla.id}
    room.clock.ahead_s += 86_400.0
    await room.say(own, room.owner, "/deny @ulla_u")
    assert await roles(room) == {}


async def test_in_a_group_allow_alone_lets_the_group_in_and_deny_removes_it(room: Room) -> None:
    room.telegram.join(room.group, room.stranger)
    await room.say(room.group, room.owner, f"/allow@{NAME}")
    assert await roles(room) == {room.group.id: Role.CHAT}
    assert await can_ask(room, room.group, room.stranger)
    assert not await can_ask(room, room.private(room.stranger), room.stranger)
    await room.say(room.group, room.owner, f"/deny@{NAME}")
    assert not await can_ask(room, room.group, room.stranger)
    assert room.group.has(room.bot_user.id)  # its cards have to stay right


async def test_a_group_that_becomes_a_supergroup_keeps_its_grant_and_loses_it_by_a_deny(
    room: Room, own: Chat
) -> None:
    room.telegram.join(room.group, room.stranger)
    await room.say(room.group, room.owner, "/allow")
    moved = room.telegram.migrate(room.group)
    await room.handled()
    assert await can_ask(room, moved, room.stranger)
    await room.say(own, room.owner, f"/deny {room.group.id}")  # by its former number
    assert await roles(room) == {}
    assert not await can_ask(room, moved, room.stranger)


@pytest.mark.parametrize(
    "command",
    [
        "/allow",
        "/allow everyone",
        "/allow 0",
        "/allow 5000000005 5000000004",
        "/allow 99999999999999999",
        "/allow owner",
        "/allow owner -100123",
        "/allow @",
        "/deny",
        "/deny me",
    ],
)
async def test_a_command_that_names_nobody_says_how_and_changes_nothing(
    room: Room, own: Chat, command: str
) -> None:
    await room.say(own, room.owner, command)
    await room.told(own, texts.ALLOW_HOW if "allow" in command else texts.DENY_HOW)
    assert await roles(room) == {}


async def test_a_reply_to_the_bot_or_to_the_group_itself_means_nobody(room: Room) -> None:
    await room.say(room.group, room.anna, f"/help@{NAME}")
    await room.said(room.group)
    ours = room.telegram.messages(room.group)[-1]
    as_group = room.telegram.say(room.group, room.owner, "hello", anonymous=True)
    room.telegram.set_anonymous(room.group, room.owner, on=False)
    for to in (ours, as_group):
        await room.say(room.group, room.owner, "/allow", reply_to=to)
        assert await roles(room) == {}


# owners


async def test_an_owner_adds_another_who_can_do_the_same(room: Room, own: Chat) -> None:
    await room.say(room.private(room.anna), room.anna, "/start")
    await room.say(own, room.owner, f"/allow owner {room.anna.id}")
    assert room.access.is_owner(room.anna.id)
    await room.said(room.private(room.anna), 2)
    assert plain(texts.NEW_OWNER) in room.ours(room.private(room.anna))
    await room.say(room.private(room.anna), room.anna, f"/allow {room.stranger.id}")
    assert (await roles(room))[room.stranger.id] is Role.USER


async def test_an_owner_who_is_allowed_as_a_person_stays_an_owner(room: Room, own: Chat) -> None:
    await room.say(own, room.owner, f"/allow owner {room.anna.id}")
    await room.say(own, room.owner, f"/allow {room.anna.id}")
    assert await roles(room) == {room.anna.id: Role.OWNER}


async def test_nobody_removes_themself_so_that_there_is_always_an_owner(
    room: Room, own: Chat
) -> None:
    await room.do(put_owner, room.anna.id)
    await room.grants.load()
    hers = room.private(room.anna)
    await room.say(hers, room.anna, f"/deny {room.anna.id}")
    await room.told(hers, texts.denying(Denying.YOURSELF, room.anna.id, "", ""))
    assert room.access.is_owner(room.anna.id)
    await room.say(own, room.owner, f"/deny {room.anna.id}")
    assert not room.access.is_owner(room.anna.id)


@pytest.mark.parametrize(("which", "key"), [("owner", "owners"), ("bert", "users")])
async def test_whom_the_settings_list_is_removed_there_and_not_from_the_chat(
    room: Room, which: str, key: str
) -> None:
    person: User = getattr(room, which)
    await room.do(put_owner, room.anna.id)
    await room.grants.load()
    hers = room.private(room.anna)
    await room.say(hers, room.anna, f"/deny {person.id}")
    [said] = await room.said(hers)
    assert f"access.{key}" in said
    assert room.access.may_ask(person.id, [person.id])


async def test_what_was_taken_back_and_what_the_settings_still_say_are_both_told(
    room: Room, own: Chat
) -> None:
    await room.do(put_owner, room.anna.id)  # whom the settings list as one who can ask
    await room.grants.load()
    await room.say(own, room.owner, f"/deny {room.anna.id}")
    [said] = await room.said(own)
    assert not room.access.is_owner(room.anna.id)
    assert said.startswith("Done in part: ")
    assert "no longer owns this bot" in said
    assert "still listed in access.users" in said
    assert "can still ask for invoices" in said
    await room.say(own, room.owner, f"/deny {room.anna.id}")
    assert (await room.said(own, 2))[1].startswith("Not removed: ")


async def test_where_everybody_can_ask_a_deny_does_not_say_otherwise(room: Room, own: Chat) -> None:
    listed = room.access.now.listed.model_copy(update={"open": True})
    room.access.reload(listed, room.access.now.limits)
    await room.say(own, room.owner, f"/allow {room.stranger.id}")
    await room.say(own, room.owner, f"/deny {room.stranger.id}")
    said = (await room.said(own, 2))[1]
    assert "anyone can still ask" in said
    assert "access.open" in said
    assert await can_ask(room, room.private(room.stranger), room.stranger)


async def test_two_owners_who_remove_each_other_leave_one(room: Room) -> None:
    # the settings list none: both were let in from the chat
    room.access.reload(
        room.access.now.listed.model_copy(update={"owners": frozenset()}), room.access.now.limits
    )
    for person in (room.anna, room.bert):
        await room.do(put_owner, person.id)
    await room.grants.load()
    room.telegram.say(room.private(room.anna), room.anna, f"/deny {room.bert.id}")
    room.telegram.say(room.private(room.bert), room.bert, f"/deny {room.anna.id}")
    await room.handled()
    assert len(room.access.owners) == 1


def put_owner(tx: Tx, person_id: int) -> None:
    tx.grants.put(Grant(person_id, Role.OWNER))


async def test_open_invoices_of_somebody_who_is_removed_stay_as_they_are(
    room: Room, own: Chat
) -> None:
    hers = room.private(room.stranger)
    await room.say(own, room.owner, f"/allow {room.stranger.id}")
    row, _ = await room.open_card(hers, room.stranger, "/invoice 21")
    await room.say(own, room.owner, f"/deny {room.stranger.id}")
    after = await room.row_of(room.telegram.message(hers, row.origin_message_id))
    assert after is not None
    assert (after.state, after.cancel_wanted) == (row.state, False)


# everybody else


COMMANDS = [
    *("/allow {id}", "/allow", "/allow owner {id}", "/deny {bert}", "/deny", "/who"),
    *("/status", "/export", "/export 2026-10"),
]


def stranger(room: Room) -> User:
    return room.stranger


def friend(room: Room) -> User:
    return room.anna


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("who", [stranger, friend])
async def test_in_private_nobody_but_an_owner_changes_anything(
    room: Room, command: str, who: Callable[[Room], User]
) -> None:
    person = who(room)
    chat = room.private(person)
    text = command.format(id=person.id, bert=room.bert.id)
    await room.say(chat, person, text)
    await room.told(chat, texts.OWNERS_ONLY)
    assert await roles(room) == {}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("who", [stranger, friend])
async def test_in_a_group_nobody_but_an_owner_changes_anything(
    room: Room, command: str, who: Callable[[Room], User]
) -> None:
    person = who(room)
    if person is room.stranger:
        room.telegram.join(room.group, person)
    name, _, rest = command.format(id=person.id, bert=room.bert.id).partition(" ")
    await room.say(room.group, person, f"{name}@{NAME} {rest}")
    await room.told(room.group, texts.OWNERS_ONLY)
    assert await roles(room) == {}


@pytest.mark.parametrize("command", COMMANDS)
async def test_an_anonymous_admin_changes_nothing_also_if_they_are_an_owner(
    room: Room, command: str
) -> None:
    text = command.format(id=room.stranger.id, bert=room.bert.id)
    name, _, rest = text.partition(" ")
    room.telegram.say(room.group, room.owner, f"{name}@{NAME} {rest}", anonymous=True)
    await room.handled()
    await room.told(room.group, texts.OWNERS_AS_THEMSELVES)
    assert await roles(room) == {}


@pytest.mark.parametrize("command", COMMANDS)
async def test_as_a_channel_nobody_changes_anything(room: Room, command: str) -> None:
    channel = room.telegram.add_channel("News", admins=[room.owner])
    text = command.format(id=room.stranger.id, bert=room.bert.id)
    name, _, rest = text.partition(" ")
    message = f"{name}@{NAME} {rest}"
    room.telegram.say(room.group, room.owner, message, sender_chat=channel)
    await room.handled()
    await room.told(room.group, texts.AS_CHANNEL)
    assert await roles(room) == {}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("in_group", [True, False])
@pytest.mark.parametrize("how", ["edited", "forwarded", "tapped"])
async def test_an_edited_or_forwarded_command_changes_nothing_also_of_an_owner(
    room: Room, command: str, in_group: bool, how: str
) -> None:
    # in a group one of them: a second message there waits a second
    for person in (room.owner,) if in_group else (room.owner, room.anna):
        chat = room.group if in_group else room.private(person)
        text = command.format(id=room.stranger.id, bert=room.bert.id)
        name, _, rest = text.partition(" ")
        written = f"{name}@{NAME} {rest}"
        if how == "edited":
            message = await room.say(chat, person, "hello")
            before = len(room.ours(chat))
            room.telegram.edit_as_user(message, written)
        elif how == "tapped":  # in what another bot offers: its text, and one tap of the owner's
            before = len(room.ours(chat))
            poll = room.telegram.add_bot("5:other", "pizza_poll_bot", "Pizza poll")
            room.telegram.say(chat, person, written, via_bot=poll)
        else:
            elsewhere = room.telegram.add_group("Elsewhere", [person], bot_member=False)
            message = room.telegram.say(elsewhere, person, written)
            before = len(room.ours(chat))
            room.telegram.forward(message, chat, person)
        await room.handled()
        assert (await room.said(chat, before + 1))[before] == texts.OWNERS_NEW
    assert await roles(room) == {}


async def test_a_strangers_group_hears_nothing_of_what_may_be_meant_for_another_bot(
    room: Room,
) -> None:
    club = room.telegram.add_group("Club", [room.stranger])
    await room.handled()
    await room.said(club)
    await room.say(club, room.stranger, "/who")
    await room.say(club, room.stranger, f"/who@{NAME}")
    assert (await room.said(club, 2))[1] == texts.OWNERS_ONLY


async def test_a_late_command_lets_nobody_in(room: Room, own: Chat) -> None:
    room.telegram.say(own, room.owner, f"/allow {room.stranger.id}")
    room.clock.ahead_s += 3600
    await room.handled()
    await room.told(own, texts.TOO_LATE)
    assert await roles(room) == {}


# /who


async def test_who_shows_where_each_comes_from_and_who_asks(room: Room, own: Chat) -> None:
    uma = room.telegram.add_user("Uma")
    await room.say(room.private(uma), uma, "/start")
    await room.say(own, room.owner, f"/allow {room.stranger.id}")
    await room.say(room.group, room.owner, f"/allow@{NAME}")
    await room.say(own, room.owner, "/who")
    text = (await room.said(own, 2))[1]
    lines = text.splitlines()

    def line(number: int) -> str:
        [found] = [each for each in lines if str(number) in each]
        return found

    assert all("in the settings" in line(each.id) for each in (room.owner, room.anna))
    assert all("from the chat" in line(number) for number in (room.stranger.id, room.group.id))
    assert "Friday dinner" in line(room.group.id)
    assert lines.index("Asked to be let in") < lines.index(line(uma.id))


async def test_in_a_group_who_shows_nothing(room: Room) -> None:
    await room.say(room.group, room.owner, f"/who@{NAME}")
    await room.told(room.group, texts.WHO_IN_PRIVATE)


async def test_a_long_list_has_pages_that_only_an_owner_turns(room: Room, own: Chat) -> None:
    await room.do(put_many)
    await room.grants.load()
    await room.say(own, room.owner, "/who")
    await room.said(own)
    message = room.telegram.messages(own)[-1]
    seen = set()
    while True:
        seen |= {line for line in (message.text or "").splitlines() if line.startswith("•")}
        if texts.AFTER_BUTTON not in labels(message):
            break
        before = message.text
        room.telegram.press(own, room.owner, message.id, text=texts.AFTER_BUTTON)
        await room.handled()
        await room.telegram.wait_for(lambda before=before: message.text != before)  # type: ignore[misc]
    assert len(seen) == 203
    assert labels(message) == [texts.BEFORE_BUTTON]
    room.access.reload(
        room.access.now.listed.model_copy(update={"owners": frozenset()}), room.access.now.limits
    )
    before = message.text
    press = room.telegram.press(own, room.owner, message.id, text=texts.BEFORE_BUTTON)
    await room.handled()
    await room.telegram.wait_for(press.answer.done)
    assert press.answer.result().text == texts.OWNERS_ONLY
    assert message.text == before


def put_many(tx: Tx) -> None:
    for number in range(1, 201):
        tx.grants.put(Grant(number, Role.USER, f"Person {number} " + "x" * 50, f"person_{number}"))


def labels(message: Message) -> list[str]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


async def test_the_help_of_an_owner_names_what_only_they_can_do(room: Room, own: Chat) -> None:
    await room.say(own, room.owner, "/help")
    assert await room.said(own) == [
        f"{plain(texts.help_private(NAME))}\n\n{plain(texts.help_owner())}"
    ]
    hers = room.private(room.anna)
    await room.say(hers, room.anna, "/help")
    assert await room.said(hers) == [plain(texts.help_private(NAME))]


@pytest.mark.parametrize("command", ["/allow", "/allow owner"])
async def test_a_user_name_means_nobody_else_where_the_command_replies_to_what_was_forwarded(
    room: Room, command: str
) -> None:
    boss = room.telegram.add_user("Boss", username="boss_b")
    await room.do(make_owner, boss.id)
    await room.grants.load()
    own = room.private(boss)
    room.telegram.join(room.group, room.stranger)
    copy = room.telegram.forward(await room.say(room.group, room.stranger, "hi"), own, boss)
    await room.handled()
    await room.say(own, boss, f"{command} @boss_b", reply_to=copy)
    await room.said(own)
    assert await roles(room) == {boss.id: Role.OWNER}


async def test_a_user_name_means_who_wrote_it_first_where_it_is_theirs(
    room: Room, own: Chat
) -> None:
    ulla = room.telegram.add_user("Ulla", username="ulla_u")
    room.telegram.join(room.group, ulla)
    copy = room.telegram.forward(await room.say(room.group, ulla, "hi"), own, room.owner)
    await room.handled()
    room.clock.ahead_s += NAME_KEPT_S + 1  # nobody else knows who has it
    await room.say(own, room.owner, "/allow @ulla_u", reply_to=copy)
    assert await roles(room) == {ulla.id: Role.USER}


def make_owner(tx: Tx, person_id: int) -> None:
    tx.grants.put(Grant(person_id, Role.OWNER, "Boss", "boss_b"))


# what waits while its reader is removed


async def removed_meanwhile(room: Room, *commands: str) -> list[str]:
    """What Anna reads who owned the bot as she wrote these, and not when her chat took it."""
    hers = room.private(room.anna)
    await room.say(hers, room.anna, "/id")
    await room.said(hers)
    await room.grants.allow(Subject(room.anna.id), Role.OWNER, asker_of(room.owner))
    stall = room.telegram.stall("sendMessage", chat_id=hers.id)
    await room.say(hers, room.anna, "/invoice x")  # her chat is busy with a refusal
    await stall.reached()
    for command in commands:
        await room.say(hers, room.anna, command)
    await room.grants.deny(Subject(room.anna.id), asker_of(room.owner))
    await room.say(hers, room.anna, "/id")
    stall.release()
    last = plain(texts.ids(room.anna.id, hers.id))
    await room.telegram.wait_for(lambda: len(room.ours(hers)) > 2 and room.ours(hers)[-1] == last)
    return room.ours(hers)[2:-1]


@pytest.mark.parametrize("command", ["/who", "/help", "/start"])
async def test_who_is_removed_before_an_owners_answer_goes_out_does_not_read_it(
    room: Room, own: Chat, command: str
) -> None:
    assert await removed_meanwhile(room, command) == []


async def test_who_is_removed_at_once_does_not_read_that_they_own_the_bot(
    room: Room, own: Chat
) -> None:
    hers = room.private(room.anna)
    stall = room.telegram.stall("sendMessage", chat_id=hers.id)
    await room.say(hers, room.anna, "/help")
    await stall.reached()
    await room.say(own, room.owner, f"/allow owner {room.anna.id}")
    await room.say(own, room.owner, f"/deny {room.anna.id}")
    await room.said(own, 2)
    await room.say(hers, room.anna, "/id")
    stall.release()
    assert plain(texts.NEW_OWNER) not in await room.said(hers, 2)


def asker_of(person: User) -> Asker:
    return Asker(person.id, person.first_name)


async def test_who_is_let_in_before_a_refusal_goes_out_does_not_read_it(
    room: Room, own: Chat
) -> None:
    hers = room.private(room.stranger)
    stall = room.telegram.stall("sendMessage", chat_id=hers.id)
    await room.say(hers, room.stranger, "/id")
    await stall.reached()
    await room.say(hers, room.stranger, "/invoice 21")
    await room.say(own, room.owner, f"/allow {room.stranger.id}")
    await room.said(own)
    room.chats.say(Say(hers.id, "last", to_stranger=True))
    stall.release()
    await room.telegram.wait_for(lambda: room.ours(hers)[-1:] == ["last"])
    assert len(room.ours(hers)) == 2
