"""Habits of one labeler: what sways the rankings, whether they drift, how fast the work goes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from preceptor.stats.intervals import Floats
from preceptor.stats.measure import Measure, mean_share, ratios
from preceptor.stats.ranking_table import by_length, pair_signs

SECONDS_A_DAY = 86_400


def position_preference(ranks: Sequence[Sequence[float]]) -> Floats:
    """For each ranking the share of its untied pairs of responses whose earlier shown one was ranked better.

    Each ranking lists the ranks, smaller is better, in the order in which the responses were shown. NaN where all are
    tied. Orders are drawn by lot, so ½ is no preference.
    """
    return length_preference(ranks, [range(len(row), 0, -1) for row in ranks])


def length_preference(ranks: Sequence[Sequence[float]], lengths: Sequence[Sequence[float]]) -> Floats:
    """For each ranking the share of its untied pairs of unequal length whose longer response was ranked better.

    Ranks and lengths list the same responses. NaN where there is no such pair. Longer responses may be better ones:
    compare a labeler with the others, not with ½.

    Raises:
        ValueError: ranks and lengths do not list as many responses.
    """
    if [len(row) for row in ranks] != [len(row) for row in lengths]:
        raise ValueError("one length per rank is needed")
    shares = np.full(len(ranks), np.nan)
    for (chosen, order), (_, sizes) in zip(by_length(ranks), by_length(lengths), strict=True):
        # A better rank is a smaller number.
        longer_wins = -pair_signs(order)[0] * pair_signs(sizes)[0]
        shares[chosen] = ratios((longer_wins > 0).sum(axis=1), (longer_wins != 0).sum(axis=1))
    return shares


@dataclass(frozen=True)
class Window:
    """Agreement within a stretch of time."""

    start: float
    """Seconds, as given; a multiple of the window's length."""
    num_labels: int
    agreement: Measure


@dataclass(frozen=True)
class Drift:
    """How a labeler's agreement with the rest moves."""

    windows: tuple[Window, ...]
    slope: Measure
    """Change of the agreement per day."""


def drift(seconds: ArrayLike, shares: ArrayLike, *, window: float, confidence: float = 0.95) -> Drift:
    """Agreement with the rest by time windows, and its trend by least squares.

    `seconds` says when a label was given, `shares` how it agrees with the rest (NaN where nobody else labeled the
    item: left out). The slope's interval is Student's t with the HC3 standard error, which does not take the scatter
    for equal at all times (MacKinnon and White 1985):

        b = Σ (x − x̄)·y / S,   S = Σ (x − x̄)²,   se² = Σ ((x − x̄)·e / (1 − h))² / S²,   h = 1/n + (x − x̄)²/S
    """
    when, agreeing = np.asarray(seconds, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    told = np.isfinite(agreeing)
    when, agreeing = when[told], agreeing[told]
    starts, places = np.unique(np.floor(when / window) * window, return_inverse=True)
    windows = []
    for place, start in enumerate(starts.tolist()):
        part = agreeing[places == place]
        windows.append(Window(start, len(part), mean_share(part, empty="too few labels", confidence=confidence)))
    return Drift(tuple(windows), _slope(when / SECONDS_A_DAY, agreeing, confidence))


def _slope(when: Floats, agreeing: Floats, confidence: float) -> Measure:
    size = len(when)
    if size < 2:
        return Measure(reason="too few labels")
    gaps = when - when.mean()
    spread = float(gaps @ gaps)
    if not spread:
        return Measure(reason="all labels were given at one time")
    slope = float(gaps @ agreeing) / spread
    leverage = 1 / size + gaps**2 / spread
    if size < 3 or leverage.max() > 1 - 1e-9:
        return Measure(slope, reason="too few labels")
    residuals = agreeing - agreeing.mean() - slope * gaps
    error = float(np.sqrt((((gaps * residuals) / (1 - leverage)) ** 2).sum())) / spread
    if error < 1e-12:
        return Measure(slope, reason="nothing varies from item to item")
    half = float(stats.t.ppf((1 + confidence) / 2, size - 2)) * error
    return Measure(slope, slope - half, slope + half)


@dataclass(frozen=True)
class Pace:
    """Active seconds per label: robust against the one that was left open over lunch."""

    median: Measure
    lower_quartile: float
    upper_quartile: float


def pace(active_seconds: ArrayLike, *, confidence: float = 0.95) -> Pace | None:
    """Median active seconds with the interval of the sign test, and quartiles; None where nothing was labeled.

    The interval reaches from the k-th smallest value to the k-th largest, with the largest k for which a binomial
    variable of n tosses is below k with probability (1 − confidence)/2 at most; it assumes nothing of the distribution
    (Conover 1999, "Practical nonparametric statistics", section 3.2).
    """
    values = np.sort(np.asarray(active_seconds, dtype=np.float64))
    if not len(values):
        return None
    lower, middle, upper = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    # ppf gives the smallest k with P(X ≤ k) ≥ α/2, so that P(X < k) < α/2.
    depth = int(stats.binom.ppf((1 - confidence) / 2, len(values), 0.5))
    if depth < 1:
        return Pace(Measure(middle, reason="too few labels"), lower, upper)
    return Pace(Measure(middle, float(values[depth - 1]), float(values[-depth])), lower, upper)
