"""Krippendorff's α = 1 − D_o / D_e: disagreement observed within items, over that expected by chance.

Krippendorff 2004, "Content Analysis", 2nd edition, chapter 11; 2011, "Computing Krippendorff's alpha-reliability".
It takes any number of labelers and missing labels; an item with a single label says nothing and is left out.
"""

from functools import partial
from typing import Literal

import numpy as np

from preceptor.stats.intervals import Floats
from preceptor.stats.label_table import LabelTable
from preceptor.stats.measure import Clusters, Measure, bootstrap_measure, ratio, ratios
from preceptor.stats.pooled import couples_of, over, pooled_measure
from preceptor.stats.ranking_table import RankingTable

Level = Literal["nominal", "ordinal"]
"""Whether the values of a scale are only different, or stand in its order."""


def krippendorff_alpha(
    labels: LabelTable,
    level: Level,
    *,
    seed: int,
    clusters: Clusters = "items",
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Measure:
    """Krippendorff's α of labels on a nominal or ordinal scale, with its cluster-bootstrap interval.

        o_ck = Σ_i (ordered couples of labels c, k of different labelers of item i) / (r_i − 1)
        n_c = Σ_k o_ck,   n = Σ_c n_c
        D_o = Σ_ck o_ck·δ_ck / n,   D_e = Σ_ck n_c·n_k·δ_ck / (n·(n − 1))

    δ_ck is 1 for c ≠ k on a nominal scale, and (n_c/2 + Σ_{c<g<k} n_g + n_k/2)² on an ordinal one. Differs from
    Krippendorff in the interval: he resamples couples of labels, here whole items (and labelers) are.
    """
    return pooled_measure(
        labels,
        partial(_alpha, level=level),
        clusters=clusters,
        seed=seed,
        num_resamples=num_resamples,
        confidence=confidence,
    )


def ranking_alpha(
    rankings: RankingTable,
    *,
    seed: int,
    clusters: Clusters = "items",
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Measure:
    """Krippendorff's α of rankings under Kendall's distance with ties (`RankingTable.distance`).

        D_o = Σ_i Σ_{a≠b} d(a, b) / (r_i − 1) / n      over the rankings a, b of item i
        D_e = ½·(1 − mean of t_a·t_b over all a ≠ b)   t_a: share of its pairs of responses that ranking a ties

    Rankings of different items order different responses, so D_e sets them against each other as if the responses had
    been matched by lot: a pair that neither ties is then discordant half the time and counts 1, and one that only one
    of them ties counts ½, which adds up to ½·(1 − t_a·t_b). Without ties D_e = ½ and α is the mean of Kendall's τ over
    couples. 1 is the same order everywhere, 0 what orders by lot would give, ties as they are.
    """
    if reason := rankings.why_uncompared():
        return Measure(reason=reason)
    sizes = np.bincount(rankings.items, minlength=rankings.num_items)[rankings.items]
    masses = 2 / (sizes[rankings.first] - 1)
    couples = np.stack([masses * rankings.distance, masses], axis=1)
    is_compared = np.isin(rankings.items, rankings.items[rankings.first]).astype(np.float64)
    rows = np.stack([is_compared, rankings.tied * is_compared, rankings.tied**2 * is_compared], axis=1)
    totals = np.concatenate([couples.sum(axis=0), rows.sum(axis=0)])[None]
    (value,) = _ranking_alpha(totals).tolist()
    if not np.isfinite(value):
        return Measure(reason="all labelers tied all responses")
    drawn = rankings.resampled_sums(couples, rows, clusters=clusters, seed=seed, num_resamples=num_resamples)
    return bootstrap_measure(value, _ranking_alpha(drawn), confidence=confidence)


def _ranking_alpha(sums: Floats) -> Floats:
    """α of each row of sums: masses times distances and masses of the couples; number, Σ t and Σ t² of the rankings."""
    distances, masses, sizes, tied, tied_squares = sums.T
    both_tied = ratios(tied**2 - tied_squares, sizes * (sizes - 1))
    return 1 - ratios(ratios(distances, masses), (1 - both_tied) / 2)


def _alpha(counts: Floats, squares: Floats, weights: Floats, *, level: Level) -> float:
    sizes, couples = couples_of(counts, squares)
    masses = over(weights * sizes, couples)
    coincidences = (counts * masses[:, None]).T @ counts - np.diag(masses @ squares)
    totals = coincidences.sum(axis=0)
    size = float(totals.sum())
    distances = _ordinal(totals) if level == "ordinal" else 1 - np.eye(len(totals))
    observed = float((coincidences * distances).sum())
    return 1 - ratio(observed * (size - 1), float(totals @ distances @ totals))


def _ordinal(totals: Floats) -> Floats:
    middles = np.cumsum(totals) - totals / 2
    return np.subtract.outer(middles, middles) ** 2
