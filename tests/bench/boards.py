"""Bills that a group pays, in the bench: from a press to the card, and payments all at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bot import texts
from bot.core.amounts import format_sats
from bot.core.board_steps import EDIT_EVERY_S
from bot.demo.telegram import Chat, Message
from tests.bench.report import Report
from tests.bench.side import Load, Side, moments

PART_SATS = 2100
#: Payments within a second, and how many edits may tell of them, within how many seconds.
PAYMENTS, PAID_WITHIN_S = 20, 1.0
EDITS, EDITED_WITHIN_S = 3, 4.0
PATIENCE_S = 30.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Table:
    """A group with a bill for some guests, by their private chats; who asked has a seat as well."""

    board: Message
    guests: Sequence[Chat]


async def split(side: Side, guests: Sequence[Chat]) -> Table:
    """Somebody asks these guests for their parts; returns once the board is there."""
    number = next(_numbers)
    asker = side.telegram.add_user(f"Host {number}")
    people = [chat.person for chat in guests if chat.person is not None]
    group = side.telegram.add_group(f"Table {number}", [asker, *people])
    seats = len(people) + 1
    said = side.telegram.say(group, asker, f"/split {PART_SATS * seats}/{seats} pizza")

    def board() -> Message | None:
        messages = side.telegram.messages(group)
        return next((each for each in messages if each.reply_to is said), None)

    await side.telegram.wait_for(lambda: board() is not None, PATIENCE_S)
    shown = board()
    assert shown is not None
    return Table(shown, guests)


async def press(side: Side, table: Table, moments: Sequence[float]) -> Load:
    """A guest's press at each moment, in seconds from now; their client follows the link at once.

    Waits for the photos in their private chats.
    """
    said_at: list[float] = []
    shown_at: list[float | None] = [None] * len(moments)
    places = {chat.id: place for place, chat in enumerate(table.guests)}
    before = side.cpu_of_both()

    async def follow(chat: Chat) -> None:
        assert chat.person is not None
        board = table.board
        pressed = side.telegram.press(board.chat, chat.person, board.id, text=texts.PAY_BUTTON)
        await pressed.answer
        side.telegram.follow(pressed)

    async def say() -> None:
        started = time.monotonic()
        async with asyncio.TaskGroup() as following:
            for chat, moment in zip(table.guests, moments, strict=True):
                await asyncio.sleep(max(0.0, started + moment - time.monotonic()))
                said_at.append(time.time())
                following.create_task(follow(chat))

    async def look() -> None:
        async for change in listener:
            message = change.message
            if change.kind == "message" and message is not None and message.photo is not None:
                place = places.get(message.chat.id)
                # a card whose link was followed while it was made replies to that
                to = message.reply_to
                if place is not None and (to is None or (to.text or "").startswith("/start ")):
                    shown_at[place] = message.versions[-1].at
            if None not in shown_at:
                return

    listener = side.telegram.listen()
    looking = asyncio.ensure_future(look())
    await say()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await looking
    listener.close()
    after = side.cpu_of_both()
    spent = [new - old for new, old in zip(after, before, strict=True)]
    return Load(said_at, shown_at, time.time(), *spent)


async def presses(report: Report, side: Side, *, turns: int, per_s: int, turn_s: float) -> None:
    """From a press to the card in private, beside a plain /invoice; they take turns."""
    every: tuple[list[float], list[float]] = ([], [])
    when = moments(per_s, turn_s)
    for turn in range(turns):
        table = await split(side, side.some_chats(len(when), turn))
        await asyncio.sleep(EDIT_EVERY_S)
        asked = await side.ask(when)
        every[0].extend(asked.waited_s)
        await asyncio.sleep(EDIT_EVERY_S)
        every[1].extend((await press(side, table, when)).waited_s)
    medians_ms = [1000 * statistics.median(waited) for waited in every]
    report.figure("a part of a bill, by", "/invoice", "a press")
    report.ratio(f"{per_s} a second: median ms to the card", *medians_ms, at_most=1.3)


async def payments(report: Report, side: Side, *, rounds: int) -> None:
    """Many pay within a second: how often their board is edited, and when it is right."""
    edits, late_s, wrong = [], [], 0
    for turn in range(rounds):
        table = await split(side, side.some_chats(PAYMENTS, turn))
        await press(side, table, [0.0] * PAYMENTS)
        await asyncio.sleep(2 * EDIT_EVERY_S)  # it shows who has a seat
        known = len(table.board.versions)
        paid_at = await _pay(side, table)
        is_right = f"{format_sats(1000 * PART_SATS * PAYMENTS)} paid"
        await asyncio.sleep(EDITED_WITHIN_S + EDIT_EVERY_S)  # and what is edited too often
        told = table.board.versions[known:]
        edits.append(len(told))
        wrong += not told or is_right not in (told[-1].text or "")
        late_s.append(told[-1].at - paid_at if told else EDITED_WITHIN_S + EDIT_EVERY_S)
    report.most(f"{PAYMENTS} payments within a second: edits of the board", max(edits), EDITS)
    report.none("  boards whose last edit is wrong", wrong)
    what = "  the last edit after the last payment, s"
    report.below(what, max(late_s), EDITED_WITHIN_S)


async def _pay(side: Side, table: Table) -> float:
    """Each guest pays the invoice of their newest card; when the last one did, in Unix seconds."""
    requests = [side.newest_request(chat) for chat in table.guests]
    started = time.monotonic()
    for request, moment in zip(
        requests, moments(PAYMENTS / PAID_WITHIN_S, PAID_WITHIN_S), strict=True
    ):
        await asyncio.sleep(max(0.0, started + moment - time.monotonic()))
        side.node.pay(request)
    return time.time()
