"""Metrics of a run: `metrics.jsonl` (the record: a function of config and seed), timings apart, TensorBoard beside."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preceptor.errors import UserError
from preceptor.runs.disk import disk_errors


def finite_metrics(step: int, metrics: Mapping[str, Any]) -> dict[str, float | int | bool]:
    """Metrics as plain numbers (one-element tensors and numpy scalars are read out).

    Raises:
        UserError: a metric is NaN or infinite; names it, the step and what to try.
    """
    numbers: dict[str, float | int | bool] = {}
    for name, value in metrics.items():
        number = value.item() if hasattr(value, "item") else value
        if not isinstance(number, float | int | bool) or name == "step":
            raise TypeError(f"metric '{name}' is {value!r}, not a number")
        if not math.isfinite(number):
            raise UserError(
                f"metric '{name}' is {number} at step {step}: the training has diverged",
                remedy="try a smaller learning rate, a longer warm-up or stronger gradient clipping; "
                "if it is so at step 1, look for NaN in the model's weights or for empty responses in the data",
            )
        numbers[name] = number
    return numbers


class JsonLines:
    """A file of one JSON object per line, appended and flushed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row in one write; it survives the end of the process at any later moment."""
        line = json.dumps(row, allow_nan=False, ensure_ascii=False).encode() + b"\n"
        with disk_errors(self.path, self.path.name), self.path.open("ab") as file:
            file.write(line)

    def sync(self) -> int:
        """Wait until all rows are on the disk; returns the file's length in bytes."""
        with disk_errors(self.path, self.path.name), self.path.open("ab") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size

    def cut(self, step: int, num_bytes: int) -> str | None:
        """Drop what was appended after a checkpoint; returns a sentence if its `num_bytes` are not there any more.

        Then the rows up to `step` are kept.
        """
        content = self.path.read_bytes() if self.path.exists() else b""
        note = None
        if len(content) < num_bytes or content[:num_bytes][-1:] not in (b"", b"\n"):
            note = f"{self.path} was changed since the checkpoint; its rows up to step {step} are kept"
            whole = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
            num_bytes = sum(len(line) for line in whole if _step_of(line) <= step)
            content = b"".join(line for line in whole if _step_of(line) <= step)
            self.path.write_bytes(content)
        elif self.path.exists():
            os.truncate(self.path, num_bytes)
        return note


def _step_of(line: bytes) -> float:
    """The step of a row; infinity where the line is no such row, so that it is dropped."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def read_metrics(directory: Path) -> list[dict[str, Any]]:
    """One dict per step, in order: `{"step": 3, "rollout/score": …}`; [] when nothing was logged yet.

    Raises:
        UserError: a line is not JSON (half a last line, which a kill leaves, is passed over).
    """
    path = directory / "metrics.jsonl"
    if not path.exists():
        return []
    by_step: dict[int, dict[str, Any]] = {}
    content = path.read_bytes()
    lines = content.splitlines()
    if content and not content.endswith(b"\n"):
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            by_step.setdefault(row["step"], {}).update(row)
        except (ValueError, KeyError, TypeError):
            raise UserError(
                "not a row of metrics", file=path, line=number, remedy="remove this line; the next resume would, too"
            ) from None
    return [by_step[step] for step in sorted(by_step)]


class TensorBoard:
    """Scalars as TensorBoard event files; opened at the first metric, so that reading a run costs nothing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._writer: Any = None

    def log(self, step: int, metrics: Mapping[str, float | int | bool]) -> None:
        """Add each metric as one scalar; steps that a killed process had written already are superseded."""
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise UserError(
                    "TensorBoard is not installed",
                    remedy="pip install tensorboard, or switch it off (tensorboard: false)",
                ) from None
            self._writer = SummaryWriter(str(self.directory), purge_step=step)
        with disk_errors(self.directory, "TensorBoard's events"):
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write out what is buffered."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
