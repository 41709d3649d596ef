"""setup: from a token and a node to a bot that runs. Knows the flags; the rest is imported late."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot import logs
from bot.cli import output
from bot.cli.common import (
    FAILED,
    ConfigOption,
    errors_printed,
    log_to_stderr,
)
from bot.cli.setup.given import Given
from bot.config import DEFAULT_FILE, ENV_PREFIX
from bot.errors import InvoiceBotError

_TOKEN = f"{ENV_PREFIX}TELEGRAM__TOKEN"
_API_URL = f"{ENV_PREFIX}TELEGRAM__API_URL"
#: The sections that are written.
_WRITTEN = ("TELEGRAM__", "LND__", "ACCESS__", "DATABASE__")


def setup(
    context: typer.Context,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with the bot's token. It has to stay there: the settings name this file, "
            "and the token is written nowhere else. There is no flag for the token itself: every "
            "user of the machine could read it in the list of processes.",
        ),
    ] = None,
    node: Annotated[str, typer.Option(metavar="HOST:PORT", help="LND's gRPC address.")] = "",
    tls_cert: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='LND\'s tls.cert; "-" if a public authority issued the certificate.',
        ),
    ] = None,
    lnd_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="LND's folder. Default: known places.")
    ] = None,
    lndconnect_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file with an lndconnect address: in place of the three above."
        ),
    ] = None,
    admin_macaroon: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A macaroon that bakes the bot's. It is read once, and not kept."
        ),
    ] = None,
    macaroon: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The bot's macaroon, where it is baked already."),
    ] = None,
    proxy: Annotated[
        str, typer.Option(metavar="URL", help="An HTTP proxy to the node, for .onion addresses.")
    ] = "",
    owner: Annotated[
        list[int] | None,
        typer.Option(
            metavar="ID",
            help="An owner's Telegram id; can be repeated. Default: the person who opens the link "
            "that is printed at the end.",
        ),
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The database. Default: invoice-bot.db beside it."),
    ] = None,
    api_url: Annotated[
        str, typer.Option(metavar="URL", help="Another Bot API server than Telegram's own.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a settings file, and keep a copy of it.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing that can be answered with yes.")
    ] = False,
    start: Annotated[
        bool | None, typer.Option("--start/--no-start", help="Start the bot at the end, or not.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Set up a new bot: asks for its token, finds your node, writes the settings.

    Each answer is checked at once, and nothing is written before you confirm the summary. Where
    there is no terminal, flags answer the questions, and --yes confirms.

    Example: invoice-bot setup --config config.toml
    """
    with errors_printed():
        _end_by_exception()
        log_to_stderr("error")
        config_file = config or context.obj or Path(DEFAULT_FILE)
        given = Given(
            config=config_file,
            token=os.environ.get(_TOKEN, ""),
            token_file=token_file,
            api_url=api_url or os.environ.get(_API_URL, ""),
            node=node,
            tls_cert=tls_cert,
            lnd_dir=lnd_dir,
            lndconnect_file=lndconnect_file,
            proxy=proxy,
            admin_macaroon=admin_macaroon,
            macaroon=macaroon,
            owners=owner or (),
            database=database,
            replaces=replace,
            yes=yes,
            starts=start,
        )
        logs.redact(given.token)
        proxies = [value for name, value in os.environ.items() if name.upper().endswith("_PROXY")]
        for address in (given.api_url, given.node, given.proxy, *proxies):
            logs.redact_address(address)
        _whole(given)


def _whole(given: Given) -> None:
    """Raises typer.Exit with a sentence, where it does not come to its end."""
    from bot.cli.setup.terminal import Stopped, Terminal  # noqa: PLC0415
    from bot.cli.setup.whole import Setup  # noqa: PLC0415
    from bot.texts import setup as texts  # noqa: PLC0415

    gc.enable()
    with asyncio.Runner() as runner:
        one = Setup(given, Terminal(yes=given.yes), runner)
        try:
            one.whole(_overriding())
        except Stopped as stopped:
            ended = texts.stopped(one.may_be_baked)
            sentence, code = stopped.sentence or ended, stopped.code
        except (KeyboardInterrupt, EOFError):
            ended = texts.stopped(one.may_be_baked)
            sentence, code = one.how_to_start() if one.is_written else ended, FAILED
            output.said("")  # behind the question that is open
        except InvoiceBotError:
            if one.may_be_baked and not one.is_written:
                output.said(texts.orphan(one.may_be_baked))
            raise
        else:
            return
    output.said(logs.redacted(sentence))
    raise typer.Exit(code)


def _overriding() -> list[str]:
    """The variables that would be used in place of what is written."""
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(tuple(ENV_PREFIX + each for each in _WRITTEN))
        and name.upper() not in (_TOKEN, _API_URL)
    )


def _end_by_exception() -> None:
    """SIGTERM and SIGHUP end it as Ctrl-C does: a terminal that hides what is typed is set back."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
