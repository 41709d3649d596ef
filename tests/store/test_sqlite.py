"""The file: one process has it, it is whole, ours and not too new; else it is left as it is."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.cursor import Cursor
from bot.core.invoice import State
from bot.errors import (
    DatabaseDamaged,
    DatabaseFolderReadOnly,
    DatabaseHalfMissing,
    DatabaseHasTwoNames,
    DatabaseInUse,
    DatabaseIsFolder,
    DatabaseNotOurs,
    DatabaseNotPermitted,
    DatabaseTooNew,
    DatabaseWithoutTables,
    LinkInTheWay,
    NotADatabase,
    StartError,
)
from bot.store import Store, inspect, sqlite
from bot.store import beside as beside_file
from tests.store.made import (
    CHAT,
    NOW,
    beside,
    columns,
    opened,
    process,
    read,
    row,
    said,
    until,
    url,
)


@pytest.mark.parametrize("path", ["/proc/nowhere/bot.db", "/dev/null/bot.db"])
async def test_a_folder_that_cannot_be_made_is_refused(path: str) -> None:
    with pytest.raises(DatabaseFolderReadOnly) as caught:
        await Store.open(f"sqlite:///{path}")
    assert caught.value.values["folder"] == str(Path(path).parent)
    assert caught.value.values["reason"]


async def test_a_new_database_is_made_with_its_folder_and_for_its_owner_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "new" / "data" / "bot.db"
    before = os.umask(0o022)
    try:
        async with opened(file) as store:
            await row(store)
            there = {each.name: stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()}
    finally:
        os.umask(before)
    assert set(there) == {"bot.db", "bot.db-wal", "bot.db-shm", "bot.db.lock", "bot.db.pid"}
    assert set(there.values()) == {0o600}


async def test_reopening_keeps_every_row(file: Path) -> None:
    async with opened(file) as store:
        rows = [await row(store, number, state=State.OPEN) for number in range(5)]
        await store.do(lambda tx: tx.nodes.set_cursor("node", Cursor(9), NOW))
        await store.do(lambda tx: tx.chats.set_unreachable(-3, True, NOW))
        await store.do(lambda tx: tx.memory.set_picture("paid", "file-1"))
    async with opened(file) as store:
        assert [await read(store, each.id) for each in rows] == rows
        assert await store.do(lambda tx: tx.nodes.cursor("node")) == Cursor(9)
        assert await store.do(lambda tx: tx.chats.unreachable()) == {-3}
        assert await store.do(lambda tx: tx.memory.picture("paid")) == "file-1"


# files that are there already


@pytest.mark.parametrize("ending", [".lock", ".pid"])
@pytest.mark.parametrize("there", [True, False])
async def test_nothing_is_written_through_a_link(file: Path, ending: str, there: bool) -> None:
    target = file.with_name("precious")
    if there:
        target.write_text("mine")
    link = file.with_name(file.name + ending)
    link.symlink_to(target)
    with pytest.raises(LinkInTheWay) as caught:
        await Store.open(url(file))
    assert caught.value.values == {"path": str(link)}
    assert target.exists() is there
    assert not there or target.read_text() == "mine"
    link.unlink()
    async with opened(file):
        pass


def test_a_file_beside_is_written_for_its_owner_alone_and_never_through_a_link(
    tmp_path: Path,
) -> None:
    target, file = tmp_path / "precious", tmp_path / "bot.alive"
    for text in ("12345", "6"):
        beside_file.write(file, text)
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (text, 0o600)
    os.utime(file, (0, 0))
    beside_file.write(file)
    assert file.stat().st_mtime > 1
    file.unlink()
    file.symlink_to(target)
    with pytest.raises(LinkInTheWay):
        beside_file.write(file)
    assert not target.exists()


def test_a_pipe_in_the_place_of_a_file_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bot.alive")
    with pytest.raises(OSError, match="No such device"):
        beside_file.write(tmp_path / "bot.alive")


# one process


KILLED = """
    store = await Store.open(url)
    for number in range(30):
        assert await add(store, number) == "written"
    print("written", flush=True)
    sys.stdin.read()
