"""The settings: a TOML file and the environment, checked. Knows where they stand, not their use.

A wrong, missing or unknown key is refused by its dotted name with what was expected and what was
found: one line each, all at once, and never with a secret's value.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import os
import re
import ssl
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot import logs
from bot.errors import ConfigError

DEFAULT_FILE = "config.toml"
EXAMPLE_FILE = "config.example.toml"
ENV_PREFIX = "INVOICE_BOT_"

# lnd's own limits
MAX_EXPIRY_S = 31_536_000
MAX_SATS = 100_000 * 100_000_000

DAY_S = 86_400
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
# what may be a secret although it stands where none belongs
_SECRET_LOOK = re.compile(
    r"\d{6,}:[A-Za-z0-9_-]{20,}|[0-9A-Fa-f]{64,}|[A-Za-z0-9+_-]{80,}|macaroon=|//[^/]*@"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so long: `count` in any `per_s` seconds."""

    count: int
    per_s: int


def _duration(value: object) -> int:
    match = re.fullmatch(r"(\d{1,9}) ?([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return int(match[1]) * _UNITS_S[match[2]]


def _seconds(low: int, high: int) -> tuple[BeforeValidator, FieldInfo]:
    """A duration such as "90s". A plain number is refused: seconds, or minutes?"""
    return BeforeValidator(_duration), Field(ge=low, le=high)


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
    # pydantic would take true for 1 and 2.0 for 2
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
    return value.rstrip("/")


def _host(value: str) -> str:
    match = _HOST.fullmatch(value)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise ValueError
    return value


def _lndconnect(value: SecretStr) -> SecretStr:
    _LndConnect.read(value.get_secret_value())
    return value


def _sqlite(value: str) -> str:
    if not value.startswith("sqlite:///") or value == "sqlite:///" or "?" in value:
        raise ValueError
    return value


class _LndConnect(NamedTuple):
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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _key(expected: str, **rest: Any) -> Any:
    """A field whose description finishes the sentence "expected ..."."""
    return Field(description=expected, **rest)


Amount = Annotated[int, BeforeValidator(_whole)]
Ids = BeforeValidator(_ids)


class TelegramSettings(_Section):
    """[telegram]. The token is empty only where it was loaded without need of Telegram."""

    token: Annotated[SecretStr, AfterValidator(_token)] = _key(
        "the token that @BotFather gave, such as 123456789:AAF0...", default=SecretStr("")
    )
    api_url: Annotated[str, AfterValidator(_web_address)] = _key(
        "an address that starts with https:// or http://", default="https://api.telegram.org"
    )


class LndSettings(_Section):
    """[lnd]. Certificate and macaroon are read anew at each call: the owner may exchange them."""

    host: Annotated[str, AfterValidator(_host)] = _key(
        "host:port of LND's gRPC interface, such as 127.0.0.1:10009", default="127.0.0.1:10009"
    )
    tls_cert: Path | None = _key(
        'the path of LND\'s tls.cert ("" for a certificate of a public authority)', default=None
    )
    macaroon: Path | None = _key("the path of a macaroon file", default=None)
    lndconnect: Annotated[SecretStr, AfterValidator(_lndconnect)] | None = _key(
        "lndconnect://host:port?cert=...&macaroon=... as lndconnect prints it", default=None
    )
    private_route_hints: bool = _key("true or false", default=False)

    @model_validator(mode="before")
    @classmethod
    def _host_of_lndconnect(cls, raw: Raw) -> Raw:
        uri = raw.get("lndconnect")
        uri = uri.get_secret_value() if isinstance(uri, SecretStr) else uri
        try:
            return raw | {"host": _LndConnect.read(uri).host} if isinstance(uri, str) else raw
        except ValueError:
            return raw  # the key itself is refused, by its name

    def certificate(self) -> bytes | None:
        """The node's certificate as PEM; None means the system's authorities.

        Raises ConfigError while the file can't be read.
        """
        if self.lndconnect is not None:
            return _LndConnect.read(self.lndconnect.get_secret_value()).certificate
        if self.tls_cert is None:
            return None
        pem = _read("lnd.tls_cert", self.tls_cert, "LND's tls.cert")
        if b"-----BEGIN CERTIFICATE-----" not in pem:
            raise ConfigError(
                f"lnd.tls_cert: expected a PEM certificate, found none in {self.tls_cert}"
            )
        return pem

    def macaroon_hex(self) -> str:
        """The macaroon as hex, as LND wants it in the call's metadata; "" where none is set.

        Raises ConfigError while the file can't be read.
        """
        hexed = ""
        if self.lndconnect is not None:
            uri = self.lndconnect.get_secret_value()
            logs.hide(uri)
            hexed = _LndConnect.read(uri).macaroon_hex
        elif self.macaroon is not None:
            hexed = _read("lnd.macaroon", self.macaroon, "a macaroon file").hex()
            if not hexed:
                raise ConfigError(f"lnd.macaroon: expected a macaroon, found {self.macaroon} empty")
        logs.hide(hexed)
        return hexed


class InvoicesSettings(_Section):
    """[invoices]. Amounts in satoshi, times in seconds."""

    expiry_s: Annotated[int, *_seconds(1, MAX_EXPIRY_S)] = _key(
        'a time from "1s" to "365d", such as "1h"', default=3600, alias="expiry"
    )
    patience_s: Annotated[int, *_seconds(0, 3600)] = _key(
        'a time from "0s" to "1h", such as "60s"', default=60, alias="patience"
    )
    min_sats: Annotated[Amount, Field(ge=1, le=MAX_SATS)] = _key(
        f"a whole number from 1 to {MAX_SATS}", default=1
    )
    max_sats: Annotated[Amount, Field(ge=1, le=MAX_SATS)] = _key(
        f"a whole number from 1 to {MAX_SATS}", default=1_000_000
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_sats > self.max_sats:
            raise ValueError(
                f"min_sats: expected at most max_sats ({self.max_sats}), found {self.min_sats}"
            )
        return self


class AccessSettings(_Section):
    """[access]. Telegram's ids of who may ask."""

    owners: Annotated[frozenset[int], Ids, AfterValidator(_persons)] = _key(
        "a list of users' ids, such as [123456789] (/id tells yours)", default=frozenset()
    )
    users: Annotated[frozenset[int], Ids, AfterValidator(_persons)] = _key(
        "a list of users' ids, such as [123456789] (/id tells yours)", default=frozenset()
    )
    chats: Annotated[frozenset[int], Ids] = _key(
        "a list of chats' ids, such as [-1001234567890] (/id tells it there)", default=frozenset()
    )
    open: bool = _key("true or false", default=False)


class LimitsSettings(_Section):
    """[limits]."""

    invoices_per_user: Annotated[Rate, BeforeValidator(_rate)] = _key(
        'a number and a time, such as "10/10m"', default=Rate(10, 600)
    )
    open_per_chat: Annotated[Amount, Field(ge=1, le=100_000)] = _key(
        "a whole number from 1 to 100000", default=50
    )


class DatabaseSettings(_Section):
    """[database]."""

    url: Annotated[str, AfterValidator(_sqlite)] = _key(
        "sqlite:/// and the path of a file", default="sqlite:///invoice-bot.db"
    )
    keep_s: Annotated[int, *_seconds(DAY_S, 36_500 * DAY_S)] = _key(
        'a time of at least "1d", such as "90d"', default=90 * DAY_S, alias="keep"
    )

    @property
    def file(self) -> Path:
        """The database's file."""
        return Path(self.url.removeprefix("sqlite:///"))


class LogSettings(_Section):
    """[log]."""

    level: logs.Level = _key('"debug", "info", "warning" or "error"', default="info")
    format: logs.Format = _key('"text" or "json"', default="text")


class Settings(BaseSettings):
    """All of them, checked and frozen. Only `load` looks at files and the environment."""

    telegram: TelegramSettings = TelegramSettings()
    lnd: LndSettings = LndSettings()
    invoices: InvoicesSettings = InvoicesSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitsSettings = LimitsSettings()
    database: DatabaseSettings = DatabaseSettings()
    log: LogSettings = LogSettings()

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        # lists come as "1, 2", not as JSON
        enable_decoding=False,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Settings made by code are just what that code says."""
        return (init_settings,)


class _Environment(EnvSettingsSource):
    """The given variables in place of the process's own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._env.items()}


def load(
    path: Path | None, env: Mapping[str, str] = os.environ, *, need_telegram: bool = True
) -> Settings:
    """Read the file at `path` (None: no file) and, above it, the INVOICE_BOT_ variables of `env`.

    Relative paths count from the file's folder, without a file from the current one. Without
    `need_telegram` a token may be absent. Raises ConfigError with a line for each problem.
    """
    ours = {name: value for name, value in env.items() if name.upper().startswith(ENV_PREFIX)}
    if path is None and not ours:
        raise ConfigError(
            f"There are no settings: no file {DEFAULT_FILE} in {Path.cwd()} and no {ENV_PREFIX}... "
            f"in the environment. Copy {EXAMPLE_FILE} to {DEFAULT_FILE} and fill it in."
        )
    raw = _from_file(path) if path is not None else {}
    problems = [*_take_unknown(raw), *_take_unknown_variables(ours)]
    for section, values in _Environment(ours)().items():
        raw[section] = raw.get(section, {}) | values
    _anchor(raw, path.absolute().parent if path is not None else Path.cwd())
    problems += [*_token_problems(raw, needed=need_telegram), *_lnd_problems(raw)]
    try:
        settings = Settings(**raw)
    except ValidationError as error:
        problems += [*_refusals(error, raw), *_file_problems(raw["lnd"])]
    else:
        logs.hide(settings.telegram.token.get_secret_value())
        problems += _file_problems(raw["lnd"])
    if problems:
        raise ConfigError(*(_in_one_line(_with_variable(problem, ours)) for problem in problems))
    return settings


def _from_file(path: Path) -> Raw:
    try:
        # some editors put a mark before the first line
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file. Copy {EXAMPLE_FILE} to it and fill it in."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected a text in UTF-8, found other bytes") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).removesuffix(")").rpartition(" (at ")
        raise ConfigError(f"{path}, {where}: not TOML: {what}") from None


