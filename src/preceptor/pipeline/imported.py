"""What people brought into the project's `data/`, without what must not be used."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import cache
from pathlib import Path
from typing import TypeVar

from preceptor.errors import UserError
from preceptor.pipeline.recipe import Recipe
from preceptor.records import (
    KINDS,
    Demonstration,
    Manifest,
    Prompt,
    Ranking,
    Rating,
    Record,
    Split,
    read_manifest,
    stream_rows,
)
from preceptor.records.withdrawn import Withdrawn

RecordT = TypeVar("RecordT", bound=Record)

Key = tuple[type[Record], str, str | None]
"""Kind of record, id and labeler."""

Place = tuple[str, str]
"""Where an artifact lies in the project, and its content hash."""


class Imported:
    """The rows of the artifacts in `data/`, without those of people who withdrew.

    What simulated labelers made never passes for people's: where the recipe asks for people it is left out, and that is
    said.
    """

    def __init__(self, data: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        self.withdrawn = Withdrawn.of(data.parent)
        self._data = data
        self._is_human = recipe.feedback == "human"
        self.say = cache(say)  # what is left out is left out each time, and said once
        self._sources: dict[Place, set[Key]] = {}
        """What was read from where."""

    def imported(self, record: type[RecordT], *, without: str | None = None) -> list[RecordT]:
        """All rows of one kind, over the artifacts in the order of their names; `without` those of a labeler group."""
        return [self._noted(place, row) for place, row in self._read(record, without=without)]

    def labeled(self) -> list[Prompt]:
        """Prompts as labelers of the training group labeled them: a row for each labeler."""
        rows = self._read(Prompt, without="held_out", is_labels=True)
        return [self._noted(place, row) for place, row in rows if "labels" in row.metadata]

    def _read(
        self, record: type[RecordT], *, without: str | None = None, is_labels: bool = False
    ) -> Iterator[tuple[Place, RecordT]]:
        """The same one by one, each with where it lies; of nothing but what labelers made with `is_labels`."""
        kind = next(name for name, kept in KINDS.items() if kept is record)
        for path in sorted(self._data.glob("*/manifest.json")):
            manifest = read_manifest(path.parent)
            group = manifest.notes.get("labeler_group", "")
            if manifest.kind == kind and group != without and (group or not is_labels):
                place = (f"data/{path.parent.name}", manifest.content_hash)
                yield from (
                    (place, row) for row in self._of_people(place[0], manifest, stream_rows(path.parent, record))
                )

    def _noted(self, place: Place, row: RecordT) -> RecordT:
        self._sources.setdefault(place, set()).add(key_of(row))
        return row

    def sources(self, rows: Sequence[Record]) -> dict[str, str]:
        """Place in the project → content hash of what these rows were read from."""
        keys = set(map(key_of, rows))
        return {place: content for (place, content), there in self._sources.items() if not there.isdisjoint(keys)}

    def _of_people(self, place: str, manifest: Manifest, rows: Iterable[RecordT]) -> Iterator[RecordT]:
        is_simulated = manifest.notes.get("labeler_origin") == "simulated"
        num_simulated, withdrawn = 0, Counter[str]()
        for row in rows:
            if self._is_human and (is_simulated or made_by_simulation(row)):
                num_simulated += 1
            elif reason := self.withdrawn.reason(row):
                withdrawn[reason] += 1
            else:
                yield row
        if num_simulated:
            self.say(f"{place}: {num_simulated:,} rows by simulated labelers are left out, since `feedback` is human")
        for reason, num in withdrawn.items():
            self.say(f"{place}: {num:,} rows are left out: {reason}")

    def prompts(self, only: Set[str] | None = None) -> list[Prompt]:
        """Imported prompts, and those of imported demonstrations and rankings when there are no others.

        Without those that held-out labelers wrote, which would train the policy. A prompt that is there twice counts
        once, with the use case that somebody gave it, and flagged where it was. With `only`, those of these ids: no
        others are kept in memory.
        """
        found: dict[str, Prompt] = {}
        for place, row in self._read(Prompt, without="held_out"):
            if (only is None or row.id in only) and (row.id not in found or says_more(row)):
                found[row.id] = self._noted(place, row)
        labeled = [] if found else [*self.imported(Demonstration), *self.imported(Ranking)]
        found |= {row.prompt.id: row.prompt for row in labeled if not written_held_out(row)}
        for there in self._sources.values():
            there |= {key_of(row.prompt) for row in labeled if key_of(row) in there}
        prompts = [prompt for prompt in found.values() if only is None or prompt.id in only]
        if not prompts:
            raise UserError(
                "there are no prompts yet", file=self._data, remedy="`preceptor import FILE` brings some in"
            )
        return prompts

    def splits(self) -> dict[str, Split]:
        """Id → split of each prompt that `prompts` gives, for more prompts than fit into memory."""
        splits: dict[str, Split] = {}
        for _, row in self._read(Prompt, without="held_out"):
            if row.id not in splits or says_more(row):
                splits[row.id] = row.split
        return splits or {prompt.id: prompt.split for prompt in self.prompts()}


def key_of(row: Record) -> Key:
    """What names a row, also when something about it was changed on its way: labelers who did the same share its id."""
    labeler = getattr(row, "labeler", None)
    return type(row), getattr(row, "id", ""), None if labeler is None else labeler.id


def says_more(row: Prompt) -> bool:
    """Whether a row takes the place of an earlier one of the same prompt."""
    return row.use_case is not None or row.is_unsafe


def written_held_out(row: Demonstration | Ranking) -> bool:
    """Whether the prompt may be what a held-out labeler wrote, as in a conversation."""
    return row.labeler.group == "held_out" and row.prompt.source == "labeler"


def made_by_simulation(row: Record) -> bool:
    """Whether a simulated labeler made it."""
    return isinstance(row, Demonstration | Ranking | Rating) and row.labeler.origin == "simulated"
