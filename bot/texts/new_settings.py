"""A new settings file, as `invoice-bot setup` writes it: few keys, each with what it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.config import EXAMPLE_FILE
from bot.config.values import SQLITE, is_postgres
from bot.core.text import spelled
from bot.texts.setup import revoke

_HEAD = f"""\
# Settings of invoice-bot, written by "invoice-bot setup". {EXAMPLE_FILE} has all keys.
# A line that begins with "# " and a key shows that key's default. Changes in [access] and [limits]
# take effect once the bot gets SIGHUP (systemctl reload); for all others, restart it.
"""


def settings_file(
    *,
    token: str,
    token_file: str,
    username: str,
    api_url: str,
    host: str,
    tls_cert: str,
    macaroon: str,
    root_key_id: str,
    proxy: str,
    owners: Sequence[int],
    database: str,
    kept: Mapping[str, Mapping[str, Any]],
) -> str:
    """The file's content. One of `token` and `token_file` is set.

    `database`: the path of a file, or a server's address.
    `kept`: what an older file says beside these; section → key → value.
    """
    revoking = f" It is revoked by\n# {revoke(root_key_id)}" if root_key_id not in ("", "0") else ""
    return "\n".join(
        [
            _HEAD,
            "[telegram]",
            f"# Of @{spelled(username)}. Anyone with the token controls the bot: keep it secret.",
            _key("token_file", token_file) if token_file else _key("token", token),
            *(["", "# The Bot API server.", _key("api_url", api_url)] if api_url else []),
            *_kept(kept, "telegram"),
            "",
            "[lnd]",
            "# LND's gRPC address.",
            _key("host", host),
            "",
            '# LND\'s certificate, which the bot pins; "" if it comes from a public authority.',
            _key("tls_cert", tls_cert),
            "",
            f"# What the bot can do at the node; it can't spend.{revoking}",
            _key("macaroon", macaroon),
            *(["", "# An HTTP proxy to the node.", _key("proxy", proxy)] if proxy else []),
            *_kept(kept, "lnd"),
            "",
            "[invoices]",
            "# How long an invoice can be paid, and the largest amount in sats.",
            *_or_default(kept, "invoices", {"expiry": '"1h"', "max_sats": "1000000"}),
            "",
            "[access]",
            "# Ids of users and groups; the command /id shows them.",
            f"owners = {list(owners)}",
            *_or_default(kept, "access", {"users": "[]", "chats": "[]"}),
            "",
            *_sections(kept),
            "[database]",
            _key("url", database if is_postgres(database) else f"{SQLITE}{database}"),
            *_kept(kept, "database"),
            "",
        ]
    )


#: What is written by its own name.
_WRITTEN = {"access": ("owners",), "database": ("url",), "telegram": ("api_url",)}
_HERE = ("telegram", "lnd", "invoices", "access", "database")


def _sections(kept: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Those that a new file has not."""
    for section in kept:
        if section not in _HERE:
            yield from (f"[{section}]", *_kept(kept, section), "")


def _kept(kept: Mapping[str, Mapping[str, Any]], section: str) -> list[str]:
    written = _WRITTEN.get(section, ())
    values = kept.get(section, {})
    return [_key(name, value) for name, value in values.items() if name not in written]


def _or_default(
    kept: Mapping[str, Mapping[str, Any]], section: str, defaults: Mapping[str, str]
) -> list[str]:
    """The keys that are kept, and the defaults of those that are not, as remarks."""
    own = kept.get(section, {})
    remarks = [f"# {name} = {value}" for name, value in defaults.items() if name not in own]
    return [*_kept(kept, section), *remarks]


def _key(name: str, value: object) -> str:
    """A value of TOML: like JSON's, but that a string has no letter 127."""
    shown = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return f"{name} = {shown}"
