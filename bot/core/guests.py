"""Everybody who is let in, and everybody who asks to be: what /who shows. Knows no chat."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bot.core.grants import Grant, Role
from bot.core.knocks import Knock


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who is let in, or a group. `is_listed`: by the settings, else from the chat."""

    subject_id: int
    role: Role
    name: str = ""
    username: str = ""
    is_listed: bool = False


@dataclass(frozen=True, slots=True)
class Guests:
    """All of them, by role; `is_open`: anyone can ask, whoever is listed."""

    guests: tuple[Guest, ...]
    knocks: tuple[Knock, ...] = ()
    is_open: bool = False

    def of(self, role: Role) -> list[Guest]:
        """Those of one role."""
        return [each for each in self.guests if each.role is role]


def listed(role: Role, ids: Collection[int], names: Mapping[int, str]) -> list[Guest]:
    """Those whom the settings list, by their ids."""
    return [Guest(each, role, names.get(each, ""), is_listed=True) for each in sorted(ids)]


def granted(grants: Iterable[Grant], but: Iterable[Guest]) -> list[Guest]:
    """Those who were let in from the chat, but for those who are listed as the same."""
    known = {(each.subject_id, each.role) for each in but}
    return [
        Guest(each.subject_id, each.role, each.name, each.username)
        for each in grants
        if (each.subject_id, each.role) not in known
    ]
