"""What is said back. Knows what a reply needs of the network, which no handler has.

Replies go out after the commit and outside of intake, best effort.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from weakref import WeakValueDictionary

from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update
from telegram.error import ChatMigrated, TelegramError

from bot import logs, texts
from bot.actions.boards import NAMED_WITHIN_S
from bot.chat import messages
from bot.chat.chats import Chats, Document, Edit, Say
from bot.chat.client import Naming
from bot.chat.corrections import Corrections
from bot.chat.limits import Pace, Repeats, SideLane
from bot.core.text import last_sentences
from bot.errors import (
    AnswerUnreadable,
    ChatError,
    MaybeSent,
    NodeError,
    NodeTimeout,
    Refused,
    StoreUnavailable,
)
from bot.pauses import others_first

log = logs.get(__name__)

T = TypeVar("T")

#: Seconds for an answer of the node's, before a sentence is said in its place.
NODE_WITHIN_S = 10.0
#: As much as Telegram shows of the answer to a press, in UTF-16 units.
MAX_ANSWER = 200
#: Answers to presses: so many at once, whatever else is sent, so many for one person, and of so
#: many people.
PRESSES_AT_ONCE = 8
PRESSES_A_PERSON = 3
PRESSES_IN_ALL = 200
#: Questions who is an admin: so many at once, and of one chat; so much that one person wants waits
#: for the answers, of so many people in a chat, and in all.
ADMINS_AT_ONCE, ADMINS_A_CHAT = 96, 8
WISHES_A_PERSON, WISHERS_A_CHAT, WISHERS_IN_ALL = 30, 200, 1000
#: The same for names that nobody waits for: they wait longer.
NAMES_AT_ONCE, NAMES_A_CHAT = 12, 8
NAMES_A_PERSON, NAMELESS_A_CHAT, NAMELESS_IN_ALL = 10, 500, 2000
#: Seconds for a name's turn, and before it is asked for again where Telegram did not say it.
NAME_TURN_S = 600.0
NAME_AGAIN_S = (3.0, 30.0, 120.0)
#: Chats in a row that a group may have moved to.
MOVES = 2
#: Presses of one person that are heard within so many seconds, of all buttons and of one in a row:
#: no thumb is faster. Those that waited for the bot come all at once, and the last one counts.
PRESSES_HEARD, BUTTON_HEARD, HEARD_WITHIN_S = 60, 20, 2.0
#: Seconds for an answer to a press: Telegram refuses later ones, and documents no time.
ANSWER_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a press on a button is answered with: plain text, or a link to a chat with the bot.

    Never both: clients show the text then, and the link is lost.
    """

    query_id: str
    person_id: int
    text: str
    alert: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class IfAdmin:
    """Only Telegram knows whether somebody is an admin: if so `then`, else `otherwise`.

    `unknown`: where Telegram does not say.
    """

    chat_id: int
    user_id: int
    then: Callable[[], Awaitable[Sequence[Reply]]]
    otherwise: Sequence[Reply]
    unknown: Sequence[Reply]


@dataclass(frozen=True, slots=True)
class IfNamed:
    """Only Telegram knows what everybody in a group may read of somebody: `then` hears of it.

    Where Telegram does not say it in time, no name. `unknown`: nothing could be written.
    `is_awaited`: what this person wants next waits for it. Else it is asked for again where
    Telegram does not say it; `meanwhile`: what to answer at once.
    """

    chat_id: int
    user_id: int
    is_public: bool
    then: Callable[[Naming], Awaitable[Sequence[Reply]]]
    unknown: Sequence[Reply]
    is_awaited: bool = True
    meanwhile: Answer | None = None


