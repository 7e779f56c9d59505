"""Agreement corrected for chance, (p_o − p_e) / (1 − p_e): Cohen's κ, Fleiss' κ, Gwet's AC1.

p_o is the share of couples of labels of one item that agree. The coefficients differ in p_e, the share that would agree
by chance.
"""

from collections.abc import Hashable
from functools import partial
from typing import Literal

import numpy as np

from preceptor.stats.intervals import Floats
from preceptor.stats.label_table import LabelTable
from preceptor.stats.measure import Clusters, Measure, bootstrap_measure, ratio
from preceptor.stats.pooled import couples_of, over, pooled_measure

Weights = Literal["equal", "linear", "quadratic"]
"""How much a disagreement of two places of the scale counts: 1, |i − j| or (i − j)²."""


def cohen_kappa(
    labels: LabelTable,
    first: Hashable,
    second: Hashable,
    *,
    seed: int,
    weights: Weights = "equal",
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Measure:
    """Cohen's κ of two labelers over the items that both labeled, with the bootstrap interval over items.

        κ = 1 − Σ_ij v_ij·p_ij / Σ_ij v_ij·p_i.·p_.j

    p_ij is the share of items that the first gave value i and the second value j, v_ij the weight of the disagreement
    (Cohen 1960, "A coefficient of agreement for nominal scales"; with weights Cohen 1968, "Weighted kappa").

    Raises:
        ValueError: a labeler is not in the table.
    """
    size = len(labels.scale)
    given = np.full((2, len(labels.item_names)), -1)
    for row, name in zip(given, (first, second), strict=True):
        chosen = labels.labelers == labels.labeler_names.index(name)
        row[labels.items[chosen]] = labels.values[chosen]
    one, other = given[:, (given >= 0).all(axis=0)]
    if not len(one):
        return Measure(reason="the two labelers share no item")
    table = np.bincount(one * size + other, minlength=size * size)
    gaps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    costs = {"equal": (gaps > 0).astype(np.float64), "linear": gaps, "quadratic": gaps**2}[weights]
    value = _cohen(table.astype(np.float64).reshape(size, size), costs)
    if not np.isfinite(value):
        return Measure(reason="all labelers gave the same value")
    drawn = np.random.default_rng(seed).multinomial(len(one), table / len(one), size=num_resamples)
    resamples = [_cohen(row.astype(np.float64).reshape(size, size), costs) for row in drawn]
    return bootstrap_measure(value, resamples, confidence=confidence)


def fleiss_kappa(
    labels: LabelTable,
    *,
    seed: int,
    clusters: Clusters = "items",
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Measure:
    """Fleiss' κ, also where items have unequal numbers of labels: p_e = Σ_k π_k².

        p_o = mean over items with r_i ≥ 2 of Σ_k r_ik·(r_ik − 1) / (r_i·(r_i − 1))
        π_k = mean over all items of r_ik / r_i

    r_ik labelers gave item i value k, r_i labeled it. With equal r_i this is Fleiss 1971, "Measuring nominal scale
    agreement among many raters"; the general form is that of Gwet 2014, "Handbook of inter-rater reliability", 4th
    edition, chapter 2.
    """
    return pooled_measure(
        labels, _fleiss, clusters=clusters, seed=seed, num_resamples=num_resamples, confidence=confidence
    )


def gwet_ac1(
    labels: LabelTable,
    *,
    seed: int,
    clusters: Clusters = "items",
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Measure:
    """Gwet's AC1: p_e = Σ_k π_k·(1 − π_k) / (q − 1) over the q values of the scale; p_o and π_k as in Fleiss' κ.

    For flags that are rare: where nearly all labels are the same value, κ falls towards 0 though nearly all agree, AC1
    does not (Gwet 2008, "Computing inter-rater reliability and its variance in the presence of high agreement").
    Differs from the paper in that there is no figure where only one value was given: the formula would say 1.
    """
    coefficient = partial(_ac1, size=len(labels.scale))
    return pooled_measure(
        labels, coefficient, clusters=clusters, seed=seed, num_resamples=num_resamples, confidence=confidence
    )


def _cohen(table: Floats, costs: Floats) -> float:
    expected = table.sum(axis=1) @ costs @ table.sum(axis=0) / table.sum()
    return 1 - ratio(float((costs * table).sum()), float(expected))


def _fleiss(counts: Floats, squares: Floats, weights: Floats) -> float:
    observed, shares = _observed_and_shares(counts, squares, weights)
    expected = float(shares @ shares)
    return ratio(observed - expected, 1 - expected)


def _ac1(counts: Floats, squares: Floats, weights: Floats, *, size: int) -> float:
    observed, shares = _observed_and_shares(counts, squares, weights)
    expected = float(shares @ (1 - shares)) / (size - 1)
    return ratio(observed - expected, 1 - expected)


def _observed_and_shares(counts: Floats, squares: Floats, weights: Floats) -> tuple[float, Floats]:
    """p_o, NaN where no item has two labels, and π."""
    sizes, couples = couples_of(counts, squares)
    agreeing = (counts * counts - squares) @ np.ones(counts.shape[1])
    observed = ratio(float(over(weights, couples) @ agreeing), float(weights @ (couples > 0)))
    shares = over(weights, sizes) @ counts
    return observed, shares / max(1.0, float(weights @ (sizes > 0)))
