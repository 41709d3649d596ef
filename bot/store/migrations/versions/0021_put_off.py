"""Of a board's steps that wait for one pause, each is known."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """So far the one that was tried last was."""
    op.add_column("boards", sa.Column("put_off", sa.Text, nullable=False, server_default=""))
    boards = sa.table("boards", sa.column("put_off"), sa.column("tried"))
    op.execute(sa.update(boards).where(boards.c.tried != "").values(put_off=boards.c.tried))
