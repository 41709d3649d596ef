"""The command line as people and service managers meet it: what is printed, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import io
import json
import os
import re
import shlex
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import zxingcpp
from coincurve import PrivateKey
from PIL import Image

from bot import __version__, cli, errors, texts
from bot.chat import qr
from bot.cli import common, invoice, output
from bot.config.problems import Kind as ProblemKind
from bot.core import amounts
from bot.core.wishes import BackupProblem, MoveProblem, OutputProblem
from bot.demo.node import bolt, open_channels
from bot.errors import ConfigError, MemoRefused, MemoUnreadable, OutputRefused, Problem, Refused
from bot.findings import About, Kind, Mark, bad, fine
from bot.lnrpc.lightning_pb2 import Invoice
from tests.node.simulated import changed
from tests.texts.test_texts_errors import VALUES
from tests.world import NAME, TOKEN, World

ROOT = Path(__file__).parent.parent
COMMANDS = (
    *("setup", "run", "demo", "check", "invoice", "lookup", "cancel"),
    *("status", "export", "backup", "unit", "list"),
)
LIMIT_S = 30.0
#: What a service manager is promised.
END_S = 5.0


@dataclass
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        assert "Traceback" not in self.err + self.out
        return self.err.splitlines()


async def started(
    *arguments: str | bytes, env: dict[str, str] | None = None, cwd: Path | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(env or {})},
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode is not None
    return Ended(process.returncode, (out or b"").decode(), err.decode())


async def ran(
    *arguments: str | bytes, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Ended:
    return await ended(await started(*arguments, env=env, cwd=cwd))


@pytest.fixture
def node_env(world: World) -> dict[str, str]:
    """The settings of a node alone."""
    return {
        "INVOICE_BOT_LND__HOST": world.node.address,
        "INVOICE_BOT_LND__TLS_CERT": str(world.node.folder / "tls.cert"),
        "INVOICE_BOT_LND__MACAROON": str(world.node.folder / "invoice.macaroon"),
    }


@pytest.fixture
def env(world: World, node_env: dict[str, str]) -> dict[str, str]:
    """All settings."""
    return {
        **node_env,
        "INVOICE_BOT_TELEGRAM__TOKEN": TOKEN,
        "INVOICE_BOT_TELEGRAM__API_URL": world.telegram.url,
        "INVOICE_BOT_ACCESS__OWNERS": str(world.owner.id),
        "INVOICE_BOT_LOG__FORMAT": "json",
        "INVOICE_BOT_DATABASE__URL": f"sqlite:///{world.folder}/bot.db",
    }


# the commands


@pytest.mark.parametrize("command", ["setup", "run", "check", "status", "invoice 5"])
async def test_a_folder_that_was_removed_is_said(command: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'rmdir "$PWD" && exec {shlex.quote(sys.executable)} -m bot {command}'),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=here,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    result = await ended(process)
    assert (result.code, result.out) == (2, "")
    [line] = result.lines
    assert line.startswith("The current folder was removed.")


async def test_help_has_an_example_for_each_command() -> None:
    everything = await ran("--help")
    assert everything.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in everything.out
        result = await ran(command, "--help")
        assert (result.code, result.err) == (0, "")
        assert re.search(rf"\n  Example: invoice-bot {command} \S", result.out)
        if command != "demo":
            assert "--config FILE" in result.out


async def test_the_version_is_shown() -> None:
    assert await ran("--version") == Ended(0, f"invoice-bot {__version__}\n", "")


async def test_the_installed_program_is_the_same() -> None:
    script = Path(sys.executable).with_name("invoice-bot")
    process = await asyncio.create_subprocess_exec(
        script, "--version", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert out.decode() == f"invoice-bot {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["rum"], ["invoice"], ["demo", "--port", "http"]])
async def test_a_wrong_command_line_exits_with_2(arguments: list[str]) -> None:
    result = await ran(*arguments)

    assert result.code == 2
    assert result.out == ""
    assert "Usage: " in result.lines[0]


#: How a process ends for each error of the start, and for those that `invoice` can meet: 2 where
#: the same again ends the same until somebody fixes something.
CODES: dict[type[errors.InvoiceBotError], int] = {
    errors.ConfigError: 2,
    errors.StartError: 2,
    errors.FolderGone: 2,
    errors.DatabaseInUse: 1,
    errors.DatabaseMissing: 2,
    errors.DatabaseTooNew: 2,
    errors.DatabaseTooOld: 2,
    errors.DatabaseReplaced: 2,
    errors.DatabaseUnreadable: 1,
    errors.DatabaseDamaged: 2,
    errors.DatabaseHalfMissing: 2,
    errors.DatabaseHalfMoved: 2,
    errors.DatabaseWithoutTables: 2,
    errors.DatabaseJournalLeft: 2,
    errors.DatabaseIsFolder: 2,
    errors.DatabaseNotPermitted: 2,
    errors.NotADatabase: 2,
    errors.DatabaseNotOurs: 2,
    errors.DatabaseHasTwoNames: 2,
    errors.DatabaseFolderReadOnly: 2,
    errors.DatabaseFileClosed: 2,
    errors.DatabaseAway: 1,
    errors.DatabaseRefuses: 2,
    errors.DatabasePasswordWrong: 2,
    errors.DatabaseTlsFailed: 2,
    errors.DatabaseUnknown: 2,
    errors.DatabaseRightsMissing: 2,
    errors.DatabaseReadOnly: 2,
    errors.DatabasePooled: 2,
    errors.DatabaseUnfit: 2,
    errors.PostgresMissing: 2,
    errors.LinkInTheWay: 2,
    errors.TokenRefused: 2,
    errors.PortInUse: 2,
    errors.PortUnusable: 2,
    errors.AddressInUse: 2,
    errors.AddressUnusable: 2,
    errors.DemoMissing: 2,
    errors.DemoNotReady: 1,
    errors.StoreUnavailable: 1,
    errors.AmountRefused: 2,
    errors.MemoRefused: 2,
    errors.MemoUnreadable: 2,
    errors.PeriodRefused: 2,
    errors.OutputRefused: 2,
    errors.OutputFailed: 1,
    errors.ExpiryRefused: 2,
    errors.OptionsExclude: 2,
    errors.LimitRefused: 2,
    errors.NotAnInvoice: 2,
    errors.RequestCorrupt: 2,
    errors.OtherNetwork: 2,
    errors.UserUnknown: 2,
    errors.PathForUnitRefused: 2,
    errors.BackupRefused: 2,
    errors.MoveRefused: 2,
    errors.MoveFailed: 1,
    errors.BackupFailed: 1,
    errors.NodeError: 1,
    errors.NodePassing: 1,
    errors.NodeSetting: 2,
    errors.NodeRefused: 1,
    errors.MemoTooLong: 2,
    errors.AmountTooLarge: 2,
    errors.ExpiryTooLong: 2,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_the_exit_code_says_whether_something_needs_fixing_first(
    kind: type[errors.InvoiceBotError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    error: errors.InvoiceBotError
    if issubclass(kind, errors.ConfigError):
        error = kind(Problem(ProblemKind.NO_SETTINGS, "config.toml", values={"folder": "/x"}))
    elif issubclass(kind, errors.AmountRefused):
        error = refused(lambda: amounts.parse_amount("1.000"))
    elif issubclass(kind, errors.OutputRefused):
        error = kind(problem=OutputProblem.IS_FOLDER, path="/x")
    elif issubclass(kind, errors.MoveRefused):
        error = kind(problem=MoveProblem.SAME)
    elif issubclass(kind, errors.BackupRefused):
        error = kind(problem=BackupProblem.EXISTS, path="/x")
    else:
        error = kind(**VALUES)

    with pytest.raises(typer.Exit) as ended, common.errors_printed():
        raise error

    assert ended.value.exit_code == code
    assert capsys.readouterr().err == texts.why_here(error) + "\n"


def test_every_error_of_the_start_has_its_exit_code_in_the_table() -> None:
    assert set(family(errors.StartError)) <= set(CODES)


def family(kind: type[errors.InvoiceBotError]) -> Iterator[type[errors.InvoiceBotError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from family(each)


# settings


async def test_without_settings_it_says_where_they_were_expected(tmp_path: Path) -> None:
    result = await ran("invoice", "5", cwd=tmp_path)

    assert (result.code, result.out) == (2, "")
    where = {"folder": str(tmp_path)}
    problem = Problem(ProblemKind.NO_SETTINGS, "config.toml", values=where)
    assert result.lines == [texts.why(ConfigError(problem))]


async def test_wrong_settings_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[telegram]\ntoken = "oops"\n[invoices]\nexpire = 5\n')

    result = await ran("run", cwd=tmp_path)

    assert (result.code, result.out) == (2, "")
    assert [line.split(":")[0] for line in result.lines] == [
        "invoices.expire",
        "lnd.tls_cert",
        "lnd.macaroon",
        "telegram.token",
    ]
    assert "oops" not in result.err


async def test_config_names_another_file(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("a = = b\n")

    result = await ran("check", "--config", "other.toml", cwd=tmp_path)
    assert result.code == 2
    (line,) = result.lines
    assert line.startswith("other.toml, line 1, column 5: ")

    result = await ran("check", "--config", "nowhere.toml", env={"INVOICE_BOT_LOG__LEVEL": "info"})
    missing = Problem(ProblemKind.CONFIG_MISSING, "nowhere.toml")
    assert (result.code, result.lines) == (2, [texts.why(ConfigError(missing))])


# invoice


def read_terminal(lines: list[str]) -> str:
    """What a camera sees on the terminal: half blocks in black on white, or light on dark."""
    dark = str.maketrans("█▀▄ ", " ▄▀█")
    cells = [
        re.sub(r"\x1b\[[0-9;]*m", "", line) if "\x1b" in line else line.translate(dark)
        for line in lines
    ]
    picture = Image.new("1", (len(cells[0]), 2 * len(cells)), 1)
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            for half, dark in enumerate((cell in "█▀", cell in "█▄")):
                if dark:
                    picture.putpixel((x, 2 * y + half), 0)
    return read_picture(picture.resize((6 * picture.width, 6 * picture.height)))


def read_picture(picture: Image.Image) -> str:
    (code,) = zxingcpp.read_barcodes(picture.convert("L"), zxingcpp.BarcodeFormat.QRCode)
    text: str = code.text
    return text


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_an_invoice_is_printed_with_a_code_that_can_be_scanned(
    world: World, node_env: dict[str, str], tmp_path: Path
) -> None:
    result = await ran("invoice", "2,100", "--memo", "pizza & beer", env=node_env, cwd=tmp_path)

    assert (result.code, result.err) == (0, "")
    (made,) = world.node.invoices.values()
    assert (made.value_msat, made.memo) == (2_100_000, "pizza & beer")
    lines = result.out.splitlines()
    assert lines[0] == "2,100 sats"
    assert lines[1].endswith("pizza & beer")
    assert re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d \S+$", lines[2])
    assert lines[-1] == made.payment_request
    assert "\x1b" not in result.out, "that is no terminal"
    assert read_terminal(lines[4:-1]) == f"lightning:{made.payment_request.upper()}"
    # neither Telegram nor a database was needed
    assert not world.telegram.calls
    assert files(tmp_path) == {"node"}


def test_a_picture_is_written_through_no_link(tmp_path: Path) -> None:
    target, file = tmp_path / "precious", tmp_path / "pizza.png"
    target.write_bytes(b"mine")
    for name in ("pizza.png", f".invoice-{os.getpid()}.png"):
        (tmp_path / name).symlink_to(target)
    output.write(file, b"a picture")
    assert (file.is_symlink(), file.read_bytes()) == (False, b"a picture")
    assert target.read_bytes() == b"mine"


async def test_json_and_png_work_together(
    world: World, node_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "pizza.png").write_bytes(b"an old picture")
    asked = ("invoice", "any", "--json", "--png", "pizza.png")
    there = output_refused(OutputProblem.EXISTS, "pizza.png")
    result = await ran(*asked, env=node_env, cwd=tmp_path)
    assert (result.code, result.out, result.lines) == (2, "", [texts.why(there)])
    assert (tmp_path / "pizza.png").read_bytes() == b"an old picture"
    assert not world.node.invoices

    result = await ran(*asked, "--force", env=node_env, cwd=tmp_path)

    assert (result.code, result.err) == (0, "")
    (made,) = world.node.invoices.values()
    got = json.loads(result.out)
    kind, _, picture = got.pop("qr").partition(",")
    assert got == {
        "r_hash": made.payment_hash.hex(),
        "payment_request": made.payment_request,
        "add_index": made.add_index,
        "payment_addr": made.payment_addr.hex(),
        "amount_msat": 0,
        "expires_at": made.created_at + 3600,
    }
    assert kind == "data:image/png;base64"
    assert (tmp_path / "pizza.png").read_bytes() == base64.b64decode(picture)
    with Image.open(tmp_path / "pizza.png") as image:
        assert read_picture(image) == f"lightning:{made.payment_request.upper()}"
    assert files(tmp_path) == {"node", "pizza.png"}, "nothing stays beside it"


async def test_the_invoices_settings_count(world: World, node_env: dict[str, str]) -> None:
    node_env |= {"INVOICE_BOT_INVOICES__EXPIRY": "5m", "INVOICE_BOT_INVOICES__MIN_SATS": "10"}

    too_little = await ran("invoice", "9", env=node_env)
    enough = await ran("invoice", "10", "--json", env=node_env)

    below = refused(lambda: amounts.check_range(9_000, min_sats=10, max_sats=1_000_000))
    assert (too_little.code, too_little.lines) == (2, [texts.why(below)])
    (made,) = world.node.invoices.values()
    assert json.loads(enough.out)["expires_at"] == made.created_at + 300


def refused(read: Callable[[], object]) -> Refused:
    """Why that cannot be asked for."""
    with pytest.raises(Refused) as caught:
        read()
    return caught.value


def output_refused(problem: OutputProblem, path: str, **values: str) -> Refused:
    return OutputRefused(problem=problem, path=path, **values)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "pizza",
        "5pizza",
        "1.5k btc",
        "0.5",
        "0",
        "5 pizza",
        "5 bits",
        "1,00",
        "x" * 300,
        "5 eur",
    ],
)
def test_an_example_at_the_terminal_works_at_the_terminal(written: str) -> None:
    said = texts.why_here(refused(lambda: amounts.parse_amount(written)))
    program, command, amount, *memo = shlex.split(said[said.index("invoice-bot") :])
    assert (program, command) == ("invoice-bot", "invoice")
    assert memo[:1] in ([], ["--memo"])
    amounts.parse_amount(amount)


LONG = "x" * 300


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["1.000"], refused(lambda: amounts.parse_amount("1.000"))),
        (["5", "--memo", "ä" * 320], MemoRefused(size_bytes=640)),
        (["5", "--memo", b"\xff"], MemoUnreadable()),
        (
            ["5", "--png", "no/such/x.png"],
            output_refused(OutputProblem.FOLDER_MISSING, "no/such"),
        ),
        (["5", "--png", "."], output_refused(OutputProblem.IS_FOLDER, ".")),
        (
            ["5", "--png", LONG],
            output_refused(OutputProblem.NOT_WRITTEN, LONG, reason="File name too long"),
        ),
    ],
)
async def test_what_cannot_be_asked_is_one_sentence(
    world: World,
    node_env: dict[str, str],
    tmp_path: Path,
    arguments: list[str | bytes],
    error: Refused,
) -> None:
    result = await ran("invoice", *arguments, env=node_env, cwd=tmp_path)

    assert (result.code, result.lines) == (2, [texts.why_here(error)])
    assert result.out == ""
    assert not world.node.invoices, "the node was not asked"


@pytest.mark.parametrize(
    ("trouble", "kind", "cause"),
    [
        ("down", errors.NodeUnreachable, "connection refused"),
        ("locked", errors.NodeLocked, ""),
        ("not synced", errors.NodeStarting, ""),
        ("readonly", errors.PermissionMissing, ""),
        ("certificate", errors.CertificateRefused, ""),  # which this process never saw before
        ("name", errors.NodeNameUnknown, "no such name"),
    ],
)
async def test_a_nodes_trouble_is_one_sentence_with_its_place_and_cause(
    world: World, node_env: dict[str, str], trouble: str, kind: type[errors.NodeError], cause: str
) -> None:
    if trouble == "down":
        await world.node.stop()
    elif trouble == "locked":
        world.node.lock()
    elif trouble == "not synced":  # an add would be stored, and never answered
        world.node.synced_to_chain = False
        world.node.set_state("RPC_ACTIVE")
    elif trouble == "readonly":
        node_env["INVOICE_BOT_LND__MACAROON"] = str(world.node.folder / "readonly.macaroon")
    elif trouble == "name":
        node_env["INVOICE_BOT_LND__HOST"] = "node.invalid:10009"
    else:
        world.node.renew_certificate()

    result = await ran("invoice", "5", env=node_env)

    error = kind(host=node_env["INVOICE_BOT_LND__HOST"], cause=cause)
    code = 2 if error.needs_fixing else 1
    assert (result.code, result.out, result.lines) == (code, "", [texts.why_here(error)])
    assert not world.node.invoices


async def test_an_invoice_has_hints_where_all_channels_are_private(
    world: World, node_env: dict[str, str]
) -> None:
    world.node.ledger.channels = []
    world.node.set_private_channels(1)
    node_env["INVOICE_BOT_LND__MACAROON"] = str(world.node.folder / "admin.macaroon")
    assert (await ran("invoice", "5", env=node_env)).code == 0
    (made,) = world.node.invoices.values()
    assert world.node.pay(made.payment_request)


@pytest.mark.parametrize(("channels", "receivable_msat"), [(1, 790_000_000), (0, 0), (2, None)])
async def test_an_invoice_of_more_than_can_be_received_has_a_line_that_says_so(
    world: World, node_env: dict[str, str], channels: int, receivable_msat: int | None
) -> None:
    world.node.ledger.channels = open_channels(channels, capacity_sat=1_000_000)
    node_env["INVOICE_BOT_LND__MACAROON"] = str(world.node.folder / "admin.macaroon")
    expected = texts.receivable(receivable_msat)
    result = await ran("invoice", "900k", env=node_env)
    warned = [line for line in result.out.splitlines() if line.startswith("The node can")]
    assert (result.code, warned, result.lines) == (0, expected, [])
    result = await ran("invoice", "900k", "--json", env=node_env)
    assert (result.code, result.lines) == (0, expected)
    assert json.loads(result.out)["amount_msat"] == 900_000_000


async def test_without_permission_to_list_channels_an_invoice_has_no_such_line(
    world: World, node_env: dict[str, str]
) -> None:
    world.node.ledger.channels = []
    result = await ran("invoice", "5", "--json", env=node_env)
    assert (result.code, result.lines) == (0, [])


async def test_an_invoice_that_is_not_what_was_asked_for_is_not_printed(
    world: World, node_env: dict[str, str]
) -> None:
    other = world.node.add_invoice(7000).payment_request
    await assert_none_printed(world, node_env, payment_request=other)


@pytest.mark.parametrize(
    "fields", [{"expiry": 10 * 365 * 86_400}, {"expiry": 1}, {"creation_date": 2_000_000_000}]
)
async def test_an_invoice_with_another_time_to_pay_is_not_printed(
    world: World, node_env: dict[str, str], fields: dict[str, int]
) -> None:
    await assert_none_printed(world, node_env, **fields)


async def assert_none_printed(world: World, node_env: dict[str, str], **fields: Any) -> None:
    world.node.garble("LookupInvoice", changed(**fields), times=2)
    result = await ran("invoice", "5", env=node_env)
    odd = errors.NodeOdd(host=world.node.address, cause="")
    assert (result.code, result.out, result.lines[1:]) == (1, "", [texts.why_here(odd)])
    assert result.lines[0] in map(texts.perhaps_made, world.node.invoices)


def with_a_long_request(message: Invoice) -> Invoice:
    """What a node answers whose private channels fill the route hints: 4,400 letters."""
    payment_request = bolt.encode(
        PrivateKey(b"k" * 32),
        payment_hash=message.r_hash,
        payment_addr=b"a" * 32,
        amount_msat=message.value_msat,
        created_at=message.creation_date,
        expiry_s=message.expiry,
        hints=[bolt.hint(bolt.Hop(pubkey=b"\2" * 33, channel_id=1))] * 50,
    )
    assert len(payment_request) > 4400
    return changed(payment_request=payment_request)(message)


async def test_a_request_that_no_code_holds_is_printed_without_one(
    world: World, node_env: dict[str, str], tmp_path: Path
) -> None:
    requests: list[str] = []

    def answer(message: Invoice) -> Invoice:
        long = with_a_long_request(message)
        requests.append(long.payment_request)
        return long

    async def made(*options: str) -> tuple[Ended, str]:
        world.node.garble("LookupInvoice", answer, times=2)
        result = await ran("invoice", "5", *options, env=node_env, cwd=tmp_path)
        return result, requests[-1]

    plain, request = await made()
    assert (plain.code, plain.lines) == (0, [])
    assert plain.out.splitlines()[-1] == request
    assert texts.NO_CODE.strip() in plain.out
    as_json, request = await made("--json")
    assert (as_json.code, as_json.lines) == (0, [])
    said = json.loads(as_json.out)
    assert (said["payment_request"], said["qr"]) == (request, None)
    png, request = await made("--png", "pizza.png")
    no_code = OutputRefused(problem=OutputProblem.NO_CODE)
    assert (png.code, png.lines) == (1, [texts.why(no_code)])
    assert png.out.splitlines()[-1] == request
    assert files(tmp_path) == {"node"}


async def test_a_picture_that_cannot_be_written_is_one_sentence_under_the_invoice(
    world: World, node_env: dict[str, str]
) -> None:
    result = await ran("invoice", "5", "--json", "--png", "/proc/x.png", env=node_env)

    (line,) = result.lines
    read_only = output_refused(OutputProblem.FOLDER_READ_ONLY, "/proc")
    missing = "No such file or directory"
    failed = output_refused(OutputProblem.NOT_WRITTEN, "/proc/x.png", reason=missing)
    assert (result.code, line) in ((2, texts.why(read_only)), (1, texts.why(failed)))
    for made in world.node.invoices.values():  # root is not refused before the node is asked
        assert json.loads(result.out)["payment_request"] == made.payment_request


async def test_a_reader_that_goes_away_causes_no_traceback(node_env: dict[str, str]) -> None:
    process = await started("invoice", "5", env=node_env)
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]

    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        result = await process.stderr.read()
        await process.wait()
    assert b"Traceback" not in result


async def redirected(
    where: str, *arguments: str, env: dict[str, str], cwd: Path | None = None
) -> Ended:
    """What a shell runs with its output elsewhere: ``>&-``, ``>/dev/full``."""
    program = shlex.join([sys.executable, "-m", "bot", *arguments])
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"exec {program} {where}"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return await ended(process)


@pytest.mark.parametrize("options", [[], ["--json"], ["--png", "pizza.png"]])
async def test_no_invoice_is_made_that_nobody_could_see(
    world: World, node_env: dict[str, str], tmp_path: Path, options: list[str]
) -> None:
    result = await redirected(">&-", "invoice", "5", *options, env=node_env, cwd=tmp_path)

    closed = OutputRefused(problem=OutputProblem.CLOSED)
    assert (result.code, result.lines) == (2, [texts.why(closed)])
    assert not world.node.invoices


@pytest.mark.parametrize("options", [[], ["--json"], ["--png", "-"]])
@pytest.mark.parametrize(
    ("where", "reason"), [(">/dev/full", "No space left on device"), ("| :", "Broken pipe")]
)
async def test_an_invoice_whose_output_is_lost_is_told_on_standard_error(
    world: World, node_env: dict[str, str], where: str, reason: str, options: list[str]
) -> None:
    result = await redirected(where, "invoice", "5", *options, env=node_env)

    (made,) = world.node.invoices.values()
    lost = {"reason": reason, "payment_request": made.payment_request}
    error = errors.OutputFailed(problem=OutputProblem.NOT_PRINTED, **lost)
    before = result.lines[:-1] if options else []  # of the invoice, what standard error gets anyway
    assert result.lines == [*before, texts.why(error)]
    assert result.code == (1 if where == ">/dev/full" else 0)  # a pipe ends as its last program


LOST = errors.OutputFailed(problem=OutputProblem.LOST, reason="No space left on device")


@pytest.mark.parametrize("unbuffered", ["", "1"])  # as images of Python set it
@pytest.mark.parametrize("arguments", [["check"], ["--version"], ["--help"], ["run", "--help"]])
async def test_output_that_is_lost_is_one_sentence(
    env: dict[str, str], arguments: list[str], unbuffered: str
) -> None:
    env["PYTHONUNBUFFERED"] = unbuffered
    result = await redirected(">/dev/full", *arguments, env=env)

    assert (result.code, result.lines) == (1, [texts.why(LOST)])


async def test_where_not_even_the_sentence_can_be_written_the_exit_code_says_it(
    env: dict[str, str],
) -> None:
    assert await redirected(">/dev/full 2>&1", "check", env=env) == Ended(1, "", "")
    assert await redirected("2>&-", "invoice", "1.000", env=env) == Ended(2, "", "")
    assert (await redirected("2>&- <&-", "check", env=env)).code == 0


STREAMS = """
import os, sys
from bot.__main__ import main
sys.argv = ["invoice-bot", "--version"]
try:
    main()
