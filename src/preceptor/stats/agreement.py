"""How far labelers agree on rankings: pair by pair, under three conventions for ties.

The InstructGPT paper does not say how ties enter its 72.6 % and 77.3 %, so all three figures are computed and none
goes without its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from preceptor.stats.intervals import Floats, Interval, weighted_bootstrap

RankMap = Mapping[str, int]
"""Response id → rank; smaller is better, equal is tied."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of labelers who ranked the same responses; a figure is None where nothing could be compared."""

    ties_excluded: float | None
    """agree / (agree + disagree) over pairs of responses that neither labeler tied."""
    tie_as_class: float | None
    """Share of all pairs of responses put in the same one of {first better, second better, tie}."""
    kendall_tau_b: float | None
    """Mean over pairs of labelers of Kendall's τ-b (ties corrected for), where it is defined."""
    num_untied_pairs: int
    """Comparisons behind `ties_excluded`."""
    num_pairs: int
    """Comparisons behind `tie_as_class`."""
    num_labeler_pairs: int
    """Comparisons behind `kendall_tau_b`."""


def pairwise_agreement(items: Sequence[Sequence[RankMap]]) -> Agreement:
    """Agreement over items, each a list of the rank maps that different labelers gave to the same responses.

    Labelers are compared two by two on the responses that both ranked. The first two figures pool the comparisons;
    τ-b averages over pairs of labelers:

        τ_b = (C − D) / √((P − T₁)(P − T₂))

    with C concordant, D discordant, P all pairs, T₁ and T₂ the pairs tied by either labeler (Kendall 1945).
    """
    concordant = untied = same = pairs = 0.0
    taus: list[float] = []
    for rank_maps in items:
        for signs_a, signs_b in _compared(rank_maps):
            agreeing = signs_a * signs_b
            concordant += float((agreeing > 0).sum())
            untied += float(np.abs(agreeing).sum())
            same += float((signs_a == signs_b).sum())
            pairs += len(signs_a)
            tau = _tau_b(signs_a, signs_b)
            if tau is not None:
                taus.append(tau)
    return Agreement(
        ties_excluded=concordant / untied if untied else None,
        tie_as_class=same / pairs if pairs else None,
        kendall_tau_b=float(np.mean(taus)) if taus else None,
        num_untied_pairs=int(untied),
        num_pairs=int(pairs),
        num_labeler_pairs=len(taus),
    )


def agreement_interval(
    items: Sequence[Mapping[str, RankMap]],
    *,
    seed: int,
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """Agreement with ties excluded, and its bootstrap interval clustered by item (prompt) and labeler.

    Each item maps a labeler's id to that labeler's rank map. A comparison hangs on one prompt and two labelers and
    weighs the product of the three counts in the resample.

    Raises:
        ValueError: no pair of responses was ranked without a tie by two labelers.
    """
    labelers: dict[str, int] = {}
    agree: list[float] = []
    item_codes: list[int] = []
    labeler_codes: list[tuple[int, int]] = []
    for number, item in enumerate(items):
        ids = [labelers.setdefault(labeler, len(labelers)) for labeler in item]
        couples = [(a, b) for i, a in enumerate(ids) for b in ids[i + 1 :]]
        for couple, (signs_a, signs_b) in zip(couples, _compared(list(item.values())), strict=True):
            product = signs_a * signs_b
            verdicts = (product[product != 0] > 0).astype(np.float64).tolist()
            agree.extend(verdicts)
            item_codes.extend([number] * len(verdicts))
            labeler_codes.extend([couple] * len(verdicts))
    if not agree:
        raise ValueError("no pair of responses was ranked without a tie by two labelers")
    factors = [
        np.unique(np.array(item_codes), return_inverse=True)[1].astype(np.int64).reshape(-1, 1),
        np.unique(np.array(labeler_codes), return_inverse=True)[1].astype(np.int64).reshape(-1, 2),
    ]
    return weighted_bootstrap(np.array(agree), factors, seed=seed, num_resamples=num_resamples, confidence=confidence)


def kendall_tau_b(first: RankMap, second: RankMap) -> float | None:
    """Kendall's τ-b of two rank maps on the responses that both hold; None where one of them ties all."""
    return _tau_b(*_compared([first, second])[0])


def _compared(rank_maps: Sequence[RankMap]) -> list[tuple[Floats, Floats]]:
    """For each two labelers the signs (−1, 0, 1) of every pair of responses that both ranked, in the same order."""
    names = list(rank_maps[0]) if rank_maps else []
    if all(len(ranks) == len(names) and all(name in ranks for name in names) for ranks in rank_maps):
        signs = [_signs(ranks, names) for ranks in rank_maps]
        return [(a, b) for i, a in enumerate(signs) for b in signs[i + 1 :]]
    compared = []
    for i, first in enumerate(rank_maps):
        for second in rank_maps[i + 1 :]:
            shared = [name for name in first if name in second]
            compared.append((_signs(first, shared), _signs(second, shared)))
    return compared


def _signs(ranks: RankMap, names: Sequence[str]) -> Floats:
    order = np.array([ranks[name] for name in names], dtype=np.float64)
    i, j = np.triu_indices(len(names), k=1)
    return np.asarray(np.sign(order[i] - order[j]), dtype=np.float64)


def _tau_b(signs_a: Floats, signs_b: Floats) -> float | None:
    scale = float(np.sqrt(np.abs(signs_a).sum() * np.abs(signs_b).sum()))
    return float(signs_a @ signs_b) / scale if scale else None
