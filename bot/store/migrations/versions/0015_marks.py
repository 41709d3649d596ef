"""Marks of the active process's settings, beside its term: others compare them with their own."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """A column; "" of whoever has said nothing yet."""
    op.add_column("terms", sa.Column("marks", sa.Text, nullable=False, server_default=""))
