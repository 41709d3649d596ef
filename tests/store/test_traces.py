"""What a row no longer has is in no file: a preimage is worth money."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.invoice import State
from bot.store import Store, sqlite
from tests.store.made import NOW, beside, columns, opened, read, row, until

PREIMAGE = b"a-preimage-that-nobody-may-find!"


def traces(file: Path) -> set[str]:
    """The files beside the database that have the preimage anywhere."""
    return {each.name for each in file.parent.iterdir() if PREIMAGE in each.read_bytes()}


@pytest.fixture
async def restless(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A store that is idle soon."""
    monkeypatch.setattr(sqlite.Sqlite, "idle_s", 0.05)
    async with opened(file) as store:
        yield store


async def opened_at_the_node(store: Store) -> None:
    for number in range(1, 20):  # so that the page with it is not written alone
        await row(store, number)
    mine = await row(store, 50, preimage=PREIMAGE)
    for number in range(20, 40):
        await row(store, number)
    await store.do(
        lambda tx: tx.invoices.update(
            mine.id, state=State.OPEN, preimage=None, payment_request="lnbc" + 300 * "x"
        )
    )
    assert (await read(store, mine.id)).preimage is None


async def test_once_idle_no_file_has_the_preimage_of_an_open_invoice(
    restless: Store, file: Path
) -> None:
    await opened_at_the_node(restless)
    assert traces(file) == {"bot.db-wal"}
    await until(lambda: not traces(file))
    assert file.with_name("bot.db-wal").stat().st_size == 0
    assert await restless.do(lambda tx: tx.invoices.by_origin(-500, 50)) is not None


async def test_what_is_removed_leaves_nothing_either(restless: Store, file: Path) -> None:
    done = columns(1, state=State.FAILED, preimage=PREIMAGE, due_at=None)
    await restless.do(lambda tx: tx.invoices.add(**done))
    await until(lambda: traces(file) == {"bot.db"})
    assert await restless.do(lambda tx: tx.agenda.prune(NOW + 100, 10)) == 1
    await until(lambda: not traces(file))


async def test_a_reader_keeps_nobody_waiting_and_the_journal_is_emptied_after_it(
    restless: Store, file: Path
) -> None:
    with beside(file) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM invoices").fetchone()
        await opened_at_the_node(restless)
        async with asyncio.timeout(4):  # less than a lock is waited for
            for number in range(60, 63):
                await asyncio.sleep(0.1)
                await row(restless, number)
        assert traces(file)
        other.execute("ROLLBACK")
    await until(lambda: not traces(file))


async def test_what_a_killed_process_left_in_the_journal_is_emptied(
    restless: Store, file: Path, tmp_path: Path
) -> None:
    await opened_at_the_node(restless)
    copy = tmp_path / "copy" / "bot.db"
    copy.parent.mkdir()
    for ending in ("", "-wal"):
        content = file.with_name(f"bot.db{ending}").read_bytes()
        copy.with_name(f"bot.db{ending}").write_bytes(content)
    assert traces(copy)
    async with opened(copy):
        await until(lambda: not traces(copy))


async def test_a_sign_of_life_is_written_and_does_not_empty_the_journal(
    restless: Store, file: Path
) -> None:
    journal = file.with_name("bot.db-wal")
    await row(restless)
    await until(lambda: journal.stat().st_size == 0)
    await restless.beat(NOW)
    assert journal.stat().st_size > 0
    await asyncio.sleep(3 * sqlite.Sqlite.idle_s)
    assert journal.stat().st_size > 0
