"""Somebody who asks to be let in: a knock, and what its readers were shown. Knows no chat."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.grants import Role

#: Seconds in which each person knocks once, and in which the owners are told of so many of all.
KNOCKS_EVERY_S = 86_400.0
TOLD_IN_ALL = 20
#: Groups that ask by an anonymous admin, in the same time: nobody knows how many people these are.
GROUPS_IN_ALL = 3
#: Seconds for which a *No* keeps, and after which a knock is forgotten.
REFUSED_FOR_S = KEPT_S = 30 * 86_400.0
#: Knocks without an answer that are kept; of more the oldest are forgotten.
OPEN_IN_ALL = 100
#: Of these, groups that asked by an anonymous admin.
OPEN_GROUPS = 10
#: The reader that is no owner: the chat in which somebody knocked.
ASKER = 0
#: Whose knock it is that stands for all that the owners are not told of one by one.
MORE = 0


class KnockState(StrEnum):
    """What became of it. A message that was shown none of them has not been sent."""

    OPEN = "open"
    ALLOWED = "allowed"  # the person was let in
    GROUP_ALLOWED = "group allowed"  # the group in which they asked
    REFUSED = "refused"


class Verb(StrEnum):
    """What an owner answers."""

    PERSON = "person"
    GROUP = "group"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Knock:
    """One person who asks, in one chat. Ids are Telegram's; `asked_at` and others: Unix seconds.

    `handle` is what its buttons carry. `person_id` is a group's where its anonymous admin asked,
    and `MORE` of a knock that stands for others. `chat_id` is the person's own in private.
    `reply_to`: the message that asked. `told`: the owners are told of it.
    """

    id: int
    handle: str
    person_id: int
    name: str
    username: str
    chat_id: int
    chat_title: str
    thread_id: int | None
    reply_to: int | None
    asked_at: float
    told: bool
    state: KnockState = KnockState.OPEN
    answered_by: str = ""
    answered_at: float = 0.0

    @property
    def is_more(self) -> bool:
        """Whether it stands for all that the owners are not told of one by one."""
        return self.person_id == MORE

    @property
    def in_group(self) -> bool:
        """Whether it was in a group."""
        return self.chat_id < 0

    @property
    def is_group(self) -> bool:
        """Whether the group itself asks, by an anonymous admin."""
        return self.person_id < 0


@dataclass(frozen=True, slots=True)
class Due:
    """A reader who was shown something else than what is so.

    `reader_id` is an owner, or `ASKER`; `message_id` None: they have no message of it yet.
    """

    knock: Knock
    reader_id: int
    message_id: int | None

    @property
    def shows_nothing(self) -> bool:
        """Whether there is nothing to send: it was answered before it was shown, or with *No*."""
        if self.reader_id == ASKER:
            return self.knock.state not in (KnockState.ALLOWED, KnockState.GROUP_ALLOWED)
        return self.message_id is None and self.knock.state is not KnockState.OPEN


class Knocking(StrEnum):
    """What came of asking to be let in."""

    ASKED = "asked"  # the owners are asked, now or within the day
    ASKED_BEFORE = "asked before"  # they are asked about this person, and not about this chat
    REFUSED = "refused"  # an owner has said no, and nobody asks again for a while
    NOT_ASKED = "not asked"  # no owner can be reached, or too many groups have asked


class Answering(StrEnum):
    """What came of an owner's answer."""

    DONE = "done"
    ALREADY = "already"  # somebody has answered it
    GONE = "gone"  # nobody knows it now
    NOT_OWNER = "not owner"


#: What an answer makes of a knock, and what it lets somebody in as.
ANSWERS: dict[Verb, tuple[KnockState, Role | None]] = {
    Verb.PERSON: (KnockState.ALLOWED, Role.USER),
    Verb.GROUP: (KnockState.GROUP_ALLOWED, Role.CHAT),
    Verb.NO: (KnockState.REFUSED, None),
}
