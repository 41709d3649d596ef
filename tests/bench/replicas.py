"""`python -m tests.bench.replicas`: several processes of the bot on one PostgreSQL database.

How soon another one answers when the active one is killed, stopped or asked to end, and how fast
one is on PostgreSQL beside SQLite. The bots are processes of their own; the simulators are in this
one, the server is beside it and syncs to the disk.
"""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests import postgres
from tests.bench.report import Report, ended, parser
from tests.bench.several import Several
from tests.bench.side import Load, Side, moments
from tests.postgres import Cluster

PROCESSES = 3
PER_S = 30
#: Commands a second while a process is stopped, and where PostgreSQL is compared with SQLite.
SLOW_PER_S = 5
#: So many at once that a process is in the middle of them when it is stopped, so much later.
BUSY = 60
BUSY_S = 0.15
#: Seconds until another process's first card: after a kill, after SIGTERM.
KILLED_S = 5.0
ASKED_S = 1.0
#: Seconds after which a card that has not come never will.
NEVER_S = 60.0
#: What a server of one's own does for its data.
DURABLE = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    kills: int
    terms: int
    load_s: float  # commands around each of them
    stops: int
    stopped_s: float
    watched_s: float  # afterwards
    rest_s: float
    bursts: int
    burst: int
    slow_turns: int
    slow_s: float


WHOLE = Size(
    kills=10,
    terms=5,
    load_s=10.0,
    stops=4,
    stopped_s=30.0,
    watched_s=10.0,
    rest_s=3.5,
    bursts=5,
    burst=100,
    slow_turns=4,
    slow_s=20.0,
)
QUICK = Size(
    kills=1,
    terms=1,
    load_s=3.0,
    stops=1,
    stopped_s=8.0,  # the next one acts after six or so
    watched_s=2.0,
    rest_s=0.2,
    bursts=1,
    burst=20,
    slow_turns=1,
    slow_s=1.0,
)


@dataclass
class Ends:
    """What became of commands while the active process ended again and again. In seconds."""

    next_card_s: list[float] = field(default_factory=list)
    silences_s: list[float] = field(default_factory=list)
    longest_s: list[float] = field(default_factory=list)  # that one command waited
    commands: int = 0
    unanswered: int = 0

    def note(self, load: Load) -> None:
        """What came of the commands around one end."""
        self.longest_s.append(max(load.waited_s))
        self.commands += len(load.said_at)
        self.unanswered += load.unanswered


async def end_again_and_again(side: Several, size: Size, how: signal.Signals, times: int) -> Ends:
    """End the active process under load, with a new one in its place each time."""
    ends = Ends()
    for _ in range(times):
        await asyncio.sleep(size.rest_s)
        asking = asyncio.ensure_future(side.ask(moments(PER_S, size.load_s), patience_s=NEVER_S))
        await asyncio.sleep(size.load_s * random.uniform(0.2, 0.3))
        pid, at = await side.end_active(how)
        card = await side.next_card(pid, at, timeout_s=NEVER_S)
        ends.next_card_s.append(card.at - at)
        ends.note(await asking)
        shown_at = [each.at for each in side.telegram.cards if at - 1 < each.at <= card.at]
        ends.silences_s.append(max(later - earlier for earlier, later in pairwise(shown_at)))
        await side.reaped(pid)
        await side.are_ready()
    return ends


async def kills(size: Size, report: Report, side: Several) -> None:
    """kill -9 of the active process."""
    ends = await end_again_and_again(side, size, signal.SIGKILL, size.kills)
    report.figure(f"kill -9 at {PER_S} a second, {size.kills} times", "median", "longest")
    _say(report, ends, limit_s=KILLED_S)


async def ends_in_order(size: Size, report: Report, side: Several) -> None:
    """SIGTERM for the active process."""
    ends = await end_again_and_again(side, size, signal.SIGTERM, size.terms)
    report.figure(f"SIGTERM at {PER_S} a second, {size.terms} times", "median", "longest")
    _say(report, ends, limit_s=ASKED_S)


def _say(report: Report, ends: Ends, *, limit_s: float) -> None:
    what = "  to the next process's first card, s"
    median_s, longest_s = statistics.median(ends.next_card_s), max(ends.next_card_s)
    report.below(what, longest_s, limit_s, left=f"{median_s:.1f}")
    for what, seconds in (
        ("  without a card of any process, s", ends.silences_s),
        ("  the slowest card, s", ends.longest_s),
    ):
        median_s, longest_s = statistics.median(seconds), max(seconds)
        report.figure(what, f"{median_s:.1f}", f"{longest_s:.1f}")
    report.none(f"  commands without a card, of {ends.commands}", ends.unanswered)


