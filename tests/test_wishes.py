"""What one person wants, in whatever chat: in its order, once, and not lost with the process."""

from __future__ import annotations

import pytest

from bot import texts
from bot.chat import replies
from bot.chat.commands import boards as commands_of_boards
from bot.core.invoice import Face
from bot.core.wishes import Change, Parting
from bot.demo.node import CANCELED, OPEN
from bot.demo.telegram import Chat, Message, Press, User
from tests.test_board_attacks import link
from tests.test_boards import board, boards, my_part
from tests.test_splits import others, panel, pressed, split
from tests.world import NAME, World

BOTH = pytest.mark.parametrize("by_webhook", [False, True])


async def begun(world: World, command: str) -> Message:
    """The board of a bot that was started for it."""
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, world.anna, command)
    return await board(world, world.group)


async def taken(world: World, shown: Message, sats: int) -> Message:
    """Bert's card, once the board says that the part is his."""
    card = await my_part(world, shown, world.bert, sats)
    await board(world, world.group, '"Bert"')
    return card


async def away(
    world: World, sats: int, command: str, *, by_webhook: bool = False
) -> tuple[Message, Message]:
    """The board and Bert's card; the bot is away."""
    if by_webhook:
        world.use_webhook()
    shown = await begun(world, command)
    card = await taken(world, shown, sats)
    await world.stop_bot()
    return shown, card


async def taken_of_a_process(world: World) -> tuple[Message, Message]:
    """The same of a bot that can be killed, which is there."""
    world.access["chats"] = frozenset({world.group.id})
    await world.start_process()
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    shown = await board(world, world.group)
    card = await taken(world, shown, 28_000)
    await world.recorded(card)
    return shown, card


def crowd(world: World, shown: Message) -> None:
    """Others press first."""
    for number in range(6):
        friend = world.telegram.add_user(f"Friend {number}")
        world.telegram.join(world.group, friend)
        world.telegram.press(shown.chat, friend, shown.id, text=texts.PAY_BUTTON)


# in its order: what waits for the bot comes in one batch


@BOTH
async def test_who_comes_back_last_has_their_part(world: World, by_webhook: bool) -> None:
    shown, card = await away(world, 28_000, "/split 84k/3 pizza", by_webhook=by_webhook)
    leaves = world.telegram.press(card.chat, world.bert, card.id, text=texts.LEAVE_BUTTON)
    returns = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    await world.start_bot()
    await leaves.answer
    await returns.answer
    world.telegram.follow(returns)
    await world.until(lambda: world.showing(card.chat, Face.OPEN))
    await board(world, world.group, '"Bert"')


@BOTH
async def test_who_leaves_last_is_out(world: World, by_webhook: bool) -> None:
    shown, card = await away(world, 6_000, "/split 84k/14 pizza", by_webhook=by_webhook)
    crowd(world, shown)
    returns = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    leaves = world.telegram.press(card.chat, world.bert, card.id, text=texts.LEAVE_BUTTON)
    await world.start_bot()
    await returns.answer
    await leaves.answer
    await world.becomes(card, Face.CANCELLED)
    await world.until(lambda: '"Bert"' not in (boards(world, world.group)[-1].text or ""))
    assert not world.showing(card.chat, Face.OPEN)


async def test_of_two_words_of_an_owner_the_later_counts(world: World) -> None:
    world.telegram.join(world.group, world.stranger)
    await world.start_bot()
    own = world.private(world.owner)
    await world.stop_bot()
    for number in range(10):
        world.telegram.say(world.group, world.anna, f"/invoice@{NAME} {100 + number}")
    world.telegram.say(world.group, world.owner, f"/allow@{NAME} {world.stranger.id}")
    world.telegram.say(own, world.owner, f"/deny {world.stranger.id}")
    await world.start_bot()

    def says(chat: Chat, what: str) -> bool:
        return any(what in (each.text or "") for each in world.ours(chat))

    await world.until(lambda: says(own, "can no longer ask for invoices"))
    theirs = world.private(world.stranger)
    world.telegram.say(theirs, world.stranger, "/invoice 777")
    await world.until(lambda: says(theirs, "I only make invoices for people"))


# once: what a killed process did not confirm comes again


async def killed_unconfirmed(world: World) -> None:
    await world.kill_process()
    world.telegram.clear_faults()
    await world.start_process()
    asked = world.telegram.say(world.private(world.owner), world.owner, "/id")
    await world.until(lambda: any(m.reply_to is asked for m in world.ours(asked.chat)))


