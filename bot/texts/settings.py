"""What is wrong with the settings, a line per problem. Knows what is expected of every key."""

from __future__ import annotations

from collections.abc import Mapping

from bot.config import DEFAULT_FILE, ENV_PREFIX, EXAMPLE_FILE, MAX_PAYEE, MAX_SATS, MIN_PATIENCE_S
from bot.config.problems import Found, Kind
from bot.core.occasions import Topic
from bot.core.text import spelled
from bot.errors import ConfigError, Problem

_USER_IDS = "a list of user ids, such as [123456789] (send /id to the bot to see yours)"
_SATS = f"a whole number from 1 to {MAX_SATS}"

#: Completes "expected ..." for each key.
EXPECTED = {
    "telegram.token": "the token from @BotFather, such as 123456789:AAF0...",
    "telegram.token_file": "the path of a file with the token",
    "telegram.api_url": "an address that starts with https:// or http://",
    "telegram.webhook": "an https:// address without a query, such as https://bot.example.org/telegram",
    "telegram.listen": "host:port to listen at, such as 127.0.0.1:8443",
    "lnd.host": "host:port of LND's gRPC interface, such as 127.0.0.1:10009",
    "lnd.tls_cert": 'the path of LND\'s tls.cert ("" for a certificate from a public authority)',
    "lnd.macaroon": "the path of a macaroon file",
    "lnd.lndconnect": "lndconnect://host:port?cert=...&macaroon=... as lndconnect prints it",
    "lnd.proxy": (
        "http://host:port of a proxy that tunnels (HTTP CONNECT), such as Tor's HTTPTunnelPort"
    ),
    "lnd.private_route_hints": '"auto", true or false',
    "invoices.expiry": 'a duration from "1s" to "365d", such as "1h"',
    "invoices.board_expiry": 'a duration from "1h" to "30d", such as "7d"',
    "invoices.patience": f'a duration from "{MIN_PATIENCE_S}s" to "1h", such as "60s"',
    "invoices.min_sats": _SATS,
    "invoices.max_sats": _SATS,
    "invoices.payee": f"a name of one line, with {MAX_PAYEE} letters at most",
    "access.owners": _USER_IDS,
    "access.users": _USER_IDS,
    "access.chats": "a list of chat ids, such as [-1001234567890] (send /id there to see it)",
    "access.open": "true or false",
    "limits.invoices_per_user": 'a number and a duration, such as "10/10m"',
    "limits.open_per_chat": "a whole number from 1 to 100000",
    **{f"notices.{topic}": "true or false" for topic in Topic},
    "database.url": "sqlite:/// and the path of a file, or postgresql://user@host/database",
    "database.password": "the password of the database's user",
    "database.password_file": "the path of a file with the database's password",
    "database.keep": 'a duration of at least "1d", such as "90d"',
    "health.listen": "an address and a port to listen at, such as 127.0.0.1:9090",
    "log.level": '"debug", "info", "warning" or "error"',
    "log.format": '"text" or "json"',
}

# where it is written otherwise in the environment than in a file
_IN_ENVIRONMENT = {
    "lnd.tls_cert": "the path of LND's tls.cert (empty for a certificate from a public authority)",
    **dict.fromkeys(
        ("access.owners", "access.users"),
        "user ids, such as 111, 222 (send /id to the bot to see yours)",
    ),
    "access.chats": "chat ids, such as -1001234567890 (send /id there to see it)",
}

# the other way to give it
_OR = {
    "telegram.token": "token_file",
    "lnd.tls_cert": "lndconnect",
    "lnd.macaroon": "lndconnect",
}

# what the file of a key is
_FILES = {
    "telegram.token_file": "a file with the token",
    "database.password_file": "a file with the database's password",
    "lnd.tls_cert": "LND's tls.cert",
    "lnd.macaroon": "a macaroon file",
}

_FOUND: Mapping[str, str] = {
    Found.SHOWN: "{shown}",
    Found.TABLE: "a table",
    Found.EMPTY: "an empty string",
    Found.STRING: "a string of {characters} characters (not shown)",
    Found.OTHER: "something else (not shown)",
}

_NO_VARIABLES = "variables are not replaced; write the whole path, or ~/ for the home folder"

#: Why a database's path is none.
WHY_NO_DATABASE: Mapping[str, str] = {
    Kind.DATABASE_IN_MEMORY: (
        "the bot needs a file, because a database in memory is gone after a restart"
    ),
    Kind.DATABASE_URI: "parameters and file: are not supported",
    Kind.DATABASE_ESCAPED: "write the path as it is, without % escapes",
    Kind.DATABASE_SPACE: "remove the spaces at its ends",
    Kind.DATABASE_VARIABLE: _NO_VARIABLES,
}

