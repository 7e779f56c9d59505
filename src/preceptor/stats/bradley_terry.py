"""Bradley–Terry: strengths from pairs, on items or on features; calibration; the ceiling that labelers' noise sets.

P(i chosen over j) = σ(s_i − s_j)   (Bradley and Terry 1952)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, sparse, special

from preceptor.stats.intervals import Floats, Interval, wilson_interval


def fit_bradley_terry(
    chosen: ArrayLike, rejected: ArrayLike, *, num_items: int, l2: float = 0.0, weights: ArrayLike | None = None
) -> Floats:
    """Strength of each item (mean 0) from pairs of item indices, by Newton's method.

    Maximises Σ w·log σ(s_chosen − s_rejected) − l2/2·‖s‖².

    Raises:
        ValueError: l2 is 0 and some group of items never loses to the rest, so that the maximum is at infinity
            (Ford 1957), or an index is out of range.
    """
    winners, losers = np.asarray(chosen, dtype=np.int64), np.asarray(rejected, dtype=np.int64)
    both = np.concatenate([winners, losers])
    in_range = both.size == 0 or bool(both.min() >= 0 and both.max() < num_items)
    if winners.shape != losers.shape or winners.ndim != 1 or not in_range:
        raise ValueError(f"pairs must be two lists of equal length with indices below {num_items}")
    pair_weights = np.ones(len(winners)) if weights is None else np.asarray(weights, dtype=np.float64)
    wins = np.zeros((num_items, num_items))
    np.add.at(wins, (winners, losers), pair_weights)
    if l2 == 0 and num_items > 1:
        components, _ = sparse.csgraph.connected_components(wins > 0, directed=True, connection="strong")
        if components > 1:
            raise ValueError("some items never lose to the others, so no finite strengths fit: pass l2 > 0")
    strengths = np.zeros(num_items)
    value = _item_loss(strengths, wins, l2)
    for _ in range(200):
        gradient, curvature = _item_derivatives(strengths, wins, l2)
        # Adding a constant to all strengths changes no probability; the extra term pins their mean.
        step = np.linalg.solve(curvature + 1 / num_items, -gradient)
        while _item_loss(strengths + step, wins, l2) > value + 1e-12 * abs(value) and np.abs(step).max() > 1e-12:
            step = step / 2
        strengths = strengths + step
        value = _item_loss(strengths, wins, l2)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(strengths - strengths.mean(), dtype=np.float64)


def _item_loss(strengths: Floats, wins: Floats, l2: float) -> float:
    gaps = strengths[:, None] - strengths[None, :]
    return float(-(wins * special.log_expit(gaps)).sum() + l2 / 2 * strengths @ strengths)


def _item_derivatives(strengths: Floats, wins: Floats, l2: float) -> tuple[Floats, Floats]:
    probability = special.expit(strengths[:, None] - strengths[None, :])
    missed = wins * (1 - probability)
    gradient = missed.sum(axis=0) - missed.sum(axis=1) + l2 * strengths
    spread = (wins + wins.T) * probability * (1 - probability)
    curvature = np.diag(spread.sum(axis=1) + l2) - spread
    return gradient, curvature


def fit_logistic(
    differences: ArrayLike | sparse.spmatrix | sparse.sparray, *, l2: float, weights: ArrayLike | None = None
) -> Floats:
    """Weights w of a Bradley–Terry model on features: P(chosen over rejected) = σ(w·d), d = x_chosen − x_rejected.

    Minimises −Σ v·log σ(w·d) + l2/2·‖w‖² over rows d of `differences`, an (n, D) array, dense or sparse. There is no
    intercept: swapping the two responses must negate the margin.

    Raises:
        ValueError: no rows, or l2 is not positive (separable pairs would send w to infinity).
    """
    rows = sparse.csr_array(differences) if sparse.issparse(differences) else np.asarray(differences, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[0] == 0:
        raise ValueError("an (n, D) array with one or more rows is needed")
    if not l2 > 0:
        raise ValueError("l2 must be positive")
    row_weights = np.ones(rows.shape[0]) if weights is None else np.asarray(weights, dtype=np.float64)
    row_weights = row_weights / row_weights.sum()
    penalty = l2 / (rows.shape[0] if weights is None else float(np.asarray(weights, dtype=np.float64).sum()))

    def loss(w: Floats) -> tuple[float, Floats]:
        margins = np.asarray(rows @ w)
        value = -row_weights @ special.log_expit(margins) + penalty / 2 * w @ w
        gradient = -np.asarray(rows.T @ (row_weights * special.expit(-margins))) + penalty * w
        return float(value), gradient

    found = optimize.minimize(
        loss,
        np.zeros(rows.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-10},
    )
    return np.asarray(found.x, dtype=np.float64)


def accuracy(margins: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Share of pairs whose margin (score of chosen − score of rejected) is positive; 0 counts one half.

    Raises:
        ValueError: no margins.
    """
    right = verdicts(margins)
    if right.size == 0:
        raise ValueError("no pairs")
    return float(np.average(right, weights=None if weights is None else np.asarray(weights, dtype=np.float64)))


