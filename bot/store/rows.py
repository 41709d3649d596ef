"""What the database keeps of a row, and the row again: values are packed here.

Only a failure packs itself.

A column is a field of `core.invoice.Invoice`, the one list of them. What no database has a type
for is kept as text: an enum by its value, "" for none, several steps with commas between, people
as "7 8?", copies of a card as "102:open 103:". Knows no SQL.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from enum import Enum
from types import NoneType
from typing import Any, NamedTuple, Unpack, get_args, get_type_hints

from bot.core import failure
from bot.core.failure import Failure
from bot.core.invoice import Audience, Columns, Face, Invoice, State
from bot.core.work import Do, Lane


class Packing(NamedTuple):
    """How values of one type are kept: as which type, and the way there and back."""

    kept_as: type
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def _by_value(kind: type[Enum]) -> Callable[[Any], Any]:
    # A lookup in a dict: asking the enum takes five times as long, in each column of each row.
    return {each.value: each for each in kind}.__getitem__


def _packed_steps(steps: frozenset[Do]) -> str:
    return ",".join(sorted(steps))


@functools.lru_cache(maxsize=256)
def _steps(text: str) -> frozenset[Do]:
    return frozenset(map(Do, text.split(","))) if text else frozenset()


def _packed_people(people: Mapping[int, bool]) -> str:
    return " ".join(f"{person}{'' if surely else '?'}" for person, surely in people.items())


def _people(text: str) -> dict[int, bool]:
    return {int(each.rstrip("?")): not each.endswith("?") for each in text.split()}


def _packed_copies(copies: Mapping[int, Face]) -> str:
    return " ".join(f"{number}:{shown}" for number, shown in copies.items())


def _copies(text: str) -> dict[int, Face]:
    pairs = (each.split(":") for each in text.split())
    return {int(number): Face(shown) for number, shown in pairs} if text else {}


_DO_OR_NONE = {"": None, **{str(do): do for do in Do}}
_PACKINGS: Mapping[Any, Packing] = {
    State: Packing(str, str, _by_value(State)),
    Face: Packing(str, str, _by_value(Face)),
    Audience: Packing(str, str, _by_value(Audience)),
    Lane: Packing(int, int, _by_value(Lane)),
    Do | None: Packing(str, lambda do: str(do or ""), _DO_OR_NONE.__getitem__),
    frozenset[Do]: Packing(str, _packed_steps, _steps),
    Mapping[int, bool]: Packing(str, _packed_people, _people),
    Mapping[int, Face]: Packing(str, _packed_copies, _copies),
    Failure | None: Packing(str, failure.packed, failure.unpacked),
}
_PLAIN = (int, float, bool, str, bytes)

_HINTS = get_type_hints(Invoice)
#: The names of all columns, in the order in which they are read.
COLUMNS = tuple(each.name for each in fields(Invoice))
_PACKED = {name: _PACKINGS[_HINTS[name]] for name in COLUMNS if _HINTS[name] in _PACKINGS}
_UNPACK = [(name, packing.unpack) for name, packing in _PACKED.items()]


def kept_as(name: str) -> tuple[type, bool]:
    """The type that a column is kept as, and whether it may be empty.

    Raises `TypeError` for a field of a type that nobody packs.
    """
    if name in _PACKED:
        return _PACKED[name].kept_as, False
    hint = _HINTS[name]
    kinds = [each for each in get_args(hint) or (hint,) if each is not NoneType]
    if len(kinds) != 1 or kinds[0] not in _PLAIN:
        raise TypeError(f"{name}: no packing for {hint}")
    return kinds[0], NoneType in get_args(hint)


def packed(**columns: Unpack[Columns]) -> dict[str, Any]:
    """Columns as they are kept."""
    return _pack(columns)


def unpacked(kept: Sequence[Any]) -> Invoice:
    """The row whose `COLUMNS` are kept like this."""
    values = dict(zip(COLUMNS, kept, strict=True))
    for name, unpack in _UNPACK:
        values[name] = unpack(values[name])
    return Invoice(**values)


def _pack(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _PACKED[name].pack(value) if name in _PACKED else value
        for name, value in columns.items()
    }


def _defaults() -> dict[str, Any]:
    given = {each.name: each.default for each in fields(Invoice) if each.default is not MISSING}
    for each in fields(Invoice):
        if each.default_factory is not MISSING:
            given[each.name] = each.default_factory()
    return _pack(given)


#: What is kept where a new row says nothing.
DEFAULTS = _defaults()
