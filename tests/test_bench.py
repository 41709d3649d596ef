"""The bench runs, and prints every figure; how large they are is for `make bench` to say."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys

import pytest

from tests.bench.side import ROOT

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
    rf"30 commands a second, 1 s: median ms +{FIGURE} +{FIGURE}",
    rf"  95 of 100 within, ms +{FIGURE} +{FIGURE}",
    rf"  waiting when the last one is said +{FIGURE} +{FIGURE}",
    rf"  last quarter's median against the first's +{FIGURE} +{FIGURE} +below 2, (met|MISSED)",
    rf"memory after 65 invoices, MB +{FIGURE} +{FIGURE} +below 120, (met|MISSED)",
    rf"longest block of the event loop in a burst, ms +{FIGURE} +below 60, (met|MISSED)",
    r"targets missed: \d+$",
)


@pytest.mark.timeout(180)
async def test_the_bench_prints_every_figure() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench", "--quick"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    assert (process.returncode, err.decode()) == (0, "")
    for line in LINES:
        assert re.search(rf"^{line}", out.decode(), re.MULTILINE), line
