"""Which prompts labelers should get next, and which two of the responses to them: by need, or at random."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from preceptor.prompts.labeled import PREDICTED, use_case_in
from preceptor.records import USE_CASES, Prompt


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt, and how far the members of an ensemble disagree on which is the better one."""

    left: int
    right: int
    """Their places among the responses."""
    disagreement: float
    """Standard deviation over the members of the probability that the left one is preferred: 0 to 0.5."""


def use_case_of(prompt: Prompt) -> str | None:
    """What somebody said it is, else what a classifier predicted."""
    return prompt.use_case or use_case_in(prompt, PREDICTED)


def by_random(pool: Sequence[Prompt], num: int, seed: int) -> list[Prompt]:
    """The control: the first ones in an order that nothing but seed and ids decide."""
    return sorted(pool, key=lambda prompt: hashlib.sha256(f"{seed}\0select\0{prompt.id}".encode()).digest())[:num]


def by_coverage(pool: Sequence[Prompt], labeled: Mapping[str, int], num: int, seed: int) -> list[Prompt]:
    """Prompts that bring the numbers of labeled ones as near to even over the use cases as the pool allows.

    Minimises Σ_u (labeled_u + chosen_u)², which for a given sum is the squared distance from even shares. Each step
    takes a prompt of the use case that has fewest; for a sum of convex functions no other choice does better (Fox 1966,
    "Discrete optimization via marginal analysis"). Even shares, not those of all prompts: the latter are what chance
    gives anyway, and leave a reward model with few labels where use cases are rare. Within a use case hash order
    decides. Prompts whose use case nobody knows come last.
    """
    waiting: dict[str | None, list[Prompt]] = {}
    for prompt in reversed(by_random(pool, len(pool), seed)):
        waiting.setdefault(use_case_of(prompt), []).append(prompt)
    counts, chosen = Counter(labeled), list[Prompt]()
    while len(chosen) < min(num, len(pool)):
        known = [name for name in USE_CASES if waiting.get(name)]
        name = min(known, key=counts.__getitem__) if known else None
        chosen.append(waiting[name].pop())
        if name is not None:
            counts[name] += 1
    return chosen


def by_uncertainty(pool: Sequence[Prompt], disagreement: Mapping[str, float], num: int, seed: int) -> list[Prompt]:
    """Prompts by the disagreement about them, {id: …}, most first; where it is the same, hash order decides."""
    order = by_random(pool, len(pool), seed)
    return sorted(order, key=lambda prompt: -disagreement[prompt.id])[:num]


def most_disputed(scores_MK: np.ndarray) -> Pair:
    """The two of K responses about whose order M reward models disagree most; the first such pair where several do.

    disagreement = std over m of σ(r_m(left) − r_m(right)): the variance over an ensemble of the predicted preference,
    as in Christiano et al. 2017, section 2.2.4 (arXiv 1706.03741).
    """
    pairs = [
        Pair(left, right, _spread(_sigmoid(scores_MK[:, left] - scores_MK[:, right])))
        for left, right in combinations(range(scores_MK.shape[1]), 2)
    ]
    return max(pairs, key=lambda pair: pair.disagreement)


def _sigmoid(margins_M: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(margins_M / 2))


def _spread(values_M: np.ndarray) -> float:
    """std = √(Σ_ab (v_a − v_b)² / 2M²): exactly 0 where all are the same, which a mean's rounding would hide."""
    return float(np.sqrt(np.mean((values_M[:, None] - values_M[None, :]) ** 2) / 2))
