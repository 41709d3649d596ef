"""The Bot API by method name: everything that the simulator answers. Knows no HTTP."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable
from typing import Any

from bot.demo.telegram.access import Access
from bot.demo.telegram.deliveries import Hook
from bot.demo.telegram.floods import Floods
from bot.demo.telegram.people import People
from bot.demo.telegram.request import Query, Refusal, bad_request, too_many
from bot.demo.telegram.sending import Sending
from bot.demo.telegram.starts import start_token
from bot.demo.telegram.state import Bot
from bot.demo.telegram.text import utf16_length
from bot.demo.telegram.updates import MAX_TIMEOUT_S
from bot.demo.telegram.world import (
    ADMINS,
    Answer,
    Change,
    Chat,
    Json,
    User,
    chat_json,
    member_json,
    user_json,
)

# the time in which Telegram accepts an answer to a press is not documented; it is short
ANSWERABLE_S = 60
MAX_ANSWER = 200

_ACTIONS = re.compile(
    "typing|cancel|choose_sticker|find_location|pick_up_location|upload_(photo|document)"
    "|(record|upload)_(video|voice|audio|video_note)"
)
_REACTIONS = re.compile(
    "[👍👎🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻"
    "👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡❤🤷]"
    "|❤\u200d🔥|👨\u200d💻|🤷\u200d[♂♀]"
)
_SCOPES_OF_CHAT = ("chat", "chat_administrators", "chat_member")
_SCOPES = ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_MAX_COMMANDS = 100

Method = Callable[[Bot, Query], Any]


class BotApi:
    """All methods. `call` returns the `result` of an answer, or raises Refusal."""

    def __init__(self, people: People, floods: Floods) -> None:
        self._people = people
        self._access = Access(people)
        sending = Sending(people, floods)
        self._methods: dict[str, Method] = {
            "getme": self.get_me,
            "getupdates": self.get_updates,
            "setwebhook": self.set_webhook,
            "deletewebhook": self.delete_webhook,
            "getwebhookinfo": self.get_webhook_info,
            "sendmessage": sending.send_message,
            "sendphoto": sending.send_photo,
            "senddocument": sending.send_document,
            "editmessagetext": sending.edit_message_text,
            "editmessagecaption": sending.edit_message_caption,
            "editmessagemedia": sending.edit_message_media,
            "editmessagereplymarkup": sending.edit_message_reply_markup,
            "deletemessage": sending.delete_message,
            "sendchataction": self.send_chat_action,
            "setmessagereaction": self.set_message_reaction,
            "answercallbackquery": self.answer_callback_query,
            "getfile": self.get_file,
            "getchat": self.get_chat,
            "getchatmember": self.get_chat_member,
            "getchatmembercount": self.get_chat_member_count,
            "getchatadministrators": self.get_chat_administrators,
            "leavechat": self.leave_chat,
            "setmycommands": self.set_my_commands,
            "getmycommands": self.get_my_commands,
            "deletemycommands": self.delete_my_commands,
        }

    async def call(self, bot: Bot, method: str, query: Query) -> Any:
        """Do what the method says; names are accepted in any case."""
        found = self._methods.get(method)
        if found is None:
            raise Refusal(404, "Not Found: method not found")
        result = found(bot, query)
        return await result if inspect.isawaitable(result) else result

    # --- the bot itself

    def get_me(self, bot: Bot, _: Query) -> Json:
        """getMe."""
        return user_json(bot.user) | {
            "can_join_groups": bot.can_join_groups,
            "can_read_all_group_messages": bot.reads_all,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    async def get_updates(self, bot: Bot, query: Query) -> list[Json]:
        """getUpdates."""
        if bot.webhook.hook is not None:
            raise Refusal(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        self._allow(bot, query)
        return await bot.updates.get(
            query.number("offset"),
            min(max(query.number("limit", 100), 1), 100),
            min(max(query.number("timeout"), 0), MAX_TIMEOUT_S),
        )

    def _allow(self, bot: Bot, query: Query) -> None:
        try:
            bot.updates.allow(query.decoded("allowed_updates", ""))
        except Refusal:
            return

    def set_webhook(self, bot: Bot, query: Query) -> bool:
        """setWebhook: updates are posted there from now on, and getUpdates answers 409."""
        url = query.text("url")
        if not url:
            return self.delete_webhook(bot, query)
        now = time.monotonic()
        if now < bot.may_set_at:
            raise too_many(1)
        bot.may_set_at = now + 1
        most = min(max(query.number("max_connections", 40), 1), 100)
        if query.flag("drop_pending_updates"):
            bot.updates.clear()
        bot.updates.end_poll("setWebhook request")
        bot.webhook.set(Hook(url, query.text("secret_token"), most))
        self._allow(bot, query)
        return True

    def delete_webhook(self, bot: Bot, query: Query) -> bool:
        """deleteWebhook."""
        bot.webhook.end()
        if query.flag("drop_pending_updates"):
            bot.updates.clear()
        return True

    def get_webhook_info(self, bot: Bot, _: Query) -> Json:
        """getWebhookInfo."""
        info: Json = {
            "url": bot.webhook.hook.url if bot.webhook.hook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(bot.updates),
            **bot.webhook.shown(),
        }
        if bot.updates.allowed is not None:
            info["allowed_updates"] = bot.updates.allowed
        return info

    # --- around messages

    def send_chat_action(self, bot: Bot, query: Query) -> bool:
        """sendChatAction."""
        if not _ACTIONS.fullmatch(query.text("action").lower()):
            raise bad_request("Wrong parameter action in request")
        self._access.thread(self._access.chat(bot, query, "write"), query)
        return True

    def set_message_reaction(self, bot: Bot, query: Query) -> bool:
        """setMessageReaction: at most one, and none but the usual emoji."""
        reactions = query.decoded("reaction", "Can't parse reaction types JSON object") or []
        if not isinstance(reactions, list):
            raise bad_request("Expected an Array of ReactionType")
        chat = self._access.chat(bot, query, "read")
        message = self._access.message(chat, query, "message to react")
        if len(reactions) > 1:
            raise bad_request("REACTIONS_TOO_MANY")
        for reaction in reactions:
            if not isinstance(reaction, dict) or reaction.get("type") != "emoji":
                raise bad_request("REACTION_INVALID")
            if not _REACTIONS.fullmatch(str(reaction.get("emoji")).replace("\ufe0f", "")):
                raise bad_request("REACTION_INVALID")
        message.reactions[bot.user.id] = reactions
        self._people.changed(Change("reaction", chat.id, message))
        return True

    def answer_callback_query(self, bot: Bot, query: Query) -> bool:
        """answerCallbackQuery; of links only those that open this bot's private chat."""
        press = self._people.find_press(query.text("callback_query_id"))
        is_mine = press is not None and press.message.author is bot.user
        if press is None or not is_mine or self._people.clock() > press.pressed_at + ANSWERABLE_S:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        text = query.text("text")
        if utf16_length(text) > MAX_ANSWER:
            raise bad_request("MESSAGE_TOO_LONG")
        url = query.text("url")
        if url and start_token(url, bot.user.username) is None:
            raise bad_request("URL_INVALID")
        if not press.answer.done():
            press.answer.set_result(Answer(text or None, query.flag("show_alert"), url or None))
            self._people.changed(Change("answer", press.message.chat.id, press=press))
        return True

    def get_file(self, bot: Bot, query: Query) -> Json:
        """getFile, of a photo."""
        file_id = query.text("file_id")
        if not file_id:
            raise bad_request("file_id not specified")
        photo = self._people.photos.find_for(file_id, bot.user.id)
        if photo is None:
            raise bad_request("invalid file_id")
        shown: Json = {"file_id": file_id, "file_unique_id": photo.unique_id}
        return shown | {"file_size": len(photo.data), "file_path": f"photos/{photo.unique_id}.jpg"}

    # --- chats

    def get_chat(self, bot: Bot, query: Query) -> Json:
        """getChat."""
        chat = self._access.chat(bot, query, "read")
        full = chat_json(chat) | {
            "accent_color_id": abs(chat.id) % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(
                (
                    "unlimited_gifts",
                    "limited_gifts",
                    "unique_gifts",
                    "premium_subscription",
                    "gifts_from_channels",
                ),
                chat.type == "private",
            ),
        }
        if chat.type in ("group", "supergroup"):
            full["permissions"] = _permissions(chat)
        return full

    def get_chat_member(self, bot: Bot, query: Query) -> Json:
        """getChatMember."""
        chat = self._access.chat(bot, query, "members")
        user_id = query.number("user_id")
        if user_id <= 0:
            raise bad_request("invalid user_id specified")
        try:
            user = self._people.user(user_id)
        except KeyError:
            raise bad_request("user not found") from None
        if _is_hidden(bot, chat, user):
            return {"user": user_json(user), "status": "left"}
        return member_json(chat, user)

    def get_chat_member_count(self, bot: Bot, query: Query) -> int:
        """getChatMemberCount."""
        chat = self._access.chat(bot, query, "members")
        return sum(chat.has(user_id) for user_id in chat.members)

    def get_chat_administrators(self, bot: Bot, query: Query) -> list[Json]:
        """getChatAdministrators: people that this bot sees, and the bot."""
        chat = self._access.chat(bot, query, "members")
        if chat.type == "private":
            raise bad_request("there are no administrators in the private chat")
        admins: list[User] = [
            self._people.user(user_id)
            for user_id, status in chat.members.items()
            if status in ADMINS
        ]
        shown = [user for user in admins if user is bot.user or not user.is_bot]
        return [member_json(chat, user) for user in shown if not _is_hidden(bot, chat, user)]

    def leave_chat(self, bot: Bot, query: Query) -> bool:
        """leaveChat."""
        chat = self._access.chat(bot, query, "write")
        if chat.type == "private":
            raise bad_request("chat member status can't be changed in private chats")
        self._people.remove_bot(chat, bot=bot.user, status="left")
        return True

    # --- the command menu

    def set_my_commands(self, bot: Bot, query: Query) -> bool:
        """setMyCommands."""
        scope = self._scope(bot, query)
        commands = query.decoded("commands", "Can't parse commands JSON object") or []
        if not isinstance(commands, list):
            raise bad_request("Expected an Array of BotCommand")
        if len(commands) > _MAX_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        bot.commands[scope] = [_command(command) for command in commands]
        return True

    def get_my_commands(self, bot: Bot, query: Query) -> list[Json]:
        """getMyCommands."""
        return bot.commands.get(self._scope(bot, query), [])

    def delete_my_commands(self, bot: Bot, query: Query) -> bool:
        """deleteMyCommands."""
        bot.commands.pop(self._scope(bot, query), None)
        return True

    def _scope(self, bot: Bot, query: Query) -> tuple[str, int | None, int | None, str]:
        scope = query.decoded("scope", "Can't parse BotCommandScope JSON object")
        language = query.text("language_code")
        if not re.fullmatch(r"([a-z]{2})?", language):
            raise bad_request("Invalid language code specified")
        if scope is None:
            return "default", None, None, language
        prefix = "Can't parse BotCommandScope: "
        if not isinstance(scope, dict):
            raise bad_request(prefix + "BotCommandScope must be an Object")
        kind = scope.get("type")
        if kind in _SCOPES:
            return str(kind), None, None, language
        if kind not in _SCOPES_OF_CHAT:
            raise bad_request(prefix + "Unsupported type specified")
        where = Query({"chat_id": str(scope.get("chat_id", ""))})
        if not where.text("chat_id"):
            raise bad_request(prefix + 'Can\'t find field "chat_id"')
        chat = self._access.chat(bot, where, "members")
        user_id = None
        if kind == "chat_member":
            user_id = Query({"user_id": str(scope.get("user_id", ""))}).number("user_id")
            if user_id <= 0:
                raise bad_request(prefix + "Invalid user_id specified")
        return str(kind), chat.id, user_id, language


def _is_hidden(bot: Bot, chat: Chat, user: User) -> bool:
    """Only administrators see who is an anonymous one."""
    return chat.hides(user.id) and not chat.has_admin(bot.user.id)


def _command(command: object) -> Json:
    if not isinstance(command, dict):
        raise bad_request("Can't parse BotCommand: expected an Object")
    name, description = command.get("command"), command.get("description")
    for field, value in (("command", name), ("description", description)):
        if not isinstance(value, str):
            raise bad_request(f"Can't parse BotCommand: Can't find field \"{field}\"")
    name = str(name).removeprefix("/")
    if not _COMMAND.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= utf16_length(str(description)) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}


def _permissions(chat: Chat) -> Json:
    shown: Json = {
        "can_send_messages": chat.may_text,
        "can_send_photos": chat.may_photo,
        "can_send_documents": chat.may_document,
    }
    return shown | dict.fromkeys(
        (
            "can_send_audios",
            "can_send_videos",
            "can_send_video_notes",
            "can_send_voice_notes",
            "can_send_polls",
            "can_send_other_messages",
            "can_add_web_page_previews",
            "can_change_info",
            "can_invite_users",
            "can_pin_messages",
            "can_manage_topics",
        ),
        True,
    )
