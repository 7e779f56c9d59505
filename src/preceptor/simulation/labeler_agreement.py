"""How often the labelers of a pool agree, and the loudness of quality that makes them agree as often as wanted.

Ouyang et al. 2022, section 3.4: training labelers agree with each other 72.6 ± 1.5 % of the time, held-out labelers
77.3 ± 1.3 %. Agreement hangs on the responses as much as on the labelers (near-equal responses are coin tosses), so the
scale is set on the responses that are to be ranked.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from preceptor.records import Prompt, Response
from preceptor.simulation.labeler_habits import Group
from preceptor.simulation.labelers import SimulatedLabeler, tied_ranks
from preceptor.stats import Agreement, pairwise_agreement, ranking_table

Floats = NDArray[np.float64]

TARGET_AGREEMENT: Mapping[Group, float] = {"training": 0.726, "held_out": 0.773}
"""Pairwise agreement, taken with ties excluded, to which each pool is calibrated."""


def measure_agreement(
    pool: Sequence[SimulatedLabeler], candidates: Sequence[tuple[Prompt, Sequence[str]]]
) -> Agreement:
    """Let every labeler rank the different responses to every prompt, and compare the labelers two by two."""
    items = []
    for number, (prompt, texts) in enumerate(candidates):
        responses = [Response(id=str(place), text=text) for place, text in enumerate(dict.fromkeys(texts))]
        items.append({one.labeler.id: one.rank(f"agreement-{number}", prompt, responses).ranks() for one in pool})
    return pairwise_agreement(ranking_table(items))


def calibrate(
    pool: Sequence[SimulatedLabeler], candidates: Sequence[tuple[Prompt, Sequence[str]]], target: float
) -> list[SimulatedLabeler]:
    """The same labelers with the one gap scale at which they agree on these responses as often as the target says.

    Found by bisection over the scale; the noise is the same at each step, so the result is a function of the
    arguments. Where even the loudest quality leaves the labelers below the target (responses that are all alike, or
    that differ in taste only), the scale of the highest agreement found is taken: measure again to see.

    Raises:
        ValueError: fewer than two labelers, or no prompt with two different responses.
    """
    tasks = [(prompt, list(dict.fromkeys(texts))) for prompt, texts in candidates]
    tasks = [(prompt, texts) for prompt, texts in tasks if len(texts) > 1]
    if len(pool) < 2 or not tasks:
        raise ValueError("two labelers and one prompt with two different responses are needed to calibrate on")
    views = _views(pool, tasks)
    care = np.array([labeler.habits.care for labeler in pool])
    thresholds = np.array([labeler.habits.tie_threshold for labeler in pool])

    def agreement(scale: float) -> float:
        return _agreement(views, scale * care, thresholds)

    quiet, loud = 0.02, 50.0
    tried = {scale: agreement(scale) for scale in np.geomspace(quiet, loud, 24).tolist()}
    enough = [scale for scale, found in tried.items() if found >= target]
    if not enough:
        best = max(tried, key=lambda scale: tried[scale])
        return [labeler.with_gap_scale(best) for labeler in pool]
    loud = min(enough)
    quiet = max((scale for scale in tried if scale < loud), default=quiet)
    for _ in range(30):
        middle = float(np.sqrt(quiet * loud))
        quiet, loud = (quiet, middle) if agreement(middle) >= target else (middle, loud)
    return [labeler.with_gap_scale(float(f"{loud:.6g}")) for labeler in pool]


def _views(pool: Sequence[SimulatedLabeler], tasks: Sequence[tuple[Prompt, list[str]]]) -> list[tuple[Floats, Floats]]:
    """Appeal and noise of every response to every labeler, as (P, labelers, K) arrays, one for each K."""
    by_size: dict[int, list[list[tuple[Floats, Floats]]]] = defaultdict(list)
    for number, (prompt, texts) in enumerate(tasks):
        by_size[len(texts)].append([labeler.view(f"calibration-{number}", prompt, texts) for labeler in pool])
    stacked = [np.array(views) for views in by_size.values()]
    return [(views[:, :, 0], views[:, :, 1]) for views in stacked]


def _agreement(views: Sequence[tuple[Floats, Floats]], scales: Floats, thresholds: Floats) -> float:
    """Share of agreeing couples of labelers over pairs of responses that neither tied."""
    agreeing = untied = 0.0
    for appeal, noise in views:
        num_prompts, num_labelers, num_responses = appeal.shape
        utilities = scales[None, :, None] * appeal + noise
        ranks = tied_ranks(utilities.reshape(-1, num_responses), np.tile(thresholds, num_prompts))
        ranks = ranks.reshape(num_prompts, num_labelers, num_responses)
        i, j = np.triu_indices(num_responses, k=1)
        for_first = (ranks[:, :, i] < ranks[:, :, j]).sum(axis=1)
        for_second = (ranks[:, :, i] > ranks[:, :, j]).sum(axis=1)
        agreeing += float((_couples(for_first) + _couples(for_second)).sum())
        untied += float(_couples(for_first + for_second).sum())
    return agreeing / untied if untied else 0.0


def _couples(counts: NDArray[np.int64]) -> Floats:
    return np.asarray(counts * (counts - 1) / 2, dtype=np.float64)
