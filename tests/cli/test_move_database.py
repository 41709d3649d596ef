"""move-database at a terminal: how far it is, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import DatabaseHalfMoved
from bot.store import Reader, Store
from tests import postgres
from tests.postgres import TEMPLATE, Cluster
from tests.store.made import row, until
from tests.ways import Way

ROWS = 600  # more than one step

PASSWORD = "what-only-the-server-knows"

#: The program, which hears signals also where whoever started the tests ignores them.
HEARS_SIGNALS = """
import runpy, signal

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bot", run_name="__main__")
"""


def moved(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code, and all that is said."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "move-database", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, (done.stdout + done.stderr).splitlines()


async def test_a_file_becomes_another_one_and_each_table_is_told(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'old.db'}")
    await row(store, 1)
    await store.close()
    code, said = moved(tmp_path, "sqlite:///old.db", "sqlite:///new.db")
    assert code == 0, said
    assert said == ["1 row copied. Now set database.url to it.", "invoices: 1 of 1"]
    new = Reader(f"sqlite:///{tmp_path / 'new.db'}")
    assert new.do(lambda tx: tx.invoices.get(1)) is not None


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("old.db", "sqlite:///new.db", "FROM is not a database's address."),
        ("sqlite:///old.db", "mysql://x/y", "TO is not a database's address."),
        (
            "sqlite:///old.db",
            f"postgresql://bot:{PASSWORD}@db.example/x",
            "TO has a password in it, which other users of this machine can read.",
        ),
        ("sqlite:///old.db", "sqlite:///old.db", "FROM and TO are the same database."),
        ("sqlite:///old.db", "sqlite:///new.db", "FROM: there is no database "),
    ],
)
def test_what_cannot_be_moved_is_refused_in_one_line(
    tmp_path: Path, source: str, target: str, said: str
) -> None:
    code, lines = moved(tmp_path, source, target)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(said)
    assert list(tmp_path.iterdir()) == []


# what ends it on the way


@contextlib.asynccontextmanager
async def stalled(
    folder: Path, cluster: Cluster, *, to_server: bool
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, Way]]:
    """A move that stands still with some rows copied; the server's database, and the way there."""
    file, template = f"sqlite:///{folder / 'bot.db'}", "template0" if to_server else TEMPLATE
    with postgres.database(cluster, template=template) as name:
        async with Way(cluster.port) as way:
            url = cluster.url(name, port=way.port)
            store = await Store.open(file if to_server else cluster.url(name))
            assert await store.lead(asyncio.Event())
            for number in range(ROWS):
                await row(store, number)
            await store.close()
            # the second step, on either side
            way.stall_at = b"INSERT INTO invoices" if to_server else b"(invoices.id) >"
            addresses = [file, url] if to_server else [url, f"sqlite:///{folder / 'new.db'}"]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", HEARS_SIGNALS, "move-database", *addresses),
                cwd=folder,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(30):
                    await way.is_stalled.wait()
                yield process, cluster.url(name), way
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def ended(process: asyncio.subprocess.Process, number: signal.Signals) -> list[str]:
    """What it says after a signal."""
    process.send_signal(number)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode == 1
    return (out + err).decode().splitlines()


def beside(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {"bot.db", "bot.db.lock", "bot.db.pid"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_move_to_a_server_that_is_stopped_leaves_nothing_and_can_be_run_again(
    tmp_path: Path, cluster: Cluster, number: signal.Signals
) -> None:
    async with stalled(tmp_path, cluster, to_server=True) as (process, url, way):
        (line,) = await ended(process, number)
        assert line.startswith("The database was not moved, because the command was stopped.")
        await gone(cluster, way)
        code, said = await asyncio.to_thread(moved, tmp_path, "sqlite:///bot.db", url)
        assert code == 0, said
        assert Reader(url).do(lambda tx: tx.invoices.get(ROWS)) is not None
    assert beside(tmp_path) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_move_to_a_file_that_is_stopped_leaves_nothing_and_can_be_run_again(
    tmp_path: Path, cluster: Cluster, number: signal.Signals
) -> None:
    async with stalled(tmp_path, cluster, to_server=False) as (process, url, way):
        assert "new.db.moving" in beside(tmp_path)
        (line,) = await ended(process, number)
        assert line.startswith("The database was not moved, because the command was stopped.")
        assert beside(tmp_path) == set()
        await gone(cluster, way)
        code, said = await asyncio.to_thread(moved, tmp_path, url, "sqlite:///new.db")
        assert code == 0, said
    new = Reader(f"sqlite:///{tmp_path / 'new.db'}")
    assert new.do(lambda tx: tx.invoices.get(ROWS)) is not None


async def test_a_move_that_is_killed_leaves_no_database_and_can_be_run_again(
    tmp_path: Path, cluster: Cluster
) -> None:
    new = f"sqlite:///{tmp_path / 'new.db'}"
    async with stalled(tmp_path, cluster, to_server=False) as (process, url, way):
        process.kill()
        await process.wait()
        with pytest.raises(DatabaseHalfMoved):
            await Store.open(new)
        await gone(cluster, way)
        code, said = await asyncio.to_thread(moved, tmp_path, url, new)
        assert code == 0, said
    assert Reader(new).do(lambda tx: tx.invoices.get(ROWS)) is not None


async def test_a_move_to_a_server_that_is_killed_leaves_no_table(
    tmp_path: Path, cluster: Cluster
) -> None:
    async with stalled(tmp_path, cluster, to_server=True) as (process, url, way):
        process.kill()
        await process.wait()
        await gone(cluster, way)
        code, said = await asyncio.to_thread(moved, tmp_path, "sqlite:///bot.db", url)
        assert code == 0, said
        assert Reader(url).do(lambda tx: tx.invoices.get(ROWS)) is not None


async def gone(cluster: Cluster, way: Way) -> None:
    """Until the server has noticed that whoever moved is gone."""
    way.cut()
    theirs = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'invoice-bot move'"
    with cluster.admin() as admin:
        await until(lambda: admin.execute(theirs).fetchone() == (0,))


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
from bot.__main__ import main
sys.argv = ["bot", "move-database", "sqlite:///bot.db", "sqlite:///new.db"]
main()
"""


async def test_a_disk_that_is_full_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    for number in range(ROWS):
        await row(store, number, memo="x" * 600)
    await store.close()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FULL),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    *_, line = out.decode().splitlines()
    assert process.returncode == 1
    assert line.startswith(f"The database was not moved, because of {tmp_path / 'new.db'}: ")
    assert beside(tmp_path) == set()
