"""The reward model measured: on held-out labelers' rankings, beside its baselines and its ceiling."""

from pathlib import Path

from preceptor.evals import AccuracyReport, reward_accuracy
from preceptor.models.load import load_reward_model
from preceptor.models.scoring import score_responses
from preceptor.pipeline.project import Project
from preceptor.records import Artifact, Ranking
from preceptor.runs.progress import Progress


def measure_reward_model(
    project: Project, model: Path, heldout: Artifact[Ranking], train: Artifact[Ranking], name: str
) -> AccuracyReport:
    """Score every held-out response and compare the order of scores with the labelers' order."""
    reward_model = load_reward_model(model)
    items = [(row.prompt.messages, response) for row in heldout.rows for response in row.responses]
    with Progress(len(items), name) as progress:
        flat = iter(score_responses(reward_model, items, progress=progress.advance))
    scores = [[next(flat) for _ in row.responses] for row in heldout.rows]
    return reward_accuracy(heldout.rows, scores, train.rows)
