"""The simulated node as a program of its own."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bot.demo.node import SimNode
from bot.demo.node import __main__ as alone
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import LIMIT_S, UNAVAILABLE, connected, refusal


async def test_alone_it_is_steered_over_http_and_ends_cleanly(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.demo.node", "--listen", "127.0.0.1:0"),
        *("--dir", str(tmp_path), "--control", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        lines = [(await process.stdout.readline()).decode().rstrip() for _ in range(6)]
    where = re.fullmatch(r"simulated node 0[23][0-9a-f]{14} at (127\.0\.0\.1:\d+)", lines[0])
    assert where is not None
    assert [Path(line.strip()).name for line in lines[1:5]] == [
        "tls.cert",
        "admin.macaroon",
        "invoice.macaroon",
        "readonly.macaroon",
    ]
    control = lines[5].removeprefix("control: ")

    async def post(path: str, **body: Any) -> tuple[int, Any]:
        return await asyncio.to_thread(_post, f"{control}/{path}", body)

    node = SimNode(tmp_path)  # only for its folder
    macaroon = (tmp_path / "admin.macaroon").read_bytes()
    async with connected(node, macaroon, target=where[1]) as client:
        added = await client.add(value=5, memo="alone")
        assert await post("pay", payment_request="pizza") == (
            409,
            {"error": "invalid payment request: not a Lightning payment request"},
        )
        assert (await post("pay", pizza=1))[0] == 400
        assert (await post("pay", payment_request=added.payment_request, amount_msat="1"))[0] == 400
        status, paid = await post("pay", payment_request=added.payment_request)
        assert (status, paid["state"], paid["paid_msat"]) == (200, "settled", 5000)
        assert (await client.lookup(added.r_hash)).state == pb.Invoice.SETTLED
        assert await post("lock") == (200, {"alive": True, "state": "LOCKED"})
        assert await client.state() == "LOCKED"
        assert await post("unlock") == (200, {"alive": True, "state": "SERVER_ACTIVE"})
        assert (await post("stop"))[1]["alive"] is False
        assert (await refusal(client.state()))[0] == UNAVAILABLE
        assert (await post("start"))[1] == {"alive": True, "state": "SERVER_ACTIVE"}
        await client.back()
        assert (await post("kill"))[1]["alive"] is False
    process.terminate()
    async with asyncio.timeout(LIMIT_S):
        assert await process.wait() == 0


def _post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "10009"], "expected HOST:PORT, found '10009'"),
        (["--listen", "127.0.0.1:99999"], "expected HOST:PORT"),
        (["--control", "0.0.0.0:10010"], "only 127.0.0.1 or localhost"),
    ],
)
def test_wrong_options_are_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as caught:
        alone.main(["--dir", str(tmp_path), *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--listen", "--control"])
def test_alone_a_port_in_use_is_one_sentence(option: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = {"--dir": str(tmp_path), "--listen": "127.0.0.1:0", option: address}
        with pytest.raises(SystemExit) as caught:
            alone.main([text for pair in arguments.items() for text in pair])
    assert str(caught.value.code).startswith("Can't start: ")
    assert address in str(caught.value.code)
    assert "in use" in str(caught.value.code)
