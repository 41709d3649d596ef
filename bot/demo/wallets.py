"""People's wallets: they read a picture as a phone would, and pay. Knows pictures and the node.

A wallet gets a payment request only from a picture: what its camera cannot read cannot be paid.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import zxingcpp
from PIL import Image, UnidentifiedImageError

from bot.demo.errors import Refused
from bot.demo.node import PaymentFailed, SimNode
from bot.demo.node.bolt import PaymentRequest, RequestInvalid, decode

START_MSAT = 250_000_000
_SCHEME = "lightning:"
_AWAY = "The Lightning node can't be reached. Try again when it is back."
_ANOTHER = "This invoice is of another node, which does not answer now. Try again when it is back."
# what the payer's node says → what a wallet makes of it
_WORDS = {
    "invoice is already paid": "This invoice has already been paid.",
    "payment is in transition": "A payment for this invoice is already under way.",
    "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS": "This invoice was cancelled. It can no longer be paid.",
    "FAILURE_REASON_NO_ROUTE": "The Lightning node does not have enough inbound liquidity.",
}


@dataclass(frozen=True)
class Payment:
    """One that arrived; `at` in Unix seconds of the demo's clock."""

    person_id: int
    msat: int
    at: float


class Wallets:
    """What each person has, and how they pay the node. `clock` is the demo's."""

    def __init__(self, node: SimNode, clock: Callable[[], float] = time.time) -> None:
        #: By payment hash.
        self.payments: dict[bytes, Payment] = {}
        self._watchers: list[Callable[[int], object]] = []
        self._node = node
        self._clock = clock
        self._spent_msat: dict[int, int] = {}

    def balance_msat(self, person_id: int) -> int:
        """What the person has left, in msat."""
        return START_MSAT - self._spent_msat.get(person_id, 0)

    def pay(self, person_id: int, request: str, *, amount_msat: int | None = None) -> int:
        """Pay. Returns the amount in msat; `amount_msat` is for requests that leave it open.

        Raises Refused with the reason in plain words.
        """
        read = _decoded(request)
        msat = read.amount_msat or amount_msat or 0
        if msat < 1000:
            raise Refused("Pay at least 1 sat.")
        if msat > self.balance_msat(person_id):
            raise Refused("This wallet does not have that much.")
        if not self._node.alive or self._node.state != "SERVER_ACTIVE":
            raise Refused(_AWAY)
        if read.payee != self._node.identity_pubkey:
            raise Refused(_ANOTHER)
        at = self._clock()
        open_msat = None if read.amount_msat else msat
        try:
            paid = self._node.pay(request, amount_msat=open_msat)
        except PaymentFailed as failure:
            raise Refused(_in_words(str(failure))) from None
        self.payments[paid.payment_hash] = Payment(person_id, paid.paid_msat, at)
        self._spent_msat[person_id] = self._spent_msat.get(person_id, 0) + paid.paid_msat
        for watcher in self._watchers:
            watcher(person_id)
        return paid.paid_msat

    def watch(self, watcher: Callable[[int], object]) -> None:
        """Call this with the person's id after every payment."""
        self._watchers.append(watcher)


async def scan(picture: bytes) -> tuple[str, PaymentRequest]:
    """The payment request in a picture, as text and decoded. Raises Refused if none can be read."""
    for text in await asyncio.to_thread(_codes, picture):
        request = _without_scheme(text)
        try:
            return request.lower(), decode(request)
        except RequestInvalid:
            continue
    raise Refused("There is no payment code in this picture.")


def _codes(picture: bytes) -> list[str]:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            return [found.text for found in zxingcpp.read_barcodes(image.convert("L"))]
    except UnidentifiedImageError:
        return []


def _without_scheme(text: str) -> str:
    """Small letters or capitals, whatever follows: only the request has to be in one of them."""
    return text[len(_SCHEME) :] if text.lower().startswith(_SCHEME) else text


def _decoded(request: str) -> PaymentRequest:
    try:
        return decode(request)
    except RequestInvalid:
        raise Refused("That is not a payment request.") from None


def _in_words(failure: str) -> str:
    if failure.startswith("invoice expired"):
        return "This invoice has expired. It can no longer be paid."
    return _WORDS.get(failure, f"The payment failed: {failure}.")
