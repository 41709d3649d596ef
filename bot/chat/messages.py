"""Who wrote what, where, and what is quoted. Knows the fields of Telegram's messages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from telegram import (
    Chat,
    InlineKeyboardMarkup,
    MaybeInaccessibleMessage,
    Message,
    MessageEntity,
    User,
)
from telegram.ext import filters

from bot.actions import Asker, Origin, Place
from bot.chat.client import Naming, TelegramBot
from bot.core.split import Person
from bot.core.text import clean, clean_name
from bot.places import Places


class _Asks(filters.MessageFilter):
    """Messages that somebody wrote here themselves: what they tapped was written by a bot."""

    def filter(self, message: Message) -> bool:
        return (
            message.forward_origin is None
            and message.via_bot is None
            and not message.is_automatic_forward
            and (message.sender_chat is None or message.sender_chat.id == message.chat.id)
            and message.from_user is not None
            and (not message.from_user.is_bot or message.sender_chat is not None)
        )


class _AsChannel(filters.MessageFilter):
    """Messages that somebody wrote here as a channel of theirs."""

    def filter(self, message: Message) -> bool:
        return (
            message.forward_origin is None
            and message.via_bot is None
            and not message.is_automatic_forward
            and message.sender_chat is not None
            and message.sender_chat.id != message.chat.id
        )


class _WrittenByAnother(filters.MessageFilter):
    """Messages that somebody brought here from elsewhere, or tapped in what another bot offers."""

    def filter(self, message: Message) -> bool:
        is_somebodys = message.from_user is not None and not message.is_automatic_forward
        is_anothers = message.forward_origin is not None or message.via_bot is not None
        return is_anothers and is_somebodys


class _Addressed(filters.MessageFilter):
    """Commands that are meant for this bot for sure: in private, or with its name."""

    def filter(self, message: Message) -> bool:
        words = (message.text or "").split(maxsplit=1)
        return is_private(message) or bool(words and "@" in words[0])


#: New messages, and none that was edited. CommandHandler would take those as well.
NEW = filters.UpdateType.MESSAGE
#: New messages that somebody wrote here themselves.
ASKS = NEW & _Asks()
#: The same, edited.
EDITED = filters.UpdateType.EDITED_MESSAGE & _Asks()
EDITED_TEXTS = EDITED & filters.TEXT & ~filters.COMMAND
#: What nobody wrote here just now: edited, forwarded, or written by another bot.
NOT_NEW = EDITED | (NEW & _WrittenByAnother())
#: New messages that somebody wrote here as a channel: nobody knows who asks.
AS_CHANNEL = NEW & _AsChannel()
#: Of those that ask the commands that are meant for this bot for sure.
ADDRESSED = ASKS & _Addressed()
#: The same of a channel's.
AS_CHANNEL_ADDRESSED = AS_CHANNEL & _Addressed()
#: Commands in private, whatever they are.
PRIVATE_COMMANDS = ASKS & filters.ChatType.PRIVATE & filters.COMMAND
#: What may answer a question.
TEXTS = ASKS & filters.TEXT & ~filters.COMMAND
#: A group has become a supergroup: said once in the old one, once in the new one.
MIGRATIONS = NEW & filters.StatusUpdate.MIGRATE


def is_private(message: Message) -> bool:
    """Whether it is a chat with one person."""
    return message.chat.type == Chat.PRIVATE


def is_addressed(message: Message) -> bool:
    """Whether a command is meant for this bot for sure: in private, or with its name."""
    return _Addressed().filter(message)


def is_from(message: Message, telegram_bot: TelegramBot) -> bool:
    """Whether this bot wrote it."""
    return message.from_user is not None and message.from_user.id == telegram_bot.id


def replied(message: Message) -> Message | None:
    """The message that somebody chose to reply to."""
    to = message.reply_to_message
    # In a topic each message replies to the one that opened it.
    return None if to is None or to.forum_topic_created else to


def is_reply(message: Message) -> bool:
    """Whether somebody chose to reply to something, here or elsewhere."""
    return replied(message) is not None or message.external_reply is not None


def asker(message: Message) -> Asker:
    """Who asks."""
    if message.sender_chat is not None:
        return Asker(message.sender_chat.id, clean_name(message.chat.title or ""), is_chat=True)
    person = message.from_user
    if person is None:
        raise ValueError("a message that nobody wrote")
    return presser(person)


def presser(person: User, naming: Naming = Naming.NAME) -> Asker:
    """Somebody who writes or presses; `naming`: what everybody may read of them."""
    name = clean_name(person.full_name or "")
    return Asker(
        person.id,
        "" if naming is Naming.SOMEONE else name,
        hidden=naming is Naming.AN_ADMIN,
        username=person.username or "",
    )


def named(message: Message) -> list[Person]:
    """Who is named in a message, in the order of its text."""
    kinds = (MessageEntity.MENTION, MessageEntity.TEXT_MENTION)
    people = []
    for entity in sorted(message.entities, key=lambda each: each.offset):
        if entity.type not in kinds:
            continue
        try:
            text = clean(message.parse_entity(entity)).strip()
            left = len(_from(message.text or "", entity.offset))
        except UnicodeError:  # it begins within a letter: that is no name
            continue
        if not text:
            continue
        if entity.type == MessageEntity.MENTION:
            people.append(Person(text, username=text.removeprefix("@"), left=left))
        elif entity.user is not None:
            name = clean_name(entity.user.full_name or "")
            also = entity.user.username or ""
            people.append(Person(text, id=entity.user.id, name=name, also=also, left=left))
    return people


def _from(text: str, offset: int) -> str:
    """The end of a text as `after_command` has it, from the first letter at an offset in UTF-16
    code units on.

    Raises `UnicodeError` where that is within a letter.
    """
    units = text.encode("utf-16-le", "surrogatepass")[2 * offset :]
    return clean(units.decode("utf-16-le", "surrogatepass")).strip()


def person(message: Message) -> int | None:
    """Whose private chat it is that what is said to the writer can be said in."""
    is_person = message.sender_chat is None and message.from_user is not None
    return message.from_user.id if is_person and message.from_user else None


def thread(message: Message) -> int | None:
    """The forum's topic."""
    # In the General topic and in plain threads the number must not be sent back.
    return message.message_thread_id if message.is_topic_message else None


