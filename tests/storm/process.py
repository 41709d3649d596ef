"""The bot's process, its log and its database's file. Knows no chat and no node."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.store.writer import LONGEST_PAUSE_S
from tests.storm.book import Book
from tests.storm.traps import StormTelegram

START_S = 60.0
#: Seconds that the bot gets to end once it is asked to, whatever goes on.
END_S = 40.0


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

    def pipe(self) -> int:
        """Where a new process writes. To be closed here once it has it."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, self._PIPE_BYTES)
        self._begun[reading] = b""
        if self._is_read:
            asyncio.get_running_loop().add_reader(reading, self._read, reading)
        return writing

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
    """Starts, kills and ends the bot. What is outside outlives it."""

    def __init__(self, folder: Path, book: Book, telegram: StormTelegram) -> None:
        self._folder = folder
        self._book = book
        self._telegram = telegram
        self.log = Log(folder / "log.txt")
        self.database = Database(folder / "bot.db")
        #: Set from its end on until it is up again, and the other way round.
        self.down = asyncio.Event()
        self.up = asyncio.Event()
        #: Held by whoever ends it, until it is up again.
        self.life = asyncio.Lock()
        self.process: asyncio.subprocess.Process | None = None
        self._down_number: int | None = None

    async def start(self) -> None:
        """Start it, once its database is there; it is up once it asks for updates.

        Raises `BotEnded`.
        """
        await self.database.is_there.wait()
        polls = self._telegram.polls
        if self._down_number is None:
            self._down_number = self._book.begin("bot down")
        pipe = self.log.pipe()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "always::ResourceWarning", "-m", "bot", "run"),
                *("--config", str(self._folder / "config.toml")),
                stderr=pipe,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        finally:
            os.close(pipe)
        self._book.note(f"bot started as process {self.process.pid}")
        with contextlib.suppress(TimeoutError):
            await self._telegram.wait_for(
                lambda: self._telegram.polls > polls or self._ended(), START_S
            )
        if self._ended():
            raise BotEnded(f"the bot ended by itself: {self.process.returncode}")
        self._book.end(self._down_number)
        self._down_number = None
        self.down.clear()
        self.up.set()

    def _ended(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def kill(self, where: str) -> None:
        """SIGKILL, this very moment."""
        if self.process is None or self.process.returncode is not None or self.down.is_set():
            return
        self.process.kill()
        self._book.kills.append(time.time())
        if not self.database.is_there.is_set():
            self._book.count("kills while a file of the database was away")
        self._goes_down(f"KILL {where}")

    async def gone(self) -> None:
        """Until the process that was killed is no more."""
        assert self.process is not None
        await self.process.wait()

    async def end(self) -> int:
        """SIGTERM, and its exit code. What it does not do in time is noted as wrong."""
        assert self.process is not None
        self.process.terminate()
        self._goes_down("SIGTERM")
        try:
            async with asyncio.timeout(END_S):
                code = await self.process.wait()
        except TimeoutError:
            self._book.wrongs.append(f"it did not end within {END_S:.0f} s")
            self.process.kill()
            code = await self.process.wait()
        # what was on its way is as unsure as after a kill
        self._book.kills.append(time.time())
        self._book.note(f"bot ended with {code}")
        return code

    def _goes_down(self, how: str) -> None:
        self._book.note(how)
        self._down_number = self._book.begin("bot down")
        self.up.clear()
        self.down.set()

    async def close(self) -> None:
        """Kill what is left of it."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
