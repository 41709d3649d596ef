"""The settings: what is taken, what is refused, and in which words."""

from __future__ import annotations

import base64
import os
import re
import ssl
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import config, logs
from bot.config import KEYS, Rate, Settings, load
from bot.demo.node import certificate
from bot.errors import ConfigError

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
TOKEN = "123456789:AAF0abcdefghijklmnopqrstuvwxyz0123"
MACAROON = bytes(range(2, 250))

GOOD = {
    "INVOICE_BOT_TELEGRAM__TOKEN": TOKEN,
    "INVOICE_BOT_LND__TLS_CERT": "tls.cert",
    "INVOICE_BOT_LND__MACAROON": "bot.macaroon",
}
# the same in a file
GOOD_TOML = f"""
[telegram]
token = "{TOKEN}"
[lnd]
tls_cert = "tls.cert"
macaroon = "bot.macaroon"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a node's files in it."""
    monkeypatch.chdir(tmp_path)
    certificate.make(tmp_path)
    (tmp_path / "bot.macaroon").write_bytes(MACAROON)
    return tmp_path


def written(text: str, name: str = "config.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def problems(path: Path | None = None, *, need_telegram: bool = True, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, env, need_telegram=need_telegram)
    lines = list(caught.value.problems)
    assert all("\n" not in line for line in lines)
    assert str(caught.value) == "\n".join(lines)
    # pydantic's own error, which holds what was found, must not come along in a traceback
    assert caught.value.__cause__ is None or caught.value.__suppress_context__
    return lines


def lndconnect(*, host: str = "node.example:10009", cert: bool = True, pad: bool = False) -> str:
    der = ssl.PEM_cert_to_DER_cert(Path("tls.cert").read_text())
    parts = {"cert": der, "macaroon": MACAROON} if cert else {"macaroon": MACAROON}
    encoded = {key: base64.urlsafe_b64encode(value).decode() for key, value in parts.items()}
    query = "&".join(f"{k}={v if pad else v.rstrip('=')}" for k, v in encoded.items())
    return f"lndconnect://{host}?{query}"


def test_the_environment_alone_is_enough(folder: Path) -> None:
    got = load(None, GOOD)

    assert got.telegram.token.get_secret_value() == TOKEN
    assert got.lnd.macaroon_hex() == MACAROON.hex()
    assert got.lnd.certificate() == (folder / "tls.cert").read_bytes()


def test_every_key_but_the_secrets_has_a_default(folder: Path) -> None:
    got = load(written(GOOD_TOML), {})

    assert got.telegram.api_url == "https://api.telegram.org"
    assert (got.lnd.host, got.lnd.private_route_hints) == ("127.0.0.1:10009", False)
    assert (got.invoices.expiry_s, got.invoices.patience_s) == (3600, 60)
    assert (got.invoices.min_sats, got.invoices.max_sats) == (1, 1_000_000)
    assert (got.access.owners, got.access.users, got.access.chats) == (frozenset(),) * 3
    assert got.access.open is False
    assert (got.limits.invoices_per_user, got.limits.open_per_chat) == (Rate(10, 600), 50)
    assert got.database.url == f"sqlite:///{folder}/invoice-bot.db"
    assert (got.database.file, got.database.keep_s) == (folder / "invoice-bot.db", 90 * 86_400)
    assert (got.log.level, got.log.format) == ("info", "text")


def test_every_key_can_be_set() -> None:
    got = load(
        written(f"""
        [telegram]
        token = "{TOKEN}"
        api_url = "http://127.0.0.1:8081/"
        [lnd]
        host = "[::1]:10010"
        tls_cert = ""
        macaroon = "bot.macaroon"
        private_route_hints = true
        [invoices]
        expiry = "2 d"
        patience = "0s"
        min_sats = 5
        max_sats = 10_000_000_000_000
        [access]
        owners = [1, 2]
        users = [9007199254740993]
        chats = [-1001234567890, 3]
        open = true
        [limits]
        invoices_per_user = "3/1d"
        open_per_chat = 1
        [database]
        url = "sqlite:////somewhere/x.db"
        keep = "1d"
        [log]
        level = "debug"
        format = "json"
        """),
        {},
    )

    assert got.telegram.api_url == "http://127.0.0.1:8081"
    assert (got.lnd.host, got.lnd.certificate()) == ("[::1]:10010", None)
    assert got.lnd.private_route_hints
    assert (got.invoices.expiry_s, got.invoices.patience_s) == (172_800, 0)
    assert (got.invoices.min_sats, got.invoices.max_sats) == (5, 10**13)
    assert got.access.owners == {1, 2}
    assert got.access.users == {9007199254740993}
    assert got.access.chats == {-1001234567890, 3}
    assert got.access.open
    assert (got.limits.invoices_per_user, got.limits.open_per_chat) == (Rate(3, 86_400), 1)
    assert (got.database.file, got.database.keep_s) == (Path("/somewhere/x.db"), 86_400)
    assert (got.log.level, got.log.format) == ("debug", "json")


def test_every_key_also_comes_from_the_environment() -> None:
    got = load(
        None,
        {
            **GOOD,
            "INVOICE_BOT_TELEGRAM__API_URL": "https://api.example/",
            "INVOICE_BOT_LND__HOST": "node:1",
            "INVOICE_BOT_LND__PRIVATE_ROUTE_HINTS": "true",
            "INVOICE_BOT_INVOICES__EXPIRY": "10m",
            "INVOICE_BOT_INVOICES__PATIENCE": "5s",
            "INVOICE_BOT_INVOICES__MIN_SATS": "10",
            "INVOICE_BOT_INVOICES__MAX_SATS": "20",
            "INVOICE_BOT_ACCESS__OWNERS": "1, 2",
            "INVOICE_BOT_ACCESS__USERS": "",
            "INVOICE_BOT_ACCESS__CHATS": "-5 6",
            "INVOICE_BOT_ACCESS__OPEN": "true",
            "INVOICE_BOT_LIMITS__INVOICES_PER_USER": "1/1s",
            "INVOICE_BOT_LIMITS__OPEN_PER_CHAT": "7",
            "INVOICE_BOT_DATABASE__URL": "sqlite:///a/b.db",
            "INVOICE_BOT_DATABASE__KEEP": "2d",
            "INVOICE_BOT_LOG__LEVEL": "warning",
            "invoice_bot_log__format": "json",
        },
    )

    assert got.telegram.api_url == "https://api.example"
    assert (got.lnd.host, got.lnd.private_route_hints) == ("node:1", True)
    assert (got.invoices.expiry_s, got.invoices.patience_s) == (600, 5)
    assert (got.invoices.min_sats, got.invoices.max_sats) == (10, 20)
    assert (got.access.owners, got.access.users) == ({1, 2}, set())
    assert (got.access.chats, got.access.open) == ({-5, 6}, True)
    assert (got.limits.invoices_per_user, got.limits.open_per_chat) == (Rate(1, 1), 7)
    assert (got.database.file, got.database.keep_s) == (Path.cwd() / "a/b.db", 172_800)
    assert (got.log.level, got.log.format) == ("warning", "json")


def test_the_environment_goes_before_the_file() -> None:
    path = written(GOOD_TOML + '[log]\nlevel = "debug"\nformat = "json"\n')

    got = load(path, {"INVOICE_BOT_LOG__LEVEL": "error"})

    assert (got.log.level, got.log.format) == ("error", "json")


def test_paths_count_from_the_files_folder_and_know_the_home_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    path = written(
        """
        [telegram]
        token_file = "token"
        [lnd]
        tls_cert = "~/tls.cert"
        macaroon = "bot.macaroon"
        """,
        "etc/config.toml",
    )
    (folder / "etc/token").write_text(f"{TOKEN}\n")
    (folder / "etc/bot.macaroon").write_bytes(b"other")
    (folder / "home").mkdir()
    (folder / "tls.cert").rename(folder / "home/tls.cert")

    got = load(path, {})

    assert got.telegram.token.get_secret_value() == TOKEN
    assert got.lnd.macaroon_hex() == b"other".hex()
    assert got.lnd.tls_cert == folder / "home/tls.cert"
    assert got.database.file == folder / "etc/invoice-bot.db"


def test_the_example_documents_every_key_with_its_default(folder: Path) -> None:
    text = EXAMPLE.read_text()
    assert {
        (section, key)
        for section, body in re.findall(
            r"^\[(\w+)\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL
        )
        for key in re.findall(r"^(?:# ?)?(\w+) = ", body, re.MULTILINE)
    } == {(section, key) for section, keys in KEYS.items() for key in keys}

    shown = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    shown["telegram"]["token"] = TOKEN
    shown["lnd"]["tls_cert"] = "tls.cert"
    lines = [
        f"INVOICE_BOT_{section}__{key}".upper()
        + "="
        + (",".join(map(str, value)) if isinstance(value, list) else str(value))
        for section, values in shown.items()
        for key, value in values.items()
    ]
    assert load(None, dict(line.split("=", 1) for line in lines)) == load(None, GOOD)


def test_the_example_as_it_stands_says_what_is_to_be_filled_in() -> None:
    lines = problems(written(EXAMPLE.read_text(), "etc/config.toml"))

    assert [line.partition(":")[0] for line in lines] == [
        "telegram.token",
        "lnd.tls_cert",
        "lnd.macaroon",
    ]
    text = EXAMPLE.read_text().replace("#token_file", "token_file")
    written(TOKEN, "etc/token")
    lines = problems(written(text, "etc/config.toml"))
    assert not any("telegram" in line for line in lines)


# certificate and macaroon


def test_certificate_and_macaroon_are_read_anew_each_time(folder: Path) -> None:
    lnd = load(None, GOOD).lnd
    before = lnd.certificate()
    certificate.make(folder)
    (folder / "bot.macaroon").write_bytes(b"renewed")

    assert lnd.certificate() not in (before, None)
    assert lnd.macaroon_hex() == b"renewed".hex()

    (folder / "bot.macaroon").unlink()
    (folder / "tls.cert").write_text("half a certif")
    with pytest.raises(ConfigError, match=r"^lnd\.macaroon: expected a macaroon file, found no f"):
        lnd.macaroon_hex()
    with pytest.raises(ConfigError, match=r"^lnd\.tls_cert: expected a PEM certificate, found no"):
        lnd.certificate()


@pytest.mark.parametrize("pad", [True, False])
def test_lndconnect_says_all_about_the_node(folder: Path, pad: bool) -> None:
    env = {
        "INVOICE_BOT_TELEGRAM__TOKEN": TOKEN,
        "INVOICE_BOT_LND__LNDCONNECT": lndconnect(pad=pad),
    }
    lnd = load(None, env).lnd

    assert lnd.host == "node.example:10009"
    pem = lnd.certificate()
    assert pem is not None
    assert ssl.PEM_cert_to_DER_cert(pem.decode()) == ssl.PEM_cert_to_DER_cert(
        (folder / "tls.cert").read_text()
    )
    assert lnd.macaroon_hex() == MACAROON.hex()


@pytest.mark.parametrize(
    ("host", "taken"),
    [("node", "node:10009"), ("[::1]", "[::1]:10009"), ("[::1]:1", "[::1]:1"), ("1.2.3.4:5",) * 2],
)
def test_lndconnect_without_certificate_trusts_the_systems_authorities(
    host: str, taken: str
) -> None:
    uri = lndconnect(host=host, cert=False)
    lnd = load(None, {"INVOICE_BOT_LND__LNDCONNECT": uri}, need_telegram=False).lnd

    assert (lnd.host, lnd.certificate()) == (taken, None)


@pytest.mark.parametrize(
    "uri",
    [
        "https://node.example:10009?macaroon=AgEDbG5k",
        "lndconnect://node.example:10009",
        "lndconnect://node.example:10009?macaroon=",
        "lndconnect://node.example:10009?macaroon=*~*",
        "lndconnect://?macaroon=AgEDbG5k",
        "lndconnect://node.example:99999?macaroon=AgEDbG5k",
        "lndconnect://[::1?macaroon=AgEDbG5k",
        "",
    ],
)
def test_a_wrong_lndconnect_is_refused_and_not_shown(uri: str) -> None:
    env = {"INVOICE_BOT_LND__LNDCONNECT": uri}
    (line,) = problems(need_telegram=False, **env)

    assert line.startswith("lnd.lndconnect (INVOICE_BOT_LND__LNDCONNECT): expected lndconnect://")
    assert "AgEDbG5k" not in line


@pytest.mark.parametrize("key", ["host", "tls_cert", "macaroon"])
def test_lndconnect_stands_alone(key: str) -> None:
    text = f'[lnd]\nlndconnect = "{lndconnect()}"\n{key} = "bot.macaroon"\n'
    lines = problems(written(text), need_telegram=False)

    assert f"lnd.{key}: expected nothing beside lnd.lndconnect, found both" in lines


# what is refused


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[telegram]\ntoken = "x"', "telegram.token: expected the token that @BotFather gave,"),
        ("[telegram]\ntoken = 5", "telegram.token: expected the token that @BotFather gave,"),
        (
            '[telegram]\napi_url = "ftp://x"',
            'telegram.api_url: expected an address that starts with https:// or http://, found "f',
        ),
        ('[telegram]\napi_url = "https://"', "telegram.api_url: expected an address"),
        ('[telegram]\napi_url = "https://x/?a=b"', "telegram.api_url: expected an address"),
        ('[lnd]\nhost = "https://x:1"', "lnd.host: expected host:port of LND's gRPC interface,"),
        ('[lnd]\nhost = "x"', "lnd.host: expected host:port of LND's gRPC interface, such as 127"),
        ('[lnd]\nhost = "x:0"', "lnd.host: expected host:port"),
        ('[lnd]\nhost = "x:65536"', "lnd.host: expected host:port"),
        ("[lnd]\ntls_cert = 5", "lnd.tls_cert: expected the path of LND's tls.cert"),
        (
            '[lnd]\ntls_cert = "/nowhere/tls.cert"',
            "lnd.tls_cert: expected LND's tls.cert, found no file at /nowhere/tls.cert",
        ),
        (
            '[lnd]\ntls_cert = "bot.macaroon"',
            "lnd.tls_cert: expected a PEM certificate, found none in ",
        ),
        (
            '[lnd]\nmacaroon = "tls.cert/x"',
            "lnd.macaroon: expected a macaroon file, found no file at ",
        ),
        ('[lnd]\nmacaroon = "."', "lnd.macaroon: expected a macaroon file, found a folder at "),
        ('[lnd]\nmacaroon = "/dev/null"', "lnd.macaroon: expected a macaroon, found /dev/null em"),
        ('[lnd]\nmacaroon = ""', 'lnd.macaroon: expected the path of a macaroon file, found ""'),
        ('[lnd]\nmacaroon = "~nobody-at-all/x"', "lnd.macaroon: expected a macaroon file, found n"),
        ('[lnd]\nmacaroon = "a\\u0000"', "lnd.macaroon: expected a macaroon file, found no path"),
        ('[lnd]\nprivate_route_hints = "si"', "lnd.private_route_hints: expected true or false,"),
        (
            "[invoices]\nexpiry = 3600",
            'invoices.expiry: expected a time from "1s" to "365d", such as "1h", found 3600',
        ),
        ('[invoices]\nexpiry = "366d"', 'invoices.expiry: expected a time from "1s" to "365d"'),
        ('[invoices]\nexpiry = "0s"', "invoices.expiry: expected a time"),
        ('[invoices]\nexpiry = "-1h"', "invoices.expiry: expected a time"),
        ('[invoices]\nexpiry = "1.5h"', "invoices.expiry: expected a time"),
        ('[invoices]\nexpiry = "1w"', "invoices.expiry: expected a time"),
        ('[invoices]\nexpiry = ["1h"]', "invoices.expiry: expected a time"),
        ('[invoices]\npatience = "2h"', 'invoices.patience: expected a time from "0s" to "1h"'),
        ("[invoices]\nmin_sats = 0", "invoices.min_sats: expected a whole number from 1 to 1000"),
        ("[invoices]\nmin_sats = true", "invoices.min_sats: expected a whole number"),
        ("[invoices]\nmin_sats = 2.0", "invoices.min_sats: expected a whole number"),
        ("[invoices]\nmax_sats = 10000000000001", "invoices.max_sats: expected a whole number"),
        (
            "[invoices]\nmin_sats = 2\nmax_sats = 1",
            "invoices.min_sats: expected at most max_sats (1), found 2",
        ),
        (
            '[access]\nowners = ["@me"]',
            (
                "access.owners: expected a list of users' ids, such as [123456789] "
                '(/id tells yours), found ["@me"]'
            ),
        ),
        ('[access]\nowners = ["1"]', "access.owners: expected a list of users' ids"),
        ("[access]\nowners = [1.0]", "access.owners: expected a list of users' ids"),
        ("[access]\nowners = 1", "access.owners: expected a list of users' ids"),
        ("[access]\nowners = [-5]", "access.owners: expected a list of users' ids"),
        ("[access]\nusers = [0]", "access.users: expected a list of users' ids"),
        ("[access]\nchats = [true]", "access.chats: expected a list of chats' ids"),
        ("[access]\nopen = 2", "access.open: expected true or false, found 2"),
        (
            '[limits]\ninvoices_per_user = "10"',
            'limits.invoices_per_user: expected a number and a time, such as "10/10m", found "10"',
        ),
        ('[limits]\ninvoices_per_user = "0/1h"', "limits.invoices_per_user: expected a number"),
        ('[limits]\ninvoices_per_user = "1/0s"', "limits.invoices_per_user: expected a number"),
        ('[limits]\ninvoices_per_user = "1/h"', "limits.invoices_per_user: expected a number"),
        ("[limits]\nopen_per_chat = 0", "limits.open_per_chat: expected a whole number from 1 to"),
        ('[database]\nurl = "x.db"', "database.url: expected sqlite:/// and the path of a file"),
        ('[database]\nurl = "sqlite://"', "database.url: expected sqlite:/// and the path"),
        ('[database]\nurl = "sqlite:///"', "database.url: expected sqlite:/// and the path"),
        ('[database]\nurl = "sqlite:///x?mode=ro"', "database.url: expected sqlite:/// and the pa"),
        ('[database]\nkeep = "23h"', 'database.keep: expected a time of at least "1d"'),
        ('[log]\nlevel = "loud"', 'log.level: expected "debug", "info", "warning" or "error", fou'),
        ('[log]\nformat = "xml"', 'log.format: expected "text" or "json", found "xml"'),
        # unknown
        ("[telegram]\ntokn = 1", "telegram.tokn: unknown; did you mean telegram.token?"),
        ("[invoices]\nexpiry_s = 5", "invoices.expiry_s: unknown; did you mean invoices.expiry?"),
        ("[limits]\nowners = [1]", "limits.owners: unknown; did you mean access.owners?"),
        ("[telegramm]", "telegramm: unknown; did you mean telegram?"),
        ("[weather]\nrain = 1", "weather: unknown"),
        ("patience = 5", "patience: unknown; did you mean invoices.patience?"),
        ("lnd = 5", "lnd: expected a table, as in [lnd], found 5"),
        ("[[lnd]]", "lnd: expected a table, as in [lnd], found [{}]"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected_and_found(text: str, line: str) -> None:
    section = re.match(r"\[(\w+)\]", text)
    env = {
        name: value
        for name, value in GOOD.items()
        if not section or f"__{text.partition('=')[0].split()[-1]}".upper() not in name
    }
    found = problems(written(text), **env)

    assert len(found) == 1, found
    assert found[0].startswith(line), found[0]


def test_all_problems_are_told_at_once() -> None:
    lines = problems(
        written("""
        wether = 1
        [telegram]
        token = "x"
        [invoices]
        expiry = "never"
        min_sats = "few"
        [log]
        levl = "info"
        """),
        INVOICE_BOT_ACCESS__OPEN="perhaps",
        INVOICE_BOT_LND__TLS_CERT="/nowhere",
    )

    assert [re.split(r"[: ]", line)[0] for line in lines] == [
        "wether",
        "log.levl",
        "lnd.macaroon",
        "telegram.token",
        "invoices.expiry",
        "invoices.min_sats",
        "access.open",
        "lnd.tls_cert",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "INVOICE_BOT_TELEGRAM__TOKN",
            (
                "INVOICE_BOT_TELEGRAM__TOKN: unknown environment variable; "
                "did you mean INVOICE_BOT_TELEGRAM__TOKEN?"
            ),
        ),
        (
            "INVOICE_BOT_TOKEN",
            (
                "INVOICE_BOT_TOKEN: unknown environment variable; "
                "did you mean INVOICE_BOT_TELEGRAM__TOKEN?"
            ),
        ),
        (
            "INVOICE_BOT_TELEGRAM",
            (
                "INVOICE_BOT_TELEGRAM: unknown environment variable; "
                "did you mean INVOICE_BOT_TELEGRAM__TOKEN?"
            ),
        ),
        ("INVOICE_BOT_", "INVOICE_BOT_: unknown environment variable"),
        ("INVOICE_BOT_XYZ__QRS", "INVOICE_BOT_XYZ__QRS: unknown environment variable"),
    ],
)
def test_a_variable_that_fits_no_key_is_refused(name: str, line: str) -> None:
    assert problems(**GOOD, **{name: '{"token": "hush"}'}) == [line]


