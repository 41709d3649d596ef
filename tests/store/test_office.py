"""Of several processes on one server's database one acts; what has no answer is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.config import DatabaseSettings
from bot.errors import DatabaseReplaced, DatabaseTooNew, StoreUnavailable, TermLost
from bot.fence import FRESH_S
from bot.store import Store, Tx, migrations, office, running
from bot.store.locks import OFFICE, held
from bot.store.move import move
from bot.store.postgres import Postgres, raw_of
from tests import postgres
from tests.postgres import Cluster, that_wait
from tests.store.made import LIMIT_S, Busy, columns, row, until
from tests.store.shared import NEVER, end_office, number_of_terms, opened, written
from tests.ways import COMMIT, Way

# terms


async def test_a_second_process_waits_until_the_first_one_ends(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server), leads=False) as second:
        async with opened(cluster.url(server)) as first:
            waits = asyncio.ensure_future(second.lead(NEVER()))
            await row(first, 1)
            assert not waits.done()
            with pytest.raises(TermLost):
                await row(second, 2)
        async with asyncio.timeout(1.0):
            assert await waits
        await row(second, 3)
        assert second.fence.is_open()  # nothing of the one before is under way: it said its last
        assert written(cluster, server) == [1, 3]


async def test_a_process_that_waits_leaves_no_line_in_the_servers_log() -> None:
    with (
        postgres.own(log_min_messages="notice") as own,
        postgres.database(own, template="template1") as name,
    ):
        async with (
            opened(own.url(name)) as first,
            opened(own.url(name), leads=False) as second,
        ):
            waits = asyncio.ensure_future(second.lead(NEVER()))
            await until(lambda: that_wait(own, name) == 1)
            log = own.folder / "log"
            before = log.read_text()
            for number in range(8):  # looks of its own, of half a second each
                seen_at = first.fence._until
                await until(lambda seen_at=seen_at: first.fence._until > seen_at)
                await row(first, number)
            assert log.read_text() == before
            assert not waits.done()
            await first.close()
            assert await waits


async def test_what_any_process_may_write_needs_no_term(cluster: Cluster, server: str) -> None:
    def job(tx: Tx) -> None:
        tx.invoices.add(**columns(7))

    async with opened(cluster.url(server)), opened(cluster.url(server), leads=False) as ready:
        await ready.do_anywhere(job)
        assert written(cluster, server) == [7]


async def test_the_active_process_hears_at_once_what_another_one_has_for_it(
    cluster: Cluster, server: str
) -> None:
    async with (
        opened(cluster.url(server)) as active,
        opened(cluster.url(server), leads=False) as ready,
    ):
        await until(lambda: listening(cluster, server) == 1)
        rung = active.listen("something")
        for number in range(3):
            rung.clear()
            made = columns(number)
            await ready.do_anywhere(lambda tx, made=made: tx.invoices.add(**made))
            async with asyncio.timeout(0.3):  # sooner than its next look
                await rung.wait()


def listening(cluster: Cluster, name: str) -> int:
    with cluster.admin(name) as look:
        found = look.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'invoice-bot office' AND state = 'idle'"
            " AND query NOT LIKE 'LISTEN %'"
        ).fetchone()
    assert found is not None
    return int(str(found[0]))


async def test_bots_in_two_schemas_of_a_database_have_nothing_to_do_with_each_other(
    cluster: Cluster, tmp_path: Path
) -> None:
    with (
        postgres.database(cluster, template="template0") as name,
        cluster.admin(name) as admin,
    ):
        admin.execute("CREATE SCHEMA one")
        admin.execute("CREATE SCHEMA other")
        one, other = (
            f"{cluster.url(name)}?options=-csearch_path%3D{each}" for each in ("one", "other")
        )
        async with opened(one) as first:
            async with opened(other) as second:
                for each, url in ((first, one), (second, other)):
                    await row(each, 1)
                    assert await asyncio.to_thread(running, DatabaseSettings(url=url)) is not None
                rung = first.listen("something")
                await second.do_anywhere(lambda tx: tx.invoices.add(**columns(2)))
            await first.must(lambda tx: tx.invoices.add(**columns(3)))
            assert await asyncio.to_thread(running, DatabaseSettings(url=other)) is None
            assert not rung.is_set()
            to = f"sqlite:///{tmp_path / 'moved.db'}"
            await asyncio.to_thread(move, other, to, tell=lambda *_: None, seal=lambda: None)
        admin.execute("CREATE SCHEMA third")
        third = one.replace("Done", "Dthird")
        await asyncio.to_thread(move, one, third, tell=lambda *_: None, seal=lambda: None)
        found = admin.execute("SELECT origin_message_id FROM third.invoices ORDER BY 1").fetchall()
        assert found == [(1,), (3,)]


@contextlib.contextmanager
def few_connections(cluster: Cluster, name: str, limit: int) -> Iterator[str]:
    """The address of that database for a user who may have so many connections at once."""
    role = f"few_{name}"
    with cluster.admin(name) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {limit}".encode())
        admin.execute(f"ALTER DATABASE {name} OWNER TO {role}".encode())
        try:
            yield cluster.url(name, user=role)
        finally:
            admin.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER".encode())
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@contextlib.contextmanager
def takes_the_writers_connection(cluster: Cluster, name: str, url: str) -> Iterator[None]:
    """Another program has the connection that the active process, the first one here, wrote by."""
    with cluster.admin(name) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_start ="
            " (SELECT min(backend_start) FROM pg_stat_activity WHERE application_name ="
            " 'invoice-bot' AND datname = current_database())"
        )
    with psycopg.connect(url):
        yield


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "FAILS_S", 0.5)
    monkeypatch.setattr(office, "YIELD_S", 0.5)
    monkeypatch.setattr("bot.store.writer.LONGEST_PAUSE_S", 0.2)


@pytest.mark.usefixtures("in_haste")
async def test_an_active_process_that_can_not_write_lets_another_one_act(cluster: Cluster) -> None:
    with (
        postgres.database(cluster, template="template0") as name,
        few_connections(cluster, name, 4) as url,
    ):
        async with opened(url) as first, opened(url, leads=False) as second:
            await row(first, 1)
            waits = asyncio.ensure_future(second.lead(NEVER()))
            await until(lambda: that_wait(cluster, name) == 1)
            with takes_the_writers_connection(cluster, name, url):
                asked = asyncio.ensure_future(first.must(lambda tx: tx.invoices.get(1)))
                async with asyncio.timeout(LIMIT_S):
                    assert await waits
                    with pytest.raises(TermLost):
                        await first.until_lost()
                    with pytest.raises(TermLost):
                        await asked
                assert not first.fence.is_open()
                again = asyncio.ensure_future(first.lead(NEVER()))
                await row(second, 2)
                assert not again.done()
            await second.close()
            async with asyncio.timeout(LIMIT_S):
                assert await again
            await row(first, 3)
            assert written(cluster, name) == [1, 2, 3]


@pytest.fixture
def lets_go_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is active has given its connection back for a while before its thread goes on."""
    close = psycopg.Connection.close

    def close_slowly(connection: psycopg.Connection[Any]) -> None:
        close(connection)
        if threading.current_thread().name == "office":
            threading.Event().wait(1.0)

    monkeypatch.setattr(psycopg.Connection, "close", close_slowly)


