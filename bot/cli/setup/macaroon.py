"""The bot's macaroon: baked with another one, by hand, or given. Never one that can spend."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bot import logs
from bot.cli.common import NEEDS_FIXING
from bot.cli.setup.given import Given
from bot.cli.setup.node import ChosenNode, read_macaroon_file, refusal
from bot.cli.setup.terminal import Stopped, Terminal
from bot.config.values import macaroon_bytes
from bot.errors import NodeError, NodeOdd, NodeSetting
from bot.findings import Finding, Kind
from bot.node.check import BAKING, RIGHTS, check_macaroon, check_node
from bot.node.client import Node
from bot.node.macaroon import read_macaroon
from bot.texts import setup as texts

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]

#: Letters: of a path; of a part of a macaroon that is worth a secret; of a word that is no secret.
_LONGEST_PATH, _SHORTEST_SECRET, _SHORTEST_NAME = 1000, 64, 20
_METHODS = [right.method for right in RIGHTS]
#: What a macaroon of the bot's must not have.
_UNFIT = (Kind.NO_MACAROON, Kind.LACKS_CALLS, Kind.EXPIRED)
_WORTH_SAYING = (Kind.LACKS_EXTRAS, Kind.EXPIRES, Kind.CONDITION)


@dataclass(frozen=True)
class ChosenMacaroon:
    """One that is there (`content`), or the one that bakes it (`baker_hex`) with that root key.

    `file`: what is in the bot's own macaroon file, where it is the one there and stays as it is.
    """

    content: bytes = b""
    file: bytes = b""
    baker_hex: str = ""
    root_key_id: int = 0


def draw_root_key_id() -> int:
    """One that nobody has: 64 bits without a sign; 0 is that of LND's own macaroons."""
    return secrets.randbelow(2**64 - 1) + 1


def may_bake(content: bytes) -> bool:
    """Whether a macaroon allows BakeMacaroon, by its bytes."""
    with suppress(ValueError):
        return BAKING.is_in(read_macaroon(content)[0])
    return False


