"""Single stages by command, on what the project holds: imported data, or the work of a pipeline run."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar

import torch

from preceptor.errors import UserError
from preceptor.evals import AccuracyReport
from preceptor.pipeline.collecting import choose_feedback, collect, demonstrations
from preceptor.pipeline.evidence import watcher
from preceptor.pipeline.feedback import apart
from preceptor.pipeline.human import TEST, HumanFeedback
from preceptor.pipeline.project import Done, Project
from preceptor.pipeline.reward import measure_reward_model
from preceptor.pipeline.run import pass_gate
from preceptor.pipeline.stages import base_model, reward_model_stage, rl_stage, sft_stage
from preceptor.records import Artifact, Demonstration, Ranking, Record, read_artifact

RecordT = TypeVar("RecordT", bound=Record)

NUM_FOLDS = 5


def prepare(project: Project) -> None:
    """Settings that every command obeys."""
    if project.recipe.num_threads is not None:
        torch.set_num_threads(project.recipe.num_threads)


def run_sft(project: Project) -> Done:
    """SFT on the project's demonstrations."""
    prepare(project)
    feedback = choose_feedback(project)
    sets, documents = collect(project, feedback)
    train, valid = demonstrations(project, feedback, sets)
    done = sft_stage(project, train, valid, documents["train"])
    project.say(f"SFT model: {done.path / 'model'}  {dict(done.facts)}")
    return done


def run_reward(project: Project) -> AccuracyReport:
    """A reward model on the project's rankings, beside its baselines; without SFT it starts at the base model."""
    prepare(project)
    train, heldout = ranking_sets(project)
    reward = reward_model_stage(project, starting_point(project), train, known_demonstrations(project), "reward_model")
    report = measure_reward_model(project, reward.path / "model", heldout, train, "reward_accuracy")
    show_accuracy(project, report, reward.facts)
    return report


def run_rl(project: Project, *, force: str | None) -> Mapping[str, Done]:
    """All RL policies of the recipe, from the latest SFT and reward models."""
    prepare(project)
    recipe, feedback = project.recipe, choose_feedback(project)
    sets, documents = collect(project, feedback)
    sft, reward = latest(project, "sft"), latest(project, "reward_model")
    train, heldout = ranking_sets(project)
    forced = pass_gate(project, measure_reward_model(project, reward, heldout, train, "reward_accuracy"), force)
    watch = watcher(project, feedback, {"score": reward}, sft, sets.test)
    prompts = project.keep("prompts-rl", sets.rl, "prompts", project.note(feedback.sources(sets.rl)))
    return {
        name: rl_stage(
            project, config, sft, reward, prompts, documents["train"], watch, name=name, kind=name, forced=forced
        )
        for name, config in recipe.rl.items()
    }


