"""What people mark of the message that they reply to."""

from __future__ import annotations

import pytest

from tests.demo.telegram.town import Town


async def test_what_somebody_marks_comes_with_the_reply(town: Town) -> None:
    chat = town.private()
    bill = town.sim.say(chat, town.ann, "😀 2 pizzas, 1 beer")
    reply = town.sim.say(chat, town.ann, "/invoice 5", reply_to=bill, quote="2 pizzas")
    shown = town.sim.message_json(reply)
    assert shown["quote"] == {"text": "2 pizzas", "position": 3, "is_manual": True}
    assert shown["reply_to_message"]["text"] == "😀 2 pizzas, 1 beer"
    assert "quote" not in town.sim.message_json(town.sim.say(chat, town.ann, "x", reply_to=bill))


async def test_nobody_can_mark_what_is_not_there(town: Town) -> None:
    chat = town.private()
    bill = town.sim.say(chat, town.ann, "2 pizzas")
    with pytest.raises(ValueError, match="not in the message"):
        town.sim.say(chat, town.ann, "x", reply_to=bill, quote="3 pizzas")
    with pytest.raises(ValueError, match="not in the message"):
        town.sim.say(chat, town.ann, "x", quote="2 pizzas")
