"""Raw prompts for the tests of the steps."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

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


class InMemory:
    """Raw prompts in shards of a few, for the steps."""

    def __init__(self, rows: Sequence[Raw], size: int = 7) -> None:
        ordered = in_order(rows)
        self.shards = [ordered[start : start + size] for start in range(0, len(ordered), size)] or [[]]

    def cut(self, keys: np.ndarray) -> list[slice]:
        firsts = [shard[0].key.encode() if shard else b"" for shard in self.shards]
        bounds = [0, *np.searchsorted(keys, firsts[1:]).tolist(), len(keys)]
        return [slice(*pair) for pair in pairwise(bounds)]

    def each(
        self, what: str, work: Callable[[list[Raw], Any], Any], parts: Sequence[Any] | None = None
    ) -> Iterator[Any]:
        yield from map(work, self.shards, parts or [None] * len(self.shards))
