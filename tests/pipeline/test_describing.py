"""From labels in the room to predictions and flags in the data, and from the flags back to the room."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from preceptor.labeling import accounts, answers, assignment
from preceptor.labeling.export import export_artifacts
from preceptor.labeling.filling import items_of_artifact
from preceptor.labeling.stages import add_items, add_stage, progress, task_of
from preceptor.labeling.tasks import kinds
from preceptor.prompts.labeled import LABELS, PREDICTED
from preceptor.prompts.unsafe import UNSAFE
from preceptor.records import Manifest, Prompt, read_artifact, read_manifest
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database
from preceptor.store.tables import Item, Labeler, Stage
from tests.commands import preceptor
from tests.prompts.test_build import salted, save
from tests.prompts.test_use_cases import FILLING, WORDS, add_labels

TELLING = {word: use_case for use_case, word in WORDS.items()}
NUM_LABELED = 90


def asked(num: int = 240, seed: int = 0) -> list[dict[str, Any]]:
    """Requests of whose use case nobody said anything; a word in each tells it, and the word murder is sensitive."""
    draw = random.Random(seed)
    rows = []
    for number in range(num):
        said = [draw.choice(list(TELLING)), *draw.sample(FILLING, 7), *(["murder"] if number % 4 == 0 else [])]
        draw.shuffle(said)
        rows.append({"prompt": " ".join([*said, f"{number:04}"]), "user": f"user {number % 40}"})
    return rows


def told(text: str) -> str:
    """The use case that a word of a prompt tells."""
    return next(TELLING[word] for word in text.split() if word in TELLING)


def predicted(row: Prompt) -> Any:
    return row.metadata.get(PREDICTED, {})


def labels_in(project: Path) -> Path:
    """Where the room's labels of prompts lie."""
    (path,) = (project / "data").glob("labels-*")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    assert preceptor("init", folder).code == 0
    salted(folder)
    outcome = preceptor("prompts", "add", save(tmp_path / "log.jsonl", *asked()), "-p", folder)
    assert outcome.code == 0, outcome.said
    return folder


@pytest.fixture
def store(project: Path) -> Any:
    database = Database.open(f"sqlite:///{project}/labeling/labels.db")
    yield database
    database.close()


def build(project: Path, *settings: str) -> str:
    outcome = preceptor("prompts", "build", "-p", project, *(part for one in settings for part in ("--set", one)))
    assert outcome.code == 0, outcome.said
    return " ".join(outcome.said.split())


def pool(project: Path) -> tuple[dict[str, Prompt], Manifest]:
    artifact = read_artifact(project / "data" / "prompts-built", Prompt)
    return {row.id: row for row in artifact.rows}, artifact.manifest


def add_people(store: Database) -> tuple[Labeler, Labeler]:
    """One who agreed to sensitive content, and one who did not."""
    with store.write() as session:
        two = accounts.add_labeler(session, "anna", now=0.0), accounts.add_labeler(session, "bert", now=0.0)
    with store.write() as session:
        assignment.agree_to_sensitive(session, two[0], agrees=True, now=0.0)
    with store.read() as session:
        return session.get_one(Labeler, two[0].id), two[1]


def fill(store: Database, project: Path, name: str, kind: str, num: int | None = None) -> Stage:
    """A stage of the prompts that were built."""
    with store.write() as session:
        stage = add_stage(session, name, kind, group="training", now=0.0)
        items = items_of_artifact(project, "data/prompts-built", kinds()[kind])
        add_items(session, stage, items[:num], now=0.0)
        return stage


def label(store: Database, labeler: Labeler, stage: Stage, num: int) -> None:
    """Say of prompts what their words tell."""
    for _ in range(num):
        with store.write() as session:
            claim = assignment.claim_next(session, labeler, stage.id, now=time.time())
            assert claim is not None
            item = task_of(stage).Item.model_validate(session.get_one(Item, claim.item_id).payload)
            content = {
                "use_case": told(item.text),
                "properties": ["sensitive"] if "murder" in item.text else [],
            }
            answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=60.0, now=time.time())


