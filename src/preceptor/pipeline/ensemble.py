"""Several reward models of the same rankings: what they disagree about, the rankings do not yet teach."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from preceptor.models.load import load_reward_model
from preceptor.models.scoring import score_responses
from preceptor.pipeline.project import Project
from preceptor.pipeline.single import known_demonstrations, ranking_sets
from preceptor.pipeline.stages import reward_model_stage
from preceptor.prompts.selecting import Pair, most_disputed
from preceptor.records import Candidates, Ranking
from preceptor.runs.progress import Progress
from preceptor.runs.seeding import numpy_generator


def ensemble(project: Project, body: Path, num: int) -> list[Path]:
    """Reward models that differ in the rankings they learned from and in the first weights of their heads.

    Each learns from a bootstrap resample of the prompts that the training group ranked (as the reward predictors of
    Christiano et al. 2017, section 2.2.3, arXiv 1706.03741). Rankings that measure the reward model, and of which the
    held-out judge is made, have no part in it.
    """
    rankings, _ = ranking_sets(project)
    demonstrations = known_demonstrations(project)
    models = []
    for number in range(1, num + 1):
        rows = resampled(rankings.rows, numpy_generator(project.recipe.seed, "member", number))
        kept = project.keep(f"rankings-member-{number}", rows, "rankings", [rankings.manifest.content_hash])
        name = f"reward_member_{number}"
        done = reward_model_stage(project, body, kept, demonstrations, name, head=f"reward-head-{number}")
        models.append(done.path / "model")
    return models


def resampled(rows: Sequence[Ranking], generator: np.random.Generator) -> list[Ranking]:
    """As many prompts, drawn with replacement, each with all of its rankings; copies have ids of their own."""
    by_prompt: dict[str, list[Ranking]] = {}
    for row in rows:
        by_prompt.setdefault(row.prompt.id, []).append(row)
    groups, copies, drawn = list(by_prompt.values()), Counter[int](), list[Ranking]()
    for place in generator.integers(len(groups), size=len(groups)).tolist():
        copies[place] += 1
        suffix = f"~{copies[place]}" if copies[place] > 1 else ""
        drawn += [row.model_copy(update={"id": row.id + suffix}) for row in groups[place]]
    return drawn


def disputed_pairs(rows: Sequence[Candidates], models: Sequence[Path]) -> dict[str, Pair]:
    """Prompt id → the two responses to it that the models disagree about most."""
    items = [(row.prompt.messages, response) for row in rows for response in row.responses]
    scores = []
    with Progress(len(items) * len(models), "ensemble") as progress:
        for path in models:
            scores.append(score_responses(load_reward_model(path), items, progress=progress.advance))
    ends = np.cumsum([len(row.responses) for row in rows])[:-1]
    parts = np.split(np.array(scores), ends, axis=1)
    return {row.prompt.id: most_disputed(part) for row, part in zip(rows, parts, strict=True)}
