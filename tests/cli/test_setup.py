"""`invoice-bot setup` at a terminal: right, with every wrong answer, and ended anywhere."""

from __future__ import annotations

import asyncio
import base64
import re
import shlex
import ssl
from collections.abc import Callable, Sequence

import pytest

from bot.config.values import lndconnect
from bot.demo.node import SimNode
from bot.demo.node.macaroons import ADMIN, INVOICE, READONLY
from tests.cli.owner import (
    ADDRESS_ASKED,
    BAKE_ASKED,
    CERTIFICATE_ASKED,
    MACAROON_ASKED,
    NARROW,
    NODE_ASKED,
    START_ASKED,
    TOKEN_ASKED,
    USE_ASKED,
    WRITE_ASKED,
    NewOwner,
)
from tests.cli.person import CTRL_C, CTRL_D, Person, as_anybody, at_terminal, plain
from tests.world import NAME, TOKEN

#: What setup says of a node that is in order.
ON_SIMNET = "on simnet"


async def up_to_the_summary(person: Person) -> None:
    """The ordinary answers, where LND is on this machine."""
    await person.answers(TOKEN_ASKED, TOKEN)
    await person.answers(USE_ASKED)
    await person.answers(BAKE_ASKED)


# once right


async def test_from_a_token_and_a_node_to_a_running_bot_with_five_answers(owner: NewOwner) -> None:
    admin = owner.has_lnd()
    async with owner.sets_up() as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        said = await person.answers(USE_ASKED)
        assert "simulated node" in said
        assert "synced" in said
        assert "sats can be received" in said
        await person.answers(BAKE_ASKED)
        assert owner.wrote_nothing()
        summary = await person.answers(WRITE_ASKED)
        assert f"@{NAME}" in summary
        assert ON_SIMNET in summary
        end = await person.answers(START_ASKED)
        assert f"https://t.me/{NAME}?start=" in end
        await owner.world.telegram.wait_for(lambda: owner.world.polls() > 0)
        person.types(CTRL_C)
        assert await person.ends() == 0

    assert owner.modes() == {0o600}
    assert owner.is_narrow()
    settings = owner.settings()
    assert settings.telegram.token.get_secret_value() == TOKEN
    assert settings.lnd.tls_cert == owner.lnd / "tls.cert"
    assert admin.read_bytes().hex() not in owner.spread()
    assert "✗" not in person.shown


async def test_no_secret_is_shown_and_no_line_is_wider_than_the_terminal(owner: NewOwner) -> None:
    admin = owner.has_lnd().read_bytes()
    async with owner.sets_up("--no-start") as person:
        await up_to_the_summary(person)
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    for secret in (TOKEN, admin.hex(), owner.macaroon.read_bytes().hex()):
        assert secret not in person.shown
    ours = person.shown.partition("Checking everything")[0].splitlines()
    assert [line for line in ours if len(line) > 80 and str(owner.home.parent) not in line] == []


async def test_the_root_key_id_is_the_bots_own_told_and_revokes_it(owner: NewOwner) -> None:
    owner.has_lnd()
    async with owner.sets_up("--no-start") as person:
        await up_to_the_summary(person)
        said = await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    number = owner.root_key()
    assert 0 < number < 2**64
    assert f"lncli deletemacaroonid {number}" in person.shown
    assert f"lncli deletemacaroonid {number}" in owner.config.read_text()
    assert str(number) not in said
    owner.world.node.revoke(number)


async def test_an_owner_by_number_needs_no_link(owner: NewOwner) -> None:
    owner.has_lnd()
    async with owner.sets_up("--no-start", "--owner", "5", "--owner", "7") as person:
        await up_to_the_summary(person)
        assert "5, 7" in await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert "?start=" not in person.shown
    assert owner.settings().access.owners == {5, 7}


# every wrong answer


