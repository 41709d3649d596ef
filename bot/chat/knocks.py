"""Knocks in the owners' chats, and what came of them where somebody knocked. Knows their buttons.

The rows say what each reader is to be shown; this shows it, whatever restarts in between. After a
crash, or without an answer, a message may be there twice: a press on either answers, and a press on
one that was answered brings it up to date.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from contextlib import suppress

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MaybeInaccessibleMessage,
    Message,
)
from telegram.constants import ParseMode

from bot import logs, texts
from bot.actions import Knocks
from bot.chat.chats import Chats
from bot.chat.client import TelegramBot
from bot.chat.messages import button_data
from bot.chat.tries import LONGEST_PAUSE_S, Tries
from bot.chat.turns import Sentence
from bot.clock import steady
from bot.core.knocks import ASKER, Due, Knock, KnockState, Verb
from bot.errors import (
    AnswerUnreadable,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MessageGone,
    NotSent,
    StoreUnavailable,
    TopicClosed,
    TopicGone,
)
from bot.pauses import pause_s
from bot.places import Places

log = logs.get(__name__)

#: What the buttons' data begins with.
LET = "let"


class KnockChats:
    """Shows what is due, and waits for more."""

    def __init__(self, chats: Chats, knocks: Knocks, places: Places) -> None:
        self._chats = chats
        self._knocks = knocks
        self._places = places
        self._busy: set[int] = set()  # chats in which something is being shown
        self._tries = Tries()

    async def run(self) -> None:
        """Until it is cancelled. Each chat goes on by itself: a slow one holds up no other."""
        async with asyncio.TaskGroup() as tasks:
            attempts = 0
            while True:
                self._knocks.rung.clear()
                try:
                    await self._begin(tasks)
                except StoreUnavailable:
                    attempts += 1
                    rest_s: float | None = pause_s(attempts, longest_s=LONGEST_PAUSE_S)
                else:
                    attempts, rest_s = 0, self._tries.rest_s(but=self._busy)
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest_s):
                        await self._knocks.rung.wait()

    async def _begin(self, tasks: asyncio.TaskGroup) -> None:
        """Show what is due, wherever nothing is being shown. Raises `StoreUnavailable`."""
        # What a chat shows while this is read may be in it as if it were not shown.
        busy = frozenset(self._busy)
        by_chat: dict[int, list[Due]] = defaultdict(list)
        for each in await self._knocks.due():
            is_asker = each.reader_id == ASKER
            by_chat[each.knock.chat_id if is_asker else each.reader_id].append(each)
        self._tries.only(by_chat)  # what is pruned meanwhile is waited for no longer
        for chat_id, those in by_chat.items():
            if chat_id not in busy and self._tries.may_begin(chat_id):
                self._busy.add(chat_id)
                tasks.create_task(self._show_in(chat_id, those))

    async def _show_in(self, chat_id: int, those: list[Due]) -> None:
        """One chat's, one after the other."""
        try:
            is_done = await self._show_in_order(those)
        except StoreUnavailable:
            is_done = False
        if is_done:
            self._tries.got_there(chat_id)
        else:
            self._tries.failed(chat_id)
        self._busy.discard(chat_id)
        self._knocks.rung.set()  # what came meanwhile

    async def _show_in_order(self, those: list[Due]) -> bool:
        for each in those:
            if not await self._knocks.is_for(each):
                continue
            try:
                number = each.message_id if each.shows_nothing else await self._show(each)
            except ChatError as error:
                log.info("knock not shown yet", reason=type(error).__name__, detail=error.detail)
                return False
            except MemoryError:
                raise
            except Exception:  # it stops nothing else, and /who has it all the same
                log.exception("knock can't be shown", reader=each.reader_id)
                number = each.message_id
            await self._knocks.shown(each, number)
        return True

    async def _show(self, what: Due) -> int | None:
        """The number of its message, None where it has none that can be edited.

        Raises `ChatError` where it is to be tried again.
        """
        began_at = steady()
        try:
            if what.reader_id == ASKER:
                await self._say_in(what)
                return None
            if what.message_id is None:
                return await self._send(what)
            await self._edit(what, what.message_id)
        except (AnswerUnreadable, MessageGone):  # it is there, or somebody deleted it
            return what.message_id
        except ChatForbidden as error:
            if what.reader_id != ASKER:  # they are shown it once they can be reached again
                await self._places.lost(what.reader_id, must=True, asked_at=began_at)
                raise
            log.warning("knock can't be shown", reader=what.reader_id, detail=error.detail)
        except ChatRefused as error:
            log.warning("knock can't be shown", reader=what.reader_id, detail=error.detail)
        return what.message_id

    async def _send(self, what: Due) -> int | None:
        owner, asked = what.reader_id, what.knock

        def call(bot: TelegramBot) -> Awaitable[Message]:
            self._check(what)
            return bot.send_message(
                owner, texts.knock(asked), parse_mode=ParseMode.HTML, reply_markup=buttons(asked)
            )

        message = await self._chats.send(owner, Sentence.KNOWN, call)
        return None if message is None else message.message_id

    async def _edit(self, what: Due, number: int) -> None:
        owner, asked = what.reader_id, what.knock

        def call(bot: TelegramBot) -> Awaitable[Message | bool]:
            self._check(what)
            return bot.edit_message_text(
                texts.knock(asked),
                owner,
                number,
                parse_mode=ParseMode.HTML,
                reply_markup=buttons(asked),
            )

        await self._chats.send(owner, Sentence.KNOWN, call)

    def _check(self, what: Due) -> None:
        """Raises `NotSent`: by the time it is their turn they may own the bot no longer, or be let
        in no longer."""
        if not self._knocks.may_read(what):
            raise NotSent(detail="no longer an owner, or let in no longer")

    async def _say_in(self, what: Due) -> None:
        """Where it was asked; in private where the topic takes nothing."""
        asked = what.knock
        chat_id = self._places.now(asked.chat_id)
        is_there = chat_id == asked.chat_id
        try:
            await self._say(
                chat_id,
                what,
                reply_to=asked.reply_to if is_there else None,
                thread_id=asked.thread_id,
            )
        except ChatMoved as moved:
            await self._places.moved(chat_id, moved.new_chat_id, must=True)
            await self._say(moved.new_chat_id, what)
        except (TopicClosed, TopicGone):
            if asked.is_group:
                raise
            await self._say(asked.person_id, what)

    async def _say(
        self,
        chat_id: int,
        what: Due,
        *,
        reply_to: int | None = None,
        thread_id: int | None = None,
    ) -> None:
        text = texts.let_in(what.knock, self._chats.telegram_bot.username)

        def call(bot: TelegramBot) -> Awaitable[Message]:
            self._check(what)
            return bot.send_message(
                chat_id,
                text,
                parse_mode=ParseMode.HTML,
                reply_to_message_id=reply_to,
                allow_sending_without_reply=True,
                message_thread_id=thread_id,
            )

        await self._chats.send(chat_id, Sentence.KNOWN, call)


def buttons(asked: Knock) -> InlineKeyboardMarkup | None:
    """What an owner can answer; None where it was answered, or stands for many."""
    if asked.is_more or asked.state is not KnockState.OPEN:
        return None
    rows = []
    if not asked.is_group:
        rows.append([_button(asked, Verb.PERSON, texts.allow_button(asked))])
    if asked.in_group:
        rows.append([_button(asked, Verb.GROUP, texts.ALLOW_GROUP_BUTTON)])
    return InlineKeyboardMarkup([*rows, [_button(asked, Verb.NO, texts.REFUSE_BUTTON)]])


def read_button(data: str) -> tuple[Verb, str] | None:
    """What a button carries, and the handle of its knock; None where it is not ours."""
    parts = data.split(":")
    if len(parts) != 3 or parts[0] != LET or parts[1] not in tuple(Verb):
        return None
    return Verb(parts[1]), parts[2]


def is_of(message: MaybeInaccessibleMessage, handle: str) -> bool:
    """Whether a message's own buttons are of this knock."""
    read = map(read_button, button_data(message))
    return any(each is not None and each[1] == handle for each in read)


def _button(asked: Knock, verb: Verb, label: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=f"{LET}:{verb}:{asked.handle}")
