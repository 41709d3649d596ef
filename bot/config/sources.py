"""Where the settings come from: a TOML file and the environment. Knows the name of every key."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr, ValidationError

from bot import logs
from bot.config import files
from bot.config.problems import Kind, refused, unknown
from bot.config.settings import DatabaseSettings, LndSettings, Raw, Settings
from bot.config.values import (
    SQLITE,
    LndConnect,
    OddValueError,
    is_onion,
    is_postgres,
    odd_database,
    overlap,
    read_line,
    read_token,
    secrets_in,
    without_password,
)
from bot.errors import ConfigError, Problem

DEFAULT_FILE = "config.toml"
EXAMPLE_FILE = "config.example.toml"
ENV_PREFIX = "INVOICE_BOT_"


def load(
    path: Path | None, env: Mapping[str, str] = os.environ, *, need_telegram: bool = True
) -> Settings:
    """Read the file at `path` (None: no file) and, above it, the INVOICE_BOT_ variables of `env`.

    Relative paths count from the file's folder, without a file from the current one. Without
    `need_telegram` a token can be missing. Raises ConfigError with every problem, and nothing else
    whatever is in the file: a bot that runs reads it as well.
    """
    name = str(path) if path is not None else f"{ENV_PREFIX}..."
    try:
        return _load(path, env, need_telegram=need_telegram)
    except OSError as error:  # such as a current folder that is gone
        reason = {"reason": error.strerror or ""}
        raise ConfigError(Problem(Kind.CONFIG_UNREADABLE, name, values=reason)) from error
    except (ValueError, RecursionError) as error:  # whose own words may quote a secret
        raise ConfigError(Problem(Kind.CONFIG_ODD, name)) from error


def _load(path: Path | None, env: Mapping[str, str], *, need_telegram: bool) -> Settings:
    _redact_addresses(value for name, value in env.items() if name.upper().endswith("_PROXY"))
    ours = _ours(env)
    if path is None and not ours:
        folder = str(Path.cwd())
        raise ConfigError(Problem(Kind.NO_SETTINGS, DEFAULT_FILE, values={"folder": folder}))
    raw = read_raw(path) if path is not None else {}
    problems = [*_take_unknown(raw), *_take_unknown_variables(ours)]
    secret_files = {"": path.absolute()} if path is not None and _has_secret(raw) else {}
    _add(ours, raw)
    telegram = raw.get("telegram", {})
    others = (telegram.get("webhook"), raw.get("lnd", {}).get("host"))
    _redact_addresses((telegram.get("api_url"), *others))
    problems += _take_odd_database(raw)
    here = _folder(path)
    _anchor(raw, here)
    secret_files |= _secret_files(raw)
    problems += [*_token_problems(raw, needed=need_telegram), *_lnd_problems(raw)]
    problems += _password_problems(raw)
    try:
        settings = Settings(**raw)
    except ValidationError as error:
        problems += [*_refusals(error, raw), *_file_problems(raw["lnd"])]
    else:
        logs.redact(settings.telegram.token.get_secret_value())
        problems += [*_file_problems(raw["lnd"]), *_listen_problems(settings)]
    if problems:
        raise ConfigError(*(_with_variable(problem, ours) for problem in problems))
    settings._secret_files.update(secret_files)  # noqa: SLF001 -- no key: they are told by `load`
    settings.database._folder = here  # noqa: SLF001 -- likewise
    return settings


def database_password(path: Path | None, env: Mapping[str, str] = os.environ) -> str:
    """The database's password, as the settings have it; "" where they can't be read."""
    try:
        raw, ours = read_raw(path) if path is not None else {}, _ours(env)
        list(_take_unknown(raw))
        list(_take_unknown_variables(ours))
        _add(ours, raw)
        _anchor(raw, _folder(path))
        list(_password_problems(raw))
    except (ConfigError, OSError, ValueError, RecursionError):
        return ""
    password = raw["database"].get("password")
    return password if isinstance(password, str) else ""


def _ours(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.upper().startswith(ENV_PREFIX)}


def _add(ours: Mapping[str, str], raw: Raw) -> None:
    """The variables above the file's content."""
    for name, value in ours.items():
        section, key = name[len(ENV_PREFIX) :].lower().split("__")
        raw.setdefault(section, {})[key] = value


