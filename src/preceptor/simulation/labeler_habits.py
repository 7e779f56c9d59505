"""What makes one simulated labeler differ from another: taste, care, biases, and how they write.

u_l(x, y) = gap_scale · care_l · (q(x, y) + w_l · features(y)) + Gumbel noise, with q the gold utility in [0, 1].
The taste w_l is drawn around the mean of a cohort. Training labelers come from five cohorts, so that a reward model
trained on four of them has something to lose on the fifth; held-out labelers are a cohort of their own.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from preceptor.simulation.judge import Judgement

Group = Literal["training", "held_out"]

NUM_COHORTS = 5
"""Cohorts of the training pool, as many as the folds of Ouyang et al. 2022, section 4.1."""


TASTES = (
    "instruction", "constraint", "truth", "focus", "manners", "hedging", "refusal", "length", "list", "warmth",
)  # fmt: skip
"""Features that labelers weigh by themselves, beside the gold utility."""

# Mean over all labelers, spread of cohort means, spread of labelers within a cohort; in units of gold utility.
_TASTE_MEANS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.12, 0.08, 0.01)
_COHORT_SPREADS = (0.28, 0.21, 0.28, 0.28, 0.28, 0.14, 0.14, 0.1, 0.1, 0.1)
_LABELER_SPREADS = (0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.03, 0.05, 0.05)

_LIST = re.compile(r"^\s*[-*•]\s|(?:^|\s)\d+[.)]\s.*\s\d+[.)]\s", re.MULTILINE | re.DOTALL)
_WARM = re.compile(r"!|\b(?:please|happy to|glad|of course|hope|thanks?|thank you|welcome)\b", re.IGNORECASE)


def features(text: str, judgement: Judgement) -> tuple[float, ...]:
    """Features of a response in the order of `TASTES`; each is about −1 … 1 and 0 for an ordinary response."""
    return (
        judgement.instruction - 1,
        judgement.constraint - 1,
        judgement.truth - 1,
        judgement.on_topic - 1,
        -float(judgement.is_rude),
        min(judgement.num_hedges, 3) / 2,
        float(judgement.is_refusal),
        max(-1.5, min(1.5, math.log2(max(judgement.num_words, 1) / 16))),
        float(bool(_LIST.search(text))),
        float(bool(_WARM.search(text))),
    )


@dataclass(frozen=True)
class Habits:
    """One labeler's parameters."""

    cohort: int
    """0 … 4 in the training pool, −1 in the held-out pool."""
    gap_scale: float
    """How loud quality is against the noise; calibrated, one for the pool."""
    care: float
    """This labeler's own factor on `gap_scale`."""
    taste: tuple[float, ...]
    """Weights of `TASTES` in units of gold utility."""
    tie_threshold: float
    """Responses closer than this (in units of the noise) are tied."""
    lapse_rate: float
    """Share of tasks answered at random."""
    position_bias: float
    """Bonus (in units of the noise) of the response shown first over the one shown last."""
    likert_offset: float
    """Leniency, in units of gold utility."""
    sensitivity: float
    """Chance to flag what is there."""
    specificity: float
    """Chance to leave alone what is not there."""
    flaw_rate: float
    """Share of this labeler's demonstrations that have a flaw."""
    flaw_weights: tuple[float, ...]
    """How this labeler's flaws are spread, in the order given by the world; sums to 1."""


def draw_habits(seed: int, group: Group, number: int, *, gap_scale: float, num_flaws: int) -> Habits:
    """Parameters of labeler `number` of a pool: a function of its arguments alone."""
    cohort = number % NUM_COHORTS if group == "training" else -1
    own = keyed_generator(seed, group, "labeler", number)
    taste = np.array(_TASTE_MEANS) + np.array(_LABELER_SPREADS) * own.standard_normal(len(TASTES))
    if group == "training":
        taste += _cohort_tastes(seed)[cohort]
    return Habits(
        cohort=cohort,
        gap_scale=gap_scale,
        care=float(np.exp(0.15 * own.standard_normal())),
        taste=tuple(float(weight) for weight in taste),
        tie_threshold=float(own.uniform(0.25, 0.75)),
        lapse_rate=float(own.uniform(0.01, 0.03)),
        position_bias=float(own.normal(0.12, 0.04)),
        likert_offset=float(own.normal(0.0, 0.06)),
        sensitivity=float(own.uniform(0.85, 0.97)),
        specificity=float(own.uniform(0.97, 0.995)),
        flaw_rate=_flaw_rate(seed, group, number),
        flaw_weights=tuple(float(weight) for weight in own.dirichlet(np.full(num_flaws, 2.0))),
    )


def _flaw_rate(seed: int, group: Group, number: int) -> float:
    """Around one half, between 0.2 and 0.8; the labelers of a couple mirror each other, so that a pool is at 0.5."""
    away = float(np.clip(keyed_generator(seed, group, "flaws", number // 2).normal(0.0, 0.15), -0.3, 0.3))
    return 0.5 + away if number % 2 == 0 else 0.5 - away


def _cohort_tastes(seed: int) -> NDArray[np.float64]:
    """What sets each cohort apart, (cohorts, tastes): corners of a regular simplex turned at random.

    The columns sum to 0, so that the pool as a whole is fair, and every cohort of every seed is equally far from it,
    so that the pool can be calibrated.
    """
    corners = np.eye(NUM_COHORTS) - 1 / NUM_COHORTS
    axes, _ = np.linalg.qr(keyed_generator(seed, "cohorts").standard_normal((len(TASTES), NUM_COHORTS)))
    size = np.sqrt(len(TASTES) / (1 - 1 / NUM_COHORTS))
    return np.asarray(size * (corners @ axes.T) * np.array(_COHORT_SPREADS), dtype=np.float64)


def keyed_bits(*key: object) -> int:
    """128 random bits that depend on the key alone, not on what was drawn before."""
    joined = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(joined.encode()).digest()[:16], "big")


def keyed_generator(*key: object) -> np.random.Generator:
    """A generator that depends on the key alone."""
    return np.random.default_rng(keyed_bits(*key))


def keyed_uniform(*key: object) -> float:
    """A number in (0, 1) that depends on the key alone."""
    return ((keyed_bits(*key) >> 76) + 0.5) / 2**52


def keyed_gumbel(*key: object) -> float:
    """A standard Gumbel number (mean 0.577) that depends on the key alone; two of them differ by a logistic one."""
    return -math.log(-math.log(keyed_uniform(*key)))
