"""One row: found by what people know of it, added once, changed only where it is still so."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from bot.core.invoice import Columns, Face, Invoice, State
from bot.store import Store, Tx
from tests.store.made import ASKER, CHAT, NOW, columns, read, row


async def test_a_command_that_comes_again_meets_its_row(store: Store) -> None:
    first = await row(store, 1)
    command = columns(1, memo="other", payment_hash=b"x" * 32)
    again, is_new = await store.do(lambda tx: tx.invoices.add(**command))
    assert (again, is_new) == (first, False)


async def test_each_part_of_a_command_is_a_row_and_is_renewed_by_itself(store: Store) -> None:
    def renew(tx: Tx, old: Invoice, number: int) -> tuple[Invoice, bool]:
        made = columns(number, origin_message_id=old.origin_message_id)
        return tx.invoices.add(**{**made, "part": old.part, "renewal": old.renewal + 1})

    parts = [await row(store, 10 + part, origin_message_id=1, part=part) for part in range(3)]
    for number, part in enumerate(parts, 20):
        renewal, is_new = await store.do(renew, part, number)
        assert is_new
        assert (renewal.part, renewal.renewal) == (part.part, 1)
        assert await store.do(renew, part, number + 10) == (renewal, False)
        twice, is_new = await store.do(renew, renewal, number + 20)
        assert is_new
        assert (twice.part, twice.renewal) == (part.part, 2)
        at = (CHAT, 1, part.part)
        found = await store.do(lambda tx, at=at: [tx.invoices.by_origin(*at, n) for n in range(4)])
        assert found == [part, renewal, twice, None]


async def test_a_row_is_found_by_each_of_its_messages(store: Store) -> None:
    copies = {102: Face.NOTHING, 1103: Face.OPEN}
    mine = await row(store, 1, card_id=100, payment_request_id=101, duplicates=copies)
    await row(store, 2, card_id=200)
    await row(store, 3, chat_id=-9, card_id=100)

    async def found(message_id: int, chat_id: int = CHAT) -> int | None:
        there = await store.do(lambda tx: tx.invoices.by_message(chat_id, message_id))
        return there and there.id

    assert [await found(number) for number in (100, 101, 102, 1103, 1)] == [mine.id] * 5
    assert [await found(number) for number in (999, 2, 103)] == [None, 2, None]
    assert await found(101, chat_id=-9) is None


async def test_a_row_is_found_by_its_payment_hash(store: Store) -> None:
    mine = await row(store, 1)
    await row(store, 2)
    assert await store.do(lambda tx: tx.invoices.by_hash(mine.payment_hash)) == mine
    assert await store.do(lambda tx: tx.invoices.by_hash(b"?" * 32)) is None


async def test_the_question_that_a_message_answered_is_found(store: Store) -> None:
    mine = await row(store, 1, reply_to=50)
    await row(store, 2)
    assert await store.do(lambda tx: tx.invoices.answered(CHAT, 50)) == mine
    assert await store.do(lambda tx: tx.invoices.answered(CHAT, 2)) is None  # its own command
    assert await store.do(lambda tx: tx.invoices.answered(-9, 50)) is None


async def test_the_newest_question_of_this_person_in_this_place_is_found(store: Store) -> None:
    asking: Columns = {"state": State.ASKING, "amount_msat": None}
    await row(store, 1, **asking)
    newest = await row(store, 2, **asking)
    topic = await row(store, 3, thread_id=5, **asking)
    await row(store, 4, **{**asking, "asker_id": 8})
    await row(store, 5)

    async def question(thread_id: int | None, asker_id: int) -> Invoice | None:
        return await store.do(lambda tx: tx.invoices.question(CHAT, thread_id, asker_id))

    assert await question(None, ASKER) == newest
    assert await question(5, ASKER) == topic
    assert await question(None, 99) is None


async def test_a_row_is_there_only_if_it_is_still_so(store: Store) -> None:
    mine = await row(store, 1)

    async def still(row_id: int, expected: Columns) -> bool:
        return await store.do(lambda tx: tx.invoices.get_if(row_id, expected)) is not None

    assert await still(mine.id, {"state": State.PENDING, "chat_id": CHAT})
    assert not await still(mine.id, {"state": State.OPEN})
    assert not await still(999, {"state": State.PENDING})


async def test_a_row_is_updated_only_if_it_is_still_so(store: Store) -> None:
    mine = await row(store, 1)

    async def announced_if(row_id: int, expected: Columns) -> Invoice | None:
        return await store.do(lambda tx: tx.invoices.update_if(row_id, expected, announced=True))

    assert await announced_if(mine.id, {"state": State.OPEN}) is None
    assert await announced_if(mine.id, {"due_at": None}) is None
    assert await announced_if(999, {"state": State.PENDING}) is None
    assert await read(store, mine.id) == mine
    updated = await announced_if(mine.id, {"state": State.PENDING, "due_at": mine.due_at})
    assert updated == await read(store, mine.id)
    assert updated is not None
    assert updated.announced


async def test_an_update_changes_its_columns_only_and_returns_the_row(store: Store) -> None:
    mine = await row(store, 1)
    other = await row(store, 2)
    updated = await store.do(
        lambda tx: tx.invoices.update(mine.id, announced=True, card_shown=Face.PAID)
    )
    changed = {name for name, value in asdict(updated).items() if value != asdict(mine)[name]}
    assert changed == {"announced", "card_shown"}
    assert await read(store, mine.id) == updated
    assert await read(store, other.id) == other


async def test_an_update_of_no_row_is_an_error(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.do(lambda tx: tx.invoices.update(999, announced=True))


async def test_a_new_row_lacks_nothing_that_has_no_default(store: Store) -> None:
    for name in ("amount_msat", "payment_hash", "chat_id", "asked_at"):
        made = columns(1)
        del made[name]
        with pytest.raises(KeyError, match=name):
            await store.do(lambda tx, made=made: tx.invoices.add(**made))


async def test_what_somebody_asked_for_is_counted(store: Store) -> None:
    each: list[Columns] = [
        {"asked_at": NOW - 10},
        {"asked_at": NOW},
        {"asked_at": NOW + 5, "chat_id": -2},
        {"asked_at": NOW, "amount_msat": None, "state": State.ASKING},
        {"asked_at": NOW, "asker_id": 8, "state": State.OPEN},
        {"asked_at": NOW, "asker_id": 8, "state": State.EXPIRED},
    ]
    for number, changes in enumerate(each):
        await row(store, number, **changes)
    question = await store.do(lambda tx: tx.invoices.question(CHAT, None, ASKER))
    assert question is not None
    assert await store.do(lambda tx: tx.invoices.asked_since(ASKER, NOW)) == 3
    but_row = question.id
    assert await store.do(lambda tx: tx.invoices.asked_since(ASKER, NOW, but_row=but_row)) == 2
    assert await store.do(lambda tx: tx.invoices.asked_since(ASKER, NOW - 10)) == 4
    assert await store.do(lambda tx: tx.invoices.asked_since(ASKER, NOW, until=NOW + 4)) == 2
    assert await store.do(lambda tx: tx.invoices.open_in_chat(CHAT)) == 3
    assert await store.do(lambda tx: tx.invoices.open_in_chat(CHAT, of=ASKER)) == 2
    assert await store.do(lambda tx: tx.invoices.open_in_chat(CHAT, of=8)) == 1
