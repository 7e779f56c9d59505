"""SIGKILL at ten random moments of each stage, and of the whole pipeline: run again, bit-identical."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from preceptor.pipeline.answers import answers_stage
from preceptor.pipeline.collecting import choose_feedback, collect, demonstrations
from preceptor.pipeline.evidence import watcher
from preceptor.pipeline.project import Done, Project
from preceptor.pipeline.run import run_pipeline
from preceptor.pipeline.stages import candidates_stage, reward_model_stage, rl_stage, sft_stage
from preceptor.records import Demonstration, Document, Prompt, Ranking, read_artifact
from preceptor.reporting.data import summary
from preceptor.runs.disk import write_json
from tests.killing import (
    WALL_CLOCK,
    Kill,
    assert_killing_changes_nothing,
    differences,
    digest,
    disturbed_runs,
    run_in_child,
)
from tests.planted import write_planted_model
from tests.planted_project import open_planted, recipe, write_data, write_recipe

TIMES = (*WALL_CLOCK, "stage.json", "summary.json", "report.html")
"""Files that say how long things took; what else they say is compared in `facts.json` and `figures.json`."""

Stage = Callable[["Finished", Project], Done]


@dataclass(frozen=True)
class Finished:
    """A project that nobody disturbed: where each stage finds what it starts from."""

    project: Project
    base: Path

    def model(self, stage: str) -> Path:
        return (self.project.directory / "latest" / stage / "model").resolve()

    def artifact(self, name: str, record: type[Any]) -> Any:
        return read_artifact(self.project.directory / "artifacts" / name, record)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    base = write_planted_model(folder / "model")
    write_recipe(folder / "project", recipe(base))
    write_data(folder / "project")
    project = open_planted(folder / "project")
    run_pipeline(project, force="a test")
    return Finished(project, base)


def sft(finished: Finished, project: Project) -> Done:
    train, valid = (finished.artifact(name, Demonstration) for name in ("demonstrations", "demonstrations-valid"))
    return sft_stage(project, train, valid, finished.artifact("documents", Document))


def candidates(finished: Finished, project: Project) -> Done:
    prompts = finished.artifact("prompts-reward", Prompt)
    candidates_stage(project, {"sft": finished.model("sft"), "ppo": finished.model("ppo")}, prompts, "candidates")
    return project.done["candidates"]


def reward_model(finished: Finished, project: Project) -> Done:
    rankings, written = finished.artifact("rankings", Ranking), finished.artifact("demonstrations", Demonstration)
    return reward_model_stage(project, finished.model("sft"), rankings, written, "reward_model")


def ppo_ptx(finished: Finished, project: Project) -> Done:
    config = project.recipe.rl["ppo_ptx"].model_copy(update={"num_steps": 5})
    assert config.pretraining.coef > 0
    assert config.kl.type == "adaptive"
    assert config.ema_decay > 0
    judges = {"score": finished.model("reward_model")}
    feedback = choose_feedback(finished.project)
    watch = watcher(project, feedback, judges, finished.model("sft"), finished.artifact("prompts-test", Prompt).rows)
    return rl_stage(
        project, config, finished.model("sft"), finished.model("reward_model"), finished.artifact("prompts-rl", Prompt),
        finished.artifact("documents", Document), watch, name="ppo_ptx", kind="ppo_ptx", forced="a test",
    )  # fmt: skip


def responses(finished: Finished, project: Project) -> Done:
    answers_stage(
        project,
        {name: finished.model(name) for name in ("sft", "ppo")},
        finished.model("reward_model"),
        finished.artifact("demonstrations", Demonstration),
        finished.artifact("prompts-test", Prompt),
        finished.artifact("documents-held-out", Document),
    )
    return project.done["responses"]


def target_of(finished: Finished, stage: Stage) -> Callable[[Path], None]:
    def target(directory: Path) -> None:
        done = stage(finished, Project(directory, finished.project.recipe, lambda text: None))
        write_json(directory / "facts.json", dict(done.facts))

    return target


@pytest.mark.parametrize("stage", [sft, candidates, reward_model], ids=lambda stage: stage.__name__)
def test_ten_kills_of_a_stage_change_nothing(finished: Finished, tmp_path: Path, stage: Stage) -> None:
    results = assert_killing_changes_nothing(target_of(finished, stage), tmp_path, num_kills=10, ignore=TIMES)
    if (finished.project.done[stage.__name__].path / "run").is_dir():  # it has checkpoints to go on from
        assert sum(result.is_resumed for result in results) >= 4


def test_a_kill_between_the_end_of_a_run_and_that_of_its_stage_changes_nothing(
    finished: Finished, tmp_path: Path
) -> None:
    target = target_of(finished, reward_model)
    calm = run_in_child(target, tmp_path / "calm")
    expected = digest(tmp_path / "calm", TIMES)
    for back in range(12):
        place = tmp_path / f"back-{back}"
        assert run_in_child(target, place, Kill(change=calm.num_changes - back)).is_killed
        run_in_child(target, place)
        assert differences(expected, digest(place, TIMES)) == [], f"killed {back} changes before the end"


@pytest.mark.parametrize("stage", [ppo_ptx, responses], ids=lambda stage: stage.__name__)
def test_a_stage_killed_ten_times_over_changes_nothing(finished: Finished, tmp_path: Path, stage: Stage) -> None:
    assert_killing_changes_nothing(target_of(finished, stage), tmp_path, num_kills=10, is_chain=True, ignore=TIMES)


def test_a_pipeline_killed_ten_times_over_changes_nothing(finished: Finished, tmp_path: Path) -> None:
    def target(directory: Path) -> None:
        if not (directory / "data" / "ratings").is_dir():
            shutil.rmtree(directory, ignore_errors=True)
            write_recipe(directory, recipe(finished.base))
            write_data(directory)
        data = run_pipeline(open_planted(directory), force="a test")
        figures = summary(data)
        del figures["seconds"]
        write_json(directory / "figures.json", figures)
        assert "<html" in (directory / "report.html").read_text()

    assert_killing_changes_nothing(target, tmp_path, num_kills=10, seed=2, is_chain=True, ignore=TIMES)


def test_a_stage_whose_randomness_is_not_keyed_is_caught(finished: Finished, tmp_path: Path) -> None:
    """The comparison can fail: a stage that counts its own starts is not the same when it starts twice."""

    def target(directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        counter = directory / "starts"
        counter.write_text(str(int(counter.read_text()) + 1 if counter.exists() else 1))
        target_of(finished, candidates)(directory)

    results = disturbed_runs(target, tmp_path, num_kills=4, seed=3, ignore=TIMES)
    assert any("starts: differs" in result.differences for result in results)


def test_a_second_run_does_nothing_again(finished: Finished) -> None:
    said: list[str] = []
    project = Project(finished.project.directory, finished.project.recipe, said.append)
    before = {name: done.path.stat().st_mtime_ns for name, done in finished.project.done.items()}
    run_pipeline(project, force="a test")
    assert {name: done.path.stat().st_mtime_ns for name, done in project.done.items()} == before
    assert sum("done before" in text for text in said) == len(project.done)


def test_other_settings_redo_only_what_depends_on_them(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.project.directory, tmp_path / "project", symlinks=True)
    values = recipe(finished.base)
    values["reward_model"]["batch_size"] = 8
    write_recipe(tmp_path / "project", values)
    project = open_planted(tmp_path / "project")
    run_pipeline(project, force="a test")
    same = {name for name, done in project.done.items() if done.key == finished.project.done[name].key}
    assert same == {"sft", "candidates"}
    rows = [json.loads(path.read_text()) for path in sorted((tmp_path / "project" / "work").glob("*/stage.json"))]
    assert len(rows) == len(finished.project.done) + len(project.done) - len(same)


def test_the_order_of_work_is_that_of_the_data(finished: Finished) -> None:
    """Feedback is asked again on each run, and gives the same artifacts."""
    project = open_planted(finished.project.directory)
    feedback = choose_feedback(project)
    sets, _ = collect(project, feedback)
    demonstrations(project, feedback, sets)
    for name, manifest in project.kept.items():
        assert manifest.content_hash == finished.project.kept[name].content_hash