_LINES: Mapping[str, str] = {
    **{
        kind: f"{{key}}: expected {{expected}}, found {{found}}: {why}"
        for kind, why in WHY_NO_DATABASE.items()
    },
    Kind.NO_SETTINGS: (
        f"No settings found: there is no {DEFAULT_FILE} in {{folder}}, and no {ENV_PREFIX}... in "
        f"the environment. Run invoice-bot setup, or copy {EXAMPLE_FILE} to {DEFAULT_FILE} and "
        "fill it in."
    ),
    Kind.CONFIG_MISSING: (
        f"{{key}}: no such file. Run invoice-bot setup, or copy {EXAMPLE_FILE} to it and fill it "
        "in."
    ),
    Kind.CONFIG_UNREADABLE: "{key}: can't be read: {reason}.",
    Kind.CONFIG_TOO_LARGE: "{key}: larger than 1 MiB, which no settings file is.",
    Kind.CONFIG_NO_END: "{key}: a pipe that nobody writes to, or nobody ends.",
    Kind.CONFIG_NESTED: "{key}: nested too deeply for a settings file.",
    Kind.CONFIG_NUMBER: "{key}: has a number that is far too long.",
    Kind.CONFIG_ODD: "{key}: can't be read: something in it is far from what belongs there.",
    Kind.CONFIG_NOT_UTF8: "{key}: expected text in UTF-8, found other bytes",
    Kind.CONFIG_NOT_TOML: "{key}, {where}: not valid TOML: {what}",
    Kind.UNKNOWN: "{key}: unknown{nearest}",
    Kind.UNKNOWN_VARIABLE: "{key}: unknown environment variable{nearest}",
    Kind.NO_TABLE: "{key}: expected a table, as in [{key}], found {found}",
    Kind.REFUSED: "{key}: expected {expected}, found {found}",
    Kind.MISSING: "{key}: expected {expected}, or {other}, found nothing",
    Kind.DATABASE_FOLDER: "{key}: expected {expected}, found the path of a folder: {found}",
    Kind.LNDCONNECT_SCHEME: (
        "{key}: expected {expected}, found {found} that does not begin with lndconnect://"
    ),
    Kind.LNDCONNECT_HOST: (
        "{key}: expected {expected}, found {found} without a valid host:port after lndconnect://"
    ),
    Kind.LNDCONNECT_NO_MACAROON: "{key}: expected {expected}, found {found} without macaroon=",
    Kind.LNDCONNECT_MACAROON_ODD: (
        "{key}: expected {expected}, found {found} whose macaroon= is not base64: is it complete?"
    ),
    Kind.LNDCONNECT_CERT_ODD: (
        "{key}: expected {expected}, found {found} whose cert= is not base64: is it complete?"
    ),
    Kind.PROXY_SOCKS: "{key}: expected {expected}, found {found}: SOCKS is not supported",
    Kind.ONION_WITHOUT_PROXY: (
        "{key}: a .onion address needs Tor: set lnd.proxy to Tor's HTTPTunnelPort, such as "
        "http://127.0.0.1:9080"
    ),
    Kind.TWO_TOKENS: "{key}: expected either token or token_file, found both",
    Kind.TWO_PASSWORDS: (
        "{key}: expected the password once: in database.url, password or password_file"
    ),
    Kind.BESIDE_LNDCONNECT: "{key}: expected either this or lnd.lndconnect, found both",
    Kind.SAME_ADDRESS: (
        "{key}: {shown} overlaps with {beside} ({beside_shown}): give each an address or a port of "
        "its own"
    ),
    Kind.MIN_ABOVE_MAX: "{key}: expected at most max_sats ({max_sats}), found {min_sats}",
    Kind.FILE_PATH_INVALID: "{key}: expected {file}, found something that is not a path",
    Kind.FILE_MISSING: "{key}: expected {file}, found no file {place}",
    Kind.FILE_VARIABLE: f"{{key}}: expected {{file}}, found no file {{place}}: {_NO_VARIABLES}",
    Kind.FILE_SPACE: (
        "{key}: expected {file}, found no file {place}: remove the spaces at the ends of its path"
    ),
    Kind.FILE_IS_FOLDER: "{key}: expected {file}, found a folder {place}",
    Kind.FILE_NOT_PERMITTED: "{key}: expected {file}, found one {place} that this user can't read",
    Kind.FILE_UNREADABLE: "{key}: expected {file}, found one {place} that can't be read: {reason}",
    Kind.FILE_TOO_LARGE: "{key}: expected {file}, found one {place} that is larger than 1 MiB",
    Kind.FILE_NO_END: (
        "{key}: expected {file}, found a pipe {place} that nobody writes to, or nobody ends"
    ),
    Kind.FILE_EMPTY: "{key}: expected {file}, found an empty file {place}",
    Kind.FILE_OTHER: "{key}: expected {file} and nothing else, found something else {place}",
    Kind.FILE_NO_CERTIFICATE: "{key}: expected a PEM certificate, found none in the file {place}",
}


def settings_problems(error: ConfigError) -> str:
    """A line for each problem: the key, what was expected, what was found."""
    return "\n".join(map(settings_problem, error.problems))


def _expected(problem: Problem) -> str | None:
    expected = EXPECTED.get(problem.key)
    if not problem.variable or expected is None:
        return expected
    return _IN_ENVIRONMENT.get(problem.key, expected.replace('"', ""))  # TOML's quotes


def settings_problem(problem: Problem) -> str:
    """One line."""
    values = problem.values
    key = f"{problem.key} ({problem.variable})" if problem.variable else problem.key
    line = _LINES[problem.kind].format_map(
        {
            **values,
            "key": key,
            "expected": _expected(problem),
            "other": _OR.get(problem.key),
            "file": _FILES.get(problem.key),
            "found": _FOUND[str(values.get("found", Found.OTHER))].format_map(values),
            "nearest": f"; did you mean {near}?" if (near := values.get("near")) else "",
            "place": f"at {path}" if (path := values.get("path")) else "there (path not shown)",
        }
    )
    return spelled(line)
