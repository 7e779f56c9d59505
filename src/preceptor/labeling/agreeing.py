"""How the labelers of a stage agree as a whole, measure by measure."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from preceptor import stats
from preceptor.labeling.judged import Bools, Judged
from preceptor.labeling.label_tables import RANKING, Rows, label_rows
from preceptor.stats import LabelTable, Measure, RankingTable
from preceptor.stats.alpha import Level
from preceptor.stats.kappa import Weights

SEED = 0
NUM_RESAMPLES = 200
NUM_COUPLES = 8
"""Couples of labelers for whom Cohen's κ is given: those who share most items."""


@dataclass(frozen=True)
class Figure:
    """One coefficient."""

    name: str
    """As the statistics call it: 'krippendorff_alpha', …"""
    measure: Measure
    is_share: bool = False
    """Shown in percent."""


@dataclass(frozen=True)
class Agreed:
    """How the labelers agree on one measure."""

    measure: str
    scale: str
    num_labels: int
    num_shared: int
    """Things that two labelers or more judged."""
    prevalence: float | None
    """Share of 'yes' among the labels of a flag."""
    figures: tuple[Figure, ...]

    @property
    def is_untested(self) -> bool:
        """Whether all labelers gave the same value, so that no figure says anything."""
        return all(one.measure.reason == "all labelers gave the same value" for one in self.figures)


@dataclass(frozen=True)
class Couple:
    """Cohen's κ of two labelers."""

    first: str
    second: str
    num_shared: int
    kappa: Measure


def agreed_on(judged: Judged, counted: Bools, rows: Rows | None) -> list[Agreed]:
    """All measures of a stage; rankings first, where labelers are compared on them."""
    found = [_ranked(rows.table)] if rows and rows.measure == RANKING else []
    measures = judged.measures().items()
    return found + [
        _labeled(name, is_ordinal, label_rows(judged, name, counted).table) for name, is_ordinal in measures
    ]


def couples_on(judged: Judged, counted: Bools) -> tuple[str, list[Couple]]:
    """The first number, else the first flag; and Cohen's κ on it of the couples of labelers who share most.

    On a number a disagreement counts by its square.
    """
    measures = judged.measures()
    measure = next((name for name, is_ordinal in measures.items() if is_ordinal), next(iter(measures), ""))
    if not measure:
        return "", []
    table = label_rows(judged, measure, counted).table
    assert isinstance(table, LabelTable)
    found = []
    for first, second, num_shared in _most_shared(table):
        weights: Weights = "quadratic" if measures[measure] else "equal"
        kappa = stats.cohen_kappa(table, first, second, seed=SEED, weights=weights, num_resamples=NUM_RESAMPLES)
        found.append(Couple(first, second, num_shared, kappa))
    return measure, found


def _ranked(table: LabelTable | RankingTable) -> Agreed:
    assert isinstance(table, RankingTable)
    pairwise = stats.agreement_measures(table, seed=SEED, num_resamples=NUM_RESAMPLES)
    alpha = stats.ranking_alpha(table, seed=SEED, num_resamples=NUM_RESAMPLES)
    figures = (
        Figure("ties_excluded", pairwise.ties_excluded, is_share=True),
        Figure("tie_as_class", pairwise.tie_as_class, is_share=True),
        Figure("kendall_tau_b", pairwise.kendall_tau_b),
        Figure("alpha_ranking", alpha),
    )
    shared = len(np.unique(table.items[table.first]))
    return Agreed("ranking", "ranking", len(table.items), shared, None, figures)


def _labeled(measure: str, is_ordinal: bool, table: LabelTable | RankingTable) -> Agreed:
    assert isinstance(table, LabelTable)
    kappa = Figure("fleiss_kappa", stats.fleiss_kappa(table, seed=SEED, num_resamples=NUM_RESAMPLES))
    level: Level = "ordinal" if is_ordinal else "nominal"
    alpha = stats.krippendorff_alpha(table, level, seed=SEED, num_resamples=NUM_RESAMPLES)
    figures = [Figure(f"alpha_{level}", alpha), kappa]
    if not is_ordinal:
        figures.insert(0, Figure("gwet_ac1", stats.gwet_ac1(table, seed=SEED, num_resamples=NUM_RESAMPLES)))
    is_flag = table.scale == (False, True) and len(table.values)
    prevalence = float(table.values.mean()) if is_flag else None
    shared = int((np.bincount(table.items, minlength=1) > 1).sum())
    return Agreed(measure, level, len(table.items), shared, prevalence, tuple(figures))


def _most_shared(table: LabelTable) -> list[tuple[str, str, int]]:
    """Couples of labelers and the number of things that both judged, most first."""
    ones = np.ones(len(table.items), dtype=np.int64)
    shape = len(table.item_names), len(table.labeler_names)
    judged = sparse.csr_array((ones, (table.items, table.labelers)), shape=shape)
    shared = np.triu((judged.T @ judged).toarray(), k=1)
    order = np.argsort(-shared, axis=None, kind="stable")[:NUM_COUPLES]
    places = [divmod(int(place), shape[1]) for place in order]
    names = [str(name) for name in table.labeler_names]
    return [(names[i], names[j], int(shared[i, j])) for i, j in places if shared[i, j] > 1]