def _folder(path: Path | None) -> Path:
    """Where relative paths count from."""
    return path.absolute().parent if path is not None else Path.cwd()


def address_of(text: str, password: str) -> str | None:
    """What the store opens, of a database's address as people write it without its password.

    None where it is no address, "" where it has a password in it.
    """
    try:
        url = DatabaseSettings(url=text).url
        if is_postgres(url) and (without_password(url)[1] or secrets_in(url)):
            return ""
    except ValueError:
        return None
    if is_postgres(url):
        return DatabaseSettings(url=url, password=SecretStr(password)).address
    return None if odd_database(url) else f"{SQLITE}{_home(url.removeprefix(SQLITE))}"


def _redact_addresses(values: Iterable[object]) -> None:
    """Before anything can quote one of them, be it no address at all."""
    for value in values:
        if isinstance(value, str):
            logs.redact_address(value)


def _has_secret(raw: Raw) -> bool:
    """Whether a secret is in the settings' own file."""
    database = raw.get("database", {})
    url = database.get("url")
    return bool(
        raw.get("telegram", {}).get("token")
        or raw.get("lnd", {}).get("lndconnect")
        or database.get("password")
        or (isinstance(url, str) and is_postgres(url) and (_split(url)[1] or _secrets(url)))
    )


def _secret_files(raw: Raw) -> dict[str, Path]:
    """The files that have nothing but a secret in them."""
    paths = {
        "telegram.token_file": raw.get("telegram", {}).get("token_file"),
        "lnd.macaroon": raw.get("lnd", {}).get("macaroon"),
        "database.password_file": raw.get("database", {}).get("password_file"),
    }
    return {key: path for key, path in paths.items() if isinstance(path, Path)}


def read_raw(path: Path) -> Raw:
    """The content of a settings file, as it is. Raises ConfigError."""
    try:
        # some editors put a mark before the first line
        text = files.read(path).decode("utf-8-sig")
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except FileNotFoundError:
        problem = Problem(Kind.CONFIG_MISSING, str(path))
    except OSError as error:
        problem = Problem(
            Kind.CONFIG_UNREADABLE, str(path), values={"reason": error.strerror or ""}
        )
    except files.TooLarge:
        problem = Problem(Kind.CONFIG_TOO_LARGE, str(path))
    except files.NoEnd:
        problem = Problem(Kind.CONFIG_NO_END, str(path))
    except RecursionError:
        problem = Problem(Kind.CONFIG_NESTED, str(path))
    except UnicodeDecodeError:
        problem = Problem(Kind.CONFIG_NOT_UTF8, str(path))
    except tomllib.TOMLDecodeError as error:
        # until Python 3.14 the place is only in its message
        what, _, where = str(error).removesuffix(")").rpartition(" (at ")
        problem = Problem(Kind.CONFIG_NOT_TOML, str(path), values={"where": where, "what": what})
    except ValueError:  # more digits than Python reads
        problem = Problem(Kind.CONFIG_NUMBER, str(path))
    raise ConfigError(problem)


def _keys() -> dict[str, tuple[str, ...]]:
    keys = {
        section: tuple(
            field.alias or name
            for name, field in getattr(field_.annotation, "model_fields", {}).items()
        )
        for section, field_ in Settings.model_fields.items()
    }
    keys["telegram"] += ("token_file",)  # its content becomes the token
    keys["database"] += ("password_file",)
    return keys


#: Section → its keys, as a file has them.
KEYS = _keys()


# names


