"""What the benches print: a line a figure, with its target and whether that was met."""

from __future__ import annotations

import argparse
import math
import os
import sys

from tests.bench.side import Side


class Report:
    """A line for each figure: that of `left`, that of `right`, and how it is beside the target."""

    def __init__(self, left: str, right: str) -> None:
        self.missed = 0
        self._print(f"{'':46}{left:>10}{right:>10}   target")

    def ratio(
        self,
        what: str,
        left: float,
        right: float,
        *,
        at_least: float = 0.0,
        at_most: float = math.inf,
    ) -> None:
        """A line whose target is the right figure divided by the left one."""
        ratio = right / left
        target = f"at least {at_least:g} times" if at_least else f"at most {at_most:g} times"
        met = at_least <= ratio <= at_most
        self._line(what, f"{left:.1f}", f"{right:.1f}", f"{ratio:.2f} times; {target}", met)

    def below(self, what: str, right: float, limit: float, *, left: str = "") -> None:
        """A line whose target is a limit for the right figure."""
        self._line(what, left, f"{right:.1f}", f"below {limit:g}", right < limit)

    def most(self, what: str, count: int, limit: int) -> None:
        """A line of what there may be so often."""
        self._line(what, "", str(count), f"at most {limit}", count <= limit)

    def none(self, what: str, count: int) -> None:
        """A line of what there must not be."""
        self._line(what, "", str(count), "none", not count)

    def figure(self, what: str, left: str, right: str) -> None:
        """A line without a target."""
        self._line(what, left, right, "", True)

    def load(self) -> None:
        """How busy the machine is: on a crowded one figures are worth less."""
        cores = os.cpu_count()
        self.figure(f"load of this machine now, {cores} cores", "", f"{os.getloadavg()[0]:.1f}")

    def _line(self, what: str, left: str, right: str, target: str, met: bool) -> None:
        verdict = "" if not target else ", met" if met else ", MISSED"
        self.missed += not met
        self._print(f"{what:46}{left:>10}{right:>10}   {target}{verdict}".rstrip())

    @staticmethod
    def _print(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


async def alone(count: int, report: Report, side: Side) -> None:
    """What the simulators do, so that nobody takes their pace for a bot's."""
    added, sent = await side.alone(count)
    report.figure("the simulators alone: AddInvoice a second", "", f"{added:.0f}")
    report.figure("the simulators alone: sendPhoto a second", "", f"{sent:.0f}")


def parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """The options that every bench has."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=doc)
    parser.add_argument("--quick", action="store_true", help="a little of everything, in seconds")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is missed")
    return parser


def ended(missed: int, *, strict: bool) -> int:
    """Say how many targets were missed; the exit code."""
    sys.stdout.write(f"targets missed: {missed}\n")
    return 1 if missed and strict else 0
