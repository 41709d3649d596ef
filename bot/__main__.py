"""Where the program begins, as `python -m bot` and as `invoice-bot`. Knows what a start costs."""

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; ends the process."""
    # Next to nothing of what an import makes is garbage: looking for it takes a quarter of a start.
    # What runs for long looks again (`cli`).
    gc.disable()
    # structlog and httpx take it along, if it is there, for colours that nobody sees: 3 MB.
    sys.modules["rich"] = None  # type: ignore[assignment]
    from bot import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
