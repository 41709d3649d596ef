"""Where LND's files are on plain LND and on node boxes, and how lncli is run there. Opens no file.

Each path was read in the box's own repository, named beside it. A path that begins with ~ is below
the home of the user who runs LND there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: LND's own place for it, below its folder; mainnet is in the place of another network's name.
ADMIN_MACAROON = "data/chain/bitcoin/mainnet/admin.macaroon"
#: What LND listens at unless lnd.conf says otherwise.
LOCAL_ADDRESS = "127.0.0.1:10009"


@dataclass(frozen=True, slots=True)
class Box:
    """One kind of node: what is where on its machine.

    `address`: where LND's gRPC is reached from the box itself, host:port; "" where it is open to
    containers only. `lncli`: the command that is lncli there, "" where none is known.
    """

    name: str
    folder: str
    address: str = LOCAL_ADDRESS
    lncli: str = "lncli"
    admin_macaroon: str = ADMIN_MACAROON
    tls_cert: str = "tls.cert"

    @property
    def certificate(self) -> Path:
        """LND's tls.cert."""
        return Path(self.folder).expanduser() / self.tls_cert

    @property
    def admin(self) -> Path:
        """LND's admin macaroon of mainnet."""
        return Path(self.folder).expanduser() / self.admin_macaroon


#: In the order in which it makes sense to look for them.
BOXES = (
    # github.com/lightningnetwork/lnd, sample-lnd.conf
    Box("LND", "~/.lnd"),
    # github.com/getumbrel/umbrel-apps, lightning/docker-compose.yml and exports.sh
    Box(
        "Umbrel",
        "/home/umbrel/umbrel/app-data/lightning/data/lnd",
        lncli="sudo docker exec lightning_lnd_1 lncli",
    ),
    # github.com/raspiblitz/raspiblitz, home.admin/config.scripts and assets/lnd.bitcoin.conf
    Box("RaspiBlitz", "/mnt/hdd/app-data/lnd"),
    Box("RaspiBlitz", "/mnt/hdd/lnd"),  # older versions of it
    # github.com/Start9Labs/lnd-startos, startos/interfaces.ts and assets
    Box(
        "StartOS",
        "/media/startos/data/package-data/volumes/lnd/data/main",
        address="",
        lncli="",
    ),
    # github.com/btcpayserver/btcpayserver-docker, docker-fragments/bitcoin-lnd.yml
    Box(
        "BTCPay Server",
        "/var/lib/docker/volumes/generated_lnd_bitcoin_datadir/_data",
        address="",
        lncli="docker exec btcpayserver_lnd_bitcoin lncli --macaroonpath /data/admin.macaroon",
        admin_macaroon="admin.macaroon",
    ),
)
