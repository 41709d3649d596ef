"""What is wrong with the settings: one line per problem, with the key first."""

from __future__ import annotations

import pytest

from bot import texts
from bot.config import KEYS
from bot.config.problems import Found, Kind, refused
from bot.errors import ConfigError, Problem, Value
from bot.texts.settings import EXPECTED, settings_problem


def file(kind: Kind, key: str, path: str = "/x", reason: str = "") -> Problem:
    return Problem(kind, key, values={"path": path, "reason": reason})


def lndconnect(kind: Kind) -> Problem:
    values: dict[str, Value] = {"found": Found.STRING, "characters": 34}
    return Problem(kind, "lnd.lndconnect", values=values)


#: What each line about it begins with.
DATABASE = "sqlite:/// and the path of a file, or postgresql://user@host/database"
LNDCONNECT = (
    "lnd.lndconnect: expected lndconnect://host:port?cert=...&macaroon=... as lndconnect prints "
    "it, found a string of 34 characters (not shown)"
)

LINES: list[tuple[Problem, str]] = [
    (
        Problem(Kind.NO_SETTINGS, "config.toml", values={"folder": "/home/me"}),
        (
            "No settings found: there is no config.toml in /home/me, and no INVOICE_BOT_... in the "
            "environment. Run invoice-bot setup, or copy config.example.toml to config.toml and "
            "fill it in."
        ),
    ),
    (
        Problem(Kind.CONFIG_MISSING, "/etc/other.toml"),
        (
            "/etc/other.toml: no such file. Run invoice-bot setup, or copy config.example.toml to "
            "it and fill it in."
        ),
    ),
    (
        Problem(Kind.CONFIG_UNREADABLE, "/etc", values={"reason": "Is a directory"}),
        "/etc: can't be read: Is a directory.",
    ),
    (
        Problem(Kind.CONFIG_TOO_LARGE, "/dev/zero"),
        "/dev/zero: larger than 1 MiB, which no settings file is.",
    ),
    (
        Problem(Kind.CONFIG_NO_END, "/run/pipe"),
        "/run/pipe: a pipe that nobody writes to, or nobody ends.",
    ),
    (
        Problem(Kind.CONFIG_NESTED, "config.toml"),
        "config.toml: nested too deeply for a settings file.",
    ),
    (
        Problem(Kind.CONFIG_NUMBER, "config.toml"),
        "config.toml: has a number that is far too long.",
    ),
    (
        Problem(Kind.CONFIG_ODD, "config.toml"),
        "config.toml: can't be read: something in it is far from what belongs there.",
    ),
    (
        Problem(Kind.CONFIG_NOT_UTF8, "config.toml"),
        "config.toml: expected text in UTF-8, found other bytes",
    ),
    (
        Problem(
            Kind.CONFIG_NOT_TOML,
            "config.toml",
            values={"where": "line 2, column 9", "what": "Invalid value"},
        ),
        "config.toml, line 2, column 9: not valid TOML: Invalid value",
    ),
    # names
    (
        Problem(Kind.UNKNOWN, "telegram.tokn", values={"near": "telegram.token"}),
        "telegram.tokn: unknown; did you mean telegram.token?",
    ),
    (Problem(Kind.UNKNOWN, "weather", values={"near": ""}), "weather: unknown"),
    (Problem(Kind.UNKNOWN, "a\nb", values={"near": ""}), r"a\nb: unknown"),
    (
        Problem(
            Kind.UNKNOWN_VARIABLE,
            "INVOICE_BOT_TOKEN",
            values={"near": "INVOICE_BOT_TELEGRAM__TOKEN"},
        ),
        (
            "INVOICE_BOT_TOKEN: unknown environment variable; "
            "did you mean INVOICE_BOT_TELEGRAM__TOKEN?"
        ),
    ),
    (
        Problem(Kind.UNKNOWN_VARIABLE, "INVOICE_BOT_", values={"near": ""}),
        "INVOICE_BOT_: unknown environment variable",
    ),
    # values
    (
        refused("lnd", 5, kind=Kind.NO_TABLE),
        "lnd: expected a table, as in [lnd], found 5",
    ),
    (
        refused("lnd", [{}], kind=Kind.NO_TABLE),
        "lnd: expected a table, as in [lnd], found [{}]",
    ),
    (
        refused("invoices.expiry", 3600),
        'invoices.expiry: expected a duration from "1s" to "365d", such as "1h", found 3600',
    ),
    (
        refused("access.owners", ["@me"]),
        (
            "access.owners: expected a list of user ids, such as [123456789] "
            '(send /id to the bot to see yours), found ["@me"]'
        ),
    ),
    (
        refused("telegram.api_url", {"x": 1}),
        (
            "telegram.api_url: expected an address that starts with https:// or http://, "
            "found a table"
        ),
    ),
    (
        Problem(
            Kind.REFUSED,
            "database.keep",
            "INVOICE_BOT_DATABASE__KEEP",
            {"found": Found.SHOWN, "shown": '"90"'},
        ),
        (
            "database.keep (INVOICE_BOT_DATABASE__KEEP): "
            'expected a duration of at least 1d, such as 90d, found "90"'
        ),
    ),
    (
        refused("telegram.token", "hush"),
        (
            "telegram.token: expected the token from @BotFather, such as 123456789:AAF0..., "
            "found a string of 4 characters (not shown)"
        ),
    ),
    (
        refused("telegram.token", ""),
        (
            "telegram.token: expected the token from @BotFather, such as 123456789:AAF0..., "
            "found an empty string"
        ),
    ),
    (
        refused("telegram.token", 5),
        (
            "telegram.token: expected the token from @BotFather, such as 123456789:AAF0..., "
            "found something else (not shown)"
        ),
    ),
    (
        Problem(Kind.MISSING, "telegram.token"),
        (
            "telegram.token: expected the token from @BotFather, such as 123456789:AAF0..., "
            "or token_file, found nothing"
        ),
    ),
    (
        Problem(Kind.MISSING, "lnd.macaroon"),
        "lnd.macaroon: expected the path of a macaroon file, or lndconnect, found nothing",
    ),
    (
        Problem(Kind.TWO_TOKENS, "telegram.token_file"),
        "telegram.token_file: expected either token or token_file, found both",
    ),
    (
        lndconnect(Kind.LNDCONNECT_SCHEME),
        f"{LNDCONNECT} that does not begin with lndconnect://",
    ),
    (
        lndconnect(Kind.LNDCONNECT_HOST),
        f"{LNDCONNECT} without a valid host:port after lndconnect://",
    ),
    (
        refused("lnd.proxy", "socks5://127.0.0.1:9050", kind=Kind.PROXY_SOCKS),
        (
            "lnd.proxy: expected http://host:port of a proxy that tunnels (HTTP CONNECT), such as "
            'Tor\'s HTTPTunnelPort, found "socks5://127.0.0.1:9050": SOCKS is not supported'
        ),
    ),
    (
        Problem(Kind.ONION_WITHOUT_PROXY, "lnd.host"),
        (
            "lnd.host: a .onion address needs Tor: set lnd.proxy to Tor's HTTPTunnelPort, such as "
            "http://127.0.0.1:9080"
        ),
    ),
    (lndconnect(Kind.LNDCONNECT_NO_MACAROON), f"{LNDCONNECT} without macaroon="),
    (
        lndconnect(Kind.LNDCONNECT_MACAROON_ODD),
        f"{LNDCONNECT} whose macaroon= is not base64: is it complete?",
    ),
    (
        lndconnect(Kind.LNDCONNECT_CERT_ODD),
        f"{LNDCONNECT} whose cert= is not base64: is it complete?",
    ),
    (
        Problem(Kind.TWO_PASSWORDS, "database.password"),
        (
            "database.password: expected the password once: in database.url, password or "
            "password_file"
        ),
    ),
    (
        Problem(Kind.BESIDE_LNDCONNECT, "lnd.host"),
        "lnd.host: expected either this or lnd.lndconnect, found both",
    ),
    (
        refused("database.url", "sqlite:///:memory:", kind=Kind.DATABASE_IN_MEMORY),
        (
            f"database.url: expected {DATABASE}, "
            'found "sqlite:///:memory:": the bot needs a file, because a database in memory is '
            "gone after a restart"
        ),
    ),
    (
        refused("database.url", "sqlite:///file:x", kind=Kind.DATABASE_URI),
        (
            f"database.url: expected {DATABASE}, "
            'found "sqlite:///file:x": parameters and file: are not supported'
        ),
    ),
    (
        refused("database.url", "sqlite:///a%20b", kind=Kind.DATABASE_ESCAPED),
        (
            f"database.url: expected {DATABASE}, "
            'found "sqlite:///a%20b": write the path as it is, without % escapes'
        ),
    ),
    (
        refused("database.url", "sqlite:///x ", kind=Kind.DATABASE_SPACE),
        (f'database.url: expected {DATABASE}, found "sqlite:///x ": remove the spaces at its ends'),
    ),
    (
        refused("database.url", "sqlite:///$HOME/x", kind=Kind.DATABASE_VARIABLE),
        (
            f"database.url: expected {DATABASE}, "
            'found "sqlite:///$HOME/x": variables are not replaced; write the whole path, or ~/ '
            "for the home folder"
        ),
    ),
    (
        refused("database.url", "sqlite:////data/", kind=Kind.DATABASE_FOLDER),
        (f'database.url: expected {DATABASE}, found the path of a folder: "sqlite:////data/"'),
    ),
    (
        Problem(Kind.MIN_ABOVE_MAX, "invoices.min_sats", values={"min_sats": 2, "max_sats": 1}),
        "invoices.min_sats: expected at most max_sats (1), found 2",
    ),
    (
        Problem(
            Kind.SAME_ADDRESS,
            "health.listen",
            values={
                "beside": "telegram.listen",
                "shown": "localhost:8443",
                "beside_shown": "0.0.0.0:8443",
            },
        ),
        (
            "health.listen: localhost:8443 overlaps with telegram.listen (0.0.0.0:8443): give each "
            "an address or a port of its own"
        ),
    ),
    # files
    (
        file(Kind.FILE_PATH_INVALID, "lnd.macaroon", "/a\0"),
        "lnd.macaroon: expected a macaroon file, found something that is not a path",
    ),
    (
        file(Kind.FILE_MISSING, "lnd.tls_cert", "/nowhere/tls.cert"),
        "lnd.tls_cert: expected LND's tls.cert, found no file at /nowhere/tls.cert",
    ),
    (
        file(Kind.FILE_MISSING, "lnd.tls_cert", ""),
        "lnd.tls_cert: expected LND's tls.cert, found no file there (path not shown)",
    ),
    (
        file(Kind.FILE_VARIABLE, "lnd.macaroon", "/etc/$HOME/x"),
        (
            "lnd.macaroon: expected a macaroon file, found no file at /etc/$HOME/x: "
            "variables are not replaced; write the whole path, or ~/ for the home folder"
        ),
    ),
    (
        file(Kind.FILE_SPACE, "lnd.tls_cert", "/x "),
        (
            "lnd.tls_cert: expected LND's tls.cert, found no file at /x : "
            "remove the spaces at the ends of its path"
        ),
    ),
    (
        file(Kind.FILE_IS_FOLDER, "telegram.token_file"),
        "telegram.token_file: expected a file with the token, found a folder at /x",
    ),
    (
        file(Kind.FILE_NOT_PERMITTED, "lnd.macaroon"),
        "lnd.macaroon: expected a macaroon file, found one at /x that this user can't read",
    ),
    (
        file(Kind.FILE_UNREADABLE, "lnd.macaroon", reason="File name too long"),
        (
            "lnd.macaroon: expected a macaroon file, found one at /x that can't be read: "
            "File name too long"
        ),
    ),
    (
        file(Kind.FILE_TOO_LARGE, "lnd.tls_cert"),
        "lnd.tls_cert: expected LND's tls.cert, found one at /x that is larger than 1 MiB",
    ),
    (
        file(Kind.FILE_NO_END, "lnd.macaroon"),
        (
            "lnd.macaroon: expected a macaroon file, "
            "found a pipe at /x that nobody writes to, or nobody ends"
        ),
    ),
    (
        file(Kind.FILE_EMPTY, "lnd.macaroon", "/dev/null"),
        "lnd.macaroon: expected a macaroon file, found an empty file at /dev/null",
    ),
    (
        file(Kind.FILE_OTHER, "telegram.token_file"),
        (
            "telegram.token_file: expected a file with the token and nothing else, "
            "found something else at /x"
        ),
    ),
    (
        file(Kind.FILE_NO_CERTIFICATE, "lnd.tls_cert"),
        "lnd.tls_cert: expected a PEM certificate, found none in the file at /x",
    ),
]


