"""The database's versions, one module a step, taken at start. Knows Alembic."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot import logs

log = logs.get(__name__)

_HERE = Path(__file__).parent


def known() -> list[str]:
    """All versions, the newest last: their files are named in order, by version."""
    return sorted(path.name.split("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


def bring_up_to_date(connection: Connection) -> None:
    """Take the steps that the database still lacks, in the transaction of `connection`."""
    found, newest = version(connection), known()[-1]
    if found != newest:
        take(connection, "head")
        log.info("database brought up to date", found=found, now=newest)


def take(connection: Connection, version: str) -> None:
    """Take the steps up to `version`, or up to the newest, which is "head"."""
    # Alembic takes half a second and 10 MB, and most starts find nothing to do for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def version(connection: Connection) -> str | None:
    """The migration that the database is at, as Alembic notes it; None before the first."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
