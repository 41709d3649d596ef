"""Where the program begins, as `python -m bot` and as `invoice-bot`. Knows what a start costs."""

import gc
import signal
import sys
from typing import NoReturn

# Libraries import these if they are installed: structlog for colours that nobody sees, httpx for a
# command line of its own, with click and pygments. Together they need 6 MB. The import of a module
# that is None in sys.modules fails, as if it were not installed.
_UNUSED = ("rich", "httpx._main")


def main() -> NoReturn:
    """Run the command line; ends the process."""
    # To `run` it is a wish, which may come before what hears it is there.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    # Whoever starts it may keep these back for themselves, which a program inherits.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    # Next to nothing of what an import makes is garbage: collecting it takes a quarter of a start.
    # What runs for long collects again (`cli`).
    gc.disable()
    sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]
    try:
        from bot import cli  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)  # as later, and as a shell has it
    cli.main()


if __name__ == "__main__":
    main()
