"""The pages of the file: what was written to them around SQLite, and what was not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.invoice import State
from bot.errors import DatabaseUnreadable
from bot.store import Store, pages, sqlite
from tests.store.made import NOW, beside, committed, is_refused, opened, row, until

PAGE = 4096


@pytest.fixture(autouse=True)
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is copied into the file but where a test says so."""
    monkeypatch.setattr(sqlite.Sqlite, "idle_s", 60.0)


def zeroed(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened_file:
        opened_file.seek(PAGE)
        opened_file.write(bytes(size - PAGE))


def with_one_page_of_another_file(file: Path) -> None:
    """As ``dd conv=notrunc`` writes it."""
    with file.open("r+b") as opened_file:
        opened_file.seek(PAGE)
        opened_file.write(os.urandom(PAGE))


def copied_over(file: Path, older: bytes) -> None:
    file.write_bytes(older)


def copied_over_with_its_time(file: Path, older: bytes) -> None:
    file.write_bytes(older)
    os.utime(file, (1_700_000_000, 1_700_000_000))


def brought_up_to_date(file: Path, older: bytes) -> None:
    """As ``rsync --inplace --times`` does it: what is the same is not written."""
    newer = file.read_bytes()
    with file.open("r+b") as opened_file:
        for start in range(0, len(older), PAGE):
            if older[start : start + PAGE] != newer[start : start + PAGE]:
                opened_file.seek(start)
                opened_file.write(older[start : start + PAGE])
    os.utime(file, (1_700_000_000, 1_700_000_000))


async def with_an_older_copy(store: Store, file: Path) -> bytes:
    """Rows, and the file as it was when they were others; both have one size."""
    for number in range(1, 30):
        await row(store, number)
    await is_copied(store, file)
    older = file.read_bytes()
    for number in range(1, 20):
        await store.do(lambda tx, n=number: tx.invoices.update(n, state=State.SETTLED, due_at=None))
    await is_copied(store, file)
    assert older != file.read_bytes()
    assert len(older) == file.stat().st_size
    return older


async def is_copied(store: Store, file: Path) -> None:
    """What the journal had is in the file, as when the bot is idle, and that was noted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite.Sqlite, "idle_s", 0.01)
        await store.do(lambda _tx: None)
        await until(lambda: store._is_clean)
    assert file.with_name("bot.db-wal").stat().st_size == 0


async def is_held_back_until_restored(store: Store, file: Path, harm: Callable[[], None]) -> None:
    before, was = file.read_bytes(), committed(file)
    harm()
    harmed = file.read_bytes()
    assert len(harmed) == len(before)
    for number in (102, 103):
        assert await is_refused(store, number, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite.Sqlite, "idle_s", 0.01)
        assert await is_refused(store, 104, file)
        await asyncio.sleep(0.1)
    assert file.read_bytes() == harmed
    file.write_bytes(before)
    await row(store, 105)
    await is_copied(store, file)
    assert committed(file) == [*was, 105]
    with beside(file) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("is_idle", [True, False])
@pytest.mark.parametrize("harm", [zeroed, with_one_page_of_another_file])
async def test_nothing_is_written_to_a_file_that_was_overwritten_where_it_is(
    store: Store, file: Path, harm: Callable[[Path], None], is_idle: bool
) -> None:
    await with_an_older_copy(store, file)
    if not is_idle:
        await row(store, 101)
    await is_held_back_until_restored(store, file, lambda: harm(file))


def unreadable(*_: object) -> bytes:
    raise OSError(errno.EIO, "Input/output error")


async def test_a_file_that_cannot_be_read_holds_everything_back_until_it_can(
    store: Store, file: Path
) -> None:
    await with_an_older_copy(store, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages.Pages, "_runs", unreadable)
        touched(file)
        for number in (102, 103):
            assert await is_refused(store, number, file)
    await row(store, 104)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages.Pages, "_read", unreadable)
        await is_copied(store, file)
    await row(store, 105)
    zeroed(file)
    assert await is_refused(store, 106, file)


async def test_a_file_that_cannot_be_read_at_the_start_is_told(file: Path) -> None:
    async with opened(file) as store:
        await row(store, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages.Pages, "_runs", unreadable)
        with pytest.raises(DatabaseUnreadable) as caught:
            async with opened(file):
                pass
    assert caught.value.values == {"path": str(file), "reason": "Input/output error"}
    async with opened(file) as store:
        await row(store, 2)


@pytest.mark.parametrize("is_idle", [True, False])
@pytest.mark.parametrize("copy", [copied_over, copied_over_with_its_time, brought_up_to_date])
async def test_nothing_is_written_to_a_file_that_is_an_older_one_of_the_same_size(
    store: Store, file: Path, copy: Callable[[Path, bytes], None], is_idle: bool
) -> None:
    older = await with_an_older_copy(store, file)
    if not is_idle:
        await row(store, 101)
    await is_held_back_until_restored(store, file, lambda: copy(file, older))


async def test_a_page_that_is_still_in_the_journal_can_be_anything(
    store: Store, file: Path
) -> None:
    """It is read there, and copied into the file again."""
    await with_an_older_copy(store, file)
    size = file.stat().st_size
    await row(store, 101)
    with file.open("r+b") as opened_file:
        for page in store._backend._files._pages._brought:
            if 0 < page < size // PAGE:
                opened_file.seek(page * PAGE)
                opened_file.write(os.urandom(PAGE))
    await row(store, 102)
    await is_copied(store, file)
    touched(file)
    await row(store, 103)
    with beside(file) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_file_that_is_overwritten_before_the_first_job_is_noticed(file: Path) -> None:
    async with opened(file) as store:
        await row(store, 1)
    async with opened(file) as store:
        zeroed(file)
        assert await is_refused(store, 2, file)


async def test_a_file_that_is_copied_over_in_parts_is_noticed_by_the_last_one(
    store: Store, file: Path
) -> None:
    await row(store, 1)
    await is_copied(store, file)
    with file.open("r+b") as opened_file:
        for start in range(0, file.stat().st_size - PAGE, PAGE):
            opened_file.seek(start)
            opened_file.write(os.pread(opened_file.fileno(), PAGE, start))
            opened_file.flush()
            await store.beat(NOW)
        opened_file.seek(-PAGE, os.SEEK_END)
        opened_file.write(os.urandom(PAGE))
    assert await is_refused(store, 2, file)


async def test_what_is_overwritten_within_one_tick_of_a_clock_is_noticed_later(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has a time of two seconds, what comes second leaves no trace."""
    await row(store, 1)
    await is_copied(store, file)
    monkeypatch.setattr(sqlite, "_stamp", lambda found: (found.st_size, "a time of the system"))
    await row(store, 2)
    zeroed(file)
    await row(store, 3)
    monkeypatch.setattr(sqlite, "SURE_S", 0.0)
    assert await is_refused(store, 4, file)


async def test_what_is_overwritten_in_the_moment_of_a_checkpoint_is_noticed_later(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await row(store, 1)
    with pytest.MonkeyPatch.context() as patch:
        copy = sqlite.copy_journal
        patch.setattr(sqlite, "copy_journal", lambda engine: (copy(engine), zeroed(file)))
        await is_copied(store, file)
    monkeypatch.setattr(sqlite, "SURE_S", 0.0)
    assert await is_refused(store, 2, file)


async def test_checkpoints_of_ones_own_cost_a_look_only_as_often_as_is_cheap(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    was = pages.Pages.are_whole

    def slow(self: pages.Pages) -> bool:
        looks.append(1)
        time.sleep(0.05)  # of which a hundred are five seconds
        return was(self)

    monkeypatch.setattr(pages.Pages, "are_whole", slow)
    monkeypatch.setattr(sqlite, "SURE_S", 0.0)
    for number in range(1, 9):
        await row(store, number)
        await is_copied(store, file)
    assert len(looks) == 1


# what is no harm


def touched(file: Path) -> None:
    os.utime(file)


def older_by_its_time(file: Path) -> None:
    os.utime(file, (1_700_000_000, 1_700_000_000))


def with_other_rights(file: Path) -> None:
    file.chmod(0o640)


def read_by_a_shell(file: Path) -> None:
    with beside(file) as other:
        other.execute("SELECT * FROM invoices").fetchall()


def backed_up(file: Path) -> None:
    with beside(file) as other, contextlib.closing(sqlite3.connect(f"{file}.copy")) as copy:
        other.backup(copy)


def copied(file: Path) -> None:
    shutil.copy(file, f"{file}.copy")


def rewritten(file: Path) -> None:
    content = file.read_bytes()
    with file.open("r+b") as opened_file:
        opened_file.truncate(0)
        opened_file.write(content)


def written_by_a_shell(file: Path) -> None:
    with beside(file) as other:
        other.execute("UPDATE invoices SET memo = 'tea' WHERE id > 10")


def written_and_copied_by_a_shell(file: Path) -> None:
    with beside(file) as other:
        other.execute("UPDATE invoices SET memo = 'tea' WHERE id > 10")
        other.execute("PRAGMA wal_checkpoint(PASSIVE)")


def written_and_emptied_by_a_shell(file: Path) -> None:
    for memo in ("tea", "milk"):
        with beside(file) as other:
            other.execute("UPDATE invoices SET memo = ? WHERE id > 10", (memo,))
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def restored_by_a_shell(file: Path) -> None:
    """``.restore`` writes through SQLite, as everybody else."""
    with beside(file) as other, contextlib.closing(sqlite3.connect(f"{file}.copy")) as copy:
        other.backup(copy)
        copy.execute("UPDATE invoices SET memo = 'tea' WHERE id > 10")
        copy.commit()
        copy.backup(other)


HARMLESS = [
    touched,
    older_by_its_time,
    with_other_rights,
    read_by_a_shell,
    backed_up,
    copied,
    rewritten,
    written_by_a_shell,
    written_and_copied_by_a_shell,
    written_and_emptied_by_a_shell,
    restored_by_a_shell,
]


@pytest.mark.parametrize("is_idle", [True, False])
@pytest.mark.parametrize("does", HARMLESS)
async def test_what_leaves_the_file_as_it_was_or_goes_through_sqlite_is_no_harm(
    store: Store, file: Path, does: Callable[[Path], None], is_idle: bool
) -> None:
    for number in range(1, 30):
        await row(store, number)
    await is_copied(store, file)
    if not is_idle:
        await row(store, 101)
    was = committed(file)
    for number in (102, 103):
        does(file)
        await row(store, number)
    does(file)
    await is_copied(store, file)
    does(file)
    await row(store, 104)
    await is_copied(store, file)
    assert committed(file) == [*was, 102, 103, 104]
    zeroed(file)
    assert await is_refused(store, 105, file)


def closed_meanwhile(file: Path) -> None:
    """Nothing is done to it: see the test."""


@pytest.mark.parametrize(
    "does",
    [
        written_by_a_shell,
        written_and_copied_by_a_shell,
        written_and_emptied_by_a_shell,
        restored_by_a_shell,
        closed_meanwhile,
    ],
)
async def test_after_another_program_has_written_an_older_file_is_noticed_all_the_same(
    store: Store, file: Path, does: Callable[[Path], None]
) -> None:
    older = await with_an_older_copy(store, file)
    if does is closed_meanwhile:
        store._engine.dispose()
        store._backend._files.forget()
    does(file)
    await is_copied(store, file)
    await store.beat(NOW)
    assert len(older) == file.stat().st_size
    await is_held_back_until_restored(store, file, lambda: copied_over(file, older))


async def test_a_reader_that_stays_makes_nothing_look_overwritten(store: Store, file: Path) -> None:
    """What it reads stays in the journal, which is copied in parts meanwhile."""
    await row(store, 1)
    await is_copied(store, file)
    await row(store, 2)
    with beside(file) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM invoices").fetchone()
        for number in range(3, 8):
            await row(store, number)
            with beside(file) as third:
                third.execute("PRAGMA wal_checkpoint(PASSIVE)")
            touched(file)
        other.execute("ROLLBACK")
    await is_copied(store, file)
    touched(file)
    await row(store, 8)
    assert committed(file) == [*range(1, 9)]


async def test_a_journal_that_is_copied_in_the_middle_of_the_day_is_followed(
    store: Store, file: Path
) -> None:
    """SQLite itself does so with a thousand pages, and then starts the journal over."""
    journal = file.with_name("bot.db-wal")
    largest = 0
    for number in range(1, 600):
        await row(store, number, memo="x" * 3000)
        largest = max(largest, journal.stat().st_size)
        if number % 50 == 0:
            touched(file)
    assert largest < 600 * 3 * PAGE, "it never started over"
    zeroed(file)
    assert await is_refused(store, 601, file)


async def test_where_another_program_wrote_while_the_database_was_closed_all_goes_on(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error the bot's own connection is closed: the other one copies the journal."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    await row(store, 1)
    store._engine.dispose()
    store._backend._files.forget()
    for number in (2, 3):
        with beside(file) as other:
            other.execute("UPDATE invoices SET memo = ?", (f"tea {number}",))
        await row(store, number)
    await is_copied(store, file)
    await row(store, 4)
    assert committed(file) == [1, 2, 3, 4]
    zeroed(file)
    assert await is_refused(store, 5, file)


async def test_the_content_is_read_only_where_the_time_is_another_one(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    was = pages.Pages.are_whole

    def counted(self: pages.Pages) -> bool:
        reads.append(1)
        return was(self)

    monkeypatch.setattr(pages.Pages, "are_whole", counted)
    monkeypatch.setattr(sqlite, "SURE_S", 60.0)
    monkeypatch.setattr(sqlite, "_is_sound", lambda _path: pytest.fail("nothing was missed"))
    for number in range(1, 300):
        await row(store, number, memo="x" * 3000)
    await is_copied(store, file)
    for number in range(301, 310):
        await store.beat(NOW + number)
    assert reads == []
    touched(file)
    for _ in range(10):
        await store.beat(NOW)
    assert len(reads) == 1
    monkeypatch.setattr(sqlite, "SURE_S", 0.0)
    for _ in range(10):
        await store.beat(NOW)
    assert len(reads) == 2, "once more when no clock can be the same"