def _take_unknown(raw: Raw) -> Iterator[Problem]:
    """Takes out of the file's content what no key has, with a problem for each."""
    for section, values in list(raw.items()):
        if section not in KEYS:
            del raw[section]
            yield unknown(section, _nearest(section, _dotted()))
        elif not isinstance(values, dict):
            del raw[section]
            yield refused(section, values, kind=Kind.NO_TABLE)
        else:
            for key in [key for key in values if key not in KEYS[section]]:
                del values[key]
                yield unknown(key, _nearest(f"{section}.{key}", _dotted()), section=section)


def _take_unknown_variables(ours: dict[str, str]) -> Iterator[Problem]:
    known = [_variable(dotted) for dotted in _dotted() if "." in dotted]
    for name in [name for name in ours if name.upper() not in known]:
        del ours[name]
        yield unknown(name, _nearest(name.upper(), known), kind=Kind.UNKNOWN_VARIABLE)


def _dotted() -> list[str]:
    return [*KEYS, *(f"{section}.{key}" for section, keys in KEYS.items() for key in keys)]


def _variable(dotted: str) -> str:
    return ENV_PREFIX + dotted.replace(".", "__").upper()


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if not near:  # the right key in the wrong section, or in none
        key = name.rpartition(".")[2]
        near = [dotted for dotted in known if dotted.rpartition(".")[2] == key]
    return near[0] if near else ""


def _with_variable(problem: Problem, ours: Mapping[str, str]) -> Problem:
    """Names the environment variable as well where the value came from there."""
    name = _variable(problem.key)
    return replace(problem, variable=name) if name in map(str.upper, ours) else problem


# values


def _anchor(raw: Raw, folder: Path) -> None:
    """Makes the paths absolute."""
    for section, key in (
        ("telegram", "token_file"),
        ("lnd", "tls_cert"),
        ("lnd", "macaroon"),
        ("database", "password_file"),
    ):
        value = raw.get(section, {}).get(key)
        if isinstance(value, str) and value:
            raw[section][key] = folder / _home(value)
    database = raw.setdefault("database", {})
    url = database.setdefault("url", DatabaseSettings().url)
    if isinstance(url, str) and url.startswith(SQLITE) and url != SQLITE:
        database["url"] = f"{SQLITE}{folder / _home(url.removeprefix(SQLITE))}"


def _take_odd_database(raw: Raw) -> Iterator[Problem]:
    """A database's path that would name another file than was meant, as it was written."""
    url = raw.get("database", {}).get("url")
    if isinstance(url, str) and url.startswith(SQLITE) and url != SQLITE:
        kind = odd_database(url)
        if kind is not None:
            del raw["database"]["url"]
            yield refused("database.url", url, kind=kind)


def _home(path: str) -> str:
    # Path.expanduser would raise for a ~name that nobody has
    try:
        return os.path.expanduser(path)  # noqa: PTH111
    except ValueError:  # a zero byte in that name: whoever reads the file refuses it
        return path


def _token_problems(raw: Raw, *, needed: bool) -> Iterator[Problem]:
    """One of token and token_file; the file's content becomes the token."""
    telegram = raw.setdefault("telegram", {})
    file = telegram.pop("token_file", None)
    if (file is not None or not needed) and telegram.get("token") == "":  # as the example has it
        del telegram["token"]
    if file is not None and "token" in telegram:
        yield Problem(Kind.TWO_TOKENS, "telegram.token_file")
    elif "token" not in telegram and needed:
        if file is None:
            yield Problem(Kind.MISSING, "telegram.token")
        elif not isinstance(file, Path):
            yield refused("telegram.token_file", file)
        else:
            try:
                telegram["token"] = read_token("telegram.token_file", file)
            except ConfigError as error:
                yield from error.problems


