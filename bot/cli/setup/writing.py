"""Files that are all written or none. Knows modes, links and signals.

Each is written to the side, then all are put in their places. A file that was there before is kept
beside the new one, under another name.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from bot.core.wishes import OutputProblem
from bot.errors import LinkInTheWay, SettingsNotWritten
from bot.store import targets

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PUT_OFF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def tidy(path: Path) -> Path:
    """The same file by an absolute path without .., wherever links lead on the way."""
    path = path.absolute()
    return path.parent.resolve() / path.name if ".." in path.parts[:-1] else path


def check_place(path: Path) -> None:
    """Before anything is asked: a file can be made there.

    Raises LinkInTheWay or SettingsNotWritten.
    """
    found = targets.why_not(path, force=True)
    if found is None:
        return
    if found.problem is OutputProblem.NOT_A_FILE and path.is_symlink():
        raise LinkInTheWay(path=str(path))
    raise _refused(found.path, found.problem, reason=found.reason)


def backup_of(path: Path) -> Path:
    """The name under which the file that is there now is kept: the first one that is free."""
    names = (path.with_name(f"{path.name}.old{number or ''}") for number in count())
    return next(name for name in names if not os.path.lexists(name))


def may_be_backup(path: Path, file: Path) -> bool:
    """Whether `file` may be kept by this name, which nothing has yet, as another is written."""
    is_named_so = re.fullmatch(re.escape(file.name) + r"\.old\d*", path.name) is not None
    return (
        is_named_so and not os.path.lexists(path) and targets.is_one_of(path.parent, [file.parent])
    )


def changes(path: Path, content: bytes) -> bool:
    """Whether a file is there that says something else."""
    return os.path.lexists(path) and not _says(path, content)


def _says(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write each with mode 0600; the last one counts, and is put in its place last.

    Until all are on the disk nothing is in its place. Raises LinkInTheWay or SettingsNotWritten;
    then everything is as it was.
    """
    sides: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            check_place(path)
            with _reported(path):
                # nobody knows its name beforehand, to lay a link there
                sides[path] = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
                _write(sides[path], content)
        with _undisturbed():
            _put(sides, files)
    finally:
        for side in sides.values():
            with contextlib.suppress(OSError):
                side.unlink()


def _write(side: Path, content: bytes) -> None:
    with os.fdopen(os.open(side, _FLAGS, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _put(sides: Mapping[Path, Path], files: Mapping[Path, bytes]) -> None:
    new: list[Path] = []
    backups: dict[Path, Path] = {}
    try:
        for path, side in sides.items():
            with _reported(path):
                if changes(path, files[path]):
                    backups[path] = _kept(path)
                elif not path.exists():
                    new.append(path)
                side.replace(path)
    except SettingsNotWritten:
        with contextlib.suppress(OSError):
            for path in new:
                path.unlink(missing_ok=True)
            for path, backup in backups.items():
                backup.replace(path)
        raise


def _kept(path: Path) -> Path:
    """The file under another name as well: the new one then replaces only this one."""
    backup = backup_of(path)
    try:
        os.link(path, backup, follow_symlinks=False)
    except OSError:  # this file system knows no second names
        _write(backup, path.read_bytes())
    backup.chmod(0o600)
    return backup


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A few renames, which no signal interrupts."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _PUT_OFF}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: Path, error: OSError) -> SettingsNotWritten:
    return _refused(path, OutputProblem.NOT_WRITTEN, reason=error.strerror or str(error))


def _refused(path: Path, problem: OutputProblem, *, reason: str = "") -> SettingsNotWritten:
    return SettingsNotWritten(problem=problem, path=str(path), reason=reason)
