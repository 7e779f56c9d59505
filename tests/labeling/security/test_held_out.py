"""Nothing of a held-out labeler comes into a training artifact: by pages, by the API, by SQL; on both backends."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from preceptor.labeling.export import export_artifacts
from preceptor.labeling.following import Follower
from preceptor.labeling.room import Room
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks import kinds
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.recipe import Recipe
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database
from tests.labeling.people import add_people, add_ranking_stage, ranked
from tests.labeling.rooms import SECRET, Program
from tests.labeling.security.test_rubbish import CANDIDATES, Echo
from tests.labeling.tasks.samples import SAMPLES

MARK = "held-out-words"
WRITTEN = {"text", "response", "note"}
"""Fields of answers that hold what somebody wrote."""


TALK = {
    "turns": [
        {"role": "user", "text": "Where is the Elbe?"},
        {"role": "assistant", "text": "In Germany.", "suggestion": {"text": "In Germany."}, "model": "sft"},
    ]
}
"""A conversation in which the model's words are taken as they are: others are then asked to rank alternatives."""


def marked(value: Any) -> Any:
    """An answer with the mark in everything that is written in it."""
    if isinstance(value, dict):
        return {
            key: f"{part} {MARK}" if key in WRITTEN and isinstance(part, str) else marked(part)
            for key, part in value.items()
        }
    return [marked(part) for part in value] if isinstance(value, list) else value


def answer_to(item: dict[str, Any], kind: str) -> dict[str, Any]:
    """A good answer to an item as the API gives it."""
    if kind == "dialogue":
        return TALK
    if kind == "ranking":
        return ranked([one["letter"] for one in item["view"]["responses"]])
    return SAMPLES[kind].answer(None)


def work_through(program: Program, *, is_marked: bool) -> int:
    """Do one item of each stage that somebody has; how many were submitted."""
    num = 0
    for stage in program.send("GET", "stages").json():
        claimed = program.send("POST", f"stages/{stage['id']}/claim")
        if claimed.status_code == 204:
            continue
        item = claimed.json()
        answer = answer_to(item, stage["kind"])
        content = marked(answer) if is_marked else answer
        reply = program.send("POST", f"items/{item['id']}/submit", {"content": content})
        assert reply.status_code == 200, reply.text
        num += 1
    return num


def test_nothing_that_they_wrote_is_in_what_trains(store: Database, tmp_path: Path) -> None:
    """Also not by way of the items that are made of it, which others then judge."""
    add_people(store)
    with store.write() as session:
        for kind, sample in SAMPLES.items():
            if kind in CANDIDATES or kinds()[kind].measures:
                continue
            settings = {"suggestions": True} if kind == "dialogue" else {}
            stage = add_stage(session, kind, kind, group=None, overlap=9, settings=settings, now=0.0)
            add_items(session, stage, [NewItem(f"{kind}-1", sample.item)], now=0.0)
    room = Room(store, SECRET, respond=Echo())
    assert work_through(Program(room, "hana"), is_marked=True) >= 5
    assert work_through(Program(room, "bert"), is_marked=False) >= 5
    assert Follower(store, Echo()).catch_up() == 2
    for name in ("anna", "bert", "hugo"):
        work_through(Program(room, name), is_marked=False)
    written = {one.path.name: one for one in export_artifacts(store, tmp_path, time.time(), Withdrawn.nobody())}
    held_out = {name for name in written if "held-out" in name}
    assert held_out
    assert set(written) - held_out
    for name, artifact in written.items():
        words = "".join(path.read_text(encoding="utf-8") for path in artifact.path.iterdir() if path.is_file())
        assert (MARK in words) <= (name in held_out), f"{name} has what a held-out labeler wrote"
    prompts = HumanFeedback(tmp_path, Recipe(), print).prompts()
    assert prompts
    assert not [prompt for prompt in prompts if MARK in prompt.text], "they would be prompts of reinforcement learning"
    everything = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.jsonl"))
    assert MARK in everything, "or this test would prove nothing"


