"""The settings: what is accepted, what is refused, and that all of it is reported at once."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import config, logs, texts
from bot.config import KEYS, MIN_PATIENCE_S, Rate, Settings, address_of, load
from bot.config.problems import NAME_NOT_SHOWN, Found, Kind
from bot.core.invoice import State
from bot.core.occasions import Topic
from bot.core.steps import Around, next_step
from bot.core.work import Do
from bot.demo.node import certificate
from bot.errors import ConfigError, Problem, Value
from bot.store import Store
from tests.rows import NOW, invoice

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


#: What people are shown an example of, apart from the secrets.
KEYS_WITH_EXAMPLES = [
    *("lnd.host", "invoices.expiry", "invoices.board_expiry", "invoices.patience"),
    "database.keep",
    *("access.owners", "access.users", "access.chats", "limits.invoices_per_user"),
]


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


def problems(path: Path | None = None, *, need_telegram: bool = True, **env: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(path, env, need_telegram=need_telegram)
    found = list(caught.value.problems)
    assert len(texts.why(caught.value).splitlines()) == len(found)
    # pydantic's own error, which has the value, must not come along in a traceback
    assert caught.value.__cause__ is None or caught.value.__suppress_context__
    return found


def keys(found: list[Problem]) -> list[str]:
    return [problem.key for problem in found]


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
    assert (got.lnd.host, got.lnd.private_route_hints) == ("127.0.0.1:10009", "auto")
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
        patience = "1s"
        min_sats = 5
        max_sats = 10_000_000_000_000
        [access]
        owners = [1, 2]
        users = [4503599627370495]
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
    assert got.lnd.private_route_hints is True
    assert (got.invoices.expiry_s, got.invoices.patience_s) == (172_800, 1)
    assert (got.invoices.min_sats, got.invoices.max_sats) == (5, 10**13)
    assert got.access.owners == {1, 2}
    assert got.access.users == {2**52 - 1}
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
            "INVOICE_BOT_INVOICES__PATIENCE": "20s",
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
    assert (got.invoices.expiry_s, got.invoices.patience_s) == (600, 20)
    assert (got.invoices.min_sats, got.invoices.max_sats) == (10, 20)
    assert (got.access.owners, got.access.users) == ({1, 2}, set())
    assert (got.access.chats, got.access.open) == ({-5, 6}, True)
    assert (got.limits.invoices_per_user, got.limits.open_per_chat) == (Rate(1, 1), 7)
    assert (got.database.file, got.database.keep_s) == (Path.cwd() / "a/b.db", 172_800)
    assert (got.log.level, got.log.format) == ("warning", "json")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (":memory:", Kind.DATABASE_IN_MEMORY),
        ("data/:memory:", Kind.DATABASE_IN_MEMORY),
        ("file:x.db", Kind.DATABASE_URI),
        ("file:///data/x.db", Kind.DATABASE_URI),
        ("x.db?mode=ro", Kind.DATABASE_URI),
        ("a%20b.db", Kind.DATABASE_ESCAPED),
        ("/data/x%2Fy.db", Kind.DATABASE_ESCAPED),
        ("x.db ", Kind.DATABASE_SPACE),
        (" x.db", Kind.DATABASE_SPACE),
        ("x.db\n", Kind.DATABASE_SPACE),
        ("x\0y.db", Kind.DATABASE_SPACE),
        ("/", Kind.DATABASE_FOLDER),
        ("data/", Kind.DATABASE_FOLDER),
        (".", Kind.DATABASE_FOLDER),
        ("data/..", Kind.DATABASE_FOLDER),
        ("~", Kind.DATABASE_FOLDER),
        ("$HOME/x.db", Kind.DATABASE_VARIABLE),
        ("/data/${NAME}.db", Kind.DATABASE_VARIABLE),
    ],
)
def test_a_database_that_would_be_another_file_than_was_meant_is_refused(
    path: str, kind: Kind
) -> None:
    (problem,) = problems(**{**GOOD, "INVOICE_BOT_DATABASE__URL": f"sqlite:///{path}"})
    assert (problem.key, problem.kind) == ("database.url", kind)


@pytest.mark.parametrize(
    "name", ["a%b.db", "x.memory", "my bot.db", "#1@home:2.db", "~me.db", "5$.db"]
)
def test_a_database_can_have_any_other_name(folder: Path, name: str) -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_DATABASE__URL": f"sqlite:///data/{name}"})
    assert got.database.file == folder / "data" / name


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("https://bot.example.org/telegram", "/telegram"),
        ("https://bot.example.org:8443/a/b-c_d.~", "/a/b-c_d.~"),
        ("https://bot.example.org/", ""),
        ("http://bot.internal:8080/x/", "/x"),  # for a Bot API server of one's own
    ],
)
def test_a_webhook_is_an_address_with_a_plain_path(written: str, path: str) -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_TELEGRAM__WEBHOOK": written})
    assert got.telegram.webhook == written.rstrip("/")
    assert got.telegram.webhook.endswith(path)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "bot.example.org/telegram",
        "https://",
        "https:///telegram",
        "https://bot.example.org/telegram?x=1",
        "https://bot.example.org/telegram#x",
        "https://bot.example.org/{x}",
        "https://bot.example.org/a%2Fb",
        "https://bot.example.org//x",
        "https://bot.example.org/ä",
        "https://me:pass-word@bot.example.org/telegram",
        "https://bot.example.org:0/",
        "ftp://bot.example.org/",
    ],
)
def test_a_webhook_that_not_every_proxy_understands_is_refused(written: str) -> None:
    (problem,) = problems(**{**GOOD, "INVOICE_BOT_TELEGRAM__WEBHOOK": written})
    assert problem.key == "telegram.webhook"
    assert "pass-word" not in logs.redacted(texts.why(ConfigError(problem)))


async def test_the_database_is_in_the_settings_own_folder_whatever_that_is_called(
    folder: Path,
) -> None:
    path = written(GOOD_TOML.replace('"', "'"), "my%20bot?/config.toml")
    for name in ("tls.cert", "bot.macaroon"):
        (folder / name).rename(path.parent / name)
    settings = load(path, {})

    store = await Store.open(settings.database.url)
    await store.close()

    assert settings.database.file == folder / "my%20bot?" / "invoice-bot.db"
    assert settings.database.file.exists()


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("[123456789]", {123456789}),
        ("[111, 222]", {111, 222}),
        (" [ 111,222, ] ", {111, 222}),
        ("[]", set()),
        ("111\n222", {111, 222}),
    ],
)
def test_a_list_in_a_variable_can_be_as_in_a_file(written: str, ids: set[int]) -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_ACCESS__OWNERS": written})
    assert got.access.owners == ids


@pytest.mark.parametrize("written", ["[111", "111]", "[[111]]", '["111"]', "[true]", "[1.0]"])
def test_what_only_looks_like_a_list_is_refused(written: str) -> None:
    (problem,) = problems(**{**GOOD, "INVOICE_BOT_ACCESS__OWNERS": written})
    assert (problem.key, problem.kind) == ("access.owners", Kind.REFUSED)


#: A value that each key takes, but for paths.
VALUES = {
    "telegram.token": TOKEN,
    "telegram.api_url": "http://127.0.0.1:8081",
    "telegram.webhook": "https://bot.example.org/telegram",
    "telegram.listen": "127.0.0.1:8444",
    "lnd.host": "node:10009",
    "lnd.private_route_hints": "true",
    "invoices.expiry": "2h",
    "invoices.board_expiry": "2d",
    "invoices.patience": "20s",
    "invoices.min_sats": "10",
    "invoices.max_sats": "20",
    "invoices.payee": "Ada's node",
    "lnd.proxy": "http://127.0.0.1:9080",
    "access.owners": "1",
    "access.users": "1",
    "access.chats": "-1",
    "access.open": "true",
    "limits.invoices_per_user": "1/1s",
    "limits.open_per_chat": "7",
    **{f"notices.{topic}": "false" for topic in Topic},
    "database.keep": "2d",
    "database.password": "what-only-the-server-knows",
    "health.listen": "127.0.0.1:9090",
    "log.level": "error",
    "log.format": "json",
}
PATHS = {
    *("telegram.token_file", "lnd.tls_cert", "lnd.macaroon", "lnd.lndconnect"),
    *("database.url", "database.password_file"),
}


def test_every_key_but_for_paths_has_its_value_here() -> None:
    every = {f"{section}.{key}" for section, keys in KEYS.items() for key in keys}
    assert set(VALUES) == every - PATHS


@pytest.mark.parametrize("key", sorted(VALUES))
@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "{}\r"])
def test_spaces_around_a_value_are_not_part_of_it(key: str, around: str) -> None:
    variable = f"INVOICE_BOT_{key.replace('.', '__')}".upper()
    plain = load(None, {**GOOD, variable: VALUES[key]})
    spaced = load(None, {**GOOD, variable: around.format(VALUES[key])})
    assert spaced == plain


def test_spaces_around_a_value_in_the_file_are_not_part_of_it() -> None:
    spaced = GOOD_TOML.replace(TOKEN, f" {TOKEN}\\n") + '[log]\nlevel = " debug "\n'
    got = load(written(spaced), {})
    assert got.telegram.token.get_secret_value() == TOKEN
    assert got.log.level == "debug"


@pytest.mark.parametrize("level", ["INFO", "Info", "info"])
def test_a_level_and_a_format_can_be_in_capitals(level: str) -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_LOG__LEVEL": level, "INVOICE_BOT_LOG__FORMAT": "JSON"})
    assert (got.log.level, got.log.format) == ("info", "json")


@pytest.mark.parametrize(("said", "hints"), [("Auto", "auto"), ("TRUE", True), ("no", False)])
def test_whether_there_are_hints_can_be_in_capitals(said: str, hints: object) -> None:
    assert load(None, {**GOOD, "INVOICE_BOT_LND__PRIVATE_ROUTE_HINTS": said}).lnd == load(
        None, GOOD
    ).lnd.model_copy(update={"private_route_hints": hints})


@pytest.mark.parametrize("key", KEYS_WITH_EXAMPLES)
def test_an_example_for_a_variable_works_there(key: str) -> None:
    variable = f"INVOICE_BOT_{key.replace('.', '__')}".upper()
    (problem,) = problems(**{**GOOD, variable: "?"})
    said = texts.why(ConfigError(problem))
    example = re.search(r"such as (.*?)(?= \(|, found)", said)
    assert example
    load(None, {**GOOD, variable: example[1]})


def test_the_environment_overrides_the_file() -> None:
    path = written(GOOD_TOML + '[log]\nlevel = "debug"\nformat = "json"\n')

    got = load(path, {"INVOICE_BOT_LOG__LEVEL": "error"})

    assert (got.log.level, got.log.format) == ("error", "json")


def test_paths_count_from_the_files_folder_and_can_begin_at_the_home_folder(
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


def test_the_example_says_what_has_to_be_filled_in() -> None:
    found = problems(written(EXAMPLE.read_text(), "etc/config.toml"))

    assert keys(found) == [
        "telegram.token",
        "lnd.tls_cert",
        "lnd.macaroon",
    ]
    text = EXAMPLE.read_text().replace("#token_file", "token_file")
    written(TOKEN, "etc/token")
    found = problems(written(text, "etc/config.toml"))
    assert not any("telegram" in key for key in keys(found))


# certificate and macaroon


def test_certificate_and_macaroon_are_read_again_each_time(folder: Path) -> None:
    lnd = load(None, GOOD).lnd
    before = lnd.certificate()
    certificate.make(folder)
    (folder / "bot.macaroon").write_bytes(b"replaced")

    assert lnd.certificate() not in (before, None)
    assert lnd.macaroon_hex() == b"replaced".hex()

    (folder / "bot.macaroon").unlink()
    (folder / "tls.cert").write_text("half a certif")
    assert refusal(lnd.macaroon_hex) == ("lnd.macaroon", Kind.FILE_MISSING)
    assert refusal(lnd.certificate) == ("lnd.tls_cert", Kind.FILE_NO_CERTIFICATE)


def refusal(read: Callable[[], object]) -> tuple[str, str]:
    """The one problem of a file that cannot be read."""
    with pytest.raises(ConfigError) as caught:
        read()
    (problem,) = caught.value.problems
    return problem.key, problem.kind


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
    ("host", "address"),
    [("node", "node:10009"), ("[::1]", "[::1]:10009"), ("[::1]:1", "[::1]:1"), ("1.2.3.4:5",) * 2],
)
def test_lndconnect_without_certificate_uses_the_systems_authorities(
    host: str, address: str
) -> None:
    uri = lndconnect(host=host, cert=False)
    lnd = load(None, {"INVOICE_BOT_LND__LNDCONNECT": uri}, need_telegram=False).lnd

    assert (lnd.host, lnd.certificate()) == (address, None)


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("https://node.example:10009?macaroon=AgEDbG5k", Kind.LNDCONNECT_SCHEME),
        ("lndconnect://node.example:10009", Kind.LNDCONNECT_NO_MACAROON),
        ("lndconnect://node.example:10009?macaroon=", Kind.LNDCONNECT_NO_MACAROON),
        ("lndconnect://node.example:10009?macaroon=*~*", Kind.LNDCONNECT_MACAROON_ODD),
        ("lndconnect://h:1?cert=*~*&macaroon=AgEDbG5k", Kind.LNDCONNECT_CERT_ODD),
        ("lndconnect://?macaroon=AgEDbG5k", Kind.LNDCONNECT_HOST),
        ("lndconnect://node.example:99999?macaroon=AgEDbG5k", Kind.LNDCONNECT_HOST),
        ("lndconnect://[::1?macaroon=AgEDbG5k", Kind.LNDCONNECT_HOST),
        ("", Kind.REFUSED),
    ],
)
def test_a_wrong_lndconnect_is_refused_by_its_part_and_not_shown(uri: str, kind: Kind) -> None:
    variable = "INVOICE_BOT_LND__LNDCONNECT"
    env = {variable: uri}
    (problem,) = problems(need_telegram=False, **env)

    values = {"found": Found.STRING, "characters": len(uri)} if uri else {"found": Found.EMPTY}
    assert problem == Problem(kind, "lnd.lndconnect", variable, values)


def test_a_certificate_of_its_own_is_allowed_beside_an_lndconnect_without(folder: Path) -> None:
    text = f'[lnd]\nlndconnect = "{lndconnect(cert=False)}"\ntls_cert = "tls.cert"\n'
    lnd = load(written(text), {}, need_telegram=False).lnd

    assert lnd.host == "node.example:10009"
    assert lnd.certificate() == (folder / "tls.cert").read_bytes()
    assert lnd.macaroon_hex() == MACAROON.hex()
    assert lnd.certificate_key == "lnd.tls_cert"


@pytest.mark.parametrize("key", ["host", "tls_cert", "macaroon"])
def test_lndconnect_excludes_the_keys_that_it_replaces(key: str) -> None:
    text = f'[lnd]\nlndconnect = "{lndconnect()}"\n{key} = "bot.macaroon"\n'
    found = problems(written(text), need_telegram=False)

    assert Problem(Kind.BESIDE_LNDCONNECT, f"lnd.{key}") in found


# a proxy to the node

ONION = "abcdefghijklmnopqrstuvwxyz234567.onion"


def test_a_proxy_leads_to_an_onion_address(folder: Path) -> None:
    text = f'{GOOD_TOML}host = "{ONION}:10009"\nproxy = "http://127.0.0.1:9080"\n'
    lnd = load(written(text), {}).lnd
    assert (lnd.host, lnd.proxy) == (f"{ONION}:10009", "http://127.0.0.1:9080")


@pytest.mark.parametrize("host", [f"{ONION}:10009", f"{ONION.upper()}:1", f"{ONION}.:1"])
def test_an_onion_address_without_a_proxy_is_refused(folder: Path, host: str) -> None:
    found = problems(written(f'{GOOD_TOML}host = "{host}"\n'))
    assert found == [Problem(Kind.ONION_WITHOUT_PROXY, "lnd.host")]

    uri = lndconnect(host=host)
    found = problems(need_telegram=False, INVOICE_BOT_LND__LNDCONNECT=uri)
    variable = "INVOICE_BOT_LND__LNDCONNECT"
    assert found == [Problem(Kind.ONION_WITHOUT_PROXY, "lnd.lndconnect", variable)]


@pytest.mark.parametrize(
    ("proxy", "kind"),
    [
        ("socks5://127.0.0.1:9050", Kind.PROXY_SOCKS),
        ("SOCKS5h://127.0.0.1:9050", Kind.PROXY_SOCKS),
        ("https://127.0.0.1:9080", Kind.REFUSED),
        ("127.0.0.1:9080", Kind.REFUSED),
        ("http://127.0.0.1", Kind.REFUSED),
        ("http://127.0.0.1:9080/way", Kind.REFUSED),
        ("http://:9080", Kind.REFUSED),
        ("http://me:secret@127.0.0.1:9080", Kind.REFUSED),
        ("", Kind.REFUSED),
    ],
)
def test_a_proxy_of_another_kind_is_refused(folder: Path, proxy: str, kind: Kind) -> None:
    (found,) = problems(written(f'{GOOD_TOML}proxy = "{proxy}"\n'))
    assert (found.key, found.kind) == ("lnd.proxy", kind)
    assert "secret" not in str(found)


# what is refused


def wrong(value: object) -> dict[str, Value]:
    """What is reported of a value that can be shown."""
    return {"found": Found.SHOWN, "shown": json.dumps(value)}


def hidden(value: str) -> dict[str, Value]:
    return {"found": Found.STRING, "characters": len(value)}


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ('[telegram]\ntoken = "x"', "telegram.token", hidden("x")),
        ("[telegram]\ntoken = 5", "telegram.token", {"found": Found.OTHER}),
        ('[telegram]\napi_url = "ftp://x"', "telegram.api_url", wrong("ftp://x")),
        ('[telegram]\napi_url = "https://"', "telegram.api_url", wrong("https://")),
        ('[telegram]\napi_url = "https://x/?a=b"', "telegram.api_url", wrong("https://x/?a=b")),
        ('[lnd]\nhost = "https://x:1"', "lnd.host", wrong("https://x:1")),
        ('[lnd]\nhost = "x"', "lnd.host", wrong("x")),
        ('[lnd]\nhost = "x:0"', "lnd.host", wrong("x:0")),
        ('[lnd]\nhost = "x:65536"', "lnd.host", wrong("x:65536")),
        ("[lnd]\ntls_cert = 5", "lnd.tls_cert", wrong(5)),
        ('[lnd]\nmacaroon = ""', "lnd.macaroon", wrong("")),
        ('[lnd]\nprivate_route_hints = "si"', "lnd.private_route_hints", wrong("si")),
        ("[invoices]\nexpiry = 3600", "invoices.expiry", wrong(3600)),
        ('[invoices]\nexpiry = "366d"', "invoices.expiry", wrong("366d")),
        ('[invoices]\nexpiry = "0s"', "invoices.expiry", wrong("0s")),
        ('[invoices]\nexpiry = "-1h"', "invoices.expiry", wrong("-1h")),
        ('[invoices]\nexpiry = "1.5h"', "invoices.expiry", wrong("1.5h")),
        ('[invoices]\nexpiry = "1w"', "invoices.expiry", wrong("1w")),
        ('[invoices]\nexpiry = ["1h"]', "invoices.expiry", wrong(["1h"])),
        ("[invoices]\nexpiry.h = 1", "invoices.expiry", {"found": Found.TABLE}),
        ('[invoices]\npatience = "0s"', "invoices.patience", wrong("0s")),
        ('[invoices]\npatience = "2h"', "invoices.patience", wrong("2h")),
        ("[invoices]\nmin_sats = 0", "invoices.min_sats", wrong(0)),
        ("[invoices]\nmin_sats = true", "invoices.min_sats", wrong(True)),
        ("[invoices]\nmin_sats = 2.0", "invoices.min_sats", wrong(2.0)),
        ("[invoices]\nmax_sats = 10000000000001", "invoices.max_sats", wrong(10**13 + 1)),
        ('[access]\nowners = ["@me"]', "access.owners", wrong(["@me"])),
        ('[access]\nowners = ["1"]', "access.owners", wrong(["1"])),
        ("[access]\nowners = [1.0]", "access.owners", wrong([1.0])),
        ("[access]\nowners = 1", "access.owners", wrong(1)),
        ("[access]\nowners = [-5]", "access.owners", wrong([-5])),
        ("[access]\nusers = [0]", "access.users", wrong([0])),
        (f"[access]\nusers = [{2**52}]", "access.users", wrong([2**52])),
        (f"[access]\nowners = [1, {2**63}]", "access.owners", wrong([1, 2**63])),
        (f"[access]\nchats = [-{2**52}]", "access.chats", wrong([-(2**52)])),
        ("[access]\nchats = [true]", "access.chats", wrong([True])),
        ("[access]\nopen = 2", "access.open", wrong(2)),
        ('[limits]\ninvoices_per_user = "10"', "limits.invoices_per_user", wrong("10")),
        ('[limits]\ninvoices_per_user = "0/1h"', "limits.invoices_per_user", wrong("0/1h")),
        ('[limits]\ninvoices_per_user = "1/0s"', "limits.invoices_per_user", wrong("1/0s")),
        ('[limits]\ninvoices_per_user = "1/h"', "limits.invoices_per_user", wrong("1/h")),
        ("[limits]\nopen_per_chat = 0", "limits.open_per_chat", wrong(0)),
        ('[database]\nurl = "x.db"', "database.url", wrong("x.db")),
        ('[database]\nurl = "sqlite://"', "database.url", wrong("sqlite://")),
        ('[database]\nurl = "sqlite:///"', "database.url", wrong("sqlite:///")),
        ('[database]\nkeep = "23h"', "database.keep", wrong("23h")),
        ('[log]\nlevel = "loud"', "log.level", wrong("loud")),
        ('[log]\nformat = "xml"', "log.format", wrong("xml")),
    ],
)
def test_a_wrong_value_is_named_with_what_was_found(
    text: str, key: str, values: dict[str, Value]
) -> None:
    assert reported(text) == Problem(Kind.REFUSED, key, values=values)


@pytest.mark.parametrize(
    ("text", "key", "kind"),
    [
        ('[lnd]\ntls_cert = "/nowhere/tls.cert"', "lnd.tls_cert", Kind.FILE_MISSING),
        ('[lnd]\ntls_cert = "bot.macaroon"', "lnd.tls_cert", Kind.FILE_NO_CERTIFICATE),
        ('[lnd]\nmacaroon = "tls.cert/x"', "lnd.macaroon", Kind.FILE_MISSING),
        ('[lnd]\nmacaroon = "."', "lnd.macaroon", Kind.FILE_IS_FOLDER),
        ('[lnd]\nmacaroon = "/dev/null"', "lnd.macaroon", Kind.FILE_EMPTY),
        ('[lnd]\nmacaroon = "~nobody-at-all/x"', "lnd.macaroon", Kind.FILE_MISSING),
        ('[lnd]\nmacaroon = "a\\u0000"', "lnd.macaroon", Kind.FILE_PATH_INVALID),
        (f'[lnd]\nmacaroon = "{"x" * 300}"', "lnd.macaroon", Kind.FILE_UNREADABLE),
        ('[lnd]\nmacaroon = "$HOME/bot.macaroon"', "lnd.macaroon", Kind.FILE_VARIABLE),
        ('[lnd]\ntls_cert = "${HOME}/tls.cert"', "lnd.tls_cert", Kind.FILE_VARIABLE),
        ('[lnd]\nmacaroon = "bot.macaroon "', "lnd.macaroon", Kind.FILE_SPACE),
        ('[lnd]\ntls_cert = "tls.cert\\n"', "lnd.tls_cert", Kind.FILE_SPACE),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_its_path(text: str, key: str, kind: Kind) -> None:
    problem = reported(text)

    assert (problem.key, problem.kind) == (key, kind)
    # what is as long as a secret might be one
    assert bool(problem.values["path"]) is (len(text) < 80)


def test_the_smallest_amount_is_at_most_the_largest() -> None:
    values = {"min_sats": 2, "max_sats": 1}
    assert reported("[invoices]\nmin_sats = 2\nmax_sats = 1") == Problem(
        Kind.MIN_ABOVE_MAX, "invoices.min_sats", values=values
    )


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("[telegram]\ntokn = 1", "telegram.tokn", "telegram.token"),
        ("[invoices]\nexpiry_s = 5", "invoices.expiry_s", "invoices.expiry"),
        ("[limits]\nowners = [1]", "limits.owners", "access.owners"),
        ("[telegramm]", "telegramm", "telegram"),
        ("[weather]\nrain = 1", "weather", ""),
        ("patience = 5", "patience", "invoices.patience"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(text: str, key: str, near: str) -> None:
    assert reported(text) == Problem(Kind.UNKNOWN, key, values={"near": near})


@pytest.mark.parametrize(("text", "found"), [("lnd = 5", 5), ("[[lnd]]", [{}])])
def test_a_section_has_to_be_a_table(text: str, found: object) -> None:
    assert reported(text) == Problem(Kind.NO_TABLE, "lnd", values=wrong(found))


def reported(text: str) -> Problem:
    """The one problem of this file, where all that it lacks comes from the environment."""
    section = re.match(r"\[(\w+)\]", text)
    env = {
        name: value
        for name, value in GOOD.items()
        if not section or f"__{text.partition('=')[0].split()[-1]}".upper() not in name
    }
    (problem,) = problems(written(text), **env)
    return problem


def test_all_problems_are_reported_at_once() -> None:
    found = problems(
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

    assert keys(found) == [
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
    ("name", "near"),
    [
        ("INVOICE_BOT_TELEGRAM__TOKN", "INVOICE_BOT_TELEGRAM__TOKEN"),
        ("INVOICE_BOT_TOKEN", "INVOICE_BOT_TELEGRAM__TOKEN"),
        ("INVOICE_BOT_TELEGRAM", "INVOICE_BOT_TELEGRAM__TOKEN"),
        ("INVOICE_BOT_", ""),
        ("INVOICE_BOT_XYZ__QRS", ""),
    ],
)
def test_a_variable_of_no_key_is_refused(name: str, near: str) -> None:
    assert problems(**GOOD, **{name: '{"token": "hush"}'}) == [
        Problem(Kind.UNKNOWN_VARIABLE, name, values={"near": near})
    ]


def test_a_value_from_the_environment_is_reported_with_its_variable() -> None:
    variable = "INVOICE_BOT_DATABASE__KEEP"
    assert problems(**GOOD, **{variable: "90"}) == [
        Problem(Kind.REFUSED, "database.keep", variable, wrong("90"))
    ]


def test_without_file_and_environment_there_are_no_settings(folder: Path) -> None:
    assert problems(PATH="/bin") == [
        Problem(Kind.NO_SETTINGS, "config.toml", values={"folder": str(folder)})
    ]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"[telegram]\ntoken = = 1\n", "line 2, column 9"),
        (b'[telegram]\ntoken = "1:a\n', "line 2, column 13"),
        (b"[lnd]\n[lnd]\n", "line 2, column 5"),
        (b"[lnd]\nhost = 1\nhost = 2", "end of document"),
    ],
)
def test_a_file_that_is_not_toml_is_reported_with_the_line(content: bytes, where: str) -> None:
    Path("config.toml").write_bytes(content)

    (problem,) = problems(Path("config.toml"))

    assert (problem.kind, problem.key) == (Kind.CONFIG_NOT_TOML, "config.toml")
    assert problem.values["where"] == where
    assert problem.values["what"]
    assert where not in str(problem.values["what"])


def test_a_file_that_is_not_utf8_is_reported() -> None:
    Path("config.toml").write_bytes(b"\xff\xfe")

    assert problems(Path("config.toml")) == [Problem(Kind.CONFIG_NOT_UTF8, "config.toml")]


def test_a_file_that_is_missing_or_a_folder_is_reported(folder: Path) -> None:
    other = folder / "other.toml"
    assert problems(other, **GOOD) == [Problem(Kind.CONFIG_MISSING, str(other))]
    assert problems(folder) == [
        Problem(Kind.CONFIG_UNREADABLE, str(folder), values={"reason": "Is a directory"})
    ]


@contextmanager
def unprivileged() -> Iterator[None]:
    was = os.geteuid()
    os.seteuid(65_534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_file_without_permission_to_read_is_reported(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "bot.macaroon").chmod(0)
    lnd = load(None, GOOD | {"INVOICE_BOT_LND__MACAROON": "tls.cert"}).lnd
    lnd = lnd.model_copy(update={"macaroon": folder / "bot.macaroon"})
    with unprivileged():
        assert refusal(lnd.macaroon_hex) == ("lnd.macaroon", Kind.FILE_NOT_PERMITTED)


# the token


def test_token_and_token_file_exclude_each_other() -> None:
    written(TOKEN, "token")
    variable = "INVOICE_BOT_TELEGRAM__TOKEN_FILE"
    assert problems(**GOOD, **{variable: "token"}) == [
        Problem(Kind.TWO_TOKENS, "telegram.token_file", variable)
    ]


def test_a_token_is_needed_but_for_an_invoice_without_telegram() -> None:
    env = {name: value for name, value in GOOD.items() if "TOKEN" not in name}
    assert problems(**env) == [Problem(Kind.MISSING, "telegram.token")]
    assert load(None, env, need_telegram=False).telegram.token.get_secret_value() == ""
    # and a token file that is missing is no problem then
    env["INVOICE_BOT_TELEGRAM__TOKEN_FILE"] = "/nowhere"
    (problem,) = problems(**env)
    assert (problem.key, problem.kind) == ("telegram.token_file", Kind.FILE_MISSING)
    assert problem.values["path"] == "/nowhere"
    load(None, env, need_telegram=False)
    env["INVOICE_BOT_TELEGRAM__TOKEN_FILE"] = "$HOME/token"
    (problem,) = problems(**env)
    assert (problem.key, problem.kind) == ("telegram.token_file", Kind.FILE_VARIABLE)


def test_the_examples_empty_token_is_none_where_none_is_needed() -> None:
    text = '[telegram]\ntoken = ""\n[lnd]\nhost = "h:1"\ntls_cert = "a"\nmacaroon = "b"\n'
    found = problems(written(text), need_telegram=False)
    assert keys(found) == ["lnd.tls_cert", "lnd.macaroon"]
    assert "telegram.token" in keys(problems(written(text)))


def test_a_byte_order_mark_in_the_tokens_file_is_not_part_of_it() -> None:
    written(f"\ufeff{TOKEN}\r\n", "token")
    env = {**GOOD, "INVOICE_BOT_TELEGRAM__TOKEN_FILE": "token"}
    del env["INVOICE_BOT_TELEGRAM__TOKEN"]
    assert load(None, env).telegram.token.get_secret_value() == TOKEN


@pytest.mark.parametrize("content", ["", "\n", "not a token", f"{TOKEN} {TOKEN}"])
def test_a_token_file_with_something_else_is_refused(folder: Path, content: str) -> None:
    written(content, "token")
    env = {**GOOD, "INVOICE_BOT_TELEGRAM__TOKEN_FILE": "token"}
    del env["INVOICE_BOT_TELEGRAM__TOKEN"]

    (problem,) = problems(**env)
    assert problem.key == "telegram.token_file"
    assert problem.kind == (Kind.FILE_OTHER if content.strip() else Kind.FILE_EMPTY)
    assert problem.values["path"] == str(folder / "token")


# a server's database

SERVER = "postgresql://bot@db.example:5433/invoices?sslmode=verify-full"
DATABASE_PASSWORD = "what/only&the server:knows"


def server(url: str = SERVER, **others: str) -> dict[str, str]:
    keys = {f"INVOICE_BOT_DATABASE__{name.upper()}": value for name, value in others.items()}
    return {**GOOD, "INVOICE_BOT_DATABASE__URL": url, **keys}


@pytest.mark.parametrize("where", ["url", "query", "key", "file"])
def test_a_databases_password_is_in_no_address_wherever_it_came_from(
    folder: Path, where: str
) -> None:
    quoted = quote(DATABASE_PASSWORD, safe="")
    env = {
        "url": server(SERVER.replace("bot@", f"bot:{quoted}@")),
        "query": server(f"{SERVER}&password={quoted}"),
        "key": server(password=DATABASE_PASSWORD),
        "file": server(password_file="database-password"),
    }[where]
    written(f"{DATABASE_PASSWORD}\n", "database-password")
    got = load(None, env).database
    assert got.url == SERVER
    assert got.password.get_secret_value() == DATABASE_PASSWORD
    assert got.is_shared
    assert got.address.endswith(f"&password={quoted}")
    for text in (DATABASE_PASSWORD, got.address):
        assert DATABASE_PASSWORD not in logs.redacted(f"no connection: {text} is wrong")
        assert quoted not in logs.redacted(f"no connection: {text} is wrong")
    assert DATABASE_PASSWORD not in repr(got)


def test_a_database_without_a_password_needs_none() -> None:
    assert load(None, server()).database.address == SERVER


def test_a_databases_password_is_given_once(folder: Path) -> None:
    written("x", "database-password")
    with_one = SERVER.replace("bot@", "bot:y@")
    for env in (
        server(password="x", password_file="database-password"),
        server(with_one, password="x"),
        server(with_one, password_file="database-password"),
    ):
        (problem,) = problems(**env)
        assert problem.kind == Kind.TWO_PASSWORDS


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bot:s3cr3t@db.example",
        "postgresql://bot:s3cr3t@db example/x",
        "postgresql://bot:s3cr3t@db.example/x#y",
        "postgresql://bot:s3cr3t@[::1/x",
        "postgresql+psycopg://bot:s3cr3t@db.example/x",
        "postgresql:/bot:s3cr3t@db.example/x",
        # what libpq would quote, or take for something else
        "postgresql://bot:s3cr3t@db.example:abc/x",
        "postgresql://bot:s3cr3t@db.example:99999/x",
        "postgresql://bot:s3cr3t@db.example:0/x",
        "postgresql://bot:s3cr3t@db.example/x?port=abc",
        "postgresql://bot:s3cr3t@db%20example/x",
        "postgresql://bot:s3cr3t@/x?host=db%20example",
        "postgresql://bot:s3cr3t%zz@db.example/x",
        "postgresql://bot:s3cr3t%00@db.example/x",
        "postgresql://bot:half/s3cr3t@db.example/x",
        "postgresql://bot:half?s3cr3t@db.example/x",
        "postgresql://bot@half:s3cr3t@db.example/x",
        "postgresql://db.example/x?password=s3cr3t=half",
        "postgresql://db.example/x?password=half&s3cr3t",
        "postgresql://db.example/x?password=half&s3cr3t=half",
        "postgresql://bot:s3cr3t@db.example/x?sslmode",
    ],
)
def test_an_odd_address_of_a_server_is_refused_and_not_shown(url: str) -> None:
    (problem,) = problems(**server(url))
    assert (problem.key, problem.kind) == ("database.url", Kind.REFUSED)
    assert "s3cr3t" not in str(problem)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///?service=bots",
        "postgresql:///invoices?service=bots&sslmode=require",
        "postgresql:///invoices?host=/var/run/postgresql",
        "postgresql:///invoices?host=/var/run/postgresql&port=5433",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/invoices",
        "postgresql://bot@/invoices?host=@abstract",
        "postgresql://?dbname=invoices&host=db.example&user=bot",
        "postgresql://bot@one.example:5432,two.example,[::1]:5433/invoices",
        "postgresql://bot@db.example/invoices?application_name=a+b",
        "postgres://bot@db.example/invoices?sslcert=/etc/bot%20cert.pem",
    ],
)
@pytest.mark.parametrize("password", ["", "p+l us/&?=%@:#"])
def test_an_address_is_any_that_libpq_reads_and_keeps_what_is_in_it(
    folder: Path, url: str, password: str
) -> None:
    quoted = quote(password, safe="")
    joint = "&" if "?" in url else "?"
    whole = f"{url}{joint}password={quoted}" if password else url
    got = load(None, server(whole)).database
    assert got.url == url
    assert got.password.get_secret_value() == password
    read = psycopg.conninfo.conninfo_to_dict(got.address)
    assert read.pop("password", "") == password
    assert read == psycopg.conninfo.conninfo_to_dict(url)


def test_a_password_that_is_not_escaped_is_taken_as_it_is_where_that_is_plain(
    folder: Path,
) -> None:
    got = load(None, server("postgresql://bot:p@ss:w0rd@db.example/x")).database
    assert (got.url, got.password.get_secret_value()) == (
        "postgresql://bot@db.example/x",
        "p@ss:w0rd",
    )


def test_a_password_that_libpq_could_not_read_is_refused_and_not_shown(folder: Path) -> None:
    (problem,) = problems(**server(password="s3cr3t\0"))
    assert (problem.key, problem.kind) == ("database.password", Kind.REFUSED)
    assert "s3cr3t" not in str(problem)


@pytest.mark.parametrize(
    "secret", ["password", "sslpassword", "oauth_client_secret", "scram_client_key"]
)
def test_an_address_with_anything_secret_in_it_is_no_argument(secret: str) -> None:
    assert address_of(f"{SERVER}&{secret}=s3cr3t", "") == ""
    assert "s3cr3t" not in logs.redacted(f"{SERVER}&sslpassword=s3cr3t")
    assert address_of(SERVER, "") == SERVER


def test_our_own_example_of_an_address_is_not_redacted_and_a_password_in_it_is() -> None:
    example = "expected postgresql://user@host/database, found nothing"
    assert logs.redacted(example) == example
    for secret in ("postgresql://user:s3cr3t@host/x", "postgresql://user@host:s3cr3t@host/x"):
        assert "s3cr3t" not in logs.redacted(secret)


def test_what_is_beside_a_database_is_beside_the_settings_where_that_is_a_servers(
    folder: Path,
) -> None:
    assert load(None, server()).database.file.parent == folder
    text = f'[telegram]\ntoken = "{TOKEN}"\n[lnd]\ntls_cert = ""\nmacaroon = "bot.macaroon"\n'
    path = written(f'{text}[database]\nurl = "{SERVER}"\n', "etc/config.toml")
    (folder / "etc/bot.macaroon").write_bytes(b"x")
    assert load(path, {}).database.file.parent == folder / "etc"


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
def test_a_secret_in_any_place_is_never_shown(secret: str, key: str, in_list: bool) -> None:
    section, _, name = key.partition(".")
    value = SECRETS[secret]
    shown = f'["{value}"]' if in_list else f'"{value}"'
    path = written(f"[{section}]\n{name} = {shown}\n")
    try:
        said = repr(load(path, {}))
    except ConfigError as error:
        said = f"{error}{error!r}{error.problems!r}{texts.why(error)}"

    if (key, secret) != ("telegram.api_url", "with password"):  # that is an ordinary value there
        assert value not in said
        assert value.partition("macaroon=")[2] == "" or "AgEDbG5kAvgBAwoQ" not in said


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_a_secret_in_a_keys_place_is_never_shown(secret: str) -> None:
    value = SECRETS[secret]
    path = written(f'"{value}" = 1\n[telegram]\n"{value}" = 1\n')

    found = problems(path, **{f"INVOICE_BOT_{value}": "1"})

    assert value not in repr(found)
    assert keys(found)[:3] == [NAME_NOT_SHOWN, f"telegram.{NAME_NOT_SHOWN}", NAME_NOT_SHOWN]


PASSWORDS = ["hush-hush-hush", *(f"hush{odd}hush-hush" for odd in "/#?@\"'\\ :[<é%"), "1/hush-hush"]


def quoted(text: str) -> list[str]:
    """As lines of any kind quote it."""
    escaped = [text, quote(text, safe=""), quote(text, safe="!$&'()*+,;=:/?#"), unquote(text)]
    return [form for each in escaped for form in (each, repr(each), json.dumps(each))]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http://", ""])
@pytest.mark.parametrize(
    "variable",
    ["https_proxy", "ALL_PROXY", "INVOICE_BOT_TELEGRAM__API_URL", "INVOICE_BOT_LND__HOST"],
)
def test_a_password_in_an_address_is_nowhere_whatever_letters_it_has(
    variable: str, scheme: str, password: str
) -> None:
    address = f"{scheme}me:{password}@here.example:81"
    said = ""
    try:
        load(None, {**GOOD, variable: address})
    except ConfigError as error:
        said = f"{error}{error!r}{error.problems!r}{texts.why(error)}"

    assert "hush" not in said
    for line in quoted(address):
        assert "hush" not in logs.redacted(f"InvalidURL: {line}")
    assert "hush" not in logs.redacted(base64.b64encode(f"me:{password}".encode()).decode())


def test_a_short_password_is_found_where_its_address_is() -> None:
    load(None, {**GOOD, "http_proxy": "http://me:a/b@here.example"})

    assert logs.redacted("in a/b: http://me:a/b@here") == "in a/b: http://[redacted]@here"


@pytest.mark.parametrize(
    "address", ["http://me:1/hush@here", "http://h:0", "http://h:x", "http://h/@"]
)
def test_an_address_that_others_would_read_as_another_one_is_refused(address: str) -> None:
    assert reported(f'[telegram]\napi_url = "{address}"').key == "telegram.api_url"


def test_names_with_line_breaks_stay_in_their_line() -> None:
    text = '"a\\nb" = 1\n[lnd]\ntls_cert = ""\nmacaroon = "no\\nfile"\n'

    with pytest.raises(ConfigError) as caught:
        load(written(text), {}, need_telegram=False)

    name, file = texts.why(caught.value).splitlines()
    assert name.startswith(r"a\nb: ")
    assert file.endswith(r"no\nfile")


def test_secrets_are_redacted_in_settings_and_in_the_log() -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_LND__HOST": "h:1"})

    assert TOKEN not in f"{got!r}{got}{got.model_dump()}{got.model_dump_json()}"
    assert logs.redacted(f"at bot{TOKEN}/") == "at bot[redacted]/"
    assert MACAROON.hex() not in logs.redacted(f"x {MACAROON.hex()} x")


def test_settings_made_by_code_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOICE_BOT_LOG__LEVEL", "error")

    assert Settings().log.level == "info"
    assert Settings(invoices={"expiry": "2s"}).invoices.expiry_s == 2  # type: ignore[arg-type]
    with pytest.raises(Exception, match="frozen"):
        Settings().log = config.LogSettings()  # type: ignore[misc]


def test_with_the_least_patience_the_node_is_asked() -> None:
    around = Around(waiting_since=NOW, patience_s=MIN_PATIENCE_S)
    assert next_step(invoice(State.PENDING), around, NOW).do is Do.ADD
    with pytest.raises(ValueError, match="patience"):
        config.InvoicesSettings(patience=f"{MIN_PATIENCE_S - 1}s")  # type: ignore[call-arg]


@given(st.integers(1, 365))
@settings(deadline=None)
def test_a_duration_is_a_number_of_its_unit(count: int) -> None:
    for unit, unit_s in (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)):
        made = config.InvoicesSettings(expiry=f"{count}{unit}")  # type: ignore[call-arg]
        assert made.expiry_s == count * unit_s


# files that never end


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.config.files.FIRST_WITHIN_S", 0.1)
    monkeypatch.setattr("bot.config.files.ALL_WITHIN_S", 0.3)


def endless(folder: Path, kind: str) -> Path:
    """A file that no setting can have."""
    file = folder / "endless"
    if kind == "huge":
        with file.open("wb") as opened:
            opened.truncate(5 * 2**30)
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(kind)
    return file


ENDLESS = {
    "/dev/zero": (Kind.FILE_TOO_LARGE, Kind.CONFIG_TOO_LARGE),
    "/dev/urandom": (Kind.FILE_TOO_LARGE, Kind.CONFIG_TOO_LARGE),
    "huge": (Kind.FILE_TOO_LARGE, Kind.CONFIG_TOO_LARGE),
    "pipe": (Kind.FILE_NO_END, Kind.CONFIG_NO_END),
}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize(
    "name", ["LND__MACAROON", "LND__TLS_CERT", "TELEGRAM__TOKEN_FILE", "--config"]
)
def test_a_file_without_an_end_is_refused_at_once(folder: Path, name: str, kind: str) -> None:
    file = endless(folder, kind)
    in_file, in_config = ENDLESS[kind]
    if name == "--config":
        (problem,) = problems(file)
        assert (problem.key, problem.kind) == (str(file), in_config)
        return
    environment = {**GOOD, f"INVOICE_BOT_{name}": str(file)}
    if name == "TELEGRAM__TOKEN_FILE":
        del environment["INVOICE_BOT_TELEGRAM__TOKEN"]
    (problem,) = problems(None, **environment)
    assert (problem.kind, problem.values["path"]) == (in_file, str(file))


@pytest.mark.usefixtures("soon")
def test_a_pipe_whose_writer_never_ends_is_refused(folder: Path) -> None:
    pipe = endless(folder, "pipe")
    descriptor = os.open(pipe, os.O_RDWR)
    try:
        os.write(descriptor, GOOD_TOML.encode())
        assert [each.kind for each in problems(pipe)] == [Kind.CONFIG_NO_END]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    "how",
    [
        '{python} < "$CONFIG" /dev/stdin',
        'cat "$CONFIG" | {python} /dev/stdin',
        '(sleep 0.3; cat "$CONFIG") | {python} /dev/fd/0',
        '{python} <(cat "$CONFIG")',
        '{python} <(head -c 30 "$CONFIG"; sleep 0.3; tail -c +31 "$CONFIG")',
        'mkfifo pipe; (sleep 0.3; cat "$CONFIG" > pipe) & {python} pipe',
        'ln -s "$CONFIG" one; ln -s one two; {python} two',
    ],
)
def test_pipes_and_links_are_read_to_their_end(folder: Path, how: str) -> None:
    reads = "import sys; from pathlib import Path; from bot.config import load; "
    reads += "print(load(Path(sys.argv[1]), {}).telegram.token.get_secret_value())"
    # with its own folder: a relative path counts from the file's
    made = how.replace("{python}", f"{sys.executable} -c '{reads}'")
    (folder / "config.toml").write_text(
        GOOD_TOML.replace('"tls.cert"', f'"{folder}/tls.cert"').replace(
            '"bot.macaroon"', f'"{folder}/bot.macaroon"'
        )
    )
    ran = subprocess.run(
        ["bash", "-c", made],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "CONFIG": str(folder / "config.toml"),
            "PYTHONPATH": str(EXAMPLE.parent),
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == (f"{TOKEN}\n", "")


def test_a_file_that_is_nested_too_deeply_is_refused(folder: Path) -> None:
    (folder / "deep.toml").write_text(f"a = {'[' * 100_000}")
    assert [each.kind for each in problems(folder / "deep.toml")] == [Kind.CONFIG_NESTED]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"[access]\nowners = [{'1' * 5000}]", Kind.CONFIG_NUMBER),
        (f"[access]\nowners = [0x{'1' * 5000}]", Kind.REFUSED),
        (f"[invoices]\nmin_sats = 0x{'1' * 5000}", Kind.REFUSED),
        ('[lnd]\ntls_cert = "~nobody\\u0000/x"', Kind.FILE_PATH_INVALID),
        ('[lnd]\nmacaroon = "~nobody\\u0000/x"', Kind.FILE_PATH_INVALID),
        ('[telegram]\ntoken_file = "~nobody\\u0000/x"', Kind.FILE_PATH_INVALID),
        ('[database]\nurl = "sqlite:///~nobody\\u0000/x"', Kind.DATABASE_SPACE),
    ],
)
def test_what_python_itself_refuses_is_a_problem_like_any_other(
    folder: Path, text: str, kind: Kind
) -> None:
    (folder / "odd.toml").write_text(text)
    found = problems(folder / "odd.toml")
    assert kind in [each.kind for each in found]
    assert len(texts.why_here(ConfigError(*found))) < 2000


def test_a_current_folder_that_is_gone_is_a_problem_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    (problem,) = problems(Path("config.toml"))
    assert problem.kind in (Kind.CONFIG_MISSING, Kind.CONFIG_UNREADABLE)
    (problem,) = problems(None)
    assert problem.kind is Kind.CONFIG_UNREADABLE


WEBHOOK = {
    "INVOICE_BOT_TELEGRAM__WEBHOOK": "https://bot.example.org/telegram",
    "INVOICE_BOT_TELEGRAM__LISTEN": "127.0.0.1:8443",
}


@pytest.mark.parametrize(
    ("listen", "at"),
    [
        ("127.0.0.1:8443", "127.0.0.1:8443"),
        ("127.0.0.1:8443", "localhost:8443"),
        ("127.0.0.1:8443", "LOCALHOST.:8443"),
        ("127.0.0.1:8443", "0.0.0.0:8443"),
        ("127.0.0.1:8443", "127.1:08443"),
        ("0.0.0.0:8443", "10.0.0.7:8443"),
        ("[::1]:8443", "localhost:8443"),
        ("[::1]:8443", "[0:0:0:0:0:0:0:1]:8443"),
        ("[::]:8443", "[::1]:8443"),
        ("bot:8443", "BOT:8443"),
        ("bot:8443", "0.0.0.0:8443"),
    ],
)
def test_two_keys_with_one_address_are_both_named(listen: str, at: str) -> None:
    for first, second in ((listen, at), (at, listen)):
        env = {**GOOD, **WEBHOOK, "INVOICE_BOT_TELEGRAM__LISTEN": first}
        (problem,) = problems(**env, INVOICE_BOT_HEALTH__LISTEN=second)
        said = texts.why(ConfigError(problem))
        assert all(part in said for part in ("health.listen", "telegram.listen", first, second))


@pytest.mark.parametrize(
    ("listen", "at"),
    [
        ("127.0.0.1:8443", "127.0.0.1:9090"),
        ("127.0.0.1:8443", "127.0.0.2:8443"),
        ("127.0.0.1:8443", "[::1]:8443"),
        ("0.0.0.0:8443", "[::]:8443"),
        ("bot:8443", "127.0.0.1:8443"),
    ],
)
def test_two_addresses_that_do_not_overlap_are_two(listen: str, at: str) -> None:
    env = {**GOOD, **WEBHOOK, "INVOICE_BOT_TELEGRAM__LISTEN": listen}
    got = load(None, {**env, "INVOICE_BOT_HEALTH__LISTEN": at})
    assert (got.telegram.listen, got.health.listen) == (listen, at)


def test_where_there_is_no_webhook_its_address_is_free() -> None:
    got = load(None, {**GOOD, "INVOICE_BOT_HEALTH__LISTEN": "127.0.0.1:8443"})
    assert got.health.listen == got.telegram.listen
