"""A whole project in the planted language: recipe, prompts, labels; small enough to run in seconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from preceptor.config import load_config
from preceptor.pipeline.human import TEST, blinded
from preceptor.pipeline.project import RECIPE, Project
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Candidates, Ranking, Rating, Response, write_artifact
from tests.planted import HELD_OUT, Preference, demonstrations, documents, prompts, rankings

POLICIES = ("base", "base_prompted", "sft", "ppo", "ppo_ptx")


def recipe(model: Path, **settings: Any) -> dict[str, Any]:
    """A recipe for people's feedback whose stages take less than a second each."""
    ppo = {
        "algorithm": {"type": "ppo", "minibatch_size": 8, "missing_end_score": -1.0},
        "num_steps": 5, "batch_size": 16, "micro_tokens": 200, "sampling": {"max_tokens": 12},
        "kl": {"coef": 0.05, "type": "adaptive", "target": 0.5, "horizon": 200}, "ema_decay": 0.8,
        "optim": {"learning_rate": 1e-3, "schedule": "constant"},
        "value_optim": {"learning_rate": 1e-3, "schedule": "constant"}, "eval_every": 2, "save_every": 2,
        "precision": "float32",
    }  # fmt: skip
    mix = {"coef": 1.0, "examples_per_episode": 1, "max_tokens": 16}
    return {
        "seed": 0, "base_model": str(model), "feedback": "human", "num_threads": 1,
        "prompts": {"num_sft": 24, "num_reward": 12, "num_rl": 30, "num_test": 8, "num_documents": 40},
        "labels": {"responses_per_prompt": 4, "min_demonstrations": 20, "min_rankings": 40, "min_evaluations": 8},
        "candidates": {"max_tokens": 12},
        "sft": {"num_epochs": 2, "batch_size": 8, "max_tokens": 64, "optim": {"learning_rate": 1e-2},
                "precision": "float32", "save_every": 2},
        "reward_model": {"batch_size": 16, "max_tokens": 64, "optim": {"learning_rate": 1e-2},
                         "precision": "float32", "save_every": 2},
        "rl": {"ppo": ppo, "ppo_ptx": ppo | {"num_steps": 3, "pretraining": mix}},
        "evaluation": {"sampling": {"max_tokens": 12}, "num_prefixes": 2, "num_curve_prompts": 4},
        **settings,
    }  # fmt: skip


def write_recipe(directory: Path, values: Mapping[str, Any]) -> None:
    """Put a recipe into a project folder."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RECIPE).write_text(yaml.safe_dump(dict(values), sort_keys=False))


def write_data(
    directory: Path, *, prefers: Preference = "wanted", num_rankings: int = 64, num_heldout: int = 64
) -> None:
    """All that people would bring: prompts, documents and every kind of label, evaluations of the policies included."""
    data = directory / "data"
    test = prompts(8, "test", first=600)
    write_artifact(data / "prompts", [*prompts(90), *prompts(30, "valid", first=400), *test], "prompts")
    write_artifact(data / "texts", documents(44), "documents")
    labels = [*demonstrations(40), *demonstrations(10, "valid", first=400)]
    write_artifact(data / "demonstrations", labels, "demonstrations")
    ranked = rankings(num_rankings, prefers=prefers, first=100)
    heldout = rankings(num_heldout, prefers=prefers, first=700, seed=1, labeler=HELD_OUT)
    write_artifact(data / "rankings", [*ranked, *heldout], "rankings")
    write_artifact(data / "evaluations", evaluations(), "rankings")
    write_artifact(data / "ratings", ratings(), "ratings")


def shown() -> list[Candidates]:
    """What held-out labelers are shown, but for the texts: blind ids follow from prompts and policies alone."""
    rows = []
    for prompt in prompts(8, "test", first=600):
        responses = tuple(Response(id=name, text=name) for name in POLICIES)
        rows.append(Candidates(id=f"{TEST}{prompt.id}", prompt=prompt, responses=responses))
    return blinded(rows)[0]


def evaluations() -> list[Ranking]:
    """Held-out labelers prefer each policy to those before it."""
    rows = []
    for row in shown():
        order = sorted(row.responses, key=lambda response: -POLICIES.index(response.text))
        groups = tuple((response.id,) for response in order)
        rows.append(Ranking(id=row.id, prompt=row.prompt, responses=row.responses, groups=groups, labeler=HELD_OUT))
    return rows


def ratings() -> list[Rating]:
    """The same taste on the scale of 1 to 7."""
    return [
        Rating(
            id=f"{row.id}-{response.id}", prompt=row.prompt, response=response,
            likert=1 + POLICIES.index(response.text), labeler=HELD_OUT,
        )
        for row in shown()
        for response in row.responses
    ]  # fmt: skip


def open_planted(directory: Path) -> Project:
    """The project in a folder, silent."""
    return Project(directory, load_config(Recipe, directory / RECIPE), lambda text: None)
