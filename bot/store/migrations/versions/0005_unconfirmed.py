"""Whether an open invoice is past its expiry, and its node could not be asked since."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """A column for it, at first false."""
    column = sa.Column("unconfirmed", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("invoices", column)
