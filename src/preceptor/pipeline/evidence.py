"""The evidence: every policy's responses judged by held-out labelers, and all figures of the report."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from preceptor import __version__
from preceptor.evals import (
    AccuracyReport,
    OptimizationPoint,
    check_gate,
    detect_overoptimization,
    items_of_rankings,
    likert,
    win_rate,
)
from preceptor.models.load import load_policy, load_reward_model
from preceptor.models.policy import Policy
from preceptor.models.scoring import score_responses
from preceptor.pipeline.answers import Answers, answers_stage, kl_to
from preceptor.pipeline.feedback import Evidence, Feedback
from preceptor.pipeline.project import Done, Project
from preceptor.pipeline.stages import dump, respond
from preceptor.records import Artifact, Demonstration, Document, Prompt, Ranking, Record
from preceptor.reporting import data as report
from preceptor.runs.metrics import read_metrics
from preceptor.stats import Interval, cluster_bootstrap

NUM_SAMPLES = 8


@dataclass(frozen=True)
class Preferences:
    """What a round learned of what labelers prefer."""

    rankings: Artifact[Ranking]
    heldout_rankings: Artifact[Ranking]
    reward_model: Done
    heldout_judge: Done
    accuracy: AccuracyReport


@dataclass(frozen=True)
class Round:
    """What a round made."""

    learned: Preferences
    policies: Mapping[str, Done]
    forced: str | None


def compare_policies(
    project: Project,
    feedback: Feedback,
    test: Sequence[Prompt],
    documents: Artifact[Document],
    demonstrations: Artifact[Demonstration],
    sft: Done,
    rounds: Sequence[Round],
) -> report.ReportData:
    """All policies on the test prompts, and what held-out labelers and the gold judge say of them."""
    last, recipe = rounds[-1], project.recipe
    policies = {"sft": sft.path / "model"} | {name: done.path / "model" for name, done in last.policies.items()}
    prompts = project.keep("prompts-test", test, "prompts", project.note(feedback.sources(test)))
    reward_model = last.learned.reward_model.path / "model"
    answers, candidates = answers_stage(project, policies, reward_model, demonstrations, prompts, documents)
    evidence = feedback.evidence(candidates.rows, project.directory / "todo" / "evaluation")
    kinds: dict[str, Sequence[Record]] = {"rankings": evidence.rankings, "ratings": evidence.ratings}
    for kind, rows in kinds.items():
        parents = [candidates.manifest.content_hash, *project.note(feedback.sources(rows))]
        project.keep(f"test-{kind}", rows, kind, parents)
    return report.ReportData(
        seed=recipe.seed,
        origin=feedback.origin,
        aligned=tuple(last.policies),
        num_prompts=len(test),
        num_labelers=len({row.labeler.id for row in evidence.rankings}),
        policies=tuple(policy_row(one, evidence, feedback, test) for one in answers),
        reward_model=reward_model_facts(last),
        runs=tuple(curves(name, done) for name, done in project.done.items() if (done.path / "run").is_dir()),
        optimization=tuple(optimization_path(name, done) for name, done in last.policies.items()),
        samples=samples(answers, evidence, feedback, test),
        data=data_counts(project),
        config=dump(recipe),
        lineage=lineage(project),
        seconds={name: done.seconds for name, done in project.done.items()},
        health=tuple(health(last.policies)),
        version=__version__,
        machine=f"{os.cpu_count()} CPU cores",
        made_at=date.today().isoformat(),
    )


def policy_row(one: Answers, evidence: Evidence, feedback: Feedback, test: Sequence[Prompt]) -> report.PolicyRow:
    """One line of the main table."""
    golds = [feedback.gold(prompt, response.text) for prompt, response in zip(test, one.responses, strict=True)]
    known = [gold["gold_utility"] for gold in golds if gold is not None]
    ratings = [row for row in evidence.ratings if row.response.id == one.name]
    rated = likert(ratings, applies={"satisfies_constraint": feedback.has_constraint}) if ratings else None
    items, _ = items_of_rankings(evidence.rankings, one.name, "sft")
    wins = (
        report.Estimate(value=0.5, low=0.5, high=0.5)
        if one.name == "sft"
        else report.Estimate.of(win_rate(items).interval)
    )
    return report.PolicyRow(
        name=one.name,
        gold_utility=report.Estimate.of(mean_interval(known)) if known else None,
        win_rate_vs_sft=wins,
        likert=None if rated is None else report.Estimate.of(rated.interval),
        flags={} if rated is None else {flag: report.Estimate.of(share) for flag, share in rated.parts.items()},
        kl_to_sft=one.kl_to_sft,
        mean_length=float(np.mean([len(response.tokens or ()) for response in one.responses])),
        pretraining_loss=one.pretraining_loss,
    )


def reward_model_facts(last: Round) -> report.RewardModelFacts:
    """How far the reward model can be trusted."""
    found = last.learned.accuracy
    gate = check_gate(found)
    estimate = report.Estimate.of
    return report.RewardModelFacts(
        heldout_accuracy=estimate(found.accuracy),
        num_pairs=found.num_pairs,
        num_prompts=found.num_prompts,
        by_group={group: estimate(interval) for group, interval in found.by_group.items()},
        length=estimate(found.baselines["length"]),
        length_rule=found.length_rule,
        tfidf=estimate(found.baselines["tfidf"]),
        ceiling=found.ceiling,
        agreement=None if found.agreement is None else estimate(found.agreement),
        calibration=tuple(
            report.CalibrationPoint(
                low=one.low,
                high=one.high,
                num_pairs=one.num_pairs,
                expected=one.expected,
                observed=estimate(one.observed),
            )
            for one in found.calibration
        ),
        gate_open=gate.open,
        gate_message=gate.message,
        forced=last.forced,
        dropped=dict(found.dropped),
    )


def curves(name: str, done: Done) -> report.RunCurves:
    """What a stage's run logged."""
    return report.RunCurves.of(name, read_metrics(done.path / "run"))


