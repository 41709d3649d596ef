"""What the command line answers beforehand. Knows the flags, not what they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Given:
    """A flag each; None or "" where it was not given. `token` is secret.

    `starts`: None where that is asked.
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
