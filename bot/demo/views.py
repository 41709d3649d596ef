"""People, chats, messages, the bot as JSON for the page. Knows the simulators' values."""

from __future__ import annotations

import re

from bot.demo.process import BotProcess
from bot.demo.telegram import Chat, Json, Message, User

#: What a link to the bot sent. Clients show the command alone: its token is the bot's.
_LINKED_START = re.compile(r"/start [A-Za-z0-9_-]{1,64}")
_HERE = ("creator", "administrator", "member")


def name(user: User) -> str:
    """First and last name."""
    return " ".join(part for part in (user.first_name, user.last_name) if part)


def person(user: User) -> Json:
    """A person or the bot."""
    return {"id": user.id, "name": name(user), "username": user.username}


def process(process: BotProcess) -> Json:
    """How the bot's process is; `words` are its last ones where it has ended by itself."""
    has_ended = process.state == "ended"
    return {
        "state": process.state,
        "pid": process.pid,
        "exit_code": process.exit_code if has_ended else None,
        "words": process.words if has_ended else [],
    }


def members(chat: Chat, people: list[User]) -> list[User]:
    """The people who are in the chat, in the order of `people`."""
    if chat.type == "private":
        return [user for user in people if user.id == chat.id]
    return [user for user in people if chat.members.get(user.id) in _HERE]


def in_order(chats: list[Chat]) -> list[Chat]:
    """Those that there are now; a supergroup is where the group was that became it."""
    became = {chat.migrated_to.id for chat in chats if chat.migrated_to is not None}
    return [_now(chat) for chat in chats if chat.id not in became]


def _now(chat: Chat) -> Chat:
    while chat.migrated_to is not None:
        chat = chat.migrated_to
    return chat


def chat(chat: Chat, people: list[User], messages: list[Message] | None = None) -> Json:
    """A chat; with its messages where they are given."""
    there = members(chat, people)
    shown: Json = {
        "id": chat.id,
        "type": chat.type,
        "title": chat.title or (name(there[0]) if there else ""),
        "people": [user.id for user in there],
        "topics": [{"id": id_, "name": topic} for id_, topic in chat.topics.items()],
        "gone": chat.migrated_to is not None,
        "blocked": chat.blocked,
        "moved_to": chat.migrated_to.id if chat.migrated_to is not None else None,
    }
    if messages is not None:
        shown["messages"] = [message(each) for each in messages]
    return shown


def message(message: Message) -> Json:
    """A message as it is now; `text` is plain, its formatting is in `entities`."""
    photo = message.photo
    return {
        "id": message.id,
        "chat": message.chat.id,
        "from": message.sender.id if message.sender else None,
        "as_chat": message.sender_chat.title if message.sender_chat else None,
        "date": message.date,
        "touched": message.versions[-1].at if message.versions else message.date,
        "edited": message.edit_date is not None and not (message.sender and message.sender.is_bot),
        "text": text(message),
        "linked": _is_linked(message),
        "entities": message.entities,
        "photo": photo
        and {"src": f"/photo/{photo.file_id}", "width": photo.width, "height": photo.height},
        "document": message.document
        and {
            "src": f"/document/{message.document.file_id}",
            "name": message.document.name,
            "bytes": len(message.document.data),
        },
        "reply_to": message.reply_to.id if message.reply_to else None,
        "thread": message.thread_id if message.chat.is_forum else None,
        "buttons": [[_button(key) for key in row] for row in _keyboard(message)],
        "prompt": _prompt(message),
        "service": _service(message) if message.service else None,
    }


def text(message: Message) -> str:
    """A message's text as clients show it."""
    return "/start" if _is_linked(message) else message.text or ""


def _is_linked(message: Message) -> bool:
    is_private = message.chat.type == "private"
    return is_private and _LINKED_START.fullmatch(message.text or "") is not None


def _keyboard(message: Message) -> list[list[Json]]:
    rows: list[list[Json]] = (message.reply_markup or {}).get("inline_keyboard", [])
    return rows


def _button(key: Json) -> Json:
    return {
        "text": key["text"],
        "data": key.get("callback_data"),
        "url": key.get("url"),
        "copy": key.get("copy_text", {}).get("text"),
    }


def _prompt(message: Message) -> Json | None:
    """A forced reply: whom it asks (None: everybody), and the empty composer's placeholder."""
    markup = message.reply_markup or {}
    if not markup.get("force_reply"):
        return None
    asked = [
        entity["user"]["id"] for entity in message.entities if entity["type"] == "text_mention"
    ]
    if message.reply_to and message.reply_to.sender:
        asked.append(message.reply_to.sender.id)
    return {
        "of": asked if markup.get("selective") else None,
        "placeholder": markup.get("input_field_placeholder"),
    }


def _service(message: Message) -> str:
    who = name(message.sender) if message.sender else "Somebody"
    for key, value in message.service.items():
        match key:
            case "new_chat_members":
                joined = ", ".join(each["first_name"] for each in value)
                return f"{who} added {joined}"
            case "left_chat_member":
                return f"{value['first_name']} left"
            case "new_chat_title":
                return f"{who} named the group “{value}”"
            case "group_chat_created" | "supergroup_chat_created":
                return f"{who} made the group"
            case "forum_topic_created":
                return f"{who} made the topic “{value['name']}”"
            case "migrate_to_chat_id" | "migrate_from_chat_id":
                return "The group became a supergroup"
            case "pinned_message":
                return f"{who} pinned a message"
            case _:
                continue
    return ", ".join(message.service).replace("_", " ")
