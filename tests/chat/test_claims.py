"""Opening the claim link of a bot that nobody owns."""

from __future__ import annotations

import pytest

from bot import texts
from bot.core.grants import Claiming
from bot.demo.telegram import User
from tests.chat.room import NAME, Room, plain


@pytest.fixture
async def code(room: Room) -> str:
    """The code of a bot whose settings list no owner."""
    listed = room.access.now.listed.model_copy(update={"owners": frozenset()})
    room.access.reload(listed, room.access.now.limits)
    return await room.grants.claim_code()


async def opened(room: Room, person: User, code: str) -> list[str]:
    """What somebody hears who opens the link and presses START."""
    chat = room.private(person)
    before = len(room.ours(chat))
    room.telegram.start_bot(person, code)
    await room.handled()
    return (await room.said(chat, before + 1))[before:]


def said(came_of_it: Claiming) -> list[str]:
    return [plain(texts.claiming(came_of_it))]


async def test_who_opens_the_link_owns_the_bot_and_hears_what_to_try(room: Room, code: str) -> None:
    assert await opened(room, room.stranger, code) == said(Claiming.CLAIMED)
    assert room.access.owners == {room.stranger.id}
    message = await room.say(room.private(room.stranger), room.stranger, "/invoice 2100 pizza")
    assert await room.row_of(message) is not None


async def test_a_link_claims_the_bot_once(room: Room, code: str) -> None:
    await opened(room, room.stranger, code)
    assert await opened(room, room.anna, code) == said(Claiming.OWNED)
    assert room.access.owners == {room.stranger.id}
    assert await room.grants.claim_code() == ""


async def test_of_two_people_who_open_it_at_once_one_owns_the_bot(room: Room, code: str) -> None:
    for person in (room.anna, room.bert):
        room.telegram.start_bot(person, code)
    await room.handled()
    assert len(room.access.owners) == 1
    for person in (room.anna, room.bert):
        came = Claiming.CLAIMED if room.access.is_owner(person.id) else Claiming.OWNED
        await room.told(room.private(person), texts.claiming(came))


async def test_a_claim_that_is_delivered_again_after_a_crash_says_so_again(
    room: Room, code: str
) -> None:
    room.telegram.start_bot(room.stranger, code)
    batch = await room.updates()
    await room.intake.handle(batch)
    for raw in batch:  # another process knows nothing of those numbers
        raw["update_id"] += 1000
    await room.intake.handle(batch)
    assert await room.said(room.private(room.stranger), 2) == said(Claiming.CLAIMED) * 2
    assert room.access.owners == {room.stranger.id}


async def test_a_wrong_code_says_so_now_and_then_and_makes_nobody_an_owner(
    room: Room, code: str
) -> None:
    hers = room.private(room.stranger)
    for wrong in ("claim-", f"{code}x", code[:-1], code.lower(), "claim-" + "a" * 22):
        room.telegram.start_bot(room.stranger, wrong)
    await room.handled()
    await room.told(hers, texts.claiming(Claiming.WRONG))
    assert room.access.owners == set()
    assert await opened(room, room.anna, code) == said(Claiming.CLAIMED)


async def test_in_a_group_the_code_makes_nobody_an_owner(room: Room, code: str) -> None:
    for text in (f"/start {code}", f"/start@{NAME} {code}", code):
        await room.say(room.group, room.anna, text)
    assert room.access.owners == set()


@pytest.mark.parametrize("how", ["forwarded", "edited", "tapped"])
async def test_a_forwarded_or_edited_claim_makes_nobody_an_owner(
    room: Room, code: str, how: str
) -> None:
    hers = room.private(room.anna)
    if how == "forwarded":
        message = await room.say(room.group, room.bert, f"/start {code}")
        room.telegram.forward(message, hers, room.anna)
    elif how == "tapped":
        poll = room.telegram.add_bot("5:other", "pizza_poll_bot", "Pizza poll")
        room.telegram.say(hers, room.anna, f"/start {code}", via_bot=poll)
    else:
        message = await room.say(hers, room.anna, "hello")
        room.telegram.edit_as_user(message, f"/start {code}")
    await room.handled()
    assert room.access.owners == set()


async def test_a_bot_whose_settings_list_an_owner_cannot_be_claimed(room: Room) -> None:
    assert await room.grants.claim_code() == ""
    assert await opened(room, room.stranger, "claim-" + "a" * 22) == said(Claiming.OWNED)
    assert room.access.owners == {room.owner.id}


async def test_an_owner_in_the_settings_voids_the_link_for_good(room: Room, code: str) -> None:
    listed, limits = room.access.now.listed, room.access.now.limits
    room.access.reload(listed.model_copy(update={"owners": frozenset({room.owner.id})}), limits)
    assert await room.grants.claim_code() == ""
    room.access.reload(listed, limits)
    assert await opened(room, room.stranger, code) == said(Claiming.WRONG)
    assert await room.grants.claim_code() not in ("", code)


async def test_a_claim_of_hours_ago_is_not_carried_out(room: Room, code: str) -> None:
    room.telegram.start_bot(room.stranger, code)
    room.clock.ahead_s += 3 * 3600
    await room.handled()
    await room.told(room.private(room.stranger), texts.TOO_LATE)
    assert room.access.owners == set()
