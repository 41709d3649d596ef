"""The bot's process, its log and its database's file. Knows no chat and no node."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.store.writer import LONGEST_PAUSE_S
from tests.storm.book import Book
from tests.storm.callers import Callers
from tests.storm.traps import StormTelegram

START_S = 60.0
#: Seconds that the bot gets to end once it is asked to, whatever goes on.
END_S = 40.0
#: Seconds in which a process that was started may not have heard of signals yet.
IMPORT_S = 5.0


class BotEnded(Exception):
    """The bot ended, and nobody had killed it."""


class Log:
    """What all processes write to their standard error: a pipe each, read into one file.

    A pipe holds 4 kB, and not 64 as usual: it is full after a second or two of nobody's reading.
    """

    _PIPE_BYTES = 4096
    _LINE_BYTES = 512
    _AT_ONCE = 65_536

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun: dict[int, bytes] = {}  # open pipes → the line that is not complete yet
        self._is_read = True
        self._changed = asyncio.Event()

    @contextmanager
    def pipe(self) -> Iterator[int]:
        """Where a new process writes, which has it once this is over."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, self._PIPE_BYTES)
        self._begun[reading] = b""
        if self._is_read:
            asyncio.get_running_loop().add_reader(reading, self._read, reading)
        try:
            yield writing
        finally:
            os.close(writing)

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Nobody reads for as long as this lasts."""
        loop = asyncio.get_running_loop()
        self._is_read = False
        for pipe in self._begun:
            loop.remove_reader(pipe)
        try:
            yield
        finally:
            self._is_read = True
            for pipe in self._begun:
                loop.add_reader(pipe, self._read, pipe)

    @property
    def is_full(self) -> bool:
        """Whether the newest process's pipe takes no more; but for a short line, perhaps."""
        if not self._begun:
            return False
        newest = next(reversed(self._begun))
        (waiting,) = struct.unpack("i", fcntl.ioctl(newest, termios.FIONREAD, bytes(4)))
        return bool(waiting > self._PIPE_BYTES - self._LINE_BYTES)

    async def read_out(self) -> None:
        """Until all that ended processes wrote is in the file."""
        while self._begun:
            self._changed.clear()
            await self._changed.wait()

    def text(self) -> str:
        """All of it."""
        return self._file.read_text(errors="replace") if self._file.exists() else ""

    def _read(self, pipe: int) -> None:
        piece = os.read(pipe, self._AT_ONCE)
        lines, end, begun = (self._begun[pipe] + piece).rpartition(b"\n")
        self._begun[pipe] = begun
        with self._file.open("ab") as file:  # whole lines: the next process writes there as well
            file.write(lines + end if piece else begun + b"\n" * bool(begun))
        if not piece:
            asyncio.get_running_loop().remove_reader(pipe)
            os.close(pipe)
            del self._begun[pipe]
        self._changed.set()


