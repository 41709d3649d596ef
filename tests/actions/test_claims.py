"""The code by which somebody claims a bot that nobody owns: drawn once, used once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.actions import Asker, claims
from bot.core.grants import Claiming, Granted
from bot.store import Store, Tx

ANNA, BEN = Asker(7, "Anna"), Asker(8, "Ben")
NOW = 1_800_000_000.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    yield store
    await store.close()


def code_of(tx: Tx) -> str:
    return tx.grants.code()


async def claimed(store: Store, code: str, by: Asker, *listed: int) -> Claiming:
    came_of_it, _ = await store.do(claims.claim, code, by, listed, NOW)
    return came_of_it


def test_a_code_has_128_bits_and_fits_a_link() -> None:
    codes = {claims.draw() for _ in range(100)}
    assert len(codes) == 100
    for code in codes:
        assert re.fullmatch(r"claim-[A-Za-z0-9_-]{22}", code)
    assert claims.link("some_bot", "claim-x") == "https://t.me/some_bot?start=claim-x"


async def test_a_code_is_drawn_once_and_kept_through_restarts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bot.db'}"
    codes = []
    for _ in range(3):
        store = await Store.open(url)
        codes.append(await store.do(claims.claim_code, drawn=claims.draw()))
        await store.close()
    assert len(set(codes)) == 1


async def test_of_two_people_with_the_code_one_owns_the_bot(store: Store) -> None:
    code = await store.do(claims.claim_code, drawn=claims.draw())
    assert await claimed(store, code, ANNA) is Claiming.CLAIMED
    assert await claimed(store, code, BEN) is Claiming.OWNED
    assert await claimed(store, code, ANNA) is Claiming.YOURS  # the same message again
    assert await store.do(claims.is_owned)


async def test_a_code_that_was_used_is_kept_nowhere(store: Store) -> None:
    code = await store.do(claims.claim_code, drawn=claims.draw())
    await claimed(store, code, ANNA)
    assert await store.do(code_of) == ""


@pytest.mark.parametrize("wrong", ["", "claim-", "claim-wrong", "\udcff", "claim-" + 22 * "a"])
async def test_a_wrong_code_makes_nobody_an_owner_and_keeps_the_right_one(
    store: Store, wrong: str
) -> None:
    code = await store.do(claims.claim_code, drawn=claims.draw())
    assert await claimed(store, wrong, BEN) is Claiming.WRONG
    assert await claimed(store, code, ANNA) is Claiming.CLAIMED


async def test_without_a_code_nothing_claims_the_bot(store: Store) -> None:
    assert await claimed(store, "", ANNA) is Claiming.WRONG
    assert not await store.do(claims.is_owned)


async def test_a_bot_that_the_settings_give_an_owner_cannot_be_claimed(store: Store) -> None:
    code = await store.do(claims.claim_code, drawn=claims.draw())
    assert await claimed(store, code, BEN, ANNA.id) is Claiming.OWNED
    _, granted = await store.do(claims.claim, code, ANNA, [ANNA.id], NOW)
    assert granted == Granted()


async def test_a_code_that_was_voided_is_drawn_anew(store: Store) -> None:
    before = await store.do(claims.claim_code, drawn=claims.draw())
    await store.do(claims.void_code)
    assert await claimed(store, before, BEN) is Claiming.WRONG
    after = await store.do(claims.claim_code, drawn=claims.draw())
    assert after != before
    assert await claimed(store, before, BEN) is Claiming.WRONG
    assert await claimed(store, after, ANNA) is Claiming.CLAIMED
