"""A database that is moved: from a file to a server and back nothing is lost, and nothing mixed."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.config import DatabaseSettings
from bot.core.wishes import MoveProblem
from bot.errors import (
    DatabaseHalfMoved,
    DatabaseInUse,
    DatabaseTooOld,
    MoveFailed,
    MoveRefused,
    StoreUnavailable,
)
from bot.findings import Kind, Mark
from bot.store import Reader, Store, Tx, is_moved, running
from bot.store.check import check_database
from bot.store.copying import TABLES
from bot.store.inbox import Delivered
from bot.store.move import move
from bot.store.sqlite import half_moved
from tests import postgres
from tests.postgres import Cluster
from tests.store.made import CHAT, LIMIT_S, NOW, columns, leading, row
from tests.store.made import url as url_of_file
from tests.ways import COMMIT, Way

ROWS = 1201  # more than two steps


@pytest.fixture
def server(cluster: Cluster) -> Iterator[str]:
    with postgres.database(cluster) as name:
        yield cluster.url(name)


def said(_table: str, _copied: int, _whole: int) -> None:
    """Nobody listens."""


def nothing() -> None:
    """Nothing else happens."""


def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    def job(tx: Tx) -> dict[str, list[tuple[object, ...]]]:
        read = tx.invoices._connection.execute
        return {
            table.name: [
                tuple(each) for each in read(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in TABLES
        }

    return Reader(url).do(job)


async def filled(url: str) -> None:
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        made = [columns(number, memo=f"päckchen {number} ⚡") for number in range(ROWS)]
        for first in range(0, ROWS, 100):
            some = made[first : first + 100]
            await store.do(lambda tx, some=some: [tx.invoices.add(**each) for each in some])
        await store.beat(NOW)
        await store.do(lambda tx: tx.chats.move(-1, -2, NOW))
    finally:
        await store.close()


async def next_number(url: str) -> int:
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        return (await row(store, 10**6)).id
    finally:
        await store.close()


async def test_there_and_back_every_row_is_what_it_was(file: Path, server: str) -> None:
    await filled(url_of_file(file))
    there = everything(url_of_file(file))
    states: list[tuple[str, int, int]] = []
    moved = await asyncio.to_thread(
        move, url_of_file(file), server, tell=lambda *state: states.append(state), seal=nothing
    )
    assert moved == sum(map(len, there.values()))
    assert everything(server) == there
    assert all(copied <= whole for _, copied, whole in states)
    back = file.with_name("back.db")
    await asyncio.to_thread(move, server, url_of_file(back), tell=said, seal=nothing)
    assert everything(url_of_file(back)) == there
    highest = ROWS  # numbers are drawn from 1 on
    assert await next_number(server) > highest
    assert await next_number(url_of_file(back)) > highest


async def made(url: str) -> None:
    async with leading(url) as store:
        await row(store, 1)


async def test_what_holds_something_is_no_target_and_stays_as_it_is(
    file: Path, server: str
) -> None:
    await filled(server)
    before = everything(server)
    await made(url_of_file(file))
    for source, target in ((url_of_file(file), server), (server, url_of_file(file))):
        with pytest.raises(MoveRefused) as caught:
            await asyncio.to_thread(move, source, target, tell=said, seal=nothing)
        assert caught.value.values["problem"] == MoveProblem.HOLDS_SOMETHING
    assert everything(server) == before
    assert file.exists()


@pytest.mark.parametrize(
    # a file that a bot has open is there, and so no target
    ("busy", "to_server"),
    [("source", True), ("target", True), ("source", False)],
)
async def test_nothing_is_moved_while_a_bot_runs_on_either(
    file: Path, server: str, busy: str, to_server: bool
) -> None:
    await made(url_of_file(file))
    source, target = url_of_file(file), server
    if not to_server:
        source, target = server, url_of_file(file.with_name("new.db"))
    bot = await Store.open(source if busy == "source" else target)
    try:
        assert await bot.lead(asyncio.Event())
        with pytest.raises(DatabaseInUse):
            await asyncio.to_thread(move, source, target, tell=said, seal=nothing)
    finally:
        await bot.close()
    assert not file.with_name("new.db").exists()


async def test_where_there_is_nothing_nothing_is_moved(file: Path, server: str) -> None:
    with pytest.raises(MoveRefused) as caught:
        await asyncio.to_thread(move, url_of_file(file), server, tell=said, seal=nothing)
    assert caught.value.values["problem"] == MoveProblem.MISSING
    assert list(file.parent.iterdir()) == []


def tree(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, byte for byte."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


async def refused(source: str, target: str, problem: MoveProblem) -> MoveRefused:
    """Why nothing is moved."""
    with pytest.raises(MoveRefused) as caught:
        await asyncio.to_thread(move, source, target, tell=said, seal=nothing)
    assert caught.value.values["problem"] == problem
    return caught.value


async def test_what_holds_something_is_named_and_not_what_was_to_be_moved(
    file: Path, cluster: Cluster
) -> None:
    await made(url_of_file(file))
    other = file.with_name("other.db")
    await made(url_of_file(other))
    with postgres.database(cluster) as one:
        await made(cluster.url(one))
        error = await refused(url_of_file(file), cluster.url(one), MoveProblem.HOLDS_SOMETHING)
        assert str(error.values["path"]).endswith(f"/{one}")
        error = await refused(cluster.url(one), url_of_file(file), MoveProblem.HOLDS_SOMETHING)
        assert error.values["path"] == str(file)
    error = await refused(url_of_file(file), url_of_file(other), MoveProblem.HOLDS_SOMETHING)
    assert error.values["path"] == str(other)


@pytest.mark.parametrize("content", [None, b""])
async def test_a_file_with_nothing_in_it_is_not_moved_and_stays_as_it_is(
    file: Path, content: bytes | None
) -> None:
    if content is not None:
        file.write_bytes(content)
    before = tree(file.parent)
    await refused(url_of_file(file), url_of_file(file.with_name("new.db")), MoveProblem.MISSING)
    assert tree(file.parent) == before


async def test_a_database_without_a_row_is_not_moved_and_stays_as_it_is(
    file: Path, empty: bytes, server: str
) -> None:
    file.write_bytes(empty)
    before = tree(file.parent)
    new = url_of_file(file.with_name("new.db"))
    await refused(url_of_file(file), new, MoveProblem.EMPTY)
    await refused(server, new, MoveProblem.EMPTY)
    assert tree(file.parent) == before


def tables(cluster: Cluster, name: str) -> int:
    """How many a database of the server's has."""
    with cluster.admin(name) as admin:
        found = admin.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        (number,) = found.fetchone() or (0,)
    return int(str(number))


