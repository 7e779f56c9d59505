"""What a report is made of: plain figures that go through JSON and come back the same."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, JsonValue

from preceptor.records import Message
from preceptor.records.base import Record
from preceptor.stats import Interval

Origin = Literal["human", "simulated", "mixed"]
"""Who made the judgements."""

TITLES = {
    "base": "Base model", "base_prompted": "Base, few-shot prompt", "sft": "SFT", "ppo": "PPO", "ppo_ptx": "PPO-ptx",
    "reinforce": "REINFORCE",
}  # fmt: skip
"""How policies are called where people read."""

MAIN_FLAGS = ("fails_instruction", "satisfies_constraint", "hallucination", "harmful_advice")
"""Flags that the main table shows; the others are in the JSON."""


class Estimate(Record):
    """A figure with its 95 % interval; no bounds where one observation cannot tell."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, source: Interval | float) -> Self:
        """From an interval, whose undefined bounds are left out, or from a bare number."""
        if isinstance(source, Interval):
            bounds = [bound if np.isfinite(bound) else None for bound in (source.low, source.high)]
            return cls(value=source.value, low=bounds[0], high=bounds[1])
        return cls(value=float(source))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """(low, high) where both are known."""
        return None if self.low is None or self.high is None else (self.low, self.high)


class PolicyRow(Record):
    """One line of the main table."""

    name: str
    gold_utility: Estimate | None = None
    """Mean utility by the gold judge; None outside the closed world."""
    win_rate_vs_sft: Estimate | None = None
    """Share of comparisons with the baseline that held-out labelers decided for this policy, ties one half."""
    likert: Estimate | None = None
    flags: dict[str, Estimate] = Field(default_factory=dict)
    """Flag → share of ratings that carry it."""
    kl_to_sft: float | None = None
    """Nats per response."""
    mean_length: float | None = None
    """Tokens per response."""
    pretraining_loss: float | None = None
    """Nats per token on held-out pretraining text."""

    @property
    def title(self) -> str:
        """The name for people."""
        return TITLES.get(self.name, self.name)


class CalibrationPoint(Record):
    """Pairs whose |margin| lies in [low, high)."""

    low: float
    high: float
    num_pairs: int
    expected: float
    observed: Estimate


class RewardModelFacts(Record):
    """How far the reward model can be trusted: figures on held-out pairs."""

    heldout_accuracy: Estimate
    num_pairs: int
    num_prompts: int
    by_group: dict[str, Estimate] = Field(default_factory=dict)
    """Accuracy on the labels of each group of labelers."""
    length: Estimate
    """Accuracy of the length rule that held on the training pairs."""
    length_rule: str = "longer wins"
    tfidf: Estimate
    """Accuracy of Bradley–Terry on TF-IDF."""
    ceiling: float | None = None
    """Best accuracy that the labelers' agreement allows."""
    agreement: Estimate | None = None
    calibration: tuple[CalibrationPoint, ...] = ()
    gate_open: bool
    gate_message: str
    forced: str | None = None
    """The reason given with --force, if the gate was passed closed."""
    dropped: dict[str, int] = Field(default_factory=dict)

    @property
    def share_of_ceiling(self) -> float | None:
        """accuracy / ceiling."""
        return None if self.ceiling is None else self.heldout_accuracy.value / self.ceiling


class Curve(Record):
    """A metric over training steps."""

    steps: tuple[int, ...]
    values: tuple[float, ...]


class RunCurves(Record):
    """What one training run logged."""

    name: str
    """Stage: sft, reward_model, ppo, …"""
    metrics: dict[str, Curve]

    @classmethod
    def of(cls, name: str, rows: Sequence[Mapping[str, Any]]) -> Self:
        """From logged rows `{"step": 3, "rollout/score": 0.1, …}`; a metric may be missing from some rows."""
        points: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            for metric, value in row.items():
                if metric != "step" and isinstance(value, int | float) and np.isfinite(value):
                    points.setdefault(metric, []).append((int(row["step"]), float(value)))
        curves = {
            metric: Curve(steps=tuple(step for step, _ in pairs), values=tuple(value for _, value in pairs))
            for metric, pairs in points.items()
        }
        return cls(name=name, metrics=curves)

    @property
    def title(self) -> str:
        """The name for people."""
        return TITLES.get(self.name, self.name)

    def first(self, *metrics: str) -> Curve | None:
        """The first of these metrics that was logged."""
        return next((self.metrics[metric] for metric in metrics if metric in self.metrics), None)


