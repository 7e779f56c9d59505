"""Two sides turn about, and what that says: medians, their ratio, and how sure it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preceptor.stats.intervals import Interval

MAX_FOREIGN = 0.08
"""Share of a core that other processes may take while a side works."""
SHORTEST_S = 1.0
"""A turn shorter than this is made of several units of work: clocks and other processes are seen in ticks."""
NUM_RESAMPLES = 2000

Turn = Mapping[str, Any]
"""What a worker says of one turn."""


@dataclass(frozen=True)
class Rounds:
    """Turns of all sides, round by round."""

    kept: Sequence[tuple[Turn, ...]]
    num_dropped: int
    """Rounds in which other processes were at work."""


def take_turns(sides: Sequence[Callable[[int], Turn]], num_rounds: int, *, max_foreign: float = MAX_FOREIGN) -> Rounds:
    """A B A B … after a warm-up, until enough rounds were undisturbed, or twice as many were tried."""
    warm = [side(1) for side in sides]
    units = [max(1, round(SHORTEST_S / turn["seconds"] + 0.5)) if turn["seconds"] < SHORTEST_S else 1 for turn in warm]
    kept: list[tuple[Turn, ...]] = []
    num_dropped = 0
    while len(kept) < num_rounds and len(kept) + num_dropped < 2 * num_rounds:
        turns = tuple(side(num) for side, num in zip(sides, units, strict=True))
        if max(turn["foreign"] for turn in turns) <= max_foreign:
            kept.append(turns)
        else:
            num_dropped += 1
    return Rounds(kept, num_dropped)


def ratio_of_medians(numerators: Sequence[float], denominators: Sequence[float], *, seed: int = 0) -> Interval:
    """Median over median, with the 95 % percentile interval of resampled pairs; NaN bounds for a single pair."""
    pairs = np.stack([np.asarray(numerators, float), np.asarray(denominators, float)])
    medians = np.median(pairs, axis=1)
    value = float(medians[0] / medians[1])
    if pairs.shape[1] < 2:
        return Interval(value, float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(pairs.shape[1], size=(NUM_RESAMPLES, pairs.shape[1]))
    resampled = np.median(pairs[:, drawn], axis=2)
    low, high = np.quantile(resampled[0] / resampled[1], [0.025, 0.975])
    return Interval(value, float(low), float(high))
