"""Forwarded messages: where they come from, and which buttons go along."""

from __future__ import annotations

import pytest

from tests.demo.telegram.town import CANCEL, Json, Town, picture, refusal

LINK: Json = {"text": "Look", "url": "https://example.com/"}
COPY: Json = {"text": "Copy", "copy_text": {"text": "x"}}
PRESS: Json = CANCEL["inline_keyboard"][0][0]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([[LINK], [LINK, LINK]], True),
        ([[PRESS]], False),
        ([[LINK], [LINK, PRESS]], False),
        ([[LINK, COPY]], False),
    ],
)
async def test_a_keyboard_goes_along_where_all_its_buttons_are_links(
    town: Town, rows: list[list[Json]], kept: bool
) -> None:
    group = town.group()
    board = await town.sent(group, text="<b>x</b>", parse_mode="HTML", photo=picture(), caption="c")
    markup = {"inline_keyboard": rows}
    where = {"chat_id": group.id, "message_id": board.id}
    await town.call("editMessageReplyMarkup", **where, reply_markup=markup)
    await town.drain()
    copy = town.sim.forward(board, town.sim.private_chat(town.bob), town.bob)
    assert copy.reply_markup == (markup if kept else None)
    (update,) = await town.updates()
    told = update["message"]
    assert ("reply_markup" in told, told["caption"]) == (kept, "c")
    assert told["forward_origin"]["sender_user"]["id"] == town.bot.id
    assert told["from"]["id"] == town.bob.id


async def test_a_forward_can_be_neither_pressed_nor_edited_by_the_bot(town: Town) -> None:
    group = town.group()
    board = await town.sent(group, reply_markup={"inline_keyboard": [[LINK]]})
    copy = town.sim.forward(board, group, town.ann)
    with pytest.raises(LookupError):
        town.sim.press(group, town.ann, copy.id)
    said = await refusal(
        town, "editMessageText", chat_id=group.id, message_id=copy.id, text="y", reply_markup=CANCEL
    )
    assert said == "Bad Request: message can't be edited"


async def test_a_forward_that_is_forwarded_again_names_the_first_writer(town: Town) -> None:
    group = town.group()
    board = await town.sent(group)
    copy = town.sim.forward(board, group, town.ann)
    again = town.sim.forward(copy, group, town.bob)
    assert again.extra["forward_origin"]["sender_user"]["id"] == town.bot.id


async def test_a_reply_shows_the_forward_that_it_answers(town: Town) -> None:
    group = town.group()
    town.sim.promote(group, town.bot)
    copy = town.sim.forward(await town.sent(group, text="board"), group, town.ann)
    await town.drain()
    town.sim.say(group, town.bob, "me too", reply_to=copy)
    (update,) = await town.updates()
    target = update["message"]["reply_to_message"]
    assert (target["text"], target["from"]["id"]) == ("board", town.ann.id)
    assert target["forward_origin"]["sender_user"]["id"] == town.bot.id


async def test_what_is_gone_or_protected_or_goes_nowhere_is_not_forwarded(town: Town) -> None:
    group = town.group()
    protected = await town.sent(group, protect_content=True)
    gone = await town.sent(group)
    town.sim.delete_message(group, gone.id)
    for message in (protected, gone):
        with pytest.raises(ValueError, match="can't be forwarded"):
            town.sim.forward(message, group, town.ann)
    board = await town.sent(group)
    town.private()
    town.sim.block(town.ann)
    with pytest.raises(ValueError, match="Ann can't write there"):
        town.sim.forward(board, town.sim.private_chat(town.ann), town.ann)


async def test_what_somebody_taps_in_another_bots_offer_is_theirs_by_way_of_that_bot(
    town: Town,
) -> None:
    poll = town.sim.add_bot("5:other", "pizza_poll_bot", "Pizza poll")
    chat = town.sim.private_chat(town.bob)
    await town.drain()
    town.sim.say(chat, town.bob, "/start", via_bot=poll)
    (update,) = await town.updates()
    told = update["message"]
    assert (told["from"]["id"], told["via_bot"]["id"]) == (town.bob.id, poll.id)
    with pytest.raises(ValueError, match="no bot"):
        town.sim.say(chat, town.bob, "/start", via_bot=town.bob)
