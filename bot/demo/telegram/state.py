"""Who and what there is in a simulated Telegram. Knows no HTTP and no method of the Bot API."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram.changes import Changes
from bot.demo.telegram.deliveries import Deliveries, Front
from bot.demo.telegram.documents import Documents
from bot.demo.telegram.photos import Photos
from bot.demo.telegram.privacy import hears
from bot.demo.telegram.updates import CALLBACK_TTL_S, MESSAGE_TTL_S, UpdateQueue
from bot.demo.telegram.world import (
    Call,
    Change,
    Chat,
    ChatType,
    Json,
    Message,
    Press,
    User,
    Version,
    chat_json,
    member_json,
    message_json,
    user_json,
)

_FIRST_USER_ID = 5_000_000_001
_FIRST_GROUP_ID = -4_000_000_001
_FIRST_SUPERGROUP_ID = -1_002_000_000_001
_KEPT_CALLS = 10_000
_KEPT_PRESSES = 10_000


@dataclass(eq=False)
class Bot:
    """A bot as Telegram keeps it; `commands` by scope and language.

    `met` are the ids of people whom updates named, beside those in its groups.

    Its private chats and groups share one count of messages, which is its own. `left`: the messages
    of groups that another bot counts now, by chat id.
    """

    user: User
    token: str
    updates: UpdateQueue
    can_join_groups: bool
    reads_all: bool
    webhook: Deliveries
    may_set_at: float = 0.0  # when the next setWebhook is answered, on the real clock
    last_message_id: int = 0
    left: dict[int, dict[int, Message]] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    commands: dict[tuple[str, int | None, int | None, str], list[Json]] = field(
        default_factory=dict
    )


class State(Changes):
    """Everything in this Telegram. Arguments `chat` and `user` can be ids."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.calls: deque[Call] = deque(maxlen=_KEPT_CALLS)
        self.bots: dict[str, Bot] = {}
        #: Proxies that Telegram reaches, by their names, such as "bot.example.org".
        self.fronts: dict[str, Front] = {}
        self.photos = Photos()
        self.documents = Documents()
        #: People whom nobody can mention, by their ids.
        self.unmentionable: set[int] = set()
        #: Tags that this Bot API server is too old to know.
        self.unknown_tags: frozenset[str] = frozenset()
        #: The time that its answers say they were made at; "" is its clock's, None is none.
        self.date: str | None = ""
        self._users: dict[int, User] = {}
        self._groups: dict[int, Chat] = {}
        self._private: dict[tuple[int, int], Chat] = {}
        self._by_person: dict[int, Chat] = {}
        self._presses: dict[str, Press] = {}
        self._press_ids = itertools.count(4_300_000_000_000_000_001)

    # --- finding

    def users(self) -> list[User]:
        """Every person, in the order they were added; no bots."""
        return [user for user in self._users.values() if not user.is_bot]

    def chats(self) -> list[Chat]:
        """Every chat, private ones first, in the order they were added."""
        return [*self._private.values(), *self._groups.values()]

    def chat(self, chat_id: int) -> Chat:
        """The chat of that id. KeyError if there is none."""
        if chat_id in self._groups:
            return self._groups[chat_id]
        return self._by_person[chat_id]

    def user(self, user_id: int) -> User:
        """The person or bot of that id. KeyError if there is none."""
        return self._users[user_id]

    def message(self, chat: Chat | int, message_id: int) -> Message:
        """One message, deleted ones too. KeyError if there never was one."""
        return self._chat(chat).messages[message_id]

    def messages(self, chat: Chat | int) -> list[Message]:
        """The messages that are in the chat now, oldest first."""
        return [each for each in self._chat(chat).messages.values() if not each.deleted]

    def message_json(self, message: Message) -> Json:
        """The message as the Bot API shows it."""
        return message_json(message)

    def find_chat(self, bot: Bot, chat_id: int) -> Chat | None:
        """The chat that this bot means."""
        return self._groups.get(chat_id) or self._private.get((bot.user.id, chat_id))

    @property
    def presses(self) -> list[Press]:
        """The presses that are remembered, the oldest first."""
        return list(self._presses.values())

    def find_press(self, press_id: str) -> Press | None:
        """A press that is remembered."""
        return self._presses.get(press_id)

    def knows(self, bot: Bot, user: User) -> bool:
        """Whether the bot has ever met the person: in a group, in an update, or in private."""
        if user.id in bot.met:
            return True
        private = self._private.get((bot.user.id, user.id))
        if private is not None and private.started:
            return True
        return any(
            bot.user.id in chat.members and user.id in chat.members
            for chat in self._groups.values()
        )

    def first_bot(self) -> Bot:
        """The bot that is meant where none is named. LookupError before there is one."""
        for bot in self.bots.values():
            return bot
        raise LookupError("there is no bot yet")

    def bots_in(self, chat: Chat) -> list[Bot]:
        """The bots that are in the chat."""
        return [bot for bot in self.bots.values() if chat.has(bot.user.id)]

    def _chat(self, chat: Chat | int) -> Chat:
        return self.chat(chat) if isinstance(chat, int) else chat

    def _user(self, user: User | int) -> User:
        return self._users[user] if isinstance(user, int) else user

    def _bot_of(self, user: User | None) -> Bot | None:
        return next((bot for bot in self.bots.values() if bot.user is user), None)

    # --- adding

    def add_bot(
        self,
        token: str,
        username: str,
        first_name: str,
        *,
        can_join_groups: bool = True,
        can_read_all_group_messages: bool = False,
    ) -> User:
        """Add a bot; its id is the part of `token` before the colon."""
        user = User(int(token.partition(":")[0]), first_name, is_bot=True, username=username)
        queue = UpdateQueue(self.clock)
        self._users[user.id] = user
        self.bots[token] = Bot(
            user,
            token,
            queue,
            can_join_groups,
            can_read_all_group_messages,
            Deliveries(queue, self.fronts, self.clock, self.changed),
        )
        return user

    def add_user(
        self,
        first_name: str,
        *,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = "en",
    ) -> User:
        """Add a person."""
        id_ = _FIRST_USER_ID + len(self._users)
        while id_ in self._users:
            id_ += 1
        user = User(id_, first_name, False, last_name, username, language_code)
        self._users[id_] = user
        return user

    def private_chat(self, user: User | int, *, bot: User | None = None) -> Chat:
        """The person's chat with the bot (the first one); its id is the person's.

        Until the person writes there, the bot can't.
        """
        user = self._user(user)
        bot = bot or self.first_bot().user
        chat = self._private.get((bot.id, user.id))
        if chat is None:
            chat = Chat(user.id, "private", bot=bot, person=user)
            chat.members = {user.id: "member", bot.id: "member"}
            self._private[bot.id, user.id] = chat
            self._by_person.setdefault(user.id, chat)
            self.changed(Change("chat", chat.id))
        return chat

    def new_chat(self, type_: ChatType, title: str, members: Iterable[User]) -> Chat:
        """A group, supergroup or channel with those members."""
        first = _FIRST_GROUP_ID if type_ == "group" else _FIRST_SUPERGROUP_ID
        chat = Chat(first - len(self._groups), type_, title)
        chat.members = {user.id: "member" for user in members}
        self._groups[chat.id] = chat
        self.changed(Change("chat", chat.id))
        return chat

    def new_message(self, chat: Chat, sender: User | None, **content: object) -> Message:
        """A message in the chat that nobody has heard of yet; `content` are fields of Message."""
        id_ = self._number(chat)
        message = Message(id_, chat, sender, int(self.clock()), **content)  # type: ignore[arg-type]
        message.author = message.author or sender
        chat.messages[id_] = message
        return message

    def _number(self, chat: Chat) -> int:
        """The number of the next message: a supergroup counts its own, any other chat's bots count.

        Of a group with several bots all see the same number, where the real ones see each their
        own. One that takes another's place begins its own: see `count_for`.
        """
        counting: list[Bot] = []
        if chat.type == "private":
            counting = [bot for bot in self.bots.values() if bot.user is chat.bot]
        elif chat.type == "group":
            counting = self.bots_in(chat)
        number = 1 + max([chat.last_message_id, *(bot.last_message_id for bot in counting)])
        chat.last_message_id = number
        for bot in counting:
            bot.last_message_id = number
        return number

    def count_for(self, chat: Chat, bot: Bot) -> None:
        """A bot joins: alone in a group, it sees its own numbers, and no message of before."""
        others = [other for other in self.bots_in(chat) if other is not bot]
        if chat.type != "group" or others or chat.counted_by == bot.user.id:
            return
        before = next((b for b in self.bots.values() if b.user.id == chat.counted_by), None)
        if before is not None:
            before.left[chat.id] = chat.messages
            chat.messages = bot.left.pop(chat.id, {})
            chat.last_message_id = max(chat.messages, default=0)
        chat.counted_by = bot.user.id

    # --- publishing: to the bots as updates, to listeners as changes

    def publish(self, message: Message) -> Message:
        """A new message is complete."""
        self._note_version(message)
        kind = "channel_post" if message.chat.type == "channel" else "message"
        self._push_message(message, kind)
        self.changed(Change("message", message.chat.id, message))
        return message

    def edited(self, message: Message) -> None:
        """The message has another text, picture or keyboard now."""
        message.edit_date = int(self.clock())
        self._note_version(message)
        is_post = message.chat.type == "channel"
        self._push_message(message, "edited_channel_post" if is_post else "edited_message")
        self.changed(Change("edit", message.chat.id, message))

    def delete_message(self, chat: Chat | int, message_id: int) -> None:
        """Somebody deletes a message. Bots get no update. KeyError if there is none."""
        message = self.message(chat, message_id)
        message.deleted = True
        self.changed(Change("delete", message.chat.id, message))

    def _note_version(self, message: Message) -> None:
        message.versions.append(
            Version(
                self.clock(), message.text, message.entities, message.photo, message.reply_markup
            )
        )

    def _push_message(self, message: Message, kind: str) -> None:
        body: Json | None = None
        for bot in self.bots.values():
            if hears(bot.user, message, reads_all=bot.reads_all):
                body = body or message_json(message)
                bot.met.update(
                    entity["user"]["id"] for entity in message.entities if "user" in entity
                )
                bot.updates.push(kind, body, MESSAGE_TTL_S)

    def push_membership(self, bot: Bot, chat: Chat, by: User, status: str) -> None:
        """Give the bot another status in the chat; a private chat's says what the person did."""
        bot.met.add(by.id)
        old = member_json(chat, bot.user)
        chat.members[bot.user.id] = status
        body = {
            "chat": chat_json(chat),
            "from": user_json(by),
            "date": int(self.clock()),
            "old_chat_member": old,
            "new_chat_member": member_json(chat, bot.user),
        }
        bot.updates.push("my_chat_member", body, MESSAGE_TTL_S)
        self.changed(Change("chat", chat.id))

    def push_press(self, bot: Bot, press: Press) -> None:
        """Remember a press, and hand it to the bot whose button it is."""
        while len(self._presses) >= _KEPT_PRESSES:
            del self._presses[next(iter(self._presses))]
        self._presses[press.id] = press
        bot.met.add(press.user.id)
        body = {
            "id": press.id,
            "from": user_json(press.user),
            "message": message_json(press.message),
            "chat_instance": str(press.message.chat.id * 7919),
            "data": press.data,
        }
        bot.updates.push("callback_query", body, CALLBACK_TTL_S)
        self.changed(Change("press", press.message.chat.id, press=press))

    def note_fetched(self, bot: Bot, updates: list[Json]) -> None:
        """The bot fetches these updates; each message remembers when."""
        for update in updates:
            body: Any = update.get("message") or update.get("channel_post")
            try:
                chat, number = self.find_chat(bot, body["chat"]["id"]), body["message_id"]
                message = None if chat is None else chat.messages.get(number)
            except (KeyError, TypeError):
                continue  # it is no message of ours
            if message is not None:
                message.fetched.append(self.clock())

    def push_written_update(self, fields: str) -> int:
        """Deliver an update with this text after its number, JSON or not, to every bot.

        Returns the last bot's update_id.
        """
        return [bot.updates.push_written(fields) for bot in self.bots.values()][-1]

    def push_raw_update(self, update: Json) -> int:
        """Deliver this very dict, with an update_id, to every bot: broken or unknown updates.

        Returns the last bot's update_id.
        """
        update_id = 0
        for bot in self.bots.values():
            update_id = bot.updates.push_raw(update)
        return update_id
