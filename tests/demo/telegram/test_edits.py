"""Edits and deletions."""

from __future__ import annotations

import pytest

from tests.demo.telegram.town import CANCEL, NOT_MODIFIED, Town, picture, refusal


async def test_an_edit_that_changes_nothing_is_refused(town: Town) -> None:
    chat = town.private()
    message = await town.sent(chat, text="<b>x</b>", parse_mode="HTML", reply_markup=CANCEL)
    same = {
        "chat_id": chat.id,
        "message_id": message.id,
        "text": " <b>x</b> ",
        "parse_mode": "HTML",
    }
    assert await refusal(town, "editMessageText", **same, reply_markup=CANCEL) == NOT_MODIFIED
    assert message.edit_date is None
    await town.call("editMessageText", **same)
    assert message.reply_markup is None
    assert message.edit_date == int(town.clock.now)
    where = {"chat_id": chat.id, "message_id": message.id}
    assert await refusal(town, "editMessageReplyMarkup", **where) == NOT_MODIFIED
    await town.call("editMessageReplyMarkup", **where, reply_markup=CANCEL)
    assert message.reply_markup == CANCEL
    assert [version.reply_markup for version in message.versions] == [CANCEL, None, CANCEL]


async def test_edits_fit_what_they_edit(town: Town) -> None:
    group = town.group()
    text = await town.sent(group)
    photo = await town.sent(group, photo=picture(), caption="c")
    theirs = town.sim.say(group, town.ann, "/help")
    asks = await town.sent(group, reply_markup={"force_reply": True})
    gone = await town.sent(group)
    town.sim.delete_message(group, gone.id)
    for message, method, reason in (
        (photo, "editMessageText", "there is no text in the message to edit"),
        (text, "editMessageCaption", "there is no caption in the message to edit"),
        (theirs, "editMessageText", "message can't be edited"),
        (asks, "editMessageText", "message can't be edited"),
        (gone, "editMessageText", "message to edit not found"),
        (gone, "editMessageReplyMarkup", "message to edit not found"),
    ):
        params = {"chat_id": group.id, "message_id": message.id, "text": "y", "caption": "y"}
        assert await refusal(town, method, **params) == f"Bad Request: {reason}"
    force = {"force_reply": True}
    where = {"chat_id": group.id, "message_id": text.id}
    said = await refusal(town, "editMessageText", **where, text="y", reply_markup=force)
    assert said == "Bad Request: inline keyboard expected"


async def test_media_is_exchanged_by_upload_or_file_id_and_a_text_becomes_a_photo(
    town: Town,
) -> None:
    chat = town.private()
    message = await town.sent(chat, reply_markup=CANCEL)
    where = {"chat_id": chat.id, "message_id": message.id}
    media = {"type": "photo", "media": "attach://new", "caption": "<b>c</b>", "parse_mode": "HTML"}
    result = await town.call("editMessageMedia", **where, media=media, new=picture(50, 50))
    assert (result["caption"], result["photo"][-1]["width"]) == ("c", 50)
    assert "text" not in result
    same = media | {"media": result["photo"][-1]["file_id"]}
    assert await refusal(town, "editMessageMedia", **where, media=same) == NOT_MODIFIED
    await town.call("editMessageMedia", **where, media=same | {"caption": "d"})
    for wrong, reason in (
        ({"type": "photo", "media": "attach://none"}, "can't parse InputMedia: media not found"),
        ({"type": "photo"}, "can't parse InputMedia: media not found"),
        ({"media": "x"}, "can't parse InputMedia: Can't find field \"type\""),
        ({"type": "photo", "media": "x"}, "wrong file identifier/HTTP URL specified"),
        (5, "can't parse InputMedia: expected an Object"),
    ):
        said = await refusal(town, "editMessageMedia", **where, media=wrong)
        assert said == f"Bad Request: {reason}"


async def test_what_an_admin_deleted_can_be_edited_no_more(town: Town) -> None:
    group = town.group(admins=[town.bob])
    board = await town.sent(group, text="board", reply_markup=CANCEL)
    with pytest.raises(ValueError, match="Ann can't delete"):
        town.sim.delete_as_user(board, town.ann)
    town.sim.delete_as_user(board, town.bob)
    where = {"chat_id": group.id, "message_id": board.id}
    media = {"type": "photo", "media": "attach://new"}
    for method, params in (
        ("editMessageText", {"text": "y"}),
        ("editMessageText", {"text": "board", "reply_markup": CANCEL}),
        ("editMessageMedia", {"media": media, "new": picture()}),
        ("editMessageReplyMarkup", {}),
    ):
        said = await refusal(town, method, **where, **params)
        assert said == "Bad Request: message to edit not found"
    said = await refusal(town, "sendMessage", **where, text="x", reply_parameters=where)
    assert said == "Bad Request: message to be replied not found"
    with pytest.raises(LookupError):
        town.sim.press(group, town.ann, board.id)


async def test_a_person_deletes_what_they_wrote_and_anything_in_private(town: Town) -> None:
    group, chat = town.group(), town.private()
    town.sim.delete_as_user(town.sim.say(group, town.bob, "x"), town.bob)
    sent = await town.sent(chat)
    with pytest.raises(ValueError, match="Bob can't delete"):
        town.sim.delete_as_user(sent, town.bob)
    town.sim.delete_as_user(sent, town.ann)
    assert sent.deleted
    with pytest.raises(ValueError, match="Ann can't delete"):
        town.sim.delete_as_user(sent, town.ann)


async def test_deleting_follows_the_48_hours(town: Town) -> None:
    group = town.group(supergroup=True)
    theirs = town.sim.say(group, town.ann, "/help")
    new, old = await town.sent(group), await town.sent(group)
    where = {"chat_id": group.id}
    said = await refusal(town, "deleteMessage", **where, message_id=theirs.id)
    assert said == "Bad Request: message can't be deleted"
    await town.call("deleteMessage", **where, message_id=new.id)
    said = await refusal(town, "deleteMessage", **where, message_id=new.id)
    assert said == "Bad Request: message to delete not found"
    town.clock.now += 48 * 3600 + 1
    said = await refusal(town, "deleteMessage", **where, message_id=old.id)
    assert said == "Bad Request: message can't be deleted for everyone"
    town.sim.promote(group, town.bot)
    await town.call("deleteMessage", **where, message_id=theirs.id)
