"""A measure is a figure with its interval, or the reason why there is none."""

import numpy as np
import pytest

from preceptor.stats import Measure, wilson_interval
from preceptor.stats.measure import bootstrap_measure, mean_share, ratio, ratios


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"value": 1.0},
        {"value": 1.0, "low": 0.5, "reason": "too few labels"},
        {"value": 1.0, "low": 0.5, "high": 1.0, "reason": "too few labels"},
        {"low": 0.5, "high": 1.0},
        {"value": float("nan"), "reason": "too few labels"},
        {"value": 1.0, "low": 0.5, "high": float("inf")},
    ],
)
def test_no_other_state_exists(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no measure"):
        Measure(**fields)  # type: ignore[arg-type]


def test_as_an_interval() -> None:
    assert Measure(reason="too few labels").interval() is None
    whole = Measure(0.5, 0.4, 0.6).interval()
    assert whole is not None
    assert (whole.value, whole.low, whole.high) == (0.5, 0.4, 0.6)
    bare = Measure(0.5, reason="too few labels").interval()
    assert bare is not None
    assert np.isnan([bare.low, bare.high]).all()


def test_percentiles_of_the_resamples_that_are_defined() -> None:
    resamples = np.linspace(0, 1, 1001)
    found = bootstrap_measure(0.3, np.concatenate([resamples, [np.nan] * 40]), confidence=0.9)
    assert (found.value, found.low, found.high) == (0.3, pytest.approx(0.05), pytest.approx(0.95))
    undefined = bootstrap_measure(0.3, np.concatenate([resamples, [np.nan] * 200]), confidence=0.9)
    assert (undefined.value, undefined.low, undefined.reason) == (0.3, None, "too few items or labelers to resample")


def test_resamples_that_are_all_alike_are_no_certainty() -> None:
    assert bootstrap_measure(1.0, np.ones(100), confidence=0.95).reason == "nothing varies from item to item"


def test_shares_have_wilsons_interval_over_items() -> None:
    found, wilson = mean_share([1, 0.5, np.nan, 1, 1], empty="too few labels"), wilson_interval(3.5, 4)
    assert (found.value, found.low, found.high) == (wilson.value, wilson.low, wilson.high)
    perfect = mean_share(np.ones(20), empty="too few labels")
    assert perfect.low is not None
    assert 0.8 < perfect.low < perfect.high == perfect.value == 1.0
    assert mean_share([np.nan], empty="too few labels") == Measure(reason="too few labels")


def test_wilsons_interval_of_shares_covers_their_mean() -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        found = mean_share(generator.beta(2, 1, size=30), empty="too few labels")
        assert found.low is not None
        assert found.high is not None
        hits += found.low < 2 / 3 < found.high
    assert hits >= 380


def test_ratios_of_nothing() -> None:
    assert ratio(1, 4) == 0.25
    assert np.isnan(ratio(0, 1e-17))
    np.testing.assert_array_equal(ratios([1, 1], [2, 0]), [0.5, np.nan])