async def test_a_press_that_only_asked_for_the_link_takes_no_seat_when_it_comes_again(
    world: World,
) -> None:
    shown, card = await taken_of_a_process(world)
    world.telegram.drop("getUpdates", acted=False, times=None)
    more = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    leaves = world.telegram.press(card.chat, world.bert, card.id, text=texts.LEAVE_BUTTON)
    await more.answer
    await leaves.answer
    await world.becomes(card, Face.CANCELLED)
    await world.until(lambda: '"Bert"' not in (shown.text or ""))
    await killed_unconfirmed(world)
    assert not world.showing(card.chat, Face.OPEN)
    assert len(world.node.invoices) == 1


async def test_not_me_that_comes_again_takes_no_part_of_who_came_back(world: World) -> None:
    shown, card = await taken_of_a_process(world)
    cancels = world.node.stall("CancelInvoice", before=True)
    world.telegram.drop("getUpdates", acted=False, times=None)
    leaves = world.telegram.press(card.chat, world.bert, card.id, text=texts.LEAVE_BUTTON)
    returns = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    await leaves.answer
    await returns.answer
    await world.kill_process()
    cancels.release()
    await killed_unconfirmed(world)
    world.telegram.follow(returns)
    await world.until(lambda: world.showing(card.chat, Face.OPEN))
    await board(world, world.group, '"Bert"')


# not lost


@pytest.mark.parametrize("is_killed", [False, True])
async def test_who_said_that_they_are_in_is_so_though_telegram_has_not_said_their_name(
    world: World, is_killed: bool
) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_process()
    world.telegram.say(world.group, world.anna, "/split 84k pizza")
    shown = await board(world, world.group)
    late = world.telegram.stall("getChatMember")
    polls = world.polls()
    press = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.JOIN_BUTTON)
    await late.reached()
    await world.until(lambda: world.polls() > polls)  # it is confirmed
    await (world.kill_process() if is_killed else world.end_process())
    world.telegram.clear_faults()
    await world.start_process()
    await board(world, world.group, "2 people so far")
    assert press.answer.done()


# of two who want the same


async def test_of_two_who_press_for_one_part_the_first_has_its_invoice(world: World) -> None:
    carl = world.telegram.add_user("Carl")
    for each in (world.stranger, carl):
        world.telegram.join(world.group, each)
    shown = await split(world, "84k/4 pizza")
    berts = await my_part(world, shown, world.bert, 21_000)
    carls = await my_part(world, shown, carl, 21_000)
    await my_part(world, shown, world.stranger, 21_000)
    one = await others(world, berts, world.bert)
    two = await others(world, carls, carl)
    cancels = world.node.stall("CancelInvoice", before=True)
    first = world.telegram.press(one.chat, world.bert, one.id, text="Sven: 21,000 sats")
    assert (await first.answer).text == texts.FOLLOWS
    await cancels.reached()
    second = world.telegram.press(two.chat, carl, two.id, text="Sven: 21,000 sats")
    assert (await second.answer).text == texts.FOLLOWS
    cancels.release()
    told = {world.bert: one.chat, carl: two.chat}

    def slower() -> list[User]:
        faster = texts.parting(Parting.FASTER)
        return [p for p, chat in told.items() if faster in [m.text for m in world.ours(chat)]]

    hears = await world.until(slower)
    assert len(hears) == 1
    (has_it,) = told.keys() - set(hears)
    await world.until(lambda: len(world.showing(told[has_it], Face.OPEN)) == 2)
    states = [each.state for each in world.node.invoices.values()]
    assert sorted(states) == sorted([OPEN, OPEN, CANCELED, OPEN])


async def test_who_has_a_part_has_its_invoice_back_however_many_take_it(world: World) -> None:
    friends = [world.telegram.add_user(f"Friend {number}") for number in range(2)]
    for each in (world.stranger, *friends):
        world.telegram.join(world.group, each)
    shown = await split(world, "84k/4 pizza")
    cards = {each: await my_part(world, shown, each, 21_000) for each in friends}
    mine = await my_part(world, shown, world.stranger, 21_000)
    for each in friends:
        choice = await others(world, cards[each], each)
        assert await pressed(world, choice, each, "Sven: 21,000 sats") == texts.FOLLOWS
        await world.until(lambda who=each: len(world.showing(cards[who].chat, Face.OPEN)) == 2)  # type: ignore[misc]
        token = await link(world, shown, world.stranger)
        world.telegram.start_bot(world.stranger, token)
        await world.until(lambda: len(world.showing(mine.chat, Face.OPEN)) == 1)