except SystemExit:
    os._exit(os.open(os.devnull, os.O_RDONLY))  # the lowest number that is free
"""


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
async def test_no_file_gets_the_number_of_a_standard_stream(closed: str) -> None:
    program = shlex.join([sys.executable, "-c", STREAMS])
    process = await asyncio.create_subprocess_exec("sh", "-c", f"exec {program} {closed}")

    assert await process.wait() > 2


# at a terminal


async def at_terminal(columns: int, *arguments: str, env: dict[str, str]) -> Ended:
    """What a terminal of that width shows."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(theirs)
    shown, result = await asyncio.gather(asyncio.to_thread(everything, ours), ended(process))
    return Ended(result.code, shown.replace("\r\n", "\n"), result.err)


def everything(terminal: int) -> str:
    shown = b""
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as opened:
        while part := opened.read(65_536):
            shown += part
    return shown.decode("latin-1" if b"\xe2" not in shown else "utf-8")


COLOURED = {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}


async def test_a_terminal_that_is_wide_enough_shows_the_code_in_black_on_white(
    world: World, node_env: dict[str, str]
) -> None:
    result = await at_terminal(100, "invoice", "5", env=node_env | COLOURED)

    (made,) = world.node.invoices.values()
    code = [line for line in result.out.splitlines() if "\x1b" in line]
    assert all("\x1b[38;5;16;48;5;231m" in line for line in code)
    assert read_terminal(code) == f"lightning:{made.payment_request.upper()}"
    assert result.out.splitlines()[-1] == made.payment_request


