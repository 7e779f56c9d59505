"""Over-optimisation: found where proxy rises and truth falls, and nowhere else."""

import numpy as np
import pytest

from preceptor.evals import OptimizationPoint, detect_overoptimization


def points(
    proxy: list[float], gold: list[float] | None = None, heldout: list[float] | None = None
) -> list[OptimizationPoint]:
    return [
        OptimizationPoint(
            step=10 * i,
            kl=float(i * i),
            proxy=value,
            gold=None if gold is None else gold[i],
            heldout=None if heldout is None else heldout[i],
        )
        for i, value in enumerate(proxy)
    ]


RISING = np.linspace(-0.1, 1.1, 9).tolist()
HILL = [0.70, 0.75, 0.79, 0.82, 0.81, 0.77, 0.72, 0.67, 0.62]


def test_found_with_its_step_and_in_words() -> None:
    found = detect_overoptimization(points(RISING, HILL))
    assert found.since == 30
    assert found.message.startswith("Over-optimised since step 30: the proxy reward rose from")
    assert "gold utility fell from 0.81 to 0.65" in found.message
    assert found.measured_by == "gold utility"


def test_order_of_points_does_not_matter() -> None:
    assert detect_overoptimization(points(RISING, HILL)[::-1]) == detect_overoptimization(points(RISING, HILL))


@pytest.mark.parametrize(
    ("proxy", "gold"),
    [
        (RISING, np.linspace(0.5, 0.8, 9).tolist()),  # both rise
        (RISING, [0.8] * 9),  # truth stands still
        (np.linspace(1, 0, 9).tolist(), HILL),  # the proxy falls too: training is broken, not over-optimised
        (RISING, [0.80, 0.82, 0.79, 0.81, 0.80, 0.82, 0.80, 0.79, 0.81]),  # noise
    ],
)
def test_not_found_elsewhere(proxy: list[float], gold: list[float]) -> None:
    found = detect_overoptimization(points(proxy, gold))
    assert found.since is None
    assert found.message.startswith("No over-optimisation seen")


def test_heldout_reward_stands_in_for_an_unknown_truth() -> None:
    found = detect_overoptimization(points(RISING, heldout=HILL))
    assert found.since == 30
    assert "held-out reward fell" in found.message


def test_without_truth_or_with_few_points_it_says_so() -> None:
    for row in ([], points(RISING), points(RISING[:3], HILL[:3])):
        found = detect_overoptimization(row)
        assert found.since is None
        assert "cannot be judged" in found.message


def test_flat_noise_is_rarely_blamed_and_a_fall_nearly_always_found() -> None:
    generator = np.random.default_rng(0)
    proxy = np.linspace(0, 1, 12).tolist()
    hill = np.concatenate([np.linspace(0.5, 0.8, 5), np.linspace(0.78, 0.5, 7)])

    def share(truth: np.ndarray) -> float:
        runs = [truth + generator.normal(0, 0.02, 12) for _ in range(300)]
        return float(np.mean([detect_overoptimization(points(proxy, run.tolist())).since is not None for run in runs]))

    assert share(np.full(12, 0.8)) < 0.04
    assert share(hill) > 0.95


def test_a_known_error_replaces_the_estimate() -> None:
    assert detect_overoptimization(points(RISING, HILL), error=0.5).since is None


def test_sqrt_kl_of_a_slightly_negative_estimate_is_zero() -> None:
    assert OptimizationPoint(0, -1e-4, 0.0).sqrt_kl == 0.0
    assert OptimizationPoint(0, 9.0, 0.0).sqrt_kl == 3.0
