"""move-database: everything from one database into another, such as from a file to a server."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Annotated, NoReturn

import typer

from bot.cli import output
from bot.cli.common import ConfigOption, config_file, errors_printed, log_to_stderr
from bot.core.wishes import MoveProblem
from bot.errors import MoveFailed, MoveRefused

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def move_database(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="The database as it is now.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="An empty one, or a new file.")],
    config: ConfigOption = None,
) -> None:
    """Copy the whole database into another one, while no bot runs on either.

    FROM and TO are written as database.url is, without a password: that is taken from the settings.
    FROM is only read. TO gets all of it, or nothing. Change database.url afterwards.

    Example: invoice-bot move-database sqlite:///invoice-bot.db postgresql://bot@localhost/bot
    """
    with errors_printed():
        log_to_stderr("error")
        from bot import texts  # noqa: PLC0415
        from bot.config import address_of, database_password  # noqa: PLC0415
        from bot.store.move import interrupt, move  # noqa: PLC0415

        password = database_password(config_file(config or context.obj))
        addresses = []
        for name, given in (("FROM", source), ("TO", target)):
            address = address_of(given, password)
            if address is None:
                raise MoveRefused(problem=MoveProblem.NO_ADDRESS, argument=name)
            if not address:
                raise MoveRefused(problem=MoveProblem.NOT_BARE, argument=name)
            addresses.append(address)
        with _stopped_by_signals(interrupt) as seal:
            moved = move(
                *addresses, tell=lambda *state: output.said(texts.moving(*state)), seal=seal
            )
        output.shown(texts.moved(moved))


class _Stopped(BaseException):
    """A signal has come."""


@contextlib.contextmanager
def _stopped_by_signals(interrupt: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Signals end it in order, until what is yielded is called: the last step is short."""
    is_stopped = False

    def stop(_number: int, _frame: object) -> NoReturn:
        nonlocal is_stopped
        is_stopped = True
        ignore()  # what was made is removed now
        interrupt()
        raise _Stopped

    def ignore() -> None:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)

    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, stop)
    try:
        yield ignore
    except BaseException:
        if is_stopped:  # whatever it became on its way
            raise MoveFailed(problem=MoveProblem.INTERRUPTED) from None
        raise
