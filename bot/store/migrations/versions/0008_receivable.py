"""What the node could receive when an invoice was added, where that was too little."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """A column for it, at first empty: nobody knows."""
    op.add_column("invoices", sa.Column("receivable_msat", sa.BigInteger))
