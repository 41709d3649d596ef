"""backup: a whole copy of the database, beside a bot that runs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.common import (
    FAILED,
    ConfigOption,
    config_file,
    errors_printed,
    log_to_stderr,
    settings_of,
)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the backup goes.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write a backup of the database to a file, also while the bot runs.

    It is checked, readable by you only, and has everything in one file.

    Example: invoice-bot backup /mnt/usb/invoice-bot.db
    """
    with errors_printed():
        settings_file = config_file(config or context.obj)
        settings = settings_of(settings_file, need_telegram=False)
        log_to_stderr("error")
        # what was begun is removed then
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
        from bot import texts  # noqa: PLC0415
        from bot.store import peek, targets  # noqa: PLC0415
        from bot.store.backup import back_up  # noqa: PLC0415

        url = settings.database.address
        owners = settings.access.owners | peek.granted(url).owners
        own = targets.own_files(settings, settings_file)
        saved = back_up(url, file, owners=owners, own=own, force=force)
        output.shown(
            texts.backed_up(
                str(file),
                invoices=saved.invoices,
                size_bytes=saved.size_bytes,
                unhandled=saved.unhandled,
            )
        )
