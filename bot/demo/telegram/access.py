"""Which chat, topic and message a request means, or Telegram's refusal. Knows no method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.demo.telegram.people import People
from bot.demo.telegram.request import Query, Refusal, bad_request
from bot.demo.telegram.state import Bot
from bot.demo.telegram.text import (
    MAX_SOURCE_BYTES,
    Entity,
    EntityError,
    entities_from_json,
    fix_text,
    parse_html,
    utf16_length,
)
from bot.demo.telegram.world import Chat, Json, Message, chat_json, user_json
from bot.demo.telegram.writing import MAX_CAPTION, MAX_TEXT

Right = Literal["read", "members", "edit", "write"]

GENERAL_TOPIC_ID = 1


@dataclass(slots=True, frozen=True)
class Reply:
    """What a message replies to: a message of its chat, or one elsewhere as it is shown."""

    target: Message | None = None
    external: Json | None = None


class Access:
    """Finds what requests name."""

    def __init__(self, people: People) -> None:
        self._people = people

    def chat(self, bot: Bot, query: Query, right: Right, *, name: str = "chat_id") -> Chat:
        """The chat, if the bot has that right in it. Refusal (400, 403)."""
        if not query.text(name):
            raise bad_request(f"{name} is empty")
        chat = self._find_chat(bot, query.number(name))
        if chat.type == "private":
            _check_private(chat, right)
        else:
            _check_group(bot, chat, right)
        return chat

    def _find_chat(self, bot: Bot, chat_id: int) -> Chat:
        chat = self._people.find_chat(bot, chat_id)
        if chat is not None and bot.user.id in chat.members and chat.type != "private":
            return chat
        try:
            person = self._people.user(chat_id)
        except KeyError:
            raise bad_request("chat not found") from None
        # a chat that the person has only opened tells the bot nothing
        if not self._people.knows(bot, person):
            raise bad_request("chat not found")
        return chat or Chat(chat_id, "private", bot=bot.user, person=person)

    def thread(self, chat: Chat, query: Query) -> int | None:
        """The topic to write to. Refusal for an unknown one, and for General by its number.

        A supergroup without topics has threads of replies, which its messages begin; what was a
        topic there is none of these.
        """
        thread = query.number("message_thread_id")
        if thread == 0 or chat.type in ("group", "channel"):
            return None
        if chat.type == "supergroup" and not chat.is_forum:
            is_known = thread in chat.messages and thread not in chat.topics
        else:
            is_known = thread != GENERAL_TOPIC_ID and thread in chat.topics
        if not is_known:
            raise bad_request("message thread not found")
        return thread

    def reply(self, bot: Bot, chat: Chat, query: Query, thread: int | None) -> Reply:
        """What to reply to. Refusal where that was deleted and the reply is not optional."""
        wanted = query.decoded("reply_parameters", "Can't parse reply parameters JSON object")
        if wanted is None:
            optional = query.flag("allow_sending_without_reply")
            message_id, elsewhere = query.number("reply_to_message_id"), 0
        elif isinstance(wanted, dict):
            optional = bool(wanted.get("allow_sending_without_reply"))
            message_id = _integer(wanted.get("message_id"))
            elsewhere = _integer(wanted.get("chat_id"))
        else:
            raise bad_request("Object expected as reply parameters")
        if message_id <= 0:
            return Reply()
        home = chat if elsewhere in (0, chat.id) else self._find_chat(bot, elsewhere)
        target = home.messages.get(message_id)
        if target is None or target.deleted:
            if optional:
                return Reply()
            raise bad_request("message to be replied not found")
        if home is chat and (thread is None or target.thread_id == thread):
            return Reply(target)
        return Reply(external=_external(target))

    def message(self, chat: Chat, query: Query, what: str) -> Message:
        """The message that `message_id` names. Refusal: `what` not found."""
        message = chat.messages.get(query.number("message_id"))
        # the messages of a group that became a supergroup are void
        if message is None or message.deleted or chat.migrated_to is not None:
            raise bad_request(f"{what} not found")
        return message

    def own_message(self, bot: Bot, query: Query) -> Message:
        """The bot's own message to edit. Refusal where it was deleted or cannot be edited."""
        if not query.text("chat_id") and not query.number("message_id"):
            inline = query.text("inline_message_id")
            raise bad_request("MESSAGE_ID_INVALID" if inline else "Message identifier is not set")
        message = self.message(self.chat(bot, query, "edit"), query, "message to edit")
        markup = message.reply_markup or {}
        other_markup = bool(markup) and "inline_keyboard" not in markup
        if message.author is not bot.user or message.service or other_markup:
            raise bad_request("message can't be edited")
        return message

    def formatted(self, query: Query, text_field: str) -> tuple[str, list[Entity]]:
        """Text and entities of `text` or `caption`, parsed but not yet cleaned."""
        prefix = "" if text_field == "text" else f"{text_field}_"
        try:
            entities = query.decoded(f"{prefix}entities", "")
        except Refusal:
            entities = None
        return self.read_formatted(query.text(text_field), query.text("parse_mode"), entities)

    def read_formatted(
        self, text: str, parse_mode: str, entities: object
    ) -> tuple[str, list[Entity]]:
        """Text and entities as the request has them. Refusal where they can't be parsed."""
        if len(text.encode()) > MAX_SOURCE_BYTES:
            raise bad_request("Text is too long")
        mode = parse_mode.lower()
        if not text or mode in ("", "none"):
            try:
                return text, entities_from_json(entities)
            except EntityError as error:
                raise bad_request(str(error)) from None
        if mode in ("markdown", "markdownv2"):
            raise bad_request("the simulator reads HTML only, no Markdown")
        if mode != "html":
            raise bad_request("Unsupported parse_mode")
        try:
            return parse_html(text, unknown=self._people.unknown_tags)
        except EntityError as error:
            raise bad_request(f"Can't parse entities: {error}") from None

    def settled_text(self, bot: Bot, text: str, entities: list[Entity]) -> tuple[str, list[Json]]:
        """A message's text as the chat will show it. Refusal where it is too long or empty."""
        try:
            text, entities = fix_text(text, entities)
        except EntityError as error:
            raise bad_request(str(error)) from None
        if utf16_length(text) > MAX_TEXT:
            raise bad_request("Message is too long")
        return text, self._shown(bot, entities)

    def settled_caption(
        self, bot: Bot, text: str, entities: list[Entity]
    ) -> tuple[str | None, list[Json]]:
        """A caption as the chat will show it, or None. Refusal where it is too long."""
        try:
            text, entities = fix_text(text, entities)
        except EntityError as error:
            if str(error) != "Text must be non-empty":
                raise bad_request(str(error)) from None
            return None, []
        if utf16_length(text) > MAX_CAPTION:
            raise bad_request("Message caption is too long")
        return text, self._shown(bot, entities)

    def _shown(self, bot: Bot, entities: list[Entity]) -> list[Json]:
        """With mentioned people filled in; those that the bot has never met are left out."""
        shown = []
        for entity in entities:
            if entity.type == "text_mention":
                try:
                    user = self._people.user(entity.extra["user"]["id"])
                except KeyError:
                    continue
                if user.id in self._people.unmentionable:
                    raise bad_request("ENTITY_MENTION_USER_INVALID")
                if user is not bot.user and not self._people.knows(bot, user):
                    continue
                entity.extra = {"user": user_json(user)}
            shown.append(entity.to_json())
        return shown


