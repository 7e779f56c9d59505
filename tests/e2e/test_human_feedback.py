"""Feedback by people: the pipeline stops where they must work, and goes on with what they bring."""

import json
from pathlib import Path
from typing import Any

import pytest

from preceptor.pipeline.human import unblinded
from preceptor.records import Demonstration, Labeler, Ranking, Rating, Record, read_artifact
from preceptor.records.artifacts import content_hash
from tests.commands import Outcome, preceptor
from tests.planted import COLOURS, documents, prompts, wanted, write_planted_model
from tests.planted_project import recipe, write_recipe

ANNA, BERT = Labeler(id="anna"), Labeler(id="bert", group="held_out")
ROBOT = Labeler(id="robot", origin="simulated")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Work that the pipeline wrote down for people, as their tools would read it."""
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def by(labeler: Labeler, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "labeler": labeler.model_dump()}


def demonstrated(row: dict[str, Any], labeler: Labeler = ANNA) -> dict[str, Any]:
    word = "dear" if "kindly" in row["messages"][-1]["content"] else "fool"
    return by(labeler, {"prompt": row, "response": f"{word} , the {COLOURS[0]} cat is here"})


def ranked(row: dict[str, Any], labeler: Labeler) -> dict[str, Any]:
    """Longer is better, equal lengths are tied: people need not be wise here."""
    lengths = sorted({len(response["text"]) for response in row["responses"]}, reverse=True)
    groups = [[one["id"] for one in row["responses"] if len(one["text"]) == length] for length in lengths]
    return by(labeler, {**row, "groups": groups})


def rated(row: dict[str, Any], labeler: Labeler) -> list[dict[str, Any]]:
    return [
        by(labeler, {
            "id": f"{row['id']}-{one['id']}", "prompt": row["prompt"], "response": one,
            "likert": 1 + len(one["text"]) % 7, "flags": ["hallucination"] if "cat" in one["text"] else [],
        })
        for one in row["responses"]
    ]  # fmt: skip


class People:
    """A project folder, and the people who work for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"

    def run(self, *arguments: str) -> Outcome:
        return preceptor("run", "--project", self.project, *arguments)

    def bring(self, name: str, rows: list[dict[str, Any]]) -> Outcome:
        outcome = preceptor("import", write_rows(self.folder / f"{name}.jsonl", rows), "--project", self.project)
        assert outcome.code == 0, outcome.said
        return outcome

    def artifact(self, name: str, record: type[Record]) -> Any:
        return read_artifact(self.project / "artifacts" / name, record)


@pytest.fixture
def people(tmp_path: Path) -> People:
    """A fresh project with prompts and no label yet."""
    here = People(tmp_path)
    assert preceptor("init", here.project).code == 0
    values = recipe(write_planted_model(tmp_path / "model"))
    values["labels"] |= {"min_demonstrations": 20, "min_rankings": 20, "min_evaluations": 8}
    values["rl"] = {"ppo": values["rl"]["ppo"] | {"num_steps": 2}}
    write_recipe(here.project, values)
    asked = [*prompts(80), *prompts(30, "valid", first=400), *prompts(8, "test", first=600)]
    here.bring("prompts", [json.loads(row.model_dump_json()) for row in asked])
    here.bring("texts", [{"text": row.text} for row in documents(44)])
    return here


def test_the_pipeline_waits_for_people_and_goes_on(people: People) -> None:
    # 1. demonstrations
    stopped = people.run()
    todo = people.project / "todo" / "demonstrations"
    assert stopped.code == 3
    assert "waiting for demonstrations: 0 of 20 are in" in stopped.said
    assert str(todo) in stopped.said.replace("\n", "")
    work = rows_of(todo)
    assert len(work) == 24
    people.bring("some-demonstrations", [demonstrated(row) for row in work[:15]])
    people.bring("machine-demonstrations", [demonstrated(row, ROBOT) for row in work[15:]])
    still = people.run().said
    assert "waiting for demonstrations: 15 of 20 are in" in still
    assert still.count("data/machine-demonstrations: 9 rows by simulated labelers are left out") == 1
    people.bring("more-demonstrations", [demonstrated(row) for row in work[15:]])
    people.bring("held-out-demonstrations", [demonstrated(row, BERT) for row in work[:5]])

    # 2. rankings
    stopped = people.run()
    assert stopped.code == 3
    assert "waiting for rankings: 0 of 20 are in" in stopped.said
    work = rows_of(people.project / "todo" / "rankings")
    assert [len(row["responses"]) for row in work] == [4] * 12
    people.bring("rankings", [ranked(row, ANNA) for row in work])
    people.bring("held-out-rankings", [ranked(row, BERT) for row in work])

    # 3. the gate, which random labels of a tiny model do not open
    closed = people.run()
    assert closed.code == 2
    assert "the gate is closed" in closed.said
    assert "Traceback" not in closed.said

    # 4. evaluations, blinded
    stopped = people.run("--force", "a test of the way through")
    assert stopped.code == 3
    assert "waiting for evaluations by held-out labelers: 0 of 8 are in" in stopped.said
    todo = people.project / "todo" / "evaluation"
    work = rows_of(todo)
    assert [len(row["responses"]) for row in work] == [4] * 8  # base, base_prompted, sft, ppo
    for row in work:
        assert all(one["model"] is None and one["tokens"] is None for one in row["responses"])
    text = (todo / "rows.jsonl").read_text()
    assert not any(f'"{name}"' in text for name in ("base", "base_prompted", "sft", "ppo"))
    assert len({tuple(one["id"] for one in row["responses"]) for row in work}) == 8
    people.bring("evaluations", [ranked(row, BERT) for row in work])
    people.bring("held-out-ratings", [one for row in work for one in rated(row, BERT)])
    people.bring("ratings-of-training-labelers", [one for row in work for one in rated(row, ANNA)])
    people.bring("evaluations-of-training-labelers", [ranked(row, ANNA) for row in work])

    # 5. the report
    done = people.run("--force", "a test of the way through")
    assert done.code == 0, done.said
    assert "<html" in (people.project / "report.html").read_text()
    assert_the_figures_are_the_labelers(people, work)
    assert_nothing_of_held_out_labelers_trains(people)
    assert_the_lineage_is_whole(people)

    # 6. everything is done
    again = people.run("--force", "a test of the way through")
    assert again.code == 0
    assert again.said.count("done before") == 6


