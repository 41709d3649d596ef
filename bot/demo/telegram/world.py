"""People, chats, messages, pictures, and their JSON in the Bot API. Knows no HTTP and no rules."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
ChatType = Literal["private", "group", "supergroup", "channel"]
ChangeKind = Literal["message", "edit", "delete", "press", "answer", "reaction", "chat"]

IN_CHAT = ("creator", "administrator", "member")
ADMINS = ("creator", "administrator")

# Telegram shrinks a larger picture to this, and makes the smaller sizes beside it
MAX_SIDE = 1280
_SIZES = (("s", 90), ("m", 320), ("x", 800))


@dataclass(slots=True, eq=False)
class User:
    """A person or a bot."""

    id: int
    first_name: str
    is_bot: bool = False
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None


# the senders in `from` where a chat speaks
GROUP_ANONYMOUS_BOT = User(1087968824, "Group", is_bot=True, username="GroupAnonymousBot")
CHANNEL_BOT = User(136817688, "Channel", is_bot=True, username="Channel_Bot")
TELEGRAM = User(777000, "Telegram")


@dataclass(slots=True, eq=False)
class Photo:
    """One uploaded picture; `data` are the bytes as uploaded, width and height are theirs.

    A bot's file_id is its own: no other bot can send by it. `bot_id` is None for a person's.
    """

    file_id: str
    unique_id: str
    data: bytes
    width: int
    height: int
    bot_id: int | None = None

    def sizes(self) -> list[Json]:
        """PhotoSize objects, the smallest first; the last one is the picture itself."""
        longest = max(self.width, self.height)
        shown = [(letter, side) for letter, side in _SIZES if side < min(longest, MAX_SIDE)]
        sizes = [self._size(letter, side / longest) for letter, side in shown]
        last = self._size("", min(1.0, MAX_SIDE / longest))
        return [*sizes, {**last, "file_size": len(self.data)}]

    def _size(self, letter: str, scale: float) -> Json:
        return {
            "file_id": self.file_id + letter,
            "file_unique_id": self.unique_id + letter,
            "width": max(1, round(self.width * scale)),
            "height": max(1, round(self.height * scale)),
        }


@dataclass(slots=True, eq=False)
class Document:
    """One uploaded file, as it was uploaded."""

    file_id: str
    unique_id: str
    name: str
    mime_type: str
    data: bytes

    def to_json(self) -> Json:
        """The Bot API's Document."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "file_name": self.name,
            "mime_type": self.mime_type,
            "file_size": len(self.data),
        }


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
    """A message as it is now; `text` and `entities` are the caption's below a photo or a file.

    `author` wrote it, even where a chat is shown as the sender. `service` is what a service message
    says, `extra` what else the Bot API shows of it. `reactions` are by user id. `preview` is the
    address of the page that unfolds below a text. `fetched`: when a bot fetched it, each time.
    """

    id: int
    chat: Chat
    sender: User | None
    date: int
    text: str | None = None
    entities: list[Json] = field(default_factory=list)
    photo: Photo | None = None
    document: Document | None = None
    reply_markup: Json | None = None
    sender_chat: Chat | None = None
    author: User | None = None
    reply_to: Message | None = None
    thread_id: int | None = None
    edit_date: int | None = None
    preview: str | None = None
    service: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)
    reactions: dict[int, list[Json]] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    fetched: list[float] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Chat:
    """A chat with its members (by user id: creator, administrator, member, left, kicked).

    `bot` is the bot of a private chat; `started`: the person has written to it; `blocked`: they
    have blocked it. `may_text`, `may_photo`, `may_document`: what members can send who are not
    administrators.
    `counted_by` is the bot whose numbers a group's `messages` have. `closed_topics`: only
    administrators write there. `anonymous` are the administrators who write as the group.
    """

    id: int
    type: ChatType
    title: str | None = None
    is_forum: bool = False
    members: dict[int, str] = field(default_factory=dict)
    anonymous: set[int] = field(default_factory=set)
    topics: dict[int, str] = field(default_factory=dict)
    closed_topics: set[int] = field(default_factory=set)
    messages: dict[int, Message] = field(default_factory=dict)
    migrated_to: Chat | None = None
    bot: User | None = None
    person: User | None = None
    started: bool = False
    blocked: bool = False
    bare_commands: bool = True
    may_text: bool = True
    may_photo: bool = True
    may_document: bool = True
    last_bot_id: int | None = None
    last_message_id: int = 0
    counted_by: int | None = None

    def has(self, user_id: int) -> bool:
        """Whether the person or bot is in the chat now."""
        return self.members.get(user_id) in IN_CHAT

    def has_admin(self, user_id: int) -> bool:
        """Whether the person or bot is an administrator now."""
        return self.members.get(user_id) in ADMINS

    def hides(self, user_id: int) -> bool:
        """Whether the person is an anonymous administrator now."""
        return user_id in self.anonymous and self.has_admin(user_id)