def _password_problems(raw: Raw) -> Iterator[Problem]:
    """The database's password, from one of three places, becomes the key; the address has none."""
    database = raw["database"]
    file, given, url = database.pop("password_file", None), database.get("password"), ""
    if isinstance(database.get("url"), str) and is_postgres(database["url"]):
        database["url"], url = _split(database["url"])
    if len([each for each in (file, given, url) if each]) > 1:
        yield Problem(Kind.TWO_PASSWORDS, "database.password_file" if file else "database.password")
    elif url:
        database["password"] = url
    elif isinstance(file, Path):
        try:
            database["password"] = read_line("database.password_file", file)
        except ConfigError as error:
            yield from error.problems
    elif file:
        yield refused("database.password_file", file)
    for each in (database.get("password"), url, *_secrets(database.get("url"))):
        if isinstance(each, str) and each:
            logs.redact(each)


def _split(url: str) -> tuple[str, str]:
    try:
        return without_password(url)
    except ValueError:  # the key is refused, and its value not shown
        return url, ""


def _secrets(url: object) -> list[str]:
    with suppress(ValueError):
        return secrets_in(url) if isinstance(url, str) and is_postgres(url) else []
    return []


def _lnd_problems(raw: Raw) -> Iterator[Problem]:
    """Either host, tls_cert and macaroon, or lndconnect, which says all three.

    Where it has no certificate, tls_cert can be beside it.
    """
    lnd = raw.setdefault("lnd", {})
    if "lndconnect" in lnd:
        for key in ("host", "tls_cert", "macaroon"):
            if key in lnd and (key != "tls_cert" or _has_certificate(lnd["lndconnect"])):
                yield Problem(Kind.BESIDE_LNDCONNECT, f"lnd.{key}")
    else:
        if "tls_cert" not in lnd:
            yield Problem(Kind.MISSING, "lnd.tls_cert")
        if not lnd.get("macaroon", "."):
            yield refused("lnd.macaroon", "")
        if "macaroon" not in lnd:
            yield Problem(Kind.MISSING, "lnd.macaroon")
    yield from _onion_problems(lnd)
    for key in ("tls_cert", "macaroon"):
        if lnd.get(key) == "":
            lnd[key] = None


def _onion_problems(lnd: Raw) -> Iterator[Problem]:
    """Only Tor knows where such an address is."""
    host, uri = lnd.get("host"), lnd.get("lndconnect")
    if isinstance(uri, str):
        with suppress(OddValueError):
            host = LndConnect.read(uri).host
    if "proxy" not in lnd and isinstance(host, str) and is_onion(host):
        yield Problem(Kind.ONION_WITHOUT_PROXY, "lnd.host" if uri is None else "lnd.lndconnect")


def _listen_problems(settings: Settings) -> Iterator[Problem]:
    """The webhook and health are answered at addresses of their own, where both are answered."""
    at, other = settings.health.listen, settings.telegram.listen
    if at is not None and settings.telegram.webhook is not None and overlap(at, other):
        values = {"beside": "telegram.listen", "shown": at, "beside_shown": other}
        yield Problem(Kind.SAME_ADDRESS, "health.listen", values=values)


def _has_certificate(lndconnect: object) -> bool:
    with suppress(OddValueError):
        return isinstance(lndconnect, str) and LndConnect.read(lndconnect).certificate is not None
    return False


def _file_problems(raw: Raw) -> Iterator[Problem]:
    try:
        lnd = LndSettings(**raw)
    except ValidationError:
        return  # reported already
    for read in (lnd.certificate, lnd.macaroon_hex):
        try:
            read()
        except ConfigError as error:
            yield from error.problems


def _refusals(error: ValidationError, raw: Raw) -> Iterator[Problem]:
    """A problem for each key that pydantic refuses."""
    seen = set()
    for failure in error.errors(include_url=False, include_input=False):
        section, *rest = (str(part) for part in failure["loc"])
        if not rest:  # the one rule about two keys
            yield Problem(failure["type"], f"{section}.min_sats", values=failure["ctx"])
        elif (dotted := f"{section}.{rest[0]}") not in seen:
            seen.add(dotted)
            odd = failure.get("ctx", {}).get("error")
            value = raw[section][rest[0]]
            kind = odd.kind if value and isinstance(odd, OddValueError) else Kind.REFUSED
            yield refused(dotted, value, kind=kind)
