"""What the bot remembers beside the rows: what was just said, and pictures that Telegram has."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from bot.store.noun import Noun
from bot.store.tables import hints, pictures

#: The kind of hint that is noted of a group until it was let in or left, however long that takes.
UNINVITED = "uninvited"

_SUBJECT: sa.BindParameter[int] = sa.bindparam("subject")
_SAID_AT = sa.select(hints.c.said_at).where(
    hints.c.kind == sa.bindparam("of_kind"), hints.c.subject_id == _SUBJECT
)
_SAID = sa.select(hints.c.kind).where(
    hints.c.kind.in_(sa.bindparam("kinds", expanding=True)),
    hints.c.subject_id == _SUBJECT,
    hints.c.said_at > sa.bindparam("since"),
    hints.c.said_at <= sa.bindparam("until"),
)
_PICTURE = sa.select(pictures.c.file_id).where(pictures.c.name == sa.bindparam("of_name"))


class Memory(Noun):
    """Hints and pictures. Times in Unix seconds."""

    def claim_hint(self, kind: str, subject_id: int, *, now: float, every_s: float) -> bool:
        """Whether this can be said again: it was last said at least `every_s` ago, or never."""
        said_at = self._said_at(kind, subject_id)
        # One that was said in the future was said before the clock was set back.
        if said_at is not None and 0 <= now - said_at < every_s:
            return False
        self._put(hints, {"kind": kind, "subject_id": subject_id}, {"said_at": now})
        return True

    def hints(self, kind: str, *, before: float) -> list[int]:
        """Whom or what this was said to before then, and not since."""
        here = (hints.c.kind == kind) & (hints.c.said_at < before)
        statement = sa.select(hints.c.subject_id).where(here)
        in_order = statement.order_by(hints.c.said_at, hints.c.subject_id)
        return list(self._connection.execute(in_order).scalars())

    def was_said(self, kind: str, subject_id: int) -> bool:
        """Whether this hint is kept, however old."""
        return self._said_at(kind, subject_id) is not None

    def say(self, kind: str, subject_id: int, now: float) -> None:
        """This was never said, and is now."""
        values = {"kind": kind, "subject_id": subject_id, "said_at": now}
        self._connection.execute(sa.insert(hints), values)

    def said(
        self, kinds: Collection[str], subject_id: int, *, since: float, until: float
    ) -> set[str]:
        """Which of these were said after `since`, and by `until`."""
        values = {"kinds": list(kinds), "subject": subject_id, "since": since, "until": until}
        return set(self._connection.execute(_SAID, values).scalars())

    def count_hints(self, kind: str, *, since: float, until: float) -> int:
        """To how many this was said after `since`, and by `until`: nobody counts whom a clock that
        was ahead has put into the future."""
        here = (hints.c.kind == kind, hints.c.said_at > since, hints.c.said_at <= until)
        statement = sa.select(sa.func.count()).select_from(hints).where(*here)
        return self._connection.execute(statement).scalar_one()

    def forget_hint(self, kind: str, subject_id: int) -> None:
        """It counts as never said."""
        here = (hints.c.kind == kind) & (hints.c.subject_id == subject_id)
        self._connection.execute(sa.delete(hints).where(here))

    def prune_hints(self, before: float, *, but: Collection[str] = ()) -> None:
        """Forget what was said before then, `but` for these kinds: that is still of use."""
        is_old = (hints.c.said_at < before) & hints.c.kind.not_in(but)
        self._connection.execute(sa.delete(hints).where(is_old))

    def prune_kinds(self, begins: str, before: float) -> None:
        """Forget what was said before then, of each kind that begins so."""
        is_old = (hints.c.said_at < before) & hints.c.kind.startswith(begins, autoescape=True)
        self._connection.execute(sa.delete(hints).where(is_old))

    def beat(self, now: float) -> None:
        """Write something: to see that it can be written."""
        self._put(hints, {"kind": "alive", "subject_id": 0}, {"said_at": now})

    def beat_at(self) -> float | None:
        """When that was written last; None: never."""
        return self._said_at("alive", 0)

    def _said_at(self, kind: str, subject_id: int) -> float | None:
        found = self._connection.execute(_SAID_AT, {"of_kind": kind, "subject": subject_id})
        return found.scalar()

    def picture(self, name: str) -> str | None:
        """Telegram's file_id of a picture that was uploaded before."""
        return self._connection.execute(_PICTURE, {"of_name": name}).scalar_one_or_none()

    def set_picture(self, name: str, file_id: str | None) -> None:
        """Remember a picture's file_id; None: Telegram no longer knows it."""
        if file_id is None:
            self._connection.execute(sa.delete(pictures).where(pictures.c.name == name))
        else:
            self._put(pictures, {"name": name}, {"file_id": file_id})
