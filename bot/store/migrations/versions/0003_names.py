"""Names as the code has them, failures as keys, and a renewal apart from the part."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS = {
    "origin_count": "renewal",
    "renewed": "replaced",
    "request_apart": "payment_request_separate",
    "request_id": "payment_request_id",
    "request_shown": "payment_request_shown",
    "strays": "duplicates",
    "plain": "text_only",
    "unshowable": "undeliverable",
    "told": "announced",
    "tell_to": "announce_to",
}
_INDEXES: dict[str, tuple[list[str], str | None]] = {
    "invoices_due": (["lane", "due_at"], None),
    "invoices_chat_state": (["chat_id", "state"], None),
    "invoices_asker": (["asker_id", "asked_at"], None),
    "invoices_state": (["state", "id"], None),
    "invoices_settled": (["node_id", "settled_at"], None),
    "invoices_retry": (["retry_at"], None),
    "invoices_asked": (["asked_at"], None),
    "invoices_card": (["chat_id", "card_id"], None),
    "invoices_payment_request_id": (
        ["chat_id", "payment_request_id"],
        "payment_request_id IS NOT NULL",
    ),
    "invoices_reply": (["chat_id", "reply_to"], None),
    "invoices_duplicates": (["chat_id"], "duplicates <> ''"),
}
_OLD_INDEXES = {
    "invoices_payment_request_id": "invoices_request_id",
    "invoices_duplicates": "invoices_strays",
}
_FACES = {
    "expired-renewed": "expired-replaced",
    "cancelled-renewed": "cancelled-replaced",
}
_STEPS = {
    "add": "add",
    "cancel": "cancel",
    "fail": "fail",
    "drop": "drop",
    "say waiting": "send waiting notice",
    "send card": "send card",
    "edit card": "edit card",
    "send request": "send payment request",
    "edit request": "edit payment request",
    "edit stray": "edit duplicate",
    "tell": "announce",
}
_FAILURES = {
    "The Lightning node did not do it.": "node-error",
    "The Lightning node can't answer right now.": "node-passing",
    "The Lightning node can't be reached.": "node-unreachable",
    "The Lightning node is still starting.": "node-starting",
    "The Lightning node is shutting down.": "node-stopping",
    "The Lightning node was not asked yet.": "node-not-asked",
    "The Lightning node's wallet is locked: its owner has to unlock it.": "node-locked",
    "The Lightning node has no wallet yet: its owner has to create one.": "wallet-missing",
    "The Lightning node does not answer.": "node-timeout",
    "The Lightning node reports a fault of its own.": "node-odd",
    "I was away when you asked.": "asked-too-long-ago",
    "The Lightning node does not accept this bot: its owner has to look at it.": "node-setting",
    "This bot can't read the Lightning node's certificate or its macaroon: its owner has to look "
    "at it.": "credentials-unreadable",
    "The Lightning node lacks a call that this bot needs: it is too old, or not LND.": (
        "call-missing"
    ),
    "The Lightning node's certificate does not fit: its owner has to renew it here.": (
        "certificate-refused"
    ),
    "The Lightning node's certificate has changed or does not fit: its owner has to renew it "
    "here.": "certificate-refused",
    "The Lightning node's certificate has expired: its owner has to renew it.": (
        "certificate-expired"
    ),
    "The Lightning node's certificate has changed: its owner has to give this bot the new one.": (
        "certificate-changed"
    ),
    "The Lightning node's certificate does not name its address (see LND's tlsextradomain).": (
        "certificate-name"
    ),
    "The Lightning node's certificate does not name its address: its owner has to add it "
    "(tlsextradomain or tlsextraip).": "certificate-name",
    "The certificate given for the Lightning node is damaged: its owner has to give it anew.": (
        "certificate-corrupt"
    ),
    "The Lightning node's address answers without TLS: its owner has to correct lnd.host.": (
        "tls-missing"
    ),
    "The Lightning node's TLS handshake failed.": "tls-failed",
    "The Lightning node refuses this bot's macaroon: its owner has to put a valid one in place.": (
        "macaroon-refused"
    ),
    "This bot's macaroon has expired: a new one is due.": "macaroon-expired",
    "This bot's macaroon is bound to another address: its owner has to bake one for here.": (
        "macaroon-bound"
    ),
    "This bot's macaroon lacks a permission: its owner has to bake one that has it.": (
        "permission-missing"
    ),
    "The Lightning node refused this invoice.": "node-refused",
    "The Lightning node says that the memo is too long.": "memo-too-long",
    "The Lightning node says that the amount is too large.": "amount-too-large",
    "The Lightning node says that the expiry is too long.": "expiry-too-long",
    "The Lightning node does not know this invoice.": "invoice-unknown",
    "This invoice is already paid.": "already-settled",
}

_invoices = sa.table(
    "invoices",
    *(
        sa.column(name, sa.Text)
        for name in (
            "state",
            "card_shown",
            "payment_request_shown",
            "duplicates",
            "sending",
            "tried",
            "unsure",
            "failure",
        )
    ),
)
_c = _invoices.c


def upgrade() -> None:
    """Rename columns and what is in them."""
    for name in _INDEXES:
        op.drop_index(_OLD_INDEXES.get(name, name), "invoices")
    _part_renewals()
    _rename_columns()
    _rename_values()
    # In the order that they always had: where two serve alike, SQLite chooses by it.
    for name, (columns, condition) in _INDEXES.items():
        there = None if condition is None else sa.text(condition)
        op.create_index(name, "invoices", columns, sqlite_where=there, postgresql_where=there)


def _part_renewals() -> None:
    """Which part of a command a row is, beside which renewal it is: together they are unique."""
    # SQLite has to copy the table for it. A constraint without a name has one here all the same:
    # the one that PostgreSQL gives it.
    names = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}
    old_rule = "invoices_origin_chat_id_origin_message_id_origin_count_key"
    new_rule = ["origin_chat_id", "origin_message_id", "part", "origin_count"]
    with op.batch_alter_table("invoices", naming_convention=names) as table:
        part = sa.Column("part", sa.Integer, nullable=False, server_default=sa.text("0"))
        table.add_column(part)
        table.drop_constraint(old_rule, type_="unique")
        table.create_unique_constraint("invoices_origin", new_rule)


def _rename_columns() -> None:
    # By statements of their own: a copy drops a constraint that names a renamed column, silently.
    for old, new in _COLUMNS.items():
        op.execute(f"ALTER TABLE invoices RENAME COLUMN {old} TO {new}")
    op.execute("ALTER TABLE chats RENAME COLUMN forbidden TO unreachable")


def _rename_values() -> None:
    op.execute(sa.update(_invoices).where(_c.state == "requested").values(state="pending"))
    for column in (_c.card_shown, _c.payment_request_shown):
        _exchange(column, _FACES)
    for old, new in _FACES.items():
        copies = sa.func.replace(_c.duplicates, f":{old}", f":{new}")
        op.execute(sa.update(_invoices).where(_c.duplicates != "").values(duplicates=copies))
    for column in (_c.sending, _c.tried):
        _exchange(column, _STEPS)
    op.execute(sa.update(_invoices).where(_c.unsure != "").values(unsure=_steps(_c.unsure)))
    key = sa.case(_FAILURES, value=_c.failure, else_="node-refused")
    op.execute(sa.update(_invoices).where(_c.failure != "").values(failure=key))


def _exchange(column: sa.ColumnElement[str], words: dict[str, str]) -> None:
    """Each old word by its new one; any other stays."""
    for old, new in words.items():
        if old != new:
            values: Any = {column: new}
            op.execute(sa.update(_invoices).where(column == old).values(values))


def _steps(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Several steps with commas between, by their new names and in their order."""
    there = "," + column + ","
    found: sa.ColumnElement[str] = sa.literal("")
    for old, new in sorted(_STEPS.items(), key=lambda words: words[1]):
        found = found + sa.case((there.like(f"%,{old},%"), f",{new}"), else_="")
    return sa.func.substr(found, 2)