async def test_a_servers_database_without_tables_is_not_moved_and_gets_none(
    file: Path, cluster: Cluster
) -> None:
    with postgres.database(cluster, template="template0") as name:
        await refused(cluster.url(name), url_of_file(file), MoveProblem.MISSING)
        assert tables(cluster, name) == 0
    assert list(file.parent.iterdir()) == []


async def test_a_database_of_an_older_version_is_not_moved_and_not_changed(
    file: Path, server: str
) -> None:
    for url in (url_of_file(file), server):
        async with leading(url) as store:
            await row(store, 1)
            await store.do(older)
    before = tree(file.parent)
    new = url_of_file(file.with_name("new.db"))
    for url in (url_of_file(file), server):
        with pytest.raises(DatabaseTooOld):
            await asyncio.to_thread(move, url, new, tell=said, seal=nothing)
    assert tree(file.parent) == before


def older(tx: Tx) -> None:
    tx.invoices._connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))


async def test_what_was_moved_is_byte_for_byte_what_it_was_also_what_a_killed_bot_left(
    file: Path, server: str
) -> None:
    store = await Store.open(url_of_file(file))
    await row(store, 1)
    left = tree(file.parent)  # as a kill would leave it
    await store.close()
    folder = file.parent / "left"
    folder.mkdir()
    for name in ("bot.db", "bot.db-wal", "bot.db-shm"):
        (folder / name).write_bytes(left[name])
    assert left["bot.db-wal"]
    await asyncio.to_thread(move, url_of_file(folder / "bot.db"), server, tell=said, seal=nothing)
    after = tree(folder)
    assert set(after) == {"bot.db", "bot.db-wal", "bot.db-shm"}
    for name in ("bot.db", "bot.db-wal"):
        assert after[name] == left[name]
    assert len(everything(server)["invoices"]) == 1


