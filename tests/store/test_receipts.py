"""What became of a commit without an answer the rows say, also where the server would not know."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.core.wishes import MoveProblem
from bot.core.work import Do
from bot.errors import MoveFailed, StoreUnavailable, TermLost
from bot.store import Tx, locks, receipts
from bot.store.move import move
from tests import postgres
from tests.postgres import Cluster, needs_postgres, that_wait
from tests.store.made import LIMIT_S, columns, row, until
from tests.store.made import url as url_of_file
from tests.store.shared import NEVER, end_office, number_of_terms, opened, written
from tests.ways import COMMIT, Way

pytestmark = needs_postgres

OWNER = 77


@pytest.fixture
def crashing() -> Iterator[tuple[Cluster, str]]:
    """A server whose log gets what a commit puts there, and nothing else; and a database."""
    with (
        postgres.own(bgwriter_lru_maxpages="0") as own,
        postgres.database(own, template="template1") as name,
    ):
        os.kill(log_writer(own), signal.SIGSTOP)
        yield own, name


def log_writer(cluster: Cluster) -> int:
    with cluster.admin() as look:
        found = look.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
        (pid,) = found.fetchone() or (0,)
    return int(str(pid))


def next_number(cluster: Cluster) -> int:
    """Which the next transaction that writes will have at the server."""
    with cluster.admin() as look:
        found = look.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    assert found is not None
    return int(str(found[0]))


def crash(cluster: Cluster) -> None:
    """One of the server's processes is killed: it ends all others, and reads its log."""
    pid = log_writer(cluster)
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + LIMIT_S
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            if log_writer(cluster) not in (0, pid):
                return
        assert time.monotonic() < until


def give_to_another_one(cluster: Cluster, number: int) -> None:
    """Commit transactions until one has this number, which the crash has made free again."""
    assert next_number(cluster) <= number
    with cluster.admin() as other:
        while next_number(cluster) <= number:
            other.execute("SELECT pg_current_xact_id()")
        found = other.execute(b"SELECT pg_xact_status('%d')" % number).fetchone()
        assert found == ("committed",)


async def test_another_ones_commit_is_not_taken_for_one_that_a_crash_undid(
    crashing: tuple[Cluster, str],
) -> None:
    own, name = crashing
    async with Way(own.port) as way, opened(own.url(name, port=way.port)) as store:
        await row(store, 1)
        number = next_number(own)
        way.cut_before, way.refuses = COMMIT, True
        lost = asyncio.ensure_future(row(store, 2))
        await until(lambda: way.cuts == 1)
        await asyncio.to_thread(crash, own)
        await asyncio.to_thread(give_to_another_one, own, number)
        way.refuses = False
        with pytest.raises(StoreUnavailable):
            await lost
        await store.must(lambda tx: tx.invoices.add(**columns(3)))
        assert written(own, name) == [1, 3]


async def test_another_ones_commit_is_not_taken_for_a_move_that_a_crash_undid(
    file: Path, crashing: tuple[Cluster, str]
) -> None:
    own, name = crashing
    async with opened(url_of_file(file)) as store:
        await row(store, 1)
    async with opened(own.url(name), leads=False):
        pass  # it has its tables
    async with Way(own.port) as way:
        number = next_number(own)
        way.cut_before = COMMIT

        def refuse() -> None:
            way.refuses = True  # from the last step on

        addresses = url_of_file(file), own.url(name, port=way.port)
        moving = asyncio.ensure_future(
            asyncio.to_thread(move, *addresses, tell=lambda *_: None, seal=refuse)
        )
        await until(lambda: way.cuts == 1)
        await asyncio.to_thread(crash, own)
        await asyncio.to_thread(give_to_another_one, own, number)
        way.refuses = False
        with pytest.raises(MoveFailed) as caught:
            await moving
        assert caught.value.values["problem"] == MoveProblem.STOPPED
    assert written(own, name) == []


