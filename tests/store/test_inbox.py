"""The inbox's statements: one row an update, each bot's own, and turns where very many wait."""

from __future__ import annotations

from bot.store import Delivered, Store, Tx
from bot.store.inbox import BATCH, CHATS, Batch

BOT, OTHER = 123, 456


def put(tx: Tx, bot_id: int, updates: list[Delivered], received_at: float = 0.0) -> None:
    for update in updates:
        tx.inbox.put(bot_id, update._replace(received_at=received_at))


def take(tx: Tx, after: int = 0, done: list[int] | None = None) -> Batch:
    return tx.inbox.next(BOT, done=done or [], after=after)


def count(tx: Tx) -> int:
    return tx.inbox.count()


def update(number: int, chat_id: int = 5, raw: str = "{}") -> Delivered:
    return Delivered(number, chat_id, raw, 0.0)


async def test_the_same_update_is_one_row_and_stays_as_it_came_first(store: Store) -> None:
    await store.do(put, BOT, [update(7, raw='{"a": 1}'), update(7, raw='{"a": 2}')])
    await store.do(put, BOT, [update(7, raw='{"a": 3}')])
    assert (await store.do(take)).updates == [update(7, raw='{"a": 1}')]


async def test_another_bots_updates_may_have_the_same_numbers(store: Store) -> None:
    await store.do(put, BOT, [update(7)])
    await store.do(put, OTHER, [update(7, chat_id=8), update(8)], 1000.0)
    assert (await store.do(take)).updates == [update(7)]
    assert (await store.do(take, done=[7])).updates == []
    assert await store.do(count) == 2


async def test_what_was_done_is_gone_and_the_rest_is_read_in_order(store: Store) -> None:
    await store.do(put, BOT, [update(number) for number in (9, 2, 5)])
    assert [each.update_id for each in (await store.do(take)).updates] == [2, 5, 9]
    assert [each.update_id for each in (await store.do(take, done=[2, 9])).updates] == [5]


async def test_a_late_copy_of_what_was_handled_goes_and_after_a_while_its_number_is_forgotten(
    store: Store,
) -> None:
    """A process that stood still writes it, after the one that had it was killed."""
    await store.do(put, BOT, [update(7), update(8)], 1000.0)
    await store.do(take, done=[7])
    await store.do(put, BOT, [update(7)], 2000.0)
    await store.do(put, OTHER, [update(7)], 2000.0)
    assert [each.update_id for each in (await store.do(take)).updates] == [8]
    assert await store.do(count) == 2  # that, and the other bot's own

    def prune(tx: Tx, before: float) -> None:
        tx.inbox.prune(BOT, before)

    await store.do(put, BOT, [update(7)], 2000.0)
    await store.do(prune, 1000.0)
    assert [each.update_id for each in (await store.do(take)).updates] == [8]
    await store.do(put, BOT, [update(7)], 2000.0)
    await store.do(prune, 1000.1)
    assert [each.update_id for each in (await store.do(take)).updates] == [7, 8]


async def test_where_very_many_wait_each_chat_has_its_turn_and_no_turn_is_missed(
    store: Store,
) -> None:
    chats = 3 * CHATS
    await store.do(put, BOT, [update(number, chat_id=-1) for number in range(10 * BATCH)])
    others = [update(10_000 + each, chat_id=100 * each) for each in range(1, chats)]
    await store.do(put, BOT, others)
    seen: set[int] = set()
    after = 0
    for _ in range(chats // CHATS + 1):
        batch = await store.do(take, after)
        assert len(batch.updates) <= BATCH
        assert batch.updates == sorted(batch.updates)
        seen |= {each.chat_id for each in batch.updates}
        after = batch.after
    assert len(seen) == chats


async def test_one_chat_alone_gets_whole_batches_wherever_its_turn_is(store: Store) -> None:
    await store.do(put, BOT, [update(number, chat_id=-7) for number in range(3 * BATCH)])
    for after in (-8, -7, 0, 2**62):
        batch = await store.do(take, after)
        assert [each.update_id for each in batch.updates] == list(range(BATCH))


async def test_as_many_as_wait_are_counted_and_no_other_bots(store: Store) -> None:
    def waiting(tx: Tx) -> int:
        return tx.inbox.waiting(BOT)

    await store.do(put, BOT, [update(number) for number in range(3 * BATCH)])
    await store.do(put, OTHER, [update(1)])
    assert await store.do(waiting) == 3 * BATCH
    assert not (await store.do(take)).is_all
    assert (await store.do(take, done=list(range(3 * BATCH - 2)))).is_all
    assert await store.do(waiting) == 2


async def test_any_text_and_any_number_comes_back_as_it_was(store: Store) -> None:
    odd = [
        update(2**63 - 1, chat_id=-(2**63), raw='{"text": "\\u0000 \\ud800"}'),
        update(1, chat_id=2**63 - 1, raw="{'); DROP TABLE inbox; --\u202e ⚡ %s :bot"),
        update(0),
    ]
    await store.do(put, BOT, odd)
    assert (await store.do(take)).updates == sorted(odd)
