"""Who hears of a payment in private, and the title of the group where an invoice was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Four columns. Of payments that are known already no owner is notified."""
    columns = (
        sa.Column("notify_owners", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("notified", sa.Text, nullable=False, server_default=""),
        sa.Column("notify_at", sa.Float, nullable=False, server_default=sa.text("0")),
        sa.Column("chat_title", sa.Text, nullable=False, server_default=""),
    )
    for column in columns:
        op.add_column("invoices", column)