def verdicts(margins: ArrayLike) -> Floats:
    """Per pair 1 for a right verdict (margin > 0), 0 for a wrong one, ½ for a margin of 0: ready for a bootstrap."""
    signs = np.sign(np.asarray(margins, dtype=np.float64))
    return np.asarray((signs + 1) / 2, dtype=np.float64)


@dataclass(frozen=True)
class CalibrationBin:
    """Pairs whose |margin| lies in [low, high]: how sure the model was, and how often it was right."""

    low: float
    high: float
    num_pairs: int
    expected: float
    """Mean of σ(|margin|)."""
    observed: Interval
    """Share of right verdicts, with its Wilson interval."""


def calibration(margins: ArrayLike, *, num_bins: int = 10, confidence: float = 0.95) -> tuple[CalibrationBin, ...]:
    """Expected against observed accuracy, over bins of |margin| that hold about equal numbers of pairs.

    A calibrated Bradley–Terry model is right with probability σ(|margin|). Askell et al. 2021, figure 22, and
    Ouyang et al. 2022 draw this curve.

    Raises:
        ValueError: no margins, or one that is not finite.
    """
    all_margins = np.asarray(margins, dtype=np.float64)
    if all_margins.size == 0 or not np.isfinite(all_margins).all():
        raise ValueError("one or more finite margins are needed")
    order = np.argsort(np.abs(all_margins), kind="stable")
    bins = []
    for part in np.array_split(all_margins[order], min(num_bins, all_margins.size)):
        sizes = np.abs(part)
        observed = wilson_interval(float(verdicts(part).sum()), len(part), confidence=confidence)
        expected = float(special.expit(sizes).mean())
        bins.append(CalibrationBin(float(sizes.min()), float(sizes.max()), len(part), expected, observed))
    return tuple(bins)


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Mean of |expected − observed| over bins, weighted by their pairs (expected calibration error).

    Raises:
        ValueError: no bins.
    """
    if not bins:
        raise ValueError("no bins")
    gaps = [abs(bin_.expected - bin_.observed.value) for bin_ in bins]
    return float(np.average(gaps, weights=[bin_.num_pairs for bin_ in bins]))


def ceiling_from_agreement(agreement: float) -> float:
    """Best accuracy that any model can reach against labels whose makers agree with each other this often.

        ceiling = (1 + √(2a − 1)) / 2

    If each of two labelers independently names the truly better response with probability c, they agree when both are
    right or both wrong: a = c² + (1 − c)². Solved for c ≥ ½ this is the formula, and a model that always names the
    truly better one is right with probability c. Where c varies from pair to pair, a = ½ + ½·E[(2c − 1)²] and the
    ceiling is ½ + ½·E|2c − 1| ≤ ½ + ½·√E[(2c − 1)²]: then the formula is an upper bound. At a ≤ ½ the labelers share
    nothing that could be predicted: ½.

    Raises:
        ValueError: the agreement is no share.
    """
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement is a share between 0 and 1, not {agreement}")
    return 0.5 + 0.5 * float(np.sqrt(max(0.0, 2 * agreement - 1)))
