"""Twenty private channels: their hints make long requests, and each card's code can be scanned."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from coincurve import PrivateKey
from PIL import Image

from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.node import bolt
from bot.demo.telegram import Message
from tests.chat.test_qr import READERS, as_jpeg, scaled, text_of, turned
from tests.node.simulated import changed
from tests.world import World

MEMO_OF_32 = "thirty-two bytes of what it's for"[:32]


@pytest.fixture(autouse=True)
async def private(world: World) -> None:
    """Twenty-five private channels, and no other."""
    world.node.ledger.channels = []
    world.node.set_private_channels(25)


def opened(card: Message) -> Image.Image:
    """The picture that Telegram got."""
    assert card.photo is not None
    return Image.open(io.BytesIO(card.photo.data)).convert("L")


@pytest.mark.parametrize(
    ("command", "hints", "length"),
    [
        (f"/invoice any {MEMO_OF_32}", 20, 1990),
        ("/invoice any", 20, 1930),
        (f"/invoice any {'x' * 639}", 20, 2960),
        ("/invoice 1m", 1, 300),
    ],
)
async def test_a_card_with_many_hints_is_read_back_as_drawn_and_its_invoice_paid(
    world: World, command: str, hints: int, length: int
) -> None:
    await world.start_bot()
    card = await world.open_card(world.private(world.anna), world.anna, command)
    (made,) = world.node.invoices.values()
    request = made.payment_request
    assert len(request) >= length
    assert len(bolt.decode(request).hints) == hints

    picture = opened(card)
    for read in READERS.values():
        for seen in (picture, as_jpeg(picture), scaled(picture, 640), turned(picture)):
            assert read(seen) == [text_of(request)]
    text, *_ = cv2.QRCodeDetectorAruco().detectAndDecode(np.asarray(picture))
    assert text == text_of(request)

    world.node.pay(request, amount_msat=None if made.value_msat else 2_100_000)
    await world.becomes(card, Face.PAID)


async def test_a_request_that_no_code_and_no_message_holds_is_cancelled_and_said(
    world: World,
) -> None:
    """LND makes none of that length."""

    def longer(message: Any) -> Any:
        request = bolt.encode(
            PrivateKey(b"k" * 32),
            payment_hash=message.r_hash,
            payment_addr=b"a" * 32,
            amount_msat=message.value_msat,
            created_at=message.creation_date,
            expiry_s=message.expiry,
            hints=[bolt.hint(bolt.Hop(pubkey=b"\2" * 33, channel_id=1))] * 50,
        )
        return changed(payment_request=request)(message) if message.r_hash else message

    world.telegram.say(world.private(world.owner), world.owner, "/start")
    await world.start_bot()
    chat = world.private(world.anna)
    world.node.garble("LookupInvoice", longer, times=99)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await world.shown(chat, Face.CANCELLED)
    await world.notified(world.private(world.owner), Kind.CARD_REFUSED)
    assert not world.showing(chat, Face.OPEN)
    assert [each.state_name for each in world.node.invoices.values()] == ["canceled"]
