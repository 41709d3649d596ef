"""Who was let in from the chat, and the code by which somebody claims the bot."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from bot.core.grants import Grant, Granted, Role
from bot.store.noun import Noun
from bot.store.tables import claims, grants, invoices, knocks

_g = grants.c
_i = invoices.c
_k = knocks.c
_GRANT = (_g.subject_id, _g.role, _g.name, _g.username, _g.by_id, _g.granted_at)


class Grants(Noun):
    """People and groups by Telegram's id. Times in Unix seconds."""

    def all(self) -> list[Grant]:
        """All of them, in the order in which they were let in."""
        statement = sa.select(*_GRANT).order_by(_g.granted_at, _g.subject_id)
        return [
            Grant(row.subject_id, Role(row.role), row.name, row.username, row.by_id, row.granted_at)
            for row in self._connection.execute(statement)
        ]

    def granted(self) -> Granted:
        """Who is let in as what, by all of them."""
        return Granted.of(self.all())

    def of(self, subject_id: int) -> Grant | None:
        """What this one was let in as."""
        return next((each for each in self.all() if each.subject_id == subject_id), None)

    def put(self, grant: Grant) -> None:
        """Let somebody in; what they were let in as before is replaced."""
        columns = {
            "role": str(grant.role),
            "name": grant.name,
            "username": grant.username,
            "by_id": grant.by_id,
            "granted_at": grant.granted_at,
        }
        self._put(grants, {"subject_id": grant.subject_id}, columns)

    def remove(self, subject_ids: Collection[int]) -> int:
        """Take it back for all of these ids; how many there were."""
        statement = sa.delete(grants).where(_g.subject_id.in_(subject_ids))
        return self._connection.execute(statement).rowcount

    def code(self) -> str:
        """The code that nobody has used yet, "" where there is none."""
        return self._connection.execute(sa.select(claims.c.code)).scalar_one_or_none() or ""

    def set_code(self, code: str) -> None:
        """Keep this code and no other; "": none."""
        self._connection.execute(sa.delete(claims))
        if code:
            self._connection.execute(sa.insert(claims).values(code=code))

    def name_of(self, subject_id: int) -> str:
        """The newest name by which a person or a group is known, "" where none is.

        What is made for a person in their private chat has the title of the group it is for.
        """
        is_group = sa.literal(subject_id) < 0
        statements = (
            sa.select(_g.name).where(_g.subject_id == subject_id, _g.name != ""),
            sa.select(_k.name)
            .where(_k.person_id == subject_id, _k.name != "")
            .order_by(_k.asked_at.desc(), _k.id.desc()),
            sa.select(_i.asker_name)
            .where(_i.asker_id == subject_id, _i.asker_name != "", ~_i.hidden)
            .order_by(_i.asked_at.desc(), _i.id.desc()),
            sa.select(_i.chat_title).where(is_group, _i.chat_id == subject_id, _i.chat_title != ""),
        )
        for statement in statements:
            name = self._connection.execute(statement.limit(1)).scalar()
            if name:
                return str(name)
        return ""

    def named(self, username: str) -> list[tuple[int, str]]:
        """Who ever was known by this user name, without the @: their ids and names, each once."""
        wanted = username.lower()
        found: dict[int, str] = {}
        for table, subject_id in ((grants, _g.subject_id), (knocks, _k.person_id)):
            name = sa.func.lower(table.c.username)
            statement = sa.select(subject_id, table.c.name).where(name == wanted)
            found |= {row[0]: row[1] for row in self._connection.execute(statement)}
        return [*found.items()]

    def seen_as(self, username: str, *, since: float, until: float) -> list[tuple[int, str]]:
        """The same of those who wrote under it in this time: only then it surely was theirs."""
        here = (sa.func.lower(_k.username) == username.lower(), _k.asked_at.between(since, until))
        statement = sa.select(_k.person_id, _k.name).where(*here)
        return [*{row[0]: row[1] for row in self._connection.execute(statement)}.items()]
