"""Report data goes through JSON unchanged, and the summary has exactly its agreed shape."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from preceptor.reporting.data import Estimate, PolicyRow, ReportData, RunCurves, summary
from preceptor.reporting.report import write_summary
from preceptor.stats import Interval
from tests.reporting.example_report import example_report


def test_report_data_round_trips_through_json() -> None:
    data = example_report()
    assert ReportData.model_validate_json(data.model_dump_json()) == data


def test_summary_has_exactly_the_agreed_keys_and_values(tmp_path: Path) -> None:
    data = example_report()
    write_summary(data, tmp_path / "summary.json")
    found = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert found == summary(data)
    assert list(found) == ["seed", "policies", "reward_model", "seconds"]
    assert [row["name"] for row in found["policies"]] == ["base", "base_prompted", "sft", "ppo", "ppo_ptx"]
    assert found["policies"][3] == {
        "name": "ppo",
        "gold_utility": 0.71,
        "win_rate_vs_sft": 0.667,
        "win_rate_vs_sft_interval": [0.619, 0.716],
        "likert": 4.9,
        "flags": {
            "fails_instruction": 0.17,
            "satisfies_constraint": 0.74,
            "hallucination": 0.15,
            "harmful_advice": 0.01,
            "expresses_opinion": 0.04,
        },
        "kl_to_sft": 5.8,
        "mean_length": 24.6,
        "pretraining_loss": 2.46,
    }
    assert found["reward_model"] == {
        "heldout_accuracy": 0.742,
        "heldout_accuracy_interval": [0.721, 0.763],
        "baselines": {"length": 0.561, "tfidf": 0.668, "ceiling": 0.838},
    }
    assert found["seconds"]["sft"] == 58.0


def test_what_is_not_known_is_null() -> None:
    row = summary(example_report(policies=(PolicyRow(name="mine"),)))["policies"][0]
    assert row["win_rate_vs_sft"] is None
    assert row["win_rate_vs_sft_interval"] is None
    assert row["flags"] == {}


def test_estimates_of_intervals_and_numbers() -> None:
    assert Estimate.of(Interval(0.5, 0.4, 0.6)).bounds == (0.4, 0.6)
    assert Estimate.of(Interval(0.5, float("nan"), float("nan"))) == Estimate(value=0.5)
    assert Estimate.of(3).bounds is None


def test_data_is_frozen_and_refuses_nan() -> None:
    with pytest.raises(ValidationError):
        Estimate(value=float("nan"))
    with pytest.raises(ValidationError):
        example_report().seed = 3


def test_curves_from_logged_rows() -> None:
    rows = [{"step": 1, "a": 0.5}, {"step": 2, "a": 0.25, "b": 1, "c": float("nan")}, {"step": 3, "b": 2}]
    curves = RunCurves.of("sft", rows)
    assert curves.metrics["a"].steps == (1, 2)
    assert curves.metrics["b"].values == (1.0, 2.0)
    assert "c" not in curves.metrics
    assert curves.first("x", "b", "a") == curves.metrics["b"]
