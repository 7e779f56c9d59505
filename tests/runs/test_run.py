"""A run's life: claimed, logged, saved, interrupted, resumed, finished; and what it says when something is wrong."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import preceptor
from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.runs import Run


class Counter:
    """The smallest state."""

    def __init__(self) -> None:
        self.count = 0

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


def open_run(folder: Path, config: Any = None, **options: Any) -> Run:
    return Run(folder, **{"seed": 0, "config": config or {"a": 1}, "progress": False, "tensorboard": False, **options})


def train(run: Run, num_steps: int = 6, save_every: int = 2, stop_after: int | None = None) -> tuple[list[int], int]:
    """Count steps; `stop_after` a step, break off like a crash. Returns the steps done and the count."""
    counter = Counter()
    steps = []
    for step in run.steps(num_steps, run.state(counter=counter)):
        steps.append(step)
        counter.count += step
        run.log(step, {"count": counter.count})
        if run.every(save_every, step):
            run.save(step)
        if step == stop_after:
            break
    return steps, counter.count


def test_a_whole_life(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    assert not run.is_finished
    assert train(run) == ([1, 2, 3, 4, 5, 6], 21)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["step-000004", "step-000006"]
    run.finish({"count": 21})
    assert run.metrics() == [{"step": step, "count": step * (step + 1) // 2} for step in range(1, 7)]
    again = open_run(tmp_path)
    assert again.is_finished
    assert again.summary == {"count": 21}
    assert sorted(os.listdir(tmp_path)) == [".lock", "finished.json", "metrics.jsonl", "run.json", "timings.jsonl"]
    with pytest.raises(RuntimeError, match="is_finished"):
        train(again)
    with pytest.raises(RuntimeError, match="is_finished"):
        again.finish()


def test_it_goes_on_right_after_the_checkpoint_with_the_metrics_cut_back(tmp_path: Path) -> None:
    train(open_run(tmp_path), stop_after=5)
    assert len(open_run(tmp_path).metrics()) == 5
    run = open_run(tmp_path)
    assert train(run) == ([5, 6], 21)
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5, 6]
    assert run.notes == ["step goes on after step 4"]


def test_without_a_checkpoint_it_starts_again(tmp_path: Path) -> None:
    train(open_run(tmp_path), stop_after=1)
    run = open_run(tmp_path)
    assert train(run) == ([1, 2, 3, 4, 5, 6], 21)
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5, 6]


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(open_run(tmp_path), stop_after=5)
    (tmp_path / "checkpoints" / "step-000004" / "state.json").write_text("{}")
    run = open_run(tmp_path)
    assert train(run) == ([3, 4, 5, 6], 21)
    error = capsys.readouterr().err
    assert "step-000004 is damaged (state.json was changed after it was written)" in error
    assert "going on from step 2" in error
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5, 6]


def test_health_checks_before_the_loop_are_recorded_once(tmp_path: Path) -> None:
    for stop_after in (3, 5, None):
        run = open_run(tmp_path)
        run.log(0, {"health/ratio": 1.0})
        train(run, stop_after=stop_after)
    assert (tmp_path / "metrics.jsonl").read_text().count("health/ratio") == 1
    assert run.metrics()[0] == {"step": 0, "health/ratio": 1.0}


def test_metrics_after_the_loop_are_recorded_once(tmp_path: Path) -> None:
    for _ in range(2):
        run = open_run(tmp_path)
        train(run)
        run.log(6, {"evaluation": 0.5})
    run.finish()
    assert (tmp_path / "metrics.jsonl").read_text().count("evaluation") == 1


def test_metrics_of_a_saved_step_come_before_it_is_saved(tmp_path: Path) -> None:
    run = open_run(tmp_path)

    def loop() -> None:
        for step in run.steps(2, run.state(counter=Counter())):
            run.save(step)
            run.log(step, {"late": 1.0})

    with pytest.raises(RuntimeError, match="log step 1 before saving it"):
        loop()


def test_a_run_without_a_loop(tmp_path: Path) -> None:
    for _ in range(2):
        run = open_run(tmp_path)
        run.log(0, {"win_rate": 0.6})
    run.finish({"win_rate": 0.6})
    assert run.metrics() == [{"step": 0, "win_rate": 0.6}]


def test_one_run_has_one_loop(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    train(run)
    with pytest.raises(RuntimeError, match="one loop"):
        train(run)


def test_every() -> None:
    assert [step for step in range(1, 10) if Run.every(None, 3, step)] == [3, 6, 9]  # type: ignore[arg-type]
    assert not any(Run.every(None, 0, step) for step in range(1, 10))  # type: ignore[arg-type]


def test_nan_metric_stops_the_run_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    run = open_run(tmp_path)

    def loop() -> None:
        for step in run.steps(5, run.state(counter=Counter())):
            run.log(step, {"loss": math.nan if step == 3 else 1.0})
            run.save(step)

    with pytest.raises(UserError, match="metric 'loss' is nan at step 3"):
        loop()
    assert [row["step"] for row in run.metrics()] == [1, 2]
    assert open_run(tmp_path)._checkpoints.steps() == [1, 2]


def test_nan_weights_are_not_saved(tmp_path: Path) -> None:
    run, model = open_run(tmp_path), nn.Linear(2, 2)

    def loop() -> None:
        for step in run.steps(5, run.state(model=model)):
            if step == 2:
                nn.init.constant_(model.weight, math.inf)
            run.save(step)

    with pytest.raises(UserError, match=r"weight 'model\.weight' holds NaN or infinity at the end of step 2"):
        loop()
    assert open_run(tmp_path)._checkpoints.steps() == [1]


def test_nan_in_the_summary_is_refused(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    train(run)
    with pytest.raises(UserError, match=r"summary 'reward\.mean' is nan"):
        run.finish({"reward": {"mean": math.nan}})
    assert not run.is_finished


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"config": {"optim": {"lr": 0.2}}}, "config.optim.lr: there 0.1, here 0.2"),
        ({"config": {"optim": {"lr": 0.1}, "new": "x"}}, 'config.new: there null, here "x"'),
        ({"seed": 1}, "seed: there 0, here 1"),
        ({"parents": ["b"]}, r'parents: there \["a"\], here \["b"\]'),
    ],
)
def test_another_runs_folder_is_refused(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    mine = {"config": {"optim": {"lr": 0.1}}, "parents": ["a"]}
    open_run(tmp_path, **mine)
    open_run(tmp_path, **mine)
    with pytest.raises(UserError, match=told) as caught:
        open_run(tmp_path, **{**mine, **options})
    assert "another folder" in caught.value.remedy


def test_a_damaged_run_file_is_named(tmp_path: Path) -> None:
    open_run(tmp_path)
    (tmp_path / "run.json").write_text('{"conf')
    with pytest.raises(UserError, match=r"run\.json: cannot be read"):
        open_run(tmp_path)


def test_a_damaged_summary_is_named(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    with pytest.raises(UserError, match="not finished"):
        _ = run.summary
    run.finish({"win_rate": 0.5})
    path = tmp_path / "finished.json"
    path.write_text(path.read_text().replace("0.5", "0.9"))
    with pytest.raises(UserError, match="was changed after the run wrote it"):
        _ = run.summary


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    for place in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(UserError, match="is a file, not a folder"):
            open_run(place)


def test_a_config_class_is_taken_too(tmp_path: Path) -> None:
    class Config(BaseConfig):
        lr: float = 0.1
        """Learning rate."""

    assert open_run(tmp_path, config=Config()).config == {"lr": 0.1}
    open_run(tmp_path, config={"lr": 0.1})


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    script = f"from preceptor.runs import Run; Run({str(tmp_path)!r}, seed=0, config={{'a': 1}})"
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(Path(preceptor.__file__).parents[1])}
    second = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert second.returncode != 0
    assert "another process is at work in this run's folder" in second.stderr
    run.close()
    assert subprocess.run(command, capture_output=True, env=environment).returncode == 0


def test_ctrl_c_says_where_it_goes_on_and_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    run = open_run(tmp_path, progress=True)
    counter = Counter()

    def loop() -> None:
        for step in run.steps(9, run.state(counter=counter), label="PPO"):
            run.log(step, {"a": 1.0})
            if run.every(2, step):
                run.save(step)
            if step == 5:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        loop()
    error = capsys.readouterr().err
    assert "PPO interrupted at step 5; the same command goes on from step 5\n" in error
    assert signal.getsignal(signal.SIGINT) is before
    assert next(open_run(tmp_path).steps(9, run.state(counter=counter))) == 5


def test_ctrl_c_while_saving_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(tmp_path)

    def interrupted(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def loop() -> None:
        for step in run.steps(9, run.state(counter=Counter())):
            if step == 2:
                monkeypatch.setattr("preceptor.runs.checkpoint.save_file", interrupted)
            run.save(step)

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert run.notes == ["step interrupted at step 2; the same command goes on from step 2"]
    assert os.listdir(tmp_path / "checkpoints") == ["step-000001"]


def test_a_loop_in_another_thread(tmp_path: Path) -> None:
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(train(open_run(tmp_path))))
    thread.start()
    thread.join()
    assert done == [([1, 2, 3, 4, 5, 6], 21)]


def test_randomness_by_key_does_not_remember(tmp_path: Path) -> None:
    run, other = open_run(tmp_path / "a"), open_run(tmp_path / "b", seed=1)
    first = torch.rand(3, generator=run.rng("sample", 4))
    torch.rand(9, generator=run.rng("sample", 4))
    assert torch.equal(first, torch.rand(3, generator=run.rng("sample", 4)))
    assert not torch.equal(first, torch.rand(3, generator=other.rng("sample", 4)))
    assert run.row_seeds("sample", 4, num=3) != other.row_seeds("sample", 4, num=3)
    assert run.numpy_rng("a").random() == run.numpy_rng("a").random()


def test_timings_are_kept_apart(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    for step in run.steps(2, run.state(counter=Counter())):
        for _ in range(2):
            with run.timed("sample"):
                pass
        run.log(step, {"a": 1.0})
    rows = [json.loads(line) for line in (tmp_path / "timings.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(0 <= row["sample"] <= row["seconds"] < 5 for row in rows)
    assert "seconds" not in (tmp_path / "metrics.jsonl").read_text()


def test_tensorboard_files_are_written(tmp_path: Path) -> None:
    run = open_run(tmp_path, tensorboard=True)
    train(run)
    run.finish()
    assert len(list((tmp_path / "tensorboard").glob("events.*"))) == 1


def test_lineage_of_a_model_made_here(tmp_path: Path) -> None:
    lineage = open_run(tmp_path, parents=["p"], seed=4).lineage("assistant", "ppo", {"kl": 1.0}, forced="a demo")
    assert (lineage.config, lineage.parents, lineage.seed) == ({"a": 1}, ("p",), 4)
    assert (lineage.kind, lineage.metrics, lineage.forced) == ("ppo", {"kl": 1.0}, "a demo")


def test_the_tracker_hears_every_metric_and_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []

    class Spy:
        def log(self, step: int, metrics: Any) -> None:
            heard.append((step, metrics))

        def close(self, *, is_finished: bool) -> None:
            heard.append(is_finished)

    monkeypatch.setattr("preceptor.runs.run.open_tracker", lambda *arguments: Spy())
    run = open_run(tmp_path, tracker="wandb")
    run.log(0, {"early": 1})
    train(run, num_steps=2)
    run.finish()
    assert heard == [(0, {"early": 1}), (1, {"count": 1}), (2, {"count": 3}), True]