class Database:
    """The database's file, which somebody moves away and puts back."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.is_there = asyncio.Event()
        self.is_there.set()

    def stamp(self) -> list[tuple[str, int, int]]:
        """What changes whenever something is written, wherever the files are now."""
        files = sorted(self.file.parent.glob(f"{self.file.name}*"))
        # what is beside them is no part of it: its sign of life, its lock and the lock's owner
        own = [each for each in files if each.suffix in (".db", ".away", ".db-wal")]
        return [(each.name, (now := each.stat()).st_size, now.st_mtime_ns) for each in own]

    @contextmanager
    def away(self, ending: str, book: Book) -> Iterator[None]:
        """`file` with this ending is somewhere else for as long as this lasts."""
        path = self.file.with_name(self.file.name + ending)
        away = path.with_name(f"{path.name}.away")
        path.rename(away)
        began = time.time()
        self.is_there.clear()
        try:
            yield
        finally:
            if path.exists():
                book.wrongs.append(f"{path.name} was made anew while it was away")
            away.replace(path)
            book.unwritable.append((began, time.time() + LONGEST_PAUSE_S))
            self.is_there.set()


class BotProcess:
    """Starts, kills and ends the bot, of one process or more. What is outside outlives it."""

    def __init__(
        self, folder: Path, book: Book, telegram: StormTelegram, callers: Callers, *, count: int
    ) -> None:
        self._folder = folder
        self._callers = callers
        self._count = count
        self._book = book
        self._telegram = telegram
        self.log = Log(folder / "log.txt")
        self.database = Database(folder / "bot.db")
        #: Set from its end on until it is up again, and the other way round.
        self.down = asyncio.Event()
        self.up = asyncio.Event()
        #: Held by whoever ends it, until it is up again.
        self.life = asyncio.Lock()
        self._processes: list[asyncio.subprocess.Process] = []
        self._killed: set[int] = set()
        self._started_at: dict[int, float] = {}
        #: Whether its database's server was away at any time since then: a start may find that.
        self.was_away_since: Callable[[float], bool] = lambda _: False
        self._down_number: int | None = None
        self._polls_before = 0  # the last end

    @property
    def process(self) -> asyncio.subprocess.Process | None:
        """The one that acts, as far as anybody outside can see: that called last."""
        alive = self._alive()
        return next((each for each in alive if each.pid == self._callers.last), None) or next(
            iter(alive), None
        )

    def _alive(self) -> list[asyncio.subprocess.Process]:
        running = (each for each in self._processes if each.returncode is None)
        return [each for each in running if each.pid not in self._killed]

    async def start(self) -> None:
        """Start what is missing, once the database is there; it is up once it asks for updates.

        Raises `BotEnded`.
        """
        await self.database.is_there.wait()
        # a successor may have asked already
        polls = self._polls_before if self._count > 1 else self._telegram.polls
        if self._down_number is None:
            self._down_number = self._book.begin("bot down")
        await self._start_again()
        self._processes = self._alive()
        while len(self._alive()) < self._count:
            self._processes.append(await self._started())
        until = time.monotonic() + START_S
        while self._telegram.polls == polls and (left_s := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await self._telegram.wait_for(
                    lambda: self._telegram.polls > polls or self._has_ended(), min(1.0, left_s)
                )
            await self._start_again()
        await self._start_again()
        self._book.end(self._down_number)
        self._down_number = None
        self.down.clear()
        self.up.set()

    async def _started(self) -> asyncio.subprocess.Process:
        with self.log.pipe() as pipe:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "always::ResourceWarning", "-m", "bot", "run"),
                *("--config", str(self._folder / "config.toml")),
                stderr=pipe,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self._started_at[process.pid] = time.time()
        self._callers.began(process.pid)
        self._book.note(f"bot started as process {process.pid}")
        return process

    def _has_ended(self) -> bool:
        return any(e.returncode is not None and e.pid not in self._killed for e in self._processes)

    async def _start_again(self) -> None:
        """As a service manager does, where one had found no database server as it started.

        Raises `BotEnded` where one ended that nobody had killed, for any other reason.
        """
        for each in list(self._processes):
            if each.returncode is None or each.pid in self._killed:
                continue
            if each.returncode != 1 or not self.was_away_since(self._started_at[each.pid]):
                raise BotEnded(f"the bot ended by itself: {each.returncode}")
            self._killed.add(each.pid)
            self._book.count("starts without a database server")
            await asyncio.sleep(0.5)
            self._processes.append(await self._started())

    def kill(self, where: str) -> None:
        """SIGKILL for the one that acts, this very moment."""
        process = self.process
        if process is None or self.down.is_set():
            return
        self._kill(process)
        self._book.kills.append(time.time())
        if not self.database.is_there.is_set():
            self._book.count("kills while a file of the database was away")
        self._goes_down(f"KILL {where}")

    def kill_all(self, where: str) -> None:
        """SIGKILL for all of it."""
        self.kill(where)
        for each in self._alive():
            self._kill(each)

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        self._killed.add(process.pid)
        process.kill()

    async def kill_one_that_waits(self) -> None:
        """SIGKILL for one that does not act, and another one in its place."""
        acts = self.process
        waiting = next((each for each in self._alive() if each is not acts), None)
        if waiting is None:
            return
        self._book.note(f"KILL of process {waiting.pid}, which waits")
        self._kill(waiting)
        await waiting.wait()
        self._processes.append(await self._started())

    async def stop_the_one_that_acts(self, for_s: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds: by then another one may act."""
        process = self.process
        if process is None:
            return
        self._book.note(f"STOP of process {process.pid}")
        process.send_signal(signal.SIGSTOP)
        # whatever it had under way is as unsure as after a kill
        self._book.kills.append(time.time())
        try:
            await asyncio.sleep(for_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            self._book.kills.append(time.time())
            self._book.note(f"process {process.pid} goes on")

    async def gone(self) -> None:
        """Until those that were killed are no more."""
        for each in self._processes:
            if each.pid in self._killed:
                await each.wait()

    async def end(self) -> int:
        """SIGTERM, and the exit code. What is not done in time is noted as wrong."""
        ending = self._alive()
        terminated_at = time.time()
        for each in ending:
            self._killed.add(each.pid)
            each.terminate()
        self._goes_down("SIGTERM")
        code = 0
        for each in ending:
            try:
                async with asyncio.timeout(END_S):
                    ended_with = await each.wait()
                if ended_with == -signal.SIGTERM and terminated_at < self._imported_by(each):
                    self._book.count("processes that were ended before they could hear of it")
                    continue
                code = ended_with or code
            except TimeoutError:
                self._book.wrongs.append(f"it did not end within {END_S:.0f} s")
                each.kill()
                code = await each.wait()
        # what was on its way is as unsure as after a kill
        self._book.kills.append(time.time())
        self._book.note(f"bot ended with {code}")
        return code

    def _imported_by(self, process: asyncio.subprocess.Process) -> float:
        """Until when it may not have heard of signals: its modules are being imported."""
        return self._started_at[process.pid] + IMPORT_S

    def _goes_down(self, how: str) -> None:
        self._book.note(how)
        self._polls_before = self._telegram.polls
        self._down_number = self._book.begin("bot down")
        self.up.clear()
        self.down.set()

    async def close(self) -> None:
        """Kill what is left of it."""
        for each in self._alive():
            self._kill(each)
            await each.wait()
