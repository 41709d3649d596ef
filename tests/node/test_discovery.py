"""An LND is found where LND and node boxes have it, with its address and its macaroons."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.node import discovery
from bot.node.boxes import BOXES, Box
from bot.node.discovery import find_nodes, listening


@pytest.mark.parametrize(
    ("written", "reached"),
    [
        ("0.0.0.0:10009", "127.0.0.1:10009"),
        ("0.0.0.0", "127.0.0.1:10009"),
        (":10011", "127.0.0.1:10011"),
        ("[::]:10009", "127.0.0.1:10009"),
        ("[::1]:10009", "[::1]:10009"),
        ("localhost", "localhost:10009"),
        ("10.21.21.9:10009", "10.21.21.9:10009"),
        ("tcp://127.0.0.1:10010", "127.0.0.1:10010"),
        ("unix:///var/run/lnd.sock", ""),
        ("unix:/var/run/lnd.sock", ""),
        ("http://localhost:8080", ""),
    ],
)
def test_where_lnd_listens_is_where_it_is_reached(written: str, reached: str) -> None:
    assert listening(written) == reached


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def lnd(folder: Path, *networks: str, conf: str = "") -> Path:
    (folder / "data/chain/bitcoin").mkdir(parents=True)
    (folder / "tls.cert").write_text("certificate")
    for network in networks:
        path = folder / "data/chain/bitcoin" / network / "admin.macaroon"
        path.parent.mkdir()
        path.write_bytes(b"macaroon")
    if conf:
        (folder / "lnd.conf").write_text(conf)
    return folder


def test_plain_lnd_is_found_in_the_home_with_the_macaroon_of_each_network(home: Path) -> None:
    folder = lnd(home / ".lnd", "testnet", "mainnet")
    (found,) = find_nodes()
    assert (found.name, found.address) == ("LND", "127.0.0.1:10009")
    assert found.certificate == folder / "tls.cert"
    networks = [path.parent.name for path in found.admins]
    assert networks == ["mainnet", "testnet"]
    assert not found.is_closed


@pytest.mark.parametrize(
    ("conf", "address"),
    [
        ("[Application Options]\nrpclisten=0.0.0.0:10011\n", "127.0.0.1:10011"),
        ("; rpclisten=1.2.3.4\n# rpclisten=1.2.3.4\n rpclisten = localhost\n", "localhost:10009"),
        ("rpclisten=unix:///x.sock\nrpclisten=10.0.0.1:1\n", "10.0.0.1:1"),
        ("rpclistenx=10.0.0.1:1\nrestlisten=0.0.0.0:8080\n", "127.0.0.1:10009"),
        ("\x00\xff", "127.0.0.1:10009"),
    ],
)
def test_lnd_conf_says_where_it_listens(home: Path, conf: str, address: str) -> None:
    lnd(home / ".lnd", conf=conf)
    assert [each.address for each in find_nodes()] == [address]


def test_a_folder_that_is_named_is_the_only_one(home: Path) -> None:
    lnd(home / ".lnd")
    own = lnd(home / "mine", "regtest")
    (found,) = find_nodes(own)
    assert found.certificate == own / "tls.cert"
    assert [path.parent.name for path in found.admins] == ["regtest"]
    assert find_nodes(home) == []


def test_one_folder_with_two_names_is_found_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".lnd").symlink_to(lnd(home / "disk"))
    boxes = [*BOXES, Box("Box", str(home / "disk"))]
    monkeypatch.setattr(discovery, "BOXES", boxes)
    assert [each.name for each in find_nodes()] == ["LND"]


def test_every_box_has_a_name_and_a_folder_of_its_own() -> None:
    assert len({box.folder for box in BOXES}) == len(BOXES)
    assert all(box.name for box in BOXES)
