"""export: all invoices of a time, as CSV or JSON lines, however many there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import output
from bot.cli.common import (
    ConfigOption,
    config_file,
    errors_printed,
    log_to_stderr,
    settings_of,
)
from bot.errors import OptionsExclude

if TYPE_CHECKING:
    from bot.core.period import Period
    from bot.core.sheet import Form
    from bot.store import Reader

#: Entries that are read at once.
ENTRIES = 1000


def export(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(metavar="DATE", help="From that day, month or year on, in UTC.")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="DATE", help="Up to the end of that day, month or year.")
    ] = "",
    as_csv: Annotated[
        bool, typer.Option("--csv", help="For a spreadsheet; this is the default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    file: Annotated[
        str | None,
        typer.Option("--output", metavar="FILE", help="Write to a file that only you can read."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Export all invoices, the oldest first.

    Reads the database beside a running bot, and changes nothing.

    Example: invoice-bot export --since 2026-01 --until 2026-03 --output invoices.csv
    """
    with errors_printed():
        if as_csv and as_json:
            raise OptionsExclude(options="--csv and --json")
        settings_file = config_file(config or context.obj)
        settings = settings_of(settings_file, need_telegram=False)
        log_to_stderr("error")
        from bot import texts  # noqa: PLC0415
        from bot.core import period  # noqa: PLC0415
        from bot.core.sheet import Form  # noqa: PLC0415
        from bot.store import Reader, targets  # noqa: PLC0415

        wanted = period.between(since, until)
        form = Form.JSON if as_json else Form.CSV
        if file is not None and file != output.STANDARD_OUTPUT:
            own = targets.own_files(settings, settings_file)
            output.check_file(file, option="--output", own=own, force=force)
            read: list[int] = []
            parts = _parts(Reader(settings.database.address), wanted, form, read)
            output.write_private(file, parts, option="--output", force=force)
            output.said(texts.exported_to(file, sum(read)))
            return
        output.check_open()
        for part in _parts(Reader(settings.database.address), wanted, form, []):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()


def _parts(reader: Reader, wanted: Period, form: Form, read: list[int]) -> Iterator[bytes]:
    """The file, some rows at a time; `read` gets how many. Raises StartError."""
    from bot.actions import ledger  # noqa: PLC0415
    from bot.core import sheet  # noqa: PLC0415
    from bot.core.ledger import Position  # noqa: PLC0415

    yield sheet.head(form).encode()
    after: Position | None = Position()
    while after is not None:
        found, after = reader.do(ledger.entries_of, wanted, after, ENTRIES)
        read.append(len(found))
        yield sheet.lines(found, form).encode()
