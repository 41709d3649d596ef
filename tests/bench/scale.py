"""`python -m tests.bench.scale`: whether the bot stays as it is with very many invoices.

Beside the bot whose database is empty stand one with ten thousand open invoices, one with a hundred
thousand that are over, and one with a thousand open boards, each a process of its own; the
simulators are in this one. Targets are ratios of one run, in which the sides take turns, and
counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.past import Open, Past
from tests.bench.report import Report, alone, ended, parser
from tests.bench.side import Load, Side, moments

BUSY_PER_S = 30
SLOW_PER_S = 5
#: Commands while payments are worked off: each takes a place of Telegram's 30 a second.
BESIDE_PER_S = 3
#: Telegram's overall rate, and the two messages of a payment: the card's edit and the notice.
MESSAGES_PER_S = 30
A_PAYMENT = 2
#: So much slower may a command be meanwhile: a place comes every 33 ms, and two of three are new
#: cards'.
MEANWHILE = 5
LOOKS_S = 180.0
#: Of each board.
SEATS = 10


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    people: int
    open_steps: tuple[int, ...]  # the bot's memory is looked at with so many open
    done: int
    boards: int
    starts: int
    idle_s: float
    turns: int
    turn_s: float
    rest_s: float
    busy_s: int
    payments: int
    alone: int


WHOLE = Size(
    people=500,
    open_steps=(2500, 5000, 10_000),
    done=100_000,
    boards=1000,
    starts=3,
    idle_s=60.0,
    turns=6,
    turn_s=4.0,
    rest_s=1.0,
    busy_s=180,
    payments=1000,
    alone=500,
)
QUICK = Size(
    people=20,
    open_steps=(40,),
    done=200,
    boards=20,
    starts=1,
    idle_s=1.0,
    turns=1,
    turn_s=0.4,
    rest_s=0.1,
    busy_s=1,
    payments=20,
    alone=50,
)


@dataclass
class Sides:
    """The four bots, and what is known of the one with open invoices."""

    empty: Side
    full: Side
    old: Side
    split: Side
    past: Past

    @property
    def others(self) -> tuple[tuple[str, Side], ...]:
        """Those that are measured against the empty one."""
        return ("open", self.full), ("done", self.old), ("boards", self.split)

    @property
    def every(self) -> tuple[Side, ...]:
        """The empty one, and then those."""
        return self.empty, *(side for _, side in self.others)


async def looked(side: Side, before: int, count: int) -> None:
    """Wait until the bot has looked up so many since then: nothing is left of its start."""
    calls = side.node.calls
    await side.node.until(lambda: calls["LookupInvoice"] - before >= count, timeout_s=LOOKS_S)


async def memory(size: Size, report: Report, sides: Sides) -> None:
    """How much more is resident for an invoice more that is open, by a line through all sizes."""
    counts, mbs = [0, *size.open_steps], []
    for count in counts:
        side = sides.full if count else sides.empty
        if count:
            await sides.past.open(count - len(sides.past.opened))
        before = side.node.calls["LookupInvoice"]
        await side.start_ours(again=not count)  # the first start makes the database
        await looked(side, before, count)
        await side.warm_up()
        mbs.append(side.memory_mb())
        await side.end()
    for count, mb in zip(counts[1:], mbs[1:], strict=True):
        report.figure(f"memory with {count} open, MB", f"{mbs[0]:.1f}", f"{mb:.1f}")
    slope_kb = 1000 * statistics.linear_regression(counts, mbs).slope
    report.below("  for an open invoice, kB", slope_kb, 1)


async def starts(size: Size, report: Report, sides: Sides) -> None:
    """From the start of the process to the photo of a command that waited for it."""
    every = sides.every
    spent: dict[Side, list[float]] = {side: [] for side in every}
    for turn in range(size.starts):
        for side in every:
            if turn:
                await side.end()
            spent[side].append(await side.first_answer_s())
    empty_ms, *others_ms = (1000 * statistics.median(spent[side]) for side in every)
    for (name, _), ms in zip(sides.others, others_ms, strict=True):
        report.ratio(f"start to the first photo, {name}: ms", empty_ms, ms, at_most=1.5)


async def first_seconds(size: Size, report: Report, sides: Sides) -> None:
    """Commands while the bot looks up all that is open; then wait until it has."""
    texts = []
    for side in (sides.empty, sides.full):
        await side.end()
        before = side.node.calls["LookupInvoice"]
        await side.first_answer_s()
        load = await side.ask(moments(SLOW_PER_S, size.turn_s))
        texts.append(f"{1000 * load.median_s:.0f}")
    report.figure("a command in the first seconds, open: ms", *texts)
    await looked(sides.full, before, size.open_steps[-1])


async def idle(size: Size, report: Report, sides: Sides) -> None:
    """What a bot computes that has nothing to do, in parts of one core."""
    every = sides.every
    before, started = [side.cpu_s() for side in every], time.monotonic()
    await asyncio.sleep(size.idle_s)
    lasted_s = time.monotonic() - started
    shares = [
        100 * (side.cpu_s() - cpu_s) / lasted_s for side, cpu_s in zip(every, before, strict=True)
    ]
    for (name, _), share in zip(sides.others, shares[1:], strict=True):
        what = f"idle for {lasted_s:.0f} s, {name}: CPU of a core, %"
        report.below(what, share, 1, left=f"{shares[0]:.1f}")
    mbs = [f"{side.memory_mb():.1f}" for side in (sides.empty, sides.old)]
    report.figure("memory then, done, MB", *mbs)


async def medians(size: Size, report: Report, sides: Sides) -> None:
    """A few commands a second; the sides take turns."""
    every = sides.every
    waited: dict[Side, list[float]] = {side: [] for side in every}
    for _ in range(size.turns):
        for side in every:
            await asyncio.sleep(size.rest_s)
            waited[side] += (await side.ask(moments(SLOW_PER_S, size.turn_s))).waited_s
    empty_ms, *others_ms = (1000 * statistics.median(waited[side]) for side in every)
    for (name, _), ms in zip(sides.others, others_ms, strict=True):
        report.ratio(f"a command, {name}: median ms", empty_ms, ms, at_most=1.2)


async def busily(size: Size, report: Report, side: Side) -> None:
    """As many commands a second as Telegram takes messages, for minutes."""
    before, invoices = side.memory_mb(), side.invoices
    load = await side.ask(moments(BUSY_PER_S, size.busy_s))
    third = len(load.said_at) // 3
    first, last = (
        1000 * statistics.median(part) for part in (load.waited_s[:third], load.waited_s[-third:])
    )
    report.figure(f"{BUSY_PER_S} commands a second, {size.busy_s} s", "first", "last")
    report.ratio("  a third's median, ms", first, last, at_most=1.2)
    report.figure("  waiting when the last one is said", "", str(load.queue))
    report.none("  never answered", load.unanswered)
    report.figure("  CPU of the bot for a command, ms", "", f"{_per_command_ms(load):.1f}")
    grown_kb = 1000 * (side.memory_mb() - before) / (side.invoices - invoices)
    report.figure("  memory grown for a command, kB", "", f"{grown_kb:.2f}")


def _per_command_ms(load: Load) -> float:
    return 1000 * load.bot_cpu_s / len(load.said_at)


async def payments(size: Size, report: Report, sides: Sides) -> None:
    """Paid while the bot was down; people go on asking while that is worked off."""
    side, least_s = sides.full, size.payments * A_PAYMENT / MESSAGES_PER_S
    quiet = await side.ask(moments(BESIDE_PER_S, size.turn_s * size.turns))
    await side.end()
    paid = sides.past.pay(size.payments)
    shown = Shown(side, paid)
    await side.first_answer_s()
    started = time.monotonic()
    asked = asyncio.ensure_future(side.ask(moments(BESIDE_PER_S, max(1.0, least_s / 2))))
    await shown.wait(60 + 3 * least_s)
    report.figure(
        f"{size.payments} payments while it was down: told within s",
        f"({least_s:.0f})",  # what Telegram's rate allows
        f"{time.monotonic() - started:.0f}",
    )
    report.none("  not shown on their cards", sum(map(is_payable, paid)))
    report.none("  not told", sum(told_times(side, each) == 0 for each in paid))
    report.none("  told twice", sum(told_times(side, each) > 1 for each in paid))
    beside(report, quiet, await asked)
    report.figure("  memory after it, MB", "", f"{side.memory_mb():.1f}")


def beside(report: Report, quiet: Load, load: Load) -> None:
    """How commands fare while payments are worked off."""
    report.none("  commands meanwhile never answered", load.unanswered)
    medians_ms = [1000 * each.median_s for each in (quiet, load)]
    report.ratio("  a command meanwhile: median ms", *medians_ms, at_most=MEANWHILE)
    slowest = [f"{1000 * max(each.waited_s):.0f}" for each in (quiet, load)]
    report.figure("    the slowest one, ms", *slowest)


class Shown:
    """Looks on until every payment stands on its card and was told."""

    def __init__(self, side: Side, paid: Sequence[Open]) -> None:
        self._cards = {each.card for each in paid}
        self._notices = {each.said for each in paid}
        self._listener = side.telegram.listen()

    async def wait(self, limit_s: float) -> None:
        """Until all is there, but no longer than `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._look()
        self._listener.close()

    async def _look(self) -> None:
        async for change in self._listener:
            message = change.message
            if message is None:
                continue
            if change.kind == "edit":
                self._cards.discard(message)
            elif message.reply_to is not None and message.photo is None:
                self._notices.discard(message.reply_to)
            if not self._cards and not self._notices:
                return


def is_payable(each: Open) -> bool:
    """Whether its card still asks for a payment."""
    return each.invoice.payment_request in (each.card.text or "")


def told_times(side: Side, each: Open) -> int:
    """How often this payment was told in its chat."""
    return sum(
        message.reply_to is each.said and message is not each.card
        for message in side.telegram.messages(each.said.chat)
    )


def past_of(side: Side) -> Past:
    """The past of this side's bot."""
    database = side.folder / "invoice-bot.db"
    return Past(database, node=side.node, telegram=side.telegram, chats=side.chats)


@asynccontextmanager
async def sides(size: Size, folder: Path) -> AsyncIterator[Sides]:
    async with (
        Side.opened(folder / "empty", people=size.people) as empty,
        Side.opened(folder / "full", people=size.people) as full,
        Side.opened(folder / "old", people=size.people) as old,
        Side.opened(folder / "split", people=size.people) as split,
    ):
        past, of_old, of_split = past_of(full), past_of(old), past_of(split)
        await past.one_paid()
        await of_old.done(size.done)
        await of_old.one_paid()
        await of_split.boards(size.boards, seats=SEATS)
        await of_split.one_paid()
        yield Sides(empty, full, old, split, past)


async def bench(size: Size) -> int:
    """Measure and print everything; how many targets were missed."""
    report = Report("empty", "ours")
    report.figure(f"open: {size.open_steps[-1]} open invoices", "", "")
    report.figure(f"done: {size.done} invoices that are over", "", "")
    report.figure(f"boards: {size.boards} open boards with {SEATS} seats each", "", "")
    report.figure(f"paid while the bot was down: {size.payments}; --payments for more", "", "")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with sides(size, Path(folder)) as all_of_them:
            await alone(size.alone, report, all_of_them.empty)
            await memory(size, report, all_of_them)
            await starts(size, report, all_of_them)
            await first_seconds(size, report, all_of_them)
            await idle(size, report, all_of_them)
            await medians(size, report, all_of_them)
            await busily(size, report, all_of_them.empty)
            await payments(size, report, all_of_them)
    report.load()
    return report.missed


def main() -> int:
    options = parser("tests.bench.scale", __doc__)
    options.add_argument("--payments", type=int, help="how many were made while the bot was down")
    chosen = options.parse_args()
    size = QUICK if chosen.quick else WHOLE
    if chosen.payments:
        size = replace(size, payments=min(chosen.payments, size.open_steps[-1]))
    return ended(asyncio.run(bench(size)), strict=chosen.strict)


if __name__ == "__main__":
    sys.exit(main())