"""


async def test_what_was_written_survives_a_kill_at_once_afterwards(file: Path) -> None:
    started = process(KILLED, file)
    with started:
        assert started.stdout is not None
        assert await asyncio.to_thread(started.stdout.readline) == "written\n"

        with pytest.raises(DatabaseInUse) as caught:
            await Store.open(url(file))
        assert caught.value.values == {"path": str(file), "pid": started.pid}

        started.send_signal(signal.SIGKILL)
    async with opened(file) as store:
        assert len(await store.do(lambda tx: tx.nodes.open_page(None, 100))) == 30


async def test_the_same_file_is_not_opened_twice_by_whatever_name(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(file):
        (tmp_path / "link.db").symlink_to(file)
        monkeypatch.chdir(tmp_path)
        for name in (url(file), url(tmp_path / "link.db"), "sqlite:///bot.db"):
            with pytest.raises(DatabaseInUse) as caught:
                await Store.open(name)
            assert caught.value.values["pid"] == os.getpid()
    async with opened(file):
        pass


def moved(file: Path) -> Path:
    """It has another name now, as in another mount."""
    return file.rename(file.with_name("two.db"))


def without_lock(file: Path) -> Path:
    file.with_name("bot.db.lock").unlink()
    return file


@pytest.mark.skipif(not hasattr(fcntl, "F_OFD_SETLK"), reason="Linux alone has such locks")
@pytest.mark.parametrize("by", [moved, without_lock])
async def test_a_file_that_is_open_is_opened_by_no_other_process_whatever_its_lock_file_says(
    file: Path, by: Callable[[Path], Path]
) -> None:
    started = process(KILLED, file)
    with started:
        assert started.stdout is not None
        assert await asyncio.to_thread(started.stdout.readline) == "written\n"
        other = by(file)
        for _ in range(2):
            with pytest.raises(DatabaseInUse) as caught:
                await Store.open(url(other))
            assert caught.value.values["pid"] == (started.pid if other == file else 0)
        started.send_signal(signal.SIGKILL)
    other.rename(file)
    async with opened(file) as store:  # SQLite's own locks were left alone
        assert len(await store.do(lambda tx: tx.nodes.open_page(None, 100))) == 30


async def test_a_file_with_two_names_is_refused_by_both_and_untouched(file: Path) -> None:
    async with opened(file) as store:
        await row(store)
    before, other = file.read_bytes(), file.with_name("two.db")
    other.hardlink_to(file)
    for each in (file, other):
        with pytest.raises(DatabaseHasTwoNames) as caught:
            await Store.open(url(each))
        assert caught.value.values == {"path": str(each)}
        with pytest.raises(DatabaseHasTwoNames):
            inspect(url(each))
    assert file.read_bytes() == before
    other.unlink()
    async with opened(file) as store:
        await row(store, 2)


@pytest.mark.parametrize("noted", ["", "nobody", None])
async def test_a_database_in_use_by_an_unknown_process_is_refused_too(
    file: Path, noted: str | None
) -> None:
    async with opened(file):
        pid_file = file.with_name("bot.db.pid")
        pid_file.unlink()
        if noted is not None:
            pid_file.write_text(noted)
        with pytest.raises(DatabaseInUse) as caught:
            await Store.open(url(file))
    assert caught.value.values["pid"] == 0


OPENED = """
    await (await Store.open(url)).close()
    print("alembic" in sys.modules)
"""


async def test_a_database_that_is_up_to_date_is_opened_without_alembic(file: Path) -> None:
    """It takes half a second, and memory for as long as the process runs."""
    first = await asyncio.to_thread(said, OPENED, file)
    again = await asyncio.to_thread(said, OPENED, file)
    assert (first, again) == (["True"], ["False"])


# a file that is no database of ours


@pytest.mark.parametrize("odd", ["/dev/null", "/dev/zero", "pipe"])
async def test_what_is_no_file_is_no_database_and_nothing_is_written_beside_it(
    tmp_path: Path, odd: str
) -> None:
    file = tmp_path / odd
    if odd == "pipe":
        os.mkfifo(file)
    before = set(file.parent.iterdir())
    with pytest.raises(NotADatabase):
        await Store.open(url(file))
    with pytest.raises(NotADatabase):
        inspect(url(file))
    assert {each for each in before ^ set(file.parent.iterdir()) if each.stem == file.stem} == set()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database with rows in it."""
    file = tmp_path_factory.mktemp("whole") / "bot.db"

    async def make() -> None:
        async with opened(file) as store:
            for number in range(20):
                await row(store, number)

    asyncio.run(make())
    with beside(file) as connection:
        connection.execute("VACUUM")  # a page that is not in use cannot be damaged
    return file.read_bytes()


