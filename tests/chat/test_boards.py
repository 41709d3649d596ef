"""Boards in a chat, over real HTTP: buttons, presses, links, and what strangers forge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from telegram import InlineKeyboardMarkup

from bot import texts
from bot.chat import board_buttons, replies, updates
from bot.chat.admission import LINK_EVERY_S
from bot.chat.board_buttons import MANAGE_LINK, OnBoard, handle_on, read_manage, read_pay_for
from bot.chat.boards import Boards as Shown
from bot.chat.buttons import Press, Verb, press_data, read_press, under
from bot.chat.chats import Say
from bot.config.values import MAX_SATS
from bot.core import split
from bot.core.board import Board, BoardColumns, BoardKind, BoardState, Seat
from bot.core.invoice import TOO_LATE_S, Face, PartKind, State
from bot.core.wishes import Cancelling, Change, Changing, Joining, Parting
from bot.core.work import Do, Lane
from bot.demo.telegram import Answer, Chat, User
from bot.demo.telegram import Message as SimMessage
from bot.errors import NodeLocked
from bot.store import Tx
from tests.bills import board, free, part, taken
from tests.chat.room import ALIAS, NAME, WITHIN, Room

#: As long as the bot makes them.
HANDLE, TOKEN = "h" * 16, "t" * 22
MAX_DATA_BYTES = 64


def labels(keyboard: InlineKeyboardMarkup | None) -> list[list[str]]:
    """The texts of the buttons, line by line."""
    return [[each.text for each in line] for line in keyboard.inline_keyboard] if keyboard else []


def data(keyboard: InlineKeyboardMarkup | None) -> list[str]:
    """What all buttons carry."""
    lines = keyboard.inline_keyboard if keyboard else ()
    return [str(each.callback_data) for line in lines for each in line]


# buttons


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        (BoardState.JOINING, BoardKind.SPLIT, [["I'm in", "Not me"], ["Ask now", "Manage"]]),
        (BoardState.OPEN, BoardKind.SPLIT, [["Pay my part", "Manage"]]),
        (BoardState.OPEN, BoardKind.COLLECTION, [["Give", "Manage"]]),
        (BoardState.CLOSING, BoardKind.SPLIT, []),
        (BoardState.CLOSED, BoardKind.SPLIT, []),
        (BoardState.CLOSED, BoardKind.COLLECTION, []),
    ],
)
def test_the_buttons_under_a_board_are_what_can_be_done_with_it(
    state: BoardState, kind: BoardKind, says: list[list[str]]
) -> None:
    assert labels(board_buttons.under_board(board(state=state, kind=kind))) == says


ALL = [["Free a part", "Add a part"], ["Settled otherwise", "Not settled"]]
ALL += [["Remind", "Move to the end"], ["Close"]]


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        (BoardState.JOINING, BoardKind.SPLIT, [["Move to the end", "Close"]]),
        (BoardState.OPEN, BoardKind.SPLIT, ALL),
        (BoardState.OPEN, BoardKind.COLLECTION, [["Move to the end", "Close"]]),
        (BoardState.CLOSING, BoardKind.SPLIT, [["Move to the end"]]),
        (BoardState.CLOSED, BoardKind.COLLECTION, [["Move to the end"]]),
    ],
)
def test_who_manages_a_board_is_offered_what_can_be_done_with_it(
    state: BoardState, kind: BoardKind, says: list[list[str]]
) -> None:
    assert labels(board_buttons.manage(board(state=state, kind=kind))) == says


SEATS = (
    free(1, person_id=7, name="Anna", otherwise=True),
    taken(State.SETTLED, 2),
    taken(State.OPEN, 3, name="Cora", token=TOKEN),
    free(4, username="dora"),
    free(5, person_id=10, name="Emil", hidden=True),
    free(6),
)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Change.FREE, ['"Anna"', '"Cora"', '"@dora"', "an admin"]),
        (Change.SETTLE, ['"Cora"', '"@dora"', "an admin", "free"]),
        (Change.UNSETTLE, ['"Anna"']),
    ],
)
def test_who_manages_a_board_chooses_among_the_parts_that_can_be_changed(
    asked: Change, says: list[str]
) -> None:
    lines = labels(board_buttons.manage(board(*SEATS), asked))
    named = [each.strip('"') for each in says]
    assert lines == [*([f"{each}: 28,000 sats"] for each in named), ["Back"]]


def test_for_others_only_what_is_to_be_paid_and_is_not_ones_own_is_offered() -> None:
    shown = board_buttons.pay_for(board(*SEATS), TOKEN)
    names = ["@dora", "an admin", "free"]
    assert labels(shown) == [[f"{each}: 28,000 sats"] for each in names]
    assert board_buttons.pay_for(board(*SEATS[:2]), TOKEN) is None


def under_cards() -> Iterator[tuple[tuple[PartKind, Face, bool], list[list[str]]]]:
    gifts = [["1,000 sats", "5,000 sats"], ["21,000 sats"], ["Let my wallet decide"]]
    for hidden, name in ((False, "Hide my name"), (True, "Show my name")):
        yield (PartKind.GIFT, Face.QUESTION, hidden), [*gifts, [name], ["Cancel"]]
        yield (PartKind.GIFT, Face.OPEN, hidden), [["Cancel"], [name]]
    yield (PartKind.OWN, Face.OPEN, False), [["Not me"], ["Pay for someone else"]]
    yield (PartKind.OTHERS, Face.OPEN, False), [["Cancel"]]


@pytest.mark.parametrize(("which", "says"), list(under_cards()))
def test_the_buttons_under_the_card_of_a_part(
    which: tuple[PartKind, Face, bool], says: list[list[str]]
) -> None:
    kind, face, hidden = which
    state = State.ASKING if face is Face.QUESTION else State.OPEN
    assert labels(under(part(state, part_kind=kind, hidden=hidden), face, WITHIN)) == says


def test_what_is_suggested_is_offered_first_and_once() -> None:
    gift = part(State.ASKING, part_kind=PartKind.GIFT, suggested_msat=5_000_000)
    assert labels(under(gift, Face.QUESTION, WITHIN))[:2] == [
        ["5,000 sats", "1,000 sats"],
        ["21,000 sats"],
    ]


def test_what_a_button_carries_is_below_telegrams_limit() -> None:
    many = [taken(None, number, token=TOKEN) for number in range(1, split.MAX_SEATS + 1)]
    every: list[str] = []
    for state in BoardState:
        for kind in BoardKind:
            shown = board(*many, state=state, kind=kind, handle=HANDLE)
            every += data(board_buttons.under_board(shown))
            every += data(board_buttons.manage(shown))
            for change in Change:
                every += data(board_buttons.manage(shown, change))
            every += data(board_buttons.pay_for(shown, "x" * len(TOKEN)))
    assert len(every) > 10 * split.MAX_SEATS
    for kind in PartKind:
        gift = part(State.ASKING, part_kind=kind, suggested_msat=1000 * MAX_SATS)
        every += data(under(gift, Face.QUESTION, WITHIN))
    assert max(len(each.encode()) for each in every) <= MAX_DATA_BYTES


def test_what_a_button_carries_is_read_back() -> None:
    shown = board(*SEATS, handle=HANDLE)
    for each in data(board_buttons.manage(shown)):
        press = read_manage(each)
        assert press is not None
        assert (press.handle, press.number) == (HANDLE, 0)
    numbers = []
    for each in data(board_buttons.manage(shown, Change.FREE))[:-1]:
        press = read_manage(each)
        assert press is not None
        assert press.change is Change.FREE
        numbers.append(press.number)
    assert numbers == [1, 3, 4, 5]
    back = read_manage(data(board_buttons.manage(shown, Change.FREE))[-1])
    assert back == (None, HANDLE, 0, "")
    marks = [(seat.number, seat.whose) for seat in shown.seats]
    assert [read_pay_for(each) for each in data(board_buttons.pay_for(shown, TOKEN))] == [
        (TOKEN, number, whose) for number, whose in marks if number in (4, 5, 6)
    ]
    assert read_pay_for(f"for:{TOKEN}:4") == (TOKEN, 4, "")  # an earlier version's
    gift = Press(Verb.GIVE, bytes(32), MAX_SATS)
    assert read_press(press_data(gift)) == gift


ODD = [
    *("", ":", "::", ":::", "for", "for:", "for:x", "for:x:", "for:x:-1", "for:x:1.5", "for:x:²"),
    *("for:x:１", "for:x:9999", "for:x:1:2", "FOR:x:1", " for:x:1", "pay:x:1", "m:x:1"),
    *("m", "m:", "m:close", "m:close:x", "m:close:x:", "m:close:x:+1", "m:close:x:0:2"),
    *("m:Close:x:0", "m:destroy:x:0", "m::x:0", "m:close:x:٣", "m:back:x:y", "m:close:x:12345"),
    *("\x00", "é" * 32, ":" * 64, "m:close:x:\n0"),
]


@pytest.mark.parametrize("odd", ODD)
def test_what_no_button_carries_is_none(odd: str) -> None:
    assert read_pay_for(odd) is None
    assert read_manage(odd) is None
    assert read_press(odd) is None


# boards that are in the chat


async def split_up(room: Room, by: User, what: str) -> tuple[Board, SimMessage]:
    """A board that this command made, and its message."""
    command = await room.say(room.group, by, what)
    made = await room.do(_by_origin, room.group.id, command.id, room.places.bot_id)
    boards = Shown(room.chats, access=room.access, payee=lambda: ALIAS)
    sent = await boards.do(Do.SEND_CARD, made)
    made = await room.do(_change, made.id, {"card_id": sent.message_id, "shown": sent.face})
    return made, room.telegram.messages(room.group)[-1]


def _by_origin(tx: Tx, chat_id: int, message_id: int, bot_id: int) -> Board:
    made = tx.boards.by_origin(chat_id, message_id, bot_id)
    assert made is not None
    return made


def _change(tx: Tx, board_id: int, columns: BoardColumns) -> Board:
    return tx.boards.update(board_id, **columns)


def _get(tx: Tx, board_id: int) -> Board:
    found = tx.boards.get(board_id)
    assert found is not None
    return found


async def answer_to(room: Room, message: SimMessage, person: User, text: str) -> Answer:
    """What Telegram shows to a person who pressed, once all that follows is written."""
    press = room.telegram.press(message.chat, person, message.id, text=text)
    await room.handled()
    async with asyncio.timeout(30):
        answer = await press.answer
        await asyncio.gather(*room.chats._posting)
        return answer


async def closing(room: Room, here: SimMessage, person: User) -> Answer:
    """What closing is answered with, which is asked about first."""
    await answer_to(room, here, person, texts.CHANGES[Change.CLOSE])
    await room.telegram.wait_for(lambda: texts.CLOSE_BUTTON in str(here.reply_markup))
    return await answer_to(room, here, person, texts.CLOSE_BUTTON)


async def seat_of(room: Room, made: Board, person: User) -> Seat:
    """The one that this person has."""
    seats = (await room.do(_get, made.id)).seats
    return next(seat for seat in seats if seat.person_id == person.id)


async def panel(room: Room, made: Board, person: User) -> SimMessage:
    """How a board is managed, in private."""
    chat = room.private(person)
    before = len(room.ours(chat))
    await room.say(chat, person, f"/start {MANAGE_LINK}{made.handle}")
    await room.said(chat, before + 1)
    return room.telegram.messages(chat)[-1]


PAY = texts.PAY_BUTTON


async def test_a_press_opens_the_private_chat_with_a_token_of_its_own(room: Room) -> None:
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    answer = await answer_to(room, message, room.bert, PAY)
    seat = await seat_of(room, made, room.bert)
    assert answer.url == f"https://t.me/{NAME}?start={seat.token}"
    assert answer.text is None
    assert seat.name == "Bert"
    again = await answer_to(room, message, room.bert, PAY)
    assert again.url == answer.url


async def test_an_anonymous_admin_who_presses_is_an_admin(room: Room) -> None:
    room.telegram.promote(room.group, room.bot_user)
    room.telegram.promote(room.group, room.bert)
    room.telegram.set_anonymous(room.group, room.bert)
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    await answer_to(room, message, room.bert, PAY)
    seat = await seat_of(room, made, room.bert)
    assert (seat.hidden, seat.public_name) == (True, "")
    assert "Bert" not in texts.board(await room.do(_get, made.id), None)


@pytest.mark.parametrize("how", ["free", "close", "/cancel"])
@pytest.mark.parametrize("is_others", [True, False], ids=["another node", "locked"])
async def test_who_manages_a_board_hears_what_hinders_the_node(
    room: Room, how: str, is_others: bool
) -> None:
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    await answer_to(room, message, room.bert, PAY)
    own = (await seat_of(room, made, room.bert)).part
    assert own is not None
    lane = Lane.OTHER_NODE if is_others else own.lane
    await room.do(lambda tx: tx.invoices.update(own.id, state=State.OPEN, lane=lane))
    room.node.hindrance = NodeLocked()
    if is_others:
        expected = texts.asked_to_cancel(Cancelling.NODE_AWAY)
    else:
        expected = texts.asked_to_cancel(Cancelling.CANCELLING, NodeLocked())
    if how == "/cancel":
        before = len(room.ours(room.group))
        room.telegram.say(room.group, room.anna, "/cancel", reply_to=message)
        await room.handled()
        said = (await room.said(room.group, before + 1))[before]
    else:
        here = await panel(room, made, room.anna)
        if how == "close":
            said = (await closing(room, here, room.anna)).text or ""
            assert said.startswith(texts.changing(Change.CLOSE, Changing.DONE))
        else:
            await answer_to(room, here, room.anna, texts.CHANGES[Change.FREE])
            label = texts.part_label(await seat_of(room, made, room.bert))
            said = (await answer_to(room, here, room.anna, label)).text or ""
    assert said.endswith(expected)


async def test_who_gives_a_part_back_hears_what_hinders_the_node(room: Room) -> None:
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    await answer_to(room, message, room.bert, PAY)
    own = (await seat_of(room, made, room.bert)).part
    assert own is not None
    room.telegram.start_bot(room.bert)
    row = await room.do(lambda tx: tx.invoices.update(own.id, state=State.OPEN))
    row = await room.take(Do.SEND_CARD, row)
    card = room.telegram.messages(room.private(room.bert))[-1]
    room.node.hindrance = NodeLocked()
    said = (await answer_to(room, card, room.bert, texts.LEAVE_BUTTON)).text or ""
    assert said.endswith(texts.asked_to_cancel(Cancelling.CANCELLING, NodeLocked()))


@pytest.mark.parametrize("is_seen", [True, False], ids=["seen", "not seen"])
async def test_a_hidden_admin_is_named_nowhere_for_what_they_close_or_cancel(
    room: Room, is_seen: bool
) -> None:
    """Olga is one of the bot's owners as well; a bot that is no admin does not see such admins."""
    if is_seen:
        room.telegram.promote(room.group, room.bot_user)
    room.telegram.set_anonymous(room.group, room.owner)
    made, _ = await split_up(room, room.anna, "/split 84k/3 pizza")
    here = await panel(room, made, room.owner)
    answer = await closing(room, here, room.owner)
    assert answer.text == texts.changing(Change.CLOSE, Changing.DONE)
    closed = await room.do(_get, made.id)
    assert (closed.state, closed.closed_by) == (BoardState.CLOSED, "")
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    await answer_to(room, card, room.owner, texts.CANCEL_BUTTON)
    row = await room.row(room.telegram.message(room.group, row.origin_message_id))
    assert (row.cancel_wanted, row.cancelled_by) == (True, "")


