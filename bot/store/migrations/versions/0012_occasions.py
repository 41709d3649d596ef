"""Occasions: what the owners should know, and who has read it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """A table, and indexes for what is still to be told and for what is the same again."""
    op.create_table(
        "occasions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("began_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float, nullable=False),
        sa.Column("told_at", sa.Float, nullable=False),
        sa.Column("people", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("row_id", sa.BigInteger, nullable=False),
        sa.Column("invoice_id", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("receivable_msat", sa.BigInteger, nullable=False),
        sa.Column("limit_msat", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("setting", sa.Text, nullable=False),
    )
    op.create_index("occasions_subject", "occasions", ["kind", "subject"])
    op.create_index("occasions_told", "occasions", ["kind", "told_at"])
    to_tell = sa.text("stage <> 'closed'")
    op.create_index(
        "occasions_to_tell", "occasions", ["id"], sqlite_where=to_tell, postgresql_where=to_tell
    )
