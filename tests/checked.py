"""What a check finds in a world, for tests that ask for marks and kinds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from bot import texts
from bot.check import diagnose
from bot.config import Settings
from bot.findings import About, Finding, Kind, Mark
from bot.node.check import RIGHTS
from tests.world import TOKEN, World

#: The permissions of the macaroon that the bot's owner should bake.
NARROW = [f"uri:{right.method}" for right in RIGHTS]


def bake_narrow(world: World) -> None:
    """What the bot's owner should have given it."""
    world.node.bake(NARROW, root_key_id=1, save_to="bot.macaroon")
    world.macaroon = "bot.macaroon"


def changed(settings: Settings, section: str, **values: Any) -> Settings:
    """The settings with these values in one section."""
    part: BaseModel = getattr(settings, section)
    return settings.model_copy(update={section: part.model_copy(update=values)})


async def diagnosed(world: World, settings: Settings | None = None, **how: Any) -> list[Finding]:
    """Everything that is found. Each is one line, and none of them shows a secret."""
    settings = settings or world.settings()
    findings = await diagnose(settings, **how)
    lines = [texts.finding_line(finding) for finding in findings]
    text = "\n".join(lines)
    assert text.count("\n") == len(lines) - 1
    assert TOKEN.partition(":")[2] not in text
    with contextlib.suppress(Exception):
        assert settings.lnd.macaroon_hex()[:40] not in text
    return findings


def of(about: About, findings: Iterable[Finding]) -> list[Finding]:
    """Those about one subject."""
    return [finding for finding in findings if finding.about is about]


def kinds(findings: Iterable[Finding]) -> list[tuple[Mark, Kind]]:
    """How each is, and what it is."""
    return [(finding.mark, finding.kind) for finding in findings]


def bad_ones(findings: Iterable[Finding]) -> list[Finding]:
    """What needs fixing."""
    return [finding for finding in findings if finding.mark is Mark.BAD]
