"""Occasions: what the owners should know. Each begins and ends once, whoever sees it how often."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core.invoice import Invoice
from bot.core.notices import Kind, Notice
from bot.core.occasions import RULES, Occasion, Stage, begun, is_same
from bot.store.invoices import Invoices
from bot.store.noun import Noun
from bot.store.rows import OCCASIONS
from bot.store.tables import occasions

_o = occasions.c
_ROWS = sa.select(*(_o[name] for name in OCCASIONS.columns))
#: Spelled out, as the index for it says it.
_TO_TELL = _o.stage != sa.literal_column("'closed'")
_LASTING = [kind.value for kind, rule in RULES.items() if rule.lasts]


class ToTell(NamedTuple):
    """What is not closed, the oldest first, and what the notices of it need.

    `told`: when a beginning of each kind was told last; `missed`: how many of each kind were over
    since then before anybody was told; `invoices`: those that are named, by number.
    """

    occasions: list[Occasion]
    told: dict[Kind, float]
    missed: dict[Kind, int]
    invoices: dict[int, Invoice]


class Occasions(Noun):
    """Occasions, by number. Times in Unix seconds."""

    def __init__(self, connection: Connection, rows: Invoices) -> None:
        super().__init__(connection)
        self._rows = rows

    def begin(self, notice: Notice, now: float) -> bool:
        """This is so now; whether that is another occasion than those that are known."""
        new = begun(notice, now)
        here = (_o.kind == new.kind.value) & (_o.subject == new.subject)
        last = self._found(_ROWS.where(here).order_by(_o.id.desc()).limit(1))
        if last and is_same(last[0], now):
            self._set(last[0].id, seen_at=now, ended_at=0.0)
            return False
        kept = OCCASIONS.packed({name: getattr(new, name) for name in OCCASIONS.columns})
        del kept["id"]
        self._connection.execute(sa.insert(occasions).values(**kept))
        return True

    def end(self, kind: Kind, subject: str, now: float) -> None:
        """It is over. What lasts of another subject nobody will see end: it is closed."""
        lasts = (_o.kind == kind.value) & _TO_TELL & (_o.ended_at == 0)
        ended = sa.update(occasions).where(lasts, _o.subject == subject)
        self._connection.execute(ended.values(ended_at=now))
        others = sa.update(occasions).where(lasts, _o.subject != subject)
        self._connection.execute(others.values(ended_at=now, stage=Stage.CLOSED.value))

    def lasting(self) -> set[tuple[Kind, str]]:
        """The kind and subject of each that lasts."""
        lasts = _TO_TELL & (_o.ended_at == 0) & _o.kind.in_(_LASTING)
        found = self._connection.execute(sa.select(_o.kind, _o.subject).where(lasts))
        return {(Kind(kind), subject) for kind, subject in found}

    def to_tell(self) -> ToTell:
        """What there is to tell, now or later."""
        found = self._found(_ROWS.where(_TO_TELL).order_by(_o.id))
        kinds = {each.kind for each in found if each.stage is Stage.BEGINNING}
        told = {kind: at for kind in kinds if (at := self._told_at(kind)) is not None}
        missed = {kind: self._missed(kind, at) for kind, at in told.items() if RULES[kind].lasts}
        # A notice names the newest that its reader has not read of: of many, few are read.
        newest = {(each.kind, *each.people.items()): each.invoice_id for each in found}
        invoices = {number: row for number in newest.values() if (row := self._rows.get(number))}
        return ToTell(found, told, missed, invoices)

    def will_tell(self, these: Collection[Occasion], person: int) -> bool:
        """This person may read in a moment what there is to tell of these.

        False, and nothing is written, where one of them is no longer as it was read.
        """
        found = self._now(these)
        if len(found) < len(these):
            return False
        for each in found:
            self._set(each.id, people={**each.people, person: False})
        return True

    def have_told(self, these: Collection[Occasion], person: int, now: float) -> None:
        """This person surely read it."""
        for each in self._now(these):
            self._set(each.id, people={**each.people, person: True})
            if each.stage is Stage.BEGINNING and not each.told_at:
                self._set(each.id, told_at=now)

    def have_not_told(self, these: Collection[Occasion], person: int) -> None:
        """This person surely has not read it: only what an earlier try may have left stays so."""
        for each in self._now([each for each in these if person not in each.people]):
            left = {who: surely for who, surely in each.people.items() if who != person}
            self._set(each.id, people=left)

    def enter(self, stages: Iterable[tuple[Occasion, Stage]]) -> None:
        """These are in these stages now, of which nobody has read anything."""
        for occasion, stage in stages:
            self._set(occasion.id, stage=stage, people={})

    def prune(self, before: float) -> None:
        """Forget what was closed, and seen for the last time, before then."""
        is_old = (_o.seen_at < before) & (_o.told_at < before) & (_o.ended_at < before)
        self._connection.execute(sa.delete(occasions).where(~_TO_TELL, is_old))

    def _told_at(self, kind: Kind) -> float | None:
        newest = sa.select(sa.func.max(_o.told_at)).where(_o.kind == kind.value, _o.told_at > 0)
        return self._connection.execute(newest).scalar()

    def _missed(self, kind: Kind, since: float) -> int:
        was_missed = (_o.told_at == 0) & ~_TO_TELL & (_o.began_at > since)
        counted = sa.select(sa.func.count()).where(_o.kind == kind.value, was_missed)
        return self._connection.execute(counted).scalar_one()

    def _now(self, these: Collection[Occasion]) -> list[Occasion]:
        """Those of these that still have the same to tell, as they are now."""
        found = self._found(_ROWS.where(_o.id.in_([each.id for each in these])))
        stages = {each.id: each.stage for each in these}
        return [
            each
            for each in found
            # what was over as it was read may last again
            if each.stage is stages[each.id] and (each.stage is Stage.BEGINNING or each.ended_at)
        ]

    def _found(self, statement: sa.Select[tuple[object, ...]]) -> list[Occasion]:
        return [OCCASIONS.unpacked(tuple(row)) for row in self._connection.execute(statement)]

    def _set(self, number: int, **columns: object) -> None:
        kept = OCCASIONS.packed(columns)
        self._connection.execute(sa.update(occasions).where(_o.id == number).values(**kept))