def optimization_path(name: str, done: Done) -> report.OptimizationPath:
    """Proxy and truth over one RL run, and what the detector says of it."""
    rows = [row for row in read_metrics(done.path / "run") if "eval/score" in row]
    points = [
        OptimizationPoint(
            row["step"], row["eval/kl"], row["eval/score"], row.get("eval/gold_utility"), row.get("eval/heldout_score")
        )
        for row in rows
    ]
    found = detect_overoptimization(points)
    return report.OptimizationPath(
        name=name,
        points=tuple(
            report.OptimizationPoint(step=p.step, kl=p.kl, proxy=p.proxy, gold=p.gold, heldout=p.heldout)
            for p in points
        ),
        message=found.message,
        overoptimized_since=found.since,
    )


def samples(
    answers: Sequence[Answers], evidence: Evidence, feedback: Feedback, test: Sequence[Prompt]
) -> tuple[report.Sample, ...]:
    """The first test prompts, one of each use case before any twice, answered by each policy."""
    seen: dict[str | None, int] = {}
    turn = []
    for index, prompt in enumerate(test):
        seen[prompt.use_case] = seen.get(prompt.use_case, 0) + 1
        turn.append((seen[prompt.use_case], index))
    chosen = [index for _, index in sorted(turn)[:NUM_SAMPLES]]
    flags: dict[tuple[str, str], set[str]] = {}
    for row in evidence.ratings:
        flags.setdefault((row.prompt.id, row.response.id), set()).update(row.flags)
    rows = []
    for index in chosen:
        prompt, responses = test[index], []
        for one in answers:
            text = one.responses[index].text
            gold = feedback.gold(prompt, text)
            responses.append(
                report.SampleResponse(
                    policy=one.name,
                    text=text,
                    gold_utility=None if gold is None else gold["gold_utility"],
                    flags=tuple(sorted(flags.get((prompt.id, one.name), ()))),
                )
            )
        rows.append(report.Sample(messages=prompt.messages, use_case=prompt.use_case, responses=tuple(responses)))
    return tuple(rows)


def data_counts(project: Project) -> tuple[report.DataCount, ...]:
    """Rows of every artifact, and what was left out of it."""
    return tuple(
        report.DataCount(
            name=name,
            rows=manifest.num_rows,
            origin=project.recipe.feedback if manifest.origin == "none" else manifest.origin,
            dropped=dict(manifest.dropped),
            content_hash=manifest.content_hash,
        )
        for name, manifest in sorted(project.kept.items())
    )


def lineage(project: Project) -> tuple[report.LineageRow, ...]:
    """Artifacts and models with what they were made from."""
    rows = [
        report.LineageRow(name=name, hash=manifest.content_hash, parents=manifest.parents)
        for name, manifest in project.kept.items()
    ]
    for name, done in project.done.items():
        if "hash" in done.facts:
            forced = done.facts.get("forced")
            note = f"the gate was forced: {forced}" if forced else ""
            parents = tuple(done.facts.get("parents", ()))
            rows.append(report.LineageRow(name=name, hash=done.facts["hash"], parents=parents, note=note))
    return tuple(rows)


def health(policies: Mapping[str, Done]) -> list[report.HealthFinding]:
    """What the step-0 checks of each RL run found."""
    rows = []
    for name, done in policies.items():
        for finding in json.loads((done.path / "run" / "health.json").read_text(encoding="utf-8")):
            rows.append(
                report.HealthFinding(
                    stage=name, name=finding["name"], is_ok=finding["ok"], message=finding["explanation"]
                )
            )
    return rows


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean over prompts with its bootstrap interval."""
    return cluster_bootstrap(values, list(range(len(values))), seed=0)


def watcher(
    project: Project, feedback: Feedback, reward_models: Mapping[str, Path], sft: Path, prompts: Sequence[Prompt]
) -> Callable[[Policy, int], Mapping[str, float]]:
    """Metrics on held-out prompts while RL runs: scores by each reward model, KL, length, the truth where known."""
    recipe = project.recipe
    prompts = prompts[: recipe.evaluation.num_curve_prompts]
    sampling = recipe.evaluation.sampling
    judges = {name: load_reward_model(path) for name, path in reward_models.items()}
    reference = load_policy(sft)

    def evaluate(policy: Policy, step: int) -> Mapping[str, float]:
        responses = respond(project.generate, policy, "eval", prompts, sampling, recipe.seed)
        items = [(prompt.messages, response) for prompt, response in zip(prompts, responses, strict=True)]
        metrics = {f"eval/{name}": float(np.mean(score_responses(judge, items))) for name, judge in judges.items()}
        metrics["eval/kl"] = kl_to(reference, policy, prompts, responses, sampling.temperature)
        metrics["eval/length"] = float(np.mean([len(response.tokens or ()) for response in responses]))
        golds = [feedback.gold(prompt, response.text) for prompt, response in zip(prompts, responses, strict=True)]
        known = [gold["gold_utility"] for gold in golds if gold is not None]
        return metrics | ({"eval/gold_utility": float(np.mean(known))} if known else {})

    return evaluate
