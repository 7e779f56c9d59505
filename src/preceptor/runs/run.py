"""A run: a folder in which one training loop keeps its record and from which it goes on after a crash."""

import atexit
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, JsonValue

from preceptor.errors import UserError
from preceptor.runs import folder, seeding
from preceptor.runs.checkpoint import CheckpointStore
from preceptor.runs.lineage import Lineage
from preceptor.runs.metrics import JsonLines, TensorBoard, finite_metrics, read_metrics
from preceptor.runs.progress import Progress, console, on_interrupt
from preceptor.runs.state import Part, State
from preceptor.runs.trackers import Tracker, TrackerName, open_tracker


class Run:
    """One training loop's folder.

    Steps are 1 … num_steps. A checkpoint of step N is the state when step N's body is done, so a resumed run starts at
    N + 1 with the same weights, and with the same random numbers since those are a function of (seed, key, step).

    ```
    run = Run(directory, seed=0, config=config)
    state = run.state(policy=policy, optimizer=optimizer)
    for step in run.steps(config.num_steps, state, label="SFT"):
        ...
        run.log(step, {"sft/loss": loss})
        if run.every(config.save_every, step):
            run.save(step)                       # last, once nothing of this step is left to do
    run.finish({"loss": loss})
    ```

    Raises:
        UserError: the folder belongs to a run with another config, seed or parents, or another process is at it.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        seed: int,
        config: Mapping[str, Any] | BaseModel,
        parents: Sequence[str] = (),
        tracker: TrackerName = "none",
        progress: bool = True,
        tensorboard: bool = True,
        keep: int = 2,
    ) -> None:
        self.directory = Path(directory)
        self.seed = seed
        self.config: dict[str, JsonValue] = (
            config.model_dump(mode="json") if isinstance(config, BaseModel) else json.loads(json.dumps(dict(config)))
        )
        self.parents = tuple(parents)
        self.notes: list[str] = []
        """Sentences a person was told: damaged checkpoints, where the run went on."""
        self._tracker_name = tracker
        self._is_shown = progress
        self._lock = folder.make_folder(self.directory)
        folder.claim(self.directory, {"config": self.config, "seed": self.seed, "parents": list(self.parents)})
        self._checkpoints = CheckpointStore(self.directory / "checkpoints", keep)
        self._metrics = JsonLines(self.directory / "metrics.jsonl")
        self._timings = JsonLines(self.directory / "timings.jsonl")
        self._board = TensorBoard(self.directory / "tensorboard") if tensorboard else None
        self._tracker: Tracker | None = None
        self._state: State | None = None
        self._loop = "before"
        self._early: list[tuple[int, dict[str, Any]]] = []
        self._step = 0
        self._saved_step = 0
        self._progress: Progress | None = None
        self._show: tuple[str, ...] = ()
        self._phases: dict[str, float] = {}
        if self.is_finished:
            self._checkpoints.clear()

    # ── randomness ──────────────────────────────────────────────────────────────────────────────────────────────────

    def rng(self, *key: seeding.Key) -> torch.Generator:
        """A torch generator for this run's seed and a key such as ("sample", step)."""
        return seeding.generator(self.seed, *key)

    def numpy_rng(self, *key: seeding.Key) -> np.random.Generator:
        """A numpy generator for this run's seed and a key."""
        return seeding.numpy_generator(self.seed, *key)

    def row_seeds(self, *key: seeding.Key, num: int) -> list[int]:
        """One seed per row for this run's seed and a key."""
        return seeding.row_seeds(self.seed, *key, num=num)

    def seed_everything_for_step(self, step: int) -> AbstractContextManager[None]:
        """Inside this block, dropout draws from this run's seed and the step."""
        return seeding.seed_everything_for_step(self.seed, step)

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────

    def state(self, **parts: Part) -> State:
        """Name the parts that must survive a crash; each has `state_dict()` and `load_state_dict()`."""
        self._state = State(**parts)
        return self._state

    def steps(self, num_steps: int, state: State, label: str = "step", show: Sequence[str] = ()) -> Iterator[int]:
        """Load the newest good checkpoint into `state` and yield the steps that are left, with progress on the way.

        `show` names metrics to display beside the progress. One run has one loop.

        Raises:
            UserError: the checkpoint does not fit the state.
        """
        if self._loop != "before" or self.is_finished:
            raise RuntimeError("one run has one loop: look at run.is_finished before it")
        self._state = state
        self._show = tuple(show)
        done = self._step = self._resume(label)
        self._open(is_new=done == 0)
        try:
            with (
                Progress(num_steps, label, done=done, is_shown=self._is_shown) as self._progress,
                on_interrupt(lambda: self._say_interrupted(label)),
            ):
                for self._step in range(done + 1, num_steps + 1):
                    started = time.perf_counter()
                    yield self._step
                    seconds = time.perf_counter() - started
                    self._timings.append({"step": self._step, "seconds": seconds, **self._phases})
                    self._phases.clear()
                    self._progress.advance()
        finally:
            self._loop, self._progress = "after", None

    def every(self, num_steps: int, step: int) -> bool:
        """Whether a thing done each `num_steps` steps is due at the end of `step`; 0 means never."""
        return num_steps > 0 and step % num_steps == 0

    def log(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Record metrics of a step; what is logged before the loop (health checks) belongs to step 0.

        Raises:
            UserError: a metric is NaN or infinite.
        """
        numbers = finite_metrics(step, metrics)
        if self._loop == "before":
            self._early.append((step, numbers))
            return
        if self._loop == "inside" and step <= self._saved_step:
            raise RuntimeError(f"log step {step} before saving it: a resumed run would not have these metrics")
        self._write(step, numbers)

    def _write(self, step: int, numbers: dict[str, Any]) -> None:
        self._metrics.append({"step": step, **numbers})
        if self._board is not None:
            self._board.log(step, numbers)
        if self._tracker is not None:
            self._tracker.log(step, numbers)
        if self._progress is not None:
            self._progress.show({name: numbers[name] for name in self._show if name in numbers})

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of this block to the step's row in `timings.jsonl`."""
        started = time.perf_counter()
        yield
        self._phases[name] = self._phases.get(name, 0.0) + time.perf_counter() - started

    def save(self, step: int) -> None:
        """Checkpoint the state as it is at the end of `step`.

        Raises:
            UserError: a weight is NaN or infinite (the older checkpoints stay), or the disk is full.
        """
        if self._state is None:
            raise RuntimeError("run.state(...) first: nothing to save")
        bad = self._state.first_bad_weight()
        if bad is not None:
            raise UserError(
                f"weight '{bad}' holds NaN or infinity at the end of step {step}",
                remedy="try a smaller learning rate or stronger gradient clipping; earlier checkpoints are kept",
            )
        tensors, scalars = self._state.flat()
        num_bytes = self._metrics.sync()
        self._checkpoints.save(step, tensors, {"state": scalars, "metrics_bytes": num_bytes})
        self._saved_step = step

    def _resume(self, label: str) -> int:
        """Load the newest good checkpoint and cut the metrics back to it; returns its step, 0 without one."""
        checkpoint, damaged = self._checkpoints.latest()
        for note in damaged:
            before = f"going on from step {checkpoint.step}" if checkpoint else "starting again from the beginning"
            self._say(f"warning: {note}; {before}")
        if checkpoint is None:
            self._metrics.cut(0, 0)
            return 0
        saved: Any = checkpoint.scalars
        assert self._state is not None
        self._state.load(checkpoint.tensors, saved["state"])
        changed = self._metrics.cut(checkpoint.step, saved["metrics_bytes"])
        if changed is not None:
            self._say(f"warning: {changed}")
        self._saved_step = checkpoint.step
        self._say(f"{label} goes on after step {checkpoint.step}")
        return checkpoint.step

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_finished(self) -> bool:
        """Whether `finish` was reached, now or by an earlier process."""
        return folder.finished_path(self.directory).exists()

    @property
    def summary(self) -> dict[str, Any]:
        """What `finish` was given.

        Raises:
            UserError: the run is not finished, or `finished.json` was damaged.
        """
        return folder.read_summary(self.directory)

    def finish(self, summary: Mapping[str, Any] | None = None) -> None:
        """Mark the run as done, then remove its checkpoints; the model itself must have been saved before."""
        if self.is_finished:
            raise RuntimeError("this run is finished already: look at run.is_finished first")
        if self._loop == "before":  # a run without a loop, such as an evaluation
            self._metrics.cut(0, 0)
            self._open(is_new=True)
        self._metrics.sync()
        folder.write_summary(self.directory, summary or {})
        self._checkpoints.clear()
        self._state = None
        self.close()

    def close(self) -> None:
        """Leave the folder and tell the tracker whether the run is done; an unfinished one can be opened again."""
        if self._board is not None:
            self._board.close()
        if self._tracker is not None:
            self._tracker.close(is_finished=self.is_finished)
            self._tracker = None
            atexit.unregister(self.close)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def metrics(self) -> list[dict[str, Any]]:
        """One dict per step, in order, read back from `metrics.jsonl`."""
        return read_metrics(self.directory)

    def lineage(
        self, name: str, kind: str, metrics: Mapping[str, JsonValue] | None = None, forced: str | None = None
    ) -> Lineage:
        """The lineage of a model that this run made."""
        return Lineage(
            name=name, kind=kind, config=self.config, parents=self.parents, seed=self.seed,
            metrics=dict(metrics or {}), forced=forced,
        )  # fmt: skip

    def _open(self, *, is_new: bool) -> None:
        """Open the tracker; a run that starts now records what was logged before its loop."""
        self._tracker = open_tracker(self._tracker_name, self.directory, self.config)
        if self._tracker is not None:
            atexit.register(self.close)
        self._loop = "inside"
        for step, numbers in self._early if is_new else []:
            self._write(step, numbers)

    def _say_interrupted(self, label: str) -> None:
        after = self._saved_step + 1
        self._say(f"{label} interrupted at step {self._step}; the same command goes on from step {after}")

    def _say(self, text: str) -> None:
        self.notes.append(text)
        if self._progress is not None:
            self._progress.say(text)
        elif self._is_shown or text.startswith("warning"):
            console().print(text, markup=False)
