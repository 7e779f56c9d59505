"""Intervals against closed forms, statsmodels, and what each is for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from preceptor.stats import Interval, cluster_bootstrap, mean_interval, wilson_interval


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_statsmodels(counts: tuple[int, int]) -> None:
    successes, trials = counts
    interval = wilson_interval(successes, trials)
    low, high = proportion_confint(successes, trials, method="wilson")
    np.testing.assert_allclose([interval.low, interval.high], np.clip([low, high], 0, 1), atol=1e-9)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_wilson_example_of_newcombe_1998() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    for successes, trials, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]:
        interval = wilson_interval(successes, trials)
        np.testing.assert_allclose([interval.low, interval.high], [low, high], atol=5e-5)


def test_wilson_counts_ties_as_halves_and_refuses_nonsense() -> None:
    assert wilson_interval(1.5, 3).value == 0.5
    for successes, trials in [(1, 0), (-1, 3), (4, 3)]:
        with pytest.raises(ValueError, match="successes"):
            wilson_interval(successes, trials)


def test_mean_interval_is_students_t() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=17)
    interval = mean_interval(values, confidence=0.9)
    np.testing.assert_allclose([interval.low, interval.high], DescrStatsW(values).tconfint_mean(alpha=0.1), atol=1e-10)
    assert interval.value == pytest.approx(values.mean())


def test_one_value_has_no_interval() -> None:
    interval = mean_interval([4.0])
    assert interval.value == 4.0
    assert np.isnan(interval.low)
    assert not interval.is_above(0)
    assert not interval.is_below(9)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0, 2.0]]])
def test_no_interval_of_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_interval(values)
    with pytest.raises(ValueError, match="finite"):
        cluster_bootstrap(values, seed=0)


def test_bootstrap_of_single_values_has_the_standard_error_of_the_mean() -> None:
    values = np.random.default_rng(1).normal(size=400)
    interval = cluster_bootstrap(values, seed=2, num_resamples=8000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.03)
    assert interval.value == pytest.approx(values.mean(), abs=1e-12)


def test_copies_within_a_cluster_add_no_certainty() -> None:
    values = np.random.default_rng(3).normal(size=50)
    once = cluster_bootstrap(values, list(range(50)), seed=4)
    tenfold = cluster_bootstrap(np.repeat(values, 10), [i for i in range(50) for _ in range(10)], seed=4)
    np.testing.assert_allclose([tenfold.low, tenfold.high], [once.low, once.high], atol=1e-12)
    careless = cluster_bootstrap(np.repeat(values, 10), seed=4)
    assert careless.high - careless.low < 0.5 * (once.high - once.low)


def test_two_way_bootstrap_adds_the_variance_of_prompts_and_labelers() -> None:
    generator = np.random.default_rng(5)
    prompts, labelers = generator.normal(size=60), generator.normal(size=12)
    values = (prompts[:, None] + labelers[None, :]).ravel()
    prompt_ids = [f"p{i}" for i in range(60) for _ in range(12)]
    labeler_ids = [f"l{j}" for _ in range(60) for j in range(12)]
    both = cluster_bootstrap(values, prompt_ids, labeler_ids, seed=6, num_resamples=20000)
    # For an additive table the resampled mean is the sum of two independent means.
    half = 1.96 * np.sqrt(prompts.var() / 60 + labelers.var() / 12)
    assert (both.high - both.low) / 2 == pytest.approx(half, rel=0.03)
    by_prompt = cluster_bootstrap(values, prompt_ids, seed=6)
    assert (by_prompt.high - by_prompt.low) / 2 == pytest.approx(1.96 * prompts.std() / np.sqrt(60), rel=0.06)


def test_cluster_bootstrap_covers_where_the_careless_one_does_not() -> None:
    generator = np.random.default_rng(7)
    clusters = [i for i in range(40) for _ in range(8)]
    hits = careless_hits = 0
    for seed in range(200):
        values = np.repeat(generator.normal(size=40), 8) + 0.5 * generator.normal(size=320)
        interval = cluster_bootstrap(values, clusters, seed=seed, num_resamples=200)
        careless = cluster_bootstrap(values, seed=seed, num_resamples=200)
        hits += interval.low < 0 < interval.high
        careless_hits += careless.low < 0 < careless.high
    assert hits >= 176
    assert careless_hits <= 150


def test_same_seed_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(8).normal(size=30)
    assert cluster_bootstrap(values, seed=1) == cluster_bootstrap(values, seed=1)
    assert cluster_bootstrap(values, seed=1) != cluster_bootstrap(values, seed=2)


def test_cluster_lists_must_fit() -> None:
    with pytest.raises(ValueError, match="3 values"):
        cluster_bootstrap([1.0, 2.0, 3.0], ["a", "b"], seed=0)


def test_resamples_without_any_value_are_drawn_again() -> None:
    # A sparse table: one resample in a few misses every cell.
    interval = cluster_bootstrap([0.0, 1.0], ["p", "q"], ["a", "b"], seed=0)
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_above_and_below_are_strict() -> None:
    interval = Interval(0.6, 0.5, 0.7)
    assert interval.is_above(0.49)
    assert not interval.is_above(0.5)
    assert interval.is_below(0.71)
    assert not interval.is_below(0.7)


def test_a_single_cluster_tells_nothing_of_the_spread() -> None:
    interval = cluster_bootstrap([1.0, 0.0, 1.0], ["joke"] * 3, ["l1"] * 3, seed=0)
    assert interval.value == pytest.approx(2 / 3)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert not interval.is_above(0.0)
    by_labeler = cluster_bootstrap([1.0, 0.0, 1.0], ["joke"] * 3, ["l1", "l2", "l3"], seed=0)
    assert by_labeler.low < by_labeler.high
