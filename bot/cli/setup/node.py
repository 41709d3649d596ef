"""The node: found on this machine, or by an address. Asked at once what it says of itself."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from bot import logs
from bot.cli.common import FAILED, NEEDS_FIXING
from bot.cli.setup.given import Given
from bot.cli.setup.terminal import Stopped, Terminal
from bot.cli.setup.writing import tidy
from bot.config import LndSettings, files
from bot.config.values import LndConnect, OddValueError, is_onion, lndconnect, macaroon_bytes
from bot.errors import (
    ConfigError,
    MacaroonRefused,
    NodeError,
    NodeNameUnknown,
    NodePassing,
    NodeSetting,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
)
from bot.findings import About, Finding, Kind
from bot.node.boxes import LOCAL_ADDRESS
from bot.node.check import check_node
from bot.node.discovery import FoundNode, find_nodes, listening
from bot.texts import setup as texts

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]

#: In the place of a certificate's path: an authority vouches for the node's. In that of an address:
#: it is in an lndconnect address.
PUBLIC = OTHERWISE = "-"
#: Seconds in which a node's port answers.
CONNECT_TIMEOUT_S = 8.0
_NOT_READY = (Kind.WALLET_LOCKED, Kind.WALLET_MISSING, Kind.STARTING)


@dataclass(frozen=True)
class ChosenNode:
    """How the node is reached.

    `tls_cert`: the certificate's file; `pem`: a certificate that is in no file yet; neither: a
    public authority vouches. `macaroon_hex`: one that came with it, to bake another, or "";
    `other_hexes`: those of other networks, which may be the right ones. `from_address`: it was in
    an lndconnect address. `findings`: what the node said last.
    """

    host: str
    tls_cert: Path | None = None
    pem: bytes | None = None
    proxy: str = ""
    macaroon_hex: str = ""
    other_hexes: tuple[str, ...] = ()
    from_address: bool = False
    found: FoundNode | None = None
    findings: Sequence[Finding] = ()

    def settings(self, macaroon_hex: str) -> LndSettings:
        """The way to it with this macaroon, "" for none. Nothing of it is in a file."""
        raw: dict[str, Any] = {"host": self.host, "tls_cert": self.tls_cert}
        if self.proxy:
            raw["proxy"] = self.proxy
        if macaroon_hex:
            raw["lndconnect"] = SecretStr(lndconnect(self.host, macaroon_hex, self.pem))
        return LndSettings(**raw)

    def value(self, name: str) -> str:
        """What the node said of itself: alias or network; "" where it did not."""
        said = (each.values for each in self.findings if each.kind is Kind.IDENTITY)
        return str(next(said, {}).get(name, ""))


def choose_node(terminal: Terminal, given: Given, run: Run[list[Finding]]) -> ChosenNode:
    """Ask until a node answers that is to be used. Raises Stopped."""
    terminal.say(*texts.NODE_HEAD)
    _check_proxy(given)
    is_given = bool(given.node or given.lndconnect_file)
    questions = _Questions(terminal, given, run)
    answer = questions.given() if is_given else _found(terminal, given, run)
    while isinstance(answer, _Tried):
        way = answer.way or questions.asked(answer)
        answer = _answered(terminal, way, run)
    terminal.say("")
    return answer


@dataclass(frozen=True)
class _Tried:
    """What did not do: what is asked for again has it as the default.

    `way`: to be tried next, unasked. `last`: Enter tries it as it was.
    """

    host: str = LOCAL_ADDRESS
    tls_cert: Path | None = None
    way: ChosenNode | None = None
    last: ChosenNode | None = None


def _answered(
    terminal: Terminal, chosen: ChosenNode, run: Run[list[Finding]]
) -> ChosenNode | _Tried:
    """What the node says, once its wallet is ready; else what was tried."""
    terminal.say(texts.asking(f"the node at {chosen.host}"))
    while True:
        findings = run(check_node(chosen.settings(chosen.macaroon_hex)))
        error = refusal(findings)
        if isinstance(error, MacaroonRefused) and chosen.other_hexes:
            first, *others = chosen.other_hexes
            chosen = replace(chosen, macaroon_hex=first, other_hexes=tuple(others))
        elif problem := _problem(findings, error, chosen):
            code = NEEDS_FIXING if isinstance(error, NodeSetting) else FAILED
            terminal.wrong(problem, code=code)
            may_pass = error is None or isinstance(error, NodePassing)
            return _Tried(chosen.host, chosen.tls_cert, last=chosen if may_pass else None)
        else:
            terminal.say(*texts.facts(findings))
            return _without_refused(terminal, replace(chosen, findings=findings), error)


def _problem(findings: Sequence[Finding], error: NodeError | None, chosen: ChosenNode) -> str:
    """Why the node can't be used as it is; "" where it answers, whatever it says of a macaroon."""
    if error is not None and not isinstance(error, MacaroonRefused | PermissionMissing):
        return texts.node_refused(error, chosen.host)
    waiting = next((each for each in findings if each.kind in _NOT_READY), None)
    return "" if waiting is None else texts.not_ready(waiting)


