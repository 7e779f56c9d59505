"""Experiment trackers by one option: metrics go to Weights & Biases or MLflow as well as to `metrics.jsonl`."""

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from preceptor.errors import UserError

TrackerName = Literal["none", "wandb", "mlflow"]


class Tracker(Protocol):
    """Where a run's metrics are shown to others."""

    def log(self, step: int, metrics: Mapping[str, float | int | bool]) -> None:
        """Send the metrics of a step."""
        ...

    def close(self, *, is_finished: bool) -> None:
        """Say whether the run is done or was interrupted."""
        ...


class WandbTracker:
    """Weights & Biases; a resumed run goes on under the same id. `WANDB_MODE=offline` needs no account."""

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        wandb = _import("wandb")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "preceptor"),
            name=_name(directory),
            id=_stable_id(directory),
            resume="allow",
            dir=str(directory),
            config=dict(config),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, step: int, metrics: Mapping[str, float | int | bool]) -> None:
        """Send a step's metrics against our own step, since W&B's own cannot go back when a run resumes."""
        self._run.log({"step": step, **metrics})

    def close(self, *, is_finished: bool) -> None:
        """Finish, or mark as failed so that W&B shows the run as interrupted."""
        self._run.finish(exit_code=0 if is_finished else 1)


class MlflowTracker:
    """MLflow, at `MLFLOW_TRACKING_URI` or else in `mlruns/` inside the run's folder; a resumed run keeps its id."""

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        mlflow = _import("mlflow")
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow >= 3.7 asks for this consent
            uri = (directory / "mlruns").absolute().as_uri()
        self._metric = mlflow.entities.Metric
        self._client = mlflow.tracking.MlflowClient(tracking_uri=uri)
        experiment = self._client.get_experiment_by_name("preceptor")
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment("preceptor")
        stable = _stable_id(directory)
        same = f"tags.preceptor_id = '{stable}'"
        found = self._client.search_runs([experiment_id], filter_string=same, max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.set_terminated(self._id, "RUNNING")
        else:
            tags = {"preceptor_id": stable}
            self._id = self._client.create_run(experiment_id, tags=tags, run_name=_name(directory)).info.run_id
            for key, value in _flat(config):
                self._client.log_param(self._id, key, str(value)[:500])

    def log(self, step: int, metrics: Mapping[str, float | int | bool]) -> None:
        """Send a step's metrics in one call."""
        now = int(time.time() * 1000)
        rows = [self._metric(name, float(value), now, step) for name, value in metrics.items()]
        self._client.log_batch(self._id, metrics=rows)

    def close(self, *, is_finished: bool) -> None:
        """Set the status that MLflow shows."""
        self._client.set_terminated(self._id, "FINISHED" if is_finished else "KILLED")


def open_tracker(name: TrackerName, directory: Path, config: Mapping[str, Any]) -> Tracker | None:
    """The tracker of that name for a run's folder; None for "none".

    Raises:
        UserError: its package is not installed (names the extra), or there is no such tracker.
    """
    match name:
        case "none":
            return None
        case "wandb":
            return WandbTracker(directory, config)
        case "mlflow":
            return MlflowTracker(directory, config)
    raise UserError(f"no tracker '{name}'", field="tracker", remedy="choose none, wandb or mlflow")


def _import(package: str) -> Any:
    try:
        return __import__(package)
    except ImportError:
        raise UserError(
            f"{package} is not installed",
            field="tracker",
            remedy=f"pip install 'preceptor[{package}]', or choose tracker: none",
        ) from None


def _name(directory: Path) -> str:
    return "/".join(directory.absolute().parts[-2:])


def _stable_id(directory: Path) -> str:
    return hashlib.sha256(str(directory.absolute()).encode()).hexdigest()[:16]


def _flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in config.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return rows