async def stops(size: Size, report: Report, side: Several) -> None:
    """SIGSTOP of the active process; SIGCONT when another one acts."""
    next_card_s, ready_s = [], []
    commands = unanswered = calls = 0
    for _ in range(size.stops):
        await asyncio.sleep(size.rest_s)
        seconds = 1.0 + size.stopped_s + size.watched_s
        when = sorted([*moments(SLOW_PER_S, seconds), *[1.0] * BUSY])
        asking = asyncio.ensure_future(side.ask(when, patience_s=NEVER_S))
        await asyncio.sleep(1.0 + BUSY_S)
        stopped, at = side.active, time.time()
        stopped.send_signal(signal.SIGSTOP)
        card = await side.next_card(stopped.pid, at, timeout_s=NEVER_S)
        next_card_s.append(card.at - at)
        await asyncio.sleep(at + size.stopped_s - time.time())
        woken_at = time.time()
        stopped.send_signal(signal.SIGCONT)
        await side.are_ready()
        ready_s.append(time.time() - woken_at)
        load = await asking
        terms = (await asyncio.to_thread(side.terms)).get(stopped.pid, [])
        until = min((each for each in terms if each > woken_at), default=time.time())
        calls += side.calls_of(stopped.pid, since=woken_at, until=until)
        commands += len(load.said_at)
        unanswered += load.unanswered
    report.figure(f"SIGSTOP for {size.stopped_s:g} s, {size.stops} times", "", "longest")
    report.figure("  to the next card, s", "", f"{max(next_card_s):.1f}")
    report.none("  calls of the one that was stopped, once awake", calls)
    report.figure("  until that one is ready again, s", "", f"{max(ready_s):.1f}")
    report.none(f"  commands without a card, of {commands}", unanswered)


async def takeovers(size: Size, report: Report, cluster: Cluster, folder: Path) -> None:
    """Several processes, of which the active one ends in every way."""
    async with Several.opened(folder) as side:
        side.use(cluster, "several")
        await side.start_several(PROCESSES)
        active_mb, ready_mb = side.memories_mb()
        report.figure(
            "memory, MB: the active one, one that waits", f"{active_mb:.1f}", f"{ready_mb:.1f}"
        )
        await kills(size, report, side)
        await stops(size, report, side)
        await ends_in_order(size, report, side)
        await asyncio.sleep(size.rest_s)
        marked, unmarked = side.doubled_cards()
        terms = await asyncio.to_thread(side.terms)
        report.figure("in all of it: cards that say they may be doubled", "", str(marked))
        report.none("  cards doubled without the line that says so", unmarked)
        report.none("  invoices doubled at the node", side.doubled_invoices())
        report.none("  processes that called after their term", len(side.callers.wrongs(terms)))


@asynccontextmanager
async def sides(cluster: Cluster, folder: Path) -> AsyncIterator[tuple[Side, Side]]:
    async with Side.opened(folder / "sqlite") as left, Side.opened(folder / "postgres") as right:
        with cluster.admin() as admin:
            admin.execute("CREATE DATABASE alone")
        right.database = {"url": cluster.url("alone")}
        await asyncio.gather(left.start_ours(again=True), right.start_ours(again=True))
        yield left, right
        await asyncio.gather(left.end(), right.end())


async def compare(size: Size, report: Report, both: tuple[Side, Side]) -> None:
    """One process on SQLite, one on PostgreSQL; they take turns."""
    waited: tuple[list[float], list[float]] = ([], [])
    rates: tuple[list[float], list[float]] = ([], [])
    cpu_ms: tuple[list[float], list[float]] = ([], [])
    for _ in range(size.slow_turns):
        for side, seconds in zip(both, waited, strict=True):
            await asyncio.sleep(size.rest_s)
            load = await side.ask(moments(SLOW_PER_S, size.slow_s / size.slow_turns))
            seconds += load.waited_s
    for _ in range(size.bursts):
        for side, of_side, cpu in zip(both, rates, cpu_ms, strict=True):
            await asyncio.sleep(size.rest_s)
            load = await side.ask([0.0] * size.burst)
            of_side.append(load.photos_per_s)
            cpu.append(1000 * load.bot_cpu_s / size.burst)
    report.figure("one process", "SQLite", "Postgres")
    medians_ms = [1000 * statistics.median(seconds) for seconds in waited]
    report.ratio(
        f"  {SLOW_PER_S} commands a second, {size.slow_s:g} s: median ms", *medians_ms, at_most=1.5
    )
    medians = [statistics.median(of_side) for of_side in rates]
    report.ratio(f"  burst of {size.burst}: photos a second", *medians, at_least=0.7)
    report.figure(
        "  CPU of the bot for a command, ms", *(f"{statistics.median(e):.1f}" for e in cpu_ms)
    )


async def bench(size: Size) -> int:
    """Measure and print everything; how many targets were missed."""
    report = Report("", "")
    with postgres.own(**DURABLE) as cluster, tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        await takeovers(size, report, cluster, folder / "several")
        async with sides(cluster, folder) as both:
            await compare(size, report, both)
    report.load()
    return report.missed


def main() -> int:
    options = parser("tests.bench.replicas", __doc__).parse_args()
    if not postgres.is_installed():
        sys.stderr.write("This needs Debian's package postgresql.\n")
        return 2
    missed = asyncio.run(bench(QUICK if options.quick else WHOLE))
    return ended(missed, strict=options.strict)


if __name__ == "__main__":
    sys.exit(main())
