"""One storm from beginning to end: all at once, then the calm, then the comparison."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.storm.book import Book, Command
from tests.storm.breaks import ENDED, PROMISES, Break
from tests.storm.lives import Lives
from tests.storm.odd import Odd
from tests.storm.outside import Outside
from tests.storm.people import People
from tests.storm.plan import Plan
from tests.storm.process import BotEnded
from tests.storm.promises import Truths
from tests.storm.remains import after_the_end, log_lines
from tests.storm.server import Server
from tests.storm.troubles import Troubles

#: Seconds after the last trouble within which all promises have to hold.
SETTLE_S = 60.0
#: So many commands' lives are told for each promise that does not hold.
LIVES = 3
#: Seconds for which they have to go on holding.
STEADY_S = 2.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a storm."""

    lines: list[str]
    breaks: list[Break]
    life: list[str]

    @property
    def broken(self) -> bool:
        """Whether a promise broke."""
        return bool(self.breaks)


async def run(
    plan: Plan, folder: Path, *, log_level: str = "info", bots: int = 1, on_server: bool = False
) -> Report:
    """Do all that is planned; `folder` gets the log, and the database unless it is on a server.

    `bots`: processes, of which one acts: only a server's database can have more than one.
    """
    book = Book()
    outside = Outside(
        folder,
        book,
        expiry_s=plan.expiry_s,
        log_level=log_level,
        bots=bots,
        server=Server(book) if on_server else None,
    )
    await outside.open()
    try:
        await outside.bot.start()
        if outside.server is not None:
            await outside.server.note_terms()
        people = People(outside, book, plan)
        troubles = Troubles(outside, book, plan, people)
        lives, odd = Lives(outside, book, plan, people), Odd(outside, book, plan)
        truths = Truths(outside, book)
        by_itself: list[Break] = []
        try:
            await _storm(people, troubles, lives, odd, plan, bots=bots, on_server=on_server)
        except* BotEnded as ended:
            by_itself = [Break(ENDED, str(each)) for each in ended.exceptions]
        if by_itself:
            return _report(book, truths, by_itself, 0.0, outside.bot.log.text())
        breaks, settled_s = await _settle(truths)
        if not breaks:
            breaks = truths.who(await people.ask_who())
        code = await outside.bot.end()
        await outside.bot.log.read_out()
        breaks += after_the_end(outside, book, code)
        return _report(book, truths, breaks, settled_s, outside.bot.log.text())
    finally:
        (folder / "book.txt").write_text("\n".join(book.lines()))
        await outside.close()


async def _storm(
    people: People,
    troubles: Troubles,
    lives: Lives,
    odd: Odd,
    plan: Plan,
    *,
    bots: int,
    on_server: bool,
) -> None:
    living = asyncio.create_task(people.live())
    others = asyncio.create_task(people.other_programs())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lives.kills())
            tasks.create_task(lives.tokens())
            if on_server:
                tasks.create_task(lives.servers())
            else:
                tasks.create_task(lives.files())
            if bots > 1:
                tasks.create_task(lives.replicas())
            tasks.create_task(lives.logs())
            tasks.create_task(odd.at_node())
            tasks.create_task(odd.at_telegram())
            tasks.create_task(troubles.at_node())
            tasks.create_task(troubles.at_telegram())
            tasks.create_task(troubles.in_chats())
            tasks.create_task(troubles.lost_answers())
        troubles.over()
        # who still waits for a card, or for an expiry, gets the time
        await asyncio.wait({living}, timeout=plan.expiry_s + 3)
    finally:
        for task in (living, others):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _settle(truths: Truths) -> tuple[list[Break], float]:
    """Until all promises hold, and go on holding; what does not, and after how long."""
    began = time.monotonic()
    steady_since: float | None = None
    while True:
        breaks = truths.compare()
        now = time.monotonic()
        if breaks:
            steady_since = None
            if now - began > SETTLE_S:
                return breaks, now - began
        else:
            steady_since = steady_since or now
            if now - steady_since >= STEADY_S:
                return [], steady_since - began
        await asyncio.sleep(0.5)


def _report(book: Book, truths: Truths, breaks: list[Break], settled_s: float, log: str) -> Report:
    figures = {k: v for k, v in sorted(book.figures.items()) if not k.startswith("kills at ")}
    points = sum(v for k, v in book.figures.items() if k.startswith("kills at "))
    lines = [f"{what:60}{count:8}" for what, count in figures.items()]
    random_kills = book.figures.get("kills at random", 0)
    lines.append(f"{'kills at a named point':60}{points - random_kills:8}")
    lines += [f"{what:60}{count:8}" for what, count in sorted(truths.explained.items())]
    lines.append(f"{'seconds until everything was true':60}{settled_s:8.1f}")
    lines.append("")
    counts = Counter(each.promise for each in breaks)
    for number, promise in enumerate(PROMISES):
        mark = "BROKEN" if counts[number] else "kept"
        lines.append(f"{promise:60}{counts[number]:8}  {mark}")
    life: list[str] = []
    if breaks:
        life = [f"{PROMISES[b.promise]}: {_name(b)}{b.what}" for b in breaks[:20]]
        kinds = Counter[int]()
        told: dict[Command, None] = {}
        for each in breaks:
            if each.command is not None and kinds[each.promise] < LIVES:
                kinds[each.promise] += 1
                told[each.command] = None
        for command in told:
            life += ["", f"The life of {command.name}:", *book.life(command, log_lines(log))]
    return Report(lines, breaks, life)


def _name(broken: Break) -> str:
    return f"{broken.command.name}: " if broken.command is not None else ""
