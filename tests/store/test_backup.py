"""A backup is whole, holds no secret of an open invoice, and goes nowhere that it must not."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.actions import claims
from bot.core.board import ANY_FACE
from bot.core.grants import Granted
from bot.core.invoice import State
from bot.core.knocks import ASKER, Due, Knock, KnockState
from bot.core.wishes import BackupProblem
from bot.core.work import Do
from bot.errors import (
    BackupFailed,
    BackupRefused,
    DatabaseDamaged,
    DatabaseJournalLeft,
    DatabaseMissing,
    DatabaseTooNew,
    DatabaseUnreadable,
    NotADatabase,
    StartError,
)
from bot.store import UNINVITED, Delivered, Reader, Store, Tx, backup, migrations, peek
from bot.store.backup import Saved
from bot.store.copying import TABLES
from bot.store.move import move
from tests import postgres
from tests.postgres import Cluster
from tests.store.bills import bill, now, part, rest
from tests.store.made import CHAT, NOW, beside, opened, read, row, url
from tests.store.test_migrations import add, at_version
from tests.store.test_traces import PREIMAGE, traces
from tests.ways import Way

OWNER = 77


#: What may have gone out of a row by the time that its backup is restored.
UNSURE = {Do.ANNOUNCE, Do.NOTIFY_OWNERS, Do.SEND_CARD}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """In a folder of its own."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "saved.db"


def back_up(file: Path, target: Path, *, force: bool = False) -> Saved:
    return backup.back_up(url(file), target, owners=[OWNER], force=force)


def problem_of(file: Path, target: Path, *, force: bool = False) -> BackupProblem:
    """Why there is no backup; nothing is left of it, and what was there is as it was."""
    before = sorted(target.parent.iterdir()) if target.parent.is_dir() else []
    with pytest.raises(BackupRefused) as refused:
        back_up(file, target, force=force)
    assert (sorted(target.parent.iterdir()) if target.parent.is_dir() else []) == before
    return BackupProblem(refused.value.values["problem"])


async def test_a_backup_beside_a_running_bot_is_whole_and_readable_by_its_user_only(
    store: Store, file: Path, target: Path
) -> None:
    for number in range(1, 30):
        await row(store, number, state=State.OPEN, preimage=None)
    saved = back_up(file, target)
    assert (saved.invoices, saved.unhandled, saved.size_bytes) == (29, 0, target.stat().st_size)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [each.name for each in target.parent.iterdir()] == [target.name]
    with beside(target) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM invoices").fetchone() == (29,)
    async with opened(target) as restored:
        assert await restored.do(lambda tx: tx.invoices.by_origin(CHAT, 29)) is not None


async def test_what_is_only_in_the_journal_is_in_the_backup(
    store: Store, file: Path, target: Path
) -> None:
    await row(store, 1, state=State.OPEN, preimage=None)
    assert file.with_name("bot.db-wal").stat().st_size > 0
    assert back_up(file, target).invoices == 1


async def test_a_write_during_a_backup_waits_for_nothing_and_begins_nothing_again(
    store: Store, file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 60):
        await row(store, number, state=State.OPEN, preimage=None, memo="x" * 600)
    monkeypatch.setattr(backup, "STEP", 1)
    steps = 0

    def meanwhile(_s: float) -> None:
        nonlocal steps
        steps += 1
        with closing(sqlite3.connect(file, timeout=0)) as other:
            other.execute("UPDATE invoices SET memo = ? WHERE id = 1", (f"{steps}" * 300,))
            other.commit()

    monkeypatch.setattr(backup.time, "sleep", meanwhile)
    assert back_up(file, target).invoices == 59
    with beside(target) as copy:
        (pages,) = copy.execute("PRAGMA page_count").fetchone()
        assert copy.execute("SELECT memo FROM invoices WHERE id = 1").fetchone() == ("x" * 600,)
    assert steps <= pages + 1
    assert await store.do(lambda tx: tx.invoices.by_origin(CHAT, 1)) is not None