async def test_a_code_that_is_wider_than_the_terminal_is_a_sentence(
    world: World, node_env: dict[str, str]
) -> None:
    result = await at_terminal(20, "invoice", "5", env=node_env | COLOURED)

    (made,) = world.node.invoices.values()
    needed = qr.terminal(made.payment_request).columns
    shown = result.out.splitlines()
    assert (result.code, shown[-1]) == (0, made.payment_request)
    assert texts.code_too_wide(needed, 20).strip() in shown
    assert not set(result.out) & set("█▀▄\x1b")

    result = await at_terminal(needed, "invoice", "5", env=node_env | COLOURED)
    assert "█" in result.out, "it fits exactly"


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
async def test_a_terminal_without_colours_shows_the_code_in_light_letters(
    world: World, node_env: dict[str, str], plain: dict[str, str]
) -> None:
    result = await at_terminal(100, "invoice", "5", env=node_env | COLOURED | plain)

    (made,) = world.node.invoices.values()
    assert "\x1b" not in result.out
    lines = result.out.splitlines()
    assert read_terminal(lines[3:-1]) == f"lightning:{made.payment_request.upper()}"


async def test_a_terminal_that_has_only_ascii_shows_the_code_in_coloured_spaces(
    world: World, node_env: dict[str, str]
) -> None:
    env = node_env | COLOURED | {"PYTHONIOENCODING": "latin-1"}
    result = await at_terminal(200, "invoice", "5", env=env)

    (made,) = world.node.invoices.values()
    assert qr.terminal(made.payment_request, qr.Drawing.SPACES).text in result.out
    assert result.out.isascii()


