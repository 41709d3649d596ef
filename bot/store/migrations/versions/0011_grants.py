"""Who was let in from the chat, the code that claims the bot, and who asks to be let in."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Four tables, empty: what the settings list is not copied into them."""
    op.create_table(
        "grants",
        sa.Column("subject_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("by_id", sa.BigInteger, nullable=False),
        sa.Column("granted_at", sa.Float, nullable=False),
    )
    op.create_table("claims", sa.Column("code", sa.Text, primary_key=True))
    op.create_table(
        "knocks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("handle", sa.Text, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("chat_id", sa.BigInteger, nullable=False),
        sa.Column("chat_title", sa.Text, nullable=False),
        sa.Column("thread_id", sa.BigInteger),
        sa.Column("reply_to", sa.BigInteger),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answered_by", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Float, nullable=False),
    )
    op.create_index("knocks_handle", "knocks", ["handle"], unique=True)
    op.create_index("knocks_person", "knocks", ["person_id", "asked_at"])
    op.create_index("knocks_asked", "knocks", ["asked_at"])
    op.create_table(
        "knock_messages",
        sa.Column("knock_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reader_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("shown", sa.Text, nullable=False),
    )
