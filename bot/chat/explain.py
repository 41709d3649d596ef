"""Telegram's errors → ours. Knows what Telegram's texts mean; nobody else compares them."""

from __future__ import annotations

import os
from datetime import timedelta
from urllib.parse import urlsplit

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.chat.transport import NeverSent, NotTelegrams, Unreadable
from bot.errors import (
    AnswerUnreadable,
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MaybeSent,
    MessageGone,
    NoAnswer,
    NotSent,
    TopicClosed,
    TopicGone,
)
from bot.findings import About, Finding, Kind, bad

# RetryAfter.retry_after is then a timedelta, without a warning at each use.
os.environ.setdefault("PTB_TIMEDELTA", "true")

#: The patience that Telegram asks for where it does not say how much, in seconds.
RETRY_AFTER_S = 1.0
#: The longest that is believed: one odd answer must not silence a chat, or the bot, for days.
LONGEST_RETRY_AFTER_S = 300.0

#: Of a group in which the bot is, and may write nothing.
_MUTED_TEXTS = (
    "not enough rights to send text messages",
    "have no rights to send a message",
    "chat_write_forbidden",
)
_FORBIDDEN_TEXTS = (
    *_MUTED_TEXTS,
    "chat not found",
    "need administrator rights in the channel chat",
    "user not found",
    "peer_id_invalid",
    "group chat was deactivated",
)
#: Of the chat, or of somebody who is mentioned in the message.
_PERSON_TEXTS = ("user not found", "peer_id_invalid")
#: How texts begin: others end like these, and speak of the message that is replied to.
_GONE_TEXTS = ("message to edit not found", "message to delete not found")
#: Of the message that is replied to, whatever is said of it.
_REPLY_TEXTS = ("reply", "replied", "message_id_invalid")
_TOPIC_GONE_TEXTS = ("message thread not found", "topic_deleted", "topic_id_invalid")
_TOPIC_CLOSED_TEXT = "topic_closed"
#: Of somebody who is asked about; all else says why Telegram does not tell.
_NOT_THERE_TEXTS = ("user not found", "participant_id_invalid", "user_not_participant")


def explain(error: TelegramError) -> ChatError:
    """The `ChatError` for what python-telegram-bot reports."""
    text = error.message
    lowered = text.lower()  # PTB writes the first letter large
    if isinstance(error, RetryAfter):
        wait = error.retry_after
        wait_s = wait.total_seconds() if isinstance(wait, timedelta) else RETRY_AFTER_S
        return ChatBusy(min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S))
    if isinstance(error, ChatMigrated):
        return ChatMoved(error.new_chat_id)
    if isinstance(error, Forbidden):
        return ChatForbidden(detail=text)
    if isinstance(error, BadRequest):  # a NetworkError too: it has to come first
        if lowered.removeprefix("bad request: ").startswith(_GONE_TEXTS):
            return MessageGone(detail=text)
        if any(part in lowered for part in _FORBIDDEN_TEXTS):
            is_muted = any(part in lowered for part in _MUTED_TEXTS)
            return ChatForbidden(detail=text, is_muted=is_muted)
        if any(part in lowered for part in _TOPIC_GONE_TEXTS):
            return TopicGone(detail=text)
        return (TopicClosed if _TOPIC_CLOSED_TEXT in lowered else ChatRefused)(detail=text)
    if isinstance(error, NetworkError):
        if isinstance(error, NeverSent):
            return NotSent(detail=text)
        if "too many requests" in lowered and is_telegrams_word(error):
            return ChatBusy(RETRY_AFTER_S)
        if isinstance(error, Unreadable):
            return AnswerUnreadable(detail=text)
        return (NoAnswer if isinstance(error, TimedOut) else MaybeSent)(detail=text)
    # Unauthorized, Conflict and the like: it was not taken.
    return NotSent(detail=text)


def is_telegrams_word(error: TelegramError) -> bool:
    """Whether Telegram itself says that, and not a status over an answer that is none of its."""
    return error.__cause__ is None and not isinstance(error, NotTelegrams)


def changes_nothing(error: TelegramError) -> bool:
    """Whether this only says that an edit changes nothing, which is success."""
    return isinstance(error, BadRequest) and "is not modified" in error.message


def is_about_times(error: BadRequest) -> bool:
    """Whether this Bot API server is too old to know `tg-time`."""
    return 'unsupported start tag "tg-time"' in error.message.lower()


def is_about_its_text(error: BadRequest) -> bool:
    """Whether Telegram might take the same place's message with another text."""
    return type(explain(error)) is ChatRefused and not changes_nothing(error)


def is_about_a_person(error: BadRequest) -> bool:
    """Whether it may be somebody who is mentioned that Telegram does not find, and not the chat."""
    lowered = error.message.lower()
    return any(part in lowered for part in _PERSON_TEXTS)


def is_about_its_reply(error: BadRequest) -> bool:
    """Whether Telegram might take the same message where it replies to nothing."""
    lowered = error.message.lower()
    return any(part in lowered for part in _REPLY_TEXTS)


def is_not_there(error: TelegramError) -> bool:
    """Whether the person who was asked about is not in the group, to go by what Telegram says."""
    text = error.message.lower()
    return isinstance(error, BadRequest) and any(part in text for part in _NOT_THERE_TEXTS)


def is_about_a_file(error: ChatRefused) -> bool:
    """Whether Telegram no longer knows a file_id, or it was another bot's."""
    return "file" in error.detail.lower()


def is_webhook_set(error: Conflict) -> bool:
    """Whether updates go to a webhook, and not to another copy of this bot."""
    return "webhook" in error.message


def why_webhook_refused(error: BadRequest, address: str) -> Finding:
    """Why Telegram does not deliver to this address."""
    text = error.message.lower()
    parts = urlsplit(address)
    host = parts.hostname or ""
    if "https url must be provided" in text:
        return bad(About.TELEGRAM, Kind.WEBHOOK_NO_HTTPS)
    if "only on ports" in text:
        return bad(About.TELEGRAM, Kind.WEBHOOK_PORT, port=parts.port or 0)
    if "is reserved" in text or "ipv6-only" in text:
        return bad(About.TELEGRAM, Kind.WEBHOOK_RESERVED, host=host)
    if "resolve host" in text:
        return bad(About.TELEGRAM, Kind.WEBHOOK_NAME_UNKNOWN, host=host)
    return bad(About.TELEGRAM, Kind.WEBHOOK_REFUSED, host=host, reason=error.message)
