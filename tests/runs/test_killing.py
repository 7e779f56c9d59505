"""SIGKILL at any moment, run again: bit-identical; and the comparison catches a loop that forgets something."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from preceptor.runs import Run
from preceptor.runs.disk import folder_written_aside
from tests.killing import Kill, assert_killing_changes_nothing, differences, digest, disturbed_runs, run_in_child

NUM_STEPS, BATCH = 16, 8


class Average:
    """Moving average of a module's weights, as the RL loop keeps one."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = {name: value.detach().clone() for name, value in model.named_parameters()}

    def update(self, model: nn.Module) -> None:
        for name, value in model.named_parameters():
            self.weights[name].lerp_(value.detach(), 0.1)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = dict(state["weights"])


def train(directory: Path, *, forgets_average: bool = False) -> None:
    """A loop with all that a real one has: dropout, shuffling, momentum, an average, a schedule, a model at the end."""
    run = Run(directory, seed=3, config={"num_steps": NUM_STEPS}, progress=False, tensorboard=False)
    if run.is_finished:
        return
    inputs = torch.randn(64, 5, generator=run.rng("data"))
    targets = inputs.sin().sum(1, keepdim=True)
    with run.seed_everything_for_step(0):
        model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, NUM_STEPS)
    average = Average(model)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    run.log(0, {"loss": 9.0})
    for step in run.steps(NUM_STEPS, run.state(**parts, **({} if forgets_average else {"average": average}))):
        rows = torch.randperm(64, generator=run.rng("shuffle", step))[:BATCH]
        with run.seed_everything_for_step(step):
            loss = (model(inputs[rows]) - targets[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update(model)
        run.log(step, {"loss": loss})
        if run.every(5, step):
            run.save(step)
    run.log(NUM_STEPS, {"evaluation": inputs.mean()})
    with folder_written_aside(directory / "model") as aside:
        averages = {f"average.{name}": value for name, value in average.weights.items()}
        save_file({**model.state_dict(), **averages}, aside / "w.safetensors")
    run.finish({"loss": loss.item()})


def train_and_forget(directory: Path) -> None:
    train(directory, forgets_average=True)


def test_ten_random_kills_change_nothing(tmp_path: Path) -> None:
    results = assert_killing_changes_nothing(train, tmp_path, num_kills=10, seed=0)
    assert sum(result.is_resumed for result in results) >= 5


def test_a_run_killed_again_and_again_changes_nothing(tmp_path: Path) -> None:
    assert_killing_changes_nothing(train, tmp_path, num_kills=10, seed=1, is_chain=True)


def test_a_kill_before_each_change_of_the_file_system_changes_nothing(tmp_path: Path) -> None:
    calm = run_in_child(train, tmp_path / "calm")
    expected = digest(tmp_path / "calm")
    assert calm.num_changes > 30
    for change in range(1, calm.num_changes + 1):
        place = tmp_path / f"change-{change}"
        assert run_in_child(train, place, Kill(change=change)).is_killed
        run_in_child(train, place)
        assert differences(expected, digest(place)) == [], f"killed before change {change}"


def test_a_loop_that_forgets_its_average_is_caught(tmp_path: Path) -> None:
    results = disturbed_runs(train_and_forget, tmp_path, num_kills=10, seed=0)
    caught = [result for result in results if result.differences]
    assert len(caught) >= 3
    assert all("model/w.safetensors: differs" in result.differences for result in caught)


def test_the_harness_reports_a_run_that_fails_by_itself(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        raise ValueError("as planned")

    with pytest.raises(AssertionError, match="as planned"):
        run_in_child(fail, tmp_path / "run")


def test_the_harness_reports_a_run_that_never_ends(tmp_path: Path) -> None:
    def hang(directory: Path) -> None:
        while True:
            pass

    with pytest.raises(AssertionError, match="not done after"):
        run_in_child(hang, tmp_path / "run", limit=0.2)


def test_the_harness_sees_a_clock_in_the_record(tmp_path: Path) -> None:
    def unstable(directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "metrics.jsonl").write_bytes(os.urandom(8))

    results = disturbed_runs(unstable, tmp_path, num_kills=2, seed=0)
    assert all(result.differences == ["metrics.jsonl: differs"] for result in results)
