"""The rows: what is written stands, what fails leaves nothing, and no look reads them all."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import outcomes
from bot import store as store_module
from bot.errors import DatabaseInUse, DatabaseTooNew, DatabaseUnreadable, StartError
from bot.errors import StoreUnavailable as Unavailable
from bot.invoice import MAX_FAULTS, Do, Face, Invoice, Priority, State, at_once
from bot.store import GROUP, LANE_FOREIGN, LANE_HELD, Due, Store, Tx
from tests.world import ordinary_rights

T = TypeVar("T")

LIMIT_S = 10.0
CHAT, ASKER = -500, 7
NOW = 1_790_000_000.0
OF_PROCESS = {"taken_at", "patience_s", "say_waiting", "held", "foreign"}


def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@contextlib.asynccontextmanager
async def opened(file: Path) -> AsyncIterator[Store]:
    store = await Store.open(url(file))
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(file: Path) -> AsyncIterator[Store]:
    async with opened(file) as store:
        yield store


def columns(number: int, **changes: Any) -> dict[str, Any]:
    """What a handler writes for command number `number`."""
    preimage = number.to_bytes(32)
    return {
        "origin_chat_id": CHAT,
        "origin_message_id": number,
        "origin_count": 0,
        "chat_id": CHAT,
        "reply_to": number,
        "asker_id": ASKER,
        "asker_name": "Anna",
        "asked_at": NOW + number,
        "amount_msat": 2_100_000,
        "memo": "pizza",
        "expiry_s": 3600,
        "state": State.REQUESTED,
        "payment_hash": hashlib.sha256(preimage).digest(),
        "preimage": preimage,
        "due_at": NOW + number,
        **changes,
    }


async def row(store: Store, number: int = 1, **changes: Any) -> Invoice:
    added, new = await store.do(lambda tx: tx.add(**columns(number, **changes)))
    assert new
    return added


async def read(store: Store, row_id: int) -> Invoice:
    invoice = await store.do(lambda tx: tx.invoice(row_id))
    assert invoice is not None
    return invoice


@contextlib.contextmanager
def looking(file: Path) -> Iterator[sqlite3.Connection]:
    """A second connection, which sees what is committed."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def committed(file: Path) -> int:
    with looking(file) as connection:
        count: int = connection.execute("SELECT count(*) FROM invoices").fetchone()[0]
        return count


class Busy:
    """Keeps the writer in a job, so that what comes meanwhile waits together."""

    def __init__(self, store: Store) -> None:
        self._go = threading.Event()
        self._there = threading.Event()
        self.job = asyncio.ensure_future(store.do(self._stay))

    def _stay(self, _tx: Tx) -> None:
        self._there.set()
        assert self._go.wait(LIMIT_S)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._there.wait, LIMIT_S)

    async def release(self) -> None:
        self._go.set()
        await self.job


# jobs


async def test_an_answer_comes_once_it_is_committed(store: Store, file: Path) -> None:
    for number in (1, 2, 3):
        await row(store, number)
        assert committed(file) == number


@pytest.mark.parametrize(("count", "commits"), [(1, 1), (GROUP, 1), (GROUP + 1, 2)])
async def test_what_waits_together_is_committed_together(
    store: Store, count: int, commits: int
) -> None:
    busy = Busy(store)
    await busy.reached()
    jobs = [asyncio.ensure_future(row(store, number)) for number in range(count)]
    await asyncio.sleep(0)
    seen: list[object] = []
    sa.event.listen(store._engine, "commit", seen.append)
    await busy.release()
    rows = await asyncio.gather(*jobs)
    assert len({each.id for each in rows}) == count
    assert len(seen) == 1 + commits  # the first is that of the job that kept it busy


async def test_a_failing_job_undoes_only_itself(store: Store, file: Path) -> None:
    await row(store, 1)

    def half(tx: Tx) -> None:
        tx.add(**columns(50))
        raise KeyError("a bug")

    def twice(tx: Tx) -> None:
        tx.add(**columns(60))
        tx.add(**columns(61, payment_hash=columns(1)["payment_hash"]))

    busy = Busy(store)
    await busy.reached()
    jobs = [
        asyncio.ensure_future(row(store, 2)),
        asyncio.ensure_future(store.do(half)),
        asyncio.ensure_future(row(store, 3)),
        asyncio.ensure_future(store.do(twice)),
        asyncio.ensure_future(row(store, 4)),
    ]
    await asyncio.sleep(0)
    await busy.release()
    done = await asyncio.gather(*jobs, return_exceptions=True)

    assert [type(each) for each in done] == [
        Invoice,
        KeyError,
        Invoice,
        sa.exc.IntegrityError,
        Invoice,
    ]
    with looking(file) as connection:
        there = connection.execute("SELECT origin_message_id FROM invoices ORDER BY 1").fetchall()
    assert [number for (number,) in there] == [1, 2, 3, 4]


async def test_a_job_whose_caller_has_gone_is_done_all_the_same(store: Store) -> None:
    busy = Busy(store)
    await busy.reached()
    job = asyncio.ensure_future(row(store, 1))
    await asyncio.sleep(0)
    job.cancel()
    other = asyncio.ensure_future(row(store, 2))
    await asyncio.sleep(0)
    await busy.release()
    await other
    assert await store.do(lambda tx: tx.by_origin(CHAT, 1, 0)) is not None


