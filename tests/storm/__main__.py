"""`python -m tests.storm --seed 7 --kills 50 --commands 300`: a line a figure, 1 on a break."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.storm.plan import draw
from tests.storm.run import run


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run one storm and tell what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--commands", type=int, default=300)
    parser.add_argument("--expiry", type=int, default=30, help="of each invoice, in seconds")
    parser.add_argument("--log-level", default="debug")
    parser.add_argument("--bots", type=int, default=1, help="processes; more than one: on postgres")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--keep", type=Path, help="a folder for database, log and events")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10_000)
    plan = draw(seed, kills=args.kills, commands=args.commands, expiry_s=args.expiry)
    on_server = args.database == "postgres"
    if args.bots > 1 and not on_server:
        _say("more than one process needs --database postgres: a file is one process's")
        return 2
    _say(f"seed {seed}: {args.kills} kills, {args.commands} commands, {plan.lasts_s:.0f} s")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        place = args.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if (place / "bot.db").exists():
            _say(f"{place} holds an earlier storm: name another folder")
            return 2
        storm = run(plan, place, log_level=args.log_level, bots=args.bots, on_server=on_server)
        report = asyncio.run(storm)
    _say("\n".join(report.lines))
    _say(f"{'seconds':60}{time.monotonic() - began:8.0f}")
    if report.broken:
        again = f"--seed {seed} --kills {args.kills} --commands {args.commands}"
        if on_server:
            again += f" --bots {args.bots} --database postgres"
        _say(f"\nBROKEN. Again with {again}")
        _say("\n".join(report.life))
    return 1 if report.broken else 0


sys.exit(main())
