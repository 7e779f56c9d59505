"""Intervals for means and shares, with bootstraps that respect clusters.

Judgements of one prompt, or by one labeler, resemble each other; an interval that takes them for independent is too
narrow. `cluster_bootstrap` resamples whole prompts and whole labelers instead of single judgements.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """An estimate between its bounds; `low` and `high` are NaN where one observation cannot tell."""

    value: float
    low: float
    high: float

    def is_above(self, threshold: float) -> bool:
        """Whether the whole interval lies above a threshold; False for an undefined interval."""
        return self.low > threshold

    def is_below(self, threshold: float) -> bool:
        """Whether the whole interval lies below a threshold; False for an undefined interval."""
        return self.high < threshold


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Student's t interval of a mean of independent values: x̄ ± t_{n−1} · s / √n.

    Raises:
        ValueError: no values, or a value is not finite.
    """
    sample = _finite(values)
    mean = float(sample.mean())
    if len(sample) == 1:
        return Interval(mean, float("nan"), float("nan"))
    half = _t_quantile(len(sample) - 1, confidence) * float(sample.std(ddof=1)) / float(np.sqrt(len(sample)))
    return Interval(mean, mean - half, mean + half)


def wilson_interval(successes: float, trials: float, *, confidence: float = 0.95) -> Interval:
    """Score interval of a share (Wilson 1927): (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n).

    It stays within [0, 1] and is not empty at p̂ = 0 or 1. Half successes (ties) are allowed.

    Raises:
        ValueError: no trials, or successes outside [0, trials].
    """
    if not trials > 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    z = float(stats.norm.ppf((1 + confidence) / 2))
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def cluster_bootstrap(
    values: ArrayLike,
    *clusters: Sequence[Hashable],
    seed: int,
    num_resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of a mean, resampling whole clusters.

    One cluster list (say, the prompt of each value) is the ordinary cluster bootstrap. Two (prompt and labeler) are
    resampled independently and a value weighs the product of its clusters' counts: the pigeonhole bootstrap of
    Owen 2007, "The pigeonhole bootstrap", section 2; it errs to the wide side. No list resamples single values.

    A share is the mean of zeros and ones; a difference of two policies is the mean of paired differences. The bounds
    are NaN where there is nothing to resample: a single cluster.

    Raises:
        ValueError: no values, a value is not finite, or a cluster list of another length.
    """
    sample = _finite(values)
    factors = [list(keys) for keys in clusters] or [list(range(len(sample)))]
    if any(len(keys) != len(sample) for keys in factors):
        raise ValueError(f"{len(sample)} values, but cluster lists of {[len(keys) for keys in factors]}")
    codes = np.stack([number_names(keys)[0] for keys in factors], axis=1)
    if not codes.any():
        return Interval(float(sample.mean()), float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    cells, cell_of = np.unique(codes, axis=0, return_inverse=True)
    sums = np.bincount(cell_of.reshape(-1), weights=sample)
    sizes = np.bincount(cell_of.reshape(-1)).astype(np.float64)
    means: list[float] = []
    for _ in range(100 * num_resamples):
        weights = np.ones(len(cells))
        for column in cells.T:
            weights *= draw_counts(generator, int(column.max()) + 1)[column]
        # A sparse table: a resample may miss every cell and is then drawn again.
        if (total := float(weights @ sizes)) > 0:
            means.append(float(weights @ sums) / total)
        if len(means) == num_resamples:
            break
    else:
        raise ValueError("too few clusters to resample: almost every resample is empty")
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(sample.mean()), float(low), float(high))


def draw_counts(generator: np.random.Generator, num_clusters: int) -> Floats:
    """How often each cluster is in a resample of as many clusters, drawn with replacement."""
    drawn = generator.integers(num_clusters, size=num_clusters)
    return np.bincount(drawn, minlength=num_clusters).astype(np.float64)


def number_names(names: Sequence[Hashable]) -> tuple[Ints, tuple[Hashable, ...]]:
    """Names as numbers from 0, in the order in which they first come, and the names by number."""
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
    return codes, tuple(numbers)


def _finite(values: ArrayLike) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise ValueError("one or more finite values are needed, in one dimension")
    return sample


def _t_quantile(degrees: int, confidence: float) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, degrees))
