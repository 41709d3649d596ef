"""The bot as a process: started, killed, ended. Knows its state and last words, and no chat."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.config import ENV_PREFIX

BotState = Literal["off", "starting", "running", "killed", "ended"]

#: Seconds that an orderly end gets: the demo's own has to be over in time as well.
END_S = 3.0
#: Lines that are kept of what it says.
WORDS = 8


@dataclass(slots=True)
class Life:
    """From a start to an end, in Unix seconds of the demo's clock; None: not yet."""

    began_at: float
    up_at: float | None = None
    ended_at: float | None = None


class BotProcess:
    """One process after the other. `clock` is the demo's.

    `is_up` returns once the bot works that began at that time (Unix seconds of `clock`).
    """

    def __init__(
        self,
        config: Path,
        *,
        clock: Callable[[], float],
        ahead_s: Callable[[], float],
        is_up: Callable[[float], Awaitable[object]],
    ) -> None:
        self.state: BotState = "off"
        #: The last ones that ended by themselves: how, and what they said at last.
        self.exit_code: int | None = None
        self.lives: list[Life] = []
        self._watchers: list[Callable[[], None]] = []
        self._config = config
        self._clock = clock
        self._ahead_s = ahead_s
        self._is_up = is_up
        self._process: asyncio.subprocess.Process | None = None
        self._told = False
        self._ends = False
        self._words: deque[str] = deque(maxlen=WORDS)
        self._listener: threading.Thread | None = None
        self._watch: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process's number while there is one."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def words(self) -> list[str]:
        """The newest lines that it wrote to its log."""
        return list(self._words)

    @property
    def lives_on(self) -> bool:
        """Whether there is a process."""
        return self.pid is not None

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call this whenever the state is another."""
        self._watchers.append(watcher)

    async def prepare(self) -> None:
        """Begin a process, which waits for `start` with all that it needs in memory."""
        if self._process is not None:
            return
        read, write = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.demo.bot", "--config", str(self._config)),
                stdin=asyncio.subprocess.PIPE,
                stderr=write,
                start_new_session=True,  # Ctrl-C is the demo's, which ends it in order
                env=_environment(),
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._words.clear()
        self._told = self._ends = False
        self._listener = threading.Thread(target=_relay, args=(read, self._words), daemon=True)
        self._listener.start()

    async def start(self) -> None:
        """Start it, unless it runs. It is still starting when this returns."""
        async with self._switching:
            if self._told and self.lives_on:
                return
            await self.prepare()
            self.exit_code = None
            self.lives.append(Life(self._clock()))
            self._become("starting")
            self._told = True
            self.clock_changed()
            self._watch = asyncio.get_running_loop().create_task(self._follow())

    def clock_changed(self) -> None:
        """Tell it how far the demo's clock is ahead."""
        process = self._process
        if self._told and process is not None and process.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):
                process.stdin.write(f"{self._ahead_s()!r}\n".encode())

    async def kill(self) -> None:
        """SIGKILL: nothing of it gets another word."""
        async with self._switching:
            await self._end(lambda process: process.kill(), "killed")

    async def end(self) -> None:
        """An orderly end, and where that takes too long a kill."""
        async with self._switching:
            if self._process is not None and not self._told:  # it has not begun
                self._process.kill()
                await self._process.wait()
                return
            await self._end(lambda process: process.terminate(), "off", within_s=END_S)

    async def _end(
        self,
        ask: Callable[[asyncio.subprocess.Process], None],
        state: BotState,
        within_s: float | None = None,
    ) -> None:
        process, watch = self._process, self._watch
        if process is None or watch is None or process.returncode is not None:
            return
        self._ends = True
        with contextlib.suppress(ProcessLookupError):
            ask(process)
        _, late = await asyncio.wait({watch}, timeout=within_s)
        if late:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await watch
        self._become(state)

    async def _follow(self) -> None:
        """Until this process has ended."""
        process = self._process
        if process is None:
            return
        life = self.lives[-1]
        up = asyncio.ensure_future(self._is_up(life.began_at))
        over = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({up, over}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not over.done():
                up.result()
                life.up_at = self._clock()
                self._become("running")
            await over
        finally:
            up.cancel()
            over.cancel()
        life.ended_at = self._clock()
        self._process = None
        if not self._ends:
            if self._listener is not None:
                await asyncio.to_thread(self._listener.join, 1.0)
            self.exit_code = process.returncode
            self._become("ended")

    def _become(self, state: BotState) -> None:
        self.state = state
        for watcher in self._watchers:
            watcher()


def _environment() -> dict[str, str]:
    """This process's, without settings of a real bot: they would count before the demo's file."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}


def _relay(read: int, words: deque[str]) -> None:
    """What the bot logs, into this process's standard error; the newest lines are kept."""
    with os.fdopen(read, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words.append(line.rstrip())
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(line)
                sys.stderr.flush()
