"""The pipeline: rounds of stages over artifacts. What is done is not done again, what was interrupted goes on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from preceptor.errors import UserError
from preceptor.evals import AccuracyReport, check_gate
from preceptor.pipeline.collecting import choose_feedback, collect, demonstrations
from preceptor.pipeline.evidence import Preferences, Round, compare_policies, watcher
from preceptor.pipeline.feedback import Feedback, apart
from preceptor.pipeline.project import Done, Project
from preceptor.pipeline.reward import measure_reward_model
from preceptor.pipeline.sets import PromptSets
from preceptor.pipeline.stages import candidates_stage, reward_model_stage, rl_stage, sft_stage
from preceptor.records import Artifact, Demonstration, Document, Prompt
from preceptor.reporting.data import ReportData
from preceptor.reporting.report import write_report, write_summary


def run_pipeline(project: Project, *, force: str | None = None) -> ReportData:
    """From prompts to the report.

    Raises:
        Waiting: people have to label first.
        UserError: the gate is closed, or some input is bad.
    """
    recipe = project.recipe
    if recipe.num_threads is not None:
        torch.set_num_threads(recipe.num_threads)
    feedback = choose_feedback(project)
    sets, documents = collect(project, feedback)
    train, valid = demonstrations(project, feedback, sets)
    sft = sft_stage(project, train, valid, documents["train"])
    rounds: list[Round] = []
    for number in range(recipe.rounds):
        rounds.append(run_round(project, feedback, sets, documents, train, sft, rounds, number, force))
    data = compare_policies(project, feedback, sets.test, documents["held_out"], train, sft, rounds)
    write_summary(data, project.directory / "summary.json")
    write_report(data, project.directory / "report.html")
    return data


def run_round(
    project: Project,
    feedback: Feedback,
    sets: PromptSets,
    documents: Mapping[str, Artifact[Document]],
    train: Artifact[Demonstration],
    sft: Done,
    before: Sequence[Round],
    number: int,
    force: str | None,
) -> Round:
    """Learn what labelers prefer, then the policies, each against that."""
    suffix = f"-{number + 1}" if project.recipe.rounds > 1 else ""
    body = sft.path / "model"
    learned = learn_preferences(project, feedback, sets.reward[number], train, body, before, suffix)
    forced = pass_gate(project, learned.accuracy, force)
    rl_prompts = project.keep("prompts-rl", sets.rl, "prompts", project.note(feedback.sources(sets.rl)))
    judges = {"score": learned.reward_model.path / "model", "heldout_score": learned.heldout_judge.path / "model"}
    watch = watcher(project, feedback, judges, body, sets.test)
    policies = {
        name: rl_stage(
            project, config, body, judges["score"], rl_prompts, documents["train"], watch,
            name=f"{name}{suffix}", kind=name, forced=forced,
        )
        for name, config in project.recipe.rl.items()
    }  # fmt: skip
    return Round(learned, policies, forced)


def learn_preferences(
    project: Project,
    feedback: Feedback,
    prompts: Sequence[Prompt],
    train: Artifact[Demonstration],
    body: Path,
    before: Sequence[Round],
    suffix: str = "",
) -> Preferences:
    """Sample candidates, have them ranked, and train the reward model on all rankings so far."""
    samplers = {"sft": body}
    if before:
        name, latest = list(before[-1].policies.items())[-1]
        samplers[name] = latest.path / "model"
    kept = project.keep(f"prompts-reward{suffix}", prompts, "prompts", project.note(feedback.sources(prompts)))
    prefix = f"round-{len(before) + 1}-" if before else ""
    candidates = candidates_stage(project, samplers, kept, f"candidates{suffix}", prefix)
    rows = feedback.rankings(candidates.rows, project.directory / "todo" / f"rankings{suffix}")
    sampled = candidates.manifest.content_hash
    earlier = [row for one in before for row in one.learned.rankings.rows]
    trained, measured = apart(rows)
    learned = [*earlier, *trained]
    parents, others = ([sampled, *project.note(feedback.sources(some))] for some in (learned, measured))
    rankings = project.keep(f"rankings{suffix}", learned, "rankings", parents)
    heldout = project.keep(f"rankings-held-out{suffix}", measured, "rankings", others)
    reward = reward_model_stage(project, body, rankings, train, f"reward_model{suffix}")
    accuracy = measure_reward_model(project, reward.path / "model", heldout, rankings, f"reward_accuracy{suffix}")
    # A judge that RL does not see: what held-out labelers' rankings alone teach.
    once = list({row.id: row for row in measured}.values())
    judged = project.keep(f"rankings-judge{suffix}", once, "rankings", others)
    judge = reward_model_stage(project, body, judged, train, f"reward_model_held_out{suffix}")
    return Preferences(rankings, heldout, reward, judge, accuracy)


def pass_gate(project: Project, accuracy: AccuracyReport, force: str | None) -> str | None:
    """Let RL start only against a reward model that works; returns the reason when a person forced it.

    Raises:
        UserError: the gate is closed and nobody forces it.
    """
    gate = check_gate(accuracy)
    if force is None and not gate.open:
        raise UserError(f"the gate is closed. {gate.message}", remedy='label more, or go on anyway: --force "reason"')
    project.say(gate.message)
    if force is None or gate.open:
        return None
    project.say(f"[bold]The gate was forced:[/bold] {force}")
    return force
