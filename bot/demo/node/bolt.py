"""Payment requests: BOLT11 text, signed and read. Knows no nodes and no invoices.

Written for speed, since benchmarks make thousands: 5-bit groups are bytes objects, which Python
converts and translates in C; a library of bit strings takes ten times as long.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import xor

from coincurve import PrivateKey, PublicKey

SIMNET = "sb"
MOST_GROUPS = 1023

_CHARSET = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_GROUPS = bytes(range(32))
_BASE32_TO_GROUPS = bytes.maketrans(_BASE32, _GROUPS)
_GROUPS_TO_BASE32 = bytes.maketrans(_GROUPS, _BASE32)
_GROUPS_TO_CHARSET = bytes.maketrans(_GROUPS, _CHARSET)
_CHARSET_TO_GROUPS = bytes.maketrans(_CHARSET, _GROUPS)

_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_FEEDBACK = tuple(
    reduce(xor, (each for bit, each in enumerate(_GENERATORS) if top >> bit & 1), 0)
    for top in range(32)
)

_BTC_MSAT = 100_000_000_000
_UNITS_MSAT = {"": _BTC_MSAT, "m": 100_000_000, "u": 100_000, "n": 100}
_PREFIX = re.compile(r"ln(bcrt|tbs|bc|tb|sb)(?:([0-9]+)([munp]?))?")

_SIGNATURE_GROUPS = 104
_CHECKSUM_GROUPS = 6
_TIME_GROUPS = 7
# TLV onion and payment secret required, multi-part and route blinding supported: as LND has it
_FEATURES = 1 << 8 | 1 << 14 | 1 << 17 | 1 << 25


class RequestInvalid(ValueError):
    """The text is not a payment request."""


class FieldTooLong(ValueError):
    """A field has more 5-bit groups than its length field can express."""

    def __init__(self, groups: int) -> None:
        super().__init__(f"data length too big to fit within 10 bits: {groups}")


@dataclass(frozen=True, slots=True)
class Hop:
    """A private channel that leads to the payee; fees in msat and millionths."""

    pubkey: bytes
    channel_id: int
    base_fee_msat: int = 1000
    fee_millionths: int = 1
    cltv_delta: int = 80


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a wallet reads from a payment request. Times are Unix seconds."""

    currency: str
    amount_msat: int | None
    memo: str
    description_hash: bytes | None
    payment_hash: bytes
    payment_addr: bytes
    created_at: int
    expires_at: int
    min_final_cltv: int
    features: int
    hints: tuple[tuple[Hop, ...], ...]
    payee: str


def encode(
    key: PrivateKey,
    *,
    payment_hash: bytes,
    payment_addr: bytes,
    amount_msat: int,
    created_at: int,
    expiry_s: int,
    memo: str = "",
    description_hash: bytes = b"",
    min_final_cltv: int = 80,
    hints: Iterable[bytes] = (),
    currency: str = SIMNET,
) -> str:
    """A payment request, signed with `key`.

    An `amount_msat` of 0 leaves the amount to the payer; `hints` come from `hint`, one for each
    route. Raises FieldTooLong for a memo of more than 639 bytes; a description hash takes its
    place.
    """
    description = (
        _field("h", _grouped(description_hash))
        if description_hash
        else _field("d", _grouped(memo.encode()))
    )
    data = b"".join(
        (
            _number(created_at).rjust(_TIME_GROUPS, b"\0"),
            _field("p", _grouped(payment_hash)),
            description,
            _field("c", _number(min_final_cltv)),
            _field("x", _number(expiry_s)),
            *(_field("r", route) for route in hints),
            _field("s", _grouped(payment_addr)),
            _field("9", _number(_FEATURES)),
        )
    )
    prefix = f"ln{currency}{_amount_text(amount_msat)}"
    signature = key.sign_recoverable(prefix.encode() + _packed(data))
    data += _grouped(signature)
    data += _checksum(prefix, data)
    return f"{prefix}1{data.translate(_GROUPS_TO_CHARSET).decode()}"


def hint(hop: Hop) -> bytes:
    """One hop of a route hint, as `encode` takes it; the same for every request."""
    return _grouped(
        hop.pubkey
        + hop.channel_id.to_bytes(8)
        + hop.base_fee_msat.to_bytes(4)
        + hop.fee_millionths.to_bytes(4)
        + hop.cltv_delta.to_bytes(2)
    )


def decode(payment_request: str) -> PaymentRequest:
    """Read a payment request, in lower or upper case, with or without `lightning:` before it.

    Raises RequestInvalid for anything else, a wrong checksum or signature included.
    """
    text = payment_request.strip()
    if text.lower() != text and text.upper() != text:
        raise RequestInvalid("mixed case")
    text = text.lower().removeprefix("lightning:")
    prefix, separator, rest = text.rpartition("1")
    amount = _PREFIX.fullmatch(prefix)
    if not separator or amount is None:
        raise RequestInvalid("not a Lightning payment request")
    data = _checked(prefix, rest)
    fields = _fields(data[_TIME_GROUPS:])
    for tag in "psd" if "h" not in fields else "ps":
        if tag not in fields:
            raise RequestInvalid(f"field {tag} is missing")
    created_at = _value(data[:_TIME_GROUPS])
    return PaymentRequest(
        currency=amount[1],
        amount_msat=_amount_msat(amount[2], amount[3]),
        memo=_text(fields.get("d", [b""])[0]),
        description_hash=_bytes(fields["h"][0]) if "h" in fields else None,
        payment_hash=_bytes(fields["p"][0]),
        payment_addr=_bytes(fields["s"][0]),
        created_at=created_at,
        expires_at=created_at + (_value(fields["x"][0]) if "x" in fields else 3600),
        min_final_cltv=_value(fields["c"][0]) if "c" in fields else 18,
        features=_value(fields["9"][0]) if "9" in fields else 0,
        hints=tuple(_hops(_bytes(route)) for route in fields.get("r", [])),
        payee=_signer(prefix, data, _packed_signature(rest)),
    )


