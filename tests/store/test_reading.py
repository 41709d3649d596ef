"""A database is read beside whoever writes it, and stays as it is."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.ledger import Show
from bot.errors import (
    DatabaseDamaged,
    DatabaseHalfMissing,
    DatabaseIsFolder,
    DatabaseMissing,
    DatabaseNotOurs,
    DatabaseTooNew,
    DatabaseTooOld,
    DatabaseUnreadable,
    NotADatabase,
    StartError,
)
from bot.store import Reader, Store, Tx, alive_file, running_on, say_alive
from tests.store.made import opened, process, row, url


def count(tx: Tx) -> int:
    """How many rows there are."""
    return len(tx.ledger.newest(Show.ALL, 100))


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {each.name: (each.stat().st_size, each.stat().st_mtime_ns) for each in folder.iterdir()}


async def test_what_a_bot_has_written_is_read_while_it_runs(store: Store, file: Path) -> None:
    reader = Reader(url(file))
    for number in range(1, 4):
        await row(store, number)
        assert reader.do(count) == number


async def test_reading_writes_nothing_beside_a_bot_that_ended(file: Path) -> None:
    async with opened(file) as store:
        await row(store)
    before = listing(file.parent)
    assert Reader(url(file)).do(count) == 1
    assert listing(file.parent) == before


async def test_what_a_killed_bot_left_in_the_journal_is_read(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "killed" / "bot.db"
    other.parent.mkdir()
    async with opened(file) as store:
        await row(store)
        for ending in ("", "-wal"):
            shutil.copy(f"{file}{ending}", f"{other}{ending}")
    before = other.read_bytes()
    assert Reader(url(other)).do(count) == 1
    assert other.read_bytes() == before


async def test_a_reader_holds_up_no_writer_and_sees_one_state(store: Store, file: Path) -> None:
    first = await row(store)

    def twice(tx: Tx) -> tuple[int, int]:
        before = count(tx)
        with contextlib.closing(sqlite3.connect(file, timeout=0)) as other:
            other.execute("DELETE FROM invoices WHERE id = ?", (first.id,))
            other.commit()
        return before, count(tx)

    reader = Reader(url(file))
    assert reader.do(twice) == (1, 1)
    assert reader.do(count) == 0


async def test_nothing_can_be_written_through_a_reader(store: Store, file: Path) -> None:
    await row(store)
    with pytest.raises(StartError):
        Reader(url(file)).do(lambda tx: tx.memory.beat(1.0))


async def test_a_job_runs_again_where_a_bot_began_to_write_meanwhile(file: Path) -> None:
    async with opened(file) as store:
        await row(store)
    seen: list[int] = []

    def begins(tx: Tx) -> int:
        seen.append(count(tx))
        if len(seen) == 1:
            with contextlib.closing(sqlite3.connect(file)) as other:
                other.execute("DELETE FROM invoices")
                other.commit()
        return count(tx)

    assert Reader(url(file)).do(begins) == 0
    assert len(seen) == 2


def test_a_database_that_is_not_there_is_told_and_not_made(file: Path) -> None:
    with pytest.raises(DatabaseMissing):
        Reader(url(file))
    file.touch()
    with pytest.raises(DatabaseMissing):
        Reader(url(file))
    assert file.stat().st_size == 0


def _overwrite(file: Path) -> None:
    with file.open("r+b") as opened_file:
        opened_file.seek(4096)
        opened_file.write(b"\xff" * (file.stat().st_size - 4096))


def _half(file: Path) -> None:
    file.with_name(file.name + "-wal").write_bytes(b"x" * 100)
    os.truncate(file, 0)


def _version(file: Path, version: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("UPDATE alembic_version SET version_num = ?", (version,))
        other.commit()


def _other_program(file: Path) -> None:
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.commit()


def test_a_database_below_what_is_no_folder_is_one_error(file: Path) -> None:
    file.touch()
    with pytest.raises(DatabaseUnreadable):
        Reader(url(file / "bot.db"))


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda file: file.write_bytes(b"no database at all"), NotADatabase),
        (lambda file: (file.unlink(), file.mkdir()), DatabaseIsFolder),
        (lambda file: os.truncate(file, 8192), DatabaseDamaged),
        (_overwrite, DatabaseDamaged),
        (_half, DatabaseHalfMissing),
        (lambda file: _version(file, "9999"), DatabaseTooNew),
        (lambda file: _version(file, "0009"), DatabaseTooOld),
        (_other_program, DatabaseNotOurs),
    ],
)
async def test_what_cannot_be_read_is_one_error(
    file: Path,
    spoil: Callable[[Path], object],
    error: type[StartError],
) -> None:
    async with opened(file) as store:
        for number in range(1, 40):
            await row(store, number)
    spoil(file)
    with pytest.raises(error):
        Reader(url(file)).do(count)


# whether a bot runs


def seen_by_another_process(file: Path) -> str:
    """A process that has the file open would drop its own locks by a look."""
    code = "import sys, pathlib; from bot.store import running_on; "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(running_on(pathlib.Path(sys.argv[1])))", str(file)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    return done.stdout.strip()


async def test_a_bot_that_runs_says_which_it_is_and_since_when(file: Path) -> None:
    async with opened(file):
        assert seen_by_another_process(file) == (
            f"Running(pid={os.getpid()}, version='', started_at=0.0,"
            " name='', marks='', silent_s=0.0)"
        )
        say_alive(file, version="1.2.3", started_at=1_790_000_000.5)
        assert seen_by_another_process(file) == (
            f"Running(pid={os.getpid()}, version='1.2.3', started_at=1790000000.0,"
            " name='', marks='', silent_s=0.0)"
        )
    assert seen_by_another_process(file) == "None"


async def test_a_bot_that_has_the_lock_and_has_written_nothing_for_long_is_silent(
    file: Path,
) -> None:
    async with opened(file):
        say_alive(file, version="1.2.3", started_at=5.0)
        then = time.time() - 3600.0
        os.utime(alive_file(file), (then, then))
        said = re.search(r"silent_s=([\d.]+)", seen_by_another_process(file))
    assert said is not None
    assert 3600.0 <= float(said[1]) < 3700.0


async def test_a_bot_that_was_killed_does_not_run_however_fresh_its_file_is(file: Path) -> None:
    body = "    store = await Store.open(url)\n    print('up', flush=True)\n    input()\n"
    started = process(body, file)
    assert started.stdout is not None
    assert started.stdout.readline() == "up\n"
    say_alive(file, version="1", started_at=1.0)
    assert running_on(file) is not None
    started.kill()
    started.wait()
    started.stdout.close()
    assert started.stdin is not None
    started.stdin.close()
    assert running_on(file) is None


async def test_a_look_takes_no_lock_from_a_bot_that_starts(file: Path) -> None:
    async with opened(file):
        pass
    assert running_on(file) is None
    async with opened(file) as store:
        await row(store)


@pytest.mark.parametrize(
    ("age_s", "runs"), [(0.0, True), (3600.0, False)], ids=["fresh", "hours old"]
)
async def test_where_no_lock_tells_it_the_file_does(
    file: Path, monkeypatch: pytest.MonkeyPatch, age_s: float, runs: bool
) -> None:
    monkeypatch.delattr("fcntl.F_OFD_GETLK")
    say_alive(file, version="1", started_at=5.0)
    then = time.time() - age_s
    os.utime(alive_file(file), (then, then))
    assert (running_on(file) is not None) is runs


@pytest.mark.parametrize("said", [b"", b"x", b"\xff\xfe", b"-5 1", b"9" * 400])
async def test_whatever_the_file_says_nothing_breaks(file: Path, said: bytes) -> None:
    alive_file(file).write_bytes(said)
    assert running_on(file) is None
    async with opened(file):
        assert seen_by_another_process(file).startswith(f"Running(pid={os.getpid()}, ")