async def test_one_file_by_two_names_is_not_moved_into_itself(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(url_of_file(file))
    before = tree(file.parent)
    link = file.parent / "folder"
    link.symlink_to(file.parent)
    named = file.parent / "named.db"
    named.symlink_to(file)
    monkeypatch.chdir(file.parent)
    for other in (link / file.name, named, Path(file.name), Path("folder") / ".." / file):
        await refused(url_of_file(file), url_of_file(other), MoveProblem.SAME)
        await refused(url_of_file(other), url_of_file(file), MoveProblem.SAME)
    link.unlink()
    named.unlink()
    assert tree(file.parent) == before


async def test_one_database_of_a_server_by_two_addresses_is_not_moved_into_itself(
    cluster: Cluster, server: str
) -> None:
    await made(server)
    name = server.rpartition("/")[2]
    by_socket = f"postgresql://postgres@/{name}?host={cluster.folder}&port={cluster.port}"
    by_name = f"postgresql://postgres@localhost:{cluster.port}/{name}"
    for other in (by_socket, by_name, f"{server}?application_name=other"):
        await refused(server, other, MoveProblem.SAME)
        await refused(other, server, MoveProblem.SAME)
    assert len(everything(server)["invoices"]) == 1


async def test_a_server_that_is_kept_from_writing_can_be_moved_from(
    file: Path, cluster: Cluster, server: str
) -> None:
    await made(server)
    name = server.rpartition("/")[2]
    with cluster.admin() as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    moved = await asyncio.to_thread(move, server, url_of_file(file), tell=said, seal=nothing)
    assert moved == 1


# what is cut short


def broken_at(number: int) -> Callable[[str, int, int], None]:
    """Ends a move at that line of what is told, as a signal does."""
    told = 0

    def tell(_table: str, _copied: int, _whole: int) -> None:
        nonlocal told
        told += 1
        if told == number:
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_move_that_fails_leaves_no_file(file: Path, server: str, number: int) -> None:
    await filled(server)
    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(
            move, server, url_of_file(file), tell=broken_at(number), seal=nothing
        )
    assert list(file.parent.iterdir()) == []
    await asyncio.to_thread(move, server, url_of_file(file), tell=said, seal=nothing)
    assert everything(url_of_file(file)) == everything(server)


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_move_that_fails_leaves_no_table(file: Path, cluster: Cluster, number: int) -> None:
    await filled(url_of_file(file))
    with postgres.database(cluster, template="template0") as name:
        url = cluster.url(name)
        with pytest.raises(KeyboardInterrupt):
            await asyncio.to_thread(
                move, url_of_file(file), url, tell=broken_at(number), seal=nothing
            )
        assert tables(cluster, name) == 0
        await asyncio.to_thread(move, url_of_file(file), url, tell=said, seal=nothing)
        assert everything(url) == everything(url_of_file(file))


async def test_a_connection_that_is_lost_on_the_way_leaves_nothing(
    file: Path, cluster: Cluster
) -> None:
    await filled(url_of_file(file))
    new = file.with_name("new.db")
    with postgres.database(cluster, template="template0") as name:
        async with Way(cluster.port) as way:
            url = cluster.url(name, port=way.port)
            way.cut_before = b"INSERT INTO invoices"
            await refused(url_of_file(file), url, MoveProblem.STOPPED)
            assert tables(cluster, name) == 0
            await asyncio.to_thread(move, url_of_file(file), url, tell=said, seal=nothing)
            way.cut_before = b"FROM invoices ORDER BY"
            await refused(url, url_of_file(new), MoveProblem.STOPPED)
        assert not [each for each in file.parent.iterdir() if each.name.startswith("new")]


async def test_a_last_step_without_an_answer_is_asked_for(file: Path, cluster: Cluster) -> None:
    await filled(url_of_file(file))
    there = everything(url_of_file(file))
    with postgres.database(cluster, template="template0") as name:
        async with Way(cluster.port) as way:
            url = cluster.url(name, port=way.port)
            way.cut_before = COMMIT
            await refused(url_of_file(file), url, MoveProblem.STOPPED)
            assert tables(cluster, name) == 0
            way.cut_after = COMMIT
            moved = await asyncio.to_thread(move, url_of_file(file), url, tell=said, seal=nothing)
        assert moved == sum(map(len, there.values()))
        assert everything(cluster.url(name)) == there


async def test_what_a_killed_move_left_is_taken_for_no_database_and_replaced_by_the_next(
    file: Path, server: str
) -> None:
    await made(server)
    part = half_moved(file)
    part.write_bytes(b"SQLite format 3\0" + bytes(4096))
    part.with_name(part.name + "-wal").write_bytes(b"what is left")
    with pytest.raises(DatabaseHalfMoved):
        await Store.open(url_of_file(file))
    with pytest.raises(DatabaseHalfMoved):
        Reader(url_of_file(file))
    (finding,) = check_database(DatabaseSettings(url=url_of_file(file)))
    assert finding.mark == Mark.BAD
    await asyncio.to_thread(move, server, url_of_file(file), tell=said, seal=nothing)
    assert {each.name for each in file.parent.iterdir()} <= {"bot.db", "bot.db.lock", "bot.db.pid"}
    assert len(everything(url_of_file(file))["invoices"]) == 1


async def test_a_move_beside_the_journal_of_another_database_is_refused(
    file: Path, server: str
) -> None:
    await made(server)
    journal = file.with_name("bot.db-wal")
    journal.write_bytes(b"another's")
    error = await refused(server, url_of_file(file), MoveProblem.HOLDS_SOMETHING)
    assert error.values["path"] == str(journal)
    assert tree(file.parent) == {"bot.db-wal": b"another's"}


def test_only_tables_with_something_are_told(file: Path, empty: bytes) -> None:
    file.write_bytes(empty)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO chats (chat_id, unreachable) VALUES (-1, false)")
        connection.commit()
    told: list[tuple[str, int, int]] = []
    new = url_of_file(file.with_name("new.db"))
    move(url_of_file(file), new, tell=lambda *state: told.append(state), seal=nothing)
    assert told == [("chats", 1, 1)]


# what comes meanwhile


@contextlib.asynccontextmanager
async def stopped_before_the_end(source: str, target: str) -> AsyncIterator[asyncio.Future[int]]:
    """A move that has copied everything, and waits; it goes on afterwards."""
    is_there, go = threading.Event(), threading.Event()

    def seal() -> None:
        is_there.set()
        assert go.wait(LIMIT_S)

    moving = asyncio.ensure_future(asyncio.to_thread(move, source, target, tell=said, seal=seal))
    try:
        assert await asyncio.to_thread(is_there.wait, LIMIT_S)
        yield moving
    finally:
        go.set()


async def test_nothing_is_taken_from_telegram_that_a_move_would_miss(
    file: Path, cluster: Cluster, server: str
) -> None:
    await made(server)
    async with Way(cluster.port) as way:
        name = server.rpartition("/")[2]
        bot = await Store.open(cluster.url(name, port=way.port))
        try:
            # one that takes calls and is not the active one is in use as well
            with pytest.raises(DatabaseInUse):
                await asyncio.to_thread(move, server, url_of_file(file), tell=said, seal=nothing)
            await bot.do_anywhere(delivered, 1)
            way.refuses = True
            way.cut()
            new = url_of_file(file)
            async with stopped_before_the_end(server, new) as moving:
                way.refuses = False
                for _ in range(2):  # also by a connection that is made again
                    with pytest.raises(StoreUnavailable):
                        await bot.do_anywhere(delivered, 2)
                with pytest.raises(DatabaseInUse):
                    await Store.open(server)
            await moving
            assert len(everything(new)["inbox"]) == 1
        finally:
            await bot.close()


async def test_nothing_is_taken_from_telegram_into_what_is_about_to_be_filled(
    file: Path, cluster: Cluster
) -> None:
    await made(url_of_file(file))
    with postgres.database(cluster, template="template0") as name:
        url = cluster.url(name)
        async with stopped_before_the_end(url_of_file(file), url) as moving:
            with pytest.raises(DatabaseInUse):
                await Store.open(url)
        await moving
        async with leading(url) as store:
            await store.do_anywhere(delivered, 1)


def end_all_sessions(cluster: Cluster, name: str) -> None:
    """As a server that starts again does."""
    with cluster.admin() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )


