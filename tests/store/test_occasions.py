"""Occasions are kept once, whoever sees them how often, and say who has read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.invoice import State
from bot.core.notices import Kind, Notice
from bot.core.occasions import Occasion, Stage
from bot.store import Store, ToTell
from tests.store.made import NOW, columns

ANNA, BERT = 7, 8


async def begin(store: Store, notice: Notice, after_s: float = 0) -> bool:
    return await store.do(lambda tx: tx.occasions.begin(notice, NOW + after_s))


async def end(store: Store, kind: Kind, subject: str = "", after_s: float = 0) -> None:
    await store.do(lambda tx: tx.occasions.end(kind, subject, NOW + after_s))


async def enter(store: Store, occasion: Occasion, stage: Stage) -> None:
    await store.do(lambda tx: tx.occasions.enter([(occasion, stage)]))


async def to_tell(store: Store) -> ToTell:
    return await store.do(lambda tx: tx.occasions.to_tell())


async def left(store: Store) -> Sequence[Occasion]:
    return (await to_tell(store)).occasions


async def test_what_lasts_begins_and_ends_once(store: Store) -> None:
    assert await begin(store, Notice(Kind.NODE_AWAY, began_at=NOW - 300, why="x"))
    assert not await begin(store, Notice(Kind.NODE_AWAY), 60)
    (one,) = await left(store)
    assert (one.began_at, one.seen_at, one.ended_at, one.why) == (NOW - 300, NOW + 60, 0, "x")
    assert await store.do(lambda tx: tx.occasions.lasting()) == {(Kind.NODE_AWAY, "")}
    await end(store, Kind.NODE_AWAY, after_s=90)
    await end(store, Kind.NODE_AWAY, after_s=900)
    (one,) = await left(store)
    assert one.ended_at == NOW + 90
    assert await store.do(lambda tx: tx.occasions.lasting()) == set()


async def test_what_goes_on_before_its_end_was_told_has_not_ended(store: Store) -> None:
    await begin(store, Notice(Kind.NODE_AWAY))
    await end(store, Kind.NODE_AWAY)
    assert not await begin(store, Notice(Kind.NODE_AWAY), 60)
    (one,) = await left(store)
    assert one.ended_at == 0


async def test_another_subject_is_another_occasion_and_nobody_will_see_the_first_one_end(
    store: Store,
) -> None:
    for subject in ("one", "two"):
        assert await begin(store, Notice(Kind.NOT_SYNCED, subject=subject))
    await end(store, Kind.NOT_SYNCED, "two")
    (one,) = await left(store)
    assert (one.subject, one.ended_at) == ("two", NOW)


async def test_what_happened_to_a_row_is_kept_once_and_names_it(store: Store) -> None:
    row, _ = await store.do(lambda tx: tx.invoices.add(**columns(1, state=State.OPEN)))
    notice = Notice(Kind.CARD_REFUSED, why="no", invoice=row)
    assert [await begin(store, notice, at) for at in (0, 1, 1e8)] == [True, False, False]
    read = await to_tell(store)
    assert read.invoices == {row.id: row}
    (one,) = read.occasions
    await enter(store, one, Stage.CLOSED)
    assert not await begin(store, notice, 1e8)
    assert await left(store) == []


async def test_it_is_known_who_may_have_read_of_it_and_who_surely_has(store: Store) -> None:
    await begin(store, Notice(Kind.NODE_AWAY))
    (one,) = await left(store)
    assert await store.do(lambda tx: tx.occasions.will_tell([one], ANNA))
    (one,) = await left(store)
    assert (one.people, one.told_at) == ({ANNA: False}, 0)
    assert await store.do(lambda tx: tx.occasions.will_tell([one], BERT))
    await store.do(lambda tx: tx.occasions.have_told([one], ANNA, NOW + 5))
    await store.do(lambda tx: tx.occasions.have_not_told([one], BERT))
    (one,) = await left(store)
    assert (one.people, one.told_at) == ({ANNA: True}, NOW + 5)
    await enter(store, one, Stage.LASTING)
    (one,) = await left(store)
    assert (one.stage, one.people, one.told_at) == (Stage.LASTING, {}, NOW + 5)


async def test_what_an_earlier_try_may_have_left_stays_unsure(store: Store) -> None:
    await begin(store, Notice(Kind.NODE_AWAY))
    (one,) = await left(store)
    await store.do(lambda tx: tx.occasions.will_tell([one], ANNA))
    (again,) = await left(store)
    await store.do(lambda tx: tx.occasions.will_tell([again], ANNA))
    await store.do(lambda tx: tx.occasions.have_not_told([again], ANNA))
    (one,) = await left(store)
    assert one.people == {ANNA: False}


async def test_an_end_that_is_none_any_longer_is_told_to_nobody(store: Store) -> None:
    await begin(store, Notice(Kind.NODE_AWAY))
    (one,) = await left(store)
    await enter(store, one, Stage.LASTING)
    await end(store, Kind.NODE_AWAY)
    (ended,) = await left(store)
    await begin(store, Notice(Kind.NODE_AWAY))
    assert not await store.do(lambda tx: tx.occasions.will_tell([ended], ANNA))
    gone = replace(ended, id=999)
    assert not await store.do(lambda tx: tx.occasions.will_tell([gone], ANNA))
    (one,) = await left(store)
    assert (one.people, one.ended_at) == ({}, 0)


async def test_it_is_known_when_a_kind_was_told_and_how_many_were_missed_since(
    store: Store,
) -> None:
    for number, was_told in enumerate([True, False, False]):
        await begin(store, Notice(Kind.NODE_AWAY), 100 * number)
        (one,) = await left(store)
        if was_told:
            await store.do(lambda tx, one=one: tx.occasions.have_told([one], ANNA, NOW + 5))
        await end(store, Kind.NODE_AWAY, after_s=100 * number + 50)
        await enter(store, one, Stage.CLOSED)
    await begin(store, Notice(Kind.NODE_AWAY), 400)
    read = await to_tell(store)
    assert (read.told, read.missed) == ({Kind.NODE_AWAY: NOW + 5}, {Kind.NODE_AWAY: 2})


async def test_what_was_closed_long_ago_is_forgotten(store: Store) -> None:
    for kind in (Kind.STUCK, Kind.OTHER_COPY, Kind.NODE_AWAY):
        await begin(store, Notice(kind))
    stuck, copy, _ = await left(store)
    for each in (stuck, copy):
        await enter(store, each, Stage.CLOSED)
    await begin(store, Notice(Kind.STUCK), 500)
    await store.do(lambda tx: tx.occasions.prune(NOW + 100))
    assert not await begin(store, Notice(Kind.STUCK), 600)
    assert await begin(store, Notice(Kind.OTHER_COPY), 600)
    assert not await begin(store, Notice(Kind.NODE_AWAY), 600)


async def test_of_many_that_nobody_has_read_of_one_invoice_is_read(store: Store) -> None:
    rows = []
    for number in (1, 2, 3):
        row, _ = await store.do(
            lambda tx, number=number: tx.invoices.add(**columns(number, state=State.OPEN))
        )
        await begin(store, Notice(Kind.INBOUND_TOO_LITTLE, invoice=row))
        rows.append(row)
    read = await to_tell(store)
    assert list(read.invoices) == [rows[2].id]
    await store.do(lambda tx: tx.occasions.will_tell(read.occasions[:2], ANNA))
    assert sorted((await to_tell(store)).invoices) == [rows[1].id, rows[2].id]
