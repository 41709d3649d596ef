"""On which server a term ended, and whether the database lacks what was committed before it."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Two columns; "" of a term that goes on, or ended before there was one."""
    op.add_column("terms", sa.Column("ended_on", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "terms", sa.Column("is_behind", sa.Boolean, nullable=False, server_default=sa.false())
    )
