"""The benches run, and print every figure; how large they are is for `make bench` to say."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import Sequence

import pytest

from tests.bench.side import ROOT
from tests.postgres import needs_postgres

FIGURE = r"\d[\d.]*"
LINES = (
    rf"QR of 312 characters, ms +{FIGURE} +{FIGURE}",
    r"QR pictures in the same time, median .* times; at least 8 times, (met|MISSED)",
    rf"the simulators alone: AddInvoice a second +{FIGURE}",
    rf"the simulators alone: sendPhoto a second +{FIGURE}",
    rf"burst of 20: photos a second +{FIGURE} +{FIGURE} +.* times; at least 5 times, (met|MISSED)",
    rf"  CPU of the bot for a command, ms +{FIGURE} +{FIGURE}",
    rf"  the simulators' core was busy, % +{FIGURE} +{FIGURE}",
    r"5 commands a second, 1 s: median ms .* times; at most 0.4 times, (met|MISSED)",
    r"5 a second: median ms to the card .* times; at most 1.3 times, (met|MISSED)",
    r"20 payments within a second: edits of the board +\d+ +at most 3, (met|MISSED)",
    r"  boards whose last edit is wrong +0   none, met",
    rf"  the last edit after the last payment, s +{FIGURE} +below 4, (met|MISSED)",
    rf"30 commands a second, 1 s: median ms +{FIGURE} +{FIGURE}",
    rf"  95 of 100 within, ms +{FIGURE} +{FIGURE}",
    rf"  waiting when the last one is said +{FIGURE} +{FIGURE}",
    rf"  last quarter's median against the first's +{FIGURE} +{FIGURE} +below 2, (met|MISSED)",
    rf"memory after 65 invoices, MB +{FIGURE} +{FIGURE} +below 130, (met|MISSED)",
    rf"longest block of the event loop in a burst, ms +{FIGURE} +below 60, (met|MISSED)",
    r"targets missed: \d+$",
)


SCALE_LINES = (
    r"open: 40 open invoices",
    r"done: 200 invoices that are over",
    r"boards: 20 open boards with 10 seats each",
    r"paid while the bot was down: 20; --payments for more",
    rf"the simulators alone: AddInvoice a second +{FIGURE}",
    rf"memory with 40 open, MB +{FIGURE} +{FIGURE}",
    rf"  for an open invoice, kB +-?{FIGURE} +below 1, (met|MISSED)",
    rf"start to the first photo, open: ms +{FIGURE} +{FIGURE} +{FIGURE} times; at most 1.5 times",
    rf"start to the first photo, done: ms +{FIGURE} +{FIGURE} +{FIGURE} times; at most 1.5 times",
    rf"start to the first photo, boards: ms +{FIGURE} +{FIGURE} +{FIGURE} times; at most 1.5 times",
    rf"a command in the first seconds, open: ms +{FIGURE} +{FIGURE}",
    rf"idle for 1 s, open: CPU of a core, % +{FIGURE} +{FIGURE} +below 1, (met|MISSED)",
    rf"idle for 1 s, done: CPU of a core, % +{FIGURE} +{FIGURE} +below 1, (met|MISSED)",
    rf"idle for 1 s, boards: CPU of a core, % +{FIGURE} +{FIGURE} +below 1, (met|MISSED)",
    r"a command, open: median ms .* times; at most 1.2 times, (met|MISSED)",
    r"a command, done: median ms .* times; at most 1.2 times, (met|MISSED)",
    r"a command, boards: median ms .* times; at most 1.2 times, (met|MISSED)",
    r"30 commands a second, 1 s +first +last",
    r"  a third's median, ms .* times; at most 1.2 times, (met|MISSED)",
    r"  waiting when the last one is said +\d+",
    r"  never answered +0   none, met",
    rf"  memory grown for a command, kB +-?{FIGURE}",
    rf"20 payments while it was down: told within s +\(1\) +{FIGURE}",
    r"  not shown on their cards +0   none, met",
    r"  not told +0   none, met",
    r"  told twice +0   none, met",
    r"  commands meanwhile never answered +0   none, met",
    r"  a command meanwhile: median ms .* times; at most 5 times, (met|MISSED)",
    r"targets missed: \d+$",
)


ABUSE_LINES = (
    *(
        rf"{attack}: median ms .* times; at most 1.5 times, (met|MISSED)"
        for attack in (
            "60 strangers write",
            "40 presses while Telegram is slow",
            "10 chats hang",
            "one member fills a group",
        )
    ),
    rf"  the slowest one, ms +{FIGURE} +{FIGURE}",
    r"  never answered +0   none, met",
    rf"memory grown at most, MB +-?{FIGURE} +below 20, (met|MISSED)",
    rf"  and afterwards +-?{FIGURE} +below 20, (met|MISSED)",
    r"lines in the log of what was dropped +\d+",
    r"targets missed: \d+$",
)


#: What the simulated node's gRPC writes where a process is killed while it is answered.
KILLED = "ExecuteBatchError"
REPLICAS_LINES = (
    rf"memory, MB: the active one, one that waits +{FIGURE} +{FIGURE}",
    r"kill -9 at 30 a second, 1 times +median +longest",
    rf"  to the next process's first card, s +{FIGURE} +{FIGURE} +below 5, (met|MISSED)",
    rf"  without a card of any process, s +{FIGURE} +{FIGURE}",
    rf"  the slowest card, s +{FIGURE} +{FIGURE}",
    r"  commands without a card, of 90 +0   none, met",
    r"SIGSTOP for 8 s, 1 times +longest",
    rf"  to the next card, s +{FIGURE}",
    r"  calls of the one that was stopped, once awake +0   none, met",
    rf"  until that one is ready again, s +{FIGURE}",
    r"  commands without a card, of 115 +0   none, met",
    r"SIGTERM at 30 a second, 1 times +median +longest",
    rf"  to the next process's first card, s +{FIGURE} +{FIGURE} +below 1, (met|MISSED)",
    r"in all of it: cards that say they may be doubled +\d+",
    r"  cards doubled without the line that says so +0   none, met",
    r"  invoices doubled at the node +0   none, met",
    r"  processes that called after their term +0   none, met",
    r"  5 commands a second, 1 s: median ms .* times; at most 1.5 times, (met|MISSED)",
    r"  burst of 20: photos a second .* times; at least 0.7 times, (met|MISSED)",
    rf"  CPU of the bot for a command, ms +{FIGURE} +{FIGURE}",
    r"targets missed: \d+$",
)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("module", "lines"),
    [
        ("tests.bench", LINES),
        ("tests.bench.scale", SCALE_LINES),
        ("tests.bench.abuse", ABUSE_LINES),
        pytest.param("tests.bench.replicas", REPLICAS_LINES, marks=needs_postgres),
    ],
)
async def test_the_bench_prints_every_figure(module: str, lines: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, "--quick"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    assert process.returncode == 0
    assert not err or KILLED in err.decode(), err.decode()
    for line in lines:
        assert re.search(rf"^{line}", out.decode(), re.MULTILINE), line
