"""unit: a systemd unit for this very machine: its paths, its user."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
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

    Example: invoice-bot unit > invoice-bot.service
    """
    with errors_printed():
        file = config_file(config or context.obj)
        settings = settings_of(file, need_telegram=False)
        from bot import texts  # noqa: PLC0415

        who = _user(user)
        output.shown(unit_of(settings, file, user=who).rstrip("\n"))
        for note in (*_notes(who), *_out_of_reach(who, settings, file)):
            output.said(f"\n{note}")
        command = shlex.join([*_program(), *sys.argv[1:]])
        output.said("\n" + texts.install_unit(command))


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


def _out_of_reach(user: str, settings: Settings, file: Path | None) -> Iterator[str]:
    """What this user can't read or write, and the command that changes it."""
    from bot import texts  # noqa: PLC0415

    database = settings.database.file.absolute()
    own = {database.parent, *({file.absolute().parent} if file else ())}
    bound = _shown(set(_needed(settings, file)), database.parent) | own
    needed = [(each, 4) for each in (file, settings.lnd.macaroon, *settings.secret_files.values())]
    needed += [(settings.lnd.tls_cert, 4), (database.parent, 6), (database, 6)]
    can = _rights(user)
    blocked: dict[Path, Path] = {}
    for each, bits in needed:
        if each is None:
            continue
        path = each.absolute()
        inside = [folder for folder in path.parents if _counts(folder, path, bound)]
        wanted = [
            *((folder, 1) for folder in reversed(inside)),
            (path, bits | (path == database.parent)),
        ]
        if at := next((place for place, right in wanted if not can(place, right)), None):
            blocked[path] = at
    ours = {at for path, at in blocked.items() if _is_ours(at, path, own, settings)}
    if ours:
        command = shlex.join(["sudo", "chown", user, *map(str, sorted(ours))])
        yield texts.not_reached(user, sorted(p for p, at in blocked.items() if at in ours), command)
    for path in sorted(path for path, at in blocked.items() if at not in ours):
        yield texts.not_reached_elsewhere(user, path)


def _counts(folder: Path, path: Path, bound: set[Path]) -> bool:
    """Whether it is passed on the way: above what the unit binds, systemd makes the folders."""
    roots = [each for each in bound if path.is_relative_to(each)]
    return not _is_hidden(path) or any(folder.is_relative_to(each) for each in roots)


def _is_ours(at: Path, path: Path, own: set[Path], settings: Settings) -> bool:
    """Whether this can be given to the bot's user: LND's own folder and certificate can't."""
    is_inside = any(at.is_relative_to(each) for each in own)
    return is_inside or (at == path and path != settings.lnd.tls_cert)


def _rights(user: str) -> Callable[[Path, int], bool]:
    """Whether this user has rights (4: read, 2: write, 1: pass) to a file, by its mode.

    What nobody can tell counts as so: it is not there, or has an access list beside its mode. The
    unit takes root's own powers away.
    """
    person = pwd.getpwnam(user)
    groups = os.getgrouplist(user, person.pw_gid)

    def can(path: Path, bits: int) -> bool:
        try:
            if "system.posix_acl_access" in os.listxattr(path):
                return True
            found = path.stat()
        except OSError:
            return True
        is_owner, is_member = found.st_uid == person.pw_uid, found.st_gid in groups
        shift = 6 if is_owner else 3 if is_member else 0
        return found.st_mode >> shift & bits == bits

    return can
