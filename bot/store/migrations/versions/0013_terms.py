"""Terms of office: which of several processes acts. And numbers of 64 bits for all rows."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """A table, empty; with SQLite it stays so."""
    op.create_table(
        "terms",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("began_at", sa.Float, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # SQLite's have 64 bits whatever they are called.
        for table, columns in (
            ("invoices", ("id", "renewal", "part", "expiry_s", "lane", "attempts", "faults")),
            ("boards", ("id",)),
            ("knocks", ("id",)),
            ("occasions", ("id",)),
        ):
            for column in columns:
                op.alter_column(table, column, type_=sa.BigInteger)
            op.execute(f"ALTER SEQUENCE {table}_id_seq AS BIGINT")
