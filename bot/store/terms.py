"""What the process that acts says of itself, beside its term. With SQLite there are none."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from bot.store.noun import Noun
from bot.store.tables import terms

_NEWEST = sa.select(sa.func.max(terms.c.number)).scalar_subquery()


class Said(NamedTuple):
    """A process, by its host and number, and the marks of its settings; "": none yet."""

    holder: str
    marks: str


class Terms(Noun):
    """The newest term."""

    def say(self, marks: str) -> None:
        """These are the marks of the settings of the one that acts, which this process is."""
        self._connection.execute(
            sa.update(terms).where(terms.c.number == _NEWEST).values(marks=marks)
        )

    def said(self) -> Said | None:
        """What the one that acts has said; None: none acts."""
        statement = sa.select(terms.c.holder, terms.c.marks).where(
            terms.c.number == _NEWEST, ~terms.c.is_over
        )
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else Said(*row)
