"""Raw prompts for the tests of the steps."""

from collections.abc import Sequence
from pathlib import Path

from preceptor.importers.asking import asked_rows, open_prompts
from preceptor.prompts.adding import Added, Source, add_prompts
from preceptor.prompts.raw import Raw
from preceptor.records.artifacts import canonical_hash, content_hash
from preceptor.store import Database


def raw(text: str, user: str | None = None, source: str = "customer") -> Raw:
    messages = [{"role": "user", "content": text}]
    return Raw(canonical_hash([user, source, text]), user, source, None, messages, {})


def in_order(rows: Sequence[Raw]) -> list[Raw]:
    """As the store gives them."""
    return sorted({row.key: row for row in rows}.values(), key=lambda row: row.key)


def add_file(store: Database, path: Path, *options: str, skip_bad: bool = False) -> Added:
    importer = open_prompts(path, "auto", options)
    about = Source(str(path), content_hash(path), importer.name, importer.config.model_dump(mode="json"))
    return add_prompts(store, about, asked_rows(importer, path), skip_bad=skip_bad)
