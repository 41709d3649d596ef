"""The simulated node as a process of its own: its command line, and the port that steers it.

There nobody holds the `SimNode` to pay an invoice, so `--control` opens a small HTTP port for that;
it asks for no password and therefore listens on this machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.demo.node.ledger import PaymentFailed, SimInvoice
from bot.demo.node.sim import SimNode

_FILES = ("tls.cert", "admin.macaroon", "invoice.macaroon", "readonly.macaroon")
_EXAMPLE = """\
example:
  python -m bot.demo.node --dir /tmp/node --control 127.0.0.1:10010
  curl --json '{"payment_request": "lnsb..."}' http://127.0.0.1:10010/pay

control port:
  POST /pay       {"payment_request": "lnsb...", "amount_msat": 1000}   (amount: if any, or more)
  POST /stop  /start  /kill  /lock  /unlock
  GET  /invoices
"""


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGINT or SIGTERM. Exit 1 with a sentence when it can't listen."""
    options = _options(arguments)
    try:
        asyncio.run(_run(options.listen, options.dir, options.control))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        sys.exit(f"Can't start: {error.strerror or error}{where}")


def control(node: SimNode) -> Starlette:
    """The HTTP application that steers `node`."""

    async def pay(request: Request) -> JSONResponse:
        try:
            asked = await request.json()
            payment_request, amount_msat = asked["payment_request"], asked.get("amount_msat")
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"error": "expected {payment_request, amount_msat?}"}, 400)
        if not isinstance(payment_request, str) or not isinstance(amount_msat, int | None):
            return JSONResponse({"error": "expected {payment_request, amount_msat?}"}, 400)
        try:
            return JSONResponse(_shown(node.pay(payment_request, amount_msat=amount_msat)))
        except PaymentFailed as error:
            return JSONResponse({"error": str(error)}, 409)

    async def invoices(_request: Request) -> JSONResponse:
        return JSONResponse([_shown(each) for each in node.invoices.values()])

    async def steer(request: Request) -> JSONResponse:
        match request.url.path.removeprefix("/"):
            case "start" if not node.alive:
                await node.start()
            case "stop":
                await node.stop()
            case "kill":
                await node.kill()
            case "lock":
                node.lock()
            case "unlock":
                await node.unlock()
        return JSONResponse({"alive": node.alive, "state": node.state})

    steering = [
        Route(f"/{verb}", steer, methods=["POST"])
        for verb in ("start", "stop", "kill", "lock", "unlock")
    ]
    return Starlette(
        routes=[Route("/pay", pay, methods=["POST"]), Route("/invoices", invoices), *steering]
    )


class _ControlServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the node, and the node ends this."""
        yield


def _shown(invoice: SimInvoice) -> dict[str, object]:
    return {
        "payment_hash": invoice.payment_hash.hex(),
        "payment_request": invoice.payment_request,
        "state": invoice.state_name,
        "memo": invoice.memo,
        "amount_msat": invoice.value_msat,
        "paid_msat": invoice.paid_msat,
        "created_at": invoice.created_at,
        "expires_at": invoice.expires_at,
        "add_index": invoice.add_index,
        "settle_index": invoice.settle_index,
    }


async def _run(listen: tuple[str, int], folder: Path, control_at: tuple[str, int] | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, port = listen
    async with SimNode(folder, host=host, port=port) as node:
        _say(f"simulated node {node.identity_pubkey[:16]} at {node.address}")
        for name in _FILES:
            _say(f"  {folder / name}")
        async with _controlled(node, control_at):
            await stop.wait()


@contextlib.asynccontextmanager
async def _controlled(node: SimNode, control_at: tuple[str, int] | None) -> AsyncIterator[None]:
    if control_at is None:
        yield
        return
    host, port = control_at
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    server = _ControlServer(uvicorn.Config(control(node), log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    _say(f"control: http://{host}:{listening.getsockname()[1]}")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bot.demo.node",
        description="A simulated LND node that speaks gRPC, for trying out clients.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        type=_host_and_port,
        default=("127.0.0.1", 10009),
        metavar="HOST:PORT",
        help="where gRPC listens (default 127.0.0.1:10009)",
    )
    parser.add_argument(
        "--dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="where tls.cert and the macaroons go",
    )
    parser.add_argument(
        "--control",
        type=_loopback,
        default=None,
        metavar="HOST:PORT",
        help="where HTTP steers the node (default: nowhere)",
    )
    return parser.parse_args(arguments)


def _host_and_port(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host, int(port)


def _loopback(text: str) -> tuple[str, int]:
    host, port = _host_and_port(text)
    try:
        on_this_machine = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        on_this_machine = host == "localhost"
    if not on_this_machine:
        raise argparse.ArgumentTypeError(f"only 127.0.0.1 or localhost, not {host!r}")
    return host, port


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