# what only Telegram knows, and takes long to say


@pytest.mark.parametrize("how", ["wwwww", "pppp", "wwwp", "pwpwp"])
async def test_whatever_an_admin_cancels_one_after_the_other_is_cancelled(
    world: World, how: str
) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.promote(world.group, world.bert)
    cards = [
        await world.open_card(world.group, world.anna, f"/invoice@{NAME} {100 + number}")
        for number, _ in enumerate(how)
    ]
    world.telegram.slow("getChatMember", 0.3)
    for card, by in zip(cards, how, strict=True):
        if by == "w":
            world.telegram.say(card.chat, world.bert, f"/cancel@{NAME}", reply_to=card)
        else:
            world.telegram.press(card.chat, world.bert, card.id, text=texts.CANCEL_BUTTON)
    for card in cards:
        await world.becomes(card, Face.CANCELLED)


@pytest.mark.parametrize(("people", "each_says"), [(7, 30), (replies.ADMINS_A_CHAT + 1, 1)])
async def test_strangers_in_a_group_that_hangs_keep_no_answer_from_others(
    world: World, people: int, each_says: int
) -> None:
    await world.start_bot()  # nobody but anna and bert may ask
    elsewhere = world.telegram.add_group("Elsewhere", [world.anna, world.bert])
    card = await world.open_card(world.group, world.anna, f"/invoice@{NAME} 100")
    other = await world.open_card(elsewhere, world.anna, f"/invoice@{NAME} 200")
    world.telegram.say(elsewhere, world.anna, f"/split@{NAME} 84k/4 pizza")
    shown = await board(world, elsewhere)
    world.telegram.promote(elsewhere, world.bert)
    crowd = [world.telegram.add_user(f"Stranger {number}") for number in range(people)]
    hanging = world.telegram.stall("getChatMember", chat_id=world.group.id)
    for _ in range(each_says):
        for each in crowd:
            world.telegram.join(world.group, each)
            world.telegram.say(world.group, each, f"/cancel@{NAME}", reply_to=card)
    await hanging.reached()
    assert await link(world, shown, world.bert)
    world.telegram.press(elsewhere, world.bert, other.id, text=texts.CANCEL_BUTTON)
    await world.becomes(other, Face.CANCELLED)
    hanging.release()


async def test_an_owner_closes_a_board_where_strangers_wait_for_telegram(world: World) -> None:
    shown = await split(world, "84k/3 pizza")
    card = await world.open_card(world.group, world.anna, f"/invoice@{NAME} 100")
    here = await panel(world, shown, world.owner)
    await pressed(world, here, world.owner, texts.CHANGES[Change.CLOSE])
    await world.until(lambda: texts.CLOSE_BUTTON in world.buttons(here))
    hanging = world.telegram.stall("getChatMember", chat_id=world.group.id)
    for number in range(replies.ADMINS_A_CHAT):
        stranger = world.telegram.add_user(f"Stranger {number}")
        world.telegram.join(world.group, stranger)
        world.telegram.say(world.group, stranger, f"/cancel@{NAME}", reply_to=card)
    await hanging.reached()
    await pressed(world, here, world.owner, texts.CLOSE_BUTTON)
    await board(world, world.group, "closed")
    hanging.release()


async def test_only_the_link_of_a_press_that_brought_an_invoice_lets_that_go_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands_of_boards, "LINK_YIELDS_S", 60.0)
    shown = await begun(world, "/split 84k/3 pizza")
    world.private(world.stranger).started = True
    world.telegram.start_bot(world.stranger, "x" * 22)
    await world.until(lambda: world.ours(world.private(world.stranger)))
    token = await link(world, shown, world.bert)
    await board(world, world.group, '"Bert"')
    world.telegram.start_bot(world.bert, token)
    await world.shown(world.private(world.bert), Face.OPEN, sats=28_000)


async def test_the_names_of_a_crowd_come_however_long_each_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "NAMES_A_CHAT", 1)
    monkeypatch.setattr(replies, "ANSWER_WITHIN_S", 1.0)
    friends = [world.telegram.add_user(f"Friend{number}x") for number in range(12)]
    for each in friends:
        world.telegram.join(world.group, each)
    shown = await split(world, "84k pizza")
    world.telegram.slow("getChatMember", 0.2)
    for each in friends:
        world.telegram.press(shown.chat, each, shown.id, text=texts.JOIN_BUTTON)
    for each in friends:
        await board(world, world.group, f'"{each.first_name}"')


