"""Numbers of handled updates that a webhook brought: late copies are known by them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """A table, empty."""
    op.create_table(
        "handled",
        sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("received_at", sa.Float, nullable=False),
    )
    op.create_index("ix_handled_received_at", "handled", ["received_at"])
