"""How a value is written: durations, rates, ids, addresses, files. Knows no section.

Each reader raises ValueError, without the value, for anything else.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from bot.config import files
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

#: The Bot API server that everybody uses.
TELEGRAM = "https://api.telegram.org"

#: What the path of a database begins with.
SQLITE = "sqlite:///"
#: What the address of a database on a server begins with; libpq knows both.
POSTGRES = ("postgresql://", "postgres://")

#: Of an address's options those that nobody may read.
SECRET_OPTIONS = {
    *("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"),
}
#: All that libpq 18 knows. Another one is libpq's to refuse, but beside a secret: what it would
#: quote may be the end of one that is not escaped.
_OPTIONS = SECRET_OPTIONS | {
    *("application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname"),
    *("fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr"),
    *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname"),
    *("load_balance_hosts", "max_protocol_version", "min_protocol_version", "oauth_client_id"),
    *("oauth_issuer", "oauth_scope", "options", "passfile", "port", "replication", "require_auth"),
    *("requirepeer", "service", "servicefile", "ssl", "ssl_max_protocol_version", "sslcert"),
    *("ssl_min_protocol_version", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir"),
    *("sslkey", "sslkeylogfile", "sslmode", "sslnegotiation", "sslrootcert", "sslsni"),
    *("target_session_attrs", "tcp_user_timeout", "user"),
}
#: One of several servers in an address: its name, its address or its socket's folder, and its port.
_SERVER = re.compile(r"(\[[^\[\]@]+\]|[^\[\]:@]*)(?::(\d*))?")
_SERVER_NAME = re.compile(r"\[?[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]?|[\w.-]*")

# LND's macaroons have the second binary format
_MACAROON = b"\x02"
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}
#: Telegram's ids have at most 52 bits: https://core.telegram.org/bots/api#chat
_MAX_ID = 2**52 - 1
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
#: Of what is the same for every proxy.
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `per_s` seconds."""

    count: int
    per_s: int


def seconds(low: int, high: int) -> tuple[BeforeValidator, FieldInfo]:
    """A duration such as "90s". A plain number is refused: seconds, or minutes?"""
    return BeforeValidator(duration), Field(ge=low, le=high)


def duration(value: object) -> int:
    """Seconds, of "90s", "10m", "12h" or "1d". Raises ValueError."""
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
    per_s = duration(per)
    if not 1 <= per_s <= 30 * DAY_S:
        raise ValueError
    return Rate(int(count), per_s)


def _whole(value: object) -> object:
    # pydantic would accept true as 1 and 2.0 as 2
    if isinstance(value, bool | float):
        raise ValueError  # noqa: TRY004 -- pydantic reports a ValueError as the key's own
    return value


def _ids(value: object) -> object:
    if isinstance(value, str):  # from the environment: "111, 222" or "[111, 222]"
        inner = value[1:-1] if value[:1] == "[" and value[-1:] == "]" else value
        parts = [part for part in re.split(r"[,\s]+", inner) if part]
        if not all(re.fullmatch("-?[0-9]+", part) for part in parts):
            raise ValueError
        return parts
    if isinstance(value, list) and any(type(part) is not int for part in value):
        raise ValueError
    return value


def _in_range(ids: frozenset[int]) -> frozenset[int]:
    if any(abs(id_) > _MAX_ID for id_ in ids):
        raise ValueError
    return ids


def _persons(ids: frozenset[int]) -> frozenset[int]:
    if any(id_ <= 0 for id_ in ids):
        raise ValueError
    return ids


