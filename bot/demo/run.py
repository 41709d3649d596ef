"""The whole demo: stage, page and the real bot, until stopped. Knows their order."""

from __future__ import annotations

import asyncio
import errno
import socket
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


async def run(
    *, port: int = 8080, host: str = "127.0.0.1", stop: asyncio.Event | None = None
) -> None:
    """Run the whole demo until `stop` is set. Prints what it started; the last line is the address.

    Port 0 is any free one. Raises `PortInUse` or `PortUnusable`, and `DemoNotReady`.
    """
    stop = stop or asyncio.Event()
    with (
        _listening(host, port) as listener,
        tempfile.TemporaryDirectory(prefix="invoice-bot-demo-") as folder,
    ):
        async with stage.opened(Path(folder)) as opened:
            try:
                async with asyncio.TaskGroup() as group:
                    await _play(group, opened, listener, stop)
            except ExceptionGroup as errors:
                raise _first(errors) from errors


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
