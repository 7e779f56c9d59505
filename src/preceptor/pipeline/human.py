"""Feedback by people: labels that were imported into the project."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from preceptor.errors import UserError, Waiting
from preceptor.pipeline.feedback import Evidence
from preceptor.pipeline.recipe import Recipe
from preceptor.records import (
    KINDS,
    Candidates,
    Demonstration,
    Document,
    Manifest,
    Prompt,
    Ranking,
    Rating,
    Record,
    Split,
    read_manifest,
    stream_rows,
    write_artifact,
)
from preceptor.records.artifacts import canonical_hash
from preceptor.records.withdrawn import Withdrawn

RecordT = TypeVar("RecordT", bound=Record)


Key = tuple[type[Record], str, str | None]
"""Kind of record, id and labeler."""

Place = tuple[str, str]
"""Where an artifact lies in the project, and its content hash."""

TEST = "test-"
"""Begins the ids of what is ranked for the final evaluation."""


class HumanFeedback:
    """Labels that people made, from the artifacts in the project's `data/`.

    What simulated labelers made never passes for people's: where the recipe asks for people it is left out, and that is
    said.
    """

    origin: Literal["human", "simulated"] = "human"

    def __init__(self, data: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        self._data = data
        self._labels = recipe.labels
        self._is_human = recipe.feedback == "human"
        self._say = cache(say)  # what is left out is left out each time, and said once
        self._withdrawn = Withdrawn.of(data.parent)
        self._sources: dict[Place, set[Key]] = {}
        """What was read from where."""

    def imported(self, record: type[RecordT], *, without: str | None = None) -> list[RecordT]:
        """All rows of one kind, over the artifacts in the order of their names; `without` those of a labeler group."""
        return [self._noted(place, row) for place, row in self._read(record, without=without)]

    def _read(self, record: type[RecordT], *, without: str | None = None) -> Iterator[tuple[Place, RecordT]]:
        """The same one by one, each with where it lies."""
        kind = next(name for name, kept in KINDS.items() if kept is record)
        for path in sorted(self._data.glob("*/manifest.json")):
            manifest = read_manifest(path.parent)
            if manifest.kind == kind and manifest.notes.get("labeler_group", "") != without:
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
            elif reason := self._withdrawn.reason(row):
                withdrawn[reason] += 1
            else:
                yield row
        if num_simulated:
            self._say(f"{place}: {num_simulated:,} rows by simulated labelers are left out, since `feedback` is human")
        for reason, num in withdrawn.items():
            self._say(f"{place}: {num:,} rows are left out: {reason}")

    def prompts(self, only: Set[str] | None = None) -> list[Prompt]:
        """Imported prompts, and those of imported demonstrations and rankings when there are no others.

        Without those that held-out labelers wrote, which would train the policy. A prompt that is there twice counts
        once, with the use case that somebody gave it. With `only`, those of these ids: no others are kept in memory.
        """
        found: dict[str, Prompt] = {}
        for place, row in self._read(Prompt, without="held_out"):
            if (only is None or row.id in only) and (row.id not in found or row.use_case is not None):
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
            if row.id not in splits or row.use_case is not None:
                splits[row.id] = row.split
        return splits or {prompt.id: prompt.split for prompt in self.prompts()}

    def documents(self) -> list[Document]:
        """Imported plain text."""
        return self.imported(Document)

    def demonstrations(self, prompts: Sequence[Prompt], todo: Path) -> list[Demonstration]:
        """Imported demonstrations; waits until there are `labels.min_demonstrations`."""
        rows = [row for row in self.imported(Demonstration) if row.labeler.group == "training"]
        if len(rows) < self._labels.min_demonstrations:
            write_artifact(todo, prompts, "prompts")
            raise Waiting("demonstrations", len(rows), self._labels.min_demonstrations, todo)
        return rows

    def rankings(self, candidates: Sequence[Candidates], todo: Path) -> list[Ranking]:
        """Imported rankings of a round; waits until there are `labels.min_rankings`.

        Later rounds take the rankings of their own candidates, whose ids begin with `round-N-`; the first takes all
        that belong to no later round and not to the final evaluation.
        """
        prefix = round_prefix(candidates)
        rows = [row for row in self.imported(Ranking) if row.id.startswith(prefix)]
        if not prefix:
            rows = [row for row in rows if not row.id.startswith((TEST, "round-"))]
        if len(rows) < self._labels.min_rankings:
            write_artifact(todo, candidates, "candidates")
            raise Waiting("rankings", len(rows), self._labels.min_rankings, todo)
        return rows

    def evidence(self, candidates: Sequence[Candidates], todo: Path) -> Evidence:
        """Imported rankings of the test candidates by held-out labelers; their work is blinded."""
        blind, names = blinded(candidates)
        shown = {row.id: row for row in blind}
        held_out = [row for row in self.imported(Ranking) if row.labeler.group == "held_out" and row.id in shown]
        if len(held_out) < self._labels.min_evaluations:
            write_artifact(todo, blind, "candidates")
            raise Waiting("evaluations by held-out labelers", len(held_out), self._labels.min_evaluations, todo)
        for row in held_out:
            if unknown := {one.id for one in row.responses} - {one.id for one in shown[row.id].responses}:
                raise UserError(
                    f"ranking '{row.id}' names response '{min(unknown)}', which was not shown",
                    file=self._data,
                    remedy=f"rank the responses of {todo} by the ids that they have there, and import that instead",
                )
        rated = [row for row in self.imported(Rating) if row.response.id in names]
        ratings = [row for row in rated if row.labeler.group == "held_out"]
        return Evidence([unblinded(row, names) for row in held_out], [unblinded(row, names) for row in ratings])

    def gold(self, prompt: Prompt, text: str) -> None:
        """Nobody knows."""
        return None

    def has_constraint(self, prompt: Prompt) -> bool:
        """The labelers decide: all prompts count."""
        return True


def key_of(row: Record) -> Key:
    """What names a row, also when something about it was changed on its way: labelers who did the same share its id."""
    labeler = getattr(row, "labeler", None)
    return type(row), getattr(row, "id", ""), None if labeler is None else labeler.id


def written_held_out(row: Demonstration | Ranking) -> bool:
    """Whether the prompt may be what a held-out labeler wrote, as in a conversation."""
    return row.labeler.group == "held_out" and row.prompt.source == "labeler"


def made_by_simulation(row: Record) -> bool:
    """Whether a simulated labeler made it."""
    return isinstance(row, Demonstration | Ranking | Rating) and row.labeler.origin == "simulated"


def round_prefix(candidates: Sequence[Candidates]) -> str:
    """How the ids of a round's candidates begin: '' in the first round, 'round-2-' in the second."""
    first = candidates[0].id
    return "-".join(first.split("-")[:2]) + "-" if first.startswith("round-") else ""


def blinded(candidates: Sequence[Candidates]) -> tuple[list[Candidates], dict[str, str]]:
    """Candidates without the models' names, in an order that tells nothing; and {blind id: name}."""
    rows, names = [], {}
    for row in candidates:
        responses = []
        for response in row.responses:
            blind = canonical_hash([row.id, response.id])[:12]
            names[blind] = response.id
            responses.append(response.model_copy(update={"id": blind, "model": None, "tokens": None}))
        rows.append(row.model_copy(update={"responses": tuple(sorted(responses, key=lambda r: r.id))}))
    return rows, names


LabelT = TypeVar("LabelT", Ranking, Rating)


def unblinded(row: LabelT, names: Mapping[str, str]) -> LabelT:
    """A label with the policies' names back."""

    def named(response: Any) -> Any:
        return response.model_copy(update={"id": names[response.id], "model": names[response.id]})

    if isinstance(row, Rating):
        return row.model_copy(update={"response": named(row.response)})
    groups = tuple(tuple(names[one] for one in group) for group in row.groups)
    return row.model_copy(update={"responses": tuple(named(one) for one in row.responses), "groups": groups})
