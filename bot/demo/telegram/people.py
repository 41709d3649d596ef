"""What people do in a simulated Telegram: add groups, write, press, block. Knows no HTTP."""

from __future__ import annotations

import asyncio

from bot.demo.telegram.state import Bot, State
from bot.demo.telegram.text import Entity, fix_text, utf16_length
from bot.demo.telegram.world import (
    CHANNEL_BOT,
    GROUP_ANONYMOUS_BOT,
    TELEGRAM,
    Change,
    Chat,
    Json,
    Message,
    Press,
    User,
    chat_json,
    user_json,
)

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_QUOTE = 1024


class People(State):
    """The state, and what people do to it."""

    # --- chats and who is in them

    def add_group(
        self,
        title: str,
        members: list[User],
        *,
        admins: tuple[User, ...] | list[User] = (),
        supergroup: bool = False,
        forum: bool = False,
        bot_member: bool = True,
        bare_commands: bool = True,
    ) -> Chat:
        """Add a group; the first admin (or member) is its creator. `forum` implies supergroup.

        With `bot_member` every bot there is joins. `bare_commands`: whether `/cmd` without
        `@thebot` reaches a bot in privacy mode.
        """
        everybody = {user.id: user for user in (*admins, *members)}
        chat = self.new_chat(
            "supergroup" if supergroup or forum else "group", title, everybody.values()
        )
        chat.is_forum, chat.bare_commands = forum, bare_commands
        for user in admins:
            chat.members[user.id] = "administrator"
        creator = next(iter(everybody.values()), None)
        if creator is not None:
            chat.members[creator.id] = "creator"
        if bot_member:
            self._join_all(chat, creator, "member")
        return chat

    def add_channel(self, title: str, *, admins: list[User], bot_member: bool = True) -> Chat:
        """Add a channel; with `bot_member` every bot becomes its administrator."""
        chat = self.new_chat("channel", title, admins)
        for user in admins:
            chat.members[user.id] = "administrator"
        chat.members[admins[0].id] = "creator"
        if bot_member:
            self._join_all(chat, admins[0], "administrator")
        return chat

    def _join_all(self, chat: Chat, by: User | None, status: str) -> None:
        for bot in self.bots.values():
            if by is not None and bot.can_join_groups:
                self._join(chat, bot, by, status)

    def _join(self, chat: Chat, bot: Bot, by: User, status: str) -> None:
        self.count_for(chat, bot)
        self.push_membership(bot, chat, by, status)
        if chat.type != "channel":
            self._service(chat, by, new_chat_members=[user_json(bot.user)])

    def _service(self, chat: Chat, by: User | None, **what: object) -> Message:
        return self.publish(self.new_message(chat, by, service=what))

    def add_topic(self, chat: Chat | int, name: str) -> int:
        """Add a topic to a forum. Returns its message_thread_id."""
        chat = self._chat(chat)
        message = self.new_message(chat, self._creator(chat))
        message.service = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message.thread_id = message.id
        chat.topics[message.id] = name
        self.publish(message)
        return message.id

    def delete_topic(self, chat: Chat | int, thread: int) -> None:
        """Delete a topic and every message in it."""
        chat = self._chat(chat)
        del chat.topics[thread]
        for message in list(chat.messages.values()):
            if message.thread_id == thread and not message.deleted:
                self.delete_message(chat, message.id)

    def close_topic(self, chat: Chat | int, thread: int) -> None:
        """Only administrators write there from now on."""
        chat = self._chat(chat)
        message = self.new_message(chat, self._creator(chat), service={"forum_topic_closed": {}})
        message.thread_id = thread
        chat.closed_topics.add(thread)
        self.publish(message)

    def reopen_topic(self, chat: Chat | int, thread: int) -> None:
        """Everybody writes there again."""
        chat = self._chat(chat)
        message = self.new_message(chat, self._creator(chat), service={"forum_topic_reopened": {}})
        message.thread_id = thread
        chat.closed_topics.discard(thread)
        self.publish(message)

    def switch_topics(self, chat: Chat | int, *, on: bool) -> None:
        """A forum becomes a plain supergroup, or the other way round; its topics are kept."""
        chat = self._chat(chat)
        chat.is_forum = on
        self.changed(Change("chat", chat.id))

    def join(self, chat: Chat | int, user: User | int) -> None:
        """A person joins a group."""
        chat, user = self._chat(chat), self._user(user)
        chat.members[user.id] = "member"
        self.changed(Change("chat", chat.id))
        self._service(chat, user, new_chat_members=[user_json(user)])

    def leave(self, chat: Chat | int, user: User | int) -> None:
        """A person leaves a group."""
        chat, user = self._chat(chat), self._user(user)
        chat.members[user.id] = "left"
        self.changed(Change("chat", chat.id))
        self._service(chat, user, left_chat_member=user_json(user))

    def promote(self, chat: Chat | int, user: User | int) -> None:
        """Make a member (or the bot) an administrator."""
        self._set_status(self._chat(chat), self._user(user), "administrator")

    def demote(self, chat: Chat | int, user: User | int) -> None:
        """Make an administrator a member again."""
        self._set_status(self._chat(chat), self._user(user), "member")

    def _set_status(self, chat: Chat, user: User, status: str) -> None:
        bot = self._bot_of(user)
        if bot is not None:
            self.push_membership(bot, chat, self._creator(chat) or user, status)
            return
        chat.members[user.id] = status
        self.changed(Change("chat", chat.id))

    def restrict_bot(
        self, chat: Chat | int, *, send_text: bool = True, send_photos: bool = True
    ) -> None:
        """What bots, and everybody but administrators, can send in a group from now on."""
        chat = self._chat(chat)
        chat.may_text, chat.may_photo = send_text, send_photos

    def block(self, user: User | int, *, bot: User | None = None) -> None:
        """The person blocks the bot (my_chat_member goes out; sends answer 403)."""
        self._set_blocked(self.private_chat(user, bot=bot), blocked=True)

    def unblock(self, user: User | int, *, bot: User | None = None) -> None:
        """The person unblocks the bot."""
        self._set_blocked(self.private_chat(user, bot=bot), blocked=False)

    def _set_blocked(self, chat: Chat, *, blocked: bool) -> None:
        chat.blocked = blocked
        bot = self._bot_of(chat.bot)
        if bot is not None and chat.person is not None:
            self.push_membership(bot, chat, chat.person, "kicked" if blocked else "member")

    def remove_bot(
        self, chat: Chat | int, *, bot: User | None = None, status: str = "kicked"
    ) -> None:
        """The bot is removed from a group or channel; `status` left: it went by itself."""
        chat = self._chat(chat)
        gone = self._bot_of(bot) or self.first_bot()
        by = self._creator(chat) if status == "kicked" else None
        by = by or gone.user
        self.push_membership(gone, chat, by, status)
        if chat.type != "channel":
            self._service(chat, by, left_chat_member=user_json(gone.user))

    def readd_bot(self, chat: Chat | int, *, bot: User | None = None) -> None:
        """The bot is added (again) to a group or channel."""
        chat = self._chat(chat)
        back = self._bot_of(bot) or self.first_bot()
        status = "administrator" if chat.type == "channel" else "member"
        self._join(chat, back, self._creator(chat) or back.user, status)

    def migrate(self, chat: Chat | int) -> Chat:
        """Turn a group into a supergroup with a new id. The old id answers 400 from now on."""
        old = self._chat(chat)
        new = self.new_chat("supergroup", old.title or "", [])
        new.members = dict(old.members)
        new.bare_commands, new.may_text, new.may_photo = (
            old.bare_commands,
            old.may_text,
            old.may_photo,
        )
        # both messages are published while the old group still exists
        self._service(old, self._creator(old), migrate_to_chat_id=new.id)
        note = self.new_message(new, GROUP_ANONYMOUS_BOT, sender_chat=new)
        note.service = {"migrate_from_chat_id": old.id}
        self.publish(note)
        old.migrated_to = new
        self.changed(Change("chat", old.id))
        return new

    def _creator(self, chat: Chat) -> User | None:
        for user_id, status in chat.members.items():
            if status == "creator":
                return self._users[user_id]
        return None

    def _bot_of(self, user: User | None) -> Bot | None:
        return next((bot for bot in self.bots.values() if bot.user is user), None)

    # --- writing

    def say(
        self,
        chat: Chat | int,
        user: User | int,
        text: str,
        *,
        reply_to: Message | int | None = None,
        quote: str | None = None,
        thread: int | None = None,
        anonymous: bool = False,
        sender_chat: Chat | None = None,
        photo: bytes | None = None,
    ) -> Message:
        """A person writes. `anonymous`: an administrator as the group; `sender_chat`: as a channel.

        With `photo`, `text` is its caption; `quote` is what they marked of the message that they
        reply to. Nothing names `user` in what goes out then. ValueError
        where their client would not send it: empty, too long, or not in the chat.
        """
        chat, user = self._chat(chat), self._user(user)
        if chat.migrated_to is not None or chat.blocked or not chat.has(user.id):
            raise ValueError(f"{user.first_name} can't write there")
        if thread is not None and (thread not in chat.topics or not chat.is_forum):
            raise ValueError(f"there is no topic {thread}")
        if thread in chat.closed_topics and not chat.has_admin(user.id):
            raise ValueError(f"topic {thread} is closed")
        typed, entities = _typed(text, is_caption=photo is not None)
        picture = None if photo is None else self.photos.add(photo)
        message = self.new_message(chat, user, text=typed, entities=entities, photo=picture)
        message.reply_to = self._target(chat, reply_to)
        message.thread_id = thread_of(chat, message.reply_to, thread)
        if quote is not None:
            message.extra["quote"] = _quote(message.reply_to, quote)
        if anonymous:
            message.sender, message.sender_chat = GROUP_ANONYMOUS_BOT, chat
        elif sender_chat is not None:
            message.sender, message.sender_chat = CHANNEL_BOT, sender_chat
        if chat.type == "private" and not chat.started:
            chat.started = True
        return self.publish(message)

    def _target(self, chat: Chat, reply_to: Message | int | None) -> Message | None:
        return chat.messages[reply_to] if isinstance(reply_to, int) else reply_to

    def post(self, channel: Chat | int, text: str) -> Message:
        """Somebody posts in a channel."""
        channel = self._chat(channel)
        typed, entities = _typed(text, is_caption=False)
        message = self.new_message(
            channel, None, sender_chat=channel, text=typed, entities=entities
        )
        return self.publish(message)

    def edit_as_user(self, message: Message, text: str) -> Message:
        """The writer edits a message."""
        message.text, message.entities = _typed(text, is_caption=message.photo is not None)
        self.edited(message)
        return message

    def forward(
        self,
        message: Message,
        to: Chat | int,
        user: User | int | None = None,
        *,
        automatic: bool = False,
    ) -> Message:
        """Forward a message; `automatic`: a channel's post arriving in its discussion group."""
        to = self._chat(to)
        sender = TELEGRAM if automatic else self._user(user) if user is not None else None
        copy = self.new_message(to, sender)
        copy.text, copy.entities, copy.photo = message.text, list(message.entities), message.photo
        copy.extra = {"forward_origin": _origin(message)}
        if automatic:
            copy.sender_chat = message.chat
            copy.extra["is_automatic_forward"] = True
        if to.type == "private" and not automatic:
            to.started = True
        return self.publish(copy)

    # --- buttons and menus

    def press(
        self,
        chat: Chat | int,
        user: User | int,
        message_id: int,
        *,
        text: str | None = None,
        data: str | None = None,
    ) -> Press:
        """Press the button with that text or callback_data (the only one if neither is given).

        LookupError if there is no such button now.
        """
        message = self.message(chat, message_id)
        bot = self._bot_of(message.sender)
        buttons = [] if message.deleted or bot is None else _buttons(message)
        wanted = [
            button
            for button in buttons
            if text in (None, button["text"]) and data in (None, button["callback_data"])
        ]
        if not wanted or bot is None or (text is None and data is None and len(wanted) > 1):
            raise LookupError(f"no such button: {[button['text'] for button in buttons]}")
        answer = asyncio.get_running_loop().create_future()
        pressed = wanted[0]["callback_data"]
        press_id = str(next(self._press_ids))
        press = Press(press_id, self._user(user), message, pressed, answer, self.clock())
        self.push_press(bot, press)
        return press

    def commands(self, chat: Chat | int, user: User | int) -> list[Json]:
        """The command menu that this person is shown in this chat; the narrowest scope wins."""
        chat, user = self._chat(chat), self._user(user)
        bots = [self._bot_of(chat.bot)] if chat.bot else self.bots_in(chat)
        menu: list[Json] = []
        for bot in bots:
            if bot is not None:
                menu += _menu(bot, chat, user)
        return menu