@pytest.mark.usefixtures("in_haste", "lets_go_slowly")
async def test_a_process_that_can_not_write_and_is_alone_tries_again(cluster: Cluster) -> None:
    with (
        postgres.database(cluster, template="template0") as name,
        few_connections(cluster, name, 2) as url,
    ):
        async with opened(url) as store:
            with takes_the_writers_connection(cluster, name, url):
                with pytest.raises(TermLost):
                    await store.must(lambda tx: tx.invoices.get(1))
                async with asyncio.timeout(LIMIT_S):
                    assert await store.lead(NEVER())
            await store.must(lambda tx: tx.invoices.add(**columns(1)))
            assert written(cluster, name) == [1]
            assert number_of_terms(cluster, name) == 2


@pytest.mark.usefixtures("in_haste")
async def test_a_term_goes_on_where_no_process_could_write(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        postgres.database(cluster, template="template0") as name,
        few_connections(cluster, name, 10) as url,
        cluster.admin(name) as admin,
    ):
        async with opened(url) as store:
            backend = store._backend
            assert isinstance(backend, Postgres)
            rights = f"INSERT, UPDATE ON terms, receipts {{}} few_{name}"
            admin.execute(f"REVOKE {rights.format('FROM')}".encode())
            asked = asyncio.ensure_future(store.must(lambda tx: tx.invoices.get(1)))
            await until(lambda: (backend.fails_s() or 0) > 3 * office.FAILS_S)
            # a look that finds the rights before the writer does would end the term
            monkeypatch.setattr(office, "FAILS_S", 60.0)
            admin.execute(f"GRANT {rights.format('TO')}".encode())
            await asked
            await row(store, 1)
            assert number_of_terms(cluster, name) == 1


