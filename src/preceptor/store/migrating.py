"""Brings a store's tables up to this version of the package; the revisions are in `migrations/versions/`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from preceptor.errors import UserError

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Run the revisions that the store has not seen; two servers that start at once take turns.

    Raises:
        UserError: a later version of the package wrote the store.
    """
    if is_current(connection):
        connection.rollback()
        return
    connection.rollback()
    if connection.dialect.name == "sqlite":
        connection = connection.execution_options(is_writing=True)
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7303014)"))
        seen = revision(connection)
        known = {one.revision for one in _script(connection).walk_revisions()}
        if seen is not None and seen not in known:
            raise UserError(
                f"the store is of a later version (revision {seen})",
                file=connection.engine.url.database,
                remedy="upgrade preceptor, or open a backup of the store",
            )
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Run the revisions that are missing, in the transaction that has begun."""
    command.upgrade(_config(connection), "head")


def is_current(connection: Connection) -> bool:
    """Whether a store is of this version of the package."""
    return revision(connection) == _script(connection).get_current_head()


def revision(connection: Connection) -> str | None:
    """The last revision that a store has seen; None when it has seen none."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _script(connection: Connection) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(connection))
