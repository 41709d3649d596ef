"""The command line: the only print, and the only exit codes. Knows people at a terminal.

0 is a good end, 1 what could not be done, 2 a setting or an argument to mend.
"""

from __future__ import annotations

import asyncio
import base64
import faulthandler
import gc
import hashlib
import io
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

# What takes long to import comes with the command that needs it.
from bot import __version__, logs
from bot.config import DEFAULT_FILE, InvoicesSettings, Settings, load
from bot.errors import ConfigError, InvoiceBotError, MemoRefused, Refused, StartError

if TYPE_CHECKING:
    from bot.lnd import NodeInvoice

#: Seconds for a clean end, and those after it for a word about one that was not.
END_WITHIN_S = 4.5
LAST_WORD_S = 0.4

DEMO_MISSING = (
    "The demo is not installed. Get it with make demo, or in the project's folder with "
    "pip install '.[demo]'."
)

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
        help=f"The settings; without it {DEFAULT_FILE} in the current folder.",
    ),
]


def main() -> NoReturn:
    """Run the command line; ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal has a ✓
    app()
    raise SystemExit


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"invoice-bot {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A Telegram bot that asks your own LND node for invoices.

    Example: invoice-bot run --config config.toml
    """


@app.command()
def run(config: ConfigOption = None) -> None:
    """Run the bot until SIGTERM or Ctrl-C.

    Example: invoice-bot run --config config.toml
    """
    with _told_errors():
        _end_on_signals(lambda: sys.exit(0))
        settings = _load(config)
        _log(settings.log.level, settings.log.format)
        from bot import app as whole  # noqa: PLC0415

        _until_stopped(lambda stop: whole.run(settings, stop=stop))


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="PORT", help="Where the page is.")
    ] = 8080,
) -> None:
    """Try the bot: a simulated node and chat, and a page.

    There is nothing to configure. It ends with Ctrl-C.

    Example: invoice-bot demo --port 8090
    """
    with _told_errors():
        _end_on_signals(lambda: sys.exit(0))
        _log("warning")
        try:
            from bot.demo.run import run as whole  # noqa: PLC0415
        except ImportError as error:
            name = error.name or "bot"
            # the image has no bot.demo at all; anything else of ours that is missing is a fault
            no_demo = type(error) is ModuleNotFoundError and name in ("bot.demo", "bot.demo.run")
            if name.partition(".")[0] == "bot" and not no_demo:
                raise
            raise StartError(DEMO_MISSING) from None
        _until_stopped(lambda stop: whole(port=port, stop=stop))


@app.command()
def check(config: ConfigOption = None) -> None:
    """Look at token, node, rights and database.

    A line for each: ✓ in order, ✗ not, ! worth knowing; exit 1 if any is ✗.

    Example: invoice-bot check --config config.toml
    """
    with _told_errors():
        settings = _load(config)
        _log("error")
        from bot.check import look  # noqa: PLC0415

        findings = asyncio.run(look(settings))
    for finding in findings:
        typer.echo(logs.without_secrets(str(finding)))
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


@app.command()
def invoice(
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help='2100, 21k, "0.0005 btc" or any.')
    ],
    memo: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the QR code there as PNG.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Ask the node for an invoice, without Telegram.

    Prints the payment request and its QR code.

    Example: invoice-bot invoice 2100 --memo pizza --png pizza.png
    """
    with _told_errors():
        settings = _load(config, need_telegram=False)
        _log("error")
        amount_msat, memo = _asked(amount, memo.strip(), settings.invoices)
        if png is not None:
            _look_at_place(png)
        made = asyncio.run(_made(settings, amount_msat=amount_msat, memo=memo))
        from bot import qr  # noqa: PLC0415

        picture = qr.payment_png(made.payment_request)
        code = "" if as_json else qr.terminal(made.payment_request)
        unsaid = _said(_json(made, picture) if as_json else _text(made, code))
        if png is not None:
            _write(png, picture)
        if unsaid:
            raise Refused(f"{unsaid} The node has the invoice: {made.payment_request}")


def _said(text: str) -> str:
    """Print it; a sentence where that can't be done."""
    try:
        # in colour wherever it goes: only so it can be scanned from a dark terminal
        typer.echo(text, color=True)
    except BrokenPipeError:  # nobody wants to read on
        raise
    except OSError as error:
        return f"The output can't be written: {error.strerror}."
    return ""


def _load(config: Path | None, *, need_telegram: bool = True) -> Settings:
    default = Path(DEFAULT_FILE)
    return load(config or (default if default.exists() else None), need_telegram=need_telegram)


