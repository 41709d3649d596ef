"""Pages that unfold below a text with a link."""

from __future__ import annotations

import pytest

from tests.demo.telegram.town import Town

OFF = {"is_disabled": True}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("😀 see https://example.com/a and example.org", "https://example.com/a"),
        ('<a href="https://example.com/b">this</a>', "https://example.com/b"),
        ("no link", None),
    ],
)
async def test_the_first_link_unfolds_unless_that_is_switched_off(
    town: Town, text: str, address: str | None
) -> None:
    chat = town.private()
    message = await town.sent(chat, text=text, parse_mode="HTML")
    assert message.preview == address
    edit = {"chat_id": chat.id, "message_id": message.id, "parse_mode": "HTML"}
    await town.call("editMessageText", **edit, text=f"{text}!", link_preview_options=OFF)
    assert message.preview is None
    await town.call("editMessageText", **edit, text=f"{text}?")  # it is asked for with each edit
    assert message.preview == address
    message = await town.sent(chat, text=text, parse_mode="HTML", link_preview_options=OFF)
    assert message.preview is None
