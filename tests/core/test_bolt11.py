"""Payment requests as the bot reads them: what other libraries and the specification say."""

from __future__ import annotations

import hashlib

import bolt11 as reference
import pytest
from coincurve import PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core import bolt11
from bot.core.bolt11 import Terms
from bot.demo.node import bolt

KEY = PrivateKey(b"k" * 32)
HASH = hashlib.sha256(b"a preimage").digest()
BTC_MSAT = 100_000_000_000

# from BOLT 11's examples
SPECIFIED_HASH = bytes.fromhex("0001020304050607080900010203040506070809000102030405060708090102")
ANY_AMOUNT = (
    "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcy"
    "q5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9"
    "qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcws"
    "pyetp5h2tztugp9lfyql"
)
COFFEE = (
    "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqs"
    "yqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdl"
    "a2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
)


def made(
    amount_msat: int,
    *,
    memo: str = "pizza",
    hints: int = 0,
    currency: str = "sb",
    created_at: int = 1_790_000_000,
    expiry_s: int = 3600,
) -> str:
    hop = bolt.hint(bolt.Hop(pubkey=b"\x02" * 33, channel_id=7))
    return bolt.encode(
        KEY,
        payment_hash=HASH,
        payment_addr=b"a" * 32,
        amount_msat=amount_msat,
        created_at=created_at,
        expiry_s=expiry_s,
        memo=memo,
        hints=[hop] * hints,
        currency=currency,
    )


@pytest.mark.parametrize(
    ("text", "amount_msat", "expiry_s"),
    [(ANY_AMOUNT, 0, 3600), (COFFEE, 250_000_000, 60)],
    ids=["any", "coffee"],
)
def test_the_specifications_examples_are_read(text: str, amount_msat: int, expiry_s: int) -> None:
    assert bolt11.read(text) == Terms(amount_msat, SPECIFIED_HASH, 1_496_314_658, expiry_s)


@settings(max_examples=30, deadline=None)
@given(
    amount_msat=st.one_of(st.just(0), st.integers(1, 21_000_000 * BTC_MSAT)),
    memo=st.text(max_size=80),
    hints=st.integers(0, 3),
    currency=st.sampled_from(["bc", "tb", "tbs", "bcrt"]),
    created_at=st.integers(1, 2**35 - 1),
    expiry_s=st.integers(1, 2**32),
)
@example(
    amount_msat=1_000_000_000_000_000_001,
    memo="",
    hints=0,
    currency="bc",
    created_at=2**35 - 1,
    expiry_s=1,
)
def test_every_request_is_read_as_another_library_reads_it(
    amount_msat: int, memo: str, hints: int, currency: str, created_at: int, expiry_s: int
) -> None:
    text = made(
        amount_msat,
        memo=memo,
        hints=hints,
        currency=currency,
        created_at=created_at,
        expiry_s=expiry_s,
    )
    other = reference.decode(text)
    assert bolt11.read(text) == Terms(
        int(other.amount_msat or 0), bytes.fromhex(other.payment_hash), other.date, other.expiry
    )


@settings(max_examples=30, deadline=None)
@given(place=st.integers(0, 200), letter=st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l1b "))
def test_no_letter_of_it_can_be_another_one(place: int, letter: str) -> None:
    text = made(777_000)
    changed = text[:place] + letter + text[place + 1 :]
    if changed == text:
        return
    with pytest.raises(ValueError):  # noqa: PT011 -- its words are for the log
        bolt11.read(changed)


def with_checksum(prefix: str, groups: bytes) -> str:
    groups += bolt._checksum(prefix, groups)
    return f"{prefix}1{groups.translate(bolt._GROUPS_TO_CHARSET).decode()}"


def signed(prefix: str, *fields: bytes) -> str:
    return with_checksum(prefix, bytes(7) + b"".join(fields) + bytes(104))


PAYMENT_HASH = bolt._field("p", bolt._grouped(HASH))
TWO_HOURS = bolt._field("x", bolt._number(7200))


def test_parts_of_a_payment_request_are_put_together_right() -> None:
    assert bolt11.read(signed("lnsb10n", PAYMENT_HASH)) == Terms(1000, HASH, 0, 3600)
    other_length = bolt._field("p", bytes(51))
    assert bolt11.read(signed("lnsb", other_length, PAYMENT_HASH)) == Terms(0, HASH, 0, 3600)
    assert bolt11.read(signed("lnsb", TWO_HOURS, PAYMENT_HASH)) == Terms(0, HASH, 0, 7200)
    padded = bolt._field("x", bytes(5) + bolt._number(7200))
    assert bolt11.read(signed("lnsb", PAYMENT_HASH, padded)) == Terms(0, HASH, 0, 7200)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "pizza",
        "lnsb1",
        "lnsb" + "1" * 50_000,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        made(1000).upper(),
        "lightning:" + made(1000),
        made(1000) + "é",
        signed("lnsb"),
        signed("lnsb", PAYMENT_HASH, PAYMENT_HASH),
        signed("lnsb", PAYMENT_HASH[:-1]),
        signed("lnsb", PAYMENT_HASH, b"\1"),
        signed("lnsb", PAYMENT_HASH, TWO_HOURS, TWO_HOURS),
        signed("lnsb11p", PAYMENT_HASH),
        signed("lnsb010n", PAYMENT_HASH),
        signed("lnsb0n", PAYMENT_HASH),
        signed("lnsb10k", PAYMENT_HASH),
        signed("lnsb" + "9" * 5000 + "p", PAYMENT_HASH),
        signed("lnsb", PAYMENT_HASH, bolt._field("d", bytes(1000)) * 9),
        with_checksum("lnsb", b"\1" * 20),
    ],
)
def test_what_is_no_payment_request_for_one_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- its words are for the log
        bolt11.read(text)
