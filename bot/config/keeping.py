"""What a settings file says beside what a setup asks for, to write it into a new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.problems import Kind
from bot.config.settings import Raw, Settings
from bot.config.sources import KEYS, read_raw
from bot.config.values import odd_database
from bot.errors import ConfigError

#: What a setup asks for.
_ASKED = {
    "telegram": ("token", "token_file"),
    "lnd": ("host", "tls_cert", "macaroon", "lndconnect", "proxy"),
}


@dataclass(frozen=True)
class Kept:
    """Section → key → value as the file has it, but for defaults; `lost`: what can't be kept.

    `is_readable`: whether it is a settings file at all.
    """

    values: Raw = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    is_readable: bool = True

    def get(self, section: str, key: str, default: Any = None) -> Any:
        """One of them."""
        return self.values.get(section, {}).get(key, default)

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
    return Kept(values, tuple(lost))


def _section(name: str, values: Raw) -> Any:
    return Settings.model_validate({name: values}).model_dump()[name]


def _is_valid(section: str, values: Raw) -> bool:
    if any(key not in KEYS[section] for key in values):
        return False
    url = values.get("url") if section == "database" else None
    if isinstance(url, str) and odd_database(url) is not None:
        return False
    try:
        _section(section, values)
    except ValidationError:
        return False
    return True


def _changes(section: str, key: str, value: object) -> bool:
    return bool(_section(section, {key: value}) != _section(section, {}))