def cross_validate_reward(project: Project) -> dict[str, float]:
    """Does the reward model generalise to labelers it has not seen? 5-fold over groups of labelers.

    Ouyang et al. 2022, section 4.1: 72.4 ± 0.4 % on the groups trained on, 69.6 ± 0.9 % on the group left out.

    Raises:
        UserError: fewer than five labelers.
    """
    prepare(project)
    known, parents_of = known_rankings(project)
    rows = [row for row in known if row.labeler.group == "training"]
    labelers = sorted({row.labeler.id for row in rows})
    if len(labelers) < NUM_FOLDS:
        raise UserError(
            f"{len(labelers)} labelers cannot be put into {NUM_FOLDS} groups",
            remedy="import rankings that name their labelers, of five or more",
        )
    seen, unseen = [], []
    for fold in range(NUM_FOLDS):
        # Neighbours by name are left out together: labelers hired together, who may share habits, are named together.
        left_out = {name for place, name in enumerate(labelers) if place * NUM_FOLDS // len(labelers) == fold}
        inside = [row for row in rows if row.labeler.id not in left_out]
        train = [row for row in inside if not kept_apart(row.prompt.id)]
        parts = {
            "train": train,
            "seen": [row for row in inside if kept_apart(row.prompt.id)],
            "unseen": [row for row in rows if row.labeler.id in left_out and kept_apart(row.prompt.id)],
        }
        kept = {
            part: project.keep(f"fold-{fold}-{part}", some, "rankings", parents_of(some))
            for part, some in parts.items()
        }
        done = reward_model_stage(
            project, starting_point(project), kept["train"], known_demonstrations(project), f"reward_fold_{fold}"
        )
        model = done.path / "model"
        seen.append(measure_reward_model(project, model, kept["seen"], kept["train"], "labelers seen").accuracy.value)
        unseen.append(
            measure_reward_model(project, model, kept["unseen"], kept["train"], "labelers unseen").accuracy.value
        )
    origin = "" if all(row.labeler.origin == "human" for row in rows) else " (simulated)"
    project.say(f"labelers trained on: {mean(seen):.1%} ± {stdev(seen):.1%}{origin}")
    project.say(f"labelers left out:   {mean(unseen):.1%} ± {stdev(unseen):.1%}{origin}")
    return {"seen": mean(seen), "unseen": mean(unseen)}


def kept_apart(prompt_id: str, share: float = 0.2) -> bool:
    """Whether a prompt measures instead of trains, by its name."""
    return int.from_bytes(hashlib.sha256(prompt_id.encode()).digest()[:6]) / 2**48 < share


def latest(project: Project, stage: str) -> Path:
    """Model of a stage that was run before.

    Raises:
        UserError: it was not.
    """
    path = project.directory / "latest" / stage / "model"
    if not path.is_dir():
        raise UserError(
            f"there is no {stage} model yet", file=path, remedy="`preceptor run` makes it, or its own command"
        )
    return path.resolve()


def starting_point(project: Project) -> Path:
    """The SFT model where there is one, the base model otherwise."""
    path = project.directory / "latest" / "sft" / "model"
    return path.resolve() if path.is_dir() else base_model(project)


def ranking_sets(project: Project) -> tuple[Artifact[Ranking], Artifact[Ranking]]:
    """Rankings to train on and rankings to measure on: by labeler group where there is a held-out one, else by split.

    Raises:
        UserError: one of the two is empty.
    """
    if is_made(project, "rankings"):
        return made(project, "rankings", Ranking), made(project, "rankings-held-out", Ranking)
    known, parents_of = known_rankings(project)
    train, heldout = apart(known)
    return (
        project.keep("rankings", train, "rankings", parents_of(train)),
        project.keep("rankings-held-out", heldout, "rankings", parents_of(heldout)),
    )


def is_made(project: Project, name: str) -> bool:
    """Whether simulated labelers made an artifact, in a run of the pipeline."""
    return project.recipe.feedback == "simulated" and (project.directory / "artifacts" / name).is_dir()


def made(project: Project, name: str, record: type[RecordT]) -> Artifact[RecordT]:
    """The artifact that a run of the pipeline left."""
    artifact = read_artifact(project.directory / "artifacts" / name, record)
    project.note({f"artifacts/{name}": artifact.manifest.content_hash})
    return artifact


def known_rankings(project: Project) -> tuple[list[Ranking], Callable[[Sequence[Ranking]], list[str]]]:
    """All rankings that a reward model may learn from or be measured on; those of the final evaluation are not.

    And a function that gives the content hashes of what some of them come from.
    """
    if is_made(project, "rankings"):
        both = [made(project, name, Ranking) for name in ("rankings", "rankings-held-out")]
        return [row for one in both for row in one.rows], lambda rows: [one.manifest.content_hash for one in both]
    feedback = HumanFeedback(project.data, project.recipe, project.say)
    rows = [row for row in feedback.imported(Ranking) if not row.id.startswith(TEST)]
    return rows, lambda some: project.note(feedback.sources(some))


def known_demonstrations(project: Project) -> Artifact[Demonstration]:
    """Demonstrations that fix the zero of the score; without any, the best response of each ranking stands in."""
    if is_made(project, "demonstrations"):
        return made(project, "demonstrations", Demonstration)
    feedback = HumanFeedback(project.data, project.recipe, project.say)
    rows = [row for row in feedback.imported(Demonstration) if row.labeler.group == "training"]
    parents = project.note(feedback.sources(rows))
    if not rows:
        rankings = ranking_sets(project)[0]
        rows, parents = best_responses(rankings.rows), [rankings.manifest.content_hash]
    return project.keep("demonstrations-known", rows, "demonstrations", parents)


def best_responses(rankings: Sequence[Ranking]) -> list[Demonstration]:
    """The response ranked first, as a demonstration."""
    rows = []
    for row in rankings:
        text = next(response.text for response in row.responses if response.id == row.groups[0][0])
        rows.append(Demonstration(id=row.id, prompt=row.prompt, response=text, labeler=row.labeler))
    return rows


def show_accuracy(project: Project, report: AccuracyReport, facts: Mapping[str, Any]) -> None:
    """The reward model's accuracy beside its baselines, as a few lines."""
    value = report.accuracy
    project.say(
        f"held-out accuracy {value.value:.1%} ({value.low:.1%} to {value.high:.1%}), {report.num_pairs:,} pairs"
    )
    for name, interval in report.baselines.items():
        project.say(f"  {name:12} {interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})")
    if report.ceiling is not None:
        project.say(
            f"  ceiling      {report.ceiling:.1%} (from labelers' agreement); share of it {report.share_of_ceiling:.1%}"
        )
    project.say(f"left out: {dict(report.dropped) | dict(facts.get('dropped', {}))}")