def _keys() -> dict[str, dict[str, str]]:
    """Section → key → what is expected there."""
    keys = {
        section: {
            field.alias or name: field.description or ""
            for name, field in getattr(field_.annotation, "model_fields", {}).items()
        }
        for section, field_ in Settings.model_fields.items()
    }
    keys["telegram"]["token_file"] = "the path of a file that holds the token"  # noqa: S105
    return keys


def _take_unknown(raw: Raw) -> Iterator[str]:
    """Takes out of the file's content what fits no key, with a sentence for each."""
    for section, values in list(raw.items()):
        if section not in KEYS:
            del raw[section]
            yield f"{_name(section)}: unknown{_nearest(section, _dotted())}"
        elif not isinstance(values, dict):
            del raw[section]
            yield f"{section}: expected a table, as in [{section}], found {_shown(values)}"
        else:
            for key in [key for key in values if key not in KEYS[section]]:
                del values[key]
                near = _nearest(f"{section}.{key}", _dotted())
                yield f"{section}.{_name(key)}: unknown{near}"


def _take_unknown_variables(ours: dict[str, str]) -> Iterator[str]:
    known = [_variable(dotted) for dotted in _dotted() if "." in dotted]
    for name in [name for name in ours if name.upper() not in known]:
        del ours[name]
        near = _nearest(name.upper(), known)
        yield f"{_name(name)}: unknown environment variable{near}"


