"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "invoices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("origin_chat_id", sa.BigInteger, nullable=False),
        sa.Column("origin_message_id", sa.BigInteger, nullable=False),
        sa.Column("origin_count", sa.Integer, nullable=False),
        sa.Column("chat_id", sa.BigInteger, nullable=False),
        sa.Column("thread_id", sa.BigInteger),
        sa.Column("reply_to", sa.BigInteger),
        sa.Column("asker_id", sa.BigInteger, nullable=False),
        sa.Column("asker_name", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.Column("amount_msat", sa.BigInteger),
        sa.Column("memo", sa.Text, nullable=False),
        sa.Column("expiry_s", sa.Integer, nullable=False),
        sa.Column("cancel_wanted", sa.Boolean, nullable=False),
        sa.Column("cancelled_by", sa.Text, nullable=False),
        sa.Column("renewed", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("payment_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("preimage", sa.LargeBinary),
        sa.Column("payment_request", sa.Text, nullable=False),
        sa.Column("add_index", sa.BigInteger, nullable=False),
        sa.Column("settle_index", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("settled_at", sa.BigInteger, nullable=False),
        sa.Column("paid_msat", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("card_id", sa.BigInteger),
        sa.Column("card_shown", sa.Text, nullable=False),
        sa.Column("card_is_text", sa.Boolean, nullable=False),
        sa.Column("request_apart", sa.Boolean, nullable=False),
        sa.Column("request_id", sa.BigInteger),
        sa.Column("request_shown", sa.Text, nullable=False),
        sa.Column("stray_id", sa.BigInteger),
        sa.Column("stray_shown", sa.Text, nullable=False),
        sa.Column("plain", sa.Boolean, nullable=False),
        sa.Column("unshowable", sa.Boolean, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("tell_to", sa.Text, nullable=False),
        sa.Column("sending", sa.Text, nullable=False),
        sa.Column("unsure", sa.Text, nullable=False),
        sa.Column("due_at", sa.Float),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("tried", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("faults", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Float, nullable=False),
        sa.UniqueConstraint("origin_chat_id", "origin_message_id", "origin_count"),
    )
    op.create_index("invoices_due", "invoices", ["lane", "due_at"])
    op.create_index("invoices_chat_state", "invoices", ["chat_id", "state"])
    op.create_index("invoices_asker", "invoices", ["asker_id", "asked_at"])
    op.create_index("invoices_state", "invoices", ["state", "id"])
    op.create_index("invoices_settled", "invoices", ["node_id", "settled_at"])
    op.create_index("invoices_retry", "invoices", ["retry_at"])
    op.create_index("invoices_asked", "invoices", ["asked_at"])
    # a message of a card, whichever it is
    op.create_index("invoices_card", "invoices", ["chat_id", "card_id"])
    for column in ("request_id", "stray_id"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"invoices_{column}",
            "invoices",
            ["chat_id", column],
            sqlite_where=there,
            postgresql_where=there,
        )
    op.create_index("invoices_reply", "invoices", ["chat_id", "reply_to"])
    op.create_table(
        "cursors",
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("settle_index", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    op.create_table(
        "chats",
        sa.Column("chat_id", sa.BigInteger, primary_key=True),
        sa.Column("moved_to", sa.BigInteger),
        sa.Column("forbidden", sa.Boolean, nullable=False),
    )
    op.create_table(
        "hints",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject_id", sa.BigInteger, primary_key=True),
        sa.Column("said_at", sa.Float, nullable=False),
    )
    op.create_table(
        "pictures",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("file_id", sa.Text, nullable=False),
    )