class MacaroonStep:
    """Asks for it, and checks it at the node."""

    def __init__(
        self,
        terminal: Terminal,
        given: Given,
        run: Run[Any],
        *,
        target: Path,
    ) -> None:
        self._terminal = terminal
        self._given = given
        self._run = run
        self._target = target
        self._root_key_id = draw_root_key_id()
        self._may_be_baked = False

    @property
    def may_be_baked(self) -> int:
        """The root key's number of one that LND may have baked here; 0: none."""
        return self._root_key_id if self._may_be_baked else 0

    def choose(self, node: ChosenNode) -> tuple[ChosenMacaroon, ChosenNode]:
        """Ask until there is one that fits, or one that bakes it. Raises Stopped.

        The node comes back with what it said of itself, where it said that only now.
        """
        self._terminal.say(*texts.MACAROON_HEAD)
        chosen = (
            self._given_one(node)
            or self._present(node)
            or self._by_another(node)
            or self.by_hand(node)
        )
        return chosen if isinstance(chosen, tuple) else (chosen, node)

    def _given_one(self, node: ChosenNode) -> tuple[ChosenMacaroon, ChosenNode] | None:
        """That of --macaroon."""
        path = self._given.macaroon
        content = b"" if path is None else self._read(path)
        return self._fitting(content, node) if content else None

    def _present(self, node: ChosenNode) -> tuple[ChosenMacaroon, ChosenNode] | None:
        """The one that is there already, where it does and no flag names another."""
        content = _content(self._target)
        if self._given.admin_macaroon is not None or not _is_macaroon(content):
            return None
        if (odd := self._odd(content)) is not None:
            self._terminal.say(texts.unfit_present(self._target, texts.unfit(odd)))
            return None
        accepted = self._accepted(content, node)
        if isinstance(accepted, NodeError):
            why = texts.node_refused(accepted, node.host)
            self._terminal.say(texts.unfit_present(self._target, why))
            return None
        if not self._terminal.confirm(
            texts.use_present(self._target), unasked=texts.MACAROON_ALONE
        ):
            return None
        return ChosenMacaroon(content=content, file=self._target.read_bytes()), accepted

    def _by_another(
        self, node: ChosenNode
    ) -> ChosenMacaroon | tuple[ChosenMacaroon, ChosenNode] | None:
        """One that came with the node, or that of --admin-macaroon."""
        path = self._given.admin_macaroon
        if path is not None:
            content, name = self._read(path), texts.ADMIN_OF_FLAG
        else:
            content, name = bytes.fromhex(node.macaroon_hex), self._name(node)
        if not content:
            return None
        if may_bake(content):
            return self._baker(content, name)
        if path is None and self._odd(content) is None:
            return self._fitting(content, node)
        self._terminal.say(f"! {texts.cannot_bake(name)}")
        return None

    def _name(self, node: ChosenNode) -> str:
        if node.from_address or node.found is None:
            return texts.ADMIN_OF_ADDRESS
        path = next(
            (each for each in node.found.admins if _content(each).hex() == node.macaroon_hex),
            node.found.certificate,
        )
        return texts.admin_file(path)

    def _baker(self, content: bytes, name: str) -> ChosenMacaroon | None:
        is_wanted = self._terminal.confirm(texts.bake_here(name), unasked=texts.WRITE_ALONE)
        if not is_wanted:
            return None
        return ChosenMacaroon(baker_hex=content.hex(), root_key_id=self._root_key_id)

    # by hand

    def by_hand(self, node: ChosenNode) -> tuple[ChosenMacaroon, ChosenNode] | ChosenMacaroon:
        """Say how it is baked, and wait for it: as a file, as text, or where a file is."""
        if not self._terminal.is_there:
            raise Stopped(texts.alone([texts.MACAROON_ALONE]), code=NEEDS_FIXING)
        found = node.found
        if found is not None and found.admins and not node.macaroon_hex:
            self._terminal.say(texts.admin_closed(found.admins))
        # in a container it would be written there
        is_saved = found is not None and found.lncli == "lncli"
        lncli = "lncli" if found is None else found.lncli
        self._terminal.say(
            texts.by_hand(
                lncli,
                _METHODS,
                root_key_id=self._root_key_id,
                target=self._target if is_saved else None,
            ),
            *texts.waiting(self._target, is_saved=is_saved, is_there=self._target.exists()),
        )
        before = _content(self._target)
        while True:
            content = self._arrived(before) or self._typed(before)
            if not content:
                continue
            if may_bake(content):
                if (chosen := self._baker(content, texts.ADMIN_PASTED)) is not None:
                    return chosen
            elif (fitting := self._fitting(content, node)) is not None:
                return fitting
            before = _content(self._target)

    def _typed(self, before: bytes) -> bytes:
        """What is pasted, or what arrives meanwhile; b"" for nothing yet."""
        written = self._terminal.line(
            texts.MACAROON,
            is_hidden=True,
            unasked=texts.MACAROON_ALONE,
            until=lambda: bool(self._arrived(before)),
        )
        if not written:
            if not (arrived := self._arrived(before)):
                is_there = self._target.exists()
                self._terminal.say(texts.no_file_yet(self._target, is_there=is_there))
            return arrived
        path = Path(os.path.expanduser(written))  # noqa: PTH111 -- raises for a ~name of nobody
        if is_path(written) or _is_there(path):
            return self._read(path)
        logs.redact(written)
        content = macaroon_bytes(written.encode())
        if _is_macaroon(content):
            logs.redact(content.hex())
            return content
        self._terminal.wrong(texts.NO_MACAROON)
        return b""

    def _arrived(self, before: bytes) -> bytes:
        """A whole macaroon in the file that is waited for, other than what was there before."""
        content = _content(self._target)
        return content if content != before and _is_macaroon(content) else b""

    # what it is

    def _read(self, path: Path) -> bytes:
        try:
            content = read_macaroon_file(path)
        except (OSError, ValueError) as error:
            self._terminal.wrong(texts.unreadable(path, error))
            return b""
        if not _is_macaroon(content):
            self._terminal.wrong(texts.NO_MACAROON)
            return b""
        return content

    def _findings(self, content: bytes) -> list[Finding]:
        settings = ChosenNode("127.0.0.1:10009").settings(content.hex())
        return list(check_macaroon(settings, time.time()))

    def _odd(self, content: bytes) -> Finding | None:
        """Why it is not one for the bot, None where it is."""
        kinds = (*_UNFIT, Kind.ALLOWS_TOO_MUCH)
        return next((each for each in self._findings(content) if each.kind in kinds), None)

    def _fitting(
        self, content: bytes, node: ChosenNode
    ) -> tuple[ChosenMacaroon, ChosenNode] | None:
        """It, where it does all that the bot needs, and no more, and the node accepts it."""
        for finding in self._findings(content):
            if finding.kind in _UNFIT:
                self._terminal.wrong(texts.unfit(finding))
                return None
            if finding.kind is Kind.ALLOWS_TOO_MUCH:
                self._terminal.wrong(texts.too_wide(finding))
                return None
            if finding.kind in _WORTH_SAYING:
                self._terminal.say(texts.lacks(finding))
        accepted = self._accepted(content, node)
        if isinstance(accepted, NodeError):
            self._terminal.wrong(texts.node_refused(accepted, node.host))
            return None
        self._terminal.say(texts.MACAROON_FITS)
        return ChosenMacaroon(content=content), accepted

    def _accepted(self, content: bytes, node: ChosenNode) -> ChosenNode | NodeError:
        findings = self._run(check_node(node.settings(content.hex())))
        error = refusal(findings)
        if error is not None:
            return error
        if not node.value("network"):
            self._terminal.say(*texts.facts(findings))
            return replace(node, findings=findings)
        return node

    # baking

    def bake(self, chosen: ChosenMacaroon, node: ChosenNode) -> bytes:
        """The macaroon: what is given, or baked now and tried at the node. Raises NodeError."""
        if chosen.content:
            return chosen.content
        self._terminal.say(texts.BAKING)
        self._may_be_baked = True
        try:
            baked_hex: str = self._run(_bake(chosen, node))
        except NodeSetting:
            self._may_be_baked = False
            raise
        content: bytes = self._run(_proved(baked_hex, node))
        self._terminal.report(texts.baked(chosen.root_key_id))
        return content


