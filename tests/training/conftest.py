"""A tiny model that speaks the planted language, and runs to train it in."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preceptor.models.heads import RewardModel
from preceptor.models.load import new_reward_model
from preceptor.models.policy import Policy
from preceptor.runs.run import Run
from preceptor.runs.seeding import generator
from preceptor.training.rl_parts import Actors
from tests.planted import load, write_planted_model


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the tiny model."""
    return write_planted_model(tmp_path_factory.mktemp("planted") / "model")


@pytest.fixture
def policy(model_path: Path) -> Policy:
    """The tiny model, fresh."""
    return load(model_path)


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Run]:
    """Opens runs: `new_run(config)`, `new_run(config, "name")` for another folder, `seed=` for another seed."""

    def open_run(config: Any, name: str = "run", *, seed: int = 0) -> Run:
        return Run(tmp_path / name, seed=seed, config=config, progress=False, tensorboard=False)

    return open_run


@pytest.fixture
def new_actors(model_path: Path) -> Callable[..., Actors]:
    """Makes four fresh actors; `reward` is the class of the reward model."""

    def make(reward: type[RewardModel] = RewardModel) -> Actors:
        made = new_reward_model(model_path, generator(0, "head")).to("cpu")
        reward_model = reward(made.model, made.chat)
        return Actors(load(model_path), load(model_path), reward_model, copy.deepcopy(reward_model))

    return make