async def test_a_bot_that_does_not_run_is_backed_up_and_its_files_stay_as_they_are(
    file: Path, target: Path
) -> None:
    async with opened(file) as store:
        await row(store, 1, state=State.OPEN, preimage=None)
    before = {each.name: each.read_bytes() for each in file.parent.iterdir() if each.is_file()}
    assert back_up(file, target).invoices == 1
    after = {each.name: each.read_bytes() for each in file.parent.iterdir() if each.is_file()}
    assert after == before


async def test_what_a_killed_bot_left_in_its_journal_is_in_the_backup(
    store: Store, file: Path, tmp_path: Path, target: Path
) -> None:
    await row(store, 1, state=State.OPEN, preimage=None)
    killed = tmp_path / "killed" / "bot.db"
    killed.parent.mkdir()
    for ending in ("", "-wal"):
        content = file.with_name(f"bot.db{ending}").read_bytes()
        killed.with_name(f"bot.db{ending}").write_bytes(content)
    before = killed.read_bytes()
    assert back_up(killed, target).invoices == 1
    assert killed.read_bytes() == before
    assert killed.with_name("bot.db-wal").stat().st_size > 0


async def test_a_backup_that_is_put_beside_the_journal_of_another_is_refused_and_untouched(
    store: Store, file: Path, tmp_path: Path, target: Path
) -> None:
    back_up(file, target)
    await row(store, 1)
    restored = tmp_path / "restored" / "bot.db"
    restored.parent.mkdir()
    restored.write_bytes(target.read_bytes())
    journal = restored.with_name("bot.db-wal")
    journal.write_bytes(file.with_name("bot.db-wal").read_bytes())
    before = journal.read_bytes()
    for _ in range(2):
        with pytest.raises(DatabaseJournalLeft):
            await Store.open(url(restored))
        assert (restored.read_bytes(), journal.read_bytes()) == (target.read_bytes(), before)
    journal.unlink()
    async with opened(restored) as mine:
        await row(mine, 2)
    async with opened(restored) as mine:
        assert await mine.do(lambda tx: tx.invoices.by_origin(CHAT, 2)) is not None


# what it says of a row


@pytest.mark.parametrize("state", [State.ASKING, State.PENDING, State.FAILED])
async def test_a_backup_has_no_preimage(
    store: Store, file: Path, target: Path, state: State
) -> None:
    for number in range(1, 20):
        await row(store, number, state=State.OPEN, preimage=None)
    mine = await row(store, 50, state=state, preimage=PREIMAGE)
    saved = back_up(file, target)
    assert traces(target) == set()
    assert (await read(store, mine.id)).preimage == PREIMAGE
    assert saved.unhandled == 0
    async with opened(target) as restored:
        kept = await read(restored, mine.id)
    dropped = state is State.ASKING
    assert kept.state is (State.DROPPED if dropped else state)
    assert kept.preimage is None
    assert not dropped or kept.due_at is None


async def test_what_may_be_announced_after_the_backup_may_be_a_duplicate_then(
    store: Store, file: Path, target: Path
) -> None:
    bare = {"preimage": None}
    shown = await row(store, 1, state=State.OPEN, card_id=100, **bare)
    unseen = await row(store, 2, state=State.OPEN, **bare)
    news = await row(store, 3, state=State.SETTLED, card_id=102, **bare)
    over = await row(store, 4, state=State.SETTLED, card_id=103, announced=True, **bare)
    expired = await row(store, 5, state=State.EXPIRED, card_id=104, **bare)
    back_up(file, target)
    async with opened(target) as restored:
        unsure = {
            each.id: (await read(restored, each.id)).unsure
            for each in (shown, unseen, news, over, expired)
        }
        notified = (await read(restored, shown.id)).notified
    assert unsure == {
        **dict.fromkeys((shown.id, unseen.id, news.id), UNSURE),
        **{key: set() for key in (over.id, expired.id)},
    }
    assert notified == {OWNER: False}
    assert not (await read(store, shown.id)).unsure


