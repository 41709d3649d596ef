"""status: how bot and node are, what is open and paid; beside a bot that runs."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import logs
from bot.cli.common import ConfigOption, errors_printed, log_to_stderr, settings_of

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.core.answers import NodeStatus
    from bot.core.ledger import Overview
    from bot.store import Running

#: Seconds for all answers of the node's.
NODE_WITHIN_S = 5.0


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show how the bot and the node are, and what is open and paid.

    Reads the database beside a running bot, and changes nothing.

    Example: invoice-bot status --json
    """
    with errors_printed():
        settings = settings_of(config or context.obj, need_telegram=False)
        log_to_stderr("error")
        from bot import store, texts  # noqa: PLC0415
        from bot.actions import ledger  # noqa: PLC0415
        from bot.clock import midnight  # noqa: PLC0415

        # before SQLite opens the file: to close it once more would drop SQLite's locks
        process = store.running(settings.database)
        is_moved = process is None and store.is_moved(settings.database)
        others = _others(settings, process)
        overview = store.Reader(settings.database.address).do(ledger.figures, midnight(time.time()))
        node = asyncio.run(_of_node(settings))
        if as_json:
            text = json.dumps(
                _json(node, overview, process, is_moved=is_moved, others=others), indent=2
            )
        else:
            text = texts.status_lines(
                node,
                overview,
                is_running=process is not None,
                version=process.version if process else "",
                started_at=process.started_at if process else 0.0,
                name=process.name if process else "",
                silent_s=process.silent_s if process else 0.0,
                is_moved=is_moved,
                others=others,
            )
        typer.echo(logs.redacted(text))


def _others(settings: Settings, process: Running | None) -> list[str]:
    """The sections of the settings that the active one of several processes has otherwise.

    Without a token nothing can be compared.
    """
    from bot.config import differing, marks  # noqa: PLC0415

    if process is None or not settings.telegram.token.get_secret_value():
        return []
    return differing(marks(settings), process.marks)


async def _of_node(settings: Settings) -> NodeStatus:
    """Who the node is, and what it can receive; why it says nothing. Raises nothing of ours."""
    from bot.core.answers import NodeStatus  # noqa: PLC0415
    from bot.errors import NodeError, NodeTimeout, PermissionMissing  # noqa: PLC0415
    from bot.node.client import Node  # noqa: PLC0415
    from bot.node.gate import probe  # noqa: PLC0415

    node = Node(settings.lnd)
    info = inbound_msat = None
    try:
        async with asyncio.timeout(NODE_WITHIN_S):
            await probe(node)
            with suppress(PermissionMissing):
                info = await node.info()
            with suppress(PermissionMissing):
                inbound_msat = await node.receivable_msat()
    except TimeoutError:
        return NodeStatus(NodeTimeout(), None)
    except NodeError as error:
        return NodeStatus(error, None)
    finally:
        await node.close()
    return NodeStatus(None, info, inbound_msat)


def _json(
    node: NodeStatus,
    overview: Overview,
    process: Running | None,
    *,
    is_moved: bool,
    others: list[str],
) -> dict[str, Any]:
    """Names that stay. Amounts in millisatoshi, times in UTC; null where nobody knows."""
    info, last = node.info, overview.last_paid_at
    return {
        "running": process is not None,
        "alive": process is not None and not process.silent_s,
        "version": (process.version or None) if process else None,
        "started_at": _utc(process.started_at) if process else None,
        "process": (process.name or None) if process else None,
        "other_settings": others,
        "moving": is_moved,
        "node": {
            "answers": node.away is None,
            "problem": node.away.key if node.away else None,
            "alias": info.alias if info else None,
            "pubkey": info.identity_pubkey if info else None,
            "network": info.network if info else None,
            "version": info.version if info else None,
            "synced": info.synced_to_chain if info else None,
            "block_height": info.block_height if info else None,
            "inbound_msat": node.inbound_msat,
        },
        "open": {"count": overview.open_count, "msat": overview.open_msat},
        "pending": {"count": overview.pending},
        "unconfirmed": {"count": overview.unconfirmed},
        "paid_today": {
            "since": _utc(overview.paid_since),
            "count": overview.paid_count,
            "msat": overview.paid_msat,
        },
        "last_payment": {"at": _utc(last), "msat": overview.last_paid_msat} if last else None,
        "stuck": {"count": overview.stuck + overview.stuck_boards},
    }


def _utc(at: float) -> str | None:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
