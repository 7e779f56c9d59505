"""Where labels come from: people, through what they imported, or the simulated labelers of the closed world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from preceptor.errors import UserError
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
    read_artifact,
    write_artifact,
)
from preceptor.records.artifacts import canonical_hash

RecordT = TypeVar("RecordT", bound=Record)


class Waiting(Exception):
    """The pipeline has come to where people must work; not an error."""

    def __init__(self, what: str, have: int, need: int, todo: Path) -> None:
        self.what, self.have, self.need, self.todo = what, have, need, todo
        super().__init__(f"waiting for {what}: {have} of {need} are in")


@dataclass(frozen=True)
class Evidence:
    """What held-out labelers said of the policies' responses to the test prompts."""

    rankings: Sequence[Ranking]
    """One per prompt and labeler, over all policies at once; a response's id is its policy's name."""
    ratings: Sequence[Rating]


class Feedback(Protocol):
    """What the pipeline asks of labelers. `todo` is where work for people is written down."""

    origin: str

    def prompts(self) -> list[Prompt]:
        """All prompts there are."""

    def documents(self) -> list[Document]:
        """Pretraining text; may be empty."""

    def demonstrations(self, prompts: Sequence[Prompt], todo: Path) -> list[Demonstration]:
        """What labelers write."""

    def rankings(self, candidates: Sequence[Candidates], todo: Path) -> list[Ranking]:
        """How labelers order the candidates; some by the held-out group."""

    def evidence(self, candidates: Sequence[Candidates], todo: Path) -> Evidence:
        """What held-out labelers say of all policies' responses."""

    def gold(self, prompt: Prompt, text: str) -> Mapping[str, Any] | None:
        """The truth about a response, where it is known: in the closed world only."""


class HumanFeedback:
    """Labels that people made, from the artifacts in the project's `data/`."""

    origin = "human"

    def __init__(self, data: Path, recipe: Recipe) -> None:
        self._data = data
        self._labels = recipe.labels

    def imported(self, record: type[RecordT]) -> list[RecordT]:
        """All rows of one kind, over the artifacts in the order of their names."""
        kind = next(name for name, kept in KINDS.items() if kept is record)
        rows: list[RecordT] = []
        for path in sorted(self._data.glob("*/manifest.json")):
            if Manifest.model_validate_json(path.read_text(encoding="utf-8")).kind == kind:
                rows.extend(read_artifact(path.parent, record).rows)
        return rows

    def prompts(self) -> list[Prompt]:
        """Imported prompts, and those of imported demonstrations and rankings when there are no others."""
        prompts = self.imported(Prompt)
        if not prompts:
            labeled = [*self.imported(Demonstration), *self.imported(Ranking)]
            prompts = list({row.prompt.id: row.prompt for row in labeled}.values())
        if not prompts:
            raise UserError("there are no prompts yet", file=self._data, remedy="`preceptor import FILE` brings some in")
        return prompts

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
        """All imported rankings but those of the final evaluation; waits until there are `labels.min_rankings`."""
        rows = [row for row in self.imported(Ranking) if not row.id.startswith("test-")]
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
        ratings = [row for row in self.imported(Rating) if row.response.id in names]
        return Evidence([unblinded(row, names) for row in held_out], [unblinded(row, names) for row in ratings])

    def gold(self, prompt: Prompt, text: str) -> None:
        """Nobody knows."""
        return None


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


def choose_feedback(recipe: Recipe, data: Path) -> Feedback:
    """The kind of feedback that the recipe asks for."""
    if recipe.feedback == "human":
        return HumanFeedback(data, recipe)
    from preceptor.pipeline.simulated import SimulatedFeedback

    return SimulatedFeedback(recipe)


def held_out(rows: Sequence[Ranking]) -> list[Ranking]:
    """Rankings by held-out labelers."""
    return [row for row in rows if row.labeler.group == "held_out"]


def of_training(rows: Sequence[Ranking]) -> list[Ranking]:
    """Rankings by labelers of the training group: the only ones that train."""
    return [row for row in rows if row.labeler.group == "training"]

