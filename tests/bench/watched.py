"""The bot of `run`, and in its loop a task that notes when it could not run in time.

Run with the settings file, and the file that gets what was noted: a JSON list of
[Unix seconds at its end, seconds of delay, seconds of it that the loop's thread computed].
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from bot import app, logs
from bot.config import load

STEP_S = 0.002
#: Shorter delays are not worth a note.
NOTED_S = 0.005

Delay = tuple[float, float, float]


async def watch(delays: list[Delay]) -> None:
    while True:
        due, computed_s = time.monotonic() + STEP_S, time.thread_time()
        await asyncio.sleep(STEP_S)
        late_s = time.monotonic() - due
        if late_s >= NOTED_S:
            delays.append((time.time(), late_s, time.thread_time() - computed_s))


async def main(config: Path, notes: Path) -> None:
    settings = load(config)
    logs.setup(settings.log.level, settings.log.format)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    delays: list[Delay] = []
    watching = asyncio.ensure_future(watch(delays))
    await app.run(settings, stop=stop)
    watching.cancel()
    notes.write_text(json.dumps(delays))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
