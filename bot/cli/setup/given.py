"""What the command line answers beforehand. Knows the flags, not what they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.config.values import is_onion


@dataclass(frozen=True, kw_only=True)
class Given:
    """A flag each; None or "" where it was not given. `token` is secret.

    `starts`: None where that is asked. `host_before` and `proxy_before`: the node of the settings
    that are there, and the proxy to it.
    """

    config: Path
    token: str
    token_file: Path | None
    api_url: str
    node: str
    tls_cert: str | None
    lnd_dir: Path | None
    lndconnect_file: Path | None
    proxy: str
    admin_macaroon: Path | None
    macaroon: Path | None
    owners: Sequence[int]
    database: Path | None
    replaces: bool
    yes: bool
    starts: bool | None
    host_before: str = ""
    proxy_before: str = ""

    def proxy_to(self, host: str) -> str:
        """The way to the node at host:port, "" for none: one that led elsewhere is none."""
        is_before = host == self.host_before or is_onion(host)
        return self.proxy or (self.proxy_before if is_before else "")
