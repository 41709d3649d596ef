"""invoice: one invoice of the node, without Telegram."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import output, waiting
from bot.cli.at_node import with_node
from bot.cli.common import (
    ConfigOption,
    config_file,
    errors_printed,
    log_to_stderr,
    settings_of,
)
from bot.config import MAX_EXPIRY_S, InvoicesSettings, Settings, duration
from bot.core.wishes import OutputProblem
from bot.errors import ExpiryRefused, NodeError, NodePassing, OutputFailed

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice
    from bot.node.client import Node


def invoice(
    context: typer.Context,
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="AMOUNT [MEMO]", help="2100, 21k, 0.0005 btc or any; then what it is for."
        ),
    ],
    memo: Annotated[str, typer.Option(metavar="TEXT", help="What the payment is for.")] = "",
    expiry: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long it can be paid: 30m, 12h, 7d."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it is paid, expired or cancelled.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    png: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write the QR code to a PNG file; - for standard output."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Create an invoice at the node, without Telegram.

    Prints the payment request and its QR code. With --wait it exits with 0 once it is paid, with 3
    if it has expired, with 4 if it was cancelled, and with 130 at Ctrl-C.

    Example: invoice-bot invoice 2100 pizza --expiry 1d --wait
    """
    with errors_printed():
        settings_file = config_file(config or context.obj)
        settings = settings_of(settings_file, need_telegram=False)
        log_to_stderr("error")
        expiry_s = settings.invoices.expiry_s if expiry is None else _seconds(expiry)
        amount_msat, memo = _read(" ".join(asked), memo, settings.invoices)
        output.check_open()
        if png is not None:
            from bot.store import targets  # noqa: PLC0415

            own = targets.own_files(settings, settings_file)
            output.check_target(png, as_json=as_json, own=own, force=force)
        asked_at = time.time()
        with _ended_by_signals() as endings:
            made, receivable_msat = asyncio.run(
                _make(endings, settings, amount_msat=amount_msat, memo=memo, expiry_s=expiry_s)
            )
        _show(made, receivable_msat, as_json=as_json, png=png, force=force)
        if wait:
            waiting.wait(settings, made, ahead_s=made.created_at - asked_at, as_json=as_json)


def _seconds(expiry: str) -> int:
    """How long it can be paid. Raises `ExpiryRefused`."""
    try:
        seconds = duration(expiry)
    except ValueError:
        raise ExpiryRefused(text=expiry) from None
    if not 1 <= seconds <= MAX_EXPIRY_S:
        raise ExpiryRefused(text=expiry)
    return seconds


def _read(asked: str, memo: str, limits: InvoicesSettings) -> tuple[int, str]:
    """The amount in msat, and the memo: what follows the amount, or the option. Raises Refused."""
    from bot.core import amounts, text  # noqa: PLC0415

    least, most = limits.min_sats, limits.max_sats
    if memo:
        amount_msat = amounts.parse_amount(asked)
        amounts.check_range(amount_msat, min_sats=least, max_sats=most)
    else:
        amount_msat, memo = amounts.parse(asked, min_sats=least, max_sats=most)
    return amount_msat, text.memo(memo)


@contextmanager
def _ended_by_signals() -> Iterator[list[int]]:
    """What ends the process does so once what it was at has ended; the list gets its number."""
    endings: list[int] = []
    try:
        yield endings
    except asyncio.CancelledError:
        for number in endings:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise


def _hear(endings: list[int]) -> None:
    """SIGTERM and SIGHUP cancel this task, as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def end(number: int) -> None:
        endings.append(number)
        if task is not None:
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, end, number)


async def _make(
    endings: list[int], settings: Settings, *, amount_msat: int, memo: str, expiry_s: int
) -> tuple[NodeInvoice, int | None]:
    """The invoice as the node confirms it, and what it can receive where that is less, in msat.

    Raises NodeError, with its place and cause as values.
    """
    _hear(endings)
    return await with_node(
        settings,
        lambda node: _added(node, amount_msat=amount_msat, memo=memo, expiry_s=expiry_s),
    )


async def _added(
    node: Node, *, amount_msat: int, memo: str, expiry_s: int
) -> tuple[NodeInvoice, int | None]:
    from bot.core import inbound, terms  # noqa: PLC0415
    from bot.node.gate import probe  # noqa: PLC0415

    asked_at = time.time()
    preimage = secrets.token_bytes(32)
    # a node that is still starting may store the invoice and never answer
    await probe(node)
    payment_hash = hashlib.sha256(preimage).digest()
    with _named_after(NodePassing, payment_hash):
        await node.add(preimage=preimage, amount_msat=amount_msat, memo=memo, expiry_s=expiry_s)
    with _named_after(NodeError, payment_hash):
        made = await node.lookup(payment_hash)
        terms.confirm(
            made,
            payment_hash=payment_hash,
            amount_msat=amount_msat,
            expiry_s=expiry_s,
        )
        terms.in_time(made, asked_at)
    return made, inbound.receivable_of(amount_msat, node.inbound_msat)


@contextmanager
def _named_after(error: type[NodeError], payment_hash: bytes) -> Iterator[None]:
    """What the node may have after such an error, and nobody gets to see, can be cancelled."""
    try:
        yield
    except (error, asyncio.CancelledError):
        from bot import texts  # noqa: PLC0415

        output.said(texts.perhaps_made(payment_hash))
        raise


def _show(
    made: NodeInvoice, receivable_msat: int | None, *, as_json: bool, png: str | None, force: bool
) -> None:
    """Print it, and write its picture. Raises OutputFailed, which has the request if need be."""
    from bot import texts  # noqa: PLC0415

    picture = picture_of(made.payment_request)
    if png == output.STANDARD_OUTPUT:
        output.said(texts.new_invoice(made, "", receivable_msat=receivable_msat))
        not_printed = output.printed_picture(picture)
    elif as_json:
        not_printed = output.printed(_json(made, picture))
        for line in texts.receivable(receivable_msat):
            output.said(line)
    else:
        code = output.drawn(made.payment_request)
        text = texts.new_invoice(made, code, receivable_msat=receivable_msat)
        not_printed = output.printed(text)
    if png is not None and not picture:
        raise OutputFailed(problem=OutputProblem.NO_CODE)
    if png is not None and png != output.STANDARD_OUTPUT:
        output.write(Path(png), picture, force=force)
    if not_printed:
        raise OutputFailed(
            problem=OutputProblem.NOT_PRINTED,
            reason=not_printed,
            payment_request=made.payment_request,
        )


def picture_of(payment_request: str) -> bytes:
    """A PNG, or nothing where the request fits into no code."""
    from bot.chat import qr  # noqa: PLC0415

    try:
        return qr.payment_png(payment_request)
    except ValueError:
        return b""


def _json(made: NodeInvoice, picture: bytes) -> str:
    return json.dumps(
        {
            "r_hash": made.payment_hash.hex(),
            "payment_request": made.payment_request,
            "add_index": made.add_index,
            "payment_addr": made.payment_addr.hex(),
            "amount_msat": made.amount_msat,
            "expires_at": made.expires_at,
            "qr": _data_uri(picture) if picture else None,
        },
        indent=2,
    )


def _data_uri(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()