async def test_every_wrong_answer_is_explained_and_asked_for_again(owner: NewOwner) -> None:
    world, node = owner.world, owner.world.node
    certificate = node.folder / "tls.cert"
    async with owner.sets_up() as person:
        await person.answers(TOKEN_ASKED)
        assert "That is not a token" in await person.answers(TOKEN_ASKED, "123:abc def")
        assert "That is not a token" in await person.answers(TOKEN_ASKED, f"{TOKEN[:-3]}x")
        assert "rejected" in await person.answers(TOKEN_ASKED, TOKEN)
        # the node
        assert "No LND was found" in await person.answers(NODE_ASKED, "localhost:99999")
        assert "That is not an address" in await person.answers(NODE_ASKED, "http://localhost")
        assert "That is not an address" in await person.answers(NODE_ASKED, "-")
        await person.answers(ADDRESS_ASKED, "lndconnect://localhost:10009?cert=x")
        assert "not an lndconnect address" in await person.answers(NODE_ASKED, node.address)
        await person.answers(CERTIFICATE_ASKED, "/nowhere/tls.cert")
        assert "There is no file at /nowhere/tls.cert." in await person.answers(
            CERTIFICATE_ASKED, str(world.folder)
        )
        assert f"{world.folder} is a folder." in await person.answers(
            CERTIFICATE_ASKED, str(node.folder / "tls.key")
        )
        assert "no" in await person.answers(CERTIFICATE_ASKED, "-")
        assert "public authority" in await person.answers(NODE_ASKED, world.telegram.url[7:])
        await person.answers(CERTIFICATE_ASKED, str(certificate))
        assert "without TLS" in plain(await person.answers(NODE_ASKED, "127.0.0.1:1"))
        # nothing listens there: said before its certificate is asked for
        said = await person.answers(NODE_ASKED, "[::1]:1")
        assert "can't be reached" in said
        assert "tls.cert" not in said
        assert "[127.0.0.1:1]" in said
        assert "[[::1]:1]" in await person.answers(NODE_ASKED, "no-such-host.invalid:10009")
        assert "name can't be found" in plain(await person.answers(NODE_ASKED, node.address))
        node.lock()
        # what was typed before is the default
        assert f"[{certificate}]" in await person.answers(CERTIFICATE_ASKED)
        locked = await person.reads(NODE_ASKED)
        assert f"[{node.address}]" in locked
        assert "locked" in locked
        assert "lncli unlock" in locked
        await node.unlock()
        person.types("\n")
        # the macaroon
        assert "lncli bakemacaroon" in await person.answers(MACAROON_ASKED)
        assert "bot.macaroon yet" in await person.answers(MACAROON_ASKED, "0201deadbeef")
        assert "not an LND macaroon" in await person.answers(MACAROON_ASKED, "/nowhere")
        assert "There is no file /nowhere." in await person.answers(MACAROON_ASKED, "bot.macaron")
        assert "There is no file bot.macaron." in await person.answers(
            MACAROON_ASKED, str(world.folder)
        )
        wide = node.bake([*NARROW, "offchain:write"])
        assert f"{world.folder} is a folder." in await person.answers(MACAROON_ASKED, wide.hex())
        readonly = node.bake(READONLY)
        assert "none that can spend" in await person.answers(MACAROON_ASKED, readonly.hex())
        over = node.bake(NARROW, caveats=["time-before 2020-01-01T00:00:00Z"])
        assert "does not allow AddInvoice" in await person.answers(MACAROON_ASKED, over.hex())
        revoked = node.bake(NARROW, root_key_id=9)
        node.revoke(9)
        assert "expired" in await person.answers(MACAROON_ASKED, revoked.hex())
        assert "rejects that" in await person.answers(MACAROON_ASKED, node.bake(NARROW).hex())
        assert ON_SIMNET in await person.answers(WRITE_ASKED, "n")
        assert await person.ends() == 1
    assert person.shown.rstrip().endswith("Setup has ended. Nothing was written.")
    assert owner.wrote_nothing()


async def test_a_telegram_that_is_away_is_asked_again_with_the_same_token(owner: NewOwner) -> None:
    telegram = owner.world.telegram
    await telegram.down()
    async with owner.sets_up() as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        said = await person.reads("Token, or Enter to try the same one again: ")
        assert "can't be reached" in said
        await telegram.up()
        person.types("\n")
        await person.reads("the token works")
        person.types(CTRL_C)
        assert await person.ends() == 1


async def test_a_rest_port_is_said_to_be_one(owner: NewOwner) -> None:
    owner.has_lnd()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = owner.world.node.folder
    context.load_cert_chain(folder / "tls.cert", folder / "tls.key")
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, owner.sets_up("--node", f"127.0.0.1:{port}") as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(CERTIFICATE_ASKED)
        said = plain(await person.reads(NODE_ASKED))
        assert "looks like LND's REST port" in said
        assert "gRPC is port 10009" in said


# several nodes on one machine

#: The program, with two boxes in the home of its user: one is open to its containers only.
TWO_BOXES = """
from bot.node import discovery
from bot.node.boxes import BOXES, Box
discovery.BOXES = (BOXES[0], Box("Closed box", "~/closed", address=""))
from bot.__main__ import main
main()
"""


