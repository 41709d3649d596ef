"""The bot on a host whose clock is set: `python -m tests.clocked FILE run --config FILE`.

Nobody may set the clock of the machine that runs the tests. This host's clock is as many seconds
ahead as the first file says at the moment; all else is as `python -m bot` has it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from bot import app, logs
from bot.config import load


async def main(ahead: Path, config: Path) -> None:
    """Until SIGTERM."""
    settings = load(config)
    logs.setup(settings.log.level, settings.log.format)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.run(settings, clock=lambda: time.time() + float(ahead.read_text()), stop=stop)


if __name__ == "__main__":
    _, first, _, _, last = sys.argv
    asyncio.run(main(Path(first), Path(last)))