async def test_a_board_of_a_backup_may_have_announced_its_end(
    store: Store, file: Path, target: Path
) -> None:
    made = await bill(store)
    pending = await part(store, made, state=State.PENDING)
    await rest(store, made)
    back_up(file, target)
    async with opened(target) as restored:
        assert (await read(restored, pending.id)).state is State.PENDING
        kept = await now(restored, made)
    assert kept.unsure == {Do.ANNOUNCE, Do.SEND_CARD, Do.REMIND}
    assert kept.shown == ANY_FACE, "nobody knows what its message says by then"
    assert kept.due_at is not None
    assert (await now(store, made)).due_at is None


async def test_what_may_be_told_by_the_time_of_a_restore_says_so(
    store: Store, file: Path, target: Path
) -> None:
    """What waited for the node, a notice that waited, and who asked for the board of a part."""
    made = await bill(store)
    pending = await row(store, 1)
    announced = await row(
        store, 2, state=State.SETTLED, announced=True, notify_owners=True, notified={8: True}
    )
    of_board = await part(store, made, requester_id=9)
    backup.back_up(url(file), target, owners=[7, 8])
    async with opened(target) as restored:
        of_pending, of_announced, of_part = [
            await read(restored, each.id) for each in (pending, announced, of_board)
        ]
    assert of_pending.state is State.PENDING
    assert of_pending.unsure == UNSURE
    assert of_pending.notified == {7: False, 8: False}
    assert of_announced.notified == {7: False, 8: True}
    assert set(of_part.notified) >= {7, 8, 9}


async def test_a_restored_bot_leaves_no_group_that_may_have_been_let_in_since(
    store: Store, file: Path, target: Path
) -> None:
    def claim(tx: Tx) -> bool:
        return tx.memory.claim_hint(UNINVITED, CHAT, now=NOW, every_s=1e9)

    def noted(tx: Tx) -> list[int]:
        return list(tx.memory.hints(UNINVITED, before=NOW + 1))

    assert await store.do(claim)
    back_up(file, target)
    async with opened(target) as restored:
        assert await restored.do(noted) == []
    assert await store.do(noted) == [CHAT]


async def test_a_backup_has_no_claim_code_and_a_restored_one_draws_its_own(
    store: Store, file: Path, target: Path
) -> None:
    code = await store.do(claims.claim_code, drawn=claims.draw())
    back_up(file, target)
    assert code.encode() not in target.read_bytes()
    async with opened(target) as restored:
        assert await restored.do(claims.claim_code, drawn="claim-new") == "claim-new"
    assert await store.do(claims.claim_code, drawn="claim-new") == code


async def test_a_backup_leaves_what_telegram_has_delivered_to_the_bot_that_goes_on(
    store: Store, file: Path, target: Path
) -> None:
    def put(tx: Tx) -> None:
        tx.inbox.put(1, Delivered(7, 5, '{"text": "a command of then"}', NOW))

    def count(tx: Tx) -> int:
        return tx.inbox.count()

    await store.do(put)
    assert back_up(file, target).unhandled == 1
    assert b"a command of then" not in target.read_bytes()
    async with opened(target) as restored:
        assert await restored.do(count) == 0
    assert await store.do(count) == 1


async def test_a_backup_shows_a_knock_to_owners_who_have_no_message_of_it_and_edits_those_of_others(
    store: Store, file: Path, target: Path
) -> None:
    """What an owner has may say what was answered since the backup."""
    waits, away = OWNER + 1, OWNER + 2
    asked = await store.do(knock_at, [OWNER, waits, away])
    await store.do(show, asked, OWNER)
    await store.do(set_away, away)
    back_up(file, target)
    async with opened(target) as restored:
        found = [(each.reader_id, each.message_id) for each in await restored.do(due)]
        assert found == [(OWNER, 9), (waits, None), (away, None)]


async def test_who_was_let_in_while_a_backup_was_made_hears_of_it_from_the_restored_bot(
    store: Store, file: Path, target: Path
) -> None:
    asked = await store.do(knock_at, [OWNER])
    await store.do(show, asked, OWNER)
    await store.do(let_in, asked)
    back_up(file, target)
    async with opened(target) as restored:
        assert [each.reader_id for each in await restored.do(due)] == [ASKER]