class OptimizationPoint(Record):
    """A policy at one step of RL, on held-out prompts."""

    step: int
    kl: float
    proxy: float
    gold: float | None = None
    heldout: float | None = None


class OptimizationPath(Record):
    """Proxy and truth over one RL run."""

    name: str
    points: tuple[OptimizationPoint, ...]
    message: str
    """What the detector says of it."""
    overoptimized_since: int | None = None

    @property
    def title(self) -> str:
        """The name for people."""
        return TITLES.get(self.name, self.name)


class SampleResponse(Record):
    """One policy's response to a sample prompt."""

    policy: str
    text: str
    gold_utility: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The policy's name for people."""
        return TITLES.get(self.policy, self.policy)


class Sample(Record):
    """The same prompt, answered by each policy."""

    messages: tuple[Message, ...]
    use_case: str | None = None
    responses: tuple[SampleResponse, ...]


class DataCount(Record):
    """One artifact: how many rows, and what was left out of it."""

    name: str
    rows: int
    origin: Origin
    dropped: dict[str, int] = Field(default_factory=dict)
    content_hash: str = ""


class LineageRow(Record):
    """One artifact or model, and what it was made from."""

    name: str
    hash: str
    parents: tuple[str, ...] = ()
    note: str = ""
    """For example the reason of a forced gate."""


class HealthFinding(Record):
    """One check of a real run."""

    stage: str
    name: str
    is_ok: bool
    message: str


class ReportData(Record):
    """All that a report says."""

    title: str = "From base model to assistant"
    seed: int
    origin: Origin
    """Who judged: every such figure is shown with this word."""
    baseline: str = "sft"
    """The policy that win rates are against."""
    aligned: tuple[str, ...] = ("ppo", "ppo_ptx")
    """Policies that should be better than the baseline: the verdict is about them."""
    num_prompts: int
    """Held-out prompts behind the main table."""
    num_labelers: int
    """Held-out labelers behind it."""
    policies: tuple[PolicyRow, ...]
    reward_model: RewardModelFacts
    runs: tuple[RunCurves, ...] = ()
    optimization: tuple[OptimizationPath, ...] = ()
    samples: tuple[Sample, ...] = ()
    data: tuple[DataCount, ...] = ()
    config: dict[str, JsonValue] = Field(default_factory=dict)
    lineage: tuple[LineageRow, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)
    """Stage → wall-clock seconds."""
    health: tuple[HealthFinding, ...] = ()
    version: str = ""
    machine: str = ""
    """What it ran on, such as '2 CPU cores'."""
    made_at: str = ""
    """Date for people; given, not read from a clock."""

    def policy(self, name: str) -> PolicyRow | None:
        """The row of a policy, if there is one."""
        return next((row for row in self.policies if row.name == name), None)

    def run(self, name: str) -> RunCurves | None:
        """The curves of a stage, if there are any."""
        return next((run for run in self.runs if run.name == name), None)


def summary(data: ReportData) -> dict[str, Any]:
    """The figures for machines: seed, policies, reward model, seconds; None (null) where a figure is not known."""
    model = data.reward_model
    return {
        "seed": data.seed,
        "policies": [_policy_summary(row) for row in data.policies],
        "reward_model": {
            "heldout_accuracy": model.heldout_accuracy.value,
            "heldout_accuracy_interval": _bounds(model.heldout_accuracy),
            "baselines": {"length": model.length.value, "tfidf": model.tfidf.value, "ceiling": model.ceiling},
        },
        "seconds": dict(data.seconds),
    }


def _policy_summary(row: PolicyRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "gold_utility": _value(row.gold_utility),
        "win_rate_vs_sft": _value(row.win_rate_vs_sft),
        "win_rate_vs_sft_interval": None if row.win_rate_vs_sft is None else _bounds(row.win_rate_vs_sft),
        "likert": _value(row.likert),
        "flags": {flag: share.value for flag, share in row.flags.items()},
        "kl_to_sft": row.kl_to_sft,
        "mean_length": row.mean_length,
        "pretraining_loss": row.pretraining_loss,
    }


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _bounds(estimate: Estimate) -> list[float] | None:
    return None if estimate.bounds is None else list(estimate.bounds)
