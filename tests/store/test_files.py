"""The files while they are open: what is done to one of them is noticed at the next job."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from bot.errors import DatabaseInUse, StoreUnavailable
from bot.store import Store
from tests.store.made import beside, committed, is_refused, opened, row

ENDINGS = ["", "-wal", "-shm"]


def removed(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    copy.replace(file)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("harm", [removed, replaced])
async def test_nothing_is_written_to_a_file_that_is_nowhere(
    store: Store, file: Path, harm: Callable[[Path], None], ending: str
) -> None:
    await row(store, 1)
    harmed = file.with_name(file.name + ending)
    harm(harmed)
    for number in (2, 3):
        assert await is_refused(store, number, harmed)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def halved(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def replaced_by_an_older_one(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4096])


def overwritten(file: Path) -> None:
    with file.open("r+b") as opened_file:
        opened_file.write(os.urandom(8192))


async def is_emptied(journal: Path) -> None:
    async with asyncio.timeout(30):
        while journal.stat().st_size:  # noqa: ASYNC110 -- nothing tells of it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("is_idle", [True, False])
@pytest.mark.parametrize("harm", [emptied, halved, replaced_by_an_older_one, overwritten])
async def test_nothing_is_written_to_a_file_that_was_cut_short_where_it_is(
    store: Store, file: Path, harm: Callable[[Path], None], is_idle: bool
) -> None:
    await row(store, 1)
    await is_emptied(file.with_name("bot.db-wal"))
    if not is_idle:
        await row(store, 2)
    before = file.read_bytes()
    harm(file)
    harmed = file.read_bytes()
    assert await is_refused(store, 3, file)
    assert await is_refused(store, 4, file)
    assert file.read_bytes() == harmed
    file.write_bytes(before)
    await row(store, 5)
    assert committed(file) == ([1, 5] if is_idle else [1, 2, 5])


@pytest.mark.parametrize("harm", [emptied, halved])
async def test_nothing_is_written_after_a_journal_that_was_cut_short(
    store: Store, file: Path, harm: Callable[[Path], None]
) -> None:
    await row(store, 1)
    journal = file.with_name("bot.db-wal")
    before = journal.read_bytes()
    harm(journal)
    for number in (2, 3):
        assert await is_refused(store, number, journal)
    journal.write_bytes(before)
    await row(store, 4)
    assert committed(file) == [1, 4]


@pytest.mark.parametrize(
    "does", ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)"]
)
async def test_what_another_program_does_through_sqlite_is_no_harm(
    store: Store, file: Path, does: str
) -> None:
    for number in range(1, 60):
        await row(store, number)
    await is_emptied(file.with_name("bot.db-wal"))
    await store.do(lambda tx: tx.invoices._connection.exec_driver_sql("DELETE FROM invoices"))
    with beside(file) as other:
        other.execute(does)
    for number in (101, 102):
        await row(store, number)
    await is_emptied(file.with_name("bot.db-wal"))
    await row(store, 103)
    assert committed(file) == [101, 102, 103]


async def test_nothing_is_written_to_a_file_while_it_has_a_second_name(
    store: Store, file: Path
) -> None:
    await row(store, 1)
    other = file.with_name("two.db")
    other.hardlink_to(file)
    for number in (2, 3):
        assert await is_refused(store, number, file)
    other.unlink()
    await row(store, 4)
    assert committed(file) == [1, 4]


@pytest.mark.parametrize("harm", [removed, replaced])
async def test_a_locks_file_that_is_gone_is_locked_again(
    file: Path, harm: Callable[[Path], None]
) -> None:
    lock = file.with_name("bot.db.lock")
    async with opened(file) as store:
        await row(store, 1)
        file.with_name("bot.db.pid").unlink()
        harm(lock)
        await row(store, 2)
        other = filelock.FileLock(lock)
        with pytest.raises(filelock.Timeout):
            other.acquire(timeout=0)
        with pytest.raises(DatabaseInUse) as caught:
            await Store.open(f"sqlite:///{file}")
        assert caught.value.values["pid"] == os.getpid()
        await row(store, 3)
    with other.acquire(timeout=0):
        assert committed(file) == [1, 2, 3]


async def test_nothing_is_written_while_another_process_has_the_lock(
    store: Store, file: Path
) -> None:
    await row(store, 1)
    lock = file.with_name("bot.db.lock")
    lock.unlink()
    with filelock.FileLock(lock).acquire(timeout=0):
        for number in (2, 3):
            assert await is_refused(store, number, lock)
    await row(store, 4)
    assert committed(file) == [1, 4]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_once_the_file_is_put_back_all_goes_on(store: Store, file: Path, ending: str) -> None:
    await row(store, 1)
    harmed = file.with_name(file.name + ending)
    away = file.with_name("away")
    harmed.rename(away)
    assert await is_refused(store, 2, harmed)
    assert not harmed.exists()
    away.rename(harmed)
    await row(store, 3)
    assert committed(file) == [1, 3]


async def test_a_journal_that_is_removed_costs_nothing_where_the_bot_ends_cleanly(
    file: Path,
) -> None:
    async with opened(file) as store:
        await row(store, 1)
        file.with_name("bot.db-wal").unlink()
        assert await is_refused(store, 2, file)
    assert committed(file) == [1]


async def test_files_that_sqlite_makes_again_are_its_own(store: Store, file: Path) -> None:
    """After a refusal the file is opened again, and so are those beside it."""
    await row(store, 1)
    with beside(file) as other:
        other.execute("ALTER TABLE invoices RENAME TO elsewhere")
        with pytest.raises(StoreUnavailable):
            await row(store, 2)
        other.execute("ALTER TABLE elsewhere RENAME TO invoices")
    for number in (3, 4):
        await row(store, number)
    assert committed(file) == [1, 3, 4]
