"""How a value is written: durations, rates, ids, addresses, files. Knows no section.

Each reader raises ValueError, without the value, for anything else.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from bot.config.problems import Kind, in_file
from bot.errors import ConfigError

DAY_S = 86_400
#: With none at all, no node would ever be asked.
MIN_PATIENCE_S = 1
#: LND's own limits.
MAX_EXPIRY_S = 31_536_000
MAX_SATS = 100_000 * 100_000_000
#: Letters of a name that a card can show.
MAX_PAYEE = 64

#: What the path of a database begins with.
SQLITE = "sqlite:///"

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `per_s` seconds."""

    count: int
    per_s: int


def seconds(low: int, high: int) -> tuple[BeforeValidator, FieldInfo]:
    """A duration such as "90s". A plain number is refused: seconds, or minutes?"""
    return BeforeValidator(_duration), Field(ge=low, le=high)


def _duration(value: object) -> int:
    match = re.fullmatch(r"(\d{1,9}) ?([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return int(match[1]) * _UNITS_S[match[2]]


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):  # given by code
        return value
    count, slash, per = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash or not re.fullmatch(r"\d{1,6}", count) or int(count) == 0:
        raise ValueError
    per_s = _duration(per)
    if not 1 <= per_s <= 30 * DAY_S:
        raise ValueError
    return Rate(int(count), per_s)


def _whole(value: object) -> object:
    # pydantic would accept true as 1 and 2.0 as 2
    if isinstance(value, bool | float):
        raise ValueError  # noqa: TRY004 -- pydantic reports a ValueError as the key's own
    return value


def _ids(value: object) -> object:
    if isinstance(value, str):  # from the environment: "111, 222"
        return [part for part in re.split(r"[,\s]+", value) if part]
    if isinstance(value, list) and any(type(part) is not int for part in value):
        raise ValueError
    return value


def _persons(ids: frozenset[int]) -> frozenset[int]:
    if any(id_ <= 0 for id_ in ids):
        raise ValueError
    return ids


def _token(token: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError
    return token


def _web_address(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError
    if url.port == 0 or "@" in url.path:  # a password that is not escaped ends the host for others
        raise ValueError
    return value.rstrip("/")


def _host(value: str) -> str:
    match = _HOST.fullmatch(value)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise ValueError
    return value


def _lndconnect(value: SecretStr) -> SecretStr:
    LndConnect.read(value.get_secret_value())
    return value


def _sqlite(value: str) -> str:
    if not value.startswith(SQLITE) or value == SQLITE:
        raise ValueError
    return value


def odd_database(url: str) -> Kind | None:
    """Why the path of a ``sqlite:///`` address cannot be meant as it is written, None where it can.

    It is a path and nothing else: nothing in it is decoded, and no parameters follow it.
    """
    path = url.removeprefix(SQLITE)
    return next((kind for pattern, kind in _ODD_DATABASES if re.search(pattern, path)), None)


_ODD_DATABASES = (
    (r"^(?:.*/)?:memory:$", Kind.DATABASE_IN_MEMORY),
    (r"^file:", Kind.DATABASE_URI),
    (r"\?", Kind.DATABASE_URI),
    (r"%[0-9A-Fa-f]{2}", Kind.DATABASE_ESCAPED),
    (r"^\s|\s$|[\x00-\x1f\x7f]", Kind.DATABASE_SPACE),
    (r"(?:^|/)\.{0,2}$|^~[^/]*$", Kind.DATABASE_FOLDER),
)


def _payee(value: str) -> str:
    if not value.isprintable() or len(value) > MAX_PAYEE:
        raise ValueError
    return value.strip()


Payee = Annotated[str, AfterValidator(_payee)]
Amount = Annotated[int, BeforeValidator(_whole)]
ChatIds = Annotated[frozenset[int], BeforeValidator(_ids)]
UserIds = Annotated[ChatIds, AfterValidator(_persons)]
RateText = Annotated[Rate, BeforeValidator(_rate)]
Token = Annotated[SecretStr, AfterValidator(_token)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
HostPort = Annotated[str, AfterValidator(_host)]
LndConnectUri = Annotated[SecretStr, AfterValidator(_lndconnect)]
SqliteUrl = Annotated[str, AfterValidator(_sqlite)]


class LndConnect(NamedTuple):
    """What an lndconnect:// address carries (github.com/LN-Zap/lndconnect)."""

    host: str
    certificate: bytes | None  # PEM
    macaroon_hex: str

    @classmethod
    def read(cls, uri: str) -> Self:
        """Raises ValueError, never with the address in it."""
        url = urlsplit(uri.strip())
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.scheme != "lndconnect" or not query.get("macaroon"):
            raise ValueError
        der = _unbase64(query["cert"]) if query.get("cert") else None
        return cls(
            host=_host(_with_port(url)),
            certificate=None if der is None else ssl.DER_cert_to_PEM_cert(der).encode(),
            macaroon_hex=_unbase64(query["macaroon"]).hex(),
        )


def _with_port(url: SplitResult) -> str:
    address = url.netloc.rpartition("@")[2]
    return address if re.search(r":\d+$", address) else f"{address}:10009"


def _unbase64(text: str) -> bytes:
    # url-safe or not, padded or not: wallets write all four
    text = text.strip().replace(" ", "-").translate(str.maketrans("+/", "-_")).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError from None


def read_file(key: str, path: Path) -> bytes:
    """The content of the file that `key` names. Raises ConfigError naming the key."""
    try:
        return path.read_bytes()
    except ValueError:  # a zero byte
        problem = in_file(Kind.FILE_PATH_INVALID, key, path)
    except OSError as error:
        kind = _FILE_PROBLEMS.get(type(error), Kind.FILE_UNREADABLE)
        problem = in_file(kind, key, path, reason=error.strerror or "")
    raise ConfigError(problem)


def read_token(key: str, path: Path) -> str:
    """The token in the file that `key` names. Raises ConfigError naming the key."""
    token = read_file(key, path).decode("utf-8-sig", errors="replace").strip()
    if not token:
        raise ConfigError(in_file(Kind.FILE_EMPTY, key, path))
    if not _TOKEN.fullmatch(token):
        raise ConfigError(in_file(Kind.FILE_OTHER, key, path))
    return token


_FILE_PROBLEMS = {
    FileNotFoundError: Kind.FILE_MISSING,
    NotADirectoryError: Kind.FILE_MISSING,
    IsADirectoryError: Kind.FILE_IS_FOLDER,
    PermissionError: Kind.FILE_NOT_PERMITTED,
}
