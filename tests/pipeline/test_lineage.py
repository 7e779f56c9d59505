"""`preceptor lineage`: what things were made from, as it was recorded when they were made."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from preceptor.errors import UserError
from preceptor.pipeline.lineage import family_of
from preceptor.pipeline.memory import Memory, Thing
from preceptor.pipeline.project import Project
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Demonstration, Labeler, write_artifact
from preceptor.runs.lineage import model_hash
from tests.commands import preceptor
from tests.planted import demonstrations, prompts


def names(things: Sequence[Thing]) -> set[str]:
    return {thing.latest or thing.place for thing in things}


def all_of(memory: Memory, name: str, direction: str) -> set[str]:
    """Ancestors or descendants."""
    ways = getattr(memory, direction)
    found, waiting = {}, [memory.find(name)]
    while waiting:
        for thing in ways(waiting.pop()):
            if thing.key not in found:
                found[thing.key] = thing
                waiting.append(thing)
    return names(list(found.values()))


def test_every_parent_of_every_stage_is_known_by_its_place(finished_project: Path) -> None:
    memory = Memory.of(finished_project)
    assert names(memory.parents(memory.find("ppo"))) == {
        "sft", "reward_model", "artifacts/prompts-rl", "artifacts/documents",
    }  # fmt: skip
    assert names(memory.parents(memory.find("sft"))) == {
        "base model", "artifacts/demonstrations", "artifacts/demonstrations-valid", "artifacts/documents",
    }  # fmt: skip
    assert names(memory.parents(memory.find("candidates"))) == {"sft", "artifacts/prompts-reward"}
    assert names(memory.parents(memory.find("artifacts/rankings"))) == {"candidates", "data/rankings"}
    outside = [thing for thing in memory.things.values() if thing.kind not in ("artifact", "model")]
    assert [thing.place for thing in outside] == ["base model"]


def test_raw_prompts_are_known_by_their_files_and_many_files_by_a_few(tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert preceptor("init", project).code == 0
    files = [tmp_path / f"asked-{number:02}.jsonl" for number in range(11)]
    for number, file in enumerate(files):
        rows = [{"prompt": f"Question {number}, part {part}?", "user": f"{number}-{part}"} for part in range(6)]
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert preceptor("prompts", "add", *files, "-p", project).code == 0
    assert preceptor("prompts", "build", "-p", project).code == 0
    memory = Memory.of(project)
    pool = memory.find("data/prompts-built")
    assert names(memory.parents(pool)) == {file.name for file in files}
    shown = family_of(memory, pool)
    titles = [shown.boxes[key].title for key in shown.parents[shown.target]]
    assert len(titles) == 9
    assert titles[-1] == "3 more files"
    assert "not in the project" not in preceptor("lineage", "prompts-sft", "-p", project).said


def test_what_only_measures_goes_into_no_policy(finished_project: Path) -> None:
    """Rows of `data/rankings` by held-out labelers went into the judge alone, those of `data/evaluations` into none."""
    memory = Memory.of(finished_project)
    above = all_of(memory, "ppo", "parents")
    assert "artifacts/rankings" in above
    assert not above & {"artifacts/rankings-held-out", "artifacts/rankings-judge", "data/evaluations", "data/ratings"}
    assert all_of(memory, "data/evaluations", "children") == {"artifacts/test-rankings"}
    assert "ppo" in all_of(memory, "data/demonstrations", "children")


def test_a_thing_is_found_by_place_stage_path_and_hash(finished_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory.of(finished_project)
    ppo = memory.find("ppo")
    assert ppo.content == model_hash(finished_project / "latest" / "ppo" / "model")
    ways = ["latest/ppo", "latest/ppo/model", ppo.place, ppo.place.removesuffix("/model"), ppo.content[:8], ppo.content]
    ways += [str(finished_project / "latest" / "ppo"), f"{ppo.place}/"]
    assert {memory.find(way).key for way in ways} == {ppo.key}
    assert memory.find("prompts-rl").place == "artifacts/prompts-rl"
    with pytest.raises(UserError, match="more than one") as ambiguous:
        memory.find("rankings")
    assert "artifacts/rankings, data/rankings" in str(ambiguous.value)
    for unknown in ("nobody", ppo.content[:5], ""):
        with pytest.raises(UserError, match="no artifact and no model"):
            memory.find(unknown)
    monkeypatch.chdir(finished_project / "artifacts")
    assert memory.find("rankings").place == "artifacts/rankings"


def test_equal_content_in_two_places_is_not_mixed_up(tmp_path: Path) -> None:
    """Two empty artifacts have one hash: what was made from one was not made from the other."""
    project = Project(tmp_path, Recipe(), lambda text: None)
    empty = project.keep("empty", [], "prompts")
    write_artifact(tmp_path / "data" / "also-empty", [], "prompts")
    project.keep("made", prompts(2), "prompts", [empty.manifest.content_hash])
    memory = Memory.of(tmp_path)
    assert names(memory.parents(memory.find("made"))) == {"artifacts/empty"}
    assert memory.parents(memory.find("empty")) == []


def test_an_artifact_that_passed_all_rows_on_is_the_parent_of_its_equal(tmp_path: Path) -> None:
    """`data/mine` and `artifacts/mine` hold the same rows, and so have the same hash."""
    made = write_artifact(tmp_path / "data" / "mine", prompts(3), "prompts")
    project = Project(tmp_path, Recipe(), lambda text: None)
    project.keep("mine", prompts(3), "prompts", project.note({"data/mine": made.manifest.content_hash}))
    memory = Memory.of(tmp_path)
    assert names(memory.parents(memory.find("artifacts/mine"))) == {"data/mine"}
    assert memory.parents(memory.find("data/mine")) == []


def test_what_was_replaced_since_is_told_from_what_is_there_now(project: Path) -> None:
    write_artifact(project / "artifacts" / "demonstrations", demonstrations(3), "demonstrations")
    memory = Memory.of(project)
    then = next(one for one in memory.parents(memory.find("sft")) if one.place == "artifacts/demonstrations")
    now = memory.find("artifacts/demonstrations")
    assert (then.kind, now.kind) == ("replaced", "artifact")
    assert memory.children(now) == []
    assert "sft" in names(memory.children(then))


def test_imported_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"prompt": "What do bees eat?"}\n')
    assert preceptor("import", tmp_path / "mine.jsonl", "--project", tmp_path / "project").code == 0
    said = preceptor("lineage", "mine", "--project", tmp_path / "project").said
    assert "mine.jsonl" in said
    assert "a file that was imported" in said


def test_a_run_that_is_not_finished_is_shown_with_what_it_reads(project: Path) -> None:
    marker = (project / "latest" / "ppo").resolve() / "stage.json"
    marker.unlink()
    shutil.rmtree(marker.parent / "model")
    memory = Memory.of(project)
    assert {"sft", "reward_model"} < names(memory.parents(memory.find("ppo")))
    assert "not finished" in preceptor("lineage", "ppo", "--project", project).said


def labeled(number: int, labeler: str, guideline: str) -> Demonstration:
    row = demonstrations(number + 1)[number]
    asked = row.prompt.model_copy(update={"user": f"user-{number % 2}"})
    return row.model_copy(
        update={"prompt": asked, "labeler": Labeler(id=labeler), "metadata": {"guideline": guideline}}
    )


def test_an_artifact_tells_who_made_it_by_which_guideline(tmp_path: Path) -> None:
    rows = [labeled(0, "anna", "helpful v1"), labeled(1, "anna", "helpful v2"), labeled(2, "bert", "helpful v2")]
    write_artifact(tmp_path / "data" / "mine", rows, "demonstrations", dropped={"duplicate id": 4})
    said = preceptor("lineage", "mine", "--project", tmp_path).said
    assert "3 demonstrations, human" in said
    assert "labelers 2\n" in said
    assert "anna" not in said
    assert "users 2\n" in said
    assert "guidelines helpful v1 × 1, helpful v2 × 2" in said
    assert "dropped 4" in said
    assert "labelers 2: anna, bert" in preceptor("lineage", "mine", "--names", "--project", tmp_path).said


def test_a_model_tells_its_code_config_metrics_and_the_forced_gate(finished_project: Path) -> None:
    said = preceptor("lineage", "ppo", "--project", finished_project).said
    lineage = json.loads((finished_project / "latest" / "ppo" / "model" / "lineage.json").read_text())
    rows = [json.loads(line) for line in (finished_project / "latest/ppo/run/metrics.jsonl").read_text().splitlines()]
    assert f"code {lineage['version']}" in said
    assert "the gate was forced: a test" in said
    assert f"rollout/score {rows[-1]['rollout/score']:.3g}\n" in said
    assert "config " in said


def test_the_drawing_has_a_box_for_each_thing(finished_project: Path, tmp_path: Path) -> None:
    said = preceptor("lineage", "ppo", "--project", finished_project, "--svg", tmp_path / "ppo.svg")
    assert said.code == 0
    memory = Memory.of(finished_project)
    family = family_of(memory, memory.find("ppo"))
    root = ElementTree.parse(tmp_path / "ppo.svg").getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) == len(family.boxes)
    assert set(family.boxes) == {*(one.key for one in memory.things.values())} & set(family.generations())


def test_a_lineage_that_is_damaged_is_named(project: Path) -> None:
    (project / "data" / "texts" / "manifest.json").write_text("{}")
    failed = preceptor("lineage", "ppo", "--project", project)
    assert failed.code == 2
    assert "data/texts/manifest.json" in failed.said
