"""What each process committed last, for commits whose answer was lost; with SQLite none."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """A table, empty; with SQLite it stays so."""
    op.create_table(
        "receipts",
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("ticket", sa.Text, nullable=False),
        sa.Column("written_at", sa.Float, nullable=False),
    )
