"""What a client asks of AddInvoice, checked in LND's order and refused in its words."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal

from bot.demo.node.refusals import Refusal
from bot.lnrpc import lightning_pb2 as pb

_BTC_SAT = 100_000_000
_MOST_SAT = 100_000 * _BTC_SAT
_MOST_MEMO_BYTES = 1024
_MOST_EXPIRY_S = 365 * 24 * 3600
_DEFAULT_EXPIRY_S = 24 * 3600
_LEAST_CLTV, _DEFAULT_CLTV, _MOST_CLTV = 24, 80, 65535


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a new invoice. An `amount_msat` of 0 leaves the amount to the payer."""

    amount_msat: int
    preimage: bytes
    expiry_s: int
    cltv_expiry: int


def read_terms(request: pb.Invoice) -> Terms:
    """The request's terms, with LND's defaults; the preimage is drawn if none is given.

    Raises Refusal.
    """
    amount_msat = _amount_msat(request)
    if request.r_preimage and len(request.r_preimage) != 32:
        raise Refusal(f"invalid preimage length of {len(request.r_preimage)}, want 32")
    expiry_s, cltv_expiry = _checked(request, amount_msat)
    preimage = request.r_preimage or secrets.token_bytes(32)
    return Terms(amount_msat, preimage, expiry_s, cltv_expiry)


def _amount_msat(request: pb.Invoice) -> int:
    if request.value and request.value_msat:
        raise Refusal("sat and msat arguments are mutually exclusive")
    if request.value < 0 or request.value_msat < 0:
        raise Refusal("amount cannot be negative")
    return request.value_msat or request.value * 1000


def _checked(request: pb.Invoice, amount_msat: int) -> tuple[int, int]:
    """Expiry in seconds and final CLTV delta, after all checks in LND's order."""
    memo_bytes = len(request.memo.encode())
    if memo_bytes > _MOST_MEMO_BYTES:
        raise Refusal(f"memo too large: {memo_bytes} bytes (maxsize={_MOST_MEMO_BYTES})")
    if request.description_hash and len(request.description_hash) != 32:
        raise Refusal(f"description hash is {len(request.description_hash)} bytes, must be 32")
    if amount_msat // 1000 > _MOST_SAT:
        asked, most = _btc_text(amount_msat // 1000), _btc_text(_MOST_SAT)
        raise Refusal(f"invoice amount {asked} is too large, max is {most}")
    if request.fallback_addr:
        raise Refusal("invalid fallback address: decoded address is of unknown format")
    if request.expiry > _MOST_EXPIRY_S:
        asked, most = _go_float(request.expiry), _go_float(_MOST_EXPIRY_S)
        raise Refusal(f"expiry of {asked} seconds greater than max expiry of {most} seconds")
    cltv = request.cltv_expiry
    if cltv > _MOST_CLTV:
        raise Refusal(f"CLTV delta of {cltv} is too large, max accepted is: {_MOST_CLTV}")
    if 0 < cltv < _LEAST_CLTV:
        raise Refusal(f"CLTV delta of {cltv} must be greater than minimum of {_LEAST_CLTV}")
    if request.is_amp or request.is_blinded:
        raise Refusal("this simulated node makes no AMP or blinded invoices")
    return (request.expiry if request.expiry > 0 else _DEFAULT_EXPIRY_S), cltv or _DEFAULT_CLTV


def _btc_text(sat: int) -> str:
    return f"{(Decimal(sat) / _BTC_SAT).normalize():f} BTC"


def _go_float(value: int) -> str:
    """As Go prints a float64 of seven digits and more."""
    digits = f"{Decimal(repr(float(value))).normalize():e}"
    mantissa, _, exponent = digits.partition("e")
    return f"{mantissa}e+{int(exponent):02d}"
