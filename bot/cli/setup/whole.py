"""The steps of a setup in their order: questions, summary, files, and what comes after."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr, ValidationError

from bot.check import check_files
from bot.cli.common import NEEDS_FIXING, settings_of
from bot.cli.setup import ending
from bot.cli.setup.alone import refuse_missing
from bot.cli.setup.given import Given
from bot.cli.setup.macaroon import ChosenMacaroon, MacaroonStep
from bot.cli.setup.node import PUBLIC, ChosenNode, choose_node, read_macaroon_file
from bot.cli.setup.terminal import Stopped, Terminal
from bot.cli.setup.token import ChosenBot, choose_bot
from bot.cli.setup.uses import refuse_two_uses
from bot.cli.setup.writing import backup_of, changes, check_place, tidy, write_all
from bot.config import (
    AccessSettings,
    DatabaseSettings,
    TelegramSettings,
    database_password,
    read_kept,
)
from bot.config.values import SQLITE, is_postgres, odd_database, without_password
from bot.errors import NodeError
from bot.findings import Mark
from bot.node.macaroon import root_key_id
from bot.store import beside, peek, targets
from bot.store.backend import on_server
from bot.store.check import check_database
from bot.texts import setup as texts
from bot.texts.new_settings import settings_file
from bot.texts.terminal import finding_line

MACAROON_FILE = "bot.macaroon"
#: LND's certificate, where it is in no file of LND's.
CERTIFICATE_FILE = "lnd.cert"


#: The root key's number of the macaroons that LND itself makes: it cannot be deleted.
LND_OWN = "0"


@dataclass(frozen=True)
class _Plan:
    bot: ChosenBot
    node: ChosenNode
    macaroon: ChosenMacaroon


class Setup:
    """One setup, from its first question to the start of the bot."""

    def __init__(self, given: Given, terminal: Terminal, runner: asyncio.Runner) -> None:
        self._given = given
        self._terminal = terminal
        self._run = runner.run
        self._config = tidy(given.config)
        self._folder = self._config.parent
        self._macaroon_file = self._folder / MACAROON_FILE
        self._certificate_file = self._folder / CERTIFICATE_FILE
        kept = read_kept(self._config)
        self._given = given = replace(given, host_before=kept.host, proxy_before=kept.proxy)
        self._before, self._kept = kept, kept.without(*_replaced(given))
        self._step = MacaroonStep(terminal, given, runner.run, target=self._macaroon_file)
        self._macaroon_before = _number(self._macaroon_file)
        self._is_written = False

    @property
    def is_written(self) -> bool:
        """Whether everything is in its place."""
        return self._is_written

    @property
    def may_be_baked(self) -> int:
        """The root key's number of a macaroon that LND may have baked; 0: none."""
        return self._step.may_be_baked

    def how_to_start(self) -> str:
        """Where it ends after everything is written."""
        return texts.stopped_late(ending.command(self._config))

    def whole(self, overriding: Sequence[str]) -> None:
        """Ask, write, check, start. `overriding`: variables that would override what is written.

        Raises Stopped, KeyboardInterrupt, EOFError or an error of ours.
        """
        if overriding:
            raise Stopped(texts.overridden(overriding), code=NEEDS_FIXING)
        self._check_given()
        if not self._terminal.is_there:
            refuse_missing(self._given, config=self._config, macaroon=self._macaroon_file)
        self._terminal.say(*texts.WELCOME)
        self._may_replace()
        api_url = self._given.api_url or self._kept.get("telegram", "api_url", "")
        bot = choose_bot(
            self._terminal,
            replace(self._given, api_url=api_url),
            self._run,
            webhook=self._kept.get("telegram", "webhook"),
        )
        node = choose_node(self._terminal, self._given, self._run)
        step = self._step
        macaroon, node = step.choose(node)
        while True:
            plan = _Plan(bot, node, macaroon)
            self._confirm(plan)
            try:
                content = step.bake(macaroon, node)
                break
            except NodeError as error:
                self._terminal.wrong(texts.node_refused(error, node.host))
            by_hand = step.by_hand(node)
            macaroon, node = by_hand if isinstance(by_hand, tuple) else (by_hand, node)
        self._write(plan, content)
        self._after(bot)

    # before anything is asked

    def _check_given(self) -> None:
        """What the command line says, and that files can be made there."""
        try:
            AccessSettings(owners=frozenset(self._given.owners))
        except ValidationError:
            raise Stopped(texts.BAD_OWNER, code=NEEDS_FIXING) from None
        if not self._database.is_shared:
            # as it is written: the settings' own folder may have any name
            named = self._named(self._database_file)
            if (odd := odd_database(f"{SQLITE}{named}")) is not None:
                raise Stopped(texts.odd_database(odd, named), code=NEEDS_FIXING)
        certificate = self._given.tls_cert
        is_public = certificate is None or certificate == PUBLIC
        self._refuse_two_uses(
            token_file=self._given.token_file,
            tls_cert=None if is_public else _expanded(Path(certificate or "")),
        )
        findings = check_database(self._database)
        if bad := next((each for each in findings if each.mark is Mark.BAD), None):
            raise Stopped(texts.database_refused(bad), code=NEEDS_FIXING)
        for file in (self._config, self._macaroon_file, self._certificate_file):
            check_place(file)

    def _refuse_two_uses(self, *, token_file: Path | None, tls_cert: Path | None) -> None:
        written = [
            (texts.SETTINGS, self._config),
            (texts.MACAROON_OF_BOT, self._macaroon_file),
            (texts.CERTIFICATE, self._certificate_file),
        ]
        read = [] if token_file is None else [(texts.TOKEN_FILE, token_file)]
        # a copy of LND's certificate that an earlier setup made stays what it is
        if tls_cert is not None and not targets.is_one_of(tls_cert, [self._certificate_file]):
            read.append((texts.CERTIFICATE, tls_cert))
        file = None if self._database.is_shared else self._database_file
        refuse_two_uses(written, read=read, database=file)

    @cached_property
    def _database(self) -> DatabaseSettings:
        """The one of --database, else the one that the settings have: also a server's stays."""
        url = str(self._kept.get("database", "url", DatabaseSettings().url))
        if is_postgres(url):
            password = SecretStr(database_password(self._config, {}))
            return DatabaseSettings(url=without_password(url)[0], password=password)
        return DatabaseSettings(url=f"{SQLITE}{self._database_file}")

    @property
    def _database_file(self) -> Path:
        """Where it is no server's."""
        url = str(self._kept.get("database", "url", DatabaseSettings().url))
        file = self._given.database or Path(url.removeprefix(SQLITE))
        return tidy(self._folder / _expanded(file))

    @property
    def _database_named(self) -> str:
        """As the settings name it."""
        if self._database.is_shared:
            return str(self._kept.get("database", "url"))
        return self._named(self._database_file)

    def _owners(self) -> list[int]:
        return sorted(set(self._given.owners or self._kept.get("access", "owners", ())))

    def _may_replace(self) -> None:
        if not self._config.exists() or self._given.replaces:
            return
        unasked = texts.exists_unasked(self._config)
        if self._given.yes:
            raise Stopped(unasked, code=NEEDS_FIXING)
        question = texts.exists(self._config, backup_of(self._config), self._kept)
        if not self._terminal.confirm(question, unasked=unasked, default=False):
            raise Stopped(texts.exists_kept(self._config))
        self._terminal.say("")

    # the summary

    def _confirm(self, plan: _Plan) -> None:
        node, macaroon = plan.node, plan.macaroon
        self._refuse_two_uses(token_file=plan.bot.token_file, tls_cert=node.tls_cert)
        alias, network = node.value("alias"), node.value("network")
        self._terminal.say(
            *texts.SUMMARY_HEAD,
            *texts.summary(
                bot=texts.bot_of(plan.bot.username, plan.bot.name),
                token_file=plan.bot.token_file,
                node=texts.node_of(alias, node.host, network, proxy=node.proxy),
                macaroon=_origin(macaroon),
                owners=texts.owners_of(self._owners(), peek.owners(self._database.address)),
                files=[
                    self._shown(self._config, self._new_settings(plan)),
                    self._shown(self._macaroon_file, macaroon.file or macaroon.content),
                    *([] if node.pem is None else [self._shown(self._certificate_file, node.pem)]),
                ],
                database=self._database_shown(),
            ),
            *texts.left_behind(self._left_behind(plan)),
            "",
        )
        if plan.bot.token_file is not None:
            found = check_files({"telegram.token_file": plan.bot.token_file})
            self._terminal.say(*map(finding_line, found))
        if not self._terminal.confirm(texts.WRITE, unasked=texts.WRITE_ALONE):
            raise Stopped

    def _new_settings(self, plan: _Plan) -> bytes:
        """The settings, where they do not depend on what is baked later; else b""."""
        content = plan.macaroon.content
        return self._settings(plan, content).encode() if content else b""

    def _shown(self, file: Path, content: bytes) -> str:
        """A file and its new content, b"" where that is not known yet."""
        is_changed = changes(file, content)
        stays = os.path.lexists(file) and not is_changed
        return texts.file_of(file, backup_of(file) if is_changed else None, stays=stays)

    def _database_shown(self) -> str:
        if not self._database.is_shared:
            return texts.file_of(self._database.file, None)
        return texts.server_of(on_server().place_of(self._database.url).name)

    def _left_behind(self, plan: _Plan) -> list[str]:
        """Keys of the settings that are there which belong to what is replaced."""
        proxy = self._given.proxy_before
        is_left = proxy and not self._given.proxy and plan.node.proxy != proxy
        return [
            *(["lnd.proxy"] if is_left else []),
            *(each for each in _OF_A_SERVER if each in self._before.names and self._given.database),
        ]

    # the files

    def _write(self, plan: _Plan, macaroon: bytes) -> None:
        """The settings last: without them nothing of it is in use."""
        files = {self._macaroon_file: plan.macaroon.file or macaroon}
        if plan.node.pem is not None:
            files[self._certificate_file] = plan.node.pem
        files[self._config] = self._settings(plan, macaroon).encode()
        before = self._macaroon_before
        if not self._database.is_shared:
            beside.refuse_link(self._database.file)
        write_all(files)
        self._is_written = True
        self._terminal.report(texts.written(list(files)))
        if self._given.replaces:
            self._terminal.report(*texts.carried(self._kept), *texts.lost(self._kept))
        if not self._terminal.is_there:  # the summary has it
            self._terminal.report(*texts.left_behind(self._left_behind(plan)))
        number = root_key_id(macaroon)
        if number and not plan.macaroon.baker_hex:  # else it was said as it was baked
            self._terminal.report(texts.revocable(number))
        if before not in ("", LND_OWN, number):
            self._terminal.report(texts.replaced(before))

    def _settings(self, plan: _Plan, macaroon: bytes) -> str:
        telegram, node = plan.bot.settings, plan.node
        token_file = plan.bot.token_file
        tls_cert = str(node.tls_cert or "") if node.pem is None else CERTIFICATE_FILE
        default = TelegramSettings().api_url
        return settings_file(
            token=telegram.token.get_secret_value(),
            token_file="" if token_file is None else self._named(token_file),
            username=plan.bot.username,
            api_url="" if telegram.api_url == default else telegram.api_url,
            host=node.host,
            tls_cert=tls_cert,
            macaroon=MACAROON_FILE,
            root_key_id=root_key_id(macaroon),
            proxy=node.proxy,
            owners=self._owners(),
            database=self._database_named,
            kept=self._kept.values,
        )

    def _named(self, path: Path) -> str:
        """As the settings name it: from their folder, where it is there."""
        return str(path.relative_to(self._folder) if path.is_relative_to(self._folder) else path)

    # after that

    def _after(self, bot: ChosenBot) -> None:
        settings = settings_of(self._config)
        is_fine = ending.checked(self._terminal, settings, self._run)
        if ending.at_work(self._terminal, settings):
            return
        ending.claimed(self._terminal, settings, bot.username, self._run)
        ending.kept_running(self._terminal, self._config)
        starts = self._given.starts
        ending.started(self._terminal, self._config, starts=starts, is_fine=is_fine)


#: What belongs to a database's address.
_OF_A_SERVER = ("database.password", "database.password_file")


def _replaced(given: Given) -> list[str]:
    """The keys that flags replace, with what belongs to them."""
    names = ["telegram.api_url"] if given.api_url else []
    names += ["access.owners"] if given.owners else []
    if given.database is not None:
        names += ["database.url", *_OF_A_SERVER]
    return names


def _expanded(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 -- as the settings do


def _origin(macaroon: ChosenMacaroon) -> str:
    if macaroon.file:
        return texts.PRESENT
    return texts.GIVEN if macaroon.content else texts.BAKED_LATER


def _number(macaroon: Path) -> str:
    """The root key's number of a macaroon file; "" where there is none, or something else."""
    try:
        return root_key_id(read_macaroon_file(macaroon))
    except (OSError, ValueError):
        return ""
