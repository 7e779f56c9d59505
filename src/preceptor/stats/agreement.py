"""How far labelers agree on rankings: pair by pair, under three conventions for ties.

The InstructGPT paper does not say how ties enter its 72.6 % and 77.3 %, so all three figures are computed and none
goes without its name.
"""

from dataclasses import dataclass

import numpy as np

from preceptor.stats.intervals import Floats
from preceptor.stats.measure import Clusters, Measure, bootstrap_measure, ratios
from preceptor.stats.ranking_table import RankingTable, RankMap, ranking_table


@dataclass(frozen=True)
class Agreement:
    """Agreement of labelers who ranked the same responses; a figure is None where nothing could be compared."""

    ties_excluded: float | None
    """agree / (agree + disagree) over pairs of responses that neither labeler tied."""
    tie_as_class: float | None
    """Share of all pairs of responses put in the same one of {first better, second better, tie}."""
    kendall_tau_b: float | None
    """Mean over pairs of labelers of Kendall's τ-b (ties corrected for), where it is defined."""
    num_untied_pairs: int
    """Comparisons behind `ties_excluded`."""
    num_pairs: int
    """Comparisons behind `tie_as_class`."""
    num_labeler_pairs: int
    """Comparisons behind `kendall_tau_b`."""


@dataclass(frozen=True)
class AgreementMeasures:
    """The three figures of `Agreement`, each with its interval or the reason why it is undefined."""

    ties_excluded: Measure
    tie_as_class: Measure
    kendall_tau_b: Measure


def pairwise_agreement(rankings: RankingTable) -> Agreement:
    """Agreement of every two labelers who ranked the same item, on the responses that both ranked.

    The first two figures pool the comparisons of responses; τ-b averages over couples of labelers.
    """
    sums, sizes = _sums_and_sizes(rankings)
    untied, pairs, couples = (int(size) for size in sizes.sum(axis=0))
    figures = [None if np.isnan(figure) else figure for figure in ratios(sums.sum(axis=0), sizes.sum(axis=0)).tolist()]
    return Agreement(figures[0], figures[1], figures[2], untied, pairs, couples)


def agreement_measures(
    rankings: RankingTable,
    *,
    seed: int,
    clusters: Clusters = "items",
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> AgreementMeasures:
    """The figures of `pairwise_agreement` with their cluster-bootstrap intervals.

    A comparison hangs on one item and two labelers and weighs the product of their counts in the resample: the
    pigeonhole bootstrap of Owen 2007, "The pigeonhole bootstrap", section 2.
    """
    figures = pairwise_agreement(rankings)
    if reason := rankings.why_uncompared():
        return AgreementMeasures(Measure(reason=reason), Measure(reason=reason), Measure(reason=reason))
    columns, none = np.concatenate(_sums_and_sizes(rankings), axis=1), np.zeros((len(rankings.items), 0))
    drawn = rankings.resampled_sums(columns, none, clusters=clusters, seed=seed, num_resamples=num_resamples)
    resamples = ratios(drawn[:, :3], drawn[:, 3:])

    def measure(value: float | None, column: int) -> Measure:
        if value is None:
            return Measure(reason="no two responses were compared without a tie")
        return bootstrap_measure(value, resamples[:, column], confidence=confidence)

    return AgreementMeasures(
        measure(figures.ties_excluded, 0), measure(figures.tie_as_class, 1), measure(figures.kendall_tau_b, 2)
    )


def kendall_tau_b(first: RankMap, second: RankMap) -> float | None:
    """Kendall's τ-b of two rank maps on the responses that both hold; None where one of them ties all."""
    return pairwise_agreement(ranking_table([{"first": first, "second": second}])).kendall_tau_b


def _sums_and_sizes(rankings: RankingTable) -> tuple[Floats, Floats]:
    """For each couple what the three figures add up, and by what they divide."""
    defined = np.isfinite(rankings.tau_b)
    sums = [rankings.concordant, rankings.same, np.where(defined, rankings.tau_b, 0)]
    return np.stack(sums, axis=1), np.stack([rankings.untied, rankings.pairs, defined.astype(np.float64)], axis=1)
