"""The payment that a cursor stands at, by which the node is asked whether that is still true."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Columns for it. A cursor goes back to this bot's newest payment, if there is one.

    What is replayed since then is recorded already.
    """
    op.add_column("cursors", sa.Column("payment_hash", sa.LargeBinary))
    no_time = sa.Column("settled_at", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    op.add_column("cursors", no_time)
    invoices = sa.table(
        "invoices",
        *map(sa.column, ("node_id", "state", "settle_index", "payment_hash", "settled_at")),
    )
    cursors = sa.table(
        "cursors", *map(sa.column, ("node_id", "settle_index", "payment_hash", "settled_at"))
    )
    connection = op.get_bind()
    c = invoices.c
    for node_id in connection.execute(sa.select(cursors.c.node_id)).scalars().all():
        newest = connection.execute(
            sa.select(c.settle_index, c.payment_hash, c.settled_at)
            .where(c.node_id == node_id, c.state == "settled", c.settle_index > 0)
            .order_by(c.settled_at.desc(), c.settle_index.desc())
            .limit(1)
        ).one_or_none()
        if newest is not None:
            there = sa.update(cursors).where(cursors.c.node_id == node_id)
            connection.execute(
                there.values(
                    settle_index=newest.settle_index,
                    payment_hash=newest.payment_hash,
                    settled_at=newest.settled_at,
                )
            )
