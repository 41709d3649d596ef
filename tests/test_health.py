"""The owners hear in private of what will keep payments away, while the bot goes on."""

from __future__ import annotations

import pytest

from bot.config import DAY_S
from bot.core.notices import Kind
from bot.demo.node import certificate
from bot.node import health
from tests.world import World


@pytest.fixture(autouse=True)
def quick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is an instant; the owner can be written to."""
    monkeypatch.setattr(health, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(health, "UNSYNCED_FOR_S", 0.05)
    world.telegram.say(world.private(world.owner), world.owner, "/start")


async def test_owners_hear_that_the_chain_is_not_synced_and_that_it_is_again(world: World) -> None:
    await world.start_bot()
    owner = world.private(world.owner)
    world.node.synced_to_chain = False
    await world.notified(owner, Kind.NOT_SYNCED)
    await world.open_card(world.private(world.anna), world.anna, "/invoice 2100")
    world.node.synced_to_chain = True
    await world.notified(owner, Kind.SYNCED_AGAIN)
    assert len(world.notices(owner, Kind.NOT_SYNCED)) == 1
    assert not world.notices(world.private(world.anna), Kind.NOT_SYNCED)


async def test_owners_hear_that_the_certificate_expires(world: World) -> None:
    world.clock.ahead_s = certificate.VALID_S - 10 * DAY_S
    await world.start_bot()
    owner = world.private(world.owner)
    notice = await world.notified(owner, Kind.CERTIFICATE_EXPIRES)
    assert "lnd.tls_cert" in (notice.text or "")
    looks = world.node.calls["GetInfo"]
    await world.node.until(lambda: world.node.calls["GetInfo"] > looks + 3)
    assert len(world.notices(owner, Kind.CERTIFICATE_EXPIRES)) == 1


async def test_a_node_that_is_away_while_it_is_looked_at_ends_nothing(world: World) -> None:
    await world.start_bot()
    await world.node.until(lambda: world.node.calls["GetInfo"] > 3)
    await world.node.kill()
    looks = world.node.calls["GetInfo"]
    await world.node.start()
    await world.node.until(lambda: world.node.calls["GetInfo"] > looks + 3)
    await world.open_card(world.private(world.anna), world.anna, "/invoice 2100")
    await world.stop_bot()
