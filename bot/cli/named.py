"""Which invoice people mean: by its payment hash, or its payment request. Knows both as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bot.errors import InvoiceUnknown, NotAnInvoice, OtherNetwork, RequestCorrupt

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice
    from bot.node.client import Node

#: What some wallets put before a payment request.
_SCHEME = "lightning:"
_HASH = re.compile(r"[0-9a-f]{64}")
#: How a request begins on any network, and neither an offer nor an lnurl does.
_REQUESTS = ("lnbc", "lntb", "lnsb")
_MAINNET = "mainnet"
#: Two networks whose requests look the same.
_TESTNETS = {"testnet", "testnet4"}

NameArgument = Annotated[
    str, typer.Argument(metavar="HASH|REQUEST", help="A payment hash in hex, or a payment request.")
]


class Named(NamedTuple):
    """An invoice by its payment hash; `network`: of its payment request, "" where nobody knows."""

    payment_hash: bytes
    network: str = ""


def read(text: str) -> Named:
    """What people wrote. Raises `NotAnInvoice`, `RequestCorrupt`."""
    from bot.core import bolt11  # noqa: PLC0415

    text = "".join(text.split()).lower().removeprefix(_SCHEME)
    if _HASH.fullmatch(text):
        return Named(bytes.fromhex(text))
    try:
        terms = bolt11.read(text)
    except ValueError:
        raise (RequestCorrupt if text.startswith(_REQUESTS) else NotAnInvoice) from None
    is_mainnet = text.startswith("lnbc") and not text.startswith("lnbcrt")
    return Named(terms.payment_hash, _MAINNET if is_mainnet else bolt11.test_network(text))


async def found(node: Node, named: Named) -> NodeInvoice:
    """The invoice as the node has it.

    Raises `OtherNetwork`, `InvoiceUnknown` or another `NodeError`.
    """
    try:
        return await node.lookup(named.payment_hash)
    except InvoiceUnknown:
        here = await _network(node)
        is_known = bool(here and named.network)
        if is_known and here != named.network and not {here, named.network} <= _TESTNETS:
            raise OtherNetwork(asked=named.network, here=here) from None
        raise InvoiceUnknown from None  # what LND says of it is no help


async def _network(node: Node) -> str:
    """The node's, "" where the macaroon does not permit to ask."""
    from bot.errors import NodeError  # noqa: PLC0415

    try:
        return (await node.info()).network
    except NodeError:
        return ""
