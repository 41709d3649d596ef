"""What can be wrong with the settings. Knows what a secret looks like, to leave it out."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path

from bot.errors import Problem, Value

#: In place of a name that might be a secret.
NAME_NOT_SHOWN = "(name not shown)"

# What might be a secret, although it is not where a secret belongs.
_LIKE_A_SECRET = re.compile(
    r"\d{6,}:[A-Za-z0-9_-]{20,}|[0-9A-Fa-f]{64,}|[A-Za-z0-9+_-]{80,}|macaroon="
    # a password, with any letter in it
    r"|//.*@|:.*@",
    re.DOTALL,
)
_SECRETS = ("telegram.token", "lnd.lndconnect", "database.password")
_LONGEST_SHOWN = 100


class Kind(StrEnum):
    """What is wrong, with the values that its line needs."""

    # all of them
    NO_SETTINGS = "no settings"  # folder
    # the settings file, whose path is the key
    CONFIG_MISSING = "no such file"
    CONFIG_UNREADABLE = "unreadable"  # reason
    CONFIG_TOO_LARGE = "too large"
    CONFIG_NO_END = "no end"
    CONFIG_NESTED = "nested too deeply"
    CONFIG_NUMBER = "number too long"
    CONFIG_ODD = "odd"
    CONFIG_NOT_UTF8 = "not UTF-8"
    CONFIG_NOT_TOML = "not TOML"  # where, what: as tomllib says
    # a name
    UNKNOWN = "unknown"  # near: the known name that is most like it, "" for none
    UNKNOWN_VARIABLE = "unknown variable"  # near
    # a value; found: what is in its place, with what that needs
    NO_TABLE = "no table"
    REFUSED = "refused"
    MISSING = "missing"
    # a database's path; found likewise
    DATABASE_IN_MEMORY = "database in memory"
    DATABASE_URI = "database by URI"
    DATABASE_ESCAPED = "database's path escaped"
    DATABASE_SPACE = "space around the database's path"
    DATABASE_FOLDER = "database is a folder"
    # an lndconnect address, by its part; found likewise
    LNDCONNECT_SCHEME = "lndconnect's scheme"
    LNDCONNECT_HOST = "lndconnect's host"
    LNDCONNECT_NO_MACAROON = "lndconnect without macaroon"
    LNDCONNECT_MACAROON_ODD = "lndconnect's macaroon odd"
    LNDCONNECT_CERT_ODD = "lndconnect's certificate odd"
    # the way to the node
    PROXY_SOCKS = "proxy speaks SOCKS"  # found
    ONION_WITHOUT_PROXY = "onion without proxy"
    DATABASE_VARIABLE = "variable in the database's path"
    # values that exclude each other
    TWO_TOKENS = "two tokens"
    TWO_PASSWORDS = "two passwords"
    BESIDE_LNDCONNECT = "beside lndconnect"
    SAME_ADDRESS = "same address"  # beside: the key that has it too; shown, beside_shown
    MIN_ABOVE_MAX = "min above max"  # min_sats, max_sats
    # the file that a key names; path: where it is, "" if that might be a secret
    FILE_PATH_INVALID = "path invalid"
    FILE_MISSING = "file missing"
    FILE_VARIABLE = "file missing, variable in its path"
    FILE_SPACE = "file missing, space around its path"
    FILE_IS_FOLDER = "file is a folder"
    FILE_NOT_PERMITTED = "file not permitted"
    FILE_UNREADABLE = "file unreadable"  # reason
    FILE_TOO_LARGE = "file too large"
    FILE_NO_END = "file without an end"
    FILE_EMPTY = "file empty"
    FILE_OTHER = "file has something else"
    FILE_NO_CERTIFICATE = "file has no certificate"


class Found(StrEnum):
    """What is in a value's place."""

    SHOWN = "shown"  # shown: it, as JSON
    TABLE = "table"
    EMPTY = "empty"
    STRING = "string"  # characters: its length; itself it might be a secret
    OTHER = "other"


def refused(key: str, value: object, *, kind: Kind = Kind.REFUSED) -> Problem:
    """A value that its key does not accept."""
    is_secret = key in _SECRETS or (
        isinstance(value, str) and value.startswith(("postgresql:", "postgres:"))
    )
    return Problem(kind, key, values=_hidden(value) if is_secret else _found(value))


def unknown(name: str, near: str, *, section: str = "", kind: Kind = Kind.UNKNOWN) -> Problem:
    """An unknown name; `near` is the known one that is most like it."""
    shown = NAME_NOT_SHOWN if _LIKE_A_SECRET.search(name) else name
    return Problem(kind, f"{section}.{shown}" if section else shown, values={"near": near})


def in_file(kind: Kind, key: str, path: Path, *, reason: str = "") -> Problem:
    """What is wrong with the file that `key` names; `reason` is what the operating system says."""
    # the secret itself might be written where its file's path belongs
    shown = "" if _LIKE_A_SECRET.search(str(path)) else str(path)
    return Problem(kind, key, values={"path": shown, "reason": reason})


def _found(value: object) -> dict[str, Value]:
    if isinstance(value, dict):
        return {"found": Found.TABLE}
    try:
        shown = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists
        return _hidden(value)
    if len(shown) > _LONGEST_SHOWN or _LIKE_A_SECRET.search(shown):
        return _hidden(value)
    return {"found": Found.SHOWN, "shown": shown}


def _hidden(value: object) -> dict[str, Value]:
    if not isinstance(value, str):
        return {"found": Found.OTHER}
    return {"found": Found.STRING, "characters": len(value)} if value else {"found": Found.EMPTY}
