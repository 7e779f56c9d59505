"""Agreement under three tie conventions, against hand counts, scipy and krippendorff."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from preceptor.stats import (
    Agreement,
    RankMap,
    agreement_measures,
    cluster_bootstrap,
    kendall_tau_b,
    pairwise_agreement,
    ranking_table,
)
from preceptor.stats.measure import Clusters

CLUSTERS: tuple[Clusters, ...] = ("items", "items and labelers")

rank_lists = st.integers(2, 9).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 4), min_size=size, max_size=size)] * 2)
)


def agreement(items: list[list[RankMap]]) -> Agreement:
    return pairwise_agreement(ranking_table([{f"l{i}": ranks for i, ranks in enumerate(item)} for item in items]))


def as_map(ranks: list[int]) -> dict[str, int]:
    return {f"r{i}": rank for i, rank in enumerate(ranks)}


def test_hand_counted_example() -> None:
    # a: A > B = C > D      b: A = B > D > C
    first, second = {"A": 0, "B": 1, "C": 1, "D": 2}, {"A": 0, "B": 0, "C": 2, "D": 1}
    # AB: a only orders; BC: b only orders; AC, AD, BD agree; CD disagree.
    result = agreement([[first, second]])
    assert (result.num_untied_pairs, result.num_pairs, result.num_labeler_pairs) == (4, 6, 1)
    assert result.ties_excluded == pytest.approx(3 / 4)
    assert result.tie_as_class == pytest.approx(3 / 6)
    assert result.kendall_tau_b == pytest.approx((3 - 1) / np.sqrt(5 * 5))
    # A pair that both tie is the same class, but no comparison without a tie.
    both_tied = agreement([[{"A": 0, "B": 0, "C": 1}, {"A": 0, "B": 0, "C": 2}, {"A": 0, "B": 0, "C": 0}]])
    assert (both_tied.num_untied_pairs, both_tied.ties_excluded) == (2, 1)
    assert both_tied.tie_as_class == pytest.approx((3 + 1 + 1) / 9)


@settings(deadline=None)
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
    items: list[list[RankMap]] = [[as_map(first.tolist()), as_map(second.tolist())]]
    i, j = np.triu_indices(9, k=1)
    values = np.array([np.sign(first[i] - first[j]), np.sign(second[i] - second[j])])
    alpha = krippendorff.alpha(reliability_data=values, level_of_measurement="nominal")
    counts = np.unique(values, return_counts=True)[1]
    total = counts.sum()
    expected_disagreement = 1 - (counts * (counts - 1)).sum() / (total * (total - 1))
    found = agreement(items).tie_as_class
    assert found is not None
    assert 1 - (1 - found) / expected_disagreement == pytest.approx(alpha, abs=1e-9)


def test_perfect_reversed_and_random_labelers() -> None:
    order = as_map([0, 1, 2, 3, 4])
    backwards = as_map([4, 3, 2, 1, 0])
    same, opposite = agreement([[order, order]]), agreement([[order, backwards]])
    assert (same.ties_excluded, same.tie_as_class, same.kendall_tau_b) == (1, 1, pytest.approx(1))
    assert (opposite.ties_excluded, opposite.tie_as_class, opposite.kendall_tau_b) == (0, 0, pytest.approx(-1))
    generator = np.random.default_rng(1)
    shuffled: list[list[RankMap]] = [[as_map(generator.permutation(6).tolist()) for _ in range(2)] for _ in range(2000)]
    assert agreement(shuffled).ties_excluded == pytest.approx(0.5, abs=0.015)


def test_items_and_labelers_are_pooled_by_comparison() -> None:
    long, short = as_map([0, 1, 2]), as_map([0, 1])
    result = agreement([[long, long, as_map([2, 1, 0])], [short, short]])
    # Item 1: three couples of 3 pairs, of which one couple agrees; item 2: one couple of 1 pair.
    assert result.ties_excluded == pytest.approx((3 + 0 + 0 + 1) / 10)
    assert result.kendall_tau_b == pytest.approx((1 - 1 - 1 + 1) / 4)


def test_only_responses_that_both_ranked_are_compared() -> None:
    result = agreement([[{"A": 0, "B": 1, "C": 2}, {"C": 5, "A": 3}]])
    assert (result.num_pairs, result.ties_excluded) == (1, 1.0)


def test_nothing_to_compare_is_none_not_a_number() -> None:
    alone = agreement([[as_map([0, 1])], []])
    assert (alone.ties_excluded, alone.tie_as_class, alone.kendall_tau_b) == (None, None, None)
    tied = agreement([[as_map([0, 0]), as_map([0, 0])]])
    assert (tied.ties_excluded, tied.tie_as_class, tied.kendall_tau_b) == (None, 1.0, None)
    measures = agreement_measures(ranking_table([{"l1": as_map([0, 0]), "l2": as_map([0, 1])}]), seed=0)
    assert (
        measures.ties_excluded.reason == measures.kendall_tau_b.reason == "no two responses were compared without a tie"
    )
    assert measures.tie_as_class.value == 0
    for items, reason in (([], "nothing was labeled"), ([{"l1": as_map([0, 1])}], "no item has two labels")):
        nothing = agreement_measures(ranking_table(items), seed=0)
        assert {nothing.ties_excluded.reason, nothing.tie_as_class.reason, nothing.kendall_tau_b.reason} == {reason}


def planted(num_items: int, seed: int, accuracy: float = 1.5) -> list[dict[str, RankMap]]:
    generator = np.random.default_rng(seed)
    items: list[dict[str, RankMap]] = []
    for number in range(num_items):
        truth = generator.permutation(5)
        noisy = [np.argsort(np.argsort(truth + accuracy * generator.normal(size=5))).tolist() for _ in range(2)]
        items.append({f"l{number % 7}": as_map(noisy[0]), f"l{(number + 1) % 7}": as_map(noisy[1])})
    return items


def test_intervals_hold_the_figures_and_widen_with_clusters() -> None:
    rankings = ranking_table(planted(300, 2))
    measures = agreement_measures(rankings, seed=3, clusters="items and labelers")
    figures = pairwise_agreement(rankings)
    for name in ("ties_excluded", "tie_as_class", "kendall_tau_b"):
        interval = getattr(measures, name).interval()
        assert interval.value == getattr(figures, name)
        assert interval.low < interval.value < interval.high
    interval = measures.ties_excluded.interval()
    assert interval is not None
    independent = 1.96 * np.sqrt(interval.value * (1 - interval.value) / 3000)
    assert (interval.high - interval.low) / 2 > 1.2 * independent
    assert agreement_measures(rankings, seed=3, clusters="items and labelers") == measures
    assert agreement_measures(rankings, seed=4, clusters="items and labelers") != measures


def test_interval_over_items_is_that_of_the_cluster_bootstrap() -> None:
    rankings = ranking_table(planted(200, 5))
    verdicts = [number for number, count in enumerate(rankings.concordant) for _ in range(int(count))]
    wrong = [number for number, count in enumerate(rankings.untied - rankings.concordant) for _ in range(int(count))]
    clusters = rankings.items[rankings.first][verdicts + wrong].tolist()
    expected = cluster_bootstrap([1.0] * len(verdicts) + [0.0] * len(wrong), clusters, seed=0, num_resamples=4000)
    found = agreement_measures(rankings, seed=0, num_resamples=4000).ties_excluded.interval()
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=4e-3
    )


def test_a_labeler_unlike_the_rest_widens_the_interval_over_labelers_alone() -> None:
    items = planted(400, 6, accuracy=0.5)
    for item in items:
        for labeler in item.keys() & {"l0", "l1"}:
            item[labeler] = {name: -rank for name, rank in item[labeler].items()}
    rankings = ranking_table(items)
    over_items, over_both = (
        agreement_measures(rankings, seed=0, clusters=c).ties_excluded.interval() for c in CLUSTERS
    )
    assert over_items is not None
    assert over_both is not None
    assert over_both.high - over_both.low > 3 * (over_items.high - over_items.low)


def test_perfect_agreement_is_no_certainty() -> None:
    items: list[dict[str, RankMap]] = [{"a": as_map([0, 1, 2]), "b": as_map([0, 1, 2])}] * 40
    found = agreement_measures(ranking_table(items), seed=0).ties_excluded
    assert (found.value, found.low, found.reason) == (1, None, "nothing varies from item to item")
