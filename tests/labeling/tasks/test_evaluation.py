"""Final evaluation: two measurements, for held-out labelers alone, and what the pipeline takes for evidence."""

import random
from pathlib import Path

import pytest

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.labeling.stages import add_stage
from preceptor.labeling.tasks import Work
from preceptor.labeling.tasks.evaluation import EvaluationSettings, EvaluationTask
from preceptor.pipeline.human import HumanFeedback, blinded
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Candidates, Labeler, Message, Prompt, Ranking, Rating, Response, write_artifact
from preceptor.store import Database
from tests.labeling.people import ranked

ROOT = Path(__file__).parents[3]
TASK = EvaluationTask()
POLICIES = ("sft", "ppo", "gpt")
TEST_PROMPTS = [
    Candidates(
        id=f"test-{number}",
        prompt=Prompt(id=f"p{number}", messages=(Message(role="user", content=f"Say {number}."),), split="test"),
        responses=tuple(Response(id=name, text=f"{name} says {number}", model=name) for name in POLICIES),
    )
    for number in range(4)
]


def test_the_board_begins_empty() -> None:
    shown = [TASK.show(TEST_PROMPTS[0], EvaluationSettings(), random.Random(seed)) for seed in range(20)]
    assert {one.board for one in shown} == {"empty"}
    assert len({one.order for one in shown}) > 1


@pytest.mark.parametrize("group", ["training", None])
def test_it_is_for_held_out_labelers(sqlite_store: Database, group: str | None) -> None:
    with sqlite_store.write() as session:
        add_stage(session, "final", "evaluation", group="held_out", now=0.0)
        with pytest.raises(UserError, match="held-out group"):
            add_stage(session, "other", "evaluation", group=group, now=0.0)  # type: ignore[arg-type]


def test_the_records_are_the_evidence_that_the_pipeline_waits_for(tmp_path: Path) -> None:
    recipe = load_config(Recipe, ROOT / "src/preceptor/recipes/laptop.yaml", ["labels.min_evaluations=4"])
    rankings, ratings = [], []
    for number, item in enumerate(blinded(TEST_PROMPTS)[0]):
        shown = TASK.show(item, EvaluationSettings(), random.Random(number))
        texts = {response.id: response.text for response in item.responses}
        # ppo is liked best, the other two tie
        best = next(letter for letter, name in shown.letters.items() if texts[name].startswith("ppo"))
        rest = [letter for letter in shown.letters if letter != best]
        content = {**ranked(list(shown.letters)), "groups": [[best], rest]}
        content["ratings"][best] = {"likert": 6, "flags": ["expresses_opinion"], "note": ""}
        answer = TASK.Answer.model_validate(content)
        TASK.verify(item, shown, answer)
        records = TASK.to_records(Work(item.id, item, shown, answer, Labeler(id="l1", group="held_out")))
        rankings += [row for row in records if isinstance(row, Ranking)]
        ratings += [row for row in records if isinstance(row, Rating)]
    write_artifact(tmp_path / "data" / "rankings", rankings, "rankings")
    write_artifact(tmp_path / "data" / "ratings", ratings, "ratings")
    evidence = HumanFeedback(tmp_path / "data", recipe, print).evidence(TEST_PROMPTS, tmp_path / "todo")
    assert [row.id for row in evidence.rankings] == [row.id for row in TEST_PROMPTS]
    assert {tuple(tuple(sorted(group)) for group in row.groups) for row in evidence.rankings} == {
        (("ppo",), ("gpt", "sft"))
    }
    liked = {(row.response.model, row.likert, tuple(row.flags)) for row in evidence.ratings}
    assert liked == {("ppo", 6, ("expresses_opinion",)), ("sft", 4, ()), ("gpt", 4, ())}
