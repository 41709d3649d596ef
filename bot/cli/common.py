"""What every command needs: its settings, its log, and an end with a sentence and an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bot import logs
from bot.cli import output
from bot.config import DEFAULT_FILE, Settings, load
from bot.errors import FolderGone, InvoiceBotError

#: Exit codes. A service manager starts what failed again, and not what needs fixing.
FAILED, NEEDS_FIXING = 1, 2

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"The settings file. Default: {DEFAULT_FILE} in the current folder.",
    ),
]


def config_file(config: Path | None) -> Path | None:
    """The settings file: the one that is named, else the one in this folder, if there is one."""
    # Path.exists would raise in a folder that this user can't look into
    is_here = os.path.exists(DEFAULT_FILE)  # noqa: PTH110
    return config or (Path(DEFAULT_FILE) if is_here else None)


def settings_of(config: Path | None, *, need_telegram: bool = True) -> Settings:
    return load(config_file(config), need_telegram=need_telegram)


def log_to_stderr(level: logs.Level, format_: logs.Format = "text") -> None:
    logs.setup(level, format_)
    logs.catch_uncaught()


def check_folder() -> None:
    """Before anything is read: paths can be found from here. Raises FolderGone."""
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        raise FolderGone from None


@contextmanager
def errors_printed() -> Iterator[None]:
    """Ends the process with a sentence, and no traceback, where something expected is wrong."""
    try:
        yield
    except InvoiceBotError as error:
        say(error)
        raise typer.Exit(NEEDS_FIXING if error.needs_fixing else FAILED) from None


def say(error: InvoiceBotError) -> None:
    from bot import texts  # noqa: PLC0415

    output.said(logs.redacted(texts.why_here(error)))
