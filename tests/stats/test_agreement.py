"""Agreement under three tie conventions, against hand counts, scipy and krippendorff."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from preceptor.stats import agreement_interval, kendall_tau_b, pairwise_agreement

rank_lists = st.integers(2, 9).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 4), min_size=size, max_size=size)] * 2)
)


def as_map(ranks: list[int]) -> dict[str, int]:
    return {f"r{i}": rank for i, rank in enumerate(ranks)}


def test_hand_counted_example() -> None:
    # a: A > B = C > D      b: A = B > D > C
    first, second = {"A": 0, "B": 1, "C": 1, "D": 2}, {"A": 0, "B": 0, "C": 2, "D": 1}
    # AB: a only orders; BC: b only orders; AC, AD, BD agree; CD disagree.
    result = pairwise_agreement([[first, second]])
    assert (result.num_untied_pairs, result.num_pairs, result.num_labeler_pairs) == (4, 6, 1)
    assert result.ties_excluded == pytest.approx(3 / 4)
    assert result.tie_as_class == pytest.approx(3 / 6)
    assert result.kendall_tau_b == pytest.approx((3 - 1) / np.sqrt(5 * 5))


@given(rank_lists)
def test_tau_b_is_that_of_scipy(ranks: tuple[list[int], list[int]]) -> None:
    first, second = ranks
    ours = kendall_tau_b(as_map(first), as_map(second))
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert ours is None
    else:
        assert ours == pytest.approx(stats.kendalltau(first, second, variant="b").statistic, abs=1e-9)


def test_tie_as_class_gives_krippendorffs_alpha() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 4, size=(2, 9))
    items = [[as_map(first.tolist()), as_map(second.tolist())]]
    i, j = np.triu_indices(9, k=1)
    values = np.array([np.sign(first[i] - first[j]), np.sign(second[i] - second[j])])
    alpha = krippendorff.alpha(reliability_data=values, level_of_measurement="nominal")
    counts = np.unique(values, return_counts=True)[1]
    total = counts.sum()
    expected_disagreement = 1 - (counts * (counts - 1)).sum() / (total * (total - 1))
    agreement = pairwise_agreement(items).tie_as_class
    assert agreement is not None
    assert 1 - (1 - agreement) / expected_disagreement == pytest.approx(alpha, abs=1e-9)


def test_perfect_reversed_and_random_labelers() -> None:
    order = as_map([0, 1, 2, 3, 4])
    backwards = as_map([4, 3, 2, 1, 0])
    same, opposite = pairwise_agreement([[order, order]]), pairwise_agreement([[order, backwards]])
    assert (same.ties_excluded, same.tie_as_class, same.kendall_tau_b) == (1, 1, pytest.approx(1))
    assert (opposite.ties_excluded, opposite.tie_as_class, opposite.kendall_tau_b) == (0, 0, pytest.approx(-1))
    generator = np.random.default_rng(1)
    shuffled = [[as_map(generator.permutation(6).tolist()) for _ in range(2)] for _ in range(2000)]
    assert pairwise_agreement(shuffled).ties_excluded == pytest.approx(0.5, abs=0.015)


def test_items_and_labelers_are_pooled_by_comparison() -> None:
    long, short = as_map([0, 1, 2]), as_map([0, 1])
    result = pairwise_agreement([[long, long, as_map([2, 1, 0])], [short, short]])
    # Item 1: three couples of 3 pairs, of which one couple agrees; item 2: one couple of 1 pair.
    assert result.ties_excluded == pytest.approx((3 + 0 + 0 + 1) / 10)
    assert result.kendall_tau_b == pytest.approx((1 - 1 - 1 + 1) / 4)


def test_only_responses_that_both_ranked_are_compared() -> None:
    result = pairwise_agreement([[{"A": 0, "B": 1, "C": 2}, {"C": 5, "A": 3}]])
    assert (result.num_pairs, result.ties_excluded) == (1, 1.0)


def test_nothing_to_compare_is_none_not_a_number() -> None:
    alone = pairwise_agreement([[as_map([0, 1])], []])
    assert (alone.ties_excluded, alone.tie_as_class, alone.kendall_tau_b) == (None, None, None)
    tied = pairwise_agreement([[as_map([0, 0]), as_map([0, 0])]])
    assert (tied.ties_excluded, tied.tie_as_class, tied.kendall_tau_b) == (None, 1.0, None)
    with pytest.raises(ValueError, match="without a tie"):
        agreement_interval([{"l1": as_map([0, 0]), "l2": as_map([0, 1])}], seed=0)


def test_interval_holds_the_estimate_and_widens_with_clusters() -> None:
    generator = np.random.default_rng(2)
    items = []
    for number in range(300):
        truth = generator.permutation(5)
        noisy = [np.argsort(np.argsort(truth + 1.5 * generator.normal(size=5))).tolist() for _ in range(2)]
        items.append({f"l{number % 7}": as_map(noisy[0]), f"l{(number + 1) % 7}": as_map(noisy[1])})
    interval = agreement_interval(items, seed=3)
    pooled = pairwise_agreement([list(item.values()) for item in items]).ties_excluded
    assert interval.value == pytest.approx(pooled, abs=1e-12)
    assert interval.low < interval.value < interval.high
    independent = 1.96 * np.sqrt(interval.value * (1 - interval.value) / 3000)
    assert (interval.high - interval.low) / 2 > 1.2 * independent
    assert agreement_interval(items, seed=3) == interval