def _without_refused(terminal: Terminal, chosen: ChosenNode, error: NodeError | None) -> ChosenNode:
    """Without a macaroon that the node refused; one that only lacks a permission may bake."""
    if not isinstance(error, MacaroonRefused) or not chosen.macaroon_hex:
        return chosen
    terminal.say(f"! {texts.node_refused(error, chosen.host)}")
    return replace(chosen, macaroon_hex="")


def refusal(findings: Sequence[Finding]) -> NodeError | None:
    """What the node, or the way to it, refused."""
    errors = (each.error for each in findings if each.about is About.NODE)
    return next((each for each in errors if isinstance(each, NodeError)), None)


# by the command line


def _check_proxy(given: Given) -> None:
    try:
        LndSettings(proxy=given.proxy or None)
    except ValidationError:
        raise Stopped(texts.BAD_PROXY, code=NEEDS_FIXING) from None


# on this machine


def _found(terminal: Terminal, given: Given, run: Run[list[Finding]]) -> ChosenNode | _Tried:
    """The node whose files are here, if it answers; else it has to be asked for."""
    nodes = find_nodes(given.lnd_dir)
    for each in nodes:
        if each.is_closed:
            terminal.say(f"! {texts.closed(each.certificate)}")
    is_closed = any(node.is_closed for node in nodes)
    nodes = [node for node in nodes if not node.is_closed]
    if not nodes and not is_closed:
        terminal.say(texts.NOTHING_FOUND)
    if not nodes:
        return _Tried()
    node: FoundNode | None = nodes[0] if len(nodes) == 1 else _one_of(terminal, nodes)
    if node is None:
        return _Tried()
    terminal.say(texts.found_node(node.name, node.address, node.certificate))
    if not node.address:
        return _Tried()
    admins = tuple(_readable(node.admins))
    way = ChosenNode(
        *(node.address, node.certificate),
        proxy=given.proxy_to(node.address),
        macaroon_hex=next(iter(admins), ""),
        other_hexes=admins[1:],
        found=node,
    )
    chosen = _answered(terminal, way, run)
    if isinstance(chosen, _Tried):
        return chosen
    is_wanted = terminal.confirm(texts.use_node(), unasked=texts.WRITE_ALONE)
    return chosen if is_wanted else _Tried()


def _one_of(terminal: Terminal, nodes: Sequence[FoundNode]) -> FoundNode | None:
    lines = [texts.found_node(each.name, each.address, each.certificate) for each in nodes]
    for number, line in enumerate([*lines, texts.OTHER_NODE], 1):
        terminal.say(f"  {number}  {line}")
    while True:
        question = texts.which(len(nodes) + 1)
        answer = terminal.line(question, unasked=texts.NODE_ALONE)
        if answer == str(len(nodes) + 1):
            return None
        if answer.isascii() and answer.isdecimal() and 1 <= int(answer[:9]) <= len(nodes):
            return nodes[int(answer) - 1]
        terminal.odd(question + answer, answer, texts.pick(len(nodes) + 1))


def _readable(admins: Sequence[Path]) -> Iterator[str]:
    for path in admins:
        try:
            yield read_macaroon_file(path).hex()
        except OSError:
            continue


def read_macaroon_file(path: Path) -> bytes:
    """A macaroon's bytes, of a file with them, their hex or base64. Raises OSError."""
    content = macaroon_bytes(path.read_bytes())
    logs.redact(content.hex())
    return content


# by a question


