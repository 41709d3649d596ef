"""What a macaroon of LND's permits, read from its bytes. Knows the format, and checks no signature.

The format is the second binary one of libmacaroons: a byte 2, then sections of fields. A field is
its kind, its length and its content, the first two as varints; a kind of 0 ends a section. The
first section has the identifier, each one that follows a caveat, an empty one ends them, and the
signature is last. LND's identifier is a byte 3 and a MacaroonId.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from bot.lnrpc.macaroon_pb2 import MacaroonId

_VERSION = 2
_END, _IDENTIFIER, _SIGNATURE = 0, 2, 6
_SIGNATURE_BYTES = 32
_LND = b"\x03"


def root_key_id(content: bytes) -> str:
    """The number of the root key that it was baked with, as LND writes it; "0" is LND's own files'.

    Raises ValueError like `read_macaroon`.
    """
    read_macaroon(content)
    identifier = _section(_fields(content)).get(_IDENTIFIER, b"")
    number = MacaroonId.FromString(identifier[1:]).storageId.decode("ascii", errors="replace")
    return number if number.isdecimal() else ""


def read_macaroon(content: bytes) -> tuple[set[tuple[str, str]], list[str]]:
    """Its permissions, as (entity, action) or ("uri", method), and its caveats.

    The node is not asked. Raises ValueError, which quotes nothing of it, where it is something
    else.
    """
    fields = _fields(content)
    section = _section(fields)
    identifier = section.get(_IDENTIFIER, b"")
    caveats = []
    while section := _section(fields):
        caveats.append(os.fsdecode(section.get(_IDENTIFIER, b"")))
    last = next(fields, None)
    if last is None or last[0] != _SIGNATURE or len(last[1]) != _SIGNATURE_BYTES or any(fields):
        raise ValueError("no macaroon")
    if identifier[:1] != _LND:
        raise ValueError("not LND's")
    try:
        ops = MacaroonId.FromString(identifier[1:]).ops
    except DecodeError:
        raise ValueError("not LND's") from None  # the cause may quote it
    return {(op.entity, action) for op in ops for action in op.actions}, caveats


def valid_until(caveats: Iterable[str]) -> float | None:
    """When the first of its conditions on time ends it, in Unix seconds; None where none does.

    A time that cannot be read is passed over.
    """
    return min(filter(None, map(_time_before, caveats)), default=None)


def _time_before(caveat: str) -> float | None:
    condition, _, value = caveat.partition(" ")
    if condition != "time-before":
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _section(fields: Iterator[tuple[int, bytes]]) -> dict[int, bytes]:
    section: dict[int, bytes] = {}
    for kind, value in fields:
        if kind == _END:
            return section
        section[kind] = value
    raise ValueError("no macaroon")


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content, one after the other."""
    if content[:1] != bytes([_VERSION]):
        raise ValueError("no macaroon")
    at = 1
    while at < len(content):
        kind, at = _varint(content, at)
        if kind == _END:
            yield kind, b""
            continue
        length, at = _varint(content, at)
        value = content[at : at + length]
        at += length
        if len(value) != length:
            raise ValueError("no macaroon")
        yield kind, value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number, seven bits a byte and the lowest first, and where it ends."""
    number = shift = 0
    for byte in content[at : at + 5]:
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise ValueError("no macaroon")