@dataclass(frozen=True, slots=True)
class AskNode:
    """Only the node knows: `ask` it, which may take seconds, and `say` what comes of it, or show it
    in a message that is there.

    `ask` returns Telegram HTML, "" for nothing to say, or raises `NodeError`, whose sentence is
    said then. It gets `within_s` seconds. `may_read`: whether they still can, by then; None: anyone
    can.
    """

    ask: Callable[[], Awaitable[str]]
    say: Callable[[str], Say | Edit]
    within_s: float = NODE_WITHIN_S
    may_read: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class MakeFile:
    """A file that somebody waits for in private: `write` it, which may take long, and send it.

    `write` returns the caption as Telegram HTML, or raises `Refused` or `StoreUnavailable`, whose
    sentence is said instead. No two are written at a time, and one at a time is there for a person.
    `may_read`: whether they still can, when it is about to be written and when it is sent.
    """

    write: Callable[[BinaryIO], Awaitable[str]]
    name: str
    say: Callable[[str], Say]
    person_id: int
    may_read: Callable[[], bool]


Reply = Say | Edit | Answer | IfAdmin | IfNamed | AskNode | MakeFile

Callback = Callable[[Update, Any], Coroutine[Any, Any, None]]


def reply(
    message: Message,
    text: str,
    *,
    quiet: bool = False,
    asks: bool = False,
    to_stranger: bool = False,
    keyboard: InlineKeyboardMarkup | None = None,
    may_read: Callable[[], bool] | None = None,
) -> Say:
    """`text` (Telegram HTML) as a reply to a message; `may_read` as of `Say`."""
    return Say(
        message.chat.id,
        text,
        reply_to=message.message_id,
        thread_id=messages.thread(message),
        quiet=quiet,
        asks=asks,
        to_stranger=to_stranger,
        person_id=None if to_stranger else messages.person(message),
        keyboard=keyboard,
        may_read=may_read,
    )