class _Questions:
    """For the address of a node, and for what belongs to it."""

    def __init__(self, terminal: Terminal, given: Given, run: Run[Any]) -> None:
        self._terminal = terminal
        self._given = given
        self._run = run
        self._nodes = find_nodes(given.lnd_dir)

    def given(self) -> _Tried:
        """The way that the command line names."""
        file = self._given.lndconnect_file
        if file is None:
            answer = self._of_host(self._given.node, None)
        else:
            try:
                answer = self._of_address(files.read(file).decode(errors="replace").strip())
            except (OSError, ValueError, files.TooLarge, files.NoEnd) as error:
                self._terminal.wrong(texts.unreadable(file, error))
                answer = None
        return answer or _Tried()

    def asked(self, tried: _Tried) -> ChosenNode:
        """Ask for it until there is something to try."""
        if not self._terminal.is_there:
            raise Stopped(texts.alone([texts.NODE_ALONE]), code=NEEDS_FIXING)
        while True:
            question = texts.node(tried.host)
            answer = self._terminal.line(question, default=tried.host, unasked=texts.NODE_ALONE)
            if tried.last is not None and answer == tried.host:
                return tried.last
            if answer == OTHERWISE:
                hidden = self._terminal.line(
                    texts.LNDCONNECT, is_hidden=True, unasked=texts.NODE_ALONE
                )
                logs.redact(hidden)
                now = self._of_address(hidden)
            elif answer.startswith("lndconnect:"):
                self._terminal.erase(question + answer)
                now = self._of_address(answer)
            else:
                now = self._of_host(answer, tried.tls_cert)
            tried = now or tried
            if tried.way is not None:
                return tried.way

    def _of_address(self, address: str) -> _Tried | None:
        """A node by its lndconnect address, of which nothing is written but the certificate."""
        logs.redact(address)
        try:
            read = LndConnect.read(address)
        except OddValueError:
            self._terminal.wrong(texts.BAD_LNDCONNECT)
            return None
        logs.redact(read.macaroon_hex)
        proxy = _proxy(self._terminal, self._given, read.host)
        chosen = ChosenNode(
            read.host,
            pem=read.certificate,
            proxy=proxy,
            macaroon_hex=read.macaroon_hex,
            from_address=True,
        )
        if read.certificate is None:
            if not self._listens(read.host, proxy):
                return _Tried(read.host)
            chosen = replace(chosen, tls_cert=_certificate(self._terminal, self._given, ""))
        return _Tried(read.host, way=chosen)

    def _of_host(self, host: str, before: Path | None) -> _Tried | None:
        """A node by host:port; the certificate and macaroons of one that is here may be its own.

        `before`: the certificate that was given last.
        """
        host = listening(host) or host
        try:
            LndSettings(host=host)
        except ValidationError:
            self._terminal.wrong(texts.BAD_NODE)
            return None
        proxy = _proxy(self._terminal, self._given, host)
        if not self._listens(host, proxy):
            return _Tried(host, before)
        same = next((each for each in self._nodes if not each.is_closed), None)
        near = before or (same.certificate if same is not None else None)
        tls_cert = _certificate(
            self._terminal, self._given, str(near or ""), is_again=before is not None
        )
        is_same = same is not None and tls_cert == same.certificate
        admins = tuple(_readable(same.admins)) if same is not None and is_same else ()
        way = ChosenNode(
            host,
            tls_cert,
            proxy=proxy,
            macaroon_hex=next(iter(admins), ""),
            other_hexes=admins[1:],
            found=same if is_same else None,
        )
        return _Tried(host, tls_cert, way=way)

    def _listens(self, host: str, proxy: str) -> bool:
        """Whether anything does, where no proxy is the way to it; said where nothing does."""
        error = None if proxy else self._run(_silence(host))
        if error is not None:
            self._terminal.wrong(texts.node_refused(error, host), code=FAILED)
        return error is None


async def _silence(host: str) -> NodeError | None:
    """Why nothing listens at host:port; None where something does."""
    name, _, port = host.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(name.strip("[]"), int(port))
    except TimeoutError:
        return NodeTimeout()
    except socket.gaierror:
        return NodeNameUnknown()
    except (OSError, UnicodeError):
        return NodeUnreachable()
    writer.close()
    return None


def _proxy(terminal: Terminal, given: Given, host: str) -> str:
    """The way to a .onion address, which nothing but Tor knows."""
    proxy = given.proxy_to(host)
    while not proxy and is_onion(host):
        proxy = terminal.line(texts.PROXY, unasked=texts.PROXY_ALONE)
        try:
            LndSettings(proxy=proxy)
        except ValidationError:
            terminal.wrong(texts.BAD_PROXY)
            proxy = ""
    return proxy


def _certificate(
    terminal: Terminal, given: Given, default: str, *, is_again: bool = False
) -> Path | None:
    """The file of the node's certificate; None: a public authority vouches for it.

    `is_again`: what the command line says was tried before.
    """
    answer = None if is_again else given.tls_cert
    default = default if is_again or given.tls_cert is None else given.tls_cert
    while True:
        if answer is None:
            question = texts.certificate(default)
            answer = terminal.line(question, default=default, unasked=texts.CERTIFICATE_ALONE)
        if answer == PUBLIC:
            return None
        path = tidy(Path(os.path.expanduser(answer)))  # noqa: PTH111 -- raises for a ~name of nobody
        try:
            if answer:
                LndSettings(tls_cert=path).certificate()
                return path
        except ConfigError as error:
            terminal.wrong(texts.file_refused(error))
            default = answer
        answer = None