def _name(unknown: str) -> str:
    return "(name not shown)" if _SECRET_LOOK.search(unknown) else unknown


def _in_one_line(problem: str) -> str:
    return problem if problem.isprintable() else repr(problem)[1:-1]


def _dotted() -> list[str]:
    return [*KEYS, *(f"{section}.{key}" for section, keys in KEYS.items() for key in keys)]


def _variable(dotted: str) -> str:
    return ENV_PREFIX + dotted.replace(".", "__").upper()


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if not near:  # the right key in the wrong section, or in none
        key = name.rpartition(".")[2]
        near = [dotted for dotted in known if dotted.rpartition(".")[2] == key]
    return f"; did you mean {near[0]}?" if near else ""


def _with_variable(problem: str, ours: Mapping[str, str]) -> str:
    """Names the environment variable as well where the value came from there."""
    dotted, _, rest = problem.partition(": ")
    name = _variable(dotted)
    return f"{dotted} ({name}): {rest}" if name in map(str.upper, ours) else problem


def _anchor(raw: Raw, folder: Path) -> None:
    """Makes the paths absolute."""
    for section, key in (("telegram", "token_file"), ("lnd", "tls_cert"), ("lnd", "macaroon")):
        value = raw.get(section, {}).get(key)
        if isinstance(value, str) and value:
            raw[section][key] = folder / _home(value)
    database = raw.setdefault("database", {})
    url = database.setdefault("url", DatabaseSettings().url)
    if isinstance(url, str) and re.match(r"sqlite:///[^?]+$", url):
        database["url"] = f"sqlite:///{folder / _home(url.removeprefix('sqlite:///'))}"