async def _bake(chosen: ChosenMacaroon, node: ChosenNode) -> str:
    baker = Node(node.settings(chosen.baker_hex))
    try:
        return await baker.bake(_METHODS, root_key_id=chosen.root_key_id)
    finally:
        await baker.close()


async def _proved(baked_hex: str, node: ChosenNode) -> bytes:
    """Its bytes, once it is what was asked for and the node accepts it."""
    try:
        content = bytes.fromhex(baked_hex)
        permissions, caveats = read_macaroon(content)
    except ValueError:
        raise NodeOdd(detail="no macaroon was baked") from None
    if permissions != {("uri", method) for method in _METHODS} or caveats:
        raise NodeOdd(detail="another macaroon was baked than was asked for")
    error = refusal(await check_node(node.settings(baked_hex)))
    if error is not None:
        raise error
    return content


def is_path(text: str) -> bool:
    """Whether it is meant as a path, and shown again: nothing that may be a secret, or part of one.

    What base64 or hex can be is a path only where it is short and has a / or begins like one.
    """
    if len(text) > _LONGEST_PATH or "lndconnect:" in text or "macaroon=" in text:
        return False
    if re.fullmatch("[A-Za-z0-9+/_=-]+", text):
        return "/" in text and len(text) < _SHORTEST_SECRET
    return any(each in text for each in "/.~") or len(text) < _SHORTEST_NAME


def _is_there(path: Path) -> bool:
    """What names something is no secret."""
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def _is_macaroon(content: bytes) -> bool:
    try:
        read_macaroon(content)
    except ValueError:
        return False
    return True


def _content(path: Path) -> bytes:
    """A macaroon file's bytes, b"" where nobody can read it."""
    with suppress(OSError):
        return read_macaroon_file(path)
    return b""