def _typed(text: str, *, is_caption: bool) -> tuple[str | None, list[Json]]:
    """What a client makes of what was typed. ValueError where it would not send it."""
    if is_caption and not text.strip():
        return None, []
    entities: list[Entity]
    text, entities = fix_text(text, [])
    limit = MAX_CAPTION if is_caption else MAX_TEXT
    if utf16_length(text) > limit:
        raise ValueError(f"a client sends at most {limit} characters at once")
    return text, [entity.to_json() for entity in entities]


def _quote(target: Message | None, quote: str) -> Json:
    """What somebody marked. ValueError where a client could not mark that."""
    before, marked, _ = ((target and target.text) or "").partition(quote)
    if not marked or utf16_length(quote) > MAX_QUOTE:
        raise ValueError("that is not in the message, or too much of it")
    return {"text": quote, "position": utf16_length(before), "is_manual": True}


def thread_of(chat: Chat, target: Message | None, thread: int | None) -> int | None:
    """The topic, or in other supergroups the first message of a row of replies."""
    if chat.is_forum:
        return thread if thread is not None else target.thread_id if target else None
    if chat.type == "supergroup" and target is not None:
        return target.thread_id or target.id
    return None


def _origin(message: Message) -> Json:
    if message.sender_chat is not None and message.sender_chat.type == "channel":
        where = {"chat": chat_json(message.sender_chat), "message_id": message.id}
        return {"type": "channel", **where, "date": message.date}
    if message.sender_chat is not None:
        shown = chat_json(message.sender_chat)
        return {"type": "chat", "sender_chat": shown, "date": message.date}
    if message.sender is None:
        return {"type": "hidden_user", "sender_user_name": "Somebody", "date": message.date}
    return {"type": "user", "sender_user": user_json(message.sender), "date": message.date}


def _buttons(message: Message) -> list[Json]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [button for row in rows for button in row if "callback_data" in button]


def _menu(bot: Bot, chat: Chat, user: User) -> list[Json]:
    scopes: list[tuple[str, int | None, int | None]]
    if chat.type == "private":
        scopes = [("chat", chat.id, None), ("all_private_chats", None, None)]
    else:
        admin = chat.has_admin(user.id)
        scopes = [
            ("chat_member", chat.id, user.id),
            *([("chat_administrators", chat.id, None)] if admin else []),
            ("chat", chat.id, None),
            *([("all_chat_administrators", None, None)] if admin else []),
            ("all_group_chats", None, None),
        ]
    for scope in [*scopes, ("default", None, None)]:
        for language in (user.language_code or "", ""):
            if menu := bot.commands.get((*scope, language)):
                return menu
    return []
