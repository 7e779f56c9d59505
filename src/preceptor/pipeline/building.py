"""Prompt sets out of the store: the steps, the pool that `preceptor run` reads, the sets, their report and card."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from preceptor.errors import UserError
from preceptor.labeling.project import store_url
from preceptor.models.load import load_chat
from preceptor.pipeline.describing import Described, describe
from preceptor.pipeline.imported import Imported
from preceptor.pipeline.project import Project
from preceptor.pipeline.prompt_facts import prompt_facts
from preceptor.pipeline.sets import draw_sets
from preceptor.pipeline.stages import base_model
from preceptor.prompts.card import data_card
from preceptor.prompts.engine import engine_named
from preceptor.prompts.leak import check_leak
from preceptor.prompts.making import Made, make_prompts
from preceptor.prompts.raw import StoredPrompts, files_of
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
from preceptor.reporting.prompt_report import write_prompt_report
from preceptor.runs.progress import Progress
from preceptor.store import Database

POOL = "prompts-built"
"""Folder in `data/` of all prompts that the steps left in."""
REPORT = "prompts.html"


@dataclass(frozen=True)
class Built:
    """What came out."""

    pool: Manifest
    sets: dict[str, list[Prompt]]
    tables: list[Table]


def build_prompts(project: Project, store: str | None = None, engine: str = "local") -> Built:
    """Take the steps, write pool, sets, report and card, and prove on them that no user is in two parts.

    Raises:
        UserError: there are no raw prompts, a set stays empty, or a user is in two parts; no engine of that name.
    """
    config, made = project.recipe.prompts.build, Made.nothing(project.recipe.prompts.build)
    worker = engine_named(engine)
    database = Database.open(store_url(project.directory, store), create=False)
    try:
        prompts = StoredPrompts(database, worker, _progress)
        decisions = decide(prompts, config, project.recipe.seed)
        if not len(decisions.keys):
            raise UserError("there are no raw prompts yet", remedy="`preceptor prompts add FILE` brings some in")
        imported = Imported(project.data, project.recipe, project.say)
        described = describe(project.recipe, imported, database, decisions)
        rows = make_prompts(prompts, decisions, config, described.beyond, made)
        pool = _write_pool(project, files_of(database), decisions, described, made, rows)
    finally:
        database.close()
    project.tell_dropped("prompts", pool.dropped, len(decisions.keys))
    sets = _keep_sets(project, imported)
    length, unit = _measure(project, sets)
    by_section = {
        "steps": [_steps_table(decisions, made, pool)],
        "sizes": [sizes_table(sets)],
        "use-cases": [use_cases_table(sets), *described.tables(sets)],
        "unsafe": described.unsafe_tables(sets),
        "lengths": length_tables(sets, length, unit),
        "private": [private_table(made.report)],
        "languages": [languages_table(made.languages)],
    }
    steps = [(one.name, one.num_read, one.num_dropped) for one in decisions.steps]
    facts = prompt_facts(
        sets, steps, made.languages, made.report, described.beyond.screen, length, unit, project.recipe.prompts,
        by_section,
    )  # fmt: skip
    write_prompt_report(facts, project.directory / REPORT)
    tables = list(chain.from_iterable(by_section.values()))
    card = data_card(
        {name: len(rows) for name, rows in sets.items()}, tables[0], tables[1:], len(decisions.keys),
        project.recipe.prompts.model_dump(mode="json"), sorted(set(made.languages) - {"und", "zxx"}), made.report,
    )  # fmt: skip
    (project.directory / "artifacts" / "README.md").write_text(card, encoding="utf-8")
    return Built(pool, sets, tables)


@contextmanager
def _progress(what: str, num: int) -> Iterator[Callable[[], None]]:
    with Progress(num, what) as progress:
        yield progress.advance


def _keep_sets(project: Project, imported: Imported) -> dict[str, list[Prompt]]:
    """The sets as `preceptor run` draws them, from all that it will find; no user is in two of their parts."""
    sets = draw_sets(imported.splits(), imported.prompts, project.recipe).named()
    kept = [
        project.keep(f"prompts-{name}", rows, "prompts", project.note(imported.sources(rows)))
        for name, rows in sets.items()
    ]
    check_leak([artifact.path for artifact in kept])
    return sets


def _write_pool(
    project: Project,
    files: Sequence[Mapping[str, str]],
    decisions: Decisions,
    described: Described,
    made: Made,
    prompts: Iterable[Prompt],
) -> Manifest:  # fmt: skip
    """All prompts that are left, and the log of those that are not."""
    build = project.recipe.prompts.build.model_dump(mode="json")
    notes: dict[str, Any] = {"seed": project.recipe.seed, "build": build, "files": list(files)}

    def rows() -> Iterator[Prompt]:
        yield from prompts
        steps = [{"step": one.name, "read": one.num_read, "dropped": one.num_dropped} for one in decisions.steps]
        notes.update(steps=steps, split=made.splits, languages=made.languages, **described.notes(made))

    dropped = decisions.dropped  # read, as the notes are, after the last row
    parents = [*(file["sha256"] for file in files), *described.sources.values()]
    pool = stream_artifact(project.data / POOL, rows(), "prompts", parents=parents, dropped=dropped, notes=notes)
    log = project.directory / "artifacts" / "prompts-dropped"
    stream_artifact(log, decisions.logged(), "dropped_prompts", parents=[pool.content_hash])
    return pool


def _steps_table(decisions: Decisions, made: Made, pool: Manifest) -> Table:
    rows = [
        (one.name, f"{one.num_read:,}", f"{one.num_dropped:,}", f"{one.num_read - one.num_dropped:,}")
        for one in decisions.steps
    ]
    rows.append(("in the data", "", "", f"{pool.num_rows:,}"))
    rows.append(("flagged as unsafe among them", "", "", f"{made.num_unsafe:,}"))
    return Table("Steps", ("step", "read", "dropped", "left"), rows)


def _measure(project: Project, sets: Mapping[str, Sequence[Prompt]]) -> tuple[Callable[[Prompt], int], str]:
    """How long each prompt of the sets is: in tokens of the base model, or in words where there is no such model."""
    try:
        chat, _ = load_chat(str(base_model(project)))
    except UserError:
        project.say("the base model is not here: lengths are in words, not in tokens")
        return lambda prompt: sum(len(message.content.split()) for message in prompt.messages), "words"
    lengths = {id(row): len(chat.prompt(row.messages)) for rows in sets.values() for row in rows}
    return lambda prompt: lengths[id(prompt)], "tokens"
