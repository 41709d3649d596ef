"""Keyboards as a bot sends them: accepted, or refused as by Telegram. Knows no chats."""

from __future__ import annotations

from typing import Any

from bot.demo.telegram.request import Query, bad_request
from bot.demo.telegram.text import LinkError, check_link, link_user_id, utf16_length

Json = dict[str, Any]

MAX_CALLBACK_BYTES = 64
MAX_COPY_TEXT = 256
MAX_PLACEHOLDER = 64


def read_markup(query: Query) -> Json | None:
    """The `reply_markup` of a request, checked; None where there is none or an empty one."""
    markup = query.decoded("reply_markup", "Can't parse reply keyboard markup JSON object")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("Object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is not None and not isinstance(rows, list):
        raise bad_request('Field "inline_keyboard" must be of type Array')
    if markup.get("keyboard"):
        return {"keyboard": markup["keyboard"]}
    if rows:
        keyboard = [_row(row) for row in rows]
        keyboard = [row for row in keyboard if row]
        return {"inline_keyboard": keyboard} if keyboard else None
    if markup.get("remove_keyboard"):
        return {"remove_keyboard": True}
    return _force_reply(markup) if markup.get("force_reply") else None


def read_inline_markup(query: Query) -> Json | None:
    """The `reply_markup` of an edit: an inline keyboard or nothing."""
    markup = read_markup(query)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("Inline keyboard expected")
    return markup


def _force_reply(markup: Json) -> Json:
    taken: Json = {"force_reply": True}
    placeholder = markup.get("input_field_placeholder")
    if placeholder:
        if not isinstance(placeholder, str) or utf16_length(placeholder) > MAX_PLACEHOLDER:
            raise bad_request("input_field_placeholder is too long")
        taken["input_field_placeholder"] = placeholder
    if markup.get("selective"):
        taken["selective"] = True
    return taken


def _row(row: object) -> list[Json]:
    if not isinstance(row, list):
        raise bad_request("Expected an Array of InlineKeyboardButton")
    return [_button(button) for button in row if not _is_nameless(button)]


def _is_nameless(button: object) -> bool:
    """A button with an empty text is left out silently."""
    return isinstance(button, dict) and button.get("text") == ""


def _button(button: object) -> Json:
    prefix = "Can't parse InlineKeyboardButton: "
    if not isinstance(button, dict):
        raise bad_request(prefix + "InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise bad_request(prefix + 'Can\'t find field "text"')
    taken: Json = {"text": text}
    if button.get("style"):
        taken["style"] = button["style"]
    if button.get("url"):
        return taken | {"url": _url(str(button["url"]))}
    if button.get("callback_data"):
        return taken | {"callback_data": _callback_data(str(button["callback_data"]))}
    if isinstance(button.get("copy_text"), dict):
        return taken | {"copy_text": {"text": _copy_text(button["copy_text"].get("text"))}}
    raise bad_request(prefix + "Text buttons are not allowed in the inline keyboard")


def _url(url: str) -> str:
    if (user_id := link_user_id(url)) is not None:
        return f"tg://user?id={user_id}"
    try:
        return check_link(url)
    except LinkError as error:
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: {error}") from None


def _callback_data(data: str) -> str:
    if len(data.encode()) > MAX_CALLBACK_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    return data


def _copy_text(text: object) -> str:
    if not isinstance(text, str) or not 1 <= utf16_length(text) <= MAX_COPY_TEXT:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    return text
