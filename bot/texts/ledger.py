"""What is read in a chat of all invoices: a list with pages, figures for owners, an export.

Telegram HTML, but for labels of buttons and what answers a press: those are plain text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.core.amounts import format_sats
from bot.core.answers import NodeStatus
from bot.core.board import Board
from bot.core.invoice import Face, Invoice, State
from bot.core.ledger import Overview, Page, Show
from bot.core.text import MAX_TEXT, clean_name, length, spelled
from bot.findings import Finding
from bot.texts.boards import first_line
from bot.texts.cards import FACE_SIGNS, by_whom, part_of
from bot.texts.owners import node_status
from bot.texts.phrases import amount, can_receive, count, escape, moment, name, paid_amount

IN_PRIVATE = "Please ask me that in private."
LIST_OUTDATED = "This list is out of date. Write /invoices for a new one."
LIST_OF_ANOTHER = "This list is somebody else's. Write /invoices for your own."
FILE_NOT_SENT = "I couldn't send the file. The log has the reason. Please try again later."
FILE_MAYBE_SENT = (
    "I sent the file, but Telegram didn't confirm it. It may have arrived. If not, ask again."
)
NEWER_BUTTON = "‹ Newer"
OLDER_BUTTON = "Older ›"

#: Characters of a memo in a list, and of each name where everyone's invoices are listed.
_MEMO, _NAME = 40, 24
_SHOWN = {Show.ALL: "All", Show.OPEN: "Open", Show.PAID: "Paid"}
_KINDS = {Show.ALL: "", Show.OPEN: "open ", Show.PAID: "paid "}
_STATES = {
    State.PENDING: f"{FACE_SIGNS[Face.WAITING]} pending",
    State.OPEN: f"{FACE_SIGNS[Face.OPEN]} open",
    State.SETTLED: f"{FACE_SIGNS[Face.PAID]} paid",
    State.EXPIRED: f"{FACE_SIGNS[Face.EXPIRED]} expired",
    State.CANCELLED: f"{FACE_SIGNS[Face.CANCELLED]} cancelled",
    State.FAILED: f"{FACE_SIGNS[Face.FAILED]} failed",
}
_UNCONFIRMED = f"{FACE_SIGNS[Face.UNCONFIRMED]} not confirmed"


def show_label(show: Show, shown: Show) -> str:
    """The button for these, marked where they are shown."""
    return f"· {_SHOWN[show]} ·" if show is shown else _SHOWN[show]


def listed(page: Page, show: Show, *, in_group: bool, is_everyones: bool = False) -> str:
    """A page of invoices, splits and collections, the newest first.

    `in_group`: those from there; `is_everyones`: who asked, and where, is said of each.
    """
    where = " here" if in_group else ""
    if not page.items and show is Show.ALL:
        nothing = (
            "There are no invoices yet." if is_everyones else f"You have no invoices{where} yet."
        )
        return f"{nothing} Try <code>/invoice 2100 pizza</code>."
    whose = "All" if is_everyones else "Your"
    latest = "latest " if show is Show.ALL and not page.has_newer and not is_everyones else ""
    lines = [f"<b>{whose} {latest}{_KINDS[show]}invoices{where}</b>"]
    if not page.items:
        lines.append("None.")
    for each in page.items:
        line = _of_invoice(each) if isinstance(each, Invoice) else _of_board(each)
        line += f" · {_whose(each)}" if is_everyones else ""
        line += f" · {moment(int(each.asked_at), 'Dt')}"
        if length("\n".join([*lines, line])) > MAX_TEXT:
            break
        lines.append(line)
    return "\n".join(lines)


def _of_invoice(row: Invoice) -> str:
    figure = paid_amount(row) if row.state is State.SETTLED else amount(row)
    state = _UNCONFIRMED if row.face is Face.UNCONFIRMED else _STATES.get(row.state, "")
    return f"{state} · {figure}{_memo(row.memo)}"


def _of_board(shown: Board) -> str:
    sign, _, state = first_line(shown).partition(" ")
    return f"{sign} {state}{_memo(shown.memo)}"


def _memo(text: str) -> str:
    """The first line of a memo, short."""
    first, *more = text.splitlines() or [""]
    short = first if len(first) <= _MEMO and not more else first[: _MEMO - 1] + "…"
    return f" – {shown}" if (shown := name(short)) else ""


def _whose(each: Invoice | Board) -> str:
    """Who asked for it, and where; of a part whose it is. Short: ten of them are one message."""
    if isinstance(each, Board):
        where = f" in {group}" if (group := name(_short(each.chat_title))) else ""
        return f"by {name(_short(each.asker_name)) or 'someone'}{where}"
    row = replace(
        each,
        asker_name=_short(each.asker_name),
        part_for=_short(each.part_for),
        chat_title=_short(each.chat_title),
    )
    return part_of(row) if row.board_id else by_whom(row, name(row.asker_name) or "someone")


def _short(text: str) -> str:
    shown = clean_name(text)
    return shown if len(shown) <= _NAME else shown[: _NAME - 1] + "…"


# figures


def status(
    node: NodeStatus,
    overview: Overview | None,
    macaroon: Iterable[Finding] = (),
    *,
    version: str,
    started_at: float,
) -> str:
    """How the node is, what is open and paid, and which bot runs since when (Unix seconds).

    `overview` None: the database takes no question now.
    """
    of_node = [node_status(node, macaroon)]
    if node.inbound_msat is not None:
        of_node.append(f"It {can_receive(node.inbound_msat)} now.")
    if overview is None:
        of_invoices = ["⚠️ I can't read my database right now. See the log for details."]
    else:
        of_invoices = figures(overview)
        if overview.last_paid_at:
            at = moment(overview.last_paid_at, "Dt")
            of_invoices.append(f"Last payment: {format_sats(overview.last_paid_msat)}, {at}")
        of_invoices += stuck(overview)
    since = moment(int(started_at), "Dt")
    of_bot = f"Version {escape(version)}, running since {since}"
    return "\n\n".join(["\n".join(of_node), "\n".join(of_invoices), of_bot])


def figures(overview: Overview) -> list[str]:
    """What is open, and what was paid today; plain text as well."""
    lines = [f"Open: {_sum(overview.open_count, 'invoice', overview.open_msat)}"]
    if overview.pending:
        lines.append(f"Not confirmed by the node yet: {count(overview.pending, 'invoice')}")
    if overview.unconfirmed:
        unknown = count(overview.unconfirmed, "invoice")
        lines.append(f"Expired, and the node has not said whether paid: {unknown}")
    paid = _sum(overview.paid_count, "payment", overview.paid_msat)
    return [*lines, f"Paid today: {paid}"]


def stuck(overview: Overview) -> list[str]:
    """What is left alone after too many faults, a line if anything is; plain text as well."""
    left = [count(overview.stuck, "invoice")] if overview.stuck else []
    if boards := overview.stuck_boards:
        left.append("1 split or collection" if boards == 1 else f"{boards} splits or collections")
    return [f"{' and '.join(left)} can't be finished: see the log"] if left else []


def _sum(number: int, what: str, msat: int) -> str:
    if not number:
        return "none"
    return count(number, what) + (f", {format_sats(msat)}" if msat else "")


def exported(number: int) -> str:
    """The caption of an export."""
    return f"{count(number, 'invoice')}. Times are in UTC, amounts in millisatoshi and in sats."


def exported_to(file: str, number: int) -> str:
    """The same of a file at a terminal; plain text."""
    return f"The file {spelled(file)} has {count(number, 'invoice')}."
