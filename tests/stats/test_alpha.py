"""Krippendorff's α against his example, the package of that name, and for rankings the definition written out."""

from itertools import permutations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preceptor.stats import (
    LabelTable,
    Measure,
    RankMap,
    krippendorff_alpha,
    pairwise_agreement,
    ranking_alpha,
    ranking_table,
)
from preceptor.stats.alpha import Level
from tests.stats.judgements import ABSTRACTORS, KRIPPENDORFF, from_contingency, from_rows, noisy, tables
from tests.stats.test_ranking_table import kendall_distance, one_item

rankings_of_three = st.lists(
    st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=3), min_size=2, max_size=4
)


def value(measure: Measure) -> float:
    assert measure.value is not None
    return measure.value


def test_example_of_krippendorff_2011() -> None:
    table = from_rows(KRIPPENDORFF, scale=range(1, 6))
    # He prints .743 and .815; Gwet's R package irrCAC .74342 for the first.
    assert value(krippendorff_alpha(table, "nominal", seed=0)) == pytest.approx(0.74342, abs=5e-6)
    assert value(krippendorff_alpha(table, "ordinal", seed=0)) == pytest.approx(0.815, abs=5e-4)
    abstractors = krippendorff_alpha(from_contingency(ABSTRACTORS), "nominal", seed=0)
    assert value(abstractors) == pytest.approx(0.7972585, abs=1e-7)


@settings(deadline=None)
@given(tables, st.sampled_from(["nominal", "ordinal"]))
def test_alpha_is_that_of_krippendorff(table: LabelTable, level: Level) -> None:
    found = krippendorff_alpha(table, level, seed=0, num_resamples=5)
    counts = table.counts()
    if ((counts[counts.sum(axis=1) > 1]).sum(axis=0) > 0).sum() < 2:
        assert found.value is None
        return
    reference = krippendorff.alpha(
        value_counts=counts.astype(int), value_domain=list(table.scale), level_of_measurement=level
    )
    assert value(found) == pytest.approx(float(reference), abs=1e-9)


def test_perfect_independent_and_opposed_labelers() -> None:
    perfect = noisy(0, num_items=300, num_labelers=5, overlap=3, accuracy=1, scale=4)
    alone = noisy(1, num_items=4000, num_labelers=5, overlap=3, accuracy=0, scale=4)
    for level in ("nominal", "ordinal"):
        found = krippendorff_alpha(perfect, level, seed=0)
        assert (found.value, found.reason) == (pytest.approx(1), "nothing varies from item to item")
        assert value(krippendorff_alpha(alone, level, seed=0)) == pytest.approx(0, abs=0.03)
        opposed = krippendorff_alpha(from_rows([[0, 1] * 50, [1, 0] * 50], scale=(0, 1)), level, seed=0)
        # 200 labels, half of each value: D_o = 1, D_e = 2·100·100 / (200·199).
        assert value(opposed) == pytest.approx(1 - 199 / 100, abs=1e-12)


def test_ordinal_forgives_neighbours_and_nominal_does_not() -> None:
    near = from_rows([[1, 2, 3, 4, 5, 6] * 20, [2, 3, 4, 5, 6, 7] * 20], scale=range(1, 8))
    assert value(krippendorff_alpha(near, "ordinal", seed=0)) > 0.8
    assert value(krippendorff_alpha(near, "nominal", seed=0)) < 0


def test_reasons() -> None:
    for level in ("nominal", "ordinal"):
        assert krippendorff_alpha(from_rows([[]], scale=(0, 1)), level, seed=0).reason == "nothing was labeled"
        single = from_rows([[0, 1]], scale=(0, 1))
        assert krippendorff_alpha(single, level, seed=0).reason == "no item has two labels"
        unanimous = from_rows([[1, 1], [1, 1]], scale=(0, 1))
        assert krippendorff_alpha(unanimous, level, seed=0) == Measure(reason="all labelers gave the same value")


