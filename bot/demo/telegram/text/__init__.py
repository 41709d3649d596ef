"""Text as Telegram reads it. It alone knows TDLib's rules; it knows no chats and no network."""

from bot.demo.telegram.text.entities import (
    MAX_SOURCE_BYTES,
    Entity,
    EntityError,
    entities_from_json,
    text_in,
    utf16_length,
)
from bot.demo.telegram.text.formatting import find_entities, fix_text
from bot.demo.telegram.text.html import parse_html
from bot.demo.telegram.text.links import LinkError, check_link, link_user_id

__all__ = [
    "MAX_SOURCE_BYTES",
    "Entity",
    "EntityError",
    "LinkError",
    "check_link",
    "entities_from_json",
    "find_entities",
    "fix_text",
    "link_user_id",
    "parse_html",
    "text_in",
    "utf16_length",
]
