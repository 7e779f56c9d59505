"""Accuracy of a reward model on held-out pairs, beside what it must beat and what it cannot (R8; N+ reports the like).

Ouyang et al. 2022, section 4.1: 72.4 ± 0.4 % on the groups of labelers trained on, 69.6 ± 0.9 % on the others.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from preceptor.config import BaseConfig
from preceptor.evals.baselines import Margins, learn_length, learn_tfidf, longer_wins
from preceptor.evals.calibration import calibration_by_margin
from preceptor.evals.pairs import Pair, labeler_agreement, pairs_of
from preceptor.records import Ranking
from preceptor.stats import CalibrationBin, Interval, ceiling_from_agreement, cluster_bootstrap
from preceptor.stats.bradley_terry import verdicts


class AccuracyConfig(BaseConfig):
    """How a reward model's accuracy is measured."""

    num_resamples: int = Field(default=2000, ge=100)
    """Resamples of the bootstrap behind each interval."""
    seed: int = 0
    """Seeds the bootstrap."""
    tfidf_l2: float | None = Field(default=None, gt=0)
    """Weight decay of the TF-IDF baseline; chosen on a fifth of the training prompts when not given."""


@dataclass(frozen=True)
class AccuracyReport:
    """Shares of held-out pairs that were put in the labeler's order.

    All intervals are clustered by prompt; where there is only one (which joke is funnier?), by both responses.
    """

    accuracy: Interval
    num_pairs: int
    num_prompts: int
    by_group: dict[str, Interval]
    """Accuracy on the pairs of each group of labelers: training and held_out."""
    baselines: dict[str, Interval]
    """`length` (the rule that held on the training pairs), `longer_wins` (as it stands), `tfidf`."""
    gains: dict[str, Interval]
    """Accuracy − baseline over the same pairs, as a paired difference: `length` and `tfidf`."""
    length_rule: str
    """What `length` says: 'longer wins' or 'shorter wins'."""
    agreement: Interval | None
    """How often two labelers agree on a pair; None when no prompt was ranked twice."""
    ceiling: float | None
    """Best accuracy that their agreement allows, (1 + √(2a − 1)) / 2."""
    calibration: tuple[CalibrationBin, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    """Reason → number of pairs left out."""

    @property
    def share_of_ceiling(self) -> float | None:
        """accuracy / ceiling."""
        return None if self.ceiling is None else self.accuracy.value / self.ceiling


def reward_accuracy(
    heldout: Sequence[Ranking],
    scores: Sequence[Sequence[float]],
    train: Sequence[Ranking],
    *,
    config: AccuracyConfig | None = None,
    agreement: Interval | None = None,
) -> AccuracyReport:
    """Measure a reward model, given its score of each response of each held-out ranking.

    The baselines learn on `train`, the rankings that the reward model was trained on, and answer for the same pairs.
    The ceiling comes from prompts among `heldout` that two labelers ranked; `agreement` stands in where there are none.

    Raises:
        ValueError: no untied pair on either side, or scores that do not fit the rankings.
    """
    config = config or AccuracyConfig()
    pairs, dropped = pairs_of(heldout, scores)
    train_pairs, _ = pairs_of(train)
    if not pairs or not train_pairs:
        raise ValueError("an untied pair is needed among held-out and among training rankings")
    margins = np.array([pair.margin for pair in pairs])
    mean = _bootstrap(config)
    length = learn_length(train_pairs)
    rules: dict[str, Margins] = {"length": length, "tfidf": learn_tfidf(train_pairs, l2=config.tfidf_l2)}
    right = verdicts(margins)
    by_rule = {name: verdicts(rule(pairs)) for name, rule in rules.items()}
    found = labeler_agreement(heldout, seed=config.seed) or agreement
    return AccuracyReport(
        accuracy=mean(right, pairs),
        num_pairs=len(pairs),
        num_prompts=len({pair.prompt for pair in pairs}),
        by_group=_by_group(pairs, right, mean),
        baselines={name: mean(values, pairs) for name, values in by_rule.items()}
        | {"longer_wins": mean(verdicts(longer_wins(pairs)), pairs)},
        gains={name: mean(right - values, pairs) for name, values in by_rule.items()},
        length_rule=length.words,
        agreement=found,
        ceiling=None if found is None else ceiling_from_agreement(found.value),
        calibration=calibration_by_margin(margins),
        dropped=dropped,
    )


Mean = Callable[[NDArray[np.float64], Sequence[Pair]], Interval]


def _bootstrap(config: AccuracyConfig) -> Mean:
    def mean(values: NDArray[np.float64], pairs: Sequence[Pair]) -> Interval:
        return cluster_bootstrap(values, *_clusters(pairs), seed=config.seed, num_resamples=config.num_resamples)

    return mean


def _clusters(pairs: Sequence[Pair]) -> list[list[Hashable]]:
    """What is resampled: a response takes part in many pairs of its prompt."""
    prompts: list[Hashable] = [pair.prompt for pair in pairs]
    if len(set(prompts)) > 1:
        return [prompts]
    return [[pair.chosen for pair in pairs], [pair.rejected for pair in pairs]]


def _by_group(pairs: Sequence[Pair], right: NDArray[np.float64], mean: Mean) -> dict[str, Interval]:
    groups = sorted({pair.group for pair in pairs})
    index = {group: [i for i, pair in enumerate(pairs) if pair.group == group] for group in groups}
    return {group: mean(right[rows], [pairs[i] for i in rows]) for group, rows in index.items()}