async def test_closing_finishes_what_waits_and_takes_nothing_more(file: Path) -> None:
    store = await Store.open(url(file))
    busy = Busy(store)
    await busy.reached()
    jobs = [asyncio.ensure_future(row(store, number)) for number in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await store.do(lambda tx: tx.invoice(1))
    await busy.release()
    await closing
    assert len(await asyncio.gather(*jobs)) == 5
    assert committed(file) == 5
    assert not file.with_name("bot.db-wal").exists()


# when it can't be written


async def test_a_locked_database_is_unavailable_until_it_is_free(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT_S", 0.05)
    async with opened(file) as store:
        with looking(file) as other:
            other.execute("BEGIN IMMEDIATE")
            jobs = [asyncio.ensure_future(row(store, number)) for number in (1, 2)]
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
            assert [type(each) for each in outcomes] == [Unavailable] * 2
            assert "locked" in outcomes[0].detail  # type: ignore[union-attr]
            other.execute("ROLLBACK")
        assert committed(file) == 0
        await row(store, 1)


async def test_a_lock_that_passes_in_time_is_waited_for(store: Store, file: Path) -> None:
    with looking(file) as other:
        other.execute("BEGIN IMMEDIATE")
        job = asyncio.ensure_future(row(store, 1))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await job


SCRIPT = """
import asyncio, hashlib, os, resource, sys
from bot.errors import StoreUnavailable
from bot.invoice import State
from bot.store import Store

def columns(number):
    preimage = number.to_bytes(32)
    return dict(
        origin_chat_id=1, origin_message_id=number, origin_count=0, chat_id=1, asker_id=1,
        asker_name="A", asked_at=1.0, amount_msat=1, memo="x" * 600, expiry_s=1,
        state=State.OPEN, payment_hash=hashlib.sha256(preimage).digest(), preimage=preimage,
    )

async def add(store, number):
    try:
        await store.do(lambda tx: tx.add(**columns(number)))
    except StoreUnavailable as error:
        return error.detail
    return "written"

async def main(url):
"""


def process(body: str, file: Path, *, wait: bool = True) -> subprocess.Popen[str]:
    """A process of its own that opens the database at `file`."""
    script = SCRIPT + body + "\nasyncio.run(main(sys.argv[1]))\n"
    started = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, url(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        preexec_fn=ordinary_rights,  # noqa: PLW1509 -- one call of the C library
    )
    if wait:
        with started:
            assert started.wait(timeout=30) == 0
    return started


def said(body: str, file: Path) -> list[str]:
    started = process(body, file, wait=False)
    out, _ = started.communicate(timeout=30)
    assert started.returncode == 0, out
    return out.splitlines()


FULL = """
    store = await Store.open(url)
    for number in range(20):
        assert await add(store, number) == "written"
    wal = os.path.getsize(url.removeprefix("sqlite:///") + "-wal")
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 2000, most))
    print(await add(store, 100))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    print(await add(store, 101))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    print(await add(store, 102))
    await store.close()
"""


async def test_a_full_disk_is_unavailable_and_nothing_is_half_written(file: Path) -> None:
    first, second, third = await asyncio.to_thread(said, FULL, file)
    assert {first, second} <= {"disk I/O error", "database or disk is full"}
    assert third == "written"
    with looking(file) as connection:
        there = connection.execute("SELECT origin_message_id FROM invoices ORDER BY 1").fetchall()
    assert [number for (number,) in there] == [*range(20), 102]


READ_ONLY = """
    await (await Store.open(url)).close()
    os.chmod(url.removeprefix("sqlite:///"), 0o444)
    store = await Store.open(url)
    print(await add(store, 100))
    await store.close()
"""


async def test_a_database_that_may_not_be_written_is_unavailable(file: Path) -> None:
    (answer,) = await asyncio.to_thread(said, READ_ONLY, file)
    assert "readonly" in answer


@pytest.mark.parametrize("path", ["/proc/nowhere/bot.db", "/dev/null/bot.db"])
async def test_a_folder_that_can_not_be_made_is_told_in_one_sentence(path: str) -> None:
    with pytest.raises(StartError) as caught:
        await Store.open(f"sqlite:///{path}")
    assert str(Path(path).parent) in caught.value.sentence
    assert "\n" not in caught.value.sentence


# opening


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
        await store.do(lambda tx: tx.set_cursor("node", 9, NOW))
        await store.do(lambda tx: tx.set_forbidden(-3, True, NOW))
        await store.do(lambda tx: tx.set_picture("paid", "file-1"))
    async with opened(file) as store:
        assert [await read(store, each.id) for each in rows] == rows
        assert await store.do(lambda tx: tx.cursor("node")) == 9
        assert await store.do(lambda tx: tx.forbidden()) == {-3}
        assert await store.do(lambda tx: tx.picture("paid")) == "file-1"


KILLED = """
    store = await Store.open(url)
    for number in range(30):
        assert await add(store, number) == "written"
    print("written", flush=True)
    sys.stdin.read()
"""


async def test_what_was_written_survives_a_kill_at_once_afterwards(file: Path) -> None:
    started = process(KILLED, file, wait=False)
    with started:
        assert started.stdout is not None
        assert await asyncio.to_thread(started.stdout.readline) == "written\n"

        with pytest.raises(DatabaseInUse) as caught:
            await Store.open(url(file))
        assert str(started.pid) in caught.value.sentence
        assert str(file) in caught.value.sentence

        started.send_signal(signal.SIGKILL)
    async with opened(file) as store:
        assert len(await store.do(lambda tx: tx.open_hashes(0, 100))) == 30


async def test_the_same_file_is_not_opened_twice_by_whatever_name(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(file):
        (tmp_path / "link.db").symlink_to(file)
        monkeypatch.chdir(tmp_path)
        for name in (url(file), url(tmp_path / "link.db"), "sqlite:///bot.db"):
            with pytest.raises(DatabaseInUse, match=f"process {os.getpid()}"):
                await Store.open(name)
    async with opened(file):
        pass


async def test_a_database_of_a_newer_version_is_refused_and_untouched(file: Path) -> None:
    async with opened(file) as store:
        await row(store)
    with looking(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    with pytest.raises(DatabaseTooNew) as caught:
        await Store.open(url(file))
    assert "newer version" in caught.value.sentence
    assert file.read_bytes() == before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database with rows in it."""
    file = tmp_path_factory.mktemp("whole") / "bot.db"

    async def make() -> None:
        async with opened(file) as store:
            await store.do(lambda tx: [tx.add(**columns(number)) for number in range(20)] and None)

    asyncio.run(make())
    return file.read_bytes()


async def refused(file: Path, content: bytes) -> str:
    """The sentence with which a file is refused; it stays as it is."""
    file.write_bytes(content)
    with pytest.raises(DatabaseUnreadable) as caught:
        await Store.open(url(file))
    assert file.read_bytes() == content
    assert str(file) in caught.value.sentence
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


async def test_a_file_that_is_cut_short_is_refused_and_untouched(file: Path, whole: bytes) -> None:
    page = 4096
    cuts = [1, 15, 16, 50, 99, 100, 101, 512, page - 1, *range(page, len(whole), page)]
    cuts += [len(whole) - page // 2, len(whole) - 1]
    for cut in cuts:
        assert "backup" in await refused(file, whole[:cut]), cut


async def test_a_damaged_file_is_refused_and_untouched(file: Path, whole: bytes) -> None:
    for content in (b"not a database at all\n" * 500, bytes(8192), whole[:100] + bytes(len(whole))):
        assert "backup" in await refused(file, content)
    for page in range(1, len(whole) // 4096):
        holed = bytearray(whole)
        holed[page * 4096 : (page + 1) * 4096] = bytes(4096)
        assert "backup" in await refused(file, bytes(holed)), page


async def test_once_a_backup_is_in_place_it_is_opened(file: Path, whole: bytes) -> None:
    await refused(file, whole[:5000])
    file.write_bytes(whole)
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.by_origin(CHAT, 19, 0)) is not None


async def test_an_emptied_file_with_its_journal_left_is_no_new_database(
    file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    async with opened(file) as store:
        await row(store)
        shutil.copy(file.with_name("bot.db-wal"), copy.with_name("bot.db-wal"))
    copy.write_bytes(b"")
    with pytest.raises(DatabaseUnreadable, match="is empty"):
        await Store.open(url(copy))
    assert copy.read_bytes() == b""
    copy.with_name("bot.db-wal").unlink()
    async with opened(copy):
        pass


async def test_what_is_only_in_the_journal_is_not_taken_for_damage(
    file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    async with opened(file) as store:
        await store.do(lambda tx: [tx.add(**columns(number)) for number in range(50)] and None)
        for name in ("bot.db", "bot.db-wal"):
            shutil.copy(file.with_name(name), copy.with_name(name))
    assert copy.stat().st_size < file.stat().st_size
    async with opened(copy) as store:
        assert await store.do(lambda tx: tx.by_origin(CHAT, 49, 0)) is not None


async def test_another_programs_database_is_refused_and_untouched(file: Path) -> None:
    with looking(file) as connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")
    before = file.read_bytes()
    with pytest.raises(DatabaseUnreadable, match="another program's"):
        await Store.open(url(file))
    assert file.read_bytes() == before


async def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreadable):
        await Store.open(url(tmp_path))


# the schema


AFFINITIES = {"BIGINT": "INTEGER", "BOOLEAN": "INTEGER", "FLOAT": "REAL"}


async def test_the_migrations_make_exactly_the_tables_that_the_store_uses(
    store: Store, file: Path
) -> None:
    with looking(file) as connection:
        made = {
            table: {
                name: (AFFINITIES.get(kind, kind), bool(key))
                for _, name, kind, _, _, key in connection.execute(f"PRAGMA table_info({table})")
            }
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        }
    del made["alembic_version"]
    dialect = sa.create_engine("sqlite://").dialect
    used = {
        table.name: {
            column.name: (
                AFFINITIES.get(kind := column.type.compile(dialect), kind),
                column.primary_key,
            )
            for column in table.columns
        }
        for table in store_module._meta.sorted_tables
    }
    assert made == used


async def test_a_copy_that_the_first_version_knew_is_known(file: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(store_module._MIGRATIONS))
    first = sa.create_engine(f"sqlite:///{file}")
    with first.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        table = sa.Table("invoices", sa.MetaData(), autoload_with=connection)
        empty = {
            c.name: "" if isinstance(c.type, sa.Text) else 0 for c in table.c if not c.nullable
        }
        for number, stray_id in ((1, 102), (2, None)):
            copy = {"id": number, "stray_id": stray_id, "stray_shown": "open"}
            connection.execute(sa.insert(table).values(empty | columns(number) | copy))
    first.dispose()
    async with opened(file) as store:
        assert [(await read(store, number)).strays for number in (1, 2)] == ["102:open", ""]
        assert await store.do(lambda tx: tx.by_message(CHAT, 102)) == await read(store, 1)


async def test_a_column_may_be_empty_where_the_row_says_so_and_nowhere_else(
    store: Store, file: Path
) -> None:
    with looking(file) as connection:
        info = connection.execute("PRAGMA table_info(invoices)").fetchall()
    may_be_empty = {name for _, name, _, not_null, _, key in info if not not_null and not key}
    stored = [each for each in fields(Invoice) if each.name not in OF_PROCESS]
    assert {name for _, name, *_ in info} == {each.name for each in stored}
    assert may_be_empty == {each.name for each in stored if "None" in str(each.type)}


text_ = st.text(st.characters(exclude_categories=["Cs"]), max_size=700)
big = st.integers(-(2**63), 2**63 - 1)
stored_values: dict[str, st.SearchStrategy[Any]] = {
    "int": big,
    "int | None": st.none() | big,
    "str": text_,
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False),
    "float | None": st.none() | st.floats(allow_nan=False),
    "bytes": st.binary(min_size=32, max_size=32),
    "bytes | None": st.none() | st.binary(max_size=32),
    "State": st.sampled_from(State),
    "Face": st.sampled_from(Face),
}
any_columns = st.fixed_dictionaries(
    {
        each.name: stored_values[str(each.type)]
        for each in fields(Invoice)
        if each.name not in OF_PROCESS | {"id"}
    }
)


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=any_columns)
async def test_a_row_is_read_as_it_was_written(store: Store, values: dict[str, Any]) -> None:
    def job(tx: Tx) -> Invoice | None:
        tx._connection.execute(sa.delete(store_module._invoices))
        added, _ = tx.add(**values)
        return tx.invoice(added.id)

    found = await store.do(job)
    assert found is not None
    there = asdict(found)
    assert {name: there[name] for name in values} == values
    assert all(type(there[name]) is type(value) for name, value in values.items())


# one row


async def test_a_command_that_comes_again_meets_its_row(store: Store) -> None:
    first = await row(store, 1)
    again, new = await store.do(lambda tx: tx.add(**columns(1, memo="other", preimage=b"x" * 32)))
    assert (again, new) == (first, False)
    renewal = columns(2) | {"origin_message_id": 1, "origin_count": 1}
    _, new = await store.do(lambda tx: tx.add(**renewal))
    assert new


async def test_a_row_is_found_by_each_of_its_messages(store: Store) -> None:
    mine = await row(store, 1, card_id=100, request_id=101, strays="102: 1103:open")
    await row(store, 2, card_id=200)
    await row(store, 3, chat_id=-9, card_id=100)

    async def found(message_id: int, chat_id: int = CHAT) -> int | None:
        there = await store.do(lambda tx: tx.by_message(chat_id, message_id))
        return there and there.id

    assert [await found(number) for number in (100, 101, 102, 1103, 1)] == [mine.id] * 5
    assert [await found(number) for number in (999, 2, 103)] == [None, 2, None]
    assert await found(101, chat_id=-9) is None


async def test_the_newest_question_of_this_person_in_this_place_is_found(store: Store) -> None:
    asking: dict[str, Any] = {"state": State.ASKING, "amount_msat": None}
    await row(store, 1, **asking)
    newest = await row(store, 2, **asking)
    topic = await row(store, 3, thread_id=5, **asking)
    await row(store, 4, asker_id=8, **asking)
    await row(store, 5)

    async def question(thread_id: int | None, asker_id: int) -> Invoice | None:
        return await store.do(lambda tx: tx.question(CHAT, thread_id, asker_id))

    assert await question(None, ASKER) == newest
    assert await question(5, ASKER) == topic
    assert await question(None, 99) is None


async def test_a_row_is_there_only_if_it_is_still_so(store: Store) -> None:
    mine = await row(store, 1)

    async def still(**expected: Any) -> bool:
        return await store.do(lambda tx: tx.invoice_if(mine.id, **expected)) is not None

    assert await still(state=State.REQUESTED, chat_id=CHAT)
    assert not await still(state=State.OPEN)
    assert await store.do(lambda tx: tx.invoice_if(999, state=State.OPEN)) is None


async def test_a_row_is_updated_only_if_it_is_still_so(store: Store) -> None:
    mine = await row(store, 1)

    async def told_if(row_id: int, **expected: Any) -> Invoice | None:
        return await store.do(lambda tx: tx.update_if(row_id, expected, told=True))

    assert await told_if(mine.id, state=State.OPEN) is None
    assert await told_if(mine.id, due_at=None) is None
    assert await told_if(999, state=State.OPEN) is None
    assert await read(store, mine.id) == mine
    updated = await told_if(mine.id, state=State.REQUESTED, due_at=mine.due_at)
    assert updated == await read(store, mine.id)
    assert updated is not None
    assert updated.told


async def test_an_update_changes_its_columns_only_and_tells_the_row(store: Store) -> None:
    mine = await row(store, 1)
    updated = await store.do(lambda tx: tx.update(mine.id, told=True, card_shown=Face.PAID))
    assert {name for name, value in asdict(updated).items() if value != asdict(mine)[name]} == {
        "told",
        "card_shown",
    }
    assert await read(store, mine.id) == updated


SETTLED: dict[str, Any] = {
    "state": State.SETTLED,
    "preimage": None,
    "paid_msat": 5,
    "settle_index": 3,
    "settled_at": 99,
}


@pytest.mark.parametrize("state", [each for each in State if each is not State.SETTLED])
async def test_a_payment_is_recorded_once_from_whatever_state(store: Store, state: State) -> None:
    mine = await row(store, 1, state=state, faults=MAX_FAULTS, retry_at=NOW, due_at=None, lane=9)
    now = NOW + 50

    def settle(tx: Tx) -> int | None:
        return tx.settle(mine.payment_hash, now=now, **SETTLED)

    assert await store.do(settle) == mine.id
    there = await read(store, mine.id)
    assert (there.state, there.paid_msat, there.settle_index) == (State.SETTLED, 5, 3)
    assert (there.due_at, there.lane) == (at_once(now), Priority.PAID)
    assert (there.faults, there.retry_at) == (0, 0.0)
    await store.do(lambda tx: tx.update(mine.id, told=True, due_at=None))
    assert await store.do(settle) is None
    assert (await read(store, mine.id)).due_at is None


async def test_a_payment_of_another_program_is_no_row(store: Store) -> None:
    assert await store.do(lambda tx: tx.settle(b"?" * 32, now=NOW, **SETTLED)) is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"expires_at": int(NOW) - 1}, State.EXPIRED),
        ({"expires_at": int(NOW) + 1}, State.CANCELLED),
        ({"expires_at": int(NOW) - 1, "cancel_wanted": True}, State.CANCELLED),
    ],
)
async def test_what_the_node_has_canceled_is_expired_or_cancelled(
    store: Store, changes: dict[str, Any], state: State
) -> None:
    mine = await row(store, 1, state=State.OPEN, **changes)
    await store.do(lambda tx: tx.close(mine.id, NOW))
    assert ((there := await read(store, mine.id)).state, there.due_at) == (state, at_once(NOW))


async def test_closing_never_overrides_another_word(store: Store) -> None:
    for number, state in enumerate(each for each in State if each is not State.OPEN):
        mine = await row(store, number, state=state)
        await store.do(lambda tx, mine=mine: tx.close(mine.id, NOW))
        assert await read(store, mine.id) == mine
    await store.do(lambda tx: tx.close(999, NOW))


# what is due


def ids(rows: list[Invoice]) -> list[int]:
    return [each.id for each in rows]


async def test_due_rows_come_by_lane_then_by_time_and_no_more_of_each_than_asked(
    store: Store,
) -> None:
    late = await row(store, 1, lane=Priority.NEW, due_at=NOW - 1)
    early = await row(store, 2, lane=Priority.NEW, due_at=NOW - 9)
    expired = await row(store, 3, lane=Priority.EXPIRED, due_at=NOW - 99)
    urgent = await row(store, 4, lane=Priority.PAID, due_at=NOW)
    await row(store, 5, lane=Priority.PAID, due_at=NOW + 30)
    await row(store, 6, lane=Priority.EXPIRED, due_at=NOW + 20)
    await row(store, 7, lane=LANE_HELD, due_at=NOW - 5)
    await row(store, 8, lane=LANE_FOREIGN, due_at=NOW - 5)
    await row(store, 9, due_at=None)

    async def due(limit: int, *lanes: int) -> Due:
        return await store.do(lambda tx: tx.due(lanes or list(Priority), NOW, limit=limit))

    in_order = [urgent, early, late, expired]
    assert await due(64) == (in_order, False, NOW + 20)
    assert await due(2) == (in_order, True, NOW + 20)
    assert await due(1) == ([urgent, early, expired], True, NOW + 20)
    assert await due(64, Priority.PAID, Priority.NEW) == (in_order[:3], False, NOW + 30)
    assert await due(64, Priority.CANCELLED) == ([], False, None)


async def test_crowded_chats_are_left_out_of_what_is_due(store: Store) -> None:
    for number in range(10):
        await row(store, number, chat_id=-1, due_at=NOW - 20)
    other = await row(store, 20, chat_id=-2, due_at=NOW - 1)
    elsewhere = await row(store, 30, chat_id=-1, lane=Priority.PAID, due_at=NOW)
    crowded = [(int(Priority.NEW), -1), (int(Priority.NEW), -3)]
    found = await store.do(lambda tx: tx.due(list(Priority), NOW, limit=5, but=crowded))
    assert ids(found.rows) == [elsewhere.id, other.id]


async def test_waking_makes_due_only_what_waits_for_its_next_try(store: Store) -> None:
    waits = await row(store, 1, due_at=NOW + 50, retry_at=NOW + 50)
    expires = await row(store, 2, due_at=NOW + 50)
    rests = await row(store, 3, due_at=None, retry_at=NOW + 50)
    held = await row(store, 4, due_at=None, lane=LANE_HELD, retry_at=NOW + 50)
    stuck = await row(store, 5, due_at=NOW - 1, retry_at=NOW - 50, faults=MAX_FAULTS)
    await store.do(lambda tx: tx.wake(NOW))
    there = await read(store, waits.id)
    assert (there.due_at, there.retry_at) == (at_once(NOW), 0.0)
    for each in (expires, rests, held, stuck):
        assert await read(store, each.id) == each


async def test_stuck_rows_get_another_chance(store: Store) -> None:
    late = {"retry_at": NOW - 50, "due_at": None}
    stuck = await row(store, 1, faults=MAX_FAULTS, attempts=10, **late)
    trying = await row(store, 2, faults=MAX_FAULTS - 1, **late)
    assert await store.do(lambda tx: tx.unstick(NOW)) == 1
    there = await read(store, stuck.id)
    assert (there.faults, there.attempts, there.due_at) == (0, 0, at_once(NOW))
    assert await read(store, trying.id) == trying


async def test_open_rows_come_in_pages_without_those_of_other_nodes(store: Store) -> None:
    rows = [await row(store, number, state=State.OPEN) for number in range(7)]
    await row(store, 10, state=State.OPEN, lane=LANE_FOREIGN)
    await row(store, 11, state=State.SETTLED)
    found: list[tuple[int, bytes]] = []
    while page := await store.do(
        lambda tx, after=found[-1][0] if found else 0: tx.open_hashes(after, 3)
    ):
        assert len(page) <= 3
        found += page
    assert found == [(each.id, each.payment_hash) for each in rows]


async def test_what_somebody_asked_for_is_counted(store: Store) -> None:
    for number, changes in enumerate(
        [
            {"asked_at": NOW - 10},
            {"asked_at": NOW},
            {"asked_at": NOW + 5, "chat_id": -2},
            {"asked_at": NOW, "amount_msat": None, "state": State.ASKING},
            {"asked_at": NOW, "asker_id": 8, "state": State.OPEN},
            {"asked_at": NOW, "asker_id": 8, "state": State.EXPIRED},
        ]
    ):
        await row(store, number, **changes)  # type: ignore[arg-type]
    question = await store.do(lambda tx: tx.question(CHAT, None, ASKER))
    assert question is not None
    assert await store.do(lambda tx: tx.asked_since(ASKER, NOW)) == 3
    assert await store.do(lambda tx: tx.asked_since(ASKER, NOW, but_row=question.id)) == 2
    assert await store.do(lambda tx: tx.asked_since(ASKER, NOW - 10)) == 4
    assert await store.do(lambda tx: tx.open_in_chat(CHAT)) == 3


async def test_the_latest_come_newest_first_in_one_chat_or_all(store: Store) -> None:
    first = await row(store, 1, asked_at=NOW)
    third = await row(store, 2, asked_at=NOW + 2)
    second = await row(store, 3, asked_at=NOW + 1, chat_id=-2)
    same = await row(store, 4, asked_at=NOW + 2)
    await row(store, 5, asker_id=8)
    await row(store, 6, amount_msat=None, state=State.ASKING)

    async def latest(chat_id: int | None, limit: int) -> list[int]:
        return ids(await store.do(lambda tx: tx.latest(ASKER, chat_id, limit)))

    assert await latest(None, 10) == [same.id, third.id, second.id, first.id]
    assert await latest(None, 2) == [same.id, third.id]
    assert await latest(CHAT, 10) == [same.id, third.id, first.id]
    assert await latest(-7, 10) == []


async def test_only_what_needs_nothing_any_more_is_pruned_a_few_at_a_time(store: Store) -> None:
    old: dict[str, Any] = {"asked_at": NOW - 100, "due_at": None}
    done = [await row(store, n, state=State.SETTLED, **old) for n in range(5)]
    done.append(await row(store, 5, state=State.EXPIRED, **old, lane=LANE_HELD))
    kept = [
        await row(store, 10, state=State.OPEN, **old),
        await row(store, 11, state=State.REQUESTED, **old),
        await row(store, 12, state=State.SETTLED, asked_at=NOW - 100, due_at=NOW),
        await row(store, 13, state=State.SETTLED, asked_at=NOW, due_at=None),
    ]
    assert await store.do(lambda tx: tx.prune(NOW, 4)) == 4
    assert await store.do(lambda tx: tx.prune(NOW, 4)) == 2
    assert await store.do(lambda tx: tx.prune(NOW, 4)) == 0
    assert [await store.do(lambda tx, i=each.id: tx.invoice(i)) for each in done] == [None] * 6
    assert [await read(store, each.id) for each in kept] == kept


async def test_the_payment_that_each_node_told_last_is_never_pruned(store: Store) -> None:
    old: dict[str, Any] = {"state": State.SETTLED, "asked_at": NOW - 100, "due_at": None}
    for number, node_id in enumerate(["a", "b", "a", "b"], 1):
        await row(store, number, node_id=node_id, settle_index=number, settled_at=number, **old)
        await store.do(lambda tx, i=number, n=node_id: tx.set_cursor(n, i, NOW))
    assert await store.do(lambda tx: tx.prune(NOW, 100)) == 2
    assert await store.do(lambda tx: tx.prune(NOW, 100)) == 0
    for node_id, index in (("a", 3), ("b", 4)):
        newest = await store.do(lambda tx, n=node_id: tx.newest_settled(n))
        assert newest is not None
        assert newest.settle_index == index


# the node


async def test_a_cursor_belongs_to_its_node(store: Store) -> None:
    assert await store.do(lambda tx: tx.cursor("a")) == 0
    for index in (5, 9, 0):
        await store.do(lambda tx, index=index: tx.set_cursor("a", index, NOW))
        assert await store.do(lambda tx: tx.cursor("a")) == index
    assert await store.do(lambda tx: tx.cursor("b")) == 0


async def test_a_payment_and_its_cursor_are_written_together_or_not_at_all(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN)

    def fails(tx: Tx) -> None:
        tx.settle(mine.payment_hash, now=NOW, **SETTLED)
        tx.set_cursor("a", 3, NOW)
        raise KeyError

    with pytest.raises(KeyError):
        await store.do(fails)
    assert await read(store, mine.id) == mine
    assert await store.do(lambda tx: tx.cursor("a")) == 0


async def test_the_newest_settled_row_is_this_nodes(store: Store) -> None:
    await row(store, 1, node_id="a", settle_index=1, settled_at=50)
    newest = await row(store, 2, node_id="a", settle_index=3, settled_at=60)
    await row(store, 3, node_id="a", settle_index=2, settled_at=60)
    await row(store, 4, node_id="b", settle_index=9, settled_at=99)
    await row(store, 5, node_id="a", settled_at=99)
    assert await store.do(lambda tx: tx.newest_settled("a")) == newest
    assert await store.do(lambda tx: tx.newest_settled("c")) is None


async def test_open_rows_of_another_node_are_set_aside_until_it_is_back(store: Store) -> None:
    theirs = await row(store, 1, state=State.OPEN, node_id="a")
    nobodys = await row(store, 2, state=State.OPEN)
    closed = await row(store, 3, state=State.EXPIRED, node_id="a")

    assert await store.do(lambda tx: tx.part_nodes("b", NOW)) == 1
    assert await store.do(lambda tx: tx.part_nodes("b", NOW)) == 0
    aside = await read(store, theirs.id)
    assert (aside.lane, aside.due_at) == (LANE_FOREIGN, None)
    assert await read(store, nobodys.id) == replace(nobodys, node_id="b")
    assert await read(store, closed.id) == closed

    assert await store.do(lambda tx: tx.part_nodes("a", NOW + 5)) == 1  # what is of "b" now
    back = await read(store, theirs.id)
    assert (back.lane, back.due_at) == (Priority.EXPIRED, at_once(NOW + 5))


# chats

SHOWN: dict[str, Any] = {
    "card_id": 100,
    "card_shown": Face.OPEN,
    "request_id": 101,
    "request_shown": Face.OPEN,
    "request_apart": True,
    "strays": "102:open",
    "sending": "send card",
}


SHOWN_PAID: dict[str, Any] = {"card_id": 100, "card_shown": Face.PAID}


async def test_a_group_that_moves_takes_its_rows_along_and_open_ones_are_shown_afresh(
    store: Store,
) -> None:
    mine = await row(store, 1, state=State.OPEN, lane=Priority.EXPIRED, **SHOWN)
    elsewhere = await row(store, 2, chat_id=-9, state=State.OPEN, **SHOWN)
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))

    there = await read(store, mine.id)
    assert (there.chat_id, there.reply_to) == (-1000, None)
    assert (there.card_id, there.request_id, there.strays) == (None, None, "")
    assert (there.card_shown, there.request_shown, there.sending) == (Face.NOTHING, "", "")
    assert (there.due_at, there.lane) == (at_once(NOW), Priority.NEW)
    assert (there.origin_chat_id, there.origin_message_id) == (CHAT, 1)
    assert await read(store, elsewhere.id) == elsewhere
    assert await store.do(lambda tx: tx.moves()) == {CHAT: -1000}


async def test_what_is_done_is_not_shown_again_where_the_group_moved_to(store: Store) -> None:
    done = {**SHOWN, "state": State.EXPIRED, "card_shown": Face.EXPIRED, "sending": ""}
    mine = await row(store, 1, **done, due_at=None)
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))
    there = await read(store, mine.id)
    assert (there.chat_id, there.due_at, there.card_shown) == (-1000, None, Face.EXPIRED)
    # message 100 is somebody else's in the new group
    assert await store.do(lambda tx: tx.by_message(-1000, 100)) is None


async def test_a_notice_that_was_on_its_way_when_its_group_moved_may_have_been_told(
    store: Store,
) -> None:
    mine = await row(store, 1, state=State.SETTLED, sending=Do.TELL)
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))
    left = outcomes.left_behind(await read(store, mine.id))  # after a kill
    assert left == {"sending": "", "unsure": Do.TELL}


@pytest.mark.parametrize("outcome", [{"told": True}, {"unsure": "tell"}])
async def test_a_notice_that_was_told_as_its_group_moved_was_told(
    store: Store, outcome: dict[str, Any]
) -> None:
    mine = await row(store, 1, state=State.SETTLED, sending=Do.TELL, **SHOWN_PAID)
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))
    columns = {**outcome, "sending": "", "due_at": None}
    there, written = await store.do(lambda tx: outcomes.record(tx, mine, Do.TELL, columns, now=NOW))
    assert not written
    assert {name: getattr(there, name) for name in outcome} == outcome
    assert (there.sending, there.card_id, there.due_at) == ("", None, at_once(NOW))


async def test_what_was_shown_as_its_group_moved_is_void(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, sending=Do.SEND_CARD)
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))
    columns = {"card_id": 100, "card_shown": Face.OPEN, "unsure": "send card", "sending": ""}
    there, written = await store.do(
        lambda tx: outcomes.record(tx, mine, Do.SEND_CARD, columns, now=NOW)
    )
    assert not written
    assert (there.card_id, there.card_shown, there.unsure) == (None, Face.NOTHING, "")


async def test_a_card_that_was_sent_while_it_was_paid_has_still_to_be_edited(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, sending=Do.SEND_CARD)
    paid = {"state": State.SETTLED, "paid_msat": 2_100_000}
    await store.do(lambda tx: tx.settle(mine.payment_hash, now=NOW, **paid))
    sent = {"card_id": 100, "card_shown": Face.OPEN, "sending": "", "due_at": None, "lane": 3}
    there, written = await store.do(
        lambda tx: outcomes.record(tx, mine, Do.SEND_CARD, sent, now=NOW)
    )
    assert written
    assert (there.card_id, there.card_shown) == (100, Face.OPEN)
    assert (there.state, there.due_at, there.lane) == (State.SETTLED, at_once(NOW), Priority.PAID)


async def test_a_copy_that_was_pressed_while_another_was_edited_is_edited_too(
    store: Store,
) -> None:
    done = {"state": State.CANCELLED, "card_id": 100, "card_shown": Face.CANCELLED}
    mine = await row(store, 1, strays="102:", **done)
    both = mine.with_stray(103, Face.NOTHING)
    await store.do(lambda tx: tx.update(mine.id, strays=both, due_at=at_once(NOW)))
    edited = {"strays": mine.with_stray(102, Face.CANCELLED), "sending": "", "due_at": None}
    there, written = await store.do(
        lambda tx: outcomes.record(tx, mine, Do.EDIT_STRAY, edited, now=NOW)
    )
    assert not written
    assert (there.strays, there.due_at) == ("102: 103:", at_once(NOW))


async def test_another_nodes_row_stays_aside_when_its_group_moves(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, lane=LANE_FOREIGN, due_at=None, **SHOWN)
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))
    there = await read(store, mine.id)
    assert (there.chat_id, there.lane, there.due_at) == (-1000, LANE_FOREIGN, None)
    assert there.card_shown is Face.NOTHING


async def test_a_group_that_moves_twice_is_followed(store: Store) -> None:
    mine = await row(store, 1)
    for old, new in ((CHAT, -1000), (-1000, -2000), (CHAT, -1000)):
        await store.do(lambda tx, old=old, new=new: tx.move_chat(old, new, NOW))
    assert (await read(store, mine.id)).chat_id == -2000
    assert await store.do(lambda tx: tx.moves()) == {CHAT: -1000, -1000: -2000}


async def test_a_chat_off_hold_has_its_rows_due(store: Store) -> None:
    held = await row(store, 1, lane=LANE_HELD, due_at=None, retry_at=NOW + 50)
    other = await row(store, 2, chat_id=-9, lane=LANE_HELD, due_at=None)
    await store.do(lambda tx: tx.set_forbidden(CHAT, True, NOW))
    await store.do(lambda tx: tx.set_forbidden(-9, True, NOW))
    assert await store.do(lambda tx: tx.forbidden()) == {CHAT, -9}
    assert await store.do(lambda tx: (tx.is_forbidden(CHAT), tx.is_forbidden(-3))) == (True, False)

    await store.do(lambda tx: tx.set_forbidden(CHAT, False, NOW))
    assert await store.do(lambda tx: tx.forbidden()) == {-9}
    there = await read(store, held.id)
    assert (there.lane, there.due_at, there.retry_at) == (Priority.NEW, at_once(NOW), 0.0)
    assert await read(store, other.id) == other


async def test_a_chat_keeps_its_hold_and_its_move_apart(store: Store) -> None:
    await store.do(lambda tx: tx.set_forbidden(CHAT, True, NOW))
    await store.do(lambda tx: tx.move_chat(CHAT, -1000, NOW))
    assert await store.do(lambda tx: (tx.forbidden(), tx.moves())) == ({CHAT}, {CHAT: -1000})
    await store.do(lambda tx: tx.set_forbidden(CHAT, False, NOW))
    assert await store.do(lambda tx: (tx.forbidden(), tx.moves())) == (set(), {CHAT: -1000})


async def test_a_hint_is_said_again_only_after_its_time(store: Store) -> None:
    async def claim(now: float, kind: str = "late", subject: int = 1) -> bool:
        return await store.do(lambda tx: tx.claim_hint(kind, subject, now=now, every_s=60))

    assert [await claim(NOW + after) for after in (0, 1, 59, 60, 61, 120)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]
    assert await claim(NOW, "stranger")
    assert await claim(NOW, subject=2)
    # the clock was far ahead when it was said last
    assert await claim(NOW - 5000)
    assert not await claim(NOW - 4990)
    await store.do(lambda tx: tx.prune_hints(NOW - 4000))
    assert await claim(NOW - 4989)


async def test_a_pictures_number_is_remembered_exchanged_and_forgotten(store: Store) -> None:
    for file_id in ("one", "two", None, "three"):
        await store.do(lambda tx, file_id=file_id: tx.set_picture("paid", file_id))
        assert await store.do(lambda tx: tx.picture("paid")) == file_id
    assert await store.do(lambda tx: tx.picture("expired")) is None


# what it costs

LOOKS: dict[str, Callable[[Tx], object]] = {
    "invoice": lambda tx: tx.invoice(3),
    "by_hash": lambda tx: tx.by_hash(b"?" * 32),
    "by_origin": lambda tx: tx.by_origin(CHAT, 10**9, 0),
    "answered": lambda tx: tx.answered(CHAT, 10**9),
    "by_message": lambda tx: tx.by_message(CHAT, 10**9),
    "question": lambda tx: tx.question(CHAT, None, ASKER),
    "update": lambda tx: tx.update(3, told=True),
    "settle": lambda tx: tx.settle(b"?" * 32, now=NOW, state=State.SETTLED),
    "close": lambda tx: tx.close(3, NOW),
    "due": lambda tx: tx.due(list(Priority), NOW, limit=64),
    "due elsewhere": lambda tx: tx.due(list(Priority), NOW, limit=64, but=[(2, -1), (2, -2)]),
    "open_hashes": lambda tx: tx.open_hashes(0, 20),
    "wake": lambda tx: tx.wake(NOW),
    "unstick": lambda tx: tx.unstick(NOW),
    "asked_since": lambda tx: tx.asked_since(ASKER, NOW + 10**6),
    "open_in_chat": lambda tx: tx.open_in_chat(CHAT),
    "latest": lambda tx: tx.latest(ASKER, None, 10),
    "latest here": lambda tx: tx.latest(ASKER, CHAT, 10),
    "prune": lambda tx: tx.prune(NOW, 100),
    "newest_settled": lambda tx: tx.newest_settled("a"),
    "last_node": lambda tx: tx.last_node(),
    "part_nodes": lambda tx: tx.part_nodes("a", NOW),
    "set_forbidden": lambda tx: tx.set_forbidden(-1, False, NOW),
    "move_chat": lambda tx: tx.move_chat(-1, -2, NOW),
    "claim_hint": lambda tx: tx.claim_hint("late", 1, now=NOW, every_s=60),
}


def done(number: int) -> dict[str, Any]:
    """A row that was paid and told, as most are."""
    return columns(
        number,
        state=State.SETTLED,
        due_at=None,
        node_id="a",
        settle_index=number,
        settled_at=int(NOW) + number,
        card_id=10_000 + number,
        reply_to=number,
    )


def work_of(look: Callable[[Tx], object]) -> Callable[[Tx], int]:
    """How many steps SQLite's machine takes for it; then it is undone."""

    def job(tx: Tx) -> int:
        raw = tx._connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        steps = itertools.count()
        raw.set_progress_handler(lambda: next(steps) and 0, 1)
        try:
            look(tx)
        finally:
            raw.set_progress_handler(None, 0)
        return next(steps)

    return job


async def test_work_does_not_grow_with_the_rows_that_are_done(store: Store) -> None:
    async def cost() -> dict[str, int]:
        return {name: await store.do(work_of(look)) for name, look in LOOKS.items()}

    number = itertools.count(1)

    async def fill(count: int) -> None:
        await store.do(lambda tx: [tx.add(**done(next(number))) for _ in range(count)] and None)

    await fill(100)
    await cost()
    few = await cost()
    await fill(1900)
    many = await cost()
    grown = {name: (few[name], many[name]) for name in LOOKS if many[name] > few[name] + 20}
    assert not grown


async def test_every_look_goes_through_an_index(store: Store, file: Path) -> None:
    """In rows of every kind: due and not, open and done."""
    kinds: list[dict[str, Any]] = [
        done(0),
        columns(0, state=State.OPEN, lane=Priority.EXPIRED),
        columns(0, due_at=NOW - 5),
    ]

    def fill(tx: Tx) -> None:
        for number in range(300):
            own = columns(number + 1)
            kind = kinds[number % 3]
            tx.add(
                **{**kind, **{name: own[name] for name in ("origin_message_id", "payment_hash")}}
            )

    await store.do(fill)
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    sa.event.listen(store._engine, "before_cursor_execute", note)
    plans: dict[str, list[str]] = {}
    with looking(file) as connection:
        for name, look in LOOKS.items():
            asked.clear()
            await store.do(look)
            plans[name] = [
                line
                for statement, parameters in asked
                if statement.split()[0] in ("SELECT", "UPDATE", "DELETE")
                for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
    assert all(plans.values())
    assert {name: plan for name, plan in plans.items() if "SCAN invoices" in " ".join(plan)} == {}
    in_order = ("due", "due elsewhere", "open_hashes", "latest", "latest here", "prune")
    assert {name: plans[name] for name in in_order if "TEMP B-TREE" in " ".join(plans[name])} == {}
