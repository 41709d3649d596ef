"""invoice: one invoice of the node, without Telegram."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import output
from bot.cli.common import ConfigOption, errors_printed, log_to_stderr, settings_of
from bot.config import InvoicesSettings, Settings
from bot.core.wishes import OutputProblem
from bot.errors import OutputFailed

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice


def invoice(
    context: typer.Context,
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="AMOUNT [MEMO]", help="2100, 21k, 0.0005 btc or any; then what it is for."
        ),
    ],
    memo: Annotated[str, typer.Option(metavar="TEXT", help="What the payment is for.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    png: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write the QR code to a PNG file; - for standard output."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Create an invoice at the node, without Telegram.

    Prints the payment request and its QR code.

    Example: invoice-bot invoice 2100 pizza --png pizza.png
    """
    with errors_printed():
        settings = settings_of(config or context.obj, need_telegram=False)
        log_to_stderr("error")
        amount_msat, memo = _read(" ".join(asked), memo, settings.invoices)
        output.check_open()
        if png is not None:
            output.check_target(png, as_json=as_json)
        made, receivable_msat = asyncio.run(_make(settings, amount_msat=amount_msat, memo=memo))
        _show(made, receivable_msat, as_json=as_json, png=png)


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


async def _make(
    settings: Settings, *, amount_msat: int, memo: str
) -> tuple[NodeInvoice, int | None]:
    """The invoice as the node confirms it, and what it can receive where that is less, in msat.

    Raises NodeError, with its place and cause as values.
    """
    from bot.errors import NodeError  # noqa: PLC0415
    from bot.node.explain import cause  # noqa: PLC0415

    try:
        return await _added(settings, amount_msat=amount_msat, memo=memo)
    except NodeError as error:
        error.values |= {"host": settings.lnd.host, "cause": cause(error.detail)}
        raise


async def _added(
    settings: Settings, *, amount_msat: int, memo: str
) -> tuple[NodeInvoice, int | None]:
    from bot.core import inbound, terms  # noqa: PLC0415
    from bot.node.client import Node  # noqa: PLC0415
    from bot.node.gate import probe  # noqa: PLC0415

    asked_at = time.time()
    expiry_s = settings.invoices.expiry_s
    node = Node(settings.lnd)
    preimage = secrets.token_bytes(32)
    try:
        # a node that is still starting may store the invoice and never answer
        await probe(node)
        await node.add(preimage=preimage, amount_msat=amount_msat, memo=memo, expiry_s=expiry_s)
        payment_hash = hashlib.sha256(preimage).digest()
        made = await node.lookup(payment_hash)
        terms.confirm(
            made,
            payment_hash=payment_hash,
            amount_msat=amount_msat,
            expiry_s=expiry_s,
            asked_at=asked_at,
        )
        return made, inbound.receivable_of(amount_msat, node.inbound_msat)
    finally:
        await node.close()


def _show(
    made: NodeInvoice, receivable_msat: int | None, *, as_json: bool, png: str | None
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
        output.write(Path(png), picture)
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
