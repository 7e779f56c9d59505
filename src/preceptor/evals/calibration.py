"""Whether a reward model knows how sure it may be: accuracy against the margin between two scores."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from preceptor.stats import CalibrationBin, wilson_interval
from preceptor.stats.bradley_terry import verdicts


def calibration_by_margin(
    margins: ArrayLike, *, bin_width: float = 0.5, max_margin: float = 4.0
) -> tuple[CalibrationBin, ...]:
    """Observed and expected accuracy in bins of |margin|, empty ones left out; the last takes all from `max_margin` on.

    A calibrated Bradley–Terry model is right with probability σ(|margin|), which is averaged over each bin. The
    observed share has its Wilson interval, which takes pairs for independent.

    Raises:
        ValueError: no margins, or one that is not finite.
    """
    all_margins = np.asarray(margins, dtype=np.float64)
    if all_margins.size == 0 or not np.isfinite(all_margins).all():
        raise ValueError("one or more finite margins are needed")
    edges = np.append(np.arange(0, max_margin + bin_width / 2, bin_width), np.inf)
    sizes = np.abs(all_margins)
    bins = []
    for low, high in pairwise(edges.tolist()):
        inside = all_margins[(sizes >= low) & (sizes < high)]
        if inside.size:
            right = float(verdicts(inside).sum())
            expected = float(special.expit(np.abs(inside)).mean())
            top = high if np.isfinite(high) else float(np.abs(inside).max())
            bins.append(CalibrationBin(low, top, inside.size, expected, wilson_interval(right, inside.size)))
    return tuple(bins)


def in_words(bins: Sequence[CalibrationBin]) -> str:
    """One sentence: whether the margins can be read as probabilities."""
    weights = [bin_.num_pairs for bin_ in bins]
    gap = float(np.average([bin_.observed.value - bin_.expected for bin_ in bins], weights=weights))
    if abs(gap) < 0.03:
        return "The margins can be read as probabilities: observed and expected accuracy differ by less than 3 points."
    word = "less" if gap < 0 else "more"
    return f"The reward model is right {abs(gap):.0%} {word} often than its margins claim."