async def test_a_move_ends_before_its_last_step_where_its_locks_are_gone(
    file: Path, cluster: Cluster, server: str
) -> None:
    await made(server)
    told = []

    def tell(table: str, *_: int) -> None:
        told.append(table)
        if len(told) == len([rows for rows in everything(server).values() if rows]):
            end_all_sessions(cluster, server.rpartition("/")[2])

    sealed = []
    with pytest.raises(MoveFailed) as caught:
        await asyncio.to_thread(
            move, server, url_of_file(file), tell=tell, seal=lambda: sealed.append(1)
        )
    assert caught.value.values["problem"] == MoveProblem.STOPPED
    assert told
    assert not sealed
    assert not file.exists()


@pytest.mark.parametrize("to_server", [True, False])
async def test_a_move_whose_locks_are_lost_in_the_last_step_says_that_all_was_moved(
    file: Path, cluster: Cluster, server: str, to_server: bool
) -> None:
    await made(server)
    with postgres.database(cluster, template="template0") as name:
        target = cluster.url(name) if to_server else url_of_file(file)

        def seal() -> None:
            end_all_sessions(cluster, server.rpartition("/")[2])

        with pytest.raises(MoveFailed) as caught:
            await asyncio.to_thread(move, server, target, tell=said, seal=seal)
        assert caught.value.values["problem"] == MoveProblem.LOCK_LOST
        assert everything(target) == everything(server)


@pytest.mark.parametrize("to_server", [True, False])
async def test_a_move_is_not_taken_for_a_bot(file: Path, server: str, to_server: bool) -> None:
    source, target = (url_of_file(file), server) if to_server else (server, url_of_file(file))
    await made(source)
    database = DatabaseSettings(url=source)
    async with stopped_before_the_end(source, target) as moving:
        assert running(database) is None
        assert is_moved(database)
        kinds = [each.kind for each in await asyncio.to_thread(list, check_database(database))]
        assert kinds[1:] == [Kind.MOVING]
    await moving
    assert not is_moved(database)


def delivered(tx: Tx, number: int) -> None:
    tx.inbox.put(1, Delivered(number, CHAT, "{}", NOW))
