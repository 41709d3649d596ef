"""A person at a pseudo-terminal: reads what the program says, and types. Not a test."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

LIMIT_S = 30.0
ROOT = Path(__file__).parent.parent.parent
CTRL_C, CTRL_D = "\x03", "\x04"


def as_anybody() -> None:
    """Root may read and write what is closed to it: the process that is begun gives that up."""
    drop_from_bounding_set, override, read_search = 24, 1, 2  # as the kernel numbers them
    for right in (override, read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, right, 0, 0, 0)


class Person:
    """In front of one process, which has this terminal and no other."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self.process = process
        self.shown = ""
        self._read = 0
        self._terminal = terminal
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(terminal, self._hear)

    def _hear(self) -> None:
        try:
            said = os.read(self._terminal, 65_536)
        except OSError:  # the process has ended
            said = b""
        if not said:
            asyncio.get_running_loop().remove_reader(self._terminal)
        self.shown += said.decode(errors="replace").replace("\r\n", "\n")
        self._more.set()

    async def reads(self, text: str) -> str:
        """Wait until this is said after what was read last; what comes up to there."""
        async with asyncio.timeout(LIMIT_S):
            while (at := self.shown.find(text, self._read)) < 0:
                assert self.process.returncode is None, self.shown
                self._more.clear()
                await self._more.wait()
        begin, self._read = self._read, at + len(text)
        return self.shown[begin : self._read]

    def types(self, text: str) -> None:
        """Keys, as they are."""
        os.write(self._terminal, text.encode())

    async def answers(self, question: str, line: str = "") -> str:
        """Wait for a question, and answer it; what was said until then."""
        said = await self.reads(question)
        await self._is_waited_for()
        self.types(f"{line}\n")
        return said

    async def _is_waited_for(self) -> None:
        """A hidden question is hidden before its answer comes: the echo is off by then."""
        if not self.shown.endswith(("paste it): ", "again: ")):
            return
        async with asyncio.timeout(LIMIT_S):
            while termios.tcgetattr(self._terminal)[3] & termios.ECHO:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a terminal tells nobody of a change

    async def ends(self) -> int:
        """The exit code; all that is said is in `shown` by then."""
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def at_terminal(
    *arguments: str,
    cwd: Path,
    env: dict[str, str],
    columns: int = 80,
    program: Sequence[str] = ("-m", "bot"),
    prepare: Callable[[], None] = lambda: None,
) -> AsyncIterator[Person]:
    """Run `invoice-bot`, or another `program`, with these arguments at a terminal of its own.

    `prepare` runs in the process before it begins.
    """

    def begin() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its own: so that Ctrl-C reaches it
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests may not listen to it
        prepare()

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *program, *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **env},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=begin,
    )
    os.close(theirs)
    try:
        yield Person(process, ours)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


def plain(text: str) -> str:
    """In one line, however it was broken."""
    return re.sub(r"\s+", " ", text)
