"""`python -m tests.bench`: our bot beside the plain script, ratios from one run.

Each bot is a process of its own; the simulators are in this one. Times to the photo are taken at
the simulated Telegram, from the command to the photo that stands.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import qrcode

from bot.chat.qr import payment_png
from tests.bench.boards import payments, presses
from tests.bench.report import Report, alone, ended, parser
from tests.bench.side import Load, Side, moments

#: Characters of payment requests: no memo, a short one, longer ones, route hints.
LENGTHS = (260, 312, 420, 600, 800, 1283)
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    rest_s: float  # between loads: the bot's rate for bursts is whole again then
    pictures: int
    bursts: int
    burst: int
    slow_turns: int
    slow_s: int
    busy_s: int
    alone: int


WHOLE = Size(
    rest_s=3.5, pictures=15, bursts=3, burst=100, slow_turns=4, slow_s=20, busy_s=20, alone=500
)
QUICK = Size(rest_s=0.2, pictures=2, bursts=1, burst=20, slow_turns=1, slow_s=1, busy_s=1, alone=50)
SLOW_PER_S = 5
BUSY_PER_S = 30
MEMORY_AT = 1000


def pictures(size: Size, report: Report) -> None:
    """The QR stage alone, in this process."""
    ratios = []
    for length in LENGTHS:
        request = "lnbc21u1p" + "".join(random.choices(_BECH32, k=length - 9))
        payment_png(request)
        slow_ms = _median_ms(_plain_png, request, max(1, size.pictures // 5))
        quick_ms = _median_ms(payment_png, request, size.pictures)
        report.figure(f"QR of {length} characters, ms", f"{slow_ms:.1f}", f"{quick_ms:.1f}")
        ratios.append(slow_ms / quick_ms)
    report.ratio("QR pictures in the same time, median", 1, statistics.median(ratios), at_least=8)


def _plain_png(request: str) -> None:
    qrcode.make(request).save(io.BytesIO())


def _median_ms(draw: Callable[[str], object], request: str, times: int) -> float:
    spent = []
    for _ in range(times):
        started = time.process_time()
        draw(request)
        spent.append(1000 * (time.process_time() - started))
    return statistics.median(spent)


async def bursts(size: Size, report: Report, plain: Side, ours: Side) -> None:
    """Everybody asks at once."""
    of_plain, of_ours = [], []
    for _ in range(size.bursts):
        for side, loads in ((plain, of_plain), (ours, of_ours)):
            await asyncio.sleep(size.rest_s)
            loads.append(await side.ask([0.0] * size.burst))
    rates = [
        statistics.median(load.photos_per_s for load in loads) for loads in (of_plain, of_ours)
    ]
    report.ratio(f"burst of {size.burst}: photos a second", *rates, at_least=5)
    cpu = [_per_command_ms(of_plain), _per_command_ms(of_ours)]
    report.figure("  CPU of the bot for a command, ms", *(f"{ms:.1f}" for ms in cpu))
    busy = [
        max(load.simulators_cpu_s / (load.ended_at - load.said_at[0]) for load in loads)
        for loads in (of_plain, of_ours)
    ]
    report.figure("  the simulators' core was busy, %", *(f"{100 * part:.0f}" for part in busy))


def _per_command_ms(loads: list[Load]) -> float:
    return statistics.median(1000 * load.bot_cpu_s / len(load.said_at) for load in loads)


async def slowly(size: Size, report: Report, plain: Side, ours: Side) -> None:
    """A few commands a second; the sides take turns, since a machine is not always as quick."""
    waited: tuple[list[float], list[float]] = ([], [])
    for _ in range(size.slow_turns):
        for side, seconds in zip((plain, ours), waited, strict=True):
            await asyncio.sleep(size.rest_s)
            load = await side.ask(moments(SLOW_PER_S, size.slow_s / size.slow_turns))
            seconds += load.waited_s
    medians_ms = [1000 * statistics.median(seconds) for seconds in waited]
    what = f"{SLOW_PER_S} commands a second, {size.slow_s} s: median ms"
    report.ratio(what, *medians_ms, at_most=0.4)


async def busily(size: Size, report: Report, plain: Side, ours: Side) -> None:
    """As many commands a second as Telegram takes messages."""
    loads = []
    for side in (plain, ours):
        await asyncio.sleep(size.rest_s)
        loads.append(await side.ask(moments(BUSY_PER_S, size.busy_s)))
    texts = [[f"{1000 * s:.0f}" for s in (load.median_s, load.p95_s)] for load in loads]
    medians, p95s = zip(*texts, strict=True)
    report.figure(f"{BUSY_PER_S} commands a second, {size.busy_s} s: median ms", *medians)
    report.figure("  95 of 100 within, ms", *p95s)
    report.figure("  waiting when the last one is said", *(str(load.queue) for load in loads))
    growth = [load.growth for load in loads]
    what = "  last quarter's median against the first's"
    report.below(what, growth[1], 2, left=f"{growth[0]:.1f}")


async def memory(size: Size, report: Report, plain: Side, ours: Side) -> None:
    """How much is resident, after as many invoices as there were, or 1000.

    A first start, which makes the database, takes 10 MB more than all later ones.
    """
    if size is WHOLE and (more := MEMORY_AT - ours.invoices) > 0:
        await ours.ask(moments(BUSY_PER_S, 1 + more // BUSY_PER_S)[:more])
    what = f"memory after {ours.invoices} invoices, MB"
    report.below(what, ours.memory_mb(), 130, left=f"{plain.memory_mb():.1f}")


async def blocks(size: Size, report: Report, watched: Side) -> None:
    """How long the loop could not turn in bursts."""
    notes = await watched.start_watched()
    loads = []
    for _ in range(size.bursts):
        await asyncio.sleep(size.rest_s)
        loads.append(await watched.ask([0.0] * size.burst))
    await watched.end()
    longest = [
        max(
            (
                (late_s, computed_s)
                for at, late_s, computed_s in json.loads(notes.read_text())
                if load.said_at[0] < at < load.ended_at
            ),
            default=(0.0, 0.0),
        )
        for load in loads
    ]
    late_s, computed_s = statistics.median_low(longest)
    report.below("longest block of the event loop in a burst, ms", 1000 * late_s, 60)
    report.figure("  of that its own computing, ms", "", f"{1000 * computed_s:.1f}")


@asynccontextmanager
async def sides(folder: Path) -> AsyncIterator[tuple[Side, Side, Side]]:
    async with (
        Side.opened(folder / "plain") as plain,
        Side.opened(folder / "ours") as ours,
        Side.opened(folder / "watched") as watched,
    ):
        yield plain, ours, watched


async def bench(size: Size) -> int:
    """Measure and print everything; how many targets were missed."""
    report = Report("plain", "ours")
    pictures(size, report)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with sides(Path(folder)) as (plain, ours, watched):
            await alone(size.alone, report, watched)
            await asyncio.gather(plain.start_plain(), ours.start_ours(again=size is WHOLE))
            await bursts(size, report, plain, ours)
            await slowly(size, report, plain, ours)
            await busily(size, report, plain, ours)
            await memory(size, report, plain, ours)
            turn_s = size.slow_s / size.slow_turns
            await presses(report, ours, turns=size.slow_turns, per_s=SLOW_PER_S, turn_s=turn_s)
            await payments(report, ours, rounds=size.bursts)
            await asyncio.gather(plain.end(in_order=False), ours.end())
            await blocks(size, report, watched)
    report.load()
    return report.missed


def main() -> int:
    options = parser("tests.bench", __doc__).parse_args()
    missed = asyncio.run(bench(QUICK if options.quick else WHOLE))
    return ended(missed, strict=options.strict)


if __name__ == "__main__":
    sys.exit(main())