@pytest.mark.parametrize(("problem", "line"), LINES)
def test_what_is_said_of_a_problem(problem: Problem, line: str) -> None:
    assert settings_problem(problem) == line


def test_every_kind_of_problem_has_its_line_here() -> None:
    assert {problem.kind for problem, _ in LINES} == set(Kind)


def test_a_line_is_said_for_each_problem() -> None:
    problems = [problem for problem, _ in LINES]

    assert texts.why(ConfigError(*problems)).splitlines() == [line for _, line in LINES]


def test_every_key_says_what_is_expected() -> None:
    assert set(EXPECTED) == {f"{section}.{key}" for section, keys in KEYS.items() for key in keys}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("telegram.token_file", "the path of a file with the token"),
        ("lnd.host", "host:port of LND's gRPC interface, such as 127.0.0.1:10009"),
        (
            "lnd.tls_cert",
            'the path of LND\'s tls.cert ("" for a certificate from a public authority)',
        ),
        ("lnd.lndconnect", "lndconnect://host:port?cert=...&macaroon=... as lndconnect prints it"),
        ("lnd.private_route_hints", '"auto", true or false'),
        ("invoices.patience", 'a duration from "1s" to "1h", such as "60s"'),
        ("invoices.min_sats", "a whole number from 1 to 10000000000000"),
        (
            "access.chats",
            "a list of chat ids, such as [-1001234567890] (send /id there to see it)",
        ),
        ("access.open", "true or false"),
        ("limits.invoices_per_user", 'a number and a duration, such as "10/10m"'),
        ("limits.open_per_chat", "a whole number from 1 to 100000"),
        ("database.url", DATABASE),
        ("log.level", '"debug", "info", "warning" or "error"'),
        ("log.format", '"text" or "json"'),
    ],
)
def test_what_is_expected_of_a_key(key: str, expected: str) -> None:
    values: dict[str, Value] = {"found": Found.OTHER}
    line = settings_problem(Problem(Kind.REFUSED, key, values=values))

    assert line == f"{key}: expected {expected}, found something else (not shown)"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("access.owners", "user ids, such as 111, 222 (send /id to the bot to see yours)"),
        ("lnd.host", EXPECTED["lnd.host"]),
        ("log.format", "text or json"),
    ],
)
def test_what_is_expected_of_a_variable_is_as_the_environment_has_it(
    key: str, expected: str
) -> None:
    values: dict[str, Value] = {"found": Found.OTHER}
    line = settings_problem(Problem(Kind.REFUSED, key, "X", values))

    assert line == f"{key} (X): expected {expected}, found something else (not shown)"


def test_values_with_braces_are_only_values() -> None:
    line = settings_problem(refused("log.level", "{key} {0}"))

    assert line.endswith('found "{key} {0}"')
