"""Payment requests are BOLT11: signed by the node, read by other readers, refused when broken."""

from __future__ import annotations

import contextlib

import bolt11
import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.demo.node import SimNode, bolt
from tests.demo.node.client import NOW, Client, made


async def test_requests_are_signed_by_the_node_that_getinfo_names(
    node: SimNode, client: Client
) -> None:
    info = await client.info()
    added = await client.add(value=2100, memo="pizza", expiry=3600)
    assert added.payment_request.startswith("lnsb21u1")
    for text in (added.payment_request, added.payment_request.upper()):
        request = bolt.decode(text)
        assert request.payee == info.identity_pubkey == node.identity_pubkey
        assert request.amount_msat == 2_100_000
        assert request.memo == "pizza"
        assert request.payment_hash == added.r_hash
        assert request.payment_addr == added.payment_addr
        assert (request.created_at, request.expires_at) == (NOW, NOW + 3600)
        assert request.min_final_cltv == 80
    assert bolt.decode(f"LIGHTNING:{added.payment_request.upper()}") == request


HOP = bolt.Hop(PrivateKey(b"h" * 32).public_key.format(), 700_000 << 40 | 3 << 16 | 1)


@settings(deadline=None, max_examples=50)  # a busy machine is no failure
@given(
    amount_msat=st.integers(0, 10**16),
    memo=st.text(st.characters(codec="utf-8"), max_size=150),
    expiry_s=st.integers(1, 31_536_000),
    hints=st.integers(0, 3),
)
def test_another_reader_of_requests_reads_what_was_written(
    amount_msat: int, memo: str, expiry_s: int, hints: int
) -> None:
    key = PrivateKey(b"k" * 32)
    terms = {
        "amount_msat": amount_msat,
        "memo": memo,
        "expiry_s": expiry_s,
        "hints": [bolt.hint(HOP)] * hints,
    }
    other = bolt11.decode(made(key, currency="bcrt", **terms))
    ours = bolt.decode(made(key, **terms))
    assert other.payee == ours.payee == key.public_key.format().hex()
    assert (other.amount_msat or 0) == (ours.amount_msat or 0) == amount_msat
    assert other.description == ours.memo == memo
    assert other.payment_hash == ours.payment_hash.hex() == (b"h" * 32).hex()
    assert other.payment_secret == ours.payment_addr.hex() == (b"a" * 32).hex()
    assert other.date + other.expiry == ours.expires_at == NOW + expiry_s
    assert other.min_final_cltv_expiry == ours.min_final_cltv == 80
    assert ours.hints == ((HOP,),) * hints
    assert [hint.routes[0].short_channel_id for hint in other.route_hints] == ["700000x3x1"] * hints
    assert set(other.features.readable.items()) == {
        ("var_onion_optin", "required"),
        ("payment_secret", "required"),
        ("basic_mpp", "supported"),
        ("option_route_blinding", "supported"),
    }


@pytest.mark.parametrize(
    ("memo_bytes", "hints", "length"),
    [(0, 0, 260), (32, 0, 312), (100, 0, 420), (639, 0, 1283), (32, 20, 2012)],
)
def test_requests_are_as_long_as_those_of_lnd(memo_bytes: int, hints: int, length: int) -> None:
    terms = {"amount_msat": 123_000, "expiry_s": 86400, "memo": "m" * memo_bytes}
    request = made(PrivateKey(), hints=[bolt.hint(HOP)] * hints, currency="bc", **terms)
    assert request.startswith("lnbc1230n1")
    assert len(request) == length + len("1230n") - len("123n")


def test_what_is_not_a_payment_request_is_refused() -> None:
    good = made(PrivateKey(), amount_msat=1000)
    assert bolt.decode(good).amount_msat == 1000
    swapped = good[:-1] + ("q" if good[-1] != "q" else "p")
    for bad in (
        "",
        "lnsb1",
        "pizza",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        good[:50] + good[50:].upper(),
        swapped,
        good.replace("lnsb", "lnbc"),
        good[:-10],
        good[:40] + "b" + good[41:],
    ):
        with pytest.raises(bolt.RequestInvalid):
            bolt.decode(bad)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_text_makes_the_reader_of_requests_stumble(data: st.DataObject) -> None:
    good = made(PrivateKey(b"k" * 32), amount_msat=1000, hints=[bolt.hint(HOP)])
    groups = bytearray(bolt._checked("lnsb10n", good.rpartition("1")[2]))
    for _ in range(data.draw(st.integers(1, 3))):
        groups[data.draw(st.integers(0, len(groups) - 1))] = data.draw(st.integers(0, 31))
    cut = bytes(groups[: data.draw(st.integers(0, len(groups)))]) + bytes(104)
    text = (cut + bolt._checksum("lnsb10n", cut)).translate(bolt._GROUPS_TO_CHARSET).decode()
    with contextlib.suppress(bolt.RequestInvalid):
        bolt.decode(f"lnsb10n1{text}")
