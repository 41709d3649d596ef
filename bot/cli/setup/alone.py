"""Without a terminal: everything that is missing, before anything is tried. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.cli.common import NEEDS_FIXING
from bot.cli.setup.given import Given
from bot.cli.setup.terminal import Stopped
from bot.config.values import is_onion
from bot.node.discovery import FoundNode, find_nodes
from bot.texts import setup as texts


def refuse_missing(given: Given, *, config: Path, macaroon: Path) -> None:
    """Raises Stopped with one sentence, where flags are missing. `macaroon`: where the bot's is."""
    missing = [*_missing(given, config, macaroon)]
    if missing:
        raise Stopped(texts.alone(missing), code=NEEDS_FIXING)


def _missing(given: Given, config: Path, macaroon: Path) -> Iterator[str]:
    if config.exists() and not given.replaces:
        yield texts.REPLACE_ALONE
    if not given.token and given.token_file is None:
        yield texts.BOT_ALONE
    nodes = [each for each in find_nodes(given.lnd_dir) if not each.is_closed]
    if given.lndconnect_file is None:
        yield from _of_node(given, nodes, macaroon)
    if not given.yes:
        yield texts.WRITE_ALONE


def _of_node(given: Given, nodes: list[FoundNode], macaroon: Path) -> Iterator[str]:
    if not given.node and (len(nodes) != 1 or not nodes[0].address):
        yield texts.NODE_ALONE
    if given.node and given.tls_cert is None and not nodes:
        yield texts.CERTIFICATE_ALONE
    if is_onion(given.node) and not given.proxy_to(given.node):
        yield texts.PROXY_ALONE
    is_given = given.macaroon is not None or given.admin_macaroon is not None
    if not is_given and not any(node.admins for node in nodes) and not macaroon.exists():
        yield texts.MACAROON_ALONE