@dataclass(slots=True, frozen=True)
class Answer:
    """What answerCallbackQuery says to the person who pressed.

    `url` opens their private chat with the bot, see `follow`.
    """

    text: str | None
    show_alert: bool
    url: str | None = None


@dataclass(slots=True, eq=False)
class Press:
    """A pressed button with its `label`. `await press.answer` returns what the bot answered.

    `followed`: the person has followed the link of the answer.
    """

    id: str
    user: User
    message: Message
    label: str
    data: str
    answer: asyncio.Future[Answer]
    pressed_at: float
    followed: bool = False


@dataclass(slots=True, frozen=True)
class Change:
    """Something changed; `message` and `press` where the kind has one."""

    kind: ChangeKind
    chat_id: int | None
    message: Message | None = None
    press: Press | None = None


@dataclass(slots=True, eq=False)
class Call:
    """One call of the Bot API as it came in: values are text as sent, uploads their bytes.

    `status` is the HTTP status of its answer; None while it is open, or if it was dropped.
    `ended_at`: when that was; None while it is open. `has_acted`: it was done, answered or not.
    `message_id`: of the message that it names or made. `peer_port`: the caller's.
    """

    method: str
    params: Json
    at: float
    chat_id: int | None
    status: int | None = None
    peer_port: int = 0
    ended_at: float | None = None
    has_acted: bool = False
    message_id: int | None = None

    @property
    def is_lost(self) -> bool:
        """Whether its connection was broken in place of an answer."""
        return self.ended_at is not None and self.status is None


def user_json(user: User) -> Json:
    """The Bot API's User."""
    shown: Json = {"id": user.id, "is_bot": user.is_bot, "first_name": user.first_name}
    for key, value in (
        ("last_name", user.last_name),
        ("username", user.username),
        ("language_code", user.language_code),
    ):
        if value:
            shown[key] = value
    return shown


def chat_json(chat: Chat) -> Json:
    """The Bot API's Chat."""
    if chat.person is not None:
        shown = user_json(chat.person)
        return {
            key: shown[key] for key in ("id", "first_name", "last_name", "username") if key in shown
        } | {"type": "private"}
    shown = {"id": chat.id, "title": chat.title, "type": chat.type}
    if chat.is_forum:
        shown["is_forum"] = True
    return shown


def member_json(chat: Chat, user: User) -> Json:
    """The Bot API's ChatMember, as an administrator sees it."""
    status = chat.members.get(user.id, "left")
    shown: Json = {"user": user_json(user), "status": status}
    if status == "creator":
        shown["is_anonymous"] = chat.hides(user.id)
    elif status == "kicked":
        shown["until_date"] = 0
    elif status == "administrator":
        shown |= dict.fromkeys(_ADMIN_RIGHTS, True)
        shown |= {"can_be_edited": False, "can_promote_members": False}
        shown["is_anonymous"] = chat.hides(user.id)
        if chat.type == "channel":
            shown |= {"can_post_messages": True, "can_edit_messages": True}
        else:
            shown["can_pin_messages"] = True
    return shown


_ADMIN_RIGHTS = (
    "can_manage_chat",
    "can_change_info",
    "can_delete_messages",
    "can_invite_users",
    "can_restrict_members",
    "can_manage_video_chats",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


def message_json(message: Message, *, with_reply: bool = True) -> Json:
    """The Bot API's Message, with the one it replies to but not that one's own."""
    shown: Json = {"message_id": message.id}
    if message.sender is not None:
        shown["from"] = user_json(message.sender)
    if message.sender_chat is not None:
        shown["sender_chat"] = chat_json(message.sender_chat)
    shown["chat"] = chat_json(message.chat)
    shown["date"] = message.date
    if message.edit_date is not None:
        shown["edit_date"] = message.edit_date
    if message.thread_id is not None:
        shown["message_thread_id"] = message.thread_id
        if message.chat.is_forum:
            shown["is_topic_message"] = True
    if with_reply:
        target = _shown_reply(message)
        if target is not None:
            shown["reply_to_message"] = message_json(target, with_reply=False)
    shown |= message.extra
    shown |= _content(message)
    shown |= message.service
    if message.reply_markup is not None and "inline_keyboard" in message.reply_markup:
        shown["reply_markup"] = message.reply_markup
    return shown


def _shown_reply(message: Message) -> Message | None:
    """In a topic, a message that replies to nothing is shown as a reply to the first one."""
    target = message.reply_to
    if target is None and message.chat.is_forum and message.thread_id not in (None, message.id):
        target = message.chat.messages.get(message.thread_id or 0)
    return target if target is not None and not target.deleted else None


def _content(message: Message) -> Json:
    shown: Json = {}
    if message.photo is not None:
        shown["photo"] = message.photo.sizes()
        text, entities = "caption", "caption_entities"
    elif message.document is not None:
        shown["document"] = message.document.to_json()
        text, entities = "caption", "caption_entities"
    else:
        text, entities = "text", "entities"
    if message.text:
        shown[text] = message.text
    if message.entities:
        shown[entities] = message.entities
    return shown
