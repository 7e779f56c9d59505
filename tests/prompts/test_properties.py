"""What is built depends on the set of raw rows alone: not on files, their order, or users who are gone."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from preceptor.config import load_config
from preceptor.pipeline.adding import add_files
from preceptor.pipeline.building import build_prompts
from preceptor.pipeline.project import RECIPE, Project
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.withdrawing import withdraw
from preceptor.records import Prompt, pseudonym_of_user, read_artifact, read_manifest
from preceptor.simulation.world import World
from preceptor.store import Database, RawPrompt
from preceptor.store.tables import Setting

SETS = ("sft", "reward", "rl", "test")
Row = dict[str, Any]

TEXTS = [prompt.text for prompt in World().prompts(60, seed=3)]
USERS = (*(f"user{number}@example.org" for number in range(12)), None)

row = st.builds(
    # A few texts of many users, so that there is much to leave out; private, so that some of it is masked or dropped.
    lambda number, user, private: {"prompt": TEXTS[number] + private, "user": user},
    st.integers(0, len(TEXTS) - 1),
    st.sampled_from(USERS),
    st.sampled_from(["", "", "", " Mail it to jo@example.com.", " My IBAN is DE89 3704 0044 0532 0130 00."]),
)
EVERY_SET = [{"prompt": text, "user": f"filler{number}"} for number, text in enumerate(TEXTS[:40])]
"""Rows of so many users that no set stays empty."""


@st.composite
def ways(draw: st.DrawFn) -> tuple[list[list[Row]], list[list[Row]]]:
    """The same rows twice, cut into files in two ways."""
    rows = [*EVERY_SET, *draw(st.lists(row, min_size=10, max_size=60))]
    return _cut(draw, rows), _cut(draw, draw(st.permutations(rows)))


def _cut(draw: st.DrawFn, rows: Sequence[Row]) -> list[list[Row]]:
    places = sorted(draw(st.sets(st.integers(1, len(rows) - 1), max_size=4)))
    return [list(rows[start:end]) for start, end in zip([0, *places], [*places, len(rows)], strict=True)]


def project_of(folder: Path, files: Sequence[Sequence[Row]]) -> Project:
    """A project to whose store files were added one by one, under the salt of all."""
    folder.mkdir(parents=True)
    values = {"prompts": {"num_sft": 20, "num_reward": 10, "num_rl": 10, "num_test": 10}, "base_model": "none"}
    (folder / RECIPE).write_text(yaml.safe_dump(values))
    store = open_store(folder)
    with store.write() as session:
        session.merge(Setting(name="prompts.salt", value={"salt": "fixed"}))
    store.close()
    for number, rows in enumerate(filter(None, files)):
        path = folder / f"{number}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
        add_files(folder, [path], lambda text: None)
    return Project(folder, load_config(Recipe, folder / RECIPE), lambda text: None)


def open_store(folder: Path) -> Database:
    return Database.open(f"sqlite:///{folder}/labeling/labels.db")


def built(project: Project) -> dict[str, str]:
    """Content hashes of all artifacts of a build, and of the data card."""
    build_prompts(project)
    folders = [*(project.directory / "artifacts").glob("*/"), *project.data.glob("*/")]
    return {folder.name: read_manifest(folder).content_hash for folder in folders}


def splits_of(project: Project) -> dict[str, set[str]]:
    """User → splits, over the pool and the sets, read off the disk."""
    found = defaultdict(set)
    for folder in [project.data / "prompts-built", *(project.directory / "artifacts" / f"prompts-{n}" for n in SETS)]:
        for one in read_artifact(folder, Prompt).rows:
            if one.user is not None:
                found[one.user].add(one.split)
    return found


LARGE = settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink would take minutes
)  # fmt: skip


@LARGE
@given(ways())
def test_no_user_is_in_two_splits_and_the_files_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, files: tuple[list[list[Row]], list[list[Row]]]
) -> None:
    folder = tmp_path_factory.mktemp("ways")
    one, other = (project_of(folder / name, way) for name, way in zip("ab", files, strict=True))
    hashes = built(one)
    assert {"prompts-built", "prompts-dropped", *(f"prompts-{name}" for name in SETS)} <= set(hashes)
    assert built(other) == hashes
    for project in (one, other):
        assert {len(splits) for splits in splits_of(project).values()} == {1}
    assert built(one) == hashes, "built twice"


@LARGE
@given(ways(), st.sampled_from(USERS[:-1]), st.booleans())
def test_who_withdrew_is_as_one_who_was_never_in_the_files(
    tmp_path_factory: pytest.TempPathFactory, files: tuple[list[list[Row]], list[list[Row]]], gone: str, by_id: bool
) -> None:
    """Withdrawn by the id or by the pseudonym, before or after a build; and what is added later stays out, too."""
    folder = tmp_path_factory.mktemp("withdrawn")
    without = project_of(folder / "without", [[one for one in rows if one["user"] != gone] for rows in files[0]])
    project = project_of(folder / "withdrawn", files[1])
    with_them = built(project)
    withdraw(project.directory, None, user=gone if by_id else pseudonym_of_user("fixed", gone))
    hashes = built(without)
    assert built(project) == hashes
    was_there = any(one["user"] == gone for rows in files[1] for one in rows)
    assert was_there or with_them == hashes
    again = folder / "again.jsonl"
    again.write_text("".join(json.dumps(one) + "\n" for rows in files[0] for one in rows))
    add_files(project.directory, [again], lambda text: None)
    assert built(project) == hashes
    store = open_store(project.directory)
    with store.read() as session:
        assert pseudonym_of_user("fixed", gone) not in set(session.scalars(select(RawPrompt.user)))
    store.close()
