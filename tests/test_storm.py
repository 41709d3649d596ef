"""A short storm; `make storm` and `make storm-long` are the longer ones."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from tests.postgres import needs_postgres
from tests.storm.plan import (
    ENDINGS,
    FATES,
    FILES,
    GIVING,
    KINDS,
    LOGS,
    ODD_AT_NODE,
    ODD_AT_TELEGRAM,
    POT_ENDINGS,
    REPLICAS,
    SERVERS,
    TOKENS,
    VISITS,
    WAYS,
    draw,
)
from tests.storm.run import run


def test_the_same_seed_is_the_same_storm() -> None:
    def said(seed: int) -> list[object]:
        plan = draw(seed, kills=20, commands=50)
        others = [plan.odd_at_node, plan.odd_at_telegram, plan.tokens, plan.files, plan.logs]
        troubles = [(t.after_s, t.what, t.for_s, t.dice.random()) for t in chain(*others)]
        commands = [(c.at_s, c.kind, c.fate, c.dice.random()) for c in plan.commands]
        bills = [(b.at_s, b.seats, b.ending, b.ways, b.joins, b.dice.random()) for b in plan.bills]
        pots = [(p.at_s, p.goal_sats, p.ending, p.ways, p.dice.random()) for p in plan.pots]
        visits = [(v.at_s, v.what, v.dice.random()) for v in plan.visits]
        return [plan.kills, troubles, commands, bills, pots, visits]

    assert said(3) == said(3)
    assert said(3) != said(4)


@pytest.mark.parametrize("seed", range(20))
def test_in_a_storm_of_usual_length_each_kind_of_trouble_has_its_turn(seed: int) -> None:
    plan = draw(seed, kills=50, commands=300)
    for planned, kinds in (
        (plan.odd_at_node, ODD_AT_NODE),
        (plan.odd_at_telegram, ODD_AT_TELEGRAM),
        (plan.tokens, TOKENS),
        (plan.files, FILES),
        (plan.logs, LOGS),
        (plan.servers, SERVERS),
        (plan.replicas, REPLICAS),
    ):
        assert {each.what for each in planned} == set(kinds)
    assert {bill.ending for bill in plan.bills} == set(ENDINGS)
    assert {way for bill in plan.bills for way in bill.ways} == set(WAYS)
    assert {bill.joins for bill in plan.bills} == {True, False}
    assert {pot.ending for pot in plan.pots} == set(POT_ENDINGS)
    assert {way for pot in plan.pots for way in pot.ways} == set(GIVING)
    assert {visit.what for visit in plan.visits} == set(VISITS)
    assert {command.fate for command in plan.commands} == set(FATES)
    assert {command.kind for command in plan.commands} == set(KINDS)


@pytest.mark.timeout(180)
async def test_in_a_short_storm_nothing_is_lost_doubled_or_untrue(tmp_path: Path) -> None:
    # seed 19 also draws another bot's token, a journal that is away, a log that nobody reads, empty
    # answers of the node's and half ones of Telegram's
    plan = draw(19, kills=2, commands=36, expiry_s=4, lasts_s=7)
    report = await run(plan, tmp_path, log_level="debug")
    assert not report.broken, "\n".join([*report.lines, *report.life])


@needs_postgres
@pytest.mark.timeout(180)
async def test_in_a_short_storm_on_a_server_one_of_three_acts_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    # seed 22 draws another bot's token, a process that stands still, a server that crashes, and
    # a commit without an answer
    plan = draw(22, kills=2, commands=36, expiry_s=4, lasts_s=12)
    report = await run(plan, tmp_path, log_level="debug", bots=3, on_server=True)
    assert not report.broken, "\n".join([*report.lines, *report.life])
