"""The record of metrics: numbers only, cut back on resume, readable after a kill; TensorBoard beside it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from preceptor.errors import UserError
from preceptor.runs import read_metrics
from preceptor.runs.metrics import JsonLines, TensorBoard, finite_metrics


def test_numbers_of_all_kinds_become_plain_ones() -> None:
    numbers = finite_metrics(1, {"a": torch.tensor(0.5), "b": np.float32(0.25), "c": 3, "d": True, "e": np.int64(4)})
    assert numbers == {"a": 0.5, "b": 0.25, "c": 3, "d": True, "e": 4}
    assert [type(value) for value in numbers.values()] == [float, float, int, bool, int]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, torch.tensor(math.nan), np.float64("inf")])
def test_nan_and_infinity_are_refused_by_name_and_step(value: Any) -> None:
    with pytest.raises(UserError, match=r"metric 'policy/loss' is (nan|-?inf) at step 7") as caught:
        finite_metrics(7, {"fine": 1.0, "policy/loss": value})
    assert "learning rate" in caught.value.remedy


@pytest.mark.parametrize("metrics", [{"a": "high"}, {"a": None}, {"a": [1]}, {"step": 3}])
def test_what_is_no_metric_is_refused(metrics: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="not a number"):
        finite_metrics(1, metrics)


def rows(path: Path, *steps: int) -> JsonLines:
    lines = JsonLines(path)
    for step in steps:
        lines.append({"step": step, "a/b": step / 8})
    return lines


def test_cut_brings_back_the_very_bytes(tmp_path: Path) -> None:
    lines = rows(tmp_path / "metrics.jsonl", 1, 2)
    kept = (tmp_path / "metrics.jsonl").read_bytes()
    num_bytes = lines.sync()
    assert num_bytes == len(kept)
    lines.append({"step": 2, "later": 1})
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 3, "a')
    assert lines.cut(2, num_bytes) is None
    assert (tmp_path / "metrics.jsonl").read_bytes() == kept
    lines.append({"step": 3})
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2, 3]


def test_cut_of_a_changed_file_keeps_rows_up_to_the_step_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    num_bytes = rows(path, 1, 2, 3).sync()
    path.write_text('{"step": 1}\nnonsense\n{"step": 2}\n{"step": 4}\n{"st')
    note = JsonLines(path).cut(3, num_bytes)
    assert note is not None
    assert "was changed since the checkpoint" in note
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_cut_before_anything_was_written(tmp_path: Path) -> None:
    assert JsonLines(tmp_path / "metrics.jsonl").cut(0, 0) is None
    assert read_metrics(tmp_path) == []


def test_rows_of_one_step_are_one_and_half_a_last_line_is_none(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "a": 1}\n{"step": 2, "a": 2}\n{"step": 1, "b": 3}\n{"step": 3, ')
    assert read_metrics(tmp_path) == [{"step": 1, "a": 1, "b": 3}, {"step": 2, "a": 2}]


def test_half_a_line_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"ste\n{"step": 2}\n')
    with pytest.raises(UserError) as caught:
        read_metrics(tmp_path)
    assert caught.value.line == 2


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for step in (1, 2, 3):
        board.log(step, {"kl/reference": step / 4})
    board.close()
    resumed = TensorBoard(tmp_path)
    resumed.log(3, {"kl/reference": 9.0})
    resumed.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("kl/reference")] == [(1, 0.25), (2, 0.5), (3, 9.0)]