async def refused(file: Path, content: bytes) -> StartError:
    """How a file with this content is refused; it stays as it is."""
    file.write_bytes(content)
    with pytest.raises(StartError) as inspected:
        inspect(url(file))
    with pytest.raises(StartError) as caught:
        await Store.open(url(file))
    assert file.read_bytes() == content
    assert type(inspected.value) is type(caught.value)
    assert inspected.value.values == caught.value.values
    return caught.value


async def test_a_database_of_a_newer_version_is_refused_and_untouched(file: Path) -> None:
    async with opened(file) as store:
        await row(store)
    with beside(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    error = await refused(file, file.read_bytes())
    assert type(error) is DatabaseTooNew
    assert error.detail == "9999"


async def test_a_file_that_is_cut_short_is_refused_and_untouched(file: Path, whole: bytes) -> None:
    page = 4096
    cuts = [1, 15, 16, 50, 99, 100, 101, 512, page - 1, *range(page, len(whole), page)]
    cuts += [len(whole) - page // 2, len(whole) - 1]
    for cut in cuts:
        error = await refused(file, whole[:cut])
        assert type(error) is DatabaseDamaged, cut
        assert error.values["path"] == str(file)


async def test_a_damaged_file_is_refused_and_untouched(file: Path, whole: bytes) -> None:
    assert type(await refused(file, whole[:100] + bytes(len(whole)))) is DatabaseDamaged
    for page in range(1, len(whole) // 4096):
        holed = bytearray(whole)
        holed[page * 4096 : (page + 1) * 4096] = bytes(4096)
        error = await refused(file, bytes(holed))
        assert type(error) is DatabaseDamaged, page
        assert "\n" not in str(error.values["reason"])


@pytest.fixture
def mixed(file: Path, whole: bytes) -> list[bytes]:
    """Two states of one database in one file, as when one was copied over the other in use."""
    file.write_bytes(whole)
    with beside(file) as connection:
        connection.execute("UPDATE invoices SET due_at = due_at + 5 WHERE id < 9")
    newer = file.read_bytes()
    file.unlink()
    assert len(newer) == len(whole)
    starts = [n for n in range(0, len(whole), 4096) if whole[n : n + 4096] != newer[n : n + 4096]]
    assert len(starts) > 1
    return [whole[:n] + newer[n : n + 4096] + whole[n + 4096 :] for n in starts]


async def test_a_file_whose_indexes_are_not_those_of_its_rows_is_refused_and_untouched(
    file: Path, mixed: list[bytes]
) -> None:
    for content in mixed:
        error = await refused(file, content)
        assert type(error) is DatabaseDamaged
        assert "index" in str(error.values["reason"])


async def test_where_it_would_take_long_indexes_are_not_compared(
    file: Path, mixed: list[bytes], whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "COMPARE_BYTES", len(mixed[0]) - 1)
    file.write_bytes(mixed[0])
    async with opened(file):
        pass
    assert type(await refused(file, whole[:4096] + bytes(4096) + whole[8192:])) is DatabaseDamaged


SCARCE = """
    import sqlite3
    from pathlib import Path
    from bot.store.sqlite import _verdict
    store = await Store.open(url)
    for number in range(300):
        await add(store, number)
    await store.close()
    path = Path(url.removeprefix("sqlite:///"))
    for limit in range(4_000_000, 60_000, -20_000):  # it only ever gets less
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            connection.execute("SELECT count(*) FROM invoices").fetchone()
            connection.execute(f"PRAGMA hard_heap_limit={limit}").fetchone()
            print(_verdict(connection, path))
        except (MemoryError, sqlite3.Error) as error:
            print(type(error).__name__)
"""


async def test_a_check_that_got_no_memory_says_nothing_of_the_file(file: Path) -> None:
    verdicts = {*await asyncio.to_thread(said, SCARCE, file)}
    assert verdicts == {"ok", "MemoryError"}


@pytest.mark.parametrize("content", [b"[database]\n" * 500, b"x", bytes(8192)])
async def test_a_file_that_is_no_database_is_refused_and_untouched(
    file: Path, content: bytes
) -> None:
    error = await refused(file, content)
    assert type(error) is NotADatabase
    assert error.values == {"path": str(file)}


async def test_once_a_backup_is_in_place_it_is_opened(file: Path, whole: bytes) -> None:
    await refused(file, whole[:5000])
    file.write_bytes(whole)
    inspect(url(file))
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.invoices.by_origin(CHAT, 19)) is not None


async def test_an_emptied_file_with_its_journal_left_is_no_new_database(
    file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    async with opened(file) as store:
        await row(store)
        shutil.copy(file.with_name("bot.db-wal"), copy.with_name("bot.db-wal"))
    error = await refused(copy, b"")
    assert type(error) is DatabaseHalfMissing
    assert error.values == {"path": str(copy), "journal": f"{copy}-wal"}
    copy.with_name("bot.db-wal").unlink()
    inspect(url(copy))
    async with opened(copy):
        pass


async def copied(file: Path, tmp_path: Path) -> Path:
    """The database's own file alone, as ``cp`` takes it."""
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    shutil.copy(file, copy)
    return copy


async def test_a_copy_that_was_made_once_idle_holds_every_row(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite.Sqlite, "idle_s", 0.05)
    async with opened(file) as store:
        for number in range(50):
            await row(store, number)
        await until(lambda: file.with_name("bot.db-wal").stat().st_size == 0)
        await store.beat(NOW)  # is no reason to lack anything
        copy = await copied(file, tmp_path)
        await row(store, 60)
    async with opened(copy) as store:
        assert await store.do(lambda tx: tx.invoices.by_origin(CHAT, 49)) is not None


async def test_where_there_is_always_something_to_do_a_copy_lacks_only_the_newest(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite.Sqlite, "idle_s", 60.0)
    monkeypatch.setattr(sqlite.Sqlite, "busy_s", 0.2)
    async with opened(file) as store, asyncio.timeout(30):
        await row(store, 0)
        number = 1
        while file.with_name("bot.db-wal").stat().st_size:
            await row(store, number)
            number += 1
            await asyncio.sleep(0.01)
        copy = await copied(file, tmp_path)
    async with opened(copy) as store:
        assert await store.do(lambda tx: tx.invoices.by_origin(CHAT, 0)) is not None


async def test_a_copy_that_lacks_its_journal_is_no_new_database(file: Path, tmp_path: Path) -> None:
    with beside(file) as connection:  # as a database was begun that is not put in place whole
        connection.execute("PRAGMA journal_mode=WAL")
    assert file.stat().st_size == 4096
    error = await refused(file, file.read_bytes())
    assert type(error) is DatabaseWithoutTables
    assert error.values == {"path": str(file), "journal": f"{file}-wal"}


async def test_a_start_that_was_killed_as_it_made_the_database_makes_it_again(file: Path) -> None:
    for ending in (".new", ".new-wal", ".new-shm"):
        file.with_name(f"bot.db{ending}").write_bytes(b"SQLite format 3\0 and half of it")
    async with opened(file) as store:
        await row(store)
    assert {each.name for each in file.parent.iterdir()} == {"bot.db", "bot.db.lock", "bot.db.pid"}


async def test_a_database_is_made_through_no_link(file: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    file.with_name("bot.db.new").symlink_to(precious)
    async with opened(file) as store:
        await row(store)
    assert precious.read_bytes() == b"mine"


async def test_an_empty_file_becomes_the_database_itself(file: Path) -> None:
    file.touch()
    before = file.stat().st_ino
    async with opened(file) as store:
        await row(store)
    assert file.stat().st_ino == before, "it may be the only place that can be written"


async def test_what_is_only_in_the_journal_is_not_taken_for_damage(
    file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    async with opened(file) as store:
        for number in range(50):
            await store.do(lambda tx, n=number: tx.invoices.add(**columns(n)))
        for name in ("bot.db", "bot.db-wal"):
            shutil.copy(file.with_name(name), copy.with_name(name))
    assert copy.stat().st_size < file.stat().st_size
    async with opened(copy) as store:
        assert await store.do(lambda tx: tx.invoices.by_origin(CHAT, 49)) is not None


async def test_another_programs_database_is_refused_and_untouched(file: Path) -> None:
    with beside(file) as connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")
    error = await refused(file, file.read_bytes())
    assert type(error) is DatabaseNotOurs
    assert error.values == {"path": str(file)}


async def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseIsFolder) as caught:
        await Store.open(url(tmp_path))
    assert caught.value.values == {"path": str(tmp_path)}


async def test_a_file_that_this_user_cannot_read_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bot.db"
        file.write_bytes(b"SQLite format 3\0")
        file.chmod(0)
        Path(folder).chmod(0o777)
        was = os.geteuid()
        await asyncio.to_thread(int)  # Python reads what threads need while it may
        os.seteuid(65_534 if was == 0 else was)
        try:
            with pytest.raises(DatabaseNotPermitted):
                await Store.open(url(file))
        finally:
            os.seteuid(was)


async def test_inspecting_makes_no_database(file: Path) -> None:
    inspect(url(file))
    assert [*file.parent.iterdir()] == []