def test_a_value_from_the_environment_is_told_with_its_variable() -> None:
    assert problems(**GOOD, INVOICE_BOT_DATABASE__KEEP="90") == [
        (
            "database.keep (INVOICE_BOT_DATABASE__KEEP): "
            'expected a time of at least "1d", such as "90d", found "90"'
        )
    ]


def test_without_file_and_environment_the_sentence_names_both(folder: Path) -> None:
    assert problems(PATH="/bin") == [
        (
            f"There are no settings: no file config.toml in {folder} and no INVOICE_BOT_... in the "
            "environment. Copy config.example.toml to config.toml and fill it in."
        )
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[telegram]\ntoken = = 1\n", "config.toml, line 2, column 9: not TOML: Invalid value"),
        (b'[telegram]\ntoken = "1:a\n', "config.toml, line 2, column 13: not TOML: "),
        (b"[lnd]\n[lnd]\n", "config.toml, line 2, column 5: not TOML: "),
        (b"[lnd]\nhost = 1\nhost = 2", "config.toml, end of document: not TOML: "),
        (b"\xff\xfe", "config.toml: expected a text in UTF-8, found other bytes"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(content: bytes, line: str) -> None:
    Path("config.toml").write_bytes(content)

    (told,) = problems(Path("config.toml"))

    assert told.startswith(line)


def test_a_file_that_is_not_there_or_a_folder_is_told(folder: Path) -> None:
    assert problems(folder / "other.toml", **GOOD) == [
        (
            f"{folder}/other.toml: there is no such file. "
            "Copy config.example.toml to it and fill it in."
        )
    ]
    assert problems(folder) == [f"{folder}: can't be read: Is a directory."]


@contextmanager
def unprivileged() -> Iterator[None]:
    was = os.geteuid()
    os.seteuid(65_534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_file_that_may_not_be_read_is_told(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "bot.macaroon").chmod(0)
    lnd = load(None, GOOD | {"INVOICE_BOT_LND__MACAROON": "tls.cert"}).lnd
    lnd = lnd.model_copy(update={"macaroon": folder / "bot.macaroon"})
    with unprivileged(), pytest.raises(ConfigError, match=r"one at .* that this user may not read"):
        lnd.macaroon_hex()


# the token


def test_token_and_token_file_exclude_each_other() -> None:
    written(TOKEN, "token")
    assert problems(**GOOD, INVOICE_BOT_TELEGRAM__TOKEN_FILE="token") == [
        (
            "telegram.token_file (INVOICE_BOT_TELEGRAM__TOKEN_FILE): "
            "expected one of token and token_file, found both"
        )
    ]


def test_a_token_is_needed_but_for_an_invoice_without_telegram() -> None:
    env = {name: value for name, value in GOOD.items() if "TOKEN" not in name}
    assert problems(**env) == [
        (
            "telegram.token: expected the token that @BotFather gave, such as 123456789:AAF0...; "
            "or token_file, found nothing"
        )
    ]
    assert load(None, env, need_telegram=False).telegram.token.get_secret_value() == ""
    # and a token file that is not there is nobody's trouble then
    env["INVOICE_BOT_TELEGRAM__TOKEN_FILE"] = "/nowhere"
    assert problems(**env)[0].endswith("found no file at /nowhere")
    load(None, env, need_telegram=False)


def test_the_examples_empty_token_is_none_where_none_is_needed() -> None:
    text = '[telegram]\ntoken = ""\n[lnd]\nhost = "h:1"\ntls_cert = "a"\nmacaroon = "b"\n'
    lines = problems(written(text), need_telegram=False)
    assert [line.partition(":")[0] for line in lines] == ["lnd.tls_cert", "lnd.macaroon"]
    assert [line for line in problems(written(text)) if line.startswith("telegram.token: ")]


def test_a_mark_before_the_token_in_its_file_is_no_part_of_it() -> None:
    written(f"\ufeff{TOKEN}\r\n", "token")
    env = {**GOOD, "INVOICE_BOT_TELEGRAM__TOKEN_FILE": "token"}
    del env["INVOICE_BOT_TELEGRAM__TOKEN"]
    assert load(None, env).telegram.token.get_secret_value() == TOKEN


@pytest.mark.parametrize("content", ["", "not a token", f"{TOKEN} {TOKEN}"])
def test_a_token_file_with_something_else_is_refused(content: str) -> None:
    written(content, "token")
    env = {**GOOD, "INVOICE_BOT_TELEGRAM__TOKEN_FILE": "token"}
    del env["INVOICE_BOT_TELEGRAM__TOKEN"]

    (line,) = problems(**env)

    assert line.startswith("telegram.token: expected the token that @BotFather gave")
    assert not content or content not in line


# secrets


SECRETS = {
    "token": TOKEN,
    "macaroon": MACAROON.hex(),
    "base64": base64.urlsafe_b64encode(MACAROON).decode().rstrip("="),
    "lndconnect": "lndconnect://h:1?macaroon=AgEDbG5kAvgBAwoQ",
    "with password": "https://me:secret-word@host/",
}


@given(
    secret=st.sampled_from(sorted(SECRETS)),
    key=st.sampled_from(
        [f"{section}.{key}" for section, keys in sorted(KEYS.items()) for key in sorted(keys)]
    ),
    in_list=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_secret_in_any_place_is_never_told(secret: str, key: str, in_list: bool) -> None:
    section, _, name = key.partition(".")
    value = SECRETS[secret]
    shown = f'["{value}"]' if in_list else f'"{value}"'
    path = written(f"[{section}]\n{name} = {shown}\n")
    try:
        said = repr(load(path, {}))
    except ConfigError as error:
        said = f"{error}{error!r}"

    if (key, secret) != ("telegram.api_url", "with password"):  # there it is a value like another
        assert value not in said
        assert value.partition("macaroon=")[2] == "" or "AgEDbG5kAvgBAwoQ" not in said


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_a_secret_in_a_keys_place_is_never_told(secret: str) -> None:
    value = SECRETS[secret]
    path = written(f'"{value}" = 1\n[telegram]\n"{value}" = 1\n')

    lines = problems(path, **{f"INVOICE_BOT_{value}": "1"})

    assert value not in "\n".join(lines)
    assert [line.partition(":")[0] for line in lines[:3]] == [
        "(name not shown)",
        "telegram.(name not shown)",
        "(name not shown)",
    ]


def test_names_with_line_breaks_stay_in_their_line() -> None:
    text = '"a\\nb" = 1\n[lnd]\ntls_cert = ""\nmacaroon = "no\\nfile"\n'

    lines = problems(written(text), need_telegram=False)

    assert lines[0] == r"a\nb: unknown"
    assert lines[1].endswith(r"no\nfile")


def test_secrets_are_hidden_in_settings_and_in_the_log() -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_LND__HOST": "h:1"})

    assert TOKEN not in f"{got!r}{got}{got.model_dump()}{got.model_dump_json()}"
    assert logs.without_secrets(f"at bot{TOKEN}/") == "at bot[hidden]/"
    assert MACAROON.hex() not in logs.without_secrets(f"x {MACAROON.hex()} x")


def test_settings_made_by_code_do_not_look_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOICE_BOT_LOG__LEVEL", "error")

    assert Settings().log.level == "info"
    assert Settings(invoices={"expiry": "2s"}).invoices.expiry_s == 2  # type: ignore[arg-type]
    with pytest.raises(Exception, match="frozen"):
        Settings().log = config.LogSettings()  # type: ignore[misc]


@given(st.integers(1, 365))
@settings(deadline=None)
def test_a_duration_is_so_many_of_its_unit(count: int) -> None:
    for unit, unit_s in (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)):
        made = config.InvoicesSettings(expiry=f"{count}{unit}")  # type: ignore[call-arg]
        assert made.expiry_s == count * unit_s