@pytest.mark.parametrize("was_cut", [True, False])
async def test_a_commit_that_a_standby_has_to_confirm_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, was_cut: bool
) -> None:
    monkeypatch.setattr("bot.store.postgres.ANSWER_S", 1.0)
    with (
        postgres.own(wal_level="replica", max_wal_senders="2") as own,
        postgres.database(own, template="template1") as name,
    ):
        async with Way(own.port) as way, opened(own.url(name, port=way.port)) as store:
            await row(store, 1)
            wait_for_a_standby(own, "nobody")
            if was_cut:
                way.cut_after = COMMIT
            unknown = asyncio.ensure_future(row(store, 2))
            await until(lambda: held_back(own) > 0)
            with pytest.raises(StoreUnavailable):
                await row(store, 3)
            assert not unknown.done()
            wait_for_a_standby(own, "")
            assert (await unknown).origin_message_id == 2
            await store.must(lambda tx: tx.invoices.add(**columns(4)))
            assert written(own, name) == [1, 2, 4]


def wait_for_a_standby(cluster: Cluster, name: str) -> None:
    with cluster.admin() as admin:
        admin.execute("SET synchronous_commit = local")
        admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'".encode())
        admin.execute("SELECT pg_reload_conf()")
        shown = b"SHOW synchronous_standby_names"
        while admin.execute(shown).fetchone() != (name,):
            pass


def held_back(cluster: Cluster) -> int:
    with cluster.admin() as look:
        found = look.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        (number,) = found.fetchone() or (0,)
    return int(str(number))


async def test_commits_of_several_processes_at_once_are_each_told_apart(
    cluster: Cluster, server: str, way: Way
) -> None:
    async with (
        opened(cluster.url(server)) as active,
        opened(cluster.url(server, port=way.port), leads=False) as ready,
    ):
        for number in range(0, 40, 4):
            way.cut_after, way.cut_before = (COMMIT, None) if number % 8 else (None, COMMIT)
            there, lost, *_ = await asyncio.gather(
                row(active, number + 1),
                ready.do_anywhere(added, number + 2),
                row(active, number + 3),
                return_exceptions=True,
            )
            assert not isinstance(there, BaseException)
            assert isinstance(lost, StoreUnavailable) is (number % 8 == 0)
            assert (number + 2 in written(cluster, server)) is (number % 8 != 0)


def added(tx: Tx, number: int) -> None:
    tx.invoices.add(**columns(number))


@pytest.mark.parametrize("is_found_by_webhook", [False, True])
async def test_a_process_whose_last_commits_are_gone_begins_again(
    cluster: Cluster, server: str, is_found_by_webhook: bool
) -> None:
    async with opened(cluster.url(server)) as store:
        await row(store, 1)
        # as of a standby that took over without what came last, or of an older copy
        with cluster.admin(server) as admin:
            before = admin.execute("SELECT process, ticket FROM receipts").fetchone()
            assert before is not None
            await row(store, 2)
            admin.execute("DELETE FROM invoices WHERE origin_message_id = 2")
            admin.execute("UPDATE receipts SET ticket = %s WHERE process = %s", before[::-1])
        if is_found_by_webhook:
            await store.do_anywhere(added, 5)
        with pytest.raises(TermLost):
            await row(store, 3)
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(TermLost):
                await store.until_lost()
        assert not store.fence.is_open()
        async with asyncio.timeout(LIMIT_S):
            assert await store.lead(NEVER())
        await row(store, 4)
        assert written(cluster, server) == ([1, 4, 5] if is_found_by_webhook else [1, 4])
        assert number_of_terms(cluster, server) == 2
        # whatever goes out may have gone out: the next term says so, once
        assert await store.do(settled) == (3 if is_found_by_webhook else 2)
        found = await store.do(lambda tx: tx.invoices.get(1))
        assert found is not None
        assert {Do.SEND_CARD, Do.ANNOUNCE} <= found.unsure
        assert found.notified == {OWNER: False}
        assert await store.do(settled) is None


def settled(tx: Tx) -> int | None:
    return tx.doubts.settle([OWNER], time.time())