def _token(token: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError
    return token


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _web_address(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError
    if url.port == 0 or "@" in url.path:  # a password that is not escaped ends the host for others
        raise ValueError
    return value.rstrip("/")


def _webhook(value: str) -> str:
    address = _web_address(value)
    if "@" in urlsplit(address).netloc or not _PATH.fullmatch(urlsplit(address).path):
        raise ValueError
    return address


def _host(value: str) -> str:
    match = _HOST.fullmatch(value)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise ValueError
    return value


def overlap(one: str, other: str) -> bool:
    """Whether two addresses to listen at, each host:port, can't both be listened at."""
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    if int(port) != int(other_port):
        return False
    here, there = _places(host), _places(other_host)
    if not (here and there):  # a name leads who knows where: surely to where it leads
        is_same = host.lower().rstrip(".") == other_host.lower().rstrip(".")
        return is_same or any(place.is_unspecified for place in here | there)
    return any(
        a.version == b.version and (a == b or a.is_unspecified or b.is_unspecified)
        for a in here
        for b in there
    )


def _places(host: str) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses that it means; none where it is a name that is not known."""
    if host.lower().rstrip(".") == "localhost":
        return {ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")}
    with suppress(ValueError):
        return {ipaddress.ip_address(host.strip("[]"))}
    with suppress(OSError):  # 127.1 and 0 are addresses as well
        return {ipaddress.IPv4Address(socket.inet_aton(host))}
    return set()


def _proxy(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme.lower().startswith("socks"):
        raise OddValueError(Kind.PROXY_SOCKS)
    if scheme.lower() != "http":
        raise ValueError
    return f"http://{_host(rest.removesuffix('/'))}"


def is_onion(address: str) -> bool:
    """Whether only Tor knows where this host:port is."""
    return address.rpartition(":")[0].rstrip(".").lower().endswith(".onion")


def _lndconnect(value: SecretStr) -> SecretStr:
    LndConnect.read(value.get_secret_value())
    return value


def _sqlite(value: str) -> str:
    if not value.startswith(SQLITE) or value == SQLITE:
        raise ValueError
    return value


def _database(value: str) -> str:
    return value if _is_server(value) else _sqlite(value)


def _is_server(value: str) -> bool:
    """Whether it is the address of a PostgreSQL database. Raises ValueError where it is none.

    What libpq would refuse with a part of the address in its words, which may be a part of the
    password, is refused here.
    """
    if not is_postgres(value):
        return False
    url = urlsplit(value)
    options = _options(url.query)
    has_name = _decoded(url.path.strip("/")) or {"dbname", "service"} & options.keys()
    if not has_name or url.fragment or re.search(r"[\x00-\x20\x7f]", value):
        raise ValueError
    who, _, where = url.netloc.rpartition("@")
    # a password that is not escaped ends the host, or the name, for others
    if "@" in who.partition(":")[0] or "@" in url.path:
        raise ValueError
    for part in who.split(":"):
        _decoded(part)
    _check_servers(where, options)
    if SECRET_OPTIONS & options.keys() and not options.keys() <= _OPTIONS:
        raise ValueError
    return True


def _check_servers(where: str, options: dict[str, str]) -> None:
    """Hosts and ports, of an address's middle and its options. Raises ValueError."""
    servers = [_SERVER.fullmatch(each) for each in where.split(",")]
    if not all(servers):
        raise ValueError
    hosts = [_decoded(each[1]) for each in servers if each]
    ports = [each[2] or "" for each in servers if each]
    hosts += options.get("host", "").split(",")
    ports += options.get("port", "").split(",")
    if not all(_is_server_name(host) for host in hosts):
        raise ValueError
    if not all(re.fullmatch(r"\d{1,5}", port) and 0 < int(port) < 65_536 for port in ports if port):
        raise ValueError


def _is_server_name(host: str) -> bool:
    """Whether it can be a host's name or address, or the folder of a socket."""
    return host.startswith(("/", "@")) or _SERVER_NAME.fullmatch(host) is not None


def _options(query: str) -> dict[str, str]:
    """What follows the question mark, as libpq reads it: a plus is a plus. Raises ValueError."""
    found: dict[str, str] = {}
    for part in query.split("&") if query else ():
        key, equals, value = part.partition("=")
        if not equals or "=" in value:
            raise ValueError
        found[_decoded(key)] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    """Without its percent escapes. Raises ValueError where libpq takes one for none."""
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", text):
        raise ValueError
    return unquote(text, errors="strict")


def is_postgres(url: str) -> bool:
    """Whether it is meant as the address of a PostgreSQL database."""
    return url.startswith(POSTGRES)


def without_password(url: str) -> tuple[str, str]:
    """A PostgreSQL address without its password, and that; "" where it has none.

    Raises ValueError where it is no address: what else is in it may be a part of the password.
    """
    if not _is_server(url):
        raise ValueError
    parts = urlsplit(url)
    who, at, where = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    named = _options(parts.query).get("password", "")
    if not (password or named):
        return url, ""
    options = [
        each
        for each in parts.query.split("&")
        if each and _decoded(each.partition("=")[0]) != "password"
    ]
    query = f"?{'&'.join(options)}" if options else ""
    return f"{parts.scheme}://{user}{at}{where}{parts.path}{query}", named or _decoded(password)


def secrets_in(url: str) -> list[str]:
    """What is secret in the options of a PostgreSQL address. Raises ValueError."""
    options = _options(urlsplit(url).query)
    return [value for key, value in options.items() if key in SECRET_OPTIONS and value]


def with_password(url: str, password: str) -> str:
    """A PostgreSQL address with this password."""
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}{urlencode({'password': password}, quote_via=quote)}"


def odd_database(url: str) -> Kind | None:
    """Why the path of a ``sqlite:///`` address cannot be meant as it is written, None where it can.

    It is a path and nothing else: nothing in it is decoded, and no parameters follow it.
    """
    path = url.removeprefix(SQLITE)
    return next((kind for pattern, kind in _ODD_DATABASES if re.search(pattern, path)), None)


#: A shell would replace it; nothing here does.
_VARIABLE = r"\$\{?[A-Za-z_]"
_ODD_DATABASES = (
    (r"^(?:.*/)?:memory:$", Kind.DATABASE_IN_MEMORY),
    (r"^file:", Kind.DATABASE_URI),
    (r"\?", Kind.DATABASE_URI),
    (r"%[0-9A-Fa-f]{2}", Kind.DATABASE_ESCAPED),
    (r"^\s|\s$|[\x00-\x1f\x7f]", Kind.DATABASE_SPACE),
    (r"(?:^|/)\.{0,2}$|^~[^/]*$", Kind.DATABASE_FOLDER),
    (_VARIABLE, Kind.DATABASE_VARIABLE),
)


def _password(value: SecretStr) -> SecretStr:
    if "\0" in value.get_secret_value():  # libpq would quote it
        raise ValueError
    return value


def _payee(value: str) -> str:
    if not value.isprintable() or len(value) > MAX_PAYEE:
        raise ValueError
    return value.strip()


Password = Annotated[SecretStr, AfterValidator(_password)]
Payee = Annotated[str, AfterValidator(_payee)]
Amount = Annotated[int, BeforeValidator(_whole)]
ChatIds = Annotated[frozenset[int], BeforeValidator(_ids), AfterValidator(_in_range)]
UserIds = Annotated[ChatIds, AfterValidator(_persons)]
AnyCase = BeforeValidator(_lower)
RateText = Annotated[Rate, BeforeValidator(_rate)]
Token = Annotated[SecretStr, AfterValidator(_token)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
WebhookAddress = Annotated[str, AfterValidator(_webhook)]
HostPort = Annotated[str, AfterValidator(_host)]
Proxy = Annotated[str, AfterValidator(_proxy)]
LndConnectUri = Annotated[SecretStr, AfterValidator(_lndconnect)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]


class OddValueError(ValueError):
    """A value that is refused for a reason of its own: `kind`."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind.value)
        self.kind = kind


class LndConnect(NamedTuple):
    """What an lndconnect:// address carries (github.com/LN-Zap/lndconnect)."""

    host: str
    certificate: bytes | None  # PEM
    macaroon_hex: str

    @classmethod
    def read(cls, uri: str) -> Self:
        """Raises OddValueError, never with the address in it."""
        if not uri.strip().startswith("lndconnect://"):
            raise OddValueError(Kind.LNDCONNECT_SCHEME)
        with _part(Kind.LNDCONNECT_HOST):
            url = urlsplit(uri.strip())
            host = _host(_with_port(url))
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if not query.get("macaroon"):
            raise OddValueError(Kind.LNDCONNECT_NO_MACAROON)
        with _part(Kind.LNDCONNECT_MACAROON_ODD):
            macaroon_hex = _of_macaroon(query["macaroon"]).hex()
        with _part(Kind.LNDCONNECT_CERT_ODD):
            der = _unbase64(query["cert"]) if query.get("cert") else None
        pem = None if der is None else ssl.DER_cert_to_PEM_cert(der).encode()
        return cls(host=host, certificate=pem, macaroon_hex=macaroon_hex)


def lndconnect(host: str, macaroon_hex: str, certificate: bytes | None = None) -> str:
    """The lndconnect:// address that `LndConnect.read` reads; `certificate` as PEM."""
    parts = {"macaroon": bytes.fromhex(macaroon_hex)}
    if certificate is not None:
        parts["cert"] = ssl.PEM_cert_to_DER_cert(certificate.decode())
    query = "&".join(f"{key}={_base64(content)}" for key, content in parts.items())
    return f"lndconnect://{host}?{query}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextmanager
def _part(kind: Kind) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise OddValueError(kind) from None


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


def macaroon_bytes(content: bytes) -> bytes:
    """A macaroon's bytes, of a file with them or with their hex or base64; else what is there.

    They begin with the number of their format, as no text does: so it is plain which it is.
    """
    if not content.startswith(_MACAROON):
        is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace")
        with suppress(ValueError):
            found = _of_macaroon("".join(text.split()))
            return found if found.startswith(_MACAROON) else content
    return content


def _of_macaroon(text: str) -> bytes:
    """Hex or base64: the hex of a macaroon is no base64 of one."""
    with suppress(ValueError):
        found = bytes.fromhex(text)
        if found.startswith(_MACAROON):
            return found
    return _unbase64(text)


def read_file(key: str, path: Path) -> bytes:
    """The content of the file that `key` names. Raises ConfigError naming the key."""
    try:
        return files.read(path)
    except ValueError:  # a zero byte
        problem = in_file(Kind.FILE_PATH_INVALID, key, path)
    except files.TooLarge:
        problem = in_file(Kind.FILE_TOO_LARGE, key, path)
    except files.NoEnd:
        problem = in_file(Kind.FILE_NO_END, key, path)
    except OSError as error:
        kind = _FILE_PROBLEMS.get(type(error), Kind.FILE_UNREADABLE)
        if kind is Kind.FILE_MISSING:
            kind = _why_missing(str(path))
        problem = in_file(kind, key, path, reason=error.strerror or "")
    raise ConfigError(problem)


def _why_missing(path: str) -> Kind:
    """A name can have anything in it: it is odd only where there is no such file."""
    if re.search(_VARIABLE, path):
        return Kind.FILE_VARIABLE
    return Kind.FILE_MISSING if path == path.strip() else Kind.FILE_SPACE


def read_line(key: str, path: Path) -> str:
    """The one line in the file that `key` names. Raises ConfigError naming the key."""
    line = read_file(key, path).decode("utf-8-sig", errors="replace").strip("\r\n")
    if not line:
        raise ConfigError(in_file(Kind.FILE_EMPTY, key, path))
    return line


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
