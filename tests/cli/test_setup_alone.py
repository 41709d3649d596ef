"""`invoice-bot setup` where nobody can be asked: flags answer, and one sentence says what lacks."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from bot.config.values import lndconnect
from bot.demo.node.macaroons import READONLY
from tests.cli.owner import NARROW, NewOwner
from tests.cli.person import CTRL_C
from tests.world import NAME, TOKEN

ENV = "INVOICE_BOT_TELEGRAM__TOKEN"


@pytest.fixture
def token_file(owner: NewOwner) -> Path:
    file = owner.home / "token"
    file.write_text(TOKEN + "\n")
    return file


async def test_with_flags_and_yes_it_needs_no_terminal(owner: NewOwner, token_file: Path) -> None:
    owner.has_lnd()
    code, said = await owner.without_terminal("--token-file", str(token_file), "--yes")
    assert code == 0, said
    assert f"https://t.me/{NAME}?start=" in said
    assert owner.is_narrow()
    # the token stays where it is, and is written nowhere else
    assert TOKEN not in owner.spread() + said
    assert owner.settings().telegram.token.get_secret_value() == TOKEN
    assert not owner.world.polls()


async def test_every_question_has_a_flag(owner: NewOwner, token_file: Path) -> None:
    node = owner.world.node
    own = owner.home / "narrow"
    own.write_text(node.bake(NARROW).hex())
    code, said = await owner.without_terminal(
        *("--token-file", str(token_file), "--api-url", owner.world.telegram.url),
        *("--node", node.address, "--tls-cert", str(node.folder / "tls.cert")),
        *("--macaroon", str(own), "--owner", "5", "--database", "data/bot.db"),
        *("--config", "my.toml", "--yes", "--no-start"),
        INVOICE_BOT_TELEGRAM__API_URL="http://127.0.0.1:1",
    )
    assert code == 0, said
    assert not owner.config.exists()
    text = (owner.folder / "my.toml").read_text()
    assert "owners = [5]" in text
    assert 'url = "sqlite:///data/bot.db"' in text
    assert f'api_url = "{owner.world.telegram.url}"' in text
    assert owner.is_narrow()
    assert not node.calls["BakeMacaroon"]


async def test_an_admin_macaroon_or_an_address_by_flag_bakes_the_bots(
    owner: NewOwner, token_file: Path
) -> None:
    node = owner.world.node
    admin, pem = ((node.folder / name) for name in ("admin.macaroon", "tls.cert"))
    address = owner.home / "address"
    address.write_text(lndconnect(node.address, admin.read_bytes().hex(), pem.read_bytes()) + "\n")
    ways = (
        ["--lndconnect-file", str(address)],
        ["--node", node.address, "--tls-cert", str(pem), "--admin-macaroon", str(admin)],
    )
    for number, way in enumerate(ways):
        folder = owner.folder / str(number)
        folder.mkdir()
        code, said = await owner.without_terminal(
            *("--token-file", str(token_file), "--yes", "--config", f"{number}/config.toml"), *way
        )
        assert code == 0, said
        assert (folder / "bot.macaroon").read_bytes() != admin.read_bytes()
    assert node.calls["BakeMacaroon"] == 2
    assert "lndconnect://" not in owner.spread()


#: Flags beside --yes, the exit code, and what the sentence names. Names in braces are files.
WRONG = [
    ("--token-file /nowhere", 2, "There is no file at /nowhere."),
    ("--token-file {readonly}", 2, "found something else"),
    ("--token-file {other_token}", 2, "rejected"),
    ("--api-url ftp://x", 2, "--api-url"),
    ("--api-url http://127.0.0.1:1", 1, "can't be reached"),
    ("", 2, "--node"),
    ("--lnd-dir /", 2, "--node"),
    ("--node localhost", 2, "--tls-cert"),
    ("--node x.onion:10009 {cert}", 2, "--proxy"),
    ("{node} {cert} {mac} --proxy socks5://127.0.0.1:9050", 2, "SOCKS"),
    ("--node 127.0.0.1:1 {cert} {mac}", 1, "can't be reached"),
    ("--node localhost:x {cert} {mac}", 2, "That is not an address"),
    ("{node} {mac} --tls-cert /nowhere", 2, "There is no file at /nowhere."),
    ("--lndconnect-file /nowhere", 2, "There is no file /nowhere."),
    ("--lndconnect-file {readonly}", 2, "not an lndconnect address"),
    ("{node} {cert}", 2, "--macaroon"),
    ("{node} {cert} --admin-macaroon {readonly}", 2, "--macaroon"),
    ("{node} {cert} --admin-macaroon /nowhere", 2, "There is no file /nowhere."),
    ("{node} {cert} --macaroon {wide}", 2, "none that can spend"),
    ("{node} {cert} --macaroon {readonly}", 2, "does not allow"),
    ("{node} {cert} --macaroon {other_token}", 2, "not an LND macaroon"),
    ("--owner -5", 2, "user id"),
    ("--database x?y", 2, "--database"),
    ("--config no/config.toml", 2, "no folder"),
    ("--config /proc/config.toml", 2, "free"),
]


@pytest.mark.parametrize(("flags", "code", "named"), WRONG)
async def test_whatever_lacks_or_is_wrong_is_said_and_nothing_is_written(
    owner: NewOwner, flags: str, code: int, named: str
) -> None:
    node = owner.world.node
    names = {name: owner.home / name for name in ("readonly", "wide", "other_token")}
    names["readonly"].write_bytes(node.bake(READONLY))
    names["wide"].write_bytes(node.bake([*NARROW, "onchain:write"]))
    names["other_token"].write_text(f"{TOKEN}x")
    ways = {
        "node": f"--node {node.address}",
        "cert": f"--tls-cert {node.folder / 'tls.cert'}",
        "mac": f"--macaroon {names['wide']}",
    }
    if flags.startswith(("--token-file", "--api-url")):
        owner.has_lnd()
    written = flags.format(**names, **ways).split()
    token = {} if "--token-file" in flags else {ENV: TOKEN}
    ended, said = await owner.without_terminal("--yes", *written, **token)
    assert (ended, named in said) == (code, True), said
    assert "Nothing is written before you confirm" not in said
    assert owner.wrote_nothing()


async def test_what_nobody_confirmed_is_not_written(owner: NewOwner) -> None:
    owner.has_lnd()
    code, said = await owner.without_terminal(**{ENV: TOKEN})
    assert code == 2
    assert said == "There is no terminal to ask at: add --yes to write it.\n"
    assert owner.wrote_nothing()


async def test_without_a_terminal_one_sentence_and_nothing_else_names_all_that_is_missing(
    owner: NewOwner,
) -> None:
    code, said = await owner.without_terminal()
    assert code == 2
    assert said.count("\n") == 1
    assert said.startswith("There is no terminal to ask at: give the token with --token-file")
    for flag in ("--node", "--macaroon", "--yes"):
        assert flag in said
    _, said = await owner.without_terminal("--node", "x.onion:10009", **{ENV: TOKEN})
    assert said.count("\n") == 1
    assert re.findall(r"--[a-z-]+", said) == [
        *("--tls-cert", "--proxy", "--macaroon", "--admin-macaroon", "--yes")
    ]
    assert owner.wrote_nothing()


async def test_a_variable_that_would_override_what_is_written_is_named_first(
    owner: NewOwner,
) -> None:
    code, said = await owner.without_terminal(**{ENV: TOKEN}, INVOICE_BOT_LND__HOST="x:1")
    assert code == 2
    assert said.startswith("INVOICE_BOT_LND__HOST in the environment would override")
    assert owner.wrote_nothing()


async def test_an_existing_settings_file_is_replaced_by_a_flag_only(
    owner: NewOwner, token_file: Path
) -> None:
    owner.has_lnd()
    owner.config.write_text("mine")
    flags = ("--token-file", str(token_file), "--yes")
    code, said = await owner.without_terminal(*flags)
    assert (code, said.count("\n")) == (2, 1)
    assert "--replace" in said
    assert owner.config.read_text() == "mine"
    code, said = await owner.without_terminal(*flags, "--replace")
    assert code == 0, said
    assert (owner.folder / "config.toml.old").read_text() == "mine"


async def test_a_token_that_comes_by_a_pipe_is_kept_in_the_settings(owner: NewOwner) -> None:
    owner.has_lnd()
    pipe = owner.home / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        pipe.write_text(TOKEN)  # once somebody reads

    code_and_said, _ = await asyncio.gather(
        owner.without_terminal("--token-file", str(pipe), "--yes"), asyncio.to_thread(write)
    )
    assert code_and_said[0] == 0, code_and_said
    assert owner.settings().telegram.token.get_secret_value() == TOKEN
    assert "token_file" not in owner.config.read_text()


async def test_a_link_in_the_place_of_a_file_is_not_written_through(
    owner: NewOwner, token_file: Path
) -> None:
    owner.has_lnd()
    theirs = owner.home / "theirs"
    for name in ("config.toml", "bot.macaroon"):
        (owner.folder / name).symlink_to(theirs)
        code, said = await owner.without_terminal("--token-file", str(token_file), "--yes")
        assert (code, said.count("\n")) == (2, 1)
        assert "is a symbolic link" in said
        assert not theirs.exists()
        (owner.folder / name).unlink()


async def test_with_yes_at_a_terminal_only_what_has_no_default_is_asked(owner: NewOwner) -> None:
    owner.has_lnd()
    async with owner.sets_up("--yes") as person:
        await person.answers("paste it): ", TOKEN)
        await person.answers("in this terminal? [Y/n] ")
        await owner.world.telegram.wait_for(lambda: owner.world.polls() > 0)
        person.types(CTRL_C)
        assert await person.ends() == 0
    assert owner.is_narrow()
