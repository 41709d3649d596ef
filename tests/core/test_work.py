"""When rows are due: each purpose sets what it says, and nothing else."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from bot.core import work
from bot.core.work import MAX_FAULTS, MAX_PAUSE_S, Again, Do, Lane, Work, WorkColumns
from tests.rows import NOW

FAULT = Again(is_fault=True)
BOT = Path(__file__).parents[2] / "bot"


def test_what_is_due_now_is_due_by_any_clock_and_in_the_order_of_coming() -> None:
    assert work.due_now(NOW) < NOW - 1e8
    assert work.due_now(NOW) < work.due_now(NOW + 0.001)


@given(st.integers(0, 40), st.floats(0.75, 1.25), st.floats(0.5, 60))
def test_pauses_grow_to_their_longest_and_never_beyond_a_minute(
    attempts: int, jitter: float, longest_s: float
) -> None:
    row = Work(tried=Do.ADD, attempts=attempts)
    columns = work.after_step(row, Do.ADD, Again(longest_s=longest_s), now=NOW, jitter=jitter)
    assert columns["attempts"] == attempts + 1
    assert 0 < columns["retry_at"] - NOW <= min(longest_s * 1.25, MAX_PAUSE_S) + 1e-3


def test_another_step_begins_with_the_shortest_pause() -> None:
    row = Work(tried=Do.ADD, attempts=9)
    other = work.after_step(row, Do.CANCEL, Again(), now=NOW, jitter=1.0)
    assert (other["attempts"], round(other["retry_at"] - NOW, 3)) == (1, work.FIRST_PAUSE_S)


def test_each_pause_is_longer_than_the_one_before() -> None:
    row, pauses = Work(), []
    for _ in range(8):
        columns = work.after_step(row, Do.ADD, Again(), now=NOW, jitter=1.0)
        pauses.append(columns["retry_at"] - NOW)
        row = Work(**columns)
    assert all(later > earlier for earlier, later in pairwise(pauses))


def test_a_row_is_stuck_after_its_last_fault_and_gets_another_chance_when_it_is_wanted() -> None:
    row = Work(tried=Do.ADD, faults=MAX_FAULTS - 1)
    assert not work.is_stuck(row)
    row = Work(**work.after_step(row, Do.ADD, FAULT, now=NOW, jitter=1.0))
    assert work.is_stuck(row)
    assert not work.is_stuck(Work(**work.wanted(NOW, Lane.CANCELLATION)))
    assert not work.is_stuck(Work(**work.unstuck(NOW)))
    assert not work.is_stuck(Work(**work.settled(NOW)))


def test_another_step_begins_its_own_count_of_faults() -> None:
    row = Work(tried=Do.ADD, faults=MAX_FAULTS - 1)
    assert work.after_step(row, Do.CANCEL, FAULT, now=NOW, jitter=1.0)["faults"] == 1


def test_what_waits_for_somebody_is_in_no_lane_that_is_read() -> None:
    assert work.unreachable()["due_at"] is None
    assert work.unreachable()["lane"] not in work.READ_LANES


def test_what_is_another_nodes_is_due_for_its_expiry_only() -> None:
    for until in (None, 5.0):
        assert work.set_aside(until) == {"due_at": until, "lane": Lane.OTHER_NODE}
    assert work.set_aside_as_due() == {"lane": Lane.OTHER_NODE}


def test_nobody_else_writes_when_a_row_is_due() -> None:
    """The six columns are keys of a literal, or named arguments, in work.py alone."""
    columns = set(get_type_hints(WorkColumns)) - {"lane"}  # never written alone, but read
    found = [
        f"{path.relative_to(BOT)}:{node.lineno}"
        for path in BOT.rglob("*.py")
        if path.name != "work.py" and not {"versions", "demo", "lnrpc"} & set(path.parts)
        for node in ast.walk(ast.parse(path.read_text()))
        if _writes(node, columns)
    ]
    # an expectation, not a value: the outcome is written if nobody made the row due meanwhile
    assert [place.partition(":")[0] for place in found] == ["engine/commit.py"], found


def _writes(node: ast.AST, columns: set[str]) -> bool:
    if isinstance(node, ast.Dict):
        keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
        return bool(keys & columns)
    if isinstance(node, ast.Call):
        return bool({word.arg for word in node.keywords} & columns)
    return False
