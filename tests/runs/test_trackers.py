"""Trackers: really written and read back where installed; a plain sentence where not."""

import builtins
import time
from pathlib import Path
from typing import Any

import pytest

from preceptor.errors import UserError
from preceptor.runs.trackers import open_tracker


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any) -> None:
    original = builtins.__import__

    def without(module: str, *arguments: Any, **options: Any) -> Any:
        if module == name:
            raise ImportError(module)
        return original(module, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=f"{name} is not installed") as caught:
        open_tracker(name, tmp_path, {})
    assert f"preceptor[{name}]" in caught.value.remedy


def test_none_and_unknown(tmp_path: Path) -> None:
    assert open_tracker("none", tmp_path, {}) is None
    with pytest.raises(UserError, match="no tracker 'comet'"):
        open_tracker("comet", tmp_path, {})  # type: ignore[arg-type]


def test_mlflow_keeps_one_run_across_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    config = {"optim": {"lr": 0.1}, "seed": 3}
    first = open_tracker("mlflow", tmp_path, config)
    assert first is not None
    first.log(1, {"kl/reference": 0.5})
    first.close(is_finished=False)
    client = mlflow.tracking.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("preceptor").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["KILLED"]
    second = open_tracker("mlflow", tmp_path, config)
    assert second is not None
    second.log(2, {"kl/reference": 0.75})
    second.close(is_finished=True)
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"optim.lr": "0.1", "seed": "3"}
    history = client.get_metric_history(run.info.run_id, "kl/reference")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.5), (2, 0.75)]


def test_wandb_offline_keeps_its_id_across_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for is_finished in (False, True):
        tracker = open_tracker("wandb", tmp_path, {"seed": 3})
        assert tracker is not None
        tracker.log(1, {"kl/reference": 0.5})
        tracker.close(is_finished=is_finished)
    records = list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(records) == 2
    assert len({path.name for path in records}) == 1
    # W&B's own process may still be writing when `finish` returns.
    patience = time.monotonic() + 60
    while not (are_whole := all(b"kl/reference" in path.read_bytes() for path in records)):
        if time.monotonic() > patience:
            break
        time.sleep(0.1)
    assert are_whole
