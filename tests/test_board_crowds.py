"""Boards of many groups, and many boards of one: what hangs or hurries there delays nobody else."""

from __future__ import annotations

import pytest

from bot.core.board import Board, Seat, board_changes
from bot.core.board_steps import EDIT_EVERY_S
from bot.core.invoice import Face, State, changes
from bot.demo.node import CANCELED
from bot.demo.telegram import Message
from bot.store import Store, Tx
from tests.bills import LIVES_S
from tests.rows import NOW
from tests.store.made import columns as columns_of
from tests.test_boards import board, boards, my_part, split
from tests.world import World


def edits(world: World, *messages: Message) -> int:
    """How often these were edited."""
    return sum(len(each.versions) - 1 for each in messages)


@pytest.mark.parametrize(("groups", "each"), [(70, 1), (20, 4)])
async def test_chats_that_hang_hold_up_no_other_groups_board(
    world: World, groups: int, each: int
) -> None:
    telegram = world.telegram
    others = [telegram.add_user(f"Somebody {n}") for n in range(groups)]
    hanging = [telegram.add_group(f"Group {each.id}", [world.owner, each]) for each in others]
    world.access["chats"] = frozenset({world.group.id, *(chat.id for chat in hanging)})
    await world.start_bot()
    for _ in range(each):
        for chat in hanging:
            telegram.say(chat, world.owner, "/split 84k/3")
    await world.until(lambda: all(len(boards(world, chat)) == each for chat in hanging), 60.0)
    for chat, person in zip(hanging, others, strict=True):
        telegram.stall("editMessageText", chat_id=chat.id)
        for shown in boards(world, chat):
            telegram.press(chat, person, shown.id, text="Pay my part")
    telegram.say(world.group, world.anna, "/split 90k/2")
    healthy = await board(world, world.group)
    card = await my_part(world, healthy, world.bert, 45_000)
    await world.until(lambda: '"Bert"' in (healthy.text or ""), 20.0)
    telegram.press(card.chat, world.bert, card.id, text="Not me")
    await world.becomes(card, Face.CANCELLED)
    other = await my_part(world, healthy, world.anna, 45_000)
    telegram.say(world.group, world.anna, "/cancel", reply_to=healthy)
    await world.becomes(other, Face.CANCELLED)
    cancelled = [i for i in world.node.invoices.values() if i.state == CANCELED]
    assert len(cancelled) == 2
    await world.until(lambda: ", closed" in (healthy.text or ""), 20.0)
    assert not any(edits(world, *boards(world, chat)) for chat in hanging)


async def test_boards_of_one_group_are_edited_one_after_the_other(world: World) -> None:
    await split(world, by=world.owner)
    for _ in range(4):
        world.telegram.say(world.group, world.owner, "/split 84k/3 pizza")
    shown = await world.until(lambda: len(there := boards(world, world.group)) == 5 and there)
    assert shown
    for each in shown:
        press = world.telegram.press(world.group, world.bert, each.id, text="Pay my part")
        await press.answer
    for count in range(1, 6):
        await world.until(lambda count=count: edits(world, *shown) == count)
        # Whatever else could be edited now was looked at before this.
        await world.open_card(world.group, world.anna, f"/invoice {count}")
        assert edits(world, *shown) == count
        world.clock.ahead_s += EDIT_EVERY_S
    assert all('"Bert"' in (each.text or "") for each in shown)


def _with_parts(tx: Tx, first: int, last: int) -> Board:
    """A board whose one seat had an invoice for each of these numbers."""
    made = tx.boards.by_handle("h")
    if made is None:
        columns = board_changes(
            handle="h",
            origin_chat_id=-5,
            origin_message_id=1,
            bot_id=1,
            chat_id=-5,
            reply_to=1,
            asker_id=7,
            asker_name="Anna",
            asked_at=NOW,
            sum_msat=1000,
            ends_at=NOW + LIVES_S,
        )
        made = tx.boards.add([Seat(number=1, amount_msat=1000)], **columns)
    for number in range(first, last):
        is_newest = number == last - 1
        of_board = changes(board_id=made.id, part=1, renewal=number, origin_message_id=1)
        written = columns_of(number, state=State.CANCELLED, replaced=not is_newest)
        tx.invoices.add(**{**written, **of_board})
    return made


def _steps_of_reading(tx: Tx, board_id: int) -> int:
    """How much SQLite does to read a board: this is no time, and the same each time."""
    connection = tx.boards._connection.connection.driver_connection
    assert connection is not None
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    try:
        shown = tx.boards.get(board_id)
    finally:
        connection.set_progress_handler(None, 1)
    assert shown is not None
    assert shown.seats[0].part is not None
    return steps


async def test_a_board_is_read_as_fast_however_many_invoices_it_ever_had(store: Store) -> None:
    few = await store.do(_with_parts, 1, 5)
    before = await store.do(_steps_of_reading, few.id)
    many = await store.do(_with_parts, 5, 1000)
    assert many.id == few.id
    assert await store.do(_steps_of_reading, few.id) <= 2 * before