async def test_where_no_code_can_be_shown_a_sentence_says_how_to_get_it(
    world: World, node_env: dict[str, str]
) -> None:
    result = await ran("invoice", "5", env=node_env | {"PYTHONIOENCODING": "latin-1"})

    (made,) = world.node.invoices.values()
    assert texts.NO_CODE_HERE.strip() in result.out.splitlines()
    assert result.out.splitlines()[-1] == made.payment_request
    assert (result.code, result.out.isascii()) == (0, True)


def test_a_request_that_fits_into_no_code_is_still_printed() -> None:
    assert output.drawn("lnbc" + "q" * 5000) == texts.NO_CODE
    assert invoice.picture_of("lnbc" + "q" * 5000) == b""


async def test_no_picture_is_written_to_a_terminal(world: World, node_env: dict[str, str]) -> None:
    result = await at_terminal(100, "invoice", "5", "--png", "-", env=node_env | COLOURED)

    refused = OutputRefused(problem=OutputProblem.IS_TERMINAL)
    assert (result.code, result.out, result.lines) == (2, "", [texts.why(refused)])
    assert not world.node.invoices


# as people write it


@pytest.mark.parametrize(
    ("arguments", "amount_msat", "memo"),
    [
        (["2100", "pizza"], 2_100_000, "pizza"),
        (["2100", "two", "pizzas"], 2_100_000, "two pizzas"),
        (["0.0005", "btc"], 50_000_000, ""),
        (["0.0005", "btc", "a bicycle"], 50_000_000, "a bicycle"),
        (["2100 sats", "5 dozen eggs"], 2_100_000, "5 dozen eggs"),
        (["any", "a gift"], 0, "a gift"),
        (["--memo", "pizza", "21", "sats"], 21_000, "pizza"),
        (["2100", "--json", "pizza"], 2_100_000, "pizza"),
        (["--", "2100", "-5 kg"], 2_100_000, "-5 kg"),
    ],
)
async def test_amount_and_memo_can_be_written_as_in_a_chat(
    world: World, node_env: dict[str, str], arguments: list[str], amount_msat: int, memo: str
) -> None:
    result = await ran("invoice", *arguments, env=node_env)

    (made,) = world.node.invoices.values()
    assert (result.code, made.value_msat, made.memo) == (0, amount_msat, memo)


