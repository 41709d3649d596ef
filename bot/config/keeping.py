"""What a settings file says beside what a setup asks for, to write it into a new one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from bot.config.problems import Kind
from bot.config.settings import LndSettings, Raw, Settings
from bot.config.sources import KEYS, read_raw
from bot.config.values import LndConnect, is_postgres, odd_database
from bot.errors import ConfigError

#: What names a file, whose content becomes another key.
_FILES = {"database": ("password_file",)}
#: What a setup asks for.
_ASKED = {
    "telegram": ("token", "token_file"),
    "lnd": ("host", "tls_cert", "macaroon", "lndconnect", "proxy"),
}


@dataclass(frozen=True)
class Kept:
    """Section → key → value as the file has it, but for defaults; `lost`: what can't be kept.

    `is_readable`: whether it is a settings file at all. `proxy`: the way to the node at `host`, ""
    for none; to another node it may be none.
    """

    values: Raw = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    is_readable: bool = True
    host: str = ""
    proxy: str = ""

    def get(self, section: str, key: str, default: Any = None) -> Any:
        """One of them."""
        return self.values.get(section, {}).get(key, default)

    def without(self, *names: str) -> Self:
        """The same but for these keys, such as invoices.max_sats."""
        values = {
            section: {key: each for key, each in keys.items() if f"{section}.{key}" not in names}
            for section, keys in self.values.items()
        }
        return replace(self, values={section: keys for section, keys in values.items() if keys})

    @property
    def names(self) -> list[str]:
        """The keys, such as invoices.max_sats."""
        return [f"{section}.{key}" for section, keys in self.values.items() for key in keys]


def read_kept(path: Path) -> Kept:
    """What the file at `path` says; nothing where there is none. Raises nothing."""
    try:
        raw = read_raw(path)
    except ConfigError as error:
        return Kept(is_readable=error.problems[0].kind == Kind.CONFIG_MISSING)
    values: Raw = {}
    lost: list[str] = []
    for section, keys in raw.items():
        if section not in KEYS or not isinstance(keys, dict):
            lost.append(section)
            continue
        told = {key: each for key, each in keys.items() if key not in _ASKED.get(section, ())}
        kept = {key: each for key, each in told.items() if _is_valid(section, {key: each})}
        if not _is_valid(section, kept):  # each is, but not together
            kept = {}
        lost += [f"{section}.{key}" for key in told if key not in kept]
        if changed := {key: each for key, each in kept.items() if _changes(section, key, each)}:
            values[section] = changed
    host, proxy = _way(raw.get("lnd"))
    if proxy and not _is_valid("lnd", {"proxy": proxy}):
        lost, proxy = [*lost, "lnd.proxy"], ""
    return Kept(values, tuple(lost), host=host, proxy=proxy)


def _way(lnd: object) -> tuple[str, str]:
    """The node's address and the proxy to it."""
    keys = lnd if isinstance(lnd, Mapping) else {}
    host, proxy = (str(keys.get(name, "")) for name in ("host", "proxy"))
    if isinstance(address := keys.get("lndconnect"), str):
        with suppress(ValueError):
            host = LndConnect.read(address).host
    return host or LndSettings().host, proxy


def _section(name: str, values: Raw) -> Any:
    return Settings.model_validate({name: values}).model_dump()[name]


def _is_valid(section: str, values: Raw) -> bool:
    if any(key not in KEYS[section] for key in values):
        return False
    url = values.get("url") if section == "database" else None
    if isinstance(url, str) and not is_postgres(url) and odd_database(url) is not None:
        return False
    files = {key: each for key, each in values.items() if key in _FILES.get(section, ())}
    if not all(isinstance(each, str) and each for each in files.values()):
        return False
    try:
        _section(section, {key: each for key, each in values.items() if key not in files})
    except ValidationError:
        return False
    return True


def _changes(section: str, key: str, value: object) -> bool:
    return key in _FILES.get(section, ()) or bool(
        _section(section, {key: value}) != _section(section, {})
    )
