"""What tells a term from another one with the same number, as in a copy of the database."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """A column; "" of a term that began before there was one."""
    op.add_column("terms", sa.Column("nonce", sa.Text, nullable=False, server_default=""))
