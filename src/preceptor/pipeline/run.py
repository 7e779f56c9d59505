"""The pipeline: rounds of stages over artifacts. What is done is not done again, what was interrupted goes on."""

from collections.abc import Mapping, Sequence

import torch

from preceptor.errors import UserError
from preceptor.evals import AccuracyReport, check_gate
from preceptor.pipeline.evidence import Round, compare_policies, watcher
from preceptor.pipeline.feedback import Feedback, choose_feedback, held_out, of_training
from preceptor.pipeline.project import Done, Project
from preceptor.pipeline.reward import measure_reward_model
from preceptor.pipeline.sets import PromptSets, share_out
from preceptor.pipeline.stages import candidates_stage, reward_model_stage, rl_stage, sft_stage
from preceptor.records import Artifact, Demonstration, Document
from preceptor.reporting.data import ReportData
from preceptor.reporting.report import write_report


def run_pipeline(project: Project, *, force: str | None = None) -> ReportData:
    """From prompts to the report.

    Raises:
        Waiting: people have to label first.
        UserError: the gate is closed, or some input is bad.
    """
    recipe = project.recipe
    if recipe.num_threads is not None:
        torch.set_num_threads(recipe.num_threads)
    feedback = choose_feedback(recipe, project.data)
    sets, documents = collect(project, feedback)
    train, valid = demonstrations(project, feedback, sets)
    sft = sft_stage(project, train, valid, documents["train"])
    rounds: list[Round] = []
    for number in range(recipe.rounds):
        rounds.append(run_round(project, feedback, sets, documents, train, sft, rounds, number, force))
    data = compare_policies(project, feedback, sets.test, documents["held_out"], train, sft, rounds)
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
    """Sample candidates, have them ranked, train the reward model on all rankings so far, then the policies."""
    suffix = f"-{number + 1}" if project.recipe.rounds > 1 else ""
    samplers = {"sft": sft.path / "model"}
    if before:
        name, latest = list(before[-1].policies.items())[-1]
        samplers[name] = latest.path / "model"
    prompts = project.keep(f"prompts-reward{suffix}", sets.reward[number], "prompts")
    candidates = candidates_stage(project, samplers, prompts, f"candidates{suffix}")
    rows = feedback.rankings(candidates.rows, project.directory / "todo" / f"rankings{suffix}")
    parents = [candidates.manifest.content_hash]
    earlier = [row for one in before for row in one.rankings.rows]
    rankings = project.keep(f"rankings{suffix}", [*earlier, *of_training(rows)], "rankings", parents)
    heldout = project.keep(f"rankings-held-out{suffix}", held_out(rows), "rankings", parents)
    reward = reward_model_stage(project, sft.path / "model", rankings, train, f"reward_model{suffix}")
    accuracy = measure_reward_model(project, reward.path / "model", heldout, rankings, f"reward_accuracy{suffix}")
    forced = pass_gate(project, accuracy, force)
    rl_prompts = project.keep("prompts-rl", sets.rl, "prompts")
    watch = watcher(project, feedback, reward.path / "model", sft.path / "model", sets.test)
    policies = {
        name: rl_stage(
            project, config, sft.path / "model", reward.path / "model", rl_prompts, documents["train"], watch,
            name=f"{name}{suffix}", kind=name, forced=forced,
        )
        for name, config in project.recipe.rl.items()
    }  # fmt: skip
    return Round(reward, rankings, heldout, accuracy, policies)


def pass_gate(project: Project, accuracy: AccuracyReport, force: str | None) -> str | None:
    """Let RL start only against a reward model that works; returns the reason when a person forced it.

    Raises:
        UserError: the gate is closed and nobody forces it.
    """
    gate = check_gate(accuracy)
    project.say(gate.message)
    if gate.open:
        return None
    if force is None:
        raise UserError(f"the gate is closed. {gate.message}", remedy='label more, or go on anyway: --force "reason"')
    project.say(f"[bold]The gate was forced:[/bold] {force}")
    return force


def collect(project: Project, feedback: Feedback) -> tuple[PromptSets, dict[str, Artifact[Document]]]:
    """All prompts, shared out by user; and pretraining text, a part kept apart to measure the alignment tax."""
    recipe = project.recipe
    sets = share_out(feedback.prompts(), recipe.prompts, recipe.seed, recipe.rounds)
    texts = feedback.documents()
    cut = len(texts) - len(texts) // 11
    documents = {
        "train": project.keep("documents", texts[:cut], "documents"),
        "held_out": project.keep("documents-held-out", texts[cut:], "documents"),
    }
    return sets, documents


def demonstrations(
    project: Project, feedback: Feedback, sets: PromptSets
) -> tuple[Artifact[Demonstration], Artifact[Demonstration]]:
    """What labelers wrote, train and valid apart by user."""
    prompts = project.keep("prompts-sft", sets.sft, "prompts")
    rows = feedback.demonstrations(sets.sft, project.directory / "todo" / "demonstrations")
    parents = [prompts.manifest.content_hash]
    train = [row for row in rows if row.prompt.split == "train"]
    valid = [row for row in rows if row.prompt.split == "valid"]
    return (
        project.keep("demonstrations", train, "demonstrations", parents),
        project.keep("demonstrations-valid", valid, "demonstrations", parents),
    )
