"""list: the newest invoices, as a table that fits the terminal."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import Annotated

import typer

from bot import logs
from bot.cli import output
from bot.cli.common import ConfigOption, errors_printed, log_to_stderr, settings_of
from bot.errors import LimitRefused, OptionsExclude

#: Columns where no terminal says how many it has.
COLUMNS = 80
#: Lines at most.
MOST = 100_000


def list_(
    context: typer.Context,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that can be paid.")] = False,
    is_paid: Annotated[bool, typer.Option("--paid", help="Only those that are paid.")] = False,
    is_all: Annotated[
        bool, typer.Option("--all", help="All of them; this is the default.")
    ] = False,
    limit: Annotated[str, typer.Option(metavar="N", help="At most so many.")] = "20",
    config: ConfigOption = None,
) -> None:
    """List the newest invoices, everyone's.

    Reads the database beside a running bot, and changes nothing.

    Example: invoice-bot list --paid --limit 50
    """
    with errors_printed():
        if is_open + is_paid + is_all > 1:
            raise OptionsExclude(options="--open, --paid and --all")
        most = _most(limit)
        settings = settings_of(config or context.obj, need_telegram=False)
        log_to_stderr("error")
        from bot import texts  # noqa: PLC0415
        from bot.actions import ledger  # noqa: PLC0415
        from bot.core.ledger import Show  # noqa: PLC0415
        from bot.store import Reader  # noqa: PLC0415

        show = Show.OPEN if is_open else Show.PAID if is_paid else Show.ALL
        rows = Reader(settings.database.address).do(ledger.newest, show, most + 1)
        if not rows:
            output.said(texts.no_invoices(show))
            return
        typer.echo(logs.redacted(texts.invoice_table(rows[:most], _columns())))
        if len(rows) > most:
            output.said(texts.more_than(most))


def _most(limit: str) -> int:
    """How many are shown. Raises `LimitRefused`."""
    if not re.fullmatch(r"[0-9]{1,6}", limit) or not 1 <= int(limit) <= MOST:
        raise LimitRefused(text=limit, most=MOST)
    return int(limit)


def _columns() -> int:
    """The terminal's width, also where the output goes through a pipe to another program."""
    with suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        with suppress(OSError, ValueError, AttributeError):
            if columns := os.get_terminal_size(stream.fileno()).columns:
                return columns
    return COLUMNS
