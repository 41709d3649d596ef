"""What the database keeps of a row, and the row again: values are packed here.

Only a failure packs itself.

A column is a field of `core.invoice.Invoice`, `core.board.Board`, `Seat` or
`core.occasions.Occasion`: the one list of them.
What no database has a type for is kept as text: an enum by its value, "" for none, several steps
with commas between, people as "7 8?", copies of a card as "102:open 103:". Knows no SQL.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from enum import Enum
from types import NoneType
from typing import Any, Generic, NamedTuple, TypeVar, Unpack, get_args, get_type_hints

from bot.core import failure
from bot.core.board import Board, BoardKind, BoardState, Seat
from bot.core.failure import Failure
from bot.core.invoice import Audience, Columns, Face, Invoice, PartKind, State
from bot.core.notices import Kind
from bot.core.occasions import Occasion, Stage
from bot.core.work import Do, Lane

T = TypeVar("T")


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


def _packed_counts(counts: Mapping[Do, int]) -> str:
    return ",".join(f"{do}:{count}" for do, count in sorted(counts.items()))


def _counts(text: str) -> dict[Do, int]:
    pairs = (each.split(":") for each in text.split(",")) if text else ()
    return {Do(do): int(count) for do, count in pairs}


def _packed_people(people: Mapping[int, bool]) -> str:
    return " ".join(f"{person}{'' if surely else '?'}" for person, surely in people.items())


def _people(text: str) -> dict[int, bool]:
    return {int(each.rstrip("?")): not each.endswith("?") for each in text.split()}


def _packed_copies(copies: Mapping[int, str]) -> str:
    return " ".join(f"{number}:{shown}" for number, shown in copies.items())


def _copies(text: str) -> dict[int, Face]:
    pairs = (each.split(":") for each in text.split())
    return {int(number): Face(shown) for number, shown in pairs} if text else {}


def _copies_of_boards(text: str) -> dict[int, str]:
    pairs = (each.split(":") for each in text.split())
    return {int(number): shown for number, shown in pairs}


_DO_OR_NONE = {"": None, **{str(do): do for do in Do}}
_PACKINGS: Mapping[Any, Packing] = {
    State: Packing(str, str, _by_value(State)),
    BoardState: Packing(str, str, _by_value(BoardState)),
    BoardKind: Packing(str, str, _by_value(BoardKind)),
    PartKind: Packing(str, str, _by_value(PartKind)),
    Face: Packing(str, str, _by_value(Face)),
    Audience: Packing(str, str, _by_value(Audience)),
    Kind: Packing(str, str, _by_value(Kind)),
    Stage: Packing(str, str, _by_value(Stage)),
    Lane: Packing(int, int, _by_value(Lane)),
    Do | None: Packing(str, lambda do: str(do or ""), _DO_OR_NONE.__getitem__),
    frozenset[Do]: Packing(str, _packed_steps, _steps),
    Mapping[Do, int]: Packing(str, _packed_counts, _counts),
    Mapping[int, bool]: Packing(str, _packed_people, _people),
    Mapping[int, Face]: Packing(str, _packed_copies, _copies),
    Mapping[int, str]: Packing(str, _packed_copies, _copies_of_boards),
    Failure | None: Packing(str, failure.packed, failure.unpacked),
}
_PLAIN = (int, float, bool, str, bytes)


class Kept(Generic[T]):
    """How the fields of one kind of row are kept, but for those that other tables have."""

    def __init__(self, kind: type[T], *, but: Collection[str] = ()) -> None:
        here: Any = kind
        self._kind = kind
        self._hints = get_type_hints(kind)
        self._fields = [each for each in fields(here) if each.name not in but]
        #: The names of all columns, in the order in which they are read.
        self.columns = tuple(each.name for each in self._fields)
        self._packings = {
            name: _PACKINGS[self._hints[name]]
            for name in self.columns
            if self._hints[name] in _PACKINGS
        }
        self._unpackings = [(name, each.unpack) for name, each in self._packings.items()]
        #: What is kept where a new row says nothing.
        self.defaults = self._defaults()

    def kept_as(self, name: str) -> tuple[type, bool]:
        """The type that a column is kept as, and whether it may be empty.

        Raises `TypeError` for a field of a type that nobody packs.
        """
        if name in self._packings:
            return self._packings[name].kept_as, False
        hint = self._hints[name]
        kinds = [each for each in get_args(hint) or (hint,) if each is not NoneType]
        if len(kinds) != 1 or kinds[0] not in _PLAIN:
            raise TypeError(f"{name}: no packing for {hint}")
        return kinds[0], NoneType in get_args(hint)

    def packed(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Columns as they are kept."""
        return {
            name: self._packings[name].pack(value) if name in self._packings else value
            for name, value in columns.items()
        }

    def unpacked(self, kept: Sequence[Any], **others: Any) -> T:
        """The row whose `columns` are kept like this."""
        values = dict(zip(self.columns, kept, strict=True))
        for name, unpack in self._unpackings:
            values[name] = unpack(values[name])
        return self._kind(**values, **others)

    def _defaults(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for each in self._fields:
            if each.default is not MISSING:
                given[each.name] = each.default
            elif each.default_factory is not MISSING:
                given[each.name] = each.default_factory()
        return self.packed(given)


INVOICES = Kept(Invoice)
BOARDS = Kept(Board, but=["seats"])
#: Beside the board's number, which only the table has.
SEATS = Kept(Seat, but=["part", "others"])
OCCASIONS = Kept(Occasion)

COLUMNS = INVOICES.columns
DEFAULTS = INVOICES.defaults
kept_as = INVOICES.kept_as


def packed(**columns: Unpack[Columns]) -> dict[str, Any]:
    """An invoice's columns as they are kept."""
    return INVOICES.packed(columns)


def unpacked(kept: Sequence[Any]) -> Invoice:
    """The invoice whose `COLUMNS` are kept like this."""
    return INVOICES.unpacked(kept)


@functools.lru_cache(maxsize=256)
def unpacked_before(kept: tuple[Any, ...]) -> Invoice:
    """The same of rows that are read again and again, as they were selected.

    A board is read at each event with all its parts, of which one has changed: to unpack a row
    costs ten times as much as to find that it was unpacked.
    """
    return INVOICES.unpacked(kept)
