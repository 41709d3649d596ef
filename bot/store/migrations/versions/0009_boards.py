"""Bills that a group pays: boards, their seats, and the invoices of these."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Two tables, and a column for the board of an invoice, 0 for none."""
    op.create_table(
        "boards",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("handle", sa.Text, nullable=False),
        sa.Column("origin_chat_id", sa.BigInteger, nullable=False),
        sa.Column("origin_message_id", sa.BigInteger, nullable=False),
        sa.Column("bot_id", sa.BigInteger, nullable=False),
        sa.Column("asker_id", sa.BigInteger, nullable=False),
        sa.Column("asker_name", sa.Text, nullable=False),
        sa.Column("chat_title", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.Column("sum_msat", sa.BigInteger, nullable=False),
        sa.Column("memo", sa.Text, nullable=False),
        sa.Column("ends_at", sa.Float, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("chat_id", sa.BigInteger, nullable=False),
        sa.Column("thread_id", sa.BigInteger),
        sa.Column("reply_to", sa.BigInteger),
        sa.Column("card_id", sa.BigInteger),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("shown_at", sa.Float, nullable=False),
        sa.Column("undeliverable", sa.Boolean, nullable=False),
        sa.Column("announced", sa.Boolean, nullable=False),
        sa.Column("sending", sa.Text, nullable=False),
        sa.Column("unsure", sa.Text, nullable=False),
        sa.Column("due_at", sa.Float),
        sa.Column("lane", sa.BigInteger, nullable=False),
        sa.Column("tried", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("faults", sa.BigInteger, nullable=False),
        sa.Column("retry_at", sa.Float, nullable=False),
        sa.UniqueConstraint("origin_chat_id", "origin_message_id", "bot_id", name="boards_origin"),
    )
    op.create_index("boards_due", "boards", ["lane", "due_at"])
    op.create_index("boards_handle", "boards", ["handle"], unique=True)
    op.create_index("boards_card", "boards", ["chat_id", "card_id"])
    op.create_index("boards_retry", "boards", ["retry_at"])
    op.create_index("boards_state", "boards", ["state", "ends_at"])
    op.create_index("boards_asker", "boards", ["asker_id", "asked_at"])
    op.create_table(
        "seats",
        sa.Column("board_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("amount_msat", sa.BigInteger, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("leaving", sa.Boolean, nullable=False),
        sa.Column("otherwise", sa.Boolean, nullable=False),
    )
    there = sa.text("token <> ''")
    op.create_index("seats_token", "seats", ["token"], sqlite_where=there, postgresql_where=there)
    board_id = sa.Column("board_id", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    op.add_column("invoices", board_id)
    of_boards = sa.text("board_id > 0")
    op.create_index(
        "invoices_board",
        "invoices",
        ["board_id", "part"],
        sqlite_where=of_boards,
        postgresql_where=of_boards,
    )
