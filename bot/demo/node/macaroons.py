"""Macaroons as LND bakes and checks them. Knows calls only by their names and permissions.

Every refusal carries LND's own text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from google.protobuf.message import DecodeError
from pymacaroons import Macaroon, Verifier
from pymacaroons.exceptions import (
    MacaroonDeserializationException,
    MacaroonInvalidSignatureException,
)
from pymacaroons.macaroon import MACAROON_V2
from pymacaroons.serializers import BinarySerializer

from bot.lnrpc import macaroon_pb2

_ENTITIES = ("address", "info", "invoices", "message", "offchain", "onchain", "peers")
READONLY = tuple(f"{entity}:read" for entity in (*_ENTITIES, "macaroon", "signer"))
ADMIN = (
    *READONLY,
    *(f"{entity}:write" for entity in (*_ENTITIES, "macaroon")),
    "macaroon:generate",
    "signer:generate",
)
INVOICE = ("address:read", "address:write", "invoices:read", "invoices:write", "onchain:read")

# what a client can ask to be baked, in LND's order
_BAKED_ACTIONS = ("read", "write", "generate")
_BAKED_ENTITIES = (
    *("onchain", "offchain", "address", "message", "peers", "info", "invoices", "signer"),
    *("macaroon", "uri"),
)
_BAKED_HELP = (
    f"supported actions are [{' '.join(_BAKED_ACTIONS)}], "
    f"supported entities are [{' '.join(_BAKED_ENTITIES)}]"
)

_ID_VERSION = 3
_MOST_KNOWN = 1000
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z")


class MacaroonRefusal(Exception):
    """The text with which LND refuses a macaroon."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A macaroon whose signature was verified."""

    permissions: frozenset[str]
    caveats: tuple[str, ...]


class Bakery:
    """The root keys of one node: bakes macaroons and checks them by `clock` (Unix seconds)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._root_keys: dict[int, bytes] = {0: secrets.token_bytes(32)}
        # Verifying one takes longer than a whole call: the result is kept until a key is deleted.
        self._known: dict[str, _Known] = {}

    def bake(
        self, permissions: Iterable[str], *, root_key_id: int = 0, caveats: Sequence[str] = ()
    ) -> bytes:
        """A macaroon in LND's binary form.

        Permissions are `entity:action`, or `uri:/package.Service/Method` for one call; caveats
        are conditions such as `time-before 2030-01-01T00:00:00Z` or `ipaddr 10.1.1.1`.
        """
        root_key = self._root_keys.setdefault(root_key_id, secrets.token_bytes(32))
        macaroon = Macaroon(
            location="lnd",
            identifier=bytes((_ID_VERSION,)) + _identifier(permissions, root_key_id),
            key=root_key,
            version=MACAROON_V2,
        )
        for caveat in caveats:
            macaroon.add_first_party_caveat(caveat)
        baked: bytes = BinarySerializer().serialize_raw(macaroon)
        return baked

    def revoke(self, root_key_id: int) -> None:
        """Delete a root key, and so every macaroon baked with it; one that is not there is none.

        LND does not let 0 be deleted.
        """
        if root_key_id == 0:
            raise ValueError("the specified ID cannot be deleted")
        self._root_keys.pop(root_key_id, None)
        self._known.clear()

    def renew(self) -> None:
        """New root keys, as on another node: every macaroon baked so far fails."""
        self._root_keys = {0: secrets.token_bytes(32)}
        self._known.clear()

    @property
    def root_keys(self) -> Mapping[int, bytes]:
        """By their ids."""
        return dict(self._root_keys)

    @root_keys.setter
    def root_keys(self, root_keys: Mapping[int, bytes]) -> None:
        self._root_keys = dict(root_keys)
        self._known.clear()

    def check(
        self, presented: Sequence[str | bytes], *, permission: str, uri: str, address: str
    ) -> None:
        """Pass a call, or raise MacaroonRefusal.

        `presented` are the values of the call's macaroon metadata, `uri` is its full method and
        `address` its caller's IP address.
        """
        if len(presented) != 1:
            raise MacaroonRefusal(f"expected 1 macaroon, got {len(presented)}")
        text = presented[0] if isinstance(presented[0], str) else presented[0].decode("latin-1")
        known = self._known.get(text) or self._verified(text)
        if permission not in known.permissions and f"uri:{uri}" not in known.permissions:
            raise MacaroonRefusal("permission denied")
        for caveat in known.caveats:
            if reason := self._unmet(caveat, address):
                raise MacaroonRefusal(f'caveat "{caveat}" not satisfied: {reason}')

    def _verified(self, text: str) -> _Known:
        macaroon = _parsed(unhex(text))
        identifier = _read_identifier(macaroon.identifier_bytes)
        number = identifier.storageId.decode("latin-1")
        root_key = self._root_keys.get(int(number) if number.isdecimal() else -1)
        if root_key is None:
            raise MacaroonRefusal(
                "cannot retrieve macaroon: cannot get macaroon: "
                f"root key with id {number} doesn't exist"
            )
        verifier = Verifier()
        verifier.satisfy_general(lambda _condition: True)  # caveats are checked in each call
        try:
            verifier.verify(macaroon, root_key)
        except MacaroonInvalidSignatureException:
            raise MacaroonRefusal(
                "verification failed: signature mismatch after caveat verification"
            ) from None
        known = _Known(
            permissions=frozenset(
                f"{op.entity}:{action}" for op in identifier.ops for action in op.actions
            ),
            caveats=tuple(each.caveat_id_bytes.decode() for each in macaroon.caveats),
        )
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[text] = known
        return known

    def _unmet(self, caveat: str, address: str) -> str | None:
        condition, _, value = caveat.partition(" ")
        if condition == "time-before":
            return "macaroon has expired" if self._clock() >= _unix_time(value) else None
        if condition == "ipaddr":
            return "macaroon locked to different IP address" if value != address else None
        return "caveat not recognized"


def check_wanted(
    wanted: Sequence[tuple[str, str]], *, uris: Collection[str], any_entity: bool = False
) -> None:
    """Pass what a client wants baked, as (entity, action), or raise MacaroonRefusal.

    `uris` are the calls that there are; with `any_entity` only an empty list is refused, as LND
    does where external permissions are allowed.
    """
    if not wanted:
        raise MacaroonRefusal(
            "permission list cannot be empty. specify at least one action/entity pair. "
            + _BAKED_HELP
        )
    for entity, action in wanted:
        if any_entity:
            continue
        if entity not in _BAKED_ENTITIES:
            raise MacaroonRefusal(f"invalid permission entity. {_BAKED_HELP}")
        if entity == "uri" and action not in uris:
            raise MacaroonRefusal(
                "invalid permission action, must be an existing URI in the format "
                "/package.Service/MethodName"
            )
        if entity != "uri" and action not in _BAKED_ACTIONS:
            raise MacaroonRefusal(f"invalid permission action. {_BAKED_HELP}")


def unhex(text: str) -> bytes:
    """Hex to bytes, refused in the words of Go's encoding/hex."""
    for character in text:
        if character not in "0123456789abcdefABCDEF":
            shown = f" '{character}'" if character.isprintable() else ""
            raise MacaroonRefusal(f"encoding/hex: invalid byte: U+{ord(character):04X}{shown}")
    if len(text) % 2:
        raise MacaroonRefusal("encoding/hex: odd length hex string")
    return bytes.fromhex(text)