def assert_the_figures_are_the_labelers(people: People, work: list[dict[str, Any]]) -> None:
    """Win rates, recomputed from what bert was shown and said, with the names put back."""
    policies = {row["name"]: row for row in json.loads((people.project / "summary.json").read_text())["policies"]}
    assert set(policies) == {"base", "base_prompted", "sft", "ppo"}
    texts = {}
    for row in rows_of(people.project / "latest" / "responses" / "candidates"):
        texts[row["id"]] = {one["id"]: one["text"] for one in row["responses"]}
    for name in ("base", "base_prompted", "ppo"):
        lengths = [(len(texts[row["id"]][name]), len(texts[row["id"]]["sft"])) for row in work]
        wins = [0.5 if one == other else float(one > other) for one, other in lengths]
        assert policies[name]["win_rate_vs_sft"] == pytest.approx(sum(wins) / len(wins), abs=1e-6)
    for name, row in policies.items():
        likert = [1 + len(texts[one["id"]][name]) % 7 for one in work]
        assert row["likert"] == pytest.approx(sum(likert) / len(likert), abs=1e-6)
        assert row["gold_utility"] is None, "nobody knows the truth about people's prompts"


def assert_nothing_of_held_out_labelers_trains(people: People) -> None:
    for name, record in (
        ("demonstrations", Demonstration),
        ("demonstrations-valid", Demonstration),
        ("rankings", Ranking),
    ):
        artifact = people.artifact(name, record)
        assert {row.labeler.id for row in artifact.rows} == {"anna"}
        assert artifact.manifest.origin == "human"
    assert {row.labeler.id for row in people.artifact("rankings-held-out", Ranking).rows} == {"bert"}
    assert {row.labeler.id for row in people.artifact("test-rankings", Ranking).rows} == {"bert"}
    assert {row.labeler.id for row in people.artifact("test-ratings", Rating).rows} == {"bert"}
    assert len(people.artifact("rankings", Ranking).rows) == 12
    assert len(people.artifact("rankings-held-out", Ranking).rows) == 12
    trained = len(people.artifact("demonstrations", Demonstration).rows)
    assert trained + len(people.artifact("demonstrations-valid", Demonstration).rows) == 24
    test = {row.id for row in prompts(8, "test", first=600)}
    for name in ("demonstrations", "rankings", "rankings-held-out"):
        rows = people.artifact(name, Demonstration if name == "demonstrations" else Ranking).rows
        assert not {row.prompt.id for row in rows} & test


def assert_the_lineage_is_whole(people: People) -> None:
    """Each model names the artifacts and models that it was made from, by their content."""
    latest, artifacts = people.project / "latest", people.project / "artifacts"

    def lineage(stage: str) -> dict[str, Any]:
        return json.loads((latest / stage / "model" / "lineage.json").read_text())

    def rows(name: str) -> str:
        return content_hash(artifacts / name / "rows.jsonl")

    def model(stage: str) -> str:
        return str(json.loads((latest / stage / "stage.json").read_text())["facts"]["hash"])

    assert {rows("demonstrations"), rows("demonstrations-valid")} < set(lineage("sft")["parents"])
    assert set(lineage("reward_model")["parents"]) == {model("sft"), rows("rankings"), rows("demonstrations")}
    assert {model("sft"), model("reward_model"), rows("prompts-rl")} < set(lineage("ppo")["parents"])
    assert lineage("ppo")["forced"] == "a test of the way through"
    assert lineage("sft")["forced"] is None


def test_labels_of_what_was_not_shown_are_refused(people: People) -> None:
    for number in range(2):
        write_work(people, number)
    work = rows_of(people.project / "todo" / "evaluation")
    strange = [ranked(row, BERT) for row in work]
    for row in strange:
        for one, name in zip(row["responses"], "ABCD", strict=True):
            one["id"] = name
        row["groups"] = [["A"], ["B"], ["C"], ["D"]]
    people.bring("evaluations", strange)
    refused = people.run("--force", "a test")
    assert refused.code == 2
    assert "names response 'A', which was not shown" in refused.said


def write_work(people: People, number: int) -> None:
    """Bring the labels that a stage waits for."""
    assert people.run("--force", "a test").code == 3
    if number == 0:
        work = rows_of(people.project / "todo" / "demonstrations")
        people.bring("demonstrations", [demonstrated(row) for row in work])
    else:
        work = rows_of(people.project / "todo" / "rankings")
        people.bring("rankings", [ranked(row, labeler) for row in work for labeler in (ANNA, BERT)])
        assert people.run("--force", "a test").code == 3


def test_names_come_back_after_blinding() -> None:
    row = Ranking.model_validate(
        by(BERT, {
            "id": "test-1", "prompt": prompts(1)[0].model_dump(), "groups": (("x",), ("y",)),
            "responses": ({"id": "x", "text": wanted(prompts(1)[0])}, {"id": "y", "text": "no"}),
        })
    )  # fmt: skip
    named = unblinded(row, {"x": "ppo", "y": "sft"})
    assert named.groups == (("ppo",), ("sft",))
    assert [one.model for one in named.responses] == ["ppo", "sft"]