async def test_a_process_ends_where_a_newer_version_has_the_database_by_its_turn(
    cluster: Cluster, server: str
) -> None:
    async with (
        opened(cluster.url(server)) as active,
        opened(cluster.url(server), leads=False) as ready,
    ):
        waits = asyncio.ensure_future(ready.lead(NEVER()))
        await until(lambda: that_wait(cluster, server) == 1)
        with cluster.admin(server) as admin:
            admin.execute("UPDATE alembic_version SET version_num = '9999'")
        await active.close()
        with pytest.raises(DatabaseTooNew):
            await waits
    assert number_of_terms(cluster, server) == 1


def put_in_its_place(cluster: Cluster, name: str, other: str) -> None:
    """Another database has that name from now on."""
    with cluster.admin() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        admin.execute(f"ALTER DATABASE {other} RENAME TO {name}".encode())


@contextlib.contextmanager
def of_version(cluster: Cluster, version: str) -> Iterator[str]:
    """A database as that version left it, by its name; "": one without any table."""
    with postgres.database(cluster, template="template0") as name:
        if version:
            backend = Postgres(cluster.url(name))
            with backend.engine.connect() as connection, connection.begin():
                raw_of(connection).execute("BEGIN")
                migrations.take(connection, version)
            backend.close()
        yield name


async def writes(store: Store, number: int) -> None:
    """In a term that goes on for as long: like the bot, it begins again where one is lost."""
    made = columns(number)
    while True:
        assert await store.lead(NEVER())
        with contextlib.suppress(TermLost):
            await store.must(lambda tx: tx.invoices.add(**made))
            return


@pytest.mark.parametrize("version", ["0012", "0016", migrations.known()[-2]])
async def test_what_is_put_back_to_an_older_version_is_brought_up_to_date_as_at_a_start(
    cluster: Cluster, version: str
) -> None:
    with postgres.database(cluster) as name, of_version(cluster, version) as older:
        url = cluster.url(name)
        async with opened(url) as active, opened(url, leads=False) as ready:
            await row(active, 1)
            waits = asyncio.ensure_future(ready.lead(NEVER()))
            await until(lambda: that_wait(cluster, name) == 1)
            await asyncio.to_thread(put_in_its_place, cluster, name, older)
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(TermLost):
                    await active.until_lost()
                waits.cancel()
                acts = [asyncio.ensure_future(writes(each, 2)) for each in (active, ready)]
                await asyncio.wait(acts, return_when=asyncio.FIRST_COMPLETED)
            assert [each.done() for each in acts].count(True) == 1
            assert written(cluster, name) == [2]
            with cluster.admin(name) as look:
                found = look.execute("SELECT version_num FROM alembic_version").fetchone()
            assert found == (migrations.known()[-1],)
            for each in acts:
                each.cancel()


@pytest.mark.parametrize("rest", ["", "CREATE TABLE alembic_version (version_num text)"])
async def test_processes_end_where_the_bots_tables_are_gone(cluster: Cluster, rest: str) -> None:
    with postgres.database(cluster) as name, of_version(cluster, "") as empty:
        if rest:  # as in the midst of a restore
            with cluster.admin(empty) as admin:
                admin.execute(rest.encode())
        url = cluster.url(name)
        async with opened(url) as active, opened(url, leads=False) as ready:
            waits = asyncio.ensure_future(ready.lead(NEVER()))
            await until(lambda: that_wait(cluster, name) == 1)
            await asyncio.to_thread(put_in_its_place, cluster, name, empty)
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(TermLost):
                    await active.until_lost()
                for each in (waits, active.lead(NEVER())):
                    with pytest.raises(DatabaseReplaced):
                        await each
        with cluster.admin(name) as look:  # nothing begins anew where all is to be restored
            found = look.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert found.fetchone() == (1 if rest else 0,)