def knock_at(tx: Tx, owners: list[int]) -> Knock:
    asked = Knock(0, "a", 7, "Ben", "", 7, "", None, None, NOW, True)
    return tx.knocks.add(asked, owners)


def show(tx: Tx, asked: Knock, owner: int) -> None:
    tx.knocks.show(asked.id, owner, asked.state, 9)


def let_in(tx: Tx, asked: Knock) -> None:
    tx.knocks.answer([asked.id], KnockState.ALLOWED, "Olga", NOW)


def set_away(tx: Tx, owner: int) -> None:
    tx.chats.set_unreachable(owner, True, NOW)


def due(tx: Tx) -> list[Due]:
    return tx.knocks.due()


async def test_a_database_of_an_earlier_version_is_backed_up_as_one_of_this_version(
    file: Path, target: Path
) -> None:
    """The program may be newer than the bot that still runs: the database stays as it is."""
    with at_version(file, "0004") as (connection, table):
        add(connection, table, 1, state="pending", preimage=PREIMAGE, due_at=NOW)
        add(connection, table, 2, state="open", preimage=None)
    saved = back_up(file, target)
    assert (saved.invoices, saved.unhandled) == (2, 0)
    assert traces(target) == set()
    for path, version in ((target, migrations.known()[-1]), (file, "0004")):
        with beside(path) as copy:
            look = "SELECT version_num FROM alembic_version"
            assert copy.execute(look).fetchone() == (version,)
    async with opened(target) as restored:
        waited, shown = await read(restored, 1), await read(restored, 2)
    assert (waited.state, shown.state) == (State.PENDING, State.OPEN)
    assert waited.preimage is None
    assert Do.ANNOUNCE in waited.unsure & shown.unsure


@pytest.mark.usefixtures("store")
async def test_the_part_of_a_backup_that_was_killed_is_removed_by_the_next(
    file: Path, target: Path
) -> None:
    parts = {name: target.with_name(f".backup-{name}.part") for name in ("killed", "busy", "new")}
    link = target.with_name(".backup-link.part")
    link.symlink_to(file)
    for each in parts.values():
        each.write_bytes(PREIMAGE)
    journal = target.with_name(f"{parts['killed'].name}-journal")
    journal.write_bytes(PREIMAGE)
    for each in (parts["killed"], parts["busy"]):
        os.utime(each, (NOW, NOW))
    with parts["busy"].open("rb") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        back_up(file, target)
    left = {each.name for each in target.parent.iterdir()}
    assert left == {target.name, link.name, parts["busy"].name, parts["new"].name}
    assert file.exists()


def pipe(file: Path) -> None:
    os.mkfifo(file)


def loop(file: Path) -> None:
    file.symlink_to(file.with_name("other"))
    file.with_name("other").symlink_to(file)


@pytest.mark.parametrize(
    ("make", "error"),
    [(pipe, NotADatabase), (loop, DatabaseUnreadable), (Path.touch, DatabaseMissing)],
)
def test_what_is_no_database_is_named_and_waited_for_by_nobody(
    tmp_path: Path, target: Path, make: Callable[[Path], None], error: type[StartError]
) -> None:
    file = tmp_path / "odd.db"
    make(file)
    with pytest.raises(error):
        back_up(file, target)
    assert list(target.parent.iterdir()) == []
    assert peek.granted(f"sqlite:///{file}") == Granted()
    assert peek.owners(f"sqlite:///{file}") == {}


# where it goes


async def test_a_file_that_is_there_is_replaced_only_by_force(
    store: Store, file: Path, target: Path
) -> None:
    target.write_text("precious")
    target.chmod(0o644)
    assert problem_of(file, target) is BackupProblem.EXISTS
    assert target.read_text() == "precious"
    await row(store, 1, state=State.OPEN, preimage=None)
    assert back_up(file, target, force=True).invoices == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("ending", ["", "-wal", "-shm", ".lock", ".pid"])
