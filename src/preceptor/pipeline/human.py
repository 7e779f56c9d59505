"""Feedback by people: labels that were imported into the project."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from preceptor.errors import UserError, Waiting
from preceptor.pipeline.feedback import Evidence
from preceptor.pipeline.imported import Imported
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Candidates, Demonstration, Document, Prompt, Ranking, Rating, write_artifact
from preceptor.records.artifacts import canonical_hash

TEST = "test-"
"""Begins the ids of what is ranked for the final evaluation."""


class HumanFeedback(Imported):
    """Labels that people made, from the artifacts in the project's `data/`."""

    origin: Literal["human", "simulated"] = "human"

    def __init__(self, data: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        super().__init__(data, recipe, say)
        self._labels = recipe.labels

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
