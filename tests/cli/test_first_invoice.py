"""From an empty folder to a paid invoice: setup, the link, hello, the card, PAID."""

from __future__ import annotations

import re

from bot.core.invoice import Face
from tests.cli.owner import BAKE_ASKED, START_ASKED, TOKEN_ASKED, USE_ASKED, WRITE_ASKED, NewOwner
from tests.cli.person import CTRL_C
from tests.world import NAME, TOKEN


async def test_whoever_opens_the_link_of_the_setup_owns_the_bot_and_gets_the_first_invoice(
    owner: NewOwner,
) -> None:
    world = owner.world
    owner.has_lnd()
    chat = world.private(world.stranger)
    async with owner.sets_up() as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(USE_ASKED)
        await person.answers(BAKE_ASKED)
        await person.answers(WRITE_ASKED)
        said = await person.answers(START_ASKED)
        link = re.search(rf"https://t\.me/{NAME}\?start=(\S+)", said)
        assert link
        await world.telegram.wait_for(lambda: world.polls() > 0)
        world.telegram.say(chat, world.stranger, f"/start {link[1]}")
        await world.until(lambda: world.ours(chat))
        world.telegram.say(chat, world.stranger, "/invoice 2100 pizza")
        card = await world.shown(chat, Face.OPEN, sats=2100)
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
        # once claimed, the code is worth nothing
        other = world.private(world.anna)
        world.telegram.say(other, world.anna, f"/start {link[1]}")
        await world.until(lambda: world.ours(other))
        world.telegram.say(other, world.anna, "/invoice 2100 mine")
        await world.until(lambda: len(world.ours(other)) > 1)
        assert not world.showing(other, Face.OPEN)
        person.types(CTRL_C)
        assert await person.ends() == 0
    # a setup of an owned bot gives nobody else a link
    flags = ("--yes", "--replace")
    code, again = await owner.without_terminal(*flags, INVOICE_BOT_TELEGRAM__TOKEN=TOKEN)
    assert code == 0, again
    assert "?start=" not in again
    assert f"open https://t.me/{NAME} and press Start" in again


async def test_a_second_setup_prints_the_link_that_nobody_has_used_and_names_the_macaroon_before(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    links, numbers = [], []
    admin = str(owner.world.node.folder / "admin.macaroon")
    for flags in ([], ["--replace", "--admin-macaroon", admin]):
        code, said = await owner.without_terminal(
            "--yes", *flags, INVOICE_BOT_TELEGRAM__TOKEN=TOKEN
        )
        assert code == 0, said
        links += re.findall(r"\?start=(\S+)", said)
        numbers.append(owner.root_key())
    assert len(links) == 2
    assert len(set(links)) == 1
    assert said.count(f"lncli deletemacaroonid {numbers[0]}\n") == 1
    assert numbers[0] != numbers[1]
