"""The simulated node as a program of its own, `python -m bot.demo.node`. Knows its command line."""

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

from bot.demo.node import control
from bot.demo.node.sim import SimNode

_FILES = ("tls.cert", "admin.macaroon", "invoice.macaroon", "readonly.macaroon")
_EXAMPLE = """\
example:
  python -m bot.demo.node --dir /tmp/node --control 127.0.0.1:10010
  curl --json '{"payment_request": "lnsb..."}' http://127.0.0.1:10010/pay

"""


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGINT or SIGTERM. Exits with 1 and a sentence when it can't listen."""
    options = _options(arguments)
    try:
        asyncio.run(_run(options.listen, options.dir, options.control))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        sys.exit(f"Can't start: {error.strerror or error}{where}")


async def _run(listen: tuple[str, int], folder: Path, control_at: tuple[str, int] | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, port = listen
    async with SimNode(folder, host=host, port=port) as node:
        _print(f"simulated node {node.identity_pubkey[:16]} at {node.address}")
        for name in _FILES:
            _print(f"  {folder / name}")
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
    application = control.control(node)
    server = _ControlServer(uvicorn.Config(application, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    _print(f"control: http://{host}:{listening.getsockname()[1]}")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _ControlServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the node, and the node ends this."""
        yield


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bot.demo.node",
        description="A simulated LND node that speaks gRPC, for trying out clients.",
        epilog=_EXAMPLE + control.HELP,
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


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
