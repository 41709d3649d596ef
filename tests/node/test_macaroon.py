"""Macaroons are read as another library writes them, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymacaroons import Macaroon
from pymacaroons.macaroon import MACAROON_V2
from pymacaroons.serializers import BinarySerializer

from bot.lnrpc.macaroon_pb2 import MacaroonId
from bot.node.macaroon import read_macaroon

words = st.text("abcdefghijklmnopqrstuvwxyz/.", min_size=1, max_size=40)
permissions = st.dictionaries(words, st.sets(words, min_size=1, max_size=3), max_size=8)
conditions = st.lists(st.text(min_size=1, max_size=200), max_size=4)


def baked(rights: dict[str, set[str]], caveats: list[str], *, kind: int = 3) -> bytes:
    ops = [MacaroonId.Op(entity=entity, actions=sorted(rights[entity])) for entity in rights]
    identifier = MacaroonId(nonce=b"\x80\x00\xff", storageId=b"0", ops=ops)
    macaroon = Macaroon(
        version=MACAROON_V2,
        key=b"root",
        location="lnd",
        identifier=bytes([kind]) + identifier.SerializeToString(),
    )
    for caveat in caveats:
        macaroon.add_first_party_caveat(caveat)
    return bytes(BinarySerializer().serialize_raw(macaroon))


@given(permissions, conditions)
def test_permissions_and_caveats_are_read(rights: dict[str, set[str]], caveats: list[str]) -> None:
    assert read_macaroon(baked(rights, caveats)) == (
        {(entity, action) for entity, actions in rights.items() for action in actions},
        caveats,
    )


def test_every_part_of_one_is_refused_and_so_is_more_than_one() -> None:
    whole = baked({"invoices": {"read", "write"}}, ["ipaddr 1.2.3.4"])

    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"^no macaroon$"):
            read_macaroon(whole[:end])
    with pytest.raises(ValueError, match=r"^no macaroon$"):
        read_macaroon(whole + whole[1:])


@given(st.binary(max_size=300))
def test_anything_else_is_refused(content: bytes) -> None:
    for start in (b"", b"\x02", b"\x02\x02"):
        with pytest.raises(ValueError, match=r"^no(t LND's| macaroon)$"):
            read_macaroon(start + content)


def test_another_programs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^not LND's$"):
        read_macaroon(baked({}, [], kind=2))
