"""`python -m tests.bench`: our bot beside the plain script, ratios from one run.

Each bot is a process of its own; the simulators are in this one. Times to the photo are taken at
the simulated Telegram, from the command to the photo that stands.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import math
import os
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

from bot.qr import payment_png
from tests.bench.side import Load, Side

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


class Report:
    """A line for each figure: the plain script's, ours, and how that is beside the target."""

    def __init__(self) -> None:
        self.missed = 0
        self._print(f"{'':46}{'plain':>10}{'ours':>10}   target")

    def ratio(
        self,
        what: str,
        plain: float,
        ours: float,
        *,
        at_least: float = 0.0,
        at_most: float = math.inf,
    ) -> None:
        """A line whose target is ours divided by the plain script's."""
        ratio = ours / plain
        target = f"at least {at_least:g} times" if at_least else f"at most {at_most:g} times"
        met = at_least <= ratio <= at_most
        self._line(what, f"{plain:.1f}", f"{ours:.1f}", f"{ratio:.2f} times; {target}", met)

    def below(self, what: str, ours: float, limit: float, *, plain: str = "") -> None:
        """A line whose target is a limit for us."""
        self._line(what, plain, f"{ours:.1f}", f"below {limit:g}", ours < limit)

    def figure(self, what: str, plain: str, ours: str) -> None:
        """A line without a target."""
        self._line(what, plain, ours, "", True)

    def _line(self, what: str, plain: str, ours: str, target: str, met: bool) -> None:
        verdict = "" if not target else ", met" if met else ", MISSED"
        self.missed += not met
        self._print(f"{what:46}{plain:>10}{ours:>10}   {target}{verdict}".rstrip())

    @staticmethod
    def _print(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


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
            load = await side.ask(_moments(SLOW_PER_S, size.slow_s / size.slow_turns))
            seconds += load.waited_s
    medians_ms = [1000 * statistics.median(seconds) for seconds in waited]
    what = f"{SLOW_PER_S} commands a second, {size.slow_s} s: median ms"
    report.ratio(what, *medians_ms, at_most=0.4)


async def busily(size: Size, report: Report, plain: Side, ours: Side) -> None:
    """As many commands a second as Telegram takes messages."""
    loads = []
    for side in (plain, ours):
        await asyncio.sleep(size.rest_s)
        loads.append(await side.ask(_moments(BUSY_PER_S, size.busy_s)))
    texts = [[f"{1000 * s:.0f}" for s in (load.median_s, load.p95_s)] for load in loads]
    medians, p95s = zip(*texts, strict=True)
    report.figure(f"{BUSY_PER_S} commands a second, {size.busy_s} s: median ms", *medians)
    report.figure("  95 of 100 within, ms", *p95s)
    report.figure("  waiting when the last one is said", *(str(load.queue) for load in loads))
    growth = [load.growth for load in loads]
    what = "  last quarter's median against the first's"
    report.below(what, growth[1], 2, plain=f"{growth[0]:.1f}")


def _moments(per_s: int, seconds: float) -> list[float]:
    return [number / per_s for number in range(round(per_s * seconds))]


async def memory(size: Size, report: Report, plain: Side, ours: Side) -> None:
    """How much is resident, after as many invoices as there were, or 1000.

    A first start, which makes the database, takes 10 MB more than all later ones.
    """
    if size is WHOLE and (more := MEMORY_AT - ours.invoices) > 0:
        await ours.ask(_moments(BUSY_PER_S, 1 + more // BUSY_PER_S)[:more])
    what = f"memory after {ours.invoices} invoices, MB"
    report.below(what, ours.memory_mb(), 120, plain=f"{plain.memory_mb():.1f}")


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


async def alone(size: Size, report: Report, side: Side) -> None:
    """What the simulators do, so that nobody takes their pace for a bot's."""
    added, sent = await side.alone(size.alone)
    report.figure("the simulators alone: AddInvoice a second", "", f"{added:.0f}")
    report.figure("the simulators alone: sendPhoto a second", "", f"{sent:.0f}")


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
    report = Report()
    pictures(size, report)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with sides(Path(folder)) as (plain, ours, watched):
            await alone(size, report, watched)
            await asyncio.gather(plain.start_plain(), ours.start_ours(again=size is WHOLE))
            await bursts(size, report, plain, ours)
            await slowly(size, report, plain, ours)
            await busily(size, report, plain, ours)
            await memory(size, report, plain, ours)
            await asyncio.gather(plain.end(in_order=False), ours.end())
            await blocks(size, report, watched)
    report.figure(
        f"load of this machine now, {os.cpu_count()} cores", "", f"{os.getloadavg()[0]:.1f}"
    )
    return report.missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a little of everything, in seconds")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is missed")
    options = parser.parse_args()
    missed = asyncio.run(bench(QUICK if options.quick else WHOLE))
    sys.stdout.write(f"targets missed: {missed}\n")
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
