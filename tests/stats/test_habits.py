"""Preferences, drift and pace of a labeler, against scipy, statsmodels and planted habits."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from preceptor.stats import by_labeler, drift, length_preference, pace, position_preference, ranking_table

DAY = 86_400.0


def test_preferences_by_hand() -> None:
    # Shown A B C: A and B tied, C best: both untied pairs went to the later one.
    np.testing.assert_allclose(position_preference([[1, 1, 0], [0, 1], [0, 0], [0, 2, 1]]), [0, 1, np.nan, 2 / 3])
    # Lengths 10 10 30: the pair of equal length tells nothing; the longest is best in one pair, worst in the other.
    np.testing.assert_allclose(length_preference([[1, 2, 1.5], [0, 1]], [[10, 10, 30], [5, 5]]), [1 / 2, np.nan])
    with pytest.raises(ValueError, match="one length"):
        length_preference([[0, 1]], [[1, 2, 3]])


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), max_size=6))
def test_the_other_way_round_is_the_other_preference(ranks: list[list[int]]) -> None:
    forward, backward = position_preference(ranks), position_preference([row[::-1] for row in ranks])
    np.testing.assert_allclose(forward, 1 - backward)
    lengths = [list(range(len(row))) for row in ranks]
    np.testing.assert_allclose(length_preference(ranks, lengths), backward)


def test_who_prefers_the_first_is_found_and_who_does_not_is_not() -> None:
    generator = np.random.default_rng(0)
    utilities = generator.normal(size=(600, 4))
    swayed = np.arange(600) % 2 == 0
    utilities[swayed] -= 0.5 * np.arange(4)
    ranks = (-utilities).argsort(axis=1).argsort(axis=1).tolist()
    names = [f"r{i}" for i in range(4)]
    table = ranking_table(
        [{["swayed", "fair"][row % 2]: dict(zip(names, order, strict=True))} for row, order in enumerate(ranks)]
    )
    found = by_labeler(table, position_preference(ranks))
    fair, first = found["fair"].interval(), found["swayed"].interval()
    assert fair is not None
    assert first is not None
    assert fair.low < 0.5 < fair.high
    assert first.is_above(0.55)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(5, 40))
def test_slope_is_that_of_statsmodels(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    seconds, shares = 1.7e9 + generator.random(size) * 20 * DAY, generator.integers(0, 4, size) / 3
    if np.ptp(shares) == 0:
        return
    found = drift(seconds, shares, window=7 * DAY).slope
    days = (seconds - seconds.mean()) / DAY
    fitted = sm.OLS(shares, sm.add_constant(days)).fit(cov_type="HC3", use_t=True)
    low, high = fitted.conf_int()[1]
    assert (found.value, found.low, found.high) == pytest.approx((fitted.params[1], low, high), rel=1e-6, abs=1e-9)


def test_windows_count_what_is_in_them() -> None:
    found = drift([10, 20, 130, 140, 150], [1, 0, 1, np.nan, 1], window=100)
    assert [(w.start, w.num_labels, w.agreement.value) for w in found.windows] == [(0, 2, 0.5), (100, 2, 1)]


def test_a_labeler_who_tires_is_found_and_one_who_does_not_is_not() -> None:
    generator = np.random.default_rng(1)
    seconds = np.sort(generator.random(800)) * 30 * DAY
    chance = 0.9 - 0.012 * seconds / DAY
    tiring = drift(seconds, generator.random(800) < chance, window=10 * DAY)
    steady = drift(seconds, generator.random(800) < 0.75, window=10 * DAY).slope.interval()
    interval = tiring.slope.interval()
    assert interval is not None
    assert steady is not None
    assert interval.is_below(0)
    assert interval.low < -0.012 < interval.high
    assert steady.low < 0 < steady.high
    values = [window.agreement.value or 0.0 for window in tiring.windows]
    assert values == sorted(values, reverse=True)


def test_no_slope_of_too_little() -> None:
    assert drift([], [], window=DAY).windows == ()
    assert drift([], [], window=DAY).slope.reason == "too few labels"
    assert drift([5, 5, 5], [1, 0, 1], window=DAY).slope.reason == "all labels were given at one time"
    two = drift([0, DAY], [1, 0], window=DAY).slope
    assert (two.value, two.reason) == (-1, "too few labels")
    # One label far from all others decides the slope alone.
    assert drift([0, 0, 0, DAY], [1, 0, 1, 0], window=DAY).slope.reason == "too few labels"
    assert (
        drift([0, DAY, 2 * DAY, 3 * DAY], [1, 1, 1, 1], window=DAY).slope.reason == "nothing varies from item to item"
    )


@settings(deadline=None)
@given(st.lists(st.floats(1, 600), min_size=1, max_size=60))
def test_pace_is_the_median_with_the_interval_of_the_sign_test(seconds: list[float]) -> None:
    found = pace(seconds)
    assert found is not None
    assert found.median.value == pytest.approx(np.median(seconds))
    assert found.lower_quartile <= np.median(seconds) <= found.upper_quartile
    reference = stats.quantile_test(seconds, p=0.5).confidence_interval(0.95)
    if np.isnan([reference.low, reference.high]).any():
        assert found.median.reason == "too few labels"
    else:
        assert (found.median.low, found.median.high) == (reference.low, reference.high)


def test_one_open_tab_does_not_move_the_pace() -> None:
    generator = np.random.default_rng(2)
    seconds = generator.lognormal(4, 0.5, size=99).tolist()
    with_lunch = pace([*seconds, 40_000.0])
    plain = pace(seconds)
    assert plain is not None
    assert with_lunch is not None
    assert with_lunch.median.value == pytest.approx(plain.median.value or 0, rel=0.05)
    assert pace([]) is None


def test_pace_covers_the_true_median() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        found = pace(generator.lognormal(3, 1, size=25))
        assert found is not None
        assert found.median.low is not None
        assert found.median.high is not None
        hits += found.median.low < np.exp(3) < found.median.high
    assert 372 <= hits <= 396