def _amount_text(msat: int) -> str:
    if msat == 0:
        return ""
    for unit, unit_msat in _UNITS_MSAT.items():
        if msat % unit_msat == 0:
            return f"{msat // unit_msat}{unit}"
    return f"{msat * 10}p"


def _amount_msat(digits: str | None, unit: str | None) -> int | None:
    if digits is None:
        return None
    if unit != "p":
        return int(digits) * _UNITS_MSAT[unit or ""]
    if not digits.endswith("0"):
        raise RequestInvalid("the amount is not in whole millisatoshis")
    return int(digits) // 10


def _grouped(data: bytes) -> bytes:
    """8-bit bytes to 5-bit groups, the last one padded with zeros."""
    return base64.b32encode(data).rstrip(b"=").translate(_BASE32_TO_GROUPS)


def _packed(groups: bytes) -> bytes:
    """5-bit groups to bytes, the last one padded with zeros."""
    padded = groups + b"\0" * (-len(groups) % 8)
    return base64.b32decode(padded.translate(_GROUPS_TO_BASE32))[: (len(groups) * 5 + 7) // 8]


def _bytes(groups: bytes) -> bytes:
    """5-bit groups to the bytes that they were made of."""
    return _packed(groups)[: len(groups) * 5 // 8]


def _number(value: int) -> bytes:
    """The fewest 5-bit groups that hold `value`."""
    groups = bytearray()
    while value:
        groups.append(value & 31)
        value >>= 5
    return bytes(reversed(groups))


def _value(groups: bytes) -> int:
    return reduce(lambda value, group: value << 5 | group, groups, 0)


def _text(groups: bytes) -> str:
    try:
        return _bytes(groups).decode()
    except UnicodeDecodeError:
        raise RequestInvalid("the description is not UTF-8") from None


def _field(tag: str, groups: bytes) -> bytes:
    if len(groups) > MOST_GROUPS:
        raise FieldTooLong(len(groups))
    return bytes((_CHARSET.index(tag.encode()), len(groups) >> 5, len(groups) & 31)) + groups


def _fields(data: bytes) -> dict[str, list[bytes]]:
    """The fields by their tag; those of a wrong length are left out."""
    lengths = {"p": 52, "h": 52, "s": 52, "n": 53}
    fields: dict[str, list[bytes]] = {}
    while data:
        if len(data) < 3 or len(data) < 3 + (length := data[1] << 5 | data[2]):
            raise RequestInvalid("a field is cut short")
        tag = chr(_CHARSET[data[0]])
        if lengths.get(tag, length) == length:
            fields.setdefault(tag, []).append(data[3 : 3 + length])
        data = data[3 + length :]
    return fields


def _hops(data: bytes) -> tuple[Hop, ...]:
    return tuple(
        Hop(
            pubkey=each[:33],
            channel_id=int.from_bytes(each[33:41]),
            base_fee_msat=int.from_bytes(each[41:45]),
            fee_millionths=int.from_bytes(each[45:49]),
            cltv_delta=int.from_bytes(each[49:51]),
        )
        for each in (data[start : start + 51] for start in range(0, len(data) - 50, 51))
    )


def _polymod(prefix: str, groups: bytes) -> int:
    check = 1
    name = prefix.encode()
    for group in bytes(c >> 5 for c in name) + b"\0" + bytes(c & 31 for c in name) + groups:
        check = (check & 0x1FFFFFF) << 5 ^ group ^ _FEEDBACK[check >> 25]
    return check


def _checksum(prefix: str, groups: bytes) -> bytes:
    check = _polymod(prefix, groups + bytes(_CHECKSUM_GROUPS)) ^ 1
    return bytes(check >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_GROUPS))


def _checked(prefix: str, rest: str) -> bytes:
    """The groups between prefix and signature."""
    text = rest.encode()
    if text.strip(_CHARSET):
        raise RequestInvalid("a character that is not allowed there")
    groups = text.translate(_CHARSET_TO_GROUPS)
    if _polymod(prefix, groups) != 1:
        raise RequestInvalid("the checksum is wrong")
    if len(groups) < _TIME_GROUPS + _SIGNATURE_GROUPS + _CHECKSUM_GROUPS:
        raise RequestInvalid("too short")
    return groups[: -_SIGNATURE_GROUPS - _CHECKSUM_GROUPS]


def _packed_signature(rest: str) -> bytes:
    groups = rest.encode().translate(_CHARSET_TO_GROUPS)
    return _packed(groups[-_SIGNATURE_GROUPS - _CHECKSUM_GROUPS : -_CHECKSUM_GROUPS])


def _signer(prefix: str, data: bytes, signature: bytes) -> str:
    """The public key that signed it, as hex."""
    try:
        key = PublicKey.from_signature_and_message(signature, prefix.encode() + _packed(data))
    except Exception:  # noqa: BLE001  the library raises a bare Exception for a bad signature
        raise RequestInvalid("the signature is wrong") from None
    return key.format().hex()
