"""Payment requests (BOLT11), as far as the bot reads them. Knows no node, and checks no signature.

What is read is what a wallet would pay: how much, for which payment hash, and until when.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GROUPS = {letter: group for group, letter in enumerate(_CHARSET)}
# bech32's checksum: BIP 173
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_FEEDBACK = tuple(
    reduce(xor, (each for bit, each in enumerate(_GENERATORS) if top >> bit & 1), 0)
    for top in range(32)
)

# Without leading zeros, as BOLT11 wants it; longer than any amount there is.
_PREFIX = re.compile(r"ln[a-z]+(?:([1-9][0-9]{0,19})([munp]?))?")
# The smallest unit, a pico-bitcoin, is a tenth of a millisatoshi.
_TENTHS_OF_MSAT = {"": 10**12, "m": 10**9, "u": 10**6, "n": 10**3, "p": 1}

# What follows `ln`: the network's own letters, and then an amount or the separator.
_NETWORK = re.compile(r"ln(bcrt|bc|tbs|tb|sb)(?=[0-9])")
_TEST_NETWORKS = {"tb": "testnet", "tbs": "signet", "bcrt": "regtest", "sb": "simnet"}

#: Letters. With the longest memo and all the hops that LND names it has half as many.
MAX_LENGTH = 8192

_TIME_GROUPS = 7
_SIGNATURE_GROUPS = 104
_CHECKSUM_GROUPS = 6
_HASH_GROUPS = 52
_PAYMENT_HASH, _EXPIRY = _GROUPS["p"], _GROUPS["x"]
#: Seconds, where a payment request names none.
_DEFAULT_EXPIRY_S = 3600


@dataclass(frozen=True, slots=True)
class Terms:
    """What a wallet pays, from `created_at` on (Unix seconds).

    An `amount_msat` of 0 leaves the amount to the payer.
    """

    amount_msat: int
    payment_hash: bytes
    created_at: int
    expiry_s: int

    @property
    def expires_at(self) -> int:
        """Until when, in Unix seconds."""
        return self.created_at + self.expiry_s


#: The names of the test networks, as a node gives its own.
TEST_NETWORKS = frozenset({*_TEST_NETWORKS.values(), "testnet4"})


def test_network(payment_request: str) -> str:
    """The test network that a payment request is of; "" for bitcoin's own, or one nobody knows."""
    match = _NETWORK.match(payment_request)
    return _TEST_NETWORKS.get(match[1], "") if match else ""


def read(payment_request: str) -> Terms:
    """The terms of a payment request in lower case, as nodes write it.

    Raises ValueError, whose text quotes nothing of it: for another thing than a payment request, a
    longer one than `MAX_LENGTH`, a wrong checksum, parts of a millisatoshi, anything but one
    payment hash, and more than one expiry.
    """
    if len(payment_request) > MAX_LENGTH:
        raise ValueError("too long")
    prefix, _, rest = payment_request.rpartition("1")
    amount = _PREFIX.fullmatch(prefix)
    if amount is None:
        raise ValueError("not a payment request")
    if not _GROUPS.keys() >= set(rest):
        raise ValueError("a letter that is not allowed there")
    groups = [_GROUPS[letter] for letter in rest]
    if _polymod(prefix, groups) != 1:
        raise ValueError("the checksum is wrong")
    fields = list(_fields(groups[_TIME_GROUPS : -_SIGNATURE_GROUPS - _CHECKSUM_GROUPS]))
    return Terms(
        amount_msat=_amount_msat(amount[1], amount[2]),
        payment_hash=_payment_hash(fields),
        created_at=_number(groups[:_TIME_GROUPS]),
        expiry_s=_expiry_s(fields),
    )


def _amount_msat(digits: str | None, unit: str | None) -> int:
    if digits is None:
        return 0
    msat, part = divmod(int(digits) * _TENTHS_OF_MSAT[unit or ""], 10)
    if part:
        raise ValueError("the amount has parts of a millisatoshi")
    return msat


def _fields(groups: list[int]) -> Iterator[tuple[int, list[int]]]:
    """The tag and the groups of each field."""
    while groups:
        if len(groups) < 3 or len(groups) < 3 + (length := groups[1] << 5 | groups[2]):
            raise ValueError("a field is cut short")
        yield groups[0], groups[3 : 3 + length]
        groups = groups[3 + length :]


def _payment_hash(fields: Iterable[tuple[int, list[int]]]) -> bytes:
    """The only one: of two, wallets might read either."""
    hashes = [of for tag, of in fields if tag == _PAYMENT_HASH and len(of) == _HASH_GROUPS]
    if len(hashes) != 1:
        raise ValueError(f"{len(hashes)} payment hashes")
    # 52 groups of 5 bits are 32 bytes and 4 bits
    return (_number(hashes[0]) >> 4).to_bytes(32)


def _expiry_s(fields: Iterable[tuple[int, list[int]]]) -> int:
    """The only one, if there is one."""
    expiries = [_number(of) for tag, of in fields if tag == _EXPIRY]
    if len(expiries) > 1:
        raise ValueError(f"{len(expiries)} expiries")
    return expiries[0] if expiries else _DEFAULT_EXPIRY_S


def _number(groups: list[int]) -> int:
    return reduce(lambda number, group: number << 5 | group, groups, 0)


def _polymod(prefix: str, groups: list[int]) -> int:
    letters = [ord(letter) for letter in prefix]
    check = 1
    for group in (*(each >> 5 for each in letters), 0, *(each & 31 for each in letters), *groups):
        check = (check & 0x1FFFFFF) << 5 ^ group ^ _FEEDBACK[check >> 25]
    return check
