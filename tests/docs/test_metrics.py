"""docs/metrics.md against what the stages log: each stage is run, on a tiny model, for a step or two."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from preceptor.generation.native import generate
from preceptor.models.load import load_policy, new_reward_model
from preceptor.models.save import save_reward_model
from preceptor.pipeline.evidence import watcher
from preceptor.pipeline.recipe import EvaluationConfig
from preceptor.records import Demonstration, Document, Labeler, Prompt, Ranking, Response, Sampling
from preceptor.reporting.data import summary
from preceptor.runs.run import Run
from preceptor.training.algorithms import ALGORITHMS
from preceptor.training.reward_model import RewardModelConfig, train_reward_model
from preceptor.training.rl import train_rl
from preceptor.training.rl_config import KLConfig, PretrainingMixConfig, RLConfig
from preceptor.training.rl_parts import Actors
from preceptor.training.sft import SFTConfig, train_sft
from tests.docs.pages import SOURCE, cells, page
from tests.reporting.example_report import example_report
from tests.tiny import write_model

LOGGED, FIGURES = page("metrics.md").split("## Figures of the report")
NAME = re.compile(r"[a-z_]+/[a-z_]+")
SAMPLING = Sampling(max_tokens=6)
SEED = 3
LABELER = Labeler(id="anna")
PROMPTS = [
    Prompt.model_validate_json(f'{{"id": "p{n}", "messages": [{{"role": "user", "content": "What is {n}?"}}]}}')
    for n in range(4)
]
DOCUMENTS = [Document(id=f"d{n}", text=f"A moon goes around a planet, {n} times a year.") for n in range(8)]


def documented() -> set[str]:
    return {row[0].strip("`") for row in cells(LOGGED)} - {"metric"}


def names(rows: Iterable[dict[str, Any]]) -> set[str]:
    return {name for row in rows for name in row} - {"step"}


def demonstrations() -> list[Demonstration]:
    return [Demonstration(id=p.id, prompt=p, response="A planet.", labeler=LABELER) for p in PROMPTS]


def rankings() -> list[Ranking]:
    texts = {"a": "A planet, I think.", "b": "The dog.", "c": "Eggs"}
    responses = tuple(Response(id=name, text=text) for name, text in texts.items())
    return [
        Ranking(id=p.id, prompt=p, responses=responses, groups=(("a",), ("b", "c")), labeler=LABELER) for p in PROMPTS
    ]


class Gold:
    """Feedback where the truth is known, as far as the watcher asks."""

    def gold(self, prompt: Prompt, text: str) -> dict[str, float]:
        return {"gold_utility": len(text) / 100}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


def sft_names(model: Path, folder: Path) -> set[str]:
    config = SFTConfig(num_epochs=1, batch_size=4, max_tokens=64, precision="float32")
    run = Run(folder, seed=SEED, config=config, progress=False)
    train_sft(config, run, load_policy(model), demonstrations(), demonstrations(), score=lambda policy: 0.5)
    return names(run.metrics())


def reward_names(model: Path, folder: Path) -> set[str]:
    config = RewardModelConfig(batch_size=4, max_tokens=64, precision="float32")
    run = Run(folder, seed=SEED, config=config, progress=False)
    reward_model = new_reward_model(model, torch.Generator().manual_seed(0))
    train_reward_model(config, run, reward_model, rankings(), demonstrations())
    save_reward_model(reward_model, folder.parent / "reward", {})
    return names(run.metrics())


def rl_names(model: Path, folder: Path, algorithm: str) -> set[str]:
    config = RLConfig(
        algorithm=ALGORITHMS[algorithm].Config(), num_steps=1, batch_size=16, sampling=SAMPLING, eval_every=1,
        kl=KLConfig(type="adaptive"), pretraining=PretrainingMixConfig(coef=1.0, max_tokens=32), precision="float32",
    )  # fmt: skip
    run = Run(folder, seed=SEED, config=config, progress=False)
    reward, value = (new_reward_model(model, torch.Generator().manual_seed(0)) for _ in range(2))
    recipe = SimpleNamespace(seed=SEED, evaluation=EvaluationConfig(sampling=SAMPLING))
    judges = dict.fromkeys(("score", "heldout_score"), folder.parent / "reward")
    watch = watcher(SimpleNamespace(recipe=recipe, generate=generate), Gold(), judges, model, PROMPTS)
    actors = Actors(load_policy(model), load_policy(model), reward, value)
    train_rl(config, run, actors, PROMPTS, pretraining=DOCUMENTS, evaluate=watch)
    return names(run.metrics())


def test_every_logged_metric_is_documented_and_every_documented_one_is_logged(model: Path, tmp_path: Path) -> None:
    logged = sft_names(model, tmp_path / "sft") | reward_names(model, tmp_path / "rm")
    for algorithm in ALGORITHMS:
        logged |= rl_names(model, tmp_path / algorithm, algorithm)
    assert logged - documented() == set(), "logged, but not in docs/metrics.md"
    assert documented() - logged == set(), "in docs/metrics.md, but nobody logs it"


def test_every_metric_that_the_code_names_is_documented() -> None:
    """Also those that only a setting which the test above does not use would log."""
    named = {
        name
        for folder in ("training", "text", "pipeline")
        for path in sorted((SOURCE / folder).rglob("*.py"))
        for name in re.findall(r'"([a-z_]+/[a-z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert named - documented() == set()


def test_every_metric_has_its_formula_and_no_row_is_there_twice() -> None:
    rows = [row for row in cells(LOGGED) if row[0] != "metric"]
    assert all(NAME.fullmatch(row[0].strip("`")) and row[1] for row in rows)
    assert len({row[0] for row in rows}) == len(rows)


def leaves(value: Any) -> set[str]:
    """Names of figures; those of policies and of baselines one level down."""
    found: set[str] = set()
    for key, child in value.items():
        if key == "policies":
            found |= {name for row in child for name in row} - {"name"}
        elif key == "reward_model":
            found |= leaves(child)
        elif key == "baselines":
            found |= {f"baselines.{name}" for name in child}
        else:
            found.add(key)
    return found


def test_the_figures_of_the_summary_are_documented() -> None:
    shown = {row[0].strip("`") for row in cells(FIGURES)} - {"figure"}
    assert leaves(summary(example_report())) - {"seed"} == shown
