"""Chats and who is in them: groups, topics, members, the bot's places. Knows no HTTP."""

from __future__ import annotations

from bot.demo.telegram.pressing import Pressing
from bot.demo.telegram.state import Bot
from bot.demo.telegram.world import (
    GROUP_ANONYMOUS_BOT,
    Change,
    Chat,
    Message,
    User,
    user_json,
)


class People(Pressing):
    """All of it: the state, what people write and press, and who is where."""

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
        self,
        chat: Chat | int,
        *,
        send_text: bool = True,
        send_photos: bool = True,
        send_documents: bool = True,
    ) -> None:
        """What bots, and everybody but administrators, can send in a group from now on."""
        chat = self._chat(chat)
        chat.may_text, chat.may_photo, chat.may_document = send_text, send_photos, send_documents

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
        new.members, new.anonymous = dict(old.members), set(old.anonymous)
        new.bare_commands, new.may_text, new.may_photo = (
            old.bare_commands,
            old.may_text,
            old.may_photo,
        )
        new.may_document = old.may_document
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