async def test_a_server_that_lets_nobody_look_is_said_to_be_lost_once(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server)) as store:
        with capture_logs() as log, cluster.admin(server) as admin:
            admin.execute("ALTER TABLE terms RENAME TO others")
            await until(lambda: store._office is not None and store._office._attempts >= 3)
            admin.execute("ALTER TABLE others RENAME TO terms")
            await until(lambda: not store.is_cut_off)
    assert [(each["log_level"], each["event"]) for each in log] == [
        ("warning", "database server lost"),
        ("info", "database server is back"),
    ]
    assert log[0]["detail"] == 'relation "terms" does not exist'


async def test_a_wait_ends_when_the_process_is_asked_to_stop(cluster: Cluster, server: str) -> None:
    async with opened(cluster.url(server)):
        stop = asyncio.Event()
        async with opened(cluster.url(server), leads=False) as ready:
            waits = asyncio.ensure_future(ready.lead(stop))
            await asyncio.sleep(0)
            stop.set()
            async with asyncio.timeout(1.0):
                assert not await waits
        # the one that waited has left nothing that keeps the next one waiting


async def test_a_process_whose_lock_is_gone_goes_on_if_no_other_one_has_come(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server)) as store:
        end_office(cluster, server)
        await row(store, 1)
        await until(lambda: len(offices(cluster, server)) == 1)
        await row(store, 2)
        async with asyncio.timeout(LIMIT_S):
            await store.fence.passed()
        assert number_of_terms(cluster, server) == 1


def offices(cluster: Cluster, name: str) -> list[tuple[object, ...]]:
    with cluster.admin(name) as look:
        return look.execute(held(OFFICE).encode()).fetchall()


async def test_a_process_that_lost_its_term_can_write_nothing_and_waits_for_another(
    cluster: Cluster, server: str
) -> None:
    async with (
        opened(cluster.url(server), leads=False) as second,
        opened(cluster.url(server)) as first,
    ):
        waits = asyncio.ensure_future(second.lead(NEVER()))
        await until(lambda: that_wait(cluster, server) == 1)
        end_office(cluster, server)
        async with asyncio.timeout(LIMIT_S):
            assert await waits
            with pytest.raises(TermLost):
                await first.until_lost()
        with pytest.raises(TermLost):
            await row(first, 1)
        with pytest.raises(TermLost):
            await first.must(lambda tx: tx.invoices.get(1))
        assert not first.fence.is_open()
        with pytest.raises(TermLost):
            await first.fence.passed()
        await row(second, 2)
        first.stop_trying()  # as at the end of each term
        again = asyncio.ensure_future(first.lead(NEVER()))
        await second.close()
        async with asyncio.timeout(LIMIT_S):
            assert await again
        assert first.is_trying
        await row(first, 3)
        assert written(cluster, server) == [2, 3]


async def test_a_successor_waits_for_a_transaction_that_is_under_way(
    cluster: Cluster, server: str
) -> None:
    async with (
        opened(cluster.url(server), leads=False) as second,
        opened(cluster.url(server)) as first,
    ):
        waits = asyncio.ensure_future(second.lead(NEVER()))
        await until(lambda: that_wait(cluster, server) == 1)
        busy = Busy(first)
        await busy.reached()
        end_office(cluster, server)
        await until(lambda: len(offices(cluster, server)) == 1)
        assert not waits.done()
        await busy.release()  # it began in its term, and is written
        async with asyncio.timeout(LIMIT_S):
            assert await waits


