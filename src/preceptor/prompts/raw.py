"""Raw prompts out of the store, shard by shard in the order of their keys: how they came in plays no part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from sqlalchemy import func, select

from preceptor.prompts.engine import Engine
from preceptor.store import Database, PromptFile, RawPrompt

SHARD = 4000
"""Raw prompts in a shard, about: as many are in memory at once."""
END = "g"
"""Comes after every key: keys are hexadecimal."""

T = TypeVar("T")
Shown = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""(what is done, number of shards) → a block in which each call says that one more is done."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One raw prompt."""

    key: str
    user: str | None
    source: str
    use_case: Any
    messages: list[Any]
    details: dict[str, Any]


class RawPrompts(Protocol):
    """All raw prompts, in shards."""

    def cut(self, keys: np.ndarray) -> list[slice]:
        """The part of each shard in sorted keys."""

    def each(self, what: str, work: Callable[[list[Raw], Any], T], parts: Sequence[Any] | None = None) -> Iterator[T]:
        """What `work` makes of each shard's rows and its part; in the order of the shards."""


@dataclass(frozen=True)
class Shard:
    """The raw prompts of a store whose keys are in [first, end): keys are hashes, so shards are of like size."""

    url: str
    first: str
    end: str

    def rows(self) -> list[Raw]:
        """Read them, by their keys."""
        table = RawPrompt
        columns = (table.key, table.user, table.source, table.use_case, table.messages, table.details)
        database = Database.open(self.url, create=False)
        try:
            with database.read() as session:
                wanted = select(*columns).where(table.key >= self.first, table.key < self.end).order_by(table.key)
                return [Raw(*row) for row in session.execute(wanted)]
        finally:
            database.close()


class StoredPrompts:
    """Those of a store, with each shard read where it is worked on."""

    def __init__(self, database: Database, engine: Engine, shown: Shown | None = None) -> None:
        url = database.url
        if database.backend == "sqlite":  # a worker may have another working directory
            url = url.set(database=str(Path(str(url.database)).resolve()))
        num = -(-num_raw(database) // SHARD) or 1
        bounds = [f"{number * 2**32 // num:08x}" for number in range(num)]
        place = url.render_as_string(hide_password=False)
        self._shards = [Shard(place, first, end) for first, end in zip(bounds, [*bounds[1:], END], strict=True)]
        self._engine = engine
        self._shown = shown or (lambda what, num: nullcontext(lambda: None))

    def cut(self, keys: np.ndarray) -> list[slice]:
        """As the protocol says."""
        bounds = np.searchsorted(keys, [shard.first.encode() for shard in self._shards])
        return [slice(*pair) for pair in zip(bounds, [*bounds[1:], len(keys)], strict=True)]

    def each(self, what: str, work: Callable[[list[Raw], Any], T], parts: Sequence[Any] | None = None) -> Iterator[T]:
        """As the protocol says."""
        jobs = zip(self._shards, parts or [None] * len(self._shards), strict=True)
        with self._shown(what, len(self._shards)) as advance:
            for made in self._engine.map(partial(_work_on, work), jobs):
                yield made
                advance()


def _work_on(work: Callable[[list[Raw], Any], T], job: tuple[Shard, Any]) -> T:
    shard, part = job
    return work(shard.rows(), part)


def with_use_case(database: Database) -> Iterator[RawPrompt]:
    """Raw prompts that came with a use case, by their keys; some at a time."""
    last = ""
    while True:
        wanted = select(RawPrompt).where(RawPrompt.use_case.is_not(None), RawPrompt.key > last)
        with database.read() as session:
            found = session.scalars(wanted.order_by(RawPrompt.key).limit(SHARD)).all()
        yield from found
        if len(found) < SHARD:
            return
        last = found[-1].key


def lacks_use_case(database: Database) -> bool:
    """Whether any raw prompt came without a use case."""
    with database.read() as session:
        return session.scalar(select(RawPrompt.key).where(RawPrompt.use_case.is_(None)).limit(1)) is not None


def files_of(database: Database) -> list[dict[str, str]]:
    """The files that raw prompts came from, by their hashes."""
    with database.read() as session:
        found = dict(session.execute(select(PromptFile.content_hash, PromptFile.name).order_by(PromptFile.id)).all())
    return [{"name": found[content], "sha256": content} for content in sorted(found)]


def num_raw(database: Database) -> int:
    """How many there are."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(RawPrompt)) or 0
