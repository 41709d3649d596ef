"""Packing: a row is read as it was written, and compared as it was packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.failure import Failure
from bot.core.invoice import Audience, Columns, Face, Invoice, PartKind, State
from bot.core.work import Do, Lane
from bot.store import Store, Tx, rows
from bot.store.tables import invoices
from tests.store.made import columns, read, row

# neither what no encoding has, nor the one character that PostgreSQL's text can't hold
text_ = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=700)
big = st.integers(-(2**63), 2**63 - 1)
key = st.from_regex(r"[a-z]+(-[a-z]+)*", fullmatch=True)
number = st.floats(allow_nan=False, allow_infinity=False)
kinds: Mapping[Any, st.SearchStrategy[Any]] = {
    int: big,
    int | None: st.none() | big,
    str: text_,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    float | None: st.none() | st.floats(allow_nan=False),
    bytes: st.binary(min_size=32, max_size=32),
    bytes | None: st.none() | st.binary(max_size=32),
    State: st.sampled_from(State),
    Face: st.sampled_from(Face),
    Audience: st.sampled_from(Audience),
    PartKind: st.sampled_from(PartKind),
    Lane: st.sampled_from(Lane),
    Do | None: st.none() | st.sampled_from(Do),
    Mapping[int, bool]: st.dictionaries(big, st.booleans(), max_size=5),
    frozenset[Do]: st.frozensets(st.sampled_from(Do)),
    Mapping[int, Face]: st.dictionaries(big, st.sampled_from(Face), max_size=5),
    Failure | None: st.none()
    | st.builds(Failure, key, st.dictionaries(text_, text_ | big | number, max_size=3)),
}
HINTS = get_type_hints(Invoice)
any_columns = st.fixed_dictionaries(
    {each.name: kinds[HINTS[each.name]] for each in fields(Invoice) if each.name != "id"}
)


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=any_columns)
async def test_a_row_is_read_as_it_was_written_and_is_still_so(
    store: Store, values: Columns
) -> None:
    def job(tx: Tx) -> tuple[Invoice | None, ...]:
        tx.invoices._connection.execute(sa.delete(invoices))
        added, _ = tx.invoices.add(**values)
        updated = tx.invoices.update_if(added.id, values, **values)
        return tx.invoices.get(added.id), tx.invoices.get_if(added.id, values), added, updated

    found = await store.do(job)
    for each in found:
        assert each is not None
        assert {name: getattr(each, name) for name in values} == values
    kinds_of = {name: type(getattr(found[0], name)) for name in values}
    assert kinds_of == {name: type(value) for name, value in values.items()}


async def test_a_character_that_no_database_needs_loses_no_command(
    store: Store, database_kind: str
) -> None:
    added = await row(store, memo="pi\0zza", asker_name="\0")
    memo = "pi\0zza" if database_kind == "sqlite" else "pi\N{REPLACEMENT CHARACTER}zza"
    assert (added.memo, await read(store, added.id)) == (memo, added)


PACKED: list[tuple[Columns, object]] = [
    ({"state": State.OPEN}, "open"),
    ({"card_shown": Face.NOTHING}, ""),
    ({"card_shown": Face.EXPIRED_REPLACED}, "expired-replaced"),
    ({"announce_to": Audience.CHAT}, ""),
    ({"announce_to": Audience.OWNERS}, "owners"),
    ({"part_kind": PartKind.OWN}, ""),
    ({"part_kind": PartKind.GIFT}, "gift"),
    ({"lane": Lane.UNREACHABLE}, 9),
    ({"tried": None}, ""),
    ({"tried": Do.EDIT_DUPLICATE}, "edit duplicate"),
    ({"sending": None}, ""),
    ({"sending": Do.ANNOUNCE}, "announce"),
    ({"unsure": frozenset()}, ""),
    ({"unsure": frozenset({Do.SEND_CARD, Do.ANNOUNCE})}, "announce,send card"),
    ({"duplicates": {}}, ""),
    ({"duplicates": {102: Face.OPEN, 103: Face.NOTHING}}, "102:open 103:"),
    ({"failure": None}, ""),
    ({"failure": Failure("node-locked")}, "node-locked"),
    ({"failure": Failure("memo-refused", {"size_bytes": 700})}, 'memo-refused {"size_bytes":700}'),
    ({"due_at": None}, None),
    ({"memo": ""}, ""),
]


@pytest.mark.parametrize(("column", "kept"), PACKED)
async def test_what_no_database_has_a_type_for_is_kept_as_text(
    store: Store, column: Columns, kept: object
) -> None:
    mine = await row(store, 1, **column)
    (name,) = column

    def job(tx: Tx) -> object:
        found = tx.invoices._connection.execute(sa.select(invoices.c[name]))
        return found.scalar_one()

    assert await store.do(job) == kept
    assert {name: getattr(await read(store, mine.id), name)} == column


OTHERS: list[tuple[Columns, Columns]] = [
    ({"state": State.OPEN}, {"state": State.SETTLED}),
    ({"card_shown": Face.NOTHING}, {"card_shown": Face.OPEN}),
    ({"announce_to": Audience.CHAT}, {"announce_to": Audience.ASKER}),
    ({"part_kind": PartKind.OWN}, {"part_kind": PartKind.OTHERS}),
    ({"lane": Lane.PAYMENT}, {"lane": Lane.COMMAND}),
    ({"tried": None}, {"tried": Do.ADD}),
    ({"unsure": frozenset({Do.SEND_CARD})}, {"unsure": frozenset({Do.SEND_CARD, Do.ANNOUNCE})}),
    ({"duplicates": {102: Face.OPEN}}, {"duplicates": {102: Face.PAID}}),
    ({"failure": None}, {"failure": Failure("node-locked")}),
    ({"due_at": None}, {"due_at": 1.0}),
]


@pytest.mark.parametrize(("mine", "other"), OTHERS + [(b, a) for a, b in OTHERS])
async def test_what_is_expected_is_packed_as_what_is_written(
    store: Store, mine: Columns, other: Columns
) -> None:
    there = await row(store, 1, **mine)

    def job(tx: Tx, expected: Columns) -> tuple[bool, bool]:
        found = tx.invoices.get_if(there.id, expected)
        updated = tx.invoices.update_if(there.id, expected, memo="changed")
        return found is not None, updated is not None

    assert await store.do(job, other) == (False, False)
    assert await store.do(job, mine) == (True, True)


async def test_a_new_row_has_the_defaults_of_the_code(store: Store) -> None:
    mine = await row(store, 1)
    assert mine == Invoice(id=mine.id, **columns(1))


@pytest.mark.parametrize("hint", [dict[str, int], int | str, complex])
def test_a_column_of_a_type_that_nobody_packs_is_refused(
    monkeypatch: pytest.MonkeyPatch, hint: object
) -> None:
    monkeypatch.setitem(rows.INVOICES._hints, "memo", hint)
    with pytest.raises(TypeError, match="memo"):
        rows.kept_as("memo")
