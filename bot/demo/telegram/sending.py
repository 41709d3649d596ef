"""The Bot API's methods that send, edit and delete messages. Knows no HTTP."""

from __future__ import annotations

from bot.demo.telegram.access import Access, Reply, check_may_send
from bot.demo.telegram.floods import Floods
from bot.demo.telegram.markup import read_inline_markup, read_markup
from bot.demo.telegram.people import People
from bot.demo.telegram.request import Query, bad_request
from bot.demo.telegram.state import Bot
from bot.demo.telegram.text import Entity, text_in
from bot.demo.telegram.world import Chat, Json, Message, Photo, message_json
from bot.demo.telegram.writing import thread_of

DELETABLE_S = 48 * 3600

_LINKS = ("url", "text_link")

_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


class Sending:
    """One method for each of the Bot API's, by its name. Returns the `result` or raises Refusal."""

    def __init__(self, people: People, floods: Floods) -> None:
        self._people = people
        self._floods = floods
        self._access = Access(people)

    def send_message(self, bot: Bot, query: Query) -> Json:
        """sendMessage."""
        if not query.text("text"):
            raise bad_request("Message text is empty")
        text, entities = self._access.formatted(query, "text")
        markup = read_markup(query)
        chat, thread, reply = self._place(bot, query)
        shown, marks = self._access.settled_text(bot, text, entities)
        check_may_send(bot, chat, "text messages", thread=thread_of(chat, reply.target, thread))
        self._floods.check(bot.user.id, chat.id)
        message = self._new(bot, chat, thread, reply, query)
        message.text, message.entities, message.reply_markup = shown, marks, markup
        _unfold(message, query)
        return message_json(self._people.publish(message))

    def send_photo(self, bot: Bot, query: Query) -> Json:
        """sendPhoto."""
        source = query.text("photo")
        if not source and "photo" not in query.files:
            raise bad_request("There is no photo in the request")
        text, entities = self._access.formatted(query, "caption")
        markup = read_markup(query)
        chat, thread, reply = self._place(bot, query)
        shown, marks = self._access.settled_caption(bot, text, entities)
        check_may_send(bot, chat, "photos", thread=thread_of(chat, reply.target, thread))
        photo = self._photo(
            bot, query, source or "attach://photo", "There is no photo in the request"
        )
        self._floods.check(bot.user.id, chat.id)
        message = self._new(bot, chat, thread, reply, query)
        message.text, message.entities, message.reply_markup = shown, marks, markup
        message.photo = photo
        return message_json(self._people.publish(message))

    def send_document(self, bot: Bot, query: Query) -> Json:
        """sendDocument, of an upload: nobody sends one again by its file_id here."""
        upload = query.files.get("document")
        source = query.text("document")
        if source.startswith("attach://"):
            upload = query.files.get(source.removeprefix("attach://"))
        if upload is None:
            raise bad_request(
                "wrong file identifier/HTTP URL specified"
                if source and not source.startswith("attach://")
                else "there is no document in the request"
            )
        text, entities = self._access.formatted(query, "caption")
        markup = read_markup(query)
        chat, thread, reply = self._place(bot, query)
        shown, marks = self._access.settled_caption(bot, text, entities)
        check_may_send(bot, chat, "documents", thread=thread_of(chat, reply.target, thread))
        if not upload.data:
            raise bad_request("file must be non-empty")
        self._floods.check(bot.user.id, chat.id)
        message = self._new(bot, chat, thread, reply, query)
        message.text, message.entities, message.reply_markup = shown, marks, markup
        message.document = self._people.documents.add(upload.name, upload.data)
        return message_json(self._people.publish(message))

    def _place(self, bot: Bot, query: Query) -> tuple[Chat, int | None, Reply]:
        chat = self._access.chat(bot, query, "write")
        thread = self._access.thread(chat, query)
        return chat, thread, self._access.reply(bot, chat, query, thread)

    def _new(self, bot: Bot, chat: Chat, thread: int | None, reply: Reply, query: Query) -> Message:
        message = self._people.new_message(chat, bot.user)
        if chat.type == "channel":
            message.sender, message.sender_chat = None, chat
        message.reply_to = reply.target
        message.thread_id = thread_of(chat, reply.target, thread)
        if reply.external is not None:
            message.extra["external_reply"] = reply.external
        if query.flag("protect_content"):
            message.extra["has_protected_content"] = True
        if query.flag("has_spoiler"):
            message.extra["has_media_spoiler"] = True
        if query.flag("show_caption_above_media"):
            message.extra["show_caption_above_media"] = True
        chat.last_bot_id = bot.user.id
        return message

    def _photo(self, bot: Bot, query: Query, source: str, missing: str) -> Photo:
        """The upload that `attach://` names, or the photo of a file_id."""
        if source.startswith("attach://"):
            upload = query.files.get(source.removeprefix("attach://"))
            if upload is None:
                raise bad_request(missing)
            return self._people.photos.add(upload.data, bot.user.id)
        photo = self._people.photos.find_for(source, bot.user.id)
        if photo is not None:
            return photo
        if source.startswith(("http://", "https://")):
            raise bad_request("Failed to get HTTP URL content")
        raise bad_request("wrong file identifier/HTTP URL specified")

    # --- edits

    def edit_message_text(self, bot: Bot, query: Query) -> Json:
        """editMessageText."""
        if not query.text("text"):
            raise bad_request("Message text is empty")
        text, entities = self._access.formatted(query, "text")
        markup = read_inline_markup(query)
        message = self._access.own_message(bot, query)
        if message.photo is not None or message.document is not None:
            raise bad_request("there is no text in the message to edit")
        shown, marks = self._access.settled_text(bot, text, entities)
        result = self._edit(bot, message, shown, marks, None, markup)
        _unfold(message, query)
        return result

    def edit_message_caption(self, bot: Bot, query: Query) -> Json:
        """editMessageCaption."""
        markup = read_inline_markup(query)
        text, entities = self._access.formatted(query, "caption")
        message = self._access.own_message(bot, query)
        if message.photo is None and message.document is None:
            raise bad_request("there is no caption in the message to edit")
        shown, marks = self._access.settled_caption(bot, text, entities)
        return self._edit(bot, message, shown, marks, message.photo, markup)

    def edit_message_media(self, bot: Bot, query: Query) -> Json:
        """editMessageMedia, to a photo; a text message becomes one too."""
        markup = read_inline_markup(query)
        source, text, entities = self._read_media(query)
        message = self._access.own_message(bot, query)
        shown, marks = self._access.settled_caption(bot, text, entities)
        check_may_send(bot, message.chat, "photos")
        photo = self._photo(bot, query, source, "Can't parse InputMedia: media not found")
        message.document = None
        return self._edit(bot, message, shown, marks, photo, markup)

    def _read_media(self, query: Query) -> tuple[str, str, list[Entity]]:
        """(attach:// name or file_id, caption, its entities) of InputMediaPhoto."""
        if not query.text("media"):
            raise bad_request('Parameter "media" is required')
        media = query.decoded("media", "Can't parse input media JSON object")
        prefix = "Can't parse InputMedia: "
        if not isinstance(media, dict):
            raise bad_request(prefix + "expected an Object")
        text, entities = self._access.read_formatted(
            str(media.get("caption") or ""),
            str(media.get("parse_mode") or ""),
            media.get("caption_entities"),
        )
        if not media.get("type"):
            raise bad_request(prefix + 'Can\'t find field "type"')
        if not media.get("media"):
            raise bad_request(prefix + "media not found")
        if media["type"] != "photo":
            raise bad_request(prefix + f'type "{media["type"]}" is unsupported')
        return str(media["media"]), text, entities

    def edit_message_reply_markup(self, bot: Bot, query: Query) -> Json:
        """editMessageReplyMarkup."""
        markup = read_inline_markup(query)
        message = self._access.own_message(bot, query)
        return self._edit(bot, message, message.text, message.entities, message.photo, markup)

    def _edit(
        self,
        bot: Bot,
        message: Message,
        text: str | None,
        entities: list[Json],
        photo: Photo | None,
        markup: Json | None,
    ) -> Json:
        new = (text, entities, photo, markup)
        if new == (message.text, message.entities, message.photo, message.reply_markup):
            raise bad_request(_NOT_MODIFIED)
        self._floods.check(bot.user.id, message.chat.id)
        message.text, message.entities, message.photo, message.reply_markup = new
        self._people.edited(message)
        return message_json(message)

    # --- deleting

    def delete_message(self, bot: Bot, query: Query) -> bool:
        """deleteMessage."""
        chat = self._access.chat(bot, query, "write")
        message = self._access.message(chat, query, "message to delete")
        is_own = message.author is bot.user or chat.type == "private"
        if not is_own and not chat.has_admin(bot.user.id):
            raise bad_request("message can't be deleted")
        is_old = message.date < self._people.clock() - DELETABLE_S
        if is_old and (chat.type == "private" or not chat.has_admin(bot.user.id)):
            raise bad_request("message can't be deleted for everyone")
        self._people.delete_message(chat, message.id)
        return True


def _unfold(message: Message, query: Query) -> None:
    """The page that the first link of a text names is shown below it, unless that is switched off.

    A caption never has one.
    """
    options = query.decoded("link_preview_options", "Can't parse link preview options JSON object")
    is_off = query.flag("disable_web_page_preview")
    if isinstance(options, dict):
        is_off = options.get("is_disabled") is True
    links = [] if is_off else [mark for mark in message.entities if mark["type"] in _LINKS]
    message.preview = _address(message.text or "", links[0]) if links else None
    message.extra.pop("link_preview_options", None)
    if is_off:
        message.extra["link_preview_options"] = {"is_disabled": True}


def _address(text: str, link: Json) -> str:
    if link["type"] == "text_link":
        return str(link["url"])
    return text_in(text, link)
