"""Of a board's steps what Telegram refused is counted by itself; a message may be drawn again."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """What was refused so far counts no more; of edits without an answer nothing is known."""
    op.add_column("boards", sa.Column("refused", sa.Text, nullable=False, server_default=""))
    for table in ("invoices", "boards"):
        op.add_column(table, sa.Column("redraw_at", sa.Float, nullable=False, server_default="0"))
