"""Where labels live: typed tables in SQLite or PostgreSQL, migrations, backups."""

from preceptor.store.database import Database

__all__ = ["Database"]
