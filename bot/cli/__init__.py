"""The command line: the only print, and the only exit codes. Knows people at a terminal.

0: success; 1: failed; 2: a setting, an argument or a file needs fixing first.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

# What is slow to import is imported by the command that needs it.
from bot import __version__
from bot.cli import (
    at_node,
    backup,
    check,
    export,
    invoice,
    listing,
    move_database,
    output,
    run,
    setup,
    status,
    unit,
)
from bot.cli.common import (
    FAILED,
    NEEDS_FIXING,
    ConfigOption,
    check_folder,
    errors_printed,
    say,
)
from bot.core.wishes import OutputProblem
from bot.errors import OutputFailed

__all__ = ["FAILED", "NEEDS_FIXING", "app", "main"]

#: Of Linux' prctl, as <linux/prctl.h> has it.
PR_SET_DUMPABLE = 4
#: Of the C library's mallopt, as glibc's <malloc.h> has it.
M_ARENA_MAX = -8

app = typer.Typer(
    name="invoice-bot",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command line; ends the process."""
    _arrange_memory()
    output.prepare()
    try:
        app()
    except OSError:
        reason = output.why_lost(sys.stdout)
        if not reason:
            raise
        say(OutputFailed(problem=OutputProblem.LOST, reason=reason))
        sys.exit(FAILED)
    raise SystemExit


def _arrange_memory() -> None:
    """No core dumps, and no look from outside: macaroon, token and preimages are in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # a handler of core dumps may ignore the limit, and another process of this user needs none
        import ctypes  # noqa: PLC0415

        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        # Not a heap for each thread: only one of them computes at a time. That is 3 MB less.
        with suppress(AttributeError):  # another C library has one anyhow
            libc.mallopt(M_ARENA_MAX, 1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"invoice-bot {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """A Telegram bot that creates Lightning invoices at your own LND node.

    Example: invoice-bot run --config config.toml
    """
    with errors_printed():
        check_folder()
    context.obj = config
    if context.invoked_subcommand != run.run.__name__:
        run.hear_hangups()


_COMMANDS = (
    *(setup.setup, run.run, run.demo, check.check),
    *(invoice.invoice, at_node.lookup, at_node.cancel),
    *(status.status, export.export, backup.backup, move_database.move_database, unit.unit),
)
for _command in _COMMANDS:
    app.command()(_command)
app.command("list")(listing.list_)
