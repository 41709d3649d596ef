"""`invoice-bot setup` where there is a bot already: what is there is offered, named and kept."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bot import texts
from bot.cli.setup.macaroon import is_path
from bot.config import Rate
from bot.demo.telegram import Hook
from bot.findings import About, note
from bot.findings import Kind as Found
from bot.texts import setup
from tests import postgres
from tests.cli.owner import (
    BAKE_ASKED,
    MACAROON_ASKED,
    NARROW,
    START_ASKED,
    TOKEN_ASKED,
    USE_ASKED,
    WRITE_ASKED,
    NewOwner,
)
from tests.cli.person import CTRL_C, Person, plain
from tests.node.test_channel import ONION, tunnelled
from tests.postgres import Cluster, needs_postgres
from tests.world import NAME, TOKEN

TOKEN_ENV = "INVOICE_BOT_TELEGRAM__TOKEN"
PRESENT_ASKED = "Use the macaroon that is there? [Y/n] "
REPLACE_ASKED = "[y/N] "


async def set_up(owner: NewOwner, *flags: str) -> str:
    code, said = await owner.without_terminal("--yes", *flags, **{TOKEN_ENV: TOKEN})
    assert code == 0, said
    return said


async def up_to_the_macaroon(person: Person, *, replaces: bool = False) -> None:
    if replaces:
        await person.answers(REPLACE_ASKED, "y")
    await person.answers(TOKEN_ASKED, TOKEN)
    await person.answers(USE_ASKED)


async def test_a_macaroon_that_is_there_and_fits_is_offered_first_and_stays(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    await set_up(owner)
    macaroon, config = owner.macaroon.read_bytes(), owner.config.read_bytes()
    async with owner.sets_up("--no-start") as person:
        await up_to_the_macaroon(person, replaces=True)
        await person.answers(PRESENT_ASKED)
        summary = await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert summary.count("(stays as it is)") == 2
    assert ".old" not in summary
    assert (owner.macaroon.read_bytes(), owner.config.read_bytes()) == (macaroon, config)
    assert not list(owner.folder.glob("*.old*"))
    assert owner.world.node.calls["BakeMacaroon"] == 1


@pytest.mark.parametrize("is_own", [True, False])
async def test_a_webhook_surprises_only_where_it_is_not_the_settings_own(
    owner: NewOwner, is_own: bool
) -> None:
    owner.has_lnd()
    await set_up(owner)
    if is_own:
        line = 'webhook = "https://hooks.example.org/in"'
        text = owner.config.read_text().replace("[telegram]", f"[telegram]\n{line}")
        owner.config.write_text(text)
    owner.world.telegram.bots[TOKEN].webhook.set(Hook("https://hooks.example.org/in"))
    said = await set_up(owner, "--replace", "--no-start")
    surprise = texts.found(note(About.TELEGRAM, Found.WEBHOOK_SET, host="hooks.example.org"))
    assert (surprise in said) is not is_own
    assert ("webhook = " in owner.config.read_text()) is is_own


async def test_where_it_is_not_wanted_another_is_baked_and_the_previous_one_can_be_revoked(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    await set_up(owner)
    before = owner.root_key()
    async with owner.sets_up("--no-start", "--replace") as person:
        await up_to_the_macaroon(person)
        await person.answers(PRESENT_ASKED, "n")
        await person.answers(BAKE_ASKED)
        assert "will be baked, for this bot alone" in await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.root_key() != before
    assert f"previous macaroon:\n    lncli deletemacaroonid {before}\n" in person.shown


async def test_a_macaroon_that_is_there_and_does_not_fit_is_said_and_not_offered(
    owner: NewOwner,
) -> None:
    node = owner.world.node
    owner.has_lnd()
    revoked = node.bake(NARROW, root_key_id=9)
    node.revoke(9)
    for content in (node.bake([*NARROW, "offchain:write"]), node.bake(NARROW[:1]), revoked):
        owner.macaroon.write_bytes(content)
        async with owner.sets_up() as person:
            await up_to_the_macaroon(person)
            assert "is there, but it is of no use" in await person.reads(BAKE_ASKED)
            assert "Use the macaroon" not in person.shown


async def test_setup_goes_on_by_itself_once_an_older_file_has_changed(owner: NewOwner) -> None:
    node = owner.world.node
    owner.has_lnd()
    owner.macaroon.write_bytes(node.bake(NARROW, root_key_id=5))
    async with owner.sets_up("--no-start") as person:
        await up_to_the_macaroon(person)
        await person.answers(PRESENT_ASKED, "n")
        await person.answers(BAKE_ASKED, "n")
        said = await person.answers(MACAROON_ASKED)
        assert "Setup goes on by itself once that file has changed." in said
        assert "has not changed yet" in await person.reads(MACAROON_ASKED)
        owner.macaroon.write_bytes(node.bake(NARROW, root_key_id=6))
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.root_key() == 6
    assert "lncli deletemacaroonid 5\n" in person.shown


KEPT = """
[telegram]
token = "1:gone"
[lnd]
host = "elsewhere:1"
tls_cert = "gone.cert"
macaroon = "gone.macaroon"
private_route_hints = true
[invoices]
max_sats = 5000
expiry = "1h"
wrong = 1
[access]
owners = [7]
users = [8]
chats = [-9]
[limits]
invoices_per_user = "3/1m"
open_per_chat = "many"
[database]
url = "sqlite:///data/mine.db"
keep = "30d"
[log]
format = "json"
"""


async def test_settings_that_are_not_asked_for_are_carried_over_or_named(owner: NewOwner) -> None:
    owner.has_lnd()
    owner.config.write_text(KEPT)
    async with owner.sets_up("--no-start") as person:
        asked = plain(await person.answers(REPLACE_ASKED, "y"))
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(USE_ASKED)
        await person.answers(BAKE_ASKED)
        summary = await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    carried, _, lost = asked.partition("Not carried over")
    for name in ("access.users", "invoices.max_sats", "limits.invoices_per_user", "log.format"):
        assert name in carried
    assert "expiry" not in asked
    assert "invoices.wrong, limits.open_per_chat." in lost
    assert "Owner     7\n" in summary
    settings = owner.settings()
    assert settings.lnd.host == owner.world.node.address
    assert settings.lnd.private_route_hints is True
    assert settings.invoices.max_sats == 5000
    access = settings.access
    assert (access.owners, access.users, access.chats) == ({7}, {8}, {-9})
    assert settings.limits.invoices_per_user == Rate(3, 60)
    assert settings.database.file == owner.folder / "data/mine.db"
    assert settings.database.keep_s == 30 * 86_400
    assert settings.log.format == "json"


async def test_a_file_of_which_nothing_is_carried_over_is_said_to_be_one(owner: NewOwner) -> None:
    owner.config.write_text("mine")
    async with owner.sets_up() as person:
        assert "nothing in it is carried over" in await person.reads(REPLACE_ASKED)


async def test_beside_a_running_bot_the_owner_is_named_and_a_restart_asked_for(
    owner: NewOwner,
) -> None:
    world = owner.world
    owner.has_lnd()
    said = await set_up(owner)
    code = said.partition(f"https://t.me/{NAME}?start=")[2].split()[0]
    chat = world.private(world.stranger)
    async with owner.sets_up("--replace") as bot:
        await up_to_the_macaroon(bot)
        await bot.answers(PRESENT_ASKED)
        await bot.answers(WRITE_ASKED)
        await bot.answers(START_ASKED)
        await world.telegram.wait_for(lambda: world.polls() > 0)
        world.telegram.say(chat, world.stranger, f"/start {code}")
        await world.until(lambda: world.ours(chat))
        async with owner.sets_up("--replace") as person:
            await up_to_the_macaroon(person)
            await person.answers(PRESENT_ASKED)
            summary = await person.answers(WRITE_ASKED)
            assert await person.ends() == 0
        bot.types(CTRL_C)
        assert await bot.ends() == 0
    assert f"({world.stranger.id}), who owns the bot already" in summary
    assert "The settings are written. A bot is running with this database" in person.shown
    assert f"(process {bot.process.pid})" in person.shown
    assert "Stop that one first" not in person.shown


# the way to the node, and the database


async def test_the_proxy_to_the_same_node_is_kept_and_shown(owner: NewOwner) -> None:
    owner.has_lnd()
    address = owner.world.node.address
    async with tunnelled(owner.world.node, address) as (tunnels, proxy):
        await set_up(owner, "--proxy", proxy, "--no-start")
        before = len(tunnels.asked)
        async with owner.sets_up("--replace", "--no-start") as person:
            await up_to_the_macaroon(person)
            await person.answers(PRESENT_ASKED)
            summary = plain(await person.answers(WRITE_ASKED))
            assert await person.ends() == 0
        assert len(tunnels.asked) > before
    assert owner.settings().lnd.proxy == proxy
    assert f"through {proxy}" in summary
    assert "lnd.proxy" not in person.shown


async def test_the_proxy_to_an_onion_address_is_not_asked_for_again(owner: NewOwner) -> None:
    node = owner.world.node
    flags = ("--node", ONION, "--tls-cert", str(node.folder / "tls.cert"), "--no-start")
    admin = ("--admin-macaroon", str(node.folder / "admin.macaroon"))
    async with tunnelled(node, ONION) as (_, proxy):
        await set_up(owner, *flags, *admin, "--proxy", proxy)
        await set_up(owner, *flags, "--replace")
    assert owner.settings().lnd.proxy == proxy


async def test_a_proxy_that_led_to_another_node_is_not_kept_and_that_is_said(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    old = KEPT.replace("[lnd]", '[lnd]\nproxy = "http://127.0.0.1:1"')
    owner.config.write_text(old)
    said = await set_up(owner, "--replace", "--no-start")
    assert owner.settings().lnd.proxy is None
    assert "lnd.proxy" in said.partition("Not carried over, because they belong to")[2]
    (owner.folder / "config.toml.old").unlink()
    owner.config.write_text(old)
    async with owner.sets_up("--replace", "--no-start") as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(USE_ASKED)
        await person.answers(PRESENT_ASKED)
        assert "lnd.proxy" in await person.answers(WRITE_ASKED)
        assert await person.ends() == 0


async def test_what_a_flag_gives_anew_is_not_said_to_be_carried_over(owner: NewOwner) -> None:
    owner.has_lnd()
    owner.config.write_text(KEPT)
    said = await set_up(owner, "--replace", "--no-start", "--owner", "5", "--database", "x.db")
    carried = said.partition("These settings are carried over: ")[2].partition("Not carried")[0]
    assert "access.users" in carried
    assert "access.owners" not in carried
    assert "database.url" not in carried
    assert owner.settings().access.owners == {5}
    assert owner.settings().database.file == owner.folder / "x.db"


@needs_postgres
@pytest.mark.parametrize("where", ["password", "password_file", "address"])
async def test_a_database_on_a_server_stays_and_its_password_is_not_shown(
    owner: NewOwner, cluster: Cluster, where: str
) -> None:
    owner.has_lnd()
    password = "what-only-the-server-knows"
    with postgres.database(cluster) as name:
        with cluster.admin(name) as admin:
            there = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = 'locked'").fetchone()
            kind = "CREATE" if there is None else "ALTER"
            admin.execute(f"{kind} ROLE locked LOGIN PASSWORD '{password}'")
            admin.execute("GRANT ALL ON SCHEMA public TO locked")
            admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO locked")
            admin.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO locked")
        url = cluster.url(name, user="locked")
        keys = {
            "password": f'url = "{url}"\npassword = "{password}"',
            "password_file": f'url = "{url}"\npassword_file = "word"',
            "address": f'url = "{url}?password={password}"',
        }
        (owner.folder / "word").write_text(password)
        owner.config.write_text(f"[database]\n{keys[where]}\n")
        said = await set_up(owner, "--replace", "--no-start")
        settings = owner.settings()
        assert (settings.database.url, settings.database.is_shared) == (url, True)
        assert settings.database.password.get_secret_value() == password
        assert password not in said
        assert "database.url" in said
        assert not list(owner.folder.glob("*.db"))
        # a file in its place leaves the password behind, and says so
        said = await set_up(owner, "--replace", "--no-start", "--database", "x.db")
        assert owner.settings().database.file == owner.folder / "x.db"
        assert password not in owner.config.read_text() + said
        if where != "address":
            key = f"database.{where}"
            assert key in said.partition("Not carried over, because they belong to")[2]
        with cluster.admin(name) as admin:
            admin.execute("DROP OWNED BY locked")


# a token's file


async def test_the_token_file_is_named_by_a_tidy_path_and_where_everyone_reads_it(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    token = owner.folder.parent / "tok"
    token.write_text(TOKEN)
    opened = [each for each in token.parents if not each.stat().st_mode & 0o001]
    modes = {each: each.stat().st_mode for each in opened}
    token.chmod(0o644)
    try:
        for folder in opened:
            folder.chmod(modes[folder] | 0o001)
        async with owner.sets_up("--no-start", "--token-file", "../tok") as person:
            await person.answers(USE_ASKED)
            await person.answers(BAKE_ASKED)
            summary = await person.answers(WRITE_ASKED)
            assert await person.ends() == 0
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert f"Token     stays in {token}" in summary
    assert "everyone on this machine can read" in plain(summary).lower()
    assert f'token_file = "{token}"' in owner.config.read_text()


# answers and ends


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((each, True) for each in ("~/bot.macaroon", "/x/y", "a/b", "bot.macaron", "my macaroon")),
        *((each, False) for each in ("0201" * 10, "AgEDbG5k/" * 20, "/" + "Ag+/" * 40, "admin")),
        ("lndconnect://x:1?macaroon=AgED", False),
        ("123456789:AAF0bcdefghijklmnopqrstuvwxyz012345", False),
        (f"https://x.y/{'a' * 1000}", False),
    ],
)
def test_nothing_that_may_be_a_secret_is_taken_for_a_path_and_shown(
    text: str, expected: bool
) -> None:
    assert is_path(text) is expected


async def test_an_answer_that_is_none_is_said_and_a_pasted_one_taken_off_the_screen(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    async with owner.sets_up() as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(USE_ASKED, "maybe")
        said = await person.answers(USE_ASKED, "a" * 200)
        assert said.startswith("maybe\nPlease answer y or n.\n")
        assert "\x1b[3A\x1b[JPlease answer y or n.\n" in await person.reads(USE_ASKED)


async def test_ended_while_it_bakes_it_says_how_to_revoke_what_may_be_baked(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    stall = owner.world.node.stall("BakeMacaroon")
    async with owner.sets_up() as person:
        await up_to_the_macaroon(person)
        await person.answers(BAKE_ASKED)
        await person.answers(WRITE_ASKED)
        await asyncio.wait_for(stall.reached(), 30)
        person.types(CTRL_C)
        assert await person.ends() == 1
    assert "LND may have baked the macaroon already." in person.shown
    assert "lncli deletemacaroonid " in person.shown
    assert not list(Path(owner.folder).iterdir())


async def test_where_nothing_can_be_written_after_it_was_baked_it_says_how_to_revoke_it(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    async with owner.sets_up() as person:
        await up_to_the_macaroon(person)
        await person.answers(BAKE_ASKED)
        await person.reads(WRITE_ASKED)
        owner.config.mkdir()
        person.types("\n")
        assert await person.ends() == 2
    assert owner.world.node.calls["BakeMacaroon"] == 1
    numbers = {int(each) for each in re.findall(r"lncli deletemacaroonid (\d+)", person.shown)}
    assert len(numbers) == 1
    owner.world.node.revoke(numbers.pop())  # it is one that the node has
    end = person.shown.partition("LND may have baked the macaroon already.")[2]
    assert "lncli deletemacaroonid " in end
    assert [each.name for each in owner.folder.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("number", [0, 9])
async def test_how_a_macaroon_that_was_given_is_revoked_is_said(
    owner: NewOwner, number: int
) -> None:
    owner.has_lnd()
    own = owner.home / "narrow"
    own.write_bytes(owner.world.node.bake(NARROW, root_key_id=number))
    said = await set_up(owner, "--macaroon", str(own), "--no-start")
    assert setup.revocable(str(number)) in said
    assert ("lncli deletemacaroonid 9\n" in said) is (number == 9)
    assert ("lncli deletemacaroonid" in owner.config.read_text()) is (number == 9)
    # one that is there and stays is no other
    said = await set_up(owner, "--replace", "--no-start")
    assert setup.revocable(str(number)) in said
