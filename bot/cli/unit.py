"""unit: a systemd unit for this very machine: its paths, its user."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
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
#: Rights, as a file's mode has them; to pass a folder is to use what is in it.
READ, WRITE, PASS = 4, 2, 1
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
    """What this user can't read or write, and the commands that change all of it at once."""
    from bot import texts  # noqa: PLC0415

    database = settings.database.file.absolute()
    own = {database.parent, *({file.absolute().parent} if file else ())}
    bound = _shown(set(_needed(settings, file)), database.parent) | own
    can = _rights(user)
    ours: dict[Path, int] = {}
    blocked: set[Path] = set()
    for path, bits in _wanted(settings, file).items():
        inside = [folder for folder in path.parents if _counts(folder, path, bound)]
        wanted = {**dict.fromkeys(reversed(inside), PASS), path: bits}
        places = {place: right for place, right in wanted.items() if not can(place, right)}
        if not all(_is_ours(place, path, own, settings) for place in places):
            yield texts.not_reached_elsewhere(user, path)
        elif places:
            blocked.add(path)
            for place, right in places.items():
                ours[place] = ours.get(place, 0) | right
    if blocked:
        yield texts.not_reached(user, sorted(blocked), " && ".join(_cures(user, ours)))
    for path, bits in _program_files().items():
        inside = [folder for folder in path.parents if _counts(folder, path, bound)]
        if not all(can(folder, PASS) for folder in inside) or not can(path, bits):
            yield texts.program_not_reached(user, path)
            return


def _wanted(settings: Settings, file: Path | None) -> dict[Path, int]:
    """Each file and folder that the bot uses, and what it needs to do there."""
    database = settings.database.file.absolute()
    read = (file, settings.lnd.macaroon, settings.lnd.tls_cert, *settings.secret_files.values())
    return {
        **{each.absolute(): READ for each in read if each is not None},
        database.parent: READ | WRITE | PASS,
        **dict.fromkeys(filter(os.path.lexists, _of_database(database)), READ | WRITE),
    }


def _of_database(database: Path) -> list[Path]:
    from bot.store import targets  # noqa: PLC0415

    return targets.of_database(database)


def _cures(user: str, places: Mapping[Path, int]) -> Iterator[str]:
    """The commands that give these to the user, and with them the rights to do so much there."""
    number = pwd.getpwnam(user).pw_uid
    others = [each for each in places if each.stat().st_uid != number]
    closed = [each for each, bits in places.items() if each.stat().st_mode >> 6 & bits != bits]
    if others:
        yield shlex.join(["sudo", "chown", user, *map(str, sorted(others))])
    if closed:
        yield shlex.join(["sudo", "chmod", "u+rwX", *map(str, sorted(closed))])


def _program_files() -> dict[Path, int]:
    """Files of the program, each where it depends on how that was installed."""
    executable = Path(sys.executable)
    programs = (executable, executable.resolve(), Path(_program()[0]))
    return {**dict.fromkeys(programs, READ | PASS), Path(bot.__file__): READ}


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