@pytest.mark.parametrize("what", ["84k pizza", "84k/3 pizza"])
async def test_a_name_that_telegram_does_not_say_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(replies, "NAME_AGAIN_S", (0.1,) * 3)
    shown = await split(world, what)
    world.telegram.fail("getChatMember", status=502, times=2)
    button = texts.PAY_BUTTON if "/" in what else texts.JOIN_BUTTON
    world.telegram.press(shown.chat, world.bert, shown.id, text=button)
    await board(world, world.group, '"Bert"')


@pytest.mark.parametrize("hides", [False, True])
async def test_a_name_that_a_former_process_asked_for_comes_with_the_link(
    world: World, hides: bool
) -> None:
    if hides:
        world.telegram.promote(world.group, world.bert)
        world.telegram.set_anonymous(world.group, world.bert)
    shown = await split(world, "84k/3 pizza")
    world.telegram.fail("getChatMember", status=502, times=None)
    press = world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    await press.answer
    await board(world, world.group, "someone")
    await world.stop_bot()
    world.telegram.clear_faults()
    await world.start_bot()
    before = times_asked_for(world, world.bert)
    world.telegram.follow(press)
    await world.shown(world.private(world.bert), Face.OPEN, sats=28_000)
    await board(world, world.group, "someone" if hides else '"Bert"')
    world.telegram.say(world.private(world.bert), world.bert, f"/start {token_of(press)}")
    await world.ask(world.private(world.bert), world.bert, "/invoice 2100")
    assert times_asked_for(world, world.bert) == before + 1
    assert "Bert" not in (boards(world, world.group)[-1].text or "") or not hides


def times_asked_for(world: World, person: User) -> int:
    """How often Telegram was asked who that is in a chat; a start asks so about the bot itself."""
    who = str(person.id)
    asked = (call for call in world.telegram.calls if call.method == "getChatMember")
    return sum(call.params["user_id"] == who for call in asked)


def token_of(press: Press) -> str:
    """What the link carries that the press was answered with."""
    return (press.answer.result().url or "").partition("=")[2]


@pytest.mark.parametrize("what", ["84k pizza", "84k/3 pizza"])
async def test_who_presses_before_a_group_moves_is_named_where_it_is_then(
    world: World, what: str
) -> None:
    shown = await split(world, what)
    late = world.telegram.stall("getChatMember")
    button = texts.PAY_BUTTON if "/" in what else texts.JOIN_BUTTON
    press = world.telegram.press(shown.chat, world.bert, shown.id, text=button)
    await late.reached()
    moved = world.telegram.migrate(world.group)
    await press.answer
    await board(world, moved)
    late.release()
    await board(world, moved, '"Bert"')


async def test_what_an_admin_presses_before_a_group_moves_is_done(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.promote(world.group, world.bert)
    card = await world.open_card(world.group, world.anna, f"/invoice@{NAME} 100")
    late = world.telegram.stall("getChatMember")
    world.telegram.press(card.chat, world.bert, card.id, text=texts.CANCEL_BUTTON)
    await late.reached()
    world.telegram.migrate(world.group)
    late.release()
    await world.until(lambda: [each.state for each in world.node.invoices.values()] == [CANCELED])


async def test_names_come_though_answers_to_presses_hang(world: World) -> None:
    friends = [world.telegram.add_user(f"Friend{number}") for number in range(12)]
    for each in friends:
        world.telegram.join(world.group, each)
    shown = await split(world, "84k pizza")
    answers = world.telegram.stall("answerCallbackQuery")
    for each in friends:
        world.telegram.press(shown.chat, each, shown.id, text=texts.JOIN_BUTTON)
    await answers.reached()
    for each in friends:
        await board(world, world.group, f'"{each.first_name}"')
    answers.release()


async def test_the_last_press_counts_however_many_waited_for_the_bot(world: World) -> None:
    shown, card = await away(world, 28_000, "/split 84k/3 pizza")
    for _ in range(replies.BUTTON_HEARD + 5):
        world.telegram.press(shown.chat, world.bert, shown.id, text=texts.PAY_BUTTON)
    leaves = world.telegram.press(card.chat, world.bert, card.id, text=texts.LEAVE_BUTTON)
    await world.start_bot()
    await leaves.answer
    await world.becomes(card, Face.CANCELLED)
