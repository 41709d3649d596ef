"""Of a board's steps what Telegram refused is counted by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """What was refused so far counts no more."""
    op.add_column("boards", sa.Column("refused", sa.Text, nullable=False, server_default=""))
