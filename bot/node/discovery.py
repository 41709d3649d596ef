"""Which LND may be on this machine: its address, certificate and admin macaroons. Knows lnd.conf.

Files are looked for and read; nothing is asked and nothing is written.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.config import files
from bot.node.boxes import BOXES, LOCAL_ADDRESS, Box

#: LND's gRPC port unless lnd.conf names another one.
PORT = 10009
#: What a listener on every address is reached at from its own machine.
_EVERYWHERE = {"", "0.0.0.0", "[::]", "*"}  # noqa: S104 -- read, and never bound


@dataclass(frozen=True, slots=True)
class FoundNode:
    """An LND whose certificate is on this machine.

    `name`: what kind of node it is; `address`: host:port, "" where its gRPC is open to containers
    only; `admins`: the admin macaroons beside it, mainnet's first, readable or not; `is_closed`:
    this user cannot read the certificate; `lncli` as in `Box`.
    """

    name: str
    address: str
    certificate: Path
    admins: tuple[Path, ...] = ()
    is_closed: bool = False
    lncli: str = "lncli"


def find_nodes(folder: Path | None = None) -> list[FoundNode]:
    """Every LND that is where one of the known boxes has it, or in `folder` alone."""
    boxes = BOXES if folder is None else (Box("LND", str(folder)),)
    found: dict[Path, FoundNode] = {}
    for box in boxes:
        certificate = box.certificate
        is_there, is_readable = _seen(certificate)
        if is_there:
            node = FoundNode(
                name=box.name,
                address=_address(Path(box.folder).expanduser(), box.address),
                certificate=certificate,
                admins=tuple(_admins(box)),
                is_closed=not is_readable,
                lncli=box.lncli,
            )
            found.setdefault(_real(certificate), node)  # one folder can have two names
    return list(found.values())


def _seen(path: Path) -> tuple[bool, bool]:
    """Whether something is there, and whether it can be read."""
    try:
        with path.open("rb"):
            return True, True
    except PermissionError:
        return True, False
    except OSError:
        return False, False


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _admins(box: Box) -> Iterator[Path]:
    """LND has a folder for each network; one that is not there is left out."""
    names = dict.fromkeys([box.admin])
    with contextlib.suppress(OSError):
        chains = Path(box.folder).expanduser() / "data/chain/bitcoin"
        names |= dict.fromkeys(sorted(chains.glob("*/admin.macaroon")))
    yield from (path for path in names if _seen(path)[0])


# lnd.conf


def _address(folder: Path, default: str) -> str:
    """Where lnd.conf lets gRPC listen, else `default`."""
    for key, value in _settings(folder / "lnd.conf"):
        if key == "rpclisten" and (address := listening(value)):
            return address if default else ""
    return default


def _settings(path: Path) -> Iterator[Sequence[str]]:
    try:
        text = files.read(path).decode(errors="replace")
    except (OSError, ValueError, files.TooLarge, files.NoEnd):
        return
    for line in text.splitlines():
        if match := re.match(r"\s*(\w[\w.]*)\s*=\s*(\S+)\s*(?:[;#].*)?$", line):
            yield match.groups()


def listening(value: str) -> str:
    """The host:port at which one of LND's rpclisten is reached from its own machine.

    "" for what is no TCP address.
    """
    if "://" in value and not value.startswith("tcp://"):
        return ""
    match = re.fullmatch(
        r"(\[[0-9A-Fa-f:.]*\]|[^:\s]*)(?::(\d{1,5}))?", value.removeprefix("tcp://")
    )
    if match is None:
        return ""
    host, port = match[1], match[2] or str(PORT)
    local = LOCAL_ADDRESS.partition(":")[0]
    return f"{local if host in _EVERYWHERE else host}:{port}"
