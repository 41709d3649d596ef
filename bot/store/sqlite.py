"""The file: locked, inspected, opened. What is SQLite's own is here, and nothing else is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self, TypeAlias

import filelock
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bot.errors import (
    DatabaseDamaged,
    DatabaseFileClosed,
    DatabaseFolderReadOnly,
    DatabaseHalfMissing,
    DatabaseHalfMoved,
    DatabaseHasTwoNames,
    DatabaseInUse,
    DatabaseIsFolder,
    DatabaseJournalLeft,
    DatabaseMissing,
    DatabaseNotOurs,
    DatabaseNotPermitted,
    DatabaseTooNew,
    DatabaseUnreadable,
    DatabaseWithoutTables,
    LinkInTheWay,
    NotADatabase,
    StoreUnavailable,
)
from bot.store import beside, migrations
from bot.store.backend import Term
from bot.store.pages import HEADER, Index, Pages, read_index

#: Device and inode: no other file has these while it is open.
_Identity: TypeAlias = tuple[int, int]

#: The ends of the names of what may be beside a database: SQLite's own files, the lock's, and a
#: database that is being made, or moved here.
SQLITES = ("-wal", "-shm", "-journal")
LOCK, PID = ".lock", ".pid"
NEW, MOVING = ".new", ".moving"
#: Seconds for which another program's lock is waited for, and between two looks at whether a bot
#: that waits is to stop.
BUSY_TIMEOUT_S = 5.0
BUSY_LOOK_S = 0.2
#: The largest file whose indexes are compared with its rows, while somebody waits: it has some
#: 15,000 invoices, and to compare those of 100,000 takes ten times as long as to look at each page.
COMPARE_BYTES = 12_000_000
#: How SQLite's checks say that they got no memory (SQLITE_NOMEM).
_NO_MEMORY = "error code=7"
#: Seconds after which nothing that is written has the time of what was written before.
SURE_S = 2.0
#: As many times as long as a look at the pages took, none is had only for what the bot wrote.
LOOKS = 100

# what fcntl takes: kind, whence, start, length, and the number of nobody's process
_FLOCK = struct.Struct("hhqqi4x")
#: Of the database's file. SQLite locks bytes near 2**30, and no file is this large.
_OUR_BYTE = 2**62
#: How a database's header says that it is written with a rollback journal.
_ROLLBACK = b"\x01\x01"
#: Of the lock's file: no room, or too many files are open. It may be different in a while.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)


def file_of(url: str) -> Path:
    """The file of a database: one by two names is one database, with one lock.

    Raises `DatabaseUnreadable` where links lead nowhere but to each other.
    """
    path = Path(url.removeprefix("sqlite:///"))
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # which of them depends on Python's version
        reason = os.strerror(errno.ELOOP)
        raise DatabaseUnreadable(path=str(path), reason=reason) from None


class Lock:
    """One process works on the database at `path`, this one.

    By the lock's file beside it, which is there before the database is, and by the database's own
    file: whatever name or mount another process comes by, and whatever becomes of the lock's file,
    it is the same inode.
    """

    def __init__(self, path: Path) -> None:
        """Raises `DatabaseInUse`, `DatabaseUnreadable`, `DatabaseFileClosed` or another."""
        self._path = path
        self._file = _beside(path, LOCK)
        self._pid_file = _beside(path, PID)
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
            if os.path.lexists(self._file) and error.errno != errno.EROFS:
                raise DatabaseFileClosed(path=str(self._file), reason=reason) from error
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
        return DatabaseInUse(path=str(self._path), pid=pid_of(self._path))


def _lock_beside(file: Path) -> filelock.BaseFileLock:
    # the writer's thread takes it again, another one lets it go
    return filelock.FileLock(file, mode=0o600, thread_local=False)


def _is_ours(descriptor: int, how: int = fcntl.F_WRLCK) -> bool:
    """Lock a file that is open; whether no other process has done so.

    `how`: for oneself alone, or beside others that only read as well.

    By one byte far behind those that SQLite locks. Other than POSIX locks, it does not go when
    another descriptor of the file is closed. Where there is no such lock, the other one has to do.
    """
    kind = getattr(fcntl, "F_OFD_SETLK", None)  # Linux
    if kind is None:
        return True
    try:
        fcntl.fcntl(descriptor, kind, _FLOCK.pack(how, os.SEEK_SET, _OUR_BYTE, 1, 0))
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True


def is_in_use(path: Path) -> bool | None:
    """Whether a bot works on the database at `path`; None where the system does not say.

    Nothing is locked for it. Not for a process that has it open itself: to close a file drops the
    locks that SQLite has of it.
    """
    found = _lock_of_another(path)
    return None if found is None else found == fcntl.F_WRLCK


def is_moved(path: Path) -> bool:
    """Whether a move reads the database at `path`; False where the system does not say.

    As `is_in_use`.
    """
    return _lock_of_another(path) == fcntl.F_RDLCK


def _lock_of_another(path: Path) -> int | None:
    """How it is locked, F_UNLCK where it is not; None where the system does not say."""
    kind = getattr(fcntl, "F_OFD_GETLK", None)  # Linux
    if kind is None:
        return None
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _OUR_BYTE, 1, 0)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return fcntl.F_UNLCK
    except OSError:
        return None
    try:
        return int(_FLOCK.unpack(fcntl.fcntl(descriptor, kind, asked))[0])
    except OSError:
        return None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def kept_from_bots(path: Path) -> Iterator[None]:
    """No bot opens the database in the file `path` meanwhile, by whatever name. It is only read.

    Raises `DatabaseInUse` or `DatabaseUnreadable`.
    """
    if getattr(fcntl, "F_OFD_SETLK", None) is None:
        lock = Lock(path)
        try:
            yield
        finally:
            lock.release()
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        raise DatabaseNotPermitted(path=str(path)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnreadable(path=str(path), reason=reason) from error
    try:
        if not _is_ours(descriptor, fcntl.F_RDLCK):
            raise DatabaseInUse(path=str(path), pid=pid_of(path))
        yield
    finally:
        os.close(descriptor)


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
    well, out of SQLite's cache, and loses as much: what is then copied into it makes a mixture.

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
        self._journal: int | None = None
        self._size = 0  # of the database's file after the last transaction
        self._seen: Index | None = None  # the newest that the pages follow
        # A time says that the content has to be looked at, and never what it is.
        self._stamp = _stamp(os.fstat(self._file))
        self._seen_at = 0.0
        self._is_whole = self._is_sure = True
        self._look_again_at = 0.0  # though only the bot has written
        self._open_beside()
        try:
            self._learn()
        except OSError as error:
            self._close_beside()
            os.close(self._file)
            reason = error.strerror or str(error)
            raise DatabaseUnreadable(path=str(path), reason=reason) from error

    def harm(self) -> str:
        """What happened to a file that makes writing unsafe, "" where all is well."""
        try:
            return self._harm()
        except OSError as error:
            return f"{self._path} cannot be read ({error.strerror or error})"

    def _harm(self) -> str:
        for path, opened in ((self._path, self._own), *self._beside.items()):
            if _identity(path) != opened:
                return f"{path} was removed or replaced"
        found = os.fstat(self._file)
        if _has_two_names(found):
            return f"{self._path} has a second name (a hard link), remove that"
        index = self._read_index()
        if self._is_cut_short(found.st_size, index):
            return f"{self._path} was cut short or overwritten, restore it"
        if index is not None and self._is_journal_cut_short(index):
            return f"{journal_of(self._path)} was cut short, restore it"
        if index is not None and not self._follows(index):
            self.follow()  # before the journal starts over
        if self._is_overwritten(_stamp(found)):
            return f"{self._path} was cut short or overwritten, restore it"
        return ""

    def note(self) -> None:
        """A transaction is over. With the first, SQLite has made its files beside the database."""
        found = os.fstat(self._file)
        self._size = max(self._size, found.st_size)
        if not self._beside:
            self._open_beside()
        index = self._read_index()
        if index is not None and not self._follows(index):
            if index.has_copied(self._seen):  # the file has another time by our own doing
                self._stamp, self._seen_at = _stamp(found), time.monotonic()
                self._is_sure = self._seen_at < self._look_again_at
            self.follow()

    def follow(self) -> None:
        """Read what is new in the journal: it is what the file has to be once it is copied.

        To do so after each checkpoint, and before the journal is emptied, is enough.
        """
        index = self._read_index()
        if index is None or self._journal is None:
            return
        self._seen = index
        try:
            self._pages.follow(index, self._journal)
        except OSError:
            self._pages.is_lost = True

    def forget(self) -> None:
        """The connection was closed: SQLite makes its files beside the database again.

        Meanwhile other programs can write, and nothing tells of it.
        """
        self._pages.is_lost = True
        self._close_beside()

    def close(self) -> None:
        """The connection was closed for good; once more does nothing."""
        self.forget()
        if not self._is_closed:
            self._is_closed = True
            os.close(self._file)

    def _open_beside(self) -> None:
        index, journal = _beside(self._path, "-shm"), journal_of(self._path)
        for path in (journal, index):
            if (opened := _identity(path)) is not None:
                self._beside[path] = opened
        with contextlib.suppress(OSError):
            self._index = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
            self._journal = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)

    def _close_beside(self) -> None:
        self._beside.clear()
        for each in (self._index, self._journal):
            if each is not None:
                os.close(each)
        self._index = self._journal = None

    def _is_cut_short(self, size: int, index: Index | None) -> bool:
        """Whether the file is smaller than it was, and not by SQLite's doing, or is no database.

        It grows when the journal is copied into it, and only VACUUM makes it smaller.
        """
        if size < self._size:
            if index is None or not index.pages or size < index.pages * index.page_bytes:
                return True
            self._size = size
        return bool(self._size) and os.pread(self._file, len(HEADER), 0) != HEADER

    def _is_journal_cut_short(self, index: Index) -> bool:
        """Whether frames are gone that are not in the database.

        They are written before the index counts them, and the index is reset before the journal is
        emptied, whichever program does it: so the index can't count more, unless it just changes.
        """
        if not index.frames:
            return False
        return _size(journal_of(self._path)) < index.journal_bytes and self._read_index() == index

    def _is_overwritten(self, stamp: object) -> bool:
        """Whether the file has pages that SQLite has not written.

        They are looked at when the file has another time, and once more when what is written then
        has a different one for certain.
        """
        now = time.monotonic()
        if stamp != self._stamp:
            self._stamp, self._seen_at, self._is_sure = stamp, now, False
        elif not self._is_doubtful(now):
            return not self._is_whole
        if self._journal is None:
            return False  # it is closed just now, and others may write
        self._is_whole = self._is_sure = False
        self._is_whole = self._are_pages_whole()
        self._is_sure = now - self._seen_at >= SURE_S
        self._look_again_at = now + LOOKS * (time.monotonic() - now)
        return not self._is_whole

    def _is_doubtful(self, now: float) -> bool:
        """Whether pages have to be looked at though the file has the time that it had."""
        if self._is_whole and self._pages.is_lost:
            return True
        return not self._is_sure and (not self._is_whole or now - self._seen_at >= SURE_S)

    def _are_pages_whole(self) -> bool:
        for _ in range(3):
            self.follow()
            before = self._seen
            if self._pages.is_lost:
                break
            if self._pages.are_whole():
                return True
            self.follow()
            if self._seen == before:
                return False
        # Another program has written more than can be followed, or the connection was closed.
        if not _is_sound(self._path):
            return False
        self._learn()
        return True

    def _learn(self) -> None:
        """The pages are what they have to be."""
        before = self._read_index()
        self._pages = Pages(self._file)
        self.follow()
        index = self._read_index()
        if before is None or index is None or before.salt != index.salt:
            self._pages.is_lost = True

    def _follows(self, index: Index) -> bool:
        return self._seen is not None and self._seen.progress == index.progress

    def _read_index(self) -> Index | None:
        """The index of the journal; None before the first transaction."""
        return None if self._index is None else read_index(self._index)


def _stamp(found: os.stat_result) -> object:
    """What is another one when a file was written, and sometimes when it was not."""
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file, or does not say so now."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)
        ) as connection:
            return _verdict(connection, path) == "ok"
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False


class Sqlite:
    """The database in a file, open and locked. A `Backend`."""

    #: Seconds without a job after which the journal is emptied, and in between at the latest.
    idle_s = 1.0
    busy_s = 60.0

    def __init__(self, engine: Engine, files: Files, lock: Lock) -> None:
        self.engine = engine
        self.term: Term | None = None
        self._files = files
        self._lock = lock
        self._hurries = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Open or make it. Raises `StartError`."""
        path = file_of(url)
        lock = Lock(path)
        try:
            engine = opened(path)
            _wait_briefly(engine)
            lock.hold()
            files = Files(path)
        except BaseException:
            lock.release()
            raise
        return cls(engine, files, lock)

    def harm(self) -> str:
        """What happened to a file that makes writing unsafe, "" where all is well."""
        # Nothing is closed: what was written is safe again once the file is put back.
        return self._files.harm() or self._lock.harm()

    @contextlib.contextmanager
    def transaction(self, *, needs_term: bool) -> Iterator[Connection]:
        """One transaction: whoever has the file is the one that acts."""
        with contextlib.ExitStack() as ending:
            yield self._begun(ending)

    def _begun(self, ending: contextlib.ExitStack) -> Connection:
        """In a transaction, once no other program has a lock."""
        until = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                return ending.enter_context(self.engine.begin())
            except sa.exc.OperationalError as error:
                if not _is_locked(error) or self._hurries or time.monotonic() >= until:
                    raise

    def hurry(self) -> None:
        """A lock that is there is waited for no longer."""
        self._hurries = True

    @property
    def is_given_up(self) -> bool:
        """Nothing is waited for then."""
        return False

    def is_committed(self, ticket: str) -> bool:
        """A file has no connection that could be lost."""
        raise NotImplementedError(ticket)

    def explained(self, error: Exception) -> Exception:
        """`StoreUnavailable` where it is the file's state, and not the job's doing."""
        is_state = isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError
        if is_state and isinstance(error, sa.exc.DBAPIError):
            return StoreUnavailable(detail=str(error.orig))
        return error

    def note(self) -> None:
        """A transaction was committed."""
        self._files.note()

    def forget(self) -> None:
        """A file that was opened while it was read-only stays so until it is opened again."""
        self.engine.dispose()
        self._files.forget()

    def tidy(self) -> bool:
        """Empty the journal, unless a file came to harm; whether no other try is needed.

        It has what rows once were, and what a copy of the database's own file would lack.
        """
        if self.harm():
            return True
        self._files.follow()
        # Whoever sees an empty journal sees a file whose time was noted.
        copy_journal(self.engine)
        self._files.note()
        is_wiped = wipe_journal(self.engine)
        self._files.note()
        return is_wiped

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()
        self._files.close()
        self._lock.release()


