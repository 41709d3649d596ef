"""Wallets: what they read in a picture, and what they say when they can't pay."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
import qrcode
from PIL import Image

from bot.chat import qr
from bot.demo import wallets
from bot.demo.errors import Refused
from bot.demo.node import SimInvoice, SimNode
from bot.demo.wallets import START_MSAT, Wallets

BEN = 42
NOON = 1_795_000_000


class Clock:
    """A clock that stands until it is moved."""

    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def node(tmp_path: Path, clock: Clock) -> AsyncIterator[SimNode]:
    async with SimNode(tmp_path, clock=clock) as node:
        yield node


def picture_of(invoice: SimInvoice) -> bytes:
    return qr.payment_png(invoice.payment_request)


async def test_a_wallet_reads_the_picture_and_pays_what_it_says(node: SimNode) -> None:
    purse = Wallets(node)
    invoice = node.add_invoice(2_100_000, memo="pizza")
    request, read = await wallets.scan(picture_of(invoice))
    assert (request, read.amount_msat, read.memo) == (invoice.payment_request, 2_100_000, "pizza")
    assert purse.pay(BEN, request) == 2_100_000
    assert invoice.state_name == "settled"
    assert purse.balance_msat(BEN) == START_MSAT - 2_100_000
    assert purse.balance_msat(BEN + 1) == START_MSAT


@pytest.mark.parametrize("scheme", ["lightning:", "LIGHTNING:", ""])
async def test_a_wallet_reads_a_code_whatever_its_letters_are(node: SimNode, scheme: str) -> None:
    invoice = node.add_invoice(2_100_000)
    for text in (scheme + invoice.payment_request, scheme + invoice.payment_request.upper()):
        file = io.BytesIO()
        qrcode.make(text).save(file)
        assert (await wallets.scan(file.getvalue()))[0] == invoice.payment_request


def _plain_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 200), "green").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "picture",
    [*map(qr.closed_png, get_args(qr.ClosedState)), _plain_picture(), b"no picture at all"],
)
async def test_a_picture_without_a_request_is_told(picture: bytes) -> None:
    with pytest.raises(Refused, match="no payment code in this picture"):
        await wallets.scan(picture)


async def test_the_payer_says_how_much_where_the_request_does_not(node: SimNode) -> None:
    purse = Wallets(node)
    invoice = node.add_invoice()
    with pytest.raises(Refused, match="at least 1 sat"):
        purse.pay(BEN, invoice.payment_request)
    assert purse.pay(BEN, invoice.payment_request, amount_msat=7000) == 7000


async def test_nobody_spends_more_than_they_have(node: SimNode) -> None:
    invoice = node.add_invoice(START_MSAT + 1000)
    with pytest.raises(Refused, match="does not have that much"):
        Wallets(node).pay(BEN, invoice.payment_request)
    assert invoice.state_name == "open"


async def test_a_payment_that_fails_is_told_in_plain_words(node: SimNode, clock: Clock) -> None:
    purse = Wallets(node)
    paid, cancelled, late = (node.add_invoice(1000, expiry_s=60) for _ in range(3))
    purse.pay(BEN, paid.payment_request)
    node.cancel_invoice(cancelled.payment_hash)
    with pytest.raises(Refused, match="already been paid"):
        purse.pay(BEN, paid.payment_request)
    with pytest.raises(Refused, match="was cancelled"):
        purse.pay(BEN, cancelled.payment_request)
    clock.now += 61
    with pytest.raises(Refused, match="has expired"):
        purse.pay(BEN, late.payment_request)
    assert purse.balance_msat(BEN) == START_MSAT - 1000


async def test_a_node_that_is_away_takes_no_payment(node: SimNode) -> None:
    invoice = node.add_invoice(1000)
    node.lock()
    with pytest.raises(Refused, match="can't be reached"):
        Wallets(node).pay(BEN, invoice.payment_request)
    await node.unlock()
    assert Wallets(node).pay(BEN, invoice.payment_request) == 1000
