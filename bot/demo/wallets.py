"""People's wallets: they read a picture as a phone would, and pay. Knows pictures and the node.

A wallet is given a picture, never a payment request: what its camera can't read can't be paid.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import zxingcpp
from PIL import Image, UnidentifiedImageError

from bot.demo.bolt import PaymentRequest, RequestInvalid, decode
from bot.errors import Refused

START_MSAT = 250_000_000
_NOTHING_THERE = "There is no payment code in this picture."


class Wallets:
    """What each person holds, in msat, and the way from a picture to a payment."""

    def __init__(self, pay: Callable[[str, int | None], int]) -> None:
        self._pay = pay
        self._spent_msat: dict[int, int] = {}

    def balance_msat(self, person_id: int) -> int:
        """What the person has left."""
        return START_MSAT - self._spent_msat.get(person_id, 0)


async def scan(picture: bytes) -> tuple[str, PaymentRequest]:
    """The payment request in a picture, as text and decoded. Refused when none can be read."""
    for text in await asyncio.to_thread(_codes, picture):
        try:
            return text.lower().removeprefix("lightning:"), decode(text)
        except RequestInvalid:
            continue
    raise Refused(_NOTHING_THERE)


def _codes(picture: bytes) -> list[str]:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            return [found.text for found in zxingcpp.read_barcodes(image.convert("L"))]
    except UnidentifiedImageError:
        return []