def time_before(expires_at: float) -> str:
    """The caveat with which a macaroon expires at `expires_at` (Unix seconds)."""
    return f"time-before {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _identifier(permissions: Iterable[str], root_key_id: int) -> bytes:
    actions: dict[str, list[str]] = {}
    for permission in sorted(set(permissions)):
        entity, separator, action = permission.partition(":")
        if not separator:
            raise ValueError(f"a permission is entity:action, not {permission!r}")
        actions.setdefault(entity, []).append(action)
    return macaroon_pb2.MacaroonId(
        nonce=secrets.token_bytes(16),
        storageId=str(root_key_id).encode(),
        ops=[
            macaroon_pb2.MacaroonId.Op(entity=entity, actions=each)
            for entity, each in actions.items()
        ],
    ).SerializeToString()


def _read_identifier(identifier: bytes) -> macaroon_pb2.MacaroonId:
    if identifier[:1] != bytes((_ID_VERSION,)):
        raise MacaroonRefusal("invalid ID")
    try:
        return macaroon_pb2.MacaroonId.FromString(identifier[1:])
    except DecodeError:
        raise MacaroonRefusal("invalid ID") from None


def _parsed(data: bytes) -> Macaroon:
    if not data:
        raise MacaroonRefusal("empty macaroon data")
    if data[0] in b"0123456789abcdef":
        raise MacaroonRefusal("unmarshal v1: cannot parse size")
    if data[0] != MACAROON_V2:
        raise MacaroonRefusal("cannot determine data format of binary-encoded macaroon")
    try:
        return BinarySerializer().deserialize_raw(data)
    except MacaroonDeserializationException as error:
        raise MacaroonRefusal(f"unmarshal v2: {error}") from None
    except Exception:  # noqa: BLE001  the library raises a bare Exception where the data ends
        raise MacaroonRefusal("unmarshal v2: varint value extends past end of buffer") from None


def _unix_time(text: str) -> Fraction:
    parts = _TIME.fullmatch(text)
    if parts is None:
        return Fraction(0)
    seconds = datetime.fromisoformat(f"{parts[1]}+00:00").timestamp()
    return Fraction(seconds) + Fraction(f"0{parts[2] or ''}")
