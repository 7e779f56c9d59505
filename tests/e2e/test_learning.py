"""Learning claims on the bundled model, each with its negative control. All labelers are simulated."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.evals import check_gate
from preceptor.generation.native import generate
from preceptor.models.load import load_policy
from preceptor.pipeline.collecting import choose_feedback, collect, demonstrations
from preceptor.pipeline.evidence import optimization_path, watcher
from preceptor.pipeline.project import SHIPPED_RECIPES, Project
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.reward import measure_reward_model
from preceptor.pipeline.run import learn_preferences, pass_gate
from preceptor.pipeline.stages import BUNDLED_MODEL, respond, reward_model_stage, rl_stage, sft_stage
from preceptor.records import Ranking, Sampling
from preceptor.reporting.verdict import verdict
from tests.reporting.example_report import example_report

SMALLER = [
    "prompts.num_sft=240", "prompts.num_reward=500", "prompts.num_rl=600", "prompts.num_test=80",
    "prompts.num_documents=0", "labels.held_out_share=0.3", "sft.num_epochs=4",
]  # fmt: skip


FREE = [
    "rl.ppo.kl.coef=0", "rl.ppo.optim.learning_rate=1.8e-3", "rl.ppo.batch_size=64", "rl.ppo.num_steps=30",
    "rl.ppo.eval_every=3",
]  # fmt: skip
"""Nothing holds the policy to its reference, and it takes large steps."""


class Story:
    """A small project on the bundled model, up to the reward model."""

    def __init__(self, directory: Path) -> None:
        recipe = load_config(Recipe, SHIPPED_RECIPES / "quickstart.yaml", [*SMALLER, "num_threads=1"])
        self.project = Project(directory, recipe, lambda text: None)
        self.feedback = choose_feedback(self.project)
        self.sets, self.documents = collect(self.project, self.feedback)
        self.train, valid = demonstrations(self.project, self.feedback, self.sets)
        self.sft = sft_stage(self.project, self.train, valid, self.documents["train"])
        self.body = self.sft.path / "model"
        prompts = self.sets.reward[0]
        self.learned = learn_preferences(self.project, self.feedback, prompts, self.train, self.body, [])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Story(tmp_path_factory.mktemp("story"))
    torch.set_num_threads(num_threads)


def mean_gold(story: Story, model: Path) -> float:
    prompts = story.sets.test
    responses = respond(generate, load_policy(model), "gold", prompts, Sampling(max_tokens=64), seed=1)
    golds = [story.feedback.gold(p, r.text) for p, r in zip(prompts, responses, strict=True)]
    return sum(gold["gold_utility"] for gold in golds if gold) / len(golds)


def shuffled(rankings: list[Ranking]) -> list[Ranking]:
    """The same responses with their ranks dealt out at random."""
    draw, rows = random.Random(0), []
    for row in rankings:
        ids = [response.id for response in row.responses]
        deal = dict(zip(ids, draw.sample(ids, len(ids)), strict=True))
        rows.append(row.model_copy(update={"groups": tuple(tuple(deal[one] for one in group) for group in row.groups)}))
    return rows


def test_demonstrations_teach(story: Story) -> None:
    assert mean_gold(story, story.body) > mean_gold(story, BUNDLED_MODEL) + 0.1


def test_rankings_teach_and_shuffled_rankings_stop_at_the_gate(story: Story) -> None:
    learned = story.learned
    assert learned.accuracy.accuracy.low > 0.5
    wrong = story.project.keep("rankings-shuffled", shuffled(list(learned.rankings.rows)), "rankings")
    model = reward_model_stage(story.project, story.body, wrong, story.train, "reward_shuffled").path / "model"
    accuracy = measure_reward_model(story.project, model, learned.heldout_rankings, wrong, "shuffled")
    assert accuracy.accuracy.value < learned.accuracy.accuracy.value - 0.05
    assert not check_gate(accuracy).open
    with pytest.raises(UserError, match=r"gate is closed.*rankings"):
        pass_gate(story.project, accuracy, None)


def test_without_the_kl_penalty_the_reward_model_is_hacked_and_the_report_says_so(story: Story) -> None:
    project, learned = story.project, story.learned
    config = load_config(Recipe, SHIPPED_RECIPES / "quickstart.yaml", FREE).rl["ppo"]
    judges = {"score": learned.reward_model.path / "model"}
    watch = watcher(project, story.feedback, judges, story.body, story.sets.test)
    prompts = project.keep("prompts-rl", story.sets.rl, "prompts")
    done = rl_stage(
        project, config, story.body, judges["score"], prompts, story.documents["train"], watch,
        name="ppo_free", kind="ppo", forced="a negative control",
    )  # fmt: skip
    path = optimization_path("ppo", done)
    golds = [point.gold for point in path.points if point.gold is not None]
    assert path.points[-1].proxy > path.points[0].proxy + 0.5
    assert golds[-1] < max(golds) - 0.15
    assert path.overoptimized_since is not None
    report = example_report().model_copy(update={"optimization": (path,)})
    assert f"Over-optimised since step {path.overoptimized_since}" in " ".join(verdict(report).sentences)
