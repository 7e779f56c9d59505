"""RL starts only against a reward model that works: the same labels open the gate, and shuffled ones close it."""

import json
from pathlib import Path
from typing import Any

import pytest

from preceptor.errors import UserError
from preceptor.pipeline.project import Project
from preceptor.pipeline.single import run_reward, run_rl, run_sft
from tests.planted import Preference, write_planted_model
from tests.planted_project import open_planted, recipe, write_data, write_recipe


def project_with(folder: Path, prefers: Preference) -> Project:
    """A project after SFT and reward model, whose rankings prefer this."""
    values: dict[str, Any] = recipe(write_planted_model(folder / "model"))
    values["reward_model"] |= {"num_epochs": 2, "batch_size": 8}
    values["rl"] = {"ppo": values["rl"]["ppo"] | {"num_steps": 1, "eval_every": 1}}
    write_recipe(folder / "project", values)
    write_data(folder / "project", prefers=prefers, num_rankings=480, num_heldout=64)
    project = open_planted(folder / "project")
    run_sft(project)
    return project


def test_rl_starts_when_the_labels_can_be_learned(tmp_path: Path) -> None:
    project = project_with(tmp_path, "wanted")
    report = run_reward(project)
    assert report.accuracy.low > 0.8
    assert all(gain.low > 0 for gain in report.gains.values())
    done = run_rl(project, force=None)["ppo"]
    lineage = json.loads((done.path / "model" / "lineage.json").read_text())
    assert lineage["forced"] is None


def test_rl_does_not_start_on_shuffled_labels_unless_it_is_forced_on_record(tmp_path: Path) -> None:
    project = project_with(tmp_path, "shuffled")
    report = run_reward(project)
    assert report.accuracy.low < 0.5 < report.accuracy.high + 0.05
    with pytest.raises(UserError, match="the gate is closed"):
        run_rl(project, force=None)
    assert not list((tmp_path / "project" / "work").glob("ppo-*"))
    done = run_rl(project, force="to see what happens")["ppo"]
    lineage = json.loads((done.path / "model" / "lineage.json").read_text())
    assert lineage["forced"] == "to see what happens"
