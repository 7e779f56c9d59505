"""What labels teach about prompts that nobody labeled: their use cases and properties, and which are unsafe."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from preceptor.pipeline.imported import Imported
from preceptor.pipeline.recipe import Recipe
from preceptor.prompts.labeled import Labeled, came_with, labeled_prompts
from preceptor.prompts.making import Beyond, Made
from preceptor.prompts.raw import lacks_use_case, with_use_case
from preceptor.prompts.steps import Decisions, prompt_id
from preceptor.prompts.tables import Sets, Table, predicted_table, properties_table, taught_table, unsafe_table
from preceptor.prompts.unsafe import SENSITIVE, Screen, screen_of
from preceptor.prompts.use_cases import MAX_TRAINED, CrossValidated, cross_validate, train
from preceptor.store import Database


@dataclass(frozen=True)
class Described:
    """What is known of prompts beyond what they came with, and how well."""

    beyond: Beyond
    measured: CrossValidated | None
    """None where nothing is to be predicted."""
    sources: Mapping[str, str]
    """Place in the project → content hash of the labels that it was learned from."""

    def notes(self, made: Made) -> dict[str, Any]:
        """What the manifest of the prompts says of it."""
        notes: dict[str, Any] = {"sources": dict(self.sources)} if self.sources else {}
        if self.measured is not None:
            notes["predicted"] = self.measured.summary()
        if (screen := self.beyond.screen) is not None:
            notes["unsafe"] = {"scorer": screen.name, "threshold": screen.threshold, "flagged": made.num_unsafe}
        return notes

    def tables(self, sets: Sets) -> list[Table]:
        """What was predicted, and how far to trust it."""
        tables = [] if self.measured is None else self.measured.tables()
        if self.measured is not None and self.measured.confusion:
            tables += [predicted_table(sets), taught_table(sets, self.measured.sources)]
        if self.beyond.given:
            tables.append(properties_table(sets))
        return tables

    def unsafe_tables(self, sets: Sets) -> list[Table]:
        """What was flagged."""
        screen = self.beyond.screen
        return [] if screen is None else [unsafe_table(sets, _by_what(screen))]


def describe(recipe: Recipe, imported: Imported, database: Database, decisions: Decisions) -> Described:
    """Learn from the labels in the project, and from use cases that raw prompts came with where others lack one.

    Raises:
        UserError: there is no such scorer as the recipe names.
    """
    labels = imported.labeled()
    given = labeled_prompts(labels)
    is_lacking = lacks_use_case(database)
    came = _came_with(database, decisions) if is_lacking else {}
    known = list((came | given).values())
    classifier = train(known)
    measured = cross_validate(known, recipe.seed) if given or is_lacking else None
    learned = None if classifier is None else classifier.properties.get(SENSITIVE)
    beyond = Beyond(given, classifier, screen_of(recipe.prompts.build.unsafe, learned))
    return Described(beyond, measured, imported.sources(labels))


def _came_with(database: Database, decisions: Decisions) -> dict[str, Labeled]:
    """Prompts of the data that came with a use case, by their ids: of many those with the least keys, by chance."""
    kept = (row for row in with_use_case(database) if decisions.keeps(row.key))
    few = islice(kept, MAX_TRAINED)
    return {
        (id := prompt_id(row.key)): came_with(id, row.messages, row.user, str(row.use_case), row.source) for row in few
    }


def _by_what(screen: Screen) -> str:
    if screen.scorer is None:
        return "Unsafe content: too few labels to learn from, so only what labelers called sensitive is flagged"
    return f"Unsafe content, flagged by “{screen.name}” from a score of {screen.threshold:g} on"
