"""Who is heard: on the allow-list, and in time; and what is said to others, once in a while."""

from __future__ import annotations

from collections.abc import Callable

from telegram import Message
from telegram.ext import filters

from bot import texts
from bot.access import Access
from bot.actions import Asker, Hint, Knocks
from bot.chat import messages
from bot.chat.ages import Ages
from bot.chat.replies import Reply, reply
from bot.core.invoice import TOO_LATE_S
from bot.core.knocks import Knocking
from bot.places import Places
from bot.store import Store, Tx

#: Seconds before the same is said again to a stranger or a channel, and in a stranger's group.
STRANGER_EVERY_S = 86_400.0
STRANGER_GROUP_EVERY_S = 3600.0
ID_EVERY_S = 60.0
LINK_EVERY_S = 3.0
OWNERS_ONLY_EVERY_S = 30.0
#: What is noted of a person or a group that has heard that they are strangers.
STRANGER = "stranger"
#: The same while nobody owns the bot.
UNCLAIMED = "unclaimed"


class FromOwner(filters.MessageFilter):
    """Messages of the bot's owners as themselves, whoever they are by then."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def filter(self, message: Message) -> bool:
        person = messages.person(message)
        return person is not None and self._access.is_owner(person)


class Admission:
    """Whether a message is heard.

    Raises `StoreUnavailable`.
    """

    def __init__(
        self,
        *,
        store: Store,
        access: Access,
        places: Places,
        knocks: Knocks,
        clock: Callable[[], float],
        ages: Ages,
    ) -> None:
        self._store = store
        self._access = access
        self._places = places
        self._knocks = knocks
        self._clock = clock
        self._ages = ages

    def may_ask(self, message: Message, asker: Asker) -> bool:
        """Whether this person may ask for invoices there."""
        return self._access.may_ask(asker.id, self._places.ids(message.chat.id))

    def may_read(self, asker_id: int, chat_id: int) -> bool:
        """Whether what this person has asked for is shown to them there."""
        return self._access.may_ask(asker_id, self._places.ids(chat_id))

    def is_owner(self, asker_id: int) -> bool:
        """Whether this is one of the bot's owners, asked again by what is answered later."""
        return self._access.is_owner(asker_id)

    @property
    def is_unclaimed(self) -> bool:
        """Whether nobody owns the bot yet."""
        return self._access.is_unclaimed

    def age_s(self, message: Message) -> float:
        """How long ago it was written, in seconds, by Telegram's own time."""
        return self._ages.of(message.date.timestamp())

    def now(self) -> float:
        """What time it is at most, in Unix seconds: what ends then ends by no clock too early."""
        return self._ages.latest_now()

    async def instead(self, message: Message, asker: Asker) -> list[Reply] | None:
        """None if the message is heard, else what is said instead, if anything."""
        if not self.may_ask(message, asker):
            return await self.stranger(message, asker)
        return await self.late(message, asker)

    async def owners_in_private(self, message: Message, asker: Asker) -> list[Reply] | None:
        """None if one of the bot's owners asks in private and in time, else what is said instead.

        For commands that show what is others': whoever is in a group would read it.
        """
        if (instead := await self.owners_only(message, asker)) is not None:
            return instead
        if not messages.is_private(message):
            return [reply(message, texts.IN_PRIVATE)]
        return await self.late(message, asker)

    async def late(self, message: Message, asker: Asker) -> list[Reply] | None:
        """None if the message came in time, else what is said instead of doing what it wants."""
        if self.age_s(message) <= TOO_LATE_S:
            return None
        return await self.too_late(message, asker)

    async def too_late(self, message: Message, asker: Asker) -> list[Reply]:
        """Said once to each person in a chat, of all that came too late."""
        kind = f"late in {self._places.now(message.chat.id)}"
        claimed = await self._claim(kind, asker.id, every_s=TOO_LATE_S)
        is_stranger = not self.may_ask(message, asker)
        return [reply(message, texts.TOO_LATE, to_stranger=is_stranger)] if claimed else []

    async def stranger(self, message: Message, asker: Asker) -> list[Reply]:
        """Said once, quietly, to somebody who is not let in: the owners are asked."""
        # What was said while nobody owned the bot is no longer an answer.
        was_unclaimed = self.is_unclaimed
        kind = UNCLAIMED if was_unclaimed else STRANGER
        if messages.is_private(message):
            hint = Hint(kind, asker.id, STRANGER_EVERY_S)
        else:
            hint = Hint(kind, self._places.now(message.chat.id), STRANGER_GROUP_EVERY_S)
        text = texts.stranger(asker.id, message.chat.id)
        if was_unclaimed:
            text = texts.unclaimed(asker.id, message.chat.id)
            claimed = await self._claim(hint.kind, hint.subject_id, every_s=hint.every_s)
        else:
            place = messages.place(message, self._places)
            knocking, claimed = await self._knocks.knock(asker, place, hint)
            # of somebody whom the owners know of already, a group hears how to ask for itself
            is_before = knocking is Knocking.ASKED_BEFORE and messages.is_private(message)
            text = texts.ASKED_OWNER if knocking is Knocking.ASKED or is_before else text

        def is_still_so() -> bool:
            return self.is_unclaimed == was_unclaimed and not self.may_ask(message, asker)

        said = reply(message, text, quiet=True, to_stranger=True, may_read=is_still_so)
        return [said] if claimed else []

    async def owners_only(self, message: Message, asker: Asker) -> list[Reply] | None:
        """None for one of the bot's owners, else what is said in place of what they want.

        Nobody knows who writes as a group: for them it is no owner's command.
        """
        if not asker.is_chat and self._access.is_owner(asker.id):
            return None
        text = texts.OWNERS_AS_THEMSELVES if asker.is_chat else texts.OWNERS_ONLY
        return await self.refused(message, text)

    async def refused(self, message: Message, text: str) -> list[Reply]:
        """`text`, in place of what only an owner gets: now and then for each person and chat.

        A stranger's group hears nothing of what may be meant for another bot.
        """
        if message.from_user is None:
            return []
        asker = messages.asker(message)
        is_stranger = not self.may_ask(message, asker)
        if is_stranger and not messages.is_addressed(message):
            return []
        kind = f"owners only in {self._places.now(message.chat.id)}"
        if not await self._claim(kind, message.from_user.id, every_s=OWNERS_ONLY_EVERY_S):
            return []
        return [reply(message, text, quiet=True, to_stranger=is_stranger)]

    async def channel(self, message: Message) -> list[Reply]:
        """Said once to somebody who writes as their channel: nobody knows who that is."""
        if message.sender_chat is None or self.age_s(message) > TOO_LATE_S:
            return []
        kind = f"as channel in {self._places.now(message.chat.id)}"
        channel_id = message.sender_chat.id
        if not await self._claim(kind, channel_id, every_s=STRANGER_EVERY_S):
            return []
        is_stranger = not self._access.may_ask(channel_id, self._places.ids(message.chat.id))
        return [reply(message, texts.AS_CHANNEL, quiet=True, to_stranger=is_stranger)]

    async def may_be_answered(self, asker: Asker) -> bool:
        """Whether a stranger who followed a link hears what came of it: now and then."""
        return await self._claim("link", asker.id, every_s=LINK_EVERY_S)

    async def may_ask_for_ids(self, message: Message, asker: Asker) -> bool:
        """A stranger needs their id, to be let in: now and then."""
        if self.may_ask(message, asker):
            return True
        chat_id = self._places.now(message.chat.id)
        return await self._claim(f"id in {chat_id}", asker.id, every_s=ID_EVERY_S)

    async def _claim(self, kind: str, subject_id: int, *, every_s: float) -> bool:
        now = self._clock()
        return await self._store.do(_claim_hint, kind, subject_id, now=now, every_s=every_s)


def _claim_hint(tx: Tx, kind: str, subject_id: int, *, now: float, every_s: float) -> bool:
    return tx.memory.claim_hint(kind, subject_id, now=now, every_s=every_s)
