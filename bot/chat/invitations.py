"""A family of updates: groups that the bot is added to. Knows who let it in, and leaves others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from telegram import ChatMemberUpdated, Update
from telegram.ext import ChatMemberHandler

from bot import logs, texts
from bot.access import Access
from bot.actions import Hint, Knocks, Place
from bot.chat import messages
from bot.chat.admission import STRANGER, STRANGER_GROUP_EVERY_S
from bot.chat.chats import Chats, Say
from bot.chat.client import OUT, TelegramBot
from bot.chat.turns import Sentence
from bot.chat.updates import PtbApplication
from bot.core.knocks import Knocking
from bot.core.text import clean_name
from bot.errors import ChatForbidden, ChatRefused
from bot.places import Places
from bot.store import UNINVITED, Store, Tx

log = logs.get(__name__)

#: Seconds in which somebody can let a group in before the bot leaves it.
LEAVES_AFTER_S = 86_400.0

#: Noted of a group where an owner has heard how to let it in.
_HOW = "owner invites"
#: A handler beside that of the membership, which takes the same updates.
_BESIDE = 1
_NOBODY = 0


class Invitations:
    """Says once that the group is not let in, and leaves a stranger's a day later.

    Raises `StoreUnavailable`.
    """

    def __init__(
        self,
        *,
        store: Store,
        access: Access,
        places: Places,
        knocks: Knocks,
        chats: Chats,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._access = access
        self._places = places
        self._knocks = knocks
        self._chats = chats
        self._clock = clock

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        application.add_handler(
            ChatMemberHandler(self.added, ChatMemberHandler.MY_CHAT_MEMBER), group=_BESIDE
        )

    async def added(self, update: Update, _context: object = None) -> None:
        """Somebody has added the bot to a group."""
        change = update.my_chat_member
        if change is None or change.chat.id >= 0 or not _is_in_now(change):
            return
        chat_id = self._places.now(change.chat.id)
        if self._access.may_ask(change.from_user.id, self._places.ids(chat_id)):
            await self._store.do(_forget, chat_id)
            await self._say_how(change, chat_id)
        elif await self._store.do(_note, chat_id, self._clock()):
            text = texts.uninvited(chat_id)
            if not self._access.is_unclaimed and await self._ask(change, chat_id):
                text = texts.UNINVITED_ASKED
            self._say(Say(chat_id, text, to_stranger=True))

    async def _say_how(self, change: ChatMemberUpdated, chat_id: int) -> None:
        """To an owner: to add the bot does not let a group in. A channel is for its readers."""
        is_channel = change.chat.type == "channel"
        if self._is_let_in(chat_id) or is_channel or not self._access.is_owner(change.from_user.id):
            return
        if await self._store.do(_note_how, chat_id, self._clock()):
            self._say(Say(chat_id, texts.allow_group_how(self._chats.telegram_bot.username)))

    def _is_let_in(self, chat_id: int) -> bool:
        return self._access.may_ask(_NOBODY, self._places.ids(chat_id))

    def _say(self, message: Say) -> None:
        """That a group is not let in, unless it is by the time that it is its turn."""
        self._chats.say(replace(message, may_read=lambda: not self._is_let_in(message.chat_id)))

    async def _ask(self, change: ChatMemberUpdated, chat_id: int) -> bool:
        """Whether the owners are asked on behalf of who added the bot."""
        title = clean_name(change.chat.title or "")
        person = messages.presser(change.from_user)
        hint = Hint(STRANGER, chat_id, STRANGER_GROUP_EVERY_S)
        knocking, _ = await self._knocks.knock(
            person, Place(chat_id, title=title), hint, for_group=True
        )
        return knocking is Knocking.ASKED

    async def leave(self) -> None:
        """Leave the groups that nobody has let in within a day: none of the list, and no setting.

        An invoice that somebody was given there counts as well.
        """
        for chat_id in await self._store.do(_uninvited, self._clock() - LEAVES_AFTER_S):
            here = self._places.now(chat_id)
            if self._is_let_in(here) or await self._store.do(_is_used, here):
                await self._store.do(_forget, chat_id)
            else:
                self._chats.post(self._leave(chat_id, here))

    async def _leave(self, noted_as: int, chat_id: int) -> None:
        async def call(bot: TelegramBot) -> bool:
            if self._is_let_in(chat_id):  # since then
                return False
            return await bot.leave_chat(chat_id)

        try:
            if await self._chats.send(chat_id, Sentence.STRANGER, call):
                log.info("left a group that nobody let in", chat=chat_id)
        except (ChatForbidden, ChatRefused) as error:
            log.info("not in a group that nobody let in", chat=chat_id, detail=error.detail)
        await self._store.do(_forget, noted_as)


def _is_in_now(change: ChatMemberUpdated) -> bool:
    """Whether the bot was out of the chat; else it left, or only has other rights."""
    was_out = change.old_chat_member.status in OUT
    return was_out and change.new_chat_member.status not in OUT


def _note(tx: Tx, chat_id: int, now: float) -> bool:
    # one sentence is enough: not the one for strangers as well
    tx.memory.claim_hint(STRANGER, chat_id, now=now, every_s=0.0)
    return tx.memory.claim_hint(UNINVITED, chat_id, now=now, every_s=LEAVES_AFTER_S)


def _note_how(tx: Tx, chat_id: int, now: float) -> bool:
    return tx.memory.claim_hint(_HOW, chat_id, now=now, every_s=LEAVES_AFTER_S)


def _forget(tx: Tx, chat_id: int) -> None:
    tx.memory.forget_hint(UNINVITED, chat_id)


def _uninvited(tx: Tx, before: float) -> list[int]:
    return tx.memory.hints(UNINVITED, before=before)


def _is_used(tx: Tx, chat_id: int) -> bool:
    return tx.invoices.is_known(chat_id) or tx.boards.is_known(chat_id)