def origin(message: Message) -> Origin:
    """What the row of a command is found by."""
    return Origin(message.chat.id, message.message_id)


def place(message: Message, places: Places) -> Place:
    """Where the card of a command goes."""
    chat_id = places.now(message.chat.id)
    # Where the group has moved on it counts its messages from 1 again.
    reply_to = message.message_id if chat_id == message.chat.id else None
    title = "" if is_private(message) else clean_name(message.chat.title or "")
    return Place(chat_id, thread(message), reply_to, title)


_COMMAND = re.compile(r"^\s*/[A-Za-z0-9_]+(?:@[A-Za-z0-9_]+)?")


def button_data(message: MaybeInaccessibleMessage) -> Iterator[str]:
    """What each button under a message carries, in their order. Of old messages only the number
    comes, and no buttons."""
    yield from data_of(message.reply_markup if isinstance(message, Message) else None)


def data_of(markup: InlineKeyboardMarkup | None) -> Iterator[str]:
    """What each button of a keyboard carries, in their order."""
    for button in itertools.chain(*(markup.inline_keyboard if markup else ())):
        yield str(button.callback_data)


def after_command(message: Message) -> str:
    """What is written behind the command, which ends where Telegram says it does: what follows
    without a space is not thrown away."""
    return _COMMAND.sub("", clean(message.text or ""), count=1).strip()


def quoted(message: Message) -> str:
    """What is marked of the message that the command replies to, else its text by a person."""
    if message.quote is not None and (marked := clean(message.quote.text).strip()):
        return marked
    to = replied(message)
    if to is None:
        return ""
    if to.from_user is not None and to.from_user.is_bot and not to.sender_chat:
        return ""
    return clean(to.text or to.caption or "").strip()
