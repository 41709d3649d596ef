"""The simulated node's folder: certificate, key and macaroons. Knows files, no call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import grpc

from bot.demo.node import certificate, macaroons


class Files:
    """tls.cert, tls.key and LND's three macaroon files in `folder`."""

    def __init__(self, folder: Path, bakery: macaroons.Bakery) -> None:
        self.folder = folder
        self._bakery = bakery
        self._prepared = False

    def prepare(self) -> None:
        """At the first start: write macaroons, and a certificate unless a valid one is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._prepared:
            return
        if not certificate.usable(self.folder):
            certificate.make(self.folder)
        self._write_macaroons()
        self._prepared = True

    def credentials(self) -> grpc.ServerCredentials:
        """Key and certificate, read from their files."""
        key, chain = (self.folder / "tls.key", self.folder / "tls.cert")
        return grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])

    def bake(
        self,
        permissions: Iterable[str],
        *,
        root_key_id: int = 0,
        caveats: Sequence[str] = (),
        save_to: str | None = None,
    ) -> bytes:
        """A macaroon of this node, also written to the file `save_to` of the folder if given."""
        baked = self._bakery.bake(permissions, root_key_id=root_key_id, caveats=caveats)
        if save_to is not None:
            path = self.folder / save_to
            path.touch(mode=0o600)
            path.write_bytes(baked)
        return baked

    def renew_macaroons(self) -> None:
        """New root keys and new files: every macaroon baked before fails."""
        self._bakery.renew()
        self._write_macaroons()

    def renew_certificate(
        self,
        *,
        valid_s: int = certificate.VALID_S,
        hosts: Sequence[str] = certificate.HOSTS,
        by_authority: bool = False,
    ) -> None:
        """Write a new key and certificate."""
        certificate.make(self.folder, valid_s=valid_s, hosts=hosts, by_authority=by_authority)

    def contents(self) -> dict[str, bytes]:
        """Every file of the folder, by its name."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def put_back(self, contents: Mapping[str, bytes]) -> None:
        """Files as they were."""
        for name, content in contents.items():
            (self.folder / name).write_bytes(content)

    def _write_macaroons(self) -> None:
        self.bake(macaroons.ADMIN, save_to="admin.macaroon")
        self.bake(macaroons.INVOICE, save_to="invoice.macaroon")
        self.bake(macaroons.READONLY, save_to="readonly.macaroon")
