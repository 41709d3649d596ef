"""What stands in a simulated Telegram: people, chats, messages, pictures. Knows no HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
ChatType = Literal["private", "group", "supergroup", "channel"]
ChangeKind = Literal["message", "edit", "delete", "press", "answer", "reaction", "chat", "call"]


@dataclass(slots=True, eq=False)
class User:
    """A person or a bot."""

    id: int
    first_name: str
    is_bot: bool = False
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None


@dataclass(slots=True, eq=False)
class Photo:
    """One uploaded picture: `data` are the uploaded bytes, untouched."""

    file_id: str
    unique_id: str
    data: bytes
    width: int
    height: int


@dataclass(slots=True)
class Version:
    """How a message looked from `at` (Unix seconds) on."""

    at: float
    text: str | None
    entities: list[Json]
    photo: Photo | None
    reply_markup: Json | None


@dataclass(slots=True, eq=False)
class Message:
    """A message as it stands now; `text` and `entities` are the caption's where there is a photo."""

    id: int
    chat: Chat
    sender: User | None
    date: int
    text: str | None = None
    entities: list[Json] = field(default_factory=list)
    photo: Photo | None = None
    reply_markup: Json | None = None
    sender_chat: Chat | None = None
    reply_to: Message | None = None
    thread_id: int | None = None
    edit_date: int | None = None
    service: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)
    reactions: dict[int, list[Json]] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Chat:
    """A chat with its members (by user id: creator, administrator, member, left, kicked)."""

    id: int
    type: ChatType
    title: str | None = None
    is_forum: bool = False
    members: dict[int, str] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    migrated_to: Chat | None = None


@dataclass(slots=True, frozen=True)
class Answer:
    """What answerCallbackQuery said to the person who pressed."""

    text: str | None
    show_alert: bool


@dataclass(slots=True, eq=False)
class Press:
    """A pressed button. `await press.answer` gives what the bot answered."""

    id: str
    user: User
    message: Message
    data: str
    answer: asyncio.Future[Answer]
    pressed_at: float


@dataclass(slots=True, frozen=True)
class Change:
    """Something changed: `message` for message, edit, delete and reaction; `press` for press, answer."""

    kind: ChangeKind
    chat_id: int | None
    message: Message | None = None
    press: Press | None = None


@dataclass(slots=True, frozen=True)
class Call:
    """One call of the Bot API as it came in; uploads stand in `params` as their bytes."""

    method: str
    params: Json
    at: float
    chat_id: int | None
