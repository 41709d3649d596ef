"""check: a line for each thing that was looked at."""

from __future__ import annotations

import asyncio

import typer

from bot import logs
from bot.cli.common import FAILED, ConfigOption, errors_printed, log_to_stderr, settings_of


def check(context: typer.Context, config: ConfigOption = None) -> None:
    """Check the token, the node, its permissions and the database.

    Prints a line for each: ✓ fine, ✗ needs fixing, ! worth knowing. Exits with 1 if any is ✗.

    Example: invoice-bot check --config config.toml
    """
    with errors_printed():
        settings = settings_of(config or context.obj)
        log_to_stderr("error")
        from bot import texts  # noqa: PLC0415
        from bot.check import diagnose  # noqa: PLC0415
        from bot.findings import Mark  # noqa: PLC0415

        findings = asyncio.run(diagnose(settings))
        for finding in findings:
            typer.echo(logs.redacted(texts.finding_line(finding)))
        if any(finding.mark is Mark.BAD for finding in findings):
            raise typer.Exit(FAILED)