def _home(path: str) -> str:
    # Path.expanduser would raise for a ~name that nobody has
    return os.path.expanduser(path)  # noqa: PTH111


def _token_problems(raw: Raw, *, needed: bool) -> Iterator[str]:
    """One of token and token_file; the file's content becomes the token."""
    telegram = raw.setdefault("telegram", {})
    file = telegram.pop("token_file", None)
    if (file is not None or not needed) and telegram.get("token") == "":  # as the example has it
        del telegram["token"]
    if file is not None and "token" in telegram:
        yield "telegram.token_file: expected one of token and token_file, found both"
    elif "token" not in telegram and needed:
        if file is None:
            yield _missing("telegram.token", "; or token_file")
        elif not isinstance(file, Path):
            yield _refusal("telegram.token_file", file)
        else:
            try:
                text = _read("telegram.token_file", file, "a file that holds the token")
                telegram["token"] = text.decode("utf-8-sig", errors="replace").strip()
            except ConfigError as error:
                yield from error.problems


def _lnd_problems(raw: Raw) -> Iterator[str]:
    """Either host, tls_cert and macaroon, or lndconnect, which says all three."""
    lnd = raw.setdefault("lnd", {})
    if "lndconnect" in lnd:
        for key in ("host", "tls_cert", "macaroon"):
            if key in lnd:
                yield f"lnd.{key}: expected nothing beside lnd.lndconnect, found both"
    else:
        if "tls_cert" not in lnd:
            yield _missing("lnd.tls_cert", "; or lndconnect")
        if not lnd.get("macaroon", "."):
            yield _refusal("lnd.macaroon", "")
        if "macaroon" not in lnd:
            yield _missing("lnd.macaroon", "; or lndconnect")
    for key in ("tls_cert", "macaroon"):
        if lnd.get(key) == "":
            lnd[key] = None


def _file_problems(raw: Raw) -> Iterator[str]:
    try:
        lnd = LndSettings(**raw)
    except ValidationError:
        return  # told already
    for read in (lnd.certificate, lnd.macaroon_hex):
        try:
            read()
        except ConfigError as error:
            yield from error.problems


def _refusals(error: ValidationError, raw: Raw) -> Iterator[str]:
    """A line for each key that pydantic refuses, in our words."""
    seen = set()
    for refused in error.errors(include_url=False, include_input=False):
        section, *rest = (str(part) for part in refused["loc"])
        if not rest:  # keys that don't fit each other: the message names them
            yield f"{section}.{refused['msg'].removeprefix('Value error, ')}"
        elif (dotted := f"{section}.{rest[0]}") not in seen:
            seen.add(dotted)
            yield _refusal(dotted, raw[section][rest[0]])


def _expected(dotted: str) -> str:
    section, key = dotted.split(".")
    return KEYS[section][key]


def _missing(dotted: str, also: str) -> str:
    return f"{dotted}: expected {_expected(dotted)}{also}, found nothing"


def _refusal(dotted: str, found: object) -> str:
    secret = dotted in ("telegram.token", "lnd.lndconnect")
    shown = _unshown(found) if secret else _shown(found)
    return f"{dotted}: expected {_expected(dotted)}, found {shown}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _unshown(value) if len(text) > 100 or _SECRET_LOOK.search(text) else text


def _unshown(value: object) -> str:
    if isinstance(value, str):
        return f"a text of {len(value)} characters (not shown)" if value else "an empty text"
    return "something else (not shown)"


def _read(dotted: str, path: Path, expected: str) -> bytes:
    """The file's content. Raises ConfigError naming the key."""
    try:
        return path.read_bytes()
    except ValueError:  # a zero byte
        raise ConfigError(f"{dotted}: expected {expected}, found no path of a file") from None
    except OSError as error:
        # the secret itself may stand where its path belongs
        where = "there (path not shown)" if _SECRET_LOOK.search(str(path)) else f"at {path}"
        found = {
            FileNotFoundError: f"no file {where}",
            NotADirectoryError: f"no file {where}",
            IsADirectoryError: f"a folder {where}",
            PermissionError: f"one {where} that this user may not read",
        }.get(type(error), f"one {where} that can't be read: {error.strerror}")
        raise ConfigError(f"{dotted}: expected {expected}, found {found}") from None


KEYS = _keys()
