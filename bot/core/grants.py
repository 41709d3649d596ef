"""Who was let in from the chat, and what came of it. Knows no store, no chat and no prose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody was let in as."""

    OWNER = "owner"
    USER = "user"  # a person, wherever they write
    CHAT = "chat"  # a group, with everyone in it


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody who was let in from the chat.

    `subject_id` is Telegram's: a person's, or a group's, which is below 0. `by_id` let them in: the
    same person where they claimed the bot. `granted_at` in Unix seconds.
    """

    subject_id: int
    role: Role
    name: str = ""
    username: str = ""
    by_id: int = 0
    granted_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Granted:
    """All of them, by id."""

    owners: frozenset[int] = frozenset()
    users: frozenset[int] = frozenset()
    chats: frozenset[int] = frozenset()

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> Granted:
        """Those of a list."""
        found: dict[Role, set[int]] = {role: set() for role in Role}
        for each in grants:
            found[each.role].add(each.subject_id)
        return cls(
            frozenset(found[Role.OWNER]), frozenset(found[Role.USER]), frozenset(found[Role.CHAT])
        )


class Claiming(StrEnum):
    """What came of opening a claim link."""

    CLAIMED = "claimed"  # the bot is theirs now
    YOURS = "yours"  # it was before, perhaps by this very message, which came again
    OWNED = "owned"  # somebody else owns the bot: every link is void
    WRONG = "wrong"  # nobody owns it, and this is not its code


class Allowing(StrEnum):
    """What came of letting somebody in."""

    ALLOWED = "allowed"
    ALREADY = "already"  # they could ask before, by the file or by a grant
    NOT_OWNER = "not owner"  # who wants it is no owner, or no longer


class Denying(StrEnum):
    """What came of taking back that somebody was let in."""

    DENIED = "denied"
    NOT_THERE = "not there"  # nobody has let them in
    IN_FILE = "in file"  # the settings list them: only there it can be changed
    YOURSELF = "yourself"  # nobody removes themself, so that there is always an owner
    NOT_OWNER = "not owner"  # who wants it is no owner, or no longer
