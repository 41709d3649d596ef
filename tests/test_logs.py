"""The log: every logger's lines have one form, and none has a secret."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import logs
from bot.core.invoice import Face
from bot.errors import NodeOdd
from tests.world import TOKEN as BOT_TOKEN
from tests.world import World

ROOT = Path(__file__).parent.parent
TOKEN = "987654321:BBE1zyxwvutsrqponmlkjihgfedcba98765"
MACAROON = bytes(range(7, 199))

LIMIT_S = 40.0
#: The bot has to be gone so soon after a signal.
END_S = 5.0


class Written(io.StringIO):
    """A stream for the log; what it holds once all lines are written."""

    def getvalue(self) -> str:
        logs.flush(LIMIT_S)
        return super().getvalue()


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Everything that `setup` sets for the process is set back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for each in [each for each in root.handlers if isinstance(each, logs._Handler)]:
        each.lines.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def text() -> Written:
    stream = Written()
    logs.setup("info", "text", stream=stream)
    return stream


@pytest.fixture
def lines() -> Written:
    stream = Written()
    logs.setup("info", "json", stream=stream)
    return stream


def test_a_text_line_holds_time_level_event_logger_and_values(text: Written) -> None:
    logs.get("bot.cards").info("card shown", hash="a1b2c3", chat=-5)

    (line,) = text.getvalue().splitlines()
    when, rest = line.split(" ", 1)
    assert when.endswith("Z")
    assert rest == "[info] card shown [bot.cards] chat=-5 hash=a1b2c3"


def test_a_json_line_is_one_object(lines: Written) -> None:
    logs.get("bot.cards").warning("card gone", hash="a1b2c3", memo='a "b"\nc')

    got = json.loads(lines.getvalue())
    assert got.pop("timestamp").endswith("Z")
    assert got == {
        "event": "card gone",
        "level": "warning",
        "logger": "bot.cards",
        "hash": "a1b2c3",
        "memo": 'a "b"\nc',
    }


def test_the_libraries_lines_have_the_same_form(lines: Written) -> None:
    logging.getLogger("telegram.ext").warning("try %d of %s", 2, "x")

    got = json.loads(lines.getvalue())
    assert (got["event"], got["logger"], got["level"]) == ("try 2 of x", "telegram.ext", "warning")


def test_a_traceback_stays_in_its_json_line(lines: Written) -> None:
    try:
        int("odd")
    except ValueError:
        logs.get("bot").exception("failed")
        logging.getLogger("asyncio").exception("Task exception\nwas never retrieved")

    ours, library = [json.loads(line) for line in lines.getvalue().splitlines()]
    for got in (ours, library):
        assert got["exception"].endswith("with base 10: 'odd'")
    assert library["event"] == "Task exception was never retrieved"


def test_warnings_are_logged(lines: Written) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logs.setup("info", "json", stream=lines)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)

    got = json.loads(lines.getvalue())
    assert got["logger"] == "py.warnings"
    assert "old ways" in got["event"]


def test_the_level_holds_for_all(text: Written) -> None:
    logs.setup("warning", "text", stream=text)
    logs.get("bot.x").info("no")
    logging.getLogger("telegram").info("no")
    logs.get("bot.x").warning("yes")

    assert [line.split(" ", 2)[2] for line in text.getvalue().splitlines()] == ["yes [bot.x]"]


def test_setting_up_again_does_not_double_lines(text: Written) -> None:
    logs.setup("info", "text", stream=text)
    logs.setup("info", "text", stream=text)
    logs.get("bot.x").info("once")

    assert text.getvalue().count("once") == 1


def test_what_people_wrote_can_neither_break_a_line_nor_control_a_terminal(
    text: Written,
) -> None:
    logs.get("bot.x").info("asked", memo="pizza\n2026 [error] forged\x1b[2J", who="\x1b]0;x\x07")

    (line,) = text.getvalue().splitlines()
    assert "\x1b" not in line
    assert "pizza" in line


FORGED = "x\n2026-11-26T10:00:00Z [info     ] payment announced\r\u2028\x85\x1b[2J\u202e✓ fine\x07"


def test_what_comes_from_outside_begins_no_line_and_controls_no_terminal(text: Written) -> None:
    ours, theirs = logs.get("bot.x"), logging.getLogger("telegram.ext")
    ours.info("asked", detail=FORGED, deep=[FORGED], error=RuntimeError(FORGED))
    theirs.warning("said %s", FORGED)
    try:
        try:
            {}[FORGED]
        except KeyError as error:
            error.add_note(FORGED)
            raise NodeOdd(detail=FORGED, host=FORGED) from error
    except NodeOdd:
        ours.exception("failed")
        theirs.exception("failed too")

    written = text.getvalue()
    lines = written.splitlines()
    assert written.rstrip("\n").split("\n") == lines
    assert all(map(str.isprintable, lines))
    begun = [line for line in lines if not line.startswith("    ")]
    assert [line.split()[2] for line in begun] == ["asked", "said", "failed", "failed"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_httpx_does_not_log_the_address_with_the_token(form: logs.Format) -> None:
    stream = Written()
    logs.setup("debug", form, stream=stream)
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        client.get(f"https://telegram.example/bot{TOKEN}/getMe")

    assert stream.getvalue() == ""


def written_with(secret: str, form: logs.Format) -> str:
    """What the log has when a secret comes by every way."""
    stream = Written()
    logs.setup("debug", form, stream=stream)
    ours, theirs = logs.get("bot.x"), logging.getLogger("telegram.ext")
    ours.info("at %s", secret)
    ours.info(f"event {secret}", value=secret, deep={"list": [secret, secret.encode()]})
    theirs.info("Request to https://telegram.example/bot%s/getMe", secret)
    theirs.info(f"https://telegram.example/?t={quote(secret, safe='')}")
    try:
        try:
            {}[secret]
        except KeyError as error:
            error.add_note(f"noted {secret}")
            raise RuntimeError(f"with {secret}\nin two lines") from error
    except RuntimeError:
        ours.exception("failed", error=RuntimeError(secret))
        theirs.exception("failed too")
    return stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_redacted_secret_is_nowhere(form: logs.Format) -> None:
    secret = f"lndconnect://me@odd:1?cert={form}&macaroon=d+e/f="
    assert "odd" in written_with(secret, form)
    logs.redact(secret)

    got = written_with(secret, form)

    assert "odd" not in got
    assert got.count(logs.REDACTED) >= 10


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_token_that_nobody_redacted_is_nowhere(form: logs.Format) -> None:
    got = written_with(TOKEN, form)

    assert TOKEN.partition(":")[2] not in got
    assert "bot[redacted]/getMe" in got


def test_a_macaroon_is_redacted_in_every_encoding(text: Written) -> None:
    logs.redact(MACAROON.hex())
    standard = base64.b64encode(MACAROON).decode()
    urlsafe = base64.urlsafe_b64encode(MACAROON).decode()
    for form in (MACAROON.hex(), MACAROON.hex().upper(), standard, urlsafe, urlsafe.rstrip("=")):
        logs.get("bot.lnd").info("sent", metadata=("macaroon", form))

    assert text.getvalue().count(logs.REDACTED) == 5
    assert MACAROON.hex()[:20] not in text.getvalue().lower()
    assert urlsafe[:20] not in text.getvalue()


def test_an_lndconnect_address_that_nobody_redacted_loses_its_macaroon() -> None:
    uri = "lndconnect://h:1?cert=MIIB&macaroon=AgEDbG5kAvgBAwoQabcdefghijklmnop&x=y"
    logs.redact("AgEDbG5kAvgBAwoQ")  # another secret, which begins like it

    assert logs.redacted(f"'{uri}'") == "'lndconnect://h:1?cert=MIIB&macaroon=[redacted]&x=y'"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "proxy http://me:hush-hush@proxy:3128 said 407",
            "proxy http://[redacted]@proxy:3128 said 407",
        ),
        ("'socks5://me:h@sh@proxy'", "'socks5://[redacted]@proxy'"),
        ("https://:hush@api.example/bot", "https://[redacted]@api.example/bot"),
        ("https://hush@api.example:81/?a=b@c", "https://[redacted]@api.example:81/?a=b@c"),
        ("url=http%3A%2F%2Fme%3Ahush%40proxy", "url=http%3A%2F%2F[redacted]%40proxy"),
        (
            "(b'Proxy-Authorization', b'Basic bWU6aHVzaA==')",
            "(b'Proxy-Authorization', b'Basic [redacted]')",
        ),
        ("Authorization: Basic bWU6aHVzaA==", "Authorization: Basic [redacted]"),
    ],
)
def test_a_password_in_an_address_that_nobody_redacted_is_nowhere(text: str, kept: str) -> None:
    assert logs.redacted(text) == kept


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_proxys_password_is_nowhere(form: logs.Format) -> None:
    got = written_with("http://me:hush-hush@proxy.example:3128", form)

    assert "hush" not in got
    assert "@proxy.example:3128" in got


@pytest.mark.parametrize("cut", ["0", "02", "0201", "AgEDbG5kAvgBAwo", "0201036c6e6402"])
def test_what_is_too_short_for_a_secret_is_not_sought(cut: str) -> None:
    line = f"2026-11-02T{cut} {cut}"
    logs.redact(cut)

    assert logs.redacted(line) == line


def test_the_short_spellings_of_a_secret_are_not_sought() -> None:
    logs.redact("5f" * 8)

    assert logs.redacted(f"{'5f' * 8} X19fX19fX18") == "[redacted] X19fX19fX18"


def test_what_is_not_a_secret_stays() -> None:
    for harmless in (
        "Basic validation of https://proxy.example/@me, mail me@proxy.example",
        "payment hash 5f" * 16,
        "12:34:56 chat -1001234567890 lnbc21u1p4s8f3fpp5l87n6356juqar9e8",
        "2026-11-22T19:49:57.372105444Z",
    ):
        assert logs.redacted(harmless) == harmless


@given(st.text(min_size=1), st.text(), st.text())
@settings(deadline=None)
def test_redacting_takes_just_the_secret(secret: str, before: str, after: str) -> None:
    # letters that no other text of this test has
    secret = f"\ue000{secret:_<14}\ue001"
    logs.redact(secret)

    got = logs.redacted(before + secret + after)

    assert "\ue000" not in got
    assert got == logs.redacted(before) + logs.REDACTED + logs.redacted(after)


def test_redacting_nothing_changes_nothing() -> None:
    logs.redact("")

    assert logs.redacted("a b") == "a b"


def test_a_line_that_cannot_be_made_shows_nothing_of_itself(text: Written) -> None:
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if isinstance(each, logs._Handler)]
    arguments = (TOKEN,)
    logging.getLogger("telegram").info("only %d", *arguments)

    assert text.getvalue() == "a line of telegram could not be logged\n"


def test_lines_before_setup_do_not_break_and_warnings_show() -> None:
    code = "from bot import logs; log = logs.get('bot.x'); log.info('a'); log.warning('b', c=1)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == ""
    assert "'b'" in ran.stderr
    assert "'a'" not in ran.stderr


@pytest.mark.parametrize(
    "where",
    [
        "raise ValueError(secret)",
        "thread = threading.Thread(target=fail); thread.start(); thread.join()",
        "Odd(); gc.collect()",
    ],
)
def test_what_nobody_caught_is_logged_without_secrets(where: str) -> None:
    code = f"""
