"""What is found at Telegram: the token, the bot's place in groups, a webhook."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from bot.findings import About, Finding, Kind, Mark
from tests.checked import bake_narrow, changed, diagnosed, kinds, of
from tests.world import NAME, TOKEN, World

FINE, NOTE, BAD = Mark.FINE, Mark.NOTE, Mark.BAD


@pytest.fixture(autouse=True)
def narrow(world: World) -> None:
    bake_narrow(world)


async def test_a_rejected_token(world: World) -> None:
    settings = changed(world.settings(), "telegram", token=SecretStr("1:wrong-wrong-wrong"))

    findings = await diagnosed(world, settings)

    assert findings[0] == Finding(BAD, About.TELEGRAM, Kind.LOGIN_REJECTED)
    assert "wrong-wrong" not in repr(findings)
    assert kinds(of(About.CHAIN, findings)) == [(FINE, Kind.SYNCED)], "the rest is checked too"


async def test_telegram_that_cannot_be_reached(world: World) -> None:
    await world.telegram.down()

    findings = await diagnosed(world)

    values = {"api_url": world.telegram.url}
    assert findings[0] == Finding(BAD, About.TELEGRAM, Kind.UNREACHABLE, values)


async def test_something_else_than_telegram(world: World) -> None:
    world.telegram.fail("getMe", status=403, description="Forbidden: bot was kicked out")

    (finding,) = of(About.TELEGRAM, await diagnosed(world))

    values = {"message": "Forbidden: bot was kicked out"}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.ANSWERS_ODDLY, values)


@pytest.mark.parametrize(
    ("bot", "found"),
    [
        ({"can_read_all_group_messages": True}, (FINE, Kind.PRIVACY_OFF)),
        ({"can_join_groups": False}, (NOTE, Kind.GROUPS_FORBIDDEN)),
    ],
)
async def test_the_bots_place_in_groups(
    world: World, bot: dict[str, bool], found: tuple[Mark, Kind]
) -> None:
    token = "22222222:AAE-another-token-of-another-bot-000"
    world.telegram.add_bot(token, "other_bot", "Other", **bot)

    findings = await diagnosed(world, changed(world.settings(), "telegram", token=SecretStr(token)))

    assert kinds(of(About.GROUPS, findings)) == [found]


async def test_privacy_mode_is_found_with_the_command_that_gets_through(world: World) -> None:
    (finding,) = of(About.GROUPS, await diagnosed(world))

    assert finding == Finding(FINE, About.GROUPS, Kind.PRIVACY_ON, {"username": NAME})


async def test_a_webhook_is_found_without_its_secret_path(world: World) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{world.telegram.url}/bot{TOKEN}/setWebhook",
            json={"url": "https://hooks.example/secret-path"},
        )
    assert answer.json()["ok"]

    findings = await diagnosed(world)

    values = {"host": "hooks.example"}
    assert findings[2] == Finding(NOTE, About.TELEGRAM, Kind.WEBHOOK_SET, values)
    assert "secret-path" not in repr(findings)