async def test_the_fences_of_two_processes_are_never_open_at_once(
    cluster: Cluster, server: str
) -> None:
    async with (
        opened(cluster.url(server), leads=False) as second,
        opened(cluster.url(server)) as first,
    ):
        waits = asyncio.ensure_future(second.lead(NEVER()))
        await until(lambda: that_wait(cluster, server) == 1)
        assert first.fence.is_open()
        first._office._look = lambda _raw: None  # type: ignore[union-attr, method-assign] # a process that notices nothing
        began = asyncio.get_running_loop().time()
        end_office(cluster, server)
        async with asyncio.timeout(LIMIT_S):
            while not second.fence.is_open():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert not first.fence.is_open()
        assert asyncio.get_running_loop().time() - began >= FRESH_S
        await waits


async def test_a_process_does_not_take_another_ones_term_in_a_copy_for_its_own(
    cluster: Cluster, way: Way
) -> None:
    with (
        postgres.database(cluster) as name,
        postgres.database(cluster) as copy,
        cluster.admin() as admin,
    ):
        async with opened(cluster.url(name, port=way.port)) as first:
            await row(first, 1)
            way.refuses = True
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            admin.execute(f"ALTER DATABASE {copy} RENAME TO {name}".encode())
            async with opened(cluster.url(name)) as second:
                assert first.term == second.term == 1
                await row(second, 2)
                way.refuses = False
                async with asyncio.timeout(LIMIT_S):
                    with pytest.raises(TermLost):
                        await first.until_lost()
                with pytest.raises(TermLost):
                    await row(first, 3)
                assert not first.fence.is_open()
                await row(second, 4)
            assert written(cluster, name) == [2, 4]


async def test_an_ordinary_restart_waits_for_nothing(cluster: Cluster, server: str) -> None:
    for _ in range(2):
        async with opened(cluster.url(server)) as store:
            assert store.fence.is_open()


async def test_the_last_word_of_a_term_does_not_count_in_a_copy(cluster: Cluster, way: Way) -> None:
    """A later term may be missing there, whose process finds that out only in a moment."""
    with postgres.database(cluster) as name, postgres.database(cluster) as copy:
        async with opened(cluster.url(name)):
            pass
        with cluster.admin() as admin:
            admin.execute(f"DROP DATABASE {copy}".encode())
            admin.execute(f"CREATE DATABASE {copy} TEMPLATE {name}".encode())
        async with opened(cluster.url(name, port=way.port)) as first:
            way.stall()
            await asyncio.to_thread(put_in_its_place, cluster, name, copy)
            async with opened(cluster.url(name)) as second:
                assert not second.fence.is_open()
                async with asyncio.timeout(LIMIT_S):
                    while not second.fence.is_open():  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                assert not first.fence.is_open()
            way.refuses = True
            way.cut()
            way.flow()


async def test_the_last_word_of_a_term_does_not_count_on_a_server_that_is_another_one() -> None:
    with postgres.own() as own, postgres.database(own, template="template1") as name:
        async with opened(own.url(name)):
            pass
        await asyncio.to_thread(own.stop, "fast")
        await asyncio.to_thread(own.start)  # as a standby that was promoted is
        async with opened(own.url(name)) as store:
            assert not store.fence.is_open()
            async with asyncio.timeout(LIMIT_S):
                await store.fence.passed()


async def test_a_transaction_does_not_take_another_ones_term_in_a_copy_for_its_own(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server)) as store:
        with cluster.admin(server) as admin:  # before the office looks
            admin.execute("UPDATE terms SET nonce = 'of another one'")
        with pytest.raises(TermLost):
            await row(store, 1)
        assert written(cluster, server) == []


async def test_a_look_at_the_term_is_never_older_than_its_lock(
    cluster: Cluster, server: str
) -> None:
    with cluster.admin() as admin:
        default = "default_transaction_isolation = 'repeatable read'"
        admin.execute(f"ALTER DATABASE {server} SET {default}".encode())
    async with opened(cluster.url(server)) as store:
        level = sa.text("SHOW transaction_isolation")
        shown = await store.do(lambda tx: tx.memory._connection.execute(level).scalar())
        assert shown == "read committed"


# connections


