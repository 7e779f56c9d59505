"""Pairs of responses from rankings: what reward models and their baselines are measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preceptor.records import Ranking
from preceptor.stats import Interval, RankMap, agreement_measures, ranking_table


@dataclass(frozen=True)
class Pair:
    """A labeler's choice between two different responses to one prompt."""

    prompt: str
    labeler: str
    group: str
    """The labeler's group: training or held_out."""
    chosen: str
    rejected: str
    margin: float
    """Score of chosen − score of rejected; NaN when nobody scored them."""


def pairs_of(
    rankings: Sequence[Ranking], scores: Sequence[Sequence[float]] | None = None
) -> tuple[list[Pair], dict[str, int]]:
    """Untied pairs of different texts, and counts of the pairs left out.

    `scores` holds, per ranking, one score for each of its responses in their order.

    Raises:
        ValueError: the scores do not fit the rankings, or one is not finite.
    """
    if scores is not None and [len(row) for row in scores] != [len(row.responses) for row in rankings]:
        raise ValueError("one score per response of each ranking is needed")
    if scores is not None and not all(np.isfinite(row).all() for row in scores):
        raise ValueError("a score is not finite")
    pairs, num_tied, num_same = [], 0, 0
    for number, ranking in enumerate(rankings):
        untied = ranking.pairs()
        num_responses = len(ranking.responses)
        num_tied += num_responses * (num_responses - 1) // 2 - len(untied)
        for i, j in untied:
            chosen, rejected = ranking.responses[i].text, ranking.responses[j].text
            if chosen == rejected:
                num_same += 1
                continue
            margin = float("nan") if scores is None else float(scores[number][i]) - float(scores[number][j])
            pairs.append(Pair(ranking.prompt.id, ranking.labeler.id, ranking.labeler.group, chosen, rejected, margin))
    dropped = {"pair tied by the labeler": num_tied, "pair of identical responses": num_same}
    return pairs, {reason: count for reason, count in dropped.items() if count}


def labeler_agreement(rankings: Sequence[Ranking], *, seed: int = 0) -> Interval | None:
    """How often two labelers agree, over prompts whose same responses were ranked twice; None when there are none.

    Ties are excluded; the interval is clustered by prompt and labeler.
    """
    ranked: dict[str, dict[str, RankMap]] = {}
    for ranking in rankings:
        ranks = ranking.ranks()
        by_text = {response.text: ranks[response.id] for response in ranking.responses}
        ranked.setdefault(ranking.prompt.id, {}).setdefault(ranking.labeler.id, by_text)
    found = agreement_measures(ranking_table(list(ranked.values())), seed=seed, clusters="items and labelers")
    return found.ties_excluded.interval()