async def test_a_process_that_lost_its_term_notes_for_the_next_one_what_is_missing(
    cluster: Cluster, server: str
) -> None:
    async with (
        opened(cluster.url(server)) as first,
        opened(cluster.url(server), leads=False) as second,
    ):
        await row(first, 1)
        waits = asyncio.ensure_future(second.lead(NEVER()))
        await until(lambda: that_wait(cluster, server) == 1)
        with cluster.admin(server) as admin:
            saved = admin.execute("SELECT process, ticket FROM receipts").fetchall()
            await row(first, 2)
            for process, ticket in saved:
                admin.execute(
                    "UPDATE receipts SET ticket = %s WHERE process = %s", (ticket, process)
                )
            end_office(cluster, server)
        async with asyncio.timeout(LIMIT_S):
            assert await waits
            with pytest.raises(TermLost):
                await first.until_lost()
            await second.fence.passed()
        assert await second.do(settled) == 2
        # it is noted once, also where the writer of the first one finds it as well
        await first.do_anywhere(added, 3)
        assert await second.do(settled) is None


async def test_what_is_missing_is_noted_also_while_the_next_term_is_being_taken(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server)) as store:
        await row(store, 1)
        with cluster.admin(server) as admin, cluster.admin(server) as look:
            saved = admin.execute("SELECT ticket FROM receipts").fetchall()
            await row(store, 2)
            admin.execute("UPDATE receipts SET ticket = %s", saved[0])
            admin.execute("BEGIN")
            admin.execute(locks.lock("pg_advisory_xact_lock", locks.TERM).encode())
            admin.execute("INSERT INTO terms SELECT 2, holder, version, 0, false FROM terms")
            admin.execute("DELETE FROM terms WHERE number = 1")
            end_office(cluster, server)
            waiting = b"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            await until(lambda: look.execute(waiting).fetchone() is not None)
            admin.execute("COMMIT")
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(TermLost):
                    await store.until_lost()
            found = look.execute("SELECT number, is_behind FROM terms").fetchall()
            assert found == [(2, True)]


async def test_a_connection_that_is_made_again_notes_nothing_where_nothing_is_missing(
    cluster: Cluster, server: str
) -> None:
    async with opened(cluster.url(server)) as store:
        for number in range(4):
            asked = asyncio.ensure_future(row(store, number))
            await asyncio.to_thread(end_office, cluster, server)
            await asked
        await store.fence.passed()
        assert await store.do(settled) is None


async def test_receipts_are_one_row_a_process_and_forgotten_once_it_is_long_over(
    cluster: Cluster, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        async with opened(cluster.url(server)) as store:
            for number in range(5):
                with contextlib.suppress(AssertionError):
                    await row(store, number)
    with cluster.admin(server) as admin:
        rows = "SELECT count(*) FROM receipts"
        assert admin.execute(rows).fetchone() == (3,)
        admin.execute("UPDATE receipts SET written_at = written_at - %s", [receipts.KEPT_S])
        async with opened(cluster.url(server)) as store:
            await store.beat(1.0)
        assert admin.execute(rows).fetchone() == (4,)
        monkeypatch.setattr(receipts, "KEPT", 1)
        async with opened(cluster.url(server)) as store:
            await store.beat(1.0)
        assert admin.execute(rows).fetchone() == (2,)


async def test_a_clock_that_is_set_ahead_makes_nobody_who_lives_forget_a_commit(
    cluster: Cluster, server: str
) -> None:
    url = cluster.url(server)
    async with opened(url, leads=False) as ready, opened(url, leads=False) as next_one:
        for number, each in enumerate((ready, next_one)):
            made = columns(number)
            await each.do_anywhere(lambda tx, made=made: tx.invoices.add(**made))
        with cluster.admin(server) as admin:
            admin.execute("UPDATE receipts SET written_at = written_at - %s", [2 * receipts.KEPT_S])
        assert await next_one.lead(NEVER())
        await row(next_one, 2)
        backend = ready._backend
        ticket = backend._ticket  # type: ignore[attr-defined]
        assert await asyncio.to_thread(backend.is_committed, ticket)
        assert written(cluster, server) == [0, 1, 2]
    assert number_of_terms(cluster, server) == 1


async def test_who_begins_a_term_keeps_its_own_receipt(
    cluster: Cluster, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "KEPT", 0)
    async with opened(cluster.url(server), leads=False) as store:
        await store.do_anywhere(lambda tx: tx.invoices.add(**columns(1)))
        with cluster.admin(server) as admin:
            admin.execute("UPDATE receipts SET written_at = written_at - %s", [2 * receipts.KEPT_S])
        assert await store.lead(NEVER())
        await row(store, 2)