def test_labels_teach_the_build_and_its_flags_go_to_who_agreed(project: Path, store: Database) -> None:
    said = build(project)
    assert "Use cases are not predicted: 0 labels are too few; 50 are needed" in said
    assert "too few labels to learn from, so only what labelers called sensitive is flagged" in said
    before, _ = pool(project)
    assert all(row.metadata == {} and row.use_case is None for row in before.values())
    anna, bert = add_people(store)
    label(store, anna, fill(store, project, "labels", "prompt_labels"), NUM_LABELED)
    export_artifacts(store, project / "data", time.time(), Withdrawn.nobody())

    said = build(project)
    rows, manifest = pool(project)
    assert rows.keys() == before.keys(), "nothing is dropped for what it is like"
    labeled = [row for row in rows.values() if LABELS in row.metadata]
    others = [row for row in rows.values() if LABELS not in row.metadata]
    assert len(labeled) == NUM_LABELED
    assert all(row.use_case == told(row.text) and "use_case" not in predicted(row) for row in labeled)
    assert all(row.use_case is None for row in others), "a prediction is nobody's word"
    right = [row for row in others if predicted(row)["use_case"] == told(row.text)]
    assert len(right) > 0.9 * len(others)
    assert {row.metadata[UNSAFE]["scorer"] for row in labeled if row.is_unsafe} == {"labeler"}
    assert [row.is_unsafe for row in labeled] == ["murder" in row.text for row in labeled]
    assert sum(row.is_unsafe == ("murder" in row.text) for row in others) > 0.9 * len(others)
    num_unsafe = sum(row.is_unsafe for row in rows.values())
    assert manifest.notes["unsafe"] == {"scorer": "labels", "threshold": 0.4, "flagged": num_unsafe}
    assert read_manifest(labels_in(project)).content_hash in manifest.parents
    assert f"cross-validated on {NUM_LABELED} labels, no user on both sides" in said
    assert "flagged as unsafe among them" in said
    assert "cross-validated on" in (project / "artifacts" / "README.md").read_text(encoding="utf-8")

    stage = fill(store, project, "demonstrations", "demonstration")
    given = []
    with store.write() as session:
        while (claim := assignment.claim_next(session, bert, stage.id, now=time.time())) is not None:
            given.append(session.get_one(Item, claim.item_id).key)
            answers.skip(session, bert, claim.item_id, reason="", now=time.time())
        assert sorted(given) == sorted(row.id for row in rows.values() if not row.is_unsafe)
        assert progress(session, stage)["num_waiting"] == 0, "they wait for anna"
        assignment.agree_to_sensitive(session, anna, agrees=False, now=time.time())
        session.flush()
        assert progress(session, stage)["num_waiting"] == num_unsafe


def test_the_same_labels_build_the_same_and_other_scorers_are_asked_by_name(
    project: Path, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("def score(texts):\n    return [float('green' in text) for text in texts]\n")
    monkeypatch.syspath_prepend(tmp_path)
    build(project)
    anna, _ = add_people(store)
    label(store, anna, fill(store, project, "labels", "prompt_labels"), NUM_LABELED)
    export_artifacts(store, project / "data", time.time(), Withdrawn.nobody())
    build(project)
    first = pool(project)[1].content_hash
    build(project)
    assert pool(project)[1].content_hash == first
    build(project, "prompts.build.unsafe.scorer=python:mine:score")
    rows, manifest = pool(project)
    unlabeled = [row for row in rows.values() if LABELS not in row.metadata]
    assert [row.is_unsafe for row in unlabeled] == ["green" in row.text for row in unlabeled]
    assert manifest.notes["unsafe"]["scorer"] == "python:mine:score"
    said = build(project, "prompts.build.unsafe.scorer=null")
    assert not any(row.is_unsafe for row in pool(project)[0].values())
    assert "unsafe" not in pool(project)[1].notes
    assert "Unsafe content" not in said
    outcome = preceptor("prompts", "build", "-p", project, "--set", "prompts.build.unsafe.scorer=detoxify")
    assert outcome.code != 0
    assert "there is no scorer 'detoxify'" in outcome.said


def test_use_cases_that_prompts_came_with_teach_about_those_that_came_without(project: Path, tmp_path: Path) -> None:
    given = [
        {**row, "user": f"other {number % 30}", "use_case": told(row["prompt"]), "metadata": {"predicted": "its own"}}
        for number, row in enumerate(asked(150, seed=1))
    ]
    assert preceptor("prompts", "add", save(tmp_path / "given.jsonl", *given), "-p", project).code == 0
    said = build(project)
    rows = list(pool(project)[0].values())
    came = [row for row in rows if row.use_case is not None]
    without = [row for row in rows if row.use_case is None]
    assert came
    assert without
    assert all(row.metadata == {"predicted_before": "its own"} for row in came)
    assert sum(predicted(row)["use_case"] == told(row.text) for row in without) > 0.9 * len(without)
    assert f"cross-validated on {len(came)} labels" in said


def test_labels_of_who_withdrew_teach_nothing_more(project: Path, store: Database) -> None:
    build(project)
    anna, _ = add_people(store)
    label(store, anna, fill(store, project, "labels", "prompt_labels"), NUM_LABELED)
    export_artifacts(store, project / "data", time.time(), Withdrawn.nobody())
    (name,) = {
        json.loads(line)["metadata"]["labels"]["labeler"]
        for line in (labels_in(project) / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    }
    outcome = preceptor("withdraw", "--labeler", name, "-p", project)
    assert outcome.code == 0, outcome.said
    assert labels_in(project).name in outcome.said
    assert "Use cases are not predicted: 0 labels are too few" in build(project)


@pytest.mark.parametrize(("group", "origin"), [("held_out", "human"), ("training", "simulated")])
def test_what_measures_and_what_is_simulated_teaches_nothing_about_people(
    project: Path, group: str, origin: str
) -> None:
    add_labels(project, group, origin)
    said = build(project)
    assert "Use cases are not predicted: 0 labels are too few" in said
    left_out = "120 rows by simulated labelers are left out, since `feedback` is human"
    assert (left_out in said) is (origin == "simulated")
    add_labels(project)
    assert "cross-validated on 120 labels, no user on both sides" in build(project)
