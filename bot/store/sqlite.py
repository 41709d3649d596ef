"""The file: locked, inspected, opened. What is SQLite's own is here, and nothing else is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import struct
from pathlib import Path
from typing import NamedTuple, TypeAlias

import filelock
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bot.errors import (
    DatabaseDamaged,
    DatabaseFolderReadOnly,
    DatabaseHalfMissing,
    DatabaseHasTwoNames,
    DatabaseInUse,
    DatabaseIsFolder,
    DatabaseNotOurs,
    DatabaseNotPermitted,
    DatabaseTooNew,
    DatabaseUnreadable,
    DatabaseWithoutTables,
    LinkInTheWay,
    NotADatabase,
)
from bot.store import beside, migrations

#: Device and inode: no other file has these while it is open.
_Identity: TypeAlias = tuple[int, int]

#: Seconds for which another program's lock is waited for.
BUSY_TIMEOUT_S = 5.0

_HEADER = b"SQLite format 3\0"
# sqlite.org/walformat.html; the index has the machine's own order of bytes
_INDEX = struct.Struct("=8xI2xHII")
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
# what fcntl takes: kind, whence, start, length, and the number of nobody's process
_FLOCK = struct.Struct("hhqqi4x")
#: Of the database's file. SQLite locks bytes near 2**30, and no file is this large.
_OUR_BYTE = 2**62
#: Of the lock's file: no room, or too many files are open. It may be different in a while.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)


def file_of(url: str) -> Path:
    """The file of a database: one by two names is one database, with one lock."""
    return Path(url.removeprefix("sqlite:///")).resolve()


class Lock:
    """One process works on the database at `path`, this one.

    By the lock's file beside it, which is there before the database is, and by the database's own
    file: whatever name or mount another process comes by, and whatever becomes of the lock's file,
    it is the same inode.
    """

    def __init__(self, path: Path) -> None:
        """Raises `DatabaseInUse`, `DatabaseUnreadable`, `DatabaseFolderReadOnly` or another."""
        self._path = path
        self._file = _beside(path, ".lock")
        self._pid_file = _beside(path, ".pid")
        self._descriptor: int | None = None
        for each in (self._file, self._pid_file):
            beside.refuse_link(each)
        _refuse_odd(path)
        self._beside = _lock_beside(self._file)
        self._own: _Identity | None = None
        try:
            self._lock_file()
        except filelock.Timeout:
            raise self._in_use() from None
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in _PASSING:
                raise DatabaseUnreadable(path=str(path), reason=reason) from error
            raise DatabaseFolderReadOnly(folder=str(path.parent), reason=reason) from error
        try:
            self.hold()
        except BaseException:
            self.release()
            raise
        with contextlib.suppress(OSError):
            beside.write(self._pid_file, f"{os.getpid()}\n")

    def hold(self) -> None:
        """Lock the database's own file as well, once there is one. Raises `DatabaseInUse`.

        It is open until `release`: to close it sooner would drop SQLite's locks.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return  # none yet, or none that can be used: what comes next says why
        self._descriptor = descriptor
        if not _is_ours(descriptor):
            raise self._in_use()

    def harm(self) -> str:
        """What happened to the lock that makes writing unsafe, "" where all is well.

        A file that was removed is locked again, unless another process has done so.
        """
        if _identity(self._file) == self._own:
            return ""
        before = self._beside
        self._beside = _lock_beside(self._file)
        try:
            beside.refuse_link(self._file)
            self._lock_file()
            beside.write(self._pid_file, f"{os.getpid()}\n")
        except (filelock.Timeout, OSError, LinkInTheWay):
            self._beside.release()
            self._beside, self._own = before, None
            return f"{self._file} was removed or replaced"
        before.release()
        return ""

    def release(self) -> None:
        """Another process can work on it, once SQLite's connection is closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._beside.release()

    def _lock_file(self) -> None:
        self._beside.acquire(timeout=0)
        self._own = _identity(self._file)

    def _in_use(self) -> DatabaseInUse:
        return DatabaseInUse(path=str(self._path), pid=_noted(self._pid_file))


def _lock_beside(file: Path) -> filelock.BaseFileLock:
    # the writer's thread takes it again, another one lets it go
    return filelock.FileLock(file, mode=0o600, thread_local=False)


def _is_ours(descriptor: int) -> bool:
    """Lock a file that is open; whether no other process has done so.

    By one byte far behind those that SQLite locks. Other than POSIX locks, it does not go when
    another descriptor of the file is closed. Where there is no such lock, the other one has to do.
    """
    kind = getattr(fcntl, "F_OFD_SETLK", None)  # Linux
    if kind is None:
        return True
    try:
        fcntl.fcntl(descriptor, kind, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _OUR_BYTE, 1, 0))
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True


def _refuse_odd(path: Path) -> None:
    """Refuse what no database can be, before anything is written beside it.

    SQLite's own files go by the database's name: by another one it lacks its journal.
    """
    try:
        found = path.stat()
    except OSError:
        return  # none, or what comes next says why
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise NotADatabase(path=str(path))  # a pipe, a device
    if _has_two_names(found):
        raise DatabaseHasTwoNames(path=str(path))


def _has_two_names(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_nlink > 1


class Files:
    """The database's file and what is beside it, as they are open.

    A file that is removed or replaced stays open as it was: all goes well with it until the process
    ends, and then everything is lost. One that is cut short or overwritten where it is goes on as
    well, out of SQLite's cache, and loses as much.

    What is opened here stays open as long as SQLite's own connection: to close it sooner would drop
    SQLite's locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = _identity(path)
        self._beside: dict[Path, _Identity] = {}
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._is_closed = False
        self._index: int | None = None
        self._size = 0  # of the database's file after the last transaction

    def harm(self) -> str:
        """What happened to a file that makes writing unsafe, "" where all is well."""
        for path, opened in ((self._path, self._own), *self._beside.items()):
            if _identity(path) != opened:
                return f"{path} was removed or replaced"
        if _has_two_names(os.fstat(self._file)):
            return f"{self._path} has a second name (a hard link), remove that"
        if self._is_cut_short():
            return f"{self._path} was cut short or overwritten, restore it"
        if self._is_journal_cut_short():
            return f"{_journal(self._path)} was cut short, restore it"
        return ""

    def note(self) -> None:
        """A transaction is over. With the first, SQLite has made its files beside the database."""
        self._size = max(self._size, os.fstat(self._file).st_size)
        if not self._beside:
            index = _beside(self._path, "-shm")
            for path in (_journal(self._path), index):
                if (opened := _identity(path)) is not None:
                    self._beside[path] = opened
            with contextlib.suppress(OSError):
                self._index = os.open(index, os.O_RDONLY | os.O_CLOEXEC)

    def forget(self) -> None:
        """The connection was closed: SQLite makes its files beside the database again."""
        self._beside.clear()
        if self._index is not None:
            os.close(self._index)
            self._index = None

    def close(self) -> None:
        """The connection was closed for good; once more does nothing."""
        self.forget()
        if not self._is_closed:
            self._is_closed = True
            os.close(self._file)

    def _is_cut_short(self) -> bool:
        """Whether the file is smaller than it was, and not by SQLite's doing, or is no database.

        It grows when the journal is copied into it, and only VACUUM makes it smaller.
        """
        size = os.fstat(self._file).st_size
        if size < self._size:
            index = self._read_index()
            if index is None or not index.pages or size < index.pages * index.page_bytes:
                return True
            self._size = size
        return bool(self._size) and os.pread(self._file, len(_HEADER), 0) != _HEADER

    def _is_journal_cut_short(self) -> bool:
        """Whether frames are gone that are not in the database.

        They are written before the index counts them, and the index is reset before the journal is
        emptied, whichever program does it: so the index can't count more, unless it just changes.
        """
        index = self._read_index()
        if index is None or not index.frames:
            return False
        size = _size(_journal(self._path))
        needed = _WAL_HEADER_BYTES + index.frames * (_FRAME_HEADER_BYTES + index.page_bytes)
        return size < needed and self._read_index() == index

    def _read_index(self) -> _Index | None:
        """The index of the journal; None before the first transaction."""
        if self._index is None:
            return None
        content = os.pread(self._index, _INDEX.size, 0)
        if len(content) < _INDEX.size:
            return None
        changes, page_bytes, frames, pages = _INDEX.unpack(content)
        return _Index(changes, 65_536 if page_bytes == 1 else page_bytes, frames, pages)


