"""Which bot it is: message numbers and the origin are each bot's own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

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
_ORIGIN = ["origin_chat_id", "origin_message_id", "part", "renewal", "bot_id"]


def upgrade() -> None:
    """A column for it in the origin, 0 until a bot has started, and the bot that started last."""
    op.create_table(
        "bot", sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False)
    )
    # SQLite copies the table for it, and an index with a condition would lose that.
    for name in _INDEXES:
        op.drop_index(name, "invoices")
    names = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}
    with op.batch_alter_table("invoices", naming_convention=names) as table:
        bot_id = sa.Column("bot_id", sa.BigInteger, nullable=False, server_default=sa.text("0"))
        table.add_column(bot_id)
        table.drop_constraint("invoices_origin", type_="unique")
        table.create_unique_constraint("invoices_origin", _ORIGIN)
    # In the order that they always had: where two serve alike, SQLite chooses by it.
    for name, (columns, condition) in _INDEXES.items():
        there = None if condition is None else sa.text(condition)
        op.create_index(name, "invoices", columns, sqlite_where=there, postgresql_where=there)