async def test_of_several_nodes_one_is_chosen_by_its_number(owner: NewOwner) -> None:
    owner.has_lnd()
    owner.lnd.rename(owner.home / "closed")
    owner.has_lnd()
    program = ("-c", TWO_BOXES)
    async with at_terminal("setup", cwd=owner.folder, env=owner.env, program=program) as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        said = await person.answers("Which one? [1-3] ", "4")
        assert f"1  LND at {owner.world.node.address}" in said
        assert "2  Closed box reached by its own containers only" in said
        assert "3  Another one" in said
        await person.answers("Which one? [1-3] ", "x" * 100)
        said = await person.answers("Which one? [1-3] ", "1")
        assert "\x1b[2A\x1b[JPlease answer with a number from 1 to 3.\n" in said
        assert str(owner.lnd) in await person.answers(USE_ASKED)


async def test_a_node_that_only_its_containers_reach_is_asked_for_with_its_certificate(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    owner.lnd.rename(owner.home / "closed")
    program = ("-c", TWO_BOXES)
    async with at_terminal(
        "setup", "--no-start", cwd=owner.folder, env=owner.env, program=program
    ) as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        said = await person.answers(NODE_ASKED, owner.world.node.address)
        assert "Closed box reached by its own containers only" in said
        asked = await person.answers(CERTIFICATE_ASKED)
        assert f"[{owner.home}/closed/tls.cert]" in asked
        await person.answers(BAKE_ASKED)
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.settings().lnd.tls_cert == owner.home / "closed/tls.cert"


async def test_a_certificate_that_this_user_cannot_read_is_named(owner: NewOwner) -> None:
    owner.has_lnd()
    (owner.lnd / "tls.cert").chmod(0)
    async with at_terminal("setup", cwd=owner.folder, env=owner.env, prepare=as_anybody) as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        said = await person.reads(NODE_ASKED)
        assert f"LND's files are in {owner.lnd}, but this user can't read them." in said
        assert "No LND was found" not in said


async def test_an_admin_macaroon_that_this_user_cannot_read_is_named(owner: NewOwner) -> None:
    admin = owner.has_lnd()
    admin.chmod(0)
    async with at_terminal("setup", cwd=owner.folder, env=owner.env, prepare=as_anybody) as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(USE_ASKED)
        said = await person.reads(MACAROON_ASKED)
        assert f"This user can't read {admin}" in said
        assert "lncli bakemacaroon" in said


# a service

#: The program, on a machine that runs systemd.
WITH_SYSTEMD = """
from pathlib import Path
from bot.cli.setup import ending
ending._SYSTEMD = Path("/")
from bot.__main__ import main
main()
"""


async def test_where_systemd_runs_the_command_that_prints_the_unit_is_offered_and_works(
    owner: NewOwner,
) -> None:
    owner.has_lnd()
    program = ("-c", WITH_SYSTEMD)
    async with at_terminal(
        "setup", "--no-start", cwd=owner.folder, env=owner.env, program=program
    ) as person:
        await up_to_the_summary(person)
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    offered = re.search(
        r"\n    (\S.* unit --config \S+) \\\n +\| sudo tee /etc/systemd", person.shown
    )
    assert offered
    made = await asyncio.create_subprocess_exec(
        *shlex.split(offered[1]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
    )
    unit, _ = await made.communicate()
    assert made.returncode == 0
    assert f"--config {owner.config}" in unit.decode()


# macaroons


@pytest.mark.parametrize("permissions", [READONLY, INVOICE])
async def test_where_a_macaroon_cannot_bake_the_line_is_printed_and_the_file_waited_for(
    owner: NewOwner, permissions: Sequence[str]
) -> None:
    node = owner.world.node
    owner.has_lnd(admin=node.bake(permissions))
    async with owner.sets_up("--no-start") as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(USE_ASKED, "y")
        if permissions == READONLY:
            said = await person.reads(MACAROON_ASKED)
            assert "lacks macaroon:generate" in said
            assert f"--save_to={owner.macaroon}" in said
            number = int(said.partition("--root_key_id=")[2].split()[0])
            assert all(uri in said for uri in NARROW)
            # as lncli does: everybody can read it, and at first it is there in part
            whole = node.bake(NARROW, root_key_id=number)
            owner.macaroon.write_bytes(whole[:50])
            owner.macaroon.write_bytes(whole)
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.modes() == {0o600}
    if permissions == READONLY:
        assert owner.root_key() == number


async def test_a_macaroon_that_only_seems_to_bake_is_told_and_another_one_asked_for(
    owner: NewOwner,
) -> None:
    node = owner.world.node
    owner.has_lnd()
    node.fail("BakeMacaroon", text="permission denied")
    async with owner.sets_up("--no-start") as person:
        await up_to_the_summary(person)
        await person.answers(WRITE_ASKED)
        said = await person.answers(MACAROON_ASKED, node.bake(NARROW).hex())
        assert "lacks a permission" in said
        assert not owner.config.exists()
        assert "the one that you gave" in await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.is_narrow()


async def test_a_node_without_one_of_the_calls_says_so(owner: NewOwner) -> None:
    owner.has_lnd()
    owner.world.node.fail(
        "BakeMacaroon",
        text="invalid permission action, must be an existing URI in the format "
        "/package.Service/MethodName",
    )
    async with owner.sets_up("--no-start") as person:
        await up_to_the_summary(person)
        await person.answers(WRITE_ASKED)
        assert "lacks a call that this bot needs" in plain(await person.reads(MACAROON_ASKED))


async def test_another_macaroon_than_was_asked_for_is_not_used(owner: NewOwner) -> None:
    owner.has_lnd()
    node = owner.world.node
    wide = node.bake(ADMIN).hex()

    def change(answer: object) -> object:
        answer.macaroon = wide  # type: ignore[attr-defined]
        return answer

    node.garble("BakeMacaroon", change)
    async with owner.sets_up("--no-start") as person:
        await up_to_the_summary(person)
        await person.answers(WRITE_ASKED)
        await person.reads(MACAROON_ASKED)
        person.types(CTRL_C)
        assert await person.ends() == 1
    assert not list(owner.folder.iterdir())


async def test_a_pasted_admin_macaroon_bakes_and_is_forgotten(owner: NewOwner) -> None:
    node = owner.world.node
    admin = node.bake(ADMIN)
    async with owner.sets_up("--no-start", "--node", node.address) as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(CERTIFICATE_ASKED, str(node.folder / "tls.cert"))
        await person.answers(MACAROON_ASKED, base64.b64encode(admin).decode())
        await person.answers(BAKE_ASKED)
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.is_narrow()
    assert admin.hex() not in person.shown + owner.spread()
    assert admin not in owner.macaroon.read_bytes()


async def test_an_lndconnect_address_is_used_once_and_written_nowhere(owner: NewOwner) -> None:
    node = owner.world.node
    admin = (node.folder / "admin.macaroon").read_bytes().hex()
    pem = (node.folder / "tls.cert").read_bytes()
    async with owner.sets_up("--no-start") as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(NODE_ASKED, "-")
        await person.answers(ADDRESS_ASKED, lndconnect(node.address, admin, pem))
        await person.answers(BAKE_ASKED)
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    assert owner.is_narrow()
    assert "lndconnect://" not in owner.spread()
    assert owner.settings().lnd.certificate() == (owner.folder / "lnd.cert").read_bytes()
    assert owner.modes() == {0o600}


async def test_a_narrow_macaroon_in_an_lndconnect_address_is_used_as_it_is(owner: NewOwner) -> None:
    node = owner.world.node
    narrow, pem = node.bake(NARROW).hex(), (node.folder / "tls.cert").read_bytes()
    async with owner.sets_up("--no-start") as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        await person.answers(NODE_ASKED, lndconnect(node.address, narrow, pem))
        await person.answers(WRITE_ASKED)
        assert await person.ends() == 0
    # typed where it can be seen, it is taken off the screen again
    assert re.search(r"macaroon=[^\n]+\n\x1b\[\d+A\x1b\[J", person.shown)
    assert owner.macaroon.read_bytes().hex() == narrow
    assert not node.calls["BakeMacaroon"]


async def test_the_macaroon_of_the_right_network_is_found(owner: NewOwner) -> None:
    right = owner.has_lnd()
    other = right.parent.parent / "mainnet/admin.macaroon"
    other.parent.mkdir()
    async with SimNode(owner.world.folder / "other", channels=[]) as another:
        other.write_bytes((another.folder / "admin.macaroon").read_bytes())
    async with owner.sets_up("--no-start") as person:
        await person.answers(TOKEN_ASKED, TOKEN)
        assert ON_SIMNET in await person.answers(USE_ASKED)
        assert str(right) in await person.answers(BAKE_ASKED)


# an existing settings file


async def test_an_existing_settings_file_stays_unless_it_is_to_be_replaced(owner: NewOwner) -> None:
    owner.has_lnd()
    owner.config.write_text("mine")
    async with owner.sets_up() as person:
        await person.answers("config.toml.old. [y/N] ")
        assert await person.ends() == 1
    assert owner.config.read_text() == "mine"
    assert len(list(owner.folder.iterdir())) == 1


async def test_a_replaced_settings_file_is_kept_under_another_name(owner: NewOwner) -> None:
    owner.has_lnd()
    owner.config.write_text("mine")
    owner.macaroon.write_bytes(b"my macaroon")
    owner.config.with_name("config.toml.old").write_text("older")
    async with owner.sets_up("--no-start") as person:
        await person.answers("config.toml.old1. [y/N] ", "y")
        await up_to_the_summary(person)
        summary = await person.answers(WRITE_ASKED)
        assert "config.toml.old1" in summary
        assert "bot.macaroon.old" in summary
        assert await person.ends() == 0
    kept = {each.name: each.read_text() for each in owner.folder.glob("*.old*")}
    assert kept == {
        "config.toml.old": "older",
        "config.toml.old1": "mine",
        "bot.macaroon.old": "my macaroon",
    }
    assert owner.config.with_name("config.toml.old1").stat().st_mode & 0o777 == 0o600
    assert owner.is_narrow()


# ended anywhere

QUESTIONS: dict[str, tuple[Callable[[NewOwner], object], list[tuple[str, str]]]] = {
    "replace": (lambda owner: owner.config.write_text("mine"), [("[y/N] ", "")]),
    "token": (NewOwner.has_lnd, [(TOKEN_ASKED, "")]),
    "node": (lambda _: None, [(TOKEN_ASKED, TOKEN), (NODE_ASKED, "")]),
    "address": (lambda _: None, [(TOKEN_ASKED, TOKEN), (NODE_ASKED, "-"), (ADDRESS_ASKED, "")]),
    "certificate": (
        lambda _: None,
        [(TOKEN_ASKED, TOKEN), (NODE_ASKED, "{node}"), (CERTIFICATE_ASKED, "")],
    ),
    "use": (NewOwner.has_lnd, [(TOKEN_ASKED, TOKEN), (USE_ASKED, "")]),
    "bake": (NewOwner.has_lnd, [(TOKEN_ASKED, TOKEN), (USE_ASKED, ""), (BAKE_ASKED, "")]),
    "macaroon": (
        NewOwner.has_lnd,
        [(TOKEN_ASKED, TOKEN), (USE_ASKED, ""), (BAKE_ASKED, "n"), (MACAROON_ASKED, "")],
    ),
    "write": (
        NewOwner.has_lnd,
        [(TOKEN_ASKED, TOKEN), (USE_ASKED, ""), (BAKE_ASKED, ""), (WRITE_ASKED, "")],
    ),
}


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_ended_at_any_question_nothing_is_written(
    owner: NewOwner, question: str, key: str
) -> None:
    prepare, answers = QUESTIONS[question]
    prepare(owner)
    async with owner.sets_up() as person:
        for asked, answer in answers[:-1]:
            await person.answers(asked, answer.format(node=owner.world.node.address))
        await person.reads(answers[-1][0])
        person.types(key)
        assert await person.ends() == 1
    assert person.shown.rstrip().endswith("Setup has ended. Nothing was written.")
    assert "Traceback" not in person.shown
    assert not owner.world.node.calls["BakeMacaroon"]
    there = ["config.toml"] if question == "replace" else []
    assert [each.name for each in owner.folder.iterdir()] == there


#: Asks, and each time a signal comes about when it begins to wait for the answer.
_ASKS_AGAIN_AND_AGAIN = """
import random, signal
from bot.cli.setup.terminal import Terminal

def end(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, end)
terminal = Terminal(yes=False)
for _ in range(400):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 1e-4))
        terminal.line("", unasked="")
    except KeyboardInterrupt:
        continue
    raise AssertionError
"""


async def test_a_signal_ends_a_question_whenever_it_comes(owner: NewOwner) -> None:
    """One that came between the question and the read was heard with the next key only."""
    program = ("-c", _ASKS_AGAIN_AND_AGAIN)
    async with at_terminal(cwd=owner.folder, env=owner.env, program=program) as person:
        assert await person.ends() == 0, person.shown


async def test_ended_after_the_files_are_written_they_are_whole(owner: NewOwner) -> None:
    owner.has_lnd()
    async with owner.sets_up() as person:
        await up_to_the_summary(person)
        await person.answers(WRITE_ASKED)
        await person.reads(START_ASKED)
        person.types(CTRL_C)
        assert await person.ends() == 1
    assert "are written and complete" in person.shown
    assert re.search(r"To start the bot: \S.* run --config ", person.shown)
    assert owner.settings().lnd.macaroon == owner.macaroon
