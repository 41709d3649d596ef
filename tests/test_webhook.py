"""Updates that Telegram delivers: from the call to the card, and to and from polls."""

from __future__ import annotations

from bot.core.invoice import Face
from tests.world import World


async def test_a_command_by_the_webhook_gets_a_card_that_is_paid(world: World) -> None:
    world.use_webhook()
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    card = await world.shown(chat, Face.OPEN, sats=2100)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.announced(chat)
    assert not any(call.method == "getUpdates" for call in world.telegram.calls)
