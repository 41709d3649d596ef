"""A short storm; `make storm` and `make storm-long` are the longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storm.plan import draw
from tests.storm.run import run


def test_the_same_seed_is_the_same_storm() -> None:
    def said(seed: int) -> list[object]:
        plan = draw(seed, kills=20, commands=50)
        return [plan.kills, [(c.at_s, c.kind, c.fate, c.dice.random()) for c in plan.commands]]

    assert said(3) == said(3)
    assert said(3) != said(4)


@pytest.mark.timeout(180)
async def test_in_a_short_storm_nothing_is_lost_doubled_or_untrue(tmp_path: Path) -> None:
    plan = draw(30, kills=2, commands=36, expiry_s=4, lasts_s=7)
    report = await run(plan, tmp_path, log_level="debug")
    assert not report.broken, "\n".join([*report.lines, *report.life])
