"""The demo's bot: the very `run`, in a process that ends with the demo. Knows only its own start.

`python -m bot.demo.bot --config FILE` is `python -m bot run --config FILE` with two differences.
Standard input is the demo's hand: each line says by how many seconds the demo's clock is ahead of
this machine's, which sets this process's clock, and its end is the end of the demo, which kills
this process. The first line says that the settings are written.
"""

from __future__ import annotations

import ctypes
import gc
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

#: Of Linux' prctl, as <linux/prctl.h> has it.
PR_SET_PDEATHSIG = 1

_ahead_s = 0.0
_said = b""


def main() -> NoReturn:
    """Load what the bot needs, wait for the first line, and be `run`."""
    _end_with_parent()
    gc.disable()  # as the program's own beginning has it
    program = runpy.run_module("bot", run_name="program")
    sys.modules.update(dict.fromkeys(program["_UNUSED"]))
    _set_clock()
    # while the node and Telegram of the demo still start; gRPC reads this as it is loaded, which
    # `run` does once `logs` has set it
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import_module("bot.app")
    if not _heeded():
        _end()
    threading.Thread(target=_heed, name="demo", daemon=True).start()
    sys.argv[1:] = ["run", *sys.argv[1:]]
    begin: Callable[[], NoReturn] = program["main"]
    begin()


def _end_with_parent() -> None:
    """The kernel kills this process with the demo's, where it can; `_heed` does it everywhere."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _set_clock() -> None:
    """This process's clock is the demo's from now on, as if somebody had set the machine's."""
    real = time.time
    clocks: Any = time
    clocks.time = lambda: real() + _ahead_s


def _heed() -> NoReturn:
    while _heeded():
        pass
    _end()


def _heeded() -> bool:
    """Whether there was one more line, and its word was taken."""
    global _ahead_s, _said  # noqa: PLW0603 -- one clock for one process
    while b"\n" not in _said:
        # not by way of sys.stdin, which a thread that waits there would keep from being closed
        more = os.read(0, 100)
        if not more:
            return False
        _said += more
    line, _, _said = _said.partition(b"\n")
    _ahead_s = float(line)
    return True


def _end() -> NoReturn:
    """At once, as everything else of the demo is gone."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


if __name__ == "__main__":
    main()
