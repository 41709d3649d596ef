"""The command line: the only print, and the only exit codes. Knows people at a terminal.

0: success; 1: failed; 2: a setting, an argument or a file needs fixing first.
"""

from __future__ import annotations

import asyncio
import base64
import faulthandler
import gc
import hashlib
import json
import os
import resource
import secrets
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

# What is slow to import is imported by the command that needs it.
from bot import __version__, logs
from bot.cli import output
from bot.config import DEFAULT_FILE, InvoicesSettings, Settings, load
from bot.core.wishes import OutputProblem
from bot.errors import DemoMissing, InvoiceBotError, OutputFailed

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice

#: Exit codes. A service manager starts what failed again, and not what needs fixing.
FAILED, NEEDS_FIXING = 1, 2

#: Of Linux' prctl, as <linux/prctl.h> has it.
PR_SET_DUMPABLE = 4

#: Seconds for a clean shutdown, and those after it to log that it took too long.
SHUTDOWN_S = 4.5
LAST_LINE_S = 0.4

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logs.get(__name__)

app = typer.Typer(
    name="invoice-bot",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"The settings file. Default: {DEFAULT_FILE} in the current folder.",
    ),
]


def main() -> NoReturn:
    """Run the command line; ends the process."""
    _keep_memory_private()
    output.prepare()
    try:
        app()
    except OSError:
        reason = output.why_lost(sys.stdout)
        if not reason:
            raise
        _say(OutputFailed(problem=OutputProblem.LOST, reason=reason))
        sys.exit(FAILED)
    raise SystemExit


def _keep_memory_private() -> None:
    """No core dumps, and no look from outside: macaroon, token and preimages are in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # a handler of core dumps may ignore the limit, and another process of this user needs none
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


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
    context.obj = config


@app.command()
def run(context: typer.Context, config: ConfigOption = None) -> None:
    """Run the bot until SIGTERM or Ctrl-C.

    Example: invoice-bot run --config config.toml
    """
    with _errors_printed():
        _end_on_signals(lambda: sys.exit(0))
        settings = _load(config or context.obj)
        _log(settings.log.level, settings.log.format)
        from bot import app as whole  # noqa: PLC0415

        _until_stopped(lambda stop: whole.run(settings, stop=stop))


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="PORT", help="The port of the page.")
    ] = 8080,
) -> None:
    """Try the bot with a simulated node and chat, on a web page.

    There is nothing to configure. Ctrl-C ends it.

    Example: invoice-bot demo --port 8090
    """
    with _errors_printed():
        _end_on_signals(lambda: sys.exit(0))
        _log("warning")
        try:
            from bot.demo.run import run as whole  # noqa: PLC0415
        except ImportError as error:
            name = error.name or "bot"
            # the image has no bot.demo at all; anything else of ours that is missing is a bug
            no_demo = type(error) is ModuleNotFoundError and name in ("bot.demo", "bot.demo.run")
            if name.partition(".")[0] == "bot" and not no_demo:
                raise
            raise DemoMissing from None
        _until_stopped(lambda stop: whole(port=port, stop=stop))


@app.command()
def check(context: typer.Context, config: ConfigOption = None) -> None:
    """Check the token, the node, its permissions and the database.

    Prints a line for each: ✓ fine, ✗ needs fixing, ! worth knowing. Exits with 1 if any is ✗.

    Example: invoice-bot check --config config.toml
    """
    with _errors_printed():
        settings = _load(config or context.obj)
        _log("error")
        from bot import texts  # noqa: PLC0415
        from bot.check import diagnose  # noqa: PLC0415
        from bot.findings import Mark  # noqa: PLC0415

        findings = asyncio.run(diagnose(settings))
        for finding in findings:
            typer.echo(logs.redacted(texts.finding_line(finding)))
        if any(finding.mark is Mark.BAD for finding in findings):
            raise typer.Exit(FAILED)


@app.command()
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
    with _errors_printed():
        settings = _load(config or context.obj, need_telegram=False)
        _log("error")
        amount_msat, memo = _read(" ".join(asked), memo, settings.invoices)
        output.check_open()
        if png is not None:
            output.check_target(png, as_json=as_json)
        made, receivable_msat = asyncio.run(_make(settings, amount_msat=amount_msat, memo=memo))
        _show(made, receivable_msat, as_json=as_json, png=png)


def _load(config: Path | None, *, need_telegram: bool = True) -> Settings:
    default = Path(DEFAULT_FILE)
    return load(config or (default if default.exists() else None), need_telegram=need_telegram)


def _log(level: logs.Level, format_: logs.Format = "text") -> None:
    logs.setup(level, format_)
    logs.catch_uncaught()


@contextmanager
def _errors_printed() -> Iterator[None]:
    """Ends the process with a sentence, and no traceback, where something expected is wrong."""
    try:
        yield
    except InvoiceBotError as error:
        _say(error)
        raise typer.Exit(NEEDS_FIXING if error.needs_fixing else FAILED) from None


def _say(error: InvoiceBotError) -> None:
    from bot import texts  # noqa: PLC0415

    output.said(logs.redacted(texts.why_here(error)))


# run and demo: until a signal


def _until_stopped(start: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    async def whole() -> None:
        stop = asyncio.Event()
        _end_on_signals(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
        await start(stop)

    gc.freeze()  # what was imported stays, and need not be searched each time
    gc.enable()
    asyncio.run(whole())


def _end_on_signals(end: Callable[[], object]) -> None:
    """The first SIGTERM or Ctrl-C shuts down cleanly and in time, the second one at once."""

    def first(_signal: int, _frame: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, lambda *_: os._exit(130))
        # This one needs no Python: it ends the process whatever lock is held, and shows where.
        with suppress(RuntimeError, ValueError, OSError):  # no standard error
            faulthandler.dump_traceback_later(SHUTDOWN_S + LAST_LINE_S, exit=True)
        # And this one needs nothing at all: to show where blocks if nobody reads standard error.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, SHUTDOWN_S + 2 * LAST_LINE_S)
        timer = threading.Timer(SHUTDOWN_S, _too_late)
        timer.daemon = True
        timer.start()
        end()

    for number in _SIGNALS:
        signal.signal(number, first)


def _too_late() -> None:
    try:
        log.error("shutdown took too long")
        logs.flush(LAST_LINE_S / 2)
    finally:  # whether the line was written or not
        os._exit(1)


# invoice


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

    picture = _picture(made.payment_request)
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


def _picture(payment_request: str) -> bytes:
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
