"""Rankings compared two by two, against scipy, the definitions written out, and the axioms of a metric."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from preceptor.stats import RankMap, by_group, by_labeler, ranking_table
from preceptor.stats.measure import Clusters
from preceptor.stats.ranking_table import COUPLES_AT_A_TIME

rank_lists = st.integers(2, 6).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, 3), min_size=size, max_size=size), min_size=2, max_size=4)
)


def as_map(ranks: list[int]) -> dict[str, int]:
    return {f"r{i}": rank for i, rank in enumerate(ranks)}


def one_item(rankings: list[list[int]]) -> dict[str, RankMap]:
    return {f"l{i}": as_map(ranks) for i, ranks in enumerate(rankings)}


def kendall_distance(first: list[int], second: list[int]) -> float:
    """Fagin et al. 2006, section 3.1, with p = 1/2, word for word, over the number of pairs."""
    penalty = 0.0
    pairs = list(combinations(range(len(first)), 2))
    for i, j in pairs:
        tied_a, tied_b = first[i] == first[j], second[i] == second[j]
        if not tied_a and not tied_b:
            penalty += (first[i] < first[j]) != (second[i] < second[j])
        elif tied_a != tied_b:
            penalty += 0.5
    return penalty / len(pairs)


def kemeny_snell(first: list[int], second: list[int]) -> float:
    """Σ_ij |a_ij − b_ij| / 2 over ordered pairs, with a_ij = 1, 0, −1 where i is preferred, tied, not preferred."""
    a, b = (np.sign(np.subtract.outer(ranks, ranks)) for ranks in (first, second))
    return float(np.abs(a - b).sum()) / 2


@settings(deadline=None)
@given(rank_lists)
def test_columns_of_every_couple(rankings: list[list[int]]) -> None:
    table = ranking_table([one_item(rankings), one_item(rankings[:2])])
    couples = [(0, a, b) for a, b in combinations(range(len(rankings)), 2)] + [(1, 0, 1)]
    place = {
        (int(item), int(labeler)): row
        for row, (item, labeler) in enumerate(zip(table.items, table.labelers, strict=True))
    }
    found = {(int(a), int(b)): number for number, (a, b) in enumerate(zip(table.first, table.second, strict=True))}
    assert len(found) == len(couples)
    for item, a, b in couples:
        number = found[place[item, a], place[item, b]]
        assert table.distance[number] == pytest.approx(kendall_distance(rankings[a], rankings[b]), abs=1e-12)
        assert table.distance[number] == pytest.approx(kemeny_snell(rankings[a], rankings[b]) / 2 / table.pairs[number])
        if len(set(rankings[a])) > 1 and len(set(rankings[b])) > 1:
            expected = stats.kendalltau(rankings[a], rankings[b], variant="b").statistic
            assert table.tau_b[number] == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(table.tau_b[number])
    tied = [np.mean([ranks[i] == ranks[j] for i, j in combinations(range(len(ranks)), 2)]) for ranks in rankings]
    np.testing.assert_allclose(table.tied[: len(rankings)], tied)


@settings(deadline=None)
@given(rank_lists.filter(lambda rankings: len(rankings) > 2))
def test_distance_is_a_metric(rankings: list[list[int]]) -> None:
    table = ranking_table([one_item(rankings[:3])])
    ab, ac, bc = table.distance
    assert ab <= ac + bc + 1e-12
    same_order = np.array_equal(*(np.sign(np.subtract.outer(r, r)) for r in rankings[:2]))
    assert (ab == 0) == same_order


def test_distance_of_reversed_tied_and_half_tied() -> None:
    order, reverse, tied = [0, 1, 2], [2, 1, 0], [0, 0, 0]
    table = ranking_table([one_item([order, reverse]), one_item([order, tied]), one_item([tied, tied])])
    np.testing.assert_allclose(table.distance, [1, 1 / 2, 0])


def test_items_of_every_size_stand_in_one_table() -> None:
    generator = np.random.default_rng(0)
    rankings = [generator.integers(0, 4, size=(3, size)).tolist() for size in (2, 9, 4, 2, 1, 4)]
    table = ranking_table([one_item(ranks) for ranks in rankings])
    alone = [ranking_table([one_item(ranks)]) for ranks in rankings]
    np.testing.assert_allclose(table.agreement_by_item(), np.concatenate([one.agreement_by_item() for one in alone]))
    # One response is no pair: nothing to compare.
    assert np.isnan(table.agreement_by_item()[4])


def test_only_responses_that_both_ranked_are_compared() -> None:
    table = ranking_table([{"a": {"A": 0, "B": 1, "C": 2}, "b": {"C": 5, "A": 3}, "c": {"D": 1}}])
    assert (len(table.first), table.pairs[0], table.distance[0]) == (1, 1, 0)


def test_agreement_of_one_ranking_with_the_rest_and_with_gold() -> None:
    order, reverse, tied = [0, 1, 2], [2, 1, 0], [0, 0, 0]
    items = [
        dict(zip(("anna", "ben", "gold"), map(as_map, (order, reverse, tied)), strict=True)),
        {"anna": as_map(order)},
    ]
    table = ranking_table(items)
    np.testing.assert_allclose(table.agreement_with_rest(), [1 / 4, 1 / 4, 1 / 2, np.nan])
    np.testing.assert_allclose(table.agreement_with("gold"), [1 / 2, 1 / 2, np.nan, np.nan])
    assert by_labeler(table, table.agreement_with("gold"))["ben"].value == 1 / 2
    groups = by_group(table, {"anna": "x", "ben": "x", "gold": "y"})
    assert (groups["x", "x"].value, groups["x", "y"].value) == (0, 1 / 2)


def test_many_labelers_of_one_item_are_compared_in_parts() -> None:
    generator = np.random.default_rng(1)
    size = 300
    assert size * (size - 1) // 2 > COUPLES_AT_A_TIME
    table = ranking_table([one_item([generator.permutation(4).tolist() for _ in range(size)])])
    assert len(table.first) == size * (size - 1) // 2
    assert table.distance.mean() == pytest.approx(0.5, abs=0.01)
    assert not np.isnan(table.tau_b).any()


def test_nothing_to_compare() -> None:
    assert ranking_table([]).why_uncompared() == "nothing was labeled"
    assert ranking_table([one_item([[0, 1]]), {}]).why_uncompared() == "no item has two labels"
    assert ranking_table([one_item([[0, 1]] * 2)]).why_uncompared() is None


@pytest.mark.parametrize("clusters", ["items", "items and labelers"])
def test_resamples_weigh_by_copies_of_items_and_labelers(clusters: Clusters) -> None:
    generator = np.random.default_rng(0)
    items = [{f"l{i}": as_map([0, 1]) for i in generator.choice(5, size=3, replace=False)} for _ in range(7)]
    table = ranking_table([*items, {"l0": as_map([0, 1])}])
    couples, rankings = generator.normal(size=(len(table.first), 2)), generator.normal(size=(len(table.items), 1))
    found = table.resampled_sums(couples, rankings, clusters=clusters, seed=3, num_resamples=4)
    generator = np.random.default_rng(3)
    for row in found:
        # The item with a single ranking is not resampled.
        times = np.append(np.bincount(generator.integers(7, size=7), minlength=7), 0)
        present = np.ones(5, dtype=int)
        if clusters == "items and labelers":
            present = np.bincount(generator.integers(5, size=5), minlength=5)
        expected = np.zeros(3)
        for number, (a, b) in enumerate(zip(table.first, table.second, strict=True)):
            copies = times[table.items[a]] * present[table.labelers[a]] * present[table.labelers[b]]
            expected[:2] += copies * couples[number]
        for number, (item, labeler) in enumerate(zip(table.items, table.labelers, strict=True)):
            expected[2] += times[item] * present[labeler] * rankings[number, 0]
        np.testing.assert_allclose(row, expected)
