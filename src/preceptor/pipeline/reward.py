"""The reward model measured: on held-out labelers' rankings, beside its baselines and its ceiling."""

from dataclasses import replace
from pathlib import Path

from preceptor.errors import UserError
from preceptor.evals import AccuracyReport, reward_accuracy
from preceptor.evals.pairs import pairs_of
from preceptor.models.forward import max_context
from preceptor.models.load import load_reward_model
from preceptor.models.scoring import score_responses
from preceptor.pipeline.fitting import fitting_rankings
from preceptor.pipeline.project import Project
from preceptor.records import Artifact, Ranking
from preceptor.runs.progress import Progress


def measure_reward_model(
    project: Project, model: Path, heldout: Artifact[Ranking], train: Artifact[Ranking], name: str
) -> AccuracyReport:
    """Score every held-out response and compare the order of scores with the labelers' order.

    Raises:
        UserError: there is no pair to compare, among held-out or among training rankings.
    """
    reward_model = load_reward_model(model)
    rows, dropped = fitting_rankings(heldout.rows, reward_model.chat, max_context(reward_model.model))
    project.tell_dropped(name, dropped)
    for which, some in (("held-out", rows), ("training", train.rows)):
        if not pairs_of(some)[0]:
            raise UserError(
                f"no pair among {len(some)} {which} rankings: the reward model cannot be measured",
                remedy="import more rankings; labelers of the group held_out, or prompts of the valid split, measure",
            )
    items = [(row.prompt.messages, response) for row in rows for response in row.responses]
    with Progress(len(items), name) as progress:
        flat = iter(score_responses(reward_model, items, progress=progress.advance))
    scores = [[next(flat) for _ in row.responses] for row in rows]
    report = reward_accuracy(rows, scores, train.rows)
    return replace(report, dropped={**report.dropped, **dropped})