LIES = (
    "UPDATE labelers SET \"group\" = 'training' WHERE name = 'hana'",
    "UPDATE answers SET \"group\" = 'training'",
    "UPDATE answers SET labeler_id = (SELECT id FROM labelers WHERE name = 'anna')",
    "DELETE FROM answers",
    "UPDATE exports SET purpose = 'training'",
    "UPDATE exported_answers SET purpose = 'training'",
    "UPDATE exported_answers SET \"group\" = 'training'",
    "DELETE FROM exported_answers",
    "INSERT INTO exported_answers VALUES (1, 1, 'training', 'held_out')",
    "INSERT INTO exported_answers VALUES (1, 1, 'training', 'training')",
    "INSERT INTO exported_answers VALUES (1, 1, 'measurement', 'held_out')",
    "INSERT INTO exported_answers VALUES (1, 1, 'learning', 'held_out')",
)
ON_SQLITE = (
    "INSERT OR REPLACE INTO answers SELECT id, item_id, stage_id, labeler_id, 'training', status, content, shown, "
    "guideline_id, schema_version, round, active_s, claimed_at, revises_id, created_at FROM answers",
    "INSERT OR REPLACE INTO answers SELECT id, item_id, stage_id, labeler_id, \"group\", status, '{}', shown, "
    "guideline_id, schema_version, round, active_s, claimed_at, revises_id, created_at FROM answers",
    "INSERT OR REPLACE INTO answers SELECT id + 1, item_id, stage_id, labeler_id, \"group\", status, '{}', shown, "
    "guideline_id, schema_version, round, active_s, claimed_at, revises_id, created_at FROM answers",
    "UPDATE OR REPLACE exported_answers SET purpose = 'training'",
    "UPDATE OR REPLACE labelers SET \"group\" = 'training' WHERE name = 'hana'",
)
ON_POSTGRESQL = (
    "INSERT INTO answers SELECT * FROM answers ON CONFLICT (id) DO UPDATE SET \"group\" = 'training'",
    "TRUNCATE exported_answers", "TRUNCATE answers CASCADE", "TRUNCATE labelers CASCADE",
)  # fmt: skip


def test_no_sql_makes_it_so(store: Database, tmp_path: Path) -> None:
    """The tables' own rules; whoever may drop those, may do anything."""
    add_people(store)
    stage = add_ranking_stage(store, 1, group="held_out")
    hana = Program(Room(store, SECRET), "hana")
    item = hana.send("POST", f"stages/{stage.id}/claim").json()
    assert hana.send("POST", f"items/{item['id']}/submit", {"content": ranked("ABCD")}).status_code == 200
    (first, *_) = export_artifacts(store, tmp_path, time.time(), Withdrawn.nobody())
    assert first.manifest.notes["labeler_group"] == "held_out"
    with store.write() as session:
        statement = "INSERT INTO exports (id, name, kind, purpose, salt, content_hash, created_at) VALUES "
        session.execute(text(f"{statement} (99, 'x', 'rankings', 'training', 's', 'h', 0)"))
    before = everything(store)
    lies = [lie.replace("(1, 1, 'training'", "(99, 1, 'training'") for lie in LIES]
    for lie in (*lies, *(ON_SQLITE if store.backend == "sqlite" else ON_POSTGRESQL)):
        with pytest.raises(DatabaseError), store.write() as session:
            session.execute(text(lie))
        assert everything(store) == before, lie


def everything(store: Database) -> str:
    """What the tables that matter hold."""
    with store.read() as session:
        tables = {
            name: [list(map(str, row)) for row in session.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))]
            for name in ("labelers", "answers", "exports", "exported_answers")
        }
    return json.dumps(tables)


def test_the_api_has_no_word_for_it(store: Database) -> None:
    """No call changes a group, and one cannot be smuggled into another call."""
    add_people(store)
    stage = add_ranking_stage(store, 1, group=None)
    room = Room(store, SECRET)
    hana, ada = Program(room, "hana"), Program(room, "ada")
    item = hana.send("POST", f"stages/{stage.id}/claim").json()
    good: dict[str, Any] = {"content": ranked("ABCD")}
    for extra in ({"group": "training"}, {"labeler_id": 1}, {"status": "counted"}, {"round": 2}):
        assert hana.send("POST", f"items/{item['id']}/submit", good | extra).status_code == 422
    assert hana.send("POST", f"items/{item['id']}/submit", good).json()["status"] == "counted"
    for body in ({"group": "training"}, {"state": "open", "group": "training"}):
        assert ada.send("PATCH", f"admin/stages/{stage.id}", body).status_code == 422
    (kept,) = ada.send("GET", f"admin/stages/{stage.id}/answers").json()
    assert kept["group"] == "held_out"
    assert time.time() - kept["created_at"] < 60
