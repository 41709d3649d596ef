"""Jobs run in the writer's thread, perhaps twice: they touch nothing but what they are given.

This is read off the syntax tree: a function whose first parameter is named ``tx`` is a job.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BOT = Path(__file__).parent.parent.parent / "bot"
#: All rooms but the generated one; "." is what lies beside them.
ROOMS = [".", *sorted(each.parent.name for each in BOT.glob("*/__init__.py"))]
ROOMS.remove("lnrpc")

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def first_parameter(function: Function) -> str:
    parameters = [*function.args.posonlyargs, *function.args.args]
    return parameters[0].arg if parameters else ""


def functions(tree: ast.AST) -> list[Function]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    return [each for each in ast.walk(tree) if isinstance(each, kinds)]


def reads_a_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    *owner, name = ast.unparse(node.func).split(".")
    is_module = owner[:1] in (["time"], ["datetime"])
    return is_module or name in ("clock", "steady", "time") or name.endswith("_clock")


def within_jobs(tree: ast.AST) -> Iterator[str]:
    """What a job must not have, with its line."""
    for job in functions(tree):
        if first_parameter(job) != "tx":
            continue
        for node in ast.walk(job):
            if isinstance(node, ast.Name) and node.id == "self":
                yield f"{node.lineno}: a job names self"
            if reads_a_clock(node):
                yield f"{job.lineno}: a job reads a clock: {ast.unparse(node)}"


def hands_over(node: ast.AST) -> ast.Call | None:
    """The call that hands a job to a store."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    owner = ast.unparse(node.func.value).rsplit(".", 1)[-1]
    is_stores = node.func.attr in ("do", "must") and owner.endswith("store")
    return node if is_stores else None


def handed_over(tree: ast.AST) -> Iterator[str]:
    """What is handed to a store and is no job, with its line."""
    named = {
        each.name: first_parameter(each)
        for each in functions(tree)
        if not isinstance(each, ast.Lambda)
    }
    for call in filter(None, map(hands_over, ast.walk(tree))):
        job = call.args[0] if call.args else None
        match job:
            case ast.Lambda():
                is_job = first_parameter(job) == "tx"
            case ast.Name(id=name):
                is_job = named.get(name, "tx") == "tx"  # one of another module is seen there
            case ast.Attribute():
                is_job = not ast.unparse(job).startswith("self.")
            case _:
                is_job = False
        if not is_job:
            yield f"{call.lineno}: no job: {ast.unparse(call)}"


def faults(source: str) -> list[str]:
    tree = ast.parse(source)
    return [*within_jobs(tree), *handed_over(tree)]


@pytest.mark.parametrize("room", ROOMS)
def test_jobs_name_no_self_and_read_no_clock(room: str) -> None:
    files = [*BOT.glob("*.py")] if room == "." else [*(BOT / room).rglob("*.py")]
    assert files
    found = {str(each.relative_to(BOT)): faults(each.read_text()) for each in files}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "source",
    [
        "store.do(lambda tx: self._x)",
        "store.do(lambda tx, now=1: tx.invoices.update(1, due_at=self._clock()))",
        "def job(tx):\n    return self",
        "def job(tx, now):\n    return [lambda: self for _ in range(2)]",
        "class A:\n    def f(self):\n        def job(tx):\n            return self.x\n",
        "async def job(tx): return clock()",
        "def job(tx): return time.time()",
        "def job(tx): return time.monotonic()",
        "def job(tx, /): return steady()",
        "def job(tx): return a._host_clock()",
        "def job(tx): return loop.time()",
        "def job(tx): return asyncio.get_running_loop().time()",
        "def job(tx): return datetime.datetime.now()",
        "self._store.do(self._job)",
        "self._store.must(self._job, 1)",
        "store.do(lambda row: row.x)",
        "store.do(lambda: 1)",
        "store.do()",
        "store.do(partial(job, 1))",
        "def job(row): pass\nself._store.do(job)",
    ],
)
def test_what_a_job_must_not_do_is_seen(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        "store.do(lambda tx: tx.invoices.get(1))",
        "self._store.must(lambda tx, row_id: tx.invoices.get(row_id), self._row_id)",
        "self._store.do(commit.record, self._row, now=self._clock())",
        "from bot.engine.commit import record\nself._store.do(record, now=self._clock())",
        "def job(tx, now): return tx.agenda.unstick(now)\nstore.do(job, clock())",
        "self._cards.do(self._step)",
        "def f(self): return time.time()",
    ],
)
def test_what_a_job_may_do_is_no_fault(source: str) -> None:
    assert faults(source) == []