class Replies:
    """Sends replies, beside everything else."""

    def __init__(self, chats: Chats, *, folder: Path) -> None:
        """`folder`: where files are written that nobody else can see."""
        self._chats = chats
        self._folder = folder
        self._one_written = asyncio.Lock()
        #: By person: a file that is there until it was sent.
        self._one_file: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: Messages that were refused, and that an edit may correct.
        self.corrections = Corrections()
        self._answers = SideLane(
            "presses not answered",
            at_once=PRESSES_AT_ONCE,
            a_chat=PRESSES_AT_ONCE,
            a_person=PRESSES_A_PERSON,
            in_chat=PRESSES_IN_ALL,
            in_all=PRESSES_IN_ALL,
            within_s=ANSWER_WITHIN_S,
        )
        self._admins = SideLane(
            "admin rights not asked for",
            at_once=ADMINS_AT_ONCE,
            a_chat=ADMINS_A_CHAT,
            a_person=WISHES_A_PERSON,
            in_chat=WISHERS_A_CHAT,
            in_all=WISHERS_IN_ALL,
            within_s=ANSWER_WITHIN_S,
        )
        self._names = SideLane(
            "names not asked for",
            at_once=NAMES_AT_ONCE,
            a_chat=NAMES_A_CHAT,
            a_person=NAMES_A_PERSON,
            in_chat=NAMELESS_A_CHAT,
            in_all=NAMELESS_IN_ALL,
            within_s=NAME_TURN_S,
        )
        #: Of each person whose press waits for what only Telegram knows.
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._pace = Pace("presses not heard", most=PRESSES_HEARD, within_s=HEARD_WITHIN_S)
        self._same = Repeats("presses not heard", most=BUTTON_HEARD, within_s=HEARD_WITHIN_S)

    def to_message(self, handle: Callable[[Message], Awaitable[Sequence[Reply]]]) -> Callback:
        """A callback of PTB's that sends what `handle` returns for a message."""

        async def callback(update: Update, _context: object) -> None:
            if update.message is not None:
                self.send(await handle(update.message))

        return callback

    def corrected(self, handle: Callable[[Message], Awaitable[Sequence[Reply]]]) -> Callback:
        """A callback of PTB's that sends what `handle` returns for an edited message.

        An edit counts where the message was refused as it was before.
        """

        async def callback(update: Update, _context: object) -> None:
            edited = update.edited_message
            if edited is not None and self.corrections.may_take(edited):
                self.send(await handle(edited))

        return callback

    def to_press(self, handle: Callable[[CallbackQuery], Awaitable[Sequence[Reply]]]) -> Callback:
        """A callback of PTB's that sends what `handle` returns for a press.

        One person's come at no faster pace than people press: each costs everybody's time.
        """

        async def callback(update: Update, _context: object) -> None:
            query = update.callback_query
            if query is None:
                return
            person_id = query.from_user.id
            is_heard = self._same.admit_what(person_id, query.data)
            if is_heard and self._pace.admit(person_id):
                self.send(await handle(query))

        return callback

    def send(self, replies: Sequence[Reply]) -> None:
        """Send them; returns at once."""
        for each in replies:
            match each:
                case Say():
                    self._chats.say(each)
                case Edit():
                    self._chats.edit(each)
                case Answer():
                    self._to_press(each)
                case IfAdmin():
                    self._in_turn(each, partial(self._if_admin, each))
                case IfNamed(is_awaited=True):
                    self._in_turn(each, partial(self._if_named, each))
                case IfNamed():
                    if each.meanwhile is not None:
                        self._to_press(each.meanwhile, is_urgent=False)
                    if self._names.admit(each.user_id, each.chat_id):
                        self._chats.post(self._name(each))
                case AskNode():
                    self._chats.post(self._ask_node(each))
                case MakeFile():
                    self._chats.post(self._make_file(each))

    def _to_press(self, answer: Answer, *, is_urgent: bool = True) -> None:
        if self._answers.admit(answer.person_id, 0):
            work = partial(self._answer, answer, is_urgent=is_urgent)
            self._chats.post(self._answers.call(answer.person_id, 0, work))

    def _in_turn(
        self, question: IfAdmin | IfNamed, work: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        """What changes something: one after the other as this person wanted it, however long
        Telegram takes to say who they are. Whoever waits for that takes no place.

        Where it does not get a place in time, it is not done, or is without a name.
        """
        person_id, chat_id = question.user_id, question.chat_id
        turn = self._turns.setdefault(person_id, asyncio.Lock())
        is_admitted = self._admins.admit(person_id, chat_id)
        within_s = NAMED_WITHIN_S if isinstance(question, IfNamed) else ANSWER_WITHIN_S

        async def call() -> None:
            async with turn:
                is_done = is_admitted and await self._admins.call(
                    person_id, chat_id, work, within_s=within_s
                )
                if not is_done and isinstance(question, IfNamed):
                    await self._then(question, Naming.SOMEONE)
                elif not is_done:
                    self.send(question.unknown)

        if is_admitted or isinstance(question, IfNamed):
            self._chats.post(call())
        else:
            self.send(question.unknown)

    async def _name(self, question: IfNamed) -> None:
        """A name that nobody waits for; once more where Telegram does not say it."""
        person_id, chat_id = question.user_id, question.chat_id
        is_known = False

        async def ask() -> None:
            nonlocal is_known
            is_known = await self._if_named(question)

        try:
            await self._names.do(chat_id, ask)
            for pause_s in NAME_AGAIN_S:
                if is_known or not await self._chats.pause(pause_s):
                    return
                await self._names.do(chat_id, ask)
        finally:
            self._names.leave(person_id, chat_id)

    async def _answer(self, answer: Answer, *, is_urgent: bool = True) -> None:
        if not is_urgent:  # the node is asked for what was pressed for
            await others_first()
        try:
            await self._chats.telegram_bot.answer_callback_query(
                answer.query_id,
                last_sentences(answer.text, MAX_ANSWER) or None,  # what is to be done stands there
                show_alert=answer.alert or None,
                url=answer.url,
                read_timeout=ANSWER_WITHIN_S,
            )
        except TelegramError as error:
            log.info("press not answered", detail=error.message)

    async def _if_admin(self, question: IfAdmin) -> None:
        ask = partial(
            self._chats.telegram_bot.is_admin, user_id=question.user_id, within_s=ANSWER_WITHIN_S
        )
        try:
            is_admin = await _asked_there(question.chat_id, ask)
        except TelegramError as error:
            log.info("admin rights not known", chat=question.chat_id, detail=error.message)
            replies = question.unknown
        else:
            try:
                replies = await question.then() if is_admin else question.otherwise
            except StoreUnavailable:
                replies = question.unknown
        await self._send_in_place(replies)

    async def _if_named(self, question: IfNamed) -> bool:
        """Whether Telegram has said it, and that is written."""
        await others_first()
        naming = await self._naming(question)
        is_written = await self._then(question, naming or Naming.SOMEONE)
        return is_written and naming is not None

    async def _then(self, question: IfNamed, naming: Naming) -> bool:
        """Whether it could be written."""
        try:
            replies = await question.then(naming)
        except StoreUnavailable:
            await self._send_in_place(question.unknown)
            return False
        await self._send_in_place(replies)
        return True

    async def _naming(self, question: IfNamed) -> Naming | None:
        """None: Telegram does not say it."""
        ask = partial(
            self._chats.telegram_bot.naming,
            user_id=question.user_id,
            is_public=question.is_public,
            within_s=NAMED_WITHIN_S,
        )
        try:
            return await _asked_there(question.chat_id, ask)
        except TelegramError as error:
            log.info("name not shown", chat=question.chat_id, detail=error.message)
            return None

    async def _send_in_place(self, replies: Sequence[Reply]) -> None:
        """What has to be asked next, in the place of the question before; the rest as it is."""
        for each in replies:
            match each:
                case IfNamed(is_awaited=True):
                    await self._if_named(each)
                case IfAdmin():
                    await self._if_admin(each)
                case _:
                    self.send([each])

    async def _ask_node(self, question: AskNode) -> None:
        try:
            async with asyncio.timeout(question.within_s):
                text = await question.ask()
        except TimeoutError:
            text = texts.refusal(NodeTimeout())
        except NodeError as error:
            text = texts.refusal(error)
        except MemoryError:
            raise
        except Exception:
            log.exception("node not asked")
            text = texts.BUG
        if text:
            self.send([replace(question.say(text), may_read=question.may_read)])

    async def _make_file(self, wanted: MakeFile) -> None:
        try:
            # Sending may take as long as Telegram wants: meanwhile others' are written and sent.
            async with self._one_file.setdefault(wanted.person_id, asyncio.Lock()):
                if await self._file_made(wanted):
                    return
            text = texts.OWNERS_ONLY
        except (Refused, StoreUnavailable) as error:
            text = texts.refusal(error)
        except AnswerUnreadable:  # it is there
            return
        except MaybeSent as error:
            log.warning("file sent, to all appearance", detail=str(error))
            text = texts.FILE_MAYBE_SENT
        except (ChatError, OSError) as error:
            log.warning("file not sent", reason=type(error).__name__, detail=str(error))
            text = texts.FILE_NOT_SENT
        except MemoryError:
            raise
        except Exception:
            log.exception("file not made")
            text = texts.BUG
        self._chats.say(wanted.say(text))

    async def _file_made(self, wanted: MakeFile) -> bool:
        """Whether it was written and sent: not where they can no longer read it."""
        # It has no name, so that it is gone with this process.
        with tempfile.TemporaryFile(dir=self._folder) as file:
            async with self._one_written:
                if not wanted.may_read():
                    return False
                caption = await wanted.write(file)
            return await self._chats.deliver(
                replace(
                    wanted.say(caption),
                    document=Document(file, wanted.name),
                    may_read=wanted.may_read,
                )
            )


async def _asked_there(chat_id: int, ask: Callable[[int], Awaitable[T]]) -> T:
    """What `ask` gets to hear of a group, wherever that has moved meanwhile.

    Raises `TelegramError`.
    """
    for _ in range(MOVES):
        try:
            return await ask(chat_id)
        except ChatMigrated as moved:
            chat_id = moved.new_chat_id
    return await ask(chat_id)
