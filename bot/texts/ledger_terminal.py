"""What people at a terminal read of all invoices: a table that fits it, and figures. Plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.core.amounts import format_sats
from bot.core.answers import NodeStatus
from bot.core.invoice import Face, Invoice, State
from bot.core.ledger import Overview, Show, asker_of, state_of
from bot.core.text import clean_line, clean_name, spelled
from bot.texts.errors import why
from bot.texts.ledger import figures, stuck
from bot.texts.notices import lasted
from bot.texts.phrases import can_receive

_NONE = {
    Show.ALL: "No invoices.",
    Show.OPEN: "No open invoices.",
    Show.PAID: "No paid invoices.",
}


def no_invoices(show: Show) -> str:
    """In place of a table that would be empty."""
    return _NONE[show]


def more_than(number: int) -> str:
    """Under a table that has no more than so many."""
    return f"There are more than {number}. To see them, use --limit."


#: Columns of a name, and of the memo at least; a terminal that has less room shows fewer columns.
_NAME, _MEMO = 16, 12
_GAP = "  "
_HEADS = ("ASKED", "STATE", "AMOUNT", "BY", "IN", "MEMO")


def invoice_table(rows: Sequence[Invoice], width: int) -> str:
    """A line each, no wider than `width` columns: when, state, amount, who, where, what for."""
    table = [_HEADS, *(_cells(row) for row in rows)]
    wide = [max(_columns(cells[at]) for cells in table) for at in range(len(_HEADS))]
    # What is left for the last three, the memo first.
    room = width - sum(wide[:3]) - len(_GAP) * 5
    names = [min(wide[3], _NAME), min(wide[4], _NAME)]
    while room - sum(names) < _MEMO and any(each > 4 for each in names):
        names[names.index(max(names))] -= 1
    sizes = [*wide[:3], *names, max(room - sum(names), 0)]
    return "\n".join(_line(cells, sizes, width) for cells in table)


def _cells(row: Invoice) -> tuple[str, ...]:
    at = datetime.fromtimestamp(row.asked_at, UTC).astimezone()
    state = "not confirmed" if row.face is Face.UNCONFIRMED else state_of(row)
    msat = row.paid_msat if row.state is State.SETTLED and row.paid_msat else row.amount_msat or 0
    who = clean_name(asker_of(row)[0]) or "-"
    where = clean_name(row.chat_title) or ("private" if row.chat_id > 0 else "-")
    return (f"{at:%Y-%m-%d %H:%M}", state, format_sats(msat), who, where, clean_line(row.memo))


def _line(cells: Sequence[str], sizes: Sequence[int], width: int) -> str:
    shown = []
    for at, (text, size) in enumerate(zip(cells, sizes, strict=True)):
        fitted = _fitted(text, size)
        blank = " " * (size - _columns(fitted))
        shown.append(blank + fitted if at == _HEADS.index("AMOUNT") else fitted + blank)
    return _fitted(_GAP.join(shown).rstrip(), width)


def _fitted(text: str, size: int) -> str:
    """The text, or its beginning with an ellipsis, in no more than `size` columns."""
    if _columns(text) <= size:
        return text
    kept = ""
    for c in text:
        if _columns(kept + c) > size - 1:
            break
        kept += c
    return kept + "…" if size else ""


def _columns(text: str) -> int:
    """How many columns a terminal shows it in."""
    return sum(map(_width, text))


def _width(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def status_lines(
    node: NodeStatus,
    overview: Overview,
    *,
    is_running: bool,
    version: str = "",
    started_at: float = 0.0,
    name: str = "",
    silent_s: float = 0.0,
    is_moved: bool = False,
    others: Sequence[str] = (),
) -> str:
    """A line each: the bot, the node, what is open and paid. `started_at` in Unix seconds.

    `name`: of several processes the active one's; `others`: the sections of the settings that this
    one has otherwise. `silent_s`: for how many seconds it has shown no sign of life, where that is
    too long. `is_moved`: move-database has the database.
    """
    stands = "not running, as move-database is at work" if is_moved else "not running"
    running = f"{spelled(name)} is active" if name else "running"
    running += f" since {_local(started_at)}" if started_at else ""
    running += f", version {spelled(version)}" if version else ""
    running += f", but without a sign of life for {lasted(silent_s)}" if silent_s else ""
    lines = [f"Bot: {running if is_running else stands}"]
    if others:
        lines.append(f"Settings: the active process has others than these ({', '.join(others)})")
    lines.append(f"Node: {_node(node)}")
    if node.inbound_msat is not None:
        lines.append(f"Inbound: the node {can_receive(node.inbound_msat)} now")
    lines += figures(overview)
    last = "none"
    if overview.last_paid_at:
        last = f"{format_sats(overview.last_paid_msat)}, {_local(overview.last_paid_at)}"
    return "\n".join([*lines, f"Last payment: {last}", *stuck(overview)])


def _node(node: NodeStatus) -> str:
    if node.away is not None:
        return why(node.away)
    if node.info is None:
        return "answers, but does not say who it is"
    info = node.info
    network = f" on {spelled(info.network)}" if info.network else ""
    synced = "synced" if info.synced_to_chain else "not synced"
    alias = clean_name(info.alias) or spelled(info.identity_pubkey)
    return f"{alias}{network}, {synced}, at block {info.block_height:,}"


def _local(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M %Z}"
