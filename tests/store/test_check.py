"""What is found of the database: its folder, its file, what a start would refuse."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.config import DatabaseSettings
from bot.errors import DatabaseDamaged, DatabaseTooNew, NotADatabase, StartError
from bot.findings import About, Finding, Kind, Mark
from bot.store import Store
from bot.store.check import check_database
from bot.store.migrations import versions

FINE, NOTE, BAD = Mark.FINE, Mark.NOTE, Mark.BAD


def found(file: Path) -> Finding:
    """The one thing that is found of this file."""
    (finding,) = check_database(DatabaseSettings(url=f"sqlite:///{file}"))
    assert finding.about is About.DATABASE
    return finding


def of(kind: Kind, path: object, mark: Mark = BAD) -> Finding:
    return Finding(mark, About.DATABASE, kind, {"path": str(path)})


async def test_a_database_whose_folder_is_made_at_start(tmp_path: Path) -> None:
    file = tmp_path / "new" / "data" / "bot.db"

    assert found(file) == of(Kind.WRITABLE, file, FINE)

    assert not (tmp_path / "new").exists()
    store = await Store.open(f"sqlite:///{file}")
    await store.close()


def test_a_database_that_is_a_folder(tmp_path: Path) -> None:
    assert found(tmp_path) == of(Kind.IS_FOLDER, tmp_path)


def test_a_database_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("x")

    assert found(tmp_path / "notes" / "bot.db") == of(Kind.NOT_A_FOLDER, tmp_path / "notes")


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Root can write everywhere: be somebody else."""
    was = os.geteuid()
    os.seteuid(65_534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can see."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "mark", "kind", "path"),
    [
        (0o555, None, BAD, Kind.FOLDER_READ_ONLY, "."),
        (0o777, 0o444, BAD, Kind.FILE_READ_ONLY, "bot.db"),
        (0o777, 0o666, FINE, Kind.WRITABLE, "bot.db"),
        (0o777, None, FINE, Kind.WRITABLE, "bot.db"),
        (0o666, None, BAD, Kind.FOLDER_CLOSED, "."),
    ],
)
def test_a_database_that_cannot_be_written(
    folder: Path, folder_mode: int, file_mode: int | None, mark: Mark, kind: Kind, path: str
) -> None:
    if file_mode is not None:
        (folder / "bot.db").touch()
        (folder / "bot.db").chmod(file_mode)
    folder.chmod(folder_mode)

    with unprivileged():
        finding = found(folder / "bot.db")

    assert finding == of(kind, folder / path, mark)


def test_a_database_in_a_folder_that_nobody_can_make(folder: Path) -> None:
    folder.chmod(0o555)

    with unprivileged():
        finding = found(folder / "data" / "bot.db")

    assert finding == of(Kind.FOLDER_MISSING, folder / "data")


VERSIONS = Path(versions.__file__ or "").parent.glob("[0-9]*.py")
NEWEST = max(path.name.partition("_")[0] for path in VERSIONS).encode()

DATABASES: dict[str, tuple[Callable[[bytes], bytes], type[StartError]]] = {
    "cut short": (lambda whole: whole[:5000], DatabaseDamaged),
    "of a newer version": (lambda whole: whole.replace(NEWEST, b"9999"), DatabaseTooNew),
    "no database": (lambda _: b"songs" * 1000, NotADatabase),
}


@pytest.mark.parametrize("kind", DATABASES)
async def test_a_database_that_a_start_would_refuse_stays_as_it_is(
    tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "bot.db"
    await (await Store.open(f"sqlite:///{file}")).close()
    change, error = DATABASES[kind]
    content = change(file.read_bytes())
    file.write_bytes(content)
    before = sorted(tmp_path.iterdir())

    finding = found(file)

    assert (finding.mark, finding.kind) == (BAD, Kind.REFUSED)
    assert type(finding.error) is error
    assert file.read_bytes() == content
    assert sorted(tmp_path.iterdir()) == before


async def test_the_database_of_a_bot_that_runs_is_in_order(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"
    store = await Store.open(f"sqlite:///{file}")

    finding = found(file)
    await store.close()

    assert finding == of(Kind.WRITABLE, file, FINE)


@pytest.mark.parametrize(("free_bytes", "mark"), [(5_000_000, NOTE), (0, BAD)])
def test_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, mark: Mark
) -> None:
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)

    finding = found(tmp_path / "bot.db")

    values = {"free_bytes": free_bytes, "path": str(tmp_path)}
    assert finding == Finding(mark, About.DATABASE, Kind.LITTLE_SPACE, values)
