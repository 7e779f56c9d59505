"""The report of a project: which policy is better, and how it came about."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from preceptor.reporting import figures
from preceptor.reporting.data import MAIN_FLAGS, Estimate, ReportData, summary
from preceptor.reporting.drawing import Drawing
from preceptor.reporting.page import fill, write_whole
from preceptor.reporting.verdict import verdict
from preceptor.reporting.words import (
    FLAG_TITLES,
    duration,
    number_range,
    percent,
    percent_range,
    two_digits,
    whole_percent,
)


def write_report(data: ReportData, path: Path) -> None:
    """Write the report; whoever opens the path sees a whole one, old or new."""
    write_whole(path, render(data))


def write_summary(data: ReportData, path: Path) -> None:
    """Write the figures for machines, `summary(data)`, the same way."""
    write_whole(path, json.dumps(summary(data), indent=2, allow_nan=False) + "\n")


def render(data: ReportData) -> str:
    """The report as HTML; every text from data is escaped."""
    base = data.policy(data.baseline)
    drawn = draw(data)
    return fill(
        "report.html.j2",
        data=data,
        model=data.reward_model,
        verdict=verdict(data),
        drawings=drawn,
        baseline_title=base.title if base else data.baseline,
        tag={"simulated": "simulated", "mixed": "partly simulated"}.get(data.origin, ""),
        judges={"simulated": "simulated labelers", "mixed": "labelers, some simulated"}.get(data.origin, "labelers"),
        flags=[flag for flag in MAIN_FLAGS if any(flag in row.flags for row in data.policies)],
        flag_titles=FLAG_TITLES,
        has_gold=any(row.gold_utility for row in data.policies),
        facts=_facts(data),
        sections=_sections(data, drawn),
        names_by_hash={row.hash: row.name for row in data.lineage},
        longest=max(data.seconds.values(), default=1.0) or 1.0,
        config=json.dumps(data.config, indent=2, ensure_ascii=False),
        accuracy_cells=_accuracy_cells,
        percent=percent,
        whole=whole_percent,
        two=two_digits,
        one=lambda value: f"{value:.1f}",
        duration=duration,
        range=number_range,
        percent_range=percent_range,
    )


def draw(data: ReportData) -> dict[str, list[Drawing]]:
    """All figures that the data allows, by section."""
    candidates = {
        "policies": [figures.win_rates(data), figures.gold_utility(data), *figures.flag_shares(data),
                     figures.alignment_tax(data)],
        "training": [*(figures.overoptimization(path) for path in data.optimization), figures.reward_and_kl(data),
                     figures.length_and_entropy(data), figures.sft_loss(data),
                     figures.reward_training(data)],
        "reward_model": [figures.reward_accuracy(data.reward_model), figures.calibration(data.reward_model)],
    }  # fmt: skip
    return {section: [drawing for drawing in row if drawing is not None] for section, row in candidates.items()}


def _accuracy_cells(estimate: Estimate) -> Markup:
    return Markup("<td>{}</td><td>{}</td>").format(percent(estimate.value), percent_range(estimate))


def _facts(data: ReportData) -> list[str]:
    facts = [f"seed {data.seed}", f"{data.num_prompts:,} held-out prompts", f"{data.num_labelers} held-out labelers"]
    facts[-1] += {"simulated": ", simulated", "mixed": ", some simulated"}.get(data.origin, "")
    if data.seconds:
        facts.append(duration(sum(data.seconds.values())) + (f" on {data.machine}" if data.machine else ""))
    return facts + ([data.made_at] if data.made_at else [])


def _sections(data: ReportData, drawn: dict[str, Any]) -> list[tuple[str, str]]:
    there: list[tuple[Any, str, str]] = [
        (True, "policies", "Policies"), (drawn["training"], "curves", "Training"),
        (True, "reward-model", "Reward model"), (data.samples, "samples", "Samples"), (data.data, "data", "Data"),
        (data.health, "health", "Health"), (data.seconds, "time", "Time"),
        (data.config or data.lineage, "lineage", "Configuration and lineage"),
    ]  # fmt: skip
    return [(anchor, name) for is_there, anchor, name in there if is_there]
