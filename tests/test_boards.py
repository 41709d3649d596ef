"""A bill that a group pays, end to end: each their part, and a board that is true."""

from __future__ import annotations

from bot.core.invoice import Face
from bot.demo.telegram import Chat, Message, User
from tests.world import World


def boards(world: World, chat: Chat) -> list[Message]:
    return [m for m in world.ours(chat) if "Split:" in (m.text or "").partition("\n")[0]]


async def board(world: World, chat: Chat, says: str = "") -> Message:
    """Wait for a board that says this."""
    found = await world.until(lambda: [m for m in boards(world, chat) if says in (m.text or "")])
    assert found
    return found[-1]


async def my_part(world: World, shown: Message, person: User, sats: int) -> Message:
    """Press, follow the link, and wait for the card in private."""
    press = world.telegram.press(shown.chat, person, shown.id, text="Pay my part")
    answer = await press.answer
    assert answer.url is not None, answer
    world.telegram.follow(press)
    return await world.shown(world.private(person), Face.OPEN, sats=sats)


async def test_a_bill_is_paid_by_each_their_part(world: World) -> None:
    world.access["chats"] = frozenset({world.group.id})
    await world.start_bot()
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    shown = await board(world, world.group)
    for person in (world.anna, world.bert, world.stranger):
        if person is world.stranger:
            world.telegram.join(world.group, person)
        card = await my_part(world, shown, person, 28_000)
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
    done = await board(world, world.group, "all paid")
    assert done.id == shown.id
    assert not world.buttons(done)
    await world.until(
        lambda: [m for m in world.ours(world.group) if "All parts of" in (m.text or "")]
    )
