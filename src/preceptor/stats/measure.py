"""A figure with its interval, or the reason why it has none: never NaN, and no 1.0 where nothing was tested."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from preceptor.stats.intervals import Floats, Interval, Ints, wilson_interval

Reason = Literal[
    "nothing was labeled",
    "no item has two labels",
    "the two labelers share no item",
    "this labeler shares no item with another",
    "all labelers gave the same value",
    "all labelers tied all responses",
    "no two responses were compared without a tie",
    "too few labels",
    "all labels were given at one time",
    "too few items or labelers to resample",
    "nothing varies from item to item",
]
"""Why a figure or its interval is undefined: a closed list, so that a page can translate it."""

Clusters = Literal["items", "items and labelers"]
"""What is resampled: items, for what these labelers would do on others; labelers too, for what others would do.

The second errs to the wide side. A comparison of two labelers weighs the product of three counts, whose variance is
2³ − 1 = 7: where labelers do not differ at all, the interval is up to √7 = 2.6 times as wide as it need be.
"""


@dataclass(frozen=True)
class Measure:
    """A figure with its interval, or the reason why there is none.

    Three states: all of `value`, `low`, `high` and no reason; a value with the reason why it has no interval; nothing
    but a reason.

    Raises:
        ValueError: the fields are in none of these states, or a number is not finite.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: Reason | None = None

    def __post_init__(self) -> None:
        numbers = [number for number in (self.value, self.low, self.high) if number is not None]
        is_whole = len(numbers) == 3 and self.reason is None
        is_explained = self.low is None and self.high is None and self.reason is not None
        if not (is_whole or is_explained) or not np.isfinite(numbers).all():
            raise ValueError(f"no measure: {self.value} [{self.low}, {self.high}], reason {self.reason!r}")

    def interval(self) -> Interval | None:
        """The same as an `Interval`, its bounds NaN where they are undefined; None where there is no value."""
        if self.value is None:
            return None
        if self.low is None or self.high is None:
            return Interval(self.value, float("nan"), float("nan"))
        return Interval(self.value, self.low, self.high)


def bootstrap_measure(value: float, resamples: ArrayLike, *, confidence: float) -> Measure:
    """Percentile interval from the figure of each resample, NaN where it is undefined there (Efron 1979).

    There is no interval where more resamples are undefined than an interval leaves outside, nor where all give the
    same figure: that shows no variation, not certainty.
    """
    figures = np.asarray(resamples, dtype=np.float64)
    defined = figures[np.isfinite(figures)]
    if len(defined) < confidence * len(figures):
        return Measure(value, reason="too few items or labelers to resample")
    if float(np.ptp(defined)) < 1e-12:
        return Measure(value, reason="nothing varies from item to item")
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Measure(value, float(low), float(high))


def mean_share(shares: ArrayLike, *, empty: Reason, confidence: float = 0.95) -> Measure:
    """Mean of shares in [0, 1], one for each item, NaN where an item tells nothing; with Wilson's interval.

    A mean of independent shares varies at most as much as one of zeros and ones, p(1 − p)/n, so the interval errs to
    the wide side; and it is not empty where all shares are 1. `empty` is the reason where no item tells anything.
    """
    values = np.asarray(shares, dtype=np.float64)
    told = values[np.isfinite(values)]
    if not told.size:
        return Measure(reason=empty)
    found = wilson_interval(min(float(told.sum()), len(told)), len(told), confidence=confidence)
    return Measure(found.value, found.low, found.high)


def ratio(numerator: float, denominator: float) -> float:
    """numerator / denominator, NaN where the denominator is 0 but for rounding: the figure is undefined there."""
    return numerator / denominator if abs(denominator) > 1e-12 else float("nan")


def ratios(numerators: ArrayLike, denominators: ArrayLike) -> Floats:
    """Element by element numerator / denominator, NaN where the denominator is 0."""
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    found = np.full(below.shape, np.nan)
    np.divide(above, below, out=found, where=below != 0)
    return found


def group_means(values: Floats, groups: Ints, num_groups: int) -> Floats:
    """Mean of the values of each group, NaN for an empty one."""
    sums = np.bincount(groups, weights=values, minlength=num_groups)
    return ratios(sums, np.bincount(groups, minlength=num_groups))
