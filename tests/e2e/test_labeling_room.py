"""People's feedback through the labelling room: what `preceptor run` waits for is labeled there, and comes back."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from preceptor.labeling.intake import Plan, take_in
from preceptor.labeling.room import Room
from preceptor.labeling.server import open_room
from preceptor.records import Ranking, read_manifest
from tests.commands import Outcome, preceptor
from tests.e2e.test_human_feedback import People
from tests.labeling.people import add_people
from tests.labeling.rooms import Program
from tests.planted import COLOURS, documents, prompts, write_planted_model
from tests.planted_project import recipe, write_recipe

PLAN = Plan(held_out_share=0.5, labelers_per_test_prompt=2)


class Project(People):
    """A project folder with its labelling room, and programs that work there as people would."""

    room: Room

    def label(self, *names: str) -> int:
        """Take in what waits, let these people do all of it, and export; how many submissions."""
        take_in(self.room.database, self.project / "todo", PLAN, now=time.time())
        done = sum(self._work(Program(self.room, name)) for name in names)
        outcome = preceptor("labels", "export", "--project", self.project)
        assert outcome.code == 0, outcome.said
        return done

    def _work(self, program: Program) -> int:
        done = 0
        for stage in program.send("GET", "stages").json():
            while (reply := program.send("POST", f"stages/{stage['id']}/claim")).status_code == 200:
                item = reply.json()
                submitted = program.send("POST", f"items/{item['id']}/submit", {"content": answer(item)})
                assert submitted.status_code == 200, submitted.text
                done += 1
        return done

    def run(self, *arguments: str) -> Outcome:
        return preceptor("run", "--project", self.project, "--force", "a test of the way through", *arguments)


def answer(item: dict[str, Any]) -> dict[str, Any]:
    """Kind words for demonstrations; longer is better for responses, equal lengths are tied."""
    view = item["view"]
    if item["kind"] == "demonstration":
        word = "dear" if "kindly" in view["messages"][-1]["content"] else "fool"
        return item["content"] | {"response": f"{word} , the {COLOURS[0]} cat is here"}
    lengths = {one["letter"]: len(one["text"]) for one in view["responses"]}
    groups = [
        [letter for letter in lengths if lengths[letter] == length]
        for length in sorted(set(lengths.values()), reverse=True)
    ]
    ratings = {letter: {"likert": 1 + length % 7, "flags": []} for letter, length in lengths.items()}
    return item["content"] | {"ratings": ratings, "groups": groups, "initial_board": groups}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project with prompts, no label, and a room in which nobody has worked."""
    here = Project(tmp_path)
    assert preceptor("init", here.project).code == 0
    values = recipe(write_planted_model(tmp_path / "model"))
    values["labels"] |= {"min_demonstrations": 24, "min_rankings": 12, "min_evaluations": 16}
    values["rl"] = {"ppo": values["rl"]["ppo"] | {"num_steps": 2}}
    write_recipe(here.project, values)
    asked = [*prompts(80), *prompts(30, "valid", first=400), *prompts(8, "test", first=600)]
    here.bring("prompts", [json.loads(row.model_dump_json()) for row in asked])
    here.bring("texts", [{"text": row.text} for row in documents(44)])
    here.room = open_room(here.project, None)
    add_people(here.room.database)
    return here


def test_the_pipeline_goes_on_with_what_the_room_gave(project: Project) -> None:
    everybody = ("anna", "bert", "hana", "hugo")
    assert "waiting for demonstrations: 0 of 24" in project.run().said
    assert project.label(*everybody) == 24
    assert "waiting for rankings: 0 of 12" in project.run().said
    held_out = project.label(*everybody) - 12
    assert held_out > 0
    assert "waiting for evaluations by held-out labelers: 0 of 16" in project.run().said
    assert project.label(*everybody) == 16
    done = project.run()
    assert done.code == 0, done.said
    assert "<html" in (project.project / "report.html").read_text()

    manifests = {path.parent.name: read_manifest(path.parent) for path in project.project.glob("data/*/manifest.json")}
    assert {name: one.num_rows for name, one in manifests.items() if name.startswith("labels-")} == {
        "labels-demonstrations": 24, "labels-rankings": 12, "labels-ratings": 48,
        "labels-rankings-held-out": held_out + 16, "labels-ratings-held-out": (held_out + 16) * 4,
    }  # fmt: skip
    trained = project.artifact("rankings", Ranking).rows
    assert {row.labeler.group for row in trained} == {"training"}
    assert len(project.artifact("rankings-held-out", Ranking).rows) == held_out
    tested = project.artifact("test-rankings", Ranking).rows
    assert len(tested) == 16
    assert {row.labeler.group for row in tested} == {"held_out"}
    assert {one.id for one in tested[0].responses} == {"base", "base_prompted", "sft", "ppo"}
    assert len({row.labeler.id for row in tested}) == 2
    project.room.database.close()
