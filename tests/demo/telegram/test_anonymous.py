"""Administrators who write as the group."""

from __future__ import annotations

import json

import pytest

from tests.demo.telegram.town import CANCEL, Json, Town


async def admins(town: Town, chat_id: int) -> dict[str, Json]:
    """The administrators that the bot is told, by their names."""
    listed = await town.call("getChatAdministrators", chat_id=chat_id)
    return {each["user"]["first_name"]: each for each in listed}


async def test_their_command_comes_as_the_group_and_their_press_from_their_account(
    town: Town,
) -> None:
    group = town.group(supergroup=True, admins=[town.bob])
    message = await town.sent(group, reply_markup=CANCEL)
    town.sim.set_anonymous(group, town.bob)
    await town.drain()
    town.sim.say(group, town.bob, "/help")
    town.sim.press(group, town.bob, message.id)
    command, press = await town.updates()
    said = command["message"]
    assert (said["from"]["id"], said["from"]["username"]) == (1087968824, "GroupAnonymousBot")
    assert said["sender_chat"] == said["chat"]
    assert "Bob" not in json.dumps(command)
    assert press["callback_query"]["from"]["id"] == town.bob.id


async def test_a_bot_that_is_no_administrator_does_not_see_that_they_are_one(town: Town) -> None:
    group = town.group(supergroup=True, admins=[town.bob])
    town.sim.promote(group, town.ann)
    assert set(await admins(town, group.id)) == {"Bob", "Ann"}
    town.sim.set_anonymous(group, town.bob)
    assert set(await admins(town, group.id)) == {"Ann"}
    asked = {"chat_id": group.id, "user_id": town.bob.id}
    assert (await town.call("getChatMember", **asked))["status"] == "left"


async def test_a_bot_that_is_one_sees_them_marked_as_anonymous(town: Town) -> None:
    group = town.group(supergroup=True, admins=[town.bob])
    town.sim.promote(group, town.ann)
    town.sim.promote(group, town.bot)
    for each in (town.bob, town.ann):
        town.sim.set_anonymous(group, each)
    told = await admins(town, group.id)
    assert {name: admin["is_anonymous"] for name, admin in told.items()} == {
        "Bob": True,
        "Ann": True,
        "Invoices": False,
    }
    member = await town.call("getChatMember", chat_id=group.id, user_id=town.bob.id)
    assert (member["status"], member["is_anonymous"]) == ("creator", True)


async def test_anonymity_ends_with_the_switch_and_with_the_office(town: Town) -> None:
    group = town.group(supergroup=True, admins=[town.bob])
    town.sim.promote(group, town.ann)
    assert town.sim.say(group, town.ann, "x", anonymous=True).sender_chat is group
    assert town.sim.say(group, town.ann, "x").sender_chat is group
    assert town.sim.say(group, town.ann, "x", anonymous=False).sender is town.ann
    town.sim.set_anonymous(group, town.ann)
    town.sim.demote(group, town.ann)
    assert town.sim.say(group, town.ann, "x").sender is town.ann
    with pytest.raises(ValueError, match="no administrator"):
        town.sim.say(group, town.ann, "x", anonymous=True)
