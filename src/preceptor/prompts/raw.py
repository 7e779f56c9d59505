"""Raw prompts out of the store, in an order that does not depend on how they came in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from preceptor.store import Database, PromptFile, RawPrompt

NUM_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Raw:
    """One raw prompt."""

    key: str
    user: str | None
    source: str
    use_case: Any
    messages: list[Any]
    details: dict[str, Any]


def raw_prompts(database: Database) -> Iterator[Raw]:
    """All raw prompts by their keys, some at a time: memory does not grow with their number."""
    table, last = RawPrompt, ""
    while True:
        columns = (table.key, table.user, table.source, table.use_case, table.messages, table.details)
        with database.read() as session:
            rows = session.execute(select(*columns).where(table.key > last).order_by(table.key).limit(NUM_AT_ONCE))
            found = [Raw(*row) for row in rows]
        yield from found
        if len(found) < NUM_AT_ONCE:
            return
        last = found[-1].key


def file_hashes(database: Database) -> list[str]:
    """Content hashes of the files that raw prompts came from."""
    with database.read() as session:
        return sorted(set(session.scalars(select(PromptFile.content_hash))))


def num_raw(database: Database) -> int:
    """How many there are."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(RawPrompt)) or 0