import gc, threading
from bot import logs
secret = "{TOKEN}"
def fail():
    raise ValueError(secret)
class Odd:
    def __del__(self):
        fail()
logs.setup("info", "json")
logs.catch_uncaught()
{where}
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ran.returncode == where.startswith("raise")
    got = json.loads(ran.stderr)
    assert got["event"] == "unexpected error"
    assert got["exception"].endswith("ValueError: [redacted]")


# where nobody reads


@pytest.fixture
def unread() -> Iterator[int]:
    """The end to write to of a pipe that is full, and that nobody reads."""
    reader, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(into, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(into, b"\n" * 1024)
    os.set_blocking(into, True)
    yield into
    os.close(into)
    os.close(reader)


ENDLESS = """
import sys, threading, time
from bot import logs
from bot.cli import run
logs.setup("info", "json")
run.SHUTDOWN_S, run.LAST_LINE_S = 0.2, 0.2
log = logs.get("bot.x")
for number in range(30_000):
    log.info("a line", number=number)
run.end_on_signals(lambda: None)
{before}
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("", 1),
        # nor can anything be logged: not even that, nor where it hangs
        ("import logging; logging._lock.acquire(); logging.root.handlers[0].acquire()", -14),
    ],
)
def test_a_log_that_nobody_reads_holds_up_neither_the_process_nor_its_end(
    unread: int, before: str, code: int
) -> None:
    ran = subprocess.Popen(
        [sys.executable, "-c", ENDLESS.format(before=before)],
        stdout=subprocess.PIPE,
        stderr=unread,
    )
    limit = threading.Timer(LIMIT_S, ran.kill)
    limit.start()
    with ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == b"ready\n"
        ran.send_signal(signal.SIGTERM)
        assert ran.wait() == code
    limit.cancel()


async def test_a_bot_whose_log_nobody_reads_makes_invoices_and_ends_in_time(
    world: World, unread: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run"),
        env={
            "PATH": os.environ["PATH"],
            "INVOICE_BOT_LND__HOST": world.node.address,
            "INVOICE_BOT_LND__TLS_CERT": str(world.node.folder / "tls.cert"),
            "INVOICE_BOT_LND__MACAROON": str(world.node.folder / "invoice.macaroon"),
            "INVOICE_BOT_TELEGRAM__TOKEN": BOT_TOKEN,
            "INVOICE_BOT_TELEGRAM__API_URL": world.telegram.url,
            "INVOICE_BOT_ACCESS__OWNERS": str(world.owner.id),
            "INVOICE_BOT_LOG__LEVEL": "debug",
            "INVOICE_BOT_DATABASE__URL": f"sqlite:///{world.folder}/bot.db",
        },
        cwd=ROOT,
        stderr=unread,
    )
    try:
        chat = world.private(world.owner)
        world.telegram.say(chat, world.owner, "/invoice 2100 pizza")
        await world.shown(chat, Face.OPEN, sats=2100)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_S):
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


MANY = """
from bot import logs
logs.setup("info", "json")
log = logs.get("bot.x")
for number in range(3000):
    log.info("a line", number=number)
"""


def test_at_an_ordinary_end_every_line_is_written_in_order() -> None:
    ran = subprocess.run([sys.executable, "-c", MANY], capture_output=True, check=True)

    numbers = [json.loads(line)["number"] for line in ran.stderr.splitlines()]
    assert numbers == list(range(3000))


def test_lines_that_nobody_read_in_time_are_counted_in_their_place() -> None:
    reader, into = os.pipe()
    stream = os.fdopen(into, "w")
    logs.setup("info", "json", stream=stream)
    log = logs.get("bot.x")
    for number in range(40_000):
        log.info("a line", number=number)
    threading.Thread(target=lambda: (logs.flush(LIMIT_S), stream.close())).start()
    with os.fdopen(reader) as out:
        read = [json.loads(line) for line in out]

    (counted,) = [line for line in read if "dropped" in line]
    numbers = [line["number"] for line in read if "number" in line]
    assert (counted["level"], counted["logger"]) == ("warning", "bot.logs")
    assert numbers == list(range(len(numbers)))
    assert counted["dropped"] + len(numbers) == 40_000
    assert read[-1] is counted


def test_lines_after_a_gap_follow_the_count_of_those_that_are_missing() -> None:
    stream = Stalled()
    logs.setup("info", "json", stream=stream)
    log = logs.get("bot.x")
    log.info("first")
    assert stream.begun.wait(LIMIT_S)
    big = "x" * 700_000
    for number in range(4):
        log.info("large", number=number, text=big)
    stream.go_on.set()
    logs.flush(LIMIT_S)
    log.info("last")

    read = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("number", line["event"]) for line in read] == [
        *("first", 0, 1, "log lines dropped", "last")
    ]
    assert read[-2]["dropped"] == 2


def test_a_stream_that_takes_little_at_a_time_gets_everything() -> None:
    reader, into = os.pipe()
    os.set_blocking(into, False)
    stream = os.fdopen(into, "w")
    logs.setup("info", "json", stream=stream)
    logs.get("bot.x").info("a line", text="ж" * 300_000)
    threading.Thread(target=lambda: (logs.flush(LIMIT_S), stream.close())).start()
    with os.fdopen(reader) as out:
        (line,) = out.read().splitlines()

    assert json.loads(line)["text"] == "ж" * 300_000


def test_lines_for_a_closed_stream_are_nobodys() -> None:
    stream = Written()
    logs.setup("info", "json", stream=stream)
    stream.close()
    logs.get("bot.x").info("a line")
    logs.flush(LIMIT_S)


class Stalled(Written):
    """Takes nothing before `go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.begun.set()
        assert self.go_on.wait(LIMIT_S)
        return super().write(text)