def alpha_written_out(items: list[list[list[int]]]) -> float | None:
    """1 − D_o/D_e, with D_e as the mean distance over all couples of rankings and all ways to match their responses."""
    pool = [(ranks, 1 / (len(item) - 1), item) for item in items if len(item) > 1 for ranks in item]
    observed = sum(
        kendall_distance(one, other) * mass
        for one, mass, item in pool
        for place, other in enumerate(item)
        if other is not one or place != [id(each) for each in item].index(id(one))
    ) / max(1, len(pool))
    by_lot = [
        np.mean([kendall_distance(one, [other[k] for k in order]) for order in permutations(range(len(other)))])
        for a, (one, _, _) in enumerate(pool)
        for b, (other, _, _) in enumerate(pool)
        if a != b
    ]
    return 1 - observed / float(np.mean(by_lot)) if by_lot and np.mean(by_lot) > 0 else None


@settings(deadline=None)
@given(rankings_of_three)
def test_ranking_alpha_is_its_definition(items: list[list[list[int]]]) -> None:
    items = [[list(ranks) for ranks in item] for item in items]  # so that equal rankings are different objects
    found = ranking_alpha(ranking_table([one_item(item) for item in items]), seed=0, num_resamples=5)
    expected = alpha_written_out(items)
    assert (found.value is None) == (expected is None)
    assert expected is None or value(found) == pytest.approx(expected, abs=1e-9)


def test_ranking_alpha_of_untied_rankings_is_the_mean_of_kendalls_tau() -> None:
    generator = np.random.default_rng(0)
    items: list[dict[str, RankMap]] = [
        one_item([np.argsort(truth + generator.normal(size=5)).tolist() for _ in range(3)])
        for truth in generator.normal(size=(200, 5))
    ]
    table = ranking_table(items)
    tau = pairwise_agreement(table).kendall_tau_b
    assert value(ranking_alpha(table, seed=0)) == pytest.approx(tau, abs=1e-12)


def test_ranking_alpha_of_perfect_reversed_random_and_tying_labelers() -> None:
    generator = np.random.default_rng(1)
    order = [0, 1, 2, 3]
    perfect = ranking_alpha(ranking_table([one_item([order, order])] * 30), seed=0)
    assert (perfect.value, perfect.reason) == (1, "nothing varies from item to item")
    assert value(ranking_alpha(ranking_table([one_item([order, order[::-1]])] * 30), seed=0)) == -1
    by_lot = [one_item(generator.integers(0, 3, size=(3, 6)).tolist()) for _ in range(2000)]
    found = ranking_alpha(ranking_table(by_lot), seed=0)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert value(found) == pytest.approx(0, abs=0.02)
    tied = ranking_alpha(ranking_table([one_item([[0, 0], [1, 1]])]), seed=0)
    assert tied == Measure(reason="all labelers tied all responses")
    assert ranking_alpha(ranking_table([]), seed=0).reason == "nothing was labeled"
    assert ranking_alpha(ranking_table([one_item([order])]), seed=0).reason == "no item has two labels"


def test_tying_all_gains_nothing() -> None:
    # Against a labeler who orders, ties everywhere are as far as an order by lot.
    generator = np.random.default_rng(2)
    items = [one_item([generator.permutation(5).tolist(), [0] * 5]) for _ in range(400)]
    assert value(ranking_alpha(ranking_table(items), seed=0)) < 0


def test_ranking_interval_covers() -> None:
    def sample(seed: int, num_items: int) -> Measure:
        generator = np.random.default_rng(seed)
        items = []
        for truth in generator.normal(size=(num_items, 4)):
            labelers = generator.choice(12, size=3, replace=False).tolist()
            orders = np.argsort(truth + generator.normal(size=(3, 4)), axis=1).tolist()
            items.append(
                {f"l{one}": dict(zip("abcd", ranks, strict=True)) for one, ranks in zip(labelers, orders, strict=True)}
            )
        return ranking_alpha(ranking_table(items), seed=seed, num_resamples=300)

    truth = value(sample(999, 6000))
    hits = 0
    for seed in range(100):
        found = sample(seed, 60)
        assert found.low is not None
        assert found.high is not None
        hits += found.low < truth < found.high
    assert 87 <= hits <= 99
