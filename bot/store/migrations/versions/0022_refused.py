"""Of a board's steps those that fail are known, and how often Telegram refused each; a message may
be drawn again."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """What was put off had failed; of refusals and of edits without an answer nothing is known."""
    for name in ("refused", "failing"):
        op.add_column("boards", sa.Column(name, sa.Text, nullable=False, server_default=""))
    boards = sa.table("boards", sa.column("failing"), sa.column("put_off"))
    op.execute(sa.update(boards).values(failing=boards.c.put_off))
    for table in ("invoices", "boards"):
        op.add_column(table, sa.Column("redraw_at", sa.Float, nullable=False, server_default="0"))