def opened(path: Path) -> Engine:
    """The database in the file `path`, brought up to date.

    Raises `DatabaseTooNew` or `DatabaseUnreadable`.
    """
    _refuse_closed(path)
    _refuse_half_moved(path)
    _refuse_half(path)
    if _size(path):
        _refuse_unusable(path)
    elif not path.exists():
        _make(path)
    return up_to_date(path, path)


def _refuse_closed(path: Path) -> None:
    """SQLite would say no more than that it can't open the database."""
    if (closed := closed_beside(path)) is not None:
        raise DatabaseFileClosed(path=str(closed), reason=os.strerror(errno.EACCES))


def closed_beside(path: Path) -> Path | None:
    """A file beside the database at `path` that this user can't read and write."""
    files = (_beside(path, end) for end in (LOCK, "-wal", "-shm"))
    return next((each for each in files if each.exists() and not _is_open_to_us(each)), None)


def _is_open_to_us(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def _make(path: Path) -> None:
    """Made under another name, and put in place whole.

    A process that is killed meanwhile leaves no database without tables: such a one is what is left
    of a database whose journal is gone.
    """
    part = _beside(path, NEW)
    try:
        for each in (part, *beside_sqlite(part)):
            each.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        up_to_date(part, path).dispose()
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnreadable(path=str(path), reason=reason) from error


def up_to_date(file: Path, path: Path) -> Engine:
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


def put_in_place(part: Path, path: Path) -> None:
    """Give a database that was made as `part`, and is closed, the name `path`. Raises OSError.

    It is inspected once more before, as it is on the disk. Raises what `inspect` does.
    """
    _refuse_unusable(part)
    sync(part)
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """See that a file, or what a folder lists, is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_journal(engine: Engine) -> None:
    """Copy the write-ahead log into the database's file, as far as that is possible."""
    _checkpoint(engine, "PASSIVE")


def wipe_journal(engine: Engine) -> bool:
    """Empty the write-ahead log, which keeps what rows were; whether that was possible.

    Nobody is waited for: another program may read just now.
    """
    return _checkpoint(engine, "TRUNCATE")


def _checkpoint(engine: Engine, how: str) -> bool:
    """Whether nothing is left in the journal after it."""
    try:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            (waits_ms,) = cursor.execute("PRAGMA busy_timeout").fetchone()
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                cursor.execute(f"PRAGMA wal_checkpoint({how})")
                return cursor.fetchone() == (0, 0, 0)
            finally:
                cursor.execute(f"PRAGMA busy_timeout={waits_ms}")
    except (sa.exc.DBAPIError, sqlite3.Error):
        return False  # full, read-only: the next job tells why


def inspect(url: str) -> None:
    """See whether the database at `url`, where there is one, is one that `Store.open` takes.

    Nothing is written. Raises `DatabaseTooNew` or `DatabaseUnreadable`.
    """
    path = file_of(url)
    _refuse_odd(path)
    _refuse_half_moved(path)
    if _size(path) or _size(journal_of(path)):
        _refuse_half(path)
        _refuse_unusable(path)


def refuse_unreadable(path: Path) -> None:
    """Refuse a file that nobody could read as a database, without a look at what is in it.

    Raises `DatabaseMissing` or `DatabaseUnreadable`.
    """
    _refuse_odd(path)
    _refuse_half_moved(path)
    if not (_size(path) or _size(journal_of(path))):
        raise DatabaseMissing(path=str(path))
    _refuse_half(path)
    _refuse_no_database(path)


def has_journal(path: Path) -> bool:
    """Whether somebody may be writing: where there is no journal nobody does."""
    return journal_of(path).exists()


def opened_to_read(path: Path, *, is_written: bool) -> sqlite3.Connection:
    """A connection that changes nothing. Raises what SQLite does.

    Not `is_written`: nothing has to be made beside the file for it.
    """
    how = "mode=ro" if is_written else "mode=ro&immutable=1"
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{how}", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )


def _refuse_half_moved(path: Path) -> None:
    """Refuse to make a new database where a move into this file was cut short."""
    if not path.exists() and (part := half_moved(path)).exists():
        raise DatabaseHalfMoved(path=str(path), part=str(part))


def _refuse_half(path: Path) -> None:
    if not _size(path) and _size(journal := journal_of(path)):
        raise DatabaseHalfMissing(path=str(path), journal=str(journal))
    if _size(journal := journal_of(path)) and _has_no_journal(path):
        # SQLite would copy the frames of another database into this one
        raise DatabaseJournalLeft(path=str(path), journal=str(journal))


def _has_no_journal(path: Path) -> bool:
    """Whether a database was written without a write-ahead log, as backups are.

    The bot's own has one: that is noted in the file before the log has anything in it.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(HEADER) + 4)
    except OSError:
        return False  # what comes next says why
    return begins.startswith(HEADER) and begins[18:20] == _ROLLBACK


def _refuse_unusable(path: Path) -> None:
    """Refuse a file that is damaged, too new or another program's, and leave it as it is."""
    _refuse_no_database(path)
    try:
        with contextlib.closing(opened_to_read(path, is_written=has_journal(path))) as connection:
            verdict = _verdict(connection, path)
            found = version_of(connection) if verdict == "ok" else None
    except sqlite3.OperationalError as error:
        raise DatabaseUnreadable(path=str(path), reason=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise DatabaseDamaged(path=str(path), reason=str(error)) from error
    if verdict != "ok":
        raise DatabaseDamaged(path=str(path), reason=verdict.splitlines()[-1])
    if found == "":
        raise DatabaseNotOurs(path=str(path))
    if found is None and _size(path) and not _size(journal_of(path)):
        raise DatabaseWithoutTables(path=str(path), journal=str(journal_of(path)))
    if found is not None and found not in migrations.known():
        raise DatabaseTooNew(detail=found)


def _refuse_no_database(path: Path) -> None:
    """Refuse what does not even begin as a database does."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(HEADER))
    except IsADirectoryError:
        raise DatabaseIsFolder(path=str(path)) from None
    except PermissionError:
        raise DatabaseNotPermitted(path=str(path)) from None
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnreadable(path=str(path), reason=reason) from error
    if not HEADER.startswith(begins):  # one that is cut short is damaged
        raise NotADatabase(path=str(path))


def _verdict(connection: sqlite3.Connection, path: Path) -> str:
    """SQLite's own on the file, "ok" or what is wrong with it."""
    check = "integrity_check" if _size(path) <= COMPARE_BYTES else "quick_check"
    verdict = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
    if verdict.endswith(_NO_MEMORY):  # which says nothing of the file
        raise MemoryError
    pages, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    # What is missing at its end may still be in the journal.
    if (
        verdict == "ok"
        and not _size(journal_of(path))
        and not 0 < pages * page_bytes <= _size(path)
    ):
        return "it is cut short"
    return verdict


def version_of(connection: sqlite3.Connection) -> str | None:
    """The migration that a file is at; None for one without a table, "" for another program's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        return "" if tables else None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def pid_of(path: Path) -> int:
    """The number of the process that has the lock of a database, 0 where it is not known."""
    try:
        return int(beside.read(_beside(path, PID)))
    except (OSError, ValueError):
        return 0


def journal_of(path: Path) -> Path:
    """SQLite's write-ahead log: what is not in the database's own file yet."""
    return _beside(path, "-wal")


def half_moved(path: Path) -> Path:
    """What the database in the file `path` is called while it is copied from another one."""
    return _beside(path, MOVING)


def beside_sqlite(path: Path) -> tuple[Path, ...]:
    """What SQLite may have made beside a database."""
    return tuple(_beside(path, end) for end in SQLITES)


def beside_lock(path: Path) -> tuple[Path, ...]:
    """What a `Lock` makes beside a database."""
    return _beside(path, LOCK), _beside(path, PID)


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


def _wait_briefly(engine: Engine) -> None:
    """What waits for a lock looks up in between."""
    brief = f"PRAGMA busy_timeout={round(min(BUSY_LOOK_S, BUSY_TIMEOUT_S) * 1000)}"
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute(brief))
    with contextlib.closing(engine.raw_connection()) as connection:
        connection.cursor().execute(brief)


def _is_locked(error: sa.exc.OperationalError) -> bool:
    cause = error.orig
    return isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
