"""lookup and cancel: one invoice of the node, without Telegram. Knows no database.

A bot that runs learns of a cancellation by itself, as of one by any other program.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.cli import named, output
from bot.cli.common import FAILED, ConfigOption, errors_printed, log_to_stderr, settings_of
from bot.cli.named import NameArgument
from bot.config import Settings

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice
    from bot.node.client import Node

T = TypeVar("T")


def lookup(
    context: typer.Context,
    name: NameArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show an invoice of the node: its state, amount, memo and times.

    Exits with 1 if the node does not know it.

    Example: invoice-bot lookup lnbc21u1p...
    """
    with errors_printed():
        settings, which = _begun(context, config, name)
        found = asyncio.run(with_node(settings, lambda node: named.found(node, which)))
        from bot import texts  # noqa: PLC0415

        output.shown(as_object(found) if as_json else texts.looked_up(found, time.time()))


def cancel(context: typer.Context, name: NameArgument, config: ConfigOption = None) -> None:
    """Cancel an invoice at the node, so that nobody can pay it.

    Exits with 0 if nobody can pay it now, and with 1 if it was paid or the node does not know it.

    Example: invoice-bot cancel lnbc21u1p...
    """
    with errors_printed():
        settings, which = _begun(context, config, name)
        found, is_new = asyncio.run(with_node(settings, lambda node: _cancelled(node, which)))
        from bot import texts  # noqa: PLC0415
        from bot.core.answers import NodeState  # noqa: PLC0415

        if is_new:
            output.shown(texts.cancelled(found))
            return
        output.shown(texts.not_cancelled(found, time.time()))
        if found.state is NodeState.SETTLED:
            raise typer.Exit(FAILED)


async def _cancelled(node: Node, which: named.Named) -> tuple[NodeInvoice, bool]:
    """The invoice, and whether it was open until now: LND says nothing of that."""
    from bot.core.answers import NodeState  # noqa: PLC0415
    from bot.errors import AlreadySettled  # noqa: PLC0415

    found = await named.found(node, which)
    if found.state in (NodeState.SETTLED, NodeState.CANCELED):
        return found, False
    try:
        await node.cancel(which.payment_hash)
    except AlreadySettled:  # somebody was faster
        return await node.lookup(which.payment_hash), False
    return found, True


def _begun(context: typer.Context, config: ConfigOption, name: str) -> tuple[Settings, named.Named]:
    settings = settings_of(config or context.obj, need_telegram=False)
    log_to_stderr("error")
    which = named.read(name)
    output.check_open()
    return settings, which


async def with_node(settings: Settings, ask: Callable[[Node], Awaitable[T]]) -> T:
    """What comes of asking the node. Raises `NodeError`, with its place and cause as values."""
    from bot.errors import NodeError  # noqa: PLC0415
    from bot.node.client import Node  # noqa: PLC0415
    from bot.node.explain import cause  # noqa: PLC0415

    node = Node(settings.lnd)
    try:
        return await ask(node)
    except NodeError as error:
        error.values |= {"host": settings.lnd.host, "cause": cause(error.detail)}
        raise
    finally:
        await node.close()


def as_object(found: NodeInvoice) -> str:
    """As JSON, with LND's own names for states."""
    return json.dumps(
        {
            "r_hash": found.payment_hash.hex(),
            "payment_request": found.payment_request,
            "state": found.state,
            "memo": found.memo,
            "amount_msat": found.amount_msat,
            "paid_msat": found.paid_msat,
            "created_at": found.created_at,
            "expires_at": found.expires_at,
            "settled_at": found.settled_at or None,
            "add_index": found.add_index,
            "settle_index": found.settle_index or None,
        },
        indent=2,
    )
