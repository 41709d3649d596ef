"""The bot's token: asked for, and checked at Telegram at once."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from bot import logs
from bot.chat.check import check_telegram
from bot.check import ASK_TIMEOUT_S
from bot.cli.common import FAILED, NEEDS_FIXING
from bot.cli.setup.given import Given
from bot.cli.setup.terminal import Stopped, Terminal
from bot.cli.setup.writing import tidy
from bot.config import AccessSettings, TelegramSettings
from bot.config.values import read_token
from bot.errors import ConfigError
from bot.findings import About, Finding, Kind, bad
from bot.texts import setup as texts
from bot.texts.terminal import finding_line

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@dataclass(frozen=True)
class ChosenBot:
    """A bot whose token works; `token_file` where the token stays in a file of its own."""

    settings: TelegramSettings
    username: str
    name: str
    token_file: Path | None


#: What another token, or the same one in a moment, may change.
_OF_THE_TOKEN = (Kind.LOGIN_REJECTED, Kind.LOGIN_UNKNOWN)


def choose_bot(
    terminal: Terminal, given: Given, run: Run[list[Finding]], *, webhook: str | None = None
) -> ChosenBot:
    """Ask until a token works. `webhook`: the settings' own, which stays. Raises Stopped."""
    terminal.say(*texts.BOT_HEAD)
    token, token_file = _given(terminal, given)
    again = texts.ASK_BOT
    while True:
        if not token:
            token = terminal.line(again, is_hidden=True, unasked=texts.BOT_ALONE)
        logs.redact(token)
        try:
            settings = TelegramSettings(token=SecretStr(token), **_server(given))
        except ValidationError:
            terminal.wrong(texts.NO_BOT)
            token, token_file = "", None
            continue
        terminal.say(texts.asking("the token"))
        findings = run(_asked(settings.model_copy(update={"webhook": webhook})))
        login = next((each for each in findings if each.kind is Kind.LOGIN_ACCEPTED), None)
        if login is not None:
            terminal.say(*map(finding_line, _worth_saying(findings)), "")
            username, name = (str(login.values[each]) for each in ("username", "name"))
            return ChosenBot(settings, username, name, token_file)
        is_wrong = findings[0].kind in _OF_THE_TOKEN
        terminal.wrong(texts.token_refused(findings[0]), code=NEEDS_FIXING if is_wrong else FAILED)
        kept = "" if is_wrong else token
        again = texts.ASK_BOT_AGAIN if kept else texts.ASK_BOT
        token = terminal.line(again, is_hidden=True, unasked=texts.BOT_ALONE) or kept
        token_file = token_file if token == kept else None


def _given(terminal: Terminal, given: Given) -> tuple[str, Path | None]:
    """The token of the environment or of --token-file, and that file where it is one to stay."""
    if given.token_file is None:
        return given.token, None
    try:
        token = read_token("telegram.token_file", given.token_file)
    except ConfigError as error:
        terminal.wrong(texts.file_refused(error))
        return "", None
    return token, tidy(given.token_file) if _stays(given.token_file) else None


def _stays(file: Path) -> bool:
    """Whether it is no pipe, such as <(...), which is there once."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return False


def _server(given: Given) -> dict[str, str]:
    if not given.api_url:
        return {}
    try:
        return {"api_url": TelegramSettings(api_url=given.api_url).api_url}
    except ValidationError:
        raise Stopped(texts.BAD_API_URL, code=NEEDS_FIXING) from None


async def _asked(settings: TelegramSettings) -> list[Finding]:
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            return await check_telegram(settings, AccessSettings())
    except TimeoutError:
        return [bad(About.TELEGRAM, Kind.NO_ANSWER, timeout_s=ASK_TIMEOUT_S)]


def _worth_saying(findings: list[Finding]) -> list[Finding]:
    """That the token works, and what may surprise: a webhook of another program's."""
    return [each for each in findings if each.kind in (Kind.LOGIN_ACCEPTED, Kind.WEBHOOK_SET)]
