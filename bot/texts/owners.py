"""What only the bot's owners read: notices, and how the node is. Telegram HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.answers import NodeInfo, NodeStatus
from bot.core.invoice import Invoice
from bot.core.notices import Kind, Notice
from bot.core.text import clean_name, spelled
from bot.findings import About, Finding, Mark, note
from bot.findings import Kind as Found
from bot.texts.boards import board_notice
from bot.texts.cards import by_whom, part_of
from bot.texts.errors import refusal
from bot.texts.notices import good_news, of_the_node, of_the_webhook, smaller
from bot.texts.phrases import amount, can_receive, count, escape, moment, name, remark
from bot.texts.terminal import cure, finding_line

#: What is said without values.
_SAID: Mapping[Kind, str] = {
    Kind.ADD_NOT_PERMITTED: (
        "I can't make invoices: my macaroon lacks a permission for that. "
        "Please bake one that has it. To see how, write /status."
    ),
    Kind.CANCEL_NOT_PERMITTED: (
        "My macaroon lacks the permission to cancel. Invoices that people cancel stay "
        "open at the node until they expire. Please bake a macaroon with that permission."
    ),
    Kind.NOT_SYNCED: (
        "The Lightning node has not been synced to the chain for minutes. Payments can fail until "
        "it is. Check that it reaches its Bitcoin backend: see lncli getinfo and LND's log."
    ),
    Kind.OTHER_COPY: (
        "Another copy of me runs with the same token. Each of us gets only some of the "
        "commands. Please stop one of us."
    ),
}


def owner_notice(notice: Notice) -> str:
    """What happened that an owner should know, and what to do."""
    if good := good_news(notice):
        return good
    if notice.kind in (
        Kind.BOARD_REFUSED,
        Kind.BOARD_UNTRUE,
        Kind.BOARD_UNTOLD,
        Kind.BOARD_STUCK,
    ):
        return f"⚠️ {board_notice(notice)}"
    said = _SAID.get(notice.kind) or of_the_node(notice) or of_the_webhook(notice) or _said(notice)
    return f"⚠️ {said}"


def _said(notice: Notice) -> str:
    which, why = _which(notice.invoice), escape(remark(notice.why))
    said = ""
    match notice.kind:
        case Kind.STUCK:
            because = why or "nothing changes"
            said = f"I can't finish {which} ({notice.step}: {because}). See the log for details"
            said += f": it calls that invoice {notice.invoice.log_name}." if notice.invoice else "."
            said += _same_happened(notice, "other invoice")
        case Kind.CARD_REFUSED:
            others = notice.count - 1
            said = f"Telegram rejected the card of {which}: {why}. "
            if others > 0:
                said += f"In the hour before, it rejected {count(others, 'other card')}. "
            it = "these invoices" if others > 0 else "the invoice"
            said += f"I'm cancelling {it} at the node."
        case Kind.CARD_UNTRUE:
            said = (
                f"Telegram rejected an edit of the card of {which}: {why}. "
                "I can't delete it either. It may look payable although it is not. "
                "Please delete it."
            )
            if same := _same_happened(notice, "other card"):
                said += f"{same} See the log for their invoices."
        case Kind.DATABASE_AWAY:
            said = (
                f"I can't write my database: {why}. "
                "Commands and payments wait until I can. See the log for details."
            )
        case Kind.OTHER_BOT:
            said = (
                "This database was another bot's until now. I can't edit the cards of that bot: "
                "they stay as they are. "
                f"I'm sending {count(notice.count, 'open invoice')} again."
            )
        case Kind.OTHER_NODE:
            is_one = notice.count == 1
            said = (
                f"{count(notice.count, 'open invoice')} {'belongs' if is_one else 'belong'} to "
                "another node than the one I'm connected to. "
                f"I can't track {'it' if is_one else 'them'} until that node is back."
            )
        case Kind.INBOUND_TOO_LITTLE:
            said = _inbound_too_little(notice)
        case Kind.CERTIFICATE_EXPIRES:
            said = _certificate_expires(notice)
        case Kind.MACAROON_EXPIRES:
            said = (
                f"My macaroon {_expires(notice, 'I can make no invoice')}. "
                "Please bake another one. To see how, write /status."
            )
    return said


def _same_happened(notice: Notice, what: str) -> str:
    """A sentence where the notice speaks of several."""
    if notice.count <= 1:
        return ""
    return f" In the hour before, the same happened to {count(notice.count - 1, what)}."


def _which(row: Invoice | None) -> str:
    """The invoice as an owner knows it: how much, who asked for it, and where."""
    if row is None:
        return "the invoice"
    figure = "without an amount" if row.amount_msat is None else f"for {amount(row)}"
    if row.board_id:
        return f"the invoice {figure} ({part_of(row)})"
    who = name(row.asker_name) or "someone"
    return f"the invoice {figure} (requested {by_whom(row, who)})"


def _inbound_too_little(notice: Notice) -> str:
    can = can_receive(notice.receivable_msat)
    which = _which(notice.invoice)
    said = f"{which[0].upper()}{which[1:]} is for more than the node can receive: it {can} now."
    said += _same_happened(notice, "other invoice")
    return f"{said} Please get more inbound liquidity{smaller(notice)}."


def _certificate_expires(notice: Notice) -> str:
    """What the command line says of it as well, and when, in the reader's own time."""
    source = {"source": notice.setting} if notice.setting == "lnd.lndconnect" else {}
    finding = note(
        About.CERTIFICATE,
        Found.EXPIRES if notice.left_s > 0 else Found.EXPIRED,
        expires_at=notice.expires_at,
        expired_at=notice.expires_at,
        left_s=notice.left_s,
        **source,
    )
    action = escape(cure(finding))
    when = _expires(notice, "I can't connect to it")
    return f"The Lightning node's certificate {when}. {action[:1].upper()}{action[1:]}."


def _expires(notice: Notice, then: str) -> str:
    at = moment(int(notice.expires_at), "Dt")
    return f"expires on {at}: after that, {then}" if notice.left_s > 0 else f"expired on {at}"


def node_status(status: NodeStatus, macaroon: Iterable[Finding] = ()) -> str:
    """How the node is: why it is away, or who it is and whether its chain is synced.

    `macaroon` is what was found of it: what needs fixing follows, as the command line says it.
    """
    wrong = [finding for finding in macaroon if finding.mark is not Mark.FINE]
    lines = [
        f"⚠️ {escape(finding_line(finding).removeprefix(f'{finding.mark} '))}" for finding in wrong
    ]
    return "\n\n".join([_node_status(status), *lines])


def _node_status(status: NodeStatus) -> str:
    if status.away is not None:
        return f"⚠️ {refusal(status.away)}"
    if status.info is None:
        return "⚡ The Lightning node answers, but does not say who it is."
    return _connected(status.info)


def _connected(info: NodeInfo) -> str:
    name = f"<b>{escape(clean_name(info.alias) or spelled(info.identity_pubkey))}</b>"
    network = f" on {escape(spelled(info.network))}" if info.network else ""
    block = f"block {info.block_height:,}"
    if info.synced_to_chain:
        return f"⚡ Connected to {name}{network}, synced, at {block}."
    return f"⏳ Connected to {name}{network}, not synced, at {block}."
