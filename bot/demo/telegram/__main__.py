"""The simulated Telegram as a program, `python -m bot.demo.telegram`. Knows its command line."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from bot.demo.telegram.control import HELP, Control
from bot.demo.telegram.sim import SimTelegram

_DESCRIPTION = """\
A simulated Telegram: the Bot API over HTTP, with people and chats inside.

Point a bot at it: base_url is URL/bot, base_file_url is URL/file/bot.
"""
_EXAMPLE = """
Example:

  python -m bot.demo.telegram --listen 127.0.0.1:8081
  curl -d '{"first_name": "Ann"}' http://127.0.0.1:8081/sim/users
  curl -d '{"chat": 5000000002, "user": 5000000002, "text": "/start"}' http://127.0.0.1:8081/sim/say
"""


async def main() -> int:
    """Run until Ctrl-C or SIGTERM. Returns the exit code."""
    arguments = _arguments()
    host, port = arguments.listen
    sim = SimTelegram()
    sim.add_bot(arguments.token, arguments.username, "Simulated")
    sim.limit_floods(arguments.floods)
    try:
        await sim.start(host, port, routes=Control(sim).routes())
    except OSError as error:
        sys.stderr.write(f"Can't listen at {host}:{port}: {error}\n")
        return 1
    sys.stdout.write(f"token {arguments.token}\nbase_url {sim.url}/bot\n{sim.url}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await sim.stop()
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bot.demo.telegram",
        description=_DESCRIPTION,
        epilog=HELP + _EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--listen", default="127.0.0.1:8081", metavar="HOST:PORT", type=_address)
    parser.add_argument("--token", default="7000000001:simulated", help="the first bot's token")
    parser.add_argument("--username", default="simulated_bot", help="the first bot's name")
    parser.add_argument("--floods", action="store_true", help="keep Telegram's flood limits")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
