"""Which messages Telegram hands to a bot: privacy mode. Knows one bot and one message."""

from __future__ import annotations

from bot.demo.telegram.world import Message, User


def hears(bot: User, message: Message, *, reads_all: bool) -> bool:
    """Whether the bot gets the message; `reads_all`: its privacy mode is off."""
    chat, sender = message.chat, message.sender
    if not chat.has(bot.id) or message.author is bot:
        return bool(message.service.get("left_chat_member", {}).get("id") == bot.id)
    if chat.type == "private":
        return chat.bot is bot
    if chat.type == "channel" or message.service:
        return True
    if sender is not None and sender.is_bot and message.sender_chat is None:
        return False
    return reads_all or chat.has_admin(bot.id) or _is_meant_for(bot, message)


def _is_meant_for(bot: User, message: Message) -> bool:
    target = message.reply_to
    if target is not None and target.sender is bot:
        return True
    first = message.entities[0] if message.entities else None
    if first is None or first["type"] != "bot_command" or first["offset"] != 0:
        return False
    command = (message.text or "")[: first["length"]]
    _, at, name = command.partition("@")
    if at:
        return name.lower() == (bot.username or "").lower()
    # a bare command goes to the bot that spoke last
    return message.chat.bare_commands and message.chat.last_bot_id in (None, bot.id)
