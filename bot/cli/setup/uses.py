"""Each file of a setup is one thing. Knows paths, and no question."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

from bot.cli.common import NEEDS_FIXING
from bot.cli.setup.terminal import Stopped
from bot.cli.setup.writing import may_be_backup
from bot.store import targets
from bot.texts import setup as texts

#: A file, and what it is in a sentence.
Use = tuple[str, Path]


def refuse_two_uses(written: Sequence[Use], *, read: Sequence[Use], database: Path | None) -> None:
    """Raises Stopped where a file would be written over another one that is in use.

    `written`: what setup writes; `read`: what the settings will name, as it is; `database`: what
    the bot writes, with all that is beside it, None where that is a server's.
    """
    beside = [] if database is None else targets.of_database(database)
    its_own = [(texts.DATABASE, each) for each in beside]
    pairs = [*combinations(written, 2), *product(read, written), *product(its_own, written)]
    for (one, path), (other, same) in [*pairs, *product(its_own, read)]:
        if targets.is_one_of(path, [same]):
            raise Stopped(texts.two_uses(path, one, other), code=NEEDS_FIXING)
    for path, (name, file) in product(beside, written):
        if may_be_backup(path, file):
            other = texts.previous(name)
            raise Stopped(texts.two_uses(path, texts.DATABASE, other), code=NEEDS_FIXING)
