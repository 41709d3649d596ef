"""A new owner: an empty folder, a home in which LND may be, and what setup left. Not a test."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.config import Settings, load
from bot.node.check import RIGHTS
from bot.node.macaroon import read_macaroon, root_key_id
from tests.cli.person import LIMIT_S, ROOT, Person, at_terminal
from tests.world import World

NARROW = [f"uri:{right.method}" for right in RIGHTS]
#: The questions, by what they end with.
TOKEN_ASKED = "Token (it is not shown as you paste it): "
NODE_ASKED = "to paste an lndconnect address: "
ADDRESS_ASKED = "lndconnect address (it is not shown as you paste it): "
USE_ASKED = "Use this node? [Y/n] "
BAKE_ASKED = "kept nowhere. [Y/n] "
MACAROON_ASKED = "Macaroon (it is not shown as you paste it): "
WRITE_ASKED = "Write this? [Y/n] "
START_ASKED = "in this terminal? [Y/n] "
CERTIFICATE_ASKED = "public authority issued it: "


class NewOwner:
    """With nothing but a token and a node."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.home = world.folder / "home"
        self.lnd = self.home / ".lnd"
        self.folder = world.folder / "bot"
        self.home.mkdir()
        self.folder.mkdir()

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.home), "INVOICE_BOT_TELEGRAM__API_URL": self.world.telegram.url}

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def macaroon(self) -> Path:
        return self.folder / "bot.macaroon"

    def has_lnd(self, *, admin: bytes | None = None, listens: str = "") -> Path:
        """LND's folder, as LND lays it out; the path of its admin macaroon."""
        node = self.world.node
        path = self.lnd / "data/chain/bitcoin/simnet/admin.macaroon"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((node.folder / "admin.macaroon").read_bytes() if admin is None else admin)
        shutil.copy(node.folder / "tls.cert", self.lnd / "tls.cert")
        (self.lnd / "lnd.conf").write_text(
            f"[Application Options]\n; rpclisten=1.2.3.4\nrpclisten={listens or node.address}\n"
        )
        return path

    @asynccontextmanager
    async def sets_up(self, *flags: str, **env: str) -> AsyncIterator[Person]:
        """`invoice-bot setup` at a terminal."""
        async with at_terminal("setup", *flags, cwd=self.folder, env={**self.env, **env}) as person:
            yield person

    async def without_terminal(self, *flags: str, **env: str) -> tuple[int, str]:
        """The same where nobody can be asked: its exit code, and all that it says."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "setup", *flags),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.env, **env},
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(LIMIT_S):
            said, _ = await process.communicate()
        assert process.returncode is not None
        assert b"Traceback" not in said
        return process.returncode, said.decode()

    # what is there afterwards

    def settings(self) -> Settings:
        """The file that was written, as the bot reads it."""
        return load(self.config, env={})

    def wrote_nothing(self) -> bool:
        """Neither here nor at the node."""
        return not list(self.folder.iterdir()) and not self.world.node.calls["BakeMacaroon"]

    def is_narrow(self) -> bool:
        """Whether the bot's macaroon allows what it needs, and nothing else."""
        permissions, caveats = read_macaroon(self.macaroon.read_bytes())
        return permissions == {("uri", right.method) for right in RIGHTS} and not caveats

    def root_key(self) -> int:
        return int(root_key_id(self.macaroon.read_bytes()))

    def modes(self) -> set[int]:
        """Who can read what is there, but for the small files beside the database."""
        return {stat.S_IMODE(each.stat().st_mode) for each in self.folder.iterdir()}

    def spread(self) -> str:
        """Everything that is in any file below the folder, for secrets that must not be there."""
        files = [each for each in self.folder.rglob("*") if each.is_file()]
        return "\n".join(each.read_bytes().decode("latin-1") for each in files)
