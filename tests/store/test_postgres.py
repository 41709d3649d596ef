"""A server's database: what a start refuses, in one sentence each, and what no log has."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import sqlalchemy as sa

from bot import logs, texts
from bot.config import DatabaseSettings
from bot.errors import (
    DatabaseAway,
    DatabaseMissing,
    DatabaseNotOurs,
    DatabasePasswordWrong,
    DatabasePooled,
    DatabaseReadOnly,
    DatabaseRefuses,
    DatabaseRightsMissing,
    DatabaseTlsFailed,
    DatabaseTooNew,
    DatabaseTooOld,
    DatabaseUnfit,
    DatabaseUnknown,
    StartError,
    StoreUnavailable,
)
from bot.findings import Finding, Kind, Mark
from bot.store import Reader, Store, Tx, backup, migrations, peek, running
from bot.store.check import check_database
from bot.store.move import move
from bot.store.postgres import Session, _end, place_of
from tests import postgres
from tests.pooler import Pooler
from tests.postgres import Cluster
from tests.store.made import columns, row
from tests.store.shared import opened

PASSWORD = "what-only-the-server-knows"


@pytest.fixture
def empty_one(cluster: Cluster) -> Iterator[str]:
    with postgres.database(cluster, template="template0") as name:
        yield name


async def opened_and_closed(url: str) -> None:
    await (await Store.open(url)).close()


async def refused(url: str, kind: type[StartError]) -> StartError:
    """The one error of a start, a reader and a check, with a sentence of one line."""
    with pytest.raises(kind) as caught:
        await Store.open(url)
    with pytest.raises(kind):
        Reader(url).do(lambda tx: tx.bots.last())
    (finding,) = await asyncio.to_thread(list, check_database(DatabaseSettings(url=url)))
    assert (finding.mark, finding.kind) == (Mark.BAD, Kind.REFUSED)
    for said in (texts.why_here(caught.value), texts.finding_line(finding)):
        assert "\n" not in said
        assert PASSWORD not in said
    return caught.value


def user(cluster: Cluster, name: str) -> None:
    with cluster.admin() as admin:
        there = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
        if there is None:
            admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")


async def test_a_server_that_is_away_is_tried_again_by_who_started_the_bot() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await refused(f"postgresql://bot@127.0.0.1:{port}/bot", DatabaseAway)
    assert not error.needs_fixing


async def test_a_wrong_password_and_none(cluster: Cluster, server: str) -> None:
    user(cluster, "locked")
    bare = cluster.url(server, user="locked")
    await refused(bare, DatabasePasswordWrong)
    await refused(f"{bare}?password=wrong", DatabasePasswordWrong)
    with cluster.admin(server) as admin:
        admin.execute("GRANT ALL ON SCHEMA public TO locked")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO locked")
    await opened_and_closed(f"{bare}?password={PASSWORD}")


async def test_a_user_that_is_not_there(cluster: Cluster, server: str) -> None:
    await refused(cluster.url(server, user="nobody_at_all"), DatabasePasswordWrong)


async def test_a_server_without_tls_where_it_is_wanted(cluster: Cluster, server: str) -> None:
    await refused(f"{cluster.url(server)}?sslmode=require", DatabaseTlsFailed)
    await refused(f"{cluster.url(server)}?sslmode=verify-full", DatabaseTlsFailed)


async def test_a_database_that_is_not_there(cluster: Cluster) -> None:
    await refused(cluster.url("nothing_here"), DatabaseUnknown)


async def test_a_user_who_can_make_no_tables(cluster: Cluster, empty_one: str) -> None:
    user(cluster, "weak")
    with pytest.raises(DatabaseRightsMissing):
        await Store.open(cluster.url(empty_one, user="weak"))


@pytest.mark.parametrize("rights", ["SELECT", "SELECT, INSERT, UPDATE"])
async def test_a_user_who_can_not_write_everything(
    cluster: Cluster, server: str, rights: str
) -> None:
    user(cluster, "reader")
    with cluster.admin(server) as admin:
        admin.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO reader".encode())
    url = cluster.url(server, user="reader")
    with pytest.raises(DatabaseRightsMissing):
        await Store.open(url)
    (finding,) = await asyncio.to_thread(list, check_database(DatabaseSettings(url=url)))
    assert (finding.mark, finding.kind) == (Mark.BAD, Kind.REFUSED)
    assert Reader(url).do(lambda tx: tx.bots.last()) == 0  # whoever only reads can


async def test_a_database_of_another_program_stays_as_it_is(
    cluster: Cluster, empty_one: str
) -> None:
    with cluster.admin(empty_one) as admin:
        admin.execute("CREATE TABLE recipes (name text)")
    await refused(cluster.url(empty_one), DatabaseNotOurs)
    with cluster.admin(empty_one) as admin:
        found = admin.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchone() == (1,)


async def test_a_database_that_a_newer_version_wrote(cluster: Cluster, server: str) -> None:
    with cluster.admin(server) as admin:
        admin.execute("UPDATE alembic_version SET version_num = '9999'")
    await refused(cluster.url(server), DatabaseTooNew)


async def test_a_reader_reads_none_that_has_to_be_brought_up_to_date(
    cluster: Cluster, server: str
) -> None:
    with cluster.admin(server) as admin:
        admin.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(DatabaseTooOld):
        Reader(cluster.url(server)).do(lambda tx: tx.bots.last())


async def test_a_database_that_cannot_hold_every_letter(cluster: Cluster) -> None:
    with cluster.admin() as admin:
        admin.execute("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        await refused(cluster.url("narrow"), DatabaseUnfit)
    finally:
        with cluster.admin() as admin:
            admin.execute("DROP DATABASE narrow WITH (FORCE)")


# schemas


def in_schema(cluster: Cluster, name: str, statement: str) -> list[tuple[object, ...]]:
    with cluster.admin(name) as admin:
        return admin.execute(statement.encode()).fetchall()


async def test_only_the_schema_counts_in_which_tables_are_made(
    cluster: Cluster, empty_one: str, tmp_path: Path
) -> None:
    with cluster.admin(empty_one) as admin:
        admin.execute("CREATE SCHEMA ours")
        admin.execute("CREATE TABLE public.alembic_version (version_num text)")
        admin.execute("INSERT INTO public.alembic_version VALUES ('0001')")
        admin.execute("CREATE TABLE public.hints (nothing text)")
    url = f"{cluster.url(empty_one)}?options=-csearch_path%3Dours,public"
    with pytest.raises(DatabaseMissing):
        Reader(url).do(lambda tx: tx.bots.last())
    assert {each.kind for each in await found(url)} == {Kind.REACHED}
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        await store.beat(1.0)
        kept = await row(store, 1)
        assert Reader(url).do(lambda tx: tx.invoices.get(1)) == kept
        assert [each.kind for each in await found(url)] == [Kind.REACHED, Kind.ACTIVE]
    finally:
        await store.close()
    theirs = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert in_schema(cluster, empty_one, theirs) == [(2,)]
    assert in_schema(cluster, empty_one, "SELECT * FROM public.alembic_version") == [("0001",)]
    assert in_schema(cluster, empty_one, "SELECT * FROM public.hints") == []
    await opened_and_closed(url)
    moved = f"sqlite:///{tmp_path / 'bot.db'}"
    await asyncio.to_thread(move, url, moved, tell=lambda *_: None, seal=lambda: None)
    assert Reader(moved).do(lambda tx: tx.invoices.get(1)) is not None


@pytest.mark.parametrize("name", ["Bot", "invoice-bot", 'we"ird Ü'])
async def test_a_schema_can_have_any_name(cluster: Cluster, empty_one: str, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with cluster.admin(empty_one) as admin:
        admin.execute(f"CREATE SCHEMA {quoted}".encode())
        if name == "Bot":  # nothing is looked for there
            admin.execute("CREATE SCHEMA bot CREATE TABLE things (nothing text)")
    option = "-csearch_path=" + quoted.replace(" ", "\\ ")
    url = f"{cluster.url(empty_one)}?options={quote(option)}"
    assert {each.kind for each in await found(url)} == {Kind.REACHED}
    for number in (1, 2):
        store = await Store.open(url)
        try:
            assert await store.lead(asyncio.Event())
            kept = await row(store, number)
            assert Reader(url).do(lambda tx: tx.invoices.get(number)) == kept  # noqa: B023
            assert [each.kind for each in await found(url)] == [Kind.REACHED, Kind.ACTIVE]
        finally:
            await store.close()
    tables = "SELECT count(*) > 5 FROM pg_tables WHERE schemaname = '" + name + "'"
    assert in_schema(cluster, empty_one, tables) == [(True,)]


@pytest.mark.parametrize("where", ["address", "service", "environment", "options", "database"])
async def test_every_letter_is_kept_whatever_encoding_is_asked_for(
    cluster: Cluster,
    server: str,
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = cluster.url(server)
    if where == "address":
        url += "?client_encoding=LATIN1"
    elif where == "service":
        file = tmp_path / "services"
        file.write_text(
            f"[it]\nhost=127.0.0.1\nport={cluster.port}\ndbname={server}\nuser=postgres\n"
            "client_encoding=LATIN1\n"
        )
        monkeypatch.setenv("PGSERVICEFILE", str(file))
        url = "postgresql:///?service=it"
    elif where == "environment":
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    elif where == "options":
        url += "?options=-cclient_encoding%3DLATIN1"
    else:
        with cluster.admin(server) as admin:
            admin.execute(f"ALTER DATABASE {server} SET client_encoding = 'LATIN1'".encode())
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        kept = await row(store, 1, memo="pizza \N{SLICE OF PIZZA} Ü")
        assert kept.memo == "pizza \N{SLICE OF PIZZA} Ü"
        assert Reader(url).do(lambda tx: tx.invoices.get(1)) == kept
    finally:
        await store.close()


async def test_tables_are_not_hidden_by_a_schema_that_was_made_later(
    cluster: Cluster, server: str, tmp_path: Path
) -> None:
    url = cluster.url(server)
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        await row(store, 1)
        with cluster.admin(server) as admin:
            admin.execute(f"CREATE SCHEMA {postgres.USER}".encode())
        error = await refused(url, DatabaseUnfit)
        assert error.values["found"] == (
            "the bot's tables in the schema public, and the schema postgres first"
        )
        file = tmp_path / "bot.db"
        with pytest.raises(DatabaseUnfit):
            backup.back_up(url, file, owners=[], force=False)
        with pytest.raises(DatabaseUnfit):
            move(url, f"sqlite:///{file}", tell=lambda *_: None, seal=lambda: None)
        # one that runs goes on where it was
        store._backend.forget()
        await row(store, 2)
    finally:
        await store.close()
    await opened_and_closed(f"{url}?options=-csearch_path%3Dpublic")


# what no try again cures, and what passes


@pytest.mark.parametrize("of", ["ROLE unwilling", "DATABASE"])
async def test_a_server_or_a_user_that_is_kept_from_writing_is_refused(
    cluster: Cluster, server: str, of: str
) -> None:
    user(cluster, "unwilling")
    whom = of if of.startswith("ROLE") else f"DATABASE {server}"
    with cluster.admin() as admin:
        admin.execute(f"ALTER {whom} SET default_transaction_read_only = on".encode())
    await refused(f"{cluster.url(server, user='unwilling')}?password={PASSWORD}", DatabaseReadOnly)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ("sslmode=banana", DatabaseRefuses),
        ("sslnegotiation=direct&sslmode=prefer", DatabaseTlsFailed),
        ("target_session_attrs=banana", DatabaseRefuses),
        ("target_session_attrs=standby", DatabaseRefuses),
        ("nobody_knows=1", DatabaseRefuses),
        ("service=nobody-wrote-it", DatabaseRefuses),
        ("connect_timeout=soon", DatabaseRefuses),
        ("keepalives_idle=often", DatabaseRefuses),
        ("options=-cnobody.knows%20", DatabaseRefuses),
        ("options=--nobody_knows%3D1", DatabaseRefuses),
        ("hostaddr=banana", DatabaseRefuses),
        ("channel_binding=require", DatabaseTlsFailed),
        ("require_auth=banana", DatabaseRefuses),
    ],
)
async def test_options_that_can_never_work_are_refused_at_once(
    cluster: Cluster, server: str, options: str, kind: type[StartError]
) -> None:
    error = await refused(f"{cluster.url(server)}?{options}", kind)
    assert error.needs_fixing


async def test_a_standby_is_waited_for_whatever_the_address_asks_for() -> None:
    with postgres.own(wal_level="replica") as alone:
        alone.stop("fast")
        signal_file = alone.data / "standby.signal"
        signal_file.touch()
        shutil.chown(signal_file, *(2 * [alone.data.owner()]))
        alone.start()
        url = alone.url("postgres")
        for each in (url, f"{url}?target_session_attrs=primary", f"{url}?target_session_attrs=any"):
            error = await refused(each, DatabaseAway)
            assert not error.needs_fixing


async def test_a_service_is_opened_and_what_is_in_its_file_is_not_shown(
    cluster: Cluster, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user(cluster, "locked")
    file = tmp_path / "services"
    where = f"host=127.0.0.1\nport={cluster.port}\ndbname={server}\n"
    file.write_text(
        f"[good]\n{where}user=postgres\n\n[bad]\n{where}user=locked\npassword={PASSWORD}x\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    await opened_and_closed("postgresql:///?service=good")
    (finding, *_) = await found("postgresql:///?service=good")
    assert finding.values["path"] == "service good"
    await refused("postgresql:///?service=bad", DatabasePasswordWrong)


async def test_a_server_that_has_too_many_connections_is_tried_again(
    cluster: Cluster, server: str
) -> None:
    user(cluster, "crowded")
    user(cluster, "locked")
    with cluster.admin() as admin:
        admin.execute("ALTER ROLE crowded CONNECTION LIMIT 0")
    await refused(f"{cluster.url(server, user='crowded')}?password={PASSWORD}", DatabaseAway)
    with cluster.admin() as admin:
        admin.execute(f"ALTER DATABASE {server} CONNECTION LIMIT 0".encode())
    await refused(f"{cluster.url(server, user='locked')}?password={PASSWORD}", DatabaseAway)


async def test_of_several_servers_one_that_is_away_is_enough_to_try_again(
    cluster: Cluster,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{taken.getsockname()[1]}"
        error = await refused(
            f"postgresql://postgres@{away},127.0.0.1:{cluster.port}/nothing_here", DatabaseAway
        )
        assert "nothing_here" in str(error.values["reason"])
    both = f"127.0.0.1:{cluster.port},127.0.0.1:{cluster.port}"
    await refused(f"postgresql://postgres@{both}/nothing_here", DatabaseUnknown)


class Unwilling(socketserver.BaseRequestHandler):
    """A server that refuses everybody, in Ukrainian."""

    code = ""

    def handle(self) -> None:
        asks_for_tls = 80_877_103
        while len(head := self.request.recv(8)) == 8:
            size, asked = struct.unpack("!II", head)
            self.request.recv(size - 8) if size > 8 else None
            if asked == asks_for_tls:
                self.request.sendall(b"N")
                continue
            fields = {"S": "ФАТАЛЬНО", "V": "FATAL", "C": self.code, "M": "сьогодні ні"}
            body = b"".join(f"{each}{said}\0".encode() for each, said in fields.items()) + b"\0"
            self.request.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)
            return


@pytest.mark.skipif(sys.platform != "linux", reason="libpq shows its messages there alone")
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("28P01", DatabasePasswordWrong),
        ("28000", DatabasePasswordWrong),
        ("3D000", DatabaseUnknown),
        ("42501", DatabaseRightsMissing),
        ("42704", DatabaseRefuses),
        ("57P03", DatabaseAway),
        ("53300", DatabaseAway),
        ("XX000", DatabaseAway),
    ],
)
async def test_a_refusal_in_another_language_is_known_by_its_code(
    code: str, kind: type[StartError]
) -> None:
    handler = type("Unwilling", (Unwilling,), {"code": code})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            error = await refused(f"postgresql://bot@127.0.0.1:{server.server_address[1]}/x", kind)
            assert "сьогодні ні" in str(error.values["reason"])
        finally:
            server.shutdown()
            thread.join()


async def test_what_libpq_hints_at_ends_no_sentence(cluster: Cluster) -> None:
    error = await refused("postgresql://bot@/x?host=/nowhere/at/all", DatabaseAway)
    assert "?" not in texts.why(error)
    assert "Multiple" not in texts.why(error)


# a pool between


async def test_a_pool_that_keeps_a_session_for_each_will_do(cluster: Cluster, server: str) -> None:
    async with Pooler(cluster.port, keeps_sessions=True) as pooler:
        url = cluster.url(server, port=pooler.port)
        store = await Store.open(url)
        try:
            assert await store.lead(asyncio.Event())
            await row(store, 1)
        finally:
            await store.close()
        kinds = [each.kind for each in await found(url)]
        assert kinds == [Kind.REACHED]


async def found(url: str) -> list[Finding]:
    return await asyncio.to_thread(lambda: list(check_database(DatabaseSettings(url=url))))


async def test_a_pool_that_shares_sessions_is_refused(cluster: Cluster, server: str) -> None:
    async with Pooler(cluster.port, keeps_sessions=False) as pooler:
        url = cluster.url(server, port=pooler.port)
        with pytest.raises(DatabasePooled):
            await Store.open(url)
        with pytest.raises(DatabasePooled):
            await asyncio.to_thread(Reader(url).do, lambda tx: tx.bots.last())
        (finding,) = await found(url)
        assert (finding.mark, finding.kind) == (Mark.BAD, Kind.REFUSED)


async def test_a_connection_does_not_end_itself_where_a_pool_gives_it_the_same_session(
    cluster: Cluster, server: str
) -> None:
    session = Session(cluster.url(server), "same")
    try:
        with contextlib.closing(session.connect()) as raw:
            own = raw.execute(
                "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            ).fetchone()
            assert own is not None
            _end(raw, *own)
            assert raw.execute("SELECT 1").fetchone() == (1,)
    finally:
        session.end()


async def test_many_that_start_at_once_bring_an_empty_one_up_to_date_once(
    cluster: Cluster, empty_one: str
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(opened_and_closed(cluster.url(empty_one)))
    Reader(cluster.url(empty_one)).do(lambda tx: tx.bots.last())


async def test_a_check_of_an_older_versions_database_says_that_it_does_not_know_who_acts(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server)):
        with cluster.admin(server) as admin:
            older = migrations.known()[-2]
            admin.execute("UPDATE alembic_version SET version_num = %s", (older,))
        findings = await found(cluster.url(server))
    assert [each.kind for each in findings] == [Kind.REACHED, Kind.OLDER]
    assert findings[1].mark is Mark.NOTE


async def test_what_a_bot_writes_is_read_beside_it_and_nothing_is_written(
    cluster: Cluster, server: str
) -> None:
    url = cluster.url(server)
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        made = await row(store, 1)
        assert Reader(url).do(lambda tx: tx.invoices.get(made.id)) == made
        with pytest.raises(StartError):
            Reader(url).do(lambda tx: tx.memory.beat(1.0))
        assert peek.owners(url) == {}
        found = running(DatabaseSettings(url=url))
        assert found is not None
        assert found.name.rpartition(":")[2].isdecimal()
        assert found.started_at > 1_700_000_000
        kinds = [each.kind for each in check_database(DatabaseSettings(url=url))]
        assert kinds == [Kind.REACHED, Kind.ACTIVE]
    finally:
        await store.close()
    assert running(DatabaseSettings(url=url)) is None


async def test_a_statement_that_fails_inside_a_job_is_never_taken_for_written(
    cluster: Cluster, server: str
) -> None:
    def swallows(tx: Tx) -> None:
        tx.invoices.add(**columns(1))
        try:
            tx.invoices._connection.execute(sa.text("SELECT 1 / 0"))
        except sa.exc.DBAPIError:
            return

    store = await Store.open(cluster.url(server))
    try:
        assert await store.lead(asyncio.Event())
        with pytest.raises(StoreUnavailable):
            await store.do(swallows)
        await row(store, 1)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql:///invoices?host=/var/run/postgresql", "/var/run/postgresql/invoices"),
        ("postgresql://bot@%2Fvar%2Frun/invoices", "/var/run/invoices"),
        ("postgresql:///?service=bots", "service bots"),
        ("postgresql:///invoices?service=bots", "service bots/invoices"),
        ("postgresql://bot@a:1,b:2/x", "a:1,b:2/x"),
        ("postgresql://bot@[::1]:5/x", "[::1]:5/x"),
        ("postgresql://bot@/x?host=a,b&port=5", "a:5,b:5/x"),
        ("postgresql:///x", "localhost/x"),
    ],
)
def test_an_address_is_named_as_libpq_reads_it(url: str, name: str) -> None:
    assert place_of(url).name == name


def test_an_address_is_shown_without_what_is_secret_in_it() -> None:
    place = place_of(f"postgresql://bot:{PASSWORD}@db.example:5433/invoices?sslmode=require")
    assert place.name == "db.example:5433/invoices"


def test_an_address_with_its_password_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DatabaseSettings(url="postgresql://bot@db/invoices", password=PASSWORD)
    assert PASSWORD not in repr(settings)
    address = settings.address
    assert psycopg.conninfo.conninfo_to_dict(address)["password"] == PASSWORD
    assert PASSWORD not in logs.redacted(f"could not connect to {address}")
