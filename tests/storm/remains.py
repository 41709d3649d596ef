"""What the bot leaves behind: its rows and its log. Knows the database's columns."""

from __future__ import annotations

import base64
import re
import time
from datetime import datetime
from itertools import chain
from urllib.parse import quote

from bot.core.work import Lane
from bot.demo.node import OPEN, SETTLED
from tests.storm.book import Book
from tests.storm.breaks import LEFT_BEHIND, SECRETS, Break
from tests.storm.lives import FULL, WHILE_FULL
from tests.storm.outside import Outside

#: Tenths of a second after which it is no chance that the bot made no call in each second.
SURE = 20

_STATES: dict[int, str] = {OPEN: "open", SETTLED: "settled"}


def rows(outside: Outside) -> list[Break]:
    """Rows that are stuck, overdue, or not as the node has them."""
    breaks: list[Break] = []
    names = "id, state, due_at, lane, sending, faults, payment_hash, card_shown, chat_id"
    found = outside.read(f"SELECT {names} FROM invoices")
    now = time.time()
    by_hash = outside.node.invoices
    commands = outside.by_hash
    for id_, state, due_at, lane, sending, faults, hash_, shown, chat_id in found:
        command = commands.get(hash_)
        row = f"row {id_} ({state}, shows {shown!r}, lane {lane})"
        is_lost = chat_id in outside.lost_moves
        # a question that another one replaced keeps its marker after a kill, and nothing reads it
        is_on_its_way = sending and state != "dropped"
        if faults >= 10 or is_on_its_way or (lane > 3 and not is_lost):
            breaks.append(Break(LEFT_BEHIND, f"{row} is stuck: {sending} {faults}", command))
        if due_at is not None and due_at < now - 3:
            breaks.append(Break(LEFT_BEHIND, f"{row} is overdue by {now - due_at:.1f} s", command))
        if hash_ in by_hash:
            at_node = by_hash[hash_]
            wanted = _STATES.get(at_node.state)
            if wanted != state if wanted else state not in ("expired", "cancelled", "failed"):
                breaks.append(
                    Break(LEFT_BEHIND, f"{row} is {at_node.state_name} at the node", command)
                )
        elif state not in ("failed", "asking", "dropped"):
            breaks.append(Break(LEFT_BEHIND, f"{row} is unknown to the node", command))
    return breaks + _boards(outside, now)


def _boards(outside: Outside, now: float) -> list[Break]:
    """Boards that are stuck or overdue; one that is open rests until its end."""
    names = "id, state, due_at, lane, sending, faults, chat_id, memo"
    found = outside.read(f"SELECT {names} FROM boards")
    breaks: list[Break] = []
    bills = {bill.memo: bill for bill in outside.bills}
    for id_, state, due_at, lane, sending, faults, chat_id, memo in found:
        board = f"board {id_} ({state}, lane {lane})"
        is_lost = chat_id in outside.lost_moves
        if faults >= 10 or sending or (lane == Lane.UNREACHABLE and not is_lost):
            what = f"{board} is stuck: {sending} {faults}"
            breaks.append(Break(LEFT_BEHIND, what, bills.get(memo)))
        if due_at is not None and due_at < now - 3:
            what = f"{board} is overdue by {now - due_at:.1f} s"
            breaks.append(Break(LEFT_BEHIND, what, bills.get(memo)))
        if memo not in bills:
            breaks.append(Break(LEFT_BEHIND, f"{board} is of no bill"))
    return breaks


def after_the_end(outside: Outside, book: Book, exit_code: int) -> list[Break]:
    """What the processes left behind: an exit code and their log."""
    wrongs = [*([f"exit code {exit_code}"] if exit_code else []), *book.wrongs]
    full, calls = (book.figures.get(each, 0) for each in (FULL, WHILE_FULL))
    if full >= SURE and calls < full / 10:
        wrongs.append("the bot stands still while nobody reads its log")
    log = outside.bot.log.text()
    if outside.server is not None:
        wrongs += outside.callers.wrongs(outside.server.terms())[:5]
    for sign in (
        *["Traceback", "row is stuck", "changed nothing", "skipped", "row left as it is"],
        *["ResourceWarning", "never awaited", "was destroyed", "never retrieved"],
        *["unexpected error", "failed\x1b", "step crashed", "Unclosed"],
    ):
        found = [line for line in log.splitlines() if sign in line]
        if found:
            wrongs.append(f"{len(found)} times in the log: {found[0][:300]}")
    return [*(Break(LEFT_BEHIND, wrong) for wrong in wrongs), *_secrets(outside, log)]


def _secrets(outside: Outside, log: str) -> list[Break]:
    macaroon = (outside.node.folder / "admin.macaroon").read_bytes()
    secrets = [macaroon, *(each.preimage for each in outside.node.invoices.values())]
    tokens = set(outside.telegram.bots)
    quoted = {quote(token, safe="") for token in tokens}
    written = {*tokens, *quoted, *chain.from_iterable(map(spellings, secrets))}
    what = f"one of {len(secrets) + len(tokens)} secrets is in the log"
    return [Break(SECRETS, what) for secret in written if secret in log]


def spellings(secret: bytes) -> set[str]:
    """All that a secret can look like in a text: hex, base64, as Python or a plain file has it."""
    coded = {base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()}
    bare = {each.rstrip("=") for each in coded}
    raw = {repr(secret)[2:-1], secret.decode(errors="replace"), secret.decode("latin-1")}
    return {secret.hex(), secret.hex().upper(), *bare, *(quote(b, safe="") for b in bare), *raw}


def stalls(log: str) -> list[float]:
    """When a database server gave up a process that stood still, by that process's log."""
    return [at for at, line in log_lines(log) if "idle-session timeout" in line]


def log_lines(log: str) -> list[tuple[float, str]]:
    """The bot's log: when, and what."""
    lines = []
    for line in log.splitlines():
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        stamp, _, rest = plain.partition(" ")
        try:
            lines.append((datetime.fromisoformat(stamp).timestamp(), rest))
        except ValueError:
            continue
    return lines