def _log(level: logs.Level, format_: logs.Format = "text") -> None:
    logs.setup(level, format_)
    logs.catch_uncaught()


@contextmanager
def _told_errors() -> Iterator[None]:
    """Ends the process with a sentence, and no traceback, where something expected is wrong."""
    try:
        yield
    except InvoiceBotError as error:
        typer.echo(logs.without_secrets(error.sentence), err=True)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None


# run and demo: until a signal


def _until_stopped(start: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    async def whole() -> None:
        stop = asyncio.Event()
        _end_on_signals(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
        await start(stop)

    gc.freeze()  # what was imported stays, and need not be looked through each time
    gc.enable()
    asyncio.run(whole())


def _end_on_signals(end: Callable[[], object]) -> None:
    """The first SIGTERM or Ctrl-C ends in good order and in time, the second at once."""

    def first(_signal: int, _frame: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, lambda *_: os._exit(130))
        # This one needs no Python: it ends the process whatever lock is held, and shows where.
        with suppress(RuntimeError, ValueError, OSError):  # no standard error
            faulthandler.dump_traceback_later(END_WITHIN_S + LAST_WORD_S, exit=True)
        watch = threading.Timer(END_WITHIN_S, _too_late)
        watch.daemon = True
        watch.start()
        end()

    for number in _SIGNALS:
        signal.signal(number, first)


def _too_late() -> None:
    try:
        log.error("the end took too long")
    finally:  # whatever becomes of the line
        os._exit(1)


# invoice


def _asked(amount: str, memo: str, limits: InvoicesSettings) -> tuple[int, str]:
    """The amount in msat, and the memo. Raises Refused."""
    from bot import amounts, texts  # noqa: PLC0415

    amount_msat = amounts.parse_amount(amount)
    amounts.check_range(amount_msat, min_sats=limits.min_sats, max_sats=limits.max_sats)
    try:
        size_bytes = len(memo.encode())
    except UnicodeEncodeError:
        raise MemoRefused("That memo is no readable text: write it in UTF-8.") from None
    if size_bytes > texts.MAX_MEMO_BYTES:
        raise MemoRefused(texts.memo_too_long(size_bytes))
    return amount_msat, memo


async def _made(settings: Settings, *, amount_msat: int, memo: str) -> NodeInvoice:
    """The invoice as the node confirms it. Raises NodeError."""
    from bot.lnd import Node  # noqa: PLC0415

    node = Node(settings.lnd)
    preimage = secrets.token_bytes(32)
    try:
        await node.add(
            preimage=preimage,
            amount_msat=amount_msat,
            memo=memo,
            expiry_s=settings.invoices.expiry_s,
        )
        return await node.lookup(hashlib.sha256(preimage).digest())
    finally:
        await node.close()


def _text(made: NodeInvoice, code: str) -> str:
    from bot.amounts import format_sats  # noqa: PLC0415

    until = datetime.fromtimestamp(made.expires_at, UTC).astimezone()
    about = [format_sats(made.amount_msat), made.memo, f"Payable until {until:%Y-%m-%d %H:%M %Z}"]
    return "\n".join([*filter(None, about), "", code, made.payment_request])


def _json(made: NodeInvoice, picture: bytes) -> str:
    return json.dumps(
        {
            "r_hash": made.payment_hash.hex(),
            "payment_request": made.payment_request,
            "add_index": made.add_index,
            "payment_addr": made.payment_addr.hex(),
            "amount_msat": made.amount_msat,
            "expires_at": made.expires_at,
            "qr": "data:image/png;base64," + base64.b64encode(picture).decode(),
        },
        indent=2,
    )


def _look_at_place(file: Path) -> None:
    """Before the node is asked. Raises Refused."""
    try:
        if file.is_dir():
            raise Refused(f"--png: {file} is a folder: name a file in it.")
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise Refused(f"--png: {file} is no plain file: name another one.")
        if not file.parent.is_dir():
            raise Refused(f"--png: there is no folder {file.parent}: make it first.")
    except OSError as error:
        raise _unwritable(file, error) from None
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise Refused(f"--png: the folder {file.parent} can't be written.")


def _write(file: Path, picture: bytes) -> None:
    """Whole or not at all. Raises Refused."""
    part = file.with_name(f".invoice-{os.getpid()}.png")
    try:
        part.write_bytes(picture)
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> Refused:
    return Refused(f"--png: {file} can't be written: {error.strerror}.")
