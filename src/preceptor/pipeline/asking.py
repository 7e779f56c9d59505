"""The closed world's prompts into the project, the way that people's go: into the store, and through the steps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preceptor.errors import UserError
from preceptor.labeling.project import store_url
from preceptor.pipeline.adding import add_files
from preceptor.pipeline.building import POOL, build_prompts
from preceptor.pipeline.project import Project
from preceptor.pipeline.recipe import Recipe
from preceptor.prompts.adding import forget_file, set_salt
from preceptor.records import Prompt, read_manifest
from preceptor.records.artifacts import content_hash
from preceptor.simulation.world import World
from preceptor.store import Database

FILE = "closed-world.jsonl"
SALT = "the closed world"
"""Of the pseudonyms: its users are nobody, and the same seed is to give the same prompts in every project."""
SPARE = 1.6
"""Prompts drawn for each one needed: some are duplicates, a tenth of the users is for the test, and RL takes only those
of training."""


def world_prompts(recipe: Recipe) -> list[Prompt]:
    """As many as the recipe's sets need."""
    sizes = recipe.prompts
    needed = sizes.num_sft + sizes.num_rl + sizes.num_test + sizes.num_reward * recipe.rounds
    return World().prompts(round(max(needed, 10 * sizes.num_test) * SPARE), recipe.seed)


def ask(project: Project) -> None:
    """Have the closed world's prompts in `data/`, unless they lie there already as this recipe builds them.

    What another seed or size had asked before is taken out of the store: it can be asked again.
    """
    recipe = project.recipe

    def make(directory: Path) -> Mapping[str, Any]:
        lines = [prompt.model_dump_json() for prompt in world_prompts(recipe)]
        (directory / FILE).write_text("\n".join(lines), encoding="utf-8")
        return {"num_prompts": len(lines), "asked": content_hash(directory / FILE)}

    sizes = recipe.prompts.model_dump(mode="json", exclude={"build", "num_documents"})
    done = project.stage("prompts", [sizes, recipe.rounds], [], make)
    if not _is_built(project, done.facts["asked"]):
        _bring(project, done.path / FILE)
        build_prompts(project)


def _bring(project: Project, file: Path) -> None:
    database = Database.open(store_url(project.directory, None))
    try:
        set_salt(database, SALT)
        forget_file(database, file.name)
    finally:
        database.close()
    add_files(project.directory, [file], project.say)


def _is_built(project: Project, asked: str) -> bool:
    """Whether the prompts in `data/` were built of these by this recipe."""
    try:
        manifest = read_manifest(project.data / POOL)
    except UserError:
        return False
    notes = {"seed": project.recipe.seed, "build": project.recipe.prompts.build.model_dump(mode="json")}
    return asked in manifest.parents and notes.items() <= manifest.notes.items()
