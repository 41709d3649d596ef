"""What people write in a simulated Telegram: messages, edits, forwards. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from bot.demo.telegram.state import State
from bot.demo.telegram.text import Entity, fix_text, utf16_length
from bot.demo.telegram.world import (
    CHANNEL_BOT,
    GROUP_ANONYMOUS_BOT,
    TELEGRAM,
    Chat,
    Json,
    Message,
    User,
    chat_json,
    user_json,
)

#: What somebody types; in a list, people are those whom they pick for a mention.
Typed = str | list[str | User]

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_QUOTE = 1024


class Writing(State):
    """The state, and what people write."""

    def say(
        self,
        chat: Chat | int,
        user: User | int,
        text: Typed,
        *,
        reply_to: Message | int | None = None,
        quote: str | None = None,
        thread: int | None = None,
        anonymous: bool | None = None,
        sender_chat: Chat | None = None,
        photo: bytes | None = None,
        via_bot: User | None = None,
    ) -> Message:
        """A person writes. `anonymous`: see `set_anonymous`, first; `sender_chat`: as a channel.

        `via_bot`: they tapped an inline result of this bot, whose text it is.

        With `photo`, `text` is its caption; `quote` is what they marked of the message that they
        reply to. A client mentions somebody by `@username`, which names no id, or without one by
        their first name, with their User. ValueError where it would not send the message: empty,
        too long, or not in the chat.
        """
        chat, user = self._chat(chat), self._user(user)
        if anonymous is not None:
            self.set_anonymous(chat, user, on=anonymous)
        _check_may_write(chat, user)
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
        if via_bot is not None:
            if not via_bot.is_bot:
                raise ValueError(f"{via_bot.first_name} is no bot")
            message.extra["via_bot"] = user_json(via_bot)
        if sender_chat is not None:
            message.sender, message.sender_chat = CHANNEL_BOT, sender_chat
        elif chat.hides(user.id):
            message.sender, message.sender_chat = GROUP_ANONYMOUS_BOT, chat
        if chat.type == "private" and not chat.started:
            chat.started = True
        return self.publish(message)

    def set_anonymous(self, chat: Chat | int, user: User | int, *, on: bool = True) -> None:
        """An administrator writes as the group from now on: nothing names them in it.

        Only administrators, bots too, see that they are one. What they press comes from their own
        account all the same. ValueError for somebody who is no administrator.
        """
        chat, user = self._chat(chat), self._user(user)
        if not chat.has_admin(user.id):
            raise ValueError(f"{user.first_name} is no administrator")
        if on:
            chat.anonymous.add(user.id)
        else:
            chat.anonymous.discard(user.id)

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

    def edit_as_user(self, message: Message, text: Typed) -> Message:
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
        """Forward a message; `automatic`: a channel's post arriving in its discussion group.

        Buttons go along only where all of them are links. ValueError where a client can't forward:
        a message that is gone or protected, or to a chat in which the person can't write.
        """
        to = self._chat(to)
        sender = TELEGRAM if automatic else self._user(user) if user is not None else None
        if message.deleted or message.service or "has_protected_content" in message.extra:
            raise ValueError("that message can't be forwarded")
        if sender is not None and not automatic:
            _check_may_write(to, sender)
        copy = self.new_message(to, sender)
        copy.text, copy.entities, copy.photo = message.text, list(message.entities), message.photo
        copy.document = message.document
        copy.reply_markup = _forwarded_markup(message)
        copy.extra = {"forward_origin": _origin(message)}
        if automatic:
            copy.sender_chat = message.chat
            copy.extra["is_automatic_forward"] = True
        elif sender is not None and to.hides(sender.id):
            copy.sender, copy.sender_chat = GROUP_ANONYMOUS_BOT, to
        if to.type == "private" and not automatic:
            to.started = True
        return self.publish(copy)

    def delete_as_user(self, message: Message, user: User | int) -> None:
        """A person deletes a message for everyone: any in private, else as its writer or an admin.

        ValueError where their client offers them no such thing.
        """
        chat, user = message.chat, self._user(user)
        is_theirs = message.author is user or chat.type == "private"
        if message.deleted or not (chat.has(user.id) and (is_theirs or chat.has_admin(user.id))):
            raise ValueError(f"{user.first_name} can't delete that")
        self.delete_message(chat, message.id)


def _typed(typed: Typed, *, is_caption: bool) -> tuple[str | None, list[Json]]:
    """What a client makes of what was typed. ValueError where it would not send it."""
    text, entities = _with_mentions([typed] if isinstance(typed, str) else typed)
    if is_caption and not text.strip():
        return None, []
    text, entities = fix_text(text, entities)
    limit = MAX_CAPTION if is_caption else MAX_TEXT
    if utf16_length(text) > limit:
        raise ValueError(f"a client sends at most {limit} characters at once")
    return text, [entity.to_json() for entity in entities]


def _with_mentions(parts: Sequence[str | User]) -> tuple[str, list[Entity]]:
    """The text, and the mentions that carry a User."""
    text, entities = "", []
    for part in parts:
        if isinstance(part, str):
            text += part
        elif part.username:
            text += f"@{part.username}"
        else:
            place, length = utf16_length(text), utf16_length(part.first_name)
            entities.append(Entity("text_mention", place, length, {"user": user_json(part)}))
            text += part.first_name
    return text, entities


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


def _check_may_write(chat: Chat, user: User) -> None:
    if chat.migrated_to is not None or chat.blocked or not chat.has(user.id):
        raise ValueError(f"{user.first_name} can't write there")


def _forwarded_markup(message: Message) -> Json | None:
    """The keyboard of a forward: of links only, or none."""
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    are_links = all("url" in button for row in rows for button in row)
    return {"inline_keyboard": rows} if rows and are_links else None


def _origin(message: Message) -> Json:
    if "forward_origin" in message.extra:
        return dict(message.extra["forward_origin"])
    if message.sender_chat is not None and message.sender_chat.type == "channel":
        where = {"chat": chat_json(message.sender_chat), "message_id": message.id}
        return {"type": "channel", **where, "date": message.date}
    if message.sender_chat is not None:
        shown = chat_json(message.sender_chat)
        return {"type": "chat", "sender_chat": shown, "date": message.date}
    if message.sender is None:
        return {"type": "hidden_user", "sender_user_name": "Somebody", "date": message.date}
    return {"type": "user", "sender_user": user_json(message.sender), "date": message.date}
