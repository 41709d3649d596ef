"""A new settings file, as `invoice-bot setup` writes it: few keys, each with what it is for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.config import EXAMPLE_FILE
from bot.core.text import spelled
from bot.texts.setup import revoke

_HEAD = f"""\
# Settings of invoice-bot, written by "invoice-bot setup". {EXAMPLE_FILE} has all keys.
# A line that begins with "# " and a key shows that key's default. After a change, restart the bot.
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
) -> str:
    """The file's content. One of `token` and `token_file` is set."""
    revoking = f" It is revoked by\n# {revoke(root_key_id)}" if root_key_id not in ("", "0") else ""
    return "\n".join(
        [
            _HEAD,
            "[telegram]",
            f"# Of @{spelled(username)}. Anyone with the token controls the bot: keep it secret.",
            _key("token_file", token_file) if token_file else _key("token", token),
            *(["", "# The Bot API server.", _key("api_url", api_url)] if api_url else []),
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
            "",
            "[invoices]",
            "# How long an invoice can be paid, and the largest amount in sats.",
            '# expiry = "1h"',
            "# max_sats = 1000000",
            "",
            "[access]",
            "# Ids of users and groups; the command /id shows them.",
            f"owners = {list(owners)}",
            "# users = []",
            "# chats = []",
            "",
            "[database]",
            _key("url", f"sqlite:///{database}"),
            "",
        ]
    )


def _key(name: str, value: str) -> str:
    """A basic string of TOML: like JSON's, but that it has no letter 127."""
    shown = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return f"{name} = {shown}"
