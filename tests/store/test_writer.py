"""Jobs: what is written stays, what fails leaves nothing, and what must be written is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.core.invoice import Invoice
from bot.errors import StoreUnavailable
from bot.store import Store, Tx, sqlite, writer
from bot.store.writer import GROUP
from tests.store.made import (
    CHAT,
    LIMIT_S,
    Busy,
    beside,
    columns,
    committed,
    opened,
    row,
    said,
    until,
    url,
)


async def test_an_answer_comes_once_it_is_committed(store: Store, file: Path) -> None:
    for number in (1, 2, 3):
        await row(store, number)
        assert committed(file)[-1] == number


async def test_a_job_gets_the_values_that_are_handed_with_it(store: Store) -> None:
    def job(tx: Tx, message_id: int, *, part: int) -> tuple[bool, int]:
        return tx.invoices.by_origin(CHAT, message_id, part) is None, part

    assert await store.do(job, 1, part=3) == (True, 3)
    assert await store.must(job, 1, part=4) == (True, 4)


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


async def test_what_nobody_waits_for_is_committed_with_what_comes_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: here, longer than any test."""
    monkeypatch.setattr(writer, "WITH_OTHERS_S", 10 * LIMIT_S)
    order: list[str] = []
    seen: list[object] = []
    sa.event.listen(store._engine, "commit", seen.append)
    jobs = [asyncio.ensure_future(store.do_with_others(_note, order, each)) for each in "ab"]
    await asyncio.sleep(0)
    await store.do(_note, order, "c")
    await asyncio.gather(*jobs)
    assert order == ["a", "b", "c"]
    assert len(seen) == 1


async def test_what_nobody_waits_for_is_committed_soon_all_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    async with opened(file) as store:
        async with asyncio.timeout(LIMIT_S):
            await store.do_with_others(_note, order, "alone")
        monkeypatch.setattr(writer, "WITH_OTHERS_S", 10 * LIMIT_S)
        last = asyncio.ensure_future(store.do_with_others(_note, order, "at the end"))
        await asyncio.sleep(0)
    await last  # a close waits for nothing more
    assert order == ["alone", "at the end"]


def _note(tx: Tx, order: list[str], what: str) -> None:
    tx.memory.was_said("", 0)
    order.append(what)


async def test_a_failing_job_undoes_only_itself(store: Store, file: Path) -> None:
    await row(store, 1)

    def half(tx: Tx) -> None:
        tx.invoices.add(**columns(50))
        raise KeyError("a bug")

    def twice(tx: Tx) -> None:
        tx.invoices.add(**columns(60))
        tx.invoices.add(**columns(61, payment_hash=columns(1)["payment_hash"]))

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
    assert committed(file) == [1, 2, 3, 4]


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
    assert await store.do(lambda tx: tx.invoices.by_origin(CHAT, 1)) is not None


async def test_closing_finishes_what_waits_and_takes_nothing_more(file: Path) -> None:
    store = await Store.open(url(file))
    busy = Busy(store)
    await busy.reached()
    jobs = [asyncio.ensure_future(row(store, number)) for number in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    for call in (store.do, store.must):
        with pytest.raises(StoreUnavailable):
            await call(lambda tx: tx.invoices.get(1))
    await busy.release()
    await closing
    assert len(await asyncio.gather(*jobs)) == 5
    assert committed(file) == [0, 1, 2, 3, 4]
    assert not file.with_name("bot.db-wal").exists()


# when it cannot be written


@pytest.fixture
async def impatient(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A store that waits for nobody's lock, and hardly between two tries."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.01)
    async with opened(file) as store:
        yield store


async def test_a_locked_database_is_unavailable_until_it_is_free(
    impatient: Store, file: Path
) -> None:
    with beside(file) as other:
        other.execute("BEGIN IMMEDIATE")
        jobs = [asyncio.ensure_future(row(impatient, number)) for number in (1, 2)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(each) for each in outcomes] == [StoreUnavailable] * 2
        assert "locked" in outcomes[0].detail
        other.execute("ROLLBACK")
    assert committed(file) == []
    await row(impatient, 1)


async def test_a_lock_that_passes_in_time_is_waited_for(store: Store, file: Path) -> None:
    with beside(file) as other:
        other.execute("BEGIN IMMEDIATE")
        job = asyncio.ensure_future(row(store, 1))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await job


async def test_what_must_be_written_is_once_it_can_and_an_outage_is_logged_once(
    impatient: Store, file: Path
) -> None:
    with capture_logs() as log, beside(file) as other:
        other.execute("BEGIN IMMEDIATE")
        jobs = [
            asyncio.ensure_future(impatient.must(lambda tx, n=n: tx.invoices.add(**columns(n))))
            for n in (1, 2, 3)
        ]
        await until(lambda: bool(log))
        assert committed(file) == []
        other.execute("ROLLBACK")
        await asyncio.gather(*jobs)
        await impatient.must(lambda tx: tx.invoices.get(1))
    assert committed(file) == [1, 2, 3]
    assert [each["log_level"] for each in log] == ["warning", "info"]


async def test_once_one_is_written_the_others_wait_out_no_pause(
    impatient: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = iter([0.0])
    monkeypatch.setattr(writer, "pause_s", lambda *_, **__: next(pauses, 3600.0))
    with beside(file) as other:
        other.execute("BEGIN IMMEDIATE")
        others = [
            asyncio.ensure_future(impatient.must(lambda tx, n=n: tx.invoices.add(**columns(n))))
            for n in (1, 2, 3)
        ]
        await until(lambda: impatient._is_away and next(pauses, None) is None)
        other.execute("ROLLBACK")
    async with asyncio.timeout(LIMIT_S):
        await impatient.must(lambda tx: tx.invoices.add(**columns(4)))
        await asyncio.gather(*others)
    assert sorted(committed(file)) == [1, 2, 3, 4]


async def test_once_it_stops_trying_nothing_is_waited_for(impatient: Store, file: Path) -> None:
    with beside(file) as other:
        other.execute("BEGIN IMMEDIATE")
        job = asyncio.ensure_future(impatient.must(lambda tx: tx.invoices.add(**columns(1))))
        await until(lambda: impatient._is_away)
        assert not job.done()
        impatient.stop_trying()
        with pytest.raises(StoreUnavailable):
            async with asyncio.timeout(LIMIT_S):
                await job
        other.execute("ROLLBACK")
    await impatient.must(lambda tx: tx.invoices.add(**columns(2)))
    assert committed(file) == [2]


async def test_what_a_job_raises_is_not_tried_again(store: Store) -> None:
    tries: list[Tx] = []

    def job(tx: Tx) -> None:
        tries.append(tx)
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await store.must(job)
    assert len(tries) == 1


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
    assert committed(file) == [*range(20), 102]


READ_ONLY = """
    await (await Store.open(url)).close()
    path = url.removeprefix("sqlite:///")
    os.chmod(path, 0o444)
    store = await Store.open(url)
    print(await add(store, 100))
    for each in (path, path + "-wal", path + "-shm"):
        os.chmod(each, 0o600)
    print(await add(store, 101))
    await store.close()
"""


async def test_a_read_only_database_is_unavailable_until_it_can_be_written(file: Path) -> None:
    before, after = await asyncio.to_thread(said, READ_ONLY, file)
    assert "readonly" in before
    assert after == "written"
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.invoices.by_origin(1, 101)) is not None