async def test_the_settings_file_can_be_named_before_the_command(tmp_path: Path) -> None:
    for arguments in (
        ["--config", "nowhere.toml", "check"],
        ["--config", "nowhere.toml", "run"],
        ["--config", "nowhere.toml", "invoice", "5"],
        ["--config", "other.toml", "check", "--config", "nowhere.toml"],
    ):
        result = await ran(*arguments, cwd=tmp_path)
        missing = Problem(ProblemKind.CONFIG_MISSING, "nowhere.toml")
        assert (result.code, result.lines) == (2, [texts.why(ConfigError(missing))])


async def test_a_picture_goes_to_standard_output_alone(
    world: World, node_env: dict[str, str]
) -> None:
    process = await started("invoice", "5", "pizza", "--png", "-", env=node_env)
    async with asyncio.timeout(LIMIT_S):
        picture, said = await process.communicate()

    (made,) = world.node.invoices.values()
    assert process.returncode == 0
    with Image.open(io.BytesIO(picture)) as image:
        assert read_picture(image) == f"lightning:{made.payment_request.upper()}"
    assert said.decode().splitlines()[-1] == made.payment_request


async def test_a_picture_and_json_do_not_go_to_one_place(
    world: World, node_env: dict[str, str]
) -> None:
    result = await ran("invoice", "5", "--png", "-", "--json", env=node_env)

    refused = OutputRefused(problem=OutputProblem.TWO_OUTPUTS)
    assert (result.code, result.lines) == (2, [texts.why(refused)])
    assert not world.node.invoices


