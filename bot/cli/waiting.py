"""invoice --wait: until an invoice is paid, expired or cancelled; the exit code says which."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import typer

from bot.cli import output
from bot.cli.at_node import as_object, with_node
from bot.config import Settings

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice
    from bot.errors import NodeError

#: Exit codes: 1 and 2 are what they are of every command, and a shell has 130 for Ctrl-C.
EXPIRED, CANCELLED, INTERRUPTED = 3, 4, 130


def wait(settings: Settings, made: NodeInvoice, *, ahead_s: float, as_json: bool) -> None:
    """Wait, say what became of it, and end with the exit code for that.

    `ahead_s`: of the node's clock. What is not the end is said on standard error.
    """
    from bot import texts  # noqa: PLC0415
    from bot.core.ends import End  # noqa: PLC0415
    from bot.node.ending import ended  # noqa: PLC0415

    def on_trouble(error: NodeError | None) -> None:
        if error is None:
            output.said(texts.NODE_IS_BACK)
            return
        error.values |= {"host": settings.lnd.host}
        output.said(texts.waited_through(error))

    try:
        output.said(texts.WAITING)
        end, found = asyncio.run(
            with_node(
                settings,
                lambda node: ended(
                    node, made, now=lambda: time.time() + ahead_s, on_trouble=on_trouble
                ),
            )
        )
    except KeyboardInterrupt:
        output.said(texts.still_open(made))
        raise typer.Exit(INTERRUPTED) from None
    output.shown(as_object(found) if as_json else texts.became(end, found))
    if end is not End.PAID:
        raise typer.Exit(EXPIRED if end is End.EXPIRED else CANCELLED)
