"""The files while they are open: one that is removed or replaced is noticed at the next job."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import StoreUnavailable
from bot.store import Store
from tests.store.made import beside, committed, opened, row

ENDINGS = ["", "-wal", "-shm"]


def removed(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    copy.replace(file)


async def is_refused(store: Store, number: int, file: Path) -> bool:
    try:
        await row(store, number)
    except StoreUnavailable as error:
        return str(file) in error.detail
    return False


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
