"""Bradley–Terry against published estimates, statsmodels, scikit-learn and closed forms."""

from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, special
from sklearn.linear_model import LogisticRegression

from preceptor.stats import (
    accuracy,
    calibration,
    calibration_error,
    ceiling_from_agreement,
    fit_bradley_terry,
    fit_logistic,
)

TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
# Wins of the row over the column: American League East 1987 (Agresti, Categorical Data Analysis, table 10.10).
WINS = np.array([
    [0, 7, 9, 7, 7, 9, 11], [6, 0, 7, 5, 11, 9, 9], [4, 6, 0, 7, 7, 8, 12], [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12], [4, 4, 5, 6, 6, 0, 6], [2, 4, 1, 3, 1, 7, 0],
])  # fmt: skip


def test_baseball_1987() -> None:
    chosen, rejected = np.nonzero(WINS)
    strengths = fit_bradley_terry(chosen, rejected, num_items=7, weights=WINS[chosen, rejected])
    # Turner and Firth 2012, "Bradley-Terry models in R", section 1: Baltimore is the reference.
    published = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]
    np.testing.assert_allclose(strengths - strengths[-1], published, atol=5e-5)
    assert strengths.sum() == pytest.approx(0, abs=1e-9)


def test_two_items_are_the_log_odds() -> None:
    strengths = fit_bradley_terry([0] * 30 + [1] * 10, [1] * 30 + [0] * 10, num_items=2)
    assert strengths[0] - strengths[1] == pytest.approx(np.log(3), abs=1e-9)


def test_items_are_a_logistic_regression_of_statsmodels() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(size=6)
    pairs = np.array([generator.choice(6, size=2, replace=False) for _ in range(500)])
    wins = generator.random(500) < special.expit(true[pairs[:, 0]] - true[pairs[:, 1]])
    chosen, rejected = np.where(wins, pairs[:, 0], pairs[:, 1]), np.where(wins, pairs[:, 1], pairs[:, 0])
    ours = fit_bradley_terry(chosen, rejected, num_items=6)
    design = np.eye(6)[pairs[:, 0]] - np.eye(6)[pairs[:, 1]]
    theirs = sm.GLM(wins.astype(float), design[:, 1:], family=sm.families.Binomial()).fit(tol=1e-12).params
    np.testing.assert_allclose(ours[1:] - ours[0], theirs, atol=1e-6)


def test_an_unbeaten_item_needs_a_penalty() -> None:
    with pytest.raises(ValueError, match="l2"):
        fit_bradley_terry([0, 1], [1, 2], num_items=3)
    strengths = fit_bradley_terry([0, 1], [1, 2], num_items=3, l2=0.1)
    assert strengths[0] > strengths[1] > strengths[2]
    # Stationary point of the penalised likelihood: misses balance l2 · s.
    assert special.expit(strengths[1] - strengths[0]) == pytest.approx(0.1 * strengths[0], abs=1e-8)
    with pytest.raises(ValueError, match="indices"):
        fit_bradley_terry([0], [3], num_items=3)


def test_strong_penalty_and_large_gaps_converge() -> None:
    chosen = [0] * 100_000 + [1]
    rejected = [1] * 100_000 + [0]
    strengths = fit_bradley_terry(chosen, rejected, num_items=2)
    assert strengths[0] - strengths[1] == pytest.approx(np.log(1e5), abs=1e-6)
    assert np.abs(fit_bradley_terry(chosen, rejected, num_items=2, l2=1e9)).max() < 1e-3


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csr_array], ids=["dense", "matrix", "array"])
def test_features_are_a_logistic_regression_of_sklearn(make) -> None:
    generator = np.random.default_rng(1)
    differences = generator.normal(size=(300, 8))
    keep = generator.random(300) < special.expit(differences @ generator.normal(size=8))
    differences[~keep] *= -1
    ours = fit_logistic(make(differences), l2=2.0)
    model = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-12, max_iter=10_000)
    model.fit(np.vstack([differences, -differences]), np.array([1] * 300 + [0] * 300), sample_weight=[0.5] * 600)
    np.testing.assert_allclose(ours, model.coef_[0], atol=1e-5)