# check


async def test_check_prints_a_line_each_and_exits_with_0(env: dict[str, str]) -> None:
    result = await ran("check", env=env)

    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    accepted = fine(About.TELEGRAM, Kind.LOGIN_ACCEPTED, username=NAME, name="Invoices")
    assert lines[0] == texts.finding_line(accepted)
    assert {line[0] for line in lines} == {Mark.FINE, Mark.NOTE}


async def test_check_exits_with_1_if_anything_fails(world: World, env: dict[str, str]) -> None:
    world.node.lock()
    env["INVOICE_BOT_TELEGRAM__TOKEN"] = "1:another-token"

    result = await ran("check", env=env)

    assert (result.code, result.err) == (1, "")
    assert [line for line in result.out.splitlines() if line.startswith(Mark.BAD)] == [
        texts.finding_line(bad(About.TELEGRAM, Kind.LOGIN_REJECTED)),
        texts.finding_line(bad(About.WALLET, Kind.WALLET_LOCKED)),
    ]
    assert "another-token" not in result.out


@pytest.mark.parametrize("address", ["http://me:hush/hush@127.0.0.1:9", "me:hush@127.0.0.1:9"])
@pytest.mark.parametrize("name", ["http_proxy", "INVOICE_BOT_TELEGRAM__API_URL"])
async def test_check_prints_no_password_of_an_address(
    env: dict[str, str], name: str, address: str
) -> None:
    away = {"INVOICE_BOT_TELEGRAM__API_URL": "http://telegram.invalid"}
    check = await ran("check", env={**env, **away, name: address})

    assert check.code in (cli.FAILED, cli.NEEDS_FIXING)
    assert "hush" not in check.out + check.err
    assert check.lines or check.out