@pytest.mark.parametrize("was_written", [True, False])
async def test_a_commit_without_an_answer_is_neither_lost_nor_doubled(
    cluster: Cluster, server: str, way: Way, was_written: bool
) -> None:
    async with opened(cluster.url(server, port=way.port)) as store:
        await row(store, 1)
        busy = Busy(store)
        await busy.reached()
        jobs = [asyncio.ensure_future(row(store, number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        await busy.release()
        await asyncio.gather(*jobs)
        if was_written:
            way.cut_after = COMMIT
        else:
            way.cut_before = COMMIT
        group = [asyncio.ensure_future(row(store, number)) for number in (5, 6)]
        answers = await asyncio.gather(*group, return_exceptions=True)
        assert way.cuts == 1
        if not was_written:
            # the group or only its first: whoever came later is written
            assert isinstance(answers[0], StoreUnavailable)
        lost = [n for n, each in zip((5, 6), answers, strict=True) if isinstance(each, Exception)]
        assert lost == ([] if was_written else lost)
        assert written(cluster, server) == [n for n in range(1, 7) if n not in lost]
        await row(store, 7)


async def test_while_nobody_knows_what_became_of_a_commit_nothing_else_is_written(
    cluster: Cluster, server: str, way: Way
) -> None:
    async with opened(cluster.url(server, port=way.port)) as store:
        await row(store, 1)
        way.cut_after = COMMIT
        way.refuses = True
        unknown = asyncio.ensure_future(row(store, 2))
        await until(lambda: way.cuts == 1)
        for number in (3, 4):
            with pytest.raises(StoreUnavailable):
                await row(store, number)
        assert not unknown.done()
        way.refuses = False
        assert (await unknown).origin_message_id == 2
        await store.must(lambda tx: tx.invoices.add(**columns(5)))
        assert written(cluster, server) == [1, 2, 5]


async def test_an_end_waits_for_no_commit_that_nobody_knows_of(
    cluster: Cluster, server: str, way: Way
) -> None:
    store = await Store.open(cluster.url(server, port=way.port))
    assert await store.lead(NEVER())
    way.cut_after = COMMIT
    way.refuses = True
    unknown = asyncio.ensure_future(row(store, 1))
    await until(lambda: way.cuts == 1)
    async with asyncio.timeout(LIMIT_S):
        await store.close()
    with pytest.raises(StoreUnavailable):
        await unknown


async def test_a_lost_connection_is_made_again_by_itself(
    cluster: Cluster, server: str, way: Way
) -> None:
    async with opened(cluster.url(server, port=way.port)) as store:
        await row(store, 1)
        way.cut()
        await goes_on(store, cluster, server)


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_a_server_that_starts_again_is_found_again(how: str) -> None:
    with postgres.own() as own, postgres.database(own, template="template1") as name:
        async with opened(own.url(name)) as store:
            await row(store, 1)
            await asyncio.to_thread(own.kill if how == "killed" else own.stop)
            await asyncio.to_thread(own.start_again)
            await goes_on(store, own, name)


async def goes_on(store: Store, cluster: Cluster, name: str) -> None:
    """In the same term, with what was written and what comes next."""
    await store.must(lambda tx: tx.invoices.add(**columns(2)))
    async with asyncio.timeout(LIMIT_S):
        await store.fence.passed()
    assert written(cluster, name) == [1, 2]
    assert number_of_terms(cluster, name) == 1


async def test_a_way_that_forwards_nothing_is_given_up_in_time(
    cluster: Cluster, server: str, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.postgres.ANSWER_S", 1.0)
    monkeypatch.setattr("bot.store.office.ANSWER_S", 1.0)
    async with opened(cluster.url(server, port=way.port)) as store:
        # a second is little on a host that does other things as well
        await store.must(lambda tx: tx.invoices.add(**columns(1)))
        way.stall()
        lost = asyncio.ensure_future(row(store, 2))
        async with asyncio.timeout(FRESH_S + 1.0):
            while store.fence.is_open():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        way.flow()
        with contextlib.suppress(StoreUnavailable):
            await lost
        await store.must(lambda tx: tx.invoices.add(**columns(3)))
        found = written(cluster, server)
        assert found in ([1, 3], [1, 2, 3])
        assert (2 in found) is (lost.exception() is None)