async def test_the_database_itself_is_never_replaced(
    store: Store, file: Path, ending: str, force: bool
) -> None:
    mine = file.with_name(file.name + ending)
    assert problem_of(file, mine, force=force) is BackupProblem.IS_DATABASE
    (file.parent / "way").mkdir()
    around = file.parent / "way" / ".." / mine.name
    assert problem_of(file, around, force=force) is BackupProblem.IS_DATABASE
    await row(store, 1)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("leads_to", ["the database", "a file", "nowhere"])
def test_a_backup_is_written_through_no_link(
    file: Path, empty: bytes, target: Path, leads_to: str, force: bool
) -> None:
    file.write_bytes(empty)
    other = target.with_name("other")
    if leads_to == "a file":
        other.write_text("precious")
    target.symlink_to(file if leads_to == "the database" else other)
    assert problem_of(file, target, force=force) is BackupProblem.NOT_A_FILE
    assert file.read_bytes() == empty
    assert target.is_symlink()
    assert not other.exists() or other.read_text() == "precious"


def test_a_pipe_or_a_folder_is_no_backup(file: Path, empty: bytes, target: Path) -> None:
    file.write_bytes(empty)
    assert problem_of(file, target.parent, force=True) is BackupProblem.IS_FOLDER
    os.mkfifo(target)
    assert problem_of(file, target, force=True) is BackupProblem.NOT_A_FILE
    assert problem_of(file, target.parent / "no" / "x.db") is BackupProblem.FOLDER_MISSING
    assert problem_of(file, target.parent / ("x" * 300)) is BackupProblem.NOT_WRITTEN


def test_without_a_database_there_is_no_backup(file: Path, target: Path) -> None:
    with pytest.raises(DatabaseMissing):
        back_up(file, target)
    assert not list(target.parent.iterdir())
    assert not file.exists()


def test_what_is_no_whole_database_of_ours_is_not_backed_up(
    file: Path, empty: bytes, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"something else, and long enough to be read")
    with pytest.raises(NotADatabase):
        back_up(file, target)
    file.write_bytes(empty[: len(empty) // 2])
    with pytest.raises(DatabaseDamaged):
        back_up(file, target)
    file.write_bytes(empty)
    monkeypatch.setattr(migrations, "known", lambda: ["0001"])
    with pytest.raises(DatabaseTooNew):
        back_up(file, target)
    assert not list(target.parent.iterdir())


async def test_of_a_backup_on_a_full_disk_nothing_is_left(
    store: Store, file: Path, target: Path
) -> None:
    for number in range(1, 100):
        await row(store, number, memo="x" * 600)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))\n"
        "from bot.store.backup import back_up; from bot.errors import BackupFailed\n"
        "try: back_up(sys.argv[1], Path(sys.argv[2]), owners=[])\n"
        "except BackupFailed as error: print(error.values['problem'])\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, url(file), str(target)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == BackupProblem.NOT_WRITTEN
    assert not list(target.parent.iterdir())


