"""unit: a systemd unit for this very machine: its paths, its user."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

import bot
from bot.cli import output
from bot.cli.common import NEEDS_FIXING, ConfigOption, config_file, errors_printed, settings_of
from bot.config import ENV_PREFIX, Settings
from bot.errors import UserUnknown

#: What the unit hides, by ProtectHome and by PrivateTmp.
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108
#: What leads to Telegram, where it is set.
_PROXIES = ("HTTPS_PROXY", "NO_PROXY")


def unit(
    context: typer.Context,
    user: Annotated[str, typer.Option(metavar="NAME", help="Who runs the bot. Default: you.")] = "",
    config: ConfigOption = None,
) -> None:
    """Print a systemd unit that runs the bot with few rights.

    It has the paths of this machine: the program's, the settings', the database's. What to do with
    it is printed on standard error.

    Example: invoice-bot unit --user me
    """
    with errors_printed():
        file = config_file(config or context.obj)
        settings = settings_of(file, need_telegram=False)
        from bot import texts  # noqa: PLC0415

        who = _user(user)
        output.shown(unit_of(settings, file, user=who).rstrip("\n"))
        for note in _notes(who):
            output.said(f"\n{note}")
        is_shown = sys.stdout is not None and sys.stdout.isatty()
        command = shlex.join([*_program(), *sys.argv[1:]])
        output.said("\n" + texts.install_unit(command, is_shown=is_shown))


def unit_of(settings: Settings, file: Path | None, *, user: str) -> str:
    """The unit of a bot with these settings, which are in `file`. Raises `PathForUnitRefused`."""
    from bot import texts  # noqa: PLC0415

    data = settings.database.file.absolute().parent
    config = [] if file is None else ["--config", str(file.absolute())]
    return texts.unit(
        user=user,
        folder=data if file is None else file.absolute().parent,
        command=[*_program(), "run", *config],
        writable=("BindPaths" if _is_hidden(data) else "ReadWritePaths", data),
        readable=sorted(_shown(set(_needed(settings, file)), data)),
        needs_fixing=NEEDS_FIXING,
    )


def _program() -> list[str]:
    """What starts the bot as it was started now."""
    script = Path(sys.executable).with_name("invoice-bot")
    return [str(script)] if script.exists() else [sys.executable, "-m", "bot"]


def _needed(settings: Settings, file: Path | None) -> Iterator[Path]:
    """What the bot reads: its program, which nothing may change, and its files."""
    yield from {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent}
    yield Path(bot.__file__).parent
    if settings.lnd.tls_cert is not None:
        yield settings.lnd.tls_cert.absolute()
    for each in (file, settings.lnd.macaroon, *settings.secret_files.values()):
        if each is not None:
            yield _with_neighbours(each.absolute())


def _with_neighbours(file: Path) -> Path:
    """The folder of a file that people replace: a file alone would stay the old one.

    But no one's home, which has much else in it.
    """
    folder = file.parent
    homes = {Path(entry.pw_dir) for entry in pwd.getpwall()}
    return file if folder in homes or folder in HIDDEN else folder


def _shown(paths: Iterable[Path], data: Path) -> set[Path]:
    """Those that are hidden otherwise, and the program where its folder is writable."""
    program = {Path(sys.prefix), Path(bot.__file__).parent}
    inside = {each for each in paths if each != data and each.is_relative_to(data)} & program
    outside = {each for each in paths if _is_hidden(each) and not each.is_relative_to(data)}
    return _outermost(inside) | _outermost(outside)


def _outermost(paths: set[Path]) -> set[Path]:
    return {each for each in paths if not paths & set(each.parents)}


def _is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(each) for each in HIDDEN)


def _user(name: str) -> str:
    """Who runs the bot: who is named, else who called, also by sudo. Raises `UserUnknown`."""
    if not name:
        name = os.environ.get("SUDO_USER", "") or pwd.getpwuid(os.getuid()).pw_name
    try:
        return pwd.getpwnam(name).pw_name
    except (KeyError, ValueError):
        raise UserUnknown(name=name) from None


def _notes(user: str) -> Iterator[str]:
    """What is worth knowing of it."""
    from bot import texts  # noqa: PLC0415

    names = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))
    if names:
        yield texts.variables_left_out(names)
    if proxies := sorted(name for name in os.environ if name.upper() in _PROXIES):
        yield texts.proxy_left_out(proxies)
    if user == "root":
        yield texts.RUNS_AS_ROOT
