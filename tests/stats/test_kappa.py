"""Cohen's κ, Fleiss' κ and AC1 against published examples, statsmodels, identities and what each is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as reference_fleiss

from preceptor.stats import LabelTable, Measure, cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha, label_table
from preceptor.stats.kappa import Weights
from preceptor.stats.measure import Clusters
from tests.stats.judgements import (
    ABSTRACTORS,
    FLEISS,
    KRIPPENDORFF,
    from_contingency,
    from_counts,
    from_rows,
    noisy,
    tables,
)

contingencies = st.integers(2, 5).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, 6), min_size=size, max_size=size), min_size=size, max_size=size)
)


CLUSTERS: tuple[Clusters, ...] = ("items", "items and labelers")


def value(measure: Measure) -> float:
    assert measure.value is not None
    return measure.value


def width(measure: Measure) -> float:
    assert measure.low is not None
    assert measure.high is not None
    return measure.high - measure.low


def test_example_of_fleiss_1971() -> None:
    table = from_counts([[int(digit) for digit in row] for row in FLEISS.split()])
    # The paper prints .430; the R package irr 0.4302445.
    assert value(fleiss_kappa(table, seed=0)) == pytest.approx(0.4302445, abs=1e-7)


def test_example_of_cohen_1960() -> None:
    # Table 1 of the paper as counts of 200: p_o = .70, p_c = .41, κ = .492.
    table = from_contingency([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    found = cohen_kappa(table, "l0", "l1", seed=0)
    assert value(found) == pytest.approx(0.29 / 0.59, abs=1e-12)
    assert found.low is not None
    assert found.low < 0.492 < value(found) + 0.2


def test_examples_of_gwet_2014() -> None:
    table = from_contingency(ABSTRACTORS)
    assert value(cohen_kappa(table, "l0", "l1", seed=0)) == pytest.approx(0.7964094, abs=1e-7)
    assert value(gwet_ac1(table, seed=0)) == pytest.approx(0.8493305, abs=1e-7)
    # With missing labels; the single label of item 12 counts in the shares.
    missing = from_rows(KRIPPENDORFF, scale=range(1, 6))
    assert value(gwet_ac1(missing, seed=0)) == pytest.approx(0.77544, abs=5e-6)
    assert value(fleiss_kappa(missing, seed=0)) == pytest.approx(0.76117, abs=5e-6)


@settings(deadline=None)
@given(contingencies, st.sampled_from(["equal", "linear", "quadratic"]))
def test_cohen_is_that_of_statsmodels(counts: list[list[int]], weights: Weights) -> None:
    table = np.array(counts)
    chance = np.outer(table.sum(1), table.sum(0))
    found = (
        None
        if not table.any()
        else cohen_kappa(from_contingency(counts), "l0", "l1", seed=0, weights=weights, num_resamples=20)
    )
    if found is None or not chance[~np.eye(len(table), dtype=bool)].any():
        assert found is None or found.reason == "all labelers gave the same value"
        return
    reference = cohens_kappa(table, wt=None if weights == "equal" else weights, return_results=False)
    assert value(found) == pytest.approx(float(reference), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=2, max_size=9))
def test_fleiss_is_that_of_statsmodels_where_all_items_have_as_many_labels(rows: list[list[int]]) -> None:
    counts = [[row.count(value) for value in range(3)] for row in rows]
    found = fleiss_kappa(from_counts(counts), seed=0, num_resamples=20)
    if len({value for row in rows for value in row}) == 1:
        assert found == Measure(reason="all labelers gave the same value")
    else:
        assert value(found) == pytest.approx(float(reference_fleiss(np.array(counts))), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=2, max_size=9))
def test_fleiss_and_alpha_differ_by_the_small_sample_correction(rows: list[list[int]]) -> None:
    table = from_counts([[row.count(value) for value in range(3)] for row in rows])
    fleiss, alpha = (
        fleiss_kappa(table, seed=0, num_resamples=2),
        krippendorff_alpha(table, "nominal", seed=0, num_resamples=2),
    )
    if fleiss.value is not None:
        size = 4 * len(rows)
        assert value(alpha) == pytest.approx(1 - (1 - fleiss.value) * (size - 1) / size, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(tables, st.randoms(use_true_random=False))
def test_names_of_labelers_items_and_order_say_nothing(table: LabelTable, random: np.random.Generator) -> None:
    rows = list(zip(table.items.tolist(), table.labelers.tolist(), table.values.tolist(), strict=True))
    random.shuffle(rows)
    others = label_table(
        [f"i{9 - item}" for item, _, _ in rows], [f"x{9 - labeler}" for _, labeler, _ in rows],
        [given for _, _, given in rows], scale=table.scale,
    )  # fmt: skip
    for coefficient in (fleiss_kappa, gwet_ac1):
        one, other = (coefficient(each, seed=0, num_resamples=2).value for each in (table, others))
        assert (one is None) == (other is None)
        assert one is None or one == pytest.approx(other, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(tables)
def test_every_table_has_a_figure_or_a_reason(table: LabelTable) -> None:
    counts = table.counts()
    compared = counts[counts.sum(axis=1) > 1]
    for measure in (
        fleiss_kappa(table, seed=0, num_resamples=30),
        gwet_ac1(table, seed=0, num_resamples=30, clusters="items and labelers"),
        krippendorff_alpha(table, "ordinal", seed=0, num_resamples=30),
    ):
        assert (measure.value is not None) == ((compared.sum(axis=0) > 0).sum() > 1)
        assert measure.value is None or measure.value <= 1 + 1e-12


def test_perfect_and_independent_labelers() -> None:
    perfect = noisy(0, num_items=500, num_labelers=6, overlap=3, accuracy=1, scale=3)
    alone = noisy(1, num_items=4000, num_labelers=6, overlap=3, accuracy=0, scale=3, share=0.7)
    for coefficient in (fleiss_kappa, gwet_ac1):
        found = coefficient(perfect, seed=0)
        assert (found.value, found.reason) == (pytest.approx(1), "nothing varies from item to item")
    assert value(fleiss_kappa(alone, seed=0)) == pytest.approx(0, abs=0.03)
    assert value(cohen_kappa(alone, "l0", "l1", seed=0)) == pytest.approx(0, abs=0.1)
    # AC1's chance is another one: with skewed shares it says more than 0 of labels by lot.
    assert value(gwet_ac1(alone, seed=0)) > 0.2


def test_a_rare_flag_is_what_ac1_is_for() -> None:
    # 95 % of the couples agree in both: with a flag on half of the items, and with one on nearly none.
    half, rare = from_contingency([[475, 25], [25, 475]]), from_contingency([[950, 25], [25, 0]])
    assert value(fleiss_kappa(half, seed=0)) == pytest.approx(0.9, abs=1e-9)
    assert value(gwet_ac1(half, seed=0)) == pytest.approx(0.9, abs=1e-9)
    assert value(fleiss_kappa(rare, seed=0)) < 0
    assert value(cohen_kappa(rare, "l0", "l1", seed=0)) < 0
    assert value(gwet_ac1(rare, seed=0)) > 0.94


def test_reasons() -> None:
    nothing, single = from_rows([[]], scale=(0, 1)), from_rows([[0, 1, None], [None, None, 1]], scale=(0, 1))
    # The third item's single label is another value, but nobody could disagree about it.
    unanimous = from_rows([[0, 0, 1], [0, 0, None]], scale=(0, 1))
    for coefficient in (fleiss_kappa, gwet_ac1):
        assert coefficient(nothing, seed=0) == Measure(reason="nothing was labeled")
        assert coefficient(single, seed=0) == Measure(reason="no item has two labels")
        assert coefficient(unanimous, seed=0) == Measure(reason="all labelers gave the same value")
    assert cohen_kappa(single, "l0", "l1", seed=0) == Measure(reason="the two labelers share no item")
    assert cohen_kappa(unanimous, "l0", "l1", seed=0) == Measure(reason="all labelers gave the same value")
    with pytest.raises(ValueError):
        cohen_kappa(single, "l0", "somebody", seed=0)


def test_an_interval_of_two_items_or_two_labelers_is_refused() -> None:
    two_items = fleiss_kappa(from_rows([[0, 1], [0, 1]], scale=(0, 1)), seed=0)
    assert (two_items.value, two_items.reason) == (1, "too few items or labelers to resample")
    labels = noisy(3, num_items=200, num_labelers=2, overlap=2, accuracy=0.8)
    over_labelers = fleiss_kappa(labels, seed=0, clusters="items and labelers")
    assert over_labelers.reason == "too few items or labelers to resample"
    assert fleiss_kappa(labels, seed=0).reason is None


def test_interval_over_items_covers() -> None:
    truth = value(fleiss_kappa(noisy(99, num_items=20_000, num_labelers=9, overlap=3, accuracy=0.7), seed=0))
    hits = 0
    for seed in range(100):
        table = noisy(seed, num_items=80, num_labelers=9, overlap=3, accuracy=0.7)
        found = fleiss_kappa(table, seed=seed, num_resamples=200)
        assert found.low is not None
        assert found.high is not None
        hits += found.low < truth < found.high
    assert 88 <= hits <= 99


def test_interval_widens_where_labelers_differ() -> None:
    careful = noisy(4, num_items=600, num_labelers=4, overlap=3, accuracy=0.95)
    careless = noisy(5, num_items=600, num_labelers=4, overlap=3, accuracy=0.2)
    # Four careful and four careless labelers, who meet only among themselves.
    mixed = label_table(
        [*careful.items.tolist(), *(600 + careless.items).tolist()],
        [*careful.labelers.tolist(), *(4 + careless.labelers).tolist()],
        [*careful.values.tolist(), *careless.values.tolist()],
        scale=(0, 1),
    )
    alike = noisy(6, num_items=1200, num_labelers=8, overlap=3, accuracy=0.6)
    gains = []
    for table in (mixed, alike):
        items, both = (fleiss_kappa(table, seed=0, clusters=clusters) for clusters in CLUSTERS)
        assert items.value == both.value
        gains.append(width(both) / width(items))
    assert gains[0] > 6
    assert gains[1] < 3


def test_kinds_of_items_are_resampled_as_the_items_themselves_are() -> None:
    table = noisy(7, num_items=300, num_labelers=5, overlap=3, accuracy=0.6, scale=3)
    counts = table.counts()
    generator = np.random.default_rng(0)
    drawn = [counts[generator.integers(300, size=300)] for _ in range(2000)]
    low, high = np.quantile([reference_fleiss(rows) for rows in drawn], [0.025, 0.975])
    found = fleiss_kappa(table, seed=0, num_resamples=2000)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_same_seed_same_interval_and_another_seed_another() -> None:
    table = noisy(8, num_items=50, num_labelers=6, overlap=3, accuracy=0.6)
    for clusters in CLUSTERS:
        once = fleiss_kappa(table, seed=1, clusters=clusters)
        assert once == fleiss_kappa(table, seed=1, clusters=clusters)
        assert once != fleiss_kappa(table, seed=2, clusters=clusters)