def test_one_feature_has_a_closed_form() -> None:
    # 30 of 40 pairs prefer the response with the feature; with little penalty σ(w) = 3/4.
    weights = fit_logistic(np.array([[1.0]] * 30 + [[-1.0]] * 10), l2=1e-9)
    assert weights[0] == pytest.approx(np.log(3), abs=1e-5)
    weighted = fit_logistic(np.array([[1.0], [-1.0]]), l2=1e-9, weights=[30, 10])
    assert weighted[0] == pytest.approx(weights[0], abs=1e-5)


def test_features_of_no_use_get_no_weight_and_bad_input_is_refused() -> None:
    differences = np.random.default_rng(2).normal(size=(4000, 3))
    shuffled = differences * np.random.default_rng(3).choice([-1, 1], size=(4000, 1))
    assert np.abs(fit_logistic(shuffled, l2=1.0)).max() < 0.15
    with pytest.raises(ValueError, match="l2"):
        fit_logistic(differences, l2=0)
    with pytest.raises(ValueError, match="rows"):
        fit_logistic(np.zeros((0, 3)), l2=1)


def test_accuracy_counts_a_zero_margin_as_half() -> None:
    assert accuracy([2.0, -1.0, 0.0, 3.0]) == pytest.approx(2.5 / 4)
    assert accuracy([2.0, -1.0], weights=[3, 1]) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="pairs"):
        accuracy([])


def test_calibration_of_a_true_model_and_of_a_boastful_one() -> None:
    generator = np.random.default_rng(4)
    true = generator.normal(0, 2, size=20_000)
    margins = np.where(generator.random(20_000) < special.expit(true), true, -true)
    bins = calibration(margins, num_bins=8)
    assert sum(bin_.num_pairs for bin_ in bins) == 20_000
    assert all(earlier.high <= later.low for earlier, later in pairwise(bins))
    assert sum(bin_.observed.low <= bin_.expected <= bin_.observed.high for bin_ in bins) >= 6
    assert calibration_error(bins) < 0.01
    assert calibration_error(calibration(4 * margins, num_bins=8)) > 0.08


def test_calibration_of_one_bin_by_hand() -> None:
    (only,) = calibration([np.log(3), -np.log(3), np.log(3), np.log(3)], num_bins=1)
    assert (only.expected, only.observed.value) == (pytest.approx(0.75), 0.75)
    assert calibration_error([only]) == pytest.approx(0, abs=1e-12)
    assert len(calibration([1.0, 2.0], num_bins=10)) == 2
    with pytest.raises(ValueError, match="finite"):
        calibration([np.nan])
    with pytest.raises(ValueError, match="bins"):
        calibration_error([])


@given(st.floats(0.5, 1))
def test_ceiling_solves_the_agreement_of_two_noisy_labelers(ceiling: float) -> None:
    assert ceiling_from_agreement(ceiling**2 + (1 - ceiling) ** 2) == pytest.approx(ceiling, abs=1e-7)


def test_ceilings_of_the_paper() -> None:
    # 72.6 % and 77.3 % agreement (Ouyang et al. 2022, section 3.4): flip rates .164 and .131.
    assert ceiling_from_agreement(0.726) == pytest.approx(0.836, abs=5e-4)
    assert ceiling_from_agreement(0.773) == pytest.approx(0.869, abs=5e-4)
    assert ceiling_from_agreement(0.5) == ceiling_from_agreement(0.3) == 0.5
    assert ceiling_from_agreement(1.0) == 1.0
    with pytest.raises(ValueError, match="share"):
        ceiling_from_agreement(72.6)


def test_ceiling_bounds_labelers_who_are_surer_of_some_pairs() -> None:
    chance = special.expit(2.34 * np.random.default_rng(5).normal(size=200_000))
    agreement = float(np.mean(chance**2 + (1 - chance) ** 2))
    best = float(np.mean(np.maximum(chance, 1 - chance)))
    assert agreement == pytest.approx(0.726, abs=0.003)
    assert best == pytest.approx(0.801, abs=0.003)
    assert best < ceiling_from_agreement(agreement)
