"""Over-optimisation: the proxy reward goes on rising while what it stands for falls (Gao et al. 2023; Goodhart)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OptimizationPoint:
    """A policy at one step of reinforcement learning, on held-out prompts."""

    step: int
    kl: float
    """KL to the reference in nats per response."""
    proxy: float
    """Mean score by the reward model that the policy is trained on."""
    gold: float | None = None
    """Mean utility by the gold judge, where truth is known."""
    heldout: float | None = None
    """Mean score by a reward model that the policy is not trained on."""

    @property
    def sqrt_kl(self) -> float:
        """√KL, the distance on which Gao et al. find reward to be regular; a KL estimated below 0 counts as 0."""
        return math.sqrt(max(0.0, self.kl))


@dataclass(frozen=True)
class Overoptimization:
    """What a training run's points say."""

    since: int | None
    """The step from which on the policy was over-optimised; None when it was not, or cannot be told."""
    message: str
    measured_by: str | None
    """'gold utility' or 'held-out reward': what fell, or did not."""


MIN_POINTS = 4


def detect_overoptimization(
    points: Sequence[OptimizationPoint], *, min_drop: float = 0.1, error: float | None = None
) -> Overoptimization:
    """Whether the truth fell from its peak while the proxy went on rising, in words.

    The truth is gold utility where known, the held-out reward elsewhere. Points are smoothed over three. The fall from
    the smoothed peak to the mean of the last two must exceed `min_drop` of the truth's range plus four standard
    errors, and the proxy's last two must lie above where it stood at that peak. `error` is the standard error of one
    point's truth; when not given it is estimated from second differences. Measured on flat noise, which has no fall:
    2 % of runs of 5 points and 1 % of runs of 10 are blamed.
    """
    ordered = sorted(points, key=lambda point: point.step)
    name, truth = _truth(ordered)
    if truth is None or len(ordered) < MIN_POINTS:
        return Overoptimization(None, "Over-optimisation cannot be judged: too few points with a known truth.", None)
    proxy = np.array([point.proxy for point in ordered])
    smooth = _smoothed(truth)
    peak = int(smooth.argmax())
    fall = float(smooth[peak] - truth[-2:].mean())
    rise = float(proxy[-2:].mean() - _smoothed(proxy)[peak])
    if rise > 0 and fall > _threshold(truth, min_drop, error):
        since = ordered[peak].step
        message = (
            f"Over-optimised since step {since}: the proxy reward rose from {_smoothed(proxy)[peak]:.2f} to "
            f"{proxy[-2:].mean():.2f} while {name} fell from {smooth[peak]:.2f} to {truth[-2:].mean():.2f}."
        )
        return Overoptimization(since, message, name)
    message = (
        f"No over-optimisation seen: {name} went from {truth[0]:.2f} to {truth[-1]:.2f} while the proxy reward went "
        f"from {proxy[0]:.2f} to {proxy[-1]:.2f}."
    )
    return Overoptimization(None, message, name)


def _truth(points: Sequence[OptimizationPoint]) -> tuple[str, NDArray[np.float64] | None]:
    for name, values in [
        ("gold utility", [point.gold for point in points]),
        ("held-out reward", [point.heldout for point in points]),
    ]:
        known = [value for value in values if value is not None]
        if points and len(known) == len(points):
            return name, np.array(known)
    return "", None


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over a point and its neighbours."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3, dtype=np.float64)


def _threshold(truth: NDArray[np.float64], min_drop: float, error: float | None) -> float:
    if error is None:
        # Second differences, so that a steady trend is not taken for noise: var(x₋₁ − 2x₀ + x₁) = 6σ²; their median
        # (0.6745 of a normal's σ), so that the bend at the peak is not, either.
        error = float(np.median(np.abs(np.diff(truth, n=2)))) / (0.6745 * math.sqrt(6))
    return 1e-6 + min_drop * float(np.ptp(truth)) + 4 * error * math.sqrt(1 / 2 + 1 / 3)
