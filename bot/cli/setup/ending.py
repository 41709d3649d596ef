"""What comes after the settings are written: all is checked, the bot claimed, and started."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from bot import logs
from bot.actions import claims
from bot.check import diagnose
from bot.cli.setup.terminal import Terminal
from bot.config import Settings
from bot.store import Store
from bot.store.running import running
from bot.texts import setup as texts
from bot.texts.terminal import finding_line

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]

#: Seconds in which a database on a server lets this process act, where no bot does.
LEAD_S = 5.0
#: There where systemd runs, as sd_booted(3) has it.
_SYSTEMD = Path("/run/systemd/system")


def checked(terminal: Terminal, settings: Settings, run: Run[Any]) -> bool:
    """Print what `check` finds; whether all is in order."""
    terminal.report(*texts.CHECK_HEAD)
    findings = run(diagnose(settings))
    terminal.report(*map(finding_line, texts.after_setup(findings)), "")
    return not texts.is_bad(findings)


def claimed(terminal: Terminal, settings: Settings, username: str, run: Run[str]) -> None:
    """Say how somebody becomes the bot's owner. Raises StartError: the database can't be used."""
    code = "" if settings.access.owners else run(_code(settings))
    if not code:
        terminal.report(*texts.open_bot(username))
        return
    terminal.report(*texts.claim(claims.link(username, code)))
    # from here on it is in no line of any log
    logs.redact(code)


async def _code(settings: Settings) -> str:
    """The one-time code; "" where somebody owns the bot of this database already."""
    store = await Store.open(settings.database.address)
    try:
        # of several processes of a server's database one writes: a bot that is active has a link
        too_late = asyncio.Event()
        asyncio.get_running_loop().call_later(LEAD_S, too_late.set)
        if not await store.lead(too_late) or await store.do(claims.is_owned):
            return ""
        return await store.do(claims.claim_code, drawn=claims.draw())
    finally:
        await store.close()


def at_work(terminal: Terminal, settings: Settings) -> bool:
    """Whether a bot runs on this database already, which is then told to be started again."""
    bot = running(settings.database)
    if bot is not None:
        terminal.report(*texts.running(bot.pid))
    return bot is not None


def kept_running(terminal: Terminal, config: Path) -> None:
    """Where the machine has systemd, the commands that make a service of the bot."""
    if _SYSTEMD.is_dir():
        terminal.report(*texts.unit(shlex.join([*program(), "unit", "--config", str(config)])))


def started(terminal: Terminal, config: Path, *, starts: bool | None, is_fine: bool) -> None:
    """Start the bot in this process's place, or say how; by default it starts where all is fine."""
    if starts is None:
        starts = terminal.is_there and terminal.asks(texts.START, default=is_fine)
    if not starts:
        terminal.report(texts.start_later(command(config)))
        return
    terminal.report(*texts.STARTING)
    _become(config)


def command(config: Path) -> list[str]:
    """What starts the bot."""
    return [*program(), "run", "--config", str(config)]


def program() -> list[str]:
    """What starts this program as it was started now."""
    script = Path(sys.executable).with_name("invoice-bot")
    return [str(script)] if script.exists() else [sys.executable, "-m", "bot"]


def _become(config: Path) -> NoReturn:
    """The process of `run`: nothing of the setup stays in its memory."""
    sys.stdout.flush()
    logs.flush()
    # the bot that was set up, not another one that is installed
    os.execv(sys.executable, [sys.executable, "-m", "bot", "run", "--config", str(config)])  # noqa: S606
