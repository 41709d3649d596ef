"""What was said is not said again too soon, and no picture is uploaded twice."""

from __future__ import annotations

from bot.store import Store
from tests.store.made import NOW


async def test_a_hint_is_said_again_only_after_its_time(store: Store) -> None:
    async def claim(now: float, kind: str = "late", subject: int = 1) -> bool:
        return await store.do(lambda tx: tx.memory.claim_hint(kind, subject, now=now, every_s=60))

    claimed = [await claim(NOW + after_s) for after_s in (0, 1, 59, 60, 61, 120)]
    assert claimed == [True, False, False, True, False, True]
    assert await claim(NOW, "stranger")
    assert await claim(NOW, subject=2)
    # the clock was far ahead when it was said last
    assert await claim(NOW - 5000)
    assert not await claim(NOW - 4990)
    await store.do(lambda tx: tx.memory.prune_hints(NOW - 4000))
    assert await claim(NOW - 4989)


async def test_what_is_kept_for_a_day_goes_by_how_its_kind_begins(store: Store) -> None:
    for kind in ("press 1", "press 2", "press_", "pressed"):
        await store.do(lambda tx, k=kind: tx.memory.claim_hint(k, 1, now=NOW, every_s=60))
    await store.do(lambda tx: tx.memory.claim_hint("press 3", 1, now=NOW + 10, every_s=60))
    await store.do(lambda tx: tx.memory.prune_kinds("press ", NOW + 5))
    for kind, is_kept in (("press 1", 0), ("press 2", 0), ("press 3", 1), ("press_", 1)):
        assert await store.do(lambda tx, k=kind: tx.memory.was_said(k, 1)) == is_kept


async def test_a_pictures_number_is_remembered_exchanged_and_forgotten(store: Store) -> None:
    for file_id in ("one", "two", None, "three"):
        await store.do(lambda tx, file_id=file_id: tx.memory.set_picture("paid", file_id))
        assert await store.do(lambda tx: tx.memory.picture("paid")) == file_id
    assert await store.do(lambda tx: tx.memory.picture("expired")) is None