async def test_check_works_on_a_terminal_that_has_no_tick(env: dict[str, str]) -> None:
    result = await ran("check", env=env | {"PYTHONIOENCODING": "latin-1"})

    assert result.code == 0
    assert result.out.startswith("+ Telegram: ")
    assert "?" not in result.out


async def test_what_needs_fixing_differs_from_what_is_fine_on_any_terminal(
    world: World, env: dict[str, str]
) -> None:
    world.node.lock()
    result = await ran("check", env=env | {"PYTHONIOENCODING": "latin-1"})

    assert (result.code, result.err) == (1, "")
    assert {line[0] for line in result.out.splitlines()} == {"+", "x", "!"}


# run


class Running:
    """A bot in a process of its own, its log lines as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, str]] = []

    async def logged(self, event: str) -> dict[str, str]:
        """Wait for a line with this event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            while line := await self.process.stderr.readline():
                self.log.append(json.loads(line))
                if self.log[-1]["event"] == event:
                    return self.log[-1]
        raise AssertionError(f"ended without {event!r}: {self.log}")

    async def end(self, *signals: signal.Signals) -> Ended:
        """Send the signals; how it ended, in time."""
        for each in signals:
            self.process.send_signal(each)
        began = time.monotonic()
        result = await ended(self.process)
        assert time.monotonic() - began < END_S
        self.log += [json.loads(line) for line in result.err.splitlines()]
        return result


@asynccontextmanager
async def running(env: dict[str, str]) -> AsyncIterator[Running]:
    process = await started("run", env=env)
    bot = Running(process)
    try:
        yield bot
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_run_ends_cleanly_on_a_signal(
    world: World, env: dict[str, str], number: signal.Signals
) -> None:
    async with running(env) as bot:
        assert (await bot.logged("running"))["bot"] == NAME
        chat = world.private(world.owner)
        world.telegram.say(chat, world.owner, "/invoice 2100 pizza")
        await world.until(lambda: [message for message in world.ours(chat) if message.photo])

        result = await bot.end(number)

    assert (result.code, result.out) == (0, "")
    assert bot.log[-1]["event"] == "stopped"
    assert TOKEN.partition(":")[2] not in json.dumps(bot.log)


async def test_run_stays_up_while_node_and_telegram_are_away(
    world: World, env: dict[str, str]
) -> None:
    await world.node.stop()
    await world.telegram.down()
    async with running(env) as bot:
        await bot.logged("Telegram can't be reached")
        await world.telegram.up()
        await bot.logged("running")

        assert (await bot.end(signal.SIGTERM)).code == 0


async def test_run_checks_everything_at_start(env: dict[str, str]) -> None:
    async with running(env) as bot:
        accepted = fine(About.MACAROON, Kind.MACAROON_ACCEPTED)
        line = await bot.logged(f"check: {texts.found(accepted)}")
        assert line["level"] == "info"
        await bot.end(signal.SIGTERM)

    assert [line["level"] for line in bot.log if "ListChannels" in line["event"]] == ["warning"]


async def test_run_exits_when_the_token_is_rejected(env: dict[str, str]) -> None:
    env["INVOICE_BOT_TELEGRAM__TOKEN"] = "123456789:AAE-rejected-rejected-rejected-00000"

    result = await ran("run", env=env)

    assert (result.code, result.out) == (2, "")
    assert result.lines[-1] == texts.why(errors.TokenRefused())
    assert "AAE-rejected" not in result.err


async def test_a_second_bot_on_the_same_database_says_who_has_it(
    world: World, env: dict[str, str]
) -> None:
    async with running(env) as bot:
        await bot.logged("running")

        result = await ran("run", env=env)

        in_use = errors.DatabaseInUse(path=str(world.folder / "bot.db"), pid=bot.process.pid)
        assert (result.code, result.lines) == (1, [texts.why(in_use)])
        await bot.end(signal.SIGTERM)