def _check_private(chat: Chat, right: Right) -> None:
    if right not in ("edit", "write"):
        return
    if not chat.started:
        raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")
    if chat.blocked:
        raise Refusal(403, "Forbidden: bot was blocked by the user")


def _check_group(bot: Bot, chat: Chat, right: Right) -> None:
    if chat.migrated_to is not None and right in ("members", "write"):
        raise Refusal(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            migrate_to_chat_id=chat.migrated_to.id,
        )
    if chat.has(bot.user.id) or (chat.type == "group" and right == "read"):
        return
    kicked = chat.members[bot.user.id] == "kicked"
    what = "kicked from" if kicked else "not a member of"
    verb = "was" if kicked else "is"
    raise Refusal(403, f"Forbidden: bot {verb} {what} the {chat.type} chat")


def check_may_send(
    bot: Bot,
    chat: Chat,
    what: Literal["text messages", "photos", "documents"],
    *,
    thread: int | None = None,
) -> None:
    """Refusal where the bot has no right to send that, or the topic is closed."""
    if chat.type == "private" or chat.has_admin(bot.user.id):
        return
    if thread in chat.closed_topics and chat.is_forum:
        raise bad_request("TOPIC_CLOSED")
    if chat.type == "channel":
        raise bad_request("need administrator rights in the channel chat")
    may_send = {
        "text messages": chat.may_text,
        "photos": chat.may_photo,
        "documents": chat.may_document,
    }
    if not may_send[what]:
        raise bad_request(f"not enough rights to send {what} to the chat")


def _external(target: Message) -> Json:
    origin: Json = {"type": "hidden_user", "sender_user_name": "Somebody", "date": target.date}
    if target.sender is not None:
        origin = {"type": "user", "sender_user": user_json(target.sender), "date": target.date}
    return {"origin": origin, "chat": chat_json(target.chat), "message_id": target.id}


def _integer(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return 0
