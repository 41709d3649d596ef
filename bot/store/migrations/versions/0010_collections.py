"""Named seats, boards that are moved and reminded of, collections, and what a part is for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Columns, and two indexes; what was there is a bill, and each part its person's own."""
    for table, column in (
        ("boards", sa.Column("kind", sa.Text, nullable=False, server_default="split")),
        ("boards", _number("suggested_msat")),
        ("boards", sa.Column("duplicates", sa.Text, nullable=False, server_default="")),
        ("boards", sa.Column("before_id", sa.BigInteger)),
        ("boards", _flag("move_wanted")),
        ("boards", _moment("moved_at")),
        ("boards", _flag("remind_wanted")),
        ("boards", _moment("reminded_at")),
        ("seats", sa.Column("username", sa.Text, nullable=False, server_default="")),
        ("seats", _flag("hidden")),
        ("invoices", sa.Column("part_kind", sa.Text, nullable=False, server_default="")),
        ("invoices", sa.Column("part_for", sa.Text, nullable=False, server_default="")),
        ("invoices", _number("requester_id")),
        ("invoices", _flag("hidden")),
        ("invoices", _number("suggested_msat")),
    ):
        op.add_column(table, column)
    op.create_index("boards_chat_state", "boards", ["chat_id", "state"])
    counts = "NOT replaced OR state IN ('asking', 'pending', 'open', 'settled')"
    says = sa.text(f"board_id > 0 AND ({counts})")
    op.create_index(
        "invoices_seat",
        "invoices",
        ["board_id", "part"],
        sqlite_where=says,
        postgresql_where=says,
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


def _moment(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=False, server_default=sa.text("0"))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