async def test_the_containers_health_check_sees_a_bot_that_runs(
    world: World, env: dict[str, str]
) -> None:
    (command,) = re.findall(r"^ +CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    healthy = [part.replace("/data", str(world.folder)) for part in json.loads(command)]

    async def asked() -> int:
        process = await asyncio.create_subprocess_exec(*healthy)
        return await process.wait()

    assert await asked() != 0
    async with running(env) as bot:
        await bot.logged("running")
        async with asyncio.timeout(LIMIT_S):
            while await asked() != 0:
                pass  # its first write may still be under way
        await bot.end(signal.SIGTERM)
    for alive in world.folder.glob("*.alive"):  # nobody touches it now
        os.utime(alive, (time.time() - 120,) * 2)
    assert await asked() != 0


SIGNALS = """
import sys, time
from bot import logs
from bot.cli import run
logs.setup("info", "json")
run.SHUTDOWN_S = {limit}
run.LAST_LINE_S = {last}
run.end_on_signals(lambda: print("ending", flush=True))
{before}
print("ready", flush=True)
time.sleep(60)
"""


def signalled_early(name: str) -> str:
    """A program that gets this signal as soon as it is imported."""
    return f"""
import os, signal, sys
class Early:
    def find_spec(self, name, *_):
        if name == "bot.cli":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Early())
from bot.__main__ import main
main()
"""


async def coded(code: str, *arguments: str) -> asyncio.subprocess.Process:
    """A process that runs this code."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def signalled(
    limit_s: float, *, last_s: float = 30.0, before: str = ""
) -> asyncio.subprocess.Process:
    process = await coded(SIGNALS.format(limit=limit_s, last=last_s, before=before))
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert await process.stdout.readline() == b"ending\n"
    return process


BEGUN = """
import gc, sys
from bot.__main__ import main
sys.argv = ["invoice-bot", "--version"]
try:
    main()
except SystemExit:
    import bot.app
    kept_out = ("rich.", "click", "pygments", "pydantic_settings", "alembic", "prometheus_client")
    kept_out += ("aiohttp.web",)
    print(gc.isenabled(), sorted(name for name in sys.modules if name.startswith(kept_out)))
"""


async def test_a_start_loads_nothing_that_it_has_no_use_for() -> None:
    result = await ended(await coded(BEGUN))

    assert result.code == 0
    assert result.out.splitlines() == [f"invoice-bot {__version__}", "False []"]


PRIVATE = """
import ctypes, os, resource, sys
from bot.__main__ import main
sys.argv = ["invoice-bot", "--version"]
try:
    main()
except SystemExit:
    print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


async def test_no_command_leaves_a_core_dump_with_secrets() -> None:
    result = await ended(await coded(PRIVATE))

    assert result.out.splitlines()[1:] == ["(0, 0) 0"]  # 3 is PR_GET_DUMPABLE


DEAF = """
import sys
from bot.store import sqlite
def tidy(self):
    raise LookupError("odd")
sqlite.Sqlite.tidy = tidy
sys.argv = ["invoice-bot", "run", *sys.argv[1:]]
from bot.__main__ import main
main()
"""


async def test_a_thread_that_dies_ends_the_process(world: World) -> None:
    """Here the database's, without which nothing is handled."""
    process = await coded(DEAF, "--config", str(world.config()))
    result = await ended(process)
    assert result.code == 1
    assert "LookupError" in result.err


async def test_ctrl_c_in_the_first_moments_ends_without_a_traceback() -> None:
    result = await ended(await coded(signalled_early("SIGINT"), "run"))
    assert (result.code, result.err) == (130, "")


async def test_a_second_ctrl_c_ends_at_once() -> None:
    process = await signalled(60.0)
    process.send_signal(signal.SIGINT)

    assert (await ended(process)).code == 130


async def test_a_shutdown_that_hangs_is_cut_short() -> None:
    result = await ended(await signalled(0.2))

    assert result.code == 1
    assert json.loads(result.err)["event"] == "shutdown took too long"


async def test_a_shutdown_that_cannot_even_be_logged_is_cut_short_and_shows_where() -> None:
    locks = "import logging; logging._lock.acquire(); logging.root.handlers[0].acquire()"

    result = await ended(await signalled(0.0, last_s=0.3, before=locks))

    assert result.code == 1
    assert "Timeout" in result.err
    assert "_too_late" in result.err


async def test_without_a_standard_error_a_shutdown_is_cut_short_all_the_same() -> None:
    result = await ended(await signalled(0.2, before="sys.stderr.close(); sys.stderr = None"))

    assert (result.code, result.err) == (1, "")


# demo


async def test_the_demo_ends_cleanly_and_names_its_page_last() -> None:
    process = await started("demo", "--port", "0")
    assert process.stdout is not None
    line = b""
    async with asyncio.timeout(LIMIT_S):
        while not re.fullmatch(rb"http://127\.0\.0\.1:\d+\n", line):
            line = await process.stdout.readline()
            assert line, await ended(process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)

    result = await ended(process)

    ended_with = "The demo has ended. Nothing of it is left on this computer.\n"
    assert (result.code, result.out, result.lines) == (0, ended_with, [])
    assert time.monotonic() - began < 3.0


async def test_a_port_in_use_is_reported_with_the_option_for_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        result = await ran("demo", "--port", str(port))

    assert (result.code, result.out) == (2, "")
    assert result.lines == [texts.why(errors.PortInUse(port=port))]
    assert "--port" in result.err


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "zxingcpp", "coincurve"])
async def test_without_the_extra_the_demo_says_how_to_get_it(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from bot.cli import main; main()"

    result = await ended(await coded(code, "demo"))

    assert (result.code, result.out) == (2, "")
    assert result.lines == [texts.why(errors.DemoMissing())]
