"""Prompt sets out of the store: the steps, the pool that `preceptor run` reads, the sets, their tables and card."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from preceptor.errors import UserError
from preceptor.labeling.project import store_url
from preceptor.models.load import load_chat
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.project import Project
from preceptor.pipeline.sets import draw_sets
from preceptor.pipeline.stages import base_model
from preceptor.prompts.card import data_card
from preceptor.prompts.leak import check_leak
from preceptor.prompts.making import LANGUAGE, PRIVATE, Made, Treatment, made_prompts, treat_private
from preceptor.prompts.raw import file_hashes, raw_prompts
from preceptor.prompts.steps import Decisions, decide
from preceptor.prompts.tables import (
    Table,
    languages_table,
    length_tables,
    private_table,
    sizes_table,
    use_cases_table,
)
from preceptor.records import Manifest, Prompt, stream_artifact
from preceptor.store import Database

POOL = "prompts-built"
"""Folder in `data/` of all prompts that the steps left in."""


@dataclass(frozen=True)
class Built:
    """What came out."""

    pool: Manifest
    sets: dict[str, list[Prompt]]
    tables: list[Table]


def build_prompts(project: Project, store: str | None = None) -> Built:
    """Take the steps, write the pool, the sets and the card, and prove on them that no user is in two parts.

    Raises:
        UserError: there are no raw prompts, a set stays empty, or a user is in two parts.
    """
    config, made = project.recipe.prompts.build, Made()
    database = Database.open(store_url(project.directory, store), create=False)
    try:
        decisions = decide(raw_prompts(database), config, project.recipe.seed)
        if not len(decisions.keys):
            raise UserError("there are no raw prompts yet", remedy="`preceptor prompts add FILE` brings some in")
        treatment = treat_private(raw_prompts(database), decisions, config.private)
        pool = _write_pool(project, database, decisions, treatment, made)
    finally:
        database.close()
    project.tell_dropped("prompts", pool.dropped, len(decisions.keys))
    # Drawn as `preceptor run` draws them, from all that it will find.
    feedback = HumanFeedback(project.data, project.recipe, project.say)
    sets = draw_sets(feedback.prompts(), project.recipe).named()
    kept = [
        project.keep(f"prompts-{name}", rows, "prompts", project.note(feedback.sources(rows)))
        for name, rows in sets.items()
    ]
    check_leak([artifact.path for artifact in kept])
    tables = [_steps_table(decisions, made, pool), sizes_table(sets), use_cases_table(sets)]
    tables += [*length_tables(sets, *_measure(project)), private_table(treatment.report)]
    tables.append(languages_table(made.languages))
    card = data_card(
        {name: len(rows) for name, rows in sets.items()}, tables[0], tables[1:], len(decisions.keys),
        project.recipe.prompts.model_dump(mode="json"), sorted(set(made.languages) - {"und", "zxx"}), treatment.report,
    )  # fmt: skip
    (project.directory / "artifacts" / "README.md").write_text(card, encoding="utf-8")
    return Built(pool, sets, tables)


def _write_pool(
    project: Project, database: Database, decisions: Decisions, treatment: Treatment, made: Made
) -> Manifest:  # fmt: skip
    """All prompts that are left, and the log of those that are not."""
    config = project.recipe.prompts.build
    made.dropped |= decisions.dropped()
    notes: dict[str, Any] = {
        "steps": [{"step": step, "read": read, "dropped": num} for step, read, num in decisions.steps],
        "build": config.model_dump(mode="json"),
        "split": made.splits,
        "languages": made.languages,
    }
    rows = made_prompts(raw_prompts(database), decisions, treatment, config, made)
    pool = stream_artifact(
        project.data / POOL, rows, "prompts", parents=file_hashes(database), dropped=made.dropped, notes=notes
    )
    log = project.directory / "artifacts" / "prompts-dropped"
    drops = chain(decisions.logged(), made.drops)
    stream_artifact(log, drops, "dropped_prompts", parents=[pool.content_hash])
    return pool


def _steps_table(decisions: Decisions, made: Made, pool: Manifest) -> Table:
    rows = [(step, f"{read:,}", f"{num:,}", f"{read - num:,}") for step, read, num in decisions.steps]
    left = int((decisions.split >= 0).sum())
    for step in (PRIVATE, LANGUAGE):
        num = made.dropped.get(step, 0)
        rows.append((step, f"{left:,}", f"{num:,}", f"{left - num:,}"))
        left -= num
    return Table("Steps", ("step", "read", "dropped", "left"), [*rows, ("in the data", "", "", f"{pool.num_rows:,}")])


def _measure(project: Project) -> tuple[Callable[[Prompt], int], str]:
    """How long a prompt is: in tokens of the base model, or in words as long as there is no such model here."""
    try:
        chat, _ = load_chat(str(base_model(project)))
    except UserError:
        project.say("the base model is not here: lengths are in words, not in tokens")
        return lambda prompt: sum(len(message.content.split()) for message in prompt.messages), "words"
    return lambda prompt: len(chat.prompt(prompt.messages)), "tokens"
