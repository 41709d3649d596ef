"""`invoice-bot setup`: each file is one thing, and its folder may have any name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.config.problems import Kind
from bot.config.values import lndconnect
from bot.store import targets
from bot.texts import setup as texts
from tests.cli.owner import NewOwner
from tests.world import TOKEN

ENV = "INVOICE_BOT_TELEGRAM__TOKEN"


#: Flags that give one file two uses, in a folder where "token" has the token. In braces: the
#: certificate of a node that is found by nothing else.
TWO_USES = [
    *(f"--database {name}" for name in ("bot.macaroon", "config.toml", "lnd.cert")),
    *(f"--database {name}" for name in ("config.toml.old", "bot.macaroon.old", "lnd.cert.old7")),
    "--database way/../bot.macaroon",
    "--database link/config.toml",
    "--database token --token-file token",
    "--token-file config.toml",
    "--token-file bot.macaroon",
    "--token-file lnd.cert",
    "--token-file link/bot.macaroon",
    "--token-file theirs",
    *(f"--token-file invoice-bot.{end}" for end in ("db", "db.lock", "db-wal", "db.pid", "alive")),
    *(f"--config {name}" for name in ("bot.macaroon", "lnd.cert", "invoice-bot.db")),
    *(f"--config invoice-bot.{end}" for end in ("db.lock", "db-wal", "db-shm", "alive")),
    "--config token --token-file token",
    "--config bot.alive --database bot.db",
    "--config {cert} --node 127.0.0.1:1 --tls-cert {cert}",
    "--database {cert} --node 127.0.0.1:1 --tls-cert {cert}",
]


@pytest.mark.parametrize("flags", TWO_USES)
async def test_no_file_of_a_setup_has_two_uses(owner: NewOwner, flags: str) -> None:
    owner.has_lnd()
    (owner.folder / "way").mkdir()
    (owner.folder / "link").symlink_to(owner.folder, target_is_directory=True)
    words = flags.format(cert=owner.lnd / "tls.cert").split()
    token = words[words.index("--token-file") + 1] if "--token-file" in words else ""
    if token:
        real = "config.toml" if token == "theirs" else token
        (owner.folder / real).write_text(TOKEN)
    if token == "theirs":
        (owner.folder / token).symlink_to(owner.folder / "config.toml")
    before = {each: each.read_bytes() for each in owner.folder.iterdir() if each.is_file()}
    env = {} if token else {ENV: TOKEN}
    code, said = await owner.without_terminal("--yes", "--replace", *words, **env)
    assert (code, said.count("\n")) == (2, 1), said
    assert "at once. Name another file." in said
    after = {each: each.read_bytes() for each in owner.folder.iterdir() if each.is_file()}
    assert after == before
    assert not owner.world.node.calls["BakeMacaroon"]


async def test_a_certificate_that_an_earlier_setup_wrote_can_be_named_again(
    owner: NewOwner,
) -> None:
    node = owner.world.node
    admin, pem = ((node.folder / name).read_bytes() for name in ("admin.macaroon", "tls.cert"))
    address = owner.home / "address"
    address.write_text(lndconnect(node.address, admin.hex(), pem))
    flags = ("--yes", "--no-start")
    code, said = await owner.without_terminal(
        *flags, "--lndconnect-file", str(address), **{ENV: TOKEN}
    )
    assert code == 0, said
    code, said = await owner.without_terminal(
        *(*flags, "--replace", "--node", node.address, "--tls-cert", "lnd.cert"), **{ENV: TOKEN}
    )
    assert code == 0, said
    assert owner.settings().lnd.tls_cert == owner.folder / "lnd.cert"


@pytest.mark.parametrize("name", ["a?b", "in $b", "50%20", "fi le:x", "${HOME}"])
async def test_a_folder_of_any_name_has_a_bot(owner: NewOwner, name: str) -> None:
    owner.has_lnd()
    folder = owner.folder / name
    folder.mkdir()
    config = folder / "config.toml"
    code, said = await owner.without_terminal(
        "--yes", "--no-start", "--config", str(config), **{ENV: TOKEN}
    )
    assert code == 0, said
    assert load(config, {}).database.file == folder / "invoice-bot.db"
    assert (folder / "invoice-bot.db").exists()
    assert {each.name for each in owner.folder.iterdir()} == {name}
    # once more, with all that is there
    again = ("--yes", "--no-start", "--replace", "--config", str(config))
    code, said = await owner.without_terminal(*again, **{ENV: TOKEN})
    assert code == 0, said


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("x?y", Kind.DATABASE_URI),
        ("file:x", Kind.DATABASE_URI),
        (":memory:", Kind.DATABASE_IN_MEMORY),
        ("x%20y", Kind.DATABASE_ESCAPED),
        ("x ", Kind.DATABASE_SPACE),
        ("$HOME/x", Kind.DATABASE_VARIABLE),
        (".", Kind.DATABASE_FOLDER),
        ("~nobody-at-all", Kind.DATABASE_FOLDER),
    ],
)
async def test_why_no_database_can_have_that_path_is_said(
    owner: NewOwner, named: str, kind: Kind
) -> None:
    owner.has_lnd()
    code, said = await owner.without_terminal("--yes", "--database", named, **{ENV: TOKEN})
    assert (code, said) == (2, texts.odd_database(kind, named) + "\n")
    assert owner.wrote_nothing()


def test_all_that_may_be_beside_a_database_is_what_a_bot_leaves_there(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    names = {each.name for each in targets.beside_database(file)}
    assert {"x.db-wal", "x.db-shm", "x.db.lock", "x.db.pid", "x.alive"} <= names