async def test_who_closes_a_board_and_is_not_hidden_is_named(room: Room) -> None:
    made, _ = await split_up(room, room.anna, "/split 84k/3 pizza")
    here = await panel(room, made, room.owner)
    await closing(room, here, room.owner)
    assert (await room.do(_get, made.id)).closed_by == "Olga"


async def test_who_may_be_a_hidden_admin_is_named_to_nobody_whom_they_pay_for(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bert, of whom Telegram told nothing in time, pays for Anna, whose invoice is open."""
    monkeypatch.setattr(replies, "NAME_AGAIN_S", ())
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    room.telegram.fail("getChatMember", times=1)
    await answer_to(room, message, room.bert, PAY)
    await answer_to(room, message, room.anna, PAY)
    own = await seat_of(room, made, room.bert)
    assert (own.name, own.hidden) == ("", False)
    hers = await seat_of(room, made, room.anna)
    await room.say(room.private(room.anna), room.anna, f"/start {hers.token}")
    await room.say(room.private(room.bert), room.bert, f"/start {own.token}")
    keyboard = board_buttons.pay_for(await room.do(_get, made.id), own.token)
    room.telegram.push_raw_update(
        {"callback_query": press_of(room.bert, room.private(room.bert), data(keyboard)[0])}
    )
    await room.handled()
    hers = await seat_of(room, made, room.anna)
    assert hers.part is not None
    assert (hers.part.cancel_wanted, hers.part.cancelled_by) == (True, "")
    mine = (await seat_of(room, made, room.bert)).part
    assert mine is not None
    assert mine.asker_name == ""


def press_of(
    person: User, chat: Chat, pressed: object, *, number: int = 1, username: object = None
) -> dict[str, object]:
    """A press that a client of its own making sends, with any data."""
    sent_by = {"id": person.id, "is_bot": False, "first_name": person.first_name}
    button = {"text": "x", "callback_data": pressed}
    place = {"id": chat.id, "type": chat.type, "username": username}
    message = {"message_id": number, "date": 1, "chat": place}
    message["reply_markup"] = {"inline_keyboard": [[button]]}
    body = {"id": "1", "from": sent_by, "chat_instance": "1"}
    return {**body, "message": message, "data": pressed}


@pytest.mark.parametrize(
    ("username", "name"), [("the_group", ""), (None, "an admin"), (5, "an admin")]
)
async def test_somebody_who_is_no_member_is_someone_in_a_public_group_only(
    room: Room, username: object, name: str
) -> None:
    """In a private one only members press: who looks like none is a hidden admin."""
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    query = press_of(
        room.stranger, room.group, f"pay:{made.handle}", number=message.id, username=username
    )
    room.telegram.push_raw_update({"callback_query": query})
    await room.handled()
    await room.telegram.wait_for(
        lambda: any(call.method == "answerCallbackQuery" for call in room.telegram.calls)
    )
    await asyncio.gather(*room.chats._posting)
    seat = await seat_of(room, made, room.stranger)
    assert "Sven" not in texts.board(await room.do(_get, made.id), None)
    assert ("an admin" if seat.hidden else seat.public_name) == name


@pytest.mark.parametrize("how", ["hangs", "refuses", "breaks"])
async def test_where_telegram_says_nothing_of_who_presses_they_have_a_part_and_no_name(
    room: Room, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "NAME_AGAIN_S", ())
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    match how:
        case "hangs":
            room.telegram.stall("getChatMember")
        case "refuses":
            room.telegram.fail("getChatMember", status=400, description="member list")
        case _:
            room.telegram.drop("getChatMember", acted=True)
    press = room.telegram.press(message.chat, room.bert, message.id, text=PAY)
    await room.handled()
    assert (await press.answer).url  # nobody waits for a name
    if how != "hangs":
        await asyncio.gather(*room.chats._posting)
    seat = await seat_of(room, made, room.bert)
    assert (seat.public_name, seat.hidden) == ("", False)
    if how != "hangs":  # the next press asks again
        await answer_to(room, message, room.bert, PAY)
        assert (await seat_of(room, made, room.bert)).public_name == "Bert"


async def test_nobody_joins_twice_and_who_was_not_in_may_leave(room: Room) -> None:
    made, message = await split_up(room, room.anna, "/split 84k pizza")
    for text, came_of_it in (
        (texts.LEAVE_BUTTON, Joining.OUT),
        (texts.JOIN_BUTTON, Joining.IN),
        (texts.JOIN_BUTTON, Joining.IN),
    ):
        assert (await answer_to(room, message, room.bert, text)).text == texts.joining(came_of_it)
    assert len((await room.do(_get, made.id)).seats) == 2


@pytest.mark.parametrize("kind", ["mention", "text_mention"])
@pytest.mark.parametrize("memo", ["\U0001f389 x", "\ud83d x"])
async def test_a_name_that_begins_within_a_letter_is_none_and_costs_no_command(
    room: Room, kind: str, memo: str
) -> None:
    text = f"/split 84k/3 {memo}"
    person = {"id": room.anna.id, "is_bot": False, "first_name": "Anna"}
    entities = [
        {"type": "bot_command", "offset": 0, "length": 6},
        {"type": kind, "offset": 14 if len(memo) == 3 else 13, "length": 3, "user": person},
    ]
    place = {"id": room.group.id, "type": room.group.type, "title": room.group.title}
    message = {"message_id": 4242, "date": int(room.clock()), "chat": place, "from": person}
    update = {"message": {**message, "text": text, "entities": entities}}
    room.telegram.push_raw_update(update)
    await room.handled()
    made = await room.do(_by_origin, room.group.id, 4242, room.places.bot_id)
    assert len(made.seats) == 3


# what is forged


FORGED = [
    *("pay:", "pay:x", "in:x", "out:x", "ask:x", "manage:x", "pay:" + "x" * 60, "in:\x00"),
    *ODD,
]


@pytest.mark.parametrize("forged", FORGED)
async def test_a_forged_press_changes_nothing_and_is_answered(room: Room, forged: str) -> None:
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    before = await room.do(_get, made.id)
    query = press_of(room.bert, room.group, forged, number=message.id)
    room.telegram.push_raw_update({"callback_query": query})
    await room.handled()
    await room.telegram.wait_for(
        lambda: any(call.method == "answerCallbackQuery" for call in room.telegram.calls)
    )
    after = await room.do(_get, made.id)
    assert (after, after.seats) == (before, before.seats)


async def test_a_button_of_a_board_works_in_its_own_chat_only(room: Room) -> None:
    made, _ = await split_up(room, room.anna, "/split 84k/3 pizza")
    other = room.telegram.add_group("Other", [room.bert, room.stranger])
    for verb in OnBoard:
        room.telegram.push_raw_update(
            {"callback_query": press_of(room.bert, other, f"{verb}:{made.handle}")}
        )
    await room.handled()
    after = await room.do(_get, made.id)
    assert (after, after.seats) == (made, made.seats)


async def test_somebody_elses_panel_does_nothing(room: Room) -> None:
    made, _ = await split_up(room, room.anna, "/split 84k/3 pizza")
    for change in Change:
        pressed = f"m:{change}:{made.handle}:1"
        query = press_of(room.bert, room.private(room.bert), pressed)
        room.telegram.push_raw_update({"callback_query": query})
        await room.handled()
    after = await room.do(_get, made.id)
    assert (after, after.seats) == (made, made.seats)


@pytest.mark.parametrize("number", [0, 4, 51, 999])
async def test_a_part_that_does_not_exist_is_not_changed(room: Room, number: int) -> None:
    made, _ = await split_up(room, room.anna, "/split 84k/3 pizza")
    for change in (Change.FREE, Change.SETTLE, Change.UNSETTLE):
        pressed = f"m:{change}:{made.handle}:{number}"
        query = press_of(room.anna, room.private(room.anna), pressed)
        room.telegram.push_raw_update({"callback_query": query})
        await room.handled()
    assert (await room.do(_get, made.id)).seats == made.seats


# links


async def started(room: Room, person: User, token: str, age_s: float = 0.0) -> list[Say]:
    """What is said to a /start that a link brought."""
    text = f"/start {token}"
    raw = {
        "message_id": 9,
        "date": int(room.clock() - age_s),
        "chat": {"id": person.id, "type": "private"},
        "from": {"id": person.id, "is_bot": False, "first_name": person.first_name},
        "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    }
    update = updates.read({"update_id": 5, "message": raw}, room.telegram_bot)
    assert update.message is not None
    replies = await room.boards.start(update.message)
    assert all(isinstance(each, Say) for each in replies)
    return [each for each in replies if isinstance(each, Say)]


JUNK = ["x", "x" * 64, "manage-", "manage-x", "manage-" + "x" * 57, "-", "_", "0", "for:x:1"]


@pytest.mark.parametrize("token", JUNK)
async def test_junk_in_a_link_is_answered_to_strangers_now_and_then_and_behind_all_others(
    room: Room, token: str
) -> None:
    (said,) = await started(room, room.stranger, token)
    assert said.to_stranger
    for each in JUNK:
        assert await started(room, room.stranger, each) == []
    room.clock.ahead_s += LINK_EVERY_S
    assert len(await started(room, room.stranger, token)) == 1
    (said,) = await started(room, room.bert, token)
    assert not said.to_stranger


async def test_a_strangers_link_of_long_ago_is_answered_behind_all_others(room: Room) -> None:
    (said,) = await started(room, room.stranger, "x" * 22, TOO_LATE_S + 60)
    assert said.to_stranger
    assert said.text == texts.TOO_LATE


async def test_who_may_not_manage_a_board_hears_so_now_and_then(room: Room) -> None:
    made, _ = await split_up(room, room.anna, "/split 84k/3 pizza")
    chat = room.private(room.stranger)
    for _ in range(5):
        await room.say(chat, room.stranger, f"/start {MANAGE_LINK}{made.handle}")
    await room.told(chat, texts.NOT_ALLOWED)
    asked = [call for call in room.telegram.calls if call.method == "getChatMember"]
    assert len(asked) == 1


async def test_a_token_is_worth_nothing_to_anybody_else(room: Room) -> None:
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    await answer_to(room, message, room.bert, PAY)
    seat = await seat_of(room, made, room.bert)
    assert seat.part is not None  # the press has asked for it
    for person in (room.stranger, room.anna, room.owner):
        (said,) = await started(room, person, seat.token)
        assert said.text == texts.parting(Parting.NOT_YOURS)
    assert await started(room, room.bert, seat.token) == []
    there = (await seat_of(room, made, room.bert)).part
    assert there is not None
    assert (there.id, there.asker_id) == (seat.part.id, room.bert.id)


async def test_nobody_has_a_board_in_private_or_as_a_stranger(room: Room) -> None:
    chat = room.private(room.anna)
    await room.say(chat, room.anna, "/split 84k/3 pizza")
    await room.told(chat, texts.SPLIT_IN_GROUPS)
    await room.say(chat, room.anna, "/collect 84k pizza")
    await room.told(chat, texts.COLLECT_IN_GROUPS, 2)
    room.telegram.join(room.group, room.stranger)
    await room.say(room.group, room.stranger, "/split 84k/3 pizza")
    await room.told(room.group, texts.ASKED_OWNER)


async def test_a_message_that_no_board_is_behind_carries_no_handle(room: Room) -> None:
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    raw = {"update_id": 5, "message": room.telegram.message_json(card)}
    message = updates.read(raw, room.telegram_bot).message
    assert message is not None
    assert handle_on(message) == ""


async def test_a_list_of_parts_is_known_by_the_token_on_its_own_buttons(room: Room) -> None:
    made, message = await split_up(room, room.anna, "/split 84k/3 pizza")
    await answer_to(room, message, room.bert, PAY)
    token = (await seat_of(room, made, room.bert)).token
    keyboard = board_buttons.pay_for(await room.do(_get, made.id), token)
    assert keyboard is not None
    shown = {"chat": {"id": 5, "type": "private"}, "date": 1, "message_id": 9}
    known = {}
    for name, there in (("list", {**shown, "reply_markup": keyboard.to_dict()}), ("other", shown)):
        query = {"id": "1", "from": {"id": 5, "is_bot": False, "first_name": "B"}, "data": "x"}
        raw = {"update_id": 5, "callback_query": {**query, "message": there}}
        pressed = updates.read(raw, room.telegram_bot).callback_query
        assert pressed is not None
        assert pressed.message is not None
        known[name] = [board_buttons.is_list_of(pressed.message, of) for of in (token, TOKEN)]
    assert known == {"list": [True, False], "other": [False, False]}