class _Index(NamedTuple):
    """What the index counts: commits, the frames in the journal, and the pages with those in it."""

    changes: int
    page_bytes: int
    frames: int
    pages: int


def opened(path: Path) -> Engine:
    """The database in the file `path`, brought up to date.

    Raises `DatabaseTooNew` or `DatabaseUnreadable`.
    """
    _refuse_half(path)
    if _size(path):
        _refuse_unusable(path)
    elif not path.exists():
        _make(path)
    return _up_to_date(path, path)


def _make(path: Path) -> None:
    """Made under another name, and put in place whole.

    A process that is killed meanwhile leaves no database without tables: such a one is what is left
    of a database whose journal is gone.
    """
    part = _beside(path, ".new")
    try:
        for each in (part, _journal(part), _beside(part, "-shm")):
            each.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        _up_to_date(part, path).dispose()
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnreadable(path=str(path), reason=reason) from error


def _up_to_date(file: Path, path: Path) -> Engine:
    """The database in `file`, which people know as `path`, with all migrations."""
    engine = sa.create_engine(
        # made of its parts: SQLAlchemy would decode what looks like an escape in a text
        sa.URL.create("sqlite", database=str(file)),
        connect_args={"timeout": BUSY_TIMEOUT_S},
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            migrations.bring_up_to_date(connection)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        raise DatabaseUnreadable(path=str(path), reason=str(error.orig)) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def wipe_journal(engine: Engine) -> bool:
    """Empty the write-ahead log, which keeps what rows were; whether that was possible.

    Nobody is waited for: another program may read just now.
    """
    try:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return cursor.fetchone() == (0, 0, 0)
            finally:
                cursor.execute(f"PRAGMA busy_timeout={round(BUSY_TIMEOUT_S * 1000)}")
    except (sa.exc.DBAPIError, sqlite3.Error):
        return False  # full, read-only: the next job tells why


def inspect(url: str) -> None:
    """See whether the database at `url`, where there is one, is one that `Store.open` takes.

    Nothing is written. Raises `DatabaseTooNew` or `DatabaseUnreadable`.
    """
    path = file_of(url)
    _refuse_odd(path)
    if _size(path) or _size(_journal(path)):
        _refuse_half(path)
        _refuse_unusable(path)


def _refuse_half(path: Path) -> None:
    if not _size(path) and _size(journal := _journal(path)):
        raise DatabaseHalfMissing(path=str(path), journal=str(journal))


def _refuse_unusable(path: Path) -> None:
    """Refuse a file that is damaged, too new or another program's, and leave it as it is."""
    _refuse_no_database(path)
    # Where there is no journal nobody writes, and nothing has to be made beside the file.
    how = "mode=ro" if _journal(path).exists() else "immutable=1"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=BUSY_TIMEOUT_S)
        ) as connection:
            verdict = _verdict(connection, path)
            found = _found(connection) if verdict == "ok" else None
    except sqlite3.OperationalError as error:
        raise DatabaseUnreadable(path=str(path), reason=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise DatabaseDamaged(path=str(path), reason=str(error)) from error
    if verdict != "ok":
        raise DatabaseDamaged(path=str(path), reason=verdict.splitlines()[-1])
    if found == "":
        raise DatabaseNotOurs(path=str(path))
    if found is None and _size(path) and not _size(_journal(path)):
        raise DatabaseWithoutTables(path=str(path), journal=str(_journal(path)))
    if found is not None and found not in migrations.known():
        raise DatabaseTooNew(detail=found)


def _refuse_no_database(path: Path) -> None:
    """Refuse what does not even begin as a database does."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_HEADER))
    except IsADirectoryError:
        raise DatabaseIsFolder(path=str(path)) from None
    except PermissionError:
        raise DatabaseNotPermitted(path=str(path)) from None
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnreadable(path=str(path), reason=reason) from error
    if not _HEADER.startswith(begins):  # one that is cut short is damaged
        raise NotADatabase(path=str(path))


def _verdict(connection: sqlite3.Connection, path: Path) -> str:
    """SQLite's own on the file, "ok" or what is wrong with it."""
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    pages, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    # What is missing at its end may still be in the journal.
    if verdict == "ok" and not _size(_journal(path)) and not 0 < pages * page_bytes <= _size(path):
        return "it is cut short"
    return verdict


def _found(connection: sqlite3.Connection) -> str | None:
    """The migration that a file is at; None for one without a table, "" for another program's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        return "" if tables else None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def _noted(pid_file: Path) -> int:
    """The number of the process that has the lock, 0 where it is not known."""
    try:
        return int(beside.read(pid_file))
    except (OSError, ValueError):
        return 0


def _journal(path: Path) -> Path:
    """SQLite's write-ahead log: what is not in the database's own file yet."""
    return _beside(path, "-wal")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _identity(path: Path) -> _Identity | None:
    """Which file this is, whatever its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    """In bytes, 0 where there is no file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    # Python's own transaction control would begin too late, and not IMMEDIATE.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    # What a row no longer has is overwritten: a preimage is worth money.
    connection.execute("PRAGMA secure_delete=ON")
    # in kB: the indexes of what is open; the operating system keeps the rest at hand
    connection.execute("PRAGMA cache_size=-512")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
