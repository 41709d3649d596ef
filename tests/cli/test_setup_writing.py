"""The files of a setup are all there, or everything is as it was; no link is written through."""

from __future__ import annotations

import os
import resource
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.cli.setup.writing import backup_of, write_all
from bot.errors import LinkInTheWay, SettingsNotWritten


def texts(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


def test_new_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_all({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    finally:
        os.umask(before)
    assert texts(tmp_path) == {"a": b"1", "b": b"2"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}


def test_a_file_that_was_there_is_kept_beside_and_one_that_says_the_same_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "b").chmod(0o644)
    write_all({tmp_path / "a": b"new", tmp_path / "b": b"same"})
    assert texts(tmp_path) == {"a": b"new", "a.old": b"old", "b": b"same"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}
    assert backup_of(tmp_path / "a") == tmp_path / "a.old1"


def folder_in_its_place(folder: Path) -> None:
    (folder / "b").mkdir()


def link_in_its_place(folder: Path) -> None:
    (folder / "b").symlink_to(folder / "elsewhere")


@pytest.mark.parametrize("obstacle", [folder_in_its_place, link_in_its_place])
def test_where_one_cannot_be_written_none_is(
    tmp_path: Path, obstacle: Callable[[Path], None]
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    obstacle(tmp_path)
    with pytest.raises((SettingsNotWritten, LinkInTheWay)):
        write_all({tmp_path / "a": b"new", tmp_path / "b": b"2"})
    assert texts(tmp_path) == {"a": b"old"}
    assert not (tmp_path / "elsewhere").exists()


def test_what_fails_as_the_last_is_put_in_its_place_undoes_the_others(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"same")
    last = tmp_path / "sub" / "c"
    last.parent.mkdir()
    immutable = tmp_path / "sub"

    class Goes(dict[Path, bytes]):
        """Its last file's folder goes as the first one is in its place."""

        def __getitem__(self, path: Path) -> bytes:
            if path == last:
                for each in immutable.iterdir():
                    each.unlink()
                immutable.rmdir()
            return super().__getitem__(path)

    with pytest.raises(SettingsNotWritten):
        write_all(Goes({tmp_path / "a": b"new", tmp_path / "b": b"same", last: b"3"}))
    assert texts(tmp_path) == {"a": b"old", "b": b"same"}


def test_a_file_that_cannot_be_written_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, most))
    try:
        with pytest.raises(SettingsNotWritten) as caught:
            write_all({tmp_path / "a": b"new", tmp_path / "b": b"more than fits"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert caught.value.values["path"] == str(tmp_path / "b")
    assert texts(tmp_path) == {}


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is heard here, also where whoever runs the tests does not listen to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_while_the_files_are_put_in_their_places_changes_nothing(tmp_path: Path) -> None:
    class Interrupts(dict[Path, bytes]):
        """A signal comes with each file."""

        def __getitem__(self, path: Path) -> bytes:
            os.kill(os.getpid(), signal.SIGINT)
            return super().__getitem__(path)

    (tmp_path / "a").write_bytes(b"old")
    write_all(Interrupts({tmp_path / "a": b"1", tmp_path / "b": b"2"}))
    assert texts(tmp_path) == {"a": b"1", "a.old": b"old", "b": b"2"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_files_have_one_name_only_a_copy_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"old")
    write_all({tmp_path / "a": b"new"})
    assert texts(tmp_path) == {"a": b"new", "a.old": b"old"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}
