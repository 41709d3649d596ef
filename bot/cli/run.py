"""run and demo: until a signal, and an orderly end in time."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

import typer

from bot import lack, logs
from bot.cli.common import ConfigOption, errors_printed, log_to_stderr, settings_of
from bot.errors import DemoMissing

#: Seconds for a clean shutdown, and those after it to log that it took too long.
SHUTDOWN_S = 4.5
LAST_LINE_S = 0.4

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logs.get(__name__)


def run(context: typer.Context, config: ConfigOption = None) -> None:
    """Run the bot until SIGTERM or Ctrl-C.

    SIGHUP makes it read [access] and [limits] of the settings again.

    Example: invoice-bot run --config config.toml
    """
    with errors_printed():
        end_on_signals(lambda: sys.exit(0))
        settings = settings_of(config or context.obj)
        log_to_stderr(settings.log.level, settings.log.format)
        from bot import app as whole  # noqa: PLC0415

        async def start(stop: asyncio.Event) -> None:
            reloads = whole.Reloads(lambda: settings_of(config or context.obj))
            wanted = reloads.wanted.set
            on_hangups(partial(asyncio.get_running_loop().call_soon_threadsafe, wanted))
            await whole.run(settings, stop=stop, reloads=reloads)

        _until_stopped(start)


def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="PORT", help="The port of the page.")
    ] = 8080,
) -> None:
    """Try the bot with a simulated node and chat, on a web page.

    There is nothing to configure. Ctrl-C ends it.

    Example: invoice-bot demo --port 8090
    """
    with errors_printed():
        end_on_signals(lambda: sys.exit(0))
        log_to_stderr("warning")
        try:
            from bot.demo.run import run as whole  # noqa: PLC0415
        except ImportError as error:
            name = error.name or "bot"
            # the image has no bot.demo at all; anything else of ours that is missing is a bug
            no_demo = type(error) is ModuleNotFoundError and name in ("bot.demo", "bot.demo.run")
            if name.partition(".")[0] == "bot" and not no_demo:
                raise
            raise DemoMissing from None
        _until_stopped(lambda stop: whole(port=port, stop=stop))


def _until_stopped(start: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    async def whole() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        end_on_signals(partial(loop.call_soon_threadsafe, stop.set))
        lack.ends_with(loop, partial(logs.flush, LAST_LINE_S))
        await start(stop)

    gc.freeze()  # what was imported stays, and need not be searched each time
    gc.enable()
    asyncio.run(whole())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # Python's last step would let it end the process


def end_on_signals(end: Callable[[], object]) -> None:
    """The first SIGTERM or Ctrl-C shuts down cleanly and in time, the second one at once."""

    def first(_signal: int, _frame: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, lambda *_: os._exit(130))
        # This one needs no Python: it ends the process whatever lock is held, and shows where.
        with suppress(RuntimeError, ValueError, OSError):  # no standard error
            faulthandler.dump_traceback_later(SHUTDOWN_S + LAST_LINE_S, exit=True)
        # And this one needs nothing at all: to show where blocks if nobody reads standard error.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, SHUTDOWN_S + 2 * LAST_LINE_S)
        timer = threading.Timer(SHUTDOWN_S, _too_late)
        timer.daemon = True
        timer.start()
        end()

    for number in _SIGNALS:
        signal.signal(number, first)


def on_hangups(reload: Callable[[], object]) -> None:
    """SIGHUP means `reload`, unless it says that the terminal is gone: then it ends the process.

    One that came since the process began is heard now.
    """
    terminals = [number for number in range(3) if os.isatty(number)]

    def hung_up(_signal: int, _frame: object) -> None:
        if all(map(os.isatty, terminals)):
            with suppress(RuntimeError):  # the loop is closed
                reload()
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGHUP, hung_up)
    hear_hangups()


def hear_hangups() -> None:
    """From now on SIGHUP is heard. `__main__` keeps it back while nothing is there that would."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _too_late() -> None:
    try:
        log.error("shutdown took too long")
        logs.flush(LAST_LINE_S / 2)
    finally:  # whether the line was written or not
        os._exit(1)
