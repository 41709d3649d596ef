"""The whole demo: stage, page and the real bot, until stopped. Knows their order."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from bot.demo import stage
from bot.demo.stage import Stage
from bot.demo.web import Page
from bot.errors import PortInUse, PortUnusable

READY_TIMEOUT_S = 20.0
GRACE_S = 1
ENDED = "The demo has ended. Nothing of it is left on this computer."
#: What was writing there ends at the same moment: the folder is removed until it is gone.
_REMOVER = """
import os, shutil, sys, time
sys.stdin.read()
for _ in range(100):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not os.path.exists(sys.argv[1]):
        break
    time.sleep(0.05)
"""


async def run(
    *, port: int = 8080, host: str = "127.0.0.1", stop: asyncio.Event | None = None
) -> None:
    """Run the whole demo until `stop` is set.

    Prints what it started, the address last; after that, that it has ended.
    Port 0 is any free one. Raises `PortInUse` or `PortUnusable`, and `DemoNotReady`.
    """
    stop = stop or asyncio.Event()
    with (
        _listening(host, port) as listener,
        _folder() as folder,
    ):
        async with stage.opened(folder) as opened:
            try:
                async with asyncio.TaskGroup() as group:
                    await _play(group, opened, listener, stop)
            except ExceptionGroup as errors:
                raise _first(errors) from errors
    sys.stdout.write(f"{ENDED}\n")
    sys.stdout.flush()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that goes with this process, however that ends: a process of its own sees to it."""
    with (
        tempfile.TemporaryDirectory(prefix="invoice-bot-demo-") as folder,
        # a session of its own: Ctrl-C is not for it; the end of its standard input ends it, which
        # leaving this block closes, as does whatever ends this process
        subprocess.Popen(  # noqa: S603 -- this interpreter, and a folder made here
            [sys.executable, "-I", "-S", "-c", _REMOVER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ),
    ):
        yield Path(folder)


def _first(error: Exception) -> Exception:
    """The first error, out of the groups that it is in."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _play(
    group: asyncio.TaskGroup, opened: Stage, listener: socket.socket, stop: asyncio.Event
) -> None:
    page = Page(opened)
    server = _Server(
        uvicorn.Config(
            page.application(),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    await opened.process.start()
    looking = [group.create_task(each) for each in (page.forward(), page.backstage.look_on())]
    serving = group.create_task(server.serve(sockets=[listener]))
    stopped = group.create_task(stop.wait())
    ready = group.create_task(opened.ready(timeout_s=READY_TIMEOUT_S))
    await asyncio.wait((serving, stopped, ready), return_when=asyncio.FIRST_COMPLETED)
    if ready.done() and not ready.exception():
        _print_started(opened, listener)
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    for task in (ready, stopped, *looking):
        task.cancel()
    await page.backstage.close()
    server.should_exit = True
    page.end()


def _print_started(opened: Stage, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    lines = (
        f"The simulated Lightning node listens on {opened.node.address} (gRPC over TLS).",
        f"The simulated Telegram listens on {opened.telegram.url} (HTTP Bot API).",
        f"The bot @{opened.bot.username} runs between them, in a process of its own: `run`."
        if opened.process.lives_on
        else "The bot has ended. The page says so, and can start it again.",
        "Open this page; Ctrl-C ends the demo:",
        f"http://{f'[{host}]' if ':' in host else host}:{port}",
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


class _Server(uvicorn.Server):
    """Leaves the signals to the command line."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The page's socket, bound before anything else starts."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(port=port) from None
            raise PortUnusable(port=port, reason=error.strerror or "") from None
        yield listener
