"""Where labels live: typed tables in SQLite or PostgreSQL, migrations, backups."""

from preceptor.store.database import Database
from preceptor.store.prompt_tables import PromptFile, RawPrompt

__all__ = ["Database", "PromptFile", "RawPrompt"]
