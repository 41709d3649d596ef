"""As many copies of a card as there are."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One column for all of them, with what each shows."""
    op.add_column("invoices", sa.Column("strays", sa.Text, nullable=False, server_default=""))
    op.execute(
        "UPDATE invoices SET strays = stray_id || ':' || stray_shown WHERE stray_id IS NOT NULL"
    )
    op.drop_index("invoices_stray_id", "invoices")
    for column in ("stray_id", "stray_shown"):
        op.drop_column("invoices", column)
    there = sa.text("strays <> ''")
    op.create_index(
        "invoices_strays", "invoices", ["chat_id"], sqlite_where=there, postgresql_where=there
    )