async def test_a_backup_that_is_interrupted_leaves_nothing(
    store: Store, file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await row(store, 1)

    def interrupted(_s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backup.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        back_up(file, target)
    assert not list(target.parent.iterdir())
    await row(store, 2)


async def test_a_backup_that_is_not_whole_is_none(
    store: Store, file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first look, which has little time, did not find."""
    for number in range(1, 50):
        await row(store, number, memo="x" * 600, state=State.OPEN, preimage=None)
    copy = backup._copy

    def damaged(path: Path, part: Path) -> None:
        copy(path, part)
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA writable_schema=ON")
            connection.execute("DELETE FROM sqlite_master WHERE name = 'invoices_state'")
            connection.commit()

    monkeypatch.setattr(backup, "_copy", damaged)
    with pytest.raises(BackupFailed) as failed:
        back_up(file, target)
    assert failed.value.values["problem"] == BackupProblem.NOT_WHOLE
    assert not list(target.parent.iterdir())


# of a server's database


def rows_of(file: Path) -> dict[str, list[tuple[object, ...]]]:
    with beside(file) as copy:
        return {
            table.name: sorted(map(tuple, copy.execute(f"SELECT * FROM {table.name}")), key=repr)
            for table in TABLES
        }


async def test_a_backup_of_a_server_says_of_each_row_what_one_of_a_file_says(
    store: Store, file: Path, target: Path, cluster: Cluster
) -> None:
    await row(store, 1, state=State.OPEN, preimage=None)
    await row(store, 2, state=State.PENDING, preimage=PREIMAGE)
    await row(store, 3, state=State.SETTLED, preimage=None, announced=False)
    await bill(store)
    await store.close()
    same = target.with_name("same.db")
    with postgres.database(cluster) as name:
        server = cluster.url(name)
        move(url(file), server, tell=lambda *_: None, seal=lambda: None)
        bot = await Store.open(server)
        try:
            assert await bot.lead(asyncio.Event())  # it runs meanwhile
            saved = await asyncio.to_thread(backup.back_up, server, target, owners=[OWNER])
        finally:
            await bot.close()
    of_file = back_up(file, same)
    assert saved[:2] == of_file[:2]
    assert saved.unhandled == 0
    assert rows_of(target) == rows_of(same)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not traces(target)
    assert sorted(each.name for each in target.parent.iterdir()) == ["same.db", "saved.db"]
    async with opened(target) as restored:
        assert await restored.do(lambda tx: tx.invoices.by_origin(CHAT, 1)) is not None


async def test_a_backup_becomes_a_servers_database_again(
    store: Store, file: Path, target: Path, cluster: Cluster
) -> None:
    await row(store, 1, state=State.OPEN, preimage=None)
    back_up(file, target)
    before = target.read_bytes()
    with postgres.database(cluster, template="template0") as name:
        move(url(target), cluster.url(name), tell=lambda *_: None, seal=lambda: None)
        assert Reader(cluster.url(name)).do(lambda tx: tx.invoices.by_origin(CHAT, 1)) is not None
    assert target.read_bytes() == before


async def test_a_restored_dump_becomes_a_backup_that_says_what_may_have_gone_out(
    target: Path, cluster: Cluster
) -> None:
    with (
        postgres.database(cluster) as name,
        postgres.database(cluster, template="template0") as other,
    ):
        bot = await Store.open(cluster.url(name))
        try:
            assert await bot.lead(asyncio.Event())
            await row(bot, 1, state=State.OPEN, preimage=None)
            await row(bot, 2, state=State.PENDING, preimage=PREIMAGE)
            dump = await run(cluster.binaries / "pg_dump", cluster.url(name))
        finally:
            await bot.close()
        await run(cluster.binaries / "psql", "-q", "-d", cluster.url(other), stdin=dump)
        saved = await asyncio.to_thread(backup.back_up, cluster.url(other), target, owners=[OWNER])
    assert (saved.invoices, saved.unhandled) == (2, 0)
    assert not traces(target)
    async with opened(target) as restored:
        found = await restored.do(lambda tx: tx.invoices.by_origin(CHAT, 1))
        assert found is not None
        assert Do.ANNOUNCE in found.unsure


async def run(program: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(str(program), *arguments), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(stdin)
    assert process.returncode == 0
    return out


async def test_where_a_server_has_no_database_of_ours_there_is_no_backup(
    target: Path, cluster: Cluster
) -> None:
    with postgres.database(cluster, template="template0") as name:
        with pytest.raises(DatabaseMissing):
            await asyncio.to_thread(backup.back_up, cluster.url(name), target, owners=[])
        with cluster.admin(name) as admin:
            assert admin.execute(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            ).fetchone() == (0,)
    assert not list(target.parent.iterdir())


async def test_of_a_backup_of_a_server_that_goes_away_nothing_is_left(
    target: Path, cluster: Cluster
) -> None:
    with postgres.database(cluster) as name:
        async with Way(cluster.port) as way:
            way.cut_before = b"FROM invoices"
            with pytest.raises(BackupFailed):
                await asyncio.to_thread(
                    backup.back_up, cluster.url(name, port=way.port), target, owners=[]
                )
    assert not list(target.parent.iterdir())
