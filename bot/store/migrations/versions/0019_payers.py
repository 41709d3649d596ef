"""Who paid the bill is told from those whose part was settled otherwise."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """As boards have shown it so far: whoever asked, where their part is settled, paid the bill."""
    op.add_column(
        "seats", sa.Column("paid_bill", sa.Boolean, nullable=False, server_default=sa.false())
    )
    seats = sa.table(
        "seats",
        *(sa.column(name) for name in ("board_id", "person_id", "otherwise", "paid_bill")),
    )
    boards = sa.table("boards", sa.column("id"), sa.column("asker_id"))
    asker = sa.select(boards.c.asker_id).where(boards.c.id == seats.c.board_id).scalar_subquery()
    op.execute(
        sa.update(seats)
        .where(seats.c.otherwise == sa.true(), seats.c.person_id == asker)
        .values(paid_bill=sa.true())
    )
