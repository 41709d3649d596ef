"""Where the owner can have a file written: never over one of the bot's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import Settings, load
from bot.core.wishes import OutputProblem
from bot.store import targets

CERTIFICATE = "-----BEGIN CERTIFICATE-----"
#: Everything that a bot has: what its settings name, and what it has beside its database.
OWN = [
    *("config.toml", "token", "lnd.cert", "bot.macaroon", "password"),
    *("data/b.db", "data/b.db-wal", "data/b.db-shm", "data/b.db-journal"),
    *("data/b.db.lock", "data/b.db.pid", "data/b.db.new", "data/b.alive"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a bot whose files all are there."""
    folder = tmp_path / "bot"
    (folder / "data").mkdir(parents=True)
    for name in OWN:
        (folder / name).write_text("mine")
    (folder / "token").write_text("123456789:AAF0")
    (folder / "lnd.cert").write_text(CERTIFICATE)
    (folder / "config.toml").write_text(
        """
        [telegram]
        token_file = "token"
        [lnd]
        tls_cert = "lnd.cert"
        macaroon = "bot.macaroon"
        [database]
        url = "sqlite:///data/b.db"
        password_file = "password"
        """
    )
    return folder


def settings(folder: Path) -> Settings:
    return load(folder / "config.toml", {})


def refused(folder: Path, file: Path, *, force: bool = True) -> OutputProblem | None:
    own = targets.own_files(settings(folder), folder / "config.toml")
    found = targets.why_not(file, own=own, force=force)
    return None if found is None else found.problem


def by_its_name(file: Path) -> Path:
    return file


def by_a_way_round(file: Path) -> Path:
    (file.parent / "way").mkdir()
    return file.parent / "way" / ".." / file.name


def by_a_link_to_its_folder(file: Path) -> Path:
    link = file.parent.parent / "link"
    link.symlink_to(file.parent, target_is_directory=True)
    return link / file.name


def by_a_hard_link(file: Path) -> Path:
    other = file.with_name("other")
    other.hardlink_to(file)
    return other


WAYS = [by_its_name, by_a_way_round, by_a_link_to_its_folder, by_a_hard_link]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OWN)
def test_no_file_of_the_bots_own_is_replaced_by_whatever_name(
    folder: Path, name: str, way: Callable[[Path], Path], force: bool
) -> None:
    assert refused(folder, way(folder / name), force=force) is OutputProblem.IS_OURS


@pytest.mark.parametrize("name", OWN[6:])
@pytest.mark.parametrize("way", WAYS[:3])
def test_a_name_that_the_bot_will_write_to_is_its_own_before_the_file_is_there(
    folder: Path, name: str, way: Callable[[Path], Path]
) -> None:
    (folder / name).unlink()
    assert refused(folder, way(folder / name)) is OutputProblem.IS_OURS


@pytest.mark.parametrize("name", OWN)
def test_what_settings_name_by_a_link_is_the_bots_own_by_both_names(
    folder: Path, tmp_path: Path, name: str
) -> None:
    """As where the settings are kept elsewhere, or the database is on another disk."""
    (tmp_path / "disk").mkdir()
    real = tmp_path / "disk" / Path(name).name
    (folder / name).rename(real)
    (folder / name).symlink_to(real)
    assert refused(folder, real) is OutputProblem.IS_OURS
    assert refused(folder, folder / name) is OutputProblem.NOT_A_FILE


def test_what_is_beside_a_database_that_a_link_leads_to_is_the_bots_own(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    real = tmp_path / "disk" / "real.db"
    (folder / "data" / "b.db").rename(real)
    (folder / "data" / "b.db").symlink_to(real)
    for ending in ("-wal", ".lock"):
        assert refused(folder, real.with_name(real.name + ending)) is OutputProblem.IS_OURS


def test_another_file_is_replaced_by_force_alone(folder: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "x", folder / "x", folder / "data" / "x"):
        assert refused(folder, file, force=False) is None
        file.write_text("theirs")
        assert refused(folder, file, force=False) is OutputProblem.EXISTS
        assert refused(folder, file) is None


def test_what_is_no_place_for_a_file_is_said(folder: Path, tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    expected = {
        folder / "data": OutputProblem.IS_FOLDER,
        folder / "no" / "x": OutputProblem.FOLDER_MISSING,
        folder / ("x" * 300): OutputProblem.NOT_WRITTEN,
        folder / "x\0y": OutputProblem.NOT_WRITTEN,
        circle: OutputProblem.NOT_A_FILE,
        circle / "x": OutputProblem.FOLDER_MISSING,
        Path("/dev/null"): OutputProblem.NOT_A_FILE,
    }
    assert {file: refused(folder, file) for file in expected} == expected
